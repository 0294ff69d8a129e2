"""An embedding on a GPU: one launch for the rows, and one that adds up their gradients. It must
equal `minigrad.ops.indexing.embedding`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.array import XP, Array, LazyScatter
from minigrad.autograd import RuleResult
from minigrad.fast.gpu.kernels import Kernels, kernels_of
from minigrad.fast.gpu.products import FUNCTIONS
from minigrad.fast.gpu.source import Kernel
from minigrad.faster import faster
from minigrad.ops.indexing import embedding

PICK = Kernel("embedding.cu", "pick_rows")
ADD = Kernel("embedding.cu", "add_rows")
NO_ROW = -1
OF_IDS = np.dtype(np.int64)


class Rows(NamedTuple):
    """An index of a matrix: where the rows of a gradient go."""

    ids: Array
    padding_idx: int  # the row that gets none; NO_ROW without one


def has_kernel(weight: Array, ids: Array, padding_idx: Any = None) -> bool:
    """Whether there is one for this table; the rule refuses the others, or picks by CuPy."""
    is_table = weight.dtype.char in FUNCTIONS and weight.ndim == 2 and weight.flags.c_contiguous
    is_row = padding_idx is None or type(padding_idx) is int
    return is_table and is_row and type(ids) is type(weight) and ids.dtype.kind == "i"


@faster(embedding, device="cuda", when=has_kernel)
def embedding_on_gpu(
    xp: XP, weight: Array, ids: Array, *, padding_idx: int | None = None
) -> RuleResult:
    """The kernels of embedding.cu."""
    kernels = kernels_of(xp)
    rows, width = weight.shape
    code = kernels.code_of_range("ids", f"rows 0 to {rows - 1}")
    shape = ids.shape
    ids = kernels.contiguous(ids, OF_IDS)
    out = kernels.cupy.empty((*shape, width), weight.dtype)
    arguments = out, weight, ids, width, rows, *kernels.fault_arguments, code
    kernels.launch(PICK, weight.dtype, out.size, *arguments)
    index = Rows(ids, NO_ROW if padding_idx is None else padding_idx)

    def pull(g: Array) -> LazyScatter:
        return LazyScatter(g, index, (rows, width))

    return out, (pull, None)


def extend_add_at(xp: XP, kernels: Kernels) -> None:
    """Let the word `add_at` of a namespace take `Rows` as an index."""
    plain_add_at = xp.add_at

    def add_at(out: Array, index: Any, g: Array) -> None:
        """out[index] += g, where a place that is named twice gets both."""
        if type(index) is not Rows:
            plain_add_at(out, index, g)
            return
        rows, width = out.shape
        g = kernels.contiguous(g, out.dtype)
        arguments = out, g, index.ids, width, rows, index.padding_idx
        kernels.launch(ADD, out.dtype, g.size, *arguments)

    xp.add_at = add_at
