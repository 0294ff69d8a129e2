"""Programs after reports to other frameworks; tests/STRANGERS.md says which."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn
import nn.functional
import nn.utils.rnn

REFUSED = (RuntimeError, ValueError, IndexError, TypeError)
PROGRAMS = {
    "separated": """
x = a(2, 3, 4, 5)
found = [x[:, [0], :, 0], x[:, [0, 1], :, 0], x[0, :, [1, 2]]]
""",
    "ellipsis": """
found = [a(3, 4, 5)[:, (0, 1), ..., (0, 1)]]
""",
    "lists": """
x = a(3, 4)
found = [a(5)[[0, 3]], x[[0, 1]], x[[0, 1], 1:], x[[0, 1], 1], x[[0, 1], [1]]]
""",
    "zero power": """
x = leaf([0.0, 1.0])
(x**0).sum().backward()
found = [x.grad]
""",
    "power of zero": """
a0 = leaf([0.0, 2.0]).detach()
b = leaf([1.0, 1.0])
(a0**b).sum().backward()
found = [b.grad]
""",
    "negative base": """
x = leaf([-2.0, 3.0])
(x ** t.tensor([2.0, 2.0], dtype=t.float64)).sum().backward()
found = [x.grad]
""",
    "nested power": """
x = leaf([0.0, 0.0])
p = leaf([1.0, 1.0]).detach()
y = x**p
g = grad([y[0] * y[1]], [x], create_graph=True)[0]
found = [g, grad([g[0]], [x])[0]]
""",
    "integer power": """
m = leaf([0.5, 0.5])
(m * 2.0 ** t.tensor([-1.0, 3.0], dtype=t.float64)).sum().backward()
found = [m.grad]
""",
    "prod of a zero": """
x = leaf([2.0, 0.0, 3.0])
x.prod().backward()
y = leaf([0.0])
y.prod(0).backward()
found = [x.grad, y.grad]
""",
    "prod of nothing": """
x = leaf([[], []])
x.cumsum(-1).sum().backward()
found = [x.grad]
""",
    "norm at 0": """
x = leaf([0.0, 0.0])
(x.norm() ** 2 + x.norm()).backward()
y = leaf([[0.0, 0.0]])
y.norm(dim=-1).sum().backward()
found = [x.grad, y.grad]
""",
    "std of a constant": """
x = leaf([[1.0, 1.0], [2.0, 2.0]])
x.std(1).sum().backward()
found = [x.grad]
""",
    "all ignored": """
x = leaf([[1.0, 2.0, 3.0]])
y = t.tensor([-100])
found = [F.cross_entropy(x, y), F.cross_entropy(x, y, reduction='none')]
found += [F.cross_entropy(x, y * 0 - 1, ignore_index=-1)]
""",
    "ignored above": """
x = leaf([[1.0, 2.0, 3.0], [0.5, 0.1, 0.0]])
y = t.tensor([1, 255])
found = [F.cross_entropy(x, y, ignore_index=255, reduction=r) for r in ('none', 'mean')]
""",
    "ignored class": """
x = leaf([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
l = F.cross_entropy(x, t.tensor([0, 2]), ignore_index=0)
l.backward()
found = [l, x.grad]
""",
    "wrong target": """
found = F.cross_entropy(a(2, 3), t.tensor([0, -4]), ignore_index=-1)
""",
    "infinite clip": """
x = leaf([1.0, 2.0])
(x * math.inf).sum().backward()
found = [nn.utils.clip_grad_norm_([x], 1.0), x.grad]
""",
    "refused clip": """
x = leaf([1.0])
(x * math.inf).sum().backward()
found = nn.utils.clip_grad_norm_([x], 1.0, error_if_nonfinite=True)
""",
    "clip of nothing": """
found = [nn.utils.clip_grad_norm_([leaf([1.0])], 1.0).double()]
""",
    "copy in a vjp": """
def f(x):
    y = x.new_tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]) * x.sum()
    y[[0, 1], [1, 2]] = x
    return y
found = [func.vjp(f, a(2))[1](a(2, 3))[0]]
""",
    "jvp by vjp": """
found = [func.jvp(lambda x: x.sin() * x, (a(3),), (a(3) + 1,))[1]]
""",
    "no_grad inside": """
