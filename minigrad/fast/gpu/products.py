"""Products of matrices in a time loop, through cuBLAS itself, so that a CUDA graph can keep them.

`cupy.matmul` refuses to run while a stream is captured. cuBLAS can be captured, if it has its
workspace before: otherwise it would take memory. A matrix in the order of C is, to cuBLAS, its
transpose in the order of Fortran, so out = x w is computed as outᵀ = wᵀ xᵀ.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

Array = Any  # cupy.ndarray

WORKSPACE = 32 * 2**20  # bytes: what NVIDIA advises for its largest GPUs
AS_IT_IS, TRANSPOSED = 0, 1  # cuBLAS's names for what is done to an operand
NUMBERS = {"float32": ctypes.c_float, "float64": ctypes.c_double}
FUNCTIONS = {"float32": "cublasSgemm_v2", "float64": "cublasDgemm_v2"}
POINTER, INT = ctypes.c_void_p, ctypes.c_int
MATRIX = [POINTER, INT]  # its address and its leading dimension
# handle, what is done to a and to b, m, n, k, alpha, a, b, beta, c
PARAMETERS = [POINTER, *[INT] * 5, POINTER, *MATRIX, *MATRIX, POINTER, *MATRIX]


def load_cublas() -> Any:
    """The library, or None where it cannot be loaded."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib  # comes with CuPy 14

        cublas = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
        for name in FUNCTIONS.values():
            getattr(cublas, name).argtypes = PARAMETERS
        cublas.cublasSetStream_v2.argtypes = [POINTER, POINTER]
        cublas.cublasSetWorkspace_v2.argtypes = [POINTER, POINTER, ctypes.c_size_t]
    except (ImportError, OSError, RuntimeError, AttributeError):
        return None
    return cublas


class Products:
    """Products into memory that is there already. Each thread has its own handle and workspace.

    cublas: the library, or None: then CuPy multiplies, and nothing can be captured.
    """

    def __init__(self, cupy: Any, cublas: Any):
        self.cupy = cupy
        self.cublas = cublas
        self.local = threading.local()

    def multiply(self, x: Array, w: Array, out: Array, transpose_w: bool = False) -> None:
        """out = x w, or x wᵀ: matrices of one dtype, contiguous in the order of C."""
        dtype = out.dtype.name
        if self.cublas is None or dtype not in FUNCTIONS:
            self.cupy.matmul(x, w.T if transpose_w else w, out=out)
            return
        if out.size == 0:
            return
        rows, inner = x.shape
        columns = out.shape[1]
        operation = TRANSPOSED if transpose_w else AS_IT_IS
        sizes = columns, rows, inner
        one, zero = NUMBERS[dtype](1), NUMBERS[dtype](0)
        self.call(
            FUNCTIONS[dtype],
            self.handle(),
            *[operation, AS_IT_IS, *sizes],
            *[ctypes.byref(one), w.data.ptr, w.shape[1], x.data.ptr, inner],
            *[ctypes.byref(zero), out.data.ptr, columns],
        )

    def sum_rows(self, a: Array) -> Array:
        """The sum of a (n,K) over its n rows, as a product with ones.

        CuPy's own sum over a long first axis takes many times as long.
        """
        ones = self.cupy.ones((1, len(a)), a.dtype)
        return self.cupy.matmul(ones, a)[0]

    def handle(self) -> Any:
        """This thread's handle, on the current stream, with its workspace."""
        local = self.local
        if not hasattr(local, "handle"):
            local.handle = POINTER()
            self.call("cublasCreate_v2", ctypes.byref(local.handle))
            local.workspace = self.cupy.cuda.alloc(WORKSPACE)
        stream = self.cupy.cuda.get_current_stream()
        self.call("cublasSetStream_v2", local.handle, stream.ptr)  # this forgets the workspace
        self.call("cublasSetWorkspace_v2", local.handle, local.workspace.ptr, WORKSPACE)
        return local.handle

    def call(self, name: str, *args: Any) -> None:
        """Call one of cuBLAS's functions. Raises RuntimeError unless its status is 0."""
        status = getattr(self.cublas, name)(*args)
        if status != 0:
            raise RuntimeError(f"cuBLAS: {name}: expected status 0, got {status}")
