"""What is checked on a GPU beside its speed: the tests that need one, and compute-sanitizer."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

SANITIZER = "compute-sanitizer"
TOOLS = "memcheck", "racecheck"  # addresses outside an array; shared memory without a barrier
LIMIT = 100.0  # seconds that each check may take; they run beside one another
ROOT = Path(__file__).parent.parent

Verdict = Callable[[int, str], str]


def commands() -> dict[str, tuple[list[str], Verdict]]:
    """The commands, by what the report calls them, and how the output of each is judged."""
    tests = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", "tests"]
    if importlib.util.find_spec("xdist"):
        tests += ["-n", "4"]
    kernels = [sys.executable, "-m", "benchmarks.gpu", "--kernels"]
    found: dict[str, tuple[list[str], Verdict]] = {"pytest -m gpu": (tests, judge_tests)}
    for tool in TOOLS:
        command = [SANITIZER, "--tool", tool, "--error-exitcode", "9", *kernels]
        found[f"{SANITIZER} {tool}"] = command, judge_sanitizer
    return found


def run_checks(log: Path | None = None, limit: float = LIMIT) -> dict[str, str]:
    """What each check says, in one line. log: a folder for all of their output."""
    running = {}
    for name, (command, judge) in commands().items():
        if shutil.which(command[0]):
            running[name] = start(command), judge
    found = {name: f"not run: no {SANITIZER} here" for name in commands() if name not in running}
    for name, (process, judge) in running.items():
        try:
            output = process.communicate(timeout=limit)[0]
            found[name] = judge(process.returncode, output)
        except subprocess.TimeoutExpired:
            process.kill()
            output = process.communicate()[0]
            found[name] = f"not finished within {limit:.0f} s"
        if log is not None:
            (log / f"{name.replace(' ', '_')}.txt").write_text(output, "utf-8")
    return {name: found[name] for name in commands()}


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    """A check, running on its own."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "HYPOTHESIS_PROFILE": "dev"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
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
