"""A wrong call that minigrad takes, and what PyTorch makes of the same call.

The call is the same line of source (tests/wrong_calls.py), over PyTorch's names and tensors.
Compared are values, dtypes and shapes; of what is drawn, dtypes and shapes; of a module, what it
computes with the same weights; of an optimizer, the parameter after two steps.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import wrong_calls
from judged_calls import ITERATED, limits
from wrong_calls import TooLong, World, working_call

import minigrad as mg
import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
pytest.importorskip("torch._dynamo")  # the first optimizer imports it, longer than a call may take

GROUPS = "mg x F nn optim sched utils rnn init data random".split()
THEIRS = {
    "mg": torch,
    "nn": torch.nn,
    "F": torch.nn.functional,
    "init": torch.nn.init,
    "data": torch.utils.data,
    "utils": torch.nn.utils,
    "rnn": torch.nn.utils.rnn,
    "optim": torch.optim,
    "sched": torch.optim.lr_scheduler,
    "random": torch.random,
}
DRAWN = re.compile(  # what these give is drawn: shapes and dtypes are compared
    r"rand|normal|bernoulli|multinomial|dropout|Dropout|gumbel|_split|init\.\w*(uniform|orthogonal)"
    r"|uniform_|empty|new,|Random|Weighted|manual_seed|forget_bias|chrono|shuffle="
)


class Taken(NamedTuple):
    """What a call gave, with the weights of the module that it made."""

    value: Any
    state: Any = None


class Compared(NamedTuple):
    """A taken call beside PyTorch's: "same", "other", "refused", "lacking" or "memory", and why."""

    kind: str
    why: str = ""


def their_world() -> World:
    """A fresh world of PyTorch."""
    return World(THEIRS)


def call(name: str, change: Callable[..., None], w: World, state: Any = None) -> Taken:
    """What comes of the working call of `name`, changed; its module begins with `state`."""
    target, args, settings = working_call(name, w)
    change(args, settings, w)
    with warnings.catch_warnings(), limits():
        warnings.simplefilter("ignore")
        if name.endswith("()"):
            state = with_state(target, state)
        return used(name, target(*args, **settings), w, state)


def used(name: str, result: Any, w: World, state: Any) -> Taken:
    """Go on with what a call returned, as a user would, and keep what can be compared."""
    owner, _, word = name.rpartition(".")
    if owner == "optim" and word != "Optimizer":
        for _ in range(2):
            w["closure"]()
            result.step(w["closure"])
        return Taken(w["param"])
    if owner == "sched":
        rates = []
        for _ in range(3):
            result.step(*([0.5] if word == "ReduceLROnPlateau" else []))
            rates.append(float(w["optimizer"].param_groups[0]["lr"]))
        return Taken(rates)
    if owner == "data" and word in ITERATED:
        if getattr(result, "num_workers", 0):
            result.num_workers = 0  # PyTorch would start as many processes
        parts = list(itertools.islice(iter(result), 3))
        parts = len(parts) if word == "SubsetRandomSampler" else parts  # any may come first
        return Taken((parts, len(result)))
    if f"{name}()" in wrong_calls.LINES:
        state = with_state(result, state)
        args, settings = wrong_calls.made(f"as_call({wrong_calls.LINES[f'{name}()']})")(w)
        drawn = result(*args, **settings)
        return Taken((result.training, shapes(drawn), result.eval()(*args, **settings)), state)
    if name.endswith("set_default_dtype"):
        return Taken(w["mg"].get_default_dtype(), state)
    if name.endswith("set_grad_enabled"):
        return Taken(w["mg"].is_grad_enabled(), state)
    return Taken(result, state)


def with_state(module: Any, state: Any) -> Any:
    """Give a module the weights of its twin; returns the weights it has, as arrays."""
    if isinstance(module, nn.Module):
        return {key: t.numpy().copy() for key, t in module.state_dict().items()}
    if state is not None:
        module.load_state_dict({key: torch.tensor(array) for key, array in state.items()})
    return state


def shapes(value: Any) -> Any:
    """The shapes and dtypes in a result, without its numbers."""
    if isinstance(value, mg.Tensor | torch.Tensor):
        return ("tensor", str(value.dtype).removeprefix("torch."), tuple(value.shape))
    if isinstance(value, tuple | list):
        return [shapes(part) for part in value]
    return type(value).__name__


