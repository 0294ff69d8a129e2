"""The demos: all of them in quick mode, held to numbers; runs that are kept; and a command line
that answers in sentences."""

import doctest
import fcntl
import gc
import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the demos need the extra demos")
pytest.importorskip("tqdm", reason="the demos need the extra demos")
pytest.importorskip("joblib", reason="the demos need the extra demos")

from demos import pairs, store
from demos.claims import table as table_of_claims
from demos.lab import Runs, summary
from demos.options import SCRIPTS, parse
from demos.verdicts import committed, readable

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
Section = dict[str, Any]


def python(
    *words: str | Path,
    cwd: Path = ROOT,
    environment: dict[str, str] = ENVIRONMENT,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, *map(str, words)]
    return subprocess.run(
        run, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", timeout=timeout
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `python -m demos --quick` leaves behind; run once, also where several pytest workers
    want it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, printed = base / "demos", base / "demos.txt"
    with open(base / "demos.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            # A minute on two free cores; ten others at work on them must not fail it.
            done = python("-m", "demos", "--quick", "--out", folder, timeout=1800)
            assert done.returncode == 0, done.stdout + done.stderr
            printed.write_text(done.stdout, "utf-8")
    assert str(folder / "report.html") in printed.read_text("utf-8")
    return folder


@pytest.fixture(scope="module")
def results(out: Path) -> dict[str, Any]:
    return json.loads((out / "results.json").read_text("utf-8"))


def section(results: dict[str, Any], name: str) -> Section:
    return next(section for section in results["sections"] if section["name"] == name)


def claim(results: dict[str, Any], name: str) -> dict[str, Any]:
    return next(claim for claim in results["claims"] if claim["name"] == name)


def table(section: Section, caption: str) -> dict[str, list[str]]:
    """The rows of the table whose caption begins so, by their first cell."""
    found = (
        block
        for block in section["blocks"]
        if block["type"] == "table" and block["caption"].startswith(caption)
    )
    return {first: rest for first, *rest in next(found)["rows"]}


def median(section: Section, experiment: str, value: str, **arguments: Any) -> float:
    runs = [
        run[value]
        for run in section["experiments"][experiment]["runs"]
        if all(run[name] == wanted for name, wanted in arguments.items())
    ]
    return sorted(runs)[len(runs) // 2]


# ---- every section, by its numbers


def test_every_script_ran(results: dict[str, Any]) -> None:
    assert [section["name"] for section in results["sections"]] == list(SCRIPTS)


def test_the_gradient_vanishes_unless_the_gate_is_open(results: dict[str, Any]) -> None:
    left = table(section(results, "s1"), "Share of the LSTM's gradient")
    vanishes = claim(results, "rnn-vanishes")
    assert vanishes["sides"][0]["high"] < 1e-6 < vanishes["sides"][1]["value"]
    assert list(left) == ["start", "bias 0", "bias 1", "bias 3", "chrono"]
    assert claim(results, "gate-strict")["own"] == "does not hold"
    strict = claim(results, "gate-strict")["sides"][0]["value"]
    assert strict == pytest.approx((16.6 + 88.7) / 240, abs=1e-3)  # where it is neither 0 nor 1
    assert claim(results, "gate-strict-16")["own"] == "holds"


def test_the_lstm_cell_is_the_layers(results: dict[str, Any]) -> None:
    s2 = section(results, "s2")
    assert median(s2, "against_the_layer", "difference") < 1e-5
    assert median(s2, "along_the_cell_state", "difference") < 1e-6  # ∂c'/∂c = f
    sigmoid_1 = 1 / (1 + math.exp(-1))
    assert median(s2, "one_step", "forget") == pytest.approx(sigmoid_1, abs=0.06)
    assert median(s2, "one_step", "input") == pytest.approx(0.5, abs=0.06)


def test_training_gives_the_gates_a_meaning(results: dict[str, Any]) -> None:
    s3 = section(results, "s3")
    assert median(s3, "fresh", "loss") == pytest.approx(math.log(10), abs=0.1)
    assert (
        median(s3, "on_the_latch", "accuracy") > median(s3, "on_the_latch", "without memory") + 0.3
    )
    fresh, trained = claim(results, "gates-tell"), claim(results, "gates-tell-trained")
    assert fresh["sides"][0]["value"] < 0.05 < 0.2 < trained["sides"][0]["value"]


def test_the_gru_is_a_quarter_smaller(results: dict[str, Any]) -> None:
    s4 = section(results, "s4")
    assert median(s4, "one_step", "difference") < 1e-5
    counts = table(s4, "Parameters")
    assert counts["one bias a gate"] == ["5,504", "4,128", "25.0%", "33.3%"]
    assert counts["two, as nn.LSTM and nn.GRU"] == ["5,632", "4,224", "25.0%", "33.3%"]
    assert median(s4, "held", "lost", bias=-10.0) < 0.05 < median(s4, "held", "lost", bias=0.0)


def test_the_classifiers_have_pytorchs_sizes(results: dict[str, Any]) -> None:
    rows = table(section(results, "s5"), "Parameters of each model")
    counts = {kind: (row[-2], row[-1]) for kind, row in rows.items() if kind}
    assert counts == {
        "RNN": ("1,379,330", "(4, 2)"),
        "LSTM": ("1,675,778", "(4, 2)"),
        "GRU": ("1,576,962", "(4, 2)"),
        "BiLSTM": ("2,071,554", "(4, 2)"),
    }


def test_fresh_noise_teaches_what_fixed_noise_does_not(results: dict[str, Any]) -> None:
    s6 = section(results, "s6")
    for kind in ("GRU", "LSTM"):  # known by heart, and not understood
        assert median(s6, "as_written", "seen", kind=kind, length=25) > 0.8
        assert median(s6, "as_written", "other", kind=kind, length=25) < 0.4
    rate = {"length": 25, "lr": 0.03}
    chrono = median(s6, "with_fresh_noise", "accuracy", model="LSTM, chrono", **rate)
    assert chrono > 0.9
    assert median(s6, "with_fresh_noise", "accuracy", model="RNN", **rate) < chrono - 0.3


def test_section_9_shows_what_section_6_has_measured(results: dict[str, Any]) -> None:
    fresh = table(section(results, "s6"), "With fresh noise")
    copied = table(section(results, "s9"), "The copy task")
    models = copied["length"]
    lengths = [head.removeprefix("length ") for head in fresh[""]]
    assert {length: copied[length] for length in lengths} == {
        length: [fresh[model][place] for model in models] for place, length in enumerate(lengths)
    }


def test_a_word_that_shares_the_paddings_id_is_lost(results: dict[str, Any]) -> None:
    s7 = section(results, "s7")
    written, right = {"version": "as written"}, {"version": "own id, lengths"}
    assert (
        median(s7, "sentiment", "norm", **written) == 0 < median(s7, "sentiment", "norm", **right)
    )
    for version, hidden in [(written, True), (right, False)]:
        with_it, without = (
            median(s7, "sentiment", asked, **version) for asked in ("good at the end", "no word")
        )
        assert (with_it == without) == hidden
    for version in ("own id, lengths", "bag of words"):
        assert median(s7, "sentiment", "accuracy", version=version, steps=150) > 0.95


def test_trained_attention_finds_the_words_that_no_lstm_has_mixed(results: dict[str, Any]) -> None:
    s8 = section(results, "s8")
    counts = table(s8, "Parameters")
    assert (counts["1 layer"][-1], counts["3 layers"][-1]) == ("51,394", "250,306")
    assert median(s8, "attention", "trained", version="masked, no LSTM") > 0.9
    assert 0.1 < median(s8, "attention", "untrained", version="as written") < 0.9
    assert median(s8, "depth", "seen", model="3 layers") > 0.9


def test_a_gru_is_cheaper_than_an_lstm(results: dict[str, Any]) -> None:
    s9 = section(results, "s9")
    counts = table(s9, "Parameters")
    assert [counts[name][-1] for name in ("one bias a gate", "two, as nn.LSTM has")] == [
        "33.3%",
        "33.3%",
    ]
    for what in ("", " memory"):
        rnn, gru, lstm = (
            median(s9, "cost", f"{kind}{what}", T=50, H=64) for kind in ("RNN", "GRU", "LSTM")
        )
        assert rnn < gru < lstm
    copied = table(s9, "The copy task")  # taken over from section 6
    assert copied["10"][0].endswith("%") and median(s9, "few", "seen", kind="LSTM") > 0.9


# ---- what they write


def test_figures_are_pictures(out: Path, results: dict[str, Any]) -> None:
    blocks = [
        block
        for section in results["sections"]
        for block in section["blocks"]
        if block["type"] == "figure"
    ]
    assert {block["file"][8:10] for block in blocks} == set(SCRIPTS)  # at least one for each script
    for block in blocks:
        data = (out / block["file"]).read_bytes()
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        assert data.startswith(b"\x89PNG") and len(data) > 5_000 and min(width, height) > 300
        assert len(block["caption"]) > 40


def test_every_row_of_the_table_is_measured_by_its_script(results: dict[str, Any]) -> None:
    """All but the two that need the larger translators, which --quick leaves out."""
    measured = {claim["name"]: claim for claim in results["claims"]}
    assert len(measured) == len(results["claims"])
    assert set(table_of_claims()) - set(measured) == {"vector-size", "vector-size-short"}
    for name, block in measured.items():
        row = table_of_claims()[name]
        assert (block["section"], block["claim"], block["where"]) == (
            row.script,
            row.text,
            row.place,
        )
        assert block["verdict"] == committed()[name].word
        for side in block["sides"]:
            assert side["low"] <= side["value"] <= side["high"]
            assert any(letter.isdigit() for letter in side["text"])


def test_one_run_has_numbers_and_no_verdict(results: dict[str, Any]) -> None:
    for block in results["claims"]:
        fact = table_of_claims()[block["name"]].is_fact
        assert bool(block["own"]) == (fact or block["sides"][0]["runs"] >= 5)


def test_the_report_is_one_file(out: Path, results: dict[str, Any]) -> None:
    page = (out / "report.html").read_text("utf-8")
    assert "://" not in page and "src=" in page  # "http" is in a picture's letters now and then
    assert page.count("data:image/png;base64,") == len(list((out / "figures").glob("*.png")))
    assert all(section["title"] in page for section in results["sections"])
    assert "quick" in page  # says that its numbers come from small versions


# ---- as scripts, and runs that are kept

SCRIPT = '''"""A script of its own

Each run leaves a line.
"""
import os
from pathlib import Path
from demos.lab import Lab
lab = Lab(__file__)
FACTOR = 2
def experiment(seed: int, log: str, crash: int) -> dict[str, int]:
    if seed == crash and not Path(log).with_suffix(".crashed").exists():
        Path(log).with_suffix(".crashed").touch()
        os.kill(os.getpid(), 9)
    with open(log, "a") as file:
        file.write(f"{seed}\\n")
    return {"value": FACTOR * seed}
runs = lab.run(experiment, seed=range(4), log=str(lab.out.parent / "log.txt"), crash=1)
lab.claim("new-loss", runs["value"], 0.0)
lab.done()
'''


def test_a_killed_run_goes_on_where_it_was_and_repeats_nothing(tmp_path: Path) -> None:
    script, log = tmp_path / "x0_own.py", tmp_path / "log.txt"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [script, "--jobs", "1", "--out", tmp_path / "out"]
    assert python(*command).returncode == -9
    assert log.read_text(encoding="utf-8").split() == [
        "3",
        "2",
    ]  # the dearest, which comes last, begins
    done = python(*command)
    assert done.returncode == 0, done.stderr
    assert log.read_text(encoding="utf-8").split() == ["3", "2", "1", "0"]
    first = (tmp_path / "out" / "results.json").read_text(encoding="utf-8")
    measured = json.loads(first)["claims"][0]["sides"][0]
    assert measured["text"] == "3.00 (0.00 to 6.00, 4 runs)"
    script.write_text(
        SCRIPT.replace("FACTOR = 2", "FACTOR = 3"), encoding="utf-8"
    )  # other code: nothing that is kept may be used
    assert python(*command).returncode == 0
    assert log.read_text(encoding="utf-8").split() == ["3", "2", "1", "0"] * 2


def test_a_script_runs_by_itself(tmp_path: Path) -> None:
    done = python(SCRIPTS["s5"], "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2,071,554" in done.stdout and (tmp_path / "out" / "report.html").exists()


# ---- the command line


def test_list_names_every_demo() -> None:
    lines = python("-m", "demos", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(SCRIPTS)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["s99"], "there is no demo 's99'"),
        (["s6_copy_tusk"], "did you mean s6_copy_task?"),
        (["--quik"], "there is no option --quik: did you mean --quick?"),
        (["--sedes", "3"], "there is no option --sedes: did you mean --seeds?"),
        (["s1", "--sedes=3"], "there is no option --sedes: did you mean --seeds?"),
        (["--seeds", "0"], "--seeds: expected a whole number of at least 1, got '0'"),
        (["--jobs", "many"], "--jobs: expected a whole number of at least 1, got 'many'"),
        (["--device", "tpu"], "--device: expected cpu, cuda or cuda:1, got 'tpu'"),
        (["--out", __file__], "is a file; name a folder"),
        (["--out", ""], "--out: expected the name of a folder, got ''"),
        (["--engine", "jax"], "--engine: expected minigrad or torch, got 'jax'"),
    ],
)
def test_a_wrong_word_gets_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(words, "python -m demos", with_names=True)
    printed = capsys.readouterr()
    assert stopped.value.code == 2 and printed.out == ""
    assert sentence in printed.err and printed.err.count("\n") == 1


def test_a_script_alone_names_the_command_that_has_its_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parse(["--engine", "torch"], "s1_gates.py")
    assert "--engine is for python -m demos" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse(["--nosuch"], "s1_gates.py")
    assert "did you mean" not in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="pipes are those of POSIX")
@pytest.mark.parametrize("words", ["list", "s5 --quick --out {out}"])
def test_a_reader_who_closes_the_pipe_ends_it_in_silence(words: str, tmp_path: Path) -> None:
    command = f"{sys.executable} -u -m demos {words.format(out=tmp_path)} | head -n 1"
    done = subprocess.run(
        command, shell=True, capture_output=True, encoding="utf-8", cwd=ROOT, env=ENVIRONMENT
    )
    assert done.stdout.count("\n") == 1 and done.stderr == ""


def test_a_folder_that_cannot_be_written_to_stops_before_the_first_demo(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    done = python("-m", "demos", "s5", "--out", file / "deeper")
    assert done.returncode == 1 and done.stdout == ""
    assert "expected a folder that can be written to" in done.stderr


def test_a_demo_that_is_named_twice_runs_once() -> None:
    assert parse(["s1", "x1", "s1_gates"], "python -m demos", with_names=True).names == ("s1", "x1")


def test_a_wrong_word_stops_the_command() -> None:
    done = python("-m", "demos", "s99")
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1


SHARED = [  # what scripts share; a script runs where it is imported
    path.stem
    for path in sorted((ROOT / "demos").glob("*.py"))
    if path not in SCRIPTS.values() and path.stem not in ("__init__", "__main__", "notebooks")
]


@pytest.mark.parametrize("name", SHARED)
def test_the_examples_in_docstrings_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"demos.{name}")).failed == 0


