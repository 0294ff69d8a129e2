"""On a real GPU: every op, layer, optimizer and a training run against NumPy with numbers drawn on
the host, and against PyTorch on the same device, to which tensors go by DLPack without a copy.

    python -m pytest -m gpu
"""

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import laws
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import TABLE
from test_cuda import PICKS, X, remainder
from test_nn_device import masks_of_a_gpu
from test_ops import few

import minigrad as mg
import nn
from minigrad import array
from minigrad.testing.samples import Sample, is_float
from nn import optim

pytestmark = pytest.mark.gpu
ROOT = Path(__file__).resolve().parent.parent


def there(x: Any, **options: Any) -> mg.Tensor:
    return mg.tensor(x, device="cuda", **options)


def here(t: Any) -> Any:
    return None if t is None else t.detach().cpu().numpy()


# Every op


@pytest.mark.parametrize("name", TABLE)
@few
@given(data=st.data())
def test_an_op_gives_what_it_gives_on_the_cpu(name: str, data: Any) -> None:
    """Values and gradients in float64, whatever the strides of the samples were on the host."""
    op, sample = mg.OPS[name], data.draw(TABLE[name].all)
    if name == "move":
        return
    moved = [there(a) if isinstance(a, np.ndarray) and not is_float(a) else a for a in sample.args]
    weights = laws.random(sample, laws.check.evaluate(laws.function(op, sample), sample.floats))
    want = laws.run(laws.function(op, sample), sample.floats, weights)
    found = laws.run(
        laws.function(op, Sample(moved, sample.settings)),
        [there(a).array for a in sample.floats],
        weights,
    )
    for a, b in zip(sum(found, []), sum(want, []), strict=True):
        assert a is None or a.device.type == "cuda"
        laws.must_agree(
            op, sample, "a result on the GPU", laws.numbers(a), laws.numbers(b), "NumPy", 1e-10
        )


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.torch])
@few
@given(data=st.data())
def test_an_op_gives_what_pytorch_gives_on_the_same_gpu(name: str, data: Any) -> None:
    torch = torch_for_cuda()
    op, sample, theirs = mg.OPS[name], data.draw(TABLE[name].all), TABLE[name].torch
    if name in (
        "move",
        "getitem",
        "scatter_add",
    ):  # whose settings name devices and arrays of the host
        return
    tensors = [
        there(np.array(a, order="C")) if isinstance(a, np.ndarray) else a for a in sample.args
    ]
    ours = op(*tensors, **sample.settings)
    wanted = theirs(
        torch,
        *[torch.from_dlpack(t) if isinstance(t, mg.Tensor) else t for t in tensors],
        **sample.settings,
    )
    for y, want in zip(laws.as_list(ours), laws.as_list(wanted), strict=True):
        laws.must_agree(
            op, sample, "a value", here(y), want.cpu().numpy(), "PyTorch on the GPU", 1e-9
        )


def torch_for_cuda() -> Any:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch is not one for CUDA")
    return torch


def test_dlpack_copies_nothing() -> None:
    torch = torch_for_cuda()
    x = mg.zeros(3, device="cuda")
    theirs = torch.from_dlpack(x)
    assert theirs.data_ptr() == x.array.data.ptr and theirs.is_cuda
    theirs += 2
    torch.cuda.synchronize()
    assert x.tolist() == [2, 2, 2]
    back = mg.from_dlpack(torch.ones(2, device="cuda"))
    assert back.device.type == "cuda" and back.tolist() == [1, 1]


# Layers, optimizers, training. The masks of dropout are the GPU's own, computed by NumPy.


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64], ids=str)
@pytest.mark.parametrize("lengths", [None, [9, 1, 5, 7]], ids=["whole", "lengths"])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("RNN", {}),
        ("RNN", {"nonlinearity": "relu"}),
        ("LSTM", {}),
        ("GRU", {}),
        ("GRU", {"reset_after": False}),
        ("LSTM", {"num_layers": 2, "bidirectional": True}),
        ("GRU", {"bias": False, "num_layers": 2}),
        ("RNN", {"bidirectional": True, "batch_first": True}),
        ("LSTM", {"hidden_size": 64, "bidirectional": True}),
        ("GRU", {"hidden_size": 64}),
        ("LSTM", {"hidden_size": 96}),
        ("GRU", {"hidden_size": 112}),
        ("RNN", {"hidden_size": 200}),
        ("LSTM", {"hidden_size": 160}),
        ("GRU", {"hidden_size": 180, "bidirectional": True}),
        ("RNN", {"hidden_size": 310}),
    ],
    ids=str,
)
def test_a_recurrent_layer(kind: str, settings: dict[str, Any], lengths: Any, dtype: Any) -> None:
    """In one launch, or, where that does not fit, plain the first time, captured the second, a
    graph the third: each time what NumPy gives."""
    mg.manual_seed(0)
    make = getattr(nn, kind)
    sizes = {"input_size": 6, "hidden_size": 16, **settings}
    layer, far = make(**sizes).to(dtype), make(**sizes).to("cuda", dtype)
    far.load_state_dict(layer.state_dict())
    for _ in range(4):
        x = mg.randn(9, 4, 6, dtype=dtype)
        x = x.transpose(0, 1).clone() if settings.get("batch_first") else x
        inputs = [x.detach().requires_grad_(), x.to("cuda").requires_grad_()]
        for net, leaf in zip((layer, far), inputs):
            net.zero_grad()
            output, state = net(leaf, lengths=lengths)
            (mg.sin(output).sum() + (state[0] if kind == "LSTM" else state).sum()).backward()
        tolerance = 1e-10 if dtype == mg.float64 else 2e-5
        np.testing.assert_allclose(here(inputs[1].grad), here(inputs[0].grad), atol=tolerance)
        for ours, theirs in zip(far.parameters(), layer.parameters(), strict=True):
            np.testing.assert_allclose(here(ours.grad), here(theirs.grad), atol=20 * tolerance)


