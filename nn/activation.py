"""The activations as modules: each calls its function in `nn.functional`, with its settings."""

from __future__ import annotations

from minigrad import Tensor

from . import functional as F
from .module import Module


class Tanh(Module):
    """y = tanh x = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ), in (-1, 1)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Sigmoid(Module):
    """y = σ(x) = 1 / (1 + e⁻ˣ), in (0, 1)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class ReLU(Module):
    """y = max(x, 0)    (Nair & Hinton 2010)."""

    def __init__(self, inplace: bool = False):
        F.refuse_inplace("ReLU", inplace)

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input)


class LeakyReLU(Module):
    """y = x where x > 0, else negative_slope x    (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        F.refuse_inplace("LeakyReLU", inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """y = x where x > 0, else α (eˣ - 1)    (Clevert et al. 2016)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        F.refuse_inplace("ELU", inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class SiLU(Module):
    """y = x σ(x), also called swish    (Elfwing et al. 2018)."""

    def __init__(self, inplace: bool = False):
        F.refuse_inplace("SiLU", inplace)

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input)


class GELU(Module):
    """y = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))    (Hendrycks & Gimpel 2016).

    This is approximate="tanh". PyTorch's default, "none", raises NotImplementedError when it is
    called, since NumPy has no erf.
    """

    def __init__(self, approximate: str = "none"):
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """y = log(1 + e^(βx)) / β, and x itself where βx > threshold    (Dugas et al. 2001)."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class LogSigmoid(Module):
    """y = log σ(x), without overflow."""

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softmax(Module):
    """y = eˣ / Σ eˣ along `dim`, which must be given    (Bridle 1990)."""

    def __init__(self, dim: int | None = None):
        self.dim = F.check_softmax_dim("Softmax", dim)

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """y = x - log Σ eˣ along `dim`, which must be given."""

    def __init__(self, dim: int | None = None):
        self.dim = F.check_softmax_dim("LogSoftmax", dim)

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
