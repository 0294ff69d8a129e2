"""What rnn, lstm and gru by hand share: the order of reading, and the products of the gates.

T time, B batch, I input size, H hidden size, k gates. Step t reads one row of every sequence in the
batch. Without lengths that is x[t]. With lengths the sequences are sorted by falling length, so
that those that still run at step t are the first `active_rows[t]` rows, and the finished ones are
left as they are. `reverse` reads each sequence from its own end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.array import XP, Array
from minigrad.cells import Lengths


class ReadingOrder:
    """Which sequence and which time each step reads, and the inverse on the way back.

    lengths (B,): sequence b ends after lengths[b] steps; None: all have T.
    reverse: each sequence is read from its end to its start.

    active_rows: how many sequences run at each step.
    permutation: row j is sequence permutation[j] of the batch.
    times: at step t row j reads x at the time times[t, j].
    """

    def __init__(self, xp: XP, T: int, B: int, lengths: Lengths, reverse: bool):
        self.xp = xp
        self.has_lengths = lengths is not None
        # Without lengths: all rows at every step, in their own order, from one end to the other.
        self.active_rows = [B] * T
        self.permutation: Any = slice(None)
        self.times: Any = slice(None, None, -1 if reverse else 1)
        if lengths is not None:
            self.sort_by_length(np.asarray(lengths, dtype=np.int64), T, reverse)

    def sort_by_length(self, lengths: Array, T: int, reverse: bool) -> None:
        """The order in which the rows that still run are the first ones."""
        xp = self.xp
        permutation = np.argsort(-lengths, kind="stable")
        ends = lengths[permutation]  # (B,)
        t = np.arange(T)[:, None]  # (T,1)
        runs = t < ends  # (T,B)
        times = t  # (T,1), one time for all rows
        if reverse:
            times = np.where(runs, ends - 1 - t, t)  # (T,B)
        self.active_rows = runs.sum(axis=1).tolist()
        self.permutation = xp.asarray(permutation)
        self.times = xp.asarray(times)
        self.ends = xp.asarray(ends)
        self.runs = xp.asarray(runs)

    def steps(self) -> list[tuple[int, slice]]:
        """Each step t, with the rows that still run at it."""
        return [(t, slice(n)) for t, n in enumerate(self.active_rows)]

    def read(self, x: Array) -> Array:
        """x (T,B,·), from the order of time to that of reading; 0 where a sequence has finished."""
        if not self.has_lengths:
            return x[self.times]
        steps = x[self.times, self.permutation]
        return self.xp.where(self.runs[:, :, None], steps, self.xp.zeros((), dtype=x.dtype))

    def write(self, steps: Array) -> Array:
        """The inverse of `read`: (T,B,·), from the order of reading to that of time."""
        if not self.has_lengths:
            return steps[self.times]
        out = self.xp.empty(steps.shape, dtype=steps.dtype)
        out[self.times, self.permutation] = steps
        return out

    def read_state(self, state: Array) -> Array:
        """A state (B,H) of the batch, in the order of rows; memory of its own."""
        return self.xp.array(state[self.permutation])

    def states_from(self, initial: Array, dtype: Any) -> Array:
        """The states (T+1,B,H) from before step 0 to after the last; 0 but for the initial one."""
        states = self.xp.zeros((len(self.active_rows) + 1, *initial.shape), dtype=dtype)
        states[0] = initial[self.permutation]
        return states

    def write_state(self, state: Array) -> Array:
        """The inverse of `read_state`; memory of its own."""
        out = self.xp.empty(state.shape, dtype=state.dtype)
        out[self.permutation] = state
        return out

    def last(self, states: Array) -> Array:
        """The state (B,H) after the last step of each sequence, from the states (T+1,B,H)."""
        if not self.has_lengths:
            return self.write_state(states[-1])
        rows = self.xp.arange(len(self.ends))
        return self.write_state(states[self.ends, rows])


def gradient_or_zeros(xp: XP, g: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """The gradient of a value; zeros, which take no memory, where the value was not used."""
    if g is None:
        return xp.broadcast_to(xp.zeros((), dtype=dtype), shape)
    return g


def affine(xp: XP, x: Array, w: Array, b: Array) -> Array:
    """a = w x + b (n,kH) for each row of x (n,I)."""
    a = xp.matmul(x, w.T)
    return a if b is None else a + b


def blocks(a: Array, k: int) -> list[Array]:
    """The k blocks (n,H) of a (n,kH), one for each gate."""
    H = a.shape[1] // k
    return [a[:, i * H : (i + 1) * H] for i in range(k)]


def check_shapes(
    name: str,
    blocks: int,
    x: Array,
    states: list[Array],
    w_ih: Array,
    w_hh: Array,
    b_ih: Array,
    b_hh: Array,
    lengths: Lengths = None,
) -> None:
    """Raise ValueError if the arguments of rnn, lstm or gru do not fit together.

    blocks: how many gates the weights have.
    """
    if x.ndim != 3:
        raise ValueError(f"{name}: expected x (time, batch, input size), got {tuple(x.shape)}")
    if (b_ih is None) != (b_hh is None):
        raise ValueError(f"{name}: expected b_ih and b_hh both, or None for both")
    _, B, I = x.shape
    H = w_hh.shape[-1]
    K = blocks * H
    expected: list[Any] = [(key, state, (B, H)) for key, state in zip(("h0", "c0"), states)]
    expected += [("w_ih", w_ih, (K, I)), ("w_hh", w_hh, (K, H))]
    if b_ih is not None:
        expected += [("b_ih", b_ih, (K,)), ("b_hh", b_hh, (K,))]
    for key, array, shape in expected:
        if array.shape != shape:
            raise ValueError(f"{name}: expected {key} {shape}, got {array.shape}")
    if lengths is not None and len(lengths) != B:
        raise ValueError(f"{name}: expected {B} lengths, got {len(lengths)}")
