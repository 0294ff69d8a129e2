"""Checks of arguments that several files of nn share: "name: expected X, got Y; way out".

`name` is the class or function that the user called, as the message begins with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from minigrad import Tensor
from minigrad.errors import shown

MOST_FLOAT = sys.float_info.max
MOST_SIZE = 2**31 - 1  # of a dimension of a layer
MOST_ITEMS = 1_000_000  # of an iterable that may not end


def refuse_unsupported(name: str, way_out: str, **settings: Any) -> None:
    """Raise NotImplementedError if a setting that only PyTorch has is not at its default.

    The default of such a setting is None, False, 0 or "".
    """
    for key, value in settings.items():
        is_default = value is None or (isinstance(value, Real | str) and not value)
        if not is_default:
            raise NotImplementedError(f"{name}: {key}={shown(value)} is not supported; {way_out}")


def place(module: Any, device: Any, dtype: Any) -> None:
    """Move a module that has just been built to a device and a dtype, None for as it is."""
    if device is not None or dtype is not None:
        module.to(device=device, dtype=dtype)


def check_integers(name: str, least: int, **sizes: Any) -> None:
    """Raise TypeError if a size is not an integer, ValueError if it is below `least`."""
    for key, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{name}: expected an integer as {key}, got {shown(value)}")
        if value < least:
            raise ValueError(f"{name}: expected {key} of at least {least}, got {value}")
        if int(value) > sys.maxsize:
            raise ValueError(f"{name}: expected {key} of at most {sys.maxsize}, got {value}")


def check_sizes(name: str, least: int, **sizes: Any) -> None:
    """As check_integers, and ValueError where a size is beyond what any memory holds."""
    check_integers(name, least, **sizes)
    for key, value in sizes.items():
        if value > MOST_SIZE:
            raise ValueError(f"{name}: expected {key} of at most {MOST_SIZE}, got {value}")


def as_place(name: str, index: Any, count: int) -> int:
    """An index of one of `count` elements, counted from the front.

    Raises TypeError if it is not an integer, IndexError if there is no such element.
    """
    index = one_number(index)
    if not isinstance(index, Integral):
        raise TypeError(f"{name}: expected an integer or a slice as index, got {shown(index)}")
    if not -count <= int(index) < count:
        raise IndexError(f"{name}: index {index} is out of range for {count} elements")
    return int(index) % count


def one_number(value: Any) -> Any:
    """The number of Python's that a tensor, an array or NumPy's number is; else as it is."""
    is_one = getattr(value, "ndim", None) == 0
    return value.item() if is_one else value


def as_number(name: str, key: str, value: Any) -> Any:
    """A number of Python's, also for one of NumPy's, a tensor or an array without dimensions.

    Raises TypeError otherwise.
    """
    number = one_number(value)
    if not isinstance(number, Real):
        raise TypeError(f"{name}: expected a number as {key}, got {shown(value)}")
    return number


def as_finite(name: str, key: str, value: Any) -> float:
    """A number as a float. Raises ValueError if it is NaN or infinite."""
    number = as_number(name, key, value)
    if not abs(number) < MOST_FLOAT:
        raise ValueError(f"{name}: expected a finite number as {key}, got {shown(number)}")
    return float(number)


def check_function(name: str, key: str, value: Any) -> None:
    """Raise TypeError if a value cannot be called."""
    if not callable(value):
        raise TypeError(f"{name}: expected a function as {key}, got {shown(value)}")


def check_flags(name: str, **flags: Any) -> None:
    """Raise TypeError if a value is neither true nor false, a tensor of several numbers say."""
    for key, value in flags.items():
        if isinstance(value, Tensor | np.ndarray):
            raise TypeError(f"{name}: expected True or False as {key}, got {shown(value)}")


def check_bools(name: str, **flags: Any) -> None:
    """Raise TypeError if a value is neither True nor False, also for a number."""
    for key, value in flags.items():
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name}: expected True or False as {key}, got {shown(value)}")


def check_has_length(name: str, source: Any) -> None:
    """Raise TypeError if what is to be numbered has no length."""
    has_length = hasattr(source, "__len__") and not isinstance(source, type)
    if not has_length or getattr(source, "ndim", 1) == 0:
        raise TypeError(f"{name}: expected items with a length, got {shown(source)}")


def check_numbers_of_items(name: str, indices: Any) -> None:
    """Raise TypeError if the numbers of the items to take are not a list."""
    check_has_length(name, indices)
    if not hasattr(indices, "__getitem__") or isinstance(indices, Mapping):
        raise TypeError(f"{name}: expected a list of numbers, got {shown(indices)}")


def check_state(name: str, state_dict: Any, *keys: str) -> None:
    """Raise TypeError if `state_dict` is not a dict, ValueError if it lacks one of the keys."""
    way_out = "pass what state_dict() returned"
    if not isinstance(state_dict, Mapping):
        got = shown(state_dict)
        raise TypeError(f"{name}: load_state_dict: expected a dict, got {got}; {way_out}")
    missing = [key for key in keys if key not in state_dict]
    if missing:
        raise ValueError(
            f"{name}: load_state_dict: expected {', '.join(keys)}, "
            f"got none named {', '.join(missing)}; {way_out}"
        )


def as_list(name: str, key: str, values: Any, check: Callable[[Any], Any]) -> list[Any]:
    """An iterable as a list; each item is checked as it comes, since there may be no end to them.

    Raises TypeError for what is not an iterable, or one tensor, ValueError if there are too many.
    """
    if isinstance(values, Tensor | str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"{name}: {key}: expected a list, got {shown(values)}")
    found = []
    for value in values:
        check(value)
        found.append(value)
        if len(found) > MOST_ITEMS:
            raise ValueError(f"{name}: {key}: expected at most {MOST_ITEMS} of them, got more")
    return found


def as_probability(name: str, key: str, value: Any) -> float:
    """A number. Raises TypeError if it is none, ValueError if it is not between 0 and 1."""
    p: float = value if type(value) is float else as_number(name, key, value)
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: expected {key} between 0 and 1, got {p!r}")
    return p


def check_tensor(name: str, key: str, value: Any) -> None:
    """Raise TypeError if the value is not a Tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name}: expected a Tensor as {key}, got {shown(value)}; "
            "make one with minigrad.tensor(...)"
        )


