"""What a GPU does otherwise, on a CPU: the kernels' source, faults found late, graphs."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulated_kernel import COMPILER, Cublas, RawKernel
from strict_device import NAME, StrictArray, StrictModule

import minigrad as mg
import nn
from minigrad import array, random
from minigrad.byhand import gru, lstm, rnn
from minigrad.fast.gpu import (
    cross_entropy,
    dropout,
    embedding,
    gradients,
    one_launch,
    optimizers,
    source,
)
from minigrad.fast.gpu import kernels as gpu
from minigrad.fast.gpu.both import KINDS
from nn import optim

pytestmark = pytest.mark.skipif(
    not COMPILER, reason="the kernels are compiled with g++ or clang++, and neither is here"
)


def there(x: Any, **options: Any) -> mg.Tensor:
    return mg.tensor(x, device=NAME, **options)


# Kernels say what the lines of NumPy beside them say.

OPTIMIZERS: dict[str, Any] = {
    "Adam": optim.Adam,
    "AdamW": optim.AdamW,
    "Adagrad": optim.Adagrad,
    "SGD": optim.SGD,
    "RMSprop": optim.RMSprop,
    "momentum": lambda *args, **more: optim.SGD(*args, **more, momentum=0.9, dampening=0.3),
    "nesterov": lambda *args, **more: optim.SGD(*args, **more, momentum=0.9, nesterov=True),
    "started": lambda *args, **more: optim.Adagrad(
        *args, **more, lr_decay=0.1, initial_accumulator_value=0.5
    ),
    "centered": lambda *args, **more: optim.RMSprop(*args, **more, centered=True, momentum=0.5),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "settings", [{}, {"weight_decay": 0.1, "maximize": True}], ids=["plain", "all"]
)
@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_optimizer(kernels: Any, kind: Any, settings: dict[str, Any], dtype: Any) -> None:
    """More parameters than a table has rows, one without a gradient; two groups, two dtypes."""
    rng = np.random.default_rng(0)
    starts = [rng.standard_normal((i % 3 + 1, 2)).astype(dtype) for i in range(gpu.MAX_ROWS + 6)]
    ends = []
    for device in ("cpu", NAME):
        params = [nn.Parameter(mg.tensor(x, device=device)) for x in starts]
        odd = nn.Parameter(mg.tensor(np.ones(3, np.float64), device=device))
        optimizer = kind(
            [{"params": params[:5], "lr": 0.1}, {"params": [*params[5:], odd]}], lr=0.01, **settings
        )
        launches = RawKernel.launches
        for _ in range(4):
            draw = np.random.default_rng(1)
            for p in params[1:]:
                p.grad = mg.tensor(draw.standard_normal(p.shape).astype(dtype), device=device)
            odd.grad = odd.detach() * 2
            optimizer.step()
        ends.append([p.cpu().detach().numpy() for p in [*params, odd]])
    assert RawKernel.launches - launches <= 4 * 2 * 4
    for got, want in zip(ends[1], ends[0], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12 if dtype == np.float64 else 5e-6)
        assert got.dtype == want.dtype


@pytest.mark.parametrize("op", [rnn, lstm, gru], ids=["rnn", "lstm", "gru"])
@pytest.mark.parametrize("lengths", [None, [4, 6, 1]], ids=["whole", "lengths"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_a_layer_is_its_composition(
    stepwise: Any, op: Any, lengths: Any, reverse: bool, bias: bool
) -> None:
    """Step by step: values and gradients in float64, of every output and of h_n alone; then as
    graphs. (test_cuda_one_launch.py has the same for all steps in one launch.)
    """
    rng, (T, B, I, H) = np.random.default_rng(0), (7, 3, 4, 5)
    blocks, states = {"rnn": (1, 1), "lstm": (4, 2), "gru": (3, 1)}[op.__name__]
    shapes = [
        (T, B, I),
        *[(B, H)] * states,
        (blocks * H, I),
        (blocks * H, H),
        *[(blocks * H,)] * (2 * bias),
    ]
    numbers = [rng.standard_normal(shape) for shape in shapes]
    settings = {"lengths": lengths, "reverse": reverse}
    if op is rnn:
        settings["nonlinearity"] = "relu" if bias else "tanh"

    def run(function: Callable[..., Any], device: str, used: slice) -> list[Any]:
        leaves = [mg.tensor(x, device=device, requires_grad=True) for x in numbers]
        values = function(*leaves, *[None] * (2 - 2 * bias), **settings)
        draw = np.random.default_rng(1)
        seeds = [mg.tensor(draw.standard_normal(y.shape), device=device) for y in values]
        gradients = mg.grad(values[used], leaves, seeds[used], allow_unused=True, retain_graph=True)
        again = mg.grad(values[used], leaves, seeds[used], allow_unused=True)
        for a, b in zip(gradients, again):
            assert (a is None) == (b is None) and (a is None or a.tolist() == b.tolist())
        return [t if t is None else t.cpu().detach().numpy() for t in (*values, *gradients)]

    for used in (slice(None), slice(1, 2), slice(0, 1)):
        for _ in range(3):
            for got, want in zip(run(op, NAME, used), run(op.composed, "cpu", used), strict=True):
                np.testing.assert_allclose(got, 0 if want is None else want, atol=1e-12)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_step_is_one_product_and_one_kernel(stepwise: Any, kind: str) -> None:
    """Beside them: w_ih x, ∂x and two products for the weights; ∂b_ih as one with ones, and ∂b_hh
    of a GRU, which differs from it."""
    stepwise.graphs.enabled = False
    layer = getattr(nn, kind)(3, 4).to(NAME)
    for T in (5, 25):
        x = mg.randn(T, 2, 3, device=NAME, requires_grad=True)
        kernels, products = RawKernel.launches, Cublas.launches
        layer(x)[0].sum().backward()
        assert RawKernel.launches - kernels == 2 * T
        assert Cublas.launches - products == 2 * T + 4 + (2 if kind == "GRU" else 1)


def test_a_mask_is_a_function_of_the_seed(kernels: Any) -> None:
    x = np.zeros(1, np.float64)
    masks = []
    for _ in range(2):
        mg.manual_seed(3)
        masks.append(
            nn.functional.dropout(there(np.ones((50, 40), np.float32)), 0.25).cpu().numpy()
        )
    np.testing.assert_array_equal(*masks)
    kept = masks[0] != 0
    assert set(np.unique(masks[0])) == {0, np.float32(1 / 0.75)} and abs(kept.mean() - 0.75) < 0.03
    assert abs(np.corrcoef(kept[:, :-1].ravel(), kept[:, 1:].ravel())[0, 1]) < 0.1
    for p, share in ((0.0, 1), (1.0, 0)):
        assert (random.dropout_mask(there(x).array, (9,), p).get() == share).all()
    before = random.generator().bit_generator.state
    random.dropout_mask(x, (9,), 0.5)
    assert random.generator().bit_generator.state != before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("size", [(7, 5), (1, 1), (600, 64), (0, 3)], ids=str)
def test_cross_entropy_is_its_definition(
    kernels: Any, size: tuple[int, int], reduction: str, dtype: Any
) -> None:
    """Values and gradients, with rows to ignore, large logits and more rows than threads."""
    N, V = size
    rng = np.random.default_rng(0)
    x = (100 * rng.standard_normal(size)).astype(dtype)
    ids = np.where(rng.random(N) < 0.3, -100, rng.integers(0, V, N))
    found = []
    for device in ("cpu", NAME):
        logits = mg.tensor(x, device=device, requires_grad=True)
        before = RawKernel.launches
        targets = mg.tensor(ids, device=device)
        loss = nn.functional.cross_entropy(logits, targets, reduction=reduction)
        g = mg.tensor(np.random.default_rng(1).standard_normal(loss.shape).astype(dtype))
        for _ in range(2):  # the second adds the same again: nothing was overwritten
            loss.backward(g.to(device), retain_graph=True)
        found.append([loss, logits.grad])
    assert RawKernel.launches - before == (reduction != "none") + 3 * (N > 0)
    for want, got in zip(*found, strict=True):
        assert got.dtype == want.dtype and got.shape == want.shape
        want, got = (t.cpu().detach().numpy() for t in (want, got))
        tolerance = 1e-12 if dtype == np.float64 else 1e-6
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 2])
def test_cross_entropy_of_what_is_not_finite(kernels: Any, bad: float, place: int) -> None:
    x = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.5]])
    x[0, place] = bad
    found = []
    for device in ("cpu", NAME):
        logits = mg.tensor(x, device=device, requires_grad=True)
        with np.errstate(invalid="ignore"):
            loss = nn.functional.cross_entropy(logits, mg.tensor([1, 2], device=device))
            loss.backward()
        found.append([t.cpu().detach().numpy() for t in (loss, logits.grad)])
    for want, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-12)


def test_cross_entropy_over_many_classes_takes_no_kernel(kernels: Any) -> None:
    x = np.random.default_rng(0).standard_normal((3, cross_entropy.FEW + 1))
    before = RawKernel.launches
    got = nn.functional.cross_entropy(there(x), there(np.array([0, 64, 2])))
    assert RawKernel.launches - before == 1  # what looks whether all targets are in range
    want = nn.functional.cross_entropy(mg.tensor(x), mg.tensor([0, 64, 2]))
    np.testing.assert_allclose(got.item(), want.item())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding_idx", [None, 2])
def test_an_embedding_is_its_definition(kernels: Any, padding_idx: int | None, dtype: Any) -> None:
    """In one launch, and zeros and one launch for each use on the way back; a table used twice gets
    both gradients."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((5, 3)).astype(dtype)
    ids = rng.integers(0, 5, (4, 6))
    uses = [ids, ids.T[::2].astype(np.int32), ids[:0], np.array(2)]
    weights = [rng.standard_normal((*use.shape, 3)).astype(dtype) for use in uses]
    found = []
    for device in ("cpu", NAME):
        weight = nn.Parameter(mg.tensor(table, device=device))
        moved = [mg.tensor(use, device=device) for use in uses]
        before = RawKernel.launches
        rows = [nn.functional.embedding(use, weight, padding_idx) for use in moved]
        terms = [(y * mg.tensor(w, device=device)).sum() for y, w in zip(rows, weights)]
        sum(terms).backward()
        assert RawKernel.launches - before == (2 * 3 if device == NAME else 0)
        found.append([y.detach().cpu().numpy() for y in (*rows, weight.grad)])
    tolerance = 1e-6 if dtype == np.float32 else 1e-12
    for want, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_other_tables_are_read_by_cupy(kernels: Any) -> None:
    """float16, for which there is no kernel, and a matrix in another order."""
    ids = there(np.array([1, 2, 1]))
    halves = there(np.ones((3, 2), np.float16)).requires_grad_()
    turned = there(np.ones((2, 3))).requires_grad_()
    before = RawKernel.launches
    for table in (halves, turned.T):
        nn.functional.embedding(ids, table).sum().backward()
    assert RawKernel.launches - before == 2  # what looks whether all ids are in range
    assert halves.grad.tolist() == [[0, 0], [2, 2], [1, 1]]
    assert turned.grad.tolist() == [[0, 2, 1]] * 2


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("shape", [(6, 4), (2, 3, 4), (4,), (0, 4)], ids=str)
def test_a_linear_layer_is_its_definition(kernels: Any, shape: Any, bias: bool) -> None:
    """In four products at most, whose results are the gradients themselves: nothing is copied."""
    rng = np.random.default_rng(0)
    x, weight, b = [rng.standard_normal(size) for size in (shape, (5, 4), (5,))]
    g = rng.standard_normal((*shape[:-1], 5))
    kernels.products.ones(g.size // 5, g.dtype)  # which are kept
    found = []
    for device in ("cpu", NAME):
        given = [
            mg.tensor(a, device=device, requires_grad=True) for a in (x, weight, b)[: 2 + bias]
        ]
        seed = mg.tensor(g, device=device)
        products, others = Cublas.launches, StrictArray.launches
        y = nn.functional.linear(*given)
        y.backward(seed)
        if device == NAME and x.size:
            assert Cublas.launches - products == 3 + bias
            assert StrictArray.launches - others == bias  # Y += b
        found.append([y.detach().cpu().numpy(), *[a.grad.cpu().numpy() for a in given]])
    for want, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_a_linear_layer_of_other_memory_is_its_definition(kernels: Any) -> None:
    """A matrix in another order, two dtypes, and a layer of which only the bias learns."""
    x, weight, b = np.ones((4, 3)), np.arange(15.0).reshape(5, 3), np.ones(5)
    y = nn.functional.linear(there(x.T.copy()).T, there(weight), there(b))
    assert y.tolist() == (x @ weight.T + b).tolist()
    with pytest.raises(TypeError, match="^linear: expected"):
        nn.functional.linear(there(x.astype(np.float32)), there(weight))
    bias = there(b).requires_grad_()
    nn.functional.linear(there(x), there(weight), bias).sum().backward()
    assert bias.grad.tolist() == [4] * 5


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_a_stack_is_a_copy_of_each_part(kernels: Any, axis: int) -> None:
    parts = [np.arange(6.0).reshape(2, 3), np.ones((2, 3)), np.ones((2, 3), np.float32)]
    moved = [StrictModule.array(part) for part in parts]
    stack = array.backend(NAME).xp.stack
    for count in (1, 2, 3):  # the third is of another dtype: CuPy's own
        before = StrictArray.launches
        got = stack(moved[:count], axis=axis)
        assert StrictArray.launches - before == count
        np.testing.assert_array_equal(got.get(), np.stack(parts[:count], axis))
    with pytest.raises(ValueError, match="out of bounds|axis"):
        stack(moved, axis=3)
    with pytest.raises(ValueError, match="same shape"):
        stack([moved[0], moved[0][:1]])


def test_gradients_are_clipped_in_three_launches(kernels: Any) -> None:
    """To the norm and the numbers of the CPU, below the limit bit for bit; more than a table has
    rows take two more launches."""
    rng = np.random.default_rng(0)
    for count, launches in ((1, 3), (5, 3), (gpu.MAX_ROWS + 1, 5)):
        grads = [rng.standard_normal((i % 7 + 1, 300)) for i in range(count)]
        for max_norm in (1e9, 1.0):
            found = []
            for device in ("cpu", NAME):
                params = [nn.Parameter(mg.tensor(g, device=device)) for g in grads]
                for p, g in zip(params, grads, strict=True):
                    p.grad = mg.tensor(g, device=device)
                before, syncs = RawKernel.launches, StrictArray.syncs
                norm = nn.utils.clip_grad_norm_(params, max_norm)
                assert device == "cpu" or RawKernel.launches - before == launches
                assert StrictArray.syncs == syncs
                found.append([norm.cpu().numpy(), *[p.grad.cpu().numpy() for p in params]])
            for want, got in zip(*found, strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-12)
        assert norm.item() > 1


@pytest.mark.parametrize(
    "grads",
    [
        [np.ones(3), np.ones(2, np.float32)],
        [np.ones(3, np.float16)],
        [np.ones((2, 3)).T, np.ones(2)],
        [np.array([1.0, np.nan])],
        [np.ones((0, 2)), np.ones(5)],
    ],
    ids=["two dtypes", "float16", "in another order", "NaN", "nothing"],
)
def test_other_gradients_are_clipped_as_on_the_cpu(kernels: Any, grads: list[Any]) -> None:
    found = []
    for device in ("cpu", NAME):
        params = [nn.Parameter(mg.tensor(g, device=device)) for g in grads]
        for p, g in zip(params, grads, strict=True):
            p.grad = mg.tensor(g, device=device)
        norm = nn.utils.clip_grad_norm_(params, 0.5)
        found.append([norm.cpu().numpy(), *[p.grad.cpu().numpy() for p in params]])
    for want, got in zip(*found, strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-3 if want.dtype == np.float16 else 1e-7)


# Ids out of range are refused: on a GPU late, but before anybody sees a number that came of it.

X, IDS, BAD = np.arange(6.0).reshape(2, 3), np.array([[0, -1], [1, 0]]), np.array([[0, 2], [1, 0]])


def recorded(x: mg.Tensor, ids: mg.Tensor) -> mg.Tensor:
    """x with 0 at the ids, as an op of the graph."""
    y = x.detach().requires_grad_() * 1
    y[ids] = 0.0
    return y.detach()


PICKS: dict[str, Any] = {
    "[]": lambda x, ids: x[ids],
    "[] beside others": lambda x, ids: x[None, ids, ..., 1:],
    "[] after ...": lambda x, ids: x.T[..., ids],
    "[] behind a mask": lambda x, ids: x[None][np.array([True]), ids[0]],
    "[] of the host": lambda x, ids: x[ids.cpu().numpy()],
    "[] without a sign": lambda x, ids: x[ids.cpu().numpy().astype(np.uint16)],
    "index_select": lambda x, ids: x.index_select(0, ids[0]),
    "gather": lambda x, ids: x.gather(0, ids),
    "take_along_dim": lambda x, ids: x.take_along_dim(ids[:, 1:], 0),
    "embedding": lambda x, ids: nn.functional.embedding(ids % 3, x),
    "[]=": lambda x, ids: x.__setitem__(ids, 0.0) or x,
    "[]= in a graph": recorded,
    "cross_entropy": lambda x, ids: nn.functional.cross_entropy(x, ids[0] % 3 + 1),
    "nll_loss": lambda x, ids: nn.functional.nll_loss(x, ids[0] % 3 + 1),
    "one_hot": lambda x, ids: nn.functional.one_hot(ids % 3, 2),
}


def remainder(self: mg.Tensor, n: int) -> mg.Tensor:
    return self.beside(self.cpu().numpy() % n)


@pytest.mark.parametrize("pick", PICKS.values(), ids=PICKS)
def test_an_id_out_of_range_is_refused(
    kernels: Any, pick: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mg.Tensor, "__mod__", remainder, raising=False)
    ids = np.where(IDS == -1, 1, IDS)  # only [] counts from the end
    pick(there(X), there(ids)).tolist()
    y = pick(there(X), there(BAD))
    with pytest.raises(IndexError, match=r"^GPU: .*(got 2|got 3);.*a GPU runs behind the program"):
        y.tolist()
    pick(there(X), there(ids)).tolist()  # it is said once


MASK = np.array([[True, False, True]] * 2)


@pytest.mark.parametrize(
    "index", [IDS, (slice(None), IDS), (..., IDS), (None, IDS, 0), MASK], ids=str
)
def test_what_is_in_range_is_not_refused(kernels: Any, index: Any) -> None:
    assert there(X)[index].tolist() == X[index].tolist()


@pytest.mark.parametrize(
    "look",
    [
        mg.Tensor.item,
        bool,
        int,
        float,
        repr,
        lambda t: t.cpu(),
        lambda t: [1, 2][t.long()],
    ],
    ids=["item", "bool", "int", "float", "repr", "cpu", "index"],
)
def test_every_way_to_the_host_says_so(kernels: Any, look: Any) -> None:
    y = there(X)[there(np.array([2]))].sum() * 0
    with pytest.raises(IndexError, match=r"^GPU: index: expected -2 to 1 in dim 0, got 2;"):
        look(y)


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_no_parameter_learns_from_a_bad_id(kernels: Any, kind: Any) -> None:
    table = nn.Embedding(3, 2).to(NAME)
    optimizer, start = kind(table.parameters()), table.weight.array.get()
    table(there(np.array([5]))).sum().backward()
    with pytest.raises(IndexError, match="GPU: ids: expected .*, got 5"):
        for _ in range(2):  # the emulation is at once at the host; on a GPU a later step says it
            optimizer.step()
    assert (table.weight.array.get() == start).all()
    table(there(np.array([1]))).sum().backward()
    optimizer.step()
    assert (table.weight.array.get() != start).any()


def test_a_gradient_that_is_not_finite_changes_nothing(kernels: Any) -> None:
    params = [nn.Parameter(there(np.ones(3))) for _ in range(3)]
    optimizer = optim.Adam(params)
    for p, value in zip(params, (1.0, np.nan, np.inf)):
        p.grad = there(np.array([1.0, value, 2.0]))
    optimizer.step()
    with pytest.raises(
        FloatingPointError,
        match="GPU: Adam: the gradient of parameter [12] has NaN or infinities, and no",
    ):
        params[0].tolist()
    assert all(p.tolist() == [1, 1, 1] for p in params)
    assert all(
        (m.get() == 0).all()
        for s in optimizer.state.values()
        for m in (s["exp_avg"], s["exp_avg_sq"])
    )


# Nobody waits: a training step looks at no value.


class Reader(nn.Module):
    def __init__(self, kind: str):
        self.embedding, self.dropout = nn.Embedding(9, 6, padding_idx=0), nn.Dropout(0.2)
        self.rnn = getattr(nn, kind)(6, 4, num_layers=2, dropout=0.1, bidirectional=True)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, ids: mg.Tensor) -> mg.Tensor:
        output, _ = self.rnn(self.dropout(self.embedding(ids)))
        return self.head(self.norm(output).mean(0))


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_an_optimizer_does_not_wait(kernels: Any, kind: Any) -> None:
    params = [nn.Parameter(there(np.ones((2, 3)))) for _ in range(3)]
    optimizer, StrictArray.syncs = kind(params, lr=0.1), 0
    for _ in range(3):
        for p in params:
            p.grad = p.detach() * 2
        optimizer.step()
    assert StrictArray.syncs == 0


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_training_step_does_not_wait(kernels: Any, kind: str) -> None:
    model = Reader(kind).to(NAME)
    ids, y = mg.randint(0, 9, (5, 4), device=NAME), mg.tensor([0, 2, 1, -100], device=NAME)
    loader = nn.data.DataLoader(nn.data.TensorDataset(ids.T, y), 2, shuffle=True)
    optimizer, criterion = optim.AdamW(model.parameters()), nn.CrossEntropyLoss(label_smoothing=0.1)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1)
    criterion(model(ids), y).backward()
    optimizer.step()  # the first makes the states
    StrictArray.syncs = 0
    for x, target in loader:
        optimizer.zero_grad()
        loss = criterion(model(x.T), target)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
    assert StrictArray.syncs == 0
    assert np.isfinite(loss.item()) and StrictArray.syncs == 1


