"""Tensor: an array that remembers how it was made.

Its methods carry PyTorch's names; the mathematics is in ops and functional.
"""

from __future__ import annotations

import numbers
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import (
    aliases,
    arguments,
    array,
    backward,
    creation,
    distributions,
    errors,
    functional,
    graph,
    ops,
)
from minigrad.arguments import as_shape, normalize_dim
from minigrad.constructor import constructed
from minigrad.convert import Size
from minigrad.graph import TensorBase, changes, tensor_of
from minigrad.hooks import RemovableHandle
from minigrad.index import (
    copied_index,
    has_arrays,
    integers_first,
    is_plain_index,
    without_empty_ellipsis,
)
from minigrad.inplace import InPlace


class Tensor(InPlace):
    """An n-dimensional array with a gradient.

    `Tensor(array)` holds this NumPy or CuPy array, with its dtype. As in PyTorch, `Tensor(2, 3)`
    has these sizes (it is filled with 0, where PyTorch leaves the values undefined), `Tensor([2,
    3])` has these numbers in the default dtype, and `Tensor(t)` shares the memory and the graph of
    t. Raises TypeError for anything else.

    array: the NumPy or CuPy array. data: a tensor that shares its memory, without the graph.
    grad: the gradient that `backward` adds up in a leaf that requires one, or None.

    >>> import minigrad as mg
    >>> x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    def __init__(self, *data: Any, size: Any = None, device: Any = None):
        if size is None and len(data) == 1 and isinstance(data[0], TensorBase):
            same = ops.getitem(data[0], index=...)
            vars(self).update(vars(same if device is None else same.to(device)))
        else:
            super().__init__(constructed(data, size, device))

    __hash__ = object.__hash__

    shape = property(lambda self: Size(self.array.shape))
    ndim = property(lambda self: self.array.ndim)
    is_leaf = property(lambda self: not (self.requires_grad and self.node))
    grad_fn = property(lambda self: f"<{self.node.op.__name__}>" if not self.is_leaf else None)
    T = property(lambda self: self.permute(*reversed(range(self.ndim))))

    @property
    def mT(self) -> Any:
        """The matrices (.., m, n) transposed, (.., n, m)."""
        if self.array.ndim < 2:
            raise RuntimeError(f"mT: expected a matrix or several, got shape {self.array.shape}")
        return ops.swapaxes(self, -1, -2)

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
        if not self.array.shape:
            raise IndexError(
                f"size: expected a tensor with dimensions, got dim {dim} of a 0-d tensor; "
                "its number is .item()"
            )
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

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add d(gradient · self)/d(leaf) to the .grad of every leaf behind self; free the graph.

        gradient: of self's shape; 1 for a scalar. retain_graph: keep the graph for another
        backward. create_graph: make the gradients differentiable. inputs: only these leaves. Raises
        RuntimeError if self has no graph, is not a scalar, its graph was freed, or a value that the
        graph needs was changed in place.
        """
        backward.backward(self, gradient, retain_graph, create_graph, inputs)

    def retain_grad(self) -> None:
        """Keep the gradient of this value in .grad, although it is not a leaf.

        Raises RuntimeError if it requires no gradient.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "retain_grad: expected a tensor that requires a gradient, got one that does not; "
                "make it from a leaf with requires_grad=True"
            )
        if self.node is not None:
            if self.node.retained is None:
                self.node.retained = {}
            self.node.retained[self.index] = weakref.ref(self)

    def register_hook(self, hook: Any) -> RemovableHandle:
        """Call hook(gradient) whenever a gradient of self has been added up in a backward.

        What it returns, if not None, takes the gradient's place. It must not change its argument.
        Returns a handle, whose `remove()` ends it. Raises RuntimeError if self requires no
        gradient.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "register_hook: expected a tensor that requires a gradient, got one that does not"
            )
        if self.node is None:
            if self.leaf_hooks is None:
                self.leaf_hooks = {}
            return RemovableHandle(self.leaf_hooks, hook)
        if self.node.hooks is None:
            self.node.hooks = {}
        return RemovableHandle(self.node.hooks.setdefault(self.index, {}), hook)

    def detach(self) -> Tensor:
        """The same memory, without the graph."""
        t: Tensor = tensor_of(self.array)
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
        self.base = None
        is_shared = isinstance(source, TensorBase) and self.array is values
        self.version = source.version if is_shared else [0, None]
        self.version[:] = changes.tick(), None

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
    __pos__ = functional.positive
    __abs__ = ops.abs

    def __eq__(self, other: Any) -> Any:
        return False if is_never_equal(other) else ops.eq(self, other)

    def __ne__(self, other: Any) -> Any:
        return True if is_never_equal(other) else ops.ne(self, other)

    def __contains__(self, element: Any) -> bool:
        if is_never_equal(element):
            raise TypeError(f"in: expected a number or a tensor, got a {type(element).__name__}")
        try:
            return bool(ops.eq(self, element).any())
        except Exception as error:
            errors.in_name_of("in", error)
            raise

    __lt__ = ops.lt
    __le__ = ops.le
    __gt__ = ops.gt
    __ge__ = ops.ge
    __and__ = __rand__ = ops.bitwise_and
    __or__ = __ror__ = ops.bitwise_or
    __xor__ = __rxor__ = ops.bitwise_xor
    __invert__ = ops.bitwise_not
    __floordiv__ = functional.floor_divide
    __mod__ = functional.remainder
    __rfloordiv__: Any = lambda self, other: functional.floor_divide(other, self)
    __rmod__: Any = lambda self, other: functional.remainder(other, self)

    def __round__(self, decimals: int = 0) -> Any:
        return functional.round(self, decimals=decimals)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        """`ndarray * Tensor`, which is that of Tensors; and np.exp(t), of one without a graph."""
        if method == "__call__" and ufunc in OPERATORS and not settings:
            return OPERATORS[ufunc](*inputs)
        if "out" in settings:
            raise TypeError(
                f"{ufunc.__name__}: expected no tensor beside an array that is changed, got one; "
                "use .numpy()"
            )
        arrays = [a.numpy() if isinstance(a, Tensor) else a for a in inputs]
        found = getattr(ufunc, method)(*arrays, **settings)
        results = found if isinstance(found, tuple) else (found,)
        tensors = [Tensor(np.asarray(result)) for result in results]
        return tuple(tensors) if isinstance(found, tuple) else tensors[0]

    def __divmod__(self, other: Any) -> Any:
        try:
            return self // other, self % other
        except Exception as error:
            errors.in_name_of("divmod", error)
            raise

    def __getitem__(self, index: Any) -> Any:
        if is_plain_index(index):
            parts = index if isinstance(index, tuple) else (index,)
            if len(parts) == self.array.ndim and {int}.issuperset(map(type, parts)):
                index = (*parts, ...)  # of one element a view, and no copy
            return ops.getitem(self, index=index)
        index = copied_index(index)
        if is_plain_index(index):  # no array is left
            return self[index]
        integers, others = integers_first(without_empty_ellipsis(index, self.array.ndim))
        x = ops.getitem(self, index=integers) if integers else self
        return functional.picked(x, others) if has_arrays(others) else ops.getitem(x, index=others)

    # Methods whose arguments are not those of the function of that name

    def where(self, condition: Any, other: Any) -> Any:
        """self where the condition holds, else `other`."""
        return functional.where(condition, self, other)

    def reshape(self, *sizes: Any, shape: Any = None) -> Any:
        """The elements in another shape.

        `x.reshape(2, -1)`, `x.reshape((2, -1))`; -1: what is left.
        """
        return ops.reshape(self, shape=as_shape("reshape", sizes, shape))

    def view(self, *sizes: Any, shape: Any = None) -> Any:
        """The same as reshape, also where PyTorch refuses because of the order of the memory.

        `x.view(torch.float64)`, the same bytes as another dtype, is refused.
        """
        try:
            return ops.reshape(self, shape=as_shape("view", sizes, shape))
        except Exception as error:
            errors.in_name_of("view", error)
            raise

    def permute(self, *order: Any, dims: Any = None) -> Any:
        """The dimensions in another order: `x.permute(1, 0)`, `x.permute((1, 0))`."""
        return ops.permute(self, dims=as_shape("permute", order, dims))

    def flip(self, *which: Any, dims: Any = None) -> Any:
        """The elements in reverse order along these dimensions."""
        return functional.flip(self, as_shape("flip", which, dims))

    def tile(self, *times: Any, dims: Any = None) -> Any:
        """Copies of self next to each other, so many times along each dimension."""
        return functional.tile(self, as_shape("tile", times, dims))

    @errors.speaks_for_itself
    def view_as(self, other: Any) -> Any:
        """The elements in the shape of another tensor."""
        return self.view(arguments.as_input("view_as", other).shape)

    @errors.speaks_for_itself
    def reshape_as(self, other: Any) -> Any:
        """The elements in the shape of another tensor."""
        return self.reshape(arguments.as_input("reshape_as", other).shape)

    @errors.speaks_for_itself
    def expand_as(self, other: Any) -> Any:
        """self repeated to the shape of another tensor, without a copy."""
        return functional.expand(self, tuple(arguments.as_input("expand_as", other).shape))

    def split(self, split_size: Any, dim: int = 0) -> Any:
        """Parts of that size along `dim`, the last may be smaller; or of the sizes in a list."""
        return functional.split(self, split_size, dim)

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the memory is in the order of the elements."""
        arguments.refuse_keywords("is_contiguous", memory_format=memory_format)
        return bool(self.array.flags.c_contiguous)

    def contiguous(self, memory_format: Any = None) -> Any:
        """self where its memory is in order, else a copy."""
        arguments.refuse_keywords("contiguous", memory_format=memory_format)
        return self if self.array.flags.c_contiguous else functional.in_order(ops.clone(self))


def is_never_equal(other: Any) -> bool:
    """Whether `other` is an object with no elements to compare, such as None, a text, a marker."""
    if isinstance(other, (TensorBase, numbers.Number, np.ndarray, np.generic, list, tuple)):
        return False
    return type(other) not in array.NAMESPACES


OPERATORS: dict[Any, Any] = {  # what NumPy asks for in `ndarray * Tensor`
    np.add: ops.add,
    np.subtract: ops.sub,
    np.multiply: ops.mul,
    np.divide: ops.div,
    np.power: ops.pow,
    np.matmul: functional.matmul,
    np.floor_divide: functional.floor_divide,
    np.remainder: functional.remainder,
    np.bitwise_and: ops.bitwise_and,
    np.bitwise_or: ops.bitwise_or,
    np.bitwise_xor: ops.bitwise_xor,
    np.equal: ops.eq,
    np.not_equal: ops.ne,
    np.less: ops.lt,
    np.less_equal: ops.le,
    np.greater: ops.gt,
    np.greater_equal: ops.ge,
}


# The other methods are the functions of the same name, with self as the first argument.

OPS = """
    abs add all amax any argmax argmin bitwise_and bitwise_not bitwise_or bitwise_xor
    broadcast_to ceil clone cos cosh cumsum div eq erf exp expm1 floor ge gt isfinite isinf isnan le
    log log10 log1p log2 lt maximum mul ne neg pow relu sigmoid sign sin sinh softmax sqrt sub sum
    swapaxes tan tanh trunc unbind
