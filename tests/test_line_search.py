"""LBFGS with a line search: the steps of PyTorch's, what it does where there is no good step, and
the conditions that a step meets.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_twin import torch

import minigrad as mg
import nn
from nn import optim
from nn.optim.line_search import C1, C2, Point, strong_wolfe

RNG = np.random.default_rng(3)
ROOT = RNG.normal(size=(6, 6))
CURVATURE = ROOT @ ROOT.T + 0.1 * np.eye(6)
SAMPLES = RNG.normal(size=(40, 5))
LABELS = (SAMPLES @ RNG.normal(size=5) + RNG.normal(size=40) > 0).astype(np.float64)
W1, W2 = RNG.normal(size=(1, 8)), 0.3 * RNG.normal(size=(8, 1))
Loss = Callable[[Any, list[Any]], Any]


def rosenbrock(library: Any, params: list[Any]) -> Any:
    x = params[0]
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def quadratic(library: Any, params: list[Any]) -> Any:
    x = params[0]
    return (x * (library.tensor(CURVATURE) @ x)).sum() / 2 - x.sum()


def logistic(library: Any, params: list[Any]) -> Any:
    z = library.tensor(SAMPLES) @ params[0] + params[1]
    y = library.tensor(LABELS)
    return (library.log(1 + library.exp(-z)) + (1 - y) * z).mean() + 0.001 * (params[0] ** 2).sum()


def differential_equation(library: Any, params: list[Any]) -> Any:
    """u' = -u, u(0) = 1 on ten places, by a net whose derivative is that of its input."""
    grad = torch.autograd.grad if library is torch else mg.grad
    x = library.tensor(np.linspace(0, 2, 10)[:, None], requires_grad=True)
    u = library.tanh(x @ params[0] + params[1]) @ params[2]
    du = grad(u.sum(), x, create_graph=True)
    du = du[0] if isinstance(du, tuple) else du
    return ((du + u) ** 2).mean() + (u[0] - 1).pow(2).sum()


def waves(library: Any, params: list[Any]) -> Any:
    x = params[0]
    return library.sin(3 * x).sum() + 0.05 * (x**2).sum() + library.cos(x[0] * x[1])


def steep_then_flat(library: Any, params: list[Any]) -> Any:
    return -1 / (1 + (params[0] ** 2).sum()) + 0.01 * library.sin(params[0]).sum()


PROBLEMS: dict[str, tuple[Loss, list[np.ndarray[Any, Any]]]] = {
    "rosenbrock": (rosenbrock, [np.array([-1.2, 1.0, -0.5, 0.8])]),
    "quadratic": (quadratic, [np.linspace(-1, 2, 6)]),
    "logistic": (logistic, [np.zeros(5), np.zeros(())]),
    "differential equation": (differential_equation, [W1, np.zeros(8), W2]),
    "waves": (waves, [np.array([0.3, 2.0, -1.0])]),
    "steep then flat": (steep_then_flat, [np.array([1.5, -1.0])]),
}


class Run:
    """A loss that an optimizer of one library makes small: what its closure saw and returned."""

    def __init__(self, library: Any, problem: str, **settings: Any):
        self.loss, values = PROBLEMS[problem]
        self.library = library
        tensors = [library.tensor(value.copy(), dtype=library.float64) for value in values]
        self.params = [tensor.requires_grad_() for tensor in tensors]
        kind = torch.optim.LBFGS if library is torch else optim.LBFGS
        self.optimizer = kind(self.params, **{"line_search_fn": "strong_wolfe", **settings})
        self.seen: list[float] = []
        self.returned: list[float] = []

    def closure(self) -> Any:
        self.optimizer.zero_grad()
        loss = self.loss(self.library, self.params)
        loss.backward()
        self.seen.append(float(loss.item()))
        return loss

    def steps(self, count: int) -> Run:
        for _ in range(count):
            self.returned.append(float(self.optimizer.step(self.closure).item()))
        return self

    def state(self) -> dict[str, Any]:
        return self.optimizer.state_dict()["state"][0]

    def values(self) -> np.ndarray[Any, Any]:
        return np.concatenate([p.detach().numpy().reshape(-1) for p in self.params])


