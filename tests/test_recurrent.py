"""Laws of the recurrent cells and layers: what a cell is, and what a run of it must keep."""

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import nn

LAYERS: dict[str, tuple[Any, Any]] = {
    "RNN": (nn.RNN, nn.RNNCell),
    "LSTM": (nn.LSTM, nn.LSTMCell),
    "GRU": (nn.GRU, nn.GRUCell),
    "GRU, reset before": (
        lambda *sizes, **s: nn.GRU(*sizes, reset_after=False, **s),
        lambda *sizes: nn.GRUCell(*sizes, reset_after=False),
    ),
}
close = {"rtol": 1e-10, "atol": 1e-12}


def randn(*shape: int) -> mg.Tensor:
    return mg.randn(*shape, dtype=mg.float64, requires_grad=True)


def values(*tensors: Any) -> list[Any]:
    return [
        t.detach().numpy()
        for part in tensors
        for t in (part if isinstance(part, tuple) else (part,))
    ]


def same(some: list[Any], others: list[Any]) -> None:
    assert len(some) == len(others)
    for a, b in zip(some, others, strict=True):
        np.testing.assert_allclose(a, b, **close)


def numpy_sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


# Cells are the lesson's equations. There [h, x] is one vector and every gate has one matrix.


def joined(cell: Any, k: int) -> tuple[list[Any], list[Any]]:
    """The k matrices over [h, x], and the k biases."""
    w_ih, w_hh, b_ih, b_hh = values(*cell.weights())
    return np.split(np.hstack([w_hh, w_ih]), k), np.split(b_ih + b_hh, k)


def test_lstm_cell_is_the_lessons() -> None:
    cell = nn.LSTMCell(3, 4).double()
    x, h, c = randn(2, 3), randn(2, 4), randn(2, 4)
    (W_i, W_f, W_c, W_o), (b_i, b_f, b_c, b_o) = joined(cell, 4)
    for row in range(2):
        concat = np.concatenate([values(h)[0][row], values(x)[0][row]])
        f_t, i_t = numpy_sigmoid(W_f @ concat + b_f), numpy_sigmoid(W_i @ concat + b_i)
        c_t = f_t * values(c)[0][row] + i_t * np.tanh(W_c @ concat + b_c)
        h_t = numpy_sigmoid(W_o @ concat + b_o) * np.tanh(c_t)
        same([v[row] for v in values(cell(x, (h, c)))], [h_t, c_t])


def test_gru_cell_is_the_lessons_with_its_z_for_our_one_minus_z() -> None:
    cell = nn.GRUCell(3, 4, reset_after=False).double()
    x, h = randn(2, 3), randn(2, 4)
    (W_r, W_z, W_h), (b_r, b_z, b_h) = joined(cell, 3)
    for row in range(2):
        h_prev, x_t = values(h)[0][row], values(x)[0][row]
        concat = np.concatenate([h_prev, x_t])
        r_t, z_t = numpy_sigmoid(W_r @ concat + b_r), 1 - numpy_sigmoid(W_z @ concat + b_z)
        h_tilde = np.tanh(W_h @ np.concatenate([r_t * h_prev, x_t]) + b_h)
        same([values(cell(x, h))[0][row]], [(1 - z_t) * h_prev + z_t * h_tilde])


@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_keeps_the_state_where_z_is_one_and_forgets_it_where_z_is_zero(
    reset_after: bool,
) -> None:
    cell = nn.GRUCell(3, 4, reset_after=reset_after).double()
    x, h = randn(2, 3), randn(2, 4)
    cell.bias_ih.detach()[4:8].fill_(1e3)
    same(values(cell(x, h)), values(h))
    cell.bias_ih.detach()[4:8].fill_(-1e3)
    _, _, n = mg.cells.gru_gates(x, h, *cell.weights(), reset_after=reset_after)
    same(values(cell(x, h)), values(n))


