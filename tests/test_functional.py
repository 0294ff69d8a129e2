"""What is composed from the rules: every function and every form of its arguments, against PyTorch,
in float64.

Each call below is run by both libraries, on the same numbers: values, dtypes and gradients for a
random cotangent must be the same; and by minigrad alone on the device that refuses what CuPy
refuses. The calls are what users write; Hypothesis draws the numbers and the strides.
"""

import math
from typing import Any

import laws
import numpy as np
import pytest
import strict_device
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.testing.samples import Sample
from minigrad.testing.strategies import lay_out

# t is the library; i (2,3,4) and k (3,) are integers below 2, j (3,) below 3; SHAPES has the floats
LINES = """
x.flip(dims=[0, -1]); x.flip(dims=(1,)); x.permute(dims=(2, 0, 1)); x.tile(dims=(2, 1, 1))
x.reshape(shape=(4, 6)); x.sum(); x.sum(1); x.sum(-1); x.sum((0, 2))
x.sum(dim=(0, 2), keepdim=True); x.sum(dim=1, keepdim=True); x.sum([0, 1]); s.sum(); s.sum(0)
s.mean(); x.mean(); x.mean(1); x.mean(dim=(1, 2)); x.mean(-1, True); x.var(); x.var(1)
x.var(dim=1, correction=0); x.var((0, 1)); x.var(dim=2, keepdim=True); t.var(x, dim=1); x.std()
x.std(1); x.std(dim=1, correction=0); x.std(dim=(0, 2), keepdim=True); x.prod(); x.prod(1)
x.prod(dim=-1, keepdim=True); s.prod(); x.max(); x.min(); x.max(dim=1); x.max(1, keepdim=True)
x.min(-1); x.max(dim=1).values; x.max(dim=1).indices; x.min(2)[1]; x.max(y); x.min(y); x.amax()
x.amax(1); x.amax((0, 2)); x.amin(); x.amin(dim=-1, keepdim=True); x.amax([1, 2], True)
x.argmax(); x.argmax(1); x.argmin(dim=-1, keepdim=True); x.argmin(); (x > 0).any(); (x > 0).all(1)
(x > 0).any(dim=2, keepdim=True); (x > 0).sum(); (x > 0).sum(1); x.logsumexp(1)
x.logsumexp((0, 2)); x.logsumexp(dim=-1, keepdim=True); t.logsumexp(x, 0); x.softmax(1)
x.softmax(dim=-1); t.softmax(x, 0); x.log_softmax(2); t.log_softmax(x, dim=0); x.cumsum(0)
s.cumsum(-1); i.cumsum(1); x.norm(); x.norm(2); x.norm(dim=1); x.norm(1); x.norm(p=1, dim=2)
x.norm(3, dim=0); x.norm(math.inf); x.norm(-math.inf, 1); x.norm(2, (0, 1), True); x.norm(p="fro")
t.norm(x, 2, 1); x.reshape(2, -1); x.reshape((2, -1)); x.view(2, -1); x.view((2, -1)); x.view(-1)
x.reshape(6, 4); t.reshape(x, (4, 6)); x.flatten(); x.flatten(1); x.flatten(0, 1)
x.flatten(start_dim=-2); s.flatten(); x[:1].squeeze(); x[:1].squeeze(0); x.squeeze(0)
x[:1, :, :1].squeeze((0, 2)); s.squeeze(); x.unsqueeze(0); x.unsqueeze(-1); x.transpose(0, 2)
x.transpose(-1, -2); t.transpose(x, 0, 1); x.permute(2, 0, 1); x.permute((2, 0, 1))
t.permute(x, (0, 2, 1)); x.permute(-1, 0, 1); y.T; x.mT; x.movedim(0, 2); t.movedim(x, -1, 0)
x.swapaxes(0, 1); v.expand(3, 4); v.expand(3, -1); v.expand((2, 3, 4)); x[:, :1].expand(-1, 3, -1)
v.broadcast_to((3, 4)); t.broadcast_to(v, (2, 4)); t.cat([x, x], 1); t.cat((x, y[None]), dim=0)
t.cat([x, y[None]]); t.stack([v, w]); t.stack([v, w], 1); t.stack((y, m), dim=-1); x.split(2, 1)
x.split([1, 3], dim=2); t.split(x, 2); x.chunk(2, dim=2); x.chunk(3, 1); x.chunk(3, 2)
t.chunk(x, 5, -1); x.unbind(); x.unbind(1); t.unbind(x, dim=-1); [row for row in y]; x.flip(0)
x.flip(0, 2); x.flip((1, -1)); t.flip(x, (0,)); t.flip(x, dims=(1,)); x.roll(1, 0); x.roll(-2, 2)
x.roll((1, 2), (0, 1)); x.roll(5); t.roll(x, shifts=-1, dims=1); x.roll(7, 1); y.tril(); y.triu()
y.tril(1); y.triu(-1); x.triu(diagonal=2); t.tril(x, -2); v.repeat(3); v.repeat(3, 2)
x.repeat(1, 2, 1); y.repeat((2, 1, 1)); v.tile(2); x.tile((2,)); t.tile(y, (2, 1, 3))
x.tile(2, 2); y.repeat_interleave(2); y.repeat_interleave(3, dim=1); y.repeat_interleave(2, -1)
x.gather(0, i); x.gather(1, i); x.gather(-1, i); t.gather(x, 2, i); x.gather(1, i[:, :2, :1])
t.gather(x, dim=0, index=i); t.take_along_dim(x, i, 1); t.take_along_dim(x, i[:1], 0)
t.take_along_dim(x, i[:, :1], dim=2); t.take_along_dim(x, i); x.index_select(1, j)
x.index_select(-1, j); t.index_select(x, 0, k); x.masked_fill(x > 0, 0.5)
x.masked_fill(y > 0, -1.0); t.where(x > 0, x, y); t.where(x > 0, x, 0.0); t.where(x > y, 1.0, x)
x.where(x > 0, y); x.clamp(-0.5, 0.5); x.clamp(min=0.0); x.clamp(max=1.0)
t.clamp(x, min=-1.0, max=0.2); t.maximum(x, y); t.minimum(x, y); x.maximum(y); x.minimum(y)
x.square(); x.reciprocal(); (x * x + 1).rsqrt(); t.square(x); x.abs(); abs(x); x.neg(); -x
x.exp(); x.expm1(); x.abs().log(); x.abs().log1p(); x.abs().sqrt(); x.sin(); x.cos(); x.tanh()
x.sigmoid(); x.relu(); x.sign(); x.isnan(); x.isfinite(); x.add(y); x.sub(y); x.mul(y)
x.div(y); x.abs().pow(y); x.pow(3); x**2; 2 + x; 2 - x; 2 * x; 2 / x; 2**x; x / 3; x - 1; x.eq(x)
x == y; x != y; x < y; x.le(y); x.gt(0); x.ge(y); ~(x > 0); (x > 0) & (y > 0); (x > 0) | (y > 0)
x @ v; v @ w; y @ c[0]; v @ c[0]; b @ c; b @ c[0]; y @ c; v @ c; x[0] @ v; b @ v; x.matmul(v)
t.matmul(b, c); t.mm(y, c[0]); y.mm(c[0]); t.bmm(b, c); b.bmm(c); t.mv(y, v); y.mv(v); t.dot(v, w)
v.dot(w); t.outer(v, w); v.outer(w); t.einsum("ij,jk->ik", y, c[0])
t.einsum("bij,bjk->bik", b, c); t.einsum("bij,bjk", b, c); t.einsum("i,i", v, w)
t.einsum("i,j->ij", v, w); t.einsum("ij->ji", y); t.einsum("ij->", y); t.einsum("ij->j", y)
t.einsum("bij,j->bi", b, v); t.einsum("...ij,jk->...ik", b, c[0]); t.einsum("...i,i->...", x, v)
t.einsum("i...->...", y); t.einsum("ij,j,i->", y, v, y[:, 0])
t.einsum("bij,bjk,bkl->bil", b, c, c.mT); t.einsum("ij,ij->ij", y, m); t.einsum("ij,ij->", y, m)
t.einsum("ba,a", y, v); t.einsum("bij,bjk->bik", b[:1], c); t.einsum("ij,kj->ik", y, m)
t.einsum("i,ij,j", y[:, 0], y, v); t.einsum(" ij , jk -> ik ", y, c[0]); x[0]; x[-1]; x[:, 1]
x[..., 0]; x[None]; x[0, 1, 2]; x[1:, ::2]; x[:, None, 0]; x[[0, 0, 1]]; x[:, [2, 0]]
x[[0, 1], [2, 2]]; x[k]; x[:, j]; x[..., j]; x[x > 0]; x[y[:2, 0] > 0]; x[0][y > 0]; x[k, :, j]
x[1, j]; x[:, j, None]; x[i[0]]; x.float().double(); x.double(); x.to(t.float64); i + 1; i * i
i / 2; i - x; i * 0.5; i.float(); i.sum(); i.sum(0); i.amax(1); i.prod(2); -i; i.max(); i == 0
x.numel(); x.size(); x.size(1); x.size(-1); x.dim(); x.ndim; tuple(x.shape); len(x)
x.shape.numel(); t.equal(x, x); t.equal(x, y); t.allclose(x, x + 1e-12); t.allclose(x, x + 1.0)
s.item(); v.tolist(); bool(s > -9); int(v.detach().sum()); float(s.detach()); f"{s.detach():.3f}"
t.zeros_like(x); t.ones_like(y); t.full_like(v, 2.5); x.detach(); x.clone(); x.contiguous()
y.T.contiguous(); 0.5 in v; x.requires_grad; x.movedim((0, 1), (1, 2))
t.movedim(x, (0, 2), (-1, 0)); s.movedim(0, 0); s.transpose(0, -1); s.unsqueeze(-1); s.prod(0)
s.max(0); s.min(-1); s.flip(0); x.var(1, False); x.var(unbiased=False); t.std(x, 1, unbiased=True)
x.mean(1, dtype=t.float64); x.float().mean(1, dtype=t.float64); x.prod(0, dtype=t.float64)
x.float().log_softmax(1, dtype=t.float64); t.square(x, out=None); t.mean(x, 1, out=None)
t.mm(y, c[0], out=None); t.allclose(x, x * math.inf); t.allclose(x * math.inf, x * math.inf)
t.allclose(x, x * math.nan); t.allclose(x * math.nan, x * math.nan, equal_nan=True)
y.repeat_interleave(j, 0); t.repeat_interleave(y, j, dim=0)
x.repeat_interleave(2, 1, output_size=6); (x > 0).tril(); i.triu(1); i.amin(1); (x > 0).amin(1)
(x > 0).amin(); t.minimum(i, i[:1]); t.minimum(x > 0, y > 0); x.norm(-2); x.norm(0.5, 1)
x.norm(dim=1, dtype=t.float64); x.clamp(min=y); x.clamp(y - 0.2, y + 0.2); x.masked_fill(x > 0, s)
x.chunk(4, 1); x[:0].chunk(2); x[:0].split(2); x[:0].prod(0); x[:, :0].sum(1); x[:0].mean(0)
t.einsum("ij,jk->ik", [y, c[0]]); x.roll((1, -1), (0, 2)); v.roll(-9); x.gather(1, i[:0])
x[:0].flip(0); x.expand(2, 3, 4); x.split((1, 2), 1); x.squeeze([0, 1]); x[:1].squeeze([0, 1])
"""
CALLS = [call for line in LINES.split("\n")[1:-1] for call in line.split("; ")]

