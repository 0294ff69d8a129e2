"""What all optimizers share: groups of parameters, their state, the step, saving and loading."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from copy import copy, deepcopy
from functools import partial
from typing import Any, ClassVar, NamedTuple

from minigrad import Tensor, as_tensor, enable_grad
from minigrad.array import NAMESPACES, XP, Array
from minigrad.errors import shown
from minigrad.faster import choose, versions_of

from ..arguments import check_function
from ..module import zero_gradients
from . import checks

Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]


class Part(NamedTuple):
    """Parameters of one group on one device that have gradients, and the arrays of both."""

    group: dict[str, Any]
    xp: XP
    params: list[Tensor]
    arrays: list[Array]
    grads: list[Array]


class Optimizer:
    """Parameters in groups, each with its settings; `state` has what is kept for each parameter.

    A subclass names in `state_names` the arrays that it keeps, and says in `update` what one step
    does to one parameter: `update(xp, p, g, *state, t=step, **settings)` returns the next p and the
    next state, and writes to none of them. One that is written for PyTorch, without `update`,
    defines `step`; its settings and its state are up to it.

    params: an iterable of parameters, of pairs as from `named_parameters`, or of groups; a group
    keeps the names as param_names. defaults: the settings of a group that names none.
    """

    state_names: ClassVar[tuple[str, ...]] = ()
    fixed_settings: ClassVar[dict[str, Any]] = {}  # only PyTorch has others
    update: Callable[..., tuple[Any, ...]]
    held: Sequence[Any] = ()  # what the groups held when they were last checked

    def __init__(self, params: Params, defaults: Any):
        if not isinstance(defaults, dict):
            got = shown(defaults)
            raise TypeError(f"Optimizer: defaults: expected a dict of settings, got {got}")
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.is_mid_step = False  # also after a step that a Ctrl-C or an error ended
        for group in checks.as_groups(type(self).__name__, params):
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Also optimize `param_group["params"]`, with the other entries as settings; one that is
        not a setting is kept, and has no effect.

        Raises TypeError or ValueError if a setting or a parameter is not one that the method takes.
        """
        name = type(self).__name__
        checks.check_group_keys(name, param_group, self.defaults, self.fixed_settings)
        params, param_names = checks.params_of(name, param_group["params"])
        given = {key: v for key, v in param_group.items() if key not in checks.ONLY_IN_PYTORCH}
        if param_names:
            given["param_names"] = param_names
        group = {**self.defaults, **given, "params": params}
        checks.check_names(name, self.param_groups, group)
        self.check_group(group)
        self.param_groups.append(group)

    def check_group(self, group: dict[str, Any]) -> None:
        """Make the settings of a group numbers of Python's. Raises TypeError or ValueError if they,
        or the parameters, are wrong.
        """
        name = type(self).__name__
        for key in self.defaults if has_update(self) else ():
            group[key] = checks.as_setting(name, key, group[key])
        checks.check_params(name, group["params"], set(self.parameters()))

    def check_held_settings(self) -> None:
        """Raise TypeError or ValueError if a group has become one that no step can use; what is not
        a plain number of Python's is made one. Nothing is looked at twice.
        """
        if checks.are_the_same(self.held, self.param_groups):
            return
        name = type(self).__name__
        checks.check_held_groups(name, self.param_groups)
        for group in self.param_groups:
            for key in self.defaults:
                if key not in group:
                    raise KeyError(f"{name}: {key}: expected the setting in each group, got none")
                if not checks.is_plain(key, group[key]):
                    group[key] = checks.as_setting(name, key, group[key])
        self.held = [value for group in self.param_groups for value in group.values()]

    def initial_value(self, name: str, group: dict[str, Any]) -> float | None:
        """What the state array `name` is filled with at first; None where it is not needed."""
        return 0.0

    def parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, before the next backward adds to them."""
        for group in self.param_groups:
            zero_gradients(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. Returns the value of `closure`, which
        computes the loss anew.

        All parameters are looked at before one is changed. Raises FloatingPointError if a gradient
        is not finite; on a GPU later, by a step or when a value is read, and the step counts have
        advanced. Raises ValueError if a parameter is read-only, or its gradient has another shape.
        A step that is interrupted by Ctrl-C is half done: `state_dict` then refuses.
        """
        if not has_update(self):
            raise NotImplementedError(
                f"{type(self).__name__} has no step: define `def step(self, closure=None)`"
            )
        self.check_held_settings()
        loss = None
        if closure is not None:
            check_function(f"{type(self).__name__}: step", "closure", closure)
            loss = enable_grad()(closure)()
        parts = [part for group in self.param_groups for part in parts_of(group)]
        for part in parts:
            self.check_part(part)
        self.is_mid_step = True
        for part in parts:
            self.update_params(part)
        self.is_mid_step = False
        return loss

    def check_part(self, part: Part) -> None:
        """Raise if a gradient is not finite, on a GPU later, or a step could not be written."""
        self.check_arrays(part)
        _, xp, params, _, grads = part
        name = type(self).__name__
        check = choose(CHECK_FINITE, check_finite, xp.kind, grads)
        check(xp, grads, name=name, numbers=partial(self.numbers_of, params))

    def check_arrays(self, part: Part) -> None:
        """Raise ValueError if a parameter is read-only, or its gradient is not like it."""
        _, xp, params, arrays, grads = part
        if not checks.are_alike(arrays, grads) or not checks.are_writable(xp, arrays):
            for p in params:
                checks.check_step(type(self).__name__, p, self.numbers_of)

    def numbers_of(self, params: Sequence[Tensor]) -> list[int]:
        """The places of these parameters among all of the optimizer."""
        index_of = {p: i for i, p in enumerate(self.parameters())}
        return [index_of[p] for p in params]

    def update_params(self, part: Part) -> None:
        """One step of parameters on one device, by a faster version of `update` if there is one."""
        group, xp, params, arrays, grads = part
        states = [self.state.setdefault(p, {"step": 0}) for p in params]
        columns = [self.state_arrays(xp, name, arrays, states, group) for name in self.state_names]
        steps = [state["step"] + 1 for state in states]
        for state, step in zip(states, steps):
            state["step"] = step
        settings = {key: group[key] for key in self.defaults}
        versions = versions_of(self.update.__name__)
        update_all = choose(versions, self.update_each, xp.kind, **settings)
        update_all(xp, arrays, grads, *columns, steps=steps, **settings)
        for p in params:
            p.mark_changed()

    def state_arrays(
        self, xp: XP, name: str, params: list[Array], states: list[Any], group: dict[str, Any]
    ) -> list[Any]:
        """For each parameter its array `name`, made where missing; None where it is not needed."""
        start = self.initial_value(name, group)
        if start is None:
            return [None for p in params]
        for p, state in zip(params, states):
            if name not in state:
                state[name] = xp.full_like(p, start)
        return [state[name] for state in states]

    def update_each(
        self,
        xp: XP,
        params: Sequence[Array],
        grads: Sequence[Array],
        *states: Sequence[Array],
        steps: Sequence[int],
        maximize: bool,
        **settings: Any,
    ) -> None:
        """Write into each parameter, and into its state, what the definition `update` gives."""
        for p, g, t, *state in zip(params, grads, steps, *states):
            if maximize:
                g = -g
            values = self.update(xp, p, g, *state, t=t, **settings)
            for array, value in zip((p, *state), values):
                if array is not None:
                    array[...] = value

    def unsupported_settings(self) -> dict[str, Any]:
        """The settings that PyTorch has besides, with the one value that each has here."""
        arguments = inspect.signature(type(self)).parameters
        keys = checks.ONLY_IN_PYTORCH & arguments.keys()
        return {**{key: arguments[key].default for key in keys}, **self.fixed_settings}

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for number, group in enumerate(self.param_groups):
            settings = {**self.unsupported_settings(), **group}
            text += f"\nParameter Group {number}\n"
            for key in sorted(settings.keys() - {"params"}):
                text += f"    {key}: {settings[key]}\n"
        return f"{text})"

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on later; a parameter is named by its number.

        It is a copy, which later steps leave alone. Raises RuntimeError after a step that was ended
        by a Ctrl-C or an error, since some parameters have it and others not.
        """
        if self.is_mid_step:
            raise RuntimeError(
                f"{type(self).__name__}: state_dict: expected a whole step, got one that was ended "
                "half-way; load the last checkpoint, or go on with another step"
            )
        return self.snapshot()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the attributes of a pickled optimizer; a subclass may add to them, as in PyTorch."""
        vars(self).update(state)

    def snapshot(self) -> dict[str, Any]:
        """The state as it is, also in the middle of a step, which it then says: for going back."""
        index_of = {p: i for i, p in enumerate(self.parameters())}
        groups = []
        for group in self.param_groups:
            groups.append({**group, "params": [index_of[p] for p in group["params"]]})
        states = {}
        for p, state in self.state.items():
            states[index_of[p]] = {key: saved_value(value) for key, value in state.items()}
        found = {"state": states, "param_groups": groups}
        return {**found, "is_mid_step": True} if self.is_mid_step else found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken, with parameters of the same shapes.

        Raises ValueError or TypeError, and changes nothing, if it is of another method or over
        other parameters.
        """
        name = type(self).__name__
        checks.check_saved(name, state_dict)
        saved_groups = state_dict["param_groups"]
        checks.check_group_sizes(name, self.param_groups, saved_groups)
        other = copy(self)  # takes everything first, so that a refusal changes nothing
        other.param_groups = []
        other.state = defaultdict(dict)
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            checks.check_saved_settings(name, self.defaults, saved)
            other.add_param_group({**saved, "params": group["params"]})
        for index, state in state_dict["state"].items():
            other.load_state(index, state)
        for group, loaded in zip(self.param_groups, other.param_groups, strict=True):
            group.update(loaded)
        self.state = other.state
        self.is_mid_step = bool(state_dict.get("is_mid_step", False))

    def load_state(self, index: int, saved: dict[str, Any]) -> None:
        """Copy the saved state of parameter `index` to the parameter's device and dtype."""
        owners = [(p, group) for group in self.param_groups for p in group["params"]]
        checks.check_saved_index(type(self).__name__, index, len(owners))
        p, group = owners[index]
        if not has_update(self):
            self.state[p] = {key: loaded_value(value, p) for key, value in saved.items()}
            return
        names = [n for n in self.state_names if n in saved or is_always_kept(self, n, group)]
        checks.check_saved_state(type(self).__name__, index, p, saved, names)
        state = {"step": int(saved["step"])}
        for key in names:
            state[key] = as_tensor(saved[key]).to(p).array.copy()
        self.state[p] = state


