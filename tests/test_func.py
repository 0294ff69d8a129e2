"""The functional transforms beside torch.func, and the laws that tie them to one another."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import func

# torch.func imports torch.jit.script, which warns of itself
pytestmark = pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning"
)

rng = np.random.default_rng(0)
X, W = rng.standard_normal(4), rng.standard_normal((3, 4))


def scalar(x: Any, w: Any) -> Any:
    return ((w @ x).tanh() * (x * x).sum()).sum()


def vector(x: Any, w: Any) -> Any:
    return (w @ x).sin() * x.sum()


def pair(x: Any, w: Any) -> Any:
    return (w @ x).tanh(), (w * w).sum()


def tensors() -> tuple[mg.Tensor, mg.Tensor]:
    return mg.tensor(X), mg.tensor(W)


def close(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, tuple | list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            close(a, b)
    else:
        np.testing.assert_allclose(
            ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize("argnums", [0, 1, (0, 1)])
def test_transforms_are_torchs(argnums: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    ours, theirs = tensors(), (torch.tensor(X), torch.tensor(W))
    close(func.grad(scalar, argnums)(*ours), torch.func.grad(scalar, argnums)(*theirs))
    value, slope = func.value_and_grad(scalar, argnums)(*ours)
    slope_, value_ = torch.func.grad_and_value(scalar, argnums)(*theirs)
    close((value, slope), (value_, slope_))
    if isinstance(argnums, int):
        close(func.jacobian(vector, argnums)(*ours), torch.func.jacrev(vector, argnums)(*theirs))
        close(func.hessian(scalar, argnums)(*ours), torch.func.hessian(scalar, argnums)(*theirs))


def test_products_are_torchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")
    ours, theirs = tensors(), (torch.tensor(X), torch.tensor(W))
    v = rng.standard_normal(X.shape), rng.standard_normal(W.shape)
    u = rng.standard_normal(3), rng.standard_normal(())
    close(
        func.jvp(pair, ours, tuple(map(mg.tensor, v))),
        torch.func.jvp(pair, theirs, tuple(map(torch.tensor, v))),
    )
    value, pull = func.vjp(pair, *ours)
    value_, pull_ = torch.func.vjp(pair, *theirs)
    close((value, pull(*map(mg.tensor, u))), (value_, pull_(tuple(map(torch.tensor, u)))))


@given(st.integers(0, 2**32 - 1))
def test_jvp_and_vjp_are_adjoint(seed: int) -> None:
    draw = np.random.default_rng(seed).standard_normal
    x, w, v, u = draw(4), draw((3, 4)), draw(4), draw(3)
    _, Jv = func.jvp(lambda x: vector(x, mg.tensor(w)), (mg.tensor(x),), (mg.tensor(v),))
    _, pull = func.vjp(lambda x: vector(x, mg.tensor(w)), mg.tensor(x))
    assert (Jv.detach().numpy() * u).sum() == pytest.approx(
        (pull(mg.tensor(u))[0].detach().numpy() * v).sum(), rel=1e-9
    )


def test_a_hessian_vector_product_is_the_hessian_times_the_vector() -> None:
    x, w = tensors()
    v = rng.standard_normal(4)
    value, (hv, _) = func.hvp(scalar, (x, w), (mg.tensor(v), mg.zeros_like(w)))
    assert value.item() == pytest.approx(scalar(x, w).item())
    np.testing.assert_allclose(hv.numpy(), func.hessian(scalar)(x, w).numpy() @ v, rtol=1e-9)


def test_inner_and_outer_variables_are_not_confused() -> None:
    """d/dx [x · d/dy (x + y)] = 1: the inner derivative must not see the outer variable."""
    inner = lambda x: x * func.grad(lambda y: x + y)(mg.tensor(2.0))
    assert func.grad(inner)(mg.tensor(3.0)).item() == 1.0


def test_transforms_nest_to_third_order() -> None:
    third = func.grad(func.grad(func.grad(lambda x: x**4)))
    assert third(mg.tensor(2.0)).item() == 48.0


def test_nothing_is_left_behind() -> None:
    x = mg.tensor(X, requires_grad=True)
    with mg.no_grad():
        assert func.grad(lambda x: (x**2).sum())(x).shape == x.shape
    assert x.grad is None
    assert not func.jacobian(lambda x: x * 2.0)(mg.tensor(X)).requires_grad


def test_an_argument_that_is_ignored_has_gradient_zero() -> None:
    x, w = tensors()
    assert not func.grad(lambda x, w: (x * x).sum(), 1)(x, w).numpy().any()
    assert not func.grad(lambda x: mg.tensor(1.0))(x).numpy().any()
    assert not func.hessian(lambda x: x.sum())(x).numpy().any()
    assert tuple(func.jacobian(lambda x: x[:0])(x).shape) == (0, 4)


def test_grad_refuses_what_is_no_scalar() -> None:
    with pytest.raises(
        ValueError, match="returns one scalar tensor, and shape .4,. came; use jacobian or vjp"
    ):
        func.grad(lambda x: x)(mg.tensor(X))
    with pytest.raises(ValueError, match="and float came"):
        func.grad(lambda x: 1.0)(mg.tensor(X))
