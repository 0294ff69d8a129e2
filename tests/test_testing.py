"""minigrad.testing: what is wrong is found, in one sentence with the smallest sample; what is right
passes in silence."""

import itertools
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import hypothesis
import laws
import numpy as np
import pytest
from historical import DEFECTS
from hypothesis import given
from hypothesis import strategies as st
from samples import TABLE

import minigrad as mg
from minigrad import testing
from minigrad.autograd import Traits, differentiable
from minigrad.testing import (
    LawBroken,
    LawsBroken,
    Sample,
    check_op,
    drawn,
    forms,
    from_vjp,
    strategies,
)

# Defects of other libraries


def failures(op: Any, *args: Any, **options: Any) -> list[LawBroken]:
    """How an op breaks the laws; none where it keeps them."""
    try:
        check_op(op, *args, **options)
    except LawBroken as failure:
        return [failure]
    except LawsBroken as several:
        return several.failures
    return []


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_of_another_library_is_found_within_ten_seconds(name: str) -> None:
    defect = DEFECTS[name]
    began = time.perf_counter()
    found = failures(from_vjp(defect.wrong), defect.samples, kinks=defect.kinks)
    assert time.perf_counter() - began < 10
    assert defect.found_by <= {failure.law for failure in found}, found
    for failure in found:
        assert len(str(failure).splitlines()) <= 3 and "seed" in str(failure)


@pytest.mark.parametrize("name", DEFECTS)
def test_the_same_code_mended_passes(name: str) -> None:
    defect = DEFECTS[name]
    assert not failures(from_vjp(defect.right), defect.samples, kinks=defect.kinks)


# Every op keeps the laws that test_ops.py does not run

FEW = hypothesis.settings(max_examples=6)


@pytest.mark.parametrize("law", ["shapes", "broadcasting", "subsets", "same_tensor", "layouts"])
@pytest.mark.parametrize("name", TABLE)
@FEW
@given(data=st.data())
def test_an_op_keeps_it(name: str, law: str, data: Any) -> None:
    with np.errstate(all="ignore"):
        try:
            testing.LAWS[law](mg.OPS[name], data.draw(TABLE[name].smooth))
        except testing.NotApplicable:
            pass


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.kinks is not None])
@FEW
@given(data=st.data())
def test_at_a_kink_the_slope_lies_between_its_sides(name: str, data: Any) -> None:
    if name == "embedding":  # a padding row has no gradient, by convention
        return
    with np.errstate(all="ignore"):
        laws.kink(mg.OPS[name], data.draw(TABLE[name].kinks))


# The counterexample


def unregistered(rule: Any, **options: Any) -> Any:
    """An op of a rule, which the registry does not keep."""
    return differentiable(rule, Traits(**options))


def softplus(xp, x):
    """y = log(1 + eˣ), with a wrong derivative."""
    y = xp.log(1 + xp.exp(x))
    return y, (lambda g: g * y,)


def test_the_counterexample_is_small_and_has_both_numbers() -> None:
    found = {failure.law: failure for failure in failures(unregistered(softplus))}
    assert found.keys() == {"finite_difference", "complex_step", "kink", "proof"}
    failure = found["finite_difference"]
    assert failure.sample.size == 1 and failure.what == "∂x"
    (x,) = failure.sample.floats
    (u,) = laws.random(failure.sample, [x])
    assert failure.expected == pytest.approx(u / (1 + np.exp(-x)), rel=1e-6)
    assert failure.got == pytest.approx(u * np.log(1 + np.exp(x)))
    text = str(failure)
    assert text.startswith("finite_difference: softplus(float64(") and "seed 0: expected ∂x" in text
    assert "got " in text and "\n" not in text
    assert "SymPy, got g*log(exp(x) + 1)" in str(found["proof"])


def test_the_entry_is_named() -> None:
    def scale(xp, x, w):
        return x * w, (lambda g: g * w, lambda g: g * x * xp.where(x > 1.0, 1.0, 2.0))

    (failure, *_) = failures(
        unregistered(scale), [([2.0, 0.5], [1.0, 3.0])], only=["finite_difference"]
    )
    assert failure.what == "∂w" and failure.got == pytest.approx(2 * failure.expected, rel=1e-6)


