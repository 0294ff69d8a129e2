"""A layer over a single step, as a decoder calls it, run as a cell. It must equal the rule that it
decorates, whose layout in chunks pays only over many steps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.graph import Op


def one_step_as(cell: Op) -> Callable[..., Any]:
    """Decorate the rule of a recurrent layer: a single step of all rows runs as `cell`.

    The rule is (xp, x, *states, four weights) -> (hs, *last states).
    """

    def decorate(rule: Callable[..., RuleResult]) -> Callable[..., RuleResult]:
        @functools.wraps(rule)
        def stepped(xp: XP, x: Array, *args: Array, **settings: Any) -> RuleResult:
            if len(x) == 1 and is_cell_step(settings):
                return run_as_cell(cell.rule, xp, x, args, settings)
            return rule(xp, x, *args, **settings)

        return stepped

    return decorate


def is_cell_step(settings: dict[str, Any]) -> bool:
    """Whether every row takes the step, and the cell is one of `minigrad.byhand.steps`."""
    return settings.get("lengths") is None and settings.get("reset_after", True)


def run_as_cell(
    step: Callable[..., RuleResult],
    xp: XP,
    x: Array,
    args: Sequence[Array],
    settings: dict[str, Any],
) -> RuleResult:
    """What a layer returns for x (1,B,I): hs (1,B,H) and the states."""
    kept = {key: value for key, value in settings.items() if key == "nonlinearity"}
    value, step_back = step(xp, x[0], *args, **kept)
    states = value if type(value) is tuple else (value,)

    def pullback(gs: Any, needs: Sequence[bool]) -> Any:
        dhs, dh, *others = gs
        if dhs is not None:
            dh = dhs[0] if dh is None else dh + dhs[0]
        dx, *rest = step_back((dh, *others), needs)
        return [None if dx is None else dx[None], *rest]

    return (states[0][None].copy(), *states), pullback
