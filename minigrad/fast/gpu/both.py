"""Both directions of a recurrent layer in one launch. It must equal
`minigrad.byhand.one_after_the_other`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.array import NAMESPACES, XP, Array
from minigrad.autograd import OPS, RuleResult, op
from minigrad.byhand.directions import BothResult, both_directions, one_after_the_other
from minigrad.cells import Lengths
from minigrad.fast.gpu.gru import GRU, resets_after
from minigrad.fast.gpu.lstm import LSTM
from minigrad.fast.gpu.one_launch import Direction, fit_of, run_in_one_launch
from minigrad.fast.gpu.rnn import RNN
from minigrad.faster import faster
from minigrad.graph import Op
from minigrad.tensor import Tensor

KINDS = {"rnn": RNN, "gru": GRU, "lstm": LSTM}


def fits(
    layer: Op, x: Tensor, forward: Sequence[Any], reverse: Sequence[Any], **settings: Any
) -> bool:
    """Whether there is a kernel for this layer, and its weights fit a multiprocessor."""
    if layer.__name__ not in KINDS or not resets_after(**settings):
        return False
    xp = NAMESPACES[type(x.array)]
    w_hh = forward[-3].array
    return fit_of(xp, KINDS[layer.__name__], x.array, w_hh, 2) is not None


@faster(both_directions, device="cuda", when=fits)
def both_on_gpu(
    layer: Op, x: Tensor, forward: Sequence[Any], reverse: Sequence[Any], **settings: Any
) -> BothResult:
    """One op for both directions."""
    hs, *states = run_both(x, *forward, *reverse, layer=layer, **settings)
    half = len(states) // 2
    return hs, tuple(states[:half]), tuple(states[half:])


def both_composed(x: Tensor, *arrays: Any, layer: Op, **settings: Any) -> tuple[Tensor, ...]:
    """The composition that `run_both` must equal."""
    half = len(arrays) // 2
    hs, last, last_reverse = one_after_the_other(layer, x, arrays[:half], arrays[half:], **settings)
    return hs, *last, *last_reverse


@op(composed=both_composed)
def run_both(
    xp: XP,
    x: Array,
    *arrays: Array,
    layer: Op,
    lengths: Lengths = None,
    nonlinearity: str = "tanh",
    reset_after: bool = True,
) -> RuleResult:
    """The kernels of scan.cuh in both directions.

    arrays: the states and weights of the first direction, then those of the second.
    """
    kind = KINDS[layer.__name__]
    half = len(arrays) // 2
    directions = [
        Direction(
            arrays[start : start + half - 4], arrays[start + half - 4 : start + half], reverse
        )
        for start, reverse in ((0, False), (half, True))
    ]
    w_hh = directions[0].weights[1]
    how = fit_of(xp, kind, x, w_hh, 2)
    assert how is not None
    return run_in_one_launch(xp, kind, how, x, directions, lengths, nonlinearity == "relu")


del OPS["run_both"]  # a part of this package: the two runs that it replaces are what is proved
