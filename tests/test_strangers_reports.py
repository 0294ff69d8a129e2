"""Programs after reports to other frameworks; tests/STRANGERS.md says which."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn
import nn.functional

REFUSED = (RuntimeError, ValueError, IndexError, TypeError)
PROGRAMS = {
    "separated": """
x = a(2, 3, 4, 5)
found = [x[:, [0], :, 0], x[:, [0, 1], :, 0], x[0, :, [1, 2]]]
""",
    "ellipsis": """
found = [a(3, 4, 5)[:, (0, 1), ..., (0, 1)]]
""",
    "lists": """
x = a(3, 4)
found = [a(5)[[0, 3]], x[[0, 1]], x[[0, 1], 1:], x[[0, 1], 1], x[[0, 1], [1]]]
""",
    "zero power": """
x = leaf([0.0, 1.0])
(x**0).sum().backward()
found = [x.grad]
""",
    "power of zero": """
a0 = leaf([0.0, 2.0]).detach()
b = leaf([1.0, 1.0])
(a0**b).sum().backward()
found = [b.grad]
""",
    "negative base": """
x = leaf([-2.0, 3.0])
(x ** t.tensor([2.0, 2.0], dtype=t.float64)).sum().backward()
found = [x.grad]
""",
    "nested power": """
x = leaf([0.0, 0.0])
p = leaf([1.0, 1.0]).detach()
y = x**p
g = grad([y[0] * y[1]], [x], create_graph=True)[0]
found = [g, grad([g[0]], [x])[0]]
""",
    "integer power": """
m = leaf([0.5, 0.5])
(m * 2.0 ** t.tensor([-1.0, 3.0], dtype=t.float64)).sum().backward()
found = [m.grad]
""",
    "prod of a zero": """
x = leaf([2.0, 0.0, 3.0])
x.prod().backward()
y = leaf([0.0])
y.prod(0).backward()
found = [x.grad, y.grad]
""",
    "prod of nothing": """
x = leaf([[], []])
x.cumsum(-1).sum().backward()
found = [x.grad]
""",
    "norm at 0": """
x = leaf([0.0, 0.0])
(x.norm() ** 2 + x.norm()).backward()
y = leaf([[0.0, 0.0]])
y.norm(dim=-1).sum().backward()
found = [x.grad, y.grad]
""",
    "std of a constant": """
x = leaf([[1.0, 1.0], [2.0, 2.0]])
x.std(1).sum().backward()
found = [x.grad]
""",
    "all ignored": """
x = leaf([[1.0, 2.0, 3.0]])
y = t.tensor([-100])
found = [F.cross_entropy(x, y), F.cross_entropy(x, y, reduction='none')]
found += [F.cross_entropy(x, y * 0 - 1, ignore_index=-1)]
""",
    "ignored above": """
x = leaf([[1.0, 2.0, 3.0], [0.5, 0.1, 0.0]])
y = t.tensor([1, 255])
found = [F.cross_entropy(x, y, ignore_index=255, reduction=r) for r in ('none', 'mean')]
""",
    "ignored class": """
x = leaf([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
l = F.cross_entropy(x, t.tensor([0, 2]), ignore_index=0)
l.backward()
found = [l, x.grad]
""",
    "wrong target": """
found = F.cross_entropy(a(2, 3), t.tensor([0, -4]), ignore_index=-1)
""",
    "infinite clip": """
x = leaf([1.0, 2.0])
(x * math.inf).sum().backward()
found = [nn.utils.clip_grad_norm_([x], 1.0), x.grad]
""",
    "refused clip": """
x = leaf([1.0])
(x * math.inf).sum().backward()
found = nn.utils.clip_grad_norm_([x], 1.0, error_if_nonfinite=True)
""",
    "clip of nothing": """
found = [nn.utils.clip_grad_norm_([leaf([1.0])], 1.0).double()]
""",
    "copy in a vjp": """
def f(x):
    y = x.new_tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]) * x.sum()
    y[[0, 1], [1, 2]] = x
    return y
found = [func.vjp(f, a(2))[1](a(2, 3))[0]]
""",
    "jvp by vjp": """
found = [func.jvp(lambda x: x.sin() * x, (a(3),), (a(3) + 1,))[1]]
""",
    "no_grad inside": """
def f(x):
    with t.no_grad(): c = x**2
    return c * x
found = [func.jacobian(f)(a(3))]
""",
    "cosine again": """
o = optim.SGD([leaf([1.0])], lr=0.5)
found = []
for _ in range(2):
    s = optim.lr_scheduler.CosineAnnealingLR(o, 3)
    for _ in range(3):
        o.step()
        s.step()
        found.append(t.tensor(o.param_groups[0]['lr'], dtype=t.float64))
""",
    "cosine loaded": """
o = optim.SGD([leaf([1.0])], lr=0.5)
s = optim.lr_scheduler.CosineAnnealingLR(o, 8)
for _ in range(3):
    o.step()
    s.step()
so, ss = o.state_dict(), s.state_dict()
o = optim.SGD([leaf([1.0])], lr=0.5)
s = optim.lr_scheduler.CosineAnnealingLR(o, 8)
s.load_state_dict(ss)
o.load_state_dict(so)
found = []
for _ in range(3):
    o.step()
    s.step()
    found.append(t.tensor(o.param_groups[0]['lr'], dtype=t.float64))
""",
}


def outcome(library: Any, module: Any, optim: Any, gradient: Any, func: Any, program: str) -> Any:
    """The tensors that a program finds, as arrays; None where it is refused."""

    def a(*shape: int) -> Any:
        return library.arange(math.prod(shape), dtype=library.float64).reshape(shape) / 8

    def leaf(values: Any) -> Any:
        return library.tensor(values, dtype=library.float64, requires_grad=True)

    names = {"t": library, "nn": module, "F": module.functional}
    names.update(optim=optim, math=math, a=a, leaf=leaf, grad=gradient, func=func)
    try:
        with np.errstate(all="ignore"):
            exec(program, names)
    except REFUSED as error:
        assert library is not mg or re.match(r"[\w.\[\]=]+: ", str(error)), error
        return None
    return [y.detach().numpy() for y in names["found"]]


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_after_a_report(program: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    their_func = type("Func", (), dict(vars(torch.func), jacobian=torch.func.jacrev))
    theirs = outcome(torch, torch.nn, torch.optim, torch.autograd.grad, their_func, program)
    ours = outcome(mg, nn, nn.optim, mg.grad, mg.func, program)
    assert (ours is None) == (theirs is None)
    for our, their in zip(ours or (), theirs or (), strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-12, atol=1e-14, strict=True)


def test_the_second_derivative_of_a_product_with_two_zeros() -> None:
    H = mg.func.hessian(mg.Tensor.prod)(mg.tensor([2.0, 3.0, 0.0, 0.0]))
    expected = np.zeros((4, 4))
    expected[2, 3] = expected[3, 2] = 6
    np.testing.assert_array_equal(H.numpy(), expected)


def test_every_program_has_a_row_in_the_table() -> None:
    table = Path(__file__).with_name("STRANGERS.md").read_text("utf-8")
    assert set(PROGRAMS) <= set(re.findall(r"`([^`]+)` [|]", table))
