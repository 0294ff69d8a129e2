"""Random numbers: all come from the host, from one source for each thread.

CuPy's generator has another stream and lacks half of the methods; and so a run on a GPU can be held against the same
run on a CPU. Only a mask of dropout is drawn on the GPU itself, from 64 bits of this source: so nothing is copied to
the device in a training step, and `manual_seed` and a checkpoint fix the masks there too.
"""

from __future__ import annotations

import threading

import numpy as np

from minigrad.array import NAMESPACES, Array, device_of, to_device
from minigrad.fast.kernel import kernel

local = threading.local()  # what one thread draws changes nothing in another


def generator() -> np.random.Generator:
    """The source of this thread's random numbers, made at first use: importing numpy.random takes a while."""
    return getattr(local, "generator", None) or manual_seed()


def manual_seed(seed: int | None = None) -> np.random.Generator:
    """Start this thread's random numbers again from `seed`; from somewhere if None, as in a thread without a seed."""
    local.generator = np.random.default_rng(seed)
    return generator()


@kernel("T *mask, long long key, T p, T scale")
def draw_mask() -> None:
    """
    // SplitMix64 (Steele, Lea & Flood 2014): its i-th number is a function of key and i, so no thread waits for another
    unsigned long long z = (unsigned long long)key + (unsigned long long)(i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    z ^= z >> 31;
    mask[i] = (z >> 40) * (T)(1.0 / 16777216) >= p ? scale : (T)0;
    """


def dropout_mask(x: Array, shape: tuple[int, ...], p: float) -> Array:
    """A mask of `shape` with the dtype and the place of x: 0 with probability p, else 1 / (1 - p)."""
    scale = 1 / ((1 - p) or 1)
    if kernels := vars(NAMESPACES[type(x)]).get("kernels"):
        mask, key = kernels.cupy.empty(shape, x.dtype), int(generator().integers(2**63))
        kernels.launch(draw_mask, x.dtype, mask.size, mask, key, float(p), scale)
        return mask
    mask = (generator().random(shape, dtype=np.float32) >= p).astype(x.dtype)
    mask *= scale
    return to_device(mask, device_of(x))
