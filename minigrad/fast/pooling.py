"""Pooling by the maximum in blocks of samples that fit the cache: it passes over x many times.

It must equal `max_pool` of minigrad.byhand, which does each block.
"""

from __future__ import annotations

from typing import Any

from minigrad.array import Array
from minigrad.byhand.pooling import max_pool as by_hand
from minigrad.fast.blocks import blocks
from minigrad.faster import faster

CACHE = 2**18  # bytes: of a block, of which as many are read and written at once


def is_large(x: Any, *, kernel: tuple[int, ...] = (1,), **settings: Any) -> bool:
    """Whether x (B,..) has more than one sample, and is more than a block."""
    return bool(x.nbytes > CACHE and x.ndim > len(kernel) and len(x) > 1)


@faster("max_pool", when=is_large)
def max_pool(xp: Any, x: Array, **settings: Any) -> Any:
    """The value of minigrad.byhand.max_pool, and its pullback."""
    B = len(x)
    samples = blocks(B, x.nbytes // B, CACHE)
    values = []
    pulls = []
    for block in samples:
        value, (pull,) = by_hand.rule(xp, x[block], **settings)
        values.append(value)
        pulls.append(pull)

    def dx(g: Array) -> Array:
        parts = [pull(g[block]) for pull, block in zip(pulls, samples, strict=True)]
        return xp.concatenate(parts)

    return xp.concatenate(values), (dx,)
