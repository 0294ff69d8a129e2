"""`torch.float32` and the others: NumPy's dtypes, printed as PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigrad

NAMES = ("float32", "float64", "int64", "int32", "uint8", "bool")
__all__ = [
    "dtype",
    "double",
    "float",
    "get_default_dtype",
    "int",
    "long",
    *NAMES,
]


class dtype:
    """The type of a tensor's numbers; NumPy takes it for its own, `dtype.dtype`."""

    def __init__(self, own: np.dtype[Any]):
        self.dtype = own
        self.name, self.kind, self.itemsize = own.name, own.kind, own.itemsize
        self.is_floating_point = own.kind == "f"
        self.is_complex = own.kind == "c"
        self.is_signed = own.kind in "fic"

    def __eq__(self, other: object) -> Any:
        return self is other or self.dtype == other

    def __hash__(self) -> Any:
        return hash(self.dtype)

    def __getattr__(self, name: str) -> Any:
        """What else NumPy's dtype has."""
        if name == "dtype":
            raise AttributeError(name)
        return getattr(self.dtype, name)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> Any:
        return named, (self.name,)


dtype.__module__ = "torch"


KNOWN: dict[str, dtype] = {}


def of(own: np.dtype[Any]) -> dtype:
    """The one dtype of PyTorch's for this one of NumPy's."""
    return KNOWN.setdefault(own.name, dtype(own))


def named(name: str) -> dtype:
    """The dtype of that name of NumPy's."""
    return of(np.dtype(name))


class ByLetter(dict[str, dtype]):
    """`of` by NumPy's letter for a dtype, which is found faster than its name."""

    def __missing__(self, letter: str) -> dtype:
        self[letter] = of(np.dtype(letter))
        return self[letter]


BY_LETTER = ByLetter()


def of_tensor(tensor: minigrad.Tensor) -> dtype:
    """`Tensor.dtype`."""
    return BY_LETTER[tensor.array.dtype.char]


def get_default_dtype() -> dtype:
    """The dtype of floats where none is given."""
    return of(minigrad.get_default_dtype())


vars().update({name: of(np.dtype(name)) for name in NAMES})
float, double, int, long = [of(np.dtype(n)) for n in ("float32", "float64", "int32", "int64")]
