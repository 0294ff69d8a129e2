"""Functions of each element that are composed from the rules, and comparisons of whole tensors."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import errors, ops
from minigrad.arguments import (
    as_floats,
    as_input,
    as_integer,
    as_operands,
    as_ordered,
    as_real,
    check_held,
    check_one_device,
    check_one_dtype,
    refuse_out,
)
from minigrad.array import to_numpy
from minigrad.errors import check_flag, check_ordered, speaks_for_itself
from minigrad.graph import TensorBase, raw

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


def square(input: Tensor, *, out: None = None) -> Tensor:
    """x², in the shape of x; of booleans as int64."""
    x = as_input("square", input, out=out)
    return x * (x.long() if x.dtype.kind == "b" else x)


@speaks_for_itself
def sgn(input: Tensor, *, out: None = None) -> Tensor:
    """The sign of x; of complex numbers x / |x|, and 0 of 0."""
    x = as_input("sgn", input, out=out)
    if x.dtype.kind != "c":
        return ops.sign(x)
    size = ops.abs(x)
    return x / ops.where(size == 0, 1.0, size)


def reciprocal(input: Tensor, *, out: None = None) -> Tensor:
    """1/x, in the shape of x."""
    x = as_input("reciprocal", input, out=out)
    return 1.0 / x


def rsqrt(input: Tensor, *, out: None = None) -> Tensor:
    """1/√x, in the shape of x."""
    x = as_input("rsqrt", input, out=out)
    return 1.0 / ops.sqrt(x)


@speaks_for_itself
def exp2(input: Tensor, *, out: None = None) -> Tensor:
    """2ˣ, of integers as floats."""
    x = as_input("exp2", input, out=out)
    return ops.pow(2.0, as_floats(x))


def positive(input: Tensor) -> Tensor:
    """x itself. Raises TypeError for booleans."""
    x = as_input("positive", input)
    if x.dtype.kind == "b":
        raise TypeError("positive: expected numbers, got bool; use .int() first")
    return x


def minimum(input: Any, other: Any, *, out: None = None) -> Tensor:
    """The smaller of a and b, which broadcast; at a tie each gets half of the gradient."""
    refuse_out("minimum", out)
    return ops.minimum(*as_operands("minimum", input, other))


def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: None = None) -> Tensor:
    """x kept within [min, max], numbers or tensors that broadcast; the gradient passes inside, the
    ends included.

    Raises ValueError if neither is given.
    """
    x = as_input("clamp", input, out=out)
    if min is None and max is None:
        raise ValueError("clamp: expected min, max or both, got neither; give at least one")
    check_ordered("clamp", [raw(a) for a in (x, min, max)])
    if is_plain_bound(min) and is_plain_bound(max):
        check_held("clamp", x, min, max)
        return ops.clamp(x, min=min, max=max)
    if min is not None:
        x, min = as_operands("clamp", x, min)
        x = bounded_by(min, x, x < min, x >= min)
    if max is not None:
        x, max = as_operands("clamp", x, max)
        x = bounded_by(max, x, x > max, x <= max)
    return x


def is_plain_bound(bound: Any) -> bool:
    """Whether a bound of clamp is None or a number that is not NaN."""
    return bound is None or (type(bound) in (int, float, bool) and bound == bound)


def bounded_by(bound: Any, x: Tensor, is_outside: Tensor, is_inside: Tensor) -> Tensor:
    """The bound where x is outside of it, x where it is inside, NaN where one of the two is NaN."""
    y: Tensor = ops.where(is_outside, bound, x)
    if y.dtype.kind != "f":
        return y
    is_either = ops.bitwise_or(is_outside, is_inside)
    return ops.where(is_either, y, float("nan"))


def kind_of(a: Any) -> str:
    """The kind of the dtype of a tensor, or of a Python number: "b", "i", "u", "f" or "c"."""
    return np.result_type(getattr(a, "dtype", type(a))).kind


@speaks_for_itself
def clamp_min(input: Tensor, min: Any, *, out: None = None) -> Tensor:
    """x, or `min` where that is larger."""
    return clamp(as_input("clamp_min", input, out=out), min=min)


@speaks_for_itself
def clamp_max(input: Tensor, max: Any, *, out: None = None) -> Tensor:
    """x, or `max` where that is smaller."""
    return clamp(as_input("clamp_max", input, out=out), max=max)


def masked_fill(input: Tensor, mask: Any, value: Any) -> Tensor:
    """`value` where the mask holds, x elsewhere, in x's dtype; x, mask and value broadcast.

    Of a fraction an integer x takes the whole part, a boolean one whether it is not 0. Raises
    TypeError for a mask of numbers.
    """
    x = as_input("masked_fill", input)
    if getattr(value, "shape", ()):
        raise ValueError(f"masked_fill: expected one number, got shape {tuple(value.shape)}")
    if x.dtype.kind in "iub" and hasattr(value, "dtype"):
        value = value.item()
    if x.dtype.kind == "b" and isinstance(value, (int, float)):
        value = bool(value)
    if x.dtype.kind in "iu" and isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(
                f"masked_fill: expected a number that {x.dtype} can hold, got {value}; "
                "convert the tensor first, with .to(...)"
            )
        value = int(value)
    if x.dtype.kind in "fiub":
        value = as_real("masked_fill", "value", value) if isinstance(value, complex) else value
    x, mask, value = as_operands("masked_fill", x, mask, value)
    if getattr(mask, "dtype", None) != np.dtype(bool):
        raise TypeError(
            f"masked_fill: expected a mask of bools, got {errors.describe(mask)}; use mask != 0"
        )
    return ops.where(mask, value, x)


def atan2(input: Any, other: Any, *, out: None = None) -> Tensor:
    """The angle of the point (other, input), from -π to π."""
    refuse_out("atan2", out)
    a, b = as_operands("atan2", input, other)
    return ops.atan2(as_floats(a, beside=b), as_floats(b, beside=a))


@speaks_for_itself
def logaddexp(input: Tensor, other: Tensor, *, out: None = None) -> Tensor:
    """log(eᵃ + eᵇ) = max(a, b) + log(1 + e^-|a - b|), without overflow; a and b broadcast."""
    larger, gap = larger_and_gap("logaddexp", input, other, out)
    return larger + ops.log1p(ops.exp(-gap))


@speaks_for_itself
def logaddexp2(input: Tensor, other: Tensor, *, out: None = None) -> Tensor:
    """log₂(2ᵃ + 2ᵇ) = max(a, b) + log₂(1 + 2^-|a - b|), without overflow; a and b broadcast."""
    larger, gap = larger_and_gap("logaddexp2", input, other, out)
    return larger + ops.log1p(exp2(-gap)) / math.log(2)


def larger_and_gap(name: str, input: Any, other: Any, out: Any) -> tuple[Tensor, Tensor]:
    """max(a, b) and |a - b|, 0 also of two infinities. Raises TypeError if neither is of floats."""
    a, b = as_input(name, input, out=out), as_input(name, other)
    if "f" not in a.dtype.kind + b.dtype.kind:
        raise TypeError(f"{name}: expected floats, got {a.dtype} and {b.dtype}; use .float()")
    are_equal = a == b
    gap = ops.where(are_equal, 0.0, a) - ops.where(are_equal, 0.0, b)
    return ops.maximum(a, b), ops.abs(gap)


# As optimizers are written


@speaks_for_itself
def addcmul(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1, out: None = None
) -> Tensor:
    """x + value a b, for tensors x, a and b whose shapes broadcast."""
    x, a, b, value = blended("addcmul", input, tensor1, tensor2, value, out)
    return x + (a if value == 1 else value * a) * b


@speaks_for_itself
def addcdiv(
    input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1, out: None = None
) -> Tensor:
    """x + value a / b, for tensors x, a and b whose shapes broadcast.

    Raises TypeError if neither a nor b is of floats.
    """
    x, a, b, value = blended("addcdiv", input, tensor1, tensor2, value, out)
    if a.dtype.kind in "iub" and b.dtype.kind in "iub":
        raise TypeError(
            f"addcdiv: expected floats to divide, got {a.dtype} and {b.dtype}; use .float() first"
        )
    return x + value * (a / b)


def blended(
    name: str, x: Any, a: Any, b: Any, value: Any, out: Any
) -> tuple[Tensor, Tensor, Tensor, Any]:
    """The tensors and the number of addcmul and addcdiv."""
    x, a, b = [as_input(name, t, out=out) for t in (x, a, b)]
    as_operands(name, x, a, b)
    if {t.dtype.kind for t in (x, a, b)} == {"b"}:
        raise TypeError(f"{name}: expected numbers, got bool; use .float() first")
    value = as_real(name, "value", value)
    if isinstance(value, float) and {t.dtype.kind for t in (x, a, b)} <= set("iub"):
        raise TypeError(
            f"{name}: expected value to be an integer beside integers, got {value}; use .float()"
        )
    return x, a, b, value


@speaks_for_itself
def lerp(input: Tensor, end: Tensor, weight: Any, *, out: None = None) -> Tensor:
    """x + w (end - x): x at w = 0 and exactly the end at w = 1; w is a number or a tensor.

    Raises TypeError for integers, and if x and the end have two dtypes.
    """
    x, end = [as_input("lerp", t, out=out) for t in (input, end)]
    if x.dtype.kind not in "fc":
        raise TypeError(f"lerp: expected floats, got {x.dtype}; use .float() first")
    check_one_dtype("lerp", x, end)
    if not isinstance(weight, TensorBase):
        weight = as_real("lerp", "weight", weight)
    elif weight.array.ndim:
        check_one_dtype("lerp", x, weight)  # type: ignore[arg-type]
    as_operands("lerp", x, end, weight)
    way = end - x
    from_start = x + weight * way
    from_end = end - (1 - weight) * way
    if not isinstance(weight, TensorBase):
        return from_start if builtins.abs(weight) < 0.5 else from_end
    return ops.where(ops.abs(weight) < 0.5, from_start, from_end)


# Rounding

MOST_DECIMALS = 308  # 10³⁰⁸ is the largest power of ten that float64 holds


def round(input: Tensor, *, decimals: int = 0, out: None = None) -> Tensor:
    """The nearest integer, the even one of two; with `decimals`, the nearest multiple of 10⁻ⁿ."""
    x = as_ordered("round", input, out=out)
    decimals = as_integer("round", "decimals", decimals)
    if decimals == 0 or x.dtype.kind not in "fc":
        return ops.rint(x)
    if abs(decimals) > MOST_DECIMALS:
        raise ValueError(
            f"round: expected decimals from {-MOST_DECIMALS} to {MOST_DECIMALS}, got {decimals}"
        )
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return ops.rint(x * scale) / scale
    return ops.rint(x / scale) * scale


@speaks_for_itself
def frac(input: Tensor, *, out: None = None) -> Tensor:
    """x without its whole part, of the sign of x. Raises TypeError for integers."""
    x = as_ordered("frac", input, out)
    if x.dtype.kind != "f":
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
    kinds = [kind_of(a), kind_of(b)]
    if kinds == ["b", "b"]:
        raise TypeError(f"{name}: expected numbers, got bools; use .int() first")
    is_of_floats = "f" in kinds or "c" in kinds
    if is_of_floats:
        a, b = as_floats(a, beside=b), as_floats(b, beside=a)
    is_of_some = 0 not in (*getattr(a, "shape", ()), *getattr(b, "shape", ()))
    if not is_of_floats and is_of_some and bool(np.any(to_numpy(getattr(b, "array", b)) == 0)):
        raise ZeroDivisionError(f"{name}: expected no 0 among the integers to divide by")
    with np.errstate(divide="ignore", invalid="ignore"):  # ∞ and NaN, as PyTorch gives
        return op(a, b)


# Truth


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


def isclose(
    input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Where |a - b| ≤ atol + rtol |b|; with equal_nan also where both are NaN."""
    return close_elements("isclose", input, other, rtol, atol, equal_nan)


