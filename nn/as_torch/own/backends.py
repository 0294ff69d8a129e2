"""`torch.backends`: settings of PyTorch's libraries. They can be set, and change nothing here."""

from types import ModuleType, SimpleNamespace
from typing import Any


def settings(name: str, **values: Any) -> ModuleType:
    """A module of settings, for a library that is not used here."""
    module = ModuleType(name, doc=f"Settings of {name}, which is not used here: they do nothing.")
    vars(module).update(values, is_available=is_available)
    vars(module).update(__all__=list(values) + ["is_available"])
    return module


def is_available() -> bool:
    """False: the library is not used here."""
    return False


cudnn = settings("cudnn", benchmark=False, deterministic=False, enabled=True, allow_tf32=False)
mps = settings("mps")
cuda = settings("cuda", matmul=SimpleNamespace(allow_tf32=False))
