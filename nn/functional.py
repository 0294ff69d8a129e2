"""The functions behind the modules: layers, activations, losses, attention, padding.

They have PyTorch's names and arguments. What minigrad lacks raises NotImplementedError when it is
asked for. B batch, C classes; "..." any number of dimensions. `reduction` of a loss: "mean" (of all
elements), "sum" or "none".
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor, byhand
from minigrad.array import NAMESPACES, to_numpy
from minigrad.functional import normalize_dim
from minigrad.random import dropout_mask

from . import windows
from .arguments import check_same_dtype
from .windows import with_batch

# Layers


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x Wᵀ + b: x (..., I), weight (O, I), bias (O,) or None, y (..., O)."""
    check_same_dtype("linear", "input", input, weight)
    return mg.linear(input, weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = xᵀ W z + b: x (..., I), z (..., J), weight W (O, I, J), bias b (O,), y (..., O)."""
    check_tensors("bilinear", input1=input1, input2=input2, weight=weight)
    if weight.ndim != 3 or (input1.shape[-1], input2.shape[-1]) != tuple(weight.shape[1:]):
        raise ValueError(
            f"bilinear: expected (..., I), (..., J) and weight (O, I, J), got "
            f"{tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(weight.shape)}"
        )
    check_same_dtype("bilinear", "input1", input1, weight)
    check_same_dtype("bilinear", "input2", input2, weight)
    y = mg.einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias


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
    a row is divided by how often it is picked. Raises IndexError for an id outside 0 to V - 1, and
    NotImplementedError for sparse.
    """
    check_tensors("embedding", input=input, weight=weight)
    not_supported("embedding", "leave it out: gradients are dense", sparse=sparse)
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


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class, 0 elsewhere: integers (...) -> int64 (..., num_classes).

    num_classes is by default the largest class + 1.

    >>> one_hot(mg.tensor([0, 2])).tolist()
    [[1, 0, 0], [0, 0, 1]]
    """
    check_tensors("one_hot", input=input)
    if input.dtype.kind != "i":
        raise TypeError(f"one_hot: expected integers, got {input.dtype}; use .long()")
    if num_classes >= 0:
        count = num_classes
    elif input.numel():
        count = int(input.max()) + 1
    else:
        count = 0
    check_classes("one_hot", input, count)
    classes = mg.arange(count, device=input.device)  # (C,)
    return (input.unsqueeze(-1) == classes).long()  # (...,C)


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
    check_tensors("layer_norm", input=input)
    shape = normalized_sizes(normalized_shape)
    ndim = len(shape)
    if ndim == 0 or tuple(input.shape[-ndim:]) != shape:
        raise ValueError(
            f"layer_norm: expected an input whose last sizes are {shape}, got {tuple(input.shape)}"
        )
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ValueError(f"layer_norm: expected {name} {shape}, got {tuple(tensor.shape)}")
    check_same_dtype("layer_norm", "input", input, weight)
    return byhand.layer_norm(input, weight, bias, ndim=ndim, eps=eps)


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
    check_tensors("dropout", input=input)
    check_probability("dropout", p)
    if not training or p == 0:
        return input
    if input.dtype.kind != "f":
        raise TypeError(f"dropout: expected floats, got {input.dtype}; use .float()")
    sizes = tuple(input.shape if shape is None else shape)
    mask = Tensor(dropout_mask(input.array, sizes, p))
    return changed_in_place("dropout_", input, lambda x: x * mask) if inplace else input * mask


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels: x (B,C,L), or (C,L)."""
    with_batch("dropout1d", input, 1)
    return dropout(input, p, training, inplace, shape=(*input.shape[:-1], 1))


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Dropout of whole channels: x (B,C,H,W), or (C,H,W)."""
    with_batch("dropout2d", input, 2)
    return dropout(input, p, training, inplace, shape=(*input.shape[:-2], 1, 1))


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
    name = "batch_norm"
    check_tensors(name, input=input)
    if input.ndim < 2:
        raise ValueError(f"{name}: expected input (batch, channels, ...), got {tuple(input.shape)}")
    dims = (0, *range(2, input.ndim))
    count = input.numel() // max(input.shape[1], 1)
    if training and count <= 1:
        raise ValueError(
            f"{name}: expected more than 1 value per channel in training, got {tuple(input.shape)}"
        )
    mean, var = running_mean, running_var
    if training:
        mean = input.mean(dims)  # (C,)
        var = input.var(dims, unbiased=False)  # (C,)
        if running_mean is not None and running_var is not None:
            unbiased = var.detach() * (count / (count - 1))
            for running, new in ((running_mean, mean.detach()), (running_var, unbiased)):
                running.copy_((1 - momentum) * running + momentum * new)
    if mean is None or var is None:
        raise ValueError(f"{name}: expected running_mean and running_var outside training")
    shape = (1, -1, *[1] * (input.ndim - 2))
    y = (input - mean.reshape(shape)) / mg.sqrt(var + eps).reshape(shape)
    if weight is not None:
        y = y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


# Activations. inplace=True writes y into x, as in PyTorch: x must be no leaf that is learned.


def changed_in_place(name: str, input: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """`input` itself, with the values of function(input); `name` is that of the method."""
    check_tensors(name, input=input)
    return input.update(name, lambda x, _: function(x), None)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = max(x, 0)."""
    return changed_in_place("relu_", input, mg.relu) if inplace else mg.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """y = x where x > 0, else negative_slope x    (Maas et al. 2013)."""
    if inplace:
        return changed_in_place("leaky_relu_", input, lambda x: leaky_relu(x, negative_slope))
    check_tensors("leaky_relu", input=input)
    return mg.where(input > 0, input, negative_slope * input)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """y = x where x > 0, else α (eˣ - 1)    (Clevert et al. 2016)."""
    if inplace:
        return changed_in_place("elu_", input, lambda x: elu(x, alpha))
    check_tensors("elu", input=input)
    return mg.where(input > 0, input, alpha * mg.expm1(input.clamp(max=0.0)))


def tanh(input: Tensor) -> Tensor:
    """y = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)."""
    return mg.tanh(input)


def sigmoid(input: Tensor) -> Tensor:
    """y = σ(x) = 1 / (1 + e⁻ˣ)."""
    return mg.sigmoid(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = x σ(x)    (Elfwing et al. 2018)."""
    if inplace:
        return changed_in_place("silu_", input, silu)
    check_tensors("silu", input=input)
    return input * mg.sigmoid(input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """y = x Φ(x) = ½ x (1 + erf(x / √2))    (Hendrycks & Gimpel 2016).

    approximate="tanh": y = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).
    """
    check_tensors("gelu", input=input)
    if approximate == "none":
        return 0.5 * input * (1 + mg.erf(input / math.sqrt(2)))
    if approximate != "tanh":
        raise ValueError(f"gelu: expected approximate 'none' or 'tanh', got {approximate!r}")
    cubic = input + 0.044715 * input * input * input
    return 0.5 * input * (1 + mg.tanh(math.sqrt(2 / math.pi) * cubic))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """y = log(1 + e^(βx)) / β, and x itself where βx > threshold    (Dugas et al. 2001)."""
    check_tensors("softplus", input=input)
    z = beta * input
    smooth = mg.log1p(mg.exp(z.clamp(max=threshold))) / beta
    return mg.where(z > threshold, input, smooth)


def logsigmoid(input: Tensor) -> Tensor:
    """y = log σ(x) = -log(1 + e⁻ˣ), exact in relative terms; x itself where e⁻ˣ > e⁴⁰, beside which
    1 is nothing in float64.
    """
    check_tensors("logsigmoid", input=input)
    smooth = -mg.log1p(mg.exp(-input.clamp(min=-40.0)))
    return mg.where(input < -40.0, input, smooth)


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """y = eˣ / Σ eˣ along `dim`; x is cast to `dtype` first, if that is given.

    Without `dim` a warning says which one was chosen.
    """
    check_tensors("softmax", input=input)
    dim = softmax_dim("softmax", dim, input)
    return mg.softmax(input if dtype is None else input.to(dtype), dim)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """y = x - log Σ eˣ along `dim`; x is cast to `dtype` first, if that is given.

    Without `dim` a warning says which one was chosen.
    """
    check_tensors("log_softmax", input=input)
    dim = softmax_dim("log_softmax", dim, input)
    return mg.log_softmax(input if dtype is None else input.to(dtype), dim)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """y = min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """y = min(max(x, min_val), max_val); the gradient at both ends is 0."""
    if inplace:
        return changed_in_place("hardtanh_", input, lambda x: hardtanh(x, min_val, max_val))
    check_tensors("hardtanh", input=input)
    return mg.where(input <= min_val, min_val, mg.where(input >= max_val, max_val, input))


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """y = s x where x > 0, else s α (eˣ - 1), with s = 1.0507, α = 1.6733  (Klambauer et al. 2017).

    They keep a mean of 0 and a variance of 1.
    """
    if inplace:
        return changed_in_place("selu_", input, selu)
    return SELU_SCALE * elu(input, SELU_ALPHA)


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def softsign(input: Tensor) -> Tensor:
    """y = x / (1 + |x|)."""
    check_tensors("softsign", input=input)
    return input / (1 + mg.abs(input))


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """y = e⁻ˣ / Σ e⁻ˣ along `dim`; see `softmax`."""
    check_tensors("softmin", input=input)
    return softmax(-input, softmax_dim("softmin", dim, input), dtype=dtype)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """y = x tanh(log(1 + eˣ))    (Misra 2019)."""
    if inplace:
        return changed_in_place("mish_", input, mish)
    check_tensors("mish", input=input)
    return input * mg.tanh(softplus(input))


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """y = x where x > 0, else a x: weight a (1,), or (C,) for the C columns x (B, C, ...)

    Source: He et al. 2015. Raises ValueError where a has another size.
    """
    check_tensors("prelu", input=input, weight=weight)
    count = weight.numel()
    columns = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or count not in (1, columns):
        raise ValueError(f"prelu: expected weight (1,) or ({columns},), got {tuple(weight.shape)}")
    slopes = weight
    if input.ndim > 1:
        slopes = weight.reshape(count, *[1] * (input.ndim - 2))  # (C,...)
    return mg.where(input > 0, input, slopes * input)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """y = a σ(b), a and b being the two halves of x along `dim`    (Dauphin et al. 2017)."""
    check_tensors("glu", input=input)
    dim = normalize_dim("glu", input, dim)
    if input.ndim == 0 or input.shape[dim] % 2:
        raise ValueError(f"glu: expected an even size at dim {dim}, got {tuple(input.shape)}")
    a, b = mg.chunk(input, 2, dim)
    return a * mg.sigmoid(b)


def gumbel_softmax(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((x + g) / tau), g fresh Gumbel noise -log(-log u)    (Jang et al. 2017).

    hard: the value is 1 at the largest and 0 elsewhere, the gradient that of the softmax. `eps` has
    no effect, as in PyTorch.
    """
    check_tensors("gumbel_softmax", logits=logits)
    uniform = mg.random.generator().random(logits.shape)
    noise = logits.beside((-np.log(-np.log1p(-uniform))).astype(logits.dtype))
    soft = mg.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    size = logits.shape[dim]
    chosen = one_hot(soft.argmax(dim), size).movedim(-1, dim).to(soft.dtype)
    return chosen - soft.detach() + soft


# Similarity


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None
) -> Tensor:
    """y = x / max(‖x‖_p, eps) along `dim`."""
    check_tensors("normalize", input=input)
    not_supported("normalize", "leave it out", out=out)
    return input / mg.norm(input, p, dim, keepdim=True).clamp(min=eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x · z / (max(‖x‖, eps) max(‖z‖, eps)) along `dim`; the two broadcast."""
    check_tensors("cosine_similarity", x1=x1, x2=x2)
    return (normalize(x1, 2.0, dim, eps) * normalize(x2, 2.0, dim, eps)).sum(dim)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """‖x - z + eps‖_p over the last dimension."""
    check_tensors("pairwise_distance", x1=x1, x2=x2)
    return mg.norm(x1 - x2 + eps, p, -1, keepdim=keepdim)


# Losses


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: None = None,
) -> Tensor:
    """(x - y)²: input x and target y of one shape."""
    reduction = reduction_of("mse_loss", reduction, size_average, reduce)
    refuse_weight("mse_loss", weight)
    difference = checked_difference("mse_loss", input, target)
    return reduced(mg.square(difference), reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: None = None,
) -> Tensor:
    """|x - y|: input x and target y of one shape."""
    reduction = reduction_of("l1_loss", reduction, size_average, reduce)
    refuse_weight("l1_loss", weight)
    difference = checked_difference("l1_loss", input, target)
    return reduced(mg.abs(difference), reduction)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: None = None,
) -> Tensor:
    """½ d² where d = |x - y| < delta, else delta (d - ½ delta)    (Huber 1964)."""
    check_reduction("huber_loss", reduction)
    refuse_weight("huber_loss", weight)
    d = mg.abs(checked_difference("huber_loss", input, target))
    return reduced(mg.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta)), reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """½ d² / beta where d = |x - y| < beta, else d - ½ beta    (Girshick 2015)."""
    reduction = reduction_of("smooth_l1_loss", reduction, size_average, reduce)
    d = mg.abs(checked_difference("smooth_l1_loss", input, target))
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: expected beta of at least 0, got {beta}")
    if beta == 0:
        return reduced(d, reduction)
    return reduced(mg.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta), reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """y (log y - x): input x log-probabilities, target y probabilities of its shape.

    log_target: y is given as its logarithm. reduction "batchmean" divides the sum by the first
    size, which is the divergence of Kullback & Leibler 1951; "mean" divides by all, and warns.
    """
    if reduction == "batchmean":
        size = max(input.shape[0], 1) if input.ndim else 1
        return kl_div(input, target, reduction="sum", log_target=log_target) / size
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "kl_div: reduction='mean' divides by the number of all elements; the divergence of a "
            "batch is reduction='batchmean'",
            stacklevel=2,
        )
    reduction = reduction_of("kl_div", reduction, size_average, reduce)
    check_same_shape("kl_div", input, target)
    if log_target:
        return reduced(mg.exp(target) * (target - input), reduction)
    is_positive = target > 0
    entropy = target * mg.log(mg.where(is_positive, target, 1.0))
    return reduced(mg.where(is_positive, entropy, 0.0) - target * input, reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -y (a - b) + margin): y is 1 where input a is to be the larger one, else -1."""
    reduction = reduction_of("margin_ranking_loss", reduction, size_average, reduce)
    check_same_shape("margin_ranking_loss", input1, input2)
    check_same_shape("margin_ranking_loss", input1, target)
    losses = -target * (input1 - input2) + margin
    return reduced(losses.clamp(min=0.0), reduction)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-w (y log x + (1 - y) log(1 - x)): input x and target y in [0, 1] of one shape.

    Each logarithm is at least -100, also in its gradient: it is 0 there. weight w, 1 by default,
    broadcasts to that shape. Raises ValueError where an x is outside [0, 1], as a logit may be: for
    those there is `binary_cross_entropy_with_logits`, which also has the better gradient.
    """
    name = "binary_cross_entropy"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_same_shape(name, input, target)
    check_broadcasts(name, input, weight=weight)
    is_outside = mg.logical_not(mg.logical_and(input >= 0, input <= 1))
    if mg.any(is_outside):
        raise ValueError(
            f"{name}: expected input between 0 and 1, got {input[is_outside][0].item()}; apply a "
            "sigmoid, or give logits to binary_cross_entropy_with_logits"
        )
    losses = -(target * bounded_log(input) + (1 - target) * bounded_log(1 - input))
    if weight is not None:
        losses = losses * weight
    return reduced(losses, reduction)


