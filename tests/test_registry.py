"""One name, one op: what may replace an op in the registry, and what is refused."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

import minigrad as mg
from minigrad import autograd
from minigrad.ops import elementwise
from minigrad.testing import check_op


@pytest.fixture(autouse=True)
def a_registry_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(autograd, "OPS", dict(autograd.OPS))
    monkeypatch.setattr(autograd, "NONDIFFERENTIABLE", dict(autograd.NONDIFFERENTIABLE))


def cell(text: str, module: str = "__main__") -> dict[str, Any]:
    """The names that a cell of a notebook, or a module, leaves."""
    names = {"mg": mg, "__name__": module}
    exec(text, names)
    return names


TWICE = """
@mg.op
def twice(xp, x):
    return {factor} * x, (lambda g: {factor} * g,)
"""
WORD = """
from minigrad.autograd import nondifferentiable

@nondifferentiable
def tanh(xp, x):
    return x
"""


def test_another_function_of_the_same_name_is_refused_and_the_op_stays() -> None:
    before = autograd.OPS["tanh"]
    with pytest.raises(ValueError) as refused:
        cell("@mg.op\ndef tanh(xp, x):\n    return x, (lambda g: g,)")
    assert str(refused.value) == (
        "op: expected a name that no other op has, got 'tanh' of __main__.tanh, which "
        "minigrad.ops.elementwise.tanh has already; give the rule another name"
    )
    assert autograd.OPS["tanh"] is before
    assert mg.tanh(mg.tensor(0.5)).item() == pytest.approx(0.46211716)


def test_a_word_without_a_derivative_keeps_its_name_too() -> None:
    with pytest.raises(ValueError, match=r"'isnan' of __main__.isnan, which minigrad\..*isnan has"):
        cell("@mg.op\ndef isnan(xp, x):\n    return x, (lambda g: g,)")
    with pytest.raises(ValueError, match=r"'tanh' of __main__.tanh, which minigrad\..*tanh has"):
        cell(WORD)
    assert "isnan" in autograd.NONDIFFERENTIABLE and "isnan" not in autograd.OPS
    assert "tanh" in autograd.OPS and "tanh" not in autograd.NONDIFFERENTIABLE


def test_a_cell_that_runs_again_replaces_its_op() -> None:
    wrong = cell(TWICE.format(factor=2).replace("lambda g: 2 *", "lambda g: 3 *"))["twice"]
    with pytest.raises(Exception, match="finite_difference"):
        check_op(wrong, only=["finite_difference"])
    right = cell(TWICE.format(factor=2))["twice"]
    assert check_op(right, only=["finite_difference", "proof"]).held["finite_difference"]
    assert autograd.OPS["twice"] is right


def test_the_same_name_in_another_module_or_function_is_another_op() -> None:
    cell(TWICE.format(factor=2), "one")
    with pytest.raises(ValueError, match="'twice' of two.twice, which one.twice has already"):
        cell(TWICE.format(factor=3), "two")

    def inner() -> None:
        @mg.op
        def twice(xp: Any, x: Any) -> Any:
            return 4 * x, (lambda g: 4 * g,)

    with pytest.raises(ValueError, match=r"inner\.<locals>\.twice, which one\.twice has"):
        inner()
    assert autograd.OPS["twice"](mg.tensor(1.0)).item() == 2


def test_a_module_is_imported_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = tmp_path / "my_ops_of_a_test.py"
    header = "import minigrad as mg\n"
    file.write_text(header + TWICE.format(factor=2), encoding="utf-8")
    module = importlib.import_module("my_ops_of_a_test")
    file.write_text(header + TWICE.format(factor=30), encoding="utf-8")
    importlib.reload(module)
    assert autograd.OPS["twice"](mg.tensor(1.0)).item() == 30
    del sys.modules["my_ops_of_a_test"]


def test_every_op_of_minigrad_may_be_registered_again() -> None:
    for name, op in list(autograd.OPS.items()):
        again = autograd.differentiable(op.rule)
        autograd.register(again, autograd.OPS)
        assert autograd.OPS[name] is again
    assert elementwise.tanh.rule is autograd.OPS["tanh"].rule


def test_what_is_only_differentiable_is_not_registered() -> None:
    def tanh(xp: Any, x: Any) -> Any:
        return x, (lambda g: g,)

    assert autograd.differentiable(tanh)(mg.tensor(2.0)).item() == 2
    assert autograd.OPS["tanh"] is mg.tanh
