"""What stands in for `nn`: PyTorch's layers, which start from the weights of minigrad's.

All that is not defined here is PyTorch's own. A layer with weights is made twice, once by minigrad,
whose initial values the other then has. T time, B batch, I input size, H hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn, optim
from torch.nn.functional import linear
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import minigrad
import nn as minigrad_nn
from demos.engines.torch_minigrad import Tensor, copied, dropout, lstm_gates

__all__ = ["optim"]
io = minigrad_nn.io
functional, utils = nn.functional, nn.utils
Module, Parameter, ModuleList, Identity = nn.Module, nn.Parameter, nn.ModuleList, nn.Identity
CrossEntropyLoss, MSELoss = nn.CrossEntropyLoss, nn.MSELoss


def __getattr__(name: str) -> Any:
    """PyTorch's, under the same name."""
    return getattr(nn, name)


def start_alike(layer: nn.Module, like: Any) -> None:
    """Copy the parameters of a layer of minigrad, name by name."""
    layer.load_state_dict({name: copied(value) for name, value in like.state_dict().items()})


# ---- layers


class Linear(nn.Linear):
    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        super().__init__(in_features, out_features, bias)
        start_alike(self, minigrad_nn.Linear(in_features, out_features, bias))


class Embedding(nn.Embedding):
    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None):
        super().__init__(num_embeddings, embedding_dim, padding_idx)
        start_alike(self, minigrad_nn.Embedding(num_embeddings, embedding_dim, padding_idx))


class Dropout(nn.Module):
    def __init__(self, p: float = 0.5):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.training)


class LockedDropout(Dropout):
    """One mask (1,B,H) for all steps of x (T,B,H)."""

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.training, shape=(1, *x.shape[1:]))


# ---- recurrent layers


class LayerRun(NamedTuple):
    """What one layer did in one direction: its outputs (T,B,H)."""

    hs: Tensor


class Recurrent:
    """What the layers below have more than PyTorch's: lengths, and masks of dropout that are drawn
    as minigrad draws them."""

    states = 1

    def __init__(self, I: int, H: int, num_layers: int = 1, **settings: Any):
        kind = type(self).__name__
        own = {"forget_bias", "chrono", "dropout"}
        self.between = settings.get("dropout", 0.0)
        given = {name: value for name, value in settings.items() if name not in own}
        super().__init__(I, H, num_layers, **given)
        start_alike(self, getattr(minigrad_nn, kind)(I, H, num_layers, **settings))
        ends = 2 if self.bidirectional else 1
        widths = [I] + [ends * H] * (num_layers - 1)
        made = [getattr(nn, kind)(width, H, bidirectional=ends == 2) for width in widths]
        self.one_by_one = (made,)  # in a tuple: PyTorch is not to count these as its own
        for number, layer in enumerate(made):
            for name, _ in list(layer.named_parameters()):
                setattr(layer, name, getattr(self, name.replace("_l0", f"_l{number}")))

    def forward(self, x: Tensor, hx: Any = None, lengths: Any = None) -> tuple[Tensor, Any]:
        if self.num_layers == 1 and lengths is None:
            return super().forward(x, hx)
        if hx is not None:
            raise NotImplementedError("a first state for several layers, or with lengths")
        outputs, states = self.run_all(x, lengths)
        output = outputs[-1].transpose(0, 1) if self.batch_first else outputs[-1]
        parts = [torch.cat(part) for part in zip(*states, strict=True)]
        return output, parts[0] if self.states == 1 else tuple(parts)

    def run_all(self, x: Tensor, lengths: Any) -> tuple[list[Tensor], list[tuple[Tensor, ...]]]:
        """Layer by layer: outputs (T,B,H), or (T,B,2H) of both directions, and last states."""
        x = x.transpose(0, 1) if self.batch_first else x
        outputs, states = [], []
        for number, layer in enumerate(self.one_by_one[0]):
            if number > 0:
                x = dropout(x, self.between, self.training)
            x, state = run_padded(layer, x, lengths)
            outputs.append(x)
            states.append(state if isinstance(state, tuple) else (state,))
        return outputs, states

    def run_layers(self, x: Tensor, lengths: Any = None) -> list[LayerRun]:
        outputs, _ = self.run_all(x, lengths)
        return [LayerRun(hs) for output in outputs for hs in output.split(self.hidden_size, -1)]


