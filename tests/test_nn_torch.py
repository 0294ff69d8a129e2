"""Modules and functions of nn against PyTorch, in float64: values, gradients, names and text."""

import functools
import inspect
import math
import re
from collections import OrderedDict
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_twin import agree, draw, modules_agree, torch, twins

import minigrad as mg
import nn
import nn.functional as F

TF = torch.nn.functional
rng = np.random.default_rng(0)

# Modules that torch.nn has too: (how to make it, from either nn; its inputs).
MODULES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "Linear": (lambda nn: nn.Linear(4, 3), (draw(2, 5, 4),)),
    "Linear, one row": (lambda nn: nn.Linear(4, 3, bias=False), (draw(4),)),
    "Identity": (lambda nn: nn.Identity(), (draw(3),)),
    "Embedding": (lambda nn: nn.Embedding(7, 3), (rng.integers(0, 7, (4, 5)),)),
    "Embedding, padding": (
        lambda nn: nn.Embedding(7, 3, padding_idx=2),
        (rng.integers(0, 4, (4, 5)),),
    ),
    "Embedding, padding from the end": (
        lambda nn: nn.Embedding(7, 3, padding_idx=-1),
        (np.array([6, 5, 6]),),
    ),
    "Dropout, p=0": (lambda nn: nn.Dropout(0.0), (draw(3, 4),)),
    "Embedding, max_norm": (
        lambda nn: nn.Embedding(7, 3, max_norm=0.5, norm_type=1.0),
        (rng.integers(0, 4, (4, 5)),),
    ),
    "Embedding, by frequency": (
        lambda nn: nn.Embedding(7, 3, padding_idx=1, scale_grad_by_freq=True),
        (rng.integers(0, 4, (4, 5)),),
    ),
    "Bilinear": (lambda nn: nn.Bilinear(3, 4, 2), (draw(2, 5, 3), draw(2, 5, 4))),
    "Bilinear, no bias": (lambda nn: nn.Bilinear(3, 4, 2, bias=False), (draw(5, 3), draw(5, 4))),
    "Flatten": (lambda nn: nn.Flatten(), (draw(2, 3, 4),)),
    "Flatten, between": (lambda nn: nn.Flatten(0, 1), (draw(2, 3, 4),)),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, -1)), (draw(3, 6, 2),)),
    "Unflatten, no elements": (lambda nn: nn.Unflatten(0, (2, -1)), (draw(2, 0, 4),)),
    "LayerNorm": (lambda nn: nn.LayerNorm(4), (draw(2, 3, 4),)),
    "LayerNorm, two dimensions": (lambda nn: nn.LayerNorm((3, 4), eps=0.1), (draw(2, 3, 4),)),
    "LayerNorm, plain": (lambda nn: nn.LayerNorm([4], elementwise_affine=False), (draw(2, 4),)),
    "LayerNorm, no bias": (lambda nn: nn.LayerNorm(4, bias=False), (draw(2, 4),)),
    "RMSNorm": (lambda nn: nn.RMSNorm(4), (draw(2, 3, 4),)),
    "RMSNorm, two dimensions": (lambda nn: nn.RMSNorm((3, 4), eps=0.1), (draw(2, 3, 4),)),
    "RMSNorm, plain": (lambda nn: nn.RMSNorm(4, elementwise_affine=False), (draw(2, 4),)),
    "Tanh": (lambda nn: nn.Tanh(), (draw(5),)),
    "Sigmoid": (lambda nn: nn.Sigmoid(), (draw(5),)),
    "ReLU": (lambda nn: nn.ReLU(), (np.array([-1.0, 0.0, 2.0]),)),
    "LeakyReLU": (lambda nn: nn.LeakyReLU(0.3), (np.array([-1.0, 0.0, 2.0]),)),
    "ELU": (lambda nn: nn.ELU(alpha=0.7), (np.array([-1.0, 0.0, 2.0, 800.0]),)),
    "SiLU": (lambda nn: nn.SiLU(), (draw(5),)),
    "SELU": (lambda nn: nn.SELU(), (np.array([-1.0, 0.0, 2.0]),)),
    "Mish": (lambda nn: nn.Mish(), (draw(5),)),
    "Softsign": (lambda nn: nn.Softsign(), (draw(5),)),
    "Hardtanh": (lambda nn: nn.Hardtanh(-0.5, 2.0), (np.array([-1.0, -0.5, 0.0, 2.0, 3.0]),)),
    "ReLU6": (lambda nn: nn.ReLU6(), (np.array([-1.0, 0.0, 3.0, 6.0, 7.0]),)),
    "GLU": (lambda nn: nn.GLU(dim=1), (draw(2, 4, 3),)),
    "PReLU": (lambda nn: nn.PReLU(), (np.array([-1.0, 0.0, 2.0]),)),
    "PReLU, by channel": (lambda nn: nn.PReLU(3, init=0.1), (draw(2, 3, 4),)),
    "Softmin": (lambda nn: nn.Softmin(dim=1), (draw(2, 3, 4),)),
    "in place": (
        lambda nn: nn.Sequential(
            nn.Linear(4, 3),
            nn.ReLU(inplace=True),
            nn.Linear(3, 3),
            nn.LeakyReLU(0.1, True),
            nn.Linear(3, 3),
            nn.ELU(1.0, inplace=True),
            nn.Linear(3, 3),
            nn.SiLU(inplace=True),
            nn.Linear(3, 3),
            nn.Hardtanh(inplace=True),
            nn.Linear(3, 3),
            nn.Mish(inplace=True),
            nn.Linear(3, 3),
            nn.SELU(inplace=True),
            nn.Dropout(0.0, inplace=True),
        ),
        (draw(5, 4),),
    ),
    "CosineSimilarity": (lambda nn: nn.CosineSimilarity(-1), (draw(2, 3), draw(2, 3, seed=1))),
    "PairwiseDistance": (
        lambda nn: nn.PairwiseDistance(keepdim=True),
        (draw(2, 3), draw(2, 3, seed=1)),
    ),
    "ModuleDict": (
        lambda nn: nn.Sequential(nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Tanh()})["a"]),
        (draw(3, 2),),
    ),
    "GELU": (lambda nn: nn.GELU(), (draw(5),)),
    "GELU, tanh": (lambda nn: nn.GELU(approximate="tanh"), (draw(5),)),
    "Conv1d": (lambda nn: nn.Conv1d(3, 4, 2), (draw(2, 3, 5),)),
    "Conv1d, all settings": (
        lambda nn: nn.Conv1d(4, 6, 3, 2, 1, 2, 2, bias=False),
        (draw(2, 4, 9),),
    ),
    "Conv1d, same": (lambda nn: nn.Conv1d(2, 3, 4, padding="same", dilation=2), (draw(2, 2, 7),)),
    "Conv1d, no batch": (lambda nn: nn.Conv1d(3, 4, (2,), padding="valid"), (draw(3, 5),)),
    "Conv1d, groups, no rows": (lambda nn: nn.Conv1d(4, 6, 3, groups=2), (draw(0, 4, 9),)),
    "Conv2d": (lambda nn: nn.Conv2d(3, 4, (2, 3), padding=(1, 0)), (draw(2, 3, 5, 6),)),
    "Conv2d, all settings": (
        lambda nn: nn.Conv2d(4, 6, 3, (2, 1), 2, (1, 2), 2),
        (draw(2, 4, 6, 7),),
    ),
    "Conv2d, no batch": (lambda nn: nn.Conv2d(1, 2, 2), (draw(1, 3, 4),)),
    "ConvTranspose1d": (lambda nn: nn.ConvTranspose1d(3, 4, 2), (draw(2, 3, 5),)),
    "ConvTranspose1d, all settings": (
        lambda nn: nn.ConvTranspose1d(4, 6, 3, 3, 2, 2, 2, False, 2),
        (draw(2, 4, 5),),
    ),
    "ConvTranspose2d": (
        lambda nn: nn.ConvTranspose2d(3, 2, (2, 3), stride=2, padding=(1, 0)),
        (draw(2, 3, 4, 3),),
    ),
    "ConvTranspose2d, all settings": (
        lambda nn: nn.ConvTranspose2d(4, 2, 3, (2, 1), (0, 1), (1, 0), 2, dilation=(1, 2)),
        (draw(2, 4, 3, 4),),
    ),
    "ConvTranspose2d, no batch": (lambda nn: nn.ConvTranspose2d(1, 2, 2), (draw(1, 3, 4),)),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 4, 0.1), (draw(3, 4, 2, 3),)),
    "GroupNorm, plain": (lambda nn: nn.GroupNorm(3, 3, affine=False), (draw(2, 3, 5),)),
    "GroupNorm, no bias": (lambda nn: nn.GroupNorm(1, 4, bias=False), (draw(3, 4, 2),)),
    "MaxPool1d": (lambda nn: nn.MaxPool1d(3, 2, 1), (draw(2, 3, 7),)),
    "MaxPool2d": (lambda nn: nn.MaxPool2d(2), (draw(2, 3, 5, 6),)),
    "MaxPool2d, ties": (
        lambda nn: nn.MaxPool2d((2, 3), 1, dilation=(2, 1)),
        (np.zeros((1, 5, 6)),),
    ),
    "AdaptiveAvgPool1d": (lambda nn: nn.AdaptiveAvgPool1d(3), (draw(2, 3, 7),)),
    "AdaptiveAvgPool1d, one": (lambda nn: nn.AdaptiveAvgPool1d((1,)), (draw(2, 3, 7),)),
    "AdaptiveAvgPool2d": (lambda nn: nn.AdaptiveAvgPool2d((3, None)), (draw(2, 3, 5, 6),)),
    "AdaptiveAvgPool2d, more": (lambda nn: nn.AdaptiveAvgPool2d((7, 2)), (draw(3, 5, 6),)),
    "AdaptiveMaxPool1d": (lambda nn: nn.AdaptiveMaxPool1d(4), (draw(2, 3, 6),)),
    "AdaptiveMaxPool2d": (lambda nn: nn.AdaptiveMaxPool2d(3), (draw(2, 3, 5, 6),)),
    "AdaptiveMaxPool2d, ties": (lambda nn: nn.AdaptiveMaxPool2d((3, 2)), (np.zeros((1, 5, 6)),)),
    "Upsample": (lambda nn: nn.Upsample(scale_factor=2), (draw(2, 3, 4, 3),)),
    "AvgPool1d": (lambda nn: nn.AvgPool1d(3, 2, 1), (draw(2, 3, 7),)),
    "AvgPool2d": (lambda nn: nn.AvgPool2d(2, padding=1), (draw(2, 3, 5, 6),)),
    "AvgPool2d, without padding": (
        lambda nn: nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        (draw(3, 5, 6),),
    ),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(3), (draw(5, 3),)),
    "BatchNorm1d, of sequences": (lambda nn: nn.BatchNorm1d(3, momentum=None), (draw(2, 3, 4),)),
    "BatchNorm1d, plain": (
        lambda nn: nn.BatchNorm1d(3, affine=False, track_running_stats=False),
        (draw(5, 3),),
    ),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(3, eps=0.1, momentum=0.3), (draw(2, 3, 4, 2),)),
    "Dropout1d": (lambda nn: nn.Dropout1d(0.0), (draw(2, 3, 4),)),
    "Dropout2d": (lambda nn: nn.Dropout2d(0.0), (draw(2, 3, 4, 2),)),
    "TransformerEncoderLayer": (
        lambda nn: nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0),
        (draw(3, 2, 4),),
    ),
    "TransformerEncoderLayer, norms first": (
        lambda nn: nn.TransformerEncoderLayer(
            4, 2, 6, 0.0, "gelu", 1e-3, batch_first=True, norm_first=True, bias=False
        ),
        (draw(3, 2, 4),),
    ),
    "TransformerDecoderLayer": (
        lambda nn: nn.TransformerDecoderLayer(4, 2, 6, dropout=0.0, activation=nn.PReLU()),
        (draw(3, 2, 4), draw(5, 2, 4)),
    ),
    "TransformerEncoder": (
        lambda nn: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True),
            2,
            norm=nn.LayerNorm(4),
        ),
        (draw(3, 2, 4),),
    ),
    "TransformerDecoder": (
        lambda nn: nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 6, dropout=0.0), 2),
        (draw(3, 2, 4), draw(5, 2, 4)),
    ),
    "Transformer": (
        lambda nn: nn.Transformer(4, 2, 1, 2, 6, dropout=0.0, batch_first=True),
        (draw(2, 5, 4), draw(2, 3, 4)),
    ),
    "Softplus": (
        lambda nn: nn.Softplus(beta=2.0),
        (np.array([-800.0, 0.0, 5.0, 10.0, 11.0, 800.0]),),
    ),
    "Softplus, threshold": (lambda nn: nn.Softplus(1, 3), (np.array([2.0, 3.5]),)),
    "LogSigmoid": (lambda nn: nn.LogSigmoid(), (np.array([-800.0, -1.0, 0.0, 1.0, 800.0]),)),
    "Softmax": (lambda nn: nn.Softmax(dim=1), (draw(2, 3, 4),)),
    "LogSoftmax": (lambda nn: nn.LogSoftmax(-1), (draw(2, 3, 4),)),
    "Sequential": (
        lambda nn: nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.Tanh(), nn.Linear(3, 3))),
        (draw(2, 4),),
    ),
    "Sequential, empty": (lambda nn: nn.Sequential(), (draw(3),)),
    "RNNCell": (lambda nn: nn.RNNCell(3, 4), (draw(2, 3), draw(2, 4))),
    "RNNCell, relu": (lambda nn: nn.RNNCell(3, 4, nonlinearity="relu", bias=False), (draw(2, 3),)),
    "GRUCell": (lambda nn: nn.GRUCell(3, 4), (draw(2, 3), draw(2, 4))),
    "GRUCell, one row": (lambda nn: nn.GRUCell(3, 4, bias=False), (draw(3), draw(4))),
}


