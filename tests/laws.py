"""What must hold for every op on every sample. Each law takes an op and a sample, and fails with
both numbers.

The laws stand apart from the tests that run them, so that another test can run them on rules that
are wrong.
"""

from collections.abc import Callable, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
from draws import Sample, is_float
from strict_device import NAME as STRICT
from strict_device import StrictArray

import minigrad as mg
from minigrad import check
from minigrad.array import NAMESPACES, NUMPY, to_numpy
from minigrad.backward import call_pullback

Op = Callable[..., Any]


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def function(op: Op, sample: Sample) -> Op:
    """`op` as a function of the sample's arrays of floats alone.

    Its integers and masks are tensors, too.
    """
    constants = [mg.Tensor(a) if isinstance(a, np.ndarray) else a for a in sample.args]

    def f(*floats: Any) -> Any:
        rest = iter(floats)
        return op(
            *[next(rest) if is_float(a) else c for a, c in zip(sample.args, constants)],
            **sample.settings,
        )

    return f


def random(sample: Sample, like: Sequence[Any], salt: int = 0) -> list[np.ndarray]:
    """A random array of each one's shape: cotangents and directions.

    Never ones: the sum of a softmax is always 1.
    """
    rng = np.random.default_rng([sample.seed, salt])
    return [rng.standard_normal(tuple(a.shape)) for a in like]


