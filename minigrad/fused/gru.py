"""The GRU over a whole sequence as one op. The notation (s, W, feature-major) is that of `recurrent`."""

from __future__ import annotations

from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import Rule, op
from minigrad.fused.recurrent import Scan, buffers
from minigrad.steps import Lengths, gru_by_steps


@op(composed=gru_by_steps)
def gru(
    xp: XP, x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array,
    *, lengths: Lengths = None, reverse: bool = False, reset_after: bool = True,
) -> Rule:  # fmt: skip
    """r, z = σ(U h + W x), n = tanh(r u + W x) with u = U h;  h_t = n + z (h_{t-1} - n).

        ∂z = ∂h (h_{t-1} - n)     ∂n = ∂h (1 - z)     ∂a_n = ∂n (1 - n²)     ∂r = ∂a_n u     ∂u = ∂a_n r
        ∂a_r, ∂a_z = ∂r, ∂z times σ(1 - σ)            ∂h_{t-1} = ∂h z + Uᵀ ∂(u, a_r, a_z)    ∂x = Wᵀ ∂(a_r, a_z, a_n)

    x (T,B,I), h0 (B,H), w_ih (3H,I), w_hh (3H,H), b_ih and b_hh (3H,) or None -> hs (T,B,H), h_n (B,H).
    reset_after=False: u = U (r h_{t-1}) enters the candidate as it is, n = tanh(u + W x).

    The blocks u, r, z, n lie under one another: the first three are what U gives, the last three what W gives.
    """
    T, B = x.shape[:2]
    H = h0.shape[1]
    b_u, b_x = (xp.zeros(3 * H, dtype=w_hh.dtype),) * 2 if b_ih is None else (b_hh, b_ih)
    U = xp.roll(xp.concatenate([w_hh, b_u[:, None]], axis=1), H, axis=0)  # (3H,H+1): r z n -> n r z
    W = xp.concatenate([b_x[:, None], w_ih], axis=1)  # (3H,1+I): r z n
    half_U, half_W = U.copy(), W.copy()
    half_U[H:] *= 0.5
    half_W[: 2 * H] *= 0.5
    scan = Scan(xp, x, h0, lengths, reverse, xp.result_type(x, h0, W, U))
    s, running, dtype = scan.s, scan.running, scan.dtype
    blocks = buffers.empty(xp, (T, 4 * H, B), dtype)  # u r z n
    wxs, rh1 = xp.empty((3 * H, B), dtype=dtype), xp.ones((H + 1, B), dtype=dtype)
    for t, size in enumerate(running):
        v, wx, h = blocks[t, :, :size], wxs[:, :size], s[t, :H, :size]
        u, r, z, n, rz = v[:H], v[H : 2 * H], v[2 * H : 3 * H], v[3 * H :], v[H : 3 * H]
        xp.matmul(half_W, s[t, H:, :size], out=wx)
        if reset_after:
            xp.matmul(half_U, s[t, : H + 1, :size], out=v[: 3 * H])
        else:
            xp.matmul(half_U[H:], s[t, : H + 1, :size], out=rz)
        rz += wx[: 2 * H]
        xp.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        if reset_after:
            xp.multiply(r, u, out=n)
        else:
            xp.multiply(r, h, out=rh1[:H, :size])
            xp.matmul(U[:H], rh1[:, :size], out=n)
        n += wx[2 * H :]
        xp.tanh(n, out=n)
        after = s[t + 1, :H, :size]
        xp.subtract(h, n, out=after)
        after *= z
        after += n

    def pull(gs: Any) -> Any:
        ds, g_hs, dx = scan.gradients(*gs)
        das, es = xp.empty((4 * H, B), dtype=dtype), xp.empty((H, B), dtype=dtype)
        dhs = xp.empty((H, B), dtype=dtype)
        dU, dW, term_u, term_w = xp.zeros_like(U), xp.zeros_like(W), xp.empty_like(U), xp.empty_like(W)
        for t in reversed(range(len(running))):
            size = running[t]
            v, d, e, h, dh = blocks[t, :, :size], das[:, :size], es[:, :size], s[t, :H, :size], ds[:H, :size]
            u, r, z, n, rz = v[:H], v[H : 2 * H], v[2 * H : 3 * H], v[3 * H :], v[H : 3 * H]
            du, dr, dz, dn, drz = d[:H], d[H : 2 * H], d[2 * H : 3 * H], d[3 * H :], d[H : 3 * H]
            if g_hs is not None:
                dh += g_hs[t, :size].T
            xp.multiply(rz, rz, out=drz)
            xp.subtract(rz, drz, out=drz)  # σ - σ²
            xp.subtract(h, n, out=e)
            e *= dh
            dz *= e
            xp.multiply(dh, z, out=e)  # ∂h z
            dh -= e  # ∂h (1 - z)
            xp.multiply(n, n, out=dn)
            xp.subtract(1, dn, out=dn)
            dn *= dh
            if reset_after:
                xp.multiply(dn, r, out=du)
                dr *= u
                dr *= dn
                dU += xp.matmul(d[: 3 * H], s[t, : H + 1, :size].T, out=term_u)
                xp.matmul(U[:, :H].T, d[: 3 * H], out=dh)
            else:
                xp.matmul(U[:H, :H].T, dn, out=du)  # ∂(r h)
                dr *= h
                dr *= du
                xp.multiply(r, h, out=rh1[:H, :size])
                dU[:H] += xp.matmul(dn, rh1[:, :size].T, out=term_u[:H])
                dU[H:] += xp.matmul(drz, s[t, : H + 1, :size].T, out=term_u[H:])
                du *= r
                xp.matmul(U[H:, :H].T, drz, out=dh)
                dh += du
            dh += e
            dW += xp.matmul(d[H:], s[t, H:, :size].T, out=term_w)
            xp.matmul(W[:, 1:].T, d[H:], out=dx[t, :, :size])
        dU = xp.roll(dU, -H, axis=0)
        biases = (None, None) if b_ih is None else (dW[:, 0], dU[:, H])
        return scan.times(dx), scan.rows(ds[:H]), dW[:, 1:], dU[:, :H], *biases

    return (scan.times(s[1:, :H]), scan.last(s[:, :H])), pull
