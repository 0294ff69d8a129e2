"""Kinks, poles, ties and overflow.

What minigrad says there, exactly, and that PyTorch says the same.
"""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from nn.functional import masked_softmax

INF, NAN = math.inf, math.nan


def slope(f: Any, *values: Any, cotangent: float = 2.0) -> list[Any]:
    """The gradient of f at float64 `values`, as lists, pulled back from one cotangent.

    1 would hide g / g.
    """
    leaves = [mg.tensor(np.array(v, float), requires_grad=True) for v in values]
    with np.errstate(all="ignore"):
        y = f(*leaves)
        return [g.tolist() for g in mg.grad(y, leaves, mg.full(y.shape, cotangent, dtype=y.dtype))]


# (function of (library, *tensors), where, its gradient there)
STATED = {
    "abs at 0": (lambda t, x: t.abs(x), ([-2, 0, 2],), [[-1, 0, 1]]),
    "relu at 0": (lambda t, x: t.relu(x), ([-1, 0, 1],), [[0, 0, 1]]),
    "sqrt at 0": (lambda t, x: t.sqrt(x), ([0, 4],), [[INF, 0.25]]),
    "log at 0": (lambda t, x: t.log(x), ([0, 2],), [[INF, 0.5]]),
    "1/x at 0": (lambda t, x: 1 / x, ([0],), [[-INF]]),
    "x**0 at 0": (lambda t, x: x**0, ([0, 2],), [[0, 0]]),
    "x**1 at 0": (lambda t, x: x**1, ([0, -2],), [[1, 1]]),
    "x**2 at 0": (lambda t, x: x**2, ([0, -2],), [[0, -4]]),
    "x**3 below 0": (lambda t, x: x**3, ([-2],), [[12]]),
    "x**0.5 at 0": (lambda t, x: x**0.5, ([0, 4],), [[INF, 0.25]]),
    "0**x": (lambda t, x: 0.0**x, ([1, 2],), [[0, 0]]),
    "a**b at (0, 2)": (lambda t, a, b: a**b, ([0], [2]), [[0], [0]]),
    "a**b at (0, 0)": (lambda t, a, b: a**b, ([0], [0]), [[0], [0]]),
    "a**b at (0, -1)": (lambda t, a, b: a**b, ([0], [-1]), [[-INF], [-INF]]),
    "atan2 at (0, 0)": (lambda t, a, b: t.atan2(a, b), ([0], [0]), [[0], [0]]),
    "maximum at a tie": (
        lambda t, a, b: t.maximum(a, b),
        ([1, 2, 3], [2, 2, 2]),
        [[0, 0.5, 1], [1, 0.5, 0]],
    ),
    "minimum at a tie": (
        lambda t, a, b: t.minimum(a, b),
        ([1, 2, 3], [2, 2, 2]),
        [[1, 0.5, 0], [0, 0.5, 1]],
    ),
    "clamp at its ends": (lambda t, x: t.clamp(x, -1, 1), ([-2, -1, 0, 1, 2],), [[0, 1, 1, 1, 0]]),
    "amax, ties share": (
        lambda t, x: t.amax(x, 1),
        ([[1, 3, 3, 0], [2, 2, 2, 2]],),
        [[[0, 0.5, 0.5, 0], [0.25] * 4]],
    ),
    "amin, ties share": (lambda t, x: t.amin(x, 0), ([1, 1, 3],), [[0.5, 0.5, 0]]),
    "max of all, ties share": (lambda t, x: x.max(), ([3, 1, 3],), [[0.5, 0, 0.5]]),
    "max along dim, the first": (lambda t, x: x.max(dim=0).values, ([3, 1, 3],), [[1, 0, 0]]),
    "min along dim, the first": (lambda t, x: x.min(dim=0).values, ([1, 3, 1],), [[1, 0, 0]]),
    "prod with no 0": (lambda t, x: t.prod(x), ([2, 3, 4],), [[12, 8, 6]]),
    "prod with one 0": (lambda t, x: t.prod(x), ([2, 0, 4],), [[0, 8, 0]]),
    "prod with two 0s": (lambda t, x: t.prod(x), ([0, 3, 0],), [[0, 0, 0]]),
    "prod along a dim": (lambda t, x: x.prod(dim=1), ([[0, 3], [2, 5]],), [[[3, 0], [5, 2]]]),
    "norm at 0": (lambda t, x: t.norm(x), ([0, 0],), [[0, 0]]),
    "norm of rows, one 0": (
        lambda t, x: t.norm(x, dim=1),
        ([[3, 4], [0, 0]],),
        [[[0.6, 0.8], [0, 0]]],
    ),
    "norm p=1 at 0": (lambda t, x: t.norm(x, 1), ([0, -2],), [[0, -1]]),
    "norm p=3 at 0": (lambda t, x: t.norm(x, 3), ([0, 0],), [[0, 0]]),
    "logsumexp of -inf": (lambda t, x: t.logsumexp(x, 0), ([-INF, 0, 0],), [[0, 0.5, 0.5]]),
    "logsumexp, huge": (lambda t, x: t.logsumexp(x, 0), ([1e300, 0],), [[1, 0]]),
    "softmax, masked": (lambda t, x: t.softmax(x, 0)[1], ([-INF, 0, 0],), [[0, 0.25, -0.25]]),
    "where, a pole not taken": (lambda t, x: t.where(x > 0, x, 0.0 * x), ([0, 1],), [[0, 1]]),
    "cumsum": (lambda t, x: t.cumsum(x, 0), ([1, 2, 3],), [[3, 2, 1]]),
    "the same element twice": (lambda t, x: x[[1, 1, 0]], ([1, 2],), [[1, 2]]),
    "the same row from both ends": (lambda t, x: x[[-1, 1, -1]], ([[1], [2]],), [[[0], [3]]]),
}


