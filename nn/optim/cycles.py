"""Schedules in cycles: up and down once, or down again and again. lr_scheduler has them, too."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from minigrad import Tensor
from minigrad.errors import shown

from ..arguments import as_probability, check_bools, check_integers
from .scheduler import LRScheduler, as_number, check_word, checked_groups, one_for_each_group

if TYPE_CHECKING:
    from .optimizer import Optimizer


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + ½ (lr_0 - eta_min) (1 + cos(π T_cur / T_i)), T_cur steps after a restart
    (Loshchilov & Hutter 2017, eq. 5).

    There is a restart after the first T_i = T_0 steps; each next T_i is T_mult times the last.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ):
        name = "CosineAnnealingWarmRestarts"
        check_integers(name, 1, T_0=T_0, T_mult=T_mult)
        self.T_0 = T_0
        self.T_mult = T_mult
        given: Any = eta_min
        if isinstance(given, Tensor):
            raise ValueError(f"{name}: eta_min: expected a number, got a tensor; use .item()")
        self.eta_min = as_number(name, "eta_min", eta_min)
        self.T_cur = 0.0
        self.T_i = T_0
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        height = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on by one step; or to `epoch`, which may be a part of one: epoch + batch / batches."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            self.T_cur += 1
        else:
            self.go_to(epoch)
        self.restart()
        super().step()

    def restart(self) -> None:
        """Count T_cur from the last restart, if there was one."""
        if self.T_mult == 1 and self.T_cur >= self.T_i:  # a far epoch has many restarts
            self.T_cur %= self.T_i
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult

    def go_to(self, epoch: float) -> None:
        """Be an epoch after the start, before any restart."""
        found = as_number("CosineAnnealingWarmRestarts: step", "epoch", epoch)
        if not 0 <= found < math.inf:
            raise ValueError(
                f"CosineAnnealingWarmRestarts: step: epoch: expected at least 0, got {shown(epoch)}"
            )
        self.T_cur = float(found)
        self.T_i = self.T_0
        self.last_epoch = math.floor(found) - 1  # the step that follows counts it


class OneCycleLR(LRScheduler):
    """The lr rises from max_lr / div_factor to max_lr, and falls far below where it began; the
    momentum falls and rises (Smith & Topin 2017).

    total_steps: of the cycle, or `epochs` times `steps_per_epoch`; pct_start: the share of them in
    which the lr rises. It ends final_div_factor below its start. With three_phase it falls to its
    start as long as it rose, and then to its end. max_lr, base_momentum and max_momentum may be
    lists, with one for each group. Raises ValueError for a step after total_steps.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: Any = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        name = "OneCycleLR"
        check_bools(name, cycle_momentum=cycle_momentum, three_phase=three_phase)
        check_word(name, "anneal_strategy", anneal_strategy, "cos", "linear")
        self.optimizer = optimizer
        self.total_steps = count_of_steps(total_steps, epochs, steps_per_epoch)
        self.is_linear = anneal_strategy == "linear"
        self.cycle_momentum = cycle_momentum
        self.three_phase = three_phase
        self.div_factor = as_divisor("div_factor", div_factor)
        self.final_div_factor = as_divisor("final_div_factor", final_div_factor)
        self.max_lrs = numbers_of_groups(self, "max_lr", max_lr)
        self.base_momentums = numbers_of_groups(self, "base_momentum", base_momentum)
        self.max_momentums = numbers_of_groups(self, "max_momentum", max_momentum)
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(
                f"{name}: expected an optimizer with momentum or betas, "
                f"got {type(optimizer).__name__}; use cycle_momentum=False"
            )
        if not isinstance(pct_start, float):
            got = shown(pct_start)
            raise TypeError(f"{name}: pct_start: expected a float between 0 and 1, got {got}")
        rise = as_probability(name, "pct_start", pct_start) * self.total_steps - 1
        last = self.total_steps - 1.0
        # the step at which each phase ends
        self.ends = [rise, 2 * rise, last] if three_phase else [rise, last]
        for group, peak in zip(checked_groups(self), self.max_lrs):
            group["initial_lr"] = self.rates(peak)[0]
        super().__init__(optimizer, last_epoch)

    def rates(self, peak: float) -> list[float]:
        """The lr where the phases meet."""
        start = peak / self.div_factor
        end = start / self.final_div_factor
        return [start, peak, start, end] if self.three_phase else [start, peak, end]

    def momenta(self, low: float, high: float) -> list[float]:
        """The momentum where the phases meet."""
        return [high, low, high, high] if self.three_phase else [high, low, high]

    def between(self, meeting: list[float], t: int) -> float:
        """The value at step t, of those where the phases meet."""
        phase = bisect_left(self.ends[:-1], t)
        start = self.ends[phase - 1] if phase else 0.0
        length = self.ends[phase] - start
        if length == 0:
            raise ValueError(
                f"OneCycleLR: pct_start: expected a phase of some length, got none at step {t} of "
                f"{self.total_steps}; use another pct_start, or more steps"
            )
        share = (t - start) / length
        a, b = meeting[phase], meeting[phase + 1]
        if self.is_linear:
            return a + (b - a) * share
        return b + (a - b) * (1 + math.cos(math.pi * share)) / 2

    def get_lr(self) -> list[float]:
        t = self.last_epoch
        if t > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step: expected at most {self.total_steps} steps, got {t}; "
                "give it more total_steps"
            )
        if self.cycle_momentum:
            lows_and_highs = zip(self.base_momentums, self.max_momentums)
            for group, (low, high) in zip(self.optimizer.param_groups, lows_and_highs):
                set_momentum(group, self.between(self.momenta(low, high), t))
        return [self.between(self.rates(peak), t) for peak in self.max_lrs]


def set_momentum(group: dict[str, Any], momentum: float) -> None:
    """Give a group this momentum, or β₁."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


def count_of_steps(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    """total_steps, or epochs times steps_per_epoch. Raises ValueError if neither is given."""
    given = {"total_steps": total_steps}
    if total_steps is None:
        given = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    if any([value is None for value in given.values()]):
        raise ValueError(
            "OneCycleLR: expected total_steps, or epochs and steps_per_epoch, got "
            f"epochs={shown(epochs)}, steps_per_epoch={shown(steps_per_epoch)}"
        )
    check_integers("OneCycleLR", 1, **given)
    return math.prod(given.values())


def as_divisor(key: str, value: Any) -> float:
    """A number other than 0."""
    number = as_number("OneCycleLR", key, value)
    if number == 0:
        raise ValueError(f"OneCycleLR: {key}: expected a number other than 0, got {shown(value)}")
    return float(number)


def numbers_of_groups(scheduler: Any, key: str, given: Any) -> list[float]:
    """One number for each group."""
    values = one_for_each_group(scheduler, key, given)
    return [float(as_number("OneCycleLR", key, value)) for value in values]
