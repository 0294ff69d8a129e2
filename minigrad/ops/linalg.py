"""Rules of linear algebra."""

from __future__ import annotations

import math

from minigrad.array import XP, Array
from minigrad.autograd import Rule, op


@op
def matmul(xp: XP, a: Array, b: Array) -> Rule:
    """Y = A B, (.., m, k) (.., k, n), leading dimensions broadcast,    A' = G Bᵀ,  B' = Aᵀ G.

    A vector on the left is a row, on the right a column, and leaves the result again.
    """
    if min(len(a.shape), len(b.shape)) == 0:
        raise ValueError("a 0-d tensor is no matrix; multiply with *")
    A = xp.reshape(a, (1, -1)) if len(a.shape) == 1 else a
    B = xp.reshape(b, (-1, 1)) if len(b.shape) == 1 else b
    Y = xp.matmul(A, B)
    # what Y was before the ones of a row or a column left it
    shape = Y.shape[: len(Y.shape) - 2] + Y.shape[-2:][len(a.shape) == 1 : 2 - (len(b.shape) == 1)]

    def pull_a(g: Array) -> Array:
        g = xp.matmul(xp.reshape(g, Y.shape), xp.swapaxes(B, -1, -2))
        return fold(xp, g, a)

    def pull_b(g: Array) -> Array:
        g = xp.reshape(g, Y.shape)
        if len(B.shape) == 2 < len(A.shape):  # one GEMM over all leading dimensions, not a sum of many
            A2 = xp.reshape(A, (-1, A.shape[-1]))
            g = xp.matmul(xp.swapaxes(A2, 0, 1), xp.reshape(g, (-1, g.shape[-1])))
        else:
            g = xp.matmul(xp.swapaxes(A, -1, -2), g)
        return fold(xp, g, b)

    return xp.reshape(Y, shape), (pull_a, pull_b)


def fold(xp: XP, g: Array, x: Array) -> Array:
    """A gradient of the matrix that stood for x, summed to one row or column where x is a vector."""
    if len(x.shape) > 1:
        return g
    lead = tuple(range(len(g.shape) - 2))
    return xp.reshape(xp.sum(g, axis=lead) if lead else g, x.shape)


@op
def linear(xp: XP, x: Array, weight: Array, bias: Array) -> Rule:
    """y = x Wᵀ + b, (.., I) (O, I) (O) -> (.., O),    x' = g W,  W' = gᵀ x,  b' = Σ g."""
    n = math.prod(x.shape[:-1])
    flat = xp.reshape(x, (n, x.shape[-1]))  # one GEMM, whatever the leading dimensions
    y = xp.matmul(flat, xp.swapaxes(weight, 0, 1))
    if bias is not None:
        y = y + bias

    def flatten(g: Array) -> Array:
        return xp.reshape(g, y.shape)

    return xp.reshape(y, (*x.shape[:-1], y.shape[-1])), (
        lambda g: xp.reshape(xp.matmul(flatten(g), weight), x.shape),
        lambda g: xp.matmul(xp.swapaxes(flatten(g), 0, 1), flat),
        lambda g: xp.sum(flatten(g), axis=0),
    )
