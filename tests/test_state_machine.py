"""Random graphs, grown step by step beside a naive engine that is exact and shares nothing with the
engine under test.

In the naive engine every entry of an array is a polynomial in the entries of the leaves, with
integer factors. It is differentiated by the rule of school, to any order; there is no tape, no
accumulation and no order of visiting. The machine reuses values, takes views, detaches, works under
no_grad, goes back several times through one graph or through fresh ones, frees graphs and keeps
them, and differentiates gradients.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

import minigrad as mg
from minigrad import backward

AT: dict[int, int] = {}  # the value of each variable


class Polynomial:
    """Σ factor · product of variables. A monomial is the sorted tuple of its variables."""

    def __init__(self, terms: dict[tuple[int, ...], int]):
        self.terms = {monomial: factor for monomial, factor in terms.items() if factor}

    def __add__(self, other: Any) -> Polynomial:
        terms = Counter(self.terms)
        for monomial, factor in polynomial(other).terms.items():
            terms[monomial] += factor
        return Polynomial(terms)

    def __mul__(self, other: Any) -> Polynomial:
        terms: Counter[tuple[int, ...]] = Counter()
        for (m, f), (n, g) in itertools.product(
            self.terms.items(), polynomial(other).terms.items()
        ):
            terms[tuple(sorted(m + n))] += f * g
        return Polynomial(terms)

    __radd__, __rmul__ = __add__, __mul__
    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + polynomial(other) * -1
    __rsub__ = lambda self, other: polynomial(other) - self
    __pow__ = lambda self, n: math.prod([self] * n, start=polynomial(1))

    def by(self, variable: int) -> Polynomial:
        """The derivative by one variable: n xⁿ⁻¹ for xⁿ."""
        terms: Counter[tuple[int, ...]] = Counter()
        for monomial, factor in self.terms.items():
            if n := monomial.count(variable):
                i = monomial.index(variable)
                terms[monomial[:i] + monomial[i + 1 :]] += n * factor
        return Polynomial(terms)

    def value(self) -> int:
        return sum(
            factor * math.prod(AT[v] for v in monomial) for monomial, factor in self.terms.items()
        )


def polynomial(x: Any) -> Polynomial:
    x = x.item() if isinstance(x, np.ndarray) else x
    return x if isinstance(x, Polynomial) else Polynomial({(): int(x)})


def evaluate(exact: np.ndarray) -> np.ndarray:
    return np.array([p.value() for p in exact.flat], float).reshape(exact.shape)


def constant(exact: np.ndarray) -> np.ndarray:
    return np.array([polynomial(p.value()) for p in exact.flat] + [None], object)[:-1].reshape(
        exact.shape
    )


def as_exact(x: Any) -> np.ndarray:
    """NumPy hands out the lone element of a 0-d array of objects: put it back."""
    if isinstance(x, np.ndarray):
        return x
    boxed = np.empty((), object)
    boxed[()] = x
    return boxed


@dataclass(eq=False)
class Value:
    """A tensor, what it must be, and the ops behind it.

    Those that certainly are, and those that may be.
    """

    tensor: mg.Tensor
    exact: np.ndarray
    behind: frozenset[int] = frozenset()
    perhaps: frozenset[int] = frozenset()
    leaf: bool = False

    @property
    def small(self) -> bool:
        """Whether float64 holds everything exactly that comes of it in a few steps."""
        return all(len(p.terms) < 40 and abs(p.value()) < 2**20 for p in self.exact.flat)


def last_part_twice(x: Any) -> Any:
    """All slices as one op, of which one alone is used, and that one twice."""
    if isinstance(x, np.ndarray):
        return np.stack([as_exact(x[-1])] * 2)
    return mg.stack([x.unbind(0)[-1]] * 2)


def chosen(a: Any, b: Any) -> Any:
    return (np.where if isinstance(a, np.ndarray) else mg.where)(np.array([True, False]), a, b)


ANY_SHAPE = {
    "neg": lambda x: -x,
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "triple": lambda x: 3 * x,
    "from 5": lambda x: 5 - x,
    "used three times": lambda x: x * x + x,
    "sum": lambda x: x.sum(),
    "transpose": lambda x: x.T,
    "flat": lambda x: x.reshape(-1)[:2],
    "column": lambda x: x.reshape(-1, 1)[:2],
}
NOT_0D = {
    "sum of rows": lambda x: x.sum(0),
    "cumsum": lambda x: x.cumsum(0),
    "first": lambda x: x[0],
    "all but the first": lambda x: x[:1] + x[1:].sum(0),
    "backwards": lambda x: x[[-1 - i for i in range(len(x))]],
    "last, named from both ends": lambda x: x[np.array([-1, len(x) - 1])],
    "last part twice": last_part_twice,
}
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "chosen": chosen,
    "dot": lambda a, b: a @ b if a.shape == b.shape == (2, 2) else a * b + a,
}


class Graphs(RuleBasedStateMachine):
    values = Bundle("values")

    def __init__(self) -> None:
        super().__init__()
        AT.clear()
        self.made: list[Value] = []
        self.gradient: dict[Value, Any] = {}  # what each leaf's .grad must be
        self.freed: set[int] = set()
        self.perhaps_freed: set[int] = set()
        self.ops = itertools.count()

    def keep(self, value: Value) -> Any:
        np.testing.assert_array_equal(value.tensor.array, evaluate(value.exact), strict=True)
        self.made.append(value)
        return value if value.small else multiple()

    def apply(self, f: Any, *args: Value) -> Any:
        """Do the same in both engines."""
        tensor, exact = f(*[v.tensor for v in args]), as_exact(f(*[v.exact for v in args]))
        recorded = mg.is_grad_enabled() and any(v.tensor.requires_grad for v in args)
        assert tensor.requires_grad == recorded
        if not recorded:
            return self.keep(Value(tensor, constant(exact)))
        op = frozenset({next(self.ops)})
        behind, perhaps = (
            op.union(*sets) for sets in ([v.behind for v in args], [v.perhaps for v in args])
        )
        return self.keep(Value(tensor, exact, behind, perhaps | behind))

    @precondition(lambda self: len(self.gradient) < 4)
    @rule(
        target=values,
        shape=st.sampled_from([(), (1,), (2,), (2, 1), (2, 2)]),
        seed=st.integers(0, 99),
    )
    def leaf(self, shape: tuple[int, ...], seed: int) -> Any:
        numbers = np.asarray(np.random.default_rng(seed).integers(-3, 4, shape))
        exact = np.empty(shape, object)
        for place in np.ndindex(shape):
            AT[len(AT)] = int(numbers[place])
            exact[place] = Polynomial({(len(AT) - 1,): 1})
        value = Value(mg.tensor(numbers.astype(float), requires_grad=True), exact, leaf=True)
        self.gradient[value] = np.zeros(shape)
        return self.keep(value)

    @rule(
        target=values,
        x=values,
        name=st.sampled_from([*ANY_SHAPE, *NOT_0D]),
        record=st.sampled_from([True] * 4 + [False]),
    )
    def unary(self, x: Value, name: str, record: bool) -> Any:
        if name in NOT_0D and not x.exact.ndim:
            return multiple()
        with mg.set_grad_enabled(record):
            return self.apply((ANY_SHAPE | NOT_0D)[name], x)

    @rule(target=values, a=values, b=values, name=st.sampled_from([*BINARY]))
    def binary(self, a: Value, b: Value, name: str) -> Any:
        return self.apply(BINARY[name], a, b)

    @rule(target=values, x=values)
    def detach(self, x: Value) -> Any:
        return self.keep(Value(x.tensor.detach(), constant(x.exact)))

    def weights(self, y: Value, seed: int) -> np.ndarray:
        return np.asarray(np.random.default_rng(seed).integers(-2, 3, y.exact.shape))

    def slopes(self, y: Value, x: Value, weights: np.ndarray) -> np.ndarray:
        """Σ weight · ∂y/∂x for every entry of x, by school's rule."""
        slopes = np.empty(x.exact.shape, object)
        for place in np.ndindex(slopes.shape):
            (variable,) = next(iter(x.exact[place].terms))
            slopes[place] = sum(
                (p.by(variable) * w for p, w in zip(y.exact.flat, weights.flat)), polynomial(0)
            )
        return slopes

    def goes_back(self, y: Value, go: Any, retain: bool) -> bool:
        """Whether going back succeeds.

        It must fail exactly where there is no graph, or a part of it was freed.
        """
        lost = not y.tensor.requires_grad or bool(y.behind & self.freed)
        try:
            go()
        except RuntimeError as error:
            assert lost or y.perhaps & self.perhaps_freed, error
            assert "no graph" in str(error) or "freed" in str(error)
            return False
        assert not lost
        if not retain:
            self.freed |= y.behind
            self.perhaps_freed |= y.perhaps
        return True

    @rule(y=values, retain=st.sampled_from([True, True, False]), seed=st.integers(0, 9))
    def backward(self, y: Value, retain: bool, seed: int) -> None:
        weights = self.weights(y, seed)
        if self.goes_back(
            y,
            lambda: y.tensor.backward(mg.tensor(weights.astype(float)), retain_graph=retain),
            retain,
        ):
            for x in self.gradient:
                self.gradient[x] += evaluate(self.slopes(y, x, weights))

    @rule(target=values, y=values, i=st.integers(0, 9), seed=st.integers(0, 9))
    def gradient_with_graph(self, y: Value, i: int, seed: int) -> Any:
        """∂y/∂x as a new value, which is differentiated in turn."""
        weights, x = self.weights(y, seed), [*self.gradient][i % len(self.gradient)]
        found: list[Any] = []

        def go() -> None:
            weight = mg.tensor(weights.astype(float))
            found.extend(mg.grad(y.tensor, x.tensor, weight, create_graph=True, allow_unused=True))

        slopes = self.slopes(y, x, weights)
        if not self.goes_back(y, go, retain=True):
            return multiple()
        (g,) = found
        if g is None or not g.requires_grad:
            assert not any(any(p.terms) for p in slopes.flat), "a gradient that varies has a graph"
        if g is None:
            assert not evaluate(slopes).any()
            return multiple()
        return self.keep(
            Value(
                g,
                slopes if g.requires_grad else constant(slopes),
                perhaps=y.perhaps | {next(self.ops)},
            )
        )

    @invariant()
    def gradients_are_exact(self) -> None:
        for x, expected in self.gradient.items():
            np.testing.assert_array_equal(
                0 * expected if x.tensor.grad is None else x.tensor.grad.array, expected
            )

    def teardown(self) -> None:
        """At the end everything that still has its graph is differentiated at once.

        And no value has changed.
        """
        whole = [
            v for v in self.made if v.tensor.requires_grad and not v.perhaps & self.perhaps_freed
        ]
        if whole:
            weights = [self.weights(v, i) for i, v in enumerate(whole)]
            seeds = [mg.tensor(w.astype(float)) for w in weights]
            found = mg.grad(
                [v.tensor for v in whole],
                [x.tensor for x in self.gradient],
                seeds,
                allow_unused=True,
            )
            for x, g in zip(self.gradient, found):
                expected = sum(evaluate(self.slopes(v, x, w)) for v, w in zip(whole, weights))
                np.testing.assert_array_equal(0 * expected if g is None else g.array, expected)
        for value in self.made:
            np.testing.assert_array_equal(
                value.tensor.array, evaluate(value.exact), "a value changed after it was made"
            )
            assert value.leaf or value.tensor.grad is None


