"""python -m demos.results OUT: what a run left in OUT as demos/RESULTS.md, for those who run
nothing.

The numbers are kept in demos/results/results.json; a test makes the page from them again
and compares, and holds what the README says of results to the same file.
"""

from __future__ import annotations

import datetime
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demos import store
from demos.report import VERDICTS, verdict_kind

PAGE = Path(__file__).with_name("RESULTS.md")
FOLDER = Path(__file__).with_name("results")
Results = dict[str, Any]
HIGHLIGHTS = [  # what the README shows: a section, and how its claim begins
    ("s6", "An LSTM keeps its accuracy"),
    ("s6", "The forget bias should start at 1"),
    ("s8", "In the attention that the lesson draws"),
    ("s9", "A training step of a GRU takes"),
    ("x1", "The gradient flows back through the addition"),
    ("x2", "An LSTM language model is better than counting"),
    ("x3", "An LSTM predicts share prices"),
    ("x4", "Processing in both directions"),
    ("x6", "With peepholes"),
    ("x7", "One vector of fixed size"),
]


def load(folder: Path = FOLDER) -> Results:
    return store.load(folder / "results.json")


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def counts(results: Results) -> str:
    """How many claims have each verdict, as one sentence."""
    found = Counter(verdict_kind(claim["verdict"]) for claim in results["claims"])
    plural = {
        "holds": "hold",
        "holds only if": "hold only under a condition",
        "does not hold": "do not hold",
        "cannot be tested": "cannot be tested",
    }
    parts = [f"{found[kind]} {plural[kind]}" for kind in VERDICTS if found[kind]]
    return f"Of {len(results['claims'])} claims {', '.join(parts[:-1])} and {parts[-1]}."


def claim_rows(claims: list[dict[str, Any]]) -> Iterator[str]:
    yield "| place | claim | measured | baseline | verdict |\n|---|---|---|---|---|\n"
    for claim in claims:
        base = claim["baseline"]
        baseline = f"{base['name']}: {base['text']}" if base else ""
        mark = VERDICTS[verdict_kind(claim["verdict"])]
        cells = [
            claim["where"],
            claim["claim"],
            claim["measured"]["text"],
            baseline,
            f"{mark} {claim['verdict']}",
        ]
        yield f"| {' | '.join(map(cell, cells))} |\n"


def highlights(results: Results) -> str:
    """The README's table."""
    claims = [
        next(
            claim
            for claim in results["claims"]
            if claim["section"] == section and claim["claim"].startswith(begin)
        )
        for section, begin in HIGHLIGHTS
    ]
    return "".join(claim_rows(claims))


def section_page(section: dict[str, Any]) -> Iterator[str]:
    yield f"\n## {section['title']}\n\n{section['intro']}\n"
    for block in section["blocks"]:
        if block["type"] == "figure":
            name = Path(block["file"]).name
            yield f"\n![{block['caption']}](results/{name})\n\n*{block['caption']}*\n"
        elif block["type"] == "table":
            head, *rows = block["rows"]
            yield (
                f"\n{block['caption']}\n\n| {' | '.join(map(cell, head))} "
                f"|\n|---{'|--:' * (len(head) - 1)}|\n"
            )
            yield "".join(f"| {' | '.join(map(cell, row))} |\n" for row in rows)
        elif block["type"] == "text":
            yield f"\n{block['text']}\n"
    yield f"\nAgain: `{section['command']}`\n"


def page(results: Results) -> str:
    """RESULTS.md."""
    made = results["made"]
    parts = [
        "# What the demos measured\n\n",
        f"{counts(results)} Numbers are medians, with the range over independent runs in "
        "brackets; places are sections "
        "of the lesson. Made by `python -m demos.results` from "
        "[results.json](results/results.json), which "
        f'`make demos ARGS="--seeds {made["seeds"]}"` writes; on {made["date"]} with '
        f"{made['machine']}.\n\n",
        "## Claims\n\n",
        *claim_rows(results["claims"]),
    ]
    for section in results["sections"]:
        parts += section_page(section)
    return "".join(parts)


def publish(out: Path) -> None:
    from PIL import Image  # matplotlib brings it

    results = load(out)
    if any(section["quick"] for section in results["sections"]):
        sys.exit(f"{out} was made with --quick, with small versions; run the demos without it.")
    results["made"] = {
        "date": datetime.date.today().isoformat(),
        "seeds": min(section["seeds"] for section in results["sections"]),
        "machine": f"Python {platform.python_version()}, NumPy {results['sections'][0]['numpy']}, "
        f"{os.cpu_count()} cores, {platform.machine()}",
    }
    for old in FOLDER.glob("*"):
        old.unlink()
    store.write(FOLDER / "results.json", store.to_json(results, indent=0))
    for section in results["sections"]:
        for block in section["blocks"]:
            if block["type"] == "figure":
                image = Image.open(out / block["file"]).convert("RGB")
                image.quantize(128).save(FOLDER / Path(block["file"]).name, optimize=True)
    print(store.write(PAGE, page(results)))


if __name__ == "__main__":
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "results.json").is_file():
        sys.exit(
            "python -m demos.results OUT: OUT is the folder that `python -m demos --seeds 5 "
            "--out OUT` has filled."
        )
    publish(Path(sys.argv[1]))
