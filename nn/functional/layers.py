"""Layers as functions of their input and weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

import minigrad as mg
from minigrad import Tensor, byhand
from minigrad.arguments import as_sizes, broadcast_shape, check_one_device
from minigrad.array import to_numpy
from minigrad.creation import as_size
from minigrad.random import dropout_mask

from ..arguments import (
    as_probability,
    check_integers,
    check_one_dtype,
    check_same_dtype,
    check_sizes,
)
from ..checked import checked
from .checks import (
    changed_in_place,
    check_broadcasts,
    check_classes,
    check_floats,
    normalize_padding_idx,
    normalized_sizes,
)
from .windows import with_batch


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b: x (..., I), weight (O, I), bias (O,) or None, y (..., O).

    A bias of more dimensions broadcasts to y.
    """
    check_same_dtype("linear", "input", input, weight)
    check_same_dtype("linear", "bias", bias, weight)
    if isinstance(weight, Tensor) and weight.array.dtype.kind == "b":
        raise TypeError("linear: expected numbers, got bool; convert both with .float()")
    if getattr(bias, "ndim", 0) > 1:
        y = mg.linear(input, weight)
        check_broadcasts("linear", y, bias=bias)
        check_one_device("linear", y, bias)
        return y + bias
    return mg.linear(input, weight, bias)


@checked
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = xᵀ W z + b: x (..., I), z (..., J), weight W (O, I, J), bias b (O,), y (..., O)."""
    sizes = (*input1.shape[-1:], *input2.shape[-1:])
    if weight.ndim != 3 or sizes != tuple(weight.shape[1:]):
        raise ValueError(
            f"bilinear: expected (..., I), (..., J) and weight (O, I, J), got "
            f"{tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(weight.shape)}"
        )
    check_same_dtype("bilinear", "input1", input1, weight)
    check_same_dtype("bilinear", "input2", input2, weight)
    broadcast_shape("bilinear", tuple(input1.shape[:-1]), tuple(input2.shape[:-1]))
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ValueError(f"bilinear: expected bias ({weight.shape[0]},), got {tuple(bias.shape)}")
    y = mg.einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias


@checked
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """y = weight[ids]: ids (...) integers, weight (V, E), y (..., E).

    Row `padding_idx` of weight gets no gradient. max_norm: first each row that is picked and whose
    norm of order norm_type is larger is scaled to it, in place. scale_grad_by_freq: the gradient of
    a row is divided by how often it is picked. sparse has no effect: gradients are dense. Raises
    IndexError for an id outside 0 to V - 1.
    """
    if weight.ndim != 2:
        raise ValueError(f"embedding: expected weight (rows, columns), got {tuple(weight.shape)}")
    if padding_idx is not None:
        padding_idx = normalize_padding_idx("embedding", padding_idx, len(weight))
    if max_norm is not None:
        limit_norms(input, weight, max_norm, norm_type)
    rows = mg.embedding(weight, input, padding_idx=padding_idx)
    if not scale_grad_by_freq:
        return rows
    _, places, counts = np.unique(to_numpy(input.array), return_inverse=True, return_counts=True)
    share = input.beside((1 / counts[places]).astype(weight.dtype).reshape(input.shape))  # (...)
    constant = rows.detach()
    return constant + (rows - constant) * share.unsqueeze(-1)


def limit_norms(input: Tensor, weight: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows of weight that are picked to a norm of at most max_norm, in place."""
    ids = np.unique(to_numpy(input.array))
    with mg.no_grad():
        rows = mg.embedding(weight, input.beside(ids))  # (N,E)
        norms = mg.norm(rows, norm_type, -1, keepdim=True)
        weight[ids] = mg.where(norms > max_norm, rows * (max_norm / (norms + 1e-7)), rows)


@checked
def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere: integers (...) -> int64 (..., num_classes).

    num_classes is by default the largest class + 1.

    >>> one_hot(mg.tensor([0, 2])).tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    if input.dtype.kind != "i":
        raise TypeError(f"one_hot: expected integers, got {input.dtype}; use .long()")
    check_integers("one_hot", -1, num_classes=num_classes)
    if num_classes >= 0:
        count = num_classes
    elif input.numel():
        count = int(input.max()) + 1
    else:
        count = 0
    as_sizes("one_hot", (max(input.numel(), 1), count))  # raises where they fit no memory
    check_classes("one_hot", input, count)
    classes = mg.arange(count, device=input.device)  # (C,)
    return (input.unsqueeze(-1) == classes).long()  # (...,C)


