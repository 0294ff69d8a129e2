"""`--check`: what a program needs of PyTorch, and what of it is missing here."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import minigrad

from .own.methods import TENSOR_METHODS
from .tree import MODULES, RefusedName

Needs = dict[str, list[str]]  # the names of PyTorch's, each with the places that use it


def report(programs: list[str]) -> int:
    """Print what the programs need; 0 where all of it is here, 1 where something is missing."""
    needs: Needs = {}
    for file in files_of(programs):
        for name, line in Reader(file).names():
            needs.setdefault(name, []).append(f"{file.name}:{line}")
    names = sorted(needs)
    missing = [name for name in names if not is_here(name)]
    for name in names:
        state = "missing" if name in missing else "ok"
        print(f"{state:9}{name:44} {', '.join(needs[name][:3])}")
    print(f"{len(names)} names of PyTorch's are used; {len(missing)} of them are missing")
    return 1 if missing else 0


def is_here(name: str) -> bool:
    """Whether `torch.x.y`, or `Tensor.x` for a method, is here."""
    kind, _, method = name.partition(".")
    if kind == "Tensor":
        return hasattr(minigrad.Tensor, method)
    found: object = MODULES.get(kind)
    for part in name.split(".")[1:]:
        if not isinstance(found, ModuleType):
            break  # an attribute of a class or a function
        found = getattr(found, part, None)
    return found is not None and not isinstance(found, RefusedName)


def files_of(programs: list[str]) -> list[Path]:
    """The programs, and the files beside them that they import, each once."""
    waiting = [Path(name) for name in programs]
    found: list[Path] = []
    while waiting:
        file = waiting.pop(0)
        if file not in found:
            found.append(file)
            waiting += imported_files(file)
    return found


def imported_files(file: Path) -> Iterator[Path]:
    """The files in the folder of `file`, and below it, that it imports."""
    for node in ast.walk(parsed(file)):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            modules = [module, *[f"{module}.{alias.name}".strip(".") for alias in node.names]]
        for module in modules:
            beside = file.parent.joinpath(*module.split("."))
            for path in (beside.with_suffix(".py"), beside / "__init__.py"):
                if module and path.is_file():
                    yield path


def parsed(file: Path) -> ast.Module:
    """The syntax tree of a file, or of a notebook's cells. Raises SyntaxError for no Python."""
    text = file.read_text("utf-8")
    return ast.parse(code_of_cells(text) if file.suffix == ".ipynb" else text, str(file))


def code_of_cells(notebook: str) -> str:
    """The code of a notebook, with `pass` for its lines that are not Python, %magic and !shell."""
    lines: list[str] = []
    for cell in json.loads(notebook).get("cells", []):
        if cell["cell_type"] == "code":
            lines += "".join(cell["source"]).splitlines()
    return "\n".join([re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in lines])


class Reader(ast.NodeVisitor):
    """Finds the names of PyTorch's in one file: what is imported, and what is used of that.

    A method counts where PyTorch's tensors have one of that name, and no common object has. A name
    of torch's that is also a variable, as in `for data in loader`, is taken for what is there.
    """

    def __init__(self, file: Path):
        self.tree = parsed(file)
        self.paths: dict[str, str] = {}  # names of the program that stand for a part of torch
        self.rebound = set(bound_names(self.tree))
        self.found: list[tuple[str, int]] = []

    def names(self) -> list[tuple[str, int]]:
        """Each use of a name, with its line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                self.read_import(node)
            elif isinstance(node, ast.ImportFrom):
                self.read_import_from(node)
        self.visit(self.tree)
        return self.found

    def read_import(self, node: ast.Import) -> None:
        """`import torch.nn` names torch; `import torch.nn as nn` names torch.nn."""
        for alias in node.names:
            if is_of_torch(alias.name):
                self.found.append((alias.name, node.lineno))
                short = alias.name.partition(".")[0]
                self.paths[alias.asname or short] = alias.name if alias.asname else short

    def read_import_from(self, node: ast.ImportFrom) -> None:
        """`from torch import nn` names torch.nn."""
        if node.level or not is_of_torch(node.module or ""):
            return
        for alias in node.names:
            path = f"{node.module}.{alias.name}" if alias.name != "*" else str(node.module)
            self.found.append((path, node.lineno))
            self.paths[alias.asname or alias.name] = path

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """A chain of names from torch on, or a method of some value."""
        chain = ast.unparse(node)
        first, _, rest = chain.partition(".")
        if first in self.paths and all([part.isidentifier() for part in chain.split(".")]):
            name = f"{self.paths[first]}.{rest}"
            if first not in self.rebound or is_here(name):
                self.found.append((name, node.lineno))
                return
        if node.attr in TENSOR_METHODS:
            self.found.append((f"Tensor.{node.attr}", node.lineno))
        self.generic_visit(node)


def bound_names(tree: ast.Module) -> Iterator[str]:
    """The names of variables and of arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def is_of_torch(module: str) -> bool:
    """Whether a module is PyTorch's, or one of the packages that need PyTorch itself."""
    first = module.partition(".")[0]
    return first in ("torch", "torchvision", "torchtext", "torchaudio")
