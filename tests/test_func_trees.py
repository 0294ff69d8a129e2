"""Transforms of functions of dicts and tuples, of modules, with aux, in any nesting: torch.func's
numbers."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad import func
from nn.utils import stateless

torch = pytest.importorskip("torch", reason="PyTorch is the oracle")

# torch.func imports torch.jit.script, which warns of itself, and linearize what it makes of a graph
pytestmark = pytest.mark.filterwarnings(
    "ignore:.torch.jit.script. is deprecated:DeprecationWarning",
    "ignore:Attempted to insert a get_attr Node:UserWarning",
)


def grad_and_value(f: Any, argnums: Any = 0, has_aux: bool = False) -> Any:
    both = func.value_and_grad(f, argnums, has_aux)
    return lambda *args, **keywords: both(*args, **keywords)[::-1]


OURS = {
    name: getattr(func, name) for name in ("grad", "vjp", "jvp", "vmap", "linearize", "hessian")
}
OURS |= {name: getattr(stateless, name) for name in stateless.__all__}
OURS |= {"jacrev": func.jacobian, "jacfwd": func.jacobian, "grad_and_value": grad_and_value}
SIDES = {
    "ours": SimpleNamespace(t=mg, nn=nn, **OURS),
    "theirs": SimpleNamespace(
        t=torch, nn=torch.nn, **{name: getattr(torch.func, name) for name in OURS}
    ),
}
Point = namedtuple("Point", "x w")

rng = np.random.default_rng(0)
X, W, BATCH = rng.standard_normal(3), rng.standard_normal((2, 3)), rng.standard_normal((4, 3))


def loss(p: Any, x: Any) -> Any:
    """Of a dict of parameters and one example."""
    return ((p["w"] @ x).tanh() * p["b"]).sum()


def with_aux(p: Any, x: Any) -> Any:
    return loss(p, x), {"y": p["w"] @ x}


def pair(x: Any, w: Any) -> Any:
    return {"a": (w @ x).sin(), "b": (x * x).sum()}


def given(side: str) -> Any:
    s = SIDES[side]
    x, w, batch = s.t.tensor(X), s.t.tensor(W), s.t.tensor(BATCH)
    return s, {"w": w, "b": w[:, 0] * 2}, x, w, batch


CALLS = {
    "a gradient of a dict": lambda s, p, x, w, b: s.grad(loss)(p, x),
    "both of a dict": lambda s, p, x, w, b: s.grad_and_value(loss, (0, 1))(p, x),
    "keywords": lambda s, p, x, w, b: s.grad_and_value(loss)(p, x=x),
    "aux of grad": lambda s, p, x, w, b: s.grad(with_aux, has_aux=True)(p, x),
    "aux of both": lambda s, p, x, w, b: s.grad_and_value(with_aux, has_aux=True)(p, x),
    "aux of vjp": lambda s, p, x, w, b: s.vjp(lambda x: (w @ x, x * 2), x, has_aux=True)[::2],
    "aux of jvp": lambda s, p, x, w, b: s.jvp(lambda x: (w @ x, x * 2), (x,), (x,), has_aux=True),
    "aux of jacrev": lambda s, p, x, w, b: s.jacrev(lambda x: (w @ x, x * 2), has_aux=True)(x),
    "aux of jacfwd": lambda s, p, x, w, b: s.jacfwd(lambda x: (w @ x, x * 2), has_aux=True)(x),
    "a pullback of a dict": lambda s, p, x, w, b: s.vjp(loss, p, x)[1](s.t.tensor(2.0).double()),
    "a pullback from a dict": lambda s, p, x, w, b: s.vjp(pair, x, w)[1](pair(x * 2, w)),
    "a pullback from two": lambda s, p, x, w, b: s.vjp(lambda x: (w @ x, x * x), x)[1](
        (w[:, 0], x)
    ),
    "a pushforward of a dict": lambda s, p, x, w, b: s.jvp(loss, (p, x), (p, x)),
    "a pushforward to a dict": lambda s, p, x, w, b: s.jvp(pair, (x, w), (x, w)),
    "a linear function": lambda s, p, x, w, b: [
        s.linearize(pair, x, w)[1](x, k * w) for k in (1, 2)
    ],
    "a jacobian by a dict": lambda s, p, x, w, b: s.jacrev(lambda p: p["w"] @ x * p["b"])(p),
    "a jacobian of a dict": lambda s, p, x, w, b: s.jacrev(pair)(x, w),
    "a jacobian of a dict by two": lambda s, p, x, w, b: s.jacrev(pair, (0, 1))(x, w),
    "a hessian by a dict": lambda s, p, x, w, b: s.hessian(loss)(p, x),
    "a hessian by two": lambda s, p, x, w, b: s.hessian(loss, (0, 1))(p, x),
    "a namedtuple": lambda s, p, x, w, b: s.grad(lambda q: (q.w @ q.x).sin().sum())(Point(x, w)),
    "an ordered dict": lambda s, p, x, w, b: s.grad(loss)(OrderedDict(p), x),
    "a list in a tuple": lambda s, p, x, w, b: s.grad(lambda q: (q[0][1] @ q[1]).sum())(
        ([x, w], x)
    ),
    "no parts": lambda s, p, x, w, b: s.grad(lambda q: (q[1] ** 2).sum())(({}, x)),
    "of each example": lambda s, p, x, w, b: s.vmap(s.grad(loss), (None, 0))(p, b),
    "of each, with aux": lambda s, p, x, w, b: s.vmap(
        s.grad(lambda p, x: (loss(p, x), p["w"] @ x), has_aux=True), (None, 0)
    )(p, b),
    "of all": lambda s, p, x, w, b: s.grad(lambda p: s.vmap(lambda x: loss(p, x))(b).sum())(p),
    "of all, in a closure": lambda s, p, x, w, b: s.grad(
        lambda q: s.vmap(lambda x: s.grad(loss)(q, x)["b"].sum())(b).prod()
    )(p),
    "a jacobian of a map": lambda s, p, x, w, b: s.jacrev(s.vmap(lambda x: (w @ x).sin()))(b),
    "a jacobian of a map by a dict": lambda s, p, x, w, b: s.jacrev(
        lambda p: s.vmap(lambda x: loss(p, x))(b)
    )(p),
    "a map of pushforwards": lambda s, p, x, w, b: s.vmap(
        lambda v: s.jvp(lambda x: pair(x, w), (x,), (v,))[1]
    )(b),
    "a map of pullbacks": lambda s, p, x, w, b: s.vmap(
        s.vjp(lambda x: (w.T @ (w @ x)).sin(), x)[1]
    )(b),
    "a map of a linear function": lambda s, p, x, w, b: s.vmap(
        s.linearize(lambda x: (w @ x).sin(), x)[1]
    )(b),
    "a map of hessians": lambda s, p, x, w, b: s.vmap(s.hessian(loss, 1), (None, 0))(p, b),
    "a pushforward of a gradient": lambda s, p, x, w, b: s.jvp(s.grad(loss, 1), (p, x), (p, x)),
    "a gradient of a pushforward": lambda s, p, x, w, b: s.grad(
        lambda x: s.jvp(lambda y: loss(p, y) * x.sum(), (x,), (x * 2,))[1]
    )(x),
    "a map of maps": lambda s, p, x, w, b: s.vmap(lambda x: s.vmap(lambda y: x @ y)(b))(b),
    "the same for all": lambda s, p, x, w, b: s.vmap(
        lambda x: (w @ x, {"w": w * 2}), out_dims=(0, None)
    )(b),
    "no examples": lambda s, p, x, w, b: s.vmap(lambda x, y: (w @ x, y.sum()), (0, 1))(
        b[:0], b[:, :0]
    ),
    "no examples, elsewhere": lambda s, p, x, w, b: s.vmap(lambda x: w @ x, out_dims=1)(b[:0]),
    "a gradient of no examples": lambda s, p, x, w, b: s.grad(
        lambda b: s.vmap(lambda x: loss(p, x))(b).sum()
    )(b[:0]),
    "in chunks": lambda s, p, x, w, b: s.vmap(lambda x: w @ x, chunk_size=3)(b),
}


def same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs) and type(ours) is type(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, tuple | list):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for our, their in zip(ours, theirs, strict=True):
            same(our, their)
    else:
        assert not ours.requires_grad
        np.testing.assert_allclose(
            ours.numpy(), theirs.detach().numpy(), rtol=1e-9, atol=1e-12, strict=True
        )


@pytest.mark.parametrize("name", CALLS)
def test_numbers(name: str) -> None:
    same(CALLS[name](*given("ours")), CALLS[name](*given("theirs")))


def network(side: str) -> Any:
    """A recurrent classifier with these weights, and a tied one."""
    library = SIDES[side].nn

    class Network(library.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = library.LSTM(3, 4, 2, batch_first=True)
            self.norm = library.LayerNorm(4)
            self.out = library.Linear(4, 3)
            self.again = self.out

        def forward(self, x: Any) -> Any:
            y = self.norm(self.rnn(x)[0][:, -1])
            return self.again(self.out(y)[:, :1] * y)

    model = Network().double()
    draw = np.random.default_rng(1)
    with SIDES[side].t.no_grad():
        for parameter in model.parameters():
            values = draw.standard_normal(tuple(parameter.shape))
            parameter.copy_(SIDES[side].t.tensor(values))
    return model


SEQUENCES, CLASSES = rng.standard_normal((4, 5, 3)), np.array([0, 2, 1, 2])


def gradients_of_samples() -> dict[str, Any]:
    """By vmap over grad of functional_call, as PyTorch's tutorial has it."""
    s, model = SIDES["ours"], network("ours")
    params = {name: p.detach() for name, p in model.named_parameters()}

    def loss_of(params: Any, buffers: Any, x: Any, y: Any) -> Any:
        out = s.functional_call(model, (params, buffers), (x[None],))
        return s.nn.functional.cross_entropy(out, y[None])

    x, y = mg.tensor(SEQUENCES), mg.tensor(CLASSES)
    found = s.vmap(s.grad(loss_of), in_dims=(None, None, 0, 0))(params, {}, x, y)
    assert not any(p.grad is not None for p in model.parameters())
    return found


