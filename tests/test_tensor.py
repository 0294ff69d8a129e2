"""How tensors come to be, what they turn into, and how they are written to."""

import copy
import operator
import pickle
from typing import Any

import numpy as np
import pytest
import strict_device

import minigrad as mg

STRICT = strict_device.NAME

# Creation: each call by both libraries

CREATED = """
t.zeros(2, 3); t.zeros((2, 3)); t.zeros(2, dtype=t.int64); t.ones([2]); t.ones(())
t.full((2, 2), 7); t.full((2,), 1.5); t.full((), True); t.eye(3); t.eye(2, 3); t.arange(4)
t.arange(1, 4); t.arange(5, 0, -2); t.arange(0.5, 2); t.arange(3, dtype=t.float64)
t.arange(0, 1, 0.25); t.linspace(0, 1, 5); t.linspace(3, -3, 4, dtype=t.float64)
t.linspace(2, 5, 1); t.tensor(3); t.tensor(2.5); t.tensor([1, 2]); t.tensor([[1.0], [2.0]])
t.tensor([True, False]); t.tensor([1, 2.5]); t.tensor([]); t.tensor([[]])
t.tensor([1, 2], dtype=t.float64); t.tensor(1.5, dtype=t.int32); t.tensor(np.arange(3.0))
t.tensor(np.array([1, 2], np.int32)); t.tensor(np.float32(2.5)); t.tensor(np.array(True))
t.as_tensor([1.0]); t.as_tensor(np.ones(2)); t.from_numpy(np.arange(3))
t.zeros_like(t.ones(2, 3, dtype=t.float64)); t.ones_like(t.arange(3)); t.full_like(t.zeros(2), 3)
t.zeros_like(t.ones(2), dtype=t.int64); t.ones(2, requires_grad=True)
t.zeros_like(t.empty_like(t.ones(2, 3, dtype=t.float64))); t.empty_like(input=t.arange(4)).zero_()
t.empty_like(t.arange(4), dtype=t.float32, requires_grad=True).detach().fill_(2)
t.empty_like(t.ones(2, 3).t(), memory_format=t.contiguous_format).fill_(1)
t.tensor([1.0], requires_grad=True); t.zeros(2, device="cpu"); t.empty(2, 3).shape
"""


