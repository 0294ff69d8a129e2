"""Random programs beside PyTorch's, far more than tests/test_differential.py runs: 200,000 in
`make trust`.

Where one differs, Hypothesis looks for the fewest of its lines on which the libraries still differ.
"""

import gc
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed (the extra torch)")
import other_libraries as others
import random_programs as programs

PARTS = 40
counted: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def _only_what_programs_leave_is_collected() -> Iterator[None]:
    """A collection of garbage does not look at half a million objects of PyTorch's modules."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("part", range(PARTS))
def test_programs_agree_with_pytorch(part: int, many: Callable[[int, int], int], say: Any) -> None:
    size = many(2, 5000)
    found = []
    for seed in range(1_000_000 + part * size, 1_000_000 + (part + 1) * size):
        try:
            program = programs.check(random.Random(seed))
        except programs.Disagreement as error:
            found.append(f"seed {seed}:\n{shortest(error)}")
            continue
        counted["programs"] += 1
        counted["lines"] += len(program.lines)
        counted.update(program.refusals)
    if part == PARTS - 1:
        say(f"programs: {counted.pop('programs'):,} of {counted.pop('lines'):,} lines agree")
        say(f"programs: of what one library alone refuses, {dict(counted)}")
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("part", range(4))
def test_changes_of_a_part_agree_with_pytorch(
    part: int, many: Callable[[int, int], int], say: Any
) -> None:
    size = many(5, 5000)
    found = []
    for seed in range(1_000_000 + part * size, 1_000_000 + (part + 1) * size):
        lines = programs.change_of_a_part(random.Random(seed))
        difference = programs.disagreement(lines)
        if difference:
            found.append("\n".join([f"seed {seed}:", *lines, difference]))
    say(f"changes of a part: {size - len(found):,} of {size:,} agree")
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("name, packaged, long", [("HIPS", "autograd", 4000), ("JAX", "jax", 400)])
def test_programs_agree_with_other_libraries(
    name: str, packaged: str, long: int, many: Callable[[int, int], int], say: Any
) -> None:
    pytest.importorskip(packaged, reason=f"{packaged} is not installed (the extra bench)")
    library = others.hips_library() if name == "HIPS" else others.jax_library()
    size = many(4, long)
    agree, lacking, found = others.check_many(library, range(1_000_000, 1_000_000 + size))
    say(f"programs: {agree:,} of {size:,} agree with {library.name}, which lacks {dict(lacking)}")
    assert not found, "\n\n".join(found)


def shortest(error: programs.Disagreement) -> str:
    """The fewest lines that differ, and how."""
    lines = [line for line in error.lines if not line.startswith("g")]
    fewest = programs.minimal(lines) if programs.disagreement(lines) else error.lines
    return "\n".join([*fewest, str(error).splitlines()[-1]])
