"""Small programs as a stranger writes them, after public reports against frameworks of this kind.

Each gives PyTorch's value, or is refused by a sentence. One section for each kind.
"""

import copy
import pickle
import random
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import strict_device

import minigrad as mg
import nn

CHANGED = "was changed in place after the op had run"
REFUSED = (RuntimeError, TypeError, ValueError)


def outcome(library: Any, program: str) -> Any:
    """What `found` is after a program that calls its library t; None where that is refused."""
    names: dict[str, Any] = {"t": library, "np": np}
    try:
        exec(program, names)
    except REFUSED:
        return None
    return names["found"]


def same_as_pytorch(program: str) -> None:
    """The program gives the same numbers, or is refused, in both libraries."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    ours, theirs = outcome(mg, program), outcome(torch, program)
    assert (ours is None) == (theirs is None), (ours, theirs)
    for our, their in zip(ours or (), theirs or (), strict=True):
        if isinstance(their, str):
            assert our == their
        else:
            np.testing.assert_allclose(our, their, rtol=1e-6, strict=True)


# In place: the augmented operators

SIGNS = ["+=", "-=", "*=", "/=", "**="]


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    "program",
    [
        # a leaf, under no_grad: the tensor itself changes, and so do its views and its base
        """
x = t.tensor([1.0, 4.0], requires_grad=True)
with t.no_grad():
    y = x
    y {} 2
found = x.tolist(), y is x, x.requires_grad, str(x.dtype).removeprefix("torch.")""",
        """
x = t.tensor([[1.0, 4.0], [2.0, 8.0]], requires_grad=True)
with t.no_grad():
    row = x[0]
    row {} t.tensor([2.0, 3.0])
found = x.tolist(), row.tolist()""",
        """
x = t.tensor([[1.0, 4.0], [2.0, 8.0]])
x[1] {} 2.0
x[[0, 1], [0, 1]] {} 3.0
found = x.tolist(),""",
        # without a gradient: every name and the array see it
        """
a = np.array([1.0, 4.0])
x = t.from_numpy(a)
y, view = x, x[1:]
x {} 2
found = a.tolist(), y.tolist(), view.tolist(), y is x""",
        # the dtype stays, and what it cannot hold is refused
        """
x = t.ones(2)
x {} t.tensor([2.0, 3.0], dtype=t.float64)
found = x.tolist(), str(x.dtype).removeprefix("torch.")""",
        """
x = t.tensor([4, 6])
x {} 1.5
found = x.tolist(),""",
        """
x = t.tensor([4.0, 6.0])
x {} t.ones(3, 2)
found = x.tolist(),""",
        # a leaf that requires a gradient, while ops are recorded
        """
x = t.tensor([4.0, 6.0], requires_grad=True)
x {} 2
found = x.tolist(),""",
        # recorded: the tensor becomes the value of the op, under all its names
        """
w = t.tensor([1.0, 3.0], requires_grad=True)
x = y = w * 2
x {} w
x.sum().backward()
found = y.tolist(), w.grad.tolist(), x is y""",
    ],
)
def test_an_augmented_operator(program: str, sign: str) -> None:
    program = program.replace("{}", sign)
    if sign == "**=" and "w.grad" in program:
        program = program.replace("w * 2", "w + 2")
    same_as_pytorch(program)


@pytest.mark.parametrize(
    "program",
    [
        """
w = t.tensor(2.0, requires_grad=True)
total = t.zeros(())
for i in range(3):
    total += w * i
total.backward()
found = total.item(), w.grad.item()""",
        """
w = t.tensor(2.0, requires_grad=True)
total = 0
for i in range(3):
    total += w * w
total.backward()
found = total.item(), w.grad.item()""",
        """
w = t.tensor([1.0, 2.0], requires_grad=True)
x = w * 3
x += x
x.sum().backward()
found = x.tolist(), w.grad.tolist()""",
        """
w = t.tensor([1.0, 2.0], requires_grad=True)
y = w * w
with t.no_grad():
    w += 1
y.sum().backward()
found = w.grad.tolist(),""",
        """
w = t.tensor([1.0, 2.0], requires_grad=True)
x = w * 3
y = x * x
x += 1
y.sum().backward()
found = w.grad.tolist(),""",
        # one element is a view, too
        """