def f(x):
    with t.no_grad(): c = x**2
    return c * x
found = [func.jacobian(f)(a(3))]
""",
    "cosine again": """
o = optim.SGD([leaf([1.0])], lr=0.5)
found = []
for _ in range(2):
    s = optim.lr_scheduler.CosineAnnealingLR(o, 3)
    for _ in range(3):
        o.step()
        s.step()
        found.append(t.tensor(o.param_groups[0]['lr'], dtype=t.float64))
""",
    "cosine loaded": """
o = optim.SGD([leaf([1.0])], lr=0.5)
s = optim.lr_scheduler.CosineAnnealingLR(o, 8)
for _ in range(3):
    o.step()
    s.step()
so, ss = o.state_dict(), s.state_dict()
o = optim.SGD([leaf([1.0])], lr=0.5)
s = optim.lr_scheduler.CosineAnnealingLR(o, 8)
s.load_state_dict(ss)
o.load_state_dict(so)
found = []
for _ in range(3):
    o.step()
    s.step()
    found.append(t.tensor(o.param_groups[0]['lr'], dtype=t.float64))
""",
    "masked batch": """
m = filled(nn.MultiheadAttention(4, 2, batch_first=True))
x = a(2, 3, 4).sin()
hidden = t.tensor([[False, False, True], [True, True, True]])
y, w = m(x, x, x, key_padding_mask=hidden, need_weights=False)
found = [y]
""",
    "no key seen": """
q = leaf([[[1.0, 2.0], [0.5, -1.0]]])
seen = t.tensor([[[True, True], [False, False]]])
y = F.scaled_dot_product_attention(q, q, q, attn_mask=seen)
y.sum().backward()
found = [y, q.grad]
""",
    "a head masked": """
m = filled(nn.MultiheadAttention(4, 2, batch_first=True))
x = a(1, 3, 4).sin()
mask = t.tensor([False, True]).reshape(2, 1, 1).expand(2, 3, 3)
found = [m(x, x, x, attn_mask=mask, need_weights=False)[0]]
""",
    "weights of each head": """
m = filled(nn.MultiheadAttention(4, 2, batch_first=True))
x = a(2, 3, 4).sin()
found = [*m(x, x, x, average_attn_weights=False), *m(x, x, x)]
found.append(m(x, x, x, need_weights=False)[0])
""",
    "unsorted lengths": """
found = nn.utils.rnn.pack_padded_sequence(a(3, 2, 4), [1, 3])
""",
    "order of a packed batch": """
m = filled(nn.LSTM(3, 2))
lengths = t.tensor([1, 3, 2])
packed = nn.utils.rnn.pack_padded_sequence(a(3, 3, 3).sin(), lengths, enforce_sorted=False)
y, (h, c) = m(packed)
found = [*nn.utils.rnn.pad_packed_sequence(y), h, c, packed.sorted_indices]
""",
    "padding on the way back": """
m = filled(nn.RNN(3, 2, bidirectional=True))
x = a(2, 1, 3).sin()
found = [*m(x)]
for extra in (1, 3):
    longer = t.cat([x, a(extra, 1, 3)])
    packed = nn.utils.rnn.pack_padded_sequence(longer, [2])
    y, h = m(packed)
    found += [nn.utils.rnn.pad_packed_sequence(y)[0], h]
""",
    "dropout of one layer": """
m = filled(nn.GRU(3, 2, dropout=0.9)).train()
found = [m(a(4, 2, 3).sin())[0], filled(nn.GRU(3, 2))(a(4, 2, 3).sin())[0]]
""",
    "reset after the product": """
m = filled(nn.GRU(3, 2))
x, h = a(4, 2, 3).sin(), a(1, 2, 2).cos()
y, last = m(x, h)
y.sum().backward()
found = [y, last, *[p.grad for p in m.parameters()]]
""",
    "gradient of padding": """
m = filled(nn.Embedding(10, 8, padding_idx=0))
m(t.zeros(1, 769, dtype=t.int64)).sum().backward()
(m(t.tensor([0, 3, 0])) ** 2).sum().backward()
found = [m.weight.grad]
""",
    "padding of one's own": """
m = nn.Embedding.from_pretrained(a(3, 2) + 1, freeze=False, padding_idx=1)
y = m(t.tensor([1, 2, 1]))
y.sum().backward()
found = [y, m.weight.grad]
""",
    "max_norm after a use": """
