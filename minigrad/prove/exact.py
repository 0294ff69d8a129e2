"""Arrays of exact numbers: the unchanged lines of a rule run over them.

An ExactArray is a NumPy array of objects whose elements know +, -, *, / and **. Comparisons, and
functions such as tanh, are those of the arithmetic in force: `symbols` or `field`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.array import DEVICE_OF, NAMESPACES, Namespace, add_windows, take_windows

OBJECT = np.dtype(object)
COMPARISONS: dict[Any, Callable[[Any, Any], bool]] = {
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
}
LOGIC = {np.bitwise_and, np.bitwise_or, np.invert, np.logical_and, np.logical_or, np.logical_not}
FUNCTIONS = {
    np.exp: "exp",
    np.expm1: "expm1",
    np.log: "log",
    np.log1p: "log1p",
    np.sqrt: "sqrt",
    np.sin: "sin",
    np.cos: "cos",
    np.tanh: "tanh",
    np.tan: "tan",
    np.sinh: "sinh",
    np.cosh: "cosh",
    np.log2: "log2",
    np.log10: "log10",
    np.floor: "floor",
    np.ceil: "ceil",
    np.trunc: "trunc",
    np.rint: "rint",
    np.absolute: "abs",
    np.sign: "sign",
}


def floor_of_quotient(a: Any, b: Any) -> Any:
    """⌊a / b⌋."""
    return current[-1].apply("floor", a / b)


QUOTIENTS: dict[Any, Callable[[Any, Any], Any]] = {
    np.floor_divide: floor_of_quotient,
    np.remainder: lambda a, b: a - b * floor_of_quotient(a, b),
    np.fmod: lambda a, b: a - b * current[-1].apply("trunc", a / b),
    np.arctan2: lambda a, b: current[-1].angle(a, b),
}


class Arithmetic:
    """What a kind of exact number gives: a number from Python's, functions, and decided
    comparisons."""

    def number(self, value: Any) -> Any:
        """An exact number from one of Python's or NumPy's, or as it is."""
        raise NotImplementedError(f"{type(self).__name__} has no number for {value!r}")

    def compare(self, relation: Callable[[Any, Any], bool], a: Any, b: Any) -> bool:
        """Whether the relation holds between two exact numbers."""
        raise NotImplementedError(
            f"{type(self).__name__} has no order: {a} {relation.__name__} {b}"
        )

    def apply(self, name: str, value: Any) -> Any:
        """The function of that name."""
        raise NotImplementedError(f"{type(self).__name__} has no function {name}")

    def angle(self, a: Any, b: Any) -> Any:
        """The angle of the point (b, a)."""
        raise NotImplementedError(f"{type(self).__name__} has no angles")


current: list[Arithmetic] = []  # the arithmetic in force is the last one


class ExactArray(np.ndarray[Any, Any]):
    """An array of exact numbers."""

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any
    ) -> Any:
        if method == "at":
            array, index, values = inputs
            ufunc.at(array.view(np.ndarray), index, as_objects(values))
            return None
        if ufunc in LOGIC:
            plain = [np.asarray(a, dtype=bool).view(np.ndarray) for a in inputs]
            return np.asarray(getattr(ufunc, method)(*plain, **options)).view(ExactArray)
        is_call = method == "__call__"
        if is_call and ufunc in (np.isfinite, np.isnan):
            return np.full(np.shape(inputs[0]), ufunc is np.isfinite).view(ExactArray)
        if is_call and ufunc in COMPARISONS:
            return compared(COMPARISONS[ufunc], *inputs).view(ExactArray)
        function = function_of(ufunc) if is_call else None
        if function is not None:
            result = elementwise(function, object, *inputs)
        else:
            result = getattr(ufunc, method)(*map(as_objects, inputs), **options)
        if out is not None:
            out[0][...] = result
            return out[0]
        return np.asarray(result, dtype=object).view(ExactArray)

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        """A copy: exact numbers have one type."""
        return self.copy()

    real = property(lambda self: self)  # these numbers have no imaginary part


def function_of(ufunc: Any) -> Callable[..., Any] | None:
    """What a ufunc is for two exact numbers, or one; None where it is their own arithmetic."""
    arithmetic = current[-1]
    if ufunc in FUNCTIONS:
        name = FUNCTIONS[ufunc]
        return lambda a: arithmetic.apply(name, a)
    if ufunc in (np.maximum, np.minimum):
        relation = operator.gt if ufunc is np.maximum else operator.lt
        return lambda a, b: a if arithmetic.compare(relation, a, b) else b
    return QUOTIENTS.get(ufunc)


def compared(relation: Callable[[Any, Any], bool], a: Any, b: Any) -> Any:
    """Where a relation holds between exact numbers, as booleans."""
    arithmetic = current[-1]
    return elementwise(lambda x, y: arithmetic.compare(relation, x, y), bool, a, b)


def as_objects(a: Any) -> Any:
    """An array or a number as a plain array of exact numbers."""
    number = current[-1].number
    if isinstance(a, np.ndarray) and a.dtype == OBJECT:
        return a.view(np.ndarray)
    return elementwise(number, object, a).view(np.ndarray)


def elementwise(function: Callable[..., Any], dtype: Any, *arrays: Any) -> Any:
    """`function` of each element, broadcast; arguments become exact numbers first."""
    number = current[-1].number
    objects = [np.asarray(a, dtype=object).view(np.ndarray) for a in arrays]
    parts = np.broadcast_arrays(*objects)
    out = np.empty(parts[0].shape, dtype=dtype)
    for place in np.ndindex(out.shape):
        out[place] = function(*[number(part[place]) for part in parts])
    return out.view(ExactArray) if dtype is object else out


def exact(values: Any) -> ExactArray:
    """Nested lists or an array of numbers as an ExactArray."""
    found: ExactArray = elementwise(lambda a: a, object, values)
    return found


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Exact zeros; integers and booleans stay NumPy's."""
    if dtype is not None and np.dtype(dtype).kind in "iub":
        return np.zeros(shape, dtype)
    out = np.empty(shape, dtype=object)
    out[...] = current[-1].number(0)
    return out.view(ExactArray)


