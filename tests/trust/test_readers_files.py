"""A reader's own file: it is read, and then as it was written, or refused in one sentence before
anything is trained."""

import csv
import os
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("matplotlib", reason="the demos need the extra demos")

from demos import pairs, series, tagging, text

Reader = Callable[[str], Any]
READERS: dict[str, Reader] = {
    "--csv": lambda path: series.own(path, "price"),
    "--train": tagging.read_conll,
    "--pairs": pairs.read_pairs,
    "--text": text.read,
}
WAVES = [10 + n % 7 + n / 100 for n in range(300)]
CSV = "day,price\n" + "".join(f"{n},{value}\n" for n, value in enumerate(WAVES))
CONLL = "Anna B-PER\nsmiled O\n\nOslo B-LOC\n\n"
PAIRS = "".join(f"number {n}\tnumero {n}\n" for n in range(80))
TEXT = "a line of text, and then one more\n" * 1000
GOOD = {"--csv": CSV, "--train": CONLL, "--pairs": PAIRS, "--text": TEXT}


def column(*values: object) -> bytes:
    """A table of one column, of 300 rows or more."""
    return ("price\n" + "".join(f"{value}\n" for value in values)).encode()


# What a file holds, for which reader, and what is said.
REFUSED: dict[str, tuple[str, bytes, str]] = {}
for option in READERS:
    REFUSED |= {
        f"{option}: nothing": (option, b"", "expected"),
        f"{option}: a byte-order mark alone": (option, b"\xef\xbb\xbf", "expected"),
        f"{option}: empty lines": (option, b"\n" * 500, "expected"),
        f"{option}: UTF-16": (option, GOOD[option].encode("utf-16"), "in UTF-8, got: "),
        f"{option}: bytes": (option, bytes(range(256)) * 200, "expected"),
        f"{option}: half a letter": (option, GOOD[option].encode() + b"\xc3", "in UTF-8, got: "),
    }
REFUSED |= {
    "no such column": ("--csv", b"day,Price\n1,2\n", "expected --column NAME"),
    "a column twice": ("--csv", b"price,price\n1,2\n", "which is there twice"),
    "semicolons": ("--csv", b"day;price\n1;2.5\n", "expected --column NAME"),
    "tabs": ("--csv", b"day\tprice\n1\t2\n", "expected --column NAME"),
    "a decimal comma": ("--csv", b"day,price\n1,101,29\n", "line 2: expected 2 cells"),
    "a short row": ("--csv", b"day,price\n1,2\n3\n", "line 3: expected 2 cells"),
    "an open quote": ("--csv", b'day,price\n1,"2\n3,4\n', r"got '2\n3,4\n' in row 1"),
    "a cell beyond the limit": ("--csv", b"price\n" + b"1" * 200_000, "expected a"),
    "no number": ("--csv", column(*range(300), "high"), "got 'high' in row 301"),
    "an empty cell": ("--csv", b"a,price\n" + b"1,2\n" * 300 + b"1,\n", "got '' in row 301"),
    "NaN": ("--csv", column(*range(300), "nan"), "got 'nan' in row 301"),
    "infinity": ("--csv", column(*range(300), "-inf"), "got '-inf' in row 301"),
    "a number of Python's": ("--csv", column(*range(300), "1_100"), "got '1_100' in row 301"),
    "a thousands separator": ("--csv", column(*range(300), '"1,100"'), "got '1,100' in row 301"),
    "a currency": ("--csv", column(*range(300), "$5"), "got '$5' in row 301"),
    "a column's long name": ("--csv", b"x" * 9000 + b"\n1\n", "expected --column NAME"),
    "a long cell": ("--csv", column(*range(300), "x" * 9000), "in row 301"),
    "a long word": ("--train", b"x" * 9000 + b"\n", "line 1: expected a word and"),
    "a long text": ("--pairs", b"x" * 9000 + b"\n", "line 1: expected a text, a tab"),
    "control characters": ("--csv", column(*range(300), "\x1b[31m1"), r"got '\x1b[31m1' in row"),
    "too few rows": ("--csv", column(*range(199)), "expected 200 or more rows"),
    "a constant": ("--csv", column(*[5] * 300), "not all alike"),
    "a straight line": ("--csv", column(*range(-100, 200)), "deviation 0"),
    "flat at the start": ("--csv", column(*[1] * 200, *range(100)), "deviation 0"),
    "flat at the end": ("--csv", column(*WAVES, *[1] * 200), "deviation 0"),
    "0 and 1 in turn": ("--csv", column(*[n % 2 for n in range(300)]), "deviation 0"),
    "mostly 0": ("--csv", column(5, *[0] * 300), "deviation 0"),
    "too large": ("--csv", column(*[f"{value}e307" for value in WAVES]), "expected"),
    "too small": ("--csv", column(*[f"{value}e-309" for value in WAVES]), "deviation"),
    "a word without a tag": ("--train", b"Anna B-PER\nsmiled\n", "line 2: expected a word and"),
    "a tag of another kind": ("--train", b"Anna NNP\n", "line 1: expected a word and"),
    "document starts alone": ("--train", b"-DOCSTART- O\n\n" * 9, "got no sentence"),
    "a word with control characters": ("--train", b"\x1b[31mAnna\n", r"got '\x1b[31mAnna'"),
    "no tab": ("--pairs", PAIRS.encode() + b"no tab\n", "line 81: expected a text, a tab"),
    "nothing after the tab": ("--pairs", PAIRS.encode() + b"text\t \n", "line 81: expected a"),
    "one text again and again": ("--pairs", b"a\tb\n" * 500, "different texts, got 1"),
    "a short text": ("--text", b"too short", "expected at least 30,000 characters, got 9"),
    "too many letters": (
        "--text",
        "".join(map(chr, range(0x4E00, 0x5300))).encode() * 30,
        "expected at most 1,000 different characters",
    ),
}


