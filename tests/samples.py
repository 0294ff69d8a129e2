"""The table: for every op, the arguments it can be called with, and PyTorch's word for it.

Where an op has kinks, the `smooth` samples of its row stay away from them by construction, so that
a finite difference may be taken, and `kinks` sit on them: ties, zeros, a padding row.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import strict_device

from minigrad.testing.strategies import (
    FULL,
    SIDES,
    array,
    broadcastable,
    dim,
    dims,
    distinct,
    indices,
    lay_out,
    numbers,
    sample,
    shapes,
)

NUMBERS = st.sampled_from((0.0, 1.0, -2, 3, 0.5))  # Python's own, as an operand


@sample
def one(draw, kind="any"):
    return [array(draw, draw(shapes()), kind)]


@sample
def between_poles(draw):
    """One operand between -1 and 1, away from the poles of tan, where a difference is no slope."""
    return [np.asarray(np.tanh(array(draw, draw(shapes()))))]


@sample
def two(draw, left="any", right="any"):
    """Two operands that broadcast, or one and a Python number (away from 0 where the operand must
    be).
    """
    kinds = [left, right]
    pair: list[Any] = [
        array(draw, shape, kind) for shape, kind in zip(broadcastable(draw, 2), kinds)
    ]
    i = draw(st.sampled_from((None, None, None, 0, 1)))
    if i is not None:
        pair[i] = draw(NUMBERS if kinds[i] == "any" else NUMBERS.filter(lambda n: n > 0))
    return pair


@sample
def whole_powers(draw):
    return [array(draw, draw(shapes()), "nonzero"), draw(st.integers(-2, 3))]


@sample
def clamps(draw, kinks=False):
    """Bounds at ±0.15, which the numbers keep away from, or at ±1, where many of them are."""
    x = array(draw, draw(shapes()), "few" if kinks else "nonzero")
    low, high = (-1, 1) if kinks else (-0.15, 0.15)
    bounds = [{"min": low}, {"max": high}, {"min": low, "max": high}, {"min": high, "max": low}]
    return [x], draw(st.sampled_from(bounds))


@sample
def away_from_whole_and_half(draw):
    shape = draw(shapes())
    fractions = numbers(draw, shape, "nonzero") / 8  # 0.04 .. 0.25, of either sign
    return [lay_out(draw, np.asarray(np.rint(numbers(draw, shape) * 2) + fractions))]


@sample
def not_whole_quotients(draw):
    """a and b so that a / b keeps away from every integer."""
    left, right = broadcastable(draw, 2)
    b = numbers(draw, right, "nonzero")
    shape = np.broadcast_shapes(left, right)
    quotient = np.rint(numbers(draw, shape) * 2) + 0.5 + 0.2 * numbers(draw, shape) / 2
    return [lay_out(draw, np.asarray(quotient * b)), lay_out(draw, b)]


@sample
def matrices(draw):
    x = array(draw, draw(shapes(min_dims=2)))
    return [x], {"offset": draw(st.integers(-2, 2))}


@sample
def slices_of_a_row(draw):
    x = array(draw, draw(shapes(min_dims=1)))
    return [x], {"size": draw(st.integers(0, x.shape[-1])), "step": draw(st.integers(1, 3))}


@sample
def rows_with_windows(draw):
    """An array, and windows of its last dimension, or of its last two, some of which overlap."""
    lead, sizes, settings = draw(windows_that_fit())
    return [array(draw, (*lead, *sizes))], settings


@sample
def windows_to_add(draw):
    """The windows of an array that is to be made, their elements and their places last."""
    lead, sizes, settings = draw(windows_that_fit())
    places = []
    for size, k, step, gap in zip(sizes, *settings.values(), strict=True):
        places.append((size - gap * (k - 1) - 1) // step + 1)
    shape = (*lead, *settings.pop("kernel"), *places)
    return [array(draw, shape)], {"sizes": sizes, **settings}


@st.composite
def windows_that_fit(draw):
    """Leading sizes, those the windows are of, and kernel, stride and dilation."""
    n = draw(st.integers(1, 2))
    kernel, stride, dilation = draw(st.tuples(*[st.tuples(*[st.integers(1, 3)] * n)] * 3))
    lead = draw(st.sampled_from([(), (2,), (0,), (1, 2)]))
    sizes = [gap * (k - 1) + draw(st.integers(1, 4)) for k, gap in zip(kernel, dilation)]
    return lead, tuple(sizes), {"kernel": kernel, "stride": stride, "dilation": dilation}


@sample
def convolutions(draw):
    """x (B,C,*sizes) and weights of up to two groups of channels."""
    _, sizes, settings = draw(windows_that_fit())
    B, groups, C, O = (draw(st.integers(least, 2)) for least in (0, 1, 1, 1))  # of each group
    x = array(draw, (B, groups * C, *sizes))
    weight = array(draw, (groups * O, C, *settings.pop("kernel")))
    return [x, weight], settings


def convolved(t, x, weight, **settings):
    convolve = t.conv1d if weight.ndim == 3 else t.conv2d
    return convolve(x, weight, groups=x.shape[1] // weight.shape[1], **settings)


@sample
def poolings(draw):
    """An array of which no two elements are equal."""
    lead, sizes, settings = draw(windows_that_fit())
    return distinct(draw, (*lead, *sizes)), settings


@sample
def poolings_of_few(draw):
    """An array in which the largest element of a window may come twice."""
    lead, sizes, settings = draw(windows_that_fit())
    return [array(draw, (*lead, *sizes), "few")], settings


def pooled(t, x, kernel, stride, dilation):
    """The largest of PyTorch's windows, the first where there are several."""
    n = len(kernel)
    windows = unfolded(t, x, kernel, stride, dilation)
    return windows.flatten(-2 * n, -n - 1).max(-n - 1)[0]