m = filled(nn.Embedding(3, 5, max_norm=0.5))
w = leaf([[1.0, 2.0, 3.0, 4.0, 5.0]])
y = m.weight @ w.t()
z = m(t.tensor([1, 2])) @ w.t()
(y.sum() + z.sum()).backward()
found = [w.grad]
""",
    "max_norm before a use": """
m = filled(nn.Embedding(3, 5, max_norm=0.5))
w = leaf([[1.0, 2.0, 3.0, 4.0, 5.0]])
z = m(t.tensor([1, 2])) @ w.t()
y = m.weight @ w.t()
(y.sum() + z.sum()).backward()
found = [w.grad, m.weight.grad, m.weight]
""",
    "other sizes, not strict": """
found = nn.Linear(2, 3).load_state_dict(nn.Linear(4, 3).state_dict(), strict=False)
""",
    "a state that broadcasts": """
found = nn.Conv2d(4, 8, 1).load_state_dict(nn.Conv2d(4, 1, 1).state_dict())
""",
    "keys, not strict": """
m = filled(nn.Sequential(nn.Linear(2, 2), nn.Tanh()))
state = {"0.weight": m.state_dict()["0.weight"] * 2, "1.scale": a(1)}
missing, unexpected = m.load_state_dict(state, strict=False)
assert (list(missing), list(unexpected)) == (["0.bias"], ["1.scale"])
found = [m[0].weight, m[0].bias]
""",
    "tied weights": """
m = filled(nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)))
m[2].weight = m[0].weight
assert [n for n, _ in m.named_parameters()] == ["0.weight", "0.bias", "2.bias"]
o = optim.SGD(m.parameters(), lr=0.5)
m(a(2, 3)).sum().backward()
o.step()
found = [*m.state_dict().values(), m[2].weight]
""",
    "a copy of tied weights": """
import copy
m = filled(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)))
m[1].weight = m[0].weight
c = copy.deepcopy(m)
assert c[1].weight is c[0].weight and c[0].weight is not m[0].weight
c(a(2, 3)).sum().backward()
assert m[0].weight.grad is None
found = [c[0].weight.grad]
""",
    "trace in einsum": """
x = leaf([[1.0, 2.0], [3.0, 5.0]])
(t.einsum("ii->", x) ** 2).backward()
found = [x.grad]
""",
    "diagonal in a product": """
w = (a(4, 4) + 1).requires_grad_()
x = (a(4, 2) - 1).requires_grad_()
y = t.einsum("nd,nn->d", x, w)
(y * y).sum().backward()
found = [y, w.grad, x.grad]
""",
    "diagonal before a letter": """
x = (a(2, 2, 3) + 1).requires_grad_()
y = [t.einsum("iij->ij", x), t.einsum("iij->i", x), t.einsum("iij,j->ij", x, a(3))]
sum([(z * z).sum() for z in y]).backward()
found = [*y, x.grad]
""",
    "two diagonals": """
x = a(5, 2, 2, 3, 3)
found = [t.einsum("tiijj->ij", x), t.einsum("tiijj->ijt", x)]
""",
    "letters that are summed away": """
x = (a(3, 2, 3, 2) - 1).requires_grad_()
(t.einsum("abcd->bd", x) ** 2).sum().backward()
found = [x.grad]
""",
    "batches in einsum": """
x, y = (a(1, 1, 5, 3) - 1).requires_grad_(), (a(1, 1, 3, 2) + 1).requires_grad_()
(t.einsum("bnij,bnjc->bnic", x, y) * a(1, 1, 5, 2)).sum().backward()
found = [x.grad, y.grad]
""",
    "where beside a root": """
x = leaf([0.0, 0.25, 4.0])
t.where(x < 1, x, x.sqrt()).sum().backward()
safe = leaf([0.0, 0.25, 4.0])
inner = t.where(safe < 1, t.ones_like(safe), safe)
t.where(safe < 1, safe, inner.sqrt()).sum().backward()
found = [x.grad, safe.grad]
""",
    "where beside infinity": """
x = leaf([1.0, -1.0])
t.where(x > 0, 0.0 * x, x * math.inf).sum().backward()
found = [x.grad]
""",
    "a mask after the root": """
