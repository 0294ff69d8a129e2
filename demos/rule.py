"""The rule by which every comparison of the ledger is judged.

Runs are paired by seed: both sides of a pair have the same data and, where they share them, the
same initial values and order. The verdict rests on the mean of the paired differences.

Interval: Student's t of the paired differences. At five pairs a percentile bootstrap covers the
truth too rarely (it never leaves the five values), and a signed-rank interval at 95 % needs six
pairs, at the level of one look eight; of the tests that Colas et al. (2018) compare, the t-test
keeps its error rate best where runs are few.

What the interval assumes: differences that are not lopsided. Those of equal networks are symmetric
about 0, and there it errs on the safe side. Where one side occasionally ends far behind, few pairs
may miss that, and no interval of few pairs can show it: n pairs, none of which ended so, are
compatible with a share of up to `unseen(n)`. tests/test_rule.py counts how often the rule errs in
both cases, and RESULTS.md reports it.

Stopping: a comparison is looked at with 5, 10, 20 and 30 pairs at most, and gets more only while
another look is due: it is undecided, or does not hold because both sides are near each other, with
fewer pairs than "alike" needs. Each look gets a quarter of the 5 %, so that all four intervals
contain the truth in 95 of 100 comparisons, whatever the reason to stop (Bonferroni over the looks).
Between looks, the last one counts.

Spread: runs that agree to the last digit, all right or all wrong, do not prove that the next one
will. The standard deviation is taken to be at least half the smallest effect that matters. With
that, the interval of five equal pairs is just within the band of differences that do not matter;
"alike" needs ten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special  # scipy.stats takes a second to import

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
    spread = believed_spread(values, effect)
    p = p_value(estimate, spread / math.sqrt(n), n, effect, direction)
    low, high, verdict = decide(estimate, spread, n, effect, direction)
    if n < LOOKS[0]:
        verdict = UNDECIDED
    return Judged(verdict, n, estimate, low, high, wins, p)


def believed_spread(values: np.ndarray[Any, Any], effect: float) -> float:
    """The standard deviation, which is not believed to be less than LEAST_SPREAD effects."""
    return max(float(values.std(ddof=1)), LEAST_SPREAD * effect)


def decide(
    estimate: float, spread: float, n: int, effect: float, direction: str
) -> tuple[float, float, str]:
    """Both ends of the interval of n pairs, and the verdict that they give."""
    half = float(special.stdtrit(n - 1, (1 + LEVEL) / 2)) * (spread / math.sqrt(n))
    low, high = estimate - half, estimate + half
    if direction == "less":
        return low, high, verdict_of(-estimate, -high, -low, n, effect, direction)
    return low, high, verdict_of(estimate, low, high, n, effect, direction)


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


def provisional(judged: Judged, effect: float) -> bool:
    """Whether a claim is said not to hold because both sides are near each other, at fewer pairs
    than it takes to call them alike."""
    near = -effect < judged.low and judged.high < effect
    return judged.verdict == FAILS and near and judged.n < ALIKE_FROM


def look_is_due(judged: Judged, effect: float) -> bool:
    """Whether a comparison gets more pairs, if it has not had them all."""
    return judged.verdict == UNDECIDED or provisional(judged, effect)


def pairs_to_decide(differences: ArrayLike, effect: float, direction: str, most: int) -> int | None:
    """How many pairs would decide it, at most `most`, if their mean and spread stayed as they are.
    None where so many would not."""
    values = np.asarray(differences, dtype=float)
    estimate, spread = float(values.mean()), believed_spread(values, effect)
    for n in range(len(values) + 1, most + 1):
        if decide(estimate, spread, n, effect, direction)[2] != UNDECIDED:
            return n
    return None


def unseen(n: int) -> float:
    """The share of all runs that may end otherwise although none of n did (at 95 %).

    >>> [round(unseen(n), 2) for n in LOOKS]
    [0.45, 0.26, 0.14, 0.1]
    """
    return float(1 - ERROR ** (1 / n))


def p_value(estimate: float, error: float, n: int, effect: float, direction: str) -> float:
    """Two-sided, of no difference; for "alike" the greater of the two one-sided ones of a
    difference as large as the effect (Schuirmann 1987). Times the number of looks, at most 1."""
    if direction == "alike":
        single = special.stdtr(n - 1, (abs(estimate) - effect) / error)
    else:
        single = 2 * special.stdtr(n - 1, -abs(estimate) / error)
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
    critical = float(special.stdtrit(n - 1, (1 + LEVEL) / 2))
    return 1 - float(special.nctdtr(n - 1, times * math.sqrt(n) / spread, critical))
