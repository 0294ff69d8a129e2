"""Tensor: an array that remembers how it was made. Its methods carry PyTorch's names; the mathematics is in ops."""

from __future__ import annotations

import builtins
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad import array, autograd, functional, ops
from minigrad.array import Array, device
from minigrad.autograd import Variable, clock, mode, tensor_class


class Size(tuple[int, ...]):
    """A shape; it prints as PyTorch's does."""

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def numel(self) -> builtins.int:
        return int(np.prod(self, dtype=int))


def sizes(arguments: tuple[Any, ...]) -> Any:
    """The numbers in f(2, 3) or in f((2, 3))."""
    return arguments[0] if len(arguments) == 1 and isinstance(arguments[0], (tuple, list)) else arguments


def raw_index(index: Any) -> Any:
    """An index with the arrays of its tensors."""
    if isinstance(index, tuple):
        return tuple([raw_index(i) for i in index])
    if isinstance(index, Variable):
        return index.data
    return np.asarray(index) if isinstance(index, (list, range)) else index


@tensor_class
class Tensor(Variable):
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

    @property
    def shape(self) -> Size:
        return Size(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    @property
    def ndim(self) -> builtins.int:
        return self.data.ndim

    @property
    def device(self) -> device:
        return array.device_of(self.data)

    @property
    def is_leaf(self) -> builtins.bool:
        return self.node is None

    @property
    def grad_fn(self) -> str | None:
        return None if self.node is None else f"<{self.node.op.__name__}>"

    @property
    def T(self) -> Tensor:
        return self.permute(*reversed(range(self.ndim)))

    @property
    def mT(self) -> Tensor:
        return ops.swapaxes(self, -1, -2)

    def dim(self) -> builtins.int:
        return self.ndim

    def numel(self) -> builtins.int:
        return int(self.data.size)

    def size(self, dim: builtins.int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    # --- gradients

    def requires_grad_(self, requires_grad: builtins.bool = True) -> Tensor:
        """Ask for a gradient of this leaf; integers have none."""
        if requires_grad and self.dtype.kind not in "fc":
            raise RuntimeError(
                f"requires_grad: a tensor of {self.dtype} has no gradient; only floats do: say .float() first"
            )
        if self.node is not None and not requires_grad:
            raise RuntimeError("requires_grad_: only a leaf can stop to require a gradient; use .detach()")
        self.requires_grad = requires_grad
        return self

    def backward(
        self,
        gradient: Any = None,
        retain_graph: builtins.bool | None = None,
        create_graph: builtins.bool = False,
        inputs: Any = None,
    ) -> None:
        """Add d(gradient · self)/d(leaf) to the .grad of every leaf behind self, and free the graph.

        gradient: of self's shape; 1 for a scalar. retain_graph: keep the graph for another backward. create_graph:
        make the gradients differentiable. inputs: only these leaves. Raises RuntimeError where self has no graph, is
        no scalar, or its graph was freed or its inputs changed in place.
        """
        autograd.backward(self, None if gradient is None else [gradient], retain_graph, create_graph, inputs)

    def retain_grad(self) -> None:
        """Keep the gradient of this value in .grad, although it is no leaf."""
        if self.node is not None:
            self.node.retained[self.index] = weakref.ref(self)

    def detach(self) -> Tensor:
        """The same memory, without the graph."""
        t = Tensor(self.data)
        t.changed = self.changed
        return t

    # --- changes in place: only to tensors without history, and never unseen

    def bump(self) -> None:
        """Say that .data was written to, so that no op that used it before is differentiated."""
        self.changed[0] = next(clock)

    def open_to_change(self, what: str) -> None:
        if mode.recording and (self.requires_grad or self.node is not None):
            raise RuntimeError(
                f"{what}: a tensor of shape {tuple(self.shape)} that requires a gradient cannot be changed in place; "
                "build a new one with where, cat or stack, or change it under minigrad.no_grad()"
            )

    def __setitem__(self, index: Any, value: Any) -> None:
        self.open_to_change("[]=")
        if isinstance(value, Variable):
            if mode.recording and value.requires_grad:
                raise RuntimeError(
                    "[]=: the value requires a gradient, which would be lost; use where, cat or stack, or .detach() it"
                )
            value = value.data
        if (
            getattr(value, "dtype", np.dtype(type(value)) if np.isscalar(value) else self.dtype).kind
            > self.dtype.kind
            == "i"
        ):
            raise TypeError(f"[]=: {self.dtype} cannot hold {value!r} as it is; convert it first")
        try:
            self.data[raw_index(index)] = value
        except (ValueError, IndexError, TypeError) as error:
            raise type(error)(f"[]= on a tensor of shape {tuple(self.shape)}: {error}") from error
        self.bump()

    def copy_(self, source: Any) -> Tensor:
        """Take over the values of `source`, broadcast to self's shape."""
        self.open_to_change("copy_")
        values = source.data if isinstance(source, Variable) else np.asarray(source)
        try:
            self.data[...] = array.to_device(values, self.device)
        except ValueError as error:
            raise ValueError(
                f"copy_: values of shape {tuple(values.shape)} do not fill a tensor of shape {tuple(self.shape)}"
            ) from error
        self.bump()
        return self

    def fill_(self, value: float) -> Tensor:
        return self.copy_(value)

    def zero_(self) -> Tensor:
        return self.copy_(0)

    # --- to other forms

    def numpy(self) -> np.ndarray[Any, Any]:
        """The array itself, sharing its memory; for a CPU tensor that requires no gradient."""
        if self.requires_grad:
            raise RuntimeError(
                "numpy: this tensor requires a gradient, which NumPy cannot carry; call .detach().numpy()"
            )
        if self.device.type != "cpu":
            raise TypeError(f"numpy: this tensor is on {self.device}; call .cpu().numpy()")
        return self.data

    def __array__(self, dtype: Any = None, copy: builtins.bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise RuntimeError("__dlpack__: this tensor requires a gradient; hand over .detach()")
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.data.__dlpack_device__()

    def item(self) -> Any:
        if self.numel() != 1:
            raise ValueError(
                f"item: a tensor of shape {tuple(self.shape)} is not one number; index it first, or use .tolist()"
            )
        return self.data.item()

    def tolist(self) -> Any:
        return self.data.tolist()

    def new(self, values: Any) -> Tensor:
        """`values` as a tensor on this one's device."""
        return Tensor(array.to_device(np.asarray(values), self.device))

    def to(self, *target: Any, dtype: Any = None, device: Any = None) -> Tensor:
        """self in another dtype, on another device, or as another tensor is; itself where nothing changes."""
        for t in target:
            if isinstance(t, Variable):
                dtype, device = t.data.dtype, array.device_of(t.data)
            elif isinstance(t, (array.device, str)) and str(t).partition(":")[0] in array.DEVICES:
                device = t
            else:
                dtype = t
        x = self if dtype is None or self.dtype == np.dtype(dtype) else ops.astype(self, np.dtype(dtype))
        where = x.device if device is None else array.device(device)
        return x if x.device.type == where.type else ops.move(x, str(where))

    def type(self, dtype: Any) -> Tensor:
        return self.to(dtype)

    def cpu(self) -> Tensor:
        return self.to("cpu")

    def cuda(self) -> Tensor:
        return self.to("cuda")

    def float(self) -> Tensor:
        return self.to(array.float32)

    def double(self) -> Tensor:
        return self.to(array.float64)

    def long(self) -> Tensor:
        return self.to(array.int64)

    def int(self) -> Tensor:
        return self.to(array.int32)

    def bool(self) -> Tensor:
        return self.to(array.bool_)

    def contiguous(self) -> Tensor:
        return self if self.data.flags.c_contiguous else ops.clone(self)

    def __repr__(self) -> str:
        text = np.array2string(array.to_numpy(self.data), separator=", ", prefix="tensor(")
        notes = [] if self.dtype in (array.get_default_dtype(), array.int64, array.bool_) else [f"dtype={self.dtype}"]
        notes += [f"device='{self.device}'"] if self.device.type != "cpu" else []
        if self.requires_grad:
            notes.append(f"grad_fn={self.grad_fn}" if self.node else "requires_grad=True")
        return f"tensor({', '.join([text, *notes])})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and not self.ndim else format(str(self), spec)

    def __bool__(self) -> builtins.bool:
        if self.numel() != 1:
            raise ValueError(f"a tensor of shape {tuple(self.shape)} is neither true nor false; say .any() or .all()")
        return bool(self.data.item())

    def __float__(self) -> builtins.float:
        return float(self.item())

    def __int__(self) -> builtins.int:
        return int(self.item())

    def __index__(self) -> builtins.int:
        if self.dtype.kind not in "ib" or self.numel() != 1:
            raise TypeError(f"only one integer can be an index, and this is {self.dtype}{tuple(self.shape)}")
        return int(self.item())

    def __len__(self) -> builtins.int:
        if not self.ndim:
            raise TypeError("a 0-d tensor has no length")
        return len(self.data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("a 0-d tensor cannot be iterated over; .item() is its number")
        return iter(ops.unbind(self) if len(self) else ())

    def __contains__(self, value: Any) -> builtins.bool:
        return bool((self == value).any())

    def __deepcopy__(self, memo: dict[builtins.int, Any]) -> Any:
        if self.node is not None:
            raise RuntimeError("deepcopy: this tensor has a graph behind it; copy .detach() of it, or a leaf")
        t = memo[id(self)] = type(self).__new__(type(self))
        t.__dict__.update(self.__dict__, data=self.data.copy(), changed=[0], grad=None)
        return t

    def __reduce__(self) -> Any:
        return restore, (array.to_numpy(self.data), self.requires_grad and self.node is None)

    def __getitem__(self, index: Any) -> Tensor:
        return ops.getitem(self, index=raw_index(index))

    # --- operators

    __add__ = __radd__ = ops.add
    __sub__ = ops.sub
    __mul__ = __rmul__ = ops.mul
    __truediv__ = ops.div
    __pow__ = ops.pow
    __matmul__ = ops.matmul
    __neg__, __abs__ = ops.neg, ops.abs
    __eq__, __ne__ = ops.eq, ops.ne
    __lt__, __le__, __gt__, __ge__ = ops.lt, ops.le, ops.gt, ops.ge
    __and__, __or__, __invert__ = ops.logical_and, ops.logical_or, ops.logical_not

    def __rsub__(self, other: Any) -> Tensor:
        return ops.sub(other, self)

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops.div(other, self)

    def __rpow__(self, other: Any) -> Tensor:
        return ops.pow(other, self)

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops.matmul(other, self)

    # --- PyTorch's methods

    add, sub, mul, div, pow, neg, abs = ops.add, ops.sub, ops.mul, ops.div, ops.pow, ops.neg, ops.abs
    exp, expm1, log, log1p, sqrt, sin, cos = ops.exp, ops.expm1, ops.log, ops.log1p, ops.sqrt, ops.sin, ops.cos
    tanh, sigmoid, relu, clamp, sign = ops.tanh, ops.sigmoid, ops.relu, ops.clamp, ops.sign
    maximum, minimum, isnan, isfinite = ops.maximum, ops.minimum, ops.isnan, ops.isfinite
    eq, ne, lt, le, gt, ge = ops.eq, ops.ne, ops.lt, ops.le, ops.gt, ops.ge
    logical_and, logical_or, logical_not = ops.logical_and, ops.logical_or, ops.logical_not
    sum, amax, amin, cumsum, argmax, argmin = ops.sum, ops.amax, ops.amin, ops.cumsum, ops.argmax, ops.argmin
    any, all, softmax, log_softmax, logsumexp = ops.any, ops.all, ops.softmax, ops.log_softmax, ops.logsumexp
    matmul, squeeze, unbind, roll, swapaxes = ops.matmul, ops.squeeze, ops.unbind, ops.roll, ops.swapaxes
    clone = ops.clone
    square, reciprocal, rsqrt = functional.square, functional.reciprocal, functional.rsqrt
    mean, var, std, norm, prod = functional.mean, functional.var, functional.std, functional.norm, functional.prod
    max, min, gather, take_along_dim = functional.max, functional.min, functional.gather, functional.take_along_dim
    index_select, masked_fill, unsqueeze = functional.index_select, functional.masked_fill, functional.unsqueeze
    transpose, movedim, flatten = functional.transpose, functional.movedim, functional.flatten
    split, chunk = functional.split, functional.chunk
    tril, triu, repeat_interleave = functional.tril, functional.triu, functional.repeat_interleave
    mm, bmm, mv, dot, outer = functional.mm, functional.bmm, functional.mv, functional.dot, functional.outer
    equal, allclose = functional.equal, functional.allclose

    def where(self, condition: Tensor, other: Any) -> Tensor:
        return ops.where(condition, self, other)

    def reshape(self, *shape: Any) -> Tensor:
        return ops.reshape(self, sizes(shape))

    def view(self, *shape: Any) -> Tensor:
        """reshape: also where PyTorch would have to refuse, since the memory is not in that order."""
        return ops.reshape(self, sizes(shape))

    def permute(self, *dims: Any) -> Tensor:
        return ops.permute(self, sizes(dims))

    def flip(self, *dims: Any) -> Tensor:
        return ops.flip(self, sizes(dims))

    def tile(self, *dims: Any) -> Tensor:
        return functional.tile(self, sizes(dims))

    def repeat(self, *repeats: Any) -> Tensor:
        if len(sizes(repeats)) < self.ndim:
            raise ValueError(
                f"repeat: {tuple(sizes(repeats))} must give a number for each of the {self.ndim} dimensions"
            )
        return functional.tile(self, sizes(repeats))

    def expand(self, *shape: Any) -> Tensor:
        """Repeat the dimensions of size 1 to `shape`; -1 keeps a size."""
        shape = tuple(sizes(shape))
        lead = len(shape) - self.ndim
        return ops.broadcast_to(self, [self.shape[d - lead] if n == -1 else n for d, n in enumerate(shape)])

    def broadcast_to(self, shape: Any) -> Tensor:
        return ops.broadcast_to(self, shape)


def restore(data: Array, requires_grad: bool) -> Tensor:
    return Tensor(data).requires_grad_(requires_grad)
