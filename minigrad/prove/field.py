"""Numbers modulo a large prime, each with a derivative: a polynomial identity tested at random
points.

Two polynomials of total degree d that differ agree at a random point modulo p with probability at
most d / p (Schwartz 1980; Zippel 1979). Here p = 2⁶¹ - 1 and d stays far below 10,000, so that one
point lets a wrong rule pass with a probability below 10⁻¹⁴. A proof by such points is a
probabilistic one, and PROOFS.md says so.

Each number carries its derivative along one random direction (dual numbers, Clifford 1873), so the
value and the true directional derivative of any expression come out of the same run. tanh is an
indeterminate t of its argument: a random number, the same for equal arguments, with dt = (1 - t²)
da.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from minigrad.prove.exact import Arithmetic, exact

PRIME = 2**61 - 1


class NoSquareRoot(ArithmeticError):
    """The number has no square root modulo the prime: half of all points have none; take
    another."""


class Dual:
    """value + slope ε modulo PRIME, with ε² = 0."""

    __slots__ = ("slope", "value")

    def __init__(self, value: int, slope: int = 0):
        self.value = value % PRIME
        self.slope = slope % PRIME

    def __add__(self, other: Any) -> Dual:
        b = as_dual(other)
        return Dual(self.value + b.value, self.slope + b.slope)

    def __sub__(self, other: Any) -> Dual:
        b = as_dual(other)
        return Dual(self.value - b.value, self.slope - b.slope)

    def __rsub__(self, other: Any) -> Dual:
        return as_dual(other) - self

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slope)

    def __mul__(self, other: Any) -> Dual:
        b = as_dual(other)
        return Dual(self.value * b.value, self.value * b.slope + self.slope * b.value)

    def __truediv__(self, other: Any) -> Dual:
        b = as_dual(other)
        inverse = pow(b.value, -1, PRIME)
        quotient = self.value * inverse
        return Dual(quotient, (self.slope - quotient * b.slope) * inverse)

    def __rtruediv__(self, other: Any) -> Dual:
        return as_dual(other) / self

    def __pow__(self, n: int) -> Dual:
        out = Dual(1)
        for _ in range(n):
            out = out * self
        return out

    __radd__ = __add__
    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"{self.value} + {self.slope} ε"


def as_dual(value: Any) -> Dual:
    """A number of Python's, exactly: 0.5 is the inverse of 2."""
    if isinstance(value, Dual):
        return value
    fraction = Fraction(value)
    return Dual(fraction.numerator * pow(fraction.denominator, -1, PRIME))


class Field(Arithmetic):
    """Arithmetic modulo PRIME at one random point."""

    def __init__(self, seed: int, signs: Iterable[int] = ()):
        self.random = random.Random(seed)
        self.tanhs: dict[int, int] = {}  # the indeterminate of each argument
        self.signs: dict[int, int] = {}  # 1 or -1: the sign that each number counts as
        self.next_signs = iter(signs)

    def draw(self) -> int:
        """A random number of the field."""
        return self.random.randrange(PRIME)

    def array(self, *shape: int, with_slope: bool = True) -> Any:
        """An array of random numbers, moving in a random direction."""
        numbers = [
            Dual(self.draw(), self.draw() if with_slope else 0) for _ in range(math.prod(shape))
        ]
        return exact(numbers).reshape(shape)

    def number(self, value: Any) -> Any:
        return as_dual(value.item() if hasattr(value, "item") else value)

    def compare(self, relation: Callable[[Any, Any], bool], a: Any, b: Any) -> bool:
        difference = (a - b).value
        if relation.__name__ in ("eq", "ne") or difference == 0:
            return relation(difference, 0)
        return relation(self.sign(difference), 0)

    def sign(self, value: int) -> int:
        """The sign that a number counts as: the next of the case, or a random one; the same for an
        equal number, the opposite for its negative."""
        if value not in self.signs:
            sign = next(self.next_signs, None) or self.random.choice((1, -1))
            self.signs[value] = sign
            self.signs[-value % PRIME] = -sign
        return self.signs[value]

    def apply(self, name: str, value: Any) -> Any:
        if name == "tanh":
            t = self.tanhs.setdefault(value.value, self.draw())
            return Dual(t, (1 - t * t) * value.slope)
        if name == "sqrt":
            root = pow(value.value, (PRIME + 1) // 4, PRIME)
            if root * root % PRIME != value.value:
                raise NoSquareRoot
            return Dual(root, value.slope * pow(2 * root, -1, PRIME))
        return super().apply(name, value)
