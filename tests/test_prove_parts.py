"""The exact numbers under the proofs: dual numbers, symbols, arrays of them, and the page."""

import operator
import runpy
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minigrad as mg

sympy = pytest.importorskip("sympy", reason="SymPy is not installed (the extra prove)")

from minigrad.prove import exact, points, prove_op, report  # noqa: E402
from minigrad.prove.cases import CASES  # noqa: E402
from minigrad.prove.field import PRIME, Dual, Field, NoSquareRoot, as_dual  # noqa: E402
from minigrad.prove.layers import STEPS  # noqa: E402
from minigrad.prove.symbols import Symbols, is_zero  # noqa: E402

A, DA = Fraction(3, 7), Fraction(5, 2)  # a number and its slope
B, DB = Fraction(-2, 9), Fraction(4, 3)


def dual(value: Fraction, slope: Fraction) -> Dual:
    """value + slope ε modulo the prime."""
    return Dual(as_dual(value).value, as_dual(slope).value)


a, b = dual(A, DA), dual(B, DB)


@pytest.mark.parametrize(
    ("found", "value", "slope"),
    [
        (a + b, A + B, DA + DB),
        (2 + a, 2 + A, DA),
        (a - b, A - B, DA - DB),
        (2 - a, 2 - A, -DA),
        (-a, -A, -DA),
        (a * b, A * B, DA * B + A * DB),
        (2 * a, 2 * A, 2 * DA),
        (a / b, A / B, (DA * B - A * DB) / B**2),
        (a / 2, A / 2, DA / 2),
        (2 / a, 2 / A, -2 * DA / A**2),
        (a**3, A**3, 3 * A**2 * DA),
        (a**0, Fraction(1), Fraction(0)),
    ],
)
def test_a_dual_number_has_the_value_and_the_slope(
    found: Dual, value: Fraction, slope: Fraction
) -> None:
    expected = dual(value, slope)
    assert (found.value, found.slope) == (expected.value, expected.slope)


def test_a_dual_number_prints_its_value_and_slope() -> None:
    assert repr(Dual(3, 4)) == "3 + 4 ε"


def test_the_root_of_a_square_squares_to_it_with_its_slope() -> None:
    square = a * a
    root = Field(0).apply("sqrt", square)
    again = root * root
    assert (again.value, again.slope) == (square.value, square.slope)


def test_what_is_no_square_has_no_root() -> None:
    with pytest.raises(NoSquareRoot):
        Field(0).apply("sqrt", Dual(-1))  # PRIME = 3 modulo 4, so that -1 is no square


def test_tanh_of_equal_numbers_is_one_number_with_its_derivative() -> None:
    field = Field(0)
    t, again = field.apply("tanh", a), field.apply("tanh", Dual(a.value))
    assert t.value == again.value
    assert t.slope == (1 - t.value**2) * a.slope % PRIME


def test_the_field_has_equality_and_an_order_only_as_a_case() -> None:
    field = Field(0)
    assert field.compare(operator.eq, a, a)
    assert field.compare(operator.ne, a, b)
    orders = {Field(seed).compare(operator.lt, Dual(1), Dual(2)) for seed in range(20)}
    assert orders == {True, False}
    with pytest.raises(NotImplementedError, match=r"Arithmetic has no order: 1 lt 2"):
        exact.Arithmetic().compare(operator.lt, 1, 2)


def test_the_field_has_no_exp() -> None:
    with pytest.raises(NotImplementedError, match="Field has no function exp"):
        Field(0).apply("exp", a)


def test_an_arithmetic_without_numbers_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Arithmetic has no number for 0.5"):
        exact.Arithmetic().number(0.5)


@pytest.fixture
def symbols() -> Any:
    """Symbols, in force."""
    found = Symbols()
    exact.current.append(found)
    yield found
    exact.current.pop()


def test_exact_numbers_are_finite(symbols: Symbols) -> None:
    x = symbols.array("x", 2)
    assert np.isfinite(x).tolist() == [True, True]
    assert np.isnan(x).tolist() == [False, False]


def test_masks_of_exact_numbers_combine(symbols: Symbols) -> None:
    x = symbols.array("x", 3, at=[-1, 1, 3])
    assert ((x > 0) & (x < 2)).tolist() == [False, True, False]
    assert (~(x > 0)).tolist() == [True, False, False]


