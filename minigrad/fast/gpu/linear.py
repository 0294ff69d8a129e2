"""Linear on a GPU: its products and sums go to cuBLAS directly, into memory that is not copied
again. It must equal `minigrad.ops.linalg.linear`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.fast.gpu.kernels import kernels_of
from minigrad.fast.gpu.products import FUNCTIONS
from minigrad.faster import faster
from minigrad.ops.linalg import linear


def fits_cublas(x: Array, weight: Array, bias: Any = None) -> bool:
    """Whether these are rows, a matrix and a bias of one dtype, each in one piece of memory."""
    arrays = (x, weight) if bias is None else (x, weight, bias)
    for a in arrays:
        if type(a) is not type(x) or a.dtype != x.dtype or not a.flags.c_contiguous:
            return False
    if x.dtype.char not in FUNCTIONS or x.ndim == 0 or weight.ndim != 2:
        return False
    O, I = weight.shape
    return x.shape[-1] == I and (bias is None or bias.shape == (O,))


@faster(linear, device="cuda", when=fits_cublas)
def linear_on_gpu(xp: XP, x: Array, weight: Array, bias: Any = None) -> RuleResult:
    """Y = X Wᵀ + b."""
    kernels = kernels_of(xp)
    products = kernels.products
    empty = kernels.cupy.empty
    dtype = x.dtype
    O, I = weight.shape
    *lead, _ = x.shape
    n = prod(lead)
    rows = x.reshape(n, I)
    y = empty((n, O), dtype)
    products.multiply(rows, weight, y, transpose_b=True)
    if bias is not None:
        y += bias

    def pullback(gs: Any, needs: Sequence[bool]) -> list[Array | None]:
        """∂X = ∂Y W,  ∂W = ∂Yᵀ X,  ∂b = Σ ∂Y over the rows."""
        dy = kernels.contiguous(gs[0], dtype).reshape(n, O)
        dx = dweight = dbias = None
        if needs[0]:
            dx = empty((n, I), dtype)
            products.multiply(dy, weight, dx)
            dx = dx.reshape(*lead, I)
        if needs[1]:
            dweight = empty((O, I), dtype)
            products.multiply(dy, rows, dweight, transpose_a=True)
        if bias is not None and needs[2]:
            dbias = products.sum_rows(dy)
        return [dx, dweight, dbias][: len(needs)]

    pullback.gives_new_arrays = True  # type: ignore[attr-defined]
    return y.reshape(*lead, O), pullback
