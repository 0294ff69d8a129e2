"""Random programs in PyTorch's words, grown line by line on minigrad and PyTorch at once.

A program is a list of lines such as `x5 = x2.softmax(-1)` or `with t.no_grad(): x3 *= x1`. Its
leaves are multiples of 1/4, so that ties, zeros and signs are common, and exact in both libraries;
whatever jumps or has a kink is applied to exact values alone. Both libraries must take or refuse
each line, and agree on every value, on the gradients of all leaves, and on the gradients of those.
What only one of the two takes is in a list of refusals with names, below.
"""

from __future__ import annotations

import functools
import math
import random
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")

Names = dict[str, Any]
Random = random.Random

REFUSED = (
    TypeError,
    ValueError,
    IndexError,
    RuntimeError,
)  # and NotImplementedError, a RuntimeError

SENTENCE = re.compile(r"[\w.+\-*/|&\[\]=]+( \(\w+\))?: ")  # "add: ..", or "+= (add): .."

# What minigrad refuses although PyTorch takes it, by a part of the sentence it says
ONLY_WE_REFUSE = {
    "a freed graph whose ops keep nothing": "one that was already differentiated and freed",
    "a write into an expanded tensor": "expected memory that can be written to",
    "a loss whose target would broadcast": "mse_loss: expected a target of the input's shape",
    "a change of what an op of minigrad keeps": "changed in place after the op had run",
    "a cotangent of another shape": "expected a gradient of the output's shape",
    "the transpose of a number": "mT: expected a matrix or several, got shape ()",
    "a cotangent of another shape, for what is constant": "expected a cotangent of the output's",
    "attention by nothing to sizes that do not fit": "expected queries of the keys' size",
}
# What PyTorch refuses although minigrad takes it, by a part of PyTorch's message
ONLY_THEY_REFUSE = {
    "zeros as the gradient of a constant": "does not require grad and does not have a grad_fn",
    "a Jacobian of nothing": "select(): index 0 out of range for tensor of size [0",
    "a Hessian of nothing": "cannot reshape tensor of 0 elements into shape [0",
    "a dim of a number": "but tensor has no dimensions",
    "a change of one of several views": "output of a function that returns multiple views",
    "a derivative by an expanded tensor": "more than one element of the written-to tensor",
    "a change by a view of the same memory": "refer to a single memory location",
    "a second derivative that is a ZeroTensor": "ZeroTensors are immutable",
    "a second derivative of attention": "flash_attention_for_cpu_backward is not implemented",
    "a view of memory that is not in order": "view size is not compatible with input tensor's size",
    "linear with a weight of three dimensions": "t() expects a tensor with <= 2 dimensions",
}
# The same of a gradient after a recorded change such as x *= x, for which PyTorch keeps what it
# overwrites, and minigrad a copy. Then PyTorch is asked again, with copies.
CHANGED = "modified by an inplace operation"
RECORDED_CHANGE = re.compile(
    r"(x\d+)(?: (\*\*|[-+*/])= (.*)|\.(add|sub|mul|clamp|masked_fill)_\((.*)\))"
)


LOSES_DIGITS = re.compile(r"func\..*(logsumexp|softmax)")
MADE = re.compile(r"(?:with t.no_grad\(\): )?(x\d+) = ")  # of a line that makes a value

# A copy from memory that it writes to: PyTorch reads what it has just written. There it is given a
# copy to read from.
COPY = re.compile(r"(x\d+)(?:\.copy_\((x\d+)\)|\[.*\] = (x\d+).*)")

# Where PyTorch's derivative is NaN, ours is not compared: here and there it multiplies an infinite
# gradient by the 0 of a mask. Where it is wrong, the word is left out: its third derivative of
# layer_norm, its second of prod where a factor is 0, and its second of a ** b by both where b is 0
# (finite differences agree with minigrad).


class Disagreement(AssertionError):
    """Two libraries give different numbers, or one takes what the other refuses."""

    lines: list[str] = []  # of the program


# The words of a line. An upper-case word stands for something that is drawn: A, a tensor; B, one
# that broadcasts with it; C, one of its shape; M, one that A can be multiplied with as a matrix;
# DIM, INDEX ... what fits the shape of A.

