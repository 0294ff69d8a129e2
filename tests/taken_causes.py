"""Why minigrad takes a wrong call that PyTorch refuses or takes for something else: the causes.

A call has the first cause whose patterns are found in it and in what PyTorch says of it. `OPEN`
causes are mistakes that are still taken; how many calls they may be is held, and may only fall.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Cause(NamedTuple):
    """A named reason: `says` is sought in PyTorch's message, `of` in "name, argument: thing"."""

    name: str
    says: str = ""
    of: str = ""
    kind: str = "refused"  # or "other": PyTorch gives something else

    def explains(self, kind: str, call: str, why: str) -> bool:
        is_said = re.search(self.says, why, re.DOTALL) is not None
        return kind == self.kind and is_said and re.search(self.of, call) is not None


NUMBERS = "a fraction|negative|NaN|infinity|huge|beyond int64|complex|True"
ARRAYS = "array of objects|array of words|array of complex"
TENSORS = "another shape|no elements|one number|integers|bools|doubles|a NaN tensor|another device"
NO_TENSOR = (
    r"must be (Tensor|tuple of Tensors), (not|but found element of type) "
    r"(int|float|complex|bool|numpy|list|tuple)"
    r"|expected Tensor as element \d+ in argument \d+, but got (int|float|bool|numpy|list)"
    r"|'(float|int|bool|complex|list|numpy.ndarray)' object has no attribute"
    r"|'(float|int)' object is not iterable"
)
NO_KERNEL = (
    r"not implemented for '(Long|Bool)'|Bool(ean)? inputs not supported|Exponential distribution "
    r"|bool dtypes|out of bounds for bool"
)
NO_DIMENSION = r"missing 1 required positional arguments: \"(size|dims)\"|got \(\)"

