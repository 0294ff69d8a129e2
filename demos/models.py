"""Models that several demos share. T time, B batch, E embedding size, H hidden size, C classes."""

from __future__ import annotations

import minigrad as mg
import nn
from minigrad import Tensor

KINDS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM, "BiLSTM": nn.LSTM}


class SequenceClassifier(nn.Module):
    """Embedding -> recurrent layer -> its last hidden state (both directions' of a BiLSTM) ->
    scores of C classes."""

    def __init__(self, kind: str, vocabulary: int, E: int, H: int, C: int):
        super().__init__()
        both = kind == "BiLSTM"
        self.embedding = nn.Embedding(vocabulary, E)
        self.rnn = KINDS[kind](E, H, batch_first=True, bidirectional=both)
        self.fc = nn.Linear(2 * H if both else H, C)

    def forward(self, ids: Tensor) -> Tensor:
        _, state = self.rnn(self.embedding(ids))  # (B,T) -> (B,T,E) -> states after the last step
        h = state[0] if isinstance(state, tuple) else state  # an LSTM's is (h, c); (directions,B,H)
        return self.fc(mg.cat(list(h), dim=1))  # (B,C)


class SentenceClassifier(nn.Module):
    """Word embeddings -> recurrent layers -> the last states of the top one -> scores of C classes,
    with dropout.

    padding: the id that fills up short rows; its embedding is 0. told: whether the recurrent layers
    get the lengths of the rows, and leave the padding out. norm: LayerNorm of the last states. p:
    probability of dropping, everywhere.
    """

    def __init__(
        self,
        vocabulary: int,
        kind: str = "BiLSTM",
        E: int = 32,
        H: int = 64,
        C: int = 2,
        *,
        layers: int = 1,
        p: float = 0.3,
        norm: bool = False,
        padding: int | None = None,
        told: bool = False,
    ):
        super().__init__()
        self.ends = 2 if kind == "BiLSTM" else 1
        between = {"dropout": p} if layers > 1 else {}
        self.embedding = nn.Embedding(vocabulary, E, padding_idx=padding)
        self.rnn = KINDS[kind](
            E, H, layers, batch_first=True, bidirectional=self.ends == 2, **between
        )
        self.norm = nn.LayerNorm(self.ends * H) if norm else nn.Identity()
        self.fc = nn.Linear(self.ends * H, C)
        self.drop = nn.Dropout(p)
        self.padding, self.told = padding, told

    def forward(self, ids: Tensor) -> Tensor:
        lengths = (ids != self.padding).sum(dim=1) if self.told else None
        x = self.drop(self.embedding(ids))  # (B,T) -> (B,T,E)
        _, state = self.rnn(x, lengths=lengths)
        h = state[0] if isinstance(state, tuple) else state
        h = mg.cat(list(h[-self.ends :]), dim=1)  # (B,H), or (B,2H) of both directions
        return self.fc(self.drop(self.norm(h)))  # (B,C)


def size(model: nn.Module) -> int:
    """How many numbers a model learns."""
    return sum(parameter.numel() for parameter in model.parameters())


def start_gates(layer: nn.Module, start: str, T: int) -> None:
    """How the gates of an LSTM or a GRU start: "b = 3", with that forget bias; "chrono", with
    memories of up to T steps; "", at PyTorch's initial values."""
    if start == "chrono":
        nn.init.chrono_(layer, T)
    elif start:
        nn.init.forget_bias_(layer, float(start.removeprefix("b = ")))


OPEN = 20.0  # σ(20) is 1 exactly in float32, so that its derivative is 0


def hold_open(layer: nn.Module, gate: str) -> None:
    """Take out a gate of an LSTM of one layer, one of "ifo": it is 1, and no training moves it."""
    H = layer.hidden_size
    start = "ifgo".index(gate) * H
    rows = slice(start, start + H)
    with mg.no_grad():
        layer.weight_ih_l0[rows] = 0.0
        layer.weight_hh_l0[rows] = 0.0
        layer.bias_ih_l0[rows] = OPEN
        layer.bias_hh_l0[rows] = 0.0
