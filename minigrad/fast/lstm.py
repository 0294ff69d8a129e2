"""The LSTM in chunks of steps. It must equal `minigrad.byhand.lstm`.

For the layout and W see `sequence`. o, i, f, g and c_{t-1} of one step lie under one another, so
that (i, f) times (g, c_{t-1}) is one call. σ(a) = ½ tanh(a/2) + ½ with the inner ½ in W: one tanh
serves all four gates. It rounds as numbers near 1 do (6e-8 in float32), which is what counts for
gates: one below that is 0 or 6e-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.lstm import lstm
from minigrad.byhand.steps import lstm_cell
from minigrad.cells import Lengths
from minigrad.fast.halves import in_halves
from minigrad.fast.one_step import one_step_as
from minigrad.fast.sequence import ColumnSequence, WeightGradient, pack_weights, unpack_gradient
from minigrad.fast.workspace import workspace
from minigrad.faster import faster


@faster(lstm, device="cpu")
@in_halves("lstm", blocks=4)
@one_step_as(lstm_cell)
def lstm_in_chunks(
    xp: XP,
    x: Array,
    h0: Array,
    c0: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array,
    b_hh: Array,
    *,
    lengths: Lengths = None,
    reverse: bool = False,
) -> RuleResult:
    """o, i, f = σ(W s_t), g = tanh(W s_t);  c_t = i g + f c_{t-1},  h_t = o y with y = tanh c_t.

        ∂c_t += ∂h_t o (1 - y²)       ∂c_{t-1} = ∂c_t f
        ∂a_o = ∂h_t y o'     ∂a_i = ∂c_t g i'     ∂a_f = ∂c_t c_{t-1} f'     ∂a_g = ∂c_t i g'

    where o' = o (1 - o), i and f likewise, and g' = 1 - g². Only ∂h_t and ∂c_t depend on step
    t + 1; the rest is computed for a chunk of steps first.
    """
    H = h0.shape[1]
    W = xp.roll(pack_weights(xp, w_ih, w_hh, b_ih, b_hh), H, axis=0)  # i f g o -> o i f g
    seq = ColumnSequence(xp, x, h0, lengths, reverse, xp.result_type(x, h0, c0, W))
    gates_and_cells = workspace.empty(xp, (seq.T + 1, 5 * H, seq.B), seq.dtype)
    cells = gates_and_cells[:, 4 * H :]
    cells[0] = c0[seq.permutation].T
    run_steps(xp, seq, W, gates_and_cells)

    def pullback(gs: Any, needs: Sequence[bool]) -> Any:
        dhs = seq.read_gradients(gs[0])
        dh = seq.read_state_gradient(gs[1])
        dc = seq.read_state_gradient(gs[2])
        dx = seq.empty_dx(needs[0])
        dW = run_back(xp, seq, W, gates_and_cells, dhs, dh, dc, dx)  # and fills dh, dc and dx
        dW = xp.roll(dW, -H, axis=0)
        dh0, dc0 = seq.write_state(dh.T), seq.write_state(dc.T)
        return [seq.write_dx(dx), dh0, dc0, *unpack_gradient(dW, H, b_ih is not None)]

    return (seq.outputs(), seq.last_columns(seq.states), seq.last_columns(cells)), pullback


def run_steps(xp: XP, seq: ColumnSequence, W: Array, gates_and_cells: Array) -> None:
    """Every step forward: fills in the states of `seq`, and o, i, f, g and c_t."""
    H = seq.H
    inputs, states = seq.inputs, seq.states
    gates, cells = gates_and_cells[:, : 4 * H], gates_and_cells[:, 4 * H :]
    W_half = W.copy()
    W_half[: 3 * H] *= 0.5
    products = workspace.empty(xp, (2 * H, seq.B), seq.dtype)
    for t, n in enumerate(seq.active_rows):
        a = gates[t, :, :n]
        sigmoids = a[: 3 * H]
        c = cells[t + 1, :, :n]
        ig_fc = products[:, :n]
        y = ig_fc[:H]
        xp.matmul(W_half, inputs[t, :, :n], out=a)
        xp.tanh(a, out=a)
        sigmoids *= 0.5
        sigmoids += 0.5
        xp.multiply(a[H : 3 * H], gates_and_cells[t, 3 * H :, :n], out=ig_fc)  # (i, f) (g, c)
        xp.add(ig_fc[:H], ig_fc[H:], out=c)
        xp.tanh(c, out=y)
        xp.multiply(a[:H], y, out=states[t + 1, :, :n])


def run_back(
    xp: XP,
    seq: ColumnSequence,
    W: Array,
    gates_and_cells: Array,
    dhs: list[Array] | None,
    dh: Array,
    dc: Array,
    dx: Array | None,
) -> Array:
    """Every step back: ∂W. Turns the last ∂h and ∂c into the first ones, and fills in ∂x."""
    H, B = seq.H, seq.B
    blocks = xp.reshape(gates_and_cells, (seq.T + 1, 5, H, B))  # o, i, f, g, c_{t-1}
    chunk_da = workspace.empty(xp, (seq.chunk, 4 * H, B), seq.dtype)
    chunk_y, chunk_q = workspace.empty(xp, (2, seq.chunk, H, B), seq.dtype)
    gradient = WeightGradient(xp, seq, W)
    w_hhT, w_ih = W[:, :H].T, W[:, H + 1 :]  # in W's order of the gates
    for steps, n in seq.chunks():
        m = steps.stop - steps.start
        da = xp.reshape(chunk_da, (seq.chunk, 4, H, B))[:m, :, :, :n]
        q = chunk_q[:m, :, :n]
        seq.zero_finished_inputs(steps, n)
        seq.zero_finished(gates_and_cells[steps, : 4 * H, :n], steps.start)
        seq.zero_finished(gates_and_cells[1:][steps, 4 * H :, :n], steps.start)
        fill_slopes(xp, seq, blocks, steps, da, q, chunk_y[:m, :, :n])
        for t in reversed(range(steps.start, steps.stop)):
            k = t - steps.start
            n_t = seq.active_rows[t]
            da_t, q_t = da[k, :, :, :n_t], q[k, :, :n_t]
            dh_t, dc_t = dh[:, :n_t], dc[:, :n_t]
            if dhs is not None:
                dh_t += dhs[t]
            q_t *= dh_t
            dc_t += q_t
            da_t[0] *= dh_t  # ∂a_o
            da_t[1:] *= dc_t  # ∂a_i, ∂a_f, ∂a_g
            dc_t *= blocks[t, 2, :, :n_t]  # f
            xp.matmul(w_hhT, chunk_da[k, :, :n_t], out=dh_t)
        da = chunk_da[:m, :, :n]
        gradient.add(da, seq.inputs[steps, :, :n])
        if dx is not None:
            xp.matmul(xp.swapaxes(da, 1, 2), w_ih, out=dx[steps, :n])
    return gradient.total


def fill_slopes(
    xp: XP, seq: ColumnSequence, blocks: Array, steps: slice, da: Array, q: Array, y: Array
) -> None:
    """What does not depend on step t + 1, for a chunk of steps: ∂a_o / ∂h, and of a_i, a_f and a_g
    ∂a / ∂c, into da (m,4,H,n); ∂c / ∂h = o (1 - y²) into q (m,H,n).
    """
    n = q.shape[-1]
    chunk = blocks[steps, :, :, :n]  # (m,5,H,n)
    o, i = chunk[:, 0], chunk[:, 1]
    xp.multiply(chunk[:, :4], chunk[:, :4], out=da)
    xp.subtract(chunk[:, :3], da[:, :3], out=da[:, :3])  # o', i', f'
    xp.subtract(1, da[:, 3], out=da[:, 3])  # g'
    xp.tanh(blocks[1:][steps, 4, :, :n], out=y)
    da[:, 0] *= y  # ∂a_o / ∂h = y o'
    da[:, 1:3] *= chunk[:, 3:]  # ∂a_i / ∂c = g i', ∂a_f / ∂c = c_{t-1} f'
    da[:, 3] *= i  # ∂a_g / ∂c = i g'
    xp.multiply(seq.states[1:][steps, :, :n], y, out=q)  # o y²
    xp.subtract(o, q, out=q)
