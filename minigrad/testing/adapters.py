"""Functions of other libraries as ops, so that the laws run on them.

An adapter makes a rule: a value by the other function, and a pullback by its own derivative. Its
gradients are held to more than a rule's, since no engine sums, casts or copies them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.autograd import differentiable
from minigrad.testing import checks
from minigrad.testing.samples import is_float, name_of

Function = Callable[..., Any]


def foreign_op(rule: Any, name: str, like: Any = None, gradient: Any = None) -> Any:
    """An op of minigrad's from a rule around a foreign function; it is registered nowhere.

    like: the function whose signature names the arrays. gradient: from the number of arrays to
    another foreign op, (*arrays, *cotangents) -> the gradients, for the second order; None where
    there is none.
    """
    rule.__name__ = name
    rule.__signature__ = rule_signature(like)
    made = differentiable(rule)
    vars(made).update(foreign=True, gradient=gradient)
    return made


def rule_signature(function: Any) -> inspect.Signature:
    """(xp, *arrays) with the names of a function's own arguments where they are known."""
    one = inspect.Parameter.POSITIONAL_OR_KEYWORD
    xp = inspect.Parameter("xp", one)
    several = inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)
    try:
        parameters = [] if function is None else [*inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        return inspect.Signature([xp, several])
    named = [p for p in parameters if p.kind is one and p.default is p.empty]
    if not named or len(named) != len(parameters):
        return inspect.Signature([xp, several])
    return inspect.Signature([xp, *[p.replace(annotation=p.empty) for p in named]])


def check_adapted(adapter: str, function: Any, name: Any) -> None:
    """Raise TypeError if an adapter is given no function, or a name that is not a str."""
    checks.check_function(adapter, "function", function)
    checks.check_word(adapter, "name", name)


def result(value: Any) -> Any:
    """A result as an array, several as a tuple of arrays."""
    if isinstance(value, (tuple, list)):
        return tuple([np.asarray(y) for y in value])
    return np.asarray(value)


def with_zeros(gs: Any, values: Any) -> tuple[Any, ...]:
    """The cotangents, with zeros for a value that was not used."""
    pairs = zip(gs, values, strict=True)
    return tuple([np.zeros_like(y) if g is None else g for g, y in pairs])


def from_vjp(function: Function, vjp: Function | None = None, name: str = "") -> Any:
    """A plain function of NumPy arrays with its vector-Jacobian product, as an op.

    function: (*arrays) -> a value or a tuple of them. vjp: (g, *arrays) -> a gradient for each
    array, in a tuple unless there is one array; g is a tuple where there are several values. None
    is for an array without a gradient. Without `vjp`, `function` returns (value, pullback),
    where pullback takes g alone.

    >>> import minigrad as mg
    >>> square = from_vjp(lambda x: x * x, lambda g, x: 2 * x * g, name="square")
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> mg.grad(square(x).sum(), x)[0].tolist()
    [2.0, 4.0]
    """

    check_adapted("from_vjp", function, name)
    if vjp is not None:
        checks.check_function("from_vjp", "vjp", vjp)

    def rule(_: Any, *arrays: Any) -> Any:
        if vjp is None:
            value, pull = function(*arrays)
        else:
            value = function(*arrays)

            def pull(g: Any) -> Any:
                return vjp(g, *arrays)

        def pullback(gs: Any, needs: Any) -> list[Any]:
            g = with_zeros(gs, value) if isinstance(value, (tuple, list)) else gs[0]
            found = pull(g)
            if not isinstance(found, (tuple, list)):
                found = (found,)
            if len(found) != len(arrays):
                raise ValueError(
                    f"{rule.__name__}: expected a gradient for each of {len(arrays)} arrays, "
                    f"got {len(found)}; return None for one that has none"
                )
            return [None if h is None else np.asarray(h) for h in found]

        return result(value), pullback

    return foreign_op(rule, name or name_of(function), function)


def from_torch(function: Any, name: str = "") -> Any:
    """A torch.autograd.Function, or any function of PyTorch's tensors, as an op.

    Needs PyTorch. The second order goes through PyTorch's own graph of the gradient.
    """
    check_adapted("from_torch", getattr(function, "apply", function), name)
    import torch

    is_class = isinstance(function, type) and issubclass(function, torch.autograd.Function)
    call = function.apply if is_class else function

    def gradient(count: int) -> Any:
        """(*arrays, *cotangents) -> the gradients by PyTorch, with a graph; of `count` arrays."""

        def slopes(*args: Any) -> Any:
            value = call(*args[:count])
            inputs = [a for a in args[:count] if isinstance(a, torch.Tensor) and a.requires_grad]
            found = torch.autograd.grad(
                value, inputs, args[count:], create_graph=True, materialize_grads=True
            )
            return tuple(found)

        return torch_op(torch, slopes, f"the gradient of {called}", None)

    called = name or name_of(function)
    like = None if is_class else function  # forward's first argument is the context
    return torch_op(torch, call, called, gradient, like)


def torch_op(torch: Any, call: Any, name: str, gradient: Any, like: Any = None) -> Any:
    """An op of a function of PyTorch's tensors."""

    def rule(_: Any, *arrays: Any) -> Any:
        tensors = []
        for a in arrays:
            if isinstance(a, np.ndarray):
                a = torch.from_numpy(np.array(a, order="C")).requires_grad_(is_float(a))
            tensors.append(a)
        value = call(*tensors)
        values = list(value) if isinstance(value, (tuple, list)) else [value]

        def pullback(gs: Any, needs: Any) -> list[Any]:
            inputs = [t for t, need in zip(tensors, needs, strict=True) if need]
            pairs = [(y, g) for y, g in zip(values, gs, strict=True) if g is not None]
            used = [(y, g) for y, g in pairs if y.requires_grad]
            outputs = [y for y, _ in used]
            cotangents = [torch.from_numpy(np.array(g)) for _, g in used]
            found = iter(
                torch.autograd.grad(
                    outputs, inputs, cotangents, retain_graph=True, materialize_grads=True
                )
            )
            return [next(found).detach().numpy().copy() if need else None for need in needs]

        held = [y.detach().numpy().copy() for y in values]
        return (tuple(held) if isinstance(value, (tuple, list)) else held[0]), pullback

    return foreign_op(rule, name, like, gradient)


def from_autograd(function: Any, name: str = "") -> Any:
    """A primitive of HIPS autograd, or a function composed from them, of one value, as an op.

    Needs the package `autograd`. The second order goes through its own nested gradients.
    """
    check_adapted("from_autograd", function, name)
    from autograd.core import make_vjp
    from autograd.wrap_util import unary_to_nary

    vjp_of = unary_to_nary(make_vjp)  # (function, number of the argument)(*args) -> pullback, value

    def slopes(*args: Any) -> Any:
        """The gradients by every array of floats, joined in one flat array."""
        import autograd.numpy as anp

        arrays, cotangent = args[:-1], args[-1]
        parts = []
        for place, a in enumerate(arrays):
            if getattr(a, "dtype", None) is not None and a.dtype.kind == "f":
                pull, _ = vjp_of(function, place)(*arrays)
                parts.append(anp.reshape(pull(cotangent), (-1,)))
        return anp.concatenate(parts)

    def gradient(count: int) -> Any:
        return autograd_op(vjp_of, slopes, f"the gradient of {called}", None)

    called = name or name_of(function)
    return autograd_op(vjp_of, function, called, gradient, function)


def autograd_op(vjp_of: Any, function: Any, name: str, gradient: Any, like: Any = None) -> Any:
    """An op of a function of HIPS autograd."""

    def rule(_: Any, *arrays: Any) -> Any:
        value = function(*arrays)

        def pullback(gs: Any, needs: Any) -> list[Any]:
            found: list[Any] = []
            for place, need in enumerate(needs):
                if need:
                    pull, _ = vjp_of(function, place)(*arrays)
                    found.append(np.asarray(pull(gs[0])))
                else:
                    found.append(None)
            return found

        return result(value), pullback

    return foreign_op(rule, name, like, gradient)
