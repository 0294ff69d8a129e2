"""The optimizers' steps in place: what the definitions in nn.optim say, without new arrays for each
term.

A version takes lists with one array for each parameter, and writes into params and states. steps:
the step t of each parameter, from 1. maximize: follow the gradient upwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from minigrad.array import Array
from minigrad.faster import faster


def squares_are_finite(grads: Sequence[Array]) -> bool:
    """Whether the sum of all squared gradients is finite, which takes one pass and no memory."""
    flat = [g.ravel() for g in grads]
    return bool(sum([g.dot(g) for g in flat]) < math.inf)


@faster("check_finite", when=squares_are_finite)
def check_finite(xp, grads, *, name, numbers):
    """Nothing is left to check: where the sum of all squares is finite, so is every gradient."""


@faster("sgd")
def sgd(xp, params, grads, buffers, *, steps, maximize, lr, momentum, dampening, **settings):
    """nn.optim.sgd.sgd in place. settings: weight_decay, nesterov."""
    nesterov = settings["nesterov"]
    grads = descent(params, grads, maximize, settings["weight_decay"])
    for p, g, v, t in zip(params, grads, buffers, steps):
        if momentum:
            v *= momentum
            v += g if t == 1 or dampening == 0 else (1 - dampening) * g
            g = g + momentum * v if nesterov else v
        p -= lr * g


@faster("adam")
def adam(xp, params, grads, ms, vs, v_maxs, *, steps, maximize, lr, betas, eps, **settings):
    """nn.optim.adam.adam in place. settings: weight_decay, amsgrad."""
    beta1, beta2 = betas
    grads = descent(params, grads, maximize, settings["weight_decay"])
    corrected = {t: bias_corrected(t, lr, betas, eps) for t in set(steps)}
    for p, g, m, v, v_max, t in zip(params, grads, ms, vs, v_maxs, steps):
        lr_t, eps_t = corrected[t]
        buffer = xp.empty_like(p)
        m *= beta1
        m += xp.multiply(g, 1 - beta1, out=buffer)
        xp.multiply(g, g, out=buffer)
        buffer *= 1 - beta2
        v *= beta2
        v += buffer
        if settings["amsgrad"]:
            v = xp.maximum(v_max, v, out=v_max)
        xp.sqrt(v, out=buffer)
        buffer += eps_t
        xp.divide(m, buffer, out=buffer)
        buffer *= lr_t
        p -= buffer


@faster("adamw")
def adamw(xp, params, *columns, lr, weight_decay, **settings):
    """nn.optim.adam.adamw in place."""
    if weight_decay:
        for p in params:
            p *= 1 - lr * weight_decay
    adam(xp, params, *columns, lr=lr, weight_decay=0.0, **settings)


@faster("rmsprop")
def rmsprop(xp, params, grads, vs, ms, bs, *, steps, maximize, lr, alpha, eps, **settings):
    """nn.optim.rmsprop.rmsprop in place. settings: weight_decay, momentum, centered."""
    momentum = settings["momentum"]
    grads = descent(params, grads, maximize, settings["weight_decay"])
    for p, g, v, m, b in zip(params, grads, vs, ms, bs):
        buffer = xp.empty_like(p)
        xp.multiply(g, g, out=buffer)
        buffer *= 1 - alpha
        v *= alpha
        v += buffer
        if settings["centered"]:
            m *= alpha
            m += xp.multiply(g, 1 - alpha, out=buffer)
            v = v - m * m
        step = xp.divide(g, xp.sqrt(v) + eps, out=buffer)
        if momentum:
            b *= momentum
            b += step
            step = b
        p -= lr * step


@faster("adagrad")
def adagrad(
    xp, params, grads, sums, *, steps, maximize, lr, lr_decay, weight_decay, eps, **settings
):
    """nn.optim.adagrad.adagrad in place."""
    grads = descent(params, grads, maximize, weight_decay)
    for p, g, s, t in zip(params, grads, sums, steps):
        lr_t = lr / (1 + (t - 1) * lr_decay)
        s += g * g
        p -= lr_t * (g / (xp.sqrt(s) + eps))


def descent(
    params: Sequence[Array], grads: Sequence[Array], maximize: bool, weight_decay: float
) -> Sequence[Array]:
    """The gradients of what is minimized: negative with maximize, and with weight_decay · p."""
    if maximize:
        grads = [-g for g in grads]
    if weight_decay:
        grads = [g + weight_decay * p for g, p in zip(grads, params)]
    return grads


def bias_corrected(
    t: int, lr: float, betas: tuple[float, float], eps: float
) -> tuple[float, float]:
    """lr_t and eps_t with lr m̂ / (√v̂ + eps) = lr_t m / (√v + eps_t): two passes over memory
    fewer.

    With r = √(1 - β₂ᵗ), so that √v̂ = √v / r: lr_t = lr r / (1 - β₁ᵗ), eps_t = eps r.
    """
    beta1, beta2 = betas
    r = math.sqrt(1 - beta2**t)
    return lr * r / (1 - beta1**t), eps * r