# What is not there


def test_a_word_that_no_kernel_replaces_still_refuses_bad_ids() -> None:
    """On a GPU without kernels a look decides, as on the CPU."""
    xp = array.Namespace(StrictModule())
    with pytest.raises(IndexError, match="ids: expected 0 to 2, got values from 0 to 3"):
        xp.check_bounds(StrictModule.array(np.array([0, 3])), 3, "ids", "0 to 2")


def test_a_dtype_without_a_kernel_is_refused(kernels: Any) -> None:
    with pytest.raises(
        TypeError,
        match=r"^GPU: draw_mask: expected one of float32, .*, got float16; use \.float\(\)",
    ):
        nn.functional.dropout(there(np.ones(3, np.float16)), 0.5)


def test_weights_in_another_order_and_one_unit() -> None:
    """What is no contiguous memory is made so before a kernel or a captured product sees it."""
    rng = np.random.default_rng(0)
    for H in (1, 3):
        numbers = [
            rng.standard_normal(shape)
            for shape in ((4, 1, 2), (1, H), (2, 3 * H), (H, 3 * H), (6 * H,), (3 * H,))
        ]
        found = []
        for device in ("cpu", NAME):
            x, h, w_ih, w_hh, b_ih, b_hh = (mg.tensor(a, device=device) for a in numbers)
            for _ in range(3):
                values = gru(x.transpose(0, 1).transpose(0, 1), h, w_ih.T, w_hh.T, b_ih[::2], b_hh)
            found.append([y.cpu().numpy() for y in values])
        for got, want in zip(found[1], found[0], strict=True):
            np.testing.assert_allclose(got, want, atol=1e-12)