EXACT = """
A + B; A - B; A * B; A + B; A * B; B - A; -A; A * NUMBER; NUMBER - A; A + NUMBER; A.square()
A.sum(); A.sum(DIM); A.sum(DIM, keepdim=True); A.sum(DIMS); A.cumsum(DIM); A.clone()
A[INDEX]; A[INDEX]; A[INDEX]; A[MASKED]; A.reshape(SHAPE); A.flatten(); A.permute(ORDER); A.mT; A.T
A.transpose(DIM, DIM2); A.unsqueeze(NEWDIM); A.squeeze(); A.squeeze(DIM); A.expand(SIZES)
A.broadcast_to(SIZES); A.flip(DIM); A.roll(SHIFT, DIM); A.roll(SHIFT); A.repeat(TIMES)
A.tile(TIMES); A.movedim(DIM, DIM2); t.cat(A.chunk(2, DIM)[::-1], DIM); t.cat(A.split(1, DIM), DIM2)
t.stack(A.unbind(DIM), DIM2)
A.repeat_interleave(2, DIM); A.gather(DIM, IDS); A.index_select(DIM, PICKS); A.tril(SHIFT)
A.triu(SHIFT); A.take_along_dim(IDS, DIM); t.cat([A, C], DIM); t.cat([C, A, A]); t.stack([A, C])
t.stack([A, C, A], DIM); A @ M; t.matmul(A, M); t.outer(A.flatten(), C.flatten())
t.einsum("...i,...i->...", A, C); t.einsum("i...,i...->...", A, C); t.einsum("ij,kj->ik", A, C)
t.einsum("ii->i", A).clone(); t.einsum("ij->ji", A); A.prod(DIM); A.prod()
A.masked_fill(MASK, NUMBER)
t.where(MASK, A, B); t.where(MASK, A, NUMBER); A ** 2; A ** 3; A.detach(); A.dot(C); A.mv(C)
A.view(SHAPE); A.contiguous(); A.detach().clone().requires_grad_(); A.double()
A.sum(dtype=t.float64)
"""
# Of exact values alone. They jump, and what they give is exact:
JUMPS = """
A.relu(); A.abs(); A.sign(); A.clamp(-0.5, 0.75); A.clamp(min=NUMBER); A.clamp(max=NUMBER); A.amax()
A.amax(DIM); A.amin(DIM, keepdim=True); A.amax(DIMS); A.amin(); A.max(); A.min(); A.max(DIM)[0]
A.min(DIM, True).values; t.maximum(A, B); t.minimum(A, B); A.max(B); A.norm(1, DIM); F.relu(A)
A.norm(math.inf, DIM); A.argmax() * A; A.argmin(DIM, keepdim=True) * A; (A > B) * A
(A == B).any() * A; A.float().double(); A.long().double(); F.pad(A, PADDING); F.dropout(A, 0.0)
(A != B).double().sum(); A.isfinite() * A; A.max(DIM)[1].double() + 0.5
"""
# These end somewhere, or have a kink where something is 0:
EDGES = """
A.norm(); A.norm(dim=DIM); A.norm(3, DIM); A.std(DIM); A.std(); A.var(DIM, correction=0); A / B
A.sqrt(); A.log(); A.reciprocal(); A.rsqrt(); A ** 0.5; A ** -1; A ** B; A.abs() ** 1.5; A.log1p()
NUMBER / A; A.log_softmax(DIM); A.mean(DIM) * A.sign(); A.mean(); F.leaky_relu(A, 0.1)
F.elu(A - 0.03)
2 ** A; A.expm1(); A.mean(DIMS, keepdim=True); A.sqrt().sum(DIM); (A / 0.3).log_softmax(DIM)
"""
SMOOTH = """
A.sin(); A.cos(); A.tanh(); A.sigmoid(); (-A * A).exp(); A.softmax(DIM); A.log_softmax(DIM)
A.logsumexp(DIM); (A * A + 0.5).sqrt(); (A * A + 1).log(); A / (B * B + 1); A.mean(); A.mean(DIM)
A.var(); A.var(DIM, keepdim=True); (A * A + 0.5).rsqrt(); (A * A + 1).reciprocal(); A.mean(DIMS)
(A * A + 0.5) ** (B + 2.0625); t.log1p(A * A); t.expm1(A.tanh()); A.logsumexp(DIMS, keepdim=True)
F.softplus(A); F.silu(A); F.gelu(A, approximate="tanh"); F.mse_loss(A, C); F.logsigmoid(A)
F.linear(A, M.mT); A.tanh() * B.sin(); A.sin() @ M; F.scaled_dot_product_attention(A, C, C)
"""
CHANGES = """
A += B; A -= B; A *= B; A += NUMBER; A *= NUMBER; A /= 2; A -= C; A[INDEX] = NUMBER; A[INDEX] += 1.5
A.zero_(); A.fill_(NUMBER); A.copy_(B); A.mul_(B); A.add_(B, alpha=NUMBER); A.sub_(B)
A.masked_fill_(MASK, NUMBER); A.detach().mul_(0.5)
A[INDEX].mul_(NUMBER); A[INDEX] = C[INDEX]; A **= 2; A.clamp_(-3, 3)
A[MASKED] = NUMBER; A.reshape(SHAPE).add_(1); A.mT.mul_(2)
"""
BACKWARD = """
A.sum().backward(retain_graph=True); ((A + 1) * A).sum().backward(retain_graph=True)
NEW = B * grad([(A * C).sum()], [B], create_graph=True, materialize_grads=True)[0]
NEW = B * grad([A], [B], [C.detach()], retain_graph=True, materialize_grads=True)[0]
A.mean().backward(); A.grad = None; A.backward(C.detach().clone(), retain_graph=True)
"""
TRANSFORMS = """
func.grad(lambda a: (BODY).sum())(A); func.grad(lambda a: (BODY * BODY).mean())(A)
func.value_and_grad(lambda a: (BODY).sum())(A)[0]; func.value_and_grad(lambda a: (BODY).sum())(A)[1]
func.vjp(lambda a: BODY, A)[1](C)[0]; func.vjp(lambda a: BODY, A)[0]
func.jvp(lambda a: BODY, (A,), (C,))[1]; func.jvp(lambda a: BODY, (A,), (C,))[0]
func.hvp(lambda a: (BODY).sum(), (A,), (C,))[1][0]
func.grad(lambda a, b: (BODY * b.sin()).sum(), (0, 1))(A, C)[1]
func.grad(lambda a: (func.grad(lambda a: (BODY).sum())(a) * C).sum())(A)
func.jvp(func.grad(lambda a: (BODY).sum()), (A,), (C,))[1]
func.grad(lambda a: func.jvp(lambda a: (BODY).sum(), (a,), (C,))[1])(A)
func.jvp(lambda a: func.jvp(lambda a: BODY, (a,), (C,))[1], (A,), (C,))[1]
func.vjp(func.grad(lambda a: (BODY).sum()), A)[1](C)[0]
func.grad(lambda a: func.hvp(lambda a: (BODY).sum(), (a,), (C,))[1][0].sum())(A)
func.grad(lambda a: (func.grad(lambda b: ((BODY) * b).sum())(a) * a).sum())(A)
func.grad(lambda a: func.grad(lambda a: func.grad(lambda a: (BODY).sum())(a).sum())(a).sum())(A)
"""
OF_FEW = """
func.jacobian(lambda a: BODY)(A); func.hessian(lambda a: (BODY).sum())(A)
func.jacobian(func.grad(lambda a: (BODY).sum()))(A)
func.jvp(func.jacobian(lambda a: BODY), (A,), (C,))[1]
"""
OF_FEWER = """
func.jacobian(func.hessian(lambda a: (BODY).sum()))(A)
func.grad(lambda a: (func.hessian(lambda a: (BODY).sum())(a)).sum())(A)
"""
BODIES = """
a.sin(); a.tanh(); a.sigmoid(); (-a * a).exp(); a * a; a * K; a + K; K - a * a; a * a.sum()
(a * a + 0.5).sqrt(); (a * a + 1).log(); a / (K ** 2 + 1); a - a.mean(); a.softmax(DIM); a ** 3
a.cumsum(DIM); a.flip(DIM); a.log_softmax(DIM); t.where(MASK, a, K); a[None].sum(0); a * a.cos()
a.reshape(-1).roll(1).reshape(a.shape)
t.cat([a, a], DIM).chunk(2, DIM)[1]
a - a.logsumexp(DIM, keepdim=True); a.mT.sin().mT; t.stack([a, a - 1, a]).amax(0)
a.exp() * 0.1
"""


