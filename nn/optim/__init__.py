"""Optimizers, with PyTorch's names, defaults and numbers. They write into the parameters' arrays, in place.

`SGD(params, lr=0.1, momentum=0.9)`: params is an iterable of parameters, or of groups `{"params": [...], "lr": 0.01}`
whose settings override the common ones. Each class names its settings, in PyTorch's order, in `settings`; all take
`maximize` too. In the formulas p is a parameter, g its gradient (its negative with maximize=True), t the step, from 1.

>>> import minigrad as mg, nn
>>> w = nn.Parameter([1.0])
>>> optimizer = SGD([w], lr=0.5)
>>> for _ in range(2):
...     optimizer.zero_grad()
...     (w * w).sum().backward()
...     optimizer.step()
>>> w.item()
0.0
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

import numpy as np

from minigrad import Tensor, as_tensor, enable_grad, errors
from minigrad.array import NAMESPACES, NUMPY, XP, Array
from minigrad.fast.kernel import kernel

from ..module import zero_gradients
from . import lr_scheduler

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]


class Optimizer:
    """Parameters in groups, each with its settings, and in `state` what the method remembers of each parameter.

    A subclass names its settings, and says in `update` what one step does to one parameter.
    """

    settings: dict[str, Any] = {}
    kernel: Any  # what `update` says, of all parameters on a GPU; sign is -1 with maximize

    def __init__(self, params: Iterable[Any], *args: Any, **settings: Any):
        self.defaults = {**self.settings, "maximize": False}
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        if (
            isinstance(params, Tensor)
            or not (groups := list(params))
            or len(args) > len(self.settings)
        ):
            raise TypeError(
                f"{type(self).__name__}: params is an iterable such as model.parameters(), not one tensor, "
                f"not empty (a generator serves once); then come {', '.join(self.settings)}"
            )
        given = {**dict(zip(self.settings, args, strict=False)), **settings}
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group({**given, **group})
        self.defaults.update(given)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Also optimize `param_group["params"]`, with the settings that stand beside them."""
        params, name = param_group["params"], type(self).__name__
        group = {
            **self.defaults,
            **param_group,
            "params": [params] if isinstance(params, Tensor) else list(params),
        }
        if unknown := group.keys() - self.defaults.keys() - {"params", "initial_lr"}:
            raise TypeError(
                f"{name}: {', '.join(unknown)} is not supported; settings are {list(self.defaults)}"
            )
        for key in self.defaults:
            if np.asarray(group[key]).dtype.kind not in "fib" or np.shape(group[key]) != np.shape(
                self.defaults[key]
            ):
                raise TypeError(
                    f"{name}: {key}={group[key]!r} came; wanted are numbers, as in {self.defaults[key]!r}"
                )
            if not np.min(group[key]) >= 0 or key == "betas" and np.max(group[key]) >= 1:
                raise ValueError(
                    f"{name}: {key}={group[key]} is out of range: settings are 0 or more, betas below 1"
                )
        known = {p for g in self.param_groups for p in g["params"]}
        for p in group["params"]:
            if not (isinstance(p, Tensor) and p.is_leaf and p.dtype.kind == "f") or p in known:
                raise ValueError(
                    f"{name}: it takes float tensors without history, each once; a {type(p).__name__} of "
                    f"shape {getattr(p, 'shape', ())} is none, or came before"
                )
            known.add(p)
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, before the next backward adds to them."""
        for group in self.param_groups:
            zero_gradients(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient. `closure` computes the loss anew; its value is returned.

        Raises FloatingPointError, and changes nothing, where a gradient is not finite; on a GPU later, since nobody
        waits for one: with a later step or the next value that comes to the host. Only the counts t have gone on.
        """
        loss = None if closure is None else enable_grad()(closure)()
        ready = [
            (p, group) for group in self.param_groups for p in group["params"] if p.grad is not None
        ]
        if ready and (kernels := vars(NAMESPACES[type(ready[0][0].array)]).get("kernels")):
            kernels.optimize(self, ready)
            return loss
        flat = [p.grad.array.reshape(-1) for p, _ in ready]
        if (
            not sum([g.dot(g) for g in flat]) < math.inf
        ):  # squares overflow where one has to look, too
            self.refuse_bad_gradients()
        for p, group in ready:
            state = self.state.setdefault(p, {"step": 0})
            state["step"] += 1
            g = -p.grad.array if group["maximize"] else p.grad.array
            self.update(NAMESPACES[type(p.array)], p.array, g, state, group)
            p.mark_changed()
        return loss

    def parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def refuse_bad_gradients(self) -> None:
        for i, p in enumerate(self.parameters()):
            if (
                p.grad is not None
                and not (found := NAMESPACES[type(p.array)].isfinite(p.grad.array)).all()
            ):
                raise FloatingPointError(
                    f"{type(self).__name__}: the gradient of parameter {i}, of shape {tuple(p.shape)}, has "
                    f"{int((~found).sum())} NaN or infinities among its {p.numel()} numbers. Nothing was changed; "
                    "minigrad.detect_anomaly() finds the op that they come from"
                )

    def update(
        self, xp: XP, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        """Write the next value into the array p. The gradient g is not to be written to."""
        raise NotImplementedError

    def numbers(self, group: dict[str, Any], t: int) -> tuple[float, ...]:
        """What `kernel` takes at step t, after the sign."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on later; parameters go by their number."""
        numbers = {p: i for i, p in enumerate(self.parameters())}
        return {
            "state": {
                numbers[p]: {k: v if k == "step" else Tensor(v) for k, v in state.items()}
                for p, state in self.state.items()
            },
            "param_groups": [
                {**group, "params": [numbers[p] for p in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken, by an optimizer of this class over parameters of these shapes.

        Raises ValueError or TypeError, and changes nothing, where it is of another method or over other parameters.
        """
        name = type(self).__name__
        groups, states = state_dict["param_groups"], state_dict["state"]
        own, saved = (
            [len(group["params"]) for group in self.param_groups],
            [len(group["params"]) for group in groups],
        )
        if own != saved:
            raise ValueError(f"{name}: groups of {saved} parameters came where {own} are wanted")
        other = copy(
            self
        )  # takes the groups first, so that all that they refuse is refused before anything changes
        other.param_groups, other.state = [], {}
        for group, new in zip(self.param_groups, groups, strict=True):
            if missing := self.defaults.keys() - new.keys():
                raise ValueError(
                    f"{name}: the state of another method came: it has no {', '.join(sorted(missing))}"
                )
            other.add_param_group({**new, "params": group["params"]})
        owners = [(p, group) for group in other.param_groups for p in group["params"]]
        for i, state in states.items():
            p, group = owners[i] if i in range(len(owners)) else (None, {})
            if p is None or state.keys() != self.remembered(group):
                raise ValueError(
                    f"{name}: parameter {i} of {len(owners)} came with {', '.join(state)}"
                )
            shapes = {k: tuple(np.shape(v)) for k, v in state.items()}
            if any(shape != (() if k == "step" else tuple(p.shape)) for k, shape in shapes.items()):
                raise ValueError(
                    f"{name}: shapes {shapes} came for parameter {i} of shape {tuple(p.shape)}"
                )
            other.state[p] = {
                k: int(v) if k == "step" else as_tensor(v).to(p).array.copy()
                for k, v in state.items()
            }
        for group, new in zip(self.param_groups, other.param_groups, strict=True):
            group.update(new)
        self.state = other.state

    def remembered(self, group: dict[str, Any]) -> set[str]:
        """The names under which the method remembers something of a parameter, found by a step of one number."""
        state: dict[str, Any] = {"step": 1}
        self.update(NUMPY, np.ones(1), np.ones(1), state, group)
        return set(state)


def keep(xp: XP, state: dict[str, Any], name: str, p: Array, start: float = 0.0) -> Array:
    """The array remembered under `name`: at first `start` in the shape of p."""
    if name not in state:
        state[name] = xp.full_like(p, start)
    return state[name]


def blend(xp: XP, mean: Array, new: Array, beta: float, buffer: Array) -> None:
    """mean = beta mean + (1 - beta) new, in place; `new` may be the buffer."""
    mean *= beta
    mean += xp.multiply(new, 1 - beta, out=buffer)


def decayed(g: Array, p: Array, weight_decay: float) -> Array:
    """The gradient together with that of ½ weight_decay |p|²."""
    return g + weight_decay * p if weight_decay else g


@kernel("T sign, T lr, T momentum, T rest, T weight_decay, T nesterov", each="p g momentum_buffer")
def sgd() -> None:
    """
    T d = sign * g + weight_decay * p;
    if (momentum) {
        momentum_buffer = momentum * momentum_buffer + rest * d;
        d = nesterov ? d + momentum * momentum_buffer : momentum_buffer;
    }
    p -= lr * d;
    """


class SGD(Optimizer):
    """v = momentum v + (1 - dampening) g, at first g;  p -= lr v, or with nesterov lr (g + momentum v).

    Polyak 1964; Sutskever et al. 2013. weight_decay · p is added to g.
    """

    settings = {
        "lr": 1e-3,
        "momentum": 0.0,
        "dampening": 0.0,
        "weight_decay": 0.0,
        "nesterov": False,
    }
    kernel = sgd

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        if group["nesterov"] and (not group["momentum"] or group["dampening"]):
            raise ValueError("SGD: nesterov wants a momentum above 0 and no dampening")

    def update(
        self, xp: XP, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        g = decayed(g, p, group["weight_decay"])
        if group["momentum"]:
            v = keep(xp, state, "momentum_buffer", p)
            v *= group["momentum"]
            v += (1 - group["dampening"]) * g if group["dampening"] and state["step"] > 1 else g
            g = g + group["momentum"] * v if group["nesterov"] else v
        p -= group["lr"] * g

    def numbers(self, group: dict[str, Any], t: int) -> tuple[float, ...]:
        momentum, rest = group["momentum"], 1 - group["dampening"] * (t > 1)
        return group["lr"], momentum, rest, group["weight_decay"], group["nesterov"]


@kernel(
    "T sign, T beta1, T rest1, T beta2, T rest2, T eps, T rate, T weight_decay, T left",
    each="p g exp_avg exp_avg_sq",
)
def adam() -> None:
    """
    p *= left;
    T d = sign * g + weight_decay * p;
    exp_avg = beta1 * exp_avg + rest1 * d;
    exp_avg_sq = beta2 * exp_avg_sq + rest2 * (d * d);
    p -= rate * (exp_avg / (sqrt(exp_avg_sq) + eps));
    """


class Adam(Optimizer):
    """m = β₁ m + (1 - β₁) g,  v = β₂ v + (1 - β₂) g²,  p -= lr m̂ / (√v̂ + eps)    (Kingma & Ba 2015, algorithm 1),

    with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ). The first step is lr g / (|g| + eps). weight_decay · p is added to g.
    """

    settings = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
    kernel = adam

    def numbers(self, group: dict[str, Any], t: int) -> tuple[float, ...]:
        # lr m̂ / (√v̂ + eps) = lr r/(1 - β₁ᵗ) · m / (√v + eps r) with r = √(1 - β₂ᵗ): two passes over memory less
        (beta1, beta2), r = group["betas"], (1 - group["betas"][1] ** t) ** 0.5
        rate = group["lr"] * r / (1 - beta1**t)
        return (
            beta1,
            1 - beta1,
            beta2,
            1 - beta2,
            group["eps"] * r,
            rate,
            group["weight_decay"],
            1.0,
        )

    def update(
        self, xp: XP, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        beta1, _, beta2, _, eps, rate, weight_decay, left = self.numbers(group, state["step"])
        if left != 1:
            p *= left
        g = decayed(g, p, weight_decay)
        m, v, buffer = (
            keep(xp, state, "exp_avg", p),
            keep(xp, state, "exp_avg_sq", p),
            xp.empty_like(p),
        )
        blend(xp, m, g, beta1, buffer)
        blend(xp, v, xp.multiply(g, g, out=buffer), beta2, buffer)
        xp.sqrt(v, out=buffer)
        buffer += eps
        xp.divide(m, buffer, out=buffer)
        buffer *= rate
        p -= buffer


class AdamW(Adam):
    """Adam whose weight decay acts on p alone: p -= lr · weight_decay · p    (Loshchilov & Hutter 2019)."""

    settings = {**Adam.settings, "weight_decay": 1e-2}

    def numbers(self, group: dict[str, Any], t: int) -> tuple[float, ...]:
        return *super().numbers(group, t)[:-2], 0.0, 1 - group["lr"] * group["weight_decay"]


@kernel(
    "T sign, T lr, T alpha, T rest, T eps, T weight_decay, T momentum, T centered",
    each="p g square_avg grad_avg momentum_buffer",
)
def rmsprop() -> None:
    """
    T d = sign * g + weight_decay * p;
    T v = square_avg = alpha * square_avg + rest * (d * d);
    if (centered) {
        grad_avg = alpha * grad_avg + rest * d;
        v -= grad_avg * grad_avg;
    }
    d /= sqrt(v) + eps;
    if (momentum) d = momentum_buffer = momentum * momentum_buffer + d;
    p -= lr * d;
    """


class RMSprop(Optimizer):
    """v = α v + (1 - α) g²,  p -= lr g / (√v + eps)    (Tieleman & Hinton 2012). weight_decay · p is added to g.

    centered: √(v - m²) in place of √v, with m = α m + (1 - α) g. momentum: b = momentum b + g / (...),  p -= lr b.
    """

    settings = {
        "lr": 1e-2,
        "alpha": 0.99,
        "eps": 1e-8,
        "weight_decay": 0.0,
        "momentum": 0.0,
        "centered": False,
    }
    kernel = rmsprop

    def update(
        self, xp: XP, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        g = decayed(g, p, group["weight_decay"])
        v, buffer = keep(xp, state, "square_avg", p), xp.empty_like(p)
        blend(xp, v, xp.multiply(g, g, out=buffer), group["alpha"], buffer)
        if group["centered"]:
            m = keep(xp, state, "grad_avg", p)
            blend(xp, m, g, group["alpha"], buffer)
            v = v - m * m
        step = xp.divide(g, xp.sqrt(v) + group["eps"], out=buffer)
        if group["momentum"]:
            b = keep(xp, state, "momentum_buffer", p)
            b *= group["momentum"]
            b += step
            step = b
        p -= group["lr"] * step

    def numbers(self, group: dict[str, Any], t: int) -> tuple[float, ...]:
        others = [group[key] for key in ("eps", "weight_decay", "momentum", "centered")]
        return group["lr"], group["alpha"], 1 - group["alpha"], *others


@kernel("T sign, T rate, T weight_decay, T eps", each="p g sum")
def adagrad() -> None:
    """
    T d = sign * g + weight_decay * p;
    sum += d * d;
    p -= rate * (d / (sqrt(sum) + eps));
    """


class Adagrad(Optimizer):
    """s = s + g²,  p -= lr / (1 + (t - 1) lr_decay) · g / (√s + eps)    (Duchi et al. 2011). weight_decay as in SGD."""

    settings = {
        "lr": 1e-2,
        "lr_decay": 0.0,
        "weight_decay": 0.0,
        "initial_accumulator_value": 0.0,
        "eps": 1e-10,
    }
    kernel = adagrad

    def update(
        self, xp: XP, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        g = decayed(g, p, group["weight_decay"])
        s = keep(xp, state, "sum", p, group["initial_accumulator_value"])
        s += g * g
        p -= self.numbers(group, state["step"])[0] * (g / (xp.sqrt(s) + group["eps"]))

    def numbers(self, group: dict[str, Any], t: int) -> tuple[float, ...]:
        return group["lr"] / (1 + (t - 1) * group["lr_decay"]), group["weight_decay"], group["eps"]


errors.name_all(globals(), helpers="keep blend decayed sgd adam rmsprop adagrad")
