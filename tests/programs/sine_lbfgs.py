"""A sine wave in float64: a GRU cell, all of it in each step of LBFGS, whose closure is evaluated."""

import numpy as np
import torch
from torch import nn
from torch.optim import LBFGS

torch.set_default_dtype(torch.float64)
np.random.seed(1)
phase = np.random.uniform(0, 6, (6, 1))
wave = torch.from_numpy(np.sin(np.arange(25) / 3.0 + phase))
input, target = wave[:, :-1], wave[:, 1:]


class Predictor(nn.Module):
    def __init__(self, hidden=8):
        super().__init__()
        self.cell = nn.GRUCell(1, hidden)
        self.out = nn.Linear(hidden, 1)
        self.register_buffer("scale", torch.tensor(1.0))

    def forward(self, input, future=0):
        h = input.new_zeros(input.size(0), self.cell.hidden_size)
        outputs = []
        for chunk in input.chunk(input.size(1), dim=1):
            h = self.cell(chunk, h)
            outputs.append(self.out(h) * self.scale)
        for _ in range(future):
            h = self.cell(outputs[-1], h)
            outputs.append(self.out(h) * self.scale)
        return torch.stack(outputs, 1).squeeze(2)


model = Predictor()
print(model.out.weight.dtype, {name: p.dtype for name, p in model.named_buffers()})
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.from_numpy(np.random.uniform(-0.4, 0.4, p.shape)))
criterion = nn.MSELoss()
optimizer = LBFGS(model.parameters(), lr=0.5, max_iter=4, history_size=5)
calls = 0
for step in range(5):

    def closure():
        global calls
        calls += 1
        optimizer.zero_grad()
        loss = criterion(model(input), target)
        loss.backward()
        return loss

    loss = optimizer.step(closure)
    print("step", step, "loss", loss.item())
print("closures:", calls)
with torch.no_grad():
    more = model(input, future=10)
    loss = criterion(more[:, :-10], target)
    print("test loss:", loss.item(), more.shape, more.dtype)
    print(more[0, -3:].numpy().round(6))
