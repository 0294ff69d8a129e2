"""What must hold for every op on every sample. Each law takes an op and a sample.

An op is a function of Tensors: one of minigrad's or your own rule, a composition, or a function of
another library through an adapter. A law that does not hold raises LawBroken, one that says nothing
about the op or the sample NotApplicable. How an op is called is in `running`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np

from minigrad import backward, check
from minigrad.array import NAMESPACES, NUMPY
from minigrad.tensor import Tensor
from minigrad.testing.broken import LawBroken, NotApplicable, close, must_agree
from minigrad.testing.forms import fault_of
from minigrad.testing.running import (
    as_list,
    function,
    gradient_names,
    is_foreign,
    numbers,
    pulled,
    pulled_back,
    random,
    run,
)
from minigrad.testing.samples import Op, Sample, argument_names, is_float, name_of

# Derivatives


def hold_to_witness(
    op: Op, f: Op, sample: Sample, witness: Op, tolerance: float, salt: int = 0, names: Any = None
) -> None:
    """<Jᵀu, v> by the engine is <u, Jv> by the witness, for a random cotangent u and a random
    direction v.
    """
    floats = sample.floats
    cotangents = random(sample, check.evaluate(f, floats), salt)
    directions = random(sample, floats, salt + 1)
    got = float(check.inner(check.vjp(f, floats, cotangents), directions))
    want = float(check.inner(cotangents, witness(f, floats, directions)))
    if close(got, want, tolerance):
        return
    by = name_of(witness).replace("_", " ")
    gradients = check.vjp(f, floats, cotangents)
    for i, name in enumerate(names or gradient_names(op, sample)):
        slope = entrywise(f, floats, cotangents, i, witness)
        must_agree(op, sample, name, gradients[i], slope, by, tolerance)
    must_agree(op, sample, "the slope in a random direction", got, want, by, tolerance)


def entrywise(
    f: Op, floats: list[Any], cotangents: list[Any], i: int, witness: Op
) -> np.ndarray[Any, Any]:
    """The whole gradient of input i by the witness.

    Slow, and only to be looked at after a failure.
    """
    slope = np.zeros(floats[i].shape)
    for place in np.ndindex(slope.shape):
        directions = [np.zeros(a.shape) for a in floats]
        directions[i][place] = 1
        slope[place] = check.inner(cotangents, witness(f, floats, directions))
    return slope


def finite_difference(op: Op, sample: Sample) -> None:
    """The gradient is the finite difference, to a millionth."""
    hold_to_witness(op, function(op, sample), sample, check.finite_difference, 1e-6)


def complex_step(op: Op, sample: Sample) -> None:
    """The gradient is the complex step, to rounding; for analytic functions."""
    hold_to_witness(op, function(op, sample), sample, check.complex_step, 1e-12)


def must_be_analytic(op: Op, sample: Sample) -> None:
    """Raise NotApplicable if the complex step is not the finite difference: the function is not
    analytic, or takes no complex numbers."""
    f = function(op, sample)
    directions = random(sample, sample.floats, 1)
    try:
        steps = check.complex_step(f, sample.floats, directions)
    except Exception as error:
        raise NotApplicable(f"it takes no complex numbers ({type(error).__name__})") from None
    differences = check.finite_difference(f, sample.floats, directions)
    if not all(close(a, b, 1e-5) for a, b in zip(steps, differences, strict=True)):
        raise NotApplicable("it is not analytic")


def second_order(op: Op, sample: Sample) -> None:
    """The rule replayed over Tensors gives the gradient that it gives over arrays, and that
    gradient's own gradient.
    """
    if is_foreign(op):
        foreign_second_order(op, sample)
        return
    f = function(op, sample)
    cotangents = random(sample, check.evaluate(f, sample.floats))
    replayed = check.gradient_of(f, cotangents)
    _, once = run(f, sample.floats, cotangents)
    again = as_list(replayed(*map(Tensor, sample.floats)))
    for name, twice, g in zip(gradient_names(op, sample), again, once, strict=True):
        if g is not None:
            what = f"the replayed {name}"
            must_agree(op, sample, what, twice.array, g.array, "the rule over arrays")
    hold_to_witness(
        op, replayed, sample, check.finite_difference, 1e-6, salt=2, names=second_names(op, sample)
    )


def second_names(op: Op, sample: Sample) -> list[str]:
    """What the gradient of the gradient is called, for each array of floats."""
    return [f"the gradient's derivative by {name}" for name in argument_names(op, sample)]


def foreign_second_order(op: Any, sample: Sample) -> None:
    """The gradient of the gradient that another library gives is the finite difference of its
    gradient."""
    if op.gradient is None:
        raise NotApplicable("its adapter gives no second derivative")
    cotangents = random(sample, check.evaluate(function(op, sample), sample.floats))
    twice = Sample([*sample.args, *cotangents], sample.settings, sample.seed)
    f = function(op.gradient(len(sample.args)), twice)
    names = second_names(op, sample)
    names += [f"the gradient's derivative by cotangent {i}" for i in range(len(cotangents))]
    hold_to_witness(op, f, twice, check.finite_difference, 1e-6, salt=2, names=names)


def equal_to(other: Op, by: str, tolerance: float) -> Callable[[Op, Sample], None]:
    """The law that an op has the values and gradients of another function of tensors."""

    def law(op: Op, sample: Sample) -> None:
        weights = random(sample, check.evaluate(function(op, sample), sample.floats))
        values, gradients = run(function(op, sample), sample.floats, weights)
        their_values, their_gradients = run(function(other, sample), sample.floats, weights)
        for a, b in zip(values, their_values, strict=True):
            must_agree(op, sample, "a value", numbers(a), numbers(b), by, tolerance)
        names = gradient_names(op, sample)
        for name, a, b in zip(names, gradients, their_gradients, strict=True):
            must_agree(op, sample, name, numbers(a), numbers(b), by, tolerance)

    return law


def composition(op: Any, sample: Sample) -> None:
    """An op by hand has the values and the gradients of the composition that it names."""
    if getattr(op, "composed", None) is None:
        raise NotApplicable("it names no composition")
    equal_to(op.composed, "its composition", 1e-12)(op, sample)


def kink(op: Op, sample: Sample) -> None:
    """At a kink or a tie the derivative of each output along a direction lies between those to
    either side.

    Also along the direction of ones, where all members of a tie move together. Where a function
    jumps, there is nothing to hold.
    """
    f = function(op, sample)
    floats = sample.floats
    values = [numbers(y) for y in check.evaluate(f, floats)]
    ones = [np.ones(a.shape) for a in floats]
    for directions in (ones, random(sample, floats, 1), random(sample, floats, 3)):
        ahead, behind = one_sided(f, floats, directions, values)
        for i, place in entries_of(values):
            a, b = float(ahead[i][place]), float(behind[i][place])
            if not (abs(a) < JUMP and abs(b) < JUMP):
                continue
            got = slope_of_entry(f, floats, directions, values, i, place)
            slack = 1e-4 * max(1.0, abs(a), abs(b))
            if not min(a, b) - slack <= got <= max(a, b) + slack:
                what = f"the slope of {entry_name(values, i, place)}{direction(directions)}"
                by = "the slopes to either side"
                raise LawBroken(op, sample, what, between(a, b), got, by)


def entries_of(values: Sequence[Any]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Each entry of each value: which value it is of, and its place there."""
    for i, y in enumerate(values):
        for place in np.ndindex(*y.shape):
            yield i, place


