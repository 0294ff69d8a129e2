"""Does the proof notice a small error? Each mutant of the rules runs over exact numbers.

A changed module is executed beside the true one, its ops registered nowhere. Where the change
touches an op, or a function that ops use, these ops are proved: a mutant is refuted where a
gradient is not the derivative of its own value, where a value is not that of the true rule, or
where it does not run. A word without a derivative is held to the true one on numbers in every
order, ties included. What is not refuted is the same function and gradient for all real numbers of
the cases: equivalent, or different only outside the proof, on what other tests look at.
"""

import ast
import functools
import importlib
import signal
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import permutations, product
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import numpy as np
from mutations import Mutant

import minigrad as mg
from minigrad import autograd
from minigrad.array import NUMPY
from minigrad.byhand.directions import both_directions
from minigrad.prove import exact, report, rules
from minigrad.prove.cases import BORDERS, CASES, has_case
from minigrad.prove.field import NoSquareRoot
from minigrad.prove.layers import BLOCKS, STATES, STEPS, prove_directions, prove_layer
from minigrad.prove.points import Unknown
from minigrad.prove.report import prove_at_a_point
from minigrad.prove.symbols import Symbols, is_zero
from minigrad.testing import laws

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 60  # of processor time for the proofs of one mutant
GRADIENT = "its gradient is not its derivative"
VALUE = "its value is not the rule's"
RAISES = "it does not run"
WORD = "another result on numbers in every order"
SAME = "the same for all real numbers"
UNDECIDED = "undecided"
LAYER_SIZES = ((4, 3, 1, 2), (3, 2, 2, 3), (1, 1, 1, 1))
STEP_SIZES = ((1, 2, 2, 3), (1, 3, 1, 2), (1, 1, 1, 1))
REFUTED = (GRADIENT, VALUE, RAISES, WORD)


class Changed:
    """The ops and the words without a derivative of a module's text, registered nowhere."""

    def __init__(self, module: str, text: str, replaced: dict[str, Any] | None = None):
        self.ops: dict[str, Any] = {}
        self.words: dict[str, Any] = {}
        self.module = types.ModuleType(module)
        vars(self.module)["__package__"] = module.rpartition(".")[0]
        patched = mock.patch.multiple(
            autograd, op=self.op, nondifferentiable=self.nondifferentiable
        )
        with patched, mock.patch.dict(sys.modules, replaced or {}):
            exec(compile(text, module, "exec"), vars(self.module))

    def op(self, rule: Any = None, **options: Any) -> Any:
        if rule is None:
            return functools.partial(self.op, **options)
        self.ops[rule.__name__] = autograd.differentiable(rule, autograd.Traits(**options))
        return self.ops[rule.__name__]

    def nondifferentiable(self, value: Any) -> Any:
        self.words[value.__name__] = value
        return value


