"""A weight as a length and a direction, learned apart: w = g v / |v|."""

from __future__ import annotations

from typing import Any, TypeVar

from minigrad import Tensor
from minigrad.arguments import normalize_dim
from minigrad.errors import shown

from ..module import Module
from ..parameter import Parameter

Layer = TypeVar("Layer", bound=Module)


class WeightNorm:
    """A hook that makes `name` of a module from its name_g and name_v before each call."""

    def __init__(self, name: str, dim: int | None):
        self.name = name
        self.dim = dim

    def length(self, v: Tensor) -> Tensor:
        """|v| of each slice along dim, with dims of size 1 for the others; of all of v for None."""
        if self.dim is None:
            return v.norm()
        others = tuple([k for k in range(v.ndim) if k != self.dim])
        return v.norm(dim=others, keepdim=True) if others else v.abs()

    def weight(self, module: Module) -> Tensor:
        """g v / |v|."""
        g, v = [getattr(module, f"{self.name}_{part}") for part in "gv"]
        return v * (g / self.length(v))

    def __call__(self, module: Module, args: Any) -> None:
        setattr(module, self.name, self.weight(module))


def weight_norm(module: Layer, name: str = "weight", dim: int | None = 0) -> Layer:
    """Let the module learn g = |w| and v = w, its parameters name_g and name_v, in place of w.

    Before each call w = g v / |v|, which is no longer a parameter. dim: along which each slice
    has a length of its own; None or -1 is one length for all of w. Raises ValueError if w is not a
    parameter, as after another weight_norm. Source: Salimans and Kingma 2016.
    """
    check_module("weight_norm", module)
    w = getattr(module, str(name), None)
    if not isinstance(w, Parameter):
        raise ValueError(
            f"weight_norm: expected the name of a parameter, got {name!r}; "
            f"{type(module).__name__} has {[key for key, _ in module.named_parameters()]}"
        )
    is_whole = dim is None or (isinstance(dim, int) and dim == -1)
    dim = None if is_whole else normalize_dim("weight_norm", w, dim)
    hook = WeightNorm(name, dim)
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(hook.length(w.detach())))
    module.register_parameter(f"{name}_v", Parameter(w.detach()))
    hook(module, ())
    handle = module.register_forward_pre_hook(hook)
    vars(module)["_weight_norms"] = {**vars(module).get("_weight_norms", {}), name: (hook, handle)}
    return module


def remove_weight_norm(module: Layer, name: str = "weight") -> Layer:
    """Make w = g v / |v| a parameter again. Raises ValueError if weight_norm made no w."""
    check_module("remove_weight_norm", module)
    found = vars(module).get("_weight_norms", {})
    if not isinstance(name, str) or name not in found:
        raise ValueError(
            f"remove_weight_norm: expected what weight_norm has changed, got {name!r} of "
            f"{type(module).__name__}"
        )
    hook, handle = found.pop(name)
    handle.remove()
    w = hook.weight(module).detach()
    for key in (name, f"{name}_g", f"{name}_v"):
        delattr(module, key)
    setattr(module, name, Parameter(w))
    return module


def check_module(name: str, module: Any) -> None:
    """Raise TypeError for what is not a module."""
    if not isinstance(module, Module):
        raise TypeError(f"{name}: expected a module, got {shown(module)}")
