"""Initial values, written into a tensor in place. Names and distributions are PyTorch's.

A matrix of shape (out, in) has fan_in = in and fan_out = out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import Tensor, from_numpy, no_grad
from minigrad.array import generator

from .module import Module

GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}


def fill(tensor: Tensor, values: np.ndarray[Any, Any] | float) -> Tensor:
    """Write `values`, drawn on the host in float64, into `tensor` whatever its dtype and device."""
    with no_grad():
        return tensor.copy_(from_numpy(np.broadcast_to(np.asarray(values, dtype=np.float64), tuple(tensor.shape))))


def fans(tensor: Tensor, name: str) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError(f"{name}: a tensor of shape {tuple(tensor.shape)} has no fan in and out; give it 2 dimensions")
    out, into, *rest = tensor.shape
    return into * math.prod(rest), out * math.prod(rest)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through `nonlinearity`; `param` is the slope of leaky_relu (0.01)."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        raise ValueError(f"calculate_gain: {nonlinearity!r} is unknown; known are {', '.join(GAINS)}, leaky_relu")
    return GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """U(a, b)."""
    return fill(tensor, generator().uniform(a, b, tuple(tensor.shape)))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """N(mean, std²)."""
    return fill(tensor, generator().normal(mean, std, tuple(tensor.shape)))


def constant_(tensor: Tensor, val: float) -> Tensor:
    return fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    return fill(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    return fill(tensor, 1.0)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """U(-a, a), a = gain √(6 / (fan_in + fan_out))    (Glorot & Bengio 2010, eq. 16)."""
    a = gain * math.sqrt(6 / sum(fans(tensor, "xavier_uniform_")))
    return uniform_(tensor, -a, a)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """N(0, std²), std = gain √(2 / (fan_in + fan_out))    (Glorot & Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor, "xavier_normal_"))))


def kaiming_uniform_(tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """U(-b, b), b = gain √(3 / fan); `a` is the slope of leaky_relu    (He et al. 2015)."""
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming_uniform_: mode is 'fan_in' or 'fan_out', not {mode!r}")
    fan = fans(tensor, "kaiming_uniform_")[mode == "fan_out"]
    b = calculate_gain(nonlinearity, a) * math.sqrt(3 / fan)
    return uniform_(tensor, -b, b)


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """gain Q, Q uniform among the matrices with orthonormal rows or columns    (Saxe et al. 2014; Mezzadri 2007)."""
    fans(tensor, "orthogonal_")
    rows, columns = len(tensor), tensor.numel() // len(tensor)
    q, r = np.linalg.qr(generator().standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))  # without it Q would not be uniform
    return fill(tensor, gain * (q.T if rows < columns else q).reshape(tuple(tensor.shape)))


def forget_bias_(module: Module, value: float) -> Module:
    """Make the two biases of each forget gate of an LSTM or LSTMCell add up to `value`; other gates stay.

    1 lets the gate start open (Jozefowicz et al. 2015).
    """
    H = module.hidden_size  # type: ignore[attr-defined]
    for name, bias in lstm_biases(module, "forget_bias_"):
        with no_grad():
            bias.copy_(patched(bias, slice(H, 2 * H), value if "bias_ih" in name else 0.0))
    return module


def chrono_(module: Module, t_max: int) -> Module:
    """b_f = log u, u ~ U(1, t_max - 1), and b_i = -b_f    (Tallec & Ollivier 2018).

    An LSTM or LSTMCell so started remembers for u steps, up to `t_max`, the longest dependency of the task. As each
    gate has two biases, those of `bias_hh` become 0.
    """
    if t_max <= 2:
        raise ValueError(f"chrono_: t_max = {t_max} leaves U(1, t_max - 1) empty; give the longest dependency, above 2")
    H = module.hidden_size  # type: ignore[attr-defined]
    for name, bias in lstm_biases(module, "chrono_"):
        forget = np.log(generator().uniform(1, t_max - 1, H)) if "bias_ih" in name else np.zeros(H)
        with no_grad():
            bias.copy_(patched(bias, slice(2 * H), np.concatenate([-forget, forget])))
    return module


def lstm_biases(module: Module, caller: str) -> list[tuple[str, Tensor]]:
    found: list[tuple[str, Tensor]] = [(name, p) for name, p in module.named_parameters() if name.startswith("bias_")]
    if "LSTM" not in type(module).__name__ or not found:
        raise TypeError(f"{caller}: {module!r} has no forget-gate bias; give an LSTM or LSTMCell made with bias=True")
    return found


def patched(bias: Tensor, where: slice, values: Any) -> Tensor:
    array = bias.detach().cpu().numpy().copy()
    array[where] = values
    return from_numpy(array)
