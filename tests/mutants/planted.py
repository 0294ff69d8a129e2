"""Which small errors does the proof not refute, and why? make planted writes PROOFS.md.

    make planted                             all files
    make planted ARGS=minigrad/ops/linalg.py one of them; the other rows stay as they are
    make planted ARGS=--listed               those that the page lists, after new cases or tests

Each mutant of a rule goes through `proofs.verdict`. For one that is not refuted unrefuted.txt says
why, and which test fails on it, where it differs outside of what a proof over exact numbers sees:
that test is run with the mutant, and must fail, and without it, and must pass. Where no test is
named it must give the same numbers as the rule on drawn samples of floats: then it is equivalent.
What is neither, or has no reason there, is open, and the command fails.
"""

import argparse
import ast
import hashlib
import json
import multiprocessing
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from mutations import Mutant
from trial import HERE, ROOT, Results, mutants_of, run_tests, without_docstrings

PAGE = HERE / "PROOFS.md"
REASONS = HERE / "unrefuted.txt"
BYHAND = "rnn gru lstm layer_norm softmax_cross_entropy sequence directions steps"
FILES = [
    *[f"minigrad/ops/{name}.py" for name in "elementwise reduction linalg".split()],
    *[f"minigrad/byhand/{name}.py" for name in BYHAND.split()],
]
SAME = "the same for all real numbers"
REFUTED = {
    "its gradient is not its derivative": "gradient",
    "its value is not the rule's": "value",
    "it does not run": "does not run",
    "another result on numbers in every order": "words",
}
EQUIVALENT, OUTSIDE, OPEN = "equivalent", "outside", "open"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make planted", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("files", nargs="*", default=FILES, help="files of minigrad/ (all of them)")
    folder = Path(tempfile.gettempdir(), "planted")
    parser.add_argument("--out", type=Path, default=folder, help="where the tests run")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--listed", action="store_true", help="those that the page lists")
    options = parser.parse_args()
    unknown = [file for file in options.files if file not in FILES]
    if unknown:
        sys.exit(f"make planted: expected files among {' '.join(FILES)}, got {' '.join(unknown)}")
    began = time.perf_counter()
    rows = rows_on_page()
    found = {file: mutants_of([file]) for file in options.files}
    before = {}
    if options.listed:
        before = {file: rows[file] for file in options.files}
        found = {file: listed(mutants, before[file]) for file, mutants in found.items()}
    made = new_rows(found, before, options.out.resolve(), options.jobs)
    rows = rows_on_page() | made  # what another run has written meanwhile stays
    write_page([rows[file] for file in FILES if file in rows])
    print(f"{time.perf_counter() - began:.0f} s")
    open_ = [line for row in rows.values() for line in row["unrefuted"] if line["class"] == OPEN]
    if open_:
        sys.exit("\n".join(["Open:", *[f"{line['name']}: {line['why']}" for line in open_]]))


# A row for each file


def listed(mutants: list[Mutant], known: dict[str, Any]) -> list[Mutant]:
    """The mutants of a file that its row lists, where the row is of the file as it is."""
    lines = [(line["name"], line["function"]) for line in known["unrefuted"]]
    found = [m for m in mutants if (m.name, m.function) in lines]
    if known["digest"] != digest(known["file"]) or len(found) != len(lines):
        sys.exit(f"make planted: {known['file']} has changed; run it without --listed")
    return found


def new_rows(
    found: dict[str, list[Mutant]], before: dict[str, dict[str, Any]], out: Path, jobs: int
) -> dict[str, dict[str, Any]]:
    """What is known of these mutants, by file. before: rows whose other mutants are refuted."""
    mutants = [m for of_a_file in found.values() for m in of_a_file]
    verdicts = proved(mutants, out, jobs)
    left = [m for m in mutants if verdicts[m.source] not in REFUTED]
    table = explained()
    named = {m.source: table[m.name].test for m in left if m.name in table and table[m.name].test}
    failed = tests_that_fail([m for m in left if m.source in named], named, out, jobs)
    others = [m for m in left if m.source not in named]
    answers = in_processes(differs, others, jobs)
    differences = {m.source: answer for m, answer in zip(others, answers, strict=True)}
    lines = {}
    for m in left:
        kind, why = classified(
            table.get(m.name), failed.get(m.source, ""), differences.get(m.source, "")
        )
        if verdicts[m.source] != SAME:
            kind, why = OPEN, "the proof decides nothing"
        line = {"name": m.name, "function": m.function, "class": kind, "why": why}
        lines[m.source] = line | {"test": named[m.source] if kind == OUTSIDE else ""}
    return {
        file: row(file, mutants_of_file, verdicts, lines, before.get(file))
        for file, mutants_of_file in found.items()
    }


