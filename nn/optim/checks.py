"""What an optimizer refuses: one check, one message. `name` is the optimizer's class, as messages
begin with it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Integral
from typing import Any

import numpy as np

from minigrad import Tensor
from minigrad.array import XP
from minigrad.errors import shown

from .. import arguments
from ..arguments import as_list, as_number, check_state, check_tensor
from ..state import as_array

WAYS_OUT = {
    "capturable": "leave it out, a step never waits for a GPU",
    "differentiable": "write the step with tensors: p - lr * grad(loss, p, create_graph=True)[0]",
    "decoupled_weight_decay": "use AdamW",
}

HOW = ("foreach", "fused")  # how PyTorch computes a step, and never what
ONLY_IN_PYTORCH = {*WAYS_OUT, *HOW}

SUMS_OF_SQUARES = {"exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum"}  # a step takes their root
LATER_SETTINGS = {"amsgrad"}  # which older files lack


def refuse_unsupported(name: str, **settings: Any) -> None:
    """Raise NotImplementedError if a setting that only PyTorch has is not at its default."""
    for key, value in settings.items():
        arguments.refuse_unsupported(name, WAYS_OUT[key], **{key: value})


def check_how(name: str, *, foreach: Any, fused: Any = None) -> None:
    """Check what has no effect: every step updates all parameters in the fastest way there is.

    Raises TypeError for what is neither a bool nor None, RuntimeError if both are asked for.
    """
    flags = {"foreach": foreach, "fused": fused}
    arguments.check_bools(name, **{key: v for key, v in flags.items() if v is not None})
    if foreach and fused:
        raise RuntimeError(f"{name}: expected foreach=True or fused=True, got both; leave them out")


def as_groups(name: str, params: Any) -> list[Any]:
    """params as a list of groups. Raises TypeError if it is a tensor, no iterable, or empty."""
    expected = f"{name}: params: expected an iterable of parameters such as model.parameters()"
    if isinstance(params, Tensor):
        raise TypeError(f"{expected}, got one tensor; put it in a list")
    if not isinstance(params, Iterable):
        raise TypeError(f"{expected}, got {type(params).__name__}")

    def check(item: Any) -> None:
        if not isinstance(item, Tensor | dict) and not is_named(item):
            raise TypeError(f"{expected}, got {shown(item)} among them")

    groups = as_list(name, "params", params, check)
    if not groups:
        raise TypeError(f"{expected}, got an empty one; a generator can be read only once")
    if isinstance(groups[0], dict):
        return groups
    return [{"params": groups}]


def is_named(item: Any) -> bool:
    """Whether an item is a parameter with its name, as `named_parameters` gives it."""
    is_pair = isinstance(item, tuple) and len(item) == 2
    return is_pair and isinstance(item[0], str) and isinstance(item[1], Tensor)


def check_group_keys(
    name: str, group: Any, defaults: dict[str, Any], fixed: dict[str, Any]
) -> None:
    """Raise TypeError if a group is not a dict with "params", or has a key that is all but one of
    the method's settings. What else it has is kept, and has no effect.

    fixed: settings that only PyTorch has, with the value that this method has.
    """
    if not isinstance(group, dict) or "params" not in group:
        raise TypeError(f"{name}: expected a group {{'params': [...], ...}}, got {group!r:.100}")
    unknown = set(map(str, group)) - defaults.keys() - {"params", "initial_lr"}
    for key in sorted(unknown & WAYS_OUT.keys()):
        if key not in fixed or group[key] != fixed[key]:
            refuse_unsupported(name, **{key: group[key]})
    check_how(name, foreach=group.get("foreach"), fused=group.get("fused"))
    for key in sorted(unknown - ONLY_IN_PYTORCH):
        close = get_close_matches(key, defaults, n=1, cutoff=0.85)
        if close:
            raise TypeError(f"{name}: expected the setting {close[0]} in a group, got {key}")


def as_setting(name: str, key: str, value: Any) -> Any:
    """A setting as a number of Python's, betas as a pair of them, line_search_fn as a word or None;
    NumPy's numbers are taken, too.

    Raises if it is not a number or a pair, or out of range.
    """
    if isinstance(value, Tensor):
        way_out = f"pass a number, {key}.item()"
        raise NotImplementedError(f"{name}: {key} as a tensor is not supported; {way_out}")
    if key == "line_search_fn":
        return as_line_search(name, value)
    is_pair = key == "betas"
    if not has_numbers(value) or np.shape(value) != ((2,) if is_pair else ()):
        expected = "a pair of numbers" if is_pair else "a number"
        raise TypeError(f"{name}: {key}: expected {expected}, got {value!r}")
    if is_pair and not (0 <= value[0] < 1 and 0 <= value[1] < 1):
        raise ValueError(f"{name}: betas: expected numbers from 0 to below 1, got {value!r}")
    if not np.min(value) >= 0:
        raise ValueError(f"{name}: {key}: expected a number of at least 0, got {value!r}")
    plain = np.asarray(value).tolist()
    return tuple(plain) if is_pair else plain


def as_line_search(name: str, value: Any) -> str | None:
    """The name of a line search, or None. Raises ValueError for any other."""
    if value is None or (isinstance(value, str) and value == "strong_wolfe"):
        return value
    expected = "expected None or 'strong_wolfe'"
    raise ValueError(f"{name}: line_search_fn: {expected}, got {shown(value)}")


def is_plain(key: str, value: Any) -> bool:
    """Whether a setting is a number of Python's, which only of lr is below 0, betas a pair, or
    without a line search.
    """
    if key == "line_search_fn":
        return value is None
    if key == "betas":
        is_pair = type(value) is tuple and len(value) == 2
        return is_pair and type(value[0]) is float and type(value[1]) is float
    return type(value) in (float, int, bool) and (key == "lr" or not value < 0)


def are_the_same(held: Sequence[Any], groups: Any) -> bool:
    """Whether groups hold the very objects that they held before."""
    try:
        now = [value for group in groups for value in group.values()]
    except (TypeError, AttributeError):
        return False
    return len(now) == len(held) and all(map(operator.is_, now, held))


def check_held_groups(name: str, groups: Any) -> None:
    """Raise TypeError if what an optimizer holds is no longer a list of groups of parameters."""
    if not isinstance(groups, list | tuple):
        got = shown(groups)
        raise TypeError(f"{name}: param_groups: expected a list of groups, got {got}")
    for group in groups:
        params = group.get("params") if isinstance(group, dict) else None
        if not isinstance(params, list | tuple) or not all([isinstance(p, Tensor) for p in params]):
            raise TypeError(
                f"{name}: param_groups: expected dicts with a list of tensors as params, "
                f"got {shown(group if params is None else params)}"
            )


def has_numbers(value: Any) -> bool:
    """Whether value is a number, or a sequence of nothing but numbers."""
    try:
        return np.asarray(value).dtype.kind in "fiub"
    except ValueError:  # a ragged sequence
        return False


def params_of(name: str, params: Any) -> tuple[list[Tensor], list[str]]:
    """The parameters of a group, or the only one, as a list, and their names if they have some.

    Raises ValueError if some have a name and others not.
    """
    if isinstance(params, Tensor):
        return [params], []
    items = as_list(name, "params", params, lambda item: check_param(name, item))
    names = [item[0] for item in items if is_named(item)]
    if names and len(names) < len(items):
        raise ValueError(
            f"{name}: params: expected a name with each or with none, got {len(names)} names for "
            f"{len(items)} parameters"
        )
    return [item[1] if names else item for item in items], names


def check_param(name: str, item: Any) -> None:
    """Raise TypeError if an item is neither a tensor, nor one with its name."""
    if not is_named(item):
        check_tensor(name, "each of params", item)


def check_names(name: str, groups: Sequence[dict[str, Any]], group: dict[str, Any]) -> None:
    """Raise ValueError if the parameters of a new group have names, and those of others not, or the
    other way round.
    """
    if groups and ("param_names" in groups[0]) != ("param_names" in group):
        expected = "with" if "param_names" in groups[0] else "without"
        raise ValueError(
            f"{name}: params: expected parameters {expected} names, as in the other groups"
        )


def check_params(name: str, params: Sequence[Tensor], known: set[Tensor]) -> None:
    """Raise ValueError if a parameter is not a leaf of floats, or is known already."""
    for p in params:
        expected = f"{name}: params: expected float tensors without history, each once"
        shape = tuple(p.shape)
        if p.dtype.kind != "f":
            raise ValueError(f"{expected}, got {p.dtype} of shape {shape}; use .float()")
        if not p.is_leaf:
            raise ValueError(f"{expected}, got the value of an op of shape {shape}; use .detach()")
        if p in known:
            raise ValueError(f"{expected}, got the same one of shape {shape} twice")
        known.add(p)


# What a step refuses, before it writes to any parameter.


def are_alike(arrays: Sequence[Any], grads: Sequence[Any]) -> bool:
    """Whether each gradient is an array of its parameter's device, shape and dtype."""
    for a, g in zip(arrays, grads):
        if type(g) is not type(a) or g.shape != a.shape or g.dtype != a.dtype:
            return False
    return True


