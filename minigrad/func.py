"""Functional transforms: functions in, functions out, in the manner of torch.func.

Each takes a plain function of Tensors and differentiates it with respect to the arguments
`argnums`, one number or a tuple of them. An argument may be a tuple, list or dict of tensors, as
the parameters of a module are, and so may the result. Nothing is written to any .grad. Every
transform can be applied to the result of another, and the result can be differentiated with respect
to whatever it depends on: its arguments, and also what the function captured (the weights of a
network, say, or the variable of a transform around it). Keywords are handed on to the function.

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
from minigrad.errors import check_flag, describe
from minigrad.grad_mode import enable_grad, is_grad_enabled
from minigrad.graph import TensorBase
from minigrad.pytree import leaves_of, mapped, with_leaves
from minigrad.tensor import Tensor
from minigrad.vmap import vmap

__all__ = [
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "value_and_grad",
    "vjp",
    "vmap",
]

Function = Callable[..., Any]


class Call(NamedTuple):
    """One call of a function, ready to be differentiated."""

    name: str  # of the transform
    value: Any  # what the function returned
    aux: Any  # what it returned beside, where it has_aux
    outputs: list[Tensor]  # the tensors of the value
    arguments: list[Any]  # those to differentiate by, each a tensor or a tree of several
    inputs: list[Tensor]  # their tensors
    keep_graph: bool  # whether a gradient of the result is itself differentiable

    def vjp(self, outputs: Sequence[Tensor], cotangents: Sequence[Any]) -> tuple[Any, ...]:
        """uᵀ J for each input, where J is that of some outputs; zeros for one they do not need."""
        us = as_many(self.name, "cotangent", cotangents, "output", outputs)
        create_graph = self.keep_graph or any([u.requires_grad for u in us])
        return backward.grad(
            outputs,
            self.inputs,
            us,
            retain_graph=True,
            create_graph=create_graph,
            materialize_grads=True,
        )

    def in_form(self, gradients: Sequence[Any]) -> tuple[Any, ...]:
        """Gradients by the inputs in the form of the arguments."""
        found = iter(gradients)
        return tuple([with_leaves(argument, found) for argument in self.arguments])

    def result(self) -> Any:
        """What the function returned, without a graph where nobody can differentiate it."""
        return self.value if self.keep_graph else detached(self.value)

    def beside(self) -> Any:
        """What it returned beside, also without a graph then."""
        return self.aux if self.keep_graph else detached(self.aux)


def check_tensors(name: str, value: Any) -> None:
    """Raise ValueError if a result is neither a tensor nor a tree of several."""
    if not all([isinstance(y, Tensor) for y in leaves_of(value)]):
        got = type(value).__name__
        raise ValueError(
            f"{name}: expected a function that returns a tensor, or several, got a {got}"
        )


def check_scalar(name: str, value: Any) -> None:
    """Raise ValueError if a result is not a scalar tensor."""
    if not isinstance(value, Tensor) or value.numel() != 1:
        is_tensor = isinstance(value, Tensor)
        got = f"shape {tuple(value.shape)}" if is_tensor else f"a {type(value).__name__}"
        raise ValueError(
            f"{name}: expected a function that returns one scalar tensor, got {got}; "
            "use jacobian or vjp"
        )


def call(
    name: str,
    f: Function,
    args: Sequence[Any],
    numbers: Sequence[int],
    has_aux: bool = False,
    check_value: Callable[[str, Any], None] = check_tensors,
) -> Call:
    """f(*args), recorded from the arguments `numbers` on."""
    if not callable(f):
        raise TypeError(f"{name}: expected a function, got a {type(f).__name__}")
    check_flag(name, "has_aux", has_aux)
    keep_graph = is_grad_enabled()  # under no_grad a transform returns plain values
    with enable_grad():
        ready = as_leaves(name, args, numbers)
        value = f(*ready)
    aux = None
    if has_aux:
        if not isinstance(value, tuple) or len(value) != 2:
            got = describe(value)
            raise RuntimeError(f"{name}: expected a pair (value, aux) with has_aux=True, got {got}")
        value, aux = value
    check_value(name, value)
    arguments = [ready[i] for i in numbers]
    inputs = leaves_of(arguments)
    outputs = leaves_of(value)
    keep_graph = keep_graph and depends_on_more(outputs, inputs)
    return Call(name, value, aux, outputs, arguments, inputs, keep_graph)


class Primal(Tensor):
    """A leaf made by a transform: the function gets a view of it, so nobody else can know it."""


def leaf_of(x: Tensor) -> Tensor:
    """x as a Primal that requires a gradient, with x's memory."""
    leaf = Primal(x.array)
    leaf.version = x.version
    return leaf.requires_grad_()


