"""Laws of losses, attention, batches and files, and what they say when they are misused."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import nn
import nn.functional as F

# Losses.


def test_padding_a_batch_never_changes_the_loss() -> None:
    x, y = mg.randn(4, 5), mg.tensor([0, 3, 1, 4])
    padded, targets = mg.cat([x, mg.randn(3, 5)]), mg.tensor([0, 3, 1, 4, -100, -100, -100])
    for settings in ({}, {"label_smoothing": 0.1}, {"weight": mg.rand(5)}):
        assert F.cross_entropy(padded, targets, **settings).item() == pytest.approx(
            F.cross_entropy(x, y, **settings).item()
        )


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_cross_entropy_is_its_composition(reduction: str, classes: int) -> None:
    """Also with one class alone, where a row to ignore has no other to take its place."""
    x = mg.randn(4, classes, dtype=mg.float64)
    settings = {"reduction": reduction, "ignore_index": -100}
    op, targets = mg.byhand.softmax_cross_entropy, mg.tensor([0, -100, classes - 1, 0])
    np.testing.assert_allclose(
        op(x, targets, **settings), op.composed(x, targets, **settings), atol=1e-12
    )


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_losses_do_not_overflow(size: float) -> None:
    x = mg.full((3,), size, requires_grad=True)
    for loss in (
        F.binary_cross_entropy_with_logits(x, mg.tensor([0.0, 0.5, 1.0])),
        F.cross_entropy(x, mg.tensor(1)),
        F.softplus(x).sum(),
        F.logsigmoid(x).sum(),
        F.elu(x).sum(),
        F.silu(x).sum(),
    ):
        loss.backward()
        assert np.isfinite(loss.item()) and np.isfinite(x.grad.numpy()).all()


def test_misuse_of_losses() -> None:
    with pytest.raises(
        ValueError,
        match=r"mse_loss: expected a target of the input's shape \(3, 1\), got \(3,\); reshape",
    ):
        F.mse_loss(mg.ones(3, 1), mg.ones(3))
    for name in ("mse_loss", "l1_loss", "huber_loss", "binary_cross_entropy_with_logits"):
        with pytest.raises(
            ValueError, match=f"^{name}: expected reduction 'mean', 'sum' or 'none', got 'avg'$"
        ):
            getattr(F, name)(mg.ones(3), mg.ones(3), reduction="avg")
    for name in ("nll_loss", "cross_entropy"):
        with pytest.raises(
            ValueError, match=f"^{name}: expected reduction 'mean', 'sum' or 'none', got 'avg'$"
        ):
            getattr(F, name)(mg.ones(3, 4), mg.tensor([0, 1, 2]), reduction="avg")
    with pytest.raises(TypeError, match="l1_loss: expected .* as size_average, got 'sum'; give"):
        F.l1_loss(mg.ones(3), mg.ones(3), "sum")  # in PyTorch the third is size_average too
    with pytest.raises(
        ValueError,
        match=r"cross_entropy: expected target \(3,\) of integers for input \(3, 4\), got \(2,\)",
    ):
        F.cross_entropy(mg.ones(3, 4), mg.tensor([1, 2]))
    with pytest.raises(IndexError, match="expected classes 0 to 3, got values from 0 to 4"):
        nn.CrossEntropyLoss()(mg.ones(2, 4), mg.tensor([0, 4]))
    with pytest.raises(
        IndexError, match="^nll_loss: targets: expected classes 0 to 3, got values from 0 to 4$"
    ):
        F.nll_loss(mg.ones(2, 4), mg.tensor([0, 4]))
    with pytest.raises(ValueError, match="expected reduction 'none', 'sum' or 'mean', got 'avg'"):
        mg.byhand.softmax_cross_entropy(mg.ones(2, 4), mg.tensor([0, 1]), reduction="avg")
    with pytest.raises(TypeError, match=r"expected integer targets, got float32; use \.long\(\)"):
        mg.byhand.softmax_cross_entropy(mg.ones(2, 4), mg.ones(2))
    with pytest.raises(IndexError, match="expected classes 0 to 3, got values from -1 to 1"):
        F.cross_entropy(mg.ones(2, 4), mg.tensor([-1, 1]))
    with pytest.raises(ValueError, match="binary_cross_entropy: .* between 0 and 1, got 1.5;"):
        F.binary_cross_entropy(mg.tensor([0.5, 1.5]), mg.ones(2))
    with pytest.raises(ValueError, match=r"prelu: expected weight \(1,\) or \(3,\), got \(2,\)"):
        F.prelu(mg.ones(2, 3), mg.ones(2))
    with pytest.raises(ValueError, match=r"glu: expected an even size at dim 1, got \(2, 3\)"):
        F.glu(mg.ones(2, 3))
    with pytest.raises(
        ValueError, match=r"bilinear: expected .* got \(2,\), \(3,\) and \(1, 3, 2\)"
    ):
        F.bilinear(mg.ones(2), mg.ones(3), mg.ones(1, 3, 2))
    with pytest.raises(
        ValueError, match=r"layer_norm: expected an input whose last sizes are \(4,\), got \(2, 3\)"
    ):
        nn.LayerNorm(4)(mg.ones(2, 3))
    with pytest.raises(
        IndexError, match="^one_hot: expected classes 0 to 2, got values from 0 to 3$"
    ):
        F.one_hot(mg.tensor([0, 3]), 3)
    with pytest.raises(ValueError, match=r"layer_norm: expected weight \(4,\), got \(1,\)"):
        F.layer_norm(mg.ones(2, 4), (4,), mg.ones(1))
    with pytest.raises(ValueError, match=r"cross_entropy: expected weight \(4,\).* got \(5,\)"):
        F.cross_entropy(mg.ones(2, 4), mg.tensor([0, 1]), mg.ones(5))
    with pytest.raises(ValueError, match="cross_entropy: expected label_smoothing between 0 and 1"):
        F.cross_entropy(mg.ones(2, 4), mg.tensor([0, 1]), label_smoothing=1.5)
    with pytest.raises(
        ValueError, match=r"expected pos_weight to broadcast to \(3,\), got \(2, 1\)"
    ):
        F.binary_cross_entropy_with_logits(mg.ones(3), mg.ones(3), pos_weight=mg.ones(2, 1))
    with pytest.raises(TypeError, match="mse_loss: expected a Tensor as target, got float64"):
        F.mse_loss(mg.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="pad: cannot cut 2 and 1 from dim 0 of size 2"):
        F.pad(mg.ones(2), (-2, -1))
    with pytest.raises(NotImplementedError, match="pad: mode='reflect' is not supported"):
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
        assert (
            not x.grad[0].numpy().any()
            and np.isfinite(x.grad.numpy()).all()
            and x.grad[1].numpy().any()
        )
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
        np.testing.assert_allclose(
            alone.detach().numpy(), padded.detach().numpy(), rtol=1e-5, atol=1e-6
        )


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
    with pytest.raises(
        ValueError, match="expected embed_dim to be a multiple of num_heads, got 4 and 3"
    ):
        nn.MultiheadAttention(4, 3)
    nn.MultiheadAttention(4, 2, 0.0, True, False, False, None, 4, True, None, None)
    for settings in ({"kdim": 3}, {"vdim": 5}, {"add_bias_kv": True}, {"add_zero_attn": True}):
        (key,) = settings
        with pytest.raises(
            NotImplementedError, match=f"^MultiheadAttention: {key}=.* is not supported"
        ):
            nn.MultiheadAttention(4, 2, **settings)
    attention = nn.MultiheadAttention(4, 2)  # x is (L,B,E) = (2,3,4)
    mask = mg.zeros(1, 2) > 0
    for call, words in (
        (lambda: attention(x, x, mg.ones(2, 3, 5)), r"value of 3 dim.* size 4, got \(2, 3, 5\)"),
        (lambda: attention(x, x[0], x[0]), r"key of 3 dimensions, .*, got \(3, 4\)"),
        (
            lambda: attention(x, x, x[:1]),
            r"key and value of one shape, got \(2, 3, 4\) and \(1, 3, 4\)",
        ),
        (lambda: attention(x, x[:, :1], x[:, :1]), "query and key of one batch size, got 3 and 1"),
        (lambda: attention(x, x, x, mask), r"key_padding_mask of shape \(3, 2\), got \(1, 2\)"),
        (
            lambda: attention(x, x, x, attn_mask=mask),
            r"attn_mask of shape \(2, 2\) or \(6, 2, 2\), got \(1, 2\)",
        ),
        (
            lambda: nn.AdditiveAttention(4, 4, 5)(x, x[:1]),
            r"keys \(2, time, 4\) .*, got \(1, 3, 4\)",
        ),
        (lambda: nn.AdditiveAttention(4, 4, 5)(x, x, x[0]), r"values \(2, 3, size\), got \(3, 4\)"),
        (lambda: nn.AttentionPooling(5)(x), r"h \(batch, time, 5\), got \(2, 3, 4\)"),
    ):
        with pytest.raises(ValueError, match=f"^[A-Z][A-Za-z]+: expected {words}"):
            call()
    for call, words in (
        (
            lambda: attention(x, x, x.double()),
            "value of the parameters' dtype float32, got float64",
        ),
        (lambda: attention(x, x, x, attn_mask=mg.ones(2, 2).long()), "attn_mask of bool or floats"),
        (lambda: nn.AttentionPooling(4)(x, mg.ones(2, 3)), "key_padding_mask of bool, True where"),
        (lambda: attention([1.0], x, x), "a Tensor as query, got a list"),
    ):
        with pytest.raises(TypeError, match=f"^[A-Z][A-Za-z]+: expected {words}"):
            call()
    with pytest.raises(
        ValueError, match="^MultiheadAttention: expected attn_mask too where is_causal"
    ):
        nn.MultiheadAttention(4, 2)(x, x, x, is_causal=True)
    with pytest.raises(ValueError, match="expected attn_mask or is_causal, got both"):
        F.scaled_dot_product_attention(x, x, x, mg.ones(3, 3), is_causal=True)


# Data and files.


@given(
    count=st.integers(1, 7),
    batch_size=st.integers(1, 8),
    drop_last=st.booleans(),
    shuffle=st.booleans(),
)
def test_a_loader_gives_each_item_once(
    count: int, batch_size: int, drop_last: bool, shuffle: bool
) -> None:
    x = mg.arange(count)
    loader = nn.data.DataLoader(
        nn.data.TensorDataset(x, x * 10), batch_size, shuffle, drop_last=drop_last
    )
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
    ragged = nn.data.DataLoader(
        [mg.ones(n) for n in (1, 3)], 2, collate_fn=nn.utils.rnn.pad_sequence
    )
    assert [batch.tolist() for batch in ragged] == [[[1, 1], [0, 1], [0, 1]]]
    (batch,) = nn.data.DataLoader([{"x": mg.ones(2), "word": w} for w in "ab"], 2)
    assert batch["x"].tolist() == [[1, 1], [1, 1]] and batch["word"] == ["a", "b"]


EXCLUDING: list[tuple[Any, dict[str, Any], type[Exception]]] = [
    ([1], {"num_workers": -1}, ValueError),
    ([1], {"sampler": [0], "shuffle": True}, ValueError),
    ([1], {"batch_sampler": [[0]], "batch_size": 2}, ValueError),
    ([1], {"batch_sampler": [[0]], "drop_last": True}, ValueError),
    ([1], {"batch_size": None, "drop_last": True}, ValueError),
    ([1], {"sampler": 3}, TypeError),
    (nn.data.IterableDataset(), {"shuffle": True}, ValueError),
]


@pytest.mark.parametrize(("dataset", "settings", "error"), EXCLUDING)
def test_settings_of_a_loader_that_exclude_each_other(
    dataset: Any, settings: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match="^DataLoader: expected "):
        nn.data.DataLoader(dataset, **settings)


def test_a_loader_whose_order_is_not_its_own_has_no_state() -> None:
    for settings in ({"sampler": [0]}, {"batch_sampler": [[0]]}):
        loader = nn.data.DataLoader([1], **settings)
        for method, *state in ((loader.state_dict,), (loader.load_state_dict, {})):
            with pytest.raises(NotImplementedError, match="with a sampler, .* is not supported"):
                method(*state)


def test_a_loader_with_a_generator_of_its_own() -> None:
    mg.manual_seed(0)
    before = mg.random.generator().bit_generator.state
    loaders = []
    for _ in range(2):
        source = mg.Generator().manual_seed(5)
        loaders.append(nn.data.DataLoader(list(range(9)), 4, shuffle=True, generator=source))
    first, second = loaders
    whole = [batch.tolist() for batch in first]
    assert whole != [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    with pytest.raises(KeyboardInterrupt):
        for _ in second:
            raise KeyboardInterrupt
    again = nn.data.DataLoader(list(range(9)), 4, shuffle=True, generator=mg.Generator())
    again.load_state_dict(
        {**first.state_dict(), "random": np.random.default_rng(5).bit_generator.state}
    )
    assert [batch.tolist() for batch in again] == whole
    assert mg.random.generator().bit_generator.state == before


def test_misuse_of_data() -> None:
    with pytest.raises(
        ValueError,
        match=r"^TensorDataset: expected tensors of one length, got shapes \[\(3,\), \(2,\)\]",
    ):
        nn.data.TensorDataset(mg.ones(3), mg.ones(2))
    with pytest.raises(ValueError, match="^DataLoader: expected batch_size of at least 1, got 0"):
        nn.data.DataLoader([1], 0)
    with pytest.warns(UserWarning, match="^DataLoader: num_workers=2 starts no workers: batches a"):
        nn.data.DataLoader([1], num_workers=2, pin_memory=True, worker_init_fn=print, timeout=3)
    with pytest.raises(
        TypeError, match="expected a dataset with a length and items, got a generator"
    ):
        nn.data.DataLoader(i for i in range(3))
    with pytest.raises(
        ValueError, match=r"items of one shape, got \[\(1,\), \(2,\)\]; give a collate_fn"
    ):
        next(iter(nn.data.DataLoader([np.ones(1), np.ones(2)], 2)))
    with pytest.raises(TypeError, match="expected items of tensors, .*, got a object; give a"):
        next(iter(nn.data.DataLoader([object()])))
    with pytest.raises(NotImplementedError, match="Dataset has no items"):
        nn.data.Dataset()[0]
    with pytest.raises(NotImplementedError, match="IterableDataset has no items"):
        iter(nn.data.IterableDataset())
    with pytest.raises(NotImplementedError, match="Sampler has no order"):
        iter(nn.data.Sampler())
    with pytest.raises(ValueError, match=r"^random_split: .* add up to 3, .* got \[1, 1\]"):
        nn.data.random_split([1, 2, 3], [1, 1])
    with pytest.raises(ValueError, match="^ConcatDataset: expected at least one dataset"):
        nn.data.ConcatDataset([])
    with pytest.raises(IndexError, match="^ConcatDataset: index 3 is out of range for 3 items"):
        nn.data.ConcatDataset([[1, 2], [3]])[3]
    with pytest.raises(ValueError, match="^WeightedRandomSampler: .* at most 1, as many"):
        nn.data.WeightedRandomSampler([0, 2.0], 2, replacement=False)
    with pytest.raises(ValueError, match="^WeightedRandomSampler: expected weights of at least"):
        nn.data.WeightedRandomSampler([0, -1.0], 2)
    with pytest.raises(ValueError, match="^RandomSampler: expected num_samples of at least 1"):
        nn.data.RandomSampler([])
    with pytest.raises(ValueError, match="^pad_sequence: expected at least one sequence, got none"):
        nn.utils.rnn.pad_sequence([])


def test_a_nesting_is_saved_and_loaded_as_it_was(tmp_path: Any) -> None:
    tree = {
        "a": [mg.tensor([1.5, float("inf")]), (1, 2.5, None, True, "x")],
        3: {"b": np.arange(6).reshape(2, 3).T},
        "c": {},
    }
    nn.io.save(tree, tmp_path / "tree.safetensors")
    again = nn.io.load(tmp_path / "tree.safetensors")
    assert (
        list(again) == ["a", 3, "c"]
        and again["a"][1] == (1, 2.5, None, True, "x")
        and again["c"] == {}
    )
    assert again["a"][0].tolist() == [1.5, float("inf")] and again["a"][0].dtype == mg.float32
    assert again[3]["b"].tolist() == [[0, 3], [1, 4], [2, 5]]
    nn.io.save(mg.tensor(2.0), tmp_path / "one.safetensors")
    assert nn.io.load(tmp_path / "one.safetensors").item() == 2.0


def test_misuse_of_files(tmp_path: Any) -> None:
    with pytest.raises(TypeError, match="^save: expected dicts, .*, got a function as f"):
        nn.io.save({"f": lambda: 0}, tmp_path / "x")
    with pytest.raises(
        ValueError, match=r"^save: expected a key for each tensor, got 'a\.b' twice"
    ):
        nn.io.save({"a": {"b": mg.ones(1)}, "a.b": mg.ones(1)}, tmp_path / "x")


# Clipping.


def test_clipping_takes_a_generator_a_tensor_and_pytorchs_keywords() -> None:
    params = [nn.Parameter([3.0]), nn.Parameter([4.0]), nn.Parameter([1.0])]
    for p in params[:2]:
        p.grad = p.detach().clone()
    assert nn.utils.clip_grad_norm_((p for p in params), 2.5, foreach=False).item() == 5.0
    assert [p.grad.item() for p in params[:2]] == pytest.approx([1.5, 2.0])
    nn.utils.clip_grad_value_((p for p in params), mg.tensor(1.75), foreach=True)
    assert [p.grad.item() for p in params[:2]] == pytest.approx([1.5, 1.75])
    assert nn.utils.clip_grad_norm_(params[0], 9.0, math.inf).item() == pytest.approx(1.5)
    assert params[2].grad is None


def test_misuse_of_clipping() -> None:
    p = nn.Parameter([1.0])
    p.grad = mg.ones(1)
    for settings, kind, words in (
        ((3, 1.0), TypeError, "an iterable of parameters such as .*, got 3"),
        (([1.0], 1.0), TypeError, "a Tensor as each parameter, got 1.0"),
        ((p, "a"), TypeError, "a number as max_norm, got 'a'"),
        ((p, -1.0), ValueError, "max_norm of at least 0 and norm_type above 0, got -1.0 and 2.0"),
        (
            (p, 1.0, 0.0),
            ValueError,
            "max_norm of at least 0 and norm_type above 0, got 1.0 and 0.0",
        ),
    ):
        with pytest.raises(kind, match=f"^clip_grad_norm_: expected {words}"):
            nn.utils.clip_grad_norm_(*settings)
    assert p.grad.tolist() == [1.0]