def bounded_log(x: Tensor) -> Tensor:
    """log x, at least -100."""
    is_small = x < math.exp(-100)
    return mg.where(is_small, -100.0, mg.log(mg.where(is_small, 1.0, x)))


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-w (p y log σ(x) + (1 - y) log(1 - σ(x))): input x and target y in [0, 1] of one shape.

    weight w and pos_weight p, 1 by default, broadcast to that shape.
    """
    name = "binary_cross_entropy_with_logits"
    reduction = reduction_of(name, reduction, size_average, reduce)
    check_same_shape(name, input, target)
    check_broadcasts(name, input, weight=weight, pos_weight=pos_weight)
    positive = logsigmoid(input)
    if pos_weight is not None:
        positive = pos_weight * positive
    losses = -(target * positive + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    return reduced(losses, reduction)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-w_y x_y: input (B, C, ...) log-probabilities, target (B, ...) classes y; or (C,) and ().

    weight (C,): w. A target of `ignore_index` counts for nothing. "mean" divides by the sum of the
    w_y.
    """
    reduction = reduction_of("nll_loss", reduction, size_average, reduce)
    dim = class_dim("nll_loss", input, weight)
    check_targets("nll_loss", input, target)
    classes = mg.where(target != ignore_index, target, 0)  # (B,...)
    check_classes("nll_loss", classes, input.shape[dim])
    picked = input.take_along_dim(classes.unsqueeze(dim), dim).squeeze(dim)  # (B,...)
    weights = target_weights(input, target, weight, ignore_index)  # (B,...)
    losses = mg.where(target != ignore_index, -weights * picked, 0.0)
    return reduced_by_weight(losses, weights, reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-Σ_c w_c q_c log softmax(x)_c: input x (B, C, ...) or (C,).

    target: classes y (B, ...) or (), where q is 1 at y and 0 elsewhere; or the probabilities q, as
    x. label_smoothing s makes of it (1 - s) q + s/C (Szegedy et al. 2016). weight (C,): w. A class
    of `ignore_index` counts for nothing. "mean" divides by the sum of the w_y, or by the number of
    rows where probabilities are given.
    """
    reduction = reduction_of("cross_entropy", reduction, size_average, reduce)
    check_probability("cross_entropy", label_smoothing, "label_smoothing")
    dim = class_dim("cross_entropy", input, weight)
    s, C = label_smoothing, input.shape[dim]
    w: Any = 1.0 if weight is None else weight.reshape(-1, *[1] * (input.ndim - 1 - dim))

    if isinstance(target, Tensor) and target.dtype.kind == "f":
        check_same_shape("cross_entropy", input, target)
        q = (1 - s) * target + s / C
        return reduced(-(w * q * mg.log_softmax(input, dim)).sum(dim), reduction)

    check_targets("cross_entropy", input, target)
    rows, classes = input, target
    if input.ndim != 2:
        rows = input.movedim(dim, -1).reshape(-1, C)  # (N,C)
        classes = target.reshape(-1)  # (N,)
    loss = byhand.softmax_cross_entropy
    if weight is None and not s:
        value = loss(rows, classes, ignore_index=ignore_index, reduction=reduction)
        return value.reshape(target.shape) if reduction == "none" else value
    losses = loss(rows, classes, ignore_index=ignore_index).reshape(target.shape)  # (B,...)
    weights = target_weights(input, target, weight, ignore_index)  # (B,...)
    losses = weights * losses
    if s:
        uniform = -(w * mg.log_softmax(input, dim)).sum(dim)  # (B,...)
        uniform = mg.where(target != ignore_index, uniform, 0.0)
        losses = (1 - s) * losses + s / C * uniform
    return reduced_by_weight(losses, weights, reduction)


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """`losses`, their sum or their mean."""
    if reduction == "mean":
        return losses.mean()
    return losses.sum() if reduction == "sum" else losses


def reduced_by_weight(losses: Tensor, weights: Tensor, reduction: str) -> Tensor:
    """`losses`, their sum, or Σ losses / Σ weights.

    Where all weights are 0 the mean is NaN and its gradients are 0, as in PyTorch.
    """
    if reduction != "mean":
        return reduced(losses, reduction)
    total = weights.sum()
    mean = losses.sum() / mg.where(total == 0, 1.0, total)
    return mg.where(total == 0, math.nan, mean)


def target_weights(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int
) -> Tensor:
    """The weight w_y of each target y, 0 for one to ignore; without `weight` it is 1."""
    counted = target != ignore_index
    if weight is None:
        return counted.to(input.dtype)
    return mg.where(counted, weight[mg.where(counted, target, 0)], 0.0)


# Convolution, pooling and padding, whose file is nn.windows

conv1d, conv2d = windows.conv1d, windows.conv2d
max_pool1d, max_pool2d = windows.max_pool1d, windows.max_pool2d
avg_pool1d, avg_pool2d = windows.avg_pool1d, windows.avg_pool2d
pad = windows.pad

# Attention


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(Q Kᵀ scale + mask) V, scale = 1/√E    (Vaswani et al. 2017, eq. 1).

    query (..., L, E), key (..., S, E), value (..., S, F) -> (..., L, F). attn_mask, broadcast to
    (..., L, S): boolean, True where attention may look, or floats added to the scores; -inf
    forbids. is_causal: position l looks at s <= l. A row that may look nowhere gives 0. dropout_p
    drops attention weights, whatever the mode.
    """
    name = "scaled_dot_product_attention"
    check_tensors(name, query=query, key=key, value=value)
    not_supported(name, "repeat key and value for every query head", enable_gqa=enable_gqa)
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ValueError(
            f"{name}: expected tensors of at least 2 dimensions, got {tuple(query.shape)}, "
            f"{tuple(key.shape)} and {tuple(value.shape)}"
        )
    if is_causal and attn_mask is not None:
        raise ValueError(
            f"{name}: expected attn_mask or is_causal, got both; put one into the mask"
        )
    if is_causal:
        L, S = query.shape[-2], key.shape[-2]
        attn_mask = query.beside(np.tri(L, S, dtype=bool))  # (L,S)
    output, _ = attend(query, key, value, attn_mask, dropout_p, scale)
    return output


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    p: float = 0.0,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """`scaled_dot_product_attention` (..., L, F) and its weights (..., L, S)."""
    if scale is None:
        scale = 1 / math.sqrt(max(query.shape[-1], 1))
    scores = query * scale @ key.transpose(-2, -1)  # (...,L,S)
    allowed = mask
    if mask is not None and mask.dtype.kind == "f":
        allowed = mask != -math.inf
        scores = scores + mg.where(allowed, mask, 0.0)
    weights = dropout(masked_softmax(scores, allowed), p)  # (...,L,S)
    return weights @ value, weights  # (...,L,F)


def masked_softmax(scores: Tensor, allowed: Tensor | None) -> Tensor:
    """Softmax over the last dimension among the `allowed` places.

    A row without one is 0, and so is its gradient.
    """
    if allowed is None:
        return mg.softmax(scores, -1)
    has_place = mg.any(allowed, dim=-1, keepdim=True)
    scores = mg.where(allowed, scores, -math.inf)
    scores = mg.where(has_place, scores, 0.0)  # softmax of -∞ alone would be NaN
    return mg.where(has_place, mg.softmax(scores, -1), 0.0)


# Checks of arguments: each raises with a sentence that begins with the function's name


def not_supported(name: str, way_out: str, **settings: Any) -> None:
    """Raise NotImplementedError for a setting of PyTorch's that is neither None nor False."""
    for setting, value in settings.items():
        if value is not None and value is not False:
            given = "a Tensor" if isinstance(value, Tensor) else repr(value)
            raise NotImplementedError(f"{name}: {setting}={given} is not supported; {way_out}")


def refuse_weight(name: str, weight: Any) -> None:
    """Raise NotImplementedError for a weight of a loss that has none here."""
    not_supported(name, "multiply what reduction='none' gives", weight=weight)


def check_tensors(name: str, **tensors: Any) -> None:
    """Raise TypeError for the first argument that is no Tensor."""
    for argument, value in tensors.items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name}: expected a Tensor as {argument}, got a {type(value).__name__}; "
                "make one with minigrad.tensor(...)"
            )


