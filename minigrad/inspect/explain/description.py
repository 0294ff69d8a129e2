"""A graph described: its values, its nodes, and the gradients in the order of backward."""

from __future__ import annotations

import inspect
import linecache
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigrad.array import NAMESPACES, Array, to_numpy
from minigrad.backward import Gradients, nodes_youngest_first, slot, vjp_of
from minigrad.grad_mode import enable_grad
from minigrad.graph import Node, Op, TensorBase, tensor_of
from minigrad.inspect.explain.fold import tree

SHOWN_IN_FULL = 12  # elements of an array whose numbers are written out
MOST_LETTERS = 300  # of a text that the user gave


class GraphDescription:
    """The graph behind `outputs`, and the gradients through it from `cotangents`, for JSON.

    names: what a value is called, by its slot. ops: a description of each op by its name; it is
    added to.

    values: each has a name ("" for none), its shape, statistics of its value and its gradient,
    requires_grad, the number of the node that made it, and where backward starts the cotangent.
    nodes, in order of birth: each has its op, the numbers of its args (or the text of one that is
    not a tensor) and of its outs, its settings, its module and origin where known, and `vjps`: for
    each argument the statistics of the gradient that arrived from here and, where one had arrived
    before, of the sum. A node by hand has `composed`, the description of its composition.
    """

    def __init__(
        self,
        outputs: Sequence[TensorBase],
        cotangents: Sequence[Array],
        names: Mapping[Any, str],
        ops: dict[str, Any],
    ):
        self.names = names
        self.ops = ops
        self.values: list[dict[str, Any]] = []
        self.nodes: list[dict[str, Any]] = []
        self.number_at: dict[Any, int] = {}  # slot -> the number of its value
        self.tensors: list[TensorBase] = []  # the values themselves
        self.gradient_at: dict[Any, Array] = {}  # slot -> the sum of what has arrived there
        youngest_first = nodes_youngest_first(outputs)
        self.number_of = {node: i for i, node in enumerate(reversed(youngest_first))}
        for node in self.number_of:
            self.nodes.append(self.describe(node))
        for t, g in zip(outputs, cotangents, strict=True):
            self.values[self.value(t)]["cotangent"] = self.add_gradient(t, g)[-1]
        for node in youngest_first:
            self.go_back_through(node)

    def value(self, t: TensorBase) -> int:
        """The number of the value t; it is described when it is first asked for."""
        place = slot(t)
        if place not in self.number_at:
            number = len(self.values)
            node = None if t.node is None else self.number_of[t.node]
            if node is not None:
                self.nodes[node]["outs"][t.index] = number
            self.number_at[place] = number
            self.tensors.append(t)
            self.values.append(
                {
                    "name": printable(self.names.get(place, "")),
                    "node": node,
                    "requires_grad": t.requires_grad,
                    "shape": str(tuple(t.shape)),
                    "value": statistics(t.array),
                }
            )
        return self.number_at[place]

    def describe(self, node: Node) -> dict[str, Any]:
        """What is known of a node before backward."""
        name = node.op.__name__
        if name not in self.ops:
            self.ops[name] = describe_op(node.op)
        described: dict[str, Any] = {
            "op": name,
            "module": "",
            "outs": [None] * len(node.value_versions),
        }
        if node.origin:
            file, line, function, module = node.origin
            described["module"] = printable(module)
            place = f"{os.path.basename(file)}, line {line}, in {function}"
            described["origin"] = printable(place)
            described["code"] = printable(linecache.getline(file, line).strip())
        args = [as_tensor(a) for a in node.args]
        numbers = []
        for a in args:
            numbers.append(self.value(a) if isinstance(a, TensorBase) else printable(repr(a)))
        shapes = [self.values[a]["shape"] for a in numbers if isinstance(a, int)]
        settings = {}
        for key, value in node.settings.items():
            if value is not None:
                settings[key] = printable(repr(value))
        described.update(args=numbers, signature=f"{name}({', '.join(shapes)})", settings=settings)
        return described

    def go_back_through(self, node: Node) -> None:
        """Let the gradients of the node's values go back to its arguments."""
        gs = [self.gradient_at.get((node, i)) for i in range(len(node.value_versions))]
        if all([g is None for g in gs]):
            return
        described = self.nodes[self.number_of[node]]
        needs = [isinstance(a, TensorBase) and a.requires_grad for a in node.args]
        argument_gs = vjp_of(node, gs, needs, create_graph=False)
        described["vjps"] = [
            None if g is None else self.add_gradient(a, g)
            for a, g in zip(node.args, argument_gs, strict=True)
        ]
        if node.op.composed:
            described["composed"] = self.describe_composition(node, gs, argument_gs)

    def add_gradient(self, t: TensorBase, g: Any) -> list[dict[str, Any]]:
        """Let g arrive at t: the statistics of g and, if it is not the first, of the sum."""
        arriving = Gradients(create_graph=False)
        arriving.add(t, g)  # in the shape and dtype of t
        place = slot(t)
        g = arriving.by_slot[place]
        arrived = [statistics(g)]
        if place in self.gradient_at:
            self.gradient_at[place] = self.gradient_at[place] + g
            arrived.append(statistics(self.gradient_at[place]))
        else:
            self.gradient_at[place] = g
        self.values[self.value(t)]["gradient"] = arrived[-1]
        return arrived

    def describe_composition(
        self, node: Node, gs: list[Any], argument_gs: list[Any]
    ) -> dict[str, Any]:
        """The graph of the composition of an op by hand, and the largest difference of the two."""
        args = [leaf_like(as_tensor(a)) for a in node.args]
        with enable_grad():
            value = node.op.composed(*args, **node.settings)
        values = value if node.is_tuple else (value,)
        outputs = [y for y, g in zip(values, gs, strict=True) if g is not None]
        cotangents = [g for g in gs if g is not None]
        names = dict(zip(args, inspect.signature(node.op).parameters))
        inner = GraphDescription(outputs, cotangents, names, self.ops)
        pairs = []
        outs = self.nodes[self.number_of[node]]["outs"]
        for number, y in zip(outs, values, strict=True):
            if number is not None:
                pairs.append((self.tensors[number].array, y.array))
        for a, g in zip(args, argument_gs, strict=True):
            if g is not None:
                pairs.append((g, inner.gradient_at[a]))
        return {
            "values": inner.values,
            "nodes": inner.nodes,
            "tree": tree(inner.nodes),
            "max_difference": f"{max([max_difference(a, b) for a, b in pairs]):.1e}",
        }


