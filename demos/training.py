"""The training loop of all demos."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import minigrad as mg
import nn
from minigrad import Tensor
from nn import optim


def train(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], lr: float, clip: float,
    watch: Callable[[], float] | None = None, every: int = 10,
) -> tuple[list[float], list[float]]:  # fmt: skip
    """Adam on the cross-entropy, one step a batch, the norm of all gradients clipped at `clip`.

    Scores (..., C) are held to answers (...). Returns the loss (nat) of each batch and what `watch()` said after every
    `every` steps.
    """
    optimizer = optim.Adam(model.parameters(), lr=lr)
    criterion = nn.CrossEntropyLoss()
    losses, watched = [], []
    for step, (x, answers) in enumerate(batches, start=1):
        scores = model(x)
        loss = criterion(scores.reshape(-1, scores.shape[-1]), answers.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
        if watch and step % every == 0:
            watched.append(watch())
    return losses, watched


def accuracy(model: nn.Module, x: Tensor, answers: Tensor) -> float:
    """The share of answers to which the model gives the highest score."""
    with mg.no_grad():
        return float((model(x).argmax(dim=-1) == answers).float().mean().item())
