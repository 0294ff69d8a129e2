"""What x[index] means: PyTorch's reading of an index, in parts that NumPy reads in the same way."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minigrad import diagnosis
from minigrad.graph import TensorBase

PLAIN_PARTS = {int, slice, type(None), type(...)}
PARTS_OF_A_TUPLE = (list, tuple, slice, type(...), type(None), np.ndarray, TensorBase)


def is_plain_index(index: Any) -> bool:
    """Whether an index is made of numbers, slices, None and `...`: NumPy reads it as PyTorch does,
    and nothing in it can be written to later.
    """
    parts = index if isinstance(index, tuple) else (index,)
    return PLAIN_PARTS.issuperset(map(type, parts))


def copied_index(index: Any) -> Any:
    """An index with copies of its arrays.

    The gradient needs the index as it is now, whatever is written to those arrays later.
    """
    if isinstance(index, list) and any([isinstance(i, PARTS_OF_A_TUPLE) for i in index]):
        warnings.warn(
            "getitem: a list of lists is taken as a tuple of them, as in PyTorch: x[[[0, 1]]] is "
            "x[[0, 1]]; write a tuple, or make a tensor of the indices",
            stacklevel=3,
        )
        index = tuple(index)
    if isinstance(index, tuple):
        parts = [list(part) if isinstance(part, tuple) else part for part in index]
        return tuple([copied_part(part) for part in parts])
    return copied_part(index)


def copied_part(part: Any) -> Any:
    """One part of an index: a copy of its array, or the integer that it is."""
    raw = part.array if isinstance(part, TensorBase) else part
    if isinstance(raw, (np.ndarray, np.integer)) and is_one_integer(raw):
        return int(raw)  # so that it picks a view, as in PyTorch
    if isinstance(part, TensorBase):
        return as_mask(part.array.copy())
    if isinstance(part, (list, range, np.ndarray)):
        return index_array(part)
    return part


def index_array(index: Any) -> Any:
    """A list, a range or an array as the index array that it stands for; [] picks nothing."""
    try:
        values = np.array(index)
    except ValueError:
        raise IndexError(
            f"getitem: expected lists of equal length as an index, got {index}"
        ) from None
    if not values.size and not isinstance(index, np.ndarray):
        return values.astype(int)
    return as_mask(values)


def as_mask(values: Any) -> Any:
    """An index array; one of bytes is a mask, as in PyTorch."""
    if values.dtype.name != "uint8":
        return values
    warnings.warn(
        "getitem: an index of uint8 is taken as a mask, as in PyTorch; use .bool()", stacklevel=4
    )
    return values != 0


def has_arrays(index: Any) -> bool:
    """Whether there is an array with dimensions among the parts of a copied index."""
    parts = index if isinstance(index, tuple) else (index,)
    return any([getattr(part, "ndim", 0) > 0 for part in parts])


def without_empty_ellipsis(index: Any, ndim: int) -> Any:
    """A copied index without a `...` that stands for no dimension; NumPy would let it part arrays.

    Only where there are arrays: x[0, ...] is a view, and x[0] of a row none.
    """
    if not isinstance(index, tuple) or not has_arrays(index):
        return index
    if sum(map(diagnosis.width_of, index)) < ndim:
        return index
    return tuple([part for part in index if part is not Ellipsis])


def is_one_integer(part: Any) -> bool:
    """Whether a part of a copied index is one integer: Python's, NumPy's, or a 0-d array."""
    if isinstance(part, (bool, np.bool_)):
        return False
    if isinstance(part, (int, np.integer)):
        return True
    return getattr(part, "ndim", 1) == 0 and part.dtype.kind in "iu"


def integers_first(index: Any) -> tuple[tuple[Any, ...], Any]:
    """The integers of a copied index, each at its place, and what is left to index with after them.

    PyTorch picks by integers before it picks by arrays. NumPy takes an integer for an array as
    well, and where a slice is between it and another, puts their dimension first: x[0, :, [1, 2]].
    """
    if not isinstance(index, tuple) or not has_arrays(index):
        return (), index
    integers: list[Any] = []
    others = []
    for part in index:
        if is_one_integer(part):
            integers.append(part)
            continue
        others.append(part)
        if part is Ellipsis:
            integers.append(part)
        else:
            integers += [slice(None)] * diagnosis.width_of(part)
    if len(others) == len(index):
        return (), index
    return tuple(integers), tuple(others)
