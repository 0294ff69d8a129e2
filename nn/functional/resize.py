"""`interpolate`: a signal, an image or a volume of another size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor
from minigrad.errors import shown

from ..arguments import refuse_unsupported
from ..checked import checked
from .windows import size_per_dim

Array = np.ndarray[Any, Any]

NEAREST = ("nearest", "nearest-exact")
LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}  # and the dimensions that it is for
ONLY_IN_PYTORCH = ("bicubic", "area", "lanczos")


@checked
def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """x (B,C,*n) -> y (B,C,*m): each of the one to three dimensions after the second resized.

    size: m, or scale_factor: m = ⌊n · scale_factor⌋; one number, or one for each dimension. By
    mode, in a dimension of n elements that gets m, with s = n / m, or 1 / scale_factor:

    "nearest": y_i = x_j, j = ⌊i s⌋. "nearest-exact": j = ⌊(i + ½) s⌋.
    "linear", "bilinear", "trilinear", for one, two, three dimensions: between the two elements
    beside the place (i + ½) s - ½, each weighted with its nearness to it; with align_corners the
    place is i (n - 1) / (m - 1), so that the first and the last elements stay.

    recompute_scale_factor: s = n / m also where scale_factor is given. Raises TypeError for
    integers, ValueError if sizes or settings do not fit, NotImplementedError for other modes of
    PyTorch's.
    """
    name = "interpolate"
    refuse_unsupported(name, "leave it out", antialias=antialias)
    check_mode(name, input, mode, align_corners)
    olds = tuple(input.shape[2:])
    scales = scales_of(name, olds, size, scale_factor, recompute_scale_factor)
    news = sizes_of(name, olds, size, scales)
    if size is not None or recompute_scale_factor:
        scales = (None,) * len(olds)
    y = input
    for k, (n, m, scale) in enumerate(zip(olds, news, scales)):
        step = n / m if scale is None else 1 / scale
        if mode in NEAREST:
            y = at_places(y, 2 + k, nearest_places(n, m, step, mode))
        else:
            y = between_places(y, 2 + k, linear_places(input.dtype, n, m, step, align_corners))
    return y


def nearest_places(n: int, m: int, step: float, mode: str) -> Array:
    """(m,): the number of the element of n that each of m takes, in float32 as PyTorch has it."""
    i = np.arange(m, dtype=np.float32)
    if mode == "nearest-exact":
        i = i + np.float32(0.5)
    places = np.floor(i * np.float32(step)).astype(np.int64)
    return np.minimum(places, n - 1)


def linear_places(dtype: Any, n: int, m: int, step: float, align_corners: bool | None) -> Array:
    """(m,): where among 0 .. n - 1 each of m elements lies."""
    i = np.arange(m, dtype=dtype)
    if align_corners:
        return i * dtype.type((n - 1) / max(m - 1, 1))
    places = dtype.type(step) * (i + dtype.type(0.5)) - dtype.type(0.5)
    return np.clip(places, 0, None)


def at_places(x: Tensor, dim: int, places: Array) -> Tensor:
    """The elements of dimension `dim` with these numbers."""
    return mg.index_select(x, dim, mg.tensor(places, device=x.device))


def between_places(x: Tensor, dim: int, places: Array) -> Tensor:
    """(1 - w) x_j + w x_{j+1} in dimension `dim`, where places are j + w."""
    last = x.shape[dim] - 1
    low = np.minimum(places.astype(np.int64), last)
    high = np.minimum(low + 1, last)
    shape = (-1, *[1] * (x.ndim - dim - 1))
    weights = np.minimum(places - low, 1).astype(places.dtype).reshape(shape)
    w = mg.tensor(weights, device=x.device)
    return (1 - w) * at_places(x, dim, low) + w * at_places(x, dim, high)


# What it refuses


def check_mode(name: str, input: Tensor, mode: str, align_corners: bool | None) -> None:
    """Raise if there is no such mode, or none for an input of this shape and dtype."""
    if not isinstance(mode, str) or mode not in (*NEAREST, *LINEAR, *ONLY_IN_PYTORCH):
        expected = ", ".join(map(repr, (*NEAREST, *LINEAR)))
        raise ValueError(f"{name}: expected mode among {expected}, got {shown(mode)}")
    if mode in ONLY_IN_PYTORCH:
        raise NotImplementedError(f"{name}: mode={mode!r} is not supported; use 'bilinear'")
    if input.dtype.kind != "f":
        raise TypeError(f"{name}: expected floats, got {shown(input)}; use .float()")
    shape = tuple(input.shape)
    if not 3 <= input.ndim <= 5:
        raise ValueError(f"{name}: expected x (B,C,L), (B,C,H,W) or (B,C,D,H,W), got {shape}")
    if mode in LINEAR and input.ndim != LINEAR[mode] + 2:
        fitting = next(word for word, count in LINEAR.items() if count == input.ndim - 2)
        raise ValueError(f"{name}: expected mode {fitting!r} for shape {shape}, got {mode!r}")
    if mode in NEAREST and align_corners is not None:
        raise ValueError(f"{name}: expected no align_corners with mode={mode!r}, got one")
    if 0 in shape[1:]:
        raise ValueError(f"{name}: expected at least one element, got shape {shape}")


def scales_of(
    name: str, olds: Sequence[int], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[float | None, ...]:
    """The factor of each dimension, None where sizes are given. Raises if they are wrong."""
    if (size is None) == (scale_factor is None):
        got = "none" if size is None else "both"
        raise ValueError(f"{name}: expected either size or scale_factor, got {got}")
    if scale_factor is None:
        if recompute:
            raise ValueError(f"{name}: expected no recompute_scale_factor with a size, got one")
        return (None,) * len(olds)
    is_one = not isinstance(scale_factor, tuple | list)
    factors = [scale_factor] * len(olds) if is_one else list(scale_factor)
    are_numbers = all([isinstance(factor, Real) for factor in factors])
    if not are_numbers or len(factors) != len(olds):
        raise ValueError(
            f"{name}: expected scale_factor to be a number or {len(olds)} of them, "
            f"got {shown(scale_factor)}"
        )
    if not all([0 < factor < math.inf for factor in factors]):
        raise ValueError(f"{name}: expected scale_factor above 0, got {shown(scale_factor)}")
    return tuple(map(float, factors))


def sizes_of(
    name: str, olds: Sequence[int], size: Any, scales: Sequence[float | None]
) -> tuple[int, ...]:
    """The new size of each dimension. Raises if one is below 1."""
    if size is not None:
        return size_per_dim(name, "size", size, len(olds))
    news = tuple([math.floor(n * scale) for n, scale in zip(olds, scales) if scale])
    return size_per_dim(name, "n · scale_factor", news, len(olds))
