"""One recurrent layer, forward and backward, at the lesson's sizes and a larger one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import equations
from benchmarks.equations import BLOCKS
from benchmarks.libraries import Library, contestants, module, state_of
from benchmarks.measure import OURS, Case, Contest

SIZES = (100, 500, 32, 64), (25, 500, 32, 64), (15, 32, 32, 64), (50, 64, 128, 256)  # T, B, I, H
VARIANTS = {
    "": {},
    "bidirectional": {"bidirectional": True},
    "3 layers": {"num_layers": 3},
    "lengths": {},
}
KEPT = {
    "RNN": 0,
    "GRU": 4,
    "LSTM": 5,
}  # blocks (H) of a step that backward needs beside h: gates, candidate, cell


def cases(quick: bool) -> Iterator[Case]:
    for size in [(15, 32, 32, 64)] if quick else SIZES:
        for kind in BLOCKS:
            for variant in VARIANTS:
                name = f"{kind} {','.join(map(str, size))} {variant}".strip()
                yield Case("layers", name, partial(layer, kind, size, variant))


def layer(kind: str, size: tuple[int, ...], variant: str = "") -> Contest:
    """output, h = layer(x), and the gradients of x and of every weight from a random gradient g of
    the output."""
    import nn

    T, B, I, H = size
    settings = VARIANTS[variant]
    rng = np.random.default_rng(0)
    weights = state_of(getattr(nn, kind)(I, H, **settings))
    lengths = np.append(T, rng.integers(1, T + 1, B - 1)) if variant == "lengths" else None
    x = rng.standard_normal((T, B, I), dtype=np.float32)
    g = rng.standard_normal((T, B, H * (1 + ("bidirectional" in settings))), dtype=np.float32)
    calls = contestants(twin, kind, weights, x, g, lengths, **settings)
    if module("JAX"):
        calls["JAX"] = equations.with_scan(kind, weights, x, g, lengths)
    if not variant and module("autograd"):
        calls["autograd"] = equations.in_autograd(kind, weights, x, g)
    if not variant and module("MyGrad"):
        calls["MyGrad"] = equations.in_mygrad(kind, weights, x, g)
    running = [B] * T if lengths is None else [int((lengths > t).sum()) for t in range(T)]
    inputs = [w.shape[1] for key, w in weights.items() if key.startswith("weight_ih")]
    moved = sum(4 * sum(running) * (3 * I + (3 + 2 * KEPT[kind]) * H) for I in inputs)
    return Contest(calls, gemms=gemms(kind, running, inputs, H), moved=moved)


def twin(
    library: Library,
    kind: str,
    weights: dict[str, Any],
    x: Any,
    g: Any,
    lengths: Any,
    **settings: Any,
) -> Callable[[], Any]:
    """The layer in minigrad or PyTorch."""
    layer = library.load(
        getattr(library.nn, kind)(x.shape[2], weights["weight_hh_l0"].shape[1], **settings), weights
    )
    params, x, g = (
        dict(layer.named_parameters()),
        library.tensor(x, requires_grad=True),
        library.tensor(g),
    )

    def run() -> Any:
        for p in (x, *params.values()):
            p.grad = None
        output = read(library, layer, x, lengths)
        output.backward(g)
        return {"output": output, "x": x.grad, **{key: p.grad for key, p in params.items()}}

    return run


def read(library: Library, layer: Any, x: Any, lengths: Any) -> Any:
    """The output (T,B,D·H). PyTorch packs rows of different lengths; minigrad is told the
    lengths."""
    if lengths is None:
        return layer(x)[0]
    if library.name == OURS:
        return layer(x, lengths=lengths)[0]
    rnn = library.nn.utils.rnn
    on_host = library.torch.tensor(lengths)  # also where x is on a GPU
    packed = rnn.pack_padded_sequence(x, on_host, enforce_sorted=False)
    return rnn.pad_packed_sequence(layer(packed)[0], total_length=len(x))[0]


def gemms(kind: str, running: list[int], inputs: list[int], H: int) -> Callable[[], Any]:
    """The matrix products of such layers through NumPy, into memory that is there: what no program
    can leave out.

    running: rows of the batch at each step. inputs: the input size of each layer and direction.
    """
    n, kH = sum(running), BLOCKS[kind] * H  # n: rows of all steps together
    rng = np.random.default_rng(0)

    def array(*shape: int) -> Any:
        return rng.standard_normal(shape, dtype=np.float32)

    U, dU, a, h = array(kH, H), array(kH, H), array(kH, n), array(H, n)
    ws = [(array(I, n), array(I, n), array(kH, I), array(kH, I)) for I in inputs]
    steps = {size: [array(rows, size) for rows in (kH, kH, H, H)] for size in set(running)}

    def run() -> None:
        for x, dx, W, dW in ws:
            np.matmul(W, x, out=a)
            for size in running:
                np.matmul(U, steps[size][2], out=steps[size][1])
            for size in running:
                np.matmul(U.T, steps[size][0], out=steps[size][3])
            np.matmul(a, h.T, out=dU)
            np.matmul(a, x.T, out=dW)
            np.matmul(W.T, a, out=dx)

    return run
