"""Two checkouts of minigrad, turn by turn in one run: what a change made of the time.

    python -m benchmarks.trees OTHER [NAME ...]

OTHER is a checkout of an earlier state. NAME chooses workloads by a part of their titles, which
python -m benchmarks --list shows.

Each checkout runs in a process of its own, with its own benchmarks, so that a workload is what that
checkout calls by its title. The processes take turns; a row's figure is the median over the rounds
of the ratio within a round, and its noise the distance between the quartiles. Results must agree
before anything is timed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve()
ROUNDS = 9
SECONDS = 0.15  # how long one turn lasts at least
TOLERANCE = 1e-3  # largest difference of two results, as a share; sums may run in another order


class Checkout:
    """A process that runs the workloads of one checkout."""

    def __init__(self, root: Path):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE), "--serve", str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(root)},
            cwd=root,
        )

    def ask(self, command: str, *args: Any) -> Any:
        """The answer to one command."""
        assert self.process.stdin and self.process.stdout
        print(json.dumps([command, *args]), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"benchmarks.trees: a checkout ended at {command} {args}; see above")
        return json.loads(answer)


def serve(root: str) -> None:
    """Answer commands: titles; prepare TITLE; results; time."""
    sys.path[0] = root
    import minigrad as mg
    from benchmarks import layers, libraries, overhead, parts, training
    from benchmarks.measure import OURS, as_array, timed

    libraries.module = lambda name: libraries.found.get(name) if name != OURS else mg
    for group in (layers, overhead, parts, training):
        vars(group)["module"] = libraries.module  # no other library takes part
    cases = {
        case.title: case
        for group in (layers, overhead, parts, training)
        for case in group.cases(False)
    }
    call: Any = None
    answer: Any
    for line in sys.stdin:
        command, *args = json.loads(line)
        if command == "titles":
            answer = list(cases)
        elif command == "prepare":
            mg.manual_seed(0)
            contest = cases[args[0]].contest()
            call = contest.contestants[OURS]
            found = (contest.checks or contest.contestants)[OURS]()
            numbers = {key: as_array(value) for key, value in found.items()}
            answer = {key: [float(np.sum(a)), float(np.abs(a).sum())] for key, a in numbers.items()}
        else:
            answer = float(np.median(timed(call, SECONDS, warm=True)))
        print(json.dumps(answer), flush=True)


def agree(title: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Refuse to time results that differ."""
    for key in old:
        for a, b in zip(old[key], new[key], strict=True):
            if abs(a - b) > TOLERANCE * max(1e-6, old[key][1]):
                raise SystemExit(f"benchmarks.trees: {title}, {key}: {a} before, {b} now")


def compare(before: Path, names: list[str]) -> None:
    """Print one line for each workload, and the geometric mean."""
    checkouts = [Checkout(before), Checkout(HERE.parent.parent)]
    titles = [checkout.ask("titles") for checkout in checkouts]
    both = [title for title in titles[0] if title in titles[1]]
    chosen = [title for title in both if not names or any(name in title for name in names)]
    medians = []
    print(f"{'now / before':>14s}  {'quartiles':15s}  {'before, ms':>10s}  workload")
    for title in chosen:
        agree(title, *[checkout.ask("prepare", title) for checkout in checkouts])
        times = []
        for turn in range(ROUNDS):
            order = checkouts if turn % 2 else checkouts[::-1]
            found = {id(checkout): checkout.ask("time") for checkout in order}
            times.append([found[id(checkout)] for checkout in checkouts])
        ratios = np.array([new / old for old, new in times])
        low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        medians.append(middle)
        milliseconds = 1e3 * float(np.median([old for old, _ in times]))
        print(f"{middle:14.3f}  {low:.3f} to {high:.3f}  {milliseconds:10.3f}  {title}", flush=True)
    print(f"{np.exp(np.mean(np.log(medians))):14.3f}  geometric mean of {len(medians)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    elif len(sys.argv) < 2 or not Path(sys.argv[1], "minigrad").is_dir():
        sys.exit(f"benchmarks.trees: expected another checkout, got {sys.argv[1:]}\n{__doc__}")
    else:
        compare(Path(sys.argv[1]).resolve(), sys.argv[2:])