@pytest.mark.parametrize("name", MODULES)
def test_module(name: str) -> None:
    make, inputs = MODULES[name]
    modules_agree(make(nn), make(torch.nn), *inputs)


@pytest.mark.parametrize("bias", [True, False])
def test_lstm_cell(bias: bool) -> None:
    ours, theirs = nn.LSTMCell(3, 4, bias), torch.nn.LSTMCell(3, 4, bias)
    weights = twins(ours, theirs)
    assert repr(ours) == repr(theirs)
    arrays = draw(2, 3), draw(2, 4), draw(2, 4, seed=1)
    agree(
        lambda x, h, c: ours(x, (h, c)),
        lambda x, h, c: theirs(x, (h, c)),
        *arrays,
        weights=weights,
    )
    agree(ours, theirs, draw(3))


@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell"])
def test_the_gradient_by_a_state_on_the_way(kind: str) -> None:
    ours, theirs = getattr(nn, kind)(3, 4), getattr(torch.nn, kind)(3, 4)
    twins(ours, theirs)
    xs, first = draw(3, 2, 3), [draw(2, 4), draw(2, 4, seed=1)][: len(ours.state_names)]

    def gradients(cell: Any, tensor: Any, grad: Any) -> list[Any]:
        hx = [tensor(a).requires_grad_() for a in first]
        seen = list(hx)
        for x in tensor(xs):
            out = cell(x, tuple(hx) if len(hx) == 2 else hx[0])
            hx = list(out) if isinstance(out, tuple) else [out]
            seen += hx
        return [np.asarray(g.numpy()) for g in grad((hx[0] ** 2).sum(), seen)]

    got = gradients(ours, mg.tensor, mg.grad)
    for a, b in zip(got, gradients(theirs, torch.tensor, torch.autograd.grad), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


class Tree:
    """One description of a nested module, made from either nn."""

    @staticmethod
    def of(nn: Any, tensor: Any) -> Any:
        class Tree(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.embedding = nn.Embedding(9, 4, padding_idx=0)
                self.layers = nn.ModuleList(
                    [nn.Linear(4, 4), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4)]
                )
                self.rnn = nn.LSTM(
                    4, 5, num_layers=2, batch_first=True, bidirectional=True, dropout=0.5
                )
                self.register_buffer("scale", tensor)
                self.shared = self.layers[0]
                self.act = nn.ReLU()
                self.head = nn.Sequential(nn.LayerNorm(10), nn.Dropout(0.1), nn.Linear(10, 2))

        return Tree()


def test_tree_of_modules() -> None:
    ours, theirs = Tree.of(nn, mg.tensor([2.0])), Tree.of(torch.nn, torch.tensor([2.0]))
    assert repr(ours) == repr(theirs)
    assert {n: tuple(t.shape) for n, t in ours.state_dict().items()} == {
        n: tuple(t.shape) for n, t in theirs.state_dict().items()
    }
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for walk in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [n for n, _ in getattr(ours, walk)()] == [n for n, _ in getattr(theirs, walk)()], (
            walk
        )
    assert len(list(ours.modules())) == len(list(theirs.modules()))
    mine: list[str] = []
    his: list[str] = []
    theirs.apply(lambda m: his.append(type(m).__name__))
    ours.apply(lambda m: mine.append(type(m).__name__))
    assert mine == his and mine[-1] == "Tree"


# Names, arguments, and what is refused.


def shared(ours: Any, theirs: Any) -> list[str]:
    """The public functions and classes that two modules have by the same name."""
    return [
        name
        for name in dir(ours)
        if not name.startswith("_") and callable(getattr(ours, name)) and hasattr(theirs, name)
        if getattr(ours, name).__module__.startswith("nn")
    ]


# Those whose arguments PyTorch names nowhere, or (one_hot) otherwise in its documentation, or that
# have an object of PyTorch's own as a default.
UNNAMED = """nn.GRU nn.LogSigmoid nn.LSTM nn.Module nn.Parameter nn.RNN nn.Sigmoid nn.Softsign
    nn.Tanh nn.RNNBase functional.one_hot functional.max_pool1d
    functional.adaptive_max_pool1d functional.adaptive_max_pool2d
    functional.max_pool2d nn.AvgPool1d nn.Transformer nn.TransformerDecoderLayer
    nn.TransformerEncoderLayer data.random_split""".split()
PAIRS = {
    "nn": (nn, torch.nn),
    "functional": (F, TF),
    "init": (nn.init, torch.nn.init),
    "utils": (nn.utils, torch.nn.utils),
    "rnn": (nn.utils.rnn, torch.nn.utils.rnn),
    "optim": (nn.optim, torch.optim),
    "lr_scheduler": (nn.optim.lr_scheduler, torch.optim.lr_scheduler),
    "data": (nn.data, torch.utils.data),
}
SHARED = [
    f"{part}.{name}"
    for part, (ours, theirs) in PAIRS.items()
    for name in shared(ours, theirs)
    if f"{part}.{name}" not in UNNAMED
]
METHODS = """add_module apply buffers children cpu cuda double eval extra_repr float load_state_dict
    modules named_buffers named_children named_modules named_parameters parameters register_buffer
    register_module register_parameter requires_grad_ train zero_grad""".split()


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def defaults(function: Any) -> list[tuple[str, str]]:
    """Each argument that can be left out, with its value then; a number's kind does not matter."""
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        value = parameter.default
        if value is not parameter.empty:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            found.append((name, repr(float(value) if is_number else value)))
    return found


@pytest.mark.parametrize("name", SHARED)
def test_the_arguments_are_pytorchs(name: str) -> None:
    """In the same order, with the same defaults; ours may have more of them after PyTorch's."""
    part, _, word = name.partition(".")
    ours, theirs = (getattr(library, word) for library in PAIRS[part])
    try:
        names = parameters(theirs)
    except ValueError:  # written in C; its documentation begins with its arguments
        names = re.findall(r"\b([a-z_]\w*)[,=)]", (theirs.__doc__ or "").split("->")[0])
        assert names
    else:
        missing = set(defaults(theirs)) - set(defaults(ours))
        assert not missing, f"expected {missing}, got {defaults(ours)}"
    assert parameters(ours)[: len(names)] == names


@pytest.mark.parametrize("name", METHODS)
def test_a_method_of_a_module_takes_pytorchs_arguments(name: str) -> None:
    assert parameters(getattr(nn.Module, name)) == parameters(getattr(torch.nn.Module, name))


def of_both(change: Any, *, error: Any = None) -> None:
    """`change(nn, module, tensor)` leaves equal trees, or raises the same kind of error in both."""
    trees = []
    for library, make in ((nn, mg.tensor), (torch.nn, torch.tensor)):
        module = library.Sequential(library.Linear(2, 2), library.Tanh())
        module.register_buffer("steps", make([1.0]))
        if error:
            with pytest.raises(error):
                change(library, module, make)
        else:
            module = change(library, module, make) or module
        trees.append((repr(module), list(module.state_dict())))
    assert trees[0] == trees[1]


def list_with_none(nn: Any, m: Any) -> Any:
    """A ModuleList whose elements become None, and no longer are."""
    layers = nn.ModuleList([m[0], None, m[1], None])
    layers[0], layers[1] = None, nn.ReLU()
    assert [layer is None for layer in layers] == [True, False, False, True] and len(layers) == 4
    assert [name for name, _ in layers.named_children()] == ["1", "2"]
    assert layers.pop(-1) is None and layers[0] is None
    del layers[1]
    layers.insert(1, None)
    return layers.extend([None, m[1]])


@pytest.mark.parametrize(
    "change",
    [
        lambda nn, m, t: m[1:],
        lambda nn, m, t: m[:0],
        lambda nn, m, t: m.append(nn.ReLU()).insert(0, nn.Sigmoid()).insert(-1, nn.ReLU()),
        lambda nn, m, t: m.extend([m[0], nn.ReLU()]),
        lambda nn, m, t: m.__delitem__(0),
        lambda nn, m, t: m.__delitem__(slice(0, 1)),
        lambda nn, m, t: m.__setitem__(-1, nn.ReLU()),
        lambda nn, m, t: m.pop(0),
        lambda nn, m, t: m + nn.Sequential({"last": nn.ReLU()}.pop("last")),
        lambda nn, m, t: nn.Sequential(OrderedDict(first=m[0], last=m[1]))[1:],
        lambda nn, m, t: nn.ModuleList(),
        lambda nn, m, t: nn.ModuleList(m).append(m[1]).extend([m[0]])[1:],
        lambda nn, m, t: nn.ModuleList(m).__iadd__([nn.ReLU()]),
        lambda nn, m, t: nn.ModuleList([None, m[0], None]).append(None)[1:],
        lambda nn, m, t: list_with_none(nn, m),
        lambda nn, m, t: nn.ModuleList(m) + [nn.ReLU()],
        lambda nn, m, t: nn.ModuleList([nn.Linear(2, 2) for _ in range(3)]),
        lambda nn, m, t: setattr(m[0], "bias", None),
        lambda nn, m, t: setattr(m, "steps", t([2.0, 3.0])),
        lambda nn, m, t: setattr(m, "steps", None),
        lambda nn, m, t: setattr(m, "steps", nn.Parameter(t([2.0]))),
        lambda nn, m, t: setattr(m, "0", nn.Parameter(t([2.0]))),
        lambda nn, m, t: delattr(m, "steps"),
        lambda nn, m, t: m.register_buffer("steps", t([2.0]), persistent=False),
        lambda nn, m, t: m.register_module("more", nn.Linear(1, 1)),
        lambda nn, m, t: m.register_parameter("none", None),
        lambda nn, m, t: nn.ModuleDict(),
        lambda nn, m, t: nn.ModuleDict(m.named_children()),
        lambda nn, m, t: nn.ModuleDict([("a", m[0]), ["b", m[1]]]).pop("a"),
        lambda nn, m, t: nn.ModuleDict(OrderedDict(a=m[0], b=m[1])).__delitem__("b"),
        lambda nn, m, t: nn.ModuleDict({"a": m[0]}).update({"a": m[1], "c": m[1]}),
        lambda nn, m, t: nn.ModuleDict({"a": m[0]}).__setitem__("b", nn.ReLU()),
        lambda nn, m, t: nn.ModuleList([nn.ModuleDict({"a": m})]),
        lambda nn, m, t: nn.ParameterList([t([1.0]), nn.Parameter(t([[1.0]]))]),
        lambda nn, m, t: nn.ParameterList(m.parameters()).append(t([2.0])).extend([t([3.0])])[1:],
        lambda nn, m, t: nn.ParameterList(m.parameters()).__iadd__([t([2.0])]),
        lambda nn, m, t: setattr(m, "list", nn.ParameterList([t([1.0])])),
    ],
)
def test_a_tree_is_changed_as_pytorchs(change: Any) -> None:
    of_both(change)


@pytest.mark.parametrize(
    "change, error",
    [
        (lambda nn, m, t: m.add_module("a.b", nn.Tanh()), KeyError),
        (lambda nn, m, t: m.add_module("", nn.Tanh()), KeyError),
        (lambda nn, m, t: m.add_module("forward", nn.Tanh()), KeyError),
        (lambda nn, m, t: m.add_module(3, nn.Tanh()), TypeError),
        (lambda nn, m, t: m.add_module("x", 3), TypeError),
        (lambda nn, m, t: m.register_buffer("a.b", t([1.0])), KeyError),
        (lambda nn, m, t: m.register_buffer("b", 3), TypeError),
        (lambda nn, m, t: m.register_parameter("training", nn.Parameter(t([1.0]))), KeyError),
        (lambda nn, m, t: m.register_parameter("w", t([1.0])), TypeError),
        (lambda nn, m, t: setattr(m, "a.b", nn.Parameter(t([1.0]))), KeyError),
        (lambda nn, m, t: setattr(m, "0", 3), TypeError),
        (lambda nn, m, t: setattr(m, "steps", 3.0), TypeError),
        (lambda nn, m, t: setattr(m[0], "weight", t([1.0])), TypeError),
        (lambda nn, m, t: setattr(m[0], "weight", nn.Tanh()), TypeError),
        (lambda nn, m, t: nn.Sequential({"a.b": m}, m), TypeError),
        (lambda nn, m, t: nn.Sequential(OrderedDict({"a.b": m})), KeyError),
        (lambda nn, m, t: nn.ModuleList([3]), TypeError),
        (lambda nn, m, t: nn.ModuleList(3), TypeError),
        (lambda nn, m, t: nn.ModuleDict({"keys": m}), KeyError),
        (lambda nn, m, t: nn.ModuleDict({"a.b": m}), KeyError),
        (lambda nn, m, t: nn.ModuleDict({"a": 3}), TypeError),
        (lambda nn, m, t: nn.ModuleDict(3), TypeError),
        (lambda nn, m, t: nn.ModuleDict({"a": m})["b"], KeyError),
        (lambda nn, m, t: nn.ParameterList(3), TypeError),
        (lambda nn, m, t: m[2], IndexError),
        (lambda nn, m, t: m["0"], TypeError),
        (lambda nn, m, t: m.append(3), TypeError),
        (lambda nn, m, t: m.to(t([1]).dtype), TypeError),
        (lambda nn, m, t: m.train(1), ValueError),
        (lambda nn, m, t: m.load_state_dict([]), TypeError),
        (lambda nn, m, t: m.load_state_dict({}), RuntimeError),
        (lambda nn, m, t: nn.ModuleList(m)(1), NotImplementedError),
    ],
)
def test_a_tree_refuses_what_pytorchs_refuses(change: Any, error: type[Exception]) -> None:
    of_both(change, error=error)


def test_the_keys_of_a_state_are_pytorchs() -> None:
    ours, theirs = nn.Linear(2, 3), torch.nn.Linear(2, 3)
    assert repr(ours.load_state_dict(ours.state_dict())) == repr(
        theirs.load_state_dict(theirs.state_dict())
    )
    mine, his = ours.state_dict(prefix="a."), theirs.state_dict(prefix="a.")
    assert list(mine) == list(his) == ["a.weight", "a.bias"]
    assert ours.state_dict(destination=mine, keep_vars=True) is mine and len(mine) == 4
    assert mine["weight"] is ours.weight


def test_pretrained_embeddings() -> None:
    rows = draw(4, 3)
    ours = nn.Embedding.from_pretrained(mg.tensor(rows), freeze=False, padding_idx=1)
    theirs = torch.nn.Embedding.from_pretrained(torch.tensor(rows), freeze=False, padding_idx=1)
    modules_agree(ours, theirs, np.array([0, 1, 3, 3]))
    assert not nn.Embedding.from_pretrained(mg.tensor(rows)).weight.requires_grad


@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.1}, {"weight": [1.0, 2.0, 0.5]}])
def test_a_batch_of_padding_alone_has_no_mean_and_no_gradient(settings: dict[str, Any]) -> None:
    ours, theirs = dict(settings), dict(settings)
    if "weight" in settings:
        ours["weight"] = mg.tensor(np.array(settings["weight"]))
        theirs["weight"] = torch.tensor(settings["weight"], dtype=torch.float64)
    ids = np.array([-100, -100])
    with np.errstate(all="ignore"):
        agree(
            lambda x, y: F.cross_entropy(x, y, **ours),
            lambda x, y: TF.cross_entropy(x, y, **theirs),
            draw(2, 3),
            ids,
        )
    agree(F.nll_loss, TF.nll_loss, draw(2, 3), ids)


