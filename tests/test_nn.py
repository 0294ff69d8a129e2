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
    assert [n for n, _ in net.named_parameters()] == ["a", "b.factor", "list.0.weight", "list.0.bias"]
    assert [n for n, _ in net.named_modules()] == ["", "b", "list", "list.0"]
    assert list(net.state_dict()) == ["a", "b.factor", "list.0.weight", "list.0.bias", "list.1.factor"]
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
        RuntimeError, match=r"Linear.*bias has shape \(4,\) where \(3,\) is wanted.*extra is unexpected"
    ):
        linear.load_state_dict(bad)
    with pytest.raises(RuntimeError, match="weight is missing, bias is missing, other is unexpected"):
        linear.load_state_dict({"other": np.zeros(1)})
    with pytest.raises(RuntimeError, match="bias has shape"):
        linear.load_state_dict(bad, strict=False)
    assert linear.weight.tolist() == before
    assert linear.load_state_dict({"weight": np.zeros((3, 2)), "other": 1.0}, strict=False) == (["bias"], ["other"])


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


def test_misuse_of_modules() -> None:
    linear = nn.Linear(2, 3)
    with pytest.raises(TypeError, match=r"Linear.weight is a Parameter and cannot become a Tensor.*nn.Parameter"):
        linear.weight = linear.weight * 2
    with pytest.raises(NotImplementedError, match="Module has no forward method"):
        nn.Module()(1)
    with pytest.raises(TypeError, match=r"Softmax: its settings are \['dim'\]"):
        nn.Softmax()
    with pytest.raises(TypeError, match="inplace"):
        nn.ReLU(inplace=True)
    with pytest.raises(RuntimeError, match="int64"):
        nn.Parameter([1, 2])
    with pytest.raises(NotImplementedError, match="approximate='none' needs erf"):
        nn.GELU()(mg.ones(2))


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
        with pytest.raises(IndexError, match="rows 0 to 4"):
            embedding(mg.tensor(ids))
    with pytest.raises(TypeError, match="ids must be integers"):
        embedding(mg.ones(2))
    with pytest.raises(ValueError, match="padding_idx 5 is not among the 5 rows"):
        nn.Embedding(5, 3, padding_idx=5)


# Dropout.


@given(p=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), shape=st.lists(st.integers(0, 5), max_size=3))
def test_dropout_gives_zero_or_the_scaled_value(p: float, shape: list[int]) -> None:
    x = mg.randn(*shape) if shape else mg.tensor(1.5)
    x.requires_grad_()
    y = nn.Dropout(p)(x)
    kept = y.detach().numpy() != 0
    np.testing.assert_allclose(y.detach().numpy(), np.where(kept, x.detach().numpy() / (1 - p or 1), 0), rtol=1e-6)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), kept / (1 - p or 1), rtol=1e-6)
    assert y.dtype == mg.float32
    assert nn.Dropout(p).eval()(x) is x


def test_dropout_drops_a_share_p_and_keeps_the_mean() -> None:
    y = nn.Dropout(0.3)(mg.ones(100, 1000)).numpy()
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.01)


@given(batch_first=st.booleans())
def test_locked_dropout_has_one_mask_for_all_steps_and_a_fresh_one_each_call(batch_first: bool) -> None:
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
        with pytest.raises(ValueError, match="is no probability"):
            nn.Dropout(p)
        with pytest.raises(ValueError, match="is no probability"):
            F.dropout(mg.ones(2), p)


# Initial values.


@given(rows=st.integers(1, 6), columns=st.integers(1, 6))
def test_orthogonal_rows_or_columns_are_orthonormal(rows: int, columns: int) -> None:
    q = nn.init.orthogonal_(mg.zeros(rows, columns, dtype=mg.float64), gain=2.0).numpy()
    gram = q @ q.T if rows <= columns else q.T @ q
    np.testing.assert_allclose(gram, 4 * np.eye(min(rows, columns)), atol=1e-12)


