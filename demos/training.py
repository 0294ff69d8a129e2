"""The training loop of all demos."""

from __future__ import annotations

import math
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

import minigrad as mg
import nn
from minigrad import Tensor
from nn import optim

Criterion = Callable[[Tensor, Tensor], Tensor]
IGNORED = -100  # an answer that does not count


@contextmanager
def flushed() -> Iterator[None]:
    """Numbers below 10⁻³⁸ are taken for 0 meanwhile: a gradient becomes so small on its way through
    a hundred steps, where it changes nothing, and a processor takes ten times as long for it."""
    mg.set_flush_denormal(True)
    try:
        yield
    finally:
        mg.set_flush_denormal(False)


def cross_entropy(scores: Tensor, answers: Tensor) -> Tensor:
    """Scores (..., C) held to answers (...); an answer IGNORED does not count."""
    return nn.functional.cross_entropy(
        scores.reshape(-1, scores.shape[-1]), answers.reshape(-1), ignore_index=IGNORED
    )


def train(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    lr: float,
    clip: float,
    watch: Callable[[], float] | None = None,
    every: int = 10,
    criterion: Criterion | None = None,
) -> tuple[list[float], list[float]]:
    """Adam on the cross-entropy or another criterion(model(x), answers), one step a batch, the norm
    of all gradients clipped at `clip`.

    Returns the loss of each batch (nat, for the cross-entropy) and what `watch()` said after every
    `every` steps. A gradient that is not finite stops the training with FloatingPointError, and the
    last good state is then in a file.
    """
    optimizer = optim.Adam(model.parameters(), lr=lr)
    criterion = criterion or cross_entropy
    losses, watched = [], []
    for step, (x, answers) in enumerate(batches, start=1):
        with flushed():
            loss = criterion(model(x), answers)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            change(model, optimizer, step)
        losses.append(loss.item())
        if watch and step % every == 0:
            watched.append(watch())
    return losses, watched


def change(model: nn.Module, optimizer: optim.Optimizer, step: int) -> None:
    """A step of the optimizer; where a gradient is not finite it changes nothing, and the state
    goes to a file that the FloatingPointError names."""
    try:
        optimizer.step()
    except FloatingPointError as error:
        name = f"last_good_{type(model).__name__}_{os.getpid()}.safetensors"
        file = Path(tempfile.gettempdir(), name)
        nn.io.save_checkpoint(file, model=model, optimizer=optimizer, step=step - 1)
        raise FloatingPointError(
            f"step {step}: {error}. The last good state is in {file}"
        ) from error


def accuracy(model: nn.Module, x: Tensor, answers: Tensor) -> float:
    """The share of answers to which the model gives the highest score."""
    with mg.no_grad():
        return float((model(x).argmax(dim=-1) == answers).float().mean().item())


Data = tuple[Tensor, Tensor]  # inputs and answers


def shuffled(data: Data, steps: int, B: int = 32) -> Iterator[Data]:
    """`steps` batches of at most B rows of `data`, which comes again and again, each time in a new
    order."""
    loader = nn.data.DataLoader(nn.data.TensorDataset(*data), B, shuffle=True)
    return islice((batch for _ in range(steps) for batch in loader), steps)


def fit(
    model: nn.Module, data: Data, others: Data, steps: int, lr: float, B: int = 32, every: int = 25
) -> dict[str, list[float]]:
    """`train` with dropout on `steps` shuffled batches of `data`, again and again; leaves the model
    in evaluation.

    For every `every` steps: their mean loss (nat), and right answers without dropout on `data`
    ("seen") and `others`.
    """
    seen = []

    def watch() -> float:
        model.eval()
        seen.append(accuracy(model, *data))
        right = accuracy(model, *others)
        model.train()
        return right

    losses, other = train(
        model.train(), shuffled(data, steps, B), lr, clip=math.inf, watch=watch, every=every
    )
    model.eval()
    return {
        "loss": np.reshape(losses, (-1, every)).mean(axis=1).tolist(),
        "seen": seen,
        "other": other,
    }


def step_times(
    models: dict[str, nn.Module], x: Tensor, answers: Tensor, rounds: int
) -> dict[str, tuple[float, float]]:
    """Seconds of processor time of a training step of each model, and of reading alone: medians
    over the rounds.

    In a round the models take turns, so that whatever else the machine does meets them all; the
    first does not count.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in models}
    for turn in range(rounds + 1):
        for name in np.roll(list(models), turn):
            began = time.process_time()
            train(models[name], [(x, answers)], lr=0.01, clip=1.0)
            trained = time.process_time()
            accuracy(models[name], x, answers)
            times[name].append((trained - began, time.process_time() - trained))
    return {name: tuple(np.median(found[1:], axis=0).tolist()) for name, found in times.items()}


def step_memory(model: nn.Module, x: Tensor, answers: Tensor) -> float:
    """The most memory (bytes) that a first forward and backward pass hold at a time, above what was
    held before."""

    def step() -> int:
        tracemalloc.start()
        nn.CrossEntropyLoss()(model(x), answers).backward()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    # A new thread has none of the buffers that minigrad keeps from one step to the next.
    with ThreadPoolExecutor(1) as new_thread:
        return new_thread.submit(step).result()
