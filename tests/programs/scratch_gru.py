"""A GRU from scratch as a module, trained by an SGD class of its own with gradient clipping."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

text = "how now brown cow, said the crow, and so the cow went slowly down to the town below. " * 2
vocab = {c: i for i, c in enumerate(sorted(set(text)))}
letters = list(vocab)
numbers = np.random.RandomState(5)


class GRUScratch(nn.Module):
    def __init__(self, num_inputs, num_hiddens, sigma=0.1):
        super().__init__()
        self.num_hiddens = num_hiddens

        def init_weight(*shape):
            return nn.Parameter(torch.tensor(numbers.randn(*shape).astype("float32")) * sigma)

        def triple():
            return (
                init_weight(num_inputs, num_hiddens),
                init_weight(num_hiddens, num_hiddens),
                nn.Parameter(torch.zeros(num_hiddens)),
            )

        self.W_xz, self.W_hz, self.b_z = triple()
        self.W_xr, self.W_hr, self.b_r = triple()
        self.W_xh, self.W_hh, self.b_h = triple()

    def forward(self, inputs, H=None):
        if H is None:
            H = torch.zeros((inputs.shape[1], self.num_hiddens), device=inputs.device)
        outputs = []
        for X in inputs:
            Z = torch.sigmoid(torch.matmul(X, self.W_xz) + torch.matmul(H, self.W_hz) + self.b_z)
            R = torch.sigmoid(torch.matmul(X, self.W_xr) + torch.matmul(H, self.W_hr) + self.b_r)
            H_tilde = torch.tanh(
                torch.matmul(X, self.W_xh) + torch.matmul(R * H, self.W_hh) + self.b_h
            )
            H = Z * H + (1 - Z) * H_tilde
            outputs.append(H)
        return outputs, H


class RNNLMScratch(nn.Module):
    def __init__(self, rnn, vocab_size):
        super().__init__()
        self.rnn = rnn
        self.vocab_size = vocab_size
        self.W_hq = nn.Parameter(
            torch.tensor(numbers.randn(rnn.num_hiddens, vocab_size), dtype=torch.float) * 0.1
        )
        self.b_q = nn.Parameter(torch.zeros(vocab_size))

    def one_hot(self, X):
        return F.one_hot(X.T, self.vocab_size).type(torch.float32)

    def output_layer(self, rnn_outputs):
        outputs = [torch.matmul(H, self.W_hq) + self.b_q for H in rnn_outputs]
        return torch.stack(outputs, 1)

    def forward(self, X, state=None):
        rnn_outputs, _ = self.rnn(self.one_hot(X), state)
        return self.output_layer(rnn_outputs)

    def loss(self, Y_hat, Y):
        Y_hat = Y_hat.reshape((-1, Y_hat.shape[-1]))
        return F.cross_entropy(Y_hat, Y.reshape((-1,)), reduction="mean")

    def predict(self, prefix, num_preds):
        state, outputs = None, [vocab[prefix[0]]]
        for i in range(len(prefix) + num_preds - 1):
            X = torch.tensor([[outputs[-1]]])
            rnn_outputs, state = self.rnn(self.one_hot(X), state)
            if i < len(prefix) - 1:
                outputs.append(vocab[prefix[i + 1]])
            else:
                Y = self.output_layer(rnn_outputs)
                outputs.append(int(Y.argmax(axis=2).reshape(1)))
        return "".join(letters[i] for i in outputs)


class SGD:
    def __init__(self, params, lr):
        self.params = params
        self.lr = lr

    def step(self):
        for param in self.params:
            param -= self.lr * param.grad

    def zero_grad(self):
        for param in self.params:
            if param.grad is not None:
                param.grad.zero_()


class Trainer:
    def __init__(self, max_epochs, gradient_clip_val=0):
        self.max_epochs = max_epochs
        self.gradient_clip_val = gradient_clip_val

    def clip_gradients(self, grad_clip_val, model):
        params = [p for p in model.parameters() if p.requires_grad]
        norm = torch.sqrt(sum(torch.sum((p.grad**2)) for p in params))
        if norm > grad_clip_val:
            for param in params:
                param.grad[:] *= grad_clip_val / norm

    def fit(self, model, X, Y):
        optim = SGD(list(model.parameters()), lr=1.5)
        for epoch in range(self.max_epochs):
            model.train()
            for i in range(0, len(X), 8):
                loss = model.loss(model(X[i : i + 8]), Y[i : i + 8])
                optim.zero_grad()
                with torch.no_grad():
                    loss.backward()
                    if self.gradient_clip_val > 0:
                        self.clip_gradients(self.gradient_clip_val, model)
                    optim.step()
            if epoch % 4 == 0:
                print(f"epoch {epoch} loss {loss.item():.6f}")


num_steps = 10
corpus = torch.tensor([vocab[c] for c in text])
windows = torch.stack([corpus[i : i + num_steps + 1] for i in range(0, len(corpus) - num_steps, 3)])
X, Y = windows[:, :-1], windows[:, 1:]
print(windows.shape, X.shape)
model = RNNLMScratch(GRUScratch(num_inputs=len(vocab), num_hiddens=24), vocab_size=len(vocab))
print([name for name, _ in model.named_parameters()])
Trainer(max_epochs=13, gradient_clip_val=1).fit(model, X, Y)
print(model.predict("the", 30))