def split(block: str) -> list[str]:
    """The templates of a block."""
    return block.strip().replace("\n", "; ").split("; ")


EXACT_LINES, JUMP_LINES, EDGE_LINES, SMOOTH_LINES = map(split, (EXACT, JUMPS, EDGES, SMOOTH))
CHANGE_LINES, BACKWARD_LINES = split(CHANGES), split(BACKWARD)
TRANSFORM_LINES, BODY_TEXTS = split(TRANSFORMS), split(BODIES)
LINES_OF_FEW, LINES_OF_FEWER = split(OF_FEW), split(OF_FEW) + split(OF_FEWER)
NUMBERS = ["0.5", "2", "-1.5", "0", "1", "3.0"]
SHAPES = [(), (), (1,), (2,), (3,), (3,), (0,), (2, 3), (2, 3), (3, 2), (3, 1), (1, 3), (2, 2)]
SHAPES += [(3, 3), (2, 0), (0, 3), (2, 1, 3), (2, 3, 2), (1, 2, 2)]
WORD = re.compile(
    r"\b(A|B|C|M|K|DIM|DIM2|DIMS|NEWDIM|INDEX|MASKED|MASK|NUMBER|SHAPE|SIZES|ORDER|SHIFT|TIMES"
    r"|PICKS|IDS|PADDING|BODY)\b"
)


