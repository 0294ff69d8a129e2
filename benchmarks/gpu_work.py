"""What is measured on a GPU: recurrent layers, training, large products, Adam; and each kernel
once, to be checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.layers import twin
from benchmarks.libraries import Library, state_of, twins
from benchmarks.measure import REFERENCE
from benchmarks.training import Classifier, train

LESSON = 100, 500, 32, 64  # T, B, I, H
QUICK = 9, 8, 16, 32
LAYERS = [
    ("lesson", LESSON),
    ("lesson", (15, 32, 32, 64)),
    ("middle", (50, 64, 128, 256)),
    ("large", (100, 256, 512, 1024)),
]
BLOCKS = 4, 2, 1  # sequences of a block, as in minigrad/fast/gpu/fit.py
LINEAR = (8192, 4096, 4096), (25600, 1024, 4096)  # rows, in, out

Call = Callable[[], dict[str, Any]]
Job = Callable[[Library], Call | None]  # None: this library does not take part


@dataclass(frozen=True)
class OnGpu(Library):
    """One of the twins, whose tensors and modules are on the GPU."""

    def tensor(self, array: Any, requires_grad: bool = False) -> Any:
        return self.torch.tensor(np.asarray(array)).to("cuda").requires_grad_(requires_grad)

    def load(self, module: Any, state: dict[str, Any]) -> Any:
        return super().load(module, state).to("cuda")


# Workloads


def workloads(quick: bool) -> Iterator[tuple[str, str, Job]]:
    """(group, name, job) of each; a job sets the work up in one library."""
    for group, size in [("lesson", QUICK)] if quick else LAYERS:
        for kind in ("LSTM", "GRU", "RNN"):
            is_own_goal = group == "middle" and kind == "RNN"
            yield f"{group} RNN" if is_own_goal else group, title(kind, size), layer(kind, size)
    lesson = QUICK if quick else LESSON
    for kind in ("LSTM", "GRU", "RNN"):
        name = f"{title(kind, lesson)}, with lengths"
        yield "lengths", name, layer(kind, lesson, lengths=True)
    for kind in ("LSTM", "GRU", "RNN"):
        name = f"{title(kind, lesson)}, two directions"
        yield "directions", name, layer(kind, lesson, bidirectional=True)
    T, steps = (12, 2) if quick else (100, 10)
    for kind in ("LSTM", "GRU"):
        yield "training", f"copy task, {kind}, length {T}, {steps} steps", copy_task(kind, T, steps)
    steps = 2 if quick else 25
    yield "training", f"sentiment, BiLSTM, {steps} steps", sentiment(steps)
    for shape in [(64, 32, 48)] if quick else LINEAR:
        yield "products", f"Linear {','.join(map(str, shape))}", linear(*shape)
    yield "others", "Adam, 40 matrices of 256 by 256", adam(4 if quick else 40)
    for kind in ("LSTM", "GRU", "RNN"):
        for rows in BLOCKS:
            name = f"{title(kind, lesson)}, blocks of {rows}"
            yield "blocks", name, with_blocks_of(rows, layer(kind, lesson))


def title(kind: str, size: tuple[int, ...]) -> str:
    return f"{kind} {','.join(map(str, size))}"


def gradients(leaves: dict[str, Any]) -> dict[str, Any]:
    return {key: leaf.grad for key, leaf in leaves.items()}


def forget(leaves: dict[str, Any]) -> None:
    for leaf in leaves.values():
        leaf.grad = None


def layer(kind: str, size: tuple[int, ...], lengths: bool = False, **settings: Any) -> Job:
    """output = layer(x), and the gradients of x and of every weight from a random gradient of the
    output."""
    import nn

    (T, B, I, H), rng = size, np.random.default_rng(0)
    weights = state_of(getattr(nn, kind)(I, H, **settings))
    x = rng.standard_normal((T, B, I), dtype=np.float32)
    g = rng.standard_normal((T, B, H * (1 + ("bidirectional" in settings))), dtype=np.float32)
    ends = np.append(T, rng.integers(1, T + 1, B - 1)) if lengths else None

    return lambda library: twin(library, kind, weights, x, g, ends, **settings)


def with_blocks_of(rows: int, job: Job) -> Job:
    """minigrad alone, with at most so many sequences in a block of a kernel of all steps."""
    from minigrad.fast.gpu import fit as fitting

    def started(library: Library) -> Call | None:
        if library.name == REFERENCE:
            return None
        call = job(library)

        def run() -> dict[str, Any]:
            fitting.fit.cache_clear()
            fitting.ROWS = tuple(n for n in BLOCKS if n <= rows)
            try:
                return call()
            finally:
                fitting.ROWS = BLOCKS
                fitting.fit.cache_clear()

        return run

    return started


def copy_task(kind: str, T: int, steps: int) -> Job:
    """Section 6 of the lesson: 500 fixed sequences in one batch, Adam 0.01, norm clipped at 5,
    losses read."""
    B, symbols, noise, rng = 500, 10, 5, np.random.default_rng(0)
    y = rng.integers(0, symbols, B)
    x = np.concatenate([y[:, None], rng.integers(symbols, symbols + noise, (B, T - 1))], axis=1)
    settings = Classifier(kind, symbols + noise, symbols)
    start = state_of(settings.build(twins()[0]))

    def job(library: Library) -> Call:
        model, pair = (
            library.load(settings.build(library), start),
            (library.tensor(x), library.tensor(y)),
        )

        def run() -> dict[str, Any]:
            library.load(model, start)
            return {"losses": np.array(train(library, model, [pair] * steps, lr=0.01, clip=5.0))}

        return run

    return job


def sentiment(steps: int) -> Job:
    """Section 7 of the lesson: batches of 32 sentences of up to 15 words, a BiLSTM, Adam 0.001."""
    T, B, words, rng = 15, 32, 30, np.random.default_rng(0)
    lengths = rng.integers(5, 10, (steps, B, 1))
    x = np.where(np.arange(T) < lengths, rng.integers(1, words, (steps, B, T)), 0)
    y = rng.integers(0, 2, (steps, B))
    settings = Classifier("LSTM", words, 2, both=True, padding=0)
    start = state_of(settings.build(twins()[0]))

    def job(library: Library) -> Call:
        model = library.load(settings.build(library), start)
        batches = [(library.tensor(a), library.tensor(b)) for a, b in zip(x, y, strict=True)]

        def run() -> dict[str, Any]:
            library.load(model, start)
            return {"losses": np.array(train(library, model, batches, lr=0.001, clip=None))}

        return run

    return job


def linear(rows: int, into: int, out: int) -> Job:
    """y = x Wᵀ + b, and all gradients: three products and little else."""
    import nn

    rng, weights = np.random.default_rng(0), state_of(nn.Linear(into, out))
    x, g = (rng.standard_normal((rows, n), dtype=np.float32) for n in (into, out))

    def job(library: Library) -> Call:
        module = library.load(library.nn.Linear(into, out), weights)
        leaves = {"x": library.tensor(x, requires_grad=True), **dict(module.named_parameters())}
        seed = library.tensor(g)

        def run() -> dict[str, Any]:
            forget(leaves)
            output = module(leaves["x"])
            output.backward(seed)
            return {"output": output, **gradients(leaves)}

        return run

    return job


def adam(count: int) -> Job:
    rng = np.random.default_rng(0)
    starts, slopes = (rng.standard_normal((count, 256, 256), dtype=np.float32) for _ in range(2))

    def job(library: Library) -> Call:
        params = [library.nn.Parameter(library.tensor(x)) for x in starts]
        optimizer = library.optim.Adam(params, lr=1e-3)
        for p, g in zip(params, slopes):
            p.grad = library.tensor(g)

        def run() -> dict[str, Any]:
            optimizer.step()
            return {"first": params[0], "last": params[-1]}

        return run

    return job


# kind, H and settings: in both directions; w_hh partly in shared memory; step by step
KERNELS: list[tuple[str, int, dict[str, Any]]] = [
    ("LSTM", 5, {"bidirectional": True}),
    ("GRU", 5, {"bidirectional": True}),
    ("RNN", 5, {"bidirectional": True}),
    ("RNN", 5, {"bidirectional": True, "nonlinearity": "relu"}),
    ("LSTM", 100, {}),
    ("LSTM", 160, {}),
    ("GRU", 180, {}),
    ("RNN", 310, {}),
]


def classify(device: str) -> list[float]:
    """Cross-entropies with a row to ignore, and the norm of gradients before and after clipping."""
    import minigrad as mg
    import nn

    logits = nn.Parameter(mg.randn(300, 7).to(device))
    targets = mg.randint(0, 7, (300,)).to(device)
    found = []
    for reduction in ("none", "mean", "sum"):
        loss = nn.functional.cross_entropy(logits, targets, ignore_index=3, reduction=reduction)
        loss.sum().backward()
        found.append(loss.sum().item())
        found += [nn.utils.clip_grad_norm_([logits], 0.1).item() for _ in range(2)]
    return found


def each_kernel_once(where: str = "cuda") -> None:
    """Every kernel, at sizes that fill no block, with rows that end early; and what it gives
    against the CPU."""
    import minigrad as mg
    import nn

    def losses(device: str) -> list[float]:
        mg.manual_seed(0)
        found = []
        for kind, H, settings in KERNELS:
            table = nn.Embedding(7, 3).to(device)
            rnn = getattr(nn, kind)(3, H, **settings).to(device)
            optimizer = nn.optim.AdamW([*table.parameters(), *rnn.parameters()], lr=0.01)
            ids = mg.randint(0, 7, (6, 3)).to(device)
            for lengths in (None, [6, 2, 4], None, [6, 2, 4], None):
                optimizer.zero_grad()
                loss = mg.square(rnn(table(ids), lengths=lengths)[0]).mean()
                loss.backward()
                optimizer.step()
                found.append(loss.item())
        return found + classify(device)

    np.testing.assert_allclose(losses(where), losses("cpu"), rtol=1e-3)
    nn.functional.dropout(mg.ones(99, device=where), 0.5).sum().item()