def proved(mutants: list[Mutant], out: Path, jobs: int) -> dict[str, str]:
    """What the proof says of each mutant, by its source; kept for a run that goes on, while the
    proofs are the same."""
    kept = Results(out / f"verdicts-{proof_digest()}.jsonl")
    todo = [m for m in mutants if kept.of(m) is None]
    for m, answer in zip(todo, in_processes(prove, todo, jobs), strict=True):
        kept.add(m, answer)
    verdicts = {m.source: str(kept.of(m)) for m in mutants}
    print(json.dumps(Counter(verdicts.values())), flush=True)
    return verdicts


def proof_digest() -> str:
    """What a verdict hangs on, but for the mutant."""
    files = [*sorted((ROOT / "minigrad" / "prove").glob("*.py")), HERE / "proofs.py"]
    texts = [file.read_text("utf-8") for file in files]
    return hashlib.sha256("".join(texts).encode()).hexdigest()[:12]


def row(
    file: str,
    mutants: list[Mutant],
    verdicts: dict[str, str],
    lines: dict[str, dict[str, str]],
    before: dict[str, Any] | None,
) -> dict[str, Any]:
    """The row of one file. before: the row that has counted all its other mutants."""
    unrefuted = [lines[m.source] for m in mutants if m.source in lines]
    counts = Counter(REFUTED[verdicts[m.source]] for m in mutants if m.source not in lines)
    counts.update([line["class"] for line in unrefuted])
    total = len(mutants)
    if before:
        counts.update({kind: before["counts"][kind] for kind in REFUTED.values()})
        total = before["mutants"]
    return {
        "file": file,
        "digest": digest(file),
        "mutants": total,
        "counts": {kind: counts[kind] for kind in (*REFUTED.values(), EQUIVALENT, OUTSIDE, OPEN)},
        "unrefuted": unrefuted,
    }


class Explained(NamedTuple):
    """What unrefuted.txt says of a mutant: why the proof does not refute it, and which test fails
    on it; "" where it is equivalent."""

    why: str
    test: str


def explained() -> dict[str, Explained]:
    """By the name of a mutant what unrefuted.txt says: under lines `file: before -> after`, both
    indented, the reason and the test."""
    found: dict[str, Explained] = {}
    for block in REASONS.read_text("utf-8").strip().split("\n\n"):
        lines = block.splitlines()
        said = [line.strip() for line in lines if line.startswith("    ")]
        entry = Explained(said[0], said[1] if len(said) > 1 else "")
        found |= {line: entry for line in lines if not line.startswith("    ")}
    return found


def classified(entry: Explained | None, failed: str, difference: str) -> tuple[str, str]:
    """The class of a mutant that the proof does not refute, and the reason.

    failed: what came out of the test that is named for it; difference: where its numbers differ.
    """
    if difference:
        return OPEN, f"other numbers come out on {difference}"
    if entry is None:
        return OPEN, f"no reason in {REASONS.name}"
    if not entry.test:
        return EQUIVALENT, entry.why
    if failed != entry.test:
        return OPEN, f"{entry.test} should fail, and: {failed}"
    return OUTSIDE, entry.why


def digest(file: str) -> str:
    """What a file's mutants are made from: its code, without comments and docstrings."""
    tree = without_docstrings((ROOT / file).read_text("utf-8"))
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:12]


# What runs


def in_processes(function: Callable[[Mutant], str], found: list[Mutant], jobs: int) -> list[str]:
    """A function of each mutant, in processes that have imported nothing yet."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        return list(pool.map(function, found, chunksize=4))


def prove(mutant: Mutant) -> str:
    """What the proof says of a mutant."""
    return imported().verdict(mutant)


def differs(mutant: Mutant) -> str:
    """Where a mutant gives other numbers over floats."""
    return imported().differs_on_floats(mutant)


def imported() -> Any:
    """The module of the proofs, of this repository, with the samples of the tests."""
    sys.path[:0] = [str(ROOT), str(HERE), str(ROOT / "tests")]
    import proofs

    return proofs


def tests_that_fail(
    found: list[Mutant], named: dict[str, str], out: Path, jobs: int
) -> dict[str, str]:
    """By the source of a mutant the test that is named for it, where it fails on it and passes
    without; else what came out. In a process of its own, which imports the copy of the
    repository."""
    if not found:
        return {}
    todo, kept = out / "todo.json", out / "results.jsonl"
    todo.write_text(json.dumps([[list(m), named[m.source]] for m in found]), "utf-8")
    kept.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--run-tests", str(out), str(jobs)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    results = Results(kept)
    return {m.source: results.of(m) or "it was not run" for m in found}


def run_the_tests(out: Path, jobs: int) -> None:
    """The other side of `tests_that_fail`."""
    todo = json.loads((out / "todo.json").read_text("utf-8"))
    named = {fields[-1]: test for fields, test in todo}
    found = [Mutant(*fields) for fields, _ in todo]
    kept = Results(out / "results.jsonl")
    run_tests(found, kept, out / "tree", 20, jobs, named)


# The page

HEAD = """# Mutants under the proof

