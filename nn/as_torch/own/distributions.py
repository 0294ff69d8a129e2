"""`torch.distributions`: samples and their log-probabilities, for a few distributions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

import minigrad
from minigrad import Tensor
from minigrad.convert import Size
from minigrad.errors import shown

from ... import functional as F
from ...arguments import check_integers
from . import constraints
from .constraints import Constraint

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "Independent",
    "Normal",
    "Uniform",
    "kl_divergence",
]


class Distribution:
    """A distribution over numbers, or several at once: batch_shape is their shape.

    arg_constraints: what is asked of the parameters; support: of the values of log_prob and cdf.
    Raises ValueError for others, unless validate_args is False.
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    support: Any = None  # a Constraint, or None, which asks nothing
    _validate_args = True

    def __init__(
        self,
        batch_shape: Iterable[int] = (),
        event_shape: Iterable[int] = (),
        validate_args: bool | None = None,
    ):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        for name, constraint in self.arg_constraints.items():
            is_given = name in vars(self)  # and not computed from another
            if self._validate_args and is_given and constraint is not constraints.dependent:
                self._check(name, constraint, vars(self)[name])

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether a distribution that is not told validates its arguments; at first it does."""
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args: expected a bool, got {shown(value)}")
        Distribution._validate_args = value

    @property
    def batch_shape(self) -> Size:
        """How many distributions there are, as a shape."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one sample."""
        return self._event_shape

    def _check(self, name: str, constraint: Constraint, value: Tensor) -> None:
        """Raise ValueError with the first number, or vector, that breaks the constraint."""
        value = value.detach()
        is_in_order = constraint.check(value)
        if bool(is_in_order.all()):
            return
        event = value.shape[value.ndim - constraint.event_dim :]
        broken = value.expand(*is_in_order.shape, *event)[~is_in_order]
        raise ValueError(
            f"{type(self).__name__}: {name}: expected {constraint.words}, got {broken[0].tolist()}"
        )

    def _check_value(self, value: Any) -> None:
        """`_validate_sample`, where this distribution is to validate."""
        if self._validate_args:
            self._validate_sample(value)

    def _validate_sample(self, value: Any) -> None:
        """Raise ValueError for what is no tensor of samples of this distribution."""
        name = type(self).__name__
        if not isinstance(value, Tensor):
            raise ValueError(f"{name}: value: expected a tensor, got {shown(value)}")
        shape = (*self.batch_shape, *self.event_shape)
        event = value.shape[value.ndim - len(self.event_shape) :]
        pairs = zip(reversed(value.shape), reversed(shape))
        if event != self.event_shape or any([n != m and 1 not in (n, m) for n, m in pairs]):
            raise ValueError(
                f"{name}: value: expected a shape that broadcasts with {shape}, "
                f"got {tuple(value.shape)}"
            )
        if self.support is not None:
            self._check("value", self.support, value)

    @property
    def mean(self) -> Tensor:
        """The mean of samples."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def variance(self) -> Tensor:
        """The variance of samples."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        """The root of variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        """Numbers of shape sample_shape + batch_shape, without a graph."""
        raise NotImplementedError(f"{type(self).__name__} has no sample")

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of its density, of `value`."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def entropy(self) -> Tensor:
        """The mean of -log_prob over samples."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        """A sample with a graph."""
        raise NotImplementedError(f"{type(self).__name__} has no rsample; use sample")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of at most `value`."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The number below which a sample is with the probability `value`."""
        raise NotImplementedError(f"{type(self).__name__} has no icdf")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(batch_shape: {tuple(self.batch_shape)})"


class Reparametrized(Distribution):
    """A distribution whose `rsample` is a function of its parameters and of noise."""

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        with minigrad.no_grad():
            return self.rsample(sample_shape)


def one_of(name: str, probs: Any, logits: Any) -> Tensor:
    """The one that is given. Raises ValueError for both or none, TypeError for no floats."""
    if (probs is None) == (logits is None):
        got = "none" if probs is None else "both"
        raise ValueError(f"{name}: expected either probs or logits, got {got}")
    given = minigrad.as_tensor(logits if probs is None else probs)
    if given.dtype.kind != "f":
        raise TypeError(f"{name}: expected floats, got {shown(given)}; use .float()")
    return given