def unfolded(t, x, kernel, stride, dilation):
    """PyTorch's slices dimension by dimension, the places moved behind the elements."""
    n = len(kernel)
    for i, (k, step, gap) in enumerate(zip(kernel, stride, dilation)):
        x = x.unfold(i - n if i == 0 else -n, gap * (k - 1) + 1, step)[..., ::gap]
    return x.movedim(tuple(range(-2 * n, -n)), tuple(range(-n, 0)))


def added_windows(t, x, sizes, stride, dilation):
    """The sum of what each element of the windows adds where it was taken from."""
    n = len(sizes)
    y = x.new_zeros(*x.shape[: -2 * n], *sizes)
    for element in np.ndindex(*x.shape[-2 * n : -n]):
        place = [...]
        for k, count, step, gap in zip(element, x.shape[-n:], stride, dilation):
            place.append(slice(k * gap, k * gap + (count - 1) * step + 1, step))
        part = t.zeros_like(y)
        part[tuple(place)] = x[(..., *element, *[slice(None)] * n)]
        y = y + part
    return y


@sample
def powers_of_zero(draw):
    """0 among the bases. (For a negative base PyTorch has no derivative with respect to the
    exponent, nor have we.)
    """
    base = np.asarray(np.abs(array(draw, draw(shapes()), "few")))
    return [base, draw(st.sampled_from((0, 1, 2, 3)) | st.just(np.full(base.shape, 2.0)))]


@sample
def two_distinct(draw):
    return distinct(draw, *broadcastable(draw, 2))


@sample
def two_with_ties(draw):
    return [array(draw, shape, "few") for shape in broadcastable(draw, 2)]


@sample
def three(draw):
    condition, a, b = broadcastable(draw, 3)
    return [np.asarray(numbers(draw, condition) > 0), array(draw, a), array(draw, b)]


@sample
def casts(draw):
    return [array(draw, draw(shapes()))], {"dtype": np.dtype("float64")}


