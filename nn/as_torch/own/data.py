"""`torch.utils.data`: what a program asks for besides `nn.data`."""

from __future__ import annotations

from typing import Any

from ...data import collate

__all__ = ["default_collate", "get_worker_info"]

default_collate = collate


def get_worker_info() -> Any:
    """None: batches are made in this process."""
    return None
