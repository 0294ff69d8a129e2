"""Observer: while it is on, every node knows the line of the caller, and the module, that made it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

from minigrad.array import Array
from minigrad.autograd import Node, Op, mode

HOME = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
INSIDE = (
    os.path.join(HOME, ""),
    os.path.join(os.path.dirname(HOME), "nn", ""),
)  # whose own lines no caller asks about


class Origin(NamedTuple):
    """Where something was made: the innermost line outside minigrad and nn, and the module whose forward ran.

    module: the path as in `named_modules`, from the outermost module, which goes by its class: "Classifier.lstm";
    "" where no module ran.
    """

    file: str
    line: int
    function: str
    module: str

    def __str__(self) -> str:
        module = f"; module {self.module}" if self.module else ""
        return f" ({self.file}, line {self.line}, in {self.function}{module})"


class Observer:
    """Within `with Observer():` every node that this thread makes keeps its Origin as `node.origin`.

    A subclass may look at what is computed in `forward` and `backward`.
    """

    def __enter__(self) -> Self:
        self.before, mode.observer = mode.observer, self
        self.modules: list[
            tuple[str, dict[Any, str]]
        ] = []  # path of each running module, and paths of its tree
        return self

    def __exit__(self, *exception: Any) -> None:
        mode.observer = self.before

    @contextmanager
    def module_scope(self, module: Any) -> Iterator[None]:
        """The forward of `module` runs."""
        path, names = self.modules[-1] if self.modules else ("", {})
        if module not in names:
            names = {
                m: p for p, m in module.named_modules(f"{path}.{type(module).__name__}".lstrip("."))
            }
        self.modules.append((names[module], names))
        try:
            yield
        finally:
            self.modules.pop()

    def origin(self) -> Origin:
        frame = sys._getframe(1)
        while frame.f_back and frame.f_code.co_filename.startswith(INSIDE):
            frame = frame.f_back
        module = self.modules[-1][0] if self.modules else ""
        return Origin(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, module)

    def on_node(self, node: Node) -> None:
        node.origin = self.origin()

    def on_value(
        self, op: Op, arrays: Sequence[Any], settings: dict[str, Any], values: Sequence[Array]
    ) -> None:
        """`op` has computed `values`."""

    def on_backward(self, node: Node, gs: Sequence[Any], pulled: Sequence[Any]) -> None:
        """The gradients `gs` of a node's values have been pulled back to those of its arguments."""
