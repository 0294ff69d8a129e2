"""Is this gradient right? Two references that know nothing of the rules: finite differences and the
complex step.

Along a random direction v, with a random cotangent u, the pullback must give <Jᵀu, v> = <u, J v>.
One random pair tests the whole Jacobian at the price of two evaluations. Never `.sum()`: the sum of
a softmax is 1 whatever its gradient, so a cotangent of ones would let a wrong rule pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from minigrad.array import to_numpy
from minigrad.backward import grad
from minigrad.errors import check_flag
from minigrad.graph import TensorBase
from minigrad.tensor import Tensor

Function = Callable[..., Any]  # of Tensors; it returns one Tensor or several
Arrays = Sequence[Any]

STEP = 6e-6  # about ∛eps of float64, where rounding and truncation are equally small
MOST = 10  # orders that are checked
IMAGINARY_STEP = 1e-30  # nothing is subtracted, so it can be tiny


def as_outputs(value: Any) -> list[Tensor]:
    """What a function returned, one Tensor or several, as a list.

    Raises TypeError if it returned anything else.
    """
    outputs = [value] if isinstance(value, Tensor) else value
    if isinstance(outputs, (list, tuple)) and all([isinstance(y, Tensor) for y in outputs]):
        return list(outputs)
    raise TypeError(
        "gradcheck: expected a function that returns a tensor, or several, "
        f"got a {type(value).__name__}"
    )


def evaluate(f: Function, arrays: Arrays) -> list[Tensor]:
    """f's results on fresh leaves."""
    leaves = [Tensor(np.asarray(a)) for a in arrays]  # NumPy makes numbers of 0-d arrays
    return as_outputs(f(*leaves))


def inner(us: Arrays, vs: Arrays) -> Any:
    """Σ <u, v>, on the host."""
    return sum([(u * v).sum() for u, v in zip(us, vs, strict=True)])


def vjp(f: Function, arrays: Arrays, cotangents: Arrays) -> list[Any]:
    """Jᵀu by the engine: an array for each input."""
    leaves = [Tensor(a).requires_grad_() for a in arrays]
    outputs = as_outputs(f(*leaves))
    weights = [y.beside(u) for y, u in zip(outputs, cotangents, strict=True)]
    gradients = grad(outputs, leaves, weights, materialize_grads=True)
    return [to_numpy(g.array) for g in gradients]


def finite_difference(f: Function, arrays: Arrays, directions: Arrays) -> list[Any]:
    """J v ≈ (f(x + hv) - f(x - hv)) / 2h; accurate to about 1e-9 in float64."""
    forward = evaluate(f, [a + STEP * v for a, v in zip(arrays, directions, strict=True)])
    back = evaluate(f, [a - STEP * v for a, v in zip(arrays, directions, strict=True)])
    differences = []
    for y, z in zip(forward, back, strict=True):
        differences.append((to_numpy(y.array) - to_numpy(z.array)) / (2 * STEP))
    return differences


def complex_step(f: Function, arrays: Arrays, directions: Arrays) -> list[Any]:
    """J v = Im f(x + ihv) / h: nothing is subtracted, so the result is exact to rounding.

    For analytic f only: no abs, max, comparison or conjugate. (Squire & Trapp 1998)
    """
    h = IMAGINARY_STEP
    shifted = [a + 1j * h * v for a, v in zip(arrays, directions, strict=True)]
    return [to_numpy(y.array).imag / h for y in evaluate(f, shifted)]