def test_gradients_of_each_sample_of_an_lstm() -> None:
    ours, model = gradients_of_samples(), network("theirs")
    for i, (x, y) in enumerate(zip(SEQUENCES, CLASSES, strict=True)):
        model.zero_grad()
        out = model(torch.tensor(x)[None])
        torch.nn.functional.cross_entropy(out, torch.tensor(y)[None]).backward()
        for name, parameter in model.named_parameters():
            np.testing.assert_allclose(
                ours[name][i].numpy(), parameter.grad.numpy(), rtol=1e-9, atol=1e-12
            )


def test_an_ensemble_is_computed_at_once() -> None:
    def outputs(side: str) -> Any:
        s = SIDES[side]
        s.t.manual_seed(0)
        models = [
            s.nn.Sequential(s.nn.Linear(3, 2), s.nn.BatchNorm1d(2)).double() for _ in range(3)
        ]
        for k, model in enumerate(models):
            for i, tensor in enumerate(model.state_dict().values()):
                tensor.copy_(s.t.full_like(tensor, 0.5 + i + k))
            model.eval()
        params, buffers = s.stack_module_state(models)
        base = models[0]

        def one(params: Any, buffers: Any, x: Any) -> Any:
            return s.functional_call(base, (params, buffers), (x,))

        y = s.vmap(one, in_dims=(0, 0, None))(params, buffers, s.t.tensor(BATCH))
        y.sum().backward()
        return y.detach(), {name: p.grad for name, p in params.items()}, buffers

    same(outputs("ours"), outputs("theirs"))