@sample
def moves(draw):
    return [array(draw, draw(shapes()))], {
        "device": draw(st.sampled_from(("cpu", strict_device.NAME)))
    }


@sample
def sums(draw):
    x = array(draw, draw(shapes()))
    return [x], {"dim": dims(draw, x.ndim), "keepdim": draw(st.booleans())}


@sample
def maxima(draw, ties=False):
    shape = draw(shapes(sides=FULL))
    x = array(draw, shape, "few") if ties else distinct(draw, shape)[0]
    return [x], {"dim": dims(draw, x.ndim), "keepdim": draw(st.booleans())}


@sample
def along(draw, sides=SIDES):
    x = array(draw, draw(shapes(min_dims=1, sides=sides)))
    return [x], {"dim": dim(draw, x.ndim)}


@sample
def parts_along(draw):
    x = array(draw, draw(shapes(min_dims=1)))
    d = dim(draw, x.ndim)
    cuts = sorted(draw(st.lists(st.integers(0, x.shape[d]), max_size=2)))
    sizes = np.diff([0, *cuts, x.shape[d]]).tolist()
    return [x], {"sizes": tuple(sizes), "dim": d}


@sample
def reshapes(draw):
    x = array(draw, draw(shapes()))
    shape = draw(st.permutations([*x.shape, 1, 1]))
    i = draw(st.integers(0, len(shape) - 1))
    if draw(st.booleans()) and x.size:
        shape[i] = -1
    elif i:
        shape[i - 1 : i + 1] = [math.prod(shape[i - 1 : i + 1])]
    return [x], {"shape": shape}


@sample
def orders(draw):
    x = array(draw, draw(shapes()))
    order = draw(st.permutations(range(x.ndim)))
    return [x], {"dims": [d - x.ndim * draw(st.booleans()) for d in order]}


@sample
def swaps(draw):
    x = array(draw, draw(shapes(min_dims=1)))
    return [x], {"dim0": dim(draw, x.ndim), "dim1": dim(draw, x.ndim)}


@sample
def new_dims(draw):
    x = array(draw, draw(shapes()))
    several = hnp.valid_tuple_axes(x.ndim + 2, min_size=2, max_size=2)
    return [x], {"dim": draw(st.integers(-x.ndim - 1, x.ndim) | several)}


@sample
def repeats(draw):
    shape = draw(shapes())
    lead = draw(st.integers(0, len(shape)))
    before = tuple(1 if draw(st.booleans()) else n for n in shape[lead:])
    return [array(draw, before)], {"shape": shape}


@sample
def joins(draw, new=False):
    shape, d = draw(shapes(min_dims=1)), draw(st.integers(0, 2))
    d %= len(shape)
    widths = draw(st.lists(SIDES, min_size=1, max_size=3))
    parts = [array(draw, shape if new else shape[:d] + (n,) + shape[d + 1 :]) for n in widths]
    return parts, {"dim": draw(st.sampled_from((d, d - len(shape) - new)))}


@sample
def picks(draw):
    x = array(draw, draw(shapes()))
    return [x], {"index": draw(indices(x.shape))}


@sample
def assignments(draw):
    """An index that names no place twice, and values that broadcast to what is there."""
    x = array(draw, draw(shapes()))
    index = draw(indices(x.shape).filter(lambda i: names_once(i, x.shape)))
    shape = x[index].shape
    lead = draw(st.integers(0, len(shape)))
    values = tuple(1 if draw(st.booleans()) else n for n in shape[lead:])
    return [x, array(draw, values)], {"index": index}


def names_once(index: Any, shape: tuple[int, ...]) -> bool:
    """Whether an index names each place at most once."""
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    return len(np.unique(places)) == np.size(places)


@sample
def scatters(draw):
    shape = draw(shapes())
    index = draw(indices(shape))
    return [array(draw, np.empty(shape)[index].shape)], {"index": index, "shape": shape}


