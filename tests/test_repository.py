"""What must be true of the source itself: imports run one way, what is there for speed or for
looking can go, the code is plain, a rule uses only words that a GPU has, no file names a machine,
and the README's commands and code work."""

import ast
import functools
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import minigrad as mg
import nn
from minigrad import byhand
from minigrad.array import NUMPY, VOCABULARY

pytestmark = pytest.mark.untraced  # what these run of minigrad and nn is run by others too
ROOT = Path(__file__).resolve().parent.parent
SOURCE = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for part in ("minigrad", "nn", "demos", "tests", "benchmarks")
    for path in sorted((ROOT / part).rglob("*.py"))
}


def in_part(*parts: str) -> dict[str, str]:
    """The files of these folders (named with a slash at the end) or with these names."""
    return {name: text for name, text in SOURCE.items() if name.startswith(parts)}


# Imports run downwards. A module belongs to the room with its longest prefix.

ROOMS = [
    {"minigrad.files"},
    {"minigrad.array", "minigrad.faster", "minigrad.cuda", "minigrad.hooks"},
    {"minigrad.errors", "minigrad.random"},
    {"minigrad.diagnosis", "minigrad.denormals"},
    {"minigrad.grad_mode", "minigrad.graph"},
    {"minigrad.promotion"},
    {"minigrad.call", "minigrad.pytree"},
    {"minigrad.autograd", "minigrad.cotangents", "minigrad.unchanged"},
    {"minigrad.backward"},
    {"minigrad.ops"},
    {"minigrad.arguments"},
    {"minigrad.functional", "minigrad.distributions"},
    {"minigrad.convert", "minigrad.index"},
    {"minigrad.mutation"},
    {"minigrad.inplace", "minigrad.aliases", "minigrad.constructor", "minigrad.creation"},
    {"minigrad.tensor"},
    {"minigrad.vmap"},
    {"minigrad.einsum", "minigrad.func", "minigrad.check"},
    {"minigrad.sampling"},
    {"minigrad.cells"},
    {"minigrad.byhand"},
    {"minigrad.fast", "minigrad.inspect"},
    {"minigrad"},
    {"minigrad.prove"},
    {"minigrad.testing"},
    {"nn"},
    {"nn.as_torch"},
    {"demos"},
]
# These packages can be deleted: nothing but these modules imports them.
REMOVABLE = {
    "minigrad.fast": {"minigrad"},
    "minigrad.inspect": {"minigrad", "nn"},
    "nn.as_torch": set(),
    "minigrad.prove": {"minigrad.testing.laws"},
    "minigrad.testing": set(),
}
MODULES = {
    name.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): name
    for name in in_part("minigrad/", "nn/", "demos/")
}


@functools.cache
def parsed(name: str) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(SOURCE[name])


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


@functools.cache
def imported(module: str) -> set[str]:
    """The modules of this repository that `module` imports, also inside functions."""
    is_package = module.replace(".", "/") + "/__init__.py" in SOURCE
    package = module if is_package else module.rpartition(".")[0]
    found = set()
    for node in at_run_time(parsed(MODULES[module])):
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
    assert not upwards, f"{module} must not import {', '.join(upwards)}, which is built on it"


@pytest.mark.parametrize("package", REMOVABLE)
def test_only_one_line_imports_what_can_be_removed(package: str) -> None:
    importers = {
        module
        for module in MODULES
        if module.startswith(("minigrad", "nn")) and not belongs(module, package)
        if any(belongs(name, package) for name in imported(module))
    }
    assert importers <= REMOVABLE[package], f"{package} must be removable"


def belongs(module: str, package: str) -> bool:
    """Whether `module` is this package or inside it."""
    return f"{module}.".startswith(f"{package}.")


def test_imports_have_no_cycle() -> None:
    graphlib.TopologicalSorter(
        {module: imported(module) - {module} for module in MODULES}
    ).prepare()


