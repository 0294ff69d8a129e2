"""Laws of the optimizers, and what they say when they are misused."""

import inspect
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import minigrad as mg
import nn
from nn import optim

OPTIMIZERS: list[Any] = [
    optim.SGD,
    optim.Adam,
    optim.AdamW,
    optim.RMSprop,
    optim.Adadelta,
    optim.Adagrad,
    optim.Adamax,
    optim.ASGD,
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    lambda p: optim.Adam(p, amsgrad=True),
    lambda p: optim.RMSprop(p, momentum=0.9, centered=True),
]
gradients = arrays(np.float64, 4, elements=st.floats(-100, 100).filter(lambda v: abs(v) > 1e-3))


def sequence_of(params: Any, count: int, milestones: list[int]) -> Any:
    """As many schedules, one after the other."""
    optimizer = optim.SGD(params)
    parts = [optim.lr_scheduler.StepLR(optimizer, 2) for _ in range(count)]
    return optim.lr_scheduler.SequentialLR(optimizer, parts, milestones)


class WrongRates(optim.lr_scheduler.LRScheduler):
    """A schedule with more rates than there are groups."""

    def get_lr(self) -> list[float]:
        return [0.1, 0.2]


def trained(optimizer: Any, p: Any, steps: int, start: int = 0) -> None:
    for step in range(start, start + steps):
        p.grad = mg.tensor(np.random.default_rng(step).standard_normal(p.shape), dtype=p.dtype)
        optimizer.step()


@given(g=gradients, lr=st.sampled_from([0.1, 1e-3]), eps=st.sampled_from([1e-8, 0.5]))
def test_adams_first_step_is_lr_g_over_g_plus_eps(g: Any, lr: float, eps: float) -> None:
    p = nn.Parameter(np.zeros(4))
    p.grad = mg.tensor(g)
    optim.Adam([p], lr=lr, eps=eps).step()
    np.testing.assert_allclose(p.detach().numpy(), -lr * g / (abs(g) + eps), rtol=1e-12)


@given(g=gradients)
def test_adams_step_under_a_constant_gradient_is_always_lr(g: Any) -> None:
    p = nn.Parameter(np.zeros(4))
    optimizer = optim.Adam([p], lr=0.1, eps=0.0)
    for step in range(1, 20):
        p.grad = mg.tensor(g)
        optimizer.step()
        np.testing.assert_allclose(p.detach().numpy(), -0.1 * step * np.sign(g), rtol=1e-10)


@pytest.mark.parametrize("name", ["Adam", "RMSprop", "Adagrad"])
@given(scale=st.sampled_from([1e-3, 7.0, 1e4]))
def test_the_scale_of_the_loss_does_not_matter(name: str, scale: float) -> None:
    ends = []
    for factor in (1.0, scale):
        p = nn.Parameter(np.ones(3))
        optimizer = getattr(optim, name)([p], lr=0.1, eps=0.0)
        for step in range(5):
            p.grad = mg.tensor(factor * np.random.default_rng(step).standard_normal(3))
            optimizer.step()
        ends.append(p.detach().numpy())
    np.testing.assert_allclose(*ends, rtol=1e-9)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_training_goes_on_bit_for_bit_after_save_and_load(make: Any, tmp_path: Any) -> None:
    one, two = nn.Linear(3, 2), nn.Linear(3, 2)
    mine = make(one.parameters())
    for p in one.parameters():
        trained(mine, p, 3)
    state = mine.state_dict()
    assert state.keys() == {"state", "param_groups"}
    nn.io.save({"model": one.state_dict(), "optimizer": state}, tmp_path / "checkpoint")
    checkpoint = nn.io.load(tmp_path / "checkpoint")
    two.load_state_dict(checkpoint["model"])
    his = make(two.parameters())
    his.load_state_dict(checkpoint["optimizer"])
    assert repr(his.state_dict()) == repr(state)
    mine.zero_grad()
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        trained(mine, p, 3, 10)
        trained(his, q, 3, 10)
    assert all(mg.equal(p, q) for p, q in zip(one.parameters(), two.parameters(), strict=True))
    assert mine.param_groups[0]["lr"] == his.param_groups[0]["lr"]


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_a_step_stays_in_float32_writes_in_place_and_leaves_the_gradient(make: Any) -> None:
    p = nn.Parameter(np.ones((3, 2), np.float32))
    memory, optimizer = p.array, make([p])
    trained(optimizer, p, 2)
    before = p.grad.tolist()
    optimizer.step()
    assert p.array is memory and p.grad.tolist() == before
    state = optimizer.state_dict()["state"].get(0, {})
    assert all(
        t.dtype == mg.float32 and not np.shares_memory(t.array, p.grad.array)
        for n, t in state.items()
        if n != "step"
    )
    optimizer.zero_grad(set_to_none=False)
    assert not p.grad.numpy().any()
    optimizer.zero_grad()
    assert p.grad is None


