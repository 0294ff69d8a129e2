"""What must be true of the source itself: imports run one way, files stay short, a rule says only words that a GPU
knows, no file names a machine, and the README's commands and code work."""

import ast
import graphlib
import importlib.util
import inspect
import operator
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minigrad.array import NUMPY, VOCABULARY

ROOT = Path(__file__).resolve().parent.parent
SOURCE = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for part in ("minigrad", "nn", "demos", "tests", "benchmarks")
    for path in sorted((ROOT / part).rglob("*.py"))
}


def in_part(*parts: str) -> dict[str, str]:
    """The files of these folders (named with a slash at the end) or with these names."""
    return {name: text for name, text in SOURCE.items() if name.startswith(parts)}


# Imports run downwards. A module lives in the room with its longest prefix; what has no room of its own in minigrad/
# stands above the core.

ROOMS = [
    {"minigrad.fast.kernel", "minigrad.fast.gpu"},
    {"minigrad.array", "minigrad.random"},
    {"minigrad.errors"},
    {"minigrad.autograd"},
    {"minigrad.backward"},
    {"minigrad.ops"},
    {"minigrad.functional"},
    {"minigrad.convert"},
    {"minigrad.tensor"},
    {"minigrad.cells"},
    {"minigrad.fast", "minigrad.fast.gpu.recurrent"},
    {"minigrad"},
    {"nn"},
    {"demos"},
]
MODULES = {
    name.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): ast.parse(text)
    for name, text in in_part("minigrad/", "nn/", "demos/").items()
}


def height(module: str) -> int:
    parts = module.split(".")
    prefixes = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next(i for prefix in prefixes for i, room in enumerate(ROOMS) if prefix in room)


def at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Every node under `node`, except what stands under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield child
            yield from at_run_time(child)


def imported(module: str) -> set[str]:
    """The modules of this repository that `module` imports, also inside functions."""
    is_package = module.replace(".", "/") + "/__init__.py" in SOURCE
    package = module if is_package else module.rpartition(".")[0]
    found = set()
    for node in at_run_time(MODULES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            names = {f"{source}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else source for name in names}
    return found & MODULES.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module: str) -> None:
    upwards = [name for name in imported(module) if height(name) > height(module)]
    assert not upwards, f"{module} must not know {', '.join(upwards)}, which stands on it"


def test_imports_have_no_cycle() -> None:
    graphlib.TopologicalSorter(
        {module: imported(module) - {module} for module in MODULES}
    ).prepare()


# It stays small.


def lines(*parts: str) -> int:
    return sum(len(text.splitlines()) for text in in_part(*parts).values())


def test_the_core_is_short() -> None:
    core = ("array.py", "autograd.py", "backward.py", "tensor.py", "ops/")
    assert lines(*(f"minigrad/{name}" for name in core)) < 1200


def code_lines(text: str) -> int:
    """Lines that are neither blank nor a comment nor part of a docstring."""
    said: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            said.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    numbered = enumerate(text.splitlines(), start=1)
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and i not in said
        for i, line in numbered
    )


def test_the_library_is_short() -> None:
    code = {name: code_lines(text) for name, text in in_part("minigrad/", "nn/").items()}
    gpu = sum(n for name, n in code.items() if name.startswith("minigrad/fast/gpu/"))
    assert gpu < 200 and sum(code.values()) - gpu < 4000


@pytest.mark.parametrize("name", SOURCE)
def test_a_file_is_short(name: str) -> None:
    assert lines(name) <= 350


# A rule says only words that a GPU knows. CuPy's names are frozen (14.2, every public one, and of the ufuncs' methods
# those that it implements), because its wheel has 137 MB.

CUPY = set((ROOT / "tests" / "cupy14_names.txt").read_text("utf-8").split())
RULES = in_part("minigrad/", "nn/")


def words(code: str, namespace: str) -> set[str]:
    """The words that `code` takes from `namespace`: xp.add.at gives both add and add.at."""
    dotted = (
        ast.unparse(node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute)
    )
    return {
        name.removeprefix(f"{namespace}.")
        for name in dotted
        if re.fullmatch(rf"{namespace}(\.\w+)+", name)
    }


@pytest.mark.parametrize("name", RULES)
def test_a_rule_keeps_to_the_vocabulary(name: str) -> None:
    known = vars(NUMPY).keys() | {word for word in CUPY if "." in word}
    unknown = words(RULES[name], "xp") - known
    assert not unknown, f"{sorted(unknown)}: not a word of minigrad.array, or one that CuPy lacks"


def test_cupy_knows_the_vocabulary_and_all_that_array_builds_on() -> None:
    array, cuda = RULES["minigrad/array.py"], RULES["minigrad/fast/gpu/kernels.py"]
    assert {*VOCABULARY, *words(array, "module")} - {"ndarray"} <= CUPY & KEYWORDS.keys()
    assert {*words(cuda, "cupy"), *words(cuda, "self.cupy")} <= CUPY | CUDA


