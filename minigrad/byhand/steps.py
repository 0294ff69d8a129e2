"""One step of an RNN, an LSTM and a GRU as an op: the steps of the files rnn, lstm and gru, once.

nn.RNNCell and nn.GRUCell are these ops, and a layer over one step runs these rules in the fast
tier; nn.LSTMCell is composed, so that its h' depends on the tensor c'.

B batch, I input size, H hidden size. x (B,I), h and c (B,H), w_ih (kH,I), w_hh (kH,H), b_ih and
b_hh (kH,) or None, in k blocks of H rows: 1 for the RNN; 4 (i, f, g, o) for the LSTM; 3 (r, z, n)
for the GRU. A next state has a prime: h', c'; in the code it is h_next, c_next.
"""

from __future__ import annotations

from minigrad import cells
from minigrad.autograd import op
from minigrad.byhand.gru import gru_step, gru_step_back
from minigrad.byhand.lstm import lstm_step, lstm_step_back
from minigrad.byhand.rnn import rnn_step, rnn_step_back
from minigrad.byhand.sequence import affine, check_shapes, gradient_or_zeros


@op(composed=cells.rnn_cell)
def rnn_cell(xp, x, h, w_ih, w_hh, b_ih, b_hh, *, nonlinearity="tanh"):
    """h' = tanh a with a = w_ih x + w_hh h + b_ih + b_hh,    ∂a = ∂h' (1 - h'²).

    For nonlinearity="relu" h' = max(a, 0) and ∂a = ∂h' where h' > 0, else 0.
    """
    check_step("rnn_cell", 1, x, [h], w_ih, w_hh, b_ih, b_hh)
    cells.check_nonlinearity("rnn_cell", nonlinearity)
    a = affine(xp, x, w_ih, b_ih) + affine(xp, h, w_hh, b_hh)  # (B,H)
    h_next = rnn_step(xp, a, nonlinearity)

    def pullback(gs, needs):
        (dh_next,) = gs
        da = rnn_step_back(h_next, dh_next, nonlinearity)
        dx, dw_ih, db_ih = affine_gradients(xp, da, x, w_ih, b_ih, needs[0])
        dh, dw_hh, db_hh = affine_gradients(xp, da, h, w_hh, b_hh, needs[1])
        return [dx, dh, dw_ih, dw_hh, db_ih, db_hh]

    return h_next, pullback


@op(composed=cells.lstm_cell)
def lstm_cell(xp, x, h, c, w_ih, w_hh, b_ih, b_hh):
    """c' = f c + i g,    h' = o y with y = tanh c'    -> h', c'.

    i, f, g, o = σ, σ, tanh, σ of the blocks of a = w_ih x + w_hh h + b_ih + b_hh.
    """
    check_step("lstm_cell", 4, x, [h, c], w_ih, w_hh, b_ih, b_hh)
    a = affine(xp, x, w_ih, b_ih) + affine(xp, h, w_hh, b_hh)  # (B,4H)
    h_next, c_next, gates = lstm_step(xp, a, c)
    shape, dtype = h_next.shape, h_next.dtype

    def pullback(gs, needs):
        dh_next = gradient_or_zeros(xp, gs[0], shape, dtype)
        dc_next = gradient_or_zeros(xp, gs[1], shape, dtype)
        da, dc = lstm_step_back(xp, gates, c, c_next, dh_next, dc_next)
        dx, dw_ih, db_ih = affine_gradients(xp, da, x, w_ih, b_ih, needs[0])
        dh, dw_hh, db_hh = affine_gradients(xp, da, h, w_hh, b_hh, needs[1])
        return [dx, dh, dc, dw_ih, dw_hh, db_ih, db_hh]

    return (h_next, c_next), pullback


@op(composed=cells.gru_cell)
def gru_cell(xp, x, h, w_ih, w_hh, b_ih, b_hh):
    """h' = z h + (1 - z) n, where h is reset after its product, as in PyTorch.

    With a = w_ih x + b_ih and u = w_hh h + b_hh in blocks: r, z = σ(a_r + u_r), σ(a_z + u_z) and
    n = tanh(a_n + r u_n).
    """
    check_step("gru_cell", 3, x, [h], w_ih, w_hh, b_ih, b_hh)
    a = affine(xp, x, w_ih, b_ih)  # (B,3H)
    u = affine(xp, h, w_hh, b_hh)  # (B,3H)
    h_next, kept = gru_step(xp, a, u, h)

    def pullback(gs, needs):
        (dh_next,) = gs
        da, du, dh_direct = gru_step_back(xp, kept, h, dh_next)
        dx, dw_ih, db_ih = affine_gradients(xp, da, x, w_ih, b_ih, needs[0])
        dh, dw_hh, db_hh = affine_gradients(xp, du, h, w_hh, b_hh, needs[1])
        if needs[1]:
            dh = dh + dh_direct
        return [dx, dh, dw_ih, dw_hh, db_ih, db_hh]

    return h_next, pullback


def affine_gradients(xp, da, x, w, b, x_is_needed):
    """∂x = wᵀ ∂a for each row,  ∂w = Σ ∂a xᵀ,  ∂b = Σ ∂a over the batch."""
    dx = xp.matmul(da, w) if x_is_needed else None
    db = None if b is None else xp.sum(da, axis=0)
    return dx, xp.matmul(da.T, x), db


def check_step(name, gates, x, states, w_ih, w_hh, b_ih, b_hh):
    """Raise ValueError if the arguments of a step do not fit together."""
    if x.ndim != 2:
        raise ValueError(f"{name}: expected x (batch, input size), got {tuple(x.shape)}")
    check_shapes(name, gates, x[None], states, w_ih, w_hh, b_ih, b_hh)
