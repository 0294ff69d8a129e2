"""Einstein summation, composed: two operands at a time, by one batched matrix product."""

from __future__ import annotations

import math
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, Any

from minigrad import ops
from minigrad.arguments import (
    as_input,
    as_integer,
    check_factors,
    check_one_device,
)
from minigrad.creation import ones
from minigrad.functional.shape import movedim
from minigrad.graph import TensorBase

if TYPE_CHECKING:
    from minigrad.tensor import Tensor


def einsum(equation: Any, *operands: Any) -> Tensor:
    """The sum, over the letters that the result lacks, of the product of the operands.

    equation: a letter for each dimension of each operand, "bij,bjk->bik"; "..." stands for the
    dimensions without a letter, which broadcast. Without "->" the result has the letters that occur
    once, in alphabetical order. operands: tensors, or one list of them. Lists of numbers may take
    the place of letters, one after each operand and one for the result: einsum(x, [0, 1], y, [1,
    2], [0, 2]).

    A letter twice in one operand is its diagonal: "ii->" is the trace.

    Raises TypeError if an operand is not a tensor, ValueError if the equation does not fit the
    operands.

    >>> import minigrad as mg
    >>> einsum("bij,bjk->bik", mg.ones(2, 3, 4), mg.ones(2, 4, 5)).shape
    torch.Size([2, 3, 5])
    """
    if isinstance(equation, TensorBase):
        equation, operands = from_numbers((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    tensors = [as_input("einsum", x) for x in operands]
    check_one_device("einsum", *tensors)
    subscripts, output = parse(equation, [x.ndim for x in tensors])
    for k, x in enumerate(tensors):
        subscripts[k], tensors[k] = diagonal(subscripts[k], x)
    size = sizes_of(subscripts, tensors)

    if len(tensors) == 1 and sorted(subscripts[0]) == sorted(output):
        return ops.permute(tensors[0], [subscripts[0].index(c) for c in output])  # a view

    letters = ""
    result = ones((), dtype=tensors[0].dtype, device=tensors[0].device)
    for k, x in enumerate(tensors):
        names, x = without_stretched(subscripts[k], x, size)
        needed = output + "".join(subscripts[k + 1 :])
        letters, result = contract(letters, result, names, x, needed)
    return ops.permute(result, [letters.index(c) for c in output])


def from_numbers(arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The equation and the operands of a call that names dimensions by numbers from 0 to 51."""
    lists = arguments[1::2]
    operands = arguments[0::2]
    if len(arguments) % 2:
        lists = (*lists, arguments[-1])
        operands = operands[:-1]
    words = []
    for numbers in lists:
        if not isinstance(numbers, (list, tuple)):
            got = type(numbers).__name__
            raise TypeError(f"einsum: expected a list of numbers behind each operand, got a {got}")
        words.append("".join([letter_of(n) for n in numbers]))
    equation = ",".join(words[: len(operands)])
    return "->".join([equation, *words[len(operands) :]]), operands


def letter_of(number: Any) -> str:
    """The letter that a number stands for: A to Z, then a to z."""
    if number is Ellipsis:
        return "..."
    place = as_integer("einsum", "the number of a dimension", number)
    if not 0 <= place < 2 * len(ascii_uppercase):
        raise ValueError(f"einsum: expected numbers from 0 to 51, got {place}")
    return (ascii_uppercase + ascii_lowercase)[place]


def diagonal(names: str, x: Tensor) -> tuple[str, Tensor]:
    """x with one dimension for each letter: where two have the same one, their diagonal."""
    for letter in sorted(set(names)):
        while names.count(letter) > 1:
            first, second = names.index(letter), names.rindex(letter)
            n = x.shape[first]
            if x.shape[second] != n:
                raise ValueError(
                    f"einsum: expected one size for each letter, got letter {letter!r} "
                    f"for {n} and for {x.shape[second]}"
                )
            x = movedim(ops.diagonal(movedim(x, (first, second), (-2, -1))), -1, 0)
            others = names[:first] + names[first + 1 : second] + names[second + 1 :]
            names = letter + others
    return names, x


def sizes_of(subscripts: list[str], operands: list[Tensor]) -> dict[str, int]:
    """The size that each letter stands for; one operand may have size 1 where another has n."""
    size: dict[str, int] = {}
    for names, x in zip(subscripts, operands, strict=True):
        for letter, n in zip(names, x.shape, strict=True):
            known = size.get(letter, 1)
            if known != n and known != 1 and n != 1:
                raise ValueError(
                    f"einsum: expected one size for each letter, got letter {letter!r} "
                    f"for {known} and for {n}"
                )
            size[letter] = n if known == 1 else known
    return size


def without_stretched(names: str, x: Tensor, size: dict[str, int]) -> tuple[str, Tensor]:
    """x without the dimensions of size 1 that broadcast to n: in a product they would repeat."""
    stretched = [d for d, c in enumerate(names) if x.shape[d] == 1 and size[c] != 1]
    if not stretched:
        return names, x
    kept = [c for d, c in enumerate(names) if d not in stretched]
    return "".join(kept), ops.sum(x, dim=stretched)


def contract(a: str, x: Tensor, b: str, y: Tensor, needed: str) -> tuple[str, Tensor]:
    """Multiply x (letters a) with y (letters b) and sum over the letters not needed any more."""
    shared = [c for c in a if c in b and c in needed]
    summed = [c for c in a if c in b and c not in needed]
    rows = [c for c in a if c not in b and c in needed]
    columns = [c for c in b if c not in a and c in needed]
    size = dict(zip(a, x.shape, strict=True))
    size.update(zip(b, y.shape, strict=True))

    if any([size[c] > 1 for c in summed]):  # PyTorch multiplies element by element otherwise
        check_factors("einsum", x, y)
    left = as_matrices(a, x, [shared, rows, summed])
    right = as_matrices(b, y, [shared, summed, columns])
    product = ops.matmul(left, right)  # (shared, rows, columns)
    letters = shared + rows + columns
    return "".join(letters), ops.reshape(product, [size[c] for c in letters])


def as_matrices(names: str, x: Tensor, groups: list[list[str]]) -> Tensor:
    """x with each of three groups of letters as one dimension, summed over the letters in none."""
    first, second, third = groups
    order = first + second + third
    only_here = [d for d, c in enumerate(names) if c not in order]
    if only_here:
        x = ops.sum(x, dim=only_here)
        names = "".join([c for c in names if c in order])
    size = dict(zip(names, x.shape, strict=True))
    x = ops.permute(x, [names.index(c) for c in order])
    sizes = []
    for group in groups:
        sizes.append(math.prod([size[c] for c in group]))
    return ops.reshape(x, sizes)


def parse(equation: Any, ndims: list[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result; an ellipsis becomes free capitals."""
    if type(equation) is not str:
        got = type(equation).__name__
        raise TypeError(f"einsum: expected an equation such as 'ij,jk->ik', got a {got}")
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    subscripts = inputs.split(",")
    if len(subscripts) != len(ndims):
        raise ValueError(
            f"einsum: expected {len(subscripts)} operands for {equation!r}, got {len(ndims)}"
        )
    for names, ndim in zip(subscripts, ndims, strict=True):
        check_subscript(names, ndim)

    lead = [ellipsis_size(names, ndim) for names, ndim in zip(subscripts, ndims, strict=True)]
    free = "".join([c for c in ascii_uppercase if c not in equation])[: max(lead)]
    if not arrow:
        once = [c for c in sorted(set(inputs)) if c.isalpha() and inputs.count(c) == 1]
        output = ("..." if "..." in inputs else "") + "".join(once)
    output = output.replace("...", free)
    unknown = set(output) - set(inputs) - set(free)
    if unknown or len(set(output)) < len(output):
        raise ValueError(
            f"einsum: expected a result that must name letters of the operands, each once, "
            f"got {output!r} in {equation!r}"
        )
    written_out = []
    for names, n in zip(subscripts, lead, strict=True):
        written_out.append(names.replace("...", free[len(free) - n :]))
    return written_out, output


def ellipsis_size(names: str, ndim: int) -> int:
    """How many dimensions the ellipsis of an operand stands for."""
    return ndim - len(names.replace("...", "")) if "..." in names else 0


def check_subscript(names: str, ndim: int) -> None:
    """Raise if the letters do not fit an operand of `ndim` dimensions."""
    letters = names.replace("...", "")
    if not (letters.isalpha() or letters == ""):
        raise ValueError(f"einsum: expected letters and one '...', got {names!r}")
    if len(letters) > ndim or ("..." not in names and len(letters) < ndim):
        raise ValueError(
            f"einsum: expected a letter for each of the {ndim} dimensions of an operand, "
            f"got {names!r}"
        )
