"""Functions of `nn.functional` as modules: the activations; the formulas stand with the functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad import Tensor

from . import functional as F
from .module import Module


class FunctionModule(Module):
    """The function `of`, its settings given once. `class ELU(FunctionModule, of=elu, alpha=1.0)` lists them and their
    defaults (`...`: it has none); a tensor among them is a buffer."""

    of: Callable[..., Tensor]
    defaults: dict[str, Any]

    def __init_subclass__(cls, of: Callable[..., Tensor] = Module.__call__, **defaults: Any):
        cls.of, cls.defaults, cls.__doc__ = staticmethod(of), defaults, cls.__doc__ or of.__doc__

    def __init__(self, *args: Any, **settings: Any):
        settings = dict(zip(self.defaults, args, strict=False)) | settings
        values = self.defaults | settings
        if max(len(values), len(args)) > len(self.defaults) or any(
            value is ... for value in values.values()
        ):
            raise TypeError(
                f"{type(self).__name__}: its settings are {list(self.defaults)}; {list(settings)} came"
            )
        for name, value in values.items():
            if isinstance(value, Tensor):
                self.register_buffer(name, value)
            setattr(self, name, value)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.of(*inputs, **{name: getattr(self, name) for name in self.defaults})

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.defaults)


class Tanh(FunctionModule, of=F.tanh): ...


class Sigmoid(FunctionModule, of=F.sigmoid): ...


class ReLU(FunctionModule, of=F.relu): ...


class LeakyReLU(FunctionModule, of=F.leaky_relu, negative_slope=0.01): ...


class ELU(FunctionModule, of=F.elu, alpha=1.0): ...


class SiLU(FunctionModule, of=F.silu): ...


class GELU(FunctionModule, of=F.gelu, approximate="none"): ...


class Softplus(FunctionModule, of=F.softplus, beta=1.0, threshold=20.0): ...


class LogSigmoid(FunctionModule, of=F.logsigmoid): ...


class Softmax(FunctionModule, of=F.softmax, dim=...): ...


class LogSoftmax(FunctionModule, of=F.log_softmax, dim=...): ...
