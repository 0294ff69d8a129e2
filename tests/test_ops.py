"""Every op, on every sample, keeps every law: see `samples` for the one and `laws` for the other.

To repeat a failure run its test alone, `pytest "tests/test_ops.py::TEST[OP]"`: Hypothesis shows the
smallest sample that it found, and tries that one first.
"""

import inspect
from typing import Any

import hypothesis
import laws
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import TABLE

import minigrad as mg
import minigrad.byhand  # registers its ops
from minigrad import autograd
from minigrad.testing.samples import Sample

few = hypothesis.settings(max_examples=max(5, hypothesis.settings().max_examples // 4))


def test_the_table_holds_every_op() -> None:
    assert TABLE.keys() == mg.OPS.keys()


def each_op(*names: str) -> Any:
    """Run the test for each of these ops, or for all, on samples that Hypothesis draws."""

    def decorate(test: Any) -> Any:
        return pytest.mark.parametrize("name", names or TABLE)(few(given(data=st.data())(test)))

    return decorate


NONDIFFERENTIABLE = {  # the words without a derivative, and what NumPy calls them
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "bitwise_and": np.logical_and,
    "bitwise_or": np.logical_or,
    "bitwise_xor": np.logical_xor,
    "bitwise_not": np.logical_not,
    "isinf": np.isinf,
    "isnan": np.isnan,
    "isfinite": np.isfinite,
    "argmax": np.argmax,
    "argmin": np.argmin,
    "any": np.any,
    "all": np.all,
    "zeros_like": np.zeros_like,
    "ones_like": np.ones_like,
}


def test_plain_words_are_all_here() -> None:
    assert NONDIFFERENTIABLE.keys() == autograd.NONDIFFERENTIABLE.keys() - {
        "lazy_scatter",
        "arange",
        "full_like",
        "check_bounds",
        "check_index",
    }  # scatter_add, and checks


@pytest.mark.parametrize("name", NONDIFFERENTIABLE)
@given(seed=st.integers(0, 99), dim=st.sampled_from((None, 0, 1, -1)), keepdim=st.booleans())
def test_plain_words_are_numpys(name: str, seed: int, dim: Any, keepdim: bool) -> None:
    """On ties, infinities and NaN; along a dimension or over all; and nothing is recorded."""
    rng = np.random.default_rng(seed)
    a, b = (
        rng.choice([-1.0, 0.0, 1.0, np.inf, np.nan], shape, p=[0.3, 0.3, 0.2, 0.1, 0.1])
        for shape in ((3, 2), 2)
    )
    settings: dict[str, Any] = {}
    if name.startswith("bitwise"):
        a, b = a > 0, b > 0
    elif name in ("argmax", "argmin", "any", "all"):
        a, settings = np.nan_to_num(a), {"dim": dim, "keepdim": keepdim}
    operands = (
        (a, b)
        if NONDIFFERENTIABLE[name].__class__ is np.ufunc and NONDIFFERENTIABLE[name].nin == 2
        else (a,)
    )
    want = NONDIFFERENTIABLE[name](
        *operands, **{{"dim": "axis", "keepdim": "keepdims"}[key]: v for key, v in settings.items()}
    )
    tensors = [mg.Tensor(x).requires_grad_(x.dtype == float) for x in operands]
    found = autograd.NONDIFFERENTIABLE[name](*tensors, **settings)
    np.testing.assert_array_equal(found.array, want, strict=True)
    assert not found.requires_grad


@each_op()
def test_finite_difference(name: str, data: Any) -> None:
    laws.finite_difference(mg.OPS[name], data.draw(TABLE[name].smooth))


@each_op(*(name for name, row in TABLE.items() if row.analytic))
def test_complex_step(name: str, data: Any) -> None:
    laws.complex_step(mg.OPS[name], data.draw(TABLE[name].smooth))


@each_op()
def test_second_order(name: str, data: Any) -> None:
    laws.second_order(mg.OPS[name], data.draw(TABLE[name].smooth))


@each_op(*(name for name, row in TABLE.items() if row.torch))
def test_pytorch(name: str, data: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    laws.as_pytorch(mg.OPS[name], data.draw(TABLE[name].all), TABLE[name].torch, torch)


@each_op(*(name for name, op in mg.OPS.items() if op.composed))
def test_composition(name: str, data: Any) -> None:
    laws.composition(mg.OPS[name], data.draw(TABLE[name].smooth))


VALUES = {  # what NumPy calls the value of an op; the others go by NumPy's own word
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "neg": np.negative,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "astype": lambda x, dtype: x,
    "clamp": lambda x, min=None, max=None: np.minimum(
        np.maximum(x, -np.inf if min is None else min), np.inf if max is None else max
    ),
    "move": lambda x, device: x,
    "clone": lambda x: x,
    "sum": lambda x, dim, keepdim: np.sum(x, None if dim == () else dim, keepdims=keepdim),
    "squared_deviations": lambda x, dim, keepdim: deviations(
        x, None if dim == () else dim, keepdim
    ),
    "amax": lambda x, dim, keepdim: np.amax(x, None if dim == () else dim, keepdims=keepdim),
    "cumsum": lambda x, dim: np.cumsum(x, dim),
    "softmax": lambda x, dim: np.exp(x) / np.exp(x).sum(dim, keepdims=True),
    "permute": lambda x, dims: np.transpose(x, dims),
    "swapaxes": lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1),
    "expand_dims": lambda x, dim: np.expand_dims(x, dim),
    "cat": lambda *xs, dim: np.concatenate(xs, dim),
    "stack": lambda *xs, dim: np.stack(xs, dim),
    "unbind": lambda x, dim: list(np.moveaxis(x, dim, 0)),
    "split": lambda x, sizes, dim: np.split(x, np.cumsum(sizes)[:-1], dim),
    "getitem": lambda x, index: x[index],
    "assign": lambda x, v, index: set_at(x.copy(), index, v),
    "diagonal": lambda x, offset: np.diagonal(x, offset, -2, -1),
    "unfold": lambda x, size, step: np.lib.stride_tricks.sliding_window_view(x, size, -1)[
        ..., ::step, :
    ],
    "scatter_add": lambda g, index, shape: sum_at(np.zeros(shape), index, g),
    "embedding": lambda weight, ids: weight[ids],
    "linear": lambda x, weight, bias: x @ weight.T + (0 if bias is None else bias),
}


def deviations(x: np.ndarray, dim: Any, keepdim: bool) -> np.ndarray:
    n = np.sum(np.ones_like(x), dim, keepdims=True)
    centred = x - np.sum(x, dim, keepdims=True) / np.maximum(n, 1)
    return np.sum(centred * centred, dim, keepdims=keepdim)


def set_at(out: np.ndarray, index: Any, v: np.ndarray) -> np.ndarray:
    out[index] = v
    return out


def sum_at(out: np.ndarray, index: Any, g: np.ndarray) -> np.ndarray:
    np.add.at(out, index, g)
    return out


@each_op(*(name for name in TABLE if name in VALUES or hasattr(np, name)))
def test_value_is_numpys(name: str, data: Any) -> None:
    sample = data.draw(TABLE[name].smooth)
    op, f = mg.OPS[name], laws.function(mg.OPS[name], sample)
    values = laws.as_list(f(*map(mg.Tensor, sample.floats)))
    wanted = laws.as_list((VALUES.get(name) or getattr(np, name))(*sample.args, **sample.settings))
    for y, want in zip(values, wanted, strict=True):
        laws.must_agree(op, sample, "a value", laws.numbers(y), np.asarray(want), "NumPy")


def test_default_settings() -> None:
    x = mg.tensor([[1.0, 2.0], [3.0, 5.0]])
    assert mg.cat([x, x]).shape == (4, 2) and mg.stack([x, x, x]).shape == (3, 2, 2)
    assert [part.tolist() for part in x.unbind()] == x.tolist()
    assert [getattr(x, name)().tolist() for name in ("sum", "amax", "argmax", "argmin")] == [
        11,
        5,
        3,
        0,
    ]
    assert (x > 2).any().tolist() is True and (x > 2).all().tolist() is False


@each_op(*(name for name, op in mg.OPS.items() if op.composed))
def test_default_settings_are_the_compositions(name: str, data: Any) -> None:
    sample = data.draw(
        TABLE[name].smooth.filter(lambda sample: sample.settings.get("ndim", 1) == 1)
    )
    laws.composition(mg.OPS[name], Sample(sample.args, seed=sample.seed))


@each_op()
def test_nothing_is_written(name: str, data: Any) -> None:
    laws.purity(mg.OPS[name], data.draw(TABLE[name].all))


@each_op()
def test_calls_are_independent(name: str, data: Any) -> None:
    laws.independence(mg.OPS[name], data.draw(TABLE[name].smooth))


@each_op()
def test_no_shared_memory(name: str, data: Any) -> None:
    laws.separate_memory(mg.OPS[name], data.draw(TABLE[name].all))


@each_op()
def test_dtypes(name: str, data: Any) -> None:
    laws.dtypes(mg.OPS[name], data.draw(TABLE[name].all))


@each_op()
def test_strict_device(name: str, data: Any) -> None:
    laws.strictness(mg.OPS[name], data.draw(TABLE[name].all), TABLE[name].looks)


# What a user sees


RULES = [name for name, op in mg.OPS.items() if op.rule.__module__.startswith("minigrad.ops.")]


@pytest.mark.parametrize("name", RULES)
def test_it_is_a_function_and_a_method_where_pytorch_has_one(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    if hasattr(torch, name):
        assert hasattr(mg, name), f"minigrad/__init__.py does not export {name}"
    if hasattr(torch.Tensor, name):
        assert hasattr(mg.Tensor, name), f"{name} is no word in OPS of minigrad/tensor.py"


@pytest.mark.parametrize("name", sorted({*TABLE, *NONDIFFERENTIABLE}))
def test_help_shows_a_call_and_says_something(name: str) -> None:
    op = mg.OPS.get(name) or autograd.NONDIFFERENTIABLE[name]
    assert op.__doc__ and "xp" not in inspect.signature(op).parameters
    arrays = [p for p in inspect.signature(op).parameters if p not in op.keywords]
    assert arrays == [*inspect.signature(op.rule).parameters][1 : 1 + len(arrays)]


def test_arrays_and_settings_by_position_and_by_name() -> None:
    x = mg.tensor([[1.0, 2.0], [3.0, 5.0]])
    calls = [mg.sum(x, 1), mg.sum(x, dim=1), mg.sum(x=x, dim=1), mg.sum(x, axis=1, out=None)]
    assert [y.tolist() for y in calls] == [[3, 8]] * 4
    assert mg.add(b=x, a=1).tolist() == [[2, 3], [4, 6]]
    assert mg.linear(x, x).tolist() == mg.linear(x, x, None).tolist()
    assert mg.cat([x, x], axis=1).tolist() == mg.cat(x, x, dim=1).tolist()
    assert mg.sum(input=x, dim=1, dtype=mg.float64).dtype == mg.float64
    with pytest.raises(NotImplementedError, match="mul: dtype=.* is not supported"):
        mg.mul(x, x, dtype=mg.float64)
    for wrong in (lambda: mg.cat([]), lambda: mg.cat([x, x], 0, dim=1)):
        with pytest.raises(TypeError, match=r"cat: expected cat\(\*xs, dim=0\), with at least one"):
            wrong()
    with pytest.raises(TypeError, match=r"cumsum: expected cumsum\(x, dim\), missing .* 'dim'"):
        mg.cumsum(x)
