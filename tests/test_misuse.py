"""What minigrad refuses, and what it says: never a silent cast, a broadcast or a wrong gradient."""

import operator
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import strict_device  # noqa: F401  (device="strict")

import minigrad as mg
from minigrad.array import NUMPY
from minigrad.autograd import tensor_xp

X = mg.ones(2, 3)
V = mg.ones(3)
IDS = mg.tensor([0, 1])
GRAPH = mg.ones(2, requires_grad=True) * 2


def leaf(*values: float) -> mg.Tensor:
    return mg.tensor(np.array(values), requires_grad=True)


# A value that the graph needs is changed in place

CHANGES = {
    "the tensor itself": lambda x: x.zero_(),
    "through []=": lambda x: x.__setitem__(0, 5.0),
    "a view of it": lambda x: x[1:].fill_(5.0),
    "a view of a view": lambda x: x.reshape(2, 1)[1:].T.fill_(5.0),
    "the same memory, detached": lambda x: x.detach().copy_(mg.tensor([5.0, 5.0])),
    "by hand, with bump": lambda x: (x.array.fill(5.0), x.mark_changed()),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize(
    "use", [lambda x: x * x, lambda x: x[0] * x[1], lambda x: x.reshape(1, 2) ** 2]
)
def test_a_change_in_place_is_found(use: Any, change: Any) -> None:
    x = leaf(1.0, 2.0)
    y = use(x).sum()
    with mg.no_grad():
        change(x)
    with pytest.raises(
        RuntimeError,
        match=r"(mul|pow|getitem|reshape): its argument was changed in place.*\.clone\(\)",
    ):
        y.backward()


def test_the_change_of_a_value_is_found_where_the_rule_needs_it() -> None:
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.array[:] = 0
    y.mark_changed()
    with pytest.raises(RuntimeError, match="exp: its value was changed in place"):
        y.sum().backward()


def test_a_change_before_the_use_or_after_backward_is_none() -> None:
    x = leaf(1.0, 2.0)
    for _ in range(2):
        with mg.no_grad():
            x.copy_([3.0, 4.0])
        x.grad = None
        (x * x).sum().backward()
        np.testing.assert_array_equal(x.grad.array, [6, 8])


@pytest.mark.parametrize(
    "pick",
    [
        lambda x, i: x[i],
        lambda x, i: x[(i,)],
        lambda x, i: x[i.numpy()],
        lambda x, i: x.gather(0, i),
        lambda x, i: x.index_select(0, i),
    ],
)
def test_a_change_of_the_index_after_the_use_changes_nothing(pick: Any) -> None:
    x, i = leaf(1.0, 2.0, 3.0), mg.tensor([0, 0, 1])
    y = pick(x, i).sum()
    i.fill_(2)
    (first,) = mg.grad(y, x, create_graph=True)
    y.backward()
    assert x.grad.tolist() == first.tolist() == [2, 1, 0]


def test_a_leaf_that_requires_a_gradient_is_not_written_to() -> None:
    x = leaf(1.0, 2.0)
    for write in (
        lambda: x.zero_(),
        lambda: x.__setitem__(0, 1.0),
        lambda: x[1:].mul_(2),
        lambda: x.reshape(2, 1).T.__setitem__(0, x),
        lambda: x.unsqueeze_(0),
    ):
        with pytest.raises(RuntimeError, match="got a leaf that requires one.*no_grad"):
            write()
        assert x.tolist() == [1, 2]


# The first number that is not finite


def here() -> int:
    return sys._getframe(1).f_lineno


@pytest.mark.room("inspect")
def test_an_anomaly_names_the_op_and_the_line_forward() -> None:
    x = leaf(0.0, 1.0)
    with mg.detect_anomaly(), np.errstate(all="ignore"):
        with pytest.raises(FloatingPointError) as error:
            line = here() + 1
            x / x
        assert (
            f"div: the value has 1 NaN among its 2 numbers ({__file__}, line {line}, in test_an"
            in str(error.value)
        )
        with pytest.raises(FloatingPointError, match="log: the value has an infinity"):
            mg.log(x)
        assert (
            not ((x + np.array([np.inf, 0.0])) * 2).isfinite().all()
        )  # an infinity that comes in is nobody's fault


@pytest.mark.room("inspect")
def test_an_anomaly_names_the_op_and_the_line_backward() -> None:
    x = leaf(0.0, 1.0)
    with mg.detect_anomaly(), np.errstate(all="ignore"):
        line, y = here(), mg.sqrt(x)
        with pytest.raises(FloatingPointError) as error:
            y.sum().backward()
        assert (
            f"sqrt: the gradient has an infinity among its 2 numbers ({__file__}, line {line}"
            in str(error.value)
        )
    assert mg.autograd.mode.observer is None


# Dtypes


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_no_operand_from_outside_changes_a_dtype(dtype: Any) -> None:
    x = mg.ones(3, dtype=dtype)
    others = [
        2,
        2.5,
        True,
        Fraction(1, 2),
        np.float64(2.5),
        np.int64(2),
        mg.tensor(2),
        np.arange(1, 4),
        mg.arange(1, 4),
    ]
    for other in others:
        for apply in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
            for y in (apply(x, other), apply(other, x)):
                assert isinstance(y, mg.Tensor) and y.dtype == dtype, (other, apply.__name__)
        assert mg.where(x > 0, x, other).dtype == mg.maximum(x, other).dtype == dtype, other


def test_integers_become_floats_of_the_default_dtype() -> None:
    ids = mg.arange(1, 4)
    for y in (
        ids / 2,
        ids * 0.5,
        ids / ids,
        ids.exp(),
        ids.sqrt(),
        ids.sigmoid(),
        ids.softmax(0),
        1.5 + ids,
    ):
        assert y.dtype == mg.float32
    for y in (ids * 2, ids + ids, -ids, ids.sum(), ids.cumsum(0), ids.amax(), ids.prod()):
        assert y.dtype == mg.int64


@pytest.mark.parametrize("source", [mg.float32, mg.float64, mg.int64, mg.int32, mg.bool])
def test_a_cast_is_what_was_asked_for(source: Any) -> None:
    x = mg.tensor(np.array([0, 1, 1]), dtype=source)
    casts = {
        "float": mg.float32,
        "double": mg.float64,
        "long": mg.int64,
        "int": mg.int32,
        "bool": mg.bool,
    }
    for name, dtype in casts.items():
        for y in (
            getattr(x, name)(),
            x.to(dtype),
            x.to(mg.zeros(1, dtype=dtype)),
            x.to("cpu", dtype=dtype),
        ):
            assert y.dtype == dtype and y.tolist() == [0, 1, 1] and (y is x) == (source == dtype)


@pytest.mark.parametrize("there, back", [(mg.float32, mg.float64), (mg.float64, mg.float32)])
def test_the_gradient_of_a_cast_comes_back_in_the_dtype_that_went_in(there: Any, back: Any) -> None:
    x = mg.ones(3, dtype=back, requires_grad=True)
    (x.to(there) * 3).sum().backward()
    assert x.grad.dtype == back and x.grad.tolist() == [3, 3, 3]


def test_arrays_on_either_side() -> None:
    x, a = leaf(1.0, 2.0), np.array([3.0, 5.0])
    for apply in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow):
        for y, want in ((apply(x, a), apply(x.array, a)), (apply(a, x), apply(a, x.array))):
            assert isinstance(y, mg.Tensor) and y.requires_grad
            np.testing.assert_array_equal(y.array, want)
    square = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal((square @ x).array, square @ x.array)
    np.testing.assert_array_equal((x @ square).array, x.array @ square)
    for apply in (operator.lt, operator.ge, operator.eq, operator.ne):
        np.testing.assert_array_equal(apply(x, a).array, apply(x.array, a))
        np.testing.assert_array_equal(apply(a, x).array, apply(a, x.array))