def as_leaves(name: str, args: Sequence[Any], numbers: Sequence[int]) -> list[Any]:
    """The arguments, each tensor of those to differentiate by as a new value."""
    ready = list(args)
    for i in numbers:
        if not -len(args) <= i < len(args):
            raise IndexError(f"{name}: expected argnums among the {len(args)} arguments, got {i}")
        leaves = [as_leaf(name, i, value) for value in leaves_of(args[i])]
        if not leaves:
            raise ValueError(f"{name}: expected tensors in argument {i}, got none")
        ready[i] = with_leaves(args[i], iter(leaves))
    return ready


def as_leaf(name: str, i: int, value: Any) -> Tensor:
    """A value of argument i, as a new one to differentiate by.

    One that requires a gradient stays linked to its graph; another gets a leaf of its own.
    """
    x = as_named_tensor(name, f"argument {i}", value)
    if x.dtype.kind not in "fc":
        raise TypeError(f"{name}: expected floats in argument {i}, got {x.dtype}; use .float()")
    if not x.requires_grad:
        x = leaf_of(x)
    leaf: Tensor = ops.reshape(x, x.shape)
    return leaf


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
    """The cotangents or tangents, also of a tree, as tensors.

    Raises ValueError if there is not one for each target, of its shape, RuntimeError if it is
    on another device.
    """
    found = []
    for u in leaves_of(given):
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
    """`value` with its tensors without the graph."""
    return mapped(lambda y: y.detach(), value)


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


