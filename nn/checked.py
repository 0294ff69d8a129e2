"""`@checked`: the arguments of a function or a constructor must be what its annotations say.

`@checked` above `def elu(input: Tensor, alpha: float = 1.0, ...)` lets `elu(x, "abc")` say "elu:
expected a number as alpha, got 'abc'" before anything is computed; a method says the name of its
class. Checked are the annotations Tensor, float, int and bool, also with `| None`, and what the
arguments `device` and `dtype` name. All else, such as how large a number may be, is checked by the
function itself.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from numbers import Integral, Real
from types import NoneType
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from minigrad import Tensor
from minigrad.arguments import as_dtype
from minigrad.array import device
from minigrad.errors import in_name_of, shown

from .arguments import one_number

Function = TypeVar("Function", bound=Callable[..., Any])


class Kind(NamedTuple):
    """What an annotation stands for."""

    words: tuple[str, ...]  # in a message
    types: tuple[type, ...]  # whose values are taken as they are
    take: Callable[[Any], Any]  # another value as the function gets it, or TypeError, ValueError
    way_out: str = ""


def take_tensor(value: Any) -> Tensor:
    """Take a tensor of a subclass."""
    if not isinstance(value, Tensor):
        raise TypeError
    return value


def take_number(value: Any) -> Any:
    """Take a number of another type, or a tensor or an array without dimensions."""
    if not isinstance(one_number(value), Real):
        raise TypeError
    return value


def take_integer(value: Any) -> int:
    """Take an integer of NumPy, also in a tensor or an array without dimensions."""
    number = one_number(value)
    if isinstance(number, bool | np.bool_ | Tensor | np.ndarray):
        raise TypeError
    return operator.index(number)


def take_flag(value: Any) -> bool:
    """Take a bool or an integer of NumPy, also in a tensor or an array without dimensions."""
    number = one_number(value)
    if not isinstance(number, Integral | np.bool_):
        raise TypeError
    return bool(number)


def take_bool(value: Any) -> bool:
    """Take a bool of NumPy."""
    if not isinstance(value, np.bool_):
        raise TypeError
    return bool(value)


def take_device(value: Any) -> Any:
    """Take what names a device."""
    device(value)
    return value


def take_dtype(value: Any) -> Any:
    """Take what names a dtype of numbers."""
    as_dtype("dtype", value)
    return value


TENSOR = Kind(
    ("a Tensor",),
    (Tensor,),
    take_tensor,
    "; make one with minigrad.tensor(...)",
)
# PyTorch's modules take 1 and None for a flag, most of its functions only True and False.
FLAG = Kind(("True", "False"), (bool, int, NoneType), take_flag)
BOOL = Kind(("True", "False"), (bool,), take_bool)
OLD_REDUCTION = Kind(
    BOOL.words, BOOL.types, take_bool, "; give reduction='mean', 'sum' or 'none', by keyword"
)
KINDS = {
    "Tensor": TENSOR,
    "float": Kind(("a number",), (float, int, bool), take_number),
    "int": Kind(("an integer",), (int,), take_integer),
}
NAMED = {  # by the name of the argument, which may also be None
    "size_average": OLD_REDUCTION,
    "reduce": OLD_REDUCTION,
    "device": Kind(("a device",), (), take_device, "; 'cpu', 'cuda' or 'cuda:1', say"),
    "dtype": Kind(("a dtype",), (), take_dtype, "; minigrad.float32, say"),
}
LOOSE_FLAGS = ("inplace", "hard")  # of functions where PyTorch takes what a module takes


class Argument(NamedTuple):
    """What an argument may be."""

    key: str
    kinds: tuple[Kind, ...]  # one of these; without any it is not checked
    may_be_none: bool

    def allows(self, kind: type) -> bool:
        """Whether every value of a type is taken as it is."""
        if not self.kinds or (self.may_be_none and kind is NoneType):
            return True
        return any([kind in known.types for known in self.kinds]) or (
            TENSOR in self.kinds and issubclass(kind, Tensor)
        )

    def take(self, name: str, value: Any) -> Any:
        """A value as the function gets it. Raises TypeError or ValueError if it is refused."""
        if self.allows(type(value)):
            return value
        error: type[Exception] = TypeError
        for kind in self.kinds:
            try:
                return kind.take(value)
            except (TypeError, ValueError) as refusal:
                error = type(refusal)
        raise error(
            f"{name}: expected {self.expected()} as {self.key}, got {shown(value)}"
            f"{self.kinds[0].way_out}"
        )

    def expected(self) -> str:
        """What it may be, in a message: "a Tensor, a number or None"."""
        words = [word for kind in self.kinds for word in kind.words]
        if self.may_be_none:
            words.append("None")
        *others, last = words
        return f"{', '.join(others)} or {last}" if others else last


def checked(function: Function) -> Function:
    """The function, which refuses what its annotations do not allow.

    What a function that it is composed of refuses is told in its name, too: "softmin (neg): ..".
    Types of arguments that were accepted once are not checked again.
    """
    known: dict[str, Argument] = {}  # filled at the first call: an import reads no signature
    accepted: set[tuple[Any, ...]] = set()

    def name_of(args: tuple[Any, ...]) -> str:
        return type(args[0]).__name__ if "self" in known else function.__name__

    def take(
        args: tuple[Any, ...], settings: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as the function gets them."""
        if not known:
            known.update({argument.key: argument for argument in arguments_of(function)})
        name = name_of(args)
        given = list(zip(known.values(), args, strict=False))
        named = [(known[key], value) for key, value in settings.items() if key in known]
        taken = [argument.take(name, value) for argument, value in given]
        taken_by_name = {argument.key: argument.take(name, value) for argument, value in named}
        if all([argument.allows(type(value)) for argument, value in given + named]):
            accepted.add((*map(type, args), *settings, *map(type, settings.values())))
        return (*taken, *args[len(taken) :]), {**settings, **taken_by_name}

    @functools.wraps(function)
    def call(*args: Any, **settings: Any) -> Any:
        types: tuple[Any, ...] = tuple(map(type, args))
        if settings:
            types = (*types, *settings, *map(type, settings.values()))
        if types not in accepted:
            args, settings = take(args, settings)
        try:
            return function(*args, **settings)
        except Exception as error:
            in_name_of(name_of(args), error)
            raise

    return cast(Function, call)


def arguments_of(function: Callable[..., Any]) -> list[Argument]:
    """What each argument of a function may be, by its annotation."""
    keys = list(inspect.signature(function).parameters)
    found = []
    for key in keys:
        is_loose = keys[0] == "self" or key in LOOSE_FLAGS
        kinds = {**KINDS, "bool": FLAG if is_loose else BOOL}
        words = str(function.__annotations__.get(key, "Any")).split(" | ")
        own = [word for word in words if word != "None"]
        if key in NAMED:
            found.append(Argument(key, (NAMED[key],), may_be_none=True))
        elif own and all([word in kinds for word in own]):
            found.append(Argument(key, tuple([kinds[word] for word in own]), "None" in words))
        else:
            found.append(Argument(key, (), may_be_none=True))
    return found
