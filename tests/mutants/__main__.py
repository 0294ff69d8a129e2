"""Is the suite any good? Make small errors in the rules, one at a time, and see whether a test
fails.

    make mutants                           all of the rules and the backwards by hand
    make mutants ARGS="minigrad/ops"       a part
    make mutants ARGS="--again"            once more, after new tests or reasons, those that no test
                                           has noticed and no reason explains

minigrad/fast/gpu is left out: much of it says how a GPU divides its work, which only
tests/test_gpu.py on a GPU can judge; tests/test_cuda*.py run it on the CPU.

How the tests run is in trial.py, and which tests try which mutant in reach.py; the results are kept
in the folder --out, so that a run that was cut short goes on. What survives is explained in
reasons.txt, or in unrefuted.txt where the proof runs on the file, too; MUTANTS.md has the table.
"""

import argparse
import datetime
import subprocess
import sys
import tempfile
from pathlib import Path

from mutations import Mutant
from planted import explained
from trial import HERE, ROOT, Results, mutants_of, reasons, run_tests

FILES = ["minigrad/ops", "minigrad/einsum.py", "minigrad/byhand", "minigrad/fast"]
LEFT_OUT = "minigrad/fast/gpu/"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make mutants", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "files", nargs="*", default=FILES, help="files or folders of minigrad/ (all of the rules)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(tempfile.gettempdir(), "mutants"),
        help="where results are kept",
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument(
        "--again", action="store_true", help="try those again that survived without a reason"
    )
    parser.add_argument(
        "--samples", type=int, default=20, help="how many Hypothesis draws for a property"
    )
    parser.add_argument(
        "--seconds", type=float, default=4, help="how long the tests of one mutant may take"
    )
    options = parser.parse_args()
    found = mutants_of(options.files)
    if options.files == FILES:
        found = [m for m in found if not m.file.startswith(LEFT_OUT)]
    kept, why = Results(options.out.resolve() / "results.jsonl"), known_reasons()
    if options.again:
        kept.forget([m for m in found if kept.of(m) == "survived" and m.name not in why])
    todo = [m for m in found if kept.of(m) is None]
    if todo:
        run_tests(
            todo, kept, options.out / "tree", options.samples, options.jobs, seconds=options.seconds
        )
    if untried := sum(kept.of(m) is None for m in found):
        sys.exit(
            f"make mutants: {untried} of {len(found)} mutants were not tried, so there is no "
            "report; see above"
        )
    text = report(found, kept, why)
    if options.files == FILES:
        (ROOT / "tests" / "MUTANTS.md").write_text(text, "utf-8")
    print(text.partition("\n## ")[0])


def known_reasons() -> dict[str, str]:
    """By the name of a mutant why no test notices it."""
    equivalent = {name: entry.why for name, entry in explained().items() if not entry.test}
    return equivalent | reasons(HERE / "reasons.txt")


def report(found: list[Mutant], kept: Results, why: dict[str, str]) -> str:
    files = list(dict.fromkeys(m.file for m in found))
    alive = [m for m in found if kept.of(m) == "survived"]
    total = len(found)
    text = [
        "# Mutants\n",
        f"`make mutants` made {total} small errors in the rules, in the backwards by hand and in",
        "minigrad/fast, one at a time.",
        f"A test failed for {total - len(alive)} of them ({1 - len(alive) / total:.1%}); "
        f"{len(alive)} survived.",
        f"Measured on {datetime.date.today()}, at commit {commit()}.",
        "A mutant is tried by the tests that run its line or its function, for some seconds.",
        f"{LEFT_OUT} is left out: much of it says how a GPU divides its work, which only",
        "tests/test_gpu.py on a GPU can judge; tests/test_cuda*.py run it on the CPU.\n",
        "| file | mutants | killed | survived | killed, % |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in [*files, "all"]:
        of = [m for m in found if name in (m.file, "all")]
        survived = sum(m in alive for m in of)
        text.append(
            f"| {name} | {len(of)} | {len(of) - survived} | {survived} | "
            f"{100 - 100 * survived / len(of):.1f} |"
        )
    text += ["", "## Survivors", ""]
    for reason in sorted({why.get(m.name, "unexplained") for m in alive}):
        text += [f"**{reason}**", ""]
        text += [
            f"- {m.file}:{m.line} `{m.before}` became `{m.after}`"
            for m in alive
            if why.get(m.name, "unexplained") == reason
        ]
        text.append("")
    return "\n".join(text)


def commit() -> str:
    """The name of the commit that is measured."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.strip()


if __name__ == "__main__":
    main()
