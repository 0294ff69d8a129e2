"""Batches: TensorDataset and DataLoader."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad import Tensor, as_tensor, stack
from minigrad.random import generator as default_generator
from minigrad.random import generator_at

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


@dataclass
class Epoch:
    """One pass over the data; its order follows from the generator's state before it."""

    rng_state: Any
    batches_done: int = 0
    was_left: bool = False  # its loop ended before its batches did


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
        shuffle: bool | None = None,
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
        self.epoch: Epoch | None = None  # the current one; None between epochs
        self.resuming = False  # whether the next loop gives the rest of that epoch

    def __len__(self) -> int:
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole if self.drop_last or not rest else whole + 1

    def __iter__(self) -> Iterator[Any]:
        epoch, source = self.begin_epoch()
        count = len(self.dataset)
        order = source.permutation(count) if self.shuffle else np.arange(count)
        try:
            for number in range(epoch.batches_done, len(self)):
                start = number * self.batch_size
                batch = self.make_batch(order[start : start + self.batch_size])
                epoch.batches_done = number + 1  # not before: a batch that failed is still to come
                self.epoch = epoch  # of several loops that of the last batch
                yield batch
        except GeneratorExit:
            epoch.was_left = True
            raise
        if self.epoch is epoch:
            self.epoch = None

    def make_batch(self, indices: np.ndarray[Any, Any]) -> Any:
        """The items of these numbers, as one batch."""
        if isinstance(self.dataset, TensorDataset) and self.collate_fn is None:
            return list(self.dataset[indices])  # all rows at once
        items = [self.dataset[int(i)] for i in indices]
        return collate(items) if self.collate_fn is None else self.collate_fn(items)

    # Resuming: an epoch is its order, which follows from the state of the random generator before
    # it, and the number of batches that it has given.

    def begin_epoch(self) -> tuple[Epoch, np.random.Generator]:
        """The next epoch, or the rest of a resumed one, and the generator of its order."""
        source = default_generator()
        state = source.bit_generator.state
        if self.epoch is None or not self.resuming:
            self.epoch = Epoch(state)
        elif state != self.epoch.rng_state:  # the order was drawn before, or by another loader
            source = generator_at(self.epoch.rng_state)
        self.resuming = False
        return self.epoch, source

    def state_dict(self) -> dict[str, Any]:
        """Which batches of the current epoch are still to come; between epochs, all of the next.

        A loop that was left, by `break` or by a glance at the first batch, has ended its epoch. One
        that a Ctrl-C ended goes on where the state is loaded, if it is taken in `except
        KeyboardInterrupt`; so does one that ended since a batch could not be made.
        """
        epoch = self.epoch
        is_interrupted = isinstance(sys.exc_info()[1], KeyboardInterrupt)
        if epoch is None or (epoch.was_left and not is_interrupted):
            epoch = Epoch(default_generator().bit_generator.state)
        return {"random": epoch.rng_state, "given": epoch.batches_done, **self.sizes()}

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
        self.resuming = rng_state is not None
        self.epoch = Epoch(rng_state, batches_done) if self.resuming else None

    def sizes(self) -> dict[str, int]:
        """What a state must agree with."""
        return {
            "items": len(self.dataset),
            "batch_size": self.batch_size,
            "batches": len(self),
        }


def collate(items: Sequence[Any]) -> Any:
    """A list of items as one batch, as PyTorch does: tensors stacked, numbers and arrays too.

    Tuples and lists are taken part by part into a list, named tuples and dicts into one of their
    kind; strings stay as they are. Raises ValueError where shapes, lengths or keys differ,
    TypeError for anything else.
    """
    first = items[0]
    if isinstance(first, Tensor):
        return stack(list(items))
    if isinstance(first, str | bytes):
        return items
    if isinstance(first, Mapping):
        return collate_mappings(items)
    if isinstance(first, tuple | list):
        check_equal("one length", [len(item) for item in items])
        parts = [collate(part) for part in zip(*items, strict=True)]
        is_named = hasattr(first, "_fields")
        return type(first)(*parts) if is_named else parts
    check_equal("one shape", [np.shape(item) for item in items])
    values = np.asarray(items)
    if values.dtype.kind not in "fiub":
        raise TypeError(
            "DataLoader: expected items of tensors, arrays, numbers, strings, tuples or dicts, "
            f"got {describe(first)}; give a collate_fn"
        )
    return as_tensor(values)


def collate_mappings(items: Sequence[Any]) -> Any:
    """Dicts of the same keys as one of the first's kind, key by key."""
    first = items[0]
    check_equal("the same keys", [sorted(item, key=str) for item in items])
    batch = {key: collate([item[key] for item in items]) for key in first}
    if type(first) is dict or not isinstance(first, MutableMapping):
        return batch
    same_kind = copy(first)  # a defaultdict, say, with its default
    same_kind.update(batch)
    return same_kind


def check_equal(what: str, values: Sequence[Any]) -> None:
    """Raise ValueError where the items of a batch differ in this."""
    if any([value != values[0] for value in values]):
        raise ValueError(
            f"DataLoader: expected items of {what}, got {values!r:.60}; give a collate_fn, "
            "nn.utils.rnn.pad_sequence for example"
        )


def check_dataset(dataset: Any) -> None:
    """Raise TypeError where a dataset has no length or no items."""
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise TypeError(
            f"DataLoader: expected a dataset with a length and items, got {describe(dataset)}; "
            "make a list of it"
        )
