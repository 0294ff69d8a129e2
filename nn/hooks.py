"""Hooks of a module: functions that are called before and after its forward, and on the way back.

Hooks on the way back are called by two ops that compute nothing, `passed`: the inputs go through
one on their way into the module, the outputs through the other on their way out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minigrad import Tensor, zeros_like
from minigrad.autograd import differentiable
from minigrad.grad_mode import mode
from minigrad.graph import tensor_of
from minigrad.hooks import RemovableHandle

if TYPE_CHECKING:
    from .module import Module

Gradients = tuple[Any, ...]


class ModuleHooks:
    """The hooks of one module, of each kind in the order in which they are called."""

    def __init__(self, module: Module):
        self.module = module
        self.hooks: dict[str, dict[int, Any]] = {"before": {}, "after": {}, "backward": {}}

    def register(
        self, kind: str, hook: Callable[..., Any], prepend: bool, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Add a hook of one kind, by default after the others."""
        handle = RemovableHandle(self.hooks[kind], hook, first=prepend)
        if with_kwargs:
            self.hooks[kind][handle.id] = WithKeywords(hook)
        return handle

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The module's forward among its hooks."""
        for hook in list(self.hooks["before"].values()):
            args, kwargs = self.changed_arguments(hook, args, kwargs)
        backward = None
        if self.hooks["backward"] and mode.grad_enabled:
            backward = BackwardHooks(self.module, list(self.hooks["backward"].values()))
            args = backward.enter(args)
        output = self.module.forward(*args, **kwargs)
        for hook in list(self.hooks["after"].values()):
            if isinstance(hook, WithKeywords):
                found = hook.hook(self.module, args, kwargs, output)
            else:
                found = hook(self.module, args, output)
            output = output if found is None else found
        return output if backward is None else backward.leave(output)

    def changed_arguments(
        self, hook: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as a hook returns them."""
        if isinstance(hook, WithKeywords):
            found = hook.hook(self.module, args, kwargs)
            return (args, kwargs) if found is None else found
        found = hook(self.module, args)
        if found is None:
            return args, kwargs
        return found if isinstance(found, tuple) else (found,), kwargs


class WithKeywords:
    """A hook that wants the keywords of the call, too."""

    def __init__(self, hook: Callable[..., Any]):
        self.hook = hook


class BackwardHooks:
    """One call of a module that has hooks on the way back."""

    def __init__(self, module: Module, hooks: list[Callable[..., Any]]):
        self.module = module
        self.hooks = hooks
        self.inputs: tuple[Any, ...] = ()
        self.grad_output: Gradients = ()

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs, passed through an op that calls the hooks on the way back."""
        self.inputs = args
        return passed_tensors(args, self.on_inputs)

    def leave(self, output: Any) -> Any:
        """The output, passed through an op that keeps its gradient on the way back; without such a
        gradient no hook is called.
        """
        if not isinstance(output, Tensor | tuple):
            self.hooks = []
            warnings.warn(
                f"{type(self.module).__name__}: its backward hooks are not called, which need an "
                f"output that is a tensor or a tuple, not a {type(output).__name__}",
                stacklevel=4,
            )
            return output
        if isinstance(output, tuple):
            return passed_tensors(output, self.on_outputs)
        return passed_tensors((output,), self.on_outputs)[0]

    def on_outputs(self, grads: Gradients) -> Gradients:
        """Keep the gradients of the outputs; where no input has one, this is the time to call."""
        self.grad_output = grads
        if not any([isinstance(x, Tensor) and x.requires_grad for x in self.inputs]):
            for hook in self.hooks:
                hook(self.module, (None,) * len(self.inputs), grads)
        return grads

    def on_inputs(self, grads: Gradients) -> Gradients:
        """Call the hooks, each with what the one before it returned; what is unused has zeros."""
        pairs = zip(grads, self.inputs, strict=True)
        grads = tuple([zeros_for(x) if g is None else g for g, x in pairs])
        for hook in self.hooks:
            found = hook(self.module, grads, self.grad_output)
            if found is not None:
                grads = found if isinstance(found, tuple) else (found,)
        return grads


def passed_tensors(
    values: tuple[Any, ...], on_gradients: Callable[[Gradients], Gradients]
) -> tuple[Any, ...]:
    """The values; those that require a gradient have on_gradients on their way back."""
    places = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]
    if not places:
        return values

    def passed(xp, *arrays):  # type: ignore[no-untyped-def]
        """Each value itself,    each gradient as on_gradients returns it."""

        def pullback(gs, needs):  # type: ignore[no-untyped-def]
            seen: list[Any] = [None] * len(values)
            for place, g in zip(places, gs):
                seen[place] = as_tensor(g)
            found = on_gradients(tuple(seen))
            grads = [found[place] for place in places]
            return [g.array if is_raw(g, gs) else g for g in grads]

        return tuple([xp.reshape(a, a.shape) for a in arrays]), pullback

    outputs = list(values)
    for place, output in zip(places, differentiable(passed)(*[values[i] for i in places])):
        outputs[place] = output
    return tuple(outputs)


def as_tensor(g: Any) -> Tensor | None:
    """A gradient as a tensor; an array is copied, since hooks may keep it. None stays None."""
    return g if g is None or isinstance(g, Tensor) else tensor_of(g.copy())


def zeros_for(x: Any) -> Tensor | None:
    """The gradient of an input that nothing used; None where it has none."""
    return zeros_like(x) if isinstance(x, Tensor) and x.requires_grad else None


def is_raw(g: Any, gs: list[Any]) -> bool:
    """Whether a gradient is to be handed on as an array, as those that arrived are."""
    return isinstance(g, Tensor) and not any([isinstance(arrived, Tensor) for arrived in gs])


def refuse_always_call(name: str, always_call: bool) -> None:
    """Raise NotImplementedError for always_call=True."""
    if always_call:
        raise NotImplementedError(
            f"{name}: always_call=True is not supported; catch the error where the module is called"
        )
