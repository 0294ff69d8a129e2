"""Floats below 10⁻³⁸ are taken for 0 where that is asked for, and nothing else changes."""

import platform
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minigrad as mg
import nn

TINY = np.float32(1e-38)
NORMAL = np.finfo(np.float32).smallest_normal


@pytest.fixture
def flushed() -> Iterator[None]:
    if not mg.set_flush_denormal(True):
        pytest.skip("it cannot be set here")
    yield
    assert mg.set_flush_denormal(False)


def test_what_is_that_small_is_0_while_it_is_asked_for() -> None:
    assert TINY * np.float32(0.5) > 0
    if mg.set_flush_denormal(True):
        product, sum_ = TINY * np.float32(0.5), np.float32(1e-40) + np.float32(0.0)
        smallest, double = NORMAL * np.float32(1.0), np.float64(1e-300) * 1e-10
        mg.set_flush_denormal(False)
        assert product == sum_ == double == 0 and smallest == NORMAL
    assert TINY * np.float32(0.5) > 0


def test_rounding_and_warnings_stay_as_they_are(flushed: None) -> None:
    assert (0.1 + 0.2, 1 / 3) == (0.30000000000000004, 0.3333333333333333)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        np.array([1e38], np.float32) * np.float32(10)
    assert mg.set_flush_denormal(True)  # again is as once


def test_it_counts_for_the_calling_thread() -> None:
    with ThreadPoolExecutor(1) as other:
        other.submit(int).result()  # one that is started later takes over what is set
        mg.set_flush_denormal(True)
        there = other.submit(lambda: TINY * np.float32(0.5)).result()
        mg.set_flush_denormal(False)
    assert there > 0


def test_a_training_over_many_steps_ends_as_before() -> None:
    """Whose gradient falls below 10⁻³⁸ on its way back."""

    def trained(flush: bool) -> np.ndarray:
        mg.manual_seed(0)
        layer, x = nn.RNN(2, 8), mg.randn(300, 4, 2)
        optimizer = nn.optim.Adam(layer.parameters(), lr=0.01)
        mg.set_flush_denormal(flush)
        for _ in range(5):
            optimizer.zero_grad()
            layer(x)[1].square().sum().backward()
            optimizer.step()
        mg.set_flush_denormal(False)
        return np.concatenate([p.detach().numpy().ravel() for p in layer.parameters()])

    np.testing.assert_array_equal(trained(True), trained(False))


def test_elsewhere_it_says_that_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert mg.set_flush_denormal(True) is False
    assert TINY * np.float32(0.5) > 0


def test_another_mode_is_refused() -> None:
    with pytest.raises(TypeError, match="set_flush_denormal: expected mode to be True or False"):
        mg.set_flush_denormal(1)  # type: ignore[arg-type]
