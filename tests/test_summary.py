"""nn.summary: its numbers are the model's, and the model is left as it was."""

from typing import Any

import pytest

import minigrad as mg
import nn


class Classifier(nn.Module):
    def __init__(self) -> None:
        self.embedding, self.drop = nn.Embedding(9, 3), nn.Dropout(0.5)
        self.lstm, self.fc = (
            nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True),
            nn.Linear(8, 2),
        )

    def forward(self, ids: Any) -> Any:
        self.seen = ids  # what forward leaves behind must go, too
        return self.fc(self.lstm(self.drop(self.embedding(ids)))[0][:, -1])


def test_it_says_what_the_layers_output_and_hold() -> None:
    model = Classifier()
    rows = {row[0]: row[1:] for row in nn.summary(model, (5, 7), dtype=mg.int64)}
    assert list(rows) == [
        "Classifier",
        "embedding: Embedding",
        "drop: Dropout",
        "lstm: LSTM",
        "fc: Linear",
    ]
    assert rows["embedding: Embedding"] == ("(5, 7, 3)", 27, 108, 5 * 7 * 3 * 4)
    assert rows["drop: Dropout"] == ("(5, 7, 3)", 0, 0, 0)  # in evaluation its output is its input
    assert rows["lstm: LSTM"][0] == "(5, 7, 8), (4, 5, 4), (4, 5, 4)"
    assert rows["fc: Linear"] == ("(5, 2)", 18, 72, 40)
    assert rows["Classifier"] == ("(5, 2)", 0, 0, 0)
    assert sum(row[1] for row in rows.values()) == sum(p.numel() for p in model.parameters())
    assert sum(row[2] for row in rows.values()) == sum(p.array.nbytes for p in model.parameters())


def test_the_table_adds_up() -> None:
    text = str(nn.summary(nn.Sequential(nn.Linear(300, 400), nn.Tanh()), (50, 300)))
    assert text.splitlines()[-1].split() == ["total", "120,400", "481,600", "160,000"]
    assert len({len(line) for line in text.splitlines()}) == 1


def test_in_float64_memory_doubles() -> None:
    assert nn.summary(nn.Linear(3, 8).double(), (5, 3))[0][2:] == (32, 256, 320)


def test_what_is_shared_counts_once() -> None:
    layer = nn.Linear(4, 4)
    rows = nn.summary(nn.Sequential(layer, nn.Tanh(), layer), (5, 4))
    assert (
        sum(row[2] for row in rows) == 20 and rows[1][4] == 2 * 5 * 4 * 4
    )  # one layer, called twice


def test_a_layer_that_is_not_called_outputs_nothing() -> None:
    class Half(nn.Module):
        def __init__(self) -> None:
            self.used, self.idle = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            return {"scores": [self.used(x)]}

    assert [row[1] for row in nn.summary(Half(), (1, 3))] == ["(1, 2)", "(1, 2)", ""]


def test_the_model_is_left_as_it_was() -> None:
    model = Classifier()
    model.drop.eval()
    model.fc.weight.grad = mg.ones(2, 8)
    before = {module: dict(vars(module)) for module in model.modules()}
    random = mg.random.generator().bit_generator.state
    nn.summary(model, (5, 7), dtype=mg.int64)
    with pytest.raises(TypeError):
        nn.summary(model, (5, 7))
    for module, kept in before.items():
        assert vars(module).keys() == kept.keys()
        assert all(vars(module)[name] is value for name, value in kept.items())
    assert mg.random.generator().bit_generator.state == random and mg.is_grad_enabled()
    assert mg.equal(model.fc.weight.grad, mg.ones(2, 8)) and model.embedding.weight.grad is None


@pytest.mark.parametrize(
    ("model", "shape", "sentence"),
    [
        (3, (5,), "summary: expected a Module, got a int; call summary"),
        (nn.Tanh(), 5, "summary: expected the sizes of the input, .* got 5$"),
        (nn.Tanh(), (5, -1), r"summary: expected the sizes of the input, .* got \(5, -1\)$"),
        (nn.Tanh(), ("a",), r"summary: expected the sizes of the input, .* got \('a',\)$"),
        (nn.Embedding(3, 2), (5,), "embedding: expected integers as ids, got float32"),
    ],
)
def test_what_is_no_model_or_shape_gets_a_sentence(model: Any, shape: Any, sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        nn.summary(model, shape)


def test_a_model_that_refuses_the_zeros_is_told_what_it_was_given() -> None:
    with pytest.raises(TypeError, match="expected integers as ids") as refused:
        nn.summary(nn.Embedding(5, 3), (2, 4))
    (note,) = refused.value.__notes__
    assert "zeros of shape (2, 4), float32" in note and "dtype=minigrad.int64" in note
    assert str(nn.summary(nn.Embedding(5, 3), (2, 4), dtype=mg.int64)).count("(2, 4, 3)") == 1