def test_a_shape_is_said_of_the_argument_whose_gradient_has_it() -> None:
    def add_to_a_constant(xp, a, b):
        return a + b, (None, lambda g: g[0])

    (failure,) = failures(unregistered(add_to_a_constant), drawn((2, 3), (2, 3)), only=["shapes"])
    assert (failure.what, failure.expected, failure.got) == ("the shape of ∂b", (1, 1), (1,))


def test_a_strategy_gives_the_smallest_sample() -> None:
    def first(xp, x):
        """Wrong where there are more than two numbers."""
        wrong = 2.0 if x.size > 2 else 1.0
        return x * 1.0, (lambda g: g * wrong,)

    for samples in (strategies.elementwise(), drawn((4, 5), (), count=1)[:1]):
        samples = [Sample([np.ones((4, 5)) * 1.5])] if isinstance(samples, list) else samples
        (failure, *_) = failures(unregistered(first), samples, only=["finite_difference"])
        assert failure.sample.size in (3, 4), "no smaller one has more than two numbers"


def test_what_an_op_raises_is_a_sentence() -> None:
    def fails(x):
        raise KeyError("gate")

    (failure,) = failures(from_vjp(fails, lambda g, x: g), drawn((2,), count=1))
    assert "got KeyError: 'gate'" in str(failure)


# What a newcomer writes: the first sentence says what to do


def forgot_the_comma(xp, x):
    return x * x, (lambda g: 2 * g * x)


def no_pullback(xp, x):
    return x * x


def a_list_of_pullbacks(xp, x):
    return x * x, [lambda g: 2 * g * x]


def a_setting_that_is_no_keyword(xp, x, eps):
    y = xp.sqrt(x * x + eps)
    return y, (lambda g: g * x / y,)


def writes_into_its_argument(xp, x):
    x *= 2
    return x, (lambda g: 2 * g,)


def words_of_numpy(xp, x):
    return np.sin(x), (lambda g: g * np.cos(x),)


def a_tie_counts_twice(xp, x):
    y = xp.amax(x)
    return y, (lambda g: g * (x == y),)


def sums_the_rows_itself(xp, x, w):
    return x * w, (lambda g: g * w, lambda g: xp.sum(g * x, axis=-1, keepdims=True))


def frozen_in_second_order(xp, x):
    s = 1 / (1 + np.exp(-np.asarray(getattr(x, "array", x))))
    return x * s, (lambda g: g * (s + x * s * (1 - s)),)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ((2.0, (abs,)), ""),
        ((2.0, None), ""),  # no derivative
        ((2.0, pow), ""),  # one function pullback(gs, needs)
        (2.0, "expected the rule to return value, pullbacks, got float; "),
        ((2.0, (abs,), 1), "expected the rule to return value, pullbacks, got a tuple of 3; "),
        ((2.0, abs), "expected pullbacks (lambda g: ...,), or one function"),
        ((2.0, (1,)), "pullback(gs, needs), got a tuple of 1"),
        ((2.0, (abs, abs)), "expected 1 pullbacks, one for each array, got 2; "),
    ],
)
def test_the_form_of_what_a_rule_returns(result: Any, said: str) -> None:
    found = forms.fault_of(result, Sample([np.ones(2)]))
    assert said in found and bool(said) == bool(found)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            forgot_the_comma,
            "form: .*expected pullbacks .lambda g: ...,., or one function "
            "pullback.gs, needs., got one function of one argument",
        ),
        (
            no_pullback,
            "form: .*expected the rule to return value, pullbacks, got float64; the "
            "pullbacks are .lambda g: ...,.",
        ),
        (a_list_of_pullbacks, "form: .*expected pullbacks .lambda g: ...,., .*got list"),
        (
            a_setting_that_is_no_keyword,
            "form: .*expected 2 pullbacks, one for each array, got 1; "
            ".*what is no array is a keyword behind",
        ),
        (writes_into_its_argument, "purity: .*expected an array that the rule must not change"),
        (
            words_of_numpy,
            "second_order: .*expected a result, got RuntimeError: .*; here the "
            "rule's own lines run over tensors, so its words are xp's",
        ),
        (
            a_tie_counts_twice,
            "kink: .*expected the slope of y where all numbers grow alike = 1 by "
            "the slopes to either side, got 2",
        ),
        (
            sums_the_rows_itself,
            "shapes: .*expected the shape of ∂w = .1, 2. by its argument, got .2, 1.",
        ),
        (frozen_in_second_order, "second_order: .*expected the gradient's derivative by x = "),
    ],
)
def test_a_newcomers_mistake_is_named(rule: Any, said: str) -> None:
    began = time.perf_counter()
    first, *_ = failures(unregistered(rule))
    assert re.match(said, str(first)), first
    assert time.perf_counter() - began < 10


