"""The functions behind the modules, under PyTorch's names: activations, dropout, losses, attention, padding.

`reduction` of a loss: "mean" (of all elements), "sum" or "none". C classes; "..." any number of dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import (
    Tensor,
    abs,
    byhand,
    errors,
    exp,
    expm1,
    log1p,
    log_softmax,
    ops,
    softmax,
    where,
)
from minigrad.array import NAMESPACES
from minigrad.random import dropout_mask

relu, sigmoid, tanh = ops.relu, ops.sigmoid, ops.tanh


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b: x (..., I), weight (O, I), bias (O,) or None, y (..., O)."""
    return mg.linear(input, weight, bias)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """y = weight[ids]: ids (...) integers, weight (V, E), y (..., E). Row `padding_idx` of weight gets no gradient."""
    return mg.embedding(weight, input, padding_idx=normalize_padding_idx(padding_idx, len(weight)))


def normalize_padding_idx(padding_idx: int | None, rows: int) -> int | None:
    """`padding_idx` counted from the start."""
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ValueError(f"embedding: padding_idx {padding_idx} is not among the {rows} rows")
    return padding_idx if padding_idx is None else padding_idx % rows


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere: integers (...) -> int64 (..., num_classes), by default the largest class + 1.

    >>> one_hot(mg.tensor([0, 2])).tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    count = num_classes if num_classes >= 0 else int(tensor.max()) + 1 if tensor.numel() else 0
    NAMESPACES[type(tensor.array)].check_bounds(
        tensor.array, count, "one_hot", f"classes 0 to {count - 1}"
    )
    return (tensor.unsqueeze(-1) == mg.arange(count, device=tensor.device)).long()


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """y = x where x > 0, else negative_slope x."""
    return where(input > 0, input, negative_slope * input)


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """y = x where x > 0, else α (eˣ - 1)."""
    return where(input > 0, input, alpha * expm1(input.clamp(max=0.0)))


def silu(input: Tensor) -> Tensor:
    """y = x σ(x)."""
    return input * sigmoid(input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """y = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))    (Hendrycks & Gimpel 2016): give approximate="tanh"."""
    if approximate != "tanh":
        raise NotImplementedError(
            f"gelu: approximate={approximate!r} needs erf, which NumPy lacks; give 'tanh'"
        )
    return (
        0.5
        * input
        * (1 + tanh(math.sqrt(2 / math.pi) * (input + 0.044715 * input * input * input)))
    )


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """y = log(1 + e^(βx)) / β, and x itself where βx > threshold."""
    z = beta * input
    return where(z > threshold, input, log1p(exp(z.clamp(max=threshold))) / beta)


def logsigmoid(input: Tensor) -> Tensor:
    """y = log σ(x) = -log(e⁰ + e⁻ˣ), which cannot overflow and has no kink."""
    return -mg.logsumexp(mg.stack([mg.zeros_like(input), -input]), dim=0)


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, shape: Sequence[int] | None = None
) -> Tensor:
    """y = x m / (1 - p), m = 0 with probability p, else 1, fresh at every call; y = x if not training.

    shape: that of m, by default x's; a 1 in it shares m along that dimension. (Srivastava et al. 2014)
    """
    if not (training and probability("dropout", p)):
        return input
    return input * Tensor(
        dropout_mask(input.array, tuple(input.shape if shape is None else shape), p)
    )


def probability(name: str, p: float) -> float:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: {p} is no probability; give a number from 0 to 1")
    return p


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """y = w (x - mean) / √(var + eps) + b over the last dimensions, whose sizes are `normalized_shape`."""
    ndim = len(normalized_shape)
    if tuple(input.shape[-ndim:]) != tuple(normalized_shape):
        raise ValueError(
            f"layer_norm: the last dimensions of {tuple(input.shape)} must be {tuple(normalized_shape)}"
        )
    return byhand.layer_norm(input, weight, bias, ndim=ndim, eps=eps)


