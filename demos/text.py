"""Characters of English text: a corpus that every Python brings along, n-gram models, and recurrent
language models.

T time, B streams that are read side by side, V characters, E embedding size, H hidden size, N
length of a text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from itertools import islice
from pydoc_data.topics import topics
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
import nn
from demos import store
from demos.lab import ranged
from demos.models import KINDS, size
from demos.training import cross_entropy
from minigrad import Tensor
from minigrad.random import generator
from nn import optim
from nn.optim.lr_scheduler import CosineAnnealingLR

Ids = np.ndarray[Any, Any]
SHORTEST = 30_000  # characters; below, the parts say little
WIDEST = 1_000  # different ones


class Corpus(NamedTuple):
    """A text as ids (N,), places in its alphabet: 80% to learn from, 10% to choose by (valid), a
    tail to test on."""

    alphabet: str
    train: Ids
    valid: Ids
    test: Ids

    def encode(self, text: str) -> Ids:
        return np.array([self.alphabet.index(letter) for letter in text])

    def decode(self, ids: Any) -> str:
        return "".join(self.alphabet[i] for i in ids)


def read(path: str = "") -> str:
    """The text in a file, or Python's own help texts; ends the program with a sentence where the
    file is no use."""
    if not path:
        return help_texts()
    text = store.read_text(path)
    if len(text) < SHORTEST:
        raise SystemExit(f"{path}: expected at least {SHORTEST:,} characters, got {len(text):,}.")
    if len(set(text)) > WIDEST:
        raise SystemExit(
            f"{path}: expected at most {WIDEST:,} different characters, got {len(set(text)):,}."
        )
    return text


def help_texts() -> str:
    """What `help("topics")` lists, each paragraph once: they repeat one another, and a test part
    must be new."""
    paragraphs = (part.rstrip() for name in sorted(topics) for part in topics[name].split("\n\n"))
    return "\n\n".join({part.strip(): part for part in paragraphs if part.strip()}.values())


def fingerprint(text: str) -> str:
    """The SHA-256 of a text in UTF-8."""
    return sha256(text.encode()).hexdigest()


def split(text: str) -> Corpus:
    alphabet = "".join(sorted(set(text)))
    ids = np.searchsorted(list(alphabet), list(text))
    return Corpus(alphabet, *np.split(ids, [int(0.8 * len(ids)), int(0.9 * len(ids))]))


# ---- models that count


def code(ids: Ids, ends: Ids, order: int, V: int) -> Ids:
    """One number for the `order` characters before each place in `ends`."""
    number = np.zeros(len(ends), dtype=np.int64)
    for back in range(order, 0, -1):
        number = number * V + ids[ends - back]
    return number


def lookup(keys: Ids, values: Ids, wanted: Ids) -> Ids:
    """values[k] where keys[k] is what is wanted, 0 where it is no key; keys ascend."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)


FACTORS = (0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0)


