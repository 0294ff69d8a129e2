"""Work in blocks that fit the cache, for what passes over its numbers more than once."""

from __future__ import annotations


def blocks(count: int, bytes_each: int, cache: int) -> list[slice]:
    """range(count) in slices of as many as have at most `cache` bytes, or of one."""
    per_block = max(1, cache // max(1, bytes_each))
    return [slice(start, start + per_block) for start in range(0, count, per_block)]
