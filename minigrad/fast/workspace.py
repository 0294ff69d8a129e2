"""Work arrays that are kept from one call to the next, in the place of `xp.empty`.

Fresh memory is paid for with a page fault every 4 kB, which costs more than the arithmetic on it.
"""

from __future__ import annotations

import math
import sys
import threading
from typing import Any

import numpy as np

from minigrad.array import XP, Array

MIN_SIZE = 2**12  # numbers; a smaller array costs more to look up than to make
MAX_IDLE_REQUESTS = 256  # an array that has served none of the last requests is let go


class Workspace(threading.local):
    """Work arrays, kept from one call to the next. Each thread has its own.

    Every view of an array holds a reference to it. So an array that only the pool refers to is
    free: neither a pullback nor a result reads it.
    """

    def __init__(self) -> None:
        self.pool: dict[Any, list[Array]] = {}  # dtype -> flat arrays
        self.last_request: dict[int, int] = {}  # id of an array -> the request that it last served
        self.requests = 0

    def empty(self, xp: XP, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised array: in the smallest free one of up to twice its size, or else new."""
        size = math.prod(shape)
        if size < MIN_SIZE or xp.ndarray is not np.ndarray:  # CuPy has a memory pool of its own
            return xp.empty(shape, dtype=dtype)
        self.requests += 1
        arrays = self.pool.setdefault(dtype, [])
        free = [
            array for array, count in zip(arrays, references(arrays)) if count == FREE_REFERENCES
        ]
        large_enough = [array for array in free if size <= len(array) <= 2 * size]
        if large_enough:
            chosen = min(large_enough, key=len)
        else:
            self.let_go(arrays, free)
            chosen = xp.empty(size * 5 // 4, dtype=dtype)  # untouched pages cost nothing
            arrays.append(chosen)
        self.last_request[id(chosen)] = self.requests
        return chosen[:size].reshape(shape)

    def let_go(self, arrays: list[Array], free: list[Array]) -> None:
        """Remove from the pool the free arrays that have served no request for long."""
        oldest = self.requests - MAX_IDLE_REQUESTS
        stale = {id(array) for array in free if self.last_request[id(array)] < oldest}
        arrays[:] = [array for array in arrays if id(array) not in stale]


def references(arrays: list[Array]) -> list[int]:
    """How many references there are to each array of a list."""
    return [sys.getrefcount(array) for array in arrays]


# The references of an array that only a list holds; versions of Python count differently.
FREE_REFERENCES = references([np.empty(0)])[0]

workspace = Workspace()
