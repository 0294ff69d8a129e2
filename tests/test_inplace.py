"""Changes in place with recording on: the numbers and gradients are PyTorch's, or both refuse."""

import copy
import gc
import re
import weakref
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")


def leaves(library: Any) -> dict[str, Any]:
    """The tensors of a program: a (2,3), b (3,), m a mask, i indices."""
    floats = {"dtype": library.float64, "requires_grad": True}
    return {
        "t": library,
        "a": library.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], **floats),
        "b": library.tensor([0.5, -1.0, 2.0], **floats),
        "m": library.tensor([[True, False, True], [False, False, True]]),
        "i": library.tensor([1, 0]),
        "zeros": lambda *shape: library.zeros(*shape, dtype=library.float64),
    }


def outcome(library: Any, program: str) -> Any:
    """The values of y and the gradients of a and b for a random cotangent; None where refused."""
    names = leaves(library)
    try:
        exec(program, names)
        y = names["y"]
        weights = np.random.default_rng(0).standard_normal(tuple(y.shape))
        (y * library.tensor(weights)).sum().backward()
    except RuntimeError:
        return None
    gradients = [names[leaf].grad for leaf in "ab"]
    return [y.detach().numpy(), *[None if g is None else g.numpy() for g in gradients]]


def same_as_pytorch(program: str) -> None:
    ours, theirs = outcome(mg, program), outcome(torch, program)
    assert (ours is None) == (theirs is None), (ours, theirs)
    for our, their in zip(ours or (), theirs or (), strict=True):
        if their is None:
            assert our is None
        else:
            np.testing.assert_allclose(our, their, rtol=1e-9, strict=True)


