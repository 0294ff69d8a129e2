"""Functional transforms: functions in, functions out, in the manner of torch.func.

Each takes a plain function of Tensors and differentiates it with respect to the arguments
`argnums`, one number or a tuple of them. Nothing is written to any .grad. Every transform can be
applied to the result of another, and the result can be differentiated with respect to whatever it
depends on: its arguments, and also what the function captured (the weights of a network, say, or
the variable of a transform around it). Keywords are handed on to the function.

Raises TypeError if the function or an argument is not of the kind that is wanted, IndexError if
there is no argument of that number, ValueError if the function's result does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from minigrad import backward, ops
from minigrad.arguments import check_one_device
from minigrad.creation import as_tensor, eye
from minigrad.grad_mode import enable_grad, is_grad_enabled
from minigrad.graph import TensorBase
from minigrad.tensor import Tensor
from minigrad.vmap import vmap

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp", "vmap"]

Function = Callable[..., Any]


class Call(NamedTuple):
    """One call of a function, ready to be differentiated."""

    name: str  # of the transform
    value: Any  # what the function returned
    outputs: list[Tensor]  # the same, as a list
    inputs: list[Tensor]  # the arguments to differentiate by
    keep_graph: bool  # whether a gradient of the result is itself differentiable

    def vjp(self, cotangents: Sequence[Any]) -> tuple[Any, ...]:
        """uᵀ J for each input; zeros where the outputs do not depend on it."""
        us = as_many(self.name, "cotangent", cotangents, "output", self.outputs)
        create_graph = self.keep_graph or any([u.requires_grad for u in us])
        return backward.grad(
            self.outputs,
            self.inputs,
            us,
            retain_graph=True,
            create_graph=create_graph,
            materialize_grads=True,
        )

    def result(self) -> Any:
        """What the function returned, without a graph where nobody can differentiate it."""
        return self.value if self.keep_graph else detached(self.value)


def call(name: str, f: Function, args: Sequence[Any], numbers: Sequence[int]) -> Call:
    """f(*args), recorded from the arguments `numbers` on."""
    if not callable(f):
        raise TypeError(f"{name}: expected a function, got a {type(f).__name__}")
    keep_graph = is_grad_enabled()  # under no_grad a transform returns plain values
    with enable_grad():
        ready = as_leaves(name, args, numbers)
        value = f(*ready)
    inputs = [ready[i] for i in numbers]
    outputs = [value] if isinstance(value, Tensor) else value
    if not isinstance(outputs, (list, tuple)) or not all([isinstance(y, Tensor) for y in outputs]):
        got = type(value).__name__
        raise ValueError(
            f"{name}: expected a function that returns a tensor, or several, got a {got}"
        )
    keep_graph = keep_graph and depends_on_more(outputs, inputs)
    return Call(name, value, list(outputs), inputs, keep_graph)


class Primal(Tensor):
    """A leaf made by a transform: the function gets a view of it, so it has no other reference."""


def leaf_of(x: Tensor) -> Tensor:
    """x as a Primal that requires a gradient, with x's memory."""
    leaf = Primal(x.array)
    leaf.version = x.version
    return leaf.requires_grad_()


def as_leaves(name: str, args: Sequence[Any], numbers: Sequence[int]) -> list[Any]:
    """The arguments, those to differentiate by each as a new value.

    One that requires a gradient stays linked to its graph; another gets a leaf of its own.
    """
    ready = list(args)
    for i in numbers:
        if not -len(args) <= i < len(args):
            raise IndexError(f"{name}: expected argnums among the {len(args)} arguments, got {i}")
        x = as_named_tensor(name, f"argument {i}", args[i])
        if x.dtype.kind not in "fc":
            raise TypeError(f"{name}: expected floats in argument {i}, got {x.dtype}; use .float()")
        if not x.requires_grad:
            x = leaf_of(x)
        ready[i] = ops.reshape(x, x.shape)
    return ready