def module_of(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


def users(file: str, function: str) -> set[str]:
    """The functions at the top of a file that use `function`, also by way of others; all where it
    is none of them."""
    tops = {
        node.name: {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
        for node in ast.parse((ROOT / file).read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    if function not in tops:
        return set(tops)
    found = {function}
    while True:
        more = {name for name, used in tops.items() if used & found} - found
        if not more:
            return found
        found |= more


def verdict(mutant: Mutant) -> str:
    """What the proof says of a mutant."""
    try:
        with limited(SECONDS):
            return judged(mutant)
    except TimeoutError:
        return UNDECIDED


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the block after some seconds."""

    def ring(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def judged(mutant: Mutant) -> str:
    if mutant.file.endswith("directions.py"):
        return judged_directions(mutant)
    try:
        ops, words = changed_ops(mutant)
    except TimeoutError:
        raise
    except Exception:
        return RAISES
    verdicts = [judged_word(name, word) for name, word in words.items()]
    verdicts += [judged_op(name, op) for name, op in ops.items() if len(verdicts) < 100]
    return next((v for v in verdicts if v != SAME), SAME)


def changed_ops(mutant: Mutant) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ops and words that a mutant touches."""
    name = module_of(mutant.file)
    changed = Changed(name, mutant.source)
    if name.endswith("sequence"):
        found = {}
        for layer in BLOCKS:
            file = ROOT / "minigrad" / "byhand" / f"{layer}.py"
            text = file.read_text("utf-8")
            found |= Changed(
                module_of(f"minigrad/byhand/{layer}.py"), text, {name: changed.module}
            ).ops
        return found, {}
    touched = users(mutant.file, mutant.function)
    ops = {word: op for word, op in changed.ops.items() if word in touched}
    words = {word: value for word, value in changed.words.items() if word in touched}
    if not ops and not words:  # a composition, which its op names
        ops = dict(changed.ops)
    return ops, words


def raised(error: Exception) -> str:
    """The verdict where a mutant raises: undecided where it is the proof that knows no more."""
    is_limit = isinstance(error, NotImplementedError | NoSquareRoot | Unknown)
    return UNDECIDED if is_limit or "the sample point lies" in str(error) else RAISES


# Ops over symbols


def judged_op(name: str, op: Any) -> str:
    if name in BLOCKS:
        return judged_layer(name, op)
    if name in STEPS:
        return judged_step(name, op)
    if not has_case(name):
        return SAME
    for case in CASES[name]:
        found = judged_case(name, op, case)
        if found != SAME:
            return found
    for case in BORDERS.get(name, []):
        found = judged_case(name, op, case, rules.prove_border)
        if found != SAME:
            return found
    return SAME


def judged_case(name: str, op: Any, case: Any, prove: Any = rules.prove_case) -> str:
    """One case of an op: the derivative, the value, and that of its composition."""
    proof = rules.Proof(name)
    try:
        if prove is rules.prove_case and not same_values(name, op, case):
            return VALUE
        prove(op.rule, case, proof)
    except TimeoutError:
        raise
    except Exception as error:
        return raised(error)
    return GRADIENT if proof.open else SAME


def same_values(name: str, op: Any, case: Any) -> bool:
    """Whether the values are those of the true rule, and of the op's composition."""
    symbols = Symbols()
    with rules.arithmetic(symbols):
        args, settings = case(symbols)
        value, _ = op.rule(exact.XP, *args, **settings)
        true, _ = mg.OPS[name].rule(exact.XP, *args, **settings)
        if not same_results(value, true):
            return False
        if not op.composed:
            return True
        given = {key: rules.as_exact(setting) for key, setting in settings.items()}
        tensors = [rules.as_constant(a) for a in args]
        tensors = [mg.Tensor(a) if rules.is_variable(a) else a for a in tensors]
        composed = op.composed(*tensors, **given)
        parts = composed if isinstance(composed, tuple) else (composed,)
        return same_results(tuple([t.array for t in parts]), true)


def same_results(a: Any, b: Any) -> bool:
    """Whether two values, or tuples of them, are the same for all values of their symbols."""
    ours = a if isinstance(a, tuple) else (a,)
    theirs = b if isinstance(b, tuple) else (b,)
    if len(ours) != len(theirs):
        return False
    for y, z in zip(map(exact.exact, ours), map(exact.exact, theirs), strict=True):
        if y.shape != z.shape or not all(is_zero(y[i] - z[i]) for i in np.ndindex(*y.shape)):
            return False
    return True


# Recurrent layers at points of the field


def judged_layer(name: str, op: Any) -> str:
    """A recurrent layer by hand, in each of its settings."""
    for size in LAYER_SIZES:
        for settings in variants(name, size):
            found = judged_run(prove_layer, name, "mutant", op.rule, size, seed=3, **settings)
            if found != SAME:
                return found
    return SAME


def judged_step(name: str, op: Any) -> str:
    """A cell by hand, with and without biases; an RNN's with relu, too, for both signs."""
    settings: list[dict[str, Any]] = [{}, {"bias": False}]
    if name == "rnn_cell":
        settings += [{"nonlinearity": "relu", "signs": [sign] * 6} for sign in (1, -1)]
    for size in STEP_SIZES:
        for given in settings:
            found = judged_run(prove_at_a_point, name, "mutant", op.rule, size, 3, given)
            if found != SAME:
                return found
    return SAME


def judged_run(prove: Callable[..., Any], *args: Any, **settings: Any) -> str:
    """One layer in one of its settings."""
    try:
        proof = prove(*args, **settings)
    except TimeoutError:
        raise
    except Exception as error:
        return raised(error)
    if any("composition" in why for why in proof.open):
        return VALUE
    return GRADIENT if proof.open else SAME


def judged_directions(mutant: Mutant) -> str:
    """A change of both directions, under each layer in each of its settings."""
    try:
        both = vars(Changed(module_of(mutant.file), mutant.source).module)["both_directions"]
    except Exception:
        return RAISES
    for name in BLOCKS:
        for size in LAYER_SIZES:
            for settings in report.variants(name, size):
                if "reverse" in settings:
                    continue
                found = judged_run(prove_directions, name, size, seed=3, both=both, **settings)
                if found != SAME:
                    return found
    return SAME


def variants(name: str, size: Any) -> Iterator[dict[str, Any]]:
    """The settings of a layer; with relu both signs."""
    yield from report.variants(name, size)
    if name == "rnn":
        for sign in (1, -1):
            yield {"nonlinearity": "relu", "signs": [sign] * 2}


# Words without a derivative


def judged_word(name: str, value: Callable[..., Any]) -> str:
    """A word on numbers in every order, beside the true one."""
    true = getattr(importlib.import_module(module_of_word(name)), name).rule
    for args, settings in calls_of(name):
        want, _ = true(NUMPY, *args, **settings)
        try:
            got = value(NUMPY, *args, **settings)
        except TimeoutError:
            raise
        except Exception:
            return RAISES
        same = np.shape(got) == np.shape(want) and np.array_equal(got, want)
        if not same or np.asarray(got).dtype != np.asarray(want).dtype:
            return WORD
    return SAME


def module_of_word(name: str) -> str:
    return autograd.NONDIFFERENTIABLE[name].rule.__wrapped__.__module__


def calls_of(name: str) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Calls of a word: pairs of numbers in every order, with NaN; bits; arrays in every order."""
    word = autograd.NONDIFFERENTIABLE[name]
    numbers = np.array([-1.0, 0.0, 1.0, np.inf, -np.inf, np.nan])
    bits = np.array([False, True])
    if "dim" in word.keywords:
        for values in {*permutations((0.0, 1.0, 2.0)), *product((0.0, 1.0), repeat=3)}:
            x = np.array([values, values[::-1]])
            yield [x], {}
            yield [np.array(values)], {"keepdim": True}
            if name in ("any", "all"):
                for several in ([0], (0, 1), (-1,), ()):
                    yield [x], {"dim": several}
                yield [np.array(values[0])], {"dim": (0,)}
                yield [x.astype(np.uint8)], {"dim": 1}
            for dim, keepdim in product((0, 1, -1), (False, True)):
                yield [x], {"dim": dim, "keepdim": keepdim}
    elif name.startswith(("logical", "bitwise")):
        for a in (bits, np.array([0, 1, 2, 3])):
            yield ([a[:, None], a[None, :]] if word.arity == 2 else [a]), {}
    elif word.arity == 2:
        yield [numbers[:, None], numbers[None, :]], {}
    else:
        yield [numbers], {}


# Over floats


def differs_on_floats(mutant: Mutant, samples: int = 100) -> str:
    """Where the ops that a mutant touches give other numbers than the true ones on drawn samples;
    "" where nothing differs, to rounding."""
    from samples import TABLE

    if mutant.file.endswith("directions.py"):
        return differing_directions(mutant)
    ops, words = changed_ops(mutant)
    assert not words, f"{mutant.name}: a word without a derivative is held to its numbers above"
    for name, op in ops.items():
        row = TABLE.get(name)
        for strategy in dict.fromkeys([row.all, row.smooth, row.kinks] if row else []):
            if strategy is not None:
                found = first_difference(mg.OPS[name], op, strategy, samples)
                if found:
                    return f"{name}{found}"
    return ""


def first_difference(true: Any, changed: Any, strategy: Any, samples: int) -> str:
    """The first drawn sample on which two ops differ, in value or gradients; "" where none does."""
    found: list[str] = []

    @hypothesis.settings(
        max_examples=samples,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy)
    def compare(sample: Any) -> None:
        single = sample.with_floats([a.astype(np.float32) for a in sample.floats])
        for given in (sample, single):
            if not found and not agree(outcome(true, given), outcome(changed, given)):
                found.append(repr(given))

    compare()
    return "".join(found)


def outcome(op: Any, sample: Any) -> Any:
    """The values and gradients of a call as arrays, or what it raises."""
    f = laws.function(op, sample)
    try:
        with np.errstate(all="ignore"):
            values = laws.as_list(f(*[mg.Tensor(a) for a in sample.floats]))
            cotangents = laws.random(sample, values)
            values, gradients = laws.run(f, sample.floats, cotangents)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return [laws.numbers(t) for t in [*values, *gradients]]


def agree(a: Any, b: Any) -> bool:
    """Whether two outcomes are the same to rounding, with their dtypes, NaN and infinity."""
    if isinstance(a, str) or isinstance(b, str):
        return bool(a == b) if type(a) is type(b) else False
    for x, y in zip(a, b, strict=True):
        if (x is None) != (y is None):
            return False
        if x is not None:
            tolerance = 1e-12 if x.dtype == np.float64 else 1e-5
            near = np.allclose(x, y, rtol=tolerance, atol=tolerance, equal_nan=True)
            if x.dtype != y.dtype or x.shape != y.shape or not near:
                return False
    return True


def differing_directions(mutant: Mutant) -> str:
    """Where a change of both directions gives other numbers; "" where it does not."""
    both = vars(Changed(module_of(mutant.file), mutant.source).module)["both_directions"]
    for name, dtype in product(BLOCKS, (mg.float32, mg.float64)):
        for options in ({}, {"lengths": [1, 4, 0]}):
            mg.manual_seed(1)
            x, halves = mg.randn(4, 3, 2, dtype=dtype), []
            for _ in range(2):
                rows = BLOCKS[name] * 2
                shapes = [(3, 2)] * STATES[name] + [(rows, 2), (rows, 2), (rows,), (rows,)]
                halves.append([mg.randn(*shape, dtype=dtype) for shape in shapes])
            leaves = [t.requires_grad_() for t in [x, *halves[0], *halves[1]]]
            results = []
            for run in (both_directions, both):
                hs, last, last_reverse = run(mg.OPS[name], x, *halves, **options)
                values = [hs, *last, *last_reverse]
                gradients = mg.grad(values, leaves, [mg.cos(y.detach()) for y in values])
                results.append([t.detach().array for t in [*values, *gradients]])
            if not agree(*results):
                return f"{name}, {dtype}, {options}"
    return ""
