"""The RNN on a GPU: one kernel for each step, forward and back. It must equal `minigrad.byhand.rnn`."""

from __future__ import annotations

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.rnn import rnn
from minigrad.byhand.sequence import check_sizes
from minigrad.cells import Lengths, check_nonlinearity
from minigrad.fast.gpu.recurrent import run_on_gpu
from minigrad.fast.kernel import kernel
from minigrad.faster import faster


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


@faster(rnn, device="cuda")
def rnn_on_gpu(
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
    """The kernels above, step after step."""
    check_sizes("rnn", 1, x, [h0], w_ih, w_hh, b_ih, b_hh, lengths)
    check_nonlinearity(nonlinearity)
    is_relu = int(nonlinearity == "relu")
    weights = [w_ih, w_hh, b_ih, b_hh]
    return run_on_gpu(xp, rnn_step, rnn_back, x, [h0], weights, lengths, reverse, is_relu)
