"""A long graph as a short tree: groups of the nodes of a module, and of time steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

# The number of a node, or a group {"name": str, "items": [...], "repeats": are they all alike?}.
Item = Any


def members(items: Sequence[Item]) -> Iterator[int]:
    """The numbers of the nodes under some items.

    >>> list(members([0, {"name": "lstm", "items": [1, 2], "repeats": False}, 3]))
    [0, 1, 2, 3]
    """
    for item in items:
        if isinstance(item, int):
            yield item
        else:
            yield from members(item["items"])


def longest_run(flags: Any) -> tuple[int, int]:
    """Start and length of the longest run of True; length 0 where there is none.

    >>> longest_run(np.array([True, False, True, True, False]))
    (2, 2)
    """
    walls = np.concatenate([[-1], np.flatnonzero(~flags), [len(flags)]])
    lengths = np.diff(walls) - 1
    k = lengths.argmax()
    return int(walls[k]) + 1, int(lengths[k])


def longest_repetition(
    codes: Any, sizes: Sequence[int] | None = None, longest_period: int = 1000
) -> tuple[int, int, int]:
    """(start, period, count) of the block that comes 3 times or more in a row and covers most.

    codes: integers, equal for equal items. sizes: what each item counts, 1 by default. (0, 0, 0):
    nothing repeats.

    >>> longest_repetition([9, 1, 2, 1, 2, 1, 2, 1, 7])
    (1, 2, 3)
    >>> longest_repetition([1, 2, 1, 2])
    (0, 0, 0)
    """
    codes = np.asarray(codes)
    size_before = np.concatenate([[0], np.cumsum(sizes or [1] * len(codes))])
    best, best_size = (0, 0, 0), 0
    for period in range(1, min(len(codes) // 3, longest_period) + 1):
        start, length = longest_run(codes[period:] == codes[:-period])
        count = length // period + 1
        size = size_before[start + count * period] - size_before[start]
        if count >= 3 and size > best_size:
            best, best_size = (start, period, count), size
    return best


def tree(
    nodes: Sequence[dict[str, Any]], min_size: int = 24, longest_period: int = 1000
) -> list[Item]:
    """The nodes in order of birth, in groups: those of a module, and those that repeat.

    What comes 3 times or more repeats. min_size: nodes that are worth folding; longest_period:
    items of a part that repeats. A group is a stretch of the order of birth, so there is no cycle
    between groups either.
    """
    return Folding(nodes, min_size, longest_period).by_module(list(range(len(nodes))), depth=0)


class Folding:
    """Makes the tree of some nodes: see `tree`."""

    def __init__(self, nodes: Sequence[dict[str, Any]], min_size: int, longest_period: int):
        self.nodes = nodes
        self.min_size = min_size
        self.longest_period = longest_period
        self.maker = {value: i for i, node in enumerate(nodes) for value in node["outs"]}

    def by_module(self, run: list[int], depth: int) -> list[Item]:
        """The nodes of `run`, grouped by the module at `depth` of their paths, and folded."""
        items: list[Item] = []
        for name, part in groupby(run, lambda i: self.module_at(i, depth)):
            if name:
                items.append(group(name, self.by_module(list(part), depth + 1)))
            else:
                items += part
        return self.fold(items)

    def module_at(self, i: int, depth: int) -> str:
        """The part of node i's module path at `depth`; "" where the path is shorter."""
        path = self.nodes[i]["module"].split(".")
        return path[depth] if depth < len(path) else ""

    def fold(self, items: list[Item]) -> list[Item]:
        """The repetition of most nodes as one group, and so on before it, after it and inside."""
        numbers: dict[Any, int] = {}
        codes = [numbers.setdefault(self.signature(item), len(numbers)) for item in items]
        sizes = [count_nodes([item]) for item in items]
        start, period, count = longest_repetition(codes, sizes, self.longest_period)
        end = start + count * period
        if sum(sizes[start:end]) < self.min_size:
            return items
        blocks = [items[k : k + period] for k in range(start, end, period)]
        first, n = self.longest_alike(blocks)
        if n < 3:
            return items
        parts = []
        for i, block in enumerate(blocks[first : first + n], start=1):
            parts.append(group(f"{i} of {n}", self.fold(block)))
        start, end = start + first * period, start + (first + n) * period
        repeated = group(f"{n} × {name_of(blocks[0])}", parts, repeats=True)
        return [*self.fold(items[:start]), repeated, *self.fold(items[end:])]

    def signature(self, item: Item) -> Any:
        """Equal for items that do the same ops on the same shapes."""
        if isinstance(item, int):
            return self.nodes[item]["signature"]
        return item["name"], *map(self.signature, item["items"])

    def longest_alike(self, blocks: list[list[Item]]) -> tuple[int, int]:
        """(first, count) of the longest run of blocks whose nodes read each other alike."""
        best, start = (0, 0), 0
        for _, run in groupby(blocks, self.wiring):
            count = len(list(run))
            if count > best[1]:
                best = (start, count)
            start += count
        return best

    def wiring(self, block: list[Item]) -> list[list[int | None]]:
        """For each node, which nodes of the block its arguments come from; None: from outside."""
        position = {i: k for k, i in enumerate(members(block))}
        wires = []
        for i in position:
            makers = [self.maker.get(a, -1) for a in self.nodes[i]["args"]]
            wires.append([position.get(maker) for maker in makers])
        return wires


def group(name: str, items: list[Item], repeats: bool = False) -> Item:
    """An item that holds others; repeats: they are all alike."""
    return {"name": name, "items": items, "repeats": repeats}


def name_of(block: list[Item]) -> str:
    """What a block that repeats is called: by its only group, or by how many ops it has."""
    if len(block) == 1 and not isinstance(block[0], int):
        return str(block[0]["name"])
    return f"{count_nodes(block)} ops"


def count_nodes(items: Sequence[Item]) -> int:
    """How many nodes there are under some items."""
    return len(list(members(items)))
