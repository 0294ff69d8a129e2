"""What good libraries have shipped wrong, row by row, and the test that would have caught it.

defects.txt names the tests of each defect; those that no other file has a test for are here.
"""

import ast
import math
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.extra.numpy as hnp
import laws
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import TABLE

import minigrad as mg
import nn
import nn.functional as F
from minigrad import backward
from minigrad.testing.samples import Sample
from nn import optim

TESTS = Path(__file__).resolve().parent
few = hypothesis.settings(max_examples=max(3, hypothesis.settings().max_examples // 10))

ROWS = (TESTS / "defects.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("test", [line.strip() for line in ROWS if line.startswith("    ")])
def test_every_defect_has_its_test(test: str) -> None:
    file, _, name = test.partition("::")
    name, _, case = name.partition("[")
    text = (TESTS / file).read_text("utf-8")
    assert name in {getattr(node, "name", None) for node in ast.parse(text).body}, (
        f"{file} has no {name}"
    )
    assert f'"{case.removesuffix("]")}"' in text or not case, f"{file}: {name} has no case {case}"


def test_no_defect_is_without_a_test() -> None:
    for line, following in zip(ROWS, [*ROWS[1:], ""]):
        assert line.startswith("    ") or following.startswith("    "), line


def leaf(values: Any) -> mg.Tensor:
    return mg.tensor(np.array(values, float), requires_grad=True)


# Rules


@st.composite
def equations(draw: Any) -> tuple[str, list[np.ndarray], list[np.ndarray]]:
    """An equation; operands in which a dimension may be 1 where it is more in others.

    And these, stretched.
    """
    sizes, lead = (
        {letter: draw(st.sampled_from((2, 3, 1, 0))) for letter in "abc"},
        draw(st.sampled_from(((), (2,), (2, 1, 3)))),
    )
    words = draw(
        st.lists(st.lists(st.sampled_from("abc"), unique=True, max_size=3), min_size=1, max_size=3)
    )
    texts, operands, stretched = [], [], []
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    for word in words:
        dots = bool(lead) and draw(st.booleans())
        ones = [1 if draw(st.booleans()) else sizes[letter] for letter in word]
        front = lead[draw(st.integers(0, len(lead))) :] if dots else ()
        operands.append(rng.standard_normal((*front, *ones)))
        texts.append("..." * dots + "".join(word))
    for word, x in zip(words, operands):
        n = x.ndim - len(word)
        most = [
            max(
                (y.shape[y.ndim - len(w) + w.index(c)] for w, y in zip(words, operands) if c in w),
                key=beside_one,
            )
            for c in word
        ]
        stretched.append(np.broadcast_to(x, (*x.shape[:n], *most)))
    text = ",".join(texts)
    if draw(st.booleans()):
        letters = draw(st.permutations(sorted({letter for word in words for letter in word})))
        text += "->" + "..." * ("..." in text) + "".join(letters[: draw(st.integers(0, 3))])
    return text, operands, stretched


def beside_one(n: int) -> tuple[bool, int]:
    """1 gives way to any other size, 0 too."""
    return n != 1, n


@given(equation=equations())
def test_einsum_sums_over_what_it_has_stretched(equation: Any) -> None:
    text, operands, stretched = equation
    want = np.einsum(text, *stretched)
    np.testing.assert_allclose(mg.einsum(text, *map(mg.tensor, operands)).numpy(), want, atol=1e-12)
    mg.gradcheck(lambda *xs: mg.einsum(text, *xs), operands)


@given(data=st.data())
def test_einsum_takes_diagonals_and_numbers_in_place_of_letters(data: Any) -> None:
    letters = string.ascii_uppercase + string.ascii_lowercase
    sizes = {"A": 2, "Z": 3, "a": 4, "z": 2}
    word = st.text("AZaz", max_size=4)
    words = data.draw(st.lists(word, min_size=1, max_size=3))
    result = data.draw(st.permutations(sorted(set("".join(words)))))[: data.draw(st.integers(0, 3))]
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    operands = [rng.standard_normal([sizes[c] for c in word]) for word in words]
    text = ",".join(words)
    numbers = []
    for x, word in zip(operands, words, strict=True):
        numbers += [mg.tensor(x), [letters.index(c) for c in word]]
    for end, more in (("", []), ("->" + "".join(result), [[letters.index(c) for c in result]])):
        want = np.einsum(text + end, *operands)
        for y in (mg.einsum(text + end, *map(mg.tensor, operands)), mg.einsum(*numbers, *more)):
            np.testing.assert_allclose(y.numpy(), want, atol=1e-12)


def test_einsum_has_numbers_for_52_letters_and_an_ellipsis() -> None:
    x, y = mg.randn(2, 3), mg.randn(3, 4)
    assert mg.equal(mg.einsum(x, [50, 51], y, [51, 0], [50, 0]), x @ y)
    assert mg.equal(mg.einsum(x, [..., 7], [7, ...]), x.T)
    for number in (-1, 52):
        with pytest.raises(
            ValueError, match=f"^einsum: expected numbers from 0 to 51, got {number}"
        ):
            mg.einsum(x, [0, number])
    for word in ("ij", 1):
        with pytest.raises(TypeError, match="^einsum: expected a list of numbers behind each oper"):
            mg.einsum(x, word)


def test_einsum_of_one_operand_in_another_order_is_a_view() -> None:
    x = mg.ones(2, 3)
    assert np.shares_memory(mg.einsum("ji", x).numpy(), x.numpy())
    assert mg.einsum("ij->", mg.tensor([[1, 2]])).dtype == mg.int64


def test_einsum_refuses_what_is_no_equation_and_no_list_of_operands() -> None:
    with pytest.raises(TypeError, match="^einsum: "):
        mg.einsum("ij", [mg.ones(2, 3)], mg.ones(2, 3))
    with pytest.raises(TypeError, match="^einsum: expected an equation such as"):
        mg.einsum(5, mg.ones(2, 3))


@pytest.mark.parametrize("n", [2, 3])
def test_einsum_adds_up_products_of_one_dtype(n: int) -> None:
    x, y = mg.ones(n), mg.ones(n, dtype=mg.float64)
    with pytest.raises(TypeError, match="^einsum: "):
        mg.einsum("i,i", x, y)
    for equation in ("i,j->ij", "i,i->i"):  # no sum: each product is of the wider dtype
        assert mg.einsum(equation, x, y).dtype == mg.float64
    assert mg.einsum("i,i", x[:1], y[:1]).dtype == mg.float64


def test_einsum_takes_more_dimensions_than_an_ellipsis_has_dots() -> None:
    x = mg.randn(1, 2, 1, 3, 2)
    assert mg.equal(mg.einsum("...->...", x), x) and mg.equal(
        mg.einsum("...i->i...", x), x.movedim(-1, 0)
    )
    y = mg.randn(3, 2)
    assert mg.allclose(mg.einsum("...i,...i->...", x, y), (x * y).sum(-1))
    assert mg.allclose(mg.einsum("...i,i...->...", y, x.movedim(-1, 0)), (x * y).sum(-1))


def test_einsum_refuses_what_does_not_fit() -> None:
    for equation, words in (
        ("i->i", "each of the 2 dimensions"),
        ("ij->ii", "each once"),
        ("ij->k", "letters of"),
    ):
        with pytest.raises(ValueError, match=words):
            mg.einsum(equation, mg.ones(2, 3))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_powers_of_zero_to_the_second_order(exponent: int, as_tensor: bool) -> None:
    """(xⁿ)' = n xⁿ⁻¹ and (xⁿ)'' = n (n - 1) xⁿ⁻² at 0 and beside it, never by dividing by x."""
    x = leaf([0.0, -2.0])
    power = mg.full((2,), float(exponent), dtype=mg.float64) if as_tensor else exponent
    (once,) = mg.grad((x**power).sum(), x, create_graph=True)
    want = [exponent * at ** (exponent - 1) if exponent else 0.0 for at in (0.0, -2.0)]
    assert once.tolist() == want
    if once.requires_grad:
        (twice,) = mg.grad(once.sum(), x, allow_unused=True)
        want = [
            exponent * (exponent - 1) * at ** (exponent - 2) if exponent > 1 else 0.0
            for at in (0.0, -2.0)
        ]
        assert (twice.tolist() if twice is not None else [0.0, 0.0]) == want


@pytest.mark.parametrize(
    "f", [mg.log, mg.sqrt, lambda x: 1 / x, lambda x: x**0.5], ids=["log", "sqrt", "1/x", "power"]
)
def test_a_pole_is_kept_out_by_a_second_where(f: Any) -> None:
    """A `where` after the function gives 0 · ∞ in the gradient, as in PyTorch.

    One before it too keeps it finite.
    """
    x = leaf([0.0, 4.0])
    with np.errstate(all="ignore"):
        (bad,) = mg.grad(mg.where(x > 0, f(x), 0.0).sum(), x)
    assert math.isnan(bad[0].item())
    (good,) = mg.grad(mg.where(x > 0, f(mg.where(x > 0, x, 1.0)), 0.0).sum(), x)
    assert good[0].item() == 0 and good[1].item() == bad[1].item()


REDUCTIONS = [
    "sum",
    "mean",
    "prod",
    "amax",
    "amin",
    "var",
    "std",
    "logsumexp",
    "norm",
    "any",
    "all",
]


@pytest.mark.parametrize("name", REDUCTIONS)
@given(x=hnp.arrays(float, (2, 3, 2), elements=st.integers(-9, 9), unique=True), data=st.data())
def test_keepdim_changes_the_shape_alone(name: str, x: np.ndarray, data: Any) -> None:
    """One dimension or several, counted from either end."""
    one = st.integers(-3, 2)
    dims = data.draw(one if name == "prod" else one | hnp.valid_tuple_axes(3, min_size=1))
    reduce = getattr(mg, name, None) or (lambda t, **settings: getattr(t, name)(**settings))
    here, there = leaf(x + 0.5), leaf(x + 0.5)
    a, kept = reduce(here, dim=dims), reduce(there, dim=dims, keepdim=True)
    shape = [1 if d in {k % 3 for k in np.atleast_1d(dims)} else n for d, n in enumerate(x.shape)]
    assert list(kept.shape) == shape
    np.testing.assert_array_equal(a.detach().numpy(), kept.detach().numpy().reshape(a.shape))
    positive = [k % 3 for k in np.atleast_1d(dims).tolist()]
    again = reduce(here, dim=positive[0] if np.ndim(dims) == 0 else tuple(positive))
    np.testing.assert_array_equal(again.detach().numpy(), a.detach().numpy())
    if a.requires_grad:
        g = np.random.default_rng(0).standard_normal(a.shape)
        for y in (a, kept):
            y.backward(mg.tensor(g.reshape(y.shape)))
        np.testing.assert_array_equal(here.grad.numpy(), there.grad.numpy())


@pytest.mark.parametrize("name", TABLE)
@few
@given(data=st.data())
def test_strides_change_no_number(name: str, data: Any) -> None:
    """Transposed, reversed, with gaps, repeated.

    What comes out is what comes of a new array of the same numbers.
    """
    sample, op = data.draw(TABLE[name].all), mg.OPS[name]
    new = [np.array(a, order="C") if isinstance(a, np.ndarray) else a for a in sample.args]
    plain = Sample(new, sample.settings, sample.seed)
    weights = laws.random(
        sample, laws.as_list(laws.function(op, plain)(*map(mg.Tensor, plain.floats)))
    )
    got, want = (laws.run(laws.function(op, s), s.floats, weights) for s in (sample, plain))
    for a, b in zip(sum(got, []), sum(want, []), strict=True):
        laws.must_agree(
            op,
            sample,
            "strided memory gives",
            laws.numbers(a),
            laws.numbers(b),
            "new memory",
            1e-12,
        )


def test_one_tensor_may_be_every_operand() -> None:
    w_ih, w_hh = np.random.default_rng(0).standard_normal((2, 12, 3))
    for f in (
        lambda x: x * x,
        lambda x: x / x + x - x,
        lambda x: x @ x.T,
        lambda x: mg.maximum(x, x) * x,
        lambda x: mg.where(x > 0, x, x),
        lambda x: mg.cat([x, x, x]) * mg.cat([x, x, x]),
        lambda x: mg.stack([x, x], 1).exp(),
        lambda x: F.linear(x, x, x[0]),
        lambda x: mg.einsum("ij,kj,ij->ik", x, x, x),
        lambda x: F.layer_norm(x, (3,), x[0], x[0]),
        lambda x: F.scaled_dot_product_attention(x, x, x),
        lambda x: mg.byhand.lstm(x[None], x, x, mg.tensor(w_ih), mg.tensor(w_hh), None, None),
        lambda x: mg.byhand.gru(
            x[None], x, x.repeat(3, 1), x.repeat(3, 1), x.flatten(), x.flatten()
        ),
    ):
        mg.gradcheck(f, [np.random.default_rng(1).standard_normal((3, 3))], order=2)


# Kinks: a finite difference may be taken wherever `smooth` leads.


@pytest.mark.parametrize("name", ["abs", "relu", "maximum", "amax"])
@given(data=st.data())
def test_smooth_samples_keep_away_from_kinks(name: str, data: Any) -> None:
    """All are linear in pieces: a thousandth to either side, far more than a finite difference
    goes, is one piece.
    """
    sample, op = data.draw(TABLE[name].smooth), mg.OPS[name]
    weights = laws.random(
        sample, laws.as_list(laws.function(op, sample)(*map(mg.Tensor, sample.floats)))
    )
    directions = [1e-3 * np.sign(d) for d in laws.random(sample, sample.floats, 1)]

    def slopes(sign: int) -> list[Any]:
        moved = [np.asarray(a + sign * d) for a, d in zip(sample.floats, directions)]
        return laws.run(laws.function(op, sample), moved, weights)[1]

    for a, b in zip(slopes(1), slopes(-1)):
        np.testing.assert_array_equal(laws.numbers(a), laws.numbers(b))


# float32


def test_float32_stays_float32_from_the_input_to_the_optimizer() -> None:
    """Each value and gradient of a training step, and what the optimizer keeps."""
    embedding, attention = nn.Embedding(7, 4), nn.MultiheadAttention(6, 2)
    lstm, gru, norm, head = (
        nn.LSTM(4, 3, bidirectional=True),
        nn.GRU(6, 6),
        nn.LayerNorm(6),
        nn.Linear(6, 5),
    )
    modules = nn.ModuleList([embedding, attention, lstm, gru, norm, head])
    optimizer = optim.AdamW(modules.parameters(), lr=1e-2)
    for lengths in (None, [3, 1]):
        hs = norm(
            gru(lstm(embedding(mg.randint(0, 7, (3, 2))), lengths=lengths)[0])[0]
            * np.sqrt(0.5).item()
        )
        mixed = (
            attention(hs, hs, hs)[0].mean(0) / 3
            + hs.std(0)
            + F.gelu(hs, approximate="tanh").amax(0)
        )
        loss = F.cross_entropy(head(mixed), mg.tensor([0, 4]), label_smoothing=0.1) + F.huber_loss(
            mixed, mixed * 0.5
        )
        nodes_youngest_first = backward.nodes_youngest_first([loss])
        seen = [
            a
            for node in nodes_youngest_first
            for a in node.args
            if isinstance(a, mg.Tensor) and a.array.dtype.kind == "f"
        ]
        assert len(seen) > 40 and {a.dtype for a in seen} == {loss.dtype} == {mg.float32}
        optimizer.zero_grad()
        loss.backward()
        assert nn.utils.clip_grad_norm_(modules.parameters(), 1.0).dtype == mg.float32
        optimizer.step()
        assert (
            {p.dtype for p in modules.parameters()}
            == {p.grad.dtype for p in modules.parameters()}
            == {mg.float32}
        )
    state = [
        t
        for entry in optimizer.state_dict()["state"].values()
        for n, t in entry.items()
        if n != "step"
    ]
    assert state and {t.dtype for t in state} == {mg.float32}


# Normalization


@given(x=hnp.arrays(float, (3, 4), elements=st.floats(-5, 5), unique=True), seed=st.integers(0, 99))
def test_a_layer_norms_gradient_has_neither_mean_nor_slope(x: np.ndarray, seed: int) -> None:
    """Adding to a row, or (but for ε) stretching it, changes nothing.

    The gradient is orthogonal to 1 and to x̂.
    """
    hypothesis.assume(x.std(1).min() > 0.1)
    t = leaf(x)
    F.layer_norm(t, (4,), eps=0.0).backward(
        mg.tensor(np.random.default_rng(seed).standard_normal((3, 4)))
    )
    for direction in (np.ones((3, 4)), x - x.mean(1, keepdims=True)):
        np.testing.assert_allclose((t.grad.numpy() * direction).sum(1), 0, atol=1e-9)


def test_layer_norm_of_a_constant_row_is_the_bias() -> None:
    x, w, b = leaf([[3.0, 3.0, 3.0], [1.0, 2.0, 6.0]]), leaf([1.0, 2.0, 3.0]), leaf([0.1, 0.2, 0.3])
    y = F.layer_norm(x, (3,), w, b)
    assert y[0].tolist() == b.tolist()
    y.backward(mg.tensor(np.array([[1.0, -2.0, 0.5]] * 2)))
    assert all(np.isfinite(t.grad.numpy()).all() for t in (x, w, b))
    row = np.array([1.0, 2.0, 6.0])
    want = (row - 3) / math.sqrt(
        ((row - 3) ** 2).mean() + 1e-5
    )  # the biased variance, ε under the root
    np.testing.assert_allclose(
        y[1].detach().numpy(), want * [1, 2, 3] + [0.1, 0.2, 0.3], rtol=1e-12
    )


# Global state

LEAVES = {
    "the grad mode": "mg.set_grad_enabled(False)",
    "the default dtype": "mg.set_default_dtype(mg.float64)",
    "the random numbers of Python": "import random; random.random()",
    "the random numbers of NumPy": "np.random.rand()",
    "an observer": "mg.autograd.mode.observer = object()",
}


def test_a_test_that_leaves_global_state_changed_fails(tmp_path: Path) -> None:
    """And the test after it finds everything as it was, minigrad's random numbers too."""
    lines = [line for line in LEAVES.values() for line in (line, "pass")]
    tests = [f"def test_{i}():\n    assert fresh()\n    {line}\n" for i, line in enumerate(lines)]
    head = (
        "import numpy as np, minigrad as mg\n"
        "def fresh():\n"
        "    state = mg.is_grad_enabled(), mg.get_default_dtype(), mg.autograd.mode.observer\n"
        "    return state == (True, mg.float32, None) and mg.rand(1).item() == FIRST\n"
        "mg.manual_seed(0)\n"
        "FIRST = mg.rand(1).item()\n"
    )
    (tmp_path / "test_leaves.py").write_text(head + "\n".join(tests), "utf-8")
    run = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "conftest",
        "-p",
        "no:cacheprovider",
        "test_leaves.py",
    ]
    path = f"{TESTS.parent}:{TESTS}"
    done = subprocess.run(
        run, cwd=tmp_path, env={"PYTHONPATH": path}, capture_output=True, encoding="utf-8"
    )
    for i, what in enumerate(LEAVES):
        assert f"ERROR test_leaves.py::test_{2 * i} " in done.stdout, f"{what}: {done.stdout}"
    assert f"{len(lines)} passed, {len(LEAVES)} errors" in done.stdout, done.stdout