def test_initial_values_have_the_stated_bounds_and_variance() -> None:
    t = mg.zeros(300, 200)
    for name, std in (("xavier_uniform_", (2 / 500) ** 0.5), ("xavier_normal_", (2 / 500) ** 0.5),
                      ("kaiming_uniform_", (2 / 200) ** 0.5), ("normal_", 1.0), ("uniform_", 12**-0.5)):  # fmt: skip
        assert getattr(nn.init, name)(t) is t
        assert t.numpy().std() == pytest.approx(std, rel=0.02), name
    assert nn.init.kaiming_uniform_(t, mode="fan_out", nonlinearity="linear").numpy().std() == pytest.approx(
        300**-0.5, rel=0.02
    )
    assert nn.init.constant_(t, 3.0).tolist() == nn.init.ones_(t).mul(3.0).tolist()
    assert not nn.init.zeros_(t).numpy().any()


def test_initial_values_do_not_depend_on_the_dtype() -> None:
    values = []
    for dtype in (mg.float32, mg.float64):
        mg.manual_seed(3)
        mg.set_default_dtype(dtype)
        values.append(nn.LSTM(2, 3).weight_hh_l0.detach().numpy().astype(np.float32))
        mg.set_default_dtype(mg.float32)
    np.testing.assert_array_equal(*values)


