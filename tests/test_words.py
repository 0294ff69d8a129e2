"""PyTorch's words that are composed: the same values, dtypes and gradients, or both refuse."""

import math
from typing import Any

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")


def names(library: Any) -> dict[str, Any]:
    """What an expression may use: x (3,4), y (3,4), v (4,), c (2,3,3) of floats, and others."""
    rng = np.random.default_rng(5)

    def floats(*shape: int) -> Any:
        values = rng.permutation(math.prod(shape)) / 3 - 1.7 + rng.uniform(0, 0.1, math.prod(shape))
        return library.tensor(values.reshape(shape)).requires_grad_()

    return {
        "np": np,
        "t": library,
        "x": floats(3, 4),
        "y": floats(3, 4),
        "v": floats(4),
        "c": floats(2, 3, 3),
        "s": floats(),
        "e": library.zeros(0, 3, dtype=library.float64, requires_grad=True),
        "i": library.tensor([2, 0, 2, 1]),
        "ij": library.tensor([[0, 2, 1, 0], [1, 0, 0, 2]]),
        "m": library.tensor(rng.random((3, 4)) > 0.5),
        "n": library.tensor([[7, -7, 3], [-3, 5, 0]]),
        "d": library.tensor([[2, 3, -2], [2, -3, 4]]),
        "few": library.tensor(
            [2.0, 1.0, 2.0, 0.0, 1.0, 2.0], dtype=library.float64
        ).requires_grad_(),
        "edge": library.tensor([float("nan"), 1.0, float("inf"), -float("inf"), 0.0, -2.5, 2.5]),
    }


def outcome(library: Any, expression: str) -> Any:
    """The values, the gradients of the floats for random cotangents; None where refused."""
    given = names(library)
    leaves = [value for value in given.values() if getattr(value, "requires_grad", False)]
    try:
        value = eval(expression, given)
    except (RuntimeError, ValueError, IndexError, TypeError, ZeroDivisionError):
        return None
    values = list(value) if isinstance(value, tuple) else [value]
    rng = np.random.default_rng(6)
    loss: Any = 0.0
    for part in values:
        if getattr(part, "requires_grad", False):
            weights = rng.standard_normal(tuple(part.shape))
            loss = loss + (part * library.tensor(weights)).sum()
    if isinstance(loss, float):
        return values, []
    loss.backward()
    return values, [leaf.grad for leaf in leaves]


def as_numpy(value: Any) -> Any:
    return value.detach().numpy() if hasattr(value, "detach") else np.asarray(value)


def same_as_pytorch(expression: str) -> None:
    ours, theirs = outcome(mg, expression), outcome(torch, expression)
    assert (ours is None) == (theirs is None), (ours, theirs)
    if ours is None or theirs is None:
        return
    for our, their in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(as_numpy(our), as_numpy(their), rtol=1e-9, strict=True)
    for our, their in zip(ours[1], theirs[1], strict=True):
        zeros = np.zeros(1)
        our, their = (zeros if g is None else as_numpy(g) for g in (our, their))
        np.testing.assert_allclose(*np.broadcast_arrays(our, their), rtol=1e-9, atol=1e-12)


