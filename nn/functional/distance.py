"""How near two vectors are."""

from __future__ import annotations

import minigrad as mg
from minigrad import Tensor

from .checks import check_tensors, not_supported


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None
) -> Tensor:
    """y = x / max(‖x‖_p, eps) along `dim`."""
    check_tensors("normalize", input=input)
    not_supported("normalize", "leave it out", out=out)
    return input / mg.norm(input, p, dim, keepdim=True).clamp(min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x · z / (max(‖x‖, eps) max(‖z‖, eps)) along `dim`; the two broadcast."""
    check_tensors("cosine_similarity", x1=x1, x2=x2)
    return (normalize(x1, 2.0, dim, eps) * normalize(x2, 2.0, dim, eps)).sum(dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """‖x - z + eps‖_p over the last dimension."""
    check_tensors("pairwise_distance", x1=x1, x2=x2)
    return mg.norm(x1 - x2 + eps, p, -1, keepdim=keepdim)
