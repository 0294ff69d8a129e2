"""python -m benchmarks: measure, print one table, and write it down."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import minigrad as mg
from benchmarks import (
    draw,
    imports,
    layers,
    memory,
    overhead,
    parts,
    programs,
    report,
    scaling,
    small_ops,
    training,
)
from benchmarks.measure import Case, Disagreement, Effort, measure

GROUPS = layers, training, overhead, small_ops, memory, scaling, parts, programs, imports
HERE, PART = Path(__file__).parent, Path("out") / "benchmarks"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description="Time minigrad, PyTorch and others, in turn."
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="workloads whose name contains one of these: layers",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small versions, to see that everything runs"
    )
    parser.add_argument(
        "--resume", action="store_true", help="keep what a run that was cut short has measured"
    )
    parser.add_argument("--list", action="store_true", help="print the names of the workloads")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where results go (default: benchmarks, and for a part "
        "of them or with --quick: out/benchmarks)",
    )
    return parser.parse_args()


def chosen(quick: bool, only: list[str] | None) -> list[Case]:
    """The cases whose title contains one of the names."""
    cases = [case for group in GROUPS for case in group.cases(quick)]
    for name in only or ():
        if not any(name in case.title for case in cases):
            sys.exit(
                f"python -m benchmarks: no workload's name contains {name!r}; --list prints them"
            )
    return [case for case in cases if not only or any(name in case.title for name in only)]


def run(cases: list[Case], effort: Effort) -> Iterator[tuple[dict[str, Any] | None, str | None]]:
    """For each case its row, or why there is none: the results differ, or somebody's program
    fails."""
    for number, case in enumerate(cases, start=1):
        print(f"[{number}/{len(cases)}] {case.title}", file=sys.stderr, flush=True)
        mg.manual_seed(0)
        try:
            found = measure(case.contest(), effort)
        except Exception as error:
            why = (
                str(error)
                if isinstance(error, Disagreement)
                else f"{type(error).__name__}: {error}"
            )
            print(f"    refused: {why}", file=sys.stderr, flush=True)
            yield None, f"{case.title}: {why}"
        else:
            yield (
                {"group": case.group, "name": case.name, "x": case.x, "title": case.title, **found},
                None,
            )


def main() -> None:
    options = parse()
    cases = chosen(options.quick, options.only)
    if options.list:
        print("\n".join(case.title for case in cases))
        return
    effort, began, loads = (
        Effort(2, 0.01) if options.quick else Effort(),
        time.time(),
        [os.getloadavg()[0]],
    )
    out = options.out or (PART if options.quick or options.only else HERE)
    titles = [case.title for case in cases]
    rows = (
        [row for row in report.rows_in(options.out or PART) if row["title"] in titles]
        if options.resume
        else []
    )
    kept = {row["title"] for row in rows}
    cases = [case for case in cases if case.title not in kept]
    if not cases:
        sys.exit(
            "python -m benchmarks --resume: all of it is measured already; leave --resume "
            "out to measure it again"
        )
    refused: list[str] = []
    about: dict[str, str] = {}
    for row, refusal in run(cases, effort):
        rows = sorted(rows + ([row] if row else []), key=lambda row: titles.index(row["title"]))
        refused += [refusal] if refusal else []
        loads.append(os.getloadavg()[0])
        about = report.conditions(effort)
        about["load"] = (
            f"{min(loads):.1f} to {max(loads):.1f} in {time.time() - began:.0f} s of measuring"
        )
        about["measured"] = f"{len(rows) + len(refused)} of {len(kept) + len(cases)} workloads"
        about["measured"] += f", {len(kept)} of them by an earlier run" if kept else ""
        report.write(
            options.out or PART, rows, about, refused
        )  # so that a run that is cut short is not lost
    print(report.results_table(rows), report.goals_table(rows), sep="\n\n")
    report.write(out, rows, about, refused)
    print("", *draw.draw(rows, out), out / "RESULTS.md", out / "results.json", sep="\n")
    if refused:
        sys.exit("\n".join(["", "Refused:", *refused]))


if __name__ == "__main__":
    main()
