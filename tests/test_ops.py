"""Every op, on every sample, keeps every law: see `samples` for the one and `laws` for the other.

To repeat a failure run its test alone, `pytest "tests/test_ops.py::TEST[OP]"`: Hypothesis shows the smallest sample
that it found, and tries that one first.
"""

from typing import Any

import hypothesis
import laws
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import TABLE

import minigrad as mg
import minigrad.fused  # registers the ops by hand

few = hypothesis.settings(max_examples=max(5, hypothesis.settings().max_examples // 4))


def test_the_table_holds_every_op() -> None:
    assert TABLE.keys() == mg.OPS.keys()


def each_op(*names: str) -> Any:
    """Run the test for each of these ops, or for all, on samples that Hypothesis draws."""

    def decorate(test: Any) -> Any:
        return pytest.mark.parametrize("name", names or TABLE)(few(given(data=st.data())(test)))

    return decorate


@each_op()
def test_finite_difference(name: str, data: Any) -> None:
    laws.finite_difference(mg.OPS[name], data.draw(TABLE[name].smooth))


@each_op(*(name for name, row in TABLE.items() if row.analytic))
def test_complex_step(name: str, data: Any) -> None:
    laws.complex_step(mg.OPS[name], data.draw(TABLE[name].smooth))


@each_op()
def test_second_order(name: str, data: Any) -> None:
    laws.second_order(mg.OPS[name], data.draw(TABLE[name].smooth))


@each_op(*(name for name, row in TABLE.items() if row.torch))
def test_pytorch(name: str, data: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    laws.as_pytorch(mg.OPS[name], data.draw(TABLE[name].all), TABLE[name].torch, torch)


@each_op(*(name for name, op in mg.OPS.items() if op.composed))
def test_composition(name: str, data: Any) -> None:
    laws.composition(mg.OPS[name], data.draw(TABLE[name].smooth))


@each_op()
def test_nothing_is_written(name: str, data: Any) -> None:
    laws.purity(mg.OPS[name], data.draw(TABLE[name].all))


@each_op()
def test_calls_are_independent(name: str, data: Any) -> None:
    laws.independence(mg.OPS[name], data.draw(TABLE[name].smooth))


@each_op()
def test_no_shared_memory(name: str, data: Any) -> None:
    laws.separate_memory(mg.OPS[name], data.draw(TABLE[name].all))


@each_op()
def test_dtypes(name: str, data: Any) -> None:
    laws.dtypes(mg.OPS[name], data.draw(TABLE[name].all))


@each_op()
def test_strict_device(name: str, data: Any) -> None:
    laws.strictness(mg.OPS[name], data.draw(TABLE[name].all), TABLE[name].looks)
