"""Layers with at most one weight and one bias: Linear, Embedding, LayerNorm, the dropouts ..."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

from minigrad import Tensor, flatten, no_grad, reshape, zeros
from minigrad.arguments import normalize_dim
from minigrad.errors import shown

from . import functional as F
from . import init
from .arguments import as_probability, check_sizes, check_tensor
from .checked import checked
from .functional.checks import normalize_padding_idx, normalized_sizes
from .functional.layers import drop
from .module import Module
from .parameter import Parameter
from .printing import changed_settings


class Identity(Module):
    """y = x, whatever arguments it was made with."""

    @checked
    def __init__(self, *args: Any, **kwargs: Any):
        pass

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """y = x Wᵀ + b: x (..., in_features), y (..., out_features).

    weight W (out_features, in_features), bias b (out_features,).
    Both start as U(-k, k), k = 1/√in_features.
    """

    bias: Parameter | None

    @checked
    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        sizes = {"in_features": in_features, "out_features": out_features}
        check_sizes(type(self).__name__, 0, **sizes)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(zeros(out_features, in_features, device=device, dtype=dtype))
        self.bias = None
        if bias:
            self.bias = Parameter(zeros(out_features, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        k = 1 / math.sqrt(self.in_features or 1)
        for param in self.parameters():
            init.uniform_(param, -k, k)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


class Bilinear(Module):
    """y = xᵀ W z + b: x (..., I), z (..., J), y (..., O); weight W (O, I, J), bias b (O,).

    Both start as U(-k, k), k = 1/√I.
    """

    bias: Parameter | None

    @checked
    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        sizes = {"in2_features": in2_features, "out_features": out_features}
        check_sizes("Bilinear", 1, in1_features=in1_features)
        check_sizes("Bilinear", 0, **sizes)
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(zeros(shape, device=device, dtype=dtype))
        self.bias = None
        if bias:
            self.bias = Parameter(zeros(out_features, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        k = 1 / math.sqrt(self.in1_features)
        for param in self.parameters():
            init.uniform_(param, -k, k)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}"
        return f"{sizes}, out_features={self.out_features}, bias={self.bias is not None}"


class Flatten(Module):
    """The dimensions from start_dim to end_dim as one; by default all but the batch."""

    @checked
    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Dimension `dim` in the shape `unflattened_size`, of which one size may be -1."""

    @checked
    def __init__(self, dim: int, unflattened_size: Sequence[int]):
        check_unflattened_size("Unflatten", unflattened_size)
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    @checked
    def forward(self, input: Tensor) -> Tensor:
        check_unflattened_size("Unflatten", self.unflattened_size)
        dim = normalize_dim("Unflatten", input, self.dim)
        count = input.shape[dim] if input.ndim else 1
        sizes = filled_sizes("Unflatten", self.unflattened_size, count)
        return reshape(input, (*input.shape[:dim], *sizes, *input.shape[dim + 1 :]))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


def check_unflattened_size(name: str, sizes: Any) -> None:
    """Raise TypeError if the sizes are not several integers."""
    is_sequence = isinstance(sizes, tuple | list)
    if not is_sequence or not all([isinstance(size, Integral) for size in sizes]):
        raise TypeError(
            f"{name}: expected unflattened_size to be a tuple of integers, got {shown(sizes)}"
        )


