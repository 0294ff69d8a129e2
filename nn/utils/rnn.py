"""Sequences of different lengths as one tensor: padded, or packed without the padding.

A packed sequence has the steps that there are, N in all, row by row: first the first step of every
sequence, then the second steps ... `batch_sizes` says how many sequences have each step, so the
sequences are in the order of falling length. The recurrent layers read padded batches with
`lengths=`, and packed ones too, for programs written for PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad import Tensor, cat, stack
from minigrad.array import to_numpy
from minigrad.creation import check_holdable
from minigrad.errors import shown

from ..arguments import (
    as_lengths,
    as_list,
    as_number,
    check_bools,
    check_sizes,
    check_tensor,
)
from ..functional import (
    pad,
)

Integers = np.ndarray[Any, Any]


def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Tensors (T_b, ...) of a batch, filled up with `padding_value`: (T,B,...).

    batch_first: (B,T,...) instead. Give `lengths=[len(s) for s in sequences]` to the layer that
    reads them. Raises ValueError if there is no sequence, or for another side than "left" or
    "right".

    >>> from minigrad import tensor
    >>> pad_sequence([tensor([1, 2, 3]), tensor([4])], batch_first=True).tolist()
    [[1, 2, 3], [4, 0, 0]]
    """
    check_bools("pad_sequence", batch_first=batch_first)
    sequences = check_sequences(sequences)
    padding_value = as_number("pad_sequence", "padding_value", padding_value)
    if not isinstance(padding_side, str) or padding_side not in ("left", "right"):
        raise ValueError(
            f"pad_sequence: expected padding_side 'left' or 'right', got {shown(padding_side)}"
        )
    check_holdable("pad_sequence", np.asarray(padding_value), sequences[0].dtype)
    T = max([len(s) for s in sequences])
    rows = []
    for s in sequences:
        missing = T - len(s)
        before_and_after = (missing, 0) if padding_side == "left" else (0, missing)
        untouched = (0, 0) * (s.ndim - 1)  # `pad` wants the last dimension first
        rows.append(pad(s, untouched + before_and_after, value=padding_value))
    return stack(rows, dim=0 if batch_first else 1)


def check_sequences(sequences: Any, name: str = "pad_sequence") -> list[Tensor]:
    """The sequences as a list; raises if there is none, or one that is not a Tensor (T, ...)."""
    is_number = isinstance(sequences, Tensor) and sequences.ndim == 0
    if is_number or not isinstance(sequences, Iterable):
        raise TypeError(f"{name}: expected a list of tensors, got {shown(sequences)}")
    found = as_list(
        name,
        "sequences",
        list(sequences) if isinstance(sequences, Tensor) else sequences,
        lambda s: check_tensor(name, "each sequence", s),
    )
    if not found:
        raise ValueError(f"{name}: expected at least one sequence, got none")
    for s in found:
        if s.ndim == 0 or s.shape[1:] != found[0].shape[1:]:
            shapes = [tuple(t.shape) for t in found if isinstance(t, Tensor)]
            raise ValueError(
                f"{name}: expected sequences (time, ...) that differ in time alone, got {shapes}"
            )
    return found


class PackedParts(NamedTuple):
    """What a packed sequence consists of."""

    data: Tensor  # (N, ...)
    batch_sizes: Tensor  # (T,), how many sequences have each step
    sorted_indices: Tensor | None  # (B,), the place in the batch of each sequence; None: as it is
    unsorted_indices: Tensor | None  # (B,), the inverse


