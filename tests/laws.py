"""The laws of minigrad.testing, which every op must keep, and two that need what is here alone: a
stand-in for a GPU, and PyTorch's words.

The laws stand apart from the tests that run them, so that another test can run them on rules that
are wrong.
"""

from typing import Any

import numpy as np
from strict_device import NAME as STRICT
from strict_device import StrictArray

import minigrad as mg
from minigrad import check
from minigrad.testing.broken import must_agree
from minigrad.testing.laws import (
    broadcasting,
    complex_step,
    composition,
    deterministic,
    dtypes,
    equal_to,
    finite_difference,
    independence,
    kink,
    layouts,
    must_be_analytic,
    proof,
    purity,
    same_tensor,
    second_order,
    separate_memory,
    shapes,
    subsets,
)
from minigrad.testing.running import as_list, function, numbers, random, run
from minigrad.testing.samples import Op, Sample, is_float

__all__ = [
    "Sample",
    "as_list",
    "as_pytorch",
    "broadcasting",
    "check",
    "complex_step",
    "composition",
    "deterministic",
    "dtypes",
    "equal_to",
    "finite_difference",
    "function",
    "independence",
    "is_float",
    "kink",
    "layouts",
    "must_agree",
    "must_be_analytic",
    "numbers",
    "proof",
    "purity",
    "random",
    "run",
    "same_tensor",
    "second_order",
    "separate_memory",
    "shapes",
    "strictness",
    "subsets",
]


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
        must_agree(op, sample, "a value", numbers(y), want.detach().numpy(), "PyTorch", 1e-9)
    if not wanted or not leaves:
        return
    loss = sum((y * torch.tensor(u)).sum() for y, u in zip(wanted, weights))
    for g, want in zip(
        gradients, torch.autograd.grad(loss, leaves, allow_unused=True), strict=True
    ):
        if g is not None and want is not None:
            must_agree(op, sample, "a gradient", numbers(g), want.numpy(), "PyTorch", 1e-9)


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
        must_agree(op, sample, "a result on that device", numbers(a), numbers(b), "NumPy")
