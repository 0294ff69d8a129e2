"""Sequences of different lengths as one tensor."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad import Tensor, errors, stack

from ..functional import pad


def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Tensors (T_b, ...) side by side, filled up with `padding_value`: (T, B, ...), or (B, T, ...) if `batch_first`.

    Give `lengths=[len(s) for s in sequences]` to the layer that reads them.

    >>> from minigrad import tensor
    >>> pad_sequence([tensor([1, 2, 3]), tensor([4])], batch_first=True).tolist()
    [[1, 2, 3], [4, 0, 0]]
    """
    if not sequences or padding_side not in ("left", "right"):
        raise ValueError(
            f"pad_sequence: {len(sequences)} sequences and padding_side {padding_side!r} came; give at "
            "least one, and 'left' or 'right'"
        )
    T = max(map(len, sequences))
    padded = []
    for s in sequences:
        gap = (T - len(s), 0) if padding_side == "left" else (0, T - len(s))
        padded.append(pad(s, (0, 0) * (s.ndim - 1) + gap, value=padding_value))
    return stack(padded, dim=0 if batch_first else 1)


errors.name_all(globals())
