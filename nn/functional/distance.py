"""How near two vectors are."""

from __future__ import annotations

import minigrad as mg
from minigrad import Tensor
from minigrad.arguments import broadcast_shape, normalize_dim, reduced_dims
from minigrad.errors import check_ordered
from minigrad.ops.reduction import Dim

from ..arguments import as_number, refuse_unsupported
from ..checked import checked
from .checks import check_floats


@checked
def normalize(
    input: Tensor, p: float = 2.0, dim: Dim = 1, eps: float = 1e-12, out: None = None
) -> Tensor:
    """y = x / max(‖x‖_p, eps) along `dim`."""
    refuse_unsupported("normalize", "leave it out", out=out)
    check_floats("normalize", input=input)
    p = as_number("normalize", "p", p)
    reduced_dims("normalize", input, dim)  # raises where there is none
    return input / mg.norm(input, p, dim, keepdim=True).clamp(min=eps)


@checked
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x · z / (max(‖x‖, eps) max(‖z‖, eps)) along `dim`; the two broadcast."""
    check_floats("cosine_similarity", x1=x1, x2=x2)
    check_ordered("cosine_similarity", [x1.array, x2.array])
    if not eps >= 0:
        raise ValueError(f"cosine_similarity: expected eps of at least 0, got {eps}")
    broadcast_shape("cosine_similarity", tuple(x1.shape), tuple(x2.shape))
    for x in (x1, x2):
        normalize_dim("cosine_similarity", x, dim)  # raises where there is none
    return (normalize(x1, 2.0, dim, eps) * normalize(x2, 2.0, dim, eps)).sum(dim)


@checked
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """‖x - z + eps‖_p over the last dimension."""
    broadcast_shape("pairwise_distance", tuple(x1.shape), tuple(x2.shape))
    p = as_number("pairwise_distance", "p", p)
    return mg.norm(x1 - x2 + eps, p, -1, keepdim=keepdim)
