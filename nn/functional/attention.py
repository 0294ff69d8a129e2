"""Attention: the mean of values, weighted by how well their keys answer a query."""

from __future__ import annotations

import math

import numpy as np

import minigrad as mg
from minigrad import Tensor
from minigrad.arguments import broadcast_shape

from ..arguments import as_probability, check_one_dtype, refuse_unsupported
from ..checked import checked
from .layers import drop


@checked
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(Q Kᵀ scale + mask) V, scale = 1/√E    (Vaswani et al. 2017, eq. 1).

    query (..., L, E), key (..., S, E), value (..., S, F) -> (..., L, F). attn_mask, broadcast to
    (..., L, S): boolean, True where attention may look, or floats added to the scores; -inf
    forbids. is_causal: position l looks at s <= l. A row that may look nowhere gives 0. dropout_p
    drops attention weights, whatever the mode.
    """
    name = "scaled_dot_product_attention"
    refuse_unsupported(name, "repeat key and value for every query head", enable_gqa=enable_gqa)
    check_one_dtype(name, query=query, key=key, value=value)
    if attn_mask is not None and attn_mask.dtype.kind not in "bf":
        raise TypeError(f"{name}: expected attn_mask of bools or floats, got {attn_mask.dtype}")
    dropout_p = as_probability(name, "dropout_p", dropout_p)
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ValueError(
            f"{name}: expected tensors of at least 2 dimensions, got {tuple(query.shape)}, "
            f"{tuple(key.shape)} and {tuple(value.shape)}"
        )
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"{name}: expected queries of the keys' size and a value for each key, got "
            f"{tuple(query.shape)}, {tuple(key.shape)} and {tuple(value.shape)}"
        )
    batches = [tuple(x.shape[:-2]) for x in (query, key, value)]
    batch = broadcast_shape(name, *batches)
    if is_causal and attn_mask is not None:
        raise ValueError(
            f"{name}: expected attn_mask or is_causal, got both; put one into the mask"
        )
    L, S = query.shape[-2], key.shape[-2]
    if attn_mask is not None:
        broadcast_shape(f"{name}: attn_mask", tuple(attn_mask.shape), (*batch, L, S))
    if is_causal:
        attn_mask = query.beside(np.tri(L, S, dtype=bool))  # (L,S)
    output, _ = attend(query, key, value, attn_mask, dropout_p, scale)
    return output


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    p: float = 0.0,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """`scaled_dot_product_attention` (..., L, F) and its weights (..., L, S)."""
    if scale is None:
        scale = 1 / math.sqrt(max(query.shape[-1], 1))
    scores = query * scale @ key.transpose(-2, -1)  # (...,L,S)
    allowed = mask
    if mask is not None and mask.dtype.kind == "f":
        allowed = mask != -math.inf
        scores = scores + mg.where(allowed, mask, 0.0)
    weights = drop("attend", masked_softmax(scores, allowed), p, training=True)  # (...,L,S)
    return weights @ value, weights  # (...,L,F)


def masked_softmax(scores: Tensor, allowed: Tensor | None) -> Tensor:
    """Softmax over the last dimension among the `allowed` places.

    A row without one is 0, and so is its gradient.
    """
    if allowed is None:
        return mg.softmax(scores, -1)
    has_place = mg.any(allowed, dim=-1, keepdim=True)
    scores = mg.where(allowed, scores, -math.inf)
    scores = mg.where(has_place, scores, 0.0)  # softmax of -∞ alone would be NaN
    return mg.where(has_place, mg.softmax(scores, -1), 0.0)