def test_the_slope_at_a_kink_may_be_any_between_the_sides() -> None:
    def leaky(slope: float) -> Any:
        def rule(xp, x):
            y = xp.where(x > 0, x, 0.1 * x)
            return y, (lambda g: g * xp.where(x > 0, 1.0, xp.where(x < 0, 0.1, slope)),)

        return unregistered(rule)

    for slope in (0.1, 0.5, 1.0):
        assert check_op(leaky(slope)).held["kink"] == 3
    (failure,) = failures(leaky(1.5))
    assert "= a number from 0.1 to 1 by the slopes to either side, got 1.5" in str(failure)


def test_default_kinks_lie_where_an_op_is_defined() -> None:
    for op in (mg.log, mg.sqrt, mg.div, mg.pow, mg.log1p, mg.atan2):
        assert check_op(op, only=["kink"]).held["kink"] >= 1
    nowhere = unregistered(softplus)
    report = check_op(nowhere, drawn((2,)), only=["kink"])
    assert report.skipped == {"kink": "no samples are said to have ties or zeros; give kinks="}


def test_fractions_of_floats_are_decimals_in_a_proofs_message() -> None:
    def tenth(xp, x):
        return 0.1 * x, (lambda g: g,)

    (*_, failure) = failures(unregistered(tenth))
    assert str(failure).endswith("expected ∂/∂x for all numbers = 0.1*g by SymPy, got g")


# Samples, options


def test_default_samples_need_a_signature() -> None:
    with pytest.raises(
        TypeError, match="check_op: expected samples, since the signature of <lambda>"
    ):
        check_op(from_vjp(lambda *xs: xs[0], lambda g, *xs: g, name="<lambda>"))


def test_options() -> None:
    report = check_op(mg.tanh, reference=np.tanh, order=1, analytic=False)
    assert "value" in report.held and "second_order" not in report.held
    assert "complex_step" not in report.held and report.held["kink"] == 3
    assert "not held to composition: it names no composition" in repr(report)
    with pytest.raises(LawBroken, match=r"value: tanh\(.*expected a value = .* by the reference"):
        check_op(mg.tanh, reference=np.sin, only=["value"])
    with pytest.raises(
        ValueError, match=r"check_op: expected the name of a law in only, got 'speed'; "
    ):
        check_op(mg.tanh, only=["speed"])
    with pytest.raises(
        TypeError, match="^check_op: expected each sample to be a Sample, an array or"
    ):
        check_op(mg.tanh, [3])
    with pytest.raises(ValueError, match="drawn: expected low < high, .* got 2 and 1"):
        drawn((2,), low=2, high=1)
    assert check_op(mg.relu, kinks=[np.zeros(3)], only=["kink"]).held == {"kink": 1}
    assert check_op(lambda a, b: mg.tanh(a) * b, only=["second_order"]).held["second_order"] == 10


def doubled(t: Any) -> Any:
    return t * 2


