"""Softmax and cross-entropy as one op: the difference of two logarithms whose gradient needs neither."""

from __future__ import annotations

import numpy as np

from minigrad import ops
from minigrad.array import XP, Array
from minigrad.autograd import Rule, op
from minigrad.tensor import Tensor


def cross_entropy_by_steps(logits: Tensor, targets: Tensor, *, ignore_index: int = -100) -> Tensor:
    """-log softmax(logits)[n, targets[n]] for each row n; 0 for a row to ignore."""
    kept = targets.data != ignore_index
    rows = logits.new(np.arange(len(targets)))
    chosen = logits.log_softmax(-1)[rows, ops.where(Tensor(kept), targets, 0)]
    return ops.where(Tensor(kept), -chosen, 0.0)


@op(composed=cross_entropy_by_steps)
def softmax_cross_entropy(xp: XP, logits: Array, targets: Array, *, ignore_index: int = -100) -> Rule:
    """y_n = log Σ_v e^{x_nv} - x_{n,t_n}, (N, V) (N) -> (N),    x' = g (softmax x - one-hot t)."""
    V = logits.shape[1]
    if targets.dtype.kind != "i":
        raise TypeError(f"targets must be integers, and {targets.dtype} came; use .long()")
    kept = targets != ignore_index
    ids = xp.where(kept, targets, 0)
    if ids.size and not (0 <= int(ids.min()) and int(ids.max()) < V):
        raise IndexError(
            f"targets go from {int(ids.min())} to {int(ids.max())}, but there are {V} classes, 0 to {V - 1}"
        )
    rows = xp.arange(len(ids))
    m = xp.amax(logits.real, axis=1, keepdims=True)  # .real: the complex step has no order
    z = logits - m
    e = xp.exp(z)
    total = xp.sum(e, axis=1)
    losses = xp.where(kept, xp.log(total) - z[rows, ids], 0.0)

    def pull(g: Array) -> Array:
        g = xp.where(kept, g, 0.0)
        gx = e * (g / total)[:, None]
        gx[rows, ids] -= g
        return gx

    return losses, (pull, None)
