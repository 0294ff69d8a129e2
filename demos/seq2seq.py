"""Sequence to sequence: a vocabulary, an encoder and a decoder with or without attention, greedy
and beam search.

B batch, S tokens of a source, L tokens of a target, V size of the target's vocabulary, E embedding
size, H hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
import nn
from demos.training import IGNORED
from minigrad import Tensor

PADDING, START, END, UNKNOWN = range(4)
Ids = np.ndarray[Any, Any]


class Vocabulary:
    """A number for each token of `texts`, by falling frequency; a token that they lack is UNKNOWN.

    >>> v = Vocabulary([["a", "b"], ["a"]])
    >>> v.ids([["b", "a"], ["a"]]).tolist(), v.tokens([5, 4, 2, 4])
    ([[5, 4, 2], [4, 2, 0]], ['b', 'a'])
    """

    def __init__(self, texts: Iterable[Sequence[str]]):
        tokens, counts = np.unique([token for text in texts for token in text], return_counts=True)
        by_frequency = tokens[np.argsort(-counts, kind="stable")].tolist()
        self.names = ["", "<start>", "<end>", "<unknown>", *by_frequency]
        self.numbers = {name: number for number, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def ids(self, texts: Sequence[Sequence[str]]) -> Ids:
        """(B,T), each row a text, END, and then PADDING."""
        rows = np.full((len(texts), 1 + max(map(len, texts))), PADDING)
        for row, text in zip(rows, texts):
            row[: len(text) + 1] = [*(self.numbers.get(token, UNKNOWN) for token in text), END]
        return rows

    def tokens(self, row: Sequence[int] | Ids) -> list[str]:
        """The ids before END."""
        row = list(row)
        before_end = row[: row.index(END)] if END in row else row
        return [self.names[i] for i in before_end if i != PADDING]


class Memory(NamedTuple):
    """What a decoder knows of its sources."""

    outputs: Tensor  # (B,S,H), the encoder's at each token
    padding: Tensor  # (B,S), True where there is none


State = tuple[Tensor, Tensor]  # h and c of the decoder, (1,B,H) each


class Translator(nn.Module):
    """A BiLSTM reads the source, its two last states, side by side, start an LSTM that writes the
    target.

    Without attention that is all the decoder gets: H numbers twice, however long the source
    (Sutskever et al. 2014). With it each of its states h looks back at all outputs of the encoder
    (Bahdanau et al. 2015), in the order of Luong et al. 2015, eq. 5: first all states, then their
    contexts c, then tanh(W [h; c]), from which the next token is named. No state waits for a
    context, so that in training the fused LSTM runs over the whole target at once and one call of
    nn.AdditiveAttention serves all its places. Rows may be padded: the encoder gets their lengths,
    attention a mask.
    """

    def __init__(self, sources: int, targets: int, H: int, attention: bool, E: int = 32):
        super().__init__()
        if H % 2:
            raise ValueError(
                f"Translator: H = {H} is shared by two directions; give an even number"
            )
        self.source = nn.Embedding(sources, E, padding_idx=PADDING)
        self.target = nn.Embedding(targets, E, padding_idx=PADDING)
        self.encoder = nn.LSTM(E, H // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.LSTM(E, H, batch_first=True)
        self.attention = nn.AdditiveAttention(H, H, H // 2) if attention else None
        self.combine = nn.Linear(2 * H, H) if attention else None
        self.fc = nn.Linear(H, targets)

    def encode(self, source: Tensor) -> tuple[Memory, State]:
        """source (B,S), padded."""
        padding = source == PADDING
        outputs, state = self.encoder(self.source(source), lengths=(~padding).sum(dim=1))
        h, c = (mg.cat(list(last), dim=-1).unsqueeze(0) for last in state)  # (2,B,H/2) -> (1,B,H)
        return Memory(outputs, padding), (h, c)

    def decode(
        self, before: Tensor, memory: Memory, state: State
    ) -> tuple[Tensor, State, Tensor | None]:
        """Scores (B,L,V) of the token after each of `before` (B,L), the last state, and the
        attention (B,L,S)."""
        h, state = self.decoder(self.target(before), state)  # (B,L,H)
        weights = None
        if self.attention is not None and self.combine is not None:
            context, weights = self.attention(h, memory.outputs, key_padding_mask=memory.padding)
            h = mg.tanh(self.combine(mg.cat([h, context], dim=-1)))
        return self.fc(h), state, weights

    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        """Teacher forcing: scores (B,L,V) of each token of a target, given the source (B,S) and all
        tokens before."""
        source, before = pair
        return self.decode(before, *self.encode(source))[0]


Batch = tuple[tuple[Tensor, Tensor], Tensor]  # (source, before), answers


def batch(source: Ids, target: Ids, device: str = "cpu") -> Batch:
    """Rows of ids as `Translator` and the loss want them, cut where all rows have ended."""
    source, target = (
        rows[:, : int((rows != PADDING).sum(axis=1).max())] for rows in (source, target)
    )
    before = np.column_stack([np.full(len(target), START), target[:, :-1]])
    before[target == PADDING] = PADDING
    answers = np.where(target == PADDING, IGNORED, target)
    x, y, z = (mg.tensor(rows).to(device) for rows in (source, before, answers))
    return (x, y), z


def batches(
    source: Ids, target: Ids, steps: int, B: int, random: np.random.Generator, device: str
) -> Iterator[Batch]:
    """`steps` batches of B rows, each drawn anew."""
    for _ in range(steps):
        rows = random.choice(len(source), min(B, len(source)), replace=False)
        yield batch(source[rows], target[rows], device)


# ---- search

# Last tokens (B·width,), state -> log p (B·width,V), state.
Step = Callable[[Ids, Any], tuple[Ids, Any]]
# A state, and the row from which each row goes on.
Reorder = Callable[[Any, Ids], Any]


def beam_search(
    step: Step, state: Any, reorder: Reorder, B: int, width: int, longest: int
) -> tuple[Ids, Ids]:
    """For each of B sources the most probable target found, ids (B,L), and its log-probability
    (B,).

    At each step the `width` most probable beginnings are kept among all extensions of those kept so
    far; one that has ended competes as it is. Width 1 is greedy search. A wider beam may still lose
    the greedy target: it is dropped as soon as `width` other beginnings are more probable, and
    these may come to a worse end.
    """
    ids = np.full((B, width, 1), START)
    first = np.where(np.arange(width) == 0, 0.0, -np.inf)  # at first all beginnings are the same
    total = np.tile(first, (B, 1))
    ended = np.zeros((B, width), dtype=bool)
    for _ in range(longest):
        log_p, state = step(ids[:, :, -1].reshape(-1), state)
        V = log_p.shape[-1]
        # An ended target goes on with PADDING, at no cost.
        stays = np.where(np.arange(V) == PADDING, 0.0, -np.inf)
        scores = total[:, :, None] + np.where(ended[:, :, None], stays, log_p.reshape(B, width, V))
        best = np.argsort(-scores.reshape(B, -1), axis=1, kind="stable")[:, :width]
        parent, token = np.divmod(best, V)
        row = np.arange(B)[:, None]
        ids = np.concatenate([ids[row, parent], token[:, :, None]], axis=2)
        total, ended = scores[row, parent, token], ended[row, parent] | (token == END)
        if ended.all():
            break
        state = reorder(state, (row * width + parent).reshape(-1))
    return ids[:, 0, 1:], total[:, 0]  # the most probable first


def translate(
    model: Translator, source: Ids, width: int, longest: int, device: str = "cpu"
) -> tuple[Ids, Ids]:
    """`beam_search` with a Translator: targets (B,L) of sources (B,S), and their log-probabilities
    (B,)."""

    def step(tokens: Ids, state: State) -> tuple[Ids, State]:
        scores, state, _ = model.decode(mg.tensor(tokens[:, None]).to(device), memory, state)
        return mg.log_softmax(scores[:, 0], -1).cpu().numpy().astype(float), state

    def reorder(state: State, rows: Ids) -> State:
        h, c = (part[:, mg.tensor(rows).to(device)] for part in state)
        return h, c

    with mg.no_grad():  # beginnings of one source stay in its rows, so that the memory never moves
        memory, state = model.encode(mg.tensor(np.repeat(source, width, axis=0)).to(device))
        return beam_search(step, state, reorder, len(source), width, longest)


def attention_weights(model: Translator, source: Ids, target: Ids, device: str = "cpu") -> Ids:
    """Where each token of a target (B,L) was looked for in the source (B,S), by teacher forcing:
    (B,L,S)."""
    (x, before), _ = batch(source, target, device)
    with mg.no_grad():
        weights = model.decode(before, *model.encode(x))[2]
    if weights is None:
        raise ValueError("attention_weights: this Translator has no attention")
    return weights.cpu().numpy()
