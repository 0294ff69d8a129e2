"""Arrays: NumPy's, or CuPy's on a GPU. Nothing else asks which of them it has.

A rule never says `np.`. It is handed a namespace `xp`, a library cut down to the words below, so that the same
lines run on either; a word outside the vocabulary fails at once, also on a machine that has no GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

XP = Any  # a namespace: NumPy, CuPy, or the same words over Tensors
Array = Any  # numpy.ndarray or cupy.ndarray; a Tensor when a rule is replayed for a higher derivative

VOCABULARY = """
    abs add all amax any arange argmax argmin array asarray broadcast_to concatenate cos cumsum divide dot empty
    empty_like exp expand_dims expm1 full_like isfinite isnan log log1p matmul maximum minimum multiply ones_like
    reshape result_type roll sign sin sqrt stack subtract sum swapaxes tanh where zeros zeros_like
""".split()


class Namespace(SimpleNamespace):
    """A vocabulary bound to one array library."""

    def __getattr__(self, word: str) -> Any:
        raise AttributeError(f"{word!r} is not in the vocabulary of minigrad.array, which every device must speak")


def namespace(module: Any, kernels: Any = None) -> Namespace:
    """`module` (numpy, cupy) cut down to the vocabulary, plus what it lacks and what needs care.

    kernels: what runs C on the device, see `minigrad.gpu`; None where NumPy's lines run."""

    def inside(ids: Array, count: int, what: str, there: str) -> None:
        """Refuse ids outside [0, count)."""
        if kernels:
            kernels.check(ids, 0, count, what, there)
        elif ids.size and not (0 <= int(ids.min()) and int(ids.max()) < count):
            raise IndexError(f"{what} go from {int(ids.min())} to {int(ids.max())}, but {there}")

    def astype(x: Array, dtype: Any) -> Array:
        return x.astype(dtype, copy=False)

    def scatter_add(g: Array, index: Any, shape: tuple[int, ...]) -> Array:
        """The adjoint of x[index]: zeros of `shape` with `g` added at `index`; repeated places add up."""
        out = module.zeros(shape, g.dtype)
        add_at(out, index, g)
        return out

    def add_at(out: Array, index: Any, g: Array) -> None:
        if not any(hasattr(i, "shape") for i in (index if isinstance(index, tuple) else (index,))):
            out[index] += g  # integers and slices name each place once; an array, of the host too, may repeat one
        elif isinstance(index, module.ndarray) and index.dtype.kind == "i" and out.ndim == 2 and not kernels:
            add_rows(out, index.ravel() % len(out), g.reshape(index.size, out.shape[1]))  # -1 is the last row
        else:
            module.add.at(out, index, g)  # CuPy's does not wait, and adds in any order: its last bits vary

    def add_rows(out: Array, ids: Array, rows: Array) -> None:
        # ufunc.at takes one number at a time: sorted by id (16 bits by radix), each run of equal ids is one sum
        if len(ids):
            order = module.argsort(ids.astype("uint16") if len(out) < 2**16 else ids, kind="stable")
            ids, rows = ids[order], module.take(rows, order, axis=0)
            starts = module.flatnonzero(module.concatenate([module.ones(1, bool), ids[1:] != ids[:-1]]))
            out[ids[starts]] += module.add.reduceat(rows, starts, axis=0)

    return Namespace(
        **{word: getattr(module, word) for word in VOCABULARY if word != "sum"},
        sum=lambda x, axis=None, keepdims=False: module.add.reduce(x, axis=axis, keepdims=keepdims),  # np.sum, but fast
        ndarray=module.ndarray,
        cat=module.concatenate,
        permute=module.transpose,
        clone=module.copy,
        astype=astype,
        scatter_add=scatter_add,
        add_at=add_at,
        scattered=Scattered,
        inside=inside,
        check_index=kernels.check_index if kernels else lambda index, shape: None,  # NumPy checks it itself
        kernels=kernels,
        move=lambda x, name: to_device(x, device(name)),
    )


