"""A sequence laid out for products: what the fast rnn, gru and lstm share.

T time, B batch, I input size, H hidden size; K = H + 1 + I. In PyTorch's layout a state is (B,H)
and a gate is a strided slice of (B,kH). Here the batch comes last: a state is (H,B), and a gate is
one contiguous block of (kH,B). What step t reads is a column for each row of the batch, and all of
it goes into one product:

    s_t = [h_{t-1}; 1; x_t]  (K,B),     W = [w_hh  b  w_ih]  (kH,K) with b = b_ih + b_hh,

    a_t = W s_t,     ∂h_{t-1} = w_hhᵀ ∂a_t,     ∂x_t = w_ihᵀ ∂a_t,     ∂W = Σ_t ∂a_t s_tᵀ.

Backward, only ∂a_t and ∂h_t wait for one another. All else is computed for a chunk of steps at
once: as many as fit the cache, so that a small batch costs few calls, and a large one is still in
the cache where it is used. See benchmarks/LAYOUTS.md for what was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigrad.array import XP, Array
from minigrad.byhand.sequence import ReadingOrder
from minigrad.cells import Lengths
from minigrad.fast.workspace import workspace

CHUNK = 512  # columns of a chunk: one step at B = 512, 16 steps at B = 32


class ColumnSequence(ReadingOrder):
    """A sequence in the order of reading, a column for each row of the batch.

    inputs (T+1,K,B): s_t for each step; h0 and x are filled in, and h_t is to be written to
    `states[t + 1]`.
    """

    def __init__(self, xp: XP, x: Array, h0: Array, lengths: Lengths, reverse: bool, dtype: Any):
        T, B, I = x.shape
        H = h0.shape[1]
        super().__init__(xp, T, B, lengths, reverse)
        self.T, self.B, self.I, self.H = T, B, I, H
        self.dtype = dtype
        self.inputs = workspace.empty(xp, (T + 1, H + 1 + I, B), dtype)
        self.states = self.inputs[:, :H]  # (T+1,H,B)
        self.states[0] = h0[self.permutation].T
        self.inputs[:, H] = 1
        self.xs = self.inputs[:T, H + 1 :]  # (T,I,B)
        self.read_columns(x)
        self.chunk = max(1, min(T, CHUNK // max(1, B)))  # steps in a chunk

    def read_columns(self, x: Array) -> None:
        """x (T,B,I) into `xs`; a column that has ended is left as it was."""
        if not self.has_lengths:
            self.xs[...] = self.xp.swapaxes(x[self.times], 1, 2)
            return
        for t, n in enumerate(self.active_rows):
            self.xs[t, :, :n] = x[self.times[t, :n], self.permutation[:n]].T

    def outputs(self) -> Array:
        """All states h_1 ... h_T in the order of time: (T,B,H); 0 where a row has ended."""
        if not self.has_lengths:
            return self.write(self.xp.swapaxes(self.states[1:], 1, 2))
        out = self.xp.zeros((self.T, self.B, self.H), dtype=self.dtype)
        for t, n in enumerate(self.active_rows):
            out[self.times[t, :n], self.permutation[:n]] = self.states[t + 1, :, :n].T
        return out

    def last_columns(self, states: Array) -> Array:
        """The state (B,H) after the last step of each row, from the states (T+1,H,B)."""
        return self.last(self.xp.swapaxes(states, 1, 2))

    # Backward. A column keeps the gradient of its last state until its own last step is reached. A
    # chunk has as many columns as run at its first step: where one ends within the chunk, what it
    # has not read or computed is made 0 first.

    def zero_finished(self, steps: Array, first: int) -> None:
        """Zeros in the columns that have ended, for consecutive steps (m,·,n) from `first` on."""
        if self.has_lengths:
            for step, n in zip(steps, self.active_rows[first:]):
                step[:, n:] = 0

    def zero_finished_inputs(self, steps: slice, n: int) -> None:
        """The same for x_t and h_t, in the n columns of a chunk of steps."""
        self.zero_finished(self.xs[steps, :, :n], steps.start)
        self.zero_finished(self.states[1:][steps, :, :n], steps.start)

    def read_state_gradient(self, g: Array) -> Array:
        """The gradient (B,H) of a last state as (H,B), to be written to; zeros for None."""
        out = self.xp.zeros((self.H, self.B), dtype=self.dtype)
        if g is not None:
            out[...] = g[self.permutation].T
        return out

    def read_gradients(self, g: Array) -> list[Array] | None:
        """The gradients (B,H) of the h_t, step by step, as (H,n)."""
        if g is None:
            return None
        g = g[self.times, self.permutation]
        return [g[t, :n].T for t, n in enumerate(self.active_rows)]

    def empty_dx(self, needed: bool) -> Array | None:
        """Memory for ∂x (T,B,I) in the order of reading, 0 where a row has ended; or None."""
        if not needed:
            return None
        shape = self.T, self.B, self.I
        if self.has_lengths:
            return self.xp.zeros(shape, dtype=self.dtype)
        return workspace.empty(self.xp, shape, self.dtype)

    def write_dx(self, dx: Array | None) -> Array | None:
        """∂x in the order of time; None from None."""
        return None if dx is None else self.write(dx)

    def scratch(self, rows: int) -> Array:
        """Memory for `side_by_side` of a chunk of that many rows."""
        return workspace.empty(self.xp, (rows * self.chunk * self.B,), self.dtype)

    def chunks(self) -> Iterator[tuple[slice, int]]:
        """The steps of each chunk, last chunk first, and how many columns run at its first step."""
        for end in range(self.T, 0, -self.chunk):
            start = max(0, end - self.chunk)
            yield slice(start, end), self.active_rows[start]


def pack_weights(xp: XP, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array) -> Array:
    """W = [w_hh  b  w_ih]  (kH,K)."""
    b = xp.zeros(len(w_hh), dtype=w_hh.dtype) if b_ih is None else b_ih + b_hh
    return xp.concatenate([w_hh, b[:, None], w_ih], axis=1)


def unpack_gradient(dW: Array, H: int, has_bias: bool) -> tuple[Array | None, ...]:
    """∂w_ih, ∂w_hh, ∂b_ih, ∂b_hh from ∂W; the last two are None where there is no bias."""
    dw_hh = dW[:, :H]
    db = dW[:, H]
    dw_ih = dW[:, H + 1 :]
    if not has_bias:
        return dw_ih, dw_hh, None, None
    return dw_ih, dw_hh, db, db.copy()


def side_by_side(xp: XP, a: Array, scratch: Array) -> Array:
    """(m,·,n) -> (·,m n): the columns of m steps, copied into `scratch`; no copy where m is 1."""
    m, rows, n = a.shape
    if m == 1:
        return a[0]
    out = xp.reshape(scratch[: rows * m * n], (rows, m, n))
    out[...] = xp.swapaxes(a, 0, 1)
    return xp.reshape(out, (rows, m * n))


class WeightGradient:
    """∂W = Σ_t ∂a_t s_tᵀ, summed over the chunks of steps: `total` (kH,K)."""

    def __init__(self, xp: XP, seq: ColumnSequence, W: Array):
        self.xp = xp
        self.total = xp.zeros_like(W)
        self.product = workspace.empty(xp, W.shape, W.dtype)
        self.scratch = seq.scratch(W.shape[0])
        self.input_scratch = seq.scratch(W.shape[1])

    def add(self, da: Array, inputs: Array) -> None:
        """A chunk: ∂a (m,kH,n), and what its steps have read, s (m,K,n)."""
        all_da = side_by_side(self.xp, da, self.scratch)
        all_inputs = side_by_side(self.xp, inputs, self.input_scratch)
        self.total += self.xp.matmul(all_da, all_inputs.T, out=self.product)