def ngrams(corpus: Corpus, longest: int) -> list[dict[str, float]]:
    """Bits per character of the n-gram models n = 1 ... `longest` on the validation part and on the
    test part.

    Counts n(·) of the training part, interpolated with the model below (Witten & Bell 1991, with a
    factor k that is chosen on the validation part; theirs is 1):

        p(a | h) = (n(h a) + k s(h) p(a | h')) / (n(h) + k s(h)),    h' = h[1:],
        where s(h) different characters followed h.

    Below the unigrams all V characters are equally likely. An unseen history leaves p(a | h').
    """
    V, ids = len(corpus.alphabet), np.concatenate(corpus[1:])
    learned, chosen = len(corpus.train), len(corpus.train) + len(corpus.valid)
    places = np.arange(learned, len(ids))
    valid = places < chosen
    p = np.full(len(places), 1 / V)
    found = []
    for order in range(longest):  # of the history
        ends = np.arange(order, learned)
        histories = code(ids, ends, order, V)
        grams, count = np.unique(histories * V + ids[ends], return_counts=True)
        known, total = np.unique(histories, return_counts=True)
        _, followers = np.unique(grams // V, return_counts=True)
        h = code(ids, places, order, V)
        n_ha = lookup(grams, count, h * V + ids[places])
        n_h = lookup(known, total, h)
        s_h = lookup(known, followers, h)
        mixed = [
            np.where(n_h > 0, (n_ha + k * s_h * p) / np.maximum(n_h + k * s_h, 1), p)
            for k in FACTORS
        ]
        best = int(np.argmax([np.log(p[valid]).sum() for p in mixed]))
        p = mixed[best]
        found.append(
            {
                "k": FACTORS[best],
                "valid": float(-np.log2(p[valid]).mean()),
                "test": float(-np.log2(p[~valid]).mean()),
            }
        )
    return found


# ---- models that learn


class LanguageModel(nn.Module):
    """Embedding -> recurrent layer -> scores of the next character: ids (T,B), state -> scores
    (T,B,V), state.

    E is 32; an LSTM's forget gates start at the bias 1.
    """

    def __init__(self, kind: str, V: int, H: int, E: int = 32):
        super().__init__()
        self.embedding = nn.Embedding(V, E)
        self.rnn = KINDS[kind](E, H, **{"forget_bias": 1.0} if kind == "LSTM" else {})
        self.fc = nn.Linear(H, V)

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        h, state = self.rnn(self.embedding(ids), state)
        return self.fc(h), state


def equal_size(kind: str, V: int, wanted: int) -> int:
    """The H with which a LanguageModel has the number of parameters nearest to `wanted`; they grow
    with H."""
    sizes = [size(LanguageModel(kind, V, H)) for H in range(1, 5)]  # a polynomial of degree 2 in H
    H = np.arange(1, 2000)
    parameters = np.polyval(np.polyfit(range(1, 5), sizes, 2), H)
    return int(H[np.abs(parameters - wanted).argmin()])


def streams(ids: Ids, B: int, device: str = "cpu") -> Tensor:
    """A text (N,) as B pieces of equal length, side by side: (N // B, B)."""
    return mg.tensor(ids[: len(ids) // B * B].reshape(B, -1).T.copy()).to(device)


def chunks(columns: Tensor, T: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and answers, which are the characters that follow, of at most T steps each, from start
    to end."""
    last = len(columns) - 1
    for at in range(0, last, T):
        end = min(at + T, last)
        yield columns[at:end], columns[at + 1 : end + 1]


def detached(state: Any) -> Any:
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


def learn(
    model: nn.Module,
    columns: Tensor,
    T: int,
    steps: int,
    lr: float,
    watch: Callable[[], Any],
    every: int,
) -> list[Any]:
    """Truncated backpropagation through time; what `watch()` said after every `every` steps.

    A step reads T characters of each stream, starts from the state where the last one ended, and
    sends no gradient back beyond that (Williams & Peng 1990): `detached`. Adam, its learning rate
    falling from `lr` to 0 along a cosine; gradients clipped at the norm 1. The text comes again,
    from a state of zeros, until `steps` are done.
    """
    optimizer = optim.Adam(model.parameters(), lr=lr)
    schedule = CosineAnnealingLR(optimizer, steps)
    passes = (chunks(columns, T) for _ in range(steps))
    numbered = ((i, x, y) for one in passes for i, (x, y) in enumerate(one))
    watched, state = [], None
    for step, (i, x, y) in enumerate(islice(numbered, steps), start=1):
        scores, state = model(x, detached(state) if i else None)
        loss = cross_entropy(scores, y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % every == 0:
            watched.append(watch())
    return watched


def bits(model: nn.Module, columns: Tensor) -> float:
    """Bits per character in evaluation, -log₂ p in the mean, the state carried on from start to
    end."""
    model.eval()
    total, state = 0.0, None
    with mg.no_grad():
        for x, y in chunks(columns, T=200):
            scores, state = model(x, state)
            total += len(x) * cross_entropy(scores, y).item()
    model.train()
    return total / (len(columns) - 1) / math.log(2)


def write(model: nn.Module, prompt: Ids, temperatures: list[float], length: int) -> Ids:
    """Characters (length, temperatures) drawn after the prompt, each with p ~ exp(score /
    temperature)."""
    model.eval()
    heat = np.array(temperatures)[:, None]
    ids = mg.tensor(np.tile(prompt[:, None], len(temperatures))).to(model.fc.weight.device)
    drawn, state = [], None
    with mg.no_grad():
        for _ in range(length):
            scores, state = model(ids, state)
            noise = generator().gumbel(size=scores[-1].shape)  # the greatest sum is such a draw
            drawn.append((scores[-1].cpu().numpy() / heat + noise).argmax(axis=1))
            ids = mg.tensor(drawn[-1][None]).to(ids.device)
    return np.array(drawn)


# ---- what is said of them


in_words = partial(ranged, unit="{:.3f}")  # bits per character
