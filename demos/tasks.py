"""Made-up sequences whose right answer is known. T time, B batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor
from minigrad.random import generator

# Of the copy task: how many symbols there are to be remembered, and how many that come in between.
SYMBOLS, NOISE = 10, 5
POSITIVE = "good great excellent amazing wonderful fantastic love best happy perfect".split()
NEGATIVE = "bad terrible awful horrible worst hate poor disappointing sad wrong".split()
NEUTRAL = "the a is was it this that movie film story".split()
WORDS = POSITIVE + NEGATIVE + NEUTRAL  # an id is a place in this list


def copy_task(B: int, T: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Remember the first symbol: ids (B,T), a symbol and then noise that is none; answers (B,), the
    first symbol."""
    symbol = mg.randint(0, SYMBOLS, (B, 1))
    noise = mg.randint(SYMBOLS, SYMBOLS + NOISE, (B, T - 1))
    return mg.cat([symbol, noise], dim=1).to(device), symbol.squeeze(1).to(device)


def latch_task(
    B: int, T: int, symbols: int = 10, rate: float = 0.15
) -> tuple[Tensor, Tensor, Tensor]:
    """Always name the symbol that was last marked: x (T,B,symbols+1), answers (T,B), marks (T,B).

    Each step shows a random symbol, one-hot, and a flag that marks it with probability `rate`; the
    first is marked.
    """
    shown = mg.randint(0, symbols, (T, B))
    marks = mg.rand(T, B) < rate
    marks[0] = True
    answers = [shown[0]]
    for t in range(1, T):
        answers.append(mg.where(marks[t], shown[t], answers[-1]))
    one_hot = (shown.unsqueeze(-1) == mg.arange(symbols)).float()  # (T,B,symbols)
    return mg.cat([one_hot, marks.float().unsqueeze(-1)], dim=-1), mg.stack(answers), marks


def sentences(
    B: int, T: int = 15, padding: int = 0, positive: Sequence[str] = POSITIVE, device: str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Of 5 to 9 words, 2 or 3 of them positive (label 1) or negative (0), the others neutral, in
    random order.

    ids (B,T), places in WORDS and then `padding`; labels (B,).
    """
    random = generator()
    good, bad, neutral = (
        np.array([WORDS.index(word) for word in words]) for words in (positive, NEGATIVE, NEUTRAL)
    )

    def some(words: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
        return words[random.integers(0, len(words), count)]  # random.choice in half of the time

    ids, labels = np.full((B, T), padding), random.integers(0, 2, B)
    for row, label in zip(ids, labels):
        telling = some(good if label else bad, random.integers(2, 4))
        words = np.concatenate([telling, some(neutral, random.integers(3, 7))])
        random.shuffle(words)
        row[: len(words)] = words
    return mg.tensor(ids).to(device), mg.tensor(labels).to(device)
