"""Each word on tensors of every dtype, shape and layout, with NaN, infinities and the ends of the
integers among the numbers: PyTorch's value, dtype, shape and gradient, a view where it has one, and
no argument changed. What only one library takes is no difference here, but what minigrad refuses,
it refuses in a sentence.
"""

import math
import random
import re
from typing import Any, NamedTuple

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")

# a and b broadcast, m is a mask of a's shape, D a dim of a, N a number, P one that is not 0
CALLS = """
a + b; a - b; a * b; a / b; b - a; a + N; a - N; a * N; a / P; N - a; N / a; -a; abs(a); +a
a // b; a % b; a // P; a % P; t.fmod(a, b); t.fmod(a, P); a ** 2; a ** 3; a ** 0.5; 2.0 ** a
a == b; a != b; a < b; a <= b; a > b; a >= b; a < N; a & b; a | b; a ^ b; ~a
t.maximum(a, b); t.minimum(a, b); t.atan2(a.double(), b); t.logical_and(a, b); t.logical_xor(a, b)
t.add(a, b, alpha=0.1); t.sub(a, b, alpha=2); t.isclose(a, b); t.isclose(a, b, 0, 2)
t.isclose(a, b, equal_nan=True); t.equal(a, b); t.allclose(a, b); t.where(m, a, b); a.where(m, N)
a.clamp(N); a.clamp(max=N); a.clamp(-1, 2); a.clamp(min=b); a.clamp_max(b); a.masked_fill(m, 1)
a.exp(); a.log(); a.sqrt(); a.rsqrt(); a.sigmoid(); a.tanh(); a.sin(); a.cos(); a.log1p(); a.expm1()
a.erf(); a.exp2(); a.log2(); a.square(); a.reciprocal(); a.sign(); a.relu(); a.floor(); a.ceil()
a.trunc(); a.round(); a.frac(); a.isnan(); a.isinf(); a.isfinite(); a.logical_not(); a.clone()
a.float(); a.double(); a.long(); a.bool(); a.to(t.int32); a.contiguous(); a.detach(); a.T; a.mT
a.sum(); a.sum(D); a.sum(D, keepdim=True); a.sum(()); a.sum(D, dtype=t.float64); a.mean(); a.mean(D)
a.prod(); a.prod(D); a.amax(); a.amax(D, True); a.amin(); a.amin(D); a.max(); a.min(); a.max(D)[0]
a.min(D)[0]; a.argmax(); a.argmin(); a.argmax(D); a.argmin(D, True); a.all(); a.any(D); a.all(())
a.median(); a.median(D)[0]; a.cumsum(D); a.cumprod(D); a.cummax(D); a.cummin(D); a.norm()
a.logcumsumexp(D); t.logaddexp(a, b); a.tensor_split(2, D); a.hsplit(1)
a.unflatten(D, (1, -1)); t.atleast_3d(a)
a.norm(1, D); a.norm(math.inf, D); a.logsumexp(D); a.softmax(D); a.log_softmax(D); a.var(0, False)
a.sort(D, stable=True); a.sort(D, descending=True, stable=True); a.argsort(D, stable=True)
t.unique(a.detach()); a.nonzero(); a.topk(1, D)[0]; t.bincount(a)
a.squeeze(); a.squeeze(D); a.unsqueeze(D); a.flatten(); a.ravel(); a.reshape(-1); a.reshape(1, -1)
a.movedim(D, 0); a.transpose(D, 0); a.flip(D); a.roll(1, D); a.roll(2); a.expand(2, *a.shape)
a.repeat(2, *[1] * a.ndim); a.tile(2); a.repeat_interleave(2, D); a.repeat_interleave(2)
a.split(1, D); a.chunk(2, D); a.unbind(D); [*a]; a.tril(); a.triu(1); a.diagonal(); a.diag()
a.select(D, -1); a.narrow(D, 0, 1); a[...]; a[None]; a[0]; a[-1:]; a[::2]; a[..., 0]; a[m]
a[[0, 0]]; a[..., [0]]; a[t.tensor(0)]; a[:, None]; a.index_select(D, t.tensor([0, 0]))
a.masked_select(m); a.take_along_dim(t.tensor([0])); t.cat([a, a], D); t.cat([a, b], D)
t.stack([a, a], D); t.hstack([a, a]); t.vstack([a, a]); t.dstack([a, a]); t.broadcast_tensors(a, b)
t.einsum("...i->...", a); t.einsum("ii->i", a); t.einsum("...ij->...ji", a); t.matmul(a, a.mT)
t.zeros_like(a); t.ones_like(a); t.full_like(a, 1); a.new_full((2,), 1); t.tensor(a.tolist())
""".replace("\n", ";")
CALLS_IN_PLACE = """
a += b; a -= b; a *= b; a /= b; a += N; a *= N; a //= P; a **= 2; a[...] = b; a[m] = 1; a[:1] = 0
a[..., [0]] = 1; a.neg_(); a.abs_(); a.zero_(); a.clamp_(-1, 2); a.relu_(); a.masked_fill_(m, 0)
a.copy_(b); a.exp_(); a.square_(); a.index_fill_(D, t.tensor([0]), 1)
""".replace("\n", ";")

