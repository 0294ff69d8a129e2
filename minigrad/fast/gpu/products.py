"""Products of matrices through cuBLAS itself: a CUDA graph can keep them, and a call is short.

`cupy.matmul` refuses to run while a stream is captured, and takes many times as long to call.
cuBLAS can be captured, if it has its workspace before: otherwise it would take memory. A matrix in
the order of C is, to cuBLAS, its transpose in the order of Fortran, so out = a b is computed as
outᵀ = bᵀ aᵀ.
"""

from __future__ import annotations

import ctypes
import os
import threading
from math import prod
from typing import Any

Array = Any  # cupy.ndarray

WORKSPACE = 32 * 2**20  # bytes: what NVIDIA advises for its largest GPUs
AS_IT_IS, TRANSPOSED = 0, 1  # cuBLAS's names for what is done to an operand
TF32_PRODUCTS = 3  # cuBLAS's name for the mode that CUPY_TF32=1 asks CuPy for
# float32 and float64, by the letter that NumPy has for each
NUMBERS = {"f": ctypes.c_float, "d": ctypes.c_double}
ONE = {letter: ctypes.byref(number(1)) for letter, number in NUMBERS.items()}
ZERO = {letter: ctypes.byref(number(0)) for letter, number in NUMBERS.items()}
FUNCTIONS = {"f": "cublasSgemm_v2", "d": "cublasDgemm_v2"}
POINTER, INT = ctypes.c_void_p, ctypes.c_int
MATRIX = [POINTER, INT]  # its address and its leading dimension
# handle, what is done to a and to b, m, n, k, alpha, a, b, beta, c
PARAMETERS = [POINTER, *[INT] * 5, POINTER, *MATRIX, *MATRIX, POINTER, *MATRIX]
MANY_ROWS = 256  # from here on a sum over rows is a product: CuPy's own takes many times as long
MAX_ONES = 16  # rows of ones kept at a time, in each thread


