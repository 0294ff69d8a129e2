"""Where speed is plugged in: a faster version of a function is registered against the plain one.

The plain function says what is computed; `minigrad.fast` holds versions that compute the same in
less time. Nothing imports that package but one line in `minigrad/__init__.py`, so that it can be
removed, or left out by `MINIGRAD_FAST=0` in the environment, and nothing but time changes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

Condition = Callable[..., bool]
WANTED = os.environ.get("MINIGRAD_FAST", "1") != "0"


class Version(NamedTuple):
    """One faster version of a function: for arrays on a kind of device, and where `when` holds."""

    function: Callable[..., Any]
    device: str
    when: Condition | None


# name of the plain function -> its faster versions, the first that fits wins
VERSIONS: dict[str, list[Version]] = {}


def versions_of(name: str) -> list[Version]:
    """The list of the faster versions of the function `name`; it grows as they are registered."""
    return VERSIONS.setdefault(name, [])


def faster(plain: Any, device: str = "cpu", when: Condition | None = None) -> Callable[..., Any]:
    """Register the decorated function as a faster version of `plain`, a function or its name.

    device: the kind of device whose arrays it takes, "cpu" or "cuda". when: called with the same
    arguments, without the namespace; the version is used where it returns True, everywhere by
    default.
    """
    name = plain if isinstance(plain, str) else plain.__name__

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        versions_of(name).append(Version(function, device, when))
        return function

    return register


def choose(
    versions: list[Version], plain: Callable[..., Any], device: str, *args: Any, **settings: Any
) -> Callable[..., Any]:
    """The first of `versions` that fits the device and the arguments; else the plain function."""
    for version in versions:
        if version.device == device and (version.when is None or version.when(*args, **settings)):
            return version.function
    return plain


def run_fastest(
    name: str, plain: Callable[..., Any], device: str, *args: Any, **settings: Any
) -> Any:
    """What plain(*args, **settings) gives, by the faster version of `name` that fits, if any."""
    return choose(versions_of(name), plain, device, *args, **settings)(*args, **settings)
