"""What a script does: run experiments, say what they show, draw figures, hold the lesson's claims
to the numbers."""

from __future__ import annotations

import os

# One core per run, whatever the number of runs at a time. NumPy reads these when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import ast
import io
import platform
import re
import shlex
import sys
import textwrap
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import joblib
import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

from demos import claims, cluster, engines, options, records, report, rule, store, verdicts
from demos.verdicts import readable

# Set by `python -m demos`; a script that runs alone reads its own command line.
given: options.Options | None = None

SHOWN = "# %% shown"  # heads a cell that draws or tells, and on which no claim rests
QUICK = (
    "--quick: small versions of the experiments, to see that everything runs; do not quote their "
    "numbers."
)
WIDTH = 100  # of the screen


def play(script: Path, only_claims: bool = False) -> dict[str, Any]:
    """Run a script from top to bottom and return its names; the cells headed SHOWN can be left
    out."""
    cells = re.split(r"^(?=# %%)", script.read_text("utf-8"), flags=re.MULTILINE)
    if only_claims:  # as many empty lines, so that `inspect` finds the source of functions
        cells = ["\n" * cell.count("\n") if cell.startswith(SHOWN) else cell for cell in cells]
    module = types.ModuleType("__main__")
    module.__file__ = str(script)
    before = sys.modules["__main__"]
    sys.modules["__main__"] = module
    try:
        exec(compile("".join(cells), str(script), "exec"), vars(module))
    finally:
        sys.modules["__main__"] = before
    return vars(module)


Call = tuple[Callable[..., Any], dict[str, Any], Path]  # experiment, arguments, where to keep it


class Missing(Exception):
    """Where the ledger runs a script: runs that are not kept yet."""

    def __init__(self, calls: list[Call]):
        self.calls = calls


class Runs:
    """Results of one experiment: a row for each run, its arguments and what it returned.

    >>> first = {"kind": "GRU", "seed": 0, "accuracy": 0.9}
    >>> second = {"kind": "GRU", "seed": 1, "accuracy": 1.0}
    >>> runs = Runs([first, second])
    >>> runs.where(kind="GRU")["accuracy"]
    array([0.9, 1. ])
    """

    def __init__(self, rows: Iterable[dict[str, Any]]):
        self.rows = list(rows)

    def where(self, **arguments: Any) -> Runs:
        found = Runs(
            row for row in self.rows if all(row[name] == value for name, value in arguments.items())
        )
        assert found.rows, f"no run has {arguments}"
        return found

    def best(self, by: str, lowest: bool = False) -> Runs:
        """For each seed the run that has the most of `by`, or the least: how a learning rate is
        chosen on validation data, for each run anew."""
        chosen: dict[Any, dict[str, Any]] = {}
        for row in self.rows:
            other = chosen.get(row["seed"])
            ahead = other is None or (row[by] < other[by] if lowest else row[by] > other[by])
            if ahead:
                chosen[row["seed"]] = row
        return Runs(chosen[seed] for seed in sorted(chosen))

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        """The values of `name`, one row a run."""
        return np.array([row[name] for row in self.rows])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)


