"""The Transformer: layers of attention and of a network at each position (Vaswani et al. 2017).

L and S are lengths, B batch, E model size. Inputs are (L,B,E), (B,L,E) with `batch_first`, or
(L,E). Masks are those of MultiheadAttention: True where attention is forbidden, or floats to be
added to its scores. is_causal is PyTorch's hint that a mask is the causal one: the mask counts, and
is_causal without one is refused, as there.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from minigrad import Tensor, full, triu
from minigrad.errors import shown

from . import functional as F
from . import init
from .arguments import as_probability, check_function, check_sizes, place
from .attention import MultiheadAttention, batch_and_length, check_mask, check_sequence
from .checked import checked
from .container import ModuleList
from .layers import Dropout, LayerNorm, Linear
from .module import Module

ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


class TransformerLayer(Module):
    """What both kinds of layers share: the network at each position, and the norms around it."""

    self_attn: MultiheadAttention
    activation: Callable[[Tensor], Tensor]

    def add_network(
        self, d_model: int, width: int, dropout: float, norm_first: bool, bias: bool
    ) -> None:
        """The network W₂ f(W₁ x + b₁) + b₂; f, which may be a module, is the last part of all."""
        self.linear1 = Linear(d_model, width, bias=bias)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(width, d_model, bias=bias)
        self.norm_first = norm_first

    def check_sequences(self, **sequences: Tensor) -> None:
        """Raise if one of the sequences is not of this layer's size."""
        first, *_ = sequences.values()
        for key, x in sequences.items():
            check_sequence(type(self).__name__, key, x, first, self.linear1.weight)

    def check_masks(self, x: Tensor, memory: Tensor, **masks: Tensor | None) -> None:
        """Raise if a mask does not fit the attention from x to memory."""
        for key, mask in masks.items():
            if mask is None:
                continue
            attention = self.self_attn
            B, L = batch_and_length(x, attention.batch_first)
            _, S = batch_and_length(memory, attention.batch_first)
            shapes = [(L, S), (B * attention.num_heads, L, S)]
            if key.endswith("padding_mask"):
                shapes = [(S,)] if x.ndim == 2 else [(B, S)]
            check_mask(type(self).__name__, key, mask, shapes)

    def network(self, x: Tensor) -> Tensor:
        """W₂ f(W₁ x + b₁) + b₂."""
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def attend(
        self,
        attention: MultiheadAttention,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None,
        padding: Tensor | None,
        is_causal: bool,
    ) -> Tensor:
        """What an attention from x to memory gives, without its weights."""
        y, _ = attention(
            x,
            memory,
            memory,
            key_padding_mask=padding,
            need_weights=False,
            attn_mask=mask,
            is_causal=is_causal,
        )
        return y

    def added(
        self, x: Tensor, norm: Module, dropout: Module, part: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """norm(x + part(x)); with norm_first x + part(norm(x))."""
        if self.norm_first:
            return x + dropout(part(norm(x)))
        return norm(x + dropout(part(x)))


def as_activation(name: str, activation: Any) -> Callable[[Tensor], Tensor]:
    """A function, or that of the name "relu" or "gelu"."""
    found = ACTIVATIONS.get(activation) if isinstance(activation, str) else activation
    if not callable(found) or isinstance(found, type):
        raise ValueError(
            f"{name}: expected activation 'relu', 'gelu' or a function, got {activation!r}"
        )
    return found


class TransformerEncoderLayer(TransformerLayer):
    """x = norm(x + attention(x)), x = norm(x + network(x)); with norm_first the norms come first.

    forward(src): (L,B,E) -> (L,B,E). src_mask (L,L), src_key_padding_mask (B,L).
    """

    @checked
    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        check_layer_sizes(self, d_model, nhead, dim_feedforward, dropout)
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first)
        self.add_network(d_model, dim_feedforward, dropout, norm_first, bias)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = as_activation(type(self).__name__, activation)
        place(self, device, dtype)

    @checked
    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        self.check_sequences(src=src)
        masks_given = {"src_mask": src_mask, "src_key_padding_mask": src_key_padding_mask}
        self.check_masks(src, src, **masks_given)

        def attend_to_itself(x: Tensor) -> Tensor:
            return self.attend(self.self_attn, x, x, src_mask, src_key_padding_mask, is_causal)

        x = self.added(src, self.norm1, self.dropout1, attend_to_itself)
        return self.added(x, self.norm2, self.dropout2, self.network)


