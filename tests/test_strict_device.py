"""The stand-in for a GPU refuses what CuPy refuses.

And what a rule cannot be seen to do, is done there.
"""

import numpy as np
import pytest
from strict_device import HAS_KERNELS, NAME, WORDS, StrictArray, StrictModule

import minigrad as mg

xp = StrictModule()
A = xp.asarray(np.arange(6.0).reshape(2, 3))

REFUSED = {
    "an ndarray as an operand": lambda: A + np.ones(3),
    "an ndarray on the left": lambda: np.ones(3) + A,
    "an ndarray in place": lambda: A.__iadd__(np.ones(3)),
    "an ndarray in a function": lambda: xp.maximum(A, np.ones(3)),
    "an ndarray in a list": lambda: xp.concatenate([A, np.ones((1, 3))]),
    "an ndarray written into it": lambda: A.__setitem__(0, np.ones(3)),
    "a list as an operand": lambda: A * [1.0, 2.0, 3.0],
    "a list in a function": lambda: xp.maximum(A, [1.0, 2.0, 3.0]),
    "NumPy's function": lambda: np.exp(A),
    "becoming an ndarray": lambda: np.asarray(A),
    "a keyword that CuPy lacks": lambda: xp.sum(A, initial=0.0),
    "a keyword that CuPy's other words have": lambda: xp.cumsum(A, axis=0, keepdims=True),
    "an array as an index of a list": lambda: [1, 2][xp.asarray(1)],
    "an array as a range": lambda: range(xp.asarray(3)),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_it_refuses(call: object) -> None:
    with pytest.raises(TypeError):
        call()


@pytest.mark.parametrize("word", ["frompyfunc", "vecdot", "block", "errstate", "unstack"])
def test_it_has_cupys_names_alone(word: str) -> None:
    assert hasattr(np, word) and word not in WORDS
    with pytest.raises(AttributeError, match=word):
        getattr(xp, word)


def test_it_lacks_what_cupys_ufuncs_lack() -> None:
    assert xp.add.reduceat and hasattr(np.maximum, "reduceat")
    with pytest.raises(AttributeError, match="reduceat"):
        xp.maximum.reduceat  # noqa: B018
    with pytest.raises(AttributeError, match="setflags"):
        A.setflags(write=False)


def test_reductions_stay_on_the_device_and_looks_are_counted() -> None:
    StrictArray.syncs = 0
    total = xp.sum(A)
    assert isinstance(total, StrictArray) and total.shape == () and isinstance(A.max(), StrictArray)
    assert StrictArray.syncs == 0
    assert (float(total), int(total), bool(total), total.item()) == (
        15,
        15,
        True,
        15,
    ) and StrictArray.syncs == 4
    A[A > 2]  # how many there are decides the shape
    assert StrictArray.syncs == 5


def test_an_index_out_of_range_wraps_as_on_a_gpu() -> None:
    """So an id must be checked before: the table of an embedding has no row 5."""
    np.testing.assert_array_equal(A[xp.asarray([5, -3])].get(), A.get()[[1, 1]])
    table, ids = mg.ones(3, 2, device=NAME), mg.tensor([5], device=NAME)
    found = "GPU: ids: expected rows 0 to 2, got 5;"
    if not HAS_KERNELS:
        found = "ids: expected rows 0 to 2, got values from 5 to 5"
    with pytest.raises(IndexError, match=found):
        mg.embedding(table, ids).sum().item()
    with pytest.raises(IndexError):
        A[5]


def test_views_share_memory_and_copies_do_not() -> None:
    x = xp.asarray(np.zeros((2, 3)))
    x[0][1:] += 1.0
    x.T[0] = 5.0
    assert x.get().tolist() == [[5, 1, 1], [5, 0, 0]] and x[0].base is x and x[0][1:].base is x
    y = x.copy()
    y[...] = 0.0
    assert x.get()[0, 0] == 5 and y.base is None


@pytest.mark.parametrize(
    "index", [[0, 0, 1], np.array([0, -2, 1]), "device"], ids=["list", "ndarray", "device"]
)
def test_repeated_places_add_up_whatever_holds_the_index(index: object) -> None:
    x = mg.ones(2, 3, device=NAME, requires_grad=True)
    x[mg.tensor([0, 0, 1], device=NAME) if isinstance(index, str) else index].sum().backward()
    assert x.grad.sum(1).tolist() == [6, 3]
    column = mg.ones(2, 3, device=NAME, requires_grad=True)
    column[:, [2, 2]].sum().backward()
    assert column.grad.tolist() == [[0, 0, 2]] * 2


def test_einsum_refuses_two_devices_by_its_own_name() -> None:
    for operands in ((mg.ones(2), mg.ones(2, device=NAME)), (mg.ones(2, device=NAME), mg.ones(2))):
        with pytest.raises((TypeError, ValueError, RuntimeError), match="^einsum: "):
            mg.einsum("i,i", *operands)
