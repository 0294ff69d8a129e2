"""The relative error of words far from 0 and near it, where PyTorch has a good one.

Each word below is computed in float32 and float64 at numbers from -100 to 100. SymPy's mpmath says
what its value and slope are; neither may be further from that than PyTorch's is.
"""

import math
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn.functional as our_functional

mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed (the extra prove)")
mp = mpmath.mp.clone()
mp.dps = 120  # 1 + e⁻¹⁰⁰ has 44 digits, and a difference quotient halves what is left

MAGNITUDES = """
0 1e-8 1e-6 1e-4 0.001 0.01 0.1 0.3 0.5 1 1.5 2 3 4 5 6 8 9.5 12 16 17 20 21 25 30 39 41 50 70 87
88 89 95 100
"""
NUMBERS = sorted({sign * float(size) for size in MAGNITUDES.split() for sign in (1, -1)})


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(x))


def elu(x: Any) -> Any:
    return x if x > 0 else mp.expm1(x)


def gelu_by_tanh(x: Any) -> Any:
    cubic = x + mp.mpf(0.044715) * x**3
    return x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * cubic))


WORDS: dict[str, Callable[[Any], Any]] = {
    "t.sigmoid(x)": sigmoid,
    "t.softmax(t.stack([x, x * 0]), 0)[0]": sigmoid,
    "t.tanh(x)": mp.tanh,
    "t.exp(x)": mp.exp,
    "t.expm1(x)": mp.expm1,
    "t.log1p(x.abs())": lambda x: mp.log1p(abs(x)),
    "t.erf(x)": mp.erf,
    "t.sinh(x)": mp.sinh,
    "t.cosh(x)": mp.cosh,
    "t.log(t.sigmoid(x))": lambda x: -softplus(-x),
    "t.logsumexp(t.stack([x, x * 0]), 0)": softplus,
    "F.log_softmax(t.stack([x, x * 0]), 0)[0]": lambda x: -softplus(-x),
    "F.logsigmoid(x)": lambda x: -softplus(-x),
    "F.softplus(x)": softplus,
    "F.silu(x)": lambda x: x * sigmoid(x),
    "F.elu(x)": elu,
    "F.mish(x)": lambda x: x * mp.tanh(softplus(x)),
    "F.gelu(x)": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "F.gelu(x, approximate='tanh')": gelu_by_tanh,
    "F.glu(t.stack([x * 0 + 1, x]), 0)[0]": sigmoid,
    "F.binary_cross_entropy_with_logits(x, x * 0, reduction='none')": softplus,
    "F.binary_cross_entropy_with_logits(-x, x * 0 + 1, reduction='none')": softplus,
    "F.binary_cross_entropy(t.sigmoid(x), x * 0 + 1, reduction='none')": lambda x: min(
        softplus(-x), mp.mpf(100)
    ),
}
# 1 - y² and 1 - eʸ, as PyTorch has them, are as exact as numbers near 1
SLOPES_NEAR_1 = {"t.tanh(x)", "F.log_softmax(t.stack([x, x * 0]), 0)[0]"}


@cache
def exact(call: str, x: float) -> tuple[Any, Any]:
    """The value and the slope of a word at x."""
    f = WORDS[call]
    at = mp.mpf(x)
    h = mp.mpf(10) ** -40
    return f(at), (f(at + h) - f(at - h)) / (2 * h)


def found(call: str, library: Any, functional: Any, x: Any) -> tuple[Any, Any]:
    """The values and slopes at an array of numbers."""
    leaf = library.tensor(x, requires_grad=True)
    y = eval(call, {"t": library, "F": functional}, {"x": leaf})
    y.sum().backward()
    return y.detach().numpy(), leaf.grad.numpy()


