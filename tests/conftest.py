"""What holds for every test: Hypothesis's effort, a seed, no screen, clean global state."""

import contextlib
import functools
import itertools
import os
import random
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import hypothesis
import numpy as np
import pytest
import under_pytorch as commands

import minigrad as mg
from minigrad import array, autograd, faster

os.environ["MPLBACKEND"] = "Agg"  # also for the demos that a test starts

# No deadlines: a first call and a busy machine are slow, and neither is a fault.
common = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.register_profile("default", common)
hypothesis.settings.register_profile("dev", common, max_examples=20)
hypothesis.settings.register_profile(
    "ci", common, max_examples=100, derandomize=True, database=None
)
hypothesis.settings.register_profile("thorough", common, max_examples=2000)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "default")
)


class Randomness:
    """minigrad's random numbers for Hypothesis: the same for every example, so that one replays."""

    def seed(self, seed: int) -> None:
        mg.manual_seed(seed)

    def getstate(self) -> Any:
        return mg.random.generator().bit_generator.state

    def setstate(self, state: Any) -> None:
        mg.random.generator().bit_generator.state = state


randomness = Randomness()
hypothesis.register_random(randomness)


def shared() -> dict[str, Any]:
    """What one test could leave changed for the next. No test may draw Python's or NumPy's own."""
    numpys: Any = np.random.get_state(legacy=True)  # noqa: NPY002
    return {
        "grad mode": mg.is_grad_enabled(),
        "default dtype": mg.get_default_dtype(),
        "observer": autograd.mode.observer,
        "random numbers of Python": hash(random.getstate()),
        "random numbers of NumPy": hash(numpys[1].tobytes()) + numpys[2],
    }


@pytest.fixture(autouse=True)
def sealed() -> Iterator[None]:
    """Seed minigrad's random numbers, and fail a test that leaves other global state changed.

    The ops that it defines are its own.
    """
    mg.manual_seed(0)
    before = shared()
    yield
    after = shared()
    changed = [name for name, was in before.items() if after[name] != was]
    autograd.mode.grad_enabled = before["grad mode"]  # the next test is not to blame
    autograd.mode.observer = before["observer"]
    mg.set_default_dtype(before["default dtype"])
    forget_ops_of_tests()
    assert not changed, f"{', '.join(changed)}: the test must leave this as it was"


def forget_ops_of_tests() -> None:
    """Take out of the registry each op that a test defined, so that no other test walks it."""
    for name, op in list(autograd.OPS.items()):
        if not autograd.origin(op.rule).startswith("minigrad."):
            del autograd.OPS[name]


@pytest.fixture(scope="session")
def under_pytorch() -> Iterator[commands.Run]:
    """What runs a program under PyTorch and returns what it prints."""
    pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    yield from commands.server("torch")


@pytest.fixture(scope="session")
def under_as_torch() -> Iterator[commands.Run]:
    """What runs a program under nn.as_torch, or with --check, and returns what it prints."""
    yield from commands.server("nn.as_torch")


@pytest.fixture
def kernels() -> Iterator[Any]:
    """The strict device's, with no fault and no graph; none is left for the next test."""
    from emulated_kernel import Stream
    from strict_device import HAS_KERNELS, NAME

    if not HAS_KERNELS:
        pytest.skip("kernels need minigrad/fast and a C compiler")
    found = array.backend(NAME).xp.kernels
    found.graphs.local, found.graphs.enabled = threading.local(), True
    yield found
    found.host_fault[0], found.graphs.enabled = 0, True
    found.device_fault.fill(0)
    Stream.recording = None


@pytest.fixture
def stepwise(kernels: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`kernels` of a device on which no weights fit a multiprocessor: each step is launched."""
    monkeypatch.setattr(kernels, "limits", kernels.limits._replace(registers=0))
    return kernels


TRACED = 10  # examples of a property whose coverage is measured: more would hardly add a line


class Traced:
    """Measure the coverage of imports, of tests, and of fixtures of their files alone: what
    measures it is a trace function (before 3.14), under which pytest itself needs 5 ms for a test,
    and else 2.

    Of a property the first examples are measured, of a test that is marked `untraced` nothing. This
    is a plugin, since the hooks of a conftest see no doctest of minigrad and nn.
    """

    tracer: Any = None

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Any:
        self.tracer = sys.gettrace()
        with tracing(None):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Any:
        with tracing(self.tracer if isinstance(collector, pytest.File) else None):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_pycollect_makeitem(self) -> Any:
        with tracing(None):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Any:
        with tracing(None):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Any:
        is_of_a_file_of_tests = ".py" in fixturedef.baseid
        with tracing(self.tracer if is_of_a_file_of_tests else None):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Any:
        with tracing(None if item.get_closest_marker("untraced") else self.tracer):
            property_ = getattr(getattr(item, "obj", None), "hypothesis", None)
            if self.tracer is None or property_ is None:
                return (yield)
            test = property_.inner_test
            property_.inner_test = traced_at_first(test)
            try:
                return (yield)
            finally:
                property_.inner_test = test


@contextlib.contextmanager
def tracing(tracer: Any) -> Iterator[None]:
    """Trace with this function, or with none, for the time of a block."""
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        yield
    finally:
        sys.settrace(before)


def traced_at_first(test: Any) -> Any:
    """The test of one example, which ends the tracing after the first examples."""
    number = itertools.count(1)

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> Any:
        if next(number) > TRACED:
            sys.settrace(None)
        return test(*args, **kwargs)

    return run


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Traced())
    is_a_worker = hasattr(config, "workerinput")
    if not is_a_worker and "EMULATED_KERNELS" not in os.environ:
        folder = tempfile.TemporaryDirectory()
        os.environ["EMULATED_KERNELS"] = folder.name  # a kernel is compiled once for all workers
        config.add_cleanup(folder.cleanup)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    refuse_addresses(items)
    skip_tests_of_missing_rooms(items)
    if mg.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(
                pytest.mark.skip(reason="needs an NVIDIA GPU and CuPy (the extra cuda12 or cuda13)")
            )


def refuse_addresses(items: list[pytest.Item]) -> None:
    """A test is named alike in each process; else pytest's workers cannot share the tests out."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid}: expected no address in a name; give ids=")


def skip_tests_of_missing_rooms(items: list[pytest.Item]) -> None:
    """minigrad/fast and minigrad/inspect can be removed, and fast be left out: see rooms.py."""
    there = {room: bool(find_spec(f"minigrad.{room}")) for room in ("fast", "inspect")}
    there["fast"] = there["fast"] and faster.WANTED
    for item in items:
        for marker in item.iter_markers("room"):
            if not there[marker.args[0]]:
                reason = f"minigrad/{marker.args[0]} is not there, and this test is about it"
                item.add_marker(pytest.mark.skip(reason=reason))
