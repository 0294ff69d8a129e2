"""The LSTM by hand: one step forward, the same step backward, and both over a whole sequence.

`minigrad.cells.lstm_cell` defines the step. demos/x1_backward_by_hand.py derives its gradient, and
demos/s2_lstm_cell.py writes the cell as the lesson does.
"""

from __future__ import annotations

from minigrad.autograd import op
from minigrad.byhand.sequence import (
    ReadingOrder,
    affine,
    blocks,
    check_shapes,
    gradient_or_zeros,
)
from minigrad.cells import lstm_composed


def lstm_step(xp, a, c):
    """h', c' and the gates i, f, g, o from a = w_ih x + w_hh h + b_ih + b_hh (B,4H)."""
    a_i, a_f, a_g, a_o = blocks(a, 4)  # (B,H) each
    i = xp.sigmoid(a_i)
    f = xp.sigmoid(a_f)
    g = xp.tanh(a_g)
    o = xp.sigmoid(a_o)
    c_next = f * c + i * g
    h_next = o * xp.tanh(c_next)
    return h_next, c_next, (i, f, g, o)


def lstm_step_back(xp, gates, c, c_next, dh_next, dc_next):
    """∂a and ∂c from ∂h' and ∂c': the lines of `lstm_step`, last line first."""
    i, f, g, o = gates
    y = xp.tanh(c_next)
    # h' = o y
    do = dh_next * y
    dy = dh_next * o
    # y = tanh c'
    dc_next = dc_next + dy * (1 - y * y)  # a sum: the next step reads c' too
    # c' = f c + i g
    df = dc_next * c
    dc = dc_next * f
    di = dc_next * g
    dg = dc_next * i
    # i, f, o = σ(a_i), σ(a_f), σ(a_o),  g = tanh a_g
    da_i = di * i * (1 - i)
    da_f = df * f * (1 - f)
    da_g = dg * (1 - g * g)
    da_o = do * o * (1 - o)
    return xp.concatenate([da_i, da_f, da_g, da_o], axis=1), dc  # (B,4H), (B,H)


@op(composed=lstm_composed, over_time=True)
def lstm(xp, x, h0, c0, w_ih, w_hh, b_ih, b_hh, *, lengths=None, reverse=False):
    """The LSTM (Hochreiter & Schmidhuber 1997; Graves 2013, eq. 7-11, without peepholes).

        a = w_ih x_t + w_hh h_{t-1} + b_ih + b_hh    ∂x_t = w_ihᵀ ∂a,    ∂h_{t-1} = w_hhᵀ ∂a
        i, f, o = σ(a_i), σ(a_f), σ(a_o)             ∂a_i = ∂i i (1 - i),    f and o likewise
        g = tanh a_g                                 ∂a_g = ∂g (1 - g²)
        c_t = f c_{t-1} + i g                        ∂i = ∂c_t g,    ∂f = ∂c_t c_{t-1}
                                                     ∂g = ∂c_t i,    ∂c_{t-1} = ∂c_t f
        h_t = o y with y = tanh c_t                  ∂o = ∂h_t y,    ∂c_t += ∂h_t o (1 - y²)

    and ∂w_ih = Σ_t ∂a x_tᵀ,  ∂w_hh = Σ_t ∂a h_{t-1}ᵀ,  ∂b_ih = ∂b_hh = Σ_t ∂a,
    summed over the batch.

    x (T,B,I), h0 and c0 (B,H), w_ih (4H,I), w_hh (4H,H), b_ih and b_hh (4H,) or None, in blocks
    i, f, g, o -> hs (T,B,H), h_n (B,H), c_n (B,H).
    lengths (B,): row b ends after lengths[b] steps, and its hs are 0 from there.
    reverse: each row is read from its end to its start.
    """
    check_shapes("lstm", 4, x, [h0, c0], w_ih, w_hh, b_ih, b_hh, lengths)
    T, B, I = x.shape
    H = h0.shape[1]
    b = None if b_ih is None else b_ih + b_hh
    dtype = xp.result_type(x, h0, c0, w_ih, w_hh)
    order = ReadingOrder(xp, T, B, lengths, reverse)
    x = order.read(x)
    h = order.states_from(h0, dtype)  # (T+1,B,H); h[t] and c[t]: the state before step t
    c = order.states_from(c0, dtype)
    gates = xp.zeros((T, 4, B, H), dtype=dtype)
    for t, rows in order.steps():
        a = xp.matmul(x[t, rows], w_ih.T) + affine(xp, h[t, rows], w_hh, b)  # (n,4H)
        h[t + 1, rows], c[t + 1, rows], gates_t = lstm_step(xp, a, c[t, rows])
        gates[t, :, rows] = xp.stack(gates_t)

    def pullback(gs, needs):
        dhs = order.read(gradient_or_zeros(xp, gs[0], (T, B, H), dtype))
        dh = order.read_state(gradient_or_zeros(xp, gs[1], (B, H), dtype))  # from step t + 1
        dc = order.read_state(gradient_or_zeros(xp, gs[2], (B, H), dtype))
        dx = xp.zeros((T, B, I), dtype=dtype)
        dw_ih = xp.zeros((4 * H, I), dtype=dtype)
        dw_hh = xp.zeros((4 * H, H), dtype=dtype)
        db = xp.zeros((4 * H,), dtype=dtype)
        for t, rows in reversed(order.steps()):
            dh_t = dh[rows] + dhs[t, rows]
            c_t, c_next = c[t, rows], c[t + 1, rows]
            da, dc[rows] = lstm_step_back(xp, gates[t, :, rows], c_t, c_next, dh_t, dc[rows])
            dh[rows] = xp.matmul(da, w_hh)
            dw_ih += xp.matmul(da.T, x[t, rows])
            dw_hh += xp.matmul(da.T, h[t, rows])
            db += xp.sum(da, axis=0)
            if needs[0]:
                dx[t, rows] = xp.matmul(da, w_ih)
        return [
            order.write(dx) if needs[0] else None,
            order.write_state(dh),
            order.write_state(dc),
            dw_ih,
            dw_hh,
            None if b_ih is None else db,
            None if b_hh is None else xp.clone(db),  # two gradients never share memory
        ]

    return (order.write(h[1:]), order.last(h), order.last(c)), pullback