def filled_sizes(name: str, sizes: tuple[int, ...], count: int) -> list[int]:
    """The sizes, -1 replaced. Raises ValueError if they are not those of `count` elements."""
    known = math.prod([size for size in sizes if size != -1])
    is_one_free = sizes.count(-1) == 1 and known > 0 and count % known == 0
    if not is_one_free and (-1 in sizes or known != count):
        raise ValueError(
            f"{name}: expected an unflattened_size of {count} elements, got {sizes}; at most one "
            "size may be -1"
        )
    return [count // known if size == -1 else size for size in sizes]


class Embedding(Module):
    """y = weight[ids]: ids (...) integers from 0 to num_embeddings - 1, y (..., embedding_dim).

    weight (num_embeddings, embedding_dim) starts as N(0, 1). Row `padding_idx` starts as 0 and gets
    no gradient, so it stays 0: use it for padding. max_norm, norm_type, scale_grad_by_freq: see
    `functional.embedding`. sparse has no effect. An id out of range raises IndexError.
    """

    @checked
    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        sizes = {"num_embeddings": num_embeddings, "embedding_dim": embedding_dim}
        check_sizes("Embedding", 0, **sizes)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = normalize_padding_idx("Embedding", padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if _weight is None:
            _weight = zeros(num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.weight = Parameter(_weight, requires_grad=not _freeze)
            self.reset_parameters()
        elif tuple(_weight.shape) != (num_embeddings, embedding_dim):
            raise ValueError(
                f"Embedding: expected _weight {(num_embeddings, embedding_dim)}, "
                f"got {tuple(_weight.shape)}"
            )
        else:
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An Embedding whose weight is `embeddings` (V, E); it is learned if not `freeze`."""
        check_tensor("Embedding.from_pretrained", "embeddings", embeddings)
        if embeddings.ndim != 2:
            raise ValueError(
                "Embedding.from_pretrained: expected embeddings (num_embeddings, embedding_dim), "
                f"got {tuple(embeddings.shape)}"
            )
        rows, columns = embeddings.shape
        return cls(
            rows,
            columns,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def reset_parameters(self) -> None:
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
        )

    def extra_repr(self) -> str:
        changed = changed_settings(
            self,
            padding_idx=None,
            max_norm=None,
            norm_type=2.0,
            scale_grad_by_freq=False,
            sparse=False,
        )
        return f"{self.num_embeddings}, {self.embedding_dim}{changed}"


class LayerNorm(Module):
    """y = w (x - mean) / √(var + eps) + b over the last dimensions, of sizes `normalized_shape`.

    mean and var (biased) are those of each position alone. w starts as 1, b as 0;
    elementwise_affine=False leaves out both, bias=False the b. Source: Ba, Kiros & Hinton 2016.
    """

    weight: Parameter | None
    bias: Parameter | None

    @checked
    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        self.normalized_shape = normalized_sizes(type(self).__name__, normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = None
        self.bias = None
        if elementwise_affine:
            self.weight = Parameter(zeros(self.normalized_shape, device=device, dtype=dtype))
        if elementwise_affine and bias:
            self.bias = Parameter(zeros(self.normalized_shape, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class RMSNorm(Module):
    """y = w x / √(mean(x²) + eps) over the last dimensions, of sizes `normalized_shape`.

    w starts as 1; elementwise_affine=False leaves it out. eps: the smallest step from 1 of the
    input's dtype where none is given. Source: Zhang & Sennrich 2019.
    """

    weight: Parameter | None

    @checked
    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        self.normalized_shape = normalized_sizes(type(self).__name__, normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = None
        if elementwise_affine:
            self.weight = Parameter(zeros(self.normalized_shape, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        affine = f"elementwise_affine={self.elementwise_affine}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class GroupNorm(Module):
    """y = w (x - mean) / √(var + eps) + b over each of `num_groups` groups of channels.

    x (B,C,...). mean and var (biased) are those of each example alone. w (C,) starts as 1, b as 0;
    affine=False leaves out both, bias=False the b. Source: Wu & He 2018.
    """

    weight: Parameter | None
    bias: Parameter | None

    @checked
    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        check_sizes("GroupNorm", 1, num_groups=num_groups, num_channels=num_channels)
        if num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: expected num_channels a multiple of {num_groups} groups, "
                f"got {num_channels}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.weight = None
        self.bias = None
        if affine:
            self.weight = Parameter(zeros(num_channels, device=device, dtype=dtype))
        if affine and bias:
            self.bias = Parameter(zeros(num_channels, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = f"affine={self.affine}, bias={self.bias is not None}"
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, {affine}"


class Dropout(Module):
    """In training y = x m / (1 - p), m 0 with probability p, else 1, fresh at every call.

    In evaluation y = x. Source: Srivastava et al. 2014. Raises ValueError if p is not between 0 and
    1.
    """

    @checked
    def __init__(self, p: float = 0.5, inplace: bool = False):
        self.inplace = inplace
        self.p = as_probability(type(self).__name__, "p", p)

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class LockedDropout(Dropout):
    """Dropout with one mask for all time steps, fresh at every call.

    Input is (T,B,H), or (B,T,H) with `batch_first`; (T,H) is a sequence without a batch. For h
    inside the recurrence see `unroll(..., dropout=p)`. Source: Gal & Ghahramani 2016.
    """

    @checked
    def __init__(self, p: float = 0.5, batch_first: bool = False):
        super().__init__(p)
        self.batch_first = batch_first

    @checked
    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (2, 3):
            order = "batch, time" if self.batch_first else "time, batch"
            raise ValueError(
                f"LockedDropout: expected input ({order}, size) or (time, size), "
                f"got {tuple(input.shape)}"
            )
        time = 1 if self.batch_first and input.ndim == 3 else 0
        mask = list(input.shape)
        mask[time] = 1
        return drop("LockedDropout", input, self.p, self.training, shape=mask)

    def extra_repr(self) -> str:
        return f"p={self.p}, batch_first={self.batch_first}"