def test_a_value_that_a_step_changed_is_not_differentiated() -> None:
    w = nn.Parameter([1.0, 2.0])
    loss = (w * w).sum()
    w.grad = mg.ones(2)
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_every_optimizer_goes_downhill(make: Any) -> None:
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    x = mg.randn(64, 2)
    y = x[:, :1] * x[:, 1:]
    optimizer, losses = make(net.parameters()), []
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_a_schedule_goes_on_after_save_and_load() -> None:
    lrs = []
    for cut in (None, 4):
        optimizer = optim.SGD([nn.Parameter([1.0])], lr=0.1)
        scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 7)
        for step in range(10):
            if step == cut:
                saved = optimizer.state_dict(), scheduler.state_dict()
                optimizer = optim.SGD([nn.Parameter([1.0])], lr=0.5)
                scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 3)
                optimizer.load_state_dict(saved[0])
                scheduler.load_state_dict(saved[1])
            scheduler.step()
        lrs.append(scheduler.get_last_lr())
    assert lrs[0] == lrs[1]


# Clipping.


@given(
    g=arrays(np.float32, 5, elements=st.floats(-10, 10, width=32)),
    limit=st.sampled_from([0.5, 5.0, 50.0]),
)
def test_clipping_keeps_the_direction_and_what_is_below_the_limit(g: Any, limit: float) -> None:
    p, q = nn.Parameter(np.zeros(3, np.float32)), nn.Parameter(np.zeros(2, np.float32))
    p.grad, q.grad = mg.tensor(g[:3]), mg.tensor(g[3:])
    norm = nn.utils.clip_grad_norm_([p, q], limit)
    clipped = np.concatenate([p.grad.numpy(), q.grad.numpy()])
    assert norm.item() == pytest.approx(np.linalg.norm(g.astype(np.float64)), rel=1e-5)
    assert np.linalg.norm(clipped) <= limit * (1 + 1e-6)
    if norm.item() < 0.99 * limit:
        assert clipped.tobytes() == g.tobytes()
    else:
        np.testing.assert_allclose(
            clipped * np.linalg.norm(g), g * np.linalg.norm(clipped), rtol=1e-4, atol=1e-5
        )


def test_misuse_of_clipping() -> None:
    p = nn.Parameter([1.0, 2.0])
    assert nn.utils.clip_grad_norm_([p], 1.0).item() == 0
    p.grad = mg.tensor([1.0, float("nan")])
    with pytest.raises(
        RuntimeError, match=r"the norm is nan, because of parameter 0 of shape \(2,\)"
    ):
        nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    for bad in ((-1.0,), (1.0, 0.0), (float("nan"),)):
        with pytest.raises(
            ValueError, match="expected max_norm of at least 0 and norm_type above 0"
        ):
            nn.utils.clip_grad_norm_([p], *bad)


