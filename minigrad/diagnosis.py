"""Why a rule has failed: what is wrong with the arguments, in a sentence.

`explain` is asked. It looks at their devices, dims, dtypes and shapes, and reads no other library's
message. Each check returns an exception, or None where it finds nothing wrong.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.array import DEVICE_OF, NAMESPACES, Array
from minigrad.errors import describe, is_integer

Settings = dict[str, Any]
Shape = tuple[int, ...]
Found = Exception | None  # what a check below has found wrong

DEFAULT = np.dtype(float)  # of a number that has no dtype
LARGEST_FLOAT = int(sys.float_info.max)
DIMS_ADDED = {"stack": 1, "expand_dims": 1}  # ops whose dims count in the result


def explain(op: Any, arrays: Sequence[Array], settings: Settings, error: Exception) -> Exception:
    """The exception to raise for `error`, which came up inside the rule of `op`."""
    name = op.__name__
    text = str(error)
    if text.startswith("GPU: ") or is_fault_of_the_rule(arrays, error):
        return error
    if "unpack" in text and is_raised_by_caller(error):
        return TypeError(
            f"{name}: expected a rule that returns its value and its pullbacks, as "
            "(y, (lambda g: ...,)) for one array, got something else"
        )
    if ": expected " in text:  # a sentence of ours
        return error if text.startswith(f"{name}: ") else with_text(type(error), f"{name}: {text}")
    for check in checks_of(op):
        found = check(name, arrays, settings)
        if found:
            return found
    if isinstance(error, MemoryError):
        return MemoryError(f"{name}: expected a result that the memory holds; {text}")
    if isinstance(error, AttributeError):
        return TypeError(
            f"{name}: expected a tensor, got {error.obj!r}; make a tensor of it first, with "
            "minigrad.tensor(...)"
        )
    named = text if text.startswith(f"{name}: ") else f"{name}: {text}"
    found = with_text(type(error), named)
    given = [describe(a) for a in arrays]
    given += [f"{key}={value!r}" for key, value in settings.items()]
    found.add_note(f"called as {name}({', '.join(given)})"[:300])
    return found


def checks_of(op: Any) -> list[Check]:
    """What is checked of the arguments of an op, in this order."""
    name = op.__name__
    checks: list[Check] = [one_device, dims_exist, integers_in_a_row, numbers_fit]
    if not op.composed:
        checks.insert(1, tensors_alone)  # an op by hand may do without some of its arrays
    if name in DTYPES:
        checks.append(DTYPES[name])
    if name in SHAPES:
        checks.append(SHAPES[name])
    return checks


def is_fault_of_the_rule(arrays: Sequence[Array], error: Exception) -> bool:
    """Whether an AttributeError says something of the rule itself, and not of a wrong argument."""
    if not isinstance(error, AttributeError) or not any([type(a) in NAMESPACES for a in arrays]):
        return False
    known = [a for a in arrays if type(a) not in NAMESPACES]
    return not any([error.obj is a for a in known])


def is_raised_by_caller(error: Exception) -> bool:
    """Whether the line that failed is that of the op, which takes apart what the rule returns."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is None


def with_text(kind: type[Exception], text: str) -> Exception:
    """An exception of this kind, or a ValueError where the kind wants more than a message."""
    try:
        return kind(text)
    except TypeError:
        return ValueError(text)


# The checks