REFUSED: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (TypeError, "^check_op: expected a function as op, got 'abc'$", lambda: check_op("abc")),
    (
        TypeError,
        "^check_op: expected a function as reference, got 1.5$",
        lambda: check_op(mg.tanh, reference=1.5),
    ),
    (
        ValueError,
        "^check_op: expected 1 or 2 as order, got None$",
        lambda: check_op(mg.tanh, order=None),
    ),
    (
        ValueError,
        "^check_op: expected True, False or None as analytic, got 1$",
        lambda: check_op(mg.tanh, analytic=1),
    ),
    (
        TypeError,
        r"^check_op: expected a list of names as only, got 'dtypes'; give \['dtypes'\]$",
        lambda: check_op(mg.tanh, only="dtypes"),
    ),
    (
        ValueError,
        "^cases: expected the name of a law in only, got 'speed'; the laws are form, purity, .*",
        lambda: testing.cases(mg.tanh, only=["speed"]),
    ),
    (
        ValueError,
        "^check_op: expected only of at most 1000, got more$",
        lambda: check_op(mg.tanh, only=itertools.repeat("form")),
    ),
    (
        TypeError,
        r"^check_op: expected a list of samples, .* as samples, got float64\(2,\)$",
        lambda: check_op(mg.tanh, np.zeros(2)),
    ),
    (
        TypeError,
        "^check_op: expected a list of samples, .* as kinks, got 3$",
        lambda: check_op(mg.tanh, kinks=3),
    ),
    (
        TypeError,
        r"^check_op: expected numbers as a list in a sample, got \[\[1.0\], \[1.0, 2.0\]\]$",
        lambda: check_op(mg.tanh, [[[[1.0], [1.0, 2.0]]]]),
    ),
    (
        TypeError,
        r"^check_op: expected at most 1 arrays in a sample for tanh, got \(1.0, 2.0\), seed 0;",
        lambda: check_op(mg.tanh, [(1.0, 2.0)]),
    ),
    (TypeError, r"^drawn: expected a shape such as \(2, 3\), got 'a'$", lambda: drawn("a")),
    (
        ValueError,
        "^drawn: expected each size of a shape from 0 to 134217728, got -3$",
        lambda: drawn((2, -3)),
    ),
    (
        ValueError,
        "^drawn: expected a shape of at most 134217728 numbers, got",
        lambda: drawn((2**20, 2**20)),
    ),
    (
        ValueError,
        "^drawn: expected a finite number as high, got inf$",
        lambda: drawn((2,), high=np.inf),
    ),
    (
        TypeError,
        "^from_vjp: expected a str as name, got a bytes$",
        lambda: from_vjp(doubled, name=b"a"),
    ),
    (TypeError, "^from_vjp: expected a function as vjp, got 3$", lambda: from_vjp(doubled, 3)),
    (
        TypeError,
        r"^assert_close: expected numbers as got, got \[\[1.0\], 'a'\]$",
        lambda: testing.assert_close([[1.0], "a"], [1.0]),
    ),
    (
        ValueError,
        "^assert_close: expected tolerance of at least 0, got nan$",
        lambda: testing.assert_close([1.0], [1.0], np.nan),
    ),
    (
        ValueError,
        "^elementwise: expected 'any', 'positive', 'nonzero' or 'few' as kind, got 'even'$",
        lambda: strategies.elementwise(kind="even"),
    ),
    (
        TypeError,
        "^tied: expected an integer as count, got 1.5$",
        lambda: strategies.tied(1.5),  # type: ignore[arg-type]
    ),
]


@pytest.mark.parametrize(("kind", "sentence", "call"), REFUSED)
def test_a_wrong_argument_of_the_tool_is_named(
    kind: type[Exception], sentence: str, call: Callable[[], Any]
) -> None:
    with pytest.raises(kind, match=sentence):
        call()


def test_samples_of_a_generator_are_held_to_every_law() -> None:
    report = check_op(mg.tanh, (s for s in drawn((2,))), only=["finite_difference", "dtypes"])
    assert report.held == {"finite_difference": 3, "dtypes": 3}


def test_a_strategy_of_dtypes_and_ties() -> None:
    seen = set()

    @hypothesis.settings(max_examples=30, database=None)
    @given(strategies.floating(strategies.elementwise(2, apart=True)), strategies.tied())
    def look(sample: Sample, ties: Sample) -> None:
        assert sample.floats[0].dtype == sample.floats[1].dtype
        seen.add(sample.floats[0].dtype.name)
        assert np.isin(ties.floats[0], (-1, 0, 1)).all()

    look()
    assert seen == {"float32", "float64"}


# A test for each law, in one line

test_tanh = testing.cases(mg.tanh, reference=np.tanh)
test_maximum = testing.cases(
    mg.maximum, strategies.elementwise(2, apart=True), kinks=strategies.tied(2)
)


