"""The sentence of each refusal of the engine, word for word where it names what it was given."""

import inspect
import itertools
import re
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import strict_device  # noqa: F401  (device="strict")
from wrong_calls import keywords_of, public_names, working_call, world

import minigrad as mg
import nn
from minigrad import array, byhand, cells, cuda, diagnosis, ops

X = mg.ones(2, 3)
EMPTY = mg.zeros(0, 3)
IDS = mg.tensor([1, 2])
FLAGS = mg.tensor([True, False])
THREE_FLAGS = mg.tensor([True, False, True])
LEAF = mg.ones(2, requires_grad=True)
WEIGHT = mg.ones(4, 3)

Refusal = tuple[str, Callable[[], Any], type[Exception], str]


REFUSALS: list[Refusal] = [
    (
        "a product of two dtypes",
        lambda: X.double() @ X.mT,
        TypeError,
        "matmul: expected one dtype, got float64 and float32; convert one with .to(...)",
    ),
    (
        "a product of integers and floats",
        lambda: mg.mm(IDS.reshape(1, 2), X),
        TypeError,
        "mm: expected one dtype, got int64 and float32; convert one with .to(...)",
    ),
    (
        "a product of booleans",
        lambda: FLAGS @ FLAGS,
        TypeError,
        "matmul: expected numbers, got bool; convert both with .to(...)",
    ),
    (
        "a bias of another dtype",
        lambda: mg.addmv(FLAGS, X, X[0]),
        TypeError,
        "addmv: expected one dtype, got bool and float32; convert one with .to(...)",
    ),
    (
        "a sum of products of two dtypes",
        lambda: mg.einsum("ij,kj->ik", X, X.double()),
        TypeError,
        "einsum: expected one dtype, got float32 and float64; convert one with .to(...)",
    ),
    (
        "dims of two dtypes",
        lambda: mg.tensordot(X.double(), X.mT, 1),
        TypeError,
        "tensordot: expected one dtype, got float64 and float32; convert one with .to(...)",
    ),
    (
        "close numbers of two dtypes",
        lambda: mg.isclose(X, X.double()),
        TypeError,
        "isclose: expected one dtype, got float32 and float64; convert one with .to(...)",
    ),
    (
        "a grid of two dtypes",
        lambda: mg.meshgrid(IDS, X[0]),
        TypeError,
        "meshgrid: expected one dtype, got int64 and float32; convert one with .to(...)",
    ),
    (
        "an order of complex numbers",
        lambda: X > 1j,
        TypeError,
        "gt: expected real numbers, got 1j; complex numbers have no order, compare abs()",
    ),
    (
        "an order of NumPy's complex numbers",
        lambda: mg.less_equal(X, np.complex64(1j)),
        TypeError,
        "le: expected real numbers, got 1j; complex numbers have no order, compare abs()",
    ),
    (
        "True as a dim to exchange",
        lambda: X.swapaxes(True, 0),
        TypeError,
        "swapaxes: expected dim0 to be an integer, got True",
    ),
    (
        "False as the other dim to exchange",
        lambda: mg.swapdims(X, 0, False),
        TypeError,
        "swapaxes: expected dim1 to be an integer, got False",
    ),
    (
        "True as a dim to take apart",
        lambda: X.unbind(True),
        TypeError,
        "unbind: expected dim to be an integer, got True",
    ),
    (
        "True as the dim of std",
        lambda: X.std(dim=True),
        TypeError,
        "std: expected dim to be an integer, got True; write unbiased=True if you mean that",
    ),
    (
        "False as the dim of var_mean",
        lambda: mg.var_mean(X, dim=False),
        TypeError,
        "var_mean: expected dim to be an integer, got False; write unbiased=False if you mean that",
    ),
    (
        "a complex fill",
        lambda: X.masked_fill(X > 0, 1j),
        TypeError,
        "masked_fill: expected value to be a real number, got 1j",
    ),
    (
        "a mask that is True",
        lambda: X.masked_fill(True, 0.0),
        TypeError,
        "masked_fill: expected a mask of bools, got True; use mask != 0",
    ),
    (
        "a condition that is True",
        lambda: mg.where(True, X, X),
        TypeError,
        "where: expected a condition of booleans, got True; compare it first",
    ),
    (
        "a flag beyond a byte",
        lambda: LEAF.sum().backward(retain_graph=256),
        TypeError,
        "backward: expected retain_graph to be True or False, got 256",
    ),
    (
        "a flag below 0",
        lambda: LEAF.sum().backward(create_graph=-1),
        TypeError,
        "backward: expected create_graph to be True or False, got -1",
    ),
    (
        "a gradient that is True",
        lambda: LEAF.sum().backward(True),
        TypeError,
        "backward: expected a real number as a gradient, got True",
    ),
    (
        "a gradient by complex numbers",
        lambda: mg.tensor([1j], requires_grad=True),
        NotImplementedError,
        "requires_grad: gradients of complex numbers are not supported; compute with real",
    ),
    (
        "a gradient on its way through complex numbers",
        lambda: LEAF * 2j,
        NotImplementedError,
        "mul: gradients of complex numbers are not supported; compute with real",
    ),
    (
        "a complex gradient",
        lambda: LEAF.sum().backward(1j),
        TypeError,
        "backward: expected a real number as a gradient, got 1j",
    ),
    (
        "new and full of a complex number",
        lambda: X.new_full((2,), 1j),
        TypeError,
        "new_full: expected fill_value to be a real number, got 1j",
    ),
    (
        "a new tensor of None",
        lambda: X.new_tensor(None),
        TypeError,
        "new_tensor: expected numbers, got object from a NoneType",
    ),
    (
        "a new tensor with None in it",
        lambda: X.new_tensor([1.0, None]),
        TypeError,
        "new_tensor: expected numbers, got object from a list",
    ),
    (
        "a new tensor of a complex number",
        lambda: X.new_tensor([1j]),
        TypeError,
        "new_tensor: expected real numbers for float32, got complex128",
    ),
    (
        "a complex deviation",
        lambda: mg.normal(0.0, 1j, (2,)),
        TypeError,
        "normal: expected real means and deviations, got complex ones",
    ),
    (
        "a flag that is no bool",
        lambda: mg.sum(X, 0, keepdim=1),
        TypeError,
        "sum: expected keepdim to be True or False, got 1",
    ),
    (
        "a flag that is a word",
        lambda: X.argsort(descending="no"),
        TypeError,
        "argsort: expected descending to be True or False, got 'no'",
    ),
    (
        "a flag that is an array",
        lambda: X.std(0, unbiased=np.ones(3)),
        TypeError,
        "std: expected unbiased to be True or False, got float64(3,)",
    ),
    (
        "a flag that is a tensor",
        lambda: mg.topk(X, 1, largest=mg.tensor(True)),
        TypeError,
        "topk: expected largest to be True or False, got bool()",
    ),
    (
        "a flag of grad",
        lambda: mg.grad(LEAF.sum(), LEAF, create_graph="yes"),
        TypeError,
        "grad: expected create_graph to be True or False, got 'yes'",
    ),
    (
        "a flag of a new tensor",
        lambda: X.new_full((2,), 0.5, requires_grad=1),
        TypeError,
        "new_full: expected requires_grad to be True or False, got 1",
    ),
    (
        "alpha",
        lambda: X.add_(X, alpha="abc"),
        TypeError,
        "add_: expected alpha to be a number, got 'abc'",
    ),
    (
        "a complex correction",
        lambda: X.var(correction=1j),
        TypeError,
        "var: expected correction to be a real number, got 1j",
    ),
    (
        "decimals beyond float64",
        lambda: X.round(decimals=2**40),
        ValueError,
        "round: expected decimals from -308 to 308, got 1099511627776",
    ),
    (
        "a device, by the function that was called",
        lambda: mg.zeros(2, device="abc"),
        ValueError,
        "zeros (device): expected one of 'cpu', 'cuda', 'strict' or 'cuda:1', got 'abc'",
    ),
    (
        "a dtype, by the function that was called",
        lambda: X.mean(dtype="abc"),
        TypeError,
        "mean: expected a dtype, got 'abc'; minigrad.float32, say",
    ),
    (
        "a function that is composed of another",
        lambda: mg.addmm(X, X, X),
        ValueError,
        "addmm (mm): expected equal inner sizes, got (2, 3) and (2, 3)",
    ),
    (
        "another name of a function",
        lambda: X.view(5),
        ValueError,
        "view (reshape): expected a shape of 6 elements, got (5,)",
    ),
    (
        "a change in place",
        lambda: X.swapaxes_(0, 2),
        IndexError,
        "swapaxes_ (transpose): expected a dim from -2 to 1, got dim 2, which does not exist in a "
        "tensor of 2 dimensions",
    ),
    (
        "an array of words",
        lambda: mg.sort(np.array(["a", "b"])),
        TypeError,
        "sort: expected numbers, got an array of <U1",
    ),
    (
        "a range without end",
        lambda: mg.arange(0, float("inf")),
        ValueError,
        "arange: expected finite numbers, got 0, inf and 1",
    ),
    (
        "a range that no memory holds",
        lambda: mg.arange(2**40),
        MemoryError,
        "arange: expected sizes that some memory holds, got (1099511627776,)",
    ),
    (
        "copies that no memory holds",
        lambda: mg.repeat_interleave(X, 2**40),
        MemoryError,
        "repeat_interleave: expected sizes that some memory holds, got (1099511627776, 6)",
    ),
    (
        "tensors without end",
        lambda: mg.grad(LEAF.sum(), itertools.repeat(LEAF)),
        ValueError,
        "grad: expected at most 1000000 tensors, got more",
    ),
    (
        "a shape that may not end",
        lambda: mg.reshape(X, map(int, "32")),
        TypeError,
        "reshape: expected shape to be a tuple of integers, got <map",
    ),
    (
        "src of other dimensions",
        lambda: mg.scatter(X, 0, mg.tensor([[0, 1, 0]]), mg.ones(3)),
        ValueError,
        "scatter: expected src of 2 dimensions, got shape (3,)",
    ),
    (
        "matmul of a number",
        lambda: ops.matmul(1.0, X),
        TypeError,
        "matmul: expected two matrices, got 1.0 and float32(2, 3)",
    ),
    (
        "matmul of a vector",
        lambda: ops.matmul(X, mg.ones(4)),
        ValueError,
        "matmul: expected two matrices, got (2, 3) and (4,)",
    ),
    (
        "matmul, inner sizes",
        lambda: ops.matmul(X, X),
        ValueError,
        "matmul: expected equal inner sizes, got (2, 3) and (2, 3): 3 and 2",
    ),
    (
        "matmul with a vector, inner sizes",
        lambda: X @ mg.ones(2),
        ValueError,
        "matmul: expected equal inner sizes, got (2, 3) and (2,): 3 and 2",
    ),
    (
        "matmul, leading sizes",
        lambda: ops.matmul(mg.ones(2, 2, 3), mg.ones(3, 3, 2)),
        ValueError,
        "matmul: expected leading dimensions that broadcast, got (2,) and (3,)",
    ),
    (
        "linear, a number as weight",
        lambda: ops.linear(X, 1.0),
        TypeError,
        "linear: expected x and weight to be tensors, got float32(2, 3) and 1.0",
    ),
    (
        "linear, weight of one dimension",
        lambda: ops.linear(X, mg.ones(3)),
        ValueError,
        "linear: expected a weight (out, in), got (3,)",
    ),
    (
        "linear, inner sizes",
        lambda: ops.linear(X, mg.ones(4, 4)),
        ValueError,
        "linear: expected equal inner sizes, got x (2, 3) and weight (4, 4): the last of both",
    ),
    (
        "linear, bias",
        lambda: ops.linear(X, WEIGHT, mg.ones(5)),
        ValueError,
        "linear: expected a bias (4,), got (5,)",
    ),
    (
        "a dim twice",
        lambda: ops.sum(X, dim=(0, 0)),
        ValueError,
        "sum: expected each dim once for shape (2, 3), got (0, 0)",
    ),
    (
        "reshape, -1 twice",
        lambda: ops.reshape(X, (-1, -1)),
        ValueError,
        "reshape: expected at most one -1, got (-1, -1)",
    ),
    (
        "reshape, too few elements",
        lambda: ops.reshape(X, (5,)),
        ValueError,
        "reshape: expected a shape of 6 elements, got (5,)",
    ),
    (
        "permute, a dimension twice",
        lambda: ops.permute(X, (0, 0)),
        ValueError,
        "permute: expected each of the 2 dimensions once, got dims (0, 0)",
    ),
    (
        "permute, no such dimension",
        lambda: ops.permute(X, (0, 5)),
        IndexError,
        "permute: expected dims from -2 to 1 for shape (2, 3), got 5",
    ),
    (
        "broadcast_to",
        lambda: ops.broadcast_to(X, (4, 3)),
        ValueError,
        "broadcast_to: expected a shape that (2, 3) broadcasts to, got (4, 3)",
    ),
    (
        "cat",
        lambda: ops.cat([X, mg.ones(2)]),
        ValueError,
        "cat: expected equal shapes of at least one dimension, but for the size at dim 0, got",
    ),
    (
        "cat of numbers",
        lambda: ops.cat([X.sum(), X.sum()]),
        ValueError,
        "cat: expected equal shapes of at least one dimension, but for the size at dim 0, "
        "got () and (); use stack",
    ),
    (
        "amax of nothing",
        lambda: ops.amax(EMPTY),
        ValueError,
        "amax: expected at least one element, got shape (0, 3)",
    ),
    (
        "too many indices",
        lambda: X[0, 0, 0],
        IndexError,
        "getitem: expected at most 2 indices for shape (2, 3), got 3",
    ),
    (
        "an index after others",
        lambda: X[None, True, 0:1, 3],
        IndexError,
        "getitem: expected an index from -3 to 2 at dim 1 of shape (2, 3), got 3",
    ),
    (
        "an index below",
        lambda: X[1, -4],
        IndexError,
        "getitem: expected an index from -3 to 2 at dim 1 of shape (2, 3), got -4",
    ),
    (
        "an index after ...",
        lambda: X[..., 3],
        IndexError,
        "getitem: expected an index from -3 to 2 at dim 1 of shape (2, 3), got 3",
    ),
    (
        "an index after a mask",
        lambda: X[FLAGS, 7],
        IndexError,
        "getitem: expected an index from -3 to 2 at dim 1 of shape (2, 3), got 7",
    ),
    (
        "an index of nothing",
        lambda: EMPTY[0],
        IndexError,
        "getitem: expected no index at dim 0 of shape (0, 3), got 0",
    ),
    (
        "a mask of another size",
        lambda: X[THREE_FLAGS],
        IndexError,
        "getitem: expected a mask of shape (2,), got (3,)",
    ),
    (
        "a float as index",
        lambda: X[1.5],
        IndexError,
        "getitem: expected integers, slices, ..., None or masks as an index, got float64",
    ),
    (
        "index arrays",
        lambda: X[[0, 1], [0, 1, 1]],
        IndexError,
        "getitem: expected index arrays that broadcast, got (2,) and (3,)",
    ),
    (
        "lists of unequal length",
        lambda: X[([[0], [0, 1]], 0)],
        IndexError,
        "getitem: expected lists of equal length as an index, got [[0], [0, 1]]",
    ),
    (
        "assignment at no place",
        lambda: mg.ones(2, 3).__setitem__(5, 1.0),
        IndexError,
        "expected an index from -2 to 1 at dim 0 of shape (2, 3), got 5",
    ),
    (
        "assignment of another shape",
        lambda: mg.ones(2, 3).__setitem__(0, mg.ones(2)),
        ValueError,
        "expected values that broadcast to (3,), got shape (2,)",
    ),
    (
        "bitwise_and of floats",
        lambda: ops.bitwise_and(FLAGS, mg.ones(2)),
        TypeError,
        "bitwise_and: expected booleans, got float32; compare first",
    ),
    (
        "bitwise_and, shapes",
        lambda: ops.bitwise_and(FLAGS, THREE_FLAGS),
        ValueError,
        "bitwise_and: expected shapes that broadcast, got (2,) and (3,)",
    ),
    (
        "neg of booleans",
        lambda: ops.neg(FLAGS),
        TypeError,
        "neg: expected numbers, got bool; convert it with .float() or .int()",
    ),
    (
        "a negative power",
        lambda: ops.pow(IDS, -1),
        ValueError,
        "pow: expected floats for a negative power, got integers; use .float()",
    ),
    (
        "negative powers",
        lambda: ops.pow(IDS, mg.tensor([-1, 2])),
        ValueError,
        "pow: expected floats for a negative power, got integers; use .float()",
    ),
    (
        "pow of integers, shapes",
        lambda: ops.pow(IDS, mg.tensor([1, 2, 3])),
        ValueError,
        "pow: expected shapes that broadcast, got (2,) and (3,)",
    ),
    (
        "pow of floats, shapes",
        lambda: ops.pow(X, IDS),
        ValueError,
        "pow: expected shapes that broadcast, got (2, 3) and (2,)",
    ),
    (
        "a mode for no_grad",
        lambda: mg.no_grad()(3),
        TypeError,
        "no_grad: expected nothing, or a function to decorate, got 3",
    ),
    (
        "an output that is a number",
        lambda: mg.grad(3.0, LEAF),
        TypeError,
        "grad: expected tensors as outputs, got a float",
    ),
    (
        "grad, batched",
        lambda: mg.grad(LEAF.sum(), LEAF, is_grads_batched=True),
        NotImplementedError,
        "grad: is_grads_batched=True is not supported; call grad once for each of grad_outputs",
    ),
    (
        "a gradient on another device",
        lambda: mg.grad(LEAF * 2, LEAF, mg.ones(2, device="strict")),
        RuntimeError,
        "grad: expected a gradient on the device of the output, got one on strict",
    ),
    (
        "a gradient of words",
        lambda: mg.grad(LEAF * 2, LEAF, [["a", "b"]]),
        TypeError,
        "grad: expected numbers as a gradient, got ['a', 'b']",
    ),
    (
        "nonlinearity",
        lambda: cells.rnn_cell(X, X, X, X, nonlinearity="sin"),
        ValueError,
        "rnn_cell: expected nonlinearity 'tanh' or 'relu', got 'sin'",
    ),
    (
        "int of several",
        lambda: int(X),
        ValueError,
        "item: a tensor of shape (2, 3) is not one number",
    ),
    (
        "int of infinity",
        lambda: int(mg.tensor(float("inf"))),
        ValueError,
        "int: expected a finite number, got inf",
    ),
    (
        "a dtype of objects",
        lambda: mg.zeros(2, dtype="O"),
        TypeError,
        "zeros: expected a dtype of numbers, got object",
    ),
    (
        "a value that does not fit",
        lambda: mg.full((2,), 2**70, dtype=mg.int64),
        ValueError,
        f"full: expected a value that int64 can hold, got {2**70}",
    ),
    (
        "an integer above int64",
        lambda: mg.tensor(np.array([2**63], np.uint64)),
        ValueError,
        f"tensor: expected integers up to {2**63 - 1}, which int64 holds, got {2**63}; use floats",
    ),
    (
        "a digit in an equation",
        lambda: mg.einsum("i1->i", X),
        ValueError,
        "einsum: expected letters and one '...', got 'i1'",
    ),
    (
        "nuclear norm",
        lambda: mg.norm(X, "nuc"),
        NotImplementedError,
        "norm: p='nuc' is not supported; use another number, inf, -inf or 'fro'",
    ),
    (
        "norm of integers",
        lambda: mg.norm(IDS),
        TypeError,
        "norm: expected floats, got int64; use .float() first",
    ),
    (
        "gather, sparse",
        lambda: mg.gather(X, 0, mg.tensor([[0]]), sparse_grad=True),
        NotImplementedError,
        "gather: sparse_grad=True is not supported; leave it out",
    ),
    (
        "movedim, one destination",
        lambda: mg.movedim(X, (0, 1), (0,)),
        ValueError,
        "movedim: expected one destination for each source, got (0, 1) and (0,)",
    ),
    (
        "split of a scalar",
        lambda: mg.split(mg.tensor(1.0), 1),
        ValueError,
        "split: expected a tensor of at least 1 dimension, got a 0-d tensor",
    ),
    (
        "clamp_ of a leaf",
        lambda: mg.ones(2, requires_grad=True).clamp_(min=LEAF),
        RuntimeError,
        "clamp_: expected a tensor without a gradient of its own, got a leaf that requires one",
    ),
    (
        "a word in a tensor",
        lambda: "a" in X,
        TypeError,
        "in: expected a number or a tensor, got a str",
    ),
    (
        "bernoulli of integers",
        lambda: mg.bernoulli(mg.tensor([1, 0])),
        TypeError,
        "bernoulli: expected probabilities as floats, got int64",
    ),
    (
        "einsum, a number that is no letter",
        lambda: mg.einsum(X, [0, 99], [0]),
        ValueError,
        "einsum: expected numbers from 0 to 51, got 99",
    ),
    (
        "bincount, fewer than none",
        lambda: mg.bincount(mg.tensor([1]), minlength=-1),
        ValueError,
        "bincount: expected minlength of 0 or more, got -1",
    ),
    (
        "scatter of another dtype",
        lambda: mg.scatter(X, 1, mg.tensor([[0]]), mg.ones(1, 1).double()),
        TypeError,
        "scatter: expected values of float32, got float64; convert them first",
    ),
    (
        "index_add of another dtype",
        lambda: mg.index_add(X, 0, mg.tensor([0]), mg.ones(1, 3).double()),
        TypeError,
        "index_add: expected values of float32, got float64; convert them first",
    ),
    (
        "addmm, too large a sum",
        lambda: mg.addmm(mg.ones(5, 2, 2), X, mg.ones(3, 2)),
        ValueError,
        "addmm: expected input to broadcast to (2, 2), got (5, 2, 2)",
    ),
    (
        "t of three dimensions",
        lambda: mg.t(mg.ones(2, 3, 4)),
        ValueError,
        "t: expected at most 2 dimensions, got shape (2, 3, 4)",
    ),
    (
        "normal of a tensor and a size",
        lambda: mg.normal(X, 1.0, size=(2,)),
        TypeError,
        "normal: expected a size beside two numbers, got it beside a tensor",
    ),
    (
        "rnn_cell of one dimension",
        lambda: byhand.rnn_cell(
            mg.ones(3), mg.ones(2, 4), mg.ones(4, 3), mg.ones(4, 4), None, None
        ),
        ValueError,
        "rnn_cell: expected x (batch, input size), got (3,)",
    ),
    (
        "op of a word",
        lambda: mg.op("tanh"),
        TypeError,
        "which is a function (xp, *arrays, **settings) with a name, got 'tanh'",
    ),
    (
        "op of a class",
        lambda: mg.op(mg.Tensor),
        TypeError,
        "which is a function (xp, *arrays, **settings) with a name, got <class",
    ),
    (
        "op of a function without xp",
        lambda: mg.op(lambda: None),
        TypeError,
        "op: expected a rule, which is a function (xp, *arrays, **settings) with a name, got",
    ),
    (
        "op of a function that forgets xp",
        lambda: mg.op(lambda x: x),
        TypeError,
        "op: expected a rule, which is a function (xp, *arrays, **settings) with a name, got",
    ),
    (
        "op with a number as composition",
        lambda: mg.op(composed=1.5),
        TypeError,
        "op: expected a function as composed, got 1.5",
    ),
    (
        "op with a word as flag",
        lambda: mg.op(over_time="yes"),
        TypeError,
        "op: expected over_time to be True or False, got 'yes'",
    ),
    (
        "explain with a list of names",
        lambda: mg.explain((LEAF * 2).sum(), names=[LEAF]),
        TypeError,
        "explain: expected a dict of tensors and modules by name as names, got a list",
    ),
    (
        "explain from a ragged list",
        lambda: mg.explain(LEAF * 2, [[1.0], "a"]),
        TypeError,
        "explain: expected numbers as a gradient, got [[1.0], 'a']",
    ),
    (
        "a mode that is a number",
        lambda: mg.set_grad_enabled(1),
        TypeError,
        "set_grad_enabled: expected mode to be True or False, got 1",
    ),
    (
        "a default dtype that is an array",
        lambda: mg.set_default_dtype(np.zeros(2)),
        TypeError,
        "set_default_dtype: expected float32 or float64, got [0. 0.]",
    ),
    (
        "a tensor of None",
        lambda: mg.Tensor(None),
        TypeError,
        "Tensor: expected sizes, an array or a list of numbers, got None; "
        "tensor(...) takes a single number",
    ),
    (
        "a tensor of a word",
        lambda: mg.Tensor("abc"),
        TypeError,
        "Tensor: expected sizes, an array or a list of numbers, got 'abc'; ",
    ),
    (
        "a tensor of a fraction",
        lambda: mg.Tensor(2.5),
        TypeError,
        "Tensor: expected sizes, an array or a list of numbers, got 2.5; ",
    ),
    (
        "a tensor of a dict",
        lambda: mg.Tensor({"a": 1}),
        TypeError,
        "Tensor: expected sizes, an array or a list of numbers, got {'a': 1}; ",
    ),
    (
        "a tensor of two lists",
        lambda: mg.Tensor([1.0], [2.0]),
        TypeError,
        "Tensor: expected a size to be an integer, got [1.0]",
    ),
    (
        "a tensor of a bool",
        lambda: mg.Tensor(True),
        TypeError,
        "Tensor: expected a size to be an integer, got True",
    ),
    (
        "a tensor of words in a list",
        lambda: mg.Tensor(["a", "b"]),
        TypeError,
        "Tensor: expected numbers, got <U1 from a list",
    ),
    (
        "a tensor of words in an array",
        lambda: mg.Tensor(np.array(["a"])),
        TypeError,
        "Tensor: expected numbers, got <U1 from a ndarray",
    ),
    (
        "a tensor of complex numbers in a list",
        lambda: mg.Tensor([1j]),
        TypeError,
        "Tensor: expected real numbers, got complex ones; use tensor(...)",
    ),
    (
        "a tensor of lists of unequal lengths",
        lambda: mg.Tensor([[1.0], [2.0, 3.0]]),
        ValueError,
        "Tensor: expected nested lists of equal lengths, got inhomogeneous ones; pad them first",
    ),
    (
        "a tensor of a negative size",
        lambda: mg.Tensor(2, -1),
        ValueError,
        "Tensor: expected sizes of 0 or more, got (2, -1)",
    ),
    (
        "a tensor of data and a size",
        lambda: mg.Tensor(IDS, 3, size=(2,)),
        TypeError,
        "Tensor: expected data or a size, got int64(2,) and 3, and size=(2,)",
    ),
    (
        "a new tensor of None",
        lambda: X.new_tensor([None]),
        TypeError,
        "new_tensor: expected numbers, got object from a list",
    ),
    (
        "a new tensor of words",
        lambda: X.new_tensor(["1.5"]),
        TypeError,
        "new_tensor: expected numbers, got <U3 from a list",
    ),
    (
        "counts of more integers than fit in memory",
        lambda: mg.bincount(mg.tensor([2**63 - 1])),
        MemoryError,
        "bincount: expected sizes that some memory holds, got (9223372036854775808,)",
    ),
    (
        "random integers beyond bytes",
        lambda: mg.randint(300, (2,), dtype=mg.uint8),
        ValueError,
        "randint: expected limits that uint8 holds, got 0 and 300",
    ),
    (
        "masks that pick different numbers of places",
        lambda: X[mg.tensor([False, False]), mg.tensor([True, False, True])],
        IndexError,
        "getitem: expected index arrays that broadcast, got (0,) and (2,); sizes must be equal or "
        "1, counted from the right",
    ),
    (
        "random integers beyond int64",
        lambda: mg.randint(-(2**70), 2, (2,)),
        ValueError,
        "randint: expected limits that int64 holds, got -1180591620717411303424 and 2",
    ),
    (
        "three lists of dims",
        lambda: mg.tensordot(X, X, dims=([0], [0], [0])),
        ValueError,
        "tensordot: expected dims of a and of b, two lists, got ([0], [0], [0])",
    ),
    (
        "complex weights",
        lambda: mg.bincount(mg.tensor([0, 1]), weights=mg.tensor([1j, 2])),
        TypeError,
        "bincount: expected real weights, got complex ones",
    ),
    (
        "objects by DLPack",
        lambda: mg.from_dlpack(np.array([None])),
        TypeError,
        "from_dlpack: expected numbers, got others",
    ),
    (
        "a word in a tensor",
        lambda: "a" in X,
        TypeError,
        "in: expected a number or a tensor, got a str",
    ),
    (
        "backward to no tensor",
        lambda: (LEAF * 2).sum().backward(inputs=[]),
        RuntimeError,
        "backward: expected tensors as inputs, got none; leave inputs out",
    ),
]


