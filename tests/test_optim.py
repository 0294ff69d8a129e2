"""Laws of the optimizers, and what they say when they are misused."""

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
    optim.Adagrad,
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    lambda p: optim.RMSprop(p, momentum=0.9, centered=True),
]
gradients = arrays(np.float64, 4, elements=st.floats(-100, 100).filter(lambda v: abs(v) > 1e-3))


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
    nn.io.save({"model": one.state_dict(), "optimizer": mine.state_dict()}, tmp_path / "checkpoint")
    checkpoint = nn.io.load(tmp_path / "checkpoint")
    two.load_state_dict(checkpoint["model"])
    his = make(two.parameters())
    his.load_state_dict(checkpoint["optimizer"])
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
        with pytest.raises(ValueError, match="both must be positive"):
            nn.utils.clip_grad_norm_([p], *bad)


def test_misuse_of_optimizers() -> None:
    p = nn.Parameter([1.0])
    for make, kind, message in (
        (lambda: optim.SGD([]), TypeError, "not empty|empty"),
        (lambda: optim.SGD(p), TypeError, "not one tensor"),
        (
            lambda: optim.Adam([p], 1, (0.9, 0.9), 1, 0, True),
            TypeError,
            "then come lr, betas, eps, weight_decay",
        ),
        (
            lambda: optim.Adam([p], amsgrad=True),
            TypeError,
            "Adam: amsgrad is not supported; settings are",
        ),
        (lambda: optim.SGD([{"params": [p], "rate": 1}]), TypeError, "SGD: rate is not supported"),
        (lambda: optim.SGD([p], lr="fast"), TypeError, "lr='fast' came; wanted are numbers"),
        (lambda: optim.SGD([p], lr=-1.0), ValueError, "lr=-1.0 is out of range"),
        (
            lambda: optim.Adam([p], betas=(0.9, 1.0)),
            ValueError,
            r"betas=\(0.9, 1.0\) is out of range",
        ),
        (lambda: optim.SGD([p, p]), ValueError, "or came before"),
        (lambda: optim.SGD([p * 2]), ValueError, "without history"),
        (
            lambda: optim.SGD([3.0]),
            ValueError,
            "float tensors without history, each once; a float of shape",
        ),
        (
            lambda: optim.SGD([p]).load_state_dict(
                optim.SGD([p, nn.Parameter([1.0])]).state_dict()
            ),
            ValueError,
            r"groups of \[2\] parameters came where \[1\] are wanted",
        ),
        (lambda: optim.SGD([p], nesterov=True), ValueError, "nesterov wants a momentum above 0"),
        (
            lambda: optim.lr_scheduler.LinearLR(optim.SGD([p]), start_factor=0.0),
            ValueError,
            "start_factor 0.0",
        ),
        (
            lambda: optim.lr_scheduler.ReduceLROnPlateau(optim.SGD([p]), "low"),
            ValueError,
            "not 'low'",
        ),
        (
            lambda: optim.lr_scheduler.StepLR(optim.SGD([p]), 2, last_epoch=3),
            TypeError,
            "last_epoch",
        ),
    ):
        with pytest.raises(kind, match=message):
            make()
