"""Files that are whole or absent, and runs that are done once: a result is kept under its
experiment and arguments."""

from __future__ import annotations

import gc
import hashlib
import inspect
import json
import re
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np

import nn
from demos import engines
from minigrad.files import cut_to_bytes

ROOT = Path(__file__).parent.parent


def write(path: Path, content: str | bytes) -> Path:
    """Write a whole file or nothing: see nn.io.write."""
    make_folder(path.parent)
    nn.io.write(path, content.encode() if isinstance(content, str) else content)
    return path


def read_text(path: str | Path, kind: str = "text file") -> str:
    """A reader's file in UTF-8, lines ended by "\\n"; ends the program where it cannot be read."""
    try:
        return Path(path).read_text("utf-8-sig")
    except OSError as error:
        raise SystemExit(f"{path}: expected a {kind} in UTF-8, got: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise SystemExit(f"{path}: expected a {kind} in UTF-8, got: {error}.") from None


def make_folder(folder: Path) -> None:
    """Make a folder, and those it lies in. Raises OSError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = f"the folder {str(folder)!r} could not be written: {error.strerror}"
        raise type(error)(error.errno, text) from error


def check_out(out: Path) -> None:
    """Make the folder of --out; ends the program where no file can be written there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        sys.exit(f"--out {out}: expected a folder that can be written to, got: {error.strerror}.")


def plain(value: Any) -> Any:
    """What JSON does not know, as what it knows."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"a result holds numbers, strings, lists and dicts, not {type(value).__name__}")


def printable(text: str) -> str:
    """A text without control characters, which a terminal would obey.

    >>> printable("a \\x1b[31mred\\0 word\\n")
    'a \\ufffd[31mred\\ufffd word\\n'
    """
    if text.isprintable():
        return text
    letters = []
    for letter in text:
        is_control = unicodedata.category(letter).startswith("C") and letter != "\n"
        letters.append("\ufffd" if is_control else letter)
    return "".join(letters)


def to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, default=plain, allow_nan=False, indent=indent, ensure_ascii=False)


# A result is found again only while the code behind it is the same: the library, and all that the
# experiment reaches.


@cache
def library() -> str:
    if engines.chosen() == "torch":
        adapter = sorted((ROOT / "demos" / "engines").glob("*.py"))
        return engines.fingerprint() + "".join(path.read_text("utf-8") for path in adapter)
    paths = [*(ROOT / "minigrad").rglob("*.py"), *(ROOT / "nn").rglob("*.py")]
    return "".join(path.read_text("utf-8") for path in sorted(paths))


def fingerprint_of(script: Path) -> str:
    """Of the library and a script, twelve letters: what made a record."""
    return hashlib.sha256((library() + script.read_text("utf-8")).encode()).hexdigest()[:12]


def sources(thing: Any, seen: set[str]) -> Iterator[str]:
    """The source of a function or class of demos/, and of all functions, classes and constants that
    it names."""
    text = inspect.getsource(thing)
    yield text
    members = [thing] if isinstance(thing, FunctionType) else vars(thing).values()
    for function in (member for member in members if isinstance(member, FunctionType)):
        if "ipykernel" in sys.modules and function.__code__.co_filename != "<string>":
            # of a class that was changed in a notebook, whose text is still the script's
            own = inspect.getsource(function)
            yield "" if own in text else own
        for name in sorted(names_in(function.__code__) - seen):
            seen.add(name)
            value = inspect.unwrap(function.__globals__.get(name))  # of a cached function
            if isinstance(value, FunctionType | type) and value.__module__.split(".")[0] in (
                "__main__",
                "demos",
            ):
                yield from sources(value, seen)
            elif isinstance(value, int | float | str | tuple | list | dict):
                yield f"{name} = {without_addresses(repr(value))}"


def without_addresses(text: str) -> str:
    """A repr of functions in a container, the same in every process.

    >>> without_addresses("{'sin': <function sine at 0x7f3cc17559e0>}")
    "{'sin': <function sine>}"
    """
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def names_in(code: CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*(names_in(block) for block in inner))


def code(experiment: Callable[..., Any]) -> str:
    """A fingerprint of the library and of all that `experiment` reaches in demos/."""
    return hashlib.sha256((library() + "".join(sources(experiment, set()))).encode()).hexdigest()


def key(code: str, arguments: Mapping[str, Any]) -> str:
    """A file name for one run: its arguments, readable, and a fingerprint of them and of the
    code."""
    words = "-".join(f"{name}={value}" for name, value in arguments.items())
    text = to_json(arguments) + code
    safe = "".join(letter if letter.isalnum() or letter in "=-._" else "_" for letter in words)
    return f"{cut_to_bytes(safe, 100)}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Python looks for cycles of references after 100,000 new objects meanwhile, not after 700.

    minigrad makes none, but its graphs have thousands of objects: looking through those again and
    again takes a third of the time where a cell runs step by step.
    """
    first, *others = gc.get_threshold()
    gc.set_threshold(100_000, *others)
    try:
        yield
    finally:
        gc.set_threshold(first, *others)


def perform(
    function: Callable[..., Any], arguments: Mapping[str, Any], path: Path
) -> tuple[Path, str]:
    """One run: call `function`; where to keep it, and what: its result, its arguments, how long it
    took (seconds)."""
    began = time.perf_counter()
    with rarely_collected():
        result = function(**arguments)
    return path, to_json(
        {"arguments": arguments, "seconds": time.perf_counter() - began, "result": result}
    )


def load(path: Path) -> dict[str, Any]:
    """What `write` wrote there. Raises ValueError, which names the file, where it is damaged."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{str(path)!r} is damaged: {error}; remove it") from error


def is_run(path: Path) -> bool:
    """Whether a run is kept there; one that is damaged is not, and is done again."""
    try:
        record = load(path)
    except (OSError, ValueError):
        return False
    are_dicts = all([isinstance(record.get(name), dict) for name in ("arguments", "result")])
    return are_dicts and isinstance(record.get("seconds"), int | float)
