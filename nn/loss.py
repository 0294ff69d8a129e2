"""The losses as modules: each calls its function in `nn.functional`, with its settings.

`reduction` is "mean", "sum" or "none"; size_average and reduce are PyTorch's older words for it,
and not supported.
"""

from __future__ import annotations

from minigrad import Tensor

from . import functional as F
from .module import Module


class MSELoss(Module):
    """(x - y)²: input x and target y of one shape."""

    def __init__(self, size_average: None = None, reduce: None = None, reduction: str = "mean"):
        F.check_reduction("MSELoss", reduction, size_average, reduce)
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Module):
    """|x - y|: input x and target y of one shape."""

    def __init__(self, size_average: None = None, reduce: None = None, reduction: str = "mean"):
        F.check_reduction("L1Loss", reduction, size_average, reduce)
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class HuberLoss(Module):
    """½ d² where d = |x - y| < delta, else delta (d - ½ delta)    (Huber 1964)."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        F.check_reduction("HuberLoss", reduction)
        self.reduction = reduction
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, self.reduction, self.delta)


class NLLLoss(Module):
    """-w_y x_y: input (B, C, ...) log-probabilities, target (B, ...) classes y; or (C,) and ().

    weight (C,): w. A target of `ignore_index` counts for nothing.
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: None = None,
        ignore_index: int = -100,
        reduce: None = None,
        reduction: str = "mean",
    ):
        F.check_reduction("NLLLoss", reduction, size_average, reduce)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction

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
    weight (C,): w. A class of `ignore_index` counts for nothing. label_smoothing: see
    `functional.cross_entropy`.
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: None = None,
        ignore_index: int = -100,
        reduce: None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        F.check_reduction("CrossEntropyLoss", reduction, size_average, reduce)
        F.check_probability("CrossEntropyLoss", label_smoothing, "label_smoothing")
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
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

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: None = None,
        reduce: None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ):
        F.check_reduction("BCEWithLogitsLoss", reduction, size_average, reduce)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
        )