""".split()
FUNCTIONS = {
    functional: """
        addcdiv addcmul addmm addmv allclose amin argsort atan2 baddbmm bincount bmm chunk clamp
        clamp_max clamp_min cummax cummin cumprod diag diagonal dot dsplit equal exp2 expand
        flatten floor_divide fmod frac gather hsplit index_add index_copy index_fill index_select
        isclose lerp log_softmax logaddexp logaddexp2 logcumsumexp logical_and logical_not
        logical_or logical_xor logsumexp masked_fill masked_select matmul max mean median min
        minimum mm movedim mv narrow nonzero norm outer positive prod ravel reciprocal remainder
        repeat repeat_interleave roll round rsqrt scatter scatter_add select sgn sort square
        squeeze std t take_along_dim tensor_split topk transpose tril triu unflatten unfold unique
        unsqueeze var vsplit
    """,
    creation: "new new_empty new_full new_ones new_tensor new_zeros",
    distributions: "bernoulli multinomial",
    aliases: """
        absolute arctan2 clip divide fix greater greater_equal less less_equal moveaxis multiply
        negative not_equal subtract swapdims true_divide
    """,
}
for name in OPS:
    setattr(Tensor, name, getattr(ops, name))
for module, names in FUNCTIONS.items():
    for name in names.split():
        setattr(Tensor, name, getattr(module, name))
for other_name, name in {"ger": "outer", "nelement": "numel", "ndimension": "dim"}.items():
    setattr(Tensor, other_name, getattr(Tensor, name))

graph.tensor_class = Tensor
