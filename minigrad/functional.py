"""What is composed from the rules: no derivative is written here.

Every function takes Tensors (a NumPy or CuPy array is taken as one) and is a method of Tensor, too,
where PyTorch has one. `out` and other keywords of PyTorch that are not supported are accepted at
their defaults.

A wrong argument raises an error whose text begins with the function's name: TypeError for a wrong
kind of argument, IndexError for a dimension or an index out of range, ValueError for sizes that do
not fit, RuntimeError for tensors on two devices, NotImplementedError for what PyTorch can do and
minigrad cannot. The docstrings say what is particular.
"""

from __future__ import annotations

import builtins
import math
import operator
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad import errors, ops
from minigrad.array import DEVICE_OF, NAMESPACES, Array, device_of, to_device
from minigrad.autograd import TensorBase
from minigrad.ops.reduction import Dim

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


class ValuesAndIndices(NamedTuple):
    """What max and min along a dimension return."""

    values: Tensor
    indices: Tensor


# Arguments: what they may be, and what is said of others


def as_input(name: str, x: Any, dtype: Any = None, out: Any = None) -> Tensor:
    """x as a Tensor, of `dtype` where one is given.

    Raises TypeError where x is neither a Tensor nor an array, NotImplementedError where `out` is
    given.
    """
    tensor: Any
    if isinstance(x, TensorBase):
        tensor = x
    elif type(x) in NAMESPACES:
        tensor = TensorBase.tensor_class(x)
    else:
        got = type(x).__name__
        raise TypeError(
            f"{name}: expected a tensor, got a {got}; make a tensor of it first, "
            "with minigrad.tensor(...)"
        )
    refuse_out(name, out)
    return tensor if dtype is None else tensor.to(dtype=dtype)


def refuse_out(name: str, out: Any) -> None:
    """Raise NotImplementedError where `out` is given."""
    if out is not None:
        raise NotImplementedError(f"{name}: out= is not supported; use the tensor that is returned")


def as_operands(name: str, *operands: Any) -> list[Any]:
    """Tensors, arrays and numbers that are combined element by element, ready to be.

    Raises TypeError for anything else, RuntimeError where they are on several devices, ValueError
    where their shapes do not broadcast.
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
    """Raise ValueError where a Python integer is out of the range of the tensors of integers."""
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
    """Raise RuntimeError where the tensors among the operands are on several devices."""
    arrays = [a.array if isinstance(a, TensorBase) else a for a in operands]
    devices = sorted({DEVICE_OF[type(a)] for a in arrays if type(a) in DEVICE_OF})
    if len(devices) > 1:
        raise RuntimeError(
            f"{name}: expected tensors on one device, got {' and '.join(devices)}; "
            "move one with .to(...)"
        )


def broadcast_shape(name: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that several broadcast to. Raises ValueError where they do not."""
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
    is_bool = isinstance(value, bool) or getattr(value, "dtype", None) == np.dtype(bool)
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


def as_shape(name: str, arguments: tuple[Any, ...], named: Any = None) -> Any:
    """The numbers in f(2, 3), in f((2, 3)) or, where they were named, in f(dims=(2, 3)).

    Raises TypeError where they are given in both ways.
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
    """The sizes in f(2, 3) or f((2, 3)). Raises TypeError where one is no integer."""
    return tuple([as_integer(name, "a size", n) for n in as_shape(name, arguments)])


def normalize_dim(name: str, x: Tensor, dim: Any, new: int = 0) -> int:
    """`dim` counted from the front, among those of x and `new` ones; a number has one, as in
    PyTorch.

    Raises TypeError where it is no integer, IndexError where x has no such dimension.
    """
    dim = as_integer(name, "dim", dim)
    n = builtins.max(x.ndim + new, 1)
    if not -n <= dim < n:
        raise IndexError(
            f"{name}: expected a dim from {-n} to {n - 1}, got dim {dim}, which does not exist "
            f"in a tensor of {x.ndim} dimensions"
        )
    return dim % n


def as_dims(name: str, x: Tensor, dim: Any) -> list[int]:
    """The dimensions that `dim` names, one or several, counted from the front.

    Raises TypeError and IndexError as normalize_dim does, ValueError where one is named twice.
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
    dims = reduced_dims(name, x, dim)
    return math.prod([x.shape[d] for d in dims]) if x.ndim else 1


def check_not_empty(name: str, x: Tensor, dim: Dim) -> None:
    """Raise ValueError where a reduction would have to choose among no elements."""
    if reduced_size(name, x, dim) == 0:
        raise ValueError(
            f"{name}: expected at least one element to choose from, got shape {tuple(x.shape)} "
            f"and dim {dim}; an empty tensor has no identity here"
        )


