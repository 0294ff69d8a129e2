"""Functions of `nn.functional` as modules: the activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad import Tensor

from . import functional as F
from .module import Module


class FunctionModule(Module):
    """`function(*inputs, **settings)`, the settings given once: `defaults`, changed by the constructor's arguments.

    Those named in `order` may be given by position. Tensors among them are buffers. `...` marks one without default.
    """

    function: Callable[..., Tensor]
    defaults: dict[str, Any] = {}
    order: tuple[str, ...] | None = None

    def __init__(self, *args: Any, **settings: Any):
        order = tuple(self.defaults) if self.order is None else self.order
        given = {**dict(zip(order, args, strict=False)), **settings}
        for name, value in {**self.defaults, **given}.items():
            if name not in self.defaults or value is ... or len(args) > len(order):
                raise TypeError(f"{type(self).__name__}: its settings are {', '.join(self.defaults) or 'none'}; "
                                f"{args} and {settings} came")  # fmt: skip
            if isinstance(value, Tensor):
                self.register_buffer(name, value)
            setattr(self, name, value)

    def forward(self, *inputs: Tensor) -> Tensor:
        return type(self).function(*inputs, **{name: getattr(self, name) for name in self.defaults})

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.defaults)


class Tanh(FunctionModule):
    function = F.tanh


class Sigmoid(FunctionModule):
    function = F.sigmoid


class ReLU(FunctionModule):
    function = F.relu


class LeakyReLU(FunctionModule):
    function, defaults = F.leaky_relu, {"negative_slope": 0.01}


class ELU(FunctionModule):
    function, defaults = F.elu, {"alpha": 1.0}


class SiLU(FunctionModule):
    function = F.silu


class GELU(FunctionModule):
    function, defaults = F.gelu, {"approximate": "none"}


class Softplus(FunctionModule):
    function, defaults = F.softplus, {"beta": 1.0, "threshold": 20.0}


class LogSigmoid(FunctionModule):
    function = F.logsigmoid


class Softmax(FunctionModule):
    function, defaults = F.softmax, {"dim": ...}


class LogSoftmax(FunctionModule):
    function, defaults = F.log_softmax, {"dim": ...}
