"""Layers with at most one weight and one bias: Linear, Embedding, LayerNorm, and the dropouts, which have none."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minigrad import Tensor, errors, no_grad, ones, zeros

from . import functional as F
from . import init
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
        for param in self.parameters():
            init.uniform_(
                param, -1 / math.sqrt(self.in_features or 1), 1 / math.sqrt(self.in_features or 1)
            )

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """y = weight[ids]: ids integers of any shape (...) in [0, num_embeddings), y (..., embedding_dim).

    weight (num_embeddings, embedding_dim) starts as N(0, 1). Row `padding_idx` starts as 0 and gets no gradient, so
    it stays 0: give it to an id that stands for nothing. An id out of range is refused.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None):
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = F.normalize_padding_idx(padding_idx, num_embeddings)
        self.weight = Parameter(zeros(num_embeddings, embedding_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class LayerNorm(Module):
    """y = w (x - mean) / √(var + eps) + b over the last dimensions, of sizes `normalized_shape` (Ba et al. 2016).

    mean and var (biased) are those of each position alone. w starts as 1, b as 0.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ):
        self.normalized_shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.weight = Parameter(ones(self.normalized_shape)) if elementwise_affine else None
        self.bias = Parameter(zeros(self.normalized_shape)) if elementwise_affine and bias else None

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class Dropout(Module):
    """In training, y = x m / (1 - p), m 0 with probability p, else 1, fresh at every call; y = x in evaluation."""

    def __init__(self, p: float = 0.5):
        self.p = F.probability("Dropout", p)

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace=False"


class LockedDropout(Dropout):
    """Dropout with one mask for all time steps of (T,B,H), or of (B,T,H) with `batch_first`, fresh at every call.

    Source: Gal & Ghahramani 2016. For h inside the recurrence see `unroll(..., dropout=p)`.
    """

    def __init__(self, p: float = 0.5, batch_first: bool = False):
        super().__init__(p)
        self.batch_first = batch_first

    def forward(self, input: Tensor) -> Tensor:
        mask = [1 if dim == self.batch_first else n for dim, n in enumerate(input.shape)]
        return F.dropout(input, self.p, self.training, mask)

    def extra_repr(self) -> str:
        return f"p={self.p}, batch_first={self.batch_first}"


errors.name_all(globals())
