"""Tests run on a mutant: pytest collects them once, and each mutant lives in a forked process.

The changed text takes the place of the module's there, and the first test that fails ends it. This
happens in a copy of the repository; the verdicts are kept in a file, so that a run that was cut
short goes on. PyTorch takes no part.
"""

import hashlib
import importlib
import inspect
import json
import os
import re
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from mutations import Mutant, mutants

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECONDS = (
    120  # of processor time for the tests of one mutant; one that needs more counts as hanging
)
RULES = [
    "test_ops.py::test_default",
    "test_edges.py",
    "test_misuse.py",
    "test_tensor.py",
    "test_outside_proofs.py",
    "test_engine.py::.*(unused|reuse)",
]
LAYERS = ["test_nn.py", "test_nn_functions.py", "test_nn_device.py"]


def suite(mutant: Mutant) -> list[str]:
    """Parts of the names of tests: those that should notice soon, then all that are about this
    file."""
    kind = Path(mutant.file).stem
    if kind in ("rnn", "gru", "lstm"):
        scans = [
            f"test_recurrent_tiers.py::.*{kind}",
            f"test_ops.py::.*{kind}",
            f"test_recurrent.py::.*{kind.upper()}",
        ]
        return [*scans, rf"test_cuda.py::.*\[.*{kind}\]", "test_cuda.py::test_a_step_is_one"]
    if kind in ("sequence", "workspace", "rows", "halves"):
        scans = [f"test_recurrent_tiers.py::.*{which}" for which in ("lstm", "work_arrays", "gru")]
        scans += [r"test_ops.py::.*\[(rnn|lstm|gru)\]", "test_cuda.py::test_a_layer"]
        return ["test_buffers.py", "test_halves.py", *scans]
    if kind in ("layer_norm", "softmax_cross_entropy"):
        return [rf"test_ops.py::.*\[({kind}|nll_loss)\]", *LAYERS, "test_misuse.py"]
    if kind == "einsum":
        return ["test_defects.py::test_einsum", "test_functional.py::.*einsum", "test_misuse.py"]
    helper = {"times": "matmul|linear", "stretch": "sum|amax", "as_tuple": "sum|amax"}.get(
        mutant.function, mutant.function
    )
    if helper == "getitem":
        return [r"test_ops.py::.*\[getitem\]", "test_cuda.py::test_(an_id|what_is_in)", *RULES]
    if helper == "embedding":
        return [r"test_ops.py::.*\[embedding\]", "test_nn.py::.*(embedding|padding)", *RULES]
    return [rf"test_ops.py::.*\[({helper})\]" if helper else "test_ops.py::test_plain", *RULES]


def mutants_of(files: list[str]) -> list[Mutant]:
    """All mutants of these files, or files in these folders."""
    found: list[Mutant] = []
    for file in source_files(files):
        found += mutants(file, (ROOT / file).read_text("utf-8"))
    return found


def source_files(wanted: list[str]) -> list[str]:
    paths = (
        p
        for w in wanted
        for p in (sorted((ROOT / w).rglob("*.py")) if (ROOT / w).is_dir() else [ROOT / w])
    )
    return [path.relative_to(ROOT).as_posix() for path in paths]


class Results:
    """Verdicts by mutant, one line each in a file that only grows. A changed file has other
    mutants."""

    def __init__(self, path: Path, forget: bool):
        self.path, self.verdicts = path, {}
        path.parent.mkdir(parents=True, exist_ok=True)
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            key, verdict = json.loads(line)
            self.verdicts[key] = verdict
        if forget:
            self.verdicts = {
                key: verdict for key, verdict in self.verdicts.items() if verdict != "survived"
            }

    def key(self, mutant: Mutant) -> str:
        return hashlib.sha256(f"{mutant.file}\n{mutant.source}".encode()).hexdigest()[:20]

    def of(self, mutant: Mutant) -> str | None:
        return self.verdicts.get(self.key(mutant))

    def add(self, mutant: Mutant, verdict: str) -> None:
        self.verdicts[self.key(mutant)] = verdict
        with open(self.path, "a", encoding="utf-8") as file:
            print(json.dumps([self.key(mutant), verdict]), file=file)


