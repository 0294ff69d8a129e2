"""From the table and the records to a verdict for each row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from demos import claims, rule, store
from demos.records import Records

ONLY_IF, NOT_RUN = "holds only if", "not run"
MARKS = {  # the kinds of verdicts, in the order in which they are counted
    rule.HOLDS: "✓",
    ONLY_IF: "◐",
    rule.FAILS: "✗",
    rule.ALIKE: "≈",
    rule.UNDECIDED: "?",
    NOT_RUN: "–",
}


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a row.

    own: the verdict of the row's own comparison; kind: one of MARKS, with the condition taken in;
    word: the kind, and the condition in words. judged: None of a fact, and where nothing was run.
    p: corrected for looks and for all comparisons.
    """

    row: claims.Claim
    own: str
    kind: str
    word: str
    seeds: int
    a: tuple[float, ...] = ()
    b: tuple[float, ...] = ()
    judged: rule.Judged | None = None
    p: float | None = None

    @property
    def provisional(self) -> bool:
        """Whether it does not hold by fewer runs than likeness needs."""
        return self.judged is not None and rule.provisional(self.judged, self.row.least)

    @property
    def look_is_due(self) -> bool:
        """Whether it should be looked at with more runs, if it has not had them all."""
        return self.judged is not None and rule.look_is_due(self.judged, self.row.least)

    def power(self) -> float:
        """The chance that so many runs, as far apart, find twice the smallest effect."""
        spread = float(np.std(self.row.differences(self.a, self.b), ddof=1))
        return rule.power(spread / self.row.least, self.seeds)


def of_fact(row: claims.Claim, values: list[float]) -> str:
    """A fact holds where every run agrees."""
    return rule.HOLDS if all(map(row.holds_as_a_fact, values)) else rule.FAILS


def with_condition(row: claims.Claim, own: Mapping[str, str]) -> tuple[str, str]:
    """Kind and words of a verdict, from the verdicts of all rows by themselves."""
    fails = own[row.name] in (rule.FAILS, rule.ALIKE)
    if fails and row.shown_by and own[row.shown_by] == rule.HOLDS:
        return ONLY_IF, f"{ONLY_IF} {row.only_if}"
    if fails and row.shown_by and own[row.shown_by] in (rule.UNDECIDED, NOT_RUN):
        return own[row.name], f"{own[row.name]}; undecided if {row.only_if}"
    return own[row.name], own[row.name]


def of(records: Records, engine: str = "minigrad") -> dict[str, Verdict]:
    """The verdict of each row of the table from the records of one engine."""
    sides = {name: records.sides(name, engine) for name in claims.table()}
    judged: dict[str, rule.Judged] = {}
    own: dict[str, str] = {}
    for name, row in claims.table().items():
        a, b = sides[name]
        own[name] = NOT_RUN
        if a and row.is_fact:
            own[name] = of_fact(row, a)
        elif a:
            judged[name] = rule.judge(row.differences(a, b), row.least, row.direction)
            own[name] = judged[name].verdict
    corrected = rule.holm([found.p for found in judged.values()]) if judged else []
    p = dict(zip(judged, map(float, corrected)))
    verdicts = {}
    for name, row in claims.table().items():
        kind, word = with_condition(row, own)
        n = judged[name].n if name in judged else len(sides[name][0])
        a, b = (tuple(side[:n]) for side in sides[name])
        found = judged.get(name)
        verdicts[name] = Verdict(row, own[name], kind, word, n, a, b, found, p.get(name))
    return verdicts


@cache
def committed() -> dict[str, Verdict]:
    """The verdicts of demos/records/."""
    return of(Records.load())


def counted(number: int, thing: str) -> str:
    """A number of things in words.

    >>> counted(1, "seed"), counted(5, "seed")
    ('1 seed', '5 seeds')
    """
    return f"{number} {thing}{'s' * (number != 1)}"


def readable(text: str) -> str:
    """2·10⁻¹¹ for 2e-11, and no control characters."""
    text = store.printable(text)
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    text = re.sub(r"\b0(\.0+)?e[+-]00", "0", text).replace("e+00", "")
    text = re.sub(r"[+-]0%", "0%", text)
    return re.sub(
        r"(\d)e([+-]\d\d)",
        lambda found: f"{found[1]}·10{str(int(found[2])).translate(raised)}",
        text,
    )
