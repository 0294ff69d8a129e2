"""`torch.accelerator`: the GPU that CuPy finds, if there is one."""

from __future__ import annotations

import minigrad
from minigrad.cuda import is_available

from .cuda import current_device, device_count, set_device, synchronize

__all__ = [
    "current_accelerator",
    "current_device_index",
    "device_count",
    "is_available",
    "set_device_index",
    "synchronize",
]
current_device_index = current_device
set_device_index = set_device


def current_accelerator(check_available: bool = False) -> minigrad.device | None:
    """The device "cuda", or None where there is no GPU."""
    return minigrad.device("cuda") if is_available() else None
