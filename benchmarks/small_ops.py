"""What each op costs where there is hardly anything to compute: 8×8 numbers, forward and backward.

Ten applications go into one graph, and one backward takes them all back, so that what a backward
costs once is shared as it is in a program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.libraries import Library, contestants
from benchmarks.measure import OURS, Case, Contest

COPIES = 10
QUICK = "a[1]"
# name -> the op of matrices a, b (8,8), a row v (8,), a mask m (8,8) and indices i (8,)
OPS: dict[str, Callable[..., Any]] = {
    "a + b": lambda xp, a, b, v, m, i: a + b,
    "a + row": lambda xp, a, b, v, m, i: a + v,
    "a * 2": lambda xp, a, b, v, m, i: a * 2.0,
    "a / b": lambda xp, a, b, v, m, i: a / b,
    "a @ b": lambda xp, a, b, v, m, i: a @ b,
    "tanh": lambda xp, a, b, v, m, i: xp.tanh(a),
    "sigmoid": lambda xp, a, b, v, m, i: xp.sigmoid(a),
    "exp": lambda xp, a, b, v, m, i: xp.exp(a),
    "sum": lambda xp, a, b, v, m, i: a.sum(),
    "sum along a dim": lambda xp, a, b, v, m, i: a.sum(1),
    "mean": lambda xp, a, b, v, m, i: a.mean(),
    "softmax": lambda xp, a, b, v, m, i: xp.softmax(a, 1),
    "max along a dim": lambda xp, a, b, v, m, i: xp.max(a, 1)[0],
    "where": lambda xp, a, b, v, m, i: xp.where(m, a, b),
    "view": lambda xp, a, b, v, m, i: a.view(4, 16),
    "transpose": lambda xp, a, b, v, m, i: a.transpose(0, 1),
    "unsqueeze": lambda xp, a, b, v, m, i: a.unsqueeze(1),
    "expand": lambda xp, a, b, v, m, i: v.view(1, -1).expand(8, 8),
    "a[1]": lambda xp, a, b, v, m, i: a[1],
    "a[1, 2]": lambda xp, a, b, v, m, i: a[1, 2],
    "a[:, 2:4]": lambda xp, a, b, v, m, i: a[:, 2:4],
    "a[indices]": lambda xp, a, b, v, m, i: a[i],
    "gather": lambda xp, a, b, v, m, i: a.gather(1, i.view(8, 1)),
    "cat": lambda xp, a, b, v, m, i: xp.cat([a, b], 1),
    "stack": lambda xp, a, b, v, m, i: xp.stack([a, b]),
    "chunk": lambda xp, a, b, v, m, i: a.chunk(4, 1)[2],
    "y += a": lambda xp, a, b, v, m, i: added_in_place(xp, a),
}


def cases(quick: bool) -> Iterator[Case]:
    for name in [QUICK] if quick else OPS:
        yield Case("small ops", name, partial(contest, name))


def added_in_place(xp: Any, a: Any) -> Any:
    """zeros += a, which is recorded."""
    y = xp.zeros(8, 8)
    y += a
    return y


def contest(name: str) -> Contest:
    """Ten values of the op, and the gradients of all of its arguments."""
    return Contest(contestants(ten, OPS[name]), per=COPIES)


def ten(library: Library, f: Callable[..., Any]) -> Callable[[], Any]:
    """The call that does it: ten values, and the gradients of a, b and v."""
    xp = library.torch
    grad = xp.grad if library.name == OURS else xp.autograd.grad
    random = np.random.default_rng(0)
    a, b = [library.tensor(x, True) for x in random.uniform(0.5, 1.5, (2, 8, 8)).astype("f4")]
    v = library.tensor(random.uniform(0.5, 1.5, 8).astype("f4"), True)
    mask = library.tensor(random.random((8, 8)) < 0.5)
    indices = library.tensor(random.integers(0, 8, 8))
    shape = tuple(f(xp, a, b, v, mask, indices).shape)
    cotangents = [library.tensor(random.normal(size=shape).astype("f4"))] * COPIES

    def run() -> Any:
        ys = [f(xp, a, b, v, mask, indices) for _ in range(COPIES)]
        found = grad(ys, (a, b, v), cotangents, allow_unused=True)
        return {"y": ys[0], **{f"{i}": g for i, g in enumerate(found) if g is not None}}

    return run
