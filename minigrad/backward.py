"""The backward pass: each node is visited once, from the youngest to the oldest.

`route` says which nodes are visited, `backpropagate` visits them, `vjp_of` is one node's step, and
`Gradients` holds what is on its way. What the user calls, `grad` and `backward`, is at the end.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence, Set
from operator import attrgetter
from typing import Any

from minigrad import errors
from minigrad.array import NAMESPACES, XP, Array, LazyScatter
from minigrad.autograd import OPS, tensor_xp
from minigrad.cotangents import as_inputs, starting_points
from minigrad.grad_mode import mode, set_grad_enabled
from minigrad.graph import Node, TensorBase, as_they_were, changes, tensor_of
from minigrad.unchanged import check_unchanged

Slot = Any  # where a gradient is collected
ACCUMULATING = threading.RLock()  # .grad is read, added to and written by one thread at a time


def nodes_youngest_first(outputs: Sequence[TensorBase], oldest: int = 0) -> list[Node]:
    """Every node behind `outputs` that is not older than `oldest`, youngest first.

    A node is born after the nodes that made its inputs. So falling birth is a topological order:
    when a node's turn comes, every gradient that reaches it has been added up. No recursion, each
    node once.
    """
    seen: set[Node] = set()
    stack = [t.node for t in outputs if t.node is not None]
    while stack:
        node = stack.pop()
        if node in seen or node.birth < oldest:
            continue
        args = arguments_of(node)
        seen.add(node)
        if changes.recorded > node.birth:
            args = node.args = as_they_were(node)
        for a, need in zip(args, node.needs):
            if need and a.node is not None:
                stack.append(a.node)
    return sorted(seen, key=attrgetter("birth"), reverse=True)


def arguments_of(node: Node) -> tuple[Any, ...]:
    """The arguments of a node. Raises RuntimeError where a backward has freed it.

    That removes the pullback before the arguments: if the pullback is still there after the
    arguments were read, they are complete, whatever another thread does.
    """
    args = node.args
    if node.pullback is None:
        raise freed(node)
    return args


def freed(node: Node) -> RuntimeError:
    """The error for a node that a backward has freed."""
    return RuntimeError(errors.FREED.format(node.op.__name__))


def route(
    outputs: Sequence[TensorBase], inputs: Sequence[TensorBase] | None
) -> list[tuple[Node, list[bool]]]:
    """The nodes to visit, youngest first, each with the list of which arguments need a gradient.

    Without `inputs`, all that require one; with them, only those that lead to one of them.
    """
    if inputs is None:
        return [(node, node.needs) for node in nodes_youngest_first(outputs)]
    oldest = min([t.node.birth if t.node else 0 for t in inputs], default=0)
    on_the_way: set[Any] = {t.node or t for t in inputs}
    visits = []
    for node in reversed(nodes_youngest_first(outputs, oldest)):
        pairs = zip(arguments_of(node), node.needs)
        needs = [need and (a.node or a) in on_the_way for a, need in pairs]
        if True in needs:
            on_the_way.add(node)
        visits.append((node, needs))
    return visits[::-1]


def backpropagate(
    outputs: Sequence[TensorBase],
    cotangents: Sequence[Any],
    inputs: Sequence[TensorBase] | None,
    create_graph: bool,
    retain_graph: bool,
) -> Gradients:
    """The gradient of Σ cotangent · output at every leaf behind `outputs`, or at each of `inputs`.

    Pure, except that it frees the graph.
    """
    visits = route(outputs, inputs)
    gradients = Gradients(create_graph, kept={slot(t) for t in inputs or ()})
    gradients.add_each(outputs, cotangents)
    is_shown = create_graph or mode.observer  # an observer may keep the arrays that it sees
    with set_grad_enabled(create_graph, immediately=False):
        for node, needs in visits:
            gs = gradients.take(node)
            args = arguments_of(node)  # unless a hook, or a thread, has freed it meanwhile
            if True not in needs:
                continue
            if gs is not None:
                is_new = not is_shown and getattr(node.pullback, "gives_new_arrays", False)
                gradients.add_each(args, vjp_of(node, gs, needs, create_graph), is_new)
            if not retain_graph:
                node.pullback = None
                node.args = ()
        gradients.call_hooks_of_leaves()
    return gradients


def vjp_of(node: Node, gs: list[Any], needs: list[bool], create_graph: bool) -> list[Any]:
    """The gradient of each argument of the node; None where none is needed, or none arrives."""
    if changes.latest > node.birth:
        check_unchanged(node, needs, create_graph)
    try:
        if not create_graph:
            found = call_pullback(node.pullback, gs, needs)
        elif node.op.composed:
            found = vjp_of_composition(node, gs, needs)
        else:
            _, replayed = node.op.rule(tensor_xp, *node.args, **node.settings)  # now over Tensors
            found = call_pullback(replayed, gs, needs)
        if mode.observer:
            mode.observer.on_backward(node, gs, found)
        return found
    except Exception as error:
        if node.pullback is None:  # another thread has freed the node meanwhile
            raise freed(node) from error
        error.add_note(f"while differentiating {node.op.__name__}{node.origin}")
        raise


def call_pullback(pullback: Any, gs: list[Any], needs: list[bool]) -> list[Any]:
    """The gradients that are needed, by either form of pullback (see minigrad.autograd)."""
    if callable(pullback):
        found = pullback(gs, needs)
        return [g if need else None for g, need in zip(found, needs, strict=True)]
    if len(pullback) != len(needs):
        raise ValueError(
            f"expected a rule that returns a pullback for each of the {len(needs)} arrays, "
            f"got {len(pullback)}"
        )
    (g,) = gs
    found = []
    for pull, need in zip(pullback, needs):
        found.append(pull(g) if need and pull else None)
    return found


def vjp_of_composition(node: Node, gs: list[Any], needs: list[bool]) -> list[Any]:
    """The gradients of an op by hand with their graph, from its composition.

    Each argument is first copied through a no-op, so that grad() does not follow a path between
    arguments.
    """
    args = []
    for a, need in zip(node.args, needs, strict=True):
        t = tensor_of(a) if type(a) in NAMESPACES else a
        args.append(OPS["reshape"](t, t.shape) if need else t)
    value = node.op.composed(*args, **node.settings)
    values = value if node.is_tuple else (value,)
    outputs = [y for y, g in zip(values, gs, strict=True) if g is not None]
    cotangents = [g for g in gs if g is not None]
    inputs = [a for a, need in zip(args, needs, strict=True) if need]
    found = iter(grad(outputs, inputs, cotangents, create_graph=True, allow_unused=True))
    return [next(found) if need else None for need in needs]


# The gradients on their way


def slot(t: TensorBase) -> Slot:
    """Where the gradient of t is collected: at a leaf itself, or at one value of a node."""
    return t if t.node is None else (t.node, t.index)


class Gradients:
    """The gradients on their way, each in its slot.

    A sum made here is written to in place from then on; an array that came from a pullback may be
    shared with others, so it never is. With `create_graph` the gradients are Tensors and every sum
    is recorded.
    """

    def __init__(self, create_graph: bool, kept: Set[Slot] = frozenset()):
        self.create_graph = create_graph
        self.kept = kept  # slots whose gradient is asked for, and stays
        self.by_slot: dict[Slot, Any] = {}
        self.owned: set[Slot] = set()  # slots whose array was made here

    def add(self, t: TensorBase, g: Any, is_new: bool = False) -> None:
        """Let `g` arrive at t. is_new: nothing else refers to `g`, so it may be written to."""
        place = t if t.node is None else (t.node, t.index)  # slot(t), without a call a gradient
        before = self.by_slot.get(place)
        if type(g) is LazyScatter:
            if before is not None and place in self.owned and before.shape:
                g.add_to(before)  # which has memory, as NumPy's sum of two 0-d arrays has not
                return
            g = g.dense(NAMESPACES[type(t.array)])
            if before is None:
                self.owned.add(place)
        if g.shape != t.array.shape or g.dtype is not t.array.dtype:
            g = self.as_gradient_of(t, g)
        if before is None:
            self.by_slot[place] = g
            if is_new:
                self.owned.add(place)
        elif place in self.owned:
            self.by_slot[place] += g
        else:
            self.by_slot[place] = before + g
            if not self.create_graph:
                self.owned.add(place)

    def add_each(
        self, tensors: Sequence[TensorBase], gs: Sequence[Any], is_new: bool = False
    ) -> None:
        """Let each gradient that there is arrive at its tensor."""
        for t, g in zip(tensors, gs):
            if g is not None:
                self.add(t, g, is_new)

    def as_gradient_of(self, t: TensorBase, g: Any) -> Any:
        """`g` in the shape and dtype of t: broadcasting is undone here and nowhere else."""
        array = t.array
        xp = tensor_xp if self.create_graph else NAMESPACES[type(array)]
        if g.shape != array.shape:
            g = unbroadcast(xp, g, array.shape)
        return xp.astype(g, array.dtype)

    def take(self, node: Node) -> list[Any] | None:
        """Remove and return what has arrived at each value of a node; None where nothing has.

        What is asked for stays.
        """
        if node.hooks:
            for i, hooks in node.hooks.items():
                self.call_hooks((node, i), hooks)
        if node.retained:
            for ref in node.retained.values():
                accumulate_grad(ref(), self)
        found = []
        has_arrived = False
        for i in range(len(node.value_versions)):
            place = (node, i)
            g = self.by_slot.get(place)
            found.append(g)
            if g is not None:
                has_arrived = True
                if place not in self.kept:
                    del self.by_slot[place]
        return found if has_arrived else None

    def call_hooks(self, place: Slot, hooks: dict[int, Any]) -> None:
        """Let each hook see the gradient that has arrived, and replace it by what it returns."""
        for hook in list(hooks.values()):
            g = self.by_slot.get(place)
            if g is None:
                return
            is_tensor = isinstance(g, TensorBase)
            given = g if is_tensor else tensor_of(g.copy())
            found = hook(given)
            if found is None:
                continue
            errors.check_hooked(given, found)
            self.by_slot[place] = found if is_tensor else found.array
            self.owned.discard(place)

    def call_hooks_of_leaves(self) -> None:
        """Let the hooks of the leaves see what has been added up there."""
        for place in list(self.by_slot):
            if isinstance(place, TensorBase) and place.leaf_hooks:
                self.call_hooks(place, place.leaf_hooks)

    def tensor(self, t: TensorBase) -> Any:
        """The gradient of t as a Tensor with memory of its own; None where none arrived."""
        g = self.by_slot.get(slot(t))
        if g is None:
            return None
        if isinstance(g, TensorBase):
            with set_grad_enabled(True):  # also where the caller records nothing
                return OPS["clone"](g)
        xp = NAMESPACES[type(t.array)]
        return tensor_of(xp.asarray(g) if slot(t) in self.owned else xp.array(g))


def unbroadcast(xp: XP, g: Array, shape: tuple[int, ...]) -> Array:
    """Bring `g` back to `shape`: the adjoint of repeating is summing."""
    lead = len(g.shape) - len(shape)
    repeated = list(range(lead))
    fits = lead >= 0
    for dim, (n, m) in enumerate(zip(shape, g.shape[lead:]), lead):
        if n != m:
            repeated.append(dim)
            fits = fits and n == 1
    if not fits:
        raise AssertionError(
            f"a gradient of shape {tuple(g.shape)} cannot come from broadcasting an input of "
            f"shape {shape}"
        )
    return xp.reshape(xp.sum(g, axis=tuple(repeated)), shape)


# What users call


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to each of `inputs`; no .grad is touched.

    outputs, inputs: a Tensor or a sequence of them; grad_outputs: the weight of each output, of its
    shape (1 for a scalar). create_graph=True makes the result differentiable in turn. Returns a
    tuple with the shape of each input, None where there is no path and `allow_unused`, zeros there
    with `materialize_grads`, which also ignores outputs that have no graph. only_inputs: as in
    PyTorch, without effect. Raises RuntimeError if there is no path or no graph,
    NotImplementedError with `is_grads_batched`.

    >>> import minigrad as mg
    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> (slope,) = mg.grad(x**3, x, create_graph=True)
    >>> slope.item(), mg.grad(slope, x)[0].item()
    (27.0, 18.0)
    """
    create_graph = errors.as_flag("grad", "create_graph", create_graph)
    keep = errors.as_flag("grad", "retain_graph", retain_graph) or create_graph
    allow_unused = errors.as_flag("grad", "allow_unused", allow_unused)
    materialize_grads = errors.as_flag("grad", "materialize_grads", materialize_grads)
    if errors.as_flag("grad", "is_grads_batched", is_grads_batched):
        raise NotImplementedError(
            "grad: is_grads_batched=True is not supported; call grad once for each of grad_outputs"
        )
    if not errors.as_flag("grad", "only_inputs", only_inputs):
        warnings.warn(
            "grad: only_inputs=False has no effect; for .grad of all leaves use backward",
            FutureWarning,
            stacklevel=2,
        )
    inputs = as_inputs("grad", inputs)
    outputs, cotangents = starting_points(
        "grad", outputs, grad_outputs, create_graph, skips_constants=materialize_grads
    )
    gradients = backpropagate(outputs, cotangents, inputs, create_graph, keep)
    found = [gradients.tensor(t) for t in inputs]
    for i, t in enumerate(inputs):
        if found[i] is None and materialize_grads:
            found[i] = tensor_of(NAMESPACES[type(t.array)].zeros_like(t.array))
        if found[i] is None and not allow_unused:
            raise RuntimeError(errors.NO_PATH.format(i, tuple(t.shape)))
    return tuple(found)


