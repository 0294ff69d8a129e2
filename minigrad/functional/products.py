"""Products of matrices and vectors, and sums of such products."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minigrad import ops
from minigrad.arguments import (
    BOOL,
    as_dims,
    as_input,
    as_integer,
    as_number,
    as_real,
    broadcast_shape,
    check_factors,
    check_one_device,
    check_one_dtype,
)
from minigrad.errors import speaks_for_itself
from minigrad.functional.shape import squeeze

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


def matmul(input: Tensor, other: Tensor, *, out: None = None) -> Tensor:
    """(.., m, k) (.., k, n) -> (.., m, n); a vector on the left is a row, on the right a column,
    and leaves again.

    Raises ValueError for a 0-d tensor and if the inner sizes differ, TypeError if the dtypes do,
    and for booleans.
    """
    a = as_input("matmul", input, out=out)
    b = as_input("matmul", other)
    x = a.array
    y = b.array
    dtype = x.dtype
    if dtype is not y.dtype or dtype is BOOL:
        check_factors("matmul", a, b)
    m = x.ndim
    n = y.ndim
    if not (m and n):
        raise ValueError(
            f"matmul: expected tensors of at least 1 dimension, got {tuple(a.shape)} and "
            f"{tuple(b.shape)}; a 0-d tensor is no matrix, multiply with *"
        )
    if m == 1 or n == 1:
        check_inner_sizes("matmul", a, b)
    if m == 1:
        row = ops.reshape(a, shape=(1, -1))
        return squeeze(matmul(row, b), -2 if n > 1 else 0)
    if n == 1:
        column = ops.reshape(b, shape=(-1, 1))
        return squeeze(ops.matmul(a, column), -1)
    return ops.matmul(a, b)


def mm(input: Tensor, mat2: Tensor, *, out: None = None) -> Tensor:
    """(m, k) (k, n) -> (m, n)."""
    return matmul_of_ndims("mm", as_input("mm", input, out=out), mat2, 2, 2)


def bmm(input: Tensor, mat2: Tensor, *, out: None = None) -> Tensor:
    """(B, m, k) (B, k, n) -> (B, m, n)."""
    return matmul_of_ndims("bmm", as_input("bmm", input, out=out), mat2, 3, 3)


def mv(input: Tensor, vec: Tensor, *, out: None = None) -> Tensor:
    """(m, k) (k,) -> (m,)."""
    return matmul_of_ndims("mv", as_input("mv", input, out=out), vec, 2, 1)


def dot(input: Tensor, tensor: Tensor, *, out: None = None) -> Tensor:
    """(k,) (k,) -> (): Σ a b."""
    return matmul_of_ndims("dot", as_input("dot", input, out=out), tensor, 1, 1)


def matmul_of_ndims(name: str, a: Tensor, b: Tensor, m: int, n: int) -> Tensor:
    """matmul for an m-dimensional and an n-dimensional tensor, and no others."""
    b = as_input(name, b)
    check_one_device(name, a, b)
    check_factors(name, a, b)
    if (a.ndim, b.ndim) != (m, n):
        raise ValueError(
            f"{name}: expected {m}-d and {n}-d tensors, got {tuple(a.shape)} and {tuple(b.shape)}; "
            "matmul takes others"
        )
    check_inner_sizes(name, a, b)
    if name == "bmm" and a.shape[0] != b.shape[0]:
        raise ValueError(
            f"bmm: expected equal batch sizes, got {tuple(a.shape)} and {tuple(b.shape)}; "
            "matmul broadcasts them"
        )
    return matmul(a, b)


def check_inner_sizes(name: str, a: Tensor, b: Tensor) -> None:
    """Raise ValueError if a row of a is not as long as a column of b."""
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        raise ValueError(
            f"{name}: expected equal inner sizes, got {tuple(a.shape)} and {tuple(b.shape)}: "
            f"{a.shape[-1]} and {inner}"
        )


def outer(input: Tensor, vec2: Tensor, *, out: None = None) -> Tensor:
    """(m,) (n,) -> (m, n): every product of an element of a with one of b."""
    a = as_input("outer", input, out=out)
    b = as_input("outer", vec2)
    check_one_device("outer", a, b)
    if (a.ndim, b.ndim) != (1, 1):
        raise ValueError(
            f"outer: expected two 1-d tensors, got {tuple(a.shape)} and {tuple(b.shape)}; "
            "flatten them first"
        )
    return ops.expand_dims(a, 1) * b


@speaks_for_itself
def addmm(
    input: Any, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1, out: None = None
) -> Tensor:
    """beta · input + alpha · A B, (m, k) (k, n) -> (m, n); input broadcasts."""
    product = mm(as_input("addmm", mat1, out=out), mat2)
    return added("addmm", input, product, beta, alpha)


@speaks_for_itself
def addmv(
    input: Any, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1, out: None = None
) -> Tensor:
    """beta · input + alpha · A v, (m, k) (k,) -> (m,); input broadcasts."""
    product = mv(as_input("addmv", mat, out=out), vec)
    return added("addmv", input, product, beta, alpha)


@speaks_for_itself
def baddbmm(
    input: Any,
    batch1: Tensor,
    batch2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: None = None,
) -> Tensor:
    """beta · input + alpha · A B, (B, m, k) (B, k, n) -> (B, m, n); input broadcasts."""
    product = bmm(as_input("baddbmm", batch1, out=out), batch2)
    return added("baddbmm", input, product, beta, alpha)


def added(name: str, x: Any, product: Tensor, beta: float, alpha: float) -> Tensor:
    """beta · x + alpha · product, where x broadcasts to the product; x is not looked at for 0."""
    x = as_input(name, x)
    check_one_device(name, x, product)
    check_one_dtype(name, x, product)
    shape = tuple(product.shape)
    if broadcast_shape(name, tuple(x.shape), shape) != shape:
        raise ValueError(f"{name}: expected input to broadcast to {shape}, got {tuple(x.shape)}")
    as_factor = as_number if product.dtype.kind == "c" else as_real
    beta = as_factor(name, "beta", beta)
    alpha = as_factor(name, "alpha", alpha)
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:
        return scaled
    return (x if beta == 1 else x * beta) + scaled


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: None = None) -> Tensor:
    """Σ over pairs of dimensions: the last `dims` of a with the first of b, or those of two lists.

    (rest of a.., rest of b..). Raises ValueError if the sizes of a pair differ.
    """
    a = as_input("tensordot", a, out=out)
    b = as_input("tensordot", b)
    check_one_device("tensordot", a, b)
    check_factors("tensordot", a, b)
    if isinstance(dims, (list, tuple)):
        if len(dims) != 2:
            raise ValueError(f"tensordot: expected dims of a and of b, two lists, got {dims}")
        ours, theirs = dims
        of_a = as_dims("tensordot", a, ours)
        of_b = as_dims("tensordot", b, theirs)
    else:
        n = as_integer("tensordot", "dims", dims)
        if not 0 <= n <= min(a.ndim, b.ndim):
            raise ValueError(
                f"tensordot: expected dims from 0 to {min(a.ndim, b.ndim)}, got {n} for shapes "
                f"{tuple(a.shape)} and {tuple(b.shape)}"
            )
        of_a = list(range(a.ndim - n, a.ndim))
        of_b = list(range(n))
    sizes = [a.shape[d] for d in of_a]
    if sizes != [b.shape[d] for d in of_b]:
        raise ValueError(
            f"tensordot: expected equal sizes in each pair of dims, got {tuple(a.shape)} at {of_a} "
            f"and {tuple(b.shape)} at {of_b}"
        )
    rest_of_a = [d for d in range(a.ndim) if d not in of_a]
    rest_of_b = [d for d in range(b.ndim) if d not in of_b]
    inner = math.prod(sizes)
    rows = ops.reshape(ops.permute(a, rest_of_a + of_a), (rows_of(a, rest_of_a), inner))
    columns = ops.reshape(ops.permute(b, of_b + rest_of_b), (inner, rows_of(b, rest_of_b)))
    shape = [a.shape[d] for d in rest_of_a] + [b.shape[d] for d in rest_of_b]
    return ops.reshape(ops.matmul(rows, columns), shape)


def rows_of(x: Tensor, dims: list[int]) -> int:
    """The number of elements in these dimensions."""
    return math.prod([x.shape[d] for d in dims])
