"""Small PyTorch programs, unchanged: those of tests/programs, under minigrad and under PyTorch.

A program is timed whole, from its first line to its last, without the imports: the seconds of the
processor, since those of the clock go also to whatever else runs. Each contestant has a process of
its own, because in one process `import torch` has one meaning. tests/test_programs.py holds what
the programs print to one another.
"""

from __future__ import annotations

import io
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

from benchmarks.libraries import module
from benchmarks.measure import OURS, REFERENCE, Case, Contest

HERE = Path(__file__).resolve()
FOLDER = HERE.parent.parent / "tests" / "programs"
QUICK = "makemore_mlp"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # the products are tiny
COMMANDS = {OURS: ["-m", "nn.as_torch", str(HERE)], REFERENCE: [str(HERE)]}
players: dict[str, subprocess.Popen[str]] = {}  # the processes, one for each contestant


def cases(quick: bool) -> Iterator[Case]:
    for program in sorted(FOLDER.glob("*.py")):
        if not quick or program.stem == QUICK:
            yield Case("programs", program.stem, partial(whole, program))


def whole(program: Path) -> Contest:
    """Seconds of the processor from the program's first line to its last."""
    calls = {name: partial(ask, name, program) for name in COMMANDS if module(name)}
    for call in calls.values():
        call()  # the first run sets the library up
    return Contest(calls, returned=True)


def ask(name: str, program: Path) -> float:
    """How long the contestant takes for the program."""
    if name not in players:
        players[name] = subprocess.Popen(
            [sys.executable, *COMMANDS[name]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(HERE.parent.parent)},
        )
    process = players[name]
    assert process.stdin and process.stdout
    print(program, file=process.stdin, flush=True)
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"{program.name}: the process of {name} ended; see above")
    return float(answer)


def serve() -> None:
    """Run each program whose path is read, and print the seconds that it took."""
    import torch  # noqa: F401    PyTorch, or minigrad under its name: not part of the time

    for line in sys.stdin:
        sys.argv = [line.strip()]
        with redirect_stdout(io.StringIO()):
            began = time.process_time()
            runpy.run_path(sys.argv[0], run_name="__main__")
            seconds = time.process_time() - began
        print(seconds, flush=True)


if __name__ == "__main__":
    serve()