def close_elements(
    name: str, input: Tensor, other: Tensor, rtol: float, atol: float, equal_nan: bool
) -> Tensor:
    """Whether two elements are close, as isclose says; on behalf of `name`."""
    check_flag(name, "equal_nan", equal_nan)
    a = as_input(name, input).detach()
    b = as_input(name, other).detach()
    a, b = as_operands(name, a, b)
    check_one_dtype(name, a, b)
    rtol = as_real(name, "rtol", rtol)
    atol = as_real(name, "atol", atol)
    for word, number in (("rtol", rtol), ("atol", atol)):
        if not number >= 0:
            raise ValueError(f"{name}: expected {word} of 0 or more, got {number}")
    close = a == b  # ∞ is close to ∞ alone
    if equal_nan:
        close = ops.bitwise_or(close, ops.bitwise_and(ops.isnan(a), ops.isnan(b)))
    if rtol == atol == 0:
        return close
    if a.dtype.kind in "iub":  # whose difference may leave the dtype
        a, b = a.double(), b.double()
    with np.errstate(invalid="ignore"):  # ∞ - ∞
        difference = ops.abs(a - b)
    within = ops.bitwise_and(ops.isfinite(difference), difference <= atol + rtol * ops.abs(b))
    return ops.bitwise_or(close, within)
