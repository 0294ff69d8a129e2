"""Which tests run which lines, and for how long, so that a mutant is tried by those that run its
line.

Each file of tests runs once, in a process of its own, under coverage.py, one context for a test.
A table is kept for the next run, until the file, minigrad or nn changes.
"""

import ast
import hashlib
import json
import os
import sys
import time
from collections import Counter, defaultdict
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

import coverage
import pytest
from mutations import Mutant


class Reach:
    """By the line of a file the tests that run it.

    most: the seconds that the tests of one mutant may take together. seconds: how long a test took,
    for those that pass. lines: by file and line the tests. noticed: by file how many of its mutants
    a test has noticed.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self.seconds: dict[str, float] = {}
        self.lines: dict[str, dict[int, set[str]]] = {}
        self.noticed: dict[str, Counter[str]] = {}

    def add(self, table: dict[str, Any]) -> None:
        """What `record` found in one file of tests."""
        self.seconds |= table["seconds"]
        for file, lines in table["lines"].items():
            known = self.lines.setdefault(file, {})
            for line, tests in lines.items():
                known.setdefault(int(line), set()).update(map(sys.intern, tests))

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests of a mutant: of its line, then of its function, or of its file for a line
        outside of functions, which runs when the module is imported, or of its package.

        First come those that have noticed other mutants of its file, the more and the faster the
        sooner; then those that have its function or its file in their name. Each file of tests gets
        the same time, for its shortest ones first.
        """
        lines = self.lines.get(mutant.file, {})
        of_line = lines.get(mutant.line, set())
        around = [lines.get(line, set()) for line in function_around(mutant)] or lines.values()
        tests = of_line.union(*around)
        if not tests:  # a file that runs when its package is imported
            package = Path(mutant.file).parent
            others = [self.lines[file] for file in self.lines if package in Path(file).parents]
            tests = set().union(*[tests for known in others for tests in known.values()])

        shortest_first = sorted(tests & self.seconds.keys(), key=self.seconds.__getitem__)
        noticed = self.noticed.setdefault(mutant.file, Counter())
        spent: dict[str, float] = defaultdict(float)  # seconds, by file of tests
        names = f"[{mutant.function}]", Path(mutant.file).stem
        ranks = {}
        for test in shortest_first:
            file = test.partition("::")[0]
            spent[file] += self.seconds[test]
            rate = noticed[test] / max(self.seconds[test], 0.001)
            is_named = any(name in test.lower() for name in names)
            ranks[test] = test not in of_line, -rate, not is_named, spent[file]
        chosen = sorted(shortest_first, key=ranks.__getitem__)
        ends = accumulate([self.seconds[test] for test in chosen])
        return [test for test, end in zip(chosen, ends, strict=True) if end < self.most]


def function_around(mutant: Mutant) -> range:
    """The lines of the function or class at the top of a file that a mutant is in, if any."""
    for top in ast.parse(Path(mutant.file).read_text("utf-8")).body:
        if isinstance(top, ast.FunctionDef | ast.ClassDef):
            if top.lineno <= mutant.line <= (top.end_lineno or top.lineno):
                return range(top.lineno, (top.end_lineno or top.lineno) + 1)
    return range(0)


def measure(items: list[pytest.Item], jobs: int, kept: Path, most: float) -> Reach:
    """What the tests of these files reach; `kept` is the folder of the tables, `most` that of
    `Reach`."""
    kept.mkdir(parents=True, exist_ok=True)
    rest = hashlib.sha256()
    for path in sorted([*Path("minigrad").rglob("*.py"), *Path("nn").rglob("*.py")]):
        rest.update(path.read_bytes())
    tables, running = [], set()
    for name, group in groupby(items, lambda item: item.nodeid.partition("::")[0]):
        key = hashlib.sha256(rest.digest() + Path(name).read_bytes()).hexdigest()[:12]
        tables.append(kept / f"{Path(name).stem}-{key}.json")
        if tables[-1].exists():
            continue
        if len(running) == jobs:
            running.remove(os.wait()[0])
        of_file = list(group)
        pid = os.fork()
        if not pid:
            try:
                silence = os.open(os.devnull, os.O_WRONLY)
                os.dup2(silence, 1)
                os.dup2(silence, 2)
                record(of_file, tables[-1])
            finally:
                os._exit(0)
        running.add(pid)
    for pid in running:
        os.waitpid(pid, 0)
    if missing := [table.stem for table in tables if not table.exists()]:
        sys.exit(f"make mutants: no table of the lines that these run: {' '.join(missing)}")
    reach = Reach(most)
    for table in tables:
        reach.add(json.loads(table.read_text("utf-8")))
    return reach


def record(items: list[pytest.Item], target: Path) -> None:
    """Run the tests of a file, and write down what each runs of minigrad, and how long it takes."""
    judge = Judge()
    items[0].config.pluginmanager.register(judge)
    cover = coverage.Coverage(data_file=None, include=["minigrad/*"], messages=False)
    seconds = {}
    cover.start()
    for plugin in items[0].config.pluginmanager.get_plugins():
        if hasattr(plugin, "tracer"):  # of tests/conftest.py, which traces tests alone
            plugin.tracer = sys.gettrace()
    for item, following in zip(items, [*items[1:], None], strict=True):
        cover.switch_context(item.nodeid)
        began = time.process_time()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        seconds[item.nodeid] = time.process_time() - began
    cover.stop()
    data = cover.get_data()
    lines = {}
    for path in data.measured_files():
        contexts = data.contexts_by_lineno(path)
        file = Path(path).relative_to(Path.cwd()).as_posix()
        lines[file] = {line: [t for t in tests if t] for line, tests in contexts.items()}
    passed = {test: time_ for test, time_ in seconds.items() if test not in judge.failed}
    text = json.dumps({"seconds": passed, "lines": lines})
    target.with_suffix(".part").write_text(text, "utf-8")
    target.with_suffix(".part").rename(target)


class Judge:
    """A plugin of pytest: which tests fail, or are skipped."""

    def __init__(self) -> None:
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)