@pytest.mark.parametrize("side", SIDES)
def test_a_module_is_called_with_other_tensors(side: str) -> None:
    s, t = SIDES[side], SIDES[side].t
    model = s.nn.Linear(2, 1)
    before, x = model.weight, t.tensor([[1.0, 10.0]])
    w, b = t.tensor([[2.0, 3.0]]), t.tensor([1.0])
    assert s.functional_call(model, {"weight": w, "bias": b}, x).item() == 33
    assert s.functional_call(model, [{"weight": w}, {"bias": b}], (), {"input": x}).item() == 33
    assert model.weight is before
    with pytest.raises(TypeError):
        s.functional_call(model, {"weight": 3.0}, x)
    assert model.weight is before
    with pytest.raises(ValueError):
        s.functional_call(model, [{"weight": w}, {"weight": w}], x)
    with pytest.raises(RuntimeError):
        s.functional_call(model, {"weight": w}, x, strict=True)

    tied = s.nn.Sequential(s.nn.Linear(2, 2, bias=False), s.nn.Linear(2, 2, bias=False))
    tied[1].weight = tied[0].weight
    given = {"0.weight": t.tensor([[0.0, 2.0], [1.0, 0.0]])}
    assert s.functional_call(tied, given, x).tolist() == [[2.0, 20.0]]
    apart = s.functional_call(tied, given, x, tie_weights=False)
    assert apart.tolist() == tied[1](t.tensor([[20.0, 1.0]])).tolist()
    with pytest.raises(ValueError):
        s.functional_call(tied, {**given, "1.weight": t.zeros(2, 2)}, x)

    norm = s.nn.BatchNorm1d(2)
    buffers = {name: buffer.clone() for name, buffer in norm.named_buffers()}
    s.functional_call(norm, buffers, t.tensor([[1.0, 10.0], [3.0, 10.0]]))
    assert buffers["num_batches_tracked"].item() == 1 and buffers["running_mean"][0] > 0
    assert norm.num_batches_tracked.item() == 0


