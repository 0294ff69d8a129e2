"""The form of error messages: "op: expected X, got Y; the way out"."""

from __future__ import annotations

import functools
import inspect
import numbers
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from minigrad.array import NAMESPACES, Array, device, float64

Function = TypeVar("Function", bound=Callable[..., Any])

FREED = (
    "{}: expected a graph, got one that was already differentiated and freed; to go back through "
    "it again pass retain_graph=True to the first backward, and to start afresh from a value "
    "(a hidden state, say) use .detach()"
)
CHANGED = (
    "{}: its {} was changed in place after the op had run, so the gradient would be wrong; "
    "change a copy (.clone()), or call backward before the change"
)
WRONG_COTANGENT = "{}: expected a gradient of the output's shape {}, got {}"
NO_GRAPH = (
    "{}: the output of shape {} has no graph behind it: none of its inputs requires a gradient, or "
    "it was made under no_grad or detached; set requires_grad=True on a leaf before computing it"
)
NOT_SCALAR = (
    "{}: the output has shape {}, and only a scalar has a gradient without saying of what; "
    "reduce it (.sum(), .mean()) or pass a gradient of its shape"
)
COMPLEX_GRADIENT = (
    "{}: gradients of complex numbers are not supported; compute with real and imaginary parts as "
    "tensors of their own, or under minigrad.no_grad()"
)
LEAF_IN_PLACE = (
    "{}: expected a tensor without a gradient of its own, got a leaf that requires one, which "
    "cannot be changed in place while ops are recorded; do it under minigrad.no_grad(), or write "
    "x = x + y, which makes a new tensor"
)
LEAF_CHANGED = (
    "requires_grad: expected a leaf that is changed under minigrad.no_grad(), got a view of a "
    "tensor that was changed in place while ops were recorded; use .detach() of it"
)
PART_IN_PLACE = (
    "{}: expected a tensor that requires a gradient as the tensor does of which it is a view, got "
    "one that was made under no_grad, or before that was asked; make the view anew, or change it "
    "under minigrad.no_grad()"
)
NO_LEAF = (
    "{}: input {} of shape {} does not require a gradient; set requires_grad=True before it is used"
)
NO_PATH = (
    "grad: no path leads from the outputs to input {} of shape {}; pass allow_unused=True to get "
    "None for it"
)


def signature(op: Any) -> str:
    """How an op is called, as a reader would write it: `sum(x, dim=None, keepdim=False)`."""
    return f"{op.__name__}{inspect.signature(op)}"


def describe(a: Any) -> str:
    """An argument in a message: `float32(2, 3)` for an array, otherwise its repr."""
    is_array = hasattr(a, "dtype") and not isinstance(a, type)
    return f"{a.dtype}{tuple(a.shape)}" if is_array else repr(a)


def shown(value: Any) -> str:
    """A value in a message: a number or a word itself, `float32(2, 3)` for an array, else its kind,
    "a list".
    """
    if value is None or isinstance(value, (numbers.Real, str, complex)):
        return f"{value!r:.80}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    is_array = hasattr(value, "dtype") and hasattr(value, "shape")
    return describe(value) if is_array else f"a {type(value).__name__}"


# What begins a sentence of ours: "mm: ", or "addmm (mm): "
HEAD = re.compile(r"(?P<first>[^\s:()]+)( \((?P<inner>[^\s:()]+)\))?: (?=.)")


def in_name_of(name: str, error: Exception) -> Exception:
    """The error, in the name of the function that was called: "mm: expected .." of a function that
    addmm is composed of becomes "addmm (mm): expected ..".

    What is not a sentence of ours, or a kernel's, stays as it is.
    """
    text = str(error)
    head = None if text.startswith("GPU: ") else HEAD.match(text)
    if head and error.args == (text,) and head["first"].split(".")[0] != name:
        inner = head["inner"] or head["first"]
        called = name if inner == name.rstrip("_") else f"{name} ({inner})"
        error.args = (f"{called}: {text[head.end() :]}",)
    return error