# The code is plain. (ruff holds the width of lines and the layout.)

ENGINE_AND_LAYERS = {
    name: text
    for name, text in in_part("minigrad/", "nn/").items()
    if not name.startswith("minigrad/fast/")
}
ENCLOSING = (
    ast.Call,
    ast.Subscript,
    ast.Dict,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


def contains(node: ast.AST, kind: type[ast.AST]) -> bool:
    """Whether a node of this kind stands below `node`."""
    return any(isinstance(child, kind) for child in ast.walk(node) if child is not node)


@pytest.mark.parametrize("name", SOURCE)
def test_nothing_overrules_the_formatter(name: str) -> None:
    overruled = re.findall(r"#\s*(?:fmt:|yapf:|noqa: E501).*", SOURCE[name])
    assert not overruled, "ruff format decides the layout"


def names_no_encoding(call: ast.Call) -> bool:
    """Whether this call opens a text in the encoding of the machine, on Windows often not UTF-8."""
    words = {keyword.arg: keyword.value for keyword in call.keywords}
    called = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    if "encoding" in words:
        return False
    if called == "read_text":
        return not call.args
    if called == "write_text":
        return len(call.args) < 2
    if called == "open" and isinstance(call.func, ast.Name):
        mode = words.get("mode", call.args[1] if len(call.args) > 1 else ast.Constant("r"))
        return isinstance(mode, ast.Constant) and "b" not in mode.value
    flags = [words.get("text"), words.get("universal_newlines")]  # of subprocess
    return any([isinstance(flag, ast.Constant) for flag in flags])


@pytest.mark.parametrize("name", [name for name in SOURCE if "/programs/" not in name])
def test_a_text_names_its_encoding(name: str) -> None:
    calls = [node for node in ast.walk(parsed(name)) if isinstance(node, ast.Call)]
    lines = [call.lineno for call in calls if names_no_encoding(call)]
    assert not lines, f'{name}, lines {lines}: no encoding="utf-8"'


@pytest.mark.parametrize("name", ENGINE_AND_LAYERS)
def test_an_assignment_is_a_statement_of_its_own(name: str) -> None:
    lines = [
        node.lineno
        for node in ast.walk(parsed(name))
        if isinstance(node, ENCLOSING) and contains(node, ast.NamedExpr)
    ]
    assert not lines, f"{name}, lines {lines}: a walrus inside an expression"


@pytest.mark.parametrize("name", ENGINE_AND_LAYERS)
def test_a_conditional_expression_is_never_inside_another(name: str) -> None:
    lines = [
        node.lineno
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.IfExp) and contains(node, ast.IfExp)
    ]
    assert not lines, f"{name}, lines {lines}: an if-else inside an if-else"


NAMED_CASES = {"minigrad/prove/cases.py"}  # its functions are cases, named by what they are


@pytest.mark.parametrize("name", sorted(ENGINE_AND_LAYERS.keys() - NAMED_CASES))
def test_a_public_name_says_what_it_is(name: str) -> None:
    public = [
        node
        for node in parsed(name).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    bare = [node.name for node in public if not ast.get_docstring(node)]
    assert not bare, f"{name}: no docstring for {', '.join(bare)}"


def public_callables() -> dict[str, Callable[..., Any]]:
    """All functions and classes that a user calls, by their dotted names."""
    modules = [mg, nn, nn.functional, nn.init, nn.optim, nn.utils, byhand, mg.func]
    return {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value)
        if getattr(value, "__module__", "").startswith(("minigrad", "nn"))
    }


@pytest.mark.parametrize("name", public_callables())
def test_a_signature_shows_what_a_user_passes(name: str) -> None:
    function = public_callables()[name]
    names = inspect.signature(function).parameters
    assert "xp" not in names, f"help({name}) shows the namespace of the rule"


