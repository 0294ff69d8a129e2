"""Which dtype a value has, where NumPy's rule is another than PyTorch's.

Dtypes have a rank: booleans, integers, floats. A sum has the dtype of its terms of the highest
rank. Within a rank those that have dimensions decide; a 0-d one does if there is no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy import promote_types

from minigrad.array import (
    NAMESPACES,
    XP,
    Array,
    complex64,
    complex128,
    float32,
    float64,
    get_default_dtype,
)
from minigrad.graph import tensor_of

RANKS = {"b": 0, "i": 1, "u": 1, "f": 2}  # of the kinds of dtypes


def dtype_of_each_rank(arrays: Sequence[Array]) -> dict[int, Any]:
    """The dtype that holds all arrays of a rank, for each rank that is among them."""
    found: dict[int, Any] = {}
    for a in arrays:
        rank = RANKS.get(a.dtype.kind)
        if rank is not None:
            found[rank] = promote_types(found.get(rank, a.dtype), a.dtype)
    return found


def dtype_of_sum(a: Any, b: Any) -> Any:
    """The dtype of a + b; None where one is a number, or complex."""
    terms = (a, b)
    if not all([hasattr(x, "dtype") and x.dtype.kind in RANKS for x in terms]):
        return None
    of_numbers = dtype_of_each_rank([x for x in terms if not x.ndim])
    of_arrays = dtype_of_each_rank([x for x in terms if x.ndim])
    dtypes = of_numbers | of_arrays
    return dtypes[max(dtypes)]


def in_dtypes_with_dims(name: str, args: Sequence[Any], arrays: Sequence[Any]) -> list[Any] | None:
    """The arguments of an op with each 0-d one in the dtype of those of its rank that have dims.

    So that tensor(0.5, dtype=float64) does not widen a float32 vector, nor an integer an int32 one,
    as in PyTorch. None where no dtype changes.
    """
    for a in arrays:
        if type(a) in NAMESPACES and a.ndim == 0:
            break
    else:
        return None
    dtypes = dtype_of_each_rank([a for a in arrays if getattr(a, "ndim", 0)])
    same = list(args)
    for i, a in enumerate(arrays):
        if getattr(a, "shape", None) == ():
            dtype = dtypes.get(RANKS.get(a.dtype.kind, -1), a.dtype)
            if dtype != a.dtype:
                same[i] = converted(name, args[i], dtype)
    has_changed = any([new is not old for new, old in zip(same, args, strict=True)])
    return same if has_changed else None


def as_result(value: Any, xp: XP, arrays: Sequence[Any], sets_dtype: bool) -> Array:
    """A value of a rule as an array, in the dtype that it has in PyTorch.

    Where NumPy widened because of integers, float64 becomes the dtype of the inputs again, and
    complex128 the complex dtype of that. sets_dtype: the rule has chosen the dtype itself.
    """
    if type(value) not in NAMESPACES:
        value = xp.asarray(value)  # NumPy's reductions return scalars
    given = value.dtype
    if sets_dtype or (given is not float64 and given is not complex128):
        return value
    floats = []
    for a in arrays:
        if not hasattr(a, "dtype"):
            continue
        if a.dtype == float64 or a.dtype == complex128:  # |complex128| is float64
            return value
        if a.dtype.kind in "fc":
            floats.append(a.dtype)
    dtype = floats[0] if floats else get_default_dtype()
    if given == complex128:
        dtype = promote_types(dtype, complex64)
    return xp.astype(value, dtype)


def as_results(
    values: Sequence[Any], xp: XP, arrays: Sequence[Any], sets_dtype: bool
) -> list[Array]:
    """`as_result` of each of several values; float32 is what it is."""
    found = []
    for value in values:
        is_settled = type(value) in NAMESPACES and value.dtype is float32
        found.append(value if is_settled else as_result(value, xp, arrays, sets_dtype))
    return found


def converted(name: str, x: Any, dtype: Any) -> Any:
    """An array or a tensor as a tensor of another dtype, for the op `name`."""
    x = tensor_of(x) if type(x) in NAMESPACES else x
    return x.converted(name, (), dtype, None)
