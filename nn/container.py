"""Sequential, ModuleList, ModuleDict: modules in a row or by name; and the same of parameters."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from functools import partial
from numbers import Integral
from typing import Any, Generic, Self, TypeVar

from minigrad import Tensor
from minigrad.errors import shown

from . import printing
from .arguments import as_list, as_place
from .members import check_registration
from .module import Module
from .parameter import Parameter

Member = TypeVar("Member", Module, Parameter)


class ModuleSequence(Module):
    """What Sequential and ModuleList share: the children are the elements of a list."""

    def __len__(self) -> int:
        return len(self._elements())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._elements().values())

    def __getitem__(self, index: int | slice) -> Any:
        names = self._names_at(index)
        elements = self._elements()
        if isinstance(index, slice):
            return self._made_of({name: elements[name] for name in names})
        return elements[names[0]]

    def __setitem__(self, index: int, module: Module | None) -> None:
        (name,) = self._names_at(index)
        self._check_element(module)
        if module is None:
            vars(self)[name] = None  # which a layer that is called as an attribute may not become
        else:
            setattr(self, name, module)

    def __delitem__(self, index: int | slice) -> None:
        for name in self._names_at(index):
            delattr(self, name)
        self._set_elements(list(self))

    def append(self, module: Module) -> Self:
        """Put `module` at the end."""
        self._check_element(module)
        name = str(len(self))
        if name in self._elements():
            raise KeyError(
                f"{type(self).__name__}.append: the name {name!r} is taken, since a slice keeps "
                f"its names; make a new one first: {type(self).__name__}(*modules)"
            )
        self.add_module(name, module)
        return self

    def extend(self, modules: Iterable[Any]) -> Self:
        """Put all of `modules` at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend: expected modules in an iterable, "
                f"got a {type(modules).__name__}"
            )
        for module in as_list(type(self).__name__, "modules", modules, self._check_element):
            self.append(module)
        return self

    def insert(self, index: Any, module: Module) -> Self:
        """Put `module` before the element at `index`."""
        self._check_element(module)
        modules = list(self)
        if not isinstance(index, Integral):
            got = shown(index)
            raise TypeError(f"{type(self).__name__}: expected an integer as index, got {got}")
        modules.insert(max(-len(self), min(int(index), len(self))), module)
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

    def _elements(self) -> dict[str, Any]:
        """The elements by their names."""
        return self._modules

    def _names_at(self, index: int | slice) -> list[str]:
        """The names of the children at `index`; raises IndexError where there is none."""
        names = list(self._elements())
        if isinstance(index, slice):
            return names[index]
        return [names[as_place(type(self).__name__, index, len(names))]]

    def _made_of(self, modules: dict[str, Module]) -> Self:
        """A container of the same class with these children."""
        make: Any = type(self)
        return make(modules)

    def _set_elements(self, modules: list[Module]) -> None:
        for name in self._elements():
            delattr(self, name)
        for place, module in enumerate(modules):
            setattr(self, str(place), module)

    def _check_element(self, module: Any) -> None:
        if not isinstance(module, Module):
            way_out = "; call it to make one" if isinstance(module, type) else ""
            raise TypeError(
                f"{type(self).__name__}: expected a Module, got {shown(module)}{way_out}"
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

    It computes nothing by itself. An element may be None.
    """

    def __init__(self, modules: Iterable[Module | None] | Mapping[str, Module] | None = None):
        if isinstance(modules, Mapping):
            modules = modules.values()
        if modules is not None:
            self.extend(modules)

    def __repr__(self) -> str:
        return printing.as_text(self, printing.run_length_lines(self))

    def _elements(self) -> dict[str, Any]:
        return {
            name: part
            for name, part in vars(self).items()
            if isinstance(part, Module) or (part is None and name.isdigit())
        }

    def _check_element(self, module: Any) -> None:
        if module is not None:
            super()._check_element(module)


class ByName(Module, Generic[Member]):
    """What ModuleDict and ParameterDict share: the members are the values of a dict."""

    def __init__(self, members: Any = None):
        if members is not None:
            self.update(members)

    def held(self) -> dict[str, Member]:
        """The members by their names."""
        raise NotImplementedError

    def __setitem__(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.held())

    def __iter__(self) -> Iterator[str]:
        return iter(self.held())

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self.held()

    def __getitem__(self, key: str) -> Member:
        if not isinstance(key, str) or key not in self.held():
            expected = ", ".join(self.held()) or "none, it is empty"
            raise KeyError(
                f"{type(self).__name__}: expected one of the names {expected}, got {shown(key)}"
            )
        return self.held()[key]

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def keys(self) -> KeysView[str]:
        return self.held().keys()

    def values(self) -> ValuesView[Member]:
        return self.held().values()

    def items(self) -> ItemsView[str, Member]:
        return self.held().items()

    def pop(self, key: str) -> Member:
        """Take out a member, and return it."""
        member = self[key]
        delattr(self, key)
        return member

    def clear(self) -> None:
        """Take out all members."""
        for key in list(self.held()):
            delattr(self, key)

    def update(self, members: Any) -> None:
        """Put in all members of a dict, or of pairs (name, member)."""
        for key, value in as_pairs(self, members):
            self[key] = value


class ModuleDict(ByName[Module]):
    """A dict of modules whose parameters are found; a plain dict would hide them.

    It computes nothing by itself. Raises KeyError if a name is one of its methods or has a dot.

    >>> from nn import Linear
    >>> list(ModuleDict({"first": Linear(2, 3)}))
    ['first']
    """

    def __init__(self, modules: Any = None):
        super().__init__(modules)

    def held(self) -> dict[str, Module]:
        return self._modules

    def __setitem__(self, key: str, module: Module) -> None:
        check_registration("__setitem__", self, key, module, Module)
        setattr(self, key, module)


class ParameterList(Module):
    """A list of parameters that `parameters()` finds; a tensor becomes a Parameter.

    >>> from minigrad import ones
    >>> [name for name, _ in ParameterList([ones(2), ones(3)]).named_parameters()]
    ['0', '1']
    """

    def __init__(self, values: Iterable[Tensor] | None = None):
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._parameters.values())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return ParameterList(list(self)[index])
        return list(self)[as_place("ParameterList", index, len(self))]

    def __setitem__(self, index: int, param: Tensor) -> None:
        names = list(self._parameters)
        name = names[as_place("ParameterList", index, len(names))]
        setattr(self, name, as_parameter(self, param))

    def __iadd__(self, values: Iterable[Tensor]) -> Self:
        return self.extend(values)

    def append(self, value: Tensor) -> Self:
        """Put `value` at the end."""
        self.register_parameter(str(len(self)), as_parameter(self, value))
        return self

    def extend(self, values: Iterable[Tensor]) -> Self:
        """Put all of `values` at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            got = shown(values)
            raise TypeError(f"ParameterList.extend: expected a list of tensors, got {got}")
        check = partial(as_parameter, self)
        for value in as_list("ParameterList", "values", values, check):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return printing.parameter_lines(self)


class ParameterDict(ByName[Parameter]):
    """A dict of parameters that `parameters()` finds; a tensor becomes a Parameter.

    Raises KeyError if a name is one of its methods or has a dot.
    """

    def __init__(self, parameters: Any = None):
        super().__init__(parameters)

    def held(self) -> dict[str, Parameter]:
        return self._parameters

    def __setitem__(self, key: str, value: Tensor) -> None:
        param = as_parameter(self, value)
        check_registration("__setitem__", self, key, param, Parameter)
        setattr(self, key, param)

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of that name, or `default`."""
        return self[key] if key in self else default

    def setdefault(self, key: str, default: Any = None) -> Parameter:
        """The parameter of that name, which `default` becomes where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def popitem(self) -> tuple[str, Parameter]:
        """Take out the last parameter, and return it with its name."""
        if not len(self):
            raise KeyError("ParameterDict.popitem: expected at least one parameter, got none")
        key = list(self)[-1]
        return key, self.pop(key)

    def copy(self) -> ParameterDict:
        """Another one with the same parameters."""
        return ParameterDict(self)

    def extra_repr(self) -> str:
        return printing.parameter_lines(self)


def as_pairs(container: Module, given: Any) -> list[tuple[str, Any]]:
    """The names and values of a dict, or of pairs. Raises TypeError for anything else."""
    if hasattr(given, "items") and not isinstance(given, type):
        return list(given.items())
    name = type(container).__name__

    def check(pair: Any) -> None:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            got = shown(given)
            raise TypeError(f"{name}: expected a dict or pairs (name, value), got {got}")

    pairs = given if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    return [(key, value) for key, value in as_list(name, "members", pairs, check)]


def as_parameter(container: Module, value: Any) -> Parameter:
    """A tensor as a Parameter. Raises TypeError for anything else, RuntimeError for integers."""
    if isinstance(value, Parameter):
        return value
    owner = type(container).__name__
    if not isinstance(value, Tensor):
        raise TypeError(f"{owner}: expected a Parameter or a tensor, got {shown(value)}")
    if value.dtype.kind not in "fc":
        raise RuntimeError(
            f"{owner}: expected floats to make a Parameter of, got {shown(value)}; convert it "
            "with .float(), or give nn.Parameter(..., requires_grad=False)"
        )
    return Parameter(value)
