"""Linear ops and their adjoints: ⟨A x, g⟩ = ⟨x, Aᵀ g⟩ as an identity in x and g.

An op is linear where its value is a homogeneous polynomial of degree 1 in all of its arrays
together, without a comparison that decided it. The table in `cases` declares which ops are; nothing
is linear without being declared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from minigrad.backward import unbroadcast
from minigrad.prove import exact
from minigrad.prove.cases import CASES, Case
from minigrad.prove.rules import arithmetic, is_variable, run_rule
from minigrad.prove.symbols import Symbols, is_zero


def is_linear(op: Any) -> bool:
    """Whether the op is linear on each of its cases."""
    return all(case_is_linear(op.rule, case) for case in CASES[op.__name__])


def case_is_linear(rule: Any, case: Case) -> bool:
    """Whether every value of the rule, over the symbols of this case, is linear in its arrays."""
    symbols = Symbols()
    with arithmetic(symbols):
        args, settings = case(symbols)
        value, _ = rule(exact.XP, *args, **settings)
        values = value if type(value) is tuple else (value,)
        entries = [entry for y in values for entry in exact.exact(y).ravel()]
    variables = [x for a in args if is_variable(a) for x in a.ravel()]
    if symbols.conditions:
        return False
    return all(is_homogeneous(sympy.sympify(entry), variables) for entry in entries)


def is_homogeneous(entry: Any, variables: list[Any]) -> bool:
    """Whether Σ x ∂y/∂x = y with constant ∂y/∂x."""
    slopes = [sympy.diff(entry, x) for x in variables]
    if any(slope.free_symbols for slope in slopes):
        return False
    return is_zero(sum([x * s for x, s in zip(variables, slopes, strict=True)]) - entry)


def adjoint_gap(op: Any, case: Case) -> Any:
    """⟨A x, g⟩ - ⟨x, Aᵀ g⟩ of a linear op, an expression that must be 0."""
    symbols = Symbols()
    with arithmetic(symbols):
        args, settings = case(symbols)

        def cotangent(i: int, *shape: int) -> Any:
            return symbols.array(f"g{i or ''}", *shape)

        values, cotangents, gradients = run_rule(op.rule, args, settings, cotangent)
        forward = [(g * y).sum().item() for g, y in zip(cotangents, values, strict=True)]
        back = [(a * g).sum().item() for a, g in zip(args, gradients, strict=True) if g is not None]
    return sympy.expand(sum(forward) - sum(back))


def broadcast_gap(before: tuple[int, ...], after: tuple[int, ...]) -> Any:
    """⟨B x, g⟩ - ⟨x, Bᵀ g⟩ for broadcasting from one shape to another and the engine's
    `unbroadcast`."""
    symbols = Symbols()
    with arithmetic(symbols):
        x = symbols.array("x", *before)
        g = symbols.array("g", *after)
        repeated = np.broadcast_to(x, after)
        summed = unbroadcast(exact.XP, g, before)
        return sympy.expand((repeated * g).sum().item() - (x * summed).sum().item())