class Lab:
    """One section of the lesson: `lab = Lab(__file__)` at the top of a script, `lab.done()` at its
    end."""

    def __init__(self, script: str):
        path = Path(script)
        self.name = path.stem.split("_")[0]
        arguments = [] if "ipykernel" in sys.modules else sys.argv[1:]
        self.options = given or options.parse(arguments, path.name)
        if given is None and "ipykernel" not in sys.modules:
            sys.excepthook = options.say_the_ending
        self.quick = self.options.quick
        self.device = self.options.device
        self.out = self.options.out
        self.ledger = self.options.ledger is not None
        self.script = path
        check(self.options)
        docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        self.title, _, self.intro = docstring.partition("\n\n")
        self.blocks: list[dict[str, Any]] = []
        self.experiments: dict[str, Any] = {}
        self.measured: dict[str, tuple[list[float], list[float]]] = {}  # claim -> both sides
        if "ipykernel" not in sys.modules:
            plt.switch_backend("agg")
        self.print(f"\n{self.title}\n{'=' * len(self.title)}")
        if self.quick and (given is None or "ipykernel" in sys.modules):
            self.print(QUICK)

    def print(self, text: str) -> None:
        """Say it on the screen; the ledger keeps silent."""
        if not self.ledger:
            print(text)

    def pick(self, *, quick: Any, full: Any, ledger: Any = None) -> Any:
        """A setting by what the script is run for. ledger: of what only claims are taken from;
        that of a full run where nothing is said."""
        if self.ledger:
            return full if ledger is None else ledger
        return quick if self.quick else full

    # ---- experiments

    def seeds(self, at_least: int = 1) -> range:
        """Seeds of the independent runs: as many as --seeds says, and more where runs are cheap."""
        if self.options.ledger:
            return range(self.options.ledger[at_least > 1])
        return range(max(self.options.seeds, min(at_least, 3) if self.quick else at_least))

    def runs_in_words(self) -> str:
        """What a figure shows of the runs of each setting."""
        seeds = len(self.seeds())
        return "one run each" if seeds == 1 else f"median and range of {seeds} runs"

    def run(self, experiment: Callable[..., dict[str, Any]], **arguments: Any) -> Runs:
        """Call `experiment` with every combination of those arguments that are lists, tuples or
        ranges.

        A run whose result is kept from before is not repeated. The others go through joblib, --jobs
        at a time, each on one core; `experiment` must return numbers, strings, lists and dicts.
        """
        return self.run_all(experiment, [arguments])

    def run_all(
        self, experiment: Callable[..., dict[str, Any]], grids: Iterable[dict[str, Any]]
    ) -> Runs:
        """`run` with the arguments of each of these grids, so that no core waits in between."""
        chosen = [arguments for grid in grids for arguments in combinations(grid)]
        folder = self.out / "runs" / self.name / experiment.__name__
        code = store.code(experiment)
        paths = [folder / f"{store.key(code, arguments)}.json" for arguments in chosen]
        missing = [
            (experiment, arguments, path)
            for arguments, path in zip(chosen, paths, strict=True)
            if not store.is_run(path)
        ]
        if self.ledger and missing:
            self.keep()
            raise Missing(missing)
        self.perform(missing, f"{self.name} {experiment.__name__}", total=len(paths))
        records = [store.load(path) for path in paths]
        kept = self.experiments.setdefault(experiment.__name__, {"runs": [], "seconds": 0.0})
        kept["runs"] += [{**record["arguments"], **scalars(record["result"])} for record in records]
        kept["seconds"] += sum(record["seconds"] for record in records)
        return Runs({**record["arguments"], **record["result"]} for record in records)

    def perform(self, missing: list[Call], title: str, total: int) -> None:
        """Make these runs and keep their results, --jobs at a time. The last one begins first: a
        grid ends with what takes longest, for which a core would wait at the end."""
        jobs = -1 if self.options.backend == "dask" else min(self.options.jobs, len(missing))
        calls = (joblib.delayed(store.perform)(*call) for call in reversed(missing))
        with engine(self.options):
            parallel = joblib.Parallel(n_jobs=jobs or 1, return_as="generator_unordered")
            finished = parallel(calls)
        bar = tqdm(
            finished,
            desc=title,
            initial=total - len(missing),
            total=total,
            unit="run",
            leave=False,
            dynamic_ncols=True,
            delay=1,
            mininterval=0.2 if sys.stderr.isatty() else 20,
        )
        for path, record in bar:
            store.write(path, record)

    # ---- what is said of them

    def say(self, text: str, page: str = "") -> None:
        """A paragraph; page: the name in `out` of the page that it is about."""
        text = readable(" ".join(text.split()))
        self.print("\n" + wrapped(f"{page}: {text}" if page else text))
        self.blocks.append({"type": "text", "text": text} | ({"page": page} if page else {}))

    def table(self, caption: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A small table; numbers stand to the right."""
        cells = [
            list(header),
            *(
                [f"{cell:,}" if isinstance(cell, int) else readable(str(cell)) for cell in row]
                for row in rows
            ),
        ]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        caption = store.printable(caption)
        self.print("\n" + wrapped(caption))
        for row in cells:
            first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            self.print("  " + "  ".join([first.strip().ljust(widths[0]), *rest]))
        self.blocks.append({"type": "table", "caption": caption, "rows": cells})

    def show(self, figure: Any, name: str, caption: str) -> None:
        """Save a figure as figures/<script>_<name>.png; the caption says what one sees."""
        if self.ledger:
            plt.close(figure)
            return
        path = self.out / "figures" / f"{self.name}_{name}.png"
        store.write(path, png(figure))
        if "ipykernel" not in sys.modules:
            plt.close(figure)
        caption = " ".join(caption.split())
        print(f"\nFigure {path}")
        self.blocks.append({"type": "figure", "file": f"figures/{path.name}", "caption": caption})

    def claim(self, name: str, a: Any, b: Any) -> None:
        """Measure a comparison of demos/claims.toml: its sides a and b, a value for each seed (of b
        also one number for all).

        What is said is these numbers and the verdict of the ledger, which rests on more runs.
        """
        row = claims.table()[name]
        a = np.atleast_1d(np.asarray(a, dtype=float))
        b = np.broadcast_to(np.asarray(b, dtype=float), a.shape)
        if not (self.options.engine == "torch" and name in engines.NOT_MEASURED):
            self.measured[name] = (a.tolist(), b.tolist())
        constant = float(b[0]) if np.ptp(b) == 0 else b
        sides = [
            {"name": side, **summary(values, row.unit)}
            for side, values in zip(row.sides, (a, constant))
        ]
        own = ""
        if len(a) >= rule.LOOKS[0]:
            own = rule.judge(row.differences(a, b), row.least, row.direction).verdict
        self.add_claim(row, sides, own)

    def fact(self, name: str, value: Any) -> None:
        """Measure a fact of demos/claims.toml: a number, or one for each seed of which none may
        contradict."""
        row = claims.table()[name]
        values = np.atleast_1d(np.asarray(value, dtype=float))
        wanted = row.expected if row.at_most is None else row.at_most
        self.measured[name] = (values.tolist(), [wanted] * len(values))
        own = verdicts.of_fact(row, values.tolist())
        self.add_claim(row, [{"name": row.measure, **summary(values, row.unit)}], own)

    def add_claim(self, row: claims.Claim, sides: list[dict[str, Any]], own: str) -> None:
        """Say it, with the verdict of the ledger; where the ledger itself asks, nothing is said."""
        if self.ledger:
            return
        kept = verdicts.committed()[row.name]
        block = {"type": "claim", "section": self.name, "name": row.name, "claim": row.text}
        block |= {"where": row.place, "measure": row.measure, "sides": sides, "quick": self.quick}
        block |= {"own": own, "verdict": kept.word, "seeds": kept.seeds}
        self.blocks.append(block)
        place = f" ({row.place})" * bool(row.place)
        told = report.sides_told(block)
        if not row.is_fact:
            told += f"  [{report.measure_told(block)}]"
        self.print("\n" + wrapped(f"Claim{place}: {row.text}", later="  "))
        self.print(wrapped(told, "  ", later="  "))
        rests_on = report.rests_on(block)
        self.print(wrapped(f"{kept.word} (ledger, {rests_on})", "  -> ", later="     "))
        if own and not self.quick:
            self.print(wrapped(f"{own} (these runs alone)", "  -> ", later="     "))

    def keep(self) -> None:
        """Add to the records what the ledger has asked for and this script has measured."""
        folder = self.options.records
        known = records.Records.load(records.FOLDER, folder)
        code = store.fingerprint_of(self.script)
        lines = records.lines_of(self.measured, known, self.options.engine, code)
        records.add(folder, self.name, lines)

    def done(self) -> None:
        """Keep what the section has shown; a script of its own also writes the report."""
        if self.ledger:
            self.keep()
            return
        devices = {
            run.get("device", "cpu")
            for experiment in self.experiments.values()
            for run in experiment["runs"]
        }
        section = {
            "name": self.name,
            "title": self.title,
            "intro": " ".join(self.intro.split()),
            "blocks": self.blocks,
            "experiments": self.experiments,
            "quick": self.quick,
            "device": " and ".join(sorted(devices or {"cpu"})),
            "command": command(self.name, self.options),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "seeds": self.options.seeds,
        }
        store.write(self.out / "sections" / f"{self.name}.json", store.to_json(section, indent=1))
        if given is None:
            print(report.write(self.out))


def combinations(grid: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every combination of those arguments that are lists, tuples or ranges.

    >>> list(combinations({"kind": "GRU", "seed": range(2)}))
    [{'kind': 'GRU', 'seed': 0}, {'kind': 'GRU', 'seed': 1}]
    """
    choices = [
        value if isinstance(value, list | tuple | range) else [value] for value in grid.values()
    ]
    for values in product(*choices):
        yield dict(zip(grid, values, strict=True))


def check(chosen: options.Options) -> None:
    """End the program where the folder of --out, or the cluster of --scheduler, cannot be used."""
    store.check_out(chosen.out)
    if chosen.scheduler is not None:
        cluster.check(chosen.scheduler)


def wrapped(text: str, first: str = "", later: str = "") -> str:
    """A text in lines that fit the screen. first, later: what the first and the later lines begin
    with."""
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
    )