def slope_of_entry(
    f: Op, floats: Any, directions: Any, values: Any, i: int, place: Sequence[int]
) -> float:
    """The derivative of one entry of value i along a direction, by the engine."""
    cotangents = [np.zeros(value.shape) for value in values]
    cotangents[i][place] = 1
    return float(check.inner(check.vjp(f, floats, cotangents), directions))


def is_inside(op: Op, sample: Sample) -> bool:
    """Whether an op has finite values at a sample and to either side of it."""
    f, floats = function(op, sample), sample.floats
    try:
        with np.errstate(all="ignore"):
            there = check.evaluate(f, floats)
            around = one_sided(f, floats, random(sample, floats, 1), [numbers(y) for y in there])
    except Exception:
        return False  # which the other laws say
    return all(np.isfinite(y).all() for y in [*map(numbers, there), *around[0], *around[1]])


JUMP = 1e4  # a difference quotient as large as that is a jump


def one_sided(f: Op, floats: Any, directions: Any, values: Any) -> tuple[list[Any], list[Any]]:
    """The difference quotients ahead and behind, along a direction."""
    step = 1e-7
    found = []
    for h in (step, -step):
        moved = [a + h * v for a, v in zip(floats, directions, strict=True)]
        there = [numbers(y) for y in check.evaluate(f, moved)]
        with np.errstate(invalid="ignore"):
            found.append([(y - y0) / h for y, y0 in zip(there, values, strict=True)])
    return found[0], found[1]