PROGRAMS = {
    "rows of a result": "y = zeros(4, 3)\nfor t in range(4): y[t] = a[t % 2] * b + t\ny = y * y",
    "columns": "y = zeros(3, 2)\ny[:, 0] = b * b\ny[:, 1] = a[0]",
    "a mask and numbers": "y = a * 2\ny[m] = 0.0\ny[y > 9] = b[0]",
    "values by a mask": "y = a * 2\ny[m] = b * 3",
    "index arrays": "y = a * 2\ny[i, i] = b[:2]\ny[:, i] *= b[1]",
    "broadcast": "y = zeros(2, 2, 3)\ny[...] = b\ny[1] = a[:1]\ny[0, 0] = a[1:] * 2",
    "a new dimension": "y = a * 1\ny[:, None][0] = b",
    "an element of a row": "y = zeros(2, 3)\ny[0][2] = b[1]\ny[1, 1] = b[0]",
    "the transpose": "y = zeros(2, 3)\ny.t()[0] = b[:2]\ny.T[1:, 1] = b[1:] * a[0, 1:]",
    "a row plus": "y = a * 2\ny[0] += b\ny[1] *= b\ny[:, 1] -= a[:, 0]",
    "a view made before": "x = a * 2\nv = x[0]\nx[0] = b * b\ny = v * 3 + x.sum()",
    "a view of a view made before": "x = a * 2\nv = x.T[1:].reshape(2, 2)\nw = x.T[1:]\n"
    "x[1] = b * b\ny = w * 3",
    "a view changed": "y = a * 1\nc = y.reshape(6)\nc[2:5] = b\nc *= 2\ny = y + c.reshape(2, 3)",
    "uses before and after": "x = a * 2\nu = x + 1\ns = x.sum()\nx[0] = b * s\ny = u + x + s",
    "a use that reads what changes": "x = a * 2\nu = x * b\nx[0] = b\ny = u + x",
    "a value that reads itself": "y = a.exp()\ny[0] = b\ny = y * 2",
    "states": "y = zeros(4, 3)\nfor t in range(1, 4): y[t] = y[t - 1] + a[t % 2]",
    "states that are read": "y = zeros(4, 3)\nfor t in range(1, 4): y[t] = y[t - 1] * b",
    "clones of states": "y = zeros(4, 3)\n"
    "for t in range(1, 4): y[t] = y[t - 1].clone() * b + a[t % 2]",
    "a leaf": "a[0] = b\ny = a",
    "a part of a leaf": "a[0][1:] = b[1:]\ny = a",
    "through detach": "x = zeros(2, 3)\nx.detach()[0] = b\nx.detach()[1] = 3.0\ny = x + a",
    "without recording": "y = a * 1\nwith t.no_grad(): y[0] = 5.0\ny = y * b",
    "without recording, read": "x = a * 1\ny = x * b\nwith t.no_grad(): x[0] = 5.0",
    "in all ways": "y = a * 2\ny.mul_(a)\ny += b\ny -= b * b\ny /= b\ny.add_(a, alpha=3)\ny **= 2",
    "constants": "y = a * b\ny.zero_()\ny.copy_(b)\ny[1].fill_(2.0)\ny[0, 0] = b[1]",
    "clamp": "y = a * b\ny.clamp_(-1, 5)\ny.masked_fill_(m, 7.0)",
    "a bound that learns": "y = a * 2\ny.clamp_(min=b)",
    "one after the other": "y = a * 0.1\ny.sin_()\ny.tanh_()\ny = y * b",
    "in two ways": "y = a * 0.1\nz = y.clone().sigmoid_()\ny.neg_()\ny.abs_()\ny += z",
    "shapes": "y = (a * 2).view(3, 2)\ny.unsqueeze_(0)\ny.transpose_(0, 1)\ny[1] = b[:2]\n"
    "y.squeeze_(1)\ny.t_()",
    "the shape of a leaf": "a.unsqueeze_(0)\ny = a",
    "detached": "x = a * b\nu = x.sum()\nx.detach_()\nx[0] = 1.0\ny = x + b + u",
    "a detached view": "x = (a * b)[0]\nx.detach_()\ny = x + a",
    "float32 into float64": "y = zeros(2, 3)\ny[0] = (b * b).float()",
    "rows exchanged": "y = a * b\ny[0], y[1] = y[1], y[0]",
    "elements exchanged": "y = b * 2\ny[0], y[1] = y[1], y[0]",
    "a view that is stale": "x = a * 2\nv = x[1]\nx *= b\ny = a * 1\ny[0] = v",
    "elements in a loop": "x = b.detach() * 1\nfor e in x: e.mul_(3.0)\ny = x * b",
    "a view of a later leaf": "y = zeros(3)\nv = y[1:]\ny.requires_grad_()\nv.mul_(2.0)",
    "a view that was not recorded": "y = a * 1\nwith t.no_grad(): v = y[0]\nv.mul_(b)",
    "a view that was not recorded, by a number": "y = a * 1\nwith t.no_grad(): v = y[0]\nv *= 2",
    "the shape of a leaf, not recorded": "with t.no_grad(): b.unsqueeze_(0)\ny = b * a",
    "the shape of a leaf, changed after use": "z = a * b\n"
    "with t.no_grad(): b.unsqueeze_(0)\ny = z * b",
    "as optimizers are written": "y = a * 1\ny.lerp_(b, 0.1)\ny.mul_(0.9)\ny.addcmul_(a, b, "
    "value=0.5)\ny.addcdiv_(b, a * a + 1, value=-0.1)\ny.addcmul_(a, tensor2=b)",
    "an argument by name": "y = zeros(2, 3)\ny.atan2_(other=a)\ny.fmod_(other=b)",
    "itself": "y = a * 2\ny[0] = y[1]\ny[:, 0] = y[:, 1] + y[:, 2]",
    "sums of itself": "y = a * 2\ny += y\ny[0] += y[1]\ny[0] += y[0]",
    "a row plus, of a result": "y = zeros(2, 3)\nfor t in range(4): y[t % 2] += a[t % 2] * b",
    "no rows": "y = a * 2\ny[:0] = b\ny[2:] += 1.0",
    "the whole of a scalar": "y = a.sum()\ny[...] = b[0] * y.detach()\ny += b.sum()",
}


@pytest.mark.filterwarnings("ignore:The use of `x.T`")
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_change_in_place(program: str) -> None:
    same_as_pytorch(program)


NEW = (
    "x[0] ; x[1:] ; x.t() ; x.reshape(-1)[1:5].reshape(2, 2) ; x + z ; x * z ; x.tanh() ;"
    "x.clone() ; x[-1] ; x[0, 1] ; x.diagonal() ; x.detach()"
)
CHANGES = (
    "x[0] = z[0] ; x[:1] = z[-1:] ; x[i] = z[:1] * 2 ; x[1] += z[0] ; x[:, 0] *= 0.5 ;"
    "x += z[:1] * 1 ; x *= 0.5 ; x -= z ; x.t()[0] = z[0, 0] ; x.reshape(-1)[1:3] = z[0, :2] ;"
    "x.tanh_() ; x[0] = 1. ; x[...] = z ; x[0] = z ; x.copy_(z) ; x[0], x[1] = x[1], x[0] ;"
    "x[0], z[0] = z[0], x[0] ; x.mul_(z) ; x.lerp_(z, 0.3) ; x.t_()"
)