@checked
def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """y = w (x - mean) / √(var + eps) + b over the last dimensions    (Ba, Kiros & Hinton 2016).

    normalized_shape: the sizes of these dimensions; weight and bias have that shape.
    """
    ndim = check_last_sizes("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return byhand.layer_norm(input, weight, bias, ndim=ndim, eps=eps)


@checked
def rms_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """y = w x / √(mean(x²) + eps) over the last dimensions    (Zhang & Sennrich 2019).

    normalized_shape: the sizes of these dimensions; weight has that shape. eps: the smallest step
    from 1 of the input's dtype where none is given.
    """
    check_floats("rms_norm", input=input)
    ndim = check_last_sizes("rms_norm", input, normalized_shape, weight=weight)
    if eps is None:
        eps = float(np.finfo(input.dtype).eps)
    mean_square = (input * input).mean(tuple(range(-ndim, 0)), keepdim=True)
    y = input * (mean_square + eps).rsqrt()
    return y if weight is None else y * weight


def check_last_sizes(
    function: str, input: Tensor, sizes: int | Sequence[int], **scales: Tensor | None
) -> int:
    """The number of an input's last dimensions, which have these sizes, as its scales do."""
    shape = normalized_sizes(function, sizes)
    ndim = len(shape)
    if ndim == 0 or tuple(input.shape[-ndim:]) != shape:
        raise ValueError(
            f"{function}: expected an input whose last sizes are {shape}, got {tuple(input.shape)}"
        )
    for name, tensor in scales.items():
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ValueError(f"{function}: expected {name} {shape}, got {tuple(tensor.shape)}")
    check_same_dtype(function, "input", input, scales["weight"])
    return ndim


@checked
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """y = w (x - mean) / √(var + eps) + b over a group of channels, in each example alone.

    x (B,C,...); weight and bias (C,). Source: Wu & He 2018.
    """
    check_sizes("group_norm", 1, num_groups=num_groups)
    if input.ndim < 2 or input.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: expected input (B,C,...) with C a multiple of {num_groups} groups, "
            f"got {tuple(input.shape)}"
        )
    B, C = input.shape[:2]
    for name, tensor in {"weight": weight, "bias": bias}.items():
        if tensor is not None and tuple(tensor.shape) != (C,):
            raise ValueError(f"group_norm: expected {name} ({C},), got {tuple(tensor.shape)}")
    check_same_dtype("group_norm", "input", input, weight)
    groups = input.reshape(B, num_groups, -1)  # (B,G,·)
    y = byhand.layer_norm(groups, None, None, ndim=1, eps=eps).reshape(input.shape)
    shape = (-1, *[1] * (input.ndim - 2))
    if weight is not None:
        y = y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


@checked
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """y = w (x - mean) / √(var + eps) + b for each channel    (Ioffe & Szegedy 2015).

    x (B,C,...). In training mean and var (biased) are those of the batch, and the running ones take
    a share `momentum` of the new mean and of the unbiased var; else they are the running ones.
    """
    check_batch_norm(input, running_mean, running_var, weight, bias, training, eps)
    mean, var = running_mean, running_var
    if training:
        dims = (0, *range(2, input.ndim))
        mean = input.mean(dims)  # (C,)
        var = input.var(dims, unbiased=False)  # (C,)
        take_share(running_mean, mean.detach(), momentum)
        count = input.numel() // max(input.shape[1], 1)
        take_share(running_var, var.detach() * (count / (count - 1)), momentum)
    if mean is None or var is None:
        raise ValueError("batch_norm: expected running_mean and running_var outside training")
    shape = (1, -1, *[1] * (input.ndim - 2))
    y = (input - mean.reshape(shape)) / mg.sqrt(var + eps).reshape(shape)
    if weight is not None:
        y = y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def take_share(running: Tensor | None, new: Tensor, momentum: float) -> None:
    """Let a running value, where there is one, take a share of a new one."""
    if running is not None:
        running.copy_((1 - momentum) * running + momentum * new)


def check_batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    eps: float,
) -> None:
    """Raise if the arguments of `batch_norm` do not fit each other."""
    name = "batch_norm"
    if input.ndim < 2:
        raise ValueError(f"{name}: expected input (batch, channels, ...), got {tuple(input.shape)}")
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"{name}: expected eps above 0, got {eps}")
    vectors = {
        "running_mean": running_mean,
        "running_var": running_var,
        "weight": weight,
        "bias": bias,
    }
    check_one_dtype(name, input=input, **vectors)
    C = input.shape[1]
    for key, tensor in vectors.items():
        if tensor is not None and tensor.array.shape != (C,):
            raise ValueError(
                f"{name}: expected {key} ({C},), one number for each channel, "
                f"got {tuple(tensor.shape)}"
            )
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"{name}: expected both running_mean and running_var, got one of them")
    if training and input.numel() // max(C, 1) <= 1:
        raise ValueError(
            f"{name}: expected more than 1 value per channel in training, got {tuple(input.shape)}"
        )


@checked
def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    shape: Sequence[int] | None = None,
) -> Tensor:
    """y = x m / (1 - p), m = 0 with probability p, else 1, fresh at every call.

    With training=False it is x itself. inplace: write y into x.

    shape: that of m, by default x's; a 1 in it shares m along that dimension. Source: Srivastava et
    al. 2014.
    """
    return drop("dropout", input, p, training, inplace, shape)


def drop(
    name: str,
    input: Tensor,
    p: float,
    training: bool,
    inplace: bool = False,
    shape: Sequence[int] | None = None,
) -> Tensor:
    """`dropout`, whose errors begin with `name`."""
    p = as_probability(name, "p", p)
    if not training or p == 0:
        return input
    if input.dtype.kind != "f":
        raise TypeError(f"{name}: expected floats, got {input.dtype}; use .float()")
    sizes = tuple(input.shape) if shape is None else as_size(name, (shape,))
    if sizes != tuple(input.shape):
        broadcast_shape(name, tuple(input.shape), sizes)
    mask = Tensor(dropout_mask(input.array, sizes, p))
    return changed_in_place(f"{name}_", input, lambda x: x * mask) if inplace else input * mask


@checked
def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels: x (B,C,L), or (C,L)."""
    with_batch("dropout1d", input, 1)
    return drop("dropout1d", input, p, training, inplace, (*input.shape[:-1], 1))


@checked
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels: x (B,C,H,W), or (C,H,W).

    x (B,C) is taken as by `dropout`, with a warning.
    """
    if input.ndim == 2:
        warnings.warn(
            "dropout2d: expected input (B,C,H,W) or (C,H,W), got 2 dimensions, whose elements are "
            "dropped one by one; use dropout",
            stacklevel=3,
        )
        return drop("dropout2d", input, p, training, inplace)
    with_batch("dropout2d", input, 2)
    return drop("dropout2d", input, p, training, inplace, (*input.shape[:-2], 1, 1))
