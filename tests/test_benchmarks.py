"""The benchmarks run and report, and no contestant is timed whose results are wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import report
from benchmarks.__main__ import run
from benchmarks.goals import goals
from benchmarks.measure import Case, Contest, Disagreement, Effort, measure

ROOT = Path(__file__).resolve().parent.parent
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}  # two pools of threads wait for one another


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **ONE_THREAD}, capture_output=True, encoding="utf-8"
    )


def test_one_workload_is_measured_and_reported(tmp_path: Path) -> None:
    title = "parts LayerNorm (32,128)"
    done = benchmarks("--quick", "--only", title, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    results = (tmp_path / "RESULTS.md").read_text("utf-8")
    for text in (done.stdout, results):
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {title} ")]
        assert " ms" in line or " µs" in line
        assert "| 7. import: below 1.5 of NumPy's" in text
    (row,) = json.loads((tmp_path / "results.json").read_text("utf-8"))["rows"]
    assert row["title"] == title and row["values"]["minigrad"]["median"] > 0
    assert (tmp_path / "others.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    title, rows = "parts LayerNorm (32,128)", tmp_path / "results.json"
    assert benchmarks("--quick", "--only", title, "--out", str(tmp_path)).returncode == 0
    first = json.loads(rows.read_text("utf-8"))["rows"]
    names = "LayerNorm", "cross-entropy (32,2)"
    found = benchmarks("--quick", "--resume", "--only", *names, "--out", str(tmp_path))
    assert found.returncode == 0, found.stderr
    again = json.loads(rows.read_text("utf-8"))
    assert [row["title"] for row in again["rows"]] == [
        "parts cross-entropy (32,2)",
        title,
    ]  # as in a whole run
    assert again["rows"][1] == first[0]
    assert (
        "1 of them by an earlier run" in again["conditions"]["measured"]
        and title not in found.stderr
    )


def test_a_workload_that_fails_stops_no_other() -> None:
    def fail() -> Contest:
        raise FileNotFoundError("no clang here")

    def fine() -> Contest:
        return Contest({"minigrad": result(), "PyTorch": result()})

    (row, _), (none, why), _ = run(
        [Case("a", "b", fine), Case("a", "c", fail), Case("a", "d", fine)], Effort(1, 0.0)
    )
    assert row is not None and row["title"] == "a b"
    assert (none, why) == (None, "a c: FileNotFoundError: no clang here")


def test_a_wrong_name_is_refused() -> None:
    done = benchmarks("--only", "no such workload")
    assert done.returncode == 1 and "'no such workload'" in done.stderr


def result(**changes: Any) -> Any:
    return lambda: {"y": np.ones(3), "gradient": np.arange(6.0).reshape(2, 3), **changes}


@pytest.mark.parametrize(
    "wrong",
    [
        result(gradient=np.arange(6.0).reshape(2, 3) * 1.001),
        result(gradient=np.full((2, 3), np.nan)),
        result(gradient=np.arange(3.0)),
        lambda: {"y": np.ones(3)},
    ],
    ids=["a thousandth too large", "not a number", "another shape", "missing"],
)
def test_a_wrong_result_is_refused(wrong: Any) -> None:
    with pytest.raises(Disagreement, match="minigrad"):
        measure(Contest({"minigrad": wrong, "PyTorch": result()}), Effort(1, 0.0))


def test_equal_results_are_timed() -> None:
    row = measure(
        Contest({"minigrad": result(), "PyTorch": result(y=np.ones(3, np.float32))}), Effort(3, 0.0)
    )
    assert set(row["values"]) == set(row["ratios"]) == {"minigrad", "PyTorch"}
    assert row["ratios"]["PyTorch"]["median"] == 1


def test_what_is_said_of_speed_is_what_was_measured() -> None:
    """RESULTS.md and the README's table are made from results.json, and say what it says."""
    folder = ROOT / "benchmarks"
    kept = json.loads((folder / "results.json").read_text("utf-8"))
    made = report.results_md(kept["rows"], kept["conditions"], kept["refused"])
    assert (folder / "RESULTS.md").read_text("utf-8") == made
    assert report.summary(kept["rows"]) in (ROOT / "README.md").read_text("utf-8")


def test_goals_are_judged_by_the_rows() -> None:
    def row(ratio: float) -> dict[str, Any]:
        values = {"minigrad": {"median": ratio}, "PyTorch": {"median": 1.0}}
        return {
            "group": "training",
            "name": "copy",
            "values": values,
            "ratios": {"minigrad": {"median": ratio}},
        }

    verdicts = {
        ratio: [met for goal, met, _ in goals([row(ratio)]) if goal[0] == "2"]
        for ratio in (0.4, 0.6)
    }
    assert verdicts == {0.4: ["met"], 0.6: ["missed"]}
    assert {met for _, met, _ in goals([])} == {"not measured"}
