"""make notebooks: each demo as an executed notebook, its tables and figures below their cells."""

from __future__ import annotations

import ast
import os
import sys
import time
from pathlib import Path
from typing import Any

try:
    import jupytext
    import nbclient
    import nbformat
except ImportError as error:
    sys.exit(f"python -m demos.notebooks: {error}; install the extra notebooks: make notebooks")

from demos import options, store

FIRST = """\
# The cells of demos/{script}. The list holds the arguments of `python -m demos {name}`.
from demos import lab, options

lab.given = options.parse({words}, "{name}")
__file__ = str(options.SCRIPTS["{name}"])
%matplotlib inline"""


def cells_of(script: Path, words: list[str]) -> Any:
    """The script as a notebook that is not yet run; its docstring becomes the text at its head."""
    notebook = jupytext.read(script)
    title, _, text = (ast.get_docstring(ast.parse(notebook.cells[0].source)) or "").partition("\n")
    name = script.stem.split("_")[0]
    first = FIRST.format(script=script.name, name=name, words=repr(words))
    notebook.cells[:1] = [
        nbformat.v4.new_markdown_cell(f"# {title}\n{text}"),
        nbformat.v4.new_code_cell(first),
    ]
    notebook.metadata = {}
    return notebook


def words_for(name: str, chosen: options.Options) -> list[str]:
    """The command line of one demo: what it takes of the options, and files by their whole path.

    A notebook runs in its own folder, which lies in --out.
    """
    default = options.Options()
    words = ["--quick"] if chosen.quick else []
    for option in ("seeds", "jobs", "device", "backend", "scheduler"):
        value = getattr(chosen, option)
        if value != getattr(default, option):
            words += [f"--{option}", str(value)]
    for option, (users, *_) in options.DATA.items():
        value = getattr(chosen, option)
        if name in users and value is not None:
            is_file = isinstance(value, Path)
            words.append(f"--{option}={value.resolve() if is_file else value}")
    return [*words, "--out", ".."]


def execute(notebook: Any, path: Path) -> None:
    """Run the cells in the folder of `path` and write them with their output, even if one fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    client = nbclient.NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        # Else each kernel warns that its local port is not encrypted.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    try:
        client.execute()
    finally:
        nbformat.write(notebook, path)


def main() -> None:
    chosen = options.parse(sys.argv[1:], "python -m demos.notebooks", with_names=True)
    if chosen.engine != "minigrad":
        sys.exit(
            f"--engine {chosen.engine}: notebooks run on minigrad; "
            f"python -m demos takes --engine {chosen.engine}."
        )
    if "list" in chosen.names:
        sys.exit("python -m demos list names the demos.")
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(options.HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    os.environ["TQDM_DISABLE"] = "1"  # a bar would leave a line of output for each of its steps
    store.check_out(chosen.out)
    folder = chosen.out / "notebooks"
    for name in chosen.names or options.SCRIPTS:
        began, script = time.perf_counter(), options.SCRIPTS[name]
        path = folder / f"{script.stem}.ipynb"
        try:
            execute(cells_of(script, words_for(name, chosen)), path)
        except nbclient.exceptions.CellExecutionError as error:
            sys.exit(
                f"{path}: a cell failed; the notebook shows it, with what ran before it.\n{error}"
            )
        print(f"{path}  {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
