"""How kernels are run on a GPU, and how what they find wrong is raised."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minigrad.fast.gpu.fit import Fit, Limits
from minigrad.fast.gpu.graphs import Graphs
from minigrad.fast.gpu.products import Products
from minigrad.fast.gpu.source import Kernel

Array = Any  # cupy.ndarray

THREADS = 256  # of a block
STATIC_SHARED = 48 * 1024  # bytes of shared memory that a block gets without asking
MAX_ROWS = 64  # of a table: what a launch takes by value has at most 4 kB
NO_STATE = (0,) * 5  # the addresses of p, g and up to 3 states
ROW_MEMBERS = 2 + len(NO_STATE)  # size and number before them: the members of Row in common.cuh
TABLE = np.dtype((np.void, 8 * MAX_ROWS * ROW_MEMBERS))

ANY_DTYPE = np.dtype(np.float64)  # for a kernel without a T
OUTSIDE = Kernel("checks.cu", "outside")
NOT_FINITE = Kernel("checks.cu", "not_finite")


class Kernels:
    """Runs kernels on one kind of device, and keeps what they found wrong.

    Reading a value waits until the GPU has done all its work, so no op reads one. A kernel that
    finds an id out of range, or a gradient that is not finite, writes that to `device_fault`, and
    while that is set no optimizer changes anything. It writes it to `host_fault` too, in memory of
    the host, and `raise_faults` raises it the next time that a value comes to the host (which waits
    anyway) or an optimizer steps. So errors surface before any result is read, and no parameter
    learns from one.

    host_fault: one integer in memory that host and device share.
    cublas: the library, or None where it cannot be loaded.
    """

    def __init__(self, cupy: Any, host_fault: Array, cublas: Any):
        self.cupy = cupy
        self.graphs = Graphs(cupy)
        self.products = Products(cupy, cublas)
        self.limits = Limits.of(cupy)
        self.compiled: dict[Any, Any] = {}
        self.host_fault = host_fault
        self.device_fault = cupy.zeros(1, np.int64)
        self.faults: list[tuple[type[Exception], str]] = []  # the fault of code 1, 2 ...
        # what a kernel that finds faults takes
        self.fault_arguments = self.device_fault, host_fault.ctypes.data

    def launch(self, kernel: Kernel, dtype: Any, n: int, *args: Any) -> None:
        """Run a kernel for n numbers. A float among `args` becomes a T, an integer a long long.

        Raises TypeError where there is no kernel for `dtype`.
        """
        run = self.prepared(kernel, dtype)
        if n > 0:
            blocks = -(-n // THREADS)
            run((blocks,), (THREADS,), as_numbers(dtype, n, *args))

    def contiguous(self, a: Array, dtype: Any) -> Array:
        """`a` in one piece and in this dtype, as a kernel takes it; `a` itself if it is."""
        if a.dtype == dtype and a.flags.c_contiguous:
            return a
        return self.cupy.ascontiguousarray(a, dtype)

    def launch_sum(self, kernel: Kernel, dtype: Any, blocks: int, n: int, *args: Any) -> None:
        """The same for a kernel that sums over each of so many blocks (block.cuh), also n = 0."""
        run = self.prepared(kernel, dtype)
        values = as_numbers(dtype, n, *args)
        run((blocks,), (THREADS,), values, shared_mem=THREADS * dtype.itemsize)

    def prepared(self, kernel: Kernel, dtype: Any) -> Any:
        """The kernel for a dtype, which CuPy compiles when it is first launched."""
        key = kernel, dtype
        if key not in self.compiled:
            self.compiled[key] = self.cupy.RawKernel(kernel.source(dtype), kernel.name)
        return self.compiled[key]

    def launch_blocks(
        self, kernel: Kernel, dtype: Any, how: Fit, grid: tuple[int, int], *args: Any
    ) -> None:
        """Run a kernel whose threads wait for one another, in blocks that `how` describes.

        It must be one that `can_launch_blocks` has found.
        """
        run = self.compiled[kernel, dtype, how]
        run(grid, (how.threads,), args, shared_mem=how.shared_bytes)

    def can_launch_blocks(self, kernels: tuple[Kernel, ...], dtype: Any, how: Fit) -> bool:
        """Whether these kernels can be compiled for `how`. A warning says so once where not."""
        key = kernels, dtype, how
        if key not in self.compiled:
            self.compiled[key] = self.compile_for_blocks(kernels, dtype, how)
        return bool(self.compiled[key])

    def compile_for_blocks(self, kernels: tuple[Kernel, ...], dtype: Any, how: Fit) -> bool:
        """Compile them, and ask for the shared memory that they take."""
        try:
            for kernel in kernels:
                source = kernel.source(dtype, **how.constants())
                compiled = self.cupy.RawKernel(source, kernel.name)
                compiled.compile()
                if how.shared_bytes > STATIC_SHARED:
                    compiled.max_dynamic_shared_size_bytes = how.shared_bytes
                self.compiled[kernel, dtype, how] = compiled
        except Exception as error:  # CuPy's own, of its compiler or of the driver
            warnings.warn(
                f"{kernel.name}: CUDA refuses the kernel of all steps, so every step is launched "
                f"alone: {error}",
                stacklevel=2,
            )
            return False
        return True

    def launch_for_each_parameter(
        self, kernel: Kernel, rows: Sequence[Sequence[Any]], faults: Sequence[Any], *args: Any
    ) -> None:
        """Run a kernel over all numbers of all parameters: as many launches as there are tables.

        rows: for each parameter its number, p, g and states, all of one dtype; a state may be None.
        faults: what the kernel takes before the table.
        """
        for total, table in self.tables_of(rows):
            self.launch(kernel, rows[0][1].dtype, total, *faults, table, *args)

    def tables_of(self, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[int, Any]]:
        """Tables of these parameters, as a kernel takes them, each with how many numbers it has."""
        for start in range(0, len(rows), MAX_ROWS):
            members: list[int] = []
            total = 0
            for number, *arrays in rows[start : start + MAX_ROWS]:
                size = arrays[0].size
                addresses = [0 if a is None else a.data.ptr for a in arrays]
                members += [size, number, *addresses, *NO_STATE[len(arrays) :]]
                total += size
            yield total, structure(members, TABLE)

    # What is wrong.

    def fault_code(self, kind: type[Exception], sentence: str) -> int:
        """The code of a fault, from 1: its place in `faults`. {} in the sentence is the wrong
        value.
        """
        fault = kind, sentence
        if fault not in self.faults:
            self.faults.append(fault)
        return self.faults.index(fault) + 1

    def raise_faults(self) -> None:
        """Raise what was found wrong since the last call."""
        word = int(self.host_fault[0])
        if word == 0:
            return
        self.cupy.cuda.Device().synchronize()  # what still runs may find the same
        self.host_fault[0] = 0
        self.device_fault.fill(0)
        kind, sentence = self.faults[(word >> 48) - 1]
        value = (word + 2**47) % 2**48 - 2**47  # the lower 48 bits, with their sign
        raise kind(sentence.format(value))

    def download(self, array: Array) -> Any:
        """`array` on the host. Raises what was found wrong until then."""
        values = self.cupy.asnumpy(array)
        self.raise_faults()
        return values

    def check_range(self, ids: Array, low: int, high: int, name: str, limits: str) -> None:
        """Find ids outside [low, high): CuPy would wrap them."""
        ids = self.cupy.asarray(ids).astype(np.int64, copy=False).ravel()
        code = self.code_of_range(name, limits)
        arguments = *self.fault_arguments, ids, low, high, code
        self.launch(OUTSIDE, ANY_DTYPE, ids.size, *arguments)

    def code_of_range(self, name: str, limits: str) -> int:
        """The code of an id out of range."""
        sentence = (
            f"GPU: {name}: expected {limits}, got {{}}; "
            "the op is before this line, since a GPU runs behind the program"
        )
        return self.fault_code(IndexError, sentence)

    def check_bounds(self, ids: Array, size: int, name: str, limits: str) -> None:
        """Find ids outside [0, size)."""
        self.check_range(ids, 0, size, name, limits)

    def check_index(self, index: Any, shape: tuple[int, ...]) -> None:
        """Find the integers in arrays that are out of range in x[index], for an x of `shape`."""
        members = index if isinstance(index, tuple) else (index,)
        used = [dims_used(member) for member in members]
        for k, member in enumerate(members):
            dim = sum(used[:k])
            if any(m is ... for m in members[:k]):
                dim = len(shape) - sum(used[k:])
            if array_kind(member) in ("i", "u") and dim < len(shape):
                size = shape[dim]
                limits = f"{-size} to {size - 1} in dim {dim}"
                self.check_range(member, -size, size, "index", limits)


def as_numbers(dtype: Any, *args: Any) -> tuple[Any, ...]:
    """The arguments of a kernel: a float as a T, others as they are; CuPy passes an integer as a
    long long.
    """
    number = dtype.type
    return tuple([number(a) if type(a) is float else a for a in args])


def structure(members: Sequence[int], dtype: Any) -> Any:
    """A structure that a kernel takes by value: members of 8 bytes, and 0 for those not given.

    Its dtype is bytes without fields: CuPy asks NumPy to describe it at each launch, which for
    fields would take longer than the launch.
    """
    numbers = np.zeros(dtype.itemsize // 8, np.int64)
    numbers[: len(members)] = members
    return numbers.view(dtype)


def kernels_of(xp: Any) -> Kernels:
    """What runs kernels on the device of a namespace."""
    return vars(xp)["kernels"]


def array_kind(member: Any) -> str | None:
    """The kind of an array's dtype, "i", "u" or "b"; None for a member of an index that is no
    array.
    """
    return getattr(getattr(member, "dtype", None), "kind", None)


def dims_used(member: Any) -> int:
    """How many dimensions of x a member of an index takes: a mask its own, None and ... none."""
    if array_kind(member) == "b":
        return int(member.ndim)
    return 0 if member is None or member is ... else 1