TestGraphs = Graphs.TestCase
TestGraphs.settings = hypothesis.settings(
    max_examples=hypothesis.settings().max_examples, stateful_step_count=30, deadline=None
)


# The machine is checked, too: engines that are wrong on purpose.


def overwrites(self: Any, t: Any, g: Any, *more: Any) -> None:
    self.by_slot.pop(backward.slot(t), None)
    ADD(self, t, g, *more)


def adds_in_place_to_what_others_hold(self: Any, t: Any, g: Any, *more: Any) -> None:
    self.owned.update(self.by_slot)
    ADD(self, t, g, *more)


def oldest_last(outputs: Any, oldest: int = 0) -> Any:
    return sorted(NODES(outputs, oldest), key=lambda node: -len(node.args) + node.birth / 1e9)


def frees_nothing(outputs: Any, cotangents: Any, inputs: Any, graph: bool, retain: bool) -> Any:
    return BACKPROPAGATE(outputs, cotangents, inputs, graph, True)


ADD = backward.Gradients.add
NODES = backward.nodes_youngest_first
BACKPROPAGATE = backward.backpropagate


@pytest.mark.parametrize(
    "where, name, wrong",
    [
        (backward.Gradients, "add", overwrites),
        (backward.Gradients, "add", adds_in_place_to_what_others_hold),
        (backward, "nodes_youngest_first", oldest_last),
        (backward, "backpropagate", frees_nothing),
    ],
)
def test_a_wrong_engine_is_caught(
    where: Any, name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, wrong)
    settings = hypothesis.settings(
        TestGraphs.settings, max_examples=10_000, phases=[hypothesis.Phase.generate], database=None
    )
    with pytest.raises((AssertionError, RuntimeError, ValueError)):  # no NameError: it ran
        run_state_machine_as_test(Graphs, settings=settings)
