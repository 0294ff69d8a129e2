"""Random programs, run by minigrad and by PyTorch (tests/random_programs.py); some differed once.

`make trust` runs 200,000 more (tests/trust/test_many_programs.py).
"""

import random
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

import minigrad as mg

pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
import random_programs as programs

MATRIX = "x0 = t.tensor([[0.5, -1.0], [0.0, 2.0]], dtype=t.float64).requires_grad_()"
ROW = "x0 = t.tensor([0.5, -1.0, 0.0], dtype=t.float64).requires_grad_()"
NUMBER = "x0 = t.tensor(0.75, dtype=t.float64).requires_grad_()"
NOTHING = "x0 = t.tensor([], dtype=t.float64).requires_grad_()"
CUBE = "x0 = t.arange(24, dtype=t.float64).reshape(2, 3, 4).clone().requires_grad_()"

# Programs that gave another number, or were refused by one library, before the cause was mended
FOUND = {
    "the sum of three gradients of a number": [NUMBER, "x1 = x0[None] * x0[None] * x0[None]"],
    "the second derivative of a cumsum of a number": [
        NUMBER,
        "x1 = func.hessian(lambda a: (a.cumsum(0) ** 3).sum())(x0)",
    ],
    "the smallest of one number is no other name for it": [
        NUMBER,
        "x1 = x0.min(0).values",
        "with t.no_grad(): x0.zero_()",
    ],
    "a value with a graph is written to where nothing is recorded": [
        MATRIX,
        "x1 = x0 * 2",
        "with t.no_grad(): x1[0] += 1.5",
        "with t.no_grad(): x1[1] = 3.0",
    ],
    "what was repeated once is a copy": [
        MATRIX,
        "x1 = x0.detach().repeat(1, 1)",
        "x2 = x0.detach().tile((1,))",
        "x3 = x0.detach()[:1, :1].prod()",
        "with t.no_grad(): x0.zero_()",
    ],
    "an element of a vector that is unbound is a view": [
        ROW,
        "x1 = x0.detach().clone()",
        "x2 = x1.unbind()[1]",
        "x3 = [*x1][-1]",
        "x2 += 1.5",
        "x3.zero_()",
        "x4 = t.stack(x0.unbind()[1:])",
    ],
    "what is ravelled is a view where it lies in order": [
        CUBE,
        "x1 = x0.detach().clone()",
        "x2 = x1.ravel()",
        "x3 = x1[..., ::2].ravel()",
        "x4 = x1.mT.ravel()",
        "x5 = x1[0, 0].ravel()",
        "x1 *= 2",
    ],
    "a diagonal by einsum is a view": [
        MATRIX,
        'x1 = t.einsum("ii->i", x0.detach())',
        'x2 = t.einsum("ii", x0) + t.einsum("ii->i", x0)',
        'x3 = t.einsum("...ii->...i", x0[None] * x0)',
        "x1.zero_()",
    ],
    "what was repeated lies in order as another dtype": [
        CUBE,
        "x1 = x0.detach().long()[:, :1].expand(2, 3, 4).double()",
        "x1.reshape(-1).add_(1)",
        "x2 = x0.detach().cumprod(0)",
        "x2.reshape(-1).add_(2)",
    ],
    "what was reversed is a copy": [
        MATRIX,
        "x1 = x0.detach().flip(0)",
        "with t.no_grad(): x0.zero_()",
    ],
    "what einsum only permutes is a view": [
        MATRIX,
        'x1 = t.einsum("ij->ji", x0.detach())',
        "x1 += 1",
    ],
    "a derivative of a derivative where nothing is recorded": [
        ROW,
        "with t.no_grad(): x1 = func.jvp(func.grad(lambda a: (a**3).sum()), (x0,), (x0,))[1]",
        "with t.no_grad(): x2 = func.jvp(lambda a: a.sin(), (x0,), (x0,))[1]",
        "x3 = x0 * x0",
        "with t.no_grad(): x4 = grad([x3.sum()], [x0], create_graph=True)[0]",
    ],
    "a use before a recorded change is not forgotten": [
        ROW,
        "x1 = x0 * 2",
        "x2 = (x1 + 1) ** 2",
        "x1 /= 2",
    ],
    "an integer and an array with a slice between them": [
        CUBE,
        "x1 = x0[0, :, [1, 2]]",
        "x2 = x0[[0, 1], :, 0]",
        "x3 = x0[-1, None, [0, 2, 1]]",
        "x4 = x0[t.tensor(1), ..., t.tensor([3, 0])]",
        "x5 = x0.detach().clone()",
        "x5[0, :, [1, 2]] = t.arange(6, dtype=t.float64).reshape(3, 2)",
        "x5[1, :, [1, 2]] += 10",
    ],
    "the derivative of a ** b by both": [
        ROW,
        "x1 = (x0 * x0 + 0.5) ** (x0 + 1.5)",
        "x2 = func.hessian(lambda a: ((a * a + 0.5) ** (a * 2 + 1.5)).sum())(x0)",
    ],
    "a fresh value lies in order, so that its reshape is a view": [
        CUBE,
        "x1 = x0.detach().index_select(2, t.tensor([1, 1]))",
        "x1.reshape(-1).add_(1)",
        "x2 = x0.detach()[:, [0, 1]]",
        "x2.reshape(-1).mul_(2)",
        "x3 = x0.detach().mT.contiguous()",
        "x3.view(-1).add_(3)",
        "x4 = x0.detach()[0, :1].tile((2, 1))",
        "x4.view(-1).add_(4)",
        "x5 = x0.detach().mT.softmax(1) + 0",
        "x5.reshape(-1).add_(5)",
        "x6 = x0.detach().mT.log_softmax(-1) + 0",
        "x6.reshape(-1).add_(6)",
        "x7 = x0.detach().mT.cumsum(0)",
        "x7.reshape(-1).add_(7)",
        "x8 = x0.detach().mT.roll(1, 0)",
        "x8.reshape(-1).add_(8)",
        "x9 = F.layer_norm(x0.detach().mT, (3,))",
        "x9.reshape(-1).add_(9)",
        "x10 = F.logsigmoid(x0.detach().mT)",
        "x10.reshape(-1).add_(10)",
        "x11 = t.cat([x0.detach().mT, x0.detach().mT], 1)",
        "x11.reshape(-1).add_(11)",
        "x12 = t.stack([x0.detach().mT, x0.detach().mT], 1)",
        "x12.reshape(-1).add_(12)",
        "x13 = t.vstack([x0.detach().mT, x0.detach().mT])",
        "x13.reshape(-1).add_(13)",
    ],
    "a missing gradient stops where the slope is 0": [
        ROW,
        "x1 = (x0.amin() - 1).relu().sqrt()",
        "x2 = x0.amin().std()",
        "x3 = (x0.amax() - 1).relu().std()",
    ],
    "an infinite gradient stops where the slope is 0": [
        MATRIX,
        "x1 = x0.clamp(min=0).sqrt()",
        "x2 = (-x0).clamp(max=1).rsqrt()",
        "x3 = t.where(x0 > 0, x0, 0.0).sqrt()",
        "x4 = x0.masked_fill(x0 < 0, 0.0).sqrt()",
        "x5 = t.maximum(x0, x0.detach() * 0).sqrt()",
        "x6 = F.hardtanh(x0, 0.0, 1.0).sqrt()",
        "x7 = F.pad(x0[1:], (1, 1)).sqrt()",
        "x8 = x0.relu().norm(dim=1)",
        "x9 = F.relu6(x0).sqrt()",
    ],
    "values that fit, as PyTorch has it": [
        MATRIX,
        "x1 = x0 * 2",
        "x1[0, 0] = x0[:1, :1] * 3",
        "x1[x1 > 1] = x0[1:, :1] * 3",
        "x1[0, [0, 1]] = x0[:1][None, None]",
        "x1[..., []] = x0[:, :0]",
        "x1[[]] = x0[:, :0]",
        "x1[x1 > 100] = x0[:, :0]",
        "x2 = x0.sum()",
        "x2[...] = x0[:1, :1]",
    ],
    "integers that are tensors pick a view": [
        CUBE,
        "x1 = x0 * 2",
        "x2 = x1[t.tensor(1)]",
        "x3 = x1[:, t.tensor(-1)]",
        "x4 = x1[t.tensor(0), 1, t.tensor(2)]",
        "x2 += 1",
        "x3[0] *= 3",
        "x4 *= 5",
        "x5 = x1[t.tensor(1), [0, 2]]",
        "x5 += 1",
    ],
    "a number by no index is a view": [
        NUMBER,
        "x1 = x0.detach()[()]",
        "x1 += 1",
        "x2 = x0 * 2",
        "x3 = x2[()]",
        "x3 *= 3",
    ],
    "a copy from memory that is written to": [
        CUBE,
        "x1 = x0.detach().clone()",
        "x1.copy_(x1[..., 2:3])",
        "x1[:, 1:] = x1[:, :-1]",
        "x1[0] = x1[0].flip(0)",
    ],
    "nothing is written": [
        NOTHING,
        "x1 = x0.detach().repeat(2, 0)",
        "x1[1:].mul_(2)",
        "x1.add_(1)",
        "x2 = x0.detach().reshape(0, 2)",
        "x3 = t.tensor([], dtype=t.float64)",
        "x3.copy_(x2)",
    ],
    "the shape of what is copied": [
        NUMBER,
        "x1 = x0.detach().clone()",
        "x1.copy_(t.ones(1, dtype=t.float64))",
    ],
    "a Jacobian of nothing can be differentiated": [
        NOTHING,
        "x1 = func.jvp(func.jacobian(lambda a: a.tanh()), (x0,), (x0,))[1].clone()",
        "x1.sum().backward()",
    ],
    "an assignment of what was detached from the same memory is one": [
        MATRIX,
        "x1 = x0.sum()",
        "with t.no_grad(): x2 = x1[...].detach()",
        "x2[...] = x1[...]",
    ],
    "an element that is a view of its row, changed in place": [
        ROW,
        "x1 = 3.0 - x0",
        "x1[0] += 1.5",
        "x1[1] = x1[2]",
    ],
    "a number that is changed through its view": [
        ROW,
        "x1 = x0.sum()",
        "x1.reshape(1, 1).mul_(2)",
        "x1[None] += 1.5",
    ],
    "a second derivative after a number was changed": [
        ROW,
        "x1 = x0.sum(0, keepdim=True)",
        "x2 = x1.clone()",
        "x2[1:] = -1.5",
        "x2 += x1",
    ],
    "a part of a number's view, named several times": [
        NUMBER,
        "x1 = x0 * 2",
        "x2 = x1.flatten()",
        "x2[..., [0, -1, 0]] += 1.5",
        "x3 = x1[None, None]",
        "x3[0, [[0, 0], [0, 0]]] *= x0",
        "x3[0, [0, 0, 0]] = t.arange(3, dtype=t.float64) * x0",
        "x3[:, [0, 0]] += x1 * x0.sin()",
    ],
    "a view of a number that shows it several times, or never": [
        NUMBER,
        "x1 = x0 * 2",
        "x2 = x1.expand(3)",
        "x3 = x1.view(-1)[1:1]",
        "x3 /= 1.5",
        "x4 = x1[None, None]",
        "x1 *= x0",
        "x5 = x2 * 3",
        "with t.no_grad(): x6 = x4[0] + x3.sum()",
        "x7 = x4 * x0",
        "x8 = func.grad(lambda a: (a * x2).sum() * x4.sum() + x3.sum())(x0)",
    ],
    "a number that fills a slice which is named twice": [
        ROW,
        "x1 = x0 * 2",
        "x2 = x1.index_fill(0, t.tensor([0, 2, 0]), x0[1])",
        "x1.index_fill_(0, t.tensor([0, 0]), x1[2])",
    ],
    "nothing is written, with a gradient": [
        ROW,
        "x1 = x0.detach()",
        "x1[1:1] *= x0[:0]",
        "x2 = x0[:0].detach()",
        "x2[:] = x0[:0] * 2",
    ],
    "attention to a vector": [ROW, "x1 = F.scaled_dot_product_attention(x0, x0, x0)"],
    "a gradient that a constant should keep": [ROW, "x1 = x0.detach()", "x1.retain_grad()"],
    "what has nothing to flatten or to pad": [ROW, "x1 = x0.flatten()", "x2 = F.pad(x0, ())"],
    "a gradient of another shape than its output": [
        ROW,
        "x1 = x0.detach() * 2",
        "x2 = grad([x1], [x0], [x0[:2].detach()], materialize_grads=True)[0]",
    ],
}


