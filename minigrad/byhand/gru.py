"""The GRU by hand: one step forward, the same step backward, and both over a whole sequence.

`minigrad.cells.gru_cell` defines the step. Its gradient follows as that of the LSTM does, which
demos/x1_backward_by_hand.py derives. demos/s4_gru_cell.py writes the cell as the lesson does, whose
z is the 1 - z of this file. The second half of the file is the same for Cho's GRU.
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
from minigrad.cells import gru_composed


def gru_step(xp, a, u, h):
    """h', and what the way back needs, from a = w_ih x + b_ih and u = w_hh h + b_hh (B,3H)."""
    a_r, a_z, a_n = blocks(a, 3)  # (B,H) each
    u_r, u_z, u_n = blocks(u, 3)
    r = xp.sigmoid(a_r + u_r)
    z = xp.sigmoid(a_z + u_z)
    n = xp.tanh(a_n + r * u_n)
    h_next = z * h + (1 - z) * n
    return h_next, (r, z, n, u_n)


def gru_step_back(xp, kept, h, dh_next):
    """∂a, ∂u and the part of ∂h that comes along z h: the lines of `gru_step`, last line first."""
    r, z, n, u_n = kept
    # h' = z h + (1 - z) n
    dz = dh_next * (h - n)
    dn = dh_next * (1 - z)
    dh = dh_next * z
    # n = tanh(a_n + r u_n)
    da_n = dn * (1 - n * n)
    dr = da_n * u_n
    du_n = da_n * r
    # r, z = σ(a_r + u_r), σ(a_z + u_z)
    da_r = dr * r * (1 - r)
    da_z = dz * z * (1 - z)
    da = xp.concatenate([da_r, da_z, da_n], axis=1)  # (B,3H)
    du = xp.concatenate([da_r, da_z, du_n], axis=1)  # (B,3H)
    return da, du, dh


@op(composed=gru_composed, over_time=True)
def gru(xp, x, h0, w_ih, w_hh, b_ih, b_hh, *, lengths=None, reverse=False, reset_after=True):
    """The GRU of PyTorch and cuDNN, or with reset_after=False that of Cho et al. 2014, eq. 5-8.

        a = w_ih x_t + b_ih                  ∂x_t = w_ihᵀ ∂a
        u = w_hh h_{t-1} + b_hh              ∂h_{t-1} = ∂h_t z + w_hhᵀ ∂u
        r, z = σ(a_r + u_r), σ(a_z + u_z)    ∂a_r = ∂u_r = ∂r r (1 - r),    z likewise
        n = tanh(a_n + r u_n)                ∂a_n = ∂n (1 - n²),    ∂u_n = ∂a_n r,    ∂r = ∂a_n u_n
        h_t = z h_{t-1} + (1 - z) n          ∂n = ∂h_t (1 - z),    ∂z = ∂h_t (h_{t-1} - n)

    and ∂w_ih = Σ_t ∂a x_tᵀ,  ∂w_hh = Σ_t ∂u h_{t-1}ᵀ,  ∂b_ih = Σ_t ∂a,  ∂b_hh = Σ_t ∂u,
    summed over the batch.

    x (T,B,I), h0 (B,H), w_ih (3H,I), w_hh (3H,H), b_ih and b_hh (3H,) or None, in blocks r, z, n
    -> hs (T,B,H), h_n (B,H).
    lengths (B,): row b ends after lengths[b] steps, and its hs are 0 from there.
    reverse: each row is read from its end to its start.
    """
    check_shapes("gru", 3, x, [h0], w_ih, w_hh, b_ih, b_hh, lengths)
    if not reset_after:
        return gru_of_cho(xp, x, h0, w_ih, w_hh, b_ih, b_hh, lengths, reverse)
    T, B, I = x.shape
    H = h0.shape[1]
    dtype = xp.result_type(x, h0, w_ih, w_hh)
    order = ReadingOrder(xp, T, B, lengths, reverse)
    x = order.read(x)
    h = order.states_from(h0, dtype)  # (T+1,B,H); h[t]: the state before step t
    kept = xp.zeros((T, 4, B, H), dtype=dtype)  # r, z, n, u_n
    for t, rows in order.steps():
        a = affine(xp, x[t, rows], w_ih, b_ih)  # (n,3H)
        u = affine(xp, h[t, rows], w_hh, b_hh)  # (n,3H)
        h[t + 1, rows], kept_t = gru_step(xp, a, u, h[t, rows])
        kept[t, :, rows] = xp.stack(kept_t)

    def pullback(gs, needs):
        dhs = order.read(gradient_or_zeros(xp, gs[0], (T, B, H), dtype))
        dh = order.read_state(gradient_or_zeros(xp, gs[1], (B, H), dtype))  # from step t + 1
        dx = xp.zeros((T, B, I), dtype=dtype)
        dw_ih = xp.zeros((3 * H, I), dtype=dtype)
        dw_hh = xp.zeros((3 * H, H), dtype=dtype)
        db_ih = xp.zeros((3 * H,), dtype=dtype)
        db_hh = xp.zeros((3 * H,), dtype=dtype)
        for t, rows in reversed(order.steps()):
            dh_t = dh[rows] + dhs[t, rows]
            da, du, dh_direct = gru_step_back(xp, kept[t, :, rows], h[t, rows], dh_t)
            dh[rows] = dh_direct + xp.matmul(du, w_hh)
            dw_ih += xp.matmul(da.T, x[t, rows])
            dw_hh += xp.matmul(du.T, h[t, rows])
            db_ih += xp.sum(da, axis=0)
            db_hh += xp.sum(du, axis=0)
            if needs[0]:
                dx[t, rows] = xp.matmul(da, w_ih)
        return [
            order.write(dx) if needs[0] else None,
            order.write_state(dh),
            dw_ih,
            dw_hh,
            None if b_ih is None else db_ih,
            None if b_hh is None else db_hh,
        ]

    return (order.write(h[1:]), order.last(h)), pullback


