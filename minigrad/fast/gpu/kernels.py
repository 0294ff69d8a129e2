"""How kernels are run on a GPU, what they find wrong, and sequences of launches kept as graphs."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.fast.kernel import Kernel, kernel

Array = Any  # cupy.ndarray

C_NAMES = {"float32": "float", "float64": "double", "int64": "long long"}
ROWS = 64  # of a table: what a launch takes by value has at most 4 kB
TABLE = np.dtype(
    [("at", np.int64, (ROWS, 7))]
)  # of each parameter: size, number, where p, g and up to 3 states are
GRAPHS = 64  # kept at a time


def extend(backend: Any, box: Array | None = None) -> None:
    """Let a device that CuPy opened run kernels, and find out-of-range ids without waiting for it.

    box: one integer in memory that host and device share.
    """
    cupy = backend.module
    if box is None:
        import cupyx

        box = cupyx.zeros_pinned(
            1, np.int64
        )  # addresses are unified: a kernel writes to it as the host does
    kernels = Kernels(cupy, box)
    backend.download = kernels.download
    vars(backend.xp).update(
        kernels=kernels, check_bounds=kernels.check_bounds, check_index=kernels.check_index
    )


@kernel("const long long *ids, long long low, long long high, long long code")
def outside() -> None:
    """if (ids[i] < low || ids[i] >= high) *flag = *box = code << 48 | (ids[i] & 0xffffffffffff);"""


@kernel("long long code", each="p g")
def not_finite() -> None:
    """if (!isfinite(g)) *flag = *box = code << 48 | table.at[k][1];"""


class Kernels:
    """Runs kernels on one kind of device, and keeps what they found wrong.

    To look at a value is to wait until the GPU has done all its work, so no op looks. A kernel that finds an id out of
    range, or a gradient that is not finite, writes that to `flag`, and while that is set no optimizer changes anything.
    It writes it to `box` too, in memory of the host, and `report` raises it the next time that a value comes to the
    host (which waits anyway) or an optimizer steps. So nobody sees a number that came from such an id, and no
    parameter learns from one.
    """

    def __init__(self, cupy: Any, box: Array):
        self.cupy, self.box, self.flag = cupy, box, cupy.zeros(1, np.int64)
        self.compiled: dict[Any, Any] = {}
        self.faults: dict[
            tuple[type[Exception], str], int
        ] = {}  # their numbers, from 1; {} stands for what was found
        self.local, self.captures = threading.local(), True

    def launch(self, kernel: Kernel, dtype: Any, n: int, *args: Any) -> None:
        """Run the kernel for i < n. A float among `args` is a T, an integer a long long."""
        if dtype.name not in C_NAMES:
            raise TypeError(
                f"{kernel.name}: a GPU takes {', '.join(C_NAMES)} here, and {dtype} came; use .float()"
            )
        if (key := (kernel.name, dtype)) not in self.compiled:
            source = f"typedef {C_NAMES[dtype.name]} T;\n{kernel.source}"
            self.compiled[key] = self.cupy.RawKernel(source, kernel.name)
        kinds: dict[type, Any] = {float: dtype.type, int: np.int64}
        given = [
            kinds[type(a)](a) if type(a) in kinds else a
            for a in (n, self.flag, self.box.ctypes.data, *args)
        ]
        if n:
            self.compiled[key]((-(-n // 256),), (256,), tuple(given))

    def each(self, kernel: Kernel, rows: Sequence[Sequence[Any]], *args: Any) -> None:
        """Run a kernel over one row for each parameter: its number, p, g and states, all of one dtype."""
        for start in range(0, len(rows), ROWS):
            table = np.zeros(1, TABLE)
            for k, (number, *arrays) in enumerate(rows[start : start + ROWS]):
                table["at"][0, k, : 2 + len(arrays)] = (
                    arrays[0].size,
                    number,
                    *[a.data.ptr for a in arrays],
                )
            self.launch(kernel, rows[0][1].dtype, int(table["at"][0, :, 0].sum()), table, *args)

    def fault(self, kind: type[Exception], sentence: str) -> int:
        return self.faults.setdefault((kind, sentence), len(self.faults) + 1)

    def report(self) -> None:
        """Raise what was found wrong since the last report."""
        if word := int(self.box[0]):
            self.cupy.cuda.Device().synchronize()  # what still runs may find the same
            self.box[0] = 0
            self.flag.fill(0)
            kind, sentence = list(self.faults)[(word >> 48) - 1]
            raise kind(sentence.format((word + 2**47) % 2**48 - 2**47))

    def download(self, array: Array) -> Any:
        values = self.cupy.asnumpy(array)
        self.report()
        return values

    def check_bounds(self, ids: Array, size: int, name: str, limits: str) -> None:
        """Find ids outside [0, size): CuPy would wrap them."""
        self.check(ids, 0, size, name, limits)

    def check(self, ids: Array, low: int, high: int, what: str, there: str) -> None:
        """Find ids outside [low, high): CuPy would wrap them."""
        ids = self.cupy.asarray(ids).astype(np.int64, copy=False).ravel()
        sentence = f"GPU: {what}: expected {there}, got {{}}; the op is one before this line, since nobody waits for a GPU"
        self.launch(outside, ids.dtype, ids.size, ids, low, high, self.fault(IndexError, sentence))

    def optimize(self, optimizer: Any, ready: Sequence[tuple[Any, dict[str, Any]]]) -> None:
        """One step in two launches: one looks whether all gradients are finite, one changes all parameters if so."""
        self.report()
        places, kernel = {p: i for i, p in enumerate(optimizer.parameters())}, optimizer.kernel
        runs: dict[Any, list[Any]] = {}
        for p, group in ready:
            state = optimizer.state.setdefault(p, {"step": 0})
            state["step"] += 1
            p.array, g = map(self.cupy.ascontiguousarray, (p.array, p.grad.array))
            for name in optimizer.remembered(group) - state.keys() if state["step"] == 1 else ():
                state[name] = self.cupy.full_like(
                    p.array, group.get("initial_accumulator_value", 0.0)
                )
            arrays = p.array, g, *[state.get(name, p.array) for name in kernel.each[2:]]
            given = (
                -1.0 if group["maximize"] else 1.0,
                *map(float, optimizer.numbers(group, state["step"])),
            )
            runs.setdefault((p.dtype, *given), []).append((places[p], *arrays))
            p.mark_changed()
        who = f"GPU: {type(optimizer).__name__}: the gradient of parameter {{}}"
        code = self.fault(
            FloatingPointError, f"{who} has NaN or infinities, and no parameter was changed"
        )
        for rows in runs.values():
            self.each(not_finite, rows, code)
        for (_, *numbers), rows in runs.items():
            self.each(kernel, rows, *numbers)

    def check_index(self, index: Any, shape: tuple[int, ...]) -> None:
        """Find the integers in arrays that are out of range in x[index], for an x of `shape`."""
        parts = index if isinstance(index, tuple) else (index,)
        kinds = [getattr(getattr(p, "dtype", None), "kind", None) for p in parts]
        used = [
            p.ndim if kind == "b" else p is not None and p is not ...
            for p, kind in zip(parts, kinds)
        ]
        for k in range(len(parts)):
            dim = len(shape) - sum(used[k:]) if any(p is ... for p in parts[:k]) else sum(used[:k])
            if kinds[k] in ("i", "u") and dim < len(shape):
                self.check(
                    parts[k],
                    -shape[dim],
                    shape[dim],
                    "index",
                    f"{-shape[dim]} to {shape[dim] - 1} in dim {dim}",
                )

    def replay(self, key: Any, arrays: Sequence[Array], body: Callable[[], None]) -> None:
        """Run `body`: launches and products between `arrays`, and nothing that takes memory or waits.

        The second time that it comes with the same key and the same addresses it is captured as a graph, and from then
        on one launch runs all of it. So nobody owns a buffer: a graph works where its arrays are, and is used if they
        are there again, which CuPy's memory pool brings about in a training loop. Two runs before one backward have
        other addresses, and other graphs; what never comes twice costs a look into a dict. Each thread has its own.
        """
        seen = vars(self.local).setdefault("graphs", OrderedDict())
        key = key, *[(a.data.ptr, a.shape, a.dtype) for a in arrays]
        graph = seen.pop(key, None)
        if (
            graph is None or not self.captures
        ):  # the first time: kernels are compiled, and cuBLAS takes its workspace
            body()
        elif graph := graph or self.capture(body):
            graph.launch()
        seen[key] = graph or False
        if len(seen) > GRAPHS:
            seen.popitem(last=False)

    def capture(self, body: Callable[[], None]) -> Any:
        """`body` as a graph; where that fails it is run, and from then on nothing is captured."""
        try:
            with self.cupy.cuda.Stream(
                non_blocking=True
            ) as stream:  # the default stream cannot be captured
                stream.begin_capture()
                body()
                return stream.end_capture()
        except Exception as error:
            self.captures = False
            warnings.warn(
                f"no CUDA graph could be captured, so every step is launched alone: {error}",
                stacklevel=2,
            )
            body()