def speaks_for_itself(function: Function) -> Function:
    """`function`, which is composed of others: what they refuse, it refuses in its own name."""
    name = function.__name__

    @functools.wraps(function)
    def named(*args: Any, **settings: Any) -> Any:
        try:
            return function(*args, **settings)
        except Exception as error:
            in_name_of(name, error)
            raise

    return named  # type: ignore[return-value]


def is_integer(value: Any) -> bool:
    """Whether a setting is an integer, also NumPy's, and no bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def not_a_flag(name: str, key: str, value: Any) -> TypeError:
    """The error for a flag that is neither True nor False."""
    return TypeError(f"{name}: expected {key} to be True or False, got {describe(value):.80}")


def check_flag(name: str, argument: str, value: Any) -> None:
    """Raise TypeError if `value` is neither True nor False, as PyTorch does."""
    if value is not True and value is not False:
        raise not_a_flag(name, argument, value)


def as_flag(name: str, key: str, value: Any) -> bool:
    """A flag of backward and grad, where PyTorch takes None and integers of a byte as well as a
    bool.

    Raises TypeError for others.
    """
    if value is None or value is False:
        return False
    try:
        number = operator.index(value)
    except TypeError:
        raise not_a_flag(name, key, value) from None
    if not 0 <= number <= 255:
        raise not_a_flag(name, key, value)
    return number != 0


def as_device(name: str, given: Any) -> device:
    """`given` as a device. Raises ValueError if it is none, in the name of the function."""
    try:
        return device(given)
    except ValueError as error:
        in_name_of(name, error)
        raise


ORDERED = set(  # ops of real numbers
    """
    lt le gt ge maximum minimum amax argmax argmin relu floor ceil trunc floor_divide remainder
    fmod atan2 sign softmax log_softmax max_pool
    """.split()
)


def check_ordered(name: str, numbers: Sequence[Any]) -> None:
    """Raise TypeError if one of the numbers or arrays is complex, as PyTorch does."""
    for a in numbers:
        if isinstance(a, complex) or getattr(a, "dtype", float64).kind == "c":
            raise TypeError(
                f"{name}: expected real numbers, got {describe(a)}; complex numbers have no "
                "order, compare abs()"
            )


def check_numbers(name: str, a: Array) -> None:
    """Raise TypeError for an array of NumPy's of words or of objects."""
    if type(a) is np.ndarray and a.dtype.kind not in "fibuc":
        raise TypeError(f"{name}: expected numbers, got an array of {a.dtype}")


def as_operand(name: str, a: Any) -> Any:
    """An argument of an op that is not a Tensor: a number, an array of a known kind, or None."""
    if a is None or type(a) in (float, int, bool, complex):
        return a
    if type(a) in NAMESPACES:
        check_numbers(name, a)
        return a
    if isinstance(a, np.generic):
        return a.item()  # NumPy would let a float64 scalar turn a float32 array into float64
    if isinstance(a, numbers.Real):
        return float(a)  # a Fraction, say, of which NumPy would make an array of objects
    if isinstance(a, tuple) and any([hasattr(part, "array") for part in a]):
        raise TypeError(
            f"{name}: expected a tensor or a number, got a tuple with tensors in it; take one of "
            "them (a recurrent layer returns its outputs and its last state)"
        )
    raise TypeError(
        f"{name}: expected a tensor or a number, got a {type(a).__name__}; make a tensor of it "
        "first, with minigrad.tensor(...)"
    )


def check_hooked(g: Any, found: Any) -> None:
    """Raise if a hook returned something else than a gradient like g."""
    if not hasattr(found, "array"):
        raise TypeError(
            f"register_hook: expected a hook that returns a tensor or None, got {describe(found)}"
        )
    if found.array.shape != g.array.shape or found.array.dtype != g.array.dtype:
        raise RuntimeError(
            f"register_hook: expected a gradient {g.array.dtype}{tuple(g.array.shape)}, got "
            f"{found.array.dtype}{tuple(found.array.shape)} from the hook"
        )
