"""The clipping of gradients on a GPU: three launches for all of them. The formulas are those of
nn.utils."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.array import NAMESPACES, Array
from minigrad.fast.gpu.kernels import Kernels, kernels_of
from minigrad.fast.gpu.products import FUNCTIONS
from minigrad.fast.gpu.source import BY_BLOCKS, Kernel
from minigrad.faster import faster

SQUARES = Kernel("gradients.cu", "squares", BY_BLOCKS)
ROOT = Kernel("gradients.cu", "root_of_sum", BY_BLOCKS)
SCALE = Kernel("gradients.cu", "scale", BY_BLOCKS)
BLOCKS = 128  # that share the numbers of a table


def are_one_kind(grads: Sequence[Array], *settings: Any) -> bool:
    """Whether a table can hold all of them: contiguous, of one dtype that has a kernel."""
    dtype = grads[0].dtype
    if dtype.char not in FUNCTIONS:
        return False
    return all([g.dtype == dtype and g.flags.c_contiguous for g in grads])


def has_kernel(grads: Sequence[Array], norm_type: float) -> bool:
    """Whether this norm of these gradients has one."""
    return norm_type == 2 and are_one_kind(grads)


def kernels_and_rows(grads: Sequence[Array]) -> tuple[Kernels, list[tuple[Any, ...]]]:
    """What runs kernels, and the rows of a table: number, p, g, where p is not looked at."""
    kernels = kernels_of(NAMESPACES[type(grads[0])])
    return kernels, [(number, g, g) for number, g in enumerate(grads)]


@faster("norm_of", device="cuda", when=has_kernel)
def norm_on_gpu(grads: Sequence[Array], norm_type: float) -> Array:
    """√ Σ g² over all of them."""
    kernels, rows = kernels_and_rows(grads)
    dtype = grads[0].dtype
    tables = list(kernels.tables_of(rows))
    parts = kernels.cupy.empty((len(tables), BLOCKS), dtype)
    for part, (total, table) in zip(parts, tables):
        kernels.launch_sum(SQUARES, dtype, BLOCKS, total, part, table)
    norm = kernels.cupy.empty((), dtype)
    kernels.launch_sum(ROOT, dtype, 1, parts.size, norm, parts)
    return norm


@faster("scale_all", device="cuda", when=are_one_kind)
def scale_on_gpu(grads: Sequence[Array], norm: Array, max_norm: float) -> None:
    """g *= min(1, max_norm / (norm + 1e-6)) for each."""
    kernels, rows = kernels_and_rows(grads)
    norm = kernels.cupy.asarray(norm, grads[0].dtype)
    kernels.launch_for_each_parameter(SCALE, rows, [], norm, max_norm)