def check_probability(name: str, p: Any, argument: str = "p") -> float:
    """Return p, which must lie between 0 and 1."""
    is_number = isinstance(p, Real)
    if not is_number:
        raise TypeError(f"{name}: expected {argument} to be a number, got a {type(p).__name__}")
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: expected {argument} between 0 and 1, got {p!r}")
    return p


def softmax_dim(name: str, dim: int | None, input: Tensor) -> int:
    """`dim`; where it is None PyTorch's choice by the number of dimensions, with its warning."""
    if dim is not None:
        return dim
    chosen = 0 if input.ndim in (0, 1, 3) else 1
    warnings.warn(
        f"{name}: without dim it acts along dim {chosen} of {input.ndim}, as in PyTorch, which "
        f"depends on the number of dimensions and may not be what is meant; give dim={chosen}",
        stacklevel=3,
    )
    return chosen


def normalize_padding_idx(name: str, padding_idx: int | None, rows: int) -> int | None:
    """`padding_idx` counted from the start."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ValueError(
            f"{name}: expected padding_idx between {-rows} and {rows - 1}, got {padding_idx}"
        )
    return padding_idx % rows


def normalized_sizes(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    """The sizes of the dimensions to normalize over; one number is the last one's."""
    if isinstance(normalized_shape, Integral):
        return (int(normalized_shape),)
    if not isinstance(normalized_shape, Iterable):
        got = type(normalized_shape).__name__
        raise TypeError(f"layer_norm: expected normalized_shape to be integers, got a {got}")
    return tuple(normalized_shape)


