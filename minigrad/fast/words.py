"""Words of the CPU's namespace as methods of NumPy's arrays, and as ufuncs.

NumPy's functions of these names run up to 4 µs of Python before they come to the array, which for a
small one is most of the time. Each word gives what the function gives, and leaves to the function
what is not an array, and what is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.array import Array, Backend


def extend(backend: Backend) -> None:
    """Replace words of the CPU's namespace."""
    vars(backend.xp).update(
        all=all_,
        amax=amax,
        any=any_,
        argmax=argmax,
        argmin=argmin,
        broadcast_to=broadcast_to,
        clone=clone,
        expand_dims=expand_dims,
        matmul=matmul,
        ones_like=ones_like,
        permute=permute,
        reshape=reshape,
        stack=stack,
        swapaxes=swapaxes,
        zeros_like=zeros_like,
    )


# Shapes


def reshape(x: Array, shape: Any) -> Array:
    return x.reshape(shape) if type(x) is np.ndarray else np.reshape(x, shape)


def swapaxes(x: Array, axis1: int, axis2: int) -> Array:
    return x.swapaxes(axis1, axis2) if type(x) is np.ndarray else np.swapaxes(x, axis1, axis2)


def permute(x: Array, axes: Any) -> Array:
    return x.transpose(axes) if type(x) is np.ndarray else np.transpose(x, axes)


def expand_dims(x: Array, axis: Any) -> Array:
    if type(x) is not np.ndarray or type(axis) is not int or not -x.ndim - 1 <= axis <= x.ndim:
        return np.expand_dims(x, axis)
    return x[(slice(None),) * (axis % (x.ndim + 1)) + (None,)]


def broadcast_to(x: Array, shape: Any) -> Array:
    """A read-only view, in which the stride of a repeated dimension is 0."""
    if type(x) is not np.ndarray or x.ndim > len(shape) or not x.flags.c_contiguous:
        return np.broadcast_to(x, shape)
    lead = len(shape) - x.ndim
    strides = [0] * len(shape)
    for dim, size in enumerate(x.shape, lead):
        if size == shape[dim]:
            strides[dim] = x.strides[dim - lead]
        elif size != 1:
            return np.broadcast_to(x, shape)
    view = np.ndarray(shape, x.dtype, x, 0, strides)
    view.flags.writeable = False
    return view


def stack(arrays: Any, axis: int = 0) -> Array:
    shape = np.shape(arrays[0])
    for x in arrays:
        if type(x) is not np.ndarray or x.shape != shape:
            return np.stack(arrays, axis=axis)
    return np.concatenate([expand_dims(x, axis) for x in arrays], axis=axis)


# Reductions


def amax(x: Array, axis: Any = None, keepdims: Any = False) -> Array:
    return np.maximum.reduce(x, axis=axis, keepdims=keepdims)


def any_(x: Array, axis: Any = None, keepdims: Any = False) -> Array:
    return np.logical_or.reduce(x, axis=axis, dtype=bool, keepdims=keepdims)


def all_(x: Array, axis: Any = None, keepdims: Any = False) -> Array:
    return np.logical_and.reduce(x, axis=axis, dtype=bool, keepdims=keepdims)


def argmax(x: Array, axis: Any = None, keepdims: Any = False) -> Array:
    if type(x) is not np.ndarray:
        return np.argmax(x, axis=axis, keepdims=keepdims)
    return x.argmax(axis=axis, keepdims=keepdims)


def argmin(x: Array, axis: Any = None, keepdims: Any = False) -> Array:
    if type(x) is not np.ndarray:
        return np.argmin(x, axis=axis, keepdims=keepdims)
    return x.argmin(axis=axis, keepdims=keepdims)


# Products, and arrays of one number


def matmul(a: Array, b: Array, out: Any = None) -> Array:
    """Of two matrices `dot`, the same product; np.matmul is slow for one row, and slow to call."""
    are_matrices = type(a) is np.ndarray and type(b) is np.ndarray and a.ndim == 2 and b.ndim == 2
    return a.dot(b) if are_matrices and out is None else np.matmul(a, b, out)


def clone(x: Array) -> Array:
    return x.copy("K") if type(x) is np.ndarray else np.copy(x)


def zeros_like(x: Array) -> Array:
    return np.zeros(x.shape, x.dtype) if type(x) is np.ndarray else np.zeros_like(x)


def ones_like(x: Array) -> Array:
    return np.ones(x.shape, x.dtype) if type(x) is np.ndarray else np.ones_like(x)
