"""results.json and report.html from what the sections have shown."""

from __future__ import annotations

import base64
import html
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demos import claims, forest, options, store, verdicts

Section = dict[str, Any]
Block = dict[str, Any]
COLUMNS = ("Place", "Claim", "These runs", "Ledger", "Verdict of the ledger")


def write(out: Path) -> str:
    """Gather the sections in `out` into results.json and report.html; returns where they are."""
    paths = sorted((out / "sections").glob("[spx][0-9]*.json"), key=order)
    try:
        sections = [store.load(path) for path in paths]
        parts = [part_of(path, section, out) for path, section in zip(paths, sections, strict=True)]
    except ValueError as error:
        sys.exit(f"A section of the report cannot be read: {error} and run its demo again.")
    ledger = [
        block for section in sections for block in section["blocks"] if block["type"] == "claim"
    ]
    data = store.write(
        out / "results.json", store.to_json({"claims": ledger, "sections": sections}, indent=1)
    )
    page = store.write(out / "report.html", "".join(html_of(sections, ledger, parts)))
    return f"\nReport   {page}\nNumbers  {data}\nFigures  {out / 'figures'}"


def order(path: Path) -> tuple[int, int]:
    return options.KINDS.index(path.stem[0]), int(path.stem[1:])


def part_of(path: Path, section: Section, out: Path) -> str:
    """The part of the page that shows a section.

    Raises ValueError, which names the file, where it is not of the shape that a demo writes, or
    shows a file that lies elsewhere: the folder may come from somebody else.
    """
    try:
        if section["name"] != path.stem:
            raise ValueError(f"it is the section {section['name']!r}")
        claims = [block for block in section["blocks"] if block["type"] == "claim"]
        list(ledger_html(claims))
        store.to_json(section)
        return "".join(section_html(section, out))
    except (ValueError, KeyError, TypeError, AttributeError, LookupError, OSError) as error:
        raise ValueError(
            f"{str(path)!r} is damaged: {type(error).__name__}: {error}; remove it"
        ) from error


def text(value: str) -> str:
    """A text in the page: markup in it is shown, control characters are not; `code` is set as
    code."""
    escaped = html.escape(store.printable(value), quote=False)
    return re.sub("`([^`]+)`", r"<code>\1</code>", escaped)


def verdict_kind(verdict: str) -> str:
    """The longest kind of verdict that this one begins with."""
    return max((kind for kind in verdicts.MARKS if verdict.startswith(kind)), key=len)


def badge(verdict: str) -> str:
    kind = verdict_kind(verdict)
    name = kind.replace(" ", "-")
    mark = f'<span aria-hidden="true">{verdicts.MARKS[kind]}</span>'
    return f'<span class="{name}"><b>{mark} {kind}</b>{text(verdict.removeprefix(kind))}</span>'


def html_of(sections: list[Section], ledger: list[Block], parts: list[str]) -> Iterator[str]:
    """The page. parts: what shows each section."""
    yield HEAD
    yield (
        "<header><h1>Gates, measured</h1><p>A lesson on LSTM and GRU networks, put to the test "
        "with minigrad: each of its claims, and what was measured.</p>"
    )
    if any(section["quick"] for section in sections):
        yield (
            '<p class="quick">Made with --quick: small versions of the experiments, to see that '
            "everything runs. Do not quote their numbers.</p>"
        )
    links = [
        f'<li><a href="#{section["name"]}">{text(section["title"])}</a>' for section in sections
    ]
    yield f"<nav><ol>{''.join(links)}</ol></nav></header><main>"
    yield from ledger_html(ledger)
    yield from parts
    yield "</main></body></html>"


def in_order(ledger: list[Block]) -> list[Block]:
    """The claims, each followed by the comparison that shows its condition."""
    by_name = {row["name"]: row for row in ledger}
    ordered = {}
    for row in ledger:
        if not row["where"]:
            continue
        ordered[row["name"]] = row
        condition = by_name.get(claims.table()[row["name"]].shown_by)
        if condition and not condition["where"]:
            ordered.setdefault(condition["name"], condition)
    return [*(ordered | by_name).values()]