w = t.tensor([[1.0, 2.0], [3.0, 4.0]])
first, last = w[0][0], w[1, -1]
first += 10
last.zero_()
found = w.tolist(), first.item()""",
        # a view of a value that has no other name
        """
w = t.tensor([1.0, 2.0], requires_grad=True)
x = (w * 3).reshape(2, 1).T
x += w
x *= 2
x.sum().backward()
found = x.tolist(), w.grad.tolist()""",
        """
w = t.tensor([1.0, 2.0], requires_grad=True)
x = w.reshape(2, 1)
x += 1
found = x.tolist(),""",
        """
w = t.tensor([1.0, 2.0], requires_grad=True)
x = w.reshape(2, 1)
with t.no_grad():
    x += 1
found = x.tolist(), w.tolist()""",
        """
w = t.tensor([[1.0, 2.0], [3.0, 4.0]])
for row in w:
    row *= 2
found = w.tolist(),""",
        """
w = t.tensor([1.0, -2.0], requires_grad=True)
w.data.clamp_(-1, 0.5)
w.data.masked_fill_(w > 0, 7.0)
x = (w * 3).clamp_(0)
x.sum().backward()
found = w.tolist(), x.tolist(), w.grad.tolist()""",
        """
w = t.tensor([1.0, 2.0], requires_grad=True)
x = w * 3
x.retain_grad()
x += 1
(x * x).sum().backward()
found = x.grad.tolist(), w.grad.tolist()""",
        """
w = t.tensor([1.0, 2.0], requires_grad=True)
x = w * 3
x.sum().backward()
x += 1
found = x.tolist(),""",
        """
w = t.tensor([1.0, 2.0], requires_grad=True)
(w * w).sum().backward()
del w.grad
found = w.grad is None,""",
        """
w = t.tensor([1.0, 2.0], requires_grad=True)
w.grad = t.ones(2)
w.grad *= 3
w.grad += 1
found = w.grad.tolist(),""",
        """
w = t.tensor([1.0, 2.0], requires_grad=True)
with t.no_grad():
    w.sub_(t.ones(2), alpha=0.5)
    w.mul_(3.0)
    w.add_(1.0)
    w.div_(2.0)
