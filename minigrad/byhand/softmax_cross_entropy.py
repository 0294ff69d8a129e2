"""Softmax and cross-entropy as one op: the difference of two logarithms whose gradient needs neither."""

from __future__ import annotations

import numpy as np

from minigrad import ops
from minigrad.array import XP, Array
from minigrad.autograd import RuleResult, op
from minigrad.tensor import Tensor


def softmax_cross_entropy_composed(
    logits: Tensor, targets: Tensor, *, ignore_index: int = -100, reduction: str = "none"
) -> Tensor:
    """-log softmax(logits)[n, targets[n]] for each row, 0 for one to ignore; or their sum; or the mean of the rest."""
    kept = targets != ignore_index
    rows = logits.new(np.arange(len(targets)))
    losses = ops.where(kept, -logits.log_softmax(-1)[rows, ops.where(kept, targets, 0)], 0.0)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / kept.sum().to(logits.dtype)


@op(composed=softmax_cross_entropy_composed)
def softmax_cross_entropy(
    xp: XP, logits: Array, targets: Array, *, ignore_index: int = -100, reduction: str = "none"
) -> RuleResult:
    """y_n = log Σ_v e^{x_nv} - x_{n,t_n}, (N, V) (N) -> (N),    x' = g (softmax x - one-hot t).

    reduction: "none"; "sum"; or "mean", over the rows whose target is not ignore_index. Both give a scalar.
    """
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction is 'none', 'sum' or 'mean', not {reduction!r}")
    V = logits.shape[1]
    if targets.dtype.kind != "i":
        raise TypeError(f"targets must be integers, and {targets.dtype} came; use .long()")
    kept = targets != ignore_index
    ids = xp.where(kept, targets, 0)
    xp.check_bounds(ids, V, "targets", f"classes 0 to {V - 1}")
    rows = xp.arange(len(ids))
    m = xp.amax(logits.real, axis=1, keepdims=True)  # .real: the complex step has no order
    z = logits - m
    e = xp.exp(z)
    total = xp.sum(e, axis=1)
    y = xp.where(kept, xp.log(total) - z[rows, ids], 0.0)
    share = (
        1.0 if reduction != "mean" else xp.astype(1 / xp.sum(kept), y.real.dtype)
    )  # of a row in the mean

    def pull(g: Array) -> Array:
        g = xp.where(kept, g * share, 0.0)
        gx = e * (g / total)[:, None]
        gx[rows, ids] -= g
        return gx

    return y if reduction == "none" else xp.sum(y) * share, (pull, None)
