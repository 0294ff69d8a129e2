"""Halves of a batch on two cores. NumPy's products use both by themselves, its tanh and sums only one.

Time of forward + backward relative to the whole batch, on two cores with nothing else to do, at (T,B,I,H):
                         RNN   GRU   LSTM
    100, 500,  32,  64   0.90  0.85  0.86
     25, 500,  32,  64   1.5   1.2   1.3
     50,  64, 128, 256   1.8   0.95  0.98
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
from minigrad.fast.sequence import buffers

LARGE = (
    2**21
)  # numbers in all states (T,B,H) from which halving pays; at fewer the copies of its halves cost more


class Cores:
    """A second thread, and BLAS kept to one thread in each while both work."""

    def __init__(self) -> None:
        vars(self).clear()
        self.busy = threading.Lock()  # BLAS has one setting for all threads

    # Both are imported where they are first needed: they take milliseconds, and many programs never do.

    @functools.cached_property
    def blas(self) -> Any:
        from threadpoolctl import ThreadpoolController

        return ThreadpoolController().select(user_api="blas")

    @functools.cached_property
    def second(self) -> Any:
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(1, "minigrad")

    def allowed(self) -> bool:
        """Whether BLAS may use more than one core: OPENBLAS_NUM_THREADS=1 holds for the halves as well."""
        return any(library.num_threads > 1 for library in self.blas.lib_controllers)

    def both(self, work: Callable[[int], Any]) -> list[Any]:
        """[work(0), work(1)], side by side."""
        with self.busy, self.blas.limit(limits=1):
            other = self.second.submit(work, 1)
            try:
                return [work(0), other.result()]
            finally:
                other.exception()  # neither half outlives the call


cores = Cores()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=cores.__init__)  # type: ignore[misc]  # a forked process has no second thread


def in_halves(rule: Callable[..., RuleResult]) -> Callable[..., RuleResult]:
    """The rule of a recurrent layer, (x, *states, four weights) -> (hs, *last states), with its batch in two halves."""

    @functools.wraps(rule)
    def halved(xp: XP, *args: Array, lengths: Any = None, **settings: Any) -> RuleResult:
        x, *states = args[:-4]
        (T, B, _), H = x.shape, states[0].shape[1]
        if not pays(x, T * B * H):
            return rule(xp, *args, lengths=lengths, **settings)
        halves = slice(0, B // 2), slice(B // 2, B)
        dtype = xp.result_type(*[a for a in args if a is not None])

        def run(which: int) -> Any:
            rows = halves[which]
            own = [a[..., rows, :] for a in args[:-4]]
            values, pull = rule(
                xp,
                *own,
                *args[-4:],
                lengths=None if lengths is None else xp.asarray(lengths)[rows],
                **settings,
            )
            fill(values, rows, ys)
            return pull

        ys = [buffers.empty(xp, (T, B, H), dtype), *[xp.empty((B, H), dtype=dtype) for _ in states]]
        pulls = cores.both(run)

        def pull(gs: Any, needs: Sequence[bool]) -> Any:
            def back(which: int) -> Any:
                rows = halves[which]
                found = pulls[which](
                    tuple([g if g is None else g[..., rows, :] for g in gs]), needs
                )
                fill(found, rows, dxs)
                return found[len(dxs) :]

            dx = buffers.empty(xp, x.shape, dtype) if needs[0] else None
            dxs = [dx, *[xp.empty((B, H), dtype=dtype) for _ in states]]
            first, second = cores.both(back)
            return *dxs, *[dw if dw is None else dw + other for dw, other in zip(first, second)]

        return tuple(ys), pull

    return halved


def pays(x: Array, numbers: int) -> bool:
    return type(x) is np.ndarray and x.shape[1] >= 2 and numbers >= LARGE and cores.allowed()


def fill(parts: Any, rows: slice, wholes: list[Array]) -> None:
    for whole, part in zip(wholes, parts):
        if whole is not None:
            whole[..., rows, :] = part
