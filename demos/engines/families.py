"""The first losses of each family of experiments, as the engine of this process computes them.

python -m demos.engines.families prints them as JSON; DEMOS_ENGINE=torch chooses PyTorch. Models,
data and training are those of the demos; sizes are smaller, and each trains for 50 steps.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

import minigrad as mg
import nn
from demos import corpora, options, pairs, seq2seq, series, tagging, tasks, text, timing
from demos.models import SentenceClassifier, SequenceClassifier
from demos.training import shuffled, train
from minigrad import Tensor

STEPS = 50
Losses = list[float]


def copying(kind: str, chrono: bool = False, double: bool = False) -> Losses:
    """Section 6: fresh sequences of length 25."""
    mg.manual_seed(0)
    model = SequenceClassifier(kind, tasks.SYMBOLS + tasks.NOISE, E=32, H=64, C=tasks.SYMBOLS)
    if chrono:
        nn.init.chrono_(model.rnn, 25)
    if double:  # a vanilla RNN makes much of a rounding: 8e-4 of loss in 50 steps of float32
        model.double()
    batches = (tasks.copy_task(64, 25) for _ in range(STEPS))
    return train(model, batches, lr=0.01, clip=1.0)[0]


def classifying(kind: str) -> Losses:
    """Section 5: its four classifiers, on tokens whose first one is the answer's."""
    mg.manual_seed(1)
    model = SequenceClassifier(kind, vocabulary=100, E=16, H=32, C=2)
    ids = mg.randint(0, 100, (32, 12))
    answers = (ids[:, 0] < 50).long()
    return train(model, [(ids, answers)] * STEPS, lr=0.01, clip=5.0)[0]


def sentiment(layers: int, norm: bool) -> Losses:
    """Sections 7 and 8: shuffled sentences, dropout at three places, padding left out."""
    mg.manual_seed(2)
    padding = len(tasks.WORDS)
    model = SentenceClassifier(
        padding + 1, H=32, layers=layers, norm=norm, padding=padding, told=True
    )
    data = tasks.sentences(200, padding=padding)
    return train(model.train(), shuffled(data, STEPS), lr=0.003, clip=1.0)[0]


class Pooled(nn.Module):
    """Section 8: attention over the states of a BiLSTM, the padding masked."""

    def __init__(self, padding: int):
        super().__init__()
        self.embedding = nn.Embedding(padding + 1, 32)
        self.lstm = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
        self.attention = nn.AttentionPooling(64)
        self.fc = nn.Linear(64, 2)
        self.padding = padding

    def forward(self, ids: Tensor) -> Tensor:
        padding = ids == self.padding
        h, _ = self.lstm(self.embedding(ids), lengths=(~padding).sum(dim=1))
        return self.fc(self.attention(h, padding)[0])


def attention() -> Losses:
    mg.manual_seed(3)
    padding = len(tasks.WORDS)
    model = Pooled(padding)
    data = tasks.sentences(200, padding=padding)
    return train(model, shuffled(data, STEPS), lr=0.003, clip=1.0)[0]


def language_model(kind: str) -> Losses:
    """Exercise 2: bits per character of a piece of text after each step of truncated
    backpropagation."""
    corpus = text.split(text.read())
    mg.manual_seed(4)
    model = text.LanguageModel(kind, len(corpus.alphabet), 48)
    columns, piece = text.streams(corpus.train, 16), text.streams(corpus.valid[:400], 4)
    return text.learn(model, columns, 32, STEPS, 0.01, lambda: text.bits(model, piece), every=1)


class Dropped(text.LanguageModel):
    """Exercise 5: one mask for a sequence, also of the state inside the recurrence."""

    def __init__(self, V: int, H: int):
        super().__init__("LSTM", V, H)
        self.drop = nn.LockedDropout(0.3)
        self.cell = nn.LSTMCell(32, H)

    def forward(self, ids: Tensor, state: object = None) -> tuple[Tensor, object]:
        h, state = nn.unroll(self.cell, self.drop(self.embedding(ids)), state, dropout=0.3)
        return self.fc(self.drop(h)), state


def variational_dropout() -> Losses:
    corpus = text.split(text.read())
    mg.manual_seed(5)
    model = Dropped(len(corpus.alphabet), 48)
    columns, piece = text.streams(corpus.train[-20_000:], 16), text.streams(corpus.valid[:400], 4)
    return text.learn(model, columns, 32, STEPS, 0.01, lambda: text.bits(model, piece), every=1)


