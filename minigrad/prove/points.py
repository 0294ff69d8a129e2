"""Whether an expression of SymPy's is 0: refuted at one point of real numbers, or shown at random
points of a finite field.

Expressions of the second order of a softmax are too large to expand. Evaluated modulo a prime they
are numbers: a symbol is a random number, exp(x) another one of which exp(2x - y) is a monomial,
log, tanh and sin, cos are indeterminates of their arguments. A rational function of degree d that
is not 0 is 0 at such a point with a probability of at most d / 2⁶¹ (see `field`).
"""

from __future__ import annotations

import random
from typing import Any

import sympy

from minigrad.prove.field import PRIME, NoSquareRoot


class Unknown(Exception):
    """The expression has a function that has no meaning in the field."""


class Point:
    """A random point of the field, and the values of expressions there."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.known: dict[Any, int] = {}  # the values of expressions
        self.free: dict[Any, int] = {}  # the indeterminates, by function and argument

    def indeterminate(self, key: Any) -> int:
        """A random number, the same for the same key."""
        if key not in self.free:
            self.free[key] = self.random.randrange(1, PRIME)
        return self.free[key]

    def value(self, e: Any) -> int:
        """The value of an expression.

        Raises Unknown, NoSquareRoot where a root has none, ZeroDivisionError at a pole.
        """
        if e not in self.known:
            self.known[e] = self.computed(e) % PRIME
        return self.known[e]

    def computed(self, e: Any) -> int:
        """The value of an expression from those of its parts."""
        if e.is_Rational:
            return int(e.p) * inverse(int(e.q))
        if e.is_Symbol:
            return self.indeterminate(e.name)
        if e.is_Add:
            return sum([self.value(part) for part in e.args])
        if e.is_Mul:
            out = 1
            for part in e.args:
                out = out * self.value(part) % PRIME
            return out
        if isinstance(e, sympy.exp):
            return self.exp(e.args[0])
        if e.is_Pow:
            return self.power(e.base, e.exp)
        if isinstance(e, (sympy.log, sympy.tanh)):
            return self.indeterminate((type(e).__name__, self.value(e.args[0])))
        if isinstance(e, (sympy.sin, sympy.cos)):
            return self.on_the_circle(e)
        raise Unknown(str(e.func))

    def power(self, base: Any, exponent: Any) -> int:
        """A whole or half power."""
        if not (exponent.is_Rational and exponent.q in (1, 2)):
            raise Unknown(f"a power {exponent}")
        value = self.value(base)
        if exponent.q == 2:
            root = pow(value, (PRIME + 1) // 4, PRIME)
            if root * root % PRIME != value:
                raise NoSquareRoot
            value = root
        return power(value, int(exponent.p))

    def exp(self, argument: Any) -> int:
        """exp of a sum, as the product of whole powers of exp(m / 2) for its monomials m."""
        out = 1
        for term in sympy.Add.make_args(sympy.expand(argument)):
            factor, monomial = term.as_coeff_Mul()
            twice = 2 * factor
            if not twice.is_Integer or monomial == 1:
                raise Unknown(f"exp({term})")
            out = out * power(self.indeterminate(("exp", monomial)), int(twice)) % PRIME
        return out

    def on_the_circle(self, e: Any) -> int:
        """sin and cos of one argument, with sin² + cos² = 1."""
        t = self.indeterminate(("circle", self.value(e.args[0])))
        over = inverse(1 + t * t)
        return 2 * t * over if isinstance(e, sympy.sin) else (1 - t * t) * over


def inverse(value: int) -> int:
    """1 / value modulo the prime. Raises ZeroDivisionError for 0."""
    if value % PRIME == 0:
        raise ZeroDivisionError("1 / 0 modulo the prime")
    return pow(value, -1, PRIME)


def power(value: int, n: int) -> int:
    """A whole power modulo the prime."""
    return pow(value if n >= 0 else inverse(value), abs(n), PRIME)


def vanishes(expression: Any, points: int = 2) -> bool:
    """Whether an expression is 0 at random points of the field.

    Raises Unknown for a function that has no meaning there.

    >>> x, y = sympy.symbols("x y")
    >>> vanishes(sympy.exp(x - y) * sympy.exp(y) - sympy.exp(x)), vanishes(sympy.exp(x) - x)
    (True, False)
    """
    expression = sympy.sympify(expression)
    found = 0
    for seed in range(100):
        try:
            if Point(seed).value(expression):
                return False
        except (NoSquareRoot, ZeroDivisionError):
            continue
        found += 1
        if found == points:
            return True
    raise Unknown("no point has the square roots that it needs")


def is_refuted(expression: Any, seed: int = 0) -> bool:
    """Whether an expression is certainly not 0: at one point of real numbers it is far from 0."""
    draw = random.Random(seed)
    values = {}
    for symbol in sorted(expression.free_symbols, key=str):
        number = sympy.Rational(draw.randrange(20, 200), 100)
        values[symbol] = number if symbol.is_positive or draw.random() < 0.5 else -number
    there = sympy.N(expression.subs(values), 30)
    return bool(there.is_Float and abs(there) > 1e-12)
