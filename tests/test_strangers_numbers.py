"""Programs as strangers write them: at infinities, of nothing, of 0-d tensors, in PyTorch's words.

Each call below is run by both libraries: values, dtypes, shapes and gradients must be the same, NaN
where PyTorch has NaN.
"""

import copy
import itertools
import math
import pickle
from typing import Any

import laws
import numpy as np
import pytest

import minigrad as mg
import nn
import nn.functional as our_functional

INF = math.inf

ARRAYS: dict[str, Any] = {
    "zero": [[0.0, 0.0, 0.0], [3.0, 0.0, 4.0]],
    "constant": [[1.0, 1.0, 1.0], [1.0, 2.0, 4.0]],
    "low": [[-INF, -INF], [0.5, -INF]],
    "high": [[INF, 0.5], [1.0, 2.0]],
    "ends": [-INF, -1.0, 0.0, 2.0, INF],
    "x": [[0.3, -1.2, 2.0], [1.1, 0.7, -0.4]],
    "other": [[1.5, -0.2, 0.6], [0.1, -2.0, 0.9]],
    "logits": [[0.3, -1.2, 2.0], [1.1, 0.7, -0.4]],
    "forbidden": [[-INF, -1.2, 2.0], [1.1, 0.7, -0.4]],
    "s": 2.5,
    "cube": [[[1.0, 2.0], [3.0, 5.0]], [[-1.0, 0.5], [2.5, 4.0]]],
}
INTEGERS: dict[str, Any] = {
    "padding": [-100, -100],
    "half": [-100, 2],
    "y": [2, 1],
    "at": [0],
    "at0": 0,
    "two": [[1, 2], [3, 4]],
}

WEIGHTS = [0.5, 2.0, 1.5]  # `w`, without a gradient: PyTorch has none of weights of classes

NUMBERS = """
constant.std(1); constant.var(1); constant.std(1, keepdim=True) + 1e-5; zero.norm(dim=1)
zero.norm(3, dim=1); zero.norm(0.5, dim=1); zero.norm(-1, dim=1); zero.norm(-2); zero.norm(1.5, 1)
zero.norm(math.inf, 1); zero.norm(-math.inf, 1); zero[0].norm(); zero[0].std(); s.norm()
low.logsumexp(1); low.logsumexp(0); low[0].logsumexp(0); high.logsumexp(1); high.logsumexp(0)
low.logsumexp((0, 1)); low.softmax(1); low.softmax(0); high.softmax(1); low.log_softmax(0)
low.log_softmax(1); high.log_softmax(1); F.logsigmoid(ends); F.softmax(low, -1)
F.softplus(ends); ends.sigmoid(); ends.tanh(); F.elu(ends); F.relu(ends)
F.cross_entropy(logits, padding); F.cross_entropy(logits, padding, label_smoothing=0.1)
F.cross_entropy(logits, padding, w); F.cross_entropy(logits, padding, w, label_smoothing=0.1)
F.cross_entropy(logits, half); F.cross_entropy(logits, half, label_smoothing=0.1)
F.cross_entropy(logits, half, w, label_smoothing=0.1); F.cross_entropy(logits, y, w)
F.cross_entropy(logits, y, w, label_smoothing=0.2); F.nll_loss(logits, padding)
F.cross_entropy(logits, y, w, label_smoothing=0.2, reduction="sum")
F.cross_entropy(logits, half, w, label_smoothing=0.2, reduction="none")
F.nll_loss(logits, padding, w); F.nll_loss(logits, half, w); F.nll_loss(forbidden, half)
F.nll_loss(logits, padding, reduction="sum"); F.cross_entropy(forbidden, half)
F.cross_entropy(forbidden, half, label_smoothing=0.1, reduction="none")
F.cross_entropy(low, padding); F.cross_entropy(low, padding, label_smoothing=0.1)
F.cross_entropy(logits, logits.softmax(1), w, label_smoothing=0.1)
F.scaled_dot_product_attention(x, x, x, attn_mask=x[:, :2] > 5)
F.scaled_dot_product_attention(x, x, x, attn_mask=t.tensor([[True, False], [False, False]]))
"""

NOTHING = """
x[[]]; x[:, []]; x[[], []]; x[:, :0].softmax(1); x[:, :0].softmax(0); x[:0].softmax(1)
x[:, :0].log_softmax(1); x[:, :0].logsumexp(1); x[:0].logsumexp(0); x[:0].logsumexp((0, 1))
x[:, :0].sum(1); x[:0].mean(); x[:0].std(); x[:0].var(0); x[:0].norm(); x[:0].prod()
x[:, :0].prod(1); x[:0].cumsum(0); x[:, :0].amax(0); (x[:0] > 0).all(); (x[:0] > 0).any()
x[:0].chunk(3); x[:0].chunk(2, 1); x[:, :0].split(2, 1); x[:0].split(1); x[:, :0].unbind(1)
t.cat([x[0, :0], x]); t.cat([x, x[0, :0]], 1); t.cat([x[0, :0], x[0, :0]]); t.cat([x[:0], x])
t.cat([x[0, :0], cube], -1); t.cat([x[0, :0], x, x[1, :0], other], 0); x[:0] @ x.T
x[:, :0] @ x.T[:0]; t.einsum("ij,jk->ik", x[:, :0], x.T[:0]); x[:0].flip(0); x[:0].roll(1, 0)
x[:0].repeat(2, 1); x[:0].flatten(); x[:0].gather(0, two[:0]); x.index_select(0, at[:0])
F.scaled_dot_product_attention(cube[:0], cube[:0], cube[:0]); x[:0].masked_fill(x[:0] > 0, 1.0)
F.scaled_dot_product_attention(cube, cube[:, :0], cube[:, :0])
F.scaled_dot_product_attention(cube[:, :0], cube, cube)
F.cross_entropy(logits[:0], y[:0]); F.cross_entropy(logits[:0], y[:0], reduction="sum")
F.nll_loss(logits[:0], y[:0]); F.mse_loss(x[:0], other[:0]); F.pad(x[:0], (1, 1))
F.layer_norm(x[:0], (3,)); F.linear(x[:0], other); F.embedding(y[:0], x); x[:0].tril()
"""

