"""The GRU over a whole sequence as one op. Layout, s and the names of the weights: see `recurrent`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult, op
from minigrad.cells import Lengths, gru_composed
from minigrad.fast.halves import in_halves
from minigrad.fast.kernel import kernel
from minigrad.fast.sequence import Scan, buffers, columns_of


@kernel("T *w, T *a, const T *b, const T *bh, const T *h0, T *h, long long H")
def gru_step() -> None:
    """
    int j = (int)i % (int)H, k = (int)i / (int)H * 3 * H + j;
    auto sum = [&](int gate) { return w[k + gate * H] + b[j + gate * H] + a[k + gate * H] + bh[j + gate * H]; };
    auto sigma = [](T x) { return (T)0.5 * tanh((T)0.5 * x) + (T)0.5; };
    T r = sigma(sum(0)), z = sigma(sum(1)), u = a[k + 2 * H] + bh[j + 2 * H];
    T n = tanh(w[k + 2 * H] + b[j + 2 * H] + r * u);
    w[k] = r, w[k + H] = z, w[k + 2 * H] = n, a[k + 2 * H] = u;
    h[i] = n + z * (h0[i] - n);
    """


@kernel(
    "T *da, T *du, const T *w, const T *a, const T *h0, const T *h, const T *g, const T *later, T *dh, long long H"
)
def gru_back() -> None:
    """
    int k = (int)i / (int)H * 3 * H + (int)i % (int)H;
    T r = w[k], z = w[k + H], n = w[k + 2 * H], u = a[k + 2 * H], d = dh[i] + later[i] + (g ? g[i] : 0);
    T dn = d * (1 - z) * (1 - n * n);
    da[k] = du[k] = dn * u * r * (1 - r);
    da[k + H] = du[k + H] = d * (h0[i] - n) * z * (1 - z);
    da[k + 2 * H] = dn;
    du[k + 2 * H] = dn * r;
    dh[i] = d * z;
    """


@op(composed=gru_composed, over_time=True)
@in_halves
def gru(
    xp: XP,
    x: Array,
    h0: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array,
    b_hh: Array,
    *,
    lengths: Lengths = None,
    reverse: bool = False,
    reset_after: bool = True,
) -> RuleResult:
    """r, z = σ(U h + V x), n = tanh(r u + V x) with u = U h;  h_t = n + z (h - n), where h is h_{t-1}.

        ∂a_z = ∂h_t (h - n) z'     ∂a_n = ∂h_t (1 - z) n'     ∂a_r = ∂a_n u r'     ∂u = ∂a_n r
        ∂h = ∂h_t z + Uᵀ ∂(u, a_r, a_z)

    with σ' = σ (1 - σ) and n' = 1 - n². All but ∂h_t is known before it is.
    reset_after=False: n = tanh(U (r h) + V x), so ∂(r h) = Uᵀ ∂a_n, ∂a_r = ∂(r h) h r', and ∂h gets ∂(r h) r.
    x (T,B,I), h0 (B,H), w_ih (3H,I), w_hh (3H,H), b_ih and b_hh (3H,) or None -> hs (T,B,H), h_n (B,H).
    lengths (B,): row b ends after lengths[b] steps, and its hs are 0 from there; reverse: from its end to its start.

    u, r, z and n of one step lie under one another: U gives the first three (its columns [h; 1] of s), V the last
    three ([1; x] of s), and each is one product. Without reset_after, r h takes the place of u.
    """
    if vars(xp).get("kernels") and reset_after:
        from minigrad.fast.gpu.recurrent import scan_on_gpu

        return scan_on_gpu(
            xp, gru_step, gru_back, x, [h0], [w_ih, w_hh, b_ih, b_hh], lengths, reverse
        )
    H = h0.shape[1]
    b_u, b_v = (xp.zeros(3 * H, dtype=w_hh.dtype),) * 2 if b_ih is None else (b_hh, b_ih)
    U = xp.roll(xp.concatenate([w_hh, b_u[:, None]], axis=1), H, axis=0)  # (3H,H+1), r z n -> n r z
    V = xp.concatenate([b_v[:, None], w_ih], axis=1)  # (3H,1+I), r z n
    half_U, half_V = U.copy(), V.copy()  # σ(a) = ½ tanh(a/2) + ½
    half_U[H:] *= 0.5
    half_V[: 2 * H] *= 0.5
    scan = Scan(xp, x, h0, lengths, reverse, xp.result_type(x, h0, U, V))
    s, running, T, B = scan.s, scan.running, scan.T, scan.B
    blocks = buffers.empty(xp, (T, 4 * H, B), scan.dtype)
    vxs = buffers.empty(xp, (3 * H, B), scan.dtype)
    for t, cols in enumerate(running):
        a, vx, h, h_t = blocks[t, :, :cols], vxs[:, :cols], s[t, :H, :cols], s[t + 1, :H, :cols]
        u, r, z, n, rz = a[:H], a[H : 2 * H], a[2 * H : 3 * H], a[3 * H :], a[H : 3 * H]
        xp.matmul(half_V, s[t, H:, :cols], out=vx)
        if reset_after:
            xp.matmul(half_U, s[t, : H + 1, :cols], out=a[: 3 * H])
        else:
            xp.matmul(half_U[H:], s[t, : H + 1, :cols], out=rz)
        rz += vx[: 2 * H]
        xp.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        if reset_after:
            xp.multiply(r, u, out=n)
        else:
            xp.matmul(U[:H, :H], xp.multiply(r, h, out=u), out=n)
            n += U[:H, H:]
        n += vx[2 * H :]
        xp.tanh(n, out=n)
        xp.subtract(h, n, out=h_t)
        h_t *= z
        h_t += n
    scan.end(s[1:, :H])
    scan.end(blocks)

    def pull(gs: Any, needs: Sequence[bool]) -> Any:
        g_hs, dh = scan.seeds(gs[0]), scan.seed(gs[1])
        das, es = (
            buffers.empty(xp, (scan.width, 4 * H, B), scan.dtype),
            buffers.empty(xp, (H, B), scan.dtype),
        )
        du, dv = buffers.empty(xp, U.shape, U.dtype), buffers.empty(xp, V.shape, V.dtype)
        room, s_room, u_room = scan.rooms(4 * H, s.shape[1], H)
        dU, dV, dx = xp.zeros_like(U), xp.zeros_like(V), scan.empty_dx(needs[0])
        Ut, Un, Urz = U[:, :H].T, U[:H, :H].T, U[H:, :H].T
        for steps, cols in scan.chunks():
            a = xp.reshape(blocks, (T, 4, H, B))[steps, :, :, :cols]  # (m,4,H,n)
            m, h = len(a), s[steps, :H, :cols]
            da = xp.reshape(das, (scan.width, 4, H, B))[:m, :, :, :cols]
            u, r, z, n = a[:, 0], a[:, 1], a[:, 2], a[:, 3]
            xp.multiply(a[:, 1:], a[:, 1:], out=da[:, 1:])
            xp.subtract(a[:, 1:3], da[:, 1:3], out=da[:, 1:3])  # r', z'
            xp.subtract(1, da[:, 3], out=da[:, 3])  # n'
            da[:, 2] *= xp.subtract(h, n, out=da[:, 0])
            da[:, 3] *= xp.subtract(1, z, out=da[:, 0])
            da[:, 1] *= u if reset_after else h
            da[:, 0] = r
            scan.end(das[:m, :, :cols], steps.start)
            for t in reversed(range(steps.start, steps.stop)):
                k, n_t = t - steps.start, running[t]
                d, e, dh_t = da[k, :, :, :n_t], es[:, :n_t], dh[:, :n_t]
                if g_hs is not None:
                    dh_t += g_hs[t]
                d[2:] *= dh_t  # ∂a_z, ∂a_n
                xp.multiply(dh_t, z[k, :, :n_t], out=e)
                if reset_after:
                    d[:2] *= d[3]  # ∂u, ∂a_r
                    xp.matmul(Ut, das[k, : 3 * H, :n_t], out=dh_t)
                else:
                    xp.matmul(Un, d[3], out=dh_t)  # ∂(r h)
                    d[:2] *= dh_t  # ∂(r h) r, ∂a_r
                    e += d[0]
                    xp.matmul(Urz, das[k, H : 3 * H, :n_t], out=dh_t)
                dh_t += e
            d = das[:m, :, :cols]
            if dx is not None:
                xp.matmul(xp.swapaxes(d[:, H:], 1, 2), w_ih, out=dx[steps, :cols])
            d, sc = columns_of(xp, d, room), columns_of(xp, s[steps, :, :cols], s_room)
            if reset_after:
                dU += xp.matmul(d[: 3 * H], sc[: H + 1].T, out=du)
            else:
                dU[:H, :H] += d[3 * H :] @ columns_of(xp, u, u_room).T
                dU[:H, H] += xp.sum(d[3 * H :], axis=1)
                dU[H:] += d[H : 3 * H] @ sc[: H + 1].T
            dV += xp.matmul(d[H:], sc[H:].T, out=dv)
        dU = xp.roll(dU, -H, axis=0)
        biases = (None, None) if b_ih is None else (dV[:, 0], dU[:, H])
        return scan.over_time(dx), scan.as_rows(dh.T), dV[:, 1:], dU[:, :H], *biases

    return (scan.hs(), scan.last(s[:, :H])), pull