@pytest.mark.parametrize(
    "call", [call for line in CREATED.strip().split("\n") for call in line.split("; ")]
)
def test_a_tensor_is_made_as_in_pytorch(call: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    ours, theirs = (eval(call, {"t": library, "np": np}) for library in (mg, torch))
    if hasattr(theirs, "dtype"):
        assert (
            f"torch.{ours.dtype}" == str(theirs.dtype)
            and ours.requires_grad == theirs.requires_grad
        )
        np.testing.assert_allclose(
            ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-6, strict=True
        )
    else:
        assert ours == theirs


def test_tensors_among_the_data() -> None:
    x = mg.tensor([mg.tensor(1.0), mg.tensor(2.0)])
    assert x.tolist() == [1, 2] and x.dtype == mg.float32
    y = mg.tensor(x)
    y[0] = 5.0
    assert x.tolist() == [1, 2], "tensor copies"


def test_the_default_dtype_reaches_what_has_none_of_its_own() -> None:
    assert mg.get_default_dtype() == mg.float32
    mg.set_default_dtype(mg.float64)
    try:
        for x in (
            mg.tensor(1.5),
            mg.zeros(2),
            mg.rand(2),
            mg.randn(2),
            mg.arange(1.5),
            mg.eye(2),
            mg.arange(3) / 2,
        ):
            assert x.dtype == mg.float64
        assert (
            mg.tensor([1]).dtype == mg.int64
            and mg.tensor(np.ones(1, np.float32)).dtype == mg.float32
        )
    finally:
        mg.set_default_dtype(mg.float32)


def test_random_numbers_come_from_one_seed() -> None:
    def drawn(device: str = "cpu") -> list[Any]:
        mg.manual_seed(7)
        made = [mg.rand(3, device=device), mg.randn(2, 2, device=device)]
        return [
            x.tolist()
            for x in [*made, mg.randint(0, 9, (4,), device=device), mg.randperm(5, device=device)]
        ]

    assert drawn() == drawn() == drawn(STRICT)
    first = mg.rand(3).tolist()
    assert first != mg.rand(3).tolist()
    assert all(0 <= v < 1 for v in mg.rand(100).tolist()) and sorted(
        mg.randperm(9).tolist()
    ) == list(range(9))
    assert set(mg.randint(2, 4, (100,)).tolist()) == {2, 3} and set(
        mg.randint(2, size=(50,)).tolist()
    ) == {0, 1}
    x = mg.randn(10_000)
    assert abs(x.mean().item()) < 0.05 and abs(x.std().item() - 1) < 0.05
    assert (
        mg.rand_like(x).shape == mg.randn_like(x).shape == x.shape
        and mg.rand_like(x.double()).dtype == mg.float64
    )


@pytest.mark.parametrize("device", ["cpu", STRICT])
def test_what_is_made_on_a_device_is_there(device: str) -> None:
    for x in (
        mg.zeros(2, device=device),
        mg.arange(3, device=device),
        mg.randn(2, device=mg.device(device)),
    ):
        assert (
            x.device == device
            and mg.zeros_like(x).device == device
            and mg.tensor(x).device == device
        )
        assert x.cpu().device == "cpu" and x.to(device) is x and x.cpu().tolist() == x.tolist()
    assert (
        mg.device("cuda:1").index == 1
        and mg.device("cuda", 1) == "cuda:1"
        and mg.device("cpu").index is None
    )
    assert (
        repr(mg.device("cuda:1")) == "device(type='cuda', index=1)"
        and repr(mg.device("cpu")) == "device(type='cpu')"
    )


def test_a_gradient_crosses_from_device_to_device() -> None:
    x = mg.ones(2, requires_grad=True)
    (x.to(STRICT) * 3).sum().backward()
    assert x.grad.device == "cpu" and x.grad.tolist() == [3, 3]
    far = mg.tensor(2.0, device=STRICT, requires_grad=True)
    (far.cpu() * 3).backward()
    assert far.grad.device == STRICT and far.grad.item() == 3


# Out: arrays, numbers, texts, copies


def test_memory_is_shared_where_it_is_said_to_be() -> None:
    a = np.zeros(3)
    for x in (mg.from_numpy(a), mg.as_tensor(a)):
        assert np.shares_memory(x.numpy(), a) and np.shares_memory(np.asarray(x), a)
    x = mg.from_numpy(a)
    for view in (x.detach(), x.view(3, 1), x[1:], x.T, x.unsqueeze(0), x.expand(2, 3)):
        assert np.shares_memory(view.array, a)
    for own in (mg.tensor(a), x.clone(), x.double().float(), x[[0, 1]], copy.deepcopy(x), x * 1):
        assert not np.shares_memory(own.array, a)
    assert np.array(x, dtype=np.float32).dtype == np.float32


def test_dlpack_both_ways() -> None:
    a = np.arange(6.0).reshape(2, 3)
    x = mg.from_dlpack(a)
    assert np.shares_memory(x.array, a) and np.shares_memory(np.from_dlpack(x), a)
    with pytest.raises(RuntimeError, match=r"hand over \.detach\(\)"):
        np.from_dlpack(mg.ones(2, requires_grad=True))
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    theirs = torch.from_dlpack(x)
    theirs[0, 0] = 9
    assert a[0, 0] == 9
    back = mg.from_dlpack(theirs.T)
    assert back.shape == (3, 2) and back[0, 0].item() == 9 and np.shares_memory(back.array, a)


def test_numbers() -> None:
    x = mg.tensor([1.5, -2.0])
    assert x[0].item() == float(x[0]) == 1.5 and int(x[1]) == -2 and type(x[0].item()) is float
    assert (
        x.tolist() == [1.5, -2.0] and mg.tensor(3).item() == 3 and type(mg.tensor(3).item()) is int
    )
    assert [10, 20, 30][mg.tensor(1)] == 20 and list(range(mg.tensor(3))) == [0, 1, 2]
    assert bool(mg.tensor([2.0])) and not mg.tensor(0) and float(mg.tensor([[4.0]])) == 4
    assert [row.tolist() for row in mg.tensor([[1], [2]])] == [[1], [2]] and 1.5 in x and 7 not in x


def test_texts() -> None:
    assert repr(mg.tensor([1.0, 2.0])) == "tensor([1., 2.])" and repr(mg.tensor(3)) == "tensor(3)"
    assert repr(mg.zeros(1).double()) == "tensor([0.], dtype=float64)"
    x = mg.ones(1, requires_grad=True)
    assert (
        repr(x) == "tensor([1.], requires_grad=True)"
        and repr(x * 2) == "tensor([2.], grad_fn=<mul>)"
    )
    assert repr(mg.ones(1, device=STRICT)) == "tensor([1.], device='strict')"
    assert (
        repr(mg.ones(2, 3).shape) == "torch.Size([2, 3])"
        and str(mg.tensor([[1, 2], [3, 4]])).count("\n") == 1
    )
    shape = mg.ones(2, 3).shape
    assert [repr(s) for s in (shape[1:], shape + (4,), (4,) + shape, 2 * shape, shape * 1)] == [
        "torch.Size([3])",
        "torch.Size([2, 3, 4])",
        "torch.Size([4, 2, 3])",
        "torch.Size([2, 3, 2, 3])",
        "torch.Size([2, 3])",
    ]
    assert (shape[0], shape[-1], shape[:1].numel()) == (2, 3, 2)
    assert f"{mg.tensor(2.0):.3f}" == "2.000" and f"{x * 2}" == "tensor([2.], grad_fn=<mul>)"


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_copies(again: Any) -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x * 2).sum().backward()
    y = again(x)
    assert (
        y.tolist() == [1, 2]
        and y.requires_grad
        and y.dtype == x.dtype
        and not np.shares_memory(x.array, y.array)
    )
    with mg.no_grad():
        y.zero_()
    (x * x).sum().backward()
    assert x.tolist() == [1, 2] and x.grad.tolist() == [4, 6]
    if again is copy.deepcopy:
        with pytest.raises(RuntimeError, match=r"graph behind it.*\.detach\(\)"):
            again(x * 2)
    else:
        y = again(x * 2)
        assert y.is_leaf and y.requires_grad and y.tolist() == [2, 4]


