"""L-BFGS: steps along a direction that is made from the last gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minigrad import Tensor, as_tensor, enable_grad
from minigrad.array import NAMESPACES, Array
from minigrad.errors import shown

from ..arguments import as_number, check_function, check_integers
from ..state import as_array
from .checks import check_saved_index, has_numbers
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer, Params, parts_of

COUNTS = ("func_evals", "n_iter")
VECTORS = ("d", "prev_flat_grad")
LISTS = ("old_dirs", "old_stps")  # of vectors: changes of g and of p
NUMBERS = ("t", "H_diag", "prev_loss")


class LBFGS(Optimizer):
    """Steps along -H g, H being an estimate of the inverse Hessian from the last `history_size`
    changes of the gradient (Nocedal 1980). A step is lr times as long, or with
    line_search_fn="strong_wolfe" as a line search says, whose first trial is lr.

    `step(closure)` makes up to max_iter of them; `closure` computes the loss and its gradients
    anew, once a step, or once a trial of a line search. A step is the last one after max_eval
    calls, 1.25 max_iter by default; where no gradient is above tolerance_grad; or where the
    parameters or the loss change by less than tolerance_change. All parameters are in one group, on
    one device; the state of all is kept with the first, under PyTorch's names.
    """

    update = None  # type: ignore[assignment]  # a step is one of all parameters together

    def __init__(
        self,
        params: Params,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        check_integers("LBFGS", 1, max_iter=max_iter, history_size=history_size)
        if max_eval is not None:
            check_integers("LBFGS", 1, max_eval=max_eval)
        settings = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, settings)
        check_one_group(self.param_groups)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make up to max_iter steps. Returns the loss before the first one.

        Raises TypeError without a closure, and FloatingPointError if a gradient is not finite, or
        the loss where a line search begins; a trial where one is not finite is only too far.
        """
        if closure is None:
            raise TypeError("LBFGS: step: expected a closure that computes the loss, got None")
        self.check_held_settings()
        check_one_group(self.param_groups)
        group = self.param_groups[0]
        counts = {key: group[key] for key in ("max_iter", "max_eval", "history_size")}
        check_integers("LBFGS", 1, **counts)
        check_function("LBFGS: step", "closure", closure)
        compute = enable_grad()(closure)
        first_loss = compute()
        loss = as_loss(first_loss)
        g = self.flat_gradient()
        calls = 1
        state = self.state[group["params"][0]]
        state["func_evals"] = state.get("func_evals", 0) + 1
        state.setdefault("n_iter", 0)
        for number in range(1, group["max_iter"] + 1):
            if abs(g).max() <= group["tolerance_grad"]:
                break
            slope = self.choose_direction(state, loss, g)
            if slope > -group["tolerance_change"]:
                break
            start = Point(0.0, loss, slope, g)
            is_last = number == group["max_iter"]
            point, new_calls = self.advance(
                state, compute, start, group["max_eval"] - calls, is_last
            )
            state["func_evals"] += new_calls
            calls += new_calls
            if is_last or calls >= group["max_eval"]:
                break
            moved = float(abs(state["t"] * state["d"]).max())
            is_slow = moved <= group["tolerance_change"]
            if is_slow or abs(point.value - loss) < group["tolerance_change"]:
                break
            loss, g = point.value, point.gradient
        return first_loss

    def choose_direction(self, state: dict[str, Any], loss: float, g: Array) -> float:
        """Keep the next direction d and the first length t to try. Returns the slope along d."""
        t = self.param_groups[0]["lr"]
        if "d" in state:
            self.remember_change(state, g)
            d = -inverse_hessian_times(state, g)
        else:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            d = -g
            t = t * min(1.0, 1 / float(abs(g).sum()))
        state["n_iter"] += 1
        state.update(d=d, t=t, prev_flat_grad=g, prev_loss=loss)
        return float(g @ d)

    def remember_change(self, state: dict[str, Any], g: Array) -> None:
        """Let the last step s, and what it changed in g, join the history."""
        y = g - state["prev_flat_grad"]
        s = state["t"] * state["d"]
        curvature = float(y @ s)
        if curvature > 1e-10:
            state["H_diag"] = curvature / float(y @ y)
            for key, value in (("old_dirs", y), ("old_stps", s), ("ro", 1 / curvature)):
                state[key].append(value)
                del state[key][: -self.param_groups[0]["history_size"]]

    def advance(
        self,
        state: dict[str, Any],
        compute: Callable[[], Any],
        start: Point,
        calls_left: int,
        is_last: bool,
    ) -> tuple[Point, int]:
        """Make one step along d. Returns the point that it leads to, and the count of calls; the
        start and 0 calls after a last step without a line search, where no loss is needed.
        """
        d = state["d"]
        if self.param_groups[0]["line_search_fn"] is not None:
            point, calls = self.search(state, compute, start, calls_left)
            state["t"] = point.t
            self.move(point.t * d)
            return point, calls
        self.move(state["t"] * d)
        if is_last:
            return start, 0
        loss = as_loss(compute())
        return Point(state["t"], loss, math.nan, self.flat_gradient()), 1

    def search(
        self, state: dict[str, Any], compute: Callable[[], Any], start: Point, calls_left: int
    ) -> tuple[Point, int]:
        """The point that a line search along d finds, and the count of calls. The parameters are as
        before, also after an error of the closure.
        """
        if not math.isfinite(start.value):
            raise FloatingPointError(
                "LBFGS: step: expected a finite loss where a line search begins, got "
                f"{start.value}; minigrad.detect_anomaly() finds the op that it comes from"
            )
        d = state["d"]
        arrays = [p.array.copy() for p in self.parameters()]

        def phi(t: float) -> Point:
            try:
                self.move(t * d)
                value = as_loss(compute())
                g = self.flat_gradient(is_trial=True)
            finally:
                self.write(arrays)
            with np.errstate(all="ignore"):
                return Point(t, value, float(g @ d), g)

        tolerance = self.param_groups[0]["tolerance_change"] / float(abs(d).max())
        return strong_wolfe(phi, start, state["t"], tolerance=tolerance, most_rounds=calls_left)

    def flat_gradient(self, is_trial: bool = False) -> Array:
        """The gradients of all parameters as one vector, 0 where there is none.

        Raises FloatingPointError if one is not finite, but in a trial.
        """
        group = self.param_groups[0]
        for part in parts_of(group):
            if is_trial:
                self.check_arrays(part)
            else:
                self.check_part(part)
        xp = NAMESPACES[type(group["params"][0].array)]
        flat = []
        for p in group["params"]:
            g = xp.zeros_like(p.array) if p.grad is None else p.grad.array
            flat.append(g.reshape(-1))
        return xp.concatenate(flat)

    def move(self, step: Array) -> None:
        """Add a step, one vector, to the parameters."""
        values = []
        start = 0
        for p in self.parameters():
            end = start + p.numel()
            values.append(p.array + step[start:end].reshape(p.array.shape))
            start = end
        self.write(values)

    def write(self, values: list[Array]) -> None:
        """Write a value into each parameter."""
        self.is_mid_step = True
        for p, value in zip(self.parameters(), values, strict=True):
            p.array[...] = value
            p.mark_changed()
        self.is_mid_step = False

    def load_state(self, index: int, saved: dict[str, Any]) -> None:
        """Copy the saved state, ours or PyTorch's, to the device of the parameters."""
        check_saved_index("LBFGS", index, 1)
        params = self.parameters()
        xp = NAMESPACES[type(params[0].array)]
        like = Tensor(xp.concatenate([p.array.reshape(-1) for p in params]))
        self.state[params[0]] = as_state(saved, like)


