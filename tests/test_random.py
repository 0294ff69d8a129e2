"""Random numbers of a process, and of those that it makes by fork."""

import multiprocessing
import os
from typing import Any

import numpy as np
import pytest

import minigrad as mg


@pytest.mark.parametrize("seed", [1.5, "4", [1, 2], mg.tensor(3)])
def test_a_seed_that_is_no_integer_is_refused_by_name(seed: Any) -> None:
    with pytest.raises(TypeError, match="^manual_seed: expected an integer, got "):
        mg.manual_seed(seed)


def test_a_seed_below_zero_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match=r"^manual_seed: expected an integer of at least 0, got -1$"
    ):
        mg.manual_seed(-1)


def test_an_integer_of_numpy_is_the_same_seed() -> None:
    mg.manual_seed(7)
    numbers = mg.rand(3).tolist()
    mg.manual_seed(np.int64(7))
    assert mg.rand(3).tolist() == numbers


def draw(queue: Any) -> None:
    queue.put(tuple(mg.rand(4).tolist()))


def draw_with_seed(queue: Any) -> None:
    mg.manual_seed(3)
    draw(queue)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_processes_repeat_neither_their_parent_nor_one_another() -> None:
    context: Any = multiprocessing.get_context("fork")
    queue = context.Queue()
    mg.manual_seed(3)
    mg.rand(1)  # a generator exists that a child would go on with
    state = mg.random.generator().bit_generator.state
    children = [context.Process(target=draw, args=(queue,)) for _ in range(3)]
    for child in children:
        child.start()
    drawn = {queue.get(timeout=60) for _ in children}
    for child in children:
        child.join(60)
    assert mg.random.generator().bit_generator.state == state  # the parent's goes on as it was
    assert len(drawn | {tuple(mg.rand(4).tolist())}) == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_seed_in_a_forked_process_gives_the_numbers_of_that_seed() -> None:
    context: Any = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=draw_with_seed, args=(queue,))
    child.start()
    drawn = queue.get(timeout=60)
    child.join(60)
    mg.manual_seed(3)
    assert tuple(mg.rand(4).tolist()) == drawn


@pytest.mark.parametrize("number", [10**400, -(10**400)], ids=["large", "small"])
@pytest.mark.parametrize("op", ["add", "sub", "mul", "div", "maximum", "lt", "eq", "pow"])
def test_an_integer_that_no_float_holds_is_refused_by_the_ops_name(op: str, number: int) -> None:
    sentence = f"^{op}: expected a number that float64 can hold, got an integer of 1329 bits;"
    with pytest.raises(ValueError, match=sentence):
        getattr(mg, op)(mg.ones(2), number)
