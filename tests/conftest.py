"""What holds for every test: how hard Hypothesis searches, a seed, no screen, and global state left as it was found."""

import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

import minigrad as mg
from minigrad import array, autograd

os.environ["MPLBACKEND"] = "Agg"  # also for the demos that a test starts

# No deadlines: a first call and a busy machine are slow, and neither is a fault.
common = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("default", common)
hypothesis.settings.register_profile("dev", common, max_examples=20)
hypothesis.settings.register_profile("ci", common, max_examples=100, derandomize=True, database=None, print_blob=True)
hypothesis.settings.register_profile("thorough", common, max_examples=2000)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "default")
)


class Randomness:
    """minigrad's random numbers as Hypothesis wants to hold them: the same for every example, so that one replays."""

    def seed(self, seed: int) -> None:
        mg.manual_seed(seed)

    def getstate(self) -> Any:
        return array.generator().bit_generator.state

    def setstate(self, state: Any) -> None:
        array.generator().bit_generator.state = state


randomness = Randomness()
hypothesis.register_random(randomness)


@pytest.fixture(autouse=True)
def sealed() -> Iterator[None]:
    """Seed the random numbers before a test, and fail one that leaves the grad mode or the default dtype changed."""
    mg.manual_seed(0)
    before = mg.is_grad_enabled(), mg.get_default_dtype()
    yield
    after = mg.is_grad_enabled(), mg.get_default_dtype()
    autograd.mode.recording = before[0]  # the next test is not to blame
    mg.set_default_dtype(before[1])
    assert after == before, f"(grad mode, default dtype) was {before} and is left as {after}: the test must restore it"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if mg.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU and CuPy (the extra cuda12 or cuda13)"))
