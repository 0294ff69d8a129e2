"""Distributions of transformed numbers: y = f(x), x drawn from another one (normalizing flows)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

import minigrad
from minigrad import Tensor
from minigrad.errors import shown

from ... import functional as F
from .distributions import Distribution

__all__ = [
    "AffineTransform",
    "ComposeTransform",
    "ExpTransform",
    "SigmoidTransform",
    "TanhTransform",
    "Transform",
    "TransformedDistribution",
]


class Transform:
    """A function y = f(x) of each number, its inverse, and log |dy/dx|.

    A subclass defines `_call`, `_inverse` and `log_abs_det_jacobian`. cache_size=1: the inverse of
    the y that was made last is the x that it was made of, and not computed.
    """

    cache_size = 0
    last: tuple[Any, Any] = (None, None)  # an x and its y

    def __init__(self, cache_size: int = 0):
        if cache_size not in (0, 1):
            raise ValueError(f"{type(self).__name__}: expected cache_size 0 or 1, got {cache_size}")
        self.cache_size = cache_size

    def __call__(self, x: Tensor) -> Tensor:
        if self.cache_size and x is self.last[0]:
            y: Tensor = self.last[1]
            return y
        y = self._call(x)
        self.last = (x, y) if self.cache_size else (None, None)
        return y

    @property
    def inv(self) -> Transform:
        """The transform that gives the x of a y."""
        return Inverse(self)

    def inverted(self, y: Tensor) -> Tensor:
        """The x of which y is made."""
        if self.cache_size and y is self.last[1]:
            x: Tensor = self.last[0]
            return x
        return self._inverse(y)

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no _call")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no _inverse")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log |dy/dx|, number by number."""
        raise NotImplementedError(f"{type(self).__name__} has no log_abs_det_jacobian")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Inverse(Transform):
    """x = f⁻¹(y)."""

    def __init__(self, of: Transform):
        super().__init__()
        self.of = of

    @property
    def inv(self) -> Transform:
        return self.of

    def _call(self, x: Tensor) -> Tensor:
        return self.of.inverted(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.of(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self.of.log_abs_det_jacobian(y, x)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.of!r})"


class AffineTransform(Transform):
    """y = loc + scale x."""

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0):
        super().__init__(cache_size)
        if event_dim:
            raise NotImplementedError(
                "AffineTransform: event_dim is not supported; sum log_prob over those dimensions"
            )
        self.loc, self.scale = loc, scale

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        scale = minigrad.as_tensor(self.scale, dtype=x.dtype)
        shape = np.broadcast_shapes(tuple(x.shape), tuple(scale.shape))
        return scale.abs().log().expand(*shape)


class ExpTransform(Transform):
    """y = eˣ."""

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class SigmoidTransform(Transform):
    """y = σ(x), as PyTorch has it away from 0 and 1."""

    def _call(self, x: Tensor) -> Tensor:
        return inside_0_and_1(x.sigmoid())

    def _inverse(self, y: Tensor) -> Tensor:
        y = inside_0_and_1(y)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -F.softplus(-x) - F.softplus(x)


class TanhTransform(Transform):
    """y = tanh x. With cache_size=1 the inverse of a y that is rounded to 1 is still its x."""

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return (y.log1p() - (-y).log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * (math.log(2) - x - F.softplus(-2 * x))


class ComposeTransform(Transform):
    """Several transforms, the first one first."""

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0):
        super().__init__(cache_size)
        self.parts = listed("ComposeTransform", parts)

    def _call(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.inverted(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        total: Any = 0.0
        for part in self.parts:
            image = part(x)
            total = total + part.log_abs_det_jacobian(x, image)
            x = image
        return total if self.parts else minigrad.zeros_like(x)

    def __repr__(self) -> str:
        return "ComposeTransform(\n    " + ",\n    ".join(map(repr, self.parts)) + "\n)"


class TransformedDistribution(Distribution):
    """The distribution of f(x): x is drawn from `base_distribution`, f is the transforms in order.

    log p(y) = log p(x) - log |dy/dx| (Rezende and Mohamed 2015).
    """

    def __init__(self, base_distribution: Distribution, transforms: Any, validate_args: Any = None):
        if not isinstance(base_distribution, Distribution):
            raise TypeError(
                f"TransformedDistribution: expected a distribution, got {shown(base_distribution)}"
            )
        parts = [transforms] if isinstance(transforms, Transform) else transforms
        self.transforms = listed("TransformedDistribution", parts)
        self.base_dist = base_distribution
        super().__init__(
            base_distribution.batch_shape, base_distribution.event_shape, validate_args
        )
        shape = (*self.batch_shape, *self.event_shape)
        if tuple(self.transformed(minigrad.zeros(*shape)).shape) != shape:
            raise NotImplementedError(
                "TransformedDistribution: a transform that widens the shape is not supported; give "
                "the base distribution that shape"
            )

    def transformed(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        with minigrad.no_grad():
            return self.transformed(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        """A sample with the graph of the base's and of the transforms'."""
        return self.transformed(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        event_dims = tuple(range(-len(self.event_shape), 0))
        total: Any = 0.0
        y = value
        for transform in reversed(self.transforms):
            x = transform.inverted(y)
            slopes = transform.log_abs_det_jacobian(x, y)
            total = total - (slopes.sum(event_dims) if event_dims else slopes)
            y = x
        return total + self.base_dist.log_prob(y)


def listed(name: str, parts: Any) -> list[Transform]:
    """Transforms as a list. Raises TypeError if one is not a Transform."""
    found = list(parts) if isinstance(parts, list | tuple) else [parts]
    if not all([isinstance(part, Transform) for part in found]):
        raise TypeError(f"{name}: expected a list of transforms, got {shown(parts)}")
    return found


def inside_0_and_1(y: Tensor) -> Tensor:
    """Numbers away from 0 and 1, so that their logarithms are finite."""
    info = np.finfo(y.dtype)
    return y.clamp(float(info.tiny), 1.0 - float(info.eps))
