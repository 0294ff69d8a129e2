"""Optimizers, schedulers and clipping against PyTorch, step for step."""

import copy
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
        {"lr": 0.1, "betas": (0.5, 0.5), "amsgrad": True, "weight_decay": 0.1},
    ],
    "AdamW": [
        {},
        {"lr": 0.1, "weight_decay": 0.3, "maximize": True},
        {"lr": 0.1, "betas": (0.5, 0.5), "amsgrad": True},
    ],
    "RMSprop": [
        {},
        {"lr": 0.1, "alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1},
        {"momentum": 0.9},
        {"centered": True},
        {"momentum": 0.5, "centered": True, "maximize": True},
    ],
    "Adadelta": [{}, {"lr": 0.1, "rho": 0.5, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}],
    "ASGD": [
        {},
        {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 1, "weight_decay": 0.1, "maximize": True},
        {"t0": 0, "lambd": 0.0},
    ],
    "Adamax": [{}, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}],
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
def test_optimizer(name: str, settings: dict[str, Any], request: pytest.FixtureRequest) -> None:
    if name == "ASGD":  # PyTorch keeps its rate in the default dtype, and not in that of p
        request.addfinalizer(lambda: torch.set_default_dtype(torch.float32))
        torch.set_default_dtype(torch.float64)
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


@pytest.mark.parametrize("how", [{"foreach": True}, {"foreach": False}, {"fused": True}])
def test_what_chooses_how_pytorch_computes_has_no_effect(how: dict[str, bool]) -> None:
    ours, theirs = parameters((3, 2), (4,))
    mine, his = optim.AdamW(ours, lr=0.1, **how), torch.optim.AdamW(theirs, lr=0.1, **how)
    for step in range(3):
        set_gradients(ours, theirs, step)
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


def test_parameters_with_names_and_keys_that_are_no_settings() -> None:
    """A group keeps both, saves them, and takes them from a file."""
    groups = []
    for library, kind in ((nn, optim.Adam), (torch.nn, torch.optim.Adam)):
        layer = library.Linear(2, 3)
        weights = {"params": [("w", layer.weight)], "kind": "matrix", "scale": 0.5}
        optimizer = kind([weights, {"params": [("b", layer.bias)], "lr": 0.5}], lr=0.1)
        other = kind([{"params": [p], "kind": "any"} for p in layer.parameters()])
        other.load_state_dict(optimizer.state_dict())
        whole = kind(layer.named_parameters())
        assert [group["param_names"] for group in whole.param_groups] == [["weight", "bias"]]
        for found in (optimizer, other):
            keys = ("param_names", "kind", "scale", "lr")
            groups.append([[group.get(key) for key in keys] for group in found.param_groups])
        assert "param_names: ['w']" in repr(optimizer) and "scale: 0.5" in repr(optimizer)
    mine, my_loaded, its, its_loaded = groups
    assert mine == its == [[["w"], "matrix", 0.5, 0.1], [["b"], None, None, 0.5]]
    assert my_loaded == [[["w"], "matrix", 0.5, 0.1], [["b"], "any", None, 0.5]]
    assert its_loaded == its  # a key that the saved group lacks goes


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_amsgrad_is_saved_and_read_as_pytorch_saves_it(name: str) -> None:
    ours, theirs = parameters((3, 2))
    mine = getattr(optim, name)(ours, lr=0.1, betas=(0.5, 0.5), amsgrad=True)
    his = getattr(torch.optim, name)(theirs, lr=0.1, betas=(0.5, 0.5), amsgrad=True)
    for step in range(3):
        set_gradients(ours, theirs, step)
        his.step()
    state = his.state_dict()
    state["state"] = {0: {key: value.numpy() for key, value in state["state"][0].items()}}
    mine = getattr(optim, name)(ours)
    mine.load_state_dict(state)
    ours[0].data.copy_(mg.tensor(theirs[0].detach().numpy()))
    for step in range(3, 6):
        set_gradients(ours, theirs, step)
        mine.step()
        his.step()
        same(ours, theirs)
    saved = mine.state_dict()
    assert saved["state"][0].keys() == his.state_dict()["state"][0].keys()
    older = getattr(optim, name)(ours).state_dict()
    del older["param_groups"][0]["amsgrad"]  # a file from before there was amsgrad
    mine = getattr(optim, name)(ours)
    mine.load_state_dict(older)
    assert mine.param_groups[0]["amsgrad"] is False


