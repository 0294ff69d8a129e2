"""Initial values, written into a tensor in place. Names and distributions are PyTorch's.

A matrix of shape (out, in) has fan_in = in and fan_out = out. Each function returns the tensor, and
raises TypeError if it is not a Tensor or a setting is not a number. The numbers come from
minigrad's random generator: `minigrad.manual_seed` takes the place of PyTorch's `generator`.
"""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

import numpy as np

from minigrad import Tensor, no_grad
from minigrad.errors import shown
from minigrad.random import generator as default_generator

from .arguments import as_finite, as_number, check_tensor, refuse_unsupported
from .module import Module

GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through `nonlinearity`.

    param: the slope of leaky_relu, 0.01 by default. Raises ValueError for an unknown nonlinearity.
    """
    return named_gain("calculate_gain", nonlinearity, param)


def named_gain(name: str, nonlinearity: Any, param: Any) -> float:
    """calculate_gain, whose errors begin with `name`."""
    known = ("leaky_relu", *GAINS)
    if not isinstance(nonlinearity, str) or nonlinearity not in known:
        raise ValueError(
            f"{name}: expected a nonlinearity among {', '.join(known)}, got {shown(nonlinearity)}"
        )
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else as_number(name, "param", param)
        return math.sqrt(2 / (1 + float(slope) ** 2))
    return GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: None = None) -> Tensor:
    """U(a, b). Raises ValueError if b is below a."""
    check_arguments("uniform_", tensor, generator)
    a = as_number("uniform_", "a", a)
    b = as_number("uniform_", "b", b)
    if not a <= b or not math.isfinite(float(b) - float(a)):
        raise ValueError(f"uniform_: expected finite a of at most b, got {a} and {b}")
    return fill(tensor, default_generator().uniform(a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: None = None) -> Tensor:
    """N(mean, std²). Raises ValueError if std is below 0."""
    check_arguments("normal_", tensor, generator)
    mean = as_number("normal_", "mean", mean)
    std = as_number("normal_", "std", std)
    if not std >= 0:
        raise ValueError(f"normal_: expected std of at least 0, got {std}")
    return fill(tensor, default_generator().normal(mean, std, tensor.shape))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """The number `val` everywhere."""
    return fill_with("constant_", tensor, as_number("constant_", "val", val))


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return fill_with("zeros_", tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return fill_with("ones_", tensor, 1)


def fill_with(name: str, tensor: Tensor, value: Any) -> Tensor:
    """One number everywhere. Raises TypeError if the tensor cannot hold it."""
    check_tensor(name, "tensor", tensor)
    is_whole = isinstance(value, Integral) and abs(int(value)) < 2**31
    if tensor.dtype.kind != "f" and not is_whole:
        raise TypeError(f"{name}: expected a number that {tensor.dtype} can hold, got {value}")
    return fill(tensor, value if is_whole else float(value))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: None = None) -> Tensor:
    """U(-a, a), a = gain √(6 / (fan_in + fan_out))    (Glorot & Bengio 2010, eq. 16)."""
    check_arguments("xavier_uniform_", tensor, generator)
    gain = as_factor("xavier_uniform_", gain)
    fan_in, fan_out = fans("xavier_uniform_", tensor)
    a = gain * math.sqrt(6 / (fan_in + fan_out))
    return uniform_(tensor, -a, a)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: None = None) -> Tensor:
    """N(0, std²), std = gain √(2 / (fan_in + fan_out))    (Glorot & Bengio 2010, eq. 12)."""
    check_arguments("xavier_normal_", tensor, generator)
    gain = as_factor("xavier_normal_", gain)
    fan_in, fan_out = fans("xavier_normal_", tensor)
    std = gain * math.sqrt(2 / (fan_in + fan_out))
    return normal_(tensor, 0.0, std)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: None = None,
) -> Tensor:
    """U(-b, b), b = gain √(3 / fan); `a` is the slope of leaky_relu    (He et al. 2015)."""
    check_arguments("kaiming_uniform_", tensor, generator)
    if not tensor.numel():
        fans("kaiming_uniform_", tensor)
        return tensor
    std = kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -math.sqrt(3) * std, math.sqrt(3) * std)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: None = None,
) -> Tensor:
    """N(0, std²), std = gain / √fan; `a` is the slope of leaky_relu    (He et al. 2015)."""
    check_arguments("kaiming_normal_", tensor, generator)
    if not tensor.numel():
        fans("kaiming_normal_", tensor)
        return tensor
    return normal_(tensor, 0.0, kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity))


def kaiming_std(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """gain / √fan, the standard deviation that keeps the variance."""
    a = as_finite(name, "a", a)
    fan_in, fan_out = fans(name, tensor)
    if not isinstance(mode, str) or mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: expected mode 'fan_in' or 'fan_out', got {shown(mode)}")
    fan = fan_in if mode == "fan_in" else fan_out
    return named_gain(name, nonlinearity, a) / math.sqrt(fan)


def eye_(tensor: Tensor) -> Tensor:
    """1 on the diagonal of a matrix, 0 elsewhere."""
    check_tensor("eye_", "tensor", tensor)
    if tensor.ndim != 2:
        raise ValueError(f"eye_: expected a matrix, got {tuple(tensor.shape)}")
    return fill(tensor, np.eye(*tensor.shape))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: None = None,
) -> Tensor:
    """N(mean, std²) among the values from a to b: what lies outside is drawn again."""
    name = "trunc_normal_"
    check_arguments(name, tensor, generator)
    mean, std = as_number(name, "mean", mean), as_number(name, "std", std)
    a, b = as_number(name, "a", a), as_number(name, "b", b)
    are_finite = all([math.isfinite(float(n)) for n in (mean, std, a, b)])
    if not are_finite or not a < b or not std > 0 or not a - 4 * std < mean < b + 4 * std:
        raise ValueError(
            f"{name}: expected finite a below b, with the mean at most 4 std outside, "
            f"got mean={mean}, std={std}, a={a}, b={b}"
        )
    random = default_generator()
    is_wide = std > b - a  # then few draws of N would be inside
    values = np.full(tensor.shape, np.inf)
    outside = np.ones(tensor.shape, bool)
    while outside.any():
        if is_wide:
            values[outside] = drawn_inside(mean, std, a, b, outside.sum(), random)
        else:
            values[outside] = random.normal(mean, std, outside.sum())
        outside = (values < a) | (values > b)
    return fill(tensor, values)


def drawn_inside(mean: float, std: float, a: float, b: float, count: int, random: Any) -> Any:
    """Draws from U(a, b), each kept as often as N has it; infinity in place of the others."""
    drawn = random.uniform(a, b, count)
    nearest = min(max(mean, a), b)
    densities = np.exp((((nearest - mean) / std) ** 2 - ((drawn - mean) / std) ** 2) / 2)
    return np.where(random.random(count) < densities, drawn, np.inf)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: None = None) -> Tensor:
    """gain Q, Q uniform among the matrices with orthonormal rows or columns.

    Sources: Saxe et al. 2014; Mezzadri 2007 for the uniform distribution.
    """
    check_arguments("orthogonal_", tensor, generator)
    gain = as_finite("orthogonal_", "gain", gain)
    fans("orthogonal_", tensor)
    if not tensor.numel():
        return tensor
    rows = len(tensor)
    columns = tensor.numel() // rows
    random = default_generator().standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(random)
    q *= np.sign(np.diag(r))  # without it Q would not be uniform
    if rows < columns:
        q = q.T
    return fill(tensor, gain * q.reshape(tensor.shape))


def fill(tensor: Tensor, values: Any) -> Tensor:
    """Write `values`, drawn on the host in float64, into `tensor`, of any dtype and device."""
    with no_grad():
        return tensor.copy_(values)


def fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """fan_in and fan_out; further dimensions are those of a kernel, and multiply both."""
    if tensor.ndim < 2:
        raise ValueError(
            f"{name}: expected a tensor with fan in and out, which 2 dimensions have, "
            f"got {tuple(tensor.shape)}"
        )
    out_size, in_size, *kernel = tensor.shape
    return in_size * math.prod(kernel), out_size * math.prod(kernel)


def as_factor(name: str, gain: Any) -> float:
    """A gain. Raises ValueError if it is below 0, or not finite."""
    number = float(as_number(name, "gain", gain))
    if not 0 <= number < math.inf:
        raise ValueError(f"{name}: expected a finite gain of at least 0, got {number}")
    return number


def check_arguments(name: str, tensor: Any, generator: Any) -> None:
    """Raise if the tensor is none of floats, or a generator is given."""
    check_tensor(name, "tensor", tensor)
    if tensor.dtype.kind != "f":
        raise TypeError(f"{name}: expected a tensor of floats, got {shown(tensor)}; use .float()")
    refuse_unsupported(name, "use minigrad.manual_seed(...)", generator=generator)


# Biases of gates


def forget_bias_(module: Any, value: float) -> Any:
    """Let the two biases of each forget gate of an LSTM or LSTMCell add up to `value`.

    The other gates stay. 1 lets the gates start open (Jozefowicz et al. 2015). Raises TypeError for
    another module, or one without biases.
    """
    value = as_finite("forget_bias_", "value", value)
    check_has_gate("forget_bias_", module, ["f"], "an LSTM or LSTMCell")
    for suffix in suffixes_of(module):
        set_gate_bias(module, suffix, "f", value)
    return module


def chrono_(module: Any, t_max: int) -> Any:
    """Let each unit start with a memory of about u steps, u ~ U(1, t_max - 1).

    LSTM, LSTMCell: b_f = log u, b_i = -log u. GRU, GRUCell: b_z = log u, z being the gate that
    keeps the state. Each is the sum of two biases. `t_max` is the longest dependency of the task
    (Tallec & Ollivier 2018). Raises ValueError if it is not above 2, TypeError for another module,
    or one without biases.
    """
    longest = check_longest("chrono_", "t_max", t_max)
    check_has_gate("chrono_", module, ["f", "z"], "an LSTM, LSTMCell, GRU or GRUCell")
    for suffix in suffixes_of(module):
        u = default_generator().uniform(1, longest - 1, module.hidden_size)
        if "f" in gate_names_of(module):
            set_gate_bias(module, suffix, "f", np.log(u))
            set_gate_bias(module, suffix, "i", -np.log(u))
        else:
            set_gate_bias(module, suffix, "z", np.log(u))
    return module


def check_longest(name: str, key: str, value: Any) -> float:
    """The longest dependency, as a number. Raises ValueError if it is not above 2."""
    number: float = as_number(name, key, value)
    if not 2 < number < math.inf:
        raise ValueError(
            f"{name}: expected {key} above 2, the longest dependency, got {number}: "
            f"U(1, {key} - 1) would be empty"
        )
    return number


def set_gate_bias(module: Any, suffix: str, gate: str, value: Any) -> None:
    """Write `value`, a number or (H,), into a gate's rows of bias_ih, and 0 into bias_hh's."""
    H = module.hidden_size
    start = gate_names_of(module).index(gate) * H
    rows = slice(start, start + H)
    getattr(module, f"bias_ih{suffix}").detach()[rows].copy_(value)
    getattr(module, f"bias_hh{suffix}").detach()[rows].zero_()


def gate_names_of(module: Any) -> tuple[str, ...]:
    """The gates of a recurrent cell or layer, none of another module."""
    return getattr(module, "gate_names", ())


def suffixes_of(module: Any) -> list[str]:
    """The ends of the names of a module's biases: "", or "_l0", "_l0_reverse" ..."""
    names = [name for name, _ in module.named_parameters() if name.startswith("bias_ih")]
    return [name.removeprefix("bias_ih") for name in names]


def check_has_gate(name: str, module: Any, gates: list[str], kinds: str) -> None:
    """Raise TypeError if a module has none of the gates, or has them without biases."""
    has_gate = any([gate in gate_names_of(module) for gate in gates])
    if not has_gate or not suffixes_of(module):
        got = repr(module) if isinstance(module, Module) else shown(module)
        raise TypeError(f"{name}: expected {kinds} with bias=True, got {got:.80}")