def run(f: Op, floats: Sequence[Any], cotangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The values of f, and the gradient of each input for these cotangents.

    Tensors, or None where there is none.
    """
    leaves = [mg.Tensor(a).requires_grad_() for a in floats]
    values = as_list(f(*leaves))
    pairs = [(y, y.new(u).to(y.dtype)) for y, u in zip(values, cotangents) if y.requires_grad]
    if not pairs:
        return values, [None] * len(leaves)
    outputs, weights = zip(*pairs)
    return values, list(mg.grad(outputs, leaves, weights, allow_unused=True))


def numbers(t: Any) -> Any:
    return None if t is None else to_numpy(t.array)


def close(got: Any, want: Any, tolerance: float) -> bool:
    """Equal to `tolerance` times the largest number there, or 1.

    Infinity and NaN at the same places.
    """
    if got is None or want is None or np.shape(got) != np.shape(want):
        return got is want
    size = np.abs(np.asarray(want)[np.isfinite(want)]).max(initial=1)
    return bool(np.allclose(got, want, rtol=0, atol=tolerance * size, equal_nan=True))


def must_agree(
    op: Op, sample: Sample, what: str, got: Any, want: Any, by: str, tolerance: float = 1e-12
) -> None:
    if not close(got, want, tolerance):
        name = getattr(op, "__name__", op)
        raise AssertionError(f"{name}{sample}: {what}\n{got} by minigrad, and\n{want} by {by}")


# Derivatives


def witnessed(op: Op, f: Op, sample: Sample, witness: Op, tolerance: float, salt: int = 0) -> None:
    """<Jᵀu, v> by the engine is <u, Jv> by the witness, for a random cotangent u and a random
    direction v.
    """
    floats = sample.floats
    cotangents, directions = (
        random(sample, check.evaluate(f, floats), salt),
        random(sample, floats, salt + 1),
    )
    got, want = (
        float(check.inner(check.vjp(f, floats, cotangents), directions)),
        float(check.inner(cotangents, witness(f, floats, directions))),
    )
    if not close(got, want, tolerance):
        engine = [numbers(g) for g in run(f, floats, cotangents)[1]]
        slopes = [entrywise(f, floats, cotangents, i, witness) for i in range(len(floats))]
        what = (
            f"its gradients, of the floats in turn, are\n{engine} and\n{slopes}\n"
            "so that along one direction come"
        )
        must_agree(op, sample, what, got, want, witness.__name__, tolerance)


def entrywise(f: Op, floats: list[Any], cotangents: list[Any], i: int, witness: Op) -> np.ndarray:
    """The whole gradient of input i by the witness.

    Slow, and only to be looked at after a failure.
    """
    slope = np.zeros(floats[i].shape)
    for place in np.ndindex(slope.shape):
        directions = [np.zeros(a.shape) for a in floats]
        directions[i][place] = 1
        slope[place] = check.inner(cotangents, witness(f, floats, directions))
    return slope


def finite_difference(op: Op, sample: Sample) -> None:
    witnessed(op, function(op, sample), sample, check.finite_difference, 1e-6)


def complex_step(op: Op, sample: Sample) -> None:
    witnessed(op, function(op, sample), sample, check.complex_step, 1e-12)


def second_order(op: Op, sample: Sample) -> None:
    """The rule replayed over Tensors gives the gradient that it gives over arrays, and that
    gradient's own gradient.
    """
    f = function(op, sample)
    cotangents = random(sample, check.evaluate(f, sample.floats))
    replayed = check.gradient_of(f, cotangents)
    _, once = run(f, sample.floats, cotangents)
    for again, g in zip(as_list(replayed(*map(mg.Tensor, sample.floats))), once):
        if g is not None:
            must_agree(
                op,
                sample,
                "replayed over Tensors, a gradient is",
                again.array,
                g.array,
                "the rule over arrays",
            )
    witnessed(op, replayed, sample, check.finite_difference, 1e-6, salt=2)


def equal_to(other: Op, by: str, tolerance: float) -> Callable[[Op, Sample], None]:
    """The law that an op has the values and gradients of another function of tensors."""

    def law(op: Op, sample: Sample) -> None:
        weights = random(sample, check.evaluate(function(op, sample), sample.floats))
        got, want = (run(function(f, sample), sample.floats, weights) for f in (op, other))
        for what, ours, theirs in zip(("a value is", "a gradient is"), got, want):
            for a, b in zip(ours, theirs, strict=True):
                must_agree(op, sample, what, numbers(a), numbers(b), by, tolerance)

    return law


def composition(op: Any, sample: Sample) -> None:
    """An op by hand has the values and the gradients of the composition that it names."""
    equal_to(op.composed, "its composition", 1e-12)(op, sample)


def as_pytorch(op: Op, sample: Sample, theirs: Op, torch: Any) -> None:
    """Values and gradients are PyTorch's, also where the function has a kink."""
    args = [
        torch.tensor(np.array(a, order="C")) if isinstance(a, np.ndarray) else a
        for a in sample.args
    ]
    leaves = [
        a.requires_grad_() for a in args if isinstance(a, torch.Tensor) and a.is_floating_point()
    ]
    wanted = as_list(theirs(torch, *args, **sample.settings))
    weights = random(sample, wanted)
    values, gradients = run(function(op, sample), sample.floats, weights)
    for y, want in zip(values, wanted, strict=True):
        must_agree(op, sample, "a value is", numbers(y), want.detach().numpy(), "PyTorch", 1e-9)
    if not wanted or not leaves:
        return
    loss = sum((y * torch.tensor(u)).sum() for y, u in zip(wanted, weights))
    for g, want in zip(
        gradients, torch.autograd.grad(loss, leaves, allow_unused=True), strict=True
    ):
        if g is not None and want is not None:
            must_agree(op, sample, "a gradient is", numbers(g), want.numpy(), "PyTorch", 1e-9)


# Manners


def purity(op: Any, sample: Sample) -> None:
    """A rule writes neither to its inputs nor, in pulling back, to its value or to the incoming
    gradient; pulled through twice it gives the same twice."""
    inputs = [a for a in sample.args if isinstance(a, np.ndarray)]
    before = [a.copy() for a in inputs]
    value, pullback = op.rule(NUMPY, *sample.args, **sample.settings)
    values, wanted = as_list(value), [is_float(a) for a in sample.args]
    cotangents = random(sample, values)
    watched = [*inputs, *(a for a in (*values, *cotangents) if isinstance(a, np.ndarray))]
    before += [a.copy() for a in watched[len(inputs) :]]

    def pull() -> list[Any]:
        pulled = [g for g, w in zip(call_pullback(pullback, cotangents, wanted), wanted) if w]
        return [np.array(p.dense(NUMPY) if hasattr(p, "dense") else p) for p in pulled]

    for first, second in zip(pull(), pull()) if values else ():
        must_agree(
            op,
            sample,
            "pulled through a second time, a gradient is",
            second,
            first,
            "the first time",
        )
    for was, a in zip(before, watched):
        must_agree(
            op, sample, "the rule wrote to an array that is not its own:", a, was, "its owner", 0
        )


def independence(op: Op, sample: Sample) -> None:
    """A second call with other numbers, whose results live on, changes neither value nor gradient
    of the first.
    """
    f, floats = function(op, sample), sample.floats
    values, want = run(f, floats, random(sample, check.evaluate(f, floats)))
    leaves = [mg.Tensor(a).requires_grad_() for a in floats]
    outputs = as_list(f(*leaves))
    later = (
        [*map(mg.Tensor, floats)],
        as_list(f(*[mg.Tensor(np.asarray(a * 0.75)).requires_grad_() for a in floats])),
    )
    for y, again in zip(values, outputs):
        must_agree(
            op, sample, "after a second call, a value is", numbers(again), numbers(y), "one call", 0
        )
    if any(y.requires_grad for y in outputs):
        weights = [y.new(u) for y, u in zip(outputs, random(sample, outputs))]
        for g, a in zip(mg.grad(outputs, leaves, weights), want):
            must_agree(
                op,
                sample,
                "after a second call, a gradient is",
                numbers(g),
                numbers(a),
                "one call",
                0,
            )
    del later


def separate_memory(op: Op, sample: Sample) -> None:
    """No two gradients share memory, nor does one with an input, a value or a cotangent."""
    leaves = [mg.Tensor(a).requires_grad_() for a in sample.floats]
    values = as_list(function(op, sample)(*leaves))
    cotangents = [y.new(u) for y, u in zip(values, random(sample, values))]
    if any(y.requires_grad for y in values):
        found = mg.grad(values, leaves, cotangents)
        for a, b in (*combinations(found, 2), *product(found, [*leaves, *values, *cotangents])):
            a, b = a.array, b.array
            shared = type(a) is type(b) is np.ndarray and np.shares_memory(a, b)
            must_agree(
                op, sample, "a gradient shares its memory with another array:", shared, False, "law"
            )


def dtypes(op: Any, sample: Sample) -> None:
    """float32 in, float32 out, values and gradients; float64 likewise. A gradient is an array of
    its input's shape, also where NumPy has made a number of the incoming 0-d one."""

    def f(*floats: Any) -> Any:
        return [y * 2 for y in as_list(function(op, sample)(*floats))]

    for dtype in (np.float32, np.float64):
        floats = [a.astype(dtype) for a in sample.floats]
        values, gradients = run(f, floats, random(sample, check.evaluate(f, floats)))
        for t in [*([] if op.sets_dtype else values), *gradients]:
            if t is not None:
                must_agree(
                    op,
                    sample,
                    f"from {dtype.__name__} comes {t.dtype}:",
                    t.dtype == dtype,
                    True,
                    "law",
                )
                must_agree(
                    op, sample, f"a {type(t.data)}:", type(t.array) in NAMESPACES, True, "law"
                )
        for g, a in zip(gradients, floats):
            if g is not None:
                must_agree(
                    op,
                    sample,
                    f"a gradient of shape {g.shape}:",
                    tuple(g.shape) == a.shape,
                    True,
                    "law",
                )


def strictness(op: Op, sample: Sample, looks: bool = False) -> None:
    """On a device that refuses what CuPy refuses.

    The same values and gradients, on that device, unseen by the host.
    """

    def there(a: Any) -> Any:
        return mg.tensor(a, device=STRICT)

    settings = dict(sample.settings)
    if sample.seed % 2 and isinstance(settings.get("index"), np.ndarray):
        settings["index"] = there(
            settings["index"]
        ).array  # an index on the device; otherwise one on the host
    moved = Sample(
        [there(a) if isinstance(a, np.ndarray) and not is_float(a) else a for a in sample.args],
        settings,
    )
    weights = random(sample, check.evaluate(function(op, sample), sample.floats))
    want = run(function(op, sample), sample.floats, weights)
    StrictArray.syncs = 0
    got = run(function(op, moved), [there(a).array for a in sample.floats], weights)
    assert looks or not StrictArray.syncs, (
        f"{op.__name__}{sample}: the host looked at a value; a look stops a GPU"
    )
    for a, b in zip(sum(got, []), sum(want, []), strict=True):
        assert a is None or a.device.type in (STRICT, settings.get("device")), (
            f"{op.__name__}{sample}: came to the host"
        )
        must_agree(op, sample, "on the strict device", numbers(a), numbers(b), "NumPy")