# Cho's GRU resets the state before its product with w_hn, the block n of w_hh.


def cho_step(xp, a, h, w_hh, b_hh):
    """`gru_step` with n = tanh(a_n + w_hn m + b_hn), where m = r h."""
    H = h.shape[1]
    w_hrz, w_hn = w_hh[: 2 * H], w_hh[2 * H :]
    b_hrz, b_hn = (None, None) if b_hh is None else (b_hh[: 2 * H], b_hh[2 * H :])
    a_r, a_z, a_n = blocks(a, 3)  # (B,H) each
    u_r, u_z = blocks(affine(xp, h, w_hrz, b_hrz), 2)
    r = xp.sigmoid(a_r + u_r)
    z = xp.sigmoid(a_z + u_z)
    m = r * h
    n = xp.tanh(a_n + affine(xp, m, w_hn, b_hn))
    h_next = z * h + (1 - z) * n
    return h_next, (r, z, n, m)


def cho_step_back(xp, kept, h, w_hh, dh_next):
    """∂a and ∂h: the lines of `cho_step`, last line first."""
    H = h.shape[1]
    w_hrz, w_hn = w_hh[: 2 * H], w_hh[2 * H :]
    r, z, n, _ = kept
    # h' = z h + (1 - z) n
    dz = dh_next * (h - n)
    dn = dh_next * (1 - z)
    dh = dh_next * z
    # n = tanh(a_n + w_hn m + b_hn)
    da_n = dn * (1 - n * n)
    dm = xp.matmul(da_n, w_hn)
    # m = r h
    dr = dm * h
    dh = dh + dm * r
    # r, z = σ(a_r + w_hr h + b_hr), σ(a_z + w_hz h + b_hz)
    da_r = dr * r * (1 - r)
    da_z = dz * z * (1 - z)
    da_rz = xp.concatenate([da_r, da_z], axis=1)  # (B,2H)
    dh = dh + xp.matmul(da_rz, w_hrz)
    return xp.concatenate([da_rz, da_n], axis=1), dh  # (B,3H), (B,H)


def gru_of_cho(xp, x, h0, w_ih, w_hh, b_ih, b_hh, lengths, reverse):
    """`gru` with reset_after=False: ∂w_hn = Σ_t ∂a_n mᵀ, all else as there."""
    T, B, I = x.shape
    H = h0.shape[1]
    dtype = xp.result_type(x, h0, w_ih, w_hh)
    order = ReadingOrder(xp, T, B, lengths, reverse)
    x = order.read(x)
    h = order.states_from(h0, dtype)  # (T+1,B,H); h[t]: the state before step t
    kept = xp.zeros((T, 4, B, H), dtype=dtype)  # r, z, n, m
    for t, rows in order.steps():
        a = affine(xp, x[t, rows], w_ih, b_ih)  # (n,3H)
        h[t + 1, rows], kept_t = cho_step(xp, a, h[t, rows], w_hh, b_hh)
        kept[t, :, rows] = xp.stack(kept_t)

    def pullback(gs, needs):
        dhs = order.read(gradient_or_zeros(xp, gs[0], (T, B, H), dtype))
        dh = order.read_state(gradient_or_zeros(xp, gs[1], (B, H), dtype))  # from step t + 1
        dx = xp.zeros((T, B, I), dtype=dtype)
        dw_ih = xp.zeros((3 * H, I), dtype=dtype)
        dw_hh = xp.zeros((3 * H, H), dtype=dtype)
        dw_hrz, dw_hn = dw_hh[: 2 * H], dw_hh[2 * H :]
        db = xp.zeros((3 * H,), dtype=dtype)
        for t, rows in reversed(order.steps()):
            dh_t = dh[rows] + dhs[t, rows]
            da, dh[rows] = cho_step_back(xp, kept[t, :, rows], h[t, rows], w_hh, dh_t)
            dw_ih += xp.matmul(da.T, x[t, rows])
            dw_hrz += xp.matmul(da[:, : 2 * H].T, h[t, rows])
            dw_hn += xp.matmul(da[:, 2 * H :].T, kept[t, 3, rows])
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
