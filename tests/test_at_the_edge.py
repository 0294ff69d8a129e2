"""Numbers at the edge, where PyTorch has a convention: NaN and infinities, values and gradients, no
degrees of freedom, and what a dtype cannot hold."""

import warnings
from typing import Any

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")

EDGE = "t.tensor([nan, 1.0, -2.0, 0.0, inf, -inf, 0.5], dtype=t.float64, requires_grad=True)"


def names(library: Any) -> dict[str, Any]:
    given = {"t": library, "np": np, "nan": float("nan"), "inf": float("inf")}
    given["x"] = eval(EDGE, given)
    given["z"] = library.zeros(7, dtype=library.float64, requires_grad=True)
    return given


def outcome(library: Any, expression: str) -> list[Any]:
    """The value and the gradients of x and z."""
    given = names(library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = eval(expression, given)
        weights = np.random.default_rng(2).uniform(1, 2, tuple(y.shape))
        (y * library.tensor(weights)).sum().backward()
    gradients = [given[leaf].grad for leaf in "xz"]
    return [y.detach().numpy(), *[g if g is None else g.numpy() for g in gradients]]


NAN = """
t.sign(x) ; t.abs(x) ; t.relu(x) ; x.clamp(-1, 1) ; x.clamp(min=0) ; x.clamp(max=0.5) ;
x.clamp(2, 1) ; x.clamp(min=nan) ; x.clamp(-1, nan) ; x.clamp(z) ; x.clamp(max=z) ;
x.clamp(z, z + nan) ; z.clamp(x) ; t.maximum(x, z) ; t.minimum(x, z) ; t.maximum(x, x) ;
t.minimum(z + nan, x) ; t.maximum(x, z + nan) ; x.max() ; x.min() ; x.amax() ; x.amin() ;
x.max(0)[0] ; x.min(0)[0] ; x.floor() ; x.round() ; x ** 3 ; x ** 4.0 ; x[1:].abs().sqrt() ;
t.sigmoid(x) ; t.tanh(x) ; x.sort()[0] ; x.topk(3)[0] ; x.median()
"""


@pytest.mark.parametrize("expression", [line.strip() for line in NAN.split(";")])
def test_nan_and_infinities(expression: str) -> None:
    for our, their in zip(outcome(mg, expression), outcome(torch, expression), strict=True):
        assert (our is None) == (their is None)
        if their is not None:
            np.testing.assert_allclose(our, their, rtol=1e-9, strict=True)


MOMENTS = """
x[1:3].var(correction=3) ; x[1:3].std(correction=2) ; x[1:3].std(correction=3) ; x[1:2].var() ;
x[1:2].std() ; z.var(correction=7) ; x[:0].var() ; z.reshape(7, 1).std(1) ;
x[1:3].var(0, correction=2) ; x[1:4].reshape(3, 1).var(0, correction=4, keepdim=True) ;
t.var_mean(x[1:2])[0]
"""


@pytest.mark.filterwarnings("ignore:divide by zero|invalid value:RuntimeWarning")
@pytest.mark.parametrize("expression", [line.strip() for line in MOMENTS.split(";")])
def test_without_degrees_of_freedom(expression: str) -> None:
    test_nan_and_infinities(expression)
    with pytest.warns(UserWarning, match="expected more than 0 degrees of freedom"):
        eval(expression, names(mg))


INDICES = """
t.ones(3, 4)[[[]]] ; t.ones(3, 4)[[]] ; t.eye(3)[[[0, 1]]] ; t.eye(3)[[[0, 1], [1, 0]]] ;
t.eye(3)[[0, slice(1, 2)]] ; t.eye(3)[[None, 0]] ; t.eye(3)[[0, 1], [1, 0]] ;
t.eye(3)[t.tensor([1, 0, 1], dtype=t.uint8)] ; t.eye(3).take_along_dim(t.tensor([[-1, 0]]), 1) ;
t.take_along_dim(t.eye(3)[0], t.tensor([1, 2])) ; t.zeros_like(input=t.ones(2)) ;
t.full_like(input=t.ones(2), fill_value=2) ; t.ones_like(input=t.eye(2)) ;
t.full((2,), 1.9, dtype=t.int64)
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", [line.strip() for line in INDICES.split(";")])
def test_indices_and_keywords(expression: str) -> None:
    ours, theirs = eval(expression, names(mg)), eval(expression, names(torch))
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), strict=True)


def test_what_pytorch_deprecates_is_said() -> None:
    with pytest.warns(UserWarning, match="getitem: a list of lists is taken as a tuple"):
        mg.eye(3)[[[0, 1]]]
    with pytest.warns(UserWarning, match="getitem: an index of uint8 is taken as a mask"):
        mg.eye(3)[mg.tensor([1, 0, 1], dtype=mg.uint8)]


@pytest.mark.parametrize(
    "call, kind, words",
    [
        (lambda: mg.tensor(1.0).size(0), IndexError, "size: expected a tensor with dimensions"),
        (
            lambda: mg.full((2,), 1e400, dtype=mg.int64),
            ValueError,
            "full: expected values that int",
        ),
        (
            lambda: mg.full((2,), np.nan, dtype=mg.int32),
            ValueError,
            "full: expected values that in",
        ),
        (
            lambda: mg.full((2,), 3e9, dtype=mg.int32),
            ValueError,
            "full: .* int32 can hold, got 3000",
        ),
        (
            lambda: mg.full((2,), 1j, dtype=mg.float32),
            TypeError,
            "full: expected fill_value to be a real number",
        ),
        (
            lambda: mg.tensor([1j], dtype=mg.float32),
            TypeError,
            "tensor: expected real numbers for ",
        ),
        (
            lambda: mg.tensor([1.0, np.inf], dtype=mg.int64),
            ValueError,
            "tensor: expected values th",
        ),
        (
            lambda: np.exp(mg.ones(2, requires_grad=True)),
            RuntimeError,
            "numpy: this tensor requires",
        ),
        (
            lambda: np.add(np.ones(2), mg.ones(2), out=np.ones(2)),
            TypeError,
            "add: expected no tens",
        ),
        (
            lambda: mg.eye(3).take_along_dim(mg.tensor([[-4]]), 1),
            IndexError,
            "take_along_dim: expe",
        ),
    ],
)
def test_what_is_refused(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_numpys_functions_give_tensors() -> None:
    x = mg.tensor([[1.0, 4.0], [9.0, 16.0]])
    assert isinstance(np.sqrt(x), mg.Tensor) and np.sqrt(x).tolist() == [[1, 2], [3, 4]]
    assert np.maximum.reduce(x).tolist() == [9, 16] and np.isnan(x).dtype == mg.bool
    whole, rest = np.divmod(x, 3.0)
    assert whole.tolist() == [[0, 1], [3, 5]] and rest.tolist() == [[1, 1], [0, 1]]
    w = mg.ones(2, requires_grad=True, dtype=mg.float64)
    (np.array([2.0, 3.0]) * w - np.add(1.0, w) + np.eye(2) @ w).sum().backward()
    assert w.grad.tolist() == [2, 3]


@pytest.mark.parametrize("exponent", [2, 3, 4, 3.0, 4.0, -1, -2, 5, 0.5])
def test_a_whole_power_is_pytorchs(exponent: float) -> None:
    rng = np.random.default_rng(3)
    values, weights = rng.uniform(0.2, 2, (2, 5)), rng.standard_normal((2, 5))
    ours = mg.tensor(values, requires_grad=True)
    theirs = torch.tensor(values, requires_grad=True)
    y, z = ours**exponent, theirs**exponent
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-14)
    (g,) = mg.grad(y, ours, mg.tensor(weights), create_graph=True)
    (h,) = torch.autograd.grad(z, theirs, torch.tensor(weights), create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), h.detach().numpy(), rtol=1e-12)
    (g,) = mg.grad(g.sum(), ours)
    (h,) = torch.autograd.grad(h.sum(), theirs)
    np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-12)
