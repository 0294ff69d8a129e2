"""Learning-rate schedules: after each epoch `scheduler.step()` rewrites `lr` in the optimizer's
groups.

As in PyTorch each next lr comes from the present one, so that several schedules may act together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from minigrad import Tensor
from minigrad.errors import shown

from ..arguments import as_list
from .combined import ChainedScheduler, SequentialLR
from .cycles import CosineAnnealingWarmRestarts, OneCycleLR
from .scheduler import (
    LRScheduler,
    as_count,
    as_epoch,
    as_number,
    check_word,
    checked_groups,
    one_for_each_group,
    present_lrs,
)

if TYPE_CHECKING:
    from .optimizer import Optimizer

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "LRScheduler",
    "MultiplicativeLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]


class StepLR(LRScheduler):
    """lr · gamma at every `step_size`-th step."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ):
        self.step_size = as_count("StepLR", "step_size", step_size)
        self.gamma = as_number("StepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def next_lr(self, lr: float, base: float, t: int) -> float:
        if t > 0 and t % self.step_size == 0:
            return lr * self.gamma
        return lr


class ExponentialLR(StepLR):
    """lr · gamma at every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        gamma = as_number("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer, 1, gamma, last_epoch)


class MultiStepLR(LRScheduler):
    """lr · gamma at each step that is named in `milestones`; twice where one is named twice."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Any,
        gamma: float = 0.1,
        last_epoch: int = -1,
    ):
        self.milestones = as_list(
            "MultiStepLR",
            "milestones",
            milestones.tolist() if isinstance(milestones, Tensor) else milestones,
            lambda m: as_number("MultiStepLR", "milestones", m),
        )
        self.gamma = as_number("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def next_lr(self, lr: float, base: float, t: int) -> float:
        return float(lr * self.gamma ** self.milestones.count(t))


class LambdaLR(LRScheduler):
    """lr_t = lr_0 f(t), f being `lr_lambda`, or one function for each group in a list.

    The functions are not saved.
    """

    not_saved: ClassVar[set[str]] = {*LRScheduler.not_saved, "lr_lambdas"}

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1):
        self.optimizer = optimizer
        self.lr_lambdas = as_functions(self, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [base * factor for base, factor in zip(self.base_lrs, self.factors())]

    def factors(self) -> list[float]:
        """What lr_lambda says at the present step. Raises TypeError if it is not a number."""
        name = type(self).__name__
        found = [function(self.last_epoch) for function in self.lr_lambdas]
        return [float(as_number(name, "what lr_lambda returned", value)) for value in found]


class MultiplicativeLR(LambdaLR):
    """lr_t = lr_{t-1} f(t), f being `lr_lambda`, or one function for each group in a list.

    The constructor leaves lr as it is; f(0) counts where step 0 is made after other schedules.
    """

    not_saved: ClassVar[set[str]] = {*LambdaLR.not_saved, "is_made"}
    is_made = False

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1):
        super().__init__(optimizer, lr_lambda, last_epoch)
        self.is_made = True

    def get_lr(self) -> list[float]:
        rates = present_lrs(self)
        if not self.is_made:
            return rates
        return [lr * factor for lr, factor in zip(rates, self.factors())]


class ConstantLR(LRScheduler):
    """lr times `factor` until step `total_iters`."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        self.factor = as_number("ConstantLR", "factor", factor)
        self.total_iters = as_number("ConstantLR", "total_iters", total_iters)
        if not 0 < self.factor <= 1:
            raise ValueError(f"ConstantLR: factor: expected above 0, up to 1, got {factor}")
        super().__init__(optimizer, last_epoch)

    def next_lr(self, lr: float, base: float, t: int) -> float:
        if t == 0:
            return float(lr * self.factor)
        return float(lr / self.factor) if t == self.total_iters else lr


class PolynomialLR(LRScheduler):
    """lr_t = lr_0 (1 - t / total_iters)^power, 0 from step total_iters on."""

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ):
        self.total_iters = as_count("PolynomialLR", "total_iters", total_iters)
        self.power = as_number("PolynomialLR", "power", power)
        super().__init__(optimizer, last_epoch)

    def next_lr(self, lr: float, base: float, t: int) -> float:
        if t == 0 or t > self.total_iters:
            return lr
        share = (1 - t / self.total_iters) / (1 - (t - 1) / self.total_iters)
        return float(lr * share**self.power)


class LinearLR(LRScheduler):
    """lr times a factor that goes from start_factor to end_factor in `total_iters` equal steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        start_factor = as_number("LinearLR", "start_factor", start_factor)
        end_factor = as_number("LinearLR", "end_factor", end_factor)
        total_iters = as_count("LinearLR", "total_iters", total_iters)
        if not 0 < start_factor <= 1:
            raise ValueError(
                f"LinearLR: start_factor: expected above 0, up to 1, got {start_factor}"
            )
        if not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor: expected from 0 to 1, got {end_factor}")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def factor(self, t: int) -> float:
        """What the base lr is multiplied by at step t, up to total_iters."""
        slope = (self.end_factor - self.start_factor) / self.total_iters
        return self.start_factor + slope * t

    def next_lr(self, lr: float, base: float, t: int) -> float:
        if t > self.total_iters:
            return lr
        if t == 0:
            return lr * self.factor(0)
        return lr * self.factor(t) / self.factor(t - 1)


