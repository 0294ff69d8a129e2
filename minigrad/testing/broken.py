"""A law that does not hold, in one sentence: the op, its smallest sample, the entry, both
numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any

import numpy as np

from minigrad.testing import checks
from minigrad.testing.samples import Op, Sample, is_float, name_of

Law = Callable[..., None]


class NotApplicable(Exception):
    """The law says nothing about this op or sample, for the reason given."""


class LawBroken(AssertionError):
    """An op breaks a law on a sample."""

    def __init__(
        self, op: Any, sample: Sample, what: str, expected: Any, got: Any, by: str, entry: Any = ()
    ):
        self.op = op
        self.sample = sample
        self.what = what
        self.entry = tuple(entry)
        self.expected = expected
        self.got = got
        self.by = by
        self.law = ""
        self.sentence = ""  # in the place of what is expected, by whom, and what came out
        super().__init__(op, sample, what)

    def __str__(self) -> str:
        law = f"{self.law}: " if self.law else ""
        if self.sentence:
            return f"{law}{name_of(self.op)}{self.sample}: {self.sentence}"
        place = str(list(self.entry)) if self.entry else ""
        expected, got = both_shown(self.expected, self.got)
        where = f"{law}{name_of(self.op)}{self.sample}"
        return f"{where}: expected {self.what}{place} = {expected} by {self.by}, got {got}"


class LawsBroken(AssertionError):
    """An op breaks several laws; `failures` has each."""

    def __init__(self, failures: list[LawBroken]):
        self.failures = failures
        super().__init__("\n".join([str(failure) for failure in failures]))


def both_shown(expected: Any, got: Any) -> tuple[str, str]:
    """Two results in a message, with as many digits as tell them apart."""
    short = shown(expected), shown(got)
    if short[0] != short[1]:
        return short
    return shown(expected, 17), shown(got, 17)


def shown(value: Any, digits: int = 6) -> str:
    """A number or anything else in a message."""
    if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0:
        value = value.item()
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def close(got: Any, want: Any, tolerance: float) -> bool:
    """Equal to `tolerance` times the largest number there, or 1.

    Infinity and NaN at the same places.
    """
    if got is None or want is None or np.shape(got) != np.shape(want):
        return got is want
    size = np.abs(np.asarray(want)[np.isfinite(want)]).max(initial=1)
    return bool(np.allclose(got, want, rtol=0, atol=tolerance * size, equal_nan=True))


def must_agree(
    op: Op, sample: Sample, what: str, got: Any, want: Any, by: str, tolerance: float = 1e-12
) -> None:
    """Raise LawBroken, with the entry that differs most, if `got` is not close to `want`.

    what: a noun, such as "a value" or "∂x"; by: who says so.
    """
    if not close(got, want, tolerance):
        raise difference(op, sample, what, got, want, by)  # one line: one failure for Hypothesis


def difference(op: Op, sample: Sample, what: str, got: Any, want: Any, by: str) -> LawBroken:
    """Where two results differ most."""
    if np.shape(got) != np.shape(want):
        return LawBroken(op, sample, f"the shape of {what}", np.shape(want), np.shape(got), by)
    if got is None or want is None or np.ndim(got) == 0:
        return LawBroken(op, sample, what, want, got, by)
    entry = worst(got, want)
    return LawBroken(op, sample, what, np.asarray(want)[entry], np.asarray(got)[entry], by, entry)


def worst(got: Any, want: Any) -> tuple[int, ...]:
    """The place where two arrays of a shape differ most; one that is not finite in both first."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(np.subtract(got, want, dtype=np.result_type(got, want, float)))
    same = (np.asarray(got) == want) | (np.isnan(got) & np.isnan(want))
    apart = np.where(same, 0.0, np.nan_to_num(apart, nan=np.inf, posinf=np.inf))
    return tuple([int(i) for i in np.unravel_index(np.argmax(apart), apart.shape)])


