"""rnn, gru and lstm on a GPU: all steps in one launch, or a product and a kernel for each step.

`one_launch` has the first, for weights that fit a multiprocessor. The time loop of this file is for
larger ones; its launches become one graph. Here the batch comes first, as in PyTorch: then the
inputs of all steps are one product, the gradients of the weights are one each, nothing is copied
into another order, and the rows that still run at a step are contiguous.

    u_t = h_{t-1} w_hhᵀ,  z_t = x_t w_ihᵀ      `step` makes gates of their sum, in z, and h_t
    ∂h_{t-1} = ∂u_t w_hh                       `back` makes ∂z_t and ∂u_t of what comes back to h_t
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.sequence import ReadingOrder
from minigrad.cells import Lengths
from minigrad.fast.gpu.kernels import kernels_of
from minigrad.fast.gpu.one_launch import Direction, Kind, fit_of, run_in_one_launch
from minigrad.fast.gpu.source import Kernel


def run_on_gpu(
    xp: XP,
    kind: Kind,
    x: Array,
    states: list[Array],
    weights: list[Any],
    lengths: Lengths,
    reverse: bool,
    relu: bool | None = None,
) -> RuleResult:
    """hs (T,B,H) and the last states (B,H), and their pullback, for one kind of layer.

    relu: of an RNN, whether relu takes the place of tanh; None for the others.
    """
    how = fit_of(xp, kind, x, weights[1], 1)
    if how is not None:
        direction = Direction(states, weights, reverse)
        return run_in_one_launch(xp, kind, how, x, [direction], lengths, bool(relu))
    settings = () if relu is None else (int(relu),)  # what the kernels of an RNN take besides
    scan = GpuScan(xp, x, states, weights, lengths, reverse)
    scan.forward(kind.step, settings)

    def pullback(gs: Any, needs: Sequence[bool]) -> Any:
        return scan.backward(kind.back, settings, gs, needs)

    pullback.gives_new_arrays = True  # type: ignore[attr-defined]
    return scan.values(), pullback


class GpuScan:
    """One run of a layer. K = kH: the width of its gates. All arrays are contiguous and in the
    order of reading.
    """

    def __init__(
        self,
        xp: XP,
        x: Array,
        states: list[Array],
        weights: list[Any],
        lengths: Lengths,
        reverse: bool,
    ):
        self.xp = xp
        self.kernels = kernels_of(xp)
        self.dtype = xp.result_type(x, *states, *weights[:2])
        w_ih, w_hh, b_ih, b_hh = weights
        self.w_ih = self.contiguous(w_ih)
        self.w_hh = self.contiguous(w_hh)
        self.has_biases = b_ih is not None
        if not self.has_biases:
            b_ih = b_hh = xp.zeros(len(w_hh), dtype=self.dtype)
        self.b_ih = self.contiguous(b_ih)
        self.b_hh = self.contiguous(b_hh)
        self.T, self.B, self.I = x.shape
        self.K, self.H = w_hh.shape
        self.order = ReadingOrder(xp, self.T, self.B, lengths, reverse)
        self.active_rows = [n for n in self.order.active_rows if n]
        self.new = xp.empty if lengths is None else xp.zeros  # 0 where a row has ended
        x = self.order.read(xp.astype(x, self.dtype))
        self.flat_x = xp.reshape(x, (self.T * self.B, self.I))
        self.flat_x = self.contiguous(self.flat_x)
        z = xp.empty((self.T * self.B, self.K), dtype=self.dtype)
        self.kernels.products.multiply(self.flat_x, self.w_ih, z, transpose_b=True)
        self.z = xp.reshape(z, (self.T, self.B, self.K))
        self.is_gru = self.K == 3 * self.H  # it needs u in backward too, and its ∂u is not ∂z
        self.u = self.new((self.T if self.is_gru else 1, self.B, self.K), dtype=self.dtype)
        self.states = [self.new((self.T + 1, self.B, self.H), dtype=self.dtype) for _ in states]
        for path, initial_state in zip(self.states, states):
            path[0] = self.order.read_state(initial_state)

    def contiguous(self, a: Array) -> Array:
        """`a` as a kernel takes it, in the layer's dtype."""
        return self.kernels.contiguous(a, self.dtype)

    def step_arrays(self, t: int) -> tuple[Array, list[Array]]:
        """u of step t, and the states before and after it."""
        before = [path[t] for path in self.states]
        after = [path[t + 1] for path in self.states]
        return self.u[t % len(self.u)], before + after

    def forward(self, step: Kernel, settings: tuple[int, ...]) -> None:
        """Fill in the states h_1 ... h_T, and make the gates of z."""
        products = self.kernels.products

        def body() -> None:
            for t, n in enumerate(self.active_rows):
                u, states = self.step_arrays(t)
                h_before = self.states[0][t, :n]
                products.multiply(h_before, self.w_hh, u[:n], transpose_b=True)
                arguments = [self.z[t], u, self.b_ih, self.b_hh, *states, self.H, *settings]
                self.kernels.launch(step, self.dtype, n * self.H, *arguments)

        arrays = [self.z, self.u, self.w_hh, self.b_ih, self.b_hh, *self.states]
        self.kernels.graphs.run_captured((step.name, *self.active_rows, *settings), arrays, body)

    def values(self) -> tuple[Array, ...]:
        """hs in the order of time, and the last states."""
        hs = self.order.write(self.states[0][1:])
        return (hs, *[self.order.last(path) for path in self.states])

    def backward(self, back: Kernel, settings: tuple[int, ...], gs: Any, needs: Any) -> list[Any]:
        """The gradients of x, the states and the weights."""
        xp = self.xp
        products = self.kernels.products
        state_shape = self.B, self.H
        dz = self.new((self.T, self.B, self.K), dtype=self.dtype)
        du = self.new((self.T, self.B, self.K), dtype=self.dtype) if self.is_gru else dz
        dh_from_next = xp.zeros(state_shape, dtype=self.dtype)
        dstates = [xp.zeros(state_shape, dtype=self.dtype) for _ in self.states]
        for dstate, g in zip(dstates, gs[1:]):
            if g is not None:
                dstate[...] = self.order.read_state(g)
        dhs = [] if gs[0] is None else [self.contiguous(self.order.read(gs[0]))]

        def body() -> None:
            for t in reversed(range(len(self.active_rows))):
                n = self.active_rows[t]
                u, states = self.step_arrays(t)
                dh = dhs[0][t] if dhs else 0
                arguments = [self.z[t], u, *states, dh, dh_from_next, *dstates, self.H, *settings]
                self.kernels.launch(back, self.dtype, n * self.H, dz[t], du[t], *arguments)
                products.multiply(du[t, :n], self.w_hh, dh_from_next[:n])

        arrays = [self.z, self.u, self.w_hh, dz, du, dh_from_next, *self.states, *dstates, *dhs]
        self.kernels.graphs.run_captured((back.name, *self.active_rows, *settings), arrays, body)
        dstates[0] += dh_from_next
        dstates = [self.order.write_state(dstate) for dstate in dstates]
        dx = self.input_gradient(dz) if needs[0] else None
        return [dx, *dstates, *self.weight_gradients(dz, du)]

    def input_gradient(self, dz: Array) -> Array:
        """∂x = ∂z w_ih, in the order of time."""
        dx = self.xp.empty((self.T * self.B, self.I), dtype=self.dtype)
        self.kernels.products.multiply(self.flat(dz), self.w_ih, dx)
        return self.order.write(self.xp.reshape(dx, (self.T, self.B, self.I)))

    def flat(self, steps: Array) -> Array:
        """(T,B,·) as a matrix (T·B,·)."""
        return self.xp.reshape(steps, (self.T * self.B, steps.shape[-1]))

    def weight_gradients(self, dz: Array, du: Array) -> list[Array | None]:
        """∂w_ih = ∂zᵀ x,  ∂w_hh = ∂uᵀ h_{t-1},  and the biases' sums, or None without biases."""
        products = self.kernels.products
        flat_dz = self.flat(dz)
        flat_du = self.flat(du)
        h_before = self.flat(self.states[0][: self.T])
        dw_ih = self.xp.empty((self.K, self.I), dtype=self.dtype)
        dw_hh = self.xp.empty((self.K, self.H), dtype=self.dtype)
        products.multiply(flat_dz, self.flat_x, dw_ih, transpose_a=True)
        products.multiply(flat_du, h_before, dw_hh, transpose_a=True)
        if not self.has_biases:
            return [dw_ih, dw_hh, None, None]
        db_ih = products.sum_rows(flat_dz)
        db_hh = products.sum_rows(flat_du) if self.is_gru else db_ih.copy()
        return [dw_ih, dw_hh, db_ih, db_hh]