# Sentences. Each names the op, what came, and the way out.

SENTENCES: dict[str, tuple[Any, type[Exception], str]] = {
    "shapes": (
        lambda: X + mg.ones(2),
        ValueError,
        r"add: expected shapes that broadcast, got \(2, 3\) and \(2,\); sizes must be equal or 1",
    ),
    "inner sizes": (
        lambda: X @ X,
        ValueError,
        r"matmul: expected equal inner sizes, got \(2, 3\) and \(2, 3\): 3 and 2",
    ),
    "a number is no matrix": (lambda: X @ mg.tensor(2.0), ValueError, "0-d.*multiply with"),
    "linear": (
        lambda: mg.linear(X, mg.ones(4, 2), None),
        ValueError,
        r"linear: expected equal inner sizes, got x \(2, 3\) and weight \(4, 2\)",
    ),
    "no such dim": (
        lambda: X.sum(2),
        IndexError,
        r"sum: expected dim from -2 to 1 for shape \(2, 3\), got 2",
    ),
    "no such dim, softmax": (
        lambda: V.softmax(1),
        IndexError,
        r"softmax: expected dim from -1 to 0 for shape \(3,\), got 1",
    ),
    "no such dim, squeeze": (
        lambda: X.squeeze(5),
        IndexError,
        "squeeze: .* -2 to 1, got dim 5, which does not exist in a tensor of 2",
    ),
    "no such dim, mean": (lambda: X.mean(3), IndexError, "dim 3"),
    "no such dim, unbind": (lambda: X.unbind(2), IndexError, "unbind: expected dim from .* got 2"),
    "no such dim, transpose": (
        lambda: X.transpose(0, 4),
        IndexError,
        "transpose: .* got dim 4, which does not exist in a tensor of 2",
    ),
    "no such dim, cat": (
        lambda: mg.cat([X, X], 3),
        IndexError,
        "cat: expected dim from -2 to 1 .* got 3",
    ),
    "no such dim, flip": (lambda: X.flip(2), IndexError, "dim 2"),
    "no such dim, flatten": (lambda: X.flatten(3), IndexError, "dim 3"),
    "no such dim, chunk": (lambda: X.chunk(2, 3), IndexError, "dim 3"),
    "no such dim, movedim": (lambda: X.movedim(0, 2), IndexError, "dim 2"),
    "max of nothing": (
        lambda: mg.zeros(0).amax(),
        ValueError,
        r"amax: expected at least one element, got shape \(0,\)",
    ),
    "index out of range": (
        lambda: X[2],
        IndexError,
        r"getitem: expected an index from -2 to 1 at dim 0 of shape \(2, 3\), got 2",
    ),
    "too many indices": (lambda: X[0, 0, 0], IndexError, "at most 2 indices .* got 3"),
    "id out of range": (
        lambda: mg.embedding(X, mg.tensor([0, 2])),
        IndexError,
        "embedding: ids: expected rows 0 to 1, got values from 0 to 2",
    ),
    "id below 0": (
        lambda: mg.embedding(X, mg.tensor([-1])),
        IndexError,
        "embedding: ids: expected rows 0 to 1, got values from -1 to -1",
    ),
    "ids of floats": (
        lambda: mg.embedding(X, mg.ones(2)),
        TypeError,
        r"embedding: expected integers as ids, got float32; use \.long\(\)",
    ),
    "gather by floats": (
        lambda: X.gather(0, X),
        ValueError,
        r"gather: expected .*integers with 2 dim.*got float32\(2, 3\).*\.long\(\)",
    ),
    "reshape": (
        lambda: X.reshape(4, 2),
        ValueError,
        r"reshape: expected a shape of 6 elements, got \(4, 2\)",
    ),
    "permute": (
        lambda: X.permute(0, 0),
        ValueError,
        r"permute: expected each of the 2 dimensions once, got dims \(0, 0\)",
    ),
    "flatten backwards": (
        lambda: X.flatten(1, 0),
        ValueError,
        "flatten: expected start_dim before end_dim, got 1 and 0",
    ),
    "split": (
        lambda: X.split([1, 1], 1),
        ValueError,
        r"split: expected sections that add up to 3, .* got \[1, 1\]",
    ),
    "repeat": (
        lambda: X.repeat(2),
        ValueError,
        r"repeat: expected a number for each dimension of shape \(2, 3\), got \(2,\)",
    ),
    "mm": (
        lambda: mg.mm(X, V),
        ValueError,
        r"mm: expected 2-d and 2-d tensors, got \(2, 3\) and \(3,\); matmul",
    ),
    "einsum, operands": (
        lambda: mg.einsum("ij,jk->ik", X),
        ValueError,
        "einsum: expected 2 operands for .*, got 1",
    ),
    "einsum, dimensions": (
        lambda: mg.einsum("ijk->i", X),
        ValueError,
        "einsum: expected a letter for each of the 2 dimensions .*, got 'ijk'",
    ),
    "einsum, sizes": (
        lambda: mg.einsum("ij,jk->ik", X, X),
        ValueError,
        "einsum: .* letter 'j' for 3 and for 2",
    ),
    "einsum, result": (
        lambda: mg.einsum("ij->k", X),
        ValueError,
        "must name letters of the operands",
    ),
    "einsum, diagonal": (
        lambda: mg.einsum("ii->i", X),
        ValueError,
        "einsum: .* one size for each letter, got letter 'i' for 2 and for 3",
    ),
    "a keyword": (
        lambda: X.sum(dims=1),
        TypeError,
        r"sum: expected sum\(x, dim=None, .*\), got an unexpected keyword argument 'dims'",
    ),
    "too many arguments": (
        lambda: X.sum(1, True, 3),
        TypeError,
        r"sum: expected sum\(x, dim=None, keepdim=False\), too many positional arguments",
    ),
    "a list": (
        lambda: X + [1.0, 2.0, 3.0],
        TypeError,
        "add: expected a tensor or a number, got a list; make a tensor of it",
    ),
    "a word": (lambda: X * "3", TypeError, "mul: expected a tensor or a number, got a str"),
    "clamp": (lambda: X.clamp(), ValueError, "clamp: expected min, max or both, got neither"),
    "norm": (lambda: X.norm("nuc"), NotImplementedError, "norm: p='nuc' is not supported"),
    "mean of integers": (
        lambda: IDS.mean(),
        TypeError,
        r"mean: expected floats, got int64.*no mean.*\.float\(\)",
    ),
    "a gradient of integers": (
        lambda: IDS.requires_grad_(),
        RuntimeError,
        r"int64 has no gradient.*\.float\(\)",
    ),
    "a gradient of masks": (lambda: (X > 0).requires_grad_(), RuntimeError, "bool has no gradient"),
    "no longer a gradient": (
        lambda: GRAPH.requires_grad_(False),
        RuntimeError,
        r"only a leaf.*\.detach\(\)",
    ),
    "backward of a matrix": (
        lambda: GRAPH.backward(),
        RuntimeError,
        r"shape \(2,\), and only a scalar.*\.sum\(\)",
    ),
    "backward of a constant": (
        lambda: X.sum().backward(),
        RuntimeError,
        r"backward: .* no graph.*requires_grad=True",
    ),
    "a gradient of another shape": (
        lambda: GRAPH.backward(V),
        ValueError,
        r"expected a gradient of the output's shape \(2,\), got \(3,\)",
    ),
    "gradients missing": (
        lambda: mg.grad([GRAPH, GRAPH], GRAPH, [mg.ones(2)]),
        ValueError,
        "grad: expected one gradient for each of the 2 outputs, got 1",
    ),
    "one number": (
        lambda: X.item(),
        ValueError,
        r"item: .* \(2, 3\) is not one number.*\.tolist\(\)",
    ),
    "truth": (
        lambda: bool(X > 0),
        ValueError,
        r"neither true nor false; say \.any\(\) or \.all\(\)",
    ),
    "a length": (lambda: len(mg.tensor(1.0)), TypeError, "0-d tensor has no length"),
    "an index": (
        lambda: [1, 2][mg.tensor(1.0)],
        TypeError,
        r"only one integer can be an index, .* float32\(\)",
    ),
    "numpy of a graph": (
        lambda: GRAPH.numpy(),
        RuntimeError,
        r"requires a gradient.*\.detach\(\)\.numpy\(\)",
    ),
    "asarray of a graph": (
        lambda: np.asarray(GRAPH),
        RuntimeError,
        r"call \.detach\(\)\.numpy\(\)",
    ),
    "numpy of a device": (
        lambda: mg.ones(2, device="strict").numpy(),
        TypeError,
        r"on strict; call \.cpu\(\)",
    ),
    "two devices": (
        lambda: V + mg.ones(3, device="strict"),
        RuntimeError,
        r"add: expected tensors on one device, got cpu and strict; move one with \.to",
    ),
    "no such device": (
        lambda: mg.ones(2, device="tpu"),
        ValueError,
        r"ones \(device\): expected one of 'cpu', 'cuda'.* got 'tpu'",
    ),
    "a word that no GPU knows": (
        lambda: NUMPY.frompyfunc,
        AttributeError,
        "'frompyfunc' is not in the vocabulary",
    ),
    "a word that is no op": (
        lambda: tensor_xp.copyto,
        AttributeError,
        "'copyto' is no op: .* differentiated twice",
    ),
    "to what": (
        lambda: X.to("floatt"),
        TypeError,
        r"to: expected a dtype, a tensor or a device \('cpu', 'cuda'\), got 'floatt'; ",
    ),
    "a copy too large": (
        lambda: mg.zeros(2).copy_(V),
        ValueError,
        r"copy_: expected values that broadcast to \(2,\), got shape \(3,\)",
    ),
    "a fraction into integers": (
        lambda: mg.zeros(2, dtype=mg.int64).fill_(0.5),
        TypeError,
        "fill_: expected values that int64 can hold, got float64",
    ),
    "ragged lists": (
        lambda: mg.tensor([[1], [2, 3]]),
        ValueError,
        "tensor: expected nested lists of equal lengths, got inhomogeneous",
    ),
    "words": (lambda: mg.tensor(["a"]), TypeError, "tensor: expected numbers, got <U1 from a list"),
    "from_numpy": (
        lambda: mg.from_numpy([1.0]),
        TypeError,
        r"from_numpy: expected a numpy.ndarray, got a list; use tensor\(...\)",
    ),
    "randint": (
        lambda: mg.randint(3),
        TypeError,
        r"randint: expected randint\(high, size\) or .* got size=None",
    ),
    "a default of integers": (
        lambda: mg.set_default_dtype(mg.int64),
        TypeError,
        "set_default_dtype: expected float32 or float64, got int64",
    ),
    "gradients asked for at birth": (
        lambda: mg.tensor([1], requires_grad=True),
        RuntimeError,
        "int64 has no gradient",
    ),
    "gather below 0": (
        lambda: X.gather(0, mg.tensor([[-1]])),
        IndexError,
        "gather: expected indices 0 to 1 along dim 0, got values from -1 to -1",
    ),
    "index_select beyond the end": (
        lambda: X.index_select(1, mg.tensor([0, 3])),
        IndexError,
        "index_select: expected indices 0 to 2 along dim 1, got values from 0 to 3",
    ),
    "take_along_dim below 0": (
        lambda: mg.take_along_dim(X, mg.tensor([[-7]]), 1),
        IndexError,
        "take_along_dim: expected indices -3 to 2 along dim 1",
    ),
    "an index too large elsewhere": (
        lambda: X.gather(0, mg.zeros(1, 4, dtype=mg.int64)),
        ValueError,
        r"gather: expected an index no larger than \(2, 3\) but in dim 0, got \(1, 4\)",
    ),
    "out": (lambda: mg.square(X, out=X), NotImplementedError, "square: out= is not supported"),
    "out of a creation": (
        lambda: mg.zeros(2, out=X),
        NotImplementedError,
        "zeros: out=.* is not supported",
    ),
    "an unknown keyword of a creation": (
        lambda: mg.zeros(2, dtpye=mg.int64),
        TypeError,
        "zeros: expected keywords that it knows, got dtpye",
    ),
    "a bool as dim": (lambda: X.mean(True), TypeError, "mean: expected dim to be an integer"),
    "a dim twice": (lambda: X.mean((0, -2)), ValueError, "mean: expected each dim once"),
    "a size below 0": (lambda: mg.zeros(2, -1), ValueError, "zeros: expected sizes of 0 or more"),
    "a size of a fraction": (lambda: mg.ones(1.5), TypeError, "ones: expected a size to be an int"),
    "a size twice": (lambda: mg.ones(2, size=(2,)), TypeError, "ones: expected the size once"),
    "numbers twice": (lambda: X.tile(2, dims=(2,)), TypeError, "tile: expected the numbers once"),
    "random integers of nothing": (
        lambda: mg.randint(0, (2,)),
        ValueError,
        "randint: expected low below high, got 0 and 0",
    ),
    "random floats as integers": (
        lambda: mg.rand(2, dtype=mg.int64),
        TypeError,
        "rand: expected float32 or float64, got int64",
    ),
    "a step away from the end": (
        lambda: mg.arange(5, 0),
        ValueError,
        "arange: expected a step that leads from 5 to 0, got 1",
    ),
    "an integer beyond int64": (
        lambda: mg.tensor(2**63),
        ValueError,
        "tensor: expected integers up to 9223372036854775807",
    ),
    "chunks of nothing": (lambda: X.chunk(0), ValueError, "chunk: expected 1 chunk or more"),
    "pieces of nothing": (lambda: X.split(0), ValueError, "split: expected a split_size of 1"),
    "expand": (
        lambda: X.expand(2, 4),
        ValueError,
        r"expand: expected sizes to which \(2, 3\) broadcasts, got \(2, 4\)",
    ),
    "roll": (lambda: X.roll(1, (0, 1)), ValueError, "roll: expected one shift for each dim"),
    "tril of a vector": (lambda: V.tril(), ValueError, "tril: expected a tensor of at least 2"),
    "a mask of numbers": (
        lambda: X.masked_fill(X, 0.0),
        TypeError,
        r"masked_fill: expected a mask of bools, got float32\(2, 3\); use mask != 0",
    ),
    "sizes of a composed function": (
        lambda: mg.minimum(X, mg.ones(2)),
        ValueError,
        r"minimum: expected shapes that broadcast, got \(2, 3\) and \(2,\)",
    ),
    "devices of a composed function": (
        lambda: mg.outer(V, mg.ones(3, device="strict")),
        RuntimeError,
        r"outer: expected tensors on one device, got cpu and strict; move one with \.to",
    ),
    "inner sizes of mm": (lambda: mg.mm(X, X), ValueError, "mm: expected equal inner sizes"),
    "batches of bmm": (
        lambda: mg.bmm(mg.ones(1, 2, 3), mg.ones(2, 3, 2)),
        ValueError,
        "bmm: expected equal batch sizes, .* matmul broadcasts",
    ),
    "min of nothing": (lambda: mg.zeros(2, 0).min(1), ValueError, "min: expected at least one"),
    "where with one value": (
        lambda: mg.where(X > 0, X),
        TypeError,
        "where: expected a tensor or a number, got None",
    ),
}


@pytest.mark.skipif(mg.cuda.is_available(), reason="there is a GPU")
def test_a_machine_without_a_gpu_says_so() -> None:
    with pytest.raises(
        RuntimeError,
        match=r"device 'cuda': no GPU can be used here; install CuPy .* or use device='cpu'",
    ):
        mg.ones(2, device="cuda")


@pytest.mark.parametrize("call, kind, words", SENTENCES.values(), ids=SENTENCES)
def test_an_error_is_a_sentence(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()
