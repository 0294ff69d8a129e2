"""Parameter: a tensor that a module learns."""

from __future__ import annotations

from typing import Any

from minigrad import Tensor, as_tensor, zeros

from .checked import checked


class Parameter(Tensor):
    """A tensor that a module learns: assigned as an attribute, it is found by `parameters()`.

    It shares the memory of `data`, if that is a tensor or an array. Raises RuntimeError for
    integers, which have no gradient, unless requires_grad=False.

    >>> Parameter([1.0, 2.0]).requires_grad
    True
    """

    copies_grad = False

    @checked
    def __init__(self, data: Any = None, requires_grad: bool = True):
        source = zeros(0) if data is None else as_tensor(data)
        if not source.is_writable():
            source = source.detach().clone()  # an optimizer could not change it
        super().__init__(source.array)
        self.version = source.version  # a change of `data` is a change of the parameter
        self.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()