NUMBERS_WITHOUT_DIMS = """
s.gather(0, at0); s.gather(0, at); s.gather(0, at[[0, 0, 0]]); s.sum((0,)); s.amax((-1,), True)
s.logsumexp((0,)); s.mean([-1]); s.norm(dim=(0,)); s.std((0,), correction=0); s.sum(())
s.amin((0,)); s.squeeze((0,)); (s > 0).all(0)
s.gather(-1, at0); s.index_select(0, at); s.index_select(-1, at0); s.sum(0)
x.index_select(1, at0); s.transpose(0, -1); s.swapaxes(0, -1)
s.movedim(0, -1); s.logsumexp(0); s.logsumexp(-1, True)
s.amax(0); s.amin(-1); s.amax(0, keepdim=True); s.prod(0); s.prod(-1, keepdim=True); s.softmax(0)
s.log_softmax(-1); s.cumsum(0); s.squeeze(0); s.squeeze(-1); s.unsqueeze(0); s.mean(0); s.var(0)
s.std(-1, correction=0); s.norm(dim=0); s.norm(1, 0); s.norm(math.inf, 0); s.max(0); s.min(-1)
s.argmax(0); s.argmin(-1, keepdim=True); (s > 0).any(0); (s > 0).all(-1); s.flip(0); s.flatten()
s.roll(1); s.sum(0, keepdim=True); s.expand(2, 2); s.repeat(3); t.stack([s, s])
s.permute(()); s.reshape(1, 1); t.where(s > 0, s, x); s[None]; s[...]
t.einsum(",i->i", s, w); s.clamp(0, 1); s.masked_fill(s > 0, 1.0); t.outer(s[None], w)
"""

FORMS = """
t.addcmul(x, x, other, value=0.5); x.addcdiv(other, other + 9, value=-2); x.lerp(other, 0.3)
t.lerp(x, other, 0.7); t.lerp(x, other, x.sigmoid()); x.lerp(other, s); t.addcmul(two, two, two)
t.addcmul(x[0], x, other); t.lerp(x[:, :1], other, 1); two.addcmul(two, two, value=3)
constant.std(1, unbiased=False); constant.var(0, unbiased=True); x.var(False); x.std(False)
x.std(1, True); x.add(other, alpha=2); x.sub(other, alpha=0.5); t.add(x, other, alpha=-1)
t.sub(x, 1.0, alpha=3); t.add(x, s, alpha=2); two.add(two, alpha=3); x.sum(dtype=t.float32)
x.sum(1, dtype=t.float32); t.sum(x, 0, True, dtype=t.float32); t.softmax(x, 1, dtype=t.float32)
x.softmax(-1, dtype=t.float32); x.cumsum(1, dtype=t.float32); two.cumsum(0, dtype=t.float64)
two.sum(dtype=t.float64); x.sum(dtype=None); two.int().sum(); two.int().prod()
two.int().cumsum(0); (x > 0).prod(1); (x > 0).cumsum(0); F.softmax(x, 1, dtype=t.float32)
t.movedim(cube, [0, 1], [2, 0]); cube.movedim([-1], [0]); t.einsum("ii->i", x[:, :2])
t.einsum("ii", x[:, :2])
t.einsum("ii->", x[:, 1:]); t.einsum("iij->ij", cube); t.einsum("iji->j", cube)
t.einsum("iii->i", cube); t.einsum("...ii->...i", cube); t.einsum("ii,ij->j", x[:, :2], x)
t.einsum("iij,jj->i", cube, cube[0]); x.sign(); zero.sign(); x * x.sign(); t.square(input=x)
t.add(input=x, other=other); t.tanh(input=x); t.sub(x, other=other); t.exp(input=x, out=None)
t.sum(input=x, dim=1); t.softmax(input=x, dim=0); t.matmul(input=x, other=other.T)
t.mm(input=x, mat2=other.T); t.mv(input=x, vec=w); t.outer(input=w, vec2=w)
t.dot(input=w, tensor=w); t.maximum(input=x, other=other)
t.minimum(input=x, other=other)
t.max(x, other=other); t.min(input=x, other=other); t.where(x > 0, input=x, other=other)
t.split(tensor=x, dim=1, split_size_or_sections=2)
t.clamp(input=x, min=0)
t.gather(input=x, dim=0, index=two[:1] * 0)
t.eq(input=x, other=other); t.mul(input=x, other=2.0); t.div(input=x, other=other)
t.cumsum(x, 1)
t.logsumexp(input=x, dim=1); t.flatten(input=x); t.norm(input=x); t.std(input=x, dim=1)
t.cat(tensors=[x, other], dim=1); t.stack(tensors=(x, other)); t.pow(input=x, exponent=2)
t.swapaxes(input=x, axis0=0, axis1=1); t.broadcast_to(input=x, size=(2, 2, 3)); x.div(2.0)
x.div(other, rounding_mode=None); x.clone(memory_format=None); t.abs(input=x); t.sign(input=x)
two.masked_fill(two > 1, 0.5); two.int().masked_fill(two > 1, 7); two.masked_fill(two > 1, -2.7)
two.int().clamp(0, 2); t.where(two > 1, two.int(), 3); t.where(two > 1, 2**40, two)
"""

