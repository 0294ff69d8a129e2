"""The LSTM on a GPU: one kernel for each step, forward and back. It must equal
`minigrad.byhand.lstm`.
"""

from __future__ import annotations

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.lstm import lstm
from minigrad.byhand.sequence import check_sizes
from minigrad.cells import Lengths
from minigrad.fast.gpu.recurrent import run_on_gpu
from minigrad.fast.gpu.source import Kernel
from minigrad.faster import faster

STEP = Kernel("lstm.cu", "lstm_step")
BACK = Kernel("lstm.cu", "lstm_back")


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
    """The kernels of lstm.cu, step after step."""
    check_sizes("lstm", 4, x, [h0, c0], w_ih, w_hh, b_ih, b_hh, lengths)
    weights = [w_ih, w_hh, b_ih, b_hh]
    return run_on_gpu(xp, STEP, BACK, x, [h0, c0], weights, lengths, reverse)
