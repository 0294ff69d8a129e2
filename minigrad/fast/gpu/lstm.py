"""The LSTM on a GPU: one kernel for each step, forward and back. It must equal `minigrad.byhand.lstm`."""

from __future__ import annotations

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.lstm import lstm
from minigrad.byhand.sequence import check_sizes
from minigrad.cells import Lengths
from minigrad.fast.gpu.recurrent import run_on_gpu
from minigrad.fast.kernel import kernel
from minigrad.faster import faster


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


@faster(lstm, device="cuda")
def lstm_on_gpu(
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
    """The kernels above, step after step."""
    check_sizes("lstm", 4, x, [h0, c0], w_ih, w_hh, b_ih, b_hh, lengths)
    weights = [w_ih, w_hh, b_ih, b_hh]
    return run_on_gpu(xp, lstm_step, lstm_back, x, [h0, c0], weights, lengths, reverse)
