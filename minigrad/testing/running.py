"""How the laws call an op: its values, and its gradients by the engine or by its rule alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import backward
from minigrad.array import NUMPY, to_numpy
from minigrad.tensor import Tensor
from minigrad.testing.broken import NotApplicable
from minigrad.testing.samples import Op, Sample, argument_names, is_float


def as_list(value: Any) -> list[Any]:
    """One result or several, as a list."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def function(op: Op, sample: Sample) -> Op:
    """`op` as a function of the sample's arrays of floats alone.

    Its integers and masks are tensors, too.
    """
    constants = [Tensor(a) if isinstance(a, np.ndarray) else a for a in sample.args]

    def f(*floats: Any) -> Any:
        rest = iter(floats)
        args = [next(rest) if is_float(a) else c for a, c in zip(sample.args, constants)]
        return op(*args, **sample.settings)

    return f


def random(sample: Sample, like: Sequence[Any], salt: int = 0) -> list[np.ndarray[Any, Any]]:
    """A random array of each one's shape: cotangents and directions.

    Never ones: the sum of a softmax is always 1.
    """
    rng = np.random.default_rng([sample.seed, salt])
    return [np.asarray(rng.standard_normal(tuple(a.shape))) for a in like]


def run(f: Op, floats: Sequence[Any], cotangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The values of f, and the gradient of each input for these cotangents.

    Tensors, or None where there is none.
    """
    leaves = [Tensor(a).requires_grad_() for a in floats]
    values = as_list(f(*leaves))
    pairs = [(y, y.beside(u).to(y.dtype)) for y, u in zip(values, cotangents) if y.requires_grad]
    if not pairs:
        return values, [None] * len(leaves)
    outputs, weights = zip(*pairs)
    return values, list(backward.grad(outputs, leaves, weights, allow_unused=True))


def numbers(t: Any) -> Any:
    """The numbers of a tensor, on the host."""
    return None if t is None else to_numpy(t.array)


def gradient_names(op: Op, sample: Sample) -> list[str]:
    """∂x, ∂weight ...: what the gradient of each array of floats is called."""
    return [f"∂{name}" for name in argument_names(op, sample)]


def is_foreign(op: Op) -> bool:
    """Whether an adapter made this op: no engine sums, casts or copies its gradients."""
    return bool(getattr(op, "foreign", False))


def pulled(op: Any, sample: Sample) -> tuple[list[Any], list[Any], list[Any]]:
    """The values of the op's rule, the gradient for each array of floats as the rule gives it, and
    the cotangents."""
    value, pullback = op.rule(NUMPY, *sample.args, **sample.settings)
    values = as_list(value)
    if not all(isinstance(y, (np.ndarray, np.generic)) for y in values):
        raise NotApplicable("its values are on another device")
    wanted = [is_float(a) for a in sample.args]
    cotangents = random(sample, [np.asarray(y) for y in values])
    cotangents = [np.asarray(u, np.asarray(y).dtype) for u, y in zip(cotangents, values)]
    if not pullback or not values:
        return values, [None] * sum(wanted), cotangents
    return values, pulled_back(pullback, cotangents, wanted), cotangents


def pulled_back(pullback: Any, cotangents: list[Any], wanted: list[bool]) -> list[Any]:
    """What a rule's pullback gives for the arguments whose gradient is wanted."""
    found = backward.call_pullback(pullback, cotangents, wanted)
    return [as_dense(g) for g, need in zip(found, wanted, strict=True) if need]


def as_dense(g: Any) -> Any:
    """A gradient that is still to be scattered, as an array; any other one as it is."""
    return g.dense(NUMPY) if hasattr(g, "dense") else g
