"""What the table's samples are made of: the strategies of minigrad.testing."""

from minigrad.testing.samples import Sample, is_float
from minigrad.testing.strategies import (
    FULL,
    SIDES,
    array,
    broadcastable,
    dim,
    dims,
    distinct,
    indices,
    lay_out,
    numbers,
    sample,
    shapes,
)

__all__ = [
    "FULL",
    "SIDES",
    "Sample",
    "array",
    "broadcastable",
    "dim",
    "dims",
    "distinct",
    "indices",
    "is_float",
    "lay_out",
    "numbers",
    "sample",
    "shapes",
]
