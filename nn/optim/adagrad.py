"""Adagrad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minigrad import Tensor

from .checks import check_how, refuse_unsupported
from .optimizer import Optimizer, Params


def adagrad(xp, p, g, s, *, t, lr, lr_decay, weight_decay, initial_accumulator_value, eps):
    """s = s + g²,  p = p - lr / (1 + (t - 1) lr_decay) · g / (√s + eps)    (Duchi et al. 2011).

    s starts at initial_accumulator_value. weight_decay · p is added to g. Returns p and s.
    """
    g = g + weight_decay * p
    s = s + g * g
    lr_t = lr / (1 + (t - 1) * lr_decay)
    return p - lr_t * g / (xp.sqrt(s) + eps), s


class Adagrad(Optimizer):
    """Steps relative to the root of the sum of squared gradients: see `adagrad` for the formula."""

    state_names = ("sum",)
    update = staticmethod(adagrad)
    starts: Mapping[Tensor, float] = {}  # what the sum of each parameter starts at

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        check_how("Adagrad", foreach=foreach, fused=fused)
        refuse_unsupported("Adagrad", differentiable=differentiable)
        settings = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def check_group(self, group: dict[str, Any]) -> None:
        super().check_group(group)
        start = float(group["initial_accumulator_value"])  # a later change of it changes nothing
        self.starts = {**self.starts, **dict.fromkeys(group["params"], start)}

    def initial_value(self, name: str, group: dict[str, Any]) -> float | None:
        return self.starts[group["params"][0]]
