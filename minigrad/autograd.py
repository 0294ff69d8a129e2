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

A pullback whose attribute `gives_new_arrays` is True returns arrays that nobody else has: they need
no copy.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import ContextDecorator
from typing import Any

from minigrad import errors
from minigrad.array import (
    NAMESPACES,
    NUMPY,
    XP,
    Array,
    contiguous_format,
    device_of,
    float64,
    get_default_dtype,
    preserve_format,
)
from minigrad.faster import choose, versions_of

RuleResult = tuple[Any, Any]  # what a rule returns: its value (or a tuple of them), its pullbacks
Op = Any  # a function of Tensors made from a rule; its attributes are listed in `op`

# what is explained where a rule has failed
EXPLAINED = (ValueError, IndexError, TypeError, AttributeError, OverflowError, MemoryError)
OPS: dict[str, Op] = {}  # every op by its name: the tests walk it, so that none goes unchecked
ticks = itertools.count(1)  # one for every node that is recorded and for every change in place


class Mode(threading.local):
    """Per-thread state: is grad mode on, and who observes."""

    grad_enabled = True
    observer: Any = None  # is told of every node, value and gradient, and of modules that run: it
    # has the methods of minigrad.inspect.Observer


mode = this_thread = Mode()  # the second name is for where an argument is called mode


class Changes:
    """The ticks of the last changes in place in this process, 0 before there is one.

    A node that is younger needs not look for what has changed since.
    """

    def __init__(self) -> None:
        self.latest = 0  # of any memory
        self.recorded = 0  # of one that was recorded; before it, no tensor has a past
        self.lock = threading.Lock()

    def tick(self) -> int:
        """The tick of a change that is made now."""
        with self.lock:  # so that another thread's earlier tick does not take its place
            self.latest = next(ticks)
            return self.latest

    def tick_of_record(self) -> int:
        """The tick of a change that is recorded now."""
        with self.lock:
            self.recorded = next(ticks)
            return self.recorded


changes = Changes()


