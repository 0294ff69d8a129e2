"""The form of what a rule returns: a value, and its pullbacks in one of two ways."""

from __future__ import annotations

import inspect
from typing import Any

from minigrad.testing.samples import Sample


def fault_of(result: Any, sample: Sample) -> str:
    """What is wrong with the form of what a rule has returned; "" where nothing is."""
    count = len(sample.args)
    example = ", ".join(["lambda g: ..."] * count)
    ways = f"({example}{',' * (count == 1)}), or one function pullback(gs, needs)"
    if not (type(result) is tuple and len(result) == 2):
        return (
            f"expected the rule to return value, pullbacks, got {kind_of(result)}; "
            f"the pullbacks are {ways}"
        )
    pullbacks = result[1]
    if pullbacks is None:
        return ""  # no derivative
    if callable(pullbacks):
        if takes(pullbacks, 2):
            return ""
        return f"expected pullbacks {ways}, got one function of one argument"
    if type(pullbacks) is not tuple or not all(p is None or callable(p) for p in pullbacks):
        return f"expected pullbacks {ways}, got {kind_of(pullbacks)}"
    if len(pullbacks) != count:
        return (
            f"expected {count} pullbacks, one for each array, got {len(pullbacks)}; that of an "
            "array without a gradient is None, and what is no array is a keyword behind *"
        )
    return ""


def takes(function: Any, count: int) -> bool:
    """Whether a function may be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return True  # it has no signature
    return True


def kind_of(value: Any) -> str:
    """What a value is, in a message."""
    if type(value) is tuple:
        return f"a tuple of {len(value)}"
    return type(value).__name__