SETTINGS: list[dict[str, Any]] = [
    {},
    {"lr": 0.3, "max_iter": 2},
    {"lr": 2.0, "max_iter": 5},
    {"max_iter": 2, "history_size": 3},
    {"max_iter": 1},
    {"max_iter": 10, "max_eval": 2},
    {"max_iter": 10, "max_eval": 1},
    {"max_iter": 7, "tolerance_change": 0.0},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_trials_are_pytorchs(problem: str, settings: dict[str, Any]) -> None:
    """20 calls of step: as many trials, each of the same loss, and the same parameters. Far more
    steps in a flat valley make the last bits of sums grow, as between two machines.
    """
    ours, theirs = [Run(library, problem, **settings).steps(20) for library in (mg, torch)]
    assert len(ours.seen) == len(theirs.seen)
    np.testing.assert_allclose(ours.seen, theirs.seen, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.returned, theirs.returned, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.values(), theirs.values(), rtol=1e-9, atol=1e-9)
    for key in ("func_evals", "n_iter"):
        assert ours.state()[key] == theirs.state()[key]


Curve = Callable[[float], tuple[float, float]]


def curve(kind: str, a: float, b: float, edge: float) -> Curve:
    """A function of one number and its slope, which is below 0 at 0."""
    smooth: dict[str, Curve] = {
        "parabola": lambda t: ((t - a) ** 2, 2 * (t - a)),
        "line": lambda t: (-a * t, -a),
        "wave": lambda t: (
            t**2 / 9 - t - math.sin(b * t) / a,
            t / 4.5 - 1 - b * math.cos(b * t) / a,
        ),
        "well": lambda t: (t**4 - a * t**2 - b * t, 4 * t**3 - 2 * a * t - b),
        "falling": lambda t: (math.exp(-a * t), -a * math.exp(-a * t)),
        "ditch": lambda t: (
            (-t - t**2 / 99, -1 - t / 49.5) if t < a else (b * (t - a) - a - a**2 / 99, b)
        ),
        "ripples": lambda t: (
            -t / 9 - math.sin(b * t**2 / 9),
            -1 / 9 - b * t / 4.5 * math.cos(b * t**2 / 9),
        ),
        "plateau": lambda t: (max(-a * t, -b), -a if a * t < b else 1e-3),
    }
    if kind == "infinite":
        return lambda t: smooth["parabola"](t) if t < edge else (math.inf, math.nan)
    return smooth[kind]


KINDS = ("parabola", "line", "wave", "well", "falling", "ditch", "ripples", "plateau", "infinite")


def trials_of(
    f: Curve, first: float, tolerance: float, most_rounds: int
) -> tuple[list[float], Point, int]:
    """The steps that the search tries, the point that it returns, and its count of calls."""
    tried: list[float] = []

    def phi(t: float) -> Point:
        tried.append(t)
        return Point(t, *f(t), gradient=None)

    start = Point(0.0, *f(0.0), gradient=None)
    point, calls = strong_wolfe(phi, start, first, tolerance=tolerance, most_rounds=most_rounds)
    return tried, point, calls


def trials_of_pytorch(
    f: Curve, first: float, tolerance: float, most_rounds: int
) -> tuple[list[float], float, int]:
    tried: list[float] = []

    def objective(x: Any, t: Any, d: Any) -> Any:
        tried.append(float(t))
        value, slope = f(float(t))
        return value, torch.tensor([slope], dtype=torch.float64)

    value, slope = f(0.0)
    d = torch.ones(1, dtype=torch.float64)
    g = torch.tensor([slope], dtype=torch.float64)
    settings = {"tolerance_change": tolerance, "max_ls": most_rounds}
    search = importlib.import_module("torch.optim.lbfgs")._strong_wolfe
    _, _, t, calls = search(objective, None, first, d, value, g, g[0], **settings)
    return tried, float(t), calls


@pytest.mark.parametrize("most_rounds", [0, 1, 2, 5, 24])
@pytest.mark.parametrize("kind", KINDS)
def test_each_trial_is_that_of_pytorch(kind: str, most_rounds: int) -> None:
    """With a minimum and without one, with kinks, and with no numbers beyond a place."""
    rng = np.random.default_rng(most_rounds)
    for _ in range(60):
        f = curve(kind, rng.uniform(0.1, 30), rng.uniform(0.1, 30), rng.uniform(0.01, 2))
        how = (rng.choice([1.0, 0.01, 0.3, 5.0, 100.0]), rng.choice([1e-6, 0.1]), most_rounds)
        tried, point, calls = trials_of(f, *how)
        its, t, count = trials_of_pytorch(f, *how)
        assert tried == pytest.approx(its, rel=1e-9)
        assert point.t == pytest.approx(t, rel=1e-9)
        assert calls == count == len(tried)


@pytest.mark.parametrize("first", [1.0, 1e-3, 50.0])
@pytest.mark.parametrize("kind", ["parabola", "wave", "well"])
def test_what_is_found_meets_both_conditions(kind: str, first: float) -> None:
    f = curve(kind, 2.0, 3.0, 0.0)
    _, point, _ = trials_of(f, first, 1e-12, 50)
    value, slope = f(0.0)
    assert point.value <= value + C1 * point.t * slope
    assert abs(point.slope) <= -C2 * slope
    assert point[1:3] == f(point.t)


@pytest.mark.parametrize(
    "beyond", [(math.nan, 1.0), (math.inf, math.inf), (-math.inf, -1.0), (1.0, math.nan)], ids=str
)
def test_what_is_not_finite_is_too_far(beyond: tuple[float, float]) -> None:
    """PyTorch's search ends in NaN for each of these."""
    edge = 0.3
    f = curve("parabola", 0.2, 1.0, 0.0)
    tried, point, _ = trials_of(lambda t: f(t) if t < edge else beyond, 1.0, 1e-9, 24)
    assert tried[:3] == [1.0, 0.5, 0.25]
    assert 0 < point.t < edge
    _, point, _ = trials_of(lambda t: f(t) if t == 0 else beyond, 1.0, 1e-9, 24)
    assert point.t == 0


def test_a_line_that_falls_for_ever_is_followed_for_all_rounds() -> None:
    tried, point, calls = trials_of(lambda t: (-t, -1.0), 1.0, 1e-9, 6)
    assert tried == [10.0**k for k in range(7)]
    assert (point.t, calls) == (1e6, 7)


def test_no_step_is_made_where_nothing_but_the_start_is_finite() -> None:
    x = nn.Parameter(np.array([0.5, -1.0]))
    optimizer = optim.LBFGS([x], line_search_fn="strong_wolfe")
    calls = []

    def closure() -> Any:
        calls.append(x.tolist())
        at_start = x.tolist() == [0.5, -1.0]
        x.grad = mg.tensor([1.0, 2.0] if at_start else [math.nan, 0.0], dtype=mg.float64)
        return 1.0 if at_start else math.nan

    assert optimizer.step(closure) == 1.0
    assert x.tolist() == [0.5, -1.0]
    assert len(calls) > 1
    assert optimizer.state_dict()["state"][0]["t"] == 0


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_search_needs_a_finite_loss_at_its_start(loss: float) -> None:
    x = nn.Parameter(np.array([0.5, -1.0]))

    def closure() -> Any:
        x.grad = mg.ones_like(x)
        return loss

    optimizer = optim.LBFGS([x], line_search_fn="strong_wolfe")
    with pytest.raises(FloatingPointError, match="^LBFGS: step: expected a finite loss where a l"):
        optimizer.step(closure)
    assert x.tolist() == [0.5, -1.0]


def test_an_error_in_a_trial_leaves_the_parameters_as_they_were() -> None:
    """And the step that is made after it is the one that would have been made."""
    ours = Run(mg, "rosenbrock", max_iter=1).steps(3)
    other = Run(mg, "rosenbrock", max_iter=1).steps(4)
    before = ours.values()
    count = len(ours.seen)

    def broken() -> Any:
        if len(ours.seen) == count + 1:
            assert not np.array_equal(ours.values(), before)
            raise KeyError("a sample")
        return ours.closure()

    with pytest.raises(KeyError, match="a sample"):
        ours.optimizer.step(broken)
    np.testing.assert_array_equal(ours.values(), before)
    ours.optimizer.state_dict()
    ours.steps(1)
    np.testing.assert_array_equal(ours.values(), other.values())
    assert ours.returned == other.returned


@pytest.mark.parametrize("line_search_fn", [None, "strong_wolfe"])
def test_a_loaded_state_goes_on_bit_for_bit(line_search_fn: str | None, tmp_path: Path) -> None:
    how = {"max_iter": 3, "history_size": 4, "line_search_fn": line_search_fn}
    first = Run(mg, "logistic", **how).steps(4)
    nn.io.save(first.optimizer.state_dict(), tmp_path / "state.safetensors")
    second = Run(mg, "logistic", **{**how, "max_iter": 1})
    for p, q in zip(second.params, first.params, strict=True):
        p.data = q.data.clone()
    second.optimizer.load_state_dict(nn.io.load(tmp_path / "state.safetensors"))
    assert second.optimizer.param_groups[0]["max_iter"] == 3
    first.steps(5)
    second.steps(5)
    assert second.seen == first.seen[-len(second.seen) :]
    np.testing.assert_array_equal(first.values(), second.values())
    assert first.state().keys() == second.state().keys()


def test_a_state_of_pytorchs_is_gone_on_with() -> None:
    theirs = Run(torch, "logistic", max_iter=3).steps(3)
    ours = Run(mg, "logistic", max_iter=3)
    for p, q in zip(ours.params, theirs.params, strict=True):
        p.data = mg.tensor(q.detach().numpy().copy())
    state = theirs.optimizer.state_dict()
    ours.optimizer.load_state_dict(state)
    assert ours.state().keys() == state["state"][0].keys() - {"al"}
    theirs.steps(4)
    ours.steps(4)
    np.testing.assert_allclose(ours.values(), theirs.values(), rtol=1e-9)
    assert ours.seen == pytest.approx(theirs.seen[-len(ours.seen) :], rel=1e-9)


def test_a_state_without_a_step_is_loaded() -> None:
    first = Run(mg, "quadratic", tolerance_grad=1e6).steps(2)
    saved = first.optimizer.state_dict()
    assert saved["state"] == {0: {"func_evals": 2, "n_iter": 0}}
    again = Run(mg, "quadratic")
    again.optimizer.load_state_dict(saved)
    again.optimizer.param_groups[0]["tolerance_grad"] = 1e-7
    again.steps(1)
    assert again.state()["func_evals"] == 2 + len(again.seen)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"d": mg.zeros(3)}, ValueError, r"d: expected shape \(6,\), got \(3,\)"),
        ({"d": None}, ValueError, r"d: expected shape \(6,\), got \(\)"),
        ({"d": ["a"] * 6}, ValueError, "d: expected numbers, got a list"),
        ({"old_dirs": []}, ValueError, "expected old_dirs, old_stps and ro as lists of one length"),
        ({"ro": 1.0}, ValueError, "expected old_dirs, old_stps and ro as lists of one length"),
        ({"t": "far"}, TypeError, "expected a number as t, got 'far'"),
        ({"n_iter": -1}, ValueError, "n_iter: expected a count, got -1"),
        ({"n_iter": math.nan}, ValueError, "n_iter: expected a count, got nan"),
        ({"step": 1}, ValueError, "expected H_diag, d, "),
    ],
    ids=str,
)
def test_a_wrong_state_is_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    run = Run(mg, "quadratic").steps(1)
    saved = run.optimizer.state_dict()
    saved["state"][0].update(change)
    again = Run(mg, "quadratic")
    with pytest.raises(error, match=f"^LBFGS: load_state_dict: {message}"):
        again.optimizer.load_state_dict(saved)
    assert not again.optimizer.state
    saved["state"] = {1: saved["state"][0]}
    with pytest.raises(
        ValueError, match="^LBFGS: load_state_dict: expected states of parameters 0"
    ):
        again.optimizer.load_state_dict(saved)


@pytest.mark.parametrize("wrong", ["weak", 3, np.ones(2), ["strong_wolfe"]], ids=str)
def test_another_line_search_is_refused(wrong: Any) -> None:
    x = nn.Parameter(np.ones(2))
    message = "^LBFGS: line_search_fn: expected None or 'strong_wolfe', got "
    with pytest.raises(ValueError, match=message):
        optim.LBFGS([x], line_search_fn=wrong)
    optimizer = optim.LBFGS([x])
    optimizer.param_groups[0]["line_search_fn"] = wrong
    with pytest.raises(ValueError, match=message):
        optimizer.step(lambda: (x * x).sum())
