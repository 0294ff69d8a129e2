"""A list of items as one batch."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from copy import copy
from numbers import Real
from typing import Any

import numpy as np

from minigrad import Tensor, as_tensor, stack, tensor
from minigrad.errors import shown


def collate(batch: Sequence[Any]) -> Any:
    """A list of items as one batch, as PyTorch does: tensors stacked, numbers and arrays too.

    Tuples and lists are taken part by part into a list, named tuples and dicts into one of their
    kind; strings stay as they are. Raises ValueError if shapes, lengths or keys differ, TypeError
    for anything else.
    """
    if not isinstance(batch, Sequence) or isinstance(batch, bytes) or not batch:
        is_empty = hasattr(batch, "__len__") and not len(batch)
        got = "none" if is_empty else shown(batch)
        raise TypeError(f"collate: expected a list of items, got {got}")
    first = batch[0]
    if isinstance(first, Tensor):
        check_equal("one kind", [type(item).__name__ for item in batch])
        check_equal("one shape", [tuple(item.shape) for item in batch])
        return stack(list(batch))
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return collate_mappings(batch)
    if isinstance(first, tuple | list):
        check_equal("one length", [len(item) for item in as_rows(batch)])
        parts = [collate(part) for part in zip(*batch, strict=True)]
        is_named = hasattr(first, "_fields")
        return type(first)(*parts) if is_named else parts
    if isinstance(first, int) and all([isinstance(item, Real) for item in batch]):
        return tensor(list(batch))
    try:
        values = np.asarray(batch)
    except ValueError:  # items of several shapes
        check_equal("one shape", [np.shape(item) for item in batch])
        raise
    if values.dtype.kind not in "fiub":
        raise TypeError(
            "DataLoader: expected items of tensors, arrays, numbers, strings, tuples or dicts, "
            f"got {shown(first)}; give a collate_fn"
        )
    return as_tensor(values)


def collate_mappings(items: Sequence[Any]) -> Any:
    """Dicts of the same keys as one of the first's kind, key by key."""
    first = items[0]
    check_equal("the same keys", [sorted(item, key=str) for item in as_rows(items)])
    batch = {key: collate([item[key] for item in items]) for key in first}
    if type(first) is dict or not isinstance(first, MutableMapping):
        return batch
    same_kind = copy(first)  # a defaultdict, say, with its default
    same_kind.update(batch)
    return same_kind


def convert(item: Any) -> Any:
    """One item with its arrays as tensors; numbers and strings stay as they are."""
    if isinstance(item, np.ndarray):
        return as_tensor(item)
    if isinstance(item, Mapping):
        return {key: convert(value) for key, value in item.items()}
    if isinstance(item, tuple | list):
        parts = [convert(part) for part in item]
        is_named = hasattr(item, "_fields")
        return type(item)(*parts) if is_named else parts
    return item


def as_rows(items: Sequence[Any]) -> Sequence[Any]:
    """Items of several parts. Raises ValueError if one of them has none."""
    check_equal("one kind", [hasattr(item, "__len__") for item in items])
    return items


def check_equal(what: str, values: Sequence[Any]) -> None:
    """Raise ValueError if the items of a batch differ in this."""
    if any([value != values[0] for value in values]):
        raise ValueError(
            f"DataLoader: expected items of {what}, got {values!r:.60}; give a collate_fn, "
            "nn.utils.rnn.pad_sequence for example"
        )
