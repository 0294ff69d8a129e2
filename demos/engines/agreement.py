"""python -m demos.engines.agreement: AGREEMENT.md, minigrad held against PyTorch.

First the losses of each family of experiments, trained anew by both engines. Then each claim that
both have runs of, from demos/records. WHY says what is behind a verdict that differs.

`python -m demos.engines.agreement claims` makes only the claims again, and trains nothing.
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
CLAIMS, LACKS = "\n## Claims\n\n", "\n## What PyTorch lacks\n\n"  # heads of the page's parts
Losses = dict[str, list[float]]
WHY: dict[str, str] = {}  # row of claims.toml -> why its verdict differs


def losses_of(engine: str) -> Losses:
    """Family -> its first losses, from a process that runs on this engine."""
    done = subprocess.run(
        [sys.executable, "-m", "demos.engines.families"],
        env={**os.environ, engines.VARIABLE: engine},
        stdout=subprocess.PIPE,  # what goes wrong is seen
        encoding="utf-8",
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


def claims_part(records: Records) -> str:
    told = "From the runs of the same seeds by both engines: a - b, or a : b (×)."
    return f"{CLAIMS}{told}\n\n{''.join(claims_table(records))}"


def with_claims(text: str, records: Records) -> str:
    """The page with its claims made again, and all else as it was."""
    before, _, rest = text.partition(CLAIMS)
    _, _, after = rest.partition(LACKS)
    return f"{before}{claims_part(records)}{LACKS}{after}"


def page(ours: Losses, theirs: Losses, records: Records) -> Iterator[str]:
    yield "# minigrad and PyTorch, run against each other\n\n"
    yield (
        f"Made by `python -m demos.engines.agreement`, with {engines.fingerprint()}. The adapter "
        "is in [engines](engines): forward, backward and optimizer are PyTorch's; data, order, "
        "masks and initial values come from the same random numbers.\n\n## First losses\n\n"
    )
    yield from losses_table(ours, theirs)
    yield claims_part(records)
    yield f"{LACKS}Put together from its operations in the adapter:\n\n"
    yield from (f"- {name}: {why}\n" for name, why in engines.COMPOSED.items())
    yield "\nNot run:\n\n"
    not_run = {**engines.NOT_RUN, **engines.NOT_MEASURED, "all others": engines.NOT_RUN_YET}
    yield from (f"- {name}: {why}\n" for name, why in not_run.items())


def main(words: list[str]) -> None:
    if words not in ([], ["claims"]):
        sys.exit(
            "python -m demos.engines.agreement [claims]: with that word only the claims are made "
            "again, from the records; without it both engines train, which takes some minutes."
        )
    if words:
        text = with_claims(PAGE.read_text("utf-8"), Records.load())
    else:
        text = "".join(page(losses_of("minigrad"), losses_of("torch"), Records.load()))
    print(store.write(PAGE, text))


if __name__ == "__main__":
    main(sys.argv[1:])
