"""Adadelta and Adamax."""

from __future__ import annotations

from .checks import check_how, refuse_unsupported
from .optimizer import Optimizer, Params


def adadelta(xp, p, g, s, d, *, t, lr, rho, eps, weight_decay):
    """Δ = √(d + eps) / √(s + eps) g;  p = p - lr Δ    (Zeiler 2012, algorithm 1). Returns p, s, d.

    s and d are running means of g² and Δ². weight_decay · p is added to g.
    """
    g = g + weight_decay * p
    s = rho * s + (1 - rho) * g * g
    delta = xp.sqrt(d + eps) / xp.sqrt(s + eps) * g
    d = rho * d + (1 - rho) * delta * delta
    return p - lr * delta, s, d


class Adadelta(Optimizer):
    """Steps in the unit of the parameters, without a rate to choose: see `adadelta`."""

    state_names = ("square_avg", "acc_delta")
    update = staticmethod(adadelta)

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_how("Adadelta", foreach=foreach)
        refuse_unsupported("Adadelta", capturable=capturable, differentiable=differentiable)
        settings = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, settings)


def adamax(xp, p, g, m, u, *, t, lr, betas, eps, weight_decay):
    """p = p - lr m / (1 - β₁ᵗ) / u,  u = max(β₂ u, |g| + eps)    (Kingma & Ba 2015, algorithm 2).

    m is a running mean of g. weight_decay · p is added to g. Returns p, m, u.
    """
    beta1, beta2 = betas
    g = g + weight_decay * p
    m = beta1 * m + (1 - beta1) * g
    u = xp.maximum(beta2 * u, xp.abs(g) + eps)
    return p - lr / (1 - beta1**t) * m / u, m, u


class Adamax(Optimizer):
    """Adam with the largest gradient in place of the mean square: see `adamax` for the formula."""

    state_names = ("exp_avg", "exp_inf")
    update = staticmethod(adamax)

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        check_how("Adamax", foreach=foreach)
        refuse_unsupported("Adamax", capturable=capturable, differentiable=differentiable)
        settings = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, settings)