# What PyTorch computes by a product or a quotient that overflows, or in integers that wrap
INEXACT = ("%", "fmod", "isclose", "atan2", "logsumexp", "logcumsumexp", "logaddexp")
INF, NAN = math.inf, math.nan
NUMBERS = {
    "float32": [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 7.0, -3.75, NAN, INF, -INF, 1e38, 1e-40],
    "float64": [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 7.0, -3.75, NAN, INF, -INF, 1e308, 2.0**53],
    "int64": [0, 1, -1, 2, -3, 7, 2**63 - 1, -(2**63), 2**53 + 1],
    "int32": [0, 1, -1, 2, -3, 7, 2**31 - 1, -(2**31)],
    "uint8": [0, 1, 2, 3, 127, 128, 255],
    "bool": [False, True],
}
SHAPES = [
    (),
    (1,),
    (3,),
    (0,),
    (2, 3),
    (1, 3),
    (3, 1),
    (3, 3),
    (0, 3),
    (2, 0),
    (2, 1, 3),
    (2, 2, 3),
]
SENTENCE = re.compile(r"[^:]+: .*(expected|not supported)|.+; ")


class Refusal(str):
    """What an error says."""


class Operand(NamedTuple):
    """Numbers in a layout, from which both libraries make a tensor."""

    values: np.ndarray[Any, Any]
    layout: str

    def laid_out(self) -> np.ndarray[Any, Any]:
        """A new array with these numbers in this layout."""
        x = self.values
        if self.layout == "transposed":
            return np.ascontiguousarray(x.T).T
        if self.layout == "stepped":
            wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
            wide[..., ::2] = x
            return wide[..., ::2]
        if self.layout == "reversed":
            return np.ascontiguousarray(x[..., ::-1])[..., ::-1]
        return x.copy()

    def ours(self, needs: bool) -> Any:
        return mg.Tensor(self.laid_out()).requires_grad_(needs)

    def theirs(self, needs: bool) -> Any:
        x = self.values.copy() if self.layout == "reversed" else self.laid_out()
        return torch.from_numpy(x).requires_grad_(needs)


def operand(draw: random.Random, dtype: str, shape: tuple[int, ...], is_small: bool) -> Operand:
    numbers = NUMBERS[dtype]
    if is_small:  # and so exact in every order
        numbers = numbers[:9] if dtype.startswith("float") else numbers[:4]
    values = np.array([draw.choice(numbers) for _ in range(math.prod(shape))], dtype)
    layouts = ["plain", "plain", "transposed", *["stepped", "reversed"] * bool(shape)]
    return Operand(values.reshape(shape), draw.choice(layouts))


def draw_call(draw: random.Random, text: str) -> tuple[str, dict[str, Operand]]:
    """A call with its dim and numbers filled in, and its operands."""
    dtype = draw.choice([*NUMBERS, "float32", "float64"])
    are_floats = dtype.startswith("float")  # of no integers PyTorch's dtypes are another matter
    shape = draw.choice([s for s in SHAPES if are_floats or 0 not in s])
    is_small = draw.random() < 0.5 or any([word in text for word in INEXACT])
    smaller = tuple([draw.choice([n, n, 1]) for n in shape])[draw.choice([0, 0, 1]) :]
    of_b = draw.choice([dtype, dtype, *NUMBERS])
    operands = {
        "a": operand(draw, dtype, shape, is_small),
        "b": operand(draw, of_b, smaller, is_small),
        "m": operand(draw, "bool", shape, is_small),
    }
    ndim = max(len(shape), 1)
    text = re.sub(r"\bD\b", str(draw.randint(-ndim, ndim - 1)), text)
    text = re.sub(r"\bN\b", draw.choice(["2", "0.5", "1", "True", "0"]), text)
    return re.sub(r"\bP\b", draw.choice(["2", "0.5", "3"]), text), operands


