"""One step of an RNN, an LSTM and a GRU, forward and backward by hand.

The equations and their derivatives are those of the files rnn, lstm and gru, at one t. nn.RNNCell
and nn.GRUCell are these ops, and a layer over one step runs these rules in the fast tier;
nn.LSTMCell is composed, so that its h' depends on the tensor c'.

B batch, I input size, H hidden size. x (B,I), h and c (B,H), w_ih (kH,I), w_hh (kH,H), b_ih and
b_hh (kH,) or None, in k blocks of H rows: 1 for the RNN; 4 (i, f, g, o) for the LSTM; 3 (r, z, n)
for the GRU. A next state has a prime: h', c'; in the code it is h_next, c_next.
"""

from __future__ import annotations

from minigrad import cells
from minigrad.autograd import op
from minigrad.byhand.sequence import check_shapes, gradient_or_zeros


@op(composed=cells.rnn_cell)
def rnn_cell(xp, x, h, w_ih, w_hh, b_ih, b_hh, *, nonlinearity="tanh"):
    """h' = tanh a with a = w_ih x + w_hh h + b_ih + b_hh,    ∂a = ∂h' (1 - h'²).

    For nonlinearity="relu" h' = max(a, 0) and ∂a = ∂h' where h' > 0, else 0.
    """
    check_step("rnn_cell", 1, x, [h], w_ih, w_hh, b_ih, b_hh)
    cells.check_nonlinearity("rnn_cell", nonlinearity)
    a = affine(xp, x, w_ih, b_ih) + affine(xp, h, w_hh, b_hh)  # (B,H)
    h_next = xp.tanh(a) if nonlinearity == "tanh" else xp.maximum(a, 0)

    def pullback(gs, needs):
        (dh_next,) = gs
        if nonlinearity == "tanh":
            da = dh_next * (1 - h_next * h_next)
        else:
            da = dh_next * (h_next.real > 0)  # .real: the complex step has no order
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
    a_i, a_f, a_g, a_o = blocks(a, 4)  # (B,H) each
    i = xp.sigmoid(a_i)
    f = xp.sigmoid(a_f)
    g = xp.tanh(a_g)
    o = xp.sigmoid(a_o)
    c_next = f * c + i * g
    y = xp.tanh(c_next)

    def pullback(gs, needs):
        dh_next, dc_next = gs  # None for one that was not used
        dh_next = gradient_or_zeros(xp, dh_next, y.shape, y.dtype)
        dc_next = gradient_or_zeros(xp, dc_next, y.shape, y.dtype)
        dc_next = dc_next + dh_next * o * (1 - y * y)
        da_i = dc_next * g * i * (1 - i)
        da_f = dc_next * c * f * (1 - f)
        da_g = dc_next * i * (1 - g * g)
        da_o = dh_next * y * o * (1 - o)
        da = xp.concatenate([da_i, da_f, da_g, da_o], axis=1)  # (B,4H)
        dx, dw_ih, db_ih = affine_gradients(xp, da, x, w_ih, b_ih, needs[0])
        dh, dw_hh, db_hh = affine_gradients(xp, da, h, w_hh, b_hh, needs[1])
        return [dx, dh, dc_next * f, dw_ih, dw_hh, db_ih, db_hh]

    return (o * y, c_next), pullback


@op(composed=cells.gru_cell)
def gru_cell(xp, x, h, w_ih, w_hh, b_ih, b_hh):
    """h' = z h + (1 - z) n, where h is reset after its product, as in PyTorch.

    With a = w_ih x + b_ih and u = w_hh h + b_hh in blocks: r, z = σ(a_r + u_r), σ(a_z + u_z) and
    n = tanh(a_n + r u_n).
    """
    check_step("gru_cell", 3, x, [h], w_ih, w_hh, b_ih, b_hh)
    a_r, a_z, a_n = blocks(affine(xp, x, w_ih, b_ih), 3)  # (B,H) each
    u_r, u_z, u_n = blocks(affine(xp, h, w_hh, b_hh), 3)
    r = xp.sigmoid(a_r + u_r)
    z = xp.sigmoid(a_z + u_z)
    n = xp.tanh(a_n + r * u_n)

    def pullback(gs, needs):
        (dh_next,) = gs
        dn = dh_next * (1 - z)
        dz = dh_next * (h - n)
        da_n = dn * (1 - n * n)
        da_z = dz * z * (1 - z)
        da_r = da_n * u_n * r * (1 - r)
        da = xp.concatenate([da_r, da_z, da_n], axis=1)  # (B,3H)
        du = xp.concatenate([da_r, da_z, da_n * r], axis=1)  # (B,3H)
        dx, dw_ih, db_ih = affine_gradients(xp, da, x, w_ih, b_ih, needs[0])
        dh, dw_hh, db_hh = affine_gradients(xp, du, h, w_hh, b_hh, needs[1])
        if needs[1]:
            dh = dh + dh_next * z
        return [dx, dh, dw_ih, dw_hh, db_ih, db_hh]

    return z * h + (1 - z) * n, pullback


def affine(xp, x, w, b):
    """a = w x + b for each row of the batch."""
    a = xp.matmul(x, w.T)  # (B,kH)
    return a if b is None else a + b


def affine_gradients(xp, da, x, w, b, x_is_needed):
    """∂x = wᵀ ∂a for each row,  ∂w = Σ ∂a xᵀ,  ∂b = Σ ∂a over the batch."""
    dx = xp.matmul(da, w) if x_is_needed else None
    db = None if b is None else xp.sum(da, axis=0)
    return dx, xp.matmul(da.T, x), db


def blocks(a, k):
    """The k blocks (B,H) of a (B,kH), one for each gate."""
    H = a.shape[1] // k
    return [a[:, i * H : (i + 1) * H] for i in range(k)]


def check_step(name, gates, x, states, w_ih, w_hh, b_ih, b_hh):
    """Raise ValueError if the arguments of a step do not fit together."""
    if x.ndim != 2:
        raise ValueError(f"{name}: expected x (batch, input size), got {tuple(x.shape)}")
    check_shapes(name, gates, x[None], states, w_ih, w_hh, b_ih, b_hh)