found = w.tolist(), w.requires_grad""",
    ],
)
def test_a_program_that_writes_in_place(program: str) -> None:
    same_as_pytorch(program)


LEAVES = """
x0 = t.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=t.float64, requires_grad=True)
x1 = t.tensor([[2.0, 1.0], [0.5, 3.0]], dtype=t.float64)
x2 = t.tensor([1.0, -2.0], dtype=t.float64, requires_grad=True)
x3 = t.tensor([0.5, 2.0], dtype=t.float64)
"""
NEW = "a[0]; a[1]; a.T; a.reshape(1, -1); a.detach(); a; a + b; a - b; a * b; a.sigmoid(); a.tanh()"
CHANGES = (
    "a += b; a -= b; a *= b; a += 2.0; a *= 0.5; a[0] *= b; a[0] = 2.0; a.zero_(); a.data += 0.5"
)


ONLY_PYTORCHS = (
    "A view was created in no_grad mode",
    "some elements of the input tensor and the written-to tensor refer to a single memory location",
)


def random_line(draw: random.Random, names: list[str]) -> str:
    """A line that makes one more tensor of these, or changes one in place."""
    template = f"x{len(names)} = " + draw.choice(NEW.split("; "))
    if draw.random() < 0.5:
        template = draw.choice(CHANGES.split("; "))
    a, b = draw.choice(names), draw.choice(names)
    line = re.sub(r"\ba\b", a, re.sub(r"\bb\b", b, template))
    return f"with t.no_grad(): {line}" if draw.random() < 0.25 else line


def refusal(call: Callable[..., Any], *args: Any) -> str:
    """What is said where a call is refused, else nothing."""
    try:
        call(*args)
    except (*REFUSED, IndexError) as error:
        return str(error)
    return ""


def backward(tensors: list[Any]) -> None:
    """The gradients of the sum of all squares."""
    sum([(x * x).sum() for x in tensors]).backward()


@pytest.mark.filterwarnings("ignore:The use of `x.T`", "ignore:Tensor.T is deprecated")
@pytest.mark.parametrize("seed", range(300))
def test_random_programs_with_changes_in_place(seed: int) -> None:
    """Both libraries agree, and a line that both refuse has changed nothing.

    Only minigrad notices a change through `.data`. What only PyTorch refuses is in `ONLY_PYTORCHS`;
    and it takes a view for a leaf whose memory was changed by a leaf after the view was made.
    """
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    ours: dict[str, Any] = {"t": mg}
    theirs: dict[str, Any] = {"t": torch}
    for names in (ours, theirs):
        exec(LEAVES, names)
    program, draw = LEAVES, random.Random(seed)
    for _ in range(draw.randint(3, 9)):
        tensors = [name for name in ours if re.fullmatch(r"x\d+", name)]
        line = random_line(draw, tensors)
        program += f"{line}\n"
        our, their = [refusal(exec, line, names) for names in (ours, theirs)]
        if their and not our:
            changed = ours[re.findall(r"x\d+", line)[0]]
            is_leaf = any([changed is ours[leaf] for leaf in ("x0", "x2")])
            is_known = any([words in their for words in ONLY_PYTORCHS])
            assert is_known or ("a leaf Variable" in their and not is_leaf), f"{program}{their}"
            return
        assert bool(our) == bool(their), f"{program}{our}"
    tensors = [name for name in ours if re.fullmatch(r"x\d+", name)]
    for name in tensors:
        our, their = ours[name].detach().numpy(), theirs[name].detach().numpy()
        np.testing.assert_allclose(our, their, rtol=1e-9, strict=True, err_msg=program)
    our, their = [refusal(backward, [names[x] for x in tensors]) for names in (ours, theirs)]
    if their and not our:
        assert "created in no_grad mode" in their, program
    elif our and not their:
        assert "changed in place after" in our and ".data" in program, program
    elif not our:
        for leaf in ("x0", "x2"):
            our, their = ours[leaf].grad.numpy(), theirs[leaf].grad.numpy()
            np.testing.assert_allclose(our, their, rtol=1e-9, err_msg=program)


def test_a_recorded_change_is_seen_by_all_who_share_the_memory() -> None:
    w = mg.ones(2, requires_grad=True)
    array = np.ones(2, "f4")
    x = mg.from_numpy(array)
    alias = x.detach()
    x -= 3 * w
    assert array.tolist() == alias.tolist() == x.tolist() == [-2, -2]
    assert not alias.requires_grad
    seen = x.detach().numpy()
    x += w
    assert seen.tolist() == [-1, -1]


def test_a_change_of_a_chunk_is_a_change_of_the_whole() -> None:
    """PyTorch refuses this one; here the other chunk and the whole follow."""
    w = mg.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    x = w * 2
    a, b = x.chunk(2)
    a += b
    assert x.tolist() == [8, 12, 6, 8] and x.is_leaf is False
    (x * mg.tensor([1.0, 2.0, 3.0, 5.0])).sum().backward()
    assert w.grad.tolist() == [2, 4, 2 * (1 + 3), 2 * (2 + 5)]


def test_a_use_before_a_recorded_change_is_found() -> None:
    w = mg.ones(2, requires_grad=True)
    x = w * 2
    used = x * w
    x += 1
    with pytest.raises(RuntimeError, match=CHANGED):
        (used + x).sum().backward()


def test_an_expanded_tensor_is_not_written_to() -> None:
    x = mg.ones(1).expand(3)
    with pytest.raises(RuntimeError, match=r"\+=: expected memory that can be written to"):
        x += 1
    with pytest.raises(RuntimeError, match=r"fill_: expected memory that can be written to"):
        x.fill_(2)


def test_training_by_hand_learns() -> None:
    layer = nn.Linear(1, 1)
    x, y = mg.tensor([[1.0], [2.0]]), mg.tensor([[2.0], [4.0]])
    for _ in range(300):
        loss = ((layer(x) - y) ** 2).mean()
        layer.zero_grad()
        loss.backward()
        with mg.no_grad():
            for p in layer.parameters():
                p -= 0.1 * p.grad
    assert loss.item() < 0.01


# Who holds the array


def read_only() -> np.ndarray[Any, Any]:
    return np.frombuffer(np.array([1.0, 2.0], "f4").tobytes(), "f4")


def big_endian() -> np.ndarray[Any, Any]:
    return np.array([1.0, 2.0], ">f4")


def matrix() -> np.ndarray[Any, Any]:
    return np.array([[1.0, 2.0]], "f4").view(np.matrix)


@pytest.mark.parametrize("door", [mg.tensor, mg.as_tensor, mg.from_numpy, nn.Parameter])
@pytest.mark.parametrize("source", [read_only, big_endian, matrix])
def test_an_array_comes_in_plain(
    door: Callable[..., Any], source: Callable[[], np.ndarray[Any, Any]]
) -> None:
    x = door(source()).requires_grad_()
    assert type(x.array) is np.ndarray and x.dtype is mg.float32 and x.array.flags.writeable
    (x * x).sum().backward()
    assert x.grad.flatten().tolist() == [2, 4]
    nn.optim.SGD([x], lr=0.5).step()
    assert x.flatten().tolist() == [0, 0]


def test_a_file_as_an_array(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(2, "f4"))
    x = mg.from_numpy(np.load(tmp_path / "a.npy", mmap_mode="r")).requires_grad_()
    (x * 2).sum().backward()
    assert type(x.array) is np.ndarray and x.grad.tolist() == [2, 2]


MASKED = np.ma.array([1.0, 2.0], mask=[0, 1])


@pytest.mark.parametrize(
    "door",
    [
        mg.tensor,
        mg.as_tensor,
        mg.from_numpy,
        nn.Parameter,
        mg.ones(2).new_tensor,
        mg.ones(2).copy_,
        mg.ones(2, requires_grad=True).mul(2).backward,
        lambda a: mg.ones(2) * a,
        lambda a: setattr(mg.ones(2), "data", a),
    ],
)
def test_a_mask_is_refused(door: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"expected .*got a (masked array|MaskedArray)"):
        door(MASKED)


@pytest.mark.parametrize(
    "change",
    [
        "w.data = t.zeros(3, 2)",
        "w.data -= t.ones(3, 2)",
        "w.data.zero_()",
        "w.data[1] = 5.0",
        "w.data.copy_(t.zeros(3, 2))",
        "w.data *= 3",
    ],
)
def test_data_is_written_to(change: str) -> None:
    same_as_pytorch(f"""
