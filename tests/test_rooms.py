"""minigrad/fast and minigrad/inspect can go: nothing but a guarded line imports them.

That the laws hold without them is shown by `make rooms`, see rooms.py.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import rooms

pytestmark = pytest.mark.untraced  # what these run of minigrad and nn is run by others too
ROOT = Path(__file__).resolve().parent.parent
SOURCE = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for part in ("minigrad", "nn")
    for path in sorted((ROOT / part).rglob("*.py"))
}
GUARDED = {"fast": {"minigrad/__init__.py"}, "inspect": {"minigrad/__init__.py", "nn/__init__.py"}}


def imported(code: str) -> set[str]:
    """The rooms from which a file imports, anywhere in it."""
    return rooms.imported_rooms(ast.walk(ast.parse(code)))


def unguarded(code: str, room: str) -> str:
    """The code without the blocks `if ... find_spec("minigrad.ROOM"):`."""

    class Remove(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | None:
            guarded = f"find_spec('minigrad.{room}')" in ast.unparse(node.test)
            return None if guarded else self.generic_visit(node)

    return ast.unparse(Remove().visit(ast.parse(code)))


def files_outside(room: str) -> Iterator[str]:
    return (name for name in SOURCE if not name.startswith(f"minigrad/{room}/"))


@pytest.mark.parametrize("room", rooms.ROOMS)
def test_nothing_outside_imports_a_room(room: str) -> None:
    for name in files_outside(room):
        found = imported(unguarded(SOURCE[name], room))
        assert room not in found, f"{name} must not import minigrad.{room}, which can be removed"


@pytest.mark.parametrize("room", rooms.ROOMS)
def test_only_the_packages_own_files_have_a_guarded_line(room: str) -> None:
    found = {name for name in files_outside(room) if room in imported(SOURCE[name])}
    assert found <= GUARDED[room]


def test_an_import_of_a_room_is_found() -> None:
    for line in (
        "import minigrad.fast",
        "from minigrad import fast",
        "from minigrad.fast import gru",
        "def f():\n    from minigrad.fast.gpu.kernels import extend",
    ):
        assert imported(line) == {"fast"}
    assert imported("from minigrad.faster import choose\nimport inspect") == set()
    guarded = "if find_spec('minigrad.fast'):\n    from minigrad import fast"
    assert imported(unguarded(guarded, "fast")) == set()
    assert imported(unguarded(guarded, "inspect")) == {"fast"}


def test_minigrad_fast_can_be_left_out() -> None:
    program = (
        "import sys, minigrad, nn; print([m for m in sys.modules if 'minigrad.fast.' in m + '.'])"
    )
    environment = {**os.environ, "MINIGRAD_FAST": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == "[]\n"


def test_every_law_has_its_file() -> None:
    for name in rooms.LAWS + rooms.LAWS_OF_THE_TIERS:
        assert (ROOT / "tests" / f"test_{name}.py").is_file()
