"""The checker is checked: rules that are wrong on purpose must be caught by the laws that every op
is held to.
"""

import contextlib
import functools
from inspect import isfunction, signature
from typing import Any

import hypothesis
import laws
import numpy as np
import pytest
from hypothesis import given
from samples import TABLE

import minigrad as mg
from minigrad import backward
from minigrad.testing import NotApplicable
from minigrad.testing.samples import Sample
from minigrad.testing.strategies import array, sample

# No shrinking: that there is a failure is all that is asked.
search = hypothesis.settings(
    max_examples=100, phases=[hypothesis.Phase.generate], database=None, derandomize=True
)


def planted(rule: Any, **options: Any) -> Any:
    """An op of a wrong rule, which the registry does not keep."""
    op = mg.op(rule, **options)
    del mg.OPS[rule.__name__]
    return op


def smooth(name: str) -> Any:
    return TABLE[name].smooth


def every_tie(name: str) -> tuple[Any, Any]:
    """The kinks of an op, and the law of the slopes to either side."""

    @functools.wraps(laws.kink)
    def law(op: Any, sample: Sample) -> None:
        with np.errstate(all="ignore"):
            laws.kink(op, sample)

    return TABLE[name].kinks, law


def kinks_as_pytorch(name: str) -> tuple[Any, Any]:
    def law(op: Any, sample: Sample) -> None:
        torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
        with np.errstate(all="ignore"):
            laws.as_pytorch(op, sample, TABLE[name].torch, torch)

    return TABLE[name].kinks, law


def skipping(law: Any) -> Any:
    """A law that is silent where it does not apply."""

    @functools.wraps(law)
    def quiet(op: Any, sample: Sample) -> None:
        with contextlib.suppress(NotApplicable):
            law(op, sample)

    return quiet


def fewer_dims_in_b(sample: Sample) -> bool:
    return np.ndim(sample.args[0]) > np.ndim(sample.args[1])


def two_arrays(sample: Sample) -> bool:
    return len(sample.floats) == 2 and all(a.size for a in sample.floats)


@sample
def squares(draw):
    return [array(draw, (2, 2)), array(draw, (2, 2))]


def wrong_sign(xp, x):
    y = xp.tanh(x)
    return y, (lambda g: g * (y * y - 1),)


def wrong_in_the_eighth_place(xp, x):
    y = xp.tanh(x)
    return y, (lambda g: g * (1 - y * y) * (1 + 1e-8),)


def transposed(xp, a, b):
    return xp.matmul(a, b), (
        lambda g: xp.matmul(g, b),
        lambda g: xp.matmul(xp.swapaxes(a, 0, 1), g),
    )


def not_swapped_back(xp, x, *, dim0, dim1):
    return xp.swapaxes(x, dim0, dim1), (lambda g: g,)


def dropped_term(xp, x, *, dim):
    e = xp.exp(x)
    y = e / xp.sum(e, axis=dim, keepdims=True)
    return y, (lambda g: y * g,)


def dropped_argument(xp, a, b):
    return a / b, (lambda g: g / b, lambda g: g * 0.0)


def missing_sum(xp, a, b):
    first = (slice(0, 1),) * max(np.ndim(a) - np.ndim(b), 0)  # the first row stands for all
    return a + b, (lambda g: g, lambda g: g[first])


def repeated_places_lost(xp, weight, ids):
    def pull(g):
        out = xp.zeros(weight.shape)
        out[ids] = g
        return out

    return weight[ids], (pull, None)


def right_at_length_1(xp, x, *, dim):
    return xp.cumsum(x, axis=dim), (lambda g: g,)


def right_at_second_order_only(xp, x):
    return xp.exp(x), (lambda g: g * xp.exp(x) * (1.0 if isinstance(x, mg.Tensor) else 2.0),)


def divided_by_zero(xp, a, b):
    y = a**b
    return y, (lambda g: g * y * b / a, lambda g: g * y * xp.log(xp.where(a == 0, 1.0, a)))


def every_tie_gets_all(xp, x, *, dim, keepdim):
    dim = dim if dim != () else None
    y = xp.amax(x, axis=dim, keepdims=True)

    def pull(g):
        return (g if keepdim or dim is None else xp.expand_dims(g, dim)) * (x == y)

    return xp.amax(x, axis=dim, keepdims=keepdim), (pull,)


def frozen_in_the_gradient(xp, x):
    y = xp.exp(x)
    y = y.detach() if isinstance(y, mg.Tensor) else y
    return y, (lambda g: g * y,)


def wrong_when_replayed(xp, x):
    return xp.exp(x), (lambda g: g * xp.exp(x) * (2.0 if isinstance(x, mg.Tensor) else 1.0),)


def writes_to_its_input(xp, x):
    y = xp.exp(x)
    x *= 2.0
    return y, (lambda g: g * y,)


def writes_to_the_incoming_gradient(xp, x):
    def pull(g):
        g *= 2.0
        return g

    return x * 2.0, (pull,)


