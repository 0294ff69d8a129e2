"""SymPy's expressions as exact numbers: a rule's own lines give its value and its pullback as
formulas.

A comparison of two expressions is decided at a sample point: every symbol has a rational number
there. The outcome holds in a whole region around that point, in which the proof is valid; cases
with other sample points cover the other orders. Nothing is shown about the borders of the regions,
the kinks and ties, where a derivative is a convention.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from minigrad.prove.exact import Arithmetic, ExactArray
from minigrad.prove.points import is_refuted

ROUNDED: dict[str, Callable[[Any], int]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "rint": round,
}
# Floats that stand for a number that is no fraction
MEANT = {
    math.pi: sympy.pi,
    math.log(2): sympy.log(2),
    math.log(0.5): -sympy.log(2),
}
REAL = {"real": True}
POSITIVE = {"positive": True}


class Symbols(Arithmetic):
    """Expressions over symbols, and the sample point at which comparisons are decided."""

    def __init__(self) -> None:
        self.point: dict[Any, Any] = {}
        # the outcomes of comparisons so far: where the proof holds
        self.conditions: dict[str, None] = {}
        self.borders: dict[Any, Any] = {}  # the value of each symbol that lies on a border

    def array(
        self, name: str, *shape: int, at: Any = None, border: Any = None, **assumptions: bool
    ) -> ExactArray:
        """Symbols name₀₀, name₀₁ ...; `at`: their values at the sample point; `border`: values on
        a border, where comparisons change their outcome."""
        out = np.empty(shape, dtype=object)
        for k, place in enumerate(np.ndindex(*shape)):
            indices = "".join(map(str, place))
            symbol = sympy.Symbol(f"{name}{indices}", **(assumptions or REAL))
            value = Fraction(2 * k + 3, 7) if at is None else np.ravel(at)[k]
            self.point[symbol] = sympy.Rational(value)
            if border is not None:
                self.borders[symbol] = sympy.Rational(np.ravel(border)[k].item())
            out[place] = symbol
        return out.view(ExactArray)

    def number(self, value: Any) -> Any:
        value = value.item() if isinstance(value, np.generic | np.ndarray) else value
        if value != value:
            return sympy.nan
        if isinstance(value, float):
            return MEANT.get(value, sympy.Rational(Fraction(value)))
        return sympy.sympify(int(value) if isinstance(value, bool) else value)

    def compare(self, relation: Callable[[Any, Any], bool], a: Any, b: Any) -> bool:
        difference = sympy.sympify(a - b)
        if difference == 0:
            return bool(relation(0, 0))
        there = difference.subs(self.point)
        if there == 0:
            raise ValueError(f"the sample point lies on the border {a} = {b}")
        sign = 1 if there.evalf(30) > 0 else -1
        if difference.free_symbols and difference.is_positive is None:
            self.conditions[f"{a} {'>' if sign > 0 else '<'} {b}"] = None
        return bool(relation(sign, 0))

    def apply(self, name: str, value: Any) -> Any:
        if name == "expm1":
            return sympy.exp(value) - 1
        if name == "log1p":
            return sympy.log(1 + value)
        if name in ("abs", "sign"):
            is_positive = self.compare(lambda a, b: a > b, value, sympy.Integer(0))
            sign = 1 if is_positive else -1
            return sympy.Integer(sign) if name == "sign" else sign * value
        if name in ("log2", "log10"):
            return sympy.log(value) / sympy.log(int(name[3:]))
        if name in ROUNDED:
            return self.rounded(name, value)
        return getattr(sympy, name)(value)

    def angle(self, a: Any, b: Any) -> Any:
        return sympy.atan2(a, b)

    def rounded(self, name: str, value: Any) -> Any:
        """The integer that a value near the sample point is rounded to."""
        there = sympy.sympify(value).subs(self.point)
        if (2 * there).is_integer:
            raise ValueError(f"the sample point lies where {name} jumps: {value}")
        self.conditions[f"{name}({value}) as at the sample point"] = None
        return sympy.Integer(ROUNDED[name](there))


def is_zero(expression: Any) -> bool:
    """Whether an expression is 0 for all values of its symbols, as an identity: as a polynomial in
    them and in functions of them, as a fraction of two such, else by SymPy's simplification."""
    expression = sympy.sympify(expression)
    if is_refuted(expression):
        return False
    expression = sympy.expand(expression)
    if expression == 0:
        return True
    numerator = sympy.expand(sympy.numer(sympy.together(expression)))
    return bool(numerator == 0 or sympy.simplify(expression) == 0)