def test_parameters_in_lists_and_dicts() -> None:
    for library, make in ((nn, mg.tensor), (torch.nn, torch.tensor)):
        held = library.ParameterDict({"a": make([1.0])})
        held["b"] = library.Parameter(make([2.0]))
        held.update({"c": make([3.0])})
        assert list(held) == list(held.keys()) == ["a", "b", "c"] and "b" in held
        assert [p.item() for p in held.values()] == [1.0, 2.0, 3.0] and len(held) == 3
        assert held.pop("b").requires_grad and list(held.state_dict()) == ["a", "c"]
        assert [name for name, _ in held.items()] == ["a", "c"]
        assert all([isinstance(p, library.Parameter) for p in held.parameters()])
        row = library.ParameterList(held.values())
        row[0] = library.Parameter(make([5.0]))
        assert [p.item() for p in row] == [5.0, 3.0] and row[-1].item() == 3.0
        assert list(row.state_dict()) == ["0", "1"] and len(row) == 2


def test_a_softmax_without_dim_chooses_as_pytorchs_does() -> None:
    for ndim in range(5):
        x = draw(*[2, 3, 2, 2][:ndim])
        for name in ("softmax", "log_softmax", "softmin"):
            with pytest.warns(UserWarning, match="mplicit dim|without dim"):
                agree(getattr(F, name), getattr(TF, name), x)
        for name in ("Softmax", "LogSoftmax", "Softmin"):
            with pytest.warns(UserWarning, match="mplicit dim|without dim"):
                modules_agree(getattr(nn, name)(), getattr(torch.nn, name)(), x)