def ledger_html(ledger: list[Block]) -> Iterator[str]:
    counts = Counter(verdict_kind(row["verdict"]) for row in ledger if row["where"])
    yield '<section id="ledger"><h2>Claims</h2><p class="counts">'
    yield " ".join(
        f"<span>{badge(kind)} {counts[kind]}</span>" for kind in verdicts.MARKS if counts[kind]
    )
    yield (
        "</p><p><i>These runs</i>: medians, with the range over independent runs. The verdict is "
        "that of the ledger, which rests on the runs in demos/records: the picture shows the "
        "interval of the mean difference, and in grey the differences that do not matter. A fact "
        "is counted or computed, the same in every run. Places are sections of the lesson; ↳ is a "
        "comparison under the condition that the row above names.</p>"
    )
    heads = "".join(f"<th>{name}</th>" for name in COLUMNS)
    yield f"<table class='ledger'><thead><tr>{heads}</tr></thead><tbody>"
    for row in in_order(ledger):
        verdict = verdicts.committed()[row["name"]]
        drawn = f"{forest.picture(verdict)}<br>" if verdict.judged else ""
        link = f'<a href="#{html.escape(row["section"])}">{text(row["claim"])}</a>'
        cells = [
            text(row["where"]),
            link if row["where"] else f"↳ {link}",
            sides_html(row),
            f"{drawn}{rests_on(row)}" if row["seeds"] else "",
            badge(row["verdict"]),
        ]
        columns = zip(COLUMNS, cells)
        row_html = "".join(f'<td data-name="{name}">{cell}</td>' for name, cell in columns)
        yield f"<tr>{row_html}</tr>"
    yield "</tbody></table></section>"


def section_html(section: Section, out: Path) -> Iterator[str]:
    yield f'<section id="{section["name"]}"><h2>{text(section["title"])}</h2>'
    yield f"<p>{text(section['intro'])}</p>"
    for block in section["blocks"]:
        yield "".join(BLOCKS[block["type"]](block, out))
    work = sum(experiment["seconds"] for experiment in section["experiments"].values())
    runs = sum(len(experiment["runs"]) for experiment in section["experiments"].values())
    facts = [f"<code>{text(section['command'])}</code>"] + [
        f"{runs} runs, {work:.0f} s of computing"
    ] * bool(runs)
    yield f'<p class="again">{" · ".join(facts)} · {text(section["device"])}</p></section>'


def file_of(name: str, out: Path) -> Path:
    """A file that a section shows; raises ValueError where there is none of that name in `out`."""
    file = (out / name).resolve()
    if not file.is_relative_to(out.resolve()):
        raise ValueError(f"it shows {name!r}, which lies elsewhere")
    if not file.is_file():
        raise ValueError(f"it shows {name!r}, which is not there")
    return file


def figure_html(block: Block, out: Path) -> Iterator[str]:
    image = base64.b64encode(file_of(block["file"], out).read_bytes()).decode()
    alt = html.escape(store.printable(block["caption"]))
    yield f'<figure><img alt="{alt}" src="data:image/png;base64,{image}">'
    yield f"<figcaption>{text(block['caption'])}</figcaption></figure>"


def text_html(block: Block, out: Path) -> Iterator[str]:
    """A paragraph; before it a link, where it is about a page of its own."""
    link = ""
    if "page" in block:
        file_of(block["page"], out)
        link = f'<a href="./{html.escape(block["page"])}">{text(block["page"])}</a>: '
    yield f"<p>{link}{text(block['text'])}</p>"


def table_html(block: Block, out: Path) -> Iterator[str]:
    head, *rows = block["rows"]
    yield f'<p class="caption">{text(block["caption"])}</p>'
    yield '<div class="wide"><table class="data"><thead><tr>'
    yield "".join(f"<th>{text(cell)}</th>" for cell in head) + "</tr></thead><tbody>"
    for first, *rest in rows:
        yield (
            f"<tr><th>{text(first)}</th>"
            + "".join(f"<td>{text(cell)}</td>" for cell in rest)
            + "</tr>"
        )
    yield "</tbody></table></div>"


def side_told(name: str, measured: str) -> str:
    """What a side measured; one that is a number says it by its name."""
    is_number = name.replace(".", "", 1).isdecimal()
    return name if is_number or name == measured else f"{name}: {measured}"


def sides_told(block: Block) -> str:
    """What both sides measured here."""
    return "; ".join(side_told(side["name"], side["text"]) for side in block["sides"])


def measure_told(block: Block) -> str:
    """What was measured of both sides; the table describes the full experiment."""
    return f"a small version of: {block['measure']}" if block["quick"] else str(block["measure"])


def is_fact(block: Block) -> bool:
    """Whether it is counted or computed: its measure is its only side."""
    return len(block["sides"]) == 1


def rests_on(block: Block) -> str:
    """What the verdict of the ledger rests on."""
    return "a fact" if is_fact(block) else verdicts.counted(block["seeds"], "seed")


