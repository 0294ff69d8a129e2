"""Whether what a pullback reads is still as it was when the op ran.

A change in place gives the memory a new version. A node that is older than the version of an
argument or a value is asked which arrays its pullback holds on to: exp keeps its value, and add
keeps nothing.
"""

from __future__ import annotations

from numbers import Number
from types import FunctionType
from typing import Any

import numpy as np

from minigrad import errors
from minigrad.array import NAMESPACES, Array, Namespace, memory_of
from minigrad.graph import Node, TensorBase

TRANSPARENT = (type(None), Number, str, slice, type(...), np.dtype, Namespace)


def check_unchanged(node: Node, needs: list[bool], create_graph: bool) -> None:
    """Raise RuntimeError where an array that the pullback reads was changed in place.

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
    held: list[Array] = []
    pulls = node.pullback
    if not callable(pulls):
        pulls = [pull for pull, need in zip(pulls, needs, strict=True) if need]
    if not collect_held(pulls, held):
        return True
    _, memory = version
    if create_graph or memory is None:
        given: list[Array] = []
        collect_held(list(node.settings.values()), given)  # an index, say, is no argument
        return any([not is_among(array, given) for array in held])
    return any([memory_of(array) is memory for array in held])


def is_among(array: Array, arrays: list[Array]) -> bool:
    """Whether `arrays` has this very array."""
    return any([array is other for other in arrays])


def collect_held(value: Any, held: list[Array]) -> bool:
    """Append to `held` the arrays that `value` holds on to: an array, a function, a tuple of them.

    Returns whether it could be seen: not of an object that may hide others.
    """
    if isinstance(value, FunctionType):
        parts: Any = [cell.cell_contents for cell in value.__closure__ or ()]
        parts += [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
    elif isinstance(value, (tuple, list)):
        parts = value
    elif type(value) in NAMESPACES or isinstance(value, np.generic):  # NumPy's 0-d values
        held.append(value)
        return True
    else:
        return isinstance(value, TRANSPARENT)
    for part in parts:
        if not collect_held(part, held):
            return False
    return True
