"""Datasets: items by number, and parts and chains of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from numbers import Integral, Real
from types import GenericAlias
from typing import Any

from minigrad import Tensor
from minigrad.errors import shown
from minigrad.random import source_of

from ..arguments import as_list, check_numbers_of_items, check_tensor


class Dataset:
    """Items by number: a subclass defines `__len__` and `__getitem__`.

    A DataLoader asks `__getitems__`, if there is one, for a list of items by a list of numbers.

    `Dataset[int]` names the kind of its items, for readers and checkers of types alone.
    """

    __class_getitem__: Any = classmethod(GenericAlias)

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} has no items: define `def __getitem__(self, index)`"
        )

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Items one after the other, without numbers: a subclass defines `__iter__`."""

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(
            f"{type(self).__name__} has no items: define `def __iter__(self)`"
        )


class TensorDataset(Dataset):
    """Tensors of one length: item i is the tuple of their rows i.

    Raises ValueError if the lengths differ.

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


class ConcatDataset(Dataset):
    """The items of several datasets, one dataset after the other.

    Raises ValueError if there is none, TypeError if one has no length.

    >>> joined = ConcatDataset([[1, 2], [10, 20, 30]])
    >>> len(joined), joined[2], joined[-1]
    (5, 10, 30)
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = as_list(
            "ConcatDataset",
            "datasets",
            datasets if isinstance(datasets, Iterable) else [datasets],
            lambda dataset: check_dataset("ConcatDataset", dataset),
        )
        if not self.datasets:
            raise ValueError("ConcatDataset: expected at least one dataset, got none")
        self.cumulative_sizes = list(accumulate([len(dataset) for dataset in self.datasets]))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        place = checked_index("ConcatDataset", index, len(self))
        for dataset in self.datasets:
            if place < len(dataset):
                return dataset[place]
            place -= len(dataset)


class Subset(Dataset):
    """The items of a dataset at `indices`.

    >>> Subset("abcd", [3, 0])[0]
    'd'
    """

    def __init__(self, dataset: Any, indices: Sequence[int]):
        check_dataset("Subset", dataset)
        check_numbers_of_items("Subset", indices)
        self.dataset = dataset
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return item_of("Subset", self.dataset, self.indices[self.place(index)])

    def __getitems__(self, indices: list[int]) -> Any:
        if type(self).__getitem__ is not Subset.__getitem__:
            return [self[i] for i in indices]
        return items_of("Subset", self.dataset, [self.indices[self.place(i)] for i in indices])

    def place(self, index: Any) -> int:
        """The place of an item among the indices."""
        return checked_index("Subset", index, len(self.indices))


def random_split(dataset: Any, lengths: Sequence[Any], generator: Any = None) -> list[Subset]:
    """The items of a dataset, in random order, as Subsets of these lengths.

    lengths: numbers of items that add up to the dataset's length, or shares that add up to 1.
    Raises ValueError if they do not.

    >>> [len(part) for part in random_split(range(10), [0.7, 0.3])]
    [7, 3]
    """
    check_dataset("random_split", dataset)
    if not isinstance(lengths, tuple | list) or not all([isinstance(n, Real) for n in lengths]):
        raise TypeError(
            f"random_split: expected lengths to be a list of numbers, got {shown(lengths)}"
        )
    sizes = sizes_of_parts(len(dataset), list(lengths))
    order = source_of("random_split", generator).permutation(len(dataset)).tolist()
    parts = []
    for size in sizes:
        parts.append(Subset(dataset, order[:size]))
        order = order[size:]
    return parts


def sizes_of_parts(count: int, lengths: list[Any]) -> list[int]:
    """The lengths of the parts; of shares, what is left over goes to the first parts."""
    total = sum(lengths)
    if not all([isinstance(n, Integral) for n in lengths]) and math.isclose(total, 1):
        sizes = [math.floor(count * share) for share in lengths]
        for i in range(count - sum(sizes)):
            sizes[i % len(sizes)] += 1
    else:
        sizes = [int(n) for n in lengths if isinstance(n, Integral)]
    if len(sizes) < len(lengths) or min(sizes, default=0) < 0 or sum(sizes) != count:
        raise ValueError(
            f"random_split: expected lengths that add up to {count}, or shares that add up to 1, "
            f"got {lengths}"
        )
    return sizes


def item_of(name: str, dataset: Any, number: Any) -> Any:
    """dataset[number]. What a list or a dict refuses itself gets the name of what asked it."""
    try:
        return dataset[number]
    except (TypeError, IndexError, KeyError) as error:
        inside = error.__traceback__.tb_next if error.__traceback__ else None
        if inside is not None and inside.tb_frame.f_code is not Tensor.__index__.__code__:
            raise  # the dataset's own sentence
        raise type(error)(
            f"{name}: expected the number of an item of the dataset, got {shown(number)}"
        ) from error


def items_of(name: str, dataset: Any, numbers: Any) -> Any:
    """The items of these numbers; all at once, if the dataset has PyTorch's `__getitems__`."""
    at_once = getattr(dataset, "__getitems__", None)
    if at_once is not None:
        return at_once(numbers)
    return [item_of(name, dataset, number) for number in numbers]


def check_dataset(name: str, dataset: Any) -> None:
    """Raise TypeError if a dataset has no length or no items."""
    has_items = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    if not has_items or isinstance(dataset, type) or getattr(dataset, "ndim", 1) == 0:
        raise TypeError(
            f"{name}: expected a dataset with a length and items, got {shown(dataset)}; "
            "make a list of it"
        )


def checked_index(name: str, index: Any, count: int) -> int:
    """`index` counted from the start. Raises IndexError if there is no such item."""
    if not hasattr(index, "__index__"):
        raise TypeError(f"{name}: expected an integer as index, got {shown(index)}")
    place = index.__index__()
    if not -count <= place < count:
        raise IndexError(f"{name}: index {index} is out of range for {count} items")
    return int(place % count)
