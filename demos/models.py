"""Models that several demos share. T time, B batch, E embedding size, H hidden size, C classes."""

from __future__ import annotations

import minigrad as mg
import nn
from minigrad import Tensor

KINDS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM, "BiLSTM": nn.LSTM}


class SequenceClassifier(nn.Module):
    """Embedding -> recurrent layer -> its last hidden state (both directions' of a BiLSTM) -> scores of C classes."""

    def __init__(self, kind: str, vocabulary: int, E: int, H: int, C: int):
        super().__init__()
        both = kind == "BiLSTM"
        self.embedding = nn.Embedding(vocabulary, E)
        self.rnn = KINDS[kind](E, H, batch_first=True, bidirectional=both)
        self.fc = nn.Linear(2 * H if both else H, C)

    def forward(self, ids: Tensor) -> Tensor:
        _, state = self.rnn(self.embedding(ids))  # (B,T) -> (B,T,E) -> states after the last step
        h = state[0] if isinstance(state, tuple) else state  # an LSTM's state is (h, c); h is (directions,B,H)
        return self.fc(mg.cat(list(h), dim=1))  # (B,C)


def size(model: nn.Module) -> int:
    """How many numbers a model learns."""
    return sum(parameter.numel() for parameter in model.parameters())