@pytest.mark.parametrize("lines", FOUND.values(), ids=FOUND)
def test_a_program_that_differed_once(lines: list[str]) -> None:
    assert programs.disagreement(lines) == ""


@pytest.mark.parametrize("start", range(0, 400, 50))
def test_random_programs_agree_with_pytorch(start: int) -> None:
    for seed in range(start, start + 50):
        programs.check(random.Random(seed))


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_a_change_of_a_part_is_pytorchs_or_is_refused_with_nothing_written(start: int) -> None:
    for seed in range(start, start + 100):
        lines = programs.change_of_a_part(random.Random(seed))
        found = programs.disagreement(lines)
        assert not found, "\n".join([*lines, found])


@hypothesis.given(st.randoms(use_true_random=False))
def test_programs_that_hypothesis_draws_agree_with_pytorch(draw: Any) -> None:
    programs.check(draw)


def test_a_second_derivative_of_a_power_by_base_and_exponent_is_right_at_0() -> None:
    """d/db (b aᵇ⁻¹) = 1/a at b = 0, where PyTorch gives 0."""
    a = mg.tensor([2.0, 4.0], dtype=mg.float64, requires_grad=True)
    b = mg.zeros(2, dtype=mg.float64).requires_grad_()
    (slope,) = mg.grad((a**b).sum(), a, create_graph=True)
    assert slope.tolist() == [0, 0]
    (mixed,) = mg.grad(slope.sum(), b)
    assert mixed.tolist() == [0.5, 0.25]


def test_a_planted_fault_is_found_and_its_program_made_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mg.Tensor, "tanh", mg.Tensor.sin)
    lines: list[str] = []
    for seed in range(200):
        try:
            programs.check(random.Random(seed))
        except programs.Disagreement as error:
            lines = error.lines
            break
    assert lines
    assert len(programs.minimal(lines)) <= 3


def test_what_only_one_library_takes_is_a_disagreement_unless_it_has_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_we, only_they = [NUMBER, "x1 = x0.mT"], [NUMBER, "x1 = x0.roll(1, 0)"]
    assert programs.disagreement(only_we) == programs.disagreement(only_they) == ""
    monkeypatch.setattr(programs, "ONLY_WE_REFUSE", {})
    monkeypatch.setattr(programs, "ONLY_THEY_REFUSE", {})
    assert "only minigrad refuses it" in programs.disagreement(only_we)
    assert "only PyTorch refuses it" in programs.disagreement(only_they)
