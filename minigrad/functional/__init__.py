"""What is composed from the rules: no derivative is written here.

Every function takes Tensors (a NumPy or CuPy array is taken as one) and is a method of Tensor, too,
where PyTorch has one. `out` and other keywords of PyTorch that are not supported are accepted at
their defaults. A wrong argument raises what minigrad/arguments.py says; the docstrings say what is
particular.
"""

from minigrad.functional.elementwise import (
    allclose,
    atan2,
    clamp,
    clamp_max,
    clamp_min,
    equal,
    exp2,
    floor_divide,
    fmod,
    frac,
    isclose,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    masked_fill,
    minimum,
    positive,
    reciprocal,
    remainder,
    round,
    rsqrt,
    square,
)
from minigrad.functional.joining import (
    broadcast_tensors,
    concat,
    dstack,
    hstack,
    meshgrid,
    vstack,
)
from minigrad.functional.ordering import (
    argsort,
    bincount,
    cummax,
    cummin,
    median,
    sort,
    topk,
    unique,
)
from minigrad.functional.picking import (
    diag,
    diagonal,
    gather,
    in_order,
    index_select,
    masked_select,
    narrow,
    nonzero,
    picked,
    select,
    take_along_dim,
    unfold,
)
from minigrad.functional.placing import (
    index_add,
    index_copy,
    index_fill,
    scatter,
    scatter_add,
    where,
)
from minigrad.functional.products import (
    addmm,
    addmv,
    baddbmm,
    bmm,
    dot,
    matmul,
    mm,
    mv,
    outer,
    tensordot,
)
from minigrad.functional.reduction import (
    ValuesAndIndices,
    amin,
    log_softmax,
    logsumexp,
    max,
    mean,
    min,
    norm,
    prod,
    std,
    std_mean,
    var,
    var_mean,
)
from minigrad.functional.shape import (
    chunk,
    expand,
    flatten,
    flip,
    movedim,
    ravel,
    repeat,
    repeat_interleave,
    roll,
    split,
    squeeze,
    t,
    tile,
    transpose,
    tril,
    triu,
    unsqueeze,
)
