"""RNN, LSTM and GRU against PyTorch, in float64: values, gradients, names, lengths against packed
sequences."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_twin import agree, draw, torch, twins

import minigrad as mg
import nn

KINDS = ("RNN", "LSTM", "GRU")


def pair(kind: str, *sizes: int, **settings: Any) -> tuple[Any, Any, Any]:
    ours, theirs = (
        getattr(nn, kind)(*sizes, **settings),
        getattr(torch.nn, kind)(*sizes, **settings),
    )
    assert repr(ours) == repr(theirs)
    return ours, theirs, twins(ours, theirs)


@given(
    kind=st.sampled_from(KINDS),
    T=st.integers(1, 4),
    B=st.integers(1, 3),
    I=st.integers(1, 3),
    H=st.integers(1, 3),
    layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    batch_first=st.booleans(),
    started=st.booleans(),
    batched=st.booleans(),
)
def test_layer(
    kind: str,
    T: int,
    B: int,
    I: int,
    H: int,
    layers: int,
    bidirectional: bool,
    bias: bool,
    batch_first: bool,
    started: bool,
    batched: bool,
) -> None:
    settings = {
        "num_layers": layers,
        "bidirectional": bidirectional,
        "bias": bias,
        "batch_first": batch_first,
    }
    ours, theirs, weights = pair(kind, I, H, **settings)
    x = draw(*((T, I) if not batched else (B, T, I) if batch_first else (T, B, I)))
    state = (layers * (1 + bidirectional), *([B] * batched), H)
    states = [draw(*state, seed=s) for s in range(1 + (kind == "LSTM"))] * started

    def run(layer: Any) -> Any:
        return lambda x, *s: layer(x, tuple(s) if len(s) == 2 else s[0] if s else None)

    agree(run(ours), run(theirs), x, *states, weights=weights)


def test_relu_and_nonlinearity_by_position() -> None:
    ours, theirs = nn.RNN(3, 4, 2, "relu", False), torch.nn.RNN(3, 4, 2, "relu", False)
    agree(ours, theirs, draw(5, 2, 3), weights=twins(ours, theirs))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_first", [True, False])
def test_lengths_are_packed_sequences(kind: str, batch_first: bool) -> None:
    pack, unpack = torch.nn.utils.rnn.pack_padded_sequence, torch.nn.utils.rnn.pad_packed_sequence
    lengths = [3, 5, 1, 5]
    ours, theirs, weights = pair(
        kind, 3, 4, num_layers=2, bidirectional=True, batch_first=batch_first
    )

    def packed(x: Any) -> Any:
        output, state = theirs(pack(x, lengths, batch_first, enforce_sorted=False))
        return unpack(output, batch_first, total_length=6)[0], state

    x = draw(*((4, 6, 3) if batch_first else (6, 4, 3)))
    agree(lambda x: ours(x, lengths=lengths), packed, x, weights=weights)
    agree(lambda x: ours(x, lengths=mg.tensor(lengths)), packed, x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("used", [0, 1, 2])
def test_each_output_alone(kind: str, used: int) -> None:
    """A loss on the outputs, on h_n or on c_n only."""
    if kind != "LSTM" and used == 2:
        return

    def one(layer: Any) -> Any:
        def run(x: Any) -> Any:
            output, state = layer(x)
            return (output, *(state if kind == "LSTM" else [state]))[used]

        return run

    ours, theirs, weights = pair(kind, 3, 4, num_layers=2, bidirectional=True)
    agree(one(ours), one(theirs), draw(5, 2, 3), weights=weights)


def test_parameter_counts_of_the_four_classifiers() -> None:
    for kind, directions, count in (
        ("RNN", 1, 1379330),
        ("LSTM", 1, 1675778),
        ("GRU", 1, 1576962),
        ("LSTM", 2, 2071554),
    ):
        model = nn.Sequential(
            nn.Embedding(10000, 128),
            getattr(nn, kind)(128, 256, bidirectional=directions == 2),
            nn.Linear(256 * directions, 2),
        )
        assert sum(p.numel() for p in model.parameters()) == count


def test_initial_values_are_distributed_as_pytorchs() -> None:
    torch.manual_seed(0)
    for make in (
        lambda nn: nn.LSTM(9, 100),
        lambda nn: nn.Linear(9, 400),
        lambda nn: nn.GRUCell(9, 100),
        lambda nn: nn.Embedding(40, 100),
        lambda nn: nn.MultiheadAttention(40, 2),
    ):
        ours, theirs = make(nn), make(torch.nn)
        for (name, p), (_, q) in zip(
            ours.named_parameters(), theirs.named_parameters(), strict=True
        ):
            a, b = np.sort(p.detach().numpy().ravel()), np.sort(q.detach().numpy().ravel())
            assert abs(a - b).mean() <= 0.2 * b.std(), (
                name
            )  # the distance between the two distributions
