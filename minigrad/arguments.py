"""Which arguments are accepted, and the errors for others.

Every check raises an error whose text begins with the function's name: TypeError for a wrong kind
of argument, IndexError for a dimension or an index out of range, ValueError for sizes that do not
fit, RuntimeError for tensors on two devices, NotImplementedError for what PyTorch can do and
minigrad cannot.
"""

from __future__ import annotations

import builtins
import functools
import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import diagnosis, errors, ops
from minigrad.array import (
    NAMESPACES,
    Array,
    contiguous_format,
    device_of,
    get_default_dtype,
    preserve_format,
    strided,
    to_device,
)
from minigrad.call import NUMPY_NAMES
from minigrad.errors import Function
from minigrad.graph import TensorBase, tensor_of
from minigrad.ops.reduction import Dim

BOOL = np.dtype(bool)
MOST_ELEMENTS = 2**40  # of a tensor; 4 terabytes of float32

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


def with_numpy_names(function: Function) -> Function:
    """`function`, which takes NumPy's words `axis` and `keepdims`, too, as PyTorch's functions do.

    Raises TypeError if it gets both words for one argument.
    """

    @functools.wraps(function)
    def renamed(*args: Any, **settings: Any) -> Any:
        words = [word for word in settings if word in NUMPY_NAMES]
        for word in words:
            ours = NUMPY_NAMES[word]
            if ours in settings:
                raise TypeError(f"{function.__name__}: expected {ours} or {word}, got both")
            settings[ours] = settings.pop(word)
        return function(*args, **settings)

    return renamed  # type: ignore[return-value]


def as_input(name: str, x: Any, dtype: Any = None, out: Any = None) -> Tensor:
    """x as a Tensor, of `dtype` where one is given.

    Raises TypeError if x is neither a Tensor nor an array, NotImplementedError if `out` is given.
    """
    tensor: Any
    if isinstance(x, TensorBase):
        tensor = x
    elif type(x) in NAMESPACES:
        errors.check_numbers(name, x)
        tensor = tensor_of(x)
    else:
        got = type(x).__name__
        raise TypeError(
            f"{name}: expected a tensor, got a {got}; make a tensor of it first, "
            "with minigrad.tensor(...)"
        )
    if out is not None:
        refuse_out(name, out)
    return tensor if dtype is None else tensor.to(dtype=as_dtype(name, dtype))


def as_ordered(name: str, x: Any, out: Any = None) -> Tensor:
    """x as a Tensor. Raises TypeError, beyond as_input, for complex numbers: they have no order."""
    tensor = as_input(name, x, out=out)
    errors.check_ordered(name, [tensor.array])
    return tensor


def refuse_out(name: str, out: Any) -> None:
    """Raise NotImplementedError if `out` is given."""
    if out is not None:
        raise NotImplementedError(f"{name}: out= is not supported; use the tensor that is returned")


# PyTorch's keywords that are accepted at these values alone
DEFAULTS: dict[str, tuple[Any, ...]] = {
    "layout": (None, strided),
    "pin_memory": (None, False),
    "memory_format": (None, preserve_format, contiguous_format),
    "generator": (None,),
    "out": (None,),
}


def refuse_keywords(name: str, **keywords: Any) -> None:
    """Raise TypeError for a keyword that is none of DEFAULTS, NotImplementedError for another value
    than its default.
    """
    for keyword, value in keywords.items():
        if keyword not in DEFAULTS:
            raise TypeError(f"{name}: expected keywords that it knows, got {keyword}={value!r}")
        if not any([value is default for default in DEFAULTS[keyword]]):
            given = f"{keyword}={errors.describe(value)}"
            raise NotImplementedError(f"{name}: {given} is not supported; leave it out")


def as_floats(x: Any, beside: Any = None) -> Any:
    """A tensor or an array of integers or booleans as floats, of the dtype of the floats beside it
    or of the default one; anything else as it is.
    """
    if not hasattr(x, "dtype") or x.dtype.kind not in "iub":
        return x
    is_beside_floats = hasattr(beside, "dtype") and beside.dtype.kind == "f"
    return ops.astype(x, dtype=beside.dtype if is_beside_floats else get_default_dtype())


def as_operands(name: str, *operands: Any) -> list[Any]:
    """Tensors, arrays and numbers that are combined element by element, ready to be.

    Raises TypeError for anything else, RuntimeError if they are on several devices, ValueError if
    their shapes do not broadcast.
    """
    for a in operands:
        if a is None:
            raise TypeError(f"{name}: expected a tensor or a number, got None; give one")
    operands = tuple(
        [a if isinstance(a, TensorBase) else errors.as_operand(name, a) for a in operands]
    )
    check_one_device(name, *operands)
    shapes = [tuple(a.shape) for a in operands if hasattr(a, "shape")]
    broadcast_shape(name, *shapes)
    check_held(name, *operands)
    return list(operands)