def test_numbers_are_readable() -> None:
    assert (
        readable("2e-11 of it") == "2·10⁻¹¹ of it"
        and readable("0e+00") == "0"
        and readable("1.5e+00") == "1.5"
    )
    assert summary([0.5, 0.75, 1.0], "{:.0%} right")["text"] == "75% right (50% to 100%, 3 runs)"
    assert summary([1.0, 1.0], "{:.0%}")["text"] == "100% (2 runs)"


def test_the_best_run_of_each_seed_is_taken_by_validation() -> None:
    values = {(0, 0.1): 0.5, (0, 0.3): 0.7, (1, 0.1): 0.9, (1, 0.3): 0.9}
    runs = Runs({"seed": seed, "lr": lr, "valid": value} for (seed, lr), value in values.items())
    assert runs.best("valid")["lr"].tolist() == [0.3, 0.1]
    assert runs.best("valid", lowest=True)["lr"].tolist() == [0.1, 0.1]


def test_runs_are_found_by_their_arguments() -> None:
    runs = Runs({"kind": kind, "seed": seed, "value": seed} for kind in "ab" for seed in range(2))
    assert runs.where(kind="a")["value"].tolist() == [0, 1]
    with pytest.raises(AssertionError, match="no run has"):
        runs.where(kind="c")


