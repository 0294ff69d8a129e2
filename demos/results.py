"""python -m demos.results: demos/RESULTS.md, for those who run nothing.

The verdicts are made from the records in demos/records; what the sections show from
demos/results/results.json, which `python -m demos.results OUT` takes from a run of the demos that
has filled OUT. Tests make the page again and compare, and hold what the README says to it.
"""

from __future__ import annotations

import datetime
import os
import platform
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from demos import claims, engines, forest, judging, report, rule, store, verdicts
from demos.records import Records
from demos.verdicts import Verdict, readable

PAGE = Path(__file__).with_name("RESULTS.md")
FOLDER = Path(__file__).with_name("results")
FORESTS = FOLDER / "forest"
TOLD = FOLDER / "told.md"  # what the ledger says in plain words; a test holds it to the verdicts
CHANGED = FOLDER / "changed.toml"  # the verdicts of the ledger before, and why they are others now
Results = dict[str, Any]
Verdicts = dict[str, Verdict]
HIGHLIGHTS = [  # what the README shows
    "copy-lstm",
    "bias-should-be-1",
    "gru-faster",
    "by-the-addition",
    "lm-counting",
    "share-price",
    "both-directions",
    "peepholes-time",
]
WIDE = "&nbsp;" * 8  # as wide a column as the small pictures are
EACH = (
    "each; numbers are medians, with the range over the runs in brackets. Here one or two learning "
    "rates are tried for each side, and in the ledger three, so that a side may do better there."
)
PLURAL = {
    rule.HOLDS: "hold",
    verdicts.ONLY_IF: "hold only under a condition",
    rule.FAILS: "do not hold",
    rule.ALIKE: "claim a difference where both sides are alike",
    rule.UNDECIDED: "are undecided",
    verdicts.NOT_RUN: "are not run",
}


def load(folder: Path = FOLDER) -> Results:
    return store.load(folder / "results.json")


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def of_the_lesson(found: Verdicts) -> list[Verdict]:
    """The rows that are claims, without those that only show a condition."""
    return [verdict for verdict in found.values() if verdict.row.place]


def counts(found: Verdicts) -> str:
    """How many claims have each verdict, as one sentence."""
    number = Counter(verdict.kind for verdict in of_the_lesson(found))
    parts = [f"{number[kind]} {PLURAL[kind]}" for kind in verdicts.MARKS if number[kind]]
    *first, last = parts
    return f"Of {number.total()} claims, {', '.join(first)}, and {last}."


def sides(verdict: Verdict) -> str:
    """What both sides measured, in the mean of the runs."""
    row = verdict.row
    if row.is_fact:
        return readable(row.unit.format(max(verdict.a, key=abs))) if verdict.a else ""
    if not verdict.a:
        return f"{row.sides[0]}; {row.sides[1]}"
    told = []
    for side, values in zip(row.sides, (verdict.a, verdict.b), strict=True):
        told.append(report.side_told(side, readable(row.unit.format(row.typical(values)))))
    return "; ".join(told)


def interval(verdict: Verdict) -> str:
    """The small picture, and in words what it shows."""
    if verdict.judged is None or verdict.kind == verdicts.NOT_RUN:
        return "fact" if verdict.row.is_fact else ""
    words = readable(forest.description(verdict))
    estimate, _, least = words.partition("; ")
    picture = f'<img src="results/forest/{verdict.row.name}.svg" alt="{words}">'
    return f"{picture}<br>{estimate}<br>{least}"


def chances(verdict: Verdict) -> str:
    """The chance that a run beats its partner, and the corrected p-value."""
    if verdict.judged is None or verdict.p is None:
        return ""
    p = "< 0.001" if verdict.p < 0.001 else f"{verdict.p:.3f}".rstrip("0").rstrip(".")
    ahead = "–" if verdict.row.direction == "alike" else f"{verdict.judged.wins:.0%}"
    return f"{ahead}; {p}"


