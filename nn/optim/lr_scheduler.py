"""Learning-rate schedules: after each epoch `scheduler.step()` rewrites `lr` in the optimizer's groups.

As in PyTorch each next lr comes from the present one, so that several schedules may act together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import errors

if TYPE_CHECKING:
    from . import Optimizer


class LRScheduler:
    """`last_epoch` counts the steps, t. A subclass says in `next_lr` what the lr of step t is, from that of t - 1."""

    def __init__(self, optimizer: Optimizer):
        self.optimizer, self.last_epoch = optimizer, -1
        self.base_lrs = [
            group.setdefault("initial_lr", group["lr"]) for group in optimizer.param_groups
        ]
        self.step()

    def next_lr(self, lr: float, base: float, t: int) -> float:
        raise NotImplementedError

    def step(self) -> None:
        self.last_epoch += 1
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.next_lr(group["lr"], base, self.last_epoch)

    def get_last_lr(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Its numbers; the learning rates themselves are in the optimizer's state_dict."""
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken. Raises ValueError, and changes nothing, where it does not fit."""
        own = self.state_dict()
        wrong = sorted(state_dict.keys() ^ own.keys()) or [
            k
            for k, v in state_dict.items()
            if np.shape(v) != np.shape(own[k]) or np.asarray(v).dtype.kind not in "fib"
        ]
        if wrong:
            raise ValueError(
                f"{type(self).__name__}: its state is {own}; what came differs in {', '.join(wrong)}"
            )
        vars(self).update(state_dict)


class StepLR(LRScheduler):
    """lr · gamma at every `step_size`-th step."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def next_lr(self, lr: float, base: float, t: int) -> float:
        return lr * self.gamma if t and t % self.step_size == 0 else lr


class ExponentialLR(StepLR):
    """lr · gamma at every step."""

    def __init__(self, optimizer: Optimizer, gamma: float):
        super().__init__(optimizer, 1, gamma)


class LinearLR(LRScheduler):
    """lr times a factor that goes in a line from start_factor to end_factor in `total_iters` steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ):
        if not (0 < start_factor <= 1 and 0 <= end_factor <= 1):
            raise ValueError(
                f"LinearLR: start_factor {start_factor} is not in (0, 1], or end_factor {end_factor} in [0, 1]"
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def next_lr(self, lr: float, base: float, t: int) -> float:
        slope = (self.end_factor - self.start_factor) / self.total_iters
        before = self.start_factor + slope * (t - 1) if t else 1.0
        return lr if t > self.total_iters else lr * (self.start_factor + slope * t) / before


class CosineAnnealingLR(LRScheduler):
    """lr_t = eta_min + ½ (lr_0 - eta_min) (1 + cos(π t / T_max))    (Loshchilov & Hutter 2017, eq. 5)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0):
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def next_lr(self, lr: float, base: float, t: int) -> float:
        before, height = (1 + math.cos(math.pi * s / self.T_max) for s in (t - 1, t))
        if (t - 1) % (
            2 * self.T_max
        ) == self.T_max:  # it stood at eta_min, from where no factor leads up again
            return lr + (base - self.eta_min) * height / 2
        return self.eta_min + (lr - self.eta_min) * height / before if t else lr


class ReduceLROnPlateau(LRScheduler):
    """lr · factor, not below min_lr, once `step(metric)` saw more than `patience` steps in a row without progress.

    Progress is a metric below (mode="min") or above ("max") the best one by more than `threshold`, of the best's size
    ("rel") or as it stands ("abs"). After a cut, `cooldown` steps do not count; a change below `eps` is left out.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ):
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs") or factor >= 1:
            raise ValueError(
                f"ReduceLROnPlateau: mode is 'min' or 'max', not {mode!r}; threshold_mode 'rel' or 'abs', "
                f"not {threshold_mode!r}; factor below 1, not {factor}"
            )
        self.optimizer, self.sign, self.factor, self.patience = (
            optimizer,
            1 if mode == "min" else -1,
            factor,
            patience,
        )
        self.threshold, self.relative, self.cooldown = threshold, threshold_mode == "rel", cooldown
        self.min_lr, self.eps, self.best = min_lr, eps, self.sign * math.inf
        self.last_epoch = self.num_bad_epochs = self.cooldown_counter = 0

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        metric, margin = float(metrics), self.sign * self.threshold
        bound = self.best * (1 - margin) if self.relative else self.best - margin
        better = self.sign * metric < self.sign * bound
        self.best, self.num_bad_epochs = (
            (metric, 0) if better else (self.best, self.num_bad_epochs + 1)
        )
        self.last_epoch += 1
        if self.cooldown_counter:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for group in self.optimizer.param_groups:
                lr = max(group["lr"] * self.factor, self.min_lr)
                group["lr"] = lr if group["lr"] - lr > self.eps else group["lr"]


errors.name_all(globals())
