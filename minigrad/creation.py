"""Tensors out of nothing, out of arrays, and at random.

`options` is everywhere the same: dtype (the default one for floats, int64 for integers), device, requires_grad.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import array, errors, ops
from minigrad.array import get_default_dtype, int64, to_device, to_numpy
from minigrad.autograd import TensorBase
from minigrad.functional import sizes
from minigrad.random import generator
from minigrad.tensor import Tensor


def finish(
    values: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor that takes over the host array `values`."""
    values = values if dtype is None else values.astype(dtype, copy=False)
    return Tensor(to_device(values, array.device(device or "cpu"))).requires_grad_(requires_grad)


def tensor(data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of `data`: a number, a nested list, an array or a tensor.

    Python floats get the default dtype (float32), Python integers int64; an array keeps its own.

    >>> tensor([1.5, 2.0]).dtype, tensor([1, 2]).dtype
    (dtype('float32'), dtype('int64'))
    """
    raw = data.array if isinstance(data, TensorBase) else data
    if type(raw) in array.NAMESPACES:
        device, values = device or array.device_of(raw), np.array(to_numpy(raw))
    else:
        values = np.array(as_lists(raw))
        if values.dtype == np.float64 and not has_arrays(raw):
            values = values.astype(get_default_dtype())
    if values.dtype.kind not in "fibuc":
        raise TypeError(
            f"tensor: cannot make a tensor of {values.dtype} from a {type(data).__name__}; want numbers"
        )
    small = values.dtype.kind == "u" or values.dtype.itemsize < 4 and values.dtype.kind == "i"
    return finish(values, dtype or (int64 if small else None), device, requires_grad)


def as_lists(data: Any) -> Any:
    """Nested lists, with the tensors among them as arrays."""
    if isinstance(data, (list, tuple)) and any(isinstance(d, TensorBase) for d in data):
        return [to_numpy(d.array) if isinstance(d, TensorBase) else d for d in data]
    return data


def has_arrays(data: Any) -> bool:
    """Whether nested lists hold arrays or tensors, which have a dtype of their own."""
    return hasattr(data, "dtype") or (
        isinstance(data, (list, tuple)) and any(map(has_arrays, data[:1]))
    )


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, without a copy where it can be had."""
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device)
    return (
        finish(data, dtype, device) if isinstance(data, np.ndarray) else tensor(data, dtype, device)
    )


def from_numpy(values: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares the memory of a NumPy array."""
    if not isinstance(values, np.ndarray):
        raise TypeError(
            f"from_numpy: wants a numpy.ndarray, and a {type(values).__name__} came; use tensor(...)"
        )
    return Tensor(values)


def from_dlpack(source: Any) -> Tensor:
    """A tensor that shares the memory of any array that speaks DLPack (NumPy, CuPy, PyTorch, JAX ...)."""
    on_host = source.__dlpack_device__()[0] == 1  # kDLCPU
    return Tensor(array.backend("cpu" if on_host else "cuda").from_dlpack(source))


def filled(shape: Any, value: Any, dtype: Any = None, **options: Any) -> Tensor:
    return finish(np.full(tuple(sizes(shape)), value, dtype or get_default_dtype()), **options)


def full(shape: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Tensor:
    """`fill_value` everywhere, in its own kind of dtype."""
    return filled((shape,), fill_value, dtype or tensor(fill_value).dtype, **options)


def full_like(x: Tensor, fill_value: Any, dtype: Any = None, **options: Any) -> Tensor:
    """`fill_value` in the shape, dtype and place of x."""
    return filled((x.shape,), fill_value, dtype or x.dtype, **{"device": x.device, **options})


zeros: Any = lambda *shape, **options: filled(shape, 0, **options)
ones: Any = lambda *shape, **options: filled(shape, 1, **options)
empty = zeros  # memory that nobody has written is nothing to learn from
zeros_like: Any = lambda x, **options: full_like(x, 0, **options)
ones_like: Any = lambda x, **options: full_like(x, 1, **options)


def arange(*bounds: Any, dtype: Any = None, **options: Any) -> Tensor:
    """start (0), start + step (1), .. below end: `arange(end)`, `arange(start, end)`, `arange(start, end, step)`."""
    values = np.arange(*bounds)
    return finish(
        values, dtype or (get_default_dtype() if values.dtype.kind == "f" else int64), **options
    )


def linspace(start: float, end: float, steps: int, dtype: Any = None, **options: Any) -> Tensor:
    """`steps` numbers from start to end, both included, at equal distances."""
    return finish(np.linspace(start, end, steps), dtype or get_default_dtype(), **options)


def eye(n: int, m: int | None = None, dtype: Any = None, **options: Any) -> Tensor:
    """(n, m), or (n, n): ones on the diagonal."""
    return finish(np.eye(n, m, dtype=dtype or get_default_dtype()), **options)


def rand(*shape: Any, dtype: Any = None, **options: Any) -> Tensor:
    """Uniform in [0, 1)."""
    return finish(
        generator().random(tuple(sizes(shape)), dtype=dtype or get_default_dtype()), **options
    )


def randn(*shape: Any, dtype: Any = None, **options: Any) -> Tensor:
    """Normal, of mean 0 and variance 1."""
    return finish(
        generator().standard_normal(tuple(sizes(shape)), dtype=dtype or get_default_dtype()),
        **options,
    )


def randint(*bounds_and_size: Any, **options: Any) -> Tensor:
    """Integers, uniform in [low, high): `randint(high, size)` or `randint(low, high, size)`."""
    draw: Any = generator().integers
    *bounds, size = (
        (*bounds_and_size, options.pop("size")) if "size" in options else bounds_and_size
    )
    if len(bounds) not in (1, 2) or not isinstance(size, (tuple, list)):
        raise TypeError(
            "randint: wants randint(high, size) or randint(low, high, size), size being a tuple"
        )
    return finish(draw(*bounds, size=tuple(size)), **options)


def randperm(n: int, **options: Any) -> Tensor:
    """The numbers 0 .. n - 1 in random order."""
    return finish(generator().permutation(n), int64, **options)


rand_like: Any = lambda x: rand(*x.shape, dtype=x.dtype, device=x.device)
randn_like: Any = lambda x: randn(*x.shape, dtype=x.dtype, device=x.device)


def where(condition: Any, a: Any = None, b: Any = None) -> Tensor:
    """a where the condition holds, else b."""
    if a is None or b is None:
        raise TypeError(
            "where: wants where(condition, a, b); for the places where a condition holds use numpy.nonzero"
        )
    return ops.where(condition, a, b)


errors.name_all(globals(), helpers="finish as_lists has_arrays filled")
