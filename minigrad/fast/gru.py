"""The GRU in chunks of steps. It must equal `minigrad.byhand.gru`. Layout: `sequence`.

u, r, z and n of one step lie under one another: U gives the first three (its columns [h; 1] of the
inputs), V the last three ([1; x]), and each is one product. Without reset_after, r h takes the
place of u.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.gru import gru
from minigrad.byhand.steps import gru_cell
from minigrad.cells import Lengths
from minigrad.fast.halves import in_halves
from minigrad.fast.one_step import one_step_as
from minigrad.fast.sequence import ColumnSequence, side_by_side
from minigrad.fast.workspace import workspace
from minigrad.faster import faster


@faster(gru, device="cpu")
@in_halves("gru", blocks=3)
@one_step_as(gru_cell)
def gru_in_chunks(
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
    reset_after: bool = True,
) -> RuleResult:
    """r, z = σ(U h + V x), n = tanh(r u + V x), u = U h;  h_t = n + z (h - n); h is h_{t-1}.

        ∂a_z = ∂h_t (h - n) z'     ∂a_n = ∂h_t (1 - z) n'     ∂a_r = ∂a_n u r'     ∂u = ∂a_n r
        ∂h = ∂h_t z + Uᵀ ∂(u, a_r, a_z)

    where r' = r (1 - r), z likewise, and n' = 1 - n². Only ∂h_t depends on step t + 1; the rest is
    computed for a chunk of steps first.
    reset_after=False: n = tanh(U (r h) + V x), so ∂(r h) = Uᵀ ∂a_n, ∂a_r = ∂(r h) h r', and
    ∂(r h) r is added to ∂h.
    """
    H = h0.shape[1]
    zeros = xp.zeros(3 * H, dtype=w_hh.dtype)
    b_u = zeros if b_hh is None else b_hh
    b_v = zeros if b_ih is None else b_ih
    U = xp.concatenate([w_hh, b_u[:, None]], axis=1)  # (3H,H+1)
    U = xp.roll(U, H, axis=0)  # r z n -> n r z
    V = xp.concatenate([b_v[:, None], w_ih], axis=1)  # (3H,1+I), r z n
    seq = ColumnSequence(xp, x, h0, lengths, reverse, xp.result_type(x, h0, U, V))
    blocks = workspace.empty(xp, (seq.T, 4 * H, seq.B), seq.dtype)  # u, r, z, n
    run_steps(xp, seq, U, V, blocks, reset_after)

    def pullback(gs: Any, needs: Sequence[bool]) -> Any:
        dhs = seq.read_gradients(gs[0])
        dh = seq.read_state_gradient(gs[1])
        dx = seq.empty_dx(needs[0])
        dU, dV = run_back(xp, seq, U, V, blocks, reset_after, dhs, dh, dx)  # and fills dh and dx
        dU = xp.roll(dU, -H, axis=0)
        db_ih = None if b_ih is None else dV[:, 0]
        db_hh = None if b_hh is None else dU[:, H]
        return [seq.write_dx(dx), seq.write_state(dh.T), dV[:, 1:], dU[:, :H], db_ih, db_hh]

    return (seq.outputs(), seq.last_columns(seq.states)), pullback


def run_steps(
    xp: XP, seq: ColumnSequence, U: Array, V: Array, blocks: Array, reset_after: bool
) -> None:
    """Every step forward: fills in the states of `seq`, and u, r, z, n."""
    H = seq.H
    inputs, states = seq.inputs, seq.states
    U_half, V_half = U.copy(), V.copy()  # σ(a) = ½ tanh(a/2) + ½
    U_half[H:] *= 0.5
    V_half[: 2 * H] *= 0.5
    U_n, b_n = U[:H, :H], U[:H, H:]
    step_vx = workspace.empty(xp, (3 * H, seq.B), seq.dtype)
    for t, n_t in enumerate(seq.active_rows):
        a, vx = blocks[t, :, :n_t], step_vx[:, :n_t]
        h, h_next = states[t, :, :n_t], states[t + 1, :, :n_t]
        u, r, z, n = a[:H], a[H : 2 * H], a[2 * H : 3 * H], a[3 * H :]
        rz = a[H : 3 * H]
        xp.matmul(V_half, inputs[t, H:, :n_t], out=vx)
        if reset_after:
            xp.matmul(U_half, inputs[t, : H + 1, :n_t], out=a[: 3 * H])
        else:
            xp.matmul(U_half[H:], inputs[t, : H + 1, :n_t], out=rz)
        rz += vx[: 2 * H]
        xp.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        if reset_after:
            xp.multiply(r, u, out=n)
        else:
            xp.multiply(r, h, out=u)
            xp.matmul(U_n, u, out=n)
            n += b_n
        n += vx[2 * H :]
        xp.tanh(n, out=n)
        xp.subtract(h, n, out=h_next)
        h_next *= z
        h_next += n


def run_back(
    xp: XP,
    seq: ColumnSequence,
    U: Array,
    V: Array,
    blocks: Array,
    reset_after: bool,
    dhs: list[Array] | None,
    dh: Array,
    dx: Array | None,
) -> tuple[Array, Array]:
    """Every step back: ∂U and ∂V. Turns the last ∂h into the first one, and fills in ∂x."""
    H, B = seq.H, seq.B
    gates = xp.reshape(blocks, (seq.T, 4, H, B))
    chunk_da = workspace.empty(xp, (seq.chunk, 4 * H, B), seq.dtype)
    step_e = workspace.empty(xp, (H, B), seq.dtype)
    gradients = WeightGradients(xp, seq, U, V, reset_after)
    UT, U_nT, U_rzT = U[:, :H].T, U[:H, :H].T, U[H:, :H].T
    w_ih = V[:, 1:]
    for steps, n in seq.chunks():
        a = gates[steps, :, :, :n]  # (m,4,H,n)
        m = len(a)
        da = xp.reshape(chunk_da, (seq.chunk, 4, H, B))[:m, :, :, :n]
        seq.zero_finished_inputs(steps, n)
        seq.zero_finished(blocks[steps, :, :n], steps.start)
        fill_slopes(xp, a, seq.states[steps, :, :n], da, reset_after)
        seq.zero_finished(chunk_da[:m, :, :n], steps.start)
        for t in reversed(range(steps.start, steps.stop)):
            k = t - steps.start
            n_t = seq.active_rows[t]
            da_t, e = da[k, :, :, :n_t], step_e[:, :n_t]
            dh_t = dh[:, :n_t]
            if dhs is not None:
                dh_t += dhs[t]
            da_t[2:] *= dh_t  # ∂a_z, ∂a_n
            xp.multiply(dh_t, a[k, 2, :, :n_t], out=e)  # ∂h_t z
            if reset_after:
                da_t[:2] *= da_t[3]  # ∂u, ∂a_r
                xp.matmul(UT, chunk_da[k, : 3 * H, :n_t], out=dh_t)
            else:
                xp.matmul(U_nT, da_t[3], out=dh_t)  # ∂(r h)
                da_t[:2] *= dh_t  # ∂(r h) r, ∂a_r
                e += da_t[0]
                xp.matmul(U_rzT, chunk_da[k, H : 3 * H, :n_t], out=dh_t)
            dh_t += e
        da = chunk_da[:m, :, :n]
        if dx is not None:
            xp.matmul(xp.swapaxes(da[:, H:], 1, 2), w_ih, out=dx[steps, :n])
        gradients.add(da, seq.inputs[steps, :, :n], a[:, 0])
    return gradients.dU, gradients.dV


def fill_slopes(xp: XP, a: Array, h: Array, da: Array, reset_after: bool) -> None:
    """What does not depend on step t + 1, for a chunk of steps, into da (m,4,H,n).

    These are r, ∂a_r / ∂a_n (or, without reset_after, ∂a_r / ∂(r h)), ∂a_z / ∂h_t, ∂a_n / ∂h_t.
    """
    u, r, z, n = a[:, 0], a[:, 1], a[:, 2], a[:, 3]
    xp.multiply(a[:, 1:], a[:, 1:], out=da[:, 1:])
    xp.subtract(a[:, 1:3], da[:, 1:3], out=da[:, 1:3])  # r', z'
    xp.subtract(1, da[:, 3], out=da[:, 3])  # n'
    da[:, 2] *= xp.subtract(h, n, out=da[:, 0])  # ∂a_z / ∂h_t = (h - n) z'
    da[:, 3] *= xp.subtract(1, z, out=da[:, 0])  # ∂a_n / ∂h_t = (1 - z) n'
    da[:, 1] *= u if reset_after else h  # u r', or h r'
    da[:, 0] = r


class WeightGradients:
    """∂U and ∂V, summed over the chunks of steps."""

    def __init__(self, xp: XP, seq: ColumnSequence, U: Array, V: Array, reset_after: bool):
        self.xp = xp
        self.H = seq.H
        self.reset_after = reset_after
        self.dU = xp.zeros_like(U)
        self.dV = xp.zeros_like(V)
        self.product_U = workspace.empty(xp, U.shape, U.dtype)
        self.product_V = workspace.empty(xp, V.shape, V.dtype)
        self.scratch = seq.scratch(4 * seq.H)
        self.input_scratch = seq.scratch(seq.inputs.shape[1])
        self.u_scratch = seq.scratch(seq.H)

    def add(self, da: Array, inputs: Array, u: Array) -> None:
        """A chunk: da (m,4H,n) of u, a_r, a_z, a_n; inputs (m,K,n); u (m,H,n), or r h there."""
        xp, H = self.xp, self.H
        all_da = side_by_side(xp, da, self.scratch)
        all_inputs = side_by_side(xp, inputs, self.input_scratch)
        if self.reset_after:
            self.dU += xp.matmul(all_da[: 3 * H], all_inputs[: H + 1].T, out=self.product_U)
        else:
            self.dU[:H, :H] += all_da[3 * H :] @ side_by_side(xp, u, self.u_scratch).T
            self.dU[:H, H] += xp.sum(all_da[3 * H :], axis=1)
            self.dU[H:] += all_da[H : 3 * H] @ all_inputs[: H + 1].T
        self.dV += xp.matmul(all_da[H:], all_inputs[H:].T, out=self.product_V)