def sides_html(block: Block) -> str:
    sides = text(sides_told(block))
    if is_fact(block):
        return sides
    return f'{sides}<br><span class="place">{text(measure_told(block))}</span>'


def claim_html(block: Block, out: Path) -> Iterator[str]:
    place = f'<span class="place">{text(block["where"])}</span>'
    yield f'<div class="claim"><p>{text(block["claim"])} {place}</p>'
    yield f"<p>{sides_html(block)}</p>"
    ledger = f"ledger, {rests_on(block)}"
    yield f"<p>{badge(block['verdict'])} <span class='place'>({ledger})</span></p>"
    if block["own"] and not block["quick"]:
        yield f"<p>{badge(block['own'])} <span class='place'>(these runs alone)</span></p>"
    yield "</div>"


BLOCKS = {
    "text": text_html,
    "figure": figure_html,
    "table": table_html,
    "claim": claim_html,
}

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Gates, measured</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
:root { --ink: #222; --soft: #5f5f5f; --line: #dcdcdc; --ground: #fff; --panel: #f6f6f4;
  --link: #00578a; --yes: #00694c; --part: #7a5200; --no: #a83b00; --open: #555; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e4e4; --soft: #a8a8a8; --line: #3b3b3b; --ground: #1a1a1a; --panel: #242424;
    --link: #7cc0ea; --yes: #4fc9a0; --part: #e0b050; --no: #ff9a66; --open: #b5b5b5; }
  figure img { filter: invert(.898) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 0 1.1rem 4rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  overflow-wrap: break-word; }
header, main { max-width: 64rem; margin: 0 auto; }
section > p, header p { max-width: 44rem; }
nav ol { list-style: none; columns: 24rem; margin: 1.2rem 0 0; padding: 0; }
nav li { break-inside: avoid; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 2rem 0 .5rem; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 3.2rem 0 .6rem; padding-top: 1.2rem;
  border-top: 1px solid var(--line); }
a { color: var(--link); text-underline-offset: .15em; }
code { font-size: .9em; }
figure { margin: 1.6rem 0; max-width: 44rem; }
img { display: block; width: 100%; height: auto; }
figcaption, .again, .place, .caption { color: var(--soft); font-size: .9rem; }
figcaption { margin-top: .5rem; }
.quick { color: var(--no); font-weight: 600; }
.counts span { white-space: nowrap; } .counts > span { margin-right: 1.2rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; vertical-align: top; text-align: left;
  border-bottom: 1px solid var(--line); }
.caption { margin: 1.2rem 0 .2rem; break-after: avoid; }
.data th:first-child { padding-left: 0; }
.data td, .data thead th { text-align: right; } .data th:first-child { text-align: left; }
.data tbody th { font-weight: 400; } .data td { white-space: nowrap; }
.wide { overflow-x: auto; margin: 0 0 1.2rem; }
.ledger th, .ledger td { padding-left: 0; }
.ledger thead th { color: var(--soft); font-weight: 500; }
.ledger td:nth-child(1) { width: 8%; color: var(--soft); } .ledger td:nth-child(2) { width: 25%; }
.ledger td:nth-child(3) { width: 30%; } .ledger td:nth-child(4) { width: 17%; }
.claim { border-left: 3px solid var(--line); padding: .1rem 0 .1rem 1rem; margin: 1.2rem 0;
  max-width: 44rem; }
.claim p { margin: .25rem 0; } .claim p:first-child { font-weight: 600; }
.place { font-weight: 400; }
.holds { color: var(--yes); } .holds-only-if { color: var(--part); }
.does-not-hold, .alike { color: var(--no); } .undecided, .not-run { color: var(--open); }
@media (max-width: 44rem) {
  .data th, .data td { padding: .35rem .4rem; }
  .ledger thead { display: none; }
  .ledger tr { display: block; padding: .8rem 0; border-bottom: 1px solid var(--line); }
  .ledger td { display: block; border: 0; padding: .1rem 0; width: auto !important; }
  .ledger td:empty { display: none; } .ledger td:nth-child(2) { font-weight: 600; }
  .ledger td:nth-child(3)::before, .ledger td:nth-child(4)::before {
    content: attr(data-name) ": "; color: var(--soft);
  }
}
@media print {
  body { padding: 0; font-size: 10pt; } a { color: inherit; text-decoration: none; }
  figure, .claim, table.data, .ledger tr { break-inside: avoid; } h2 { break-after: avoid; }
  figure { max-width: 12cm; margin: 1rem 0; } section > p { max-width: none; }
}
</style></head><body>
"""
