"""Module: a tree of parameters with a forward method; and the containers Sequential and ModuleList."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Any, NamedTuple, Self

import numpy as np

from minigrad import Tensor, as_tensor, errors, no_grad
from minigrad.autograd import mode


class Incompatible(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


class Parameter(Tensor):
    """A tensor that a module learns: assigned as an attribute, it is found by `parameters()`.

    >>> Parameter([1.0, 2.0]).requires_grad
    True
    """

    def __init__(self, data: Any, requires_grad: bool = True):
        super().__init__(as_tensor(data).array)
        self.requires_grad_(requires_grad)

    def __reduce__(self) -> Any:
        return Parameter, (as_array(self), self.requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Module:
    """A tree: its parameters and children are those of its attributes that are Parameters and Modules, in order.

    A subclass makes them in `__init__` and computes with them in `forward`; calling the module calls `forward`.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Parameter(2.0)
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Scale()(as_tensor(3.0)).item(), [name for name, _ in Scale().named_parameters()]
    (6.0, ['factor'])
    """

    training: bool = True
    _buffers: Mapping[str, bool] = {}  # name of each buffer -> whether state_dict holds it

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, Parameter | None):
            raise TypeError(
                f"{type(self).__name__}.{name} is a Parameter and cannot become a {type(value).__name__}: "
                f"assign nn.Parameter(...), or {name}.copy_(...) under minigrad.no_grad()"
            )
        super().__setattr__(name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        observer = mode.observer
        if observer is None:
            return self.forward(*args, **kwargs)
        with observer.module_scope(self):
            output = self.forward(*args, **kwargs)
            observer.on_module(self, output)
            return output

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} has no forward method: define `def forward(self, ...)`"
        )

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Let `tensor` move and (if `persistent`) be saved with the module, without being learned."""
        self._buffers = {**self._buffers, name: persistent}
        setattr(self, name, tensor)

    # Walking the tree: names are dotted paths of attributes, and what is shared comes once.

    def _own(self, kind: type) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if isinstance(value, kind)}

    def named_children(self) -> Iterator[tuple[str, Module]]:
        return iter(self._own(Module).items())

    def children(self) -> Iterator[Module]:
        return iter(self._own(Module).values())

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Every module of the tree, this one first."""
        seen: set[Module] = set()
        todo = [(prefix, self)]
        while todo:
            path, module = todo.pop()
            if not (remove_duplicate and module in seen):
                seen.add(module)
                yield path, module
                todo += [(dotted(path, name), child) for name, child in module.named_children()][
                    ::-1
                ]

    def modules(self) -> Iterator[Module]:
        return (module for _, module in self.named_modules())

    def _tensors(
        self,
        names: Callable[[Module], Iterable[str]],
        prefix: str = "",
        recurse: bool = True,
        once: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        """The tensors that are the attributes `names(module)` of each module."""
        seen = set()
        for path, module in self.named_modules(prefix, once) if recurse else [(prefix, self)]:
            for name in names(module):
                tensor = vars(module)[name]
                if tensor is not None and not (once and id(tensor) in seen):
                    seen.add(id(tensor))
                    yield dotted(path, name), tensor

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        return self._tensors(lambda module: module._own(Parameter), prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        return (param for _, param in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        return self._tensors(lambda module: module._buffers, prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module of the tree, children before parents."""
        for module in reversed(list(self.modules())):
            fn(module)
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch dropout and its like on, or with mode=False off."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        zero_gradients(self.parameters(), set_to_none)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move or cast the parameters and buffers in place: `to("cuda")`, `to(minigrad.float64)`, `to(device, dtype)`.

        They stay the same objects, so an optimizer keeps its hold on them. Integer buffers keep their dtype.
        """
        for tensor in [*self.parameters(), *self.buffers()]:
            for part in (tensor, tensor.grad):
                if part is not None:
                    moved = part.detach().to(*args, **kwargs)
                    part.array = moved.to(
                        dtype=None if part.dtype.kind == "f" else part.dtype
                    ).array
            tensor.mark_changed()
        return self

    def float(self) -> Self:
        return self.to(np.dtype("float32"))

    def double(self) -> Self:
        return self.to(np.dtype("float64"))

    def cpu(self) -> Self:
        return self.to("cpu")

    def cuda(self) -> Self:
        return self.to("cuda")

    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        """Every parameter and persistent buffer by its dotted name. The tensors share the module's memory."""
        return {
            name: tensor.detach()
            for name, tensor in self._tensors(saved, prefix.rstrip("."), once=False)
        }

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Incompatible:
        """Copy values in by name: tensors of minigrad or PyTorch, or arrays.

        Raises RuntimeError, and changes nothing, where shapes differ, floats came for integers, or (if `strict`) names
        are missing or unexpected.
        """
        own = dict(self._tensors(saved, once=False))
        given = {name: as_array(value) for name, value in state_dict.items()}
        missing, unexpected = [n for n in own if n not in given], [n for n in given if n not in own]
        both = [(n, given[n], t) for n, t in own.items() if n in given]
        faults = [
            f"{n} has shape {g.shape} where {tuple(t.shape)} is wanted"
            for n, g, t in both
            if g.shape != t.shape
        ]
        faults += [
            f"{n} is {g.dtype} where {t.dtype} is wanted"
            for n, g, t in both
            if not np.can_cast(g.dtype, t.dtype, "same_kind")
        ]
        if strict:
            faults += [f"{n} is missing" for n in missing] + [
                f"{n} is unexpected" for n in unexpected
            ]
        if faults:
            raise RuntimeError(f"{type(self).__name__}.load_state_dict: {', '.join(faults)}")
        with no_grad():
            for name in own.keys() & given.keys():
                own[name].copy_(given[name])
        return Incompatible(missing, unexpected)

    def extra_repr(self) -> str:
        """What stands between the brackets of the module's own line."""
        return ""

    def _child_lines(self) -> list[str]:
        return [f"({name}): {child!r}" for name, child in self.named_children()]

    def __repr__(self) -> str:
        name, extra, lines = type(self).__name__, self.extra_repr(), self._child_lines()
        body = "\n".join([extra] * bool(extra) + lines).replace("\n", "\n  ")
        return f"{name}(\n  {body}\n)" if lines else f"{name}({extra})"

    def _repr_html_(self) -> str:
        """The tree for Jupyter, of which each branch can be folded."""
        count = f"{sum(p.numel() for p in self.parameters()):,} parameters"
        line = f"<code>{escape(type(self).__name__)}({escape(self.extra_repr())})</code> {count}"
        parts = "".join(
            [
                f"<li>{escape(name)}: {child._repr_html_()}</li>"
                for name, child in self.named_children()
            ]
        )
        return (
            f"<details open><summary>{line}</summary><ul>{parts}</ul></details>" if parts else line
        )


def dotted(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def saved(module: Module) -> list[str]:
    return [
        *module._own(Parameter),
        *(name for name, persistent in module._buffers.items() if persistent),
    ]


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """A tensor of minigrad or PyTorch, on any device, or an array, as a NumPy array."""
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)


def zero_gradients(params: Iterable[Tensor], set_to_none: bool) -> None:
    for p in params:
        if p.grad is not None:
            p.grad = None if set_to_none else p.grad.zero_()


class Sequential(Module):
    """Modules applied one after the other: Sequential(a, b)(x) = b(a(x)); or named ones, Sequential({"first": a})."""

    def __init__(self, *modules: Any):
        named = (
            modules[0].items()
            if modules and isinstance(modules[0], Mapping)
            else enumerate(modules)
        )
        for name, module in named:
            self._add(str(name), module)

    def _add(self, name: str, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: it takes modules, and a {type(module).__name__} came as {name!r}"
            )
        setattr(self, name, module)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x

    def __len__(self) -> int:
        return len(self._own(Module))

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Any:
        found = list(self.named_children())[index]
        return type(self)(dict(found)) if isinstance(found, list) else found[1]

    def append(self, module: Module) -> Self:
        self._add(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        for module in modules:
            self.append(module)
        return self


class ModuleList(Sequential):
    """A list of modules whose parameters are found; a plain list would hide them. It computes nothing by itself."""

    def __init__(self, modules: Iterable[Module] | Mapping[str, Module] = ()):
        self.extend(modules.values() if isinstance(modules, Mapping) else modules)

    forward = Module.forward

    def _child_lines(self) -> list[str]:
        """Equal neighbours on one line: `(0-2): 3 x Linear(...)`."""
        lines, start = [], 0
        for text, run in groupby(map(repr, self)):
            count = len(list(run))
            lines.append(
                f"({start}): {text}"
                if count == 1
                else f"({start}-{start + count - 1}): {count} x {text}"
            )
            start += count
        return lines


errors.name_all(globals(), helpers="dotted saved as_array forget_gradients")
