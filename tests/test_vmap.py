"""vmap beside PyTorch's: the same values, gradients and refusals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch_twin import draw, torch

import minigrad as mg
from minigrad.func import grad, hessian, jacobian, jvp, vjp, vmap

X, Y, W = draw(2, 3), draw(3, 2, seed=1), draw(3, 4, seed=2)

# a call with vmap, and the arrays that it takes
CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "a product": (lambda t, v: v(lambda x: x @ t.tensor(W)), (X,)),
    "two arguments": (lambda t, v: v(lambda x, y: x * y), (X, X)),
    "another dimension": (lambda t, v: v(lambda x, y: x * y, in_dims=(0, 1)), (X, Y)),
    "from the end": (lambda t, v: v(lambda x: x.cumsum(0), in_dims=-1, out_dims=-1), (X,)),
    "a shared one": (lambda t, v: v(lambda x, w: (x @ w).tanh(), (0, None)), (X, W)),
    "a shared number": (lambda t, v: v(lambda x, n: x * n, (0, None)), (X, 2.5)),
    "the result elsewhere": (lambda t, v: v(lambda x: (x, x * x), out_dims=(1, 0)), (X,)),
    "one dimension in a tuple": (lambda t, v: v(lambda x: x, out_dims=(1,)), (X,)),
    "scalars": (lambda t, v: v(lambda x: x.sum()), (X,)),
    "a list": (lambda t, v: v(lambda x: [x, {"sum": x.sum()}]), (X,)),
    "a dict": (lambda t, v: v(lambda x, d: d["a"] * x, (0, {"a": 1, "b": None})), (X, {"a": Y})),
    "a pair": (lambda t, v: v(lambda p: p[0] * p[1], ((0, None),)), ((X, X[0]),)),
    "twice": (lambda t, v: v(v(lambda x, y: x * y, (None, 0)), (0, None)), (X, W.T)),
    "in parts": (lambda t, v: v(lambda x: x.exp(), chunk_size=1), (X,)),
    "a constant": (lambda t, v: v(lambda x: t.ones(2)), (X,)),
}


def calls(library: Any, transform: Any, name: str) -> Any:
    make, arguments = CALLS[name]
    if name == "a dict":
        arguments = (X, {"a": Y, "b": X})
    return make(library, transform)(*tensors(library, arguments))


def tensors(library: Any, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return library.tensor(value, dtype=library.float64)
    if isinstance(value, tuple):
        return tuple([tensors(library, part) for part in value])
    if isinstance(value, dict):
        return {key: tensors(library, part) for key, part in value.items()}
    return value


def plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return pytest.approx(np.asarray(value.detach().tolist()), rel=1e-12)


@pytest.mark.parametrize("name", CALLS)
def test_values(name: str) -> None:
    torch.set_default_dtype(torch.float64)
    mg.set_default_dtype(mg.float64)
    try:
        ours, theirs = calls(mg, vmap, name), calls(torch, torch.func.vmap, name)
    finally:
        torch.set_default_dtype(torch.float32)
        mg.set_default_dtype(mg.float32)
    assert shapes(ours) == shapes(theirs) and plain(ours) == numbers(theirs)


def numbers(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(numbers, value))
    if isinstance(value, dict):
        return {key: numbers(part) for key, part in value.items()}
    return np.asarray(value.detach().tolist())


def shapes(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(shapes, value))
    if isinstance(value, dict):
        return {key: shapes(part) for key, part in value.items()}
    return tuple(value.shape)


# with the other transforms, in both orders: PyTorch's jacobian is jacrev
NESTED: dict[str, Callable[..., Any]] = {
    "a gradient of each example": lambda f: f.vmap(f.grad(lambda x: (x**3).sum())),
    "a second derivative of each": lambda f: f.vmap(f.grad(lambda x: f.grad(cube)(x).sum())),
    "a jacobian of each": lambda f: f.vmap(f.jacobian(lambda x: x.exp() * x.sum())),
    "a hessian of each": lambda f: f.vmap(f.hessian(lambda x: x.prod())),
    "the gradient of all": lambda f: f.grad(lambda x: (f.vmap(cube)(x) ** 2).sum()),
    "the jacobian of all": lambda f: f.jacobian(f.vmap(lambda x: x.sin().sum() * x)),
    "a pullback of each": lambda f: lambda x: f.vmap(f.vjp(lambda z: z.exp(), x[0])[1])(x)[0],
    "a pushforward of each": lambda f: lambda x: f.vmap(lambda v: f.jvp(cube, (x[0],), (v,))[1])(x),
}


def cube(x: Any) -> Any:
    return (x**3).sum()


class Ours:
    vmap, grad, jacobian, hessian = map(staticmethod, (vmap, grad, jacobian, hessian))
    vjp, jvp = map(staticmethod, (vjp, jvp))


class Theirs:
    vmap, grad, jacobian, hessian = map(
        staticmethod, (torch.func.vmap, torch.func.grad, torch.func.jacrev, torch.func.hessian)
    )
    vjp, jvp = map(staticmethod, (torch.func.vjp, torch.func.jvp))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", NESTED)
def test_nesting(name: str) -> None:
    ours = NESTED[name](Ours)(mg.tensor(X))
    theirs = NESTED[name](Theirs)(torch.tensor(X))
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)


def test_a_gradient_flows_into_what_is_split_and_what_is_shared() -> None:
    found = []
    for library, transform in ((mg, vmap), (torch, torch.func.vmap)):
        x = library.tensor(X, requires_grad=True)
        w = library.tensor(W, requires_grad=True)
        (transform(lambda a, b: (a @ b).tanh(), (0, None))(x, w) ** 2).sum().backward()
        found.append((x.grad.numpy(), w.grad.numpy()))
    for mine, its in zip(*found, strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-12)


def test_random_numbers_are_refused_unless_it_is_said_whose_they_are() -> None:
    x = mg.ones(3, 2)
    mg.manual_seed(0)
    first = mg.rand(2).tolist()
    mg.manual_seed(0)
    with pytest.raises(RuntimeError, match="^vmap: expected a function that draws no random"):
        vmap(lambda a: a * mg.rand(2))(x)
    assert mg.rand(2).tolist() == first  # nothing was drawn
    mg.manual_seed(0)
    same = vmap(lambda a: a * mg.rand(2), randomness="same")(x)
    assert same.tolist() == [first] * 3
    different = vmap(lambda a: a * mg.rand(2), randomness="different")(x)
    assert len({tuple(row) for row in different.tolist()}) == 3


REFUSED: dict[str, tuple[Callable[..., Any], type[Exception], str]] = {
    "no arguments": (lambda v, x: v(lambda: x)(), ValueError, "got none that is split"),
    "a number": (lambda v, x: v(lambda a, b: a)(x, 3.0), ValueError, "got 3.0; give it None"),
    "other sizes": (lambda v, x: v(lambda a, b: a)(x, x.T), ValueError, r"got sizes \[2, 3\]"),
    "no such dimension": (lambda v, x: v(lambda a: a, 2)(x), ValueError, r"shape \(2, 3\), got 2"),
    "nothing to split": (lambda v, x: v(lambda a: a, None)(x), ValueError, "got none that is"),
    "a word": (lambda v, x: v(lambda a: a, "x")(x), ValueError, "expected integers or None as in_"),
    "a list": (lambda v, x: v(lambda a: a, [0])(x), ValueError, r"as in_dims, got \[0\]"),
    "one too many": (lambda v, x: v(lambda a: a, (0, 0))(x), ValueError, "for 1 parts, got 2"),
    "no tensor": (lambda v, x: v(lambda a: 3)(x), ValueError, "returns tensors, got 3"),
    "out_dims for more": (
        lambda v, x: v(lambda a: (a, a), out_dims=(0, 0, 0))(x),
        ValueError,
        "expected out_dims for 2 parts, got 3",
    ),
    "out_dims too far": (lambda v, x: v(lambda a: a, out_dims=5)(x), IndexError, r"\(3,\), got 5"),
    "another randomness": (lambda v, x: v(abs, randomness="no")(x), RuntimeError, "got 'no'"),
    "no chunks": (lambda v, x: v(abs, chunk_size=0)(x), ValueError, "of at least 1, got 0"),
    "no function": (lambda v, x: v(3)(x), TypeError, "expected a function, got 3"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_pytorch_refuses(name: str) -> None:
    call, kind, sentence = REFUSED[name]
    with pytest.raises(kind, match=f"^vmap: .*{sentence}"):
        call(vmap, mg.tensor(X))
    with pytest.raises(kind):
        call(torch.func.vmap, torch.tensor(X))
