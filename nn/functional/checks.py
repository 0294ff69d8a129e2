"""Checks of arguments: each raises with a sentence that begins with the function's name."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import Any

from minigrad import Tensor
from minigrad.array import NAMESPACES
from minigrad.errors import check_ordered

from ..arguments import as_list, check_integers, refuse_unsupported


def refuse_weight(name: str, weight: Any) -> None:
    """Raise NotImplementedError for a weight of a loss that has none here."""
    if weight is not None:
        refuse_unsupported(name, "multiply what reduction='none' gives", weight=weight)


def softmax_dim(name: str, dim: int | None, input: Tensor) -> int:
    """`dim`; where it is None PyTorch's choice by the number of dimensions, with its warning."""
    if dim is not None:
        return dim
    chosen = 0 if input.ndim in (0, 1, 3) else 1
    warnings.warn(
        f"{name}: without dim it acts along dim {chosen} of {input.ndim}, as in PyTorch, which "
        f"depends on the number of dimensions and may not be what is meant; give dim={chosen}",
        stacklevel=4,
    )
    return chosen


def normalize_padding_idx(name: str, padding_idx: int | None, rows: int) -> int | None:
    """`padding_idx` counted from the start."""
    if padding_idx is None:
        return None
    check_integers(name, -sys.maxsize, padding_idx=padding_idx)
    if not -rows <= padding_idx < rows:
        raise ValueError(
            f"{name}: expected padding_idx between {-rows} and {rows - 1}, got {padding_idx}"
        )
    return padding_idx % rows


def normalized_sizes(name: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """The sizes of the dimensions to normalize over; one number is the last one's.

    Raises TypeError if one is not an integer, ValueError if it is negative.
    """

    def check_size(size: Any) -> None:
        check_integers(name, 0, normalized_shape=size)

    is_one = isinstance(normalized_shape, Integral) or not isinstance(normalized_shape, Iterable)
    sizes = [normalized_shape] if is_one else normalized_shape
    return tuple(map(int, as_list(name, "normalized_shape", sizes, check_size)))


def reduction_of(name: str, reduction: str, size_average: Any = None, reduce: Any = None) -> str:
    """The reduction, also where it is said in PyTorch's older words, with a warning."""
    if size_average is None and reduce is None:
        return check_reduction(name, reduction)
    found = "none" if reduce is False else "mean"
    if found == "mean" and size_average is False:
        found = "sum"
    warnings.warn(
        f"{name}: size_average and reduce are old; write reduction={found!r}", stacklevel=4
    )
    return found


def check_reduction(name: str, reduction: str, *more: str) -> str:
    """The reduction. Raises ValueError if there is none of that name."""
    if not isinstance(reduction, str) or reduction not in ("mean", "sum", "none", *more):
        words = ", ".join([repr(word) for word in ("mean", *more, "sum")])
        raise ValueError(f"{name}: expected reduction {words} or 'none', got {reduction!r}")
    return reduction


def check_floats(name: str, **tensors: Tensor) -> None:
    """Raise TypeError if a tensor is not of floats."""
    for key, tensor in tensors.items():
        if tensor.array.dtype.kind not in "fc":
            raise TypeError(f"{name}: expected {key} of floats, got {tensor.dtype}; use .float()")


def check_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Raise if input and target are not of one shape."""
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: expected a target of the input's shape {tuple(input.shape)}, got "
            f"{tuple(target.shape)}; reshape one of them, since to broadcast is nearly always wrong"
        )


def checked_difference(name: str, input: Tensor, target: Tensor) -> Tensor:
    """input - target, which must have one shape."""
    check_same_shape(name, input, target)
    return input - target


def real_difference(name: str, input: Tensor, target: Tensor) -> Tensor:
    """The same, of real numbers alone."""
    check_ordered(name, [input.array, target.array])
    return checked_difference(name, input, target)


def check_broadcasts(name: str, input: Tensor, **tensors: Tensor | None) -> None:
    """Raise if a tensor does not broadcast to the shape of `input`."""
    for argument, tensor in tensors.items():
        if tensor is None:
            continue
        sizes = zip(reversed(tensor.shape), reversed(input.shape), strict=False)
        if tensor.ndim > input.ndim or not all(n in (1, size) for n, size in sizes):
            raise ValueError(
                f"{name}: expected {argument} to broadcast to {tuple(input.shape)}, "
                f"got {tuple(tensor.shape)}"
            )


def class_dim(name: str, input: Tensor, weight: Tensor | None) -> int:
    """The dimension of the classes: 1, or 0 without a batch.

    Raises if `weight` is not one number for each class.
    """
    if input.ndim == 0:
        raise ValueError(f"{name}: expected input (batch, classes, ...) or (classes,), got ()")
    dim = min(1, input.ndim - 1)
    if weight is not None and tuple(weight.shape) != (input.shape[dim],):
        raise ValueError(
            f"{name}: expected weight ({input.shape[dim]},), one number for each class, "
            f"got {tuple(weight.shape)}"
        )
    return dim


def check_targets(name: str, input: Tensor, target: Tensor) -> None:
    """Raise if `target` is not one class for each row of `input`."""
    dim = min(1, input.ndim - 1)
    shape = (*input.shape[:dim], *input.shape[dim + 1 :])
    if tuple(target.shape) != shape or target.dtype.kind != "i":
        raise ValueError(
            f"{name}: expected target {shape} of integers for input {tuple(input.shape)}, "
            f"got {tuple(target.shape)} of {target.dtype}{way_to_targets(input, target, shape)}"
        )


def check_nothing_ignored(name: str, ignore_index: int) -> None:
    """Raise ValueError if a class is to be ignored in targets that are probabilities."""
    if ignore_index >= 0:
        raise ValueError(
            f"{name}: expected class numbers as target where ignore_index={ignore_index}, got "
            "probabilities; set those of a row that does not count to 0"
        )


def way_to_targets(input: Tensor, target: Tensor, shape: tuple[int, ...]) -> str:
    """What to do about targets of another shape or dtype, where it can be guessed."""
    given = tuple(target.shape)
    if given == shape:
        return "; make class numbers of it with .long()"
    if given == (*shape, 1):
        return "; take the last dimension off with .squeeze(-1)"
    if given == tuple(input.shape):
        return "; of one-hot rows take .argmax(1), or give probabilities as floats"
    if given == tuple(input.shape[:-1]):
        return "; the classes of input are dimension 1: reshape to (-1, classes) and (-1,)"
    return ""


def check_classes(name: str, classes: Tensor, count: int) -> None:
    """Raise IndexError if a class lies outside 0 to count - 1; on a GPU when it is next read."""
    xp = NAMESPACES[type(classes.array)]
    xp.check_bounds(classes.array, count, name, f"classes 0 to {count - 1}")


def changed_in_place(name: str, input: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """`input` itself, with the values of function(input); `name` is that of the method."""
    return input.update(name, lambda x, _: function(x), None)


def check_no_nan(name: str, **numbers: float) -> None:
    """Raise ValueError if one of these numbers is NaN."""
    for key, number in numbers.items():
        if number != number:
            raise ValueError(f"{name}: expected a number as {key}, got nan")