class PackedSequence(PackedParts):
    """Sequences without padding; `pack_padded_sequence` and `pack_sequence` make one."""

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Any = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        check_tensor("PackedSequence", "data", data)
        check_tensor("PackedSequence", "batch_sizes", batch_sizes)
        if unsorted_indices is None and sorted_indices is not None:
            check_order("sorted_indices", sorted_indices)
            unsorted_indices = invert_permutation(sorted_indices)
        elif sorted_indices is None and unsorted_indices is not None:
            check_order("unsorted_indices", unsorted_indices)
            sorted_indices = invert_permutation(unsorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with `data.to(...)`."""
        return self._replace(data=self.data.to(*args, **kwargs))

    def cpu(self) -> PackedSequence:
        return self.to("cpu")

    def cuda(self) -> PackedSequence:
        return self.to("cuda")

    def float(self) -> PackedSequence:
        return self.to(np.dtype("float32"))

    def double(self) -> PackedSequence:
        return self.to(np.dtype("float64"))


def check_order(key: str, indices: Tensor) -> None:
    """Raise if the indices that PackedSequence is given are not an order of the sequences."""
    check_tensor("PackedSequence", key, indices)
    order = to_numpy(indices.array)
    places = np.sort(order, axis=None)
    is_order = order.dtype.kind in "iu" and order.shape == places.shape
    if is_order:
        is_order = np.array_equal(places, np.arange(order.size))
    if not is_order:
        raise ValueError(
            f"PackedSequence: expected {key} to be the integers from 0 in some order, got "
            f"{order.dtype}{order.shape}; take those of pack_padded_sequence"
        )


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes this one; None for None."""
    if permutation is None:
        return None
    check_tensor("invert_permutation", "permutation", permutation)
    return permutation.beside(np.argsort(to_numpy(permutation.array)))


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """The steps of a padded batch (T,B,...), or (B,T,...) with batch_first, without the padding.

    lengths (B,): at least 1 each. enforce_sorted: they fall already; with False the batch is sorted
    here, and what reads the result gives everything back in the order of the batch. Raises
    RuntimeError if they do not fall, ValueError if they do not fit.

    >>> from minigrad import tensor
    >>> packed = pack_padded_sequence(tensor([[1, 2], [3, 0]]), [2, 1])
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1, 2, 3], [2, 1])
    """
    name = "pack_padded_sequence"
    check_bools(name, batch_first=batch_first, enforce_sorted=enforce_sorted)
    check_tensor(name, "input", input)
    if input.ndim < 2:
        names = "batch, time" if batch_first else "time, batch"
        raise ValueError(f"{name}: expected input ({names}, ...), got {tuple(input.shape)}")
    T, B = (input.shape[1], input.shape[0]) if batch_first else (input.shape[0], input.shape[1])
    ends = checked_ends(name, lengths, T, B)
    order = np.arange(B)
    if not enforce_sorted:
        order = np.argsort(-ends, kind="stable")
    elif (np.diff(ends) > 0).any():
        raise RuntimeError(
            f"{name}: expected lengths that fall where enforce_sorted=True, got {ends.tolist()}; "
            "give enforce_sorted=False"
        )
    times, rows = packed_places(ends[order])  # (N,) each
    picked = (input.beside(order[rows]), input.beside(times))
    data = input[picked if batch_first else picked[::-1]]  # (N,...)
    batch_sizes = Tensor(np.bincount(times))  # (T,)
    indices = None if enforce_sorted else input.beside(order)
    return PackedSequence(data, batch_sizes, indices)


def checked_ends(name: str, lengths: Any, T: int, B: int) -> Integers:
    """The lengths as an array. Raises ValueError if they are not B integers from 1 to T."""
    ends: Any = as_lengths(name, lengths, T, B)
    if ends is None or not len(ends) or (ends < 1).any():
        got = None if ends is None else ends.tolist()
        raise ValueError(
            f"{name}: expected lengths of {B} integers from 1 to {T}, got {got}; leave empty "
            "sequences out, or give lengths= to the layer"
        )
    found: Integers = ends
    return found


def packed_places(ends: Integers) -> tuple[Integers, Integers]:
    """The time and the row of each packed step, for lengths that fall."""
    runs = np.arange(ends[0])[:, None] < ends  # (T,B)
    times, rows = np.nonzero(runs)
    return times, rows


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The inverse of `pack_padded_sequence`: (T,B,...), or (B,T,...) with batch_first, and lengths.

    The lengths (B,) are int64, on the CPU. T is that of the longest sequence, or `total_length`.
    Raises TypeError if nothing packed is given, ValueError if total_length is too short.
    """
    return padded("pad_packed_sequence", sequence, batch_first, padding_value, total_length)


def padded(
    name: str,
    sequence: PackedSequence,
    batch_first: bool,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """As `pad_packed_sequence`, in the name of the function that was called."""
    check_bools(name, batch_first=batch_first)
    if not isinstance(sequence, PackedSequence):
        raise TypeError(f"{name}: expected a PackedSequence, got {shown(sequence)}")
    padding_value = as_number(name, "padding_value", padding_value)
    data, order = sequence.data, sequence.sorted_indices
    check_holdable(name, np.asarray(padding_value), data.dtype)
    ends = lengths_of(sequence)  # (B,)
    T = int(ends[0])
    if total_length is not None:
        check_sizes(name, T, total_length=total_length)
        T = total_length
    times, rows = packed_places(ends)
    N, B = len(times), len(ends)
    if order is not None:
        rows = to_numpy(order.array)[rows]
    places = np.full((T, B), N)  # the row of `data` at each place; N for padding
    places[times, rows] = np.arange(N)
    padding = data.beside(np.full((1, *data.shape[1:]), padding_value, data.dtype))
    found = cat([data, padding])[data.beside(places.T if batch_first else places)]
    lengths = np.empty_like(ends)
    lengths[np.arange(B) if order is None else to_numpy(order.array)] = ends
    return found, Tensor(lengths)


def lengths_of(sequence: PackedSequence) -> Integers:
    """The lengths of the sequences, in their packed order."""
    sizes = to_numpy(sequence.batch_sizes.array)  # (T,)
    return (np.arange(sizes[0]) < sizes[:, None]).sum(axis=0)  # (B,)


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Tensors (T_b, ...), without padding; see `pack_padded_sequence`."""
    check_bools("pack_sequence", enforce_sorted=enforce_sorted)
    sequences = check_sequences(sequences, "pack_sequence")
    lengths = [len(s) for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences (T_b, ...) of a padded batch: the inverse of `pad_sequence`."""
    check_tensor("unpad_sequence", "padded_sequences", padded_sequences)
    check_bools("unpad_sequence", batch_first=batch_first)
    if padded_sequences.ndim < 2:
        raise IndexError(
            "unpad_sequence: expected a padded batch (time, batch, ...), "
            f"got shape {tuple(padded_sequences.shape)}"
        )
    batch = padded_sequences if batch_first else padded_sequences.transpose(0, 1)  # (B,T,...)
    ends = as_lengths("unpad_sequence", lengths, batch.shape[1], len(batch))
    if ends is None:
        raise ValueError("unpad_sequence: expected the lengths of the sequences, got None")
    return [row[:end] for row, end in zip(batch, ends, strict=True)]


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences (T_b, ...) of a packed batch: the inverse of `pack_sequence`."""
    sequences, lengths = padded("unpack_sequence", packed_sequences, batch_first=True)
    return unpad_sequence(sequences, lengths, batch_first=True)