# What minigrad takes knowingly though PyTorch refuses it, and why
KNOWN = {
    Cause("objects in an array as a tensor", "", r"argument \d: array of objects$"): (
        "an array of objects holds exact numbers, as minigrad.prove needs them"
    ),
    Cause("a number, a list or an array where PyTorch wants a tensor", NO_TENSOR): (
        "what can be one tensor is one, as in NumPy's functions: mg.exp(2.0)"
    ),
    Cause(
        "a number, a list or an array where PyTorch has a form for tensors",
        r"^TypeError: \w+\(\) received an invalid.*got \((float|int|bool|complex|numpy)",
        rf"^mg\.(?!where).* 0: ({NUMBERS}|{ARRAYS})$",
    ): "what can be one tensor is one, as in NumPy's functions: mg.eq(2.0, y)",
    Cause("a number beyond int64", "int too big|Overflow when unpacking", "beyond int64"): (
        "Python's integers have no bound, and the nearest float stands for one"
    ),
    Cause("integers or bools as floats", NO_KERNEL, "(integers|bools|argument 0: .*)$"): (
        "functions of floats take them as float32, as PyTorch's own exp, sin and sigmoid do"
    ),
    Cause("the first True", "does not support bool input", "arg(max|min), argument 0: bools"): (
        "argmax of bools is the index of the first True, as in NumPy"
    ),
    Cause("None at a default", "NoneType|required", "=None$"): (
        "one signature with None for what is not given, where PyTorch has several"
    ),
    Cause("no sizes, or none of a position", NO_DIMENSION, "no arguments$"): (
        "zeros(), x.flip(), x.tile() have no sizes or dims, as PyTorch's zeros(()) has none"
    ),
    Cause("None as a position", "NoneType", r"(arange|eye|randint|randint_like), .*: None$"): (
        "it is the default of that position, as in NumPy's arange and eye"
    ),
    Cause("manual_seed of nothing", "", r"manual_seed, (no arguments|argument 0: None)"): (
        "a seed is drawn, as Python's random.seed() does"
    ),
    Cause("a tensor as the list of its rows", "tuple of Tensors, not Tensor"): (
        "NumPy's concatenate and stack take an array so"
    ),
    Cause("a tensor as the list of its numbers", "", rf"mg.flip, .*: ({TENSORS})$"): (
        "integers in a tensor are integers"
    ),
    Cause("a number and a tensor as two bounds", "", r"cl(amp|ip)_?, max="): (
        "each bound is broadcast by itself"
    ),
    Cause("an integer as normalized_shape", "normalized_shape", r"^F\.(layer|rms)_norm,"): (
        "as PyTorch's own nn.LayerNorm takes it"
    ),
    Cause("no dim, or no elements", "doesn't match the broadcast shape|Expected 2D|Expected 3D"): (
        "what is reduced over no dim, or pooled of no element, is defined"
    ),
    Cause("nothing to clip", "nested_tensorlist"): (
        "parameters without a gradient are left alone; PyTorch's foreach kernel fails on none"
    ),
    Cause(
        "the other device has no values", r"meta|Meta|Expected all tensors to be on", "device$"
    ): ("PyTorch's meta device stands in for it, which computes nothing"),
    Cause("batch_sizes on the other device", "always be on CPU", "another device$"): (
        "they are read where they are"
    ),
    Cause("RNNBase is made otherwise", "", r"^nn\.RNNBase,"): (
        "PyTorch's takes the name of a mode first; nobody makes one by itself"
    ),
    Cause("a power beyond Python's range", r"OverflowError: \(34"): (
        "it is infinite here, where PyTorch's own arithmetic with Python's numbers fails"
    ),
    Cause(
        "a number as a flag of a module", "bool", r"^nn\.\w+, \w+=(negative|huge|beyond int64)$"
    ): ("a module takes what is true, as PyTorch's other modules do; its RNNs alone do not"),
    Cause(
        "attention of nothing", "shapes", "scaled_dot_product_attention, .*no elements", "other"
    ): ("PyTorch returns the empty query itself, not broadcast"),
    Cause("a keyword that no operator of PyTorch has", "NotImplemented", "out=None$"): (
        "an operator's method is the function of that name"
    ),
    Cause("keepdim without a dim", "", "keepdim=True$"): (
        "what is left has as many dims, each of 1, as in NumPy"
    ),
    Cause("True as a number", "Boolean alpha|Subtraction|valid number|in range", "True$"): (
        "it is 1, as it is to Python"
    ),
    Cause("the implicit dim of softmax", "NoneType", "softmax, (argument 1|argument 0|dim)"): (
        "None is the dim that PyTorch's own F.softmax guesses"
    ),
    Cause("nothing equals None", "NoneType", r"\.(eq|ne|not_equal), "): (
        "as `x == None` is False in both"
    ),
    Cause("a second tensor under the name of dim", "dim=Tensor", r"\.(max|min), dim="): (
        "the second position is a dim or a tensor, as in PyTorch, and has one name here"
    ),
    Cause("a tensor of one number as a number", "", "(a|dropout|delta)=one number$"): (
        "a tensor without dims is its number, as where PyTorch calls float(...)"
    ),
    Cause(
        "a number in a tensor as the value of scatter", "", r"scatter(_add)?_?, .*: one number$"
    ): ("a tensor without dims is its number: it broadcasts"),
    Cause("a class that PyTorch makes abstract", "takes no arguments|abstract"): (
        "the base classes of data can be made, and do nothing"
    ),
    Cause("a complex number", "complex128 and float32", r"Tensor, .*complex$", "other"): (
        "Tensor(array) holds this array, with its dtype"
    ),
    Cause("milestones in a tensor", "", r"MultiStepLR, argument 1: bools", "other"): (
        "PyTorch counts its tensors by identity, and finds none again"
    ),
}
# Mistakes that are still taken, and how many calls at most
OPEN = {
    Cause("a tensor as a number", "", rf"({TENSORS}|{ARRAYS})$"): 1,
}


def cause_of(kind: str, call: str, why: str) -> str:
    """The name of the first cause that explains a comparison; empty where none does."""
    for cause in [*KNOWN, *OPEN]:
        if cause.explains(kind, call, why):
            return cause.name
    return ""
