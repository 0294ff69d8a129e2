"""`torch.Tensor(2, 3)`, `torch.LongTensor([1, 2])`: the constructors from before `torch.tensor`.

With sizes they make a tensor of that shape whose values are to be filled in; with a list or an
array, a tensor of those values in the class's own dtype.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, cast

import numpy as np

import minigrad
from minigrad.array import get_default_dtype
from minigrad.convert import CLASSES, Size
from minigrad.errors import shown


class LegacyType(type):
    """The class of these classes: their calls make plain tensors, of which isinstance knows."""

    own_dtype: np.dtype[Any] | None
    own_device: str

    @property
    def dtype(cls) -> np.dtype[Any]:
        """The dtype of what the class makes; that of `torch.Tensor` is the default one."""
        return get_default_dtype() if cls.own_dtype is None else cls.own_dtype

    def __call__(cls, *data: Any, **settings: Any) -> Any:
        return make(cls, *data, **settings)

    def __instancecheck__(cls, value: Any) -> bool:
        if not isinstance(value, minigrad.Tensor):
            return False
        if cls.own_dtype is None:
            return True
        return value.dtype == cls.own_dtype and value.device.type == cls.own_device

    def __subclasscheck__(cls, other: Any) -> bool:
        is_tensor = issubclass(other, minigrad.Tensor) and cls.own_dtype is None
        return is_tensor or type.__subclasscheck__(cls, other)

    def __getattr__(cls, name: str) -> Any:
        """A method of a tensor, as in `torch.Tensor.add(x, y)`."""
        return getattr(minigrad.Tensor, name)


def make(kind: LegacyType, *data: Any, size: Any = None, device: Any = None) -> minigrad.Tensor:
    """A tensor of these sizes, or of one list, array or tensor, in the dtype of the class.

    A tensor is taken as it is. Raises TypeError for one of another dtype, for a single number that
    is not a size, and for what is not a number.
    """
    name = kind.__name__
    place = kind.own_device if device is None else device
    if size is not None:
        data = tuple(size)
    elif len(data) == 1 and isinstance(data[0], Size):
        data = data[0]
    if all([isinstance(n, Integral) for n in data]):
        return minigrad.empty(*(data or (0,)), dtype=kind.dtype, device=place)
    if len(data) != 1:
        got = ", ".join([shown(value) for value in data])
        raise TypeError(f"{name}: expected sizes, or one list or array, got {got}")
    values = data[0]
    if isinstance(values, minigrad.Tensor):
        if kind.own_dtype is not None and values.dtype != kind.own_dtype:
            raise TypeError(
                f"{name}: expected a tensor of {kind.dtype}, got {values.dtype}; "
                f"convert it with .to(torch.{kind.dtype.name})"
            )
        return minigrad.Tensor(values)
    if not hasattr(values, "__len__") or isinstance(values, str | bytes):
        raise TypeError(
            f"{name}: expected sizes, a list or an array, got {shown(values)}; "
            "torch.tensor(...) takes a single number"
        )
    return minigrad.tensor(values).to(dtype=kind.dtype, device=place)


def legacy(name: str, dtype: np.dtype[Any] | None, device: str = "cpu") -> type:
    """One class: its name, the dtype of what it makes (None: the default one) and the device."""
    module = "torch" if device == "cpu" else f"torch.{device}"
    doc = f"A tensor of {dtype or 'the default dtype'}, from sizes or from one list or array."
    names = {"own_dtype": dtype, "own_device": device, "__doc__": doc, "__module__": module}
    return cast(type, LegacyType(name, (), names))


DTYPES = {name: dtype for dtype, name in CLASSES.items()}  # FloatTensor: float32 ...


def classes(device: str) -> dict[str, type]:
    """FloatTensor, LongTensor and the others of one device."""
    return {name: legacy(name, np.dtype(dtype), device) for name, dtype in DTYPES.items()}


Tensor: Any = legacy("Tensor", None)
__all__ = ["Tensor", *DTYPES]
vars().update(classes("cpu"))
