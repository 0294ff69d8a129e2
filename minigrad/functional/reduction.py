"""Many numbers to one: the least, the mean, the variance, norms and products.

dim: one dimension, several, or None for all; keepdim: those stay, with size 1.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from minigrad import ops
from minigrad.arguments import (
    as_floats,
    as_input,
    as_operands,
    as_ordered,
    as_real,
    check_not_empty,
    normalize_dim,
    reduced_dims,
    reduced_size,
    with_numpy_names,
)
from minigrad.errors import check_flag, speaks_for_itself
from minigrad.functional.elementwise import minimum
from minigrad.functional.picking import picked, positions
from minigrad.functional.shape import movedim, squeeze
from minigrad.graph import TensorBase, tensor_of
from minigrad.ops.reduction import Dim

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


class ValuesAndIndices(NamedTuple):
    """What max and min along a dimension return."""

    values: Tensor
    indices: Tensor


@with_numpy_names
def amin(input: Tensor, dim: Dim = None, keepdim: bool = False, *, out: None = None) -> Tensor:
    """The minimum over `dim`; ties share the gradient evenly.

    Raises ValueError if there is no element.
    """
    x = as_ordered("amin", input, out)
    check_flag("amin", "keepdim", keepdim)
    check_not_empty("amin", x, dim)
    reverse = ops.neg if x.dtype.kind in "fO" else ops.bitwise_not  # -x leaves the integers
    return reverse(ops.amax(reverse(x), dim=dim, keepdim=keepdim))


@with_numpy_names
def max(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: None = None
) -> Any:
    """The maximum; along a `dim` (values, indices), where the gradient goes to the first of equal
    ones.

    dim: None for all elements, one dimension, or a second tensor, PyTorch's `other`: then the
    larger one element by element. Raises ValueError if there is no element.
    """
    x = as_ordered("max", input, out)
    dim = dim if other is None else other
    return min_or_max("max", x, dim, keepdim, ops.amax, ops.argmax, ops.maximum)


@with_numpy_names
def min(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: None = None
) -> Any:
    """The minimum; the arguments and the rest are those of max."""
    x = as_ordered("min", input, out)
    dim = dim if other is None else other
    return min_or_max("min", x, dim, keepdim, amin, ops.argmin, minimum)


def min_or_max(
    name: str, x: Tensor, dim: Any, keepdim: bool, of_all: Any, arg: Any, of_two: Any
) -> Any:
    """max and min: over all elements, of two tensors, or along `dim`."""
    check_flag(name, "keepdim", keepdim)
    if isinstance(dim, TensorBase):
        return of_two(*as_operands(name, x, dim))
    if dim is None:
        check_not_empty(name, x, None)
        extreme = of_all(x)
        has_nan = x.requires_grad and bool(extreme.array != extreme.array)
        return nan_of(x) if has_nan else extreme
    dim = normalize_dim(name, x, dim)
    if not x.array.size:
        check_not_empty(name, x, dim)
    if not x.ndim:
        return ValuesAndIndices(ops.clone(x), arg(x))
    indices = arg(x, dim=dim, keepdim=keepdim)
    index = indices.array.copy()  # whatever is written to the indices later
    grid = positions(index)
    if keepdim:
        grid[dim] = index
    else:
        grid.insert(dim, index)
    return ValuesAndIndices(picked(x, tuple(grid)), indices)


def nan_of(x: Tensor) -> Tensor:
    """NaN, with the gradient shared evenly by the elements of x that are NaN."""
    is_nan = ops.isnan(x)
    share = 1 / ops.sum(is_nan).item()
    return ops.sum(ops.where(is_nan, x, 0.0)) * share


# Moments


@with_numpy_names
def mean(
    input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None, out: None = None
) -> Tensor:
    """Σ x / n over `dim`, NaN where n is 0. Raises TypeError for integers, as var and std do."""
    x = as_input("mean", input, dtype, out)
    if keepdim is not False:
        check_flag("mean", "keepdim", keepdim)
    if x.dtype.kind not in "fcO":  # O: exact numbers, see minigrad.prove
        raise TypeError(
            f"mean: expected floats, got {x.dtype}, which has no mean of its own kind; "
            "use .float() first"
        )
    n = reduced_size("mean", x, dim)
    return ops.sum(x, dim=dim, keepdim=keepdim) / (n if n else float("nan"))


def named_dim_is_no_flag(function: Any) -> Any:
    """Refuse dim=True by name; by position PyTorch's older var(x, True) gives `unbiased` there."""

    @functools.wraps(function)
    def checked(*args: Any, **keywords: Any) -> Any:
        dim = keywords.get("dim")
        if isinstance(dim, bool):
            raise TypeError(
                f"{function.__name__}: expected dim to be an integer, got {dim}; "
                f"write unbiased={dim} if you mean that"
            )
        return function(*args, **keywords)

    return checked


