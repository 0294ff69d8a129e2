"""Time on a GPU: of a whole call, of the host alone, and of the device alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

TIMES = 7  # calls of which the median counts
BUSY = """
extern "C" __global__ void busy(long long nanoseconds)
{
    unsigned long long start, now;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(start));
    do
        asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
    while (now - start < nanoseconds);
}
"""

Call = Callable[[], Any]


class Clock:
    """The clocks of a device. Both libraries use its default stream.

    cupy: the module, or what stands in for it.
    """

    def __init__(self, cupy: Any):
        self.cupy = cupy
        self.busy = cupy.RawKernel(BUSY, "busy")

    def seconds(self, call: Call, count: int) -> float:
        """Seconds of one call, from `count` of them between two events of the device."""
        start, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        start.record()
        for _ in range(count):
            call()
        end.record()
        end.synchronize()
        return float(self.cupy.cuda.get_elapsed_time(start, end)) / 1e3 / count

    def host(self, call: Call) -> float:
        """Seconds until the call returns, with an idle device: Python, and what it waits for."""
        times = []
        for _ in range(TIMES):
            self.wait()
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        self.wait()
        return statistics.median(times)

    def device(self, call: Call, host: float) -> float | None:
        """Seconds that the device takes for what a call launches, one thing after the other.

        The device is kept busy until all is launched. None where the call waits for the device,
        so that it cannot be launched ahead. host: the seconds that `host` found.
        """
        found = [self.device_once(call, host) for _ in range(TIMES)]
        times = [seconds for seconds in found if seconds is not None]
        return statistics.median(times) if times else None

    def device_once(self, call: Call, host: float) -> float | None:
        """`device`, from one call."""
        start, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        ahead = 2 * host + 1e-3
        self.wait()
        self.busy((1,), (1,), (int(ahead * 1e9),))
        start.record()
        call()
        end.record()
        is_ahead = not start.done
        end.synchronize()
        if not is_ahead:
            return None
        return float(self.cupy.cuda.get_elapsed_time(start, end)) / 1e3

    def wait(self) -> None:
        """Until the device is idle."""
        event = self.cupy.cuda.Event()
        event.record()
        event.synchronize()