Made by `make planted`, which makes one small error at a time in a rule (the mutants of MUTANTS.md)
and runs the rule over exact numbers, at the cases of `minigrad/prove`. **Refuted** is one whose
gradient is not the derivative of its own value, whose value is not the rule's or not that of its
composition, that does not run, or (a word without a derivative) that differs on numbers in every
order. What the proof does not refute is the same function with the same gradient for all real
numbers of the cases. It is **outside** where the test that is named fails on it and passes without
the error, as this run has seen: rounding, NaN and overflow, a kink, a dtype, a device, memory, a
message. It is **equivalent** where it gives, to rounding, the same numbers, dtypes and errors as
the rule on 100 drawn calls of each kind in float64 and in float32, for the reason that is said.
"""


def write_page(rows: list[dict[str, Any]]) -> None:
    """PROOFS.md, which says all that `rows_on_page` reads again."""
    kinds = list(rows[0]["counts"])
    totals = {kind: sum([row["counts"][kind] for row in rows]) for kind in kinds}
    total = sum([row["mutants"] for row in rows])
    refuted = sum([totals[kind] for kind in REFUTED.values()])
    lines = [
        HEAD,
        f"{refuted} of {total} mutants are refuted, {totals[EQUIVALENT]} are equivalent, "
        f"{totals[OUTSIDE]} outside, {totals[OPEN]} open.",
        "",
        f"| file | mutants | {' | '.join(kinds)} | code |",
        f"|---|---:|{'---:|' * len(kinds)}---|",
        *[table_row(row["file"], row["mutants"], row["counts"], row["digest"]) for row in rows],
        table_row("all", total, totals, ""),
    ]
    for kind in (OPEN, EQUIVALENT, OUTSIDE):
        listed = [(row["file"], line) for row in rows for line in row["unrefuted"]]
        listed = [(file, line) for file, line in listed if line["class"] == kind]
        if listed:
            lines += ["", f"## {kind.capitalize()}"]
        for why in dict.fromkeys([line["why"] for _, line in listed]):
            lines += ["", f"**{why}**", ""]
            lines += [entry(file, line) for file, line in listed if line["why"] == why]
    PAGE.write_text("\n".join(lines) + "\n", "utf-8")


def table_row(name: str, mutants: int, counts: dict[str, int], code: str) -> str:
    """One row of the table."""
    return f"| {name} | {mutants} | {' | '.join(map(str, counts.values()))} | {code} |"


def entry(file: str, line: dict[str, str]) -> str:
    """One mutant."""
    before, after = line["name"].removeprefix(f"{file}: ").split(" -> ", 1)
    test = f"; {line['test']}" if line["test"] else ""
    return f"- {file}, {line['function']}: `{before}` became `{after}`{test}"


ENTRY = re.compile(r"- (\S+), (\w*): `(.*)` became `(.*?)`(?:; (\S.*))?")


def entry_of(line: str) -> list[str]:
    """File, function, text before and after, and test of an entry."""
    found = ENTRY.fullmatch(line)
    return [part or "" for part in found.groups()] if found else []


def rows_on_page() -> dict[str, dict[str, Any]]:
    """The rows of PROOFS.md by file, as `row_of` makes them; none where it has another form."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else ""
    rows: dict[str, dict[str, Any]] = {}
    kinds: list[str] = []
    kind = why = ""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| file |"):
            kinds = cells[2:-1]
        elif line.startswith("| minigrad/"):
            counts = dict(zip(kinds, map(int, cells[2:-1]), strict=False))
            row = {"file": cells[0], "digest": cells[-1], "mutants": int(cells[1])}
            rows[cells[0]] = row | {"counts": counts, "unrefuted": []}
        elif line.startswith("## "):
            kind = line[3:].lower()
        elif line.startswith("**") and kind:
            why = line.strip("*")
        elif ENTRY.fullmatch(line):
            file, function, before, after, test = entry_of(line)
            name = f"{file}: {before} -> {after}"
            known = {"name": name, "function": function, "class": kind, "why": why}
            rows[file]["unrefuted"].append(known | {"test": test})
    return rows if kinds and OUTSIDE in kinds else {}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run-tests"]:
        run_the_tests(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
