"""How a tensor becomes something else: another dtype or device, an array, a number, a text, a copy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partialmethod
from typing import Any

import numpy as np

from minigrad import array, ops
from minigrad.autograd import TensorBase


class Size(tuple[int, ...]):
    """A shape; it prints as PyTorch's does."""

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def numel(self) -> int:
        return int(np.prod(self, dtype=int))


def copied_index(index: Any) -> Any:
    """An index with copies of its arrays: the gradient needs it as it is now, whatever is written there later."""
    if isinstance(index, tuple):
        return tuple([copied_index(i) for i in index])
    if isinstance(index, TensorBase):
        return index.array.copy()
    return np.array(index) if isinstance(index, (list, range, np.ndarray)) else index


class Conversions(TensorBase):
    """The part of Tensor that turns it into other forms."""

    # A function that gives what Jupyter shows of a tensor, as HTML, or None for its text. It is None
    # until somebody offers one: minigrad.inspect does.
    html_page: Callable[[Any], str | None] | None = None

    def _repr_html_(self) -> str | None:
        html_page = Conversions.html_page
        return None if html_page is None else html_page(self)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def device(self) -> array.device:
        return array.device_of(self.array)

    def to(self, *target: Any, dtype: Any = None, device: Any = None) -> Any:
        """self in another dtype, on another device, or as another tensor is; itself where nothing changes."""
        for t in target:
            if isinstance(t, TensorBase):
                dtype, device = t.array.dtype, array.device_of(t.array)
            elif isinstance(t, array.device) or (
                isinstance(t, str) and t.partition(":")[0] in array.DEVICES
            ):
                device = t
            else:
                dtype = t
        try:
            x = (
                self
                if dtype is None or self.dtype == np.dtype(dtype)
                else ops.astype(self, np.dtype(dtype))
            )
        except TypeError as error:
            raise TypeError(
                f"to: {dtype!r} is neither a dtype nor one of the devices {', '.join(array.DEVICES)}"
            ) from error
        where = x.device if device is None else array.device(device)
        return x if x.device.type == where.type else ops.move(x, str(where))

    type = to
    cpu, cuda = partialmethod(to, "cpu"), partialmethod(to, "cuda")
    float, double = partialmethod(to, array.float32), partialmethod(to, array.float64)
    long, int, bool = (
        partialmethod(to, array.int64),
        partialmethod(to, array.int32),
        partialmethod(to, array.bool_),
    )

    def new(self, values: Any) -> Any:
        """`values` as a tensor on this one's device."""
        return TensorBase.tensor_class(array.to_device(np.asarray(values), self.device))

    def numpy(self) -> np.ndarray[Any, Any]:
        """The array itself, sharing its memory; for a CPU tensor that requires no gradient."""
        if self.requires_grad:
            raise RuntimeError(
                "numpy: this tensor requires a gradient, which NumPy cannot carry; call .detach().numpy()"
            )
        if self.device.type != "cpu":
            raise TypeError(f"numpy: this tensor is on {self.device}; call .cpu().numpy()")
        return self.array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise RuntimeError(
                "__dlpack__: this tensor requires a gradient, which would be lost; hand over .detach()"
            )
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    def item(self) -> Any:
        """The one number that this tensor holds, as Python's own."""
        if self.array.size != 1:
            raise ValueError(
                f"item: a tensor of shape {tuple(self.shape)} is not one number; index it, or use .tolist()"
            )
        return array.to_numpy(self.array).item()

    def tolist(self) -> Any:
        return array.to_numpy(self.array).tolist()

    def __bool__(self) -> Any:
        if self.array.size != 1:
            raise ValueError(
                f"a tensor of shape {tuple(self.shape)} is neither true nor false; say .any() or .all()"
            )
        return array.to_numpy(self.array).item() != 0

    def __float__(self) -> Any:
        return self.item() * 1.0

    def __int__(self) -> Any:
        return (
            array.to_numpy(self.array).astype(np.int64).item()
            if self.array.size == 1
            else self.item()
        )

    def __index__(self) -> Any:
        if self.dtype.kind not in "ib" or self.array.size != 1:
            raise TypeError(
                f"only one integer can be an index, and this is {self.dtype}{tuple(self.shape)}"
            )
        return int_(self.item())

    def __repr__(self) -> str:
        text = np.array2string(array.to_numpy(self.array), separator=", ", prefix="tensor(")
        notes = (
            []
            if self.dtype in (array.get_default_dtype(), array.int64, array.bool_)
            else [f"dtype={self.dtype}"]
        )
        notes += [f"device='{self.device}'"] if self.device.type != "cpu" else []
        if self.requires_grad:
            notes.append(
                f"grad_fn=<{self.node.op.__name__}>" if self.node else "requires_grad=True"
            )
        return f"tensor({', '.join([text, *notes])})"

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec and not self.shape else str(self), spec)

    def __deepcopy__(self, memo: dict[Any, Any]) -> Any:
        if self.node is not None:
            raise RuntimeError(
                "deepcopy: this tensor has a graph behind it; copy .detach() of it, or a leaf"
            )
        t = memo[id(self)] = type_(self).__new__(type_(self))
        t.__dict__.update(self.__dict__, array=self.array.copy(), version=[0], grad=None)
        return t

    def __reduce__(self) -> Any:
        if self.node is not None:
            raise RuntimeError(
                "pickle: this tensor has a graph behind it; pickle .detach() of it, or a state_dict"
            )
        return restore, (type_(self), array.to_numpy(self.array), self.requires_grad)


int_, type_ = int, type  # the class above has methods of these names


def restore(kind: Any, data: Any, requires_grad: bool) -> Any:
    t = kind.__new__(kind)
    TensorBase.__init__(t, data)
    t.requires_grad = requires_grad
    return t