@pytest.mark.parametrize("f, at, want", STATED.values(), ids=STATED)
def test_a_gradient_is_as_stated(f: Any, at: Any, want: Any) -> None:
    np.testing.assert_allclose(
        np.concatenate([np.ravel(g) for g in slope(lambda *x: f(mg, *x), *at)]) / 2,
        np.concatenate([np.ravel(w) for w in want]),
        rtol=1e-12,
    )


@pytest.mark.parametrize("f, at, want", STATED.values(), ids=STATED)
def test_it_is_so_in_pytorch(f: Any, at: Any, want: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in at]
    y = f(torch, *leaves)
    for g, w in zip(torch.autograd.grad(y, leaves, torch.ones_like(y)), want, strict=True):
        np.testing.assert_allclose(g.numpy(), w, rtol=1e-12)


# Overflow: finite where the function is, in either precision

HUGE = {"float32": 1e4, "float64": 1e300}


@pytest.mark.parametrize("dtype", HUGE)
def test_nothing_overflows_on_the_way(dtype: str) -> None:
    big = HUGE[dtype]
    x = mg.tensor(np.array([-big, -1, 0, 1, big], dtype), requires_grad=True)
    for f in (
        mg.tanh,
        mg.sigmoid,
        lambda x: x.softmax(0),
        lambda x: x.log_softmax(0),
        lambda x: x.logsumexp(0),
        mg.relu,
    ):
        y = f(x)
        (g,) = mg.grad(y, x, mg.ones_like(y))
        assert (
            np.isfinite(y.array).all()
            and np.isfinite(g.array).all()
            and y.dtype == g.dtype == np.dtype(dtype)
        )
    for f in (mg.tanh, mg.sigmoid):
        assert (np.diff(f(x).array) >= 0).all()
    assert x.softmax(0).sum().item() == 1


@given(st.lists(st.floats(-1000, 1000), min_size=2, max_size=6))
def test_softmax_is_a_distribution_and_its_gradient_sums_to_0(values: list[float]) -> None:
    x = mg.tensor(np.array(values), requires_grad=True)
    y = x.softmax(0)
    np.testing.assert_allclose(y.sum().item(), 1, rtol=1e-12)
    (g,) = mg.grad(y, x, mg.tensor(np.arange(len(values)) - 0.7))
    np.testing.assert_allclose(g.sum().item(), 0, atol=1e-12)
    np.testing.assert_allclose(np.exp(x.log_softmax(0).array), y.array, atol=1e-12)


def test_a_row_masked_whole_is_0_and_poisons_nothing() -> None:
    x = mg.tensor(np.array([[7.0, -INF], [0.0, 1.0]]), requires_grad=True)
    allowed = mg.tensor(np.array([[False, False], [True, True]]))
    y = masked_softmax(x, allowed)
    (y * mg.tensor(np.array([[1.0, 2.0], [3.0, 5.0]]))).sum().backward()
    alone = mg.tensor(np.array([0.0, 1.0]), requires_grad=True)
    (alone.softmax(0) * mg.tensor(np.array([3.0, 5.0]))).sum().backward()
    assert y[0].tolist() == [0, 0] and x.grad[0].tolist() == [0, 0]
    np.testing.assert_array_equal(x.grad[1].array, alone.grad.array)


def test_softmax_of_a_row_of_minus_infinities_is_nan_as_in_pytorch_and_poisons_no_other() -> None:
    x = mg.tensor(np.array([[-INF, -INF], [0.0, 1.0]]), requires_grad=True)
    with np.errstate(all="ignore"):
        y = x.softmax(1)
        (y * mg.tensor(np.array([[1.0, 2.0], [3.0, 5.0]]))).sum().backward()
    assert np.isnan(y[0].detach().numpy()).all() and np.isnan(x.grad[0].numpy()).all()
    assert np.isfinite(y[1].detach().numpy()).all() and np.isfinite(x.grad[1].numpy()).all()


@pytest.mark.parametrize("ties", [1, 7, 70_000])
def test_ties_share_a_gradient_evenly_however_many(ties: int) -> None:
    x = mg.ones(ties + 1, requires_grad=True)
    with mg.no_grad():
        x[0] = 0.0
    x.amax().backward()
    np.testing.assert_allclose(x.grad.array[1:], 1 / ties, rtol=1e-6)
    assert x.grad.array[0] == 0


