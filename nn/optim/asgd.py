"""ASGD: averaged SGD."""

from __future__ import annotations

from typing import Any

from .checks import check_how, refuse_unsupported
from .optimizer import Optimizer, Params


def asgd(xp, p, g, a, eta, *, t, lr, lambd, alpha, t0, weight_decay):
    """p = (1 - λη) p - η g,  a = a + μ (p - a),  μ = 1 / max(1, t - 1 - t0)
    (Polyak & Juditsky 1992). Returns p, a and the next rate η' = lr / (1 + λ lr t)^α.

    a is the mean of p over the steps after t0; until then, the last p. η starts at lr.
    weight_decay · p is added to g.
    """
    g = g + weight_decay * p
    p = (1 - lambd * eta) * p - eta * g
    mu = 1 / max(1, t - 1 - t0)
    a = p if mu == 1 else a + mu * (p - a)
    return p, a, lr * (1 + lambd * lr * t) ** -alpha  # which becomes 0 where the power overflows


class ASGD(Optimizer):
    """SGD that also keeps the mean of the parameters, `state[p]["ax"]`: see `asgd`."""

    state_names = ("ax", "eta")
    update = staticmethod(asgd)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        check_how("ASGD", foreach=foreach)
        refuse_unsupported("ASGD", capturable=capturable, differentiable=differentiable)
        settings = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial_value(self, name: str, group: dict[str, Any]) -> float | None:
        return float(group["lr"]) if name == "eta" else 0.0
