"""Optimizers, schedulers and clipping against PyTorch, step for step."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_twin import draw, torch

import minigrad as mg
import nn
from nn import optim

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.5, "nesterov": True, "weight_decay": 0.1},
        {"lr": 0.1, "maximize": True},
    ],
    "Adam": [
        {},
        {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1},
        {"maximize": True, "lr": 0.0},
    ],
    "AdamW": [{}, {"lr": 0.1, "weight_decay": 0.3, "maximize": True}],
    "RMSprop": [
        {},
        {"lr": 0.1, "alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1},
        {"momentum": 0.9},
        {"centered": True},
        {"momentum": 0.5, "centered": True, "maximize": True},
    ],
    "Adagrad": [
        {},
        {
            "lr": 0.1,
            "lr_decay": 0.1,
            "weight_decay": 0.1,
            "initial_accumulator_value": 0.5,
            "eps": 1e-3,
        },
    ],
}
CASES = [(name, settings) for name in SETTINGS for settings in SETTINGS[name]]


def parameters(*shapes: tuple[int, ...]) -> tuple[list[Any], list[Any]]:
    arrays = [draw(*shape) for shape in shapes]
    return [nn.Parameter(a.copy()) for a in arrays], [
        torch.nn.Parameter(torch.tensor(a)) for a in arrays
    ]


def set_gradients(ours: list[Any], theirs: list[Any], seed: int) -> None:
    for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
        g = draw(*p.shape, seed=seed + 100 * i)
        p.grad, q.grad = mg.tensor(g), torch.tensor(g)


def same(ours: list[Any], theirs: list[Any]) -> None:
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_optimizer(name: str, settings: dict[str, Any]) -> None:
    ours, theirs = parameters((3, 2), (4,), ())
    mine, his = (
        getattr(optim, name)(ours, **settings),
        getattr(torch.optim, name)(theirs, **settings),
    )
    for step in range(6):
        set_gradients(ours, theirs, step)
        if step == 2:
            ours[1].grad = theirs[1].grad = None  # left out of this step
        mine.step()
        his.step()
        same(ours, theirs)


def test_settings_by_position() -> None:
    for name, args in (
        ("SGD", (0.1, 0.9)),
        ("Adam", (0.1, (0.5, 0.9), 1e-3)),
        ("RMSprop", (0.1, 0.5)),
        ("Adagrad", (0.1, 0.2)),
    ):
        ours, theirs = parameters((3,))
        mine, his = getattr(optim, name)(ours, *args), getattr(torch.optim, name)(theirs, *args)
        for step in range(3):
            set_gradients(ours, theirs, step)
            mine.step()
            his.step()
        same(ours, theirs)


def test_groups() -> None:
    ours, theirs = parameters((3,), (2,), (4,))
    mine, his = (
        lib.SGD([{"params": [p[0]], "lr": 0.5}, {"params": p[1]}], lr=0.1, momentum=0.9)
        for lib, p in ((optim, ours), (torch.optim, theirs))
    )
    mine.add_param_group({"params": ours[2], "momentum": 0.0})
    his.add_param_group({"params": theirs[2], "momentum": 0.0})
    for step in range(3):
        set_gradients(ours, theirs, step)
        mine.step()
        his.step()
    same(ours, theirs)


def test_closure() -> None:
    ours, theirs = parameters((3,))
    for p, optimizer in (
        (ours[0], optim.SGD(ours, lr=0.1)),
        (theirs[0], torch.optim.SGD(theirs, lr=0.1)),
    ):

        def closure(p: Any = p, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            return loss

        with mg.no_grad():
            loss = optimizer.step(closure)
        assert loss.item() == pytest.approx((draw(3) ** 2).sum())
    same(ours, theirs)


SCHEDULES = [
    ("StepLR", {"step_size": 3}),
    ("StepLR", {"step_size": 2, "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.5, "end_factor": 0.1, "total_iters": 4}),
    ("CosineAnnealingLR", {"T_max": 5}),
    ("CosineAnnealingLR", {"T_max": 3, "eta_min": 0.01}),
]


def schedules(chosen: list[tuple[str, dict[str, Any]]], steps: int) -> None:
    """The schedules, acting together on two groups, give PyTorch's learning rates at each step."""
    ours, theirs = parameters((2,), (2,))
    mine, his = (
        lib.SGD([{"params": [p[0]]}, {"params": [p[1]], "lr": 0.3}], lr=0.1)
        for lib, p in ((optim, ours), (torch.optim, theirs))
    )
    my = [getattr(optim.lr_scheduler, name)(mine, **settings) for name, settings in chosen]
    its = [getattr(torch.optim.lr_scheduler, name)(his, **settings) for name, settings in chosen]
    for _ in range(steps):
        assert [g["lr"] for g in mine.param_groups] == pytest.approx(
            [g["lr"] for g in his.param_groups], abs=1e-15
        )
        assert my[-1].get_last_lr() == pytest.approx([g["lr"] for g in his.param_groups], abs=1e-15)
        his.step()
        for scheduler in (*my, *its):
            scheduler.step()


@pytest.mark.parametrize(("name", "settings"), SCHEDULES)
def test_schedule(name: str, settings: dict[str, Any]) -> None:
    schedules([(name, settings)], 14)


def test_two_schedules_act_together() -> None:
    schedules([SCHEDULES[0], SCHEDULES[2]], 8)
    schedules([SCHEDULES[3], SCHEDULES[6]], 5)


@given(
    metrics=st.lists(st.sampled_from([1.0, 0.9999, 0.99, 0.5, 2.0, -1.0]), min_size=3, max_size=15),
    mode=st.sampled_from(["min", "max"]),
    threshold_mode=st.sampled_from(["rel", "abs"]),
    patience=st.integers(0, 2),
    cooldown=st.integers(0, 2),
    min_lr=st.sampled_from([0.0, 0.02]),
    threshold=st.sampled_from([1e-4, 0.1]),
)
def test_reduce_on_plateau(metrics: list[float], **settings: Any) -> None:
    ours, theirs = parameters((2,))
    mine, his = optim.SGD(ours, lr=0.1), torch.optim.SGD(theirs, lr=0.1)
    my = optim.lr_scheduler.ReduceLROnPlateau(mine, factor=0.5, **settings)
    its = torch.optim.lr_scheduler.ReduceLROnPlateau(his, factor=0.5, **settings)
    for metric in metrics:
        my.step(metric)
        its.step(metric)
        assert mine.param_groups[0]["lr"] == pytest.approx(his.param_groups[0]["lr"], abs=1e-15)


@given(
    max_norm=st.sampled_from([0.1, 1.0, 100.0]),
    norm_type=st.sampled_from([1.0, 2.0, 2.5, math.inf]),
    seed=st.integers(0, 99),
)
def test_clip_grad_norm(max_norm: float, norm_type: float, seed: int) -> None:
    ours, theirs = parameters((3, 2), (4,), (1,), (2,))
    set_gradients(ours, theirs, seed)
    ours[2].grad = theirs[2].grad = None
    mine = nn.utils.clip_grad_norm_(ours, max_norm, norm_type)
    his = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert mine.item() == pytest.approx(his.item(), rel=1e-12)
    for p, q in zip(ours, theirs, strict=True):
        if q.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)


def test_clip_grad_value() -> None:
    ours, theirs = parameters((30,))
    set_gradients(ours, theirs, 0)
    nn.utils.clip_grad_value_(ours[0], 0.5)
    torch.nn.utils.clip_grad_value_(theirs[0], 0.5)
    np.testing.assert_array_equal(ours[0].grad.numpy(), theirs[0].grad.numpy())
