"""The GRU on a GPU: in one launch, or one for each step. It must equal
`minigrad.byhand.gru`.
"""

from __future__ import annotations

from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.gru import gru
from minigrad.byhand.sequence import check_shapes
from minigrad.cells import Lengths
from minigrad.fast.gpu.one_launch import kind_of
from minigrad.fast.gpu.recurrent import run_on_gpu
from minigrad.faster import faster

GRU = kind_of("gru", 3)


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
    """The kernels of gru_scan.cu, or of gru.cu, step after step."""
    check_shapes("gru", 3, x, [h0], w_ih, w_hh, b_ih, b_hh, lengths)
    weights = [w_ih, w_hh, b_ih, b_hh]
    return run_on_gpu(xp, GRU, x, [h0], weights, lengths, reverse)
