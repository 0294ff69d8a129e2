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
(None: there is none; a function: call it only if that gradient is wanted). A rule with several values gets a tuple
of gradients, None for a value that was not used.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ContextDecorator
from typing import Any

from minigrad import errors
from minigrad.array import NAMESPACES, NUMPY, XP, Array, Scattered, float64, get_default_dtype

Rule = tuple[Any, Any]  # what a rule returns: its value (or a tuple of them) and its pullback
Op = Any  # a rule made a function of Tensors; it has the attributes `rule`, `composed` and `arity`

OPS: dict[str, Op] = {}  # every op by its name: the tests walk it, so that none goes unchecked
clock = itertools.count(1)  # ticks at every op that is recorded and at every change in place


class Mode(threading.local):
    """What the engine does beside computing; each thread has its own."""

    recording = True
    watch: Any = None  # an observer of every value and gradient: see anomaly.py


mode = Mode()


class set_grad_enabled(ContextDecorator):
    """Switch recording on or off, in a `with` block or for a decorated function."""

    def __init__(self, on: bool):
        self.on, self.before = on, [mode.recording]

    def __enter__(self) -> None:
        self.before.append(mode.recording)
        mode.recording = self.on

    def __exit__(self, *exception: object) -> None:
        mode.recording = self.before.pop()


no_grad = functools.partial(set_grad_enabled, False)
enable_grad = functools.partial(set_grad_enabled, True)


def is_grad_enabled() -> bool:
    return mode.recording


class Variable:
    """What the engine knows of a tensor: a value, and its place in the graph. Tensor adds the arithmetic."""

    requires_grad: bool = False
    grad: Any = None
    node: Node | None = None  # the op that made it; None for a leaf
    index: int = 0  # which of that op's values it is

    def __init__(self, data: Array):
        self.data = data
        self.changed = [0]  # when the array was last written to; shared with every view of it

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape


class Node:
    """One application of an op."""

    __slots__ = ("op", "args", "settings", "pullback", "width", "several", "birth", "retained", "where")

    def __init__(
        self, op: Op, args: tuple[Any, ...], settings: dict[str, Any], pullback: Any, width: int, several: bool
    ):
        self.op, self.args, self.settings, self.pullback = op, args, settings, pullback
        self.width, self.several, self.birth = width, several, next(clock)
        self.retained: dict[int, weakref.ref[Variable]] = {}  # values that want their own .grad
        self.where = ""  # the caller's line, known under detect_anomaly


class Vocabulary:
    """`xp` over Tensors: each word of a rule is the op of that name."""

    def __getattr__(self, word: str) -> Any:
        if word not in OPS and word not in PLAIN:
            raise AttributeError(f"{word!r} is no op: a rule that uses it cannot be differentiated twice")
        return OPS.get(word) or PLAIN[word]


TENSORS = Vocabulary()
PLAIN: dict[str, Callable[..., Any]] = {}  # the words that have no derivative: comparisons, zeros ...
_tensor: type[Variable] = Variable  # what ops return: tensor.py puts Tensor here


def tensor_class(cls: Any) -> Any:
    """Class decorator: ops return `cls`."""
    global _tensor
    _tensor = cls
    return cls


def op(rule: Any = None, *, composed: Any = None) -> Any:
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
    arity = 10**9 if variadic else len(parameters) - len(words)
    name = rule.__name__

    @functools.wraps(rule)
    def apply(*args: Any, **settings: Any) -> Any:
        if settings or len(args) != arity:
            args, settings = sort_out(apply, args, settings)
        arrays = [a.data if isinstance(a, Variable) else errors.admit(name, a) for a in args]
        xp = NAMESPACES.get(type(arrays[0])) or next(
            (NAMESPACES[t] for t in map(type, arrays) if t in NAMESPACES), NUMPY
        )
        try:
            value, pullback = rule(xp, *arrays, **settings)
        except (ValueError, IndexError, TypeError) as error:
            raise errors.explain(name, arrays, settings, error) from error
        several = type(value) is tuple
        outs = [_tensor(v if type(v) in NAMESPACES else xp.asarray(v)) for v in (value if several else (value,))]
        for out in outs:
            if out.data.dtype == float64 and not any(getattr(a, "dtype", None) == float64 for a in arrays):
                out.data = xp.astype(
                    out.data, common_float(arrays)
                )  # NumPy goes to float64 where an integer takes part
            if out.data.base is not None:
                share_clock(out, args)
        if pullback is not None and mode.recording and any([isinstance(a, Variable) and a.requires_grad for a in args]):
            node = Node(apply, args, settings, pullback, len(outs), several)
            for i, out in enumerate(outs):
                if out.data.dtype.kind in "fc":
                    out.node, out.index, out.requires_grad = node, i, True
            if mode.watch:
                mode.watch.made(node)
        if mode.watch:
            mode.watch.forward(name, arrays, [out.data for out in outs])
        return tuple(outs) if several else outs[0]

    apply.rule, apply.composed, apply.arity, apply.words = rule, composed, arity, words  # type: ignore[attr-defined]
    OPS[name] = apply
    return apply