class set_grad_enabled(ContextDecorator):
    """Switch recording on or off: at once, or within a `with` block or a decorated function.

    Raises TypeError for another mode than True and False.

    >>> import minigrad as mg
    >>> x = mg.tensor(1.0, requires_grad=True)
    >>> with mg.set_grad_enabled(False):
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool, immediately: bool = True):
        errors.check_flag("set_grad_enabled", "mode", mode)
        errors.check_flag("set_grad_enabled", "immediately", immediately)
        self.on = mode
        self.immediately = immediately
        self.before = [this_thread.grad_enabled]
        if immediately:
            this_thread.grad_enabled = mode

    def __call__(self, function: Any) -> Any:
        if not callable(function):
            name = "enable_grad" if self.on else "no_grad"
            raise TypeError(
                f"{name}: expected nothing, or a function to decorate, got {function!r}; "
                "set_grad_enabled(True) takes a mode"
            )
        if self.immediately:
            mode.grad_enabled = self.before[0]  # it is switched when the function runs
        if inspect.isgeneratorfunction(function):
            return self.around_each_step(function)
        return super().__call__(function)

    def around_each_step(self, function: Any) -> Any:
        """The generator function with the switch set while its own lines run, and only then."""

        @functools.wraps(function)
        def stepwise(*args: Any, **kwargs: Any) -> Any:
            with self._recreate_cm():
                steps = function(*args, **kwargs)
            resume = functools.partial(next, steps)
            while True:
                try:
                    with self._recreate_cm():
                        value = resume()
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield value
                except GeneratorExit:
                    with self._recreate_cm():
                        steps.close()
                    raise
                except BaseException as error:
                    resume = functools.partial(steps.throw, error)
                else:
                    resume = functools.partial(steps.send, sent)

        return stepwise

    def _recreate_cm(self) -> set_grad_enabled:
        # one object for each call, so that threads inside one decorated function stay apart
        return set_grad_enabled(self.on, immediately=False)

    def __enter__(self) -> None:
        self.before.append(self.before[0] if self.immediately else mode.grad_enabled)
        mode.grad_enabled = self.on
        self.immediately = False

    def __exit__(self, *exception: object) -> None:
        mode.grad_enabled = self.before.pop()


def no_grad(function: Any = None) -> Any:
    """Record nothing: within `with no_grad():`, or in a function under `@no_grad()`, `@no_grad`.

    A Ctrl-C in the very moment in which a block ends can leave recording off, as in PyTorch; a
    program that goes on after one calls set_grad_enabled(True).
    """
    switch = set_grad_enabled(False, immediately=False)
    return switch if function is None else switch(function)


def enable_grad(function: Any = None) -> Any:
    """Record again, inside no_grad; used as no_grad is."""
    switch = set_grad_enabled(True, immediately=False)
    return switch if function is None else switch(function)


def is_grad_enabled() -> bool:
    """Whether ops of this thread are recorded."""
    return mode.grad_enabled


class TensorBase:
    """What the engine knows of a tensor: its array, and its place in the graph.

    Tensor adds the arithmetic.
    """

    wants_grad: bool = False  # what requires_grad says; the engine reads it here, without a check
    leaf_grad: Any = None  # what grad says
    leaf_hooks: dict[int, Any] | None = None  # of a leaf: see register_hook
    node: Node | None = None  # the op that made it; None for a leaf
    index: int = 0  # which of that op's values it is
    base: TensorBase | None = None  # the tensor a part of whose memory this one shows
    before: TensorBase | None = None  # what it was before the last recorded change in place
    changed: int = 0  # the tick of that change
    tensor_class: Any  # the class of what ops return: tensor.py puts Tensor here

    def __init__(self, array: Array):
        self.array = array
        # the tick of the last change in place, and the memory that it changed, None for all that
        # ever was this tensor's; views share the list
        self.version: list[Any] = [0, None]

    shape = property(lambda self: self.array.shape)

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient may be asked for. Raises RuntimeError where integers are to have one,
        or a tensor with a graph is to have none.
        """
        if self.base is not None:
            self.catch_up()
        return self.wants_grad

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        dtype = self.array.dtype
        if not isinstance(on, bool):
            raise TypeError(f"requires_grad: expected True or False, got {on!r}")
        if on and dtype.kind not in "fcO":
            raise RuntimeError(
                f"requires_grad: expected floats, since {dtype} has no gradient; use .float()"
            )
        if self.node is not None and not on:
            raise RuntimeError(
                "requires_grad_: only a leaf can stop requiring a gradient; use .detach()"
            )
        self.wants_grad = on

    def catch_up(self) -> None:
        """Take over what was recorded of a change of the memory that this tensor shows a part of.

        minigrad.inplace has it: nothing is recorded without.
        """

    @property
    def grad(self) -> Any:
        """The gradient that backward has added up here, or None. Raises TypeError for another kind
        of object, RuntimeError for a tensor of another shape, dtype or device.
        """
        return self.leaf_grad

    @grad.setter
    def grad(self, gradient: Any) -> None:
        if gradient is not None:
            check_gradient(self, gradient)
        self.leaf_grad = gradient

    @grad.deleter
    def grad(self) -> None:
        self.leaf_grad = None


new = object.__new__


def tensor_of(array: Array) -> Any:
    """A Tensor that holds this array, which is not looked at: how the engine makes its results.

    `Tensor(...)` has the arguments of PyTorch's, and checks them.
    """
    t = new(TensorBase.tensor_class)
    t.array = array
    t.version = [0, None]
    return t


def check_gradient(t: TensorBase, gradient: Any) -> None:
    """Raise where `gradient` is no tensor like t."""
    if not isinstance(gradient, TensorBase):
        raise TypeError(f"grad: expected a tensor or None, got a {type(gradient).__name__}")
    if gradient is t:
        raise RuntimeError("grad: expected another tensor, got this one itself; use a .clone()")
    if gradient.array.shape != t.array.shape:
        raise RuntimeError(
            f"grad: expected a gradient of shape {tuple(t.array.shape)}, "
            f"got {tuple(gradient.array.shape)}; reshape it, or sum it to that shape"
        )
    if gradient.array.dtype != t.array.dtype:
        raise RuntimeError(
            f"grad: expected a gradient of {t.array.dtype}, got {gradient.array.dtype}; "
            "convert it with .to(...)"
        )
    if type(gradient.array) is not type(t.array):
        raise RuntimeError(
            f"grad: expected a gradient on {device_of(t.array)}, "
            f"got one on {device_of(gradient.array)}; move it with .to(...)"
        )


