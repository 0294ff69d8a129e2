"""`make rooms`: the laws hold in a house without minigrad/fast and minigrad/inspect.

One room is there for speed, the other for looking at what is computed, and nothing else may need
them. The first run is in a copy of the repository from which both folders are gone, the second one
here with MINIGRAD_FAST=0, which leaves out fast/ without removing it. Tests of the rooms themselves
are left out: those marked `room`, and the files that import one. Arguments are passed on to pytest.
nn/as_torch, PyTorch's names for PyTorch's programs, is gone from the copy, too.
"""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ROOMS = ("fast", "inspect")
LAWS = """
    ops engine tensor functional func checker edges misuse state_machine recurrent recurrent_tiers
    nn nn_functions nn_device nn_torch recurrent_torch optim optim_torch import_cell defects
    strict_device
""".split()

LAWS_OF_THE_TIERS = "ops recurrent_tiers nn nn_device optim strict_device".split()

# An editable install would find minigrad.fast in the original. Python reads this when it starts.
FORGET_THE_ORIGINAL = """
import sys
sys.meta_path[:] = [f for f in sys.meta_path if "Editable" not in getattr(f, "__name__", "")]
"""


def imported_rooms(nodes: Iterable[ast.AST]) -> set[str]:
    """The rooms that some lines of code import from.

    >>> imported_rooms(ast.walk(ast.parse("from minigrad.fast.gpu import kernels")))
    {'fast'}
    """
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {room for room in ROOMS for name in names if is_in(name, f"minigrad.{room}")}
    return found


def is_in(module: str, package: str) -> bool:
    """Whether a module is this package, or lies in it."""
    return f"{module}.".startswith(f"{package}.")


def law_files(names: list[str]) -> list[str]:
    """The tests of these names, without those that need a room; says which are left out."""
    files = []
    for name in names:
        path = HERE / f"test_{name}.py"
        rooms = imported_rooms(ast.parse(path.read_text("utf-8")).body)  # not those under an `if`
        if rooms:
            print(f"{path.name} is left out: it is about minigrad/{' and '.join(sorted(rooms))}")
        else:
            files.append(f"tests/{path.name}")
    return files


def copy_without_rooms(target: Path) -> None:
    """The repository in `target`, without the rooms."""
    for part in ("minigrad", "nn", "tests", "demos"):
        shutil.copytree(ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, target / name)
    for room in ROOMS:
        shutil.rmtree(target / "minigrad" / room)
    shutil.rmtree(target / "nn" / "as_torch")
    (target / "sitecustomize.py").write_text(FORGET_THE_ORIGINAL, "utf-8")


def run_laws(title: str, folder: Path, files: list[str], **environment: str) -> bool:
    """Run the laws in `folder`; whether they hold."""
    print(f"\n{title}", flush=True)
    began = time.monotonic()
    given = {"HYPOTHESIS_PROFILE": "dev", "PYTHONPATH": str(folder), **environment}
    options = ["-q", "-rs", "-n", "auto", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    command = [sys.executable, "-m", "pytest", *options, *files, *sys.argv[1:]]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **given})
    print(f"{title}: {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode == 0


def main() -> int:
    """0 where the laws hold in both houses."""
    with tempfile.TemporaryDirectory() as folder:
        copy_without_rooms(Path(folder))
        files = [*law_files(LAWS), "minigrad", "nn"]  # and the doctests
        removed = run_laws("Without minigrad/fast and minigrad/inspect", Path(folder), files)
    files = law_files(LAWS_OF_THE_TIERS)
    left_out = run_laws("With MINIGRAD_FAST=0", ROOT, files, MINIGRAD_FAST="0")
    return 0 if removed and left_out else 1


if __name__ == "__main__":
    sys.exit(main())
