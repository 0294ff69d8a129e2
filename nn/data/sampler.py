"""Samplers: in which order a DataLoader takes the items of a dataset.

They draw from minigrad's random generator, or from the `generator` that is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from types import GenericAlias
from typing import Any

import numpy as np

from minigrad import Tensor
from minigrad.errors import shown
from minigrad.random import source_of

from ..arguments import (
    check_bools,
    check_has_length,
    check_integers,
    check_numbers_of_items,
)

MOST_AT_ONCE = 1_000_000  # numbers that are drawn together


class Sampler:
    """Numbers of items: a subclass defines `__iter__`, and `__len__` if there is a length."""

    __class_getitem__: Any = classmethod(GenericAlias)  # Sampler[int], for readers alone

    def __init__(self, data_source: Any = None):
        self.data_source = data_source

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(
            f"{type(self).__name__} has no order: define `def __iter__(self)`"
        )


class SequentialSampler(Sampler):
    """0, 1, 2 ..."""

    def __init__(self, data_source: Sized):
        check_has_length("SequentialSampler", data_source)
        self.data_source = data_source

    def __len__(self) -> int:
        return len(self.data_source)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))


class RandomSampler(Sampler):
    """All numbers in random order, over and over until there are `num_samples`.

    num_samples: by default one of each. replacement: each is drawn anew, and may be repeated.
    Raises ValueError if num_samples is below 1.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Any = None,
    ):
        check_has_length("RandomSampler", data_source)
        check_bools("RandomSampler", replacement=replacement)
        self.data_source = data_source
        self.replacement = replacement
        self.number = num_samples
        self.generator = generator
        check_integers("RandomSampler", 1, num_samples=self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many numbers one pass gives."""
        return len(self.data_source) if self.number is None else self.number

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        return self.drawn_from(source_of("RandomSampler", self.generator))

    def drawn_from(self, source: np.random.Generator) -> Iterator[int]:
        """One pass, in the order that this generator draws."""
        count, left = len(self.data_source), self.num_samples
        while left > 0:  # in parts, since num_samples may be larger than any list
            size = min(left, max(count, 32))
            if self.replacement:
                drawn = source.integers(0, count, size)
            else:
                size = min(left, count)
                drawn = source.permutation(count)[:size]
            yield from drawn.tolist()
            left -= size


class SubsetRandomSampler(Sampler):
    """The given numbers in random order."""

    def __init__(self, indices: Sequence[int], generator: Any = None):
        check_numbers_of_items("SubsetRandomSampler", indices)
        self.indices = indices
        self.generator = generator

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[int]:
        source = source_of("SubsetRandomSampler", self.generator)
        for place in source.permutation(len(self.indices)).tolist():
            yield self.indices[place]


class WeightedRandomSampler(Sampler):
    """num_samples numbers from 0 on, each with a probability in proportion to its weight.

    replacement=False: each at most once. Raises ValueError if a weight is below 0, all are 0, or
    fewer are above 0 than are to be drawn without replacement.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Any = None,
    ):
        name = "WeightedRandomSampler"
        check_integers(name, 1, num_samples=num_samples)
        check_bools(name, replacement=replacement)
        values = as_weights(name, weights)
        if values.ndim != 1 or not (values >= 0).all() or not 0 < values.sum() < np.inf:
            raise ValueError(
                f"{name}: expected weights of at least 0, not all of them 0, got {weights!s:.80}"
            )
        if not replacement and np.count_nonzero(values) < num_samples:
            raise ValueError(
                f"{name}: expected num_samples of at most {np.count_nonzero(values)}, as many as "
                f"there are weights above 0, got {num_samples}; set replacement=True"
            )
        self.weights = values
        self.num_samples = int(num_samples)
        self.replacement = replacement
        self.generator = generator

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        source = source_of("WeightedRandomSampler", self.generator)
        shares = self.weights / self.weights.sum()
        left = self.num_samples
        while left > 0:  # in parts, since num_samples may be larger than any list
            size = min(left, MOST_AT_ONCE) if self.replacement else left
            yield from source.choice(len(shares), size, self.replacement, shares).tolist()
            left -= size


class BatchSampler(Sampler):
    """Lists of batch_size numbers of a sampler; drop_last leaves out a last one that is shorter.

    >>> list(BatchSampler(SequentialSampler("abcde"), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool):
        check_integers("BatchSampler", 1, batch_size=batch_size)
        check_bools("BatchSampler", drop_last=drop_last)
        if not isinstance(sampler, Iterable) or getattr(sampler, "ndim", 1) == 0:
            got = shown(sampler)
            raise TypeError(f"BatchSampler: expected numbers in an iterable, got {got}")
        self.sampler: Any = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __len__(self) -> int:
        check_has_length("BatchSampler", self.sampler)
        whole, rest = divmod(len(self.sampler), self.batch_size)
        return whole if self.drop_last or not rest else whole + 1

    def __iter__(self) -> Iterator[list[Any]]:
        batch = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch


def as_weights(name: str, weights: Any) -> np.ndarray[Any, Any]:
    """Weights in float64. Raises TypeError if they are not real numbers."""
    if isinstance(weights, Tensor):
        weights = weights.tolist()
    try:
        values = np.asarray(weights)
    except ValueError:  # a ragged list
        values = np.array(None)
    if values.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected a list of numbers as weights, got {shown(weights)}")
    return values.astype(np.float64)
