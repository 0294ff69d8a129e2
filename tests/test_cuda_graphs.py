"""Sequences of launches become CUDA graphs: when, for how long, and that nothing else changes."""

import sys
import threading
import warnings
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from emulated_kernel import COMPILER, Cublas, Graph, Stream
from strict_device import NAME, StrictModule

import minigrad as mg
import nn
from minigrad.fast.gpu import graphs, products
from minigrad.fast.gpu.dropout import DRAW_MASK
from minigrad.fast.gpu.products import Products, load_cublas
from nn import optim

pytestmark = pytest.mark.skipif(
    not COMPILER, reason="the kernels are compiled with g++ or clang++, and neither is here"
)
CALLED = [
    "cublasSetStream_v2",
    "cublasSetWorkspace_v2",
    "cublasSetMathMode",
    *products.FUNCTIONS.values(),
]


def test_a_loop_becomes_a_graph_the_second_time(kernels: Any) -> None:
    a, b = (StrictModule.array(np.ones((2, 2))) for _ in range(2))
    calls = []

    def body() -> None:
        calls.append(len(calls))
        kernels.products.multiply(a, a, b)
        kernels.launch(DRAW_MASK, a.dtype, a.size, a, 1, 0.5, 2.0)

    captures, launches = Graph.captures, Graph.launches
    for _ in range(5):
        kernels.graphs.run_captured("loop", [a, b], body)
    assert calls == [0, 1] and (Graph.captures, Graph.launches) == (captures + 1, launches + 4)
    kernels.graphs.run_captured("another", [a, b], body)
    kernels.graphs.run_captured("loop", [b, a], body)  # other addresses
    assert calls == [0, 1, 2, 3] and Graph.captures == captures + 1
    thread = threading.Thread(target=kernels.graphs.run_captured, args=("loop", [a, b], body))
    thread.start()
    thread.join()
    assert calls == [0, 1, 2, 3, 4] and Graph.captures == captures + 1  # each thread has its own


def test_a_graph_does_what_the_loop_does(kernels: Any) -> None:
    """In place, so that whoever computes once too often, or not at all, is found."""
    a, b = StrictModule.array(np.eye(2) * 2), StrictModule.array(np.zeros((2, 2)))

    def body() -> None:
        for source, target in ((a, b), (b, a)):
            kernels.products.multiply(source, source, target)

    for power in (4, 16, 64, 256):
        kernels.graphs.run_captured("square", [a, b], body)
        assert a.get()[0, 0] == 2.0**power


