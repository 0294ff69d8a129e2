"""Functions over the windows of an input: convolution, pooling, and padding before both.

x (B,C,L) in one dimension, (B,C,H,W) in two, or without the batch; sizes such as `kernel_size` are
one number, or one for each dimension. Each window is copied, so that a convolution is one product
with the weights for each sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor, byhand, ops
from minigrad.creation import check_holdable
from minigrad.errors import shown

from ..arguments import (
    check_integers,
    check_same_dtype,
    check_sizes,
    check_tensor,
    one_number,
    refuse_unsupported,
)
from ..checked import checked

Sizes = int | Sequence[int]


def size_per_dim(name: str, key: str, value: Any, count: int, least: int = 1) -> tuple[int, ...]:
    """One size for each of `count` dimensions. Raises if they are not integers, or too small."""
    sizes = (value,) * count if isinstance(value, Integral) else value
    if isinstance(sizes, tuple | list) and len(sizes) == 1:
        sizes = tuple(sizes) * count
    if not isinstance(sizes, tuple | list) or len(sizes) != count:
        got = shown(value) if not isinstance(value, tuple | list) else tuple(value)
        raise TypeError(f"{name}: expected {key} to be an integer or {count} of them, got {got}")
    check_sizes(name, least, **{f"{key}[{i}]": size for i, size in enumerate(sizes)})
    return tuple([int(size) for size in sizes])


def check_fits(name: str, x: Tensor, kernel: Sequence[int], dilation: Sequence[int]) -> None:
    """Raise ValueError unless x (B,C,*sizes) has room for a window."""
    for i in range(len(kernel)):
        span = dilation[i] * (kernel[i] - 1) + 1
        size = x.shape[2 + i]
        if size < span:
            raise ValueError(
                f"{name}: expected an input, with its padding, of at least {span} at dim {2 + i}, "
                f"got {size}"
            )


def with_batch(name: str, x: Any, n: int) -> Tensor:
    """x (C,*sizes) as a batch of one; (B,C,*sizes) as it is."""
    check_tensor(name, "input", x)
    if x.ndim not in (n + 1, n + 2):
        raise ValueError(
            f"{name}: expected input of {n + 2} dimensions, or {n + 1} without a batch, "
            f"got {tuple(x.shape)}"
        )
    batch: Tensor = x if x.ndim == n + 2 else x[None]
    return batch


# Convolution


@checked
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Any = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """y_ol = Σ_ck W_ock x_c(l+k) + b_o: x (B,C,L), weight (O,C/groups,K), bias (O,), y (B,O,P).

    Windows are `stride` apart, their elements `dilation`. padding: as many zeros at both ends, or
    "same" or "valid". groups: so many convolutions side by side, of a part of the channels each.
    """
    return convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@checked
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Any = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """`conv1d` in two dimensions: x (B,C,H,W), weight (O,C/groups,K,L), y (B,O,P,Q)."""
    return convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def convolve(
    name: str,
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Any,
    dilation: Sizes,
    groups: int,
) -> Tensor:
    """A convolution in n dimensions: the product of each window with the weights."""
    x = with_batch(name, input, n)
    check_tensor(name, "weight", weight)
    check_same_dtype(name, "input", x, weight)
    check_integers(name, 1, groups=groups)
    C = x.shape[1]
    if weight.ndim != n + 2 or weight.shape[0] % groups:
        raise ValueError(
            f"{name}: expected weight (out, in / {groups}, ...) for {C} channels in, "
            f"got {tuple(weight.shape)}"
        )
    if C != weight.shape[1] * groups:
        raise ValueError(
            f"{name}: expected input of {weight.shape[1] * groups} channels at dim {-n - 1}, for "
            f"weight {tuple(weight.shape)} and groups={groups}, got {tuple(input.shape)}"
        )
    check_same_dtype(name, "bias", bias, weight)
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ValueError(f"{name}: expected bias ({weight.shape[0]},), got {tuple(bias.shape)}")
    stride = size_per_dim(name, "stride", stride, n)
    dilation = size_per_dim(name, "dilation", dilation, n)
    kernel = weight.shape[2:]
    ends = ends_of(name, padding, kernel, stride, dilation)
    if any(ends):
        x = pad(x, ends)
    check_fits(name, x, kernel, dilation)
    y = byhand.convolution(x, weight, stride=stride, dilation=dilation)  # (B,O,*P)
    if bias is not None:
        y = y + bias.reshape(-1, *[1] * n)
    return y if input.ndim == n + 2 else y[0]


def ends_of(
    name: str,
    padding: Any,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    """How many zeros a convolution puts before and after each dimension, as `pad` takes them."""
    n = len(kernel)
    if not isinstance(padding, str):
        return on_both_sides(size_per_dim(name, "padding", padding, n, least=0))
    if padding == "valid":
        return [0, 0] * n
    if padding != "same":
        raise ValueError(f"{name}: expected padding in numbers, 'same' or 'valid', got {padding!r}")
    if any([s != 1 for s in stride]):
        raise ValueError(f"{name}: expected stride=1 with padding='same', got {tuple(stride)}")
    ends = []
    for size, step in zip(reversed(kernel), reversed(dilation), strict=True):
        total = step * (size - 1)
        ends += [total // 2, total - total // 2]
    return ends


def on_both_sides(sizes: Sequence[int]) -> list[int]:
    """Padding of each dimension as `pad` takes it: before and after, from the last dimension on."""
    ends = []
    for size in reversed(sizes):
        ends += [size, size]
    return ends


# Pooling


@checked
def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Any = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The largest element of each window: x (B,C,L), y (B,C,P). stride: by default the kernel."""
    refuse_pooling("max_pool1d", ceil_mode=ceil_mode, return_indices=return_indices)
    return max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation)


