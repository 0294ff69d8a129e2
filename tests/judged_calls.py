"""One wrong call, and what is thought of what came of it."""

from __future__ import annotations

import itertools
import linecache
import re
import resource
import signal
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import wrong_calls
from wrong_calls import TooLong, World, working_call

import minigrad as mg
from minigrad.testing import LawBroken, LawsBroken

HERE = str(Path(mg.__file__).parents[1])
SECONDS = 5
BYTES = 2 * 2**30


class Outcome(NamedTuple):
    """What came of a call: "taken", "sentence", or what is wrong with its refusal."""

    kind: str
    error: BaseException | None = None


@contextmanager
def limits() -> Iterator[None]:
    """A wrong call neither fills the memory nor runs on and on."""
    with open("/proc/self/statm", encoding="utf-8") as f:
        present = int(f.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (present + BYTES, before[1]))
    handler = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def stop(*_: Any) -> None:
    raise TooLong


def outcome(name: str, change: Callable[..., None], w: World) -> Outcome:
    """What comes of the working call of `name`, changed."""
    try:
        target, args, settings = working_call(name, w)
        change(args, settings, w)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            use(name, target(*args, **settings), w)
    except (Exception, TooLong) as error:
        return Outcome(judged(name, error), error)
    return Outcome("taken")


def use(name: str, result: Any, w: World) -> None:
    """Go on with what a call returned, as a user would: a wrong setting may be found out later."""
    owner, _, word = name.rpartition(".")
    if owner == "optim" and word != "Optimizer":
        w["closure"]()
        result.step(w["closure"])
    elif owner == "sched":
        for _ in range(3):
            result.step(*([0.5] if word == "ReduceLROnPlateau" else []))
    elif owner == "data" and word in ITERATED:
        list(itertools.islice(iter(result), 3))
        len(result)
    elif owner == "module" and isinstance(result, Iterator):
        list(itertools.islice(result, 100))
    elif name == "mg.op":
        result(w["x"]) if isinstance(result, types.FunctionType) else None
    elif owner == "func" and callable(result):
        result(w["x"])
    elif owner == "func":
        result[1](w["x"]) if callable(result[1]) else None
    elif f"{name}()" in wrong_calls.LINES:
        args, settings = wrong_calls.made(f"as_call({wrong_calls.LINES[f'{name}()']})")(w)
        result(*args, **settings)


ITERATED = (
    "DataLoader BatchSampler RandomSampler SequentialSampler SubsetRandomSampler "
    "WeightedRandomSampler Subset ConcatDataset TensorDataset"
).split()
SIGNATURE = r"^[\w.<>]+\(\) (takes|missing|got)"  # Python's refusal of a call


def judged(name: str, error: BaseException) -> str:
    """What is thought of an exception."""
    if isinstance(error, TooLong):
        return "too long"
    text = str(error)
    words = names_in(name)
    says_name = any([re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words])
    says_name |= name[:3] == "nn." and as_one_word(name) == as_one_word(text)
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    line = linecache.getline(last.filename, last.lineno or 0).strip()
    is_ours = last.filename.startswith(HERE) and line.startswith("raise")
    if not is_ours:
        if isinstance(error, TypeError) and re.search(SIGNATURE, text):
            return "sentence"  # the function's name is in it, a base class's or the caller's own
        return "foreign, named" if says_name else "foreign"
    if says_name:
        return "sentence"
    if isinstance(error, (LawBroken, LawsBroken)):
        return "sentence"  # the verdict that was asked for; what does not work breaks a law
    start = re.match(r"[\w.]+(?=[:(]| \()", text) or text.split()[0] in mg.OPS
    return "of an inner op" if start else "no name"


def as_one_word(text: str) -> str:
    """The name at the start of a text, the same for a module and its function in nn.functional."""
    name = re.split(r"[^\w]", text.removeprefix("nn."))[0]
    return name.replace("_", "").lower().removesuffix("loss")


ALSO = {  # whose words a refusal may use as well
    "collate": "DataLoader",
    "default_collate": "DataLoader collate",
    "__setitem__": "[]=",
    "__contains__": "in",
    "__iadd__": "+=",
    "__isub__": "-=",
    "__imul__": "*=",
    "__itruediv__": "/=",
}

OPERATORS = {  # what x + y is called: a refusal says the sign, or the op that it is
    "add": "+ add",
    "sub": "- sub",
    "mul": "* mul",
    "truediv": "/ div",
    "floordiv": "// floor_divide",
    "mod": "% remainder",
    "pow": "** pow",
    "matmul": "@ matmul",
    "and": "& bitwise_and",
    "or": "| bitwise_or",
    "xor": "^ bitwise_xor",
}


def names_in(name: str) -> set[str]:
    """The words one of which a refusal of `name` must say."""
    owner, _, word = name.rpartition(".")
    word = word.removesuffix("()")
    words = {word, word.strip("_"), word.rstrip("_"), *ALSO.get(word, "").split()}
    if owner in ("mg", "x"):  # absolute is abs
        same = getattr(getattr(mg, word.rstrip("_"), None), "__name__", word)
        words |= {same, f"{same}_"}
    if word.startswith("__"):
        words |= set(OPERATORS.get(word.strip("_").removeprefix("r"), "").split())
    if owner[:1].isupper():
        words.add(owner)
    return words
