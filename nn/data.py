"""Batches: TensorDataset and DataLoader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minigrad import Tensor, as_tensor, errors, stack
from minigrad.random import generator


class TensorDataset:
    """Tensors of one length: item i is the tuple of their rows i."""

    def __init__(self, *tensors: Tensor):
        if not tensors or len({len(t) for t in tensors}) > 1:
            raise ValueError(
                f"TensorDataset: lengths {[len(t) for t in tensors]} came; give tensors of one length"
            )
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)


class DataLoader:
    """Batches of a dataset: iterating gives lists of tensors, in a new random order each time with `shuffle`.

    dataset: a TensorDataset, or anything with a length and items. The last batch may be smaller; `drop_last` leaves
    it out. collate_fn makes a batch of a list of items; by default their parts are stacked. The order comes from
    minigrad's random generator, so `minigrad.manual_seed` fixes it. Its state_dict says which batches of the pass under
    way are still to come; after load_state_dict the next pass gives those.

    >>> from minigrad import arange
    >>> [x.tolist() for x, in DataLoader(TensorDataset(arange(5)), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
    ):
        if batch_size < 1 or len(dataset) < 0:  # len refuses what has no length
            raise ValueError(f"DataLoader: batch_size is 1 or more, not {batch_size}")
        self.dataset, self.batch_size, self.shuffle, self.drop_last = (
            dataset,
            batch_size,
            shuffle,
            drop_last,
        )
        self.collate_fn = collate_fn
        # of the pass under way: the state of the random numbers before it, and how many batches it has given
        self.random: Any = None
        self.given, self.resumed = 0, False

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        source, count = generator(), len(self.dataset)
        if self.resumed:
            source = np.random.default_rng(0)
            source.bit_generator.state = self.random
        else:
            self.random, self.given = source.bit_generator.state, 0
        self.resumed = False
        order = source.permutation(count) if self.shuffle else np.arange(count)
        for start in range(
            self.given * self.batch_size, len(self) * self.batch_size, self.batch_size
        ):
            self.given += 1
            chosen = order[start : start + self.batch_size]
            if isinstance(self.dataset, TensorDataset) and self.collate_fn is None:
                yield list(self.dataset[chosen])  # all rows at once
            else:
                yield (self.collate_fn or collate)([self.dataset[int(i)] for i in chosen])
        self.random = None

    def state_dict(self) -> dict[str, Any]:
        sizes = {"items": len(self.dataset), "batch_size": self.batch_size, "batches": len(self)}
        return {"random": self.random, "given": self.given, **sizes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on in the pass in which `state_dict` was taken. Raises ValueError where it is of other data."""
        random, given, own = (
            state_dict.get("random"),
            state_dict.get("given", -1),
            self.state_dict(),
        )
        if {**state_dict, "random": 0, "given": 0} != {
            **own,
            "random": 0,
            "given": 0,
        } or not 0 <= given <= len(self):
            raise ValueError(
                f"DataLoader: the state {state_dict} is one of other data: here it is {own}"
            )
        if random is not None:
            np.random.default_rng(0).bit_generator.state = random  # refuses what is none
        self.random, self.given, self.resumed = random, given, random is not None


def collate(items: Sequence[Any]) -> Any:
    """A list of items as one batch: tuples part by part, tensors stacked, numbers and arrays made tensors."""
    first = items[0]
    if isinstance(first, tuple | list):
        return [collate(part) for part in zip(*items, strict=True)]
    return stack(list(items)) if isinstance(first, Tensor) else as_tensor(np.stack(items))


errors.name_all(globals(), helpers="collate")