def test_a_run_has_the_same_key_in_every_process(tmp_path: Path) -> None:
    """Also where an experiment names functions in a container, whose repr has their addresses."""
    (tmp_path / "script.py").write_text(
        "def sine(x):\n    return x\n\n\nWAVES = {'sine': sine}\n\n\n"
        "def experiment():\n    return {'y': WAVES['sine'](1)}\n",
        encoding="utf-8",
    )
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from demos import store\nfrom script import experiment\n"
        "print(store.code(experiment), 'sine at' in ''.join(store.sources(experiment, set())))"
    )
    printed = {python("-c", program, tmp_path).stdout for _ in range(3)}
    assert len(printed) == 1 and printed.pop().endswith("False\n")


def test_a_function_that_keeps_what_it_returned_counts_as_code() -> None:
    assert "num2words(n, lang=" in "".join(store.sources(pairs.number_pairs, set()))


def test_python_looks_for_cycles_as_before_after_a_run(tmp_path: Path) -> None:
    def experiment() -> dict[str, int]:
        return {"first": gc.get_threshold()[0]}

    before = gc.get_threshold()
    _, record = store.perform(experiment, {}, tmp_path)
    assert json.loads(record)["result"]["first"] > 10_000
    assert gc.get_threshold() == before


def test_a_letter_that_the_screen_lacks_ends_nothing(tmp_path: Path) -> None:
    """As on Windows, where a file that takes the output is in cp1252."""
    script = tmp_path / "s_letters.py"
    script.write_text(
        '"""σ of a gate."""\nfrom demos.lab import Lab\nlab = Lab(__file__)\n', encoding="utf-8"
    )
    done = python(script, environment={**ENVIRONMENT, "PYTHONIOENCODING": "cp1252"})
    assert "\n? of a gate.\n====" in done.stdout, done.stderr
