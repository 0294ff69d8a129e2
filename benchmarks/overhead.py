"""What one small op costs, forward and backward: 8×8 numbers, so that hardly any of it is
arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.libraries import Library, contestants, module
from benchmarks.measure import Case, Contest

OPS: dict[str, Callable[..., Any]] = {
    "mul": lambda xp, a, b: a * b,
    "matmul": lambda xp, a, b: a @ b,
    "tanh": lambda xp, a, b: xp.tanh(a),
}
CHAIN = 100


def cases(quick: bool) -> Iterator[Case]:
    for name in ["mul"] if quick else OPS:
        yield Case("overhead", f"{name} 8×8", partial(single, name))
    yield Case("overhead", f"mul 8×8, each of a chain of {CHAIN}", chain)


def numbers() -> tuple[Any, Any, Any]:
    a, b, g = np.random.default_rng(0).uniform(0.5, 1.5, (3, 8, 8)).astype(np.float32)
    return a, b, g


def single(name: str) -> Contest:
    """y = op(a, b) and the gradients of both."""
    calls = eager(OPS[name])
    if module("tinygrad"):
        calls["tinygrad"] = in_tinygrad(OPS[name])
    return Contest(calls)


def chain() -> Contest:
    """y = a b b ... b. tinygrad and JAX would make one kernel of it, and no op is left to cost
    anything."""

    def f(xp: Any, a: Any, b: Any) -> Any:
        for _ in range(CHAIN):
            a = a * b
        return a

    return Contest(eager(f), per=CHAIN)


def eager(f: Callable[..., Any]) -> dict[str, Callable[[], Any]]:
    """Those that record op by op as Python goes."""
    calls = contestants(twin, f)
    if module("autograd"):
        calls["autograd"] = in_autograd(f)
    if module("MyGrad"):
        calls["MyGrad"] = in_mygrad(f)
    return calls


def twin(library: Library, f: Callable[..., Any]) -> Callable[[], Any]:
    xp = library.torch
    a, b, g = (library.tensor(x, requires_grad=i < 2) for i, x in enumerate(numbers()))

    def run() -> Any:
        a.grad = b.grad = None
        y = f(xp, a, b)
        y.backward(g)
        return {"y": y, "a": a.grad, "b": 0.0 if b.grad is None else b.grad}

    return run


def in_autograd(f: Callable[..., Any]) -> Callable[[], Any]:
    make_vjp = module("autograd").make_vjp
    import autograd.numpy as xp

    a, b, g = numbers()
    constant = f is OPS["tanh"]

    def run() -> Any:
        if constant:
            pull, y = make_vjp(lambda a: f(xp, a, b))(a)
            return {"y": y, "a": pull(g), "b": 0.0}
        pull, y = make_vjp(lambda pair: f(xp, *pair))((a, b))
        return {"y": y, **dict(zip("ab", pull(g), strict=True))}

    return run


def in_mygrad(f: Callable[..., Any]) -> Callable[[], Any]:
    xp = module("MyGrad")
    a, b, g = numbers()
    a, b = xp.tensor(a), xp.tensor(b)

    def run() -> Any:
        y = f(xp, a, b)
        y.backward(g)
        return {"y": y, "a": a.grad, "b": 0.0 if b.grad is None else b.grad}

    return run


def in_tinygrad(f: Callable[..., Any]) -> Callable[[], Any]:
    """Compiled with TinyJit; without it the same work takes tinygrad 30 times as long."""
    tinygrad = module("tinygrad")
    a, b, g = (tinygrad.Tensor(x).realize() for x in numbers())
    wanted = [a] if f is OPS["tanh"] else [a, b]

    @tinygrad.TinyJit
    def both(a: Any, b: Any, g: Any) -> Any:
        y = f(tinygrad.Tensor, a, b)
        return [t.realize() for t in (y, *y.gradient(*(wanted), gradient=g))]

    def run() -> Any:
        y, *grads = both(a, b, g)
        return {"y": y, "a": grads[0], "b": grads[1] if len(grads) > 1 else 0.0}

    for _ in range(3):
        run()  # the first two calls record
    return run
