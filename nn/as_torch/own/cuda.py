"""`torch.cuda`: the GPU that CuPy finds, if there is one."""

from __future__ import annotations

from typing import Any

import minigrad
from minigrad import cuda, manual_seed
from minigrad.cuda import is_available

from .legacy import DTYPES, classes

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "is_available",
    "manual_seed",
    "manual_seed_all",
    "set_device",
    "synchronize",
    *DTYPES,
]
vars().update(classes("cuda"))


def device_count() -> int:
    """The number of GPUs that CuPy finds."""
    return int(cuda.library().cuda.runtime.getDeviceCount()) if is_available() else 0


def current_device() -> int:
    """The number of the GPU in use. Raises RuntimeError if there is none."""
    return int(cuda.library().cuda.runtime.getDevice())


def get_device_name(device: Any = None) -> str:
    """The name of the GPU. Raises RuntimeError if there is none."""
    number = current_device() if device is None else minigrad.device(device).index or 0
    properties = cuda.library().cuda.runtime.getDeviceProperties(number)
    return str(properties["name"].decode())


def set_device(device: Any) -> None:
    """Accept the GPU in use. Raises NotImplementedError for another one, RuntimeError for none."""
    library = cuda.library()
    number = device if isinstance(device, int) else minigrad.device(device).index or 0
    if number != library.cuda.runtime.getDevice():
        raise NotImplementedError(
            f"torch.cuda.set_device: {device!r} is not supported; set CUDA_VISIBLE_DEVICES"
        )


def manual_seed_all(seed: int) -> None:
    """`manual_seed`: there is one stream of random numbers, for all devices."""
    manual_seed(seed)


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done what it was given."""
    cuda.library().cuda.runtime.deviceSynchronize()


def empty_cache() -> None:
    """Give back the GPU's memory that CuPy keeps for the next arrays; without a GPU nothing."""
    if is_available():
        cuda.library().get_default_memory_pool().free_all_blocks()
