"""Whether what a pullback reads is still as it was when the op ran.

A change in place gives the memory a new version. A node that is older than the version of an
argument or a value is asked which arrays its pullback holds on to: exp keeps its value, and add
keeps nothing.
"""

from __future__ import annotations

from contextlib import suppress
from numbers import Number
from types import FunctionType
from typing import Any

import numpy as np

from minigrad import errors
from minigrad.array import NAMESPACES, Array, Namespace, memory_of
from minigrad.graph import Node, TensorBase

TRANSPARENT = (type(None), Number, str, slice, type(...), np.dtype, Namespace)


def check_unchanged(node: Node, needs: list[bool], create_graph: bool) -> None:
    """Raise RuntimeError if an array that the pullback reads was changed in place.

    With `create_graph` the rule runs again on the arguments, and makes its values anew.
    """
    for a in node.args:
        if isinstance(a, TensorBase) and a.version[0] > node.birth:
            if reads(node, needs, create_graph, a.version):
                raise RuntimeError(errors.CHANGED.format(node.op.__name__, "argument"))
    for version in () if create_graph else node.value_versions:
        if version[0] > node.birth and reads(node, needs, create_graph, version):
            raise RuntimeError(errors.CHANGED.format(node.op.__name__, "value"))


def reads(node: Node, needs: list[bool], create_graph: bool, version: list[Any]) -> bool:
    """Whether the pullback of a node reads the memory whose version this is.

    It reads what its functions hold on to. With `create_graph` the rule runs again on the
    arguments, so that it does where they hold on to any array.
    """
    pulls = node.pullback
    if not callable(pulls):
        pulls = [pull for pull, need in zip(pulls, needs, strict=True) if need]
    held = held_by(pulls)
    if held is None:
        return True
    _, memory = version
    if create_graph or memory is None:
        given: list[Array] = []  # an index, say, which is no argument
        for setting in node.settings.values():
            given += held_by(setting) or []
        return any([not is_among(array, given) for array in held])
    return any([memory_of(array) is memory for array in held])


def is_among(array: Array, arrays: list[Array]) -> bool:
    """Whether `arrays` has this very array."""
    return any([array is other for other in arrays])


def held_by(value: Any) -> list[Array] | None:
    """The arrays that `value` holds on to: an array, a function, a tuple or a list of them.

    None where one of its parts is an object that may hide others.
    """
    held = []
    seen = set()  # functions: one that is recursive holds itself
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, FunctionType):
            if part not in seen:
                seen.add(part)
                waiting += contents_of(part)
        elif isinstance(part, (tuple, list)):
            waiting += part
        elif type(part) in NAMESPACES or isinstance(part, np.generic):  # NumPy's 0-d values
            held.append(part)
        elif not isinstance(part, TRANSPARENT):
            return None
    return held


def contents_of(function: FunctionType) -> list[Any]:
    """What a function holds on to by its closure and its defaults."""
    found = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # of a name that nothing was assigned to
            found.append(cell.cell_contents)
    return found