def writes_to_what_it_saved(xp, x):
    y = xp.asarray(xp.exp(x))

    def pull(g):
        y[...] = y * g
        return y

    return y + 0.0, (pull,)


BUFFERS: dict[Any, Any] = {}


def stale_buffer(xp, x):
    y = BUFFERS.setdefault(x.shape, xp.empty(x.shape))
    y[...] = xp.exp(x)
    return y + 0.0, (lambda g: g * y,)


def half_precision(xp, x):
    return xp.astype(x * 2.0, "float16"), (lambda g: g * 2.0,)


def names_a_library(xp, x):
    return np.exp(x), (lambda g: g * np.exp(x),)


def looks_at_a_value(xp, x):
    return x * (1.0 if float(xp.sum(x)) < 1e9 else 2.0), (lambda g: g,)


def other_than_its_composition(xp, x):
    return x * 3.0, (lambda g: g * 2.0,)


TOTAL = [0]


def differs_from_call_to_call(xp, x):
    TOTAL[0] += 1
    return x * TOTAL[0], (lambda g: g,)


def of_another_shape(xp, x):
    return xp.sum(x), (lambda g: xp.reshape(g, (1, 1, 1, 1)),)


def last_row_for_the_sum(xp, a, b):
    places = np.ndim(a) - np.ndim(b)
    row = (slice(None),) if places <= 0 else (slice(-1, None),) * places
    return a + b, (lambda g: g, lambda g: g[row])


def gradients_by_what_is_needed(xp, a, b):
    def pullback(gs, needs):
        return [gs[0], gs[0] * (1.0 if needs[0] else 2.0)]

    return a + b, pullback


def confused_by_one_tensor(xp, a, b):
    return a * b, (lambda g: g * b, lambda g: g * (0.0 if a is b else a))


def reads_memory_in_order(xp, x):
    y = xp.array(x)
    return xp.reshape(x.ravel(order="K"), x.shape), (lambda g: g,) if y.ndim else (lambda g: g,)


def wrong_by_a_millionth(xp, x):
    return x * x, (lambda g: g * x * (2 + 1e-9),)


PLANTS = {  # each wrong rule, the samples it is tried on, and the law that must catch it
    wrong_sign: (smooth("tanh"), laws.finite_difference),
    wrong_in_the_eighth_place: (smooth("tanh"), laws.complex_step),
    transposed: (squares(), laws.finite_difference),
    not_swapped_back: (smooth("swapaxes"), laws.finite_difference),
    dropped_term: (smooth("softmax"), laws.finite_difference),
    dropped_argument: (smooth("div"), laws.finite_difference),
    missing_sum: (smooth("add").filter(fewer_dims_in_b), laws.finite_difference),
    repeated_places_lost: (smooth("embedding"), laws.finite_difference),
    right_at_length_1: (smooth("cumsum"), laws.finite_difference),
    right_at_second_order_only: (smooth("exp"), laws.finite_difference),
    divided_by_zero: kinks_as_pytorch("pow"),
    every_tie_gets_all: kinks_as_pytorch("amax"),
    frozen_in_the_gradient: (smooth("exp"), laws.second_order),
    wrong_when_replayed: (smooth("exp"), laws.second_order),
    writes_to_its_input: (smooth("exp").filter(lambda s: s.args[0].flags.writeable), laws.purity),
    writes_to_the_incoming_gradient: (smooth("exp"), laws.purity),
    writes_to_what_it_saved: (smooth("exp"), laws.purity),
    stale_buffer: (smooth("exp"), laws.independence),
    half_precision: (smooth("exp"), laws.dtypes),
    names_a_library: (smooth("exp"), laws.strictness),
    looks_at_a_value: (smooth("exp"), laws.strictness),
    other_than_its_composition: (smooth("exp"), laws.composition),
    differs_from_call_to_call: (smooth("abs"), laws.deterministic),
    of_another_shape: (smooth("exp"), laws.shapes),
    last_row_for_the_sum: (smooth("add"), skipping(laws.broadcasting)),
    gradients_by_what_is_needed: (smooth("add").filter(two_arrays), laws.subsets),
    confused_by_one_tensor: (squares(), laws.same_tensor),
    reads_memory_in_order: (smooth("exp"), laws.layouts),
    wrong_by_a_millionth: (smooth("exp"), skipping(laws.proof)),
}


def hunt(law: Any, op: Any, samples: Any) -> str:
    """What a law says of an op that breaks it; fails where the law does not notice."""

    @search
    @given(samples)
    def hold(sample: Sample) -> None:
        law(op, sample)

    with pytest.raises((AssertionError, TypeError)) as error:
        hold()
    return str(error.value)


@pytest.mark.parametrize("rule", PLANTS, ids=lambda rule: rule.__name__)
def test_a_wrong_rule_is_caught(rule: Any) -> None:
    samples, law = PLANTS[rule]
    composed = (lambda x: x * 3.0) if law is laws.composition else None
    message = hunt(law, planted(rule, composed=composed), samples)
    assert (
        rule.__name__ in message
        or "Unsupported" in message
        or "Implicit" in message
        or "cannot come from broadcasting" in message
    )