ROUNDING = """
t.floor(x) ; x.ceil() ; t.round(x) ; x.trunc() ; t.frac(x) ; t.round(x, decimals=1) ;
t.round(x * 100, decimals=-1) ; t.floor(n) ; t.round(n) ; x.floor() * x ; t.floor(input=x) ;
t.frac(n) ; t.round(t.tensor([0.5, 1.5, 2.5, -0.5])) ; t.trunc(edge)
"""
DIVISION = """
x.detach() // y.detach() ; n // d ; n % d ; x % 0.7 ; 7 // d ; 7 % d ; -7.5 % y.detach() ;
t.remainder(x, y) ; t.fmod(x, y) ; t.remainder(x, -0.7) ; t.fmod(x, -0.7) ; t.fmod(n, d) ;
t.floor_divide(n, d) ; t.floor_divide(x.detach(), 2) ; n // 2 ; n % 3 ; n // 2.5 ; n % -3 ;
n // t.tensor([1, 0, 1]) ; n % 0 ; t.fmod(n, 0) ; edge // 0.5 ; edge % 1.0 ; t.fmod(edge, 1.0) ;
edge // 0.0 ; t.remainder(edge, 0.0) ; m % m ; m // m ; x.remainder(y) ; x.fmod(0.3) ;
n.floor_divide(d) ; t.remainder(5, d) ; t.fmod(n, 2.5)
"""
FUNCTIONS = """
t.sinh(x) ; x.cosh() ; t.tan(x) ; t.erf(x) ; t.log2(x.abs()) ; x.abs().log10() ; t.atan2(x, y) ;
x.atan2(v) ; t.clamp_min(x, 0.2) ; t.clamp_max(x, v) ; x.clamp_min(0.1) ; t.isinf(edge) ;
t.isfinite(edge) ; t.isclose(edge, edge) ; t.isclose(edge, edge, equal_nan=True) ;
t.isclose(x, x + 1e-9) ; t.isclose(n, d) ; t.isclose(m, m) ; x.isclose(x + 1, atol=2.0) ;
x.erf() ; t.log2(t.tensor(8.0)) ; t.log10(t.tensor(1000.0, dtype=t.float64)) ; t.sinh(s) ;
t.erf(edge)
"""
OTHER_NAMES = """
t.absolute(x) ; x.absolute() ; t.arctan2(x, y) ; t.clip(x, -0.5, 0.5) ; x.clip(max=0.1) ;
t.concatenate([x, y], 1) ; t.divide(x, y) ; x.true_divide(y) ; t.fix(x) ; t.greater(x, y) ;
x.greater_equal(0.3) ; t.less(x, y) ; x.less_equal(y) ; x.moveaxis(0, 1) ; t.moveaxis(c, 0, -1) ;
t.multiply(x, 2.0) ; x.multiply(y) ; t.negative(x) ; t.not_equal(n, d) ; t.row_stack([x, y]) ;
t.sgn(x.detach()) ; t.subtract(x, y, alpha=2) ; x.subtract(1) ; c.swapdims(0, 2) ;
t.sgn(t.tensor([3 - 4j, 0j])) ; t.tensor([3 - 4j]).sgn_() ;
t.swapdims(c, 1, 2) ;
t.ravel(x) ; c.ravel() ; s.ravel() ; t.positive(x) ; n.positive() ; m.positive() ; t.exp2(x) ;
n.exp2() ; s.exp2() ; t.exp2(edge) ; t.exp2(m) ; x.detach().exp2_() ; y.detach().absolute_() ;
x.detach().multiply_(y) ; x.clone().clip_(-1, 1) ; (x * 1).subtract_(y, alpha=2).negative_() ;
(x * 1).true_divide_(y) ; x.clone().arctan2_(y) ; c.clone().swapdims_(0, 1) ; (x * 1).fix_() ;
c.clone().swapaxes_(1, 2) ; x.detach().sgn_() ; x.true_divide(2, 3) ; x.ravel(0)
"""
AXIS = """
x.mean(axis=0) ; t.mean(x, axis=(0, 1), keepdims=True) ; x.std(axis=1) ;
x.var(axis=0, keepdims=True) ; t.std_mean(x, axis=1) ; t.var_mean(x, axis=0) ; x.logsumexp(axis=1) ;
x.log_softmax(axis=0) ; x.max(axis=1) ; x.max(axis=1, keepdims=True) ; x.min(axis=0).values ;
x.prod(axis=1) ; x.amin(axis=0) ; x.cumprod(axis=1) ; x.cummax(axis=0) ; x.cummin(axis=1) ;
x.sort(axis=0) ; x.argsort(axis=1) ; x.median(axis=1) ; x[:1].squeeze(axis=0) ;
x.unsqueeze(axis=1) ; x.sum(axis=0, keepdims=True) ; x.mean(axis=0, dim=0) ; x.max(axis=7) ;
x.mean(axes=0)
"""
RUNNING = """
t.cummax(x, 0) ; x.cummax(1) ; x.cummax(dim=-1) ; t.cummin(x, dim=1) ; few.cummax(0) ;
few.cummin(0) ; edge.cummax(0) ; edge.cummin(0) ; t.cummax(s, 0) ; s.cummin(-1) ; n.cummax(1) ;
n.cummin(0) ; m.cummax(0) ; m.cummin(1) ; e.cummax(0) ; e.cummin(1) ; c.cummax(1) ;
c.transpose(0, 2).cummin(2) ; x.cummax(2) ; x.cummax() ; x.cummin(0).indices ; x.cummax(0).values ;
t.tensor([1.0, float("nan"), 3.0, float("nan"), 0.0]).cummax(0) ; t.cummax(input=x, dim=0) ;
t.cumprod(x, 0) ; x.cumprod(1) ; x.cumprod(dim=-1) ; few.cumprod(0) ; edge.cumprod(0) ;
t.cumprod(s, 0) ; s.cumprod(-1) ; n.cumprod(1) ; m.cumprod(0) ; e.cumprod(0) ; e.cumprod(1) ;
c.transpose(0, 2).cumprod(2) ; x.cumprod(2) ; x.cumprod() ;
(x * n).cumprod(1) ; c.cumprod(1)[:, 0] ; t.cumprod(input=n, dim=0, dtype=t.float64) ;
t.logcumsumexp(x, 0) ; (x * 50).logcumsumexp(1) ; x.logcumsumexp(dim=-1) ; edge.logcumsumexp(0) ;
s.logcumsumexp(-1) ; e.logcumsumexp(0) ; c.transpose(0, 2).logcumsumexp(2) ; x.logcumsumexp(2) ;
n.logcumsumexp(0)
"""
IN_PARTS = """
x.tensor_split(2) ; t.tensor_split(x, 5, 1) ; x.tensor_split((1, 2), dim=1) ;
c.tensor_split([2], 1) ;
x.tensor_split(t.tensor([1, 3]), 1) ; x.tensor_split(t.tensor(2)) ; x.tensor_split((2, 1), 1) ;
x.tensor_split((-1, 9), -1) ; x.tensor_split(()) ; x.tensor_split(0) ; s.tensor_split(1) ;
x.tensor_split(2, 2) ; x.tensor_split("2") ; e.tensor_split(2) ; e.tensor_split(2, 1) ;
x.hsplit(2) ; t.hsplit(x, [1]) ; v.hsplit(2) ; x.hsplit(3) ; s.hsplit(1) ; c.hsplit((1, 2)) ;
x.vsplit(3) ; t.vsplit(c, 2) ; v.vsplit(2) ; x.vsplit(2) ; x.vsplit(0) ; c.vsplit([1]) ;
c.dsplit(3) ; t.dsplit(c, [1, 2]) ; x.dsplit(2) ; c.dsplit(2) ; e.hsplit(3) ; e.vsplit(2) ;
x.unflatten(1, (2, 2)) ; t.unflatten(x, -1, (2, -1)) ; x.unflatten(1, (-1,)) ;
x.unflatten(0, [3, 1]) ;
x.unflatten(1, (3, -1)) ; x.unflatten(1, (3, 2)) ; x.unflatten(1, ()) ; x.unflatten(2, (1, 1)) ;
x.unflatten(1, 4) ; x.unflatten(dim=1, sizes=(1, 4, 1)) ; e.unflatten(0, (-1, 2)) ;
e.unflatten(0, (0, 5)) ; e.unflatten(0, (-1, 0)) ; x.unflatten(1, (-2, -2)) ; s.unflatten(0, (1,)) ;
x.unflatten(1, (-1, -1)) ; x.unflatten(1, (2.0, 2)) ;
t.atleast_1d(s) ; t.atleast_1d(x) ; t.atleast_2d(v) ; t.atleast_2d(s, v, c) ; t.atleast_3d([s, x]) ;
t.atleast_3d(v) ; t.atleast_3d(c) ; t.atleast_2d((v,)) ; t.atleast_1d(1.0) ; t.atleast_1d(n)
"""
LOG_OF_SUMS = """
t.logaddexp(x, y) ; x.logaddexp(v) ; t.logaddexp(x * 1000, y * 1000) ; t.logaddexp2(x, y) ;
x.logaddexp2(v) ; t.logaddexp2(x * 3000, y) ; t.logaddexp(edge, edge) ; t.logaddexp2(edge, edge) ;
t.logaddexp(x, x) ; t.logaddexp(n, d) ; t.logaddexp2(m, m) ; t.logaddexp(x, i) ;
t.logaddexp(x, ij) ;
t.logaddexp(edge, edge.flip(0)) ; t.logaddexp2(edge, edge.flip(0)) ; t.logaddexp(s, x) ;
t.logaddexp(x.detach().float(), y) ; t.logaddexp2(s, 1.0)
"""
LOGIC = """
t.logical_and(n, d) ; t.logical_or(n, t.zeros(3)) ; t.logical_xor(x, n[:1, :1]) ;
t.logical_not(n) ; t.logical_and(edge, edge) ; t.logical_not(x) ; n & d ; n | d ; n ^ d ; ~n ;
m & m ; m ^ True ; n & 3 ; 3 | n ; x & n ; t.bitwise_and(n, d) ; t.bitwise_not(m) ;
t.bitwise_xor(n, 5) ; 6 ^ n ; n.logical_and(d) ; m.logical_xor(m)
"""
ORDER = """
t.sort(x) ; x.sort(0) ; x.sort(dim=0, descending=True) ; x.argsort() ; t.argsort(x, 0, True) ;
t.sort(s) ; t.sort(n) ; n.sort(descending=True) ; t.sort(edge) ; edge.sort(descending=True) ;
few.argsort(stable=True) ; few.sort(stable=True, descending=True) ; t.argsort(m, stable=True) ;
t.topk(x, 2) ; x.topk(3, dim=0) ; t.topk(x, 2, largest=False) ; t.topk(x, k=1, dim=-2) ;
t.topk(s, 1) ; t.topk(edge, 3)[0] ; x.topk(9) ; x.topk(2).indices ; x.sort().values ;
t.topk(x, 0) ; e.sort(0) ; t.median(x) ; t.median(x, 1) ; x.median(0, keepdim=True) ;
t.median(few) ; x[:, :3].median() ; t.median(n) ; t.median(n, 1)[0] ; t.median(edge) ;
t.median(s) ; t.median(s, 0) ; x.median(dim=-1)[1] ; t.unique(few.detach()) ; t.unique(n) ;
t.unique(few.detach(), return_counts=True) ; n.unique(return_inverse=True) ;
t.unique(ij, return_inverse=True, return_counts=True) ; t.unique(edge[1:5]) ;
t.unique(n, dim=0) ; t.unique(ij, dim=1, return_counts=True) ; t.bincount(i) ;
t.bincount(i, minlength=6) ; i.bincount() ; t.bincount(i, few[:4].detach()) ;
t.bincount(i[:0]) ; t.bincount(ij) ; t.bincount(-i) ; t.max(x, 1) ; t.min(x, 0, True) ;
x.max(dim=1).values ; t.max(x, dim=1, keepdim=True).indices
"""
PICKING = """
x.select(0, 1) ; t.select(x, 1, -1) ; x.select(0, 3) ; x.narrow(1, 1, 2) ;
t.narrow(x, 0, -2, 2) ; x.narrow(1, 2, 3) ; x.narrow(0, t.tensor(1), 1) ; x.narrow(0, 0, 0) ;
s.select(0, 0) ; s.narrow(0, 0, 1) ; t.masked_select(x, m) ; x.masked_select(m[:1]) ;
v.masked_select(m) ; x.masked_select(n) ; t.nonzero(n) ; n.nonzero() ;
n.nonzero(as_tuple=True) ; t.nonzero(t.tensor(3)) ; t.nonzero(t.tensor(3), as_tuple=True) ;
t.nonzero(m, as_tuple=True) ; x[m.nonzero(as_tuple=True)] ; t.where(n > 0) ;
t.where(m, x, 0.0) ; t.where(n) ; x.diagonal() ; t.diagonal(c, 1, 1, 2) ;
t.diagonal(c, offset=-1, dim1=2, dim2=0) ; t.diagonal(x, 9) ; t.diagonal(v) ;
t.diagonal(c, 0, 1, 1) ; t.diag(v) ; t.diag(v, 1) ; t.diag(v, -2) ; t.diag(x) ; x.diag(-1) ;
t.diag(c) ; t.diag(e) ; x.unfold(1, 2, 1) ; v.unfold(0, 3, 2) ; c.unfold(1, 2, 1) ;
s.unfold(0, 1, 1) ; v.unfold(0, 9, 1)
"""
SCATTERING = """
t.scatter(x, 0, ij[:1], y[:1]) ; x.scatter(0, ij, y[:2]) ; t.scatter(x, 0, ij, 2.5) ;
x.scatter(1, ij, y[:2]) ; x.scatter(0, ij[:1, :2], value=3.0) ; x.scatter(0, ij, few) ;
x.scatter(0, ij.float(), y) ; x.scatter(0, ij + 9, y) ; t.scatter(s, 0, t.tensor(0), s * 2) ;
x.scatter(0, ij, n) ; t.scatter_add(x, 0, ij, y[1:]) ; x.scatter_add(1, ij, y[:2]) ;
x.scatter_add(0, ij, y.detach()) ; x.scatter_add(0, ij, n) ; x.scatter_add(0, ij, v) ;
t.index_add(x, 1, i, y) ; x.index_add(0, i[:3], y, alpha=2) ; x.index_add(0, i, y) ;
x.index_add(0, i[:3], n) ; x.index_fill(0, i[:2], 3.0) ; t.index_fill(x, 1, i, -1) ;
x.index_fill(1, i, s) ; x.index_fill(0, i[:2], v) ;
x.index_copy(1, t.tensor([3, 0, 1, 2]), y) ; x.index_copy(0, i[1:3], y[:2]) ;
x.index_add(0, t.tensor(1), y[:1]) ; n.index_fill(0, t.tensor([1]), 5) ;
x.index_fill(0, i + 9, 1.0)
"""
JOINING = """
t.hstack([x, y]) ; t.vstack((v, x)) ; t.dstack([x, y]) ; t.hstack([v, v]) ; t.vstack([v, v]) ;
t.dstack([v]) ; t.hstack([s, s]) ; t.concat([x, y], dim=1) ; t.concat((x, y)) ;
t.hstack([x, v]) ; t.vstack([]) ; t.cat([t.zeros(0), x.float()]) ;
t.cat([t.zeros(0), x.float()], dim=1) ; t.hstack([c, c]) ; t.meshgrid(v, few, indexing="ij") ;
t.meshgrid(v, few, indexing="xy") ; t.meshgrid([v, s], indexing="ij") ;
t.meshgrid(v, v, v, indexing="xy") ; t.meshgrid(x, v, indexing="ij") ;
t.broadcast_tensors(x, v) ; t.split(x, [1, 2]) ; x.split([1, 3], dim=1) ; x.split(3, 1) ;
t.unbind(x, 1) ; t.roll(x, 1) ; x.roll((1, -1), (0, 1)) ; t.repeat_interleave(x, 2, 0) ;
x.repeat_interleave(i[:3], dim=0) ; t.broadcast_tensors(x, few)
"""
PRODUCTS = """
t.addmm(v, x[:, :3], c[0] @ y) ; t.addmm(s, x, y.T, beta=0.5, alpha=2) ;
t.baddbmm(c, c, c, alpha=0.3) ; t.addmm(x, x, y) ; t.addmv(v[:3], x, v) ;
t.addmm(v, x.T, y, beta=0) ; v.addmm(x.T, y) ; t.ger(v, few) ; v.ger(v) ; t.outer(v, few) ;
t.dot(v, v) ; t.mv(x, v) ; t.tensordot(x, y, ([0], [0])) ; t.tensordot(c, c, 2) ;
t.tensordot(c, x.T[:3], dims=([1, 2], [1, 0])) ; t.tensordot(v, v, 0) ; t.tensordot(x, y, 1) ;
t.tensordot(c, c, dims=([0, 1], [0, 2])) ; t.var_mean(x) ; t.std_mean(x, 1) ;
t.var_mean(x, dim=0, keepdim=True) ; t.std_mean(x, dim=(0, 1), unbiased=False) ;
t.var_mean(x, 1, correction=0) ; t.std_mean(x, False)
"""
METHODS = """
x.view_as(y.T) ; v.expand_as(x) ; x.reshape_as(y.T) ; x.element_size() ; x.nelement() ;
x.ndimension() ; x.new_zeros(2, 3) ; x.new_ones((2,)) ; x.new_full((2, 2), 3) ;
n.new_full((2,), 3) ; n.new_tensor([1.5]) ; x.new_empty(0) ; x.new_zeros(2, dtype=t.int64) ;
x.new_ones(size=(2, 2)) ; x.new([1, 2]) ; n.new([3, 4]) ; x.new(2, 0) ; x.new() ;
x.new(np.ones(3, "f4")) ; x.type(t.float32) ; n.type_as(x) ; x.float().type_as(n) ; n.byte() ;
x.long() ; x.int() ; x.bool() ; n.double() ; n.is_floating_point() ; x.is_contiguous() ;
x.T.is_contiguous() ; x.new_zeros(-1) ; x.size(-1) ; s.size(0) ; x.dim() ;
x.new_full((2,), s.detach()) ; x.T.clone(memory_format=t.contiguous_format).is_contiguous() ;
x.T.clone(memory_format=t.preserve_format).is_contiguous() ;
x.T.float(memory_format=t.contiguous_format).is_contiguous() ;
x.T.to(t.float64, memory_format=t.preserve_format) ;
x.T.contiguous(memory_format=t.contiguous_format).is_contiguous() ;
x.is_contiguous(memory_format=t.contiguous_format) ;
t.zeros(2, layout=t.strided) ; t.ones_like(x, memory_format=t.preserve_format) ;
n.byte().all() ; n.byte().any(0) ; n.byte().all(0, keepdim=True) ; n.all() ; x.any()
"""
LIMITS = """
t.tensor([5, -(2**31)], dtype=t.int32).min() ; t.tensor([[3, -(2**63)]]).amin(1) ;
t.tensor([3, 200], dtype=t.uint8).amin() ; m.amin(0) ; t.tensor([2.0, float("inf")]).median() ;
t.median(edge[:1]) ; few[few > 1].median() ; (few / 0 + 1).median() ;
t.clamp(n, float("nan")) ; n.clamp_max(float("nan")) ; m.clamp(min=float("nan"), max=2.0) ;
t.isclose(n.byte(), n.byte() + 2, atol=3) ; t.isclose(m, ~m, atol=2) ; m.isclose(~m) ;
t.isclose(n, -n, rtol=0.5) ; t.add(n, n.byte(), alpha=3) ; t.sub(n.int(), n.byte() + 250, alpha=2) ;
t.isclose(n, n + 2, atol=3) ; t.isclose(t.tensor([2**53]), t.tensor([2**53 + 1]), 0, 0) ;
t.allclose(t.tensor([2**63 - 1]), t.tensor([-(2**63)])) ; t.tensor([300], dtype=t.uint8) ;
t.tensor(2**40, dtype=t.int32) ; t.tensor([-3], dtype=t.uint8) ; t.tensor([1 + 2j]) ;
t.tensor([np.complex64(1), 2.0]) ; n + 1j ; t.tensor([1j]) * n[0, 0] ; t.tensor([1j]) / n ;
n[:0] // 0 ; n[:0] % n[:1].mul(0) ; t.unique(s.detach(), dim=0) ;
t.where(m.byte(), -1, -2.5) ; m[:2].byte().where(m[:1].byte(), t.tensor(2)) ;
t.where(m.byte(), x, -300.0) ; t.relu(t.tensor([1j])) ; t.tensor([1j]).floor() ;
t.tensor([1j]).frac() ; t.tensor([1j]) // 2 ; t.fmod(t.tensor([1j]), 2) ; t.tensor([1j]) % 2 ;
t.atan2(t.tensor([1j]), t.tensor([1j])) ; t.erf(t.tensor([1j])) ; t.atan2(n[:1], x[:, :3]) ;
t.atan2(t.tensor([2**24 + 1]), few[:1]) ; m.float() ** few[:4] ;
t.pow(n[0] * n[0], x[:, :3]) ; t.add(x[:2, :3], n, alpha=0.1) ;
t.clamp(t.tensor([2**24 + 1]), few[:1]) ; n.clamp(few[:3], few[1:4] + 3) ; n.atan2(few[:3]) ;
n[:0].prod(dtype=t.int32) ; n.clamp(edge[:1], edge[3:6]) ;
t.add(x, x.detach().float(), alpha=0.1) ; t.sub(s.detach(), x.detach().float(), alpha=0.1) ;

 +x ; +n ; +m
"""
EXPRESSIONS = [
    line.strip()
    for group in (
        ROUNDING,
        DIVISION,
        FUNCTIONS,
        OTHER_NAMES,
        AXIS,
        RUNNING,
        IN_PARTS,
        LOG_OF_SUMS,
        LOGIC,
        ORDER,
        PICKING,
        SCATTERING,
        JOINING,
        PRODUCTS,
        METHODS,
        LIMITS,
    )
    for line in group.split(";")
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_word_is_pytorchs(expression: str) -> None:
    same_as_pytorch(expression)


# What PyTorch has not, or leaves to chance


def test_python_rounds_a_tensor() -> None:
    x = mg.tensor([1.26, -2.5])
    assert [math.floor(x[0]), math.ceil(x[0])] == [1, 2]
    assert round(x).tolist() == [1, -2] and round(x, 1).tolist() == pytest.approx([1.3, -2.5])


def test_integers_in_place_keep_pythons_signs() -> None:
    n, d = np.array([7, -7, 3, -3]), np.array([2, 2, -2, -2])
    x = mg.tensor(n)
    x //= mg.tensor(d)
    y = mg.tensor(n)
    y %= mg.tensor(d)
    assert x.tolist() == (n // d).tolist() and y.tolist() == (n % d).tolist()
    for sign, found in (("&", n & 6), ("|", n | 6), ("^", n ^ 6)):
        z = mg.tensor(n)
        exec(f"z {sign}= 6")
        assert z.tolist() == found.tolist()
    with pytest.raises(TypeError, match="//=: expected a value that int64 can hold, got float"):
        x //= 0.5


@pytest.mark.parametrize("replacement", [False, True])
def test_multinomial_draws_with_its_weights(replacement: bool) -> None:
    generator = mg.Generator().manual_seed(0)
    weights = mg.tensor([[0.0, 1.0, 3.0], [4.0, 0.0, 4.0]])
    drawn = [mg.multinomial(weights, 1, replacement, generator=generator) for _ in range(2000)]
    rows = np.concatenate([d.numpy() for d in drawn], axis=1)
    for row, wanted in zip(rows, ([0, 0.25, 0.75], [0.5, 0, 0.5]), strict=True):
        assert np.bincount(row, minlength=3) / row.size == pytest.approx(wanted, abs=0.04)
    both = mg.multinomial(weights, 2, replacement=replacement)
    assert both.shape == (2, 2) and both.dtype == mg.int64
    if not replacement:
        assert [sorted(row) for row in both.tolist()] == [[1, 2], [0, 2]]
    assert mg.multinomial(mg.ones(4), 3).shape == (3,)


def test_normal_and_bernoulli_draw_from_tensors() -> None:
    mg.manual_seed(3)
    means = mg.tensor([0.0, 10.0]).expand(5000, 2)
    drawn = mg.normal(means, mg.tensor([1.0, 0.5]))
    assert drawn.mean(0).tolist() == pytest.approx([0, 10], abs=0.06) and drawn.dtype == mg.float32
    assert drawn.std(0).tolist() == pytest.approx([1, 0.5], abs=0.05)
    assert mg.normal(2.0, 3.0, size=(2, 3)).shape == (2, 3)
    assert mg.normal(mean=mg.zeros(2, dtype=mg.float64)).dtype == mg.float64
    coins = mg.bernoulli(mg.tensor([0.0, 0.3, 1.0]).expand(5000, 3))
    assert coins.mean(0).tolist() == pytest.approx([0, 0.3, 1], abs=0.03)
    assert (
        mg.bernoulli(mg.zeros(2), 1.0).tolist() == mg.zeros(2).bernoulli(p=1.0).tolist() == [1, 1]
    )


def test_one_generator_for_all_that_is_drawn() -> None:
    def draw(generator: Any) -> list[Any]:
        keyword = {"generator": generator}
        found = [mg.rand(2, **keyword), mg.randn(2, **keyword), mg.randint(9, (3,), **keyword)]
        found += [mg.randperm(5, **keyword), mg.rand_like(mg.ones(2), **keyword)]
        found += [
            mg.randint_like(mg.ones(3), 5, 9, **keyword),
            mg.randn_like(mg.ones(2), **keyword),
        ]
        return [t.tolist() for t in found]

    mg.manual_seed(4)
    first = draw(mg.Generator().manual_seed(7))
    assert first == draw(mg.Generator().manual_seed(7)) != draw(None)
    assert all([5 <= n < 9 for n in first[5]])


def test_a_diagonal_is_a_part_of_the_memory() -> None:
    w = mg.ones(3, requires_grad=True)
    x = mg.zeros(3, 3)
    x.diagonal()[...] = w * 2
    x.diagonal(1).fill_(5.0)
    (x * x).sum().backward()
    assert x.tolist() == [[2, 5, 0], [0, 2, 5], [0, 0, 2]] and w.grad.tolist() == [8, 8, 8]


def test_names_of_classes() -> None:
    x = mg.ones(2)
    assert x.type() == "torch.FloatTensor" and x.long().type() == "torch.LongTensor"
    assert x.type("torch.LongTensor").dtype == mg.int64 and x.type("torch.BoolTensor").dtype == bool


@pytest.mark.parametrize(
    "call, kind, words",
    [
        (lambda: mg.ones(2).half(), NotImplementedError, "half: float16 is not supported"),
        (lambda: mg.ones(2).type("torch.HalfTensor"), NotImplementedError, "type: torch.HalfT"),
        (lambda: mg.ones(2).type_as(3), TypeError, "type_as: expected a tensor, got a int"),
        (lambda: mg.tensor([1]) // 0, ZeroDivisionError, "floor_divide: expected no 0 among"),
        (lambda: mg.tensor([1]) % mg.tensor([0]), ZeroDivisionError, "remainder: expected no 0"),
        (lambda: mg.ones(2).topk(3), ValueError, "topk: expected k from 0 to 2, the size at dim 0"),
        (
            lambda: mg.ones(2).scatter(0, mg.tensor([0]), 1.0, reduce="add"),
            NotImplementedError,
            "sc",
        ),
        (lambda: mg.ones(2).sort(out=1), NotImplementedError, "sort: out= is not supported"),
        (
            lambda: mg.multinomial(mg.tensor([1.0, 0.0]), 2),
            ValueError,
            "multinomial: expected num_",
        ),
        (
            lambda: mg.multinomial(mg.tensor([-1.0, 2.0]), 1),
            ValueError,
            "multinomial: expected wei",
        ),
        (
            lambda: mg.bernoulli(mg.tensor([2.0])),
            ValueError,
            "bernoulli: expected probabilities fr",
        ),
        (lambda: mg.normal(0.0, 1.0), TypeError, "normal: expected a tensor of means or deviatio"),
        (lambda: mg.normal(mg.ones(2), -1.0), ValueError, "normal: expected deviations of 0 or mo"),
        (lambda: mg.rand(2, generator=3), TypeError, "rand: expected generator to be a minigrad.G"),
        (lambda: mg.meshgrid(mg.ones(2), indexing="yx"), ValueError, "meshgrid: expected indexing"),
        (
            lambda: mg.tensordot(mg.ones(2), mg.ones(3), 1),
            ValueError,
            "tensordot: expected equal s",
        ),
        (lambda: mg.ones(2).new(1, [2]), TypeError, "new: expected sizes, or one list or array"),
        (lambda: mg.ones(2) & 1, TypeError, "bitwise_and: expected booleans, got float32"),
        (lambda: mg.addmm(mg.ones(3, 3), mg.ones(2, 2), mg.ones(2, 2)), ValueError, "addmm: expec"),
    ],
)
def test_what_is_refused(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()
