"""How a call of an op is read: which arguments are arrays, and which are settings."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from typing import Any

from minigrad import errors
from minigrad.array import NAMESPACES, contiguous_format, int64, preserve_format
from minigrad.graph import Op, TensorBase, raw
from minigrad.promotion import converted, dtype_of_sum

ANY_NUMBER = sys.maxsize  # the arity of a rule of *arrays


@dataclass
class Parameters:
    """What an op takes; it has these as attributes."""

    arity: int  # how many arrays
    keywords: list[str]  # its settings, in order
    settable: set[str]  # the same
    required: set[str]  # those without a default
    flags: list[str]  # those whose default is True or False, and which take nothing else
    signature: inspect.Signature  # what help() shows


def parameters_of(rule: Any) -> Parameters:
    """What the op of a rule takes.

    Raises TypeError if the rule is not a function `(xp, *arrays, **settings)` with a name.
    """
    is_function = callable(rule) and not isinstance(rule, type) and hasattr(rule, "__name__")
    try:
        found = list(inspect.signature(rule).parameters.values()) if is_function else []
    except ValueError:  # of a function written in C
        found = []
    positional = [p for p in found if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    is_variadic = any([p.kind is p.VAR_POSITIONAL for p in positional])
    if len(positional) < 2 and not is_variadic:
        raise TypeError(
            "op: expected a rule, which is a function (xp, *arrays, **settings) with a name, "
            f"got {errors.describe(rule):.80}"
        )
    parameters = found[1:]  # without xp
    settings = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    keywords = [p.name for p in settings]
    return Parameters(
        arity=ANY_NUMBER if is_variadic else len(parameters) - len(settings),
        keywords=keywords,
        settable=set(keywords),
        required={p.name for p in settings if p.default is p.empty},
        flags=[p.name for p in settings if type(p.default) is bool],
        signature=inspect.Signature(parameters if is_variadic else by_position(parameters)),
    )


def by_position(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """The parameters, each of which may be given by position: PyTorch takes settings so."""
    return [p.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for p in parameters]


NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}  # for ours
FOREIGN_NAMES = {**NUMPY_NAMES, "axis0": "dim0", "axis1": "dim1", "size": "shape"}
PLACES = {"input": 0, "other": 1, "exponent": 1}  # PyTorch's names of the first and second array
UNSUPPORTED = {"out", "dtype", "rounding_mode", "memory_format"}  # accepted where they are None


def split_arguments(
    op: Op, args: tuple[Any, ...], settings: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arrays and the settings of a call, whichever way they were written."""
    arity = op.arity
    arrays = args
    extra: tuple[Any, ...] = ()  # settings by position
    if len(args) > arity:
        arrays = args[:arity]
        extra = args[arity:]
    elif arity == ANY_NUMBER and args and isinstance(args[0], (list, tuple)):
        arrays = tuple(args[0])  # cat([a, b], 1)
        extra = args[1:]
    given = settings
    each_once = True
    if extra:
        given = dict(zip(op.keywords, extra, strict=False))
        given.update(settings)
        each_once = len(given) == len(extra) + len(settings)
    is_complete = len(arrays) == arity or (arity == ANY_NUMBER and arrays)
    if each_once and is_complete and op.required <= given.keys() <= op.settable:
        return arrays, raw_settings(op, given)
    return split_rewritten(op, args, settings)


