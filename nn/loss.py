"""The losses, and similarities, as modules: each calls its function in `nn.functional`.

`reduction` is "mean", "sum" or "none"; size_average and reduce are PyTorch's older words for it.
"""

from __future__ import annotations

from minigrad import Tensor

from . import functional as F
from .arguments import as_probability
from .checked import checked
from .functional.checks import check_reduction, reduction_of
from .module import Module


class MSELoss(Module):
    """(x - y)²: input x and target y of one shape."""

    @checked
    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ):
        self.reduction = reduction_of("MSELoss", reduction, size_average, reduce)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Module):
    """|x - y|: input x and target y of one shape."""

    @checked
    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ):
        self.reduction = reduction_of("L1Loss", reduction, size_average, reduce)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class HuberLoss(Module):
    """½ d² where d = |x - y| < delta, else delta (d - ½ delta)    (Huber 1964)."""

    @checked
    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        self.reduction = check_reduction("HuberLoss", reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, self.reduction, self.delta)


class NLLLoss(Module):
    """-w_y x_y: input (B, C, ...) log-probabilities, target (B, ...) classes y; or (C,) and ().

    weight (C,): w. A target of `ignore_index` counts for nothing.
    """

    weight: Tensor | None

    @checked
    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ):
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction_of("NLLLoss", reduction, size_average, reduce)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(Module):
    """-Σ_c w_c q_c log softmax(x)_c: input x (B, C, ...) or (C,).

    target: classes (B, ...) or (), where q is 1; or the probabilities q, as x.
    weight (C,): w. A target of `ignore_index` is ignored. label_smoothing: see
    `functional.cross_entropy`.
    """

    weight: Tensor | None

    @checked
    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        as_probability("CrossEntropyLoss", "label_smoothing", label_smoothing)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction_of("CrossEntropyLoss", reduction, size_average, reduce)
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCEWithLogitsLoss(Module):
    """-w (p y log σ(x) + (1 - y) log(1 - σ(x))): input x and target y in [0, 1] of one shape.

    weight w and pos_weight p, 1 by default, broadcast to that shape.
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    @checked
    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ):
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)
        self.reduction = reduction_of("BCEWithLogitsLoss", reduction, size_average, reduce)

    @checked
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
        )


class BCELoss(Module):
    """-w (y log x + (1 - y) log(1 - x)): input x and target y in [0, 1] of one shape.

    weight w, 1 by default, broadcasts to that shape. Where x is the sigmoid of something,
    `BCEWithLogitsLoss` is the better one.
    """

    weight: Tensor | None

    @checked
    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ):
        self.register_buffer("weight", weight)
        self.reduction = reduction_of("BCELoss", reduction, size_average, reduce)

    @checked
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class KLDivLoss(Module):
    """y (log y - x): input x log-probabilities, target y probabilities; see `functional.kl_div`."""

    @checked
    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ):
        self.reduction = check_reduction("KLDivLoss", reduction, "batchmean")
        if reduction != "batchmean":
            self.reduction = reduction_of("KLDivLoss", reduction, size_average, reduce)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class SmoothL1Loss(Module):
    """½ d² / beta where d = |x - y| < beta, else d - ½ beta    (Girshick 2015)."""

    @checked
    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ):
        self.reduction = reduction_of("SmoothL1Loss", reduction, size_average, reduce)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class MarginRankingLoss(Module):
    """max(0, -y (a - b) + margin): target y is 1 where input a should be larger, else -1."""

    @checked
    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ):
        self.margin = margin
        self.reduction = reduction_of("MarginRankingLoss", reduction, size_average, reduce)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class CosineSimilarity(Module):
    """x · z / (max(‖x‖, eps) max(‖z‖, eps)) along `dim`."""

    @checked
    def __init__(self, dim: int = 1, eps: float = 1e-8):
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """‖x - z + eps‖_p over the last dimension."""

    @checked
    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