def run_padded(layer: nn.Module, x: Tensor, lengths: Any) -> tuple[Tensor, Any]:
    """A layer of PyTorch on rows that end after `lengths` steps, by packing; x (T,B,I)."""
    if lengths is None:
        return layer(x)
    packed = pack_padded_sequence(x, torch.as_tensor(lengths).cpu(), enforce_sorted=False)
    output, state = layer(packed)
    return pad_packed_sequence(output, total_length=len(x))[0], state


class RNN(Recurrent, nn.RNN):
    pass


class GRU(Recurrent, nn.GRU):
    gate_names = ("r", "z", "n")


class LSTM(Recurrent, nn.LSTM):
    gate_names = ("i", "f", "g", "o")
    states = 2


def gates(layer: LSTM, x: Tensor) -> dict[str, dict[str, Tensor]]:
    """i, f, g and o (T,B,H) of an LSTM of one layer over x (T,B,I), from its states."""
    if not isinstance(layer, LSTM) or layer.num_layers > 1 or layer.bidirectional:
        raise NotImplementedError("gates: of an LSTM of one layer and direction only")
    hs, _ = layer(x)
    before = torch.cat([torch.zeros_like(hs[:1]), hs[:-1]])
    weights = [getattr(layer, f"{name}_l0") for name in WEIGHTS]
    return {"l0": dict(zip("ifgo", lstm_gates(x, before, *weights), strict=True))}


# ---- cells

WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Cell:
    """What the cells below share: they start as minigrad's."""

    def __init__(self, I: int, H: int):
        super().__init__(I, H)
        start_alike(self, getattr(minigrad_nn, type(self).__name__)(I, H))

    def weights(self) -> list[Tensor]:
        return [getattr(self, name) for name in WEIGHTS]


class RNNCell(Cell, nn.RNNCell):
    pass


class LSTMCell(Cell, nn.LSTMCell):
    gate_names = ("i", "f", "g", "o")


class GRUCell(Cell, nn.GRUCell):
    """PyTorch's, or with reset_after=False that of Cho et al. 2014."""

    gate_names = ("r", "z", "n")

    def __init__(self, I: int, H: int, reset_after: bool = True):
        super().__init__(I, H)
        self.reset_after = reset_after

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        if self.reset_after:
            return super().forward(x, h)
        w_ih, w_hh, b_ih, b_hh = self.weights()
        a_r, a_z, a_n = linear(x, w_ih, b_ih).chunk(3, dim=-1)
        w_r, w_z, w_n = w_hh.chunk(3)
        b_r, b_z, b_n = b_hh.chunk(3)
        r = torch.sigmoid(a_r + linear(h, w_r, b_r))
        z = torch.sigmoid(a_z + linear(h, w_z, b_z))
        n = torch.tanh(a_n + linear(r * h, w_n, b_n))
        return z * h + (1 - z) * n


class PeepholeLSTMCell(nn.Module):
    """i = σ(... + p_i c), f = σ(... + p_f c), o = σ(... + p_o c'): the gates see the cell."""

    gate_names = ("i", "f", "g", "o")

    def __init__(self, I: int, H: int):
        super().__init__()
        self.hidden_size = H
        for name, value in minigrad_nn.PeepholeLSTMCell(I, H).state_dict().items():
            setattr(self, name, nn.Parameter(copied(value)))

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        h, c = state
        p_i, p_f, p_o = self.weight_peephole.chunk(3)
        a = linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh, self.bias_hh)
        a_i, a_f, a_g, a_o = a.chunk(4, dim=-1)
        f = torch.sigmoid(a_f + p_f * c)
        i = torch.sigmoid(a_i + p_i * c)
        c = f * c + i * torch.tanh(a_g)
        o = torch.sigmoid(a_o + p_o * c)
        return o * torch.tanh(c), c


def unroll(
    cell: Callable[..., Any], x: Tensor, hx: Any = None, *, dropout: float = 0.0
) -> tuple[Tensor, Any]:
    """An LSTM's cell over x (T,B,I), its h multiplied by one mask before every step: hs, (h, c)."""
    zero = torch.zeros(x.shape[1], cell.hidden_size, dtype=x.dtype, device=x.device)
    h, c = (zero, zero) if hx is None else hx
    mask = mask_of(h, dropout, cell.training)
    hs = []
    for x_t in x:
        h, c = cell(x_t, (h * mask if dropout else h, c))
        hs.append(h)
    return torch.stack(hs), (h, c)


def mask_of(h: Tensor, p: float, training: bool) -> Tensor:
    return dropout(torch.ones_like(h), p, training)


