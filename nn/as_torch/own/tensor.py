"""Methods of tensors that only a PyTorch program asks for: old orders of arguments, `resize_`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from numbers import Number
from typing import Any

import minigrad
from minigrad import Tensor

from . import inverses, words

__all__ = ["add", "dist", "sub"]


def alpha_first(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which also takes `(self, alpha, other)`, as before 2020: self + alpha * other."""

    @functools.wraps(function)
    def either(self: Any, *args: Any, **settings: Any) -> Any:
        if len(args) == 2 and isinstance(args[0], Number):
            alpha, other = args
            return function(self, other, alpha=alpha, **settings)
        return function(self, *args, **settings)

    return either


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of the difference, over all elements."""
    return minigrad.norm((input - other).reshape(-1), p)


def resize_(self: Tensor, *sizes: Any) -> Tensor:
    """Give this tensor another shape in place: its numbers in order, then zeros.

    Raises RuntimeError for a tensor that needs a gradient, or is a view of another one.
    """
    if self.requires_grad:
        raise RuntimeError(
            "resize_: expected a tensor without a gradient, got one with requires_grad=True; "
            "use .reshape(...), or resize its .detach().clone()"
        )
    if self.base is not None:
        raise RuntimeError(
            "resize_: expected a tensor with memory of its own, got a view; use .clone().resize_"
        )
    given = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    larger = minigrad.zeros(*given, dtype=self.dtype, device=self.device)
    count = min(self.numel(), larger.numel())
    larger.reshape(-1)[:count] = self.detach().reshape(-1)[:count]
    self.array = larger.array
    self.mark_changed()
    return self


add = alpha_first(minigrad.add)
sub = alpha_first(minigrad.sub)
ALPHA_FIRST = ("add", "add_", "sub", "sub_")
METHODS: dict[str, Callable[..., Any]] = {
    "det": inverses.det,
    "dist": dist,
    "inverse": inverses.inverse,
    "qr": words.qr,
    "resize_": resize_,
    "slogdet": words.slogdet,
    **{name: alpha_first(getattr(Tensor, name)) for name in ALPHA_FIRST},
}
