"""Functions of numbers, element by element, that are composed from the rules; and sums of products.

Arguments and errors are those of minigrad.functional.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import functional, ops
from minigrad.array import to_numpy
from minigrad.functional import (
    as_input,
    as_integer,
    as_number,
    as_operands,
    check_one_device,
    refuse_out,
)
from minigrad.ops.reduction import Dim

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


# Rounding


def round(input: Tensor, *, decimals: int = 0, out: None = None) -> Tensor:
    """The nearest integer, the even one of two; with `decimals`, the nearest multiple of 10⁻ⁿ."""
    x = as_input("round", input, out=out)
    decimals = as_integer("round", "decimals", decimals)
    if decimals == 0 or x.dtype.kind not in "fc":
        return ops.rint(x)
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return ops.rint(x * scale) / scale
    return ops.rint(x / scale) * scale


def frac(input: Tensor, *, out: None = None) -> Tensor:
    """x without its whole part, of the sign of x. Raises TypeError for integers."""
    x = as_input("frac", input, out=out)
    if x.dtype.kind not in "fc":
        raise TypeError(f"frac: expected floats, got {x.dtype}; use .float() first")
    return x - ops.trunc(x)


def floor_divide(input: Any, other: Any, *, out: None = None) -> Tensor:
    """a / b, rounded down: a // b. The gradient is 0."""
    return divided("floor_divide", ops.floor_divide, input, other, out)


def remainder(input: Any, other: Any, *, out: None = None) -> Tensor:
    """a - b ⌊a/b⌋, which has the sign of b: a % b."""
    return divided("remainder", ops.remainder, input, other, out)


def fmod(input: Any, other: Any, *, out: None = None) -> Tensor:
    """a - b trunc(a/b), which has the sign of a."""
    return divided("fmod", ops.fmod, input, other, out)


def divided(name: str, op: Any, a: Any, b: Any, out: None) -> Tensor:
    """One of the three above. Raises ZeroDivisionError for integers by 0, TypeError for bools."""
    refuse_out(name, out)
    a, b = as_operands(name, a, b)
    kinds = [np.result_type(getattr(n, "dtype", type(n))).kind for n in (a, b)]
    if kinds == ["b", "b"]:
        raise TypeError(f"{name}: expected numbers, got bools; use .int() first")
    is_of_floats = "f" in kinds or "c" in kinds
    if not is_of_floats and bool(np.any(to_numpy(getattr(b, "array", b)) == 0)):
        raise ZeroDivisionError(f"{name}: expected no 0 among the integers to divide by")
    with np.errstate(divide="ignore", invalid="ignore"):  # ∞ and NaN, as PyTorch gives
        return op(a, b)


def atan2(input: Any, other: Any, *, out: None = None) -> Tensor:
    """The angle of the point (other, input), from -π to π."""
    refuse_out("atan2", out)
    return ops.atan2(*as_operands("atan2", input, other))


def clamp_min(input: Tensor, min: Any, *, out: None = None) -> Tensor:
    """x, or `min` where that is larger."""
    return functional.clamp(as_input("clamp_min", input, out=out), min=min)


def clamp_max(input: Tensor, max: Any, *, out: None = None) -> Tensor:
    """x, or `max` where that is smaller."""
    return functional.clamp(as_input("clamp_max", input, out=out), max=max)


# Truth: what is not 0 is true


def logical_and(input: Any, other: Any, *, out: None = None) -> Tensor:
    """Whether neither a nor b is 0, element by element."""
    refuse_out("logical_and", out)
    return ops.bitwise_and(*as_truths("logical_and", input, other))


def logical_or(input: Any, other: Any, *, out: None = None) -> Tensor:
    """Whether a or b is not 0, element by element."""
    refuse_out("logical_or", out)
    return ops.bitwise_or(*as_truths("logical_or", input, other))


def logical_xor(input: Any, other: Any, *, out: None = None) -> Tensor:
    """Whether just one of a and b is 0, element by element."""
    refuse_out("logical_xor", out)
    return ops.bitwise_xor(*as_truths("logical_xor", input, other))


def logical_not(input: Tensor, *, out: None = None) -> Tensor:
    """Whether x is 0, element by element."""
    return ops.eq(as_input("logical_not", input, out=out), 0)


