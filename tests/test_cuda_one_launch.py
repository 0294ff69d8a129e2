"""A recurrent layer in one launch: its kernels, in emulated blocks, against the definition."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulated_kernel import COMPILER, Cublas, RawKernel
from strict_device import NAME, StrictArray

import minigrad as mg
import nn
from minigrad.byhand import both_directions, gru, lstm, rnn
from minigrad.byhand.directions import one_after_the_other
from minigrad.fast.gpu import fit as fitting
from minigrad.fast.gpu.both import KINDS
from minigrad.fast.gpu.fit import Limits, fit, registers_of_a_thread, shared_bytes

pytestmark = pytest.mark.skipif(
    not COMPILER, reason="the kernels are compiled with g++ or clang++, and neither is here"
)
HOPPER = Limits(132, 65536, 232448)


@dataclass
class Case:
    """A layer, and the numbers that it runs on."""

    op: Any
    T: int = 7
    B: int = 5
    I: int = 4
    H: int = 5
    bias: bool = True
    dtype: Any = np.float64

    def states(self) -> int:
        return 2 if self.op is lstm else 1

    def numbers(self, directions: int) -> list[Any]:
        """x, then the states and weights of each direction."""
        rng = np.random.default_rng(0)
        K = KINDS[self.op.__name__].gates * self.H
        one = [(self.B, self.H)] * self.states() + [(K, self.I), (K, self.H)]
        one += [(K,)] * 2 * self.bias
        shapes = [(self.T, self.B, self.I), *one * directions]
        scale = 1 / max(1, self.H) ** 0.5  # as a layer starts; with larger weights it is chaotic
        return [(scale * rng.standard_normal(shape)).astype(self.dtype) for shape in shapes]

    def run(self, device: str, directions: int, used: slice = slice(None), **settings: Any) -> Any:
        """The values and all gradients, from random gradients of some of the values."""
        leaves = [mg.tensor(x, device=device, requires_grad=True) for x in self.numbers(directions)]
        values = self.forward(leaves, directions, device == "cpu", settings)
        rng = np.random.default_rng(1)
        seeds = [mg.tensor(rng.standard_normal(y.shape).astype(self.dtype)) for y in values]
        seeds = [seed.to(device) for seed in seeds]
        grads = mg.grad(values[used], leaves, seeds[used], materialize_grads=True)
        return [t.cpu().detach().numpy() for t in (*values, *grads)]

    def forward(self, leaves: Any, directions: int, composed: bool, settings: Any) -> Any:
        missing = [None, None] * (not self.bias)
        if directions == 1:
            op = self.op.composed if composed else self.op
            return op(*leaves, *missing, **settings)
        x, *rest = leaves
        half = len(rest) // 2
        arguments = x, [*rest[:half], *missing], [*rest[half:], *missing]
        run = one_after_the_other if composed else both_directions
        hs, last, last_reverse = run(self.op, *arguments, **settings)
        return [hs, *last, *last_reverse]


def must_agree(case: Case, directions: int, **settings: Any) -> None:
    """Values and gradients on the strict device are those of the definition on the CPU."""
    tolerance = 1e-12 if case.dtype is np.float64 else 2e-5
    for used in (slice(None), slice(0, 1), slice(1, 2)):
        got = case.run(NAME, directions, used, **settings)
        want = case.run("cpu", directions, used, **settings)
        for a, b in zip(got, want, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, atol=tolerance, rtol=tolerance)


each = pytest.mark.parametrize("op", [rnn, lstm, gru], ids=["rnn", "lstm", "gru"])
LENGTHS = [4, 7, 1, 0, 6]


def small(kernels: Any, monkeypatch: pytest.MonkeyPatch, **changes: int) -> None:
    """Give the strict device a smaller multiprocessor, or fewer of them."""
    monkeypatch.setattr(kernels, "limits", kernels.limits._replace(**changes))


# The equations


@each
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@pytest.mark.parametrize("bias", [False, True])
def test_a_layer_is_its_definition(
    kernels: Any, op: Any, directions: int, lengths: Any, bias: bool
) -> None:
    before = RawKernel.launches
    must_agree(Case(op, bias=bias), directions, lengths=lengths)
    assert RawKernel.launches - before == 3 * (2 + (lengths is not None))
    if directions == 1:
        must_agree(Case(op, bias=bias), 1, lengths=lengths, reverse=True)


@pytest.mark.parametrize("directions", [1, 2])
def test_relu_is_its_definition(kernels: Any, directions: int) -> None:
    must_agree(Case(rnn), directions, lengths=LENGTHS, nonlinearity="relu")


@each
@pytest.mark.parametrize("multiprocessors", [1, 4, 132], ids=["4 rows", "2 rows", "1 row"])
@pytest.mark.parametrize("registers", [16384, 65536], ids=["shared memory", "registers"])
def test_every_layout_is_the_definition(
    kernels: Any,
    op: Any,
    multiprocessors: int,
    registers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each number of sequences in a block, w_hh in registers alone or in shared memory too."""
    small(kernels, monkeypatch, multiprocessors=multiprocessors, registers=registers)
    H = 17 if op is gru else 19
    case = Case(op, H=H, B=7)
    found = fit(KINDS[op.__name__].gates, H, 8, 7, kernels.limits)
    assert found is not None and found.ROWS == {1: 4, 4: 2, 132: 1}[multiprocessors]
    assert (found.HELD < H) == (registers < 65536)
    must_agree(case, 1, lengths=[7, 3, 5, 1, 6, 2, 4])
    must_agree(case, 1, reverse=True)


