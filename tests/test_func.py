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
    close(func.jacobian(vector, argnums)(*ours), torch.func.jacrev(vector, argnums)(*theirs))
    if isinstance(argnums, int):
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


def test_what_a_function_captured_is_differentiated() -> None:
    """The inner derivative keeps its dependence on the outer variable, which it captured."""
    inner = lambda x: func.grad(lambda y: x * y)(mg.tensor(2.0))
    assert func.grad(lambda x: x * inner(x))(mg.tensor(1.0)).item() == 2.0
    square = lambda x: func.grad(lambda y: x * x * y)(mg.tensor(2.0))
    assert func.grad(square)(mg.tensor(3.0)).item() == 6.0


X_, V_, U_ = (np.random.default_rng(1).standard_normal(n) for n in (4, 4, 3))
CAPTURING: dict[
    str, Any
] = {  # each a function of w alone, which the differentiated function captures
    "grad": lambda w: func.grad(lambda x: scalar(x, w))(mg.tensor(X_)),
    "value_and_grad": lambda w: func.value_and_grad(lambda x: scalar(x, w))(mg.tensor(X_)),
    "jacobian": lambda w: func.jacobian(lambda x: vector(x, w))(mg.tensor(X_)),
    "hessian": lambda w: func.hessian(lambda x: scalar(x, w))(mg.tensor(X_)),
    "vjp": lambda w: func.vjp(lambda x: vector(x, w), mg.tensor(X_))[1](mg.tensor(U_)),
    "vjp, its value": lambda w: func.vjp(lambda x: vector(x, w), mg.tensor(X_))[0],
    "jvp": lambda w: func.jvp(lambda x: vector(x, w), [mg.tensor(X_)], [mg.tensor(V_)]),
    "hvp": lambda w: func.hvp(lambda x: scalar(x, w), [mg.tensor(X_)], [mg.tensor(V_)])[1],
    "hvp, its value": lambda w: func.hvp(lambda x: scalar(x, w), [mg.tensor(X_)], [mg.tensor(V_)])[
        0
    ],
    "grad of grad": lambda w: func.grad(lambda x: func.grad(lambda y: scalar(x * y, w))(x).sum())(
        mg.tensor(X_)
    ),
    "grad of jacobian": lambda w: func.grad(
        lambda x: (func.jacobian(lambda y: vector(x * y, w))(x) ** 2).sum()
    )(mg.tensor(X_)),
    "jacobian of vjp": lambda w: func.jacobian(
        lambda u: func.vjp(lambda x: vector(x, w), mg.tensor(X_))[1](u)[0]
    )(mg.tensor(U_)),
}


@pytest.mark.parametrize("transformed", CAPTURING.values(), ids=CAPTURING)
def test_every_transform_is_differentiable_by_what_was_captured(transformed: Any) -> None:
    mg.gradcheck(transformed, [W])


@pytest.mark.parametrize("transformed", CAPTURING.values(), ids=CAPTURING)
def test_a_transform_keeps_a_graph_only_where_somebody_can_use_it(transformed: Any) -> None:
    def flat(value: Any) -> list[mg.Tensor]:
        return [t for v in value for t in flat(v)] if isinstance(value, tuple) else [value]

    plain, captured = mg.tensor(W), mg.tensor(W, requires_grad=True)
    assert not any(t.requires_grad for t in flat(transformed(plain)))
    assert all(t.requires_grad for t in flat(transformed(captured)))
    with mg.no_grad():
        assert not any(t.requires_grad for t in flat(transformed(captured)))
    assert captured.grad is None


@given(st.lists(st.tuples(st.integers(1, 3), st.floats(0.5, 2.0)), min_size=1, max_size=4))
def test_nested_grads_through_closures_are_the_mixed_derivative(powers: Any) -> None:
    """d/dx1 .. d/dxn of Π xiᵃⁱ, each variable captured by those inside, is Π aᵢ xiᵃⁱ⁻¹."""

    def nested(product: Any, rest: Any) -> Any:
        if not rest:
            return product
        (a, x), *inner = rest
        return func.grad(lambda v: nested(product * v**a, inner))(mg.tensor(np.float64(x)))

    want = np.prod([a * x ** (a - 1) for a, x in powers])
    assert nested(1.0, powers).item() == pytest.approx(want, rel=1e-9)


def test_a_gradient_penalty_reaches_the_weights() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle")

    def penalty(f: Any, x: Any, w: Any) -> Any:
        slope = f.grad(lambda x: (w @ x).tanh().sum())(x)
        return ((slope * slope).sum() - 1.0) ** 2

    w, w_ = mg.tensor(W, requires_grad=True), torch.tensor(W, requires_grad=True)
    penalty(func, mg.tensor(X), w).backward()
    penalty(torch.func, torch.tensor(X), w_).backward()
    close(w.grad, w_.grad)


def test_a_graph_that_was_freed_before_can_be_captured() -> None:
    w = mg.tensor(W, requires_grad=True)
    h = w * 2.0
    h.sum().backward()
    slope = func.grad(lambda x: (h @ x).sum())(mg.tensor(X))
    np.testing.assert_allclose(slope.detach().numpy(), 2 * W.sum(0))


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


def test_keywords_are_handed_on() -> None:
    def f(x: mg.Tensor, *, power: int = 1) -> mg.Tensor:
        return (x**power).sum()

    x = mg.tensor([1.0, 2.0])
    assert mg.func.grad(f)(x, power=3).tolist() == [3, 12]
    value, slope = mg.func.value_and_grad(f)(x, power=2)
    assert (value.item(), slope.tolist()) == (5, [2, 4])
    assert mg.func.jacobian(f)(x, power=2).tolist() == [2, 4]
    assert mg.func.hessian(f)(x, power=3).tolist() == [[6, 0], [0, 12]]
    with pytest.raises(TypeError, match="grad: expected a function, got a int"):
        mg.func.grad(3)(x, power=2)  # type: ignore[arg-type]


def test_grad_refuses_what_is_no_scalar() -> None:
    with pytest.raises(
        ValueError,
        match="grad: expected .* returns one scalar tensor, got shape .4,.; use jacobian or vjp",
    ):
        func.grad(lambda x: x)(mg.tensor(X))
    with pytest.raises(ValueError, match="one scalar tensor, got a float"):
        func.grad(lambda x: 1.0)(mg.tensor(X))


def test_a_wrong_argument_is_refused_by_name() -> None:
    x, w = tensors()
    for call, kind, words in (
        (lambda: func.grad(1.0)(x), TypeError, "grad: expected a function, got a float"),
        (lambda: func.grad(scalar, 2)(x, w), IndexError, "grad: expected argnums among the 2"),
        (lambda: func.grad(scalar, "x")(x, w), TypeError, "grad: expected argnums to be an int"),
        (lambda: func.grad(lambda i: i.sum())(mg.arange(3)), TypeError, "floats in argument 0"),
        (lambda: func.vjp(lambda x: "y", x), ValueError, "vjp: expected a function that returns a"),
        (lambda: func.vjp(pair, x, w)[1](x), ValueError, "vjp: expected one cotangent for each"),
        (lambda: func.jvp(pair, (x, w), (x,)), ValueError, "jvp: expected one tangent for each"),
        (lambda: func.hvp(scalar, (x, w), (x,)), ValueError, "hvp: expected one tangent for each"),
    ):
        with pytest.raises(kind, match=words):
            call()