def test_adding_at_a_place_twice_adds_both(symbols: Symbols) -> None:
    x, g = symbols.array("x", 2), symbols.array("g", 2)
    first, second = x.tolist()
    np.add.at(x, np.array([1, 1]), g)
    assert x.tolist() == [first, second + g[0] + g[1]]


def test_a_copy_in_another_type_is_exact_and_apart(symbols: Symbols) -> None:
    x = symbols.array("x", 2)
    kept = x.tolist()
    copy = x.astype(np.float32)
    copy[0] = 0
    assert isinstance(copy, exact.ExactArray)
    assert x.tolist() == kept


def test_zeros_of_integers_stay_integers(symbols: Symbols) -> None:
    assert exact.zeros((2,), np.int64).dtype == np.int64
    assert exact.zeros((2,)).tolist() == [sympy.Integer(0)] * 2


def test_ones_are_exact(symbols: Symbols) -> None:
    ones = exact.XP.ones_like(symbols.array("x", 2))
    assert isinstance(ones, exact.ExactArray)
    assert ones.tolist() == [1, 1]


def test_where_chooses_among_plain_and_exact_numbers(symbols: Symbols) -> None:
    x = symbols.array("x", 2)
    mask = np.array([True, False])
    assert exact.where(mask, x, 0).tolist() == [x[0], 0]
    plain = exact.where(mask, np.array([1, 2]), np.array([3, 4]))
    assert plain.tolist() == [1, 4]
    assert not isinstance(plain, exact.ExactArray)


def test_a_sample_point_on_a_border_is_refused(symbols: Symbols) -> None:
    x, y = symbols.array("x", 2, at=[1, 1])
    with pytest.raises(ValueError, match="the sample point lies on the border x0 = x1"):
        symbols.compare(operator.gt, x, y)


def test_zero_is_found_where_it_is_and_nowhere_else() -> None:
    x, y = sympy.symbols("x y", positive=True)
    assert is_zero((x + y) ** 2 - x**2 - 2 * x * y - y**2)
    assert is_zero(sympy.tanh(x * (y + 1)) - sympy.tanh(x * y + x))
    assert is_zero(1 / (x + y) + (x + y - 1) / (x + y) - 1)
    assert is_zero(sympy.sin(x) ** 2 + sympy.cos(x) ** 2 - 1)
    assert not is_zero(sympy.sin(x) ** 2 - sympy.cos(x) ** 2)


def test_an_op_of_one_array_needs_no_case_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def cube(xp: Any, x: Any) -> Any:
        return x**3, (lambda g: g * 3 * x**2,)

    monkeypatch.setitem(mg.OPS, "cube", SimpleNamespace(rule=cube))
    proof = prove_op(mg.OPS["cube"])
    assert proof.holds
    assert proof.partials == 2


def test_an_op_of_settings_has_no_case_but_its_own() -> None:
    with pytest.raises(KeyError, match="move"):
        prove_op(mg.OPS["move"])


def test_a_layer_is_proved_at_the_first_point_that_has_its_roots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = []

    def prove_layer(layer: str, tier: str, rule: Any, size: Any, seed: int, **settings: Any) -> str:
        tried.append(seed)
        if len(tried) < 3:
            raise NoSquareRoot
        return f"{layer} at {seed}"

    monkeypatch.setattr(report, "prove_layer", prove_layer)
    found: Any = report.prove_at_a_point("rnn", "by hand", None, (1, 1, 1, 1), 1, {})
    assert found == "rnn at 2001"
    assert tried == [1, 1001, 2001]


