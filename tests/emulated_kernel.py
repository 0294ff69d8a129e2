"""CuPy's RawKernel and CUDA graphs without CUDA: the same source, compiled for the CPU, where one
thread does all."""

import atexit
import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

COMPILER = shutil.which("g++") or shutil.which("clang++")
CHECKS = os.environ.get(
    "KERNEL_CHECKS", ""
).split()  # sanitizers, whose runtime the process must have loaded
ONE_THREAD = """
#include <cmath>
using namespace std;
#define __global__
#define __device__ static
#define __forceinline__ inline
struct Dim { long long x; };
static const Dim blockIdx{0}, threadIdx{0}, blockDim{1}, gridDim{1};
"""
C_TYPES = {
    np.float32: ctypes.c_float,
    np.float64: ctypes.c_double,
    np.int64: ctypes.c_longlong,
    int: ctypes.c_longlong,
}


@functools.cache
def folder() -> Path:
    path = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)


@functools.cache
def compiled(source: str) -> ctypes.CDLL:
    """The library of a file of kernels."""
    target = folder() / f"{hashlib.sha256(source.encode()).hexdigest()[:16]}.so"
    command = [
        COMPILER,
        "-x",
        "c++",
        "-std=c++17",
        "-O1",
        "-ffp-contract=off",
        "-shared",
        "-fPIC",
        *CHECKS,
    ]
    done = subprocess.run(
        [*command, "-o", target, "-"], input=ONE_THREAD + source, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(target))


class RawKernel:
    """A kernel that takes arrays of the strict device, whose memory is the host's. `launches`
    counts all of them."""

    launches = 0

    def __init__(self, code: str, name: str):
        self.code, self.name = code, name

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]
    ) -> None:
        assert grid[0] >= 1 and 1 <= block[0] <= 1024
        function, given = getattr(compiled(self.code), self.name), [*map(passed, args)]
        if not captured(lambda: function(*given)):
            RawKernel.launches += 1
            function(*given)


def passed(a: Any) -> Any:
    """An argument as C takes it: an array as its address, a number or a structure as it is."""
    if hasattr(a, "held"):
        assert a.held.flags.c_contiguous, "a kernel takes contiguous arrays"
        return ctypes.c_void_p(a.held.ctypes.data)
    if isinstance(a, np.ndarray):
        assert a.size == 1, "CuPy passes only arrays of one element by value"
        return struct(a.dtype.itemsize).from_buffer_copy(a.tobytes())
    return C_TYPES[type(a)](a)


@functools.cache
def struct(size: int) -> type[ctypes.Structure]:
    return type(
        "Struct", (ctypes.Structure,), {"_fields_": [("bytes", ctypes.c_longlong * (size // 8))]}
    )


# Graphs. While a stream is captured nothing runs; a graph runs what was launched, at the addresses
# that it had.


class Stream:
    """A stream whose one use is to be captured. `recording` is what was launched since, or None."""

    recording: list[Any] | None = None

    def __init__(self, non_blocking: bool):
        assert non_blocking

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *exception: object) -> None:
        """A capture goes on until it is ended."""

    def begin_capture(self) -> None:
        Stream.recording = []

    def end_capture(self) -> "Graph":
        assert Stream.recording is not None
        calls, Stream.recording = Stream.recording, None
        return Graph(calls)


class Graph:
    launches = captures = 0

    def __init__(self, calls: list[Any]):
        self.calls = calls
        Graph.captures += 1

    def launch(self) -> None:
        Graph.launches += 1
        for call in self.calls:
            call()


def captured(call: Any) -> bool:
    """Whether a stream is being captured; then the call is kept for its graph."""
    if Stream.recording is not None:
        Stream.recording.append(call)
    return Stream.recording is not None


def refuse_capture(what: str) -> None:
    if Stream.recording is not None:
        raise RuntimeError(f"operation not permitted when stream is capturing: {what}")


def refuse_cublas() -> None:
    """CuPy calls no cuBLAS while a stream is captured, although cuBLAS would let it."""
    if Stream.recording is not None:
        raise NotImplementedError(
            "calling cuBLAS API during stream capture is currently unsupported"
        )


# cuBLAS, as far as minigrad.fast.gpu.products calls it.


class Cublas:
    """A handle knows its stream and its workspace; setting a stream forgets the workspace."""

    def __init__(self) -> None:
        self.handles: list[dict[str, Any]] = []

    def cublasCreate_v2(self, handle: Any) -> int:
        refuse_capture("cublasCreate takes memory")
        self.handles.append({})
        handle._obj.value = len(self.handles)
        return 0

    def cublasSetStream_v2(self, handle: Any, stream: int) -> int:
        self.handles[handle.value - 1] = {"stream": stream}
        return 0

    def cublasSetWorkspace_v2(self, handle: Any, address: int, size: int) -> int:
        assert address and size > 0
        self.handles[handle.value - 1]["workspace"] = address
        return 0

    def cublasSgemm_v2(self, *args: Any) -> int:
        return self.gemm(np.float32, *args)

    def cublasDgemm_v2(self, *args: Any) -> int:
        return self.gemm(np.float64, *args)

    def gemm(
        self, dtype: Any, handle: Any, on_a: int, on_b: int, m: int, n: int, k: int, *matrices: Any
    ) -> int:
        """C (m,n) = alpha op(A) op(B) + beta C, all in the order of Fortran."""
        alpha, a, lda, b, ldb, beta, c, ldc = matrices
        found = self.handles[handle.value - 1]
        assert found["stream"] == current_stream().ptr, "a product on another stream"
        if "workspace" not in found:
            refuse_capture("cuBLAS takes its workspace")
        if lda < (k if on_a else m) or ldb < (n if on_b else k) or ldc < m:
            return 7  # CUBLAS_STATUS_INVALID_VALUE
        left = matrix(dtype, a, lda, m if not on_a else k, k if not on_a else m)
        right = matrix(dtype, b, ldb, k if not on_b else n, n if not on_b else k)
        out = matrix(dtype, c, ldc, m, n)
        scale, kept = alpha._obj.value, beta._obj.value
        assert scale == 1 and kept == 0, "only a plain product is emulated"

        def call() -> None:
            np.matmul((right.T if on_b else right).T, (left.T if on_a else left).T, out=out.T)

        if not captured(call):
            call()
        return 0


def matrix(dtype: Any, address: int, leading: int, rows: int, columns: int) -> np.ndarray:
    """A matrix in the order of Fortran over memory that it does not keep: a graph knows only
    addresses."""
    size = leading * (columns - 1) + rows
    memory = (ctypes.c_char * (size * np.dtype(dtype).itemsize)).from_address(address)
    flat = np.frombuffer(memory, dtype, size)
    return np.lib.stride_tricks.as_strided(
        flat, (rows, columns), (flat.itemsize, flat.itemsize * leading)
    )


def current_stream() -> SimpleNamespace:
    """The stream in use: 0 is the default one, which is never captured."""
    return SimpleNamespace(ptr=int(Stream.recording is not None))


def alloc(size: int) -> SimpleNamespace:
    """Memory of a size in bytes."""
    refuse_capture("new memory")
    memory = np.empty(size, np.uint8)
    return SimpleNamespace(ptr=memory.ctypes.data, memory=memory)
