"""The GRU over a whole sequence, forward and backward by hand.

demos/x1_backward_by_hand.py derives the equations of the LSTM, and these follow in the same way.
demos/s4_gru_cell.py writes the cell as the lesson does, whose z is the 1 - z of this file.
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
from minigrad.cells import gru_composed


@op(composed=gru_composed, over_time=True)
def gru(xp, x, h0, w_ih, w_hh, b_ih, b_hh, *, lengths=None, reverse=False, reset_after=True):
    """The GRU of PyTorch and cuDNN, or with reset_after=False that of Cho et al. 2014, eq. 5-8.

        a = w_ih x_t + b_ih                  ∂x_t = w_ihᵀ ∂a
        u = w_hh h_{t-1} + b_hh              ∂h_{t-1} = ∂h_t z + w_hhᵀ ∂u
        r, z = σ(a_r + u_r), σ(a_z + u_z)    ∂a_r = ∂u_r = ∂r r (1 - r),    z likewise
        n = tanh(a_n + r u_n)                ∂a_n = ∂n (1 - n²),    ∂u_n = ∂a_n r,    ∂r = ∂a_n u_n
        h_t = z h_{t-1} + (1 - z) n          ∂n = ∂h_t (1 - z),    ∂z = ∂h_t (h_{t-1} - n)

    reset_after=False resets the state before its product with w_hn, the block n of w_hh:

        m = r h_{t-1}                        ∂r = ∂m h_{t-1},    ∂h_{t-1} += ∂m r
        n = tanh(a_n + w_hn m + b_hn)        ∂u_n = ∂a_n,    ∂m = w_hnᵀ ∂u_n

    and ∂w_ih = Σ_t ∂a x_tᵀ,  ∂w_hh = Σ_t ∂u h_{t-1}ᵀ (∂w_hn = Σ_t ∂u_n mᵀ),  ∂b_ih = Σ_t ∂a,
    ∂b_hh = Σ_t ∂u, summed over the batch.

    x (T,B,I), h0 (B,H), w_ih (3H,I), w_hh (3H,H), b_ih and b_hh (3H,) or None, in blocks r, z, n
    -> hs (T,B,H), h_n (B,H).
    lengths (B,): row b ends after lengths[b] steps, and its hs are 0 from there.
    reverse: each row is read from its end to its start.
    """
    check_shapes("gru", 3, x, [h0], w_ih, w_hh, b_ih, b_hh, lengths)
    T, B, I = x.shape
    H = h0.shape[1]
    w_ih = gate_blocks(xp, w_ih, H)  # (3,H,I)
    w_hh = gate_blocks(xp, w_hh, H)  # (3,H,H)
    w_hrz, w_hn = w_hh[:2], w_hh[2]
    b_i = bias_blocks(xp, b_ih, w_ih)  # (3,1,H)
    b_h = bias_blocks(xp, b_hh, w_hh)  # (3,1,H)
    dtype = xp.result_type(x, h0, w_ih, w_hh)
    order = ReadingOrder(xp, T, B, lengths, reverse)
    x = order.read(x)
    gates = xp.zeros((T, 4, B, H), dtype=dtype)  # r, z, n and u_n
    h = xp.zeros((T + 1, B, H), dtype=dtype)  # h[t]: the state before step t
    h[0] = order.read_state(h0)
    for t, rows in order.steps():
        h_before = h[t, rows]
        a = product(xp, w_ih, x[t, rows]) + b_i  # (3,n,H)
        u = product(xp, w_hrz, h_before) + b_h[:2]  # (2,n,H)
        r = xp.sigmoid(a[0] + u[0])
        z = xp.sigmoid(a[1] + u[1])
        if reset_after:
            u_n = xp.matmul(h_before, w_hn.T) + b_h[2]
            n = xp.tanh(a[2] + r * u_n)
        else:
            u_n = xp.matmul(r * h_before, w_hn.T) + b_h[2]
            n = xp.tanh(a[2] + u_n)
        h[t + 1, rows] = z * h_before + (1 - z) * n
        gates[t, :, rows] = xp.stack([r, z, n, u_n])

    def pullback(gs, needs):
        dhs = order.read(gradient_or_zeros(xp, gs[0], (T, B, H), dtype))
        dh = order.read_state(gradient_or_zeros(xp, gs[1], (B, H), dtype))  # from step t + 1
        dx = xp.zeros((T, B, I), dtype=dtype)
        dw_ih = xp.zeros((3, H, I), dtype=dtype)
        dw_hh = xp.zeros((3, H, H), dtype=dtype)
        db_ih = xp.zeros((3, H), dtype=dtype)
        db_hh = xp.zeros((3, H), dtype=dtype)
        for t, rows in reversed(order.steps()):
            r, z, n, u_n = gates[t, :, rows]
            h_before = h[t, rows]
            dh_t = dh[rows] + dhs[t, rows]
            dn = dh_t * (1 - z)
            dz = dh_t * (h_before - n)
            da_n = dn * (1 - n * n)
            da_z = dz * z * (1 - z)
            if reset_after:
                dr = da_n * u_n
                du_n = da_n * r
                dh_n = xp.matmul(du_n, w_hn)  # ∂h_{t-1} by way of n
                dw_hh[2] += xp.matmul(du_n.T, h_before)
            else:
                du_n = da_n
                dm = xp.matmul(du_n, w_hn)
                dr = dm * h_before
                dh_n = dm * r
                dw_hh[2] += xp.matmul(du_n.T, r * h_before)
            da_r = dr * r * (1 - r)
            da = xp.stack([da_r, da_z, da_n])  # (3,n,H)
            du = xp.stack([da_r, da_z, du_n])  # (3,n,H)
            dh[rows] = dh_t * z + dh_n + product_dx(xp, w_hrz, du[:2])
            dw_hh[:2] += product_dw(xp, du[:2], h_before)
            dw_ih += product_dw(xp, da, x[t, rows])
            db_ih += xp.sum(da, axis=1)
            db_hh += xp.sum(du, axis=1)
            if needs[0]:
                dx[t, rows] = product_dx(xp, w_ih, da)
        return [
            order.write(dx) if needs[0] else None,
            order.write_state(dh),
            xp.reshape(dw_ih, (3 * H, I)),
            xp.reshape(dw_hh, (3 * H, H)),
            None if b_ih is None else xp.reshape(db_ih, (3 * H,)),
            None if b_hh is None else xp.reshape(db_hh, (3 * H,)),
        ]

    return (order.write(h[1:]), order.last(h)), pullback
