"""Recurrent cells: one step of an RNN, LSTM or GRU, and `unroll`, which runs any cell over time.

B batch, I input size, H hidden size; k blocks in a weight: 1 (RNN), 4 (LSTM: i, f, g, o), 3 (GRU: r, z, n).
Every cell holds weight_ih (kH,I), weight_hh (kH,H), bias_ih and bias_hh (kH,), all U(-1/√H, 1/√H) at first, and reads
x (B,I), or (I,) without a batch. The equations are in `minigrad.cells`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minigrad import Tensor, cells, errors, no_grad, ones_like, sigmoid, tanh, zeros, zeros_like
from minigrad.cells import Lengths, States

from . import functional as F
from . import init
from .module import Module, Parameter


class Recurrent(Module):
    """What cells and layers share: weights of `blocks` blocks, and a state of `states` tensors (h, or h and c)."""

    blocks, states = 1, 1
    hidden_size: int

    def add_weights(self, end: str, columns: int, bias: bool) -> None:
        rows = self.blocks * self.hidden_size
        setattr(self, f"weight_ih{end}", Parameter(zeros(rows, columns)))
        setattr(self, f"weight_hh{end}", Parameter(zeros(rows, self.hidden_size)))
        for name in ("bias_ih", "bias_hh"):
            setattr(self, name + end, Parameter(zeros(rows)) if bias else None)

    def weights(self, end: str = "") -> list[Any]:
        return [
            getattr(self, name + end) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]

    def reset_parameters(self) -> None:
        for param in self.parameters():
            init.uniform_(param, -1 / math.sqrt(self.hidden_size), 1 / math.sqrt(self.hidden_size))

    def start(self, x: Tensor, hx: Any, *shape: int) -> States:
        """The state to start from, each tensor of this shape: `hx`, or zeros as x is."""
        if hx is None:
            return (zeros(shape, dtype=x.dtype, device=x.device),) * self.states
        state = tuple(hx) if isinstance(hx, tuple | list) else (hx,)
        if (came := [tuple(s.shape) for s in state]) != [shape] * self.states:
            raise ValueError(
                f"{type(self).__name__}: states {came} came where {[shape] * self.states} are wanted"
            )
        return state


class Cell(Recurrent):
    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True):
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self.add_weights("", input_size, bias)
        self.reset_parameters()

    def enter(self, x: Tensor, hx: Any) -> States:
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ValueError(
                f"{type(self).__name__}: input {tuple(x.shape)} came; one step is (batch, {self.input_size})"
            )
        return self.start(x, hx, *x.shape[:-1], self.hidden_size)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + (", bias=False" if not self.bias else "")


class RNNCell(Cell):
    """h' = tanh(W x + b + U h + b), or relu: cell(x, h) -> h', h (B,H), zeros if None.

    >>> from minigrad import ones
    >>> tuple(RNNCell(3, 4)(ones(2, 3)).shape)
    (2, 4)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh"
    ):
        super().__init__(input_size, hidden_size, bias)
        self.nonlinearity = cells.check_nonlinearity(nonlinearity)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return cells.rnn_cell(
            input, *self.enter(input, hx), *self.weights(), nonlinearity=self.nonlinearity
        )

    def extra_repr(self) -> str:
        return super().extra_repr() + (
            "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        )


class LSTMCell(Cell):
    """c' = f c + i g, h' = o tanh c': cell(x, (h, c)) -> (h', c'), h and c (B,H), zeros if None.

    forget_bias: the sum of the forget gate's two biases.
    """

    blocks, states = 4, 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        forget_bias: float | None = None,
    ):
        super().__init__(input_size, hidden_size, bias)
        if forget_bias is not None:
            init.forget_bias_(self, forget_bias)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        return cells.lstm_cell(input, *self.enter(input, hx), *self.weights())