@pytest.mark.parametrize("size_average", [None, True, False])
@pytest.mark.parametrize("reduce", [None, True, False])
def test_the_older_words_for_a_reduction(size_average: Any, reduce: Any) -> None:
    old = {"size_average": size_average, "reduce": reduce}
    x, y = draw(2, 3), draw(2, 3, seed=1)
    if size_average is None and reduce is None:
        return
    names = ("mse_loss", "l1_loss", "smooth_l1_loss", "binary_cross_entropy_with_logits")
    for name in names:
        with pytest.warns(UserWarning, match="size_average"):
            agree(
                lambda a, b, name=name: getattr(F, name)(a, b, **old),
                lambda a, b, name=name: getattr(TF, name)(a, b, **old),
                x,
                y,
            )
    with pytest.warns(UserWarning, match="size_average"):
        modules_agree(
            nn.MSELoss(size_average, reduce), torch.nn.MSELoss(size_average, reduce), x, y
        )


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "silu", "selu", "mish", "hardtanh"])
def test_an_activation_in_place_changes_its_input(name: str) -> None:
    for library, make in ((F, mg.tensor), (TF, torch.tensor)):
        x = make([-2.0, 0.5], requires_grad=True)
        with pytest.raises(RuntimeError, match="leaf"):
            getattr(library, name)(x, inplace=True)
        y = x * 2
        assert getattr(library, name)(y, inplace=True) is y
        assert y.tolist() == getattr(library, name)(x * 2).tolist() != [-4.0, 1.0]