def in_torch(row: claims.Claim, records: Records) -> str:
    """Whether the same experiment on PyTorch comes to the same verdict, on the seeds that both
    have."""
    ours, theirs = (records.sides(row.name, engine) for engine in ("minigrad", "torch"))
    n = min(len(ours[0]), len(theirs[0]))
    if row.is_fact and n:
        both = {verdicts.of_fact(row, side[0][:n]) for side in (ours, theirs)}
        return "same" if len(both) == 1 else "differs"
    if not rule.look(n):
        return "not run"
    judged = [
        rule.judge(row.differences(a[:n], b[:n]), row.least, row.direction)
        for a, b in (ours, theirs)
    ]
    word = "same" if agree(*judged) else f"differs: {judged[1].verdict}"
    if judged[0].verdict == judged[1].verdict == rule.UNDECIDED:
        word = f"same: {rule.UNDECIDED}"
    return f"{word} ({judged[1].n} runs)"


def agree(one: rule.Judged, other: rule.Judged) -> bool:
    """The same verdict; or one is undecided, and each estimate lies in the other's interval."""
    if one.verdict == other.verdict:
        return True
    inside = one.low <= other.estimate <= one.high and other.low <= one.estimate <= other.high
    return inside and rule.UNDECIDED in (one.verdict, other.verdict)


def rows(found: Verdicts, records: Records) -> Iterator[str]:
    """The table of claims; the comparison that shows a condition follows the row that names it."""
    yield (
        f"| claim | a; b | a{WIDE}against{WIDE}b | runs | ahead; p | PyTorch | verdict |\n"
        "|---|---|---|--:|---|---|---|\n"
    )
    shown: set[str] = set()
    for verdict in of_the_lesson(found):
        yield row_of(verdict, records)
        condition = verdict.row.shown_by
        if condition and not found[condition].row.place and condition not in shown:
            shown.add(condition)
            yield row_of(found[condition], records)


def row_of(verdict: Verdict, records: Records) -> str:
    row = verdict.row
    mark = verdicts.MARKS[verdict.kind]
    cells = [
        f"{row.text} *({row.place})*" if row.place else f"↳ {row.text}",
        f"{sides(verdict)} ({row.measure})",
        interval(verdict),
        str(verdict.seeds),
        chances(verdict),
        in_torch(row, records),
        f"{mark} {verdict.word}{judging.remark(verdict)}",
    ]
    return f"| {' | '.join(map(cell, cells))} |\n"


def highlights(found: Verdicts) -> str:
    """The README's table."""
    lines = ["| place | claim | measured | verdict |\n|---|---|---|---|\n"]
    for name in HIGHLIGHTS:
        verdict = found[name]
        row, mark = verdict.row, verdicts.MARKS[verdict.kind]
        measured = f"{sides(verdict)} ({row.measure}; {verdict.seeds} runs)"
        cells = [row.place, row.text, measured, f"{mark} {verdict.word}"]
        lines.append(f"| {' | '.join(map(cell, cells))} |\n")
    return "".join(lines)


def grouped(found: Verdicts, head: str, told: Callable[[claims.Claim], str]) -> Iterator[str]:
    """A table of what is told of the comparisons, each sentence once with the claims it is for."""
    claims_of: dict[str, list[str]] = {}
    for verdict in found.values():
        if not verdict.row.is_fact:
            claims_of.setdefault(told(verdict.row), []).append(verdict.row.text)
    yield f"| {head} | claims |\n|---|---|\n"
    for sentence in sorted(claims_of, key=lambda text: text.startswith("none")):
        yield f"| {cell(sentence)} | {cell('; '.join(claims_of[sentence]))} |\n"


def smallest_effect(row: claims.Claim) -> str:
    """It, and the reason why it is that one."""
    return f"{readable(forest.least(row))}; {row.reason}"


def not_on_torch() -> Iterator[str]:
    """Why some rows have no runs on PyTorch."""
    reasons = {**engines.NOT_RUN, **engines.NOT_MEASURED, "all others": engines.NOT_RUN_YET}
    told = "; ".join(f"{name}: {why}" for name, why in reasons.items())
    yield (
        "\nPyTorch: the same scripts run with `--engine torch`; compared on the seeds that both "
        f"have, where there are at least {rule.LOOKS[0]}. [AGREEMENT.md](AGREEMENT.md) has the "
        f"numbers of both, and why a verdict differs. Not run: {told}.\n"
    )


def changed() -> dict[str, dict[str, str]]:
    """Row -> what the ledger before said ("before"), and why it is another verdict now ("why")."""
    return tomllib.loads(CHANGED.read_text("utf-8")) if CHANGED.exists() else {}


def differs(before: str, now: Verdict) -> bool:
    """Whether a verdict is another one; "alike" is a way not to hold."""
    return (rule.FAILS if now.kind == rule.ALIKE else now.kind) != before


