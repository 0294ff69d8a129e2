"""Gradient clipping, and in `nn.utils.rnn` padding."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

from minigrad import Tensor, errors, tensor
from minigrad.array import NAMESPACES

from . import rnn

__all__ = ["clip_grad_norm_", "clip_grad_value_", "rnn"]


def with_gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [
        p
        for p in ([parameters] if isinstance(parameters, Tensor) else parameters)
        if p.grad is not None
    ]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients, taken as one vector, by min(1, max_norm / (norm + 1e-6))    (Pascanu et al. 2013).

    Returns the norm before: (Σ |g|^norm_type)^(1/norm_type), or max |g| for math.inf. Gradients below the limit stay
    bit for bit. Raises RuntimeError where the norm is nan or infinite and `error_if_nonfinite`.
    """
    if not (max_norm >= 0 and norm_type > 0):
        raise ValueError(
            f"clip_grad_norm_: max_norm {max_norm} and norm_type {norm_type} came; both must be positive"
        )
    params = with_gradients(parameters)
    if not params:
        return tensor(0.0)
    grads = [p.grad.array.reshape(-1) for p in params]
    xp = NAMESPACES[type(grads[0])]
    if norm_type == math.inf:
        norm = functools.reduce(xp.maximum, [xp.amax(xp.abs(g)) for g in grads])
    elif norm_type == 2:
        norm = xp.sqrt(sum([xp.dot(g, g) for g in grads]))
    else:
        norm = sum([xp.sum(xp.abs(g) ** norm_type) for g in grads]) ** (1 / norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        bad = [
            f"{i} of shape {tuple(p.shape)}"
            for i, p in enumerate(params)
            if not xp.all(xp.isfinite(p.grad.array))
        ]
        why = (
            f"because of parameter {'; '.join(bad)}"
            if bad
            else "although each gradient is finite: it is too large"
        )
        raise RuntimeError(f"clip_grad_norm_: the norm is {float(norm)}, {why}")
    scale = xp.minimum(max_norm / (norm + 1e-6), 1.0)
    for p in params:
        p.grad.array *= scale
        p.grad.mark_changed()
    return Tensor(xp.asarray(norm))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring every element of every gradient into [-clip_value, clip_value]."""
    for p in with_gradients(parameters):
        g = p.grad.array
        xp = NAMESPACES[type(g)]
        xp.minimum(xp.maximum(g, -clip_value, out=g), clip_value, out=g)
        p.grad.mark_changed()


errors.name_all(globals(), helpers="with_gradients")