def test_every_law_has_caught_something() -> None:
    caught = {getattr(law, "__wrapped__", law) for _, law in PLANTS.values()}
    caught |= {laws.separate_memory, laws.as_pytorch, laws.kink}
    tools = {laws.function, laws.must_agree, laws.must_be_analytic}
    found = {
        f
        for f in vars(laws).values()
        if isfunction(f) and [*signature(f).parameters][:2] == ["op", "sample"]
    }
    assert found - tools <= caught, (
        f"no planted rule breaks {[f.__name__ for f in found - tools - caught]}"
    )


def test_a_wrong_share_of_a_tie_is_caught() -> None:
    samples, law = every_tie("amax")
    assert "the slopes to either side" in hunt(law, planted(every_tie_gets_all), samples)


def test_an_engine_that_hands_out_shared_memory_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def tensor(self: Any, t: Any) -> Any:
        return mg.Tensor(self.by_slot[backward.slot(t)])

    monkeypatch.setattr(backward.Gradients, "tensor", tensor)
    assert "shares its memory" in hunt(laws.separate_memory, mg.add, smooth("add"))


def test_a_failure_shows_the_op_the_sample_the_entry_and_both_numbers() -> None:
    sample = Sample([np.array([[0.5, 1.0]])], seed=7)
    with pytest.raises(AssertionError) as error:
        laws.finite_difference(planted(wrong_sign), sample)
    slope = (1 - np.tanh(sample.args[0]) ** 2) * laws.random(sample, sample.floats)[0]
    place = int(np.argmax(np.abs(slope)))
    text = str(error.value)
    assert text.startswith("wrong_sign(float64(1, 2) [[0.5, 1. ]]), seed 7: expected ")
    assert f"∂x[0, {place}] = {slope[0, place]:.6g}" in text
    assert f"by finite difference, got {-slope[0, place]:.6g}" in text


def test_a_failing_property_shows_its_smallest_sample_and_how_to_repeat_it() -> None:
    @hypothesis.settings(max_examples=20, database=None)
    @given(smooth("tanh"))
    def hold(sample: Sample) -> None:
        laws.finite_difference(planted(wrong_sign), sample)

    with pytest.raises(AssertionError, match=r"wrong_sign\(float64") as error:
        hold()
    notes = "\n".join(error.value.__notes__)
    assert "Sample(args=[array(" in notes and "@reproduce_failure(" in notes


# What a rule raises


def raises_its_own(xp, x):
    raise ValueError("raises_its_own: in words of its own")


def says_an_unknown_word(xp, x):
    return xp.fft(x), (None,)


def raises_what_wants_more_than_a_message(xp, x):
    b"\xff".decode()


def test_what_a_rule_raises_is_a_sentence_that_names_it_once() -> None:
    x = mg.ones(2)
    for rule, kind, words in (
        (
            raises_its_own,
            ValueError,
            "^raises_its_own: in words of its own\ncalled as raises_its_own",
        ),
        (says_an_unknown_word, AttributeError, "'fft' is not in the vocabulary"),
        (
            raises_what_wants_more_than_a_message,
            ValueError,
            r"^raises_what_\w+: 'utf-8' codec can't.*\ncalled as raises_what_\w+\(float32\(2,\)\)$",
        ),
    ):
        with pytest.raises(kind, match=words):
            planted(rule)(x)


# gradcheck, the same for readers


def test_gradcheck_accepts_what_is_right() -> None:
    x = np.array([[0.3, -0.7], [1.1, 0.2]])
    mg.gradcheck(lambda a, b: (a @ b).tanh(), [x, x.T], order=3, analytic=True)
    mg.gradcheck(lambda a: a.unbind(0), [mg.tensor(x)])
    mg.gradcheck(lambda a: mg.ones(2).double() * 3, [0.5])


@pytest.mark.parametrize(
    "rule, order, words",
    [
        (wrong_sign, 1, "derivative of order 1 .* by finite_difference"),
        (wrong_in_the_eighth_place, 1, "derivative of order 1 .* by complex_step"),
        (wrong_when_replayed, 2, "derivative of order 2 .* by finite_difference"),
    ],
)
def test_gradcheck_says_what_is_wrong(rule: Any, order: int, words: str) -> None:
    analytic = rule is wrong_in_the_eighth_place
    with pytest.raises(AssertionError, match=words) as error:
        mg.gradcheck(planted(rule), [np.array([0.5, 1.0])], order=order, analytic=analytic, seed=3)
    message = str(error.value)
    assert "by the engine" in message and "shapes [(2,)], seed 3" in message
    with pytest.raises(AssertionError, match="seed 3") as again:
        mg.gradcheck(planted(rule), [np.array([0.5, 1.0])], order=order, analytic=analytic, seed=3)
    assert str(again.value) == message, "the seed repeats it"
