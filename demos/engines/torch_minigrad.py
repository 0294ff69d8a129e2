"""What stands in for `minigrad`: PyTorch, with minigrad's random numbers.

All that is not defined here is PyTorch's own, under the same name: `zeros`, `cat`, `sigmoid` ...
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import linear

import minigrad

torch.set_num_threads(1)  # one core a run, as NumPy has

Tensor = torch.Tensor
random = minigrad.random
manual_seed = minigrad.manual_seed
DTYPES = {torch.float64: minigrad.float64, torch.float32: minigrad.float32}


def __getattr__(name: str) -> Any:
    """PyTorch's, under the same name."""
    if name == "explain":
        raise NotImplementedError(
            "explain: it shows minigrad's own graph; PyTorch has no such page"
        )
    return getattr(torch, name)


def copied(drawn: Any) -> Tensor:
    """A Tensor of minigrad as one of PyTorch, with memory of its own."""
    return torch.from_numpy(np.array(drawn.numpy()))


def randn(*size: Any, dtype: torch.dtype = torch.float32) -> Tensor:
    return copied(minigrad.randn(*size, dtype=DTYPES[dtype]))


def rand(*size: Any) -> Tensor:
    return copied(minigrad.rand(*size))


def randint(low: int, high: int, size: Sequence[int]) -> Tensor:
    return copied(minigrad.randint(low, high, tuple(size)))


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None
) -> tuple[Tensor, ...]:
    return torch.autograd.grad(outputs, inputs, grad_outputs, retain_graph)


def dropout(x: Tensor, p: float, training: bool, shape: Sequence[int] | None = None) -> Tensor:
    """y = x m / (1 - p), the mask m that minigrad would draw."""
    if not training or p == 0:
        return x
    like = np.empty(0, dtype=np.float32)
    mask = minigrad.random.dropout_mask(like, tuple(shape or x.shape), p)
    return x * torch.from_numpy(mask).to(x.device)


def lstm_gates(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> tuple[Tensor, ...]:
    """i, f, g, o of one step or of all, each (...,H)."""
    a = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)
    i, f, g, o = a.chunk(4, dim=-1)
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