x = leaf(1.0)
d = t.tensor([0.0, 1.0], dtype=t.float64) * x
(d**0.5)[d > 0].sum().backward()
y = leaf(1.0)
d = t.tensor([0.0, 1.0], dtype=t.float64) * y
(d[d > 0] ** 0.5).sum().backward()
found = [x.grad, y.grad]
""",
    "smooth at 0": """
x = leaf([0.0, 0.0])
y = F.softplus(x[0]) + F.logsigmoid(x[1])
g = grad([y], [x], create_graph=True)[0]
found = [g, grad([g.sum()], [x], create_graph=True)[0]]
""",
    "relu by maximum": """
x = leaf([0.0, -1.0, 2.0])
(t.maximum(x, t.zeros_like(x)) + x.relu() + x.clamp(min=0)).sum().backward()
found = [x.grad]
""",
    "logsumexp of nothing but -inf": """
x = leaf(1.0)
t.logsumexp(t.stack([x - math.inf, x - math.inf]), 0).backward()
y = leaf([-math.inf, 1.0])
t.logsumexp(y, 0).backward()
found = [x.grad, y.grad]
""",
    "sigmoid by exp": """
x = leaf([-1000.0, -200.0, -133.0, -66.0, 0.0])
(1 / (1 + (-x).exp())).sum().backward()
y = leaf([-1000.0, -200.0, -133.0, -66.0, 0.0])
y.sigmoid().sum().backward()
found = [x.grad, y.grad, y.sigmoid()]
""",
    "a small part of a gradient": """
z = leaf([37.42994775023705, 0.0])
F.log_softmax(z, 0)[0].backward()
found = [z.grad * 1e16]
""",
    "far from 0": """
x = leaf([-1e4, -1000.0, -100.0, 100.0, 1000.0, 1e4])
y = [x.sigmoid(), x.tanh(), F.gelu(x), F.gelu(x, approximate="tanh"), F.silu(x)]
sum([z.sum() for z in y]).backward()
found = [*y, x.grad]
""",
    "many ties": """
x = t.ones(70000, dtype=t.float32).requires_grad_()
x.max().backward()
found = [x.grad.double().sum().round(), (x.grad[:3] * 7e4).round()]
""",
    "the greatest of two copies": """
x = leaf([1.0, 3.0])
t.stack([x, x]).max().backward()
y = leaf([1.0, 1.0])
y.max(0)[0].backward()
found = [x.grad, y.grad]
""",
    "broadcast": """
x = leaf([1.0, 2.0, 3.0])
(t.broadcast_to(x, (4, 3)) * a(4, 3)).sum().backward()
found = [x.grad]
""",
    "times its transpose": """
x = leaf([[1.0, 2.0], [3.0, 4.0]])
(x @ x.T * a(2, 2)).sum().backward()
found = [x.grad]
""",
    "ties in each column": """
x = t.ones(4, 3, dtype=t.float64).requires_grad_()
(x.amax(0).sum() + x.max(0)[0].sum()).backward()
found = [x.grad]
""",
    "index_add of rows": """
m, v = leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
y = m.index_add(0, t.tensor([1, 0, 1]), v)
(y * a(2, 2)).sum().backward()
found = [y, m.grad, v.grad]
""",
    "an index that wraps": """
found = a(5)[[0, 1, 2, 3, 4, 5, 6]]
""",
    "an index named twice": """
x = leaf([1.0, 2.0, 3.0])
(x[[0, 0, 1]] * a(3)).sum().backward()
y = t.zeros(3, dtype=t.float64).index_add_(0, t.tensor([0, 0, 1]), a(3))
found = [x.grad, y]
""",
    "nan in order": """
x = t.tensor([[0.77], [0.0], [math.nan], [0.5], [0.85]], dtype=t.float64)
found = [*x.sort(0), *x.sort(0, descending=True), x.argmax(0), x.max(0)[0]]
""",
    "the greater of booleans": """
x = t.tensor([True, False])
found = [t.maximum(x, x), x.sum(), x.cumsum(0)]
""",
    "set after two uses": """
x = leaf([1.0, 2.0])
y = x * 1
z = y + y
y[0] = 5.0
((z + y) * a(2)).sum().backward()
found = [x.grad, y, z]
""",
    "set in a view": """
