"""Rows added to a matrix by number: the gradient of an embedding.

It must equal `add_at` of minigrad.array. NumPy's ufunc.at takes one number at a time. Sorted by row
number, all that goes to one row is one sum. Blocks of rows are sorted one after the other, since a
sorted copy of all of them would leave the cache: 3.9 ms for 24 ms (50,000 rows of 64).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.array import Array, Backend
from minigrad.fast.blocks import blocks

FEW = 2048  # numbers that NumPy's ufunc.at has added before they would be sorted
RADIX_SORTED = 2**16  # NumPy sorts 16-bit integers by radix
BLOCK = 2**19  # bytes of rows that are sorted at a time


def extend(backend: Backend) -> None:
    """Replace the word `add_at` of the CPU's namespace."""
    plain_add_at = backend.xp.add_at

    def add_at(out: Array, index: Any, g: Array) -> None:
        """out[index] += g, where a place that is named twice gets both."""
        is_integer_array = isinstance(index, np.ndarray) and index.dtype.kind == "i"
        if is_integer_array and out.ndim == 2 and g.size > FEW:
            ids = index.ravel() % len(out)  # -1 is the last row
            add_rows(out, ids, g.reshape(index.size, out.shape[1]))
        else:
            plain_add_at(out, index, g)

    vars(backend.xp)["add_at"] = add_at


def add_rows(out: Array, ids: Array, rows: Array) -> None:
    """out[ids[k]] += rows[k] for each k. out (N,D), ids (n,) in [0, N), rows (n,D)."""
    for block in blocks(len(ids), rows.shape[1] * rows.itemsize, BLOCK):
        add_sorted(out, ids[block], rows[block])


def add_sorted(out: Array, ids: Array, rows: Array) -> None:
    """`add_rows` of at least one row, with one sum for each number that occurs."""
    keys = ids.astype("uint16") if len(out) < RADIX_SORTED else ids
    order = np.argsort(keys, kind="stable")
    ids = ids[order]
    rows = np.take(rows, order, axis=0)
    is_first = np.concatenate([np.ones(1, bool), ids[1:] != ids[:-1]])
    starts = np.flatnonzero(is_first)
    out[ids[starts]] += np.add.reduceat(rows, starts, axis=0)