def value_and_grad(
    f: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Function:
    """The function x -> (f(x), f'(x)), where f returns a scalar; f' has the form of its argument.

    has_aux: f returns (scalar, anything), and the function ((scalar, anything), f'(x)).

    >>> import minigrad as mg
    >>> value, slope = value_and_grad(lambda x: (x**2).sum())(mg.tensor([1.0, 3.0]))
    >>> value.item(), slope.tolist()
    (10.0, [2.0, 6.0])
    """

    def transformed(*args: Any, **settings: Any) -> tuple[Any, Any]:
        y, gradient = scalar_and_grad("value_and_grad", f, argnums, args, settings, has_aux)
        return (y.result(), y.beside()) if has_aux else y.result(), gradient

    return transformed


def grad(f: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Function:
    """The function x -> f'(x), where f returns a scalar; f' has the form of its argument.

    `grad(grad(f))` is the second derivative. has_aux: f returns (scalar, anything), and the
    function (f'(x), anything).

    >>> import minigrad as mg
    >>> grad(grad(lambda x: x**3))(mg.tensor(2.0)).item()
    12.0
    """

    def transformed(*args: Any, **settings: Any) -> Any:
        y, gradient = scalar_and_grad("grad", f, argnums, args, settings, has_aux)
        return (gradient, y.beside()) if has_aux else gradient

    return transformed


def scalar_and_grad(
    name: str,
    f: Function,
    argnums: Any,
    args: Sequence[Any],
    settings: dict[str, Any],
    has_aux: bool = False,
) -> tuple[Call, Any]:
    """The call f(*args), of a scalar, and its gradient: one, or a tuple where argnums is one."""
    numbers = as_numbers(name, argnums)
    y = call(name, with_settings(f, settings), args, numbers, has_aux, check_scalar)
    gradients = y.in_form(y.vjp(y.outputs, [ops.ones_like(y.value)]))
    return y, gradients if isinstance(argnums, tuple) else gradients[0]


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """f(*primals), and the function u -> uᵀ J: a tuple with one gradient for each primal.

    It takes one u for each output of f, of the output's shape. has_aux: f returns (value,
    anything), and vjp that as a third.
    """
    y = call("vjp", f, primals, range(len(primals)), has_aux)

    def pull(*cotangents: Any) -> tuple[Any, ...]:
        return y.in_form(y.vjp(y.outputs, cotangents))

    return (y.result(), pull, y.beside()) if has_aux else (y.result(), pull)


def jvp(
    f: Function,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """f(*primals), and J v for the tangents v, of the primals' shapes.

    has_aux: f returns (value, anything), and jvp that as a third.
    """
    primals = as_sequence("jvp", "primals", primals)
    tangents = as_sequence("jvp", "tangents", tangents)
    check_flag("jvp", "strict", strict)
    if strict:
        raise NotImplementedError("jvp: strict=True is not supported; what is constant gives 0")
    y = call("jvp", f, primals, range(len(primals)), has_aux)
    product = pushed_forward(y)(*tangents)
    return (y.result(), product, y.beside()) if has_aux else (y.result(), product)


def linearize(f: Function, *primals: Any) -> tuple[Any, Function]:
    """f(*primals), and the function v -> J v, which takes one v for each primal."""
    y = call("linearize", f, primals, range(len(primals)))
    return y.result(), pushed_forward(y)


def pushed_forward(y: Call) -> Function:
    """The function v -> J v of a call.

    By two pullbacks: u -> uᵀ J is linear in u, and what pulls v back through it is J v.
    """
    products = [leaf_of(ops.zeros_like(t)) for t in y.outputs]
    pulled_back = y.vjp(y.outputs, products)

    def push(*tangents: Any) -> Any:
        vs = as_many(y.name, "tangent", tangents, "primal", y.inputs)
        keep_graph = is_grad_enabled() and (y.keep_graph or any([v.requires_grad for v in vs]))
        found = backward.grad(
            pulled_back,
            products,
            vs,
            retain_graph=True,
            create_graph=keep_graph,
            materialize_grads=True,
        )
        return with_leaves(y.value, iter(found))

    return push


def jacobian(f: Function, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Function:
    """The function x -> J, of shape (*y.shape, *x.shape): one pullback for each element of y.

    Of several outputs one J for each, and for several arguments one for each of them: in the form
    of the outputs, in the form of the arguments. has_aux: f returns (value, anything), and the
    function (J, anything).
    """
    return named_jacobian("jacobian", f, argnums, has_aux)


def named_jacobian(
    name: str, f: Function, argnums: int | tuple[int, ...], has_aux: bool = False
) -> Function:
    """jacobian, which says `name` in what it refuses."""

    def transformed(*args: Any, **settings: Any) -> Any:
        numbers = as_numbers(name, argnums)
        y = call(name, with_settings(f, settings), args, numbers, has_aux)
        found = []
        for output in y.outputs:
            J = y.in_form(jacobians_of(y, output))
            found.append(J if isinstance(argnums, tuple) else J[0])
        J = with_leaves(y.value, iter(found))
        return (J, y.beside()) if has_aux else J

    return transformed


def jacobians_of(y: Call, output: Tensor) -> list[Tensor]:
    """The derivatives of one output by each input."""
    units = eye(output.numel(), dtype=output.dtype, device=output.device)
    rows = [y.vjp([output], [u.reshape(output.shape)]) for u in units]
    nothing = output if y.keep_graph else output.detach()  # the J of an output without elements
    found = []
    for k, x in enumerate(y.inputs):
        J = ops.stack([row[k] for row in rows]) if rows else nothing
        found.append(ops.reshape(J, (*output.shape, *x.shape)))
    return found


def hessian(f: Function, argnums: int | tuple[int, ...] = 0) -> Function:
    """The function x -> the second derivatives of a scalar f, of shape (*x.shape, *x.shape).

    >>> import minigrad as mg
    >>> hessian(lambda x: x.prod())(mg.tensor([2.0, 5.0])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    def gradient(*args: Any, **settings: Any) -> Any:
        return scalar_and_grad("hessian", f, argnums, args, settings)[1]

    return named_jacobian("hessian", gradient, argnums)


def hvp(
    f: Function, primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, tuple[Any, ...]]:
    """f(*primals), and H v for a scalar f, one for each primal (Pearlmutter 1994).

    It is uᵀ J of f's gradient, whose J is the symmetric H.
    """
    primals = as_sequence("hvp", "primals", primals)
    tangents = as_sequence("hvp", "tangents", tangents)
    numbers = tuple(range(len(primals)))
    inputs = [as_named_tensor("hvp", "primal", x) for x in leaves_of(primals)]
    vs = as_many("hvp", "tangent", tangents, "primal", inputs)

    def value_and_gradients(*xs: Any) -> tuple[Any, Any]:
        y, gradients = scalar_and_grad("hvp", f, numbers, xs, {})
        return y.result(), gradients

    (value, _), pull = vjp(value_and_gradients, *primals)
    return value, pull(ops.zeros_like(value), *vs)
