"""The parameters, children and buffers of a module by name, and which names they may have."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from minigrad import Tensor
from minigrad.errors import shown

from .parameter import Parameter

if TYPE_CHECKING:
    from .module import Module


class Members(dict[str, Any]):
    """The parameters, children or buffers of a module; a change of it is a change of the module."""

    def __init__(self, module: Module, found: dict[str, Any]):
        super().__init__(found)
        self.module = module

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self.module, name, value)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        delattr(self.module, name)

    def popitem(self) -> tuple[str, Any]:
        name, value = super().popitem()
        delattr(self.module, name)
        return name, value

    def __reduce__(self) -> Any:
        return dict, (dict(self),)

    # made of the methods above, while those of a dict would change it alone
    clear = MutableMapping.clear
    pop = MutableMapping.pop
    setdefault = MutableMapping.setdefault
    update = MutableMapping.update


class Buffers(Members):
    """The buffers of a module; a new one is registered."""

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self.module._buffer_names:
            self.module.register_buffer(name, value)
        super().__setitem__(name, value)


def check_name(owner: str, name: Any) -> None:
    """Raise if `name` could not be part of a dotted path."""
    if not isinstance(name, str):
        raise TypeError(f"{owner}: expected a name that is a str, got {shown(name)}")
    if not name or "." in name:
        raise KeyError(
            f"{owner}: expected a name without a dot and not empty, got {name!r}; "
            "dots join the names of a path in state_dict"
        )


def check_prefix(name: str, prefix: Any) -> None:
    """Raise TypeError if `prefix` is not a str."""
    if not isinstance(prefix, str):
        raise TypeError(f"{name}: expected a str as prefix, got {shown(prefix)}")


def check_registration(method: str, module: Module, name: str, value: Any, kind: type) -> None:
    """Raise if `name` is taken or no name, or `value` is neither of this kind nor None."""
    owner = f"{type(module).__name__}.{method}"
    check_name(owner, name)
    existing = getattr(module, name, None)
    is_taken = existing is not None and not isinstance(existing, kind)
    if is_taken or (kind is Tensor and isinstance(existing, Parameter)):
        raise KeyError(f"{owner}: attribute {name!r} already exists; give another name")
    if not isinstance(value, kind | None):
        raise TypeError(
            f"{owner}: expected a {kind.__name__} or None as {name!r}, got a {type(value).__name__}"
        )
