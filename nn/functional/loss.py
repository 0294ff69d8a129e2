"""Losses. B batch, C classes; `reduction` is "mean" (of all elements), "sum" or "none"."""

from __future__ import annotations

import math
import warnings
from typing import Any

import minigrad as mg
from minigrad import Tensor, byhand

from ..arguments import as_number, as_probability, check_one_dtype
from ..checked import checked
from .activation import logsigmoid
from .checks import (
    check_broadcasts,
    check_floats,
    check_nothing_ignored,
    check_reduction,
    check_same_shape,
    check_targets,
    checked_difference,
    class_dim,
    real_difference,
    reduction_of,
    refuse_weight,
)


@checked
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: None = None,
) -> Tensor:
    """(x - y)²: input x and target y of one shape."""
    reduction = reduction_of("mse_loss", reduction, size_average, reduce)
    refuse_weight("mse_loss", weight)
    difference = real_difference("mse_loss", input, target)
    return reduced(mg.square(difference), reduction)


@checked
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: None = None,
) -> Tensor:
    """|x - y|: input x and target y of one shape."""
    reduction = reduction_of("l1_loss", reduction, size_average, reduce)
    refuse_weight("l1_loss", weight)
    difference = checked_difference("l1_loss", input, target)
    return reduced(mg.abs(difference), reduction)


@checked
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: None = None,
) -> Tensor:
    """½ d² where d = |x - y| < delta, else delta (d - ½ delta)    (Huber 1964)."""
    check_reduction("huber_loss", reduction)
    refuse_weight("huber_loss", weight)
    if not delta > 0:
        raise ValueError(f"huber_loss: expected delta above 0, got {delta}")
    d = mg.abs(real_difference("huber_loss", input, target))
    near = d.clamp(max=delta)
    losses = near * (d - 0.5 * near)
    if input.dtype.kind == "f":
        losses = losses.to(input.dtype)  # as in PyTorch; its other losses promote
    return reduced(losses, reduction)


@checked
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """½ d² / beta where d = |x - y| < beta, else d - ½ beta    (Girshick 2015)."""
    reduction = reduction_of("smooth_l1_loss", reduction, size_average, reduce)
    d = mg.abs(real_difference("smooth_l1_loss", input, target))
    beta = as_number("smooth_l1_loss", "beta", beta)
    if not beta >= 0:
        raise ValueError(f"smooth_l1_loss: expected beta of at least 0, got {beta}")
    if beta == 0:
        return reduced(d, reduction)
    near = d.clamp(max=beta)
    return reduced(near / beta * (d - 0.5 * near), reduction)


@checked
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """y (log y - x): input x log-probabilities, target y probabilities of its shape; NaN for y < 0.

    log_target: y is given as its logarithm. reduction "batchmean" divides the sum by the first
    size, which is the divergence of Kullback & Leibler 1951; "mean" divides by all, and warns.
    """
    check_reduction("kl_div", reduction, "batchmean")
    if reduction == "batchmean":
        size = max(input.shape[0], 1) if input.ndim else 1
        return kl_div(input, target, reduction="sum", log_target=log_target) / size
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "kl_div: reduction='mean' divides by the number of all elements; the divergence of a "
            "batch is reduction='batchmean'",
            stacklevel=3,
        )
    reduction = reduction_of("kl_div", reduction, size_average, reduce)
    check_same_shape("kl_div", input, target)
    if log_target:
        return reduced(mg.exp(target) * (target - input), reduction)
    logarithm = mg.log(mg.where(target == 0, 1.0, target))  # 0 log 0 = 0
    return reduced(target * logarithm - target * input, reduction)


@checked
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -y (a - b) + margin): y is 1 where input a should be the larger one, else -1."""
    reduction = reduction_of("margin_ranking_loss", reduction, size_average, reduce)
    check_same_shape("margin_ranking_loss", input1, input2)
    check_same_shape("margin_ranking_loss", input1, target)
    losses = -target * (input1 - input2) + margin
    return reduced(losses.clamp(min=0.0), reduction)


SMALLEST_VARIANCE = 1e-12  # of x (1 - x), by which binary_cross_entropy divides


@checked
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-w (y log x + (1 - y) log(1 - x)): input x and target y in [0, 1] of one shape.

    Each logarithm is at least -100, and ∂x = w (x - y) / max(x (1 - x), 1e-12), as in PyTorch.
    weight w, 1 by default, broadcasts to that shape. Raises ValueError if an x is outside [0, 1],
    as a logit may be: for those there is `binary_cross_entropy_with_logits`, which also has the
    better gradient.
    """
    name = "binary_cross_entropy"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_same_shape(name, input, target)
    check_one_dtype(name, input=input, target=target)
    check_broadcasts(name, input, weight=weight)
    check_between_0_and_1(
        name,
        "input",
        input,
        "; apply a sigmoid, or give logits to binary_cross_entropy_with_logits",
    )
    check_between_0_and_1(name, "target", target)
    is_inside = input * (1 - input) >= SMALLEST_VARIANCE
    losses = log_loss(mg.where(is_inside, input, 0.5), target)
    if not is_inside.all():
        losses = mg.where(is_inside, losses, log_loss_at_the_edge(input, target))
    if weight is not None:
        losses = (losses * weight).to(input.dtype)
    return reduced(losses, reduction)


def check_between_0_and_1(name: str, key: str, x: Tensor, way_out: str = "") -> None:
    """Raise ValueError if a number is outside [0, 1], or NaN."""
    is_outside = mg.logical_not(mg.logical_and(x >= 0, x <= 1))
    if mg.any(is_outside):
        found = x[is_outside][0].item()
        raise ValueError(f"{name}: expected {key} between 0 and 1, got {found}{way_out}")