# ---- attention


class AdditiveAttention(nn.Module):
    """c_i = Σ_j α_ij h_j, α_ij = softmax_j vᵀ tanh(W s_i + U h_j)    (Bahdanau et al. 2015)."""

    def __init__(self, query_size: int, key_size: int, hidden_size: int):
        super().__init__()
        self.W = Linear(query_size, hidden_size, bias=False)
        self.U = Linear(key_size, hidden_size, bias=False)
        self.v = Linear(hidden_size, 1, bias=False)

    def forward(
        self, query: Tensor, keys: Tensor, key_padding_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        a = torch.tanh(self.W(query)[:, :, None] + self.U(keys)[:, None])  # (B,L,S,hidden)
        weights = masked_softmax(self.v(a).squeeze(-1), key_padding_mask[:, None])  # (B,L,S)
        return weights @ keys, weights


class AttentionPooling(nn.Module):
    """c = Σ_t α_t h_t, α = softmax_t(w · h_t + b)."""

    def __init__(self, hidden_size: int):
        super().__init__()
        self.score = Linear(hidden_size, 1)

    def forward(self, h: Tensor, key_padding_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        weights = masked_softmax(self.score(h).squeeze(-1), key_padding_mask)  # (B,T)
        return (weights[:, None] @ h)[:, 0], weights


def masked_softmax(scores: Tensor, padding: Tensor | None) -> Tensor:
    if padding is not None:
        scores = scores.masked_fill(padding, -torch.inf)
    return torch.softmax(scores, dim=-1)


# ---- initial values, from minigrad's random numbers


def drawn_like(name: str) -> Callable[..., Tensor]:
    """The function of minigrad's `nn.init`, for a Tensor of PyTorch."""

    def fill(tensor: Tensor, **settings: Any) -> Tensor:
        values = minigrad.zeros(*tensor.shape, dtype=minigrad.float64)
        getattr(minigrad_nn.init, name)(values, **settings)
        with torch.no_grad():
            return tensor.copy_(copied(values))

    return fill


def set_gate_bias(module: Any, suffix: str, gate: str, value: Any) -> None:
    """Let the two biases of a gate add up to `value`, a number or (H,)."""
    H = module.hidden_size
    start = module.gate_names.index(gate) * H
    with torch.no_grad():
        getattr(module, f"bias_ih{suffix}")[start : start + H] = torch.as_tensor(value)
        getattr(module, f"bias_hh{suffix}")[start : start + H] = 0


def suffixes_of(module: Any) -> list[str]:
    names = [name for name, _ in module.named_parameters()]
    return [name.removeprefix("bias_ih") for name in names if name.startswith("bias_ih")]


def forget_bias_(module: Any, value: float) -> Any:
    for suffix in suffixes_of(module):
        set_gate_bias(module, suffix, "f", value)
    return module


def chrono_(module: Any, t_max: int) -> Any:
    """b_f = log u, b_i = -log u, or a GRU's b_z = log u; u ~ U(1, t_max - 1)."""
    for suffix in suffixes_of(module):
        u = minigrad.random.generator().uniform(1, t_max - 1, module.hidden_size)
        if "f" in module.gate_names:
            set_gate_bias(module, suffix, "f", np.log(u))
            set_gate_bias(module, suffix, "i", -np.log(u))
        else:
            set_gate_bias(module, suffix, "z", np.log(u))
    return module


init = SimpleNamespace(
    xavier_normal_=drawn_like("xavier_normal_"),
    orthogonal_=drawn_like("orthogonal_"),
    zeros_=nn.init.zeros_,
    forget_bias_=forget_bias_,
    chrono_=chrono_,
)


# ---- batches, in the order that minigrad would take


class TensorDataset:
    def __init__(self, *tensors: Tensor):
        self.tensors = tensors


class DataLoader:
    def __init__(self, dataset: TensorDataset, batch_size: int, shuffle: bool = False):
        rows = minigrad.arange(len(dataset.tensors[0]))
        numbers = minigrad_nn.data.TensorDataset(rows)
        self.order = minigrad_nn.data.DataLoader(numbers, batch_size, shuffle)
        self.tensors = dataset.tensors

    def __iter__(self) -> Iterator[Sequence[Tensor]]:
        for (rows,) in self.order:
            chosen = copied(rows)
            yield [tensor[chosen] for tensor in self.tensors]


data = SimpleNamespace(TensorDataset=TensorDataset, DataLoader=DataLoader)