class Categorical(Distribution):
    """Numbers from 0 to K - 1, with the chances in the last dimension of probs (.., K).

    Those need not add up to 1. logits: their logarithms, up to a constant.
    """

    arg_constraints: ClassVar = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None):
        given = one_of("Categorical", probs, logits)
        if given.ndim == 0:
            raise ValueError("Categorical: expected at least one dimension, got shape ()")
        if probs is None:
            self.logits = given - given.logsumexp(-1, keepdim=True)
        else:
            self.probs = given / given.sum(-1, keepdim=True)
        super().__init__(given.shape[:-1], (), validate_args)
        if probs is None:
            self.probs = F.softmax(self.logits, -1)
        else:
            self.logits = clamped(self.probs).log()

    @property
    def support(self) -> Constraint:
        """The integers from 0 to K - 1."""
        return constraints.integer_interval(0, self.probs.shape[-1] - 1)

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = (*sample_shape, *self.batch_shape)
        rows = self.probs.detach().reshape(-1, self.probs.shape[-1])
        count = math.prod(sample_shape)
        drawn = minigrad.multinomial(rows, count, replacement=True)  # (rows, samples)
        return drawn.t().reshape(*shape)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        ids = value.long().unsqueeze(-1)
        shape = (*np.broadcast_shapes(ids.shape[:-1], self.batch_shape), -1)
        return self.logits.expand(*shape).gather(-1, ids.expand(*shape)).squeeze(-1)

    def entropy(self) -> Tensor:
        return -(self.probs * self.logits).sum(-1)