KEYWORDS = {
    word: set(keywords.split())
    for word, _, keywords in (
        line.partition(":")
        for line in (ROOT / "tests" / "cupy14_keywords.txt").read_text("utf-8").splitlines()
    )
}
CUDA = set(
    "is_available cuda.Device cuda.Device.synchronize cuda.Stream cuda.Stream.begin_capture".split()
) | set(
    "cuda.Stream.end_capture cuda.Graph.launch".split()
)  # what is used of CuPy beside NumPy's words
OTHER_NAMES = {"cat": "concatenate", "permute": "transpose", "clone": "copy"}


@pytest.mark.parametrize("name", RULES)
def test_cupys_words_take_the_keywords_that_a_rule_gives(name: str) -> None:
    places = (
        "xp|module|cupy|self.cupy"
        if name in ("minigrad/array.py", "minigrad/fast/gpu/kernels.py")
        else "xp"
    )
    for node in ast.walk(ast.parse(RULES[name])):
        word = (
            re.fullmatch(rf"(?:{places})\.([\w.]+)", ast.unparse(node.func))
            if isinstance(node, ast.Call)
            else None
        )
        theirs = KEYWORDS.get(OTHER_NAMES.get(word[1], word[1])) if word else None
        if theirs is not None:
            unknown = {keyword.arg for keyword in node.keywords} - theirs
            assert not unknown, f"{ast.unparse(node)}: CuPy's {word[1]} takes no {unknown}"


def test_the_frozen_keywords_are_cupys() -> None:
    cupy = pytest.importorskip(
        "cupy", reason="CuPy is not installed; its keywords are taken from cupy14_keywords.txt"
    )
    for word, frozen in KEYWORDS.items():
        function = operator.attrgetter(word)(cupy)
        try:
            found = set(inspect.signature(function).parameters)
        except (TypeError, ValueError):  # a ufunc says so in its first line
            found = set(re.findall(r"(\w+)=", function.__doc__.split("\n")[0]))
        assert frozen <= found, f"{word}: CuPy {cupy.__version__} takes no {frozen - found}"


@pytest.mark.parametrize("name", RULES)
def test_a_rule_never_names_a_library(name: str) -> None:
    for node in ast.walk(ast.parse(RULES[name])):
        if isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].arg == "xp":
            names = {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
            assert not names & {"np", "numpy", "cupy"}, f"{node.name}: take the word from xp"


def test_the_frozen_names_are_cupys() -> None:
    cupy = pytest.importorskip(
        "cupy", reason="CuPy is not installed; its names are taken from cupy14_names.txt"
    )
    assert hasattr(importlib.import_module("cupyx"), "zeros_pinned")
    for word in CUPY | CUDA:
        place = cupy
        for part in word.split("."):
            assert hasattr(place, part), f"{word}: CuPy {cupy.__version__} lacks it"
            place = getattr(place, part)


# No file names a machine.


@pytest.mark.skipif(
    not (shutil.which("git") and (ROOT / ".git").exists()), reason="git knows which files are ours"
)
def test_no_file_names_a_machine() -> None:
    git = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    place = re.compile(
        rb"(?<![\w.])/(?:home|root|Users|work|farm|tmp|mnt|opt)/|\b(?!127\.)(?:\d{1,3}\.){3}\d{1,3}\b"
    )
    for path in map(ROOT.joinpath, git.stdout.split("\0")):
        found = (
            place.search(path.read_bytes()) if path.is_file() and path.suffix != ".png" else None
        )
        assert not found, (
            f"{path.name}: {found.group().decode()} is a path or an address of one machine"
        )


# The README is true.


def readme() -> str:
    return (ROOT / "README.md").read_text("utf-8")


def blocks(*languages: str) -> list[str]:
    fenced = re.findall(r"^```(\w+)\n(.*?)^```", readme(), re.MULTILINE | re.DOTALL)
    return [code for language, code in fenced if language in languages]


def commands() -> list[list[str]]:
    """The commands in the README's shell blocks and in its running text."""
    shell = [
        line.removeprefix("$ ")
        for code in blocks("sh", "bash", "console")
        for line in code.splitlines()
    ]
    inline = re.findall(r"`((?:make|python3?|pip) [^`\n]+)`", readme())
    return [tokens for line in [*shell, *inline] if (tokens := shlex.split(line, comments=True))]


def python(*arguments: str, cwd: Path = ROOT) -> str:
    """What a new Python, where a warning is an error, prints."""
    run = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(
        run, cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_code_in_the_readme_runs(tmp_path: Path) -> None:
    python("-c", "\n".join(code for code in blocks("python") if ">>>" not in code), cwd=tmp_path)
    python("-m", "doctest", str(ROOT / "README.md"), cwd=tmp_path)


def test_the_commands_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    demos = {"list", *python("-m", "demos", "list").split()}
    for command, *rest in commands():
        if command == "make":
            assert {word for word in rest if "=" not in word} <= targets, (
                f"make {' '.join(rest)}: no such target"
            )
        elif command in ("python", "python3") and rest[0] == "-m":
            assert importlib.util.find_spec(rest[1]), f"python -m {rest[1]}: no such module"
            if rest[1] == "demos":
                assert {word for word in rest[2:3] if word[0] != "-"} <= demos, (
                    f"{rest[2]}: no such demo"
                )
        elif command in ("python", "python3"):
            assert (ROOT / rest[0]).is_file(), f"python {rest[0]}: no such file"
        else:
            assert command in ("cd", "git", "pip"), (
                f"{command}: no test knows whether this command works"
            )
