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


ours_rnn, theirs_rnn = nn.utils.rnn, torch.nn.utils.rnn


@given(
    kind=st.sampled_from(KINDS),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    is_sorted=st.booleans(),
    layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    batch_first=st.booleans(),
    started=st.booleans(),
    longer=st.integers(0, 2),
)
def test_a_layer_reads_packed_sequences(
    kind: str,
    lengths: list[int],
    is_sorted: bool,
    layers: int,
    bidirectional: bool,
    batch_first: bool,
    started: bool,
    longer: int,
) -> None:
    """The packed outputs, the states in the order of the batch, and both padded again."""
    settings = {"num_layers": layers, "bidirectional": bidirectional, "batch_first": batch_first}
    ours, theirs, weights = pair(kind, 3, 2, **settings)
    if is_sorted:
        lengths = sorted(lengths, reverse=True)
    T, B = max(lengths) + longer, len(lengths)
    x = draw(*((B, T, 3) if batch_first else (T, B, 3)))
    shape = (layers * (1 + bidirectional), B, 2)
    states = [draw(*shape, seed=s) for s in range(1 + (kind == "LSTM"))] * started

    def run(layer: Any, rnn: Any) -> Any:
        def packed(x: Any, *hx: Any) -> Any:
            state = hx if len(hx) == 2 else None if not hx else hx[0]
            given = rnn.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=is_sorted)
            output, state = layer(given, state)
            padded = rnn.pad_packed_sequence(output, batch_first, -0.5, total_length=T)
            return given, output, state, padded

        return packed

    agree(run(ours, ours_rnn), run(theirs, theirs_rnn), x, *states, weights=weights)


def test_packing_and_unpacking() -> None:
    """Sequences of ids, of rows; packed parts put together by hand, as programs do for a layer."""
    for is_sorted, lengths in ((True, [4, 2, 2]), (False, [2, 4, 1])):
        ids = [np.arange(n) + 10 * n for n in lengths]
        rows = [draw(n, 2, seed=n) for n in lengths]
        for parts in (ids, rows):

            def every_form(*parts: Any, rnn: Any, is_sorted: bool = is_sorted) -> Any:
                packed = rnn.pack_sequence(parts, enforce_sorted=is_sorted)
                data = packed.data * 2
                again = rnn.PackedSequence(data, packed.batch_sizes, packed.sorted_indices)
                padded, ends = rnn.pad_packed_sequence(again, batch_first=True)
                inverse = rnn.PackedSequence(data, packed.batch_sizes, None, again.unsorted_indices)
                return (
                    rnn.pad_packed_sequence(inverse),
                    packed,
                    again,
                    rnn.unpack_sequence(again),
                    rnn.unpad_sequence(padded, ends, batch_first=True),
                    rnn.unpad_sequence(padded.transpose(0, 1), ends),
                    again.to(padded.dtype),
                )

            agree(
                lambda *p, f=every_form: f(*p, rnn=ours_rnn),
                lambda *p, f=every_form: f(*p, rnn=theirs_rnn),
                *parts,
            )


def test_what_packing_refuses() -> None:
    x = mg.ones(4, 3, 2)
    pack, unpack = ours_rnn.pack_padded_sequence, ours_rnn.pad_packed_sequence
    with pytest.raises(RuntimeError, match=r"lengths that fall .* got \[2, 4, 1\]; give enforce_s"):
        pack(x, [2, 4, 1])
    for lengths in ([2, 4, 0], [2, 5, 1], [2, 1], [[1, 2, 3]], [1.0, 2.0, 3.0], None):
        with pytest.raises(ValueError, match="^pack_padded_sequence: expected lengths of 3 integ"):
            pack(x, lengths, enforce_sorted=False)
    packed = pack(x, [4, 2, 1])
    with pytest.raises(ValueError, match="expected total_length of at least 4, got 3"):
        unpack(packed, total_length=3)
    with pytest.raises(TypeError, match=r"expected a PackedSequence, got float32\(4, 3, 2\)"):
        unpack(x)
    with pytest.raises(ValueError, match="^LSTM: expected lengths=None for a PackedSequence"):
        nn.LSTM(2, 3)(packed, lengths=[4, 2, 1])
    with pytest.raises(TypeError, match="^LSTM: expected input of the parameters' dtype float32"):
        nn.LSTM(2, 3)(packed.to(mg.float64))
    with pytest.raises(ValueError, match=r"^pack_padded_sequence: expected input \(time, batch, "):
        pack(mg.ones(3), [1])


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