@pytest.mark.parametrize("momenta", [(0.0, 0.9, 0.9), (0.9, 0.0, 0.9)])
def test_momentum_that_changes_between_steps(momenta: tuple[float, ...]) -> None:
    """What it starts from is PyTorch's, also where the state was saved and loaded in between."""
    ours, theirs = parameters((3,))
    pairs = ((optim, ours), (torch.optim, theirs))
    settings = {"lr": 0.1, "momentum": momenta[0], "dampening": 0.3}
    mine, his = (lib.SGD(p, **settings) for lib, p in pairs)
    for step, momentum in enumerate(momenta):
        mine.param_groups[0]["momentum"] = his.param_groups[0]["momentum"] = momentum
        saved = mine.state_dict()
        mine = optim.SGD(ours, **settings)
        mine.load_state_dict(saved)
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


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"lr": 0.5, "max_iter": 5},
        {"lr": 0.8, "history_size": 2, "max_iter": 7},
        {"lr": 0.1, "history_size": 1, "max_iter": 1},
        {"max_iter": 4, "max_eval": 3},
        {"tolerance_grad": 1.0},
        {"lr": 0.1, "tolerance_change": 0.05},
    ],
    ids=str,
)
def test_lbfgs(settings: dict[str, Any]) -> None:
    """Rosenbrock's valley plus a cosine, over several calls of step: each loss on the way."""
    ours, theirs = parameters((3, 2), (4,), ())
    losses: list[list[float]] = []
    for library, kind, params in ((mg, optim.LBFGS, ours), (torch, torch.optim.LBFGS, theirs)):
        optimizer = kind(params, **settings)
        seen: list[float] = []

        def closure(library: Any = library, params: Any = params, seen: Any = seen) -> Any:
            for p in params:
                p.grad = None
            x = library.cat([params[0].reshape(-1), params[1]])
            loss = ((1 - x[:-1]) ** 2).sum() + 0.1 * ((x[1:] - x[:-1] ** 2) ** 2).sum()
            loss = loss + library.cos(x).sum()
            loss.backward()
            seen.append(loss.item())
            return loss

        returned = [optimizer.step(closure).item() for _ in range(4)]
        losses.append(seen + returned)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-7)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-6, atol=1e-8)


def test_what_lbfgs_refuses() -> None:
    ours, _ = parameters((2,))
    with pytest.raises(ValueError, match="^LBFGS: expected one group of parameters, got 2"):
        optim.LBFGS([{"params": ours}, {"params": parameters((2,))[0]}])
    optimizer = optim.LBFGS(ours)
    with pytest.raises(TypeError, match="^LBFGS: step: expected a closure"):
        optimizer.step()

    def broken() -> Any:
        ours[0].grad = mg.tensor([math.nan, 1.0], dtype=mg.float64)
        return mg.tensor(1.0)

    for count in ("max_iter", "max_eval", "history_size"):
        changed = optim.LBFGS(ours)
        changed.param_groups[0][count] = 0
        with pytest.raises(ValueError, match=f"^LBFGS: expected {count} of at least 1, got 0"):
            changed.step(broken)
    before = ours[0].tolist()
    with pytest.raises(FloatingPointError, match="^LBFGS: the gradient of parameter 0"):
        optimizer.step(broken)
    assert ours[0].tolist() == before


def test_a_schedule_of_functions_is_saved_without_them() -> None:
    ours, _ = parameters((2,))
    optimizer = optim.SGD(ours, lr=0.1)
    scheduler = optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (t + 1))
    for _ in range(3):
        optimizer.step()
        scheduler.step()
    state = scheduler.state_dict()
    assert state == {"last_epoch": 3, "base_lrs": [0.1]}
    again = optim.lr_scheduler.LambdaLR(optim.SGD(ours, lr=0.1), lambda t: 1 / (t + 1))
    again.load_state_dict(state)
    again.step()
    assert again.get_last_lr() == pytest.approx([0.02])
    for wrong, error in ((3, TypeError), ([print, print], ValueError)):
        with pytest.raises(error, match="^LambdaLR: lr_lambda: expected"):
            optim.lr_scheduler.LambdaLR(optimizer, wrong)
    steps = [optim.lr_scheduler.StepLR(optimizer, 2), optim.lr_scheduler.StepLR(optimizer, 3)]
    several = optim.lr_scheduler.ChainedScheduler(steps)
    message = "^ChainedScheduler: step: epoch=3 is not supported"
    with pytest.raises(NotImplementedError, match=message):
        several.step(3)


