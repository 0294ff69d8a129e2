"""PyTorch's own words about its arguments, read from its documentation, and ours called by them.

Of each function and method that both have, PyTorch's documentation says the forms. Each form is
called by position, with every argument by its keyword, and with each of the keywords that may be
left out at its default: what PyTorch takes, minigrad takes, with the same values.
"""

import inspect
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")


class Argument(NamedTuple):
    """An argument of a form: `keyword` says that it has no place; default is "" without one."""

    name: str
    default: str
    keyword: bool


def arguments_of(form: str) -> list[Argument]:
    """The arguments of a documented form, without *args.

    >>> arguments_of("input, dim: int = 0, *, out: Optional[Tensor]")[2]
    Argument(name='out', default='None', keyword=True)
    """
    found = []
    keyword = False
    for part in re.split(r",\s*(?![^\[(]*[\])])", form.replace("\\", "")):
        text, _, default = part.partition("=")
        name, _, hint = text.partition(":")
        name = name.strip()
        if name.startswith("*"):
            keyword = keyword or name == "*"
        elif name:
            is_optional = "Optional" in hint and not default
            found.append(Argument(name, "None" if is_optional else default.strip(), keyword))
    return found


def documented(name: str, function: Any) -> list[str]:
    """The forms in which PyTorch's documentation, or its signature, says that a word is called."""
    pattern = rf"^(?:\.\. \w+:: )?(?:torch\.)?{name}\((.*?)\)(?:\s*->|\s*$)"
    forms = re.findall(pattern, function.__doc__ or "", re.MULTILINE)
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return forms
    return [", ".join([str(p) for p in parameters if p.name != "self"])]


# The values of required arguments, by name; where a word needs another, "word.name" has it. x and y
# are (3,3), c is (3,3,3), v and positive are (3,), all float64; i is (3,3) and row (3,) of indices.
VALUES = {
    "A": "x",
    "axis0": "0",
    "axis1": "1",
    "batch1": "c",
    "batch2": "c",
    "chunks": "2",
    "condition": "x > 0",
    "data": "[1.0, 2.0]",
    "destination": "1",
    "dim": "1",
    "dim0": "0",
    "dim1": "1",
    "dimension": "1",
    "dims": "(1, 0)",
    "end": "3",
    "exponent": "2",
    "fill_value": "7",
    "from": "0",
    "high": "5",
    "index": "i",
    "indices": "i",
    "indices_or_sections": "3",
    "sizes": "(3, 1)",
    "input": "x",
    "k": "2",
    "length": "2",
    "low": "1",
    "mask": "x > 0",
    "mat": "x",
    "mat1": "x",
    "mat2": "y",
    "max": "0.5",
    "mean": "0.5",
    "min": "-0.5",
    "n": "4",
    "num_samples": "2",
    "obj": "x",
    "other": "y",
    "p": "0.5",
    "repeats": "2",
    "self": "2.0",
    "shape": "(1, 9)",
    "shifts": "1",
    "size": "(2, 3)",
    "source": "y",
    "split_size_or_sections": "2",
    "split_size": "2",
    "src": "y",
    "start": "0",
    "std": "0.5",
    "step": "1",
    "steps": "3",
    "tensor": "y",
    "tensors": "[x, y]",
    "tensor1": "x",
    "tensor2": "y",
    "value": "0.5",
    "vec": "v",
    "vec2": "v",
    "x": "x",
    "y": "y",
}
OWN_VALUES = {
    "addmv.input": "v",
    "arange.start": "0",
    "baddbmm.input": "x",
    "bernoulli.input": "positive",
    "bincount.input": "row",
    "bitwise_and.input": "i",
    "bitwise_and.other": "i",
    "bitwise_not.input": "i",
    "bitwise_or.input": "i",
    "bitwise_or.other": "i",
    "bitwise_xor.input": "i",
    "bitwise_xor.other": "i",
    "bmm.input": "c",
    "bmm.mat2": "c",
    "broadcast_to.shape": "(2, 3, 3)",
    "dot.input": "v",
    "dsplit.input": "c",
    "dot.other": "v",
    "dot.tensor": "v",
    "expand_as.other": "c",
    "from_numpy.ndarray": "array",
    "gather.input": "x",
    "ger.input": "v",
    "index_add.index": "row",
    "index_copy.index": "row",
    "index_fill.index": "row",
    "index_select.index": "row",
    "movedim.source": "0",
    "moveaxis.source": "0",
    "multinomial.input": "positive",
    "mv.input": "x",
    "normal_.mean": "0.5",
    "outer.input": "v",
    "select.index": "1",
    "softmax.dim": "1",
    "squeeze.dim": "0",
    "t.input": "x",
    "take_along_dim.indices": "i",
    "tensordot.a": "x",
    "tensordot.b": "y",
    "unfold.size": "2",
    "unsqueeze.dim": "0",
    "lerp.end": "y",
    "lerp.weight": "0.3",
    "lerp_.end": "y",
    "lerp_.weight": "0.3",
    "linspace.end": "2.0",
    "sqrt.input": "x * x + 1",
}
# Where the documentation is silent, or says other names than PyTorch takes
FORMS = {
    "addmv": ["input, mat, vec, *, beta=1, alpha=1"],
    "arctan2_": ["other"],
    "bitwise_and": ["input, other"],
    "bitwise_or": ["input, other"],
    "bitwise_xor": ["input, other"],
    "clamp": ["input, min, max=None", "input, *, max"],
    "clamp_": ["min, max=None", "*, max"],
    "clamp_max": ["input, max"],
    "clamp_max_": ["max"],
    "clamp_min": ["input, min"],
    "clamp_min_": ["min"],
    "clip": ["input, min, max=None", "input, *, max"],
    "clip_": ["min, max=None", "*, max"],
    "dsplit": ["input, indices_or_sections"],
    "hsplit": ["input, indices_or_sections"],
    "vsplit": ["input, indices_or_sections"],
    "div_": ["other, *, rounding_mode=None"],
    "fmod": ["input, other"],
    "fmod_": ["other"],
    "index_fill": ["input, dim, index, value"],
    "less": ["input, other"],
    "log_softmax": ["input, dim, dtype=None"],
    "logical_and": ["input, other"],
    "logical_or": ["input, other"],
    "logical_xor": ["input, other"],
    "masked_fill": ["input, mask, value"],
    "relu": ["input"],
    "remainder": ["input, other"],
    "remainder_": ["other"],
    "roll": ["input, shifts, dims=None"],
    "squeeze": ["input, dim", "input"],
    "true_divide": ["input, other"],
    "unique": ["input, sorted=True, return_inverse=False, return_counts=False, dim=None"],
}
# Whose values are random, or that are no function of tensors
WITHOUT_VALUES = set(
    """
    bernoulli bernoulli_ empty multinomial normal normal_ rand rand_like randint randint_like randn
    randn_like randperm uniform_ manual_seed new_empty empty_like
    """.split()
)
LEFT_OUT = set(
    """
    register_hook backward enable_grad no_grad set_grad_enabled set_flush_denormal from_dlpack
    dim_order cuda data_ptr
    retain_grad apply_ map_ half manual_seed set_default_dtype einsum broadcast_tensors meshgrid
    item embedding
    """.split()
)
LIBRARIES = {"function": (mg, torch), "method": (mg.Tensor, torch.Tensor)}