@with_numpy_names
@named_dim_is_no_flag
def var(
    input: Tensor,
    dim: Dim = None,
    correction: float = 1,
    keepdim: bool = False,
    *,
    unbiased: bool | None = None,
    out: None = None,
) -> Tensor:
    """Σ |x - x̄|² / (n - correction) over `dim`; where n ≤ correction ∞ or NaN, with a warning.

    unbiased: PyTorch's older word for correction=1 (True) or 0 (False).
    """
    return variance("var", as_input("var", input, out=out), dim, correction, keepdim, unbiased)


@with_numpy_names
@named_dim_is_no_flag
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
    check_flag(name, "keepdim", keepdim)
    if x.dtype.kind not in "fc":
        raise TypeError(f"{name}: expected floats, got {x.dtype}; use .float() first")
    if isinstance(dim, bool):  # PyTorch's var(x, False)
        dim, unbiased = None, dim
    if unbiased is not None:
        check_flag(name, "unbiased", unbiased)
        correction = 1 if unbiased else 0
    correction = 1 if correction is None else as_real(name, "correction", correction)
    n = reduced_size(name, x, dim) - correction
    squares = squared_deviations(x, dim, keepdim)
    if n > 0:
        return squares / n
    warnings.warn(
        f"{name}: expected more than 0 degrees of freedom, got {reduced_size(name, x, dim)} "
        f"elements and a correction of {correction}; the result is inf or NaN",
        stacklevel=3,
    )
    infinite = ops.where(squares.detach() > 0, math.inf, math.nan).to(dtype=squares.dtype)
    if dim is not None and x.ndim and n < 0:  # PyTorch's slope is that of Σ (x - x̄)² / n
        return infinite + (squares - squares.detach()) / n
    slopes = x.detach() - mean(x.detach(), dim, keepdim=True)
    if dim is None or not x.ndim:  # and here it is ∞, but NaN where x is the mean
        slopes = ops.ne(slopes, 0).to(dtype=x.dtype)
    nothing = ops.sum((x - x.detach()) * slopes, dim=dim, keepdim=keepdim)
    return infinite + ops.sqrt(nothing)  # √0, whose slope is ∞


def squared_deviations(x: Tensor, dim: Dim, keepdim: bool) -> Tensor:
    """Σ |x - x̄|² over `dim`; that of complex numbers is the sum of those of both parts."""
    parts = [tensor_of(x.array.real), tensor_of(x.array.imag)] if x.dtype.kind == "c" else [x]
    squares = [ops.squared_deviations(part, dim=dim, keepdim=keepdim) for part in parts]
    return squares[0] if len(squares) == 1 else squares[0] + squares[1]


