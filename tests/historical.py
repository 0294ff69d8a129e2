"""Defects that other libraries shipped, each made again in a few lines, and the same code mended.

Each entry is a function over NumPy arrays with its vector-Jacobian product, (value, pullback); the
samples; the laws of minigrad.testing that may find it; and where it was.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minigrad.testing import Sample, drawn


class Defect(NamedTuple):
    wrong: Callable[..., Any]
    right: Callable[..., Any]
    samples: list[Sample]
    found_by: set[str]
    source: str
    kinks: list[Sample] = []


DERIVATIVE = {"finite_difference"}


def sigmoid(x: Any) -> Any:
    return 0.5 * np.tanh(0.5 * x) + 0.5


# An LSTM whose gradient is zero


def lstm_step(is_right: bool) -> Callable[..., Any]:
    """c' = f c + i g, h' = o tanh c', from the four gates' preactivations."""

    def step(gates: Any, c: Any) -> Any:
        i, f, o = sigmoid(gates[:3])
        g = np.tanh(gates[3])
        new = f * c + i * g
        t = np.tanh(new)

        def pull(dh: Any) -> Any:
            out = np.zeros_like(gates)  # allocated for the result, and returned without it
            dc = dh * o * (1 - t * t)
            if is_right:
                slopes = (i * (1 - i), f * (1 - f), o * (1 - o), 1 - g * g)
                for row, (slope, d) in enumerate(zip(slopes, (dc * g, dc * c, dh * t, dc * i))):
                    out[row] = d * slope
            return out, dc * f if is_right else np.zeros_like(c)

        return o * t, pull

    return step


# A bias that is broadcast


def affine(is_right: bool) -> Callable[..., Any]:
    def layer(x: Any, w: Any, b: Any) -> Any:
        def pull(g: Any) -> Any:
            return g @ w, g.T @ x, g.sum(0) if is_right else g

        return x @ w.T + b, pull

    return layer


def scaled(is_right: bool) -> Callable[..., Any]:
    """x w, w one row for all: the wrong one takes the first row's gradient for the sum."""

    def product(x: Any, w: Any) -> Any:
        def pull(g: Any) -> Any:
            dw = g * x
            return g * w, dw.sum(0, keepdims=True) if is_right else dw[:1]

        return x * w, pull

    return product


# Right at T = 1 alone


def rnn(is_right: bool) -> Callable[..., Any]:
    """h_t = tanh(x_t + w h_{t-1}), the last one: the wrong one forgets the way through h."""

    def layer(x: Any, w: Any) -> Any:
        hs = [np.zeros(x.shape[1:], x.dtype)]
        for row in x:
            hs.append(np.tanh(row + w * hs[-1]))

        def pull(g: Any) -> Any:
            dx, dw, dh = np.zeros_like(x), np.zeros_like(w), g
            for t in reversed(range(len(x))):
                da = dh * (1 - hs[t + 1] ** 2)
                dx[t] = da
                dw += da * hs[t]
                dh = da * w if is_right else np.zeros_like(g)
            return dx, dw

        return hs[-1], pull

    return layer


# An engine that overwrites a gradient


class Value:
    """A number of a small engine; a gradient that arrives takes the place of the one before it."""

    adds = False

    def __init__(self, data: Any, parents: Any = ()):
        self.data, self.parents, self.grad = data, parents, 0.0

    def __add__(self, other: "Value") -> "Value":
        return type(self)(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other: "Value") -> "Value":
        return type(self)(self.data * other.data, ((self, other.data), (other, self.data)))

    def backward(self, g: Any) -> None:
        self.grad = self.grad + g if self.adds else g
        for parent, slope in self.parents:
            parent.backward(g * slope)


class AddingValue(Value):
    adds = True


def polynomial(kind: type[Value]) -> Callable[..., Any]:
    """x² + x, by the engine."""

    def f(x: Any) -> Any:
        leaf = kind(x)
        y = leaf * leaf + leaf

        def pull(g: Any) -> Any:
            leaf.grad = 0.0
            y.backward(g)
            return leaf.grad

        return y.data, pull

    return f


# Ties


def greatest(is_right: bool) -> Callable[..., Any]:
    def amax(x: Any) -> Any:
        y = x.max()

        def pull(g: Any) -> Any:
            ties = (x == y).astype(x.dtype)
            return g * ties / ties.sum() if is_right else g * ties

        return y, pull

    return amax


# The same row taken twice


def rows(is_right: bool) -> Callable[..., Any]:
    def lookup(table: Any, ids: Any) -> Any:
        def pull(g: Any) -> Any:
            out = np.zeros_like(table)
            if is_right:
                np.add.at(out, ids, g)
            else:
                out[ids] += g
            return out, None

        return table[ids], pull

    return lookup


