"""minigrad and PyTorch with cuDNN on one NVIDIA GPU: check, time, print one table, write it down.

    python -m benchmarks.gpu              everything, in 3 minutes: RESULTS_GPU.md, results_gpu.json
    python -m benchmarks.gpu --quick      small versions, to see that all runs; into out/benchmarks
    python -m benchmarks.gpu --tf32       both with TF32 products; into out/benchmarks
    python -m benchmarks.gpu --kernels    each kernel once: for compute-sanitizer
    python -m benchmarks.gpu --out DIR --seconds 400      results and logs into DIR, in so many s

Results are in their files as soon as the workloads are done, and until then a row is in
DIR/gpu_rows.jsonl as soon as it is measured: what cuts the command off costs only what was still to
come. Where no GPU can be used, DIR/no_gpu.txt says why, and what is installed.

Float32 without TF32, which PyTorch would use for cuDNN's layers unless told otherwise. Results are
held to one another first. Then the two take turns, each call between two events on the device's own
clock; first calls, in which kernels are compiled and graphs captured, are not timed. Beside that,
the time until a call returns (host) and that of what it launched (device): see gpu_clock.py. At the
end the tests that need a GPU run, and compute-sanitizer: see gpu_checks.py. The workloads run in a
process of their own (gpu_apart.py), so that one that fails costs none of the others.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.goals import Rows, check, group, worst
from benchmarks.gpu_apart import Found, run_apart, tell
from benchmarks.gpu_checks import run_checks
from benchmarks.gpu_clock import Clock
from benchmarks.gpu_machine import device_conditions, diagnosis, one_line, versions, why_unusable
from benchmarks.gpu_work import Call, Job, OnGpu, each_kernel_once, workloads
from benchmarks.libraries import Library, twins
from benchmarks.measure import OURS, REFERENCE, Disagreement, agree, quartiles, turns
from benchmarks.report import amount, cells, processor, table

HERE, PART = Path(__file__).parent, Path("out") / "benchmarks"
IN_ALL, FOR_CHECKS = 175.0, 45.0  # seconds of the command; of them for the checks at least
FOR_WORKLOADS = 0.6  # of the seconds: after that no further workload is begun
BROKEN = 3  # what a worker ends with where its device takes no more work
ROUNDS, WARM, AT_LEAST = 11, 5, 0.04  # turns; calls before them; seconds of a turn
TOLERANCE = 2e-3  # of the largest number of an array: sums of thousands of float32 in another order
# after steps of Adam, which makes much of little where a gradient is near 0; and with TF32
ROUGHLY = 2e-2
LESSON = "100,500,32,64 and 15,32,32,64"
GOALS = [  # text, group of rows, ratio
    (f"1. layers at {LESSON}: at most 0.9 of PyTorch with cuDNN", "lesson", 0.9),
    ("1. with lengths: at most 0.5", "lengths", 0.5),
    ("1. two directions: at most 1.0", "directions", 1.0),
    ("2. LSTM and GRU at 50,64,128,256: at most 0.6", "middle", 0.6),
    ("2. RNN at 50,64,128,256: at most 1.0", "middle RNN", 1.0),
    ("2. layers at 100,256,512,1024: at most 0.95", "large", 0.95),
    ("3. training on the copy task and the sentiment network: at most 0.8", "training", 0.8),
    ("4. large products: at most 1.1", "products", 1.1),
]
ALONE = "PyTorch: it is not installed, or not for CUDA, so nothing is compared"
HEADER = "workload", OURS, REFERENCE, "ratio", "host", "device", "PyTorch: host", "device"

# Measuring


def on_host(results: dict[str, Any]) -> dict[str, Any]:
    return {k: v.detach().cpu().numpy() if hasattr(v, "detach") else v for k, v in results.items()}


def measure(
    calls: dict[str, Call],
    clock: Any,
    rounds: int,
    tolerance: float = TOLERANCE,
) -> dict[str, Any]:
    """Values and ratios as in `benchmarks.measure`, by `clock`.

    Raises Disagreement before anything is timed.
    """
    found = {name: on_host(call()) for name, call in calls.items()}
    for name in found.keys() - {REFERENCE}:
        if REFERENCE in found:
            agree(name, found[name], REFERENCE, found[REFERENCE], tolerance)
    counts = {}
    for name, call in calls.items():
        clock.seconds(call, WARM)
        counts[name] = max(1, int(AT_LEAST / max(clock.seconds(call, 1), 1e-6)))
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for name, call in turns(calls, rounds):
        samples[name].append(clock.seconds(call, counts[name]))
    times = {name: np.array(values) for name, values in samples.items()}
    row: dict[str, Any] = {
        "unit": "s",
        "moved": None,
        "values": {name: quartiles(t) for name, t in times.items()},
    }
    if REFERENCE in times:
        row["ratios"] = {name: quartiles(t / times[REFERENCE]) for name, t in times.items()}
    return row


def apart(calls: dict[str, Call], clock: Any) -> dict[str, Any]:
    """Seconds of the host and of the device for each library; for `measure`'s row."""
    host = {name: clock.host(call) for name, call in calls.items()}
    return {
        "host": host,
        "device": {name: clock.device(call, host[name]) for name, call in calls.items()},
    }