def test_what_is_refused() -> None:
    x, model = mg.ones(3), nn.Linear(3, 1)
    for call, kind, words in (
        (lambda: func.grad(lambda x: x.sum(), has_aux=True)(x), RuntimeError, "grad: .* a pair"),
        (lambda: func.grad(lambda x: x.sum(), has_aux=2)(x), TypeError, "grad: expected has_aux"),
        (lambda: func.jvp(torch.sin, (x,), (x,), strict=True), NotImplementedError, "jvp: strict"),
        (lambda: func.grad(lambda p: p["a"])({"a": x, "b": None}), TypeError, "grad: argument 0"),
        (lambda: func.grad(lambda p: mg.ones(1))({}), ValueError, "expected tensors in argument 0"),
        (lambda: func.vmap(abs, out_dims=None)(mg.arange(3)), ValueError, "vmap: .* same for all"),
        (lambda: stateless.functional_call(3, {}), TypeError, "functional_call: expected a module"),
        (lambda: stateless.functional_call(model, 3), TypeError, "expected a dict or a sequence"),
        (
            lambda: stateless.functional_call(model, {"w": x}),
            KeyError,
            "names of parameters .* 'w'",
        ),
        (lambda: stateless.stack_module_state([]), RuntimeError, "at least one model, got none"),
        (lambda: stateless.stack_module_state([model, nn.ReLU()]), RuntimeError, "of one class"),
        (
            lambda: stateless.stack_module_state([model, nn.Linear(3, 1).eval()]),
            RuntimeError,
            "mode",
        ),
    ):
        with pytest.raises(kind, match=words):
            call()
    frozen = nn.Linear(3, 1).requires_grad_(False)
    with pytest.raises(RuntimeError, match="stack_module_state: expected 'weight' to require"):
        stateless.stack_module_state([model, frozen])
