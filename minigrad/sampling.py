"""rand, randn, randint and their like: tensors of random numbers.

The numbers come from the source of this thread, which manual_seed starts, or from `generator=`. The
other keywords are those of minigrad.creation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import array
from minigrad.arguments import (
    as_dtype,
    as_input,
    as_integer,
    as_operands,
    given_size,
    refuse_out,
)
from minigrad.array import get_default_dtype, int64, to_numpy
from minigrad.creation import as_size, like, make
from minigrad.errors import speaks_for_itself
from minigrad.random import source_of
from minigrad.tensor import Tensor


def floats(name: str, dtype: Any) -> np.dtype[Any]:
    """`dtype`, by default the default one.

    Raises TypeError if it is not one that can be drawn.
    """
    found = get_default_dtype() if dtype is None else as_dtype(name, dtype)
    if found not in (array.float32, array.float64):
        raise TypeError(f"{name}: expected float32 or float64, got {found}; convert with .to(...)")
    return found


def source_among(name: str, keywords: dict[str, Any]) -> np.random.Generator:
    """The source of random numbers that the keyword `generator`, taken out of them, asks for."""
    return source_of(name, keywords.pop("generator", None))


def rand(*size: Any, dtype: Any = None, **keywords: Any) -> Tensor:
    """Uniform in [0, 1): rand(2, 3), rand((2, 3)) or rand(size=(2, 3))."""
    sizes = as_size("rand", given_size("rand", size, keywords))
    source = source_among("rand", keywords)
    values: Any = source.random(sizes, dtype=floats("rand", dtype))
    return make("rand", values, **keywords)


def randn(*size: Any, dtype: Any = None, **keywords: Any) -> Tensor:
    """Normal, of mean 0 and variance 1: randn(2, 3), randn((2, 3)) or randn(size=(2, 3))."""
    sizes = as_size("randn", given_size("randn", size, keywords))
    source = source_among("randn", keywords)
    values: Any = source.standard_normal(sizes, dtype=floats("randn", dtype))
    return make("randn", values, **keywords)


@speaks_for_itself
def rand_like(input: Tensor, **keywords: Any) -> Tensor:
    """Uniform in [0, 1), in the shape of `input`, and by default in its dtype and on its device."""
    keywords = like("rand_like", input, keywords)
    return rand(tuple(input.shape), **keywords)


@speaks_for_itself
def randn_like(input: Tensor, **keywords: Any) -> Tensor:
    """Normal, in the shape of `input`, and by default in its dtype and on its device."""
    keywords = like("randn_like", input, keywords)
    return randn(tuple(input.shape), **keywords)


def randint(
    low: Any = None,
    high: Any = None,
    size: Sequence[int] | None = None,
    *,
    dtype: Any = None,
    **keywords: Any,
) -> Tensor:
    """Integers, uniform in [low, high): randint(high, size) or randint(low, high, size); low is 0
    by default.

    size: a tuple or a list. Raises TypeError without one, ValueError if low is not below high.
    """
    if size is None:
        low, high, size = None, low, high
    if high is None:
        low, high = None, low
    if not isinstance(size, (tuple, list)) or high is None:
        raise TypeError(
            "randint: expected randint(high, size) or randint(low, high, size), size being a "
            f"tuple, got size={size!r}"
        )
    low = as_integer("randint", "low", 0 if low is None else low)
    high = as_integer("randint", "high", high)
    if low >= high:
        raise ValueError(f"randint: expected low below high, got {low} and {high}")
    check_limits(low, high, int64 if dtype is None else as_dtype("randint", dtype))
    source = source_among("randint", keywords)
    values: Any = source.integers(low, high, size=as_size("randint", tuple(size)))
    return make("randint", values, dtype, **keywords)


def check_limits(low: int, high: int, dtype: np.dtype[Any]) -> None:
    """Raise ValueError if the dtype, int64 in place of floats, does not hold [low, high)."""
    holder = dtype if dtype.kind in "iub" else int64
    limits = (0, 1) if holder.kind == "b" else (np.iinfo(holder).min, np.iinfo(holder).max)
    if low < limits[0] or high - 1 > limits[1]:
        raise ValueError(f"randint: expected limits that {holder} holds, got {low} and {high}")


@speaks_for_itself
def randint_like(input: Tensor, low: Any = None, high: Any = None, **keywords: Any) -> Tensor:
    """Integers, uniform in [low, high), in the shape of `input`, its dtype and on its device."""
    keywords = like("randint_like", input, keywords)
    if high is None:
        low, high = 0, low
    return randint(low, high, tuple(input.shape), **keywords)


def randperm(n: int, *, dtype: Any = int64, **keywords: Any) -> Tensor:
    """(n,): the numbers 0 .. n - 1 in random order."""
    (count,) = as_size("randperm", (as_integer("randperm", "n", n),))
    order = source_among("randperm", keywords).permutation(count)
    return make("randperm", order, dtype, **keywords)


@speaks_for_itself
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    out: None = None,
    **keywords: Any,
) -> Tensor:
    """Normal numbers: of tensors of means and deviations, which broadcast, or of two numbers in a
    shape `size`.

    Raises ValueError for a deviation below 0, TypeError for two numbers without a size.
    """
    refuse_out("normal", out)
    mean, std = as_operands("normal", mean, std)
    tensors = [as_input("normal", t) for t in (mean, std) if hasattr(t, "dtype")]
    is_complex = any([isinstance(t, complex) for t in (mean, std)])
    if is_complex or any([t.dtype.kind not in "fiub" for t in tensors]):
        raise TypeError("normal: expected real means and deviations, got complex ones")
    if not tensors and size is None:
        raise TypeError("normal: expected a tensor of means or deviations, or a size, got numbers")
    means, deviations = [to_numpy(getattr(t, "array", np.asarray(t))) for t in (mean, std)]
    is_nan = not tensors and std != std
    if is_nan or (deviations < 0).any():
        raise ValueError(f"normal: expected deviations of 0 or more, got {deviations.min()}")
    shape = np.broadcast_shapes(means.shape, deviations.shape)
    if size is not None:
        if tensors:
            raise TypeError("normal: expected a size beside two numbers, got it beside a tensor")
        shape = as_size("normal", (size,))
    drawn = source_of("normal", generator).standard_normal(shape) * deviations + means
    if not tensors:
        return make(
            "normal", drawn.astype(floats("normal", keywords.pop("dtype", None))), **keywords
        )
    like_this: Any = tensors[0]
    return like_this.beside(np.asarray(drawn, like_this.dtype))
