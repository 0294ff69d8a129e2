"""Functional transforms: functions in, functions out, in the manner of torch.func.

Each takes a plain function of Tensors and differentiates it with respect to the arguments `argnums` (one number, or
a tuple of them). Nothing is written to any .grad, and every transform can be applied to the result of another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minigrad import backward, ops
from minigrad.autograd import enable_grad
from minigrad.creation import as_tensor, eye
from minigrad.tensor import Tensor

Function = Callable[..., Any]


def opened(args: Sequence[Any], numbers: Sequence[int]) -> tuple[list[Any], list[Tensor], bool]:
    """The arguments, those to differentiate by under a name of their own; these alone; and whether we are nested.

    An argument that is part of a graph already stays linked to it: some outer transform will differentiate us.
    """
    ready = [as_tensor(a) if i in numbers else a for i, a in enumerate(args)]
    nested = any(getattr(a, "requires_grad", False) for a in ready)
    for i in numbers:
        ready[i] = (
            ops.reshape(ready[i], ready[i].shape)
            if ready[i].requires_grad
            else ready[i].detach().requires_grad_()
        )
    return ready, [ready[i] for i in numbers], nested


def pulled(
    outputs: Sequence[Any], inputs: Sequence[Any], cotangents: Sequence[Any], graph: bool = True
) -> list[Tensor]:
    """uᵀ J for each input; zeros where no path leads, since a function may ignore an argument."""
    pairs = [(y, as_tensor(u)) for y, u in zip(outputs, cotangents, strict=True) if y.requires_grad]
    if not pairs:
        return [ops.zeros_like(t) for t in inputs]
    ys, us = zip(*pairs, strict=True)
    found = backward.grad(ys, inputs, us, retain_graph=True, create_graph=graph, allow_unused=True)
    return [ops.zeros_like(t) if g is None else g for g, t in zip(found, inputs, strict=True)]


def value_and_grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The function x -> (f(x), f'(x)), where f returns a scalar; f' has the shape of its argument.

    >>> import minigrad as mg
    >>> value, slope = value_and_grad(lambda x: (x**2).sum())(mg.tensor([1.0, 3.0]))
    >>> value.item(), slope.tolist()
    (10.0, [2.0, 6.0])
    """

    @enable_grad()
    def transformed(*args: Any) -> tuple[Any, Any]:
        ready, inputs, nested = opened(args, (argnums,) if isinstance(argnums, int) else argnums)
        y = f(*ready)
        if not isinstance(y, Tensor) or y.numel() != 1:
            came = f"shape {tuple(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
            raise ValueError(
                f"grad: wants a function that returns one scalar tensor, and {came} came; use jacobian or vjp"
            )
        found = pulled([y], inputs, [ops.ones_like(y)], nested)
        return y if nested else y.detach(), found[0] if isinstance(argnums, int) else tuple(found)

    return transformed


def grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The function x -> f'(x), where f returns a scalar. `grad(grad(f))` is the second derivative.

    >>> import minigrad as mg
    >>> grad(grad(lambda x: x**3))(mg.tensor(2.0)).item()
    12.0
    """
    return lambda *args: value_and_grad(f, argnums)(*args)[1]


@enable_grad()
def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """f(*primals), and the function u -> uᵀ J: a tuple with one gradient for each primal."""
    ready, inputs, _ = opened(primals, range(len(primals)))
    y = f(*ready)
    outputs = [y] if isinstance(y, Tensor) else list(y)
    return y, lambda *cotangents: tuple(pulled(outputs, inputs, cotangents))


@enable_grad()
def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f(*primals), and J v for the tangents v.

    By two pullbacks: u -> uᵀ J is linear in u, and what pulls v back through it is J v.
    """
    y, pull = vjp(f, *primals)
    cotangents = [ops.zeros_like(t).requires_grad_() for t in ([y] if isinstance(y, Tensor) else y)]
    found = pulled(pull(*cotangents), cotangents, tangents)
    return y, found[0] if isinstance(y, Tensor) else tuple(found)


def jacobian(f: Function, argnums: int = 0) -> Function:
    """The function x -> J, of shape (*y.shape, *x.shape): one pullback for each element of y."""

    @enable_grad()
    def transformed(*args: Any) -> Tensor:
        ready, inputs, nested = opened(args, (argnums,))
        y = f(*ready)
        seeds = eye(y.numel(), dtype=y.dtype, device=y.device)
        rows = [pulled([y], inputs, [u.reshape(y.shape)])[0] for u in seeds]
        J = (ops.stack(rows) if rows else seeds).reshape(*y.shape, *inputs[0].shape)
        return J if nested else J.detach()

    return transformed


def hessian(f: Function, argnums: int = 0) -> Function:
    """The function x -> the second derivatives of a scalar f, of shape (*x.shape, *x.shape).

    >>> import minigrad as mg
    >>> hessian(lambda x: x.prod())(mg.tensor([2.0, 5.0])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(
    f: Function, primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, tuple[Any, ...]]:
    """f(*primals), and H v for a scalar f: uᵀ J of its gradient, which is symmetric (Pearlmutter 1994)."""
    numbers = tuple(range(len(primals)))
    value, pull = vjp(lambda *xs: (f(*xs), *grad(f, numbers)(*xs)), *primals)
    return value[0].detach(), tuple(h.detach() for h in pull(ops.zeros_like(value[0]), *tangents))