FORMS_OF_DIMS = """
x.mean(dtype=t.float32); x.mean(1, dtype=t.float32); x.prod(dtype=t.float32)
x.prod(1, dtype=t.float32); F.log_softmax(x, 1, dtype=t.float32); t.log_softmax(x, 1, t.float32)
x.log_softmax(1, t.float32); x.std(dim=1, unbiased=True); t.std(x, 1, False)
t.var(input=x, dim=(0, 1)); t.std(x, unbiased=False); x.var(dim=None, correction=0)
t.var_mean(x, 1, unbiased=False); t.std_mean(x, dim=1); x.repeat((2, 1)); x.repeat([1, 2])
x.expand((2, 2, 3)); x.expand([2, -1, 3]); x.permute([1, 0]); x.view([3, 2]); x.reshape([6])
x.sum([0, 1]); x.sum((0,)); x.mean([0, 1], True); x.amax([0, 1]); x.amin(dim=[0])
x.logsumexp([0, 1]); x.std([0, 1]); x.norm(dim=[0, 1]); x.flip([0, 1]); x.flip(0, 1)
x.roll([1, 1], [0, 1]); x.roll((1,), (0,)); x.tile([2, 1]); x.tile(2, 1); x.squeeze((0, 1))
x[None].squeeze([0, 1]); x.movedim((0, 1), (1, 0)); t.movedim(x, 0, 1)
x.transpose(dim0=0, dim1=1); x.swapaxes(axis0=0, axis1=1); x.unsqueeze(dim=1); x.split([1, 2], 1)
x.split([1, 2], dim=1); x.chunk(2, dim=1); x.chunk(chunks=2, dim=1); x.unbind(dim=1)
t.unbind(x, 1); two.add(two, alpha=-2); two.sub(two, alpha=2); t.add(two, 1, alpha=3)
x.add(1, alpha=0.5); t.einsum("ij,jk", [x, other.T]); t.einsum("ij,kj->ik", x, other)
t.einsum("ij,ij->", x, other); t.einsum("...j,...j->...", x, other)
t.einsum("i j, k j -> i k", x, other); t.einsum("ij->ji", x); t.einsum("ab,cb", x, other)
t.cat([x, other]); t.cat((x, other), -1); t.cat([x[0, :0], x[0, :0], w])
t.cat(tensors=(x, other)); t.cat([x.detach(), two.double()[:, :1].expand(2, 3)])
t.stack([x, other], dim=-1); t.stack(tensors=[x, other], dim=1); t.where(x > 0, 1.0, x)
t.where(x > 0, x, 0); t.where(x > 0, 1.0, 2.0); x.where(x > 0, 0.0); t.clamp(x, 0)
t.clamp(x, max=w); t.clamp(x, w, w + 1); x.clamp(min=other); t.maximum(x, w); x.sum(-1, True)
x.sum(dim=(0, 1), keepdim=True); x.max(1, True); x.max(dim=1, keepdim=True); x.min(0); t.max(x)
t.max(x, 1)[0]; x.argmax(); x.argmax(1, True); x.argmax(dim=None); x.any(1); x.all()
(x > 0).sum(); (x > 0).sum(1); (x > 0).float().mean(); x.cumsum(-1); x.cumsum(dim=0)
x.prod(0, True); x.prod(dim=-1); x.softmax(dim=-1); F.softmax(x, dim=-1, _stacklevel=3)
x.sigmoid(); t.relu(x); x.relu(); x.tanh(); x.exp(); x.pow(2); x ** 2.0; 2 ** x; x ** other.abs()
t.pow(2.0, x); x.reciprocal(); F.one_hot(y, 3); F.one_hot(y); F.pad(x, (1, 2))
F.pad(x, [1, 2, 0, 1], value=2.0); F.pad(x, (1, 0), "constant", 0); F.pad(x, (-1, 1))
F.gelu(x, approximate="none"); F.elu(x, 0.5); F.leaky_relu(x, 0.2); F.hardtanh(x, -0.5, 0.5)
F.normalize(x); F.normalize(x, p=1, dim=0); F.layer_norm(x, [3], eps=1e-3)
F.layer_norm(x, (2, 3)); F.rms_norm(x, (2, 3)); F.rms_norm(x, [3], eps=1e-3)
F.cosine_similarity(x, other); F.cosine_similarity(x, other, dim=0)
F.pairwise_distance(x, other, p=1); F.mse_loss(x, other, reduction="sum")
F.l1_loss(x, other, reduction="none"); F.smooth_l1_loss(x, other, beta=0.5)
F.huber_loss(x, other, delta=0.5)
F.kl_div(x.log_softmax(1), other.softmax(1), reduction="batchmean")
F.cross_entropy(x, y, reduction="none"); F.cross_entropy(x, y, w)
F.cross_entropy(x, other.softmax(1)); F.nll_loss(x, y, w, reduction="sum")
F.cross_entropy(x, y, size_average=False); F.mse_loss(x, other, reduce=False)
F.binary_cross_entropy_with_logits(x, other.sigmoid(), pos_weight=w)
x.index_select(dim=1, index=at); x.take_along_dim(two * 0, 1); x.take_along_dim(at[None] * 0 + 4)
t.take_along_dim(x, two * 0, dim=1); x.scatter(1, two * 0, other[:, :2])
x.scatter(1, two * 0, 5.0); x.scatter(1, two * 0, value=5.0)
x.scatter_add(1, two * 0, other[:, :2]); x.index_add(1, at, other[:, :1])
x.index_add(1, at, other[:, :1], alpha=2); x.index_fill(1, at, 2.0)
x.index_copy(1, at, other[:, :1]); x.masked_fill(x > 0, 1); x.masked_fill(mask=x > 0, value=2.0)
x.masked_select(x > 0); x[x > 0]; x[[0, 1], [1, 2]]; x[..., 1]; x[:, None]
x[t.tensor([True, False])]; x[-1]; x[:, ::2]; x[1:, 1:]; x[y - 1]; x.diagonal(); x.diag()
x.tril(-1); x.triu(1); t.outer(w, w); x @ other.T; x.matmul(w); t.mm(x, other.T)
t.bmm(cube, cube); cube @ cube[0]; t.dot(w, w); x.T; cube.mT; x.t(); t.addmm(w, x, t.outer(w, w))
t.baddbmm(cube, cube, cube, beta=0.5, alpha=2); t.tensordot(x, other, dims=([1], [1]))
t.tensordot(x, other.T, 1); x.sort(1)[0]; x.sort(descending=True); x.argsort(0); x.topk(2)
x.topk(k=2, dim=1, largest=False, sorted=True); x.median(); x.median(1)
two.unique(return_counts=True); t.bincount(y); x.cummax(1)[0]; x.cummin(0)[0]; x.logical_not()
t.isclose(x, other); x.isnan(); t.floor(x); x.round(decimals=1); x.trunc(); x.frac(); x % 0.7
t.remainder(x, other); t.fmod(x, 0.7); x.atan2(other); t.log2(x.abs()); x.abs().log10(); x.sign()
x.float(); x.double(); x.long(); x.to(t.float32); x.to(dtype=t.float32); x.type(t.float32)
x.to(other); x.bool(); x.int(); x.view_as(other)
x.expand_as(cube[0, :, :1].T[:1].expand(2, 2)[:, :1].expand(2, 3)); x.reshape_as(other.T)
x.clone(); x.detach(); x.contiguous(); x.flatten(0, 1); x.unfold(1, 2, 1); x.ravel()
x.numel() * x; x.new_zeros(2, 3); x.new_full((2,), 7); x.new_ones([2]); x.new_tensor([1.0, 2.0])
t.zeros_like(x); t.ones_like(x, dtype=t.float32); t.full_like(x, 3.0); t.arange(5)
t.arange(1, 2, 0.25); t.linspace(0, 1, 5); t.eye(3); t.full((2, 2), 7); t.full([2], 1.5)
t.zeros((2, 3)); t.zeros(size=(2,)); t.tensor(3); t.tensor([[1, 2.5]]); t.as_tensor([1, 2])
t.einsum(x, [0, 1], other, [2, 1], [0, 2]); t.einsum(x, [0, 1], other, [27, 1])
t.einsum(cube, [..., 1, 2], cube, [..., 2, 3], [..., 1, 3]); t.einsum(x, [0, 1], [1])
"""


