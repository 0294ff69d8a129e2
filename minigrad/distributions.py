"""bernoulli and multinomial: random numbers whose probabilities a tensor gives.

Arguments and errors are those of minigrad.functional; `generator` is a minigrad.Generator, None for
the source of this thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.arguments import (
    as_input,
    as_integer,
    as_real,
    as_sizes,
)
from minigrad.array import to_numpy
from minigrad.errors import check_flag
from minigrad.random import source_of

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Any = None, out: None = None
) -> Tensor:
    """1 with the probability that is the element of x, else 0; with `p`, that for all of them.

    Raises ValueError for a probability outside of [0, 1], TypeError for integers.
    """
    x = as_input("bernoulli", input, out=out)
    if p is None and x.dtype.kind != "f":
        raise TypeError(f"bernoulli: expected probabilities as floats, got {x.dtype}")
    if p is not None:
        p = as_real("bernoulli", "p", p)
    chances = to_numpy(x.array) if p is None else np.full(x.shape, p)
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError("bernoulli: expected probabilities from 0 to 1, got others")
    drawn = source_of("bernoulli", generator).random(x.shape) < chances
    return x.beside(drawn.astype(x.dtype))


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Any = None,
    out: None = None,
) -> Tensor:
    """(.., num_samples): indices drawn with the weights in a row of x (n,) or (rows, n).

    The weights need not add up to 1. Without replacement an index is drawn once at most: raises
    ValueError where fewer weights than num_samples are above 0.
    """
    x = as_input("multinomial", input, out=out)
    check_flag("multinomial", "replacement", replacement)
    count = as_integer("multinomial", "num_samples", num_samples)
    as_sizes("multinomial", (count,))  # that some memory holds
    if x.ndim not in (1, 2) or x.dtype.kind != "f":
        raise ValueError(
            f"multinomial: expected floats of 1 or 2 dimensions, got {x.dtype}{tuple(x.shape)}"
        )
    weights = np.atleast_2d(to_numpy(x.array)).astype(np.float64)
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.sum(1).all():
        raise ValueError(
            "multinomial: expected weights of 0 or more, finite, and above 0 in sum, got others"
        )
    available = weights.shape[1] if replacement else int((weights > 0).sum(1).min(initial=count))
    if count < 1 or (count > available and not replacement):
        raise ValueError(
            f"multinomial: expected num_samples from 1 to {available}, the number of weights above "
            f"0, got {count}; pass replacement=True to draw more"
        )
    source = source_of("multinomial", generator)
    draw = drawn_with_replacement if replacement else drawn_once
    drawn = draw(source, weights, count)
    return x.beside(drawn[0] if x.ndim == 1 else drawn)


def drawn_with_replacement(source: np.random.Generator, weights: Any, count: int) -> Any:
    """(rows, count): where a uniform number falls among the sums of the weights."""
    sums = np.cumsum(weights, axis=1)
    points = source.random((len(weights), count)) * sums[:, -1:]
    rows = zip(sums, points, strict=True)
    drawn = np.array([np.searchsorted(row, at, side="right") for row, at in rows], np.int64)
    return drawn.reshape(len(weights), count)


def drawn_once(source: np.random.Generator, weights: Any, count: int) -> Any:
    """(rows, count): those that come first, where each comes at an exponential time of its rate."""
    with np.errstate(divide="ignore"):
        times = source.standard_exponential(weights.shape) / weights
    return np.argsort(times, axis=1, kind="stable")[:, :count]
