"""How a tensor is printed: with PyTorch's digits, widths and breaks.

All elements have one width. Floats have 4 digits after the point, or the form 1.0000e+00 where the
largest is above 10⁸ or 1000 times the smallest, or the smallest below 10⁻⁴. Of more than 1000
elements the first and last three of each dimension are shown. `grad_fn` names minigrad's op by
PyTorch's word for it: of a mean, which is a sum and a quotient here, the last of them.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from minigrad import Tensor, bool, get_default_dtype, int64

OPTIONS = SimpleNamespace(precision=4, threshold=1000, edgeitems=3, linewidth=80, sci_mode=None)
PREFIX = "tensor("
WORDS = {  # PyTorch's names of the ops that have another one here
    "amax": "max",
    "astype": "to_copy",
    "broadcast_to": "expand",
    "expand_dims": "unsqueeze",
    "getitem": "select",
    "layer_norm": "native_layer_norm",
    "linear": "addmm",
    "matmul": "mm",
    "reshape": "view",
    "rint": "round",
    "softmax_cross_entropy": "nll_loss",
    "swapaxes": "transpose",
}
Values = np.ndarray[Any, Any]


def text_of(tensor: Tensor) -> str:
    """`Tensor.__repr__` as PyTorch has it."""
    values = tensor.detach().cpu().numpy()
    text = "[]"
    if values.size:
        is_short = values.size > OPTIONS.threshold
        numbers = Numbers(shown(values) if is_short else values)
        text = rows(values, numbers, len(PREFIX), is_short)
    return with_suffixes(PREFIX + text, suffixes(tensor))


class Numbers:
    """The common form and width of some numbers."""

    def __init__(self, values: Values):
        self.is_float = values.dtype.kind == "f"
        self.width = 1
        if not self.is_float:
            self.width = max([len(str(value)) for value in values.ravel().tolist()])
            return
        finite = values[np.isfinite(values) & (values != 0)]
        sizes = np.abs(finite.astype(np.float64))
        self.are_whole = not (finite != np.ceil(finite)).any()
        is_wide = finite.size > 0 and (
            sizes.max() / sizes.min() > 1000 or sizes.max() > 1e8 or sizes.min() < 1e-4
        )
        self.in_powers = is_wide if OPTIONS.sci_mode is None else OPTIONS.sci_mode
        if finite.size:
            self.width = max([len(self.plain(value)) for value in finite.tolist()])

    def plain(self, value: Any) -> str:
        """One number, without padding."""
        if not self.is_float:
            return str(value)
        if self.in_powers:
            return f"{value:.{OPTIONS.precision}e}"
        if self.are_whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{OPTIONS.precision}f}"

    def text(self, value: Any) -> str:
        """One number in the common width."""
        return self.plain(value).rjust(self.width)


def shown(values: Values) -> Values:
    """The elements that are printed of a large tensor."""
    edge = OPTIONS.edgeitems
    for dim, size in enumerate(values.shape):
        if size > 2 * edge:
            places = [*range(edge), *range(size - edge, size)]
            values = values.take(places, dim)
    return values


def rows(values: Values, numbers: Numbers, indent: int, is_short: Any) -> str:
    """The nested brackets of an array that starts at column `indent`."""
    if values.ndim == 0:
        return numbers.text(values.item())
    edge = OPTIONS.edgeitems
    is_cut = is_short and len(values) > 2 * edge
    places = (
        [*range(edge), *range(len(values) - edge, len(values))] if is_cut else range(len(values))
    )
    if values.ndim > 1:
        parts = [rows(values[i], numbers, indent + 1, is_short) for i in places]
        if is_cut:
            parts.insert(edge, "...")
        between = "," + "\n" * (values.ndim - 1) + " " * (indent + 1)
        return f"[{between.join(parts)}]"
    parts = [numbers.text(values[i].item()) for i in places]
    if is_cut:
        parts.insert(edge, " ...")
    count = max(1, (OPTIONS.linewidth - indent) // (numbers.width + 2))
    lines = [", ".join(parts[i : i + count]) for i in range(0, len(parts), count)]
    between = ",\n" + " " * (indent + 1)
    return f"[{between.join(lines)}]"


def suffixes(tensor: Tensor) -> list[str]:
    """What is printed after the numbers: device, size, dtype, gradient."""
    found = []
    if tensor.device.type != "cpu":
        found.append(f"device='{tensor.device}:{tensor.device.index or 0}'")
    is_empty = tensor.numel() == 0
    if is_empty and tensor.ndim != 1:
        found.append(f"size={tuple(tensor.shape)}")
    unsaid = [get_default_dtype()] if is_empty else [get_default_dtype(), int64, bool]
    if tensor.dtype not in unsaid:
        found.append(f"dtype={tensor.dtype}")
    if tensor.node is not None and tensor.requires_grad:
        found.append(f"grad_fn=<{node_name(tensor.node.op.__name__)}>")
    elif tensor.requires_grad:
        found.append("requires_grad=True")
    return found


def node_name(op: str) -> str:
    """AddBackward0 of add: as PyTorch names what computes a gradient."""
    parts = WORDS.get(op, op).split("_")
    return "".join([part.capitalize() for part in parts]) + "Backward0"


def with_suffixes(text: str, found: list[str]) -> str:
    """The text with its suffixes, each on a new line where the line would be too long."""
    length = len(text) - text.rfind("\n") + 1
    for suffix in found:
        if length + len(suffix) + 2 > OPTIONS.linewidth:
            text += ",\n" + " " * len(PREFIX) + suffix
            length = len(PREFIX) + len(suffix)
        else:
            text += f", {suffix}"
            length += len(suffix) + 2
    return f"{text})"