x = leaf([[1.0, 2.0], [3.0, 4.0]])
y = x * 2
v = y.T
v[0] = x[1] * 3
(y * y).sum().backward()
found = [y, x.grad]
""",
    "set to 0 after a layer": """
m = filled(nn.Linear(3, 4))
y = m(a(2, 3))
y[:, :3] = 0
y.sum().backward()
found = [y, m.weight.grad, m.bias.grad]
""",
    "strings of numpy": """
import numpy
rows = [{"path": numpy.str_(name), "x": 1.0} for name in "ab"]
batch = data.default_collate(rows)
assert list(batch["path"]) == ["a", "b"]
found = [batch["x"]]
""",
    "lists of a batch": """
batch = data.default_collate([{"n": [1, 2, 3]}, {"n": [4, 5, 6]}])
found = batch["n"]
""",
    "lists of several lengths": """
found = data.default_collate([{"n": ["x"]}, {"n": ["x", "x"]}])
""",
    "None in a batch": """
found = data.default_collate([None, None])
""",
    "named tuples": """
from collections import namedtuple
Pair = namedtuple("Pair", "x y")
batch = data.default_collate([Pair(1.0, 2), Pair(3.0, 4)])
assert type(batch) is Pair
found = [batch.x, batch.y]
""",
    "a loader of its own order": """
orders = []
for other in (False, True):
    g = t.Generator()
    g.manual_seed(3)
    loader = data.DataLoader(list(range(50)), shuffle=True, generator=g)
    order = []
    for epoch in range(2):
        order.append([int(x) for x in loader])
        if other:
            list(data.DataLoader([1, 2]))
    orders.append(order)
found = [t.tensor([orders[0] == orders[1], orders[0][0] == orders[0][1]])]
""",
    "two schedules at once": """
o = optim.SGD([leaf([1.0])], lr=0.1)
S = optim.lr_scheduler
s = [S.ConstantLR(o, factor=1), S.ConstantLR(o, factor=0.1), S.CosineAnnealingLR(o, 20, 0.01)]
found = []
for _ in range(7):
    o.step()
    for scheduler in s:
        scheduler.step()
    found.append(t.tensor([o.param_groups[0][k] for k in ("lr", "initial_lr")], dtype=t.float64))
""",
    "decay without a gradient": """
p, q = leaf([1.0]), leaf([2.0])
o = optim.AdamW([p, q], lr=0.1, weight_decay=0.5)
(p * 3).sum().backward()
o.step()
found = [p, q]
""",
    "momentum and no gradient": """
found = []
for none in (True, False):
    p = leaf([1.0])
    o = optim.SGD([p], lr=0.1, momentum=0.9)
    for step in range(4):
        o.zero_grad(set_to_none=none)
        if step != 2:
            (p * p).sum().backward()
        o.step()
    found.append(p)
""",
    "decay and the gradient": """
p = leaf([1.0, -2.0])
o = optim.Adam([p], lr=0.1, weight_decay=0.5)
(p * 3).sum().backward()
o.step()
found = [p, p.grad]
""",
    "decay below 0": """
found = optim.Adam([leaf([1.0])], weight_decay=-1.0)
""",
    "a generator of one's own": """
t.manual_seed(42)
x = t.randn(1)
t.manual_seed(42)
t.randperm(5, generator=t.Generator().manual_seed(1))
found = [x == t.randn(1)]
""",
    "normal numbers after a seed": """
drawn = []
for _ in range(3):
    t.manual_seed(31)
    drawn.append(t.randn(3))
found = [drawn[0] == drawn[1], drawn[0] == drawn[2]]
""",
    "draws that go on": """
g = t.Generator().manual_seed(7)
p = t.ones(1000)
x, y = [t.multinomial(p, 400, True, generator=g) for _ in range(2)]
found = [t.tensor([bool((x[k:] == y[: 400 - k]).all()) for k in range(8)])]
""",
    "dropout of everything": """
x = leaf([1.0, 2.0])
y = F.dropout(x, 1.0) + x * F.dropout(x, 0.0)
g = grad([y.sum()], [x], create_graph=True)[0]
found = [y, g, grad([g.sum()], [x])[0]]
""",
    "no dimensions, no promotion": """
