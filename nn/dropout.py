"""Dropout, element by element or locked over time."""

from __future__ import annotations

from minigrad import Tensor

from .functional import dropout
from .module import Module


class Dropout(Module):
    """In training, y = x m / (1 - p), m 0 with probability p, else 1, fresh at every call; y = x in evaluation."""

    def __init__(self, p: float = 0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p is a probability, between 0 and 1, not {p}")
        self.p = p

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)

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
        shape = list(input.shape)
        shape[int(self.batch_first)] = 1
        return dropout(input, self.p, self.training, shape)

    def extra_repr(self) -> str:
        return f"p={self.p}" + (", batch_first=True" if self.batch_first else "")
