"""Whether w_hh of a layer fits a multiprocessor, and how it then lies there: see scan.cuh.

A multiprocessor has registers and shared memory; a number of w_hh may be in either. Registers come
first, since every thread reads its own at once. What does not fit is left to `recurrent.GpuScan`.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

WARP = 32  # threads that run together
PARTITIONS = 4  # of a multiprocessor; each has a quarter of the registers
MAX_THREADS = 1024  # of a block
MAX_REGISTERS = 248  # of a thread: 255, in steps of 8
OWN_SHARED = 1024  # bytes that CUDA takes of the shared memory of each block
# registers of a thread besides those of w_hh, by `nvcc -Xptxas -v`: with fewer some numbers spill
OTHER_REGISTERS = {4: 56, 8: 112}  # by the bytes of a number
ROWS = 4, 2, 1  # sequences of a block


class Limits(NamedTuple):
    """What a device has."""

    multiprocessors: int
    registers: int  # of a multiprocessor, of 32 bits
    shared_bytes: int  # of a block at most

    @classmethod
    def of(cls, cupy: Any) -> Limits:
        """Those of the current device."""
        # Device().attributes asks for all there are, of which a driver refuses some: errors that
        # compute-sanitizer counts.
        runtime = cupy.cuda.runtime
        names = "MultiProcessorCount", "MaxRegistersPerBlock", "MaxSharedMemoryPerBlockOptin"
        numbers = [getattr(runtime, f"cudaDevAttr{name}") for name in names]
        current = runtime.getDevice()
        return cls(*[runtime.deviceGetAttribute(number, current) for number in numbers])


class Fit(NamedTuple):
    """How w_hh (GATES · H, H) lies on a multiprocessor."""

    H: int
    GATES: int
    ROWS: int  # sequences of a block
    PER_THREAD: int  # sequences that a thread multiplies by its row of w_hh
    HELD: int  # numbers of a row in registers; the others are in shared memory
    MIN_BLOCKS: int  # blocks that a multiprocessor runs at a time
    shared_bytes: int

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.ROWS // self.PER_THREAD * self.GATES * self.H

    def constants(self) -> dict[str, int]:
        """What is defined before scan.cuh."""
        found = self._asdict()
        del found["shared_bytes"]
        return found


def shared_bytes(H: int, gates: int, rows: int, held: int, itemsize: int) -> int:
    """The shared memory of a block: the rest of w_hh, then u, and h or part, of each sequence.

    The way back needs most: ∂u (ROWS,K) and part (GATES,ROWS,H).
    """
    K = gates * H
    return itemsize * ((H - held) * K + 2 * rows * K)


def registers_of_a_thread(threads: int, registers: int) -> int:
    """How many a thread can have where so many threads share a multiprocessor.

    >>> [registers_of_a_thread(threads, 65536) for threads in (256, 512, 576)]
    [248, 128, 96]
    """
    warps = -(-threads // WARP)
    warps_of_a_partition = -(-warps // PARTITIONS)
    each = registers // PARTITIONS // WARP // warps_of_a_partition
    return min(MAX_REGISTERS, each // 8 * 8)


def numbers_held(H: int, threads: int, itemsize: int, registers: int) -> int:
    """How many numbers of its row of w_hh a thread can hold; 0 or less: none."""
    free = registers_of_a_thread(threads, registers) - OTHER_REGISTERS[itemsize]
    held = free // (itemsize // 4)
    return H if held >= H else held // 4 * 4


def sequences_of_a_thread(rows: int, gates: int) -> int:
    """The most that divide `rows`, and leave a thread for each unit of each sequence."""
    return max([n for n in ROWS if rows % n == 0 and n <= gates])


@functools.cache
def fit(gates: int, H: int, itemsize: int, sequences: int, limits: Limits) -> Fit | None:
    """How w_hh (gates · H, H) fits a multiprocessor; None where it does not.

    sequences: those of all directions. So many are in one block that there is a block for each
    multiprocessor, and up to 4, if they fit.
    """
    wanted = -(-sequences // limits.multiprocessors)
    enough = [rows for rows in ROWS if rows >= wanted]
    most = min(enough, default=ROWS[0])
    for rows in [rows for rows in ROWS if rows <= most]:
        per_thread = sequences_of_a_thread(rows, gates)
        threads = rows // per_thread * gates * H
        if threads > MAX_THREADS:
            continue
        held = numbers_held(H, 2 * threads, itemsize, limits.registers)
        size = shared_bytes(H, gates, rows, H, itemsize)
        if held == H and 2 * (size + OWN_SHARED) <= limits.shared_bytes:
            return Fit(H, gates, rows, per_thread, H, 2, size)
        held = numbers_held(H, threads, itemsize, limits.registers)
        size = shared_bytes(H, gates, rows, held, itemsize)
        if held > 0 and size <= limits.shared_bytes:
            return Fit(H, gates, rows, per_thread, held, 1, size)
    return None
