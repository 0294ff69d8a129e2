"""The DataLoader: batches of a dataset."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import GenericAlias
from typing import Any

import numpy as np

from minigrad.errors import shown
from minigrad.random import generator_at, source_of

from ..arguments import (
    check_bools,
    check_flags,
    check_function,
    check_has_length,
    check_integers,
    check_state,
)
from .collate import collate, convert
from .dataset import IterableDataset, TensorDataset, check_dataset, item_of, items_of
from .sampler import BatchSampler, RandomSampler, SequentialSampler

FIXED = ("dataset", "batch_size", "shuffle", "sampler", "batch_sampler", "drop_last", "is_stream")


@dataclass
class Epoch:
    """One pass over the data; its order follows from the generator's state before it."""

    rng_state: Any
    batches_done: int = 0
    was_left: bool = False  # its loop ended before its batches did


class DataLoader:
    """Batches of a dataset, in a new random order each epoch with `shuffle`.

    dataset: a TensorDataset, or anything with a length and items, or an IterableDataset.
    batch_size: the last batch may be smaller; `drop_last` leaves it out. None gives the items one
    by one, not as batches. sampler: the numbers of the items in their order; batch_sampler: lists
    of them, one for each batch. collate_fn makes a batch of a list of items; by default their parts
    are stacked.

    The order comes from minigrad's random generator, so `minigrad.manual_seed` fixes it, or from
    `generator`. Batches are made in this process: num_workers above 0 warns; other settings of
    workers and pinned memory have no effect. Raises TypeError for a dataset without a length,
    ValueError for a batch_size below 1 and for settings that exclude each other.

    >>> from minigrad import arange
    >>> [x.tolist() for x, in DataLoader(TensorDataset(arange(5)), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    __class_getitem__: Any = classmethod(GenericAlias)  # DataLoader[int], for readers alone

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        name = "DataLoader"
        self.is_stream = isinstance(dataset, IterableDataset)
        if not self.is_stream:
            check_dataset(name, dataset)
        if batch_size is not None:
            check_integers(name, 1, batch_size=batch_size)
        check_flags(name, shuffle=shuffle, pin_memory=pin_memory)
        check_bools(name, drop_last=drop_last)
        check_workers(
            num_workers,
            timeout=None if is_zero(timeout) else timeout,
            multiprocessing_context=multiprocessing_context,
            prefetch_factor=prefetch_factor,
            persistent_workers=persistent_workers,
        )
        if collate_fn is not None:
            check_function(name, "collate_fn", collate_fn)
        source_of(name, generator)
        check_order(batch_size, shuffle, sampler, batch_sampler, drop_last, self.is_stream)
        self.dataset = dataset
        self.shuffle = bool(shuffle)
        self.has_own_order = not self.is_stream and sampler is None and batch_sampler is None
        if sampler is None and self.shuffle:
            sampler = RandomSampler(dataset, generator=generator)
        elif sampler is None:
            sampler = dataset if self.is_stream else SequentialSampler(dataset)
        self.sampler = sampler
        self.batch_size = batch_size if batch_sampler is None else None
        if batch_sampler is None and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler
        self.drop_last = drop_last
        self.collate_fn = collate_fn
        self.generator = generator
        self.num_workers = num_workers
        self.epoch: Epoch | None = None  # the current one; None between epochs
        self.resuming = False  # whether the next loop gives the rest of that epoch

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign, unless it would change what the loader was made for, as in PyTorch."""
        if name in FIXED and name in vars(self):
            raise ValueError(
                f"DataLoader.{name}: expected no change after it was made, got {shown(value)}; "
                "make another loader"
            )
        if name == "collate_fn" and value is not None:
            check_function("DataLoader", name, value)
        if name == "num_workers":
            check_integers("DataLoader", 0, num_workers=value)
        if name == "generator":
            source_of("DataLoader", value)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        """Delete, unless it is what the loader was made for."""
        if name in FIXED:
            raise ValueError(f"DataLoader.{name}: expected not to be deleted; make another loader")
        super().__delattr__(name)

    def __len__(self) -> int:
        order = self.sampler if self.batch_sampler is None else self.batch_sampler
        for source in (order, getattr(order, "sampler", order)):
            check_has_length("DataLoader: len", source)
        return len(order)

    def __iter__(self) -> Iterator[Any]:
        if self.is_stream:
            yield from self.batches_of_stream()
            return
        epoch, source = self.begin_epoch()
        numbers = islice(self.batches_of_numbers(source), epoch.batches_done, None)
        try:
            for batch_of_numbers in numbers:
                batch = self.make_batch(batch_of_numbers)
                epoch.batches_done += 1  # not before: a batch that failed is still to come
                self.epoch = epoch  # of several loops that of the last batch
                yield batch
        except GeneratorExit:
            epoch.was_left = True
            raise
        if self.epoch is epoch:
            self.epoch = None

    def batches_of_numbers(self, source: np.random.Generator) -> Iterator[Any]:
        """The numbers of the items of each batch; of one item, where there are no batches."""
        if not self.shuffle:
            return iter(self.sampler if self.batch_sampler is None else self.batch_sampler)
        order = self.sampler.drawn_from(source)
        if self.batch_size is None:
            return order
        return iter(BatchSampler(order, self.batch_size, self.drop_last))

    def batches_of_stream(self) -> Iterator[Any]:
        """The batches of an IterableDataset."""
        for items in self.dataset if self.batch_sampler is None else self.batch_sampler:
            yield self.collated(items)

    def make_batch(self, numbers: Any) -> Any:
        """The items of these numbers, as one batch; the item, where there are no batches."""
        if type(self.dataset) is TensorDataset and self.collate_fn is None:
            return list(self.dataset[numbers])  # all rows at once
        if self.batch_sampler is None:
            return self.collated(item_of("DataLoader", self.dataset, numbers))
        if not isinstance(numbers, Iterable) or getattr(numbers, "ndim", 1) == 0:
            raise TypeError(
                f"DataLoader: expected batch_sampler to give lists of numbers, got {shown(numbers)}"
            )
        return self.collated(items_of("DataLoader", self.dataset, numbers))

    def collated(self, items: Any) -> Any:
        """A batch of a list of items; an item itself as tensors, where there are no batches."""
        if self.collate_fn is not None:
            return self.collate_fn(items)
        return convert(items) if self.batch_sampler is None else collate(items)

    # Resuming: an epoch is its order, which follows from the state of the random generator before
    # it, and the number of batches that it has given.

    def begin_epoch(self) -> tuple[Epoch, np.random.Generator]:
        """The next epoch, or the rest of a resumed one, and the generator of its order."""
        source = source_of("DataLoader", self.generator)
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
        KeyboardInterrupt`; so does one that ended since a batch could not be made. Raises
        NotImplementedError if the order is another's: with a sampler, or an IterableDataset.
        """
        self.refuse_foreign_order("state_dict")
        epoch = self.epoch
        is_interrupted = isinstance(sys.exc_info()[1], KeyboardInterrupt)
        if epoch is None or (epoch.was_left and not is_interrupted):
            epoch = Epoch(source_of("DataLoader", self.generator).bit_generator.state)
        return {"random": epoch.rng_state, "given": epoch.batches_done, **self.sizes()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on in the epoch in which `state_dict` was taken: the next one gives its other batches.

        Raises ValueError, and changes nothing, if the state is one of other data.
        """
        self.refuse_foreign_order("load_state_dict")
        check_state("DataLoader", state_dict)
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

    def refuse_foreign_order(self, method: str) -> None:
        """Raise NotImplementedError if the order does not follow from a random generator."""
        if not self.has_own_order:
            raise NotImplementedError(
                f"DataLoader.{method}: a loader with a sampler, or of an IterableDataset, is not "
                "supported, since its order is not known here; use shuffle=True"
            )

    def sizes(self) -> dict[str, Any]:
        """What a state must agree with."""
        return {
            "items": len(self.dataset),
            "batch_size": self.batch_size,
            "batches": len(self),
        }


def is_zero(number: Any) -> bool:
    """Whether this is a number, and 0; an array is none."""
    return isinstance(number, int | float) and number == 0


def check_workers(num_workers: Any, *, persistent_workers: Any, **settings: Any) -> None:
    """Warn where there are to be workers, since none is started. Raise ValueError if something is
    said to them though there are none, as in PyTorch.
    """
    check_integers("DataLoader", 0, num_workers=num_workers)
    if num_workers:
        warnings.warn(
            f"DataLoader: num_workers={num_workers} starts no workers: batches are made in this "
            "process, one after the other, with the same values",
            stacklevel=3,
        )
        return
    check_flags("DataLoader", persistent_workers=persistent_workers)
    for key, value in {**settings, "persistent_workers": persistent_workers or None}.items():
        if value is not None:
            raise ValueError(
                f"DataLoader: expected no {key} where num_workers is 0, got {shown(value)}"
            )


def check_order(
    batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: Any, is_stream: bool
) -> None:
    """Raise ValueError if two settings of a DataLoader exclude each other."""
    if batch_sampler is not None and (
        batch_size != 1 or shuffle or sampler is not None or drop_last
    ):
        raise ValueError(
            "DataLoader: expected batch_sampler alone, got batch_size, shuffle, sampler or "
            "drop_last as well; put them into the batch_sampler"
        )
    if sampler is not None and shuffle:
        raise ValueError(
            "DataLoader: expected sampler or shuffle=True, got both; use a RandomSampler"
        )
    if is_stream and (shuffle or sampler is not None or batch_sampler is not None):
        raise ValueError(
            "DataLoader: expected an IterableDataset without shuffle, sampler and batch_sampler, "
            "since its items have no numbers; shuffle in its __iter__"
        )
    if batch_size is None and drop_last:
        raise ValueError("DataLoader: expected drop_last=False where batch_size is None, got True")
    for key, value in (("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None and (
            not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0
        ):
            raise TypeError(f"DataLoader: expected {key} to be iterable, got {shown(value)}")
