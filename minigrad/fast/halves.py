"""The two halves of a large batch on two cores. It must equal the rule that it decorates.

NumPy's products use both cores by themselves, its tanh and sums only one. Where halving pays was
measured: see benchmarks/LAYOUTS.md.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.byhand.sequence import check_shapes
from minigrad.fast.workspace import workspace

MIN_HALVED_SIZE = 2**21  # numbers in all states (T,B,H); below it the copies cost more


class Cores:
    """A second thread, and BLAS kept to one thread in each while both work.

    threadpoolctl and concurrent.futures are imported at the first use: they take milliseconds, and
    many programs never need them.
    """

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        """Forget the second thread, which a forked process does not have."""
        vars(self).clear()
        self.lock = threading.Lock()  # BLAS has one setting for all threads

    @functools.cached_property
    def blas(self) -> Any:
        from threadpoolctl import ThreadpoolController

        return ThreadpoolController().select(user_api="blas")

    @functools.cached_property
    def second_thread(self) -> Any:
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(1, "minigrad")

    def allowed(self) -> bool:
        """Whether BLAS may use more than one core: OPENBLAS_NUM_THREADS=1 is obeyed here too."""
        return any(library.num_threads > 1 for library in self.blas.lib_controllers)

    def run_both(self, work: Callable[[int], Any]) -> list[Any]:
        """[work(0), work(1)], at the same time."""
        with self.lock, self.blas.limit(limits=1):
            other = self.second_thread.submit(work, 1)
            try:
                return [work(0), other.result()]
            finally:
                other.exception()  # wait: neither half outlives the call


cores = Cores()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=cores.start_anew)


def in_halves(name: str, blocks: int) -> Callable[..., Any]:
    """Decorate the rule of a recurrent layer: a large batch runs as two halves.

    The rule is (xp, x, *states, four weights) -> (hs, *last states). name, blocks: for
    `check_shapes`, since a half would not show what does not fit.
    """

    def decorate(rule: Callable[..., RuleResult]) -> Callable[..., RuleResult]:
        @functools.wraps(rule)
        def halved(xp: XP, *args: Array, lengths: Any = None, **settings: Any) -> RuleResult:
            x, *states = args[:-4]
            weights = args[-4:]
            w_ih, w_hh, b_ih, b_hh = weights
            check_shapes(name, blocks, x, states, w_ih, w_hh, b_ih, b_hh, lengths)
            if is_worth_halving(x, states[0]):
                return run_in_halves(rule, xp, x, states, weights, lengths, settings)
            return rule(xp, *args, lengths=lengths, **settings)

        return halved

    return decorate


def run_in_halves(
    rule: Callable[..., RuleResult],
    xp: XP,
    x: Array,
    states: list[Array],
    weights: Sequence[Any],
    lengths: Any,
    settings: dict[str, Any],
) -> RuleResult:
    """What `rule` returns for the whole batch."""
    T, B, _ = x.shape
    H = states[0].shape[1]
    halves = slice(0, B // 2), slice(B // 2, B)
    dtype = xp.result_type(x, *states, *[w for w in weights if w is not None])
    values = [workspace.empty(xp, (T, B, H), dtype)]
    values += [xp.empty((B, H), dtype=dtype) for _ in states]

    def forward(which: int) -> Any:
        rows = halves[which]
        own = [a[..., rows, :] for a in (x, *states)]
        own_lengths = None if lengths is None else xp.asarray(lengths)[rows]
        own_values, pullback = rule(xp, *own, *weights, lengths=own_lengths, **settings)
        fill_rows(values, rows, own_values)
        return pullback

    pullbacks = cores.run_both(forward)

    def pullback(gs: Any, needs: Sequence[bool]) -> Any:
        dx = workspace.empty(xp, x.shape, dtype) if needs[0] else None
        gradients = [dx, *[xp.empty((B, H), dtype=dtype) for _ in states]]

        def backward(which: int) -> Any:
            rows = halves[which]
            own_gs = tuple([None if g is None else g[..., rows, :] for g in gs])
            own_gradients = pullbacks[which](own_gs, needs)
            fill_rows(gradients, rows, own_gradients)
            return own_gradients[len(gradients) :]

        first, second = cores.run_both(backward)
        for dw, other in zip(first, second):
            gradients.append(None if dw is None else dw + other)
        return gradients

    return tuple(values), pullback


def is_worth_halving(x: Array, h0: Array) -> bool:
    """Whether the batch of x (T,B,I) is large enough, on the CPU, and a second core may be used."""
    T, B, _ = x.shape
    size = T * B * h0.shape[1]
    is_large = B >= 2 and size >= MIN_HALVED_SIZE
    return type(x) is np.ndarray and is_large and cores.allowed()


def fill_rows(wholes: list[Array], rows: slice, parts: Sequence[Array]) -> None:
    """Write the rows of one half, of each array that is there."""
    for whole, part in zip(wholes, parts):
        if whole is not None:
            whole[..., rows, :] = part
