"""The words of minigrad.fast.words give what NumPy's functions of the same names give."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from minigrad.array import NUMPY, Backend
from minigrad.fast import rows, words

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
ARRAYS = {
    "an array": X,
    "a view": X[:, ::-1, ::2],
    "a transpose": X.T,
    "integers": X.astype(np.int8),
    "bools": X > 5,
    "exact numbers": X.astype(object),
    "no elements": X[:0],
    "0-d": X[0, 0, 0, None].reshape(()),
    "a scalar": X[0, 0, 0],
    "a number": 2.5,
}
CALLS: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[Any]]] = {
    "reshape": (words.reshape, np.reshape, [(-1,), (4, 6), (2, 2, 6), (1,), (), 24]),
    "swapaxes": (words.swapaxes, np.swapaxes, [(0, 1), (-1, -2), (0, 3)]),
    "permute": (words.permute, np.transpose, [(2, 0, 1), [0, -1, 1], (0, 1), (0, 0, 1), ()]),
    "expand_dims": (words.expand_dims, np.expand_dims, [0, 1, -1, 3, 4, -5, (0, 2), (0, 0)]),
    "broadcast_to": (
        words.broadcast_to,
        np.broadcast_to,
        [(2, 3, 4), (5, 2, 3, 4), (0, 3, 4), (1, 3, 4), (3, 4), (2, 3, 2), (4, 3, 2), [7]],
    ),
    "argmax": (words.argmax, np.argmax, [None, 0, -1, 3]),
    "argmin": (words.argmin, np.argmin, [None, 0, -1, 3]),
    "amax": (words.amax, np.amax, [None, 0, -1, (0, 1), 3]),
    "any": (words.any_, np.any, [None, 0, -1, (0, 1), 3]),
    "all": (words.all_, np.all, [None, 0, -1, (0, 1), 3]),
}


def outcome(call: Callable[..., Any]) -> Any:
    """What a call gives, as an array; or the kind of error, and its text."""
    try:
        return np.asarray(call())
    except Exception as error:
        return type(error), str(error)


def check_equal(fast: Callable[..., Any], plain: Callable[..., Any]) -> None:
    """Hold one call to another: values, dtype, shape, or the error."""
    got = outcome(fast)
    wanted = outcome(plain)
    if isinstance(wanted, tuple):
        assert isinstance(got, tuple) and got[0] is wanted[0]
        return
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("name", CALLS)
def test_a_word_is_numpys_function(name: str, kind: str) -> None:
    x = ARRAYS[kind]
    word, function, settings = CALLS[name]
    for setting in settings:
        arguments = setting if name == "swapaxes" else (setting,)
        check_equal(lambda a=arguments: word(x, *a), lambda a=arguments: function(x, *a))
    if name in ("argmax", "argmin", "amax", "any", "all"):
        for axis in (None, 1):
            check_equal(
                lambda a=axis: word(x, a, True), lambda a=axis: function(x, a, keepdims=True)
            )


@pytest.mark.parametrize("kind", ARRAYS)
def test_zeros_and_ones_like(kind: str) -> None:
    x = ARRAYS[kind]
    check_equal(lambda: words.zeros_like(x), lambda: np.zeros_like(x))
    check_equal(lambda: words.ones_like(x), lambda: np.ones_like(x))


def test_stack() -> None:
    for arrays in ([X, X + 1], [X[::-1], X], [X, X[:1]], [1.0, 2.0], [X[0, 0, 0], X[0, 0, 1]]):
        for axis in (0, 1, -1, 4):
            check_equal(
                lambda a=arrays, d=axis: words.stack(a, d), lambda a=arrays, d=axis: np.stack(a, d)
            )


def test_matmul() -> None:
    a, b, v = X[0], X[0].T, X[0, 0]
    for left, right in ((a, b), (a[::2], b[:, 1:]), (X, b), (a, v), (v, b), (a, a), (v, v)):
        check_equal(
            lambda p=left, q=right: words.matmul(p, q), lambda p=left, q=right: np.matmul(p, q)
        )
    out = np.zeros((3, 6), np.float32)[:, ::2]
    assert words.matmul(a, b, out=out) is out
    np.testing.assert_array_equal(out, a @ b)


def test_what_is_broadcast_can_not_be_written_to() -> None:
    row = words.broadcast_to(X[0, 0], (3, 4))
    assert np.shares_memory(row, X) and not row.flags.writeable
    assert row.base is not None and X.flags.writeable


def test_the_cpu_has_each_of_these_words() -> None:
    own = [f for f in vars(words).values() if getattr(f, "__module__", "") == words.__name__]
    own.remove(words.extend)
    backend = Backend(xp=SimpleNamespace())
    words.extend(backend)
    assert vars(backend.xp) == {f.__name__.rstrip("_"): f for f in own}
    assert vars(backend.xp).items() <= vars(NUMPY).items()
    plain = Backend(xp=SimpleNamespace(add_at=np.add.at))
    rows.extend(plain)
    for xp in (plain.xp, NUMPY):
        assert vars(xp)["add_at"].__module__ == rows.__name__


@pytest.mark.parametrize("count", [1, 3, rows.FEW // 4 - 1, rows.FEW // 4 + 1, rows.FEW])
def test_rows_added_by_number(count: int) -> None:
    """Whether they are few or so many that they are sorted; 40 rows, so that most come twice."""
    random = np.random.default_rng(count)
    ids = random.integers(-40, 40, count)
    added = random.normal(size=(count, 4))
    got = np.ones((40, 4))
    wanted = got.copy()
    NUMPY.add_at(got, ids, added)
    np.add.at(wanted, ids, added)
    np.testing.assert_allclose(got, wanted, rtol=1e-13)


@pytest.mark.parametrize(("count", "width"), [(16, 300), (17, 300), (50, 299), (33, 1), (2, 3000)])
def test_rows_in_blocks_are_all_added(
    count: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the last block is full, has one row, or each row is more than a block."""
    monkeypatch.setattr(rows, "BLOCK", 8 * 300 * 8)  # eight rows of 300 numbers
    ids = np.arange(count) * 7 % 5
    added = np.random.default_rng(count).normal(size=(count, width))
    got, want = np.ones((6, width)), np.ones((6, width))
    rows.add_rows(got, ids, added)
    np.add.at(want, ids, added)
    np.testing.assert_allclose(got, want, rtol=1e-12)