def test_running_statistics_of_a_batch_norm() -> None:
    for momentum in (0.3, None):
        ours, theirs = (
            nn.BatchNorm1d(3, momentum=momentum),
            torch.nn.BatchNorm1d(3, momentum=momentum),
        )
        twins(ours, theirs)
        for step in range(4):
            x = draw(5, 3, seed=step) + step
            ours.track_running_stats = theirs.track_running_stats = step < 3
            agree(ours, theirs, x)
        for name, value in theirs.state_dict().items():
            found = ours.state_dict()[name].numpy()
            np.testing.assert_allclose(found, value.numpy(), rtol=1e-12, err_msg=name)
        agree(ours.eval(), theirs.eval(), draw(4, 3, seed=9))
    settings = {"momentum": 0.5, "eps": 0.1}
    mean, var = draw(3), abs(draw(3, seed=1))
    agree(
        lambda x: F.batch_norm(x, mg.tensor(mean), mg.tensor(var), **settings),
        lambda x: TF.batch_norm(x, torch.tensor(mean), torch.tensor(var), **settings),
        draw(4, 3, 2),
    )


@pytest.mark.parametrize("method", ["reset_running_stats", "reset_parameters"])
def test_layers_that_start_again(method: str) -> None:
    for library, make_tensor in ((nn, mg.tensor), (torch.nn, torch.tensor)):
        norm, slopes = library.BatchNorm1d(3), library.PReLU(2, 0.1)
        untouched = library.BatchNorm1d(3, affine=False, track_running_stats=False)
        norm(make_tensor(draw(5, 3)).float() + 1)
        for param in (norm.weight, norm.bias, slopes.weight):
            param.data.fill_(7.0)
        getattr(norm, method)()
        getattr(untouched, method)()
        assert norm.running_mean.tolist() == [0.0] * 3
        assert norm.running_var.tolist() == [1.0] * 3
        assert int(norm.num_batches_tracked) == 0
        is_reset = method == "reset_parameters"
        assert norm.weight.tolist() == [1.0 if is_reset else 7.0] * 3
        assert norm.bias.tolist() == [0.0 if is_reset else 7.0] * 3
        slopes.reset_parameters()
        assert slopes.weight.tolist() == pytest.approx([0.1] * 2)