def stepped_with(optimizer: Any, **settings: Any) -> None:
    """A step after the settings of the group were overwritten."""
    optimizer.param_groups[0].update(settings)
    (p,) = optimizer.param_groups[0]["params"]
    p.grad = mg.ones_like(p)
    optimizer.step()


MISUSE: dict[str, tuple[Any, Any, str]] = {
    "no parameters": (
        lambda p: optim.SGD([]),
        TypeError,
        r"^SGD: params: expected an iterable .* got an empty one",
    ),
    "a tensor": (lambda p: optim.SGD(p), TypeError, "^SGD: params: expected .* got one tensor"),
    "a number": (lambda p: optim.SGD(3), TypeError, "^SGD: params: expected .* got int"),
    "too many": (
        lambda p: optim.Adam([p], 1, (0.9, 0.9), 1, 0, False, True),
        TypeError,
        "takes from 2 to 7 positional arguments but 8 were given",
    ),
    "amsgrad": (
        lambda p: optim.Adam([p], amsgrad="yes"),
        TypeError,
        "^Adam: amsgrad: expected a number, got 'yes'",
    ),
    "fused and foreach": (
        lambda p: optim.AdamW([p], fused=True, foreach=True),
        RuntimeError,
        "^AdamW: expected foreach=True or fused=True, got both; leave them out",
    ),
    "foreach in a group": (
        lambda p: optim.SGD([{"params": [p], "foreach": mg.ones(2)}]),
        TypeError,
        r"^SGD: expected True or False as foreach, got float32\(2,\)",
    ),
    "capturable in a group": (
        lambda p: optim.Adam([{"params": [p], "capturable": True}]),
        NotImplementedError,
        "^Adam: capturable=True is not supported; leave it out",
    ),
    "names for some": (
        lambda p: optim.SGD([("w", p), nn.Parameter([1.0])]),
        ValueError,
        "^SGD: params: expected a name with each or with none, got 1 names for 2 parameters",
    ),
    "names in one group": (
        lambda p: optim.SGD([p]).add_param_group({"params": [("w", nn.Parameter([1.0]))]}),
        ValueError,
        "^SGD: params: expected parameters without names, as in the other groups",
    ),
    "names in all groups but one": (
        lambda p: optim.SGD([("w", p)]).add_param_group({"params": nn.Parameter([1.0])}),
        ValueError,
        "^SGD: params: expected parameters with names, as in the other groups",
    ),
    "a number for a name": (
        lambda p: optim.SGD([(3, p)]),
        TypeError,
        r"^SGD: params: expected an iterable .* got a tuple among them",
    ),
    "capturable": (
        lambda p: optim.RMSprop([p], capturable=True),
        NotImplementedError,
        "^RMSprop: capturable=True is not supported; leave it out",
    ),
    "differentiable": (
        lambda p: optim.Adagrad([p], differentiable=True),
        NotImplementedError,
        "^Adagrad: differentiable=True is not supported; write the step with tensors",
    ),
    "a tensor as lr": (
        lambda p: optim.SGD([p], lr=mg.tensor(0.1)),
        NotImplementedError,
        r"^SGD: lr as a tensor is not supported; pass a number, lr\.item\(\)",
    ),
    "a tensor as lr of a group": (
        lambda p: stepped_with(optim.SGD([p]), lr=mg.tensor(0.1)),
        NotImplementedError,
        "^SGD: lr as a tensor is not supported; pass a number",
    ),
    "momentun": (
        lambda p: optim.SGD([{"params": [p], "momentun": 0.9}]),
        TypeError,
        "^SGD: expected the setting momentum in a group, got momentun",
    ),
    "an epoch that is no count": (
        lambda p: optim.lr_scheduler.StepLR(optim.SGD([p]), 2).step(0.5),
        TypeError,
        "^StepLR: step: expected an integer as epoch, got 0.5",
    ),
    "an epoch too far": (
        lambda p: optim.lr_scheduler.StepLR(optim.SGD([p]), 2).step(10**12),
        ValueError,
        "^StepLR: step: expected epoch of at most 1000000, got 1000000000000",
    ),
    "a group": (lambda p: optim.SGD([{"lr": 1}]), TypeError, "^SGD: expected a group {'params'"),
    "words": (
        lambda p: optim.SGD([p], lr="fast"),
        TypeError,
        "^SGD: lr: expected a number, got 'fast'",
    ),
    "below 0": (
        lambda p: optim.SGD([p], lr=-1.0),
        ValueError,
        "^SGD: lr: expected a number of at least 0, got -1.0",
    ),
    "nan": (
        lambda p: optim.SGD([p], lr=float("nan")),
        ValueError,
        "^SGD: lr: expected a number of at least 0, got nan",
    ),
    "betas of 1": (
        lambda p: optim.Adam([p], betas=(0.9, 1.0)),
        ValueError,
        r"^Adam: betas: expected numbers from 0 to below 1, got \(0.9, 1.0\)",
    ),
    "one beta": (
        lambda p: optim.Adam([p], betas=0.9),
        TypeError,
        "^Adam: betas: expected a pair of numbers",
    ),
    "twice": (lambda p: optim.SGD([p, p]), ValueError, "each once, got the same one"),
    "twice, in groups": (
        lambda p: optim.SGD([p]).add_param_group({"params": p}),
        ValueError,
        "each once, got the same one",
    ),
    "no leaf": (lambda p: optim.SGD([p * 2]), ValueError, "without history, .* use .detach()"),
    "integers": (
        lambda p: optim.SGD([mg.arange(3)]),
        ValueError,
        "expected float tensors without history, each once, got int64 of shape",
    ),
    "no tensor": (
        lambda p: optim.SGD([3.0]),
        TypeError,
        r"expected an iterable of parameters such as model.parameters\(\), got 3.0 among them",
    ),
    "nesterov alone": (
        lambda p: optim.SGD([p], nesterov=True),
        ValueError,
        "^SGD: nesterov: expected a momentum above 0",
    ),
    "nesterov with dampening": (
        lambda p: optim.SGD([p], momentum=0.9, dampening=0.1, nesterov=True),
        ValueError,
        "^SGD: nesterov: expected dampening=0, got 0.1",
    ),
    "OneCycleLR without steps": (
        lambda p: optim.lr_scheduler.OneCycleLR(optim.SGD([p]), 0.1, epochs=3),
        ValueError,
        "^OneCycleLR: expected total_steps, or epochs and steps_per_epoch, got epochs=3, ",
    ),
    "OneCycleLR without momentum": (
        lambda p: optim.lr_scheduler.OneCycleLR(optim.Adagrad([p]), 0.1, 5),
        ValueError,
        "^OneCycleLR: expected an optimizer with momentum or betas, got Adagrad; use cycle_mom",
    ),
    "OneCycleLR of another number of groups": (
        lambda p: optim.lr_scheduler.OneCycleLR(optim.SGD([p]), [0.1, 0.2], 5),
        ValueError,
        "^OneCycleLR: max_lr: expected one for each of 1 groups, got 2",
    ),
    "OneCycleLR divided by 0": (
        lambda p: optim.lr_scheduler.OneCycleLR(optim.SGD([p]), 0.1, 5, div_factor=0),
        ValueError,
        "^OneCycleLR: div_factor: expected a number other than 0, got 0",
    ),
    "OneCycleLR with a rise in no share": (
        lambda p: optim.lr_scheduler.OneCycleLR(optim.SGD([p]), 0.1, 10, pct_start=True),
        TypeError,
        "^OneCycleLR: pct_start: expected a float between 0 and 1, got True",
    ),
    "OneCycleLR without a rise": (
        lambda p: optim.lr_scheduler.OneCycleLR(optim.SGD([p]), 0.1, 10, pct_start=0.1),
        ValueError,
        "^OneCycleLR: pct_start: expected a phase of some length, got none at step 0 of 10;",
    ),
    "restarts at a time before": (
        lambda p: optim.lr_scheduler.CosineAnnealingWarmRestarts(optim.SGD([p]), 2).step(-1),
        ValueError,
        "^CosineAnnealingWarmRestarts: step: epoch: expected at least 0, got -1",
    ),
    "a sequence of one with a milestone": (
        lambda p: sequence_of([p], 1, [3]),
        ValueError,
        "^SequentialLR: milestones: expected 0, one between two of the schedulers, got 1",
    ),
    "a sequence of none": (
        lambda p: sequence_of([p], 0, []),
        ValueError,
        "^SequentialLR: schedulers: expected at least one, got none",
    ),
    "a sequence of another optimizer's": (
        lambda p: optim.lr_scheduler.SequentialLR(
            optim.SGD([p]), [optim.lr_scheduler.StepLR(optim.SGD([p]), 2)], []
        ),
        ValueError,
        "^SequentialLR: schedulers: expected all to be of one optimizer, got StepLR of another",
    ),
    "a chain with a metric": (
        lambda p: optim.lr_scheduler.ChainedScheduler(
            [optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([p]))]
        ),
        ValueError,
        "^ChainedScheduler: schedulers: expected schedules whose step takes nothing, got Reduce",
    ),
    "a chain of no schedule": (
        lambda p: optim.lr_scheduler.ChainedScheduler([p]),
        TypeError,
        "^ChainedScheduler: schedulers: expected schedules of nn.optim.lr_scheduler, got ",
    ),
    "a sequence's state without parts": (
        lambda p: sequence_of([p], 2, [3]).load_state_dict({"last_epoch": 1}),
        ValueError,
        "^SequentialLR: load_state_dict: schedulers: expected 2 states, got None",
    ),
    "LinearLR": (
        lambda p: optim.lr_scheduler.LinearLR(optim.SGD([p]), start_factor=0.0),
        ValueError,
        "^LinearLR: start_factor: expected above 0, up to 1, got 0.0",
    ),
    "ReduceLROnPlateau": (
        lambda p: optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([p]), "low"),
        ValueError,
        "^ReduceLROnPlateau: mode: expected 'min' or 'max', got 'low'",
    ),
    "factor": (
        lambda p: optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([p]), factor=1.0),
        ValueError,
        "^ReduceLROnPlateau: factor: expected below 1, got 1.0",
    ),
    "last_epoch": (
        lambda p: optim.lr_scheduler.StepLR(optim.SGD([p]), 2, last_epoch=3),
        NotImplementedError,
        "^StepLR: last_epoch=3 is not supported; .* load_state_dict",
    ),
    "state": (
        lambda p: optim.lr_scheduler.StepLR(optim.SGD([p]), 2).load_state_dict([1]),
        TypeError,
        "^StepLR: load_state_dict: expected a dict, got a list; pass what state_dict",
    ),
    "step_size": (
        lambda p: optim.lr_scheduler.StepLR(optim.SGD([p]), 0),
        ValueError,
        "^StepLR: step_size: expected at least 1, got 0",
    ),
    "gamma": (
        lambda p: optim.lr_scheduler.ExponentialLR(optim.SGD([p]), "half"),
        TypeError,
        "^ExponentialLR: gamma: expected a number, got 'half'",
    ),
    "no step": (
        lambda p: optim.Optimizer([p], {"lr": 0.1}).step(),
        NotImplementedError,
        r"^Optimizer has no step: define `def step\(self, closure=None\)`",
    ),
    "no rates": (
        lambda p: optim.lr_scheduler.LRScheduler(optim.SGD([p])),
        NotImplementedError,
        "^LRScheduler has no rates: define `def get_lr",
    ),
    "rates": (
        lambda p: WrongRates(optim.SGD([p])),
        ValueError,
        r"^WrongRates: get_lr: expected one lr for each of 1 groups, got \[0.1, 0.2\]",
    ),
    "no optimizer": (
        lambda p: optim.lr_scheduler.StepLR(p, 2),
        TypeError,
        "^StepLR: optimizer: expected an optimizer of nn.optim, got Parameter",
    ),
}


