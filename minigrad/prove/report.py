"""All proofs, and tests/PROOFS.md, which is made from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import minigrad as mg
from minigrad import byhand, faster
from minigrad.prove.cases import CASES, LINEAR, STRUCTURAL, has_case
from minigrad.prove.field import NoSquareRoot
from minigrad.prove.layers import STEPS, LayerProof, prove_directions, prove_layer
from minigrad.prove.points import vanishes
from minigrad.prove.rules import Proof, prove_op, prove_second_order
from minigrad.prove.symbols import is_zero

LAYERS = ("rnn", "gru", "lstm")
SIZES = ((1, 1, 1, 1), (3, 1, 2, 2), (3, 2, 2, 3), (4, 3, 1, 2))
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"bias": False},
    {"reverse": True},
    {"lengths": True},
    {"lengths": True, "reverse": True},
)
# Of second order: expressions too large to expand, which are 0 at random points of a field.
LARGE = {"softmax", "layer_norm", "softmax_cross_entropy"}
POINTS = 2

assert byhand  # registers the ops by hand


def first_order() -> list[Proof]:
    """A proof of every op that SymPy can hold."""
    return [prove_op(mg.OPS[name]) for name in sorted(mg.OPS) if has_case(name)]


def second_order() -> list[Proof]:
    """The same of the derivative of each op's gradient, as the engine makes it."""
    return [prove_second_order(mg.OPS[name], zero=zero_of(name)) for name in sorted(CASES)]


def zero_of(name: str) -> Callable[[Any], bool]:
    """How the second order of an op is shown."""
    return vanishes if name in LARGE else is_zero


def tiers(layer: str) -> dict[str, Any]:
    """The rules that must equal the composition: by hand, and the fast versions of a CPU."""
    found = {"by hand": mg.OPS[layer].rule}
    for number, version in enumerate(faster.versions_of(layer)):
        if version.device == "cpu":
            found[f"fast {number or ''}".strip()] = version.function
    return found


def variants(layer: str, size: tuple[int, int, int, int]) -> Iterator[dict[str, Any]]:
    """The settings of a layer at one size."""
    for chosen in SETTINGS:
        settings = dict(chosen)
        if settings.get("lengths"):
            settings["lengths"] = lengths_of(size)
        yield settings
        if layer == "gru":
            yield {**settings, "reset_after": False}


def layers() -> list[LayerProof]:
    """Every tier of every recurrent layer, at every size and setting, at POINTS random points
    each."""
    return [
        prove_at_a_point(layer, tier, rule, size, seed, settings)
        for layer in LAYERS
        for tier, rule in tiers(layer).items()
        for size in SIZES
        for settings in variants(layer, size)
        for seed in range(POINTS)
    ]


RELU_SIZES = ((1, 1, 1, 1), (2, 1, 1, 2), (3, 2, 1, 1))  # T B H signs, at most 64 cases
RELU_LARGEST = (3, 2, 2, 3)
RELU_POINTS = 100  # random cases of its 18 signs


def relu_layers() -> list[LayerProof]:
    """Every tier of the RNN with relu: all signs of what it compares at small sizes, RELU_POINTS
    random ones at the largest."""
    proofs = []
    for tier, rule in tiers("rnn").items():
        for size in RELU_SIZES:
            T, B, _, H = size
            for signs in product((1, -1), repeat=T * B * H):
                for settings in SETTINGS:
                    proofs.append(prove_relu(tier, rule, size, 0, settings, signs))
        for seed in range(RELU_POINTS):
            settings = SETTINGS[seed % len(SETTINGS)]
            proofs.append(prove_relu(tier, rule, RELU_LARGEST, seed, settings, ()))
    return proofs


def prove_relu(
    tier: str, rule: Any, size: Any, seed: int, settings: dict[str, Any], signs: Any
) -> LayerProof:
    """The RNN with relu in one case of signs."""
    given = {**settings, "nonlinearity": "relu"}
    if given.get("lengths"):
        given["lengths"] = lengths_of(size)
    proof = prove_layer("rnn", tier, rule, size, seed, signs=signs, **given)
    proof.layer = "rnn, relu"
    return proof


