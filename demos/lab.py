"""What a script does: run experiments, say what they show, draw figures, hold the lesson's claims
to the numbers."""

from __future__ import annotations

import os

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # one core per run, whatever the number of runs at a time; and NumPy
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # reads it when it is imported

import ast
import io
import platform
import re
import shlex
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import joblib
import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

from demos import cluster, options, report, store

HOLDS, FAILS = "holds", "does not hold"
given: options.Options | None = (
    None  # set by `python -m demos`; a script of its own reads its command line
)


def only_if(condition: str) -> str:
    return f"holds only if {condition}"


def untestable(reason: str) -> str:
    return f"cannot be tested here, because {reason}"


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
        self.quick, self.device, self.out = (
            self.options.quick,
            self.options.device,
            self.options.out,
        )
        store.check_out(self.out)
        if self.options.scheduler is not None:
            cluster.check(self.options.scheduler)
        self.title, _, self.intro = (
            ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        ).partition("\n\n")
        self.blocks: list[dict[str, Any]] = []
        self.experiments: dict[str, Any] = {}
        self.began = time.perf_counter()
        if "ipykernel" not in sys.modules:
            plt.switch_backend("agg")
        print(f"\n{self.title}\n{'=' * len(self.title)}")

    # ---- experiments

    def seeds(self, at_least: int = 1) -> range:
        """Seeds of the independent runs: as many as --seeds says, and more where runs are cheap."""
        return range(max(self.options.seeds, min(at_least, 3) if self.quick else at_least))

    def run(self, experiment: Callable[..., dict[str, Any]], **arguments: Any) -> Runs:
        """Call `experiment` with every combination of those arguments that are lists, tuples or
        ranges.

        A run whose result is kept from before is not repeated. The others go through joblib, --jobs
        at a time, each on one core; `experiment` must return numbers, strings, lists and dicts.
        """
        choices = [
            value if isinstance(value, list | tuple | range) else [value]
            for value in arguments.values()
        ]
        combinations = [dict(zip(arguments, values, strict=True)) for values in product(*choices)]
        folder = self.out / "runs" / self.name / experiment.__name__
        code = store.code(experiment)
        paths = [folder / f"{store.key(code, chosen)}.json" for chosen in combinations]
        missing = [
            (chosen, path)
            for chosen, path in zip(combinations, paths, strict=True)
            if not store.is_run(path)
        ]
        jobs = -1 if self.options.backend == "dask" else min(self.options.jobs, len(missing))
        calls = (
            joblib.delayed(store.perform)(experiment, chosen, path) for chosen, path in missing
        )
        with engine(self.options):
            parallel = joblib.Parallel(n_jobs=jobs or 1, return_as="generator_unordered")
            finished = parallel(calls)
        bar = tqdm(
            finished,
            desc=f"{self.name} {experiment.__name__}",
            initial=len(paths) - len(missing),
            total=len(paths),
            unit="run",
            leave=False,
            dynamic_ncols=True,
            delay=1,
            mininterval=0.2 if sys.stderr.isatty() else 20,
        )
        for path, record in bar:
            store.write(path, record)
        records = [store.load(path) for path in paths]
        kept = self.experiments.setdefault(experiment.__name__, {"runs": [], "seconds": 0.0})
        kept["runs"] += [{**record["arguments"], **scalars(record["result"])} for record in records]
        kept["seconds"] += sum(record["seconds"] for record in records)
        return Runs({**record["arguments"], **record["result"]} for record in records)

    # ---- what is said of them

    def say(self, text: str) -> None:
        """A paragraph."""
        text = readable(" ".join(text.split()))
        print("\n" + textwrap.fill(text, 100))
        self.blocks.append({"type": "text", "text": text})

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
        print(f"\n{caption}")
        for row in cells:
            first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            print("  " + "  ".join([first.strip().ljust(widths[0]), *rest]))
        self.blocks.append({"type": "table", "caption": caption, "rows": cells})

    def show(self, figure: Any, name: str, caption: str) -> None:
        """Save a figure as figures/<script>_<name>.png; the caption says what one sees."""
        path = self.out / "figures" / f"{self.name}_{name}.png"
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png")
        store.write(path, drawn.getvalue())
        if "ipykernel" not in sys.modules:
            plt.close(figure)
        caption = " ".join(caption.split())
        print(f"\nFigure {path}")
        self.blocks.append({"type": "figure", "file": f"figures/{path.name}", "caption": caption})

    def claim(
        self,
        text: str,
        *,
        where: str,
        measured: Any,
        verdict: str,
        baseline: tuple[str, Any] | None = None,
        unit: str = "{:.3g}",
        experiment: str = "",
    ) -> None:
        """One row of the ledger: the lesson's claim in our words, and the result.

        where: section of the lesson. measured: a number, or one for each independent run, of which
        the median and the range are reported. baseline: what it is to be compared with, and its
        value or values. unit: how a number is written ("{:.0%}"). verdict: HOLDS, FAILS,
        only_if(...) or untestable(...).
        """
        text, value = " ".join(text.split()), summary(measured, unit)
        base = (
            {"name": baseline[0], **summary(baseline[1], number_only(unit))} if baseline else None
        )
        self.blocks.append(
            {
                "type": "claim",
                "section": self.name,
                "where": where,
                "claim": text,
                "experiment": experiment,
                "measured": value,
                "baseline": base,
                "verdict": verdict,
                "quick": self.quick,
            }
        )
        baseline = f"; {base['name']}: {base['text']}" if base else ""
        print("\n" + textwrap.fill(f"Claim ({where}): {text}", 100, subsequent_indent="  "))
        print(
            textwrap.fill(
                f"{value['text']}{baseline}", 100, initial_indent="  ", subsequent_indent="  "
            )
        )
        print(textwrap.fill(f"-> {verdict}", 100, initial_indent="  ", subsequent_indent="     "))

    def done(self) -> None:
        """Keep what the section has shown; a script of its own also writes the report."""
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
            "seconds": time.perf_counter() - self.began,
            "command": command(self.name, self.options),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "seeds": self.options.seeds,
        }
        store.write(self.out / "sections" / f"{self.name}.json", store.to_json(section, indent=1))
        if given is None:
            print(report.write(self.out))


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
    text, number = readable(unit.format(middle)), number_only(unit)
    if len(array) > 1:
        text += readable(f" ({number.format(low)} to {number.format(high)}, {len(array)} runs)")
    return {"text": text, "value": middle, "low": low, "high": high, "runs": len(array)}


def ranged(values: Any, unit: str = "{:.0%}") -> str:
    """Over independent runs, and the median alone where they agree: 97% (90% to 100%)."""
    low, middle, high = (unit.format(value) for value in np.quantile(values, [0, 0.5, 1]))
    return middle if low == high else f"{middle} ({low} to {high})"


def number_only(unit: str) -> str:
    """ "{:.0%}" of "{:.0%} of it is left"."""
    return re.sub(r".*?({.*?}).*", r"\1", unit)


def readable(text: str) -> str:
    """2·10⁻¹¹ for 2e-11, and no control characters."""
    text = store.printable(text)
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    text = re.sub(r"\b0(\.0+)?e[+-]00", "0", text).replace("e+00", "")
    text = re.sub(r"[+-]0%", "0%", text)
    return re.sub(
        r"(\d)e([+-]\d\d)",
        lambda found: f"{found[1]}·10{str(int(found[2])).translate(raised)}",
        text,
    )


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
