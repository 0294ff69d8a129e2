"""RMSprop."""

from __future__ import annotations

from typing import Any

from .checks import check_how, refuse_unsupported
from .optimizer import Optimizer, Params


def rmsprop(xp, p, g, v, m, b, *, t, lr, alpha, eps, weight_decay, momentum, centered):
    """v = α v + (1 - α) g²,  p = p - lr g / (√v + eps)  (Tieleman & Hinton 2012). Returns p, v, m,
    b.

    centered: √(v - m²) in place of √v, with m = α m + (1 - α) g, else m is None. momentum: b =
    momentum b + g / (√v + eps) and p = p - lr b, else b is None. weight_decay · p is added to g.
    """
    g = g + weight_decay * p
    v = alpha * v + (1 - alpha) * g * g
    variance = v
    if centered:
        m = alpha * m + (1 - alpha) * g
        variance = v - m * m
    step = g / (xp.sqrt(variance) + eps)
    if momentum:
        b = momentum * b + step
        step = b
    return p - lr * step, v, m, b


class RMSprop(Optimizer):
    """Steps relative to the root of a running mean of squared gradients: see `rmsprop` for the
    formula.
    """

    state_names = ("square_avg", "grad_avg", "momentum_buffer")
    update = staticmethod(rmsprop)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_how("RMSprop", foreach=foreach)
        refuse_unsupported("RMSprop", capturable=capturable, differentiable=differentiable)
        settings = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial_value(self, name: str, group: dict[str, Any]) -> float | None:
        if name == "grad_avg" and not group["centered"]:
            return None
        if name == "momentum_buffer" and not group["momentum"]:
            return None
        return 0.0
