"""A sample: the arguments of one call, for which a law must hold."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.errors import shown
from minigrad.testing import checks

Op = Callable[..., Any]
SHOWN = 6  # an array of at most so many numbers is shown with them


@dataclass
class Sample:
    """One call. Of `args`, arrays of floats are differentiated.

    Integers, masks, numbers and None are constants.
    """

    args: list[Any]
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0  # of the cotangents and directions

    @property
    def floats(self) -> list[np.ndarray[Any, Any]]:
        """The arrays that are differentiated."""
        return [a for a in self.args if is_float(a)]

    @property
    def size(self) -> int:
        """How many numbers its arrays have."""
        return sum([a.size for a in self.args if isinstance(a, np.ndarray)])

    def with_floats(self, floats: Iterable[Any]) -> Sample:
        """The same call with other arrays of floats."""
        rest = iter(floats)
        args = [np.asarray(next(rest)) if is_float(a) else a for a in self.args]
        return Sample(args, self.settings, self.seed)

    def __repr__(self) -> str:
        given = [described(a) for a in self.args]
        given += [f"{key}={value!r}" for key, value in self.settings.items()]
        return f"({', '.join(given)}), seed {self.seed}"


def is_float(a: Any) -> bool:
    """Whether an argument is an array of floats."""
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


def described(a: Any) -> str:
    """An argument in a message: dtype, shape, strides, and the numbers where they are few."""
    if not isinstance(a, np.ndarray):
        return repr(a)
    text = f"{a.dtype}{a.shape}"
    if not a.flags.c_contiguous:
        text += f" strides {a.strides}"
    if 0 < a.size <= SHOWN:
        text += f" {np.array2string(a, separator=', ').replace(chr(10), '')}"
    return text


def as_sample(name: str, given: Any) -> Sample:
    """A Sample, or the arguments of one call, as a Sample.

    name: the function that was called. given: a Sample; one array; or a tuple or list of arguments,
    in which nested lists of floats become arrays.
    """
    if isinstance(given, Sample):
        return given
    if isinstance(given, np.ndarray):
        return Sample([given])
    if not isinstance(given, (tuple, list)):
        got = shown(given)
        raise TypeError(
            f"{name}: expected each sample to be a Sample, an array or a tuple of arguments, "
            f"got {got}"
        )
    args = []
    for a in given:
        is_list = isinstance(a, list)
        args.append(checks.as_numbers(name, "a list in a sample", a, np.asarray) if is_list else a)
    return Sample(args)


def drawn(
    *shapes: tuple[int, ...], low: float = -2.0, high: float = 2.0, count: int = 3
) -> list[Sample]:
    """`count` samples with one array of each shape, uniform between low and high.

    >>> drawn((2,), (1,), low=0.5, count=1)
    [(float64(2,) [0.55829159, 1.66569122], float64(1,) [1.69875387]), seed 0]
    """
    sizes = [checks.as_shape("drawn", shape) for shape in shapes]
    least, most = checks.as_finite("drawn", "low", low), checks.as_finite("drawn", "high", high)
    checks.as_count("drawn", "count", count, 0, checks.MOST_SAMPLES)
    if not 0 < most - least < np.inf:
        raise ValueError(f"drawn: expected low < high, a finite way apart, got {low} and {high}")
    samples = []
    for seed in range(count):
        rng = np.random.default_rng([seed, 7])
        arrays = [np.asarray(rng.uniform(least, most, shape)) for shape in sizes]
        samples.append(Sample(arrays, seed=seed))
    return samples


SHAPES: tuple[tuple[int, ...], ...] = ((), (1,), (3,), (2, 3), (2, 1, 3))
BROADCAST: tuple[tuple[int, ...], ...] = ((2, 3), (3,), (2, 1), (1, 3), ())


def default_samples(op: Op) -> list[Sample]:
    """Samples for an op that works element by element: arrays of one shape, and of shapes that
    broadcast."""
    count = array_count(op)
    if count == 1:
        return [drawn(shape, count=1)[0] for shape in SHAPES]
    found = [drawn(*[shape] * count, count=1)[0] for shape in SHAPES]
    for turn in range(len(BROADCAST)):
        shapes = [BROADCAST[(turn + i) % len(BROADCAST)] for i in range(count)]
        found.extend(drawn(*shapes, count=1))
    return found


def default_kinks(op: Op) -> list[Sample]:
    """Samples with zeros and ties for an op that works element by element: within each array, and
    between all of them."""
    count = array_count(op)
    return [Sample([np.array(values) for _ in range(count)]) for values in TIES]


TIES = ([0.0], [1.0, 2.0, 2.0], [-1.0, 1.0, -1.0])


def array_count(op: Op) -> int:
    """How many arrays an op takes.

    Raises TypeError if its signature does not say so.
    """
    arity: int | None = getattr(op, "arity", None)
    if arity is None:
        try:
            parameters = [*inspect.signature(op).parameters.values()]
        except ValueError:  # of a function written in C
            parameters = []
        arrays = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        arity = len([p for p in arrays if p.default is p.empty])
        arity = sys.maxsize if not arrays else arity
    if arity == sys.maxsize:
        raise TypeError(
            f"check_op: expected samples, since the signature of {name_of(op)} does not say how "
            "many arrays it takes; give samples=drawn((2, 3), (3,))"
        )
    return arity


def name_of(op: Any) -> str:
    """What an op is called in a message."""
    return str(getattr(op, "__name__", op))


def argument_names(op: Any, sample: Sample) -> list[str]:
    """The names of the sample's arrays of floats, from the signature of the op."""
    try:
        parameters = list(inspect.signature(op).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = []
    for place, a in enumerate(sample.args):
        known = (
            place < len(parameters)
            and parameters[place].kind is not inspect.Parameter.VAR_POSITIONAL
        )
        if is_float(a):
            names.append(parameters[place].name if known else f"args[{place}]")
    return names