SHAPES = {
    "x": (2, 3, 4),
    "y": (3, 4),
    "v": (4,),
    "w": (4,),
    "s": (),
    "m": (3, 4),
    "b": (5, 3, 4),
    "c": (5, 4, 2),
}


@st.composite
def operands(draw: Any) -> dict[str, np.ndarray]:
    """Distinct numbers away from 0, so that no line stands on a kink, in memory as views leave
    them.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    found = {}
    for name, shape in SHAPES.items():
        values = (
            (rng.permutation(math.prod(shape)) + 0.5) / 10 * rng.choice([-1, 1], math.prod(shape))
        )
        values = values + rng.uniform(-0.02, 0.02, values.shape) + (name == "y") * 0.013
        found[name] = lay_out(draw, values.reshape(shape), repeat=False)
    found["i"] = rng.integers(0, 2, (2, 3, 4))
    found["j"], found["k"] = rng.integers(0, 3, 3), rng.integers(0, 2, 3)
    return found


def call_of_pytorch(torch: Any, call: str, arrays: dict[str, np.ndarray]) -> tuple[Any, list[Any]]:
    names = {
        n: torch.tensor(np.array(a, order="C"), requires_grad=a.dtype.kind == "f")
        for n, a in arrays.items()
    }
    return eval(call, {"t": torch, "math": math}, names), [
        n for n in names.values() if n.requires_grad
    ]


def call_of_ours(
    call: str, arrays: dict[str, np.ndarray], device: str = "cpu"
) -> tuple[Any, list[Any]]:
    names = {
        n: mg.as_tensor(a).to(device).detach().requires_grad_(a.dtype.kind == "f")
        for n, a in arrays.items()
    }
    return eval(call, {"t": mg, "math": math}, names), [
        n for n in names.values() if n.requires_grad
    ]


def held(t: Any) -> np.ndarray:
    """The numbers of a tensor of either library, wherever they are; 0 where there is none."""
    return np.zeros(()) if t is None else t.detach().cpu().numpy()


each_call = pytest.mark.parametrize("call", CALLS)
few = settings(max_examples=max(2, settings().max_examples // 30))


@each_call
@few
@given(arrays=operands())
def test_a_call_means_what_it_means_in_pytorch(call: str, arrays: dict[str, np.ndarray]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    theirs, their_leaves = call_of_pytorch(torch, call, arrays)
    ours, leaves = call_of_ours(call, arrays)
    if not any(hasattr(y, "grad_fn") for y in laws.as_list(theirs)):
        assert ours == theirs and type(ours) in (type(theirs), mg.convert.Size)
        return
    ours, theirs = laws.as_list(ours), laws.as_list(theirs)
    for y, want in zip(ours, theirs, strict=True):
        assert str(want.dtype) == f"torch.{y.dtype}" and y.requires_grad == want.requires_grad
        laws.must_agree(call, Sample([]), "a value", held(y), held(want), "PyTorch", 1e-9)
    weights = laws.random(Sample([]), ours)
    if any(y.requires_grad for y in ours):
        found = pulled_back(ours, leaves, weights)
        loss = sum(
            (want * torch.tensor(u)).sum() for want, u in zip(theirs, weights) if want.requires_grad
        )
        for g, want in zip(
            found, torch.autograd.grad(loss, their_leaves, allow_unused=True), strict=True
        ):
            got, want = np.broadcast_arrays(held(g), held(want))
            laws.must_agree(call, Sample([]), "a gradient", got, want, "PyTorch", 1e-9)


def pulled_back(
    outputs: list[mg.Tensor], leaves: list[mg.Tensor], weights: list[np.ndarray]
) -> Any:
    outputs, weights = zip(*[(y, y.beside(u)) for y, u in zip(outputs, weights) if y.requires_grad])
    return mg.grad(outputs, leaves, weights, allow_unused=True)


@each_call
@few
@given(arrays=operands())
def test_a_call_is_the_same_on_a_device_that_refuses_what_cupy_refuses(
    call: str, arrays: dict[str, np.ndarray]
) -> None:
    (there, far), (here, near) = (
        call_of_ours(call, arrays, strict_device.NAME),
        call_of_ours(call, arrays),
    )
    if not any(isinstance(y, mg.Tensor) for y in laws.as_list(here)):
        assert there == here
        return
    here, there = laws.as_list(here), laws.as_list(there)
    for y, want in zip(there, here, strict=True):
        assert y.device == strict_device.NAME and y.dtype == want.dtype
        laws.must_agree(call, Sample([]), "a value", held(y), held(want), "NumPy")
    if any(y.requires_grad for y in here):
        weights = laws.random(Sample([]), here)
        for g, want in zip(
            pulled_back(there, far, weights), pulled_back(here, near, weights), strict=True
        ):
            laws.must_agree(call, Sample([]), "a gradient", held(g), held(want), "NumPy")


BY_DIM = (
    "sum mean var std prod amax max min logsumexp norm "
    "squeeze unsqueeze flip cumsum softmax unbind argmax any"
)


@pytest.mark.parametrize("name", BY_DIM.split())
def test_a_dimension_may_be_an_integer_of_numpy(name: str) -> None:
    x = mg.tensor(np.arange(6.0).reshape(2, 1, 3)) > 2 if name == "any" else mg.randn(2, 1, 3)
    keyword = {"dims": 2} if name == "flip" else {"dim": 2}
    if name == "squeeze":
        keyword = {"dim": 1}
    found = getattr(x, name)(**{key: np.int64(dim) for key, dim in keyword.items()})
    for a, b in zip(laws.as_list(found), laws.as_list(getattr(x, name)(**keyword)), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


CREATIONS = """
t.zeros(2, 3); t.zeros((2, 3)); t.zeros([2]); t.zeros(size=(2, 3)); t.zeros(())
t.zeros(0, 3, dtype=t.float64); t.ones(2, dtype=t.int64)
t.ones(3, device="cpu", pin_memory=False, out=None); t.full((2, 2), 3); t.full((2,), 1.5)
t.full((1,), True); t.full(size=(2,), fill_value=2, dtype=t.float64); t.full_like(t.ones(2), 2)
t.zeros_like(t.ones(2, dtype=t.float64)); t.ones_like(t.zeros(2, 3), dtype=t.int64); t.eye(3)
t.eye(2, 3); t.eye(3, 2, dtype=t.float64); t.arange(5); t.arange(end=4); t.arange(1, 4)
t.arange(1, 3, 0.5); t.arange(5, 1, -2); t.arange(2.5); t.arange(3, dtype=t.float64)
t.arange(t.tensor(3)); t.arange(0); t.linspace(0, 1, 5)
t.linspace(-1, 1, steps=3, dtype=t.float64); t.linspace(2, 3, 1); t.tensor([[1, 2], [3, 4]])
t.tensor(2.5); t.tensor([True, False]); t.tensor([1, 2.5]); t.tensor([], dtype=t.float64)
t.tensor(3, dtype=t.float64, device="cpu"); t.as_tensor([1.0, 2.0], dtype=t.float64)
t.randint(3, 4, (2, 3)); t.randint(1, (2,)); t.randint(1, size=(2,))
t.randint(low=2, high=3, size=(2,)); t.randint(high=1, size=[2], generator=None); t.randperm(1)
t.rand(2, 0); t.randn(0, dtype=t.float64); t.rand(size=(0,))
"""


@pytest.mark.parametrize(
    "call", [call for line in CREATIONS.split("\n")[1:-1] for call in line.split("; ")]
)
def test_a_creation_means_what_it_means_in_pytorch(call: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    ours, theirs = eval(call, {"t": mg}), eval(call, {"t": torch})
    assert str(theirs.dtype) == f"torch.{ours.dtype}" and tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-7)


def test_a_std_of_zero_has_the_gradient_zero() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    ours = mg.tensor([[1.0, 1.0, 1.0], [1.0, 2.0, 4.0]], requires_grad=True)
    theirs = torch.tensor([[1.0, 1.0, 1.0], [1.0, 2.0, 4.0]], requires_grad=True)
    ours.std(1).sum().backward()
    theirs.std(1).sum().backward()
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-6)
    assert ours.grad[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "call",
    [
        "x.norm()",
        "x.norm(dim=1)",
        "x.norm(3.0)",
        "x.var(0)",
        "x.std()",
        "t.std_mean(x, 1)[0]",
        "t.logsumexp(x, 1)",
    ],
)
def test_a_magnitude_of_complex_numbers_is_real_as_in_pytorch(call: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    numbers = np.array([[1 + 2j, 3 - 1j, 0.5], [-0.25j, 2, 1 + 1j]])
    ours, theirs = (eval(call, {"t": t, "x": t.tensor(numbers)}) for t in (mg, torch))
    assert ours.dtype.kind == ("c" if theirs.is_complex() else "f")
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)


def test_a_minimum_of_unsigned_integers_is_no_wrapped_number() -> None:
    x = mg.from_numpy(np.array([[0, 5], [200, 7]], dtype=np.uint8))
    assert x.amin().item() == 0 and x.amin(1).tolist() == [0, 7] and x.amin(1).dtype == np.uint8
    assert mg.minimum(x, x[:1]).tolist() == [[0, 5], [0, 5]] and x.min(0).values.tolist() == [0, 5]


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_subclass_of_ndarray_becomes_a_plain_array_or_is_refused(tmp_path: Any) -> None:
    matrix = np.asmatrix([[1.0, 2.0], [3.0, 4.0]])
    for x in (mg.from_numpy(matrix), mg.as_tensor(matrix), mg.tensor(matrix)):
        assert (x * x).tolist() == [[1, 4], [9, 16]] and type(x.array) is np.ndarray
    mapped = np.memmap(tmp_path / "a", dtype="f4", mode="w+", shape=(2,))
    x = mg.from_numpy(mapped).requires_grad_()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3, 3] and np.shares_memory(x.array, mapped)
    masked = np.ma.array([1.0, 2.0], mask=[0, 1])
    for make in (mg.from_numpy, mg.as_tensor, mg.tensor):
        with pytest.raises(TypeError, match=f"{make.__name__}: .* without a mask, got a masked"):
            make(masked)


def test_what_is_minus_infinity_adds_nothing_to_a_running_sum() -> None:
    x = mg.tensor([-np.inf, 1.0, -np.inf, 2.0], requires_grad=True)
    y = x.logcumsumexp(0)
    np.testing.assert_allclose(y.numpy(force=True), np.logaddexp.accumulate(x.numpy(force=True)))
    y[1:].sum().backward()
    assert x.grad is not None
    share = 1 / (1 + np.exp(1.0))
    np.testing.assert_allclose(x.grad.numpy(), [0, 2 + share, 0, 1 - share], rtol=1e-6)
    with pytest.raises(TypeError, match=r"^logcumsumexp: expected floats, got int64; use .float"):
        mg.tensor([1, 2]).logcumsumexp(0)


def test_pieces_beyond_all_memory_are_refused() -> None:
    with pytest.raises(MemoryError, match="^tensor_split: expected at most 1000000 sections"):
        mg.ones(2).tensor_split(10**9)


@pytest.mark.parametrize("word", [mg.logaddexp, mg.logaddexp2])
def test_a_log_of_two_equal_infinities_has_a_finite_gradient(word: Any) -> None:
    """Half for each, where PyTorch has NaN."""
    a, b = (mg.tensor([np.inf, -np.inf, 2.0], requires_grad=True) for _ in range(2))
    word(a, b).backward(mg.ones(3))
    assert a.grad is not None and b.grad is not None
    assert a.grad.tolist() == b.grad.tolist() == [0.5] * 3
