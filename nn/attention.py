"""Attention: scaled dot products (Vaswani et al. 2017), additive (Bahdanau et al. 2015), and pooling over time.

B batch, L queries, S keys, E width, H heads. `key_padding_mask` (B,S) is True where a key is padding, everywhere here;
a query that may look nowhere gets zeros, and gives zero gradients.
"""

from __future__ import annotations

from minigrad import Tensor, errors, tanh, where, zeros

from . import init
from .functional import attend, linear, masked_softmax
from .layers import Linear
from .module import Module, Parameter


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear under the name that PyTorch prints for the output projection of MultiheadAttention."""


class MultiheadAttention(Module):
    """softmax(Q Kᵀ / √(E/H)) V in each of H heads of width E/H, beside each other, then a Linear.

    in_proj_weight (3E,E) makes Q, K, V of query, key, value. dropout: probability of dropping a weight in training.
    Source: Vaswani et al. 2017, section 3.2.2.

    forward(query, key, value): (L,B,E), (S,B,E), (S,B,E); (B,L,E) ... with `batch_first`; (L,E) ... without a batch.
    attn_mask (L,S) or (B·H,L,S): True, or -inf among floats that are added, where attention may not look. Returns the
    output, shaped as query, and the weights: (B,L,S), the mean over heads; (B,H,L,S) with average_attn_weights=False;
    None with need_weights=False.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        batch_first: bool = False,
    ):
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: embed_dim {embed_dim} does not divide among {num_heads} heads"
            )
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = (
            embed_dim,
            num_heads,
            dropout,
            batch_first,
        )
        self.in_proj_weight = Parameter(zeros(3 * embed_dim, embed_dim))
        self.in_proj_bias = Parameter(zeros(3 * embed_dim)) if bias else None
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias)
        init.xavier_uniform_(self.in_proj_weight)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if is_causal and attn_mask is None:
            raise ValueError(
                "MultiheadAttention: is_causal only says what attn_mask holds; give the mask too"
            )
        shapes = [tuple(t.shape) for t in (query, key, value)]
        if {len(s) for s in shapes} not in ({2}, {3}) or {s[-1] for s in shapes} != {
            self.embed_dim
        }:
            raise ValueError(
                f"MultiheadAttention: query, key, value of shapes {shapes} came; each has 3 dimensions, "
                f"or 2 without a batch, the last of size {self.embed_dim}"
            )
        batched = query.ndim == 3
        inputs = [
            t[None] if not batched else t if self.batch_first else t.transpose(0, 1)
            for t in (query, key, value)
        ]
        (B, L, E), S, H = inputs[0].shape, inputs[1].shape[1], self.num_heads
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        q, k, v = (
            linear(t, w, b).reshape(B, -1, H, E // H).transpose(1, 2)  # (B,H,L or S,E/H)
            for t, w, b in zip(inputs, self.in_proj_weight.chunk(3), biases, strict=True)
        )
        mask = None if attn_mask is None else additive(attn_mask)
        if mask is not None and mask.ndim == 3:
            mask = mask.reshape(B, H, L, S)
        if key_padding_mask is not None:
            keys = additive(key_padding_mask.reshape(B, 1, 1, S))
            mask = keys if mask is None else mask + keys
        y, a = attend(q, k, v, mask, self.dropout if self.training else 0.0)
        y = self.out_proj(y.transpose(1, 2).reshape(B, L, E))
        y = y[0] if not batched else y if self.batch_first else y.transpose(0, 1)
        a = a.mean(1) if average_attn_weights else a
        return y, (a if batched else a[0]) if need_weights else None


def additive(mask: Tensor) -> Tensor:
    """A mask that forbids where it is True, as floats to add to the scores; floats as they are."""
    return mask if mask.dtype.kind == "f" else where(mask, -float("inf"), 0.0)


class AdditiveAttention(Module):
    """c_i = Σ_j α_ij h_j (eq. 5), α_ij = softmax_j e_ij (eq. 6), e_ij = vᵀ tanh(W s_i + U h_j) (appendix A.1.2).

    Equations of Bahdanau et al. 2015. forward(query, keys): query s (B,Q), or (B,L,Q); keys h (B,S,K), which are the
    values too unless `values` (B,S,·) come. Returns c (B,K) or (B,L,K), and α (B,S) or (B,L,S).
    """

    def __init__(self, query_size: int, key_size: int, hidden_size: int):
        self.W = Linear(query_size, hidden_size, bias=False)
        self.U = Linear(key_size, hidden_size, bias=False)
        self.v = Linear(hidden_size, 1, bias=False)

    def forward(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        s = query if query.ndim == 3 else query[:, None]
        e = self.v(tanh(self.W(s)[:, :, None] + self.U(keys)[:, None])).squeeze(-1)  # (B,L,S)
        a = masked_softmax(e, None if key_padding_mask is None else ~key_padding_mask[:, None])
        c = a @ (keys if values is None else values)
        return (c, a) if query.ndim == 3 else (c[:, 0], a[:, 0])


class AttentionPooling(Module):
    """One vector for a sequence: c = Σ_t α_t h_t, α = softmax_t(w · h_t + b), with one learned vector w.

    forward(h): h (B,T,E) -> c (B,E), α (B,T).

    >>> from minigrad import ones
    >>> context, weights = AttentionPooling(4)(ones(2, 5, 4))
    >>> tuple(context.shape), tuple(weights.shape)
    ((2, 4), (2, 5))
    """

    def __init__(self, hidden_size: int):
        self.score = Linear(hidden_size, 1)

    def forward(self, h: Tensor, key_padding_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        scores = self.score(h).squeeze(-1)  # (B,T)
        a = masked_softmax(scores, None if key_padding_mask is None else ~key_padding_mask)
        return (a[:, None] @ h)[:, 0], a


errors.name_all(globals(), helpers="additive")
