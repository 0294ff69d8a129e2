"""The LSTM over a whole sequence as one op. The notation (s, W, feature-major) is that of `recurrent`."""

from __future__ import annotations

from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import Rule, op
from minigrad.fused.recurrent import Scan, buffers, split_weight, summed_bias
from minigrad.steps import Lengths, lstm_by_steps


@op(composed=lstm_by_steps)
def lstm(
    xp: XP, x: Array, h0: Array, c0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array,
    *, lengths: Lengths = None, reverse: bool = False,
) -> Rule:  # fmt: skip
    """o, i, f = σ, g = tanh of W s_t;  c_t = i g + f c_{t-1},  h_t = o tanh c_t.  With y = tanh c_t:

        ∂c_t += ∂h o (1 - y²)        ∂o = ∂h y     ∂i = ∂c g     ∂f = ∂c c_{t-1}     ∂g = ∂c i
        ∂c_{t-1} = ∂c f              ∂a = ∂(o, i, f) σ(1 - σ) and ∂g (1 - g²)

    x (T,B,I), h0, c0 (B,H), w_ih (4H,I), w_hh (4H,H), b_ih and b_hh (4H,) or None -> hs (T,B,H), h_n, c_n (B,H).

    The blocks o, i, f, g, c_{t-1} of a step lie under one another: the three sigmoids are one block, (i, f) times
    (g, c_{t-1}) is one product, and so is (i, f, g)'s gradient with ∂c. σ(a) = ½ tanh(a/2) + ½, with the ½ inside
    folded into W: one tanh serves all four gates.
    """
    H = h0.shape[1]
    W = xp.concatenate([w_hh, summed_bias(xp, b_ih, b_hh, w_hh), w_ih], axis=1)  # (4H,K)
    W = xp.roll(W, H, axis=0)  # i f g o -> o i f g
    halved = W.copy()
    halved[: 3 * H] *= 0.5
    scan = Scan(xp, x, h0, lengths, reverse, xp.result_type(x, h0, c0, W))
    s, running, dtype = scan.s, scan.running, scan.dtype
    T, B = x.shape[:2]
    blocks = buffers.empty(xp, (T + 1, 5 * H, B), dtype)  # o i f g c
    blocks[0, 4 * H :] = scan.columns(c0)
    sums, ys = xp.empty((2 * H, B), dtype=dtype), xp.empty((H, B), dtype=dtype)
    for t, n in enumerate(running):
        z, c, ig_fc, y = blocks[t, :, :n], blocks[t + 1, 4 * H :, :n], sums[:, :n], ys[:, :n]
        a, sigmoids = z[: 4 * H], z[: 3 * H]
        xp.tanh(xp.matmul(halved, s[t, :, :n], out=a), out=a)
        sigmoids *= 0.5
        sigmoids += 0.5
        xp.multiply(z[H : 3 * H], z[3 * H :], out=ig_fc)
        xp.add(ig_fc[:H], ig_fc[H:], out=c)
        xp.multiply(z[:H], xp.tanh(c, out=y), out=s[t + 1, :H, :n])

    def pull(gs: Any) -> Any:
        g_hs, g_last, g_cell = gs
        ds, g_hs, dx = scan.gradients(g_hs, g_last)
        dcs = scan.zeros_or(g_cell)
        das, es = xp.empty((4 * H, B), dtype=dtype), xp.empty((H, B), dtype=dtype)
        dW, term = xp.zeros_like(W), xp.empty_like(W)
        for t in reversed(range(len(running))):
            n = running[t]
            z, d, dh, dc = blocks[t, :, :n], das[:, :n], ds[:H, :n], dcs[:, :n]
            y, e = ys[:, :n], es[:, :n]
            if g_hs is not None:
                dh += g_hs[t, :n].T
            xp.tanh(blocks[t + 1, 4 * H :, :n], out=y)
            xp.multiply(s[t + 1, :H, :n], y, out=e)  # h y = o y²
            xp.subtract(z[:H], e, out=e)
            e *= dh
            dc += e
            xp.multiply(z[: 4 * H], z[: 4 * H], out=d)
            xp.subtract(z[: 3 * H], d[: 3 * H], out=d[: 3 * H])  # σ - σ²
            xp.subtract(1, d[3 * H :], out=d[3 * H :])  # 1 - g²
            y *= dh
            d[:H] *= y
            d[H : 3 * H] *= z[3 * H :]
            d[3 * H :] *= z[H : 2 * H]
            xp.multiply(d[H:].reshape(3, H, n), dc, out=d[H:].reshape(3, H, n))
            dc *= z[2 * H : 3 * H]
            dW += xp.matmul(d, s[t, :, :n].T, out=term)
            xp.matmul(W.T, d, out=ds[:, :n])
            dx[t, :, :n] = ds[H + 1 :, :n]
        weights = split_weight(xp.roll(dW, -H, axis=0), H, b_ih is not None)
        return scan.times(dx), scan.rows(ds[:H]), scan.rows(dcs), *weights

    return (scan.times(s[1:, :H]), scan.last(s[:, :H]), scan.last(blocks[:, 4 * H :])), pull