class Scattered:
    """zeros(shape) with `g` added at `index`, not yet carried out.

    The gradient of one x[t] is this: added T times into one array it costs T rows, and not T whole arrays.
    """

    def __init__(self, g: Array, index: Any, shape: tuple[int, ...]):
        self.g, self.index, self.shape = g, index, shape

    def add_to(self, out: Array) -> None:
        NAMESPACES[type(out)].add_at(out, self.index, self.g)

    def dense(self, xp: XP) -> Array:
        return xp.scatter_add(self.g, self.index, self.shape)


class device(str):
    """Where an array lives: `device("cpu")`, `device("cuda")`, `device("cuda:1")`, which is `device("cuda", 1)`.

    >>> device("cuda:1").type, device("cuda:1").index
    ('cuda', 1)
    """

    type = property(lambda self: str(self.partition(":")[0]))  # partition may return the device itself
    index = property(lambda self: int(self.partition(":")[2]) if ":" in self else None)

    def __new__(cls, name: str = "cpu", index: int | None = None) -> device:
        kind, colon, number = str(name).partition(":")
        if kind not in DEVICES or number.isdigit() != bool(colon):
            raise ValueError(f"device: {name!r} is unknown; known are {', '.join(map(repr, DEVICES))} and 'cuda:1'")
        return super().__new__(cls, name if index is None else f"{name}:{index}")

    def __repr__(self) -> str:
        return f"device(type={self.type!r}" + (")" if self.index is None else f", index={self.index})")


class Backend(SimpleNamespace):
    """One kind of device: its namespace `xp`, and how an array travels: `upload`, `download`, `from_dlpack`."""


def open_cuda() -> Backend:
    from minigrad.gpu.kernels import libraries, parts

    return Backend(**parts(namespace, *libraries()))


# A test registers its strict stand-in for a GPU here, beside the two real devices.
DEVICES: dict[str, Callable[[], Backend]] = {
    "cpu": lambda: Backend(xp=namespace(np), upload=np.asarray, download=np.asarray, from_dlpack=np.from_dlpack),
    "cuda": open_cuda,
}
BACKENDS: dict[str, Backend] = {}  # the devices opened so far, by name
NAMESPACES: dict[type, Namespace] = {}  # array type -> the namespace that serves it
DEVICE_OF: dict[type, str] = {}


def backend(name: str) -> Backend:
    """The backend of device type `name`, opened at its first use (importing CuPy takes most of a second)."""
    if name not in BACKENDS:
        found = BACKENDS[name] = DEVICES[name]()
        NAMESPACES[found.xp.ndarray], DEVICE_OF[found.xp.ndarray] = found.xp, name
    return BACKENDS[name]


NUMPY = backend("cpu").xp


def device_of(array: Array) -> device:
    return device(DEVICE_OF.get(type(array)) or array.device)


def to_numpy(array: Array) -> np.ndarray[Any, Any]:
    """`array` on the host; the array itself where it is there already."""
    return array if type(array) is np.ndarray else BACKENDS[DEVICE_OF.get(type(array), "cpu")].download(array)


def to_device(array: Array, where: device) -> Array:
    """`array` on `where`; the array itself where it is there already."""
    return array if DEVICE_OF.get(type(array), "cpu") == where.type else backend(where.type).upload(to_numpy(array))


float32, float64, int64, int32, bool_ = map(np.dtype, ("float32", "float64", "int64", "int32", "bool"))
_default_dtype = float32


def set_default_dtype(dtype: Any) -> None:
    """Make `dtype` (float32 or float64) what `tensor(1.5)`, `zeros(3)` and new parameters get."""
    global _default_dtype
    if np.dtype(dtype) not in (float32, float64):
        raise TypeError(f"set_default_dtype: {dtype} is no floating dtype that minigrad has; use float32 or float64")
    _default_dtype = np.dtype(dtype)


def get_default_dtype() -> np.dtype[Any]:
    """The dtype that floats get when nobody names one."""
    return _default_dtype
