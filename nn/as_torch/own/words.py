"""Names of `torch` itself that belong neither to minigrad nor to nn.

Settings that choose how PyTorch computes, and never what, are accepted and do nothing.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

import minigrad
from minigrad import no_grad, set_default_dtype
from minigrad.arguments import refuse_out
from minigrad.convert import Size
from minigrad.errors import shown
from minigrad.func import vmap
from minigrad.random import generator

from . import linalg, printing

__version__ = "2.13.0+minigrad"  # the version that the tests compare with
__all__ = [
    "__version__",
    "compile",
    "e",
    "finfo",
    "get_num_threads",
    "get_rng_state",
    "get_default_device",
    "iinfo",
    "inf",
    "inference_mode",
    "initial_seed",
    "is_complex",
    "is_floating_point",
    "is_tensor",
    "nan",
    "newaxis",
    "numel",
    "pi",
    "promote_types",
    "qr",
    "seed",
    "slogdet",
    "set_default_device",
    "set_default_tensor_type",
    "set_float32_matmul_precision",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "Size",
    "use_deterministic_algorithms",
    "vmap",
]

inf, nan, pi, e = math.inf, math.nan, math.pi, math.e
newaxis = None


def promote_types(type1: Any, type2: Any) -> Any:
    """The dtype of arithmetic with tensors of these two: of int64 and float32 it is float32."""
    a, b = minigrad.zeros(1, dtype=type1), minigrad.zeros(1, dtype=type2)
    return minigrad.where(a != 0, a, b).dtype


slogdet = linalg.slogdet


def qr(input: Any, some: bool = True, *, out: None = None) -> linalg.QR:
    """`torch.linalg.qr`, by its older name. Raises NotImplementedError for some=False."""
    refuse_out("qr", out)
    return linalg.qr(input, "reduced" if some else "complete")


class finfo:
    """The limits of a dtype of floats, by default the default one, as numbers of Python's."""

    def __init__(self, type: Any = None):
        limits = np.finfo(minigrad.get_default_dtype() if type is None else type)
        self.bits = int(limits.bits)
        self.dtype = str(limits.dtype)
        self.max, self.min = float(limits.max), float(limits.min)
        self.eps, self.tiny = float(limits.eps), float(limits.tiny)
        self.smallest_normal, self.resolution = self.tiny, float(limits.resolution)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        numbers = [f"{name}={getattr(self, name):g}" for name in names]
        return f"finfo({', '.join(numbers)}, dtype={self.dtype})"


class iinfo:
    """The limits of a dtype of integers, as numbers of Python's."""

    def __init__(self, type: Any):
        limits = np.iinfo(type)
        self.bits = int(limits.bits)
        self.dtype = str(limits.dtype)
        self.max, self.min = int(limits.max), int(limits.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


# What a tensor is


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, minigrad.Tensor)


def is_complex(input: minigrad.Tensor) -> bool:
    """Whether a tensor holds complex numbers."""
    return input.dtype.kind == "c"


def is_floating_point(input: minigrad.Tensor) -> bool:
    """Whether a tensor holds floats."""
    return input.dtype.kind == "f"


def numel(input: minigrad.Tensor) -> int:
    """The number of elements of a tensor."""
    return input.numel()


# Modes and defaults


def inference_mode(mode: Any = True) -> Any:
    """`no_grad`, also as a decorator. Unlike in PyTorch, a graph may use its tensors later."""
    if callable(mode):
        return no_grad(mode)
    return no_grad() if mode else minigrad.set_grad_enabled(minigrad.is_grad_enabled())


def set_default_device(device: Any) -> None:
    """Accept "cpu", where tensors are made. Raises NotImplementedError for another device."""
    if device is not None and minigrad.device(device).type != "cpu":
        raise NotImplementedError(
            f"set_default_device: {device!r} is not supported; give device= where a tensor is "
            "made, or move it with .to(device)"
        )


def get_default_device() -> minigrad.device:
    """The device "cpu", where tensors are made."""
    return minigrad.device("cpu")


def set_default_tensor_type(t: Any) -> None:
    """Make "torch.FloatTensor" or "torch.DoubleTensor", or that class, the default for floats."""
    name = t.rpartition(".")[2] if isinstance(t, str) else getattr(t, "__name__", None)
    dtypes = {"FloatTensor": minigrad.float32, "DoubleTensor": minigrad.float64}
    on_gpu = "cuda" in str(t if isinstance(t, str) else t.__module__)
    if name not in dtypes or on_gpu:
        raise NotImplementedError(
            f"set_default_tensor_type: {t} is not supported; use 'torch.FloatTensor' or "
            "'torch.DoubleTensor', and .to(device)"
        )
    set_default_dtype(dtypes[name])


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors are printed; see `printing`.

    profile: "default", "short" (2 digits) or "full" (all elements).
    """
    profiles: dict[Any, dict[str, Any]] = {
        None: {},
        "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
        "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
        "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
    }
    if profile not in profiles:
        expected = "'default', 'short' or 'full'"
        raise ValueError(f"set_printoptions: expected profile {expected}, got {shown(profile)}")
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    chosen = {key: value for key, value in given.items() if value is not None}
    vars(printing.OPTIONS).update({**profiles[profile], **chosen, "sci_mode": sci_mode})


# Random numbers. (Their stream is NumPy's, so the same seed draws other numbers than PyTorch.)


def seed() -> int:
    """Start the random numbers anew from the system's own; returns the seed."""
    chosen = int.from_bytes(os.urandom(7), "little")
    minigrad.manual_seed(chosen)
    return chosen


def initial_seed() -> int:
    """The seed of this thread's random numbers, as NumPy keeps it."""
    entropy: Any = getattr(generator().bit_generator.seed_seq, "entropy", 0)
    return int(entropy)


def get_rng_state() -> Any:
    """The state of the random numbers, for `set_rng_state`; a dict, where PyTorch has a tensor."""
    return generator().bit_generator.state


def set_rng_state(new_state: Any) -> None:
    """Go on with the random numbers where `get_rng_state` was called."""
    generator().bit_generator.state = new_state


# What chooses how PyTorch computes


def compile(model: Any = None, **settings: Any) -> Any:
    """The model itself: nothing is compiled here, and its values are the same."""
    if model is None:
        return lambda model: model
    return model


def get_num_threads() -> int:
    """The number of CPUs: NumPy's own library decides how many threads it uses."""
    return os.cpu_count() or 1


def set_num_threads(int: int) -> None:
    """Nothing: NumPy's library reads OMP_NUM_THREADS when Python starts."""


def set_float32_matmul_precision(precision: str) -> None:
    """Nothing: products of float32 are computed in float32."""


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Nothing: on the CPU each computation gives the same bits at each run."""