class Words:
    """What the words of one template stand for."""

    def __init__(self, draw: Random, values: Names, exact: set[str], is_exact: bool):
        self.draw = draw
        self.values = values
        self.names = [name for name in values if not is_exact or name in exact]
        self.all_names = list(values)
        self.exact = exact
        self.drawn: dict[str, str] = {}
        self.name = self.recent(self.names)
        self.shape = tuple(values[self.name].shape)
        self.ndim = len(self.shape)

    def recent(self, names: Sequence[str]) -> str:
        """One of the names, more often a late one."""
        return names[-1 - int(len(names) * self.draw.random() ** 1.5)]

    def fill(self, template: str) -> str:
        """The template with every word replaced; but for BODY and K, a word means one thing."""
        return WORD.sub(lambda found: self.word(found[1]), template)

    def word(self, word: str) -> str:
        if word in ("BODY", "K"):
            return getattr(self, word)()
        if word not in self.drawn:
            self.drawn[word] = getattr(self, word)()
        return self.drawn[word]

    def one_of(self, fits: Callable[[tuple[int, ...]], bool], names: Sequence[str]) -> str:
        """A tensor whose shape fits; A where none does, and now and then any tensor."""
        if self.draw.random() < 0.03:
            return self.draw.choice(names)
        fitting = [name for name in names if fits(tuple(self.values[name].shape))]
        return self.draw.choice(fitting) if fitting else self.name

    def A(self) -> str:
        return self.name

    def B(self) -> str:
        return self.one_of(lambda shape: broadcast(shape, self.shape) is not None, self.names)

    def C(self) -> str:
        return self.one_of(lambda shape: shape == self.shape, self.names)

    def M(self) -> str:
        def fits(shape: tuple[int, ...]) -> bool:
            if not shape or not self.shape:
                return False
            return shape[-2 if len(shape) > 1 else -1] == self.shape[-1]

        found = self.one_of(fits, self.names)
        return f"{found}.mT" if found == self.name and self.ndim > 1 else found

    def K(self) -> str:
        if self.draw.random() < 0.2:
            return self.NUMBER()
        return self.one_of(lambda s: broadcast(s, self.shape) == self.shape, self.all_names)

    def DIM(self) -> str:
        n = max(self.ndim, 1)
        return str(self.draw.randrange(-n, n))

    DIM2 = DIM

    def NEWDIM(self) -> str:
        return str(self.draw.randrange(-self.ndim - 1, self.ndim + 1))

    def DIMS(self) -> str:
        dims = self.draw.sample(range(self.ndim), self.draw.randint(0, self.ndim))
        return str(tuple(d - self.ndim * (self.draw.random() < 0.3) for d in dims))

    def ORDER(self) -> str:
        return str(tuple(self.draw.sample(range(self.ndim), self.ndim)))

    def NUMBER(self) -> str:
        return self.draw.choice(NUMBERS)

    def SHIFT(self) -> str:
        return str(self.draw.randint(-2, 2))

    def SHAPE(self) -> str:
        n = math.prod(self.shape)
        shapes = [(n,), (-1,), (1, n), (n, 1), (*self.shape, 1), (1, *self.shape)]
        if n:
            shapes += [(d, -1) for d in range(2, n + 1) if n % d == 0]
        return str(self.draw.choice(shapes))

    def SIZES(self) -> str:
        sizes = [n if n != 1 else self.draw.choice((1, 2, 3)) for n in self.shape]
        return str(tuple([2] * (self.draw.random() < 0.3) + sizes))

    def TIMES(self) -> str:
        return str(tuple(self.draw.choice((0, 1, 1, 2)) for _ in range(max(self.ndim, 1))))

    def PADDING(self) -> str:
        return str(tuple(self.draw.randint(0, 2) for _ in range(2 * min(self.ndim, 2))))

    def index_along(self, n: int) -> str:
        """An index of one dimension of size n."""
        ids = [self.draw.randrange(-n, n) for _ in range(self.draw.randint(0, 3))] if n else []
        kinds = [":", "1:", ":-1", "::2", "0:0", str(ids)]
        if n:
            kinds += [str(self.draw.randrange(-n, n)), str(self.draw.randrange(-n, n))]
            kinds += [f"t.tensor({ids or [0]})", str(self.draw.choices((True, False), k=n))]
        return self.draw.choice(kinds)

    def INDEX(self) -> str:
        if not self.ndim:
            return self.draw.choice(["...", "None", "()", "None, ..."])
        parts = [self.index_along(n) for n in self.shape[: self.draw.randint(1, self.ndim)]]
        arrays = [i for i, part in enumerate(parts) if "[" in part]
        for i in arrays[1:]:  # several arrays of different lengths would not broadcast
            parts[i] = parts[arrays[0]] if self.draw.random() < 0.2 else ":"
        if self.draw.random() < 0.2:
            parts.insert(self.draw.randint(0, len(parts)), "None")
        if self.draw.random() < 0.2:
            parts = ["...", self.index_along(self.shape[-1])]
        return ", ".join(parts)

    def PICKS(self) -> str:
        n = self.shape[int(self.word("DIM"))] if self.ndim else 1
        ids = [self.draw.randrange(n) for _ in range(self.draw.randint(1, 3))] if n else []
        return f"t.tensor({ids}, dtype=t.int64)"

    def IDS(self) -> str:
        dim = int(self.word("DIM"))
        if not self.ndim:
            return self.draw.choice(["t.tensor(0)", "t.tensor([0])"])
        n = self.shape[dim]
        shape = list(self.shape)
        shape[dim] = self.draw.randint(1, 3) if n else 0
        ids = [self.draw.randrange(n) for _ in range(math.prod(shape))] if n else []
        return f"t.tensor({ids}, dtype=t.int64).reshape({tuple(shape)})"

    def mask_of(self, fits: Callable[[tuple[int, ...]], bool]) -> str:
        """A comparison of exact values whose shape fits."""
        names = [name for name in self.all_names if name in self.exact]
        fitting = [name for name in names if fits(tuple(self.values[name].shape))]
        if not fitting:
            return ""
        sign = self.draw.choice(("<", ">", "<=", "==", "!="))
        return f"{self.draw.choice(fitting)} {sign} {self.NUMBER()}"

    def MASK(self) -> str:
        return self.mask_of(lambda s: broadcast(s, self.shape) == self.shape) or "t.tensor(True)"

    def MASKED(self) -> str:
        return self.mask_of(lambda s: s == self.shape[: len(s)] and s != ()) or "..."

    def BODY(self) -> str:
        """Up to three steps, each within the next, that keep the shape of a."""
        text = "a"
        for _ in range(self.draw.choice((1, 1, 2, 2, 3))):
            template = self.draw.choice(BODY_TEXTS)
            if "DIM" in template and not self.ndim:
                continue
            step = self.fill(template)
            if len(text) * step.count("a") < 160:
                text = re.sub(r"\ba\b", text if text == "a" else f"({text})", step)
        return text


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape to which these broadcast; None where they do not."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


# The libraries


def their_hvp(f: Any, primals: Any, tangents: Any) -> Any:
    numbers = tuple(range(len(primals)))
    gradients = torch.func.grad(f, numbers)
    return None, torch.func.jvp(gradients, primals, tangents)[1]


def their_value_and_grad(f: Any) -> Any:
    return lambda *args: torch.func.grad_and_value(f)(*args)[::-1]


def our_names() -> Names:
    """What a program knows in minigrad."""
    import nn.functional

    return {"t": mg, "func": mg.func, "grad": mg.grad, "F": nn.functional, "math": math}


def their_names() -> Names:
    """The same in PyTorch."""
    func = SimpleNamespace(
        grad=torch.func.grad,
        vjp=torch.func.vjp,
        jvp=torch.func.jvp,
        jacobian=torch.func.jacrev,
        hessian=torch.func.hessian,
        hvp=their_hvp,
        value_and_grad=their_value_and_grad,
    )
    F = torch.nn.functional
    return {"t": torch, "func": func, "grad": torch.autograd.grad, "F": F, "math": math}


