"""explain: what it says is what the engine does, it leaves everything as it was, and its page works
in a browser."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad.convert import Conversions
from minigrad.inspect.explain.fold import members, tree


def product() -> tuple[Any, Any, Any]:
    x, y = mg.tensor(2.0, requires_grad=True), mg.tensor(3.0, requires_grad=True)
    return x, y, x * y + x


def unrolled(steps: int) -> Any:
    """The loss of an LSTMCell after so many steps, 13 ops a step and two for the loss."""
    cell, inputs = nn.LSTMCell(3, 4), mg.randn(steps, 2, 3)
    h = c = mg.zeros(2, 4)
    for x in inputs.unbind():
        h, c = cell(x, (h, c))
    return (h * h).sum()


class Classifier(nn.Module):
    def __init__(self) -> None:
        self.embedding, self.lstm, self.fc = (
            nn.Embedding(9, 3),
            nn.LSTM(3, 4, batch_first=True),
            nn.Linear(4, 2),
        )

    def forward(self, ids: Any) -> Any:
        return self.fc(self.lstm(self.embedding(ids))[0][:, -1])


def classified() -> Any:
    return nn.CrossEntropyLoss()(Classifier()(mg.randint(0, 9, (2, 7))), mg.tensor([0, 1]))


def number(told: dict[str, Any], key: str = "min") -> float:
    return float(told[key])


# ---- what it says


def test_the_values_of_one_op_are_told_apart() -> None:
    x = mg.tensor([[1.0, 2.0, 3.0, 4.0]], requires_grad=True)
    parts = (x * 2).split([1, 3], dim=-1)
    total = parts[0].sum() + parts[1].sum()
    text = " ".join(str(mg.explain(total, names={"x": x, "total": total})).split())
    assert "%2 split(%1) (1, 1), (1, 3) 2 … 8 ∂ 1" in text
    assert "%3 sum(%2[0])" in text and "%4 sum(%2[1])" in text
    head, tail = parts
    named = mg.explain(total, names={"x": x, "head": head, "tail": tail, "total": total})
    assert "head, tail split(%1)" in str(named) and "sum(tail)" in str(named)
    assert "head, tail = split" in named.dot() and "head, tail = split" in named.mermaid()


def test_a_zero_has_no_sign() -> None:
    x = mg.tensor([-0.0, -0.0], requires_grad=True)
    assert "-0" not in str(mg.explain((x * 0.0).sum()))


def test_every_node_says_its_values_and_gradients() -> None:
    x, y, z = product()
    picture = mg.explain(z)
    assert [node["op"] for node in picture.nodes] == ["mul", "add"] and picture.name == "z"
    told = {
        value["name"]: (number(value["value"]), number(value["gradient"]))
        for value in picture.values
    }
    assert told == {"x": (2.0, 4.0), "y": (3.0, 2.0), "": (6.0, 1.0), "z": (8.0, 1.0)}
    to_x, to_y = picture.nodes[0]["vjps"]
    assert [number(came) for came in to_x] == [
        3.0,
        4.0,
    ]  # what came, and the sum with what add had sent before
    assert [number(came) for came in to_y] == [2.0]


def test_the_gradients_are_those_of_backward() -> None:
    loss = classified()
    picture = mg.explain(loss, names={})
    leaves = [t for t in leaves_behind(loss) if t.requires_grad]
    told = [value for value in picture.values if value["node"] is None and value["requires_grad"]]
    grads = mg.grad(loss, leaves)
    assert len(told) == len(grads) == 7
    expected = sorted(
        f"{float(extreme):.4g}" for g in grads for extreme in (g.array.min(), g.array.max())
    )
    assert sorted(value["gradient"][key] for value in told for key in ("min", "max")) == expected


def leaves_behind(output: Any) -> list[Any]:
    found, todo = {}, [output]
    while todo:
        t = todo.pop()
        args = [a for a in t.node.args if isinstance(a, mg.Tensor)] if t.node else []
        found |= {} if t.node else {id(t): t}
        todo += args
    return list(found.values())


def test_the_order_is_backwards() -> None:
    """Each node is visited after all that read it: its gradient is whole by then."""
    nodes = mg.explain(classified()).nodes
    maker = {
        value: i for i, node in enumerate(nodes) for value in node["outs"] if value is not None
    }
    for i, node in enumerate(nodes):
        assert all(maker.get(a, -1) < i for a in node["args"] if isinstance(a, int))


def test_a_gradient_to_start_from() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    picture = mg.explain(x * x, cotangent=[1.0, 10.0])
    assert (
        next(v for v in picture.values if v["name"] == "x")["gradient"]["numbers"] == "[ 2., 40.]"
    )
    assert "∂ 2 … 40" in str(picture)


def test_statistics_count_what_is_no_number() -> None:
    x = mg.tensor([0.0, 1.0, np.nan, np.inf], requires_grad=True)
    told = mg.explain((x * 1.0).sum()).values[0]["value"]
    assert (told["nan"], told["inf"], told["zeros"], told["min"], told["max"]) == (
        1,
        1,
        "25%",
        "0",
        "1",
    )
    empty = mg.zeros(0, requires_grad=True)
    assert "min" not in mg.explain(empty.sum()).values[0]["value"]


def test_an_op_is_told_by_its_docstring_and_source() -> None:
    told = mg.explain(product()[2]).ops["mul"]
    assert told["formula"].startswith("y = a b,") and told["module"] == "minigrad.ops.elementwise"
    assert told["source"].startswith("@op\ndef mul(") and "return a * b" in told["source"]


def test_where_a_node_was_made_is_known_of_what_was_recorded() -> None:
    assert "origin" not in mg.explain(product()[2]).nodes[0]
    with mg.explain.trace():
        loss = classified()
    nodes = {node["op"]: node for node in mg.explain(loss).nodes}
    assert nodes["lstm"]["module"] == "Classifier.lstm"
    assert (
        nodes["lstm"]["origin"].startswith("test_explain.py, line ")
        and "in forward" in nodes["lstm"]["origin"]
    )
    assert nodes["lstm"]["code"] == "return self.fc(self.lstm(self.embedding(ids))[0][:, -1])"


@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("lengths", [None, [5, 2]])
def test_a_fused_op_holds_the_composition_that_it_equals(layer: Any, lengths: Any) -> None:
    output, _ = layer(3, 4, bidirectional=True)(
        mg.randn(5, 2, 3, requires_grad=True), lengths=lengths
    )
    fused = [node for node in mg.explain((output * output).sum()).nodes if "composed" in node]
    assert len(fused) == 2
    for node in fused:
        inner = node["composed"]
        assert len(inner["nodes"]) > 20 and float(inner["max_difference"]) < 1e-5
        names = {value["name"] for value in inner["values"]}
        assert {"x", "h0", "w_ih", "w_hh", "b_ih", "b_hh"} <= names


def test_a_fused_op_that_is_wrong_shows() -> None:
    @mg.op(composed=lambda x: mg.tanh(x))
    def wrong(xp: Any, x: Any) -> Any:
        """y = tanh x, with half of its gradient."""
        y = xp.tanh(x)
        return y, (lambda g: 0.5 * g * (1 - y * y),)

    x = mg.tensor([0.0, 1.0], requires_grad=True)
    assert mg.explain(wrong(x).sum()).nodes[0]["composed"]["max_difference"] == "5.0e-01"


# ---- what it leaves alone, and what it refuses


def test_graph_gradients_and_random_numbers_stay_as_they_were() -> None:
    def gradients(look: bool) -> list[Any]:
        mg.manual_seed(3)
        model = Classifier()
        hidden = model.lstm(model.embedding(mg.randint(0, 9, (2, 7))))[0]
        hidden.retain_grad()
        loss = nn.functional.cross_entropy(model.fc(hidden[:, -1]), mg.tensor([0, 1]))
        if look:
            str(mg.explain(loss)), mg.explain(loss).html()
            assert hidden.grad is None and all(p.grad is None for p in model.parameters())
        draws = mg.rand(3)
        loss.backward()
        return [draws, hidden.grad, *(p.grad for p in model.parameters())]

    for one, other in zip(gradients(look=True), gradients(look=False), strict=True):
        assert mg.equal(one, other)


def test_what_has_no_graph_is_told_in_a_sentence() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    freed = (x * x).sum()
    freed.backward()
    for error, sentence, call in [
        (
            TypeError,
            "explain: expected a tensor that was computed, a loss say, got a float",
            lambda: mg.explain(2.0),
        ),
        (
            RuntimeError,
            "explain: the output of shape .* has no graph behind it",
            lambda: mg.explain(mg.ones(3) * 2),
        ),
        (
            RuntimeError,
            "explain: the output of shape .* has no graph behind it",
            lambda: mg.explain(x),
        ),
        (
            RuntimeError,
            "explain: the output has shape .*, and only a scalar",
            lambda: mg.explain(x * x),
        ),
        (
            ValueError,
            r"explain: expected a gradient of the output.s shape \(2,\), got \(3,\)",
            lambda: mg.explain(x * x, cotangent=[1.0, 2.0, 3.0]),
        ),
        (RuntimeError, "already differentiated and freed", lambda: mg.explain(freed)),
    ]:
        with pytest.raises(error, match=sentence):
            call()


# ---- folding


def test_time_steps_fold() -> None:
    picture = mg.explain(unrolled(100))
    first, *rest = picture.tree
    assert (first["name"], first["repeats"], len(first["items"])) == (
        "100 × 13 ops",
        True,
        100,
    ) and len(rest) == 2
    assert list(members(picture.tree)) == list(range(1302))
    for step in first["items"]:
        assert [picture.nodes[i]["signature"] for i in step["items"]] == [
            node["signature"] for node in picture.nodes[:13]
        ]
    assert str(picture).count("sigmoid(") == 3  # of one step


def test_modules_group_their_nodes() -> None:
    with mg.explain.trace():
        loss = classified()
    picture = mg.explain(loss)
    whole, criterion = picture.tree
    assert (whole["name"], criterion["name"]) == ("Classifier", "CrossEntropyLoss")
    assert [item["name"] for item in whole["items"] if isinstance(item, dict)] == [
        "embedding",
        "lstm",
        "fc",
    ]
    assert list(members(picture.tree)) == list(range(len(picture.nodes)))


def fake(ops: str, args: list[list[int]] | None = None) -> list[dict[str, Any]]:
    """Nodes of these ops; node i makes value i and reads its neighbour's, or `args`."""
    return [
        {"op": op, "signature": op, "module": "", "outs": [i], "args": args[i] if args else [i - 1]}
        for i, op in enumerate(ops)
    ]


