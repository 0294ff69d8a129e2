"""The LSTM over a whole sequence, forward and backward by hand. demos/x1_backward_by_hand.py derives the equations."""

from __future__ import annotations

from minigrad.autograd import op
from minigrad.byhand.sequence import ReadingOrder
from minigrad.cells import lstm_composed


@op(composed=lstm_composed, over_time=True)
def lstm(xp, x, h0, c0, w_ih, w_hh, b_ih, b_hh, *, lengths=None, reverse=False):
    """a_t = w_ih x_t + b_ih + w_hh h_{t-1} + b_hh,    i, f, g, o = σ(a_i), σ(a_f), tanh(a_g), σ(a_o),
    c_t = f c_{t-1} + i g,    h_t = o tanh c_t    (Hochreiter & Schmidhuber 1997; Graves 2013, eq. 7-11).

    x (T,B,I), h0 and c0 (B,H), w_ih (4H,I), w_hh (4H,H), b_ih and b_hh (4H,) or None -> hs (T,B,H), h_n, c_n (B,H).
    lengths (B,): row b ends after lengths[b] steps; from there its hs are 0. reverse: each row from its end to its start.
    """
    T, B, I = x.shape
    H = h0.shape[1]
    order = ReadingOrder(xp, T, B, lengths, reverse)
    xs = order.read(x)  # (T,B,I)
    a = xp.matmul(xs, w_ih.T)  # (T,B,4H): w_ih x_t, all steps in one product
    if b_ih is not None:
        a = a + (b_ih + b_hh)
    gates = xp.reshape(a, (T, B, 4, H))  # a becomes the gates, step by step, in place
    dtype = xp.result_type(a, h0, c0, w_hh)
    h = xp.zeros((T + 1, B, H), dtype=dtype)  # h[t] and c[t]: the state before step t
    c = xp.zeros((T + 1, B, H), dtype=dtype)
    h[0] = order.read_state(h0)
    c[0] = order.read_state(c0)
    h_n = order.read_state(h0)
    c_n = order.read_state(c0)
    for t, n in enumerate(order.active):
        a[t, :n] += xp.matmul(h[t, :n], w_hh.T)  # (n,4H)
        a_i, a_f, a_g, a_o = (gates[t, :n, k] for k in range(4))  # (n,H) each
        i = sigmoid(xp, a_i)
        f = sigmoid(xp, a_f)
        g = xp.tanh(a_g)
        o = sigmoid(xp, a_o)
        c[t + 1, :n] = f * c[t, :n] + i * g
        h[t + 1, :n] = o * xp.tanh(c[t + 1, :n])
        gates[t, :n] = xp.stack([i, f, g, o], axis=1)
        h_n[:n] = h[t + 1, :n]
        c_n[:n] = c[t + 1, :n]

    def pullback(gs, needs):
        dhs, dh_n, dc_n = gs
        dhs = None if dhs is None else order.read(dhs)
        dh = xp.zeros((B, H), dtype=dtype) if dh_n is None else order.read_state(dh_n)
        dc = xp.zeros((B, H), dtype=dtype) if dc_n is None else order.read_state(dc_n)
        da = xp.zeros((T, B, 4 * H), dtype=dtype)
        dgates = xp.reshape(da, (T, B, 4, H))
        for t in reversed(range(T)):
            n = order.active[t]
            i, f, g, o = (gates[t, :n, k] for k in range(4))
            y = xp.tanh(c[t + 1, :n])
            dh_t = dh[:n] if dhs is None else dh[:n] + dhs[t, :n]
            dc_t = dc[:n] + dh_t * o * (1 - y * y)
            dgates[t, :n, 0] = dc_t * g * i * (1 - i)
            dgates[t, :n, 1] = dc_t * c[t, :n] * f * (1 - f)
            dgates[t, :n, 2] = dc_t * i * (1 - g * g)
            dgates[t, :n, 3] = dh_t * y * o * (1 - o)
            dc[:n] = dc_t * f
            dh[:n] = xp.matmul(da[t, :n], w_hh)
        dA = xp.reshape(da, (T * B, 4 * H))
        dw_ih = xp.matmul(dA.T, xp.reshape(xs, (T * B, I)))
        dw_hh = xp.matmul(dA.T, xp.reshape(h[:T], (T * B, H)))
        db = None if b_ih is None else xp.sum(dA, axis=0)
        dx = order.write(xp.matmul(da, w_ih)) if needs[0] else None
        return dx, order.write_state(dh), order.write_state(dc), dw_ih, dw_hh, db, db

    return (order.write(h[1:]), order.write_state(h_n), order.write_state(c_n)), pullback


def sigmoid(xp, x):
    """σ(x) = ½ tanh(x/2) + ½, which cannot overflow."""
    return 0.5 * xp.tanh(0.5 * x) + 0.5
