"""`torch.nn.DataParallel`: the module on one device."""

from __future__ import annotations

from typing import Any

from ...module import Module

__all__ = ["DataParallel"]


class DataParallel(Module):
    """Calls `module` on one device, whatever device_ids are: no batch is divided among GPUs.

    The keys of its state_dict begin with "module.", as in PyTorch.
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ):
        self.module = module

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)
