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
from minigrad.byhand.directions import both_directions
from minigrad.prove import exact
from minigrad.prove.field import PRIME, Dual, Field, as_dual
from minigrad.prove.rules import arithmetic, leaf, run_rule

BLOCKS = {"rnn": 1, "gru": 3, "lstm": 4}
STATES = {"rnn": 1, "gru": 1, "lstm": 2}
STEPS = {"rnn_cell": "rnn", "gru_cell": "gru", "lstm_cell": "lstm"}  # of which layer each is a step


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
    """x, states, w_ih, w_hh, b_ih, b_hh as random exact numbers; of a step x is (B,I)."""
    T, B, I, H = size
    kind = STEPS.get(layer, layer)
    rows = BLOCKS[kind] * H
    states = [numbers.array(B, H) for _ in range(STATES[kind])]
    biases = [numbers.array(rows), numbers.array(rows)] if bias else [None, None]
    return [
        numbers.array(B, I) if layer in STEPS else numbers.array(T, B, I),
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
    """Hold one tier of rnn, gru or lstm, or a step of one, to its derivative and to its
    composition, at one random point.

    signs: 1 or -1 for each number that relu meets, in turn; random ones after the last.

    >>> prove_layer("gru", "by hand", mg.OPS["gru"].rule, (2, 1, 1, 2), lengths=[1]).open
    []
    """
    proof = LayerProof(layer, tier, size, settings)
    start = time.process_time()
    numbers = Field(seed, signs)
    with arithmetic(numbers):
        args = random_arguments(numbers, layer, size, bias)

        def cotangent(i: int, *shape: int) -> Any:
            return numbers.array(*shape, with_slope=False)

        values, cotangents, gradients = run_rule(rule, args, settings, cotangent)
        variables = [a for a in args if a is not None]
        found = [g for g in gradients if g is not None]
        check_slopes(proof, values, cotangents, variables, found)
        check_parts(proof, rule, args, settings, cotangents, gradients)
        composed = mg.OPS[layer].composed(
            *[None if a is None else mg.Tensor(a) for a in args], **settings
        )
        states = composed if type(composed) is tuple else (composed,)
        compare(proof, values, [t.array for t in states])
    proof.partials = sum([a.size for a in variables])
    proof.seconds = time.process_time() - start
    return proof


def check_slopes(
    proof: LayerProof, values: Any, cotangents: Any, variables: Any, gradients: Any
) -> None:
    """Note where <u, Jv> is not <Jᵀu, v>: the values move along v, the gradients belong to u."""
    moves = [inner(u, part(y, "slope")).value for u, y in zip(cotangents, values, strict=True)]
    given = [
        inner(part(g, "value"), part(a, "slope")).value
        for g, a in zip(gradients, variables, strict=True)
    ]
    if (sum(moves) - sum(given)) % PRIME:
        proof.open.append("its gradients are not its derivative")


def compare(proof: LayerProof, values: Any, wanted: Any) -> None:
    """Note where a value, or its derivative, is not the composition's."""
    for i, (y, want) in enumerate(zip(values, wanted, strict=True)):
        if not same(y, want):
            proof.open.append(f"value {i} or its derivative is not the composition's")


def prove_directions(
    layer: str,
    size: tuple[int, int, int, int],
    seed: int = 0,
    bias: bool = True,
    both: Callable[..., Any] = both_directions,
    **settings: Any,
) -> LayerProof:
    """Hold a layer in both directions to its derivative, as the engine makes it, and to the
    composition on x and on x reversed in time, at one random point.

    >>> prove_directions("lstm", (2, 1, 1, 1)).open
    []
    """
    proof = LayerProof(f"{layer}, both directions", "by hand", size, settings)
    start = time.process_time()
    numbers = Field(seed)
    op = mg.OPS[layer]
    with arithmetic(numbers):
        forward = random_arguments(numbers, layer, size, bias)
        reverse = random_arguments(numbers, layer, size, bias)[1:]
        tensors = [None if a is None else leaf(a) for a in [*forward, *reverse]]
        x, *others = tensors
        halves = others[: len(reverse)], others[len(reverse) :]
        hs, last, last_reverse = both(op, x, *halves, **settings)
        values = [hs, *last, *last_reverse]
        cotangents = [numbers.array(*y.shape, with_slope=False) for y in values]
        leaves = [t for t in tensors if t is not None]
        gradients = mg.grad(values, leaves, [mg.Tensor(u) for u in cotangents])
        raw = [y.array for y in values]
        check_slopes(
            proof, raw, cotangents, [t.array for t in leaves], [g.array for g in gradients]
        )
        there, *last = op.composed(x, *halves[0], **settings)
        x_turned = turned(forward[0], settings.get("lengths"))
        back, *last_reverse = op.composed(mg.Tensor(x_turned), *halves[1], **settings)
        hs_reverse = turned(back.array, settings.get("lengths"))
        side_by_side = exact.XP.cat([there.array, hs_reverse], axis=-1)
        compare(proof, raw, [side_by_side, *[t.array for t in [*last, *last_reverse]]])
    proof.partials = sum([t.array.size for t in leaves])
    proof.seconds = time.process_time() - start
    return proof


def turned(x: Any, lengths: Any) -> Any:
    """x (T,B,·) with each sequence reversed in time within its length."""
    out = x.copy()
    for row in range(x.shape[1]):
        end = len(x) if lengths is None else lengths[row]
        out[:end, row] = x[:end, row][::-1]
    return out


def check_parts(
    proof: LayerProof, rule: Any, args: Any, settings: Any, cotangents: Any, gradients: Any
) -> None:
    """Note where a gradient changes because another is not wanted, or where a value that was not
    used counts for anything."""
    _, pullback = rule(exact.XP, *args, **settings)
    needs = [a is not None for a in args]
    for left_out in range(len(args)):
        wanted = [need and place != left_out for place, need in enumerate(needs)]
        some = pullback(cotangents, wanted)
        for place, (g, whole) in enumerate(zip(some, gradients, strict=True)):
            if wanted[place] and (g is None or not same(g, whole)):
                proof.open.append(f"gradient {place} is another where {left_out} is not wanted")
        if left_out == 0 and some[0] is not None:
            proof.open.append("x has a gradient where none is wanted")
    for i, u in enumerate(cotangents):
        alone = [u if j == i else None for j in range(len(cotangents))]
        zeros = [u if j == i else v * 0 for j, v in enumerate(cotangents)]
        found, zeroed = pullback(alone, needs), pullback(zeros, needs)
        for g, whole in zip(found, zeroed, strict=True):
            if g is not None and not same(g, whole):
                proof.open.append(f"a gradient is another where only value {i} is used")


def same(a: Any, b: Any) -> bool:
    """Whether two exact arrays have the same values and slopes."""
    pairs = zip(map(as_dual, a.ravel()), map(as_dual, b.ravel()), strict=True)
    return all(x.value == y.value and x.slope == y.slope for x, y in pairs)
