"""What the engine says when something does not fit: what came, what was wanted, the way out."""

from __future__ import annotations

import functools
import inspect
import numbers
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.array import DEVICE_OF, NAMESPACES, Array

FREED = (
    "{}: this part of the graph was already differentiated and freed; to go back through it again pass "
    "retain_graph=True to the first backward, and to start afresh from a value (a hidden state, say) use .detach()"
)
CHANGED = (
    "{}: its {} was changed in place after the op had run, so the gradient would be wrong; change a copy (.clone()), "
    "or call backward before the change"
)
WRONG_COTANGENT = "{}: expected a gradient of the output's shape {}, got {}"
NO_GRAPH = (
    "{}: the output of shape {} has no graph behind it: none of its inputs requires a gradient, or it was made under "
    "no_grad or detached; set requires_grad=True on a leaf before computing it"
)
NOT_SCALAR = (
    "{}: the output has shape {}, and only a scalar has a gradient without saying of what; reduce it (.sum(), .mean()) "
    "or pass a gradient of its shape"
)

IN_PLACE = (
    "{}: a tensor that requires a gradient can neither be changed in place nor be written into another; build a new "
    "one with where, cat or stack, or change it under minigrad.no_grad()"
)
NO_LEAF = "grad: input {} of shape {} does not require a gradient; set requires_grad=True before it is used"
NO_PATH = "grad: no path leads from the outputs to input {} of shape {}; pass allow_unused=True to get None for it"


def signature(op: Any) -> str:
    """How an op is called, as a reader would write it."""
    names = [p.name for p in inspect.signature(op.rule).parameters.values()][1:]
    return f"{op.__name__}({', '.join(names)})"


def as_operand(name: str, a: Any) -> Any:
    """An argument of an op that is no Tensor: a number, an array of a known kind, or None."""
    if a is None or type(a) in (float, int, bool, complex) or type(a) in NAMESPACES:
        return a
    if isinstance(a, np.generic):
        return a.item()  # NumPy would let a float64 scalar turn a float32 array into float64
    if isinstance(a, numbers.Real):
        return float(a)  # a Fraction, say, of which NumPy would make an array of objects
    raise TypeError(
        f"{name}: cannot take a {type(a).__name__}; make a tensor of it first, with minigrad.tensor(...)"
    )


def describe(a: Any) -> str:
    return f"{a.dtype}{tuple(a.shape)}" if hasattr(a, "dtype") else repr(a)


def translate(
    name: str, arrays: Sequence[Array], settings: dict[str, Any], error: Exception
) -> Exception:
    """`error`, which the array library raised inside op `name`, as a sentence of the same kind."""
    shapes = [tuple(a.shape) for a in arrays if hasattr(a, "shape")]
    devices = {DEVICE_OF[type(a)] for a in arrays if type(a) in DEVICE_OF}
    given = ", ".join(
        [*map(describe, arrays), *(f"{k}={v!r}" for k, v in settings.items() if v is not None)]
    )
    text = str(error)
    if isinstance(error, AttributeError):
        if not any([error.obj is a for a in arrays]):
            return error
        error = TypeError(
            text
            := f"cannot take {error.obj!r}; make a tensor of it first, with minigrad.tensor(...)"
        )
    kind: type[Exception] = type(error)
    if text.startswith(f"{name}:") and name != "matmul" or text.startswith("GPU: "):
        return error  # which another op found, on a GPU
    if len(devices) > 1:
        kind, why = (
            RuntimeError,
            f"its tensors are on {' and '.join(sorted(devices))}; move one with .to(...)",
        )
    elif isinstance(error, np.exceptions.AxisError):
        kind, n = IndexError, error.ndim
        why = f"dim {error.axis} does not exist in a tensor of {n} dimensions" + (
            f" ({-n} to {n - 1})" if n else ""
        )
    elif text == "tuple index out of range" and shapes:
        why = f"dim {settings.get('dim')} does not exist in a tensor of {len(shapes[0])} dimensions"
    elif "broadcast" in text and len(shapes) > 1:
        why = f"shapes {' and '.join(map(str, shapes))} do not fit: sizes must be equal or 1, counted from the right"
    elif name in ("matmul", "linear") and "mismatch" in text:
        why = f"the inner sizes of {' and '.join(map(str, shapes[:2]))} differ"
    elif "unexpected keyword" in text or "positional argument" in text:
        kind, why = TypeError, text.replace(f"{name}() ", "").replace("<lambda>() ", "")
    else:
        why = text
    try:
        return kind(f"{name}({given}): {why}")
    except TypeError:  # an exception class that wants more than a message
        return ValueError(f"{name}({given}): {why}")


def named(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, composed of others, with errors that begin with a name (__init__: the class's) and say what came."""

    @functools.wraps(function)
    def call(*args: Any, **settings: Any) -> Any:
        try:
            return function(*args, **settings)
        except (
            ValueError,
            TypeError,
            IndexError,
            KeyError,
            AttributeError,
            OverflowError,
        ) as error:
            why = re.sub(
                r"^[\w.<>]+\(\) ", "", str(error)
            )  # Python names a function by its definition
            if why == str(error) and re.match(r"[\w.]+[:(]", why):
                raise  # an op, or the function itself, has said it
            if isinstance(error, AttributeError):
                why = f"cannot take a {type(error.obj).__name__}, which has no {error.name}; make a tensor of it first"
            word, came = (type(args[0]).__name__, args[1:]) if name == "__init__" else (name, args)
            given = ", ".join(
                [
                    *map(describe, came),
                    *(f"{key}={describe(value)}" for key, value in settings.items()),
                ]
            )
            kind = next(
                (k for k in (IndexError, ValueError, TypeError) if isinstance(error, k)), TypeError
            )
            raise kind(f"{word}({given[:200]}): {why}") from error

    return call


def name_all(module: dict[str, Any], helpers: str = "") -> None:
    """Let every function of a module that is no helper be `named`; of its classes the constructors and the lambdas."""
    for name, value in list(module.items()):
        if getattr(value, "__module__", "") != module["__name__"] or name in helpers.split():
            continue
        if inspect.isfunction(value):
            module[name] = named(name, value)
        elif inspect.isclass(value) and not issubclass(value, tuple):
            for word, method in list(vars(value).items()):
                if inspect.isfunction(method) and (
                    word == "__init__" or method.__name__ == "<lambda>" and word[0] != "_"
                ):
                    setattr(value, word, named(word, method))
