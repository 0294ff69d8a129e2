"""A module as a function of its parameters, for the transforms of minigrad.func."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from minigrad import Tensor, stack
from minigrad.errors import shown

from ..arguments import check_flags
from ..module import Module
from ..state import join_names

__all__ = ["functional_call", "stack_module_state"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs), computed with other tensors for its parameters and buffers.

    parameter_and_buffer_dicts: by name, those of `named_parameters` and `named_buffers`, in one
    dict or in several; what is not named stays what it is. A buffer that the module assigns is put
    into the one dict. tie_weights: what is given for a shared parameter holds under all its names.

    Raises TypeError for other arguments, ValueError if a name is given twice, KeyError for one
    that the module has not, RuntimeError if strict=True and a name is missing.

    >>> import minigrad as mg, nn
    >>> w = {"weight": mg.tensor([[2.0, 3.0]]), "bias": mg.tensor([1.0])}
    >>> functional_call(nn.Linear(2, 1), w, mg.tensor([1.0, 10.0])).tolist()
    [33.0]
    """
    name = "functional_call"
    check_flags(name, tie_weights=tie_weights, strict=strict)
    if not isinstance(module, Module):
        raise TypeError(f"{name}: expected a module, got {shown(module)}")
    given = merged(name, parameter_and_buffer_dicts)
    places = places_of(module)
    check_names(name, given, places, strict)
    tensors = with_tied(name, given, places) if tie_weights else given
    if not isinstance(args, tuple):
        args = () if args is None else (args,)
    with replaced(tensors, places):
        output = module(*args, **(kwargs or {}))
        for path in given:
            owner, key = places[path]
            given[path] = vars(owner)[key]
    return output


def merged(name: str, dicts: Any) -> dict[str, Any]:
    """The one dict, or one of several."""
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence) or not all([isinstance(each, dict) for each in dicts]):
        raise TypeError(f"{name}: expected a dict or a sequence of dicts, got {shown(dicts)}")
    found: dict[str, Any] = {}
    for each in dicts:
        twice = [key for key in each if key in found]
        if twice:
            raise ValueError(f"{name}: expected each name in one dict, got {twice} in several")
        found.update(each)
    return found


def places_of(module: Module) -> dict[str, tuple[Module, str]]:
    """Of each parameter and buffer, by its path, the module whose attribute it is, and its name."""
    found = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        for key in [*owner._parameters, *owner._buffers]:
            found[join_names(path, key)] = owner, key
    return found


def check_names(
    name: str, given: Mapping[str, Any], places: Mapping[str, Any], strict: bool
) -> None:
    """Raise if a name or a value is not one, or, if strict, one is missing."""
    for path, value in given.items():
        if path not in places:
            raise KeyError(f"{name}: expected names of parameters and buffers, got {path!r}")
        if not isinstance(value, Tensor):
            raise TypeError(f"{name}: expected a tensor as {path!r}, got {shown(value)}")
    missing = [path for path in places if path not in given]
    if strict and missing:
        raise RuntimeError(f"{name}: expected all names with strict=True, got none of {missing}")


def with_tied(
    name: str, given: Mapping[str, Tensor], places: Mapping[str, tuple[Module, str]]
) -> dict[str, Tensor]:
    """The tensors by all names that the parameters have which they are given for.

    Raises ValueError if two are given for one.
    """
    by_identity: dict[int, Tensor] = {}
    for path, tensor in given.items():
        owner, key = places[path]
        first = by_identity.setdefault(id(vars(owner)[key]), tensor)
        if first is not tensor:
            raise ValueError(
                f"{name}: expected one tensor for a shared one, got another as {path!r}"
            )
    found = {}
    for path, (owner, key) in places.items():
        identity = id(vars(owner)[key])
        if identity in by_identity:
            found[path] = by_identity[identity]
    return found


@contextmanager
def replaced(
    tensors: Mapping[str, Tensor], places: Mapping[str, tuple[Module, str]]
) -> Iterator[None]:
    """With these attributes in place of those that are there, which come back."""
    before = {path: vars(places[path][0])[places[path][1]] for path in tensors}
    try:
        for path, tensor in tensors.items():
            owner, key = places[path]
            vars(owner)[key] = tensor
        yield
    finally:
        for path, tensor in before.items():
            owner, key = places[path]
            vars(owner)[key] = tensor


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters of several models of one class, stacked by name, and their buffers.

    With them vmap computes all models at once, see `functional_call`. They are leaves, which
    require a gradient where the parameters do.

    Raises RuntimeError if there is no model, or the models are not alike.
    """
    name = "stack_module_state"
    models = list(models)
    if not models:
        raise RuntimeError(f"{name}: expected at least one model, got none")
    if len({type(model) for model in models}) > 1:
        raise RuntimeError(f"{name}: expected models of one class, got {shown(models)}")
    if len({model.training for model in models}) > 1:
        raise RuntimeError(f"{name}: expected all models in one mode, train() or eval()")
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return stacked(name, parameters), stacked(name, buffers)


def stacked(name: str, dicts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """One tensor for each name, stacked over the dicts, as a leaf."""
    found = {}
    for path, first in dicts[0].items():
        tensors = [each[path] for each in dicts]
        if len({tensor.requires_grad for tensor in tensors}) > 1:
            raise RuntimeError(
                f"{name}: expected {path!r} to require a gradient in all, or in none"
            )
        found[path] = stack(tensors).detach().requires_grad_(first.requires_grad)
    return found
