"""state_dict: the parameters and buffers of a module by their paths, and their values back in."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigrad import Tensor
from minigrad.array import refuse_masked

from .arguments import check_flags

if TYPE_CHECKING:
    from .module import Module


def join_names(path: str, name: str) -> str:
    """`path.name`; the name itself at the root."""
    return f"{path}.{name}" if path else name


def collect(module: Module, found: Any, prefix: str, keep_vars: bool) -> None:
    """Put every parameter and persistent buffer of the tree into `found`, by its path."""
    owner = f"{type(module).__name__}.state_dict"
    check_flags(owner, keep_vars=keep_vars)
    if not isinstance(found, MutableMapping) or not isinstance(prefix, str):
        raise TypeError(
            f"{owner}: expected a dict as destination and a str as prefix, got a "
            f"{type(found).__name__} and a {type(prefix).__name__}"
        )
    for path, part in module.named_modules(remove_duplicate=False):
        refuse_own_state(part)
        saved: dict[str, Tensor] = {**part._parameters}
        for name, buffer in part._buffers.items():
            if part._buffer_names[name]:
                saved[name] = buffer
        for name, tensor in saved.items():
            found[prefix + join_names(path, name)] = tensor if keep_vars else tensor.detach()


# methods of PyTorch's modules that a subclass defines to save in its own way
OWN_STATE = ("get_extra_state", "_save_to_state_dict", "_load_from_state_dict")


def refuse_own_state(module: Module) -> None:
    """Raise NotImplementedError if a module would save something in its own way."""
    for method in OWN_STATE:
        if hasattr(type(module), method):
            raise NotImplementedError(
                f"{type(module).__name__}.state_dict: {method} is not supported; keep tensors in "
                "buffers, and save other things beside the state_dict"
            )


def load(module: Module, state_dict: Any, strict: bool, assign: bool) -> IncompatibleKeys:
    """Copy the values of `state_dict` into the tree by name; all of them, or none."""
    owner = f"{type(module).__name__}.load_state_dict"
    check_flags(owner, strict=strict, assign=assign)
    if assign:
        raise NotImplementedError(
            f"{owner}: assign=True is not supported; leave it out, and values are copied"
        )
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"{owner}: expected a dict from names to tensors, got a {type(state_dict).__name__}"
        )
    own = module.state_dict()
    given = {name: as_array(value) for name, value in state_dict.items()}
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    found = [name for name in own if name in given]
    faults = []
    for name in found:
        faults += mismatches(name, own[name], given[name])
    if strict and missing:
        faults.append(f"missing {', '.join(missing)}")
    if strict and unexpected:
        faults.append(f"unexpected {', '.join(unexpected)}")
    if faults:
        raise RuntimeError(f"{owner}: {'; '.join(faults)}")
    for name in found:
        own[name].copy_(given[name])
    return IncompatibleKeys(missing, unexpected)


class IncompatibleKeys(NamedTuple):
    """The keys that `load_state_dict` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        missing, unexpected = self
        return f"_IncompatibleKeys(missing_keys={missing}, unexpected_keys={unexpected})"


def mismatches(name: str, own: Tensor, given: np.ndarray[Any, Any]) -> list[str]:
    """Why `given` cannot be copied into `own`, in words."""
    faults = []
    if own.shape != given.shape:
        faults.append(f"expected {name} of shape {tuple(own.shape)}, got {given.shape}")
    if not np.can_cast(given.dtype, own.dtype, "same_kind"):
        faults.append(f"expected {name} of {own.dtype}, got {given.dtype}")
    return faults


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """A tensor of minigrad or PyTorch, on any device, or an array, as a NumPy array."""
    refuse_masked("load_state_dict", value)
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)
