"""Work arrays: which one serves a request, and when one is let go."""

import numpy as np

from minigrad.array import NUMPY
from minigrad.fused import recurrent


def test_an_idle_work_array_serves_what_is_a_little_smaller_and_is_let_go_when_nobody_wants_it() -> None:
    buffers, n = recurrent.Buffers(), recurrent.SMALL

    def place(size: int) -> int:
        """Where in memory an array of this size lies that is let go at once."""
        return int(buffers.empty(NUMPY, (size,), np.float64).ctypes.data)

    large = place(16 * n)
    assert place(16 * n) == place(20 * n) == place(10 * n) == large  # made with a quarter to spare
    assert place(9 * n) != large  # it would waste more than half
    held = buffers.empty(NUMPY, (4, 4 * n), np.float64)[1]
    assert held.base is not None and place(16 * n) != large  # a view keeps it busy
    del held
    (arrays,) = buffers.kept.values()
    assert len(arrays) == 3
    for _ in range(recurrent.PATIENCE):
        place(9 * n)
    assert len(arrays) == 3
    place(100 * n)
    assert sorted(map(len, arrays)) == [9 * n * 5 // 4, 100 * n * 5 // 4]
    assert buffers.empty(NUMPY, (n - 1,), np.float64).base is None and len(arrays) == 2