class Node:
    """One application of an op."""

    __slots__ = (
        "op",
        "args",
        "settings",
        "pullback",
        "needs",
        "is_tuple",
        "value_versions",
        "birth",
        "retained",
        "hooks",
        "origin",
    )

    def __init__(
        self,
        op: Op,
        args: tuple[Any, ...],
        settings: dict[str, Any],
        pullback: Any,
        needs: list[bool],
        is_tuple: bool,
    ):
        self.op = op
        self.args = args
        self.settings = settings
        self.pullback = pullback
        self.needs = needs  # of each argument: whether it required a gradient
        self.is_tuple = is_tuple  # whether the rule gives a tuple of values
        self.value_versions: list[list[int]] = []  # the version of each value
        self.birth = next(ticks)
        # values that keep their own .grad, and the hooks of each value: see register_hook
        self.retained: dict[int, weakref.ref[TensorBase]] | None = None
        self.hooks: dict[int, dict[int, Any]] | None = None
        self.origin: Any = ""  # the caller's line and the module, known while an observer is on


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
# words without a derivative: comparisons, zeros ...
NONDIFFERENTIABLE: dict[str, Callable[..., Any]] = {}


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

    Positional parameters of the rule are arrays, keyword-only ones are settings; the op takes
    settings also by position, after the arrays, and NumPy's `axis`, `keepdims` for `dim`,
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

    in_order: whether the value is in order in memory, as PyTorch's is, so that a reshape of it is a
    view: a first argument that is transposed is copied in order before the rule runs, but not of
    several that are joined, and a value that is not in order after it.

    The op has the attributes `rule`, `composed`, `over_time`, `sets_dtype`, `arity` (how many
    arrays it takes), `keywords` (its settings in order), `settable` (the set of them), `required`
    (those without a default) and `flags` (those whose default is True or False, and which take
    nothing else).

    Raises TypeError where the rule is no function `(xp, ...)` with a name, or `composed` none, and
    for a flag that is neither True nor False.
    """
    flags = {"over_time": over_time, "sets_dtype": sets_dtype}
    check_composed_and_flags(composed, {**flags, "of_floats": of_floats, "in_order": in_order})
    if rule is None:
        return functools.partial(
            op,
            composed=composed,
            over_time=over_time,
            sets_dtype=sets_dtype,
            of_floats=of_floats,
            in_order=in_order,
        )
    check_rule(rule)
    apply = differentiable(
        rule,
        versions_of(rule.__name__),
        composed=composed,
        over_time=over_time,
        sets_dtype=sets_dtype,
        of_floats=of_floats,
        in_order=in_order,
    )
    register(apply)
    return apply


def check_rule(rule: Any) -> None:
    """Raise TypeError where a rule is no function with a name and a first parameter for `xp`."""
    is_function = callable(rule) and not isinstance(rule, type) and hasattr(rule, "__name__")
    try:
        parameters = inspect.signature(rule).parameters if is_function else {}
    except ValueError:  # of a function written in C
        parameters = {}
    first = next(iter(parameters.values()), None)
    if first is None or first.kind in (first.KEYWORD_ONLY, first.VAR_KEYWORD):
        raise TypeError(
            "op: expected a rule, which is a function (xp, *arrays, **settings) with a name, "
            f"got {errors.describe(rule):.80}"
        )


def check_composed_and_flags(composed: Any, flags: dict[str, Any]) -> None:
    """Raise TypeError where `composed` is no function, or a flag neither True nor False."""
    if composed is not None and not callable(composed):
        raise TypeError(f"op: expected a function as composed, got {errors.describe(composed):.80}")
    for key, value in flags.items():
        errors.check_flag("op", key, value)


def register(new: Op) -> None:
    """Enter an op under the name of its rule. A function that is run again, in a cell or by a
    reload, replaces its op.

    Raises ValueError where another function has the name.
    """
    name = new.rule.__name__
    known: Op = OPS.get(name) or NONDIFFERENTIABLE.get(name)
    if known is not None and origin(known.rule) != origin(new.rule):
        raise ValueError(
            f"op: expected a name that no other op has, got {name!r} of {origin(new.rule)}, which "
            f"{origin(known.rule)} has already; give the rule another name"
        )
    OPS[name] = new


def origin(function: Any) -> str:
    """The module of a function and its place in there."""
    return f"{function.__module__}.{function.__qualname__}"


def differentiable(
    rule: Any,
    versions: Any = (),
    *,
    composed: Any = None,
    over_time: bool = False,
    sets_dtype: bool = False,
    of_floats: bool = False,
    in_order: bool = False,
) -> Callable[..., Any]:
    """A function of Tensors from a rule, as `op` makes it, but not registered.

    versions: the faster versions of the rule, see minigrad.faster.
    """
    name = rule.__name__
    parameters = list(inspect.signature(rule).parameters.values())[1:]  # without xp
    keyword_only = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    keywords = [p.name for p in keyword_only]
    settable = set(keywords)
    required = {p.name for p in keyword_only if p.default is p.empty}
    flags = [p.name for p in keyword_only if type(p.default) is bool]
    is_variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    arity = sys.maxsize if is_variadic else len(parameters) - len(keywords)

    @functools.wraps(rule)
    def apply(*args: Any, **settings: Any) -> Any:
        if settings or required or len(args) != arity:
            args, settings = split_arguments(apply, args, settings)
        arrays = []
        needs = []  # of each argument: whether it requires a gradient
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
        xp = NAMESPACES.get(type(arrays[0])) or namespace_of(arrays)
        if of_floats and getattr(arrays[0], "dtype", float64).kind in "iub":
            arrays[0] = xp.astype(arrays[0], get_default_dtype())
        chosen = rule
        if versions:
            chosen = choose(versions, rule, xp.kind, *arrays, **settings)
        try:
            if in_order and not is_variadic and not arrays[0].flags.c_contiguous:
                arrays[0] = xp.ascontiguousarray(arrays[0])
            value, pullback = chosen(xp, *arrays, **settings)
            if in_order and not value.flags.c_contiguous:
                value = xp.ascontiguousarray(value)
        except EXPLAINED as error:
            raise errors.explain(apply, arrays, settings, error) from error
        is_tuple = type(value) is tuple
        node = None
        if pullback and True in needs and mode.grad_enabled:
            node = Node(apply, args, settings, pullback, needs, is_tuple)
        out: Any  # a Tensor, or a tuple of them
        if is_tuple:
            out = tuple([wrap(v, node, xp, arrays, args, sets_dtype) for v in value])
        else:
            out = wrap(value, node, xp, arrays, args, sets_dtype)
        if mode.observer:
            if node is not None:
                mode.observer.on_node(node)
            values = [y.array for y in out] if is_tuple else [out.array]
            mode.observer.on_value(apply, arrays, settings, values)
        return out

    vars(apply).update(rule=rule, composed=composed, over_time=over_time, sets_dtype=sets_dtype)
    vars(apply).update(arity=arity, keywords=keywords, settable=settable, required=required)
    vars(apply).update(flags=flags)
    vars(apply)["__signature__"] = call_signature(parameters)
    vars(apply).pop("__wrapped__")  # help() would show the rule's parameters
    return apply


def call_signature(parameters: list[inspect.Parameter]) -> inspect.Signature:
    """The signature of an op, whose settings may be given by position where PyTorch's may."""
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return inspect.Signature(parameters)
    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([p.replace(kind=either) for p in parameters])


