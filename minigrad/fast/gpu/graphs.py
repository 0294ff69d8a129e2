"""Sequences of launches, kept as CUDA graphs: one launch runs all of them."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

MAX_GRAPHS = 64  # kept at a time, in each thread


class Graphs:
    """Captures what a loop launches the second time that it runs, and launches the graph from then
    on.

    A graph is keyed by its arrays' addresses; CuPy's memory pool reuses them in a training loop.
    Two forward passes before one backward have other addresses, and other graphs. Each thread has
    its own.
    """

    def __init__(self, cupy: Any):
        self.cupy = cupy
        self.enabled = True  # until a capture fails
        self.local = threading.local()

    def kept(self) -> OrderedDict[Any, Any]:
        """This thread's graphs, the one used last at the end; False for a loop that ran once."""
        return vars(self.local).setdefault("graphs", OrderedDict())

    def run_captured(self, key: Any, arrays: Sequence[Any], body: Callable[[], None]) -> None:
        """Run `body`: launches and products between `arrays`, and nothing that takes memory or
        waits.

        key: what else decides what `body` launches. The first time it runs as it is, so that
        kernels are compiled and cuBLAS has its workspace; the second time it is captured.
        """
        kept = self.kept()
        key = key, *[(a.data.ptr, a.shape, a.dtype) for a in arrays]
        graph = kept.pop(key, None)
        if graph is None or not self.enabled:
            body()
        else:
            graph = graph or self.capture(body)
            if graph:
                graph.launch()
        kept[key] = graph or False
        if len(kept) > MAX_GRAPHS:
            kept.popitem(last=False)

    def capture(self, body: Callable[[], None]) -> Any:
        """`body` as a graph. Where that fails `body` is run, and nothing is captured any more."""
        try:
            # the default stream cannot be captured
            with self.cupy.cuda.Stream(non_blocking=True) as stream:
                stream.begin_capture()
                try:
                    body()
                except Exception:
                    self.abandon(stream)
                    raise
                return stream.end_capture()
        except Exception as error:
            self.enabled = False
            warnings.warn(
                f"no CUDA graph could be captured, so every step is launched alone: {error}",
                stacklevel=2,
            )
            body()
            return None

    def abandon(self, stream: Any) -> None:
        """End a capture that failed, so that the stream is no longer in it."""
        # CUDA may refuse to make a graph of it, which is not what went wrong.
        with contextlib.suppress(Exception):
            stream.end_capture()
