"""What samples are made of: shapes, numbers, layouts in memory, ties, dimensions and indices.

Shapes, strides, dimensions and indices are drawn by Hypothesis, since it is on them that mistakes
depend; the numbers are generic, from a seed that it draws. Ready for `check_op` are `elementwise`
and `tied`; with `sample` one makes a strategy of a function that draws the arguments of a call.
Needs Hypothesis.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np

from minigrad.errors import shown
from minigrad.testing import checks
from minigrad.testing.samples import Sample

Draw = Any  # Hypothesis's function that draws from a strategy
Array = np.ndarray[Any, Any]

SIDES = st.sampled_from((2, 3, 1, 4, 2, 3, 0))  # small, and empty now and then
FULL = st.sampled_from((2, 3, 1, 4))
KINDS = ("any", "positive", "nonzero", "few")
MOST_ARRAYS = 32  # of a sample; NumPy broadcasts as many


def shapes(min_dims: int = 0, max_dims: int = 3, sides: Any = SIDES) -> Any:
    """Shapes, among them () and empty ones."""
    return st.lists(sides, min_size=min_dims, max_size=max_dims).map(tuple)


def numbers(draw: Draw, shape: tuple[int, ...], kind: str = "any") -> Array:
    """Numbers of size about 1: any, positive or nonzero (both away from 0), or integers of which
    many are equal.
    """
    checks.check_choice("numbers", "kind", kind, KINDS)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "few":
        return np.asarray(rng.integers(-1, 2, shape), float)
    sign = rng.choice([-1, 1], shape) if kind == "nonzero" else 1
    return np.asarray(sign * rng.uniform(-2 if kind == "any" else 0.3, 2, shape))


def lay_out(draw: Draw, x: Array, repeat: bool = True) -> Array:
    """x in memory as views leave it.

    Transposed, reversed, with gaps, or (its first row) repeated with stride 0.
    """
    layouts = ["C", "F", "reversed", "gaps"]
    if repeat and x.size > 0:
        layouts.append("repeated")
    layout = draw(st.sampled_from(layouts))
    if x.ndim == 0 or layout == "C":
        return x
    if layout == "reversed":
        return np.flip(np.flip(x).copy())
    if layout == "gaps":
        return np.repeat(x, 2, axis=-1)[..., ::2]
    if layout == "F":
        return np.asfortranarray(x)
    return np.broadcast_to(x[:1], x.shape)


def array(draw: Draw, shape: tuple[int, ...], kind: str = "any") -> Array:
    """An array of this shape, in any layout; kind: as in `numbers`."""
    return lay_out(draw, numbers(draw, shape, kind))


def distinct(draw: Draw, *shapes: tuple[int, ...]) -> list[Array]:
    """Arrays no two elements of which, in all of them, come closer than 0.1."""
    sizes = [math.prod(shape) for shape in shapes]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.permutation(sum(sizes)) / 5 - sum(sizes) / 10 + rng.uniform(0, 0.1, sum(sizes))
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return [lay_out(draw, part.reshape(shape), repeat=False) for part, shape in zip(parts, shapes)]


def dim(draw: Draw, ndim: int) -> int:
    """A dimension, from either end."""
    return draw(st.integers(-ndim, ndim - 1))


def dims(draw: Draw, ndim: int) -> Any:
    """What a reduction takes: nothing, one dimension, or several."""
    one = [st.integers(-ndim, ndim - 1)] if ndim else []
    return draw(st.one_of(st.none(), *one, hnp.valid_tuple_axes(ndim)))


def sample(build: Callable[..., Any]) -> Callable[..., Any]:
    """A strategy from a function that draws the arguments, or (arguments, settings)."""
    checks.check_function("sample", "build", build)

    @st.composite
    def strategy(draw: Draw, *options: Any) -> Sample:
        built = build(draw, *options)
        args, settings = built if isinstance(built, tuple) else (built, {})
        return Sample(args, settings, draw(st.integers(0, 2**16)))

    return strategy


def broadcastable(draw: Draw, n: int) -> tuple[tuple[int, ...], ...]:
    """n shapes that broadcast."""
    return draw(
        hnp.mutually_broadcastable_shapes(num_shapes=n, max_dims=3, min_side=0, max_side=3)
    ).input_shapes


@st.composite
def indices(draw: Draw, shape: tuple[int, ...]) -> Any:
    """Integers, slices, None, ...; arrays that name places twice, from either end; masks."""
    kinds: list[Any] = [hnp.basic_indices(shape, allow_newaxis=True)]
    if shape:
        lead = draw(st.integers(1, len(shape)))
        kinds.append(hnp.arrays(bool, shape[:lead]))
        n = shape[lead - 1]
        if n > 0:
            of_integers = draw(shapes(max_dims=2, sides=FULL))
            places = hnp.arrays(int, of_integers, elements=st.integers(-n, n - 1))
            whole = (slice(None),) * (lead - 1)
            is_last = lead == len(shape)
            kinds.append(places.map(lambda i: (*whole, i) if whole else i))
            kinds.append(places.map(lambda i: (..., i) if is_last else (None, *whole, i)))
        if 0 not in shape:
            kinds.append(
                hnp.integer_array_indices(
                    shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3)
                )
            )
    return draw(st.one_of(kinds))


# Samples for check_op


def elementwise(count: int = 1, kind: str = "any", apart: bool = False) -> Any:
    """Samples of `count` arrays that broadcast, in any layout.

    kind: as in `numbers`. apart: no two numbers come closer than 0.1, for an op that compares.
    """
    checks.as_count("elementwise", "count", count, 1, MOST_ARRAYS)
    checks.check_choice("elementwise", "kind", kind, KINDS)
    checks.check_choice("elementwise", "apart", apart, (True, False))

    def build(draw: Draw) -> Any:
        given = broadcastable(draw, count)
        return distinct(draw, *given) if apart else [array(draw, shape, kind) for shape in given]

    return sample(build)()


def tied(count: int = 1) -> Any:
    """Samples of `count` arrays that broadcast, of the numbers -1, 0 and 1: full of ties."""
    checks.as_count("tied", "count", count, 1, MOST_ARRAYS)
    return elementwise(count, "few")


def floating(samples: Any) -> Any:
    """The same samples in float32 or float64."""
    if not hasattr(samples, "map"):
        raise TypeError(f"floating: expected a strategy of Samples, got {shown(samples)}")

    def cast(pair: tuple[Sample, Any]) -> Sample:
        drawn, dtype = pair
        return drawn.with_floats([a.astype(dtype) for a in drawn.floats])

    return st.tuples(samples, st.sampled_from((np.float32, np.float64))).map(cast)


def on_drawn(law: Callable[[Sample], None], samples: Any, examples: int) -> None:
    """Hold a law on samples that Hypothesis draws, the same ones each time; it raises for the
    smallest that breaks it."""
    settings: Any = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
    )

    held = settings(hypothesis.given(samples)(law))
    held()