def test_graphs_are_used_and_nothing_is_said() -> None:
    kernels = array.backend("cuda").xp.kernels
    layer, x = nn.LSTM(8, 160).to("cuda"), mg.randn(20, 4, 8, device="cuda")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(8):
            layer.zero_grad()
            layer(x)[0].sum().backward()
    assert kernels.graphs.enabled and any(kernels.graphs.kept().values())


def test_a_capture_that_cupy_refuses_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cuBLAS of our own the layer gives the same, and the next capture is a clean one."""
    kernels = array.backend("cuda").xp.kernels
    layer, x = nn.LSTM(8, 160).to("cuda"), mg.randn(20, 4, 8, device="cuda")
    want = here(layer(x)[0])
    with monkeypatch.context() as patch:
        patch.setattr(kernels.products, "cublas", None)
        patch.setattr(kernels.graphs, "local", threading.local())
        patch.setattr(kernels.graphs, "enabled", True)
        with pytest.warns(UserWarning, match="no CUDA graph could be captured.*capture") as found:
            for _ in range(8):
                layer.zero_grad()
                y = layer(x)[0]
                y.sum().backward()
        assert len(found) == 1 and not kernels.graphs.enabled
    np.testing.assert_allclose(here(y), want, atol=1e-6)
    test_graphs_are_used_and_nothing_is_said()


LAYERS = {
    "Linear": (lambda: nn.Linear(6, 3), (5, 6)),
    "LayerNorm": (lambda: nn.LayerNorm(6), (5, 6)),
    "Dropout": (lambda: nn.Dropout(0.3), (5, 6)),
    "LockedDropout": (lambda: nn.LockedDropout(0.3), (4, 5, 6)),
    "AttentionPooling": (lambda: nn.AttentionPooling(6), (4, 5, 6)),
    "ELU": (lambda: nn.ELU(), (5, 6)),
    "GELU": (lambda: nn.GELU("tanh"), (5, 6)),
    "Softplus": (lambda: nn.Softplus(), (5, 6)),
    "LogSoftmax": (lambda: nn.LogSoftmax(-1), (5, 6)),
    "LSTMCell": (lambda: nn.LSTMCell(6, 3), (5, 6)),
    "GRUCell": (lambda: nn.GRUCell(6, 3), (5, 6)),
    "RNNCell": (lambda: nn.RNNCell(6, 3), (5, 6)),
    "PeepholeLSTMCell": (lambda: nn.PeepholeLSTMCell(6, 3), (5, 6)),
}


@pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)
def test_a_layer(make: Any, shape: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nn.functional.layers.dropout_mask", masks_of_a_gpu)
    found = []
    for device in ("cpu", "cuda"):
        mg.manual_seed(1)
        layer, x = make().to(device), mg.randn(*shape, device=device).requires_grad_()
        if device == "cuda":
            monkeypatch.undo()
        y = layer(x)
        y = y[0] if isinstance(y, tuple) else y
        mg.sin(y).sum().backward()
        found.append([here(t) for t in (y, x.grad, *(p.grad for p in layer.parameters()))])
    for ours, want in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, want, atol=2e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
        lambda p: optim.RMSprop(p, centered=True, momentum=0.5),
        lambda p: optim.Adagrad(p, 0.1),
        lambda p: optim.Adam(p, 0.01, weight_decay=0.1),
        lambda p: optim.AdamW(p, 0.01, maximize=True),
    ],
)
def test_an_optimizer(make: Any) -> None:
    rng, ends = np.random.default_rng(0), []
    starts, slopes = rng.standard_normal((2, 80, 5, 3))  # more parameters than one launch takes
    for device in ("cpu", "cuda"):
        params = [nn.Parameter(mg.tensor(x, device=device)) for x in starts]
        optimizer = make(params)
        for step in range(5):
            for p, g in zip(params, slopes):
                p.grad = mg.tensor(g * (step - 1.5), device=device)
            optimizer.step()
        ends.append([here(p) for p in params])
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-10)


def test_pytorchs_training_is_ours() -> None:
    """An LSTM classifier by Adam, float64, from the same weights and batches: the same losses."""
    torch = torch_for_cuda()
    losses: list[list[float]] = []
    rng = np.random.default_rng(0)
    ids, y, weights = rng.integers(0, 9, (12, 8)), rng.integers(0, 3, 8), None
    for lib, modules, optimizers in ((mg, nn, optim), (torch, torch.nn, torch.optim)):
        parts = modules.Embedding(9, 6), modules.LSTM(6, 16), modules.Linear(16, 3)
        if weights is None:
            weights = [
                {k: here(v).astype(float) for k, v in part.state_dict().items()} for part in parts
            ]
        parts = [part.double().to("cuda") for part in parts]
        for part, values in zip(parts, weights):
            part.load_state_dict({k: lib.tensor(v) for k, v in values.items()})
        embedding, rnn, head = parts
        optimizer = optimizers.Adam([p for part in parts for p in part.parameters()], lr=0.01)
        x, target, found = lib.tensor(ids).to("cuda"), lib.tensor(y).to("cuda"), []
        for _ in range(20):
            optimizer.zero_grad()
            loss = modules.CrossEntropyLoss()(head(rnn(embedding(x))[0][-1]), target)
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        losses.append(found)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-8)


def test_a_training_goes_on_from_a_file_on_the_other_device(tmp_path: Path) -> None:
    """Saved on one device after three steps and loaded on the other, it has the losses of a run
    that never stopped."""
    x, y = mg.randn(5, 7, 4), mg.randint(0, 3, (7,))

    def train(device: str, steps: int, file: Any = None, save: Any = None) -> list[float]:
        mg.manual_seed(2)
        model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).to(device)
        optimizer, losses = optim.Adam(model.parameters(), lr=0.05), []
        if file:
            nn.io.load_checkpoint(file, model=model, optimizer=optimizer)
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x.to(device)).mean(0), y.to(device))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if save:
            nn.io.save_checkpoint(save, model=model, optimizer=optimizer)
        return losses

    whole = train("cpu", 6)
    for first, second in (("cpu", "cuda"), ("cuda", "cpu"), ("cuda", "cuda")):
        file = tmp_path / f"{first}-{second}"
        np.testing.assert_allclose(
            train(first, 3, save=file) + train(second, 3, file), whole, rtol=1e-4
        )


# What CuPy does otherwise


@pytest.mark.parametrize("pick", PICKS.values(), ids=PICKS)
def test_an_id_out_of_range_is_refused(pick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mg.Tensor, "__mod__", remainder, raising=False)
    pick(there(X), there(np.array([[0, 1], [1, 0]]))).tolist()
    with pytest.raises(IndexError, match=r"^GPU: .*(got 2|got 3);"):
        pick(there(X), there(np.array([[0, 2], [1, 0]]))).tolist()


def test_two_devices_are_named() -> None:
    with pytest.raises(RuntimeError, match=r"on one device, got cpu and cuda; move one with \.to"):
        mg.ones(3) + mg.ones(3, device="cuda")


def test_a_bad_gradient_or_id_changes_nothing() -> None:
    p, table = nn.Parameter(there(np.ones(3))), nn.Embedding(3, 2).to("cuda")
    optimizer, start = optim.Adam([p, *table.parameters()], lr=0.1), here(table.weight)
    p.grad = there(np.array([1.0, np.nan, 2.0]))
    optimizer.step()
    with pytest.raises(FloatingPointError, match="GPU: Adam: the gradient of parameter 0 has NaN"):
        p.tolist()
    assert p.tolist() == [1, 1, 1]
    p.grad = None
    table(there(np.array([5]))).sum().backward()
    with pytest.raises(IndexError, match="GPU: ids: expected .*, got 5"):
        optimizer.step()
        p.tolist()
    assert (here(table.weight) == start).all()


def test_a_training_step_does_not_wait() -> None:
    """CuPy itself refuses whatever would wait, but for what is marked as allowed."""
    import cupyx

    model, head = (
        nn.LSTM(6, 8, num_layers=2, dropout=0.2, bidirectional=True).to("cuda"),
        nn.Linear(16, 3).to("cuda"),
    )
    embedding = nn.Embedding(9, 6, padding_idx=0).to("cuda")
    parameters = [*model.parameters(), *head.parameters(), *embedding.parameters()]
    optimizer, ids = optim.AdamW(parameters), mg.randint(0, 9, (5, 4), device="cuda")
    y = mg.randint(0, 3, (4,), device="cuda")

    def step() -> mg.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(head(model(embedding(ids))[0].mean(0)), y)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return loss

    for _ in range(3):
        step()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and there is nothing in its place
        with cupyx.allow_synchronize(False):
            loss = step()
    assert np.isfinite(loss.item())


@pytest.mark.parametrize("demo", ["s4", "s6"])
def test_a_demo_runs_there(demo: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "demos",
        demo,
        "--quick",
        "--device",
        "cuda",
        "--jobs",
        "1",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("multiprocessors", [1, 3, 132])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_blocks_of_any_number_of_sequences(
    kind: str, multiprocessors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a device of fewer multiprocessors would run it: 4, 2 and 1 sequences in a block."""
    kernels = array.backend("cuda").xp.kernels
    limits = kernels.limits._replace(multiprocessors=multiprocessors)
    layer, far = nn_pair(kind)
    x = mg.randn(9, 5, 6, dtype=mg.float64)
    with monkeypatch.context() as patch:
        patch.setattr(kernels, "limits", limits)
        for lengths in (None, [9, 4, 7, 1, 2]):
            want = here(layer(x, lengths=lengths)[0])
            got = here(far(x.to("cuda"), lengths=lengths)[0])
            np.testing.assert_allclose(got, want, atol=1e-12)