def reduction_of(name: str, reduction: str, size_average: Any = None, reduce: Any = None) -> str:
    """The reduction, also where it is said in PyTorch's older words, with a warning."""
    if size_average is None and reduce is None:
        return check_reduction(name, reduction)
    for setting, value in (("size_average", size_average), ("reduce", reduce)):
        if value is not None and not isinstance(value, bool):
            raise TypeError(
                f"{name}: expected {setting} to be True, False or None, got {value!r}; give "
                "reduction='mean', 'sum' or 'none', by keyword"
            )
    found = "none" if reduce is False else "mean"
    if found == "mean" and size_average is False:
        found = "sum"
    warnings.warn(
        f"{name}: size_average and reduce are old; write reduction={found!r}", stacklevel=3
    )
    return found


def check_reduction(name: str, reduction: str) -> str:
    """The reduction. Raises ValueError where there is none of that name."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{name}: expected reduction 'mean', 'sum' or 'none', got {reduction!r}")
    return reduction


def check_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Raise where input and target are not two tensors of one shape."""
    check_tensors(name, input=input, target=target)
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: expected a target of the input's shape {tuple(input.shape)}, got "
            f"{tuple(target.shape)}; reshape one of them, since to broadcast is nearly always wrong"
        )


def checked_difference(name: str, input: Tensor, target: Tensor) -> Tensor:
    """input - target, which must have one shape."""
    check_same_shape(name, input, target)
    return input - target