def printable(text: str) -> str:
    """A user's text in one line, without control characters, and cut where it is long.

    >>> printable("a line\\n and \\x1b[31mred")
    'a line\\\\n and \\\\x1b[31mred'
    """
    shown = text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"
    if shown.isprintable():
        return shown
    letters = []
    for letter in shown:
        escaped = letter.encode("unicode_escape").decode()
        letters.append(letter if letter.isprintable() else escaped)
    return "".join(letters)


def statistics(array: Array) -> dict[str, Any]:
    """What an array holds, as text; range, mean and standard deviation of its finite numbers."""
    a = to_numpy(array)
    x = a.astype(np.float64)
    found: dict[str, Any] = {
        "dtype": str(a.dtype),
        "zeros": f"{np.mean(x == 0):.0%}" if x.size else "0%",
        "nan": int(np.isnan(x).sum()),
        "inf": int(np.isinf(x).sum()),
    }
    finite = x[np.isfinite(x)] + 0.0  # 0 for -0
    if finite.size:
        found["min"] = f"{finite.min():.4g}"
        found["max"] = f"{finite.max():.4g}"
        found["mean"] = f"{finite.mean():.4g}"
        found["std"] = f"{finite.std():.4g}"
    if not a.ndim:
        found["numbers"] = f"{x:.4g}"
    elif a.size <= SHOWN_IN_FULL:
        found["numbers"] = np.array2string(a, precision=4, separator=", ")
    return found


def describe_op(op: Op) -> dict[str, str]:
    """The formula of an op's rule, the lines that define it, and the module in which they stand."""
    try:
        source = inspect.getsource(op.rule)
    except OSError:
        source = "(Python has kept no source of this rule)"
    formula = inspect.getdoc(op.rule) or "no formula"
    return {"formula": formula, "source": source, "module": op.rule.__module__}


def as_tensor(a: Any) -> Any:
    """An array that an op was given as a tensor; anything else as it is."""
    return tensor_of(a) if type(a) in NAMESPACES else a


def leaf_like(a: Any) -> Any:
    """A tensor as a leaf of its own, over the same array; anything else as it is."""
    if not isinstance(a, TensorBase):
        return a
    leaf = tensor_of(a.array)
    leaf.requires_grad = a.requires_grad
    return leaf


def max_difference(a: Array, b: Array) -> float:
    """max |a - b|; 0 of empty arrays."""
    return float(abs(to_numpy(a) - to_numpy(b)).max(initial=0))
