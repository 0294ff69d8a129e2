"""What the repository says of results is what the committed records say."""

import ast
import math
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the demos need the extra demos")
pytest.importorskip("joblib", reason="the demos need the extra demos")
pytest.importorskip("scipy", reason="the demos need the extra demos")

from demos import claims, forest, judging, lab, ledger, options, records, results, rule, verdicts
from demos.engines import agreement
from demos.options import SCRIPTS
from demos.records import Records

pytestmark = pytest.mark.untraced  # what these run of minigrad and nn is run by others too
ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    return results.load()


@pytest.fixture(scope="module")
def found() -> dict[str, verdicts.Verdict]:
    return verdicts.committed()


# ---- the table


def test_each_row_says_what_would_count() -> None:
    table = claims.table()
    assert len([row for row in table.values() if row.place]) >= 76
    shown = {row.shown_by for row in table.values() if row.shown_by}
    for row in table.values():
        assert row.script in SCRIPTS and row.text and row.measure
        assert row.place or row.name in shown, f"{row.name}: neither a claim nor a condition"


def test_each_comparison_has_three_rates_for_a_side_or_says_why_not() -> None:
    for row in claims.table().values():
        tried = re.findall(r"0\.\d+", row.rates)
        reason = re.fullmatch(
            r"none: .{10,}|those of its three tasks, three for each .*", row.rates
        )
        assert row.is_fact or reason or (len(tried) % 3 == 0 and "chosen for" in row.rates), (
            row.name
        )


def test_the_scripts_have_the_rates_that_the_table_names() -> None:
    for row in claims.table().values():
        source = SCRIPTS[row.script].read_text("utf-8")
        for tried in re.findall(r"(?:0\.\d+, )+0\.\d+", row.rates):
            assert f"[{tried}]" in source, f"{row.name}: {tried}"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('sides = ["x", "y"]\nreason = "r"', "row a: effect: expected more than no effect"),
        ('sides = ["x", "y"]\neffect = 1', "row a: expected two sides, and a reason"),
        ('sides = ["x", "y"]\neffect = 1\nreason = "r"', "row a: expected rates: those tried"),
        ('direction = "more"', "row a: direction: expected greater, less or alike"),
        ('scale = "ratio"\neffect = 1', "row a: effect: expected more than no effect, got 1"),
        ('only_if = "it rains"', "row a: only_if and shown_by, the name of another row, go"),
        ('colour = "red"', "row a: .*unexpected keyword argument 'colour'"),
    ],
)
def test_a_row_that_does_not_is_refused(lines: str, message: str) -> None:
    head = '[a]\nscript = "s1"\ntext = "t"\nmeasure = "m"\n'
    with pytest.raises(ValueError, match=message):
        claims.read(head + lines)


def test_a_rows_hash_changes_with_what_decides_and_with_nothing_else() -> None:
    row = claims.table()["locked"]
    changed = claims.read(claims.TABLE.read_text("utf-8").replace("effect = 0.02", "effect = 0.03"))
    reworded = claims.read(claims.TABLE.read_text("utf-8").replace("reason = ", "reason = 'x'#"))
    assert changed["locked"].hash != row.hash == reworded["locked"].hash


def test_ratios_are_compared_by_their_logarithm() -> None:
    row = claims.table()["rnn-vanishes"]
    assert row.differences([0.001, 0.1], 0.01) == pytest.approx([-row.least, row.least])


# ---- records


def test_records_add_up_and_a_line_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    measured = {"locked": ([2.80, 2.81], [2.82, 2.80])}
    none = Records.load(tmp_path)
    lines = records.lines_of(measured, none, "minigrad", "code")
    records.add(tmp_path, "x5", lines)
    path = tmp_path / "x5.jsonl"
    path.write_text(
        path.read_text(encoding="utf-8")[:-20], encoding="utf-8"
    )  # killed while it wrote
    assert Records.load(tmp_path).sides("locked") == ([2.80], [2.82])
    again = records.lines_of(measured, Records.load(tmp_path), "minigrad", "code")
    assert [line["seed"] for line in again] == [1]
    records.add(tmp_path, "x5", again)
    assert Records.load(tmp_path).sides("locked") == ([2.80, 2.81], [2.82, 2.80])
    assert Records.load(tmp_path).sides("locked", "torch") == ([], [])


