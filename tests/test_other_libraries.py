"""Random programs on JAX and HIPS autograd (tests/other_libraries.py), where they are installed.

`make trust` runs more (tests/trust/test_many_programs.py).
"""

import pytest

pytest.importorskip("torch", reason="PyTorch, beside which programs grow, is not installed (torch)")
import other_libraries as others

import minigrad as mg


def test_values_and_gradients_are_those_of_hips_autograd() -> None:
    pytest.importorskip("autograd", reason="HIPS autograd is not installed (the extra torch)")
    agree, lacking, found = others.check_many(others.hips_library(), range(40))
    assert not found, "\n\n".join(found)
    assert agree >= 20, lacking


def test_values_and_gradients_are_those_of_jax() -> None:
    pytest.importorskip("jax", reason="JAX is not installed (the extra bench)")
    agree, lacking, found = others.check_many(others.jax_library(), range(12))
    assert not found, "\n\n".join(found)
    assert agree >= 6, lacking


def test_a_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("autograd", reason="HIPS autograd is not installed (the extra torch)")
    monkeypatch.setattr(mg.Tensor, "cumsum", lambda self, dim: self * 1.0)
    leaf = "x0 = t.tensor([0.5, -1.0], dtype=t.float64).reshape((2,)).clone().requires_grad_()"
    draw = others.random.Random(0)
    assert others.compare([leaf, "x1 = x0.cumsum(0)"], others.hips_library(), draw)
    assert others.compare([leaf, "x1 = x0.cos()"], others.hips_library(), draw) == ""
    with pytest.raises(others.Cannot, match="median"):
        others.compare([leaf, "x1 = x0.cos()", "x2 = x1.median()"], others.hips_library(), draw)
