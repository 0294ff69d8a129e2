"""`torch.add(a, b, out=c)`: the functions of torch that write their value into a given tensor."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import minigrad
from minigrad import Tensor
from minigrad.errors import shown

from . import tensor

# the arithmetic and the products; the other functions refuse out= by name
WORDS = """
    abs add bmm cat ceil clamp cos div exp floor log matmul mm mul mv neg pow sigmoid sin sqrt stack
    sub sum tanh
""".split()
__all__ = list(WORDS)


def with_out(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which also takes `out`, a tensor that its value is written into."""

    @functools.wraps(function)
    def either(*args: Any, **settings: Any) -> Any:
        if settings.get("out") is None:
            return function(*args, **settings)
        out = settings.pop("out")
        return written(name, function(*args, **settings), out)

    return either


def written(name: str, value: Tensor, out: Any) -> Tensor:
    """`out` with this value; one without elements takes the value's shape.

    Raises RuntimeError if one of them requires a gradient, out has another shape, or its kind of
    dtype cannot hold the value; TypeError if it is not a tensor.
    """
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}: expected a tensor as out, got {shown(out)}")
    if value.requires_grad or out.requires_grad:
        raise RuntimeError(
            f"{name}: out: expected tensors that require no gradient, since a value that is "
            "written into another tensor has none; leave out= away"
        )
    if "biufc".index(value.dtype.kind) > "biufc".index(out.dtype.kind):
        raise RuntimeError(f"{name}: expected out of {value.dtype}, got {shown(out)}")
    if out.numel() == 0:
        tensor.resize_(out, value.shape)
    if out.shape != value.shape:
        raise RuntimeError(f"{name}: expected out of shape {tuple(value.shape)}, got {shown(out)}")
    return out.copy_(value)


for word in WORDS:
    globals()[word] = with_out(word, getattr(tensor, word, getattr(minigrad, word)))