def run(library: Any, text: str, names: dict[str, Any]) -> Any:
    """What the call gives; for a statement what `a` is then; a Refusal where it raises."""
    names |= {"t": library, "math": math}
    try:
        if re.search(r" [-+*/]*= ", text):
            exec(text, names)
            return names["a"]
        return eval(text, names)
    except (RuntimeError, TypeError, ValueError, IndexError, ArithmeticError, MemoryError) as error:
        return Refusal(error)


def tensors_in(found: Any) -> list[Any]:
    return (
        [t for part in found for t in tensors_in(part)]
        if isinstance(found, (list, tuple))
        else [found]
    )


def check_numbers(ours: Any, theirs: Any, is_gradient: bool = False) -> None:
    """The same dtype, shape and numbers, to some roundings; a gradient may be infinite in one."""
    a, b = np.asarray(ours.array), theirs.numpy(force=True)
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    if a.dtype.kind != "f":
        np.testing.assert_array_equal(a, b)
        return
    compared = np.isfinite(a) & np.isfinite(b) if is_gradient else np.full(a.shape, True)
    tolerance = 100 * np.finfo(a.dtype).eps
    np.testing.assert_allclose(a[compared], b[compared], rtol=tolerance, atol=tolerance)


def check(text: str, operands: dict[str, Operand], in_place: bool) -> None:
    needs = {
        k: x.values.dtype.kind == "f" and k != "m" and not in_place for k, x in operands.items()
    }
    ours = {k: x.ours(needs[k]) for k, x in operands.items()}
    theirs = {k: x.theirs(needs[k]) for k, x in operands.items()}
    got, want = run(mg, text, dict(ours)), run(torch, text, dict(theirs))
    if isinstance(got, Refusal):
        assert isinstance(want, Refusal) or SENTENCE.match(got), got
        return
    for name, x in operands.items():
        if not (in_place and name == "a"):
            assert ours[name].array.tobytes() == x.laid_out().tobytes(), f"{name} was changed"
    if isinstance(want, Refusal):
        return
    pairs = list(zip(tensors_in(got), tensors_in(want), strict=True))
    for y, z in pairs:
        if not isinstance(z, torch.Tensor):
            assert y == z
            continue
        check_numbers(y, z)
        assert y.requires_grad == z.requires_grad
        for name in "ab":
            is_view = np.may_share_memory(y.array, ours[name].array)
            start = theirs[name].untyped_storage().data_ptr()
            is_copied = operands[name].layout == "reversed"  # by from_numpy
            if y.numel() and not is_copied:
                assert is_view == (z.untyped_storage().data_ptr() == start), f"a view of {name}"
    check_gradients(pairs, [k for k in needs if needs[k]], ours, theirs)


def check_gradients(pairs: Any, leaves: list[str], ours: Any, theirs: Any) -> None:
    """Those for random cotangents, on the way that records a graph, too."""
    pairs = [(y, z) for y, z in pairs if getattr(z, "requires_grad", False)]
    if not pairs:
        return
    rng = np.random.default_rng(1)
    cotangents = [np.asarray(rng.choice([0.5, -1.0, 2.0], y.shape), y.dtype) for y, _ in pairs]
    try:
        want = torch.autograd.grad(
            [z for _, z in pairs],
            [theirs[k] for k in leaves],
            [torch.from_numpy(c) for c in cotangents],
            allow_unused=True,
        )
    except RuntimeError:
        return  # that PyTorch has no derivative
    for create_graph in (False, True):
        found = mg.grad(
            [y for y, _ in pairs],
            [ours[k] for k in leaves],
            [mg.tensor(c) for c in cotangents],
            allow_unused=True,
            create_graph=create_graph,
            retain_graph=True,
        )
        for dx, dz in zip(found, want, strict=True):
            assert dx is not None or dz is None or not dz.any()
            if dx is not None and dz is not None:
                check_numbers(dx, dz, is_gradient=True)


def parts_of(calls: str) -> list[str]:
    """The calls of a list."""
    return [call.strip() for call in calls.split(";") if call.strip()]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("text", "in_place"),
    [
        *[(text, False) for text in parts_of(CALLS)],
        *[(text, True) for text in parts_of(CALLS_IN_PLACE)],
    ],
)
def test_a_word_on_every_layout_is_pytorchs(text: str, in_place: bool, many: Any) -> None:
    for seed in range(many(6, 200)):
        call, operands = draw_call(random.Random(f"{text} {seed}"), text)
        with np.errstate(all="ignore"):
            check(call, operands, in_place=in_place)
