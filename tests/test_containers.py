"""Containers, vectors of parameters, and words in place by an index, beside PyTorch's."""

from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")


def used_as_a_dict(n: Any) -> list[Any]:
    """What a ModuleDict says in the course of being changed."""
    modules = n.ModuleDict({"a": n.Linear(2, 3), "b": n.ReLU()})
    modules["c"] = n.Tanh()
    said: list[Any] = [list(modules), "a" in modules, "z" in modules, len(modules)]
    del modules["b"]
    popped = modules.pop("c")
    said += [
        type(popped).__name__,
        list(modules.keys()),
        [type(m).__name__ for m in modules.values()],
    ]
    said += [[key for key, _ in modules.items()], list(modules.state_dict())]
    modules.clear()
    return [*said, len(modules), list(modules.parameters())]


def used_as_a_dict_of_parameters(n: Any, ones: Any) -> list[Any]:
    held = n.ParameterDict({"a": n.Parameter(ones(2))})
    held["b"] = n.Parameter(ones(3))
    held.update({"c": n.Parameter(ones(1))})
    said = [list(held.keys()), "b" in held, tuple(held["b"].shape), len(held)]
    said += [list(held.state_dict()), "c" in repr(held)]
    said += [held.get("a") is held["a"], held.get("z"), held.get("z", 3)]
    said += [held.setdefault("a", ones(9)).shape, held.setdefault("d", ones(4)) is held["d"]]
    other = held.copy()
    said += [list(other), other["a"] is held["a"], held.popitem()[0], list(held), len(other)]
    with pytest.raises(KeyError, match="ParameterDict.popitem: expected|dictionary is empty"):
        n.ParameterDict().popitem()
    return said


def test_module_dicts_are_pytorchs() -> None:
    assert used_as_a_dict(nn) == used_as_a_dict(torch.nn)


def test_parameter_dicts_are_pytorchs() -> None:
    assert used_as_a_dict_of_parameters(nn, mg.ones) == used_as_a_dict_of_parameters(
        torch.nn, torch.ones
    )


def test_parameters_go_through_a_vector_and_back() -> None:
    layer, other = nn.Linear(2, 3), nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert tuple(vector.shape) == (9,)
    nn.utils.vector_to_parameters(vector, other.parameters())
    for p, q in zip(layer.parameters(), other.parameters(), strict=True):
        assert p.tolist() == q.tolist()
    (vector * vector).sum().backward()
    np.testing.assert_allclose(layer.bias.grad.numpy(), 2 * layer.bias.detach().numpy())
    with pytest.raises(ValueError, match="^vector_to_parameters: expected a vector of 9 elements"):
        nn.utils.vector_to_parameters(mg.ones(8), other.parameters())


INDEXED = {
    "index_fill_": (1, [0, 2], 5.0),
    "index_add_": (1, [0, 2, 0], "values"),
    "index_copy_": (1, [2, 0, 1], "values"),
    "scatter_add_": (1, [[0, 2, 2], [1, 1, 0]], "values"),
}


@pytest.mark.parametrize("word", INDEXED)
def test_a_word_in_place_by_an_index_is_pytorchs_with_its_gradients(word: str) -> None:
    dim, index, source = INDEXED[word]
    rng = np.random.default_rng(0)
    start, values, cotangent = rng.standard_normal((3, 2, 3))
    found = []
    for t in (mg, torch):
        leaf = t.tensor(start, requires_grad=True)
        given = t.tensor(values, requires_grad=True)
        changed = leaf * 2
        getattr(changed, word)(dim, t.tensor(index), given if source == "values" else source)
        (changed * t.tensor(cotangent)).sum().backward()
        grads = [leaf.grad] + ([given.grad] if source == "values" else [])
        found.append([np.asarray(a.detach().numpy()) for a in (changed, *grads)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_chances_that_do_not_broadcast_are_refused() -> None:
    with pytest.raises(ValueError, match="^bernoulli_: expected p that broadcasts to"):
        mg.zeros(2, 3).bernoulli_(mg.full((4, 2, 3), 0.5))
