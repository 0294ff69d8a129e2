"""The mask of dropout, drawn on a GPU. Its distribution must equal that of
`minigrad.random.draw_on_host`.
"""

from __future__ import annotations

from minigrad.array import NAMESPACES, Array
from minigrad.fast.gpu.kernels import kernels_of
from minigrad.fast.gpu.source import Kernel
from minigrad.faster import faster
from minigrad.random import generator

DRAW_MASK = Kernel("dropout.cu", "draw_mask")


@faster("dropout_mask", device="cuda")
def draw_on_gpu(x: Array, shape: tuple[int, ...], p: float) -> Array:
    """The kernel's numbers are a function of 64 bits from the host: so `manual_seed` fixes the
    masks here too.
    """
    kernels = kernels_of(NAMESPACES[type(x)])
    scale = 1 / ((1 - p) or 1)
    key = int(generator().integers(2**63))
    mask = kernels.cupy.empty(shape, x.dtype)
    kernels.launch(DRAW_MASK, x.dtype, mask.size, mask, key, float(p), scale)
    return mask