def reduce(loss: Tensor, reduction: str, count: Any = None) -> Tensor:
    """The loss as `reduction` says; "mean" divides by `count`, by default the number of elements."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    if reduction == "mean":
        return loss.mean() if count is None else loss.sum() / count
    return loss.sum() if reduction == "sum" else loss


def difference(name: str, input: Tensor, target: Tensor) -> Tensor:
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: input {tuple(input.shape)} and target {tuple(target.shape)} differ in shape; reshape"
            " one of them: to broadcast here is nearly always a mistake"
        )
    return input - target


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """(x - y)²."""
    return reduce(mg.square(difference("mse_loss", input, target)), reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """|x - y|."""
    return reduce(abs(difference("l1_loss", input, target)), reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """½ d² where d = |x - y| < delta, else delta (d - ½ delta)    (Huber 1964)."""
    d = abs(difference("huber_loss", input, target))
    return reduce(where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta)), reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-w (p y log σ(x) + (1 - y) log(1 - σ(x))), y in [0, 1], p = pos_weight, w = weight."""
    difference("binary_cross_entropy_with_logits", input, target)
    positive = logsigmoid(input) if pos_weight is None else pos_weight * logsigmoid(input)
    loss = -(target * positive + (1 - target) * logsigmoid(-input))
    return reduce(loss if weight is None else loss * weight, reduction)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-w_y x_y: input (B, C, ...) log-probabilities, target (B, ...) classes y; or (C,) and ().

    weight (C,): w. A target of `ignore_index` counts for nothing. "mean" divides by the sum of the w_y.
    """
    dim, w = targets("nll_loss", input, target, weight, ignore_index)
    y = where(target != ignore_index, target, 0)
    NAMESPACES[type(y.array)].check_bounds(
        y.array, input.shape[dim], "nll_loss", f"classes 0 to {input.shape[dim] - 1}"
    )
    return reduce(-w * input.take_along_dim(y.unsqueeze(dim), dim).squeeze(dim), reduction, w.sum())


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-Σ_c w_c q_c log softmax(x)_c: input x (B, C, ...) or (C,), target classes (B, ...) or (), or probabilities as x.

    q is 1 at the class y, or the probabilities; label_smoothing s makes it (1 - s) q + s/C (Szegedy et al. 2016).
    weight (C,): w. A class of `ignore_index` counts for nothing. "mean" divides by the sum of the w_y, or by the
    number of rows where probabilities are given.
    """
    dim, s = min(1, input.ndim - 1), label_smoothing
    C = input.shape[dim]
    each: Any = (
        1.0 if weight is None else weight.reshape(-1, *[1] * (input.ndim - 1 - dim))
    )  # w along the classes
    if target.dtype.kind == "f":
        difference("cross_entropy", input, target)
        return reduce(
            -(each * ((1 - s) * target + s / C) * log_softmax(input, dim)).sum(dim), reduction
        )
    rows = input if input.ndim == 2 else input.movedim(dim, -1).reshape(-1, C)
    flat = target if target.ndim == 1 else target.reshape(-1)
    if weight is None and not s and target.shape == (*input.shape[:dim], *input.shape[dim + 1 :]):
        loss = byhand.softmax_cross_entropy(
            rows, flat, ignore_index=ignore_index, reduction=reduction
        )
        return loss.reshape(target.shape) if reduction == "none" else loss
    _, w = targets("cross_entropy", input, target, weight, ignore_index)
    loss = w * byhand.softmax_cross_entropy(rows, flat, ignore_index=ignore_index).reshape(
        target.shape
    )
    if s:
        smooth = -(each * log_softmax(input, dim)).sum(dim) * (target != ignore_index)
        loss = (1 - s) * loss + s / C * smooth
    return reduce(loss, reduction, w.sum())


def targets(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
) -> tuple[int, Tensor]:
    """The dimension of the classes, and the weight w_y of each target, 0 for one to ignore."""
    dim = min(1, input.ndim - 1)
    wanted = (*input.shape[:dim], *input.shape[dim + 1 :])
    if tuple(target.shape) != wanted or target.dtype.kind != "i":
        raise ValueError(
            f"{name}: for input {tuple(input.shape)} targets are integers of shape {wanted}; "
            f"{target.dtype} of shape {tuple(target.shape)} came"
        )
    kept = target != ignore_index
    return dim, kept.to(input.dtype) if weight is None else weight[where(kept, target, 0)] * kept


def masked_softmax(scores: Tensor, allowed: Tensor | None) -> Tensor:
    """Softmax over the last dimension among the `allowed` places; a row with none is 0, and so is its gradient."""
    if allowed is None:
        return softmax(scores, -1)
    return softmax(where(allowed, scores, -math.inf), -1)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    p: float = 0.0,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """`scaled_dot_product_attention` and its weights (..., L, S)."""
    scores = (
        query * (1 / math.sqrt(query.shape[-1]) if scale is None else scale) @ key.transpose(-2, -1)
    )
    if mask is not None and mask.dtype.kind == "f":
        mask, added = mask != -math.inf, mask
        scores = scores + where(mask, added, 0.0)
    weights = dropout(masked_softmax(scores, mask), p)
    return weights @ value, weights


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(Q Kᵀ scale + mask) V, scale = 1/√E    (Vaswani et al. 2017, eq. 1).

    query (..., L, E), key (..., S, E), value (..., S, F) -> (..., L, F). attn_mask, broadcast to (..., L, S): boolean,
    True where attention may look, or floats added to the scores; -inf forbids. is_causal: position l looks at s <= l.
    A row that may look nowhere gives 0. dropout_p drops attention weights, whatever the mode.
    """
    if is_causal:
        if attn_mask is not None:
            raise ValueError("scaled_dot_product_attention: give attn_mask or is_causal, not both")
        attn_mask = query.new(np.tri(query.shape[-2], key.shape[-2], dtype=bool))
    return attend(query, key, value, attn_mask, dropout_p, scale)[0]


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """Put `value` around: pad = (before, after) of the last dimension, then of the one before it, ...; below 0 cuts.

    >>> pad(mg.tensor([1, 2]), (1, 2)).tolist()
    [0, 1, 2, 0, 0]
    """
    if mode != "constant" or len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(
            f"pad: mode {mode!r} and pad {tuple(pad)} came for {input.ndim} dimensions; the mode is "
            "'constant', pad a pair (before, after) for each of the last dimensions"
        )
    for k, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        dim = input.ndim - 1 - k
        lead, size, tail = input.shape[:dim], input.shape[dim], input.shape[dim + 1 :]
        left, right = (
            input.new(np.full((*lead, max(n, 0), *tail), value, input.dtype))
            for n in (before, after)
        )
        inner = input[(slice(None),) * dim + (slice(max(-before, 0), size - max(-after, 0)),)]
        input = mg.cat([left, inner, right], dim)
    return input


errors.name_all(
    globals(), helpers="row_number probability reduce difference targets masked_softmax attend"
)
