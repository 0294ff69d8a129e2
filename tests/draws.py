"""What samples are made of: shapes, numbers, layouts in memory, dimensions and indices.

Shapes, strides, dimensions and indices are drawn by Hypothesis, since it is on them that mistakes
depend; the numbers are generic, from a seed that it draws.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np

SIDES = st.sampled_from((2, 3, 1, 4, 2, 3, 0))  # small, and empty now and then
FULL = st.sampled_from((2, 3, 1, 4))


@dataclass
class Sample:
    """One call. Of `args`, arrays of floats are differentiated.

    Integers, masks, numbers and None are constants.
    """

    args: list[Any]
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0  # of the cotangents and directions

    @property
    def floats(self) -> list[np.ndarray]:
        return [a for a in self.args if is_float(a)]

    def __repr__(self) -> str:
        given = [
            f"{a.dtype}{a.shape} strides {a.strides}" if isinstance(a, np.ndarray) else repr(a)
            for a in self.args
        ]
        given += [f"{key}={value!r}" for key, value in self.settings.items()]
        return f"({', '.join(given)}), seed {self.seed}"


def is_float(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


def shapes(min_dims: int = 0, max_dims: int = 3, sides: Any = SIDES) -> Any:
    return st.lists(sides, min_size=min_dims, max_size=max_dims).map(tuple)


def numbers(draw: Any, shape: tuple[int, ...], kind: str = "any") -> np.ndarray:
    """Numbers of size about 1: any, positive or nonzero (both away from 0), or integers of which
    many are equal.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "few":
        return np.asarray(rng.integers(-1, 2, shape), float)
    sign = rng.choice([-1, 1], shape) if kind == "nonzero" else 1
    return np.asarray(sign * rng.uniform(-2 if kind == "any" else 0.3, 2, shape))


def lay_out(draw: Any, x: np.ndarray, repeat: bool = True) -> np.ndarray:
    """x in memory as views leave it.

    Transposed, reversed, with gaps, or (its first row) repeated with stride 0.
    """
    layout = draw(
        st.sampled_from(["C", "F", "reversed", "gaps"] + ["repeated"] * (repeat and x.size > 0))
    )
    if x.ndim == 0 or layout == "C":
        return x
    if layout == "reversed":
        return np.flip(np.flip(x).copy())
    if layout == "gaps":
        return np.repeat(x, 2, axis=-1)[..., ::2]
    return np.asfortranarray(x) if layout == "F" else np.broadcast_to(x[:1], x.shape)


def array(draw: Any, shape: tuple[int, ...], kind: str = "any") -> np.ndarray:
    return lay_out(draw, numbers(draw, shape, kind))


def distinct(draw: Any, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Arrays no two elements of which, in all of them, come closer than 0.1."""
    sizes = [math.prod(shape) for shape in shapes]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.permutation(sum(sizes)) / 5 - sum(sizes) / 10 + rng.uniform(0, 0.1, sum(sizes))
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return [lay_out(draw, part.reshape(shape), repeat=False) for part, shape in zip(parts, shapes)]


def dim(draw: Any, ndim: int) -> int:
    return draw(st.integers(-ndim, ndim - 1))


def dims(draw: Any, ndim: int) -> Any:
    """What a reduction takes: nothing, one dimension, or several."""
    one = [st.integers(-ndim, ndim - 1)] if ndim else []
    return draw(st.one_of(st.none(), *one, hnp.valid_tuple_axes(ndim)))


def sample(build: Callable[..., Any]) -> Callable[..., Any]:
    """A strategy from a function that draws the arguments, or (arguments, settings)."""

    @st.composite
    def strategy(draw: Any, *options: Any) -> Sample:
        built = build(draw, *options)
        args, settings = built if isinstance(built, tuple) else (built, {})
        return Sample(args, settings, draw(st.integers(0, 2**16)))

    return strategy


def broadcastable(draw: Any, n: int) -> tuple[tuple[int, ...], ...]:
    return draw(
        hnp.mutually_broadcastable_shapes(num_shapes=n, max_dims=3, min_side=0, max_side=3)
    ).input_shapes


@st.composite
def indices(draw, shape):
    """Integers, slices, None, ...; arrays that name places twice, from either end; masks."""
    kinds = [hnp.basic_indices(shape, allow_newaxis=True)]
    if shape:
        lead = draw(st.integers(1, len(shape)))
        kinds.append(hnp.arrays(bool, shape[:lead]))
        if n := shape[lead - 1]:
            places = hnp.arrays(
                int, draw(shapes(max_dims=2, sides=FULL)), elements=st.integers(-n, n - 1)
            )
            kinds.append(
                places.map(lambda i: i if lead == 1 else (slice(None),) * (lead - 1) + (i,))
            )
            kinds.append(
                places.map(
                    lambda i: (
                        (..., i) if lead == len(shape) else (None, *[slice(None)] * (lead - 1), i)
                    )
                )
            )
        if 0 not in shape:
            kinds.append(
                hnp.integer_array_indices(
                    shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3)
                )
            )
    return draw(st.one_of(kinds))
