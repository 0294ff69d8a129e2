"""Optimizers, with PyTorch's names, defaults and numbers. They write into the parameters' arrays, in place.

`params`: an iterable of parameters, or of groups `{"params": [...], "lr": 0.01}` whose settings override the common
ones. In the formulas p is a parameter, g its gradient (its negative with maximize=True), t the step, from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from minigrad import Tensor, as_tensor, enable_grad
from minigrad.array import NAMESPACES, XP, Array

from ..module import forget_gradients
from . import lr_scheduler

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]


class Optimizer:
    """Parameters in groups, each with its settings, and what the method remembers of each parameter.

    A subclass gives its settings to `__init__` and says in `update` what one step does to one parameter.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]):
        name = type(self).__name__
        low = [
            key for key, value in defaults.items() for v in (value if isinstance(value, tuple) else (value,)) if v < 0
        ]
        high = [b for b in defaults.get("betas", ()) if b >= 1]
        if low or high:
            raise ValueError(f"{name}: {defaults} came; {', '.join(low) or 'each of betas'} is out of range: settings "
                             "are 0 or more, betas below 1")  # fmt: skip
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        if isinstance(params, Tensor):
            raise TypeError(f"{name}: a single tensor came for params; give an iterable, such as model.parameters()")
        given = list(params)
        if not given:
            raise ValueError(f"{name}: params is empty; a generator such as model.parameters() can be used only once")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Also optimize `param_group["params"]`, with the settings that stand beside them."""
        params = param_group["params"]
        group = {**self.defaults, **param_group, "params": [params] if isinstance(params, Tensor) else list(params)}
        unknown = group.keys() - self.defaults.keys() - {"params", "initial_lr"}
        if unknown:
            raise ValueError(f"{type(self).__name__}: a group sets {', '.join(sorted(unknown))}, which is not among its "
                             f"settings {', '.join(self.defaults)}")  # fmt: skip
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for p in group["params"]:
            if not (isinstance(p, Tensor) and p.is_leaf and p.data.dtype.kind == "f"):
                raise TypeError(f"{type(self).__name__}: it optimizes floating tensors without history; {type(p).__name__}"
                                f" {getattr(p, 'shape', '')} is none")  # fmt: skip
            if id(p) in known:
                raise ValueError(f"{type(self).__name__}: a parameter of shape {tuple(p.shape)} came twice")
            known.add(id(p))
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, before the next backward adds to them."""
        for group in self.param_groups:
            forget_gradients(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient. `closure` computes the loss anew, and its value is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    xp = NAMESPACES[type(p.data)]
                    g = xp.negative(p.grad.data) if group["maximize"] else p.grad.data
                    state = self.state.setdefault(p, {"step": 0})
                    state["step"] += 1
                    self.update(xp, p.data, g, state, group)
                    p.bump()
        return loss

    def update(self, xp: XP, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Write the next value into the array p. The gradient g is not to be written to."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Everything that a later `load_state_dict` needs to go on; parameters are named by their number."""
        numbers = {p: i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        return {
            "state": {numbers[p]: {k: Tensor(v) if hasattr(v, "dtype") else v for k, v in state.items()}
                      for p, state in self.state.items()},
            "param_groups": [{**group, "params": [numbers[p] for p in group["params"]]} for group in self.param_groups],
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken: an optimizer of this class over parameters of these shapes."""
        saved, params = state_dict["param_groups"], [p for group in self.param_groups for p in group["params"]]
        if [len(g["params"]) for g in saved] != [len(g["params"]) for g in self.param_groups]:
            raise ValueError(f"{type(self).__name__}.load_state_dict: groups of {[len(g['params']) for g in saved]} "
                             f"parameters came; wanted are {[len(g['params']) for g in self.param_groups]}")  # fmt: skip
        for group, new in zip(self.param_groups, saved, strict=True):
            group.update({key: value for key, value in new.items() if key != "params"})
        self.state = {params[int(i)]: {k: owned(v, params[int(i)]) for k, v in state.items()}
                      for i, state in state_dict["state"].items()}  # fmt: skip

    def __repr__(self) -> str:
        groups = "".join(
            f"Parameter Group {i}\n" + "".join(f"    {k}: {group[k]}\n" for k in sorted(group) if k != "params")
            for i, group in enumerate(self.param_groups)
        )
        return f"{type(self).__name__} (\n{groups})"


def owned(value: Any, p: Tensor) -> Any:
    """A saved number as it is; a saved array as this parameter's own: a copy in its dtype, on its device."""
    if not p.data.shape == getattr(value, "shape", None):
        return int(value)
    return (value if isinstance(value, Tensor) else as_tensor(value)).to(p).clone().data


def keep(xp: XP, state: dict[str, Any], name: str, p: Array, start: float = 0.0) -> Array:
    """The array that is remembered under `name`, at first `start` in the shape of p."""
    if name not in state:
        state[name] = xp.full_like(p, start)
    return state[name]


def blend(xp: XP, mean: Array, new: Array, beta: float, buffer: Array) -> None:
    """mean = beta mean + (1 - beta) new, in place; buffer = new is allowed."""
    mean *= beta
    mean += xp.multiply(new, 1 - beta, out=buffer)


class SGD(Optimizer):
    """v = momentum v + (1 - dampening) g,  p -= lr v    (Polyak 1964); nesterov: p -= lr (g + momentum v).

    weight_decay adds weight_decay · p to g. The first v is g itself.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0,
        weight_decay: float = 0.0, nesterov: bool = False, *, maximize: bool = False,
    ):  # fmt: skip
        if nesterov and (not momentum or dampening):
            raise ValueError("SGD: nesterov wants a momentum above 0 and no dampening")
        settings = {"momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(params, {"lr": lr, **settings, "maximize": maximize})

    def update(self, xp: XP, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        if group["momentum"]:
            v = keep(xp, state, "momentum_buffer", p)
            v *= group["momentum"]
            v += (1 - group["dampening"]) * g if group["dampening"] and state["step"] > 1 else g
            g = g + group["momentum"] * v if group["nesterov"] else v
        p -= group["lr"] * g


class Adam(Optimizer):
    """m = β₁ m + (1 - β₁) g,  v = β₂ v + (1 - β₂) g²,  p -= lr m̂ / (√v̂ + eps)    (Kingma & Ba 2015, algorithm 1),

    with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ). The first step is lr g / (|g| + eps). weight_decay adds
    weight_decay · p to g; AdamW takes lr · weight_decay · p from p instead (Loshchilov & Hutter 2019).
    """

    decoupled = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, *, maximize: bool = False,
    ):  # fmt: skip
        settings = {"betas": tuple(betas), "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {"lr": lr, **settings, "maximize": maximize})

    def update(self, xp: XP, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        m, v = keep(xp, state, "exp_avg", p), keep(xp, state, "exp_avg_sq", p)
        (beta1, beta2), lr, t = group["betas"], group["lr"], state["step"]
        if group["weight_decay"]:
            if self.decoupled:
                p *= 1 - lr * group["weight_decay"]
            else:
                g = g + group["weight_decay"] * p
        buffer = xp.empty_like(p)
        blend(xp, m, g, beta1, buffer)
        blend(xp, v, xp.multiply(g, g, out=buffer), beta2, buffer)
        # lr m̂ / (√v̂ + eps) = step m / (√v + eps √(1 - β₂ᵗ)): two passes over the array less
        root = (1 - beta2**t) ** 0.5
        xp.sqrt(v, out=buffer)
        buffer += group["eps"] * root
        xp.divide(m, buffer, out=buffer)
        buffer *= lr * root / (1 - beta1**t)
        p -= buffer


class AdamW(Adam):
    """Adam whose weight decay acts on p alone: p -= lr · weight_decay · p    (Loshchilov & Hutter 2019)."""

    decoupled = True

    def __init__(self, params: Iterable[Any], *args: Any, **kwargs: Any):
        if len(args) < 4:
            kwargs.setdefault("weight_decay", 0.01)
        super().__init__(params, *args, **kwargs)


class RMSprop(Optimizer):
    """v = α v + (1 - α) g²,  p -= lr g / (√v + eps)    (Tieleman & Hinton 2012).

    centered: √(v - m²) with m = α m + (1 - α) g. momentum: b = momentum b + g / (...), p -= lr b.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False, *, maximize: bool = False,
    ):  # fmt: skip
        settings = {
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
        }
        super().__init__(params, {"lr": lr, **settings, "maximize": maximize})

    def update(self, xp: XP, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        v = keep(xp, state, "square_avg", p)
        buffer = xp.empty_like(p)
        blend(xp, v, xp.multiply(g, g, out=buffer), group["alpha"], buffer)
        if group["centered"]:
            m = keep(xp, state, "grad_avg", p)
            blend(xp, m, g, group["alpha"], buffer)
            xp.sqrt(v - m * m, out=buffer)
        else:
            xp.sqrt(v, out=buffer)
        buffer += group["eps"]
        xp.divide(g, buffer, out=buffer)
        if group["momentum"]:
            b = keep(xp, state, "momentum_buffer", p)
            b *= group["momentum"]
            b += buffer
            buffer[...] = b
        buffer *= group["lr"]
        p -= buffer


class Adagrad(Optimizer):
    """s = s + g²,  p -= lr / (1 + (t - 1) lr_decay) · g / (√s + eps)    (Duchi et al. 2011)."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, *, maximize: bool = False,
    ):  # fmt: skip
        settings = {"lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        settings["initial_accumulator_value"] = initial_accumulator_value
        super().__init__(params, {"lr": lr, **settings, "maximize": maximize})

    def update(self, xp: XP, p: Array, g: Array, state: dict[str, Any], group: dict[str, Any]) -> None:
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        s = keep(xp, state, "sum", p, group["initial_accumulator_value"])
        s += g * g
        p -= group["lr"] / (1 + (state["step"] - 1) * group["lr_decay"]) * g / (xp.sqrt(s) + group["eps"])
