"""summary: the layers of a model, the shapes of what they put out, their parameters, and the memory of both."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from minigrad import Tensor, no_grad, zeros
from minigrad.random import generator
from nn.module import Module

HEAD = ["layer", "puts out", "parameters", "bytes", "bytes put out"]


class Summary(list[list[Any]]):
    """A row for each layer, with what HEAD says; str() is the table."""

    def __str__(self) -> str:
        total = ["total", "", *(sum(row[i] for row in self) for i in (2, 3, 4))]
        table = [
            HEAD,
            *(
                [f"{cell:,}" if isinstance(cell, int) else cell for cell in row]
                for row in [*self, total]
            ),
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join(
            f"{a:{u}}  {b:{v}}  " + "  ".join(map(str.rjust, c, w))
            for a, b, *c in table
            for u, v, *w in [widths]
        )

    __repr__ = __str__


def tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, tuple | list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors(part)
    elif isinstance(value, Tensor):
        yield value


def summary(model: Module, input_shape: Any, dtype: Any = None) -> Summary:
    """What each layer of `model` puts out for an input of `input_shape` (batch included), and what it holds.

    dtype: of the input, by default that of the parameters; minigrad.int64 for a model that reads ids. A layer's
    parameters are its own, without its parts'; memory that is shared counts once. The model runs once, on zeros, in
    evaluation and without a graph, and is left as it was. Raises TypeError where input_shape is no shape.

    >>> import nn
    >>> nn.summary(nn.Sequential(nn.Linear(3, 8), nn.Tanh()), (5, 3))
    layer       puts out  parameters  bytes  bytes put out
    Sequential  (5, 8)             0      0              0
    0: Linear   (5, 8)            32    128            160
    1: Tanh     (5, 8)             0      0            160
    total                         32    128            320
    """
    sizes = input_shape if isinstance(input_shape, tuple | list) else [0]
    if not isinstance(model, Module) or not all([isinstance(n, int) and n > 0 for n in sizes]):
        raise TypeError(
            f"summary: a {type(model).__name__} and the shape {input_shape!r} came; wanted are a Module "
            "and the sizes of its input, each 1 or more: (batch, time, size), say"
        )
    kind, device = next(((p.dtype, p.device) for p in model.parameters()), (None, None))
    x = zeros(*sizes, dtype=dtype or kind, device=device)
    counted: list[Any] = []  # arrays; what is a view of one of them adds nothing

    def size(t: Tensor) -> int:
        root = t.array
        while type(root.base) is type(root):
            root = root.base
        counted.append(root)
        return int(t.array.nbytes) * all([root is not other for other in counted[:-1]])

    def heard(row: list[Any], forward: Any, *args: Any, **kwargs: Any) -> Any:
        out = forward(*args, **kwargs)
        row[1] = ", ".join([str(tuple(t.shape)) for t in tensors(out)])
        row[4] += sum(map(size, tensors(out)))
        return out

    size(x)
    rows, random = Summary(), generator().bit_generator.state
    before = {module: dict(vars(module)) for module in model.modules()}
    try:
        for path, module in model.named_modules():
            own = [p for p in module.parameters(recurse=False) if size(p)]
            rows.append(
                [
                    f"{path}: {type(module).__name__}".removeprefix(": "),
                    "",
                    sum(p.numel() for p in own),
                    sum(p.array.nbytes for p in own),
                    0,
                ]
            )
            vars(module).update(forward=partial(heard, rows[-1], module.forward), training=False)
        with no_grad():
            model(x)
    finally:
        for module, kept in before.items():
            vars(module).clear()
            vars(module).update(kept)
        generator().bit_generator.state = random
    return rows