def check_held(name: str, *operands: Any) -> None:
    """Raise ValueError if a Python integer is out of the range of the tensors of integers."""
    numbers = [a for a in operands if type(a) is int]
    if not numbers:
        return
    kinds = [a.dtype for a in operands if hasattr(a, "dtype")]
    limits = [np.iinfo(dtype) for dtype in kinds if dtype.kind in "iu"]
    if not limits or any([dtype.kind in "fc" for dtype in kinds]):
        return
    widest = builtins.max(limits, key=lambda limit: limit.bits)
    for n in numbers:
        if not widest.min <= n <= widest.max:
            raise ValueError(
                f"{name}: expected a number that {widest.dtype} can hold, got {n}; "
                "convert the tensor first, with .to(...)"
            )


def check_one_device(name: str, *operands: Any) -> None:
    """Raise RuntimeError if the tensors among the operands are on several devices."""
    arrays = [a.array if isinstance(a, TensorBase) else a for a in operands]
    found = diagnosis.one_device(name, arrays, {})
    if found:
        raise found


def check_one_dtype(name: str, *tensors: Tensor) -> None:
    """Raise TypeError if the tensors have several dtypes.

    Exact numbers in an array of objects, with which minigrad.prove computes, fit all of them.
    """
    first = tensors[0].array.dtype
    for x in tensors[1:]:
        dtype = x.array.dtype
        if dtype != first and "O" not in (dtype.kind, first.kind):
            raise TypeError(
                f"{name}: expected one dtype, got {first} and {dtype}; convert one with .to(...)"
            )


def check_factors(name: str, *tensors: Tensor) -> None:
    """Raise TypeError if tensors that are multiplied as matrices have several dtypes, or are of
    booleans.
    """
    check_one_dtype(name, *tensors)
    if tensors[0].array.dtype is BOOL:
        raise TypeError(f"{name}: expected numbers, got bool; convert both with .to(...)")


def broadcast_shape(name: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that several broadcast to. Raises ValueError if they do not."""
    if len(set(shapes)) == 1:
        return shapes[0]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        got = " and ".join(map(str, shapes))
        raise ValueError(
            f"{name}: expected shapes that broadcast, got {got}, which do not fit; "
            "sizes must be equal or 1, counted from the right"
        ) from None


def as_integer(name: str, argument: str, value: Any) -> int:
    """A Python integer, NumPy's, or a tensor of one.

    Raises TypeError for anything else, also a bool.
    """
    if type(value) is int:
        return value
    is_bool = isinstance(value, bool) or getattr(value, "dtype", None) == BOOL
    try:
        if is_bool:
            raise TypeError
        return operator.index(value)
    except TypeError:
        got = errors.describe(value)
        raise TypeError(f"{name}: expected {argument} to be an integer, got {got}") from None


def as_number(name: str, argument: str, value: Any) -> Any:
    """A Python number, also out of a tensor or an array of one.

    Raises TypeError for anything else.
    """
    if hasattr(value, "item") and math.prod(value.shape) == 1:
        value = value.item()
    if not isinstance(value, (int, float, complex)):
        got = type(value).__name__
        raise TypeError(f"{name}: expected {argument} to be a number, got a {got}")
    return value


def as_real(name: str, argument: str, value: Any) -> Any:
    """A Python number that is not complex, also out of a tensor or an array of one.

    Raises TypeError for anything else.
    """
    number = as_number(name, argument, value)
    if isinstance(number, complex):
        raise TypeError(f"{name}: expected {argument} to be a real number, got {number}")
    return number


def as_dtype(name: str, dtype: Any, wanted: str = "a dtype") -> np.dtype[Any]:
    """`dtype` as NumPy's. Raises TypeError if it is none of numbers."""
    if isinstance(dtype, (TensorBase, np.ndarray)):  # NumPy would take the dtype of it
        raise TypeError(f"{name}: expected a dtype, got {errors.describe(dtype)}; use its .dtype")
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError):
        got = f"{dtype!r}; minigrad.float32, say"
        raise TypeError(f"{name}: expected {wanted}, got {got}") from None
    if found.kind not in "fibuc":
        raise TypeError(f"{name}: expected a dtype of numbers, got {found}")
    return found


def as_shape(name: str, arguments: tuple[Any, ...], named: Any = None) -> Any:
    """The numbers in f(2, 3), in f((2, 3)) or, where they were named, in f(dims=(2, 3)).

    Raises TypeError if they are given in both ways.
    """
    if arguments and named is not None:
        raise TypeError(
            f"{name}: expected the numbers once, got {arguments} and {named} by name; "
            "give one of them"
        )
    if named is not None:
        arguments = (named,)
    if len(arguments) == 1 and isinstance(arguments[0], (tuple, list)):
        return arguments[0]
    return arguments


