"""What shows the memory of another tensor, and what is a copy: as in PyTorch.

Each call gives a tensor, which is changed in place, and so is x afterwards. Both then have the
numbers that they have in PyTorch, and, where ops are recorded, x has its gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")

ALONE = """
x.narrow(0, 0, 1); t.narrow(x, 1, 0, 2); x.select(0, 1); t.select(x, 1, 2); x[0]; x[..., 1]
x[:, 1:]; x[:, ::2]; x[None]; x[:, None, 1]; x[0, 1, 2]; x.select(1, 0).select(0, 1)
x.diagonal(); x.diagonal(1, 1, 2); t.diagonal(x, 0, 1, 2); t.einsum("ii->i", x[0, :, :3])
x.movedim(0, 2); t.movedim(x, (0, 1), (1, 2)); x.permute(2, 0, 1); x.transpose(0, 2)
x.swapaxes(0, 1); x[0].t(); x[0].T; x.mT; t.einsum("ijk->kij", x); x.transpose(0, 1)[0]
x.squeeze(); x[:1].squeeze(0); x[:1].squeeze(); x[:1].squeeze((0,)); x.unsqueeze(0); x.unsqueeze(-1)
x.view(6, 4); x.view(-1); x.view_as(x); x.reshape(6, 4); x.transpose(0, 1).reshape(-1)
x.reshape_as(x); x.flatten(); x.flatten(1); x.transpose(0, 2).flatten(); x.ravel(); x.mT.ravel()
x.contiguous(); x.transpose(0, 1).contiguous(); x.expand(2, 3, 4); x.expand(1, 2, 3, 4)
x.expand_as(x); x.unfold(2, 2, 2); x.unfold(2, 1, 3); x.unfold(1, 3, 1)
x.transpose(0, 2).unfold(0, 2, 2); x.unflatten(2, (2, 2)); t.atleast_2d(x); t.atleast_3d(x[0])
x.broadcast_to((2, 3, 4)); t.broadcast_to(x, (1, 2, 3, 4)); t.broadcast_tensors(x, x[0])[0]
x.data; x.detach(); x.double(); x.to(t.float64); x.type_as(x); x.cpu(); x.to("cpu"); x.to(x)
t.as_tensor(x); +x; x.positive()
x.clone(); x.flip(0); x.roll(1, 0); x.repeat(1, 1, 1); x[[0]]; x[x > 3]; x[t.tensor([0])]
x.index_select(0, t.tensor([0])); t.cat([x]); t.stack([x])[0]
x.round(); x.float(); x[0].diag()
x[0].tril(); x.max(0)[0]; x.sort(0)[0]; x.new_tensor(x.detach().tolist()); x.where(x > 2, x)
"""

# copies whose gradient PyTorch refuses after a change of x, as we do that of the last two
WITHOUT_A_GRADIENT = """
x.masked_select(x > 2); x.gather(0, t.tensor([[[0]]])); x.clamp(-100, 100); x.abs()
"""

# of several views PyTorch refuses to change one where ops are recorded, but not a slice
OF_SEVERAL = """
x.split(1)[0] is x[:1]; x.split([1, 2], 1)[1] is x[:, 1:]; t.split(x, 1)[1] is x[1:]
x.chunk(2)[1] is x[1:]; t.chunk(x, 3, 1)[2] is x[:, 2:]; x.unbind()[1] is x[1]
x.tensor_split(2)[1] is x[1:]; x.hsplit([1])[1] is x[:, 1:]; x.vsplit(2)[0] is x[:1]
t.unbind(x, 1)[0] is x[:, 0]; list(x)[1] is x[1]; next(iter(x)) is x[0]
"""

CHANGES = {
    "mul_": lambda y: y.mul_(3.0),
    "[...] =": lambda y: y.__setitem__(..., 7.0),
    "+=": lambda y: y.__iadd__(1.0),
}


def calls(table: str) -> list[str]:
    return [call.strip() for line in table.strip().splitlines() for call in line.split(";")]


def outcome(library: Any, call: str, change: Any, is_recorded: bool) -> list[Any]:
    """x and what the call gave, after a change of it and one of x; and the gradient."""
    weights = np.random.default_rng(1).uniform(1, 2, (2, 3, 4))
    leaf = library.tensor(np.arange(1.0, 25.0).reshape(2, 3, 4), requires_grad=is_recorded)
    x = leaf * 1.0
    y = eval(call, {"t": library, "x": x})
    change(y)
    x[0].mul_(2.0)
    found = [x.detach().numpy(), y.detach().numpy()]
    if is_recorded:
        total = (x * library.tensor(weights)).sum() + (y * y).sum()
        total.backward()
        found.append(leaf.grad.numpy())
    return found


def check(our_call: str, their_call: str, is_recorded: bool) -> None:
    for change in CHANGES.values():
        ours = outcome(mg, our_call, change, is_recorded)
        theirs = outcome(torch, their_call, change, is_recorded)
        for our, their in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(our, their, rtol=1e-12)


@pytest.mark.parametrize("call", calls(ALONE) + calls(WITHOUT_A_GRADIENT) + calls(OF_SEVERAL))
def test_a_change_is_seen_where_pytorch_sees_it(call: str) -> None:
    alone = call.partition(" is ")[0]
    check(alone, alone, is_recorded=False)


@pytest.mark.parametrize("call", calls(ALONE))
def test_the_gradient_of_a_change_is_pytorchs(call: str) -> None:
    check(call, call, is_recorded=True)


@pytest.mark.parametrize("pair", calls(OF_SEVERAL))
def test_one_of_several_views_is_changed_as_a_slice_is(pair: str) -> None:
    call, _, a_slice = pair.partition(" is ")
    check(call, a_slice, is_recorded=True)


@pytest.mark.parametrize("call", ["x.unfold(2, 2, 1)", "x[:1].expand(5, 3, 4)"])
def test_elements_that_share_memory_are_not_written_to(call: str) -> None:
    x = mg.ones(2, 3, 4)
    y = eval(call, {"x": x})
    with pytest.raises(RuntimeError, match="expected memory that can be written to"):
        y.mul_(2.0)
    x[0] = 5.0
    assert (y[0] == 5).all()


def test_slices_of_another_librarys_memory_are_read_only() -> None:
    x = mg.from_numpy(torch.arange(20.0).reshape(4, 5)[:, 1:].numpy())
    y = x.unfold(1, 2, 2)
    assert y[0].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(RuntimeError, match="expected memory that can be written to"):
        y.mul_(2.0)
