"""Functional transforms: functions in, functions out, in the manner of torch.func.

Each takes a plain function of Tensors and differentiates it with respect to the arguments `argnums` (one number, or
a tuple of them). Nothing is written to any .grad, and every transform can be applied to its own result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad import backward, ops
from minigrad.autograd import enable_grad, mode
from minigrad.creation import as_tensor, eye
from minigrad.tensor import Tensor

Numbers = int | tuple[int, ...]
Function = Callable[..., Any]


def opened(args: tuple[Any, ...], numbers: tuple[int, ...]) -> tuple[list[Any], list[Tensor]]:
    """The arguments, those to differentiate by under a name of their own; and these alone.

    An argument that is already part of a graph stays linked to it, so that transforms nest.
    """
    ready: list[Any] = list(args)
    for i in numbers:
        x = as_tensor(args[i])
        ready[i] = ops.reshape(x, x.shape) if x.requires_grad else x.detach().requires_grad_()
    return ready, [ready[i] for i in numbers]


def value_and_grad(f: Function, argnums: Numbers = 0) -> Function:
    """The function x -> (f(x), f'(x)), where f returns a scalar; f' has the shape of its argument.

    >>> import minigrad as mg
    >>> value, slope = value_and_grad(lambda x: (x**2).sum())(mg.tensor([1.0, 3.0]))
    >>> value.item(), slope.tolist()
    (10.0, [2.0, 6.0])
    """
    numbers = (argnums,) if isinstance(argnums, int) else argnums

    def transformed(*args: Any) -> tuple[Any, Any]:
        nested = mode.recording and any(getattr(a, "requires_grad", False) for a in args)
        with enable_grad():
            ready, inputs = opened(args, numbers)
            y = f(*ready)
            if not isinstance(y, Tensor) or y.numel() != 1:
                raise ValueError(
                    f"grad: the function must return one scalar Tensor, and {describe(y)} came; use jacobian or vjp"
                )
            found = gradients([y], inputs, None, nested)
        return y if nested else y.detach(), found[0] if isinstance(argnums, int) else tuple(found)

    return transformed


def grad(f: Function, argnums: Numbers = 0) -> Function:
    """The function x -> f'(x), where f returns a scalar. `grad(grad(f))` is the second derivative.

    >>> import minigrad as mg
    >>> grad(grad(lambda x: x**3))(mg.tensor(2.0)).item()
    12.0
    """
    return lambda *args: value_and_grad(f, argnums)(*args)[1]


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """f(*primals), and the function u -> uᵀ J, a tuple with one gradient for each primal."""
    with enable_grad():
        ready, inputs = opened(primals, tuple(range(len(primals))))
        y = f(*ready)
    outputs = [y] if isinstance(y, Tensor) else list(y)

    def pull(*cotangents: Any) -> tuple[Any, ...]:
        return tuple(gradients(outputs, inputs, [as_tensor(u) for u in cotangents], True))

    return y, pull


def jvp(f: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """f(*primals), and J v for the tangents v.

    By two pullbacks: uᵀ J is linear in u, so pulling v back through it gives J v (Townsend 2017).
    """
    y, pull = vjp(f, *primals)
    outputs = [y] if isinstance(y, Tensor) else list(y)
    with enable_grad():
        cotangents = [ops.zeros_like(t).requires_grad_() for t in outputs]
        back = pull(*cotangents)
        pairs = [(g, as_tensor(v)) for g, v in zip(back, tangents, strict=True) if g.requires_grad]
        found = gradients([g for g, _ in pairs], cotangents, [v for _, v in pairs], True)
    return y, found[0] if isinstance(y, Tensor) else tuple(found)


def jacobian(f: Function, argnums: int = 0) -> Function:
    """The function x -> J, of shape (*y.shape, *x.shape): one pullback for each element of y."""

    def transformed(*args: Any) -> Tensor:
        with enable_grad():
            ready, inputs = opened(args, (argnums,))
            y = f(*ready)
            rows = eye(y.numel(), dtype=y.dtype, device=y.device).unbind()
            found = [gradients([y], inputs, [u.reshape(y.shape)], True)[0] for u in rows]
            if not found:
                return ops.zeros_like(inputs[0]).expand(0, *inputs[0].shape).reshape(*y.shape, *inputs[0].shape)
            J = ops.stack(found).reshape(*y.shape, *inputs[0].shape)
        return J if getattr(args[argnums], "requires_grad", False) else J.detach()

    return transformed


def hessian(f: Function, argnums: int = 0) -> Function:
    """The function x -> the matrix of second derivatives of a scalar f, of shape (*x.shape, *x.shape).

    >>> import minigrad as mg
    >>> hessian(lambda x: x.prod())(mg.tensor([2.0, 5.0])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """f(*primals), and H v for a scalar f: the gradient of <f', v>, without the matrix (Pearlmutter 1994)."""
    with enable_grad():
        ready, inputs = opened(primals, tuple(range(len(primals))))
        y = f(*ready)
        slopes = gradients([y], inputs, None, True)
        pairs = [(g, as_tensor(v)) for g, v in zip(slopes, tangents, strict=True) if g.requires_grad]
        found = gradients([g for g, _ in pairs], inputs, [v for _, v in pairs], True) if pairs else slopes
    return y.detach(), tuple(h.detach() for h in found)


def gradients(outputs: list[Any], inputs: list[Tensor], cotangents: Any, graph: bool) -> list[Tensor]:
    """As minigrad.grad; zeros where no path leads, since f may ignore an argument."""
    linked = [i for i, y in enumerate(outputs) if y.requires_grad]
    if not linked:
        return [ops.zeros_like(t) for t in inputs]
    seeds = None if cotangents is None else [cotangents[i] for i in linked]
    found = backward.grad(
        [outputs[i] for i in linked], inputs, seeds, retain_graph=True, create_graph=graph, allow_unused=True
    )
    return [ops.zeros_like(t) if g is None else g for g, t in zip(found, inputs, strict=True)]


def describe(y: Any) -> str:
    return f"a tensor of shape {tuple(y.shape)}" if isinstance(y, Tensor) else f"a {type(y).__name__}"
