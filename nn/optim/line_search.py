"""A line search: how far to go along one direction. It knows no parameters, only φ, the loss along
the direction as a function of the step t, and its slope φ'.

The strong Wolfe conditions on a step t (Nocedal & Wright, Numerical Optimization, 2nd ed.):

    φ(t) ≤ φ(0) + c1 t φ'(0)        the loss falls enough      (3.7a, 3.6a)
    |φ'(t)| ≤ c2 |φ'(0)|            and its slope flattens     (3.7b)

`strong_wolfe` first looks for an interval that has such steps (algorithm 3.5), then narrows it
(algorithm 3.6). Which steps are tried, and the constants, are those of PyTorch's LBFGS.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

C1 = 1e-4
C2 = 0.9
LEAST_GROWTH, MOST_GROWTH = 0.01, 10  # of the next step, while there is no interval yet
MARGIN = 0.1  # of an interval, at its ends: two trials in a row in there would narrow it too little


class Point(NamedTuple):
    """What is known at a step: φ(t), φ'(t), and the gradient, for whoever evaluates φ."""

    t: float
    value: float
    slope: float
    gradient: Any


Phi = Callable[[float], Point]


def strong_wolfe(
    phi: Phi, start: Point, t: float, *, tolerance: float, most_rounds: int
) -> tuple[Point, int]:
    """A point whose step meets the strong Wolfe conditions, and how often phi was called.

    start: the point at step 0, whose slope is below 0. t: the first step to try. After most_rounds
    + 1 calls, or where the interval is narrower than tolerance, it is the lowest end of the
    interval, and that may be the start. A point that is not finite counts as infinitely high.
    """

    def finite_phi(t: float) -> Point:
        point = phi(t)
        is_finite = math.isfinite(point.value) and math.isfinite(point.slope)
        return point if is_finite else point._replace(value=math.inf, slope=math.nan)

    ends, rounds = bracket(finite_phi, start, t, most_rounds)
    calls = rounds + 1
    if len(ends) == 1:
        return ends[0], calls
    point, more_calls = zoom(finite_phi, start, ends, tolerance, most_rounds - rounds)
    return point, calls + more_calls


def bracket(phi: Phi, start: Point, t: float, most_rounds: int) -> tuple[list[Point], int]:
    """Algorithm 3.5: longer and longer steps, until the last two have steps between them that meet
    the conditions. Returns both ends, or only the point that meets them, and the count of rounds.

    Without such a pair after most_rounds, the ends are the start and the last point.
    """
    before = start
    point = phi(t)
    for rounds in range(most_rounds):
        is_higher = rounds > 1 and point.value >= before.value
        if is_higher or not falls_enough(point, start):
            return [before, point], rounds
        if is_flat(point, start):
            return [point], rounds
        if point.slope >= 0:
            return [before, point], rounds
        least = point.t + LEAST_GROWTH * (point.t - before.t)
        t = lowest_of_cubic(before, point, least, MOST_GROWTH * point.t)
        before = point
        point = phi(t)
    return [start, point], most_rounds


def zoom(
    phi: Phi, start: Point, ends: list[Point], tolerance: float, most_rounds: int
) -> tuple[Point, int]:
    """Algorithm 3.6: a step between the ends takes the place of one of them, until one meets the
    conditions. Returns the lower end, and how often phi was called.

    The lower end always has a slope down towards the other.
    """
    ends = list(ends)
    low = lower(ends)
    was_in_margin = False
    for rounds in range(most_rounds):
        left, right = sorted([ends[0].t, ends[1].t])
        if right - left < tolerance:
            return ends[low], rounds
        t = lowest_of_cubic(ends[0], ends[1], left, right)
        t, was_in_margin = away_from_ends(t, left, right, was_in_margin)
        point = phi(t)
        high = 1 - low
        if point.value >= ends[low].value or not falls_enough(point, start):
            ends[high] = point
            low = lower(ends)
            continue
        if is_flat(point, start):
            return point, rounds + 1
        if point.slope * (ends[high].t - ends[low].t) >= 0:
            ends[high] = ends[low]
        ends[low] = point
    return ends[low], most_rounds


def falls_enough(point: Point, start: Point) -> bool:
    """The condition of sufficient decrease (3.6a); a small c1 asks for little."""
    return point.value <= start.value + C1 * point.t * start.slope


def is_flat(point: Point, start: Point) -> bool:
    """The strong condition on the slope (3.7b)."""
    return abs(point.slope) <= -C2 * start.slope


def lower(ends: list[Point]) -> int:
    """The place of the lower end, 0 if they are equally high."""
    return 0 if ends[0].value <= ends[1].value else 1


def away_from_ends(t: float, left: float, right: float, was_in_margin: bool) -> tuple[float, bool]:
    """A step, moved to the nearest place outside of the margins if it is an end, or if the last one
    was in a margin, too; and whether this one stays in a margin.
    """
    margin = MARGIN * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if left < t < right and not was_in_margin:
        return t, True
    if abs(t - right) < abs(t - left):
        return right - margin, False
    return left + margin, False


def lowest_of_cubic(a: Point, b: Point, least: float, most: float) -> float:
    """Where the cubic through two points with their slopes is lowest (3.59), from least to most;
    their middle where it has no minimum, or a value is not finite.
    """
    left, right = sorted([a, b], key=lambda point: point.t)
    slope_left = np.float64(left.slope)
    slope_right = np.float64(right.slope)
    width = np.float64(right.t - left.t)
    with np.errstate(all="ignore"):  # two infinities, or a straight line: 1 / 0 is "far away"
        d1 = slope_left + slope_right - 3 * (right.value - left.value) / width
        d2 = np.sqrt(d1 * d1 - slope_left * slope_right)
        share = (slope_right + d2 - d1) / (slope_right - slope_left + 2 * d2)
        lowest = float(right.t - width * share)
    if math.isnan(lowest):
        return (least + most) / 2
    return min(max(lowest, least), most)