def namespace_of(arrays: Sequence[Any]) -> XP:
    """The namespace of the first array among the arguments; NumPy where all are numbers."""
    for a in arrays:
        xp = NAMESPACES.get(type(a))
        if xp is not None:
            return xp
    return NUMPY


def as_they_were(node: Node) -> tuple[Any, ...]:
    """The arguments of a node, as they were when it took them: before later changes in place."""
    args = []
    for a in node.args:
        has_past = isinstance(a, TensorBase) and (a.before is not None or a.base is not None)
        args.append(as_it_was(a, node.birth) if has_past else a)
    return tuple(args)


def as_it_was(t: TensorBase, tick: int) -> TensorBase:
    """What t was at this tick."""
    while t.before is not None and t.changed > tick:
        t = t.before
    if t.node is None or t.base is None or t.base.changed <= tick:
        return t
    return t.as_before()  # type: ignore[attr-defined]  # which stays what it is at its next use


def needs_of(args: Sequence[Any]) -> list[bool]:
    """Of each argument: whether it requires a gradient."""
    return [isinstance(a, TensorBase) and a.wants_grad for a in args]


def nondifferentiable(value: Any) -> Any:
    """Make a function of Tensors that has no derivative.

    value: a function `(xp, *arrays, **settings)`, which gives the value alone.
    """

    @functools.wraps(value)
    def rule(xp: XP, *arrays: Array, **settings: Any) -> RuleResult:
        return value(xp, *arrays, **settings), None

    op(rule)
    name = value.__name__
    NONDIFFERENTIABLE[name] = OPS.pop(name)
    return NONDIFFERENTIABLE[name]


