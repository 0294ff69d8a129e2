"""What each run measured, kept for good: demos/records/, a file for each script, a line for each
seed.

Lines are only ever added, each with one write, so that a run may be killed at any moment and
several sittings add up. A line that is cut off is left out when the file is read.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from demos import claims

FOLDER = Path(__file__).with_name("records")
Pair = tuple[float, float]


def lines(folder: Path) -> Iterator[dict[str, Any]]:
    """All whole lines of a folder of records, file by file."""
    for path in sorted(folder.glob("*.jsonl")):
        for text in path.read_text("utf-8").splitlines():
            try:
                line = json.loads(text)
            except ValueError:  # cut off when a run was killed
                continue
            yield {"script": path.stem, **line}


def add(folder: Path, script: str, lines_to_add: list[dict[str, Any]]) -> None:
    """Add lines to a script's file, all of them with one write."""
    if not lines_to_add:
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{script}.jsonl"
    text = "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines_to_add)
    with open(path, "ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            text = text if file.read(1) == b"\n" else "\n" + text  # after a line that was cut off
        file.write(text.encode())


def lines_of(
    measured: dict[str, tuple[list[float], list[float]]], known: Records, engine: str, code: str
) -> list[dict[str, Any]]:
    """A line for each seed of what was measured and is not yet known.

    measured: claim -> the values of both sides, by seed.
    """
    found: dict[int, dict[str, Any]] = {}
    for name, sides in measured.items():
        row = claims.table()[name]
        for seed, (a, b) in enumerate(zip(*sides, strict=True)):
            if not known.has(name, seed, engine):
                found.setdefault(seed, {})[name] = [rounded(a), rounded(b), row.hash]
    stamp = {"code": code, "numpy": np.__version__, "date": datetime.date.today().isoformat()}
    return [
        {"seed": seed, "engine": engine, "claims": pairs, "table": claims.table_hash(), **stamp}
        for seed, pairs in sorted(found.items())
    ]


def rounded(value: float) -> float:
    """Nine digits, which are more than single precision has."""
    return float(f"{value:.9g}")


@dataclass(frozen=True)
class Records:
    """Pairs by engine, claim and seed. stale: those that another table made, by claim."""

    pairs: dict[tuple[str, str], dict[int, Pair]]
    stale: dict[str, int]

    @classmethod
    def load(cls, *folders: Path) -> Records:
        """The records of these folders, or the committed ones. Where a pair is there twice, the
        first one counts; of a fact, which is no matter of chance, the last."""
        pairs: dict[tuple[str, str], dict[int, Pair]] = {}
        stale: dict[str, int] = {}
        for folder in folders or (FOLDER,):
            for line in lines(folder):
                for name, (a, b, row_hash) in line["claims"].items():
                    row = claims.table().get(name)
                    if row is None or row.hash != row_hash:
                        stale[name] = stale.get(name, 0) + 1
                        continue
                    by_seed = pairs.setdefault((line["engine"], name), {})
                    if row.is_fact or line["seed"] not in by_seed:
                        by_seed[line["seed"]] = a, b
        return cls(pairs, stale)

    def has(self, name: str, seed: int, engine: str = "minigrad") -> bool:
        return seed in self.pairs.get((engine, name), {})

    def sides(self, name: str, engine: str = "minigrad") -> tuple[list[float], list[float]]:
        """Both sides, by seed from 0 on as far as no seed is missing."""
        kept = self.pairs.get((engine, name), {})
        seeds = 0
        while seeds in kept:
            seeds += 1
        return [kept[seed][0] for seed in range(seeds)], [kept[seed][1] for seed in range(seeds)]
