"""explain: a graph as text, as Graphviz or Mermaid text, and as a page to step through."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from minigrad import errors
from minigrad.autograd import OPS
from minigrad.graph import TensorBase
from minigrad.backward import slot
from minigrad.convert import Conversions
from minigrad.cotangents import starting_points
from minigrad.inspect.explain.description import GraphDescription, printable
from minigrad.inspect.explain.fold import Item, members, tree
from minigrad.inspect.observer import Observer
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from pathlib import (
        Path,
    )  # html, json and pathlib are imported where they are used: they are slow

HERE = os.path.dirname(__file__)
SCRIPTS = ["layout.js", "page.js", "steps.js", "keys.js"]
MOST_LETTERS_IN_A_NOTEBOOK = 1_000_000  # for a page; each display adds them to the file
MOST_LINES_IN_A_NOTEBOOK = 1000  # of the text instead


class Row(NamedTuple):
    """A line of the text: a node, or else a group that opens; an empty name closes it."""

    indent: str
    node: int | None
    name: str = ""


class Template(NamedTuple):
    """How a drawing language writes a node, a leaf, a wire, a group's start and end, and a text.

    letters: what the language reads as its own in a text, and how the same is written as a letter.
    """

    node: str
    leaf: str
    wire: str
    opens: str
    closes: str
    letters: Mapping[int, str]

    def text(self, text: str) -> str:
        """A text such that no letter of it ends the label or begins a command."""
        return text.translate(self.letters)


GRAPHVIZ = Template(
    node='n{} [label="{}\\n{}"]',
    leaf='v{} [label="{}\\n{}", shape=ellipse]',
    wire="{} -> n{}",
    opens='subgraph cluster_{} {{ label="{}"',
    closes="}",
    letters=str.maketrans({'"': '\\"', "\\": "\\\\"}),
)
MERMAID = Template(
    node='n{}["{}<br>{}"]',
    leaf='v{}(["{}<br>{}"])',
    wire="{} --> n{}",
    opens='subgraph g{}["{}"]',
    closes="end",
    letters=str.maketrans({letter: f"#{ord(letter)};" for letter in "\"'#&;<>`\\[](){}|"}),
)


class explain:
    """The graph behind a tensor: what each op computed, by which rule, and the gradients.

    cotangent: the gradient to start from, of the tensor's shape; 1 for a scalar. names: tensors and
    modules by name, the variables of the calling code by default. print() shows the graph; `dot()`
    and `mermaid()` are text for Graphviz and Mermaid; `save(path)` writes a page for the browser.
    What repeats, such as time steps, is shown once. The graph and every .grad stay as they were.
    Source lines and modules are known for what ran inside `with explain.trace():`. Raises
    RuntimeError if there is no graph, or if a cotangent is missing.

    `nodes`, `values`, `tree` and `ops` hold it all as lists and dicts: see GraphDescription and
    fold.tree.

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

    trace = Observer

    def __init__(
        self, output: Tensor, cotangent: Any = None, names: Mapping[str, Any] | None = None
    ):
        if not isinstance(output, TensorBase):
            raise TypeError(
                "explain: expected a tensor that was computed, a loss say, "
                f"got a {type(output).__name__}"
            )
        if output.node is None:
            raise RuntimeError(errors.NO_GRAPH.format("explain", tuple(output.shape)))
        if names is None:
            caller = sys._getframe(1)
            names = {**caller.f_globals, **caller.f_locals}
        if not isinstance(names, Mapping):
            raise TypeError(
                "explain: expected a dict of tensors and modules by name as names, "
                f"got a {type(names).__name__}"
            )
        name_at = names_by_slot(names)
        given = None if cotangent is None else [cotangent]
        _, cotangents = starting_points("explain", output, given, create_graph=False)
        description = GraphDescription([output], cotangents, name_at, ops={})
        self.name = printable(name_at.get(slot(output), "the output"))
        self.ops = description.ops
        self.nodes = description.nodes
        self.values = description.values
        self.tree = tree(description.nodes)
        self.shown_as: dict[int, int] = {}  # node -> the node of the first part that it is like
        self.rows = list(self.walk(self.tree, "  "))

    def walk(self, items: list[Item], indent: str) -> Iterator[Row]:
        """The rows that show some items; of parts that repeat, the first."""
        for item in items:
            if isinstance(item, int):
                self.shown_as[item] = item
                yield Row(indent, item)
                continue
            first, *others = item["items"] if item["repeats"] else [item]
            yield Row(indent, None, item["name"])
            yield from self.walk(first["items"], indent + "  ")
            yield Row(indent, None)
            for other in others:
                for node, like in zip(members([other]), members([first]), strict=True):
                    self.shown_as[node] = self.shown_as[like]

    def __str__(self) -> str:
        table = []
        for value in self.values:
            if value["node"] is None and value["name"]:
                table.append([f"  {value['name']}", *shape_value_gradient([value])])
        for row in self.rows:
            if row.node is not None:
                values = self.values_of(row.node)
                table.append([row.indent + self.call(row.node), *shape_value_gradient(values)])
            elif row.name:
                table.append([row.indent + row.name, "", "", ""])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        rows = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
        ops = dict.fromkeys(node["op"] for node in self.nodes)
        rules = [f"{op}: {self.ops[op]['formula'].splitlines()[0]}" for op in ops]
        title = f"{self.name}: {len(self.nodes)} ops; ∂ is the gradient of {self.name}"
        return "\n".join([title, *rows, *rules])

    __repr__ = __str__

    def call(self, node: int) -> str:
        """A node as a call, under the names of its values: "z add(%1, x)"."""
        names = [value["name"] for value in self.values_of(node) if value["name"]]
        name = ", ".join(names) or f"%{node + 1}"
        args = ", ".join([self.label(a) for a in self.nodes[node]["args"]])
        return f"{name} {self.nodes[node]['op']}({args})"

    def label(self, a: int | str) -> str:
        """A value by its name, or by the node that made it: %4, or %4[1] where it made several.
        What is not a tensor by its text."""
        if isinstance(a, str):
            return a
        value = self.values[a]
        if value["name"]:
            return str(value["name"].rpartition(".")[2])
        if value["node"] is None:
            return str(value["shape"])
        outs = self.nodes[value["node"]]["outs"]
        part = f"[{outs.index(a)}]" if len(outs) > 1 else ""
        return f"%{self.shown_as[value['node']] + 1}{part}"

    def values_of(self, node: int) -> list[dict[str, Any]]:
        """The values of a node that something reads."""
        return [self.values[number] for number in self.nodes[node]["outs"] if number is not None]

    def dot(self) -> str:
        """The graph in the language of Graphviz: `dot -Tsvg` draws it."""
        return "\n  ".join(["digraph {", "node [shape=box]", *self.drawing(GRAPHVIZ)]) + "\n}"

    def mermaid(self) -> str:
        """The graph in the language of Mermaid, which Markdown on GitHub and in Jupyter draws."""
        return "\n  ".join(["flowchart TD", *self.drawing(MERMAID)])

    def drawing(self, template: Template) -> list[str]:
        """A line for each group, node, leaf and wire that is shown."""
        lines = []
        for number, row in enumerate(self.rows):
            if row.node is not None:
                op, values = self.nodes[row.node]["op"], self.values_of(row.node)
                names = ", ".join([value["name"] for value in values if value["name"]])
                title = template.text(f"{names} = {op}" if names else op)
                lines.append(template.node.format(row.node, title, shape_of(values)))
            elif row.name:
                lines.append(template.opens.format(number, template.text(row.name)))
            else:
                lines.append(template.closes)
        wires: dict[str, None] = {}  # a set that keeps its order
        for node, described in enumerate(self.nodes):
            for a in described["args"]:
                if isinstance(a, int):
                    wires.update(dict.fromkeys(self.wire(template, a, node)))
        return [*lines, *wires]

    def wire(self, template: Template, a: int, node: int) -> list[str]:
        """The wire from value a to a node that reads it; before it the leaf, where a is one."""
        value, shown = self.values[a], self.shown_as[node]
        if value["node"] is not None:
            return [template.wire.format(f"n{self.shown_as[value['node']]}", shown)]
        if shown != node:
            return []
        name = template.text(value["name"] or "constant")
        leaf = template.leaf.format(a, name, value["shape"])
        return [leaf, template.wire.format(f"v{a}", node)]

    def html(self) -> str:
        """The page, in one piece: it needs no network."""
        import json
        from html import escape

        data = {
            "name": self.name,
            "nodes": self.nodes,
            "values": self.values,
            "tree": self.tree,
            "ops": {op: facts | {"derived": derived(op)} for op, facts in self.ops.items()},
        }
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        parts = {
            "title": escape(self.name),
            "css": read("page.css"),
            "data": text.replace(
                "<", "\\u003c"
            ),  # "</script>" would end the data, "<!--" all of it
            "js": "".join([read(script) for script in SCRIPTS]),
        }
        return re.sub(r"{{(\w+)}}", lambda found: parts[found[1]], read("page.html"))

    def save(self, path: str | Path) -> Path:
        """Write the page to `path`, for a browser to open.

        Raises OSError if that cannot be done; a page of that name stays as it was.
        """
        from pathlib import Path

        from minigrad import files

        files.write(path, self.html().encode())
        return Path(path)

    def _repr_html_(self) -> str:
        """What Jupyter shows: the page in a frame; of a large graph, its text."""
        from html import escape

        page = escape(self.html())
        if len(page) <= MOST_LETTERS_IN_A_NOTEBOOK:
            return (
                f'<iframe srcdoc="{page}" style="width: 100%; height: 40rem; border: 0"></iframe>'
            )
        lines = str(self).splitlines()
        if len(lines) > MOST_LINES_IN_A_NOTEBOOK:
            left_out = len(lines) - MOST_LINES_IN_A_NOTEBOOK
            lines[MOST_LINES_IN_A_NOTEBOOK:] = [f"… and {left_out} lines more"]
        text = escape("\n".join(lines))
        title = f"{len(self.nodes)} ops: explain(...).save(path) writes the page to step through"
        return f"<p>{title}</p><pre>{text}</pre>"


