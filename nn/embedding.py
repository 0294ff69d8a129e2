"""Embedding: a row of a matrix for each id."""

from __future__ import annotations

from minigrad import Tensor, no_grad, zeros

from . import init
from .functional import embedding
from .module import Module, Parameter


class Embedding(Module):
    """y = weight[ids]: ids integers of any shape (...) in [0, num_embeddings), y (..., embedding_dim).

    weight (num_embeddings, embedding_dim) starts as N(0, 1). Row `padding_idx` starts as 0 and gets no gradient, so
    it stays 0: give it to an id that stands for nothing. An id out of range is refused.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None):
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx {padding_idx} is not among the {num_embeddings} rows")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(zeros(num_embeddings, embedding_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, input: Tensor) -> Tensor:
        return embedding(input, self.weight, padding_idx=self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
