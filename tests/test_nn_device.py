"""The same training on a device that refuses what CuPy refuses, and on a GPU where there is one."""

from typing import Any

import numpy as np
import pytest
import strict_device  # noqa: F401  makes device="strict" work

import minigrad as mg
import nn
from minigrad.array import NAMESPACES
from minigrad.random import generator
from nn import optim

DEVICES = ["strict", pytest.param("cuda", marks=pytest.mark.gpu)]


class Classifier(nn.Module):
    """Everything once: embedding with padding, dropout, two directions, attention, layer norm."""

    def __init__(self, kind: str):
        self.embedding = nn.Embedding(9, 6, padding_idx=0)
        self.dropout = nn.LockedDropout(0.2)
        self.rnn = getattr(nn, kind)(6, 4, num_layers=2, dropout=0.1, bidirectional=True)
        self.attention = nn.MultiheadAttention(8, 2)
        self.norm = nn.LayerNorm(8)
        self.pooling = nn.AttentionPooling(8)
        self.head = nn.Sequential(nn.Linear(8, 5), nn.ELU(), nn.Softplus(), nn.Linear(5, 3))

    def forward(self, ids: mg.Tensor, lengths: Any) -> mg.Tensor:
        padding = ids.T == 0  # (B,T)
        output, _ = self.rnn(self.dropout(self.embedding(ids)), lengths=lengths)
        attended, _ = self.attention(output, output, output, key_padding_mask=padding)
        pooled, _ = self.pooling(self.norm(output + attended).transpose(0, 1), padding)
        return self.head(pooled)


def masks_of_a_gpu(x: Any, shape: tuple[int, ...], p: float) -> Any:
    """The dropout masks that a GPU draws, by NumPy: SplitMix64 at i, with a key of the host."""
    bits = np.uint64(generator().integers(2**63)) + np.arange(
        1, np.prod(shape, dtype=int) + 1, dtype=np.uint64
    ) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = (bits ^ bits >> np.uint64(shift)) * np.uint64(factor)
    share = (bits ^ bits >> np.uint64(31)) >> np.uint64(40)
    kept = np.where(share / 2**24 >= p, 1 / ((1 - p) or 1), 0.0)
    return mg.array.to_device(kept.reshape(shape).astype(x.dtype), mg.array.device_of(x))


def has_kernels(device: str) -> bool:
    return hasattr(NAMESPACES[type(mg.ones(1, device=device).array)], "kernels")


def losses(device: str, kind: str, make: Any) -> list[float]:
    """The losses of five steps, as the seed makes them."""
    mg.manual_seed(0)
    model = Classifier(kind).to(device)
    ids = nn.utils.rnn.pad_sequence([mg.randint(1, 9, (n,)) for n in (5, 2, 4, 1)]).to(device)
    data = nn.data.TensorDataset(
        ids.T, mg.tensor([5, 2, 4, 1], device=device), mg.tensor([0, 2, 1, -100], device=device)
    )
    criterion = nn.CrossEntropyLoss(mg.tensor([1.0, 2.0, 0.5], device=device), label_smoothing=0.1)
    optimizer, found = make(model.parameters()), []
    for _ in range(3):
        for x, lengths, y in nn.data.DataLoader(data, 2, shuffle=True, drop_last=True):
            optimizer.zero_grad()
            loss = criterion(model(x.T, lengths), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
            nn.utils.clip_grad_value_(model.parameters(), 0.5)
            optimizer.step()
            found.append(loss.item())
    model.load_state_dict(Classifier(kind).state_dict())
    optimizer.load_state_dict(optimizer.state_dict())
    return found


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("RNN", lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True)),
        ("LSTM", lambda p: optim.Adam(p, 0.01)),
        ("GRU", lambda p: optim.RMSprop(p, centered=True, momentum=0.5)),
        ("LSTM", lambda p: optim.AdamW(p, 0.01)),
        ("GRU", lambda p: optim.Adagrad(p, maximize=True)),
    ],
)
def test_training_gives_the_same_numbers(
    device: str, kind: str, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = losses(device, kind, make)
    if has_kernels(device):
        monkeypatch.setattr("nn.functional.layers.dropout_mask", masks_of_a_gpu)
    np.testing.assert_allclose(found, losses("cpu", kind, make), rtol=1e-4)


@pytest.mark.parametrize("device", DEVICES)
def test_cells_gates_and_losses(device: str) -> None:
    x = mg.randn(4, 3, 2, device=device, requires_grad=True)
    for cell in (
        nn.PeepholeLSTMCell(2, 3, forget_bias=1.0),
        nn.GRUCell(2, 3, reset_after=False),
        nn.RNNCell(2, 3),
    ):
        hs, _ = nn.unroll(cell.to(device), x, lengths=[4, 1, 3], dropout=0.5)
        nn.functional.huber_loss(hs, mg.zeros(4, 3, 3, device=device)).backward()
    found = nn.gates(nn.LSTM(2, 3, bidirectional=True, chrono=9).to(device), x, lengths=[4, 1, 3])
    assert found["l0_reverse"]["f"].device.type == device
    y = nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    nn.functional.binary_cross_entropy_with_logits(y, (y > 0).float()).backward()
    nn.init.orthogonal_(mg.zeros(3, 2, device=device))
    assert nn.functional.one_hot(mg.tensor([0, 2], device=device)).tolist() == [
        [1, 0, 0],
        [0, 0, 1],
    ]
    assert nn.functional.pad(x, (1, 1, 0, -1)).device.type == device


def test_a_checkpoint_of_a_device_is_read_on_the_cpu(tmp_path: Any) -> None:
    model = nn.Linear(2, 3).to("strict")
    nn.io.save(model.state_dict(), tmp_path / "weights")
    nn.Linear(2, 3).load_state_dict(nn.io.load(tmp_path / "weights"))