def test_a_record_made_under_another_row_does_not_count_and_is_said(tmp_path: Path) -> None:
    line = {"seed": 0, "engine": "minigrad", "claims": {"locked": [1.0, 2.0, "00000000"]}}
    records.add(tmp_path, "x5", [line])
    kept = Records.load(tmp_path)
    assert kept.sides("locked") == ([], []) and kept.stale == {"locked": 1}
    assert "Left out: 1 result of earlier versions of a row." in results.page(
        results.load(), kept, verdicts.of(kept)
    )


def test_of_a_seed_that_is_there_twice_the_first_counts_and_of_a_fact_the_last(
    tmp_path: Path,
) -> None:
    names = {"locked": (1.0, 2.0), "gate-strict": (0.4, 0.5)}
    for place in range(2):
        pairs = {
            name: [values[place], 1.0, claims.table()[name].hash] for name, values in names.items()
        }
        records.add(tmp_path, "x5", [{"seed": 0, "engine": "minigrad", "claims": pairs}])
    kept = Records.load(tmp_path)
    assert kept.sides("locked") == ([1.0], [1.0]) and kept.sides("gate-strict") == ([0.5], [1.0])


def test_a_gap_in_the_seeds_ends_them(tmp_path: Path) -> None:
    row = claims.table()["locked"]
    lines = [
        {"seed": seed, "engine": "minigrad", "claims": {"locked": [1.0, 2.0, row.hash]}}
        for seed in (0, 1, 3)
    ]
    records.add(tmp_path, "x5", lines)
    assert len(Records.load(tmp_path).sides("locked")[0]) == 2


# ---- verdicts


def recorded(tmp_path: Path, values: dict[str, tuple[float, float]], n: int = 10) -> Records:
    for seed in range(n):
        pairs = {
            name: [a + 1e-3 * (-1) ** seed, b, claims.table()[name].hash]
            for name, (a, b) in values.items()
        }
        line = {"seed": seed, "engine": "minigrad", "claims": pairs}
        records.add(tmp_path, "s6", [line])
    return Records.load(tmp_path)


def test_only_if_needs_the_comparison_under_the_condition(tmp_path: Path) -> None:
    fails, holds = (0.1, 0.1), (1.0, 0.1)
    table = {"copy-lstm": fails, "copy-lstm-chrono": holds}
    kept = verdicts.of(recorded(tmp_path / "a", table))["copy-lstm"]
    assert (kept.kind, kept.word) == (
        verdicts.ONLY_IF,
        f"holds only if {claims.table()['copy-lstm'].only_if}",
    )
    table["copy-lstm-chrono"] = fails
    assert verdicts.of(recorded(tmp_path / "b", table))["copy-lstm"].kind == rule.ALIKE
    table["copy-lstm"] = holds
    assert verdicts.of(recorded(tmp_path / "c", table))["copy-lstm"].kind == rule.HOLDS
    assert verdicts.of(recorded(tmp_path / "d", table, n=4))["copy-lstm"].kind == rule.UNDECIDED
    failed = verdicts.of(recorded(tmp_path / "e", {"copy-lstm": fails}))["copy-lstm"]
    assert failed.kind == rule.ALIKE and failed.word.startswith("alike; undecided if ")


def test_what_the_runs_could_have_found_is_said_from_their_spread(tmp_path: Path) -> None:
    near = verdicts.of(recorded(tmp_path / "a", {"locked": (2.80, 2.84)}))
    assert near["locked"].power() > 0.99 and "in 1 of 1 comparisons" in judging.found_with(near)
    row = claims.table()["locked"]
    for seed, value in enumerate(range(5)):
        line = {"seed": seed, "engine": "minigrad", "claims": {"locked": [value, 0.0, row.hash]}}
        records.add(tmp_path / "b", "x5", [line])
    far = verdicts.of(Records.load(tmp_path / "b"))
    assert far["locked"].power() < 0.1 and "0 of 1 comparisons" in judging.found_with(far)


def one_comparison(tmp_path: Path, name: str, pairs: list[tuple[float, float]]) -> verdicts.Verdict:
    row = claims.table()[name]
    lines = [
        {"seed": seed, "engine": "minigrad", "claims": {name: [a, b, row.hash]}}
        for seed, (a, b) in enumerate(pairs)
    ]
    records.add(tmp_path, row.script, lines)
    return verdicts.of(Records.load(tmp_path))[name]


