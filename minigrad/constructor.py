"""The array that `Tensor(...)` holds: a given one, zeros of some sizes, or numbers in lists."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np

from minigrad import arguments, errors
from minigrad.array import (
    NAMESPACES,
    Array,
    get_default_dtype,
    refuse_masked,
    to_device,
    to_numpy,
    writable,
)
from minigrad.convert import Size
from minigrad.graph import TensorBase

PLAIN_NUMBERS = {bool, int, float, complex}
KINDS = "fibucO"  # of the dtypes that a tensor may have; O: exact numbers, see minigrad.prove


def constructed(data: tuple[Any, ...], size: Any, device: Any) -> Array:
    """The array of `Tensor(*data, size=size, device=device)`, where data is not a tensor.

    Raises TypeError for what is neither an array, nor sizes, nor a sequence of real numbers,
    ValueError for a size below 0 and for lists of unequal lengths.
    """
    if size is not None and data:
        got = " and ".join([errors.describe(value) for value in data])
        raise TypeError(f"Tensor: expected data or a size, got {got}, and size={size}")
    if size is not None:
        found = zeros((size,))
    elif len(data) == 1 and not isinstance(data[0], Size | Integral):
        found = values_of(data[0])
    else:
        found = zeros(data)
    return found if device is None else to_device(found, errors.as_device("Tensor", device))


def zeros(size: tuple[Any, ...]) -> Array:
    """0 everywhere, where PyTorch leaves the numbers open; no size is that of nothing, (0,)."""
    sizes = arguments.as_sizes("Tensor", size or (0,))
    if any([n < 0 for n in sizes]):
        raise ValueError(f"Tensor: expected sizes of 0 or more, got {sizes}")
    return np.zeros(sizes, get_default_dtype())


def values_of(data: Any) -> Array:
    """An array as it is, with its own dtype; a sequence of numbers in the default dtype."""
    if type(data) in NAMESPACES and data.dtype.kind in KINDS:
        return data
    if isinstance(data, np.ndarray):
        return plain_array("Tensor", data)
    is_sequence = hasattr(data, "__len__") and hasattr(data, "__getitem__")
    if not is_sequence or isinstance(data, str | bytes | bytearray | Mapping | type):
        raise TypeError(
            f"Tensor: expected sizes, an array or a list of numbers, got {errors.describe(data)}; "
            "tensor(...) takes a single number"
        )
    values = array_of("Tensor", data)
    check_numbers("Tensor", values, data)
    if values.dtype.kind == "c":
        raise TypeError("Tensor: expected real numbers, got complex ones; use tensor(...)")
    return values.astype(get_default_dtype())


def array_of(name: str, data: Any) -> np.ndarray[Any, Any]:
    """A new host array of nested lists, among which there may be tensors."""
    refuse_masked(name, data)
    try:
        return np.array(without_tensors(data))
    except ValueError as error:
        raise ValueError(
            f"{name}: expected nested lists of equal lengths, got inhomogeneous ones; "
            "pad them first"
        ) from error


def without_tensors(data: Any) -> Any:
    """Nested lists with an array for each tensor, of no dimensions where it has one element.

    So that a list of tensors of one element is a list of numbers, as in PyTorch.
    """
    if isinstance(data, TensorBase):
        values = to_numpy(data.array)
        return values.reshape(()) if values.size == 1 else values
    if isinstance(data, (list, tuple)) and not has_plain_numbers(data):
        return [without_tensors(part) for part in data]
    return data


def has_plain_numbers(data: list[Any] | tuple[Any, ...]) -> bool:
    """Whether a list holds Python's numbers alone."""
    return PLAIN_NUMBERS.issuperset(map(type, data))


def has_doubles(data: Any) -> bool:
    """Whether there is an array, a tensor or a NumPy number of float64 or complex128 in lists."""
    if hasattr(data, "dtype"):
        return data.dtype in (np.float64, np.complex128)
    if not isinstance(data, (list, tuple)) or has_plain_numbers(data):
        return False
    return any([has_doubles(part) for part in data])


def check_numbers(name: str, values: np.ndarray[Any, Any], data: Any) -> None:
    """Raise TypeError if an array holds no numbers."""
    if values.dtype.kind not in "fibuc":
        got = type(data).__name__
        raise TypeError(f"{name}: expected numbers, got {values.dtype} from a {got}")


def plain_array(name: str, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array of a subclass (matrix, memmap) as a plain one with the same memory.

    One that is read-only, or whose bytes are in another order than this machine's, is copied, for a
    tensor can be written to. Raises TypeError for one with a mask, or without numbers.
    """
    refuse_masked(name, values)
    check_numbers(name, values, values)
    return writable(np.asarray(values))
