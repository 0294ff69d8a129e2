"""Every function at NaN, ±∞, ±0, the least and the largest floats: value and gradient as PyTorch's.

A line `call unless condition` leaves out the points at which PyTorch's own numbers are no measure;
the sentence above it says why. The sign of a zero is not compared.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn
import nn.functional as our_functional

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of NaN and ∞

OF_ONE = """
t.abs(x); t.sign(x); -x; t.exp(x); t.exp2(x); t.log(x); t.log2(x); t.log10(x); t.log1p(x)
t.sqrt(x); t.rsqrt(x); t.square(x); t.reciprocal(x); 1 / x; x / 2; x * 0; 1 - x; t.sin(x)
t.cos(x); t.tan(x); t.tanh(x); t.sigmoid(x); t.erf(x); t.relu(x)
x**2; x**3; x**4; x**0; x**1; x**-1; x**-2; x**1.5; x**5; x**2.5; x**math.inf; x**math.nan
2**x; 0**x; 1**x; 0.5**x; (-2.0)**x; math.inf**x
t.floor(x); t.ceil(x); t.round(x); t.trunc(x); t.frac(x); x % 2; x % -2; t.fmod(x, 2); x % 0.0
t.remainder(x, 1.5); x % math.inf; t.fmod(x, math.inf); t.fmod(x, 0.0)
t.clamp(x, -1, 1); t.clamp(x, min=0); x.clamp_min(1); x.clamp_max(1); t.clip(x, 2, 1)
t.isnan(x); t.isinf(x); t.isfinite(x); x.float(); x.double(); t.where(x > 0, x, -x)
t.where(x > 0, x, 0.0); x.masked_fill(x > 0, 0.0); t.logical_not(x); t.lerp(x, x * 2, 0.7)
t.addcmul(x, x, x)
F.relu(x); F.leaky_relu(x); F.leaky_relu(x, -0.5); F.leaky_relu(x, 0.0); F.prelu(x, quarter)
F.elu(x); F.elu(x, 0.5); F.elu(x, -0.5); F.elu(x, 0.0); F.selu(x); F.silu(x)
F.softplus(x); F.softplus(x, 2.0, 3.0); F.softplus(x, -1.0); F.softplus(x, 0.5, 100.0)
F.logsigmoid(x)
# the vectors of PyTorch give the gradient 0 at NaN, the rest of a row that of the output
F.relu6(x) unless x != x
F.hardtanh(x) unless x != x
F.hardtanh(x, -2, 0.5) unless x != x
# there PyTorch takes y + 1 for eˣ, which is 0 long before
t.expm1(x) unless x < -15
# PyTorch multiplies by the reciprocal, which is ∞
0 / x unless abs(x) < 1e-30
t.addcdiv(x, x, x) unless abs(x) < 1e-30
# PyTorch takes the square root, which is NaN of -∞
x**0.5 unless (x == -math.inf) | (x == 0)
x**-0.5 unless (x == -math.inf) | (x == 0)
# differences of rounding: float32 in PyTorch's vectors, and where 1 + |x| cancels
F.gelu(x) unless (abs(x) > 1e30) | (x < -2)
F.gelu(x, approximate="tanh") unless x < -2
t.sinh(x) unless abs(x) == 89
t.cosh(x) unless abs(x) == 89
F.softsign(x) unless abs(x) > 100
F.mish(x) unless x == -89
"""

OF_TWO = """
a + b; a - b; a * b; a / b; t.maximum(a, b); t.minimum(a, b); t.atan2(a, b)
t.clamp(a, min=b); t.clamp(a, max=b); t.where(a > b, a, b); t.addcmul(a, a, b)
t.lerp(a, b, 0.3); t.lerp(a, b, 0.7); t.lerp(a, a, b); a == b; a < b; a >= b; a != b
t.isclose(a, b); t.isclose(a, b, equal_nan=True); t.logical_and(a, b); t.logical_xor(a, b)
F.mse_loss(a, b, reduction="none"); F.l1_loss(a, b, reduction="none")
F.smooth_l1_loss(a, b, reduction="none"); F.smooth_l1_loss(a, b, reduction="none", beta=0.0)
F.huber_loss(a, b, reduction="none"); F.huber_loss(a, b, reduction="none", delta=2.0)
F.kl_div(a, b, reduction="none", log_target=True)
F.margin_ranking_loss(a, b, b.sign(), reduction="none")
# of b = 0 the slope by a is that of b aᵇ⁻¹, which is NaN at NaN
a**b unless (a != a) & (b == 0)
# fmod is exact; PyTorch rounds a quotient that overflows
a % b unless abs(a) > 1e30
t.fmod(a, b) unless abs(a) > 1e30
t.remainder(a, b) unless abs(a) > 1e30
# where min is max, PyTorch's gradient goes to neither
t.clamp(a, b, b + 1) unless abs(b) > 1e15
# PyTorch squares the divisor, which is then 0 or ∞
t.addcdiv(a, a, b) unless (abs(b) > 1e30) | (abs(b) < 1e-30)
# y log y has no slope at 0, where PyTorch's is NaN and ours 0
F.kl_div(a, b, reduction="none") unless b == 0
# targets outside [0, 1] mean nothing, and PyTorch has no value where 0 is the probability
bce(a, b, reduction="none") unless ~(abs(b - 0.5) <= 0.5) | (a < -1e30)
"""

OF_ROWS = """
x.sum(1); x.sum(0); x.sum(); x.mean(1); x.mean(0); x.prod(1); x.prod(0); x.max(1)[0]
x.max(1)[1]; x.min(1)[0]; x.min(1)[1]; x.amax(1); x.amin(1); x.max(); x.min(); x.argmax(1)
x.argmin(1); x.all(1); x.any(1); x.nonzero(); x.norm(dim=1); x.norm(1, dim=1)
x.norm(3, dim=1); x.norm(2.5, dim=1); x.norm(); x.softmax(1); x.log_softmax(1); x.softmax(0)
F.normalize(x, dim=1); F.normalize(x, p=1.0, dim=1); x.cumsum(1); x.cumsum(0)
x.cummax(1)[0]; x.cummax(1)[1]; x.cummin(1)[0]; x.cummin(1)[1]; x.sort(1)[0]; x.sort(1)[1]
x.sort(1, descending=True)[0]; x.sort(1, descending=True)[1]; x.median(1)[0]; x.median()
F.avg_pool1d(x[:, None], 2); F.cosine_similarity(x, x.flip(1), 1)
F.pairwise_distance(x, x.flip(1)); F.pairwise_distance(x, x); F.pad(x, (1, 1))
F.cross_entropy(x, y, reduction="none"); F.nll_loss(x, y, reduction="none")
F.cross_entropy(x, y, reduction="none", label_smoothing=0.1)
F.cross_entropy(x, y, weight, reduction="none"); F.cross_entropy(x, some, reduction="none")
F.cross_entropy(x, some, reduction="none", label_smoothing=0.1)
F.nll_loss(x, some, reduction="none"); F.cross_entropy(x, q, reduction="none")
F.cross_entropy(x, q, reduction="none", label_smoothing=0.2)
x @ weight; x @ x.T; x.T @ x; t.outer(x[5], x[6]); t.dot(x[1], x[5]); F.linear(x, weight[None])
x.diagonal(); x.gather(1, y[:, None]); x.take_along_dim(y[:, None], 1); x.roll(1, 1)
nn.BatchNorm1d(4).to(x.dtype).eval()(x)
# PyTorch's mean of these is Welford's, in which ∞ - ∞ is NaN
t.std_mean(x, 1)[1] unless abs(x) > 1e30
# of variances beyond the range our value and gradient are ∞ or NaN; PyTorch adds up in float64
x.var(1) unless ~(abs(x) < 1e15)
x.std(1) unless ~(abs(x) < 1e15)
x.var(1, correction=0) unless ~(abs(x) < 1e15)
x.std(1, correction=0) unless ~(abs(x) < 1e15)
# a NaN in the extreme makes all of our gradient NaN, none of PyTorch's
x.norm(math.inf, dim=1) unless x != x
x.norm(-math.inf, dim=1) unless x != x
# the gradient of a norm at 0 is 0, as PyTorch has it for p = 2; below 0 the norm has none
x.norm(-1, dim=1) unless x == 0
x.norm(-2, dim=1) unless x == 0
x.norm(0.5, dim=1) unless (abs(x) > 1e30) | (x == 0)
# x - y, of which PyTorch takes the exponential, is 0 for both of two large numbers
x.logsumexp(1) unless abs(x) > 1e15
# the norm is ∞, of which PyTorch makes 0 · ∞
F.normalize(x, p=math.inf, dim=1) unless ~(abs(x) < 1e30)
# PyTorch divides by x, we never do
x.cumprod(1) unless ~(abs(x) < 1e15) | (x != 0) & (abs(x) < 1e-30)
# of equal ones PyTorch takes the last or any, so the values alone are compared
x.detach().topk(2, 1)[0]; x.detach().topk(2, 1, largest=False)[0]
F.max_pool1d(x.detach()[:, None], 2)
# squares beyond the range: 0 or NaN, in PyTorch according to the length of a row
F.layer_norm(x, (4,)) unless abs(x) > 1e15
F.glu(x, 1) unless abs(x) > 1e30
"""


def edges(dtype: Any) -> dict[str, Any]:
    """x, a vector of what floats can be; a and b, all pairs of some of them."""
    info = np.finfo(dtype)
    special = [0.0, math.inf, info.tiny, info.smallest_subnormal, info.max, info.max / 4]
    ordinary = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 6.0, 20.0, 20.5, 60.0, 89.0, 104.0, 200.0, 800.0]
    magnitudes = np.array([*special, *ordinary, 1e-10, 1e-5, 1e5, 1e20, math.pi], dtype)
    few = np.array(
        [math.nan, math.inf, -math.inf, 0.0, -0.0, info.tiny, info.max, -info.max], dtype
    )
    some = np.concatenate([few, np.array([1.0, -1.0, 2.0, 0.5, -3.0], dtype)])
    a, b = np.meshgrid(some, some, indexing="ij")
    x = np.concatenate([[math.nan], magnitudes, -magnitudes]).astype(dtype)
    return {"x": x, "a": a.ravel(), "b": b.ravel(), "quarter": np.array([0.25], dtype)}


def rows(dtype: Any) -> dict[str, Any]:
    """Rows x of four numbers, some of them special, with classes y and probabilities q."""
    info = np.finfo(dtype)
    n, i, m = math.nan, math.inf, info.max
    ordinary = [[1, 2, 0.5, 3], [0, 1, 2, 3], [-3, -3, -3, 2], [5] * 4, [200, -200, 800, -800]]
    zeros = [[0] * 4, [-0.0] * 4, [0, -0.0, 0, -0.0], [-0.0, 0, 1, 1], [0, 0, 2, 3]]
    with_nan = [[n, 1, 2, 3], [1, 2, n, 3], [n] * 4, [n, i, 1, 2], [n, 0, 0, 1], [-i, n, i, 0]]
    infinite = [[i, 1, 2, 3], [-i, 1, 2, 3], [i, -i, 1, 2], [i, i, 1, 2], [-i, -i, 1, 2], [i] * 4]
    large = [[-i] * 4, [i, 0, 1, 2], [m, m, 1, 2], [m, -m, 1, 1], [-m] * 4, [1e20, 1e20, 1, 1]]
    small = [[info.tiny] * 4, [info.tiny, 0, -info.tiny, 1], [info.smallest_subnormal] * 4]
    x = np.array([*ordinary, *with_nan, *zeros, *infinite, *large, *small, [1e-20] * 4], dtype)
    q = np.random.default_rng(0).dirichlet([1, 1, 1, 1], len(x)).astype(dtype)
    y = np.arange(len(x)) % 4
    some = np.where(np.arange(len(x)) % 3, y, -100)
    weight = np.array([0.5, 2.0, 1.5, 3.0], dtype)
    return {"x": x, "y": y, "some": some, "q": q, "weight": weight}


def calls(table: str) -> list[tuple[str, str]]:
    """Each call of a table, and the condition of the points that are left out."""
    found = []
    for line in table.strip().splitlines():
        if line.startswith("#"):
            continue
        for each in line.split(";"):
            call, _, condition = each.strip().partition(" unless ")
            found.append((call, condition))
    return found


def outcome(library: Any, call: str, given: dict[str, Any]) -> list[Any]:
    """The value, and the gradients by x, a and b at one random cotangent."""
    functional = our_functional if library is mg else torch.nn.functional
    names = {"t": library, "F": functional, "nn": nn if library is mg else torch.nn, "math": math}
    names["bce"] = functional.binary_cross_entropy_with_logits
    tensors = {name: library.tensor(array) for name, array in given.items()}
    leaves = [tensors[name].requires_grad_() for name in "xab" if name in given]
    y = eval(call, {**names, **tensors})
    found = [y.detach().numpy()]
    if y.requires_grad:
        cotangent = np.random.default_rng(3).uniform(0.5, 1.5, tuple(y.shape))
        y.backward(library.tensor(cotangent).to(y.dtype))
        found += [None if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]
    return found


def left_out(condition: str, given: dict[str, Any]) -> Any:
    """The points, or whole rows, at which the condition holds."""
    if not condition:
        return np.array(False)
    points = eval(condition, {"math": math, **given})
    return points.any(1, keepdims=True) if points.ndim == 2 else points


def check(call: str, condition: str, given: dict[str, Any], atol: float) -> None:
    out = left_out(condition, given)
    rtol = 1e-10 if given["x"].dtype == np.float64 else 2e-5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = outcome(mg, call, given), outcome(torch, call, given)
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        assert (our is None) == (their is None)
        if their is None:
            continue
        assert our.shape == their.shape and our.dtype == their.dtype
        points = out if out.ndim == 0 or out.ndim == their.ndim else out.reshape(len(out))
        a, b = np.where(points, 0, our), np.where(points, 0, their)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


@pytest.mark.parametrize("call, condition", calls(OF_ONE) + calls(OF_TWO))
def test_element_by_element(call: str, condition: str) -> None:
    for dtype in [np.float32, np.float64]:
        check(call, condition, edges(dtype), atol=2 * np.finfo(dtype).tiny)


@pytest.mark.parametrize("call, condition", calls(OF_ROWS))
def test_rows(call: str, condition: str) -> None:
    for dtype in [np.float32, np.float64]:
        check(call, condition, rows(dtype), atol=4 * np.finfo(dtype).eps)
