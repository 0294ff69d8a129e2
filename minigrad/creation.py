"""Tensors out of nothing, out of arrays, and at random."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import array, ops
from minigrad.array import generator, get_default_dtype, int64, to_device, to_numpy
from minigrad.autograd import Variable
from minigrad.functional import sizes
from minigrad.tensor import Tensor


def finish(values: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    """A tensor of the host array `values` (which becomes its own), in `dtype`, on `device`."""
    values = values if dtype is None else values.astype(dtype, copy=False)
    t = Tensor(to_device(values, array.device(device or "cpu")))
    return t.requires_grad_() if requires_grad else t


def tensor(data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of `data`: a number, a nested list, an array or a tensor.

    Python floats get the default dtype (float32), Python integers int64; an array keeps its own.

    >>> tensor([1.5, 2.0]).dtype, tensor([1, 2]).dtype
    (dtype('float32'), dtype('int64'))
    """
    if isinstance(data, Variable):
        device = device or array.device_of(data.data)
        values = to_numpy(data.data).copy()
    elif isinstance(data, (list, tuple)) and any(isinstance(d, Variable) for d in data):
        values = np.array([to_numpy(d.data) if isinstance(d, Variable) else d for d in data])
    elif type(data) in array.NAMESPACES:
        device = device or array.device_of(data)
        values = np.array(to_numpy(data))
    else:
        values = np.array(data)
        if values.dtype == np.float64 and not isinstance(data, np.generic) and not has_arrays(data):
            values = values.astype(get_default_dtype())
    if values.dtype.kind not in "fibc" or values.dtype == np.float16:
        if values.dtype.kind != "u" and dtype is None:
            raise TypeError(
                f"tensor: cannot make a tensor of {values.dtype} from a {type(data).__name__}; want numbers"
            )
        values = values.astype(dtype or int64)
    return finish(values, dtype, device, requires_grad)


def has_arrays(data: Any) -> bool:
    """Whether a nested list holds arrays, which have a dtype of their own."""
    return isinstance(data, (np.ndarray, np.generic)) or (
        isinstance(data, (list, tuple)) and any(map(has_arrays, data[:1]))
    )


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, without a copy where it can be had."""
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device)
    return finish(data, dtype, device, False) if isinstance(data, np.ndarray) else tensor(data, dtype, device)


def from_numpy(values: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares the memory of a NumPy array."""
    if not isinstance(values, np.ndarray):
        raise TypeError(f"from_numpy: wants a numpy.ndarray, and a {type(values).__name__} came; use tensor(...)")
    return Tensor(values)


def from_dlpack(source: Any) -> Tensor:
    """A tensor that shares the memory of any array that speaks DLPack (NumPy, CuPy, PyTorch, JAX ...)."""
    kind, _ = source.__dlpack_device__()
    if kind == 1:  # kDLCPU
        values = np.from_dlpack(source)
        return Tensor(values)
    import cupy

    array.backend("cuda")
    return Tensor(cupy.from_dlpack(source))


def filled(shape: Any, value: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    return finish(np.full(tuple(sizes(shape)), value, dtype or get_default_dtype()), None, device, requires_grad)


def zeros(*shape: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    return filled(shape, 0, dtype, device, requires_grad)


def ones(*shape: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    return filled(shape, 1, dtype, device, requires_grad)


def empty(*shape: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """zeros: memory that nobody has written is nothing to learn from."""
    return filled(shape, 0, dtype, device, requires_grad)


def full(shape: Any, fill_value: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    kind = np.dtype(type(fill_value)).kind
    return filled(
        shape, fill_value, dtype or (None if kind == "f" else np.dtype(type(fill_value))), device, requires_grad
    )


def zeros_like(x: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return full_like(x, 0, dtype, requires_grad)


def ones_like(x: Tensor, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return full_like(x, 1, dtype, requires_grad)


def full_like(x: Tensor, fill_value: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return filled((x.shape,), fill_value, dtype or x.dtype, x.device, requires_grad)


def arange(*bounds: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """start (0), start + step (1), .. below end: `arange(end)`, `arange(start, end)`, `arange(start, end, step)`."""
    values = np.arange(*bounds)
    return finish(values, dtype or (get_default_dtype() if values.dtype.kind == "f" else int64), device, requires_grad)


def linspace(
    start: float, end: float, steps: int, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`steps` numbers from start to end, both included, at equal distances."""
    return finish(np.linspace(start, end, steps), dtype or get_default_dtype(), device, requires_grad)


def eye(n: int, m: int | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    return finish(np.eye(n, m, dtype=dtype or get_default_dtype()), None, device, requires_grad)


def rand(*shape: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Uniform in [0, 1)."""
    dtype = np.dtype(dtype or get_default_dtype())
    return finish(generator().random(tuple(sizes(shape)), dtype=dtype), None, device, requires_grad)


def randn(*shape: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Normal, of mean 0 and variance 1."""
    dtype = np.dtype(dtype or get_default_dtype())
    return finish(generator().standard_normal(tuple(sizes(shape)), dtype=dtype), None, device, requires_grad)


def randint(*bounds_and_size: Any, dtype: Any = None, device: Any = None, **names: Any) -> Tensor:
    """Integers, uniform in [low, high): `randint(high, size)` or `randint(low, high, size)`."""
    size = names.pop("size", None) or bounds_and_size[-1]
    bounds = [b for b in bounds_and_size if b is not size]
    low, high = names.pop("low", bounds[0] if len(bounds) > 1 else 0), names.pop("high", bounds[-1] if bounds else None)
    if names or not isinstance(size, (tuple, list)) or high is None:
        raise TypeError("randint: wants randint(high, size) or randint(low, high, size), size being a tuple")
    return finish(generator().integers(low, high, tuple(size)), dtype, device, False)


def randperm(n: int, device: Any = None) -> Tensor:
    """The numbers 0 .. n - 1 in random order."""
    return finish(generator().permutation(n), int64, device, False)


def rand_like(x: Tensor) -> Tensor:
    return rand(*x.shape, dtype=x.dtype, device=x.device)


def randn_like(x: Tensor) -> Tensor:
    return randn(*x.shape, dtype=x.dtype, device=x.device)


def where(condition: Any, a: Any = None, b: Any = None) -> Tensor:
    """a where the condition holds, else b."""
    if a is None or b is None:
        raise TypeError("where: wants where(condition, a, b); for the places where a condition holds use numpy.nonzero")
    return ops.where(condition, a, b)
