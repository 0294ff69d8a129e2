"""The other parts of the lesson's models, forward and backward, at its sizes: one program for
minigrad and PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.libraries import Library, contestants, state_of, twins
from benchmarks.measure import Case, Contest
from benchmarks.training import Classifier

rng = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return rng.standard_normal(shape, dtype=np.float32)


def cases(quick: bool) -> Iterator[Case]:
    for B, T, V, E in [(500, 100, 15, 32), (32, 15, 30, 32), (4, 50, 10000, 128)]:
        yield Case(
            "parts", f"Embedding backward, ids ({B},{T}) of {V}×{E}", partial(embedding, B, T, V, E)
        )
    for B, C in [(500, 10), (32, 2)]:
        yield Case("parts", f"cross-entropy ({B},{C})", partial(cross_entropy, B, C))
    yield Case("parts", "LayerNorm (32,128)", partial(layer_norm, 32, 128))
    yield Case("parts", "attention over time (32,15,128)", partial(attention, 32, 15, 128))
    yield Case(
        "parts", "MultiheadAttention (32,15,128), 4 heads", partial(multihead, 32, 15, 128, 4)
    )
    yield Case("parts", "Conv1d (64,300,50) to 100 channels, 4 wide", partial(conv1d, 64, 300, 50))
    yield Case("parts", "Conv2d (64,32,26,26) to 64 channels, 3×3", partial(conv2d, 64, 32, 26))
    yield Case("parts", "MaxPool2d (64,64,24,24), 2×2", partial(max_pool, 64, 64, 24))
    yield Case("parts", "Adam step, sentiment BiLSTM", partial(adam, 30, 32, 64, True))
    if not quick:
        yield Case(
            "parts", "Adam step, LSTM of 10,000 words", partial(adam, 10000, 128, 256, False)
        )


def module_contest(
    make: Callable[[Library], Any], call: Callable[[Library, Any, Any], Any], x: Any, g: Any
) -> Contest:
    """y = call(module, x), and the gradients of x and of the module's parameters from g."""
    state = state_of(make(twins()[0]))

    def job(library: Library) -> Callable[[], Any]:
        module = library.load(make(library), state)
        params, xs, gs = (
            dict(module.named_parameters()),
            library.tensor(x, requires_grad=True),
            library.tensor(g),
        )

        def run() -> Any:
            for p in (xs, *params.values()):
                p.grad = None
            y = call(library, module, xs)
            y.backward(gs)
            return {"y": y, "x": xs.grad, **{key: p.grad for key, p in params.items()}}

        return run

    return Contest(
        contestants(job),
        moved=3 * x.nbytes + 2 * g.nbytes + 2 * sum(w.nbytes for w in state.values()),
    )


def embedding(B: int, T: int, V: int, E: int) -> Contest:
    """weight' from the gradient (B,T,E) of weight[ids]; the forward pass is not timed."""
    weight, ids, g = normal(V, E), rng.integers(0, V, (B, T)), normal(B, T, E)

    def job(library: Library) -> Callable[[], Any]:
        w, gs = library.tensor(weight, requires_grad=True), library.tensor(g)
        y = library.nn.functional.embedding(library.tensor(ids), w)

        def run() -> Any:
            w.grad = None
            y.backward(gs, retain_graph=True)
            return {"weight": w.grad}

        return run

    return Contest(contestants(job), moved=g.nbytes + ids.nbytes + weight.nbytes)


def cross_entropy(B: int, C: int) -> Contest:
    """The mean of log Σ_c e^x_c - x_y over B rows."""
    logits, y = normal(B, C), rng.integers(0, C, B)

    def job(library: Library) -> Callable[[], Any]:
        x, targets = library.tensor(logits, requires_grad=True), library.tensor(y)
        criterion = library.nn.CrossEntropyLoss()

        def run() -> Any:
            x.grad = None
            loss = criterion(x, targets)
            loss.backward()
            return {"loss": loss, "x": x.grad}

        return run

    return Contest(contestants(job), moved=2 * logits.nbytes + y.nbytes)


def layer_norm(B: int, E: int) -> Contest:
    return module_contest(
        lambda lib: lib.nn.LayerNorm(E), lambda lib, norm, x: norm(x), normal(B, E), normal(B, E)
    )


def attention(B: int, T: int, E: int) -> Contest:
    """Section 8.2: one score for each step, softmax over time, and the weighted sum of the states
    (B,T,E)."""

    def call(library: Library, score: Any, x: Any) -> Any:
        weights = library.torch.softmax(score(x).squeeze(-1), dim=1)  # (B,T)
        return library.torch.bmm(weights.unsqueeze(1), x).squeeze(1)

    def make(library: Library) -> Any:
        return library.nn.Linear(
            E, 1, bias=False
        )  # a bias would cancel in the softmax, its gradient be rounding alone

    return module_contest(make, call, normal(B, T, E), normal(B, E))


def multihead(B: int, T: int, E: int, heads: int) -> Contest:
    """Self-attention of x (B,T,E)."""

    def make(library: Library) -> Any:
        return library.nn.MultiheadAttention(E, heads, batch_first=True)

    def call(library: Library, attention: Any, x: Any) -> Any:
        return attention(x, x, x, need_weights=False)[0]

    return module_contest(make, call, normal(B, T, E), normal(B, T, E))


def conv1d(B: int, C: int, T: int) -> Contest:
    """A layer of a text classifier: windows of four words."""
    x, g = normal(B, C, T), normal(B, 100, T - 3)
    return module_contest(lambda lib: lib.nn.Conv1d(C, 100, 4), lambda lib, f, x: f(x), x, g)


def conv2d(B: int, C: int, H: int) -> Contest:
    """The second layer of a classifier of digits."""
    x, g = normal(B, C, H, H), normal(B, 2 * C, H - 2, H - 2)
    return module_contest(lambda lib: lib.nn.Conv2d(C, 2 * C, 3), lambda lib, f, x: f(x), x, g)


def max_pool(B: int, C: int, H: int) -> Contest:
    """What follows it."""
    x, g = normal(B, C, H, H), normal(B, C, H // 2, H // 2)
    return module_contest(lambda lib: lib.nn.MaxPool2d(2), lambda lib, f, x: f(x), x, g)


def adam(V: int, E: int, H: int, both: bool) -> Contest:
    """One step on all parameters of a classifier of V words: the sentiment model, or that of
    section 5.1."""
    settings = Classifier("LSTM", V, 2, E, H, both)
    state = state_of(settings.build(twins()[0]))
    grads = {key: normal(*value.shape) for key, value in state.items()}

    def job(library: Library) -> Callable[[], Any]:
        model = library.load(settings.build(library), state)
        optimizer = library.optim.Adam(model.parameters(), lr=1e-3)
        params = dict(model.named_parameters())
        for key, p in params.items():
            p.grad = library.tensor(grads[key])

        def run() -> Any:
            optimizer.step()
            return params

        return run

    return Contest(
        contestants(job), moved=7 * sum(g.nbytes for g in grads.values())
    )  # reads p m v g, writes p m v
