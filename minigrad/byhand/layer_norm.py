"""Layer normalization as one op."""

from __future__ import annotations

import math

from minigrad import ops
from minigrad.autograd import op
from minigrad.tensor import Tensor


def layer_norm_composed(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, *, ndim: int = 1, eps: float = 1e-5
) -> Tensor:
    """(x - mean) / √(var + ε) · w + b over the last dims (Ba, Kiros & Hinton 2016, eq. 4)."""
    dims = tuple(range(-ndim, 0))
    centred = x - x.mean(dims, keepdim=True)
    var = (centred * centred).mean(dims, keepdim=True)
    y = centred / ops.sqrt(var + eps)
    if weight is not None:
        y = y * weight
    if bias is not None:
        y = y + bias
    return y


@op(composed=layer_norm_composed, in_order=True)
def layer_norm(xp, x, weight, bias, *, ndim=1, eps=1e-5):
    """y = x̂ w + b with x̂ = (x - mean) / s, s = √(var + ε)    (Ba, Kiros & Hinton 2016, eq. 4).

    ∂x = (∂x̂ - mean(∂x̂) - x̂ mean(∂x̂ x̂)) / s with ∂x̂ = ∂y w,    ∂w = Σ ∂y x̂,    ∂b = Σ ∂y.

    mean and var are over the last `ndim` dims, the sums over the others. weight and bias have the
    shape of the last `ndim` dims, or are None.
    """
    dims = tuple(range(-ndim, 0))
    leading_dims = tuple(range(len(x.shape) - ndim))
    size = math.prod(x.shape[-ndim:])

    def mean(a):
        return xp.sum(a, axis=dims, keepdims=True) / size

    centred = x - mean(x)
    s = xp.sqrt(mean(centred * centred) + eps)
    x_hat = centred / s
    y = x_hat if weight is None else x_hat * weight
    y = y if bias is None else y + bias

    def dx(g):
        dx_hat = g if weight is None else g * weight
        return (dx_hat - mean(dx_hat) - x_hat * mean(dx_hat * x_hat)) / s

    def dweight(g):
        return xp.sum(g * x_hat, axis=leading_dims)

    def dbias(g):
        return xp.sum(g, axis=leading_dims)

    return y, (dx, dweight, dbias)