def check_same_dtype(name: str, key: str, value: Any, param: Any) -> None:
    """Raise TypeError if an input has another dtype than the parameters."""
    if not isinstance(value, Tensor) or not isinstance(param, Tensor):
        return
    if value.array.dtype == param.array.dtype:
        return
    own, other = cast_to(param), cast_to(value)
    way_out = f"cast it with {own}, or the layer with {other}"
    if value.dtype.kind != "f":
        way_out = f"embed integers first, or cast them with {own}"
    raise TypeError(
        f"{name}: expected {key} of the parameters' dtype {param.dtype}, got {value.dtype}; "
        f"{way_out}"
    )


def cast_to(like: Tensor) -> str:
    """What is called to cast something to the dtype of `like`."""
    words = {"float32": ".float()", "float64": ".double()"}
    return words.get(like.dtype.name, f".to(minigrad.{like.dtype.name})")


def check_one_dtype(name: str, **tensors: Tensor | None) -> None:
    """Raise TypeError if one of these tensors has another dtype than the first."""
    (first, kept), *others = tensors.items()
    for key, tensor in others:
        if kept is not None and tensor is not None and tensor.dtype != kept.dtype:
            raise TypeError(
                f"{name}: expected {first} and {key} of one dtype, got {kept.dtype} and "
                f"{tensor.dtype}; cast one of them with .to(...)"
            )


def as_lengths(
    name: str, lengths: Any, T: int, B: int, reading: str = ""
) -> np.ndarray[Any, Any] | None:
    """Lengths (B,) of the rows of a padded batch as integers of NumPy; None stays None.

    reading: how the input was read, for the message. Raises ValueError if they are not B integers
    from 0 to T.
    """
    if lengths is None:
        return None
    values = lengths.tolist() if isinstance(lengths, Tensor) else lengths
    try:
        array = np.array(values)
    except ValueError:  # a ragged nesting
        array = np.array(None)
    are_integers = array.dtype.kind in "iu" or array.size == 0
    if array.shape != (B,) or not are_integers or any(array < 0) or any(array > T):
        end = f"; {reading}" if reading else ""
        raise ValueError(
            f"{name}: expected lengths of {B} integers from 0 to {T}, got {values!r:.60}{end}"
        )
    return array.astype(np.int64)