@pytest.mark.filterwarnings("ignore:StepLR")
@pytest.mark.parametrize(("make", "kind", "message"), MISUSE.values(), ids=MISUSE)
def test_misuse_of_optimizers(make: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        make(nn.Parameter([1.0]))


def stepped(make: Any, *shapes: tuple[int, ...]) -> Any:
    params = [nn.Parameter(np.ones(shape)) for shape in shapes]
    optimizer = make(params)
    for p in params:
        trained(optimizer, p, 1)
    return optimizer


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        (lambda: stepped(optim.Adam, (2,), (2,)), r"expected groups of \[1\] .* got .* \[2\]"),
        (lambda: stepped(optim.SGD, (2,)), "expected settings lr, betas, .* got none named betas"),
        (lambda: stepped(optim.Adam, (3,)), r"parameter 0: exp_avg: expected shape \(2,\), got"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(saved: Any, message: str) -> None:
    optimizer = stepped(optim.Adam, (2,))
    before = repr(optimizer.state_dict())
    with pytest.raises(ValueError, match=f"^Adam: load_state_dict: {message}"):
        optimizer.load_state_dict(saved().state_dict())
    broken = optimizer.state_dict()
    broken["state"][0].pop("exp_avg")
    with pytest.raises(ValueError, match="parameter 0: expected step, exp_avg, exp_avg_sq, got st"):
        optimizer.load_state_dict(broken)
    broken = optimizer.state_dict()
    broken["state"][1] = broken["state"][0]
    with pytest.raises(ValueError, match="expected states of parameters 0 to 0, got one of 1"):
        optimizer.load_state_dict(broken)
    assert repr(optimizer.state_dict()) == before


def test_a_gradient_that_is_not_finite_changes_nothing() -> None:
    params = [nn.Parameter(np.ones(3)) for _ in range(3)]
    optimizer = optim.Adam([{"params": params[:1]}, {"params": params[1:]}])
    params[0].grad = mg.ones(3, dtype=mg.float64)
    for numbers, count in (([1, math.nan, math.inf], 2), ([1, 1, -math.inf], 1)):
        params[2].grad = mg.tensor(numbers, dtype=mg.float64)
        with pytest.raises(
            FloatingPointError,
            match=rf"^Adam: the gradient of parameter 2, of shape \(3,\), has {count} NaN or inf",
        ):
            optimizer.step()
    assert all(p.tolist() == [1, 1, 1] for p in params) and not optimizer.state
    params[2].grad = mg.full((3,), 1e200, dtype=mg.float64)  # finite, though its square is not
    with np.errstate(over="ignore"):
        optimizer.step()
    assert optimizer.state[params[2]]["step"] == 1


# The versions in place are the definitions.

LAW = [
    (optim.SGD, {}),
    (optim.SGD, {"momentum": 0.9}),
    (optim.SGD, {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1, "maximize": True}),
    (optim.SGD, {"momentum": 0.5, "nesterov": True, "weight_decay": 0.1}),
    (optim.SGD, {"momentum": 0.9, "dampening": 1.0}),
    (optim.Adam, {}),
    (optim.Adam, {"amsgrad": True, "betas": (0.5, 0.5)}),
    (optim.Adam, {"betas": (0.5, 0.0), "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    (optim.AdamW, {}),
    (optim.AdamW, {"weight_decay": 0.3, "maximize": True, "eps": 0.5}),
    (optim.AdamW, {"weight_decay": 0.0}),
    (optim.RMSprop, {}),
    (optim.RMSprop, {"alpha": 0.5, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    (optim.RMSprop, {"momentum": 0.9}),
    (optim.RMSprop, {"momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    (optim.Adagrad, {}),
    (optim.Adagrad, {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    (optim.Adagrad, {"eps": 1e-3, "maximize": True}),
]


def definition_only(optimizer: Any) -> Any:
    """The optimizer with its definition under a name that no faster version is registered for."""
    definition = optimizer.update

    def update(*args: Any, **settings: Any) -> Any:
        return definition(*args, **settings)

    optimizer.update = update
    return optimizer


@pytest.mark.parametrize(("kind", "settings"), LAW)
def test_a_version_in_place_is_the_definition(kind: Any, settings: dict[str, Any]) -> None:
    """Six steps of three parameters, one left out of the third: parameters and states, to 1e-12."""
    ends = []
    for change in (lambda optimizer: optimizer, definition_only):
        rng = np.random.default_rng(0)
        params = [nn.Parameter(rng.standard_normal(shape)) for shape in ((3, 2), (4,), ())]
        optimizer = change(kind(params, lr=0.1, **settings))
        for step in range(6):
            for i, p in enumerate(params):
                g = mg.tensor(rng.standard_normal(p.shape))
                p.grad = None if (step, i) == (2, 1) else g
            optimizer.step()
        ends.append([p.array for p in params])
        ends[-1] += [optimizer.state[p][k] for p in params for k in sorted(optimizer.state[p])]
    for ours, definition in zip(*ends, strict=True):
        np.testing.assert_allclose(ours, definition, rtol=1e-12)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad])
def test_the_signature_is_pytorchs(kind: Any) -> None:
    torch = pytest.importorskip("torch")
    theirs = inspect.signature(getattr(torch.optim, kind.__name__)).parameters
    ours = inspect.signature(kind).parameters
    assert list(ours) == list(theirs)
    for name, parameter in ours.items():
        assert (parameter.kind, parameter.default) == (theirs[name].kind, theirs[name].default)


def test_a_setting_that_changes_later_gets_its_state() -> None:
    p = nn.Parameter(np.ones(3))
    optimizer = optim.SGD([p], lr=0.1)
    trained(optimizer, p, 2)
    optimizer.param_groups[0]["momentum"] = 0.9
    trained(optimizer, p, 2, 2)
    assert set(optimizer.state[p]) == {"step", "momentum_buffer"}


def test_a_sequence_whose_state_does_not_fit_is_as_it_was() -> None:
    scheduler = sequence_of([nn.Parameter([1.0])], 2, [3])
    for _ in range(4):
        scheduler.step()
    before = scheduler.state_dict()
    other = sequence_of([nn.Parameter([1.0])], 2, [3]).state_dict()
    other["schedulers"][1]["gamma"] = "half"
    with pytest.raises(ValueError, match="^StepLR: load_state_dict: gamma: expected numbers"):
        scheduler.load_state_dict(other)
    assert scheduler.state_dict() == before


def test_a_chain_and_a_sequence_may_begin_later() -> None:
    """Inside a sequence: PyTorch refuses to begin them after another one."""
    p = nn.Parameter([1.0])
    optimizer = optim.SGD([p], lr=0.8)
    step = optim.lr_scheduler.StepLR
    chain = optim.lr_scheduler.ChainedScheduler([step(optimizer, 2, 0.5), step(optimizer, 3, 0.1)])
    inner = optim.lr_scheduler.SequentialLR(
        optimizer, [step(optimizer, 1, 0.5), step(optimizer, 5)], [2]
    )
    whole = optim.lr_scheduler.SequentialLR(
        optimizer, [optim.lr_scheduler.ConstantLR(optimizer, 0.25), chain, inner], [2, 5]
    )
    rates = []
    for _ in range(8):
        rates += whole.get_last_lr()
        whole.step()
    assert rates == pytest.approx([0.2, 0.2, 0.8, 0.8, 0.4, 0.8, 0.4, 0.8])