SCHEDULES = [
    ("StepLR", {"step_size": 3}),
    ("StepLR", {"step_size": 2, "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.5, "end_factor": 0.1, "total_iters": 4}),
    ("CosineAnnealingLR", {"T_max": 5}),
    ("CosineAnnealingLR", {"T_max": 3, "eta_min": 0.01}),
    ("MultiStepLR", {"milestones": [2, 5, 5], "gamma": 0.5}),
    ("MultiStepLR", {"milestones": (3,)}),
    ("LambdaLR", {"lr_lambda": lambda t: 0.9**t}),
    ("LambdaLR", {"lr_lambda": [lambda t: 1 / (t + 1), lambda t: t % 3]}),
    ("MultiplicativeLR", {"lr_lambda": lambda t: 0.5 + t % 2}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 3}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 7, "power": 2.0}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2, "eta_min": 0.01}),
    ("OneCycleLR", {"max_lr": 0.4, "total_steps": 15}),
    ("OneCycleLR", {"max_lr": [0.4, 0.2], "epochs": 5, "steps_per_epoch": 3, "div_factor": 10.0}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 14, "three_phase": True, "pct_start": 0.4}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 20, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 20, "cycle_momentum": False}),
]


@pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Detected call of")
@pytest.mark.parametrize(("name", "settings"), SCHEDULES)
def test_a_step_to_an_epoch(name: str, settings: dict[str, Any]) -> None:
    """PyTorch's form before 1.4, forwards, backwards, twice, and between steps without one."""
    ours, theirs = parameters((2,), (2,))
    mine = optim.SGD([{"params": p, "lr": lr} for p, lr in zip(ours, (0.1, 0.4))])
    his = torch.optim.SGD([{"params": p, "lr": lr} for p, lr in zip(theirs, (0.1, 0.4))])
    if "max_lr" in settings:
        settings = {**settings, "cycle_momentum": False}
    my = getattr(optim.lr_scheduler, name)(mine, **settings)
    its = getattr(torch.optim.lr_scheduler, name)(his, **settings)
    for epoch in (0, 1, 2, 2, 6, None, None, 3, 4, 0, 12):
        if epoch is not None and name != "CosineAnnealingWarmRestarts":
            with pytest.warns(UserWarning, match=f"^{name}: step: an epoch is deprecated"):
                my.step(epoch)
        else:
            my.step(epoch)
        its.step(epoch)
        rates = [group["lr"] for group in mine.param_groups]
        assert rates == pytest.approx([group["lr"] for group in his.param_groups], rel=1e-12)
        assert my.last_epoch == its.last_epoch and my.get_last_lr() == rates


def test_a_plateau_counts_from_an_epoch() -> None:
    ours, theirs = parameters((2,))
    my = optim.lr_scheduler.ReduceLROnPlateau(optim.SGD(ours), patience=1)
    its = torch.optim.lr_scheduler.ReduceLROnPlateau(torch.optim.SGD(theirs), patience=1)
    with pytest.warns(UserWarning, match="an epoch is deprecated|The epoch parameter"):
        for scheduler in (my, its):
            for epoch in (4, 4, 7, None):
                scheduler.step(1.0, epoch)
    assert my.last_epoch == its.last_epoch == 8
    assert my.get_last_lr() == pytest.approx(its.get_last_lr())


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
        for mine_now, his_now in zip(my, its, strict=True):  # each says what it set itself
            assert mine_now.get_last_lr() == pytest.approx(his_now.get_last_lr(), abs=1e-15)
        his.step()
        for scheduler in (*my, *its):
            scheduler.step()


@pytest.mark.parametrize(("name", "settings"), SCHEDULES)
def test_schedule(name: str, settings: dict[str, Any]) -> None:
    schedules([(name, settings)], 14)


@pytest.mark.parametrize("method", ["SGD", "Adam"])
@pytest.mark.parametrize("three_phase", [False, True])
def test_one_cycle_moves_momentum(method: str, three_phase: bool) -> None:
    ours, theirs = parameters((2,))
    pairs = ((optim, ours), (torch.optim, theirs))
    mine, his = (getattr(lib, method)(p, lr=0.1) for lib, p in pairs)
    settings = {"max_lr": 0.5, "total_steps": 9, "max_momentum": 0.9, "three_phase": three_phase}
    my = optim.lr_scheduler.OneCycleLR(mine, **settings)
    its = torch.optim.lr_scheduler.OneCycleLR(his, **settings)
    for _ in range(9):
        for word in ("momentum", "betas"):
            if word in his.defaults:
                now, expected = mine.param_groups[0][word], his.param_groups[0][word]
                assert now == pytest.approx(expected, abs=1e-15)
        his.step()
        my.step()
        its.step()
    with pytest.raises(ValueError, match=r"^OneCycleLR: step: expected at most 9 steps, got 10;"):
        my.step()
    with pytest.raises(ValueError, match="Tried to step 10 times"):
        its.step()


