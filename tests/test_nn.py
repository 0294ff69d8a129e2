"""Laws of the modules, and what they say when they are misused."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import nn
import nn.functional as F


class Scale(nn.Module):
    """A subclass that does not call super().__init__()."""

    def __init__(self) -> None:
        self.factor = nn.Parameter(2.0)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.factor * x


# Modules.


def test_attributes_are_the_tree_in_order_of_assignment() -> None:
    net = nn.Module()
    net.b, net.a = Scale(), nn.Parameter([1.0])
    net.list = nn.ModuleList([nn.Linear(2, 3), net.b])
    assert [n for n, _ in net.named_parameters()] == [
        "a",
        "b.factor",
        "list.0.weight",
        "list.0.bias",
    ]
    assert [n for n, _ in net.named_modules()] == ["", "b", "list", "list.0"]
    assert list(net.state_dict()) == [
        "a",
        "b.factor",
        "list.0.weight",
        "list.0.bias",
        "list.1.factor",
    ]
    net.b = None
    assert [n for n, _ in net.named_children()] == ["list"]


def test_state_dict_survives_a_round_trip_and_shares_memory() -> None:
    a, b = nn.LSTM(3, 4), nn.LSTM(3, 4)
    assert b.load_state_dict(a.state_dict()) == ([], [])
    assert all(mg.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    a.state_dict()["bias_ih_l0"].zero_()
    assert not a.bias_ih_l0.detach().numpy().any()
    a.load_state_dict({name: np.ones(t.shape) for name, t in b.state_dict().items()})
    assert a.weight_ih_l0.dtype == mg.float32


def test_load_state_dict_says_all_that_is_wrong_at_once_and_changes_nothing() -> None:
    linear = nn.Linear(2, 3)
    before = linear.weight.tolist()
    bad = {"weight": np.zeros((3, 2)), "bias": np.zeros(4), "extra": np.zeros(1)}
    with pytest.raises(
        RuntimeError,
        match=r"^Linear.load_state_dict: expected bias of shape \(3,\), got \(4,\); unexpected ext",
    ):
        linear.load_state_dict(bad)
    with pytest.raises(
        RuntimeError,
        match="^Linear.load_state_dict: missing weight, bias; unexpected other$",
    ):
        linear.load_state_dict({"other": np.zeros(1)})
    with pytest.raises(RuntimeError, match="expected bias of shape"):
        linear.load_state_dict(bad, strict=False)
    assert linear.weight.tolist() == before
    assert linear.load_state_dict({"weight": np.zeros((3, 2)), "other": 1.0}, strict=False) == (
        ["bias"],
        ["other"],
    )


def test_modes_and_dtypes_reach_the_whole_tree() -> None:
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Linear(2, 2)))
    net.register_buffer("steps", mg.tensor([1, 2]))
    net.register_buffer("unsaved", mg.tensor([1.0]), persistent=False)
    weight = net[1][0].weight
    net[1][0](mg.ones(1, 2)).sum().backward()
    assert net.eval().double() is net and not net[0].training
    assert net[1][0].weight is weight and weight.dtype == weight.grad.dtype == mg.float64
    assert net.steps.dtype == mg.int64 and net.unsaved.dtype == mg.float64
    assert "steps" in net.state_dict() and "unsaved" not in net.state_dict()
    assert net.train().float().to("cpu")[0].training and weight.dtype == mg.float32
    net.zero_grad()
    assert weight.grad is None
    net.requires_grad_(False)
    assert not net(mg.ones(1, 2)).requires_grad


def test_a_copy_of_a_module_is_its_own() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert isinstance(twin[0].weight, nn.Parameter) and twin[0].weight.requires_grad
        assert mg.equal(twin[0].weight, net[0].weight)
        twin[0].weight.detach().zero_()
        assert net[0].weight.detach().numpy().any()


def test_containers() -> None:
    a, b, c = nn.Linear(1, 2), nn.Tanh(), nn.Linear(2, 1)
    net = nn.Sequential(a, b).append(c)
    assert len(net) == 3 and net[-1] is c and list(net) == [a, b, c] and list(net[1:]) == [b, c]
    assert list(nn.Sequential({"first": a, "last": c}).state_dict())[0] == "first.weight"
    assert list(nn.ModuleList([a]).extend([b, c])[::2]) == [a, c]


def test_modules_say_what_they_are() -> None:
    assert repr(nn.Parameter([1.0])) == "Parameter containing:\ntensor([1.], requires_grad=True)"
    assert repr(nn.LockedDropout(0.25, True)) == "LockedDropout(p=0.25, batch_first=True)"
    assert (
        repr(nn.Sequential(nn.Linear(2, 3)))
        .splitlines()[1]
        .strip()
        .startswith("(0): Linear(in_features=2")
    )


def test_parameters_may_be_registered_and_moved() -> None:
    net = nn.Module()
    net.register_parameter("w", nn.Parameter([1.0]))
    net.register_parameter("b", None)
    assert [n for n, _ in net.named_parameters()] == ["w"] and net.b is None and net.cpu() is net
    if not mg.cuda.is_available():
        for device in (None, 0, "cuda:0", mg.device("cuda", 0)):
            with pytest.raises(RuntimeError, match="no GPU can be used here"):
                net.cuda(device)


def test_a_parameter_knows_of_changes_of_the_memory_it_shares() -> None:
    data = mg.tensor([1.0, 2.0])
    parameter = nn.Parameter(data)
    square = (parameter * parameter).sum()
    data.zero_()
    with pytest.raises(RuntimeError, match="changed in place"):
        square.backward()


def test_a_cast_never_changes_an_integer() -> None:
    net = nn.Module()
    net.register_buffer("steps", mg.tensor([2**53 + 1]))
    assert net.float().steps.tolist() == [2**53 + 1]
    with pytest.raises(TypeError, match="Module.to: expected a dtype of floats, got int64"):
        net.to(mg.int64)


def test_a_deleted_buffer_is_not_saved() -> None:
    linear = nn.Linear(1, 1)
    linear.register_buffer("steps", mg.ones(1))
    del linear.steps
    assert list(linear.state_dict()) == ["weight", "bias"] and not list(linear.buffers())


def test_a_child_cannot_contain_its_parent() -> None:
    parent, child = nn.Sequential(), nn.Sequential(nn.Linear(1, 1))
    parent.child = child
    with pytest.raises(ValueError, match="Sequential.parent: .* contains this module; keep a par"):
        child.parent = parent
    with pytest.raises(ValueError, match="contains this module"):
        parent.append(parent)
    assert list(parent.state_dict()) == ["child.0.weight", "child.0.bias"]


def test_names_never_collide_in_a_state_dict() -> None:
    with pytest.raises(KeyError, match="expected a name without a dot and not empty, got 'a.b'"):
        nn.Sequential({"a.b": nn.Linear(1, 1), "a": nn.Sequential({"b": nn.Linear(1, 1)})})
    rest = nn.Sequential(nn.Tanh(), nn.ReLU())[1:]
    with pytest.raises(KeyError, match="Sequential.append: the name '1' is taken"):
        rest.append(nn.Tanh())


NOT_SUPPORTED = {
    "mse_loss: weight": lambda x: F.mse_loss(x, x, weight=x),
    "scaled_dot_product_attention: enable_gqa": lambda x: F.scaled_dot_product_attention(
        x, x, x, enable_gqa=True
    ),
    "Linear.load_state_dict: assign": lambda x: nn.Linear(1, 1).load_state_dict({}, assign=True),
}


@pytest.mark.parametrize("words", NOT_SUPPORTED)
def test_what_pytorch_has_and_nn_lacks_is_refused_by_name(words: str) -> None:
    with pytest.raises(NotImplementedError, match=f"^{words}.* not supported; "):
        NOT_SUPPORTED[words](mg.ones(2, 3))


@pytest.mark.parametrize("name", ["elu", "leaky_relu", "silu", "softplus", "logsigmoid", "dropout"])
def test_a_function_wants_a_tensor(name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}: expected a Tensor as input, got a list; make"):
        getattr(F, name)([1.0, 2.0])


def test_misuse_of_modules() -> None:
    linear = nn.Linear(2, 3)
    with pytest.raises(
        TypeError, match=r"Linear.weight: expected a Parameter or None, got a Tensor.*nn.Parameter"
    ):
        linear.weight = linear.weight * 2
    with pytest.raises(NotImplementedError, match="Module has no forward method"):
        nn.Module()(1)
    with pytest.raises(RuntimeError, match="int64"):
        nn.Parameter([1, 2])
    with pytest.raises(ValueError, match="^gelu: expected approximate 'none' or 'tanh', got 'no'"):
        nn.GELU("no")(mg.ones(2))


# Embedding.


@given(ids=st.lists(st.integers(0, 4), max_size=8), padding=st.integers(0, 4))
def test_the_padding_row_is_zero_and_gets_no_gradient(ids: list[int], padding: int) -> None:
    embedding = nn.Embedding(5, 3, padding_idx=padding)
    assert not embedding.weight[padding].detach().numpy().any()
    embedding(mg.tensor(np.array(ids, dtype=np.int64))).sum().backward()
    want = np.bincount([i for i in ids if i != padding], minlength=5)
    np.testing.assert_array_equal(embedding.weight.grad.numpy(), np.tile(want[:, None], 3))


def test_misuse_of_embedding() -> None:
    embedding = nn.Embedding(5, 3)
    for ids in ([5], [-1], [0, 7]):
        with pytest.raises(IndexError, match="expected rows 0 to 4, got values from"):
            embedding(mg.tensor(ids))
    with pytest.raises(
        TypeError, match=r"embedding.*expected .*integers.* got float32; use \.long\(\)"
    ):
        embedding(mg.ones(2))
    with pytest.raises(ValueError, match="Embedding: expected padding_idx between -5 and 4, got 5"):
        nn.Embedding(5, 3, padding_idx=5)


# Dropout.


@given(p=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), shape=st.lists(st.integers(0, 5), max_size=3))
def test_dropout_gives_zero_or_the_scaled_value(p: float, shape: list[int]) -> None:
    x = mg.randn(*shape) if shape else mg.tensor(1.5)
    x.requires_grad_()
    y = nn.Dropout(p)(x)
    kept = y.detach().numpy() != 0
    np.testing.assert_allclose(
        y.detach().numpy(), np.where(kept, x.detach().numpy() / (1 - p or 1), 0), rtol=1e-6
    )
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), kept / (1 - p or 1), rtol=1e-6)
    assert y.dtype == mg.float32
    assert nn.Dropout(p).eval()(x) is x


def test_dropout_drops_a_share_p_and_keeps_the_mean() -> None:
    y = nn.Dropout(0.3)(mg.ones(100, 1000)).numpy()
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.01)


@given(batch_first=st.booleans())
def test_locked_dropout_has_one_mask_for_all_steps_and_a_fresh_one_each_call(
    batch_first: bool,
) -> None:
    dropout = nn.LockedDropout(0.5, batch_first)
    x = mg.ones(4, 6, 50)
    masks = [dropout(x).numpy() for _ in range(2)]
    for mask in masks:
        time = mask if not batch_first else mask.transpose(1, 0, 2)
        assert (time == time[0]).all() and len({row.tobytes() for row in time[0]}) > 1
    assert (masks[0] != masks[1]).any()
    assert dropout.eval()(x) is x


def test_misuse_of_dropout() -> None:
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match=f"Dropout: expected p between 0 and 1, got {p}"):
            nn.Dropout(p)
        with pytest.raises(ValueError, match=f"dropout: expected p between 0 and 1, got {p}"):
            F.dropout(mg.ones(2), p)


# Initial values.


@given(rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_orthogonal_rows_or_columns_are_orthonormal(rows: int, columns: int) -> None:
    q = nn.init.orthogonal_(mg.zeros(rows, columns, dtype=mg.float64), gain=2.0).numpy()
    gram = q @ q.T if rows <= columns else q.T @ q
    np.testing.assert_allclose(gram, 4 * np.eye(min(rows, columns)), atol=1e-12)


def test_initial_values_have_the_stated_bounds_and_variance() -> None:
    t = mg.zeros(300, 200)
    for name, std in (
        ("xavier_uniform_", (2 / 500) ** 0.5),
        ("xavier_normal_", (2 / 500) ** 0.5),
        ("kaiming_uniform_", (2 / 200) ** 0.5),
        ("kaiming_normal_", (2 / 200) ** 0.5),
        ("trunc_normal_", 0.8796),  # of a normal distribution cut off at 2
        ("normal_", 1.0),
        ("uniform_", 12**-0.5),
    ):
        assert getattr(nn.init, name)(t) is t
        assert t.numpy().std() == pytest.approx(std, rel=0.02), name
    assert nn.init.kaiming_uniform_(
        t, mode="fan_out", nonlinearity="linear"
    ).numpy().std() == pytest.approx(300**-0.5, rel=0.02)
    assert nn.init.constant_(t, 3.0).tolist() == nn.init.ones_(t).mul(3.0).tolist()
    assert not nn.init.zeros_(t).numpy().any()
    assert nn.init.eye_(mg.ones(2, 3)).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    cut = nn.init.trunc_normal_(t, 1.0, 2.0, a=0.5, b=1.5).numpy()
    assert 0.5 <= cut.min() < 0.51 and 1.49 < cut.max() <= 1.5
    with pytest.raises(
        ValueError, match="^trunc_normal_: expected finite a below b, with the mean"
    ):
        nn.init.trunc_normal_(t, a=9.0, b=10.0)
    with pytest.raises(ValueError, match="^eye_: expected a matrix, got .2, 2, 2."):
        nn.init.eye_(mg.ones(2, 2, 2))


def test_initial_values_do_not_depend_on_the_dtype() -> None:
    values = []
    for dtype in (mg.float32, mg.float64):
        mg.manual_seed(3)
        mg.set_default_dtype(dtype)
        values.append(nn.LSTM(2, 3).weight_hh_l0.detach().numpy().astype(np.float32))
        mg.set_default_dtype(mg.float32)
    np.testing.assert_array_equal(*values)


@pytest.mark.parametrize(
    "make",
    [lambda **s: nn.LSTM(3, 50, 2, bidirectional=True, **s), lambda **s: nn.LSTMCell(3, 50, **s)],
)
def test_forget_bias_is_the_sum_of_both_biases(make: Any) -> None:
    layer, H = make(forget_bias=1.5), 50
    biases = {n: p.detach().numpy() for n, p in layer.named_parameters() if n.startswith("bias")}
    for name, bias in biases.items():
        if "_ih" in name:
            both = bias + biases[name.replace("_ih", "_hh")]
            np.testing.assert_allclose(both[H : 2 * H], 1.5)
            assert abs(both[:H]).max() < 2 / H**0.5 and both[:H].any()


def test_chrono_spreads_the_memory_over_the_task() -> None:
    layer, H = nn.LSTM(3, 200, chrono=100), 200
    both = layer.bias_ih_l0.detach().numpy() + layer.bias_hh_l0.detach().numpy()
    spans = np.exp(both[H : 2 * H])
    assert 1 <= spans.min() < 10 and 90 < spans.max() <= 99
    np.testing.assert_array_equal(both[:H], -both[H : 2 * H])
    assert not nn.init.chrono_(nn.LSTMCell(3, 4), 50).bias_hh.detach().numpy()[:8].any()


def test_chrono_opens_the_gate_that_keeps_a_grus_state() -> None:
    layer, H = nn.GRU(3, 200, chrono=100, bidirectional=True), 200
    usual = layer.bias_ih_l0.detach().numpy()[:H]
    assert abs(usual).max() <= 1 / np.sqrt(H)  # r is as it was
    for end in ("l0", "l0_reverse"):
        both = (
            (getattr(layer, f"bias_ih_{end}") + getattr(layer, f"bias_hh_{end}")).detach().numpy()
        )
        spans = np.exp(both[H : 2 * H])
        assert 1 <= spans.min() < 10 and 90 < spans.max() <= 99


def test_misuse_of_initialisers() -> None:
    with pytest.raises(
        ValueError, match=r"^xavier_normal_: expected a tensor with fan in and out, .*, got \(3,\)"
    ):
        nn.init.xavier_normal_(mg.zeros(3))
    with pytest.raises(ValueError, match="expected mode 'fan_in' or 'fan_out', got 'fan'"):
        nn.init.kaiming_uniform_(mg.zeros(2, 2), mode="fan")
    with pytest.raises(ValueError, match="LSTM: expected chrono above 2, .* got 2"):
        nn.LSTM(3, 4, chrono=2)
    with pytest.raises(
        TypeError, match="^forget_bias_: expected an LSTM or LSTMCell with bias=True, got GRU"
    ):
        nn.init.forget_bias_(nn.GRU(3, 4), 1.0)
    with pytest.raises(TypeError, match="bias=True"):
        nn.LSTM(3, 4, bias=False, forget_bias=1.0)
    with pytest.raises(ValueError, match="give one of them"):
        nn.LSTM(3, 4, forget_bias=1.0, chrono=10)
    with pytest.raises(
        ValueError, match="expected a nonlinearity among leaky_relu, .*, got 'swish'"
    ):
        nn.init.calculate_gain("swish")
