"""Initial values, written into a tensor in place. Names and distributions are PyTorch's.

A matrix of shape (out, in) has fan_in = in and fan_out = out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad import Tensor, errors, no_grad
from minigrad.random import generator

from .module import Module

GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}


def fill(tensor: Tensor, values: Any) -> Tensor:
    """Write `values`, drawn on the host in float64, into `tensor`, whatever its dtype and device."""
    with no_grad():
        return tensor.copy_(values)


def fans(name: str, tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError(
            f"{name}: a tensor of shape {tuple(tensor.shape)} has no fan in and out; give 2 dimensions"
        )
    out, into, *rest = tensor.shape
    return into * math.prod(rest), out * math.prod(rest)


def calculate_gain(nonlinearity: str, param: float = 0.01) -> float:
    """The factor that keeps the variance through `nonlinearity`; `param` is the slope of leaky_relu."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + param**2))
    if nonlinearity not in GAINS:
        raise ValueError(
            f"calculate_gain: {nonlinearity!r} is unknown; known are leaky_relu, {', '.join(GAINS)}"
        )
    return GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """U(a, b)."""
    return fill(tensor, generator().uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """N(mean, std²)."""
    return fill(tensor, generator().normal(mean, std, tensor.shape))


def constant_(tensor: Tensor, val: float) -> Tensor:
    return fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    return fill(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    return fill(tensor, 1.0)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """U(-a, a), a = gain √(6 / (fan_in + fan_out))    (Glorot & Bengio 2010, eq. 16)."""
    a = gain * math.sqrt(6 / sum(fans("xavier_uniform_", tensor)))
    return uniform_(tensor, -a, a)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """N(0, std²), std = gain √(2 / (fan_in + fan_out))    (Glorot & Bengio 2010, eq. 12)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans("xavier_normal_", tensor))))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """U(-b, b), b = gain √(3 / fan); `a` is the slope of leaky_relu    (He et al. 2015)."""
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming_uniform_: mode is 'fan_in' or 'fan_out', not {mode!r}")
    b = calculate_gain(nonlinearity, a) * math.sqrt(
        3 / fans("kaiming_uniform_", tensor)[mode == "fan_out"]
    )
    return uniform_(tensor, -b, b)


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """gain Q, Q uniform among the matrices with orthonormal rows or columns    (Saxe et al. 2014; Mezzadri 2007)."""
    fans("orthogonal_", tensor)
    rows, columns = len(tensor), tensor.numel() // len(tensor)
    q, r = np.linalg.qr(generator().standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))  # without it Q would not be uniform
    return fill(tensor, gain * (q.T if rows < columns else q).reshape(tensor.shape))


def forget_bias_(module: Module, value: float) -> Module:
    """Let the two biases of each forget gate of an LSTM or LSTMCell add up to `value`; the other gates stay.

    1 lets the gates start open (Jozefowicz et al. 2015).
    """
    return set_biases("forget_bias_", module, {4: lambda H: {1: value}})


def chrono_(module: Module, t_max: int) -> Module:
    """Let each unit start with a memory of about u steps, u ~ U(1, t_max - 1)    (Tallec & Ollivier 2018).

    LSTM, LSTMCell: b_f = log u, b_i = -log u. GRU, GRUCell: b_z = log u, z being the gate that keeps the state. Each is
    the sum of two biases. `t_max` is the longest dependency of the task.
    """
    if t_max <= 2:
        raise ValueError(
            f"chrono_: t_max = {t_max} leaves U(1, t_max - 1) empty; give the longest dependency, above 2"
        )

    def memory(H: int) -> Any:
        return np.log(generator().uniform(1, t_max - 1, H))

    return set_biases(
        "chrono_", module, {4: lambda H: {1: (b := memory(H)), 0: -b}, 3: lambda H: {1: memory(H)}}
    )


def set_biases(
    name: str, module: Module, values: dict[int, Callable[[int], dict[int, Any]]]
) -> Module:
    """Write values[blocks](H), a value for some blocks by number, into each bias_ih, and 0 into its bias_hh."""
    biases = {key: param for key, param in module.named_parameters() if key.startswith("bias_ih")}
    blocks = getattr(module, "blocks", 0)
    if blocks not in values or not biases:
        wanted = " or ".join({4: "an LSTM, LSTMCell", 3: "a GRU, GRUCell"}[k] for k in values)
        raise TypeError(
            f"{name}: {module!r} has no bias of the gates it sets; give {wanted} with bias=True"
        )
    for key, bias in biases.items():
        other, H = getattr(module, key.replace("_ih", "_hh")), len(bias) // blocks
        for block, value in values[blocks](H).items():
            bias.detach()[block * H : (block + 1) * H].copy_(value)
            other.detach()[block * H : (block + 1) * H].zero_()
    return module


errors.name_all(globals(), helpers="fill fans set_biases")
