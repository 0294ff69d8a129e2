"""For each op the arguments at which it is proved: small, but of the sizes that show the pattern (2
and 3).

A case is a function of the Symbols in force. Where a rule compares, the sample points of its cases
take every order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import permutations, product
from typing import Any

import numpy as np
import sympy

from minigrad.autograd import OPS
from minigrad.prove.exact import exact
from minigrad.prove.symbols import POSITIVE, Symbols

Case = Callable[[Symbols], tuple[list[Any], dict[str, Any]]]


# Of ops with a derivative at a border, where a comparison changes its outcome: cases that lie there
BORDERS: dict[str, list[Case]] = {}


class Cases(dict[str, list[Case]]):
    """The cases of each op. An op of one array, without settings, needs none of its own: it is
    proved for a number of any sign."""

    def __missing__(self, name: str) -> list[Case]:
        if not has_case(name):
            raise KeyError(name)
        return [any_numbers]


CASES = Cases()
LINEAR: set[str] = set()  # ops declared linear in all of their arrays
STRUCTURAL = {
    "astype": "exact numbers have one type, so it is the identity here; that the gradient comes "
    "back in x's dtype is tested (dtypes in minigrad/testing/laws.py)",
    "move": "it changes the device and no number; that the gradient comes back to x's device is "
    "tested (strictness in tests/laws.py)",
}


def case(*names: str, linear: bool = False) -> Callable[[Case], Case]:
    """Register a case for these ops."""

    def register(function: Case) -> Case:
        for name in names:
            CASES.setdefault(name, []).append(function)
            if linear:
                LINEAR.add(name)
        return function

    return register


def border(*names: str) -> Callable[[Case], Case]:
    """Register a case at a border for these ops: its symbols in `Symbols.borders` have one value,
    and the gradient there must be the limit of the derivative from both sides."""

    def register(function: Case) -> Case:
        for name in names:
            BORDERS.setdefault(name, []).append(function)
        return function

    return register


def has_case(name: str) -> bool:
    """Whether the op of this name has a case, its own or the one of every op of one array."""
    arguments = list(inspect.signature(OPS[name].rule).parameters)
    return name in CASES or len(arguments) == 2  # xp and the array


# Elementwise


@case("add", "sub", linear=True)
@case("mul")
def two_of_one_shape(s: Symbols) -> Any:
    """a, b (2,3)."""
    return [s.array("a", 2, 3), s.array("b", 2, 3)], {}


@case("add", "sub", linear=True)
@case("mul")
def two_that_broadcast(s: Symbols) -> Any:
    """a (2,1), b (3,)."""
    return [s.array("a", 2, 1), s.array("b", 3)], {}


@case("mul")
def a_number_on_the_left(s: Symbols) -> Any:
    """3 and b (2,)."""
    return [3, s.array("b", 2)], {}


@case("div")
def a_quotient(s: Symbols) -> Any:
    """a (2,1), b (3,) positive."""
    return [s.array("a", 2, 1), s.array("b", 3, **POSITIVE)], {}


@case("div")
def a_quotient_by_negative_numbers(s: Symbols) -> Any:
    """a (2,), b (2,) negative."""
    return [s.array("a", 2), s.array("b", 2, at=[-1, -2], negative=True)], {}


@case("pow")
def a_power(s: Symbols) -> Any:
    """a (2,1) positive, b (2,)."""
    return [s.array("a", 2, 1, **POSITIVE), s.array("b", 2)], {}


def a_whole_power(exponent: int) -> Case:
    """a (2,) of any sign to this exponent."""

    def raised(s: Symbols) -> Any:
        return [s.array("a", 2), exponent], {}

    return raised


for exponent in (1, 2, 3, 4, 5):
    case("pow")(a_whole_power(exponent))


def a_number_to_the_power(base: float) -> Case:
    """A number to the power of b (2,) positive."""

    def raised(s: Symbols) -> Any:
        return [base, s.array("b", 2, **POSITIVE)], {}

    return raised


for base in (0, 0.5, 1, 2):
    case("pow")(a_number_to_the_power(base))


@case("pow")
def a_power_of_zero(s: Symbols) -> Any:
    """a (2,) with a 0 in it, b (2,) positive: aᵇ is 0 there for all b."""
    a = s.array("a", 2, **POSITIVE)
    a[0] = sympy.Integer(0)
    return [a, s.array("b", 2, **POSITIVE)], {}


@border("pow")
def powers_at_zero(s: Symbols) -> Any:
    """a (3,) at 0, to the powers 0, 1 and 2 of an array."""
    return [s.array("a", 3, border=[0, 0, 0]), exact([0, 1, 2])], {}


def a_power_at_zero(exponent: int) -> Case:
    """a () at 0 to this exponent."""

    def raised(s: Symbols) -> Any:
        return [s.array("a", border=0), exponent], {}

    return raised


for exponent in (0, 1, 2):
    border("pow")(a_power_at_zero(exponent))


@case("pow")
def the_power_zero(s: Symbols) -> Any:
    """a (2,) positive, the exponent 0."""
    return [s.array("a", 2, **POSITIVE), 0], {}


@case("neg", "clone", linear=True)
@case("exp", "expm1", "sin", "cos", "tan", "tanh", "sigmoid", "sinh", "cosh", "erf")
@case("floor", "ceil", "trunc", "rint")
def any_numbers(s: Symbols) -> Any:
    """x (2,)."""
    return [s.array("x", 2)], {}


@case("log", "log2", "log10", "log1p", "sqrt")
def positive_numbers(s: Symbols) -> Any:
    """x (2,) positive."""
    return [s.array("x", 2, **POSITIVE)], {}


@case("floor_divide", "remainder", "fmod", "atan2")
def quotients_that_are_not_whole(s: Symbols) -> Any:
    """a (2,1), b (2,), of all signs."""
    return [s.array("a", 2, 1, at=[2.25, -1.25]), s.array("b", 2, at=[1, -2])], {}


@case("abs", "relu", "sign")
def both_signs(s: Symbols) -> Any:
    """x (3,), two above and one below 0."""
    return [s.array("x", 3, at=[2, 0.5, -1])], {}


@case("clamp")
def below_within_and_above(s: Symbols) -> Any:
    """x (3,), below, within and above the bounds."""
    return [s.array("x", 3, at=[-2, 0.25, 2])], {"min": -1, "max": 1}


@case("clamp")
def below_and_above_the_least(s: Symbols) -> Any:
    """x (2,), with a lower bound alone."""
    return [s.array("x", 2, at=[-2, 2])], {"min": -1}


@case("clamp")
def below_and_above_the_most(s: Symbols) -> Any:
    """x (2,), with an upper bound alone."""
    return [s.array("x", 2, at=[-2, 2])], {"max": 1}


def each_greater(signs: tuple[int, ...]) -> Case:
    """a, b (2,), the greater one by `signs`."""

    def ordered(s: Symbols) -> Any:
        return [s.array("a", 2, at=[0, 0]), s.array("b", 2, at=signs)], {}

    return ordered


for signs in product((1, -1), repeat=2):
    case("maximum", "minimum")(each_greater(signs))


@case("maximum", "minimum")
def both_equal(s: Symbols) -> Any:
    """x (2,) and x: along a tie both shares together are the derivative."""
    x = s.array("x", 2)
    return [x, x.copy()], {}


@case("where", linear=True)
def a_choice(s: Symbols) -> Any:
    """a (2,), b (1,) by a mask that has both."""
    return [np.array([True, False]), s.array("a", 2), s.array("b", 1)], {}


# Sums and their like


def along(**settings: Any) -> Case:
    """x (2,3) with these settings."""

    def reduced(s: Symbols) -> Any:
        return [s.array("x", 2, 3)], settings

    return reduced


for settings in (
    {"dim": None},
    {"dim": 1},
    {"dim": (0, 1), "keepdim": True},
    {"dim": 0, "keepdim": True},
):
    case("sum", linear=True)(along(**settings))
for dim in (0, 1, -1):
    case("cumsum", linear=True)(along(dim=dim))
for several in ([0, 1], (), (0,), (-1,)):
    case("sum", linear=True)(along(dim=several))


def a_number_over(dim: Any) -> Case:
    """x (), which may be said to have a dim 0."""

    def reduced(s: Symbols) -> Any:
        return [s.array("x")], {"dim": dim}

    return reduced


case("sum", "cumsum", linear=True)(a_number_over(0))
for only in ((0,), (-1,)):
    case("sum", linear=True)(a_number_over(only))


def in_order(order: tuple[int, ...], **settings: Any) -> Case:
    """x (1,3) in this order."""

    def ordered(s: Symbols) -> Any:
        return [s.array("x", 1, 3, at=order)], settings

    return ordered


for order in permutations(range(3)):
    case("amax")(in_order(order, dim=1))
    case("softmax", "log_softmax")(in_order(order, dim=1))


@case("amax")
def the_greatest_of_all(s: Symbols) -> Any:
    """x (2,2), its maximum kept as (1,1)."""
    return [s.array("x", 2, 2, at=[3, 1, 4, 2])], {"dim": None, "keepdim": True}


def over(dim: Any) -> Case:
    """x (2,3) over one dim or several."""

    def reduced(s: Symbols) -> Any:
        return [s.array("x", 2, 3, at=[0, 3, 5, 1, 2, 4])], {"dim": dim}

    return reduced


for dim in (0, 1, -1):
    case("amax", "softmax", "log_softmax")(over(dim))
for several in ([0, 1], (0,)):
    case("amax")(over(several))


@case("amax")
def the_greatest_twice(s: Symbols) -> Any:
    """x (2,2), the greatest twice in a row: along a tie the shares together are the derivative."""
    x = s.array("x", 2, 2, at=[5, 2, 4, 3])
    x[0, 1] = x[0, 0]
    return [x], {"dim": 1}


@border("softmax", "log_softmax")
def two_are_the_greatest(s: Symbols) -> Any:
    """x (3,), two of them the greatest: the shift by the maximum has a kink there, y has none."""
    return [s.array("x", 3, border=[1, 1, 0])], {"dim": 0}


# Shapes


def shaped(**settings: Any) -> Case:
    """x (2,3) with these settings."""
    return along(**settings)


case("reshape", linear=True)(shaped(shape=(3, -1)))
case("permute", linear=True)(shaped(dims=(1, 0)))
case("swapaxes", linear=True)(shaped(dim0=0, dim1=1))
case("expand_dims", linear=True)(shaped(dim=1))


@case("permute", linear=True)
def three_dims(s: Symbols) -> Any:
    """x (2,1,3), its dims in reverse order."""
    return [s.array("x", 2, 1, 3)], {"dims": (2, 0, 1)}


@case("broadcast_to", linear=True)
def repeated(s: Symbols) -> Any:
    """x (2,1) to (2,2,3)."""
    return [s.array("x", 2, 1)], {"shape": (2, 2, 3)}


@case("cat", linear=True)
def joined(s: Symbols) -> Any:
    """x (2,1), y (2,2) side by side."""
    return [s.array("x", 2, 1), s.array("y", 2, 2)], {"dim": 1}


@case("stack", linear=True)
def stacked(s: Symbols) -> Any:
    """x, y (2,2) along a new dim."""
    return [s.array("x", 2, 2), s.array("y", 2, 2)], {"dim": 1}


@case("unbind", linear=True)
def taken_apart(s: Symbols) -> Any:
    """The columns of x (2,3)."""
    return [s.array("x", 2, 3)], {"dim": 1}


@case("split", linear=True)
def cut(s: Symbols) -> Any:
    """x (2,3) in columns 0 and 1, none, and 2."""
    return [s.array("x", 2, 3)], {"sizes": (2, 0, 1), "dim": 1}


# Picking


@case("getitem", linear=True)
def picked_twice(s: Symbols) -> Any:
    """x (2,3), a row that is named twice."""
    return [s.array("x", 2, 3)], {"index": np.array([0, 0, 1])}


@case("getitem", linear=True)
def a_slice_backwards(s: Symbols) -> Any:
    """x (2,3), every second column from the end."""
    return [s.array("x", 2, 3)], {"index": (slice(None), slice(None, None, -2))}


@case("getitem", linear=True)
def two_index_arrays(s: Symbols) -> Any:
    """x (2,3), an element that is named twice."""
    return [s.array("x", 2, 3)], {"index": (np.array([0, 1, 0]), np.array([2, 2, 2]))}


@case("assign", linear=True)
def a_row_and_a_column(s: Symbols) -> Any:
    """v (2,) into x (2,3), at a slice."""
    return [s.array("x", 2, 3), s.array("v", 2)], {"index": (slice(None), 1)}


@case("assign", linear=True)
def two_places(s: Symbols) -> Any:
    """v (2,) into x (2,3), at index arrays that name no place twice."""
    return [s.array("x", 2, 3), s.array("v", 2)], {"index": (np.array([1, 0]), np.array([2, 2]))}


@case("diagonal", linear=True)
def two_diagonals(s: Symbols) -> Any:
    """The upper neighbour of the main diagonal of x (2,2,3)."""
    return [s.array("x", 2, 2, 3)], {"offset": 1}


@case("squared_deviations")
def three_numbers_and_two_rows(s: Symbols) -> Any:
    """Over the rows of x (2,3)."""
    return [s.array("x", 2, 3)], {"dim": -1, "keepdim": True}


@case("squared_deviations")
def all_of_them(s: Symbols) -> Any:
    """Over all of x (2,2), said as no dimensions."""
    return [s.array("x", 2, 2)], {"dim": ()}


@case("squared_deviations")
def two_columns(s: Symbols) -> Any:
    """Over the columns of x (2,2)."""
    return [s.array("x", 2, 2)], {"dim": (0,)}


@case("unfold", linear=True)
def three_that_overlap(s: Symbols) -> Any:
    """Three slices of two of x (2,4), one element in two of them."""
    return [s.array("x", 2, 4)], {"size": 2, "step": 1}


@case("take_windows", linear=True)
def that_overlap(s: Symbols) -> Any:
    """Two windows of 2×2 in x (2,3), which share a column."""
    return [s.array("x", 2, 3)], {"kernel": (2, 2), "stride": (1, 1), "dilation": (1, 1)}


@case("take_windows", linear=True)
def with_gaps(s: Symbols) -> Any:
    """Two windows of two elements in x (1,5), with gaps in and between them."""
    return [s.array("x", 1, 5)], {"kernel": (2,), "stride": (2,), "dilation": (2,)}


@case("add_windows", linear=True)
def added_where_they_overlap(s: Symbols) -> Any:
    """Two windows of 2×2, x (2,2,1,2), into (2,3)."""
    settings = {"sizes": (2, 3), "stride": (1, 1), "dilation": (1, 1)}
    return [s.array("x", 2, 2, 1, 2)], settings


@case("add_windows", linear=True)
def added_with_gaps(s: Symbols) -> Any:
    """Two windows of two elements, x (1,2,2), into (1,6), whose last element gets nothing."""
    return [s.array("x", 1, 2, 2)], {"sizes": (6,), "stride": (2,), "dilation": (2,)}


@case("scatter_add", linear=True)
def added_twice(s: Symbols) -> Any:
    """x (3,2) into (2,2), a row that is named twice."""
    return [s.array("x", 3, 2)], {"index": np.array([0, 0, 1]), "shape": (2, 2)}


@case("embedding", linear=True)
def rows_of_a_table(s: Symbols) -> Any:
    """A table (3,2), an id that comes three times."""
    return [s.array("w", 3, 2), np.array([[0, 2], [0, 0]])], {}


@case("embedding", linear=True)
def rows_with_padding_that_are_not_padding(s: Symbols) -> Any:
    """A table (3,2), a padding row that no id names."""
    return [s.array("w", 3, 2), np.array([0, 2, 0])], {"padding_idx": 1}


# Products


def of_shapes(*shapes: tuple[int, ...]) -> Case:
    """a and b of these shapes."""

    def multiplied(s: Symbols) -> Any:
        return [s.array(name, *shape) for name, shape in zip("ab", shapes, strict=True)], {}

    return multiplied


for shapes in (((2, 3), (3, 2)), ((2, 1), (1, 3)), ((2, 1, 2), (1, 2, 1)), ((2, 2, 2), (2, 2))):
    case("matmul")(of_shapes(*shapes))


@case("linear")
def an_affine_map(s: Symbols) -> Any:
    """x (2,1,3), w (2,3), b (2,)."""
    return [s.array("x", 2, 1, 3), s.array("w", 2, 3), s.array("b", 2)], {}


@case("linear")
def one_row(s: Symbols) -> Any:
    """x (3,), w (2,3), b (2,)."""
    return [s.array("x", 3), s.array("w", 2, 3), s.array("b", 2)], {}


@case("linear")
def without_a_bias(s: Symbols) -> Any:
    """x (3,), w (2,3)."""
    return [s.array("x", 3), s.array("w", 2, 3), None], {}


# By hand


@case("convolution")
def over_two_dims(s: Symbols) -> Any:
    """Two windows of 1×2, with a gap in each, in x (1,2,1,4), w (1,2,1,2)."""
    settings = {"stride": (1, 1), "dilation": (1, 2)}
    return [s.array("x", 1, 2, 1, 4), s.array("w", 1, 2, 1, 2)], settings


@case("convolution")
def in_groups(s: Symbols) -> Any:
    """Two windows of two, two apart, in x (2,2,4), w (2,1,2): each channel by itself."""
    settings = {"stride": (2,), "dilation": (1,)}
    return [s.array("x", 2, 2, 4), s.array("w", 2, 1, 2)], settings


@case("max_pool")
def that_share_the_largest(s: Symbols) -> Any:
    """Two windows of 1×2 in x (1,3), whose largest element is in both."""
    return [s.array("x", 1, 3, at=[1, 3, 2])], {"kernel": (1, 2)}


@case("max_pool")
def each_with_its_largest(s: Symbols) -> Any:
    """Two windows of two, two apart, in x (1,4)."""
    return [s.array("x", 1, 4, at=[1, 3, 4, 2])], {"kernel": (2,), "stride": (2,)}


@case("layer_norm")
def normalized(s: Symbols) -> Any:
    """x (1,2), w and b (2,)."""
    eps = sympy.Symbol("eps", positive=True)
    return [s.array("x", 1, 2), s.array("w", 2), s.array("b", 2)], {"eps": eps}


@case("layer_norm")
def normalized_alone(s: Symbols) -> Any:
    """x (2,2) without weight and bias."""
    eps = sympy.Symbol("eps", positive=True)
    return [s.array("x", 2, 2), None, None], {"eps": eps}


@case("layer_norm")
def normalized_over_two_dims(s: Symbols) -> Any:
    """x (2,2,1), w and b (2,1), over the last two."""
    eps = sympy.Symbol("eps", positive=True)
    arrays = [s.array("x", 2, 2, 1), s.array("w", 2, 1), s.array("b", 2, 1)]
    return arrays, {"ndim": 2, "eps": eps}


@case("layer_norm")
def normalized_three(s: Symbols) -> Any:
    """x (1,3), with the ε that is used where none is given."""
    return [s.array("x", 1, 3), None, None], {}


def classes(order: tuple[int, ...], **settings: Any) -> Case:
    """Logits (2,2) in this order, classes 0 and 1."""

    def rows(s: Symbols) -> Any:
        logits = s.array("x", 2, 2, at=[*order, order[1] + 2, order[0] + 2])
        return [logits, np.array([0, 1])], settings

    return rows


for reduction in ("none", "sum", "mean"):
    for order in ((0, 1), (1, 0)):
        case("nll_loss", linear=True)(classes(order, reduction=reduction))
        case("softmax_cross_entropy")(classes(order, reduction=reduction))


@case("nll_loss", linear=True)
@case("softmax_cross_entropy")
def a_row_to_ignore(s: Symbols) -> Any:
    """Logits (2,2), the second row to be ignored."""
    logits = s.array("x", 2, 2, at=[0, 1, 3, 2])
    return [logits, np.array([0, -100])], {"reduction": "mean"}


@case("nll_loss", linear=True)
@case("softmax_cross_entropy")
def another_row_to_ignore(s: Symbols) -> Any:
    """Logits (2,2), the class 1 is to be ignored."""
    logits = s.array("x", 2, 2, at=[0, 1, 3, 2])
    return [logits, np.array([0, 1])], {"reduction": "mean", "ignore_index": 1}


@case("nll_loss", linear=True)
@case("softmax_cross_entropy")
def one_class(s: Symbols) -> Any:
    """Logits (2,1), the second row to be ignored: the loss is 0 for every x."""
    return [s.array("x", 2, 1, at=[0, 1]), np.array([0, -100])], {"reduction": "sum"}


@border("softmax_cross_entropy")
def two_logits_are_the_greatest(s: Symbols) -> Any:
    """Logits (1,2), both the same."""
    return [s.array("x", 1, 2, border=[1, 1]), np.array([1])], {}


@case("nll_loss", linear=True)
@case("softmax_cross_entropy")
def three_classes(s: Symbols) -> Any:
    """Logits (2,3), classes 2 and 1."""
    logits = s.array("x", 2, 3, at=[0, 1, 2, 5, 4, 3])
    return [logits, np.array([2, 1])], {}
