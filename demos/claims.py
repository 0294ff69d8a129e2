"""The table of claims, demos/claims.toml: what is compared, and what would count, written down
before the runs.

A row is a comparison: its text, its place in the lesson, two sides a and b, what is measured of
both, the direction that is claimed, and the smallest effect that matters. A row without a place is
no sentence of the lesson; it shows a condition that another row names. A row with `expected` or
`at_most` is a fact: counted or computed, the same in every run, and no matter of chance.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

TABLE = Path(__file__).with_name("claims.toml")
HASHED = (  # what decides; a reason may be put better without another result
    "text sides measure direction effect scale only_if shown_by expected tolerance at_most"
).split()


@dataclass(frozen=True)
class Claim:
    """A row of the table; see demos/claims.toml for what each entry means."""

    name: str
    script: str
    text: str
    measure: str
    place: str = ""
    sides: tuple[str, str] = ("", "")
    unit: str = "{:.3g}"
    direction: str = "greater"
    effect: float = 0.0
    scale: str = "difference"
    reason: str = ""
    rates: str = ""
    only_if: str = ""
    shown_by: str = ""
    expected: float | None = None
    tolerance: float = 0.0
    at_most: float | None = None

    @property
    def is_fact(self) -> bool:
        return self.expected is not None or self.at_most is not None

    @property
    def hash(self) -> str:
        """Of all that decides about the row."""
        entries = {name: getattr(self, name) for name in HASHED}
        return hashlib.sha256(json.dumps(entries).encode()).hexdigest()[:8]

    @property
    def least(self) -> float:
        """The smallest effect on the scale on which differences are taken."""
        return math.log(self.effect) if self.scale == "ratio" else self.effect

    def differences(self, a: ArrayLike, b: ArrayLike) -> np.ndarray[Any, Any]:
        """a - b, or log a - log b where ratios count."""
        ours, theirs = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        if self.scale == "ratio":
            return np.asarray(np.log(ours) - np.log(theirs))
        return ours - theirs

    def typical(self, values: ArrayLike) -> float:
        """The mean of one side, or its geometric mean where ratios count."""
        array = np.asarray(values, dtype=float)
        return float(np.exp(np.log(array).mean()) if self.scale == "ratio" else array.mean())

    def holds_as_a_fact(self, value: float) -> bool:
        if self.at_most is not None:
            return value <= self.at_most
        return self.expected is not None and abs(value - self.expected) <= self.tolerance


def read(text: str) -> dict[str, Claim]:
    """The rows of a table, by name. Raises ValueError, which names row and entry."""
    rows = {}
    for name, entries in tomllib.loads(text).items():
        try:
            rows[name] = Claim(name, **{**entries, "sides": tuple(entries.get("sides", ("", "")))})
        except TypeError as error:
            raise ValueError(f"row {name}: {error}") from error
    for row in rows.values():
        check(row, rows)
    return rows


def check(row: Claim, rows: Mapping[str, Claim]) -> None:
    """Raise ValueError where a row does not say what would count."""
    problem = ""
    if bool(row.only_if) != bool(row.shown_by) or (row.shown_by and row.shown_by not in rows):
        problem = "only_if and shown_by, the name of another row, go together"
    elif row.is_fact:
        pass
    elif row.direction not in ("greater", "less", "alike"):
        problem = f"direction: expected greater, less or alike, got {row.direction!r}"
    elif row.scale not in ("difference", "ratio"):
        problem = f"scale: expected difference or ratio, got {row.scale!r}"
    elif row.effect <= (1 if row.scale == "ratio" else 0):
        problem = f"effect: expected more than no effect, got {row.effect}"
    elif not (all(row.sides) and row.reason):
        problem = "expected two sides, and a reason for the size of the effect"
    elif not row.rates:
        problem = "expected rates: those tried and what one was chosen on, or why there was none"
    if problem:
        raise ValueError(f"row {row.name}: {problem}")


@cache
def table() -> dict[str, Claim]:
    """The rows of demos/claims.toml."""
    return read(TABLE.read_text("utf-8"))


def table_hash() -> str:
    """Of the whole table, as results carry it."""
    rows = "".join(f"{name} {row.hash}\n" for name, row in sorted(table().items()))
    return hashlib.sha256(rows.encode()).hexdigest()[:12]