@sample
def lookups(draw, padded=False):
    rows, width = draw(FULL), draw(SIDES)
    ids = draw(hnp.arrays(int, draw(shapes()), elements=st.integers(0, rows - 1)))
    padding = {"padding_idx": draw(st.integers(0, rows - 1))} if padded else {}
    return [array(draw, (rows, width)), ids], padding


@sample
def products(draw):
    """Matrices, with leading dimensions that broadcast."""
    shape = hnp.mutually_broadcastable_shapes(
        signature="(m,k),(k,n)->(m,n)", max_dims=2, min_side=0, max_side=3
    )
    return [array(draw, s) for s in draw(shape).input_shapes]


@sample
def layers(draw):
    inside, out = draw(SIDES), draw(SIDES)
    bias = array(draw, (out,)) if draw(st.booleans()) else None
    return [array(draw, (*draw(shapes(max_dims=2)), inside)), array(draw, (out, inside)), bias]


@sample
def classes(draw):
    """With "mean", of at least one row that counts."""
    reduction, ignored = (
        draw(st.sampled_from(("none", "sum", "mean"))),
        draw(st.sampled_from((-100, 0))),
    )
    N, V = draw(FULL if reduction == "mean" else SIDES), draw(FULL) + 1
    targets = draw(hnp.arrays(int, N, elements=st.integers(0, V - 1) | st.just(ignored)))
    if reduction == "mean":
        targets[0] = 1
    return [array(draw, (N, V)), targets], {"reduction": reduction, "ignore_index": ignored}


@sample
def norms(draw):
    shape = draw(shapes(min_dims=1, sides=FULL))
    ndim = draw(st.integers(1, len(shape)))
    affine = [array(draw, shape[-ndim:]) if draw(st.booleans()) else None for _ in range(2)]
    return [*distinct(draw, shape), *affine], {"ndim": ndim}


@sample
def scans(draw, gates, states):
    T, B, I, H = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 2)),
        draw(st.integers(1, 2)),
    )
    rows = gates * H
    biases = [array(draw, (rows,)), array(draw, (rows,))] if draw(st.booleans()) else [None, None]
    weights = [array(draw, (rows, I)), array(draw, (rows, H)), *biases]
    settings = {"reverse": draw(st.booleans())}
    if draw(st.booleans()):
        settings["lengths"] = draw(st.lists(st.integers(1, T), min_size=B, max_size=B))
    if gates == 3:
        settings["reset_after"] = draw(st.booleans())
    return [
        array(draw, (T, B, I)),
        *(array(draw, (B, H)) for _ in range(states)),
        *weights,
    ], settings


@sample
def steps(draw, gates, states):
    B, I, H = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    rows = gates * H
    biases = [array(draw, (rows,)), array(draw, (rows,))] if draw(st.booleans()) else [None, None]
    weights = [array(draw, (rows, I)), array(draw, (rows, H)), *biases]
    return [array(draw, (B, I)), *(array(draw, (B, H)) for _ in range(states)), *weights]


@dataclass
class Row:
    """One op: its samples, PyTorch's function (torch, *args, **settings; None where another test
    compares), whether it is analytic, so that the complex step applies, and whether it must look at
    its values (a mask; and ids to check, where there are no kernels)."""

    smooth: Any
    torch: Callable[..., Any] | None
    kinks: Any = None
    analytic: bool = True
    looks: bool = False

    @property
    def all(self) -> Any:
        return self.smooth if self.kinks is None else self.smooth | self.kinks


def word(name: str) -> Callable[..., Any]:
    """PyTorch's function of this name."""
    return lambda torch, *args, **settings: getattr(torch, name)(*args, **settings)


def around_mean(x: Any, dim: Any, keepdim: bool) -> Any:
    """Σ (x - x̄)²."""
    dims = tuple(range(x.ndim)) if dim in (None, ()) else dim
    centred = x - x.mean(dims, keepdim=True) if x.ndim else x - x
    return (centred * centred).sum(dims, keepdim=keepdim)


