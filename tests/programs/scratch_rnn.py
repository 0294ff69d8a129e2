"""An RNN from scratch, of raw tensors: one-hot letters, clipped gradients, `param -= lr * grad`."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

text = "time passes and the traveller goes on and on through the years and the years pass by " * 2
vocab = sorted(set(text))
corpus = [vocab.index(c) for c in text]
batch_size, num_steps, num_hiddens = 4, 8, 32
numbers = np.random.RandomState(0)


def seq_data_iter_sequential(corpus, batch_size, num_steps):
    num_tokens = ((len(corpus) - 1) // batch_size) * batch_size
    Xs = torch.tensor(corpus[:num_tokens]).reshape(batch_size, -1)
    Ys = torch.tensor(corpus[1 : num_tokens + 1]).reshape(batch_size, -1)
    num_batches = Xs.shape[1] // num_steps
    for i in range(0, num_steps * num_batches, num_steps):
        yield Xs[:, i : i + num_steps], Ys[:, i : i + num_steps]


def get_params(vocab_size, num_hiddens):
    num_inputs = num_outputs = vocab_size

    def normal(shape):
        return torch.tensor(numbers.normal(size=shape) * 0.05, dtype=torch.float32)

    W_xh = normal((num_inputs, num_hiddens))
    W_hh = normal((num_hiddens, num_hiddens))
    b_h = torch.zeros(num_hiddens)
    W_hq = normal((num_hiddens, num_outputs))
    b_q = torch.zeros(num_outputs)
    params = [W_xh, W_hh, b_h, W_hq, b_q]
    for param in params:
        param.requires_grad_(True)
    return params


def init_rnn_state(batch_size, num_hiddens):
    return (torch.zeros((batch_size, num_hiddens)),)


def rnn(inputs, state, params):
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        H = torch.tanh(torch.mm(X, W_xh) + torch.mm(H, W_hh) + b_h)
        Y = torch.mm(H, W_hq) + b_q
        outputs.append(Y)
    return torch.cat(outputs, dim=0), (H,)


class RNNModelScratch:
    def __init__(self, vocab_size, num_hiddens, get_params, init_state, forward_fn):
        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        self.params = get_params(vocab_size, num_hiddens)
        self.init_state, self.forward_fn = init_state, forward_fn

    def __call__(self, X, state):
        X = F.one_hot(X.T, self.vocab_size).type(torch.float32)
        return self.forward_fn(X, state, self.params)

    def begin_state(self, batch_size):
        return self.init_state(batch_size, self.num_hiddens)


def grad_clipping(net, theta):
    norm = torch.sqrt(sum(torch.sum((p.grad**2)) for p in net.params))
    if norm > theta:
        for param in net.params:
            param.grad[:] *= theta / norm


def sgd(params, lr, batch_size):
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()


def predict(prefix, num_preds, net):
    state = net.begin_state(batch_size=1)
    outputs = [vocab.index(prefix[0])]

    def get_input():
        return torch.tensor([outputs[-1]]).reshape((1, 1))

    for y in prefix[1:]:
        _, state = net(get_input(), state)
        outputs.append(vocab.index(y))
    for _ in range(num_preds):
        y, state = net(get_input(), state)
        outputs.append(int(y.argmax(dim=1).reshape(1)))
    return "".join([vocab[i] for i in outputs])


net = RNNModelScratch(len(vocab), num_hiddens, get_params, init_rnn_state, rnn)
X = torch.arange(10).reshape((2, 5))
Y, new_state = net(X, net.begin_state(X.shape[0]))
print(Y.shape, len(new_state), new_state[0].shape)
print(predict("time ", 10, net))

loss = nn.CrossEntropyLoss()
for epoch in range(16):
    state = None
    total, count = 0.0, 0
    for X, Y in seq_data_iter_sequential(corpus, batch_size, num_steps):
        if state is None:
            state = net.begin_state(batch_size=X.shape[0])
        else:
            for s in state:
                s.detach_()
        y = Y.T.reshape(-1)
        y_hat, state = net(X, state)
        l = loss(y_hat, y.long()).mean()
        l.backward()
        grad_clipping(net, 1)
        sgd(net.params, 1.0, batch_size=1)
        total += l.item() * y.numel()
        count += y.numel()
    if epoch % 5 == 0:
        print(
            f"epoch {epoch + 1}: loss {total / count:.6f}, perplexity {math.exp(total / count):.4f}"
        )
print(predict("the ", 40, net))
