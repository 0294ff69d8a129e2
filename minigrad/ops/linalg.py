"""Rules of linear algebra."""

from __future__ import annotations

import math
from typing import Any

from minigrad.array import XP, Array
from minigrad.autograd import Rule, op


@op
def matmul(xp: XP, a: Array, b: Array) -> Rule:
    """Y = A B, (.., m, k) (.., k, n), leading dimensions broadcast,    A' = G Bᵀ,  B' = Aᵀ G.

    A vector on the left is a row, on the right a column, and leaves the result again.
    """
    if min(len(a.shape), len(b.shape)) == 0:
        raise ValueError("a 0-d tensor is no matrix; multiply with *")
    A = xp.reshape(a, (1, -1)) if len(a.shape) == 1 else a
    B = xp.reshape(b, (-1, 1)) if len(b.shape) == 1 else b
    Y = xp.matmul(A, B)
    # what Y was before the ones of a row or a column left it
    shape = Y.shape[: len(Y.shape) - 2] + Y.shape[-2:][len(a.shape) == 1 : 2 - (len(b.shape) == 1)]

    def pull_a(g: Array) -> Array:
        g = xp.matmul(xp.reshape(g, Y.shape), xp.swapaxes(B, -1, -2))
        return fold(xp, g, a)

    def pull_b(g: Array) -> Array:
        g = xp.reshape(g, Y.shape)
        if len(B.shape) == 2 < len(A.shape):  # one GEMM over all leading dimensions, not a sum of many
            A2 = xp.reshape(A, (-1, A.shape[-1]))
            g = xp.matmul(xp.swapaxes(A2, 0, 1), xp.reshape(g, (-1, g.shape[-1])))
        else:
            g = xp.matmul(xp.swapaxes(A, -1, -2), g)
        return fold(xp, g, b)

    return xp.reshape(Y, shape), (pull_a, pull_b)


def fold(xp: XP, g: Array, x: Array) -> Array:
    """A gradient of the matrix that stood for x, summed to one row or column where x is a vector."""
    if len(x.shape) > 1:
        return g
    lead = tuple(range(len(g.shape) - 2))
    return xp.reshape(xp.sum(g, axis=lead) if lead else g, x.shape)


@op
def linear(xp: XP, x: Array, weight: Array, bias: Array) -> Rule:
    """y = x Wᵀ + b, (.., I) (O, I) (O) -> (.., O),    x' = g W,  W' = gᵀ x,  b' = Σ g."""
    n = math.prod(x.shape[:-1])
    flat = xp.reshape(x, (n, x.shape[-1]))  # one GEMM, whatever the leading dimensions
    y = xp.matmul(flat, xp.swapaxes(weight, 0, 1))
    if bias is not None:
        y = y + bias

    def flatten(g: Array) -> Array:
        return xp.reshape(g, y.shape)

    return xp.reshape(y, (*x.shape[:-1], y.shape[-1])), (
        lambda g: xp.reshape(xp.matmul(flatten(g), weight), x.shape),
        lambda g: xp.matmul(xp.swapaxes(flatten(g), 0, 1), flat),
        lambda g: xp.sum(flatten(g), axis=0),
    )


@op
def einsum(xp: XP, *operands: Array, equation: str) -> Rule:
    """y = Σ over the letters that the result lacks of the product of the operands.

    The gradient of an operand is the einsum of g and the other operands into its letters, repeated along a letter
    that stands nowhere else.
    """
    inputs, output = letters(equation, [len(x.shape) for x in operands])
    sizes: dict[str, int] = {}
    for word, x in zip(inputs, operands, strict=True):
        if len(set(word)) < len(word):
            raise ValueError(f"the letter that repeats in {word!r} asks for a diagonal, which is not supported")
        for letter, n in zip(word, x.shape, strict=True):
            if 1 not in (n, sizes.setdefault(letter, n)) and sizes[letter] != n:
                raise ValueError(f"letter {letter!r} stands for {sizes[letter]} and for {n}")
            sizes[letter] = max(n, sizes[letter]) if n else n

    def pull(g: Array) -> list[Any]:
        return [lambda k=k: pull_operand(g, k) for k in range(len(operands))]

    def pull_operand(g: Array, k: int) -> Array:
        others = [(w, x) for i, (w, x) in enumerate(zip(inputs, operands, strict=True)) if i != k]
        known = {letter for word in (output, *[w for w, _ in others]) for letter in word}
        found = "".join(letter for letter in inputs[k] if letter in known)
        equation = ",".join([output, *[w for w, _ in others]]) + "->" + found
        y = xp.einsum(equation, g, *[x for _, x in others])
        y = xp.expand_dims(y, tuple(i for i, letter in enumerate(inputs[k]) if letter not in known))
        return xp.broadcast_to(y, tuple(sizes[letter] for letter in inputs[k]))

    return xp.einsum(",".join(inputs) + "->" + output, *operands), pull


def letters(equation: str, ndims: list[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, with an ellipsis written out."""
    left, arrow, output = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ndims):
        raise ValueError(f"the equation {equation!r} is about {len(inputs)} operands, and {len(ndims)} came")
    lead = 0
    for word, n in zip(inputs, ndims, strict=True):
        if "..." in word:
            lead = max(lead, n - len(word) + 3)
        elif len(word) != n:
            raise ValueError(f"{word!r} names {len(word)} dimensions of an operand that has {n}")
    free = "".join(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation)[:lead]
    if not arrow:  # as in mathematics: the letters that stand once, in order
        output = ("..." if "..." in left else "") + "".join(
            sorted(c for c in set(left) if c.isalpha() and left.count(c) == 1)
        )
    spread = [w.replace("...", free[len(free) - (n - len(w) + 3) :] if "..." in w else "")
              for w, n in zip(inputs, ndims, strict=True)]  # fmt: skip
    return spread, output.replace("...", free)
