"""A GPU without a GPU: arrays that refuse what CuPy refuses, so that its faults show here.

Importing this file makes `device="strict"` work. Its arrays are no ndarrays, are not converted to
one implicitly, take no list or ndarray as an operand, give 0-d arrays and no numbers from
reductions, wrap an integer array's index that is out of range as CuPy silently does, and have
CuPy's names alone. Every look at a value from the host is counted in `syncs`.
"""

import operator
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from emulated_kernel import (
    COMPILER,
    RUNTIME,
    Cublas,
    RawKernel,
    Stream,
    alloc,
    current_stream,
    refuse_capture,
    refuse_cublas,
)

from minigrad import array, faster

NAME = "strict"
# Kernels are those of minigrad.fast, which can be removed; a C compiler stands in for a GPU's.
HAS_KERNELS = bool(COMPILER and faster.WANTED and find_spec("minigrad.fast"))
WORDS = set(Path(__file__).with_name("cupy14_names.txt").read_text("utf-8").split())
METHODS = """
    all any argmax argmin argsort astype conj copy cumsum dot fill flatten max mean min nonzero prod
    ravel repeat reshape round searchsorted std sum swapaxes take transpose var view
""".split()
PRODUCTS = {"dot", "einsum", "inner", "matmul", "tensordot", "vdot"}  # through cuBLAS
UNWRITTEN = {"empty", "empty_like"}  # memory alone: nothing is launched
JOINING = {"concatenate", "stack"}  # a launch for each part
COUNTING = {"argwhere", "flatnonzero", "nonzero", "unique"}  # how many there are decides the shape
METHOD_KEYWORDS = {"axis", "keepdims", "dtype", "out", "kind", "shape", "copy", "casting", "order"}
KEYWORDS = {
    word: set(keywords.split())
    for word, _, keywords in (
        line.partition(":")
        for line in Path(__file__).with_name("cupy14_keywords.txt").read_text("utf-8").splitlines()
    )
}


