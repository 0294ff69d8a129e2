"""python -m demos.ledger: run what is undecided and not yet recorded.

Every claim is looked at with 5, 10, 20 and 30 seeds at most (demos/rule.py): cheap ones begin with
20, dear ones with 5, and both get more only while another look at a claim of their script is due.
Each run is kept when it is finished, and what it measured goes to demos/records/, so that the
command may be stopped at any moment and goes on where it was.

    python -m demos.ledger                          all of it, on all cores
    python -m demos.ledger s6 x7 --jobs 2 --minutes 30
    python -m demos.ledger --plan                   what there is to do; runs nothing
    DEMOS_ENGINE=torch python -m demos.ledger       the same experiments on PyTorch, in its column
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import ProcessPoolExecutor

from demos import claims, engines, lab, options, records, rule, store, verdicts

CHEAP_FROM = 20  # seeds
ORDER = "s5 s2 s4 s1 s3 x1 s9 x3 x7 s8 x2 s7 x4 x5 x6 s6".split()  # cheap scripts first


def perform(experiment: Callable[..., Any], chosen: dict[str, Any], path: Path) -> None:
    """One run, in a process of its own: keep its result. Another sitting may have done it."""
    if store.is_run(path):
        return
    _, record = store.perform(experiment, chosen, path)
    store.write(path, record)


@dataclass
class Script:
    """How far the ledger has come with one demo.

    seeds: of its dear runs and of its cheap ones that were asked for last, and asked, that are
    asked for now; missing: runs that must be done before the script can go on, and running, those
    that are begun.
    """

    name: str
    seeds: tuple[int, int] = (0, 0)
    asked: tuple[int, int] = (0, 0)
    missing: list[lab.Call] = field(default_factory=list)
    running: list[Any] = field(default_factory=list)
    done: bool = False

    def wanted(self, known: records.Records, engine: str) -> tuple[int, int]:
        """Seeds of dear and of cheap runs for the next look that is due.

        A claim with many seeds is taken for a cheap one: its next look asks for cheap runs first.
        If it has no more seeds once these are done, its runs are dear.
        """
        dear, cheap = rule.LOOKS[0], CHEAP_FROM
        _, cheap_done = self.seeds
        found = verdicts.of(known, engine)
        for name, row in claims.table().items():
            if row.script != self.name or not found[name].look_is_due:
                continue
            pairs = len(known.sides(name, engine)[0])
            if pairs >= CHEAP_FROM and cheap_done < rule.next_look(pairs):
                cheap = rule.next_look(pairs)
            elif pairs:
                dear = max(dear, rule.next_look(pairs))
        return dear, max(cheap, dear)


class Sitting:
    """One sitting: scripts run until an experiment is missing; what is missing goes to N
    processes, and when it is there the script runs again, and further."""

    def __init__(self, chosen: options.Options, names: list[str], until: float):
        self.options, self.until = chosen, until
        self.scripts = [Script(name) for name in names]
        self.pool: ProcessPoolExecutor = get_reusable_executor(chosen.jobs, timeout=600)

    def known(self) -> records.Records:
        return records.Records.load(records.FOLDER, self.options.records)

    def advance(self, script: Script) -> None:
        """Run a script: hand on what it lacks, or ask for more seeds, or be done with it."""
        wanted = script.wanted(self.known(), self.options.engine)
        if wanted == script.seeds:
            script.done = True
            return
        script.asked = wanted
        missing = missing_runs(self.options, script.name, wanted)
        if not missing:
            script.seeds = wanted
            print(f"{script.name}: {wanted[0]} seeds, {wanted[1]} where cheap", flush=True)
            return
        script.missing = sorted(missing, key=lambda call: call[1].get("seed", 0))
        print(f"{script.name}: {len(missing)} runs", flush=True)

    def feed(self) -> None:
        """Keep the processes busy: a script's first look comes before another one's second, and
        else the script that is named first."""
        free = self.options.jobs + 1 - sum(len(script.running) for script in self.scripts)
        for script in sorted(self.scripts, key=lambda script: script.asked):
            begun, script.missing = script.missing[: max(free, 0)], script.missing[max(free, 0) :]
            script.running += [self.pool.submit(perform, *call) for call in begun]
            free -= len(begun)

    def run(self) -> bool:
        """Whether all was done before the time was over."""
        while not all(script.done for script in self.scripts):
            for script in self.scripts:
                script.running = [run for run in script.running if not finished(run)]
                if not (script.done or script.missing or script.running):
                    self.advance(script)
                self.feed()
            if time.monotonic() > self.until:
                return False
            time.sleep(0.2)
        return True

    def stop(self) -> None:
        """Record what is whole of the seeds asked for, and end the processes."""
        self.pool.shutdown(wait=True, kill_workers=True)
        for script in self.scripts:
            if script.missing or script.running:
                record_whole_seeds(self.options, script, self.known())


def finished(run: Any) -> bool:
    """Whether a run is over; raises what it raised."""
    if run.done():
        run.result()
    return bool(run.done())


def missing_runs(chosen: options.Options, name: str, seeds: tuple[int, int]) -> list[lab.Call]:
    """Run a script for so many seeds of its dear and cheap runs; the first runs it lacks. Claims
    that it came to are recorded."""
    lab.given = replace(chosen, names=(name,), ledger=seeds)
    try:
        lab.play(options.SCRIPTS[name], only_claims=True)
    except lab.Missing as missing:
        return missing.calls
    return []


def record_whole_seeds(chosen: options.Options, script: Script, known: records.Records) -> None:
    """Of a stage that was cut off, record as many seeds as are whole."""
    dear, cheap = script.wanted(known, chosen.engine)
    while dear and cheap:
        missing = missing_runs(chosen, script.name, (dear, cheap))
        if not missing:
            return
        whole = min(call[1].get("seed", 0) for call in missing)
        dear, cheap = (dear, whole) if whole >= dear else (whole, min(cheap, max(whole, 1)))


def arguments_parser() -> options.Parser:
    parser = options.Parser(
        prog="python -m demos.ledger",
        allow_abbrev=False,
        description="Run what is undecided and not yet recorded.",
        epilog=f"{engines.VARIABLE}=torch in the environment runs the same on PyTorch.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        type=demo,
        metavar="NAME",
        help="demos whose claims are looked at, as s6 or x7 (default: all)",
    )
    parser.add_argument(
        "--jobs",
        type=options.count,
        metavar="N",
        default=os.cpu_count() or 1,
        help="processes (default: one for each core)",
    )
    parser.add_argument(
        "--minutes",
        type=minutes,
        metavar="M",
        default=math.inf,
        help="begin nothing new after so many (default: until all is done)",
    )
    parser.add_argument(
        "--records",
        type=options.folder,
        metavar="DIR",
        help="where new records go (default: demos/records; those there count in any case)",
    )
    parser.add_argument(
        "--out",
        type=options.folder,
        metavar="DIR",
        default=Path("out"),
        help="where finished runs are kept, so that none is run twice (default: out)",
    )
    parser.add_argument("--quick", action="store_true", help="small versions, to try the command")
    parser.add_argument("--plan", action="store_true", help="say what there is to do, run nothing")
    return parser


def parse(arguments: list[str]) -> tuple[options.Options, float, bool]:
    """Options, minutes, and whether only the plan is asked for."""
    parser = arguments_parser()
    given = parser.parse_args(arguments)
    if given.quick and given.records in (None, records.FOLDER):
        parser.error("--quick: small versions are no results; name another folder with --records")
    chosen = options.Options(
        names=tuple(dict.fromkeys(given.names)),
        quick=given.quick,
        jobs=given.jobs,
        out=given.out,
        engine=engines.chosen(),
        records=given.records or records.FOLDER,
    )
    return chosen, given.minutes, given.plan


def demo(text: str) -> str:
    """The name of a demo that has claims in the table."""
    name = options.script_name(text)
    known = dict.fromkeys(row.script for row in claims.table().values())
    if name not in known:
        raise argparse.ArgumentTypeError(f"{name} has no claims; {', '.join(known)} have")
    return name


def minutes(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number > 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def plan(chosen: options.Options, names: list[str]) -> Iterator[str]:
    """A line for each script: the seeds of its next look, and the claims that ask for it."""
    known = records.Records.load(records.FOLDER, chosen.records)
    found = verdicts.of(known, chosen.engine)
    never = engines.NOT_MEASURED if chosen.engine == "torch" else {}
    for name in names:
        dear, cheap = Script(name).wanted(known, chosen.engine)
        due = [
            f"{verdict.row.name} ({verdict.seeds})"
            for verdict in found.values()
            if verdict.row.script == name and verdict.row.name not in never and gets_runs(verdict)
        ]
        if due:
            yield f"{name}: {dear} seeds, {cheap} where cheap, for {', '.join(due)}"


def gets_runs(verdict: verdicts.Verdict) -> bool:
    """Whether there is a look at it that has not been had."""
    waits = verdict.own == verdicts.NOT_RUN or verdict.look_is_due
    return waits and verdict.seeds < rule.LOOKS[-1]


def main() -> None:
    chosen, minutes, only_plan = parse(sys.argv[1:])
    scripts = {row.script for row in claims.table().values()}
    known = [name for name in ORDER if name in scripts]
    names = list(chosen.names) or known + sorted(scripts - set(known))
    if only_plan:
        lines = list(plan(chosen, names)) or ["Nothing to do: no claim waits for another look."]
        print(*lines, sep="\n")
        return
    store.check_out(chosen.out)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    sitting = Sitting(chosen, names, time.monotonic() + 60 * minutes)
    finished_all = False
    try:
        finished_all = sitting.run()
    except KeyboardInterrupt:
        print("Stopped. Every finished run is kept: the same command goes on from here.")
    with contextlib.suppress(KeyboardInterrupt):
        sitting.stop()
    if not finished_all:
        print("There is more to do: the same command goes on from here.")


if __name__ == "__main__":
    main()