@pytest.mark.parametrize(
    ("name", "pairs", "remark"),
    [
        ("locked", [(2.80, 2.84)] * 5, ""),
        ("locked", [(2.80, 2.84)] * 4, ": there is no verdict before 5 runs"),
        (
            "locked",
            [(2.80, 2.80)] * 5,
            "; provisional: it rests on 5 runs near each other, and likeness takes 10",
        ),
        (
            "locked",
            [(2.80, 2.84), (2.83, 2.80)] * 5,
            ': the interval contains both "no difference" and the smallest effect; '
            "about 42 runs like these would decide it, more than the 30 of the rule",
        ),
        (
            "attention-focus",
            [(0.7999, 0.5)] * 30,
            ": there is a difference, but it may be less than the smallest effect; "
            "1000 runs like these would not decide it",
        ),
        (
            "lm-alike",
            [(2.0, 2.0)] * 5,
            ": the two sides are near each other, but likeness takes 10 runs; "
            "10 runs would decide it, if the new ones are like these",
        ),
        (
            "timing-alike",
            [(0.9, 0.2), (0.3, 0.2), (1.0, 0.1), (0.2, 0.3), (1.0, 0.0)],
            ": the interval contains differences that matter and differences that do not; "
            "10 runs would decide it, if the new ones are like these",
        ),
    ],
)
def test_an_open_verdict_says_why_and_what_it_would_take(
    tmp_path: Path, name: str, pairs: list[tuple[float, float]], remark: str
) -> None:
    assert judging.remark(one_comparison(tmp_path, name, pairs)) == remark


def test_the_runs_after_the_first_five_are_judged_by_themselves(tmp_path: Path) -> None:
    ahead, behind = (2.80, 2.84), (2.84, 2.80)
    same = {"locked": one_comparison(tmp_path / "a", "locked", [ahead] * 10)}
    turned = {"locked": one_comparison(tmp_path / "b", "locked", [ahead] * 5 + [behind] * 5)}
    first = {"locked": one_comparison(tmp_path / "c", "locked", [ahead] * 5)}
    assert " 1 of the 1 comparisons " in judging.known_before(same)
    assert "none gives the opposite one" in judging.known_before(same)
    assert turned["locked"].own == rule.UNDECIDED
    assert " 0 of the 1 comparisons " in judging.known_before(turned)
    assert "1 are undecided in one of the two" in judging.known_before(turned)
    assert " 0 of the 0 comparisons " in judging.known_before(first)


def test_verdicts_by_a_bootstrap_are_counted(tmp_path: Path) -> None:
    apart = [(2.80 + 0.001 * seed, 2.84) for seed in range(10)]
    for direction, pairs in {
        "locked": apart,
        "both-directions": [(b, a) for a, b in apart],
    }.items():
        verdict = one_comparison(tmp_path / direction, direction, pairs)
        assert verdict.own == rule.HOLDS == judging.by_bootstrap(verdict)
    equal = one_comparison(tmp_path / "equal", "locked", [(2.80, 2.80)] * 10)
    assert judging.by_bootstrap(equal) == equal.own == rule.ALIKE
    lucky = [(2.80, 2.80 + gain) for gain in (0.01, 0.05, 0.09, 0.01, 0.13, 0.01, 0.0, 0.01, 0, 0)]
    skewed = one_comparison(tmp_path / "skewed", "locked", lucky)
    assert (skewed.own, judging.by_bootstrap(skewed)) == (rule.UNDECIDED, rule.HOLDS)
    told = judging.another_interval({"locked": skewed})
    assert "0 of the 1 comparisons that have at least 10 runs give the same answer, 1 are" in told