def prepare(tree: Path, samples: int) -> None:
    """A copy of the repository to run in; and Hypothesis seeks no smallest sample, any failure will
    do."""
    for part in ("minigrad", "nn", "tests"):
        shutil.rmtree(tree / part, ignore_errors=True)
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", tree)
    hypothesis.settings.register_profile(
        "mutants",
        max_examples=samples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    os.environ.update(HYPOTHESIS_PROFILE="mutants", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    sys.modules["torch"] = None  # type: ignore[assignment]  # whoever wants it skips
    os.chdir(tree)
    sys.path.insert(0, os.getcwd())


class Trial:
    """A plugin of pytest: with the tests collected, it runs them not once but for every mutant."""

    def __init__(
        self,
        todo: list[Mutant],
        jobs: int,
        kept: "Results",
        suite_of: Callable[[Mutant], list[str]] = suite,
    ):
        self.todo, self.jobs, self.kept, self.suite_of = todo, jobs, kept, suite_of
        self.answer = -1  # where a child writes what failed
        self.sound: set[str] = set()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        queue, running = [*self.todo], {}
        while queue or running:
            while queue and len(running) < self.jobs:
                mutant = queue.pop(0)
                pid, answer = self.start(session.items, mutant, self.suite_of(mutant))
                running[pid] = mutant, answer, time.monotonic()
            time.sleep(0.01)
            for pid, (mutant, answer, began) in list(running.items()):
                if time.monotonic() - began > 10 * SECONDS:
                    os.kill(pid, signal.SIGKILL)
                done, status, used = os.wait4(pid, os.WNOHANG)
                if done:
                    del running[pid]
                    verdict = self.verdict(answer, status)
                    if not self.passes_without(session, verdict, mutant):
                        assert self.suite_of is not suite, f"{verdict} fails without a mutant"
                        verdict = "it fails without a mutant, too"
                    self.kept.add(mutant, verdict)
                    print(
                        (
                            f"{used.ru_utime:5.1f} s  {verdict:65.65} "
                            f"{mutant.file}:{mutant.line}  {mutant.after}"
                        ),
                        flush=True,
                    )
        return True

    def verdict(self, answer: int, status: int) -> str:
        with os.fdopen(answer) as pipe:
            failed = pipe.read()
        return failed or ("it hangs" if os.WIFSIGNALED(status) else "survived")

    def passes_without(self, session: pytest.Session, test: str, mutant: Mutant) -> bool:
        """Whether a test that has noticed a mutant passes when the module's own text takes its
        place."""
        items = [
            item
            for item in session.items
            if item.nodeid == test and f"{mutant.file} {test}" not in self.sound
        ]
        if items:
            pid, answer = self.start(
                items, mutant._replace(source=Path(mutant.file).read_text("utf-8")), suite=[""]
            )
            _, status = os.waitpid(pid, 0)
            if self.verdict(answer, status) != "survived":
                return False
            self.sound.add(f"{mutant.file} {test}")
        return True

    def start(self, items: list[pytest.Item], mutant: Mutant, suite: list[str]) -> tuple[int, int]:
        """Run tests on a mutant in a child: the child's number, and where its answer comes from."""
        answer, self.answer = os.pipe()
        if pid := os.fork():
            os.close(self.answer)
            return pid, answer
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        try:
            install(mutant)
            items = list(
                dict.fromkeys(
                    i for part in suite for i in items if re.match(f"tests/{part}", i.nodeid)
                )
            )
            for item, following in zip(items, [*items[1:], None]):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException as error:
            os.write(self.answer, f"does not run: {error!r}"[:200].encode())
            os._exit(1)
        os._exit(0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os.write(self.answer, report.nodeid.encode())
            os._exit(1)


def install(mutant: Mutant) -> None:
    """Let the changed text take the place of a module: inside the functions and classes that others
    hold already."""
    name = mutant.file.removesuffix(".py").replace("/", ".")
    get_code = SourceFileLoader.get_code

    def changed(self: Any, which: str) -> Any:
        return compile(mutant.source, self.path, "exec") if which == name else get_code(self, which)

    SourceFileLoader.get_code = changed  # type: ignore[method-assign]
    from minigrad import autograd

    users = {"minigrad.fast.halves": ["rnn", "gru", "lstm"]}.get(
        name, []
    )  # a decorator acts when it is used
    for module in map(
        sys.modules.__getitem__, [name, *(f"minigrad.fast.{user}" for user in users)]
    ):
        before = dict(vars(module))
        registered = [
            (r, w, f)
            for r in (autograd.OPS, autograd.NONDIFFERENTIABLE)
            for w, f in r.items()
            if f in before.values()
        ]
        for registry, word, _ in registered:
            del registry[word]
        importlib.reload(module)
        for word, new in list(vars(module).items()):
            old = before.get(word)
            if old is not new and getattr(new, "__module__", "") in (
                name,
                module.__name__,
                "minigrad.autograd",
            ):
                vars(module)[word] = transplant(old, new)
        for registry, word, old in registered:
            if word in registry:
                registry[word] = old


def transplant(old: Any, new: Any) -> Any:
    """`old`, which others hold, with the inside of `new`."""
    if inspect.isclass(new):
        for key, value in vars(new).items():
            if key not in ("__dict__", "__weakref__", "__doc__"):
                setattr(old, key, value)
            for cell in (
                getattr(value, "__closure__", None) or ()
            ):  # super() knows its class by a cell
                cell.cell_contents = old if cell.cell_contents is new else cell.cell_contents
    elif not inspect.isfunction(new):
        return new
    elif (
        new.__closure__
    ):  # an op, or a function that another one wraps: all that they do is in their cells
        for was, cell in zip(old.__closure__, new.__closure__, strict=True):
            if cell.cell_contents is not new:
                was.cell_contents = cell.cell_contents
        vars(old).update({key: value for key, value in vars(new).items() if key != "__wrapped__"})
    else:
        old.__code__, old.__defaults__, old.__kwdefaults__ = (
            new.__code__,
            new.__defaults__,
            new.__kwdefaults__,
        )
    return old


def run_tests(
    todo: list[Mutant],
    kept: Results,
    tree: Path,
    samples: int,
    jobs: int,
    suite_of: Callable[[Mutant], list[str]] = suite,
) -> None:
    """Run the tests of these mutants in a copy of the repository at `tree`, and keep the verdicts:
    the test that failed, or "survived"."""
    prepare(tree, samples)
    parts = {part for m in todo for part in suite_of(m)}
    tests = sorted({f"tests/{part.partition('::')[0]}".replace("\\", "") for part in parts})
    quiet = "-q -s -W ignore -p no:cacheprovider -p no:xdist -p no:cov -o addopts=".split()
    pytest.main([*quiet, *tests], plugins=[Trial(todo, jobs, kept, suite_of)])


def reasons(file: Path) -> dict[str, str]:
    """Why a survivor may live: from lines `file: before -> after` with the reason, indented, under
    them."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("    "):
            found |= {name: line.strip() for name in names}
            names = []
        elif line:
            names.append(line)
    return found
