"""Layer normalization as one op."""

from __future__ import annotations

import math

from minigrad import ops
from minigrad.array import XP, Array
from minigrad.autograd import RuleResult, op
from minigrad.tensor import Tensor


def layer_norm_composed(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, *, ndim: int = 1, eps: float = 1e-5
) -> Tensor:
    """(x - mean) / √(var + ε) · w + b over the last `ndim` dimensions (Ba, Kiros & Hinton 2016, eq. 4)."""
    dims = tuple(range(-ndim, 0))
    centred = x - x.mean(dims, keepdim=True)
    y = centred / ops.sqrt((centred * centred).mean(dims, keepdim=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


@op(composed=layer_norm_composed)
def layer_norm(
    xp: XP, x: Array, weight: Array, bias: Array, *, ndim: int = 1, eps: float = 1e-5
) -> RuleResult:
    """y = x̂ w + b with x̂ = (x - mean)/s,    x' = (gw - mean(gw) - x̂ mean(gw x̂))/s,  w' = Σ g x̂,  b' = Σ g."""
    dims = tuple(range(-ndim, 0))
    lead = tuple(range(len(x.shape) - ndim))
    n = math.prod(x.shape[-ndim:])

    def mean(a: Array) -> Array:
        return xp.sum(a, axis=dims, keepdims=True) / n

    x = x - mean(x)
    s = xp.sqrt(mean(x * x) + eps)
    x = x / s  # x̂
    y = x if weight is None else x * weight
    y = y if bias is None else y + bias

    def pull_x(g: Array) -> Array:
        g = g if weight is None else g * weight
        return (g - mean(g) - x * mean(g * x)) / s

    return y, (pull_x, lambda g: xp.sum(g * x, axis=lead), lambda g: xp.sum(g, axis=lead))
