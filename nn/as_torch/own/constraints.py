"""`torch.distributions.constraints`: what numbers a distribution, or a transform, takes or gives.

A distribution names them as `arg_constraints` and `support`, and asks them of its parameters and of
the values of log_prob. `constraint.check(value)` tells where a value is in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad import Tensor
from minigrad.errors import shown

__all__ = [
    "Constraint",
    "boolean",
    "dependent",
    "dependent_property",
    "greater_than",
    "greater_than_eq",
    "half_open_interval",
    "integer_interval",
    "interval",
    "less_than",
    "nonnegative",
    "nonnegative_integer",
    "positive",
    "positive_integer",
    "real",
    "real_vector",
    "simplex",
    "unit_interval",
]


class Constraint:
    """Whether values are in order: the numbers, or with event_dim=1 the vectors of the last dim.

    A class of one's own defines `check`.
    """

    is_discrete = False
    event_dim = 0

    def check(self, value: Tensor) -> Tensor:
        """True for each number, or vector, that is in order."""
        raise NotImplementedError(f"{type(self).__name__} has no check")

    @property
    def words(self) -> str:
        """What is in order, for messages."""
        return f"values that satisfy {self}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Known(Constraint):
    """One of the constraints below. text: as PyTorch prints it, and told: in words for messages.

    Both have the names of the bounds in braces: log_prob makes constraints that it never prints.
    """

    def __init__(
        self,
        text: str,
        told: str,
        check: Callable[[Tensor], Tensor],
        *,
        is_discrete: bool = False,
        event_dim: int = 0,
        **bounds: Any,
    ):
        self.text, self.told = text, told
        self.is_in_order = check
        self.is_discrete, self.event_dim = is_discrete, event_dim
        self.bounds = bounds
        vars(self).update(bounds)

    def check(self, value: Tensor) -> Tensor:
        """True for each number, or vector, that is in order."""
        return self.is_in_order(value)

    @property
    def words(self) -> str:
        """What is in order, for messages."""
        return self.told.format(**{name: bound(value) for name, value in self.bounds.items()})

    def __repr__(self) -> str:
        return self.text.format(**self.bounds)


def greater_than(lower_bound: Any) -> Constraint:
    """x > lower_bound."""
    return Known(
        "GreaterThan(lower_bound={lower_bound})",
        "numbers above {lower_bound}",
        lambda x: lower_bound < x,
        lower_bound=lower_bound,
    )


def greater_than_eq(lower_bound: Any) -> Constraint:
    """x ≥ lower_bound."""
    return Known(
        "GreaterThanEq(lower_bound={lower_bound})",
        "numbers of at least {lower_bound}",
        lambda x: lower_bound <= x,
        lower_bound=lower_bound,
    )


def less_than(upper_bound: Any) -> Constraint:
    """x < upper_bound."""
    return Known(
        "LessThan(upper_bound={upper_bound})",
        "numbers below {upper_bound}",
        lambda x: x < upper_bound,
        upper_bound=upper_bound,
    )


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """lower_bound ≤ x ≤ upper_bound."""
    return Known(
        "Interval(lower_bound={lower_bound}, upper_bound={upper_bound})",
        "numbers from {lower_bound} to {upper_bound}",
        lambda x: (lower_bound <= x) & (x <= upper_bound),
        lower_bound=lower_bound,
        upper_bound=upper_bound,
    )


def half_open_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """lower_bound ≤ x < upper_bound."""
    return Known(
        "HalfOpenInterval(lower_bound={lower_bound}, upper_bound={upper_bound})",
        "numbers from {lower_bound} to below {upper_bound}",
        lambda x: (lower_bound <= x) & (x < upper_bound),
        lower_bound=lower_bound,
        upper_bound=upper_bound,
    )


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """The integers from lower_bound to upper_bound, both included."""
    return Known(
        "IntegerInterval(lower_bound={lower_bound}, upper_bound={upper_bound})",
        "integers from {lower_bound} to {upper_bound}",
        lambda x: (x % 1 == 0) & (lower_bound <= x) & (x <= upper_bound),
        is_discrete=True,
        lower_bound=lower_bound,
        upper_bound=upper_bound,
    )


def integers_from(lower_bound: int) -> Constraint:
    """The integers that are at least lower_bound."""
    return Known(
        "IntegerGreaterThan(lower_bound={lower_bound})",
        "integers of at least {lower_bound}",
        lambda x: (x % 1 == 0) & (x >= lower_bound),
        is_discrete=True,
        lower_bound=lower_bound,
    )


def bound(value: Any) -> str:
    """A bound in words: the number, or of several what kind of tensor they are in."""
    is_one = isinstance(value, int | float) or value.numel() == 1
    return f"{float(value):g}" if is_one else shown(value)


def is_on_simplex(x: Tensor) -> Tensor:
    """Whether the numbers of each vector are at least 0 and add up to 1."""
    return (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6)


def depends_on_parameters(value: Tensor) -> Tensor:
    """Raises ValueError: only a distribution with its parameters knows."""
    raise ValueError("check: expected the constraint of a distribution, got that of its class")


boolean = Known("Boolean()", "0 or 1", lambda x: (x == 0) | (x == 1), is_discrete=True)
dependent = Known("Dependent()", "values that depend on the parameters", depends_on_parameters)
nonnegative = greater_than_eq(0.0)
nonnegative_integer = integers_from(0)
positive = greater_than(0.0)
positive_integer = integers_from(1)
real = Known("Real()", "numbers other than NaN", lambda x: x == x)
real_vector = Known(
    "IndependentConstraint(Real(), 1)",
    "numbers other than NaN",
    lambda x: (x == x).all(-1),
    event_dim=1,
)
simplex = Known("Simplex()", "numbers of at least 0 that add up to 1", is_on_simplex, event_dim=1)
unit_interval = interval(0.0, 1.0)


class dependent_property(property):
    """A property whose constraint depends on the parameters: `support` of a class of one's own."""

    def __init__(
        self, fn: Any = None, *, is_discrete: bool | None = None, event_dim: int | None = None
    ):
        super().__init__(fn)
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, fn: Any) -> dependent_property:
        """The same with a function, as `@dependent_property(event_dim=0)` needs it."""
        return dependent_property(fn, is_discrete=self.is_discrete, event_dim=self.event_dim)