def load_cublas() -> Any:
    """The library, or None where it cannot be loaded."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib  # comes with CuPy 14

        cublas = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path)
        for name in FUNCTIONS.values():
            getattr(cublas, name).argtypes = PARAMETERS
        cublas.cublasSetStream_v2.argtypes = [POINTER, POINTER]
        cublas.cublasSetWorkspace_v2.argtypes = [POINTER, POINTER, ctypes.c_size_t]
        cublas.cublasSetMathMode.argtypes = [POINTER, INT]
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

    def multiply(
        self,
        a: Array,
        b: Array,
        out: Array,
        transpose_a: bool = False,
        transpose_b: bool = False,
        add: bool = False,
    ) -> None:
        """out = a b, or out += a b: matrices of one dtype, contiguous in the order of C.

        transpose_a, transpose_b: aᵀ or bᵀ takes the place of a or b.
        """
        rows, columns = out.shape
        inner = len(a) if transpose_a else a.shape[1]
        if rows == 0 or columns == 0:
            return
        if inner == 0:  # a sum of nothing; cuBLAS takes no matrix without columns
            if not add:
                out.fill(0)
            return
        letter = out.dtype.char
        if self.cublas is None or letter not in FUNCTIONS:
            self.multiply_by_cupy(a.T if transpose_a else a, b.T if transpose_b else b, out, add)
            return
        on_a = TRANSPOSED if transpose_a else AS_IT_IS
        on_b = TRANSPOSED if transpose_b else AS_IT_IS
        left = b.data.ptr, b.shape[1]
        right = a.data.ptr, a.shape[1]
        beta = ONE[letter] if add else ZERO[letter]
        sizes = columns, rows, inner
        result = out.data.ptr, columns
        arguments = self.handle(), on_b, on_a, *sizes, ONE[letter], *left, *right, beta, *result
        self.call(FUNCTIONS[letter], *arguments)

    def multiply_by_cupy(self, a: Array, b: Array, out: Array, add: bool) -> None:
        """The same where cuBLAS is not there."""
        if add:
            out += self.cupy.matmul(a, b)
        else:
            self.cupy.matmul(a, b, out=out)

    def matmul(self, a: Array, b: Array) -> Array:
        """a b: what takes the place of `xp.matmul`, of matrices that are stored in one piece."""
        if self.cublas is None or type(a) is not type(b):  # CuPy refuses an array of NumPy
            return self.cupy.matmul(a, b)
        left = as_stored(a)
        right = as_stored(b)
        is_plain = left is not None and right is not None and a.dtype == b.dtype
        if not is_plain or a.shape[1] != len(b):
            return self.cupy.matmul(a, b)
        out = self.cupy.empty((len(a), b.shape[1]), a.dtype)
        self.multiply(left[0], right[0], out, transpose_a=left[1], transpose_b=right[1])
        return out

    def sum_rows(self, a: Array) -> Array:
        """The sum of a (n,K) over its n rows, as a product with ones."""
        total = self.cupy.empty((1, a.shape[1]), a.dtype)
        self.multiply(self.ones(len(a), a.dtype), a, total)
        return total[0]

    def ones(self, n: int, dtype: Any) -> Array:
        """A row of ones, (1,n), shared: it must not be written to."""
        kept = vars(self.local).setdefault("ones", {})
        if (n, dtype) not in kept:
            if len(kept) == MAX_ONES:
                kept.clear()
            kept[n, dtype] = self.cupy.ones((1, n), dtype)
        return kept[n, dtype]

    def sums_rows(self, x: Array, axis: Any) -> bool:
        """Whether a sum of x over `axis` is one over the rows of a long matrix."""
        axes = (axis,) if isinstance(axis, int) else axis
        if axes is None or axes != tuple(range(len(axes))) or not 0 < len(axes) < x.ndim:
            return False
        is_matrix = x.dtype.char in FUNCTIONS and x.flags.c_contiguous
        return is_matrix and prod(x.shape[: len(axes)]) >= MANY_ROWS

    def sum(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """Σ x over `axis`: what takes the place of `xp.sum`."""
        if not self.sums_rows(x, axis):
            return self.cupy.add.reduce(x, axis=axis, keepdims=keepdims)
        lead = 1 if isinstance(axis, int) else len(axis)
        rest = x.shape[lead:]
        total = self.sum_rows(x.reshape(prod(x.shape[:lead]), prod(rest)))
        return total.reshape((1,) * lead + rest if keepdims else rest)

    def handle(self) -> Any:
        """This thread's handle, on the current stream, with its workspace."""
        local = self.local
        if not hasattr(local, "handle"):
            local.handle = POINTER()
            local.stream = None
            self.call("cublasCreate_v2", ctypes.byref(local.handle))
            local.workspace = self.cupy.cuda.alloc(WORKSPACE)
            if os.environ.get("CUPY_TF32") == "1":
                self.call("cublasSetMathMode", local.handle, TF32_PRODUCTS)
        stream = self.cupy.cuda.get_current_stream().ptr
        if stream != local.stream:
            self.call("cublasSetStream_v2", local.handle, stream)  # this forgets the workspace
            self.call("cublasSetWorkspace_v2", local.handle, local.workspace.ptr, WORKSPACE)
            local.stream = stream
        return local.handle

    def call(self, name: str, *args: Any) -> None:
        """Call one of cuBLAS's functions. Raises RuntimeError unless its status is 0."""
        status = getattr(self.cublas, name)(*args)
        if status != 0:
            raise RuntimeError(f"cuBLAS: {name}: expected status 0, got {status}")


def as_stored(a: Array) -> Any:
    """The matrix that is contiguous in the order of C, and whether `a` is its transpose.

    None where `a` is no such matrix.
    """
    if a.ndim != 2 or a.dtype.char not in FUNCTIONS:
        return None
    if a.flags.c_contiguous:
        return a, False
    return (a.T, True) if a.flags.f_contiguous else None