def shared_words() -> Iterator[tuple[str, str]]:
    """(kind, word) of all functions and methods that both libraries have."""
    for kind, (ours, theirs) in LIBRARIES.items():
        for name in sorted(set(dir(ours)) & set(dir(theirs)) - LEFT_OUT):
            words = getattr(ours, name), getattr(theirs, name)
            are_words = all([callable(w) and not isinstance(w, type) for w in words])
            if are_words and not name.startswith("_"):
                yield kind, name


def calls_of(kind: str, word: str, form: str) -> Iterator[str]:
    """The calls that a form allows: by position, by keyword, with each default and with all."""
    given = arguments_of(form)
    own = word.removesuffix("_")
    if kind == "method":
        given = [a for a in given if a.name != "input"]
    values = {a.name: OWN_VALUES.get(f"{own}.{a.name}", VALUES.get(a.name)) for a in given}
    required = [a for a in given if not a.default]
    if any([values[a.name] is None for a in required]):
        return
    leave = {a.name: a.default for a in given if a.default}
    instance = OWN_VALUES.get(f"{own}.input", "x")
    target = f"t.{word}" if kind == "function" else f"({instance}).clone().{word}"
    if "*size" in form or "*shape" in form or "*dims" in form or "*repeats" in form:
        sizes = {"expand": "3, 3", "permute": "1, 0", "repeat": "2, 1"}.get(word, "1, 9")
        by_place = [sizes]
        by_keyword = [sizes]
    else:
        by_place = [str(values[a.name]) for a in required if not a.keyword]
        by_keyword = [f"{a.name}={values[a.name]}" for a in required if a.name != "from"]
    named = [f"{a.name}={values[a.name]}" for a in required if a.keyword]
    yield f"{target}({', '.join(by_place + named)})"
    yield f"{target}({', '.join(by_keyword)})"
    for name, default in leave.items():
        if name != "from":
            yield f"{target}({', '.join([*by_place, *named, f'{name}={default}'])})"
    everything = [f"{name}={default}" for name, default in leave.items() if name != "from"]
    yield f"{target}({', '.join(by_place + named + everything)})"
    places = [a for a in given if a.default and not a.keyword]
    yield f"{target}({', '.join([*by_place, *[leave[a.name] for a in places], *named])})"


def names(library: Any) -> dict[str, Any]:
    """What the calls above are made with."""
    rng = np.random.default_rng(3)
    found: dict[str, Any] = {"t": library, "torch": library, "array": rng.standard_normal(3)}
    for name, shape in {"x": (3, 3), "y": (3, 3), "c": (3, 3, 3), "v": (3,)}.items():
        found[name] = library.tensor(rng.standard_normal(shape))
    found["positive"] = library.tensor(rng.random(3))
    found["i"] = library.tensor(rng.integers(0, 3, (3, 3)))
    found["row"] = library.tensor(rng.integers(0, 3, 3))
    return found