def direction(directions: Any) -> str:
    """A direction in a message."""
    if all((v == 1).all() for v in directions):
        return " where all numbers grow alike"
    return " in a random direction"


def entry_name(values: Sequence[Any], i: int, place: Sequence[int]) -> str:
    """An entry of a value in a message."""
    name = "y" if len(values) == 1 else f"value {i}"
    return f"{name}{list(place)}" if place else name


def between(a: float, b: float) -> str:
    """A number that lies between two others, or the one that they are, in a message."""
    low, high = f"{min(a, b):.5g}", f"{max(a, b):.5g}"
    return low if low == high else f"a number from {low} to {high}"


def proof(op: Any, sample: Sample) -> None:
    """The pullback is the derivative as an identity in symbols, of arrays of the sample's shapes;
    where SymPy is there and the op is a rule over `xp`."""
    rule = getattr(op, "rule", None)
    if rule is None or is_foreign(op):
        raise NotApplicable("it is no rule over a namespace")
    if not 0 < sum([a.size for a in sample.floats]) <= PROVED:
        raise NotApplicable(f"a proof takes a sample of 1 to {PROVED} numbers")
    try:
        from minigrad.prove import rules
    except ImportError:
        raise NotApplicable("SymPy is not installed (the extra prove)") from None

    def case(s: Any) -> Any:
        names = iter(argument_names(op, sample))
        args = []
        for a in sample.args:
            if is_float(a):
                signs = {"positive": True} if (a > 0).all() else {}
                a = s.array(next(names), *a.shape, at=a, **signs)
            args.append(a)
        return args, sample.settings

    shown = rules.Proof(name_of(op))
    try:
        rules.prove_case(rule, case, shown)
    except Exception as error:
        raise NotApplicable(f"it does not run over symbols ({error})") from None
    for gap in shown.gaps:
        wanted, found = as_decimals(gap.wanted), as_decimals(gap.found)
        raise LawBroken(op, sample, f"{gap.name} for all numbers", wanted, found, "SymPy")


def as_decimals(expression: Any) -> Any:
    """An expression with the floats of a rule as decimals, where exact fractions are long."""
    import sympy

    long = [n for n in sympy.sympify(expression).atoms(sympy.Rational) if n.q > 10**6]
    return sympy.sympify(expression).xreplace({n: sympy.Float(n, 6) for n in long})


PROVED = 9  # numbers; the expressions of more are slow to simplify


# Results


def form(op: Any, sample: Sample) -> None:
    """A rule returns a value, and its pullbacks in one of the two forms."""
    rule = getattr(op, "rule", None)
    if rule is None or is_foreign(op):
        raise NotApplicable("it is no rule over a namespace")
    args = [np.array(a) if isinstance(a, np.ndarray) else a for a in sample.args]
    result = rule(NUMPY, *args, **sample.settings)
    fault = fault_of(result, sample)
    if fault:
        failure = LawBroken(op, sample, "a rule", "value, pullbacks", result, "the law")
        failure.sentence = fault
        raise failure


def deterministic(op: Op, sample: Sample) -> None:
    """Called twice, an op gives the same values."""
    f = function(op, sample)
    first = check.evaluate(f, sample.floats)
    second = check.evaluate(f, sample.floats)
    for a, b in zip(first, second, strict=True):
        must_agree(op, sample, "a value", numbers(b), numbers(a), "the first call", 0)