def nn_pair(kind: str) -> tuple[Any, Any]:
    """A layer in both directions, on the CPU and on the GPU, with the same weights."""
    near = getattr(nn, kind)(6, 24, bidirectional=True).to(mg.float64)
    far = getattr(nn, kind)(6, 24, bidirectional=True).to("cuda", mg.float64)
    far.load_state_dict(near.state_dict())
    return near, far


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("size", [(700, 5), (3, 64), (3, 65), (0, 2)], ids=str)
@pytest.mark.parametrize("dtype", [mg.float32, mg.float64], ids=str)
def test_cross_entropy(size: tuple[int, int], reduction: str, dtype: Any) -> None:
    x, (N, V) = mg.randn(*size, dtype=dtype), size
    y = mg.tensor(np.where(np.arange(N) % 5 == 0, -100, np.arange(N) % V))
    found = []
    for device in ("cpu", "cuda"):
        logits = x.to(device).detach().requires_grad_()
        loss = nn.functional.cross_entropy(logits, y.to(device), reduction=reduction)
        (loss.sum() * 3).backward()
        found.append([here(loss), here(logits.grad)])
    tolerance = 1e-11 if dtype == mg.float64 else 2e-5
    for ours, want in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("padding_idx", [None, 3])
@pytest.mark.parametrize("dtype", [mg.float32, mg.float64], ids=str)
def test_an_embedding(padding_idx: int | None, dtype: Any) -> None:
    """Thousands of ids of few rows: their gradients are added by many threads at once."""
    ids = mg.randint(0, 7, (60, 100))
    g = mg.randn(60, 100, 33, dtype=dtype)
    found = []
    for device in ("cpu", "cuda"):
        weight = mg.ones(7, 33, dtype=dtype, device=device, requires_grad=True)
        rows = nn.functional.embedding(ids.to(device), weight, padding_idx)
        rows.backward(g.to(device))
        found.append([here(rows), here(weight.grad)])
    tolerance = 1e-11 if dtype == mg.float64 else 1e-3  # sums of 900 in an order of their own
    for ours, want in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("max_norm", [1.0, 1e9])
