"""Arrays: NumPy's, or CuPy's on a GPU. Other modules go through `xp`.

A rule never says `np.`. It gets a namespace `xp`, a library cut down to the words below, so that
the same lines run on either; a word outside the vocabulary raises at once, also on a machine
without a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

XP = Any  # a namespace: NumPy, CuPy, or the same words over Tensors
# numpy.ndarray or cupy.ndarray; a Tensor when a rule is replayed for a higher derivative
Array = Any
Sizes = Sequence[int]  # one for each dimension

VOCABULARY = """
    abs add all amax any arange argmax argmin argsort array asarray ascontiguousarray broadcast_to
    ceil concatenate cos cosh cumsum divide dot empty empty_like exp expand_dims expm1 floor fmod
    full_like isfinite isinf isnan log log10 log1p log2 matmul maximum minimum multiply ones_like
    reshape result_type rint roll sign sin sinh sqrt stack subtract sum swapaxes tan tanh trunc
    where zeros zeros_like
""".split()


MANY = 256  # so many numbers are not added one by one, each time with a rounding


class Namespace:
    """The vocabulary bound to one array library: its words, and those below, which it lacks or
    which need care.

    module: numpy or cupy. kind: the kind of device whose faster versions serve its arrays, see
    minigrad.faster.
    """

    def __init__(self, module: Any, kind: str = "cpu"):
        self.module = module
        self.kind = kind
        self.ndarray = module.ndarray
        for word in VOCABULARY:
            if not hasattr(Namespace, word):
                setattr(self, word, getattr(module, word))
        self.atan2 = module.arctan2
        self.cat = module.concatenate
        self.clone = module.copy
        self.permute = module.transpose
        self.add_windows = add_windows
        self.astype = astype
        self.check_bounds = check_bounds
        self.check_index = check_index
        self.erf = erf
        self.lazy_scatter = LazyScatter
        self.move = move
        self.take_windows = take_windows

    def __getattr__(self, word: str) -> Any:
        raise AttributeError(
            f"{word!r} is not in the vocabulary of minigrad.array, which every device has"
        )

    def sum(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """The sum over some dimensions, of all by default."""
        is_long = x.size >= MANY and x.size >= MANY * x.shape[-1]  # else it has no MANY rows
        if is_long and axis is not None and self.kind == "cpu":
            y = sum_of_many_rows(x, axis)
            if y is not None:
                return np.expand_dims(y, axis) if keepdims else y
        # np.sum takes twice as long to call
        return self.module.add.reduce(x, axis=axis, keepdims=keepdims)

    def cumsum(self, x: Array, axis: int) -> Array:
        """The sums so far; of many float32 in float64, for NumPy's errors add up."""
        if self.kind == "cpu" and x.dtype == float32 and x.shape[axis] >= MANY:
            return astype(astype(x, float64).cumsum(axis), float32)
        return self.module.cumsum(x, axis=axis)

    def sign(self, x: Array) -> Array:
        """-1, 0 or 1; 0 of NaN, as PyTorch has it."""
        y = self.module.sign(x)
        return self.module.where(y == y, y, 0) if y.dtype.kind == "f" else y

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + e⁻ˣ), exact in relative terms too; 0 where e⁻ˣ overflows, as in PyTorch."""
        with np.errstate(over="ignore"):
            return 1 / (1 + self.module.exp(-x))

    def diagonal(self, x: Array, offset: int) -> Array:
        """The diagonal of the last two dimensions; it can be written to where x can."""
        y = self.module.diagonal(x, offset, -2, -1)
        if self.kind == "cpu":
            y.flags.writeable = x.flags.writeable
        return y

    def unfold(self, x: Array, size: int, step: int) -> Array:
        """The slices x[.., i step : i step + size], (.., number, size); on a GPU a copy."""
        number = (x.shape[-1] - size) // step + 1
        if self.kind == "cpu":
            return view_of_slices(x, number, size, step)
        starts = self.module.expand_dims(self.module.arange(number) * step, -1)
        return x[..., starts + self.module.arange(size)]

    def assign(self, x: Array, v: Any, index: Any) -> Array:
        """A copy of x with v at `index`."""
        out = self.module.copy(x)
        out[index] = v
        return out

    def add_at(self, out: Array, index: Any, g: Array) -> None:
        """out[index] += g, where a place that is named twice gets both."""
        for part in index if isinstance(index, tuple) else (index,):
            if hasattr(part, "shape"):
                self.module.add.at(out, index, g)  # an index array may name a place twice
                return
        out[index] += g  # integers and slices name each place once

    def scatter_add(self, g: Array, index: Any, shape: tuple[int, ...]) -> Array:
        """The adjoint of x[index]: zeros of `shape` with `g` added at `index`."""
        out = self.module.zeros(shape, g.dtype)
        self.add_at(out, index, g)
        return out


def view_of_slices(x: Array, number: int, size: int, step: int) -> Array:
    """Slices of the last dimension of x, `step` apart, in the memory of x.

    They can be written to where x can, and where none of them shares an element.
    """
    *strides, last = x.strides
    shape = (*x.shape[:-1], number, size)
    strides = [*strides, step * last, last]
    whole = memory_of(x)
    if not whole.flags.forc:  # another library's memory, of which NumPy has no such view
        y = np.lib.stride_tricks.as_strided(x, shape, strides).copy()
        y.flags.writeable = False
        return y
    y = np.ndarray(shape, x.dtype, whole, address(x) - address(whole), strides)
    y.flags.writeable = x.flags.writeable and (size <= step or number == 1)
    return y


def take_windows(
    x: Array, kernel: Sizes, stride: Sizes | None = None, dilation: Sizes | None = None
) -> Array:
    """The windows of the last dimensions, (.., *sizes) -> (.., *kernel, *places).

    They are `stride` apart, and their elements `dilation`, 1 by default.
    """
    n = len(kernel)
    stride = stride or (1,) * n
    dilation = dilation or (1,) * n
    places = places_of(x.shape, kernel, stride, dilation)
    xp = NAMESPACES[type(x)]
    y = xp.empty((*x.shape[:-n], *kernel, *places), x.dtype)
    for element in np.ndindex(*kernel):
        y[(..., *element, *[slice(None)] * n)] = x[in_window(element, places, stride, dilation)]
    return y


def add_windows(
    g: Array, sizes: Sizes, stride: Sizes | None = None, dilation: Sizes | None = None
) -> Array:
    """The adjoint of `take_windows`: (.., *kernel, *places) -> (.., *sizes), zeros with g added."""
    n = len(sizes)
    stride = stride or (1,) * n
    dilation = dilation or (1,) * n
    kernel = g.shape[-2 * n : -n]
    places = g.shape[-n:]
    xp = NAMESPACES[type(g)]
    x = xp.zeros((*g.shape[: -2 * n], *sizes), g.dtype)
    for element in np.ndindex(*kernel):
        x[in_window(element, places, stride, dilation)] += g[(..., *element, *[slice(None)] * n)]
    return x


def places_of(shape: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> list[int]:
    """How many windows there are in each of the last dimensions."""
    found = []
    for size, k, step, gap in zip(shape[-len(kernel) :], kernel, stride, dilation, strict=True):
        found.append((size - gap * (k - 1) - 1) // step + 1)
    return found


def in_window(element: Sizes, places: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Any, ...]:
    """The index of one element of each window in what the windows are of."""
    index: list[Any] = [...]
    for k, count, step, gap in zip(element, places, stride, dilation, strict=True):
        index.append(slice(k * gap, k * gap + (count - 1) * step + 1, step))
    return tuple(index)


def sum_of_many_rows(x: Array, axis: Any) -> Array | None:
    """x summed over neighbouring dimensions before the last, that is over n rows of k numbers; None
    where n is small, or less than k.

    NumPy adds row after row: with n roundings in each sum, and slowly where rows are short. Here √n
    rows make a long one: the √n long rows are added, and then the √n parts of what they give.
    """
    if type(axis) is int:
        axis = (axis,)
    elif type(axis) is not tuple:
        return None
    ndim = x.ndim
    start = axis[0] if axis else ndim
    if not -ndim <= start < ndim or axis != tuple(range(start, start + len(axis))):
        return None
    first = start % ndim
    after = first + len(axis)
    n = math.prod(x.shape[first:after])
    k = math.prod(x.shape[after:])
    if n < MANY or not 1 < k <= n or not x.flags.c_contiguous:
        return None
    rows = x.reshape(-1, n, k)
    width = 1 << (n.bit_length() // 2)  # about √n
    whole = n - n % width
    long_rows = rows[:, :whole].reshape(-1, whole // width, width * k)
    y = np.add.reduce(long_rows, 1)  # (.., width k)
    y = np.add.reduce(y.reshape(-1, width, k), 1)  # (.., k)
    if whole < n:
        y += np.add.reduce(rows[:, whole:], 1)
    return y.reshape(*x.shape[:first], *x.shape[after:])


def erf(x: Array) -> Array:
    """math.erf of each element, on the host, since neither NumPy nor CuPy has one.

    Raises TypeError for complex numbers.
    """
    if x.dtype.kind == "c":
        raise TypeError(f"erf: expected real numbers, got {x.dtype}; take abs() first")
    values = np.frompyfunc(math.erf, 1, 1)(to_numpy(x))
    return to_device(np.asarray(values, x.dtype), device_of(x))


def astype(x: Array, dtype: Any) -> Array:
    """x in another dtype; x itself where it has it already. What was repeated is in order."""
    order = "C" if 0 in x.strides and x.dtype != dtype else "K"
    return x.astype(dtype, order, copy=False)


def move(x: Array, name: str) -> Array:
    """x on the device of this name."""
    return to_device(x, device(name))


def check_bounds(ids: Array, size: int, name: str, limits: str) -> None:
    """Raise IndexError if an id lies outside [0, size)."""
    if ids.size == 0:
        return
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= size:
        raise IndexError(f"{name}: expected {limits}, got values from {low} to {high}")


def check_index(index: Any, shape: tuple[int, ...]) -> None:
    """Nothing: NumPy itself raises where an index is out of range. A GPU has another check."""


def refuse_masked(name: str, data: Any) -> None:
    """Raise TypeError for an array with a mask, which a tensor has not."""
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected an array without a mask, got a masked array; use .filled(...) first"
        )


def in_native_order(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A host array with this machine's order of bytes: itself or a copy."""
    if values.dtype.isnative:
        return values
    return values.astype(np.dtype(values.dtype.type))