kinds = [t.uint8, t.int32, t.int64, t.float32, t.float64, t.bool]
found = []
for one, other in [(p, q) for p in kinds for q in kinds]:
    x, y = t.tensor([3, 2], dtype=one), t.tensor(2, dtype=other)
    found += [x * y, y * x, t.maximum(x, y), t.where(x > 2, y, x), x == y, y < x]
    found += [x / y] if one is not t.bool else []
""",
    "a comparison of two precisions": """
x, y = t.tensor([0.1, 0.2]), t.tensor(0.1, dtype=t.float64)
found = [x == y, x <= y, x - y, x[0] - y, t.stack([y, y]), t.where(x > 0.15, y, y)]
""",
    "gradients of two precisions": """
x, w = t.tensor([1.0, 2.0], requires_grad=True), leaf(3.0)
(x * w * w).sum().backward()
found = [x.grad, w.grad]
""",
    "a list of tensors of one element": """
one, two = t.tensor([1.5]), t.tensor([[2.5]])
found = [t.tensor([one, two]), t.tensor([[one], [two]]), t.tensor([[[one, two]]] * 2)]
found += [t.as_tensor((one, two)), t.tensor([t.tensor(1.0), 2]), t.tensor([one.double(), 2.0])]
""",
    "a gradient that is held": """
x = leaf([1.0, 2.0])
x.grad = kept = t.ones(2, dtype=t.float64)
for _ in range(2): (x * x).sum().backward()
found = [kept, x.grad]
x.grad.zero_()
found += [kept]
""",
    "atan2 at the origin": """
x, y = leaf([0.0, 0.0, 1e-200]), leaf([0.0, 2.0, 1e-200])
t.atan2(x, y).sum().backward()
found = [x.grad, y.grad]
""",
    "cross entropy far from the target": """
x = t.tensor([-50.0, -30.0, -5.0, 30.0], requires_grad=True)
y = t.tensor([1.0, 0.5, 1.0, 0.0])
F.binary_cross_entropy(x.sigmoid(), y).backward()
p = leaf([0.0, 1.0, 0.25])
loss = F.binary_cross_entropy(p, t.tensor([0.0, 1.0, 0.5], dtype=t.float64))
loss.backward()
found = [loss, x.grad, p.grad]
""",
    "a fraction in a tensor of integers": """
x, m = t.tensor([1, 2]), t.tensor([True, False])
found = [x.masked_fill(m, t.tensor(0.5)), x.masked_fill(m, t.tensor(3.7, dtype=t.float64))]
found += [m.masked_fill(m, t.tensor(0.0)), x.float().masked_fill(m, leaf(2.0).detach())]
""",
    "a penalty of a gradient": """
x = leaf([1.0, -2.0])
y = (x**3).sum()
g = grad(y, x, t.ones_like(y), retain_graph=True, create_graph=True, only_inputs=True)[0]
((g.norm(2) - 1) ** 2).backward()
found = [g, x.grad, grad(y, [x], None, None, False, True)[0]]
""",
    "a penalty through changes in place": """
layers = [nn.Linear(3, 4), nn.LeakyReLU(0.2, inplace=True), nn.Linear(4, 2), nn.ELU(inplace=True)]
m, x = filled(nn.Sequential(*layers, nn.Linear(2, 1))), leaf([[0.3, -1.0, 2.0], [1.0, 0.5, -0.7]])
g = grad(m(x).sum(), x, create_graph=True)[0]
((g.norm(2, dim=1) - 1) ** 2).mean().backward()
found = [g, x.grad, m[0].weight.grad, m[2].weight.grad, m[2].bias.grad, m[4].weight.grad]
""",
    "a weight as length and direction": """
norm = nn.utils.weight_norm
m = nn.Sequential(norm(nn.Conv1d(2, 3, 2)), nn.Flatten(), norm(nn.Linear(6, 2), dim=None))
r = norm(norm(nn.LSTM(1, 2, batch_first=True), "weight_hh_l0"), "bias_ih_l0")
found = []
for layers in (filled(m), filled(r)):
    names = [name for name, _ in layers.named_parameters()]
    o = optim.SGD(layers.parameters(), lr=0.1)
    for _ in range(3):
        x = a(2, 2, 3) if layers is m else a(2, 3, 1)
        y = layers(x)[0]
        o.zero_grad()
        (y**2).mean().backward()
        o.step()
    found += [y, *[layers.get_parameter(name) for name in sorted(names)]]
