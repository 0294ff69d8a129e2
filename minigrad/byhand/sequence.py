"""The order in which the rows of a batch are read: what rnn, lstm and gru share.

T time, B batch. Step t reads one row of every sequence in the batch. Without lengths that is x[t]. With lengths the
sequences stand in falling order of length, so that those that still run at step t are the first `active[t]` rows, and
the others are left alone. `reverse` reads each sequence from its own end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.array import XP, Array

Lengths = Sequence[int] | np.ndarray[Any, Any] | None


class ReadingOrder:
    """Which sequence and which time each step reads; the inverse on the way back.

    lengths (B,): sequence b ends after lengths[b] steps; None: all have T. reverse: from its end to its start.
    """

    def __init__(self, xp: XP, T: int, B: int, lengths: Lengths, reverse: bool):
        self.xp = xp
        self.has_lengths = lengths is not None
        self.active: list[int] = [B] * T  # how many sequences run at each step
        self.rows: Any = slice(None)  # row j of a step is sequence rows[j] of the batch
        self.times: Any = slice(
            None, None, -1 if reverse else 1
        )  # step t of row j reads time times[t, j]
        if lengths is None:
            return
        lengths = np.asarray(lengths, dtype=np.int64)
        by_length = np.argsort(-lengths, kind="stable")
        ends = lengths[by_length]
        t = np.arange(T)[:, None]
        runs = t < ends  # (T,B)
        times = np.where(runs, ends - 1 - t, t) if reverse else np.broadcast_to(t, (T, B))
        self.active = runs.sum(axis=1).tolist()
        self.rows = xp.asarray(by_length)
        self.times = xp.asarray(times)

    def read(self, x: Array) -> Array:
        """x (T,B,·), in the order of time, as step after step."""
        return x[self.times, self.rows]

    def write(self, steps: Array) -> Array:
        """The inverse of `read`: (T,B,·), step after step, in the order of time."""
        if not self.has_lengths:
            return steps[self.times]
        out = self.xp.empty_like(steps)
        out[self.times, self.rows] = steps
        return out

    def read_state(self, state: Array) -> Array:
        """A state (B,H) of the batch, in the order of rows; memory of its own."""
        return self.xp.array(state[self.rows])

    def write_state(self, state: Array) -> Array:
        """The inverse of `read_state`."""
        if not self.has_lengths:
            return state
        out = self.xp.empty_like(state)
        out[self.rows] = state
        return out
