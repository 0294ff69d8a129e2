"""The methods that change a tensor in place, by PyTorch's names: add_, clamp_, normal_, exp_ ...

How a change is made and recorded is in minigrad.mutation.
"""

from __future__ import annotations

from functools import partialmethod
from typing import Any

import numpy as np

from minigrad import arguments, diagnosis, errors, functional, ops, random
from minigrad.array import to_numpy
from minigrad.graph import TensorBase
from minigrad.mutation import Mutable


class InPlace(Mutable):
    """The part of Tensor that names its changes in place."""

    # Arithmetic

    __iadd__: Any = lambda self, other: self.update("+=", ops.add, other)
    __isub__: Any = lambda self, other: self.update("-=", ops.sub, other)
    __imul__: Any = lambda self, other: self.update("*=", ops.mul, other)
    __itruediv__: Any = lambda self, other: self.update("/=", ops.div, other)
    __ipow__: Any = lambda self, other: self.update("**=", ops.pow, other)
    __ifloordiv__: Any = lambda self, other: self.update("//=", functional.floor_divide, other)
    __imod__: Any = lambda self, other: self.update("%=", functional.remainder, other)
    __iand__: Any = lambda self, other: self.update("&=", ops.bitwise_and, other)
    __ior__: Any = lambda self, other: self.update("|=", ops.bitwise_or, other)
    __ixor__: Any = lambda self, other: self.update("^=", ops.bitwise_xor, other)

    def add_(self, other: Any, *, alpha: Any = 1) -> Any:
        """self += alpha * other."""
        return self.update("add_", ops.add, other, **multiple(alpha))

    def sub_(self, other: Any, *, alpha: Any = 1) -> Any:
        """self -= alpha * other."""
        return self.update("sub_", ops.sub, other, **multiple(alpha))

    def mul_(self, other: Any) -> Any:
        """self *= other."""
        return self.update("mul_", ops.mul, other)

    def div_(self, other: Any, *, rounding_mode: None = None) -> Any:
        """self /= other."""
        if rounding_mode is not None:
            raise NotImplementedError(
                f"div_: rounding_mode={errors.describe(rounding_mode)} is not supported; use //="
            )
        return self.update("div_", ops.div, other)

    def pow_(self, exponent: Any) -> Any:
        """self **= exponent."""
        return self.update("pow_", ops.pow, exponent)

    def clamp_(self, min: Any = None, max: Any = None) -> Any:
        """Bring every element into [min, max]."""
        return self.update("clamp_", functional.clamp, min, max)

    def masked_fill_(self, mask: Any, value: Any) -> Any:
        """Make the elements `value` where the mask holds."""
        return self.update("masked_fill_", functional.masked_fill, mask, value)

    def index_fill_(self, dim: int, index: Any, value: Any) -> Any:
        """Make the slices along `dim` that the index names `value`."""
        return self.update("index_fill_", functional.index_fill, dim, index, value)

    def index_add_(self, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
        """Add alpha times the slices of `source` to those along `dim` that the index names."""
        return self.update("index_add_", functional.index_add, dim, index, source, alpha=alpha)

    def index_copy_(self, dim: int, index: Any, source: Any) -> Any:
        """Put the slices of `source` where the index names one along `dim`."""
        return self.update("index_copy_", functional.index_copy, dim, index, source)

    def scatter_(self, dim: int, index: Any, src: Any = None, **settings: Any) -> Any:
        """Put the elements of `src`, or a number, where the index names a place along `dim`."""
        src = settings.pop("value", src)
        return self.update("scatter_", functional.scatter, dim, index, src, **settings)

    def scatter_add_(self, dim: int, index: Any, src: Any) -> Any:
        """Add the elements of `src` where the index names a place along `dim`."""
        return self.update("scatter_add_", functional.scatter_add, dim, index, src)

    def copy_(self, source: Any, non_blocking: bool = False) -> Any:
        """Take over the values of `source`, broadcast to self's shape."""
        errors.check_flag("copy_", "non_blocking", non_blocking)
        shape = tuple(self.values_to_hold("copy_", source).shape)
        if diagnosis.broadcast([shape, self.array.shape]) != self.array.shape:
            raise ValueError(
                f"copy_: expected values that broadcast to {tuple(self.array.shape)}, got shape "
                f"{shape}; reshape them"
            )
        return self.assign("copy_", ..., source)

    def fill_(self, value: Any) -> Any:
        """Make every element `value`, one number. Raises ValueError for several."""
        if getattr(value, "shape", ()):
            raise ValueError(f"fill_: expected one number, got shape {tuple(value.shape)}")
        return self.assign("fill_", ..., value)

    zero_ = partialmethod(fill_, 0)

    # At random

    def uniform_(
        self, low: Any = 0.0, to: Any = 1.0, *, generator: Any = None, **named: Any
    ) -> Any:
        """Draw every element uniformly from [low, to); PyTorch's name for low is `from`."""
        low = named.pop("from", low)
        if named:
            raise TypeError(f"uniform_: expected from, to and generator, got {sorted(named)}")
        source = self.source_of_floats("uniform_", generator)
        low = arguments.as_real("uniform_", "from", low)
        to = arguments.as_real("uniform_", "to", to)
        if not -np.inf < low <= to < np.inf:
            raise ValueError(f"uniform_: expected from below to, both finite, got {low} and {to}")
        drawn = source.random(self.shape, dtype=self.dtype)
        return self.assign("uniform_", ..., drawn * (to - low) + low)

    def normal_(self, mean: Any = 0.0, std: Any = 1.0, *, generator: Any = None) -> Any:
        """Draw every element from the normal distribution of this mean and deviation."""
        source = self.source_of_floats("normal_", generator)
        mean = arguments.as_real("normal_", "mean", mean)
        std = arguments.as_real("normal_", "std", std)
        if not std >= 0:
            raise ValueError(f"normal_: expected std of 0 or more, got {std}")
        drawn = source.standard_normal(self.shape, dtype=self.dtype)
        return self.assign("normal_", ..., drawn * std + mean)

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Any:
        """Make every element 1 with probability p, a number or a tensor that broadcasts, else 0."""
        if not isinstance(p, TensorBase):
            p = arguments.as_real("bernoulli_", "p", p)
        chances = to_numpy(p.array) if isinstance(p, TensorBase) else np.asarray(p)
        if not ((chances >= 0) & (chances <= 1)).all():
            raise ValueError(f"bernoulli_: expected p from 0 to 1, got {p}")
        if arguments.broadcast_shape("bernoulli_", self.shape, chances.shape) != self.shape:
            raise ValueError(
                f"bernoulli_: expected p that broadcasts to {tuple(self.shape)}, "
                f"got shape {chances.shape}"
            )
        drawn = random.source_of("bernoulli_", generator).random(self.shape) < chances
        return self.assign("bernoulli_", ..., drawn.astype(self.dtype))

    def source_of_floats(self, name: str, generator: Any) -> Any:
        """The source behind `generator=`. Raises TypeError if self is not of floats."""
        if self.dtype.kind != "f":
            raise TypeError(f"{name}: expected floats, got {self.dtype}; use .float() first")
        return random.source_of(name, generator)

    # The graph

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Ask for a gradient of this leaf. Raises RuntimeError for integers, which have none."""
        self.requires_grad = requires_grad
        return self

    def detach_(self) -> Any:
        """Be a leaf that requires no gradient. Raises RuntimeError for a view."""
        if self.base is not None:
            raise RuntimeError(
                "detach_: expected a tensor with memory of its own, got a view; use .detach()"
            )
        self.become(None)
        return self

    def unsqueeze_(self, dim: int) -> Any:
        """self with a new dimension of size 1 at `dim`."""
        return self.reshape_in_place("unsqueeze_", functional.unsqueeze, dim)

    def squeeze_(self, dim: Any = None) -> Any:
        """self without its dimensions of size 1, or without those of `dim` that are."""
        return self.reshape_in_place("squeeze_", functional.squeeze, dim)

    def transpose_(self, dim0: int, dim1: int) -> Any:
        """self with two dimensions exchanged."""
        return self.reshape_in_place("transpose_", functional.transpose, dim0, dim1)

    def swapaxes_(self, axis0: int, axis1: int) -> Any:
        """transpose_, by NumPy's name."""
        return self.reshape_in_place("swapaxes_", functional.transpose, axis0, axis1)

    def swapdims_(self, dim0: int, dim1: int) -> Any:
        """transpose_, by another name of PyTorch's."""
        return self.reshape_in_place("swapdims_", functional.transpose, dim0, dim1)

    def t_(self) -> Any:
        """self as its transpose."""
        return self.reshape_in_place("t_", functional.t)


def multiple(alpha: Any) -> dict[str, Any]:
    """The keyword alpha; none where it is 1, for to read it takes longer than to add."""
    return {} if type(alpha) is int and alpha == 1 else {"alpha": alpha}


# Functions in place: exp_() is exp, and so on

ELEMENTWISE = """
    abs ceil cos cosh erf exp expm1 floor log log10 log1p log2 neg relu sigmoid sign sin sinh sqrt
    tan tanh trunc
""".split()
COMPOSED = "exp2 frac reciprocal round rsqrt sgn square tril triu".split()
ARITHMETIC = """
    addcdiv addcmul atan2 clamp_max clamp_min floor_divide fmod lerp remainder
""".split()  # by an argument


def in_place(word: str, function: Any) -> Any:
    """The method `word_`: self with the values of function(self, ..)."""

    def method(self: InPlace, *others: Any, **settings: Any) -> Any:
        return self.update(f"{word}_", function, *others, **settings)

    method.__name__ = method.__qualname__ = f"{word}_"
    method.__doc__ = f"Be {word} of what was there; {function.__doc__}"
    return method


for name in ELEMENTWISE:
    setattr(InPlace, f"{name}_", in_place(name, getattr(ops, name)))
for name in COMPOSED + ARITHMETIC:
    setattr(InPlace, f"{name}_", in_place(name, getattr(functional, name)))

OTHER_NAMES = {
    "absolute_": "abs_",
    "arctan2_": "atan2_",
    "clip_": "clamp_",
    "divide_": "div_",
    "fix_": "trunc_",
    "multiply_": "mul_",
    "negative_": "neg_",
    "subtract_": "sub_",
    "true_divide_": "div_",
}
for other_name, name in OTHER_NAMES.items():
    setattr(InPlace, other_name, getattr(InPlace, name))
