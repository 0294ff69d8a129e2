"""summary: the layers of a model, their output shapes, parameters and memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from minigrad.arguments import as_dtype
from minigrad.array import Array
from minigrad.creation import zeros
from minigrad.grad_mode import no_grad
from minigrad.inspect.observer import Observer
from minigrad.random import generator
from minigrad.tensor import Tensor


class Layer(NamedTuple):
    """One row: a layer, its output's shape, its own parameters, and the bytes of both."""

    layer: str
    output_shape: str
    parameters: int
    bytes: int
    output_bytes: int


class Summary(list[Layer]):
    """A row for each layer; str() is the table."""

    def __str__(self) -> str:
        parameters = sum([row.parameters for row in self])
        parameter_bytes = sum([row.bytes for row in self])
        output_bytes = sum([row.output_bytes for row in self])
        total = Layer("total", "", parameters, parameter_bytes, output_bytes)
        head = [name.replace("_", " ") for name in Layer._fields]
        table = [head, *([as_text(cell) for cell in row] for row in [*self, total])]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = []
        for layer, shape, *numbers in table:
            cells = [layer.ljust(widths[0]), shape.ljust(widths[1])]
            cells += [
                number.rjust(width) for number, width in zip(numbers, widths[2:], strict=True)
            ]
            lines.append("  ".join(cells))
        return "\n".join(lines)

    __repr__ = __str__


def as_text(cell: str | int) -> str:
    """A cell of the table; a number with commas between the thousands."""
    return f"{cell:,}" if isinstance(cell, int) else cell


def summary(model: Any, input_shape: Any, dtype: Any = None) -> Summary:
    """What each layer of `model` outputs for an input of `input_shape`, and what it holds.

    model: an nn.Module. input_shape: (batch, ...). dtype: of the input, by default that of the
    parameters; minigrad.int64 for a model that reads ids. The parameters of a layer are counted
    without those of its parts; shared memory counts once. The model runs once, on zeros, in
    evaluation and without a graph, and is left as it was. Raises TypeError if input_shape is not a
    shape.

    >>> import nn
    >>> nn.summary(nn.Sequential(nn.Linear(3, 8), nn.Tanh()), (5, 3))
    layer       output shape  parameters  bytes  output bytes
    Sequential  (5, 8)                 0      0             0
    0: Linear   (5, 8)                32    128           160
    1: Tanh     (5, 8)                 0      0           160
    total                             32    128           320
    """
    check_model_and_shape(model, input_shape)
    first = next(model.parameters(), None)
    if dtype is None and first is not None:
        dtype = first.dtype
    elif dtype is not None:
        dtype = as_dtype("summary", dtype)
    x = zeros(*input_shape, dtype=dtype, device=None if first is None else first.device)
    memory = Memory()
    memory.count(x)
    held = {module: parameters_of(module, memory) for module in model.modules()}
    outputs = run_once(model, x, memory)
    rows = Summary()
    for path, module in model.named_modules():
        name = type(module).__name__
        layer = f"{path}: {name}" if path else name
        rows.append(Layer(layer, outputs.shapes[module], *held[module], outputs.bytes[module]))
    return rows


def check_model_and_shape(model: Any, input_shape: Any) -> None:
    """Raise TypeError if `model` is not a module, or `input_shape` not a shape."""
    if not callable(model) or not hasattr(model, "named_modules"):
        raise TypeError(
            f"summary: expected a Module, got a {type(model).__name__}; "
            "call summary(model, (batch, size))"
        )
    sizes = input_shape if isinstance(input_shape, tuple | list) else [0]
    if not all([isinstance(size, int) and size > 0 for size in sizes]):
        raise TypeError(
            "summary: expected the sizes of the input, each 1 or more, (batch, time, size) say, "
            f"got {input_shape!r}"
        )


class Memory:
    """Counts bytes, those of memory that several tensors share only once."""

    def __init__(self) -> None:
        self.counted: dict[int, Array] = {}  # the arrays that own what has been counted, by id

    def count(self, t: Tensor) -> int:
        """The bytes of t; 0 where its memory has been counted before."""
        owner = t.array
        while type(owner.base) is type(owner):
            owner = owner.base
        if id(owner) in self.counted:
            return 0
        self.counted[id(owner)] = owner
        return int(t.array.nbytes)


def parameters_of(module: Any, memory: Memory) -> tuple[int, int]:
    """How many numbers the module's own parameters hold, and their bytes."""
    numbers = total_bytes = 0
    for param in module.parameters(recurse=False):
        new_bytes = memory.count(param)
        if new_bytes:
            numbers += param.numel()
            total_bytes += new_bytes
    return numbers, total_bytes


class OutputObserver(Observer):
    """Keeps the shapes and the bytes of what each module outputs."""

    def __init__(self, model: Any, memory: Memory):
        super().__init__()
        self.memory = memory
        self.shapes = dict.fromkeys(model.modules(), "")  # of the last call
        self.bytes = dict.fromkeys(model.modules(), 0)  # of all calls

    def on_module(self, module: Any, output: Any) -> None:
        """Called by the module: its forward has returned `output`."""
        tensors = list(tensors_in(output))
        self.shapes[module] = ", ".join([str(tuple(t.shape)) for t in tensors])
        self.bytes[module] = self.bytes.get(module, 0)
        for t in tensors:
            self.bytes[module] += self.memory.count(t)


def run_once(model: Any, x: Tensor, memory: Memory) -> OutputObserver:
    """model(x) in evaluation, without a graph; attributes and random state are then restored."""
    random_state = generator().bit_generator.state
    attributes = {module: dict(vars(module)) for module in model.modules()}
    try:
        for module in attributes:
            module.training = False
        with no_grad(), OutputObserver(model, memory) as outputs:
            model(x)
    except Exception as error:
        error.add_note(
            f"summary ran the model on zeros of shape {tuple(x.shape)}, {x.array.dtype}; "
            "a model that reads ids takes dtype=minigrad.int64"
        )
        raise
    finally:
        for module, saved in attributes.items():
            vars(module).clear()
            vars(module).update(saved)
        generator().bit_generator.state = random_state
    return outputs


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in a nesting of tuples, lists and dicts, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors_in(part)
