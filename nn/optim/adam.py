"""Adam and AdamW."""

from __future__ import annotations

from typing import Any, ClassVar

from .checks import check_how, refuse_unsupported
from .optimizer import Optimizer, Params


def adam(xp, p, g, m, v, v_max, *, t, lr, betas, eps, weight_decay, amsgrad):
    """p = p - lr m̂ / (√v̂ + eps)    (Kingma & Ba 2015, algorithm 1). Returns p, m, v, v_max.

    m and v are running means of g and g²; m̂ and v̂ correct for their start at 0. The first step is
    lr g / (|g| + eps). weight_decay · p is added to g. With amsgrad v̂ is that of v_max, the
    largest v so far (Reddi et al. 2018); without, v_max is None.
    """
    beta1, beta2 = betas
    g = g + weight_decay * p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    if amsgrad:
        v_max = xp.maximum(v_max, v)
    v_hat = (v_max if amsgrad else v) / (1 - beta2**t)
    return p - lr * m_hat / (xp.sqrt(v_hat) + eps), m, v, v_max


def adamw(xp, p, g, *state, lr, weight_decay, **settings):
    """Adam with weight decay on p alone, p = p - lr weight_decay p  (Loshchilov & Hutter 2019)."""
    p = p - lr * weight_decay * p
    return adam(xp, p, g, *state, lr=lr, weight_decay=0.0, **settings)


class Adam(Optimizer):
    """Adaptive moment estimation: see `adam` for the formula."""

    state_names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
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
        check_how(name, foreach=foreach, fused=fused)
        refuse_unsupported(name, capturable=capturable, differentiable=differentiable)
        refuse_unsupported(name, decoupled_weight_decay=decoupled_weight_decay)
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, settings)

    def initial_value(self, name: str, group: dict[str, Any]) -> float | None:
        is_needed = name != "max_exp_avg_sq" or group["amsgrad"]
        return 0.0 if is_needed else None


class AdamW(Adam):
    """Adam with decoupled weight decay: see `adamw` for the formula."""

    update = staticmethod(adamw)
    fixed_settings: ClassVar[dict[str, Any]] = {"decoupled_weight_decay": True}

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
