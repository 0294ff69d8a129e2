"""Every rule is proved by its own lines, and a wrong one is not."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import byhand
from minigrad.byhand.directions import both_directions

sympy = pytest.importorskip("sympy", reason="SymPy is not installed (the extra prove)")

from minigrad.prove import formula, linear, prove_layer, prove_op, report  # noqa: E402
from minigrad.prove.cases import BORDERS, CASES, LINEAR, STRUCTURAL  # noqa: E402
from minigrad.prove.layers import BLOCKS, STEPS, prove_directions  # noqa: E402
from minigrad.prove.rules import prove_second_order  # noqa: E402

PAGE = (Path(__file__).parent / "PROOFS.md").read_text("utf-8")
FIRST_ORDER = PAGE.partition("## Second order")[0]
PARTIALS_ON_PAGE = {
    name: int(partials)
    for name, partials in re.findall(r"^\| (\w+) \| .*? \| (\d+) \|", FIRST_ORDER, re.M)
}
OPS = sorted(set(mg.OPS) - set(BLOCKS) - set(STEPS))


@pytest.mark.parametrize("name", OPS)
def test_the_pullback_is_the_derivative(name: str) -> None:
    if name in STRUCTURAL:
        assert name not in CASES, f"{name} is declared structural, and has a case"
        return
    proof = prove_op(mg.OPS[name])
    assert proof.holds, "\n".join(proof.open)
    on_page = PARTIALS_ON_PAGE.get(name, proof.partials)
    assert proof.partials == on_page, "tests/PROOFS.md is old; make prove"


@pytest.mark.untraced
@pytest.mark.parametrize("name", sorted(CASES))
def test_the_gradient_of_the_gradient_is_the_second_derivative(name: str) -> None:
    proof = prove_second_order(mg.OPS[name], zero=report.zero_of(name))
    assert proof.holds, "\n".join(proof.open)


@pytest.mark.untraced
@pytest.mark.parametrize("layer", BLOCKS)
def test_each_tier_of_a_layer_is_its_composition(layer: str) -> None:
    for tier, rule in report.tiers(layer).items():
        for size in report.SIZES:
            for settings in report.variants(layer, size):
                proof = prove_layer(layer, tier, rule, size, seed=7, **settings)
                assert not proof.open, f"{layer}, {tier}, {size}, {settings}: {proof.open}"


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(1, 1, 1, 1), (1, 2, 1, 2), (1, 2, 3, 2)])
@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_its_composition(step: str, size: Any, bias: bool) -> None:
    nonlinearities = [{}, {"nonlinearity": "relu"}] if step == "rnn_cell" else [{}]
    for settings in nonlinearities:
        for seed in range(3):
            proof = prove_layer(step, "by hand", mg.OPS[step].rule, size, seed, bias, **settings)
            assert not proof.open, proof.open


def test_a_step_with_a_small_error_is_not_proved() -> None:
    def forgets(xp: Any, *args: Any) -> Any:
        value, pullback = mg.OPS["gru_cell"].rule(xp, *args)

        def wrong(gs: Any, needs: Any) -> Any:
            dx, dh, *rest = pullback(gs, needs)
            return [dx, None if dh is None else 2 * dh, *rest]

        return value, wrong

    assert prove_layer("gru_cell", "wrong", forgets, (1, 2, 1, 2)).open


@pytest.mark.untraced
@pytest.mark.parametrize("layer", BLOCKS)
def test_both_directions_are_the_composition_on_x_and_on_x_turned_round(layer: str) -> None:
    for settings in report.variants(layer, (4, 3, 1, 2)):
        if "reverse" not in settings:
            assert not prove_directions(layer, (4, 3, 1, 2), seed=7, **settings).open


def test_both_directions_that_are_wrong_are_not_proved() -> None:
    def twice_forward(layer: Any, x: Any, forward: Any, reverse: Any, **settings: Any) -> Any:
        hs, *last = layer(x, *forward, **settings)
        hs_reverse, *last_reverse = layer(x, *reverse, **settings)
        return mg.cat([hs, hs_reverse], dim=-1), tuple(last), tuple(last_reverse)

    def exchanged(layer: Any, x: Any, forward: Any, reverse: Any, **settings: Any) -> Any:
        return both_directions(layer, x, reverse, forward, **settings)

    def half_a_gradient(layer: Any, x: Any, forward: Any, reverse: Any, **settings: Any) -> Any:
        h0, *weights = reverse
        halved = [(w + w.detach()) / 2 for w in weights]
        return both_directions(layer, x, forward, [h0, *halved], **settings)

    for wrong in (twice_forward, exchanged, half_a_gradient):
        assert prove_directions("gru", (3, 2, 1, 2), both=wrong).open
    assert not prove_directions("gru", (3, 2, 1, 2)).open


def test_an_order_of_lengths_differs_from_its_inverse() -> None:
    longest_first = np.argsort(-np.array(report.lengths_of(report.SIZES[-1])))
    assert longest_first.tolist() != np.argsort(longest_first).tolist()


@pytest.mark.untraced
def test_each_tier_of_an_rnn_with_relu_is_its_composition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RELU_SIZES", ((1, 1, 1, 1), (2, 1, 1, 2)))
    monkeypatch.setattr(report, "RELU_POINTS", 5)
    proofs = report.relu_layers()
    assert len(proofs) == len(report.tiers("rnn")) * (5 * (2 + 16) + 5)
    assert not [proof for proof in proofs if proof.open]


def test_relu_with_a_wrong_slope_is_not_proved() -> None:
    def leaks(xp: Any, *args: Any, **settings: Any) -> Any:
        value, pullback = byhand.rnn.rule(xp, *args, **settings)
        return value, lambda gs, needs: byhand.rnn.rule(xp, *args)[1](gs, needs)  # tanh's

    settings = {"nonlinearity": "relu", "signs": (1, -1, 1, -1)}
    assert not prove_layer("rnn", "right", byhand.rnn.rule, (2, 1, 1, 2), **settings).open
    assert prove_layer("rnn", "wrong", leaks, (2, 1, 1, 2), **settings).open


@pytest.mark.parametrize("name", sorted(report.LARGE))
def test_a_composition_of_another_value_is_not_proved(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    op = mg.OPS[name]
    if op.composed is None:
        return
    composed = op.composed
    monkeypatch.setattr(op, "composed", lambda *args, **given: composed(*args, **given) * 2)
    found = prove_second_order(op, CASES[name][:1], zero=report.zero_of(name)).open
    assert any("is not the composition's" in why for why in found) and len(found) > 2


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_op_is_linear_if_and_only_if_it_is_declared(name: str) -> None:
    assert linear.is_linear(mg.OPS[name]) == (name in LINEAR)


@pytest.mark.parametrize("name", sorted(LINEAR))
def test_the_pullback_of_a_linear_op_is_its_adjoint(name: str) -> None:
    for case in CASES[name]:
        assert linear.adjoint_gap(mg.OPS[name], case) == 0


@pytest.mark.parametrize(
    "shapes", [((), (2,)), ((1,), (3,)), ((3,), (2, 3)), ((2, 1), (2, 3)), ((1, 2), (3, 3, 2))]
)
def test_unbroadcast_is_the_adjoint_of_broadcasting(shapes: Any) -> None:
    assert linear.broadcast_gap(*shapes) == 0


# A docstring's formula is the derivative

ELEMENTWISE = [
    name
    for name in OPS
    if mg.OPS[name].rule.__module__ in ("minigrad.ops.elementwise", "minigrad.ops.rounding")
    and name not in STRUCTURAL
    and name != "where"  # stated in words
    and name not in ("floor_divide", "remainder", "fmod")  # ⌊a/b⌋ is a number at each point
]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_docstring_states_the_derivative(name: str) -> None:
    op = mg.OPS[name]
    stated, derived = formula.stated(op), formula.derived(op)
    assert formula.states_its_derivative(op), f"{stated} in the docstring; the rule gives {derived}"


def test_a_docstring_that_states_another_derivative_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mg.tanh.rule, "__doc__", "y = tanh x,    dy/dx = 1 + y².")
    assert not formula.states_its_derivative(mg.tanh)


@pytest.mark.parametrize(
    "stated",
    ["1 where x < 0", "1", "0 where x > 0", "1 where x > 2"],
)
def test_a_docstring_with_another_condition_is_found(
    stated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert formula.states_its_derivative(mg.relu)
    monkeypatch.setattr(mg.relu.rule, "__doc__", f"y = max(x, 0),    dy/dx = {stated}.")
    assert not formula.states_its_derivative(mg.relu)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("div", "∂y/∂a = 1 / b,  ∂y/∂b = -a / b²"),
        ("pow", "∂y/∂a = b aᵇ⁻¹,  ∂y/∂b = aᵇ log(a)"),
        ("abs", "∂y/∂x = 1 where x > 0, -1 where x < 0"),
        ("maximum", "∂y/∂a = 1 where a > b, 0 where a < b,  ∂y/∂b = 0 where a > b, 1 where a < b"),
        ("sqrt", "∂y/∂x = 1 / (2 √x)"),
        ("erf", "∂y/∂x = 2 exp(-x²) / √π"),
        ("exp", "∂y/∂x = eˣ"),
        ("sigmoid", "∂y/∂x = y (1 - y)"),
        ("tan", "∂y/∂x = 1 + tan²(x)"),
        ("log10", "∂y/∂x = 1 / (x log(10))"),
        ("atan2", "∂y/∂a = b / (a² + b²),  ∂y/∂b = -a / (a² + b²)"),
        ("floor", "∂y/∂x = 0"),
        ("where", ""),
        ("clamp", ""),
        ("matmul", ""),
    ],
)
def test_a_derived_derivative_is_written_as_mathematics(name: str, written: str) -> None:
    assert formula.derived(mg.OPS[name]) == written


def test_notation_of_powers_sums_and_products() -> None:
    a, b, x = sympy.symbols("a b x", real=True)
    written = {
        -(a + b) * x: "x (-a - b)",
        (a + b) ** 2: "(a + b)²",
        x ** sympy.Rational(3, 2): "x^(3/2)",
        x**-3: "1 / x³",
        sympy.sqrt(a + b): "√(a + b)",
        sympy.exp(-x): "e⁻ˣ",
        sympy.tanh(a * x) ** 2: "tanh²(a x)",
        -x: "-x",
    }
    assert {formula.notation(e) for e in written} == set(written.values())


# Borders and ties


def test_a_wrong_gradient_on_a_border_alone_is_not_proved() -> None:
    def rule(xp: Any, a: Any, b: Any) -> Any:
        value, (pull_base, pull_exponent) = mg.OPS["pow"].rule(xp, a, b)
        return value, (lambda g: xp.where(a == 0, g, pull_base(g)), pull_exponent)

    rule.__name__ = "pow"
    found = prove_op(rule).open
    assert found and all("at_zero" in why or "raised" in why for why in found), found


@pytest.mark.parametrize("share", [1.0, 0.25, 0.0])
def test_shares_of_a_tie_that_are_not_the_whole_are_not_proved(share: float) -> None:
    def rule(xp: Any, a: Any, b: Any) -> Any:
        def pull(mine: Any, other: Any) -> Any:
            return lambda g: xp.where(mine < other, 0.0, xp.where(a == b, share * g, g))

        return xp.maximum(a, b), (pull(a, b), pull(b, a))

    rule.__name__ = "maximum"
    found = prove_op(rule).open
    assert found and all(why.startswith("both_equal") for why in found), found


def test_every_border_is_of_an_op_with_cases() -> None:
    assert BORDERS.keys() <= CASES.keys() and len(BORDERS["pow"]) == 4


# Planted errors


def with_pullback(name: str, change: Any) -> Any:
    """The rule of an op, its pullbacks changed."""

    def rule(xp: Any, *args: Any, **settings: Any) -> Any:
        value, pullback = mg.OPS[name].rule(xp, *args, **settings)
        if callable(pullback):
            return value, lambda gs, needs: [change(g) for g in pullback(gs, needs)]
        return value, tuple(pull and (lambda g, pull=pull: change(pull(g))) for pull in pullback)

    rule.__name__ = name
    return rule


def dense(g: Any) -> Any:
    from minigrad.prove import exact

    return g.dense(exact.XP) if hasattr(g, "dense") else g


FLAT = {"sign", "floor", "ceil", "trunc", "rint", "floor_divide"}


@pytest.mark.untraced
# The flat ones are left out: their gradient is 0, and so is every multiple of it
@pytest.mark.parametrize("name", sorted(CASES.keys() - FLAT))
@pytest.mark.parametrize(
    "change",
    [lambda g: -dense(g), lambda g: 2 * dense(g), lambda g: 0 * dense(g)],
    ids=["-", "2", "0"],
)
def test_a_wrong_factor_is_not_proved(name: str, change: Any) -> None:
    def safe(g: Any) -> Any:
        return None if g is None else change(g)

    assert prove_op(with_pullback(name, safe)).open


@pytest.mark.parametrize("name", sorted(FLAT))
def test_a_wrong_gradient_of_a_flat_op_is_not_proved(name: str) -> None:
    assert prove_op(with_pullback(name, lambda g: g + 1)).open


@pytest.mark.parametrize("layer", BLOCKS)
def test_a_gradient_that_hangs_on_what_else_is_wanted_is_not_proved(layer: str) -> None:
    def only_with_h0(xp: Any, *args: Any, **settings: Any) -> Any:
        value, pullback = mg.OPS[layer].rule(xp, *args, **settings)

        def wrong(gs: Any, needs: Any) -> Any:
            found = list(pullback(gs, needs))
            return found if needs[1] else [None, *found[1:]]

        return value, wrong

    found = prove_layer(layer, "wrong", only_with_h0, (2, 1, 1, 1)).open
    assert found == ["gradient 0 is another where 1 is not wanted"]


@pytest.mark.parametrize("layer", BLOCKS)
def test_a_wrong_factor_in_a_layer_is_not_proved(layer: str) -> None:
    def first_changed(xp: Any, *args: Any, **settings: Any) -> Any:
        value, pullback = mg.OPS[layer].rule(xp, *args, **settings)

        def wrong(gs: Any, needs: Any) -> Any:
            found = list(pullback(gs, needs))
            found[3] = found[3] * 2
            return found

        return value, wrong

    assert prove_layer(layer, "wrong", first_changed, (2, 1, 1, 1)).open


def test_a_value_that_is_not_the_compositions_is_not_proved() -> None:
    def shifted(xp: Any, *args: Any, **settings: Any) -> Any:
        (hs, *last), pullback = byhand.rnn.rule(xp, *args, **settings)
        return (hs + 1, *last), pullback

    assert prove_layer("rnn", "wrong", shifted, (2, 1, 1, 1)).open


def test_a_rule_that_is_right_at_its_sample_alone_is_not_proved() -> None:
    def rule(xp: Any, x: Any) -> Any:
        """y = x²: a pullback that is right at x = 3/7 and 5/7 alone."""
        return x * x, (lambda g: g * (2 * x + (x - 3 / 7) * (x - 5 / 7)),)

    rule.__name__ = "tanh"
    assert prove_op(rule).open


# The page


def test_the_page_lists_each_op_and_nothing_open() -> None:
    assert set(CASES) <= set(PARTIALS_ON_PAGE), "tests/PROOFS.md is old; make prove"
    assert "open" not in PAGE


def test_half_is_exact() -> None:
    from minigrad.prove.field import as_dual

    assert (as_dual(0.5) * 2).value == 1
    assert as_dual(np.float64(0.25).item()).value * 4 % (2**61 - 1) == 1
