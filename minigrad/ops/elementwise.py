"""Rules that work element by element: a value, then one line per derivative.

The engine undoes broadcasting, so no rule here mentions shapes.
"""

from __future__ import annotations

import math

from minigrad.array import device_of, int64
from minigrad.autograd import nondifferentiable, op


@op
def add(xp, a, b):
    """y = a + b,    dy/da = 1,  dy/db = 1."""
    return a + b, (lambda g: g, lambda g: g)


@op
def sub(xp, a, b):
    """y = a - b,    dy/da = 1,  dy/db = -1."""
    return a - b, (lambda g: g, lambda g: -g)


@op
def mul(xp, a, b):
    """y = a b,    dy/da = b,  dy/db = a."""
    return a * b, (lambda g: g * b, lambda g: g * a)


@op
def div(xp, a, b):
    """y = a / b,    dy/da = 1/b,  dy/db = -a/b²."""
    y = a / b
    return y, (lambda g: g / b, lambda g: -g * y / b)


@op
def pow(xp, a, b):
    """y = aᵇ,    dy/da = b aᵇ⁻¹ (0 where b = 0),  dy/db = aᵇ log a (0 where a = 0 ≤ b)."""
    if getattr(a, "dtype", int64).kind == "b":
        a = xp.astype(a, int64)  # NumPy would make int8 of booleans
    y = power(a, b)

    def pull_base(g):
        if not isinstance(b, (int, float)):
            exponent = xp.where(a == 0, xp.where(b == 0, 1, b), b)  # 0 · 0⁻¹ would be NaN
            return g * (b * a ** (exponent - 1))
        if b == 0:
            return g * 0.0
        return g * (b * power(a, b - 1))

    def pull_exponent(g):
        if isinstance(a, (int, float)) and a != 0:
            return g * y * (math.log(a) if a > 0 else math.nan)
        is_flat = (a == 0) & (b >= 0)
        base = xp.where(is_flat, xp.ones_like(b), a)  # of integers, too, as exact as b
        return g * y * xp.log(base)

    return y, (pull_base, pull_exponent)


def power(a, b):
    """aᵇ; the third and the fourth power as products, since NumPy takes ten times as long."""
    if not isinstance(b, (int, float)) or b not in (3, 4):
        return a**b
    square = a * a
    return square * (a if b == 3 else square)


@op
def neg(xp, x):
    """y = -x,    dy/dx = -1."""
    return -x, (lambda g: -g,)


@op
def abs(xp, x):
    """y = |x|,    dy/dx = sign x, which is 0 at the kink."""
    return xp.abs(x), (lambda g: g * xp.sign(x),)


@op
def sign(xp, x):
    """y = -1, 0 or 1 where x is below, at or above 0, and 0 of NaN,    dy/dx = 0."""
    return xp.sign(x), (lambda g: xp.zeros_like(g),)


@op(of_floats=True)
def exp(xp, x):
    """y = eˣ,    dy/dx = y."""
    y = xp.exp(x)
    return y, (lambda g: g * y,)


@op(of_floats=True)
def expm1(xp, x):
    """y = eˣ - 1, exact near 0,    dy/dx = exp(x), which y + 1 is not far below 0."""
    return xp.expm1(x), (lambda g: g * xp.exp(x),)


@op(of_floats=True)
def log(xp, x):
    """y = log x,    dy/dx = 1/x."""
    return xp.log(x), (lambda g: g / x,)


@op(of_floats=True)
def log2(xp, x):
    """y = log₂ x,    dy/dx = 1/(x log 2)."""
    return xp.log2(x), (lambda g: g / (x * xp.log(xp.full_like(x, 2))),)


@op(of_floats=True)
def log10(xp, x):
    """y = log₁₀ x,    dy/dx = 1/(x log 10)."""
    return xp.log10(x), (lambda g: g / (x * xp.log(xp.full_like(x, 10))),)


@op(of_floats=True)
def log1p(xp, x):
    """y = log(1 + x), exact near 0,    dy/dx = 1/(1 + x)."""
    return xp.log1p(x), (lambda g: g / (1 + x),)


@op(of_floats=True)
def sqrt(xp, x):
    """y = √x,    dy/dx = 1/(2y), which is infinite at 0."""
    y = xp.sqrt(x)
    return y, (lambda g: g / (2 * y),)


@op(of_floats=True)
def sin(xp, x):
    """y = sin x,    dy/dx = cos x."""
    return xp.sin(x), (lambda g: g * xp.cos(x),)


@op(of_floats=True)
def cos(xp, x):
    """y = cos x,    dy/dx = -sin x."""
    return xp.cos(x), (lambda g: -g * xp.sin(x),)


@op(of_floats=True)
def tan(xp, x):
    """y = tan x,    dy/dx = 1 + y²."""
    y = xp.tan(x)
    return y, (lambda g: g * (1 + y * y),)


@op
def atan2(xp, a, b):
    """y = the angle of the point (b, a),    dy/da = b/(a² + b²),  dy/db = -a/(a² + b²)."""
    square = a * a + b * b
    square = xp.where(square == 0, 1.0, square)  # 0 at the origin, as in PyTorch
    return xp.atan2(a, b), (lambda g: g * b / square, lambda g: -g * a / square)


@op(of_floats=True)
def sinh(xp, x):
    """y = sinh x,    dy/dx = cosh x."""
    return xp.sinh(x), (lambda g: g * xp.cosh(x),)


