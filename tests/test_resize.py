"""interpolate and Upsample beside PyTorch's: values, gradients, and what both refuse."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_twin import draw, torch

import minigrad as mg
import nn
from nn import functional as F

MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}
sizes = st.integers(1, 7)
factors = st.sampled_from([0.4, 0.5, 1.0, 1.3, 1.5, 1.7, 2.0, 2.5, 3.0, 1 / 3])


def compared(x: np.ndarray, rtol: float, **settings: Any) -> None:
    """Values and gradients of interpolate are PyTorch's."""
    ours, theirs = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    try:
        y = torch.nn.functional.interpolate(theirs, **settings)
    except (RuntimeError, ValueError):
        with pytest.raises(ValueError, match="^interpolate: expected"):
            F.interpolate(ours, **settings)
        return
    mine = F.interpolate(ours, **settings)
    np.testing.assert_allclose(mine.detach().numpy(), y.detach().numpy(), rtol=rtol, atol=rtol)
    assert mine.shape == tuple(y.shape) and str(mine.dtype) == str(x.dtype)
    g = draw(*y.shape, seed=5).astype(x.dtype)
    mine.backward(mg.tensor(g))
    y.backward(torch.tensor(g))
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=rtol, atol=10 * rtol)


@given(data=st.data(), count=st.sampled_from([1, 2, 3]), is_linear=st.booleans())
def test_sizes_and_factors(data: Any, count: int, is_linear: bool) -> None:
    dtype, rtol = data.draw(st.sampled_from([(np.float32, 1e-5), (np.float64, 1e-12)]))
    x = draw(2, 2, *[data.draw(sizes) for _ in range(count)]).astype(dtype)
    settings: dict[str, Any] = {"mode": MODES[count]}
    if is_linear:
        settings["align_corners"] = data.draw(st.sampled_from([None, False, True]))
    else:
        settings["mode"] = data.draw(st.sampled_from(["nearest", "nearest-exact"]))
    if data.draw(st.booleans()):
        settings["size"] = tuple([data.draw(sizes) for _ in range(count)])
    else:
        settings["scale_factor"] = tuple([data.draw(factors) for _ in range(count)])
        settings["recompute_scale_factor"] = data.draw(st.sampled_from([None, False, True]))
    compared(x, rtol, **settings)


@pytest.mark.parametrize("n", [5, 7, 48, 49])
def test_rounding_at_the_edge_of_an_element(n: int) -> None:
    """Places such as 3 · (1 / 3) decide in float32 which element is taken."""
    x = np.arange(float(n), dtype=np.float32).reshape(1, 1, n)
    for m in range(1, 150):
        compared(x, 0.0, size=m)
        compared(x, 0.0, size=m, mode="nearest-exact")
        if int(n * (m / n)) == m:  # else PyTorch's gradient may be that of factor 2
            compared(x, 0.0, scale_factor=m / n)
    compared(x, 0.0, scale_factor=3)


def test_one_number_stands_for_all_dimensions() -> None:
    x = draw(1, 2, 3, 4)
    compared(x, 1e-12, size=5)
    compared(x, 1e-12, scale_factor=2, mode="bilinear", align_corners=True)
    compared(draw(0, 2, 3, 4), 1e-12, size=5)


LAYERS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"scale_factor": 2}, (1, 2, 3, 4)),
    ({"scale_factor": (2, 1.5), "mode": "bilinear"}, (1, 2, 3, 4)),
    ({"size": 5}, (1, 2, 3)),
    ({"size": (5, 2), "mode": "bilinear", "align_corners": True}, (1, 2, 3, 4)),
    ({"scale_factor": 1.5, "recompute_scale_factor": True, "mode": "linear"}, (2, 1, 5)),
]


@pytest.mark.parametrize(("settings", "shape"), LAYERS, ids=str)
def test_the_layer(settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    x = draw(*shape)
    mine, its = nn.Upsample(**settings), torch.nn.Upsample(**settings)
    assert repr(mine) == repr(its)
    expected = its(torch.tensor(x)).numpy()
    np.testing.assert_allclose(mine(mg.tensor(x)).numpy(), expected, rtol=1e-12)


X = draw(1, 1, 3, 4)
REFUSED: dict[str, tuple[Callable[..., Any], type[Exception], str]] = {
    "both": (lambda f, x: f(x, 5, 2), ValueError, "either size or scale_factor, got both"),
    "neither": (lambda f, x: f(x), ValueError, "either size or scale_factor, got none"),
    "three sizes": (lambda f, x: f(x, (5, 5, 5)), Exception, "size to be an integer or 2 of them"),
    "one factor": (lambda f, x: f(x, None, (2.0,)), ValueError, "scale_factor to be a number or 2"),
    "no size": (lambda f, x: f(x, 0), Exception, r"size\[0\] of at least 1, got 0"),
    "half a size": (lambda f, x: f(x, 2.5), TypeError, "size to be an integer or 2"),
    "too small a factor": (lambda f, x: f(x, None, 0.1), Exception, r"of at least 1, got 0"),
    "a negative factor": (lambda f, x: f(x, None, -1.0), Exception, "scale_factor above 0"),
    "no batch": (lambda f, x: f(x[0, 0], 5), Exception, r"expected x \(B,C,L\), .* got \(3, 4\)"),
    "another dimension": (lambda f, x: f(x, 5, mode="linear"), Exception, "mode 'bilinear' for"),
    "align_corners": (lambda f, x: f(x, 5, align_corners=True), ValueError, "no align_corners"),
    "a size again": (
        lambda f, x: f(x, 5, recompute_scale_factor=True),
        ValueError,
        "no recompute_scale_factor with a size",
    ),
    "no elements": (lambda f, x: f(x[:, :, :0], 5), Exception, r"got shape \(1, 1, 0, 4\)"),
    "integers": (lambda f, x: f(x.long(), 5), Exception, "expected floats, got int64"),
    "a word": (lambda f, x: f(x, 5, mode="cubic"), Exception, "expected mode among 'nearest', "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses(name: str) -> None:
    call, kind, sentence = REFUSED[name]
    with pytest.raises(kind, match=f"^interpolate: .*{sentence}"):
        call(F.interpolate, mg.tensor(X))
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        call(torch.nn.functional.interpolate, torch.tensor(X))


def test_what_only_pytorch_has() -> None:
    for mode in ("bicubic", "area", "lanczos"):
        with pytest.raises(NotImplementedError, match=f"^interpolate: mode='{mode}' is not supp"):
            F.interpolate(mg.tensor(X), 5, mode=mode)
    with pytest.raises(NotImplementedError, match="^interpolate: antialias=True is not supported"):
        F.interpolate(mg.tensor(X), 5, mode="bilinear", antialias=True)
    with pytest.raises(ValueError, match="^Upsample: expected a number or several as scale_factor"):
        nn.Upsample(scale_factor="twice")


def test_second_derivatives() -> None:
    mg.gradcheck(lambda x: F.interpolate(x**3, 5, mode="bilinear"), [X])
    mg.gradcheck(lambda x: F.interpolate(x**3, scale_factor=1.5), [X])
