"""LayerNorm."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad import Tensor, ones, zeros

from .functional import layer_norm
from .module import Module, Parameter


class LayerNorm(Module):
    """y = w (x - mean) / √(var + eps) + b over the last dimensions, of sizes `normalized_shape` (Ba et al. 2016).

    mean and var (biased) are those of each position alone. w starts as 1, b as 0.
    """

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True,
    ):  # fmt: skip
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.weight = Parameter(ones(*self.normalized_shape)) if elementwise_affine else None
        self.bias = Parameter(zeros(*self.normalized_shape)) if elementwise_affine and bias else None

    def forward(self, input: Tensor) -> Tensor:
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )
