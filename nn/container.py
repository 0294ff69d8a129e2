"""Sequential and ModuleList: modules in a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from . import printing
from .module import Module


class ModuleSequence(Module):
    """What Sequential and ModuleList share: the children are the elements of a list."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __getitem__(self, index: int | slice) -> Any:
        names = self._names_at(index)
        if isinstance(index, slice):
            return self._made_of({name: self._modules[name] for name in names})
        return self._modules[names[0]]

    def __setitem__(self, index: int, module: Module) -> None:
        (name,) = self._names_at(index)
        self._check_element(module)
        setattr(self, name, module)

    def __delitem__(self, index: int | slice) -> None:
        for name in self._names_at(index):
            delattr(self, name)
        self._set_elements(list(self))

    def append(self, module: Module) -> Self:
        """Put `module` at the end."""
        self._check_element(module)
        name = str(len(self))
        if name in self._modules:
            raise KeyError(
                f"{type(self).__name__}.append: the name {name!r} is taken, since a slice keeps "
                f"its names; make a new one first: {type(self).__name__}(*modules)"
            )
        self.add_module(name, module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Put all of `modules` at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend: expected modules in an iterable, "
                f"got a {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put `module` before the element at `index`."""
        self._check_element(module)
        modules = list(self)
        modules.insert(index, module)
        self._set_elements(modules)
        return self

    def pop(self, index: int | slice = -1) -> Any:
        """Take out the element at `index`, and return it."""
        module = self[index]
        del self[index]
        return module

    def __add__(self, other: Iterable[Module]) -> Self:
        return self._made_of({}).extend(self).extend(other)

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def _names_at(self, index: int | slice) -> list[str]:
        """The names of the children at `index`; raises IndexError where there is none."""
        names = list(self._modules)
        if isinstance(index, slice):
            return names[index]
        if not hasattr(index, "__index__"):
            raise TypeError(
                f"{type(self).__name__}: expected an integer or a slice as index, got {index!r}"
            )
        if not -len(names) <= index < len(names):
            raise IndexError(
                f"{type(self).__name__}: index {index} is out of range for {len(names)} modules"
            )
        return [names[index]]

    def _made_of(self, modules: dict[str, Module]) -> Self:
        """One of the same class with these children."""
        make: Any = type(self)
        return make(modules)

    def _set_elements(self, modules: list[Module]) -> None:
        for name in self._modules:
            delattr(self, name)
        for place, module in enumerate(modules):
            setattr(self, str(place), module)

    def _check_element(self, module: Any) -> None:
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: expected a Module, got a {type(module).__name__}"
            )


class Sequential(ModuleSequence):
    """Modules applied one after the other: Sequential(a, b)(x) = b(a(x)).

    They may have names: Sequential({"first": a, "second": b}). A slice keeps the names.

    >>> from nn import Linear, Tanh
    >>> Sequential(Linear(2, 3), Tanh())[1:]
    Sequential(
      (1): Tanh()
    )
    """

    def __init__(self, *args: Any):
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self._check_element(module)
                self.add_module(name, module)
        else:
            self.extend(args)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input


class ModuleList(ModuleSequence):
    """A list of modules whose parameters are found; a plain list would hide them.

    It computes nothing by itself.
    """

    def __init__(self, modules: Iterable[Module] | Mapping[str, Module] | None = None):
        if isinstance(modules, Mapping):
            modules = modules.values()
        if modules is not None:
            self.extend(modules)

    def __repr__(self) -> str:
        return printing.as_text(self, printing.run_length_lines(self))
