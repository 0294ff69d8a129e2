"""Every public name is called wrongly, in each of the ways below: what is refused is refused in a
sentence that names what was called, or the op or argument that it stumbled over, and the kind of
error is the one that kinds.json
holds. tests/test_misuse.py has the words of many."""

import inspect
import json
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import strict_device  # noqa: F401  (device="strict")
import wrong_calls

import minigrad as mg
import nn
import nn.functional as F

KINDS = (TypeError, ValueError, IndexError, RuntimeError, NotImplementedError, FileNotFoundError)

X = mg.ones(2, 3)
CALLS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda f: f(),
    "an object": lambda f: f(object()),
    "a word": lambda f: f("abc"),
    "a list": lambda f: f([[1.0], "a"]),
    "a word second": lambda f: f(X, "abc"),
    "an object second": lambda f: f(X, object()),
    "None second": lambda f: f(X, None),
    "far out of range": lambda f: f(X, 99),
    "negative": lambda f: f(X, -99),
    "a fraction": lambda f: f(X, 1.5),
    "integers": lambda f: f(mg.tensor([1, 2]), mg.tensor([3])),
    "shapes that do not fit": lambda f: f(mg.ones(2, 0, 3, 4), mg.ones(7)),
    "another device": lambda f: f(X, mg.ones(2, 3, device="strict")),
    "an unknown keyword": lambda f: f(X, bogus=1),
    "far too many": lambda f: f(*[X] * 9),
}


# Functions and classes of these modules that only the library itself calls
INSIDE = re.compile(
    "check|refuse|not_supported|normalize|reduced|target_weights|pad_dim|filled_like|class_dim|"
    "masked_softmax|attend|collate|default_collate|with_gradients|norm_of|scale_all|reason_of|"
    "generator_at|as_functions|listed|as_sizes|ends_of|with_batch|convolve|max_pool$|"
    "avg_pool$|padded_for|kaiming_std|changed_in_place|limit_norms|packed_places|lengths_of|"
    "PackedParts|padded|softmax_dim|reduction_of|bounded_log|"
    "(Dataset|IterableDataset|Sampler|LRScheduler|Optimizer)$"
)


def public() -> dict[str, Any]:
    """Every function and class that a user calls, by the name under which it is found."""
    found: dict[str, Any] = {f"minigrad.{name}": getattr(mg, name) for name in mg.__all__}
    found |= {f"nn.{name}": getattr(nn, name) for name in nn.__all__}
    found |= {f"nn.functional.{name}": f for name, f in own(F) if not INSIDE.match(name)}
    found |= {
        f"nn.init.{name}": f
        for name, f in own(nn.init)
        if name.endswith("_") or name == "calculate_gain"
    }
    optimizers = (
        "SGD",
        "ASGD",
        "Adadelta",
        "Adagrad",
        "Adam",
        "Adamax",
        "AdamW",
        "LBFGS",
        "RMSprop",
    )
    found |= {f"nn.optim.{name}": getattr(nn.optim, name) for name in optimizers}
    for module in (nn.optim.lr_scheduler, nn.data, nn.utils, nn.utils.rnn):
        found |= {
            f"{module.__name__}.{name}": f for name, f in own(module) if not INSIDE.match(name)
        }
    found |= {
        f"nn.io.{name}": getattr(nn.io, name)
        for name in ("load", "load_checkpoint", "save_checkpoint")
    }
    # These take anything, run the caller's own functions (as all of minigrad.func does), or turn
    # a mode on; what they refuse is in tests of their own.
    apart = {
        "minigrad.op",
        "minigrad.Tensor",
        "minigrad.no_grad",
        "minigrad.enable_grad",
        "minigrad.set_grad_enabled",
        "minigrad.set_flush_denormal",
    }
    apart |= {
        "minigrad.detect_anomaly",
        "minigrad.manual_seed",
        "minigrad.set_default_dtype",
        "nn.Module",
        "nn.Identity",
        "minigrad.gradcheck",
    }
    return {
        n: f
        for n, f in found.items()
        if callable(f) and not isinstance(f, np.dtype) and n not in apart
    }


def own(module: Any) -> list[tuple[str, Any]]:
    return [
        (name, f)
        for name, f in vars(module).items()
        if f"{getattr(f, '__module__', '')}.".startswith(f"{module.__name__}.")
    ]


def methods() -> dict[str, Any]:
    def method(name: str) -> Any:
        return lambda *args, **settings: getattr(X, name)(*args, **settings)

    apart = set(wrong_calls.INSIDE_CLASSES["Tensor"].split())
    names = [
        n
        for n in dir(mg.Tensor)
        if n[0] != "_" and callable(getattr(mg.Tensor, n)) and n not in apart
    ]
    return {f"Tensor.{name}": method(name) for name in names}


TARGETS = {**public(), **methods()}
EXPECTED = json.loads(
    Path(__file__).with_name("kinds.json").read_text("utf-8")
)  # name -> kind of error -> ways
WORDS = {part for name in TARGETS for part in name.split(".")} | set(mg.OPS)


def is_sentence(text: str, name: str, target: Any) -> bool:
    """It begins with the name of something public, or speaks of what was called or of one of its
    arguments.
    """
    first = re.match(r"[\w.]+(?=[:(]| \()", text) or text.split()[0] in WORDS
    try:
        arguments = set(inspect.signature(target).parameters)
    except ValueError:
        arguments = set()
    spoken = set(re.findall(r"\w+", text)) & (
        arguments | {name.split(".")[-1], name.split(".")[-1].rstrip("_")}
    )
    return len(text) > 15 and bool(first or spoken) and "<lambda>" not in text


def like(name: str) -> str:
    """The entry of kinds.json for an op without one of its own: tanh's, if it takes one array."""
    op = mg.OPS.get(name.split(".")[-1])
    one_array = op and len(inspect.signature(op.rule).parameters) == 2
    return name.replace(name.split(".")[-1], "tanh") if one_array else name


refused: dict[str, int] = {}


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_refused_is_refused_in_a_sentence(
    name: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)  # "abc" is a good name of a file
    target, found = TARGETS[name], dict[str, list[str]]()
    for way, call in CALLS.items():
        monkeypatch.setattr(
            sys.modules[__name__], "X", mg.ones(2, 3)
        )  # a method may have changed the one before
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mode, dtype = mg.is_grad_enabled(), mg.get_default_dtype()
            try:
                call(target)
            except KINDS as error:
                found.setdefault(type(error).__name__, []).append(way)
                assert is_sentence(str(error), name, target), f"{name}, {way}: {error!r}"
            assert (mode, dtype) == (mg.is_grad_enabled(), mg.get_default_dtype())
    assert found, f"{name} takes everything: {list(CALLS)}"
    expected = EXPECTED.get(name) or EXPECTED.get(like(name))
    assert found == expected, f"{name}: tests/trust/kinds.json says {expected}"
    refused[name] = sum(map(len, found.values()))


def test_the_table_holds_every_public_name(say: Any) -> None:
    assert len(TARGETS) > 280
    assert {name.removeprefix("nn.") for name in TARGETS if name.startswith("nn.")} >= {
        n
        for n in nn.__all__
        if isinstance(getattr(nn, n), type) and n not in ("Module", "Identity")
    }
    if refused:
        say(
            f"misuse: {len(refused)} public names, {sum(refused.values()):,} wrong calls refused, "
            "each in a sentence"
        )
