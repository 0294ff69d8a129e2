"""What a user named, or what stands in a source line, is text and nothing else: in the page of
explain, in Graphviz and Mermaid, in a notebook and in a terminal."""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from test_explain_page import Browser, browser  # noqa: F401 (the fixture)

import minigrad as mg
import nn

MARKUP = [
    "</script><script>document.documentElement.dataset.pwned=1</script>",
    "<!-- <script>",
    '--><img src=x onerror="document.documentElement.dataset.pwned=1">',
    "<svg onload='document.documentElement.dataset.pwned=1'>",
    "]]><script>document.documentElement.dataset.pwned=1</script>",
    "\\u003cscript>",
    "${document.documentElement.dataset.pwned=1}",
    "{{data}} {{js}}",
    "' onmouseover='document.documentElement.dataset.pwned=1",
    "&lt;b&gt; &amp;",
    'say "hi"',
]
OF_DRAWINGS = [
    'x", URL="javascript:alert(1)", tooltip="y',
    'x"]; evil [URL="javascript:alert(1)"',
    '"])\n click n0 href "javascript:alert(1)"',
    "back\\",
    'back\\\\"',
    "end",
    "a;b%%{init}%%",
]
UNPRINTABLE = ["nul\0", "\x1b[31mred", "a\nb\r\nc", "\u202eright to left", "\ud800", "\u2028"]
HOSTILE = [*MARKUP, *OF_DRAWINGS, *UNPRINTABLE, "n" * 20_000]


def graph(name: str) -> mg.explain:
    """A graph with the name on a leaf, on its output, and on a module."""
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    layer = nn.Sequential({name.replace(".", "_"): nn.Linear(2, 2)})
    with mg.explain.trace():
        loss = (layer(x) * x).sum()
    return mg.explain(loss, names={name: x, name + " ": loss, "layer": layer})


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:20]))
def test_text_for_the_terminal_has_no_control_characters_and_is_not_long(name: str) -> None:
    text = str(graph(name))
    assert text.replace("\n", "").isprintable() and len(text) < 10_000


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:20]))
def test_the_page_of_a_hostile_name_is_drawn_and_runs_nothing(
    name: str,
    browser: Browser,  # noqa: F811
    tmp_path: Path,
) -> None:
    browser.faults.clear()
    browser.open(graph(name).save(tmp_path / "page.html"))  # returns when it has been drawn
    assert browser.count() >= 3 and not browser.faults
    assert browser.value("document.documentElement.dataset.pwned") is None
    browser.press("o", "ArrowRight", "ArrowRight", "ArrowRight")
    assert browser.value("document.documentElement.dataset.pwned") is None and not browser.faults


def test_a_source_line_that_looks_like_markup_is_text_in_the_page(
    browser: Browser,  # noqa: F811
    tmp_path: Path,
) -> None:
    x = mg.ones(2, requires_grad=True)
    with mg.explain.trace():
        loss = (x * len("<!-- <script>")).sum()
    browser.open(mg.explain(loss).save(tmp_path / "page.html"))
    assert browser.count() == 3 and not browser.faults


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:20]))
def test_no_name_becomes_an_attribute_in_graphviz(name: str, tmp_path: Path) -> None:
    if shutil.which("dot") is None:
        pytest.skip("no Graphviz is installed")
    file = tmp_path / "graph.dot"
    file.write_text(graph(name).dot(), encoding="utf-8")
    drawn = subprocess.run(["dot", "-Tsvg", file], capture_output=True, encoding="utf-8")
    assert drawn.returncode == 0 and not drawn.stderr, drawn.stderr
    assert not re.search(r"<[^>]*\bhref=", drawn.stdout)
    assert "evil" not in re.findall("<title>(.*?)<", drawn.stdout)


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:20]))
def test_in_mermaid_a_name_is_one_label_of_letters_and_codes(name: str) -> None:
    quoted = re.compile(r'"((?:[^"#]|#\d+;|<br>)*)"')
    for line in graph(name).mermaid().splitlines():
        outside = quoted.sub("", line.strip())
        assert re.fullmatch(
            r"flowchart TD|end|(subgraph )?[nvg]\d+(\[\]|\(\[\]\)| --> n\d+)", outside
        )
        for label in quoted.findall(line):
            assert not set(label.replace("<br>", "")) & set('"\\<>;&`') - {";"}


def test_a_long_graph_takes_less_than_a_megabyte_of_a_notebook() -> None:
    x = mg.ones(2, requires_grad=True)
    for _ in range(2000):
        x = mg.tanh(x * 1.01)
    shown = x.sum()._repr_html_()
    assert shown is not None and len(shown) < 1_000_000
    assert "4001 ops" in shown and "save(path)" in shown and "tanh" in shown
    short = (mg.ones(2, requires_grad=True) * 2).sum()._repr_html_()
    assert short is not None and short.startswith("<iframe")


def test_a_page_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    explained = graph("x")
    explained.save(page)
    before = page.read_text("utf-8")

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        explained.save(page)
    assert page.read_text("utf-8") == before and list(tmp_path.iterdir()) == [page]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_page_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("", encoding="utf-8")
    page = graph("x").save(tmp_path / "page.html")
    assert page.stat().st_mode == other.stat().st_mode


def test_a_variable_that_fails_does_not_spoil_the_names_of_the_others() -> None:
    class Odd:
        def named_parameters(self) -> None:
            raise RuntimeError("no")

    x = mg.tensor(2.0, requires_grad=True)
    assert "mul(x, 3)" in str(mg.explain(x * 3, names={"odd": Odd(), "x": x}))


def test_data_of_the_page_is_json_after_unescaping() -> None:
    page = graph("</script>").html()
    found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None and "<" not in found[1]
    assert json.loads(found[1])["values"] and html.escape(found[1])