def test_a_zero_cotangent_gives_zero_where_the_slope_is_finite() -> None:
    for f in (
        mg.abs,
        mg.relu,
        lambda x: x**2,
        lambda x: x.norm(dim=0),
        lambda x: x.prod(dim=0),
        lambda x: x.amax(0),
    ):
        (g,) = slope(f, [[0.0, 1.0], [0.0, 2.0]], cotangent=0.0)
        assert not np.any(g)


@pytest.mark.parametrize(
    "reduce", [mg.sum, mg.amax, mg.mean, mg.amin], ids=["sum", "amax", "mean", "amin"]
)
def test_no_dimension_is_all_of_them_and_a_list_is_a_tuple(reduce: Any) -> None:
    x = mg.tensor(np.array([[1.0, 5.0, 2.0], [4.0, 0.0, 3.0]]), requires_grad=True)
    forms = [(), ((),), (None,), ([0, 1],), ((1, -2),), ([-1, 0],)]
    values = [reduce(x, *form) for form in forms]
    assert {(y.item(), tuple(y.shape)) for y in values} == {(values[0].item(), ())}
    assert len({str(mg.grad(y * 3, x)[0].tolist()) for y in values}) == 1
    assert reduce(x, [0, 1], True).shape == (1, 1) and reduce(x, [1]).shape == (2,)


NO_SUCH_DIM = (IndexError, "permute: expected dims from -2 to 1")
NOT_EACH_ONCE = (ValueError, "permute: expected each of the 2 dimensions once")


@pytest.mark.parametrize(
    "dims, error",
    [
        ((0, 2), NO_SUCH_DIM),
        ((1, 2), NO_SUCH_DIM),
        ((1, -3), NO_SUCH_DIM),
        ((0,), NOT_EACH_ONCE),
        ((0, 0), NOT_EACH_ONCE),
        ((0, 1, 2), NO_SUCH_DIM),
        ((0, 1, 1), NOT_EACH_ONCE),
    ],
)
def test_an_order_of_dimensions_names_each_once(
    dims: Any, error: tuple[type[Exception], str]
) -> None:
    kind, words = error
    with pytest.raises(kind, match=words):
        mg.ones(2, 3).permute(*dims)


# Empty, 0-d

EMPTY = mg.zeros(0, 3)


def test_empty_tensors() -> None:
    assert (
        EMPTY.sum().item() == 0
        and EMPTY.sum(0).tolist() == [0, 0, 0]
        and EMPTY.prod(dim=0).tolist() == [1, 1, 1]
    )
    assert (EMPTY @ mg.ones(3, 2)).shape == (0, 2) and (
        mg.ones(2, 0) @ mg.zeros(0, 3)
    ).tolist() == [[0] * 3] * 2
    assert (
        math.isnan(EMPTY.mean().item())
        and EMPTY.any().item() is False
        and EMPTY.all().item() is True
    )
    assert mg.cat([EMPTY, mg.ones(1, 3)]).shape == (1, 3) and EMPTY.max(dim=1).values.shape == (0,)
    assert [tuple(part.shape) for part in EMPTY.split(2)] == [(0, 3)] and mg.softmax(
        EMPTY, 1
    ).shape == (
        0,
        3,
    )
    assert list(mg.zeros(0)) == [] and mg.linear(EMPTY, mg.ones(2, 3), mg.ones(2)).shape == (0, 2)


def test_0d_tensors() -> None:
    x = mg.tensor(2.0, requires_grad=True)
    for y in (
        x[None][0],
        x[...],
        x.reshape(1).squeeze(),
        x.sum(),
        x.amax(),
        x.max(dim=0).values,
        x.flatten()[0],
        x.T,
        x.sum(0),
        x.amax(-1),
        x.cumsum(0),
    ):
        assert y.shape == () and mg.grad(y * 3, x)[0].item() == 3
    assert isinstance(mg.grad(x * 3, x)[0].array, np.ndarray)


def test_a_power_of_an_integer_has_the_same_gradient_with_a_graph_and_without() -> None:
    """log 5 in float64, although 5 is an integer."""
    exponent = mg.tensor([1.5], dtype=mg.float64, requires_grad=True)
    for create_graph in (False, True):
        y = mg.tensor([5]) ** exponent
        (dx,) = mg.grad(y.sum(), exponent, create_graph=create_graph)
        assert dx.tolist() == pytest.approx([5**1.5 * math.log(5)], rel=1e-14)


def test_the_angle_of_bytes_has_a_gradient_that_does_not_wrap() -> None:
    b = mg.tensor([2.0], dtype=mg.float64, requires_grad=True)
    for a in (mg.tensor([200], dtype=mg.uint8), np.array([200], np.uint8)):
        (db,) = mg.grad(mg.atan2(a, b).sum(), b)
        assert db.tolist() == pytest.approx([-200 / (200**2 + 2**2)])