def test_the_masks_of_a_transformer() -> None:
    ours, theirs = (
        library.Transformer(4, 2, 1, 1, 6, dropout=0.0, batch_first=True)
        for library in (nn, torch.nn)
    )
    weights = twins(ours, theirs)
    padding = np.array([[False, False, True, True], [False] * 4])

    def run(model: Any, make: Any, kind: Any) -> Any:
        causal = kind.generate_square_subsequent_mask(3, dtype=make(draw(1)).dtype)
        padded = make(padding)

        def apply(src: Any, tgt: Any) -> Any:
            return model(
                src,
                tgt,
                tgt_mask=causal,
                src_key_padding_mask=padded,
                memory_key_padding_mask=padded,
                tgt_is_causal=True,
            )

        return apply

    agree(
        run(ours, mg.tensor, nn.Transformer),
        run(theirs, torch.tensor, torch.nn.Transformer),
        draw(2, 4, 4),
        draw(2, 3, 4),
        weights=weights,
    )


def test_dropout_of_channels_drops_whole_ones() -> None:
    for name, shape in (
        ("dropout1d", (50, 8, 3)),
        ("dropout2d", (50, 8, 2, 2)),
        ("dropout1d", (99, 3)),
    ):
        y = getattr(F, name)(mg.ones(*shape)).numpy()
        rows = y.reshape(-1, y[(0,) * (y.ndim - (2 if "2" in name else 1))].size)
        assert (rows == rows[:, :1]).all() and set(np.unique(rows)) == {0.0, 2.0}
        assert 0.3 < (rows[:, 0] == 0).mean() < 0.7


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (
            lambda: nn.Conv1d(3, 4, 2)(mg.ones(2, 2, 5)),
            ValueError,
            "^conv1d: expected input of 3 channels",
        ),
        (
            lambda: nn.Conv1d(3, 4, 9)(mg.ones(2, 3, 5)),
            ValueError,
            "^conv1d: .* at least 9 at dim 2",
        ),
        (lambda: nn.Conv1d(3, 4, 2)(mg.ones(5)), ValueError, "^conv1d: .* 3 dimensions, or 2 with"),
        (lambda: nn.Conv1d(3, 4, (2, 2)), TypeError, "^Conv1d: expected kernel_size to be an int"),
        (
            lambda: nn.Conv1d(3, 4, 2, groups=2),
            ValueError,
            "^Conv1d: expected channels that are mu",
        ),
        (
            lambda: nn.Conv1d(3, 4, 2, padding="some"),
            ValueError,
            "^Conv1d: expected padding in num",
        ),
        (lambda: nn.Conv1d(3, 4, 2, 2, "same"), ValueError, "^Conv1d: expected stride=1 with padd"),
        (
            lambda: nn.Conv1d(3, 4, 2, padding_mode="reflect"),
            NotImplementedError,
            "^Conv1d: padding",
        ),
        (
            lambda: nn.MaxPool1d(2, ceil_mode=True),
            NotImplementedError,
            "^MaxPool1d: ceil_mode=True",
        ),
        (
            lambda: F.max_pool2d(mg.ones(1, 4, 4), 2, padding=2),
            ValueError,
            "at most half of kernel",
        ),
        (
            lambda: F.avg_pool2d(mg.ones(1, 4, 4), 2, divisor_override=3),
            NotImplementedError,
            "^avg_p",
        ),
        (lambda: nn.BatchNorm1d(3)(mg.ones(1, 3)), ValueError, "more than 1 value per channel"),
        (
            lambda: nn.BatchNorm1d(3)(mg.ones(4, 2)),
            ValueError,
            "^BatchNorm1d: expected input .*3, .",
        ),
        (
            lambda: F.batch_norm(mg.ones(4, 2), None, None),
            ValueError,
            "^batch_norm: expected running",
        ),
        (
            lambda: nn.TransformerEncoderLayer(4, 2, activation="x"),
            ValueError,
            "'relu', 'gelu' or a",
        ),
        (lambda: nn.TransformerEncoder(3, 2), TypeError, "^TransformerEncoder: expected a layer"),
    ],
)
def test_what_windows_and_transformers_refuse(wrong: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        wrong()


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.Linear(4, 3),
        lambda nn: nn.LayerNorm(4),
        lambda nn: nn.BatchNorm1d(4),
        lambda nn: nn.GRUCell(4, 3),
        lambda nn: nn.LSTM(4, 3),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_layer_refuses_floats_of_another_dtype(make: Any, dtype: str) -> None:
    """As PyTorch does; the message says how to cast them."""
    other = {"float64": "float32", "float32": "float64"}[dtype]
    x = np.ones((2, 4), dtype)
    way_out = {
        "float64": r"\.float\(\), or the layer with \.double",
        "float32": r"\.double\(\), or",
    }
    with pytest.raises(
        TypeError, match=f"dtype {other}, got {dtype}; cast it with {way_out[dtype]}"
    ):
        make(nn).to(getattr(mg, other))(mg.tensor(x))
    with pytest.raises((RuntimeError, ValueError)):
        make(torch.nn).to(getattr(torch, other))(torch.tensor(x))


def test_a_softmax_drawn_from_gumbel_noise() -> None:
    mg.manual_seed(3)
    logits = mg.tensor(np.log([[0.1, 0.2, 0.7]] * 4000), requires_grad=True)
    hard = F.gumbel_softmax(logits, hard=True)
    shares = hard.detach().numpy().mean(0)
    np.testing.assert_allclose(shares, [0.1, 0.2, 0.7], atol=0.04)
    assert set(np.unique(hard.detach().numpy().round(12))) == {0.0, 1.0}
    (hard * mg.tensor([1.0, 2.0, 3.0], dtype=mg.float64)).sum().backward()
    assert abs(logits.grad.numpy()).max() > 0.1
    soft = F.gumbel_softmax(logits.detach(), tau=0.5, dim=0)
    np.testing.assert_allclose(soft.numpy().sum(0), 1.0)


# Functions of shapes and settings that Hypothesis draws.

shapes = st.lists(st.integers(1, 4), min_size=0, max_size=3).map(tuple)
reductions = st.sampled_from(["mean", "sum", "none"])


@given(
    shape=shapes, reduction=reductions, delta=st.sampled_from([0.3, 1.0]), seed=st.integers(0, 99)
)
def test_losses_of_differences(
    shape: tuple[int, ...], reduction: str, delta: float, seed: int
) -> None:
    x, y = draw(*shape, seed=seed), draw(*shape, seed=seed + 100)
    for name in ("mse_loss", "l1_loss"):
        agree(
            lambda a, b, name=name: getattr(F, name)(a, b, reduction=reduction),
            lambda a, b, name=name: getattr(TF, name)(a, b, reduction=reduction),
            x,
            y,
        )
    for name in ("huber_loss", "smooth_l1_loss"):
        words = ("reduction", "delta" if name == "huber_loss" else "beta")
        settings = dict(zip(words, (reduction, delta), strict=True))
        agree(
            functools.partial(getattr(F, name), **settings),
            functools.partial(getattr(TF, name), **settings),
            x,
            y,
        )
    sign = np.sign(draw(*shape, seed=seed + 200))
    agree(
        lambda a, b, c: F.margin_ranking_loss(a, b, c, delta, reduction=reduction),
        lambda a, b, c: TF.margin_ranking_loss(a, b, c, delta, reduction=reduction),
        x,
        y,
        sign,
    )


@given(
    shape=shapes,
    reduction=reductions,
    weighted=st.booleans(),
    positive=st.booleans(),
    seed=st.integers(0, 99),
)
def test_binary_cross_entropy(
    shape: tuple[int, ...], reduction: str, weighted: bool, positive: bool, seed: int
) -> None:
    x, y = 3 * draw(*shape, seed=seed), 1 / (1 + np.exp(-draw(*shape, seed=seed + 100)))
    w, p = (abs(draw(*shape, seed=s)) if on else None for s, on in ((7, weighted), (8, positive)))
    agree(
        lambda a, b: F.binary_cross_entropy_with_logits(
            a,
            b,
            None if w is None else mg.tensor(w),
            reduction=reduction,
            pos_weight=None if p is None else mg.tensor(p),
        ),
        lambda a, b: TF.binary_cross_entropy_with_logits(
            a,
            b,
            None if w is None else torch.tensor(w),
            reduction=reduction,
            pos_weight=None if p is None else torch.tensor(p),
        ),
        x,
        y,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", ["nothing", "a class", "no class"])
@hypothesis.settings(max_examples=max(10, hypothesis.settings().max_examples // 10))
@given(
    lead=st.sampled_from([(), (1,), (4,)]),
    C=st.integers(1, 5),
    tail=st.sampled_from([(), (3,), (2, 2)]),
    smoothing=st.sampled_from([0.0, 0.1, 1.0]),
    probabilities=st.booleans(),
    seed=st.integers(0, 999),
)
def test_cross_entropy(
    reduction: str,
    weighted: bool,
    ignored: str,
    lead: Any,
    C: int,
    tail: Any,
    smoothing: float,
    probabilities: bool,
    seed: int,
) -> None:
    tail = tail if lead else ()
    numbers = np.random.default_rng(seed)
    x, w = (
        numbers.standard_normal((*lead, C, *tail)),
        numbers.uniform(0.1, 2, C) if weighted else None,
    )
    y = numbers.integers(0, C, (*lead, *tail))
    settings: dict[str, Any] = {"reduction": reduction, "label_smoothing": smoothing}
    if probabilities:
        y = numbers.dirichlet(np.ones(C), (*lead, *tail))
        y = np.moveaxis(y, -1, len(lead))
    elif ignored != "nothing" and C > 1 and y.size > 1:
        y.flat[1] = (y.flat[0] + 1) % C  # of which the mean is taken
        if ignored == "no class":
            y.flat[0] = -7
        settings["ignore_index"] = int(y.flat[0])
    ours, theirs = None if w is None else mg.tensor(w), None if w is None else torch.tensor(w)
    agree(
        lambda a, b: F.cross_entropy(a, b, ours, **settings),
        lambda a, b: TF.cross_entropy(a, b, theirs, **settings),
        x,
        y,
    )
    agree(
        lambda a: nn.CrossEntropyLoss(ours, **settings)(a, mg.tensor(y)),
        lambda a: torch.nn.CrossEntropyLoss(theirs, **settings)(a, torch.tensor(y)),
        x,
    )
    if not probabilities:
        settings.pop("label_smoothing")
        agree(
            lambda a, b: F.nll_loss(a, b, ours, **settings),
            lambda a, b: TF.nll_loss(a, b, theirs, **settings),
            x,
            y,
        )


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_classes_of_no_weight_make_nan_and_ignored_ones_do_not(smoothing: float) -> None:
    y, w = np.array([1, -100, 2]), np.zeros(3)
    agree(
        lambda x: F.cross_entropy(x, mg.tensor(y), mg.tensor(w), label_smoothing=smoothing),
        lambda x: TF.cross_entropy(x, torch.tensor(y), torch.tensor(w), label_smoothing=smoothing),
        draw(3, 3),
    )


@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    reduction=st.sampled_from(["batchmean", "mean", "sum", "none"]),
    log_target=st.booleans(),
    seed=st.integers(0, 99),
)
@pytest.mark.filterwarnings("ignore:.*reduction.*mean")
def test_kl_div(shape: Any, reduction: str, log_target: bool, seed: int) -> None:
    x, y = draw(*shape, seed=seed), draw(*shape, seed=seed + 1)
    target = y if log_target else np.exp(y)
    settings = {"reduction": reduction, "log_target": log_target}
    agree(
        lambda a, b: F.kl_div(a, b, **settings), lambda a, b: TF.kl_div(a, b, **settings), x, target
    )
    modules_agree(nn.KLDivLoss(**settings), torch.nn.KLDivLoss(**settings), x, target)
    zero = np.zeros(shape)
    agree(lambda a: F.kl_div(a, mg.tensor(zero)), lambda a: TF.kl_div(a, torch.tensor(zero)), x)


@given(shape=shapes, reduction=reductions, weighted=st.booleans(), seed=st.integers(0, 99))
def test_binary_cross_entropy_of_probabilities(
    shape: tuple[int, ...], reduction: str, weighted: bool, seed: int
) -> None:
    x, y = (1 / (1 + np.exp(-3 * draw(*shape, seed=s))) for s in (seed, seed + 100))
    w = abs(draw(*shape, seed=7)) if weighted else None
    ours = None if w is None else mg.tensor(w)
    theirs = None if w is None else torch.tensor(w)
    modules_agree(
        nn.BCELoss(ours, reduction=reduction), torch.nn.BCELoss(theirs, reduction=reduction), x, y
    )
    ends = np.array([0.0, 0.0, 1.0, 1.0])
    targets = np.array([0.0, 1.0, 0.0, 1.0])
    mine, his = nn.BCELoss(reduction="none"), torch.nn.BCELoss(reduction="none")
    found = mine(mg.tensor(ends), mg.tensor(targets)).tolist()
    assert found == his(torch.tensor(ends), torch.tensor(targets)).tolist() == [0, 100, 100, 0]


def test_loss_modules_print_and_save_as_pytorchs() -> None:
    weight = [1.0, 2.0]
    for name in (
        "MSELoss",
        "L1Loss",
        "HuberLoss",
        "BCEWithLogitsLoss",
        "NLLLoss",
        "CrossEntropyLoss",
    ):
        assert repr(getattr(nn, name)()) == repr(getattr(torch.nn, name)())
        agree(
            lambda a, b, name=name: getattr(nn, name)(reduction="sum")(a, b),
            lambda a, b, name=name: getattr(torch.nn, name)(reduction="sum")(a, b),
            draw(3, 2),
            np.array([0, 1, 1]) if "NLL" in name else abs(draw(3, 2, seed=1)) % 1,
        )
    ours, theirs = (
        nn.CrossEntropyLoss(mg.tensor(weight)),
        torch.nn.CrossEntropyLoss(torch.tensor(weight)),
    )
    assert list(ours.state_dict()) == list(theirs.state_dict()) == ["weight"]


@given(
    shape=st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple),
    data=st.data(),
    value=st.sampled_from([0.0, -2.5]),
)
def test_pad(shape: tuple[int, ...], data: st.DataObject, value: float) -> None:
    dims = data.draw(st.integers(1, len(shape)))
    pad = data.draw(st.lists(st.integers(-1, 2), min_size=2 * dims, max_size=2 * dims))
    if any(
        n + a + b < 1 or a + n < 0 or b + n < 0
        for n, a, b in zip(shape[::-1], pad[::2], pad[1::2], strict=False)
    ):
        return
    agree(lambda x: F.pad(x, pad, value=value), lambda x: TF.pad(x, pad, value=value), draw(*shape))


@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (2, 3)])
def test_a_bias_of_a_linear_map_broadcasts(shape: tuple[int, int]) -> None:
    agree(F.linear, TF.linear, draw(2, 4), draw(3, 4), draw(*shape))