def changes(found: Verdicts) -> Iterator[str]:
    yield "| claim | before | now | why |\n|---|---|---|---|\n"
    for name, entry in changed().items():
        now = found[name]
        if differs(entry["before"], now):
            cells = [now.row.text, entry["before"], now.kind, entry["why"]]
            yield f"| {' | '.join(map(cell, cells))} |\n"


def section_page(section: dict[str, Any]) -> Iterator[str]:
    yield f"\n## {section['title']}\n\n{section['intro']}\n"
    for block in section["blocks"]:
        if block["type"] == "figure":
            name = Path(block["file"]).name
            yield f"\n![{block['caption']}](results/{name})\n\n*{block['caption']}*\n"
        elif block["type"] == "table":
            head, *lines = block["rows"]
            yield (
                f"\n{block['caption']}\n\n| {' | '.join(map(cell, head))} "
                f"|\n|---{'|--:' * (len(head) - 1)}|\n"
            )
            yield "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)
        elif block["type"] == "text":
            page = f"{block['page']}: " if "page" in block else ""
            yield f"\n{page}{block['text']}\n"
    yield f"\nAgain: `{section['command']}`\n"


def page(results: Results, records: Records, found: Verdicts) -> str:
    """RESULTS.md."""
    made = results["made"]
    stale = sum(records.stale.values())
    parts = [
        "# What the demos measured\n\n",
        f"{counts(found)} Places are sections of the lesson. Made by "
        "`python -m demos.results` from [the records of the runs](records), which `python -m "
        "demos.ledger` adds to, under the table of claims "
        f"{claims.table_hash()}.",
        f" Left out: {verdicts.counted(stale, 'result')} of earlier versions of a row."
        * bool(stale),
        "\n\n",
        TOLD.read_text("utf-8") if TOLD.exists() else "",
        judging.section(found),
        "\n## Claims\n\n",
        *rows(found, records),
        *not_on_torch(),
        "\n## Learning rates\n\nWhich rates were tried for each side, and on what data one was "
        "chosen: never on the data that is reported.\n\n",
        *grouped(found, "rates", lambda row: row.rates),
        "\n## Smallest effects\n\nThe smallest difference or factor that matters, written down "
        "before the runs, and the reason for it.\n\n",
        *grouped(found, "smallest effect", smallest_effect),
        "\n## Verdicts that changed\n\nCompared with an earlier ledger, which had its own rule "
        "for each claim, and why:\n\n",
        *changes(found),
        f"\nWhat follows was made on {made['date']} with {made['machine']}, {made['seeds']} runs "
        f"{EACH}\n",
    ]
    for section in results["sections"]:
        parts += section_page(section)
    return "".join(parts)


def take_sections(out: Path) -> None:
    """Take what the sections show from OUT into demos/results."""
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
    for old in FOLDER.glob("*.png"):
        old.unlink()
    without_claims(results)
    store.write(FOLDER / "results.json", store.to_json(results, indent=0))
    for section in results["sections"]:
        for block in section["blocks"]:
            if block["type"] == "figure":
                image = Image.open(out / block["file"]).convert("RGB")
                image.quantize(128).save(FOLDER / Path(block["file"]).name, optimize=True)


def without_claims(results: Results) -> None:
    """Leave out the claims: they are made from the records."""
    results.pop("claims", None)
    for section in results["sections"]:
        section["blocks"] = [block for block in section["blocks"] if block["type"] != "claim"]


def publish() -> None:
    """Write the pictures of the rows, and the page."""
    records = Records.load()
    for old in FORESTS.glob("*.svg"):
        old.unlink()
    found = verdicts.committed()
    for name, verdict in found.items():
        if verdict.judged is not None:
            store.write(FORESTS / f"{name}.svg", forest.file(verdict))
    print(store.write(PAGE, page(load(), records, found)))


if __name__ == "__main__":
    if len(sys.argv) > 2 or (sys.argv[1:] and not (Path(sys.argv[1]) / "results.json").is_file()):
        sys.exit(
            "python -m demos.results [OUT]: OUT is the folder that `python -m demos --seeds 5 "
            "--out OUT` has filled; without it the page is made again from the records."
        )
    if sys.argv[1:]:
        take_sections(Path(sys.argv[1]))
    publish()
