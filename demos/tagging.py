"""Tagging: sentences whose names are marked, how right answers are counted, and taggers.

A `Sentence` is words and as many tags in the BIO scheme: B-PER begins a name of the kind PER, I-PER
goes on with it, O is no part of a name. B sentences, T words (padded), V words in a vocabulary, E,
H sizes, C tags.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

import minigrad as mg
import nn
from demos import store
from demos.models import size
from demos.training import IGNORED
from minigrad import Tensor
from minigrad.random import generator

UNKNOWN, PADDING = 0, 1  # ids that no word has


class Sentence(NamedTuple):
    words: list[str]
    tags: list[str]


# ---- reading and counting


def read_conll(path: str) -> list[Sentence]:
    """Sentences of a file in CoNLL's format: on each line a word and, last, its tag; an empty line
    between sentences.

    Lines that begin with -DOCSTART- are left out. Ends the program where a line is not so, or
    nothing is there.
    """
    sentences, words, tags = [], [], []
    lines = [*store.read_text(path).split("\n"), ""]
    for number, line in enumerate(lines, start=1):
        parts = re.split(r"[ \t]", line)  # a word may hold other spaces
        columns = [part for part in parts if part]
        if columns and columns[0] != "-DOCSTART-":
            if len(columns) < 2 or not (columns[-1] == "O" or columns[-1][:2] in ("B-", "I-")):
                raise SystemExit(
                    f"{path}, line {number}: expected a word and, last, O, B-KIND or I-KIND, "
                    f"got {line.strip()!r:.60}."
                )
            words.append(columns[0])
            tags.append(columns[-1])
        elif words:
            sentences.append(Sentence(words, tags))
            words, tags = [], []
    if not sentences:
        raise SystemExit(f"{path}: expected a word and its tag on each line, got no sentence.")
    return sentences


def spans(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """(begin, end, kind) of each name, as conlleval finds them: an I- that goes on with nothing of
    its kind begins one.

    >>> spans(["B-PER", "I-PER", "O", "I-LOC", "I-ORG", "B-ORG"])
    [(0, 2, 'PER'), (3, 4, 'LOC'), (4, 5, 'ORG'), (5, 6, 'ORG')]
    """
    found, begin, before = [], 0, ""
    for at, tag in enumerate([*tags, "O"]):
        kind = tag[2:]
        if before and (tag[0] != "I" or kind != before):
            found.append((begin, at, before))
            before = ""
        if tag != "O" and not before:
            begin, before = at, kind
    return found


def score(
    true: Sequence[Sequence[str]],
    guessed: Sequence[Sequence[str]],
    places: Sequence[Sequence[bool]] | None = None,
    kind: str = "",
) -> dict[str, float]:
    """Precision, recall and F1 of whole names: begin, end and kind must be right (Tjong Kim Sang
    and De Meulder 2003).

    places: for each word whether it counts; then only names that hold such a word do. kind: only
    names of that kind do.
    """
    right = there = marked = 0
    for row, (ours, theirs) in enumerate(zip(true, guessed, strict=True)):
        if len(ours) != len(theirs):
            raise ValueError(
                f"sentence {row}: expected a guess for each of {len(ours)} tags, got {len(theirs)}"
            )
        names, guesses = (
            {
                span
                for span in spans(tags)
                if (not kind or span[2] == kind)
                and (places is None or any(places[row][span[0] : span[1]]))
            }
            for tags in (ours, theirs)
        )
        right += len(names & guesses)
        there += len(names)
        marked += len(guesses)
    precision, recall = right / marked if marked else 0.0, right / there if there else 0.0
    f1 = 2 * right / (there + marked) if there + marked else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "names": there}


# ---- sentences as numbers


def shape(word: str) -> str:
    """What a word looks like, its letters aside: runs of X, x and 9, other characters as they are.

    >>> shape("Anna"), shape("IBM"), shape("B-52"), shape("__init__"), shape("setUp")
    ('Xx', 'X', 'X-9', '_x_', 'xXx')
    """
    kinds = [
        "9" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word[:20]
    ]
    return "".join(c for c, before in zip(kinds, ["", *kinds]) if c != before)


class Coded:
    """The vocabulary of a training part, and sentences as ids under it.

    Words and shapes that stand there less than twice are unknown. ids (N,T,2) are of word and
    shape, then PADDING; answers (N,T) are of tags, then IGNORED; a tag that the training lacks is
    never guessed, and counts as a mistake.
    """

    def __init__(self, training: Sequence[Sentence]):
        self.tags = sorted({tag for sentence in training for tag in sentence.tags})
        words = Counter(word for sentence in training for word in sentence.words)
        shapes = Counter(shape(word) for word in words.elements())
        self.words, self.shapes = (
            {
                word: i
                for i, word in enumerate(sorted(w for w, n in counts.items() if n > 1), start=2)
            }
            for counts in (words, shapes)
        )
        by_word: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for sentence in training:
            for word, tag in zip(*sentence):
                by_word[word][tag] += 1
        self.usual = {word: counts.most_common(1)[0][0] for word, counts in by_word.items()}
        self.certain = {
            word for word in self.words if by_word[word][self.usual[word]] >= 0.9 * words[word]
        }
        by_shape: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for word, tag in self.usual.items():
            by_shape[shape(word)][tag] += 1
        self.usual_of_shape = {
            form: counts.most_common(1)[0][0] for form, counts in by_shape.items()
        }

    def ambiguous(self, sentence: Sentence) -> list[bool]:
        """For each word whether it is unknown, or had another than its usual tag in a tenth of the
        training or more."""
        return [word not in self.certain for word in sentence.words]

    def usual_tags(self, sentence: Sentence) -> list[str]:
        """Each word's usual tag in the training; of a word that is not in it, the one usual for
        words of its shape."""
        return [self.usual.get(w) or self.usual_of_shape.get(shape(w), "O") for w in sentence.words]

    def ids(self, sentences: Sequence[Sentence]) -> tuple[np.ndarray, np.ndarray]:
        T = max(len(sentence.words) for sentence in sentences)
        ids = np.full((len(sentences), T, 2), PADDING)
        answers = np.full((len(sentences), T), IGNORED)
        places = {tag: i for i, tag in enumerate(self.tags)}
        for row, (words, tags) in enumerate(sentences):
            for t, word in enumerate(words):
                ids[row, t] = self.words.get(word, UNKNOWN), self.shapes.get(shape(word), UNKNOWN)
            answers[row, : len(tags)] = [places.get(tag, IGNORED) for tag in tags]
        return ids, answers


# ---- taggers

KINDS = ["window", "LSTM", "LSTM, a word later", "BiLSTM"]


def some_unknown(words: Tensor, p: float = 0.15) -> Tensor:
    """Words made unknown with probability p, so that a tagger learns what to do with those that it
    does not know."""
    drawn = (mg.rand(*words.shape) < p).to(words.device)
    return mg.where(drawn & (words != PADDING), UNKNOWN, words)


class Tagger(nn.Module):
    """Embeddings of word and shape -> LSTM, in one direction or both -> scores of C tags at each
    word, (B,T,C).

    later: the answer for a word is read from the state so many words later.
    """

    def __init__(
        self, V: int, S: int, C: int, H: int, both: bool = False, later: int = 0, E: int = 32
    ):
        super().__init__()
        self.word = nn.Embedding(V, E, padding_idx=PADDING)
        self.shape = nn.Embedding(S, E // 4, padding_idx=PADDING)
        self.lstm = nn.LSTM(E + E // 4, H, batch_first=True, bidirectional=both)
        self.fc = nn.Linear((1 + both) * H, C)
        self.later = later

    def forward(self, ids: Tensor) -> Tensor:
        words, shapes = ids.unbind(dim=-1)
        lengths = (words != PADDING).sum(dim=1)
        if self.training:
            words = some_unknown(words)
        x = mg.cat([self.word(words), self.shape(shapes)], dim=-1)  # (B,T,E)
        if self.later:  # empty words at the end, whose states answer for the last words
            x, lengths = nn.functional.pad(x, (0, 0, 0, self.later)), lengths + self.later
        output, _ = self.lstm(x, lengths=lengths)  # (B,T,H), or (B,T,2H) of both directions
        return self.fc(output[:, self.later :])


class WindowTagger(nn.Module):
    """Logistic regression on the words and shapes of a word, the two before it and the two after
    it: (B,T,C)."""

    def __init__(self, V: int, S: int, C: int, reach: int = 2):
        super().__init__()
        self.near = range(-reach, reach + 1)
        self.words = nn.ModuleList(nn.Embedding(V, C) for _ in self.near)
        self.shapes = nn.ModuleList(nn.Embedding(S, C) for _ in self.near)
        for table in [*self.words, *self.shapes]:
            nn.init.zeros_(table.weight)

    def forward(self, ids: Tensor) -> Tensor:
        words, shapes = ids.unbind(dim=-1)
        if self.training:
            words = some_unknown(words)
        reach, T = self.near[-1], ids.shape[1]
        words, shapes = (
            nn.functional.pad(part, (reach, reach), value=PADDING) for part in (words, shapes)
        )
        tables = zip(self.words, self.shapes)
        return sum(
            of_words(words[:, k : k + T]) + of_shapes(shapes[:, k : k + T])
            for k, (of_words, of_shapes) in enumerate(tables)
        )


def tagger(kind: str, coded: Coded, H: int) -> nn.Module:
    """A tagger of one of the KINDS. H is the BiLSTM's; an LSTM is as wide as gives it as many
    parameters."""
    V, S, C = len(coded.words) + 2, len(coded.shapes) + 2, len(coded.tags)
    if kind == "window":
        return WindowTagger(V, S, C)
    if kind == "BiLSTM":
        return Tagger(V, S, C, H, both=True)
    wanted = size(Tagger(V, S, C, H, both=True))
    width = min(range(H, 2 * H), key=lambda width: abs(size(Tagger(V, S, C, width)) - wanted))
    return Tagger(V, S, C, width, later=int(kind == "LSTM, a word later"))


def batches(
    ids: np.ndarray, answers: np.ndarray, steps: int, B: int, device: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """`steps` batches of B sentences of similar length, each cut to the longest in it, in random
    order."""
    lengths = (answers != IGNORED).sum(axis=1)
    random = generator()
    left: list[np.ndarray] = []
    for _ in range(steps):
        if not left:
            # Short ones together, in another order in every round.
            order = np.argsort(lengths + random.random(len(lengths)) * 4)
            left = [order[i : i + B] for i in range(0, len(order), B)]
            random.shuffle(left)
        rows = left.pop()
        T = int(lengths[rows].max())
        yield mg.tensor(ids[rows, :T]).to(device), mg.tensor(answers[rows, :T]).to(device)


def tagged(
    model: nn.Module, coded: Coded, sentences: Sequence[Sentence], device: str, B: int = 256
) -> list[list[str]]:
    """The tags that the model gives."""
    model.eval()
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i].words))
    found: list[list[str]] = [[] for _ in sentences]
    with mg.no_grad():
        for begin in range(0, len(order), B):
            rows = order[begin : begin + B]
            ids, _ = coded.ids([sentences[i] for i in rows])
            best = model(mg.tensor(ids).to(device)).argmax(dim=-1).tolist()
            for i, row in zip(rows, best):
                found[i] = [coded.tags[tag] for tag, _ in zip(row, sentences[i].words)]
    model.train()
    return found
