"""The LSTM over a whole sequence as one op. Layout, s, U, V and W: see `recurrent`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult, op
from minigrad.cells import Lengths, lstm_composed
from minigrad.fast.halves import in_halves
from minigrad.fast.kernel import kernel
from minigrad.fast.sequence import Scan, buffers, columns_of, join, split


@kernel(
    "T *z, const T *a, const T *b, const T *bh, const T *h0, const T *c0, T *h, T *c, long long H"
)
def lstm_step() -> None:
    """
    int j = (int)i % (int)H, k = (int)i / (int)H * 4 * H + j;  // 64 bits would divide for longer than all else takes
    auto sum = [&](int gate) { return z[k + gate * H] + b[j + gate * H] + a[k + gate * H] + bh[j + gate * H]; };
    auto sigma = [](T x) { return (T)0.5 * tanh((T)0.5 * x) + (T)0.5; };
    T in = sigma(sum(0)), f = sigma(sum(1)), g = tanh(sum(2)), o = sigma(sum(3));
    z[k] = in, z[k + H] = f, z[k + 2 * H] = g, z[k + 3 * H] = o;
    c[i] = in * g + f * c0[i];
    h[i] = o * tanh(c[i]);
    """


@kernel(
    "T *da, T *du, const T *z, const T *a, const T *h0, const T *c0, const T *h, const T *c, const T *g_h, "
    "const T *later, T *dh, T *dc, long long H"
)
def lstm_back() -> None:
    """
    int k = (int)i / (int)H * 4 * H + (int)i % (int)H;
    T in = z[k], f = z[k + H], g = z[k + 2 * H], o = z[k + 3 * H], y = tanh(c[i]);
    T d = dh[i] + later[i] + (g_h ? g_h[i] : 0), e = dc[i] + d * o * (1 - y * y);
    da[k] = e * g * in * (1 - in);
    da[k + H] = e * c0[i] * f * (1 - f);
    da[k + 2 * H] = e * in * (1 - g * g);
    da[k + 3 * H] = d * y * o * (1 - o);
    dc[i] = e * f;
    dh[i] = 0;
    """


@op(composed=lstm_composed, over_time=True)
@in_halves
def lstm(
    xp: XP,
    x: Array,
    h0: Array,
    c0: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array,
    b_hh: Array,
    *,
    lengths: Lengths = None,
    reverse: bool = False,
) -> RuleResult:
    """o, i, f = σ(W s_t), g = tanh(W s_t);  c_t = i g + f c_{t-1},  h_t = o y with y = tanh c_t.

        ∂c_t += ∂h_t o (1 - y²)       ∂c_{t-1} = ∂c_t f
        ∂a_o = ∂h_t y o'     ∂a_i = ∂c_t g i'     ∂a_f = ∂c_t c_{t-1} f'     ∂a_g = ∂c_t i g'

    with σ' = σ (1 - σ) and g' = 1 - g². All but ∂h_t and ∂c_t is known before they are.
    x (T,B,I), h0, c0 (B,H), w_ih (4H,I), w_hh (4H,H), b_ih and b_hh (4H,) or None -> hs (T,B,H), h_n, c_n (B,H).
    lengths (B,): row b ends after lengths[b] steps, and its hs are 0 from there; reverse: from its end to its start.

    o, i, f, g and c_{t-1} of one step lie under one another, so that (i, f) times (g, c_{t-1}) is one call.
    σ(a) = ½ tanh(a/2) + ½ with the inner ½ in W: one tanh serves all four gates.
    """
    if vars(xp).get("kernels"):
        from minigrad.fast.gpu.recurrent import scan_on_gpu

        return scan_on_gpu(
            xp, lstm_step, lstm_back, x, [h0, c0], [w_ih, w_hh, b_ih, b_hh], lengths, reverse
        )
    H = h0.shape[1]
    W = xp.roll(join(xp, w_ih, w_hh, b_ih, b_hh), H, axis=0)  # i f g o -> o i f g
    halved = W.copy()
    halved[: 3 * H] *= 0.5
    scan = Scan(xp, x, h0, lengths, reverse, xp.result_type(x, h0, c0, W))
    s, running, T, B = scan.s, scan.running, scan.T, scan.B
    z = buffers.empty(xp, (T + 1, 5 * H, B), scan.dtype)
    z[0, 4 * H :] = c0[scan.order].T
    products = buffers.empty(xp, (2 * H, B), scan.dtype)
    for t, n in enumerate(running):
        z_t, c, ig_fc = z[t, :, :n], z[t + 1, 4 * H :, :n], products[:, :n]
        gates, sigmoids, y = z_t[: 4 * H], z_t[: 3 * H], ig_fc[:H]
        xp.tanh(xp.matmul(halved, s[t, :, :n], out=gates), out=gates)
        sigmoids *= 0.5
        sigmoids += 0.5
        xp.multiply(z_t[H : 3 * H], z_t[3 * H :], out=ig_fc)
        xp.add(ig_fc[:H], ig_fc[H:], out=c)
        xp.multiply(z_t[:H], xp.tanh(c, out=y), out=s[t + 1, :H, :n])
    for ended in (s[1:, :H], z[:T, : 4 * H], z[1:, 4 * H :]):
        scan.end(ended)
    blocks = xp.reshape(z, (T + 1, 5, H, B))

    def pull(gs: Any, needs: Sequence[bool]) -> Any:
        g_hs, dh, dc = scan.seeds(gs[0]), scan.seed(gs[1]), scan.seed(gs[2])
        das = buffers.empty(xp, (scan.width, 4 * H, B), scan.dtype)
        ys, qs = buffers.empty(xp, (2, scan.width, H, B), scan.dtype)
        product, (room, s_room) = buffers.empty(xp, W.shape, W.dtype), scan.rooms(*W.shape)
        dW, dx, Ut, V = xp.zeros_like(W), scan.empty_dx(needs[0]), W[:, :H].T, W[:, H + 1 :]
        for steps, n in scan.chunks():
            gates = blocks[steps, :, :, :n]  # (m,5,H,n)
            m = len(gates)
            o, i, f = gates[:, 0], gates[:, 1], gates[:, 2]
            da = xp.reshape(das, (scan.width, 4, H, B))[:m, :, :, :n]
            xp.multiply(gates[:, :4], gates[:, :4], out=da)
            xp.subtract(gates[:, :3], da[:, :3], out=da[:, :3])  # o', i', f'
            xp.subtract(1, da[:, 3], out=da[:, 3])  # g'
            y = xp.tanh(blocks[1:][steps, 4, :, :n], out=ys[:m, :, :n])
            da[:, 0] *= y
            da[:, 1:3] *= gates[:, 3:]
            da[:, 3] *= i
            q = xp.multiply(s[1:][steps, :H, :n], y, out=qs[:m, :, :n])  # o y²
            xp.subtract(o, q, out=q)  # o (1 - y²)
            for t in reversed(range(steps.start, steps.stop)):
                k, n_t = t - steps.start, running[t]
                d, e, dh_t, dc_t = da[k, :, :, :n_t], q[k, :, :n_t], dh[:, :n_t], dc[:, :n_t]
                if g_hs is not None:
                    dh_t += g_hs[t]
                e *= dh_t
                dc_t += e
                d[0] *= dh_t  # ∂a_o
                d[1:] *= dc_t  # ∂a_i, ∂a_f, ∂a_g
                dc_t *= f[k, :, :n_t]
                xp.matmul(Ut, das[k, :, :n_t], out=dh_t)
            d_all, s_all = (
                columns_of(xp, das[:m, :, :n], room),
                columns_of(xp, s[steps, :, :n], s_room),
            )
            dW += xp.matmul(d_all, s_all.T, out=product)
            if dx is not None:
                xp.matmul(xp.swapaxes(das[:m, :, :n], 1, 2), V, out=dx[steps, :n])
        return (
            scan.over_time(dx),
            scan.as_rows(dh.T),
            scan.as_rows(dc.T),
            *split(xp.roll(dW, -H, axis=0), H, b_ih),
        )

    return (scan.hs(), scan.last(s[:, :H]), scan.last(z[:, 4 * H :])), pull
