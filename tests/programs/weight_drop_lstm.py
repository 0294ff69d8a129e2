"""A language model whose LSTM loses some of its hidden-to-hidden weights at every step of training,
with one dropout mask over all time steps of the input and the output layer tied to the embedding."""

import numpy as np
import torch
import torch.nn as nn
from torch.nn import Parameter

numbers = np.random.RandomState(11)


def keep_mask(shape, p):
    """A mask from NumPy's random numbers, divided by the share that it keeps."""
    kept = (numbers.rand(*shape) >= p).astype("float32")
    return torch.from_numpy(kept / np.float32(1 - p))


class WeightDrop(nn.Module):
    def __init__(self, module, weights, dropout=0.0):
        super(WeightDrop, self).__init__()
        self.module = module
        self.weights = weights
        self.dropout = dropout
        for name_w in self.weights:
            w = getattr(self.module, name_w)
            del self.module._parameters[name_w]
            self.module.register_parameter(name_w + "_raw", Parameter(w.data))

    def _setweights(self):
        for name_w in self.weights:
            raw_w = getattr(self.module, name_w + "_raw")
            if self.training:
                w = raw_w * keep_mask(raw_w.size(), self.dropout)
            else:
                w = raw_w * 1
            setattr(self.module, name_w, w)

    def forward(self, *args):
        self._setweights()
        return self.module.forward(*args)


class LockedDropout(nn.Module):
    def forward(self, x, dropout=0.5):
        if not self.training or not dropout:
            return x
        mask = keep_mask((1, x.size(1), x.size(2)), dropout)
        return mask.expand_as(x) * x


class Model(nn.Module):
    def __init__(self, ntoken, ninp, nhid):
        super(Model, self).__init__()
        self.encoder = nn.Embedding(ntoken, ninp)
        self.lockdrop = LockedDropout()
        self.rnns = [nn.LSTM(ninp, nhid), nn.LSTM(nhid, ninp)]
        for rnn in self.rnns:
            for p in rnn.parameters():
                p.data.copy_(torch.from_numpy(numbers.uniform(-0.2, 0.2, p.size())))
        self.rnns = [WeightDrop(rnn, ["weight_hh_l0"], dropout=0.3) for rnn in self.rnns]
        self.rnns = nn.ModuleList(self.rnns)
        self.decoder = nn.Linear(ninp, ntoken)
        self.decoder.weight = self.encoder.weight
        self.encoder.weight.data.copy_(torch.from_numpy(numbers.uniform(-0.1, 0.1, (ntoken, ninp))))
        self.decoder.bias.data.fill_(0)
        self.sizes = [nhid, ninp]

    def forward(self, input, hidden):
        raw_output = self.lockdrop(self.encoder(input), 0.1)
        new_hidden = []
        raw_outputs = []
        for layer, rnn in enumerate(self.rnns):
            raw_output, new_h = rnn(raw_output, hidden[layer])
            new_hidden.append(new_h)
            raw_outputs.append(raw_output)
            if layer != len(self.rnns) - 1:
                raw_output = self.lockdrop(raw_output, 0.2)
        output = self.lockdrop(raw_output, 0.2)
        decoded = self.decoder(output.view(output.size(0) * output.size(1), output.size(2)))
        return decoded.view(output.size(0), output.size(1), -1), new_hidden, raw_outputs, output

    def init_hidden(self, bsz):
        weight = next(self.parameters()).data
        return [(weight.new(1, bsz, n).zero_(), weight.new(1, bsz, n).zero_()) for n in self.sizes]


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return (
        list(map(repackage_hidden, h))
        if isinstance(h, list)
        else tuple(repackage_hidden(v) for v in h)
    )


ntoken, bsz, bptt = 20, 6, 10
data = torch.from_numpy((np.arange(600) * 7 + numbers.randint(0, 3, 600)) % ntoken)
data = data.view(bsz, -1).t().contiguous()
model = Model(ntoken, 16, 24)
for name, param in model.named_parameters():
    print(name, tuple(param.size()))
criterion = nn.CrossEntropyLoss()
params = list(model.parameters())
optimizer = torch.optim.SGD(params, lr=2.0, weight_decay=1.2e-6)
model.train()
for epoch in range(2):
    hidden = model.init_hidden(bsz)
    for batch, i in enumerate(range(0, data.size(0) - 1 - bptt, bptt)):
        source, targets = data[i : i + bptt], data[i + 1 : i + 1 + bptt].view(-1)
        hidden = repackage_hidden(hidden)
        optimizer.zero_grad()
        output, hidden, raw_outputs, dropped = model(source, hidden)
        raw_loss = criterion(output.view(-1, ntoken), targets)
        loss = raw_loss + 2.0 * dropped.pow(2).mean()
        last = raw_outputs[-1]
        loss = loss + 1.0 * (last[1:] - last[:-1]).pow(2).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 0.25)
        optimizer.step()
        if batch % 4 == 0:
            print(
                "| epoch %d | batch %d | loss %.6f | raw %.6f"
                % (epoch, batch, loss.item(), raw_loss.item())
            )

model.eval()
with torch.no_grad():
    output, hidden, _, _ = model(data[:bptt], model.init_hidden(bsz))
    print(output.shape, criterion(output.view(-1, ntoken), data[1 : 1 + bptt].view(-1)).item())