@each
@pytest.mark.parametrize("size", [{"H": 1}, {"H": 64}, {"B": 1}, {"T": 1}, {"I": 1}], ids=str)
def test_other_sizes_in_float32(kernels: Any, op: Any, size: dict[str, int]) -> None:
    must_agree(Case(op, dtype=np.float32, **size), 2)


@each
@pytest.mark.parametrize("size", [{"B": 0}, {"I": 0}], ids=str)
def test_nothing_is_computed_of_nothing(kernels: Any, op: Any, size: dict[str, int]) -> None:
    must_agree(Case(op, **size), 2)


@each
def test_threads_may_run_in_any_order(
    kernels: Any, op: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one thread read what another writes without a barrier between, bits would differ."""
    small(kernels, monkeypatch, multiprocessors=1, registers=16384)
    case = Case(op, H=17)
    want = case.run(NAME, 2, lengths=LENGTHS)
    monkeypatch.setattr(RawKernel, "descending", True)
    for got, expected in zip(case.run(NAME, 2, lengths=LENGTHS), want, strict=True):
        np.testing.assert_array_equal(got, expected)


@each
def test_second_derivatives_are_those_of_the_definition(kernels: Any, op: Any) -> None:
    case = Case(op, T=3, B=2, I=2, H=2)

    def second(device: str) -> list[Any]:
        leaves = [mg.tensor(x, device=device, requires_grad=True) for x in case.numbers(2)]
        values = case.forward(leaves, 2, device == "cpu", {})
        first = mg.grad(mg.sin(values[0]).sum(), leaves, create_graph=True)
        total = sum([mg.square(g).sum() for g in first], mg.zeros((), device=device))
        return [g.cpu().numpy() for g in mg.grad(total, leaves)]

    for got, want in zip(second(NAME), second("cpu"), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-11)


# Memory: whose it is, and in which order


@each
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
def test_batch_first_copies_nothing(kernels: Any, op: Any, lengths: Any) -> None:
    """x as a view of (B,T,I): the outputs and ∂x have that order too, and all numbers agree."""
    case = Case(op)
    found = []
    written = []
    for transposed in (False, True):
        leaves = [mg.tensor(x, device=NAME, requires_grad=True) for x in case.numbers(1)]
        x, *rest = leaves
        if transposed:
            x = mg.tensor(np.ascontiguousarray(x.cpu().detach().numpy().swapaxes(0, 1)))
            x = x.to(NAME).requires_grad_()
        read = x.transpose(0, 1) if transposed else x
        before = StrictArray.written
        values = op(read, *rest, lengths=lengths)
        if transposed:
            assert values[0].array.transpose(1, 0, 2).flags.c_contiguous
        written.append(StrictArray.written - before)
        seed = mg.tensor(np.random.default_rng(1).standard_normal(values[0].shape), device=NAME)
        dx, *others = mg.grad(values[0], [x, *rest], seed)
        dx = dx.transpose(0, 1) if transposed else dx
        found.append([t.cpu().detach().numpy() for t in (*values, dx, *others)])
    assert written[0] == written[1]
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-13)


def test_padding_may_hold_nan(kernels: Any) -> None:
    case = Case(lstm)
    x, *rest = [mg.tensor(a, device=NAME, requires_grad=True) for a in case.numbers(1)]
    values = x.cpu().detach().numpy()
    values[4:, 0] = np.nan
    x = mg.tensor(values, device=NAME, requires_grad=True)
    found = lstm(x, *rest, lengths=[4, 7, 7, 7, 7])
    for g in mg.grad(found[0].sum(), [x, *rest]):
        assert np.isfinite(g.cpu().numpy()).all()
    assert np.isfinite(found[0].cpu().detach().numpy()).all()


@each
def test_gradients_share_no_memory(kernels: Any, op: Any) -> None:
    """Also where they are handed over as they are: a second backward adds to them."""
    leaves = [mg.tensor(x, device=NAME, requires_grad=True) for x in Case(op).numbers(1)]
    op(*leaves)[0].sum().backward()
    first = [leaf.grad.cpu().numpy() for leaf in leaves]
    held = [leaf.grad.array.held for leaf in leaves]
    for i, a in enumerate(held):
        assert not any(np.shares_memory(a, b) for b in held[:i])
    op(*leaves)[0].sum().backward()
    for leaf, g in zip(leaves, first, strict=True):
        np.testing.assert_allclose(leaf.grad.cpu().numpy(), 2 * g, rtol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_second_way_back_knows_nothing_of_the_first(
    kernels: Any, kind: str, bidirectional: bool
) -> None:
    """From the last states first, with gradients of the first ones; then from the outputs alone."""
    rng = np.random.default_rng(0)
    directions = 1 + bidirectional
    near = getattr(nn, kind)(3, 4, bidirectional=bidirectional).to(mg.float64)
    far = getattr(nn, kind)(3, 4, bidirectional=bidirectional).to(NAME, mg.float64)
    far.load_state_dict(near.state_dict())
    x, start = rng.standard_normal((5, 2, 3)), rng.standard_normal((directions, 2, 4))
    found = []
    for device, layer in (("cpu", near), (NAME, far)):
        h0 = mg.tensor(start, device=device, requires_grad=True)
        y, last = layer(mg.tensor(x, device=device), (h0, h0) if kind == "LSTM" else h0)
        leaves = [h0, *layer.parameters()]
        states = sum([(h * h).sum() for h in (last if kind == "LSTM" else [last])])
        ways = [
            mg.grad(states, leaves, retain_graph=True),
            mg.grad(mg.sin(y).sum(), leaves[1:], retain_graph=True),
            mg.grad(mg.sin(y).sum(), leaves),
        ]
        found.append([g.cpu().numpy() for way in ways for g in way])
    for want, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_weights_used_twice_get_both_gradients(kernels: Any) -> None:
    leaves = [mg.tensor(x, device=NAME, requires_grad=True) for x in Case(rnn, I=5).numbers(1)]
    x, *rest = leaves
    once = rnn(x, *rest)[0]
    want = mg.grad(rnn(once.detach(), *rest)[0].sum(), rest)
    twice = rnn(once, *rest)[0]
    twice.sum().backward()
    (g_once,) = mg.grad(rnn(g := once.detach().requires_grad_(), *rest)[0].sum(), [g])
    more = mg.grad(rnn(x, *rest)[0], rest, g_once)
    for leaf, a, b in zip(rest, want, more, strict=True):
        np.testing.assert_allclose(leaf.grad.cpu().numpy(), (a + b).cpu().numpy(), atol=1e-12)


# How w_hh fits


def test_what_fits_a_multiprocessor() -> None:
    """The largest H of each layer on an H100 or H200, for few sequences and for many."""
    largest = {
        (name, itemsize): max(
            [H for H in range(1, 600) if fit(kind.gates, H, itemsize, 32, HOPPER)]
        )
        for name, kind in KINDS.items()
        for itemsize in (4, 8)
    }
    assert largest == {
        ("rnn", 4): 302,
        ("rnn", 8): 206,
        ("gru", 4): 170,
        ("gru", 8): 112,
        ("lstm", 4): 141,
        ("lstm", 8): 96,
    }


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize("sequences", [1, 200, 1000])
def test_a_fit_keeps_to_the_limits(name: str, itemsize: int, sequences: int) -> None:
    gates = KINDS[name].gates
    for H in range(1, 310):
        how = fit(gates, H, itemsize, sequences, HOPPER)
        if how is None:
            continue
        K = gates * H
        assert how.threads == how.ROWS // how.PER_THREAD * K <= 1024
        assert how.ROWS % how.PER_THREAD == 0 and how.ROWS * H <= how.threads
        resident = how.MIN_BLOCKS
        assert resident * how.shared_bytes <= HOPPER.shared_bytes
        of_a_thread = registers_of_a_thread(resident * how.threads, HOPPER.registers)
        needed = how.HELD * itemsize // 4 + fitting.OTHER_REGISTERS[itemsize]
        assert 0 < how.HELD <= H and needed <= of_a_thread
        in_shared = (H - how.HELD) * K
        forward = in_shared + how.ROWS * H + how.ROWS * K
        back = in_shared + how.ROWS * K + gates * how.ROWS * H
        assert how.shared_bytes == itemsize * max(forward, back)


@each
def test_the_shared_memory_is_exactly_what_is_used(
    kernels: Any, op: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one number less a kernel writes behind its end, which is found."""

    def less(*args: int) -> int:
        return shared_bytes(*args) - 8

    monkeypatch.setattr(fitting, "shared_bytes", less)
    fit.cache_clear()
    with pytest.raises(AssertionError, match="memory behind the shared memory"):
        Case(op, H=6).run(NAME, 1)
    fit.cache_clear()


def test_more_shared_memory_than_48_kB_is_asked_for(kernels: Any) -> None:
    case = Case(lstm, T=2, B=1, H=96)
    how = fit(4, 96, 8, 1, HOPPER)
    assert how is not None and how.shared_bytes > 200_000
    must_agree(case, 1)
    kernel = RawKernel("__syncthreads", "wrong")
    with pytest.raises(RuntimeError, match="INVALID_VALUE"):
        kernel((1,), (32,), (), shared_mem=how.shared_bytes)


def test_a_larger_layer_takes_the_graph(kernels: Any) -> None:
    """H of one more than fits, and one that fits: a launch for each step, and one for all."""
    launches = []
    for H in (96, 97):
        before = RawKernel.launches
        Case(lstm, T=6, B=2, H=H).run(NAME, 1)
        launches.append(RawKernel.launches - before)
    assert launches == [2, 12]
    must_agree(Case(lstm, B=2, H=97), 2)


@each
def test_a_kernel_that_cuda_refuses_is_done_without(
    kernels: Any, op: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step is launched alone, which is said once."""
    monkeypatch.setattr(kernels, "compiled", {})

    def refuse(self: RawKernel) -> None:
        raise RuntimeError("ptxas: no")

    with monkeypatch.context() as patch:
        patch.setattr(RawKernel, "compile", refuse)
        with pytest.warns(UserWarning, match=f"^{op.__name__}_scan: CUDA refuses .*ptxas: no") as w:
            must_agree(Case(op, T=3), 1)
            must_agree(Case(op, T=3), 2, lengths=[3, 1, 2, 0, 3])
        assert len(w) == 1
    before = RawKernel.launches
    Case(op, T=3).run(NAME, 1)
    assert RawKernel.launches - before == 2 * 3


# Launches, and the time of the host

SIZE = 100, 500, 32, 64  # T, B, I, H


def layer_call(kind: str, settings: dict[str, Any]) -> Callable[[], None]:
    """A layer forward and backward, on a device that computes nothing."""
    T, B, I, H = SIZE
    both = settings.get("bidirectional", False)
    layer = getattr(nn, kind)(I, H, bidirectional=both).to(NAME)
    x = mg.zeros(T, B, I, device=NAME, requires_grad=True)
    g = mg.zeros(T, B, H * (1 + both), device=NAME)
    leaves = [x, *layer.parameters()]
    lengths = np.linspace(1, T, B).astype(int) if settings.get("lengths") else None

    def call() -> None:
        for leaf in leaves:
            leaf.grad = None
        layer(x, lengths=lengths)[0].backward(g)

    return call


def launched() -> int:
    return RawKernel.launches + Cublas.launches + StrictArray.launches


COUNTS = {"one direction": ({}, 8), "lengths": ({"lengths": True}, 10)}
COUNTS["two directions"] = ({"bidirectional": True}, 14)


@pytest.fixture
def idle_kernels(kernels: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kernels that are launched and counted, and compute nothing: new memory keeps whatever is in
    it, which NumPy is not to warn of."""
    monkeypatch.setattr(RawKernel, "computes", False)
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize(("settings", "most"), COUNTS.values(), ids=COUNTS)
def test_a_layer_takes_few_launches(
    idle_kernels: None, kind: str, settings: Any, most: int
) -> None:
    """Forward and backward at the lesson's size: two kernels, the products, the zeros of the first
    state, and with two directions their last states side by side."""
    call = layer_call(kind, settings)
    call()
    before, kernels_before = launched(), RawKernel.launches
    call()
    states = 2 if kind == "LSTM" and "bidirectional" in settings else 0  # c_n of both
    assert launched() - before == most + states
    assert RawKernel.launches - kernels_before == 2 + ("lengths" in settings)


def test_a_training_step_takes_few_launches(kernels: Any) -> None:
    """The lesson's copy task: embedding, LSTM, Linear, cross-entropy, clipping and Adam."""
    rnn = nn.LSTM(32, 64, batch_first=True)
    model = nn.ModuleList([nn.Embedding(15, 32), rnn, nn.Linear(64, 10)]).to(NAME)
    ids, y = mg.zeros(8, 9, dtype=mg.int64, device=NAME), mg.zeros(8, dtype=mg.int64, device=NAME)
    optimizer = nn.optim.Adam(model.parameters())
    counts = []
    for _ in range(3):
        before = launched()
        optimizer.zero_grad()
        embedding, rnn, head = model
        loss = nn.functional.cross_entropy(head(rnn(embedding(ids))[1][0][-1]), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        counts.append(launched() - before)
    assert counts[1:] == [counts[1]] * 2 and counts[1] <= 30


ROOT = Path(__file__).resolve().parent.parent
FOLDERS = str(ROOT / "minigrad"), str(ROOT / "nn")


def functions_called(call: Callable[[], None]) -> int:
    """How many functions of minigrad and nn a call runs: the Python that a GPU waits for."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(FOLDERS)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


def sentiment_step() -> Callable[[], None]:
    """A step of the lesson's sentiment network: embedding with padding, BiLSTM, the last states
    side by side, Linear, cross-entropy and Adam."""
    embedding = nn.Embedding(30, 32, padding_idx=0).to(NAME)
    rnn = nn.LSTM(32, 64, batch_first=True, bidirectional=True).to(NAME)
    head = nn.Linear(128, 2).to(NAME)
    optimizer = nn.optim.Adam([p for part in (embedding, rnn, head) for p in part.parameters()])
    criterion = nn.CrossEntropyLoss()
    ids = mg.zeros(32, 15, dtype=mg.int64, device=NAME)
    y = mg.zeros(32, dtype=mg.int64, device=NAME)

    def step() -> None:
        optimizer.zero_grad()
        _, (h, _) = rnn(embedding(ids))
        loss = criterion(head(mg.cat([h[-2], h[-1]], dim=1)), y)
        loss.backward()
        optimizer.step()

    return step


def test_a_training_step_runs_little_python(idle_kernels: None) -> None:
    """It makes few launches, waits for nothing, and calls few functions: a number that does not
    depend on what else the machine does."""
    step = sentiment_step()
    for _ in range(2):  # the first makes the states, and kernels are compiled
        step()
    before, syncs = launched(), StrictArray.syncs
    step()
    assert launched() - before <= 37 and StrictArray.syncs == syncs
    assert functions_called(step) <= 775


FUNCTIONS = {"one direction": ({}, 240), "lengths": ({"lengths": True}, 250)}
FUNCTIONS["two directions"] = ({"bidirectional": True}, 315)


@pytest.mark.parametrize(("settings", "most"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_layer_runs_little_python(idle_kernels: None, settings: Any, most: int) -> None:
    call = layer_call("LSTM", settings)
    call()
    found = functions_called(call)
    assert found <= most, found


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer doubles the time")
def test_the_host_takes_little_time(idle_kernels: None) -> None:
    """The Python of an LSTM forward and backward, that of the strict device included: what CuPy
    takes in its place only a GPU can tell. The best of many, since other processes run here too."""
    call = layer_call("LSTM", {})
    times = []
    for _ in range(200):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    assert min(times) < 0.6e-3


DIVERGES = """
extern "C" __global__ void diverges(long long n)
{
    if (threadIdx.x < n)
        __syncthreads();
}
"""


def test_a_barrier_that_some_threads_miss_is_found() -> None:
    RawKernel(DIVERGES, "diverges")((1,), (8,), (np.int64(8),))
    with pytest.raises(AssertionError, match="a barrier that some threads reach while others"):
        RawKernel(DIVERGES, "diverges")((1,), (8,), (np.int64(7),))


@pytest.mark.skipif(not shutil.which("nvcc"), reason="CUDA's compiler is not here")
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("dtype", "H"), [("float32", 64), ("float32", 128), ("float64", 64)])
def test_nvcc_keeps_the_weights_in_registers(name: str, dtype: str, H: int) -> None:
    """Its report names hardly any number that is spilled to memory."""
    kind = KINDS[name]
    for sequences in (32, 500):
        how = fit(kind.gates, H, np.dtype(dtype).itemsize, sequences, HOPPER)
        assert how is not None
        source = kind.scan.source(np.dtype(dtype), **how.constants())
        command = "nvcc -arch=sm_90 -cubin -Xptxas -v -x cu - -o /dev/null".split()
        done = subprocess.run(command, input=source, encoding="utf-8", capture_output=True)
        assert done.returncode == 0, done.stderr
        spilled = [
            int(line.split("bytes spill stores")[0].split(",")[-1])
            for line in done.stderr.splitlines()
            if "bytes spill stores" in line
        ]
        assert len(spilled) == 2 and max(spilled) <= 16, done.stderr