def are_writable(xp: XP, arrays: Sequence[Any]) -> bool:
    """Whether all arrays can be written to; on a GPU there are no others."""
    return xp.kind != "cpu" or all([a.flags.writeable for a in arrays])


def check_step(name: str, p: Tensor, numbers: Callable[[list[Tensor]], list[int]]) -> None:
    """Raise if a step could not write p, or its gradient has another shape, dtype or device.

    numbers: gives the places of parameters among all of the optimizer.
    """
    array = p.array
    g: Any = getattr(p.grad, "array", None)
    if type(g) is not type(array) or g.shape != array.shape or g.dtype != array.dtype:
        raise ValueError(
            f"{name}: parameter {numbers([p])[0]}: expected a gradient like it, "
            f"{p.dtype}{tuple(p.shape)} on {p.device}, got {shown(p.grad)}"
        )
    if isinstance(array, np.ndarray) and not array.flags.writeable:
        raise ValueError(
            f"{name}: parameter {numbers([p])[0]}: expected an array that can be written to, got a "
            "read-only one; make the parameter of a copy, nn.Parameter(array.copy())"
        )


# What load_state_dict refuses.


def check_saved(name: str, state_dict: Any) -> None:
    """Raise TypeError or ValueError if a state is not built as state_dict() builds it."""
    check_state(name, state_dict, "state", "param_groups")
    groups = state_dict["param_groups"]
    states = state_dict["state"]
    are_groups = isinstance(groups, list | tuple) and all(map(is_saved_group, groups))
    are_states = isinstance(states, Mapping) and all(
        [isinstance(state, Mapping) for state in states.values()]
    )
    if not are_groups or not are_states:
        raise TypeError(
            f"{name}: load_state_dict: expected a list of groups and a dict of states, got "
            f"{shown(groups)} and {shown(states)}; pass what state_dict() returned"
        )