def run(
    quick: bool,
    libraries: Sequence[Library],
    clock: Any,
    tf32: bool = False,
    begin: int = 0,
    until: float = math.inf,
    graphs: Any = None,
) -> Iterator[dict[str, Any]]:
    """What happens to each workload from number `begin` on: events, as gpu_apart.py has them.

    until: the time after which none is begun. graphs: see `uncaptured`.
    """
    rounds = 2 if quick else ROUNDS
    for number, (kind, name, job) in enumerate(workloads(quick)):
        if number < begin:
            continue
        about = {"group": kind, "name": name}
        if time.time() > until:
            yield {**about, "problems": [f"{name}: left out, since its time was up"]}
            continue
        print(name, file=sys.stderr, flush=True)
        yield {**about, "begins": number}
        tolerance = ROUGHLY if tf32 or kind == "training" else TOLERANCE
        row = {**about, "title": name, "host": {}, "device": {}}
        problems = fill(row, libraries, job, clock, rounds, tolerance)
        problems += uncaptured(graphs)
        measured = {"row": row} if "values" in row else {}
        yield {**measured, "problems": [f"{name}: {line}" for line in problems]}


def fill(
    row: dict[str, Any],
    libraries: Sequence[Library],
    job: Job,
    clock: Any,
    rounds: int,
    tolerance: float,
) -> list[str]:
    """Measure a workload into its row, as far as that goes; what was wrong."""
    problems = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            calls = {library.name: job(library) for library in libraries}
            taking_part = {name: call for name, call in calls.items() if call is not None}
            row |= measure(taking_part, clock, rounds, tolerance)
            row |= apart(taking_part, clock)
        except Exception as error:
            kind = "the results differ" if isinstance(error, Disagreement) else type(error).__name__
            problems = [f"refused: {kind}: {one_line(error)}"]
    said = dict.fromkeys(one_line(warning.message) for warning in warned)
    return problems + [f"warned: {line}" for line in said]


def uncaptured(graphs: Any) -> list[str]:
    """What is wrong where steps were launched one by one, and none of those loops as a graph.

    graphs: minigrad's (graphs.py), where it has them, which are forgotten here; False stands for a
    loop that ran once.
    """
    if graphs is None:
        return []
    kept = list(graphs.kept().values())
    graphs.kept().clear()
    return ["warned: its steps are no CUDA graph"] if kept and not any(kept) else []


def minigrads_graphs() -> Any:
    """What captures minigrad's loops on the GPU; None without minigrad/fast."""
    import minigrad as mg

    kernels = vars(mg.array.backend("cuda").xp).get("kernels")
    return kernels and kernels.graphs


