"""`torch.func`: the transforms of minigrad.func, by PyTorch's names."""

from __future__ import annotations

from typing import Any

from minigrad import func as transforms
from minigrad.func import Function

from ...utils.stateless import functional_call, stack_module_state

__all__ = [
    "functional_call",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "stack_module_state",
]


def jacrev(
    func: Function, argnums: Any = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Function:
    """`jacobian`: a row by each pullback. chunk_size has no effect."""
    return transforms.jacobian(func, argnums, has_aux)


def jacfwd(
    func: Function, argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Function:
    """`jacobian`, which goes backward also here; the values are the same."""
    return transforms.jacobian(func, argnums, has_aux)


def hessian(func: Function, argnums: Any = 0) -> Function:
    """The jacobian of the jacobian, of shape (*y.shape, *x.shape, *x.shape)."""
    return transforms.jacobian(transforms.jacobian(func, argnums), argnums)


def grad_and_value(func: Function, argnums: Any = 0, has_aux: bool = False) -> Function:
    """The function x -> (f'(x), f(x)): `value_and_grad` in PyTorch's order."""
    both = transforms.value_and_grad(func, argnums, has_aux)

    def transformed(*args: Any, **keywords: Any) -> tuple[Any, Any]:
        value, gradient = both(*args, **keywords)
        return gradient, value

    return transformed
