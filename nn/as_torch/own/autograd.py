"""`torch.autograd`: gradients as functions, and Variable, which is a plain tensor since 2018."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, ClassVar

import minigrad
from minigrad import Tensor, enable_grad, grad, gradcheck, no_grad, set_grad_enabled
from minigrad.backward import backward as add_gradients
from minigrad.errors import shown

from .function import Function
from .legacy import LegacyType
from .words import inference_mode

__all__ = [
    "backward",
    "enable_grad",
    "Function",
    "grad",
    "gradcheck",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "Variable",
]
if hasattr(minigrad, "detect_anomaly"):  # it stands in a room that can be removed
    detect_anomaly = minigrad.detect_anomaly
    __all__ += ["detect_anomaly", "set_detect_anomaly"]


class set_detect_anomaly:
    """Switch `detect_anomaly` on or off: at once, and back at the end of a `with` block.

    Unlike PyTorch's it also looks at the values on the way forward, and raises FloatingPointError.
    """

    watching: ClassVar[list[Any]] = []  # the observer that is on, if there is one

    def __init__(self, mode: bool, check_nan: bool = True):
        self.before = bool(self.watching)
        self.switch(mode)

    def switch(self, on: bool) -> None:
        """Start or end watching."""
        if on and not self.watching:
            self.watching.append(minigrad.detect_anomaly().__enter__())
        elif not on and self.watching:
            self.watching.pop().__exit__(None, None, None)

    def __enter__(self) -> None:
        """Nothing: it is switched already."""

    def __exit__(self, *exception: object) -> None:
        self.switch(self.before)


class VariableType(LegacyType):
    """The class of Variable: a call gives a plain tensor, of which isinstance knows."""

    own_dtype = None

    def __call__(cls, data: Any = None, requires_grad: bool = False, **settings: Any) -> Any:
        return variable(data, requires_grad, **settings)


class Variable(metaclass=VariableType):
    """`Variable(tensor)`: a leaf that shares the tensor's memory, without its graph."""


def variable(data: Any, requires_grad: bool, volatile: Any = None) -> Tensor:
    """The tensor of a Variable. Raises TypeError if `data` is not a tensor."""
    if volatile is not None:
        warnings.warn(
            "Variable: volatile has no effect any more; use `with torch.no_grad():`", stacklevel=3
        )
    if data is None:
        return minigrad.empty(0)
    if not isinstance(data, Tensor):
        raise TypeError(
            f"Variable: expected a tensor, got {shown(data)}; make one with torch.tensor(...)"
        )
    return data.detach().requires_grad_(requires_grad)


def backward(
    tensors: Tensor | Iterable[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of several tensors at once to the .grad of the leaves behind them.

    grad_tensors: the weight of each tensor; 1 for a scalar.
    """
    add_gradients(tensors, grad_tensors, retain_graph, create_graph, inputs)