def sentence_of(reader: Reader, path: Path) -> str:
    with pytest.raises(SystemExit) as ended:
        reader(str(path))
    said = str(ended.value)
    assert said.startswith(str(path)) and said.isprintable() and len(said) < 500, said
    return said


@pytest.mark.parametrize(("option", "content", "said"), REFUSED.values(), ids=REFUSED)
def test_a_file_of_no_use_is_refused_in_one_sentence(
    option: str, content: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert said in sentence_of(READERS[option], path)


@pytest.mark.parametrize("option", READERS)
def test_what_is_no_file_that_can_be_read_is_refused_in_one_sentence(
    option: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    names = ["gone", "folder", "link"]
    if os.geteuid() != 0:  # root may read it
        (tmp_path / "secret").write_text("secret", encoding="utf-8")
        (tmp_path / "secret").chmod(0)
        names.append("secret")
    for name in names:
        assert "in UTF-8, got: " in sentence_of(READERS[option], tmp_path / name)


ENDINGS = {"Unix": "\n", "Windows": "\r\n", "old Macintosh": "\r"}


@pytest.mark.parametrize("option", READERS)
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "byte-order mark"])
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("last", [True, False], ids=["", "no last line end"])
def test_marks_and_line_ends_change_nothing(
    option: str, mark: str, ending: str, last: bool, tmp_path: Path
) -> None:
    plain, path = tmp_path / "plain", tmp_path / "file"
    content = GOOD[option] if last else GOOD[option].rstrip("\n")
    plain.write_bytes(content.encode())
    path.write_bytes((mark + content).replace("\n", ending).encode())
    wanted, found = READERS[option](str(plain)), READERS[option](str(path))
    assert repr(found) == repr(wanted)


numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: x + 0.0)
cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@settings(deadline=None, max_examples=50)
@given(st.lists(numbers, min_size=200, max_size=210), st.lists(cells, min_size=1, max_size=3))
def test_the_numbers_read_from_a_table_are_those_written(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], others: list[str]
) -> None:
    path = tmp_path_factory.mktemp("table") / "table.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*[f"other {n}" for n, _ in enumerate(others)], "price"])
        writer.writerows([*others, value] for value in values)
    if np.ptp(values) == 0:
        assert "not all alike" in sentence_of(READERS["--csv"], path)
        return
    assert series.read_column(str(path), "price").tolist() == values


words = st.text(
    st.characters(exclude_characters=" \t\n\r\ufeff", exclude_categories=["Cs"]), min_size=1
)
tags = st.sampled_from(["O", "B-PER", "I-PER", "B-$x", "I-{}"])


@settings(deadline=None, max_examples=100)
@given(st.lists(st.lists(st.tuples(words, tags), min_size=1, max_size=5), min_size=1, max_size=5))
def test_the_words_read_from_sentences_are_those_written(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[tuple[str, str]]]
) -> None:
    path = tmp_path_factory.mktemp("sentences") / "file.conll"
    lines = ["".join(f"{word} x\t{tag}\n" for word, tag in sentence) for sentence in sentences]
    path.write_bytes("\n".join(lines).encode())
    read = [list(zip(*sentence, strict=True)) for sentence in tagging.read_conll(str(path))]
    kept = [[pair for pair in sentence if pair[0] != "-DOCSTART-"] for sentence in sentences]
    assert read == [sentence for sentence in kept if sentence]


texts = st.text(st.characters(exclude_characters="\t\n\r\ufeff", exclude_categories=["Cs"])).map(
    str.strip
)
filler = [(f"{a}{b}", b + a) for a in string.ascii_lowercase for b in "aeiou"]


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(texts.filter(bool), texts.filter(bool), max_size=8))
def test_the_pairs_read_are_those_written(
    tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("pairs") / "pairs.txt"
    wanted = dict(filler) | drawn
    path.write_bytes("".join(f"{a}\t{b}\n" for a, b in wanted.items()).encode())
    assert dict(pairs.read_pairs(str(path))) == wanted