def places(t: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """The flat positions that an index names: PyTorch's own indexing has no negative steps."""
    return t.tensor(np.array(np.arange(math.prod(shape)).reshape(shape)[index]))


def scatter(t: Any, g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    flat = t.zeros(math.prod(shape), dtype=g.dtype)
    return flat.index_add(0, places(t, index, shape).reshape(-1), g.reshape(-1)).reshape(shape)


def assigned(t: Any, x: Any, v: Any, index: Any) -> Any:
    """What PyTorch's x[index] = v makes of a copy of x."""
    flat = x.reshape(-1).clone()
    where = places(t, index, tuple(x.shape))
    flat[where.reshape(-1)] = v.expand(where.shape).reshape(-1)
    return flat.reshape(x.shape)


def angle(t: Any, *operands: Any) -> Any:
    """PyTorch's atan2, which takes no numbers."""
    return t.atan2(*[t.as_tensor(a, dtype=t.float64) for a in operands])


def entropy(t: Any, x: Any, targets: Any, **settings: Any) -> Any:
    return t.nn.functional.cross_entropy(x, targets, **settings)


def likelihood(t: Any, x: Any, targets: Any, **settings: Any) -> Any:
    return t.nn.functional.nll_loss(x, targets, **settings)


TABLE = {
    "add": Row(two(), lambda t, a, b: a + b),
    "sub": Row(two(), lambda t, a, b: a - b),
    "mul": Row(two(), lambda t, a, b: a * b),
    "div": Row(two("any", "nonzero"), lambda t, a, b: a / b),
    "pow": Row(
        two("positive", "any") | whole_powers(), lambda t, a, b: a**b, kinks=powers_of_zero()
    ),
    "neg": Row(one(), word("neg")),
    "abs": Row(one("nonzero"), word("abs"), kinks=one("few"), analytic=False),
    "exp": Row(one(), word("exp")),
    "expm1": Row(one(), word("expm1")),
    "log": Row(one("positive"), word("log")),
    "log1p": Row(one("positive"), word("log1p")),
    "sqrt": Row(one("positive"), word("sqrt")),
    "sin": Row(one(), word("sin")),
    "cos": Row(one(), word("cos")),
    "tan": Row(between_poles(), word("tan")),
    "sinh": Row(one(), word("sinh")),
    "cosh": Row(one(), word("cosh")),
    "log2": Row(one("positive"), word("log2")),
    "log10": Row(one("positive"), word("log10")),
    "erf": Row(one(), word("erf"), analytic=False, looks=True),
    "atan2": Row(two("nonzero", "nonzero"), lambda t, a, b: angle(t, a, b), analytic=False),
    "floor": Row(away_from_whole_and_half(), word("floor"), kinks=one("few"), analytic=False),
    "ceil": Row(away_from_whole_and_half(), word("ceil"), kinks=one("few"), analytic=False),
    "trunc": Row(away_from_whole_and_half(), word("trunc"), kinks=one("few"), analytic=False),
    "rint": Row(away_from_whole_and_half(), word("round"), kinks=one("few"), analytic=False),
    "floor_divide": Row(
        not_whole_quotients(), lambda t, a, b: t.div(a, b, rounding_mode="floor"), analytic=False
    ),
    "remainder": Row(not_whole_quotients(), word("remainder"), analytic=False),
    "fmod": Row(not_whole_quotients(), word("fmod"), analytic=False),
    "diagonal": Row(matrices(), lambda t, x, offset: t.diagonal(x, offset, -2, -1)),
    "unfold": Row(slices_of_a_row(), lambda t, x, size, step: x.unfold(-1, size, step)),
    "tanh": Row(one(), word("tanh")),
    "sigmoid": Row(one(), word("sigmoid")),
    "relu": Row(one("nonzero"), word("relu"), kinks=one("few"), analytic=False),
    "clamp": Row(clamps(), word("clamp"), kinks=clamps(True), analytic=False),
    "sign": Row(one("nonzero"), word("sign"), kinks=one("few"), analytic=False),
    "maximum": Row(two_distinct(), word("maximum"), kinks=two_with_ties(), analytic=False),
    "minimum": Row(two_distinct(), word("minimum"), kinks=two_with_ties(), analytic=False),
    "where": Row(three(), word("where")),
    "astype": Row(casts(), lambda t, x, dtype: x.double(), analytic=False),
    "move": Row(moves(), lambda t, x, device: x.clone(), looks=True),
    "clone": Row(one(), word("clone")),
    "sum": Row(sums(), word("sum")),
    "squared_deviations": Row(
        sums(), lambda t, *args, **dims: around_mean(*args, **dims), analytic=False
    ),
    "amax": Row(
        maxima(),
        lambda t, x, dim, keepdim: x.amax(() if dim is None else dim, keepdim),
        kinks=maxima(True),
        analytic=False,
    ),
    "cumsum": Row(along(), word("cumsum")),
    "softmax": Row(along(FULL), word("softmax"), analytic=False),
    "log_softmax": Row(along(FULL), word("log_softmax"), analytic=False),
    "reshape": Row(reshapes(), word("reshape")),
    "permute": Row(orders(), word("permute")),
    "swapaxes": Row(swaps(), lambda t, x, dim0, dim1: x.swapaxes(dim0, dim1)),
    "expand_dims": Row(
        new_dims(), lambda t, x, dim: x.reshape(np.expand_dims(np.empty(x.shape), dim).shape)
    ),
    "broadcast_to": Row(repeats(), lambda t, x, shape: x.broadcast_to(shape)),
    "cat": Row(joins(), lambda t, *xs, dim: t.cat(xs, dim)),
    "stack": Row(joins(True), lambda t, *xs, dim: t.stack(xs, dim)),
    "unbind": Row(along(), word("unbind")),
    "split": Row(parts_along(), lambda t, x, sizes, dim: t.split(x, list(sizes), dim)),
    "getitem": Row(
        picks(), lambda t, x, index: x.reshape(-1)[places(t, index, tuple(x.shape))], looks=True
    ),
    "assign": Row(assignments(), assigned, looks=True),
    "scatter_add": Row(scatters(), scatter, looks=True),
    "take_windows": Row(rows_with_windows(), unfolded),
    "add_windows": Row(windows_to_add(), added_windows),
    "embedding": Row(
        lookups(),
        lambda t, w, ids, **padding: t.nn.functional.embedding(ids, w, **padding),
        kinks=lookups(True),
        looks=not strict_device.HAS_KERNELS,
    ),
    "matmul": Row(products(), word("matmul")),
    "linear": Row(layers(), lambda t, x, w, b: t.nn.functional.linear(x, w, b)),
    "nll_loss": Row(classes(), likelihood, looks=not strict_device.HAS_KERNELS),
    "softmax_cross_entropy": Row(classes(), entropy, looks=not strict_device.HAS_KERNELS),
    "max_pool": Row(poolings(), pooled, kinks=poolings_of_few(), analytic=False),
    "convolution": Row(convolutions(), convolved),
    "layer_norm": Row(
        norms(), lambda t, x, w, b, ndim: t.nn.functional.layer_norm(x, x.shape[-ndim:], w, b)
    ),
    "rnn": Row(scans(1, 1), None),
    "gru": Row(scans(3, 1), None),
    "lstm": Row(scans(4, 2), None),
    "rnn_cell": Row(steps(1, 1), lambda t, x, h, *weights: t.rnn_tanh_cell(x, h, *weights)),
    "gru_cell": Row(steps(3, 1), lambda t, x, h, *weights: t.gru_cell(x, h, *weights)),
    "lstm_cell": Row(steps(4, 2), lambda t, x, h, c, *weights: t.lstm_cell(x, (h, c), *weights)),
}