def test_parameters_in_another_order_and_without_dimensions(kernels: Any) -> None:
    """What is not contiguous is written to where it is, and a 0-d parameter stays one."""
    ends = []
    for device in ("cpu", NAME):
        memory = mg.tensor(np.arange(6.0).reshape(2, 3), device=device).array
        params = [nn.Parameter(mg.tensor(np.float64(2.0), device=device))]
        transposed = nn.Parameter(mg.tensor(np.zeros((3, 2)), device=device))
        transposed.array = memory.T
        params.append(transposed)
        optimizer = optim.Adam(params, lr=0.1)
        for step in range(3):
            for p in params:
                g = np.random.default_rng(step).standard_normal(p.shape)
                p.grad = mg.tensor(np.array(g, order="F"), device=device)
            optimizer.step()
        assert params[0].shape == () and transposed.array is not memory
        ends.append([p.cpu().detach().numpy() for p in params] + [array.to_numpy(memory)])
    for got, want in zip(ends[1], ends[0], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)
    np.testing.assert_array_equal(ends[1][1].T, ends[1][2])


WITHOUT_DOCSTRINGS = """
import sys
sys.path.insert(0, "tests")
import strict_device, nn
import minigrad as mg
layer = nn.LSTM(3, 4).to("strict")
layer(mg.randn(5, 2, 3, device="strict"))[0].sum().backward()
nn.optim.Adam(layer.parameters()).step()
print(strict_device.RawKernel.launches)
"""


