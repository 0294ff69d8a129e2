"""Convolution and pooling in both tiers: by hand, and fast in blocks, which must be equal.

That by hand equals the composition is a law of tests/test_ops.py.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import byhand
from minigrad.array import NUMPY

pooling = pytest.importorskip("minigrad.fast.pooling", reason="minigrad/fast is left out")
fast = pytest.importorskip("minigrad.fast.convolution", reason="minigrad/fast is left out")

SETTINGS: list[dict[str, Any]] = [  # x (5,4,..)
    {"kernel": (3,), "stride": (1,), "dilation": (1,), "groups": 1},
    {"kernel": (2,), "stride": (3,), "dilation": (2,), "groups": 4},
    {"kernel": (3, 2), "stride": (1, 2), "dilation": (2, 1), "groups": 1},
    {"kernel": (1, 3), "stride": (2, 1), "dilation": (1, 1), "groups": 2},
]


@pytest.fixture(params=[1, 1500, 2**30], ids="block of {}".format)
def cache(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Blocks of one sample, of some with a rest, and of all."""
    monkeypatch.setattr(fast, "CACHE", request.param)
    monkeypatch.setattr(pooling, "CACHE", request.param)
    yield


def arguments(settings: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    rest = dict(settings)
    kernel = rest.pop("kernel")
    random = np.random.default_rng(0)
    x = random.standard_normal((5, 4, *(7, 6)[: len(kernel)]))
    weight = random.standard_normal((8, 4 // rest.pop("groups"), *kernel))
    return x, weight, rest


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_in_blocks_it_is_the_same(settings: dict[str, Any], cache: None) -> None:
    x, weight, rest = arguments(settings)
    want, pulls = byhand.convolution.rule(NUMPY, x, weight, **rest)
    y, fast_pulls = fast.convolution(NUMPY, x, weight, **rest)
    np.testing.assert_allclose(y, want, rtol=0, atol=1e-12)
    g = np.random.default_rng(1).standard_normal(y.shape)
    for fast_pull, pull in zip(fast_pulls, pulls, strict=True):
        np.testing.assert_allclose(fast_pull(g), pull(g), rtol=0, atol=1e-12)


def test_its_value_may_be_changed_in_place(cache: None) -> None:
    """As a ReLU in place does after it."""
    x, weight, rest = arguments(SETTINGS[2])
    found = []
    for change in ("mul", "mul_"):
        tensors = [mg.tensor(a, requires_grad=True) for a in (x, weight)]
        getattr(byhand.convolution(*tensors, **rest), change)(2).sum().backward()
        found.append([t.grad.numpy() for t in tensors])
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_it_is_chosen_where_the_windows_are_more_than_a_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, weight, rest = arguments(SETTINGS[0])
    size = x.nbytes * 3
    monkeypatch.setattr(fast, "CACHE", size)
    assert not fast.is_large(x, weight, **rest)
    monkeypatch.setattr(fast, "CACHE", size - 1)
    assert fast.is_large(x, weight, **rest)
    assert not fast.is_large(x, weight.astype("f4"), **rest)


def test_gradients_in_blocks_are_those_of_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "CACHE", 1500)
    x, weight, rest = arguments(SETTINGS[2])
    tensors = [mg.tensor(a, requires_grad=True) for a in (x, weight)]
    mg.gradcheck(lambda *args: byhand.convolution(*args, **rest), tensors)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_pooling_in_blocks_is_the_same(settings: dict[str, Any], cache: None) -> None:
    x, _, rest = arguments(settings)
    x = x.round()  # with ties
    x[1:3, :, 2] = np.nan
    want, (pull,) = byhand.max_pool.rule(NUMPY, x, kernel=settings["kernel"], **rest)
    y, (fast_pull,) = pooling.max_pool(NUMPY, x, kernel=settings["kernel"], **rest)
    np.testing.assert_array_equal(y, want)
    g = np.random.default_rng(1).standard_normal(y.shape)
    np.testing.assert_array_equal(fast_pull(g), pull(g))
    np.testing.assert_allclose(pull(g).sum(), g.sum(), rtol=0, atol=1e-12)


def test_pooling_in_blocks_is_chosen_for_several_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.ones((2, 3, 4))
    monkeypatch.setattr(pooling, "CACHE", x.nbytes - 1)
    assert pooling.is_large(x, kernel=(2,))
    assert not pooling.is_large(x[:1], kernel=(2,))
    assert not pooling.is_large(x, kernel=(2, 2, 2))
    monkeypatch.setattr(pooling, "CACHE", x.nbytes)
    assert not pooling.is_large(x, kernel=(2,))
    large = mg.ones(2, 3, 2**15)  # and it is used
    assert byhand.max_pool(large, kernel=(2,)).shape == (2, 3, 2**15 - 1)
