"""A recurrent layer on a GPU with all its steps in one launch, in one direction or both.

    z_t = x_t w_ihᵀ                one product for all steps
    the kernel of scan.cuh         biases, gates and states, from the first step to the last
    ∂z_t and ∂u_t                  the kernel of the way back, and of each sequence ∂b_ih and ∂b_hh
    ∂x = ∂z w_ih,  ∂w_ih = ∂zᵀ x,  ∂w_hh = ∂uᵀ h_{t-1},  ∂b by a product with ones

Nothing is copied into another order: the kernel finds the step of a sequence wherever it is, also
from its end or where sequences have lengths. Everything is as x is in memory, (T,B,·) or, as
`batch_first` gives it, (B,T,·). For w_hh that fits a multiprocessor, see fit.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.cells import Lengths
from minigrad.fast.gpu.fit import Fit, fit
from minigrad.fast.gpu.kernels import kernels_of, structure
from minigrad.fast.gpu.products import FUNCTIONS
from minigrad.fast.gpu.source import Kernel

WITHOUT_PADDING = Kernel("padding.cu", "without_padding")

# the members of Scan and Direction in scan.cuh, which are all of 8 bytes
SCAN = "steps batch time_stride batch_stride width relu order lengths hs dhs db".split()
DIRECTION = """
    reverse gates w_hh b_ih b_hh h0 c0 h_before saved h_n c_n dh_n dc_n da du dh0 dc0
