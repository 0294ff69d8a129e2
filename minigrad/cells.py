"""Recurrent cells as equations, one step at a time, and their unrolling over time.

These are the definitions: the fused layers of `minigrad.fast` must give the same numbers and gradients, and their
second derivatives are taken here.

T time, B batch, I input size, H hidden size. x (B,I), h and c (B,H). The weights: w_ih (kH,I), w_hh (kH,H), b_ih and
b_hh (kH,) or None, where k counts the blocks: 1 for the RNN; 4 (i, f, g, o) for the LSTM; 3 (r, z, n) for the GRU, as
in PyTorch. W x + b below stands for one block of w_ih with its bias, U h + b for the same block of w_hh with its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.ops import linear, relu, sigmoid, stack, tanh, where
from minigrad.tensor import Tensor

Bias = Tensor | None
Lengths = Sequence[int] | np.ndarray[Any, Any] | None
States = tuple[Tensor, ...]


def check_nonlinearity(name: str) -> str:
    if name not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity is 'tanh' or 'relu', not {name!r}")
    return name


def rnn_cell(
    x: Tensor,
    h: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Bias = None,
    b_hh: Bias = None,
    *,
    nonlinearity: str = "tanh",
) -> Tensor:
    """h' = tanh(W x + b + U h + b)    (Graves 2013, eq. 1; Elman 1990); or relu in place of tanh."""
    a = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)
    return tanh(a) if check_nonlinearity(nonlinearity) == "tanh" else relu(a)


def lstm_gates(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Bias = None, b_hh: Bias = None
) -> States:
    """i, f, g, o = σ, σ, tanh, σ of W x + b + U h + b: input gate, forget gate, candidate, output gate."""
    i, f, g, o = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, dim=-1)
    return sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)


def lstm_cell(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Bias = None,
    b_hh: Bias = None,
) -> tuple[Tensor, Tensor]:
    """c' = f c + i g,    h' = o tanh c'    (Graves 2013, eq. 7-11, without peepholes; Hochreiter & Schmidhuber 1997).

    The cell is a sum: along the path c -> c' the derivative is f alone, and where f is near 1 nothing vanishes.
    """
    i, f, g, o = lstm_gates(x, h, w_ih, w_hh, b_ih, b_hh)
    c = f * c + i * g
    return o * tanh(c), c


def gru_gates(
    x: Tensor,
    h: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Bias = None,
    b_hh: Bias = None,
    *,
    reset_after: bool = True,
) -> States:
    """r, z = σ(W x + b + U h + b)    (Cho et al. 2014, eq. 5-6), and the candidate n, where the two GRUs differ:

    reset_after=True   n = tanh(W x + b + r (U h + b))    PyTorch's and cuDNN's: U h is one product for all blocks
    reset_after=False  n = tanh(W x + b + U (r h) + b)    (Cho et al. 2014, eq. 8)
    """
    xr, xz, xn = linear(x, w_ih, b_ih).chunk(3, dim=-1)
    ur, uz, un = w_hh.chunk(3)
    br, bz, bn = (None, None, None) if b_hh is None else b_hh.chunk(3)
    r = sigmoid(xr + linear(h, ur, br))
    z = sigmoid(xz + linear(h, uz, bz))
    n = tanh(xn + (r * linear(h, un, bn) if reset_after else linear(r * h, un, bn)))
    return r, z, n


def gru_cell(
    x: Tensor,
    h: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Bias = None,
    b_hh: Bias = None,
    *,
    reset_after: bool = True,
) -> Tensor:
    """h' = z h + (1 - z) n    (Cho et al. 2014, eq. 7, and PyTorch): z near 1 keeps the state.

    The lesson, like Chung et al. 2014, writes h' = (1 - z) h + z n: its z is the 1 - z of this function.
    """
    _, z, n = gru_gates(x, h, w_ih, w_hh, b_ih, b_hh, reset_after=reset_after)
    return z * h + (1 - z) * n


def unroll(
    step: Callable[..., States], x: Tensor, state: States, lengths: Lengths, reverse: bool
) -> States:
    """Run `step(x_t, *state) -> state` over the rows x_t of x (T,B,I); the first tensor of the state is the output.

    Returns (hs, *state): hs (T,B,H), where hs[t] is the output after reading x[t], and the last state.
    With `lengths` (B,), row b ends after lengths[b] steps: from there its state stays as it is and hs is 0, so that a
    padded row gives what it gives alone. With `reverse`, time runs from T - 1 to 0, each row starting at its own end.
    """
    T = len(x)
    hs: list[Any] = [None] * T
    rows = x.unbind(0)
    alive = (
        None if lengths is None else np.arange(T)[:, None, None] < np.asarray(lengths)[:, None]
    )  # (T,B,1)
    for t in reversed(range(T)) if reverse else range(T):
        new = step(rows[t], *state)
        if alive is None:
            hs[t], state = new[0], new
        else:
            here = x.new(alive[t])
            hs[t] = where(here, new[0], 0.0)
            state = tuple(
                where(here, after, before) for after, before in zip(new, state, strict=True)
            )
    return stack(hs) if T else state[0][None][:0], *state


def rnn_composed(
    x: Tensor,
    h0: Tensor,
    *weights: Any,
    lengths: Lengths = None,
    reverse: bool = False,
    nonlinearity: str = "tanh",
) -> States:
    """`rnn_cell` over x (T,B,I) from h0 (B,H): hs (T,B,H), h_n (B,H)."""
    return unroll(
        lambda x, h: (rnn_cell(x, h, *weights, nonlinearity=nonlinearity),),
        x,
        (h0,),
        lengths,
        reverse,
    )


def gru_composed(
    x: Tensor,
    h0: Tensor,
    *weights: Any,
    lengths: Lengths = None,
    reverse: bool = False,
    reset_after: bool = True,
) -> States:
    """`gru_cell` over x (T,B,I) from h0 (B,H): hs (T,B,H), h_n (B,H)."""
    return unroll(
        lambda x, h: (gru_cell(x, h, *weights, reset_after=reset_after),),
        x,
        (h0,),
        lengths,
        reverse,
    )


def lstm_composed(
    x: Tensor, h0: Tensor, c0: Tensor, *weights: Any, lengths: Lengths = None, reverse: bool = False
) -> States:
    """`lstm_cell` over x (T,B,I) from h0, c0 (B,H): hs (T,B,H), h_n (B,H), c_n (B,H)."""
    return unroll(lambda x, h, c: lstm_cell(x, h, c, *weights), x, (h0, c0), lengths, reverse)
