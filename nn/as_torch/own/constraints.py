"""`torch.distributions.constraints`: what numbers a distribution, or a transform, takes or gives.

Programs name them in classes of their own (`arg_constraints`, `support`, `domain`); nothing here
asks for them. `constraint.check(value)` tells where a value is in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad import Tensor

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
    """Whether values are in order: the numbers, or with event_dim=1 the vectors of the last dim."""

    is_discrete = False
    event_dim = 0

    def __init__(self, text: str, check: Callable[[Tensor], Tensor], **attributes: Any):
        self.text = text
        self.is_in_order = check
        vars(self).update(attributes)

    def check(self, value: Tensor) -> Tensor:
        """True for each number, or vector, that is in order."""
        return self.is_in_order(value)

    def __repr__(self) -> str:
        return self.text


def greater_than(lower_bound: Any) -> Constraint:
    """x > lower_bound."""
    text = f"GreaterThan(lower_bound={lower_bound})"
    return Constraint(text, lambda x: lower_bound < x, lower_bound=lower_bound)


def greater_than_eq(lower_bound: Any) -> Constraint:
    """x ≥ lower_bound."""
    text = f"GreaterThanEq(lower_bound={lower_bound})"
    return Constraint(text, lambda x: lower_bound <= x, lower_bound=lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """x < upper_bound."""
    text = f"LessThan(upper_bound={upper_bound})"
    return Constraint(text, lambda x: x < upper_bound, upper_bound=upper_bound)


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """lower_bound ≤ x ≤ upper_bound."""
    return between("Interval", lower_bound, upper_bound, lambda x: x <= upper_bound)


def half_open_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """lower_bound ≤ x < upper_bound."""
    return between("HalfOpenInterval", lower_bound, upper_bound, lambda x: x < upper_bound)


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """The integers from lower_bound to upper_bound, both included."""

    def is_in_order(x: Tensor) -> Tensor:
        return (x % 1 == 0) & (x <= upper_bound)

    found = between("IntegerInterval", lower_bound, upper_bound, is_in_order)
    found.is_discrete = True
    return found


def between(kind: str, lower: Any, upper: Any, below: Callable[[Tensor], Tensor]) -> Constraint:
    """At least `lower`, and what `below` says."""
    text = f"{kind}(lower_bound={lower}, upper_bound={upper})"
    bounds = {"lower_bound": lower, "upper_bound": upper}
    return Constraint(text, lambda x: (lower <= x) & below(x), **bounds)


def integers_from(lower_bound: int) -> Constraint:
    """The integers that are at least lower_bound."""

    def is_in_order(x: Tensor) -> Tensor:
        return (x % 1 == 0) & (x >= lower_bound)

    text = f"IntegerGreaterThan(lower_bound={lower_bound})"
    return Constraint(text, is_in_order, is_discrete=True, lower_bound=lower_bound)


def is_on_simplex(x: Tensor) -> Tensor:
    """Whether the numbers of each vector are at least 0 and add up to 1."""
    return (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6)


def depends_on_parameters(value: Tensor) -> Tensor:
    """Raises ValueError: only a distribution with its parameters knows."""
    raise ValueError("check: expected the constraint of a distribution, got that of its class")


boolean = Constraint("Boolean()", lambda x: (x == 0) | (x == 1), is_discrete=True)
dependent = Constraint("Dependent()", depends_on_parameters)
nonnegative = greater_than_eq(0.0)
nonnegative_integer = integers_from(0)
positive = greater_than(0.0)
positive_integer = integers_from(1)
real = Constraint("Real()", lambda x: x == x)
real_vector = Constraint(
    "IndependentConstraint(Real(), 1)", lambda x: (x == x).all(-1), event_dim=1
)
simplex = Constraint("Simplex()", is_on_simplex, event_dim=1)
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
