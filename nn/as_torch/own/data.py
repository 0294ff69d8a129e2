"""`torch.utils.data`: what a program asks for besides `nn.data`."""

from __future__ import annotations

from typing import Any

__all__ = ["get_worker_info"]


def get_worker_info() -> Any:
    """None: batches are made in this process."""
    return None
