"""What grad and backward are given: outputs, inputs, and the gradients to start from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, ValuesView
from typing import Any

from minigrad import errors
from minigrad.array import NAMESPACES, XP, Array, device_of, refuse_masked
from minigrad.graph import TensorBase, tensor_of

MOST_TENSORS = 1_000_000  # out of an iterator that may not end


def as_list(name: str, tensors: Any) -> list[Any]:
    """A Tensor, or a sequence, generator or dict's values of them, as a list."""
    if isinstance(tensors, TensorBase):
        return [tensors]  # asking for an Iterator takes longer than the rest of this function
    if isinstance(tensors, Iterator):
        found = list(itertools.islice(tensors, MOST_TENSORS + 1))
        if len(found) > MOST_TENSORS:
            raise ValueError(f"{name}: expected at most {MOST_TENSORS} tensors, got more")
        return found
    return list(tensors) if isinstance(tensors, (list, tuple, ValuesView)) else [tensors]


def weights_of(name: str, outputs: list[Any], given: Any) -> list[Any]:
    """The weight given for each output; None for each where none are given."""
    weights = [None] * len(outputs) if given is None else as_list(name, given)
    if len(weights) != len(outputs):
        raise ValueError(
            f"{name}: expected one gradient for each of the {len(outputs)} outputs, "
            f"got {len(weights)}"
        )
    for y in outputs:
        if not isinstance(y, TensorBase):
            raise TypeError(f"{name}: expected tensors as outputs, got a {type(y).__name__}")
    return weights


def starting_points(
    name: str, outputs: Any, given: Any, create_graph: bool, skips_constants: bool = False
) -> tuple[list[TensorBase], list[Any]]:
    """The outputs, and the gradient to start from at each: the one given, or 1 for a scalar.

    skips_constants: leave out the outputs that have no graph, where RuntimeError is raised
    otherwise.
    """
    outputs = as_list(name, outputs)
    weights = weights_of(name, outputs, given)
    if skips_constants:
        for y, g in zip(outputs, weights, strict=True):
            check_shape(name, y, y if g is None else g)
        weights = [g for y, g in zip(outputs, weights, strict=True) if y.requires_grad]
        outputs = [y for y in outputs if y.requires_grad]
    cotangents = []
    for y, g in zip(outputs, weights, strict=True):
        cotangents.append(initial_cotangent(name, y, g, create_graph))
    return outputs, cotangents


def initial_cotangent(name: str, y: TensorBase, g: Any, create_graph: bool) -> Any:
    """The gradient to start from at the output y: the one given, or 1 for a scalar.

    An array; with `create_graph` a Tensor.
    """
    if not y.requires_grad:
        raise RuntimeError(errors.NO_GRAPH.format(name, tuple(y.shape)))
    if g is None and y.array.size != 1:
        raise RuntimeError(errors.NOT_SCALAR.format(name, tuple(y.shape)))
    xp = NAMESPACES[type(y.array)]
    array = xp.ones_like(y.array) if g is None else given_cotangent(name, xp, g)
    check_shape(name, y, array)
    if not create_graph:
        return array
    return g if isinstance(g, TensorBase) else tensor_of(array)


def check_shape(name: str, y: TensorBase, g: Any) -> None:
    """Raise ValueError if a gradient given for y is of another shape."""
    expected = y.array.shape
    shape = getattr(g, "shape", expected)
    if shape != expected:
        raise ValueError(errors.WRONG_COTANGENT.format(name, tuple(expected), tuple(shape)))


def given_cotangent(name: str, xp: XP, g: Any) -> Array:
    """The array of a gradient that the caller gave: a Tensor, an array or a number."""
    if not isinstance(g, TensorBase):
        refuse_masked(name, g)
    if isinstance(g, (bool, complex)):
        raise TypeError(f"{name}: expected a real number as a gradient, got {g}")
    try:
        array = g.array if isinstance(g, TensorBase) else xp.asarray(g)
    except ValueError:
        raise TypeError(f"{name}: expected numbers as a gradient, got {g!r:.60}") from None
    if type(array) is not xp.ndarray:
        raise RuntimeError(
            f"{name}: expected a gradient on the device of the output, got one on "
            f"{device_of(array)}; move it with .to(...)"
        )
    if not isinstance(g, TensorBase) and array.dtype.kind not in "fiubc":
        raise TypeError(f"{name}: expected numbers as a gradient, got {g!r}")
    return array


def as_inputs(name: str, inputs: Any) -> list[Any]:
    """`inputs` as a list. Raises RuntimeError if one is not a tensor that requires a gradient."""
    found = as_list(name, inputs)
    for i, t in enumerate(found):
        if not (isinstance(t, TensorBase) and t.requires_grad):
            raise RuntimeError(errors.NO_LEAF.format(name, i, tuple(getattr(t, "shape", ()))))
    return found