def gradcheck(
    f: Function,
    inputs: Arrays,
    order: int = 2,
    analytic: bool = False,
    rtol: float = 1e-6,
    seed: int = 0,
) -> None:
    """Hold f's gradient against a reference, and the gradient of that gradient, up to `order`.

    f: a function of Tensors that returns one or several. inputs: its arguments, float64 tensors or
    arrays, away from f's kinks; a tensor alone is the only argument. order: from 1 to 10. analytic:
    the reference of the first order is the complex step (relative error 1e-12) instead of the
    finite difference (rtol).

    Raises AssertionError that names the order, the shapes, both numbers and the seed; TypeError or
    ValueError if an argument is not of this kind.

    >>> import minigrad as mg
    >>> gradcheck(lambda x: mg.softmax(x, 0), [[0.1, 0.7, -0.3]], analytic=False)
    """
    check_settings(f, order, analytic, rtol, seed)
    rng = np.random.default_rng(seed)
    arrays = as_arrays(inputs)
    for k in range(1, order + 1):
        u = [rng.standard_normal(y.shape) for y in evaluate(f, arrays)]
        v = [rng.standard_normal(a.shape) for a in arrays]
        jvp, tolerance = finite_difference, rtol
        if analytic and k == 1:
            jvp, tolerance = complex_step, 1e-12
        got = float(inner(vjp(f, arrays, u), v))
        want = float(inner(u, jvp(f, arrays, v)))
        if not abs(got - want) <= tolerance * max(1.0, abs(want)):
            raise AssertionError(
                f"gradcheck: the derivative of order {k} is wrong along a random direction: "
                f"expected {want!r} by {jvp.__name__}, got {got!r} by the engine; "
                f"inputs of shapes {[a.shape for a in arrays]}, seed {seed}"
            )
        f = gradient_of(f, u)


def check_settings(f: Any, order: Any, analytic: Any, rtol: Any, seed: Any) -> None:
    """Raise TypeError or ValueError if an argument of gradcheck is not of its kind."""
    if not callable(f):
        raise TypeError(f"gradcheck: expected a function, got a {type(f).__name__}")
    for key, value, least, most in (("order", order, 1, MOST), ("seed", seed, 0, 2**64 - 1)):
        if not isinstance(value, Integral):
            raise TypeError(f"gradcheck: expected an integer as {key}, got {value!r:.60}")
        if not least <= int(value) <= most:
            raise ValueError(f"gradcheck: expected {key} from {least} to {most}, got {value}")
    if not isinstance(rtol, Real) or not 0 <= float(rtol) < np.inf:
        raise TypeError(f"gradcheck: expected a number of at least 0 as rtol, got {rtol!r:.60}")
    check_flag("gradcheck", "analytic", analytic)


def as_arrays(inputs: Any) -> list[np.ndarray[Any, Any]]:
    """The inputs of gradcheck in float64. Raises TypeError if they are not numbers."""
    if isinstance(inputs, TensorBase):
        inputs = [inputs]
    if not isinstance(inputs, (list, tuple)):
        raise TypeError(
            "gradcheck: expected inputs to be a list of arguments, got "
            f"a {type(inputs).__name__}; one alone is [x]"
        )
    arrays = []
    for i, x in enumerate(inputs):
        try:
            arrays.append(as_float64(x))
        except (TypeError, ValueError):
            got = type(x).__name__
            raise TypeError(
                f"gradcheck: expected input {i} to be a tensor or an array of real numbers, "
                f"got a {got}"
            ) from None
    return arrays


def as_float64(x: Any) -> np.ndarray[Any, Any]:
    """A copy of a tensor, an array or a nested list, in float64."""
    values = np.array(to_numpy(x.array) if isinstance(x, TensorBase) else x)
    if values.dtype.kind not in "fiub":
        raise TypeError("no real numbers")
    return values.astype(np.float64)


def gradient_of(f: Function, cotangents: Arrays) -> Function:
    """x -> Jᵀu, as a differentiable function.

    Where x requires no gradient, then create_graph=False: the finite difference of this function
    tests the replay over Tensors independently.
    """

    def gradient(*xs: Tensor) -> tuple[Any, ...]:
        create_graph = any([x.requires_grad for x in xs])
        leaves = [x if x.requires_grad else x.requires_grad_() for x in xs]
        outputs = as_outputs(f(*leaves))
        weights = []
        for y, u in zip(outputs, cotangents, strict=True):
            weights.append(y.beside(np.asarray(u, y.dtype)))
        return grad(outputs, leaves, weights, create_graph=create_graph, materialize_grads=True)

    return gradient