def lengths_of(size: tuple[int, int, int, int]) -> list[int]:
    """All T steps, two fewer, four fewer ..., down to none, the last of them moved to the front: an
    order whose inverse is another for three sequences."""
    falling = [max(size[0] - 2 * row, 0) for row in range(size[1])]
    return falling[-1:] + falling[:-1]


def steps() -> list[LayerProof]:
    """Every tier of every cell, which is one step of a layer."""
    return [
        prove_at_a_point(step, tier, rule, size, seed, {"bias": bias})
        for step in STEPS
        for tier, rule in tiers(step).items()
        for size in ((1, 1, 1, 1), (1, 2, 2, 3))
        for bias in (True, False)
        for seed in range(POINTS)
    ]


def prove_at_a_point(
    layer: str, tier: str, rule: Any, size: Any, seed: int, settings: dict[str, Any]
) -> LayerProof:
    """`prove_layer` at the first seed whose random point has the square roots that it needs."""
    while True:
        try:
            return prove_layer(layer, tier, rule, size, seed, **settings)
        except NoSquareRoot:
            seed += 1000


def directions() -> list[LayerProof]:
    """Both directions of every layer, at POINTS random points each."""
    return [
        prove_directions(layer, size, seed, **settings)
        for layer in LAYERS
        for size in SIZES
        for settings in variants(layer, size)
        if "reverse" not in settings
        for seed in range(POINTS)
    ]


HEAD = """# Proofs

Made by `make prove`. An op's own lines, run over SymPy's symbols, give its value y and its
gradients; Σ g·y is differentiated by SymPy, and each entry must equal the op's as an identity.

**What this shows**: for all real values in the region of a case (where a rule compares, each order
of its arguments is a case of its own), at the sizes below, the gradient is the derivative, exactly.
On a border at which y still has a derivative (`softmax` of equal numbers, `pow` at 0) the gradient
is its limit from both sides; along a tie the shares together are the derivative.
**What it does not show**: other sizes; kinks and how a tie is shared, which are conventions (`relu`
and `abs` give 0 at 0, `maximum` and `amax` share a tie evenly); and what rounding does. Those are
what the tests sample.
"""


def page(
    first: list[Proof], second: list[Proof], layer_proofs: list[LayerProof], seconds: float
) -> str:
    """The text of tests/PROOFS.md."""
    partials = sum([p.partials for p in first])
    twice = sum([p.partials for p in second])
    proved = sum([p.holds for p in first])
    twice_proved = sum([p.holds for p in second])
    lines = [
        HEAD,
        f"{proved} of {len(first)} ops over symbols, {partials} partial derivatives; of second "
        f"order {twice_proved} of {len(second)} ops, {twice} partial derivatives; "
        f"{len(layer_proofs)} runs of recurrent layers. {seconds:.0f} s of processor time in all.",
        "",
        *first_order_section(first),
        "",
        *second_order_section(second),
        "",
        "## Linear ops",
        "",
        "⟨A x, g⟩ = ⟨x, Aᵀ g⟩ as an identity in x and g, and no op is linear that is not listed: "
        + ", ".join(f"`{name}`" for name in sorted(LINEAR))
        + ".",
        "",
        *layer_section(layer_proofs),
        "",
    ]
    return "\n".join(lines)


def first_order_section(proofs: list[Proof]) -> list[str]:
    """What was shown of each op over symbols."""
    return [
        "## First order",
        "",
        "| op | shapes of the cases | partials | seconds | one of them, as the rule gives it |",
        "|---|---|---|---|---|",
        *[row(p) for p in proofs],
        "",
        "Not over symbols: " + "; ".join(f"`{op}`: {why}" for op, why in STRUCTURAL.items()) + ".",
    ]


