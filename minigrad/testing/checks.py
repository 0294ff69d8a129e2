"""What the functions of this tool take: one check, one sentence. `name` is the function called."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from minigrad.errors import shown
from minigrad.graph import TensorBase

MOST_SAMPLES = 100_000
MOST_NUMBERS = 2**27  # of an array of a sample: a gigabyte


def check_function(name: str, key: str, value: Any) -> None:
    """Raise TypeError if a value is not a function."""
    if not callable(value) or isinstance(value, type):
        raise TypeError(f"{name}: expected a function as {key}, got {shown(value)}")


def check_word(name: str, key: str, value: Any) -> None:
    """Raise TypeError if a value is not a str."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a str as {key}, got {shown(value)}")


def check_choice(name: str, key: str, value: Any, choices: Sequence[Any]) -> None:
    """Raise ValueError if a value is none of these; 1 is not True."""
    if not any([type(value) is type(choice) and value == choice for choice in choices]):
        expected = " or ".join([", ".join(map(repr, choices[:-1])), repr(choices[-1])])
        raise ValueError(f"{name}: expected {expected} as {key}, got {shown(value)}")


def as_finite(name: str, key: str, value: Any) -> float:
    """A number. Raises TypeError if it is none, ValueError if it is NaN or infinite."""
    if not isinstance(value, Real):
        raise TypeError(f"{name}: expected a number as {key}, got {shown(value)}")
    number: Any = value
    if not abs(number) < sys.float_info.max:
        raise ValueError(f"{name}: expected a finite number as {key}, got {shown(value)}")
    return float(number)


def as_count(name: str, key: str, value: Any, least: int, most: int) -> int:
    """An integer. Raises TypeError if it is none, ValueError if it is out of range."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: expected an integer as {key}, got {shown(value)}")
    if not least <= value <= most:
        raise ValueError(f"{name}: expected {key} from {least} to {most}, got {shown(value)}")
    return int(value)


def as_shape(name: str, shape: Any) -> tuple[int, ...]:
    """A shape, or one size. Raises TypeError if it is none, ValueError if it is too large."""
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    try:
        found = tuple([as_count(name, "each size of a shape", n, 0, MOST_NUMBERS) for n in sizes])
    except TypeError:
        raise TypeError(f"{name}: expected a shape such as (2, 3), got {shown(shape)}") from None
    if math.prod(found) > MOST_NUMBERS:
        raise ValueError(f"{name}: expected a shape of at most {MOST_NUMBERS} numbers, got {found}")
    return found


def as_items(name: str, key: str, expected: str, values: Any, most: int) -> list[Any]:
    """An iterable as a list, which may be read once only. Raises TypeError for what is none, also
    for a word, a tensor or an array, ValueError if there are more than `most`."""
    is_one = isinstance(values, (str, bytes, dict, np.ndarray, TensorBase, type))
    if is_one or not isinstance(values, Iterable):
        raise TypeError(f"{name}: expected {expected} as {key}, got {shown(values)}")
    found = list(itertools.islice(values, most + 1))
    if len(found) > most:
        raise ValueError(f"{name}: expected {key} of at most {most}, got more")
    return found


def law_names(name: str, only: Any, known: Iterable[str]) -> list[str]:
    """The names of laws in `only`, each of which there is. Raises TypeError or ValueError."""
    laws = f"the laws are {', '.join(known)}"
    if isinstance(only, str):
        raise TypeError(f"{name}: expected a list of names as only, got {only!r}; give [{only!r}]")
    found = as_items(name, "only", "a list of names of laws", only, 1000)
    for law in found:
        if not isinstance(law, str) or law not in known:
            raise ValueError(
                f"{name}: expected the name of a law in only, got {shown(law)}; {laws}, and value "
                "where there is a reference"
            )
    return found


def as_numbers(name: str, key: str, value: Any, to_array: Callable[[Any], Any]) -> Any:
    """A tensor of any library, an array or a list as an array. Raises TypeError for what has no
    numbers."""
    try:
        found = to_array(value)
    except ValueError:  # a ragged nesting
        found = np.array(None)
    if found.dtype.kind not in "fiubc":
        raise TypeError(f"{name}: expected numbers as {key}, got {value!r:.60}")
    return found