def work(options: argparse.Namespace) -> None:
    """What a worker does: tell about the device, then run its workloads."""
    file, begin = Path(options.worker[0]), int(options.worker[1])
    try:
        libraries, clock, graphs = prepare(options.tf32, file, begin)
    except Exception as error:  # the device is another's, or a library does not fit the driver
        tell(file, problems=[f"no workload: refused: {type(error).__name__}: {one_line(error)}"])
        raise
    for event in run(options.quick, libraries, clock, options.tf32, begin, options.until, graphs):
        tell(file, **event)
        if event.get("problems") and not is_usable(clock):
            sys.exit(BROKEN)


def prepare(tf32: bool, file: Path, begin: int) -> tuple[list[Library], Clock, Any]:
    """Who takes part, the clock, and minigrad's graphs. Tells on what and with what it runs."""
    import cupy

    libraries = gpu_twins(tf32)
    torch = libraries[-1].torch if len(libraries) > 1 else None
    tell(file, about={**device_conditions(cupy.cuda), "versions": versions(torch)})
    if torch is None and begin == 0:
        tell(file, problems=[ALONE])
    return libraries, Clock(cupy), minigrads_graphs()


def is_usable(clock: Any) -> bool:
    """Whether the device still does what it is told."""
    try:
        clock.wait()
    except Exception:
        return False
    return True


# What came out


def goals(rows: Rows, lacking: Container[str] = ()) -> list[tuple[str, str, str]]:
    """(goal, verdict, what was measured). lacking: the groups of which a workload has no row."""
    found = []
    for text, kind, limit in GOALS:
        verdict, measured = check(group(rows, kind), worst, REFERENCE, limit)
        if verdict == "met" and kind in lacking:
            verdict = "not all measured"
        found.append((text, verdict, measured))
    return found


def conditions(
    device: dict[str, str], tf32: bool, checks: dict[str, str], seconds: float
) -> dict[str, str]:
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **device,
        "host": f"{processor()}, {os.cpu_count()} cores",
        "products": "TF32" if tf32 else "float32, without TF32",
        "taking turns": f"{ROUNDS} rounds of at least {AT_LEAST} s, timed by events of the device",
        **checks,
        "all in all": f"{seconds:.0f} s",
    }


def results_table(rows: Rows) -> str:
    return table([HEADER, *[[*cells(row)[:4], *parts_of(row)] for row in rows]])


def parts_of(row: dict[str, Any]) -> list[str]:
    """The seconds of host and device, of minigrad and then of PyTorch."""
    found = []
    for library in (OURS, REFERENCE):
        for part in ("host", "device"):
            seconds = row[part].get(library)
            spread = None if seconds is None else quartiles([seconds])
            found.append(amount(spread, row["unit"], spread=False))
    return found


def report(
    rows: Rows, about: dict[str, str], problems: Sequence[str], lacking: Container[str] = ()
) -> str:
    parts = [
        "# minigrad beside PyTorch on a GPU",
        "Written by `python -m benchmarks.gpu`. Results agreed before they were timed. A time is "
        "the median, ± half of the range of the middle half; the ratio is minigrad's time to "
        "PyTorch's in the same round. Host: the time until a call returns, with an idle device; "
        "device: that of what it launched, one thing after the other, without the host; none where "
        "a call waits for the device. The sizes of a layer are T, B, I, H: length, batch, input, "
        "hidden; of Linear rows, in, out.",
        "\n".join(f"- {key}: {text}" for key, text in about.items() if text),
        "## Goals\n\n" + table([("goal", "", "measured"), *goals(rows, lacking)]),
        "## Results\n\n" + results_table(rows),
    ]
    if problems:
        parts.append("## Not in the table\n\n" + "\n".join(f"- {line}" for line in problems))
    return "\n\n".join(parts) + "\n"


