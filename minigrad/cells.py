"""Recurrent cells as equations, one step at a time, and their unrolling over time.

These are the definitions. `minigrad.byhand` has the same layers with their backward passes by hand,
`minigrad.fast` has faster versions; both must give these numbers and gradients. Second derivatives
are taken here.

T time, B batch, I input size, H hidden size. x (B,I), h and c (B,H). The weights: w_ih (kH,I),
w_hh (kH,H), b_ih and b_hh (kH,) or None, with k blocks of H rows: 1 for the RNN; 4 (i, f, g, o) for
the LSTM; 3 (r, z, n) for the GRU, as in PyTorch. In the equations a weight is the block of its
gate, and a next state has a prime: h', c'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.errors import shown
from minigrad.ops import linear, relu, sigmoid, stack, tanh, where
from minigrad.tensor import Tensor

Bias = Tensor | None
Lengths = Sequence[int] | np.ndarray[Any, Any] | None
States = tuple[Tensor, ...]


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
    """h' = tanh(w_ih x + b_ih + w_hh h + b_hh), or relu in place of tanh.

    Elman 1990; Graves 2013, eq. 1. Raises ValueError for another nonlinearity.
    """
    check_nonlinearity("rnn_cell", nonlinearity)
    a = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)
    return tanh(a) if nonlinearity == "tanh" else relu(a)


def lstm_gates(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Bias = None, b_hh: Bias = None
) -> States:
    """i, f, g, o = σ, σ, tanh, σ of w_ih x + b_ih + w_hh h + b_hh, each (B,H).

    They are the input gate, the forget gate, the candidate and the output gate.
    """
    a = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)  # (B,4H)
    i, f, g, o = a.chunk(4, dim=-1)
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
    """c' = f c + i g,    h' = o tanh c'. Returns h', c'.

    Hochreiter & Schmidhuber 1997; Graves 2013, eq. 7-11, without peepholes. The cell is a sum:
    along the path c -> c' the derivative is f alone, and where f is near 1 nothing vanishes.

    The lesson's candidate C̃ is g here, and its W · [h, x] is w_hh h + w_ih x.
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
    """r, z = σ(w_ih x + b_ih + w_hh h + b_hh), and the candidate n of either GRU, each (B,H):

    reset_after=True   n = tanh(w_ih x + b_ih + r (w_hh h + b_hh))    PyTorch and cuDNN
    reset_after=False  n = tanh(w_ih x + b_ih + w_hh (r h) + b_hh)    Cho et al. 2014, eq. 5-8

    With the first, w_hh h is one product for all blocks.
    """
    a_r, a_z, a_n = linear(x, w_ih, b_ih).chunk(3, dim=-1)
    w_r, w_z, w_n = w_hh.chunk(3)
    b_r, b_z, b_n = (None, None, None) if b_hh is None else b_hh.chunk(3)
    u_r = linear(h, w_r, b_r)
    u_z = linear(h, w_z, b_z)
    r = sigmoid(a_r + u_r)
    z = sigmoid(a_z + u_z)
    if reset_after:
        u_n = linear(h, w_n, b_n)
        n = tanh(a_n + r * u_n)
    else:
        u_n = linear(r * h, w_n, b_n)
        n = tanh(a_n + u_n)
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

    The lesson, like Chung et al. 2014, writes h' = (1 - z) h + z n: its z is the 1 - z of this.
    """
    _, z, n = gru_gates(x, h, w_ih, w_hh, b_ih, b_hh, reset_after=reset_after)
    return z * h + (1 - z) * n


def unroll(
    step: Callable[..., States], x: Tensor, state: States, lengths: Lengths, reverse: bool
) -> States:
    """Run `step(x_t, *state) -> state` over x (T,B,I); the state's first tensor is the output.

    Returns (hs, *state): hs (T,B,H), where hs[t] is the output after reading x[t], and the last
    state. With `lengths` (B,), row b ends after lengths[b] steps: from there its state stays as it
    is and hs is 0, so that a padded row gives the same result as unpadded. With `reverse`, time
    runs from T - 1 to 0, and each row starts at its own end.
    """
    T = len(x)
    if T == 0:
        return state[0][None][:0], *state
    active = None
    if lengths is not None:
        times = np.arange(T)[:, None, None]
        active = times < np.asarray(lengths)[:, None]  # (T,B,1)
        x = where(x.beside(active), x, 0.0)  # padding may hold NaN
    rows = x.unbind(0)
    hs: list[Any] = [None] * T
    steps = range(T)[::-1] if reverse else range(T)
    for t in steps:
        after = step(rows[t], *state)
        if active is None:
            hs[t] = after[0]
            state = after
        else:
            runs = x.beside(active[t])  # (B,1), on the device of x
            hs[t] = where(runs, after[0], 0.0)
            state = tuple([where(runs, new, old) for new, old in zip(after, state)])
    return stack(hs), *state


def rnn_composed(
    x: Tensor,
    h0: Tensor,
    *weights: Any,
    lengths: Lengths = None,
    reverse: bool = False,
    nonlinearity: str = "tanh",
) -> States:
    """`rnn_cell` over x (T,B,I) from h0 (B,H): hs (T,B,H), h_n (B,H)."""

    def step(x: Tensor, h: Tensor) -> States:
        return (rnn_cell(x, h, *weights, nonlinearity=nonlinearity),)

    return unroll(step, x, (h0,), lengths, reverse)


def gru_composed(
    x: Tensor,
    h0: Tensor,
    *weights: Any,
    lengths: Lengths = None,
    reverse: bool = False,
    reset_after: bool = True,
) -> States:
    """`gru_cell` over x (T,B,I) from h0 (B,H): hs (T,B,H), h_n (B,H)."""

    def step(x: Tensor, h: Tensor) -> States:
        return (gru_cell(x, h, *weights, reset_after=reset_after),)

    return unroll(step, x, (h0,), lengths, reverse)


def lstm_composed(
    x: Tensor, h0: Tensor, c0: Tensor, *weights: Any, lengths: Lengths = None, reverse: bool = False
) -> States:
    """`lstm_cell` over x (T,B,I) from h0, c0 (B,H): hs (T,B,H), h_n (B,H), c_n (B,H)."""

    def step(x: Tensor, h: Tensor, c: Tensor) -> States:
        return lstm_cell(x, h, c, *weights)

    return unroll(step, x, (h0, c0), lengths, reverse)


def check_nonlinearity(name: str, nonlinearity: Any) -> None:
    """Raise ValueError if the nonlinearity of an RNN is neither "tanh" nor "relu"."""
    if not isinstance(nonlinearity, str) or nonlinearity not in ("tanh", "relu"):
        raise ValueError(
            f"{name}: expected nonlinearity 'tanh' or 'relu', got {shown(nonlinearity)}"
        )