@with_numpy_names
@named_dim_is_no_flag
@speaks_for_itself
def var_mean(
    input: Tensor,
    dim: Dim = None,
    correction: float = 1,
    keepdim: bool = False,
    *,
    unbiased: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """(var, mean) over `dim`; the arguments are those of var."""
    spread = var(input, dim, correction, keepdim, unbiased=unbiased)
    return spread, mean(input, None if isinstance(dim, bool) else dim, keepdim)


@with_numpy_names
@named_dim_is_no_flag
@speaks_for_itself
def std_mean(
    input: Tensor,
    dim: Dim = None,
    correction: float = 1,
    keepdim: bool = False,
    *,
    unbiased: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """(std, mean) over `dim`; the arguments are those of var."""
    spread = std(input, dim, correction, keepdim, unbiased=unbiased)
    return spread, mean(input, None if isinstance(dim, bool) else dim, keepdim)


# Norms and products


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
    check_flag("norm", "keepdim", keepdim)
    p = order_of_norm(p)
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
    powers = squared_magnitude(x) if p == 2 else power_of_magnitude(x, p)
    power = ops.sum(powers, dim=dim, keepdim=keepdim)
    if p < 0:
        return power ** (1 / p)
    # the root of 0 has an infinite slope: take the root of 1 and give 0, so that the gradient is 0
    is_zero = power == 0
    return ops.where(is_zero, 0.0, ops.where(is_zero, 1.0, power) ** (1 / p))


def order_of_norm(p: Any) -> float:
    """The p of a norm as a number: 2 for "fro" and for None."""
    if p is None or (isinstance(p, str) and p == "fro"):
        return 2
    if isinstance(p, str) and p != "nuc":
        raise TypeError(f"norm: expected p to be a number or 'fro', got {p!r}")
    order: float = 0 if isinstance(p, str) else as_real("norm", "p", p)
    if order == 0:
        raise NotImplementedError(
            f"norm: p={p!r} is not supported; use another number, inf, -inf or 'fro'"
        )
    return order


def squared_magnitude(x: Tensor) -> Tensor:
    """|x|², which is real also where x is complex."""
    return ops.abs(x) ** 2 if x.dtype.kind == "c" else x * x


def power_of_magnitude(x: Tensor, p: float) -> Tensor:
    """|x|ᵖ, with the gradient 0 at 0, where it is infinite for p < 1."""
    magnitude = ops.abs(x)
    if p >= 1:
        return magnitude**p
    is_zero = magnitude == 0
    at_zero = 0.0 if p > 0 else math.inf
    return ops.where(is_zero, at_zero, ops.where(is_zero, 1.0, magnitude) ** p)


@with_numpy_names
def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False, *, out: None = None) -> Tensor:
    """log Σ eˣ over `dim`, shifted by the maximum so that nothing overflows; -∞ of no elements."""
    x = as_input("logsumexp", input, out=out)
    check_flag("logsumexp", "keepdim", keepdim)
    if dim is None:
        raise TypeError("logsumexp: expected dim to be one or several dimensions, got None")
    x = as_floats(x)
    largest: Any = 0.0
    if reduced_size("logsumexp", x, dim):
        largest = ops.amax(tensor_of(x.array.real), dim=dim, keepdim=True)
        largest = ops.where(ops.isfinite(largest), largest, 0.0)
    y = ops.log(ops.sum(ops.exp(x - largest), dim=dim, keepdim=True)) + largest
    return y if keepdim else squeeze(y, tuple(reduced_dims("logsumexp", x, dim)))


@with_numpy_names
def log_softmax(input: Tensor, dim: int, dtype: Any = None, *, out: None = None) -> Tensor:
    """x - log Σ eˣ along `dim`, in the shape of x; NaN for a slice that is all -∞ or holds ∞."""
    x = as_input("log_softmax", input, dtype, out)
    normalize_dim("log_softmax", x, dim)
    return ops.log_softmax(x, dim=dim)


@with_numpy_names
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Π x over one `dim`, or over all elements.

    It is taken by halves: log n multiplications, whose gradient is right also where an element is
    0.
    """
    x = as_input("prod", input, dtype)
    check_flag("prod", "keepdim", keepdim)
    if dtype is None and x.dtype.kind in "bui":
        x = x.long()
    ndim = x.ndim
    if dim is None:
        x = ops.reshape(x, (-1,))
    else:
        dim = normalize_dim("prod", x, dim)
        x = movedim(x, dim, -1) if ndim else ops.reshape(x, (1,))
    if x.shape[-1] == 0:
        product = (ops.sum(x, dim=-1) + 1).to(dtype=x.dtype)  # of no factors
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


@with_numpy_names
def cumprod(input: Tensor, dim: int, *, dtype: Any = None, out: None = None) -> Tensor:
    """Π_{s ≤ t} x_s along `dim`; of integers and booleans as int64.

    It is taken by doubling: after k multiplications each element is the product of the 2ᵏ up to it.
    So the gradient is right also where an element is 0.
    """
    x = as_input("cumprod", input, dtype, out)
    if dtype is None and x.dtype.kind in "bui":
        x = x.long()
    return running("cumprod", x, dim, ops.mul)


@with_numpy_names
def logcumsumexp(input: Tensor, dim: int, *, out: None = None) -> Tensor:
    """log Σ_{s ≤ t} exp x_s along `dim`, taken by doubling as in `cumprod`.

    What is -∞ adds nothing to a sum and gets no gradient of it, also where the sum itself is -∞.
    """
    x = as_input("logcumsumexp", input, out=out)
    if x.dtype.kind != "f":
        raise TypeError(f"logcumsumexp: expected floats, got {x.dtype}; use .float()")
    return running("logcumsumexp", x, dim, log_of_sum)


def log_of_sum(a: Tensor, b: Tensor) -> Tensor:
    """log(eᵃ + eᵇ), shifted by the larger so that nothing overflows."""
    larger = ops.maximum(tensor_of(a.array), tensor_of(b.array))
    shift = ops.where(ops.isfinite(larger), larger, 0.0)
    total = ops.exp(a - shift) + ops.exp(b - shift)
    is_nothing = larger == -math.inf
    return ops.where(is_nothing, larger, ops.log(ops.where(is_nothing, 1.0, total)) + shift)


def running(name: str, x: Tensor, dim: Any, combine: Callable[[Any, Any], Any]) -> Tensor:
    """x with each element combined with all those before it along `dim`, taken by doubling."""
    dim = normalize_dim(name, x, dim)
    if not x.ndim:
        return ops.clone(x)
    y = movedim(x, dim, -1)
    shift = 1
    while shift < y.shape[-1]:
        y = ops.cat([y[..., :shift], combine(y[..., shift:], y[..., :-shift])], -1)
        shift *= 2
    return movedim(y, -1, dim).contiguous() if shift > 1 else ops.clone(x)