# A rule uses only words that a GPU has. CuPy's names are frozen (14.2, every public one, and of the
# ufuncs' methods those that it implements), because its wheel has 137 MB.

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
    known = {*dir(NUMPY)} - {"module"} | {word for word in CUPY if "." in word}
    unknown = words(RULES[name], "xp") - known
    assert not unknown, f"{sorted(unknown)}: not a word of minigrad.array, or one that CuPy lacks"


def test_cupy_knows_the_vocabulary_and_all_that_array_builds_on() -> None:
    array, cuda = RULES["minigrad/array.py"], RULES["minigrad/fast/gpu/kernels.py"]
    assert {*VOCABULARY, *words(array, "self.module")} - {"ndarray"} <= CUPY & KEYWORDS.keys()
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
        "xp|self.module|cupy|self.cupy"
        if name in ("minigrad/array.py", "minigrad/fast/gpu/kernels.py")
        else "xp"
    )
    for node in ast.walk(parsed(name)):
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
    for node in ast.walk(parsed(name)):
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


# What git holds: no leftovers, and no file names a machine.


needs_git = pytest.mark.skipif(
    not (shutil.which("git") and (ROOT / ".git").exists()), reason="git knows which files are ours"
)


def tracked() -> list[str]:
    """The files that git holds, relative to the root."""
    git = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    return git.stdout.strip("\0").split("\0")


