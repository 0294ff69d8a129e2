"""Tensor: an array that remembers how it was made.

Its methods carry PyTorch's names; the mathematics is in ops and functional.
"""

from __future__ import annotations

import numbers
import sys
import weakref
from collections.abc import Iterator
from functools import partialmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import array, backward, errors, functional, ops
from minigrad.autograd import TensorBase, mode, ticks
from minigrad.convert import Conversions, Size, copied_index
from minigrad.functional import as_shape, normalize_dim


class Tensor(Conversions):
    """An n-dimensional array with a gradient.

    array: the NumPy or CuPy array. data: a tensor that shares its memory, without the graph.
    grad: the gradient that `backward` adds up in a leaf that requires one, or None.

    >>> import minigrad as mg
    >>> x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __array_ufunc__ = None  # so that ndarray * Tensor asks Tensor.__rmul__
    __hash__ = object.__hash__

    shape = property(lambda self: Size(self.array.shape))
    ndim = property(lambda self: self.array.ndim)
    is_leaf = property(lambda self: self.node is None)
    grad_fn = property(lambda self: self.node and f"<{self.node.op.__name__}>")
    T = property(lambda self: self.permute(*reversed(range(self.ndim))))
    mT = property(lambda self: ops.swapaxes(self, -1, -2))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the methods that are added below

    def dim(self) -> int:
        """The number of dimensions."""
        ndim: int = self.array.ndim
        return ndim

    def numel(self) -> int:
        """The number of elements."""
        size: int = self.array.size
        return size

    def size(self, dim: int | None = None) -> Any:
        """The shape, or its size at `dim`."""
        if dim is None:
            return self.shape
        return self.shape[normalize_dim("size", self, dim)]

    def __len__(self) -> int:
        if not self.array.shape:
            raise TypeError(
                "len: a 0-d tensor has no length, and cannot be iterated over; "
                "use .item() for its number"
            )
        n: int = self.array.shape[0]
        return n

    def __iter__(self) -> Iterator[Any]:
        return iter(ops.unbind(self) if len(self) else ())

    # Gradients

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient of this leaf. Raises RuntimeError for integers, which have none."""
        self.requires_grad = requires_grad
        return self

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add d(gradient · self)/d(leaf) to the .grad of every leaf behind self; free the graph.

        gradient: of self's shape; 1 for a scalar. retain_graph: keep the graph for another
        backward. create_graph: make the gradients differentiable. inputs: only these leaves.
        Raises RuntimeError where self has no graph, is no scalar, its graph was freed, or a value
        that the graph needs was changed in place.
        """
        backward.backward(self, gradient, retain_graph, create_graph, inputs)

    def retain_grad(self) -> None:
        """Keep the gradient of this value in .grad, although it is no leaf."""
        if self.node is not None:
            self.node.retained[self.index] = weakref.ref(self)

    def detach(self) -> Tensor:
        """The same memory, without the graph."""
        t = Tensor(self.array)
        t.version = self.version
        return t

    @property
    def data(self) -> Tensor:
        """A tensor that shares the memory, without the graph; a change of it is a change of self.

        `t.data = source`, a tensor or an array of t's shape, makes t share the memory of source.
        """
        return self.detach()

    @data.setter
    def data(self, source: Any) -> None:
        values = source.array if isinstance(source, TensorBase) else source
        if type(values) not in array.NAMESPACES:
            raise TypeError(f"data: expected a tensor or an array, got a {type(source).__name__}")
        if values.shape != self.array.shape:
            raise ValueError(
                f"data: expected shape {tuple(self.array.shape)}, got {tuple(values.shape)}; "
                "make a new tensor for another shape"
            )
        if values.dtype.kind != self.dtype.kind:
            raise TypeError(
                f"data: expected the kind of {self.dtype}, got {values.dtype}; "
                f"convert it first with .to({self.dtype})"
            )
        self.mark_changed()  # for the views of the old memory
        self.array = array.writable(values) if type(values) is np.ndarray else values
        is_shared = isinstance(source, TensorBase) and self.array is values
        self.version = source.version if is_shared else [0]
        self.mark_changed()

    # Changes in place: only of tensors without history, and never unseen

    def mark_changed(self) -> None:
        """Say that .array was written to, so that no op that used it before is differentiated."""
        self.version[0] = next(ticks)

    def assign(self, name: str, index: Any, value: Any) -> Tensor:
        """array[index] = value, for the method `name`, where that cannot make a gradient wrong.

        Raises RuntimeError where it could, TypeError where the values would not be held as they
        are, IndexError or ValueError where the index or the shapes do not fit.
        """
        requires_grad = self.requires_grad or getattr(value, "requires_grad", False)
        if self.node or (mode.grad_enabled and requires_grad):
            raise RuntimeError(errors.IN_PLACE.format(name))
        values = self.values_to_hold(name, value)
        try:
            array.NAMESPACES[type(self.array)].check_index(index, self.array.shape)
            self.write(name, index, array.to_device(values, self.device))
        except (ValueError, IndexError, TypeError) as error:
            raise errors.wrong_assignment(name, self.array, index, values) or error from error
        return self

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
        are_integers = values.dtype.kind in "iu" and self.dtype.kind in "iu"
        if np.can_cast(values.dtype, self.dtype, "safe" if are_integers else "same_kind"):
            return values
        with np.errstate(invalid="ignore"):  # NaN as an integer
            held = values.astype(self.dtype)
        if not (values == held).all():
            raise TypeError(
                f"{name}: expected values that {self.dtype} can hold, got {values.dtype}; "
                "convert them first"
            )
        return values

    def update(self, sign: str, op: Any, other: Any) -> Tensor:
        """self with the values of op(self, other), for an augmented operator such as `+=`.

        Without a graph they are written into the memory, which views and other names see. Where it
        is recorded, self becomes the value of the op. Raises RuntimeError for a leaf that requires
        a gradient and for a recorded change of shared memory, TypeError where self's dtype cannot
        hold the values, ValueError where the shape would change.
        """
        is_recorded = mode.grad_enabled and (self.requires_grad or requires_grad(other))
        if is_recorded and self.requires_grad and self.node is None:
            raise RuntimeError(errors.LEAF_IN_PLACE.format(sign))
        if is_recorded and self.shares_memory():
            raise RuntimeError(errors.SHARED_IN_PLACE.format(sign))
        before = self.as_before() if is_recorded else self
        result = op(before, before if other is self else other)
        self.check_update(sign, result)
        if result.requires_grad and not is_recorded:  # by an argument of op other than `other`
            raise RuntimeError(errors.IN_PLACE.format(sign))
        if result.requires_grad:
            self.become(result.to(self.dtype))
        else:
            self.write(sign, ..., result.array)
        return self

    def as_before(self) -> Tensor:
        """What self is now, for the graph of the change that comes."""
        before = Tensor(self.array)
        before.version = self.version
        before.node = self.node
        before.index = self.index
        before.requires_grad = self.requires_grad
        return before

    def become(self, result: Tensor) -> None:
        """Be the value `result` of an op. Ops that used self before can't be differentiated now."""
        node: Any = result.node
        if self.node is not None and self.index in self.node.retained:
            node.retained[result.index] = self.node.retained.pop(self.index)
        self.array = result.array
        self.version = result.version
        self.version[0] = node.birth
        self.node = node
        self.index = result.index
        self.requires_grad = True

    def shares_memory(self) -> bool:
        """Whether another tensor, or an array of the caller's, may show this one's memory."""
        if self.node is None:  # self and the call know of them
            if sys.getrefcount(self.version) > 2 or sys.getrefcount(self.array) > 2:
                return True
            return self.array.base is not None and sys.getrefcount(self.array.base) > 2
        holders = 3  # who knows of the version: the call, self and its node
        node: Any = self.node
        while node.args and getattr(node.args[0], "version", None) is self.version:
            if node.args[0].node is None or sys.getrefcount(node.args[0]) > 2:
                return True  # of a view: the caller holds the tensor that it is a view of
            holders += 2
            node = node.args[0].node
        return sys.getrefcount(self.version) > holders

    def check_update(self, sign: str, result: Any) -> None:
        """Raise where `result` cannot take self's place."""
        if result.array.shape != self.array.shape:
            raise ValueError(
                f"{sign}: expected a value that broadcasts to {tuple(self.array.shape)}, got one "
                f"that makes it {tuple(result.array.shape)}; write x = x + y, which makes a new "
                "tensor"
            )
        is_logical = sign in ("&=", "|=") and self.dtype.kind != "b"
        if is_logical or not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise TypeError(
                f"{sign}: expected a value that {self.dtype} can hold, got {result.dtype}; "
                "convert the tensor first, with .to(...)"
            )

    def is_writable(self) -> bool:
        """Whether each element has memory of its own, which is not read-only."""
        pairs = zip(self.array.strides, self.array.shape, strict=True)
        is_repeated = any([stride == 0 and size > 1 for stride, size in pairs])
        return not is_repeated and bool(getattr(self.array.flags, "writeable", True))

    def write(self, name: str, index: Any, values: Any) -> None:
        """array[index] = values, a change that no gradient misses."""
        if not self.is_writable():
            raise RuntimeError(
                f"{name}: expected memory that can be written to, got an expanded tensor or a "
                "read-only array; write into a .clone()"
            )
        self.array[index] = values
        self.mark_changed()

    def __setitem__(self, index: Any, value: Any) -> None:
        self.assign("[]=", copied_index(index), value)

    def copy_(self, source: Any) -> Tensor:
        """Take over the values of `source`, broadcast to self's shape."""
        return self.assign("copy_", ..., source)

    def fill_(self, value: Any) -> Tensor:
        """Make every element `value`."""
        return self.assign("fill_", ..., value)

    zero_ = partialmethod(fill_, 0)

    # Operators

    __add__ = __radd__ = ops.add
    __mul__ = __rmul__ = ops.mul
    __sub__ = ops.sub
    __truediv__ = ops.div
    __pow__ = ops.pow
    __matmul__ = functional.matmul
    __rsub__: Any = lambda self, other: ops.sub(other, self)
    __rtruediv__: Any = lambda self, other: ops.div(other, self)
    __rpow__: Any = lambda self, other: ops.pow(other, self)
    __rmatmul__: Any = lambda self, other: functional.matmul(other, self)
    __neg__ = ops.neg
    __abs__ = ops.abs

    def __eq__(self, other: Any) -> Any:
        return False if is_never_equal(other) else ops.eq(self, other)

    def __ne__(self, other: Any) -> Any:
        return True if is_never_equal(other) else ops.ne(self, other)

    def __contains__(self, element: Any) -> bool:
        if is_never_equal(element):
            raise TypeError(f"in: expected a number or a tensor, got a {type(element).__name__}")
        return bool(ops.eq(self, element).any())

    __lt__ = ops.lt
    __le__ = ops.le
    __gt__ = ops.gt
    __ge__ = ops.ge
    __and__ = ops.logical_and
    __or__ = ops.logical_or
    __invert__ = ops.logical_not

    __iadd__: Any = lambda self, other: self.update("+=", ops.add, other)
    __isub__: Any = lambda self, other: self.update("-=", ops.sub, other)
    __imul__: Any = lambda self, other: self.update("*=", ops.mul, other)
    __itruediv__: Any = lambda self, other: self.update("/=", ops.div, other)
    __ipow__: Any = lambda self, other: self.update("**=", ops.pow, other)
    __iand__: Any = lambda self, other: self.update("&=", ops.logical_and, other)
    __ior__: Any = lambda self, other: self.update("|=", ops.logical_or, other)

    def add_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """self += alpha * other."""
        return self.update("add_", ops.add, other if alpha == 1 else ops.mul(other, alpha))

    def sub_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """self -= alpha * other."""
        return self.update("sub_", ops.sub, other if alpha == 1 else ops.mul(other, alpha))

    def mul_(self, other: Any) -> Tensor:
        """self *= other."""
        return self.update("mul_", ops.mul, other)

    def div_(self, other: Any) -> Tensor:
        """self /= other."""
        return self.update("div_", ops.div, other)

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        """Bring every element into [min, max]."""
        return self.update("clamp_", lambda x, _: functional.clamp(x, min, max), None)

    def masked_fill_(self, mask: Any, value: Any) -> Tensor:
        """Make the elements `value` where the mask holds."""

        def fill(x: Any, v: Any) -> Any:
            return functional.masked_fill(x, mask, v)

        return self.update("masked_fill_", fill, value)

    def __getitem__(self, index: Any) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        if len(parts) == self.array.ndim and all([type(part) is int for part in parts]):
            return ops.getitem(self, index=(*parts, ...))  # a view of the element, and no copy
        return ops.getitem(self, index=copied_index(index))

    # Methods whose arguments are not those of the function of that name

    def where(self, condition: Any, other: Any) -> Any:
        """self where the condition holds, else `other`."""
        return functional.where(condition, self, other)

    def reshape(self, *sizes: Any, shape: Any = None) -> Any:
        """The elements in another shape.

        `x.reshape(2, -1)`, `x.reshape((2, -1))`; -1: what is left.
        """
        return ops.reshape(self, as_shape("reshape", sizes, shape))

    view = reshape  # also where PyTorch refuses, since the memory is not in that order

    def permute(self, *order: Any, dims: Any = None) -> Any:
        """The dimensions in another order: `x.permute(1, 0)`, `x.permute((1, 0))`."""
        return ops.permute(self, as_shape("permute", order, dims))

    def flip(self, *which: Any, dims: Any = None) -> Any:
        """The elements in reverse order along these dimensions."""
        return functional.flip(self, as_shape("flip", which, dims))

    def tile(self, *times: Any, dims: Any = None) -> Any:
        """Copies of self next to each other, so many times along each dimension."""
        return functional.tile(self, as_shape("tile", times, dims))

    def contiguous(self) -> Any:
        """self where its memory is in order, else a copy."""
        return self if self.array.flags.c_contiguous else ops.clone(self)