def test_a_peephole_cell_without_peepholes_is_an_lstm_cell() -> None:
    peephole, plain = (
        nn.PeepholeLSTMCell(3, 4, forget_bias=1.0).double(),
        nn.LSTMCell(3, 4).double(),
    )
    plain.load_state_dict(peephole.state_dict(), strict=False)
    x, h, c = randn(2, 3), randn(2, 4), randn(2, 4)
    with_peepholes = values(peephole(x, (h, c)))
    peephole.weight_peephole.detach().zero_()
    same(values(peephole(x, (h, c))), values(plain(x, (h, c))))
    assert abs(with_peepholes[0] - values(plain(x, (h, c)))[0]).max() > 1e-3


def test_peephole_gradients_are_those_of_finite_differences() -> None:
    cell = nn.PeepholeLSTMCell(2, 3).double()
    x = randn(4, 2, 2)
    mg.gradcheck(lambda x, *_: nn.unroll(cell, x)[0], [x, *cell.parameters()])


# A layer is its cell, run over time.


@pytest.mark.parametrize("name", LAYERS)
@given(
    T=st.integers(1, 4),
    B=st.integers(1, 3),
    reverse=st.booleans(),
    padded=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_layer_is_its_cell_unrolled(
    name: str, T: int, B: int, reverse: bool, padded: bool, seed: int
) -> None:
    layer, cell = LAYERS[name][0](3, 4, bidirectional=True).double(), LAYERS[name][1](3, 4).double()
    end = "_reverse" if reverse else ""
    cell.load_state_dict(
        {
            n.replace(f"_l0{end}", ""): p
            for n, p in layer.state_dict().items()
            if n.endswith(f"l0{end}")
        }
    )
    x = randn(T, B, 3)
    lengths = np.random.default_rng(seed).integers(0, T + 1, B) if padded else None
    output, state = layer(x, lengths=lengths)
    hs, last = nn.unroll(cell, x, lengths=lengths, reverse=reverse)
    mine = values(
        output[..., 4:] if reverse else output[..., :4],
        tuple(s[int(reverse)] for s in (state if isinstance(state, tuple) else (state,))),
    )
    same(mine, values(hs, last))


@pytest.mark.parametrize("name", LAYERS)
def test_a_padded_row_gets_what_it_gets_alone(name: str) -> None:
    layer = LAYERS[name][0](3, 4, num_layers=2, bidirectional=True).double()
    x, lengths = randn(6, 3, 3), [2, 6, 4]
    output, state = layer(x, lengths=lengths)
    for b, n in enumerate(lengths):
        alone, its_state = layer(x[:n, b])
        same(values(output[:n, b]), values(alone))
        assert not output[n:, b].detach().numpy().any()
        for s, t in zip(values(state), values(its_state), strict=True):
            same([s[:, b]], [t])


@pytest.mark.parametrize("name", LAYERS)
@given(cut=st.integers(1, 4))
def test_two_parts_of_a_sequence_are_the_whole(name: str, cut: int) -> None:
    """run(T1) and then run(T2) from its state give the values and the gradients of run(T1 + T2)."""
    layer = LAYERS[name][0](3, 4, num_layers=2).double()
    x = randn(5, 2, 3)
    whole, state = layer(x)
    first, between = layer(x[:cut])
    second, last = layer(x[cut:], between)
    same(values(whole, state), values(mg.cat([first, second]), last))
    g = mg.randn(*whole.shape, dtype=mg.float64)
    same(
        values(*mg.grad((whole * g).sum(), [x, *layer.parameters()])),
        values(*mg.grad((mg.cat([first, second]) * g).sum(), [x, *layer.parameters()])),
    )


COMPOSED = {
    "RNN": mg.cells.rnn_composed,
    "LSTM": mg.cells.lstm_composed,
    "GRU": mg.cells.gru_composed,
}


@pytest.mark.parametrize("name", LAYERS)
@given(
    layers=st.integers(1, 3),
    both=st.booleans(),
    bias=st.booleans(),
    batch_first=st.booleans(),
    padded=st.booleans(),
    started=st.booleans(),
    used=st.integers(1, 7),
    seed=st.integers(0, 99),
)
def test_a_layer_of_any_form_is_the_composition_of_its_steps(
    name: str,
    layers: int,
    both: bool,
    bias: bool,
    batch_first: bool,
    padded: bool,
    started: bool,
    used: int,
    seed: int,
) -> None:
    """Values and gradients, whichever outputs are used (bits of `used`: output, h_n, c_n)."""
    T, B, rng, kind = 4, 3, np.random.default_rng(seed), name.split(",")[0]
    form = {"num_layers": layers, "bidirectional": both, "bias": bias, "batch_first": batch_first}
    layer = LAYERS[name][0](2, 3, **form).double()
    settings = {"reset_after": layer.reset_after} if kind == "GRU" else {}
    lengths = rng.integers(0, T + 1, B) if padded else None
    ends, states = ("", "_reverse")[: 1 + both], 1 + (kind == "LSTM")
    x = randn(T, B, 2)
    start = [
        (randn if started else mg.zeros)(layers * len(ends), B, 3).double() for _ in range(states)
    ]
    given_x = x.transpose(0, 1) if batch_first else x
    output, last = layer(
        given_x, (tuple(start) if states == 2 else start[0]) if started else None, lengths=lengths
    )
    ours = [output.transpose(0, 1) if batch_first else output, *(last if states == 2 else (last,))]

    inner, ended = x, []
    for k in range(layers):
        weights = [
            [p for n, p in layer.named_parameters() if n.endswith(f"_l{k}{end}")] for end in ends
        ]
        runs = [
            COMPOSED[kind](
                inner,
                *(s[k * len(ends) + d] for s in start),
                *w,
                *[None] * (4 - len(w)),
                lengths=lengths,
                reverse=bool(d),
                **settings,
            )
            for d, w in enumerate(weights)
        ]
        inner = mg.cat([hs for hs, *_ in runs], -1)
        ended += [run[1:] for run in runs]
    theirs = [inner, *(mg.stack(list(state)) for state in zip(*ended))]
    same(values(*ours), values(*theirs))

    chosen = [i for i in range(1 + states) if used >> i & 1] or [0]
    seeds = [mg.tensor(rng.standard_normal(ours[i].shape)) for i in chosen]
    leaves = [x, *start * started, *layer.parameters()]
    same(*(values(*mg.grad([ys[i] for i in chosen], leaves, seeds)) for ys in (ours, theirs)))


@pytest.mark.parametrize("name", LAYERS)
def test_reversing_time_exchanges_the_directions(name: str) -> None:
    layer = LAYERS[name][0](3, 4, bidirectional=True).double()
    twin = LAYERS[name][0](3, 4, bidirectional=True).double()
    other = {
        n: f"{n}_reverse" if not n.endswith("_reverse") else n.removesuffix("_reverse")
        for n in layer.state_dict()
    }
    twin.load_state_dict({other[n]: t for n, t in layer.state_dict().items()})
    x = randn(5, 2, 3)
    there, back = layer(x)[0], twin(x.flip(0))[0].flip(0)
    same(values(there), values(mg.cat([back[..., 4:], back[..., :4]], -1)))


def test_dropout_between_layers_acts_in_training_alone() -> None:
    layer = nn.GRU(3, 8, num_layers=2, dropout=0.5)
    x = mg.randn(5, 2, 3)
    assert not mg.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert mg.equal(layer(x)[0], layer(x)[0])


def test_recurrent_dropout_has_one_mask_for_all_steps() -> None:
    class Echo(nn.Module):
        """A cell whose next state is the state as it was given, and 1 where it was dropped."""

        def forward(self, x: mg.Tensor, h: mg.Tensor) -> mg.Tensor:
            return mg.where(h == 0, 0.0, 1.0) if h is not None else mg.ones(2, 50)

    cell = Echo()
    runs = [
        nn.unroll(cell, mg.zeros(4, 2, 1), mg.ones(2, 50), dropout=0.5)[0].numpy() for _ in range(2)
    ]
    for run in runs:
        assert (run == run[0]).all() and 0.2 < run[0].mean() < 0.8
    assert (runs[0] != runs[1]).any()
    cell.eval()
    assert nn.unroll(cell, mg.zeros(4, 2, 1), mg.ones(2, 50), dropout=0.5)[0].numpy().all()


def test_any_cell_can_be_unrolled() -> None:
    def leaky(x: mg.Tensor, h: mg.Tensor | None) -> mg.Tensor:
        return x if h is None else 0.5 * h + x

    x = randn(2, 3, 1)
    hs, last = nn.unroll(leaky, x, batch_first=True)
    same(values(hs[:, 2], last), values(x[:, 2] + 0.5 * x[:, 1] + 0.25 * x[:, 0]) * 2)


# Gates.


@pytest.mark.parametrize("name", [n for n in LAYERS if n != "RNN"])
@pytest.mark.parametrize("lengths", [None, [3, 5, 1]])
def test_gates_are_those_of_the_run(name: str, lengths: Any) -> None:
    layer = LAYERS[name][0](3, 4, num_layers=2, bidirectional=True).double()
    x = randn(5, 3, 3)
    found = nn.gates(layer, x, lengths=lengths)
    assert list(found) == ["l0", "l0_reverse", "l1", "l1_reverse"]
    output, _ = layer(x, lengths=lengths)
    ends = lengths or [5, 5, 5]
    for run, part in (("l1", output[..., :4]), ("l1_reverse", output[..., 4:])):
        gate = {n: values(t)[0] for n, t in found[run].items()}
        for b, n in enumerate(ends):
            order = range(n) if run == "l1" else range(n - 1, -1, -1)
            h, c = np.zeros(4), np.zeros(4)
            for t in order:
                g = {key: v[t, b] for key, v in gate.items()}
                if name == "LSTM":
                    c = g["f"] * c + g["i"] * g["g"]
                    h = g["o"] * np.tanh(c)
                else:
                    h = g["z"] * h + (1 - g["z"]) * g["n"]
                np.testing.assert_allclose(values(part[t, b])[0], h, **close)
            assert all(not v[n:, b].any() for v in gate.values())


# Misuse.


def test_misuse_of_layers() -> None:
    layer = nn.LSTM(3, 4, batch_first=True)
    for call, message in (
        (
            lambda: layer(mg.ones(2, 5, 4)),
            r"^LSTM: expected input \(batch, time, 3\), got \(2, 5, 4\)",
        ),
        (
            lambda: layer(mg.ones(2, 0, 3)),
            r"^LSTM: expected input of at least one time step, got \(2, 0, 3\)",
        ),
        (
            lambda: layer(mg.ones(2, 5, 3), mg.ones(1, 2, 4)),
            r"^LSTM: expected hx \(h, c\) of float32\(1, 2, 4\) each, got float32\(1, 2, 4\)$",
        ),
        (
            lambda: layer(mg.ones(2, 5, 3), lengths=[5]),
            r"^LSTM: expected lengths of 2 integers from 0 to 5, got \[5\]; "
            r"input \(2, 5, 3\) is \(batch, time, size\) with batch_first=True$",
        ),
        (lambda: layer(mg.ones(2, 5, 3), lengths=[5, 6]), r"lengths of .*, got \[5, 6\]"),
        (lambda: layer(mg.ones(2, 5, 3), lengths=[5, -1]), r"lengths of .*, got \[5, -1\]"),
        (lambda: layer(mg.ones(2, 5, 3), lengths=[5, 1.5]), r"lengths of .*, got \[5, 1.5\]"),
        (
            lambda: nn.RNN(3, 4, nonlinearity="sin"),
            "^RNN: expected nonlinearity 'tanh' or 'relu', got 'sin'",
        ),
        (lambda: nn.GRU(3, 0), "^GRU: expected hidden_size of at least 1, got 0"),
        (lambda: nn.GRU(3, 4, 2, dropout=1.5), "^GRU: expected dropout between 0 and 1, got 1.5"),
        (
            lambda: nn.LSTMCell(3, 4)(mg.ones(2, 4)),
            r"^LSTMCell: expected input \(batch, 3\), which is one step, .*got \(2, 4\)",
        ),
        (
            lambda: nn.GRUCell(3, 4)(mg.ones(2, 3), mg.ones(2, 3)),
            r"^GRUCell: expected hx float32\(2, 4\), got float32\(2, 3\)",
        ),
        (
            lambda: nn.unroll(nn.GRUCell(3, 4), mg.ones(5, 3)),
            r"^unroll: expected input \(time, batch, size\) .*, got \(5, 3\)",
        ),
        (
            lambda: nn.unroll(nn.GRUCell(3, 4), mg.ones(5, 1, 3), lengths=[9]),
            r"^unroll: expected lengths of 1 integers from 0 to 5, got \[9\]",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(
        TypeError, match=r"parameters' dtype float32, got int64; embed integers first"
    ):
        layer(mg.zeros(2, 5, 3, dtype=mg.int64))
    with pytest.raises(TypeError, match=r"expected input of the .* float32, got float64"):
        layer(mg.zeros(2, 5, 3, dtype=mg.float64))
    with pytest.raises(NotImplementedError, match="^LSTM: proj_size=2 is not supported"):
        nn.LSTM(3, 4, proj_size=2)
    with pytest.raises(TypeError, match="^gates: expected an LSTM or a GRU, got a RNN"):
        nn.gates(nn.RNN(3, 4), mg.ones(5, 2, 3))
    with pytest.warns(
        UserWarning, match="dropout acts only between layers, and there is one layer"
    ):
        nn.GRU(3, 4, dropout=0.5)
    with pytest.raises(ValueError, match=r"got \(float64\(1, 2, 4\), float64\(1, 2, 4\)\)"):
        layer(mg.ones(2, 5, 3), (mg.zeros(1, 2, 4).double(), mg.zeros(1, 2, 4).double()))
    with pytest.raises(TypeError, match=r"^LSTM: expected a Tensor as input, got a list"):
        layer([[[1.0, 2.0, 3.0]]])
    assert layer.flatten_parameters() is None


def test_constructors_show_their_arguments() -> None:
    """PyTorch's in its order, then our own by keyword; what is not supported is refused by name."""
    sizes = ["input_size", "hidden_size", "num_layers"]
    form = ["bias", "batch_first", "dropout", "bidirectional"]
    place = ["device", "dtype"]
    assert list(inspect.signature(nn.RNN).parameters) == [*sizes, "nonlinearity", *form, *place]
    own = ["forget_bias", "chrono"]
    assert list(inspect.signature(nn.LSTM).parameters) == [*sizes, *form, "proj_size", *place, *own]
    own = ["reset_after", "chrono"]
    assert list(inspect.signature(nn.GRU).parameters) == [*sizes, *form, *place, *own]
    for kind in (nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell):
        kind(3, 4, device=None, dtype=None)
        layer = kind(3, 4, device="cpu", dtype=mg.float64)
        assert {p.dtype for p in layer.parameters()} == {np.dtype("float64")}
        with pytest.raises(TypeError, match=f"^{kind.__name__}.to: expected a dtype of floats"):
            kind(3, 4, dtype=mg.int64)


@pytest.mark.parametrize("name", LAYERS)
def test_a_batch_of_no_rows_gives_no_rows(name: str) -> None:
    layer = LAYERS[name][0](3, 4, num_layers=2, bidirectional=True)
    output, state = layer(mg.zeros(5, 0, 3), lengths=[])
    assert tuple(output.shape) == (5, 0, 8)
    for part in state if isinstance(state, tuple) else (state,):
        assert tuple(part.shape) == (4, 0, 4)
    output.sum().backward()
    assert all([not p.grad.numpy().any() for p in layer.parameters()])