def second_order_section(proofs: list[Proof]) -> list[str]:
    """What was shown of the gradient of each op's gradient."""
    return [
        "## Second order",
        "",
        "Tensors over symbols go through the op, through `grad(create_graph=True)` and once more",
        "through `grad`, so that the replay of a rule, the compositions and the engine's own sums",
        "are part of what is shown; and the value of an op by hand is that of its composition. The",
        f"expressions of {', '.join(sorted(LARGE))} are too large to",
        "expand: they are 0 at random points of the field below, exp(x) an indeterminate of which",
        "exp(2x - y) is a monomial, log and √ of their arguments: a probabilistic proof as well.",
        "",
        "| op | partials | seconds |",
        "|---|---|---|",
        *[f"| {p.op} | {p.partials} | {p.seconds:.2f} |{mark(p)}" for p in proofs],
    ]


def layer_section(proofs: list[LayerProof]) -> list[str]:
    """What was shown of the recurrent layers."""
    return [
        "## Recurrent layers",
        "",
        "A probabilistic proof: the layers run modulo the prime 2⁶¹ - 1 at random points, tanh an",
        "indeterminate with dt = (1 - t²) da. By hand and fast each give ⟨Jᵀu, v⟩ = ⟨u, Jv⟩",
        "exactly, and the values and derivatives of the composition. A polynomial of degree d",
        "that is not 0 vanishes at such a point with a probability of at most d / 2⁶¹, here below",
        f"10⁻¹⁴; each row is {POINTS} points.",
        "",
        "With relu the signs of what is compared are a case: an identity of polynomials in each",
        "region. All cases are tried at the sizes of at most 6 signs, and",
        f"{RELU_POINTS} random ones at the largest; where an argument is 0, relu's derivative is a",
        "convention.",
        "",
        "| layer | tier | sizes (T, B, I, H) | settings | partials | seconds |",
        "|---|---|---|---|---|---|",
        *layer_rows(proofs),
    ]


def mark(p: Proof) -> str:
    """What the page shows behind the name of an op whose proof is open."""
    return "" if p.holds else " **open**"


def row(p: Proof) -> str:
    """One line of the page's table."""
    shapes = ", ".join(dict.fromkeys(p.shapes))
    identity = p.identity if len(p.identity) <= 90 else p.identity[:87] + "..."
    formula = identity.replace("|", "\\|")
    return f"| {p.op}{mark(p)} | {shapes} | {p.partials} | {p.seconds:.2f} | `{formula}` |"


def layer_rows(proofs: list[LayerProof]) -> Iterator[str]:
    """A row for each layer and tier."""
    for layer in dict.fromkeys([p.layer for p in proofs]):
        for tier in tiers(layer.partition(",")[0]):
            found = [p for p in proofs if (p.layer, p.tier) == (layer, tier)]
            if not found:
                continue  # both directions are proved by hand alone
            sizes = ", ".join(dict.fromkeys([str(p.size) for p in found]))
            settings = len({str(p.settings) for p in found})
            seconds = sum([p.seconds for p in found])
            open_ = [p for p in found if p.open]
            state = f" **{len(open_)} open**" if open_ else ""
            count = sum([p.partials for p in found])
            yield f"| {layer} | {tier}{state} | {sizes} | {settings} | {count} | {seconds:.1f} |"


def prove_all() -> tuple[str, list[str]]:
    """The page, and what stayed open."""
    start = time.process_time()
    first = first_order()
    second = second_order()
    runs = [*layers(), *steps(), *directions(), *relu_layers()]
    text = page(first, second, runs, time.process_time() - start)
    elsewhere = {*STRUCTURAL, *LAYERS, *STEPS}
    missing = [name for name in sorted(mg.OPS) if not has_case(name) and name not in elsewhere]
    open_ = [f"{name}: it has no case" for name in missing]
    open_ += [f"{p.op}: {why}" for p in [*first, *second] for why in p.open]
    open_ += [f"{p.layer}, {p.tier}, {p.size}, {p.settings}: {why}" for p in runs for why in p.open]
    return text, open_
