"""PyTorch programs run unchanged: each of tests/programs under PyTorch and under nn.as_torch.

The programs are written as a learner of PyTorch writes them, each in the idioms of one family of
public programs. Their weights, data and masks come from NumPy's or Python's random numbers, so that
both print the same: texts and shapes to the letter, losses to 1e-5 and to the last digit but one.
"""

from pathlib import Path

import pytest
from under_pytorch import Run

PROGRAMS = sorted(Path(__file__).with_name("programs").glob("*.py"))
TOLERANCE = 1e-5  # of a number with a point, as a share
MARKS = str.maketrans("[](),|", "      ")  # what may stand next to a number


def as_number(word: str) -> float | None:
    """The number that a word writes with a point; None for any other word."""
    try:
        return float(word) if "." in word else None
    except ValueError:
        return None


def check_line(got: str, wanted: str) -> None:
    """Hold two lines to one another: words to the letter, numbers with a point to 1e-5."""
    words = got.translate(MARKS).split()
    wanted_words = wanted.translate(MARKS).split()
    assert len(words) == len(wanted_words), f"{got!r} is not {wanted!r}"
    for word, wanted_word in zip(words, wanted_words, strict=True):
        number = as_number(wanted_word)
        if number is None:
            assert word == wanted_word, f"{got!r} is not {wanted!r}"
        else:
            decimals = len(wanted_word.partition(".")[2])
            last_digit = 10.0**-decimals if decimals > 2 else 0.0
            near = pytest.approx(number, rel=TOLERANCE, abs=max(1e-7, 1.01 * last_digit))
            assert as_number(word) == near, f"{got!r} is not {wanted!r}"


@pytest.mark.parametrize("program", PROGRAMS, ids=[program.stem for program in PROGRAMS])
def test_a_program_prints_what_it_prints_under_pytorch(
    program: Path, under_pytorch: Run, under_as_torch: Run
) -> None:
    wanted = under_pytorch(program).splitlines()
    got = under_as_torch(program).splitlines()
    assert len(got) == len(wanted)
    for line, wanted_line in zip(got, wanted, strict=True):
        check_line(line, wanted_line)


@pytest.mark.parametrize("program", PROGRAMS, ids=[program.stem for program in PROGRAMS])
def test_a_program_has_all_it_needs(program: Path, under_as_torch: Run) -> None:
    assert "; 0 of them are missing" in under_as_torch("--check", program)


def test_there_are_programs_of_each_family() -> None:
    assert len(PROGRAMS) >= 12


@pytest.mark.parametrize(
    "got",
    [
        "loss 1.00002 (3, 4)",
        "loss 1.0 (3, 5)",
        "loss 1.0 (3, 4) x",
        "cost 1.0 (3, 4)",
        "loss 1 (3, 4)",
    ],
)
def test_a_line_that_differs_is_found(got: str) -> None:
    check_line("loss 1.000001 (3, 4)", "loss 1.0 (3, 4)")
    with pytest.raises(AssertionError):
        check_line(got, "loss 1.0 (3, 4)")