back = nn.utils.remove_weight_norm(m[0])
found += [m(a(2, 2, 3)), back.weight, *[back.state_dict()[key] for key in ("bias", "weight")]]
""",
}


def outcome(library: Any, module: Any, data: Any, gradient: Any, func: Any, program: str) -> Any:
    """The tensors that a program finds, as arrays; None where it is refused."""

    def a(*shape: int) -> Any:
        return library.arange(math.prod(shape), dtype=library.float64).reshape(shape) / 8

    def leaf(values: Any) -> Any:
        return library.tensor(values, dtype=library.float64, requires_grad=True)

    def filled(layers: Any) -> Any:
        layers.double()
        with library.no_grad():
            for k, p in enumerate(layers.parameters()):
                p.copy_((a(*p.shape) * 8 + k).sin())
        return layers

    names = {"t": library, "nn": module, "F": module.functional, "data": data, "filled": filled}
    optim = nn.optim if library is mg else library.optim
    names.update(optim=optim, math=math, np=np, a=a, leaf=leaf, grad=gradient, func=func)
    try:
        with np.errstate(all="ignore"):
            exec(program, names)
    except REFUSED as error:
        assert library is not mg or re.match(r"[\w.\[\]=]+( \(\w+\))?: ", str(error)), error
        return None
    found = names["found"]
    return [y.detach().numpy() if hasattr(y, "detach") else np.asarray(y) for y in found]


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*dropout:UserWarning")
@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_after_a_report(program: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    their_func = type("Func", (), dict(vars(torch.func), jacobian=torch.func.jacrev))
    theirs = outcome(torch, torch.nn, torch.utils.data, torch.autograd.grad, their_func, program)
    ours = outcome(mg, nn, nn.data, mg.grad, mg.func, program)
    assert (ours is None) == (theirs is None)
    for our, their in zip(ours or (), theirs or (), strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-12, atol=1e-14, strict=True)


def test_the_second_derivative_of_a_product_with_two_zeros() -> None:
    H = mg.func.hessian(mg.Tensor.prod)(mg.tensor([2.0, 3.0, 0.0, 0.0]))
    expected = np.zeros((4, 4))
    expected[2, 3] = expected[3, 2] = 6
    np.testing.assert_array_equal(H.numpy(), expected)


def test_what_attention_hides_does_not_count_even_where_it_is_nan() -> None:
    keys = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
    broken = mg.tensor([[1.0, 2.0], [math.nan, 4.0]], requires_grad=True)
    seen = mg.tensor([[True, False], [True, False]])
    attend = nn.functional.scaled_dot_product_attention
    y = attend(keys, broken, keys, attn_mask=seen)
    assert y.tolist() == attend(keys, keys, keys, attn_mask=seen).tolist()
    y.sum().backward()
    assert broken.grad.tolist() == [[0, 0], [0, 0]]


def test_every_program_has_a_row_in_the_table() -> None:
    table = Path(__file__).with_name("STRANGERS.md").read_text("utf-8")
    assert set(PROGRAMS) <= set(re.findall(r"`([^`]+)` [|]", table))


def test_only_inputs_has_no_effect() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.warns(FutureWarning, match="only_inputs=False has no effect; .* use backward"):
        (g,) = mg.grad((x * x).sum(), x, only_inputs=False)
    assert g.tolist() == [2, 4]


def test_weight_norm_says_what_it_cannot_change() -> None:
    layer = nn.utils.weight_norm(nn.Linear(3, 2))
    with pytest.raises(ValueError, match=r"weight_norm: .*, got 'weight'; Linear has \['bias', "):
        nn.utils.weight_norm(layer)
    with pytest.raises(IndexError, match="weight_norm: expected a dim from -2 to 1, got dim 2"):
        nn.utils.weight_norm(nn.Linear(3, 2), dim=2)
    with pytest.raises(TypeError, match="weight_norm: expected a module, got"):
        nn.utils.weight_norm(layer.bias)  # type: ignore[type-var]
    nn.utils.remove_weight_norm(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    with pytest.raises(ValueError, match="remove_weight_norm: .*, got 'weight' of Linear"):
        nn.utils.remove_weight_norm(layer)
