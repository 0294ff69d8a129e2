"""The random programs of tests/random_programs.py on JAX and HIPS autograd, in float64.

A program is grown beside PyTorch, without changes in place; then its leaves are moved off the zeros
and ties, at which each library has a convention of its own. Its values, and the gradient of the sum
over all of them, are compared with minigrad's. A word that a library lacks is counted by name.
"""

from __future__ import annotations

import math
import random
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import random_programs as programs

import minigrad as mg

LEAF = re.compile(r"(x\d+) = t\.tensor\((.*), dtype=t\.float64\)\.reshape\((.*)\)\.clone\(\)(.*)")


class Cannot(Exception):
    """A library has not this word."""


class Library:
    """What the two libraries do differently; `numpy` is their form of NumPy."""

    def __init__(
        self, name: str, numpy: Any, grad: Any, jacobian: Any, constant: Callable[[Any], Any]
    ):
        self.name = name
        self.numpy = numpy
        self.grad = grad  # grad(f, argnum)
        self.jacobian = jacobian
        self.constant = constant  # what is not differentiated


def jax_library() -> Library:
    import jax

    jax.config.update("jax_enable_x64", True)
    return Library("JAX", jax.numpy, jax.grad, jax.jacrev, jax.lax.stop_gradient)


def hips_library() -> Library:
    import autograd
    import autograd.numpy
    from autograd.tracer import isbox

    def constant(x: Any) -> Any:
        while isbox(x):
            x = x._value
        return x

    grad, jacobian = autograd.grad, autograd.jacobian
    return Library("HIPS autograd", autograd.numpy, grad, jacobian, constant)


# PyTorch's words by NumPy's. `n` is the library's NumPy, x an array of it.


def dims(dim: Any) -> Any:
    """PyTorch's () means every dimension."""
    if isinstance(dim, (tuple, list)):
        return tuple(dim) or None
    return dim


def softmax(n: Any, x: Any, dim: Any) -> Any:
    powers = n.exp(x - n.max(x, axis=dim, keepdims=True))
    return powers / n.sum(powers, axis=dim, keepdims=True)


def logsumexp(n: Any, x: Any, dim: Any, keepdim: bool = False) -> Any:
    top = n.max(x, axis=dims(dim), keepdims=True)
    total = n.log(n.sum(n.exp(x - top), axis=dims(dim), keepdims=True)) + top
    return total if keepdim else n.squeeze(total, axis=positive(total, dims(dim)))


def positive(x: Any, dim: Any) -> Any:
    """Dimensions from 0; all where none is named."""
    chosen = range(x.ndim) if dim is None else (dim if isinstance(dim, tuple) else (dim,))
    return tuple([d % max(x.ndim, 1) for d in chosen])


def variance(n: Any, x: Any, dim: Any = None, correction: float = 1, keepdim: bool = False) -> Any:
    count = math.prod([x.shape[d] for d in positive(x, dims(dim))])
    centred = x - n.mean(x, axis=dims(dim), keepdims=True)
    squares = n.sum(centred * centred, axis=dims(dim), keepdims=keepdim)
    return squares / max(count - correction, 0)


def split(n: Any, x: Any, size: int, dim: int = 0) -> list[Any]:
    length = x.shape[dim]
    slices = [slice(i, i + size) for i in range(0, length, size)]
    before = (slice(None),) * (dim % x.ndim)
    return [x[(*before, part)] for part in slices]


