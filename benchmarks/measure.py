"""How a workload is measured: the results must agree, then the contestants take turns.

Turns, so that a machine that gets slower harms all alike; and the ratio of two contestants is taken
within a round.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

OURS, REFERENCE = "minigrad", "PyTorch"
GEMMS = "GEMMs"  # its matrix products alone, through NumPy
# seconds. After a product the threads of a BLAS spin for a while, and would take a core from the
# next one
REST = 0.03
SLOW = 0.5  # seconds. A call as long as this warms itself up


@dataclass
class Contest:
    """One workload, set up.

    contestants: name -> a call that does the work once and returns its results by name, or a number
    to report. checks: what to call instead where results are held to one another, if the work
    itself draws random numbers. unit: of the values. returned: the calls measure themselves and
    return the value; otherwise they are timed. per: of how many pieces one call consists; the value
    is that of one. gemms: the matrix products of the work alone. moved: bytes that it must read or
    write, whatever the program. tolerance: largest difference allowed, as a share of the largest
    number in an array.
    """

    contestants: dict[str, Callable[[], Any]]
    checks: dict[str, Callable[[], Any]] | None = None
    unit: str = "s"
    returned: bool = False
    per: int = 1
    gemms: Callable[[], Any] | None = None
    moved: int | None = None
    tolerance: float = 2e-4


@dataclass
class Case:
    """A workload by name, and the function that sets it up. x: its place on the curve `name`, where
    there is one."""

    group: str
    name: str
    contest: Callable[[], Contest]
    x: int | None = None

    @property
    def title(self) -> str:
        return f"{self.group} {self.name}" + ("" if self.x is None else f" = {self.x}")


@dataclass(frozen=True)
class Effort:
    """rounds: turns of each contestant. seconds: how long a turn lasts at least."""

    rounds: int = 7
    seconds: float = 0.15


class Disagreement(AssertionError):
    """A contestant's result is not what the others found, so that its time would mean nothing."""


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """A tensor of any of the libraries, or a number, as a float64 array."""
    value = value.detach() if hasattr(value, "detach") else value
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value, dtype=np.float64)


def agree(name: str, results: Any, reference: str, wanted: Any, tolerance: float) -> None:
    """Raise Disagreement where a result is missing, has another shape, or differs by more than
    `tolerance`."""
    if results.keys() != wanted.keys():
        raise Disagreement(f"{name} gives {sorted(results)}, and {reference} {sorted(wanted)}")
    for key, value in wanted.items():
        got, want = as_array(results[key]), as_array(value)
        if got.shape != want.shape:
            raise Disagreement(
                f"{key}: {name} gives shape {got.shape}, and {reference} {want.shape}"
            )
        scale = np.abs(want).max(initial=1e-6)
        error = np.abs(got - want).max(initial=0.0) / scale
        if not error <= tolerance:
            raise Disagreement(
                f"{key}: {name} and {reference} differ by {error:.1e} of the largest, {scale:.3g}"
            )


def verify(contest: Contest) -> None:
    """Hold the results of all contestants to those of the reference, PyTorch where it takes
    part."""
    calls = contest.checks or contest.contestants
    reference = REFERENCE if REFERENCE in calls else next(iter(calls))
    wanted = calls[reference]()
    for name, call in calls.items():
        if name != reference:
            agree(name, call(), reference, wanted, contest.tolerance)


def timed(call: Callable[[], Any], seconds: float, warm: bool) -> list[float]:
    """How long each call took, for at least `seconds`."""
    gc.collect()
    # the collector looks at what these calls leave behind, and not at all the libraries in this
    # process
    gc.freeze()
    if warm:
        call()
    times: list[float] = []
    began = now = time.perf_counter()
    while not times or now - began < seconds:
        call()
        before, now = now, time.perf_counter()
        times.append(now - before)
    gc.unfreeze()
    return times


def turns(
    calls: dict[str, Callable[[], Any]], rounds: int
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each contestant once a round, and each round begins with another."""
    names = list(calls)
    for r in range(rounds):
        for name in names[r % len(names) :] + names[: r % len(names)]:
            yield name, calls[name]


def measure(contest: Contest, effort: Effort) -> dict[str, Any]:
    """Median and quartiles of each contestant, and of its ratio to the reference.

    Raises Disagreement before anything is timed.
    """
    calls = dict(contest.contestants)
    samples: dict[str, list[list[float]]] = {name: [] for name in calls}
    if contest.returned:
        for name, call in turns(calls, effort.rounds):
            samples[name].append([call()])
    else:
        verify(contest)
        if contest.gemms:
            calls[GEMMS], samples[GEMMS] = contest.gemms, []
        for name, call in turns(calls, effort.rounds):
            time.sleep(REST)
            slow = bool(samples[name]) and samples[name][-1][0] > SLOW
            samples[name].append(timed(call, effort.seconds, warm=not slow))
    middles = {
        name: np.array([np.median(turn) for turn in found]) for name, found in samples.items()
    }
    row: dict[str, Any] = {"unit": contest.unit, "moved": contest.moved}
    row["values"] = {
        name: quartiles(np.concatenate(found) / contest.per) for name, found in samples.items()
    }
    if REFERENCE in middles:
        row["ratios"] = {
            name: quartiles(middle / middles[REFERENCE]) for name, middle in middles.items()
        }
    return row


def quartiles(values: Any) -> dict[str, float]:
    low, middle, high = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    return {"median": middle, "low": low, "high": high}
