"""Made-up sequences whose right answer is known. T time, B batch."""

from __future__ import annotations

import minigrad as mg
from minigrad import Tensor

SYMBOLS, NOISE = 10, 5  # of the copy task: what may have to be remembered, and what may stand in between


def copy_task(B: int, T: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Remember the first symbol: ids (B,T), a symbol and then noise that is none; answers (B,), the first symbol."""
    symbol = mg.randint(0, SYMBOLS, (B, 1))
    noise = mg.randint(SYMBOLS, SYMBOLS + NOISE, (B, T - 1))
    return mg.cat([symbol, noise], dim=1).to(device), symbol.squeeze(1).to(device)


def latch_task(B: int, T: int, symbols: int = 10, rate: float = 0.15) -> tuple[Tensor, Tensor, Tensor]:
    """Always name the symbol that was last marked: x (T,B,symbols+1), answers (T,B), marks (T,B).

    Each step shows a random symbol, one-hot, and a flag that marks it with probability `rate`; the first is marked.
    """
    shown = mg.randint(0, symbols, (T, B))
    marks = mg.rand(T, B) < rate
    marks[0] = True
    answers = [shown[0]]
    for t in range(1, T):
        answers.append(mg.where(marks[t], shown[t], answers[-1]))
    one_hot = (shown.unsqueeze(-1) == mg.arange(symbols)).float()  # (T,B,symbols)
    return mg.cat([one_hot, marks.float().unsqueeze(-1)], dim=-1), mg.stack(answers), marks