# The command


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.gpu", description="minigrad beside PyTorch on a GPU."
    )
    parser.add_argument(
        "--quick", action="store_true", help="small versions, to see that everything runs"
    )
    parser.add_argument("--tf32", action="store_true", help="TF32 products in both libraries")
    parser.add_argument(
        "--kernels", action="store_true", help="run each kernel once, and nothing else"
    )
    parser.add_argument(
        "--unpooled",
        action="store_true",
        help="with --kernels: each array in memory of its own, for compute-sanitizer",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=IN_ALL,
        help="for all of it; what the workloads leave is for the checks (default: %(default)s)",
    )
    parser.add_argument("--worker", nargs=2, metavar=("FILE", "BEGIN"), help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, default=math.inf, help=argparse.SUPPRESS)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where results go (default: benchmarks; with an option "
        "that changes what is measured, out/benchmarks)",
    )
    return parser.parse_args(arguments)


def gpu_twins(tf32: bool) -> list[Library]:
    """minigrad, and PyTorch where it is one for CUDA, both with the same products."""
    found = [OnGpu(**vars(library)) for library in twins()]
    usable = [
        library for library in found if library.name == OURS or library.torch.cuda.is_available()
    ]
    for library in usable:
        if library.name == REFERENCE:
            library.torch.backends.cudnn.allow_tf32 = (
                library.torch.backends.cuda.matmul.allow_tf32
            ) = tf32
    return usable


def main() -> None:
    options, began = parse(), time.perf_counter()
    os.environ["CUPY_TF32"] = "1" if options.tf32 else "0"  # read when CuPy first multiplies
    why = why_unusable()
    if why:
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / "no_gpu.txt").write_text(diagnosis(why), "utf-8")
        sys.exit(
            f"python -m benchmarks.gpu: no GPU is usable here ({why}); it needs an NVIDIA driver "
            "and CuPy, the extra cuda12 or cuda13, and for comparison a PyTorch for CUDA. Nothing "
            "was measured."
        )
    if options.kernels:
        if options.unpooled:
            give_each_array_its_own_memory()
        return each_kernel_once()
    if options.worker:
        return work(options)
    out = options.out or (PART if options.quick or options.tf32 else HERE)
    out.mkdir(parents=True, exist_ok=True)
    PART.mkdir(parents=True, exist_ok=True)
    logs = options.out or PART
    rows = logs / "gpu_rows.jsonl"
    found = run_apart(worker(options), rows)
    seconds = time.perf_counter() - began
    about = conditions(found.about, options.tf32, {}, seconds)
    write(out, found, about)  # here already, for a command that is cut off
    rows.unlink(missing_ok=True)  # all of it is in the results
    checks = {} if options.quick else run_checks(logs, max(FOR_CHECKS, options.seconds - seconds))
    about = conditions(found.about, options.tf32, checks, time.perf_counter() - began)
    print(write(out, found, about))
    failed = [said for said in checks.values() if said.startswith("failed")]
    if failed or any("refused" in line for line in found.problems):
        sys.exit(1)


def give_each_array_its_own_memory() -> None:
    """CuPy takes large pieces and divides them, so an address behind an array may be another's."""
    import cupy

    cupy.cuda.set_allocator(None)


def worker(options: argparse.Namespace) -> list[str]:
    """The command of a worker, but for its file and the number that it begins with."""
    flags = ["--quick"] * options.quick + ["--tf32"] * options.tf32
    until = ["--until", str(time.time() + FOR_WORKLOADS * options.seconds)]
    return [sys.executable, "-m", "benchmarks.gpu", *flags, *until, "--worker"]


def write(out: Path, found: Found, about: dict[str, str]) -> str:
    """Leave the results in `out`, and give the report."""
    lacking = found.lacking if found.went_through else {kind for _, kind, _ in GOALS}
    text = report(found.rows, about, found.problems, lacking)
    everything = {"conditions": about, "rows": found.rows, "problems": found.problems}
    (out / "RESULTS_GPU.md").write_text(text, "utf-8")
    (out / "results_gpu.json").write_text(
        json.dumps(everything, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
    return text


if __name__ == "__main__":
    main()
