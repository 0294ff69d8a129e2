"""What is switched on in a thread: whether ops are recorded, and who observes them."""

from __future__ import annotations

import functools
import inspect
import threading
from contextlib import ContextDecorator
from typing import Any

from minigrad import errors


class Mode(threading.local):
    """Per-thread state: is grad mode on, and who observes."""

    grad_enabled = True
    observer: Any = None  # is told of every node, value and gradient, and of modules that run: it
    # has the methods of minigrad.inspect.Observer


mode = this_thread = Mode()  # the second name is for where an argument is called mode


class set_grad_enabled(ContextDecorator):
    """Switch recording on or off: at once, or within a `with` block or a decorated function.

    Raises TypeError for another mode than True and False.

    >>> import minigrad as mg
    >>> x = mg.tensor(1.0, requires_grad=True)
    >>> with mg.set_grad_enabled(False):
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool, immediately: bool = True):
        errors.check_flag("set_grad_enabled", "mode", mode)
        errors.check_flag("set_grad_enabled", "immediately", immediately)
        self.on = mode
        self.immediately = immediately
        self.before: list[bool] = []  # the modes to return to
        if immediately:
            self.before.append(this_thread.grad_enabled)
            this_thread.grad_enabled = mode

    def __call__(self, function: Any) -> Any:
        if not callable(function):
            name = "enable_grad" if self.on else "no_grad"
            raise TypeError(
                f"{name}: expected nothing, or a function to decorate, got {function!r}; "
                "set_grad_enabled(True) takes a mode"
            )
        if self.immediately:
            mode.grad_enabled = self.before[0]  # it is switched when the function runs
        if inspect.isgeneratorfunction(function):
            return self.around_each_step(function)
        return super().__call__(function)

    def around_each_step(self, function: Any) -> Any:
        """The generator function with the switch set while its own lines run, and only then."""

        @functools.wraps(function)
        def stepwise(*args: Any, **kwargs: Any) -> Any:
            with self._recreate_cm():
                steps = function(*args, **kwargs)
            resume = functools.partial(next, steps)
            while True:
                try:
                    with self._recreate_cm():
                        value = resume()
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield value
                except GeneratorExit:
                    with self._recreate_cm():
                        steps.close()
                    raise
                except BaseException as error:
                    resume = functools.partial(steps.throw, error)
                else:
                    resume = functools.partial(steps.send, sent)

        return stepwise

    def _recreate_cm(self) -> set_grad_enabled:
        # one object for each call, so that threads inside one decorated function stay apart
        return set_grad_enabled(self.on, immediately=False)

    def __enter__(self) -> None:
        if not self.immediately:
            self.before.append(mode.grad_enabled)
        mode.grad_enabled = self.on
        self.immediately = False

    def __exit__(self, *exception: object) -> None:
        mode.grad_enabled = self.before.pop()


def no_grad(function: Any = None) -> Any:
    """Record nothing: within `with no_grad():`, or in a function under `@no_grad()`, `@no_grad`.

    A Ctrl-C at the very moment a block ends can leave recording off, as in PyTorch; a program that
    continues after one should call set_grad_enabled(True).
    """
    switch = set_grad_enabled(False, immediately=False)
    return switch if function is None else switch(function)


def enable_grad(function: Any = None) -> Any:
    """Record again, inside no_grad; used as no_grad is."""
    switch = set_grad_enabled(True, immediately=False)
    return switch if function is None else switch(function)


def is_grad_enabled() -> bool:
    """Whether ops of this thread are recorded."""
    return mode.grad_enabled
