"""The graph: what the engine knows of a tensor, and of the op that made it.

A tensor is a leaf, or a value of a *node*: one application of an op, which holds the op's
arguments. The graph is nothing but these references; it is freed with the last tensor that leads to
it.

One clock ticks for every node and for every change in place. A node is born later than every node
behind it. If the version of a tensor is later than the birth of a node that used it, the tensor has
been changed since.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Sequence
from typing import Any

from minigrad.array import Array, device_of
from minigrad.errors import COMPLEX_GRADIENT

Op = Any  # a function of Tensors made from a rule; for its attributes see minigrad.autograd.op

ticks = itertools.count(1)  # the clock


class Changes:
    """The ticks of the latest changes in place in this process, 0 as long as there is none.

    A node that is younger need not look for changes.
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


class TensorBase:
    """What the engine knows of a tensor: its array, and its place in the graph.

    Tensor adds the arithmetic.
    """

    wants_grad: bool = False  # requires_grad, as the engine reads it, without a check
    leaf_grad: Any = None  # grad, likewise
    leaf_hooks: dict[int, Any] | None = None  # of a leaf: see register_hook
    node: Node | None = None  # the op that made it; None for a leaf
    index: int = 0  # which of that op's values it is
    base: TensorBase | None = None  # the tensor whose memory this one is a view of
    before: TensorBase | None = None  # what it was before the last recorded change in place
    changed: int = 0  # the tick of that change

    def __init__(self, array: Array):
        self.array = array
        # the tick of the last change in place, and which memory it changed (None: all that this
        # tensor has ever had); views share the list
        self.version: list[Any] = [0, None]

    shape = property(lambda self: self.array.shape)

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is computed for this tensor. Setting it raises RuntimeError for
        integers, and where a tensor with a graph is to stop; NotImplementedError for complex
        numbers.
        """
        if self.base is not None:
            self.catch_up()
        return self.wants_grad

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        dtype = self.array.dtype
        if not isinstance(on, bool):
            raise TypeError(f"requires_grad: expected True or False, got {on!r}")
        if on and dtype.kind == "c":
            raise NotImplementedError(COMPLEX_GRADIENT.format("requires_grad"))
        if on and dtype.kind not in "fO":
            raise RuntimeError(
                f"requires_grad: expected floats, since {dtype} has no gradient; use .float()"
            )
        if self.node is not None and not on:
            raise RuntimeError(
                "requires_grad_: only a leaf can stop requiring a gradient; use .detach()"
            )
        self.wants_grad = on

    def root(self) -> Any:
        """The tensor that this one is a view of; itself if there is none, or if that tensor has
        been given other memory since (see Tensor.data).
        """
        base = self.base
        return self if base is None or base.version is not self.version else base

    def catch_up(self) -> None:
        """Take over a recorded change of the memory that this tensor is a view of.

        minigrad.mutation implements it; without that, nothing is recorded.
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


tensor_class: Any = None  # the class of what ops return: tensor.py puts Tensor here
new = object.__new__


def tensor_of(array: Array) -> Any:
    """A Tensor that holds this array, without a check: how the engine makes its results.

    `Tensor(...)` takes the arguments of PyTorch's, and checks them.
    """
    t = new(tensor_class)
    t.array = array
    t.version = [0, None]
    return t


def check_gradient(t: TensorBase, gradient: Any) -> None:
    """Raise unless `gradient` is a tensor of t's shape, dtype and device."""
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

    __slots__ = """
        op args settings pullback needs is_tuple value_versions birth retained hooks origin
    """.split()

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


def raw(value: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return value.array if isinstance(value, TensorBase) else value
