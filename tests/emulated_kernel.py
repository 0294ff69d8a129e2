"""CuPy's RawKernel and CUDA graphs without CUDA: the same source, compiled for the CPU.

One thread does all, unless the kernel has barriers: then it runs in blocks of as many threads as
on a GPU (emulated_blocks.h).
"""

import atexit
import ctypes
import functools
import hashlib
import os
import re
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
struct Dim { unsigned int x; };
static const Dim blockIdx{0}, threadIdx{0}, blockDim{1}, gridDim{1};
template <class N> static void atomicAdd(N *sum, N number) { *sum += number; }
"""
C_TYPES = {
    np.float32: ctypes.c_float,
    np.float64: ctypes.c_double,
    np.int64: ctypes.c_longlong,
    int: ctypes.c_longlong,
}


BLOCKS = Path(__file__).with_name("emulated_blocks.h").read_text("utf-8")
RUN = """
extern "C" int run_{name}(void **args, const long long *sizes, bool descending)
{{
    return launch({name}, args, sizes, descending);
}}
"""
FAULTS = {
    1: "a barrier that some threads reach while others have ended",
    2: "memory behind the shared memory was written",
}
KERNEL = re.compile(r"__global__ void (?:__launch_bounds__\(.*?\) )?(\w+)\(")
STATIC_LIMIT = 48 * 1024  # bytes of shared memory that a kernel gets without asking
ATTRIBUTES = {  # of a device: those of an H100 and an H200
    "MultiProcessorCount": 132,
    "MaxRegistersPerBlock": 65536,
    "MaxSharedMemoryPerBlockOptin": 232448,
}


# cupy.cuda.runtime, as far as it is asked: each attribute by its own name. Device().attributes is
# missing, since it asks for all, and a driver refuses those that it does not know.
RUNTIME = SimpleNamespace(
    getDevice=lambda: 0,
    deviceGetAttribute=lambda name, device: ATTRIBUTES[name],
    **{f"cudaDevAttr{name}": name for name in ATTRIBUTES},
)


@functools.cache
def folder() -> Path:
    """Where libraries lie: for this process, or for all that are given the same folder."""
    if "EMULATED_KERNELS" in os.environ:
        return Path(os.environ["EMULATED_KERNELS"])
    path = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)


@functools.cache
def compiled(source: str) -> ctypes.CDLL:
    """The library of a file of kernels."""
    command = [
        COMPILER,
        "-x",
        "c++",
        "-std=c++14",  # whose headers are read in half the time
        "-O1",
        "-ffp-contract=off",
        "-shared",
        "-fPIC",
        "-fvisibility-inlines-hidden",
        *CHECKS,
    ]
    text = ONE_THREAD + source
    if has_barriers(source):
        runs = [RUN.format(name=name) for name in KERNEL.findall(source)]
        text = "".join([BLOCKS, source, *runs])
    digest = hashlib.sha256("\0".join([*command, text]).encode()).hexdigest()
    target = folder() / f"{digest[:16]}.so"
    if target.exists():
        return ctypes.CDLL(str(target))
    part = target.with_suffix(f".{os.getpid()}")
    # A sanitizer's runtime is for this process; in the compiler's it takes half of their time.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(
        [*command, "-o", part, "-"],
        input=text,
        encoding="utf-8",
        capture_output=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    part.rename(target)  # another process finds all of it, or nothing
    return ctypes.CDLL(str(target))


def has_barriers(source: str) -> bool:
    return "__syncthreads" in source


class RawKernel:
    """A kernel that takes arrays of the strict device, whose memory is the host's.

    `launches` counts all of them. `descending`: the order in which the threads of a block run.
    `computes`: whether anything is run, or only counted.
    """

    launches = 0
    descending = False
    computes = True

    def __init__(self, code: str, name: str):
        self.code, self.name = code, name
        self.max_dynamic_shared_size_bytes = STATIC_LIMIT

    def compile(self) -> None:
        """CuPy does so at the first launch, unless it is asked to before."""

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: tuple[Any, ...],
        *,
        shared_mem: int = 0,
    ) -> None:
        assert grid[0] >= 1 and 1 <= block[0] <= 1024
        assert self.max_dynamic_shared_size_bytes <= ATTRIBUTES["MaxSharedMemoryPerBlockOptin"]
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise RuntimeError("CUDA_ERROR_INVALID_VALUE: invalid argument")
        given = [*map(passed, args)]
        run = self.one_thread if not has_barriers(self.code) else self.blocks
        if not captured(lambda: run(grid, block, shared_mem, given)):
            RawKernel.launches += 1
            if RawKernel.computes:
                run(grid, block, shared_mem, given)

    def one_thread(self, grid: Any, block: Any, shared: int, given: list[Any]) -> None:
        getattr(compiled(self.code), self.name)(*given)

    def blocks(self, grid: Any, block: Any, shared: int, given: list[Any]) -> None:
        run = getattr(compiled(self.code), f"run_{self.name}")
        addresses = (ctypes.c_void_p * len(given))(*map(ctypes.addressof, given))
        sizes = (ctypes.c_longlong * 4)(*(*grid, 1)[:2], block[0], shared)
        fault = run(addresses, sizes, RawKernel.descending)
        assert not fault, f"{self.name}: {FAULTS[fault]}"


def passed(a: Any) -> Any:
    """An argument as C takes it: an array as its address, a number or a structure as it is."""
    if a is None:
        return ctypes.c_void_p(0)
    if hasattr(a, "held"):
        assert a.held.flags.c_contiguous, "a kernel takes contiguous arrays"
        return ctypes.c_void_p(a.held.ctypes.data)
    if isinstance(a, np.ndarray):
        assert a.size == 1, "CuPy passes only arrays of one element by value"
        assert a.dtype.fields is None, "NumPy describes fields to CuPy, at each launch, in Python"
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

    launches = 0

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

    def cublasSetMathMode(self, handle: Any, mode: int) -> int:
        self.handles[handle.value - 1]["mode"] = mode
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
        scale, kept = alpha._obj.value, beta._obj.value
        assert scale == 1 and kept in (0, 1), "only a plain product or sum is emulated"
        if min(m, n, k) < 1:
            return 7

        def call() -> None:
            left = matrix(dtype, a, lda, m if not on_a else k, k if not on_a else m)
            right = matrix(dtype, b, ldb, k if not on_b else n, n if not on_b else k)
            out = matrix(dtype, c, ldc, m, n)
            found = (left.T if on_a else left) @ (right.T if on_b else right)
            out[:] = out + found if kept else found

        if not captured(call):
            Cublas.launches += 1
            if RawKernel.computes:
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
