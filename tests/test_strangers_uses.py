"""Layers, losses, loaders and schedules as strangers call them: PyTorch's numbers, or a refusal."""

import numpy as np
import pytest
from test_strangers_reports import outcome

import minigrad as mg
import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")

# Programs, one below the other; a is arange / 8 in a shape, filled gives a layer its numbers
USES = """
found = [filled(nn.LSTM(3, 2, 2, batch_first=True, bidirectional=True))(a(2, 4, 3))[0]]

found = [*filled(nn.LSTM(3, 2))(a(4, 3))[1]]

found = [filled(nn.GRU(3, 2))(a(4, 3), a(1, 2))[0]]

found = [filled(nn.RNN(3, 2, nonlinearity="relu"))(a(4, 2, 3))[1]]

found = [filled(nn.LSTM(3, 2))(a(4, 2, 3), (a(1, 3, 2), a(1, 3, 2)))[0]]

found = [filled(nn.LSTM(3, 2))(a(4, 2, 4))[0]]

found = [filled(nn.LSTM(3, 2))(a(0, 2, 3))[0]]

found = [filled(nn.LSTM(3, 2))(a(4, 0, 3))[0]]

m = filled(nn.LSTM(3, 2))
state = None
for k in range(3):
    y, state = m(a(4, 2, 3) + k, state)
    y.sum().backward()
    for part in state:
        part.detach_()
found = [*state, m.weight_hh_l0.grad]

found = [filled(nn.GRUCell(3, 2))(a(3))]

found = [*filled(nn.LSTMCell(3, 2))(a(5, 3))]

m = filled(nn.Embedding(5, 3, max_norm=1.0, norm_type=1))
y = m(t.tensor([[0, 1], [4, 4]]))
found = [y, m.weight]

m = filled(nn.Embedding(5, 3, scale_grad_by_freq=True))
y = m(t.tensor([0, 1, 4, 4]))
(y * a(4, 3)).sum().backward()
found = [y, m.weight.grad]

m = filled(nn.Embedding(5, 3, padding_idx=-1))
y = m(t.tensor([0, 4]))
y.sum().backward()
found = [y, m.weight.grad]

m = filled(nn.Embedding(5, 3))
ids = [t.tensor(2), t.zeros(0, dtype=t.int64), t.tensor([1], dtype=t.int32)]
found = [m(i) for i in ids]

found = [filled(nn.Embedding(5, 3))(t.tensor([1.0]))]

found = [filled(nn.Embedding(5, 3))(t.tensor([-1]))]

m = filled(nn.BatchNorm1d(3))
y = m(a(4, 3))
m.eval()
found = [y, m(a(4, 3)), m.running_mean, m.running_var, m.num_batches_tracked]

m = filled(nn.BatchNorm1d(3, momentum=None))
m(a(4, 3))
m(a(4, 3) + 1)
found = [m.running_mean]

m = filled(nn.BatchNorm1d(3))
found = [m(a(1, 3))]

m = filled(nn.LayerNorm((2, 3), elementwise_affine=False))
found = [m(a(4, 2, 3))]

m = filled(nn.LayerNorm(3, bias=False))
found = [m(a(4, 2, 3))]

found = [filled(nn.Linear(3, 2, bias=False))(a(3)), filled(nn.Linear(3, 2))(a(0, 3))]

found = [nn.Flatten()(a(2, 3, 2)), nn.Flatten(0, 1)(a(2, 3, 2)), nn.Unflatten(1, (1, 3))(a(2, 3))]

m = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
m.append(nn.Tanh())
m.insert(0, nn.Identity())
del m[1]
found = [len(m), len(m[1:])]

m = nn.Linear(2, 2)
m.register_buffer("b", t.ones(2))
m.b = t.zeros(3)
found = [m.state_dict()["b"]]
del m.b
found.append(len(m.state_dict()))

m = nn.Linear(2, 2).double()
found = [m(t.ones(2))]

m = nn.Linear(2, 2)
found = [m(t.ones(2, dtype=t.float64))]

m = nn.Linear(2, 2)
m.load_state_dict({"weight": t.ones(2, 2, dtype=t.float64), "bias": t.zeros(2, dtype=t.float64)})
found = [m.weight, m.bias]

m = nn.Linear(2, 2)
m.load_state_dict({"weight": t.ones(2, 2), "bias": t.zeros(2), "x": t.zeros(1)})
found = []

found = [next(iter(data.DataLoader([(1, 2.0), (3, 4.0)], batch_size=2)))[0]]

rows = list(range(10))
found = [len(data.DataLoader(rows, 3)), len(data.DataLoader(rows, 3, drop_last=True))]

found = list(data.DataLoader(list(range(5)), batch_size=None))

found = [b for b in data.DataLoader(np.arange(6.0), batch_size=4)]

found = list(data.DataLoader([np.array(["a"], dtype=object)]))

found = [next(iter(data.DataLoader([{"a": 1, "b": t.ones(2)}] * 2, batch_size=2)))["b"]]

found = [len(next(iter(data.DataLoader([b"x", b"y"], batch_size=2))))]

rows = [[True, False], [np.float32(1), np.float32(2)], [1, 2.5]]
found = [next(iter(data.DataLoader(r, batch_size=2))) for r in rows]

found = list(data.DataLoader([t.ones(2), t.ones(3)], batch_size=2))

s = data.WeightedRandomSampler([0.0, 1.0], 4)
found = list(s)

found = [len(x) for x in data.random_split(range(10), [0.25, 0.75])]

found = [len(x) for x in data.random_split(range(10), [3, 6])]

m = filled(nn.MultiheadAttention(4, 2))
found = [*m(a(3, 2, 4), a(5, 2, 4), a(5, 2, 4))]

m = filled(nn.MultiheadAttention(4, 2, bias=False))
found = [m(a(3, 4), a(5, 4), a(5, 4))[0]]

m = filled(nn.MultiheadAttention(4, 2))
found = [*m(a(3, 4), a(3, 4), a(3, 4), attn_mask=t.triu(t.ones(3, 3), 1) > 0)]

m = filled(nn.MultiheadAttention(4, 2))
mask = t.triu(t.ones(3, 3), 1).double() * -1e9
found = [*m(a(3, 4), a(3, 4), a(3, 4), attn_mask=mask)]

m = filled(nn.MultiheadAttention(4, 2))
found = [*m(a(3, 4), a(3, 4), a(3, 4), is_causal=True)]

settings = dict(batch_first=True, norm_first=True, activation="gelu")
m = filled(nn.TransformerEncoderLayer(4, 2, 8, 0.0, **settings))
found = [m(a(2, 3, 4))]

m = filled(nn.Transformer(4, 2, 1, 1, 8, 0.0))
found = [m(a(3, 2, 4), a(2, 2, 4))]

found = [nn.Transformer.generate_square_subsequent_mask(3)]

found = [F.scaled_dot_product_attention(a(2, 3, 4), a(2, 5, 4), a(2, 5, 4), is_causal=True)]
found.append(F.scaled_dot_product_attention(a(3, 4), a(3, 4), a(3, 4), scale=0.5))

q, k = a(2, 3, 4), a(2, 5, 4)
found = F.scaled_dot_product_attention(q, k, k, t.ones(3, 5) > 0, is_causal=True)

m = filled(nn.Conv1d(2, 3, 2, padding="same"))
found = [m(a(1, 2, 5))]

m = filled(nn.Conv1d(2, 4, 3, 2, 1, 1, 2))
found = [m(a(1, 2, 7)), m(a(2, 7))]

m = filled(nn.Conv2d(1, 1, (2, 3), dilation=(1, 2)))
found = [m(a(1, 1, 5, 7))]

m = nn.AvgPool2d(2, 1, 1, count_include_pad=False)
found = [m(a(1, 2, 4, 4))]

found = [nn.CrossEntropyLoss(ignore_index=1)(a(3, 4), t.tensor([1, 2, 1]))]
found.append(nn.CrossEntropyLoss()(a(2, 3, 4), t.zeros(2, 4, dtype=t.int64)))
found.append(nn.CrossEntropyLoss()(a(3), t.tensor(1)))

y = t.ones(3, dtype=t.float64)
found = [nn.BCELoss()(a(3).abs(), y), nn.BCEWithLogitsLoss()(a(3) * 1000, y)]

found = [nn.BCEWithLogitsLoss()(a(3), t.ones(3, 1, dtype=t.float64))]

found = [nn.NLLLoss()(a(2, 3), t.tensor([0, 3]))]

o = optim.SGD([nn.Parameter(t.ones(1))], lr=0.1)
s = optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, factor=0.5)
found = []
for v in (1.0, 1.0, float("nan"), 0.5, 0.6):
    s.step(v)
    found.append(o.param_groups[0]["lr"])

o = optim.SGD([nn.Parameter(t.ones(1))], lr=0.1)
s = optim.lr_scheduler.LinearLR(o, 0.1, 1.0, 3)
found = []
for v in range(5):
    o.step()
    s.step()
    found.append(s.get_last_lr()[0])

o = optim.SGD([nn.Parameter(t.ones(1))], lr=0.1)
s = optim.lr_scheduler.MultiStepLR(o, [2, 2, 4])
found = []
for v in range(5):
    o.step()
    s.step()
    found.append(s.get_last_lr()[0])

o = optim.SGD([nn.Parameter(t.ones(1))], lr=0.1)
s = optim.lr_scheduler.PolynomialLR(o, 3, 2.0)
found = []
for v in range(5):
    o.step()
    s.step()
    found.append(s.get_last_lr()[0])

p = nn.Parameter(t.ones(2))
p.grad = t.tensor([3.0, 4.0])
found = [nn.utils.clip_grad_norm_(p, 1.0), p.grad]

p = nn.Parameter(t.ones(2))
p.grad = t.tensor([3.0, 4.0])
found = [nn.utils.clip_grad_norm_((q for q in [p]), 1.0, norm_type="inf"), p.grad]

p = nn.Parameter(t.ones(2))
found = [nn.utils.parameters_to_vector((q for q in [p, p]))]
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", USES.strip().split("\n\n"))
def test_a_use_gives_pytorchs_numbers(program: str) -> None:
    theirs = outcome(torch, torch.nn, torch.utils.data, torch.autograd.grad, torch.func, program)
    ours = outcome(mg, nn, nn.data, mg.grad, mg.func, program)
    assert (ours is None) == (theirs is None)
    for our, their in zip(ours or (), theirs or (), strict=True):
        np.testing.assert_allclose(our, their, 1e-6, 1e-12, strict=True)