def shapes(op: Any, sample: Sample) -> None:
    """A gradient has its argument's shape. That of a rule may still be broadcast, which the engine
    undoes."""
    if getattr(op, "rule", None) is None:
        f = function(op, sample)
        cotangents = random(sample, check.evaluate(f, sample.floats))
        _, tensors = run(f, sample.floats, cotangents)
        gradients = [numbers(g) for g in tensors]
    else:
        _, gradients, _ = pulled(op, sample)
    for name, g, a in zip(gradient_names(op, sample), gradients, sample.floats, strict=True):
        if g is None or np.shape(g) == a.shape:
            continue
        if is_foreign(op) or not broadcasts(a.shape, np.shape(g)):
            what = f"the shape of {name}"
            raise LawBroken(op, sample, what, a.shape, np.shape(g), "its argument")


def broadcasts(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether an array of a shape may be broadcast to another one."""
    try:
        return np.broadcast_shapes(shape, whole) == whole
    except ValueError:
        return False


def broadcasting(op: Op, sample: Sample) -> None:
    """Where arrays were broadcast, a gradient is the sum of that of their copies."""
    shapes_ = [a.shape for a in sample.floats]
    try:
        whole = np.broadcast_shapes(*shapes_)
    except ValueError:
        raise NotApplicable("its arrays do not broadcast") from None
    if all(shape == whole for shape in shapes_):
        raise NotApplicable("none of its arrays is broadcast")
    repeated = [np.broadcast_to(a, whole).copy() for a in sample.floats]
    f = function(op, sample)
    if not is_elementwise(f, sample.floats, repeated):
        raise NotApplicable("it does not work element by element")
    cotangents = random(sample, check.evaluate(f, sample.floats))
    _, gradients = run(f, sample.floats, cotangents)
    try:
        _, of_copies = run(f, repeated, cotangents)
    except Exception:
        raise NotApplicable("it does not take copies of what it broadcasts") from None
    for name, a, g, copies in zip(
        gradient_names(op, sample), sample.floats, gradients, of_copies, strict=True
    ):
        if g is not None:
            want = backward.unbroadcast(NUMPY, numbers(copies), a.shape)
            must_agree(op, sample, name, numbers(g), want, "the sum over copies", 1e-10)


def is_elementwise(f: Op, floats: Any, repeated: Any) -> bool:
    """Whether copies of what is broadcast give the same values, here and for other numbers."""
    for shift in (0.0, 0.3):
        try:
            values = check.evaluate(f, [a + shift for a in floats])
            of_copies = check.evaluate(f, [a + shift for a in repeated])
        except Exception:
            return False
        for y, z in zip(values, of_copies, strict=True):
            if not close(numbers(y), numbers(z), 1e-12):
                return False
    return True


# Memory, sharing and dtypes


def subsets(op: Op, sample: Sample) -> None:
    """An input has the same gradient whichever others require one, and whichever outputs are
    used."""
    floats = sample.floats
    f = function(op, sample)
    cotangents = random(sample, check.evaluate(f, floats))
    values, whole = run(f, floats, cotangents)
    names = gradient_names(op, sample)
    for i, name in enumerate(names):
        leaves = [Tensor(a) for a in floats]
        leaves[i].requires_grad_()
        outputs = as_list(f(*leaves))
        used = [(y, y.beside(u)) for y, u in zip(outputs, cotangents) if y.requires_grad]
        if not used or whole[i] is None:
            continue
        results, weights = zip(*used)
        (alone,) = backward.grad(results, leaves[i], weights, materialize_grads=True)
        what = f"{name}, required alone,"
        must_agree(op, sample, what, numbers(alone), numbers(whole[i]), "all together")
    if len(values) > 1:
        outputs_one_by_one(op, sample, cotangents)


def outputs_one_by_one(op: Op, sample: Sample, cotangents: Any) -> None:
    """With one output used, the gradients are those with zeros flowing into the others."""
    f = function(op, sample)
    for i, u in enumerate(cotangents):
        zeros = [np.zeros_like(v) for v in cotangents]
        zeros[i] = u
        want = check.vjp(f, sample.floats, zeros)
        leaves = [Tensor(a).requires_grad_() for a in sample.floats]
        output = as_list(f(*leaves))[i]
        if not output.requires_grad:
            continue
        found = backward.grad(output, leaves, output.beside(u), materialize_grads=True)
        for name, g, g0 in zip(gradient_names(op, sample), found, want, strict=True):
            what = f"{name}, only value {i} used,"
            must_agree(op, sample, what, numbers(g), g0, "zeros for the others")


def layouts(op: Op, sample: Sample) -> None:
    """Arrays that are transposed, reversed or have gaps in memory give what contiguous ones
    give."""
    plain = [np.array(a, order="C") for a in sample.floats]
    f = function(op, sample)
    cotangents = random(sample, check.evaluate(f, plain))
    values, gradients = run(f, plain, cotangents)
    for layout, lay_out in LAYOUTS.items():
        laid = [np.asarray(lay_out(a)) for a in plain]
        here = sample.with_floats(laid)
        found, slopes = run(f, laid, cotangents)
        for y, want in zip(found, values, strict=True):
            what = f"a value of arrays {layout}"
            must_agree(op, here, what, numbers(y), numbers(want), "contiguous ones")
        for name, g, want in zip(gradient_names(op, sample), slopes, gradients, strict=True):
            what = f"{name} of arrays {layout}"
            must_agree(op, here, what, numbers(g), numbers(want), "contiguous ones")


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "in Fortran's order": lambda a: np.array(a, order="F"),
    "reversed in memory": lambda a: np.flip(np.flip(a).copy()),
    "with gaps": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a,
}


def same_tensor(op: Op, sample: Sample) -> None:
    """One tensor given twice receives both gradients, added."""
    pairs = combinations(range(len(sample.floats)), 2)
    alike = [(i, j) for i, j in pairs if sample.floats[i].shape == sample.floats[j].shape]
    if not alike:
        raise NotApplicable("no two of its arrays have the same shape")
    f = function(op, sample)
    for i, j in alike:
        floats = list(sample.floats)
        floats[j] = floats[i].copy()
        try:
            cotangents = random(sample, check.evaluate(f, floats))
        except (ValueError, RuntimeError):
            continue
        _, apart = run(f, floats, cotangents)
        if apart[i] is None or apart[j] is None:
            continue
        leaves = [Tensor(a).requires_grad_() for a in floats]
        leaves[j] = leaves[i]
        outputs = as_list(f(*leaves))
        weights = [y.beside(u) for y, u in zip(outputs, cotangents, strict=True)]
        (both,) = backward.grad(outputs, leaves[i], weights)
        want = numbers(apart[i]) + numbers(apart[j])
        name = gradient_names(op, sample)[i]
        must_agree(
            op, sample, f"{name}, given twice,", numbers(both), want, "the sum of both gradients"
        )


def purity(op: Any, sample: Sample) -> None:
    """A rule writes neither to its inputs nor, in pulling back, to its value or to the incoming
    gradient; pulled through twice it gives the same twice."""
    if getattr(op, "rule", None) is None:
        raise NotApplicable("it is no rule; the ops that it is made of are held to this")
    inputs = [a for a in sample.args if isinstance(a, np.ndarray)]
    inputs_before = [a.copy() for a in inputs]
    value, pullback = op.rule(NUMPY, *sample.args, **sample.settings)
    values = as_list(value)
    cotangents = random(sample, values)
    results = [a for a in (*values, *cotangents) if isinstance(a, np.ndarray)]
    results_before = [a.copy() for a in results]
    if values and pullback:
        wanted = [is_float(a) for a in sample.args]
        once = [np.array(g) for g in pulled_back(pullback, cotangents, wanted)]
        again = [np.array(g) for g in pulled_back(pullback, cotangents, wanted)]
        for first, second in zip(once, again, strict=True):
            what = "a gradient, pulled through a second time,"
            must_agree(op, sample, what, second, first, "the first time")
    for before, now in zip(inputs_before + results_before, inputs + results, strict=True):
        must_agree(
            op,
            sample,
            "an array that the rule must not change",
            now,
            before,
            "the copy made before",
            0,
        )


def independence(op: Op, sample: Sample) -> None:
    """A second call with other numbers, whose results live on, changes neither value nor gradient
    of the first.
    """
    f = function(op, sample)
    floats = sample.floats
    cotangents = random(sample, check.evaluate(f, floats))
    values, gradients = run(f, floats, cotangents)
    leaves = [Tensor(a).requires_grad_() for a in floats]
    outputs = as_list(f(*leaves))
    others = [Tensor(np.asarray(a * 0.75)).requires_grad_() for a in floats]
    later = as_list(f(*others))
    for y, want in zip(outputs, values, strict=True):
        what = "a value, after a second call,"
        must_agree(op, sample, what, numbers(y), numbers(want), "one call", 0)
    if any(y.requires_grad for y in outputs):
        weights = [y.beside(u) for y, u in zip(outputs, cotangents, strict=True)]
        found = backward.grad(outputs, leaves, weights)
        for g, want in zip(found, gradients, strict=True):
            what = "a gradient, after a second call,"
            must_agree(op, sample, what, numbers(g), numbers(want), "one call", 0)
    del later  # alive until here


def separate_memory(op: Op, sample: Sample) -> None:
    """No two gradients share memory, nor does one with an input, a value or a cotangent."""
    leaves = [Tensor(a).requires_grad_() for a in sample.floats]
    values = as_list(function(op, sample)(*leaves))
    cotangents = [y.beside(u) for y, u in zip(values, random(sample, values))]
    if any(y.requires_grad for y in values):
        found = backward.grad(values, leaves, cotangents)
        arrays = [t.array for t in found]
        others = [t.array for t in (*leaves, *values, *cotangents)]
        must_be_apart(op, sample, arrays, others)
    if is_foreign(op):
        results, gradients, incoming = pulled(op, sample)
        must_be_apart(op, sample, gradients, [*sample.floats, *results, *incoming])


def must_be_apart(op: Op, sample: Sample, gradients: list[Any], others: list[Any]) -> None:
    """Raise LawBroken if a gradient shares its memory with another one or with another array."""
    for a, b in (*combinations(gradients, 2), *product(gradients, others)):
        shared = type(a) is type(b) is np.ndarray and np.shares_memory(a, b)
        what = "that a gradient shares its memory with another array"
        must_agree(op, sample, what, shared, False, "law")


def dtypes(op: Any, sample: Sample) -> None:
    """float32 in, float32 out, values and gradients; float64 likewise. A gradient is an array of
    its input's shape, also where NumPy has made a number of the incoming 0-d one."""

    def f(*floats: Any) -> Any:
        return [y * 2 for y in as_list(function(op, sample)(*floats))]

    sets_dtype = getattr(op, "sets_dtype", False)
    for dtype in (np.float32, np.float64):
        floats = [a.astype(dtype) for a in sample.floats]
        values, gradients = run(f, floats, random(sample, check.evaluate(f, floats)))
        for t in [*([] if sets_dtype else values), *gradients]:
            if t is not None:
                must_be(op, sample, "the dtype of a result", t.dtype, np.dtype(dtype))
                is_array = type(t.array) in NAMESPACES
                must_be(op, sample, "that a result is an array", is_array, True)
        for name, g, a in zip(gradient_names(op, sample), gradients, floats, strict=True):
            if g is not None:
                must_be(op, sample, f"the shape of {name}", tuple(g.shape), a.shape)
        if is_foreign(op):
            results, raw, _ = pulled(op, sample.with_floats(floats))
            for a in (*results, *raw):
                must_be(op, sample, "the dtype of a result", np.asarray(a).dtype, np.dtype(dtype))


def must_be(op: Op, sample: Sample, what: str, got: Any, want: Any) -> None:
    """Raise LawBroken if a property of a result is another than its argument's."""
    if got != want:
        raise LawBroken(op, sample, what, want, got, "its argument")