class StrictArray:
    """An array on the strict device. `held` has its numbers; only this file may touch it."""

    __array_ufunc__ = None  # ndarray + StrictArray asks StrictArray, which refuses
    __hash__ = None
    syncs = written = 0  # of all arrays together
    launches = 0  # of CuPy's own kernels; copies from the host count as one

    def __init__(self, held: np.ndarray, base: "StrictArray | None" = None):
        self.held, self.base = held, base
        StrictArray.written += held.size if base is None else 0  # a view writes nothing

    dtype = property(lambda self: self.held.dtype)
    shape = property(lambda self: self.held.shape)
    ndim = property(lambda self: self.held.ndim)
    size = property(lambda self: self.held.size)
    strides = property(lambda self: self.held.strides)
    nbytes = property(lambda self: self.held.nbytes)
    flags = property(lambda self: self.held.flags)
    data = property(lambda self: SimpleNamespace(ptr=self.held.ctypes.data))
    T = property(lambda self: wrap(self.held.T, self))
    real = property(lambda self: wrap(self.held.real, self))
    imag = property(lambda self: wrap(self.held.imag, self))

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS:
            raise AttributeError(f"a CuPy array has no {name!r}")
        method = getattr(self.held, name)
        StrictArray.syncs += name in COUNTING
        return lambda *args, **options: wrap(
            method(*map(unwrap, args), **checked(name, options)), self
        )

    def __array__(self, *args: Any, **options: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __len__(self) -> int:
        return len(self.held)

    def __iter__(self) -> Iterator["StrictArray"]:
        return (self[i] for i in range(len(self)))

    def get(self) -> np.ndarray:
        refuse_capture("a value comes to the host")
        StrictArray.syncs += 1
        return np.array(self.held)

    def item(self) -> Any:
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def __bool__(self) -> bool:
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __getitem__(self, index: Any) -> "StrictArray":
        return wrap(self.held[wrapped(index, self.held.shape)], self)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.held[wrapped(index, self.held.shape)] = unwrap(value)
        StrictArray.launches += 1
        StrictArray.written += getattr(value, "size", 1)


def operators() -> None:
    """Give StrictArray Python's operators, forwards, backwards and in place."""
    for name in "add sub mul truediv floordiv mod pow matmul and or xor lt le gt ge eq ne".split():
        apply = getattr(operator, f"__{name}__")
        setattr(StrictArray, f"__{name}__", lambda self, other, f=apply: binary(f, self, other))
        setattr(
            StrictArray,
            f"__r{name}__",
            lambda self, other, f=apply: binary(lambda a, b: f(b, a), self, other),
        )
    for name in "add sub mul truediv pow".split():  # CuPy has no __imatmul__
        in_place = getattr(operator, f"__i{name}__")
        setattr(
            StrictArray,
            f"__i{name}__",
            lambda self, other, f=in_place: written(
                f(self.held, unwrap(other, operand=True)), self
            ),
        )
    for name in "neg abs invert pos".split():
        apply = getattr(operator, name)
        setattr(StrictArray, f"__{name}__", lambda self, f=apply: wrap(f(self.held), self))


def binary(f: Any, a: StrictArray, b: Any) -> Any:
    if (
        not isinstance(b, np.ndarray)
        and getattr(b, "__array_ufunc__", b) is None
        and not isinstance(b, StrictArray)
    ):
        return NotImplemented  # a Tensor answers for itself
    return wrap(f(a.held, unwrap(b, operand=True)), a)


operators()


def written(numbers: np.ndarray, to: StrictArray) -> StrictArray:
    StrictArray.written += numbers.size
    StrictArray.launches += 1
    return to


def unwrap(x: Any, operand: bool = False) -> Any:
    """What NumPy computes with in x's place.

    An array of the host is refused, also inside a sequence; an operand must not be a sequence at
    all.
    """
    if isinstance(x, StrictArray):
        return x.held
    if isinstance(x, np.ndarray) or (operand and isinstance(x, (list, tuple))):
        raise TypeError(f"Unsupported type {type(x)}")
    if isinstance(x, (list, tuple)) and any(isinstance(i, (StrictArray, np.ndarray)) for i in x):
        return type(x)(map(unwrap, x))
    return x


def wrap(y: Any, of: StrictArray | None = None) -> Any:
    """NumPy's answer as an array of the strict device, which knows whose memory it shares."""
    if isinstance(y, (tuple, list)):
        return type(y)(wrap(i, of) for i in y)
    if not isinstance(y, (np.ndarray, np.generic)):
        return y
    y = np.asarray(y)
    shares = of is not None and np.may_share_memory(y, of.held)
    if not shares:
        refuse_capture("new memory")
        StrictArray.launches += 1
        return StrictArray(y)
    return of if y is of.held else StrictArray(y, of if of.base is None else of.base)


def wrapped(index: Any, shape: tuple[int, ...]) -> Any:
    """The index, its integer arrays (in CuPy also lists and ndarrays) taken modulo the size."""
    parts = list(index) if isinstance(index, tuple) else [index]
    used = [i.ndim if is_mask(i) else i is not None and i is not ... for i in map(as_index, parts)]
    place = 0
    for k, part in enumerate(map(as_index, parts)):
        if part is ...:
            place = len(shape) - sum(used[k + 1 :])
        elif isinstance(part, np.ndarray):
            if is_mask(part):
                StrictArray.syncs += 1  # how many are true decides the shape
            elif place < len(shape) and shape[place]:
                part = part % shape[place]
            parts[k] = part
            place += used[k]
        else:
            place += used[k]
    return tuple(parts) if isinstance(index, tuple) else parts[0]


def as_index(i: Any) -> Any:
    return (
        i.held if isinstance(i, StrictArray) else np.asarray(i, int) if isinstance(i, list) else i
    )


def is_mask(i: Any) -> bool:
    return isinstance(i, np.ndarray) and i.dtype == bool


def checked(word: str, options: dict[str, Any]) -> dict[str, Any]:
    if unknown := options.keys() - KEYWORDS.get(word, METHOD_KEYWORDS):
        raise TypeError(f"cupy.{word} takes no {', '.join(unknown)}")
    return {key: unwrap(value) for key, value in options.items()}


class Word:
    """One of CuPy's functions, with those of its methods (add.at) that CuPy has."""

    def __init__(self, name: str, function: Any):
        self.name, self.function = name, function

    def __call__(self, *args: Any, **options: Any) -> Any:
        operands = [unwrap(a, operand=isinstance(self.function, np.ufunc)) for a in args]
        if self.name in PRODUCTS:
            refuse_cublas()
        if self.name == "where" and not isinstance(args[0], StrictArray):
            raise AttributeError("'bool' object has no attribute 'astype'")  # as CuPy's where
        refuse_capture(self.name)
        result = self.function(*operands, **checked(self.name, options))
        if self.name in UNWRITTEN:
            return StrictArray(result)
        if self.name in JOINING:
            StrictArray.launches += len(args[0]) - 1
        if isinstance(options.get("out"), StrictArray):
            return written(result, options["out"])
        return wrap(result, next((a for a in args if isinstance(a, StrictArray)), None))

    def __getattr__(self, method: str) -> Any:
        if f"{self.name}.{method}" not in WORDS:
            raise AttributeError(f"cupy.{self.name} has no method {method!r}")
        return Word(f"{self.name}.{method}", getattr(self.function, method))


class StrictModule:
    """What `import cupy` would give, as far as its names go."""

    ndarray = StrictArray
    RawKernel = RawKernel
    cuda = SimpleNamespace(
        Device=lambda: SimpleNamespace(synchronize=lambda: None),
        runtime=RUNTIME,
        Stream=Stream,
        get_current_stream=current_stream,
        alloc=alloc,
    )
    asnumpy = staticmethod(StrictArray.get)
    from_dlpack = None

    def __getattr__(self, name: str) -> Any:
        if name not in WORDS:
            raise AttributeError(f"module 'cupy' has no attribute {name!r}")
        if name in COUNTING:
            StrictArray.syncs += 1
        return Word(name, getattr(np, name)) if callable(getattr(np, name)) else getattr(np, name)

    @staticmethod
    def asarray(x: Any, dtype: Any = None) -> StrictArray:
        return (
            x
            if isinstance(x, StrictArray) and dtype in (None, x.dtype)
            else StrictModule.array(x, dtype)
        )

    @staticmethod
    def array(x: Any, dtype: Any = None) -> StrictArray:
        StrictArray.launches += 1
        return StrictArray(np.array(x.held if isinstance(x, StrictArray) else x, dtype=dtype))


def scatter(out: StrictArray, index: Any, g: StrictArray) -> None:
    np.add.at(out.held, wrapped(index, out.held.shape), unwrap(g))
    StrictArray.launches += 1
    StrictArray.written += g.size


def open_strict() -> array.Backend:
    module: Any = StrictModule()
    module.add = Word("add", np.add)
    module.add.at = scatter  # an index, too, is wrapped
    backend = array.Backend(
        xp=array.Namespace(module, "cuda"),
        module=module,
        upload=StrictModule.asarray,
        download=StrictArray.get,
        from_dlpack=None,
    )
    if HAS_KERNELS:
        from minigrad.fast.gpu import extend

        extend(backend, np.zeros(1, np.int64), Cublas())
    return backend


array.DEVICES[NAME] = open_strict
