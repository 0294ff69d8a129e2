"""Small errors in the rules, made on purpose: the proof refutes them, but for those that
mutants/PROOFS.md lists with a class and a reason, as `make planted` has found them."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sympy", reason="SymPy is not installed (the extra prove)")

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "mutants"))

import planted  # noqa: E402
import proofs  # noqa: E402
import trial  # noqa: E402
from mutations import Mutant  # noqa: E402

ROWS = planted.rows_on_page()
LINES = [line for row in ROWS.values() for line in row["unrefuted"]]
MUTANTS = {file: trial.mutants_of([file]) for file in planted.FILES}
ALL = [m for mutants in MUTANTS.values() for m in mutants]
PLANTED = ALL[::40]


@pytest.mark.untraced
@pytest.mark.parametrize("mutant", PLANTED, ids=lambda m: f"{Path(m.file).stem}-{m.line}")
def test_a_small_error_is_refuted_or_listed(mutant: Mutant) -> None:
    found = proofs.verdict(mutant)
    is_listed = mutant.name in [line["name"] for line in LINES]
    assert found in proofs.REFUTED or (found == proofs.SAME and is_listed), found


@pytest.mark.untraced
def test_the_true_rules_are_not_refuted() -> None:
    for mutant in PLANTED[::4]:
        text = (proofs.ROOT / mutant.file).read_text("utf-8")
        assert proofs.verdict(mutant._replace(source=text)) == proofs.SAME


# The page


@pytest.mark.parametrize("file", planted.FILES)
def test_the_page_is_of_the_code_as_it_is(file: str) -> None:
    row = ROWS[file]
    assert row["digest"] == planted.digest(file), f"{file} has changed: make planted ARGS={file}"
    assert row["mutants"] == len(MUTANTS[file]) == sum(row["counts"].values())
    names = [m.name for m in MUTANTS[file]]
    listed = [line["name"] for line in row["unrefuted"]]
    assert set(listed) <= set(names)
    classes = [line["class"] for line in row["unrefuted"]]
    for kind in (planted.EQUIVALENT, planted.OUTSIDE, planted.OPEN):
        assert classes.count(kind) == row["counts"][kind]


def test_every_mutant_that_is_not_refuted_has_a_class_and_a_reason() -> None:
    table = planted.explained()
    for line in LINES:
        assert line["class"] in (planted.EQUIVALENT, planted.OUTSIDE), line
        assert (line["why"], line["test"]) == table[line["name"]], line
        assert bool(line["test"]) == (line["class"] == planted.OUTSIDE), line
    assert table.keys() == {line["name"] for line in LINES}, "a reason of no mutant"


def test_a_test_that_the_page_names_is_there() -> None:
    for line in LINES:
        if line["test"]:
            file, function = re.match(r"tests/(\S+?)::(?:\w+::)*(\w+)", line["test"]).groups()
            assert f"def {function}(" in (HERE / file).read_text("utf-8"), line["test"]


RUN = """
import sys
sys.path[:0] = ["tests/mutants", "tests"]
import pytest, trial
import minigrad, nn
name, test = sys.argv[1:]
mutant = [m for m in trial.mutants_of([name.partition(":")[0]]) if m.name == name][0]
trial.install(mutant)
quiet = ["-q", "-x", "-W", "ignore", "-p", "no:cacheprovider", "-o", "addopts="]
sys.exit(pytest.main([*quiet, test]))
"""


@pytest.mark.parametrize("line", [line for line in LINES if line["test"]][::25])
def test_a_test_that_the_page_names_fails_on_the_mutant(line: dict[str, str]) -> None:
    run = [sys.executable, "-c", RUN, line["name"], line["test"]]
    done = subprocess.run(run, cwd=HERE.parent, capture_output=True, encoding="utf-8")
    assert done.returncode == 1 and "\nFAILED " in done.stdout, done.stdout[-2000:] + done.stderr


def test_the_page_says_all_that_is_read_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planted, "PAGE", tmp_path / "page.md")
    assert planted.rows_on_page() == {}
    kinds = [*planted.REFUTED.values(), planted.EQUIVALENT, planted.OUTSIDE, planted.OPEN]
    line = {"name": "minigrad/a.py: x -> `y`", "function": "f", "why": "So it is.", "test": ""}
    lines = [
        line | {"class": "equivalent"},
        line | {"class": "outside", "test": "tests/test_ops.py::test_x[a b; `c`]"},
        line | {"class": "open", "function": ""},
    ]
    counts = dict.fromkeys(kinds, 0) | {"value": 5, "equivalent": 1, "outside": 1, "open": 1}
    row = {"file": "minigrad/a.py", "mutants": 8, "digest": "abc", "counts": counts}
    planted.write_page([row | {"unrefuted": lines}])
    read = planted.rows_on_page()["minigrad/a.py"]
    assert {key: read[key] for key in row} == row
    assert sorted(read["unrefuted"], key=str) == sorted(lines, key=str)


# Classes


def mutant_of(file: str, before: str, after: str) -> Mutant:
    """A change of a file, made by hand."""
    text = (proofs.ROOT / file).read_text("utf-8")
    assert text.count(before) == 1
    return Mutant(file, 1, "", before, after, text.replace(before, after))


LINALG = "minigrad/ops/linalg.py"


@pytest.mark.parametrize(
    ("file", "before", "after", "where"),
    [
        (LINALG, "xp.sum(dy(g), axis=0)", "1.0001 * xp.sum(dy(g), axis=0)", "linear"),
        (LINALG, "return xp.matmul(a, b)", "return xp.matmul(a, b) + 1e-9", "matmul"),
        (LINALG, "y = y + bias", "y = 1.0 * y + bias", ""),
        ("minigrad/byhand/directions.py", "reverse=True", "reverse=False", "rnn"),
        ("minigrad/byhand/directions.py", "reverse=False, **", "**", ""),
    ],
)
def test_other_numbers_over_floats_are_found(
    file: str, before: str, after: str, where: str
) -> None:
    found = proofs.differs_on_floats(mutant_of(file, before, after), samples=20)
    assert found.startswith(where) and bool(found) == bool(where)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("ValueError: x", "ValueError: x", True),
        ("ValueError: x", "ValueError: y", False),
        ("ValueError: x", [1.0], False),
        ([1.0], [1.0 + 1e-15], True),
        ([1.0], [1.0 + 1e-9], False),
        ([float("nan")], [float("nan")], True),
        ([float("nan")], [0.0], False),
        ([None], [None], True),
        ([None], [0.0], False),
    ],
)
def test_two_outcomes_agree_to_rounding(a: Any, b: Any, same: bool) -> None:
    def arrays(outcome: Any) -> Any:
        if isinstance(outcome, str):
            return outcome
        return [None if x is None else proofs.np.array(x) for x in outcome]

    assert proofs.agree(arrays(a), arrays(b)) == same


def test_a_class_needs_a_reason_and_what_it_says() -> None:
    test = "tests/test_ops.py::test_x[a]"
    same, other = planted.Explained("So it is.", ""), planted.Explained("So it is.", test)
    assert planted.classified(same, "", "") == ("equivalent", "So it is.")
    assert planted.classified(other, test, "") == ("outside", "So it is.")
    assert planted.classified(same, "", "(1.0), seed 0")[0] == "open"
    assert planted.classified(None, "", "")[0] == "open"
    for failed in ("survived", "it hangs", "it fails without a mutant, too"):
        assert planted.classified(other, failed, "")[0] == "open"


def test_the_proof_that_knows_no_more_refutes_nothing() -> None:
    assert proofs.raised(NotImplementedError("no order")) == proofs.UNDECIDED
    assert proofs.raised(ValueError("the sample point lies on the border")) == proofs.UNDECIDED
    assert proofs.raised(ValueError("operands could not be broadcast")) == proofs.RAISES


def test_a_digest_knows_code_from_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted, "ROOT", tmp_path)
    file = tmp_path / "a.py"
    digests = []
    for text in ('"""A."""\nx = 1\n', '"""B."""\n# why\nx = 1\n', '"""A."""\nx = 2\n'):
        file.write_text(text, "utf-8")
        digests.append(planted.digest("a.py"))
    assert digests[0] == digests[1] != digests[2]
