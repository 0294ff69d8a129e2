"""split, chunk and their like: the parts into which a tensor is cut, which are views of it."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigrad import ops
from minigrad.arguments import as_input, as_integer, normalize_dim
from minigrad.errors import speaks_for_itself
from minigrad.functional.picking import dim_with_slices
from minigrad.graph import TensorBase

if TYPE_CHECKING:
    from minigrad.tensor import Tensor

MOST_PIECES = 10**6  # a tensor of its own each


def split(
    tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Pieces of x along `dim`: of one size (the last may be smaller), or of the sizes given.

    Raises ValueError if the sizes do not add up to that of the dimension.
    """
    x = as_input("split", tensor)
    dim = dim_with_slices("split", x, dim)
    n = x.shape[dim]
    sections = sections_of(n, split_size_or_sections)
    if builtins.sum(sections) != n or any([size < 0 for size in sections]):
        raise ValueError(
            f"split: expected sections that add up to {n}, the size of dimension {dim}, "
            f"got {sections}"
        )
    pieces: tuple[Tensor, ...] = ops.split(x, sizes=tuple(sections), dim=dim)
    return pieces


def sections_of(n: int, given: Any) -> list[int]:
    """The sizes into which `split` cuts n."""
    if isinstance(given, (list, tuple)):
        return [as_integer("split", "each section", size) for size in given]
    size = as_integer("split", "split_size", given)
    if size < 0 or (size == 0 and n > 0):
        raise ValueError(f"split: expected a split_size of 1 or more, got {size}")
    if n == 0:
        return [0]
    whole = [size] * (n // size)
    return [*whole, n % size] if n % size else whole


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of x along `dim`, all of one size but perhaps the last."""
    x = as_input("chunk", input)
    dim = normalize_dim("chunk", x, dim)
    chunks = as_integer("chunk", "chunks", chunks)
    if chunks < 1 or not x.ndim:
        raise ValueError(
            f"chunk: expected 1 chunk or more of a tensor with dimensions, got {chunks} "
            f"of shape {tuple(x.shape)}"
        )
    n = x.shape[dim]
    return split(x, -(-n // chunks) if n else [0] * chunks, dim)


@speaks_for_itself
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """So many pieces of x along `dim`, the first ones larger by 1 where the number does not divide
    the size; or the pieces between the indices in a list or a 1-d tensor.
    """
    return cut("tensor_split", as_input("tensor_split", input), indices_or_sections, dim)


@speaks_for_itself
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split of the columns, dim 1, or of a vector, into pieces of one size."""
    x = with_dims("hsplit", input, 1)
    return cut("hsplit", x, indices_or_sections, 0 if x.ndim == 1 else 1, is_even=True)


@speaks_for_itself
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split of the rows, dim 0, into pieces of one size."""
    return cut("vsplit", with_dims("vsplit", input, 2), indices_or_sections, 0, is_even=True)


@speaks_for_itself
def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split of the layers, dim 2, into pieces of one size."""
    return cut("dsplit", with_dims("dsplit", input, 3), indices_or_sections, 2, is_even=True)


def with_dims(name: str, input: Any, ndim: int) -> Tensor:
    """A tensor. Raises ValueError if it has fewer dimensions."""
    x = as_input(name, input)
    if x.ndim < ndim:
        raise ValueError(
            f"{name}: expected a tensor of at least {ndim} dimensions, got shape {tuple(x.shape)}"
        )
    return x


def cut(name: str, x: Tensor, given: Any, dim: Any, is_even: bool = False) -> tuple[Tensor, ...]:
    """The pieces of x between the places that a number of sections, or indices, say."""
    dim = dim_with_slices(name, x, dim)
    n = x.shape[dim]
    if isinstance(given, TensorBase):
        given = given.tolist()  # type: ignore[attr-defined]
    if isinstance(given, (list, tuple)):
        places: list[Any] = [as_integer(name, "each index", index) for index in given]
    else:
        places = places_of(name, n, as_integer(name, "the number of sections", given), is_even)
    lead = (slice(None),) * dim
    bounds = zip([0, *places], [*places, None], strict=True)
    return tuple([ops.getitem(x, (*lead, slice(start, stop))) for start, stop in bounds])


def places_of(name: str, n: int, sections: int, is_even: bool) -> list[int]:
    """Where n is cut into so many sections, the first ones larger by 1 where they are not equal.

    Raises ValueError if there are none, or if they have to be equal and are not, MemoryError if
    they are more than some memory holds.
    """
    if sections < 1:
        raise ValueError(f"{name}: expected 1 section or more, got {sections}")
    if sections > MOST_PIECES:
        raise MemoryError(f"{name}: expected at most {MOST_PIECES} sections, got {sections}")
    if is_even and n % sections:
        raise ValueError(
            f"{name}: expected a number of sections that divides the size {n}, got {sections}; "
            "tensor_split takes any"
        )
    size, larger = divmod(n, sections)
    return [i * size + builtins.min(i, larger) for i in range(1, sections)]
