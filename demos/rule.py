"""The rule by which every comparison of the ledger is judged.

Runs are paired by seed: both sides of a pair have the same data and, where they share them, the
same initial values and order. Judged is the mean of the paired differences.

Interval: Student's t of the paired differences. At five pairs a percentile bootstrap covers the
truth too rarely (it never leaves the five values), and a signed-rank interval at 95 % needs six
pairs, at the level of one look nine; of the tests that Colas et al. (2018) compare, the t-test
keeps its error rate best where runs are few. Equal networks make differences that are symmetric
about 0, which is where it errs on the safe side; tests/test_rule.py counts how often it errs.

Stopping: a comparison is looked at with 5, 10, 20 and 30 pairs at most, and gets more only while
it is undecided. Each look has a quarter of the 5 %, so that all four intervals hold the truth in
95 of 100 comparisons, whatever makes one stop (Bonferroni over the looks). Between looks the last
one counts.

Spread: runs that agree to the last digit, all right or all wrong, do not prove that the next will.
The standard deviation is taken to be at least half the smallest effect that matters, and "alike"
needs ten pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

LOOKS = (5, 10, 20, 30)
ERROR = 0.05
LEVEL = 1 - ERROR / len(LOOKS)  # of the interval of one look
ALIKE_FROM = 10  # pairs
LEAST_SPREAD = 0.5  # of the smallest effect
HOLDS, FAILS, ALIKE, UNDECIDED = "holds", "does not hold", "alike", "undecided"
DIRECTIONS = ("greater", "less", "alike")


@dataclass(frozen=True)
class Judged:
    """What the rule says of one comparison.

    n: pairs of the last look; estimate, low, high: the mean difference a - b and its interval;
    wins: the chance that a run of the side that is claimed to be ahead beats its partner, equal
    ones counted half; p: of no difference, or for "alike" of a difference that matters, corrected
    for the looks.
    """

    verdict: str
    n: int
    estimate: float
    low: float
    high: float
    wins: float
    p: float


def look(pairs: int) -> int:
    """How many of so many pairs the last look takes; 0 before the first."""
    return max((n for n in LOOKS if n <= pairs), default=0)


def next_look(pairs: int) -> int:
    """The number of pairs of the next look; that of the last one, where there is none."""
    return next((n for n in LOOKS if n > pairs), LOOKS[-1])


def judge(differences: ArrayLike, effect: float, direction: str) -> Judged:
    """Judge paired differences a - b, in the order of their seeds.

    effect: the smallest difference that matters, above 0. direction: "greater", "less" or "alike",
    what is claimed of a against b. Before the first look the numbers are those of all pairs.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction: expected one of {', '.join(DIRECTIONS)}, got {direction!r}")
    if not 0 < effect < math.inf:
        raise ValueError(f"effect: expected a number above 0, got {effect!r}")
    values = np.asarray(differences, dtype=float)
    n = look(len(values)) or len(values)
    values = values[:n]
    estimate = float(values.mean())
    sign = -1 if direction == "less" else 1
    wins = float(np.mean((sign * values > 0) + 0.5 * (values == 0)))
    if n < 2:
        return Judged(UNDECIDED, n, estimate, -math.inf, math.inf, wins, 1.0)
    spread = max(float(values.std(ddof=1)), LEAST_SPREAD * effect)
    error = spread / math.sqrt(n)
    low, high = map(float, stats.t.interval(LEVEL, n - 1, estimate, error))
    p = p_value(estimate, error, n, effect, direction)
    if len(values) < LOOKS[0]:
        return Judged(UNDECIDED, n, estimate, low, high, wins, p)
    verdict = verdict_of(sign * estimate, *sorted((sign * low, sign * high)), n, effect, direction)
    return Judged(verdict, n, estimate, low, high, wins, p)


def verdict_of(
    estimate: float, low: float, high: float, n: int, effect: float, direction: str
) -> str:
    """The verdict, from numbers of which those above 0 speak for the claimed side."""
    within = -effect < low and high < effect and n >= ALIKE_FROM
    if direction == "alike":
        apart = (low > 0 or high < 0) and abs(estimate) >= effect
        if within:
            return HOLDS
        return FAILS if apart else UNDECIDED
    if low > 0 and estimate >= effect:
        return HOLDS
    if within:
        return ALIKE
    return FAILS if high < effect else UNDECIDED


def p_value(estimate: float, error: float, n: int, effect: float, direction: str) -> float:
    """Two-sided, of no difference; for "alike" the greater of the two one-sided ones of a
    difference as large as the effect (Schuirmann 1987). Times the number of looks, at most 1."""
    if direction == "alike":
        single = stats.t.sf((effect - abs(estimate)) / error, n - 1)
    else:
        single = 2 * stats.t.sf(abs(estimate) / error, n - 1)
    return min(1.0, float(single) * len(LOOKS))


def holm(p: Sequence[float]) -> np.ndarray[Any, Any]:
    """p-values corrected for their number (Holm 1979), in the order given.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=float)
    order = np.argsort(values)
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def power(spread: float, n: int, times: float = 2.0) -> float:
    """The chance that n pairs show a difference of `times` the smallest effect, where the paired
    differences have a standard deviation of `spread` smallest effects and are normal."""
    spread = max(spread, LEAST_SPREAD)
    critical = float(stats.t.ppf((1 + LEVEL) / 2, n - 1))
    return float(stats.nct.sf(critical, n - 1, times * math.sqrt(n) / spread))