@needs_git
def test_the_root_has_no_file_that_a_run_left_behind() -> None:
    expected = {".gitignore", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE"}
    expected |= {"Makefile", "README.md", "pyproject.toml", "setup.cfg"}
    assert {name for name in tracked() if "/" not in name} == expected


@needs_git
def test_no_file_names_a_machine() -> None:
    place = re.compile(
        rb"(?<![\w.])/(?:home|root|Users|work|farm|tmp|mnt|opt)/|\b(?!127\.)(?:\d{1,3}\.){3}\d{1,3}\b"
    )
    for path in map(ROOT.joinpath, tracked()):
        found = (
            place.search(path.read_bytes()) if path.is_file() and path.suffix != ".png" else None
        )
        assert not found, (
            f"{path.name}: {found.group().decode()} is a path or an address of one machine"
        )


# The README and its companions are true.

TEXTS = {
    name: (ROOT / name).read_text("utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "tests/README.md")
}


def blocks(text: str, *languages: str) -> list[str]:
    """The fenced blocks of a text in one of these languages."""
    fenced = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [code for language, code in fenced if language in languages]


def commands(text: str) -> list[list[str]]:
    """The commands in the text's shell blocks and in its running text."""
    shell = [
        line.removeprefix("$ ")
        for code in blocks(text, "sh", "bash", "console")
        for line in code.splitlines()
    ]
    inline = re.findall(r"`((?:make|python3?|pip) [^`\n]+)`", text)
    split = [shlex.split(line, comments=True) for line in [*shell, *inline]]
    return [words for words in split if words]


def python(*arguments: str, cwd: Path = ROOT) -> str:
    """What a new Python, where a warning is an error, prints."""
    run = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(
        run,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", TEXTS)
def test_the_code_in_a_text_runs(name: str, tmp_path: Path) -> None:
    code = [block for block in blocks(TEXTS[name], "python") if ">>>" not in block]
    python("-c", "\n".join(code), cwd=tmp_path)
    python("-m", "doctest", str(ROOT / name), cwd=tmp_path)


def test_what_the_readme_shows_of_the_lstm_is_there() -> None:
    lines = (ROOT / "minigrad" / "byhand" / "lstm.py").read_text("utf-8").splitlines()
    text = "\n".join([line.strip() for line in lines])
    (shown,) = blocks(TEXTS["README.md"], "py")
    assert shown in text


def test_the_readme_counts_the_public_programs_as_their_list_does() -> None:
    listed = (ROOT / "tests" / "PROGRAMS.md").read_text("utf-8")
    said = " ".join(TEXTS["README.md"].split())
    for in_the_list, in_the_readme in [
        (r"(\d+) of them run under", r"Of (\d+) more, for which"),
        (r"\*\*(\d+) train, and", r"(\d+) train with the losses"),
        (r"(\d+) more have no loss", r"(\d+) have no loss"),
        (r"\*\*(\d+) are refused", r"(\d+) are refused"),
        (r"(\d+) more does not end", r"(\d+) takes too long"),
    ]:
        assert re.findall(in_the_list, listed) == re.findall(in_the_readme, said)
    samples = re.findall(r"Of the (\d+), (\d+) \(\d+ %\) ran here as they", listed)
    drawn, ran = [sum(map(int, counts)) for counts in zip(*samples, strict=True)]
    assert len(samples) == 3
    assert f"Of {drawn} public PyTorch programs" in said
    assert f"{ran} did what they do under PyTorch, and {drawn - ran} stopped" in said


def changes(heading: str) -> Iterator[tuple[str, str, str]]:
    """What a section of CONTRIBUTING.md changes: a file, lines of it, and what takes their place.

    A step, "**1. The rule**, in `FILE`", names the file of the diffs that follow.
    """
    section = TEXTS["CONTRIBUTING.md"].split(f"## {heading}\n")[1].split("\n## ")[0]
    file = ""
    for part in section.split("```"):
        step = re.search(r"^\*\*\d\. .*?`(\w+/[\w/]+\.py)`", part, re.MULTILINE | re.DOTALL)
        if step:
            file = step[1]
        if part.startswith("diff\n"):
            lines = part.splitlines()[1:]
            before = [line[1:] for line in lines if line[0] != "+"]
            after = [line[1:] for line in lines if line[0] != "-"]
            yield file, "\n".join(before), "\n".join(after)


@pytest.mark.parametrize(
    ("heading", "word", "tests"),
    [
        ("Add an op", "atanh", ["test_ops.py", "test_prove.py"]),
        pytest.param(
            *("Add a layer", "InstanceNorm1d", ["test_nn_torch.py"]),
            marks=pytest.mark.skipif(
                importlib.util.find_spec("torch") is None,
                reason="PyTorch is not installed (the extra torch)",
            ),
        ),
    ],
)
def test_what_contributing_adds_passes(
    heading: str, word: str, tests: list[str], tmp_path: Path
) -> None:
    """In a copy, with the changes as they are printed, and with no other."""
    for part in ("minigrad", "nn", "tests"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for file, before, after in changes(heading):
        text = (tmp_path / file).read_text("utf-8")
        assert text.count(before) == 1, f"{file} has not once\n{before}"
        (tmp_path / file).write_text(text.replace(before, after), "utf-8")
    files = [f"tests/{name}" for name in [*tests, "trust/test_wrong_arguments.py"]]
    chosen = f"{word} or table_holds or every_public_name"
    assert re.search(r"\d passed", python("-m", "pytest", "-q", "-k", chosen, *files, cwd=tmp_path))


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_names_files_that_are_there(name: str) -> None:
    named = re.findall(r"`((?:minigrad|nn|demos|tests|benchmarks)/[\w/.]*)`", TEXTS[name])
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", TEXTS[name])
    folder = (ROOT / name).parent
    missing = [path for path in named if not (ROOT / path).exists()]
    missing += [path for path in linked if not (folder / path).exists()]
    assert not missing


@pytest.mark.parametrize("name", TEXTS)
def test_the_commands_in_a_text_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    demos = {"list", *python("-m", "demos", "list").split()}
    for command, *rest in commands(TEXTS[name]):
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


# The tables of what was tried, each row with the test that holds it.
TABLES = ["ATTACKS.md"]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_names_tests_that_exist(table: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "tests" / table).read_text("utf-8")))
    existing: set[str] = set()
    for text in in_part("tests/").values():
        existing |= set(re.findall(r"def (test_\w+)", text))
    assert named and not named - existing
