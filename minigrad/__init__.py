"""minigrad: a tensor autograd engine over NumPy, or CuPy on a GPU, to be read in an afternoon.

>>> import minigrad as mg
>>> w = mg.tensor([0.5, -1.0], requires_grad=True)
>>> loss = ((w * mg.tensor([2.0, 3.0])).sum() - 1.0) ** 2
>>> loss.backward()
>>> w.grad
tensor([-12., -18.])
"""

import importlib.util
import types
import warnings

from minigrad import cuda, faster, func
from minigrad.array import (
    bool_ as bool,
    contiguous_format,
    device,
    float32,
    float64,
    get_default_dtype,
    int32,
    int64,
    preserve_format,
    set_default_dtype,
    strided,
    uint8,
)
from minigrad.functional import (
    addcdiv,
    addcmul,
    addmm,
    addmv,
    atan2,
    baddbmm,
    clamp_max,
    clamp_min,
    floor_divide,
    fmod,
    frac,
    isclose,
    lerp,
    logaddexp,
    logaddexp2,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    remainder,
    round,
    sgn,
    std_mean,
    tensordot,
    var_mean,
)
from minigrad.autograd import OPS, op
from minigrad.grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from minigrad.backward import grad
from minigrad.check import gradcheck
from minigrad.denormals import set_flush_denormal
from minigrad.creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from minigrad.einsum import einsum
from minigrad.functional import (
    allclose,
    amin,
    bmm,
    chunk,
    clamp,
    cumprod,
    dot,
    dsplit,
    equal,
    exp2,
    flatten,
    flip,
    gather,
    hsplit,
    index_select,
    log_softmax,
    logcumsumexp,
    logsumexp,
    masked_fill,
    matmul,
    max,
    mean,
    min,
    minimum,
    mm,
    movedim,
    mv,
    norm,
    outer,
    positive,
    prod,
    ravel,
    reciprocal,
    repeat_interleave,
    roll,
    rsqrt,
    split,
    square,
    squeeze,
    std,
    t,
    take_along_dim,
    tensor_split,
    tile,
    transpose,
    tril,
    triu,
    unflatten,
    unsqueeze,
    var,
    vsplit,
)
from minigrad.distributions import bernoulli, multinomial
from minigrad.functional import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_tensors,
    concat,
    concatenate,
    dstack,
    hstack,
    meshgrid,
    vstack,
)
from minigrad.functional import argsort, bincount, cummax, cummin, median, sort, topk, unique
from minigrad.functional import (
    diag,
    diagonal,
    index_add,
    index_copy,
    index_fill,
    masked_select,
    narrow,
    nonzero,
    scatter,
    scatter_add,
    select,
    where,
)
from minigrad.random import Generator, manual_seed
from minigrad.sampling import (
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from minigrad.ops import (
    abs,
    add,
    all,
    amax,
    any,
    argmax,
    argmin,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    broadcast_to,
    cat,
    ceil,
    clone,
    cos,
    cosh,
    cumsum,
    div,
    embedding,
    eq,
    erf,
    exp,
    expm1,
    floor,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    linear,
    log,
    log10,
    log1p,
    log2,
    lt,
    maximum,
    mul,
    ne,
    neg,
    permute,
    pow,
    relu,
    reshape,
    sigmoid,
    sign,
    sin,
    sinh,
    softmax,
    sqrt,
    stack,
    sub,
    sum,
    swapaxes,
    tan,
    tanh,
    trunc,
    unbind,
)
from minigrad.aliases import *
from minigrad.tensor import Tensor

# exp(100.0) is inf without a word, as in PyTorch: what NumPy would say of overflow, division by 0
# and NaN in lines of this library. A filter of the user's comes before this one.
warnings.filterwarnings(
    "ignore", r".+ encountered in ", RuntimeWarning, r"(minigrad|nn)\b", append=True
)

cuda_is_available = cuda.is_available
ger = outer
float, double, long, int = float32, float64, int64, int32  # the field's other names of the dtypes

# Two packages that can be removed: nothing but these lines imports them.
if faster.WANTED and importlib.util.find_spec("minigrad.fast"):
    from minigrad import fast
if importlib.util.find_spec("minigrad.inspect"):
    from minigrad.inspect import detect_anomaly, explain

# What is imported above, without the modules but for two.
__all__ = ["cuda", "func"]
__all__ += [
    name
    for name, value in list(vars().items())
    if not name.startswith("_") and not isinstance(value, types.ModuleType)
]