PLACES: dict[str, tuple[tuple[int, ...], Any]] = {
    "rows of a matrix": ((50, 60), np.arange(100) % 50),
    "rows in two dimensions": ((50, 60), np.arange(100).reshape(4, 25) % 50 - 25),
    "one row": ((3, 3000), np.array([2])),
    "numbers of a vector": ((50,), np.arange(4000) % 50),
    "matrices": ((5, 20, 30), np.arange(8) % 5),
    "a mask": ((60, 60), np.arange(3600).reshape(60, 60) % 3 > 0),
    "a mask of rows": ((60, 60), np.arange(60) % 3 > 0),
    "a slice": ((60, 60), slice(1, None)),
    "rows and columns": ((60, 60), (np.arange(3000) % 60, np.arange(3000) % 7)),
}


@pytest.mark.parametrize("case", PLACES)
def test_many_numbers_are_added_wherever_they_go(case: str) -> None:
    shape, index = PLACES[case]
    added = np.random.default_rng(0).normal(size=np.zeros(shape)[index].shape)
    assert added.size > rows.FEW
    got, want = np.ones(shape), np.ones(shape)
    NUMPY.add_at(got, index, added)
    np.add.at(want, index, added)
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("n", [2**16 - 1, 2**16, 2**16 + 3])
def test_rows_are_told_apart_in_16_bits_and_beyond(n: int) -> None:
    count = rows.FEW
    ids = np.resize([1, 2**16 + 1, 2, 2**16 + 2], count) % n  # the last 16 bits are the same
    added = np.ones((count, 2))
    want, got = np.zeros((n, 2)), np.zeros((n, 2))
    np.add.at(want, ids, added)
    NUMPY.add_at(got, ids, added)
    np.testing.assert_array_equal(got, want)


def test_no_rows_are_added_to_none() -> None:
    out = np.ones((3, 2))
    rows.add_rows(out, np.zeros(0, int), np.zeros((0, 2)))
    assert out.tolist() == [[1.0, 1.0]] * 3


@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 3, 4)])
def test_what_does_not_broadcast_is_refused_in_numpys_words(shape: tuple[int, ...]) -> None:
    assert outcome(lambda: words.broadcast_to(X, shape)) == outcome(
        lambda: np.broadcast_to(X, shape)
    )
