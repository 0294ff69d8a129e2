"""The proof of the recurrent layers: every tier against its own derivative and against the
composition.

They run at random points of a finite field (see `field`), where each number carries its derivative
along a random direction v. For cotangents u a pullback must give <Jᵀu, v> = <u, Jv>, exactly; and
each tier's values and derivatives must be those of the composition. One point tests every partial
derivative at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import minigrad as mg
from minigrad.prove import exact
from minigrad.prove.field import Dual, Field, as_dual
from minigrad.prove.rules import arithmetic, run_rule

BLOCKS = {"rnn": 1, "gru": 3, "lstm": 4}
STATES = {"rnn": 1, "gru": 1, "lstm": 2}


@dataclass
class LayerProof:
    """What was shown of one tier of a layer at one size."""

    layer: str
    tier: str
    size: tuple[int, int, int, int]  # T, B, I, H
    settings: dict[str, Any]
    partials: int = 0
    seconds: float = 0.0
    open: list[str] = field(default_factory=list)


def random_arguments(numbers: Field, layer: str, size: tuple[int, ...], bias: bool) -> list[Any]:
    """x, states, w_ih, w_hh, b_ih, b_hh as random exact numbers."""
    T, B, I, H = size
    rows = BLOCKS[layer] * H
    states = [numbers.array(B, H) for _ in range(STATES[layer])]
    biases = [numbers.array(rows), numbers.array(rows)] if bias else [None, None]
    return [
        numbers.array(T, B, I),
        *states,
        numbers.array(rows, I),
        numbers.array(rows, H),
        *biases,
    ]


def part(array: Any, name: str) -> Any:
    """The values, or the slopes, of an exact array, as numbers that do not move."""
    numbers = [Dual(getattr(as_dual(a), name)) for a in array.ravel()]
    return exact.exact(numbers).reshape(array.shape)


def inner(a: Any, b: Any) -> Dual:
    """<a, b>."""
    return as_dual((a * b).sum().item())


def prove_layer(
    layer: str,
    tier: str,
    rule: Callable[..., Any],
    size: tuple[int, int, int, int],
    seed: int = 0,
    bias: bool = True,
    signs: Iterable[int] = (),
    **settings: Any,
) -> LayerProof:
    """Hold one tier of rnn, gru or lstm to its derivative and to its composition, at one random
    point.

    signs: 1 or -1 for each number that relu meets, in turn; random ones after the last.

    >>> prove_layer("gru", "by hand", mg.OPS["gru"].rule, (2, 1, 1, 2), lengths=[1]).open
    []
    """
    proof = LayerProof(layer, tier, size, settings)
    start = time.perf_counter()
    numbers = Field(seed, signs)
    with arithmetic(numbers):
        args = random_arguments(numbers, layer, size, bias)

        def cotangent(i: int, *shape: int) -> Any:
            return numbers.array(*shape, with_slope=False)

        values, cotangents, gradients = run_rule(rule, args, settings, cotangent)
        variables = [a for a in args if a is not None]
        found = [g for g in gradients if g is not None]
        true = sum(
            [inner(u, part(y, "slope")).value for u, y in zip(cotangents, values, strict=True)]
        )
        given = sum(
            [
                inner(part(g, "value"), part(a, "slope")).value
                for g, a in zip(found, variables, strict=True)
            ]
        )
        if (true - given) % (2**61 - 1):
            proof.open.append("its gradients are not its derivative")
        composed = mg.OPS[layer].composed(
            *[None if a is None else mg.Tensor(a) for a in args], **settings
        )
        for i, (y, t) in enumerate(zip(values, composed, strict=True)):
            if not same(y, t.array):
                proof.open.append(f"value {i} or its derivative is not the composition's")
    proof.partials = sum([a.size for a in variables])
    proof.seconds = time.perf_counter() - start
    return proof


def same(a: Any, b: Any) -> bool:
    """Whether two exact arrays have the same values and slopes."""
    pairs = zip(map(as_dual, a.ravel()), map(as_dual, b.ravel()), strict=True)
    return all(x.value == y.value and x.slope == y.slope for x, y in pairs)