@checked
def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Any = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """`max_pool1d` in two dimensions: x (B,C,H,W), y (B,C,P,Q)."""
    refuse_pooling("max_pool2d", ceil_mode=ceil_mode, return_indices=return_indices)
    return max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation)


@checked
def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Any = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window, its zeros of padding counted: x (B,C,L), y (B,C,P)."""
    refuse_pooling("avg_pool1d", ceil_mode=ceil_mode)
    return avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, count_include_pad)


@checked
def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Any = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """`avg_pool1d` in two dimensions: x (B,C,H,W), y (B,C,P,Q)."""
    refuse_pooling("avg_pool2d", ceil_mode=ceil_mode, divisor_override=divisor_override)
    return avg_pool("avg_pool2d", 2, input, kernel_size, stride, padding, count_include_pad)


def max_pool(
    name: str, n: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> Tensor:
    """The largest element of each window; of equal ones the first gets the gradient."""
    sizes = size_per_dim(name, "dilation", dilation, n)
    x, windows = padded_for(name, n, input, kernel_size, stride, padding, sizes, -math.inf)
    y: Tensor = byhand.max_pool(x, **windows)  # (B,C,*P)
    return y if input.ndim == n + 2 else y[0]


def avg_pool(
    name: str,
    n: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    with_padding: bool,
) -> Tensor:
    """The mean of each window, its padding counted or not."""
    sizes = (kernel_size, stride, padding, (1,) * n)

    def mean(input: Tensor) -> Tensor:
        x, windows = padded_for(name, n, input, *sizes, 0.0)
        return ops.take_windows(x, **windows).flatten(2, 1 + n).mean(2)

    y = mean(input)  # (B,C,*P)
    if not with_padding:
        y = y / mean(mg.ones_like(input).detach())
    return y if input.ndim == n + 2 else y[0]


def padded_for(
    name: str,
    n: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Sequence[int],
    value: float,
) -> tuple[Tensor, dict[str, Any]]:
    """The input of a pooling as a batch with its padding, and what its windows are.

    `value` fills the padding, which is at most half a window.
    """
    x = with_batch(name, input, n)
    kernel = size_per_dim(name, "kernel_size", kernel_size, n)
    strides = kernel if stride is None else size_per_dim(name, "stride", stride, n)
    ends = size_per_dim(name, "padding", padding, n, least=0)
    if any([2 * end > size for end, size in zip(ends, kernel)]):
        raise ValueError(
            f"{name}: expected padding of at most half of kernel_size={kernel}, got {ends}"
        )
    if any(ends):
        x = pad(x, on_both_sides(ends), value=value)
    check_fits(name, x, kernel, dilation)
    return x, {"kernel": kernel, "stride": strides, "dilation": tuple(dilation)}


def refuse_pooling(name: str, **settings: Any) -> None:
    """Raise NotImplementedError for what PyTorch's pooling does besides."""
    refuse_unsupported(name, "leave it out", **settings)


# Padding


@checked
def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Put `value`, by default 0, before and after along each of the last dimensions.

    pad: (before, after) of the last dimension, then of the one before it, ...; a negative number
    cuts. Raises NotImplementedError for a mode other than "constant", ValueError if integers cannot
    hold the value.

    >>> pad(mg.tensor([1, 2]), (1, 2)).tolist()
    [0, 1, 2, 0, 0]
    """
    check_tensor("pad", "input", input)
    if not isinstance(mode, str) or mode != "constant":
        raise NotImplementedError(f"pad: mode={shown(mode)} is not supported; use mode='constant'")
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad: expected pad to be a tuple, got a {type(pad).__name__}")
    sizes = [one_number(size) for size in pad]
    if not all([isinstance(size, Integral) for size in sizes]):
        raise TypeError(f"pad: expected pad to be a tuple of integers, got {shown(sizes)}")
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(
            f"pad: expected a pair (before, after) for at most {input.ndim} dimensions, "
            f"got {tuple(pad)}"
        )
    if not pad:
        return input.clone()
    value = 0.0 if value is None else value
    check_holdable("pad", np.asarray(value), input.dtype)
    for k in range(len(sizes) // 2):
        before, after = sizes[2 * k], sizes[2 * k + 1]
        input = pad_dim(input, input.ndim - 1 - k, before, after, value)
    return input


def pad_dim(input: Tensor, dim: int, before: int, after: int, value: float) -> Tensor:
    """`input` with as many `value`s before and after it along `dim`; a negative number cuts."""
    size = input.shape[dim]
    start = max(-before, 0)
    stop = size - max(-after, 0)
    if stop < start or size + before + after < 0:
        raise ValueError(f"pad: cannot cut {-before} and {-after} from dim {dim} of size {size}")
    parts = []
    if before > 0:
        parts.append(filled_like(input, dim, before, value))
    parts.append(input[(slice(None),) * dim + (slice(start, stop),)])
    if after > 0:
        parts.append(filled_like(input, dim, after, value))
    return mg.cat(parts, dim)


def filled_like(input: Tensor, dim: int, size: int, value: float) -> Tensor:
    """A tensor full of `value`, like `input` but of this size along `dim`."""
    shape = [*input.shape]
    shape[dim] = size
    return input.beside(np.full(shape, value, input.dtype))
