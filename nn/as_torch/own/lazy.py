"""Layers that learn the number of their inputs from the first one: `nn.LazyLinear(5)`.

Their parameters are there from the start, so that an optimizer can have them, and are empty; the
first call fills them, and makes the layer one of the plain class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import minigrad

from ... import convolution, layers
from ...module import Module
from ...parameter import Parameter

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyLinear",
    "UninitializedParameter",
]


class UninitializedParameter(Parameter):
    """A parameter whose shape the first call of its layer will give."""

    def numel(self) -> int:
        """Raises ValueError: the number of elements is not known yet."""
        raise ValueError(
            "UninitializedParameter: expected a call of the layer before the parameter is used, "
            "got none yet; call the model once with an input of the right shape"
        )

    def __repr__(self) -> str:
        return "<UninitializedParameter>"


class Lazy(Module):
    """What the lazy layers share: settings of `plain` without its first, which is a size.

    A subclass says which dimension of the first input gives that size.
    """

    plain: Callable[..., Any]
    dim: int
    parameter_names = ("weight", "bias")

    def __init__(self, *settings: Any, **named: Any):
        self.settings = settings
        self.named = named
        trial = self.plain(1, *settings, **named)  # checks the settings
        self.text = trial.extra_repr().replace("1", "0", 1)  # with 0 as the unknown size
        for name in self.parameter_names:
            given = getattr(trial, name)
            empty = None if given is None else UninitializedParameter(given.detach()[:0])
            setattr(self, name, empty)

    def forward(self, input: minigrad.Tensor) -> Any:
        """The plain layer's output, after becoming one for inputs of this size.

        Raises ValueError if the input does not have the dimension.
        """
        if not -input.ndim <= self.dim < input.ndim:
            raise ValueError(
                f"{type(self).__name__}: expected an input with dimension {self.dim}, got shape "
                f"{tuple(input.shape)}"
            )
        full = self.plain(input.shape[self.dim], *self.settings, **self.named)
        full.train(self.training)
        for name in self.parameter_names:
            empty = getattr(self, name)
            if empty is not None:
                setattr(full, name, filled(empty, getattr(full, name)))
        del self.settings, self.named, self.text
        vars(self).update(vars(full))
        self.__class__ = type(full)
        return self(input)

    def extra_repr(self) -> str:
        return self.text


def filled(empty: Parameter, full: Parameter) -> Parameter:
    """`empty` itself, for those who have it, with the values of `full` in its own dtype."""
    moved = full.detach().to(dtype=empty.dtype, device=empty.device)
    empty.__class__ = Parameter
    empty.array = moved.array
    empty.mark_changed()
    return empty


class LazyLinear(Lazy):
    """`Linear` without in_features."""

    plain = layers.Linear
    dim = -1


class LazyConv1d(Lazy):
    """`Conv1d` without in_channels."""

    plain = convolution.Conv1d
    dim = 1


class LazyConv2d(Lazy):
    """`Conv2d` without in_channels."""

    plain = convolution.Conv2d
    dim = 1


class LazyBatchNorm1d(Lazy):
    """`BatchNorm1d` without num_features."""

    plain = convolution.BatchNorm1d
    dim = 1


class LazyBatchNorm2d(Lazy):
    """`BatchNorm2d` without num_features."""

    plain = convolution.BatchNorm2d
    dim = 1