def compared(name: str, label: str, change: Callable[..., None], ours: Taken) -> Compared:
    """What PyTorch makes of the call that gave `ours`."""
    try:
        theirs = call(name, change, their_world(), ours.state)
    except (Exception, TooLong) as error:
        key = re.split("[:=]", label)[0]
        return Compared(kind_of(error, key), f"{type(error).__name__}: {error}")
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
    if theirs.value is NotImplemented:
        return Compared("refused", "NotImplemented")
    try:
        why = difference(ours.value, theirs.value, bool(DRAWN.search(f"{name}, {label}")))
    except (AttributeError, TooLong) as error:
        why = f"not to be compared: {error!r}"
    return Compared("other" if why else "same", why)


LACKS = "unexpected keyword argument|takes no keyword arguments|got multiple values for argument"


def kind_of(error: BaseException, key: str) -> str:
    """Whether PyTorch refuses a call, lacks what is called or `key`, or has no memory for it."""
    text = str(error)
    if isinstance(error, AttributeError) and re.search(r"^(module 'torch|'Tensor' object)", text):
        return "lacking"
    forms = text.partition("but expected one of:")[2]  # the signatures that PyTorch has
    has_key = key.startswith(("argument", "no arg")) or re.search(rf" {key}( |,|\))", forms)
    if re.search(LACKS, text) or (forms and not has_key):
        return "lacking"
    if "allocate memory" in text or isinstance(error, MemoryError):
        return "memory"
    return "refused"


def difference(a: Any, b: Any, is_drawn: bool = False) -> str:
    """In which way our result differs from PyTorch's; empty where it does not."""
    if isinstance(a, mg.Tensor):
        return tensors_differ(a, b, is_drawn)
    if isinstance(a, mg.device | np.dtype) and isinstance(b, torch.device | torch.dtype):
        return differ(str(a), str(b).removeprefix("torch."))
    if isinstance(a, mg.Generator | mg.set_grad_enabled):
        return ""  # what they do is told by other calls
    if isinstance(a, tuple | list):
        if not isinstance(b, tuple | list) or len(a) != len(b):
            return f"{a!r:.80} and {b!r:.80}"
        parts = [difference(p, q, is_drawn) for p, q in zip(a, b, strict=True)]
        return next((part for part in parts if part), "")
    if isinstance(a, dict):
        if not isinstance(b, dict) or list(a) != list(b):
            return f"{a!r:.80} and {b!r:.80}"
        return difference(list(a.values()), list(b.values()), is_drawn)
    if isinstance(a, nn.Module):
        return differ(type(a).__name__, type(b).__name__)
    return plain_differ(a, b, is_drawn)


def differ(a: Any, b: Any) -> str:
    return "" if a == b else f"{a!r:.80} and {b!r:.80}"


def plain_differ(a: Any, b: Any, is_drawn: bool) -> str:
    """Of numbers, words, arrays and what else Python has."""
    if is_drawn:
        return ""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return arrays_differ(a, b, is_drawn)
    if type(a).__name__ != type(b).__name__:
        return f"{a!r:.80} and {b!r:.80} ({type(a).__name__} and {type(b).__name__})"
    if isinstance(a, float | complex):
        is_same = a == b or (a != a and b != b) or abs(a - b) <= 1e-6 * abs(b)
        return "" if is_same else f"{a!r} and {b!r}"
    if isinstance(a, int | str | bytes):
        return differ(a, b)
    return ""


def tensors_differ(a: Any, b: Any, is_drawn: bool) -> str:
    if not isinstance(b, torch.Tensor):
        return f"a tensor and {b!r:.80}"
    dtypes = str(a.dtype), str(b.dtype).removeprefix("torch.")
    if dtypes[0] != dtypes[1]:
        return f"dtypes {dtypes[0]} and {dtypes[1]}"
    if tuple(a.shape) != tuple(b.shape):
        return f"shapes {tuple(a.shape)} and {tuple(b.shape)}"
    if a.requires_grad != b.requires_grad:
        return f"requires_grad {a.requires_grad} and {b.requires_grad}"
    if b.device.type == "meta" or str(a.device) == "strict":
        on = str(a.device), b.device.type
        return "" if on == ("strict", "meta") else f"on {on[0]} and {on[1]}"
    return arrays_differ(a.detach().numpy(), b.detach().resolve_conj().numpy(), is_drawn)


def arrays_differ(a: Any, b: Any, is_drawn: bool) -> str:
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{a.dtype} {a.shape} and {b.dtype} {b.shape}"
    if is_drawn or not a.size:
        return ""
    if a.dtype.kind == "f":
        is_same = np.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)
    else:
        is_same = (a == b).all()
    return "" if is_same else f"values {a.tolist()!r:.100} and {b.tolist()!r:.100}"