def check_index(name: str, index: Any, ndim: int) -> None:
    """Raise TypeError where `index` is no tensor, ValueError where it is not of integers with
    `ndim` dimensions.
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
    """Raise IndexError where an index along `dim` lies outside of x; one below 0 does, as in
    PyTorch.
    """
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


def placed_like(x: Tensor, values: Any) -> Array:
    """A host array on the device of x."""
    return to_device(np.asarray(values), device_of(x.array))


# Element by element


def square(input: Tensor, *, out: None = None) -> Tensor:
    """x², in the shape of x."""
    x = as_input("square", input, out=out)
    return x * x


def reciprocal(input: Tensor, *, out: None = None) -> Tensor:
    """1/x, in the shape of x."""
    x = as_input("reciprocal", input, out=out)
    return 1.0 / x


def rsqrt(input: Tensor, *, out: None = None) -> Tensor:
    """1/√x, in the shape of x."""
    x = as_input("rsqrt", input, out=out)
    return 1.0 / ops.sqrt(x)


def minimum(input: Any, other: Any, *, out: None = None) -> Tensor:
    """The smaller of a and b, which broadcast; at a tie each gets half of the gradient."""
    refuse_out("minimum", out)
    return ops.minimum(*as_operands("minimum", input, other))


def any_unsigned(*operands: Any) -> bool:
    """Whether one is of a kind that -x would leave: bool, or unsigned integers."""
    return any([a.dtype.kind in "bu" for a in operands if hasattr(a, "dtype")])


def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: None = None) -> Tensor:
    """x kept within [min, max], numbers or tensors that broadcast; the gradient passes inside, the
    ends included.

    Raises ValueError where neither is given.
    """
    x = as_input("clamp", input, out=out)
    if min is None and max is None:
        raise ValueError("clamp: expected min, max or both, got neither; give at least one")
    if is_plain_bound(min) and is_plain_bound(max):
        check_held("clamp", x, min, max)
        return ops.clamp(x, min=min, max=max)
    if min is not None:
        x, min = as_operands("clamp", x, min)
        x = ops.where(x < min, min, nan_where_neither(x >= min, x))
    if max is not None:
        x, max = as_operands("clamp", x, max)
        x = ops.where(x > max, max, nan_where_neither(x <= max, x))
    return x


def is_plain_bound(bound: Any) -> bool:
    """Whether a bound of clamp is None or a number that is not NaN."""
    return bound is None or (type(bound) in (int, float, bool) and bound == bound)


def nan_where_neither(holds: Tensor, x: Tensor) -> Tensor:
    """x where the comparison holds, else NaN: there x or what it was compared with is NaN."""
    return ops.where(holds, x, float("nan")) if x.dtype.kind == "f" else x


def masked_fill(input: Tensor, mask: Any, value: Any) -> Tensor:
    """`value` where the mask holds, x elsewhere, in x's dtype; x, mask and value broadcast.

    Of a fraction an integer x takes the whole part. Raises TypeError for a mask of numbers.
    """
    x = as_input("masked_fill", input)
    if x.dtype.kind in "iu" and isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(
                f"masked_fill: expected a number that {x.dtype} can hold, got {value}; "
                "convert the tensor first, with .to(...)"
            )
        value = int(value)
    x, mask, value = as_operands("masked_fill", x, mask, value)
    if getattr(mask, "dtype", np.dtype(type(mask))) != np.dtype(bool):
        raise TypeError(
            f"masked_fill: expected a mask of bools, got {errors.describe(mask)}; use mask != 0"
        )
    return ops.where(mask, value, x)


# Reductions. dim: one dimension, several, or None for all; keepdim: those stay, with size 1.


def amin(input: Tensor, dim: Dim = None, keepdim: bool = False, *, out: None = None) -> Tensor:
    """The minimum over `dim`; ties share the gradient evenly.

    Raises ValueError where there is no element.
    """
    x = as_input("amin", input, out=out)
    check_not_empty("amin", x, dim)
    if any_unsigned(x):
        return amin(x.long(), dim, keepdim).to(dtype=x.dtype)
    return -ops.amax(-x, dim=dim, keepdim=keepdim)


def mean(
    input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, out: None = None
) -> Tensor:
    """Σ x / n over `dim`, NaN where n is 0. Raises TypeError for integers, as var and std do."""
    x = as_input("mean", input, dtype, out)
    if x.dtype.kind not in "fcO":  # O: exact numbers, see minigrad.prove
        raise TypeError(
            f"mean: expected floats, got {x.dtype}, which has no mean of its own kind; "
            "use .float() first"
        )
    n = reduced_size("mean", x, dim)
    return ops.sum(x, dim=dim, keepdim=keepdim) / (n if n else float("nan"))


def var(
    input: Tensor,
    dim: Dim = None,
    correction: float = 1,
    keepdim: bool = False,
    *,
    unbiased: bool | None = None,
    out: None = None,
) -> Tensor:
    """Σ (x - x̄)² / (n - correction) over `dim`; where n ≤ correction ∞ or NaN, with a warning.

    unbiased: PyTorch's older word for correction=1 (True) or 0 (False).
    """
    return variance("var", as_input("var", input, out=out), dim, correction, keepdim, unbiased)


def std(
    input: Tensor,
    dim: Dim = None,
    correction: float = 1,
    keepdim: bool = False,
    *,
    unbiased: bool | None = None,
    out: None = None,
) -> Tensor:
    """√var; where it is 0 its gradient is 0. The arguments are those of var."""
    variances = variance("std", as_input("std", input, out=out), dim, correction, keepdim, unbiased)
    # √0 has an infinite slope: there take √1 and give 0, so that the gradient is 0
    is_zero = variances == 0
    return ops.where(is_zero, 0.0, ops.sqrt(ops.where(is_zero, 1.0, variances)))


def variance(
    name: str, x: Tensor, dim: Dim, correction: float, keepdim: bool, unbiased: bool | None
) -> Tensor:
    """var on behalf of `name`."""
    if x.dtype.kind not in "fc":
        raise TypeError(f"{name}: expected floats, got {x.dtype}; use .float() first")
    if isinstance(dim, bool):  # PyTorch's var(x, False)
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = 1 if unbiased else 0
    n = reduced_size(name, x, dim) - as_number(name, "correction", correction)
    centred = x - mean(x, dim, keepdim=True)
    squares = ops.sum(centred * centred, dim=dim, keepdim=keepdim)
    if n > 0:
        return squares / n
    warnings.warn(
        f"{name}: expected more than 0 degrees of freedom, got {reduced_size(name, x, dim)} "
        f"elements and a correction of {correction}; the result is inf or NaN",
        stacklevel=3,
    )
    infinite = ops.where(squares.detach() > 0, math.inf, math.nan).to(dtype=x.dtype)
    if dim is not None and x.ndim and n < 0:  # PyTorch's slope is that of Σ (x - x̄)² / n
        return infinite + (squares - squares.detach()) / n
    if dim is None or not x.ndim:  # and here it is ∞, but NaN where x is the mean
        slopes = ops.ne(centred.detach(), 0).to(dtype=x.dtype)
    else:
        slopes = centred.detach()
    nothing = ops.sum((x - x.detach()) * slopes, dim=dim, keepdim=keepdim)
    return infinite + ops.sqrt(nothing)  # √0, whose slope is ∞


def norm(
    input: Tensor,
    p: float | str = "fro",
    dim: Dim = None,
    keepdim: bool = False,
    out: None = None,
    dtype: Any = None,
) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over `dim`; where it is 0 its gradient is 0 (p = 2).

    p: 1, 2 (also "fro"), any other number, or ±∞. Raises NotImplementedError for p = 0 and "nuc",
    TypeError for integers in x.
    """
    x = as_input("norm", input, dtype, out)
    p = 2 if p == "fro" else p
    if p in ("nuc", 0):
        raise NotImplementedError(
            f"norm: p={p!r} is not supported; use another number, inf, -inf or 'fro'"
        )
    if not isinstance(p, (int, float)):
        raise TypeError(f"norm: expected p to be a number or 'fro', got {p!r}")
    if x.dtype.kind not in "fc":
        raise TypeError(f"norm: expected floats, got {x.dtype}; use .float() first")
    if math.isinf(p) or p < 0:
        check_not_empty("norm", x, dim)
    if math.isinf(p):
        extreme = ops.amax if p > 0 else amin
        return extreme(ops.abs(x), dim=dim, keepdim=keepdim)
    reduced_dims("norm", x, dim)
    if p == 1:
        return ops.sum(ops.abs(x), dim=dim, keepdim=keepdim)
    powers = x * x if p == 2 else power_of_magnitude(x, p)
    power = ops.sum(powers, dim=dim, keepdim=keepdim)
    # the root of 0 has an infinite slope: take the root of 1 and give 0, so that the gradient is 0
    is_zero = power == 0
    return ops.where(is_zero, 0.0, ops.where(is_zero, 1.0, power) ** (1 / p))


