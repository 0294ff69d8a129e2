"""python -m demos.engines.agreement: AGREEMENT.md, minigrad held against PyTorch.

First the losses of each family of experiments, trained anew by both engines. Then each claim that
both have runs of, from demos/records. WHY says what is behind a verdict that differs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from demos import engines, results, rule, store, verdicts
from demos.records import Records

PAGE = Path(__file__).parent.parent / "AGREEMENT.md"
Losses = dict[str, list[float]]
WHY: dict[str, str] = {}  # row of claims.toml -> why its verdict differs


def losses_of(engine: str) -> Losses:
    """Family -> its first losses, from a process that runs on this engine."""
    done = subprocess.run(
        [sys.executable, "-m", "demos.engines.families"],
        env={**os.environ, engines.VARIABLE: engine},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def losses_table(ours: Losses, theirs: Losses) -> Iterator[str]:
    yield "| experiment | losses | first | last | largest difference |\n|---|--:|--:|--:|--:|\n"
    for name, row in ours.items():
        apart = float(np.abs(np.subtract(row, theirs[name])).max())
        told = verdicts.readable(f"{apart:.0e}")
        yield f"| {name} | {len(row)} | {row[0]:.3f} | {row[-1]:.3f} | {told} |\n"


def claims_table(records: Records) -> Iterator[str]:
    """Rows with runs of both engines, on the seeds that both have."""
    yield "| claim | runs | minigrad | PyTorch | PyTorch's verdict | why |\n"
    yield "|---|--:|--:|--:|---|---|\n"
    for name, verdict in verdicts.of(records).items():
        row = verdict.row
        both = [records.sides(name, engine) for engine in ("minigrad", "torch")]
        n = min(len(a) for a, _ in both)
        if n == 0 or not (row.is_fact or rule.look(n)):
            continue
        n = n if row.is_fact else rule.look(n)
        means = [estimate(verdict, a[:n], b[:n]) for a, b in both]
        cells = [row.text, str(n), *means, results.in_torch(row, records), WHY.get(name, "")]
        yield f"| {' | '.join(map(results.cell, cells))} |\n"


def estimate(verdict: verdicts.Verdict, a: list[float], b: list[float]) -> str:
    """The mean difference of both sides, or their ratio; of a fact its value."""
    row = verdict.row
    if row.is_fact:
        return verdicts.readable(f"{max(a, key=abs):.3g}")
    mean = float(row.differences(a, b).mean())
    return verdicts.readable(f"× {np.exp(mean):.3g}" if row.scale == "ratio" else f"{mean:+.3g}")


def page(ours: Losses, theirs: Losses, records: Records) -> Iterator[str]:
    yield "# minigrad and PyTorch, run against each other\n\n"
    yield (
        f"Made by `python -m demos.engines.agreement`, with {engines.fingerprint()}. The adapter "
        "is in [engines](engines): forward, backward and optimizer are PyTorch's; data, order, "
        "masks and initial values come from the same random numbers.\n\n## First losses\n\n"
    )
    yield from losses_table(ours, theirs)
    yield "\n## Claims\n\nFrom the runs of the same seeds by both engines: a - b, or a : b (×).\n\n"
    yield from claims_table(records)
    yield "\n## What PyTorch lacks\n\nPut together from its operations in the adapter:\n\n"
    yield from (f"- {name}: {why}\n" for name, why in engines.COMPOSED.items())
    yield "\nNot run:\n\n"
    not_run = {**engines.NOT_RUN, **engines.NOT_MEASURED, "all others": engines.NOT_RUN_YET}
    yield from (f"- {name}: {why}\n" for name, why in not_run.items())


if __name__ == "__main__":
    text = "".join(page(losses_of("minigrad"), losses_of("torch"), Records.load()))
    print(store.write(PAGE, text))
