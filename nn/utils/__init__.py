"""Gradient clipping, weight_norm, and in `nn.utils.rnn` padding."""

from __future__ import annotations

from minigrad.errors import shown

import functools
import math
from collections.abc import Iterable
from typing import Any

from minigrad import Tensor, cat, tensor
from minigrad.array import NAMESPACES, Array
from minigrad.faster import run_fastest

from ..arguments import as_list, as_number, check_flags, check_tensor
from . import rnn, stateless
from .weight_normalization import remove_weight_norm, weight_norm

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "parameters_to_vector",
    "remove_weight_norm",
    "rnn",
    "stateless",
    "vector_to_parameters",
    "weight_norm",
]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float | str = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients, taken as one vector, by min(1, max_norm / (norm + 1e-6)).

    Returns the norm before: (Σ |g|^norm_type)^(1/norm_type), or max |g| for inf, "inf". Gradients
    below the limit are unchanged, bit for bit. `foreach` is PyTorch's choice of an implementation
    and has no effect. Raises ValueError if max_norm is below 0 or norm_type not above 0,
    RuntimeError if the norm is nan or infinite and `error_if_nonfinite`. Source: Pascanu et al.
    2013.
    """
    name = "clip_grad_norm_"
    params = with_gradients(name, parameters)
    check_flags(name, error_if_nonfinite=error_if_nonfinite)
    max_norm = as_number(name, "max_norm", max_norm)
    is_largest = isinstance(norm_type, str) and norm_type == "inf"
    order = as_number(name, "norm_type", math.inf if is_largest else norm_type)
    if not max_norm >= 0 or not order > 0:
        raise ValueError(
            f"{name}: expected max_norm of at least 0 and norm_type above 0, "
            f"got {max_norm} and {order}"
        )
    if not params:
        return tensor(0.0)
    grads = [p.grad.array for p in params]
    xp = NAMESPACES[type(grads[0])]
    norm = run_fastest("norm_of", norm_of, xp.kind, grads, order)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(f"{name}: {reason_of_nonfinite(norm, params)}")
    run_fastest("scale_all", scale_all, xp.kind, grads, norm, max_norm)
    for p in params:
        p.grad.mark_changed()
    return Tensor(xp.asarray(norm))


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Bring every element of every gradient into [-clip_value, clip_value].

    `foreach` is PyTorch's choice of an implementation and has no effect.
    """
    params = with_gradients("clip_grad_value_", parameters)
    limit = as_number("clip_grad_value_", "clip_value", clip_value)
    for p in params:
        g = p.grad.array
        xp = NAMESPACES[type(g)]
        xp.maximum(g, -limit, out=g)
        xp.minimum(g, limit, out=g)
        p.grad.mark_changed()


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one vector, differentiable. Raises TypeError if one is not a Tensor,
    ValueError if there is none."""
    params = listed("parameters_to_vector", parameters)
    if not params:
        raise ValueError("parameters_to_vector: expected at least one parameter, got none")
    return cat([p.reshape(-1) for p in params])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the parts of a vector into the parameters: the inverse of `parameters_to_vector`.

    Raises ValueError if their sizes do not add up to that of the vector.
    """
    check_tensor("vector_to_parameters", "vec", vec)
    params = listed("vector_to_parameters", parameters)
    total = sum([p.numel() for p in params])
    if tuple(vec.shape) != (total,):
        raise ValueError(
            f"vector_to_parameters: expected a vector of {total} elements, got {tuple(vec.shape)}"
        )
    values = vec.detach()
    start = 0
    for p in params:
        end = start + p.numel()
        p.detach().copy_(values[start:end].reshape(p.shape))
        start = end


def with_gradients(name: str, parameters: Tensor | Iterable[Tensor]) -> list[Any]:
    """Those of the parameters that have a gradient. Raises TypeError if one is not a Tensor."""
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p for p in listed(name, given) if p.grad is not None]


def listed(name: str, parameters: Any) -> list[Any]:
    """Parameters as a list. Raises TypeError if they are no iterable, or one is not a Tensor."""
    if not isinstance(parameters, Iterable):
        raise TypeError(
            f"{name}: expected an iterable of parameters such as model.parameters(), "
            f"got {shown(parameters)}"
        )
    return as_list(
        name, "parameters", parameters, lambda p: check_tensor(name, "each parameter", p)
    )


def norm_of(grads: list[Array], norm_type: float) -> Any:
    """The norm of gradients, taken as one vector, as an array of no dimensions."""
    xp = NAMESPACES[type(grads[0])]
    grads = [g.reshape(-1) for g in grads]
    if norm_type == math.inf:
        largest = [xp.amax(xp.abs(g)) for g in grads if g.size]
        return functools.reduce(xp.maximum, largest, xp.zeros((), grads[0].dtype))
    if norm_type == 2:
        return xp.sqrt(sum([xp.dot(g, g) for g in grads]))
    return sum([xp.sum(xp.abs(g) ** norm_type) for g in grads]) ** (1 / norm_type)


def scale_all(grads: list[Array], norm: Any, max_norm: float) -> None:
    """Multiply each gradient, in place, by min(1, max_norm / (norm + 1e-6))."""
    xp = NAMESPACES[type(grads[0])]
    scale = xp.minimum(max_norm / (norm + 1e-6), 1.0)
    for g in grads:
        g *= scale


def reason_of_nonfinite(norm: Any, params: list[Any]) -> str:
    """Which gradients make the norm nan or infinite, in words."""
    found = []
    for i, p in enumerate(params):
        g = p.grad.array
        xp = NAMESPACES[type(g)]
        if not xp.all(xp.isfinite(g)):
            found.append(f"{i} of shape {tuple(p.shape)}")
    if found:
        return f"the norm is {float(norm)}, because of parameter {'; '.join(found)}"
    return f"the norm is {float(norm)}, although each gradient is finite: it is too large"
