"""Hooks: functions of the user's that are called where something happens, until removed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

numbers = itertools.count()


class RemovableHandle:
    """What registering a hook returns: `handle.remove()`, or the end of `with handle:`, removes it.

    >>> hooks = {}
    >>> with RemovableHandle(hooks, print):
    ...     len(hooks)
    1
    >>> len(hooks)
    0
    """

    def __init__(self, hooks: dict[int, Any], hook: Callable[..., Any], first: bool = False):
        if not callable(hook):
            raise TypeError(f"register_hook: expected a function, got a {type(hook).__name__}")
        self.hooks = hooks
        self.id = next(n for n in numbers if n not in hooks)  # unpickled hooks have numbers, too
        others = dict(hooks) if first else {}
        if first:
            hooks.clear()
        hooks[self.id] = hook
        hooks.update(others)

    def remove(self) -> None:
        """Call the hook no more."""
        self.hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()
