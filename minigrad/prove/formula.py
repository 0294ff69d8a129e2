"""The derivative of an elementwise op as a formula: as its rule gives it, and as its docstring
states it."""

from __future__ import annotations

import inspect
import re
from typing import Any

import sympy
from sympy.parsing.sympy_parser import (
    implicit_multiplication_application,
    parse_expr,
    standard_transformations,
)

from minigrad.backward import call_pullback
from minigrad.prove import exact
from minigrad.prove.rules import arithmetic
from minigrad.prove.symbols import POSITIVE, Symbols, is_zero

READ = (*standard_transformations, implicit_multiplication_application)
STATED = re.compile(r"dy/d(\w) = (.*?)(?=,\s|;|\.$|\.\n| \([^()]* where| where|$)")
SUPERSCRIPTS = {"²": "**2", "ᵇ⁻¹": "**(b - 1)", "ᵇ": "**b", "½": "(1/2)", "π": "pi"}


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


def value_and_slopes(op: Any, greatest: str = "") -> tuple[Any, dict[str, Any]]:
    """The value of an elementwise op at one positive symbol for each argument, and its derivatives
    by them.

    greatest: the argument that is the greatest where the op compares, by default the first.

    >>> import minigrad as mg
    >>> value_and_slopes(mg.tanh)
    (tanh(x), {'x': 1 - tanh(x)**2})
    """
    names = [p.name for p in inspect.signature(op).parameters.values()][: op.arity]
    symbols = Symbols()
    with arithmetic(symbols):
        variables = []
        for place, name in enumerate(names):
            array = exact.exact(sympy.Symbol(name, **POSITIVE))
            symbols.point[array.item()] = sympy.Integer(9 if name == greatest else 8 - place)
            variables.append(array)
        value, pullbacks = op.rule(exact.XP, *variables)
        one = exact.exact(1)
        slopes = call_pullback(pullbacks, [one], [True] * len(names))
        found = [sympy.sympify(exact.exact(slope).item()) for slope in slopes]
        return sympy.sympify(exact.exact(value).item()), dict(zip(names, found, strict=True))


def states_its_derivative(op: Any) -> bool:
    """Whether each formula of the docstring is what the rule gives, for positive arguments.

    Where a formula has a condition (`1 where a > b`), that of one order of the arguments counts.
    """
    formulas = stated(op)
    names = {name: sympy.Symbol(name, **POSITIVE) for name in value_and_slopes(op)[1]}
    for name in names:
        if name not in formulas:
            return False
        differences = []
        for greatest in names:
            value, slopes = value_and_slopes(op, greatest)
            known = {**names, "y": value, "sign": sympy.sign}
            differences.append(read(formulas[name], known) - slopes[name])
        if not any(map(is_zero, differences)):
            return False
    return True


def derived(op: Any) -> str:
    """The derivatives of an elementwise op as its rule gives them, in mathematical notation; "" for
    any other op.

    >>> import minigrad as mg
    >>> derived(mg.tanh), derived(mg.sum)
    ('∂y/∂x = 1 - tanh²(x)', '')
    """
    if not op.rule.__module__.endswith("elementwise") or op.keywords:
        return ""
    try:
        _, slopes = value_and_slopes(op)
    except (TypeError, AttributeError):  # `where` takes a condition
        return ""
    return ",  ".join(f"∂y/∂{name} = {notation(slope)}" for name, slope in slopes.items())


def notation(expression: Any) -> str:
    """An expression as one would write it on a line."""
    text = sympy.sstr(expression)
    text = re.sub(r"(\w+)(\([^()]*\))\*\*2", r"\1²\2", text).replace("**2", "²")
    return text.replace("**", "^").replace("*", " ").replace("sqrt", "√").replace("exp(x)", "eˣ")
