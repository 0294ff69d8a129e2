"""vmap: a function of one example as a function of a batch of them, in the manner of torch.func.

It calls the function once for each example and stacks what it returns: the meaning of PyTorch's
vmap, which rewrites each op to take the whole batch, without its speed. (For speed write the batch
into the shapes: (B, T, I) @ (I, H) is one product.) Since it is made of `select` and `stack`, it
can be differentiated, and can take and be taken by any transform of minigrad.func.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from minigrad import ops
from minigrad.arguments import as_integer
from minigrad.errors import describe
from minigrad.functional import isclose, narrow, select
from minigrad.pytree import CONTAINERS, like
from minigrad.random import generator
from minigrad.tensor import Tensor

Function = Callable[..., Any]


def vmap(
    func: Function,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Function:
    """The function of several examples at once: examples i of the arguments give example i of the
    result.

    in_dims: the dimension of the arguments in which the examples lie, or a tuple with one for each;
    None for an argument that all examples share. An argument may be a tuple, list or dict of
    tensors, for which there may be a tuple, list or dict of dimensions. out_dims: where the
    examples lie in the result, or a tuple for a function that returns several; None for a result
    that is the same for all, which is returned once. Keywords are shared. Of no examples the
    function is called once, with zeros, for the shape of its result.

    randomness: "different", so that each example draws its own numbers, "same", so that all have
    the same ones, or "error", which refuses a function that draws any (without a generator of its
    own). chunk_size has no effect.

    Raises ValueError if arguments and in_dims do not fit, the function returns something else
    than tensors, or results differ with out_dims=None; RuntimeError for another randomness.

    >>> import minigrad as mg
    >>> x, y = mg.tensor([[1.0, 2.0], [3.0, 4.0]]), mg.tensor([1.0, 10.0])
    >>> vmap(mg.dot, in_dims=(0, None))(x, y).tolist()
    [21.0, 43.0]
    """
    if not callable(func):
        raise TypeError(f"vmap: expected a function, got {describe(func)}")
    if not isinstance(randomness, str) or randomness not in ("error", "different", "same"):
        expected = "'error', 'different' or 'same'"
        raise RuntimeError(f"vmap: expected randomness {expected}, got {describe(randomness)}")
    if chunk_size is not None and as_integer("vmap", "chunk_size", chunk_size) < 1:
        raise ValueError(f"vmap: expected chunk_size of at least 1, got {chunk_size}")
    if isinstance(in_dims, list):
        raise ValueError(f"vmap: expected an integer or a tuple as in_dims, got {in_dims}")
    check_dims("in_dims", in_dims)
    check_dims("out_dims", out_dims)

    def mapped(*args: Any, **keywords: Any) -> Any:
        count = count_of_examples(list(sizes_of(args, in_dims)))
        source = generator()
        state = source.bit_generator.state
        results = []
        for i in range(count) if count else [None]:
            if randomness == "same":
                source.bit_generator.state = state
            results.append(func(*example_of(args, in_dims, i), **keywords))
        if randomness == "error" and source.bit_generator.state != state:
            source.bit_generator.state = state
            raise RuntimeError(
                "vmap: expected a function that draws no random numbers, got one that does; set "
                "randomness to 'different' or 'same'"
            )
        return stacked(results, count, out_dims)

    return mapped


def check_dims(word: str, dims: Any) -> None:
    """Raise ValueError if dimensions are not integers or None, or a nesting of them."""
    if isinstance(dims, CONTAINERS):
        for part in dims.values() if isinstance(dims, dict) else dims:
            check_dims(word, part)
    elif type(dims) is not int and dims is not None:
        raise ValueError(f"vmap: expected integers or None as {word}, got {describe(dims)}")


def parts_with_dims(word: str, value: Any, dims: Any) -> Iterator[tuple[Any, Any, Any]]:
    """The key, the part and the dimension of each part of a tuple, list or dict.

    Raises ValueError if there are dimensions for other parts.
    """
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    has_one_each = isinstance(dims, CONTAINERS)
    if has_one_each:
        dims_keys = list(dims) if isinstance(dims, dict) else list(range(len(dims)))
        if sorted(map(repr, dims_keys)) != sorted(map(repr, keys)):
            raise ValueError(
                f"vmap: expected {word} for {len(keys)} parts, got {len(dims_keys)}: {dims}"
            )
    for key in keys:
        yield key, value[key], dims[key] if has_one_each else dims


def sizes_of(value: Any, dim: Any) -> Iterator[int]:
    """How many examples there are in each tensor that is split. Raises ValueError for no tensor."""
    if isinstance(value, CONTAINERS):
        for _, part, dim_of_part in parts_with_dims("in_dims", value, dim):
            yield from sizes_of(part, dim_of_part)
    elif dim is not None:
        if not isinstance(value, Tensor):
            got = describe(value)
            raise ValueError(f"vmap: expected a tensor, got {got}; give it None in in_dims")
        if type(dim) is not int or not -value.ndim <= dim < value.ndim:
            shape = tuple(value.shape)
            raise ValueError(f"vmap: expected in_dims among those of shape {shape}, got {dim}")
        yield value.shape[dim]


def count_of_examples(sizes: list[int]) -> int:
    """The one size of all. Raises ValueError if there are several, or none."""
    if len(set(sizes)) != 1:
        got = f"sizes {sizes}" if sizes else "none that is split"
        raise ValueError(f"vmap: expected arguments with as many examples each, got {got}")
    return sizes[0]


def example_of(value: Any, dim: Any, i: int | None) -> Any:
    """Example i of the arguments; None, where there are none: zeros."""
    if isinstance(value, CONTAINERS):
        parts = [example_of(part, d, i) for _, part, d in parts_with_dims("in_dims", value, dim)]
        return like(value, parts)
    if dim is None:
        return value
    if i is None:
        return ops.sum(value, dim=dim).to(dtype=value.dtype)  # of no summands
    return select(value, dim, i)


def stacked(results: Sequence[Any], count: int, dim: Any) -> Any:
    """The results of all examples as one, in the form of each; the one result counts as none where
    count is 0.
    """
    first = results[0]
    if isinstance(first, CONTAINERS):
        parts = []
        for key, _, dim_of_part in parts_with_dims("out_dims", first, dim):
            parts.append(stacked([result[key] for result in results], count, dim_of_part))
        return like(first, parts)
    if isinstance(dim, tuple) and len(dim) == 1:
        (dim,) = dim
    if not isinstance(first, Tensor):
        raise ValueError(f"vmap: expected a function that returns tensors, got {describe(first)}")
    if dim is None:
        return the_same(results)
    if type(dim) is not int or not -first.ndim - 1 <= dim <= first.ndim:
        raise IndexError(
            f"vmap: expected out_dims for results of shape {tuple(first.shape)}, got {dim}"
        )
    found: Tensor = ops.stack(results, dim=dim)
    return found if count else narrow(found, dim, 0, 0)


def the_same(results: Sequence[Tensor]) -> Tensor:
    """The first of results that are all the same. Raises ValueError if one differs."""
    first = results[0]
    for other in results[1:]:
        if not isclose(first, other, rtol=0, atol=0, equal_nan=True).all():
            raise ValueError(
                "vmap: expected a result that is the same for all examples with out_dims=None, "
                "got others; give it a dimension"
            )
    return first
