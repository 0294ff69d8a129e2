"""explain: a graph that explains itself, as text, as Graphviz or Mermaid text, and as a page to step through."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from minigrad import errors
from minigrad.autograd import TensorBase
from minigrad.backward import initial_cotangents, slot
from minigrad.inspect.explain.fold import Item, members, tree
from minigrad.inspect.explain.record import Record
from minigrad.inspect.observer import Observer
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from pathlib import (
        Path,
    )  # imported where it is first needed, as html and json are: together they take milliseconds

HERE = os.path.dirname(__file__)


class explain:
    """The graph behind a tensor: what each op computed, by which rule, and the gradients that go back through it.

    cotangent: the gradient to start from, of the tensor's shape; 1 for a scalar. names: tensors and modules by name,
    the variables of the calling code by default. print() shows the graph; `dot()` and `mermaid()` are text for
    Graphviz and Mermaid; `save(path)` writes a page for the browser. What repeats, such as time steps, is shown once.
    The graph and every .grad stay as they were. The lines and modules that made the nodes are known of what ran
    `with explain.recording():`. Raises RuntimeError where there is no graph, or where a cotangent is missing.

    >>> import minigrad as mg
    >>> x, y = mg.tensor(2.0, requires_grad=True), mg.tensor(3.0, requires_grad=True)
    >>> z = x * y + x
    >>> print(mg.explain(z))
    z: 2 ops; ∂ is the gradient of z
      x             ()  2  ∂ 4
      y             ()  3  ∂ 2
      %1 mul(x, y)  ()  6  ∂ 1
      z add(%1, x)  ()  8  ∂ 1
    mul: y = a b,    dy/da = b,  dy/db = a.
    add: y = a + b,    dy/da = 1,  dy/db = 1.
    """

    recording = Observer

    def __init__(
        self, output: Tensor, cotangent: Any = None, names: Mapping[str, Any] | None = None
    ):
        if not isinstance(output, TensorBase):
            raise TypeError(
                f"explain: a {type(output).__name__} came; wanted is a tensor that was computed, a loss say"
            )
        if output.node is None:
            raise RuntimeError(errors.NO_GRAPH.format("explain", tuple(output.shape)))
        frame, called = sys._getframe(1), {}
        for name, thing in (names or {**frame.f_globals, **frame.f_locals}).items():
            if isinstance(thing, TensorBase) and not name.startswith("_"):
                called[slot(thing)] = name
            elif hasattr(type(thing), "named_parameters"):
                called |= {param: f"{name}.{path}" for path, param in thing.named_parameters()}
        seeds = initial_cotangents(
            "explain", [output], None if cotangent is None else [cotangent], create_graph=False
        )
        record = Record([output], seeds, called, {})
        self.name, self.ops = called.get(slot(output), "the output"), record.ops
        self.nodes, self.values, self.tree = record.nodes, record.values, tree(record.nodes)
        self.like: dict[
            int, int
        ] = {}  # a node -> itself, or its like in the first one of parts that repeat
        self.rows = list(self.walk(self.tree, "  "))

    def walk(self, items: list[Item], indent: str) -> Iterator[tuple[str, Any]]:
        """Indentation and what is shown there: a node, the name of a group that opens, or "" for one that closes."""
        for item in items:
            if isinstance(item, int):
                self.like[item] = item
                yield indent, item
                continue
            first, *others = item["items"] if item["repeats"] else [item]
            yield indent, item["name"]
            yield from self.walk(first["items"], indent + "  ")
            yield indent, ""
            for other in others:
                self.like.update(
                    zip(members([other]), [self.like[i] for i in members([first])], strict=True)
                )

    def label(self, a: Any) -> str:
        """A value by its name, or by the node that made it; a number as it is."""
        if isinstance(a, str):
            return a
        told = self.values[a]
        return told["name"].rpartition(".")[2] or (
            told["shape"] if told["node"] is None else f"%{self.like[told['node']] + 1}"
        )

    def value(self, node: int) -> dict[str, Any]:
        """The first value of a node that something reads."""
        return next(
            (self.values[v] for v in self.nodes[node]["outs"] if v is not None),
            {"name": "", "shape": ""},
        )

    def __str__(self) -> str:
        table = [
            [f"  {v['name']}", *facts(v)] for v in self.values if v["node"] is None and v["name"]
        ]
        for indent, item in self.rows:
            if isinstance(item, int):
                value, told = self.value(item), self.nodes[item]
                call = f"{value['name'] or f'%{item + 1}'} {told['op']}({', '.join(map(self.label, told['args']))})"
                table.append([indent + call, *facts(value)])
            elif item:
                table.append([indent + item, "", "", ""])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        rows = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
        ops = dict.fromkeys(node["op"] for node in self.nodes)
        rules = [f"{op}: {self.ops[op]['formula'].splitlines()[0]}" for op in ops]
        title = f"{self.name}: {len(self.nodes)} ops; ∂ is the gradient of {self.name}"
        return "\n".join([title, *rows, *rules])

    __repr__ = __str__

    def drawing(self, node: str, leaf: str, edge: str, opens: str, closes: str) -> list[str]:
        """Each group, node, leaf and edge that is shown, by its template. Parts that repeat are drawn as the first."""
        lines: list[str] = []
        edges: dict[str, None] = {}
        for number, (_, item) in enumerate(self.rows):
            if isinstance(item, int):
                value, op = self.value(item), self.nodes[item]["op"]
                lines.append(
                    node.format(
                        item, f"{value['name']} = {op}" if value["name"] else op, value["shape"]
                    )
                )
            else:
                lines.append(opens.format(number, item) if item else closes)
        for i, told in enumerate(self.nodes):
            for a in [a for a in told["args"] if isinstance(a, int)]:
                made, name, shape = (self.values[a][key] for key in ("node", "name", "shape"))
                if made is not None:
                    edges[edge.format(f"n{self.like[made]}", self.like[i])] = None
                elif self.like[i] == i:
                    edges |= {
                        leaf.format(a, name or "constant", shape): None,
                        edge.format(f"v{a}", i): None,
                    }
        return [*lines, *edges]

    def dot(self) -> str:
        """The graph in the language of Graphviz: `dot -Tsvg` draws it."""
        node, leaf = 'n{} [label="{}\\n{}"]', 'v{} [label="{}\\n{}", shape=ellipse]'
        lines = self.drawing(node, leaf, "{} -> n{}", 'subgraph cluster_{} {{ label="{}"', "}")
        return "\n  ".join(["digraph {", "node [shape=box]", *lines]) + "\n}"

    def mermaid(self) -> str:
        """The graph in the language of Mermaid, which Markdown on GitHub and in Jupyter draws."""
        node, leaf = 'n{}["{}<br>{}"]', 'v{}(["{}<br>{}"])'
        return "\n  ".join(
            ["flowchart TD", *self.drawing(node, leaf, "{} --> n{}", 'subgraph g{}["{}"]', "end")]
        )

    def html(self) -> str:
        """The page, in one piece: it needs no network."""
        import json
        from html import escape

        data = {
            "name": self.name,
            "nodes": self.nodes,
            "values": self.values,
            "tree": self.tree,
            "ops": self.ops,
        }
        parts = {"title": escape(self.name), "css": read("page.css")}
        parts["data"] = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace(
            "</", "<\\/"
        )
        parts["js"] = "".join([read(f"{name}.js") for name in ("layout", "page", "steps", "keys")])
        return re.sub(r"{{(\w+)}}", lambda found: parts[found[1]], read("page.html"))

    def save(self, path: str | Path) -> Path:
        """Write the page to `path`, for a browser to open."""
        from pathlib import Path

        Path(path).write_text(self.html(), "utf-8")
        return Path(path)

    def _repr_html_(self) -> str:
        from html import escape

        return f'<iframe srcdoc="{escape(self.html())}" style="width: 100%; height: 40rem; border: 0"></iframe>'


def read(name: str) -> str:
    """A part of the page."""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def facts(told: dict[str, Any]) -> list[str]:
    """Shape, value and gradient, in short: the number, or the range of several."""
    found = [told.get(key, {}) for key in ("value", "gradient")]
    value, g = [
        s.get("min", "") + f" … {s['max']}" * (s["min"] != s["max"]) if "min" in s else ""
        for s in found
    ]
    return [told["shape"], value, f"∂ {g}" if g else ""]


def page_of(tensor: Tensor) -> str | None:
    """What Jupyter shows of a number whose graph is there; any other tensor is shown as text."""
    there = tensor.node is not None and tensor.node.pullback is not None and tensor.array.size == 1
    return explain(tensor, names=vars(sys.modules["__main__"]))._repr_html_() if there else None


Tensor._repr_html_ = page_of
