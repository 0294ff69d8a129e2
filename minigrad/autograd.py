"""Recording: what was computed, and how a gradient goes back through it.

A *rule* is a plain function over a namespace `xp`: `(xp, *arrays, **settings) -> value, pullbacks`.

    @op
    def tanh(xp, x):
        y = xp.tanh(x)
        return y, (lambda g: g * (1 - y * y),)

`@op` makes a function of Tensors from it. With xp = NumPy or CuPy the rule computes, and its
pullback maps a gradient of y to a gradient of x, both raw arrays: the first derivative makes no
Tensor. Where the gradient itself is to be differentiated, the rule is replayed with xp =
`tensor_xp`, the same words over Tensors, and the same lines build the graph of the gradient. So
every order of derivative comes from one formula.

The pullbacks have one of two forms:

    (lambda g: ..., None)           one function for each array, None where there is no gradient
    def pullback(gs, needs): ...    one function for all. gs: the gradient of each value, None for a
                                    value that was not used. needs: for each array, whether its
                                    gradient is wanted. It returns one gradient for each array

A pullback whose attribute `gives_new_arrays` is True returns arrays that nothing else refers to:
they need no copy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from minigrad import diagnosis, errors
from minigrad.array import (
    NAMESPACES,
    NUMPY,
    XP,
    Array,
    float32,
    float64,
    get_default_dtype,
)
from minigrad.call import ANY_NUMBER, Parameters, parameters_of, split_arguments
from minigrad.faster import Version, choose, versions_of
from minigrad.grad_mode import mode
from minigrad.graph import Node, Op, TensorBase, changes, tensor_of
from minigrad.promotion import as_result, as_results, in_dtypes_with_dims

RuleResult = tuple[Any, Any]  # what a rule returns: its value (or a tuple of them), its pullbacks

# the errors of a failing rule that are explained
EXPLAINED = (ValueError, IndexError, TypeError, AttributeError, OverflowError, MemoryError)
OPS: dict[str, Op] = {}  # every op by its name: the tests walk it, so that none goes unchecked
NONDIFFERENTIABLE: dict[str, Op] = {}  # words without a derivative: comparisons, zeros ...


@dataclass(frozen=True)
class Traits:
    """The settings of `op`, which says what each means.

    Raises TypeError if `composed` is not a function or a flag is neither True nor False.
    """

    composed: Any = None
    over_time: bool = False
    sets_dtype: bool = False
    of_floats: bool = False
    in_order: bool = False

    def __post_init__(self) -> None:
        if self.composed is not None and not callable(self.composed):
            got = errors.describe(self.composed)
            raise TypeError(f"op: expected a function as composed, got {got:.80}")
        for flag in ("over_time", "sets_dtype", "of_floats", "in_order"):
            errors.check_flag("op", flag, getattr(self, flag))


def op(
    rule: Any = None,
    *,
    composed: Any = None,
    over_time: bool = False,
    sets_dtype: bool = False,
    of_floats: bool = False,
    in_order: bool = False,
) -> Callable[..., Any]:
    """Make a function of Tensors from a rule, and register it under the rule's name, which no other
    function may have.

    Positional parameters of the rule are arrays, keyword-only ones are settings. The op also takes
    settings by position, after the arrays, and NumPy's `axis` and `keepdims` for `dim` and
    `keepdim`.

    composed: the same function written with other ops, for a rule that is differentiated by hand.
    It is what the op means: the engine differentiates it when a graph of the gradient is asked for,
    and the tests compare the two.

    over_time: the rule runs step by step over dimension 0 of its first argument (T,B,·), from the
    last step to the first with the setting `reverse`; its first value, too, has a row for each
    step.

    sets_dtype: whether the rule itself decides the dtype of its value; otherwise float64 that NumPy
    made of a mixture of integers and float32 becomes float32 again.

    of_floats: whether a first argument of integers or booleans becomes floats of the default dtype
    before the rule runs; NumPy would make float16 of uint8.

    in_order: whether the value is contiguous in memory, as PyTorch's is, so that a reshape of it is
    a view. A transposed first argument is copied into order before the rule runs (not of a rule of
    `*arrays`), and a value that is out of order after it.

    The op has attributes: its `rule`, the settings above, and what it takes, which is `arity`,
    `keywords` and the others of minigrad.call.Parameters.

    Raises TypeError if the rule is not a named function `(xp, ...)`, `composed` is not a function,
    or a flag is neither True nor False.
    """
    traits = Traits(composed, over_time, sets_dtype, of_floats, in_order)

    def made_of(rule: Any) -> Op:
        new = differentiable(rule, traits, is_registered=True)
        register(new, OPS)
        return new

    return made_of if rule is None else made_of(rule)


def nondifferentiable(value: Any) -> Any:
    """Make a function of Tensors that has no derivative.

    value: a function `(xp, *arrays, **settings)`, which gives the value alone.
    """

    @functools.wraps(value)
    def rule(xp: XP, *arrays: Array, **settings: Any) -> RuleResult:
        return value(xp, *arrays, **settings), None

    new = differentiable(rule, is_registered=True)
    register(new, NONDIFFERENTIABLE)
    return new


def register(new: Op, registry: dict[str, Op]) -> None:
    """Enter an op under the name of its rule. A function that is run again, in a cell or by a
    reload, replaces its op.

    Raises ValueError if another function has the name.
    """
    name = new.rule.__name__
    known: Op = OPS.get(name) or NONDIFFERENTIABLE.get(name)
    if known is not None and origin(known.rule) != origin(new.rule):
        raise ValueError(
            f"op: expected a name that no other op has, got {name!r} of {origin(new.rule)}, which "
            f"{origin(known.rule)} has already; give the rule another name"
        )
    registry[name] = new


def origin(function: Any) -> str:
    """The module of a function, and its name there."""
    return f"{function.__module__}.{function.__qualname__}"


def differentiable(
    rule: Any, traits: Traits = Traits(), is_registered: bool = False
) -> Callable[..., Any]:
    """A function of Tensors from a rule, as `op` makes it.

    is_registered: whether the faster versions of this name serve it, see minigrad.faster.
    """
    parameters = parameters_of(rule)
    versions = versions_of(rule.__name__) if is_registered else []
    function = caller_of(rule, parameters, traits, versions)
    vars(function).update(vars(parameters), **vars(traits), rule=rule)
    vars(function)["__signature__"] = parameters.signature
    vars(function).pop("__wrapped__")  # help() would show the rule's parameters
    return function


def caller_of(
    rule: Any, parameters: Parameters, traits: Traits, versions: list[Version]
) -> Callable[..., Any]:
    """The function that calls a rule with the arrays of its arguments and records what it did.

    What is the same for all calls is looked up here, once.
    """
    name = rule.__name__
    arity, required = parameters.arity, parameters.required
    of_floats = traits.of_floats
    is_ordered = name in errors.ORDERED
    gives_order = traits.in_order
    takes_order = traits.in_order and arity != ANY_NUMBER
    sets_dtype = traits.sets_dtype
    may_widen = arity > 1 and not sets_dtype

    @functools.wraps(rule)
    def apply(*args: Any, **settings: Any) -> Any:
        if settings or required or len(args) != arity:
            args, settings = split_arguments(apply, args, settings)
        arrays, needs = read(name, args)
        xp = NAMESPACES.get(type(arrays[0])) or namespace_of(arrays)
        if of_floats and getattr(arrays[0], "dtype", float64).kind in "iub":
            arrays[0] = xp.astype(arrays[0], get_default_dtype())
        if is_ordered and (arity > 1 or getattr(arrays[0], "dtype", None) is not float32):
            errors.check_ordered(name, arrays)
        chosen = choose(versions, rule, xp.kind, *arrays, **settings) if versions else rule
        try:
            if takes_order:
                arrays[0] = in_order(xp, arrays[0])
            value, pullback = chosen(xp, *arrays, **settings)
            if gives_order:
                value = in_order(xp, value)
        except EXPLAINED as error:
            raise diagnosis.explain(apply, arrays, settings, error) from error
        is_tuple = type(value) is tuple
        if is_tuple:
            value = as_results(value, xp, arrays, sets_dtype)
        elif type(value) not in NAMESPACES or value.dtype is not float32:  # float32 is not widened
            same = in_dtypes_with_dims(name, args, arrays) if may_widen else None
            if same is not None:
                return apply(*same, **settings)
            value = as_result(value, xp, arrays, sets_dtype)
        node = None
        if pullback and True in needs and mode.grad_enabled:
            node = Node(apply, args, settings, pullback, needs, is_tuple)
        out: Any  # a Tensor, or a tuple of them
        if is_tuple:
            out = tuple([wrap(v, node, args) for v in value])
        else:
            out = wrap(value, node, args)
        if mode.observer:
            tell(mode.observer, node, apply, arrays, settings, out)
        return out

    return apply


def read(name: str, args: Sequence[Any]) -> tuple[list[Any], list[bool]]:
    """The arrays and numbers of the arguments, and of each whether it requires a gradient.

    Raises TypeError where one is neither a tensor nor a number, or the first None.
    """
    arrays = []
    needs = []
    for a in args:
        if isinstance(a, TensorBase):
            if changes.recorded and a.base is not None:
                a.catch_up()
            arrays.append(a.array)
            needs.append(a.wants_grad)
        else:
            if a is None and not arrays:
                raise TypeError(f"{name}: expected a tensor or a number, got None")
            arrays.append(errors.as_operand(name, a))
            needs.append(False)
    return arrays, needs


def namespace_of(arrays: Sequence[Any]) -> XP:
    """The namespace of the first array among the arguments; NumPy where all are numbers."""
    for a in arrays:
        xp = NAMESPACES.get(type(a))
        if xp is not None:
            return xp
    return NUMPY


def in_order(xp: XP, x: Array) -> Array:
    """x with its memory in the order of its elements."""
    return x if x.flags.c_contiguous else xp.ascontiguousarray(x)


def wrap(value: Array, node: Node | None, args: Sequence[Any]) -> TensorBase:
    """A value of an op as a Tensor that knows the node, if there is one, that made it.

    It shares the version of the array that it views.
    """
    out = tensor_of(value)
    if value.base is not None:
        for a in args:
            if isinstance(a, TensorBase) and (value.base is a.array or value.base is a.array.base):
                out.version = a.version
                out.base = a.root()
                out.changed = out.base.changed
    if node is not None:
        out.index = len(node.value_versions)
        node.value_versions.append(out.version)
        kind = value.dtype.kind
        if kind in "fO":  # O: exact numbers, see minigrad.prove
            out.node = node
            out.wants_grad = True
        elif kind == "c":
            raise NotImplementedError(errors.COMPLEX_GRADIENT.format(node.op.__name__))
    return out


def tell(
    observer: Any,
    node: Node | None,
    op: Op,
    arrays: list[Any],
    settings: dict[str, Any],
    out: Any,
) -> None:
    """Let the observer see what an op has recorded, and its values."""
    if node is not None:
        observer.on_node(node)
    values = out if isinstance(out, tuple) else (out,)
    observer.on_value(op, arrays, settings, [y.array for y in values])


class TensorNamespace:
    """`xp` over Tensors: each word of a rule is the op of that name."""

    def __getattr__(self, word: str) -> Any:
        if word in OPS:
            return OPS[word]
        if word in NONDIFFERENTIABLE:
            return NONDIFFERENTIABLE[word]
        raise AttributeError(
            f"{word!r} is no op: a rule that uses it cannot be differentiated twice"
        )


tensor_xp = TensorNamespace()
