"""Observer: while it is on, every node knows the caller's line, and the module, that made it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

from minigrad.array import Array
from minigrad.grad_mode import mode
from minigrad.graph import Node, Op

SKIPPED: tuple[str, ...] = ()  # folders, each with a slash at its end: see skip_frames_of


def skip_frames_of(package: str) -> None:
    """Let an Origin name no line of the imported `package`, but the line that called it."""
    global SKIPPED
    folders = sys.modules[package].__path__
    SKIPPED += tuple([os.path.join(folder, "") for folder in folders])


skip_frames_of("minigrad")


class Origin(NamedTuple):
    """Where something was made: the innermost line outside the skipped packages, and the module.

    module: of the module whose forward ran, the path as in `named_modules`, from the outermost
    module, which goes by its class: "Classifier.lstm"; "" where no module ran.
    """

    file: str
    line: int
    function: str
    module: str

    def __str__(self) -> str:
        module = f"; module {self.module}" if self.module else ""
        return f" ({self.file}, line {self.line}, in {self.function}{module})"


class Observer:
    """Within `with Observer():` every node that this thread makes keeps its `node.origin`.

    The engine calls on_node, on_value and on_backward, a module calls module_scope and on_module. A
    subclass overrides what it wants to look at.
    """

    def __init__(self) -> None:
        self.before: list[Any] = []  # who observed before each `with` that is open
        self.running: list[RunningModule] = []  # the modules whose forward runs, outermost first

    def __enter__(self) -> Self:
        self.before.append(mode.observer)
        mode.observer = self
        return self

    def __exit__(self, *exception: Any) -> None:
        mode.observer = self.before.pop()

    @contextmanager
    def module_scope(self, module: Any) -> Iterator[None]:
        """The forward of `module` runs within."""
        paths = self.running[-1].paths if self.running else {}
        if module not in paths:
            paths = self.paths_of(module)
        self.running.append(RunningModule(paths[module], paths))
        try:
            yield
        finally:
            self.running.pop()

    def paths_of(self, module: Any) -> dict[Any, str]:
        """The path of each module in the tree of `module`, which goes by its class."""
        name = type(module).__name__
        if self.running:
            name = f"{self.running[-1].path}.{name}"
        return {child: path for path, child in module.named_modules(prefix=name)}

    def origin(self) -> Origin:
        """The caller's line and the module that runs, now."""
        frame = sys._getframe(1)
        while frame.f_back and frame.f_code.co_filename.startswith(SKIPPED):
            frame = frame.f_back
        module = self.running[-1].path if self.running else ""
        return Origin(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, module)

    def on_node(self, node: Node) -> None:
        """`node` has been recorded."""
        node.origin = self.origin()

    def on_value(
        self, op: Op, arrays: Sequence[Any], settings: dict[str, Any], values: Sequence[Array]
    ) -> None:
        """`op` has computed `values`."""

    def on_backward(self, node: Node, gs: Sequence[Any], argument_gs: Sequence[Any]) -> None:
        """The gradients `gs` of a node's values have been pulled back to those of its arguments."""

    def on_module(self, module: Any, output: Any) -> None:
        """The forward of `module` has returned `output`."""


class RunningModule(NamedTuple):
    """A module whose forward runs."""

    path: str
    paths: dict[Any, str]  # of every module in the tree to which it belongs
