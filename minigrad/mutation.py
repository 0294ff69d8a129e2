"""Changes in place: how one is made, and how it is recorded.

A change writes into the memory of x, which views of x and other names of it see. Where ops are
recorded, it is an op, too: x becomes its value, and keeps what it was before in `before`, for the
ops that took it then (`as_it_was` in minigrad.graph). A view of x, changed or not, is afterwards
a part of the new x: a change of the view is recorded as a change of x (its `base`), and the view is
linked to x again at its next use (`catch_up`). An op whose pullback reads what was overwritten
can't be differentiated any more: that is found by version (minigrad.unchanged).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad import array, diagnosis, errors, ops
from minigrad.arguments import placed_like
from minigrad.array import memory_of, to_device, to_numpy
from minigrad.convert import Conversions
from minigrad.grad_mode import mode, set_grad_enabled
from minigrad.graph import Node, TensorBase, changes, needs_of, tensor_of
from minigrad.index import copied_index, integers_first, is_plain_index, without_empty_ellipsis


class Mutable(Conversions):
    """The part of Tensor that lets it be changed.

    `x[i] = y` is `assign`, and `x.exp_()` is `update`; minigrad.inplace has the words for both.
    """

    # What is known of a change

    def mark_changed(self) -> None:
        """Say that .array was written to: an op that reads it can't be differentiated now."""
        self.version[:] = changes.tick(), memory_of(self.array)

    def is_writable(self) -> bool:
        """Whether each element has memory of its own, which is not read-only; so has no element."""
        if not self.array.size:
            return True
        if 0 in self.array.strides:
            pairs = zip(self.array.strides, self.array.shape, strict=True)
            if any([stride == 0 and size > 1 for stride, size in pairs]):
                return False
        return bool(getattr(self.array.flags, "writeable", True))

    def write(self, name: str, index: Any, values: Any) -> None:
        """array[index] = values, a change that no gradient misses."""
        if not self.is_writable():
            raise RuntimeError(
                f"{name}: expected memory that can be written to, got an expanded tensor or a "
                "read-only array; write into a .clone()"
            )
        target = self.array if self.array.size else self.array.copy()  # also where it is read-only
        target[index] = values
        self.mark_changed()

    def is_recorded_with(self, name: str, *others: Any) -> bool:
        """Whether a change of self by `others` is recorded.

        Raises RuntimeError if it is one of a leaf that requires a gradient, or of a part of one, or
        of a part that knows nothing of the graph of the whole.
        """
        if not mode.grad_enabled or self.array.dtype.kind not in "fcO":
            return False
        require = [requires_grad(t) for t in (self, *others)]  # asked of each: it catches up then
        root = self.root()
        if self.wants_grad or root.wants_grad:
            for t in (self, root):
                if t.wants_grad and t.node is None:
                    raise RuntimeError(errors.LEAF_IN_PLACE.format(name))
            if not self.wants_grad:
                raise RuntimeError(errors.PART_IN_PLACE.format(name))
        return True in require

    # What is recorded

    def as_before(self) -> Any:
        """What self is now, for the ops that took it and for the change that comes.

        It has no base: it does not become a part of what the base becomes.
        """
        before = tensor_of(self.array)
        before.version = self.version
        before.node = self.node
        before.index = self.index
        before.wants_grad = self.wants_grad
        before.before = self.before
        before.changed = self.changed
        if before.node is not None and before.node.pullback is None:
            before.before = None  # what came before a graph that was freed is never asked for
        return before

    def become(self, node: Any, index: int = 0) -> None:
        """Be a value of this node from now on."""
        self.before = self.as_before()
        self.changed = changes.tick_of_record()
        if node is not None and self.node is not None and self.node.retained:
            if self.index in self.node.retained:
                node.retained = node.retained or {}
                node.retained[index] = self.node.retained.pop(self.index)
        self.node = node
        self.index = index
        self.wants_grad = node is not None

    def record_assignment(self, index: Any, value: Any) -> None:
        """Record that value was written to `index`."""
        xp = array.NAMESPACES[type(self.array)]
        pulls: Any = ops.pulls_of_assign(xp, index)  # type: ignore[no-untyped-call]
        args = (self.as_before(), value)
        self.become(recorded(ops.assign, args, {"index": index}, pulls, self.version))

    def record_change(self, index: Any, value: Any) -> None:
        """Record that value was written to self[index], which changed the root of self, too."""
        root = self.root()
        if root is self:
            self.record_assignment(index, value)
            return
        places = array.place_within(self.array, root.array)
        written = tuple([placed_like(self, place[on_host(index)]) for place in places])
        if root.array.shape:
            root.record_assignment(written, value)
        else:
            root.record_as_row(written, value)
        self.catch_up()

    def record_as_row(self, index: Any, value: Any) -> None:
        """Record that value was written to self[None][index], for a self of no dimensions.

        The index may name the one element several times, which no index of a number does.
        """
        row: Any = ops.reshape(self.as_before(), (1,))
        row.record_assignment(index, value)
        number: Any = ops.reshape(row, ())
        self.become(number.node, number.index)

    def catch_up(self) -> None:
        """Where the base of self was changed since: be its part, as recorded.

        Raises RuntimeError for a leaf that requires a gradient of its own.
        """
        root: Any = self.base
        while root is not None and root.node is None:
            root = root.before  # of one that was detached in place: what it was
        if root is None:
            return
        if self.changed >= root.changed or self.version is not root.version:
            return
        if self.wants_grad and self.node is None:
            raise RuntimeError(errors.LEAF_CHANGED)
        places = array.place_within(self.array, root.array)
        index = tuple([placed_like(self, place) for place in places])
        whole = root
        if not root.array.shape:  # a number has no index that names it several times, or never
            with set_grad_enabled(True, immediately=False):
                whole = ops.reshape(root, (1,))
        xp = array.NAMESPACES[type(self.array)]
        shape = whole.array.shape
        pulls = (lambda g: xp.lazy_scatter(g, index, shape),)
        self.become(recorded(ops.getitem, (whole,), {"index": index}, pulls, self.version))

    # Assignment

    def __setitem__(self, index: Any, value: Any) -> None:
        if is_plain_index(index):
            self.assign("[]=", index, value)
            return
        copied = without_empty_ellipsis(copied_index(index), self.array.ndim)
        integers, others = integers_first(copied)
        target: Any = ops.getitem(self, index=integers) if integers else self
        target.assign("[]=", others, value)

    def assign(self, name: str, index: Any, value: Any) -> Any:
        """self[index] = value, for the method `name`; recorded where a gradient may be asked for.

        Raises RuntimeError for a leaf that requires a gradient, TypeError if the values would not
        be held as they are, IndexError or ValueError if the index or the shapes do not fit.
        """
        is_recorded = self.is_recorded_with(name, value)
        values = self.values_to_hold(name, value)
        try:
            array.NAMESPACES[type(self.array)].check_index(index, self.array.shape)
            if self.holds_at(index, value):
                return self
            if type(values) is not type(self.array):
                values = to_device(values, self.device)
            self.write(name, index, self.without_extra_dims(index, values))
        except (ValueError, IndexError, TypeError) as error:
            raise diagnosis.wrong_assignment(name, self.array, index, values) or error from error
        if is_recorded:
            self.record_change(index, self.as_value_at(index, value))
        return self

    def holds_at(self, index: Any, value: Any) -> bool:
        """Whether value is self[index], so that nothing is to be done: in `x[i] += y`, last."""
        if not isinstance(value, TensorBase) or value.version is not self.version:
            return False
        is_detached = self.root() is not value.root()
        if is_detached and (self.requires_grad or value.requires_grad):
            return False
        parts = index if isinstance(index, tuple) else (index,)
        if not any([part is Ellipsis for part in parts]):
            parts = (*parts, ...)  # so that one element is a 0-d array, a view
        return array.is_same_part(self.array[parts], value.array)

    def without_extra_dims(self, index: Any, values: Any) -> Any:
        """The values without leading dimensions of size 1 beyond those of self[index].

        NumPy refuses these where the index is a mask or names one element; and it takes whatever is
        empty. Raises ValueError if empty values do not fit.
        """
        if values.size and (not values.shape or values.shape[0] != 1):
            return values
        target = self.array[index].shape
        extra = max(values.ndim - len(target), 0)
        if set(values.shape[:extra]) <= {1}:
            values = values.reshape(values.shape[extra:])
        if not values.size and diagnosis.broadcast([values.shape, target]) != target:
            raise ValueError("the values do not fit")
        return values

    def as_value_at(self, index: Any, value: Any) -> Any:
        """`value` on the device of self, with no more dimensions than self[index]."""
        if not isinstance(value, TensorBase):
            return to_device(np.asarray(value), self.device)
        ndim = self.array[index].ndim
        moved: Any = value.to(device=self.device)  # type: ignore[attr-defined]
        extra = len(moved.shape) - ndim
        return ops.reshape(moved, tuple(moved.shape)[extra:]) if extra > 0 else moved

    def values_to_hold(self, name: str, value: Any) -> Any:
        """`value` as an array that can be written into this one without a loss."""
        values = value.array if isinstance(value, TensorBase) else value
        array.refuse_masked(name, values)
        if not hasattr(values, "dtype"):
            try:
                values = np.asarray(values)
            except ValueError:
                raise ValueError(f"{name}: expected lists of equal length, got {value!r}") from None
        if values.dtype.kind not in "fibuc":
            raise TypeError(f"{name}: expected numbers, got {value!r}")
        dtype = self.array.dtype
        if values.dtype == dtype:
            return values
        are_integers = values.dtype.kind in "iu" and dtype.kind in "iu"
        if np.can_cast(values.dtype, dtype, "safe" if are_integers else "same_kind"):
            return values
        with np.errstate(invalid="ignore"):  # NaN as an integer
            held = values.astype(self.dtype)
        if not (values == held).all():
            raise TypeError(
                f"{name}: expected values that {self.dtype} can hold, got {values.dtype}; "
                "convert them first"
            )
        return values

    # Ops in place

    def update(self, sign: str, op: Any, *others: Any, **settings: Any) -> Any:
        """self with the values of op(self, ..), for a method or an operator such as `+=`.

        Raises RuntimeError for a leaf that requires a gradient, TypeError if self's dtype cannot
        hold the values, ValueError if the shape would change.
        """
        is_recorded = self.is_recorded_with(sign, *others, *settings.values())
        before: Any = self
        if is_recorded:  # what self was, in memory that stays
            before = self.as_before()
            before.array = array.NAMESPACES[type(self.array)].clone(self.array)
            before.version = [0, None]
            others = tuple([before if other is self else other for other in others])
            settings = {key: before if s is self else s for key, s in settings.items()}
        try:
            result = op(before, *others, **settings)
        except Exception as error:
            errors.in_name_of(sign, error)
            raise
        self.check_update(sign, result)
        self.write(sign, ..., result.array)
        if not is_recorded:
            return self
        if result.array.dtype != self.array.dtype:
            result = result.to(self.dtype)
        if self.root() is self and result.node is not None:
            self.become(result.node, result.index)
        else:
            self.record_change(..., result)
        return self

    def check_update(self, sign: str, result: Any) -> None:
        """Raise if `result` cannot take self's place."""
        if result.array.shape != self.array.shape:
            raise ValueError(
                f"{sign}: expected a value that broadcasts to {tuple(self.array.shape)}, got one "
                f"that makes it {tuple(result.array.shape)}; write x = x + y, which makes a new "
                "tensor"
            )
        dtype = self.array.dtype
        if result.array.dtype != dtype and not np.can_cast(result.dtype, dtype, "same_kind"):
            raise TypeError(
                f"{sign}: expected a value that {self.dtype} can hold, got {result.dtype}; "
                "convert the tensor first, with .to(...)"
            )

    def reshape_in_place(self, name: str, op: Any, *args: Any) -> Any:
        """self as op(self, *args) shows it, in the same memory, for the method `name`."""
        is_leaf = self.requires_grad and self.node is None
        if is_leaf and mode.grad_enabled:
            raise RuntimeError(errors.LEAF_IN_PLACE.format(name))
        try:
            with set_grad_enabled(self.wants_grad and not is_leaf, immediately=False):
                result = op(self.as_before(), *args)
        except Exception as error:
            errors.in_name_of(name, error)
            raise
        if is_leaf:
            self.mark_changed()  # since an op may have taken it in the other shape
        else:
            self.become(result.node, result.index)
        self.array = result.array
        return self


def recorded(op: Any, args: Any, settings: Any, pullback: Any, version: Any) -> Node:
    """A node of an op whose value is in place already."""
    node = Node(op, args, settings, pullback, needs_of(args), is_tuple=False)
    node.value_versions.append(version)
    if mode.observer:
        mode.observer.on_node(node)
    return node


def on_host(index: Any) -> Any:
    """An index whose arrays are NumPy's."""
    if isinstance(index, tuple):
        return tuple([on_host(part) for part in index])
    return to_numpy(index) if type(index) in array.NAMESPACES else index


def requires_grad(value: Any) -> bool:
    """Whether `value` is a tensor that requires a gradient."""
    return isinstance(value, TensorBase) and value.requires_grad