# In place


@pytest.mark.parametrize("device", ["cpu", STRICT])
def test_writing_in_place(device: str) -> None:
    x = mg.zeros(2, 3, device=device)
    x[0] = 1.0
    x[1, 1:] = mg.tensor([5.0, 6.0], device=device)
    x[:, 0] = 2
    assert x.tolist() == [[2, 1, 1], [2, 5, 6]]
    x[x > 4] = 0.0
    x[mg.tensor([0, 1], device=device), mg.tensor([1, 1], device=device)] = -1.0
    assert x.tolist() == [[2, -1, 1], [2, -1, 0]]
    x[0].fill_(7)
    assert x.tolist() == [[7, 7, 7], [2, -1, 0]], "a view writes through"
    x.copy_(mg.arange(3, device=device))
    assert x.tolist() == [[0, 1, 2]] * 2 and x.zero_() is x and x.tolist() == [[0] * 3] * 2
    ids = mg.zeros(2, dtype=mg.int64, device=device)
    ids[0] = 3
    ids[1] = 4.0  # nothing is lost
    assert ids.tolist() == [3, 4] and ids.dtype == mg.int64


def test_augmented_assignment_changes_the_tensor_itself() -> None:
    x = mg.ones(2, requires_grad=True)
    y = z = x * 1
    z *= 3
    z += 1
    z.sum().backward()
    assert y is z and z.tolist() == [4, 4] and x.tolist() == [1, 1] and x.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match=r"\*=: .* leaf that requires one.*minigrad\.no_grad"):
        x *= 3