# What tests/trust/test_taken_arguments.py found to be another value, dtype or shape
TAKEN = """
x.all(dim=()); x.any(dim=[]); x.any(dim=(), keepdim=True); two.all(dim=[]); x.all(dim=(0, 1))
F.hardtanh(two); F.hardtanh(two, 2, 3); F.relu6(two); F.hardtanh(x, -0.5, 1.5); F.relu6(at0)
F.huber_loss(x.detach(), other.detach().float()); F.smooth_l1_loss(x.float(), other)
F.huber_loss(x.detach().float(), other.detach(), reduction="none")
F.binary_cross_entropy_with_logits(x, other.float().sigmoid())
F.binary_cross_entropy_with_logits(x.float(), other.float().sigmoid(), w, pos_weight=w)
F.binary_cross_entropy(x.float().sigmoid(), other.float().sigmoid(), w)
F.prelu(s, x[0, :1]); F.prelu(-s, x[0, :1]); F.one_hot(two, -1); F.one_hot(two, 5)
two.repeat_interleave(2, output_size=8); two.repeat_interleave(y, 0, output_size=3)
x.reshape(-1, 2); x.view(3, -1); x.reshape([-1]); t.linspace(0.0, 1.0, 1); t.isclose(x, x, 0.0, 0.0)
"""

