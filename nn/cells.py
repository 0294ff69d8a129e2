"""Recurrent cells: one step of an RNN, LSTM or GRU, and `unroll`, which runs any cell over time.

B batch, I input size, H hidden size; k gates: 1 (RNN), 4 (LSTM: i, f, g, o), 3 (GRU: r, z, n).
Every cell holds weight_ih (kH,I), weight_hh (kH,H), bias_ih and bias_hh (kH,), which start as
U(-1/√H, 1/√H), and reads x (B,I), or (I,) without a batch. The equations are in `minigrad.cells`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minigrad import Tensor, byhand, cells, no_grad, ones_like, sigmoid, tanh, zeros, zeros_like
from minigrad.arguments import check_one_device
from minigrad.array import NAMESPACES
from minigrad.cells import States
from minigrad.errors import shown

from . import functional as F
from . import init
from .arguments import (
    as_finite,
    as_lengths,
    as_probability,
    check_same_dtype,
    check_sizes,
    check_tensor,
    place,
)
from .checked import checked
from .module import Module
from .parameter import Parameter
from .printing import changed_settings


class Recurrent(Module):
    """What cells and layers share: weights with H rows for each gate, and a state.

    gate_names: the gates, in the order of their rows. state_names: the tensors of the state, h, or
    h and c. suffixes: the ends of the parameters' names, "" for a cell, "_l0" ... in a layer.
    """

    gate_names: tuple[str, ...] = ("h",)
    state_names: tuple[str, ...] = ("h",)
    suffixes: list[str]
    hidden_size: int

    def add_weights(self, suffix: str, input_size: int, bias: bool) -> None:
        """Make the four parameters of a cell, or of one layer in one direction."""
        H = self.hidden_size
        rows = len(self.gate_names) * H
        setattr(self, f"weight_ih{suffix}", Parameter(zeros(rows, input_size)))
        setattr(self, f"weight_hh{suffix}", Parameter(zeros(rows, H)))
        setattr(self, f"bias_ih{suffix}", Parameter(zeros(rows)) if bias else None)
        setattr(self, f"bias_hh{suffix}", Parameter(zeros(rows)) if bias else None)

    def weights(self, suffix: str = "") -> list[Any]:
        """w_ih, w_hh, b_ih, b_hh, the last two None without biases."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, name + suffix) for name in names]

    def reset_parameters(self) -> None:
        """Draw all parameters from U(-1/√H, 1/√H)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def initial_state(self, x: Tensor, hx: Any, shape: tuple[int, ...]) -> States:
        """The state to start from as a tuple of tensors of this shape: hx, or zeros."""
        if hx is None:
            xp = NAMESPACES[type(x.array)]  # zeros on its device: `zeros` would move them there
            zero = Tensor(xp.zeros(shape, dtype=x.dtype))
            return (zero,) * len(self.state_names)
        return tuple(hx) if isinstance(hx, tuple | list) else (hx,)

    def check_state(self, hx: Any, shape: tuple[int, ...], dtype: Any) -> None:
        """Raise if hx is neither None nor a state of this shape and dtype."""
        if hx is None:
            return
        name = type(self).__name__
        state = hx if isinstance(hx, tuple | list) else (hx,)
        fits = [
            isinstance(part, Tensor) and tuple(part.shape) == shape and part.dtype == dtype
            for part in state
        ]
        if len(state) == len(self.state_names) and all(fits):
            return
        got = ", ".join([shown(part) for part in state])
        if state is hx:
            got = f"({got})"
        expected = f"{dtype}{shape}"
        if len(self.state_names) > 1:
            expected = f"({', '.join(self.state_names)}) of {expected} each"
        are_tensors = all([isinstance(part, Tensor) for part in state])
        kind = ValueError if are_tensors else TypeError
        raise kind(f"{name}: expected hx {expected}, got {got}")


class Cell(Recurrent):
    """What the cells share: the parameters and the checks of one step."""

    suffixes = [""]
    _fixed = frozenset({"input_size", "hidden_size", "bias"})
    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    @checked
    def __init__(self, input_size: int, hidden_size: int, bias: bool, device: Any, dtype: Any):
        name = type(self).__name__
        check_sizes(name, 0, input_size=input_size)
        check_sizes(name, 1, hidden_size=hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        self.add_weights("", input_size, bias)
        self.reset_parameters()
        place(self, device, dtype)

    def prepare(self, x: Tensor, hx: Any) -> States:
        """Check the arguments of a step; the state that it starts from."""
        name = type(self).__name__
        check_tensor(name, "input", x)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ValueError(
                f"{name}: expected input (batch, {self.input_size}), which is one step, "
                f"or ({self.input_size},) without a batch, got {tuple(x.shape)}"
            )
        check_tensor(name, "weight_ih", self.weight_ih)
        check_same_dtype(name, "input", x, self.weight_ih)
        if type(x.array) is not type(self.weight_ih.array):
            check_one_device(name, x, self.weight_ih)
        shape = (*x.shape[:-1], self.hidden_size)
        self.check_state(hx, shape, x.dtype)
        return self.initial_state(x, hx, shape)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}{changed_settings(self, bias=True)}"


class RNNCell(Cell):
    """h' = tanh(w_ih x + b_ih + w_hh h + b_hh), or relu in place of tanh.

    cell(x, h) -> h': x (B,I), h and h' (B,H). h is 0 where it is None.

    >>> from minigrad import ones
    >>> tuple(RNNCell(3, 4)(ones(2, 3)).shape)
    (2, 4)
    """

    @checked
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, device, dtype)
        cells.check_nonlinearity("RNNCell", nonlinearity)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        (h,) = self.prepare(input, hx)
        if input.ndim == 1:
            return self.forward(input[None], h[None])[0]
        return byhand.rnn_cell(input, h, *self.weights(), nonlinearity=self.nonlinearity)

    def extra_repr(self) -> str:
        return super().extra_repr() + changed_settings(self, nonlinearity="tanh")


class LSTMCell(Cell):
    """c' = f c + i g,    h' = o tanh c'.

    cell(x, (h, c)) -> (h', c'): x (B,I), the states (B,H). h and c are 0 by default. forget_bias:
    the sum of the forget gate's two biases.
    """

    gate_names = ("i", "f", "g", "o")
    state_names = ("h", "c")

    @checked
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        forget_bias: float | None = None,
    ):
        super().__init__(input_size, hidden_size, bias, device, dtype)
        if forget_bias is not None:
            as_finite(type(self).__name__, "forget_bias", forget_bias)
            init.forget_bias_(self, forget_bias)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        h, c = self.prepare(input, hx)
        # Not byhand.lstm_cell, which is one op: there h' is no function of the tensor c', and a
        # gradient by c' would lack what comes by way of h'.
        return cells.lstm_cell(input, h, c, *self.weights())


class GRUCell(Cell):
    """h' = z h + (1 - z) n.

    cell(x, h) -> h': x (B,I), h and h' (B,H). h is 0 where it is None. The z of the lesson is 1 - z
    here. reset_after=True is PyTorch's GRU; reset_after=False resets h before its product (Cho et
    al. 2014).
    """

    gate_names = ("r", "z", "n")

    @checked
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        reset_after: bool = True,
    ):
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.reset_after = reset_after

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        (h,) = self.prepare(input, hx)
        if not self.reset_after:
            return cells.gru_cell(input, h, *self.weights(), reset_after=False)
        if input.ndim == 1:
            return self.forward(input[None], h[None])[0]
        return byhand.gru_cell(input, h, *self.weights())

    def extra_repr(self) -> str:
        return super().extra_repr() + changed_settings(self, reset_after=True)


class PeepholeLSTMCell(LSTMCell):
    """An LSTM whose gates see the cell    (Gers & Schmidhuber 2000; Graves 2013, eq. 7-11).

    With a = w_ih x + b_ih + w_hh h + b_hh in blocks i, f, g, o:

        i = σ(a_i + p_i c),    f = σ(a_f + p_f c),    g = tanh a_g,    c' = f c + i g
        o = σ(a_o + p_o c'),    h' = o tanh c'

    weight_peephole (3H,) holds p_i, p_f, p_o: each unit sees its own cell. With zeros there it is
    an LSTMCell. Run it with `unroll`.
    """

    weight_peephole: Parameter

    def add_weights(self, suffix: str, input_size: int, bias: bool) -> None:
        """Those of an LSTMCell, after the peepholes."""
        self.weight_peephole = Parameter(zeros(3 * self.hidden_size))
        super().add_weights(suffix, input_size, bias)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        h, c = self.prepare(input, hx)
        w_ih, w_hh, b_ih, b_hh = self.weights()
        check_tensor(type(self).__name__, "weight_peephole", self.weight_peephole)
        p_i, p_f, p_o = self.weight_peephole.chunk(3)
        a = F.linear(input, w_ih, b_ih) + F.linear(h, w_hh, b_hh)  # (B,4H)
        a_i, a_f, a_g, a_o = a.chunk(4, dim=-1)  # (B,H) each
        i = sigmoid(a_i + p_i * c)
        f = sigmoid(a_f + p_f * c)
        g = tanh(a_g)
        c = f * c + i * g
        o = sigmoid(a_o + p_o * c)
        return o * tanh(c), c


@checked
def unroll(
    cell: Callable[..., Any],
    input: Tensor,
    hx: Any = None,
    *,
    lengths: Any = None,
    reverse: bool = False,
    batch_first: bool = False,
    dropout: float = 0.0,
) -> tuple[Tensor, Any]:
    """Run any cell over time: `cell(x_t, state)` gives the next state, h or a tuple (h, ...).

    input (T,B,I), or (B,T,I) with `batch_first`; hx the first state, zeros by default. `lengths`
    (B,) and `reverse` as for the layers. `dropout`: h is multiplied by one mask before every step,
    the same for all steps and fresh at every call, while `cell.training` (Gal & Ghahramani 2016).
    Returns (hs, state): hs (T,B,H) or (B,T,H), and the last state. Raises TypeError if the cell
    cannot be called or the input is not a Tensor, ValueError if a shape or the lengths do not fit.

    >>> from minigrad import ones
    >>> hs, (h, c) = unroll(PeepholeLSTMCell(3, 4), ones(5, 2, 3))
    >>> tuple(hs.shape), tuple(c.shape)
    ((5, 2, 4), (2, 4))
    """
    lengths = check_unroll(cell, input, lengths, batch_first, dropout)
    x = input.transpose(0, 1) if batch_first else input  # (T,B,I)
    if hx is None:
        hx = zero_state(cell, x[0])
    is_tuple = isinstance(hx, tuple | list)
    state = tuple(hx) if is_tuple else (hx,)
    if not state or not all([isinstance(part, Tensor) for part in state]):
        got = ", ".join(map(shown, state))
        raise TypeError(f"unroll: expected hx to be a Tensor or a tuple of them, got ({got})")
    training = getattr(cell, "training", False)
    mask = F.dropout(ones_like(state[0]), dropout, training)  # (B,H), for all steps

    def step(x_t: Tensor, h: Tensor, *rest: Tensor) -> States:
        if dropout:
            h = h * mask
        if is_tuple:
            return tuple(cell(x_t, (h, *rest)))
        return (cell(x_t, h),)

    hs, *final = cells.unroll(step, x, state, lengths, reverse)
    if batch_first:
        hs = hs.transpose(0, 1)
    return hs, tuple(final) if is_tuple else final[0]


def check_unroll(cell: Any, input: Any, lengths: Any, batch_first: bool, dropout: float) -> Any:
    """Check the arguments of `unroll`; the lengths as an array."""
    if not callable(cell) or isinstance(cell, type):
        raise TypeError(f"unroll: expected a cell that can be called, got {shown(cell)}")
    check_tensor("unroll", "input", input)
    order = "batch, time" if batch_first else "time, batch"
    time_dim = 1 if batch_first else 0
    if input.ndim != 3 or input.shape[time_dim] == 0:
        raise ValueError(
            f"unroll: expected input ({order}, size) with a time of at least 1, "
            f"got {tuple(input.shape)}"
        )
    as_probability("unroll", "dropout", dropout)
    T, B = input.shape[time_dim], input.shape[1 - time_dim]
    return as_lengths("unroll", lengths, T, B)


def zero_state(cell: Callable[..., Any], x: Tensor) -> Any:
    """A state of zeros for a cell that reads x (B,I); the cell itself says of which shape."""
    with no_grad():
        state = cell(x, None)
    if isinstance(state, tuple):
        return tuple([zeros_like(part) for part in state])
    return zeros_like(state)
