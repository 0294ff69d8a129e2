"""Batches: TensorDataset and DataLoader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minigrad import Tensor, as_tensor, stack
from minigrad.array import generator


class TensorDataset:
    """Tensors of one length: item i is the tuple of their rows i."""

    def __init__(self, *tensors: Tensor):
        if not tensors or len({len(t) for t in tensors}) > 1:
            raise ValueError(f"TensorDataset: lengths {[len(t) for t in tensors]} came; give tensors of one length")
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)


class DataLoader:
    """Batches of a dataset: iterating gives lists of tensors, in a new random order each time with `shuffle`.

    dataset: a TensorDataset, or anything with a length and items. The last batch may be smaller; `drop_last` leaves
    it out. collate_fn makes a batch of a list of items; by default their parts are stacked. The order comes from
    minigrad's random generator, so `minigrad.manual_seed` fixes it.

    >>> from minigrad import arange
    >>> [x.tolist() for x, in DataLoader(TensorDataset(arange(5)), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, dataset: Any, batch_size: int = 1, shuffle: bool = False, *, drop_last: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
    ):  # fmt: skip
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size is 1 or more, not {batch_size}")
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last
        self.collate_fn = collate_fn

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        count = len(self.dataset)
        order = generator().permutation(count) if self.shuffle else np.arange(count)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            chosen = order[start : start + self.batch_size]
            if isinstance(self.dataset, TensorDataset) and self.collate_fn is None:
                yield list(self.dataset[chosen])  # all rows at once
            else:
                yield (self.collate_fn or collate)([self.dataset[int(i)] for i in chosen])


def collate(items: Sequence[Any]) -> Any:
    """A list of items as one batch: tuples part by part, tensors stacked, numbers and arrays made tensors."""
    first = items[0]
    if isinstance(first, tuple | list):
        return [collate(part) for part in zip(*items, strict=True)]
    return stack(list(items)) if isinstance(first, Tensor) else as_tensor(np.stack(items))
