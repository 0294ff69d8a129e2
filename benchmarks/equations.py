"""The recurrent layers in libraries that have none: three cells over any of their namespaces, and
two ways to unroll.

T time, B batch, I input size, H hidden size. a = W x_t + b_ih and u = U h + b_hh are (B,kH), states
(B,H). Gate order and parameter names are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.libraries import module

BLOCKS, STATES = {"RNN": 1, "GRU": 3, "LSTM": 4}, {"RNN": 1, "GRU": 1, "LSTM": 2}
KINDS = "weight_ih", "weight_hh", "bias_ih", "bias_hh"


def sigmoid(xp: Any, x: Any) -> Any:
    return 0.5 * xp.tanh(0.5 * x) + 0.5


def rnn(xp: Any, a: Any, u: Any, h: Any) -> tuple[Any, ...]:
    return (xp.tanh(a + u),)


def gru(xp: Any, a: Any, u: Any, h: Any) -> tuple[Any, ...]:
    H = h.shape[1]
    rz = sigmoid(xp, a[:, : 2 * H] + u[:, : 2 * H])
    n = xp.tanh(a[:, 2 * H :] + rz[:, :H] * u[:, 2 * H :])
    return (n + rz[:, H:] * (h - n),)


def lstm(xp: Any, a: Any, u: Any, h: Any, c: Any) -> tuple[Any, ...]:
    H = h.shape[1]
    z = a + u
    i, f, o = sigmoid(xp, z[:, :H]), sigmoid(xp, z[:, H : 2 * H]), sigmoid(xp, z[:, 3 * H :])
    c = f * c + i * xp.tanh(z[:, 2 * H : 3 * H])
    return o * xp.tanh(c), c


CELLS = {"RNN": rnn, "GRU": gru, "LSTM": lstm}


def with_scan(
    kind: str, weights: dict[str, Any], x: Any, g: Any, lengths: Any
) -> Callable[[], Any]:
    """Layers in JAX, one `lax.scan` for each direction; forward and backward are one compiled
    function.

    x (T,B,I), g the gradient of the output (T,B,D·H), lengths (B,) or None.
    """
    jax = module("JAX")
    jnp, runs = (
        jax.numpy,
        [key.removeprefix("weight_ih_") for key in weights if key.startswith("weight_ih")],
    )
    alive = (
        None
        if lengths is None
        else jnp.arange(len(x))[:, None, None] < jnp.asarray(lengths)[:, None]
    )  # (T,B,1)

    def scan(weights: Any, run: str, x: Any) -> Any:
        W, U, b, d = (weights[f"{part}_{run}"] for part in KINDS)

        def step(state: Any, inputs: Any) -> Any:
            a, alive = inputs
            new = CELLS[kind](jnp, a, state[0] @ U.T + d, *state)
            if alive is None:
                return new, new[0]
            kept = tuple(
                jnp.where(alive, after, before) for after, before in zip(new, state, strict=True)
            )
            return kept, jnp.where(alive, new[0], 0)

        start = (jnp.zeros((x.shape[1], U.shape[1]), x.dtype),) * STATES[kind]
        return jax.lax.scan(step, start, (x @ W.T + b, alive), reverse=run.endswith("reverse"))[1]

    def forward(weights: Any, x: Any) -> Any:
        for layer in sorted({run.removesuffix("_reverse") for run in runs}):
            ends = [run for run in runs if run.removesuffix("_reverse") == layer]
            x = jnp.concatenate([scan(weights, run, x) for run in ends], axis=-1)
        return x

    @jax.jit
    def both(weights: Any, x: Any, g: Any) -> Any:
        y, pull = jax.vjp(forward, weights, x)
        dw, dx = pull(g)
        return {"output": y, "x": dx, **dw}

    given = {key: jnp.asarray(w) for key, w in weights.items()}, jnp.asarray(x), jnp.asarray(g)
    return lambda: jax.block_until_ready(both(*given))


def by_steps(xp: Any, kind: str, xs: Any, W: Any, U: Any, b: Any, d: Any) -> Any:
    """One layer, one step after the other, over a list of (B,I)."""
    state = (np.zeros((xs[0].shape[0], U.shape[1]), np.float32),) * STATES[kind]
    hs = []
    for x in xs:
        state = CELLS[kind](xp, x @ W.T + b, state[0] @ U.T + d, *state)
        hs.append(state[0])
    return xp.stack(hs)


def in_autograd(kind: str, weights: dict[str, Any], x: Any, g: Any) -> Callable[[], Any]:
    make_vjp = module("autograd").make_vjp
    import autograd.numpy as xp

    def run() -> Any:
        pull, y = make_vjp(lambda args: by_steps(xp, kind, args[: len(x)], *args[len(x) :]))(
            [*x, *weights.values()]
        )
        grads = pull(g)
        return {
            "output": y,
            "x": np.stack(grads[: len(x)]),
            **dict(zip(weights, grads[len(x) :], strict=True)),
        }

    return run


def in_mygrad(kind: str, weights: dict[str, Any], x: Any, g: Any) -> Callable[[], Any]:
    mygrad = module("MyGrad")
    ws, xs = (
        {key: mygrad.tensor(w) for key, w in weights.items()},
        [mygrad.tensor(row) for row in x],
    )

    def run() -> Any:
        y = by_steps(mygrad, kind, xs, *ws.values())
        y.backward(g)
        return {
            "output": y,
            "x": np.stack([row.grad for row in xs]),
            **{key: w.grad for key, w in ws.items()},
        }

    return run
