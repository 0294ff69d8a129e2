"""The GRU on a GPU: one kernel for each step, forward and back. It must equal `minigrad.byhand.gru`."""

from __future__ import annotations

from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.gru import gru
from minigrad.byhand.sequence import check_sizes
from minigrad.cells import Lengths
from minigrad.fast.gpu.recurrent import run_on_gpu
from minigrad.fast.kernel import kernel
from minigrad.faster import faster


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


def resets_after(*args: Any, reset_after: bool = True, **settings: Any) -> bool:
    """Whether this is PyTorch's GRU: the kernels are for it alone."""
    return reset_after


@faster(gru, device="cuda", when=resets_after)
def gru_on_gpu(
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
    """The kernels above, step after step."""
    check_sizes("gru", 3, x, [h0], w_ih, w_hh, b_ih, b_hh, lengths)
    weights = [w_ih, w_hh, b_ih, b_hh]
    return run_on_gpu(xp, gru_step, gru_back, x, [h0], weights, lengths, reverse)