def split_rewritten(
    op: Op, args: tuple[Any, ...], settings: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same of a call in other words: with PyTorch's or NumPy's keywords, or named arrays.

    Raises TypeError if the call does not fit, NotImplementedError for an unsupported keyword.
    """
    for key, (change, names) in CHANGES_FIRST.items():
        if key in settings and op.__name__ in names:
            rest = dict(settings)
            value = rest.pop(key)
            arrays, found = split_arguments(op, args, rest)
            return change(op.__name__, arrays, value), found
    last = BY_POSITION_TOO.get(op.__name__, "")
    if last and len(args) == 1 + len(op.signature.parameters) and last not in settings:
        return split_arguments(op, args[:-1], {**settings, last: args[-1]})
    if op.arity == ANY_NUMBER and not args and "tensors" in settings:  # cat(tensors=[a, b])
        rest = dict(settings)
        return split_arguments(op, (rest.pop("tensors"),), rest)
    renamed = without_foreign_names(op, settings)
    if renamed.keys() != settings.keys():
        return split_arguments(op, args, renamed)
    return bind_arguments(op, args, settings)


def with_multiple(name: str, arrays: tuple[Any, ...], alpha: Any) -> tuple[Any, ...]:
    """add, sub: the second array times alpha, a number. Raises TypeError for another alpha."""
    if getattr(raw(alpha), "size", None) != 1 and not isinstance(alpha, (int, float, complex)):
        got = errors.describe(raw(alpha))
        raise TypeError(f"{name}: expected alpha to be a number, got {got}")
    first, second = arrays
    dtype = dtype_of_sum(raw(first), raw(second))
    if dtype is not None and dtype != second.dtype:  # in which the multiple is exact
        second = converted(name, second, dtype)
    is_one = not isinstance(alpha, TensorBase) and alpha == 1
    return first, second if is_one else second * alpha


def in_dtype(name: str, arrays: tuple[Any, ...], dtype: Any) -> tuple[Any, ...]:
    """sum, softmax ...: the array in another dtype, which is where PyTorch casts.

    Raises NotImplementedError for integers of which NumPy makes sums as int64.
    """
    first, *others = arrays
    if dtype is None:
        return arrays
    x = converted(name, first, dtype)
    if x.dtype.kind in "iub" and x.dtype != int64:
        raise NotImplementedError(
            f"{name}: dtype={x.dtype} is not supported; convert what is returned, with .to(...)"
        )
    return x, *others


def in_layout(name: str, arrays: tuple[Any, ...], layout: Any) -> tuple[Any, ...]:
    """clone: the array with its memory in order, where that is asked for.

    Raises NotImplementedError for another layout.
    """
    if layout not in (None, preserve_format, contiguous_format):
        given = f"memory_format={errors.describe(layout)}"
        raise NotImplementedError(f"{name}: {given} is not supported; leave it out")
    (x,) = arrays
    is_array = type(x) in NAMESPACES
    return (x.contiguous(),) if layout is contiguous_format and not is_array else arrays


# PyTorch's keywords that change an array before the op, and the ops that have them
CHANGES_FIRST = {
    "alpha": (with_multiple, {"add", "sub"}),
    "dtype": (in_dtype, {"cumsum", "softmax", "sum"}),
    "memory_format": (in_layout, {"clone"}),
}
BY_POSITION_TOO = {"softmax": "dtype"}  # which of them PyTorch takes by position, after the others


def without_foreign_names(op: Op, settings: dict[str, Any]) -> dict[str, Any]:
    """`settings` with the names of NumPy and of PyTorch replaced by ours, without what is None.

    Raises NotImplementedError if one that is not supported is given.
    """
    arrays = list(op.signature.parameters)[: op.arity]
    ours = dict(FOREIGN_NAMES)
    for word, place in PLACES.items():
        if place < len(arrays):
            ours[word] = arrays[place]
    found = {}
    for key, value in settings.items():
        if key in op.settable:
            found[key] = value
        elif key not in UNSUPPORTED:
            found[ours.get(key, key)] = value
        elif value is not None:
            given = f"{key}={errors.describe(value)}"
            way_out = "convert what is returned"
            if key == "rounding_mode":
                way_out = "use a // b, or (a / b).trunc()"
            raise NotImplementedError(f"{op.__name__}: {given} is not supported; {way_out}")
    return found


def bind_arguments(
    op: Op, args: tuple[Any, ...], settings: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arrays and the settings of a call that names arrays, tanh(x=x), or leaves out a last one.

    Raises TypeError if the call does not fit the op's signature.
    """
    name = op.__name__
    try:
        given = op.signature.bind(*args, **settings).arguments
    except TypeError as error:
        raise TypeError(f"{name}: expected {errors.signature(op)}, {error}") from None
    if op.arity == ANY_NUMBER:
        raise TypeError(
            f"{name}: expected {errors.signature(op)}, with at least one tensor and each setting "
            "once"
        )
    names = list(op.signature.parameters)[: op.arity]
    arrays = tuple([given.get(n) for n in names])
    return arrays, raw_settings(op, {key: given[key] for key in given if key not in names})


def raw_settings(op: Op, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with arrays in place of Tensors.

    Raises TypeError if a flag is neither True nor False, as PyTorch does.
    """
    for key in op.flags:
        value = settings.get(key, False)
        if value is not True and value is not False:
            raise errors.not_a_flag(op.__name__, key, value)
    for value in settings.values():
        if isinstance(value, TensorBase):
            return {key: raw(value) for key, value in settings.items()}
    return settings
