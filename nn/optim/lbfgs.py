"""L-BFGS: steps along a direction that is made from the last gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad import enable_grad
from minigrad.array import NAMESPACES, Array

from ..arguments import as_number, check_function, check_integers
from .checks import refuse_unsupported
from .optimizer import Optimizer, Params, parts_of


class LBFGS(Optimizer):
    """Steps along -H g, H being an estimate of the inverse Hessian from the last `history_size`
    changes of the gradient (Nocedal 1980), without a line search: the step is lr.

    `step(closure)` makes up to max_iter of them, each with a call of `closure`, which computes the
    loss and its gradients anew; max_eval calls at most, 1.25 max_iter by default. It ends early
    where no gradient is above tolerance_grad, or where the parameters or the loss change by less
    than tolerance_change. All parameters are in one group, on one device. Raises
    NotImplementedError for line_search_fn="strong_wolfe".
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
        refuse_unsupported("LBFGS", line_search_fn=line_search_fn)
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
        }
        super().__init__(params, settings)
        check_one_group(self.param_groups)
        self.history: list[tuple[Array, Array, float]] = []  # changes of g and of p; 1 / (y · s)
        self.scale = 1.0  # H without a history: (y · s) / (y · y) of the last change
        self.last_step: Array = None  # the last change of the parameters, flat
        self.last_gradient: Array = None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make up to max_iter steps. Returns the loss before the first one.

        Raises TypeError without a closure.
        """
        if closure is None:
            raise TypeError("LBFGS: step: expected a closure that computes the loss, got None")
        self.check_held_settings()
        check_one_group(self.param_groups)
        group = self.param_groups[0]
        check_integers("LBFGS", 1, max_iter=group["max_iter"], history_size=group["history_size"])
        check_function("LBFGS: step", "closure", closure)
        compute = enable_grad()(closure)
        first_loss = compute()
        loss = float(as_number("LBFGS: step", "the value of closure", first_loss))
        g = self.flat_gradient()
        calls = 1
        for number in range(1, group["max_iter"] + 1):
            if abs(g).max() <= group["tolerance_grad"]:
                break
            d = self.direction(g)
            t = group["lr"]
            if self.last_gradient is None:
                t = t * min(1.0, 1 / float(abs(g).sum()))
            self.last_gradient = g
            self.last_step = t * d
            if float(g @ d) > -group["tolerance_change"]:
                break
            self.move(self.last_step)
            if number == group["max_iter"]:
                break
            before, loss = loss, float(compute())
            g = self.flat_gradient()
            calls += 1
            moved = float(abs(self.last_step).max())
            is_slow = moved <= group["tolerance_change"]
            if (
                calls >= group["max_eval"]
                or is_slow
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        return first_loss

    def direction(self, g: Array) -> Array:
        """-H g, after the last step and what it changed in g have joined the history."""
        if self.last_gradient is None:
            return -g
        y = g - self.last_gradient
        s = self.last_step
        curvature = float(y @ s)
        if curvature > 1e-10:
            self.history.append((y, s, 1 / curvature))
            del self.history[: -self.param_groups[0]["history_size"]]
            self.scale = curvature / float(y @ y)
        q = -g
        shares = []
        for y, s, rho in reversed(self.history):
            share = float(s @ q) * rho
            q = q - share * y
            shares.append(share)
        d = q * self.scale
        for (y, s, rho), share in zip(self.history, reversed(shares)):
            d = d + s * (share - float(y @ d) * rho)
        return d

    def flat_gradient(self) -> Array:
        """The gradients of all parameters as one vector, 0 where there is none.

        Raises FloatingPointError if one is not finite.
        """
        group = self.param_groups[0]
        for part in parts_of(group):
            self.check_part(part)
        xp = NAMESPACES[type(group["params"][0].array)]
        flat = []
        for p in group["params"]:
            g = xp.zeros_like(p.array) if p.grad is None else p.grad.array
            flat.append(g.reshape(-1))
        return xp.concatenate(flat)

    def move(self, step: Array) -> None:
        """Add a step, one vector, to the parameters."""
        start = 0
        for p in self.param_groups[0]["params"]:
            end = start + p.numel()
            p.array[...] += step[start:end].reshape(p.array.shape)
            p.mark_changed()
            start = end

    def state_dict(self) -> dict[str, Any]:
        """Raises NotImplementedError: the history is not saved."""
        raise NotImplementedError(
            "LBFGS: state_dict is not supported; make a new one, which starts without a history"
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Raises NotImplementedError: the history is not saved."""
        raise NotImplementedError("LBFGS: load_state_dict is not supported; make a new one")


def check_one_group(groups: list[dict[str, Any]]) -> None:
    """Raise ValueError if there is not one group, or it has no parameter."""
    if len(groups) != 1 or not groups[0]["params"]:
        counts = [len(group["params"]) for group in groups]
        raise ValueError(
            f"LBFGS: expected one group of parameters, got {len(groups)} groups of {counts}"
        )