@pytest.mark.parametrize(
    "call, kind, sentence", [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_refused_with_this_sentence(
    call: Callable[[], Any], kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind, match=re.escape(sentence)):
        call()


ORDERED = """
    gt lt ge le maximum minimum max min amax amin argmax argmin sort argsort topk median cummax
    cummin clamp clamp_min clamp_max unique relu round sign softmax log_softmax
""".split()
SECOND: dict[str, Any] = {
    "softmax": 0,
    "log_softmax": 0,
    "topk": 1,
    "cummax": 0,
    "cummin": 0,
    "clamp": 0.0,
}  # arguments
SECOND |= {"clamp_min": 0.0, "clamp_max": 0.0, "gt": 0.0, "le": 0.5}
OF_TWO = {"lt", "ge", "maximum", "minimum"}


@pytest.mark.parametrize("name", ORDERED)
def test_complex_numbers_have_no_order(name: str) -> None:
    def call(library: Any) -> Any:
        x = library.tensor([1 + 2j, 3 - 1j])
        second = library.tensor([1.0, 2.0]) if name in OF_TWO else SECOND.get(name)
        return getattr(library, name)(x, *[second] * (second is not None))

    with pytest.raises(TypeError) as refused:
        call(mg)
    assert str(refused.value).startswith(f"{name}")
    assert str(refused.value).endswith(
        ": expected real numbers, got complex64(2,); complex numbers have no order, compare abs()"
    )
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    with pytest.raises(RuntimeError, match=r"not implemented|not (intended to )?support"):
        call(torch)


@pytest.mark.parametrize("name", ["mse_loss", "huber_loss", "smooth_l1_loss", "cosine_similarity"])
def test_losses_of_complex_numbers_are_refused_as_by_pytorch(name: str) -> None:
    x = mg.tensor([[1 + 2j, 3 - 1j]])
    with pytest.raises(TypeError, match=f"^{name}: expected real numbers, got complex64"):
        getattr(nn.functional, name)(x, x)
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    y = torch.tensor([[1 + 2j, 3 - 1j]])
    with pytest.raises(RuntimeError):
        getattr(torch.nn.functional, name)(y, y)


def test_complex_numbers_of_python_have_the_size_of_the_default_dtype() -> None:
    assert mg.tensor([1j]).dtype == mg.tensor(2 - 1j).dtype == np.complex64
    assert mg.full((2,), 1j).dtype == mg.as_tensor([1.5, 1j]).dtype == np.complex64
    assert mg.tensor([np.complex128(1j), 2]).dtype == mg.tensor(np.array([1j])).dtype == complex
    mg.set_default_dtype(mg.float64)
    try:
        assert mg.tensor([1j]).dtype == np.complex128
    finally:
        mg.set_default_dtype(mg.float32)


@pytest.mark.parametrize("create_graph", [False, True])
def test_no_gradient_goes_through_unique_and_none_is_left_out_in_silence(
    create_graph: bool,
) -> None:
    x = mg.tensor([2.0, 1.0, 2.0], requires_grad=True)
    values, counts = mg.unique(x, return_counts=True)
    assert (values.tolist(), counts.tolist()) == ([1.0, 2.0], [1, 2])
    assert values.requires_grad and not counts.requires_grad
    loss = (values.sum() * x).sum()
    with pytest.raises(NotImplementedError, match=r"^unique: .* use unique\(x\.detach\(\)\)"):
        mg.grad(loss, x, create_graph=create_graph)
    assert not mg.unique(x.detach()).requires_grad
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
    theirs = torch.tensor([2.0, 1.0, 2.0], requires_grad=True)
    with pytest.raises(NotImplementedError):
        torch.unique(theirs).sum().backward()


def test_no_gradient_goes_to_the_weights_of_bincount_and_none_is_left_out_in_silence() -> None:
    weights = mg.tensor([0.5, 2.0, 1.0], requires_grad=True)
    ids = mg.tensor([1, 0, 1])
    sums = mg.bincount(ids, weights)
    assert sums.tolist() == [2.0, 1.5]
    with pytest.raises(NotImplementedError, match=r"^bincount: .*\(x, weights\.detach\(\)\)"):
        sums.sum().backward()
    assert not mg.bincount(ids, weights.detach()).requires_grad


@pytest.mark.parametrize("word", ["sum", "cumsum"])
def test_a_sum_in_narrow_integers_is_refused(word: str) -> None:
    x = mg.tensor([[1, 2], [3, 4]])
    f = getattr(mg, word)
    with pytest.raises(NotImplementedError, match=f"^{word}: dtype=int32 .* convert what is"):
        f(x, dim=0, dtype=mg.int32)
    assert f(x.int(), dim=0, dtype=mg.int64).dtype == mg.int64


def test_a_complex_bound_is_refused_also_in_a_tensor() -> None:
    with pytest.raises(TypeError, match=r"^clamp: expected real numbers, got complex64\(1,\);"):
        X.clamp(max=mg.tensor([1j]))
    with pytest.raises(TypeError, match=r"^clamp: expected real numbers, got 1j;"):
        X.clamp(min=1j)


def test_a_tensor_says_where_it_is_and_makes_others_like_it() -> None:
    x = mg.ones(2, 3, device="cpu")
    assert not x.is_cuda
    assert x.new(mg.ones(4, 1).shape).shape == (4, 1)
    assert mg.ones(2, requires_grad=True).numpy(force=True).tolist() == [1.0, 1.0]


def test_nothing_wrong_is_found_where_nothing_is() -> None:
    """The checks answer None, and the caller keeps the error that it has."""
    values = np.ones((2, 3), np.float32)
    flags = np.array([True, False])
    assert diagnosis.wrong_index("getitem", (flags, -3), (2, 3)) is None
    assert diagnosis.wrong_index("getitem", (np.array([], int), 2), (2, 3)) is None
    assert diagnosis.wrong_assignment("setitem", values, 0, np.ones(3)) is None
    assert diagnosis.shape_can_grow("broadcast_to", [values], {"shape": (4, 2, 3)}) is None
    assert diagnosis.sizes_agree_elsewhere("stack", [values, values], {}) is None
    assert diagnosis.sizes_agree_elsewhere("cat", [values, values[:1]], {}) is None
    assert diagnosis.sizes_of_a_layer("linear", [values, values, np.ones(2)], {}) is None
    assert diagnosis.sizes_of_a_layer("linear", [values, values], {}) is None
    assert diagnosis.booleans("bitwise_and", [flags, 1], {}) is None
    assert diagnosis.floats_for_negative_powers("pow", [np.array([2]), 3], {}) is None
    assert diagnosis.no_booleans("neg", [values], {}) is None


def test_an_op_of_a_number_alone_is_computed_by_numpy() -> None:
    assert ops.add(1, 2).item() == 3


def test_small_integers_become_int64() -> None:
    small = mg.tensor(np.array([-3, 4], np.int8))
    assert small.dtype == mg.int64
    assert small.tolist() == [-3, 4]


def test_a_composed_op_may_do_without_some_arrays() -> None:
    """byhand.layer_norm fails on its shapes; that a weight is None is no part of the sentence."""
    with pytest.raises(ValueError, match="layer_norm: ") as caught:
        byhand.layer_norm(X, None, mg.ones(7))
    assert "expected a tensor" not in str(caught.value)


def test_a_scalar_has_no_dimension_to_move() -> None:
    assert mg.movedim(mg.tensor(5.0), 0, -1).item() == 5.0


def test_backward_passes_over_an_input_without_a_path() -> None:
    x = mg.ones(2, requires_grad=True)
    other = mg.ones(2, requires_grad=True)
    (x * 3).sum().backward(inputs=[x, other])
    assert x.grad.tolist() == [3.0, 3.0]
    assert other.grad is None


def test_an_extension_is_called_with_the_backend_that_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CuPy, imitated by NumPy: its functions are the backend's, and fast/ may replace words."""
    library = SimpleNamespace(**vars(np), asnumpy=np.array)
    extended: list[Any] = []
    monkeypatch.setattr(cuda, "library", lambda: library)
    monkeypatch.setattr(array, "BACKENDS", {})
    monkeypatch.setattr(array, "NAMESPACES", {})
    monkeypatch.setattr(array, "DEVICE_OF", {})
    monkeypatch.setattr(array, "EXTENSIONS", {"cuda": extended.append})
    opened = array.backend("cuda")
    assert extended == [opened]
    assert opened.download is np.array
    assert opened.module is library
    assert array.DEVICE_OF == {np.ndarray: "cuda"}


INTEGERS_TOO = """
    create_graph retain_graph only_inputs allow_unused is_grads_batched materialize_grads
""".split()


def flags_of_words() -> list[tuple[str, str]]:
    """(name, flag) of every function and method of the engine that has one."""
    found = []
    for name in public_names():
        if name.startswith(("mg.", "x.", "random.")):
            target, args, _ = working_call(name, world())
            for key in keywords_of(target, 0):
                default = inspect.signature(target).parameters[key].default
                if isinstance(default, bool) and key not in INTEGERS_TOO:
                    found.append((name, key))
    return found


def test_a_flag_is_true_or_false_and_nothing_else() -> None:
    """As PyTorch's: what would count as true or false, 1, "no", None, is refused by name."""
    words = flags_of_words()
    assert len(words) > 60
    for name, key in words:
        for value in (1, 0, "no", np.bool_(True), np.ones(2), mg.tensor(True)):
            target, args, settings = working_call(name, world())
            parameters = list(inspect.signature(target).parameters)
            place = parameters.index(key)
            call = partial(target, *args[:place], **{**settings, key: value})
            with pytest.raises(TypeError) as caught:
                call()
            text = str(caught.value)
            assert "True or False" in text and key in text, f"{name}, {value!r}: {text}"
    mg.set_grad_enabled(True)