def test_no_smallest_effect_has_been_changed_since_the_table_was_first_committed() -> None:
    """What the page says of the table's history."""
    made = subprocess.run(
        ["git", "log", "--reverse", "--format=%H", "--", "demos/claims.toml"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    ).stdout.split()
    if len(made) < 7:
        pytest.skip("the history of demos/claims.toml is not here")
    for commit in made[:2]:
        text = subprocess.run(
            ["git", "show", f"{commit}:demos/claims.toml"],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout
        for name, before in tomllib.loads(text).items():
            now = claims.table()[name]
            assert now.direction == before.get("direction", "greater")
            assert now.effect == before.get("effect", 0.0), name
            assert now.scale == before.get("scale", "difference")


def test_facts_are_checked_and_not_judged(tmp_path: Path) -> None:
    line = {"seed": 0, "engine": "minigrad", "claims": {}}
    for name, value in {"model-quarter": 0.06, "layer-quarter": 0.25}.items():
        line["claims"][name] = [value, 0.25, claims.table()[name].hash]
    records.add(tmp_path, "s5", [line])
    kept = verdicts.of(Records.load(tmp_path))
    assert kept["layer-quarter"].kind == rule.HOLDS and kept["layer-quarter"].judged is None
    assert kept["model-quarter"].kind == verdicts.ONLY_IF
    assert kept["three-and-four"].kind == verdicts.NOT_RUN


def test_the_ledger_asks_for_the_next_look_only_while_one_is_due(tmp_path: Path) -> None:
    script = ledger.Script("s6")
    assert script.wanted(Records.load(tmp_path), "minigrad") == (5, 20)
    decided = recorded(tmp_path / "a", {"copy-lstm": (0.9, 0.1)}, n=5)
    assert script.wanted(decided, "minigrad") == (5, 20)
    undecided = recorded(tmp_path / "b", {"copy-alike-chrono": (1.0, 1.0)}, n=5)
    assert script.wanted(undecided, "minigrad") == (10, 20)
    near = recorded(tmp_path / "c", {"copy-lstm": (0.1, 0.1)}, n=5)
    assert verdicts.of(near)["copy-lstm"].provisional
    assert script.wanted(near, "minigrad") == (10, 20)
    alike = recorded(tmp_path / "d", {"copy-lstm": (0.1, 0.1)}, n=10)
    assert script.wanted(alike, "minigrad") == (5, 20)


def test_a_dear_claim_of_twenty_seeds_gets_its_last_look_too(tmp_path: Path) -> None:
    script = ledger.Script("s6")
    known = recorded(tmp_path, {"copy-alike-chrono": (1.0, 0.93)}, n=20)
    assert script.wanted(known, "minigrad") == (5, 30)  # if its runs are cheap, these are they
    script.seeds = (5, 30)
    assert script.wanted(known, "minigrad") == (30, 30)  # they were not
    script.seeds = (30, 30)
    decided = recorded(tmp_path, {"copy-alike-chrono": (1.0, 0.93)}, n=30)
    assert script.wanted(decided, "minigrad") == (5, 20)


def test_the_plan_names_what_waits_for_a_look_and_nothing_that_has_had_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "FOLDER", tmp_path / "none")
    five = tmp_path / "five"
    recorded(five, {"copy-lstm": (0.1, 0.1), "clip-rnn": (0.6, 0.5), "clip-gru": (0.9, 0.5)}, n=5)
    chosen = options.Options(records=five)
    (line,) = ledger.plan(chosen, ["s6"])
    assert line.startswith("s6: 10 seeds, 20 where cheap, for copy-lstm (5), ")
    assert "clip-rnn (5)" not in line and "clip-gru" not in line and "clip-lstm (0)" in line
    (line,) = ledger.plan(options.Options(records=five, engine="torch"), ["s9"])
    assert "gru-faster (0)" in line and "lstm-memory" not in line
    every = {name: (0.9, 0.1) for name, row in claims.table().items() if row.script == "s8"}
    every["attention-focus"] = (0.39, 0.1)  # a difference, of about the smallest effect
    had_all = verdicts.of(recorded(tmp_path / "all", every, n=30))
    assert had_all["attention-focus"].own == rule.UNDECIDED
    assert not list(ledger.plan(options.Options(records=tmp_path / "all"), ["s8"]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["zz"], "there is no demo 'zz'"),
        (["s0"], "s0 has no claims; s1, "),
        (["list"], "list has no claims; s1, "),
        (["--minutes", "-3"], "--minutes: expected a number above 0, got '-3'"),
        (["--minutes", "nan"], "--minutes: expected a number above 0, got 'nan'"),
        (["--minutes", "x"], "--minutes: expected a number above 0, got 'x'"),
        (["--jobs", "0"], "--jobs: expected a whole number of at least 1, got '0'"),
        (["--quick"], "--quick: small versions are no results; name another folder"),
        (["--pan"], "there is no option --pan: did you mean --plan?"),
    ],
)
def test_a_wrong_word_to_the_ledger_is_refused_in_a_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        ledger.parse(arguments)
    told = capsys.readouterr().err
    assert ended.value.code == 2 and f"python -m demos.ledger: {message}" in told
    assert told.count("\n") == 1


