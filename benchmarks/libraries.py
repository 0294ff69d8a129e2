"""Who takes part: minigrad and PyTorch, which run the same code, and others that are asked for what
they can do."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.measure import OURS, REFERENCE

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("DEV", "CPU")  # tinygrad's device

MODULES = {
    OURS: "minigrad",
    REFERENCE: "torch",
    "JAX": "jax",
    "autograd": "autograd",
    "MyGrad": "mygrad",
    "tinygrad": "tinygrad",
}
skipped: dict[str, str] = {}  # who does not take part, and why
found: dict[str, Any] = {}


def module(name: str) -> Any:
    """The library `name`, or None where it does not work here; `skipped` then says why."""
    if name not in found and name not in skipped:
        try:
            found[name] = importlib.import_module(MODULES[name])
            if name == "tinygrad":
                (found[name].Tensor([1.0]) + 1.0).numpy()  # compiles, for which it needs clang
        except Exception as error:
            found.pop(name, None)
            skipped[name] = f"{type(error).__name__}: {error}"
    return found.get(name)


@dataclass(frozen=True)
class Library:
    """The parts of PyTorch that the lesson imports, and minigrad's of the same names."""

    name: str
    torch: Any
    nn: Any
    optim: Any
    data: Any

    def tensor(self, array: Any, requires_grad: bool = False) -> Any:
        return self.torch.tensor(np.asarray(array), requires_grad=requires_grad)

    def load(self, module: Any, state: dict[str, Any]) -> Any:
        """The module with these values, by PyTorch's keys."""
        module.load_state_dict({key: self.torch.tensor(value) for key, value in state.items()})
        return module


def twins() -> list[Library]:
    """minigrad, and PyTorch where it is installed: one program serves both."""
    import nn

    both = [Library(OURS, module(OURS), nn, nn.optim, nn.data)]
    if torch := module(REFERENCE):
        both.append(
            Library(
                REFERENCE, torch, torch.nn, torch.optim, importlib.import_module("torch.utils.data")
            )
        )
    return both


def contestants(
    job: Callable[..., Callable[[], Any]], *args: Any, **settings: Any
) -> dict[str, Callable[[], Any]]:
    """`job(library, ...)`, which sets the work up and returns the call that does it, for each of
    the twins."""
    return {library.name: job(library, *args, **settings) for library in twins()}


def state_of(module: Any) -> dict[str, Any]:
    """A copy of a minigrad module's parameters by their keys."""
    return {key: np.array(value.detach().numpy()) for key, value in module.state_dict().items()}