def test_restarts_go_to_parts_of_an_epoch() -> None:
    ours, theirs = parameters((2,))
    mine, his = optim.SGD(ours, lr=0.1), torch.optim.SGD(theirs, lr=0.1)
    settings = {"T_0": 2, "T_mult": 3, "eta_min": 0.001}
    my = optim.lr_scheduler.CosineAnnealingWarmRestarts(mine, **settings)
    its = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(his, **settings)
    his.step()
    for epoch in [0, 0.25, 1.75, None, 2, 2.5, 7.5, 8, None, 9.125, 1, None, None, 26, None]:
        my.step(epoch)
        its.step(epoch)
        assert my.get_last_lr() == pytest.approx(its.get_last_lr(), abs=1e-12)
        assert my.last_epoch == its.last_epoch


def warm_up_and(library: Any, optimizer: Any, name: str, **settings: Any) -> Any:
    """A linear rise over three steps, then another schedule, and from step 8 a third one."""
    schedules = library.lr_scheduler
    parts = [
        schedules.LinearLR(optimizer, start_factor=0.1, total_iters=3),
        getattr(schedules, name)(optimizer, **settings),
        schedules.ExponentialLR(optimizer, gamma=0.5),
    ]
    return schedules.SequentialLR(optimizer, parts, milestones=[3, 8])


@pytest.mark.parametrize(("name", "settings"), SCHEDULES)
def test_schedules_one_after_the_other(name: str, settings: dict[str, Any]) -> None:
    ours, theirs = parameters((2,), (2,))
    mine, his = (
        lib.SGD([{"params": [p[0]]}, {"params": [p[1]], "lr": 0.3}], lr=0.1)
        for lib, p in ((optim, ours), (torch.optim, theirs))
    )
    my = warm_up_and(optim, mine, name, **settings)
    its = warm_up_and(torch.optim, his, name, **settings)
    for step in range(12):
        assert [g["lr"] for g in mine.param_groups] == pytest.approx(
            [g["lr"] for g in his.param_groups], abs=1e-15
        )
        assert my.get_last_lr() == pytest.approx(its.get_last_lr(), abs=1e-15)
        assert my.last_epoch == its.last_epoch
        if step == 5:  # and it goes on from there
            saved = my.state_dict()
            before = [group["lr"] for group in mine.param_groups]
            my = warm_up_and(optim, mine, name, **settings)
            for group, lr in zip(mine.param_groups, before, strict=True):
                group["lr"] = lr
            my.load_state_dict(saved)
        his.step()
        my.step()
        its.step()


@pytest.mark.filterwarnings("ignore:Detected call of")  # of PyTorch's inner schedules
def test_a_schedule_of_schedules_in_another_one() -> None:
    def nested(library: Any, optimizer: Any) -> Any:
        s = library.lr_scheduler
        inner = s.SequentialLR(
            optimizer, [s.ConstantLR(optimizer, 0.5, 2), s.StepLR(optimizer, 2)], [3]
        )
        return s.SequentialLR(optimizer, [inner, s.ExponentialLR(optimizer, 0.9)], [6])

    def chained(library: Any, optimizer: Any) -> Any:
        s = library.lr_scheduler
        return s.ChainedScheduler(
            [s.ConstantLR(optimizer, 0.1, 4), s.ExponentialLR(optimizer, 0.9)], optimizer=optimizer
        )

    for make in (nested, chained):
        ours, theirs = parameters((2,))
        mine, his = optim.SGD(ours, lr=0.1), torch.optim.SGD(theirs, lr=0.1)
        my, its = make(optim, mine), make(torch.optim, his)
        for _ in range(10):
            assert my.get_last_lr() == pytest.approx(its.get_last_lr(), abs=1e-15)
            assert mine.param_groups[0]["lr"] == pytest.approx(his.param_groups[0]["lr"], abs=1e-15)
            his.step()
            my.step()
            its.step()


def test_two_schedules_act_together() -> None:
    schedules([SCHEDULES[0], SCHEDULES[2]], 8)
    schedules([SCHEDULES[3], SCHEDULES[6]], 5)


def test_two_more_schedules_act_together() -> None:
    names = {name: i for i, (name, _) in enumerate(SCHEDULES)}
    schedules([SCHEDULES[names["MultiStepLR"]], SCHEDULES[names["MultiplicativeLR"]]], 8)
    schedules([SCHEDULES[names["ConstantLR"]], SCHEDULES[names["PolynomialLR"]]], 5)


