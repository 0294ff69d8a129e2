"""What a proof over exact numbers does not see, and no other test near the rules looked at: mutants
that survived (see mutants/PROOFS.md)."""

from itertools import product
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.array import NUMPY


@pytest.mark.parametrize("word", [mg.softmax, mg.log_softmax])
def test_each_row_has_a_shift_of_its_own(word: Any) -> None:
    rows = [[1000.0, 1001.0], [0.0, 1.0], [-2000.0, -1999.0]]
    x = mg.tensor(rows, dtype=mg.float64, requires_grad=True)
    y = word(x, 1)
    alone = word(mg.tensor([0.0, 1.0], dtype=mg.float64), 0)
    for row in y.detach().numpy():
        np.testing.assert_allclose(row, alone.numpy(), rtol=1e-12)
    (y[:, 0] * mg.tensor([1.0, 2.0, 3.0], dtype=mg.float64)).sum().backward()
    assert x.grad is not None and np.isfinite(x.grad.numpy()).all()
    np.testing.assert_allclose(x.grad.numpy()[2], 3 * x.grad.numpy()[0], rtol=1e-12)


@pytest.mark.parametrize("dim", [0, 1])
def test_what_is_empty_has_no_maximum_and_needs_none(dim: int) -> None:
    for word, shape in product((mg.softmax, mg.log_softmax), ((0, 3), (2, 0), (0, 0))):
        x = mg.zeros(*shape, requires_grad=True)
        y = word(x, dim)
        assert y.shape == shape
        y.sum().backward()
        assert x.grad is not None and x.grad.shape == shape


@pytest.mark.parametrize("dtype", [mg.uint8, mg.int32, mg.int64, mg.bool])
def test_a_sum_of_integers_has_a_sign(dtype: Any) -> None:
    x = mg.tensor([1, 0, 1]).to(dtype=dtype)
    assert x.sum().dtype == x.cumsum(0).dtype == mg.int64
    assert (x.sum() - 3).item() == -1
    assert x.cumsum(0).tolist() == [1, 1, 2]


@pytest.mark.parametrize("dim", [(0,), (-1,), 0, -1, None, ()])
def test_a_number_has_one_dim_to_be_summed_over(dim: Any) -> None:
    assert mg.tensor(2.5).sum(dim).item() == 2.5


@pytest.mark.parametrize("dim", [(1,), (-2,), (0, 1)])
def test_a_number_has_no_other_dim(dim: Any) -> None:
    with pytest.raises((IndexError, ValueError), match=r"^sum: "):
        mg.tensor(2.5).sum(dim)


def test_a_power_of_a_negative_number_has_no_slope() -> None:
    b = mg.tensor([2.0, 3.0], dtype=mg.float64, requires_grad=True)
    y = (-2.0) ** b
    assert y.tolist() == [4.0, -8.0]
    y.sum().backward()
    assert b.grad is not None and np.isnan(b.grad.numpy()).all()


@pytest.mark.parametrize("exponent", [2, 3])
def test_a_power_of_booleans_is_of_int64(exponent: int) -> None:
    y = mg.tensor([True, False]) ** exponent
    assert y.dtype == mg.int64 and y.tolist() == [1, 0]
    for dtype in (mg.float32, mg.float64, mg.int64):
        assert (mg.tensor([1, 2]).to(dtype=dtype) ** exponent).dtype == dtype


@pytest.mark.parametrize("name", ["nll_loss", "softmax_cross_entropy"])
def test_a_loss_refuses_by_its_own_name(name: str) -> None:
    scores, targets = mg.zeros(2, 3), mg.tensor([0, 1])
    with pytest.raises(ValueError, match=f"^{name}: expected reduction 'none', 'sum' or 'mean'"):
        mg.OPS[name](scores, targets, reduction="avg")
    with pytest.raises(TypeError, match=f"^{name}: expected integer targets, got float32"):
        mg.OPS[name](scores, mg.zeros(2))


@pytest.mark.parametrize(("name", "gates"), [("rnn_cell", 1), ("gru_cell", 3), ("lstm_cell", 4)])
def test_a_step_refuses_in_its_own_name(name: str, gates: int) -> None:
    states = [mg.zeros(2, 4)] * (2 if name == "lstm_cell" else 1)
    weights = mg.zeros(4 * gates, 3), mg.zeros(4 * gates, 4), None, None
    with pytest.raises(ValueError, match=rf"{name}: expected x \(batch, input size\), got \(3,\)"):
        mg.OPS[name](mg.zeros(3), *states, *weights)
    with pytest.raises(ValueError, match=rf"{name}: expected w_ih"):
        mg.OPS[name](mg.zeros(2, 5), *states, *weights)


def test_a_step_of_an_rnn_refuses_another_nonlinearity() -> None:
    shapes = ((4, 3), (4, 2), (2, 3), (2, 2), (2,), (2,))
    with pytest.raises(ValueError, match="nonlinearity"):
        mg.byhand.rnn_cell.rule(NUMPY, *[np.zeros(shape) for shape in shapes], nonlinearity="sin")


def test_an_rnn_by_hand_refuses_another_nonlinearity() -> None:
    shapes = ((4, 1, 3), (1, 2), (2, 3), (2, 2), (2,), (2,))
    with pytest.raises(ValueError, match="nonlinearity"):
        mg.byhand.rnn.rule(NUMPY, *[np.zeros(shape) for shape in shapes], nonlinearity="sin")


@pytest.mark.parametrize("name", ["nll_loss", "softmax_cross_entropy"])
def test_a_class_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(IndexError, match="classes 0 to 2"):
        mg.OPS[name](mg.zeros(2, 3), mg.tensor([0, -4]))