def is_saved_group(group: Any) -> bool:
    """Whether a saved group is a dict with a list of numbers of parameters."""
    return isinstance(group, Mapping) and isinstance(group.get("params"), list | tuple)


def check_group_sizes(name: str, own: Sequence[Any], saved: Sequence[Any]) -> None:
    """Raise ValueError if the saved groups have other numbers of parameters."""
    own_sizes = [len(group["params"]) for group in own]
    saved_sizes = [len(group["params"]) for group in saved]
    if own_sizes != saved_sizes:
        raise ValueError(
            f"{name}: load_state_dict: expected groups of {own_sizes} parameters, "
            f"got groups of {saved_sizes}"
        )


def check_saved_settings(name: str, defaults: dict[str, Any], saved: dict[str, Any]) -> None:
    """Raise ValueError if a saved group lacks a setting of the method."""
    missing = sorted(defaults.keys() - saved.keys() - LATER_SETTINGS)
    if missing:
        raise ValueError(
            f"{name}: load_state_dict: expected settings {', '.join(defaults)}, "
            f"got none named {', '.join(missing)}; it is the state of another method"
        )


def check_saved_index(name: str, index: Any, count: int) -> None:
    """Raise ValueError if a saved state belongs to no parameter."""
    if not isinstance(index, Integral) or index not in range(count):
        raise ValueError(
            f"{name}: load_state_dict: expected states of parameters 0 to {count - 1}, "
            f"got one of {index!r}"
        )


def check_saved_state(
    name: str, index: int, p: Tensor, state: dict[str, Any], names: Sequence[str]
) -> None:
    """Raise ValueError if the saved state of parameter p has other names or shapes than the
    method's.
    """
    where = f"{name}: load_state_dict: parameter {index}"
    if state.keys() != {"step", *names}:
        expected = ", ".join(["step", *names])
        got = ", ".join(map(str, state)) or "nothing"
        raise ValueError(f"{where}: expected {expected}, got {got}")
    for key, value in state.items():
        expected_shape = () if key == "step" else tuple(p.shape)
        if not isinstance(value, Tensor) and not has_numbers(as_array(value)):
            raise ValueError(f"{where}: {key}: expected numbers, got {shown(value)}")
        shape = tuple(np.shape(value))
        if shape != expected_shape:
            raise ValueError(f"{where}: {key}: expected shape {expected_shape}, got {shape}")
    step = float(as_number(where, "step", state["step"]))
    if step < 0 or not step.is_integer():
        raise ValueError(f"{where}: step: expected a count of steps, got {step:g}")
    for key in state.keys() & SUMS_OF_SQUARES:
        if np.any(as_array(state[key]) < 0):
            raise ValueError(f"{where}: {key}: expected sums of squares, got some below 0")
