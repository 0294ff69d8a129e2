"""Upsample: the layer of nn.functional.interpolate."""

from __future__ import annotations

from typing import Any

from minigrad import Tensor
from minigrad.errors import shown

from . import functional as F
from .checked import checked
from .module import Module


class Upsample(Module):
    """A signal, an image or a volume with another number of elements: see `interpolate`.

    x (B,C,*n) -> (B,C,*m), by size or by scale_factor. Raises as `interpolate` does, ValueError for
    a scale_factor that is not a number.
    """

    @checked
    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ):
        self.size = size
        self.scale_factor = as_factors(scale_factor)
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    @checked
    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        by = f"size={self.size}"
        if self.scale_factor is not None:
            by = f"scale_factor={self.scale_factor}"
        return f"{by}, mode={self.mode!r}"


def as_factors(scale_factor: Any) -> Any:
    """A factor or several as floats, None as it is. Raises ValueError if they are not numbers."""
    try:
        if isinstance(scale_factor, tuple | list):
            return tuple([float(factor) for factor in scale_factor])
        return None if scale_factor is None else float(scale_factor)
    except (TypeError, ValueError):
        got = shown(scale_factor)
        raise ValueError(
            f"Upsample: expected a number or several as scale_factor, got {got}"
        ) from None
