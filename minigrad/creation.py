"""Tensors out of nothing and out of arrays.

Keywords that all of them take: dtype (by default that of get_default_dtype() for floats, int64 for
integers), device (by default "cpu"), requires_grad. `**defaults` are the others of PyTorch (layout,
pin_memory, memory_format, generator, out): accepted at their defaults, NotImplementedError for
another value. A size is an integer of 0 or more: TypeError and ValueError for others.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import array, errors, graph
from minigrad.arguments import (
    as_dtype,
    as_input,
    as_integer,
    as_number,
    as_real,
    as_sizes,
    given_size,
    refuse_keywords,
)
from minigrad.array import get_default_dtype, int64, to_device, to_numpy
from minigrad.constructor import array_of, check_numbers, has_doubles, plain_array
from minigrad.convert import Size, wanting_grad
from minigrad.errors import as_device
from minigrad.graph import TensorBase, tensor_of

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

LARGEST = np.iinfo(np.int64).max
DOUBLES = (array.float64, array.complex128)  # what NumPy makes of Python's numbers


# What the functions below share


def make(
    name: str,
    values: np.ndarray[Any, Any],
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
    **defaults: Any,
) -> Tensor:
    """A tensor that takes over the host array `values`, on behalf of `name`.

    Raises TypeError for an unknown keyword or dtype, NotImplementedError for another value of a
    keyword that is accepted at its default alone.
    """
    refuse_keywords(name, **defaults)
    if dtype is not None:
        values = as_held(name, values, as_dtype(name, dtype))
    t = tensor_of(values if device is None else to_device(values, as_device(name, device)))
    made: Tensor = wanting_grad(name, t, requires_grad)
    return made


def as_size(name: str, size: tuple[Any, ...]) -> tuple[int, ...]:
    """The sizes in f(2, 3) or f((2, 3)).

    Raises TypeError for no integer, ValueError for one below 0.
    """
    sizes = as_sizes(name, size)
    if any([n < 0 for n in sizes]):
        raise ValueError(f"{name}: expected sizes of 0 or more, got {sizes}")
    return sizes


def full_of(name: str, size: tuple[Any, ...], value: Any, dtype: Any, **keywords: Any) -> Tensor:
    """A tensor of one value, on behalf of `name`."""
    dtype = get_default_dtype() if dtype is None else as_dtype(name, dtype)
    as_value = as_number if dtype.kind == "c" else as_real
    value = as_value(name, "fill_value", value)
    sizes = as_size(name, size)
    if type(value) is int and value == 0:
        return make(name, np.zeros(sizes, dtype), **keywords)
    check_holdable(name, np.asarray(value), dtype)
    try:
        values = np.full(sizes, value, dtype)
    except (OverflowError, TypeError):
        raise ValueError(f"{name}: expected a value that {dtype} can hold, got {value}") from None
    return make(name, values, **keywords)


def as_held(name: str, values: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> Any:
    """A host array in this dtype; itself where it has it. A fraction loses its decimals."""
    if values.dtype != dtype:
        check_holdable(name, values, dtype)
    return values.astype(dtype, copy=False)


def check_holdable(name: str, values: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> None:
    """Raise TypeError for complex numbers as real ones, ValueError for numbers beyond the integers
    of the dtype. An integer below 0 counts from the end of unsigned ones, as in PyTorch.
    """
    kind = values.dtype.kind
    if kind == "c" and dtype.kind != "c":
        raise TypeError(f"{name}: expected real numbers for {dtype}, got {values.dtype}")
    if kind not in "fiu" or dtype.kind not in "iu":
        return
    limits = np.iinfo(dtype)
    least = -limits.max if kind == "i" and dtype.kind == "u" else limits.min
    fits = (values >= least) & (values <= limits.max)  # not where it is NaN
    if not fits.all():
        raise ValueError(f"{name}: expected values that {dtype} can hold, got {values[~fits][0]}")


def like(name: str, x: Any, keywords: dict[str, Any]) -> dict[str, Any]:
    """`keywords`, with the dtype and the device of x where they name none."""
    x = as_input(name, x)
    keywords["dtype"] = x.dtype if keywords.get("dtype") is None else keywords["dtype"]
    keywords["device"] = x.device if keywords.get("device") is None else keywords["device"]
    return keywords


# Out of data


def tensor(
    data: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **defaults: Any,
) -> Tensor:
    """A tensor with a copy of `data`: a number, a nested list, an array or a tensor.

    Python floats get the default dtype (float32), Python integers int64; an array keeps its own.
    Raises TypeError if there are no numbers in it, ValueError for lists of unequal lengths and for
    integers that int64 cannot hold.

    >>> tensor([1.5, 2.0]).dtype, tensor([1, 2]).dtype
    (dtype('float32'), dtype('int64'))
    """
    return copy_of("tensor", data, dtype, device, requires_grad, **defaults)


def copy_of(
    name: str, data: Any, dtype: Any, device: Any, requires_grad: Any = False, **defaults: Any
) -> Tensor:
    """tensor() on behalf of `name`."""
    raw = data.array if isinstance(data, TensorBase) else data
    if type(raw) in array.NAMESPACES:
        device = device or array.device_of(raw)
        values = np.array(to_numpy(raw))
    else:
        values = array_of(name, raw)
        if dtype is None and values.dtype in DOUBLES and not has_doubles(raw):
            values = values.astype(default_of_kind(values.dtype.kind))
    check_numbers(name, values, data)
    values = array.in_native_order(values)
    is_unsigned = values.dtype.kind == "u"
    if is_unsigned and values.size and values.max() > LARGEST:
        raise ValueError(
            f"{name}: expected integers up to {LARGEST}, which int64 holds, got {values.max()}; "
            "use floats"
        )
    is_small = is_unsigned or (values.dtype.kind == "i" and values.dtype.itemsize < 4)
    if dtype is None and is_small:
        dtype = int64
    return make(name, values, dtype, device, requires_grad, **defaults)


def default_of_kind(kind: str) -> Any:
    """The dtype of Python's floats, or of complex numbers of such."""
    floats = get_default_dtype()
    return np.promote_types(floats, array.complex64) if kind == "c" else floats