def inverse_hessian_times(state: dict[str, Any], g: Array) -> Array:
    """H g, by the two loops of Nocedal & Wright's algorithm 7.4."""
    history = list(zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True))
    q = g
    shares = []
    for y, s, rho in reversed(history):
        share = float(s @ q) * rho
        q = q - share * y
        shares.append(share)
    r = q * state["H_diag"]
    for (y, s, rho), share in zip(history, reversed(shares), strict=True):
        r = r + s * (share - float(y @ r) * rho)
    return r


def as_loss(value: Any) -> float:
    """What a closure returns, as a float. Raises TypeError if it is no number."""
    return float(as_number("LBFGS: step", "the value of closure", value))


def as_state(saved: Mapping[str, Any], like: Tensor) -> dict[str, Any]:
    """A saved state with vectors as `like`, all parameters in one. After a call of step that made
    no step there are only counts.

    Raises ValueError if it has other names, lengths or shapes than a state of this method.
    """
    where = "LBFGS: load_state_dict"
    keys = {*COUNTS} if {*saved} == {*COUNTS} else {*COUNTS, *VECTORS, *LISTS, *NUMBERS, "ro"}
    if {*saved} - {"al"} != keys:  # what PyTorch keeps as "al", no step reads
        got = ", ".join(map(str, saved)) or "nothing"
        raise ValueError(f"{where}: expected {', '.join(sorted(keys))}, got {got}")
    lists = [saved[key] for key in (*LISTS, "ro") if key in keys]
    are_lists = all([isinstance(values, list | tuple) for values in lists])
    if not are_lists or len({len(values) for values in lists}) > 1:
        raise ValueError(f"{where}: expected {', '.join(LISTS)} and ro as lists of one length")
    state: dict[str, Any] = {}
    for key in COUNTS:
        count = as_number(where, key, saved[key])
        if not count >= 0 or count % 1 != 0:
            raise ValueError(f"{where}: {key}: expected a count, got {count}")
        state[key] = int(count)
    if keys == {*COUNTS}:
        return state
    for key in NUMBERS:
        state[key] = float(as_number(where, key, saved[key]))
    for key in VECTORS:
        state[key] = as_vector(f"{where}: {key}", saved[key], like)
    for key in LISTS:
        state[key] = [as_vector(f"{where}: {key}", value, like) for value in saved[key]]
    state["ro"] = [float(as_number(where, "ro", value)) for value in saved["ro"]]
    return state


def as_vector(where: str, value: Any, like: Tensor) -> Array:
    """A copy of a saved vector. Raises ValueError if it has another shape than `like`."""
    shape = tuple(np.shape(value))
    if shape != tuple(like.shape):
        raise ValueError(f"{where}: expected shape {tuple(like.shape)}, got {shape}")
    if isinstance(value, Tensor):
        return value.detach().to(like).array.copy()
    numbers = as_array(value)
    if not has_numbers(numbers):
        raise ValueError(f"{where}: expected numbers, got {shown(value)}")
    return as_tensor(numbers).to(like).array.copy()


def check_one_group(groups: list[dict[str, Any]]) -> None:
    """Raise ValueError if there is not one group, or it has no parameter."""
    if len(groups) != 1 or not groups[0]["params"]:
        counts = [len(group["params"]) for group in groups]
        raise ValueError(
            f"LBFGS: expected one group of parameters, got {len(groups)} groups of {counts}"
        )
