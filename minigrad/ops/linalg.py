"""Rules of linear algebra."""

from __future__ import annotations

import math

from minigrad.autograd import op


@op
def matmul(xp, a, b):
    """Y = A B,    ∂A = ∂Y Bᵀ,  ∂B = Aᵀ ∂Y.

    (.., m, k) (.., k, n) -> (.., m, n); leading dimensions broadcast.
    """
    return product(xp, a, b), (
        lambda g: product(xp, g, transposed(xp, b)),
        lambda g: weight_gradient(xp, a, g, b),
    )


@op
def linear(xp, x, weight, bias=None):
    """Y = X Wᵀ + b,    ∂X = ∂Y W,  ∂W = ∂Yᵀ X,  ∂b = Σ ∂Y over the rows.

    X (.., I), W (O, I), b (O) or None -> (.., O).
    """
    rows = as_matrix(xp, x)  # (n, I): one product of matrices, whatever the leading dimensions
    y = xp.matmul(rows, transposed(xp, weight))  # (n, O)
    if bias is not None:
        y = y + bias
    shape = x.shape
    shape_of_y = y.shape

    def dy(g):
        return xp.reshape(g, shape_of_y)

    return xp.reshape(y, (*shape[:-1], shape_of_y[-1])), (
        lambda g: xp.reshape(product(xp, dy(g), weight), shape),
        lambda g: xp.matmul(transposed(xp, dy(g)), rows),
        lambda g: xp.sum(dy(g), axis=0),
    )


def transposed(xp, a):
    """Aᵀ of the last two dimensions."""
    return xp.swapaxes(a, -1, -2)


def as_matrix(xp, a):
    """(.., n) as (rows, n)."""
    return xp.reshape(a, (math.prod(a.shape[:-1]), a.shape[-1]))


def product(xp, a, b):
    """A B; by broadcasting where the inner size is 1: up to ten times as fast as matmul."""
    if a.shape[-1:] == b.shape[-2:-1] == (1,):
        return a * b
    return xp.matmul(a, b)


def weight_gradient(xp, a, g, b):
    """Aᵀ ∂Y. Where one B served all leading indices of A: one product over all rows, no sum."""
    if len(b.shape) > 2 or len(a.shape) == 2:
        return product(xp, transposed(xp, a), g)
    return xp.matmul(transposed(xp, as_matrix(xp, a)), as_matrix(xp, g))