class Bernoulli(Distribution):
    """1 with probability `probs`, else 0. logits: log(probs / (1 - probs))."""

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: Any = None):
        given = one_of("Bernoulli", probs, logits)
        if probs is None:
            self.logits = given
        else:
            self.probs = given
        super().__init__(given.shape, (), validate_args)
        if probs is None:
            self.probs = given.sigmoid()
        else:
            safe = clamped(given)
            self.logits = safe.log() - (1 - safe).log()

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        shape = (*sample_shape, *self.batch_shape)
        return minigrad.bernoulli(self.probs.detach().expand(*shape))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        logits, value = minigrad.broadcast_tensors(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")


class Normal(Reparametrized):
    """The normal distribution with mean `loc` and standard deviation `scale`."""

    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: Any = None):
        loc, scale = [as_floats(value) for value in (loc, scale)]
        self.loc, self.scale = minigrad.broadcast_tensors(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        """loc."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """scale."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """scale²."""
        return self.scale**2

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        """A sample with its graph: loc + scale · noise."""
        shape = (*sample_shape, *self.batch_shape)
        noise = minigrad.randn(*shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + self.scale * noise

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value)
        distance = (value - self.loc) / self.scale
        return -0.5 * distance**2 - self.scale.log() - 0.5 * math.log(2 * math.pi)

    def cdf(self, value: Tensor) -> Tensor:
        self._check_value(value)
        return 0.5 * (1 + ((value - self.loc) / (self.scale * math.sqrt(2))).erf())

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Uniform(Reparametrized):
    """The uniform distribution over the numbers from `low` to below `high`."""

    arg_constraints: ClassVar = {"low": constraints.dependent, "high": constraints.dependent}

    def __init__(self, low: Any, high: Any, validate_args: Any = None):
        low, high = [as_floats(value) for value in (low, high)]
        self.low, self.high = minigrad.broadcast_tensors(low, high)
        super().__init__(self.low.shape, (), validate_args)
        is_below = self.low.detach() < self.high.detach()
        if self._validate_args and not bool(is_below.all()):
            raise ValueError("Uniform: expected low below high, got others")

    @property
    def support(self) -> Constraint:
        """The numbers from low to high."""
        return constraints.interval(self.low.detach(), self.high.detach())

    @property
    def mean(self) -> Tensor:
        """The middle of low and high."""
        return (self.low + self.high) / 2

    @property
    def variance(self) -> Tensor:
        """(high - low)² / 12."""
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        """A sample with its graph: low + (high - low) · noise."""
        shape = (*sample_shape, *self.batch_shape)
        noise = minigrad.rand(*shape, dtype=self.low.dtype, device=self.low.device)
        return self.low + (self.high - self.low) * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """-log(high - low), at high -∞. Raises ValueError beyond them, if it is to validate."""
        self._check_value(value)
        is_inside = (self.low <= value) & (value < self.high)
        inside = minigrad.zeros_like(self.low).masked_fill(~is_inside, -math.inf)
        return inside - (self.high - self.low).log()

    def cdf(self, value: Tensor) -> Tensor:
        self._check_value(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()


class Independent(Distribution):
    """A distribution over arrays of independent numbers: the last dimensions of the base's
    batch_shape count as dimensions of one sample, and log_prob adds up over them.

    Raises TypeError if the base is no distribution, ValueError if it has fewer dimensions.
    """

    def __init__(
        self,
        base_distribution: Any,
        reinterpreted_batch_ndims: int,
        validate_args: Any = None,
    ):
        count = reinterpreted_batch_ndims
        if not isinstance(base_distribution, Distribution):
            got = shown(base_distribution)
            raise TypeError(f"Independent: expected a distribution as base, got {got}")
        check_integers("Independent", 0, reinterpreted_batch_ndims=count)
        batch = base_distribution.batch_shape
        kept = len(batch) - count
        if kept < 0:
            raise ValueError(
                f"Independent: expected reinterpreted_batch_ndims up to {len(batch)}, the base's "
                f"dimensions, got {count}"
            )
        self.base_dist: Distribution = base_distribution
        self.reinterpreted_batch_ndims = count
        event = (*batch[kept:], *base_distribution.event_shape)
        super().__init__(batch[:kept], event, validate_args)

    @property
    def mean(self) -> Tensor:
        """The base's."""
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        """The base's, number by number."""
        return self.base_dist.variance

    def sample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Iterable[int] = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_over_last(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_over_last(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"


def sum_over_last(x: Tensor, count: int) -> Tensor:
    """The sum over the last `count` dimensions."""
    return x.sum(tuple(range(-count, 0))) if count else x


def as_floats(value: Any) -> Tensor:
    """The tensor, or a tensor of floats from a number."""
    return value if isinstance(value, Tensor) else minigrad.tensor(float(value))


def clamped(probs: Tensor) -> Tensor:
    """Probabilities away from 0 and 1, so that their logarithms are finite, as PyTorch does."""
    eps = 1.1920928955078125e-07 if probs.dtype == minigrad.float32 else 2.220446049250313e-16
    return probs.clamp(eps, 1 - eps)


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The mean of log p - log q over samples of p, for two of the same kind.

    Raises NotImplementedError for two of different kinds, or with samples of different dimensions.
    """
    if isinstance(p, Categorical) and isinstance(q, Categorical):
        return (p.probs * (p.logits - q.logits)).sum(-1)
    if isinstance(p, Normal) and isinstance(q, Normal):
        ratio = (p.scale / q.scale) ** 2
        return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())
    if isinstance(p, Bernoulli) and isinstance(q, Bernoulli):
        rest = F.logsigmoid(-p.logits) - F.logsigmoid(-q.logits)
        return p.probs * (p.logits - q.logits) + rest
    if isinstance(p, Independent) and isinstance(q, Independent):
        count = p.reinterpreted_batch_ndims
        if q.reinterpreted_batch_ndims == count:
            return sum_over_last(kl_divergence(p.base_dist, q.base_dist), count)
    raise NotImplementedError(
        f"kl_divergence: {type(p).__name__} and {type(q).__name__} is not supported; write the "
        "mean of p.log_prob(x) - q.log_prob(x) over samples x of p"
    )
