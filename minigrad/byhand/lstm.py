"""The LSTM over a whole sequence, forward and backward by hand.

demos/x1_backward_by_hand.py derives the equations step by step, and demos/s2_lstm_cell.py writes
the cell as the lesson does.
"""

from __future__ import annotations

from minigrad.autograd import op
from minigrad.byhand.sequence import (
    ReadingOrder,
    bias_blocks,
    check_shapes,
    gate_blocks,
    gradient_or_zeros,
    product,
    product_dw,
    product_dx,
)
from minigrad.cells import lstm_composed


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
    w_ih = gate_blocks(xp, w_ih, H)  # (4,H,I)
    w_hh = gate_blocks(xp, w_hh, H)  # (4,H,H)
    b = bias_blocks(xp, b_ih, w_ih) + bias_blocks(xp, b_hh, w_hh)  # (4,1,H)
    dtype = xp.result_type(x, h0, c0, w_ih, w_hh)
    order = ReadingOrder(xp, T, B, lengths, reverse)
    x = order.read(x)
    gates = xp.zeros((T, 4, B, H), dtype=dtype)
    h = xp.zeros((T + 1, B, H), dtype=dtype)  # h[t] and c[t]: the state before step t
    c = xp.zeros((T + 1, B, H), dtype=dtype)
    h[0] = order.read_state(h0)
    c[0] = order.read_state(c0)
    for t, rows in order.steps():
        a = product(xp, w_ih, x[t, rows]) + product(xp, w_hh, h[t, rows]) + b  # (4,n,H)
        i = xp.sigmoid(a[0])
        f = xp.sigmoid(a[1])
        g = xp.tanh(a[2])
        o = xp.sigmoid(a[3])
        c[t + 1, rows] = f * c[t, rows] + i * g
        h[t + 1, rows] = o * xp.tanh(c[t + 1, rows])
        gates[t, :, rows] = xp.stack([i, f, g, o])

    def pullback(gs, needs):
        dhs = order.read(gradient_or_zeros(xp, gs[0], (T, B, H), dtype))
        dh = order.read_state(gradient_or_zeros(xp, gs[1], (B, H), dtype))  # from step t + 1
        dc = order.read_state(gradient_or_zeros(xp, gs[2], (B, H), dtype))
        dx = xp.zeros((T, B, I), dtype=dtype)
        dw_ih = xp.zeros((4, H, I), dtype=dtype)
        dw_hh = xp.zeros((4, H, H), dtype=dtype)
        db = xp.zeros((4, H), dtype=dtype)
        for t, rows in reversed(order.steps()):
            i, f, g, o = gates[t, :, rows]
            y = xp.tanh(c[t + 1, rows])
            dh_t = dh[rows] + dhs[t, rows]
            dc_t = dc[rows] + dh_t * o * (1 - y * y)
            da_i = dc_t * g * i * (1 - i)
            da_f = dc_t * c[t, rows] * f * (1 - f)
            da_g = dc_t * i * (1 - g * g)
            da_o = dh_t * y * o * (1 - o)
            da = xp.stack([da_i, da_f, da_g, da_o])  # (4,n,H)
            dc[rows] = dc_t * f
            dh[rows] = product_dx(xp, w_hh, da)
            dw_ih += product_dw(xp, da, x[t, rows])
            dw_hh += product_dw(xp, da, h[t, rows])
            db += xp.sum(da, axis=1)
            if needs[0]:
                dx[t, rows] = product_dx(xp, w_ih, da)
        db = xp.reshape(db, (4 * H,))
        return [
            order.write(dx) if needs[0] else None,
            order.write_state(dh),
            order.write_state(dc),
            xp.reshape(dw_ih, (4 * H, I)),
            xp.reshape(dw_hh, (4 * H, H)),
            None if b_ih is None else db,
            None if b_hh is None else xp.clone(db),  # two gradients never share memory
        ]

    return (order.write(h[1:]), order.last(h), order.last(c)), pullback
