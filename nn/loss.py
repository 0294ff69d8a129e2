"""Functions of `nn.functional` as modules: the losses. All take reduction="mean", "sum" or "none"."""

from __future__ import annotations

from . import functional as F
from .activation import FunctionModule


class Loss(FunctionModule):
    order: tuple[str, ...] | None = ("weight",)

    def extra_repr(self) -> str:
        return ""


class MSELoss(Loss):
    function, defaults, order = F.mse_loss, {"reduction": "mean"}, ()


class L1Loss(Loss):
    function, defaults, order = F.l1_loss, {"reduction": "mean"}, ()


class HuberLoss(Loss):
    function, defaults, order = F.huber_loss, {"reduction": "mean", "delta": 1.0}, ()


class BCEWithLogitsLoss(Loss):
    function = F.binary_cross_entropy_with_logits
    defaults = {"weight": None, "reduction": "mean", "pos_weight": None}


class NLLLoss(Loss):
    function, defaults = F.nll_loss, {"weight": None, "ignore_index": -100, "reduction": "mean"}


class CrossEntropyLoss(Loss):
    function, defaults = F.cross_entropy, {**NLLLoss.defaults, "label_smoothing": 0.0}