# The constructor; the numbers of a tensor of some sizes are open in PyTorch
CONSTRUCTED = """
t.Tensor(); t.Tensor([1.0, 2.0]); t.Tensor([1, 2]); t.Tensor((1, 2)); t.Tensor([]); t.Tensor([[]])
t.Tensor([[1, 2], [3, 4]]); t.Tensor(range(3)); t.Tensor([True, False]); t.Tensor([math.nan, INF])
t.zeros_like(t.Tensor(2, 3)); t.zeros_like(t.Tensor(5)); t.Tensor(0); t.Tensor(2, 0)
t.zeros_like(t.Tensor(size=(2, 3))); t.zeros_like(t.Tensor(x.shape)); t.Tensor(x.tolist())
t.zeros_like(t.Tensor(two[0, 1], 3)); t.Tensor([1], device="cpu")
t.Tensor(x) * other; t.Tensor(x[0]) * 2; t.Tensor(s) ** 2; t.Tensor(two); t.Tensor(at0); t.Tensor(w)
t.Tensor([s.detach(), 1]); t.Tensor([x[0].tolist(), [1, 2, 3]]).sum(0); t.Tensor([16777217, 0.1])
t.Tensor(np.ones((2, 3), np.float32)); t.Tensor(np.float32([[1, 2]]).T); t.Tensor([np.float64(0.1)])
"""


# Of two dtypes, in both orders: PyTorch promotes some and refuses the others
OF_TWO_DTYPES = """
a @ b; a @ b[0]; a[0] @ b; a[0] @ b[0]; t.mm(a, b); t.mv(a, b[0]); t.dot(a[0], b[0])
t.bmm(a[None], b[None]); t.outer(a[0], b[0]); t.tensordot(a, b, 1); t.tensordot(a, b, 0)
t.addmm(a, b, b); t.addmm(b, b, a); t.addmm(a, b, b, beta=0); t.addmv(a[0], b, b[0])
t.baddbmm(a[None], b[None], b[None]); t.einsum("ij,jk->ik", a, b); t.einsum("ij,ij->ij", a, b)
t.einsum("i,j->ij", a[0], b[0]); t.einsum("ij,kj->ik", a[:, :1], b[:, :1])
t.einsum("ij,k->i", a, b[0])
F.bilinear(a, b, a[None]); t.isclose(a, b); t.equal(a, b); t.meshgrid(a[0], b[0], indexing="ij")
F.scaled_dot_product_attention(a[None], b[None], b[None]); a * b; a > b; t.where(a > 1, a, b)
"""
DTYPES_OF_TWO = ("float32", "float64", "int64", "int32", "bool")


def calls_of(lines: str) -> list[str]:
    """The calls of a block, one after the other."""
    return lines.strip().replace("\n", "; ").split("; ")


def run(call: str, library: Any, functional: Any) -> tuple[list[Any], list[Any]]:
    """The tensors that a call gives, and the gradients of the leaves, None where there is none."""
    leaves = {}
    for name, values in ARRAYS.items():
        leaves[name] = library.tensor(values, dtype=library.float64, requires_grad=True)
    names = {name: library.tensor(values) for name, values in INTEGERS.items()}
    names["w"] = library.tensor(WEIGHTS, dtype=library.float64)
    known = {"t": library, "F": functional, "math": math, "np": np, "INF": INF}
    with np.errstate(all="ignore"):
        outputs = laws.as_list(eval(call, known, {**leaves, **names}))
        loss = library.tensor(0.0, dtype=library.float64)
        for y in outputs:
            if y.requires_grad:
                weights = library.arange(1, y.numel() + 1).reshape(tuple(y.shape))
                loss = loss + (y * weights).sum()
        if loss.requires_grad:
            loss.backward()
    return outputs, [leaf.grad for leaf in leaves.values()]