def names_by_slot(names: Mapping[str, Any]) -> dict[Any, str]:
    """The name of each tensor, and of each module's parameters, by the slot of its gradient."""
    name_at: dict[Any, str] = {}
    for name, value in names.items():
        if isinstance(value, TensorBase) and not str(name).startswith("_"):
            name_at[slot(value)] = name
        elif hasattr(type(value), "named_parameters"):
            with suppress(Exception):  # a variable of the caller's may be anything
                for path, param in value.named_parameters():
                    name_at[param] = f"{name}.{path}"
    return name_at


def shape_value_gradient(values: list[dict[str, Any]]) -> list[str]:
    """The three columns of the text for the values of a node."""
    gradient = in_short([value.get("gradient", {}) for value in values])
    return [
        shape_of(values),
        in_short([value["value"] for value in values]),
        f"∂ {gradient}" if gradient else "",
    ]


def shape_of(values: list[dict[str, Any]]) -> str:
    """The shapes of a node's values: "(2, 4)", "4 × (2, 4)", "(2, 4), (2, 3)"."""
    shapes = [value["shape"] for value in values]
    if len(shapes) > 1 and len(set(shapes)) == 1:
        return f"{len(shapes)} × {shapes[0]}"
    return ", ".join(shapes)


def in_short(statistics: list[dict[str, Any]]) -> str:
    """The number, or the range of several; "" where there is none."""
    finite = [found for found in statistics if "min" in found]
    if not finite:
        return ""
    low = min([found["min"] for found in finite], key=float)
    high = max([found["max"] for found in finite], key=float)
    return str(low if low == high else f"{low} … {high}")


def derived(name: str) -> str:
    """The derivative of an elementwise op as its rule gives it over symbols; "" without SymPy."""
    if name not in OPS or not (find_spec("sympy") and find_spec("minigrad.prove")):
        return ""
    formula = import_module("minigrad.prove.formula")
    return str(formula.derived(OPS[name]))


def read(name: str) -> str:
    """A part of the page: a file of this folder."""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def page_of(tensor: Any) -> str | None:
    """What Jupyter shows of a tensor with one element and a graph; others are shown as text."""
    has_graph = tensor.node is not None and tensor.node.pullback is not None
    if not has_graph or tensor.array.size != 1:
        return None
    return explain(tensor, names=vars(sys.modules["__main__"]))._repr_html_()


Conversions.html_page = page_of
