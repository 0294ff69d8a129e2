"""A program written for PyTorch runs on minigrad with another import cell, and prints the same
wherever no random stream of the framework takes part."""

import contextlib
import io
import sys

import pytest

TORCH = """
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset
"""

MINIGRAD = """
import minigrad as torch, nn
import nn.optim as optim
from nn.data import DataLoader, TensorDataset
torch.nn = nn
"""

PROGRAM = """
import numpy as np

torch.manual_seed(7)
rng = np.random.default_rng(7)
device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
print(f"on {device}")


class Reader(nn.Module):
    def __init__(
        self, words, size, hidden, classes, kind='LSTM', layers=1, both=False, dropout=0.0
    ):
        super().__init__()
        self.embedding = nn.Embedding(words, size, padding_idx=0)
        self.rnn = getattr(nn, kind)(
            size, hidden, num_layers=layers, batch_first=True, bidirectional=both,
            dropout=dropout if layers > 1 else 0)
        self.norm = nn.LayerNorm(hidden * (2 if both else 1))
        self.fc = nn.Linear(hidden * (2 if both else 1), classes)
        self.dropout = nn.Dropout(dropout)
        self.both, self.kind = both, kind

    def forward(self, x):
        embedded = self.dropout(self.embedding(x))
        output, hidden = self.rnn(embedded)
        hidden = hidden[0] if self.kind == 'LSTM' else hidden
        last = torch.cat([hidden[-2], hidden[-1]], dim=1) if self.both else hidden[-1]
        return self.fc(self.dropout(self.norm(last)))


class Pooled(nn.Module):
    def __init__(self, words, size, hidden, classes):
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.lstm = nn.LSTM(size, hidden, batch_first=True, bidirectional=True)
        self.attention = nn.Linear(hidden * 2, 1)
        self.fc = nn.Linear(hidden * 2, classes)

    def forward(self, x):
        output, _ = self.lstm(self.embedding(x))
        weights = torch.softmax(self.attention(output).squeeze(-1), dim=1)
        context = torch.bmm(weights.unsqueeze(1), output).squeeze(1)
        return self.fc(context), weights


models = {
    'RNN': Reader(20, 6, 8, 3, kind='RNN'),
    'GRU': Reader(20, 6, 8, 3, kind='GRU', both=True),
    'LSTM': Reader(20, 6, 8, 3),
    'deep': Reader(20, 6, 8, 3, layers=3, both=True, dropout=0.25),
    'pooled': Pooled(20, 6, 8, 3),
}
x = torch.randint(0, 20, (4, 9))
print(x.shape, x.dtype == torch.int64)
for name, model in models.items():
    model.eval()
    with torch.no_grad():
        output = model(x)
    output = output if isinstance(output, torch.Tensor) else output[0]
    print(f"{name:8s} {sum(p.numel() for p in model.parameters()):,} {output.shape}")
print(models['deep'])
print(models['pooled'])
for name, value in models['deep'].state_dict().items():
    print(name, tuple(value.shape))

# Data and initial values are drawn by NumPy, so that both train on the same numbers.
inputs = torch.tensor(rng.integers(1, 20, (48, 9)))
inputs[:, 5:] = torch.zeros(48, 4, dtype=torch.int64)
targets = torch.tensor(inputs.numpy()[:, 0] % 3)
model = models['GRU'].to(device).train()
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.tensor(rng.standard_normal(tuple(p.shape)) * 0.3).float())
dataset = TensorDataset(inputs.to(device), targets.to(device))
loader = DataLoader(dataset, batch_size=16, shuffle=False)
optimizer = optim.Adam(model.parameters(), lr=0.01)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
criterion = nn.CrossEntropyLoss()
for epoch in range(5):
    total, right, seen = 0, 0, 0
    for batch, wanted in loader:
        optimizer.zero_grad()
        output = model(batch)
        loss = criterion(output, wanted)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
        right += (output.argmax(dim=1) == wanted).sum().item()
        seen += wanted.size(0)
    scheduler.step()
    print(f"epoch {epoch}: loss {total / len(loader):.4f}, {right / seen:.1%} right, "
          f"|g| {norm:.3f}, lr {scheduler.get_last_lr()[0]:g}")
model.eval()
with torch.no_grad():
    predictions = model(inputs.to(device)).argmax(dim=1)
    accuracy = (predictions == targets.to(device)).float().mean().item()
print(f"{accuracy:.1%}", predictions.cpu().numpy()[:10].tolist())
"""


def printed(imports: str) -> list[str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(imports + PROGRAM, "program", "exec"), {"__name__": "program"})
    return said.getvalue().splitlines()


@pytest.fixture
def as_it_was():
    """`torch.nn = nn` writes into minigrad; take it out again."""
    yield
    vars(sys.modules["minigrad"]).pop("nn", None)


def test_the_program_runs_on_minigrad(as_it_was: None) -> None:
    lines = printed(MINIGRAD)
    losses = [
        float(line.split("loss ")[1].split(",")[0]) for line in lines if line.startswith("epoch")
    ]
    assert losses[-1] < losses[0]


def test_it_prints_what_pytorch_prints(as_it_was: None) -> None:
    pytest.importorskip("torch", reason="PyTorch is the oracle")
    assert printed(MINIGRAD) == printed(TORCH)
