"""What all learning-rate schedules share: the count of steps, saving and loading, their checks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import deepcopy
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from minigrad import Tensor
from minigrad.errors import shown

from ..arguments import as_list, check_integers, check_state, one_number
from .checks import has_numbers

if TYPE_CHECKING:
    from .optimizer import Optimizer


MOST_COUNTED = 1_000_000  # steps to an epoch, which takes half a second

# states that are counts, and the least that each can be
COUNTS = {"last_epoch": -1, "num_bad_epochs": 0, "cooldown_counter": 0}


class LRScheduler:
    """`last_epoch` counts the steps, t. A subclass says in `next_lr` what the lr of step t is, from
    that of t - 1; or in `get_lr` those of all groups.

    last_epoch: only -1, a new training; NotImplementedError else. `load_state_dict` resumes one.
    """

    not_saved: ClassVar[set[str]] = {"optimizer", "last_lrs"}  # what state_dict leaves out
    needs_metric: ClassVar[bool] = False  # whether step takes one
    last_lrs: tuple[float, ...] = ()  # of the last step, one for each group

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
        super().__setattr__(name, one_number(value))

    def take_new_groups(self) -> None:
        """Keep the lr of step 0 of each group, also of those that were added since."""
        for group in self.optimizer.param_groups[len(self.base_lrs) :]:
            self.base_lrs.append(group.setdefault("initial_lr", group["lr"]))

    def next_lr(self, lr: float, base: float, t: int) -> float:
        """The lr of step t. lr: that of step t - 1; base: that of step 0."""
        raise NotImplementedError(
            f"{type(self).__name__} has no rates: define `def get_lr(self)`, a list of one for "
            "each group"
        )

    def get_lr(self) -> list[float]:
        """The lr of each group at step `last_epoch`."""
        rates = present_lrs(self)
        bases = self.base_lrs
        return [self.next_lr(lr, b, self.last_epoch) for lr, b in zip(rates, bases, strict=True)]

    def step(self, epoch: int | None = None) -> None:
        """Set the lr of the next epoch; or, as programs before PyTorch 1.4 do it, that of `epoch`.

        That gives a warning. Raises TypeError or ValueError if epoch is not a count.
        """
        self.take_new_groups()
        if epoch is None:
            self.last_epoch += 1
        else:
            self.go_to(as_epoch(type(self).__name__, epoch))
        self.last_lrs = as_rates(self, self.get_lr())
        set_lrs(self, self.last_lrs)

    def go_to(self, epoch: int) -> None:
        """Be at step `epoch`, with the lr of the step before it: counted from step 0 on, where
        `next_lr` goes on from the present lr, and else as it is.
        """
        is_next = epoch == self.last_epoch + 1 and present_lrs(self) == list(self.last_lrs)
        if not is_next and type(self).get_lr is LRScheduler.get_lr:
            check_countable(type(self).__name__, epoch)
            set_lrs(self, [counted_lr(self, base, epoch) for base in self.base_lrs])
        self.last_epoch = epoch

    def take_back(self) -> None:
        """Count the step of the constructor as not made, for a schedule that makes it later."""
        self.last_epoch = max(self.last_epoch - 1, -1)

    def begin(self) -> None:
        """Make step 0 now, after other schedules: from the lr of step 0, where `next_lr` goes on
        from the present one, and else as `get_lr` says.
        """
        self.take_new_groups()
        self.last_epoch = -1
        if type(self).get_lr is LRScheduler.get_lr:
            set_lrs(self, self.base_lrs)
        self.step()

    def get_last_lr(self) -> list[float]:
        """What the last step set the lr of each group to; the present ones, before any step."""
        return list(self.last_lrs or present_lrs(self))

    def state_dict(self) -> dict[str, Any]:
        """Its numbers; the learning rates themselves are in the optimizer's state_dict."""
        self.take_new_groups()
        kept = {key: value for key, value in vars(self).items() if key not in self.not_saved}
        return deepcopy(kept)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken. Raises ValueError, and changes nothing, if it
        does not fit.
        """
        check_state(type(self).__name__, state_dict)
        self.load_numbers(state_dict)

    def load_numbers(self, state_dict: dict[str, Any]) -> None:
        """Take over numbers and lists of them. Raises ValueError if they do not fit."""
        name = type(self).__name__
        own = LRScheduler.state_dict(self)
        if state_dict.keys() != own.keys():
            expected = ", ".join(own)
            got = ", ".join(map(str, state_dict))
            raise ValueError(f"{name}: load_state_dict: expected {expected}, got {got}")
        for key, value in state_dict.items():
            if not has_numbers(value) or np.shape(value) != np.shape(own[key]):
                raise ValueError(
                    f"{name}: load_state_dict: {key}: expected numbers as in {own[key]!r}, "
                    f"got {shown(value)}"
                )
            if np.isnan(value).any() or (key in COUNTS and value < COUNTS[key]):
                raise ValueError(
                    f"{name}: load_state_dict: {key}: expected numbers that can occur, "
                    f"got {value!r}"
                )
        for key, value in state_dict.items():
            setattr(self, key, value.tolist() if isinstance(value, Tensor) else deepcopy(value))
        self.last_lrs = ()


def checked_groups(scheduler: Any) -> list[dict[str, Any]]:
    """The optimizer's groups. Raises TypeError if it has none."""
    groups = getattr(scheduler.optimizer, "param_groups", None)
    if groups is None:
        name = type(scheduler).__name__
        got = type(scheduler.optimizer).__name__
        raise TypeError(f"{name}: optimizer: expected an optimizer of nn.optim, got {got}")
    return groups