FOREIGN_NAMES = {  # NumPy's and PyTorch's for ours
    "axis": "dim",
    "keepdims": "keepdim",
    "axis0": "dim0",
    "axis1": "dim1",
    "size": "shape",
}
PLACES = {"input": 0, "other": 1, "exponent": 1}  # PyTorch's names of the first and second array
UNSUPPORTED = {"out", "dtype", "rounding_mode", "memory_format"}  # accepted where they are None


def split_arguments(
    op: Op, args: tuple[Any, ...], settings: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arrays and the settings of a call, whichever way they were written."""
    arity = op.arity
    arrays = args
    extra: tuple[Any, ...] = ()  # settings by position
    if len(args) > arity:
        arrays = args[:arity]
        extra = args[arity:]
    elif arity == sys.maxsize and args and isinstance(args[0], (list, tuple)):
        arrays = tuple(args[0])  # cat([a, b], 1)
        extra = args[1:]
    given = settings
    each_once = True
    if extra:
        given = dict(zip(op.keywords, extra, strict=False))
        given.update(settings)
        each_once = len(given) == len(extra) + len(settings)
    is_complete = len(arrays) == arity or (arity == sys.maxsize and arrays)
    if each_once and is_complete and op.required <= given.keys() <= op.settable:
        return arrays, raw_settings(op, given)
    changed = {key for key in CHANGES_FIRST.get(op.__name__, ()) if key in settings}
    if changed:
        rest = {key: value for key, value in settings.items() if key not in changed}
        arrays, found = split_arguments(op, args, rest)
        return changed_first(op.__name__, arrays, settings), found
    if arity == sys.maxsize and not args and "tensors" in settings:  # cat(tensors=[a, b])
        rest = dict(settings)
        return split_arguments(op, (rest.pop("tensors"),), rest)
    renamed = without_foreign_names(op, settings)
    if renamed.keys() != settings.keys():
        return split_arguments(op, args, renamed)
    return bind_arguments(op, args, settings)


# PyTorch's keywords that change an array before the op: the first is cast or brought into order,
# the second multiplied
CHANGES_FIRST = {
    "add": ("alpha",),
    "clone": ("memory_format",),
    "sub": ("alpha",),
    "cumsum": ("dtype",),
    "softmax": ("dtype",),
    "sum": ("dtype",),
}


def changed_first(name: str, arrays: tuple[Any, ...], settings: dict[str, Any]) -> tuple[Any, ...]:
    """The arrays of a call of `name`, changed as `dtype`, `memory_format` and `alpha` say."""
    first, *others = arrays
    layout = settings.get("memory_format")
    if layout is not None and layout not in (preserve_format, contiguous_format):
        given = f"memory_format={errors.describe(layout)}"
        raise NotImplementedError(f"{name}: {given} is not supported; leave it out")
    if layout is contiguous_format and type(first) not in NAMESPACES:
        first = first.contiguous()
    if settings.get("dtype") is not None:
        first = TensorBase.tensor_class(raw(first)) if type(first) in NAMESPACES else first
        first = first.converted(name, (), settings["dtype"], None)
    alpha = settings.get("alpha", 1)
    if getattr(raw(alpha), "size", None) != 1 and not isinstance(alpha, (int, float, complex)):
        got = errors.describe(raw(alpha))
        raise TypeError(f"{name}: expected alpha to be a number, got {got}")
    if isinstance(alpha, TensorBase) or alpha != 1:
        others = [OPS["mul"](b, alpha) if isinstance(b, TensorBase) else b * alpha for b in others]
    return first, *others


def without_foreign_names(op: Op, settings: dict[str, Any]) -> dict[str, Any]:
    """`settings` with the names of NumPy and of PyTorch replaced by ours, without what is None.

    Raises NotImplementedError where one that is not supported is given.
    """
    arrays = list(inspect.signature(op).parameters)[: op.arity]
    ours = dict(FOREIGN_NAMES)
    for word, place in PLACES.items():
        if place < len(arrays):
            ours[word] = arrays[place]
    found = {}
    for key, value in settings.items():
        if key in op.settable:
            found[key] = value
        elif key not in UNSUPPORTED:
            found[ours.get(key, key)] = value
        elif value is not None:
            given = f"{key}={errors.describe(value)}"
            raise NotImplementedError(
                f"{op.__name__}: {given} is not supported; convert what is returned"
            )
    return found


def bind_arguments(
    op: Op, args: tuple[Any, ...], settings: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arrays and the settings of a call that names arrays, tanh(x=x), or leaves out a last one.

    Raises TypeError where the call does not fit the op's signature.
    """
    name = op.__name__
    signature = inspect.signature(op)
    try:
        given = signature.bind(*args, **settings).arguments
    except TypeError as error:
        raise TypeError(f"{name}: expected {errors.signature(op)}, {error}") from None
    if op.arity == sys.maxsize:
        raise TypeError(
            f"{name}: expected {errors.signature(op)}, with at least one tensor and each setting "
            "once"
        )
    names = list(signature.parameters)[: op.arity]
    arrays = tuple([given.get(n) for n in names])
    return arrays, raw_settings(op, {key: given[key] for key in given if key not in names})


def raw_settings(op: Op, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with arrays in place of Tensors.

    Raises TypeError where a flag is neither True nor False, as PyTorch does.
    """
    for key in op.flags:
        if key in settings and settings[key] is not True and settings[key] is not False:
            raise errors.not_a_flag(op.__name__, key, settings[key])
    for value in settings.values():
        if isinstance(value, TensorBase):
            return {key: raw(value) for key, value in settings.items()}
    return settings


def raw(value: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return value.array if isinstance(value, TensorBase) else value


def wrap(
    value: Any,
    node: Node | None,
    xp: XP,
    arrays: Sequence[Any],
    args: Sequence[Any],
    sets_dtype: bool,
) -> TensorBase:
    """A value of an op as a Tensor that knows the node, if there is one, that made it.

    It shares the version of the array that it views. NumPy's widening to float64 is undone.
    """
    if type(value) not in NAMESPACES:
        value = xp.asarray(value)  # NumPy's reductions return scalars
    if value.dtype is float64 and not sets_dtype:
        value = undo_widening(value, xp, arrays)
    out = tensor_of(value)
    if value.base is not None:
        for a in args:
            if isinstance(a, TensorBase) and (value.base is a.array or value.base is a.array.base):
                out.version = a.version
                out.base = a if a.base is None else a.base
                out.changed = out.base.changed
    if node is not None:
        out.index = len(node.value_versions)
        node.value_versions.append(out.version)
        if value.dtype.kind in "fcO":  # O: exact numbers, see minigrad.prove
            out.node = node
            out.wants_grad = True
    return out


def undo_widening(value: Array, xp: XP, arrays: Sequence[Any]) -> Array:
    """float64 becomes the inputs' dtype again where NumPy widened because of integers."""
    floats = []
    for a in arrays:
        if not hasattr(a, "dtype"):
            continue
        if a.dtype == float64:
            return value
        if a.dtype.kind == "f":
            floats.append(a.dtype)
    return xp.astype(value, floats[0] if floats else get_default_dtype())
