"""Functions of `nn.functional` as modules: the losses. All take reduction="mean", "sum" or "none"."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .activation import FunctionModule


class Loss(FunctionModule):
    """Settings of a loss go by name; `weight` alone may stand first."""

    def __init__(self, *weight: Any, **settings: Any):
        if len(weight) > ("weight" in self.defaults):
            raise TypeError(
                f"{type(self).__name__}: give its settings by name: {list(self.defaults)}"
            )
        super().__init__(*weight, **settings)

    def extra_repr(self) -> str:
        return ""


class MSELoss(Loss, of=F.mse_loss, reduction="mean"): ...


class L1Loss(Loss, of=F.l1_loss, reduction="mean"): ...


class HuberLoss(Loss, of=F.huber_loss, reduction="mean", delta=1.0): ...


class NLLLoss(Loss, of=F.nll_loss, weight=None, ignore_index=-100, reduction="mean"): ...


class CrossEntropyLoss(
    Loss,
    of=F.cross_entropy,
    weight=None,
    ignore_index=-100,
    reduction="mean",
    label_smoothing=0.0,
): ...


class BCEWithLogitsLoss(
    Loss,
    of=F.binary_cross_entropy_with_logits,
    weight=None,
    reduction="mean",
    pos_weight=None,
): ...
