"""Schedules made of others: one after the other, or all at once. lr_scheduler has them, too."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, ClassVar

from minigrad.errors import shown

from ..arguments import as_list, check_state
from .scheduler import LRScheduler, as_number, check_epoch, check_last_epoch, checked_groups

if TYPE_CHECKING:
    from .optimizer import Optimizer


class Combined(LRScheduler):
    """A schedule made of `schedulers`, whose states are part of its own."""

    not_saved: ClassVar[set[str]] = {*LRScheduler.not_saved, "schedulers"}
    schedulers: list[Any]

    def take_new_groups(self) -> None:
        """Nothing: each of the schedules does."""

    def take_back(self) -> None:
        for scheduler in self.schedulers:
            scheduler.take_back()

    def state_dict(self) -> dict[str, Any]:
        """Its numbers, and in `schedulers` the state of each schedule."""
        states = [scheduler.state_dict() for scheduler in self.schedulers]
        return {**super().state_dict(), "schedulers": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken. Raises ValueError, and changes nothing, if it
        does not fit.
        """
        name = type(self).__name__
        check_state(name, state_dict)
        states = state_dict.get("schedulers")
        count = len(self.schedulers)
        if not isinstance(states, list) or len(states) != count:
            got = shown(states)
            raise ValueError(
                f"{name}: load_state_dict: schedulers: expected {count} states, got {got}"
            )
        before = [scheduler.state_dict() for scheduler in self.schedulers]
        try:
            for scheduler, state in zip(self.schedulers, states):
                scheduler.load_state_dict(state)
            self.load_numbers({k: v for k, v in state_dict.items() if k != "schedulers"})
        except Exception:
            for scheduler, state in zip(self.schedulers, before):
                scheduler.load_state_dict(state)
            raise


class SequentialLR(Combined):
    """One schedule after the other: at each of the milestones, counts of steps, the next begins."""

    def __init__(
        self, optimizer: Optimizer, schedulers: Any, milestones: Any, last_epoch: int = -1
    ):
        name = "SequentialLR"
        check_last_epoch(name, last_epoch)
        self.optimizer = optimizer
        groups = checked_groups(self)
        self.schedulers = as_schedulers(name, optimizer, schedulers)
        self.milestones = as_list(
            name, "milestones", milestones, lambda m: as_number(name, "milestones", m)
        )
        if len(self.milestones) != len(self.schedulers) - 1:
            raise ValueError(
                f"{name}: milestones: expected {len(self.schedulers) - 1}, one between two of the "
                f"schedulers, got {len(self.milestones)}"
            )
        for group in groups:
            group["lr"] = group["initial_lr"]
        self.take_back()
        self.last_epoch = 0
        first = self.schedulers[bisect_right(self.milestones, 0)]
        first.step()
        self.last_lrs = tuple(first.get_last_lr())

    def begin(self) -> None:
        self.last_epoch = 0
        self.schedulers[0].begin()
        self.last_lrs = tuple(self.schedulers[0].get_last_lr())

    def step(self, epoch: int | None = None) -> None:
        """Let the schedule whose turn it is set the lr."""
        check_epoch("SequentialLR", epoch)
        self.last_epoch += 1
        place = bisect_right(self.milestones, self.last_epoch)
        present = self.schedulers[place]
        if place > 0 and self.milestones[place - 1] == self.last_epoch:
            present.begin()
        else:
            present.step()
        self.last_lrs = tuple(present.get_last_lr())


class ChainedScheduler(Combined):
    """All schedules at once: each changes the lr that the one before it has set."""

    def __init__(self, schedulers: Any, optimizer: Optimizer | None = None):
        self.schedulers = as_schedulers("ChainedScheduler", optimizer, schedulers)
        self.optimizer = self.schedulers[0].optimizer
        self.last_lrs = tuple(self.schedulers[-1].get_last_lr())

    def begin(self) -> None:
        for scheduler in self.schedulers:
            scheduler.begin()
        self.last_lrs = tuple(self.schedulers[-1].get_last_lr())

    def step(self, epoch: int | None = None) -> None:
        """A step of each schedule."""
        check_epoch("ChainedScheduler", epoch)
        for scheduler in self.schedulers:
            scheduler.step()
        self.last_lrs = tuple(self.schedulers[-1].get_last_lr())


def as_schedulers(name: str, optimizer: Any, given: Any) -> list[Any]:
    """At least one schedule, all of one optimizer: the one given, or that of the first.

    Raises TypeError for what is not a schedule, ValueError for one of another optimizer, and for
    ReduceLROnPlateau, whose step needs a metric.
    """
    found = as_list(name, "schedulers", given, lambda s: check_schedule(name, s))
    if not found:
        raise ValueError(f"{name}: schedulers: expected at least one, got none")
    owner = found[0].optimizer if optimizer is None else optimizer
    for scheduler in found:
        if scheduler.optimizer is not owner:
            raise ValueError(
                f"{name}: schedulers: expected all to be of one optimizer, "
                f"got {type(scheduler).__name__} of another"
            )
    return found


def check_schedule(name: str, scheduler: Any) -> None:
    """Raise TypeError if a schedule is none, ValueError for one whose step needs a metric."""
    if not isinstance(scheduler, LRScheduler):
        raise TypeError(
            f"{name}: schedulers: expected schedules of nn.optim.lr_scheduler, "
            f"got {shown(scheduler)}"
        )
    if scheduler.needs_metric:
        raise ValueError(
            f"{name}: schedulers: expected schedules whose step takes nothing, "
            f"got {type(scheduler).__name__}; step it by itself"
        )
