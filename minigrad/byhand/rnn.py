"""The RNN by hand: one step forward, the same step backward, and both over a whole sequence.

`minigrad.cells.rnn_cell` defines the step. This is the simplest case of what
demos/x1_backward_by_hand.py derives for the LSTM.
"""

from __future__ import annotations

from minigrad.autograd import op
from minigrad.byhand.sequence import (
    ReadingOrder,
    affine,
    check_shapes,
    gradient_or_zeros,
)
from minigrad.cells import check_nonlinearity, rnn_composed


def rnn_step(xp, a, nonlinearity):
    """h' from a = w_ih x + w_hh h + b_ih + b_hh (B,H)."""
    if nonlinearity == "tanh":
        return xp.tanh(a)
    return xp.maximum(a, 0)


def rnn_step_back(h_next, dh_next, nonlinearity):
    """∂a from ∂h'; all that it needs of the step is h'."""
    if nonlinearity == "tanh":
        return dh_next * (1 - h_next * h_next)
    return dh_next * (h_next.real > 0)  # .real: the complex step has no order


@op(composed=rnn_composed, over_time=True)
def rnn(xp, x, h0, w_ih, w_hh, b_ih, b_hh, *, lengths=None, reverse=False, nonlinearity="tanh"):
    """The RNN (Elman 1990; Graves 2013, eq. 1).

        a = w_ih x_t + w_hh h_{t-1} + b_ih + b_hh    ∂x_t = w_ihᵀ ∂a,    ∂h_{t-1} = w_hhᵀ ∂a
        h_t = tanh a                                 ∂a = ∂h_t (1 - h_t²)
        h_t = max(a, 0) for nonlinearity="relu"      ∂a = ∂h_t where h_t > 0, else 0

    and ∂w_ih = Σ_t ∂a x_tᵀ,  ∂w_hh = Σ_t ∂a h_{t-1}ᵀ,  ∂b_ih = ∂b_hh = Σ_t ∂a,
    summed over the batch.

    x (T,B,I), h0 (B,H), w_ih (H,I), w_hh (H,H), b_ih and b_hh (H,) or None
    -> hs (T,B,H), h_n (B,H).
    lengths (B,): row b ends after lengths[b] steps, and its hs are 0 from there.
    reverse: each row is read from its end to its start.
    """
    check_shapes("rnn", 1, x, [h0], w_ih, w_hh, b_ih, b_hh, lengths)
    check_nonlinearity("rnn", nonlinearity)
    T, B, I = x.shape
    H = h0.shape[1]
    b = None if b_ih is None else b_ih + b_hh
    dtype = xp.result_type(x, h0, w_ih, w_hh)
    order = ReadingOrder(xp, T, B, lengths, reverse)
    x = order.read(x)
    h = order.states_from(h0, dtype)  # (T+1,B,H); h[t]: the state before step t
    for t, rows in order.steps():
        a = xp.matmul(x[t, rows], w_ih.T) + affine(xp, h[t, rows], w_hh, b)  # (n,H)
        h[t + 1, rows] = rnn_step(xp, a, nonlinearity)

    def pullback(gs, needs):
        dhs = order.read(gradient_or_zeros(xp, gs[0], (T, B, H), dtype))
        dh = order.read_state(gradient_or_zeros(xp, gs[1], (B, H), dtype))  # from step t + 1
        dx = xp.zeros((T, B, I), dtype=dtype)
        dw_ih = xp.zeros((H, I), dtype=dtype)
        dw_hh = xp.zeros((H, H), dtype=dtype)
        db = xp.zeros((H,), dtype=dtype)
        for t, rows in reversed(order.steps()):
            dh_t = dh[rows] + dhs[t, rows]
            da = rnn_step_back(h[t + 1, rows], dh_t, nonlinearity)
            dh[rows] = xp.matmul(da, w_hh)
            dw_ih += xp.matmul(da.T, x[t, rows])
            dw_hh += xp.matmul(da.T, h[t, rows])
            db += xp.sum(da, axis=0)
            if needs[0]:
                dx[t, rows] = xp.matmul(da, w_ih)
        return [
            order.write(dx) if needs[0] else None,
            order.write_state(dh),
            dw_ih,
            dw_hh,
            None if b_ih is None else db,
            None if b_hh is None else xp.clone(db),  # two gradients never share memory
        ]

    return (order.write(h[1:]), order.last(h)), pullback
