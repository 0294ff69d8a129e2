"""The proof of one op: Σ g·y differentiated by SymPy against the op's own pullback, entry by
entry."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import sympy

from minigrad.array import LazyScatter
from minigrad.backward import call_pullback, grad, unbroadcast
from minigrad.graph import TensorBase, tensor_of
from minigrad.prove import exact
from minigrad.prove.cases import BORDERS, CASES, Case
from minigrad.prove.symbols import Symbols, is_zero

Rule = Callable[..., Any]


class Gap(NamedTuple):
    """A partial derivative that is not what the rule gives."""

    name: str
    wanted: Any
    found: Any


@dataclass
class Proof:
    """What was shown of one op. `open` lists what was not: it is empty when the op is proved."""

    op: str
    cases: int = 0
    partials: int = 0
    seconds: float = 0.0
    identity: str = ""  # the first partial derivative, as a formula
    conditions: dict[str, None] = field(default_factory=dict)  # the outcomes of comparisons
    shapes: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)  # the same, as expressions

    @property
    def holds(self) -> bool:
        """Whether every partial derivative of every case was shown."""
        return self.partials > 0 and not self.open


@contextmanager
def arithmetic(kind: exact.Arithmetic) -> Iterator[None]:
    """Within the block exact arrays compute by `kind`."""
    exact.current.append(kind)
    try:
        yield
    finally:
        exact.current.pop()


def is_variable(a: Any) -> bool:
    """Whether `a` is an array of exact numbers, with respect to which a rule is differentiated."""
    return isinstance(a, exact.ExactArray)


def run_rule(rule: Rule, args: list[Any], settings: dict[str, Any], draw: Any) -> Any:
    """The values of a rule, cotangents made by `draw(shape, number)`, and the gradients that it
    gives for them."""
    value, pullback = rule(exact.XP, *args, **settings)
    values = [exact.exact(y) for y in (value if type(value) is tuple else (value,))]
    cotangents = [draw(i, *y.shape) for i, y in enumerate(values)]
    needs = [is_variable(a) for a in args]
    gradients = call_pullback(pullback, cotangents, needs)
    return values, cotangents, [as_gradient(g, a) for g, a in zip(gradients, args, strict=True)]


def as_gradient(g: Any, a: Any) -> Any:
    """A gradient as the engine would bring it to an argument: scattered, and summed where it was
    broadcast."""
    if g is None or not is_variable(a):
        return None
    if isinstance(g, LazyScatter):
        g = g.dense(exact.XP)
    return unbroadcast(exact.XP, exact.exact(g), a.shape)


def prove_case(rule: Rule, case: Case, proof: Proof) -> None:
    """Add to `proof` what one case shows."""
    symbols = Symbols()
    with arithmetic(symbols):
        args, settings = case(symbols)

        def cotangent(i: int, *shape: int) -> Any:
            return symbols.array(f"g{i or ''}", *shape)

        values, cotangents, gradients = run_rule(rule, args, settings, cotangent)
        total = sum([(g * y).sum().item() for g, y in zip(cotangents, values, strict=True)])
        total = sympy.sympify(total)
        for variable, found in by_symbol(args, gradients).items():
            check_partial(proof, case, total, variable, found)
    proof.cases += 1
    proof.conditions.update(symbols.conditions)
    proof.shapes.append(" ".join(str(a.shape) for a in args if hasattr(a, "shape")))


def by_symbol(args: list[Any], gradients: list[Any]) -> dict[Any, Any]:
    """The gradient by each symbol: a symbol at several places, a tie, has the sum of theirs."""
    found: dict[Any, Any] = {}
    for a, g in zip(args, gradients, strict=True):
        if g is None:
            continue
        for place in np.ndindex(*a.shape):
            entry = a[place]
            if entry.is_Symbol:
                found[entry] = found.get(entry, 0) + g[place]
    return found


def prove_border(rule: Rule, case: Case, proof: Proof) -> None:
    """Add to `proof` that on a border the gradient is the limit of the derivative from both
    sides."""
    symbols = Symbols()
    with arithmetic(symbols):
        args, settings = case(symbols)
        borders = symbols.borders

        def cotangent(i: int, *shape: int) -> Any:
            return symbols.array("g", *shape)

        there = [at_values(a, borders) for a in args]
        _, _, gradients = run_rule(rule, there, settings, cotangent)
        for variable, found in by_symbol(args, gradients).items():
            others = {s: value for s, value in borders.items() if s != variable}
            near = [at_values(a, others) for a in args]
            for side in (1, -1):
                symbols.point[variable] = borders[variable] + sympy.Rational(side, 1000)
                value, _ = rule(exact.XP, *near, **settings)
                y = exact.exact(value)
                total = (symbols.array("g", *y.shape) * y).sum().item()
                slope = sympy.diff(total, variable)
                limit = sympy.limit(slope, variable, borders[variable], "+-"[side < 0])
                check_slope(proof, case, variable, limit, found)
    proof.cases += 1
    proof.shapes.append(" ".join(str(a.shape) for a in args if hasattr(a, "shape")))


def at_values(a: Any, values: dict[Any, Any]) -> Any:
    """An argument with the values of some symbols."""
    if not is_variable(a):
        return a
    return exact.elementwise(lambda entry: sympy.sympify(entry).subs(values), object, a)


def are_apart(args: list[Any]) -> bool:
    """Whether each entry is a symbol of its own: no tie, no number."""
    entries = [entry for a in args if is_variable(a) for entry in a.ravel()]
    return len(set(entries)) == len(entries) and all(entry.is_Symbol for entry in entries)


def check_partial(
    proof: Proof,
    case: Case,
    total: Any,
    variable: Any,
    found: Any,
    zero: Callable[[Any], bool] = is_zero,
) -> None:
    """One partial derivative: SymPy's against the rule's."""
    check_slope(proof, case, variable, sympy.diff(total, variable), found, zero)


def check_slope(
    proof: Proof,
    case: Case,
    variable: Any,
    wanted: Any,
    found: Any,
    zero: Callable[[Any], bool] = is_zero,
) -> None:
    """One partial derivative: what it should be against the rule's."""
    proof.partials += 1
    if not proof.identity and wanted != 0:
        proof.identity = f"∂/∂{variable} = {sympy.sstr(sympy.sympify(found))}"
    if not zero(wanted - found):
        proof.gaps.append(Gap(f"∂/∂{variable}", wanted, found))
        proof.open.append(f"{case.__name__}: ∂/∂{variable}: {found} is not {wanted}")


