"""The RNN on a GPU: in one launch, or one for each step. It must equal
`minigrad.byhand.rnn`.
"""

from __future__ import annotations

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.rnn import rnn
from minigrad.byhand.sequence import check_shapes
from minigrad.cells import Lengths, check_nonlinearity
from minigrad.fast.gpu.one_launch import kind_of
from minigrad.fast.gpu.recurrent import run_on_gpu
from minigrad.faster import faster

RNN = kind_of("rnn", 1)


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
    """The kernels of rnn_scan.cu, or of rnn.cu, step after step."""
    check_shapes("rnn", 1, x, [h0], w_ih, w_hh, b_ih, b_hh, lengths)
    check_nonlinearity("rnn", nonlinearity)
    weights = [w_ih, w_hh, b_ih, b_hh]
    return run_on_gpu(xp, RNN, x, [h0], weights, lengths, reverse, nonlinearity == "relu")
