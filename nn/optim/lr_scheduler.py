"""Learning-rate schedules: after each epoch `scheduler.step()` rewrites `lr` in the optimizer's
groups.

As in PyTorch each next lr comes from the present one, so that several schedules may act together.
"""

from __future__ import annotations

import math
from copy import deepcopy
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from minigrad import Tensor

from ..arguments import as_list, check_state, describe
from .checks import has_numbers

if TYPE_CHECKING:
    from .optimizer import Optimizer


COUNTS = {"last_epoch", "num_bad_epochs", "cooldown_counter"}  # states that are never below 0


class LRScheduler:
    """`last_epoch` counts the steps, t. A subclass says in `next_lr` what the lr of step t is, from
    that of t - 1.

    last_epoch: only -1, a new training; NotImplementedError else. `load_state_dict` resumes one.
    """

    not_saved: ClassVar[set[str]] = {"optimizer"}  # what state_dict leaves out

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        check_last_epoch(type(self).__name__, last_epoch)
        self.optimizer = optimizer
        self.last_epoch = last_epoch
        checked_groups(self)
        self.base_lrs: list[float] = []
        self.step()

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign, unless a number, a list or the optimizer would become something else."""
        check_held(type(self).__name__, name, vars(self).get(name), value)
        is_number = getattr(value, "ndim", None) == 0
        super().__setattr__(name, value.item() if is_number else value)

    def take_new_groups(self) -> None:
        """Keep the lr of step 0 of each group, also of those that were added since."""
        for group in self.optimizer.param_groups[len(self.base_lrs) :]:
            self.base_lrs.append(group.setdefault("initial_lr", group["lr"]))

    def next_lr(self, lr: float, base: float, t: int) -> float:
        """The lr of step t. lr: that of step t - 1; base: that of step 0."""
        raise NotImplementedError

    def step(self, epoch: None = None) -> None:
        """Set the lr of the next epoch. Raises NotImplementedError where an epoch is given."""
        check_epoch(type(self).__name__, epoch)
        self.take_new_groups()
        self.last_epoch += 1
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            as_number(type(self).__name__, "lr", group["lr"])
            group["lr"] = self.next_lr(group["lr"], base, self.last_epoch)

    def get_last_lr(self) -> list[float]:
        """The present lr of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Its numbers; the learning rates themselves are in the optimizer's state_dict."""
        self.take_new_groups()
        kept = {key: value for key, value in vars(self).items() if key not in self.not_saved}
        return deepcopy(kept)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken. Raises ValueError, and changes nothing, where it
        does not fit.
        """
        name = type(self).__name__
        check_state(name, state_dict)
        own = self.state_dict()
        if state_dict.keys() != own.keys():
            expected = ", ".join(own)
            got = ", ".join(map(str, state_dict))
            raise ValueError(f"{name}: load_state_dict: expected {expected}, got {got}")
        for key, value in state_dict.items():
            if not has_numbers(value) or np.shape(value) != np.shape(own[key]):
                raise ValueError(
                    f"{name}: load_state_dict: {key}: expected numbers as in {own[key]!r}, "
                    f"got {describe(value)}"
                )
            if np.isnan(value).any() or (key in COUNTS and value < 0):
                raise ValueError(
                    f"{name}: load_state_dict: {key}: expected numbers that can occur, "
                    f"got {value!r}"
                )
        for key, value in state_dict.items():
            setattr(self, key, value.tolist() if isinstance(value, Tensor) else deepcopy(value))


def checked_groups(scheduler: Any) -> list[dict[str, Any]]:
    """The optimizer's groups. Raises TypeError where it has none."""
    groups = getattr(scheduler.optimizer, "param_groups", None)
    if groups is None:
        name = type(scheduler).__name__
        got = type(scheduler.optimizer).__name__
        raise TypeError(f"{name}: optimizer: expected an optimizer of nn.optim, got {got}")
    return groups


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

    not_saved: ClassVar[set[str]] = {"optimizer", "lr_lambdas"}

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1):
        self.optimizer = optimizer
        self.lr_lambdas = as_functions(self, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def step(self, epoch: None = None) -> None:
        """Set the lr of the next epoch. Raises NotImplementedError where an epoch is given."""
        check_epoch(type(self).__name__, epoch)
        self.take_new_groups()
        self.last_epoch += 1
        rows = zip(self.optimizer.param_groups, self.base_lrs, self.lr_lambdas, strict=True)
        for group, base, function in rows:
            group["lr"] = self.lr_of(function, group["lr"], base)

    def lr_of(self, function: Any, lr: float, base: float) -> float:
        """The lr of the present step. lr: that of the step before; base: that of step 0."""
        return base * self.factor_by(function)

    def factor_by(self, function: Any) -> float:
        """What lr_lambda says at the present step. Raises TypeError where it is no number."""
        value = function(self.last_epoch)
        return float(as_number(type(self).__name__, "what lr_lambda returned", value))


class MultiplicativeLR(LambdaLR):
    """lr_t = lr_{t-1} f(t), f being `lr_lambda`, or one function for each group in a list."""

    def lr_of(self, function: Any, lr: float, base: float) -> float:
        return lr * self.factor_by(function) if self.last_epoch > 0 else lr


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
        if (
            was_at_eta_min
        ):  # there height(t - 1) is 0, and the recursion would stay: start from base
            return lr + (base - self.eta_min) * self.height(t) / 2
        return self.eta_min + (lr - self.eta_min) * self.height(t) / self.height(t - 1)


class ReduceLROnPlateau(LRScheduler):
    """lr · factor, not below min_lr, once `step(metric)` saw more than `patience` steps in a row
    without progress.

    Progress is a metric below (mode="min") or above ("max") the best one by more than `threshold`,
    relative to the best ("rel") or absolute ("abs"). After a cut, `cooldown` steps do not count; a
    change of lr below `eps` is left out.
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

    def step(self, metrics: Any, epoch: None = None) -> None:  # type: ignore[override]
        """Count `metrics`, a number or a tensor of one, and cut the lr where it is time to."""
        check_epoch("ReduceLROnPlateau", epoch)
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

    def is_better(self, metric: float) -> bool:
        """Whether metric is better than the best by more than the threshold."""
        margin = self.sign * self.threshold
        bound = self.best * (1 - margin) if self.relative else self.best - margin
        return self.sign * metric < self.sign * bound

    def reduce_lr(self) -> None:
        """lr · factor in every group, not below min_lr."""
        for group in self.optimizer.param_groups:
            as_number(type(self).__name__, "lr", group["lr"])
            lr = max(group["lr"] * self.factor, self.min_lr)
            if group["lr"] - lr > self.eps:
                group["lr"] = lr


def as_functions(scheduler: Any, given: Any) -> list[Any]:
    """One function for each group. Raises TypeError or ValueError where they are not."""
    name = type(scheduler).__name__
    groups = checked_groups(scheduler)
    functions = list(given) if isinstance(given, list | tuple) else [given] * len(groups)
    if len(functions) != len(groups):
        raise ValueError(
            f"{name}: lr_lambda: expected one for each of {len(groups)} groups, "
            f"got {len(functions)}"
        )
    for function in functions:
        if not callable(function):
            raise TypeError(f"{name}: lr_lambda: expected a function, got {describe(function)}")
    return functions


def check_held(scheduler: str, name: str, existing: Any, value: Any) -> None:
    """Raise TypeError where an attribute of a scheduler would become of another kind."""
    if isinstance(existing, Real):
        as_number(scheduler, name, value)
    if name == "last_epoch" and not (isinstance(value, Integral) and int(value) >= -1):
        got = describe(value)
        raise ValueError(f"{scheduler}: last_epoch: expected a count of steps from -1, got {got}")
    if name == "step_size" and existing is not None:
        as_count(scheduler, name, value)
    if isinstance(existing, list):
        is_free = name == "milestones"
        are_alike = isinstance(value, list) and (is_free or len(value) == len(existing))
        if not are_alike or not all([isinstance(v, Real) or callable(v) for v in value]):
            raise TypeError(
                f"{scheduler}: {name}: expected a list of {len(existing)} numbers or functions, "
                f"got {describe(value)}"
            )
    is_one = getattr(value, "param_groups", None) is not None
    if hasattr(existing, "param_groups") and not is_one:
        got = describe(value)
        raise TypeError(f"{scheduler}: {name}: expected an optimizer of nn.optim, got {got}")


def check_epoch(name: str, epoch: Any) -> None:
    """Raise NotImplementedError where step is to go to an epoch."""
    if epoch is not None:
        raise NotImplementedError(
            f"{name}: step: epoch={describe(epoch)} is not supported; "
            "call step() once after each epoch"
        )


def check_last_epoch(name: str, last_epoch: Any) -> None:
    """Raise NotImplementedError where a training is to go on from an epoch."""
    if not isinstance(last_epoch, Real) or last_epoch != -1:
        raise NotImplementedError(
            f"{name}: last_epoch={describe(last_epoch)} is not supported; "
            "make the scheduler anew and use load_state_dict to go on"
        )


def as_number(name: str, key: str, value: Any) -> Any:
    """One number, NumPy's as Python's own. Raises TypeError where it is none."""
    number = value.item() if getattr(value, "ndim", None) == 0 else value
    if not isinstance(number, Real):
        raise TypeError(f"{name}: {key}: expected a number, got {describe(value)}")
    return number


def check_word(name: str, key: str, value: Any, *words: str) -> None:
    """Raise ValueError where a setting is none of the words."""
    if not isinstance(value, str) or value not in words:
        expected = " or ".join(map(repr, words))
        raise ValueError(f"{name}: {key}: expected {expected}, got {describe(value)}")


def as_count(name: str, key: str, value: Any) -> Any:
    """A number of at least 1. Raises TypeError where it is no number, ValueError where below."""
    number = as_number(name, key, value)
    if not number >= 1:
        raise ValueError(f"{name}: {key}: expected at least 1, got {describe(value)}")
    return number