def prove_op(op: Any, cases: list[Case] | None = None) -> Proof:
    """Prove an op, or a bare rule, on its cases; `Proof.open` says what could not be shown.

    >>> import minigrad as mg
    >>> proof = prove_op(mg.tanh)
    >>> proof.holds, proof.partials, proof.identity
    (True, 2, '∂/∂x0 = g0*(1 - tanh(x0)**2)')
    """
    rule = getattr(op, "rule", op)
    proof = Proof(rule.__name__)
    start = time.process_time()
    for case in CASES[rule.__name__] if cases is None else cases:
        prove_case(rule, case, proof)
    for case in BORDERS.get(rule.__name__, []) if cases is None else []:
        prove_border(rule, case, proof)
    proof.seconds = time.process_time() - start
    return proof


def prove_second_order(
    op: Any, cases: list[Case] | None = None, zero: Callable[[Any], bool] = is_zero
) -> Proof:
    """Prove the derivative of an op's gradient, as the engine makes it with create_graph=True.

    zero: how an expression is shown to be 0; `points.vanishes` where it is too large to expand.

    Tensors over symbols go through the op, through `grad` and once more through `grad`: so the
    replay of the rule over Tensors, the composition of an op by hand and the engine's own sums are
    part of what is shown.
    """
    proof = Proof(op.__name__)
    start = time.process_time()
    for case in CASES[op.__name__] if cases is None else cases:
        prove_case_twice(op, case, proof, zero)
    proof.seconds = time.process_time() - start
    return proof


def prove_case_twice(
    op: Any, case: Case, proof: Proof, zero: Callable[[Any], bool] = is_zero
) -> None:
    """Prove the gradient of the gradient in one case, and note in `proof` what does not hold."""
    symbols = Symbols()
    with arithmetic(symbols):
        args, given = case(symbols)
        if not are_apart(args):
            return
        settings = {key: as_exact(value) for key, value in given.items()}
        tensors = [leaf(a) if is_variable(a) else as_constant(a) for a in args]
        value = op(*tensors, **settings)
        values = value if type(value) is tuple else (value,)
        cotangents = [leaf(symbols.array(f"g{i or ''}", *y.shape)) for i, y in enumerate(values)]
        if op.composed:
            compare_composition(proof, op, case, tensors, settings, values, zero)
        inputs = [t for t in tensors if isinstance(t, TensorBase) and t.requires_grad]
        slopes = grad(values, inputs, cotangents, create_graph=True, materialize_grads=True)
        weights = [symbols.array(f"h{i or ''}", *g.shape) for i, g in enumerate(slopes)]
        variables = [*inputs, *cotangents]
        found = grad(slopes, variables, [tensor_of(h) for h in weights], materialize_grads=True)
        total = sum(
            [(g * y.array).sum().item() for g, y in zip(arrays(cotangents), values, strict=True)]
        )
        once = sum(
            [
                h[place] * sympy.diff(total, t.array[place])
                for h, t in zip(weights, inputs, strict=True)
                for place in np.ndindex(*h.shape)
            ]
        )
        for t, second in zip(variables, found, strict=True):
            for place in np.ndindex(*t.shape):
                check_partial(proof, case, once, t.array[place], second.array[place], zero)
    proof.cases += 1


def compare_composition(
    proof: Proof, op: Any, case: Case, tensors: Any, settings: Any, values: Any, zero: Any
) -> None:
    """Note in `proof` where a value by hand is not that of the composition."""
    composed = op.composed(*tensors, **settings)
    wanted = composed if type(composed) is tuple else (composed,)
    for number, (y, want) in enumerate(zip(values, wanted, strict=True)):
        for place in np.ndindex(*y.shape):
            if not zero(y.array[place] - want.array[place]):
                proof.open.append(
                    f"{case.__name__}: value {number}{list(place)} is not the composition's"
                )


def leaf(array: Any) -> Any:
    """A Tensor over exact numbers that requires a gradient."""
    t = tensor_of(array)
    t.requires_grad = True
    return t


def as_constant(a: Any) -> Any:
    """An array of integers or booleans as a Tensor, anything else as it is."""
    if not isinstance(a, np.ndarray):
        return a
    return tensor_of(a.view(exact.ExactArray))


def as_exact(setting: Any) -> Any:
    """A setting that is a symbol, such as ε, as an exact array, which Tensors know."""
    return exact.exact(setting) if isinstance(setting, sympy.Expr) else setting


def arrays(tensors: list[Any]) -> list[Any]:
    """The arrays of these tensors."""
    return [t.array for t in tensors]
