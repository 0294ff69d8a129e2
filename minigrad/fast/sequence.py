"""What the fused rnn, gru and lstm share: a sequence laid out for products, and the order in which it is read.

T time, B batch, I input size, H hidden size; K = H + 1 + I. In PyTorch's layout a state is (B,H) and a gate is a
strided slice of (B,kH). Here the batch comes last: a state is (H,B), and a gate is one contiguous block of (kH,B).
What step t reads is a column for each row of the batch, and all of it goes into one product:

    s_t = [h_{t-1}; 1; x_t]  (K,B),     W = [U  b  V]  (kH,K), with U = w_hh, V = w_ih, b = b_ih + b_hh,

    a_t = W s_t,     ∂h_{t-1} = Uᵀ ∂a_t,     ∂x_t = Vᵀ ∂a_t,     ∂W = Σ_t ∂a_t s_tᵀ.

Backward, only ∂a_t and ∂h_t wait for one another. All else is done for a chunk of steps at once: as many as fit the
cache, so that a small batch costs few calls, and a large one is still in the cache where it is used.

Time of forward + backward of the LSTM on one core relative to what stands here, at (T,B,I,H) = (15, 32, 32, 64),
(25, 500, 32, 64) and (50, 64, 128, 256); what was not worth its lines:
    chunks of one step              1.20  0.95  1.07    (B = 1, T = 100: 3.95)
    time inside, s as (K,T+1,B)     1.17  1.05  1.03    (the weights' gradients need no copy then, all else is strided)
    new memory at every call        1.53  0.99  1.00    ((100, 500, 32, 64): 1.04; after large arrays: 0.97)
    V x for all t in one product    1.01  1.04  0.99    (a pass over the gates more)
    tanh c kept for backward        0.98  1.00  0.98    (and a fifth more memory)
    a contiguous copy of Uᵀ         0.98  1.00  0.96
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.array import XP, Array
from minigrad.cells import Lengths

CHUNK = 512  # columns of a chunk: one step at B = 512, 16 steps at B = 32
SMALL = 2**12  # numbers; smaller arrays cost more to look up than to make
PATIENCE = 256  # requests; an array that has served none of the last ones is let go


class Workspace(threading.local):
    """Work arrays, kept from one call to the next: fresh memory is paid for with a page fault every 4 kB.

    Every view of an array holds a reference to it. So one that only this list refers to is read by nobody any more,
    neither by a pullback nor as a result, and may be written to again. Each thread has its own.
    """

    def __init__(self) -> None:
        self.kept: dict[Any, list[Array]] = {}
        self.used: dict[int, int] = {}  # id of an array -> the request that it last served
        self.requests = 0

    def empty(self, xp: XP, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised array: in the smallest idle one of up to twice its size, or else new."""
        size = math.prod(shape)
        if size < SMALL or xp.ndarray is not np.ndarray:  # CuPy keeps all of its memory
            return xp.empty(shape, dtype=dtype)
        self.requests += 1
        arrays = self.kept.setdefault(dtype, [])
        idle = [array for array, n in zip(arrays, references(arrays)) if n == IDLE]
        fitting = [array for array in idle if size <= len(array) <= 2 * size]
        if not fitting:
            stale = [id(array) for array in idle if self.used[id(array)] < self.requests - PATIENCE]
            arrays[:] = [array for array in arrays if id(array) not in stale]
            fitting = [
                xp.empty(size * 5 // 4, dtype=dtype)
            ]  # room to grow costs nothing until it is written to
            arrays += fitting
        found = min(fitting, key=len)
        self.used[id(found)] = self.requests
        return found[:size].reshape(shape)


def references(arrays: list[Array]) -> list[int]:
    """How many references there are to each array of a list."""
    return [sys.getrefcount(array) for array in arrays]


IDLE = references([np.empty(0)])[
    0
]  # those of the list and of the counting itself, which versions of Python differ in
buffers = Workspace()


class Order:
    """The order in which the rows of a batch are read.

    Without lengths every step reads B columns. With them the rows stand in falling order of length, so that those
    still running at step t are the first running[t] columns and the others cost nothing. `reverse` reads each row
    from its own end.
    """

    def __init__(self, xp: XP, x: Array, h0: Array, lengths: Lengths, reverse: bool, dtype: Any):
        self.xp, self.dtype = xp, dtype
        (T, B, I), H = x.shape, h0.shape[1]
        self.T, self.B, self.I, self.H = T, B, I, H
        self.running = [B] * T
        self.order: Any = slice(None)  # column j is row order[j]
        self.when: Any = slice(
            None, None, -1 if reverse else 1
        )  # step t of column j reads time when[t, j]
        self.ends: Any = None
        if lengths is not None:
            lengths = np.asarray(lengths, dtype=np.int64)
            ends = -np.sort(-lengths)
            t = np.arange(T)[:, None]
            self.running = (t < ends).sum(1).tolist()
            self.order = xp.asarray(np.argsort(-lengths, kind="stable"))
            self.when = xp.asarray(np.where(reverse & (t < ends), ends - 1 - t, t))
            self.ends = xp.asarray(ends), slice(None), xp.asarray(np.arange(B))

    def last(self, states: Array) -> Array:
        """The state (B,H) after the last step of each row, from the states (T+1,H,B)."""
        return self.as_rows(states[-1].T if self.ends is None else states[self.ends])

    def as_rows(self, columns: Array) -> Array:
        """(B,H), from the order of columns to that of the batch."""
        out = self.xp.empty(columns.shape, dtype=self.dtype)
        out[self.order] = columns
        return out

    def over_time(self, steps: Array) -> Array | None:
        """(T,B,·), from the order of reading to that of time; None from None."""
        if self.ends is None or steps is None:
            return None if steps is None else steps[self.when]
        out = self.xp.empty(steps.shape, dtype=self.dtype)
        out[self.when, self.order] = steps
        return out


class Scan(Order):
    """A sequence in the order of reading: s (T+1,K,B), of which x and h0 are filled in and h_t is to be written."""

    def __init__(self, xp: XP, x: Array, h0: Array, lengths: Lengths, reverse: bool, dtype: Any):
        super().__init__(xp, x, h0, lengths, reverse, dtype)
        T, B, I, H = self.T, self.B, self.I, self.H
        self.s = buffers.empty(xp, (T + 1, H + 1 + I, B), dtype)
        self.s[0, :H] = h0[self.order].T
        self.s[:, H] = 1
        self.s[:T, H + 1 :] = xp.swapaxes(x[self.when, self.order], 1, 2)
        self.end(self.s[:T, H + 1 :])
        self.width = max(1, min(T, CHUNK // max(1, B)))  # steps in a chunk

    def end(self, steps: Array, first: int = 0) -> None:
        """Zeros in the columns that have ended, for consecutive steps (m,·,n) of which `first` is the first."""
        if self.ends is not None:
            for step, n in zip(steps, self.running[first:]):
                step[:, n:] = 0

    def hs(self) -> Array:
        """All states h_1 ... h_T in the order of time: (T,B,H)."""
        return self.over_time(self.xp.swapaxes(self.s[1:, : self.H], 1, 2))

    # Backward. A column that has ended keeps the gradient of its last state until its own last step is reached.

    def seed(self, g: Array) -> Array:
        """The gradient (B,H) of a last state as (H,B), to be written to; zeros for None."""
        out = self.xp.zeros((self.H, self.B), dtype=self.dtype)
        if g is not None:
            out[...] = g[self.order].T
        return out

    def seeds(self, g: Array) -> list[Array] | None:
        """The gradients (B,H) of the h_t, step by step, as (H,n)."""
        if g is None:
            return None
        g = g[self.when, self.order]
        return [g[t, :n].T for t, n in enumerate(self.running)]

    def empty_dx(self, wanted: bool) -> Array | None:
        """Room for ∂x (T,B,I) in the order of reading, 0 where a row has ended; None where nobody asks for it."""
        shape = self.T, self.B, self.I
        if not wanted:
            return None
        if self.ends is None:
            return buffers.empty(self.xp, shape, self.dtype)
        return self.xp.zeros(shape, dtype=self.dtype)

    def rooms(self, *rows: int) -> list[Array]:
        """For `columns_of` a chunk, as many rows of it as are asked for."""
        return [buffers.empty(self.xp, (n * self.width * self.B,), self.dtype) for n in rows]

    def chunks(self) -> Iterator[tuple[slice, int]]:
        """The steps of each chunk, last chunk first, and how many columns run at its first step."""
        for end in range(self.T, 0, -self.width):
            start = max(0, end - self.width)
            yield slice(start, end), self.running[start]


def join(xp: XP, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array) -> Array:
    """W = [U  b  V]  (kH,K)."""
    b = xp.zeros(len(w_hh), dtype=w_hh.dtype) if b_ih is None else b_ih + b_hh
    return xp.concatenate([w_hh, b[:, None], w_ih], axis=1)


def split(dW: Array, H: int, b_ih: Array) -> tuple[Array | None, ...]:
    """∂w_ih, ∂w_hh, ∂b_ih, ∂b_hh from ∂W; the last two are None where there is no bias."""
    biases = (None, None) if b_ih is None else (dW[:, H], dW[:, H].copy())
    return dW[:, H + 1 :], dW[:, :H], *biases


def columns_of(xp: XP, a: Array, room: Array) -> Array:
    """(m,·,n) -> (·,m n): the columns of m steps side by side, copied into `room`; no copy where m is 1."""
    m, rows, n = a.shape
    if m == 1:
        return a[0]
    out = xp.reshape(room[: rows * m * n], (rows, m, n))
    out[...] = xp.swapaxes(a, 0, 1)
    return xp.reshape(out, (rows, m * n))
