"""The derivative of an elementwise op as a formula: as its rule gives it, and as its docstring
states it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from itertools import product
from typing import Any, NamedTuple

import sympy
from sympy.parsing.sympy_parser import (
    implicit_multiplication_application,
    parse_expr,
    standard_transformations,
)

from minigrad.backward import call_pullback
from minigrad.prove import exact
from minigrad.prove.rules import arithmetic
from minigrad.prove.symbols import Symbols, is_zero

READ = (*standard_transformations, implicit_multiplication_application)
STATED = re.compile(r"dy/d(\w) = (.*?)(?=,\s|;|\.$|\.\n| \([^()]* where| where|$)")
CONDITION = re.compile(r"dy/d(\w) = [^,;]*? where (\w) ([<>]) (\w)")
SUPERSCRIPTS = {"²": "**2", "ᵇ⁻¹": "**(b - 1)", "ᵇ": "**b", "½": "(1/2)", "π": "pi"}
POINTS = (2.25, 1.75, -1.25)  # of each argument: the regions are around them


class Region(NamedTuple):
    """Where every comparison of an op has one outcome, and what the op is there."""

    point: dict[str, Any]
    conditions: list[str]
    value: Any
    slopes: dict[str, Any]


def stated(op: Any) -> dict[str, str]:
    """The derivatives in the docstring of an op, by the name of the argument.

    >>> import minigrad as mg
    >>> stated(mg.div)
    {'a': '1/b', 'b': '-a/b²'}
    """
    return dict(STATED.findall(inspect.getdoc(op.rule) or ""))


def read(text: str, names: dict[str, Any]) -> Any:
    """A formula of a docstring as an expression: `b aᵇ⁻¹`, `1 - y²`, `-sin x`."""
    for sign, code in SUPERSCRIPTS.items():
        text = text.replace(sign, code)
    return parse_expr(text, local_dict=dict(names), transformations=READ)


def regions(op: Any) -> list[Region]:
    """An elementwise op around the points of POINTS: at one of them where it compares nothing."""
    names = [p.name for p in inspect.signature(op).parameters.values()][: op.arity]
    found = []
    for numbers in product(POINTS, repeat=len(names)):
        if len(set(numbers)) < len(numbers):
            continue  # a tie
        region = region_at(op, dict(zip(names, numbers, strict=True)))
        found.append(region)
        if not region.conditions:
            break
    return found


def region_at(op: Any, point: dict[str, float]) -> Region:
    """The value of an elementwise op and its derivatives, as formulas around this point."""
    symbols = Symbols()
    with arithmetic(symbols):
        variables = [symbols.array(name, at=at) for name, at in point.items()]
        value, pullbacks = op.rule(exact.XP, *variables)
        slopes = call_pullback(pullbacks, [exact.exact(1)], [True] * len(point))
        found = [sympy.sympify(exact.exact(slope).item()) for slope in slopes]
        value = sympy.sympify(exact.exact(value).item())
    return Region(point, list(symbols.conditions), value, dict(zip(point, found, strict=True)))


def states_its_derivative(op: Any) -> bool:
    """Whether each formula of the docstring is what the rule gives, in every region.

    Where a formula has a condition (`1 where a > b`), it counts there, and 0 elsewhere.
    """
    formulas = stated(op)
    conditions = {name: rest for name, *rest in CONDITION.findall(inspect.getdoc(op.rule) or "")}
    for region in regions(op):
        names = {name: sympy.Symbol(name, real=True) for name in region.point}
        if names.keys() - formulas.keys():
            return False
        at = {names[name]: sympy.Rational(number) for name, number in region.point.items()}
        known = {**names, "y": region.value, "sign": lambda e, at=at: sympy.sign(e.subs(at))}
        for name in names:
            holds = name not in conditions or is_met(conditions[name], region.point)
            expected = read(formulas[name], known) if holds else 0
            if not is_zero(expected - region.slopes[name]):
                return False
    return True


def is_met(condition: Iterable[str], point: dict[str, float]) -> bool:
    """Whether `a > b` or `x > 0` holds at a point."""
    left, relation, right = condition
    difference = point[left] - (point[right] if right in point else float(right))
    return difference > 0 if relation == ">" else difference < 0


def derived(op: Any) -> str:
    """The derivatives of an elementwise op as its rule gives them, in mathematical notation; "" for
    any other op.

    >>> import minigrad as mg
    >>> derived(mg.tanh), derived(mg.abs)
    ('∂y/∂x = 1 - tanh²(x)', '∂y/∂x = 1 where x > 0, -1 where x < 0')
    >>> derived(mg.sum)
    ''
    """
    is_elementwise = op.rule.__module__.endswith("elementwise")
    is_rounding = op.rule.__module__.endswith("rounding") and op.arity == 1
    if not (is_elementwise or is_rounding) or op.keywords:
        return ""
    found = regions(op)
    if None in found[0].slopes.values():  # `where` has a condition, by which there is no slope
        return ""
    return ",  ".join(f"∂y/∂{name} = {slope_by(name, found)}" for name in found[0].slopes)


def slope_by(name: str, found: list[Region]) -> str:
    """The derivative by one argument: one formula, or that of each region with its condition."""
    formulas: dict[str, str] = {}
    for region in found:
        condition = region.conditions[0] if region.conditions else ""
        formulas.setdefault(notation(in_short(region.slopes[name], region.value)), condition)
    if len(formulas) == 1:
        return next(iter(formulas))
    return ", ".join(f"{formula} where {condition}" for formula, condition in formulas.items())


def in_short(slope: Any, value: Any) -> Any:
    """A slope by way of the value y, where that is much shorter: y (1 - y) for the sigmoid."""
    y = sympy.Symbol("y")
    functions = sorted(value.atoms(sympy.Function), key=str)
    if len(functions) != 1:
        return slope
    inner = sympy.Symbol("inner")
    line = value.subs(functions[0], inner)
    if not line.is_polynomial(inner) or sympy.degree(line, inner) != 1:
        return slope
    by_value = sympy.factor(slope.subs(functions[0], sympy.solve(line - y, inner)[0]))
    is_shorter = sympy.count_ops(slope) > 4 and 2 * sympy.count_ops(by_value) <= sympy.count_ops(
        slope
    )
    return by_value if by_value.free_symbols <= {y} and is_shorter else slope


# Notation

RAISED = str.maketrans("0123456789-+()abnx ", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺⁽⁾ᵃᵇⁿˣ ")


def notation(e: Any) -> str:
    """An expression as one would write it on a line.

    >>> x, a, b = sympy.symbols("x a b", positive=True)
    >>> notation(b * a ** (b - 1)), notation(2 * sympy.exp(-x**2) / sympy.sqrt(sympy.pi))
    ('b aᵇ⁻¹', '2 exp(-x²) / √π')
    """
    if e.is_Add:
        return written_sum(e)
    if e.is_Mul:
        return written_product(e)
    if e.is_Pow and e.exp == sympy.Rational(1, 2):
        return f"√{in_brackets(e.base)}"
    if e.is_Pow and e.exp.is_negative:
        return written_product(e)
    if isinstance(e, sympy.exp):
        argument = notation(e.args[0])
        return f"e{raised(argument)}" if len(argument) < 3 else f"exp({argument})"
    if e.is_Pow:
        if e.base.is_Function and not isinstance(e.base, sympy.exp):
            return f"{e.base.func.__name__}{raised(notation(e.exp))}({notation(e.base.args[0])})"
        return in_brackets(e.base) + raised(notation(e.exp))
    if e.is_Function:
        return f"{e.func.__name__}({notation(e.args[0])})"
    return str(e).replace("pi", "π")


def written_sum(e: Any) -> str:
    """A sum, with the terms that are subtracted behind the others."""
    terms = sorted([notation(term) for term in e.args], key=lambda text: text.startswith("-"))
    return " + ".join(terms).replace("+ -", "- ")


def written_product(e: Any) -> str:
    """A product, or a fraction; powers come after plain factors."""
    above, below = sympy.fraction(e, exact=True)
    factors = sorted(sympy.Mul.make_args(above), key=rank)
    sign = ""
    if above.could_extract_minus_sign():
        sums = [f for f in factors if f.is_Add]
        sign = "" if sums else "-"
        factors = [-f if f in sums[:1] else f for f in factors]  # y (1 - y) for -y (y - 1)
        factors = [f for f in factors if f != -1] if sums else without_sign(above)
    is_fraction = len(factors) > 1 or sign or below != 1
    text = " ".join(
        [f"({notation(f)})" if f.is_Add and is_fraction else notation(f) for f in factors]
    )
    if below == 1:
        return sign + text
    under = notation(below)
    is_single = not (below.is_Add or below.is_Mul)
    return f"{sign}{text} / {under if is_single else f'({under})'}"


def without_sign(e: Any) -> list[Any]:
    """The factors of -e."""
    return sorted(sympy.Mul.make_args(-e), key=rank)


def rank(factor: Any) -> tuple[int, str]:
    """The place of a factor in a product: numbers, symbols, sums, what is raised."""
    kinds = [factor.is_Number, factor.is_Symbol, factor.is_Add, True]
    return kinds.index(True), str(factor)


def in_brackets(e: Any) -> str:
    """An expression as the base of a power."""
    return notation(e) if e.is_Symbol or e is sympy.pi else f"({notation(e)})"


def raised(text: str) -> str:
    """An exponent; in brackets behind ^ where there is no small letter for it."""
    tight = text.replace(" ", "")
    small = tight.translate(RAISED)
    is_small = all(character not in tight for character in small)
    return small if is_small else f"^({text})"
