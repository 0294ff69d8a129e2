"""Workloads in a process of their own, which is begun anew behind one that it did not survive.

After an address outside an array a process can do nothing more on a GPU, and a kernel may run for
ever. Neither shall cost the workloads that follow. The worker appends what happens to a file, a
line of JSON each: which workload begins, and what became of it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.goals import Rows

PATIENCE = 60.0  # seconds that one workload may take, the start of the process included
PAUSE = 0.2  # seconds between two looks

Event = dict[str, Any]


class Found(NamedTuple):
    """What all workers found."""

    about: dict[str, str]  # the device and the versions
    rows: Rows
    problems: list[str]
    lacking: set[str]  # the groups of which a workload has no row
    went_through: bool  # False: of which groups the workloads are that never began is not known


def tell(file: Path, **event: Any) -> None:
    """Append an event."""
    with file.open("a", encoding="utf-8") as opened:
        # a newline before it, too: the worker before may have left half a line
        opened.write("\n" + json.dumps(event) + "\n")


def events_of(file: Path) -> list[Event]:
    """All events until now, but for one that a worker was stopped in the middle of."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text("utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


def run_apart(command: Sequence[str], file: Path, patience: float = PATIENCE) -> Found:
    """Run `command FILE BEGIN` until all workloads from 0 on have been begun.

    A worker that ends before it has begun any is tried once more, then given up.
    """
    file.unlink(missing_ok=True)
    lost = []
    begin = 0
    in_vain = 0
    while in_vain < 2:
        end = follow([*command, str(file), str(begin)], file, patience)
        events = events_of(file)
        if end == "":
            break
        begun = [event for event in events if event.get("begins", -1) >= begin]
        if not begun:
            in_vain += 1
            continue
        in_vain = 0
        begin = begun[-1]["begins"] + 1
        if "begins" in events[-1]:  # else it said itself what was wrong
            lost.append(f"{events[-1]['name']}: refused: the process {end}")
    if end:
        lost.append(f"the workloads from number {begin} on: refused: the process {end}")
    about = [event["about"] for event in events if "about" in event]
    rows = [event["row"] for event in events if event.get("row")]
    told = [line for event in events for line in event.get("problems", [])]
    problems = list(dict.fromkeys(told))  # a worker that is tried again may say the same
    return Found(about[0] if about else {}, rows, problems + lost, lacking(events), end == "")


def lacking(events: Sequence[Event]) -> set[str]:
    """The groups of which a workload was begun or left out, and has no row."""
    done = {event["row"]["name"] for event in events if "row" in event}
    return {e["group"] for e in events if "group" in e and e["name"] not in done}


def follow(command: Sequence[str], file: Path, patience: float) -> str:
    """Wait for a worker to end; how it ended, or "" where it went through.

    It is stopped where it has told nothing for `patience` seconds.
    """
    process = subprocess.Popen(command)
    told = len(events_of(file))
    since = time.monotonic()
    while process.poll() is None:
        time.sleep(PAUSE)
        now = len(events_of(file))
        if now > told:
            told = now
            since = time.monotonic()
        elif time.monotonic() - since > patience:
            process.kill()
            process.wait()
            return f"was stopped after {patience:.0f} s"
    return "" if process.returncode == 0 else f"ended with {process.returncode}"