def requires_grad(value: Any) -> bool:
    """Whether `value` is a tensor that requires a gradient."""
    return isinstance(value, TensorBase) and value.requires_grad


def is_never_equal(other: Any) -> bool:
    """Whether `other` is an object with no elements to compare, such as None, a text, a marker."""
    if isinstance(other, (TensorBase, numbers.Number, np.ndarray, np.generic, list, tuple)):
        return False
    return type(other) not in array.NAMESPACES


# The other methods are the functions of the same name, with self as the first argument.

OPS = """
    abs add all amax any argmax argmin broadcast_to clone cos cumsum div eq exp expm1 ge gt
    isfinite isnan le log log1p logical_and logical_not logical_or lt maximum mul ne neg pow relu
    sigmoid sign sin softmax sqrt sub sum swapaxes tanh unbind
""".split()
FUNCTIONS = """
    allclose amin bmm chunk clamp dot equal expand flatten gather index_select log_softmax logsumexp
    masked_fill matmul max mean min minimum mm movedim mv norm outer prod reciprocal repeat
    repeat_interleave roll rsqrt split square squeeze std take_along_dim transpose tril triu
    unsqueeze var
""".split()
for name in OPS:
    setattr(Tensor, name, getattr(ops, name))
for name in FUNCTIONS:
    setattr(Tensor, name, getattr(functional, name))

TensorBase.tensor_class = Tensor