def plain(rule: Any) -> Any:
    """Make a function of Tensors from a rule that has a value and no derivative."""

    @functools.wraps(rule)
    def valued(xp: XP, *arrays: Array, **settings: Any) -> Rule:
        return rule(xp, *arrays, **settings), None

    PLAIN[rule.__name__] = op(valued)
    del OPS[rule.__name__]
    return PLAIN[rule.__name__]


def sort_out(op: Op, args: tuple[Any, ...], settings: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arrays and the settings of a call, whichever way they were written."""
    names = {"axis": "dim", "keepdims": "keepdim"}
    settings = {names.get(key, key): value for key, value in settings.items()}
    extra = args[op.arity :]
    if len(extra) > len(op.words) or any(word in settings for word in op.words[: len(extra)]):
        raise TypeError(f"{op.__name__}: {len(args)} positional arguments are too many; it is {signature(op)}")
    settings.update(zip(op.words, extra, strict=False))
    return args[: op.arity], settings


def signature(op: Op) -> str:
    """How the op is called, as a reader would write it."""
    parameters = str(inspect.signature(op.rule)).partition(" -> ")[0].split(", ")[1:]
    return f"{op.__name__}({', '.join(p.split(':')[0].split('=')[0] for p in parameters if p != '*')}".rstrip(")") + ")"


def common_float(arrays: Sequence[Array]) -> Any:
    """The floating dtype among `arrays`; the default where there is none."""
    return next((a.dtype for a in arrays if hasattr(a, "dtype") and a.dtype.kind in "fc"), get_default_dtype())


def share_clock(out: Variable, args: tuple[Any, ...]) -> None:
    """A view shares its base's memory, and so its record of changes in place."""
    for a in args:
        if isinstance(a, Variable) and (out.data.base is a.data or out.data.base is a.data.base):
            out.changed = a.changed


def tape(outputs: Sequence[Variable], floor: int = 0) -> list[Node]:
    """Every node behind `outputs` that is not older than `floor`, youngest first.

    A node is born after the nodes that made its inputs. So falling birth is a topological order: when a node's
    turn comes, every gradient that reaches it has been added up. No recursion, each node once.
    """
    seen: set[Node] = set()
    stack = [t.node for t in outputs if t.node is not None]
    while stack:
        node = stack.pop()
        if node not in seen and node.birth >= floor:
            if node.pullback is None:
                raise RuntimeError(errors.FREED.format(node.op.__name__))
            seen.add(node)
            stack += [a.node for a in node.args if isinstance(a, Variable) and a.node is not None]
    return sorted(seen, key=lambda node: node.birth, reverse=True)


def unbroadcast(xp: XP, g: Array, shape: tuple[int, ...]) -> Array:
    """Bring `g` back to `shape`: the adjoint of repeating is summing."""
    lead = len(g.shape) - len(shape)
    if lead < 0 or any(n != m and n != 1 for n, m in zip(shape, g.shape[lead:], strict=True)):
        raise AssertionError(f"a gradient of shape {tuple(g.shape)} is no broadcast of an input of shape {shape}")
    stretched = tuple(lead + i for i, n in enumerate(shape) if n == 1 and g.shape[lead + i] != 1)
    return xp.reshape(xp.sum(g, axis=tuple(range(lead)) + stretched), shape)


class Gradients:
    """The gradients on their way, by the place they belong to: a leaf, or one value of a node.

    A sum made here is written to in place from then on; an array that came from a pullback may be shared with
    others, so it never is. With `graph` the gradients are Tensors and every sum is recorded.
    """

    def __init__(self, graph: bool):
        self.graph = graph
        self.at: dict[Any, Any] = {}
        self.own: set[Any] = set()

    def add(self, t: Variable, g: Any) -> None:
        place = t if t.node is None else (t.node, t.index)
        old = self.at.get(place)
        if type(g) is Scattered:
            if place in self.own:
                return g.add_to(old)
            g = g.dense()
            if old is None:
                self.own.add(place)
        data = t.data
        if g.shape != data.shape:
            g = unbroadcast(TENSORS if self.graph else NAMESPACES[type(data)], g, data.shape)
        if g.dtype is not data.dtype:
            g = (TENSORS if self.graph else NAMESPACES[type(data)]).astype(g, data.dtype)
        if old is None:
            self.at[place] = g
        elif place in self.own:
            self.at[place] += g
        else:
            self.at[place] = old + g
            if not self.graph:
                self.own.add(place)


def pull_back(
    outputs: Sequence[Variable],
    seeds: Sequence[Any],
    inputs: Sequence[Variable] | None = None,
    create_graph: bool = False,
    retain_graph: bool = False,
) -> Gradients:
    """The gradient of sum(seed · output) at every leaf behind `outputs`, or at each of `inputs` alone.

    It keeps no state: what it returns is all it does. Nodes that no longer serve are freed on the way.
    """
    floor = min((t.node.birth if t.node else 0 for t in inputs), default=0) if inputs else 0
    order = tape(outputs, floor)
    wanted = reach = None
    if inputs is not None:
        wanted = {(t.node, t.index) for t in inputs if t.node is not None}
        reach = {key(t) for t in inputs}
        for node in reversed(order):
            if any(key(a) in reach for a in node.args if isinstance(a, Variable) and a.requires_grad):
                reach.add(node)
    gradients, kept = Gradients(create_graph), {}
    for t, seed in zip(outputs, seeds, strict=True):
        gradients.add(t, seed)
    with set_grad_enabled(create_graph):
        for node in order:
            gs = [gradients.at.pop((node, i), None) for i in range(node.width)]
            if wanted:
                kept.update({(node, i): g for i, g in enumerate(gs) if (node, i) in wanted})
            for i, ref in node.retained.items():
                if gs[i] is not None and (t := ref()) is not None:
                    deposit(t, gs[i], False)
            needs = [
                isinstance(a, Variable) and a.requires_grad and (reach is None or key(a) in reach) for a in node.args
            ]
            if any([g is not None for g in gs]) and any(needs):
                check_unchanged(node)
                try:
                    for a, g in pull_through(node, gs, needs, create_graph):
                        gradients.add(a, g)
                except Exception as error:
                    error.add_note(f"while differentiating {node.op.__name__}{node.where}")
                    raise
            if not (retain_graph or create_graph):
                node.args, node.pullback = (), None
    gradients.at.update(kept)
    return gradients


def key(t: Variable) -> Any:
    return t if t.node is None else t.node


def check_unchanged(node: Node) -> None:
    """A pullback relies on the arrays that its op saw: refuse where one was written to since."""
    for i, a in enumerate(node.args):
        if isinstance(a, Variable) and a.changed[0] > node.birth:
            raise RuntimeError(errors.CHANGED.format(node.op.__name__, i, tuple(a.shape)))


def pull_through(node: Node, gs: list[Any], needs: list[bool], graph: bool) -> Iterator[tuple[Variable, Any]]:
    """Each argument that needs a gradient, with its gradient."""
    pullback = node.pullback
    if graph and node.op.composed:
        pullback = functools.partial(pull_composed, node, needs)
    elif graph:
        pullback = node.op.rule(TENSORS, *node.args, **node.settings)[1]  # the same lines, now over Tensors
    if type(pullback) is tuple:
        for a, need, pull in zip(node.args, needs, pullback, strict=True):
            if need:
                g = pull(gs[0])
                if mode.watch:
                    mode.watch.backward(node, g)
                yield a, g
    else:
        for a, need, g in zip(node.args, needs, pullback(tuple(gs) if node.several else gs[0]), strict=True):
            if need and g is not None:
                g = g() if callable(g) else g
                if mode.watch:
                    mode.watch.backward(node, g)
                yield a, g


def pull_composed(node: Node, needs: list[bool], gs: Any) -> list[Any]:
    """The gradients of a fused op with their graph, from its composition.

    Each argument enters under a name of its own, so that a path from one argument to another stays out.
    """
    args = [OPS["reshape"](a, a.shape) if need else a for a, need in zip(node.args, needs, strict=True)]
    value = node.op.composed(*args, **node.settings)
    used = [(y, g) for y, g in zip(value, gs, strict=True) if g is not None] if node.several else [(value, gs)]
    outputs, seeds = zip(*used, strict=True)
    inputs = [a for a, need in zip(args, needs, strict=True) if need]
    found = iter(grad(outputs, inputs, seeds, create_graph=True, allow_unused=True))
    return [next(found) if need else None for need in needs]


def deposit(t: Variable, g: Any, own: bool) -> None:
    """Add `g` to t.grad, as an array that shares its memory with nothing."""
    if not isinstance(g, Variable):
        g = _tensor(g if own else g.copy()) if t.grad is None else _tensor(t.grad.data + g)
        if type(g.data) is not type(t.data):
            g.data = NAMESPACES[type(t.data)].asarray(g.data)
        t.grad = g
    else:
        t.grad = OPS["clone"](g) if t.grad is None else t.grad + g


def seeds_for(name: str, outputs: Sequence[Variable], seeds: Sequence[Any] | None, graph: bool) -> list[Any]:
    """The gradients to start from: those given, or 1 for a scalar."""
    given: Sequence[Any] = [None] * len(outputs) if seeds is None else seeds
    if len(given) != len(outputs):
        raise ValueError(f"{name}: {len(outputs)} outputs came with {len(given)} gradients; give one for each")
    ready: list[Any] = []
    for y, seed in zip(outputs, given, strict=True):
        if not y.requires_grad:
            raise RuntimeError(errors.NO_GRAPH.format(name, tuple(y.shape)))
        if seed is None:
            if y.data.size != 1:
                raise RuntimeError(errors.NOT_SCALAR.format(name, tuple(y.shape)))
            seed = _tensor(NAMESPACES[type(y.data)].ones_like(y.data))
        if tuple(seed.shape) != tuple(y.shape):
            raise ValueError(
                f"{name}: a gradient of shape {tuple(seed.shape)} came for an output of shape {tuple(y.shape)}"
            )
        data = seed.data if isinstance(seed, Variable) else NAMESPACES[type(y.data)].asarray(seed)
        ready.append((seed if isinstance(seed, Variable) else _tensor(data)) if graph else data)
    return ready


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to each of `inputs`; no .grad is touched.

    outputs, inputs: a Tensor or a sequence of them; grad_outputs: the weight of each output, of its shape (1 for a
    scalar). create_graph=True makes the result differentiable in turn. Returns a tuple with the shape of each input,
    None where there is no path and `allow_unused`. Raises RuntimeError where there is no path or no graph.

    >>> import minigrad as mg
    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> (slope,) = mg.grad(x**3, x, create_graph=True)
    >>> slope.item(), mg.grad(slope, x)[0].item()
    (27.0, 18.0)
    """
    outputs, inputs = as_list(outputs), as_list(inputs)
    seeds = seeds_for("grad", outputs, None if grad_outputs is None else as_list(grad_outputs), create_graph)
    for i, t in enumerate(inputs):
        if not t.requires_grad:
            raise RuntimeError(
                f"grad: input {i} of shape {tuple(t.shape)} does not require a gradient; "
                "set requires_grad=True before it is used"
            )
    found = pull_back(outputs, seeds, inputs, create_graph, bool(retain_graph))
    results = []
    for i, t in enumerate(inputs):
        g = found.at.get(t if t.node is None else (t.node, t.index))
        if g is None and not allow_unused:
            raise RuntimeError(
                f"grad: no path leads from the outputs to input {i} of shape {tuple(t.shape)}; "
                "pass allow_unused=True to get None for it"
            )
        results.append(
            g if g is None or isinstance(g, Variable) else _tensor(NAMESPACES[type(t.data)].asarray(g).copy())
        )
    return tuple(results)


def backward(
    outputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradient of `outputs` to the .grad of every leaf behind them (or of `inputs` alone)."""
    outputs = as_list(outputs)
    seeds = seeds_for("backward", outputs, None if grad_outputs is None else as_list(grad_outputs), create_graph)
    chosen = None if inputs is None else as_list(inputs)
    found = pull_back(outputs, seeds, chosen, create_graph, bool(retain_graph))
    for place, g in found.at.items():
        if isinstance(place, Variable) and (chosen is None or any(place is t for t in chosen)):
            deposit(place, g, place in found.own)


def as_list(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, Variable) or not isinstance(tensors, Sequence) else list(tensors)