# t.data


def test_data_shares_the_memory_and_a_change_of_it_counts() -> None:
    x = mg.ones(2, requires_grad=True)
    y = (x * x).sum()
    assert np.shares_memory(x.data.array, x.array) and not x.data.requires_grad
    x.data[0] = 5.0
    with pytest.raises(RuntimeError, match="mul: its argument was changed in place"):
        y.backward()


def test_data_can_be_set_and_set_back() -> None:
    """As a program does that evaluates with averaged weights."""
    x = mg.ones(2, requires_grad=True)
    saved = x.data
    x.data = mg.full((2,), 3.0)
    assert x.tolist() == [3, 3] and x.requires_grad and x.is_leaf and saved.tolist() == [1, 1]
    x.data = saved
    x.data -= 0.5 * mg.ones(2)
    assert x.tolist() == [0.5, 0.5] and x.requires_grad
    x.data = np.zeros(2)
    assert x.dtype == mg.float64


def test_setting_data_counts_as_a_change() -> None:
    x = mg.ones(2, requires_grad=True)
    view = x.detach()[:1]
    uses = [(x * x).sum(), (x * view).sum()]
    x.data = mg.zeros(2)
    for y in uses:
        with pytest.raises(RuntimeError, match="mul: its argument was changed in place"):
            y.backward()
    source = mg.ones(2)
    x.data = source
    y = (x * x).sum()
    source.zero_()
    with pytest.raises(RuntimeError, match="mul: its argument was changed in place"):
        y.backward()


@pytest.mark.parametrize(
    "source, kind, words",
    [
        (mg.ones(3), ValueError, r"data: expected shape \(2,\), got \(3,\)"),
        (mg.tensor([1, 2]), TypeError, "data: expected the kind of float32, got int64"),
        ([1.0, 2.0], TypeError, "data: expected a tensor or an array, got a list"),
    ],
)
def test_what_data_refuses(source: Any, kind: type[Exception], words: str) -> None:
    x = mg.zeros(2)
    with pytest.raises(kind, match=words):
        x.data = source
    assert x.tolist() == [0, 0]


@pytest.mark.parametrize(
    "call",
    [
        "int(t.tensor(2.7))",
        "int(t.tensor([[-2.7]]))",
        "int(t.tensor(True))",
        "int(t.tensor(1e19))",
        "float(t.tensor([2]))",
        "complex(t.tensor(1 + 2j))",
        "complex(t.tensor(0.5))",
        "operator.index(t.tensor(3, dtype=t.uint8))",
        "operator.index(t.tensor(True))",
        "[5, 6][t.tensor(1)]",
    ],
)
def test_a_tensor_is_the_python_number_that_pytorchs_is(call: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    ours, theirs = (eval(call, {"t": t, "operator": operator}) for t in (mg, torch))
    assert ours == theirs and type(ours) is type(theirs)


@pytest.mark.parametrize("kind", [int, float])
def test_a_complex_number_is_no_real_one(kind: Any) -> None:
    with pytest.raises(
        TypeError, match=rf"^{kind.__name__}: expected a real number, got \(1\+2j\)"
    ):
        kind(mg.tensor(1 + 2j))


def test_new_tensor_has_the_dtype_and_the_device() -> None:
    x = mg.ones(2, dtype=mg.float64)
    y = x.new_tensor([True, False])
    assert y.dtype == mg.float64 and y.tolist() == [1, 0]
    assert x.new_tensor(x).array is not x.array
    assert x.new_tensor([1], dtype=mg.int64, device=STRICT).device == STRICT