def test_only_what_is_alike_folds() -> None:
    assert tree(fake("abcdefgh" * 2)) == list(range(16))  # twice is not often enough
    assert tree(fake("ab" * 5)) == list(range(10))  # and this not long enough
    (folded,) = tree(fake("ab" * 20))
    assert folded["name"] == "20 × 2 ops"
    head, folded, tail = tree(fake("x" + "abc" * 20 + "y"))
    assert (head, folded["name"], tail) == (0, "20 × 3 ops", 61)
    inner = tree(fake(("ab" * 15 + "c") * 4))[0]
    assert inner["name"] == "4 × 31 ops" and inner["items"][0]["items"][0]["name"] == "15 × 2 ops"
    args = [[i - 1] if i % 2 else [i - 2] for i in range(40)]
    args[21] = [0]  # the same ops, but one of them reads something else
    names = [item["name"] for item in tree(fake("ab" * 20, args)) if isinstance(item, dict)]
    assert "20 × 2 ops" not in names


def test_a_long_graph_is_folded_in_the_pictures() -> None:
    picture = mg.explain(unrolled(50))
    for text, edge in ((picture.dot(), " -> "), (picture.mermaid(), " --> ")):
        assert text.count(edge) < 40 and "50 × 13 ops" in text
        drawn = set(re.findall(r"^ *([nv]\d+)[\[(]| ([nv]\d+) \[", text, flags=re.MULTILINE))
        ends = re.findall(rf"([nv]\d+){edge}([nv]\d+)", text)
        assert {name for pair in ends for name in pair} <= {
            a or b for a, b in drawn
        }  # no edge from nowhere


