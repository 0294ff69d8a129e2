"""CUDA: the kernels (*.cu), what launches them, and the faster versions that they are part of.

`extend` is called where device="cuda" is first used. What CuPy does differently from NumPy, and
where it is dealt with:

- An index out of range wraps: `Kernels.check_index` finds it, and it is raised later.
- Of places named twice in x[i] += g one wins: `add_at` in minigrad.array, and `embedding` for the
  rows of a table, add by atomic additions.
- float(x), a mask as an index and nonzero wait: none is in a training step; a test counts them.
- A reduction gives an array, also of 0-d, on a CPU a number: rules take both.
- Arrays of the host are no operands: minigrad.diagnosis names both devices, and .to(...).
- An array is no index of a list and no range: Tensor.__index__ brings it to the host.
- np.asarray(x) is refused: `to_numpy` in minigrad.array is the way to the host.
- Generator lacks normal, permutation and shuffle: minigrad.random draws on the host; dropout.cu
  draws masks.
- errstate is missing, and nothing ever warns: no rule divides by 0 on purpose.
- Results may be in another order in memory: kernels are given contiguous arrays.
- matmul is refused while a graph is captured, and slow to call: `Products` calls cuBLAS itself.
- stack first makes a view of each part, which takes longer than the copies: words.py leaves it out.
- A sum over a long first axis takes many times as long as it should: `Products.sum` is a product.
"""

from __future__ import annotations

from typing import Any


def extend(backend: Any, host_fault: Any = None, cublas: Any = None) -> None:
    """Let a device that CuPy opened run kernels, and find out-of-range ids without waiting for it.

    host_fault: one integer in memory that host and device share; made here if None.
    cublas: the library; loaded here, if it can be, where `host_fault` is None.
    """
    # Imported here, since minigrad.fast is imported also where no GPU is used.
    import numpy as np

    from minigrad.fast.gpu import (
        both,
        cross_entropy,
        dropout,
        embedding,
        gradients,
        gru,
        linear,
        lstm,
        optimizers,
        rnn,
        words,
    )
    from minigrad.fast.gpu.kernels import Kernels
    from minigrad.fast.gpu.products import load_cublas

    if host_fault is None:
        import cupyx

        # Addresses are unified: a kernel writes to it as the host does.
        host_fault = cupyx.zeros_pinned(1, np.int64)
        cublas = load_cublas()
    kernels = Kernels(backend.module, host_fault, cublas)
    backend.download = kernels.download
    vars(backend.xp).update(
        kernels=kernels, check_bounds=kernels.check_bounds, check_index=kernels.check_index
    )
    embedding.extend_add_at(backend.xp, kernels)
    words.extend_stack(backend)
    vars(backend.xp).update(sum=kernels.products.sum, matmul=kernels.products.matmul)
