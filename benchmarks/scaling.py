"""Time against the length T and the batch B of a layer, and against T where a Python loop reads
x[t]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.layers import layer
from benchmarks.libraries import Library, contestants, module
from benchmarks.measure import Case, Contest

LOOP = "x[t] in a loop, against T"


def cases(quick: bool) -> Iterator[Case]:
    for n in (8, 16, 32) if quick else (25, 50, 100, 200, 400, 800):
        yield Case(
            "scaling", "LSTM of batch 32, against T", partial(layer, "LSTM", (n, 32, 32, 64)), n
        )
    for n in (8, 16, 32) if quick else (16, 32, 64, 128, 256, 512, 1024):
        yield Case(
            "scaling", "LSTM of length 25, against B", partial(layer, "LSTM", (25, n, 32, 64)), n
        )
    for n in (8, 16, 32) if quick else (25, 50, 100, 200, 400, 800, 1600):
        yield Case("scaling", LOOP, partial(loop, n), n)


def loop(T: int) -> Contest:
    """h = tanh(x[t] + h) for each t, and the gradient of x (T,16,32)."""
    x, g = np.random.default_rng(0).standard_normal((2, T, 16, 32), dtype=np.float32)
    calls = contestants(twin, x, g[0])
    if module("autograd"):
        calls["autograd"] = in_autograd(x, g[0])
    if module("MyGrad"):
        calls["MyGrad"] = in_mygrad(x, g[0])
    return Contest(calls, moved=3 * x.nbytes)


def run_over(tanh: Callable[[Any], Any], x: Any) -> Any:
    h = x[0]
    for t in range(1, len(x)):
        h = tanh(x[t] + h)
    return h


def twin(library: Library, x: Any, g: Any) -> Callable[[], Any]:
    x, g = library.tensor(x, requires_grad=True), library.tensor(g)

    def run() -> Any:
        x.grad = None
        h = run_over(library.torch.tanh, x)
        h.backward(g)
        return {"h": h, "x": x.grad}

    return run


def in_autograd(x: Any, g: Any) -> Callable[[], Any]:
    make_vjp = module("autograd").make_vjp
    import autograd.numpy as xp

    def run() -> Any:
        pull, h = make_vjp(partial(run_over, xp.tanh))(x)
        return {"h": h, "x": pull(g)}

    return run


def in_mygrad(x: Any, g: Any) -> Callable[[], Any]:
    mygrad = module("MyGrad")
    x = mygrad.tensor(x)

    def run() -> Any:
        h = run_over(mygrad.tanh, x)
        h.backward(g)
        return {"h": h, "x": x.grad}

    return run