def time_series() -> Losses:
    """Exercise 3: sine waves with noise and a frequency of their own."""
    mg.manual_seed(6)
    (seen, following), _ = series.sine_waves(300, 50, 10, 0.1, 1.5)
    model = series.Forecaster(H=32, A=10)
    data = tuple(mg.tensor(values.astype(np.float32)) for values in (seen, following))
    batches = shuffled(data, STEPS, 64)
    return train(model, batches, lr=0.01, clip=1.0, criterion=nn.MSELoss())[0]


def tagger(kind: str) -> Losses:
    """Exercise 4: the templates, words made unknown at random."""
    training = corpora.corpus("templates", 0, 300).training
    coded = tagging.Coded(training)
    mg.manual_seed(7)
    model = tagging.tagger(kind, coded, 16)
    batches = tagging.batches(*coded.ids(training), STEPS, 32, "cpu")
    return train(model, batches, lr=0.01, clip=1.0)[0]


def translator(attends: bool) -> Losses:
    """Exercise 7: dates, letter by letter."""
    data = pairs.Corpus(pairs.DATES, 700, 0, "")
    mg.manual_seed(8)
    sizes = [len(vocabulary) for vocabulary in data.vocabularies]
    model = seq2seq.Translator(*sizes, 32, attends)
    learned = data.source[data.learned], data.target[data.learned]
    batches = seq2seq.batches(*learned, STEPS, 64, np.random.default_rng(8), "cpu")
    return train(model, batches, lr=0.01, clip=1.0)[0]


