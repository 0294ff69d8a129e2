"""How a module prints: PyTorch's text, and for Jupyter a tree that can be folded."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from textwrap import indent
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .module import Module


def as_text(module: Module, lines_of_children: list[str]) -> str:
    """`Name(extra)`; with children the lines of both, indented, between `Name(` and `)`."""
    name = type(module).__name__
    extra = module.extra_repr()
    if not lines_of_children and "\n" not in extra:
        return f"{name}({extra})"
    lines = [extra, *lines_of_children] if extra else lines_of_children
    body = indent("\n".join(lines), "  ")
    return f"{name}(\n{body}\n)"


def changed_settings(module: Module, **defaults: Any) -> str:
    """`, name=value` for each of these settings that is not at its default."""
    text = ""
    for name, default in defaults.items():
        value = getattr(module, name)
        if value != default:
            text += f", {name}={value}"
    return text


def child_lines(module: Module) -> list[str]:
    """`(name): Child(...)` for each child."""
    return [f"({name}): {child!r}" for name, child in module._modules.items()]


def run_length_lines(modules: Iterable[Module | None]) -> list[str]:
    """The same for a list, with equal neighbours on one line: `(0-2): 3 x Linear(...)`."""
    runs: list[tuple[str, int]] = []  # text, how often in a row
    for child in modules:
        text = repr(child)
        if runs and runs[-1][0] == text:
            runs[-1] = (text, runs[-1][1] + 1)
        else:
            runs.append((text, 1))
    lines = []
    start = 0
    for text, count in runs:
        if count == 1:
            lines.append(f"({start}): {text}")
        else:
            lines.append(f"({start}-{start + count - 1}): {count} x {text}")
        start += count
    return lines


def parameter_lines(module: Module) -> str:
    """`  (name): Parameter containing: [torch.float32 of size 2x3]` for each parameter."""
    lines = []
    for name, param in module._parameters.items():
        size = "x".join(map(str, param.shape))
        lines.append(f"  ({name}): Parameter containing: [torch.{param.dtype.name} of size {size}]")
    return "\n".join(lines)


def as_html(module: Module) -> str:
    """The tree as nested lists whose branches can be folded."""
    count = sum(param.numel() for param in module.parameters())
    name, extra = escape(type(module).__name__), escape(module.extra_repr())
    line = f"<code>{name}({extra})</code> {count:,} parameters"
    items = [
        f"<li>{escape(name)}: {as_html(child)}</li>" for name, child in module._modules.items()
    ]
    if not items:
        return line
    return f"<details open><summary>{line}</summary><ul>{''.join(items)}</ul></details>"