def depends_on_more(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> bool:
    """Whether anything but the arguments that requires a gradient is behind the outputs.

    Only what was recorded since the inputs is looked at: what is older came from outside. A Primal
    that is met there belongs to this transform, or to one inside the function.
    """
    oldest = min([t.node.birth for t in inputs if t.node], default=0)

    def is_from_outside(t: Any) -> bool:
        if not isinstance(t, TensorBase) or not t.requires_grad or isinstance(t, Primal):
            return False
        return t.node is None or t.node.birth < oldest

    reached: list[Any] = list(outputs)
    for node in backward.nodes_youngest_first(outputs, oldest):
        reached += node.args
    return any(map(is_from_outside, reached))


def as_many(name: str, word: str, given: Any, of: str, targets: Sequence[Tensor]) -> list[Tensor]:
    """The cotangents or tangents as tensors.

    Raises ValueError if there is not one for each target, of its shape, RuntimeError if it is on
    another device.
    """
    found = []
    for u in as_sequence(name, f"{word}s", given):
        found.append(as_named_tensor(name, word, u))
    if len(found) != len(targets):
        raise ValueError(
            f"{name}: expected one {word} for each {of}, got {len(found)} for {len(targets)}"
        )
    for u, target in zip(found, targets, strict=True):
        if u.shape != target.shape:
            raise ValueError(
                f"{name}: expected a {word} of the {of}'s shape {tuple(target.shape)}, "
                f"got {tuple(u.shape)}"
            )
        check_one_device(name, u, target)
    return found


def as_sequence(name: str, word: str, given: Any) -> Sequence[Any]:
    """Several arguments. Raises TypeError if they are not a tuple or a list."""
    if not isinstance(given, (tuple, list)):
        raise TypeError(
            f"{name}: expected {word} to be a tuple, got a {type(given).__name__}; "
            "one alone is (x,)"
        )
    return given


def as_named_tensor(name: str, word: str, value: Any) -> Tensor:
    """A value as a tensor; what is refused says whose and which it is."""
    try:
        return as_tensor(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {word}: {error}") from None


def detached(value: Any) -> Any:
    """A Tensor, or a list or tuple of several, without the graph."""
    if isinstance(value, Tensor):
        return value.detach()
    plain = [y.detach() for y in value]
    return plain if isinstance(value, list) else tuple(plain)


def as_numbers(name: str, argnums: Any) -> tuple[int, ...]:
    """`argnums` as a tuple."""
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if not all([type(i) is int for i in numbers]):
        raise TypeError(
            f"{name}: expected argnums to be an integer or a tuple of several, got {argnums!r:.60}"
        )
    return numbers


def with_settings(f: Function, settings: dict[str, Any]) -> Function:
    """f with these keywords, which it is not differentiated by."""
    return partial(f, **settings) if settings and callable(f) else f


def value_and_grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The function x -> (f(x), f'(x)), where f returns a scalar; f' has the shape of its argument.

    >>> import minigrad as mg
    >>> value, slope = value_and_grad(lambda x: (x**2).sum())(mg.tensor([1.0, 3.0]))
    >>> value.item(), slope.tolist()
    (10.0, [2.0, 6.0])
    """

    def transformed(*args: Any, **settings: Any) -> tuple[Any, Any]:
        return scalar_and_grad("value_and_grad", with_settings(f, settings), argnums, args)

    return transformed


def grad(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The function x -> f'(x), where f returns a scalar; f' has the shape of its argument.

    `grad(grad(f))` is the second derivative.

    >>> import minigrad as mg
    >>> grad(grad(lambda x: x**3))(mg.tensor(2.0)).item()
    12.0
    """

    def transformed(*args: Any, **settings: Any) -> Any:
        return scalar_and_grad("grad", with_settings(f, settings), argnums, args)[1]

    return transformed


def scalar_and_grad(name: str, f: Function, argnums: Any, args: Sequence[Any]) -> tuple[Any, Any]:
    """f(*args), a scalar, and its gradient: one, or a tuple where argnums is one."""
    numbers = as_numbers(name, argnums)
    y = call(name, checked_scalar(name, f), args, numbers)
    gradients = y.vjp([ops.ones_like(y.value)])
    return y.result(), gradients if isinstance(argnums, tuple) else gradients[0]


def checked_scalar(name: str, f: Function) -> Function:
    """f, which raises ValueError if its result is not a scalar tensor."""

    def scalar(*args: Any) -> Tensor:
        y = f(*args)
        if not isinstance(y, Tensor) or y.numel() != 1:
            got = f"shape {tuple(y.shape)}" if isinstance(y, Tensor) else f"a {type(y).__name__}"
            raise ValueError(
                f"{name}: expected a function that returns one scalar tensor, got {got}; "
                "use jacobian or vjp"
            )
        return y

    return scalar if callable(f) else f


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """f(*primals), and the function u -> uᵀ J: a tuple with one gradient for each primal.

    It takes one u for each output of f, of the output's shape.
    """
    y = call("vjp", f, primals, range(len(primals)))
    return y.result(), lambda *cotangents: y.vjp(cotangents)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f(*primals), and J v for the tangents v, of the primals' shapes.

    Computed by two pullbacks: u -> uᵀ J is linear in u, and pulling v back through it gives J v.
    """
    primals = as_sequence("jvp", "primals", primals)
    y = call("jvp", f, primals, range(len(primals)))
    products = [leaf_of(ops.zeros_like(t)) for t in y.outputs]
    pulled_back = y.vjp(products)
    vs = as_many("jvp", "tangent", tangents, "primal", y.inputs)
    keep_graph = is_grad_enabled() and (y.keep_graph or any([v.requires_grad for v in vs]))
    found = backward.grad(
        pulled_back, products, vs, create_graph=keep_graph, materialize_grads=True
    )
    return y.result(), found[0] if isinstance(y.value, Tensor) else found


def jacobian(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The function x -> J, of shape (*y.shape, *x.shape): one pullback for each element of y.

    For a tuple of argnums a tuple with one J for each.
    """
    return named_jacobian("jacobian", f, argnums)


def named_jacobian(name: str, f: Function, argnums: int | tuple[int, ...]) -> Function:
    """jacobian, which says `name` in what it refuses."""

    def transformed(*args: Any, **settings: Any) -> Any:
        y = call(name, with_settings(f, settings), args, as_numbers(name, argnums))
        if not isinstance(y.value, Tensor):
            raise ValueError(
                f"{name}: expected a function that returns one tensor, got a "
                f"{type(y.value).__name__}; take them one by one"
            )
        units = eye(y.value.numel(), dtype=y.value.dtype, device=y.value.device)
        rows = [y.vjp([u.reshape(y.value.shape)]) for u in units]
        found = []
        for k, x in enumerate(y.inputs):
            J = ops.stack([row[k] for row in rows]) if rows else y.result()  # of nothing
            found.append(ops.reshape(J, (*y.value.shape, *x.shape)))
        return tuple(found) if isinstance(argnums, tuple) else found[0]

    return transformed


def hessian(f: Function, argnums: int = 0) -> Function:
    """The function x -> the second derivatives of a scalar f, of shape (*x.shape, *x.shape).

    >>> import minigrad as mg
    >>> hessian(lambda x: x.prod())(mg.tensor([2.0, 5.0])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    def gradient(*args: Any, **settings: Any) -> Any:
        return scalar_and_grad("hessian", with_settings(f, settings), argnums, args)[1]

    return named_jacobian("hessian", gradient, argnums)


def hvp(
    f: Function, primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, tuple[Any, ...]]:
    """f(*primals), and H v for a scalar f, one for each primal (Pearlmutter 1994).

    It is uᵀ J of f's gradient, whose J is the symmetric H.
    """
    primals = as_sequence("hvp", "primals", primals)
    numbers = tuple(range(len(primals)))
    inputs = [as_named_tensor("hvp", "primal", x) for x in primals]
    tangents = as_many("hvp", "tangent", tangents, "primal", inputs)

    def value_and_gradients(*xs: Any) -> tuple[Any, ...]:
        value, gradients = scalar_and_grad("hvp", f, numbers, xs)
        return value, *gradients

    values, pull = vjp(value_and_gradients, *primals)
    return values[0], pull(ops.zeros_like(values[0]), *tangents)