def outcome(library: Any, call: str, tensors: Any = None) -> Any:
    """The value of a call, or the error; tensors: others than those of `names`."""
    try:
        return eval(call, {**names(library), **(tensors or {})})
    except (RuntimeError, ValueError, IndexError, TypeError, AttributeError) as error:
        return error


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind, word", list(shared_words()))
def test_each_documented_form_of_a_word_gives_pytorchs_value(kind: str, word: str) -> None:
    forms = FORMS.get(word) or documented(word, getattr(LIBRARIES[kind][1], word)) or [""]
    calls = [call for form in forms for call in calls_of(kind, word, form)]
    accepted = 0
    for call in calls:
        theirs = outcome(torch, call)
        if isinstance(theirs, Exception):
            continue
        accepted += 1
        ours = outcome(mg, call)
        assert not isinstance(ours, Exception), f"{call}: {ours}"
        if word in WITHOUT_VALUES:
            continue
        for our, their in zip(flat(ours), flat(theirs), strict=True):
            np.testing.assert_allclose(our, their, 1e-12, 1e-12, err_msg=call, strict=True)
    assert accepted, f"no form among {forms} was called: {calls}"


def flat(value: Any) -> list[Any]:
    """The arrays and numbers of a nested value."""
    if isinstance(value, (tuple, list)):
        return [leaf for part in value for leaf in flat(part)]
    found = value.detach().numpy() if hasattr(value, "detach") else value
    return [found] if isinstance(found, (np.ndarray, float, int, bool)) else []


# The same calls with other tensors

KINDS = {
    "0-d": {"x": 2.5, "y": -1.5, "c": 0.5, "v": 0.5, "positive": 0.5, "i": 0, "row": 0},
    "integers": {"x": [[1, -2, 3], [4, 0, 6], [7, 8, -9]], "y": [[2, 2, -3], [1, 5, 6], [3, 2, 9]]},
    "bytes": {"x": [[1, 200, 3], [4, 0, 6], [7, 8, 255]], "y": [[2, 2, 30], [1, 5, 6], [3, 2, 9]]},
    "booleans": {"x": [[True, False, True]] * 3, "y": [[False, False, True]] * 3},
    "ends": {
        "x": [[math.nan, -2.0, 3.0], [4.0, math.inf, 6.0], [7.0, 8.0, -math.inf]],
        "y": [[2.0, 2.0, -3.0], [1.0, math.nan, math.inf], [3.0, 2.0, 0.0]],
    },
    "no rows": {"x": (0, 3), "y": (0, 3), "c": (0, 3, 3), "v": (0,), "i": (0, 3), "row": (0,)},
    "no columns": {"x": (3, 0), "y": (3, 0), "c": (3, 0, 3), "v": (0,), "i": (3, 0), "row": (0,)},
}
DTYPES = {"0-d": "float64", "bytes": "uint8", "ends": "float64"}
# Refused here where PyTorch rounds, or takes booleans for numbers
REFUSED_HERE = {"fill_", "index_fill", "index_fill_", "scatter_", "sgn", "sgn_", "sign", "sign_"}


def tensors_of(kind: str, library: Any) -> dict[str, Any]:
    """The tensors of a kind; a tuple is the shape of one without elements."""
    found = {}
    for name, values in KINDS[kind].items():
        if isinstance(values, tuple):
            dtype = library.int64 if name in ("i", "row") else library.float64
            found[name] = library.zeros(*values, dtype=dtype)
        elif name in ("i", "row"):
            found[name] = library.tensor(values)
        else:
            dtype = getattr(library, DTYPES[kind]) if kind in DTYPES else None
            found[name] = library.tensor(values, dtype=dtype)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tensors", KINDS)
def test_each_word_gives_pytorchs_value_of_any_tensor(tensors: str) -> None:
    accepted = 0
    for kind, word in shared_words():
        if word in WITHOUT_VALUES:
            continue
        forms = FORMS.get(word) or documented(word, getattr(LIBRARIES[kind][1], word)) or [""]
        for call in [call for form in forms for call in calls_of(kind, word, form)]:
            call = call.replace("dim=1", "dim=0").replace("(x, 1", "(x, 0")
            with np.errstate(all="ignore"):
                theirs = outcome(torch, call, tensors_of(tensors, torch))
                ours = outcome(mg, call, tensors_of(tensors, mg))
            if isinstance(theirs, Exception):
                continue
            accepted += 1
            if isinstance(ours, Exception):
                assert word in REFUSED_HERE, f"{call}: {ours}"
                assert re.match(r"\w+( \(\w+\))?: expected", str(ours)), ours
                continue
            for our, their in zip(flat(ours), flat(theirs), strict=True):
                np.testing.assert_allclose(our, their, 1e-6, 1e-9, err_msg=call, strict=True)
    assert accepted > 700
