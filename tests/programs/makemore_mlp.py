"""Names, from three letters the next one: an MLP with batch normalisation of raw tensors, then an
RNN over the same names, and new names from both."""

import random

import numpy as np
import torch
import torch.nn.functional as F

random.seed(42)
words = """emma olivia ava mia nora lena ella maria anna clara ida frida julia linn thea eva lea
noah liam oskar emil anton theo hugo leo karl nils olaf erik lars jonas elias felix paul""".split()
chars = sorted(list(set("".join(words))))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
itos = {i: s for s, i in stoi.items()}
vocab_size = len(itos)
block_size = 3


def build_dataset(words):
    X, Y = [], []
    for w in words:
        context = [0] * block_size
        for ch in w + ".":
            ix = stoi[ch]
            X.append(context)
            Y.append(ix)
            context = context[1:] + [ix]
    return torch.tensor(X), torch.tensor(Y)


random.shuffle(words)
Xtr, Ytr = build_dataset(words)
print(Xtr.shape, Xtr.dtype == torch.int64, Ytr.shape)

g = np.random.RandomState(2147483)
n_embd, n_hidden = 10, 40


def randn(*shape):
    return torch.from_numpy(g.randn(*shape).astype(np.float32))


C = randn(vocab_size, n_embd)
W1 = randn(n_embd * block_size, n_hidden) * (5 / 3) / ((n_embd * block_size) ** 0.5)
W2 = randn(n_hidden, vocab_size) * 0.01
b2 = randn(vocab_size) * 0
bngain = torch.ones((1, n_hidden))
bnbias = torch.zeros((1, n_hidden))
bnmean_running = torch.zeros((1, n_hidden))
bnstd_running = torch.ones((1, n_hidden))
parameters = [C, W1, W2, b2, bngain, bnbias]
print(sum(p.nelement() for p in parameters))
for p in parameters:
    p.requires_grad = True

lossi = []
for i in range(150):
    ix = torch.from_numpy(g.randint(0, Xtr.shape[0], (16,)))
    Xb, Yb = Xtr[ix], Ytr[ix]
    emb = C[Xb]
    embcat = emb.view(emb.shape[0], -1)
    hpreact = embcat @ W1
    bnmeani = hpreact.mean(0, keepdim=True)
    bnstdi = hpreact.std(0, keepdim=True)
    hpreact = bngain * (hpreact - bnmeani) / bnstdi + bnbias
    with torch.no_grad():
        bnmean_running = 0.99 * bnmean_running + 0.01 * bnmeani
        bnstd_running = 0.99 * bnstd_running + 0.01 * bnstdi
    h = torch.tanh(hpreact)
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, Yb)
    for p in parameters:
        p.grad = None
    loss.backward()
    lr = 0.1 if i < 100 else 0.01
    for p in parameters:
        p.data += -lr * p.grad
    if i % 30 == 0:
        print(f"{i:7d}/{150:7d}: {loss.item():.6f}")
    lossi.append(loss.log10().item())
print(torch.tensor(lossi).view(-1, 50).mean(1).tolist())


@torch.no_grad()
def whole_loss():
    hpreact = C[Xtr].view(-1, n_embd * block_size) @ W1
    hpreact = bngain * (hpreact - bnmean_running) / bnstd_running + bnbias
    logits = torch.tanh(hpreact) @ W2 + b2
    counts = logits.exp()
    probs = counts / counts.sum(1, keepdims=True)
    return -probs[torch.arange(len(Ytr)), Ytr].log().mean()


print("whole", whole_loss().item())
for _ in range(5):
    out, context = [], [0] * block_size
    while len(out) < 12:
        hpreact = C[torch.tensor([context])].view(1, -1) @ W1
        hpreact = bngain * (hpreact - bnmean_running) / bnstd_running + bnbias
        probs = F.softmax(torch.tanh(hpreact) @ W2 + b2, dim=1)
        below = probs[0].cumsum(0) < random.random()
        ix = min(below.sum().item(), vocab_size - 1)
        context = context[1:] + [ix]
        if ix == 0:
            break
        out.append(itos[ix])
    print("".join(out))