def test_only_so_many_graphs_are_kept(kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MAX_GRAPHS", 3)
    for number in range(10):
        kernels.graphs.run_captured(number, [], lambda: None)
    assert [key[0] for key in kernels.graphs.kept()] == [7, 8, 9]


def test_where_nothing_can_be_captured_the_loop_runs_and_it_is_said_once(kernels: Any) -> None:
    a, calls = StrictModule.array(np.ones((2, 2))), []

    def body() -> None:
        calls.append(kernels.cupy.ascontiguousarray(a.T))  # takes memory

    kernels.graphs.run_captured("loop", [a], body)
    with pytest.warns(
        UserWarning,
        match="no CUDA graph could be captured, so every step .* alone: .*capturing: ascont",
    ):
        kernels.graphs.run_captured("loop", [a], body)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernels.graphs.run_captured("loop", [a], body)
        kernels.graphs.run_captured("other", [a], body)
        kernels.graphs.run_captured("other", [a], body)
    assert len(calls) == 5 and Stream.recording is None


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_without_cublas_the_loop_runs_and_it_is_said_once(
    stepwise: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CuPy's own product is refused under capture: the layer is right, and the stream clean."""
    layer = getattr(nn, kind)(4, 5).to(NAME)
    x = mg.randn(6, 3, 4, device=NAME)
    want = layer(x)[0].cpu().detach().numpy()
    monkeypatch.setattr(stepwise.products, "cublas", None)
    kept: list[Any] = []  # so that memory is the same the next time

    def run(key: Any, arrays: Any, body: Any) -> None:
        kept.append(arrays)
        body_of_graphs(key, [], body)  # the loop is known by its key alone

    body_of_graphs = stepwise.graphs.run_captured
    monkeypatch.setattr(stepwise.graphs, "run_captured", run)
    found = [layer(x)[0]]
    captures = Graph.captures
    with pytest.warns(UserWarning, match="no CUDA graph could be captured.*: calling cuBLAS API"):
        found.append(layer(x)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found.append(layer(x)[0])
        found[-1].sum().backward()
    assert Stream.recording is None and not stepwise.graphs.enabled
    assert Graph.captures <= captures + 1  # the one that was given up, which is not launched
    for y in found:
        np.testing.assert_allclose(y.cpu().detach().numpy(), want, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_product_is_cupys(kernels: Any, dtype: Any, transposed: bool) -> None:
    """Through cuBLAS and without it, for matrices of any shape, rows of another one included."""
    rng = np.random.default_rng(0)
    for rows, inner, columns in ((3, 5, 4), (1, 1, 1), (2, 1, 3), (4, 3, 1), (2, 3, 0)):
        x, w = rng.standard_normal((7, inner)), rng.standard_normal((inner, columns))
        want = (x[:rows].astype(dtype) @ w.astype(dtype)).astype(dtype)
        left = StrictModule.array(x.astype(dtype))[:rows]
        right = StrictModule.array(np.ascontiguousarray(w.T if transposed else w).astype(dtype))
        for cublas in (kernels.products.cublas, None):
            out = StrictModule.array(np.full((7, columns), np.nan, dtype))
            Products(kernels.cupy, cublas).multiply(left, right, out[:rows], transpose_b=transposed)
            tolerance = 1e-12 if dtype == np.float64 else 1e-6
            np.testing.assert_allclose(out.get()[:rows], want, atol=tolerance)
            assert np.isnan(out.get()[rows:]).all()


def test_a_product_that_cublas_refuses_is_said(kernels: Any) -> None:
    cublas = SimpleNamespace(cublasCreate_v2=lambda handle: 3)
    a = StrictModule.array(np.ones((2, 2)))
    with pytest.raises(RuntimeError, match="cuBLAS: cublasCreate_v2: expected status 0, got 3"):
        Products(kernels.cupy, cublas).multiply(a, a, a)


def test_a_library_that_cannot_be_loaded_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Any:
        assert name == "cublas"
        return SimpleNamespace(abs_path="no such library")

    pathfinder: Any = ModuleType("cuda.pathfinder")
    pathfinder.load_nvidia_dynamic_lib = load
    monkeypatch.setitem(sys.modules, "cuda", ModuleType("cuda"))
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", pathfinder)
    assert load_cublas() is None
    library: Any = SimpleNamespace(**{name: SimpleNamespace() for name in CALLED})
    monkeypatch.setattr(products.ctypes, "CDLL", lambda path: library)
    assert load_cublas() is library and library.cublasDgemm_v2.argtypes == products.PARAMETERS


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_training_with_graphs_is_training(stepwise: Any, kind: str) -> None:
    """Two layers of one shape, both ways, so that several runs wait for their backward at a time;
    two lengths.
    """

    def losses(captures: bool) -> tuple[list[float], int]:
        mg.manual_seed(0)
        stepwise.graphs.local, stepwise.graphs.enabled = threading.local(), captures
        before = Graph.launches
        model, found = getattr(nn, kind)(4, 4, num_layers=3).to(NAME), []
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        batches = [mg.randn(T, 3, 4, device=NAME) for T in (6, 9)]
        for _ in range(6):
            for x in batches:
                optimizer.zero_grad()
                loss = sum(
                    (mg.square(model(x * scale)[0]).mean() for scale in (1.0, 0.5)),
                    mg.zeros((), device=NAME),
                )
                loss.backward()
                optimizer.step()
                found.append(loss.item())
        return found, Graph.launches - before

    (plain, none), (graphs, some) = losses(False), losses(True)
    assert plain == graphs and not none
    assert (
        some or stepwise.graphs.enabled
    )  # whether memory comes back at the same addresses is up to malloc


@pytest.mark.parametrize("dim", [0, (0, 1), 1, -1, None])
@pytest.mark.parametrize("keepdim", [False, True])
def test_a_sum_over_many_rows_is_a_product(kernels: Any, dim: Any, keepdim: bool) -> None:
    """With NumPy's numbers and shapes, whichever dimensions are summed."""
    x = np.random.default_rng(0).standard_normal((300, 4, 5))
    before = Cublas.launches
    total = kernels.products.sum(StrictModule.array(x), axis=dim, keepdims=keepdim).get()
    assert Cublas.launches - before == (dim in (0, (0, 1)))
    np.testing.assert_allclose(total, x.sum(axis=dim, keepdims=keepdim), atol=1e-12)


ORDERS = {"C": lambda x: x, "transposed": lambda x: x.T, "every other": lambda x: x[:, ::2]}


@pytest.mark.parametrize("left", ORDERS)
@pytest.mark.parametrize("right", ORDERS)
def test_a_product_of_an_op_is_cublass(kernels: Any, left: str, right: str) -> None:
    """Of matrices in one piece, whichever order; each of another kind is CuPy's own."""
    rng = np.random.default_rng(0)
    shapes = {"C": (3, 4), "transposed": (4, 3), "every other": (3, 8)}
    others = {"C": (4, 5), "transposed": (5, 4), "every other": (4, 10)}
    a, b = rng.standard_normal(shapes[left]), rng.standard_normal(others[right])
    before = Cublas.launches
    got = kernels.products.matmul(
        ORDERS[left](StrictModule.array(a)), ORDERS[right](StrictModule.array(b))
    )
    assert Cublas.launches - before == ("every other" not in (left, right))
    np.testing.assert_allclose(got.get(), ORDERS[left](a) @ ORDERS[right](b), atol=1e-12)
    assert got.flags.c_contiguous


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones((2, 3, 4)), np.ones((4, 5))),
        (np.ones((3, 4), np.float32), np.ones((4, 5))),
        (np.ones((3, 4), np.float16), np.ones((4, 5), np.float16)),
        (np.ones((3, 4), np.int64), np.ones((4, 5), np.int64)),
        (np.ones(4), np.ones((4, 5))),
    ],
    ids=["many", "two dtypes", "float16", "integers", "a vector"],
)
def test_other_products_are_cupys(kernels: Any, a: Any, b: Any) -> None:
    before = Cublas.launches
    got = kernels.products.matmul(StrictModule.array(a), StrictModule.array(b))
    want = a @ b
    assert Cublas.launches == before and got.dtype == want.dtype
    np.testing.assert_array_equal(got.get(), want)


@pytest.mark.parametrize("shapes", [((0, 4), (4, 5)), ((3, 0), (0, 5)), ((3, 4), (4, 0))], ids=str)
def test_a_product_of_nothing_is_zeros(kernels: Any, shapes: Any) -> None:
    a, b = (StrictModule.array(np.ones(shape)) for shape in shapes)
    got = kernels.products.matmul(a, b).get()
    assert got.shape == (shapes[0][0], shapes[1][1]) and not got.any()


def test_sizes_that_do_not_fit_are_refused_by_cupy(kernels: Any) -> None:
    with pytest.raises(ValueError, match="mismatch"):
        kernels.products.matmul(*(StrictModule.array(np.ones((2, 3))) for _ in range(2)))


@pytest.mark.parametrize("other", [np.ones((3, 3)), 2.0], ids=["an array of the host", "a number"])
def test_what_is_not_on_the_gpu_never_reaches_cublas(kernels: Any, other: Any) -> None:
    on_gpu = StrictModule.array(np.ones((3, 3)))
    before = Cublas.launches
    for pair in (on_gpu, other), (other, on_gpu):
        with pytest.raises((TypeError, ValueError)):
            kernels.products.matmul(*pair)
    assert Cublas.launches == before