@pytest.fixture
def small_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report of one op of first order: tests/test_prove.py proves the others, one by one."""
    monkeypatch.setattr(report, "first_order", lambda: [prove_op(mg.OPS["exp"])])
    for part in ("second_order", "layers", "steps", "directions", "relu_layers"):
        monkeypatch.setattr(report, part, list)


def run(monkeypatch: pytest.MonkeyPatch, target: Path) -> None:
    """python -m minigrad.prove TARGET."""
    monkeypatch.setattr(sys, "argv", ["minigrad.prove", str(target)])
    runpy.run_module("minigrad.prove", run_name="__main__")


def test_an_option_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"python -m minigrad\.prove \[FILE\]: prove every op"):
        run(monkeypatch, Path("--help"))


def test_a_report_has_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "CASES", {"exp": CASES["exp"]})
    monkeypatch.setattr(
        report.mg, "OPS", {name: mg.OPS[name] for name in ("exp", *report.LAYERS, *STEPS)}
    )
    monkeypatch.setattr(report, "SIZES", ((1, 1, 1, 1),))
    monkeypatch.setattr(report, "RELU_SIZES", ((1, 1, 1, 1),))
    monkeypatch.setattr(report, "RELU_POINTS", 1)
    monkeypatch.setattr(report, "POINTS", 1)
    text, found = report.prove_all()
    assert found == []
    for words in ("1 of 1 ops over symbols", "second order 1 of 1 ops"):
        assert words in text
    for layer in (*report.LAYERS, *STEPS, "rnn, relu"):
        assert f"\n| {layer} | by hand |" in text


@pytest.mark.usefixtures("small_report")
def test_the_command_writes_and_prints_the_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text("utf-8")
    assert "1 of 1 ops over symbols" in text
    assert "| exp |" in text
    assert capsys.readouterr().out == text + "\n"


@pytest.mark.usefixtures("small_report")
def test_the_command_exits_with_what_stayed_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(report, "STRUCTURAL", {})  # so that these ops have no excuse
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, tmp_path / "page.md")
    assert stopped.value.code == "Open:\nastype: it has no case\nmove: it has no case"
    assert (tmp_path / "page.md").exists()


@pytest.mark.usefixtures("small_report")
def test_an_op_without_a_case_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(CASES, "cumsum")
    _, found = report.prove_all()
    assert found == ["cumsum: it has no case"]


@pytest.mark.usefixtures("small_report")
def test_the_command_refuses_a_folder_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="expected a file in a folder that exists, got"):
        run(monkeypatch, tmp_path / "missing" / "page.md")
    assert not (tmp_path / "missing").exists()


# Random points of the field


X, Y = sympy.symbols("x y", real=True)


@pytest.mark.parametrize(
    "zero",
    [
        (X + Y) ** 2 - X**2 - 2 * X * Y - Y**2,
        sympy.exp(X - Y) * sympy.exp(Y) - sympy.exp(X),
        sympy.exp(X / 2) ** 2 - sympy.exp(X),
        sympy.sin(X) ** 2 + sympy.cos(X) ** 2 - 1,
        sympy.sqrt(X) ** 3 - X * sympy.sqrt(X),
        sympy.tanh(X + Y) - sympy.tanh(Y + X),
        sympy.log(X / 2) - sympy.log(X * sympy.Rational(1, 2)),
        1 / (1 / X + 1 / Y) - X * Y / (X + Y),
    ],
)
def test_an_identity_vanishes_at_every_point(zero: Any) -> None:
    assert points.vanishes(zero) and not points.vanishes(zero + X / 10**9)


def test_what_has_no_meaning_in_the_field_is_said() -> None:
    for e in (sympy.gamma(X), X**Y, sympy.exp(X * X / 3), sympy.exp(sympy.Integer(1))):
        with pytest.raises(points.Unknown):
            points.vanishes(e)
    with pytest.raises(points.Unknown, match="no point has the square roots"):
        points.vanishes(1 / (X - X + sympy.Integer(points.PRIME)))


def test_a_point_of_real_numbers_refutes_what_is_not_zero() -> None:
    assert points.is_refuted(sympy.exp(X) - 1 - X) and not points.is_refuted(X - X)
    assert not points.is_refuted(sympy.log(-(X**2)))  # no real number: it decides nothing


def test_signs_that_are_given_come_first_and_a_negative_has_the_opposite() -> None:
    field = Field(0, signs=(-1, 1))
    assert not field.compare(operator.gt, Dual(5), Dual(2))
    assert field.compare(operator.gt, Dual(2), Dual(5)) and field.sign(7) == 1
    assert field.compare(operator.ge, Dual(4), Dual(4)) and field.sign(11) in (1, -1)
