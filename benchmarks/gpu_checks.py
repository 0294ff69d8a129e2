"""What is checked on a GPU beside its speed: the tests that need one, and compute-sanitizer."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SANITIZER = "compute-sanitizer"
# addresses outside an array, which is seen where each has memory of its own; shared memory that is
# read without a barrier
TOOLS = {"memcheck": ["--unpooled"], "racecheck": []}
# the tests in parts, each by a process: CuPy compiles kernels for most of the time
PARTS = "on_the_cpu", "on_the_same_gpu", "not on_the_cpu and not on_the_same_gpu"
LIMIT = 100.0  # seconds that the checks may take, which run beside one another
ROOT = Path(__file__).parent.parent

Verdict = Callable[[int, str], str]


def commands() -> dict[str, tuple[list[str], Verdict]]:
    """The commands, by what the report calls them, and how the output of each is judged.

    The tests name each verdict (-v), so that those of a run that is cut off can be read.
    """
    tests = [sys.executable, "-m", "pytest", "-m", "gpu", "-v", "-p", "no:cacheprovider"]
    if importlib.util.find_spec("xdist"):
        tests += ["-n", "4"]
    tests += files_with_tests()
    found: dict[str, tuple[list[str], Verdict]] = {}
    for part in PARTS:
        found[f"pytest -m gpu -k {part!r}"] = [*tests, "-k", part], judge_tests
    kernels = [sys.executable, "-m", "benchmarks.gpu", "--kernels"]
    for tool, flags in TOOLS.items():
        command = [SANITIZER, "--tool", tool, "--error-exitcode", "9", *kernels, *flags]
        found[f"{SANITIZER} {tool}"] = command, judge_sanitizer
    return found


def files_with_tests() -> list[str]:
    """The files that have tests of a GPU: to collect all others takes as long as these tests, and
    one that lacks a package here would end the run."""
    files = sorted((ROOT / "tests").glob("test_*.py"))
    return [str(file) for file in files if "pytest.mark.gpu" in file.read_text("utf-8")]


def run_checks(log: Path, limit: float = LIMIT) -> dict[str, str]:
    """What each check says, in one line. log: a folder for all of their output."""
    running = {}
    for name, (command, judge) in commands().items():
        if shutil.which(command[0]):
            file = log / f"{re.sub('[^a-z]+', '_', name)}.txt"
            running[name] = start(command, file), judge, file
    end = time.monotonic() + limit
    found = {}
    for name in commands():
        if name not in running:
            found[name] = f"not run: no {SANITIZER} here"
            continue
        process, judge, file = running[name]
        try:
            code = process.wait(max(0.0, end - time.monotonic()))
            found[name] = judge(code, file.read_text("utf-8", "replace"))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # what it has started, too
            process.wait()
            said = last_line(file.read_text("utf-8", "replace"))
            found[name] = f"not finished within {limit:.0f} s ({said})"
    return found


def start(command: Sequence[str], file: Path) -> subprocess.Popen[bytes]:
    """A check, running on its own. Its output goes to a file: a pipe that nobody reads fills up."""
    with file.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "HYPOTHESIS_PROFILE": "dev"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def judge_sanitizer(code: int, text: str) -> str:
    """The summary of compute-sanitizer's output, in one line."""
    summary = [line.strip("= ").strip() for line in text.splitlines() if "SUMMARY" in line]
    said = summary[-1] if summary else last_line(text)
    return f"{'clean' if code == 0 else f'failed with {code}'} ({said})"


def judge_tests(code: int, text: str) -> str:
    """The last line of pytest's output."""
    return f"{'passed' if code == 0 else f'failed with {code}'} ({last_line(text).strip('= ')})"


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1]
