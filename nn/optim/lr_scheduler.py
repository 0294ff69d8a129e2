"""Learning-rate schedules. Call `scheduler.step()` after each epoch; each rewrites `lr` in the optimizer's groups.

Each rule gives the next lr from the present one, as in PyTorch, so that several act together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import Optimizer


class LRScheduler:
    """`last_epoch` counts the steps; a subclass says in `next_lr` what the lr of step t is, given that of t - 1."""

    def __init__(self, optimizer: Optimizer):
        self.optimizer, self.last_epoch = optimizer, -1
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.step()

    def next_lr(self, lr: float, t: int) -> float:
        raise NotImplementedError

    def step(self) -> None:
        self.last_epoch += 1
        for group in self.optimizer.param_groups:
            group["lr"] = self.next_lr(group["lr"], self.last_epoch)

    def get_last_lr(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Its numbers; the learning rates themselves are in the optimizer's state_dict."""
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        vars(self).update(state_dict)


class StepLR(LRScheduler):
    """lr · gamma after every `step_size` steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def next_lr(self, lr: float, t: int) -> float:
        return lr * self.gamma if t and t % self.step_size == 0 else lr


class ExponentialLR(LRScheduler):
    """lr · gamma after every step."""

    def __init__(self, optimizer: Optimizer, gamma: float):
        self.gamma = gamma
        super().__init__(optimizer)

    def next_lr(self, lr: float, t: int) -> float:
        return lr * self.gamma if t else lr


class LinearLR(LRScheduler):
    """lr times a factor that goes in a line from start_factor to end_factor over `total_iters` steps."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ):
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(
                f"LinearLR: factors {start_factor}, {end_factor} came; they lie between 0 and 1, the first above 0"
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return self.start_factor + (self.end_factor - self.start_factor) * min(t, self.total_iters) / self.total_iters

    def next_lr(self, lr: float, t: int) -> float:
        return lr * self.factor(t) / (self.factor(t - 1) if t else 1.0) if t <= self.total_iters else lr


class CosineAnnealingLR(LRScheduler):
    """eta_min + (lr₀ - eta_min) (1 + cos(π t / T_max)) / 2    (Loshchilov & Hutter 2017, eq. 5)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0):
        self.T_max, self.eta_min = T_max, eta_min
        self.initial = [group["lr"] for group in optimizer.param_groups]
        super().__init__(optimizer)

    def step(self) -> None:
        self.last_epoch += 1
        height = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        for group, lr in zip(self.optimizer.param_groups, self.initial, strict=True):
            group["lr"] = self.eta_min + (lr - self.eta_min) * height


class ReduceLROnPlateau(LRScheduler):
    """lr · factor, not below min_lr, once `step(metric)` saw more than `patience` steps in a row without progress.

    Progress is a metric below (mode="min") or above ("max") the best one by more than `threshold`, of the best's size
    ("rel") or as it stands ("abs"). After a cut, `cooldown` steps do not count; a change below `eps` is left out.
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10, threshold: float = 1e-4,
        threshold_mode: str = "rel", cooldown: int = 0, min_lr: float = 0.0, eps: float = 1e-8,
    ):  # fmt: skip
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs") or factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: mode {mode!r}, threshold_mode {threshold_mode!r}, factor {factor} came; "
                             "wanted are 'min' or 'max', 'rel' or 'abs', and a factor below 1")  # fmt: skip
        self.optimizer, self.last_epoch, self.mode, self.factor, self.patience = optimizer, 0, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.min_lr, self.eps = (
            threshold, threshold_mode, cooldown, min_lr, eps,
        )  # fmt: skip
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0

    def is_better(self, metric: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        margin = self.threshold * (1 if self.threshold_mode == "abs" else self.best)
        return metric < self.best - margin if sign > 0 else metric > self.best + margin

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        metric = float(metrics)
        self.last_epoch += 1
        if self.is_better(metric):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
            for group in self.optimizer.param_groups:
                lr = max(group["lr"] * self.factor, self.min_lr)
                group["lr"] = lr if group["lr"] - lr > self.eps else group["lr"]