@functools.lru_cache(maxsize=20_000)
def compiled(line: str) -> Any:
    return compile(line, "<program>", "exec")


def attempt(line: str, names: Names) -> Exception | None:
    """Run a line; what it was refused with."""
    try:
        exec(compiled(line), names)
    except Exception as error:  # of whatever kind: `take` looks at it
        return error
    return None


def named(error: Exception | None, refusals: dict[str, str]) -> str | None:
    """The name of a refusal in the list."""
    text = str(error) if error else ""
    return next((name for name, part in refusals.items() if part in text), None)


# A program


class Program:
    """Lines that both libraries have taken, and what they computed."""

    def __init__(self, lines: Sequence[str] = ()):
        self.lines: list[str] = []
        self.tried = ""  # the last line that was tried
        self.refusals: Counter[str] = Counter()
        self.inexact: set[str] = set()  # of which PyTorch has lost digits
        self.biggest = 1.0  # of the numbers seen so far: what a tolerance is relative to
        self.copies = False  # PyTorch has refused a recorded change of what it keeps
        self.begin()
        for line in lines:
            self.take(line)

    def begin(self) -> None:
        self.ours = our_names()
        self.theirs = their_names()

    def begin_again(self) -> None:
        """Run the lines again, without one that only one library took."""
        self.begin()
        for line in without_gradients(self.lines):
            exec(compiled(line), self.ours)
            if not self.copies:
                exec(compiled(read_before_written(line, self.theirs)), self.theirs)
        if self.copies:
            self.theirs = with_copies(self.lines)

    def forget(self, name: str) -> None:
        """Take the last line back, which made this variable and nothing else."""
        self.lines.pop()
        del self.ours[name], self.theirs[name]

    def take(self, line: str) -> bool:
        """Run a line in both libraries; whether both took it.

        Raises Disagreement where only one does and the list of refusals does not name it, and where
        a new value differs.
        """
        self.tried = line
        error = attempt(line, self.ours)
        if isinstance(error, NameError):  # the line that made it is not there
            return False
        if error and not (isinstance(error, REFUSED) and SENTENCE.match(str(error))):
            raise Disagreement(f"{line}: minigrad says no sentence: {error!r}")
        refusal = named(error, ONLY_WE_REFUSE)
        if refusal:
            self.refusals[refusal] += 1
            return False
        their_line = read_before_written(line, self.theirs)
        their_error = attempt(their_line, self.theirs)
        if their_error and CHANGED in str(their_error) and not error:
            self.refusals["a recorded change of what PyTorch keeps"] += 1
            self.copies = True
            self.theirs = with_copies(self.lines)
            their_error = attempt(line, self.theirs)
            if their_error and CHANGED in str(their_error):
                self.refusals["any change of what PyTorch keeps, and minigrad does not"] += 1
                self.begin_again()
                return False
        if error and their_error:
            return False
        if error:
            self.only_theirs(line, error)
            return False
        if their_error:
            self.only_ours(line, their_error)
            return False
        made = MADE.match(line)
        if made and "attention" in line and self.is_empty_of_two_shapes(made[1]):
            self.refusals["the batch of attention without elements, not broadcast"] += 1
            self.begin_again()
            return False
        self.lines.append(line)
        if made:
            self.compare(made[1], is_derivative="func." in line or "grad(" in line)
            self.compare_memory(made[1], set(re.findall(r"\bx\d+\b", line)) - {made[1]})
        return True

    def is_empty_of_two_shapes(self, name: str) -> bool:
        """Whether a value without elements has a shape in each library."""
        return not self.theirs[name].numel() and self.theirs[name].shape != self.ours[name].shape

    def only_ours(self, line: str, their_error: Exception) -> None:
        """A line that PyTorch refuses: go on as if it had not been there."""
        refusal = named(their_error, ONLY_THEY_REFUSE)
        if refusal is None:
            raise Disagreement(f"{line}: only PyTorch refuses it: {their_error!r}")
        self.refusals[refusal] += 1
        self.begin_again()

    def only_theirs(self, line: str, error: Exception) -> None:
        """A line that minigrad refuses: an index out of range, where nothing is picked."""
        place = re.sub(r"^with t.no_grad\(\): ", "", line)
        left, _, right = place.partition(" = ")
        picked = right if MADE.match(line) else re.sub(r" [-+*/]$", "", left)
        is_range = "expected an index from" in str(error)
        if not is_range or eval(picked, self.theirs).numel():
            raise Disagreement(f"{line}: only minigrad refuses it: {error!r}")
        self.refusals["an index out of range, of nothing"] += 1
        self.begin_again()

    def flags_differ(self, name: str) -> bool:
        """Whether the libraries say different things of a gradient."""
        our, their = self.ours[name], self.theirs[name]
        return our.requires_grad != their.requires_grad or our.is_leaf != their.is_leaf

    def is_unsure(self, name: str) -> bool:
        """Whether a derivative is not finite, has few digits, or is a constant for one library."""
        is_finite = bool(torch.isfinite(self.theirs[name]).all())
        return self.flags_differ(name) or not is_finite or name in self.inexact

    def is_constant(self, grad: Any) -> bool:
        """Whether a gradient of zeros may come from a transform that one library finds constant."""
        return not grad.any() and any(["func." in line for line in self.lines])

    def compare(self, name: str, is_derivative: bool = False) -> None:
        """Raise Disagreement where a variable has two values."""
        our, their = self.ours[name], self.theirs[name]
        if type(our) is not mg.Tensor or str(their.dtype) != f"torch.{our.dtype}":
            raise Disagreement(f"{name}: {type(our).__name__} {our!r} and {their!r}")
        if self.flags_differ(name) and their.numel() and not is_derivative:
            raise Disagreement(f"{name}: requires_grad, is_leaf: {our!r} and {their!r}")
        self.compare_values(name, our, their, is_derivative)
        their_grad = their.grad if their.is_leaf or their.retains_grad else None
        if our.grad is None and their_grad is not None and self.is_constant(their_grad):
            self.refusals["zeros, where a transform's result is constant"] += 1
            our.grad = mg.zeros_like(our)
        if our.grad is not None and their_grad is None and self.is_constant(our.grad.array):
            self.refusals["zeros, where a transform's result is constant"] += 1
            our.grad = None
        if (our.grad is None) != (their_grad is None):
            raise Disagreement(f"{name}.grad: {our.grad} and {their_grad}")
        if their_grad is not None:
            self.compare_values(f"{name}.grad", our.grad, their_grad, is_derivative=True)

    def is_exact(self, name: str) -> bool:
        """Whether a value is exact, and without -0.0, in both libraries."""
        return is_exact(self.theirs[name].numpy(force=True)) and is_exact(self.ours[name].array)

    def compare_memory(self, name: str, others: set[str]) -> None:
        """Raise Disagreement where a new value is a view of another in one library alone."""
        our, their = self.ours[name].array, self.theirs[name]
        line = self.lines[-1]
        if not our.size or "func" in line or "grad(" in line or their._is_zerotensor():
            return
        arrays = [self.ours[other].array for other in others]
        is_fresh = not any([np.may_share_memory(our, array) for array in arrays])
        is_fresh &= "einsum" not in line  # whose order no library promises
        are_in_order = is_fresh and all([is_in_order(array) for array in arrays])
        if are_in_order and their.is_contiguous() and not our.flags.c_contiguous:
            raise Disagreement(f"{name} is not in order: strides {our.strides}, {their.stride()}")
        start = their.untyped_storage().data_ptr()
        for other in others:
            if not same_layout(self.ours[other].array, self.theirs[other]):
                continue
            is_view = np.may_share_memory(our, self.ours[other].array)
            their_is_view = start == self.theirs[other].untyped_storage().data_ptr()
            if is_view != their_is_view:
                raise Disagreement(f"{name} is a view of {other}: {is_view} and {their_is_view}")

    def compare_values(self, name: str, our: Any, their: Any, is_derivative: bool = False) -> None:
        """Raise Disagreement where numbers differ. A derivative may be NaN in PyTorch alone: see
        above.
        """
        a, b = our.array, their.numpy(force=True)
        if a.shape != b.shape:
            raise Disagreement(f"{name}: shapes {a.shape} and {b.shape}")
        if not a.size or a.dtype.kind == "b":
            differs = a.size and (a != b).any()
        else:
            finite = np.abs(b[np.isfinite(b)]) if b.shape else np.abs(b)
            if finite.size and math.isfinite(finite.max()):
                self.biggest = max(self.biggest, float(finite.max()))
            near = np.abs(a - b) <= 1e-8 * self.biggest
            is_nan = (b != b) | ~(np.isfinite(a) | np.isfinite(b))  # also of inf - inf
            differs = not (near | (a == b) | (is_derivative & is_nan) | ((a != a) & (b != b))).all()
        reason = self.known_difference(a, b, is_derivative) if differs else ""
        if reason:
            self.refusals[reason] += 1
            self.inexact.add(name)
        elif differs:
            raise Disagreement(f"{name}: {a.tolist()} and {b.tolist()}")

    def known_difference(self, a: Any, b: Any, is_derivative: bool) -> str:
        """Why PyTorch's derivative b is another than minigrad's a; empty where that is not known.

        The slopes of its logsumexp are exp(x - y), whose error is that of y: where y is a thousand,
        ten digits are left, and the next derivative takes as many more (with 60 digits, minigrad's
        were the right ones). Where two factors are 0, it gives a product the slope 0, also by an
        infinite gradient. After a change of its base, a view is made anew, and what was computed
        from it has no gradient by it.
        """
        is_small = np.abs(a - b).max() <= 1e-5 * np.abs(b).max()
        if is_small and any([LOSES_DIGITS.search(line) for line in self.lines]):
            return "a derivative whose digits PyTorch loses"
        if is_derivative and np.isnan(a).any() and any(["prod(" in line for line in self.lines]):
            return "an infinite gradient of a product of zeros"
        changed = any([line.startswith("with t.no_grad(): ") for line in self.lines])
        if is_derivative and changed and not b.any() and "grad([" in self.lines[-1]:
            return "a gradient by a view that PyTorch has made anew"
        return ""

    def variables(self) -> list[str]:
        return [name for name in self.theirs if name[0] == "x" and name[1:].isdigit()]

    def finish(self) -> None:
        """Compare every variable, and the gradients of all of them, once and twice."""
        names = self.variables()
        for name in names:
            self.compare(name)
        floats = [name for name in names if self.theirs[name].requires_grad]
        leaves = [name for name in floats if self.theirs[name].is_leaf]
        if leaves and not self.agree_in_gradients(floats, leaves):
            for name in floats:
                self.agree_in_gradients([name], leaves)

    def agree_in_gradients(self, floats: list[str], leaves: list[str]) -> bool:
        """Compare the gradients of a sum over these variables; whether both libraries gave them."""
        total = " + ".join([f"(({name} + 0.375) * {name}).sum()" for name in floats])
        by = ", ".join(leaves)
        options = "retain_graph=True, materialize_grads=True"
        if not self.take(f"gs = grad([{total}], [{by}], {options})"):
            return False
        self.compare_gradients(leaves)
        if self.take(f"gs = grad([{total}], [{by}], create_graph=True, {options})"):
            self.compare_gradients(leaves)
            self.agree_in_second_gradients(leaves, f"[{by}], {options}")
        return True

    def agree_in_second_gradients(self, leaves: list[str], arguments: str) -> None:
        """Compare the gradients of the sum of the squares of the gradients."""
        theirs = self.theirs["gs"]
        is_finite = all([bool(torch.isfinite(g).all()) for g in theirs])  # no end, and no
        is_finite &= not any(
            [re.search(r"\*\* x|prod\(", line) for line in self.lines]
        )  # log of -1
        squares = [f"(g{i} * g{i}).sum()" for i, g in enumerate(theirs) if g.requires_grad]
        if is_finite and squares:
            self.take(f"{', '.join([f'g{i}' for i in range(len(leaves))])}, = gs")
            if self.take(f"gs = grad([{' + '.join(squares)}], {arguments})"):
                self.compare_gradients(leaves)

    def compare_gradients(self, leaves: list[str]) -> None:
        for name, our, their in zip(leaves, self.ours["gs"], self.theirs["gs"], strict=True):
            self.compare_values(f"the gradient of {name}", our, their, is_derivative=True)


