"""The gates of an LSTM or a GRU, read from a finished run."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import Tensor, cat, cells, where
from minigrad.errors import shown

from .arguments import as_lengths
from .checked import checked
from .recurrent import GRU, LSTM, LayerRun, RNNBase


@checked
def gates(
    layer: RNNBase, input: Tensor, hx: Any = None, lengths: Any = None
) -> dict[str, dict[str, Tensor]]:
    """The gates of a run of an LSTM (i, f, g, o) or GRU (r, z, n), each (T,B,H), by run.

    A run is one layer in one direction. Called as the layer is. The gates depend on x_t and h_{t-1}
    alone, so they are computed from the finished run, all steps at once. After the end of a row, by
    `lengths`, its gates are 0. In training mode dropout between layers draws a new mask: call
    `layer.eval()` first. Raises TypeError for a layer without gates.

    >>> from minigrad import ones
    >>> found = gates(LSTM(3, 4, bidirectional=True), ones(7, 5, 3))
    >>> list(found), list(found["l0"]), tuple(found["l0_reverse"]["f"].shape)
    (['l0', 'l0_reverse'], ['i', 'f', 'g', 'o'], (7, 5, 4))
    """
    if not isinstance(layer, LSTM | GRU):
        raise TypeError(f"gates: expected an LSTM or a GRU, got {shown(layer)}")
    runs = layer.run_layers(input, hx, lengths)
    T, B = runs[0].hs.shape[:2]
    ends = as_lengths("gates", lengths, T, B)  # (B,)
    if ends is None:
        ends = np.full(B, T)
    steps_left = ends[:, None] - np.arange(T)[:, None, None]  # (T,B,1)
    active = input.beside(steps_left > 0)
    is_last = input.beside(steps_left == 1)
    found = {}
    for run in runs:
        h_before = states_before(run, is_last)  # (T,B,H)
        weights = layer.weights(f"_{run.name}")
        if isinstance(layer, LSTM):
            values = cells.lstm_gates(run.x, h_before, *weights)
        else:
            reset_after = layer.reset_after
            values = cells.gru_gates(run.x, h_before, *weights, reset_after=reset_after)
        found[run.name] = {
            name: where(active, gate, 0.0)
            for name, gate in zip(layer.gate_names, values, strict=True)
        }
    return found


def states_before(run: LayerRun, is_last: Tensor) -> Tensor:
    """h (T,B,H) as it was before each step of a run; is_last (T,B,1): whether a row ends there."""
    h_0 = run.initial_state[0][None]  # (1,B,H)
    if not run.name.endswith("_reverse"):
        return cat([h_0, run.hs[:-1]])
    return where(is_last, h_0, cat([run.hs[1:], h_0]))  # a reverse run starts at the end of a row