def has_update(optimizer: Optimizer) -> bool:
    """Whether the library makes the steps; else the optimizer is a user's, with its own `step`."""
    return hasattr(type(optimizer), "update")


def is_always_kept(optimizer: Optimizer, name: str, group: dict[str, Any]) -> bool:
    """Whether each saved state of a group has the array `name`: not where a setting that needs it,
    momentum say, was changed after the last step.
    """
    all_settings = (group, {**group, **optimizer.defaults})
    return all([optimizer.initial_value(name, settings) is not None for settings in all_settings])


def saved_value(value: Any) -> Any:
    """A copy of what is kept for a parameter, arrays as tensors, also those of a list."""
    if type(value) is list:
        return [saved_value(item) for item in value]
    if isinstance(value, Tensor):
        return value.detach().clone()
    return Tensor(value.copy()) if type(value) in NAMESPACES else deepcopy(value)


def loaded_value(value: Any, p: Tensor) -> Any:
    """A copy of a saved value, floats in the dtype of the parameter and on its device."""
    is_like_p = isinstance(value, Tensor) and value.ndim > 0 and value.dtype.kind == "f"
    return value.detach().to(p).clone() if is_like_p else saved_value(value)


def parts_of(group: dict[str, Any]) -> list[Part]:
    """The parameters of a group that have a gradient, those of each device apart."""
    params = [p for p in group["params"] if p.grad is not None]
    kinds = {type(p.array) for p in params}
    parts = []
    for kind in kinds:
        own = params if len(kinds) == 1 else [p for p in params if type(p.array) is kind]
        arrays = [p.array for p in own]
        grads = [getattr(p.grad, "array", None) for p in own]
        parts.append(Part(group, NAMESPACES[kind], own, arrays, grads))
    return parts


def check_finite(
    xp: XP, grads: Sequence[Array], *, name: str, numbers: Callable[[], list[int]]
) -> None:
    """Raise FloatingPointError if a gradient is not finite.

    name: the optimizer's class. numbers: gives the number of each gradient's parameter.
    """
    for k, g in enumerate(grads):
        finite = xp.isfinite(g)
        if not finite.all():
            count = int((~finite).sum())
            raise FloatingPointError(
                f"{name}: the gradient of parameter {numbers()[k]}, of shape {tuple(g.shape)}, has "
                f"{count} NaN or infinities among its {g.size} numbers. Nothing was changed; "
                "minigrad.detect_anomaly() finds the op that they come from"
            )


CHECK_FINITE = versions_of("check_finite")
