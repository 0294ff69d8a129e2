"""Einstein summation, composed: two operands at a time, by one batched matrix product."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minigrad import errors, ops

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """The sum, over the letters that the result lacks, of the product of the operands.

    A letter names a dimension; '...' stands for leading dimensions, which broadcast. Without '->' the result has the
    letters that stand once, in alphabetical order. Raises ValueError for a letter twice in one operand (a diagonal).

    >>> import minigrad as mg
    >>> einsum("bij,bjk->bik", mg.ones(2, 3, 4), mg.ones(2, 4, 5)).shape
    torch.Size([2, 3, 5])
    """
    words, output = letters(equation, [x.ndim for x in operands])
    sizes: dict[str, int] = {}
    for word, x in zip(words, operands, strict=True):
        if len(set(word)) < len(word):
            raise ValueError(
                f"einsum: the letter that repeats in {word!r} asks for a diagonal, which is not supported"
            )
        for letter, n in zip(word, x.shape, strict=True):
            if sizes.setdefault(letter, n) != n and 1 not in (n, sizes[letter]):
                raise ValueError(
                    f"einsum: letter {letter!r} stands for {sizes[letter]} and for {n}"
                )
            sizes[letter] = n if sizes[letter] == 1 else sizes[letter]
    word, result = "", operands[0].new(1).to(dtype=operands[0].dtype)
    for k, (other, x) in enumerate(zip(words, operands, strict=True)):
        stretched = [d for d, letter in enumerate(other) if x.shape[d] == 1 != sizes[letter]]
        x = (
            x.sum(stretched) if stretched else x
        )  # a letter of size 1 beside n: multiplied, it would repeat
        other = "".join(letter for d, letter in enumerate(other) if d not in stretched)
        word, result = contract(word, result, other, x, output + "".join(words[k + 1 :]))
    return result.permute(*map(word.index, output))


def contract(a: str, x: Tensor, b: str, y: Tensor, needed: str) -> tuple[str, Tensor]:
    """Multiply x (letters a) with y (letters b) and sum over the letters that nobody needs any more."""
    shared = [c for c in a if c in b and c in needed]
    summed = [c for c in a if c in b and c not in needed]
    left, right = (
        [c for c in a if c not in b and c in needed],
        [c for c in b if c not in a and c in needed],
    )
    size = dict(zip(a, x.shape, strict=True)) | dict(zip(b, y.shape, strict=True))

    def matrix(word: str, t: Tensor, rows: list[str], columns: list[str]) -> Tensor:
        alone = [d for d, c in enumerate(word) if c not in shared + rows + columns]
        t = t.sum(alone) if alone else t
        word = "".join(c for d, c in enumerate(word) if d not in alone)
        t = t.permute(*map(word.index, shared + rows + columns))
        return t.reshape([math.prod(size[c] for c in group) for group in (shared, rows, columns)])

    product = ops.matmul(matrix(a, x, left, summed), matrix(b, y, summed, right))
    return "".join(shared + left + right), product.reshape([size[c] for c in shared + left + right])


def letters(equation: str, ndims: list[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, with an ellipsis written out in capitals that are free."""
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    words = inputs.split(",")
    if len(words) != len(ndims):
        raise ValueError(
            f"einsum: {equation!r} is about {len(words)} operands, and {len(ndims)} came"
        )
    for word, n in zip(words, ndims, strict=True):
        if len(word.replace("...", "")) > n or ("..." not in word and len(word) < n):
            raise ValueError(f"einsum: {word!r} does not name the {n} dimensions of its operand")
    lead = [n - len(w) + 3 if "..." in w else 0 for w, n in zip(words, ndims, strict=True)]
    free = "".join(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation)[: max(lead)]
    if not arrow:
        output = "..." * ("..." in inputs) + "".join(
            sorted(c for c in set(inputs) if c.isalpha() and inputs.count(c) == 1)
        )
    output = output.replace("...", free)
    if not set(output) <= set(inputs) | set(free) or len(set(output)) < len(output):
        raise ValueError(
            f"einsum: the result {output!r} of {equation!r} must name letters of the operands, each once"
        )
    return [
        w.replace("...", free[len(free) - k :]) for w, k in zip(words, lead, strict=True)
    ], output


errors.name_all(globals(), helpers="contract letters")
