"""Is this gradient right? Two witnesses that know nothing of the rules: finite differences and the complex step.

Along a random direction v, with a random cotangent u, the pullback must give <u, J v> = <Jᵀ u, v>. One random pair
tests the whole Jacobian at the price of two evaluations. Never `.sum()`: the sum of a softmax is 1 whatever its
gradient, so a cotangent of ones would let a wrong rule pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.array import to_numpy
from minigrad.autograd import TensorBase
from minigrad.backward import grad
from minigrad.tensor import Tensor

STEP = 6e-6  # about ∛eps of float64, where rounding and truncation are equally small


def evaluate(f: Callable[..., Any], arrays: Sequence[Any]) -> list[Tensor]:
    """f's results on fresh leaves; f may return one Tensor or several."""
    value = f(*[Tensor(np.asarray(a)) for a in arrays])  # NumPy makes numbers of 0-d arrays
    return [value] if isinstance(value, TensorBase) else list(value)  # type: ignore[list-item]


def along(cotangents: Sequence[Any], values: Sequence[Any]) -> Any:
    """Σ <u, y>, on the host."""
    return sum((u * to_numpy(y.array)).sum() for u, y in zip(cotangents, values, strict=True))


def pulled(
    f: Callable[..., Any],
    arrays: Sequence[Any],
    cotangents: Sequence[Any],
    directions: Sequence[Any],
) -> float:
    """<Jᵀ u, v> by the engine."""
    leaves = [Tensor(a).requires_grad_() for a in arrays]
    value = f(*leaves)
    outputs = [value] if isinstance(value, TensorBase) else list(value)
    pairs = [(y, Tensor(u)) for y, u in zip(outputs, cotangents, strict=True) if y.requires_grad]
    if not pairs:
        return 0.0
    found = grad([y for y, _ in pairs], leaves, [u for _, u in pairs], allow_unused=True)
    return float(
        sum(
            (to_numpy(g.array) * v).sum()
            for g, v in zip(found, directions, strict=True)
            if g is not None
        )
    )


def finite_difference(
    f: Callable[..., Any],
    arrays: Sequence[Any],
    cotangents: Sequence[Any],
    directions: Sequence[Any],
) -> float:
    """<u, J v> ≈ (<u, f(x + hv)> - <u, f(x - hv)>) / 2h; accurate to about 1e-9 in float64."""
    up, down = (
        [a + s * STEP * v for a, v in zip(arrays, directions, strict=True)] for s in (1, -1)
    )
    return float(
        (along(cotangents, evaluate(f, up)) - along(cotangents, evaluate(f, down))) / (2 * STEP)
    )


def complex_step(
    f: Callable[..., Any],
    arrays: Sequence[Any],
    cotangents: Sequence[Any],
    directions: Sequence[Any],
) -> float:
    """<u, J v> = Im <u, f(x + ihv)> / h: nothing is subtracted, so h can be tiny and the result exact to rounding.

    For analytic f only: no abs, max, comparison or conjugate.
    """
    h = 1e-30
    shifted = [a + 1j * h * v for a, v in zip(arrays, directions, strict=True)]
    return float(along(cotangents, evaluate(f, shifted)).imag / h)


def gradcheck(
    f: Callable[..., Any],
    inputs: Sequence[Any],
    order: int = 2,
    analytic: bool = False,
    rtol: float = 1e-6,
    seed: int = 0,
) -> None:
    """Hold f's gradient against a witness, and the gradient of that gradient, up to `order`.

    f: a function of Tensors that returns one or several; inputs: its arguments, float64 tensors or arrays, away from
    f's kinks; analytic: take the complex step (relative error 1e-12) as the witness of the first order instead of the
    finite difference. Raises AssertionError that names the order, the shapes, both numbers and the seed.

    >>> import minigrad as mg
    >>> gradcheck(lambda x: mg.softmax(x, 0), [[0.1, 0.7, -0.3]], analytic=False)
    """
    rng = np.random.default_rng(seed)
    arrays = [
        np.array(to_numpy(x.array) if isinstance(x, TensorBase) else x, dtype=np.float64)
        for x in inputs
    ]
    for k in range(1, order + 1):
        cotangents = [rng.standard_normal(y.shape) for y in evaluate(f, arrays)]
        directions = [rng.standard_normal(a.shape) for a in arrays]
        witness, tolerance = (
            (complex_step, 1e-12) if analytic and k == 1 else (finite_difference, rtol)
        )
        got = pulled(f, arrays, cotangents, directions)
        want = witness(f, arrays, cotangents, directions)
        if not abs(got - want) <= tolerance * max(1.0, abs(want)):
            raise AssertionError(
                f"gradcheck: the derivative of order {k} is wrong along a random direction: {got!r} by the engine, "
                f"{want!r} by {witness.__name__}; inputs of shapes {[a.shape for a in arrays]}, seed {seed}"
            )
        f = gradient_of(f, cotangents)


def gradient_of(f: Callable[..., Any], cotangents: Sequence[Any]) -> Callable[..., Any]:
    """x -> Jᵀ u, as a differentiable function. Where x asks for no gradient the rules are not replayed over tensors, so
    that a difference of this function knows nothing of the replay."""

    def gradient(*xs: Tensor) -> list[Tensor]:
        graph = any(x.requires_grad for x in xs)
        leaves = [x if x.requires_grad else x.requires_grad_() for x in xs]
        value = f(*leaves)
        outputs: list[Any] = [value] if isinstance(value, TensorBase) else list(value)
        pairs = [
            (y, Tensor(np.asarray(u, y.dtype)))
            for y, u in zip(outputs, cotangents, strict=True)
            if y.requires_grad
        ]
        found = grad(
            [y for y, _ in pairs],
            leaves,
            [u for _, u in pairs],
            create_graph=graph,
            allow_unused=True,
        )
        return [x * 0.0 if g is None else g for g, x in zip(found, leaves, strict=True)]

    return gradient
