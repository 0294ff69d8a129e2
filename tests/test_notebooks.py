"""The demos as notebooks: one of them is run, and a class that a reader changes there is not taken
for the old one."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the demos need the extra demos")
pytest.importorskip("jupytext", reason="notebooks need the extra notebooks")
pytest.importorskip("ipykernel", reason="notebooks need the extra notebooks")
nbclient = pytest.importorskip("nbclient", reason="notebooks need the extra notebooks")
nbformat = pytest.importorskip("nbformat", reason="notebooks need the extra notebooks")

from demos import notebooks, options  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def command(*words: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "demos.notebooks", *words]
    return subprocess.run(
        run, cwd=ROOT, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=300
    )


def outputs(notebook: Any, kind: str) -> list[Any]:
    return [
        out for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == kind
    ]


def test_a_demo_runs_as_a_notebook(tmp_path: Path) -> None:
    done = command("s2", "--quick", "--jobs", "1", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(tmp_path / "notebooks" / "s2_lstm_cell.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert (
        notebook.cells[0].source.startswith("# 2. The LSTM cell\n")
        and "'--quick'" in notebook.cells[1].source
    )
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
    text = "".join(out.text for out in outputs(notebook, "stream") if out.name == "stdout")
    assert "forget gate     (1, 20)" in text and "-> holds" in text
    assert not [out for out in outputs(notebook, "stream") if out.name == "stderr"]
    figures = [out for out in outputs(notebook, "display_data") if "image/png" in out.data]
    assert len(figures) == 1  # below the cell that draws it
    section = json.loads((tmp_path / "sections" / "s2.json").read_text("utf-8"))
    assert section["quick"] and (tmp_path / "figures" / "s2_lstm_cell.png").exists()


HOSTILE = "o'brien \"quoted\" \\ '+str(10**9)+' {x} %s.csv"


def every_option(folder: Path) -> "options.Options":
    """A value that is not the default for each option."""
    for name in ("text", "train", "test", "pairs", HOSTILE):
        (folder / name).write_text("", encoding="utf-8")
    return options.Options(
        quick=True,
        seeds=3,
        jobs=2,
        device="cpu",
        backend="dask",
        scheduler="tcp://h:1",
        out=folder / "out",
        text=Path("text"),
        csv=Path(HOSTILE),
        column='o\'price "$" {x}',
        train=Path("train"),
        test=Path("test"),
        pairs=Path("pairs"),
    )


@pytest.mark.parametrize("name", options.SCRIPTS)
def test_the_first_cell_says_what_the_command_line_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each option reaches the demos that take it, a file by its whole path, as data and not as
    code."""
    monkeypatch.chdir(tmp_path)
    chosen = every_option(tmp_path)
    cells = notebooks.cells_of(options.SCRIPTS[name], notebooks.words_for(name, chosen)).cells
    assigned = ast.parse(cells[1].source.replace("%matplotlib inline", "")).body[1]
    assert isinstance(assigned, ast.Assign) and isinstance(assigned.value, ast.Call)
    words, said_name = map(ast.literal_eval, assigned.value.args)
    assert said_name == name
    parsed = options.parse(words, name)
    for option in ("quick", "seeds", "jobs", "device", "backend", "scheduler"):
        assert getattr(parsed, option) == getattr(chosen, option)
    for option, (users, *_) in options.DATA.items():
        value = getattr(chosen, option) if name in users else None
        wanted = tmp_path / value if isinstance(value, Path) else value
        assert getattr(parsed, option) == wanted


def test_another_engine_is_refused_and_not_left_out(tmp_path: Path) -> None:
    done = command("s2", "--quick", "--engine", "torch", "--out", str(tmp_path))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "--engine torch: notebooks run on minigrad" in done.stderr and not done.stdout


def test_an_unknown_demo_gets_one_sentence() -> None:
    done = command("s99")
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1


def test_a_failing_cell_is_shown_and_stops_the_command(tmp_path: Path) -> None:
    from demos.notebooks import execute

    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(code) for code in ("print(1)", "1 / 0")]
    )
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="ZeroDivisionError"):
        execute(notebook, tmp_path / "broken.ipynb")
    kept = nbformat.read(tmp_path / "broken.ipynb", as_version=4)
    assert (
        kept.cells[0].outputs[0].text == "1\n"
        and kept.cells[1].outputs[0].ename == "ZeroDivisionError"
    )


def test_a_class_that_changed_in_a_notebook_is_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from demos.notebooks import execute
    from demos.options import SCRIPTS

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    define = (
        "class Cell:\n    def value(self): return {}\n\ndef experiment(): return Cell().value()"
    )
    code = [
        f"from demos import store\n__file__ = {str(SCRIPTS['s2'])!r}"
    ]  # a script with a class of that name
    for number in (1, 2, 1):
        code += [define.format(number), "print(store.code(experiment))"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in code])
    execute(notebook, tmp_path / "changed.ipynb")
    one, two, again = (out.text for out in outputs(notebook, "stream") if out.name == "stdout")
    assert one == again != two


def test_list_names_the_command_that_lists() -> None:
    done = command("list")
    assert done.returncode == 1 and done.stderr == "python -m demos list names the demos.\n"