""".split()
WEIGHTS = "w_ih", "w_hh", "b_ih", "b_hh"
MAX_DIRECTIONS = 2
TABLE = np.dtype((np.void, 8 * (len(SCAN) + MAX_DIRECTIONS * len(DIRECTION))))


class Kind(NamedTuple):
    """The kernels of a kind of layer."""

    gates: int
    step: Kernel  # one step, and its way back: see recurrent.GpuScan
    back: Kernel
    scan: Kernel  # all steps, and their way back
    scan_back: Kernel


def kind_of(name: str, gates: int) -> Kind:
    """The kernels of a layer, which are named after it."""
    headers = "common.cuh", "scan.cuh"
    return Kind(
        gates,
        Kernel(f"{name}.cu", f"{name}_step"),
        Kernel(f"{name}.cu", f"{name}_back"),
        Kernel(f"{name}_scan.cu", f"{name}_scan", headers),
        Kernel(f"{name}_scan.cu", f"{name}_scan_back", headers),
    )


class Direction(NamedTuple):
    """The arguments of one direction of a layer."""

    states: Sequence[Array]
    weights: Sequence[Array]  # w_ih, w_hh, b_ih, b_hh, the last two None without biases
    reverse: bool


def fit_of(xp: XP, kind: Kind, x: Array, w_hh: Array, directions: int) -> Fit | None:
    """How a layer fits a multiprocessor; None where it does not, or there is no kernel for it."""
    dtype = xp.result_type(x, w_hh)
    if dtype.char not in FUNCTIONS:
        return None
    sequences = x.shape[1] * directions
    kernels = kernels_of(xp)
    how = fit(kind.gates, w_hh.shape[1], dtype.itemsize, sequences, kernels.limits)
    if how is None or not kernels.can_launch_blocks((kind.scan, kind.scan_back), dtype, how):
        return None
    return how


def run_in_one_launch(
    xp: XP,
    kind: Kind,
    how: Fit,
    x: Array,
    directions: Sequence[Direction],
    lengths: Lengths,
    relu: bool,
) -> RuleResult:
    """hs (T,B,D·H) and the last states (B,H) of each direction, and their pullback."""
    scan = OneLaunch(xp, kind, how, x, directions, lengths, relu)
    scan.forward()

    def pullback(gs: Any, needs: Sequence[bool]) -> Any:
        return scan.backward(gs, needs)

    pullback.gives_new_arrays = True  # type: ignore[attr-defined]
    return scan.values(), pullback


class OneLaunch:
    """One run of a layer. K = kH: the width of its gates; D directions."""

    def __init__(
        self,
        xp: XP,
        kind: Kind,
        how: Fit,
        x: Array,
        directions: Sequence[Direction],
        lengths: Lengths,
        relu: bool,
    ):
        self.kind = kind
        self.how = how
        self.kernels = kernels_of(xp)
        self.empty = self.kernels.cupy.empty
        arrays = [a for d in directions for a in (*d.states, *d.weights[:2])]
        self.dtype = xp.result_type(x, *arrays)
        self.states = "hc"[: len(directions[0].states)]
        self.T, self.B, self.I = x.shape
        self.K, self.H = directions[0].weights[1].shape
        self.batch_major = not x.flags.c_contiguous and x.transpose(1, 0, 2).flags.c_contiguous
        self.scan = {
            "steps": self.T,
            "batch": self.B,
            "time_stride": 1 if self.batch_major else self.B,
            "batch_stride": self.T if self.batch_major else 1,
            "width": len(directions) * self.H,
            "relu": int(relu),
        }
        self.order = self.upload_order(xp, lengths)
        self.flat_x = self.read(x, self.I)
        if self.order is not None:
            self.flat_x = self.without_padding(self.flat_x, self.order[1])
        self.directions = [self.prepare(d) for d in directions]

    # Memory. `rows` is T · B: a matrix (rows,·) has a row for each time of each sequence.

    def contiguous(self, a: Array) -> Array:
        """`a` as a kernel takes it, in the layer's dtype."""
        return self.kernels.contiguous(a, self.dtype)

    def read(self, a: Array, width: int) -> Array:
        """a (T,B,width) as a matrix (rows,width), in the order of memory of this run."""
        ordered = a.transpose(1, 0, 2) if self.batch_major else a
        return self.contiguous(ordered).reshape(self.T * self.B, width)

    def in_time(self, flat: Array, width: int) -> Array:
        """A matrix (rows,width) as (T,B,width)."""
        if self.batch_major:
            return flat.reshape(self.B, self.T, width).transpose(1, 0, 2)
        return flat.reshape(self.T, self.B, width)

    def rows_of(self, width: int) -> Array:
        """Memory for a matrix (rows,width)."""
        return self.empty((self.T * self.B, width), self.dtype)

    def state(self) -> Array:
        """Memory for a state (B,H)."""
        return self.empty((self.B, self.H), self.dtype)

    # Lengths

    def upload_order(self, xp: XP, lengths: Lengths) -> Array | None:
        """The sequences by falling length, so that those of a block end together; their lengths.

        (2,B) on the device, or None without lengths.
        """
        if lengths is None:
            return None
        steps = np.clip(np.asarray(lengths, np.int64), 0, self.T)
        order = np.argsort(-steps, kind="stable")
        found = xp.asarray(np.stack([order, steps]))
        self.scan["order"] = found[0].data.ptr
        self.scan["lengths"] = found[1].data.ptr
        return found

    def without_padding(self, flat_x: Array, lengths: Array) -> Array:
        """x with 0 where a sequence has ended: there it may hold NaN."""
        out = self.empty(flat_x.shape, self.dtype)
        sizes = [self.scan[name] for name in ("steps", "batch", "time_stride", "batch_stride")]
        arguments = out, flat_x, lengths, self.I, *sizes
        self.kernels.launch(WITHOUT_PADDING, self.dtype, flat_x.size, *arguments)
        return out

    # Forward

    def prepare(self, direction: Direction) -> dict[str, Any]:
        """The members of a Direction: its arguments, and memory for what the kernel writes."""
        found = {
            "reverse": int(direction.reverse),
            "gates": self.rows_of(self.K),
            "h_before": self.rows_of(self.H),
        }
        for name, weight in zip(WEIGHTS, direction.weights):
            if weight is not None:
                found[name] = self.contiguous(weight)
        for name, state in zip(self.states, direction.states):
            found[f"{name}0"] = self.contiguous(state)
            found[f"{name}_n"] = self.state()
        if self.kind.gates > 1:
            found["saved"] = self.rows_of(self.H)
        return found

    def launch(self, kernel: Kernel, directions: list[dict[str, Any]], **more: Any) -> None:
        """Run a kernel of scan.cuh over all sequences in all directions."""
        if self.B == 0:
            return
        scan = {**self.scan, **more}
        members = [scan.get(name, 0) for name in SCAN]
        for direction in directions:
            members += [direction.get(name, 0) for name in DIRECTION]
        table = structure([a if type(a) is int else a.data.ptr for a in members], TABLE)
        grid = -(-self.B // self.how.ROWS), len(directions)
        self.kernels.launch_blocks(kernel, self.dtype, self.how, grid, table)

    def forward(self) -> None:
        """z, then all steps."""
        multiply = self.kernels.products.multiply
        for direction in self.directions:
            multiply(self.flat_x, direction["w_ih"], direction["gates"], transpose_b=True)
        self.hs = self.rows_of(self.scan["width"])
        self.launch(self.kind.scan, self.directions, hs=self.hs)

    def values(self) -> tuple[Array, ...]:
        """hs in time, and the last states of each direction."""
        hs = self.in_time(self.hs, self.scan["width"])
        del self.hs  # the way back does without it
        states = [d.pop(name) for d in self.directions for name in ("h_n", "c_n") if name in d]
        return (hs, *states)

    # Backward

    def backward(self, gs: Any, needs: Sequence[bool]) -> list[Any]:
        """The gradients of x, and of the states and weights of each direction."""
        above = {} if gs[0] is None else {"dhs": self.read(gs[0], self.scan["width"])}
        count = (len(needs) - 1) // len(self.directions)  # arguments of a direction
        needs_of = [needs[1 + d * count :][:count] for d in range(len(self.directions))]
        last = iter(gs[1:])
        directions = [
            self.prepare_backward(direction, last, wanted)
            for direction, wanted in zip(self.directions, needs_of)
        ]
        db = self.empty((self.B, len(directions) * 2 * self.K), self.dtype)
        self.launch(self.kind.scan_back, directions, db=db, **above)
        found = [self.input_gradient(directions) if needs[0] else None]
        sums = self.bias_gradients(db)
        for direction, wanted, of_biases in zip(directions, needs_of, sums):
            found += self.gradients_of(direction, wanted, of_biases)
        return found

    def prepare_backward(
        self, direction: dict[str, Any], last: Iterator[Any], needs: Sequence[bool]
    ) -> dict[str, Any]:
        """The members of a Direction on the way back: besides its own the gradients of the last
        states, and memory for what the kernel writes.
        """
        da = self.rows_of(self.K)
        du = self.rows_of(self.K) if self.kind.gates == 3 else da
        found = {**direction, "da": da, "du": du}
        for name, is_needed in zip(self.states, needs):
            g = next(last)
            if g is not None:
                found[f"d{name}_n"] = self.contiguous(g)
            if is_needed:
                found[f"d{name}0"] = self.state()
        return found

    def input_gradient(self, directions: list[dict[str, Any]]) -> Array:
        """∂x = ∂z w_ih, summed over the directions, in time."""
        dx = self.rows_of(self.I)
        for i, direction in enumerate(directions):
            self.kernels.products.multiply(direction["da"], direction["w_ih"], dx, add=i > 0)
        return self.in_time(dx, self.I)

    def bias_gradients(self, db: Array) -> Array:
        """∂b_ih and ∂b_hh of each direction, (D,2,K), from those of each sequence."""
        if "b_ih" not in self.directions[0]:
            return [(None, None)] * len(self.directions)
        return self.kernels.products.sum_rows(db).reshape(len(self.directions), 2, self.K)

    def gradients_of(
        self, direction: dict[str, Any], needs: Sequence[bool], db: Any
    ) -> list[Array | None]:
        """The gradients of the states and weights of one direction."""
        dstates = [direction.get(f"d{name}0") for name in self.states]
        da = direction["da"]
        du = direction["du"]
        needs_w_ih, needs_w_hh = needs[len(dstates) : len(dstates) + 2]
        dw_ih = self.weight_gradient(da, self.flat_x) if needs_w_ih else None
        dw_hh = self.weight_gradient(du, direction["h_before"]) if needs_w_hh else None
        return [*dstates, dw_ih, dw_hh, db[0], db[1]]

    def weight_gradient(self, da: Array, x: Array) -> Array:
        """∂w = ∂aᵀ x, summed over times and sequences."""
        dw = self.empty((self.K, x.shape[1]), self.dtype)
        self.kernels.products.multiply(da, x, dw, transpose_a=True)
        return dw