def as_truths(name: str, *operands: Any) -> list[Any]:
    """Tensors of bools, and Python's bools."""
    truths = as_operands(name, *operands)
    return [ops.ne(a, 0) if hasattr(a, "dtype") else bool(a) for a in truths]


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where |a - b| ≤ atol + rtol |b|; with equal_nan also where both are NaN."""
    return functional.close_elements("isclose", input, other, rtol, atol, equal_nan)


# Sums of products


def addmm(
    input: Any, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1, out: None = None
) -> Tensor:
    """beta · input + alpha · A B, (m, k) (k, n) -> (m, n); input broadcasts."""
    product = functional.mm(as_input("addmm", mat1, out=out), mat2)
    return added("addmm", input, product, beta, alpha)


def addmv(
    input: Any, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1, out: None = None
) -> Tensor:
    """beta · input + alpha · A v, (m, k) (k,) -> (m,); input broadcasts."""
    product = functional.mv(as_input("addmv", mat, out=out), vec)
    return added("addmv", input, product, beta, alpha)


def baddbmm(
    input: Any,
    batch1: Tensor,
    batch2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: None = None,
) -> Tensor:
    """beta · input + alpha · A B, (B, m, k) (B, k, n) -> (B, m, n); input broadcasts."""
    product = functional.bmm(as_input("baddbmm", batch1, out=out), batch2)
    return added("baddbmm", input, product, beta, alpha)


def added(name: str, x: Any, product: Tensor, beta: float, alpha: float) -> Tensor:
    """beta · x + alpha · product, where x broadcasts to the product; x is not looked at for 0."""
    x = as_input(name, x)
    check_one_device(name, x, product)
    shape = tuple(product.shape)
    if functional.broadcast_shape(name, tuple(x.shape), shape) != shape:
        raise ValueError(f"{name}: expected input to broadcast to {shape}, got {tuple(x.shape)}")
    beta = as_number(name, "beta", beta)
    alpha = as_number(name, "alpha", alpha)
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled
    return (x if beta == 1 else x * beta) + scaled


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: None = None) -> Tensor:
    """Σ over pairs of dimensions: the last `dims` of a with the first of b, or those of two lists.

    (rest of a.., rest of b..). Raises ValueError where the sizes of a pair differ.
    """
    a = as_input("tensordot", a, out=out)
    b = as_input("tensordot", b)
    check_one_device("tensordot", a, b)
    if isinstance(dims, (list, tuple)):
        ours, theirs = dims
        of_a = functional.as_dims("tensordot", a, ours)
        of_b = functional.as_dims("tensordot", b, theirs)
    else:
        n = as_integer("tensordot", "dims", dims)
        if not 0 <= n <= min(a.ndim, b.ndim):
            raise ValueError(
                f"tensordot: expected dims from 0 to {min(a.ndim, b.ndim)}, got {n} for shapes "
                f"{tuple(a.shape)} and {tuple(b.shape)}"
            )
        of_a = list(range(a.ndim - n, a.ndim))
        of_b = list(range(n))
    sizes = [a.shape[d] for d in of_a]
    if sizes != [b.shape[d] for d in of_b]:
        raise ValueError(
            f"tensordot: expected equal sizes in each pair of dims, got {tuple(a.shape)} at {of_a} "
            f"and {tuple(b.shape)} at {of_b}"
        )
    rest_of_a = [d for d in range(a.ndim) if d not in of_a]
    rest_of_b = [d for d in range(b.ndim) if d not in of_b]
    inner = math.prod(sizes)
    rows = ops.reshape(ops.permute(a, rest_of_a + of_a), (rows_of(a, rest_of_a), inner))
    columns = ops.reshape(ops.permute(b, of_b + rest_of_b), (inner, rows_of(b, rest_of_b)))
    shape = [a.shape[d] for d in rest_of_a] + [b.shape[d] for d in rest_of_b]
    return ops.reshape(ops.matmul(rows, columns), shape)


def rows_of(x: Tensor, dims: list[int]) -> int:
    """The number of elements in these dimensions."""
    return math.prod([x.shape[d] for d in dims])


# Moments


def var_mean(
    input: Tensor,
    dim: Dim = None,
    correction: float = 1,
    keepdim: bool = False,
    *,
    unbiased: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """(var, mean) over `dim`; the arguments are those of var."""
    spread = functional.var(input, dim, correction, keepdim, unbiased=unbiased)
    return spread, functional.mean(input, None if isinstance(dim, bool) else dim, keepdim)


def std_mean(
    input: Tensor,
    dim: Dim = None,
    correction: float = 1,
    keepdim: bool = False,
    *,
    unbiased: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """(std, mean) over `dim`; the arguments are those of var."""
    spread = functional.std(input, dim, correction, keepdim, unbiased=unbiased)
    return spread, functional.mean(input, None if isinstance(dim, bool) else dim, keepdim)
