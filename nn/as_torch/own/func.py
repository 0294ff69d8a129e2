"""`torch.func`: the transforms of minigrad.func, by PyTorch's names."""

from __future__ import annotations

from typing import Any

from minigrad import func as transforms
from minigrad.func import Function

__all__ = ["grad_and_value", "hessian", "jacfwd", "jacrev"]


def jacrev(func: Function, argnums: Any = 0, *, chunk_size: int | None = None) -> Function:
    """`jacobian`: a row by each pullback. chunk_size has no effect."""
    return transforms.jacobian(func, argnums)


def jacfwd(func: Function, argnums: Any = 0, *, randomness: str = "error") -> Function:
    """`jacobian`, which goes backward also here; the values are the same."""
    return transforms.jacobian(func, argnums)


def hessian(func: Function, argnums: int = 0) -> Function:
    """The jacobian of the jacobian, of shape (*y.shape, *x.shape, *x.shape)."""
    return transforms.jacobian(transforms.jacobian(func, argnums), argnums)


def grad_and_value(func: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The function x -> (f'(x), f(x)): `value_and_grad` in PyTorch's order."""
    both = transforms.value_and_grad(func, argnums)

    def transformed(*args: Any) -> tuple[Any, Any]:
        value, gradient = both(*args)
        return gradient, value

    return transformed