class Timed(nn.Module):
    """Exercise 6: an LSTM with peepholes, unrolled."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.PeepholeLSTMCell(1, 24)
        self.fc = nn.Linear(24, 2)
        nn.init.chrono_(self.cell, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(nn.unroll(self.cell, x)[0])


def peepholes() -> Losses:
    mg.manual_seed(9)
    data = timing.spike_after(10, range(0, 10, 3), 23)
    return train(Timed(), [data] * STEPS, lr=0.01, clip=1.0)[0]


# ---- the papers, whose models and tasks are defined in their scripts


@cache
def parts_of(script: str) -> Any:
    """What a script defines before its first run, and its later functions and classes."""
    kept: list[ast.stmt] = []
    running = False
    for node in ast.parse(options.SCRIPTS[script].read_text("utf-8")).body:
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        running = running or "lab.run" in ast.unparse(node)
        defines = isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef)
        if defines or not ("lab" in names or "Lab" in names or running):
            kept.append(node)
    found: dict[str, Any] = {"__name__": script}
    exec(compile(ast.Module(kept, []), script, "exec"), found)
    return SimpleNamespace(**found)


def counting(kind: str) -> Losses:
    """Papers 1: where a string of a's and b's ends."""
    p1 = parts_of("p1")
    mg.manual_seed(10)
    random = np.random.default_rng(10)
    batches = (p1.strings(random.integers(1, 13, 32)) for _ in range(STEPS))
    return train(p1.Reader(kind, 2, 10), batches, 0.01, 1.0, criterion=p1.weighted_loss)[0]


def parity(kind: str) -> Losses:
    """Papers 1: whether the ones so far are odd."""
    p1 = parts_of("p1")
    mg.manual_seed(11)
    batches = (p1.parity(32, 12) for _ in range(STEPS))
    loss = nn.functional.binary_cross_entropy_with_logits
    return train(p1.Reader(kind, 1, 10), batches, 0.03, 1.0, criterion=loss)[0]


def long_lag(task: str, model: str) -> Losses:
    """Papers 2: adding, or the order of two symbols."""
    p2 = parts_of("p2")
    mg.manual_seed(12)
    network = p2.AtTheEnd(model, *p2.TASKS[task], 30)
    draw, criterion = (p2.adding, nn.MSELoss()) if task == "adding" else (p2.order, None)
    batches = (draw(32, 30) for _ in range(STEPS))
    return train(network, batches, 0.01, 1.0, criterion=criterion)[0]


def latch(model: str) -> Losses:
    """Papers 3: an LSTM without one of its gates, or with two of them coupled."""
    p3 = parts_of("p3")
    mg.manual_seed(13)
    network = p3.Latch(model, 11, 24, 10)
    batches = (tasks.latch_task(32, 30, rate=0.06)[:2] for _ in range(STEPS))
    return train(network, batches, 0.01, 1.0)[0]


def characters(model: str) -> Losses:
    """Papers 3: the same as a language model, after each step of its training."""
    corpus = text.split(text.read())
    mg.manual_seed(14)
    network = text.LanguageModel("LSTM", len(corpus.alphabet), 48)
    network.rnn = parts_of("p3").layer(model, 32, 48)
    columns, piece = text.streams(corpus.train, 16), text.streams(corpus.valid[:400], 4)
    return text.learn(network, columns, 32, STEPS, 0.01, lambda: text.bits(network, piece), every=1)


def recalling(model: str) -> Losses:
    """Papers 4: copy memory, by a convolution or by gates."""
    p4 = parts_of("p4")
    mg.manual_seed(15)
    network = p4.make(model, 20 + 2 * p4.SYMBOLS)
    return train(network, (p4.copy_memory(32, 20) for _ in range(STEPS)), 0.01, 1.0)[0]


FAMILIES: dict[str, Callable[[], Losses]] = {
    "copy task, RNN in float64": lambda: copying("RNN", double=True),
    "copy task, GRU": lambda: copying("GRU"),
    "copy task, LSTM": lambda: copying("LSTM"),
    "copy task, LSTM with chrono": lambda: copying("LSTM", chrono=True),
    "classifier, RNN": lambda: classifying("RNN"),
    "classifier, GRU": lambda: classifying("GRU"),
    "classifier, LSTM": lambda: classifying("LSTM"),
    "classifier, BiLSTM": lambda: classifying("BiLSTM"),
    "sentiment, one layer": lambda: sentiment(1, norm=False),
    "sentiment, three layers and LayerNorm": lambda: sentiment(3, norm=True),
    "sentiment, attention": attention,
    "language model, RNN": lambda: language_model("RNN"),
    "language model, GRU": lambda: language_model("GRU"),
    "language model, LSTM": lambda: language_model("LSTM"),
    "language model, variational dropout": variational_dropout,
    "time series": time_series,
    "tagging, LSTM": lambda: tagger("LSTM"),
    "tagging, a word later": lambda: tagger("LSTM, a word later"),
    "tagging, BiLSTM": lambda: tagger("BiLSTM"),
    "tagging, window": lambda: tagger("window"),
    "translation, no attention": lambda: translator(attends=False),
    "translation, attention": lambda: translator(attends=True),
    "timing, peepholes": peepholes,
    "counting, LSTM": lambda: counting("LSTM"),
    "counting, GRU": lambda: counting("GRU"),
    "parity, LSTM": lambda: parity("LSTM"),
    "parity, GRU": lambda: parity("GRU"),
    "adding, RNN": lambda: long_lag("adding", "RNN"),
    "adding, GRU": lambda: long_lag("adding", "GRU"),
    "adding, LSTM of 1997": lambda: long_lag("adding", "LSTM, no forget gate"),
    "adding, LSTM with chrono": lambda: long_lag("adding", "LSTM, chrono"),
    "order, LSTM with a forget bias of 1": lambda: long_lag("order", "LSTM, b = 1"),
    "order, LSTM with chrono": lambda: long_lag("order", "LSTM, chrono"),
    "latch, all gates": lambda: latch("all gates"),
    "latch, no forget gate": lambda: latch("no forget gate"),
    "latch, no input gate": lambda: latch("no input gate"),
    "latch, no output gate": lambda: latch("no output gate"),
    "latch, coupled gates": lambda: latch("coupled"),
    "characters, no forget gate": lambda: characters("no forget gate"),
    "characters, coupled gates": lambda: characters("coupled"),
    "recall, convolution": lambda: recalling("convolution"),
    "recall, LSTM with chrono": lambda: recalling("LSTM, chrono"),
    "recall, GRU with chrono": lambda: recalling("GRU, chrono"),
}


def run(names: list[str]) -> Iterator[tuple[str, Losses]]:
    for name in names or FAMILIES:
        yield name, [float(loss) for loss in FAMILIES[name]()]


if __name__ == "__main__":
    print(json.dumps(dict(run(sys.argv[1:]))))
