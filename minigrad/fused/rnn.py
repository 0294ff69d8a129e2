"""The RNN over a whole sequence as one op. The notation (s, W, feature-major) is that of `recurrent`."""

from __future__ import annotations

from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import Rule, op
from minigrad.fused.recurrent import Scan, split_weight, summed_bias
from minigrad.steps import Lengths, rnn_by_steps


@op(composed=rnn_by_steps)
def rnn(
    xp: XP, x: Array, h0: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array,
    *, lengths: Lengths = None, reverse: bool = False, nonlinearity: str = "tanh",
) -> Rule:  # fmt: skip
    """h_t = tanh a_t, a_t = W s_t,    ∂a = ∂h (1 - h²); with relu: h_t = max(a_t, 0),  ∂a = ∂h where h > 0.

    x (T,B,I), h0 (B,H), w_ih (H,I), w_hh (H,H), b_ih and b_hh (H,) or None -> hs (T,B,H), h_n (B,H).
    """
    H = h0.shape[1]
    W = xp.concatenate([w_hh, summed_bias(xp, b_ih, b_hh, w_hh), w_ih], axis=1)  # (H,K)
    scan = Scan(xp, x, h0, lengths, reverse, xp.result_type(x, h0, W))
    s, running = scan.s, scan.running
    for t, n in enumerate(running):
        h = s[t + 1, :H, :n]
        xp.matmul(W, s[t, :, :n], out=h)
        if nonlinearity == "tanh":
            xp.tanh(h, out=h)
        else:
            xp.maximum(h, 0, out=h)

    def pull(gs: Any) -> Any:
        ds, g_hs, dx = scan.gradients(*gs)
        da, dW, term = xp.empty(ds[:H].shape, dtype=ds.dtype), xp.zeros_like(W), xp.empty_like(W)
        for t in reversed(range(len(running))):
            n = running[t]
            h, dh, d = s[t + 1, :H, :n], ds[:H, :n], da[:, :n]
            if g_hs is not None:
                dh += g_hs[t, :n].T
            if nonlinearity == "tanh":
                xp.multiply(h, h, out=d)
                xp.subtract(1, d, out=d)
                d *= dh
            else:
                xp.multiply(dh, h.real > 0, out=d)
            dW += xp.matmul(d, s[t, :, :n].T, out=term)
            xp.matmul(W.T, d, out=ds[:, :n])
            dx[t, :, :n] = ds[H + 1 :, :n]
        return scan.times(dx), scan.rows(ds[:H]), *split_weight(dW, H, b_ih is not None)

    return (scan.times(s[1:, :H]), scan.last(s[:, :H])), pull