def error(got: Any, want: Any, least: float) -> float:
    """How far a number is from the exact one, relative to that; `least` for what is smaller."""
    if not np.isfinite(got) or abs(want) > np.finfo(got.dtype).max:
        with np.errstate(over="ignore"):
            return 0.0 if got == got.dtype.type(float(want)) else math.inf
    return float(abs(mp.mpf(float(got)) - want) / max(abs(want), mp.mpf(least)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("call", WORDS)
def test_a_word_is_as_exact_as_that_of_pytorch(call: str, dtype: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    x = np.array(NUMBERS, dtype)
    with np.errstate(all="ignore"):
        ours = found(call, mg, our_functional, x)
    theirs = found(call, torch, torch.nn.functional, x)
    limits = np.finfo(dtype)
    for i, number in enumerate(x):
        for kind in (0, 1):
            want = exact(call, float(number))[kind]
            if kind == 1 and number == 0:
                continue  # a kink has the slope that the library says
            least = 1.0 if kind == 1 and call in SLOPES_NEAR_1 else float(limits.tiny)
            our_error = error(ours[kind][i], want, least)
            their_error = error(theirs[kind][i], want, least)
            assert our_error <= max(20 * limits.eps, 4 * their_error), (
                f"{'slope' if kind else 'value'} at {number}: {ours[kind][i]}, "
                f"PyTorch {theirs[kind][i]}, exact {mp.nstr(want, 9)}"
            )


def test_sigmoid_says_nothing_at_either_end() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype, end in ((mg.float32, 1e4), (mg.float64, 1e300)):
            x = mg.tensor([-math.inf, -end, -20.0, 0.0, end, math.inf], dtype=dtype)
            assert mg.sigmoid(x).tolist() == pytest.approx([0, 0, 2.0611536e-9, 0.5, 1, 1])
            assert our_functional.logsigmoid(x).tolist()[:2] == x.tolist()[:2]


MANY = 100_000
SUMS = {
    "t.sum(x, 0)": MANY * 0.1,
    "x[None].expand(2, -1, -1).contiguous().sum(1)[1]": MANY * 0.1,
    "x.reshape(1000, -1, 3).sum((0, 1))": MANY * 0.1,
    "x.mean(0)": 0.1,
    "x.cumsum(0)[-1]": MANY * 0.1,
    "x[:, 0].cumsum(0)[-1:]": MANY * 0.1,
    "x.norm(dim=0)": math.sqrt(MANY) * 0.1,
    "x.logsumexp(0)": math.log(MANY) + 0.1,
}


@pytest.mark.parametrize("call", SUMS)
def test_sums_of_many_float32_keep_their_digits(call: str) -> None:
    """2 √n roundings; of 100,000 rows of 0.1 that are added one by one three digits are left."""
    found = eval(call, {"t": mg, "x": mg.full((MANY, 3), 0.1)}).tolist()
    roundings = 2 * math.sqrt(MANY) * 2.0**-24
    assert found == pytest.approx([SUMS[call]] * len(found), rel=roundings)


@pytest.mark.parametrize("value", [0.1, 0.001, 123.456])
@pytest.mark.parametrize("n", [2, 3, 10, 199])
def test_equal_numbers_have_no_variance(value: float, n: int) -> None:
    x = mg.full((n, 2), value).requires_grad_()
    for spread in (x.var(), x.std(), x.var(0).sum(), x.std(1).sum()):
        (dx,) = mg.grad(spread, x)
        assert spread.item() == 0 and not dx.numpy().any()


def test_the_variance_of_two_neighbours_among_the_floats_is_exact() -> None:
    x = np.array([1.0, np.nextafter(np.float32(1), np.float32(2))], np.float32)
    step = float(x[1]) - 1
    assert mg.tensor(x).var().item() == pytest.approx(step**2 / 2, rel=1e-6)


@pytest.mark.parametrize("dim", [0, 1, -2, (0, 1), (1, 2), (-3, -2), (0, 2), 2, (1, 0), ()])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool", "complex64"])
def test_a_sum_over_many_rows_is_numpys(dim: Any, dtype: str) -> None:
    rng = np.random.default_rng(3)
    for shape in ((300, 20, 3), (2, 523, 2), (16, 17, 5), (4, 64, 260)):
        x = (rng.random(shape) * 9).astype(dtype)
        for keepdim in (False, True):
            ours = mg.tensor(x).sum(dim, keepdim).numpy()
            theirs = np.sum(x, axis=None if dim == () else dim, keepdims=keepdim)
            assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)
