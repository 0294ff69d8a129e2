"""The losses of a class for each row: of log-probabilities, and of logits, by one op with softmax.

The gradient of the second is softmax(x) - one_hot(t).
"""

from __future__ import annotations

import math

import numpy as np

from minigrad import ops
from minigrad.autograd import op
from minigrad.tensor import Tensor


def nll_loss_composed(
    log_p: Tensor, targets: Tensor, *, ignore_index: int = -100, reduction: str = "none"
) -> Tensor:
    """-log_p[n, targets[n]] of each row n, 0 where the target is ignore_index.

    Or the sum of these; or their mean over the rows that count.
    """
    counted = targets != ignore_index
    rows = log_p.beside(np.arange(len(targets)))
    ids = ops.where(counted, targets, 0)
    losses = ops.where(counted, -log_p[rows, ids], 0.0)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    return losses.sum() / counted.sum().to(log_p.dtype)


def softmax_cross_entropy_composed(
    logits: Tensor, targets: Tensor, *, ignore_index: int = -100, reduction: str = "none"
) -> Tensor:
    """`nll_loss_composed` of log softmax(logits)."""
    log_p = ops.log_softmax(logits, -1)
    return nll_loss_composed(log_p, targets, ignore_index=ignore_index, reduction=reduction)


def check_loss_arguments(name, targets, reduction):
    """Raise ValueError for another reduction, TypeError for targets that are not integers."""
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"{name}: expected reduction 'none', 'sum' or 'mean', got {reduction!r}")
    if targets.dtype.kind != "i":
        raise TypeError(f"{name}: expected integer targets, got {targets.dtype}; use .long()")


def places_of(xp, targets, ignore_index, V):
    """Which rows count, and the place of each row's class: its row, and its column.

    The class of a row to ignore is 0. Raises IndexError for a target outside [0, V).
    """
    counted = targets != ignore_index  # (N,)
    ids = xp.where(counted, targets, 0)
    xp.check_bounds(ids, V, "targets", f"classes 0 to {V - 1}")
    return counted, (xp.arange(len(ids)), ids)


def weight_of_row(xp, counted, reduction, dtype):
    """What a row that counts adds to the result: 1, or 1/n in the mean over n; NaN over none."""
    if reduction != "mean":
        return 1.0
    n = xp.sum(counted)
    return xp.astype(1 / xp.where(n == 0, math.nan, n), dtype)


@op(composed=nll_loss_composed)
def nll_loss(xp, log_p, targets, *, ignore_index=-100, reduction="none"):
    """y_n = -x_{n,t_n},    ∂x_nv = -∂y_n [v = t_n].

    log_p x (N,V), targets t (N,) integers -> (N,); 0 where the target is ignore_index.
    reduction: "none"; "sum"; or "mean", over the rows that count. Both give a scalar.
    Raises IndexError for a target outside [0, V), ValueError for another reduction.
    """
    check_loss_arguments("nll_loss", targets, reduction)
    shape = log_p.shape
    counted, places = places_of(xp, targets, ignore_index, shape[1])
    y = xp.where(counted, -log_p[places], 0.0)
    weight = weight_of_row(xp, counted, reduction, y.real.dtype)

    def dlog_p(g):
        dx = xp.zeros(shape, dtype=g.dtype)
        dx[places] = xp.where(counted, -g * weight, 0.0)
        return dx

    loss = y if reduction == "none" else xp.sum(y) * weight
    return loss, (dlog_p, None)


@op(composed=softmax_cross_entropy_composed)
def softmax_cross_entropy(xp, logits, targets, *, ignore_index=-100, reduction="none"):
    """y_n = log Σ_v e^{x_nv} - x_{n,t_n},    ∂x_nv = ∂y_n (softmax(x_n)_v - [v = t_n]).

    logits (N,V), targets (N,) integers -> (N,); 0 where the target is ignore_index.
    reduction: "none"; "sum"; or "mean", over the rows that count. Both give a scalar.
    Raises IndexError for a target outside [0, V), ValueError for another reduction.
    """
    check_loss_arguments("softmax_cross_entropy", targets, reduction)
    counted, places = places_of(xp, targets, ignore_index, logits.shape[1])
    largest = xp.amax(logits.real, axis=1, keepdims=True)  # .real: the complex step has no order
    x = logits - largest  # e^x cannot overflow
    e = xp.exp(x)
    total = xp.sum(e, axis=1)  # (N,)
    y = xp.where(counted, xp.log(total) - x[places], 0.0)
    weight = weight_of_row(xp, counted, reduction, y.real.dtype)

    def dlogits(g):
        dy = xp.where(counted, g * weight, 0.0)
        dx = e * (dy / total)[:, None]
        dx[places] -= dy
        return dx

    loss = y if reduction == "none" else xp.sum(y) * weight
    return loss, (dlogits, None)