@pytest.mark.parametrize("dtype", [mg.float32, mg.float64], ids=str)
def test_gradients_are_clipped(max_norm: float, dtype: Any) -> None:
    grads = [mg.randn(i % 7 + 1, 3000, dtype=dtype) for i in range(70)]
    found = []
    for device in ("cpu", "cuda"):
        params = [nn.Parameter(mg.zeros_like(g).to(device)) for g in grads]
        for p, g in zip(params, grads):
            p.grad = g.to(device).clone()
        norm = nn.utils.clip_grad_norm_(params, max_norm)
        found.append([here(norm), *[here(p.grad) for p in params]])
    for ours, want in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, want, rtol=1e-11 if dtype == mg.float64 else 1e-5)


@pytest.mark.parametrize("shape", [(5000, 7), (300, 4, 5), (256, 1)])
def test_a_sum_over_many_rows(shape: tuple[int, ...]) -> None:
    """It is a product with ones, as a sum of NumPy's would have it."""
    x = np.random.default_rng(0).standard_normal(shape)
    np.testing.assert_allclose(here(there(x).sum(0)), x.sum(0), atol=1e-10)
    kept = there(x).sum(0, keepdim=True)
    np.testing.assert_allclose(here(kept), x.sum(0, keepdims=True), atol=1e-10)