def log_loss(x: Tensor, y: Tensor) -> Tensor:
    """-(y log x + (1 - y) log(1 - x)), for x inside (0, 1)."""
    return -(y * mg.log(x) + (1 - y) * mg.log(1 - x))


def log_loss_at_the_edge(x: Tensor, y: Tensor) -> Tensor:
    """`log_loss` next to 0 and 1, where its gradient no longer grows."""
    constant = x.detach()
    losses = -(y * bounded_log(constant) + (1 - y) * bounded_log(1 - constant))
    slope = (constant - y.detach()) / SMALLEST_VARIANCE
    return losses + slope * (x - constant)


def bounded_log(x: Tensor) -> Tensor:
    """log x, at least -100."""
    is_small = x < math.exp(-100)
    return mg.where(is_small, -100.0, mg.log(mg.where(is_small, 1.0, x)))


@checked
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-w (p y log σ(x) + (1 - y) log(1 - σ(x))): input x and target y in [0, 1] of one shape.

    weight w and pos_weight p, 1 by default, broadcast to that shape.
    """
    name = "binary_cross_entropy_with_logits"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_same_shape(name, input, target)
    check_broadcasts(name, input, weight=weight, pos_weight=pos_weight)
    positive = logsigmoid(input)
    if pos_weight is not None:
        positive = pos_weight * positive
    losses = -(target * positive + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    if target.dtype.kind == "f":
        losses = losses.to(target.dtype)  # in which PyTorch computes
    return reduced(losses, reduction)


@checked
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-w_y x_y: input (B, C, ...) log-probabilities, target (B, ...) classes y; or (C,) and ().

    weight (C,): w. A target of `ignore_index` counts for nothing. "mean" divides by the sum of the
    w_y.
    """
    reduction = reduction_of("nll_loss", reduction, size_average, reduce)
    dim = class_dim("nll_loss", input, weight)
    check_targets("nll_loss", input, target)
    rows, classes = one_class_a_row(input, target, dim)
    if weight is None:
        value = byhand.nll_loss(rows, classes, ignore_index=ignore_index, reduction=reduction)
        return value.reshape(target.shape) if reduction == "none" else value
    losses = byhand.nll_loss(rows, classes, ignore_index=ignore_index).reshape(target.shape)
    weights = target_weights(input, target, weight, ignore_index)  # (B,...)
    return reduced_by_weight(weights * losses, weights, reduction)


@checked
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-Σ_c w_c q_c log softmax(x)_c: input x (B, C, ...) or (C,).

    target: classes y (B, ...) or (), where q is 1 at y and 0 elsewhere; or the probabilities q, as
    x. label_smoothing s makes of it (1 - s) q + s/C (Szegedy et al. 2016). weight (C,): w. A target
    of `ignore_index` counts for nothing; probabilities have none. "mean" divides by the sum of the
    w_y, or by the number of rows where probabilities are given.
    """
    reduction = reduction_of("cross_entropy", reduction, size_average, reduce)
    as_probability("cross_entropy", "label_smoothing", label_smoothing)
    check_floats("cross_entropy", input=input)
    dim = class_dim("cross_entropy", input, weight)
    s, C = label_smoothing, input.shape[dim]
    w: Any = 1.0 if weight is None else weight.reshape(-1, *[1] * (input.ndim - 1 - dim))

    if isinstance(target, Tensor) and target.dtype.kind == "f":
        if target.ndim < input.ndim:  # class numbers that are floats
            check_targets("cross_entropy", input, target)
        check_same_shape("cross_entropy", input, target)
        check_nothing_ignored("cross_entropy", ignore_index)
        q = (1 - s) * target + s / C
        return reduced(-(w * q * mg.log_softmax(input, dim)).sum(dim), reduction)

    check_targets("cross_entropy", input, target)
    rows, classes = one_class_a_row(input, target, dim)
    loss = byhand.softmax_cross_entropy
    if weight is None and not s:
        value = loss(rows, classes, ignore_index=ignore_index, reduction=reduction)
        return value.reshape(target.shape) if reduction == "none" else value
    losses = loss(rows, classes, ignore_index=ignore_index).reshape(target.shape)  # (B,...)
    weights = target_weights(input, target, weight, ignore_index)  # (B,...)
    losses = weights * losses
    if s:
        uniform = -(w * mg.log_softmax(input, dim)).sum(dim)  # (B,...)
        uniform = mg.where(target != ignore_index, uniform, 0.0)
        losses = (1 - s) * losses + s / C * uniform
    return reduced_by_weight(losses, weights, reduction)


def one_class_a_row(input: Tensor, target: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Rows (N,C) and classes (N,) of input (B,...), with the classes along `dim`, and target."""
    if input.ndim == 2:
        return input, target
    return input.movedim(dim, -1).reshape(-1, input.shape[dim]), target.reshape(-1)


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """`losses`, their sum or their mean."""
    if reduction == "mean":
        return losses.mean()
    return losses.sum() if reduction == "sum" else losses


def reduced_by_weight(losses: Tensor, weights: Tensor, reduction: str) -> Tensor:
    """`losses`, their sum, or Σ losses / Σ weights, which is NaN where all weights are 0."""
    if reduction != "mean":
        return reduced(losses, reduction)
    total = weights.sum()
    return losses.sum() / mg.where(total == 0, math.nan, total)  # without NumPy's warning of 0 / 0


def target_weights(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
) -> Tensor:
    """The weight w_y of each target y, 0 for one to ignore; without `weight` it is 1."""
    counted = target != ignore_index
    if weight is None:
        return counted.to(input.dtype)
    return mg.where(counted, weight[mg.where(counted, target, 0)], 0.0)