def test_cases_are_one_for_each_law() -> None:
    (mark,) = test_maximum.pytestmark
    assert mark.args == ("law", list(testing.LAWS))
    with pytest.raises(LawBroken):
        testing.cases(unregistered(softplus))("finite_difference")
    with pytest.raises(pytest.skip.Exception, match="it is not analytic"):
        testing.cases(mg.abs)("complex_step")


# assert_close


def test_assert_close() -> None:
    testing.assert_close(mg.tensor([1.0, 2.0]), [1.0, 2.0 + 1e-9])
    testing.assert_close([np.inf, np.nan], [np.inf, np.nan])
    with pytest.raises(AssertionError, match=r"expected h\[1, 0\] = 4 by PyTorch, got 3$"):
        testing.assert_close([[1.0], [3.0]], [[1.0], [4.0]], name="h", by="PyTorch")
    with pytest.raises(AssertionError, match=r"of shape \(2,\) by reference, got shape \(1,\)"):
        testing.assert_close([1.0], [1.0, 2.0])
    with pytest.raises(AssertionError, match=r"expected the result\[1\] = 2 by reference, got nan"):
        testing.assert_close([1.0, np.nan], [1.5, 2.0])


# Adapters


def test_a_function_of_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")

    class Cube(torch.autograd.Function):
        factor = 3

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @classmethod
        def backward(cls, ctx, g):
            (x,) = ctx.saved_tensors
            return cls.factor * x * x * g

    class WrongCube(Cube):
        factor = 2

    report = check_op(testing.from_torch(Cube), drawn((2, 3)))
    assert {"finite_difference", "second_order", "dtypes", "separate_memory"} <= report.held.keys()
    found = failures(testing.from_torch(WrongCube), drawn((2, 3)))
    assert {failure.law for failure in found} >= {"finite_difference"}
    many = testing.from_torch(lambda a, b: (a @ b, torch.tanh(a)), name="many")
    assert check_op(many, drawn((2, 3), (3, 2))).held["second_order"] == 3


def test_a_gradient_of_pytorch_that_is_wrong_at_second_order_alone() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")

    class Frozen(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = torch.exp(x)
            ctx.y = y.detach()
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.y

    (failure,) = failures(testing.from_torch(Frozen), drawn((2,)))
    assert failure.law == "second_order"


def test_a_primitive_of_hips_autograd() -> None:
    pytest.importorskip("autograd", reason="HIPS autograd is not installed (the extra bench)")
    import autograd.numpy as anp
    from autograd.extend import defvjp, primitive

    report = check_op(testing.from_autograd(anp.tanh, name="tanh"), drawn((2, 3)))
    assert {"finite_difference", "second_order", "complex_step"} <= report.held.keys()

    @primitive
    def logsumexp(x):
        top = anp.max(x)
        return top + anp.log(anp.sum(anp.exp(x - top)))

    defvjp(logsumexp, lambda y, x: lambda g: anp.full(x.shape, g) * anp.exp(x - y))
    assert not failures(testing.from_autograd(logsumexp), drawn((3,)))
    defvjp(logsumexp, lambda y, x: lambda g: anp.full(x.shape, g) * anp.exp(x))
    found = failures(testing.from_autograd(logsumexp), drawn((3,)))
    assert "finite_difference" in {failure.law for failure in found}


def test_a_foreign_function_with_two_values() -> None:
    def both(x, y):
        return x * y, x + y

    def pull(gs, x, y):
        return gs[0] * y + gs[1], gs[0] * x + gs[1]

    report = check_op(from_vjp(both, pull), drawn((2,), (2,)))
    assert report.held["subsets"] == 3
    assert report.skipped["second_order"] == "its adapter gives no second derivative"
    (failure, *_) = failures(from_vjp(both, lambda gs, x, y: gs[0] * y), drawn((2,), (2,)))
    assert "expected a gradient for each of 2 arrays, got 1" in str(failure)


# What stands alone


def test_hypothesis_pytest_and_sympy_are_imported_only_when_used() -> None:
    code = (
        "import sys, minigrad.testing as t, minigrad as mg\n"
        "t.check_op(mg.tanh, only=['finite_difference'])\n"
        "assert not {'hypothesis', 'pytest', 'sympy', 'torch', 'autograd'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