def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The maximum along one axis, some or all, by comparing."""
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis).tolist()
    for d in sorted([d % x.ndim for d in axes], reverse=True):
        parts = [x[(slice(None),) * d + (slice(i, i + 1),)] for i in range(x.shape[d])]
        x = parts[0]
        for part in parts[1:]:
            x = np.maximum(x, part)
        x = x if keepdims else x[(slice(None),) * d + (0,)]
    return x


def argmax(x: Any, axis: int, keepdims: bool = False) -> Any:
    """The index of the first of the greatest along one axis, by comparing."""
    d = axis % x.ndim
    rows = np.moveaxis(x, d, 0)
    greatest = rows[:1]
    found = np.zeros(greatest.shape, int)
    for i in range(1, len(rows)):
        row = rows[i : i + 1]
        found[compared(operator.gt, row, greatest)] = i
        greatest = np.maximum(greatest, row)
    return np.moveaxis(found, 0, d) if keepdims else found[0]


def where(condition: Any, a: Any, b: Any) -> Any:
    """numpy.where over exact numbers; integers, which are indices, stay NumPy's."""
    chosen = np.asarray(condition).view(np.ndarray)
    if not (isinstance(a, ExactArray) or isinstance(b, ExactArray)):
        return np.where(chosen, a, b)
    if all(np.asarray(branch).dtype.kind in "iub" for branch in (a, b)):
        return np.where(chosen, a, b).view(ExactArray)
    return np.where(chosen, as_objects(a), as_objects(b)).view(ExactArray)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ) = ½ tanh(x/2) + ½: the kernels in `fast` compute it so."""
    return np.tanh(x / 2) / 2 + exact(1) / 2


def plain_index(index: Any) -> Any:
    """An index without exact arrays of integers in it, which numpy.add.at would ask again."""
    if isinstance(index, tuple):
        return tuple([plain_index(part) for part in index])
    return index.view(np.ndarray) if isinstance(index, ExactArray) else index


def ones_like(x: Any) -> Any:
    """Exact ones."""
    return exact(np.ones(np.shape(x), dtype=int))


def namespace() -> Namespace:
    """NumPy's vocabulary over exact numbers."""
    xp = Namespace(np, "exact")

    def scatter_add(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
        out = zeros(shape)
        np.add.at(out.view(np.ndarray), plain_index(index), as_objects(g))
        return out

    def assign(x: Any, v: Any, index: Any) -> Any:
        out = kept_exact(np.copy)(x)
        out.view(np.ndarray)[index] = as_objects(v)
        return out

    def add_at(out: Any, index: Any, g: Any) -> None:
        np.add.at(out.view(np.ndarray), plain_index(index), as_objects(g))

    vars(xp).update(
        ndarray=ExactArray,
        asarray=exact_numbers,
        clone=kept_exact(np.copy),
        ascontiguousarray=kept_exact(np.ascontiguousarray),
        cat=kept_exact(np.concatenate),
        concatenate=kept_exact(np.concatenate),
        stack=kept_exact(np.stack),
        broadcast_to=kept_exact(np.broadcast_to),
        array=exact_numbers,
        zeros=zeros,
        empty=zeros,
        zeros_like=lambda x, dtype=None: zeros(np.shape(x), getattr(x, "dtype", None)),
        empty_like=lambda x: zeros(np.shape(x)),
        ones_like=ones_like,
        result_type=lambda *arrays: OBJECT,
        astype=lambda x, dtype: exact(x),
        amax=amax,
        argmax=argmax,
        where=where,
        scatter_add=scatter_add,
        add_at=add_at,
        atan2=np.arctan2,
        erf=lambda x: elementwise(lambda a: current[-1].apply("erf", a), object, x),
        sigmoid=sigmoid,
        full_like=lambda x, value: elementwise(lambda _, v: v, object, x, value),
        diagonal=lambda x, offset: x.diagonal(offset, -2, -1),
        unfold=unfold,
        take_windows=take_windows,
        add_windows=add_windows,
        assign=assign,
    )
    return xp


def unfold(x: Any, size: int, step: int) -> Any:
    """Slices of the last dimension, `step` apart."""
    return np.lib.stride_tricks.sliding_window_view(x, size, -1, subok=True)[..., ::step, :]


def exact_numbers(values: Any, dtype: Any = None) -> Any:
    """numpy.array: integers and booleans, which are indices and masks, stay NumPy's."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iub":
        return values.copy()
    return exact(values)


def kept_exact(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's that makes plain arrays, with exact ones where objects come out."""

    def wrapped(*args: Any, **options: Any) -> Any:
        out = function(*args, **options)
        return out.view(ExactArray) if out.dtype == OBJECT else out

    return wrapped


XP = namespace()
# So Tensors may hold exact arrays, and a composition runs over them.
NAMESPACES[ExactArray] = XP
DEVICE_OF[ExactArray] = "cpu"
