"""The activations as modules: each calls its function in `nn.functional`, with its settings."""

from __future__ import annotations

from typing import Any

from minigrad import Tensor, zeros

from . import functional as F
from .arguments import as_number, check_sizes, refuse_unsupported
from .checked import checked
from .init import constant_
from .module import Module
from .parameter import Parameter


class WithInplace(Module):
    """What the activations share whose only setting is PyTorch's `inplace`."""

    @checked
    def __init__(self, inplace: bool = False):
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Tanh(Module):
    """y = tanh x = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ), in (-1, 1)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class Sigmoid(Module):
    """y = σ(x) = 1 / (1 + e⁻ˣ), in (0, 1)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class ReLU(WithInplace):
    """y = max(x, 0)    (Nair & Hinton 2010)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, self.inplace)


class LeakyReLU(Module):
    """y = x where x > 0, else negative_slope x    (Maas et al. 2013)."""

    @checked
    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class ELU(Module):
    """y = x where x > 0, else α (eˣ - 1)    (Clevert et al. 2016)."""

    @checked
    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class SiLU(WithInplace):
    """y = x σ(x), also called swish    (Elfwing et al. 2018)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.silu(input, self.inplace)


class GELU(Module):
    """y = x Φ(x) = ½ x (1 + erf(x / √2)); see `functional.gelu`    (Hendrycks & Gimpel 2016)."""

    @checked
    def __init__(self, approximate: str = "none"):
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class Softplus(Module):
    """y = log(1 + e^(βx)) / β, and x itself where βx > threshold    (Dugas et al. 2001)."""

    @checked
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
    """y = eˣ / Σ eˣ along `dim`; without it see `functional.softmax`    (Bridle 1990)."""

    @checked
    def __init__(self, dim: int | None = None):
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """y = x - log Σ eˣ along `dim`; without it see `functional.log_softmax`."""

    @checked
    def __init__(self, dim: int | None = None):
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmin(Module):
    """y = e⁻ˣ / Σ e⁻ˣ along `dim`; without it see `functional.softmin`."""

    @checked
    def __init__(self, dim: int | None = None):
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Hardtanh(Module):
    """y = min(max(x, min_val), max_val)."""

    @checked
    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: None = None,
        max_value: None = None,
    ):
        refuse_unsupported(
            "Hardtanh", "write min_val and max_val", min_value=min_value, max_value=max_value
        )
        low = as_number("Hardtanh", "min_val", min_val)
        high = as_number("Hardtanh", "max_val", max_val)
        if not high > low:
            raise ValueError(
                f"Hardtanh: expected min_val below max_val, got {min_val} and {max_val}"
            )
        self.min_val = low
        self.max_val = high
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        ends = f"min_val={self.min_val}, max_val={self.max_val}"
        return ends + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """y = min(max(x, 0), 6)."""

    _fixed = frozenset({"min_val", "max_val"})

    @checked
    def __init__(self, inplace: bool = False):
        super().__init__(0.0, 6.0, inplace)

    @checked
    def forward(self, input: Tensor) -> Tensor:
        return F.relu6(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class SELU(WithInplace):
    """y = s x where x > 0, else s α (eˣ - 1): see `functional.selu`    (Klambauer et al. 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class Mish(WithInplace):
    """y = x tanh(log(1 + eˣ))    (Misra 2019)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.mish(input, self.inplace)


class Softsign(Module):
    """y = x / (1 + |x|), in (-1, 1)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


class PReLU(Module):
    """y = x where x > 0, else a x; weight a (num_parameters,) is learned    (He et al. 2015)."""

    @checked
    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ):
        self.num_parameters = num_parameters
        self.init = init
        check_sizes(type(self).__name__, 0, num_parameters=num_parameters)
        self.weight = Parameter(zeros((num_parameters,), device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class GLU(Module):
    """y = a σ(b), a and b being the two halves of x along `dim`    (Dauphin et al. 2017)."""

    @checked
    def __init__(self, dim: int = -1):
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
