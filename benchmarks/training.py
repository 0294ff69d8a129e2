"""Whole training runs of the lesson, as it writes them: one program, run with minigrad and with
PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.layers import gemms
from benchmarks.libraries import Library, contestants, state_of, twins
from benchmarks.measure import Case, Contest


def cases(quick: bool) -> Iterator[Case]:
    T, steps = (20, 2) if quick else (100, 10)
    for kind in ("RNN", "GRU", "LSTM"):
        yield Case(
            "training",
            f"copy task, {kind}, length {T}, {steps} steps",
            partial(copy_task, kind, T, steps),
        )
    samples = 64 if quick else 800
    yield Case(
        "training",
        f"sentiment, BiLSTM, {samples} sentences, one epoch",
        partial(sentiment, samples),
    )


@dataclass(frozen=True)
class Classifier:
    """The lesson's SequenceClassifier and its SentimentLSTM: embedding of V words, layer, last
    state, C scores."""

    kind: str
    V: int
    C: int
    E: int = 32
    H: int = 64
    both: bool = False  # directions
    padding: int | None = None
    dropout: float = 0.0

    def build(self, library: Library) -> Any:
        torch, nn, settings = library.torch, library.nn, self

        class Model(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                s = settings
                self.embedding = nn.Embedding(s.V, s.E, padding_idx=s.padding)
                self.rnn = getattr(nn, s.kind)(s.E, s.H, batch_first=True, bidirectional=s.both)
                self.fc = nn.Linear(s.H * (1 + s.both), s.C)
                self.dropout = nn.Dropout(s.dropout)

            def forward(self, ids: Any) -> Any:
                _, state = self.rnn(self.dropout(self.embedding(ids)))
                h = state[0] if settings.kind == "LSTM" else state  # (D,B,H)
                last = torch.cat([h[-2], h[-1]], dim=1) if settings.both else h[-1]
                return self.fc(self.dropout(last))

        return Model()


def train(library: Library, model: Any, batches: Any, lr: float, clip: float | None) -> list[float]:
    """The losses of one pass over `batches`."""
    optimizer, criterion = (
        library.optim.Adam(model.parameters(), lr=lr),
        library.nn.CrossEntropyLoss(),
    )
    losses, correct = [], 0
    model.train()
    for x, y in batches:
        optimizer.zero_grad()
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        if clip is not None:
            library.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
        correct += (output.argmax(dim=1) == y).sum().item()
    return losses


def results(model: Any, losses: list[float]) -> dict[str, Any]:
    return {
        "losses": losses,
        **{f"gradient of {key}": p.grad for key, p in model.named_parameters()},
    }


def copy_task(kind: str, T: int, steps: int) -> Contest:
    """Section 6: name the first of T symbols; 500 fixed samples, all in one batch, Adam 0.01, norm
    clipped at 5."""
    B, symbols, noise = 500, 10, 5
    rng = np.random.default_rng(0)
    y = rng.integers(0, symbols, B)
    x = np.concatenate([y[:, None], rng.integers(symbols, symbols + noise, (B, T - 1))], axis=1)
    settings = Classifier(kind, symbols + noise, symbols)
    start = state_of(settings.build(twins()[0]))

    def job(library: Library) -> Callable[[], Any]:
        model, pair = settings.build(library), (library.tensor(x), library.tensor(y))

        def run() -> Any:
            library.load(model, start)
            return results(model, train(library, model, [pair] * steps, lr=0.01, clip=5.0))

        return run

    products = gemms(kind, [B] * T, [settings.E], settings.H)
    return Contest(
        contestants(job), gemms=lambda: [products() for _ in range(steps)], tolerance=2e-2
    )


def sentiment(samples: int) -> Contest:
    """Section 7: word ids (32,15), 0 the padding, dropout 0.3, Adam 0.001; then the accuracy on 200
    others.

    Dropout and the order of the batches are random, so the results are compared without them.
    """
    T, B = 15, 32
    settings = Classifier("LSTM", V=30, C=2, both=True, padding=0)
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 10, (samples + 200, 1))
    x = np.where(np.arange(T) < lengths, rng.integers(0, settings.V, (samples + 200, T)), 0)
    y = rng.integers(0, 2, samples + 200)
    start = state_of(settings.build(twins()[0]))

    def job(library: Library, random: bool) -> Callable[[], Any]:
        model = replace(settings, dropout=0.3 if random else 0.0).build(library)
        (train_x, test_x), (train_y, test_y) = (
            map(library.tensor, (a[:samples], a[samples:])) for a in (x, y)
        )
        loader = library.data.DataLoader(
            library.data.TensorDataset(train_x, train_y), batch_size=B, shuffle=random
        )

        def run() -> Any:
            library.load(model, start)
            found = results(model, train(library, model, loader, lr=0.001, clip=None))
            model.eval()
            with library.torch.no_grad():
                found["accuracy"] = (model(test_x).argmax(dim=1) == test_y).float().mean().item()
            return found

        return run

    products = gemms("LSTM", [B] * T, [settings.E] * 2, settings.H)
    return Contest(
        contestants(job, random=True),
        checks=contestants(job, random=False),
        gemms=lambda: [products() for _ in range(-(-samples // B))],
        tolerance=2e-2,
    )
