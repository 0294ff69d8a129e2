"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

from .checks import refuse_unsupported
from .optimizer import Optimizer, Params


def adam(xp, p, g, m, v, *, t, lr, betas, eps, weight_decay):
    """p = p - lr m̂ / (√v̂ + eps)    (Kingma & Ba 2015, algorithm 1). Returns p, m, v.

    m and v are running means of g and g²; m̂ and v̂ correct for their start at 0. The first step is
    lr g / (|g| + eps). weight_decay · p is added to g.
    """
    beta1, beta2 = betas
    g = g + weight_decay * p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return p - lr * m_hat / (xp.sqrt(v_hat) + eps), m, v


def adamw(xp, p, g, m, v, *, t, lr, betas, eps, weight_decay):
    """Adam with weight decay on p alone, p = p - lr weight_decay p  (Loshchilov & Hutter 2019)."""
    p = p - lr * weight_decay * p
    return adam(xp, p, g, m, v, t=t, lr=lr, betas=betas, eps=eps, weight_decay=0.0)


class Adam(Optimizer):
    """Adaptive moment estimation: see `adam` for the formula."""

    state_names = ("exp_avg", "exp_avg_sq")
    update = staticmethod(adam)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        name = type(self).__name__
        refuse_unsupported(name, amsgrad=amsgrad, foreach=foreach, capturable=capturable)
        refuse_unsupported(name, differentiable=differentiable, fused=fused)
        refuse_unsupported(name, decoupled_weight_decay=decoupled_weight_decay)
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, settings)


class AdamW(Adam):
    """Adam with decoupled weight decay: see `adamw` for the formula."""

    update = staticmethod(adamw)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
        )

    def unsupported_settings(self) -> dict[str, Any]:
        return {**super().unsupported_settings(), "decoupled_weight_decay": True}