def test_kernels_run_without_docstrings() -> None:
    command = [sys.executable, "-OO", "-c", WITHOUT_DOCSTRINGS]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8")
    assert done.returncode == 0 and int(done.stdout) == 1 + 1 + 2, done.stderr


def test_every_kernel_is_a_function_of_its_file() -> None:
    """And every file of kernels is packaged."""
    used = [
        value
        for module in (gpu, one_launch, optimizers, dropout, cross_entropy, embedding, gradients)
        for value in vars(module).values()
        if isinstance(value, source.Kernel)
    ]
    for kind in KINDS.values():
        used += [kernel for kernel in kind if isinstance(kernel, source.Kernel)]
    for kernel in used:
        bounds = r"(__launch_bounds__\(.*\) )?"
        defined = rf'extern "C" __global__ void {bounds}{kernel.name}\('
        assert re.search(defined, source.text(kernel.file))
    files = {path.name for path in source.HERE.glob("*.cu")}
    assert {kernel.file for kernel in used} == files
    defined = "".join(map(source.text, files)).count("__global__")
    assert defined == len(set(used))
    setup = (source.HERE.parents[2] / "setup.cfg").read_text("utf-8")
    assert "fast/gpu/*.cu\n" in setup and "fast/gpu/*.cuh\n" in setup
