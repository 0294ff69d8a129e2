"""Going back along the tape: a gradient is pulled through each node once, from the youngest to the oldest."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from minigrad import errors
from minigrad.array import NAMESPACES, XP, Array, Scattered
from minigrad.autograd import OPS, TENSORS, Node, Variable, mode, set_grad_enabled


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


def place(t: Variable) -> Any:
    """Where the gradient of t is collected: at a leaf itself, or at one value of a node."""
    return t if t.node is None else (t.node, t.index)


class Gradients:
    """The gradients on their way, each at its place.

    A sum made here is written to in place from then on; an array that came from a pullback may be shared with
    others, so it never is. With `graph` the gradients are Tensors and every sum is recorded.
    """

    def __init__(self, graph: bool):
        self.graph = graph
        self.at: dict[Any, Any] = {}
        self.own: set[Any] = set()

    def add(self, t: Variable, g: Any) -> None:
        where, data = place(t), t.data
        old = self.at.get(where)
        if type(g) is Scattered:
            if where in self.own:
                return g.add_to(old)
            g = g.dense(NAMESPACES[type(data)])  # g.g itself may be a number: NumPy makes one of 0-d arrays
            if old is None:
                self.own.add(where)
        if g.shape != data.shape:
            g = unbroadcast(TENSORS if self.graph else NAMESPACES[type(data)], g, data.shape)
        if g.dtype is not data.dtype:
            g = (TENSORS if self.graph else NAMESPACES[type(data)]).astype(g, data.dtype)
        if old is None:
            self.at[where] = g
        elif where in self.own:
            self.at[where] += g
        else:
            self.at[where] = old + g
            if not self.graph:
                self.own.add(where)

    def tensor(self, t: Variable) -> Any:
        """The gradient of t as a Tensor that shares its memory with nothing; None where none arrived."""
        g = self.at.get(place(t))
        if g is None or isinstance(g, Variable):
            return g if g is None else OPS["clone"](g)
        xp = NAMESPACES[type(t.data)]
        return Variable.kind(xp.asarray(g) if place(t) in self.own else xp.array(g))


def pull_back(
    outputs: Sequence[Variable], seeds: Sequence[Any], inputs: Sequence[Variable] | None, graph: bool, retain: bool
) -> Gradients:
    """The gradient of Σ seed · output at every leaf behind `outputs`, or at each of `inputs`.

    It keeps no state: what it returns is all it does, but for the nodes that it frees on the way.
    """
    oldest = min((t.node.birth if t.node else 0 for t in inputs), default=0) if inputs else 0
    order = tape(outputs, floor=oldest)
    wanted = {place(t) for t in inputs or ()}
    leads = {t if t.node is None else t.node for t in inputs or ()}  # the leaves and nodes on a way to `inputs`
    gradients, found = Gradients(graph), {}

    def needed(a: Any) -> bool:
        return isinstance(a, Variable) and a.requires_grad and (not leads or (a.node or a) in leads)

    if inputs is not None:
        for node in reversed(order):
            if any(map(needed, node.args)):
                leads.add(node)
    for t, seed in zip(outputs, seeds, strict=True):
        gradients.add(t, seed)
    with set_grad_enabled(graph):
        for node in order:
            for ref in node.retained.values():
                deposit(ref(), gradients)
            gs = [gradients.at.pop((node, i), None) for i in range(len(node.clocks))]
            if wanted:
                found.update({(node, i): g for i, g in enumerate(gs) if (node, i) in wanted})
            needs = [needed(a) for a in node.args]
            if True not in needs:
                continue
            if any([g is not None for g in gs]):
                for a, g in zip(node.args, pull_through(node, gs, needs, graph)):
                    if g is not None:
                        gradients.add(a, g)
            if not retain:
                node.args, node.pullback = (), None
    gradients.at.update(found)
    return gradients


def pull_through(node: Node, gs: list[Any], needs: list[bool], graph: bool) -> list[Any]:
    """The gradient of each argument of the node; None where none is needed, or none arrives."""
    read = [a.changed for a in node.args if isinstance(a, Variable)]
    for i, changed in enumerate(read + node.clocks):
        if changed[0] > node.birth:
            raise RuntimeError(errors.CHANGED.format(node.op.__name__, "argument" if i < len(read) else "value"))
    try:
        pullback = node.pullback
        if graph and node.op.composed:
            pullback = functools.partial(pull_composed, node)
        elif graph:
            pullback = node.op.rule(TENSORS, *node.args, **node.settings)[1]  # the same lines, now over Tensors
        if callable(pullback):
            seeds = tuple(gs) if node.several else gs[0]
            pulled = pullback(seeds, needs) if node.op.composed else pullback(seeds)
            pulled = [(g() if callable(g) else g) if need else None for g, need in zip(pulled, needs, strict=True)]
        else:
            pulled = [pull(gs[0]) if need else None for pull, need in zip(pullback, needs, strict=True)]
        if mode.watch:
            mode.watch.backward(node, gs, pulled)
        return pulled
    except Exception as error:
        error.add_note(f"while differentiating {node.op.__name__}{node.where}")
        raise


def pull_composed(node: Node, gs: Any, needs: list[bool]) -> list[Any]:
    """The gradients of a fused op with their graph, from its composition.

    Each argument enters under a name of its own, so that a path from one argument to another stays out.
    """
    args = [Variable.kind(a) if type(a) in NAMESPACES else a for a in node.args]
    args = [OPS["reshape"](a, a.shape) if need else a for a, need in zip(args, needs, strict=True)]
    value = node.op.composed(*args, **node.settings)
    pairs = zip(value, gs, strict=True) if node.several else [(value, gs)]
    outputs, seeds = zip(*[(y, g) for y, g in pairs if g is not None], strict=True)
    inputs = [a for a, need in zip(args, needs, strict=True) if need]
    found = iter(grad(outputs, inputs, seeds, create_graph=True, allow_unused=True))
    return [next(found) if need else None for need in needs]


def as_list(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def start(name: str, outputs: list[Any], seeds: Any, graph: bool) -> list[Any]:
    """The gradients to start from: those given, or 1 for a scalar."""
    seeds = [None] * len(outputs) if seeds is None else as_list(seeds)
    if len(seeds) != len(outputs):
        raise ValueError(f"{name}: {len(outputs)} outputs came with {len(seeds)} gradients; give one for each")
    for i, (y, seed) in enumerate(zip(outputs, seeds, strict=True)):
        if not y.requires_grad:
            raise RuntimeError(errors.NO_GRAPH.format(name, tuple(y.shape)))
        if seed is None and y.data.size != 1:
            raise RuntimeError(errors.NOT_SCALAR.format(name, tuple(y.shape)))
        xp = NAMESPACES[type(y.data)]
        g = xp.ones_like(y.data) if seed is None else seed.data if isinstance(seed, Variable) else xp.asarray(seed)
        if g.shape != y.data.shape:
            raise ValueError(errors.WRONG_SEED.format(name, tuple(g.shape), tuple(y.shape)))
        seeds[i] = (seed if isinstance(seed, Variable) else Variable.kind(g)) if graph else g
    return seeds


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None,
    retain_graph: bool | None = None, create_graph: bool = False, allow_unused: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
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
    for i, t in enumerate(inputs):
        if not t.requires_grad:
            raise RuntimeError(errors.NO_LEAF.format(i, tuple(t.shape)))
    seeds = start("grad", outputs, grad_outputs, create_graph)
    gradients = pull_back(outputs, seeds, inputs, create_graph, bool(retain_graph) or create_graph)
    found = tuple([gradients.tensor(t) for t in inputs])
    for i, (t, g) in enumerate(zip(inputs, found, strict=True)):
        if g is None and not allow_unused:
            raise RuntimeError(errors.NO_PATH.format(i, tuple(t.shape)))
    return found


def backward(outputs: Any, gradient: Any, retain_graph: bool | None, create_graph: bool, inputs: Any) -> None:
    """Add the gradient of `outputs` to the .grad of every leaf behind them, or of `inputs` alone."""
    outputs, inputs = as_list(outputs), None if inputs is None else as_list(inputs)
    seeds = start("backward", outputs, gradient, create_graph)
    gradients = pull_back(outputs, seeds, inputs, create_graph, bool(retain_graph) or create_graph)
    for t in [t for t in gradients.at if isinstance(t, Variable)] if inputs is None else inputs:
        deposit(t, gradients)


def deposit(t: Variable | None, gradients: Gradients) -> None:
    """Add what has arrived for t to its .grad."""
    if t is not None and (g := gradients.tensor(t)) is not None:
        t.grad = g if t.grad is None else t.grad + g
