"""Attention: scaled dot products (Vaswani et al. 2017), additive (Bahdanau et al. 2015), and
pooling over time.

B batch, L queries, S keys, E width, H heads. `key_padding_mask` (B,S) is True where a key is
padding, everywhere here; a fully masked query gets zeros, and gives zero gradients.
"""

from __future__ import annotations

from typing import Any

from minigrad import Tensor, tanh, where, zeros
from minigrad.errors import shown

from . import init
from .arguments import (
    as_probability,
    check_same_dtype,
    check_sizes,
    check_tensor,
    place,
    refuse_unsupported,
)
from .checked import checked
from .functional import attend, linear, masked_softmax
from .layers import Linear
from .module import Module
from .parameter import Parameter


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear, under the name that PyTorch prints for MultiheadAttention.out_proj."""


class MultiheadAttention(Module):
    """softmax(Q Kᵀ / √(E/H)) V in each of H heads of width E/H, concatenated, then a Linear.

    in_proj_weight (3E,E) makes Q, K, V of query, key, value. embed_dim, num_heads: E and H.
    dropout: probability of dropping a weight in training. Source: Vaswani et al. 2017, section
    3.2.2. What PyTorch has besides (add_bias_kv, add_zero_attn, other widths of keys and values)
    raises NotImplementedError.

    forward(query, key, value): (L,B,E), (S,B,E), (S,B,E); (B,L,E) ... with `batch_first`; (L,E) ...
    without a batch. attn_mask (L,S) or (B·H,L,S): True where attention is forbidden, or floats that
    are added to the scores. is_causal is a hint; pass attn_mask too. Returns the output, shaped as
    query, and the weights: (B,L,S), the mean over heads; (B,H,L,S) with average_attn_weights=False;
    None with need_weights=False. Raises ValueError if a shape does not fit, TypeError for a dtype.
    """

    @checked
    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        name = "MultiheadAttention"
        extra_keys = {"add_bias_kv": add_bias_kv, "add_zero_attn": add_zero_attn}
        refuse_unsupported(name, "concatenate further keys and values to the input", **extra_keys)
        check_sizes(name, 1, embed_dim=embed_dim, num_heads=num_heads)
        for key, width in {"kdim": kdim, "vdim": vdim}.items():
            if width != embed_dim:
                refuse_unsupported(name, "map keys and values with a Linear first", **{key: width})
        as_probability(name, "dropout", dropout)
        if embed_dim % num_heads:
            raise ValueError(
                f"{name}: expected embed_dim to be a multiple of num_heads, "
                f"got {embed_dim} and {num_heads}"
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.in_proj_weight = Parameter(zeros(3 * embed_dim, embed_dim))
        self.in_proj_bias = Parameter(zeros(3 * embed_dim)) if bias else None
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias)
        init.xavier_uniform_(self.in_proj_weight)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)
        place(self, device, dtype)

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
        B, L, S = self.check_inputs(query, key, value)
        has_batch = query.ndim == 3
        self.check_masks(B, L, S, has_batch, key_padding_mask, attn_mask, is_causal)
        q, k, v = [to_batch_first(t, self.batch_first) for t in (query, key, value)]  # (B,·,E)
        q, k, v = self.project(q, k, v)  # (B,·,E)
        q, k, v = [self.split_heads(t) for t in (q, k, v)]  # (B,H,·,E/H)
        mask = self.added_mask(B, attn_mask, key_padding_mask)  # (B or 1,H or 1,L or 1,S)
        dropout = self.dropout if self.training else 0.0
        y, weights = attend(q, k, v, mask, dropout)  # (B,H,L,E/H), (B,H,L,S)
        y = self.out_proj(self.join_heads(y))  # (B,L,E)
        output = from_batch_first(y, has_batch, self.batch_first)
        if not need_weights:
            return output, None
        if average_attn_weights:
            weights = weights.mean(1)  # (B,L,S)
        return output, weights if has_batch else weights[0]

    def project(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The three thirds of the input projection, each applied to its own input (B,·,E)."""
        w_q, w_k, w_v = self.in_proj_weight.chunk(3)  # (E,E) each
        b_q, b_k, b_v = None, None, None
        if self.in_proj_bias is not None:
            b_q, b_k, b_v = self.in_proj_bias.chunk(3)  # (E,) each
        return linear(q, w_q, b_q), linear(k, w_k, b_k), linear(v, w_v, b_v)

    def split_heads(self, x: Tensor) -> Tensor:
        """(B,·,E) -> (B,H,·,E/H)."""
        B, length, E = x.shape
        H = self.num_heads
        return x.reshape(B, length, H, E // H).transpose(1, 2)

    def join_heads(self, x: Tensor) -> Tensor:
        """(B,H,L,E/H) -> (B,L,E)."""
        B, _, L, _ = x.shape
        return x.transpose(1, 2).reshape(B, L, self.embed_dim)

    def added_mask(
        self, B: int, attn_mask: Tensor | None, key_padding_mask: Tensor | None
    ) -> Tensor | None:
        """Both masks as one that is added to the scores (B,H,L,S); None without a mask."""
        mask = None
        if attn_mask is not None:
            mask = additive(attn_mask)
            if mask.ndim == 3:
                mask = mask.reshape(B, self.num_heads, *mask.shape[1:])
        if key_padding_mask is not None:
            keys = additive(key_padding_mask.reshape(B, 1, 1, key_padding_mask.shape[-1]))
            mask = keys if mask is None else mask + keys
        return mask

    def check_inputs(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[int, int, int]:
        """B, L, S of the three; raises where their dtypes or shapes do not fit."""
        name = "MultiheadAttention"
        inputs = {"query": query, "key": key, "value": value}
        check_tensor(name, "in_proj_weight", self.in_proj_weight)
        for word, x in inputs.items():
            check_sequence(name, word, x, query, self.in_proj_weight)
        if key.shape != value.shape:
            raise ValueError(
                f"{name}: expected key and value of one shape, "
                f"got {tuple(key.shape)} and {tuple(value.shape)}"
            )
        B, L = batch_and_length(query, self.batch_first)
        keys, S = batch_and_length(key, self.batch_first)
        if keys != B:
            raise ValueError(
                f"{name}: expected query and key of one batch size, got {B} and {keys}"
            )
        return B, L, S

    def check_masks(
        self,
        B: int,
        L: int,
        S: int,
        has_batch: bool,
        key_padding_mask: Tensor | None,
        attn_mask: Tensor | None,
        is_causal: bool,
    ) -> None:
        """Raise if the dtype or shape of a mask does not fit."""
        name = "MultiheadAttention"
        if is_causal and attn_mask is None:
            raise ValueError(
                f"{name}: expected attn_mask too where is_causal=True, a hint, got None; "
                "make one with Transformer.generate_square_subsequent_mask(L)"
            )
        if key_padding_mask is not None:
            shape = (B, S) if has_batch else (S,)
            check_mask(name, "key_padding_mask", key_padding_mask, [shape])
        if attn_mask is not None:
            shapes = [(L, S), (B * self.num_heads, L, S)]
            check_mask(name, "attn_mask", attn_mask, shapes)


def check_sequence(name: str, key: str, x: Any, first: Any, weight: Tensor) -> None:
    """Raise if x is not a sequence of vectors (E,) for `weight` (..,E), or has a batch and `first`,
    the first of several sequences, has none.
    """
    E = weight.shape[-1]
    check_tensor(name, key, x)
    check_same_dtype(name, key, x, weight)
    if x.ndim not in (2, 3) or x.ndim != first.ndim or x.shape[-1] != E:
        raise ValueError(
            f"{name}: expected {key} of 3 dimensions, or of 2 without a batch, the last of size "
            f"{E}, got {tuple(x.shape)}"
        )


def batch_and_length(x: Tensor, batch_first: bool) -> tuple[int, int]:
    """B and L of a sequence; without a batch B is 1."""
    if x.ndim == 2:
        return 1, x.shape[0]
    first, second = x.shape[:2]
    return (first, second) if batch_first else (second, first)


def to_batch_first(x: Tensor, batch_first: bool) -> Tensor:
    """(B,L,E), from that with `batch_first`, from (L,B,E), or from (L,E) without a batch."""
    if x.ndim == 2:
        return x[None]
    return x if batch_first else x.transpose(0, 1)


def from_batch_first(x: Tensor, has_batch: bool, batch_first: bool) -> Tensor:
    """The inverse of `to_batch_first`."""
    if not has_batch:
        return x[0]
    return x if batch_first else x.transpose(0, 1)


def additive(mask: Tensor) -> Tensor:
    """-inf where a boolean mask is True, else 0; a mask of floats, which is added, as it is."""
    return mask if mask.dtype.kind == "f" else where(mask, -float("inf"), 0.0)


def check_mask(name: str, word: str, mask: Any, shapes: list[tuple[int, ...]]) -> None:
    """Raise if a mask is neither boolean nor of floats, or has none of the shapes."""
    check_tensor(name, word, mask)
    if mask.dtype.kind not in "bf":
        raise TypeError(f"{name}: expected {word} of bool or floats, got {shown(mask)}")
    if tuple(mask.shape) not in shapes:
        expected = " or ".join(map(str, shapes))
        raise ValueError(f"{name}: expected {word} of shape {expected}, got {tuple(mask.shape)}")


class AdditiveAttention(Module):
    """c_i = Σ_j α_ij h_j (eq. 5), α_ij = softmax_j e_ij (eq. 6), e_ij = vᵀ tanh(W s_i + U h_j).

    Equations of Bahdanau et al. 2015, the last in appendix A.1.2. forward(query, keys): query s
    (B,Q), or (B,L,Q); keys h (B,S,K), which are the values too unless `values` (B,S,·) are given.
    Returns c (B,K) or (B,L,K), and α (B,S) or (B,L,S). Raises ValueError if a shape does not fit.
    """

    @checked
    def __init__(self, query_size: int, key_size: int, hidden_size: int):
        sizes = {"query_size": query_size, "key_size": key_size, "hidden_size": hidden_size}
        check_sizes("AdditiveAttention", 1, **sizes)
        self.W = Linear(query_size, hidden_size, bias=False)
        self.U = Linear(key_size, hidden_size, bias=False)
        self.v = Linear(hidden_size, 1, bias=False)

    @checked
    def forward(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        self.check_inputs(query, keys, values, key_padding_mask)
        s = query if query.ndim == 3 else query[:, None]  # (B,L,Q)
        h = keys  # (B,S,K)
        a = tanh(self.W(s)[:, :, None] + self.U(h)[:, None])  # (B,L,S,hidden)
        e = self.v(a).squeeze(-1)  # (B,L,S)
        allowed = None if key_padding_mask is None else ~key_padding_mask[:, None]  # (B,1,S)
        α = masked_softmax(e, allowed)  # (B,L,S)
        c = α @ (h if values is None else values)  # (B,L,K)
        if query.ndim == 2:
            return c[:, 0], α[:, 0]
        return c, α

    def check_inputs(
        self, query: Tensor, keys: Tensor, values: Tensor | None, key_padding_mask: Tensor | None
    ) -> None:
        """Raise if a shape does not fit."""
        name = "AdditiveAttention"
        check_tensor(name, "query", query)
        check_tensor(name, "keys", keys)
        Q, K = self.W.in_features, self.U.in_features
        if query.ndim not in (2, 3) or query.shape[-1] != Q:
            raise ValueError(
                f"{name}: expected query (batch, {Q}) or (batch, queries, {Q}), "
                f"got {tuple(query.shape)}"
            )
        B = query.shape[0]
        if keys.ndim != 3 or keys.shape[0] != B or keys.shape[2] != K:
            raise ValueError(
                f"{name}: expected keys ({B}, time, {K}) for this query, got {tuple(keys.shape)}"
            )
        S = keys.shape[1]
        if values is not None and (values.ndim != 3 or tuple(values.shape[:2]) != (B, S)):
            raise ValueError(f"{name}: expected values ({B}, {S}, size), got {tuple(values.shape)}")
        check_padding(name, key_padding_mask, (B, S))


class AttentionPooling(Module):
    """One vector for a sequence: c = Σ_t α_t h_t, α = softmax_t(w · h_t + b), w a learned vector.

    forward(h): h (B,T,E) -> c (B,E), α (B,T). Raises ValueError if a shape does not fit.

    >>> from minigrad import ones
    >>> context, weights = AttentionPooling(4)(ones(2, 5, 4))
    >>> tuple(context.shape), tuple(weights.shape)
    ((2, 4), (2, 5))
    """

    @checked
    def __init__(self, hidden_size: int):
        check_sizes("AttentionPooling", 1, hidden_size=hidden_size)
        self.score = Linear(hidden_size, 1)

    @checked
    def forward(self, h: Tensor, key_padding_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        name = "AttentionPooling"
        check_tensor(name, "h", h)
        E = self.score.in_features
        if h.ndim != 3 or h.shape[2] != E:
            raise ValueError(f"{name}: expected h (batch, time, {E}), got {tuple(h.shape)}")
        check_padding(name, key_padding_mask, tuple(h.shape[:2]))
        scores = self.score(h).squeeze(-1)  # (B,T)
        allowed = None if key_padding_mask is None else ~key_padding_mask  # (B,T)
        α = masked_softmax(scores, allowed)  # (B,T)
        c = (α[:, None] @ h)[:, 0]  # (B,E)
        return c, α


def check_padding(name: str, mask: Tensor | None, shape: tuple[int, ...]) -> None:
    """Raise if a key_padding_mask is given that is not boolean or not of this shape."""
    if mask is None:
        return
    check_mask(name, "key_padding_mask", mask, [shape])
    if mask.dtype.kind != "b":
        raise TypeError(
            f"{name}: expected key_padding_mask of bool, True where a key is padding, "
            f"got {shown(mask)}"
        )
