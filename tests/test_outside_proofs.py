"""What a proof over exact numbers does not see, and no other test near the rules looked at: mutants
that survived (see mutants/PROOFS.md)."""

from itertools import product
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn
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


@pytest.mark.parametrize("dtype", [mg.uint8, mg.int64, mg.bool])
@pytest.mark.parametrize("word", ["floor", "ceil", "trunc", "round"])
def test_integers_are_rounded_to_a_copy(word: str, dtype: Any) -> None:
    x = mg.tensor([1, 0]).to(dtype=dtype)
    y = getattr(mg, word)(x)
    assert y.dtype == dtype and y.tolist() == x.tolist()
    assert not np.shares_memory(x.numpy(), y.numpy())


@pytest.mark.parametrize("offset", range(-3, 4))
def test_the_gradient_of_a_diagonal_lies_on_it(offset: int) -> None:
    x = mg.zeros(4, 4, requires_grad=True)
    mg.diagonal(x, offset).sum().backward()
    assert x.grad is not None and x.grad.tolist() == np.eye(4, k=offset).tolist()


@pytest.mark.parametrize("step", [1, 2, 3])
def test_the_gradient_of_windows_is_added_where_they_overlap(step: int) -> None:
    x = mg.zeros(2, 7, requires_grad=True)
    y = x.unfold(1, 3, step)
    (y * mg.tensor([1.0, 2.0, 4.0])).sum().backward()
    want = np.zeros(7)
    for start in range(0, 5, step):
        want[start : start + 3] += [1, 2, 4]
    assert x.grad is not None and x.grad.tolist() == [want.tolist()] * 2


@pytest.mark.parametrize("padding_idx", [True, 1.0, "1"])
def test_a_row_of_padding_has_an_integer(padding_idx: Any) -> None:
    with pytest.raises(TypeError, match="^embedding: expected padding_idx to be an integer, got"):
        mg.OPS["embedding"](mg.ones(2, 3), mg.tensor([0]), padding_idx=padding_idx)


@pytest.mark.parametrize("word", [mg.any, mg.all])
def test_along_no_dim_each_element_is_true_by_itself(word: Any) -> None:
    x = mg.tensor([[0, 2], [1, 0]])
    assert word(x, dim=()).tolist() == [[False, True], [True, False]]
    assert word(x, dim=1).tolist() == ([True, True] if word is mg.any else [False, False])
    assert word(x, dim=[0, 1]).tolist() == word(x).tolist() == (word is mg.any)
    assert word(x).dtype == mg.bool
    of_bytes = word(x.to(dtype=mg.uint8), dim=())
    assert of_bytes.dtype == mg.uint8 and of_bytes.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("shape", [(-2,), (2, -2), (-2, -3), (-2, -2)])
def test_no_size_is_negative_but_minus_one(shape: Any) -> None:
    with pytest.raises(ValueError, match=r"^reshape: "):
        mg.zeros(2, 2).reshape(shape)


def test_a_number_has_no_dims_to_exchange() -> None:
    x = mg.tensor(2.0, requires_grad=True)
    for dims in ((0, 0), (0, -1), (-1, -1)):
        y = mg.swapaxes(x, *dims)
        assert y.shape == () and y.item() == 2.0 and y is not x
        assert mg.grad(3 * y, [x])[0].item() == 3.0
    for dims in ((0, 1), (1, 1), (-2, 0)):
        with pytest.raises(IndexError, match=r"^swapaxes: "):
            mg.swapaxes(x, *dims)


def test_what_is_empty_joins_anything_and_gets_an_empty_gradient() -> None:
    empty, x = mg.zeros(0, requires_grad=True), mg.ones(2, 3, requires_grad=True)
    y = mg.cat([empty, x, empty], dim=1)
    assert y.tolist() == x.tolist()
    dempty, dx = mg.grad((2 * y).sum(), [empty, x])
    assert dempty.shape == (0,) and dx.tolist() == [[2.0] * 3] * 2


@pytest.mark.parametrize("kind", ["sin", "relu6"])
def test_an_rnn_refuses_another_nonlinearity_in_each_tier(kind: str) -> None:
    shapes = ((4, 1, 3), (1, 2), (2, 3), (2, 2), (2,), (2,))
    for version in (mg.byhand.rnn, mg.OPS["rnn"]):
        with pytest.raises(ValueError, match="nonlinearity"):
            version(*[mg.zeros(*shape) for shape in shapes], nonlinearity=kind)


@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
def test_the_output_of_one_step_is_not_the_memory_of_the_state(layer: Any) -> None:
    hs, last = layer(3, 4)(mg.ones(1, 2, 3))
    state = last[0] if isinstance(last, tuple) else last
    assert hs.tolist() == state.tolist()
    assert not np.shares_memory(hs.detach().numpy(), state.detach().numpy())


def test_no_tensor_without_a_dim_is_taken_apart() -> None:
    with pytest.raises(IndexError, match="^unbind: expected a tensor of at least 1 dimension"):
        mg.OPS["unbind"](mg.tensor(1.0))


def test_a_shape_that_may_not_end_is_refused() -> None:
    for name in ("reshape", "broadcast_to"):
        with pytest.raises(TypeError, match=f"^{name}: expected shape to be a tuple of integers"):
            mg.OPS[name](mg.ones(3), iter([3]))


def test_a_number_may_be_said_to_have_a_dim_0() -> None:
    assert mg.OPS["squared_deviations"](mg.tensor(3.0), dim=0).item() == 0.0


def test_the_variance_of_equal_numbers_in_rows_is_zero() -> None:
    x = mg.tensor([[0.1] * 7, [1e5 + 0.1] * 7, [3e-7] * 7])
    assert not x.var(1).any() and not x.T.std(0).any()


def test_the_variance_of_complex_numbers_is_that_of_both_parts() -> None:
    x = mg.tensor([1 + 2j, 3 - 1j, 0.5j])
    parts = mg.tensor([[1.0, 3.0, 0.0], [2.0, -1.0, 0.5]]).var(1).sum().item()
    assert x.var().item() == pytest.approx(parts) and x.var().dtype == mg.float32
