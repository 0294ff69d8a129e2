"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from minigrad.array import XP

from .checks import check_how, refuse_unsupported
from .optimizer import Optimizer, Params


def sgd(xp, p, g, v, *, t, lr, momentum, dampening, weight_decay, nesterov):
    """v = momentum v + (1 - dampening) g, at first g;  p = p - lr v, with nesterov p - lr (g +
    momentum v).

    Polyak 1964; Sutskever et al. 2013. weight_decay · p is added to g. Returns p and v; v is None
    without momentum.
    """
    g = g + weight_decay * p
    if momentum == 0:
        return p - lr * g, None
    if t == 1:
        v = momentum * v + g
    else:
        v = momentum * v + (1 - dampening) * g
    if nesterov:
        return p - lr * (g + momentum * v), v
    return p - lr * v, v


class SGD(Optimizer):
    """Stochastic gradient descent: see `sgd` for the formula.

    Raises ValueError if nesterov=True has no momentum, or dampening.
    """

    state_names = ("momentum_buffer",)
    update = staticmethod(sgd)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        check_how("SGD", foreach=foreach, fused=fused)
        refuse_unsupported("SGD", differentiable=differentiable)
        settings = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def check_group(self, group: dict[str, Any]) -> None:
        super().check_group(group)
        if group["nesterov"] and not group["momentum"]:
            raise ValueError("SGD: nesterov: expected a momentum above 0, got 0; set momentum=0.9")
        if group["nesterov"] and group["dampening"]:
            dampening = group["dampening"]
            raise ValueError(f"SGD: nesterov: expected dampening=0, got {dampening}")

    def initial_value(self, name: str, group: dict[str, Any]) -> float | None:
        return 0.0 if group["momentum"] else None

    def state_arrays(
        self, xp: XP, name: str, params: list[Any], states: list[Any], group: dict[str, Any]
    ) -> list[Any]:
        """Where a buffer is made, also late, the count of steps begins: it starts at g."""
        if group["momentum"]:
            for state in states:
                if name not in state:
                    state["step"] = 0
        return super().state_arrays(xp, name, params, states, group)
