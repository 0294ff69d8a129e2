"""`torch.amp`: mixed precision, which PyTorch itself switches off where there is no GPU.

Numbers are float32 here, so that is all there is: what is switched off does nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import minigrad
from minigrad import Tensor
from minigrad.cuda import is_available

__all__ = ["GradScaler", "autocast"]

LEAVE_OUT = "leave it out, numbers are float32 here"


def check_switched_off(name: str, device_type: str, enabled: bool) -> None:
    """Warn where it is off for lack of a GPU. Raises NotImplementedError if it is to be on."""
    if not enabled:
        return
    if minigrad.device(device_type).type != "cuda" or is_available():
        raise NotImplementedError(f"torch.amp.{name} is not supported; {LEAVE_OUT}")
    warnings.warn(f"torch.amp.{name}: there is no GPU, so that it is switched off", stacklevel=3)


class autocast:
    """A `with` block, or a decorator, in which PyTorch may compute in half precision: not here.

    Raises NotImplementedError if it is enabled, unless for a GPU that is not there.
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ):
        check_switched_off("autocast", device_type, enabled)

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing: what is computed in the block is what it is elsewhere."""

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


class GradScaler:
    """Scales losses of half precision: here by 1. Raises NotImplementedError as `autocast` does."""

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        check_switched_off("GradScaler", device, enabled)

    def scale(self, outputs: Any) -> Any:
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing: gradients have no scale."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Nothing: the scale stays 1."""

    def get_scale(self) -> float:
        return 1.0

    def is_enabled(self) -> bool:
        return False

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing: there is no state."""