def read_before_written(line: str, theirs: Names) -> str:
    """The line, with a clone where it copies from the memory that it writes to."""
    found = COPY.search(line)
    if not found:
        return line
    target = found[1]
    source = found[2] or found[3]
    if source not in sharing_memory(target, theirs, {target, source} & set(theirs)):
        return line
    start = found.start(2) if found[2] else found.start(3)
    return f"{line[:start]}{source}.clone(){line[start + len(source) :]}"


def with_copies(lines: Sequence[str]) -> Names:
    """What PyTorch computes where a recorded change takes a copy of what it changes."""
    names = their_names()
    for line in without_gradients(lines):
        found = RECORDED_CHANGE.fullmatch(line)
        used = [names[name] for name in re.findall(r"\bx\d+\b", line) if name in names]
        if found and any([value.requires_grad for value in used]):
            name, sign, other, method, arguments = found.groups()
            new = f"{name} {sign} ({other})" if sign else f"{name}.{method}({arguments})"
            new = re.sub(rf"\b{name}\b", f"{name}.clone()", new)
            line = f"{name}.copy_({new})"
        exec(compiled(read_before_written(line, names)), names)
    return names


def without_gradients(lines: Sequence[str]) -> list[str]:
    """The lines that grew, without those that compare gradients at the end."""
    return [line for line in lines if not line.startswith("g")]


