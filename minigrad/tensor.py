"""Tensor: an array that remembers how it was made. Its methods carry PyTorch's names; the mathematics is in ops."""

from __future__ import annotations

import weakref
from functools import partialmethod
from typing import Any

import numpy as np

from minigrad import array, backward, errors, functional, ops
from minigrad.autograd import TensorBase, mode, ticks
from minigrad.convert import Conversions, Size, copied_index
from minigrad.functional import as_shape


class Tensor(Conversions):
    """An n-dimensional array with a gradient.

    data: the NumPy or CuPy array. grad: the gradient that `backward` adds up in a leaf that requires one, or None.

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

    dim: Any = lambda self: self.array.ndim
    numel: Any = lambda self: self.array.size
    size: Any = lambda self, dim=None: self.shape if dim is None else self.shape[dim]

    @property
    def data(self) -> Tensor:
        """A tensor that shares the memory, without the graph; a change of it counts as a change of this one."""
        return self.detach()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(
                "a 0-d tensor has no length, and cannot be iterated over; .item() is its number"
            )
        return self.shape[0]

    __iter__: Any = lambda self: iter(ops.unbind(self) if len(self) else ())

    # Gradients

    def requires_grad_(self, requires_grad: Any = True) -> Tensor:
        """Ask for a gradient of this leaf; integers have none."""
        if requires_grad and self.dtype.kind not in "fc":
            raise RuntimeError(
                f"requires_grad: a tensor of {self.dtype} has no gradient; make it floats: .float()"
            )
        if self.node is not None and not requires_grad:
            raise RuntimeError(
                "requires_grad_: only a leaf can stop to require a gradient; use .detach()"
            )
        self.requires_grad = requires_grad
        return self

    def backward(
        self,
        gradient: Any = None,
        retain_graph: Any = None,
        create_graph: Any = False,
        inputs: Any = None,
    ) -> None:
        """Add d(gradient · self)/d(leaf) to the .grad of every leaf behind self, and free the graph.

        gradient: of self's shape; 1 for a scalar. retain_graph: keep the graph for another backward. create_graph:
        make the gradients differentiable. inputs: only these leaves. Raises RuntimeError where self has no graph, is
        no scalar, its graph was freed, or a value that the graph needs was changed in place.
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

    # Changes in place: only of tensors without history, and never unseen

    def mark_changed(self) -> None:
        """Say that .data was written to, so that no op that used it before is differentiated."""
        self.version[0] = next(ticks)

    def write(self, name: str, index: Any, value: Any) -> Tensor:
        """data[index] = value, where that cannot make a gradient wrong."""
        if (
            self.node
            or mode.grad_enabled
            and (self.requires_grad or getattr(value, "requires_grad", False))
        ):
            raise RuntimeError(errors.IN_PLACE.format(name))
        try:
            value = value.array if isinstance(value, TensorBase) else value
            value = value if hasattr(value, "dtype") else np.asarray(value)
            if (
                not np.can_cast(value.dtype, self.dtype, "same_kind")
                and not (value == value.astype(self.dtype)).all()
            ):
                raise TypeError(
                    f"{name}: a tensor of {self.dtype} cannot hold {value.dtype} as it is; convert it first"
                )
            array.NAMESPACES[type(self.array)].check_index(index, self.array.shape)
            self.array[index] = array.to_device(value, self.device)
        except (ValueError, IndexError) as error:
            raise type(error)(
                f"{name} on a tensor of shape {tuple(self.shape)}: {error}"
            ) from error
        self.mark_changed()
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        self.write("[]=", copied_index(index), value)

    def copy_(self, source: Any) -> Tensor:
        """Take over the values of `source`, broadcast to self's shape."""
        return self.write("copy_", ..., source)

    fill_, zero_ = copy_, partialmethod(copy_, 0)

    # Operators

    __getitem__: Any = lambda self, index: ops.getitem(self, index=copied_index(index))
    __add__ = __radd__ = ops.add
    __sub__, __rsub__ = ops.sub, lambda self, other: ops.sub(other, self)
    __mul__ = __rmul__ = ops.mul
    __truediv__, __rtruediv__ = ops.div, lambda self, other: ops.div(other, self)
    __pow__, __rpow__ = ops.pow, lambda self, other: ops.pow(other, self)
    __matmul__, __rmatmul__ = functional.matmul, lambda self, other: functional.matmul(other, self)
    __neg__, __abs__, __invert__ = ops.neg, ops.abs, ops.logical_not
    __eq__, __ne__, __and__, __or__ = ops.eq, ops.ne, ops.logical_and, ops.logical_or
    __lt__, __le__, __gt__, __ge__ = ops.lt, ops.le, ops.gt, ops.ge

    # PyTorch's methods: the functions of these names

    add, sub, mul, div, pow, neg, abs = (
        ops.add,
        ops.sub,
        ops.mul,
        ops.div,
        ops.pow,
        ops.neg,
        ops.abs,
    )
    exp, expm1, log, log1p, sqrt, sin, cos = (
        ops.exp,
        ops.expm1,
        ops.log,
        ops.log1p,
        ops.sqrt,
        ops.sin,
        ops.cos,
    )
    tanh, sigmoid, relu, sign, maximum = ops.tanh, ops.sigmoid, ops.relu, ops.sign, ops.maximum
    eq, ne, lt, le, gt, ge, isnan, isfinite = (
        ops.eq,
        ops.ne,
        ops.lt,
        ops.le,
        ops.gt,
        ops.ge,
        ops.isnan,
        ops.isfinite,
    )
    logical_and, logical_or, logical_not = ops.logical_and, ops.logical_or, ops.logical_not
    sum, amax, cumsum, any, all, softmax = (
        ops.sum,
        ops.amax,
        ops.cumsum,
        ops.any,
        ops.all,
        ops.softmax,
    )
    argmax, argmin, log_softmax, unbind = ops.argmax, ops.argmin, functional.log_softmax, ops.unbind
    swapaxes, broadcast_to, clone = ops.swapaxes, ops.broadcast_to, ops.clone
    square, reciprocal, rsqrt = functional.square, functional.reciprocal, functional.rsqrt
    clamp, minimum, amin, logsumexp = (
        functional.clamp,
        functional.minimum,
        functional.amin,
        functional.logsumexp,
    )
    mean, var, std, norm, prod = (
        functional.mean,
        functional.var,
        functional.std,
        functional.norm,
        functional.prod,
    )
    max, min, gather, take_along_dim = (
        functional.max,
        functional.min,
        functional.gather,
        functional.take_along_dim,
    )
    index_select, masked_fill, roll = (
        functional.index_select,
        functional.masked_fill,
        functional.roll,
    )
    squeeze, unsqueeze, transpose = functional.squeeze, functional.unsqueeze, functional.transpose
    movedim, flatten, split, chunk = (
        functional.movedim,
        functional.flatten,
        functional.split,
        functional.chunk,
    )
    tril, triu, repeat_interleave = functional.tril, functional.triu, functional.repeat_interleave
    matmul, repeat, expand = functional.matmul, functional.repeat, functional.expand
    mm, bmm, mv, dot, outer = (
        functional.mm,
        functional.bmm,
        functional.mv,
        functional.dot,
        functional.outer,
    )
    equal, allclose = functional.equal, functional.allclose
    where: Any = lambda self, condition, other: ops.where(condition, self, other)
    reshape: Any = lambda self, *numbers, shape=None: ops.reshape(
        self, as_shape("reshape", numbers, shape)
    )
    view = reshape  # also where PyTorch refuses, since the memory is not in that order
    permute: Any = lambda self, *numbers, dims=None: ops.permute(
        self, as_shape("permute", numbers, dims)
    )
    flip: Any = lambda self, *numbers, dims=None: functional.flip(
        self, as_shape("flip", numbers, dims)
    )
    tile: Any = lambda self, *numbers, dims=None: functional.tile(
        self, as_shape("tile", numbers, dims)
    )
    contiguous: Any = lambda self: self if self.array.flags.c_contiguous else ops.clone(self)


TensorBase.tensor_class = Tensor
errors.name_all(globals())
