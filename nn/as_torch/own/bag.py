"""`nn.EmbeddingBag`: the sum, mean or maximum of the rows of an embedding, bag by bag."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad
from minigrad import Tensor
from minigrad.array import to_numpy
from minigrad.errors import shown

from ... import functional as F
from ...layers import Embedding
from ...module import Module

__all__ = ["EmbeddingBag", "embedding_bag"]
MODES = ("sum", "mean", "max")


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """(bags, E): of each bag of ids the sum, mean or maximum of their rows of weight (V, E).

    input: (bags, N), or all ids in a row, (N,), with `offsets` (bags,), where each bag begins;
    include_last_offset: with one offset more, the end. An empty bag gives 0; padding_idx is left
    out. per_sample_weights: a factor for each id, for mode "sum". sparse has no effect: gradients
    are dense, with the same numbers.
    """
    check_bag(input, offsets, mode, per_sample_weights)
    bag_of = bags_of(input, offsets, include_last_offset)
    count = len(input) if offsets is None else len(offsets) - bool(include_last_offset)
    ids = input.reshape(-1)
    factors = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    if padding_idx is not None:
        padding_idx %= len(weight)
        kept = to_numpy((ids != padding_idx).array).nonzero()[0]
        ids, bag_of = ids[kept], bag_of[kept]
        factors = None if factors is None else factors[kept]
    rows = F.embedding(ids, weight, None, max_norm, norm_type, scale_grad_by_freq)
    if factors is not None:
        rows = rows * factors.unsqueeze(1)
    empty = minigrad.zeros(count, weight.shape[1], dtype=weight.dtype, device=weight.device)
    if mode == "max":
        return stacked_maxima(rows, bag_of, empty)
    total = empty.index_add(0, minigrad.tensor(bag_of).to(weight.device), rows)
    if mode == "sum":
        return total
    sizes = np.maximum(np.bincount(bag_of, minlength=count), 1)
    return total / minigrad.tensor(sizes).to(total).unsqueeze(1)


def check_bag(input: Any, offsets: Any, mode: str, per_sample_weights: Any) -> None:
    """Raise if the arguments of `embedding_bag` do not fit one another."""
    if mode not in MODES:
        raise ValueError(f"embedding_bag: expected mode among {MODES}, got {shown(mode)}")
    if not isinstance(input, Tensor) or input.ndim not in (1, 2):
        raise ValueError(
            f"embedding_bag: expected input (bags, N), or (N,) with offsets, got {shown(input)}"
        )
    if (input.ndim == 1) != isinstance(offsets, Tensor):
        expected = "offsets, where each bag begins," if input.ndim == 1 else "no offsets"
        raise ValueError(
            f"embedding_bag: expected {expected} for input of {input.ndim} dimensions, "
            f"got {shown(offsets)}"
        )
    if per_sample_weights is None:
        return
    if mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights with mode {mode!r} is not supported; use 'sum'"
        )
    if per_sample_weights.shape != input.shape:
        raise ValueError(
            f"embedding_bag: expected per_sample_weights {tuple(input.shape)}, "
            f"got {shown(per_sample_weights)}"
        )


def bags_of(input: Tensor, offsets: Tensor | None, has_end: bool) -> np.ndarray[Any, Any]:
    """(N,): the number of the bag of each id.

    Raises ValueError for offsets that do not begin at 0, fall, or pass the end.
    """
    if offsets is None:
        return np.repeat(np.arange(len(input)), input.shape[1])
    starts = to_numpy(offsets.array)
    ends = starts if has_end else np.append(starts, len(input))
    sizes = np.diff(ends)
    if starts.size == 0 or starts[0] != 0 or (sizes < 0).any() or ends[-1] > len(input):
        raise ValueError(
            f"embedding_bag: expected offsets that begin with 0, do not fall and end by "
            f"{len(input)}, got {starts.tolist()[:10]}"
        )
    bags = np.repeat(np.arange(len(sizes)), sizes)
    return np.append(bags, np.full(len(input) - len(bags), len(sizes) - 1))


def stacked_maxima(rows: Tensor, bag_of: np.ndarray[Any, Any], empty: Tensor) -> Tensor:
    """(bags, E): the maximum of each bag's rows; a row of `empty` where there is none."""
    maxima = []
    for bag in range(len(empty)):
        own = (bag_of == bag).nonzero()[0]
        maxima.append(rows[own].max(0).values if own.size else empty[bag])
    return minigrad.stack(maxima)


class EmbeddingBag(Module):
    """`embedding_bag` with a weight of its own: see there."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        rows = Embedding(
            num_embeddings,
            embedding_dim,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            _weight=_weight,
            device=device,
            dtype=dtype,
        )
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = rows.padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.weight = rows.weight
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, *settings: Any, **named: Any
    ) -> EmbeddingBag:
        """An EmbeddingBag whose weight is `embeddings` (V, E); it is learned if not `freeze`.

        The other settings are those of the class from max_norm on, without _weight.
        """
        names = "max_norm norm_type scale_grad_by_freq mode sparse include_last_offset padding_idx"
        named.update(zip(names.split(), settings), _weight=embeddings)
        rows, columns = embeddings.shape
        layer = cls(rows, columns, **named)
        layer.weight.requires_grad_(not freeze)
        return layer

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        return embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"
