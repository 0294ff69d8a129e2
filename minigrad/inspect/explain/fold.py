"""A long graph as a short tree: what one module made is a group, and so is what repeats, such as time steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

Item = Any  # the number of a node; or {"name": str, "items": a list of items, "repeats": whether these are all alike}


def members(items: Sequence[Item]) -> Iterator[int]:
    """The nodes under some items."""
    for item in items:
        yield from [item] if isinstance(item, int) else members(item["items"])


def tree(nodes: Sequence[dict[str, Any]], enough: int = 24, longest: int = 1000) -> list[Item]:
    """The nodes in order of birth, those of a module and those that repeat (three times or more) in groups.

    enough: nodes that are worth folding; longest: items of a part that repeats. What ran in one go has its place in
    one go in that order, so there is no cycle between groups either.
    """
    maker = {value: i for i, node in enumerate(nodes) for value in node["outs"]}

    def by_module(run: list[int], depth: int) -> list[Item]:
        items: list[Item] = []
        for name, part in groupby(
            run, lambda i: "".join(nodes[i]["module"].split(".")[depth : depth + 1])
        ):
            inside = list(part)
            items += (
                [{"name": name, "items": by_module(inside, depth + 1), "repeats": False}]
                if name
                else inside
            )
        return fold(items)

    def kind(item: Item) -> Any:
        return (
            nodes[item]["kind"]
            if isinstance(item, int)
            else (item["name"], *map(kind, item["items"]))
        )

    def wiring(block: list[Item]) -> list[Any]:
        """Which node of the block each of its nodes reads."""
        position = {i: k for k, i in enumerate(members(block))}
        return [[position.get(maker.get(a, -1)) for a in nodes[i]["args"]] for i in position]

    def fold(items: list[Item]) -> list[Item]:
        """The repetition that holds most nodes as one group, and so on before it, after it and inside."""
        numbers: dict[Any, int] = {}
        codes = np.array([numbers.setdefault(kind(item), len(numbers)) for item in items])
        sizes = np.cumsum([0, *(len(list(members([item]))) for item in items)])
        best, start, period, count = enough - 1, 0, 0, 0
        for p in range(1, min(len(items) // 3, longest) + 1):
            breaks = np.flatnonzero(np.concatenate([[True], codes[p:] != codes[:-p], [True]]))
            run = np.diff(
                breaks
            ).argmax()  # the longest in which every item is like the one p items later
            first, n = breaks[run], (breaks[run + 1] - breaks[run] - 1) // p + 1
            if n > 2 and (weight := sizes[first + n * p] - sizes[first]) > best:
                best, start, period, count = weight, first, p, n
        blocks = [items[start + k * period :][:period] for k in range(count)]
        alike = max(
            (list(run) for _, run in groupby(range(count), lambda k: wiring(blocks[k]))),
            key=len,
            default=[],
        )
        if (n := len(alike)) < 3:
            return items
        parts = [
            {"name": f"{i} of {n}", "items": fold(blocks[k]), "repeats": False}
            for i, k in enumerate(alike, 1)
        ]
        one = blocks[0][0]
        what = (
            one["name"]
            if period == 1 and isinstance(one, dict)
            else f"{len(list(members(blocks[0])))} ops"
        )
        before, after = (
            items[: start + alike[0] * period],
            items[start + (alike[-1] + 1) * period :],
        )
        return [
            *fold(before),
            {"name": f"{n} × {what}", "items": parts, "repeats": True},
            *fold(after),
        ]

    return by_module(list(range(len(nodes))), 0)
