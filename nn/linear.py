"""Linear and Identity."""

from __future__ import annotations

import math

from minigrad import Tensor, zeros

from . import init
from .functional import linear
from .module import Module, Parameter


class Identity(Module):
    """y = x."""

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """y = x Wᵀ + b: x (..., in_features), weight (out_features, in_features), y (..., out_features).

    weight and bias start as U(-k, k), k = 1/√in_features.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(zeros(out_features, in_features))
        self.bias = Parameter(zeros(out_features)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        k = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
        for param in self.parameters():
            init.uniform_(param, -k, k)

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
