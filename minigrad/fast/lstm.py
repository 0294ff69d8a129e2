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
from minigrad.fast.sequence import ColumnSequence, pack_weights, side_by_side, unpack_gradient
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
    W_half = W.copy()
    W_half[: 3 * H] *= 0.5
    seq = ColumnSequence(xp, x, h0, lengths, reverse, xp.result_type(x, h0, c0, W))
    inputs, states, T, B = seq.inputs, seq.states, seq.T, seq.B
    gates_and_cells = workspace.empty(xp, (T + 1, 5 * H, B), seq.dtype)
    gates, cells = gates_and_cells[:, : 4 * H], gates_and_cells[:, 4 * H :]
    cells[0] = c0[seq.permutation].T
    products = workspace.empty(xp, (2 * H, B), seq.dtype)
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
    seq.zero_finished(states[1:])
    seq.zero_finished(gates[:T])
    seq.zero_finished(cells[1:])
    blocks = xp.reshape(gates_and_cells, (T + 1, 5, H, B))  # o, i, f, g, c_{t-1}

    def pullback(gs: Any, needs: Sequence[bool]) -> Any:
        dhs = seq.read_gradients(gs[0])
        dh = seq.read_state_gradient(gs[1])
        dc = seq.read_state_gradient(gs[2])
        dx = seq.empty_dx(needs[0])
        dW = xp.zeros_like(W)
        chunk_da = workspace.empty(xp, (seq.chunk, 4 * H, B), seq.dtype)
        chunk_y, chunk_q = workspace.empty(xp, (2, seq.chunk, H, B), seq.dtype)
        product = workspace.empty(xp, W.shape, W.dtype)
        scratch, input_scratch = seq.scratch(4 * H), seq.scratch(W.shape[1])
        w_hhT, w_ih_rolled = W[:, :H].T, W[:, H + 1 :]
        for steps, n in seq.chunks():
            step_blocks = blocks[steps, :, :, :n]  # (m,5,H,n)
            m = len(step_blocks)
            o, i, f = step_blocks[:, 0], step_blocks[:, 1], step_blocks[:, 2]
            da = xp.reshape(chunk_da, (seq.chunk, 4, H, B))[:m, :, :, :n]
            xp.multiply(step_blocks[:, :4], step_blocks[:, :4], out=da)
            xp.subtract(step_blocks[:, :3], da[:, :3], out=da[:, :3])  # o', i', f'
            xp.subtract(1, da[:, 3], out=da[:, 3])  # g'
            y = xp.tanh(blocks[1:][steps, 4, :, :n], out=chunk_y[:m, :, :n])
            da[:, 0] *= y  # ∂a_o / ∂h
            da[:, 1:3] *= step_blocks[:, 3:]  # ∂a_i / ∂c, ∂a_f / ∂c
            da[:, 3] *= i  # ∂a_g / ∂c
            q = xp.multiply(states[1:][steps, :, :n], y, out=chunk_q[:m, :, :n])  # o y²
            xp.subtract(o, q, out=q)  # o (1 - y²)
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
                dc_t *= f[k, :, :n_t]
                xp.matmul(w_hhT, chunk_da[k, :, :n_t], out=dh_t)
            da = chunk_da[:m, :, :n]
            all_da = side_by_side(xp, da, scratch)
            all_inputs = side_by_side(xp, inputs[steps, :, :n], input_scratch)
            dW += xp.matmul(all_da, all_inputs.T, out=product)
            if dx is not None:
                xp.matmul(xp.swapaxes(da, 1, 2), w_ih_rolled, out=dx[steps, :n])
        dW = xp.roll(dW, -H, axis=0)
        dh0, dc0 = seq.write_state(dh.T), seq.write_state(dc.T)
        return [seq.write_dx(dx), dh0, dc0, *unpack_gradient(dW, H, b_ih is not None)]

    return (seq.outputs(), seq.last_columns(states), seq.last_columns(cells)), pullback