def writable(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A host array that can be written to, in native order: itself or a copy."""
    native = in_native_order(values)
    return native if native.flags.writeable else native.copy()


def memory_of(x: Array) -> Array:
    """The array that owns the memory of which x shows a part."""
    return x.base if type(x.base) is type(x) else x


def address(x: Array) -> int:
    """Where the first element of x is in memory."""
    place: int = x.ctypes.data if type(x) is np.ndarray else x.data.ptr
    return place


def offsets(x: Array) -> np.ndarray[Any, Any]:
    """How many bytes each element of x lies behind the first."""
    places = np.zeros(x.shape, int)
    for dim, stride in enumerate(x.strides):
        steps = np.arange(x.shape[dim]) * stride
        places += steps.reshape(-1, *[1] * (x.ndim - dim - 1))
    return places


def place_within(part: Array, whole: Array) -> tuple[np.ndarray[Any, Any], ...]:
    """The index at which `whole` has the elements of `part`, which shows some of its memory.

    A number counts as a row of one.
    """
    wanted = offsets(part) + (address(part) - address(whole))
    if whole.flags.c_contiguous:
        found = wanted // whole.dtype.itemsize
    else:
        there = offsets(whole).ravel()
        order = np.argsort(there)
        found = order[np.searchsorted(there, wanted, sorter=order)]
    return np.unravel_index(found, whole.shape or (1,))


def is_same_part(a: Array, b: Array) -> bool:
    """Whether two arrays show the same memory in the same order."""
    are_alike = type(a) is type(b) and a.shape == b.shape and a.dtype == b.dtype
    return are_alike and a.strides == b.strides and address(a) == address(b)


class LazyScatter:
    """zeros(shape) with `g` added at `index`, not yet carried out.

    The gradient of one x[t] is this: added T times into one array it costs T rows, and not T whole
    arrays.
    """

    def __init__(self, g: Array, index: Any, shape: tuple[int, ...]):
        self.g = g
        self.index = index
        self.shape = shape

    def add_to(self, out: Array) -> None:
        """out[index] += g."""
        NAMESPACES[type(out)].add_at(out, self.index, self.g)

    def dense(self, xp: XP) -> Array:
        """The whole array."""
        return xp.scatter_add(self.g, self.index, self.shape)


class device(str):
    """Where an array lives: `device("cpu")`, `device("cuda")`, `device("cuda:1")`.

    The last is `device("cuda", 1)` and `device(1)`, too.

    >>> device("cuda:1").type, device("cuda:1").index
    ('cuda', 1)
    """

    # partition may return the device itself
    type = property(lambda self: str(self.partition(":")[0]))
    index = property(lambda self: int(self.partition(":")[2]) if ":" in self else None)

    def __new__(cls, name: str | int = "cpu", index: int | None = None) -> device:
        if type(name) is int and 0 <= name < 128 and index is None:
            return super().__new__(cls, f"cuda:{name}")
        kind, colon, number = str(name).partition(":")
        if kind not in DEVICES or number.isdigit() != bool(colon):
            known = ", ".join(map(repr, DEVICES))
            raise ValueError(f"device: expected one of {known} or 'cuda:1', got {name!r}")
        if index is None:
            return super().__new__(cls, name)
        if type(index) is not int or colon or not 0 <= index < 128:
            raise ValueError(f"device: expected an index from 0 to 127, once, got {index!r:.60}")
        return super().__new__(cls, f"{name}:{index}")

    def __repr__(self) -> str:
        return f"device(type={self.type!r}" + (
            ")" if self.index is None else f", index={self.index})"
        )


class Layout:
    """One of PyTorch's words for how numbers lie in memory."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


strided = Layout("strided")  # the only layout here
preserve_format = Layout("preserve_format")  # in the order that the memory had
contiguous_format = Layout("contiguous_format")  # in the order of the elements


class Backend(SimpleNamespace):
    """One kind of device.

    Its namespace is `xp`; `upload`, `download` and `from_dlpack` are how an array travels.
    """


def open_cpu() -> Backend:
    """NumPy."""
    return Backend(
        xp=Namespace(np), upload=np.asarray, download=np.asarray, from_dlpack=np.from_dlpack
    )


def open_cuda() -> Backend:
    """CuPy. Raises RuntimeError if no GPU can be used."""
    from minigrad import cuda  # imported where it is needed: CuPy takes most of a second

    cupy = cuda.library()
    return Backend(
        xp=Namespace(cupy, "cuda"),
        upload=cupy.asarray,
        download=cupy.asnumpy,
        from_dlpack=cupy.from_dlpack,
        module=cupy,
    )


DEVICES: dict[str, Callable[[], Backend]] = {"cpu": open_cpu, "cuda": open_cuda}
BACKENDS: dict[str, Backend] = {}  # the devices opened so far, by name
# device -> called with its backend when opened
EXTENSIONS: dict[str, Callable[[Backend], None]] = {}
NAMESPACES: dict[type, Namespace] = {}  # array type -> the namespace that serves it
DEVICE_OF: dict[type, str] = {}


def backend(name: str) -> Backend:
    """The backend of device type `name`, opened at its first use."""
    if name not in BACKENDS:
        opened = DEVICES[name]()
        if name in EXTENSIONS:
            EXTENSIONS[name](opened)
        BACKENDS[name] = opened
        NAMESPACES[opened.xp.ndarray] = opened.xp
        DEVICE_OF[opened.xp.ndarray] = name
    return BACKENDS[name]


NUMPY = backend("cpu").xp


def device_of(array: Array) -> device:
    """The device that holds `array`."""
    return device(DEVICE_OF.get(type(array)) or array.device)


def to_numpy(array: Array) -> np.ndarray[Any, Any]:
    """`array` on the host; the array itself where it is there already."""
    if type(array) is np.ndarray:
        return array
    return BACKENDS[DEVICE_OF.get(type(array), "cpu")].download(array)


def to_device(array: Array, target: device) -> Array:
    """`array` on `target`; the array itself where it is there already."""
    if DEVICE_OF.get(type(array), "cpu") == target.type:
        return array
    return backend(target.type).upload(to_numpy(array))


float32, float64, int64, int32, uint8, bool_ = map(
    np.dtype, ("float32", "float64", "int64", "int32", "uint8", "bool")
)
complex64, complex128 = map(np.dtype, ("complex64", "complex128"))
_default_dtype = float32


def set_default_dtype(dtype: Any) -> None:
    """Make `dtype` (float32 or float64) what `tensor(1.5)`, `zeros(3)` and new parameters get."""
    global _default_dtype
    # of None and of what has a dtype, an array or a tensor, NumPy would make one
    is_other = dtype is None or isinstance(dtype, np.ndarray) or hasattr(dtype, "array")
    known = [d for d in (float32, float64) if not is_other and d == dtype]
    if not known:
        raise TypeError(f"set_default_dtype: expected float32 or float64, got {dtype!s:.60}")
    _default_dtype = known[0]


def get_default_dtype() -> np.dtype[Any]:
    """The dtype that floats get where none is named."""
    return _default_dtype