def test_a_demo_that_is_named_twice_is_looked_at_once() -> None:
    chosen, minutes, only_plan = ledger.parse(["s6", "s6_copy_task", "x7", "--minutes", "2"])
    assert (chosen.names, minutes, only_plan) == (("s6", "x7"), 2.0, False)


def test_the_ledger_runs_what_is_missing_records_it_and_then_has_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "FOLDER", tmp_path / "none")  # as if nothing were recorded yet
    monkeypatch.setattr(lab, "given", None)
    chosen = options.Options(jobs=1, out=tmp_path / "out", records=tmp_path / "records")
    sitting = ledger.Sitting(chosen, ["s5", "s2"], until=math.inf)
    assert sitting.run()
    sitting.stop()
    kept = Records.load(tmp_path / "records")
    assert len(kept.sides("bias-1-remembers")[0]) == ledger.CHEAP_FROM
    assert kept.sides("layer-quarter") == ([0.25], [0.25])
    before = [path.read_text(encoding="utf-8") for path in (tmp_path / "records").glob("*.jsonl")]
    assert not ledger.missing_runs(chosen, "s2", (5, ledger.CHEAP_FROM))
    assert before == [
        path.read_text(encoding="utf-8") for path in (tmp_path / "records").glob("*.jsonl")
    ]