# Growing one

KINDS = {  # how often, which templates, and whether they make a new value
    "exact": (40, EXACT_LINES),
    "jump": (12, JUMP_LINES),
    "edge": (6, EDGE_LINES),
    "smooth": (14, SMOOTH_LINES),
    "transform": (10, TRANSFORM_LINES),
    "change": (12, CHANGE_LINES),
    "backward": (6, BACKWARD_LINES),
}


def leaf(draw: Random, name: str) -> str:
    """The line that makes a leaf."""
    shape = draw.choice(SHAPES)
    numbers = [draw.randint(-8, 8) / 4 for _ in range(math.prod(shape))]
    wants_gradient = ".requires_grad_()" if draw.random() < 0.75 else ""
    text = f"t.tensor({numbers}, dtype=t.float64).reshape({shape}).clone()"  # no view
    return f"{name} = {text}{wants_gradient}"


KINDS_OF_VALUES = {kind: KINDS[kind] for kind in ("exact", "jump", "smooth", "transform")}


def grow(draw: Random, program: Program) -> None:
    """Give a program random lines, and compare what it computes."""
    grow_lines(draw, program, KINDS)
    program.finish()


def grow_lines(draw: Random, program: Program, kinds: dict[str, Any]) -> None:
    """Give a program leaves and random lines of these kinds."""
    exact: set[str] = set()
    for i in range(draw.randint(1, 4)):
        program.take(leaf(draw, f"x{i}"))
        exact.add(f"x{i}")
    for _ in range(draw.randint(2, 12)):
        add_line(draw, program, exact, kinds)


def add_line(draw: Random, program: Program, exact: set[str], kinds: dict[str, Any]) -> None:
    """Try one more line."""
    names = program.variables()
    values = {name: program.theirs[name] for name in names}
    (kind,) = draw.choices(list(kinds), [weight for weight, _ in kinds.values()])
    templates = kinds[kind][1]
    if kind == "transform":
        finite = [name for name in names if bool(torch.isfinite(values[name]).all())]
        values = {name: values[name] for name in finite} or values
    needs_exact = kind in ("jump", "edge")
    if needs_exact and not exact:
        return
    words = Words(draw, values, exact, needs_exact)
    if kind == "transform" and math.prod(words.shape) <= 4 and draw.random() < 0.4:
        # a third derivative by 4 numbers takes as long as 100 programs
        templates = LINES_OF_FEWER if math.prod(words.shape) <= 2 else LINES_OF_FEW
    new = f"x{1 + int(names[-1][1:])}"
    line = words.fill(draw.choice(templates)).replace("NEW", new)
    if kind == "transform":
        # some of PyTorch's are one of several views, or not in order
        line = f"{line}.clone().contiguous()"
    makes_value = kind not in ("change", "backward")
    if draw.random() < (0.1 if makes_value else 0.4):
        # PyTorch's views still require a gradient there
        line = f"{new} = ({line}).detach()" if makes_value else line
        line = f"with t.no_grad(): {line}"
    elif makes_value:
        line = f"{new} = {line}"
    if not program.take(line):
        return
    used = set(re.findall(r"\bx\d+\b", line)) - {new}
    if new in program.theirs and not is_moderate(program.theirs[new]):
        program.forget(new)
    elif kind in ("transform", "backward") and new in program.theirs and program.is_unsure(new):
        program.forget(new)
    elif kind in ("exact", "jump") and used <= exact and program.is_exact(new):
        exact.add(new)
    elif kind == "change" and not (used <= exact and program.is_exact(words.name)):
        exact -= sharing_memory(words.name, program.theirs, exact)