def random_program(draw: Random) -> str:
    """Lines that make tensors of two columns and more of each other, or change one in place."""
    lines = ["p0 = a * 1", "p1 = zeros(2, 3)", "p2 = b * a"]
    for n in range(3, draw.randint(6, 14)):
        is_change = draw.random() < 0.6
        template = draw.choice((CHANGES if is_change else NEW).split(";")).strip()
        x, z = (f"p{draw.randrange(n)}" for _ in range(2))
        line = re.sub(r"\bx\b", x, re.sub(r"\bz\b", z, template))
        lines.append(line if is_change else f"p{n} = {line}")
        if is_change:
            lines.append(f"p{n} = p{draw.randrange(n)}")
    return "\n".join(lines)


def run_lines(library: Any, program: str, stop: int | None = None) -> tuple[Any, int]:
    """The names after the lines that are taken, up to the first that is refused, and how many."""
    names = leaves(library)
    lines = program.split("\n")[:stop]
    for n, line in enumerate(lines):
        try:
            exec(line, names)
        except (RuntimeError, IndexError, ValueError):
            return names, n
    return names, len(lines)


def values_and_gradients(library: Any, names: Any) -> Any:
    values = [names[name] for name in sorted(names) if name[0] == "p"]
    numbers = [value.detach().numpy().copy() for value in values]
    weights = np.random.default_rng(1)
    loss: Any = 0.0
    for value in values:
        loss = loss + (value * library.tensor(weights.standard_normal(tuple(value.shape)))).sum()
    try:
        loss.backward()
    except RuntimeError:
        return numbers, None
    zeros = np.zeros(3)
    return numbers, [zeros if names[n].grad is None else names[n].grad.numpy() for n in "ab"]


@pytest.mark.parametrize("seed", range(300))
def test_random_programs(seed: int) -> None:
    """As far as both take the lines, the values agree; and the gradients where both give them."""
    program = random_program(Random(seed))
    _, taken = run_lines(mg, program)
    _, taken_there = run_lines(torch, program)
    stop = min(taken, taken_there)
    ours = values_and_gradients(mg, run_lines(mg, program, stop)[0])
    theirs = values_and_gradients(torch, run_lines(torch, program, stop)[0])
    for our, their in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-9, err_msg=program)
    if ours[1] is not None and theirs[1] is not None:
        for our, their in zip(ours[1], theirs[1], strict=True):
            np.testing.assert_allclose(our, their, rtol=1e-9, atol=1e-12, err_msg=program)


# What PyTorch's numbers do not show


def test_a_copy_of_a_name_follows_what_is_recorded() -> None:
    a = mg.tensor([1.0, 2.0], requires_grad=True)
    y = a * 2
    z = copy.copy(y)
    y.mul_(a)
    z.sum().backward()
    assert z.tolist() == [2, 8] and a.grad.tolist() == [4, 8]


def test_a_deep_copy_of_a_view_is_no_view() -> None:
    whole = mg.ones(4)
    part = whole[1:3]
    part.kind = ["a list"]
    copied = copy.deepcopy(part)
    weight = mg.tensor([5.0, 6.0], requires_grad=True)
    copied.mul_(weight)
    copied.sum().backward()
    assert weight.grad.tolist() == [1, 1] and copied.tolist() == [5, 6]
    assert whole.tolist() == [1] * 4 and not whole.requires_grad
    assert copied.kind == part.kind and copied.kind is not part.kind
    part.mul_(weight)
    with pytest.raises(RuntimeError, match="deepcopy: this tensor has a graph behind it"):
        copy.deepcopy(whole[:2])


def test_a_view_of_what_was_detached_later_keeps_its_graph() -> None:
    a = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = a * 1
    part = y[:2]
    y.div_(2)
    y.detach_()
    part.sum().backward()
    assert a.grad.tolist() == [0.5, 0.5, 0] and not y.requires_grad


def test_a_view_of_memory_that_was_taken_away_is_no_view_any_more() -> None:
    whole, weight = mg.ones(3), mg.tensor([4.0, 5.0], requires_grad=True)
    part = whole[1:]
    whole.data = mg.zeros(3)
    part.mul_(weight)
    part.sum().backward()
    assert weight.grad.tolist() == [1, 1] and part.tolist() == [4, 5]
    assert whole.tolist() == [0] * 3 and not whole.requires_grad


def test_a_leaf_whose_memory_becomes_a_value_is_refused() -> None:
    whole, weight = mg.ones(3), mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    part = whole[:2].requires_grad_()
    whole.mul_(weight)
    with pytest.raises(RuntimeError, match="requires_grad: expected a leaf that is changed under"):
        part * 2
    assert part.detach().tolist() == [1, 2]