def chunk(n: Any, x: Any, count: int, dim: int = 0) -> list[Any]:
    return split(n, x, max(-(-x.shape[dim] // count), 1), dim)


def unbind(n: Any, x: Any, dim: int = 0) -> list[Any]:
    before = (slice(None),) * (dim % x.ndim)
    return [x[(*before, i)] for i in range(x.shape[dim])]


def permute(n: Any, x: Any, order: Any) -> Any:
    return n.transpose(x, order)


def flatten(n: Any, x: Any) -> Any:
    return n.reshape(x, (-1,))


def squeeze(n: Any, x: Any, dim: Any = None) -> Any:
    if dim is not None and (not x.ndim or x.shape[dim] != 1):
        return x
    return n.squeeze(x, axis=dim)


def expand(n: Any, x: Any, sizes: Any) -> Any:
    return n.broadcast_to(x, sizes) if hasattr(n, "broadcast_to") else x * n.ones(sizes)


def index_select(n: Any, x: Any, dim: int, index: Any) -> Any:
    return x[(*(slice(None),) * (dim % x.ndim), index)]


def where(n: Any, mask: Any, x: Any, y: Any) -> Any:
    """HIPS autograd 1.9 does not sum its gradient over the dimensions that where has broadcast."""
    full = np.ones(np.broadcast_shapes(np.shape(mask), np.shape(x), np.shape(y)))
    return n.where(mask * full > 0, x * full, y * full)


def masked_fill(n: Any, x: Any, mask: Any, value: float) -> Any:
    return where(n, mask, value, x)


def clamp(n: Any, x: Any, min: Any = None, max: Any = None) -> Any:
    y = x if min is None else n.maximum(x, min)
    return y if max is None else n.minimum(y, max)


def largest(n: Any, x: Any, other: Any = None, keepdim: bool = False) -> Any:
    if other is None:
        return n.max(x)
    if not isinstance(other, int):
        return n.maximum(x, other)
    return [n.max(x, axis=other, keepdims=keepdim), n.argmax(x, axis=other)]


def smallest(n: Any, x: Any, other: Any = None, keepdim: bool = False) -> Any:
    if other is None:
        return n.min(x)
    return [n.min(x, axis=other, keepdims=keepdim), n.argmin(x, axis=other)]


def norm(n: Any, x: Any, p: float = 2, dim: Any = None) -> Any:
    if p == math.inf:
        return n.max(n.abs(x), axis=dim)
    return n.sum(n.abs(x) ** p, axis=dim) ** (1 / p)


def pad(n: Any, x: Any, widths: Any) -> Any:
    pairs = [widths[i : i + 2] for i in range(0, len(widths), 2)][::-1]
    return n.pad(x, [(0, 0)] * (x.ndim - len(pairs)) + pairs) if pairs else x


def attention(n: Any, q: Any, k: Any, v: Any) -> Any:
    scores = n.matmul(q, n.swapaxes(k, -1, -2)) / math.sqrt(q.shape[-1])
    return n.matmul(softmax(n, scores, -1), v)


def repeat(n: Any, x: Any, times: Any) -> Any:
    return n.tile(x, times)


def gelu(n: Any, x: Any, approximate: str) -> Any:
    return 0.5 * x * (1 + n.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def reduction(name: str) -> Any:
    return lambda n, x, dim=None, keepdim=False, dtype=None: getattr(n, name)(
        x, axis=dims(dim), keepdims=keepdim
    )


def elementwise(name: str) -> Any:
    return lambda n, x: getattr(n, name)(x)


WORDS: dict[str, Any] = {
    name: elementwise(name)
    for name in "sin cos tanh exp log sqrt abs sign square log1p expm1".split()
}
WORDS |= {name: reduction(name) for name in ("sum", "mean", "prod")}
WORDS |= {
    "amax": reduction("max"),
    "amin": reduction("min"),
    "var": variance,
    "std": lambda n, x, *args, **named: n.sqrt(variance(n, x, *args, **named)),
    "softmax": softmax,
    "logsumexp": logsumexp,
    "log_softmax": lambda n, x, dim: x - logsumexp(n, x, dim, keepdim=True),
    "sigmoid": lambda n, x: 0.5 * (1 + n.tanh(0.5 * x)),
    "relu": lambda n, x: n.maximum(x, 0.0),
    "rsqrt": lambda n, x: x**-0.5,
    "reciprocal": lambda n, x: 1 / x,
    "clone": lambda n, x: x,
    "contiguous": lambda n, x: x,
    "double": lambda n, x: x * 1.0,
    "cumsum": lambda n, x, dim: n.cumsum(x, axis=dim) if x.ndim else x,
    "reshape": lambda n, x, *shape: n.reshape(x, shape if len(shape) > 1 else shape[0]),
    "view": lambda n, x, *shape: n.reshape(x, shape if len(shape) > 1 else shape[0]),
    "flatten": flatten,
    "permute": permute,
    "transpose": lambda n, x, a, b: n.swapaxes(x, a, b),
    "movedim": lambda n, x, a, b: n.moveaxis(x, a, b),
    "unsqueeze": lambda n, x, dim: n.expand_dims(x, dim),
    "squeeze": squeeze,
    "expand": expand,
    "broadcast_to": expand,
    "flip": lambda n, x, dim: n.flip(x, dim),
    "roll": lambda n, x, shift, dim=None: n.roll(x, shift, dim),
    "repeat": repeat,
    "tile": repeat,
    "chunk": chunk,
    "split": split,
    "unbind": unbind,
    # HIPS autograd 1.9 has another gradient of repeat for axis=-1 than for the same axis from 0.
    "repeat_interleave": lambda n, x, times, dim: n.repeat(x, times, axis=dim % x.ndim),
    "gather": lambda n, x, dim, index: n.take_along_axis(x, index, axis=dim),
    "take_along_dim": lambda n, x, index, dim: n.take_along_axis(x, index, axis=dim),
    "index_select": index_select,
    "tril": lambda n, x, k: n.tril(x, k),
    "triu": lambda n, x, k: n.triu(x, k),
    "masked_fill": masked_fill,
    "clamp": clamp,
    "dot": lambda n, x, y: n.dot(x, y),
    "mv": lambda n, x, y: n.dot(x, y),
    "matmul": lambda n, x, y: n.matmul(x, y),
    "outer": lambda n, x, y: n.outer(x, y),
    "maximum": lambda n, x, y: n.maximum(x, y),
    "minimum": lambda n, x, y: n.minimum(x, y),
    "where": where,
    "einsum": lambda n, *args: n.einsum(*args),
    "cat": lambda n, xs, dim=0: n.concatenate(xs, axis=dim),
    "stack": lambda n, xs, dim=0: n.stack(xs, axis=dim),
    "leaky_relu": lambda n, x, slope: n.where(x > 0, x, slope * x),
    "silu": lambda n, x: x * (0.5 * (1 + n.tanh(0.5 * x))),
    "softplus": lambda n, x: n.logaddexp(x, 0.0),
    "logsigmoid": lambda n, x: -n.logaddexp(-x, 0.0),
    "gelu": gelu,
    "max": largest,
    "min": smallest,
    "norm": norm,
    "pad": pad,
    "scaled_dot_product_attention": attention,
    "dropout": lambda n, x, p: x,
    "argmax": lambda n, x: n.argmax(x),
    "argmin": lambda n, x, dim, keepdim: n.argmin(x, axis=dim, keepdims=x.ndim > 0),
    "isfinite": lambda n, x: n.isfinite(x),
    "any": lambda n, x: n.any(x),
    "mse_loss": lambda n, x, y: n.mean((x - y) ** 2),
    "linear": lambda n, x, w: n.matmul(x, n.swapaxes(w, 0, 1)),
}


def raw(value: Any) -> Any:
    """A value of the library, also within tuples, lists and slices of an index."""
    if isinstance(value, Value):
        return value.raw
    if isinstance(value, (tuple, list)):
        return type(value)([raw(part) for part in value])
    return value


class Value:
    """An array of a library that knows PyTorch's methods."""

    def __init__(self, library: Library, array: Any):
        self.library = library
        self.raw = array

    def wrap(self, result: Any) -> Any:
        if isinstance(result, (list, tuple)):
            return [Value(self.library, part) for part in result]
        return Value(self.library, result)

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **named: call(self.library, name, self, *args, **named)

    shape = property(lambda self: self.raw.shape)
    mT = property(lambda self: self.wrap(self.library.numpy.swapaxes(self.raw, -1, -2)))
    T = property(lambda self: self.wrap(self.raw.T))

    def detach(self) -> Any:
        return self.wrap(self.library.constant(self.raw))

    def __getitem__(self, index: Any) -> Any:
        parts = raw(index) if isinstance(index, tuple) else (raw(index),)
        # HIPS autograd 1.9 takes the booleans of a list for 0 and 1 in its gradient.
        parts = tuple(
            [np.array(part) if part and isinstance(part, list) else part for part in parts]
        )
        kinds = set(map(type, parts))
        if int in kinds and not kinds <= {int, slice, type(None), type(...)}:
            raise Cannot("integers and arrays in one index")  # which NumPy orders otherwise
        return self.wrap(self.raw[parts])

    def __neg__(self) -> Any:
        return self.wrap(-self.raw)


def operator(name: str) -> Any:
    def method(self: Value, other: Any) -> Any:
        result = getattr(self.raw, name)(raw(other))
        if result is NotImplemented:
            raise Cannot(name)
        return self.wrap(result)

    return method


for sign in "add sub mul truediv pow".split():
    setattr(Value, f"__{sign}__", operator(f"__{sign}__"))
    setattr(Value, f"__r{sign}__", operator(f"__r{sign}__"))
for sign in "lt le gt ge eq ne".split():
    setattr(Value, f"__{sign}__", operator(f"__{sign}__"))
Value.__matmul__ = lambda self, other: call(self.library, "matmul", self, other)  # type: ignore[attr-defined]


def call(library: Library, name: str, *args: Any, **named: Any) -> Any:
    """A word of PyTorch's on values of a library."""
    if name not in WORDS:
        raise Cannot(name)
    try:
        return Value(library, None).wrap(WORDS[name](library.numpy, *raw(args), **named))
    except Exception as error:  # of whatever kind: what it refuses it cannot
        raise Cannot(name) from error


class Words:
    """The namespaces t and F: every word is a function."""

    float64 = "float64"
    int64 = "int64"
    no_grad = nullcontext  # such a line detaches what it makes

    def __init__(self, library: Library):
        self.library = library

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **named: call(self.library, name, *args, **named)

    def tensor(self, values: Any, dtype: Any = None) -> Value:
        return Value(self.library, np.array(values, dtype))


class Transforms:
    """The namespace func, built on the library's own grad and jacobian."""

    def __init__(self, library: Library):
        self.library = library

    def on_arrays(self, f: Any) -> Any:
        """f from arrays to an array."""
        return lambda *arrays: raw(f(*[Value(self.library, array) for array in arrays]))

    def grad(self, f: Any, argnums: Any = 0) -> Any:
        def by(number: int, args: Sequence[Value]) -> Value:
            gradient = self.library.grad(self.on_arrays(f), number)
            return Value(self.library, gradient(*raw(args)))

        if isinstance(argnums, tuple):
            return lambda *args: [by(number, args) for number in argnums]
        return lambda *args: by(argnums, args)

    def jacobian(self, f: Any) -> Any:
        return lambda a: Value(self.library, self.library.jacobian(self.on_arrays(f))(raw(a)))

    def hessian(self, f: Any) -> Any:
        return self.jacobian(self.grad(f))

    def value_and_grad(self, f: Any) -> Any:
        return lambda a: (f(a), self.grad(f)(a))

    def vjp(self, f: Any, a: Value) -> Any:
        return f(a), lambda g: (self.grad(lambda x: (f(x) * g).sum())(a),)

    def jvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        (a,), (v,) = primals, tangents
        jacobian = raw(self.jacobian(f)(a))
        product = self.library.numpy.tensordot(jacobian, raw(v), len(a.shape))
        return f(a), Value(self.library, product)

    def hvp(self, f: Any, primals: Any, tangents: Any) -> Any:
        return None, (self.jvp(self.grad(f), primals, tangents)[1],)


# Programs


def moved(line: str, draw: random.Random) -> tuple[str, Any, bool] | None:
    """The name of a leaf, its numbers off the grid, and whether it requires a gradient."""
    found = LEAF.fullmatch(line)
    if not found:
        return None
    name, numbers, shape, rest = found.groups()
    values = [x + draw.uniform(0.02, 0.1) for x in eval(numbers)]
    return name, np.array(values, float).reshape(eval(shape)), "requires_grad" in rest


def compare(lines: Sequence[str], library: Library, draw: random.Random) -> str:
    """How the library differs from minigrad on these lines; the empty text where it does not.

    Raises Cannot for a word that the library has not.
    """
    found = [moved(line, draw) for line in lines]
    leaves = {part[0]: part[1] for part in found if part}
    steps = [line for line, part in zip(lines, found, strict=True) if not part]
    wanted = [part[0] for part in found if part and part[2] and part[1].size]
    ours = programs.our_names()
    for name, array in leaves.items():
        ours[name] = mg.tensor(array, requires_grad=name in wanted)
    for line in steps:
        if programs.attempt(line, ours):  # it has a shape that depends on numbers
            raise Cannot("the program with other numbers")
    made = [name for name in ours if re.fullmatch(r"x\d+", name)]
    counted = [name for name in made if ours[name].requires_grad and finite(ours[name].array)]

    def run(*arrays: Any) -> tuple[Any, dict[str, Any]]:
        words = Words(library)
        names: dict[str, Any] = {"t": words, "F": words, "func": Transforms(library), "math": math}
        given = leaves | dict(zip(wanted, arrays, strict=True))
        names |= {name: Value(library, array) for name, array in given.items()}
        for line in steps:
            step(line, names)
        total = sum([((names[name] + 0.375) * names[name]).sum().raw for name in counted])
        return total, names

    theirs = run(*[leaves[name] for name in wanted])[1]
    for name in made:
        if not same(ours[name].array, np.asarray(raw(theirs[name]))):
            return f"{name}: {ours[name].tolist()} and {raw(theirs[name])}"
    if not wanted or not counted:
        return ""
    total: Any = sum([((ours[name] + 0.375) * ours[name]).sum() for name in counted])
    inputs = [ours[name] for name in wanted]
    ours_grads = mg.grad(total, inputs, materialize_grads=True)
    for i, (name, our) in enumerate(zip(wanted, ours_grads, strict=True)):
        try:
            their = library.grad(lambda *a: run(*a)[0], i)(*[leaves[name] for name in wanted])
        except Cannot:
            raise
        except Exception as error:
            raise Cannot(f"a gradient: {type(error).__name__}") from error
        if not same(our.array, np.asarray(their), is_derivative=True):
            return f"the gradient of {name}: {our.tolist()} and {their}"
    return ""


def step(line: str, names: dict[str, Any]) -> None:
    """Run a line. Raises Cannot where the library refuses it."""
    try:
        exec(programs.compiled(line), names)
    except Cannot:
        raise
    except Exception as error:
        raise Cannot(f"{type(error).__name__} ") from error


def finite(array: Any) -> bool:
    return bool(np.isfinite(array).all())


def same(a: Any, b: Any, is_derivative: bool = False) -> bool:
    """Whether numbers agree; a derivative that one library has as NaN or infinite is not looked at,
    because those of PyTorch decide there."""
    if a.shape != b.shape:
        return False
    if not a.size:
        return True
    with np.errstate(all="ignore"):
        biggest = max(1.0, float(np.abs(b[np.isfinite(b)]).max(initial=0)))
        near = np.abs(a - b) <= 1e-8 * biggest
        skipped = is_derivative & ~(np.isfinite(a) & np.isfinite(b))
        return bool((near | (a == b) | ((a != a) & (b != b)) | skipped).all())


def grown(draw: random.Random) -> list[str]:
    """The lines of a random program without changes in place."""
    program = programs.Program()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        programs.grow_lines(draw, program, programs.KINDS_OF_VALUES)
    return program.lines


def check_many(library: Library, seeds: Sequence[int]) -> tuple[int, Counter[str], list[str]]:
    """How many programs agree, how many had which word that the library lacks, and what differs."""
    agree, lacking, found = 0, Counter[str](), []
    for seed in seeds:
        draw = random.Random(seed)
        lines = grown(draw)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                difference = compare(lines, library, draw)
            except Cannot as error:
                lacking[str(error)] += 1
                continue
        agree += not difference
        if difference:
            found.append("\n".join([f"seed {seed}:", *lines, difference]))
    return agree, lacking, found
