"""Batches: TensorDataset and DataLoader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minigrad import Tensor, as_tensor, stack
from minigrad.random import generator as default_generator

from .arguments import check_integers, check_tensor, describe, refuse_unsupported


class Dataset:
    """Items by number: a subclass defines `__len__` and `__getitem__`."""

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} has no items: define `def __getitem__(self, index)`"
        )


class TensorDataset(Dataset):
    """Tensors of one length: item i is the tuple of their rows i.

    Raises ValueError where the lengths differ.

    >>> from minigrad import arange
    >>> [row.item() for row in TensorDataset(arange(3), arange(3) * 10)[2]]
    [2, 20]
    """

    def __init__(self, *tensors: Tensor):
        for tensor in tensors:
            check_tensor("TensorDataset", "each part", tensor)
        shapes = [tuple(tensor.shape) for tensor in tensors]
        lengths = [shape[0] if shape else None for shape in shapes]
        if not tensors or None in lengths or len(set(lengths)) > 1:
            raise ValueError(f"TensorDataset: expected tensors of one length, got shapes {shapes}")
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple([tensor[index] for tensor in self.tensors])


class DataLoader:
    """Batches of a dataset, in a new random order each epoch with `shuffle`.

    dataset: a TensorDataset, or anything with a length and items. batch_size: the last batch may be
    smaller; `drop_last` leaves it out. collate_fn makes a batch of a list of items; by default
    their parts are stacked. The order comes from minigrad's random generator, so
    `minigrad.manual_seed` fixes it. What else PyTorch's takes is accepted at its default; otherwise
    NotImplementedError. Raises TypeError for a dataset without a length, ValueError for a
    batch_size below 1.

    >>> from minigrad import arange
    >>> [x.tolist() for x, in DataLoader(TensorDataset(arange(5)), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool | None = False,
        sampler: None = None,
        batch_sampler: None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: None = None,
        multiprocessing_context: None = None,
        generator: None = None,
        *,
        prefetch_factor: None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        name = "DataLoader"
        refuse_unsupported(
            name, "write a loop over your indices", sampler=sampler, batch_sampler=batch_sampler
        )
        refuse_unsupported(name, "use minigrad.manual_seed(...)", generator=generator)
        refuse_unsupported(
            name,
            "leave it out: batches are made in this process, on the CPU",
            num_workers=num_workers,
            pin_memory=pin_memory,
            pin_memory_device=pin_memory_device,
            timeout=timeout,
            worker_init_fn=worker_init_fn,
            multiprocessing_context=multiprocessing_context,
            prefetch_factor=prefetch_factor,
            persistent_workers=persistent_workers,
        )
        check_dataset(dataset)
        check_integers(name, 1, batch_size=batch_size)
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = bool(shuffle)
        self.drop_last = drop_last
        self.collate_fn = collate_fn
        self.rng_state: Any = None  # of the generator before the current epoch; None between epochs
        self.batches_done = 0  # in the current epoch
        self.resuming = False  # whether the next epoch is the rest of one

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole if self.drop_last or not rest else whole + 1

    def __iter__(self) -> Iterator[Any]:
        source = self.begin_epoch()
        count = len(self.dataset)
        order = source.permutation(count) if self.shuffle else np.arange(count)
        for batch in range(self.batches_done, len(self)):
            self.batches_done += 1
            start = batch * self.batch_size
            yield self.make_batch(order[start : start + self.batch_size])
        self.rng_state = None

    def make_batch(self, indices: np.ndarray[Any, Any]) -> Any:
        """The items of these numbers, as one batch."""
        if isinstance(self.dataset, TensorDataset) and self.collate_fn is None:
            return list(self.dataset[indices])  # all rows at once
        items = [self.dataset[int(i)] for i in indices]
        return collate(items) if self.collate_fn is None else self.collate_fn(items)

    # Resuming: an epoch is its order, which follows from the state of the random generator before
    # it, and the number of batches that it has given.

    def begin_epoch(self) -> np.random.Generator:
        """The generator of the epoch's order: minigrad's own, or as it was in a resumed epoch."""
        if self.resuming:
            self.resuming = False
            return generator_at(self.rng_state)
        source = default_generator()
        self.rng_state = source.bit_generator.state
        self.batches_done = 0
        return source

    def state_dict(self) -> dict[str, Any]:
        """Which batches of the current epoch are still to come."""
        return {"random": self.rng_state, "given": self.batches_done, **self.sizes()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on in the epoch in which `state_dict` was taken: the next one gives its other batches.

        Raises ValueError, and changes nothing, where the state is one of other data.
        """
        rng_state = state_dict.get("random")
        batches_done = state_dict.get("given", -1)
        sizes = self.sizes()
        keys = {"random", "given", *sizes}
        fits = state_dict.keys() == keys and sizes == {key: state_dict[key] for key in sizes}
        if not fits or batches_done not in range(len(self) + 1):
            raise ValueError(
                f"DataLoader: expected the state of a loader with {sizes}, got {state_dict}"
            )
        if rng_state is not None:
            generator_at(rng_state)  # raises where it is none
        self.rng_state = rng_state
        self.batches_done = batches_done
        self.resuming = rng_state is not None

    def sizes(self) -> dict[str, int]:
        """What a state must agree with."""
        return {
            "items": len(self.dataset),
            "batch_size": self.batch_size,
            "batches": len(self),
        }


def generator_at(state: Any) -> np.random.Generator:
    """A new generator in a given state."""
    source = np.random.default_rng(0)
    source.bit_generator.state = state
    return source


def collate(items: Sequence[Any]) -> Any:
    """A list of items as one batch: tensors stacked, numbers and arrays made tensors.

    Tuples and lists are taken part by part, dicts key by key, strings stay a list. Raises
    ValueError where shapes differ, TypeError for anything else.
    """
    first = items[0]
    if isinstance(first, Tensor):
        return stack(list(items))
    if isinstance(first, str | bytes):
        return list(items)
    if isinstance(first, dict):
        return {key: collate([item[key] for item in items]) for key in first}
    if isinstance(first, tuple | list):
        return [collate(part) for part in zip(*items, strict=True)]
    shapes = [np.shape(item) for item in items]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"DataLoader: expected items of one shape, got {shapes!r:.60}; give a collate_fn, "
            "nn.utils.rnn.pad_sequence for example"
        )
    values = np.asarray(items)
    if values.dtype.kind not in "fiub":
        raise TypeError(
            "DataLoader: expected items of tensors, arrays, numbers, strings, tuples or dicts, "
            f"got {describe(first)}; give a collate_fn"
        )
    return as_tensor(values)


def check_dataset(dataset: Any) -> None:
    """Raise TypeError where a dataset has no length or no items."""
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise TypeError(
            f"DataLoader: expected a dataset with a length and items, got {describe(dataset)}; "
            "make a list of it"
        )