def engine(chosen: options.Options) -> Any:
    """What joblib is to run on: processes here, or the workers of a Dask cluster."""
    if chosen.scheduler is None:
        return joblib.parallel_config(chosen.backend)
    return cluster.config(chosen.scheduler)


def summary(values: Any, unit: str) -> dict[str, Any]:
    """Median and range of one number per independent run, as numbers and as text."""
    if isinstance(values, str):
        return {"text": values}
    array = np.atleast_1d(np.asarray(values, dtype=float))
    low, middle, high = (float(value) for value in np.quantile(array, [0, 0.5, 1]))
    text = readable(unit.format(middle))
    if len(array) > 1:
        lowest, highest = (number_only(unit).format(value) for value in (low, high))
        spread = "" if lowest == highest else f"{lowest} to {highest}, "
        text += readable(f" ({spread}{len(array)} runs)")
    return {"text": text, "value": middle, "low": low, "high": high, "runs": len(array)}


def ranged(values: Any, unit: str = "{:.0%}") -> str:
    """Over independent runs, and the median alone where they agree: 97% (90% to 100%)."""
    low, middle, high = (unit.format(value) for value in np.quantile(values, [0, 0.5, 1]))
    return middle if low == high else f"{middle} ({low} to {high})"


def number_only(unit: str) -> str:
    """ "{:.0%}" of "{:.0%} of it is left"."""
    return re.sub(r".*?({.*?}).*", r"\1", unit)


def png(figure: Any) -> bytes:
    """A figure as a PNG file."""
    drawn = io.BytesIO()
    if "ipykernel" in sys.modules:
        figure.savefig(drawn, format="png")
    else:  # what savefig does after it has drawn the figure once without ink
        figure.set_dpi(plt.rcParams["savefig.dpi"])
        figure.canvas.print_png(drawn)
    return drawn.getvalue()


def scalars(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if isinstance(value, int | float | str)}


def command(name: str, chosen: options.Options) -> str:
    """What one types to have this section again."""
    words = ["python -m demos", name]
    words += ["--quick"] * chosen.quick + [f"--seeds {chosen.seeds}"] * (chosen.seeds > 1)
    words += [f"--device {chosen.device}"] * (chosen.device != "cpu")
    own = {
        option: getattr(chosen, option)
        for option, (users, *_) in options.DATA.items()
        if name in users
    }
    words += [f"--{option} {shlex.quote(str(value))}" for option, value in own.items() if value]
    return " ".join(words)
