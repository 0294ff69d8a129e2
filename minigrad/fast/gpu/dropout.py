"""The mask of dropout, drawn on a GPU. Its distribution must equal that of `minigrad.random.draw_on_host`."""

from __future__ import annotations

from minigrad.array import NAMESPACES, Array
from minigrad.fast.kernel import kernel
from minigrad.faster import faster
from minigrad.random import generator


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


@faster("dropout_mask", device="cuda")
def draw_on_gpu(x: Array, shape: tuple[int, ...], p: float) -> Array:
    """The kernel's numbers are a function of 64 bits from the host: so `manual_seed` fixes the masks here too."""
    kernels = vars(NAMESPACES[type(x)])["kernels"]
    scale = 1 / ((1 - p) or 1)
    key = int(generator().integers(2**63))
    mask = kernels.cupy.empty(shape, x.dtype)
    kernels.launch(draw_mask, x.dtype, mask.size, mask, key, float(p), scale)
    return mask
