"""Sequences of launches become CUDA graphs: when, for how long, and that nothing else changes."""

import threading
import warnings
from typing import Any

import numpy as np
import pytest
from emulated_kernel import COMPILER, Graph
from strict_device import NAME, StrictModule

import minigrad as mg
import nn
from minigrad.fast.gpu import graphs
from minigrad.fast.gpu.dropout import DRAW_MASK
from nn import optim

pytestmark = pytest.mark.skipif(
    not COMPILER, reason="the kernels are compiled with g++ or clang++, and neither is here"
)


def test_a_loop_becomes_a_graph_the_second_time(kernels: Any) -> None:
    a, b = (StrictModule.array(np.ones((2, 2))) for _ in range(2))
    calls = []

    def body() -> None:
        calls.append(len(calls))
        kernels.cupy.matmul(a, a, out=b)
        kernels.launch(DRAW_MASK, a.dtype, a.size, a, 1, 0.5, 2.0)

    captures, launches = Graph.captures, Graph.launches
    for _ in range(5):
        kernels.graphs.run_captured("loop", [a, b], body)
    assert calls == [0, 1] and (Graph.captures, Graph.launches) == (captures + 1, launches + 4)
    kernels.graphs.run_captured("another", [a, b], body)
    kernels.graphs.run_captured("loop", [b, a], body)  # other addresses
    assert calls == [0, 1, 2, 3] and Graph.captures == captures + 1
    thread = threading.Thread(target=kernels.graphs.run_captured, args=("loop", [a, b], body))
    thread.start()
    thread.join()
    assert calls == [0, 1, 2, 3, 4] and Graph.captures == captures + 1  # each thread has its own


def test_a_graph_does_what_the_loop_does(kernels: Any) -> None:
    """In place, so that whoever computes once too often, or not at all, is found."""
    a, b = StrictModule.array(np.eye(2) * 2), StrictModule.array(np.zeros((2, 2)))

    def body() -> None:
        for source, target in ((a, b), (b, a)):
            kernels.cupy.matmul(source, source, out=target)

    for power in (4, 16, 64, 256):
        kernels.graphs.run_captured("square", [a, b], body)
        assert a.get()[0, 0] == 2.0**power


def test_only_so_many_graphs_are_kept(kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MAX_GRAPHS", 3)
    for number in range(10):
        kernels.graphs.run_captured(number, [], lambda: None)
    assert [key[0] for key in kernels.graphs.kept()] == [7, 8, 9]


def test_where_nothing_can_be_captured_the_loop_runs_and_it_is_said_once(kernels: Any) -> None:
    a, calls = StrictModule.array(np.ones((2, 2))), []

    def body() -> None:
        calls.append(kernels.cupy.ascontiguousarray(a.T))  # takes memory

    kernels.graphs.run_captured("loop", [a], body)
    with pytest.warns(
        UserWarning,
        match="no CUDA graph could be captured, so every step .* alone: .*capturing: ascont",
    ):
        kernels.graphs.run_captured("loop", [a], body)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernels.graphs.run_captured("loop", [a], body)
        kernels.graphs.run_captured("other", [a], body)
        kernels.graphs.run_captured("other", [a], body)
    assert len(calls) == 5


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_training_with_graphs_is_training(kernels: Any, kind: str) -> None:
    """Two layers of one shape, both ways, so that several runs wait for their backward at a time;
    two lengths.
    """

    def losses(captures: bool) -> tuple[list[float], int]:
        mg.manual_seed(0)
        kernels.graphs.local, kernels.graphs.enabled = threading.local(), captures
        before = Graph.launches
        model, found = getattr(nn, kind)(4, 4, num_layers=3).to(NAME), []
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        batches = [mg.randn(T, 3, 4, device=NAME) for T in (6, 9)]
        for _ in range(6):
            for x in batches:
                optimizer.zero_grad()
                loss = sum(
                    (mg.square(model(x * scale)[0]).mean() for scale in (1.0, 0.5)),
                    mg.zeros((), device=NAME),
                )
                loss.backward()
                optimizer.step()
                found.append(loss.item())
        return found, Graph.launches - before

    (plain, none), (graphs, some) = losses(False), losses(True)
    assert plain == graphs and not none
    assert (
        some or kernels.graphs.enabled
    )  # whether memory comes back at the same addresses is up to malloc
