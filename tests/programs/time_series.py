"""Sine waves: two LSTM cells read a wave in float64, then go on with what they predict."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

np.random.seed(2)
torch.manual_seed(0)
T, L, N = 10, 30, 12
x = np.empty((N, L), "int64")
x[:] = np.array(range(L)) + np.random.randint(-4 * T, 4 * T, N).reshape(N, 1)
data = np.sin(x / 1.0 / T).astype("float64")


class Sequence(nn.Module):
    def __init__(self):
        super(Sequence, self).__init__()
        self.lstm1 = nn.LSTMCell(1, 21)
        self.lstm2 = nn.LSTMCell(21, 21)
        self.linear = nn.Linear(21, 1)

    def forward(self, input, future=0):
        outputs = []
        h_t = torch.zeros(input.size(0), 21, dtype=torch.double)
        c_t = torch.zeros(input.size(0), 21, dtype=torch.double)
        h_t2 = torch.zeros(input.size(0), 21, dtype=torch.double)
        c_t2 = torch.zeros(input.size(0), 21, dtype=torch.double)
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        for i in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return torch.cat(outputs, dim=1)


input = torch.from_numpy(data[3:, :-1])
target = torch.from_numpy(data[3:, 1:])
test_input = torch.from_numpy(data[:3, :-1])
test_target = torch.from_numpy(data[:3, 1:])
seq = Sequence()
seq.double()
for p in seq.parameters():
    p.data = torch.from_numpy(np.random.uniform(-0.3, 0.3, tuple(p.shape)))
criterion = nn.MSELoss()
optimizer = optim.Adam(seq.parameters(), lr=0.02)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
for i in range(15):

    def closure():
        optimizer.zero_grad()
        out = seq(input)
        loss = criterion(out, target)
        if i % 3 == 0:
            print("STEP:", i, "loss:", loss.item())
        loss.backward()
        return loss

    optimizer.step(closure)
    scheduler.step()

with torch.no_grad():
    future = 10
    pred = seq(test_input, future=future)
    loss = criterion(pred[:, :-future], test_target)
    print("test loss:", loss.item(), pred.dtype == torch.float64, pred.shape)
    y = pred.detach().numpy()
print(np.round(y[0, -future:], 4).tolist(), scheduler.get_last_lr())