w = t.ones(3, 2, requires_grad=True)
{change}
(w * w).sum().backward()
found = w.tolist(), w.grad.tolist(), w.requires_grad""")


def test_data_of_another_order_is_copied() -> None:
    x = mg.ones(2)
    for source in (read_only(), big_endian(), mg.ones(1).expand(2)):
        x.data = source
        assert x.array.flags.writeable and x.dtype is mg.float32
        x.data -= 1


def test_an_integer_is_held_or_refused() -> None:
    x = mg.zeros(2, dtype=mg.int32)
    for value in (2**40 + 7, mg.tensor([2**31, 0]), float("nan"), np.uint32(2**31)):
        with pytest.raises(TypeError, match=r"\[\]=: expected values that int32 can hold"):
            x[:] = value
    x[0] = np.int64(-(2**31))
    assert x.tolist() == [-(2**31), 0]
    with pytest.raises(ValueError, match=r"\+= \(add\): expected a number that int32 can hold"):
        x += 2**40
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="int: expected a finite number"):
            int(mg.tensor(value))


# Threads


def test_threads_that_share_a_leaf_lose_nothing() -> None:
    w = nn.Parameter([0.0])

    def work() -> None:
        for _ in range(1000):
            (w * 1.0).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert w.grad.item() == 4000


# Leaves


@pytest.mark.parametrize(
    "program",
    [
        "x = t.tensor([1, 2]); x.requires_grad = True; found = 1,",
        "x = t.tensor([True]); x.requires_grad = True; found = 1,",
        "x = t.tensor([1, 2]); x.requires_grad = False; found = 1,",
        "x = t.tensor([1.0]); x.requires_grad = True; (x * 2).backward(); found = x.grad.item(),",
        "x = t.ones(2, requires_grad=True) * 2; x.requires_grad = False; found = 1,",
        "x = t.ones(2, 3); x.grad = t.ones(3); found = 1,",
        "x = t.ones(2, 3); x.grad = t.ones(3, 2); found = 1,",
        "x = t.ones(2); x.grad = t.ones(2, dtype=t.float64); found = 1,",
        "x = t.ones(2); x.grad = t.ones(2, dtype=t.int64); found = 1,",
        "x = t.ones(2); x.grad = [1.0, 1.0]; found = 1,",
        "x = t.ones(2); x.grad = 1.0; found = 1,",
        "x = t.ones(2); x.grad = np.ones(2, 'f4'); found = 1,",
        "x = t.ones(2); x.grad = t.ones(2); x.grad = None; found = 1,",
        "x = t.ones(2); x.grad = x; found = 1,",
        "x = t.ones(2); x.requires_grad = 'yes'; found = 1,",
        "x = t.ones(2); x.requires_grad = None; found = 1,",
    ],
)
def test_what_a_leaf_takes(program: str) -> None:
    same_as_pytorch(program)


@pytest.mark.parametrize(
    "gradient, kind, words",
    [
        (mg.ones(3), RuntimeError, r"grad: expected a gradient of shape \(2,\), got \(3,\)"),
        (mg.tensor([1, 2]), RuntimeError, "grad: expected a gradient of float32, got int64"),
        (
            mg.ones(2, device=strict_device.NAME),
            RuntimeError,
            "grad: expected a gradient on cpu, got one on strict",
        ),
        ([1.0, 2.0], TypeError, "grad: expected a tensor or None, got a list"),
    ],
)
def test_what_is_said_of_a_gradient(gradient: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        mg.ones(2).grad = gradient


def test_a_module_of_integers_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Linear\.to: expected a dtype of floats, got int64"):
        nn.Linear(2, 2).to(mg.int64)


def test_a_generator_of_leaves() -> None:
    layer = nn.Linear(2, 1)
    found = mg.grad(layer(mg.ones(3, 2)).sum(), layer.parameters())
    assert [g.tolist() for g in found] == [[[3, 3]], [3]]
    layer(mg.ones(3, 2)).sum().backward(inputs=dict(layer.named_parameters()).values())
    assert layer.weight.grad.tolist() == [[3, 3]]


# Python's own protocols


def test_equality_with_objects() -> None:
    x = mg.ones(2)
    assert (x == None) is False and (x != None) is True  # noqa: E711
    assert (x == "x") is False and x not in [None, "x", object()] and x in [None, x]


@pytest.mark.parametrize("element", ["3", "7", "2.5", "t.tensor(4)", "t.tensor([0, 1, 9])"])
def test_membership(element: str) -> None:
    same_as_pytorch(f"found = {element} in t.arange(6).reshape(2, 3),")


@pytest.mark.parametrize("decorator", [mg.no_grad, mg.no_grad()])
def test_a_function_under_no_grad(decorator: Any) -> None:
    @decorator
    def quiet() -> bool:
        return mg.is_grad_enabled()

    assert quiet() is False and quiet.__name__ == "quiet" and mg.is_grad_enabled()


@pytest.mark.parametrize(
    "decorator", [mg.no_grad, mg.no_grad(), lambda f: mg.set_grad_enabled(False)(f)]
)
def test_a_generator_under_no_grad(decorator: Any) -> None:
    closed = []

    @decorator
    def steps() -> Iterator[Any]:
        try:
            sent = yield mg.is_grad_enabled()
            try:
                yield sent, mg.is_grad_enabled()
            except KeyError:
                yield "caught", mg.is_grad_enabled()
            return "end"
        finally:
            closed.append(mg.is_grad_enabled())

    running = steps()
    assert next(running) is False and mg.is_grad_enabled()
    assert running.send(5) == (5, False) and mg.is_grad_enabled()
    assert running.throw(KeyError()) == ("caught", False) and mg.is_grad_enabled()
    with pytest.raises(StopIteration) as stop:
        next(running)
    assert stop.value.value == "end"
    running = steps()
    next(running)
    running.close()
    assert closed == [False, False] and mg.is_grad_enabled()


def test_copies_of_a_leaf() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    deep, shallow = copy.deepcopy(x), copy.copy(x)
    again = pickle.loads(pickle.dumps(x))
    assert deep.grad.tolist() == [2, 4] and deep.grad is not x.grad and again.grad is None
    y = (x * x).sum()
    shallow.data.zero_()
    assert x.tolist() == [0, 0] and deep.tolist() == again.tolist() == [1, 2]
    with pytest.raises(RuntimeError, match=CHANGED):
        y.backward()
    p = nn.Parameter([1.0])
    p.grad = mg.ones(1)
    assert copy.deepcopy(p).grad is None and copy.deepcopy(p).requires_grad