def given_size(name: str, size: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """The sizes of f(2, 3) or f((2, 3)), or those that were named; taken out of the keywords."""
    named = keywords.pop("size", None)
    if named is None:
        return size
    if size:
        raise TypeError(f"{name}: expected the size once, got {size} and size={named}")
    return (named,)


def as_sizes(name: str, arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """The sizes in f(2, 3) or f((2, 3)). Raises TypeError if one is not an integer, MemoryError if
    no memory could hold so many elements.
    """
    sizes = tuple([as_integer(name, "a size", n) for n in as_shape(name, arguments)])
    if abs(math.prod(sizes)) >= MOST_ELEMENTS:
        raise MemoryError(f"{name}: expected sizes that some memory holds, got {sizes}")
    return sizes


def normalize_dim(name: str, x: Tensor, dim: Any, new: int = 0) -> int:
    """`dim` counted from the front, among those of x and `new` ones; a number has one, as in
    PyTorch.

    Raises TypeError if it is not an integer, IndexError if x has no such dimension.
    """
    dim = as_integer(name, "dim", dim)
    n = x.array.ndim + new or 1
    if not -n <= dim < n:
        raise IndexError(
            f"{name}: expected a dim from {-n} to {n - 1}, got dim {dim}, which does not exist "
            f"in a tensor of {x.ndim} dimensions"
        )
    return dim % n


def as_dims(name: str, x: Tensor, dim: Any) -> list[int]:
    """The dimensions that `dim` names, one or several, counted from the front.

    Raises TypeError and IndexError as normalize_dim does, ValueError if one is named twice.
    """
    given = dim if isinstance(dim, (list, tuple)) else [dim]
    dims = [normalize_dim(name, x, d) for d in given]
    if len(set(dims)) < len(dims):
        raise ValueError(f"{name}: expected each dim once, got {tuple(given)}")
    return dims


def reduced_dims(name: str, x: Tensor, dim: Dim) -> list[int]:
    """The dimensions that a reduction over `dim` takes away: all of them for None and for ()."""
    is_all = dim is None or (isinstance(dim, (list, tuple)) and not dim)
    return list(range(x.ndim)) if is_all else as_dims(name, x, dim)


def reduced_size(name: str, x: Tensor, dim: Dim) -> int:
    """The number of elements reduced into one."""
    if dim is None:
        size: int = x.array.size
        return size
    dims = reduced_dims(name, x, dim)
    return math.prod([x.shape[d] for d in dims]) if x.ndim else 1


def check_not_empty(name: str, x: Tensor, dim: Dim) -> None:
    """Raise ValueError if a reduction would have to choose among no elements."""
    if reduced_size(name, x, dim) == 0:
        raise ValueError(
            f"{name}: expected at least one element to choose from, got shape {tuple(x.shape)} "
            f"and dim {dim}; an empty tensor has no identity here"
        )


def check_index(name: str, index: Any, ndim: int) -> None:
    """Raise TypeError if `index` is not a tensor, ValueError if it is not of integers with `ndim`
    dimensions.
    """
    if not isinstance(index, TensorBase):
        got = type(index).__name__
        raise TypeError(f"{name}: expected index to be a tensor of integers, got a {got}")
    if index.array.dtype.kind not in "iu" or index.array.ndim != ndim:
        raise ValueError(
            f"{name}: expected an index of integers with {ndim} dimensions, "
            f"got {errors.describe(index.array)}; convert it with .long(), or reshape it"
        )


def check_bounds(name: str, index: Tensor, x: Tensor, dim: int) -> None:
    """Raise IndexError if an index along `dim` is outside of x; one below 0 is, as in PyTorch."""
    size = x.shape[dim] if x.ndim else 1
    xp = NAMESPACES[type(index.array)]
    xp.check_bounds(index.array, size, name, f"indices 0 to {size - 1} along dim {dim}")


def counted_from_front(name: str, index: Tensor, x: Tensor, dim: int) -> Tensor:
    """`index` with the size at `dim` added where it is below 0. Raises IndexError out of range."""
    size = x.shape[dim] if x.ndim else 1
    found = ops.where(index < 0, index + size, index)
    xp = NAMESPACES[type(index.array)]
    limits = f"indices {-size} to {size - 1} along dim {dim}, or counted from the front 0 or more"
    xp.check_bounds(found.array, size, name, limits)
    return found


def placed_like(x: TensorBase, values: Any) -> Array:
    """A host array on the device of x."""
    return to_device(np.asarray(values), device_of(x.array))