def test_graphviz_reads_it() -> None:
    dot = shutil.which("dot")
    if dot is None:
        pytest.skip("Graphviz is not installed")
    with mg.explain.trace():
        loss = classified()
    done = subprocess.run(
        [dot, "-Tplain"],
        input=mg.explain(loss).dot(),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.count("\nnode ") > 10 and done.stderr == ""


# ---- the page


def test_the_page_is_one_file_that_needs_no_network(tmp_path: Path) -> None:
    path = mg.explain(classified()).save(tmp_path / "page.html")
    page = path.read_text("utf-8")
    assert not re.search(r"""https?://|src=|href=|@import|url\(\s*['"]?[^#)]""", page)
    data = json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    )
    assert {"name", "nodes", "values", "tree", "ops"} == data.keys()


def test_names_cannot_break_the_page() -> None:
    x = mg.tensor(1.0, requires_grad=True)
    page = mg.explain(x * x, names={"</script><b>": x}).html()
    assert "</script><b>" not in page


def test_jupyter_shows_text_where_nothing_offers_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conversions, "html_page", None)
    assert product()[2]._repr_html_() is None


def test_jupyter_shows_a_number_with_a_graph_and_a_module() -> None:
    x, _, z = product()
    frame = z._repr_html_()
    assert frame.startswith('<iframe srcdoc="') and "<!doctype html>" in html.unescape(frame)
    assert x._repr_html_() is None and (x * mg.ones(3))._repr_html_() is None
    z.backward()
    assert z._repr_html_() is None  # its graph is gone
    shown = nn.Sequential(nn.Linear(3, 8), nn.Sequential(nn.Tanh()))._repr_html_()
    assert shown.count("<details") == shown.count("</details>") == 2 and "32 parameters" in shown


def test_the_page_shows_the_derivative_as_derived_from_the_rule() -> None:
    pytest.importorskip("sympy", reason="SymPy is not installed (the extra prove)")
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    page = mg.explain(mg.tanh(x).sum()).html()
    data = json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    )
    assert data["ops"]["tanh"]["derived"] == "∂y/∂x = 1 - tanh²(x)"
    assert data["ops"]["sum"]["derived"] == ""