@op(of_floats=True)
def cosh(xp, x):
    """y = cosh x,    dy/dx = sinh x."""
    return xp.cosh(x), (lambda g: g * xp.sinh(x),)


@op(of_floats=True)
def tanh(xp, x):
    """y = tanh x,    dy/dx = 1 - y²."""
    y = xp.tanh(x)
    return y, (lambda g: g * (1 - y * y),)


@op(of_floats=True)
def sigmoid(xp, x):
    """y = 1/(1 + e⁻ˣ),    dy/dx = y (1 - y)."""
    y = xp.sigmoid(x)
    return y, (lambda g: g * (y * (1 - y)),)


@op(of_floats=True)
def erf(xp, x):
    """y = 2/√π ∫₀ˣ exp(-t²) dt,    dy/dx = 2 exp(-x²)/sqrt(π)."""
    return xp.erf(x), (lambda g: g * 2 * xp.exp(-x * x) / xp.sqrt(xp.full_like(x, math.pi)),)


@op
def relu(xp, x):
    """y = max(x, 0),    dy/dx = 1 where x > 0 or NaN, and 0 elsewhere, also at the kink."""
    y = xp.maximum(x, 0)
    return y, (lambda g: xp.where(y <= 0, 0.0, g),)


@op
def clamp(xp, x, *, min=None, max=None):
    """y = x, but `min` where it is less and `max` where it is more,    dy/dx = 1 where it is x.

    NaN stays NaN, with the slope 0; so has what is cut off, also where the gradient is infinite.
    """
    y = x if min is None else xp.maximum(x, min)
    y = y if max is None else xp.minimum(y, max)

    def pull(g):
        g = g if min is None else xp.where(x >= min, g, 0.0)
        return g if max is None else xp.where(x <= max, g, 0.0)

    return y, (pull,)


@op
def maximum(xp, a, b):
    """y = max(a, b),    dy/da = 1 where a > b,  dy/db = 1 where b > a; ½ each at a tie.

    Where one is NaN, so is y, and both have the slope 1.
    """
    return xp.maximum(a, b), (
        lambda g: xp.where(a < b, 0.0, xp.where(a == b, 0.5 * g, g)),
        lambda g: xp.where(b < a, 0.0, xp.where(a == b, 0.5 * g, g)),
    )


@op
def minimum(xp, a, b):
    """y = min(a, b),    dy/da = 1 where a < b,  dy/db = 1 where b < a; ½ each at a tie.

    Where one is NaN, so is y, and both have the slope 1.
    """
    return xp.minimum(a, b), (
        lambda g: xp.where(a > b, 0.0, xp.where(a == b, 0.5 * g, g)),
        lambda g: xp.where(b > a, 0.0, xp.where(a == b, 0.5 * g, g)),
    )


@op
def where(xp, condition, a, b):
    """y = a where the condition holds, else b,    dy/da = 1 there,  dy/db = 1 elsewhere."""
    y = xp.where(condition, a, b)
    return y, (None, lambda g: xp.where(condition, g, 0.0), lambda g: xp.where(condition, 0.0, g))


@op(sets_dtype=True)
def astype(xp, x, *, dtype):
    """y = x in another dtype,    dy/dx = 1, in x's dtype."""
    before = x.dtype
    return xp.astype(x, dtype), (lambda g: xp.astype(g, before),)


@op
def move(xp, x, *, device):
    """y = x on another device,    dy/dx = 1, on x's device."""
    source = str(device_of(x))
    return xp.move(x, device), (lambda g: xp.move(g, source),)


@op
def clone(xp, x):
    """y = x in memory of its own,    dy/dx = 1."""
    return xp.clone(x), (lambda g: g,)


# Without a derivative: comparisons, logic, tests


@nondifferentiable
def eq(xp, a, b):
    """y = a = b, element by element, as booleans; NaN equals nothing."""
    return a == b


@nondifferentiable
def ne(xp, a, b):
    """y = a ≠ b, element by element, as booleans."""
    return a != b


@nondifferentiable
def lt(xp, a, b):
    """y = a < b, element by element, as booleans."""
    return a < b


@nondifferentiable
def le(xp, a, b):
    """y = a ≤ b, element by element, as booleans."""
    return a <= b


@nondifferentiable
def gt(xp, a, b):
    """y = a > b, element by element, as booleans."""
    return a > b


@nondifferentiable
def ge(xp, a, b):
    """y = a ≥ b, element by element, as booleans."""
    return a >= b


@nondifferentiable
def bitwise_and(xp, a, b):
    """y = a and b, of booleans, or bit by bit of integers: a & b."""
    return a & b


@nondifferentiable
def bitwise_or(xp, a, b):
    """y = a or b, of booleans, or bit by bit of integers: a | b."""
    return a | b


@nondifferentiable
def bitwise_xor(xp, a, b):
    """y = either a or b, of booleans, or bit by bit of integers: a ^ b."""
    return a ^ b


@nondifferentiable
def bitwise_not(xp, x):
    """y = not x, of booleans, or bit by bit of integers: ~x."""
    return ~x


@nondifferentiable
def isnan(xp, x):
    """y = whether x is NaN, element by element."""
    return xp.isnan(x)


@nondifferentiable
def isinf(xp, x):
    """y = whether x is ∞ or -∞, element by element."""
    return xp.isinf(x)


@nondifferentiable
def isfinite(xp, x):
    """y = whether x is neither NaN nor infinite, element by element."""
    return xp.isfinite(x)