@pytest.mark.parametrize(
    "make", [lambda **s: nn.LSTM(3, 50, 2, bidirectional=True, **s), lambda **s: nn.LSTMCell(3, 50, **s)]
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
    assert nn.init.chrono_(nn.LSTMCell(3, 4), 50).bias_hh.detach().numpy()[:8].any() == False  # noqa: E712


def test_misuse_of_initialisers() -> None:
    with pytest.raises(ValueError, match=r"xavier_normal_.*\(3,\) has no fan in and out"):
        nn.init.xavier_normal_(mg.zeros(3))
    with pytest.raises(ValueError, match="t_max = 2"):
        nn.LSTM(3, 4, chrono=2)
    with pytest.raises(TypeError, match="has no forget-gate bias"):
        nn.init.forget_bias_(nn.GRU(3, 4), 1.0)
    with pytest.raises(TypeError, match="bias=True"):
        nn.LSTM(3, 4, bias=False, forget_bias=1.0)
    with pytest.raises(ValueError, match="give one of them"):
        nn.LSTM(3, 4, forget_bias=1.0, chrono=10)
    with pytest.raises(ValueError, match="'swish' is unknown"):
        nn.init.calculate_gain("swish")


# Losses.


def test_padding_a_batch_never_changes_the_loss() -> None:
    x, y = mg.randn(4, 5), mg.tensor([0, 3, 1, 4])
    padded, targets = mg.cat([x, mg.randn(3, 5)]), mg.tensor([0, 3, 1, 4, -100, -100, -100])
    for settings in ({}, {"label_smoothing": 0.1}, {"weight": mg.rand(5)}):
        assert F.cross_entropy(padded, targets, **settings).item() == pytest.approx(
            F.cross_entropy(x, y, **settings).item()
        )


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_losses_do_not_overflow(size: float) -> None:
    x = mg.full((3,), size, requires_grad=True)
    for loss in (F.binary_cross_entropy_with_logits(x, mg.tensor([0.0, 0.5, 1.0])), F.cross_entropy(x, mg.tensor(1)),
                 F.softplus(x).sum(), F.logsigmoid(x).sum(), F.elu(x).sum(), F.silu(x).sum()):  # fmt: skip
        loss.backward()
        assert np.isfinite(loss.item()) and np.isfinite(x.grad.numpy()).all()


def test_misuse_of_losses() -> None:
    with pytest.raises(ValueError, match=r"mse_loss: input \(3, 1\) and target \(3,\) differ in shape"):
        F.mse_loss(mg.ones(3, 1), mg.ones(3))
    with pytest.raises(ValueError, match="reduction is 'mean', 'sum' or 'none', not 'avg'"):
        F.l1_loss(mg.ones(3), mg.ones(3), "avg")
    with pytest.raises(ValueError, match=r"cross_entropy: for input \(3, 4\) targets are integers of shape \(3,\)"):
        F.cross_entropy(mg.ones(3, 4), mg.tensor([1, 2]))
    with pytest.raises(IndexError, match="targets go from 0 to 4"):
        nn.CrossEntropyLoss()(mg.ones(2, 4), mg.tensor([0, 4]))
    with pytest.raises(TypeError, match="size_average"):
        nn.MSELoss(size_average=True)
    with pytest.raises(ValueError, match="layer_norm: the last dimensions of"):
        nn.LayerNorm(4)(mg.ones(2, 3))
    with pytest.raises(ValueError, match="one_hot: classes go from 0 to 3; 3 classes"):
        F.one_hot(mg.tensor([0, 3]), 3)
    with pytest.raises(ValueError, match="mode 'reflect'"):
        F.pad(mg.ones(3), (1, 1), "reflect")


# Attention.


def test_a_query_that_may_look_nowhere_gets_zeros_and_gives_zero_gradients() -> None:
    x = mg.randn(2, 3, 4, requires_grad=True)
    padding = mg.tensor([[True, True, True], [False, True, False]])
    attention = nn.MultiheadAttention(4, 2, bias=False, batch_first=True)
    for output, weights in (
        attention(x, x, x, key_padding_mask=padding),
        nn.AdditiveAttention(4, 4, 5)(x, x, key_padding_mask=padding),
        nn.AttentionPooling(4)(x, padding),
    ):
        x.grad = None
        (output * mg.randn(*output.shape)).sum().backward()
        assert not output[0].detach().numpy().any() and not weights[0].detach().numpy().any()
        assert not x.grad[0].numpy().any() and np.isfinite(x.grad.numpy()).all() and x.grad[1].numpy().any()
        assert not weights[1, ..., 1].detach().numpy().any()
        np.testing.assert_allclose(weights[1].detach().numpy().sum(-1), 1, rtol=1e-5)
    forbidden = mg.tensor([[False] * 3, [True] * 3, [True] * 3])
    y = F.scaled_dot_product_attention(x, x, x, forbidden)
    assert not y[:, 0].detach().numpy().any() and y[:, 1:].detach().numpy().all()


def test_padding_does_not_change_attention() -> None:
    h, more = mg.randn(2, 3, 4), mg.randn(2, 2, 4)
    padding = mg.tensor([[False] * 3 + [True] * 2] * 2)
    pooling, additive = nn.AttentionPooling(4), nn.AdditiveAttention(6, 4, 5)
    s = mg.randn(2, 6)
    for attend in (pooling, lambda h, *mask: additive(s, h, None, *mask)):
        alone, padded = attend(h)[0], attend(mg.cat([h, more], 1), padding)[0]
        np.testing.assert_allclose(alone.detach().numpy(), padded.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_additive_attention_is_the_papers_equation() -> None:
    attention = nn.AdditiveAttention(3, 4, 5)
    s, h = mg.randn(2, 3), mg.randn(2, 6, 4)
    W, U, v = (m.weight.detach().numpy() for m in (attention.W, attention.U, attention.v))
    c, a = attention(s, h)
    for b in range(2):
        e = np.array([v[0] @ np.tanh(W @ s.numpy()[b] + U @ h.numpy()[b, j]) for j in range(6)])
        α = np.exp(e) / np.exp(e).sum()
        np.testing.assert_allclose(a.detach().numpy()[b], α, rtol=1e-5)
        np.testing.assert_allclose(c.detach().numpy()[b], α @ h.numpy()[b], rtol=1e-4, atol=1e-6)
    many, weights = attention(s[:, None], h)
    assert tuple(many.shape) == (2, 1, 4) and tuple(weights.shape) == (2, 1, 6)
    np.testing.assert_allclose(many[:, 0].detach().numpy(), c.detach().numpy(), rtol=1e-6)


def test_misuse_of_attention() -> None:
    x = mg.ones(2, 3, 4)
    with pytest.raises(ValueError, match="embed_dim 4 does not divide among 3 heads"):
        nn.MultiheadAttention(4, 3)
    with pytest.raises(TypeError, match="kdim"):
        nn.MultiheadAttention(4, 2, kdim=3)
    with pytest.raises(ValueError, match=r"query, key, value of shapes .* the last of size 4"):
        nn.MultiheadAttention(4, 2)(x, x, mg.ones(2, 3, 5))
    with pytest.raises(ValueError, match="give the mask too"):
        nn.MultiheadAttention(4, 2)(x, x, x, is_causal=True)
    with pytest.raises(ValueError, match="attn_mask or is_causal, not both"):
        F.scaled_dot_product_attention(x, x, x, mg.ones(3, 3), is_causal=True)


# Data and files.


@given(count=st.integers(1, 7), batch_size=st.integers(1, 8), drop_last=st.booleans(), shuffle=st.booleans())
def test_a_loader_gives_each_item_once(count: int, batch_size: int, drop_last: bool, shuffle: bool) -> None:
    x = mg.arange(count)
    loader = nn.data.DataLoader(nn.data.TensorDataset(x, x * 10), batch_size, shuffle, drop_last=drop_last)
    batches = [(a.tolist(), b.tolist()) for a, b in loader]
    seen = [i for a, _ in batches for i in a]
    assert len(batches) == len(loader)
    assert all(b == [10 * i for i in a] for a, b in batches)
    whole = count - count % batch_size * drop_last
    assert len(seen) == whole == len(set(seen)) and (shuffle or seen == list(range(whole)))


def test_a_shuffled_loader_follows_the_seed_and_changes_from_pass_to_pass() -> None:
    loader = nn.data.DataLoader(nn.data.TensorDataset(mg.arange(50)), 50, shuffle=True)
    orders = []
    for seed in (1, 1, 2):
        mg.manual_seed(seed)
        orders.append([next(iter(loader))[0].tolist() for _ in range(2)])
    assert orders[0] == orders[1] != orders[2] and orders[0][0] != orders[0][1]


def test_a_loader_collates_any_dataset() -> None:
    items = [(mg.ones(2) * i, i, np.float64(i)) for i in range(3)]
    (x, i, f), _ = nn.data.DataLoader(items, 2)
    assert x.tolist() == [[0, 0], [1, 1]] and i.tolist() == [0, 1] and f.dtype == mg.float64
    ragged = nn.data.DataLoader([mg.ones(n) for n in (1, 3)], 2, collate_fn=nn.utils.rnn.pad_sequence)
    assert [batch.tolist() for batch in ragged] == [[[1, 1], [0, 1], [0, 1]]]


def test_misuse_of_data() -> None:
    with pytest.raises(ValueError, match=r"lengths \[3, 2\]"):
        nn.data.TensorDataset(mg.ones(3), mg.ones(2))
    with pytest.raises(ValueError, match="batch_size is 1 or more, not 0"):
        nn.data.DataLoader([1], 0)
    with pytest.raises(TypeError, match="num_workers"):
        nn.data.DataLoader([1], num_workers=2)
    with pytest.raises(ValueError, match="0 sequences"):
        nn.utils.rnn.pad_sequence([])


def test_a_nesting_is_saved_and_loaded_as_it_was(tmp_path: Any) -> None:
    tree = {
        "a": [mg.tensor([1.5, float("inf")]), (1, 2.5, None, True, "x")],
        3: {"b": np.arange(6).reshape(2, 3).T},
        "c": {},
    }
    nn.io.save(tree, tmp_path / "tree.safetensors")
    again = nn.io.load(tmp_path / "tree.safetensors")
    assert list(again) == ["a", 3, "c"] and again["a"][1] == (1, 2.5, None, True, "x") and again["c"] == {}
    assert again["a"][0].tolist() == [1.5, float("inf")] and again["a"][0].dtype == mg.float32
    assert again[3]["b"].tolist() == [[0, 3], [1, 4], [2, 5]]
    nn.io.save(mg.tensor(2.0), tmp_path / "one.safetensors")
    assert nn.io.load(tmp_path / "one.safetensors").item() == 2.0


def test_misuse_of_files(tmp_path: Any) -> None:
    with pytest.raises(TypeError, match="save: f is a function"):
        nn.io.save({"f": lambda: 0}, tmp_path / "x")
    with pytest.raises(ValueError, match=r"two tensors would have the key 'a\.b'"):
        nn.io.save({"a": {"b": mg.ones(1)}, "a.b": mg.ones(1)}, tmp_path / "x")
