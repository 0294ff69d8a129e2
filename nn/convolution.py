"""Convolution, pooling and normalization over the batch as modules: x (B,C,L) or (B,C,H,W)."""

from __future__ import annotations

import math
from typing import Any

import minigrad as mg
from minigrad import Tensor, zeros

from . import functional as F
from . import init
from .arguments import check_same_dtype, check_sizes, check_tensor, refuse_unsupported
from .checked import checked
from .functional.transposed import check_output_padding, convolve_transposed
from .functional.windows import Sizes, convolve, ends_of, refuse_pooling, size_per_dim
from .layers import Dropout
from .module import Module
from .parameter import Parameter


class Convolution(Module):
    """What Conv1d and Conv2d share. weight and bias start as U(-k, k), k = 1/√fan_in."""

    n: int  # how many dimensions
    bias: Parameter | None

    @checked
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Any = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        name = type(self).__name__
        if not isinstance(padding_mode, str) or padding_mode != "zeros":
            raise NotImplementedError(
                f"{name}: padding_mode={padding_mode!r} is not supported; use 'zeros'"
            )
        check_sizes(name, 1, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: expected channels that are multiples of groups={groups}, "
                f"got {in_channels} and {out_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = size_per_dim(name, "kernel_size", kernel_size, self.n)
        self.stride = size_per_dim(name, "stride", stride, self.n)
        self.dilation = size_per_dim(name, "dilation", dilation, self.n)
        ends_of(name, padding, self.kernel_size, self.stride, self.dilation)  # raises
        is_word = isinstance(padding, str)
        self.padding = (
            padding if is_word else size_per_dim(name, "padding", padding, self.n, least=0)
        )
        self.groups = groups
        shape = (*self.channels_of_weight(), *self.kernel_size)
        self.weight = Parameter(zeros(shape, device=device, dtype=dtype))
        self.bias = None
        if bias:
            self.bias = Parameter(zeros(out_channels, device=device, dtype=dtype))
        self.reset_parameters()

    def channels_of_weight(self) -> tuple[int, int]:
        return self.out_channels, self.in_channels // self.groups

    def reset_parameters(self) -> None:
        k = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
        for param in self.parameters():
            init.uniform_(param, -k, k)

    def forward(self, input: Tensor) -> Tensor:
        settings = (self.stride, self.padding, self.dilation, self.groups)
        return convolve(f"conv{self.n}d", self.n, input, self.weight, self.bias, *settings)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        if isinstance(self.padding, str) or any(self.padding):
            text += f", padding={self.padding}"
        if any([step != 1 for step in self.dilation]):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        return text if self.bias is not None else f"{text}, bias=False"


class Conv1d(Convolution):
    """y_ol = Σ_ck W_ock x_c(l+k) + b_o: x (B,C,L), y (B,O,P); see `functional.conv1d`."""

    n = 1


class Conv2d(Convolution):
    """`Conv1d` in two dimensions: x (B,C,H,W), y (B,O,P,Q)    (LeCun et al. 1989)."""

    n = 2


class TransposedConvolution(Convolution):
    """What ConvTranspose1d and ConvTranspose2d share."""

    @checked
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        settings = (stride, padding, dilation, groups, bias, padding_mode, device, dtype)
        super().__init__(in_channels, out_channels, kernel_size, *settings)
        name = type(self).__name__
        self.output_padding = size_per_dim(name, "output_padding", output_padding, self.n, least=0)
        check_output_padding(name, self.output_padding, self.stride, self.dilation)

    def channels_of_weight(self) -> tuple[int, int]:
        return self.in_channels, self.out_channels // self.groups

    def forward(self, input: Tensor, output_size: None = None) -> Tensor:
        refuse_unsupported(
            type(self).__name__, "use output_padding in its place", output_size=output_size
        )
        settings = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        name = f"conv_transpose{self.n}d"
        return convolve_transposed(name, self.n, input, self.weight, self.bias, *settings)

    def extra_repr(self) -> str:
        text = super().extra_repr()
        if not any(self.output_padding):
            return text
        known, groups, rest = text.partition(", groups=")
        if not groups:
            known, groups, rest = text.partition(", bias=")
        return f"{known}, output_padding={self.output_padding}{groups}{rest}"


class ConvTranspose1d(TransposedConvolution):
    """The transpose of Conv1d: x (B,C,P), y (B,O,L); see `functional.conv_transpose1d`."""

    n = 1


class ConvTranspose2d(TransposedConvolution):
    """`ConvTranspose1d` in two dimensions: x (B,C,P,Q), y (B,O,H,W)    (Zeiler et al. 2010)."""

    n = 2


class Pooling(Module):
    """What the pooling modules share: their settings, in the order of PyTorch's text."""

    @checked
    def __init__(self, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0):
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool1d(Pooling):
    """The largest element of each window: x (B,C,L), y (B,C,P)."""

    pool = staticmethod(F.max_pool1d)

    @checked
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Any = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        name = type(self).__name__
        refuse_pooling(name, return_indices=return_indices, ceil_mode=ceil_mode)
        super().__init__(kernel_size, stride, padding)
        self.dilation = dilation

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(input, self.kernel_size, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, dilation={self.dilation}, ceil_mode=False"


class MaxPool2d(MaxPool1d):
    """`MaxPool1d` in two dimensions: x (B,C,H,W), y (B,C,P,Q)."""

    pool = staticmethod(F.max_pool2d)


class AvgPool1d(Pooling):
    """The mean of each window: x (B,C,L), y (B,C,P)."""

    @checked
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Any = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        refuse_pooling("AvgPool1d", ceil_mode=ceil_mode)
        # PyTorch keeps and prints these as tuples in this class alone.
        kernel = size_per_dim("AvgPool1d", "kernel_size", kernel_size, 1)
        strides = kernel if stride is None else size_per_dim("AvgPool1d", "stride", stride, 1)
        ends = size_per_dim("AvgPool1d", "padding", padding, 1, least=0)
        super().__init__(kernel, strides, ends)
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        sizes = (self.kernel_size, self.stride, self.padding)
        return F.avg_pool1d(input, *sizes, count_include_pad=self.count_include_pad)


class AvgPool2d(Pooling):
    """`AvgPool1d` in two dimensions: x (B,C,H,W), y (B,C,P,Q)."""

    @checked
    def __init__(
        self,
        kernel_size: Sizes,
        stride: Any = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        refuse_pooling("AvgPool2d", ceil_mode=ceil_mode, divisor_override=divisor_override)
        super().__init__(kernel_size, stride, padding)
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        sizes = (self.kernel_size, self.stride, self.padding)
        return F.avg_pool2d(input, *sizes, count_include_pad=self.count_include_pad)


class Dropout1d(Dropout):
    """Dropout of whole channels: x (B,C,L), or (C,L)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(Dropout):
    """Dropout of whole channels: x (B,C,H,W), or (C,H,W)."""

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class BatchNorm1d(Module):
    """y = w (x - mean) / √(var + eps) + b for each of num_features channels; see `batch_norm`.

    x (B,C) or (B,C,L). momentum: the share of each new batch in running_mean and running_var; None
    gives all batches the same. Source: Ioffe & Szegedy 2015.
    """

    ndims: tuple[int, ...] = (2, 3)
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    @checked
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        check_sizes(type(self).__name__, 1, num_features=num_features)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats

        def vector() -> Tensor:
            return zeros(num_features, device=device, dtype=dtype)

        self.weight = Parameter(vector()) if affine else None
        self.bias = Parameter(vector()) if affine and bias else None
        if track_running_stats:
            self.register_buffer("running_mean", vector())
            self.register_buffer("running_var", vector())
            count = zeros((), device=device, dtype=mg.int64)
            self.register_buffer("num_batches_tracked", count)
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Start again: a mean of 0, a variance of 1, no batch counted."""
        if self.running_mean is not None:
            init.zeros_(self.running_mean)
        if self.running_var is not None:
            init.ones_(self.running_var)
        if self.num_batches_tracked is not None:
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    @checked
    def forward(self, input: Tensor) -> Tensor:
        name = type(self).__name__
        check_tensor(name, "input", input)
        if input.ndim not in self.ndims or input.shape[1] != self.num_features:
            raise ValueError(
                f"{name}: expected input (batch, {self.num_features}, ...) of "
                f"{' or '.join(map(str, self.ndims))} dimensions, got {tuple(input.shape)}"
            )
        check_same_dtype(name, "input", input, self.weight)
        is_training = self.training or self.running_mean is None
        has_stats = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if has_stats else None,
            self.running_var if has_stats else None,
            self.weight,
            self.bias,
            is_training,
            self.next_momentum(),
            self.eps,
        )

    def next_momentum(self) -> float:
        """The share of this batch in the running values; in training the batch is counted."""
        is_counted = self.training and self.track_running_stats
        if is_counted and self.num_batches_tracked is not None:
            check_tensor(type(self).__name__, "num_batches_tracked", self.num_batches_tracked)
            self.num_batches_tracked.copy_(self.num_batches_tracked + 1)
        if self.momentum is not None:
            return self.momentum
        return 1 / max(int(self.num_batches_tracked or 0), 1)

    def extra_repr(self) -> str:
        text = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
        text += f", affine={self.affine}, bias={self.bias is not None}"
        return f"{text}, track_running_stats={self.track_running_stats}"


class BatchNorm2d(BatchNorm1d):
    """`BatchNorm1d` for x (B,C,H,W)."""

    ndims = (4,)