def check_against_pytorch(call: str) -> None:
    """Raise where a call gives another value, dtype or gradient than PyTorch's."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    theirs, their_grads = run(call, torch, torch.nn.functional)
    ours, our_grads = run(call, mg, our_functional)
    rtol = 1e-5 if any(y.dtype == mg.float32 for y in ours) else 1e-9
    for y, want in zip(ours, theirs, strict=True):
        assert str(want.dtype) == f"torch.{y.dtype}" and y.requires_grad == want.requires_grad
        assert tuple(y.shape) == tuple(want.shape)
        np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), rtol, 1e-14)
    for name, g, want in zip(ARRAYS, our_grads, their_grads, strict=True):
        got = np.zeros(()) if g is None else g.numpy()
        expected = np.zeros(()) if want is None else want.numpy()
        np.testing.assert_allclose(
            *np.broadcast_arrays(got, expected), rtol, 1e-14, err_msg=f"the gradient of {name}"
        )


@pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
@pytest.mark.parametrize("call", calls_of(NUMBERS))
def test_a_number_at_the_edge_is_that_of_pytorch(call: str) -> None:
    check_against_pytorch(call)


@pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
@pytest.mark.parametrize("call", calls_of(NOTHING))
def test_nothing_is_what_it_is_in_pytorch(call: str) -> None:
    check_against_pytorch(call)


@pytest.mark.filterwarnings("ignore:.*degrees of freedom:UserWarning")
@pytest.mark.parametrize("call", calls_of(NUMBERS_WITHOUT_DIMS))
def test_a_number_may_be_named_a_dim_of_as_in_pytorch(call: str) -> None:
    check_against_pytorch(call)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", calls_of(FORMS) + calls_of(FORMS_OF_DIMS))
def test_a_form_of_the_arguments_means_what_it_means_in_pytorch(call: str) -> None:
    check_against_pytorch(call)


@pytest.mark.parametrize("call", calls_of(CONSTRUCTED))
def test_the_constructor_makes_what_that_of_pytorch_makes(call: str) -> None:
    check_against_pytorch(call)


def test_a_constructed_tensor_shares_memory_and_class() -> None:
    class Named(mg.Tensor):
        pass

    x = mg.ones(2)
    y, values = mg.Tensor(x), np.ones(2)
    x[0] = 7.0
    assert y.tolist() == [7, 1] and y is not x and y.is_leaf
    leaf = mg.ones(2, requires_grad=True)
    (mg.Tensor(leaf) * 3).sum().backward()
    assert leaf.grad.tolist() == [3, 3] and not mg.Tensor(leaf).is_leaf
    loss = (x.requires_grad_() * y).sum()
    with pytest.raises(RuntimeError, match="expected a tensor without a gradient of its own"):
        y[0] = 0.0
    with mg.no_grad():
        y[0] = 0.0
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()
    z = mg.Tensor(values)
    values[0] = 5.0
    assert z.dtype == mg.float64 and z.tolist() == [5, 1]  # an array is held as it is
    for named in (Named([1.0, 2.0]), Named(2), Named(mg.ones(2)), Named(np.ones(2))):
        assert type(named) is type(copy.deepcopy(named)) is Named and tuple(named.shape) == (2,)
        assert type(named + 1) is mg.Tensor
    again = pickle.loads(pickle.dumps(mg.Tensor([1.0, 2.0])))
    assert repr(again) == "tensor([1., 2.])" and repr(mg.Tensor()) == "tensor([])"


@pytest.mark.parametrize("call", calls_of(TAKEN))
def test_what_is_taken_is_taken_for_what_pytorch_takes_it_for(call: str) -> None:
    check_against_pytorch(call)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", calls_of(OF_TWO_DTYPES))
def test_two_dtypes_are_promoted_or_refused_where_pytorch_does(call: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    for first, second in itertools.product(DTYPES_OF_TWO, repeat=2):
        results = []
        for library, functional in ((mg, our_functional), (torch, torch.nn.functional)):
            names = {
                "t": library,
                "F": functional,
                "a": library.tensor([[1, 0], [1, 1]], dtype=getattr(library, first)),
                "b": library.tensor([[0, 1], [1, 1]], dtype=getattr(library, second)),
            }
            try:
                results.append(laws.as_list(eval(call, names)))
            except (RuntimeError, TypeError) as error:
                results.append(error)
        ours, theirs = results
        is_refused = isinstance(theirs, Exception)
        assert isinstance(ours, Exception) == is_refused, f"{first} and {second}: {results}"
        if is_refused:
            assert ": expected " in str(ours)
            continue
        for y, want in zip(ours, theirs, strict=True):
            assert str(getattr(want, "dtype", None)).endswith(str(getattr(y, "dtype", None)))
            np.testing.assert_allclose(np.asarray(y), np.asarray(want), 1e-6)


# Refused by both

REFUSED = {
    "a size below -1": (lambda: mg.ones(6).reshape(-3, 2), ValueError, "reshape: .*or -1 once"),
    "a view of it": (lambda: mg.ones(6).view(2, -2), ValueError, "view.*: .*or -1 once"),
    "src beside value": (
        lambda: mg.ones(2).scatter(0, mg.tensor([0]), mg.ones(1), value=3.0),
        TypeError,
        "scatter: expected src or value, got both",
    ),
    "a condition of floats": (
        lambda: mg.where(mg.ones(2), 1.0, 2.0),
        TypeError,
        "where: expected a condition of booleans",
    ),
    "a fill of several numbers": (
        lambda: mg.ones(2).fill_(mg.ones(2)),
        ValueError,
        "fill_: expected one number",
    ),
    "masked numbers, several": (
        lambda: mg.ones(2).masked_fill(mg.ones(2) > 0, mg.ones(2)),
        ValueError,
        "masked_fill: expected one number",
    ),
    "a complex bound": (lambda: mg.ones(2).clamp(max=1j), TypeError, "clamp: expected real"),
    "a complex factor": (
        lambda: mg.addmm(mg.ones(2, 2), mg.ones(2, 2), mg.ones(2, 2), beta=1j),
        TypeError,
        "addmm: expected beta to be a real number",
    ),
    "a dtype twice": (
        lambda: mg.ones(2).to(mg.float64, dtype=mg.float32),
        TypeError,
        "to: expected a dtype once",
    ),
    "a clone of None": (lambda: mg.clone(None), TypeError, "clone: expected a tensor"),
    "a device's index": (lambda: mg.device("cuda", "a"), ValueError, "device: .* an index"),
    "a generator's device": (lambda: mg.Generator("abc"), ValueError, "Generator.*: expected"),
    "a deviation of NaN": (
        lambda: mg.normal(0.0, math.nan, (2,)),
        ValueError,
        "normal: .*0 or more",
    ),
    "rtol below 0": (lambda: mg.isclose(mg.ones(1), mg.ones(1), -1), ValueError, "isclose: .*rtol"),
    "atol of NaN": (
        lambda: mg.ones(1).allclose(mg.ones(1), atol=math.nan),
        ValueError,
        "allclose: .*atol",
    ),
    "a sum of repeats": (
        lambda: mg.ones(2).repeat_interleave(2, output_size=5),
        ValueError,
        "repeat_interleave: expected output_size 4",
    ),
    "a dtype of None": (lambda: mg.set_default_dtype(None), TypeError, "set_default_dtype: "),
    "targets of NaN": (
        lambda: our_functional.binary_cross_entropy(mg.ones(1), mg.tensor([math.nan])),
        ValueError,
        "binary_cross_entropy: expected target between 0 and 1",
    ),
    "two dtypes of one loss": (
        lambda: our_functional.binary_cross_entropy(mg.ones(1), mg.ones(1).double()),
        TypeError,
        "binary_cross_entropy: expected input and target of one dtype",
    ),
    "two dtypes of queries and keys": (
        lambda: our_functional.scaled_dot_product_attention(
            mg.ones(2, 3), mg.ones(2, 3).double(), mg.ones(2, 3)
        ),
        TypeError,
        "scaled_dot_product_attention: expected query and key of one dtype",
    ),
    "slopes of another dtype": (
        lambda: our_functional.prelu(mg.ones(2).double(), mg.ones(1)),
        TypeError,
        "prelu: expected input and weight of one dtype",
    ),
    "ends the wrong way round": (
        lambda: our_functional.hardtanh(mg.ones(2), 2.0, 1.0),
        ValueError,
        "hardtanh: expected min_val up to max_val",
    ),
    "a delta of 0": (
        lambda: our_functional.huber_loss(mg.ones(2), mg.ones(2), delta=0.0),
        ValueError,
        "huber_loss: expected delta above 0",
    ),
    "classes below -1": (
        lambda: our_functional.one_hot(mg.tensor([1]), -3),
        ValueError,
        "one_hot: expected num_classes of at least -1",
    ),
    "an eps below 0": (
        lambda: our_functional.cosine_similarity(mg.ones(1, 2), mg.ones(1, 2), eps=-1.0),
        ValueError,
        "cosine_similarity: expected eps of at least 0",
    ),
    "a stride of True": (lambda: nn.Conv1d(2, 3, 1, True), TypeError, r"Conv1d: .* stride"),
    "replacement of 1": (
        lambda: nn.data.RandomSampler([1, 2], replacement=1),
        TypeError,
        "RandomSampler: expected True or False as replacement",
    ),
    "prefetching without workers": (
        lambda: nn.data.DataLoader([1, 2], prefetch_factor=2),
        ValueError,
        "DataLoader: expected no prefetch_factor where num_workers is 0",
    ),
    "a timeout without workers": (
        lambda: nn.data.DataLoader([1, 2], timeout=5),
        ValueError,
        "DataLoader: expected no timeout where num_workers is 0",
    ),
    # NaN in PyTorch, or nothing at all; here refused
    "ends of NaN": (
        lambda: our_functional.hardtanh(mg.ones(2), math.nan),
        ValueError,
        "hardtanh: expected a number as min_val, got nan",
    ),
    "a threshold of NaN": (
        lambda: our_functional.softplus(mg.ones(2), threshold=math.nan),
        ValueError,
        "softplus: expected a number as threshold, got nan",
    ),
    "a line to infinity": (lambda: mg.linspace(0, INF, 3), ValueError, "linspace: .* finite end"),
    "an endless step": (lambda: mg.arange(0, 4, INF), ValueError, "arange: expected finite"),
    "unbind of a number": (lambda: mg.tensor(1.0).unbind(), IndexError, "unbind: .* 0-d"),
    "cat of numbers": (lambda: mg.cat([mg.tensor(1.0)] * 2), ValueError, "cat: .*one dimension"),
    "stack of nothing": (lambda: mg.stack([]), TypeError, "stack: .*at least one tensor"),
    "cat of nothing": (lambda: mg.cat([]), TypeError, "cat: .*at least one tensor"),
    "amax of nothing": (lambda: mg.zeros(0).amax(), ValueError, "amax: .*at least one element"),
    "argmax of nothing": (lambda: mg.zeros(2, 0).argmax(1), ValueError, "argmax: .*one element"),
    "a repeated letter in the result": (
        lambda: mg.einsum("i->ii", mg.ones(2)),
        ValueError,
        "einsum: .*each once, got 'ii'",
    ),
    "a diagonal of a rectangle": (
        lambda: mg.einsum("ii", mg.ones(2, 3)),
        ValueError,
        "einsum: .*for 2 and for 3",
    ),
    "an index below 0": (
        lambda: mg.arange(200).gather(0, mg.tensor([-100])),
        IndexError,
        "gather: .*from -100",
    ),
    "index_select below 0": (
        lambda: mg.arange(3).index_select(0, mg.tensor([-1])),
        IndexError,
        "index_select: .*from -1",
    ),
    "the least of no norms": (
        lambda: mg.zeros(0, 3).norm(-1),
        ValueError,
        "norm: .*at least one element",
    ),
    "two indices of a number": (
        lambda: mg.tensor(1.0).index_select(0, mg.tensor([0, 0])),
        ValueError,
        "index_select: expected 1 index",
    ),
    "another index of a number": (
        lambda: mg.tensor(1.0).gather(0, mg.tensor(1)),
        IndexError,
        "gather: .*indices 0 to 0",
    ),
    "rounding": (
        lambda: mg.ones(2).div(2, rounding_mode="floor"),
        NotImplementedError,
        "div: rounding_mode='floor' is not supported; use a // b, or",
    ),
    "a dim that a number has not": (
        lambda: mg.tensor(1.0).swapaxes(0, 1),
        IndexError,
        "swapaxes: .*dim1",
    ),
    "a number that is too large to be filled in": (
        lambda: mg.tensor([1], dtype=mg.int32).masked_fill(mg.tensor([True]), 2**40 + 7),
        ValueError,
        "masked_fill: expected a number that int32 can hold, got 1099511627783",
    ),
    "a number that is too large to be chosen": (
        lambda: mg.where(mg.tensor([True]), 2**40, mg.tensor([1], dtype=mg.int32)),
        ValueError,
        "where: expected a number that int32 can hold",
    ),
    "infinity among integers": (
        lambda: mg.tensor([1]).masked_fill(mg.tensor([True]), -INF),
        ValueError,
        "masked_fill: expected a number that int64 can hold, got -inf",
    ),
    "the sign of booleans": (
        lambda: mg.tensor([True]).sign(),
        TypeError,
        "sign: expected numbers, got bool",
    ),
    "dtype= of add": (
        lambda: mg.add(mg.ones(2), 1, dtype=mg.float64),
        NotImplementedError,
        "add: dtype=.* is not supported",
    ),
}


@pytest.mark.parametrize("f, kind, sentence", REFUSED.values(), ids=REFUSED)
def test_what_has_no_value_is_refused_by_a_sentence(f: Any, kind: Any, sentence: str) -> None:
    with pytest.raises(kind, match=sentence):
        f()


def test_a_difference_of_sums_of_unsigned_integers_does_not_wrap() -> None:
    x = mg.from_numpy(np.array([200, 100], np.uint8))
    y = mg.from_numpy(np.array([255, 255], np.uint8))
    assert x.sum().dtype == x.cumsum(0).dtype == x.prod().dtype == mg.int64
    assert (x.sum() - y.sum()).item() == -210 and x.cumsum(0).tolist() == [200, 300]


# Modules and tools


def test_gradients_without_an_element_are_clipped_to_themselves() -> None:
    p = nn.Parameter(mg.zeros(0, 3))
    q = nn.Parameter(mg.tensor([3.0, -4.0]))
    p.grad = mg.zeros(0, 3)
    for norm_type in (1.0, 2.0, INF):
        assert nn.utils.clip_grad_norm_([p], 1.0, norm_type).item() == 0
    q.grad = mg.tensor([3.0, -4.0])
    assert nn.utils.clip_grad_norm_([p, q], 10.0, INF).item() == 4
    nn.utils.clip_grad_value_([p, q], 1.0)
    assert q.grad.tolist() == [1, -1]


@pytest.mark.parametrize("B, L, S", [(0, 2, 3), (2, 0, 3), (2, 2, 0)])
def test_attention_to_nothing(B: int, L: int, S: int) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    ours = nn.MultiheadAttention(4, 2, batch_first=True)
    theirs = torch.nn.MultiheadAttention(4, 2, batch_first=True)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    query, keys = np.ones((B, L, 4), "f4"), np.ones((B, S, 4), "f4")
    mask = np.zeros((B, S), bool)
    y, weights = ours(*map(mg.tensor, (query, keys, keys)), mg.tensor(mask))
    want, want_weights = theirs(*map(torch.tensor, (query, keys, keys)), torch.tensor(mask))
    np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), 1e-5)
    np.testing.assert_allclose(weights.detach().numpy(), want_weights.detach().numpy(), 1e-5)
    y.sum().backward()
    assert all(np.isfinite(p.grad.numpy()).all() for p in ours.parameters() if p.grad is not None)


def test_initial_values_of_an_empty_tensor_are_none() -> None:
    for init in (nn.init.kaiming_uniform_, nn.init.orthogonal_):
        for shape in ((0, 3), (3, 0), (0, 0)):
            assert tuple(init(mg.zeros(*shape)).shape) == shape


def test_sign_has_a_gradient_of_0_to_any_order() -> None:
    x = mg.tensor([-2.0, 0.0, 3.0], requires_grad=True)
    (g,) = mg.grad((x.sign() * x * x).sum(), [x], create_graph=True)
    assert g.tolist() == [4, 0, 6]
    (h,) = mg.grad(g.sum(), [x])
    assert h.tolist() == [-2, 0, 2]


def test_a_number_has_one_dim_to_pick_along() -> None:
    s, first = mg.tensor(2.5), mg.tensor(0)
    assert s.take_along_dim(first, 0).item() == 2.5 and s.roll(1, 0).item() == 2.5


def test_a_number_written_in_float64_is_not_rounded_on_the_way() -> None:
    assert mg.tensor(0.1, dtype=mg.float64).item() == 0.1
    assert mg.tensor([[0.1, 1 / 3]], dtype=mg.float64).tolist() == [[0.1, 1 / 3]]