class GRUCell(Cell):
    """h' = z h + (1 - z) n: cell(x, h) -> h', h (B,H), zeros if None. The lesson's z is this 1 - z.

    reset_after=True is PyTorch's GRU; reset_after=False resets h before its product (Cho et al. 2014).
    """

    blocks = 3

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, reset_after: bool = True
    ):
        super().__init__(input_size, hidden_size, bias)
        self.reset_after = reset_after

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return cells.gru_cell(
            input, *self.enter(input, hx), *self.weights(), reset_after=self.reset_after
        )

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")


class PeepholeLSTMCell(LSTMCell):
    """An LSTM whose gates see the cell, each unit its own    (Gers & Schmidhuber 2000; Graves 2013, eq. 7-11):

    i = σ(W x + b + U h + b + p_i c),    f = σ(... + p_f c),    c' = f c + i g,
    o = σ(... + p_o c'),    h' = o tanh c'

    weight_peephole (3H,) holds p_i, p_f, p_o; with zeros there the cell is an LSTMCell. Run it with `unroll`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        forget_bias: float | None = None,
    ):
        self.weight_peephole = Parameter(zeros(3 * hidden_size))
        super().__init__(input_size, hidden_size, bias, forget_bias=forget_bias)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        h, c = self.enter(input, hx)
        w_ih, w_hh, b_ih, b_hh = self.weights()
        i, f, g, o = (F.linear(input, w_ih, b_ih) + F.linear(h, w_hh, b_hh)).chunk(4, dim=-1)
        p_i, p_f, p_o = self.weight_peephole.chunk(3)
        c = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * tanh(g)
        return sigmoid(o + p_o * c) * tanh(c), c


def unroll(
    cell: Callable[..., Any],
    input: Tensor,
    hx: Any = None,
    *,
    lengths: Lengths = None,
    reverse: bool = False,
    batch_first: bool = False,
    dropout: float = 0.0,
) -> tuple[Tensor, Any]:
    """Run any cell over time: `cell(x_t, state)` gives the next state, h or a tuple (h, ...) of tensors.

    input (T,B,I), or (B,T,I) with `batch_first`; hx the first state, zeros by default. `lengths` (B,) and `reverse` as
    for the layers. `dropout`: h is multiplied by one mask before every step, the same for all steps and fresh at every
    call, while `cell.training` (Gal & Ghahramani 2016). Returns (hs, state): hs (T,B,H) or (B,T,H), and the last state.

    >>> from minigrad import ones
    >>> hs, (h, c) = unroll(PeepholeLSTMCell(3, 4), ones(5, 2, 3))
    >>> tuple(hs.shape), tuple(c.shape)
    ((5, 2, 4), (2, 4))
    """
    if not isinstance(input, Tensor) or not callable(cell):
        raise TypeError(
            f"unroll: a {type(cell).__name__} and a {type(input).__name__} came; give a cell and a Tensor"
        )
    x = input.transpose(0, 1) if batch_first else input
    if x.ndim != 3 or not len(x):
        raise ValueError(
            f"unroll: input of shape {tuple(input.shape)} came; it is (time, batch, size), time above 0"
        )
    if hx is None:
        with no_grad():
            like = cell(x[0], None)  # the shape of the state is the cell's to say
        hx = tuple(map(zeros_like, like)) if isinstance(like, tuple) else zeros_like(like)
    several = isinstance(hx, tuple | list)
    start = tuple(hx) if several else (hx,)
    mask = F.dropout(ones_like(start[0]), dropout, getattr(cell, "training", False))

    def step(x: Tensor, h: Tensor, *rest: Tensor) -> States:
        h = h * mask if dropout else h
        return tuple(cell(x, (h, *rest))) if several else (cell(x, h),)

    hs, *last = cells.unroll(step, x, start, lengths, reverse)
    return hs.transpose(0, 1) if batch_first else hs, tuple(last) if several else last[0]


errors.name_all(globals(), helpers="unroll")