def backward(
    outputs: Any, gradient: Any, retain_graph: bool | None, create_graph: bool, inputs: Any
) -> None:
    """Add the gradient of `outputs` to the .grad of every leaf behind them, or of `inputs`."""
    create_graph = errors.as_flag("backward", "create_graph", create_graph)
    keep = errors.as_flag("backward", "retain_graph", retain_graph) or create_graph
    if inputs is not None:
        inputs = as_inputs("backward", inputs)
        if not inputs:
            raise RuntimeError("backward: expected tensors as inputs, got none; leave inputs out")
    outputs, cotangents = starting_points("backward", outputs, gradient, create_graph)
    gradients = backpropagate(outputs, cotangents, inputs, create_graph, keep)
    leaves = [t for t in gradients.by_slot if isinstance(t, TensorBase) and t.wants_grad]
    for t in leaves if inputs is None else inputs:
        accumulate_grad(t, gradients)


def accumulate_grad(t: TensorBase | None, gradients: Gradients) -> None:
    """Add what has arrived for t to its .grad.

    To that of a leaf in place, so that whoever holds it sees the sum, but not where its own
    gradients are wanted, or where it has no memory of its own.
    """
    g = None if t is None else gradients.tensor(t)
    if t is None or g is None:
        return
    with ACCUMULATING:
        grad = t.leaf_grad
        if grad is None:
            t.leaf_grad = g
            return
        is_recorded = gradients.create_graph or grad.requires_grad
        are_alike = grad.array.shape == g.array.shape and grad.array.dtype == g.array.dtype
        if t.node is None and not is_recorded and are_alike and grad.is_writable():
            grad.array += g.array  # as add_ does, which asks of its arguments what is known here
            grad.mark_changed()
        else:
            with set_grad_enabled(is_recorded):
                t.leaf_grad = grad + g
