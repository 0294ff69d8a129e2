"""What is known of a graph: its values, its nodes, and the gradients in the order in which backward visits them."""

from __future__ import annotations

import inspect
import linecache
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigrad.array import NAMESPACES, Array, to_numpy
from minigrad.autograd import Node, Op, TensorBase, enable_grad
from minigrad.backward import Gradients, nodes_youngest_first, slot, vjp_of
from minigrad.inspect.explain.fold import tree


def statistics(array: Array) -> dict[str, Any]:
    """What an array holds, as text; the range, mean and standard deviation are those of its finite numbers."""
    a = to_numpy(array)
    x = a.astype(np.float64)
    finite = x[np.isfinite(x)]
    found = (finite.min(), finite.max(), finite.mean(), finite.std()) if finite.size else ()
    told: dict[str, Any] = dict(
        zip(("min", "max", "mean", "std"), [f"{s:.4g}" for s in found], strict=False)
    )
    if a.size <= 12:
        told["numbers"] = (
            f"{x:.4g}" if not a.ndim else np.array2string(a, precision=4, separator=", ")
        )
    zeros = f"{np.mean(x == 0):.0%}" if x.size else "0%"
    return {
        "dtype": str(a.dtype),
        "zeros": zeros,
        "nan": int(np.isnan(x).sum()),
        "inf": int(np.isinf(x).sum()),
    } | told


def describe_op(op: Op) -> dict[str, str]:
    """The formula of an op's rule, and the lines that define it."""
    try:
        source = inspect.getsource(op.rule)
    except OSError:
        source = "(Python has kept no source of this rule)"
    return {
        "formula": inspect.getdoc(op.rule) or "no formula",
        "source": source,
        "module": op.rule.__module__,
    }


class Record:
    """The graph behind `outputs`, into which the gradients `seeds` come.

    names: what a value is called, by its place. ops: what is known of each op by its name; it is added to.
    """

    def __init__(
        self,
        outputs: Sequence[TensorBase],
        seeds: Sequence[Array],
        names: Mapping[Any, str],
        ops: dict[str, Any],
    ):
        self.names, self.ops = names, ops
        self.values: list[dict[str, Any]] = []
        self.nodes: list[dict[str, Any]] = []
        self.at: dict[Any, int] = {}  # the number of the value at a place
        self.tensors: list[TensorBase] = []  # the values themselves
        self.totals: dict[Any, Array] = {}  # the gradient that has arrived at a place so far
        order = nodes_youngest_first(outputs)
        self.number = {node: i for i, node in enumerate(reversed(order))}
        for node in self.number:
            self.nodes.append(self.describe(node))
        for t, seed in zip(outputs, seeds, strict=True):
            self.values[self.value(t)]["seed"] = self.add(t, seed)[-1]
        for node in order:
            gs = [self.totals.get((node, i)) for i in range(len(node.value_versions))]
            if any([g is not None for g in gs]):
                told = self.nodes[self.number[node]]
                needs = [isinstance(a, TensorBase) and a.requires_grad for a in node.args]
                pulled = vjp_of(node, gs, needs, create_graph=False)
                told["pulled"] = [
                    g if g is None else self.add(a, g)
                    for a, g in zip(node.args, pulled, strict=True)
                ]
                if node.op.composed:
                    told["composed"] = self.compose(node, gs, pulled)

    def value(self, t: TensorBase) -> int:
        """The number of the value t."""
        if (where := slot(t)) not in self.at:
            node = None if t.node is None else self.number[t.node]
            if node is not None:
                self.nodes[node]["outs"][t.index] = len(self.values)
            self.at[where] = len(self.values)
            self.tensors.append(t)
            known = {"name": self.names.get(where, ""), "node": node, "learns": t.requires_grad}
            self.values.append(
                {**known, "shape": str(tuple(t.shape)), "value": statistics(t.array)}
            )
        return self.at[where]

    def describe(self, node: Node) -> dict[str, Any]:
        if (name := node.op.__name__) not in self.ops:
            self.ops[name] = describe_op(node.op)
        args = [TensorBase.tensor_class(a) if type(a) in NAMESPACES else a for a in node.args]
        told: dict[str, Any] = {"op": name, "module": "", "outs": [None] * len(node.value_versions)}
        if node.origin:
            file, line, function, told["module"] = node.origin
            told["where"] = f"{os.path.basename(file)}, line {line}, in {function}"
            told["code"] = linecache.getline(file, line).strip()
        told["args"] = [self.value(a) if isinstance(a, TensorBase) else repr(a) for a in args]
        told["kind"] = (
            f"{name}({', '.join([self.values[a]['shape'] for a in told['args'] if isinstance(a, int)])})"
        )
        told["settings"] = {
            key: repr(value) for key, value in node.settings.items() if value is not None
        }
        return told

    def add(self, t: TensorBase, g: Any) -> list[dict[str, Any]]:
        """Let g arrive at t: what came and, where something had come before, the sum."""
        alone = Gradients(create_graph=False)
        alone.add(t, g)  # in the shape and dtype of t
        (came,), before = alone.by_slot.values(), self.totals.get(slot(t))
        self.totals[slot(t)] = came if before is None else before + came
        told = [statistics(came)] + ([] if before is None else [statistics(self.totals[slot(t)])])
        self.values[self.value(t)]["gradient"] = told[-1]
        return told

    def compose(self, node: Node, gs: list[Any], pulled: list[Any]) -> dict[str, Any]:
        """The graph of the composition that a fused op must equal, and the largest difference between their numbers."""
        words = list(inspect.signature(node.op.rule).parameters)[1:]
        args = [
            TensorBase.tensor_class(a.array) if isinstance(a, TensorBase) else a for a in node.args
        ]
        for fresh, a in zip(args, node.args, strict=True):
            if isinstance(a, TensorBase):
                fresh.requires_grad = a.requires_grad
        with enable_grad():
            value = node.op.composed(*args, **node.settings)
        ys = value if node.is_tuple else (value,)
        outputs, seeds = zip(
            *[(y, g) for y, g in zip(ys, gs, strict=True) if g is not None], strict=True
        )
        inner = Record(outputs, seeds, dict(zip(args, words)), self.ops)
        outs = self.nodes[self.number[node]]["outs"]
        pairs = [
            (self.tensors[v].array, y.array) for v, y in zip(outs, ys, strict=True) if v is not None
        ]
        pairs += [(g, inner.totals[a]) for g, a in zip(pulled, args, strict=True) if g is not None]
        differs = max([float(abs(to_numpy(a) - to_numpy(b)).max(initial=0)) for a, b in pairs])
        return {
            "values": inner.values,
            "nodes": inner.nodes,
            "tree": tree(inner.nodes),
            "differs": f"{differs:.1e}",
        }
