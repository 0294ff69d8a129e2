"""PyTorch as the oracle: the same numbers given to both, and values and gradients compared in
float64."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")

TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}


def both(array: Any) -> tuple[Any, Any]:
    """`array` as a tensor of minigrad and one of PyTorch; floats require a gradient."""
    array = np.asarray(array)
    floats = array.dtype.kind == "f"
    return mg.tensor(array, requires_grad=floats), torch.tensor(array, requires_grad=floats)


def flat(outputs: Any) -> list[Any]:
    """The tensors in a nesting of tuples, without the None."""
    if isinstance(outputs, tuple | list):
        return [t for part in outputs for t in flat(part)]
    return [] if outputs is None else [outputs]


def agree(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    *arrays: Any,
    weights: Sequence[tuple[Any, Any]] = (),
) -> None:
    """Both functions of these arrays give the same values, and the same gradients for a random
    cotangent.

    weights: pairs of parameters whose gradients are compared too.
    """
    pairs = [both(a) for a in arrays]
    mine, his = flat(ours(*[p[0] for p in pairs])), flat(theirs(*[p[1] for p in pairs]))
    assert len(mine) == len(his)
    rng, total, their_total = np.random.default_rng(1), 0.0, 0.0
    for y, t in zip(mine, his, strict=True):
        assert tuple(y.shape) == tuple(t.shape)
        assert str(t.dtype) == f"torch.{y.dtype}"
        np.testing.assert_allclose(y.detach().numpy(), t.detach().numpy(), **TOLERANCE)
        if t.requires_grad:
            cotangent = rng.standard_normal(tuple(t.shape))
            total = total + (y * mg.tensor(cotangent)).sum()
            their_total = their_total + (t * torch.tensor(cotangent)).sum()
    if isinstance(total, float):
        return
    total.backward()
    their_total.backward()
    for a, b in [*pairs, *weights]:
        if b.grad is not None:
            assert a.grad is not None, f"no gradient for a tensor of shape {tuple(b.shape)}"
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), **TOLERANCE)
        elif a.grad is not None:
            assert not a.grad.numpy().any()


def twins(ours: Any, theirs: Any) -> list[tuple[Any, Any]]:
    """Give `ours` the weights of `theirs`, both in float64; returns the pairs of parameters."""
    ours.double().load_state_dict(theirs.double().state_dict())
    names, their_names = dict(ours.named_parameters()), dict(theirs.named_parameters())
    assert list(names) == list(their_names)
    return [(names[n], their_names[n]) for n in names]


def modules_agree(ours: Any, theirs: Any, *arrays: Any, **settings: Any) -> None:
    """Two modules print alike, share their state_dict both ways, and compute alike."""
    assert repr(ours) == repr(theirs)
    weights = twins(ours, theirs)
    back = {name: torch.from_dlpack(t) for name, t in ours.state_dict().items()}
    assert list(back) == list(theirs.state_dict())
    theirs.load_state_dict(back)
    agree(
        lambda *xs: ours(*xs, **settings),
        lambda *xs: theirs(*xs, **settings),
        *arrays,
        weights=weights,
    )


def draw(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)
