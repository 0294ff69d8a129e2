"""What the attributes of a layer may become after it was built.

A setting keeps its kind, and one that the weights were made for keeps its value: what would change
it is refused where it is assigned. How large a number may be is said by the functions that use it.
Attributes of a user's own modules are not checked.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

from minigrad.errors import shown

HOME = __name__.partition(".")[0] + "."  # the classes of this package are the library's own
FUNCTIONS = ("activation", "norm")  # settings that a layer calls


class Kind(NamedTuple):
    """What may be assigned to a setting."""

    words: str  # in a message
    types: tuple[type, ...]


KINDS: dict[type, Kind] = {
    bool: Kind("True or False", (bool,)),
    int: Kind("an integer", (Integral, tuple, list)),
    float: Kind("a number", (Real,)),
    str: Kind("a str", (str,)),
    tuple: Kind("an integer or several", (Integral, tuple, list, str)),
}


class Setting(NamedTuple):
    """What the annotation of a constructor's argument says."""

    may_be_none: bool
    is_one: bool  # one integer, not several


@functools.cache
def settings_of(kind: type) -> Mapping[str, Setting]:
    """The settings that the library's constructors name for a class."""
    found: dict[str, Setting] = {}
    for base in kind.__mro__:
        if not base.__module__.startswith(HOME) or "__init__" not in vars(base):
            continue
        parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        for p in parameters:
            may_be_none = p.default is None or "None" in str(p.annotation)
            is_one = str(p.annotation).removesuffix(" | None") == "int"
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                found.setdefault(p.name, Setting(may_be_none, is_one))
    return found


def check_setting(module: Any, name: str, value: Any) -> None:
    """Raise if a setting of a layer would get a value that the layer cannot use.

    TypeError for another kind, ValueError for one that the weights of the layer were made for.
    """
    present = vars(module)
    kind: Any = type(module)
    if name == "training":
        check_kind(module, name, True, value, Setting(may_be_none=False, is_one=False))
    existing = present.get(name)
    if existing is value or name not in present:
        return
    if name in module._fixed:
        check_fixed(module, name, existing, value)
        return
    check_part(module, kind, name, existing, value)
    if name in settings_of(kind):
        check_kind(module, name, existing, value, settings_of(kind)[name])


def check_part(module: Any, kind: type, name: str, existing: Any, value: Any) -> None:
    """Raise TypeError if a layer would lose a function or a layer that it calls."""
    is_own = kind.__module__.startswith(HOME) and kind.__name__ != "Module"
    expected = expected_part(kind, name, existing, value) if is_own else ""
    if expected:
        raise TypeError(f"{kind.__name__}.{name}: expected {expected}, got {shown(value)}")


def expected_part(kind: type, name: str, existing: Any, value: Any) -> str:
    """What may take the place of a part, in words; "" where `value` may."""
    if name in FUNCTIONS and name in settings_of(kind):
        may_be_none = settings_of(kind)[name].may_be_none
        is_right = callable(value) or (value is None and may_be_none)
        return "" if is_right else "a function"
    if hasattr(existing, "append"):  # a list of modules
        return "" if hasattr(value, "append") else f"a {type(existing).__name__}"
    if hasattr(existing, "forward"):
        return "a Module" if value is None else ""
    return ""


def check_fixed(module: Any, name: str, existing: Any, value: Any) -> None:
    """Raise ValueError if a setting that the weights depend on would change."""
    if type(value) is not type(existing) or value != existing:
        raise ValueError(
            f"{type(module).__name__}.{name}: expected {existing!r}, which is fixed when the layer "
            f"is built, got {shown(value)}; build another layer"
        )


def check_kind(module: Any, name: str, existing: Any, value: Any, setting: Setting) -> None:
    """Raise TypeError if `value` is of another kind than the setting has."""
    kind = type(existing)
    if kind not in KINDS or (value is None and setting.may_be_none):
        return
    words, types = KINDS[kind]
    if kind is int and setting.is_one:
        types = (Integral,)
    is_flag_for_integer = isinstance(value, bool) and kind in (int, tuple)
    if is_flag_for_integer or not isinstance(value, types):
        way_out = "; read the number of a tensor with .item()" if hasattr(value, "item") else ""
        raise TypeError(
            f"{type(module).__name__}.{name}: expected {words}, got {shown(value)}{way_out}"
        )