def test_one_hot_and_embedding() -> None:
    ids = rng.integers(0, 5, (2, 3))
    agree(F.one_hot, TF.one_hot, ids)
    agree(lambda t: F.one_hot(t, 8), lambda t: TF.one_hot(t, 8), ids)
    agree(
        lambda w: F.embedding(mg.tensor(ids), w, -5),
        lambda w: TF.embedding(torch.tensor(ids), w, -5),
        draw(5, 2),
    )


@given(
    lead=st.sampled_from([(), (2,), (2, 3)]),
    L=st.integers(1, 4),
    S=st.integers(1, 4),
    kind=st.sampled_from(["none", "bool", "float", "causal"]),
    scale=st.sampled_from([None, 0.3]),
)
def test_scaled_dot_product_attention(
    lead: Any, L: int, S: int, kind: str, scale: float | None
) -> None:
    arrays = [draw(*lead, L, 5), draw(*lead, S, 5, seed=1), draw(*lead, S, 2, seed=2)]
    numbers = np.random.default_rng(L + 10 * S)
    mask: Any = numbers.random((L, S)) < 0.6
    mask[:, 0] |= True  # PyTorch's own treatment of a row without a key differs between its kernels
    if kind == "float":
        mask = np.where(mask, numbers.standard_normal((L, S)), -math.inf)
    settings: dict[str, Any] = {"scale": scale, "is_causal": kind == "causal"}
    m, t = (mg.tensor(mask), torch.tensor(mask)) if kind in ("bool", "float") else (None, None)
    agree(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, m, **settings),
        lambda q, k, v: TF.scaled_dot_product_attention(q, k, v, t, **settings),
        *arrays,
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("form", ["time first", "batch first", "no batch"])
@pytest.mark.parametrize("masks", ["none", "padding", "bool", "float", "both", "three"])
def test_multihead_attention(bias: bool, form: str, masks: str) -> None:
    B, L, S, E, H = 2, 3, 4, 6, 2
    first = form == "batch first"
    ours = nn.MultiheadAttention(E, H, bias=bias, batch_first=first)
    theirs = torch.nn.MultiheadAttention(E, H, bias=bias, batch_first=first)
    assert repr(ours) == repr(theirs)
    weights = twins(ours, theirs)
    arrays = [draw(B, L, E), draw(B, S, E, seed=1), draw(B, S, E, seed=2)]
    arrays = [a[0] if form == "no batch" else a if first else a.transpose(1, 0, 2) for a in arrays]
    padding = np.array([[False, False, True, True], [False, False, False, True]])
    causal = np.triu(np.ones((L, S), bool), 2)
    added = np.where(causal, -math.inf, draw(L, S))
    if form == "no batch":
        padding = padding[0]
    given: dict[str, Any] = {
        "padding": {"key_padding_mask": padding},
        "bool": {"attn_mask": causal},
    }.get(masks, {})
    if masks == "both":
        given = {"key_padding_mask": padding, "attn_mask": causal}
    if masks == "float":
        given = {"attn_mask": added}
    if masks == "three":
        given = {"attn_mask": np.tile(causal, (H if form == "no batch" else B * H, 1, 1))}
    for settings in ({}, {"average_attn_weights": False}, {"need_weights": False}):
        m = {name: mg.tensor(a) for name, a in given.items()}
        t = {name: torch.tensor(a) for name, a in given.items()}
        agree(
            functools.partial(ours, **m, **settings),
            functools.partial(theirs, **t, **settings),
            *arrays,
            weights=weights,
        )
        ours.zero_grad()
        theirs.zero_grad()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("side", ["left", "right"])
