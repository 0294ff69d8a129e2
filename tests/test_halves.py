"""Two halves of a batch at once: what they cost, and what happens where one fails or the process
forks. That they give what the whole gives is among the laws of test_recurrent_tiers.py.
"""

import importlib.util
import os
import signal
import time
from typing import Any

import pytest
import strict_device

import minigrad as mg
from minigrad.fast import halves


def threads_of_blas() -> list[int]:
    return [library.num_threads for library in halves.cores.blas.lib_controllers]


@pytest.mark.parametrize(
    ("B", "H", "device", "allowed", "halved"),
    [
        (4, 3, "cpu", True, True),
        (2, 6, "cpu", True, True),
        (12, 1, "cpu", True, True),
        (5, 3, "cpu", True, True),
        (4, 2, "cpu", True, False),
        (1, 12, "cpu", True, False),
        (2, 5, "cpu", True, False),
        (4, 3, "cpu", False, False),
        (4, 3, strict_device.NAME, True, False),
    ],
)
def test_a_large_batch_is_halved_forward_and_back_and_no_other(
    B: int, H: int, device: str, allowed: bool, halved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12 numbers in each of two states being large here."""
    run_both, calls = halves.cores.run_both, []

    def counted(work: Any) -> list[Any]:
        calls.append(work)
        return run_both(work)

    monkeypatch.setattr(halves, "MIN_HALVED_SIZE", 24)
    monkeypatch.setattr(halves.cores, "allowed", lambda: allowed)
    monkeypatch.setattr(halves.cores, "run_both", counted)
    x, h, W, U = (mg.ones(*shape, device=device) for shape in ((2, B, 1), (B, H), (H, 1), (H, H)))
    hs, _ = mg.byhand.rnn(x, h, W.requires_grad_(), U, None, None)
    hs.sum().backward()
    assert len(calls) == 2 * halved
    assert hs.dtype == mg.float32


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_in_one_half_is_the_calls_and_leaves_both_free(bad: int) -> None:
    """And neither outlives the call."""
    done = []

    def work(which: int) -> int:
        if which == bad:
            raise ValueError("half a batch")
        time.sleep(0.05)
        done.append(which)
        return which

    with pytest.raises(ValueError, match="half a batch"):
        halves.cores.run_both(work)
    assert done == [1 - bad] and halves.cores.run_both(lambda which: which) == [0, 1]


known = pytest.mark.skipif(not threads_of_blas(), reason="threadpoolctl does not know this BLAS")


@known
def test_blas_keeps_to_one_thread_while_both_work() -> None:
    with halves.cores.blas.limit(limits=2):
        before = threads_of_blas()
        assert halves.cores.run_both(lambda which: threads_of_blas()) == [[1] * len(before)] * 2
        assert threads_of_blas() == before


@known
@pytest.mark.parametrize("limit", [1, 2])
def test_halves_wait_until_blas_may_use_two_cores(limit: int) -> None:
    with halves.cores.blas.limit(limits=limit):
        assert halves.cores.allowed() == (max(threads_of_blas()) > 1) == (limit == 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings(
    "ignore:.*fork:DeprecationWarning"
)  # the thread that it warns of is what this is about
def test_a_forked_process_starts_a_second_thread_of_its_own() -> None:
    halves.cores.run_both(lambda which: which)
    child = os.fork()
    if not child:
        signal.alarm(20)
        os._exit(halves.cores.run_both(lambda which: which) != [0, 1])
    assert os.waitpid(child, 0)[1] == 0, "it waits for a thread that only its parent has"


def test_without_fork_the_module_is_the_same(monkeypatch):
    monkeypatch.delattr(os, "register_at_fork")  # as on Windows
    spec = importlib.util.spec_from_file_location("minigrad.fast.halves", halves.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.cores.run_both(lambda half: half + 1) == [1, 2]