class TransformerDecoderLayer(TransformerLayer):
    """An encoder's layer with a second attention between, from x to the encoder's output `memory`.

    forward(tgt, memory): (L,B,E), (S,B,E) -> (L,B,E). tgt_mask (L,L), memory_mask (L,S),
    tgt_key_padding_mask (B,L), memory_key_padding_mask (B,S).
    """

    @checked
    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        check_layer_sizes(self, d_model, nhead, dim_feedforward, dropout)
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first)
        self.multihead_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first
        )
        self.add_network(d_model, dim_feedforward, dropout, norm_first, bias)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = as_activation(type(self).__name__, activation)
        place(self, device, dtype)

    @checked
    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        self.check_sequences(tgt=tgt, memory=memory)
        own = {"tgt_mask": tgt_mask, "tgt_key_padding_mask": tgt_key_padding_mask}
        others = {
            "memory_mask": memory_mask,
            "memory_key_padding_mask": memory_key_padding_mask,
        }
        self.check_masks(tgt, tgt, **own)
        self.check_masks(tgt, memory, **others)

        def attend_to_itself(x: Tensor) -> Tensor:
            return self.attend(self.self_attn, x, x, tgt_mask, tgt_key_padding_mask, tgt_is_causal)

        def attend_to_memory(x: Tensor) -> Tensor:
            masks = (memory_mask, memory_key_padding_mask)
            return self.attend(self.multihead_attn, x, memory, *masks, memory_is_causal)

        x = self.added(tgt, self.norm1, self.dropout1, attend_to_itself)
        x = self.added(x, self.norm2, self.dropout2, attend_to_memory)
        return self.added(x, self.norm3, self.dropout3, self.network)


class TransformerEncoder(Module):
    """num_layers copies of a layer, one after the other, and at the end `norm`.

    enable_nested_tensor and mask_check choose how PyTorch computes, and have no effect.
    """

    @checked
    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        self.layers = copies("TransformerEncoder", encoder_layer, num_layers)
        self.num_layers = num_layers
        check_part(self, "norm", norm)
        self.norm = norm

    @checked
    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal=bool(is_causal))
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """num_layers copies of a layer, one after the other, and at the end `norm`."""

    @checked
    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        self.layers = copies("TransformerDecoder", decoder_layer, num_layers)
        self.num_layers = num_layers
        check_part(self, "norm", norm)
        self.norm = norm

    @checked
    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        hints = (bool(tgt_is_causal), memory_is_causal)
        for layer in self.layers:
            tgt = layer(tgt, memory, *masks, *hints)
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder of `src`, and a decoder of `tgt` that attends to what the encoder gives.

    forward(src, tgt): (S,B,E), (L,B,E) -> (L,B,E). All matrices start as `init.xavier_uniform_`.
    """

    _fixed = frozenset({"d_model", "nhead"})

    @checked
    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        sizes = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)
        form = (batch_first, norm_first, bias, device, dtype)
        if custom_encoder is None or custom_decoder is None:
            check_layer_sizes(self, d_model, nhead, dim_feedforward, dropout)
        name = type(self).__name__
        check_sizes(name, 0, num_encoder_layers=num_encoder_layers)
        check_sizes(name, 0, num_decoder_layers=num_decoder_layers)
        activation = as_activation(name, activation)
        check_part(self, "custom_encoder", custom_encoder)
        check_part(self, "custom_decoder", custom_decoder)
        self.encoder = custom_encoder
        if custom_encoder is None:
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
            layer = TransformerEncoderLayer(*sizes, *form)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        self.decoder = custom_decoder
        if custom_decoder is None:
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
            decoder_layer = TransformerDecoderLayer(*sizes, *form)
            self.decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start all matrices as `init.xavier_uniform_`."""
        for param in self.parameters():
            if param.ndim > 1:
                init.xavier_uniform_(param)

    @checked
    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        if isinstance(self.encoder, TransformerEncoder):
            check_width(self, "src", src)
        if isinstance(self.decoder, TransformerDecoder):
            check_width(self, "tgt", tgt)
        memory = self.encoder(src, src_mask, src_key_padding_mask, is_causal=src_is_causal)
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return self.decoder(tgt, memory, *masks, tgt_is_causal, memory_is_causal)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """(sz,sz) with -inf above the diagonal, else 0: no position looks at a later one."""
        return triu(full((sz, sz), -math.inf, device=device, dtype=dtype), 1)


def check_width(module: Transformer, key: str, x: Tensor) -> None:
    """Raise if the last of the 2 or 3 dimensions of a sequence is not d_model."""
    if x.ndim not in (2, 3) or x.shape[-1] != module.d_model:
        raise ValueError(
            f"{type(module).__name__}: expected {key} of 3 dimensions, or of 2 without a batch, "
            f"the last of size {module.d_model}, got {tuple(x.shape)}"
        )


def check_layer_sizes(
    module: Module, d_model: int, nhead: int, dim_feedforward: int, dropout: float
) -> None:
    """Raise ValueError if a size or the dropout of a layer is out of range."""
    name = type(module).__name__
    check_sizes(name, 1, d_model=d_model, nhead=nhead)
    check_sizes(name, 0, dim_feedforward=dim_feedforward)
    as_probability(name, "dropout", dropout)
    if d_model % nhead:
        raise ValueError(
            f"{name}: expected d_model to be a multiple of nhead, got {d_model} and {nhead}"
        )


def check_part(module: Module, key: str, part: Any) -> None:
    """Raise TypeError if a part that may be left out cannot be called, or is a class."""
    if isinstance(part, type):
        got = shown(part)
        name = type(module).__name__
        raise TypeError(f"{name}: expected a module as {key}, got {got}; call it to make one")
    if part is not None:
        check_function(type(module).__name__, key, part)


def copies(name: str, layer: Any, count: int) -> ModuleList:
    """A list of copies of a layer. Raises TypeError if it is none."""
    if not isinstance(layer, Module):
        raise TypeError(f"{name}: expected a layer, got {shown(layer)}")
    check_sizes(name, 0, num_layers=count)
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])
