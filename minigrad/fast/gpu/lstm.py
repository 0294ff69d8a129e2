"""The LSTM on a GPU: in one launch, or one for each step. It must equal
`minigrad.byhand.lstm`.
"""

from __future__ import annotations

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.lstm import lstm
from minigrad.byhand.sequence import check_shapes
from minigrad.cells import Lengths
from minigrad.fast.gpu.one_launch import kind_of
from minigrad.fast.gpu.recurrent import run_on_gpu
from minigrad.faster import faster

LSTM = kind_of("lstm", 4)


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
    """The kernels of lstm_scan.cu, or of lstm.cu, step after step."""
    check_shapes("lstm", 4, x, [h0, c0], w_ih, w_hh, b_ih, b_hh, lengths)
    weights = [w_ih, w_hh, b_ih, b_hh]
    return run_on_gpu(xp, LSTM, x, [h0, c0], weights, lengths, reverse)