@errors.speaks_for_itself
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, without a copy where it can be had. Raises what tensor() raises."""
    if isinstance(data, graph.tensor_class):
        return data.to(dtype=dtype, device=device)
    if isinstance(data, np.ndarray):
        return make("as_tensor", plain_array("as_tensor", data), dtype, device)
    return tensor(data, dtype, device)


def from_numpy(values: Any) -> Tensor:
    """A tensor that shares the memory of a NumPy array; of a read-only one it has a copy.

    Raises TypeError for anything else.
    """
    if not isinstance(values, np.ndarray):
        got = type(values).__name__
        raise TypeError(f"from_numpy: expected a numpy.ndarray, got a {got}; use tensor(...)")
    return make("from_numpy", plain_array("from_numpy", values))


def from_dlpack(source: Any) -> Tensor:
    """A tensor that shares the memory of any array with DLPack (NumPy, CuPy, PyTorch, JAX ...).

    Raises TypeError for anything else.
    """
    if not hasattr(source, "__dlpack_device__"):
        got = type(source).__name__
        raise TypeError(f"from_dlpack: expected an array with DLPack, got a {got}")
    if isinstance(source, graph.tensor_class) and not source.requires_grad:
        return source.detach()
    is_on_host = source.__dlpack_device__()[0] == 1  # kDLCPU
    backend = array.backend("cpu" if is_on_host else "cuda")
    try:
        return graph.tensor_class(backend.from_dlpack(source))
    except BufferError as error:
        raise TypeError(f"from_dlpack: expected numbers, got others: {error}") from error


# Of one value


def full(size: Any, fill_value: Any, *, dtype: Any = None, **keywords: Any) -> Tensor:
    """`fill_value` everywhere, by default in its own kind of dtype.

    size: a tuple, or one number.
    """
    number = as_number("full", "fill_value", fill_value)
    if dtype is None and type(number) is int:
        dtype = int64
    dtype = tensor(number).dtype if dtype is None else dtype
    return full_of("full", (size,), number, dtype, **keywords)


def full_like(input: Tensor, fill_value: Any, **keywords: Any) -> Tensor:
    """`fill_value` in the shape of `input`, and by default in its dtype and on its device."""
    keywords = like("full_like", input, keywords)
    return full_of("full_like", tuple(input.shape), fill_value, **keywords)


def zeros(*size: Any, dtype: Any = None, **keywords: Any) -> Tensor:
    """0 everywhere: zeros(2, 3), zeros((2, 3)) or zeros(size=(2, 3))."""
    return full_of("zeros", given_size("zeros", size, keywords), 0, dtype, **keywords)


def ones(*size: Any, dtype: Any = None, **keywords: Any) -> Tensor:
    """1 everywhere: ones(2, 3), ones((2, 3)) or ones(size=(2, 3))."""
    return full_of("ones", given_size("ones", size, keywords), 1, dtype, **keywords)


def empty(*size: Any, dtype: Any = None, **keywords: Any) -> Tensor:
    """PyTorch leaves these numbers open; here they are 0, so that runs are reproducible."""
    return full_of("empty", given_size("empty", size, keywords), 0, dtype, **keywords)


def zeros_like(input: Tensor, **keywords: Any) -> Tensor:
    """0 in the shape of `input`, and by default in its dtype and on its device."""
    keywords = like("zeros_like", input, keywords)
    return full_of("zeros_like", tuple(input.shape), 0, **keywords)


def ones_like(input: Tensor, **keywords: Any) -> Tensor:
    """1 in the shape of `input`, and by default in its dtype and on its device."""
    keywords = like("ones_like", input, keywords)
    return full_of("ones_like", tuple(input.shape), 1, **keywords)


def empty_like(input: Tensor, **keywords: Any) -> Tensor:
    """0 in the shape of `input`, as of empty(), and by default in its dtype and on its device."""
    keywords = like("empty_like", input, keywords)
    return full_of("empty_like", tuple(input.shape), 0, **keywords)


def eye(n: int, m: int | None = None, *, dtype: Any = None, **keywords: Any) -> Tensor:
    """(n, m), or (n, n): ones on the diagonal, 0 elsewhere."""
    rows, columns = as_size("eye", (n, n if m is None else m))
    dtype = get_default_dtype() if dtype is None else as_dtype("eye", dtype)
    return make("eye", np.eye(rows, columns, dtype=dtype), **keywords)


# Methods: of a tensor's dtype and on its device, where no other is named


def new(self: Tensor, *data: Any) -> Tensor:
    """A tensor of some sizes, or of a list or an array.

    `x.new(2, 3)` is (2, 3), and 0 where PyTorch leaves the numbers open; `x.new([2, 3])` is (2,)
    with these numbers.
    """
    if len(data) == 1 and isinstance(data[0], Size):
        data = tuple(data[0])
    if all([isinstance(n, (int, np.integer)) for n in data]):
        return full_of("new", data or (0,), 0, **like("new", self, {}))
    if len(data) != 1:
        raise TypeError(f"new: expected sizes, or one list or array, got {data}")
    return copy_of("new", data[0], **like("new", self, {}))


def new_tensor(self: Tensor, data: Any, **keywords: Any) -> Tensor:
    """A copy of `data`, which is what tensor() takes."""
    return copy_of("new_tensor", data, **like("new_tensor", self, keywords))


def new_full(self: Tensor, size: Any, fill_value: Any, **keywords: Any) -> Tensor:
    """`fill_value` everywhere."""
    return full_of("new_full", (size,), fill_value, **like("new_full", self, keywords))


def new_zeros(self: Tensor, *size: Any, **keywords: Any) -> Tensor:
    """0 everywhere: `x.new_zeros(2, 3)`."""
    sizes = given_size("new_zeros", size, keywords)
    return full_of("new_zeros", sizes, 0, **like("new_zeros", self, keywords))


def new_ones(self: Tensor, *size: Any, **keywords: Any) -> Tensor:
    """1 everywhere: `x.new_ones(2, 3)`."""
    sizes = given_size("new_ones", size, keywords)
    return full_of("new_ones", sizes, 1, **like("new_ones", self, keywords))


def new_empty(self: Tensor, *size: Any, **keywords: Any) -> Tensor:
    """0 everywhere, where PyTorch leaves the numbers open."""
    sizes = given_size("new_empty", size, keywords)
    return full_of("new_empty", sizes, 0, **like("new_empty", self, keywords))


# In a row


def arange(
    start: Any = None, end: Any = None, step: Any = 1, *, dtype: Any = None, **keywords: Any
) -> Tensor:
    """(n,): start (0), start + step (1), .. below end: arange(end), arange(start, end),
    arange(start, end, step).

    int64 where all three are integers. Raises ValueError if the step leads away from the end.
    """
    if end is None:
        start, end = 0, start
    start = as_real("arange", "start", 0 if start is None else start)
    end = as_real("arange", "end", end)
    step = as_real("arange", "step", step)
    if not all(map(math.isfinite, (start, end, step))):
        raise ValueError(f"arange: expected finite numbers, got {start}, {end} and {step}")
    if step == 0 or (end - start) * step < 0:
        raise ValueError(f"arange: expected a step that leads from {start} to {end}, got {step}")
    as_size("arange", (math.ceil((end - start) / step),))  # that some memory holds
    values = np.arange(start, end, step)
    if dtype is None:
        dtype = get_default_dtype() if values.dtype.kind == "f" else int64
    return make("arange", values, dtype, **keywords)


def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None, **keywords: Any) -> Tensor:
    """(steps,): numbers from start to end, both included, at equal distances."""
    start = float(as_real("linspace", "start", start))
    end = float(as_real("linspace", "end", end))
    (count,) = as_size("linspace", (as_integer("linspace", "steps", steps),))
    for word, number in (("start", start), ("end", end)):
        if not math.isfinite(number):
            raise ValueError(f"linspace: expected a finite {word}, got {number}")
    dtype = get_default_dtype() if dtype is None else dtype
    return make("linspace", np.linspace(start, end, count), dtype, **keywords)
