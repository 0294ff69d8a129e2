"""Tests run on a mutant: pytest collects them once, and each mutant lives in a forked process.

The changed text takes the place of the module's there, and the first test that fails ends it. This
happens in a copy of the repository; the verdicts are kept in a file, so that a run that was cut
short goes on. PyTorch takes no part.
"""

import ast
import gc
import hashlib
import importlib
import inspect
import json
import os
import resource
import shutil
import signal
import sys
import time
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis
import pytest
from mutations import Mutant, mutants
from reach import measure

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SECONDS = (
    120  # of processor time for the tests of one mutant; one that needs more counts as hanging
)
TESTS = """
    buffers cuda defects edges engine fast_words func functional halves misuse nn
    nn_device nn_functions nn_refusals ops optim outside_proofs prove prove_parts random recurrent
    recurrent_tiers refusals registry strict_device tensor testing
""".split()  # the files of tests that try mutants: what is not about pages, programs or PyTorch


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


def without_docstrings(source: str) -> ast.Module:
    """The code of a module."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant):
                body[0].value = ast.Constant("")
    return tree


class Results:
    """Verdicts by mutant, one line each in a file that only grows. A file whose code has changed
    has other mutants."""

    def __init__(self, path: Path):
        self.path, self.verdicts = path, {}
        self.keys: dict[str, str] = {}  # of the sources, which take long to parse
        path.parent.mkdir(parents=True, exist_ok=True)
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            key, verdict = json.loads(line)
            self.verdicts[key] = verdict

    def forget(self, mutants: list[Mutant]) -> None:
        """They are to be tried again."""
        for mutant in mutants:
            self.verdicts.pop(self.key(mutant), None)

    def key(self, mutant: Mutant) -> str:
        """The name of a mutant: its code, whatever the comments and docstrings around it say."""
        if mutant.source not in self.keys:
            text = f"{mutant.file}\n{ast.dump(without_docstrings(mutant.source))}"
            self.keys[mutant.source] = hashlib.sha256(text.encode()).hexdigest()[:20]
        return self.keys[mutant.source]

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
    kernels = tree / "kernels"  # compiled once for all mutants
    kernels.mkdir(exist_ok=True)
    os.environ["EMULATED_KERNELS"] = str(kernels.resolve())
    sys.modules["torch"] = None  # type: ignore[assignment]  # whoever wants it skips
    os.chdir(tree)
    sys.path.insert(0, os.getcwd())


class Trial:
    """A plugin of pytest: with the tests collected, it runs them not once but for every mutant.

    named: by the source of a mutant the one test that it is tried by; where it is empty, those that
    reach it, for so many seconds.
    """

    def __init__(
        self, todo: list[Mutant], jobs: int, kept: Results, named: dict[str, str], seconds: float
    ):
        self.todo, self.jobs, self.kept = todo, jobs, kept
        self.named, self.seconds = named, seconds
        self.answer = -1  # where the child of a mutant writes what failed
        self.sound: set[str] = set()  # file and test, which passes where its own text is installed
        self.unfit: set[str] = set()  # file and test, which does not

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        if not self.named:
            folder = self.kept.path.parent / "reach"
            reach = measure(session.items, self.jobs, folder, self.seconds)
        gc.freeze()  # else a child would copy all memory as soon as it collects
        queue, running = [*self.todo], {}
        while queue or running:
            while queue and len(running) < self.jobs:
                mutant = queue.pop(0)
                tests = [self.named[mutant.source]] if self.named else reach.tests_of(mutant)
                tests = [t for t in tests if t in items and f"{mutant.file} {t}" not in self.unfit]
                pid, answer = self.start([items[t] for t in tests], mutant)
                running[pid] = mutant, answer, time.monotonic()
            time.sleep(0.01)
            for pid, (mutant, answer, began) in list(running.items()):
                if time.monotonic() - began > 10 * SECONDS:
                    os.kill(pid, signal.SIGKILL)
                done, status, used = os.wait4(pid, os.WNOHANG)
                if done:
                    del running[pid]
                    verdict = self.verdict(answer, status)
                    if verdict.startswith("does not run"):
                        assert self.passes_without(mutant), f"{mutant.file}: {verdict}"
                    if verdict in items and not self.passes_without(mutant, items[verdict]):
                        if not self.named:
                            self.unfit.add(f"{mutant.file} {verdict}")
                            queue.insert(0, mutant)
                            continue
                        verdict = "it fails without a mutant, too"
                    if verdict in items and not self.named:
                        reach.noticed[mutant.file][verdict] += 1
                    self.kept.add(mutant, verdict)
                    print(
                        f"{used.ru_utime + used.ru_stime:5.1f} s  {verdict:65.65} "
                        f"{mutant.file}:{mutant.line}  {mutant.after}",
                        flush=True,
                    )
        return True

    def verdict(self, answer: int, status: int) -> str:
        with os.fdopen(answer) as pipe:
            failed = pipe.read()
        return failed or ("it hangs" if os.WIFSIGNALED(status) else "survived")

    def passes_without(self, mutant: Mutant, *items: pytest.Item) -> bool:
        """Whether a test that has noticed a mutant passes when the module's own text takes its
        place; without a test, whether the text does take its place."""
        known = " ".join([mutant.file, *[item.nodeid for item in items]])
        if known not in self.sound:
            itself = mutant._replace(source=Path(mutant.file).read_text("utf-8"))
            pid, answer = self.start([*items], itself)
            _, status = os.waitpid(pid, 0)
            if self.verdict(answer, status) != "survived":
                return False
            self.sound.add(known)
        return True

    def start(self, items: list[pytest.Item], mutant: Mutant) -> tuple[int, int]:
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
            for item, following in zip(items, [*items[1:], None], strict=False):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException as error:
            os.write(self.answer, f"does not run: {error!r}"[:200].encode())
            os._exit(1)
        os._exit(0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.answer >= 0:
            os.write(self.answer, report.nodeid.encode())
            os._exit(1)


def install(mutant: Mutant) -> None:
    """Let the changed text take the place of a module: inside the functions and classes that others
    hold already."""
    name = mutant.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    get_code = SourceFileLoader.get_code

    def changed(self: Any, which: str) -> Any:
        return compile(mutant.source, self.path, "exec") if which == name else get_code(self, which)

    SourceFileLoader.get_code = changed  # type: ignore[method-assign]
    from minigrad import array, autograd, faster

    of_fast = name.startswith("minigrad.fast")
    if of_fast:  # fast replaces words of the namespace when it is imported
        words_of_cpu = vars(array.backend("cpu").xp)
        words_of_cpu.clear()
        words_of_cpu.update(vars(array.open_cpu().xp))
    for module in [name, *USERS.get(name, [])]:
        reload(sys.modules[module], autograd, faster)
    if of_fast and name != "minigrad.fast":
        from minigrad.fast import rows, words

        rows.extend(array.backend("cpu"))
        words.extend(array.backend("cpu"))


RECURRENT = [f"minigrad.fast.{layer}" for layer in ("rnn", "gru", "lstm")]
# modules that use a decorator of another one: it acts when they are imported
USERS = {"minigrad.fast.halves": RECURRENT, "minigrad.fast.one_step": RECURRENT}


def reload(module: ModuleType, autograd: ModuleType, faster: ModuleType) -> None:
    """Read a module again, and let its functions take the places of those that others hold."""
    before = dict(vars(module))
    registered = [
        (registry, word, op)
        for registry in (autograd.OPS, autograd.NONDIFFERENTIABLE)
        for word, op in registry.items()
        if op.__module__ == module.__name__
    ]
    for registry, word, _ in registered:
        del registry[word]
    versions_before = {word: [*versions] for word, versions in faster.VERSIONS.items()}
    for versions in faster.VERSIONS.values():
        versions.clear()
    importlib.reload(module)
    for word, versions in versions_before.items():  # in the same order
        new = iter([*faster.VERSIONS[word]])
        of_module = [v.function.__module__ == module.__name__ for v in versions]
        both = [next(new, None) if own else v for v, own in zip(versions, of_module, strict=True)]
        faster.VERSIONS[word][:] = [v for v in both if v]
    own = (module.__name__, "minigrad.autograd")
    for word, new in list(vars(module).items()):
        old = before.get(word)
        if old is not new and getattr(new, "__module__", "") in own:
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
            for cell in getattr(value, "__closure__", None) or ():  # super() knows its class by one
                cell.cell_contents = old if cell.cell_contents is new else cell.cell_contents
    elif not inspect.isfunction(new) or not inspect.isfunction(old):
        return new
    else:
        # an op, or a function that another one wraps, holds what it does in its cells
        cells = dict(zip(old.__code__.co_freevars, old.__closure__ or (), strict=True))
        for name, cell in zip(new.__code__.co_freevars, new.__closure__ or (), strict=True):
            if name in cells and cell.cell_contents is not new:
                cells[name].cell_contents = cell.cell_contents
        if old.__code__.co_freevars == new.__code__.co_freevars:
            old.__code__ = new.__code__
        old.__defaults__, old.__kwdefaults__ = new.__defaults__, new.__kwdefaults__
        vars(old).update({key: value for key, value in vars(new).items() if key != "__wrapped__"})
    return old


def run_tests(
    todo: list[Mutant],
    kept: Results,
    tree: Path,
    samples: int,
    jobs: int,
    named: dict[str, str] | None = None,
    seconds: float = 0,
) -> None:
    """Run the tests of these mutants in a copy of the repository at `tree`, and keep the verdicts:
    the test that failed, or "survived".

    named: by the source of a mutant the one test to run; else those that reach it, for so many
    seconds.
    """
    prepare(tree, samples)
    tests = [f"tests/test_{name}.py" for name in TESTS]
    if named:
        tests = sorted({test.partition("::")[0] for test in named.values()})
    quiet = "-q -s -W ignore -p no:cacheprovider -p no:xdist -p no:cov -o addopts=".split()
    pytest.main([*quiet, *tests], plugins=[Trial(todo, jobs, kept, named or {}, seconds)])


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
