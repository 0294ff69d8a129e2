"""The tape: what was computed, and how a gradient is pulled back through it.

A *rule* is a plain function over a namespace `xp`: `(xp, *arrays, **settings) -> value, pullback`.

    @op
    def tanh(xp, x):
        y = xp.tanh(x)
        return y, (lambda g: g * (1 - y * y),)

`@op` makes a function of Tensors from it. With xp = NumPy or CuPy the rule computes, and its pullback maps a
gradient of y to a gradient of x, both raw arrays: the first derivative makes no Tensor. Where the gradient itself
is to be differentiated, the rule is replayed with xp = `TENSORS`, the same words over Tensors, and the same lines
build the graph of the gradient. So every order of derivative comes from one formula.

The pullback is a tuple of functions, one for each array; or one function that returns a gradient for each array
(None: there is none; a function: call it only if that gradient is wanted); a fused op's is told which are wanted.
A rule with several values gets a tuple of gradients, None for a value that was not used.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import ContextDecorator
from typing import Any

from minigrad import errors
from minigrad.array import NAMESPACES, NUMPY, XP, Array, float64, get_default_dtype

Rule = tuple[Any, Any]  # what a rule returns: its value (or a tuple of them) and its pullback
Op = Any  # a rule made a function of Tensors; it has the attributes `rule`, `composed` and `arity`

OPS: dict[str, Op] = {}  # every op by its name: the tests walk it, so that none goes unchecked
clock = itertools.count(1)  # ticks at every op that is recorded and at every change in place


class Mode(threading.local):
    """What the engine does beside computing; each thread has its own."""

    recording = True
    watch: Any = None  # an observer of every node, value and gradient: see recording.py


mode = Mode()


class set_grad_enabled(ContextDecorator):
    """Switch recording on or off: at once; within a `with` block or a decorated function only there."""

    def __init__(self, on: bool, at_once: bool = True):
        self.on, self.at_once, self.before = on, at_once, [mode.recording]
        mode.recording = on if at_once else mode.recording

    def __call__(self, function: Any) -> Any:
        mode.recording = self.before[0] if self.at_once else mode.recording  # it is switched when the function runs
        return super().__call__(function)

    def _recreate_cm(self) -> set_grad_enabled:
        return set_grad_enabled(self.on)  # so that threads inside one decorated function keep apart

    def __enter__(self) -> None:
        self.before.append(self.before[0] if self.at_once else mode.recording)
        mode.recording, self.at_once = self.on, False

    def __exit__(self, *exception: object) -> None:
        mode.recording = self.before.pop()


no_grad = functools.partial(set_grad_enabled, False, at_once=False)
enable_grad = functools.partial(set_grad_enabled, True, at_once=False)


def is_grad_enabled() -> bool:
    return mode.recording


class Variable:
    """What the engine knows of a tensor: a value, and its place in the graph. Tensor adds the arithmetic."""

    requires_grad: bool = False
    grad: Any = None
    node: Node | None = None  # the op that made it; None for a leaf
    index: int = 0  # which of that op's values it is
    kind: Any  # the class of what ops return: tensor.py puts Tensor here

    def __init__(self, data: Array):
        self.data = data
        self.changed = [0]  # when the array was last written to; shared with every view of it

    shape = property(lambda self: self.data.shape)


class Node:
    """One application of an op."""

    __slots__ = ("op", "args", "settings", "pullback", "several", "clocks", "birth", "retained", "where")

    def __init__(self, op: Op, args: tuple[Any, ...], settings: dict[str, Any], pullback: Any, several: bool):
        self.op, self.args, self.settings, self.pullback = op, args, settings, pullback
        self.several = several  # whether the rule gives a tuple of values
        self.clocks: list[list[int]] = []  # when each value was last written to
        self.birth = next(clock)
        self.retained: dict[int, weakref.ref[Variable]] = {}  # values that want their own .grad
        self.where: Any = ""  # the caller's line and the module, known while a Recording is on


class Vocabulary:
    """`xp` over Tensors: each word of a rule is the op of that name."""

    def __getattr__(self, word: str) -> Any:
        if word not in OPS and word not in PLAIN:
            raise AttributeError(f"{word!r} is no op: a rule that uses it cannot be differentiated twice")
        return OPS.get(word) or PLAIN[word]


TENSORS = Vocabulary()
PLAIN: dict[str, Callable[..., Any]] = {}  # the words that have no derivative: comparisons, zeros ...


def op(rule: Any = None, *, composed: Any = None) -> Callable[..., Any]:
    """Make a function of Tensors from a rule, and register it under the rule's name.

    Positional parameters of the rule are arrays, keyword-only ones are settings; the op takes settings also by
    position, after the arrays, and NumPy's `axis`, `keepdims` for `dim`, `keepdim`.

    composed: the same function written with other ops, for a rule that works in place by hand. It is what the op
    means: the engine differentiates it when a graph of the gradient is asked for, and the tests compare the two.
    """
    if rule is None:
        return functools.partial(op, composed=composed)
    parameters = list(inspect.signature(rule).parameters.values())[1:]
    words = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    arity = sys.maxsize if variadic else len(parameters) - len(words)
    name = rule.__name__

    @functools.wraps(rule)
    def apply(*args: Any, **settings: Any) -> Any:
        if settings or len(args) != arity:
            args, settings = sort_out(apply, args, settings)
        arrays = [a.data if isinstance(a, Variable) else errors.admit(name, a) for a in args]
        xp = NAMESPACES.get(type(arrays[0])) or next(filter(None, map(NAMESPACES.get, map(type, arrays))), NUMPY)
        try:
            value, pullback = rule(xp, *arrays, **settings)
        except (ValueError, IndexError, TypeError, AttributeError) as error:
            raise errors.explain(name, arrays, settings, error) from error
        several = type(value) is tuple
        outs = [wrap(v, xp, arrays, args, "dtype" in settings) for v in (value if several else (value,))]
        if pullback and mode.recording and any([isinstance(a, Variable) and a.requires_grad for a in args]):
            node = Node(apply, args, settings, pullback, several)
            for i, out in enumerate(outs):
                node.clocks.append(out.changed)
                if out.data.dtype.kind in "fc":
                    out.node, out.index, out.requires_grad = node, i, True
            if mode.watch:
                mode.watch.made(node)
        if mode.watch:
            mode.watch.forward(apply, arrays, settings, [out.data for out in outs])
        return tuple(outs) if several else outs[0]

    vars(apply).update(rule=rule, composed=composed, arity=arity, words=words)
    OPS[name] = apply
    return apply


def plain(name: str, value: Any) -> Any:
    """A function of Tensors that has a value and no derivative."""

    @functools.wraps(value)
    def rule(xp: XP, *arrays: Array, **settings: Any) -> Rule:
        return value(xp, *arrays, **settings), None

    rule.__name__ = name
    op(rule)
    return PLAIN.setdefault(name, OPS.pop(name))


def sort_out(op: Op, args: tuple[Any, ...], settings: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arrays and the settings of a call, whichever way they were written."""
    settings = {key: value.data if isinstance(value, Variable) else value for key, value in settings.items()}
    if len(args) == op.arity and settings.keys() <= set(op.words):
        return args, settings
    settings = {{"axis": "dim", "keepdims": "keepdim"}.get(key, key): value for key, value in settings.items()}
    if args and isinstance(args[0], (list, tuple)) and op.arity == sys.maxsize:
        arrays, extra = tuple(args[0]), args[1:]  # cat([a, b], 1)
    else:
        arrays, extra = args[: op.arity], args[op.arity :]
    if not arrays or len(extra) > len(op.words) or any(word in settings for word in op.words[: len(extra)]):
        raise TypeError(f"{errors.signature(op)}: called with {len(args)} positional arguments")
    return arrays, settings | {word: x.data if isinstance(x, Variable) else x for word, x in zip(op.words, extra)}


def wrap(value: Any, xp: XP, arrays: Sequence[Any], args: Sequence[Any], asked: bool) -> Variable:
    """A rule's value as a Tensor that knows whose memory it shares, no wider than what came in or was asked for."""
    if type(value) not in NAMESPACES:
        value = xp.asarray(value)  # NumPy's reductions return scalars
    if value.dtype is float64 and not asked and not any([getattr(a, "dtype", None) is float64 for a in arrays]):
        floats = [a.dtype for a in arrays if hasattr(a, "dtype") and a.dtype.kind == "f"]
        value = xp.astype(value, floats[0] if floats else get_default_dtype())  # NumPy widens where integers take part
    out = Variable.kind(value)
    if value.base is not None:
        for a in args:
            if isinstance(a, Variable) and (value.base is a.data or value.base is a.data.base):
                out.changed = a.changed
    return out