def test_second_derivatives_go_through_an_assignment() -> None:
    def f(a: Any, b: Any) -> Any:
        y = mg.zeros(2, 3, dtype=mg.float64)
        y[0] = a * b
        y[0] *= b
        y[1, 1:] = a[1:] ** 3
        return y * y

    a = mg.tensor([1.0, 2.0, 3.0], dtype=mg.float64, requires_grad=True)
    b = mg.tensor([0.5, -1.0, 2.0], dtype=mg.float64, requires_grad=True)
    mg.gradcheck(f, [a, b], order=2)


@pytest.mark.untraced
def test_a_long_loop_of_assignments_is_differentiated_and_freed() -> None:
    w = mg.ones(1, requires_grad=True)
    out = mg.zeros(20_000)
    for t in range(20_000):
        out[t] = w[0]
    out.sum().backward()
    assert w.grad.item() == 20_000
    del out


def test_the_memory_is_written_to_and_not_copied() -> None:
    out = mg.zeros(4, 3)
    memory = out.array
    w = mg.ones(3, requires_grad=True)
    for t in range(4):
        out[t] = w
    out += w
    out[0] *= w
    assert out.array is memory and memory[0].tolist() == [2, 2, 2]


def test_what_is_assigned_is_freed_after_backward() -> None:
    def train() -> weakref.ref[Any]:
        w = mg.ones(3, requires_grad=True)
        out = mg.zeros(2, 3)
        value = w * 2
        out[0] = value
        out[1] += out[0]
        out.sum().backward()
        return weakref.ref(value)

    gc.disable()
    try:
        value = train()
        assert value() is None
    finally:
        gc.enable()


def test_an_assignment_moves_between_devices_and_dtypes() -> None:
    import strict_device

    w = mg.tensor([1.0, 2.0], requires_grad=True)
    out = mg.zeros(2, 2, dtype=mg.float64, device=strict_device.NAME)
    out[0] = w * 3
    out[:, 1] += (w * w).to(strict_device.NAME)
    out.sum().backward()
    assert out.tolist() == [[3, 7], [0, 4]] and w.grad.tolist() == [3 + 2, 3 + 4]
    assert w.grad.dtype == mg.float32


RANDOM: dict[str, Callable[[Any], Any]] = {
    "uniform_": lambda x: x.uniform_(-2, 3),
    "normal_": lambda x: x.normal_(1.0, 2.0),
    "bernoulli_": lambda x: x.bernoulli_(0.3),
}
MOMENTS = {"uniform_": (0.5, 25 / 12), "normal_": (1.0, 4.0), "bernoulli_": (0.3, 0.21)}


@pytest.mark.parametrize("name", RANDOM)
def test_numbers_at_random_in_place(name: str) -> None:
    mg.manual_seed(1)
    x = mg.zeros(20_000)
    assert RANDOM[name](x) is x and x.dtype == mg.float32
    mean, variance = MOMENTS[name]
    assert abs(x.mean().item() - mean) < 0.06 and abs(x.var().item() - variance) < 0.1
    with pytest.raises(RuntimeError, match=f"{name}: .* a leaf that requires one"):
        RANDOM[name](mg.zeros(2, requires_grad=True))


def test_a_generator_has_a_stream_of_its_own() -> None:
    def draw(generator: Any) -> Any:
        return mg.zeros(3).normal_(generator=generator).tolist()

    mg.manual_seed(0)
    first = draw(mg.Generator().manual_seed(5))
    assert first == draw(mg.Generator().manual_seed(5)) != draw(None)
    with pytest.raises(TypeError, match="uniform_: expected generator to be a minigrad.Generator"):
        mg.zeros(2).uniform_(generator=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "call, kind, words",
    [
        (lambda: mg.zeros(2).uniform_(2, 1), ValueError, "uniform_: expected from below to, both"),
        (lambda: mg.zeros(2).uniform_(high=1), TypeError, r"uniform_: expected from, to and gen"),
        (lambda: mg.zeros(2).normal_(0, -1), ValueError, "normal_: expected std of 0 or more"),
        (lambda: mg.zeros(2).bernoulli_(1.5), ValueError, "bernoulli_: expected p from 0 to 1"),
        (lambda: mg.tensor([1]).normal_(), TypeError, r"normal_: expected floats, got int64"),
        (lambda: (mg.ones(2) * 1)[0:1].detach_(), RuntimeError, "detach_: expected a tensor with"),
    ],
)
def test_what_is_refused(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()