# A product that contains zero


def prod(is_right: bool) -> Callable[..., Any]:
    def product(x: Any) -> Any:
        def pull(g: Any) -> Any:
            if is_right:
                return g * np.array([np.delete(x, i).prod() for i in range(x.size)], x.dtype)
            return g * (x.prod() / x)

        return x.prod(), pull

    return product


# float32 in, float64 out


def mean(is_right: bool) -> Callable[..., Any]:
    def average(x: Any) -> Any:
        count = x.size if is_right else np.float64(x.size)

        def pull(g: Any) -> Any:
            return np.ones_like(x) * (g / count)

        return x.mean(), pull

    return average


# Two parents that share one gradient


def added(is_right: bool) -> Callable[..., Any]:
    def add(a: Any, b: Any) -> Any:
        return a + b, lambda g: (g.copy(), g.copy()) if is_right else (g, g)

    return add


# Two gates exchanged


def gru_step(is_right: bool) -> Callable[..., Any]:
    """h' = (1 - z) n + z h with n = tanh(a + r h): the wrong pullback takes z's slope for r's."""

    def step(r_in: Any, z_in: Any, a: Any, h: Any) -> Any:
        r, z = sigmoid(r_in), sigmoid(z_in)
        n = np.tanh(a + r * h)

        def pull(g: Any) -> Any:
            dn = g * (1 - z) * (1 - n * n)
            slope = r * (1 - r) if is_right else z * (1 - z)
            return dn * h * slope, g * (h - n) * z * (1 - z), dn, g * z + dn * r

        return (1 - z) * n + z * h, pull

    return step


# A second pull that adds to the first


def squared(is_right: bool) -> Callable[..., Any]:
    def square(x: Any) -> Any:
        kept = np.zeros_like(x)

        def pull(g: Any) -> Any:
            if is_right:
                return 2 * x * g
            kept[...] += 2 * x * g
            return kept.copy()

        return x * x, pull

    return square


def pair(make: Callable[..., Any]) -> tuple[Any, Any]:
    return make(False), make(True)


IDS = [np.array([0, 2, 0])]
TABLES = [Sample([s.args[0], *IDS], seed=s.seed) for s in drawn((3, 2))]
TIES = [Sample([np.array([1.0, 1.0, 0.0])]), Sample([np.array([2.0, 2.0])])]
ZEROS = [Sample([np.array([0.0, 2.0, 3.0])]), Sample([np.array([0.0, 0.0, 3.0])])]

DEFECTS = {
    "the LSTM's gradient is zero": Defect(
        *pair(lstm_step), drawn((4, 2), (2,)), DERIVATIVE, "thinc, one backend's LSTM"
    ),
    "no sum over a broadcast bias": Defect(
        *pair(affine), drawn((2, 3), (4, 3), (4,)), {"shapes"}, "minitorch/Module-2 PR 14"
    ),
    "the first row instead of the sum": Defect(
        *pair(scaled), drawn((3, 2), (1, 2)), DERIVATIVE, "HIPS/autograd#376"
    ),
    "right at T = 1 alone": Defect(
        *pair(rnn),
        [*drawn((1, 2), (2,)), *drawn((3, 2), (2,))],
        DERIVATIVE,
        "tvm#8923, a GRU under a tolerance of 1e-2",
    ),
    "overwritten instead of added": Defect(
        polynomial(Value), polynomial(AddingValue), drawn((2,)), DERIVATIVE, "tinygrad before #119"
    ),
    "each tie receives all": Defect(
        *pair(greatest), drawn((3,)), {"kink"}, "apache/mxnet#18563", TIES
    ),
    "a repeated index counts once": Defect(
        *pair(rows), TABLES, DERIVATIVE, "joey00072/Tinytorch#2"
    ),
    "a product divided by a zero": Defect(
        *pair(prod), [*drawn((3,)), *ZEROS], DERIVATIVE, "apache/mxnet#18078"
    ),
    "float64 from float32": Defect(*pair(mean), drawn((3,)), {"dtypes"}, "HIPS/autograd#163"),
    "one array for two gradients": Defect(
        *pair(added), drawn((2,), (2,)), {"separate_memory"}, "DeZero, WeightDecay on p + q"
    ),
    "two gates exchanged": Defect(
        *pair(gru_step), drawn(*[(2,)] * 4), DERIVATIVE, "ddbourgin/numpy-ml#42"
    ),
    "a second pull adds to the first": Defect(
        *pair(squared), drawn((2,)), {"purity"}, "karpathy/micrograd#53"
    ),
}