def power_of_magnitude(x: Tensor, p: float) -> Tensor:
    """|x|ᵖ, with the gradient 0 at 0, where it is infinite for p < 1."""
    magnitude = ops.abs(x)
    if p >= 1:
        return magnitude**p
    is_zero = magnitude == 0
    at_zero = 0.0 if p > 0 else math.inf
    return ops.where(is_zero, at_zero, ops.where(is_zero, 1.0, magnitude) ** p)


def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False, *, out: None = None) -> Tensor:
    """log Σ eˣ over `dim`, shifted by the maximum so that nothing overflows; -∞ of no elements."""
    x = as_input("logsumexp", input, out=out)
    if dim is None:
        raise TypeError("logsumexp: expected dim to be one or several dimensions, got None")
    largest: Any = 0.0
    if reduced_size("logsumexp", x, dim):
        largest = ops.amax(x.detach(), dim=dim, keepdim=True)
        largest = ops.where(ops.isfinite(largest), largest, 0.0)
    y = ops.log(ops.sum(ops.exp(x - largest), dim=dim, keepdim=True)) + largest
    return y if keepdim else squeeze(y, tuple(reduced_dims("logsumexp", x, dim)))


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None, out: None = None) -> Tensor:
    """x - log Σ eˣ along `dim`, in the shape of x; NaN for a slice that is all -∞ or holds ∞."""
    x = as_input("log_softmax", input, dtype, out)
    normalize_dim("log_softmax", x, dim)
    if not x.numel():
        return ops.clone(x)
    shifted = x - ops.amax(x.detach(), dim=dim, keepdim=True)  # e^x cannot overflow
    return shifted - ops.log(ops.sum(ops.exp(shifted), dim=dim, keepdim=True))


