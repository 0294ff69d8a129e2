"""`torch.linalg`: norms of tensors."""

from __future__ import annotations

from typing import Any

import minigrad
from minigrad import Tensor

__all__ = ["norm", "vector_norm"]


def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: int | tuple[int, ...] | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """(Σ |x|^ord)^(1/ord) over `dim`, by default over all elements; max |x| for ord=math.inf."""
    x = x if dtype is None else x.to(dtype)
    return minigrad.norm(x, ord, dim, keepdim)


def norm(
    A: Tensor,
    ord: float | None = None,
    dim: int | tuple[int, ...] | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """`vector_norm`. Raises NotImplementedError if `ord` asks for the norm of a matrix."""
    is_matrix = ord is not None and (A.ndim == 2 if dim is None else isinstance(dim, tuple))
    if isinstance(ord, str) or is_matrix:
        raise NotImplementedError(
            f"torch.linalg.norm: ord={ord!r} of a matrix is not supported; leave it out"
        )
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)
