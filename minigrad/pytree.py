"""Tensors in tuples, lists and dicts, nested as one likes: what PyTorch calls pytrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from minigrad.graph import TensorBase

CONTAINERS = (tuple, list, dict)


def parts_of(value: Any) -> list[Any]:
    """The parts of a tuple, list or dict, in order."""
    return list(value.values() if isinstance(value, dict) else value)


def like(value: Any, parts: list[Any]) -> Any:
    """A tuple, list or dict as `value` is one, of other parts."""
    if isinstance(value, dict):
        changed = value.copy()
        changed.update(zip(value, parts, strict=True))
        return changed
    return value._make(parts) if hasattr(value, "_make") else type(value)(parts)


def is_tree(value: Any) -> bool:
    """Whether value is a container of tensors, or an empty one; one of numbers is a value."""
    if not isinstance(value, CONTAINERS):
        return False
    parts = parts_of(value)
    return not parts or any([isinstance(part, TensorBase) or is_tree(part) for part in parts])


def leaves_of(value: Any) -> list[Any]:
    """What lies in a tree, in order; a value that is no tree is its own leaf."""
    if not is_tree(value):
        return [value]
    return [leaf for part in parts_of(value) for leaf in leaves_of(part)]


def with_leaves(value: Any, leaves: Iterator[Any]) -> Any:
    """A tree in the form of `value`, of the next leaves."""
    if not is_tree(value):
        return next(leaves)
    return like(value, [with_leaves(part, leaves) for part in parts_of(value)])


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """`value` with function(x) for each tensor x in it; all else stays."""
    if isinstance(value, TensorBase):
        return function(value)
    if not isinstance(value, CONTAINERS):
        return value
    return like(value, [mapped(function, part) for part in parts_of(value)])