def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Π x over one `dim`, or over all elements.

    It is taken by halves: log n multiplications, whose gradient is right also where an element is
    0.
    """
    x = as_input("prod", input, dtype)
    if dtype is None and x.dtype.kind in "bui":
        x = x.long()
    ndim = x.ndim
    if dim is None:
        x = ops.reshape(x, (-1,))
    else:
        dim = normalize_dim("prod", x, dim)
        x = movedim(x, dim, -1) if ndim else ops.reshape(x, (1,))
    if x.shape[-1] == 0:
        product = ops.sum(x, dim=-1) + 1  # of no factors
    else:
        product = squeeze(product_of_last_dim(x), -1)
    if not keepdim or not ndim:
        return product
    return ops.reshape(product, (1,) * ndim) if dim is None else ops.expand_dims(product, dim)


def product_of_last_dim(x: Tensor) -> Tensor:
    """(.., n) -> (.., 1): the first half times the second, and so on; an odd element waits at the
    end.
    """
    if x.shape[-1] == 1:
        return ops.clone(x)
    while x.shape[-1] > 1:
        n = x.shape[-1]
        half = n // 2
        products = x[..., :half] * x[..., half : 2 * half]
        x = ops.cat([products, x[..., 2 * half :]], -1) if n % 2 else products
    return x


def max(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: None = None
) -> Any:
    """The maximum; along a `dim` (values, indices), where the gradient goes to the first of equal
    ones.

    dim: None for all elements, one dimension, or a second tensor, PyTorch's `other`: then the
    larger one element by element. Raises ValueError where there is no element.
    """
    x = as_input("max", input, out=out)
    dim = dim if other is None else other
    return min_or_max("max", x, dim, keepdim, ops.amax, ops.argmax, ops.maximum)


def min(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: None = None
) -> Any:
    """The minimum; the arguments and the rest are those of max."""
    x = as_input("min", input, out=out)
    dim = dim if other is None else other
    return min_or_max("min", x, dim, keepdim, amin, ops.argmin, minimum)


def min_or_max(
    name: str, x: Tensor, dim: Any, keepdim: bool, of_all: Any, arg: Any, of_two: Any
) -> Any:
    """max and min: over all elements, of two tensors, or along `dim`."""
    if isinstance(dim, TensorBase):
        return of_two(*as_operands(name, x, dim))
    if dim is None:
        check_not_empty(name, x, None)
        extreme = of_all(x)
        has_nan = x.requires_grad and bool(ops.isnan(extreme))
        return nan_of(x) if has_nan else extreme
    dim = normalize_dim(name, x, dim)
    check_not_empty(name, x, dim)
    if not x.ndim:
        return ValuesAndIndices(ops.clone(x), arg(x))
    indices = arg(x, dim=dim, keepdim=True)
    values = pick_along(x, dim, indices)
    if keepdim:
        return ValuesAndIndices(values, indices)
    return ValuesAndIndices(squeeze(values, dim), squeeze(indices, dim))


def nan_of(x: Tensor) -> Tensor:
    """NaN, with the gradient shared evenly by the elements of x that are NaN."""
    is_nan = ops.isnan(x)
    share = 1 / ops.sum(is_nan).item()
    return ops.sum(ops.where(is_nan, x, 0.0)) * share


# Picking elements


def gather(
    input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: None = None
) -> Tensor:
    """y[i, j, ..] = x[i, index[i, j, ..], ..]: along `dim` by `index`, elsewhere by position; in
    the index's shape.

    index: integers from 0, with as many dimensions as x; it may be smaller than x in the others.
    Raises IndexError where one lies outside of x.
    """
    x = as_input("gather", input, out=out)
    if sparse_grad:
        raise NotImplementedError("gather: sparse_grad=True is not supported; leave it out")
    dim = normalize_dim("gather", x, dim)
    if not x.ndim and getattr(index, "ndim", 0) == 1:
        x = ops.reshape(x, (1,))
    check_index("gather", index, x.ndim)
    check_one_device("gather", x, index)
    for d in range(x.ndim):
        if d != dim and index.shape[d] > x.shape[d]:
            raise ValueError(
                f"gather: expected an index no larger than {tuple(x.shape)} but in dim {dim}, "
                f"got {tuple(index.shape)}"
            )
    check_bounds("gather", index, x, dim)
    return pick_along(x, dim, index) if x.ndim else ops.clone(x)


def pick_along(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """gather, of arguments that fit."""
    places = np.ix_(*[range(n) for n in index.shape])
    grid = [placed_like(x, p) for p in places]
    grid[dim] = index.array.copy()  # whatever is written to the index later
    return picked(x, tuple(grid))


def picked(x: Tensor, index: tuple[Any, ...]) -> Tensor:
    """x[index], an index with arrays; its memory is in order as PyTorch's is, so that a reshape of
    it is a view. (That of NumPy's x[:, ids] is not.)
    """
    return in_order(ops.getitem(x, index))


def in_order(y: Tensor) -> Tensor:
    """A fresh value with its memory in order: the last dimension next to one another."""
    if not y.array.flags.c_contiguous:
        y.array = y.array.copy(order="C")
    return y


def take_along_dim(
    input: Tensor, indices: Tensor, dim: int | None = None, *, out: None = None
) -> Tensor:
    """gather, with the other dimensions broadcast; along the flattened tensor if `dim` is None.

    An index below 0 counts from the end of `dim`. Raises IndexError where one lies outside of x.
    """
    x = as_input("take_along_dim", input, out=out)
    if dim is None:
        check_index("take_along_dim", indices, getattr(indices, "ndim", 1))
        x = ops.reshape(x, (-1,))
        check_bounds("take_along_dim", indices, x, 0)
        indices = ops.reshape(indices, (-1,))
        dim = 0
    dim = normalize_dim("take_along_dim", x, dim)
    check_index("take_along_dim", indices, x.ndim)
    check_one_device("take_along_dim", x, indices)
    indices = counted_from_front("take_along_dim", indices, x, dim)
    if not x.ndim:
        return ops.clone(x)
    others = [(*t.shape[:dim], 1, *t.shape[dim + 1 :]) for t in (x, indices)]
    shape = list(broadcast_shape("take_along_dim", *others))

    def spread(t: Tensor) -> Tensor:
        """t broadcast in every dimension but `dim`."""
        return ops.broadcast_to(t, [*shape[:dim], t.shape[dim], *shape[dim + 1 :]])

    return pick_along(spread(x), dim, spread(indices))


def index_select(input: Tensor, dim: int, index: Tensor, *, out: None = None) -> Tensor:
    """The slices of x along `dim` that the 1-d `index` names.

    Raises IndexError where one lies outside of x.
    """
    x = as_input("index_select", input, out=out)
    dim = normalize_dim("index_select", x, dim)
    if isinstance(index, TensorBase) and not index.shape:
        index = ops.reshape(index, (1,))
    check_index("index_select", index, 1)
    check_one_device("index_select", x, index)
    check_bounds("index_select", index, x, dim)
    if not x.ndim:
        if index.numel() != 1:
            raise ValueError(
                f"index_select: expected 1 index of a 0-d tensor, got {index.numel()}; "
                "use .expand(...)"
            )
        return ops.clone(x)
    return picked(x, (slice(None),) * dim + (index.array.copy(),))


# Shapes


def squeeze(input: Tensor, dim: Dim = None) -> Tensor:
    """x without its dimensions of size 1, or without those of `dim` that are of size 1."""
    x = as_input("squeeze", input)
    dims = range(x.ndim) if dim is None else as_dims("squeeze", x, dim)
    return ops.reshape(x, tuple([n for d, n in enumerate(x.shape) if n != 1 or d not in dims]))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """x with a new dimension of size 1 at `dim`, from -x.ndim - 1 to x.ndim."""
    x = as_input("unsqueeze", input)
    return ops.expand_dims(x, normalize_dim("unsqueeze", x, dim, new=1))


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """x with two dimensions exchanged."""
    x = as_input("transpose", input)
    dim0 = normalize_dim("transpose", x, dim0)
    dim1 = normalize_dim("transpose", x, dim1)
    return ops.swapaxes(x, dim0, dim1) if x.ndim else ops.reshape(x, ())


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector or a number as it is. Raises ValueError for more dims."""
    x = as_input("t", input)
    if x.ndim > 2:
        raise ValueError(
            f"t: expected at most 2 dimensions, got shape {tuple(x.shape)}; use .transpose(...)"
        )
    return ops.swapaxes(x, 0, 1) if x.ndim == 2 else ops.reshape(x, x.shape)


def flip(input: Tensor, dims: Any) -> Tensor:
    """x read backwards along `dims`, one dimension or several."""
    x = as_input("flip", input)
    backwards = as_dims("flip", x, dims)
    step = [-1 if d in backwards else 1 for d in range(x.ndim)]
    return ops.clone(ops.getitem(x, tuple([slice(None, None, s) for s in step])))


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """x turned round by `shifts` along `dims`; what leaves at one end comes in at the other.

    Without `dims` the flattened tensor is turned. Raises ValueError where there is not one shift
    for each of them.
    """
    x = as_input("roll", input)
    if dims is None:
        return ops.reshape(roll(ops.reshape(x, (-1,)), shifts, 0), x.shape)
    shifts = shifts if isinstance(shifts, (list, tuple)) else [shifts]
    dims = dims if isinstance(dims, (list, tuple)) else [dims]
    if len(shifts) != len(dims):
        raise ValueError(
            f"roll: expected one shift for each dim, got shifts {tuple(shifts)} for {tuple(dims)}"
        )
    rolled = x
    for shift, dim in zip(shifts, dims, strict=True):
        shift = as_integer("roll", "shifts", shift)
        dim = normalize_dim("roll", x, dim)
        if x.ndim and x.shape[dim]:
            n = x.shape[dim]
            cut = n - shift % n
            front, back = split(rolled, [cut, n - cut], dim)
            rolled = ops.cat([back, front], dim)
    return ops.clone(x) if rolled is x else rolled


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """x with the dimension `source` at place `destination`, the others in order; or several, as
    tuples.
    """
    x = as_input("movedim", input)
    sources = as_dims("movedim", x, source)
    destinations = as_dims("movedim", x, destination)
    if len(sources) != len(destinations):
        raise ValueError(
            f"movedim: expected one destination for each source, got {source} and {destination}"
        )
    if not x.ndim:
        return ops.reshape(x, ())
    order = [d for d in range(x.ndim) if d not in sources]
    for place, d in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, d)
    return ops.permute(x, order)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """x with the dimensions from start_dim to end_dim made one.

    Raises ValueError where they are in the wrong order.
    """
    x = as_input("flatten", input)
    first = normalize_dim("flatten", x, start_dim)
    last = normalize_dim("flatten", x, end_dim)
    if first > last:
        raise ValueError(
            f"flatten: expected start_dim before end_dim, got {start_dim} and {end_dim} "
            f"in shape {tuple(x.shape)}"
        )
    if first == last and x.ndim:
        return x
    flat = math.prod(x.shape[first : last + 1])
    return ops.reshape(x, (*x.shape[:first], flat, *x.shape[last + 1 :]))


