"""Random numbers: all are drawn on the host, from one source for each thread.

CuPy's generator has another stream and lacks half of the methods; and so a run on a GPU can be held against the same
run on a CPU.
"""

from __future__ import annotations

import threading

import numpy as np

local = threading.local()  # what one thread draws changes nothing in another


def generator() -> np.random.Generator:
    """The source of this thread's random numbers, made at first use: importing numpy.random takes a while."""
    return getattr(local, "generator", None) or manual_seed()


def manual_seed(seed: int | None = None) -> np.random.Generator:
    """Start this thread's random numbers again from `seed`; from somewhere if None, as in a thread without a seed."""
    local.generator = np.random.default_rng(seed)
    return generator()