def test_pad_sequence(first: bool, side: str) -> None:
    parts = [draw(n, 2, seed=n) for n in (3, 1, 4)]
    agree(
        lambda *s: nn.utils.rnn.pad_sequence(s, first, 0.5, side),
        lambda *s: torch.nn.utils.rnn.pad_sequence(s, first, 0.5, side),
        *parts,
    )


def test_gains_are_pytorchs() -> None:
    for name in (*nn.init.GAINS, "leaky_relu"):
        assert nn.init.calculate_gain(name) == pytest.approx(
            torch.nn.init.calculate_gain(name), abs=1e-15
        )


def test_a_file_of_weights_is_read_by_pytorchs_safetensors(tmp_path: Any) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    ours, theirs = nn.LSTM(3, 4), torch.nn.LSTM(3, 4)
    nn.io.save(ours.state_dict(), tmp_path / "weights.safetensors")
    theirs.load_state_dict(safetensors.load_file(tmp_path / "weights.safetensors"))
    np.testing.assert_array_equal(
        ours.weight_hh_l0.detach().numpy(), theirs.weight_hh_l0.detach().numpy()
    )
    safetensors.save_file(torch.nn.LSTM(3, 4).state_dict(), tmp_path / "theirs.safetensors")
    assert list(nn.io.load(tmp_path / "theirs.safetensors")) == sorted(ours.state_dict())
    ours.load_state_dict(nn.io.load(tmp_path / "theirs.safetensors"))


@pytest.mark.parametrize("hint", ["src_is_causal", "tgt_is_causal", "memory_is_causal"])
def test_a_hint_of_a_causal_mask_is_refused_without_the_mask_and_changes_nothing_with_it(
    hint: str,
) -> None:
    sizes: Any = (4, 2, 1, 1, 8, 0.0)
    theirs = torch.nn.Transformer(*sizes, batch_first=True).double()
    ours = nn.Transformer(*sizes, batch_first=True).double()
    ours.load_state_dict({key: mg.tensor(w.numpy()) for key, w in theirs.state_dict().items()})
    x = np.random.default_rng(1).standard_normal((2, 3, 4))
    with pytest.raises(RuntimeError, match="Need attn_mask"):
        theirs(torch.tensor(x), torch.tensor(x), **{hint: True})
    with pytest.raises(ValueError, match=r"MultiheadAttention\)?: expected attn_mask too"):
        ours(mg.tensor(x), mg.tensor(x), **{hint: True})
    mask = np.triu(np.full((3, 3), -np.inf), 1)
    name = hint.replace("is_causal", "mask")
    want = theirs(torch.tensor(x), torch.tensor(x), **{hint: True, name: torch.tensor(mask)})
    got = ours(mg.tensor(x), mg.tensor(x), **{hint: True, name: mg.tensor(mask)})
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), atol=1e-12)
