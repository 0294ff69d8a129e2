"""The first number that is not finite is named: op, module, time step, line. And no optimizer
writes one unseen."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn
from demos import training
from minigrad.inspect import Observer

HUGE = 1e38


def here() -> int:
    return sys._getframe(1).f_lineno


class Classifier(nn.Module):
    """Its forward has each op on a line of its own."""

    def __init__(self, kind: type[nn.Module] = nn.LSTM, **settings: Any):
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
        self.rnn = kind(3, 4, **settings)
        self.head = nn.Sequential(nn.Tanh(), nn.Linear(4, 2))

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        for layer in self.layers:
            x = layer(x)
        hs = self.rnn(x)[0]
        return self.head(hs[-1])


# Where a node was made


def test_a_node_knows_its_module_and_line_while_an_observer_is_on() -> None:
    model, first = Classifier(), Classifier.forward.__code__.co_firstlineno
    with Observer():
        node = model(mg.randn(5, 2, 3)).node
    made = []
    while node:
        made.append((node.op.__name__, node.origin.module, node.origin.line - first))
        assert node.origin.file == __file__ and node.origin.function == "forward"
        node = node.args[0].node
    assert made == [
        ("linear", "Classifier.head.1", 4),
        ("tanh", "Classifier.head.0", 4),
        ("getitem", "Classifier", 4),
        ("lstm", "Classifier.rnn", 3),
        ("linear", "Classifier.layers.1", 2),
        ("linear", "Classifier.layers.0", 2),
    ]
    assert (model.head[1].weight * 2).node.origin == ""


def test_modules_outside_the_tree_go_by_their_class() -> None:
    stranger = nn.Sequential(nn.Linear(2, 2))

    class Borrows(nn.Module):
        def forward(self, x: mg.Tensor) -> mg.Tensor:
            return stranger(x)

    with Observer():
        assert Borrows()(mg.ones(2)).node.origin.module == "Borrows.Sequential.0"
        assert stranger(mg.ones(2)).node.origin.module == "Sequential.0"
        with pytest.raises(ValueError):
            stranger(mg.ones(3))
        assert (
            mg.ones(2, requires_grad=True) * 2
        ).node.origin.module == ""  # an error leaves the module, too


# The first bad number


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("back", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_the_time_step_of_a_fused_op_is_found(kind: Any, back: bool, reverse: bool) -> None:
    """An infinity times 0 at step 3 forward; a gradient at step 5 that a huge weight multiplies
    beyond all numbers."""
    T, t = 8, 5 if back else 3
    layer = kind(2, 3, bidirectional=reverse)
    run = "_l0" + "_reverse" * reverse
    x = mg.zeros(T, 1, 2)
    if back:
        getattr(layer, "weight_ih" + run).array.fill(HUGE)
    else:
        x[t] = float("inf")
        layer.weight_ih_l0.array.fill(
            1
        )  # inf times 1 passes a gate; the run that is asked about has inf times 0
        getattr(layer, "weight_ih" + run).array.fill(0)
    x.requires_grad_()
    with mg.detect_anomaly(), pytest.raises(FloatingPointError) as error:
        line = here() + 1
        output = layer(x)[0]
        (output[t, 0, -3:] * 1e5).sum().backward()
    words = (
        rf"{kind.__name__.lower()}: the {'gradient' if back else 'value'} has .* among its \d+ "
        r"numbers"
    )
    where = rf"\({re.escape(__file__)}, line {line}, in .*; module {kind.__name__}\)"
    assert re.match(rf"{words}, the first at time step {t} of 8 {where}", str(error.value)), (
        error.value
    )


def test_an_op_of_ones_own_may_say_that_it_runs_over_time() -> None:
    def reciprocals(xp: Any, x: Any) -> Any:
        return 1 / x, (lambda g: -g / (x * x),)

    x = mg.ones(4, 2, 3)
    x[2, 1] = 0.0
    for over_time in (True, False):
        op = mg.op(reciprocals, over_time=over_time)
        with mg.detect_anomaly(), pytest.raises(FloatingPointError) as error:
            op(x)
        assert ("the first at time step 2 of 4" in str(error.value)) == over_time


def test_a_gradient_is_found_in_the_module_that_made_its_op() -> None:
    model, first = Classifier(), Classifier.forward.__code__.co_firstlineno
    model.head[1].weight.array.fill(HUGE)
    for p in model.rnn.parameters():
        p.array.fill(0)
    with mg.detect_anomaly():
        y = model(mg.zeros(4, 1, 3))
        with pytest.raises(FloatingPointError) as error:
            (y * 100).sum().backward()
    assert f"line {first + 4}, in forward; module Classifier.head.1)" in str(error.value)
    assert error.value.__notes__[0].startswith("while differentiating linear (")


def test_a_nan_in_an_argument_is_named_and_an_infinity_may_pass() -> None:
    nan, inf = mg.tensor([1.0, float("nan")]), mg.tensor([1.0, float("inf")])
    with mg.detect_anomaly():
        assert ((inf + 1) * 2).tolist() == [4, float("inf")]
        assert mg.where(nan.isnan(), 0.0, nan).tolist() == [1, 0]
        with pytest.raises(
            FloatingPointError,
            match="add: its argument 1 has 1 NaN among its 2 numbers",
        ):
            inf + nan
        with pytest.raises(
            FloatingPointError, match=r"sub: the value has 1 NaN among its 2 numbers"
        ):
            inf - inf
        x = mg.ones(2, requires_grad=True)
        with pytest.raises(
            FloatingPointError, match="mul: the gradient that reaches its value has 1 NaN"
        ):
            (x * 2).backward(nan)


def test_attention_that_masks_is_no_anomaly() -> None:
    """Its scores are set to -inf, on purpose."""
    x = mg.randn(2, 3, 4, requires_grad=True)
    padding = mg.tensor([[False, False, True], [True, True, True]])
    with mg.detect_anomaly():
        y, _ = nn.MultiheadAttention(4, 2, batch_first=True)(x, x, x, key_padding_mask=padding)
        (
            y.sum() + nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True).sum()
        ).backward()
    assert np.isfinite(x.grad.numpy()).all()


# Optimizers and clipping

OPTIMIZERS = [nn.optim.SGD, nn.optim.Adam, nn.optim.AdamW, nn.optim.RMSprop, nn.optim.Adagrad]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_an_optimizer_refuses_a_gradient_that_is_not_finite(make: Any, bad: float) -> None:
    p, idle, q = (
        nn.Parameter(np.ones(2, "f")),
        nn.Parameter([1.0]),
        nn.Parameter(np.ones((2, 3), "f")),
    )
    optimizer = make([{"params": [p, idle]}, {"params": [q]}], lr=0.1)
    p.grad, q.grad = mg.ones(2), mg.ones(2, 3)
    optimizer.step()
    before = repr(optimizer.state_dict()), p.tolist(), q.tolist()
    q.grad = mg.tensor([[1.0, 2.0, bad], [bad, 1.0, 1.0]])
    words = (
        rf"{make.__name__}: the gradient of parameter 2, of shape \(2, 3\), has 2 NaN or "
        r"infinities among its 6 numbers"
    )
    with pytest.raises(
        FloatingPointError, match=rf"{words}. Nothing was changed; .*detect_anomaly\(\)"
    ):
        optimizer.step()
    assert (repr(optimizer.state_dict()), p.tolist(), q.tolist()) == before
    q.grad = mg.full((2, 3), 3e38)  # finite, though its square is not
    with np.errstate(all="ignore"):
        nn.optim.SGD([q], lr=1e-38).step()
    assert np.isfinite(q.detach().numpy()).all()


def test_clipping_says_why_a_norm_is_not_finite() -> None:
    p = nn.Parameter(np.ones(2, "f"))
    p.grad = mg.full((2,), 3e38)
    with (
        np.errstate(over="ignore"),
        pytest.raises(
            RuntimeError, match="the norm is inf, although each gradient is finite: it is too large"
        ),
    ):
        nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    assert p.grad.tolist() == mg.full((2,), 3e38).tolist()


def test_a_training_that_meets_a_nan_keeps_its_last_good_state(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(training.tempfile, "gettempdir", lambda: str(tmp_path))
    model = nn.Linear(2, 2)
    good = (mg.randn(4, 2), mg.randint(0, 2, (4,)))
    bad = (mg.full((4, 2), float("nan")), good[1])
    after_two = nn.Linear(2, 2)
    after_two.load_state_dict(model.state_dict())
    training.train(after_two, [good, good], lr=0.1, clip=1.0)
    with pytest.raises(
        FloatingPointError,
        match=r"step 3: Adam: .* NaN .*\. The last good state is in .*safetensors",
    ):
        training.train(model, [good, good, bad, good], lr=0.1, clip=1.0)
    (file,) = tmp_path.glob("last_good_Linear_*.safetensors")
    again = nn.Linear(2, 2)
    optimizer = nn.optim.Adam(again.parameters())
    assert nn.io.load_checkpoint(file, model=again, optimizer=optimizer)["step"] == 2
    assert mg.equal(again.weight, after_two.weight) and mg.equal(model.weight, after_two.weight)
