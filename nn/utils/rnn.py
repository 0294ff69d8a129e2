"""Sequences of different lengths as one tensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from minigrad import Tensor, stack

from ..arguments import as_number, check_tensor, describe
from ..functional import pad


def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Tensors (T_b, ...) of a batch, filled up with `padding_value`: (T,B,...).

    batch_first: (B,T,...) instead. Give `lengths=[len(s) for s in sequences]` to the layer that
    reads them. Raises ValueError where there is no sequence, or for another side than "left" or
    "right".

    >>> from minigrad import tensor
    >>> pad_sequence([tensor([1, 2, 3]), tensor([4])], batch_first=True).tolist()
    [[1, 2, 3], [4, 0, 0]]
    """
    sequences = check_sequences(sequences)
    padding_value = as_number("pad_sequence", "padding_value", padding_value)
    if padding_side not in ("left", "right"):
        raise ValueError(
            f"pad_sequence: expected padding_side 'left' or 'right', got {describe(padding_side)}"
        )
    T = max([len(s) for s in sequences])
    padded = []
    for s in sequences:
        missing = T - len(s)
        before_and_after = (missing, 0) if padding_side == "left" else (0, missing)
        untouched = (0, 0) * (s.ndim - 1)  # `pad` wants the last dimension first
        padded.append(pad(s, untouched + before_and_after, value=padding_value))
    return stack(padded, dim=0 if batch_first else 1)


def check_sequences(sequences: Sequence[Tensor]) -> list[Tensor]:
    """The sequences as a list; raises where there is none, or one that is no Tensor (T, ...)."""
    if not isinstance(sequences, Iterable):
        raise TypeError(f"pad_sequence: expected a list of tensors, got {describe(sequences)}")
    found = list(sequences)
    if not found:
        raise ValueError("pad_sequence: expected at least one sequence, got none")
    for s in found:
        check_tensor("pad_sequence", "each sequence", s)
        if s.ndim == 0 or s.shape[1:] != found[0].shape[1:]:
            shapes = [tuple(t.shape) for t in found if isinstance(t, Tensor)]
            raise ValueError(
                "pad_sequence: expected sequences (time, ...) that differ in time alone, "
                f"got {shapes}"
            )
    return found
