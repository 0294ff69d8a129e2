"""What the fused rnn, gru and lstm share: one pass over a sequence, feature-major.

T time, B batch, I input size, H hidden size; K = H + 1 + I. In PyTorch's layout a state is (B,H) and a gate is a strided
slice of (B,kH). Here the batch comes last: a state is (H,B), and every gate is one contiguous block of (kH,B). What
a step reads is one column per row of the batch,

    s_t = [h_{t-1}; 1; x_t]  (K,B),        W = [w_hh  b  w_ih]  (kH,K),

so that recurrence, bias and input are one product, and so are their gradients:

    a_t = W s_t,        ∂s_t = Wᵀ ∂a_t,        ∂W = Σ_t ∂a_t s_tᵀ.

∂s_t holds ∂h_{t-1} and ∂x_t, and ∂W the gradients of both weights and of the bias.
"""

from __future__ import annotations

import math
import sys
import threading
from typing import Any

import numpy as np

from minigrad.array import XP, Array
from minigrad.steps import Lengths


class Buffers(threading.local):
    """Work arrays, kept from one call to the next: fresh memory is paid for with a page fault every 4 kB.

    Views of an array hold a reference to it. So one that only this list refers to is read by nobody any more, be it
    a pullback or a result, and may be written to again.
    """

    def __init__(self) -> None:
        self.kept: dict[Any, list[Array]] = {}

    def empty(self, xp: XP, shape: tuple[int, ...], dtype: Any) -> Array:
        """An uninitialised array: an idle one of this size, or a new one."""
        size = math.prod(shape)
        arrays = self.kept.setdefault((xp.ndarray, size, dtype), [])
        for array in arrays:
            if sys.getrefcount(array) == 3:  # `arrays`, `array` and the argument
                return xp.reshape(array, shape)
        arrays.append(xp.empty(size, dtype=dtype))
        return xp.reshape(arrays[-1], shape)


buffers = Buffers()


class Scan:
    """The order in which a layer reads its input, and what each step reads.

    Without lengths every step reads all B rows. With them the rows stand in falling order of length, so that those
    still running at a step are its first n columns and the others cost nothing; with `reverse` each row is read from
    its own end.
    """

    def __init__(self, xp: XP, x: Array, h0: Array, lengths: Lengths, reverse: bool, dtype: Any):
        self.xp, self.dtype = xp, dtype
        (T, B, I), H = x.shape, h0.shape[1]
        self.shape = T, B, I, H
        self.order: Any = slice(None)  # column j is row order[j]
        self.when: Any = slice(None, None, -1 if reverse else 1)  # step k of column j reads time when[k, j]
        self.alive = None
        self.running = [B] * T  # columns that step k reads
        if lengths is not None:
            ends = -np.sort(-np.asarray(lengths))
            k = np.arange(T)[:, None]
            alive = k < ends  # (T,B)
            self.running = alive.sum(1).tolist()
            self.order = xp.asarray(np.argsort(-np.asarray(lengths), kind="stable"))
            self.when = xp.asarray(np.where(alive, ends - 1 - k, k) if reverse else k + 0 * ends)
            self.alive, self.ends, self.places = xp.asarray(alive), xp.asarray(ends), xp.asarray(np.arange(B))
        self.s = buffers.empty(xp, (T + 1, H + 1 + I, B), dtype)
        self.s[0, :H] = self.columns(h0)
        self.s[:, H] = 1
        self.s[:T, H + 1 :] = xp.swapaxes(self.steps(x), 1, 2)

    def columns(self, state: Array) -> Array:
        """(B,H) -> (H,B)."""
        return state[self.order].T

    def rows(self, columns: Array) -> Array:
        """(H,B) -> (B,H), the inverse of `columns`."""
        out = self.xp.empty(columns.shape[::-1], dtype=self.dtype)
        out[self.order] = columns.T
        return out

    def steps(self, x: Array) -> Array:
        """(T,B,·), from time to the order of reading."""
        return x[self.when, self.order]

    def times(self, y: Array) -> Array:
        """(T,·,B), step by step -> (T,B,·) over time: the inverse of `steps`, and 0 where a row is padding."""
        y = self.xp.swapaxes(y, 1, 2)
        if self.alive is None:
            return y[self.when]
        out = self.xp.empty(y.shape, dtype=self.dtype)
        out[self.when, self.order] = self.xp.where(self.alive[:, :, None], y, 0)
        return out

    def last(self, states: Array) -> Array:
        """The state (B,H) after each row's own last step, from the states (T+1,H,B)."""
        if self.alive is None:
            return self.rows(states[-1])
        final = states[self.ends, :, self.places]  # (B,H)
        return self.rows(final.T)

    def gradients(self, g_hs: Array, g_last: Array) -> tuple[Array, Array | None, Array]:
        """∂s (K,B) with the gradient of the last state, the gradient of hs step by step or None, and room for ∂x.

        A column that has not ended yet when the steps are undone keeps that gradient until its own last step.
        """
        T, B, I, H = self.shape
        ds = self.xp.zeros((H + 1 + I, B), dtype=self.dtype)
        if g_last is not None:
            ds[:H] = self.columns(g_last)
        return ds, None if g_hs is None else self.steps(g_hs), buffers.empty(self.xp, (T, I, B), self.dtype)

    def zeros_or(self, g: Array) -> Array:
        """The gradient (B,H) of a last state as a fresh (H,B); zeros where there is none."""
        T, B, I, H = self.shape
        out = self.xp.zeros((H, B), dtype=self.dtype)
        if g is not None:
            out[...] = self.columns(g)
        return out


def summed_bias(xp: XP, b_ih: Array, b_hh: Array, like: Array) -> Array:
    """b_ih + b_hh as a column; zeros where there is no bias."""
    return xp.zeros((len(like), 1), dtype=like.dtype) if b_ih is None else (b_ih + b_hh)[:, None]


def split_weight(dW: Array, H: int, biased: bool) -> tuple[Any, ...]:
    """∂W (kH,K) -> ∂w_ih, ∂w_hh, ∂b_ih, ∂b_hh."""
    db = dW[:, H]
    return dW[:, H + 1 :], dW[:, :H], db if biased else None, db.copy() if biased else None