def warm_up(base: Any) -> Any:
    """A schedule of a user's own, as it is written for PyTorch."""

    class WarmUp(base):  # type: ignore[misc]
        def __init__(self, optimizer: Any, count: int, last_epoch: int = -1):
            self.count = count
            super().__init__(optimizer, last_epoch)

        def get_lr(self) -> list[float]:
            return [base * min(1, (self.last_epoch + 1) / self.count) for base in self.base_lrs]

    return WarmUp


def test_a_schedule_of_a_users_own() -> None:
    ours, theirs = parameters((2,), (2,))
    mine, his = optim.SGD(ours, lr=0.4), torch.optim.SGD(theirs, lr=0.4)
    my = warm_up(optim.lr_scheduler.LRScheduler)(mine, 4)
    its = warm_up(torch.optim.lr_scheduler.LRScheduler)(his, 4)
    for _ in range(6):
        assert my.get_last_lr() == its.get_last_lr() == [mine.param_groups[0]["lr"]]
        his.step()
        my.step()
        its.step()
    states = mine.state_dict(), my.state_dict()
    resumed = warm_up(optim.lr_scheduler.LRScheduler)(mine, 4)
    assert resumed.get_last_lr() == [0.1]
    mine.load_state_dict(states[0])
    resumed.load_state_dict(states[1])
    assert resumed.last_epoch == 6 and resumed.get_last_lr() == [0.4]


def lion(library: Any, base: Any) -> Any:
    """An optimizer of a user's own, as it is written for PyTorch    (Chen et al. 2023)."""

    class Lion(base):  # type: ignore[misc]
        def __init__(self, params: Any, lr: float = 1e-3, mode: str = "sign"):
            super().__init__(params, {"lr": lr, "betas": (0.9, 0.99), "mode": mode})

        def __setstate__(self, state: Any) -> None:
            super().__setstate__(state)

        def step(self, closure: Any = None) -> Any:
            loss = None if closure is None else closure()
            with library.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        self.move(group, p)
            return loss

        def move(self, group: Any, p: Any) -> None:
            state = self.state[p]
            if len(state) == 0:
                state.update(step=0, exp_avg=library.zeros_like(p))
            state["step"] += 1
            m, (beta1, beta2) = state["exp_avg"], group["betas"]
            p.add_(library.sign(m * beta1 + p.grad * (1 - beta1)), alpha=-group["lr"])
            m.mul_(beta2).add_(p.grad, alpha=1 - beta2)

    return Lion


def test_an_optimizer_of_a_users_own() -> None:
    ours, theirs = parameters((3, 2), (4,))
    Mine, His = lion(mg, optim.Optimizer), lion(torch, torch.optim.Optimizer)
    mine, his = Mine(ours, lr=0.1), His(theirs, lr=0.1)
    for step in range(3):
        set_gradients(ours, theirs, step)
        assert mine.step(lambda: 3.0) == his.step(lambda: 3.0)
        same(ours, theirs)
    assert repr(mine) == repr(his)
    saved = mine.state_dict()
    assert list(saved["state"][0]) == list(his.state_dict()["state"][0]) == ["step", "exp_avg"]
    again = copy.copy(Mine(ours))
    again.load_state_dict(saved)
    set_gradients(ours, theirs, 3)
    again.step()
    his.step()
    same(ours, theirs)
    assert again.param_groups[0]["mode"] == "sign"
    assert saved["state"][0]["step"] == 3  # a copy, which later steps leave alone
    np.testing.assert_array_equal(
        mine.state[ours[0]]["exp_avg"].numpy(), saved["state"][0]["exp_avg"].numpy()
    )


@pytest.mark.parametrize("name", [*SETTINGS, "LBFGS"])
def test_an_optimizer_prints_as_pytorchs(name: str) -> None:
    ours, theirs = parameters((3, 2), (4,))
    for settings in SETTINGS.get(name, [{}, {"lr": 0.5, "max_iter": 8}]):
        mine = getattr(optim, name)(ours, **settings)
        his = getattr(torch.optim, name)(theirs, **settings)
        assert repr(mine) == repr(his)
    if name != "LBFGS":
        mine, his = (
            getattr(lib, name)([{"params": p[:1]}, {"params": p[1:], "lr": 0.3}], lr=0.5)
            for lib, p in ((optim, ours), (torch.optim, theirs))
        )
        optim.lr_scheduler.StepLR(mine, 2)
        torch.optim.lr_scheduler.StepLR(his, 2)
        assert repr(mine) == repr(his)


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
        assert my.get_last_lr() == pytest.approx(its.get_last_lr(), abs=1e-15)


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