def one_device(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """All arrays are on one device."""
    devices = sorted({DEVICE_OF[type(a)] for a in arrays if type(a) in DEVICE_OF})
    if len(devices) < 2:
        return None
    return RuntimeError(
        f"{name}: expected tensors on one device, got {' and '.join(devices)}; "
        "move one with .to(...)"
    )


def tensors_alone(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """There is a tensor among the arguments, and the first two are not None."""
    has_tensor = any([type(a) in NAMESPACES for a in arrays])
    if has_tensor and not any([a is None for a in arrays[:2]]):
        return None
    given = ", ".join(map(describe, arrays))
    return TypeError(
        f"{name}: expected a tensor, got {given}; make a tensor of it first, with "
        "minigrad.tensor(...)"
    )


def numbers_fit(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """Each Python integer can be held by the dtypes of the arrays."""
    dtypes = [a.dtype for a in arrays if getattr(a, "dtype", DEFAULT).kind in "iu"]
    limits = [(dtype, int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)) for dtype in dtypes]
    limits.append((DEFAULT, -LARGEST_FLOAT, LARGEST_FLOAT))
    for number in arrays:
        for dtype, low, high in limits:
            if type(number) is int and not low <= number <= high:
                return ValueError(
                    f"{name}: expected a number that {dtype} can hold, got {in_short(number)}; "
                    "convert the tensor first, with .to(...), or give a float"
                )
    return None


def in_short(number: int) -> str:
    """An integer, or of a long one its size: Python refuses to write the longest ones."""
    if abs(number) < 10**30:
        return str(number)
    return f"an integer of {number.bit_length()} bits"


def dims_exist(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """Each dim is an integer that names a dimension, and each dimension is named once."""
    shape = (*shapes_in(arrays), ())[0]
    for key in ("dim", "dim0", "dim1"):
        dims = settings.get(key)
        if dims is None:
            continue
        dims = dims if isinstance(dims, (tuple, list)) else (dims,)
        ndim = len(shape) + DIMS_ADDED.get(name, 0) * len(dims)
        found = wrong_dims(name, key, dims, ndim, f"shape {shape}")
        if found:
            return found
    return None


def wrong_dims(name: str, key: str, dims: Sequence[Any], ndim: int, of: str) -> Found:
    """What is wrong with `dims` in a tensor of `ndim` dimensions, which the message calls `of`."""
    n = max(ndim, 1)  # PyTorch lets a 0-d tensor have the dims -1 and 0
    for d in dims:
        if not is_integer(d):
            return TypeError(f"{name}: expected {key} to be an integer, got {describe(d)}")
        if not -n <= d < n:
            return IndexError(f"{name}: expected {key} from {-n} to {n - 1} for {of}, got {d}")
    if len({d % n for d in dims}) < len(dims):
        return ValueError(f"{name}: expected each {key} once for {of}, got {tuple(dims)}")
    return None


def integers_in_a_row(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """A shape, and dims in an order, are a tuple or a list of integers."""
    for key in ("shape", "dims"):
        value = settings.get(key, ())
        if not isinstance(value, (tuple, list)) or not all(map(is_integer, value)):
            given = [describe(v) for v in value] if isinstance(value, (tuple, list)) else value
            return TypeError(
                f"{name}: expected {key} to be a tuple of integers, got {describe(given)}"
            )
    return None


def shapes_in(arrays: Sequence[Array]) -> list[Shape]:
    """The shapes of those that have one."""
    return [tuple(a.shape) for a in arrays if hasattr(a, "shape")]


def listed(shapes: Sequence[Shape]) -> str:
    """Shapes in a message."""
    return " and ".join(map(str, shapes))


def shapes_broadcast(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """The shapes can be broadcast together."""
    return wrong_shapes(name, "shapes", shapes_in(arrays))


def wrong_shapes(name: str, what: str, shapes: Sequence[Shape]) -> Found:
    """A ValueError where `shapes`, called `what`, cannot be broadcast together."""
    if broadcast(shapes) is not None:
        return None
    return ValueError(
        f"{name}: expected {what} that broadcast, got {listed(shapes)}; sizes must be equal or 1, "
        "counted from the right"
    )


def broadcast(shapes: Sequence[Shape]) -> Shape | None:
    """The shape that `shapes` broadcast to; None where they do not."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


def sizes_agree_elsewhere(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """cat, stack: the shapes are equal, for cat but for the size at `dim`."""
    shapes = shapes_in(arrays)
    dim = settings.get("dim", 0)
    if not is_integer(dim):
        return TypeError(f"{name}: expected dim to be an integer, got {describe(dim)}")
    kept = [list(shape) for shape in shapes]
    if name == "cat" and all(kept):
        for sizes in kept:
            sizes[dim % len(sizes)] = 0
    if all(kept) and all([sizes == kept[0] for sizes in kept]):
        return None
    but = f", but for the size at dim {dim}" if name == "cat" else ""
    of = " of at least one dimension" if name == "cat" else ""
    way_out = "; use stack" if name == "cat" and () in shapes else ""
    return ValueError(f"{name}: expected equal shapes{of}{but}, got {listed(shapes)}{way_out}")


def inner_sizes_agree(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """matmul: two matrices, (.., m, k) and (.., k, n)."""
    if len(shapes_in(arrays)) < 2:
        given = " and ".join(map(describe, arrays))
        return TypeError(f"matmul: expected two matrices, got {given}")
    a, b = shapes_in(arrays)
    if len(a) < 2 or len(b) < 2:
        return ValueError(f"matmul: expected two matrices, got {listed([a, b])}")
    if a[-1] != b[-2]:
        return ValueError(
            f"matmul: expected equal inner sizes, got {listed([a, b])}: {a[-1]} and {b[-2]}"
        )
    return wrong_shapes(name, "leading dimensions", [a[:-2], b[:-2]])


def sizes_of_a_layer(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """linear: x (.., I), weight (O, I), bias (O)."""
    if len(shapes_in(arrays[:2])) < 2:
        given = " and ".join(map(describe, arrays[:2]))
        return TypeError(f"linear: expected x and weight to be tensors, got {given}")
    x, weight, *bias = shapes_in(arrays)
    if len(weight) != 2:
        return ValueError(f"linear: expected a weight (out, in), got {weight}")
    if x[-1:] != weight[1:]:
        return ValueError(
            f"linear: expected equal inner sizes, got x {x} and weight {weight}: the last of both"
        )
    if bias and bias[0] != weight[:1]:
        return ValueError(f"linear: expected a bias {weight[:1]}, got {bias[0]}")
    return None


def elements_fill(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """reshape: the new shape has as many elements."""
    (shape,) = shapes_in(arrays)
    n = math.prod(shape)
    target = tuple(settings["shape"])
    if target.count(-1) > 1:
        return ValueError(f"{name}: expected at most one -1, got {target}")
    return ValueError(f"{name}: expected a shape of {n} elements, got {target}")


def each_dim_once(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """permute: the dims name each dimension once."""
    (shape,) = shapes_in(arrays)
    n = len(shape)
    dims = tuple(settings["dims"])
    for d in dims:
        found = wrong_dims(name, "dims", (d,), n, f"shape {shape}")
        if found:
            return found
    return ValueError(f"{name}: expected each of the {n} dimensions once, got dims {dims}")


def shape_can_grow(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """broadcast_to: the shape broadcasts to the one given."""
    (shape,) = shapes_in(arrays)
    target = tuple(settings["shape"])
    if broadcast([shape, target]) == target:
        return None
    return ValueError(f"{name}: expected a shape that {shape} broadcasts to, got {target}")


def something_to_reduce(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """amax, argmax ..: there is an element to choose."""
    (shape,) = shapes_in(arrays)
    dim = settings.get("dim")
    where = "" if dim is None else f" along dim {dim}"
    return ValueError(f"{name}: expected at least one element{where}, got shape {shape}")


def index_fits(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """getitem: each part of the index fits its dimension."""
    return wrong_index(name, settings["index"], shapes_in(arrays)[0])


def wrong_index(name: str, index: Any, shape: Shape) -> Found:
    """What is wrong with x[index] where x has this shape; None where nothing is found."""
    parts = index if isinstance(index, tuple) else (index,)
    widths = [width_of(part) for part in parts]
    if sum(widths) > len(shape):
        way_out = "" if shape else "; read the number of a 0-dim tensor with .item()"
        return IndexError(
            f"{name}: expected at most {len(shape)} indices for shape {shape}, got {sum(widths)}"
            f"{way_out}"
        )
    dim = 0
    for i, part in enumerate(parts):
        if part is Ellipsis:
            dim = len(shape) - sum(widths[i + 1 :])
            continue
        found = wrong_part(name, part, dim, shape)
        if found:
            return found
        dim += widths[i]
    found = wrong_shapes(
        name, "index arrays", [picked_shape(p) for p in parts if hasattr(p, "shape")]
    )
    return found and IndexError(str(found))


def picked_shape(part: Array) -> Shape:
    """The shape of the places that an index array names: of a mask as many as are True."""
    return (int(part.sum()),) if part.dtype == bool else tuple(part.shape)


def wrong_assignment(name: str, a: Array, index: Any, values: Array) -> Found:
    """What is wrong with a[index] = values; None where nothing is found."""
    shape = tuple(a.shape)
    found = wrong_index(name, index, shape)
    if found:
        return found
    target = tuple(a[index].shape)
    if broadcast([tuple(values.shape), target]) == target:
        return None
    return ValueError(
        f"{name}: expected values that broadcast to {target}, got shape {tuple(values.shape)}"
    )


def width_of(part: Any) -> int:
    """How many dimensions one part of an index takes up."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.ndim if hasattr(part, "ndim") and part.dtype == bool else 1


def wrong_part(name: str, part: Any, dim: int, shape: Shape) -> Found:
    """What is wrong with one part of an index, which begins at `dim`."""
    if part is None or isinstance(part, (bool, slice)):
        return None
    part = part if hasattr(part, "dtype") else np.asarray(part)
    if part.dtype == bool:
        sizes = shape[dim : dim + part.ndim]
        if tuple(part.shape) == sizes:
            return None
        return IndexError(f"{name}: expected a mask of shape {sizes}, got {tuple(part.shape)}")
    if part.dtype.kind not in "iu":
        return IndexError(
            f"{name}: expected integers, slices, ..., None or masks as an index, got {part.dtype}"
        )
    n = shape[dim]
    low = int(part.min()) if part.size else 0
    high = int(part.max()) if part.size else -1
    if -n <= low and high < n:
        return None
    got = low if low < -n else high
    if n == 0:
        return IndexError(f"{name}: expected no index at dim {dim} of shape {shape}, got {got}")
    return IndexError(
        f"{name}: expected an index from {-n} to {n - 1} at dim {dim} of shape {shape}, got {got}"
    )


def dtype_of(a: Any) -> np.dtype[Any]:
    """The dtype of an array, or of a number as NumPy takes it."""
    found: np.dtype[Any] = a.dtype if hasattr(a, "dtype") else np.asarray(a).dtype
    return found


def no_booleans(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """neg, sign, sub: of numbers."""
    if not any([getattr(a, "dtype", DEFAULT).kind == "b" for a in arrays]):
        return None
    return TypeError(f"{name}: expected numbers, got bool; convert it with .float() or .int()")


def booleans(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """bitwise_and, bitwise_or ..: of booleans or integers."""
    for a in arrays:
        dtype = dtype_of(a)
        if dtype.kind not in "biu":
            return TypeError(f"{name}: expected booleans, got {dtype}; compare first, x > 0 say")
    return None


def floats_for_negative_powers(name: str, arrays: Sequence[Array], settings: Settings) -> Found:
    """pow: an integer has no negative power."""
    if any([dtype_of(a).kind == "f" for a in arrays]):
        return None
    exponent = arrays[1]
    lowest = exponent.min() if getattr(exponent, "size", 0) else exponent
    if not lowest < 0:
        return None
    return ValueError(f"{name}: expected floats for a negative power, got integers; use .float()")


Check = Callable[[str, Sequence[Array], Settings], Found]
DTYPES: dict[str, Check] = {
    "neg": no_booleans,
    "sign": no_booleans,
    "pow": floats_for_negative_powers,
    "sub": no_booleans,
    "bitwise_and": booleans,
    "bitwise_or": booleans,
    "bitwise_xor": booleans,
    "bitwise_not": booleans,
}
ELEMENTWISE = """
    add sub mul div pow maximum minimum where eq ne lt le gt ge bitwise_and bitwise_or bitwise_xor
    atan2 floor_divide remainder fmod
""".split()
SHAPES: dict[str, Check] = {
    **dict.fromkeys(ELEMENTWISE, shapes_broadcast),
    "matmul": inner_sizes_agree,
    "linear": sizes_of_a_layer,
    "cat": sizes_agree_elsewhere,
    "stack": sizes_agree_elsewhere,
    "reshape": elements_fill,
    "permute": each_dim_once,
    "broadcast_to": shape_can_grow,
    "amax": something_to_reduce,
    "argmax": something_to_reduce,
    "argmin": something_to_reduce,
    "getitem": index_fits,
}
