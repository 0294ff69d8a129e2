"""The RNN over a whole sequence as one op. Layout, s, U, V and W: see `recurrent`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult, op
from minigrad.cells import Lengths, rnn_composed
from minigrad.fast.halves import in_halves
from minigrad.fast.kernel import kernel
from minigrad.fast.sequence import Scan, buffers, columns_of, join, split


@kernel(
    "const T *x, const T *a, const T *b, const T *bh, const T *h0, T *h, long long H, long long relu"
)
def rnn_step() -> None:
    """
    int j = (int)i % (int)H;
    T sum = x[i] + b[j] + a[i] + bh[j];
    h[i] = relu ? (sum > 0 ? sum : 0) : tanh(sum);
    """


@kernel(
    "T *da, T *du, const T *x, const T *a, const T *h0, const T *h, const T *g, const T *later, T *dh, "
    "long long H, long long relu"
)
def rnn_back() -> None:
    """
    da[i] = (dh[i] + later[i] + (g ? g[i] : 0)) * (relu ? h[i] > 0 : 1 - h[i] * h[i]);
    dh[i] = 0;
    """


@op(composed=rnn_composed, over_time=True)
@in_halves
def rnn(
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
    nonlinearity: str = "tanh",
) -> RuleResult:
    """h_t = tanh(W s_t),    ∂a_t = ∂h_t (1 - h_t²); with "relu" h_t = max(W s_t, 0),    ∂a_t = ∂h_t where h_t > 0.

    x (T,B,I), h0 (B,H), w_ih (H,I), w_hh (H,H), b_ih and b_hh (H,) or None -> hs (T,B,H), h_n (B,H).
    lengths (B,): row b ends after lengths[b] steps, and its hs are 0 from there; reverse: from its end to its start.
    """
    if vars(xp).get("kernels"):
        from minigrad.fast.gpu.recurrent import scan_on_gpu

        weights, relu = [w_ih, w_hh, b_ih, b_hh], int(nonlinearity == "relu")
        return scan_on_gpu(xp, rnn_step, rnn_back, x, [h0], weights, lengths, reverse, relu)
    H = h0.shape[1]
    W = join(xp, w_ih, w_hh, b_ih, b_hh)
    scan = Scan(xp, x, h0, lengths, reverse, xp.result_type(x, h0, W))
    s, running = scan.s, scan.running
    for t, n in enumerate(running):
        h = s[t + 1, :H, :n]
        xp.matmul(W, s[t, :, :n], out=h)
        if nonlinearity == "tanh":
            xp.tanh(h, out=h)
        else:
            xp.maximum(h, 0, out=h)
    scan.end(s[1:, :H])

    def pull(gs: Any, needs: Sequence[bool]) -> Any:
        g_hs, dh = scan.seeds(gs[0]), scan.seed(gs[1])
        das = buffers.empty(xp, (scan.width, *dh.shape), scan.dtype)
        product, (room, s_room) = buffers.empty(xp, W.shape, W.dtype), scan.rooms(*W.shape)
        dW, dx, Ut = xp.zeros_like(W), scan.empty_dx(needs[0]), W[:, :H].T
        for steps, n in scan.chunks():
            h = s[1:][steps, :H, :n]  # (m,H,n)
            da = das[: len(h), :, :n]
            if nonlinearity == "tanh":
                xp.multiply(h, h, out=da)
                xp.subtract(1, da, out=da)
            else:
                da[...] = h.real > 0
            scan.end(da, steps.start)
            for t in reversed(range(steps.start, steps.stop)):
                n_t = running[t]
                d, dh_t = da[t - steps.start, :, :n_t], dh[:, :n_t]
                if g_hs is not None:
                    dh_t += g_hs[t]
                d *= dh_t
                xp.matmul(Ut, d, out=dh_t)
            dW += xp.matmul(
                columns_of(xp, da, room), columns_of(xp, s[steps, :, :n], s_room).T, out=product
            )
            if dx is not None:
                xp.matmul(xp.swapaxes(da, 1, 2), w_ih, out=dx[steps, :n])
        return scan.over_time(dx), scan.as_rows(dh.T), *split(dW, H, b_ih)

    return (scan.hs(), scan.last(s[:, :H])), pull
