"""Softmax and cross-entropy as one op, whose gradient is softmax(x) - one_hot(t)."""

from __future__ import annotations

import numpy as np

from minigrad import ops
from minigrad.autograd import op
from minigrad.tensor import Tensor


def softmax_cross_entropy_composed(
    logits: Tensor, targets: Tensor, *, ignore_index: int = -100, reduction: str = "none"
) -> Tensor:
    """-log softmax(logits)[n, targets[n]] of each row n, 0 where the target is ignore_index.

    Or the sum of these; or their mean over the rows that count.
    """
    counted = targets != ignore_index
    rows = logits.beside(np.arange(len(targets)))
    ids = ops.where(counted, targets, 0)
    losses = ops.where(counted, -logits.log_softmax(-1)[rows, ids], 0.0)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    return losses.sum() / counted.sum().to(logits.dtype)


@op(composed=softmax_cross_entropy_composed)
def softmax_cross_entropy(xp, logits, targets, *, ignore_index=-100, reduction="none"):
    """y_n = log Σ_v e^{x_nv} - x_{n,t_n},    ∂x_nv = ∂y_n (softmax(x_n)_v - [v = t_n]).

    logits (N,V), targets (N,) integers -> (N,); 0 where the target is ignore_index.
    reduction: "none"; "sum"; or "mean", over the rows that count. Both give a scalar.
    Raises IndexError for a target outside [0, V), ValueError for another reduction.
    """
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(
            f"softmax_cross_entropy: expected reduction 'none', 'sum' or 'mean', got {reduction!r}"
        )
    if targets.dtype.kind != "i":
        raise TypeError(
            f"softmax_cross_entropy: expected integer targets, got {targets.dtype}; use .long()"
        )
    N, V = logits.shape
    counted = targets != ignore_index  # (N,)
    ids = xp.where(counted, targets, 0)
    xp.check_bounds(ids, V, "targets", f"classes 0 to {V - 1}")
    rows = xp.arange(N)
    largest = xp.amax(logits.real, axis=1, keepdims=True)  # .real: the complex step has no order
    x = logits - largest  # e^x cannot overflow
    e = xp.exp(x)
    total = xp.sum(e, axis=1)  # (N,)
    y = xp.where(counted, xp.log(total) - x[rows, ids], 0.0)
    weight = 1.0  # of a row in the result
    if reduction == "mean":
        weight = xp.astype(1 / xp.sum(counted), y.real.dtype)

    def dlogits(g):
        dy = xp.where(counted, g * weight, 0.0)
        dx = e * (dy / total)[:, None]
        dx[rows, ids] -= dy
        return dx

    return y if reduction == "none" else xp.sum(y) * weight, (dlogits, None)
