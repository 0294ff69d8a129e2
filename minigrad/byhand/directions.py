"""A recurrent layer in both directions (Schuster & Paliwal 1997)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.array import NAMESPACES
from minigrad.cells import States
from minigrad.faster import run_fastest
from minigrad.graph import Op
from minigrad.ops import cat
from minigrad.tensor import Tensor

BothResult = tuple[Tensor, States, States]


def both_directions(
    layer: Op, x: Tensor, forward: Sequence[Any], reverse: Sequence[Any], **settings: Any
) -> BothResult:
    """Run rnn, gru or lstm over x from its start to its end, and from its end to its start.

    x (T,B,I). forward, reverse: the states (B,H) and the weights of each direction, as `layer`
    takes them after x; settings: its others. Returns hs (T,B,2H), those of both directions side by
    side, and the last states of each. Raises what `layer` raises.
    """
    kind = NAMESPACES[type(x.array)].kind
    arguments = (layer, x, forward, reverse)
    found: BothResult = run_fastest(
        "both_directions", one_after_the_other, kind, *arguments, **settings
    )
    return found


def one_after_the_other(
    layer: Op, x: Tensor, forward: Sequence[Any], reverse: Sequence[Any], **settings: Any
) -> BothResult:
    """`both_directions` as two runs of the layer."""
    hs, *last = layer(x, *forward, reverse=False, **settings)
    hs_reverse, *last_reverse = layer(x, *reverse, reverse=True, **settings)
    return cat([hs, hs_reverse], dim=-1), tuple(last), tuple(last_reverse)
