"""`torch.utils.benchmark`: how long a statement takes."""

from __future__ import annotations

import statistics
import timeit
from typing import Any

__all__ = ["Measurement", "Timer"]


class Measurement:
    """The seconds that some runs of a statement took, each of `number_per_run` executions."""

    def __init__(self, number_per_run: int, raw_times: list[float], stmt: str):
        self.number_per_run, self.raw_times, self.stmt = number_per_run, raw_times, stmt

    @property
    def times(self) -> list[float]:
        """The seconds of one execution, by each run."""
        return [time / self.number_per_run for time in self.raw_times]

    @property
    def mean(self) -> float:
        """Their mean."""
        return statistics.mean(self.times)

    @property
    def median(self) -> float:
        """Their median."""
        return statistics.median(self.times)

    def __repr__(self) -> str:
        runs = f"{len(self.raw_times)} runs of {self.number_per_run} executions"
        return f"{self.stmt}\n  Median: {self.median * 1e6:.2f} us\n  {runs}"


class Timer:
    """Times `stmt`, a line of Python, with the names in `globals`, by Python's own timeit.

    The other arguments say what PyTorch prints, and how many threads it takes: they have no effect.
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Any = timeit.default_timer,
        globals: dict[str, Any] | None = None,
        **description: Any,
    ):
        self.stmt = stmt
        self.timer = timeit.Timer(stmt, setup, timer, globals)

    def timeit(self, number: int = 1000000) -> Measurement:
        """The time of one run of `number` executions."""
        return Measurement(number, [self.timer.timeit(number)], self.stmt)

    def blocked_autorange(self, callback: Any = None, min_run_time: float = 0.2) -> Measurement:
        """Runs of as many executions as take 0.2 seconds, until min_run_time has passed."""
        number, time = self.timer.autorange()
        times = [time]
        while sum(times) < min_run_time:
            times.append(self.timer.timeit(number))
        return Measurement(number, times, self.stmt)
