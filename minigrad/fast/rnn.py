"""The RNN in chunks of steps. It must equal `minigrad.byhand.rnn`.

For the layout and W see `sequence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.rnn import rnn
from minigrad.byhand.steps import rnn_cell
from minigrad.cells import Lengths, check_nonlinearity
from minigrad.fast.halves import in_halves
from minigrad.fast.one_step import one_step_as
from minigrad.fast.sequence import ColumnSequence, WeightGradient, pack_weights, unpack_gradient
from minigrad.fast.workspace import workspace
from minigrad.faster import faster


@faster(rnn, device="cpu")
@in_halves("rnn", blocks=1)
@one_step_as(rnn_cell)
def rnn_in_chunks(
    xp: XP,
    x: Array,
    h0: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array,
    b_hh: Array,
    *,
    lengths: Lengths = None,
    reverse: bool = False,
    nonlinearity: str = "tanh",
) -> RuleResult:
    """h_t = tanh(W s_t),    ∂a_t = ∂h_t (1 - h_t²).

    With "relu", h_t = max(W s_t, 0),    ∂a_t = ∂h_t where h_t > 0, else 0.
    """
    check_nonlinearity("rnn", nonlinearity)
    H = h0.shape[1]
    W = pack_weights(xp, w_ih, w_hh, b_ih, b_hh)
    seq = ColumnSequence(xp, x, h0, lengths, reverse, xp.result_type(x, h0, W))
    run_steps(xp, seq, W, nonlinearity)

    def pullback(gs: Any, needs: Sequence[bool]) -> Any:
        dhs = seq.read_gradients(gs[0])
        dh = seq.read_state_gradient(gs[1])
        dx = seq.empty_dx(needs[0])
        dW = run_back(xp, seq, W, nonlinearity, dhs, dh, dx)  # and fills dh and dx
        dh0 = seq.write_state(dh.T)
        return [seq.write_dx(dx), dh0, *unpack_gradient(dW, H, b_ih is not None)]

    return (seq.outputs(), seq.last_columns(seq.states)), pullback


def run_steps(xp: XP, seq: ColumnSequence, W: Array, nonlinearity: str) -> None:
    """Every step forward: fills in the states of `seq`."""
    inputs, states = seq.inputs, seq.states
    for t, n in enumerate(seq.active_rows):
        h = states[t + 1, :, :n]
        xp.matmul(W, inputs[t, :, :n], out=h)
        if nonlinearity == "tanh":
            xp.tanh(h, out=h)
        else:
            xp.maximum(h, 0, out=h)


def run_back(
    xp: XP,
    seq: ColumnSequence,
    W: Array,
    nonlinearity: str,
    dhs: list[Array] | None,
    dh: Array,
    dx: Array | None,
) -> Array:
    """Every step back: ∂W. Turns the last ∂h into the first one, and fills in ∂x."""
    H = seq.H
    chunk_da = workspace.empty(xp, (seq.chunk, H, seq.B), seq.dtype)
    gradient = WeightGradient(xp, seq, W)
    w_hhT, w_ih = W[:, :H].T, W[:, H + 1 :]
    for steps, n in seq.chunks():
        seq.zero_finished_inputs(steps, n)
        h = seq.states[1:][steps, :, :n]  # (m,H,n)
        da = chunk_da[: len(h), :, :n]
        if nonlinearity == "tanh":  # ∂a / ∂h
            xp.multiply(h, h, out=da)
            xp.subtract(1, da, out=da)
        else:
            da[...] = h.real > 0
        seq.zero_finished(da, steps.start)
        for t in reversed(range(steps.start, steps.stop)):
            n_t = seq.active_rows[t]
            da_t = da[t - steps.start, :, :n_t]
            dh_t = dh[:, :n_t]
            if dhs is not None:
                dh_t += dhs[t]
            da_t *= dh_t
            xp.matmul(w_hhT, da_t, out=dh_t)
        gradient.add(da, seq.inputs[steps, :, :n])
        if dx is not None:
            xp.matmul(xp.swapaxes(da, 1, 2), w_ih, out=dx[steps, :n])
    return gradient.total