def one_for_each_group(scheduler: Any, key: str, given: Any) -> list[Any]:
    """One value for each group, of a list or the same for all. Raises ValueError otherwise."""
    count = len(checked_groups(scheduler))
    values = list(given) if isinstance(given, list | tuple) else [given] * count
    if len(values) != count:
        name = type(scheduler).__name__
        raise ValueError(
            f"{name}: {key}: expected one for each of {count} groups, got {len(values)}"
        )
    return values


def present_lrs(scheduler: LRScheduler) -> list[float]:
    """The lr of each group. Raises TypeError if one is not a number."""
    name = type(scheduler).__name__
    return [as_number(name, "lr", group["lr"]) for group in scheduler.optimizer.param_groups]


def set_lrs(scheduler: LRScheduler, rates: Sequence[float]) -> None:
    """Give each group its lr."""
    for group, lr in zip(scheduler.optimizer.param_groups, rates, strict=True):
        group["lr"] = lr


def counted_lr(scheduler: LRScheduler, base: float, epoch: int) -> float:
    """The lr of the step before `epoch`, from that of step 0 on."""
    lr = base
    for t in range(epoch):
        lr = scheduler.next_lr(lr, base, t)
    return lr


def as_rates(scheduler: LRScheduler, found: Any) -> tuple[float, ...]:
    """What get_lr returned. Raises TypeError or ValueError if it is not a rate for each group."""
    name = type(scheduler).__name__
    rates = as_list(name, "get_lr", found, lambda lr: as_number(name, "get_lr", lr))
    count = len(scheduler.optimizer.param_groups)
    if len(rates) != count:
        raise ValueError(f"{name}: get_lr: expected one lr for each of {count} groups, got {rates}")
    return tuple([as_number(name, "get_lr", lr) for lr in rates])


def check_held(scheduler: str, name: str, existing: Any, value: Any) -> None:
    """Raise TypeError if an attribute of a scheduler would become of another kind."""
    if isinstance(existing, Real):
        as_number(scheduler, name, value)
    if name == "last_epoch" and not (isinstance(value, Integral) and int(value) >= -1):
        got = shown(value)
        raise ValueError(f"{scheduler}: last_epoch: expected a count of steps from -1, got {got}")
    if name in ("step_size", "T_0", "T_i", "T_mult") and existing is not None:
        as_count(scheduler, name, value)
    if isinstance(existing, list):
        is_free = name == "milestones"
        are_alike = isinstance(value, list) and (is_free or len(value) == len(existing))
        if not are_alike or not all([isinstance(v, Real) or callable(v) for v in value]):
            raise TypeError(
                f"{scheduler}: {name}: expected a list of {len(existing)} numbers or functions, "
                f"got {shown(value)}"
            )
    is_one = getattr(value, "param_groups", None) is not None
    if hasattr(existing, "param_groups") and not is_one:
        got = shown(value)
        raise TypeError(f"{scheduler}: {name}: expected an optimizer of nn.optim, got {got}")


def as_epoch(name: str, epoch: Any) -> int:
    """The epoch that a step is to go to, with a warning. Raises if it is not a count."""
    check_integers(f"{name}: step", 0, epoch=epoch)
    warnings.warn(
        f"{name}: step: an epoch is deprecated; call step() once after each epoch", stacklevel=3
    )
    return int(epoch)


def check_countable(name: str, epoch: int) -> None:
    """Raise ValueError if it would take too long to count up to an epoch."""
    if epoch > MOST_COUNTED:
        raise ValueError(f"{name}: step: expected epoch of at most {MOST_COUNTED}, got {epoch}")


def check_epoch(name: str, epoch: Any) -> None:
    """Raise NotImplementedError if several schedules are to go to an epoch."""
    if epoch is not None:
        raise NotImplementedError(
            f"{name}: step: epoch={shown(epoch)} is not supported; "
            "call step() once after each epoch"
        )


def check_last_epoch(name: str, last_epoch: Any) -> None:
    """Raise NotImplementedError if a training is to go on from an epoch."""
    if not isinstance(last_epoch, Real) or last_epoch != -1:
        raise NotImplementedError(
            f"{name}: last_epoch={shown(last_epoch)} is not supported; "
            "make the scheduler anew and use load_state_dict to go on"
        )


def as_number(name: str, key: str, value: Any) -> Any:
    """`arguments.as_number`, which speaks as optimizers do: the setting before what is expected."""
    number = one_number(value)
    if not isinstance(number, Real):
        raise TypeError(f"{name}: {key}: expected a number, got {shown(value)}")
    return number


def check_word(name: str, key: str, value: Any, *words: str) -> None:
    """Raise ValueError if a setting is none of the words."""
    if not isinstance(value, str) or value not in words:
        expected = " or ".join(map(repr, words))
        raise ValueError(f"{name}: {key}: expected {expected}, got {shown(value)}")


def as_count(name: str, key: str, value: Any) -> Any:
    """A number of at least 1. Raises TypeError if it is not a number, ValueError if below."""
    number = as_number(name, key, value)
    if not number >= 1:
        raise ValueError(f"{name}: {key}: expected at least 1, got {shown(value)}")
    return number