def check_broadcasts(name: str, input: Tensor, **tensors: Tensor | None) -> None:
    """Raise where a tensor does not broadcast to the shape of `input`."""
    for argument, tensor in tensors.items():
        if tensor is None:
            continue
        check_tensors(name, **{argument: tensor})
        sizes = zip(reversed(tensor.shape), reversed(input.shape), strict=False)
        if tensor.ndim > input.ndim or not all(n in (1, size) for n, size in sizes):
            raise ValueError(
                f"{name}: expected {argument} to broadcast to {tuple(input.shape)}, "
                f"got {tuple(tensor.shape)}"
            )


def class_dim(name: str, input: Tensor, weight: Tensor | None) -> int:
    """The dimension of the classes: 1, or 0 without a batch.

    Raises where `weight` is not one number for each class.
    """
    check_tensors(name, input=input)
    if input.ndim == 0:
        raise ValueError(f"{name}: expected input (batch, classes, ...) or (classes,), got ()")
    dim = min(1, input.ndim - 1)
    if weight is not None:
        check_tensors(name, weight=weight)
        if tuple(weight.shape) != (input.shape[dim],):
            raise ValueError(
                f"{name}: expected weight ({input.shape[dim]},), one number for each class, "
                f"got {tuple(weight.shape)}"
            )
    return dim


def check_targets(name: str, input: Tensor, target: Tensor) -> None:
    """Raise where `target` is not one class for each row of `input`."""
    check_tensors(name, target=target)
    dim = min(1, input.ndim - 1)
    shape = (*input.shape[:dim], *input.shape[dim + 1 :])
    if tuple(target.shape) != shape or target.dtype.kind != "i":
        raise ValueError(
            f"{name}: expected target {shape} of integers for input {tuple(input.shape)}, "
            f"got {tuple(target.shape)} of {target.dtype}"
        )


def check_classes(name: str, classes: Tensor, count: int) -> None:
    """Raise IndexError where a class lies outside 0 to count - 1; on a GPU when it is next read."""
    xp = NAMESPACES[type(classes.array)]
    xp.check_bounds(classes.array, count, name, f"classes 0 to {count - 1}")