def test_a_stage_that_is_cut_off_leaves_the_seeds_that_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the runs of s2, those of seeds 3 and up of one experiment are taken away."""
    monkeypatch.setattr(records, "FOLDER", tmp_path / "none")
    monkeypatch.setattr(lab, "given", None)
    chosen = options.Options(jobs=1, out=tmp_path / "out", records=tmp_path / "first")
    missing = ledger.missing_runs(chosen, "s2", (5, 6))
    while missing:
        for call in missing:
            ledger.perform(*call)
        missing = ledger.missing_runs(chosen, "s2", (5, 6))
    for path in (tmp_path / "out").rglob("along_the_cell_state/seed=[345]*.json"):
        path.unlink()
    again = options.Options(jobs=1, out=tmp_path / "out", records=tmp_path / "again")
    script = ledger.Script("s2")
    monkeypatch.setattr(ledger.Script, "wanted", lambda *_: (5, 6))
    ledger.record_whole_seeds(again, script, Records.load(tmp_path / "again"))
    assert len(Records.load(tmp_path / "again").sides("cell-derivative")[0]) == 3


# ---- the pages


def test_the_page_is_made_from_the_records(kept: dict[str, Any]) -> None:
    page = results.page(kept, Records.load(), verdicts.committed())
    assert results.PAGE.read_text("utf-8") == page


def test_every_figure_of_the_page_is_there_and_no_other() -> None:
    page = results.PAGE.read_text("utf-8")
    shown = re.findall(r"\(results/(\S+\.png)\)", page)
    assert sorted(shown) == sorted(path.name for path in results.FOLDER.glob("*.png"))
    drawn = re.findall(r'src="results/forest/(\S+\.svg)"', page)
    assert sorted(drawn) == sorted(path.name for path in results.FORESTS.glob("*.svg"))


def test_the_small_pictures_are_those_of_the_records(found: dict[str, verdicts.Verdict]) -> None:
    for path in results.FORESTS.glob("*.svg"):
        assert path.read_text("utf-8") == forest.file(found[path.stem])


def test_a_picture_shows_the_interval_beside_what_does_not_matter(tmp_path: Path) -> None:
    verdict = verdicts.of(recorded(tmp_path, {"locked": (2.80, 2.84)}))["locked"]
    centre = forest.WIDTH / 2
    band = forest.across(1) - centre
    assert forest.across(-1) == pytest.approx(centre - band) and forest.across(0) == centre
    dot = float(re.search(r'cx="([\d.]+)"', forest.picture(verdict))[1])  # type: ignore[index]
    assert dot == pytest.approx(forest.across(-2), abs=0.1)  # twice the smallest effect
    assert "a - b = -0.040 (" in forest.description(verdict)
    assert "smallest effect 0.020" in forest.picture(verdict)


def test_the_page_of_agreement_is_made_from_the_records() -> None:
    page = agreement.PAGE.read_text("utf-8")
    assert agreement.with_claims(page, Records.load()) == page


def test_each_verdict_that_differs_on_pytorch_is_explained() -> None:
    kept = Records.load()
    differing = {
        name
        for name, row in claims.table().items()
        if results.in_torch(row, kept).startswith("differs")
    }
    assert set(agreement.WHY) == differing and all(agreement.WHY.values())


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        ([(2.80, 2.84)] * 5, "same (5 runs)"),
        ([(2.84, 2.80)] * 5, "differs: does not hold (5 runs)"),
        ([(2.80, 2.84)] * 4, "not run"),
    ],
)
def test_a_verdict_on_pytorch_is_the_same_or_another(
    theirs: list[tuple[float, float]], told: str, tmp_path: Path
) -> None:
    assert told_of_torch(tmp_path, [(2.80, 2.84)] * 5, theirs) == told


def test_what_is_undecided_on_both_is_said_to_be(tmp_path: Path) -> None:
    far = [(2.8, 2.9), (2.8, 2.7), (2.8, 2.9), (2.8, 2.7), (2.8, 2.8)]
    assert told_of_torch(tmp_path, far, far) == "same: undecided (5 runs)"


def told_of_torch(
    folder: Path, ours: list[tuple[float, float]], theirs: list[tuple[float, float]]
) -> str:
    row = claims.table()["locked"]
    for engine, pairs in {"minigrad": ours, "torch": theirs}.items():
        lines = [
            {"seed": seed, "engine": engine, "claims": {"locked": [a, b, row.hash]}}
            for seed, (a, b) in enumerate(pairs)
        ]
        records.add(folder, "x5", lines)
    return results.in_torch(row, Records.load(folder))


def test_the_readme_says_what_the_records_say(found: dict[str, verdicts.Verdict]) -> None:
    assert results.counts(found) in " ".join(README.split())
    assert results.highlights(found) in README


def test_what_is_told_in_words_is_what_the_records_say(found: dict[str, verdicts.Verdict]) -> None:
    """told.md marks each sentence with the rows that it rests on: <!-- holds: a, b -->."""
    told = re.findall(r"<!-- ([a-z ]+): ([^>]*) -->", results.TOLD.read_text("utf-8"))
    names = set()
    for kind, rows in told:
        for name in rows.split(", "):
            assert found[name].kind == kind, f"{name}: {found[name].kind}"
            names.add(name)
    assert {verdict.row.name for verdict in results.of_the_lesson(found)} <= names


def test_a_difference_that_rounds_to_nothing_has_no_sign() -> None:
    row = claims.table()["copy-lstm"]
    shown = [forest.number(row, value) for value in (-0.001, 0.001, -0.02, 0.5)]
    assert shown == ["0 %", "0 %", "-2 %", "+50 %"]


def test_many_runs_are_told_in_two_digits(tmp_path: Path) -> None:
    pairs = [(0.05 + 0.45 * (-1) ** seed, 0.0) for seed in range(20)]
    verdict = one_comparison(tmp_path, "adding-bias-1", pairs)
    assert re.search(r"about \d{2}0 runs like these would decide it", judging.remark(verdict))


def test_every_verdict_that_changed_has_a_reason(found: dict[str, verdicts.Verdict]) -> None:
    for name, entry in results.changed().items():
        assert found[name].row.place and set(entry) == {"before", "why"}
        assert entry["before"] in (*verdicts.MARKS, "cannot be tested")
        assert bool(entry["why"]) == results.differs(entry["before"], found[name]), name


def test_the_sections_are_introduced_as_the_scripts_are() -> None:
    for section in results.load()["sections"]:
        docstring = ast.get_docstring(ast.parse(SCRIPTS[section["name"]].read_text("utf-8"))) or ""
        title, _, intro = docstring.partition("\n\n")
        assert section["title"] == title and section["intro"] == " ".join(intro.split())