def split(
    tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Pieces of x along `dim`: of one size (the last may be smaller), or of the sizes given.

    Raises ValueError where the sizes do not add up to that of the dimension.
    """
    x = as_input("split", tensor)
    dim = normalize_dim("split", x, dim)
    if not x.ndim:
        raise ValueError("split: expected a tensor of at least 1 dimension, got a 0-d tensor")
    n = x.shape[dim]
    sections = sections_of(n, split_size_or_sections)
    if builtins.sum(sections) != n or any([size < 0 for size in sections]):
        raise ValueError(
            f"split: expected sections that add up to {n}, the size of dimension {dim}, "
            f"got {sections}"
        )
    lead = (slice(None),) * dim
    pieces = []
    start = 0
    for size in sections:
        pieces.append(ops.getitem(x, (*lead, slice(start, start + size))))
        start += size
    return tuple(pieces)


def sections_of(n: int, given: Any) -> list[int]:
    """The sizes into which `split` cuts n."""
    if isinstance(given, (list, tuple)):
        return [as_integer("split", "each section", size) for size in given]
    size = as_integer("split", "split_size", given)
    if size < 0 or (size == 0 and n > 0):
        raise ValueError(f"split: expected a split_size of 1 or more, got {size}")
    if n == 0:
        return [0]
    whole = [size] * (n // size)
    return [*whole, n % size] if n % size else whole


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of x along `dim`, all of one size but perhaps the last."""
    x = as_input("chunk", input)
    dim = normalize_dim("chunk", x, dim)
    chunks = as_integer("chunk", "chunks", chunks)
    if chunks < 1 or not x.ndim:
        raise ValueError(
            f"chunk: expected 1 chunk or more of a tensor with dimensions, got {chunks} "
            f"of shape {tuple(x.shape)}"
        )
    n = x.shape[dim]
    return split(x, -(-n // chunks) if n else [0] * chunks, dim)


def tril(input: Tensor, diagonal: int = 0, *, out: None = None) -> Tensor:
    """(.., m, n) with 0 above the `diagonal`, counted from the main one: 1 is the next above it."""
    return keep_triangle("tril", as_input("tril", input, out=out), diagonal, operator.le)


def triu(input: Tensor, diagonal: int = 0, *, out: None = None) -> Tensor:
    """(.., m, n) with 0 below the `diagonal`, counted from the main one: 1 is the next above it."""
    return keep_triangle("triu", as_input("triu", input, out=out), diagonal, operator.ge)


def keep_triangle(name: str, x: Tensor, diagonal: int, keep: Any) -> Tensor:
    """x where keep(column, row + diagonal), 0 elsewhere."""
    diagonal = as_integer(name, "diagonal", diagonal)
    if x.ndim < 2:
        raise ValueError(
            f"{name}: expected a tensor of at least 2 dimensions, got shape {tuple(x.shape)}"
        )
    rows, columns = np.ogrid[: x.shape[-2], : x.shape[-1]]
    outside = ~keep(columns, rows + diagonal)
    return ops.where(placed_like(x, outside), False, x)  # False is 0 in the dtype of x


def tile(input: Tensor, dims: Any) -> Tensor:
    """dims[d] copies of x next to one another along each dimension; fewer numbers than dimensions
    mean the last ones.
    """
    x = as_input("tile", input)
    return repeated("tile", x, as_sizes("tile", (dims,)))


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """repeats[d] copies of x next to one another along each dimension; more numbers than dimensions
    add leading ones.

    Raises ValueError where there are fewer.
    """
    x = as_input("repeat", input)
    times = as_sizes("repeat", repeats)
    if len(times) < x.ndim:
        raise ValueError(
            f"repeat: expected a number for each dimension of shape {tuple(x.shape)}, got {times}"
        )
    return repeated("repeat", x, times)


def repeated(name: str, x: Tensor, times: tuple[int, ...]) -> Tensor:
    """times[d] copies of x along each dimension, counted from the last."""
    if any([t < 0 for t in times]):
        raise ValueError(f"{name}: expected numbers of 0 or more, got {times}")
    ndim = builtins.max(len(times), x.ndim)
    times = (1,) * (ndim - len(times)) + times
    shape = (1,) * (ndim - x.ndim) + tuple(x.shape)
    singles: list[int] = []
    copies: list[int] = []
    for t, n in zip(times, shape, strict=True):
        singles += [1, n]
        copies += [t, n]
    x = ops.reshape(x, tuple(singles))  # (1, n) for each dimension
    x = in_order(ops.clone(ops.broadcast_to(x, tuple(copies))))  # (t, n); no view
    return ops.reshape(x, tuple([t * n for t, n in zip(times, shape, strict=True)]))


def expand(input: Tensor, *shape: Any) -> Tensor:
    """x with its dimensions of size 1 repeated to `shape`, without a copy; -1 keeps a size.

    Raises ValueError where another size than 1 would have to change.
    """
    x = as_input("expand", input)
    given = as_sizes("expand", shape)
    sizes = list(given)
    lead = len(sizes) - x.ndim
    for d, n in enumerate(x.shape):
        if lead >= 0 and sizes[lead + d] == -1:
            sizes[lead + d] = n
    fits = lead >= 0 and all([n in (1, sizes[lead + d]) for d, n in enumerate(x.shape)])
    if not fits or any([n < 0 for n in sizes]):
        raise ValueError(
            f"expand: expected sizes to which {tuple(x.shape)} broadcasts, got {given}; "
            "only dimensions of size 1 can be repeated"
        )
    return ops.broadcast_to(x, sizes)


def repeat_interleave(
    input: Tensor, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each slice of x along `dim` `repeats` times in a row; each element of the flattened tensor if
    None.

    repeats: one integer, or a 1-d tensor with one for each slice. output_size is not needed.
    """
    x = as_input("repeat_interleave", input)
    if dim is None:
        x = ops.reshape(x, (-1,))
        dim = 0
    dim = normalize_dim("repeat_interleave", x, dim)
    n = x.shape[dim] if x.ndim else 1
    times: Any
    if isinstance(repeats, TensorBase) and len(repeats.shape) == 1:
        check_index("repeat_interleave", repeats, 1)
        times = np.asarray(repeats.cpu())  # type: ignore[attr-defined]
    else:
        times = np.array([as_integer("repeat_interleave", "repeats", repeats)])
    if len(times) not in (1, n) or (times < 0).any():
        raise ValueError(
            f"repeat_interleave: expected one number of 0 or more, or {n}, one for each slice, "
            f"got {times.tolist()}"
        )
    places = np.repeat(np.arange(n), times)
    return picked(x, (slice(None),) * dim + (placed_like(x, places),))


# Products


def matmul(input: Tensor, other: Tensor, *, out: None = None) -> Tensor:
    """(.., m, k) (.., k, n) -> (.., m, n); a vector on the left is a row, on the right a column,
    and leaves again.

    Raises ValueError for a 0-d tensor and where the inner sizes differ.
    """
    a = as_input("matmul", input, out=out)
    b = as_input("matmul", other)
    if not (a.ndim and b.ndim):
        raise ValueError(
            f"matmul: expected tensors of at least 1 dimension, got {tuple(a.shape)} and "
            f"{tuple(b.shape)}; a 0-d tensor is no matrix, multiply with *"
        )
    if a.ndim == 1:
        row = ops.reshape(a, (1, -1))
        return squeeze(matmul(row, b), -2 if b.ndim > 1 else 0)
    if b.ndim == 1:
        column = ops.reshape(b, (-1, 1))
        return squeeze(ops.matmul(a, column), -1)
    return ops.matmul(a, b)


def mm(input: Tensor, mat2: Tensor, *, out: None = None) -> Tensor:
    """(m, k) (k, n) -> (m, n)."""
    return matmul_of_ndims("mm", as_input("mm", input, out=out), mat2, 2, 2)


def bmm(input: Tensor, mat2: Tensor, *, out: None = None) -> Tensor:
    """(B, m, k) (B, k, n) -> (B, m, n)."""
    return matmul_of_ndims("bmm", as_input("bmm", input, out=out), mat2, 3, 3)


def mv(input: Tensor, vec: Tensor, *, out: None = None) -> Tensor:
    """(m, k) (k,) -> (m,)."""
    return matmul_of_ndims("mv", as_input("mv", input, out=out), vec, 2, 1)


def dot(input: Tensor, tensor: Tensor, *, out: None = None) -> Tensor:
    """(k,) (k,) -> (): Σ a b."""
    return matmul_of_ndims("dot", as_input("dot", input, out=out), tensor, 1, 1)


def matmul_of_ndims(name: str, a: Tensor, b: Tensor, m: int, n: int) -> Tensor:
    """matmul for an m-dimensional and an n-dimensional tensor, and no others."""
    b = as_input(name, b)
    check_one_device(name, a, b)
    if (a.ndim, b.ndim) != (m, n):
        raise ValueError(
            f"{name}: expected {m}-d and {n}-d tensors, got {tuple(a.shape)} and {tuple(b.shape)}; "
            "matmul takes others"
        )
    inner = b.shape[-2] if n > 1 else b.shape[0]
    if a.shape[-1] != inner:
        raise ValueError(
            f"{name}: expected equal inner sizes, got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    if name == "bmm" and a.shape[0] != b.shape[0]:
        raise ValueError(
            f"bmm: expected equal batch sizes, got {tuple(a.shape)} and {tuple(b.shape)}; "
            "matmul broadcasts them"
        )
    return matmul(a, b)


def outer(input: Tensor, vec2: Tensor, *, out: None = None) -> Tensor:
    """(m,) (n,) -> (m, n): every product of an element of a with one of b."""
    a = as_input("outer", input, out=out)
    b = as_input("outer", vec2)
    check_one_device("outer", a, b)
    if (a.ndim, b.ndim) != (1, 1):
        raise ValueError(
            f"outer: expected two 1-d tensors, got {tuple(a.shape)} and {tuple(b.shape)}; "
            "flatten them first"
        )
    return ops.expand_dims(a, 1) * b


# Comparisons of whole tensors


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether a and b have one shape and the same elements."""
    a = as_input("equal", input)
    b = as_input("equal", other)
    check_one_device("equal", a, b)
    return tuple(a.shape) == tuple(b.shape) and bool(ops.all(a == b))


def allclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether |a - b| ≤ atol + rtol |b| everywhere; with equal_nan also where both are NaN."""
    return bool(ops.all(close_elements("allclose", input, other, rtol, atol, equal_nan)))


def close_elements(
    name: str, input: Tensor, other: Tensor, rtol: float, atol: float, equal_nan: bool
) -> Tensor:
    """Whether two elements are close, as isclose says; on behalf of `name`."""
    a = as_input(name, input).detach()
    b = as_input(name, other).detach()
    a, b = as_operands(name, a, b)
    rtol = as_number(name, "rtol", rtol)
    atol = as_number(name, "atol", atol)
    if a.dtype.kind == "b" and b.dtype.kind == "b":
        return ops.eq(a, b)
    with np.errstate(invalid="ignore"):  # ∞ - ∞
        difference = ops.abs(a - b)
    within = ops.bitwise_and(ops.isfinite(difference), difference <= atol + rtol * ops.abs(b))
    close = ops.bitwise_or(a == b, within)  # ∞ is close to ∞ alone
    if equal_nan:
        close = ops.bitwise_or(close, ops.bitwise_and(ops.isnan(a), ops.isnan(b)))
    return close
