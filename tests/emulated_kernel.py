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
        Stream.recording = None

    def begin_capture(self) -> None:
        Stream.recording = []

    def end_capture(self) -> "Graph":
        assert Stream.recording is not None
        return Graph(Stream.recording)


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


def by_address(array: np.ndarray) -> np.ndarray:
    """An array over the same memory that does not keep it: a graph knows only addresses."""
    kind = ctypes.c_char * max(1, (array.size and array.nbytes))
    flat = np.frombuffer(kind.from_address(array.ctypes.data), array.dtype, array.size)
    return np.lib.stride_tricks.as_strided(flat, array.shape, array.strides)
