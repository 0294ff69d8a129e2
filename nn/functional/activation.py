"""Activations. inplace=True writes y into x, as in PyTorch: x must be no leaf that is learned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor
from minigrad.arguments import broadcast_shape, normalize_dim

from ..arguments import check_one_dtype
from ..checked import checked
from .checks import changed_in_place, check_no_nan, softmax_dim
from .layers import one_hot

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@checked
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = max(x, 0)."""
    return changed_in_place("relu_", input, mg.relu) if inplace else mg.relu(input)


@checked
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """y = x where x > 0, else negative_slope x    (Maas et al. 2013)."""
    if inplace:
        return changed_in_place("leaky_relu_", input, lambda x: leaky_relu(x, negative_slope))
    return mg.where(input > 0, input, negative_slope * input)


@checked
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """y = x where x > 0, else α (eˣ - 1)    (Clevert et al. 2016)."""
    if inplace:
        return changed_in_place("elu_", input, lambda x: elu(x, alpha))
    is_linear = input > 0
    curve = alpha * mg.expm1(mg.where(is_linear, 0.0, input))  # so that nothing overflows
    return mg.where(is_linear, input, curve)


def tanh(input: Tensor) -> Tensor:
    """y = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return mg.tanh(input)


def sigmoid(input: Tensor) -> Tensor:
    """y = σ(x) = 1 / (1 + e⁻ˣ)."""
    return mg.sigmoid(input)


@checked
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = x σ(x)    (Elfwing et al. 2018)."""
    if inplace:
        return changed_in_place("silu_", input, silu)
    return input * mg.sigmoid(input)


@checked
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """y = x Φ(x) = ½ x (1 + erf(x / √2))    (Hendrycks & Gimpel 2016).

    approximate="tanh": y = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).
    """
    if isinstance(approximate, str) and approximate == "none":
        return 0.5 * input * (1 + mg.erf(input / math.sqrt(2)))
    if not isinstance(approximate, str) or approximate != "tanh":
        raise ValueError(f"gelu: expected approximate 'none' or 'tanh', got {approximate!r}")
    cubic = input + 0.044715 * input * input * input
    return 0.5 * input * (1 + mg.tanh(math.sqrt(2 / math.pi) * cubic))


@checked
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """y = log(1 + e^(βx)) / β, and x itself where βx > threshold    (Dugas et al. 2001)."""
    check_no_nan("softplus", threshold=threshold)
    z = beta * input
    is_linear = z > threshold
    smooth = mg.log1p(mg.exp(mg.where(is_linear, threshold, z))) / beta
    return mg.where(is_linear, input, smooth)


@checked
def logsigmoid(input: Tensor) -> Tensor:
    """y = log σ(x) = -log(1 + e⁻ˣ), with a small relative error everywhere.

    It is x itself where e⁻ˣ > e⁴⁰: 1 is lost next to that in float64.
    """
    is_linear = input < -40.0
    smooth = -mg.log1p(mg.exp(-mg.where(is_linear, -40.0, input)))
    return mg.where(is_linear, input, smooth).contiguous()


@checked
def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """y = eˣ / Σ eˣ along `dim`; x is cast to `dtype` first, if that is given.

    Without `dim` a warning says which one was chosen.
    """
    dim = softmax_dim("softmax", dim, input)
    return mg.softmax(input if dtype is None else input.to(dtype), dim)


@checked
def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """y = x - log Σ eˣ along `dim`; x is cast to `dtype` first, if that is given.

    Without `dim` a warning says which one was chosen.
    """
    dim = softmax_dim("log_softmax", dim, input)
    return mg.log_softmax(input if dtype is None else input.to(dtype), dim)


@checked
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """y = min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


@checked
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """y = min(max(x, min_val), max_val); the gradient at both ends is 0."""
    if inplace:
        return changed_in_place("hardtanh_", input, lambda x: hardtanh(x, min_val, max_val))
    check_no_nan("hardtanh", min_val=min_val, max_val=max_val)
    if min_val > max_val:
        raise ValueError(f"hardtanh: expected min_val up to max_val, got {min_val} and {max_val}")
    y = mg.where(input <= min_val, min_val, mg.where(input >= max_val, max_val, input))
    return y.to(input.dtype) if input.dtype.kind in "iu" else y


@checked
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = s x where x > 0, else s α (eˣ - 1), with s = 1.0507, α = 1.6733  (Klambauer et al. 2017).

    They keep a mean of 0 and a variance of 1.
    """
    if inplace:
        return changed_in_place("selu_", input, selu)
    return SELU_SCALE * elu(input, SELU_ALPHA)


@checked
def softsign(input: Tensor) -> Tensor:
    """y = x / (1 + |x|)."""
    return input / (1 + mg.abs(input))


@checked
def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """y = e⁻ˣ / Σ e⁻ˣ along `dim`; see `softmax`."""
    dim = normalize_dim("softmin", input, softmax_dim("softmin", dim, input))
    return mg.softmax(-input if dtype is None else -input.to(dtype), dim)


@checked
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """y = x tanh(log(1 + eˣ))    (Misra 2019)."""
    if inplace:
        return changed_in_place("mish_", input, mish)
    return input * mg.tanh(softplus(input))


@checked
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """y = x where x > 0, else a x: weight a (1,), or (C,) for the C columns x (B, C, ...)

    Source: He et al. 2015. Raises ValueError if a has another size.
    """
    count = weight.numel()
    columns = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or count not in (1, columns):
        raise ValueError(f"prelu: expected weight (1,) or ({columns},), got {tuple(weight.shape)}")
    check_one_dtype("prelu", input=input, weight=weight)
    slopes = weight if input.ndim else weight.reshape(())
    if input.ndim > 1:
        slopes = weight.reshape(count, *[1] * (input.ndim - 2))  # (C,...)
    return mg.where(input > 0, input, slopes * input)


@checked
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """y = a σ(b), a and b being the two halves of x along `dim`    (Dauphin et al. 2017)."""
    dim = normalize_dim("glu", input, dim)
    if input.ndim == 0 or input.shape[dim] % 2:
        raise ValueError(f"glu: expected an even size at dim {dim}, got {tuple(input.shape)}")
    a, b = mg.chunk(input, 2, dim)
    return a * mg.sigmoid(b)


@checked
def gumbel_softmax(
    logits: Tensor, tau: float | Tensor = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((x + g) / tau), g fresh Gumbel noise -log(-log u)    (Jang et al. 2017).

    hard: the value is 1 at the largest and 0 elsewhere, the gradient that of the softmax. `eps` has
    no effect, as in PyTorch.
    """
    dim = normalize_dim("gumbel_softmax", logits, dim)
    if isinstance(tau, Tensor):
        broadcast_shape("gumbel_softmax", tuple(logits.shape), tuple(tau.shape))
    uniform = mg.random.generator().random(logits.shape)
    noise = logits.beside((-np.log(-np.log1p(-uniform))).astype(logits.dtype))
    soft = mg.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    size = logits.shape[dim]
    chosen = one_hot(soft.argmax(dim), size).movedim(-1, dim).to(soft.dtype)
    return chosen - soft.detach() + soft