# Changes of a part: of whatever shape, through whatever view, by whatever index

ROOTS = ["0.75", "[0.75]", "[0.5, -1.0, 0.25]", "[[0.5, -1.0], [0.25, 2.0]]", "[]"]
PARTS = split("""
x1; x1[None]; x1[None, None]; x1.reshape(-1); x1.reshape(1, -1); x1.mT; x1[..., None]; x1[0]; x1[1:]
x1[..., ::2]; x1.expand(2, *x1.shape); x1.flatten(); x1.view(-1)[:1]; x1.squeeze(); x1.detach()
x1.view(-1)[1:1]; x1.diagonal()
""")
PLACES = split("""
...; (); 0; -1; 1; [0, -1, 0]; [[0], [0]]; None; None, 0; 0, 0; ..., [0, 0]; [0, -1], 0; 0, [0, 0]
:; ::2; 1:1; x2 > 0; x2 > 100; []; True; ..., None, [0, 0]; 0, ..., None, [-1]; t.tensor([True])
t.tensor(0); t.tensor([0, 0]); t.tensor([[0, 0]]); t.tensor(True)
""")
WRITTEN = split("""
1.5; x3 * 2; x3.sum(); x3[:1]; x3[None, :1] * 2; x3[:2, None]; x3[:0]; x0 * 3; x1.sum(); x1 * 1
""")
WAYS = split("x2[I] = V; x2[I] += V; x2[I] *= V; x2[I] -= V; x2[I] /= V")


def change_of_a_part(draw: Random) -> list[str]:
    """A program that changes a part of a view, which other views of the same memory see."""
    way = draw.choice(WAYS).replace("I", draw.choice(PLACES)).replace("V", draw.choice(WRITTEN))
    return [
        f"x0 = t.tensor({draw.choice(ROOTS)}, dtype=t.float64).requires_grad_()",
        "x3 = t.tensor([2.0, 0.5, 1.0], dtype=t.float64).requires_grad_()",
        "x1 = x0 * 2",
        f"x4 = {draw.choice(PARTS)}",
        f"x2 = {draw.choice(PARTS)}",
        way,
        "x5 = x4 * 3",
    ]


def is_moderate(value: Any) -> bool:
    """Whether a tensor is worth going on with: of few numbers, finite and not large."""
    return value.numel() <= 64 and bool((value.detach().abs() <= 1000).all())


def is_exact(values: Any) -> bool:
    """Whether numbers are multiples of 2^-12 below 2^10, whose sums and products are exact.

    -0.0 is not: it is not 0.0 to a root or a quotient.
    """
    is_negative_zero = np.signbit(values) & (values == 0)
    is_short = (np.abs(values) < 1024) & (values * 4096 % 1 == 0)
    return bool((is_short & ~is_negative_zero).all())


def is_in_order(array: Any) -> bool:
    """Whether the strides are those of a new array, also along a dimension of size 1."""
    return bool(array.strides == np.empty(array.shape, array.dtype).strides)


def same_layout(our: Any, their: Any) -> bool:
    """Whether the elements lie in memory in the same order."""
    return [n // our.itemsize for n in our.strides] == list(their.stride())


def sharing_memory(name: str, values: Names, names: set[str]) -> set[str]:
    """Those of `names` whose tensors have memory in common with that of `name`."""
    start = values[name].untyped_storage().data_ptr()
    return {n for n in names if values[n].untyped_storage().data_ptr() == start} | {name}


# Whole programs


def check(draw: Random) -> Program:
    """Grow one program. Raises Disagreement with its lines where the libraries differ."""
    program = Program()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            grow(draw, program)
        except Disagreement as error:
            found = Disagreement("\n".join([*program.lines, str(error)]))
            found.lines = [*program.lines, program.tried]
            raise found from None
    return program


def disagreement(lines: Sequence[str]) -> str:
    """How the libraries differ on these lines; the empty text where they agree."""
    program = Program()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            for line in lines:
                program.take(line)
            program.finish()
        except Disagreement as error:
            return str(error)
    return ""


def minimal(lines: Sequence[str]) -> list[str]:
    """The fewest of these lines on which the libraries still differ, as Hypothesis finds them."""
    import hypothesis
    from hypothesis import strategies as st

    kept = st.tuples(*[st.integers(0, 20)] * len(lines))

    def chosen(numbers: Sequence[int]) -> list[str]:
        return [line for line, number in zip(lines, numbers, strict=True) if number]

    options = hypothesis.settings(max_examples=300, database=None, derandomize=True)
    found = hypothesis.find(kept, lambda n: bool(disagreement(chosen(n))), settings=options)
    return chosen(found)
