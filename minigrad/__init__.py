"""minigrad: a tensor autograd engine over NumPy, or CuPy on a GPU, small enough to read in an afternoon.

>>> import minigrad as mg
>>> w = mg.tensor([0.5, -1.0], requires_grad=True)
>>> loss = ((w * mg.tensor([2.0, 3.0])).sum() - 1.0) ** 2
>>> loss.backward()
>>> w.grad
tensor([-12., -18.])
"""

# fmt: off

from minigrad import cuda, errors, func
from minigrad.anomaly import detect_anomaly
from minigrad.array import (
    bool_ as bool, device, float32, float64, get_default_dtype, int32, int64,
    set_default_dtype,
)
from minigrad.autograd import OPS, enable_grad, is_grad_enabled, no_grad, op, set_grad_enabled
from minigrad.backward import grad
from minigrad.check import gradcheck
from minigrad.creation import (
    arange, as_tensor, empty, eye, from_dlpack, from_numpy, full, full_like, linspace, ones, ones_like, rand, rand_like,
    randint, randn, randn_like, randperm, tensor, where, zeros, zeros_like,
)
from minigrad.einsum import einsum
from minigrad.explain import explain
from minigrad.functional import (
    allclose, amin, bmm, chunk, clamp, dot, equal, flatten, flip, gather, index_select, log_softmax, logsumexp,
    masked_fill, matmul, max, mean, min, minimum, mm, movedim, mv, norm, outer, prod, reciprocal, repeat_interleave,
    roll, rsqrt, split, square, squeeze, std, take_along_dim, tile, transpose, tril, triu, unsqueeze, var,
)
from minigrad.random import manual_seed
from minigrad.ops import (
    abs, add, all, amax, any, argmax, argmin, broadcast_to, cat, clone, cos, cumsum, div, embedding, eq, exp, expm1,
    ge, gt, isfinite, isnan, le, linear, log, log1p, logical_and, logical_not, logical_or, lt,
    maximum, mul, ne, neg, permute, pow, relu, reshape, sigmoid, sign, sin, softmax, sqrt, stack, sub, sum,
    swapaxes, tanh, unbind,
)
from minigrad.tensor import Tensor

cuda_is_available = cuda.is_available
float, double, long, int = float32, float64, int64, int32  # the field's other names of the dtypes

__all__ = [
    "abs", "add", "all", "allclose", "amax", "amin", "any", "arange", "argmax", "argmin", "as_tensor", "bmm",
    "bool", "broadcast_to", "cat", "chunk", "clamp", "clone", "cos", "cuda", "cuda_is_available", "cumsum",
    "detect_anomaly", "device", "div", "dot", "double", "einsum", "embedding", "empty", "enable_grad", "eq",
    "equal", "exp", "explain", "expm1", "eye", "flatten", "flip", "float", "float32", "float64", "from_dlpack",
    "from_numpy", "full", "full_like", "func", "gather", "ge", "get_default_dtype", "grad", "gradcheck", "gt",
    "index_select", "int", "int32", "int64", "is_grad_enabled", "isfinite", "isnan", "le", "linear", "linspace",
    "log", "log1p", "log_softmax", "logical_and", "logical_not", "logical_or", "logsumexp", "long", "lt",
    "manual_seed", "masked_fill", "matmul", "max", "maximum", "mean", "min", "minimum", "mm", "movedim", "mul",
    "mv", "ne", "neg",
    "no_grad", "norm", "ones", "ones_like", "op", "OPS", "outer", "permute", "pow", "prod", "rand", "rand_like",
    "randint", "randn", "randn_like", "randperm", "reciprocal", "relu", "repeat_interleave", "reshape", "roll",
    "rsqrt", "set_default_dtype", "set_grad_enabled", "sigmoid", "sign", "sin", "softmax", "split", "sqrt",
    "square", "squeeze", "stack", "std", "sub", "sum", "swapaxes", "take_along_dim", "tanh", "Tensor", "tensor",
    "tile", "transpose", "tril", "triu", "unbind", "unsqueeze", "var", "where", "zeros", "zeros_like",
]

globals().update({f.__name__: errors.named(f.__name__, f) for f in (grad, set_default_dtype)})