class CosineAnnealingLR(LRScheduler):
    """lr_t = eta_min + ½ (lr_0 - eta_min) (1 + cos(π t / T_max))  (Loshchilov & Hutter 2017, eq.
    5).
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ):
        self.T_max = as_count("CosineAnnealingLR", "T_max", T_max)
        self.eta_min = as_number("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def height(self, t: int) -> float:
        """1 + cos(π t / T_max), from 2 at the start to 0 at eta_min."""
        return 1 + math.cos(math.pi * t / self.T_max)

    def next_lr(self, lr: float, base: float, t: int) -> float:
        if t == 0:
            return lr
        was_at_eta_min = (t - 1) % (2 * self.T_max) == self.T_max
        if was_at_eta_min:  # height(t - 1) is 0, and the recursion would stay: start from base
            return lr + (base - self.eta_min) * self.height(t) / 2
        return self.eta_min + (lr - self.eta_min) * self.height(t) / self.height(t - 1)


class ReduceLROnPlateau(LRScheduler):
    """lr · factor, not below min_lr, once `step(metric)` saw more than `patience` steps in a row
    without progress.

    Progress is a metric below (mode="min") or above ("max") the best one by more than `threshold`,
    relative to the best ("rel") or absolute ("abs"). After a cut, `cooldown` steps do not count; a
    change of lr below `eps` is left out.
    """

    needs_metric: ClassVar[bool] = True

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
        name = "ReduceLROnPlateau"
        check_word(name, "mode", mode, "min", "max")
        check_word(name, "threshold_mode", threshold_mode, "rel", "abs")
        self.factor = as_number(name, "factor", factor)
        self.patience = as_number(name, "patience", patience)
        self.threshold = as_number(name, "threshold", threshold)
        self.cooldown = as_number(name, "cooldown", cooldown)
        self.min_lr = as_number(name, "min_lr", min_lr)
        self.eps = as_number(name, "eps", eps)
        if self.factor >= 1:
            raise ValueError(f"{name}: factor: expected below 1, got {factor}")
        self.optimizer = optimizer
        checked_groups(self)
        self.sign = 1 if mode == "min" else -1
        self.relative = threshold_mode == "rel"
        self.best = self.sign * math.inf
        self.last_epoch = 0
        self.num_bad_epochs = 0
        self.cooldown_counter = 0

    def take_new_groups(self) -> None:
        """Nothing: each cut is of the present lr, and no other is kept."""

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Count `metrics`, a number or a tensor of one, and cut the lr where it is time to.

        epoch: the number of this step, as programs before PyTorch 1.4 give it; with a warning.
        """
        if epoch is not None:
            self.last_epoch = as_epoch("ReduceLROnPlateau", epoch) - 1  # counted below
        value = metrics.reshape(()) if getattr(metrics, "size", 0) == 1 else metrics
        metric = float(as_number("ReduceLROnPlateau: step", "metrics", value))
        self.last_epoch += 1
        if self.is_better(metric):
            self.best = metric
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.reduce_lr()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self.last_lrs = tuple(present_lrs(self))

    def is_better(self, metric: float) -> bool:
        """Whether metric is better than the best by more than the threshold."""
        margin = self.sign * self.threshold
        bound = self.best * (1 - margin) if self.relative else self.best - margin
        return self.sign * metric < self.sign * bound

    def reduce_lr(self) -> None:
        """lr · factor in every group, not below min_lr."""
        for group, before in zip(self.optimizer.param_groups, present_lrs(self), strict=True):
            lr = max(before * self.factor, self.min_lr)
            if before - lr > self.eps:
                group["lr"] = lr


def as_functions(scheduler: Any, given: Any) -> list[Any]:
    """One function for each group. Raises TypeError or ValueError if they are not."""
    name = type(scheduler).__name__
    functions = one_for_each_group(scheduler, "lr_lambda", given)
    for function in functions:
        if not callable(function):
            raise TypeError(f"{name}: lr_lambda: expected a function, got {shown(function)}")
    return functions
