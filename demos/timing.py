"""Tasks of timing: spikes come in, and nothing between them to count along. T time, B batch."""

from __future__ import annotations

import numpy as np

import minigrad as mg
import nn
from demos.training import IGNORED, Data
from minigrad import Tensor


def spike_after(N: int, starts: range, T: int) -> Data:
    """x (T,B,1), in each row a spike at one of `starts`; answers (T,B), 1 at N steps after it, else
    0."""
    x = np.zeros((T, len(starts), 1), dtype=np.float32)
    answers = np.zeros((T, len(starts)), dtype=int)
    rows = np.arange(len(starts))
    x[starts, rows] = 1
    answers[np.array(starts) + N, rows] = 1
    return mg.tensor(x), mg.tensor(answers)


def which_distance(N: int, starts: range, T: int) -> Data:
    """x (T,B,1), from each of `starts` two rows, with a second spike N or N + 1 steps later;
    answers (T,B), there 0 or 1, else IGNORED."""
    first, more = (grid.reshape(-1) for grid in np.meshgrid(starts, [0, 1], indexing="ij"))
    rows, second = np.arange(len(first)), first + N + more
    x, answers = np.zeros((T, len(rows), 1), dtype=np.float32), np.full((T, len(rows)), IGNORED)
    x[first, rows] = x[second, rows] = 1
    answers[second, rows] = more
    return mg.tensor(x), mg.tensor(answers)


def right(model: nn.Module, x: Tensor, answers: Tensor) -> float:
    """The share of sequences in which every answer that counts is right; scores (T,B,C), answers
    (T,B)."""
    with mg.no_grad():
        wrong = (model(x).argmax(dim=-1) != answers) & (answers != IGNORED)
    return float((~wrong.any(dim=0)).float().mean().item())
