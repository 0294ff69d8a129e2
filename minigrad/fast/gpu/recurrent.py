"""The time loop of rnn, gru and lstm on a GPU: one product and one kernel for each step, and all of them one graph.

Here the batch comes first, as in PyTorch: then the inputs of all steps are one product, the gradients of the weights
are one each, nothing is copied into another order, and the rows that still run at a step are contiguous.

    a_t = h_{t-1} Uᵀ,  z_t = x_t Vᵀ      `step` makes gates of their sum, in z, and h_t
    ∂h_{t-1} = ∂u_t U                    `back` makes ∂z_t and ∂u_t of what comes back to h_t
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import RuleResult
from minigrad.cells import Lengths
from minigrad.fast.kernel import Kernel
from minigrad.fast.sequence import Order


def scan_on_gpu(
    xp: XP,
    step: Kernel,
    back: Kernel,
    x: Array,
    states: list[Array],
    weights: list[Any],
    lengths: Lengths,
    reverse: bool,
    *settings: int,
) -> RuleResult:
    """hs (T,B,H) and the last states (B,H), and their pullback, for the kernels of one kind of layer."""
    dtype = xp.result_type(x, *states, *weights[:2])
    order, kernels = Order(xp, x, states[0], lengths, reverse, dtype), vars(xp).get("kernels")
    w_ih, w_hh, *biases = weights = [
        w if w is None else kernels.cupy.ascontiguousarray(w, dtype) for w in weights
    ]
    b_ih, b_hh = [xp.zeros(len(w_hh), dtype=dtype) if b is None else b for b in biases]
    T, B, H, K = order.T, order.B, order.H, len(w_hh)
    running = [n for n in order.running if n]
    new = xp.empty if lengths is None else xp.zeros  # where a row has ended all is 0
    flat = xp.reshape(xp.astype(x, dtype)[order.when, order.order], (T * B, order.I))
    z = xp.reshape(xp.matmul(flat, w_ih.T), (T, B, K))
    again = K == 3 * H  # a GRU needs h Uᵀ in backward too, and its ∂u is not ∂z
    a = new((T if again else 1, B, K), dtype=dtype)
    s = [new((T + 1, B, H), dtype=dtype) for _ in states]
    for path, start in zip(s, states):
        path[0] = start[order.order]

    def forward() -> None:
        for t, n in enumerate(running):
            xp.matmul(s[0][t, :n], w_hh.T, out=a[t % len(a), :n])
            each = a[t % len(a)], b_ih, b_hh, *[path[t] for path in s], *[path[t + 1] for path in s]
            kernels.launch(step, dtype, n * H, z[t], *each, H, *settings)

    replay: Any = (
        kernels.replay if H > 1 else lambda key, arrays, body: body()
    )  # CuPy takes memory for (1,1) (1,1)
    replay((step.name, *running, *settings), [z, a, w_hh, b_ih, b_hh, *s], forward)

    def pull(gs: Any, needs: Sequence[bool]) -> Any:
        das, later = new((T, B, K), dtype=dtype), xp.zeros((B, H), dtype=dtype)
        dus = new((T, B, K), dtype=dtype) if again else das
        seeds = [
            xp.zeros((B, H), dtype=dtype) for _ in s
        ]  # of a row until its last step is reached
        for seed, g in zip(seeds, gs[1:]):
            seed[...] = 0 if g is None else g[order.order]
        g_hs = (
            []
            if gs[0] is None
            else [kernels.cupy.ascontiguousarray(gs[0][order.when, order.order])]
        )

        def backward() -> None:
            for t in reversed(range(len(running))):
                n, paths = running[t], [*[path[t] for path in s], *[path[t + 1] for path in s]]
                each = z[t], a[t % len(a)], *paths, g_hs[0][t] if g_hs else 0, later, *seeds
                kernels.launch(back, dtype, n * H, das[t], dus[t], *each, H, *settings)
                xp.matmul(dus[t, :n], w_hh, out=later[:n])

        arrays = [z, a, w_hh, das, dus, later, *s, *seeds, *g_hs]
        replay((back.name, *running, *settings), arrays, backward)
        seeds[0] += later
        da, du, before = (
            xp.reshape(das, (T * B, K)),
            xp.reshape(dus, (T * B, K)),
            xp.reshape(s[0][:T], (T * B, H)),
        )
        dx = order.over_time(xp.reshape(xp.matmul(da, w_ih), x.shape)) if needs[0] else None
        dbs = [None if b is None else xp.sum(d, axis=0) for b, d in zip(biases, (da, du))]
        return dx, *map(order.as_rows, seeds), xp.matmul(da.T, flat), xp.matmul(du.T, before), *dbs

    return (order.over_time(s[0][1:]), *[order.last(xp.swapaxes(path, 1, 2)) for path in s]), pull