def assert_close(
    got: Any,
    expected: Any,
    tolerance: Any = 1e-6,
    name: str = "the result",
    by: str = "reference",
) -> None:
    """Raise AssertionError if two arrays, tensors or lists are not close.

    Close means: of the same shape, infinite and NaN at the same places, and differing by at most
    `tolerance` times the largest expected number, or times 1 if that is larger. The sentence names
    the entry that differs most.

    >>> assert_close([1.0, 2.5], [1.0, 2.0], name="y")
    Traceback (most recent call last):
        ...
    AssertionError: assert_close: expected y[1] = 2 by reference, got 2.5
    """
    if not isinstance(tolerance, Real):
        raise TypeError(f"assert_close: expected a number as tolerance, got {tolerance!r:.60}")
    if not float(tolerance) >= 0:
        raise ValueError(f"assert_close: expected tolerance of at least 0, got {tolerance}")
    a = checks.as_numbers("assert_close", "got", got, as_array)
    b = checks.as_numbers("assert_close", "expected", expected, as_array)
    if close(a, b, float(tolerance)):
        return
    if a.shape != b.shape:
        raise AssertionError(
            f"assert_close: expected {name} of shape {b.shape} by {by}, got shape {a.shape}"
        )
    entry = worst(a, b)
    place = str(list(entry)) if entry else ""
    expected_there, got_there = both_shown(b[entry], a[entry])
    raise AssertionError(
        f"assert_close: expected {name}{place} = {expected_there} by {by}, got {got_there}"
    )


def as_array(a: Any) -> np.ndarray[Any, Any]:
    """A tensor of any library, an array or a list as an array on the host."""
    if hasattr(a, "detach") and hasattr(a, "cpu"):
        a = a.detach().cpu()
    if hasattr(a, "numpy"):
        a = a.numpy()
    return np.asarray(a)


# The smallest sample


def smallest(law: Law, op: Op, failure: LawBroken) -> LawBroken:
    """The same law broken on a sample made as small and as round as it goes."""
    tried = 0
    progress = True
    while progress and tried < 200:
        progress = False
        for smaller in reductions(failure.sample):
            tried += 1
            found = broken(law, op, smaller)
            if found:
                failure = found
                progress = True
                break
    return failure


def broken(law: Law, op: Op, sample: Sample) -> LawBroken | None:
    """How the op breaks the law on a sample; None if it does not, or the sample is not a call."""
    try:
        law(op, sample)
    except LawBroken as failure:
        return failure
    except Exception:
        return None
    return None


def reductions(sample: Sample) -> Iterator[Sample]:
    """Samples that are a little simpler: a dimension shorter in all arrays, rounder numbers."""
    sizes = {n for a in sample.args if isinstance(a, np.ndarray) for n in a.shape if n > 1}
    for size in sorted(sizes, reverse=True):
        for shorter in dict.fromkeys([1, 2, size - 1]):
            if shorter < size:
                yield resized(sample, size, shorter)
    for digits in (0, 1):
        rounded = sample.with_floats([np.round(a, digits) for a in sample.floats])
        if is_rounder(sample, rounded):
            yield rounded


def is_rounder(sample: Sample, rounded: Sample) -> bool:
    """Whether rounding changed numbers, and made no zero and no tie that was not there."""
    before = np.concatenate([np.ravel(a) for a in sample.floats] or [np.empty(0)])
    after = np.concatenate([np.ravel(a) for a in rounded.floats] or [np.empty(0)])
    if (before == after).all():
        return False
    distinct = np.unique(np.abs(after)).size == np.unique(np.abs(before)).size
    return bool(distinct and ((after == 0) == (before == 0)).all())


def resized(sample: Sample, size: int, shorter: int) -> Sample:
    """The sample with `shorter` entries along each dimension that had `size`."""
    args = []
    for a in sample.args:
        if isinstance(a, np.ndarray):
            a = a[tuple([slice(shorter if n == size else None) for n in a.shape])]
            a = a.copy() if is_float(a) else a
        args.append(a)
    return Sample(args, sample.settings, sample.seed)
