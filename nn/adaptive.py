"""Adaptive pooling as modules: the number of windows is given, see nn.functional.adaptive."""

from __future__ import annotations

from typing import Any

from minigrad import Tensor

from . import functional as F
from .arguments import refuse_unsupported
from .checked import checked
from .module import Module


class AdaptivePooling(Module):
    """What the adaptive pooling modules share: `output_size`, how many windows there are."""

    @checked
    def __init__(self, output_size: Any):
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(AdaptivePooling):
    """The mean of each of `output_size` windows: x (B,C,L), y (B,C,P)."""

    @checked
    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(AdaptivePooling):
    """`AdaptiveAvgPool1d` in two dimensions: x (B,C,H,W), y (B,C,P,Q)."""

    @checked
    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveMaxPool1d(AdaptivePooling):
    """The largest element of each of `output_size` windows: x (B,C,L), y (B,C,P)."""

    @checked
    def __init__(self, output_size: Any, return_indices: bool = False):
        refuse_unsupported(type(self).__name__, "leave it out", return_indices=return_indices)
        super().__init__(output_size)

    @checked
    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_max_pool1d(input, self.output_size)


class AdaptiveMaxPool2d(AdaptiveMaxPool1d):
    """`AdaptiveMaxPool1d` in two dimensions: x (B,C,H,W), y (B,C,P,Q)."""

    @checked
    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_max_pool2d(input, self.output_size)
