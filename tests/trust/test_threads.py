"""Threads do not meet: the grad mode, the random numbers, the buffers and an observer belong to one
thread each."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

import minigrad as mg
import nn


@pytest.fixture(autouse=True)
def many_switches() -> Iterator[None]:
    """Let the interpreter change threads as often as it can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def together(*jobs: Callable[[], Any]) -> list[Any]:
    """What the jobs return, each in a thread of its own, all started at once."""
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        start.wait(30)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


class Classifier(nn.Module):
    def __init__(self, kind: type[nn.Module]):
        self.embed = nn.Embedding(7, 16)
        self.layer = kind(16, 32, num_layers=2, dropout=0.3)
        self.head = nn.Linear(32, 2)

    def forward(self, ids: mg.Tensor) -> mg.Tensor:
        return self.head(self.layer(self.embed(ids.transpose(0, 1)))[0][-1])


def trained(kind: type[nn.Module], seed: int, epochs: int = 3) -> list[bytes]:
    """Weights after training with random weights, order and dropout; large enough that buffers are
    reused."""
    mg.manual_seed(seed)
    model = Classifier(kind)
    ids = mg.randint(0, 7, (64, 20))
    loader = nn.data.DataLoader(
        nn.data.TensorDataset(ids, (ids[:, 0] > 3).long()), 32, shuffle=True
    )
    optimizer = nn.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return [p.detach().numpy().tobytes() for p in model.parameters()]


def test_models_trained_in_threads_get_the_numbers_that_they_get_alone() -> None:
    runs = [(nn.LSTM, 1), (nn.GRU, 2), (nn.RNN, 3)]
    alone = [trained(kind, seed) for kind, seed in runs]
    assert together(*[lambda run=run: trained(*run) for run in runs]) == alone


def gradient_or_refusal(y: mg.Tensor, x: mg.Tensor) -> Any:
    try:
        return mg.grad(y, x)[0].tolist()
    except RuntimeError as error:
        return str(error)


def test_threads_that_free_one_graph_get_the_whole_gradient_or_a_sentence() -> None:
    for _ in range(40):
        x = mg.ones(50, requires_grad=True)
        y = x
        for _ in range(30):
            y = y * 1.0 + x * 0.0
        found = together(*[partial(gradient_or_refusal, y.sum(), x)] * 3)
        assert [1.0] * 50 in found
        refused = [got for got in found if got != [1.0] * 50]
        assert all(["already differentiated and freed" in got for got in refused]), refused


def test_what_one_thread_draws_changes_nothing_in_another() -> None:
    mg.manual_seed(5)
    wanted = mg.randn(4).tolist()
    mg.manual_seed(5)
    together(lambda: mg.manual_seed(1), lambda: mg.randn(1000))
    assert mg.randn(4).tolist() == wanted


def test_the_grad_mode_is_a_threads_own() -> None:
    def switched_off() -> bool:
        mg.set_grad_enabled(False)
        return mg.is_grad_enabled()

    assert together(switched_off, mg.is_grad_enabled, switched_off) == [False, True, False]
    assert mg.is_grad_enabled()


def test_an_anomaly_is_looked_for_in_one_thread_alone() -> None:
    nan = mg.tensor(float("nan"), requires_grad=True)
    with mg.detect_anomaly():
        (there,) = together(lambda: nan + 1)
        with pytest.raises(FloatingPointError):
            nan + 1
    assert there.node.origin == ""


def test_set_grad_enabled_acts_at_once_or_within() -> None:
    """As in PyTorch: a plain call takes effect; a block ends it; a decorated function alone is
    switched."""
    mg.set_grad_enabled(False)
    assert not mg.is_grad_enabled()
    mg.set_grad_enabled(True)
    block = mg.set_grad_enabled(False)
    for _ in range(2):
        with block:
            assert not mg.is_grad_enabled()
        assert mg.is_grad_enabled()
    assert not mg.set_grad_enabled(False)(mg.is_grad_enabled)() and mg.is_grad_enabled()
