"""Work arrays: which one serves a request, and when one is let go."""

import numpy as np
import pytest

from minigrad.array import NUMPY
from minigrad.fast import workspace


def test_an_idle_work_array_serves_what_is_a_little_smaller() -> None:
    work_arrays, n = workspace.Workspace(), workspace.MIN_SIZE

    def place(size: int) -> int:
        """Where in memory an array of this size lies that is let go at once."""
        return int(work_arrays.empty(NUMPY, (size,), np.float64).ctypes.data)

    large = place(16 * n)
    assert place(16 * n) == place(20 * n) == place(10 * n) == large  # made with a quarter to spare
    assert place(9 * n) != large  # it would waste more than half
    held = work_arrays.empty(NUMPY, (4, 4 * n), np.float64)[1]
    assert held.base is not None and place(16 * n) != large  # a view keeps it busy
    del held
    (arrays,) = work_arrays.pool.values()
    assert len(arrays) == 3
    assert work_arrays.empty(NUMPY, (n - 1,), np.float64).base is None and len(arrays) == 3


@pytest.mark.parametrize("too_many", [0, 1])
def test_an_array_is_let_go_when_nobody_has_wanted_it_for_long(too_many: int) -> None:
    work_arrays, n = workspace.Workspace(), workspace.MIN_SIZE
    for size in (40, *[10] * (workspace.MAX_IDLE_REQUESTS - 1 + too_many), 100):
        work_arrays.empty(NUMPY, (size * n,), np.float64)
    (arrays,) = work_arrays.pool.values()
    assert [len(array) * 4 // (5 * n) for array in arrays] == (
        [10, 100] if too_many else [40, 10, 100]
    )
