"""Transposed convolution: the map by which the gradient of a convolution goes back to its input.

Where a convolution reads a window for each place of its result, this adds one for each place of its
input. Sizes such as `stride` are one number, or one for each dimension.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from minigrad import Tensor, ops

from ..arguments import check_integers, check_same_dtype, check_tensor
from ..checked import checked
from .windows import Sizes, size_per_dim, with_batch


@checked
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The transpose of `conv1d`: x (B,C,P), weight (C,O/groups,K), bias (O,), y (B,O,L).

    Each x_cp adds W_cok x_cp to y_o at p·stride + k·dilation. `output_padding` zeros are put at the
    end of the result, and then `padding` elements cut off at both ends.
    """
    settings = (stride, padding, output_padding, groups, dilation)
    return convolve_transposed("conv_transpose1d", 1, input, weight, bias, *settings)


@checked
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """`conv_transpose1d` in two dimensions: x (B,C,P,Q), weight (C,O/groups,K,L), y (B,O,H,W)."""
    settings = (stride, padding, output_padding, groups, dilation)
    return convolve_transposed("conv_transpose2d", 2, input, weight, bias, *settings)


def convolve_transposed(
    name: str,
    n: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    groups: int,
    dilation: Sizes,
) -> Tensor:
    """A transposed convolution in n dimensions: the window of each element is added to the rest."""
    x = with_batch(name, input, n)
    check_weight(name, n, x, weight, bias, groups)
    stride = size_per_dim(name, "stride", stride, n)
    dilation = size_per_dim(name, "dilation", dilation, n)
    padding = size_per_dim(name, "padding", padding, n, least=0)
    more = size_per_dim(name, "output_padding", output_padding, n, least=0)
    check_output_padding(name, more, stride, dilation)
    B, C, *sizes = x.shape
    O = weight.shape[1] * groups
    kernel = weight.shape[2:]
    whole = []  # the sizes of the result before padding is cut off
    for i in range(n):
        size = stride[i] * (sizes[i] - 1) + dilation[i] * (kernel[i] - 1) + 1 + more[i]
        if size <= 2 * padding[i]:
            raise ValueError(
                f"{name}: expected padding[{i}] less than half of {size}, got {padding[i]}"
            )
        whole.append(size)
    columns = x.reshape(B, groups, C // groups, math.prod(sizes))  # (B,G,C/G,P)
    weights = weight.reshape(groups, C // groups, -1).mT  # (G,O/G·K,C/G)
    windows = (weights @ columns).reshape(B, O, *kernel, *sizes)  # (B,O,*K,*P)
    y = ops.add_windows(windows, sizes=tuple(whole), stride=stride, dilation=dilation)
    for i in range(n):
        y = y.narrow(2 + i, padding[i], whole[i] - 2 * padding[i])  # (B,O,*L)
    if bias is not None:
        y = y + bias.reshape(-1, *[1] * n)
    return y if input.ndim == n + 2 else y[0]


def check_weight(
    name: str, n: int, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int
) -> None:
    """Raise where weight, bias and groups do not fit an input (B,C,...)."""
    check_tensor(name, "weight", weight)
    check_same_dtype(name, "input", x, weight)
    check_integers(name, 1, groups=groups)
    C = x.shape[1]
    if weight.ndim != n + 2 or weight.shape[0] != C or C % groups:
        raise ValueError(
            f"{name}: expected weight (in, out / {groups}, ...) for {C} channels in, "
            f"got {tuple(weight.shape)}"
        )
    check_same_dtype(name, "bias", bias, weight)
    O = weight.shape[1] * groups
    if bias is not None and tuple(bias.shape) != (O,):
        raise ValueError(f"{name}: expected bias ({O},), got {tuple(bias.shape)}")


def check_output_padding(
    name: str, more: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> None:
    """Raise ValueError where `output_padding` is not less than the stride or the dilation."""
    for i, size in enumerate(more):
        if size >= max(stride[i], dilation[i]):
            raise ValueError(
                f"{name}: expected output_padding[{i}] less than stride {stride[i]} "
                f"or dilation {dilation[i]}, got {size}"
            )
