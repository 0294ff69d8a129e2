"""The benchmark for a GPU, as far as it goes without one: its workloads on the CPU, its report from
made-up timings."""

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import strict_device

import minigrad as mg
from benchmarks import gpu, gpu_apart, gpu_checks, gpu_machine, gpu_work
from benchmarks.gpu_clock import Clock
from benchmarks.libraries import twins
from minigrad.fast.gpu import fit as fitting

ROOT = Path(__file__).resolve().parent.parent
QUICK = list(gpu_work.workloads(quick=True))


GROUPS = [kind for _, kind, _ in gpu.GOALS]


def made_up(ratio: float, groups: Any = GROUPS) -> list[dict[str, Any]]:
    def spread(value: float) -> dict[str, float]:
        return {"median": value, "low": value * 0.9, "high": value * 1.1}

    return [
        {
            "group": group,
            "name": f"{group} {i}",
            "title": f"{group} {i}",
            "unit": "s",
            "moved": None,
            "values": {"minigrad": spread(ratio * 1e-3), "PyTorch": spread(1e-3)},
            "ratios": {"minigrad": spread(ratio), "PyTorch": spread(1.0)},
            "host": {"minigrad": 4e-4, "PyTorch": 3e-4},
            "device": {"minigrad": 5e-4, "PyTorch": None},
        }
        for group in groups
        for i in range(2)
    ]


class FixedClock:
    """A clock that says 2 s of some calls and 1 s of the others."""

    def __init__(self, slow: Any = None):
        self.slow = slow

    def seconds(self, call: Any, count: int) -> float:
        return 2.0 if call is self.slow else 1.0

    def host(self, call: Any) -> float:
        return 0.5

    def device(self, call: Any, host: float) -> float | None:
        return None


@pytest.mark.parametrize(("group", "name", "job"), QUICK, ids=[name for _, name, _ in QUICK])
def test_a_workload_is_the_same_in_both_libraries(group: str, name: str, job: Any) -> None:
    pytest.importorskip(
        "torch", reason="PyTorch is not installed, so there is nothing to compare with"
    )
    calls = {library.name: job(library) for library in twins()}
    if group == "blocks":
        assert calls.pop("PyTorch") is None
        assert gpu.measure(calls, FixedClock(), rounds=3)["values"]["minigrad"]["median"] == 1
        return
    clock = FixedClock(calls["minigrad"])
    row = gpu.measure(calls, clock, rounds=3) | gpu.apart(calls, clock)
    assert row["host"] == {"minigrad": 0.5, "PyTorch": 0.5} and row["device"]["PyTorch"] is None
    assert row["ratios"]["minigrad"]["median"] == 2 and row["values"]["PyTorch"]["median"] == 1


def test_each_kernel_runs() -> None:
    gpu_work.each_kernel_once(strict_device.NAME)


def test_the_sizes_are_those_of_the_goals(monkeypatch: pytest.MonkeyPatch) -> None:
    for job in ("layer", "copy_task", "sentiment", "linear", "adam"):  # draws its numbers at once
        monkeypatch.setattr(gpu_work, job, lambda *args, **settings: None)
    found = [(group, name) for group, name, _ in gpu_work.workloads(quick=False)]
    sizes = {"lesson": ["100,500,32,64", "15,32,32,64"], "middle": ["50,64,128,256"]}
    sizes["large"] = ["100,256,512,1024"]
    for group, several in sizes.items():
        names = {name for kind, name in found if kind.startswith(group)}
        assert names == {f"{kind} {size}" for size in several for kind in ("LSTM", "GRU", "RNN")}
    for group, words in (("lengths", "with lengths"), ("directions", "two directions")):
        names = [name for kind, name in found if kind == group]
        assert names == [f"{kind} 100,500,32,64, {words}" for kind in ("LSTM", "GRU", "RNN")]
    assert {group for group, _ in found} == {*GROUPS, "others", "blocks"}
    assert gpu_work.BLOCKS == fitting.ROWS


def test_blocks_of_fewer_sequences_are_asked_for_and_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    ours, theirs = SimpleNamespace(name="minigrad"), SimpleNamespace(name="PyTorch")
    call = gpu_work.with_blocks_of(2, lambda library: lambda: seen.append(fitting.ROWS) or {})
    assert call(theirs) is None and call(ours)() == {}
    assert seen == [(2, 1)] and fitting.ROWS == (4, 2, 1)


def test_a_wrong_result_is_refused_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def job(library: Any) -> Any:
        return lambda: {"y": 1.0 if library.name == "PyTorch" else 1.1}

    def fail(library: Any) -> Any:
        raise RuntimeError("out of memory")

    right = ("layers", "right", lambda library: lambda: {"y": 1.0})
    monkeypatch.setattr(
        gpu, "workloads", lambda quick: [("layers", "wrong", job), ("layers", "large", fail), right]
    )
    both = [SimpleNamespace(name=name) for name in ("minigrad", "PyTorch")]
    events = list(gpu.run(False, both, FixedClock()))
    assert [event["name"] for event in events if "begins" in event] == ["wrong", "large", "right"]
    assert [event["row"]["name"] for event in events if "row" in event] == ["right"]
    problems = [line for event in events for line in event.get("problems", [])]
    assert problems[0].startswith(
        "wrong: refused: the results differ: y: minigrad and PyTorch differ by 1.0e-01"
    )
    assert problems[1:] == ["large: refused: RuntimeError: out of memory"]
    first = {"group": "layers", "name": "right", "begins": 2}
    assert next(gpu.run(False, both, FixedClock(), begin=2)) == first
    late = list(gpu.run(False, both, FixedClock(), until=0.0))
    assert [event["name"] for event in late] == ["wrong", "large", "right"]
    assert late[0]["problems"] == ["wrong: left out, since its time was up"]


def one_workload(job: Any, clock: Any, monkeypatch: pytest.MonkeyPatch, graphs: Any = None) -> Any:
    """The last event of a run of this job alone."""
    monkeypatch.setattr(gpu, "workloads", lambda quick: [("layers", "one", job)])
    both = [SimpleNamespace(name=name) for name in ("minigrad", "PyTorch")]
    *_, event = gpu.run(False, both, clock, graphs=graphs)
    return event


def test_a_time_of_the_device_that_cannot_be_had_costs_no_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class NoDevice(FixedClock):
        def device(self, call: Any, host: float) -> float | None:
            raise RuntimeError("no such register\nand 99 lines of a compiler")

    event = one_workload(lambda library: lambda: {"y": 1.0}, NoDevice(), monkeypatch)
    assert event["problems"] == ["one: refused: RuntimeError: no such register"]
    assert event["row"]["ratios"]["minigrad"]["median"] == 1
    assert gpu.parts_of(event["row"]) == [""] * 4


def test_what_a_workload_warns_of_is_in_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, however often it is said."""

    def run() -> dict[str, float]:
        warnings.warn("CUDA refuses the kernel", stacklevel=1)
        return {"y": 1.0}

    event = one_workload(lambda library: run, FixedClock(), monkeypatch)
    assert event["problems"] == ["one: warned: CUDA refuses the kernel"]
    assert event["row"]["values"]["minigrad"]["median"] == 1


@pytest.mark.parametrize(
    ("kept", "said"), [({}, False), ({1: False, 2: "graph"}, False), ({1: False}, True)], ids=str
)
def test_a_loop_that_never_becomes_a_graph_is_in_the_report(
    monkeypatch: pytest.MonkeyPatch, kept: Any, said: bool
) -> None:
    graphs = SimpleNamespace(kept=lambda: kept)
    event = one_workload(lambda library: dict, FixedClock(), monkeypatch, graphs)
    assert event["problems"] == ["one: warned: its steps are no CUDA graph"] * said
    assert not kept  # the next workload begins without


def test_a_goal_is_not_met_where_a_workload_of_it_has_no_row() -> None:
    events = [
        {"group": "lesson", "name": "a", "begins": 0},
        {"row": {"name": "a"}},
        {"group": "lesson", "name": "b", "begins": 1},
        {"group": "large", "name": "c", "problems": ["c: left out"]},
        {"group": "middle", "name": "d", "begins": 3},
        {"row": {"name": "d"}},
    ]
    missing = gpu_apart.lacking(events)
    assert missing == {"lesson", "large"}
    verdicts = [met for _, met, _ in gpu.goals(made_up(0.4), missing)]
    want = ["not all measured" if group in missing else "met" for group in GROUPS]
    assert verdicts == want and len(set(want)) == 2
    assert "missed" in [met for _, met, _ in gpu.goals(made_up(1.0), missing)]  # that it is


WORKER = """
import json, os, sys, time
file, begin = sys.argv[1], int(sys.argv[2])
def tell(**event):
    with open(file, "a") as opened:
        opened.write("\\n" + json.dumps(event) + "\\n")
tell(about={"device": "one"})
for number, name in enumerate(["good", "crashes", "hangs", "broken", "last"]):
    if number < begin:
        continue
    tell(begins=number, name=name)
    if name == "crashes":
        os._exit(9)
    if name == "hangs":
        time.sleep(60)
    if name == "broken":
        tell(problems=["broken: refused: an address"])
        open(file, "a").write('{"row": {"na')  # half a line
        sys.exit(3)
    tell(row={"name": name})
"""


def test_a_workload_that_ends_its_process_costs_no_other(tmp_path: Path) -> None:
    """One that crashes, one that never ends, and one behind which the device takes no work."""
    found = gpu_apart.run_apart([sys.executable, "-c", WORKER], tmp_path / "rows", patience=2.0)
    assert found.about == {"device": "one"}
    assert [row["name"] for row in found.rows] == ["good", "last"]
    assert sorted(found.problems) == [
        "broken: refused: an address",
        "crashes: refused: the process ended with 9",
        "hangs: refused: the process was stopped after 2 s",
    ]


def test_a_process_that_does_not_begin_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit(1)"]
    found = gpu_apart.run_apart(command, tmp_path / "rows")
    said = "the workloads from number 0 on: refused: the process ended with 1"
    assert found == ({}, [], [said], set(), False)


SECOND_TIME = """
import json, os, sys
file, begin = sys.argv[1], int(sys.argv[2])
if not os.path.exists(file):
    open(file, "w").close()
    sys.exit(1)
with open(file, "a") as opened:
    for event in ({"begins": 0, "name": "one", "group": "lesson"}, {"row": {"name": "one"}}):
        opened.write(json.dumps(event) + "\\n")
"""


def test_a_process_that_does_not_begin_is_tried_once_more(tmp_path: Path) -> None:
    found = gpu_apart.run_apart([sys.executable, "-c", SECOND_TIME], tmp_path / "rows")
    assert found == ({}, [{"name": "one"}], [], set(), True)


def test_no_goal_is_met_where_workloads_never_began(tmp_path: Path) -> None:
    for went_through, verdict in ((True, " met "), (False, " not all measured ")):
        found = gpu_apart.Found({}, made_up(0.4), [], set(), went_through)
        lines = gpu.write(tmp_path, found, {}).splitlines()
        of_goals = [line for line in lines if "at most" in line]
        assert len(of_goals) == len(gpu.GOALS)
        assert all(verdict in line for line in of_goals)


def test_goals_are_judged_by_the_rows() -> None:
    limits = [limit for _, _, limit in gpu.GOALS]
    for ratio in (0.45, 0.7, 0.92, 1.05, 1.3):
        want = ["met" if ratio <= limit else "missed" for limit in limits]
        assert [met for _, met, _ in gpu.goals(made_up(ratio))] == want
    assert [met for _, met, _ in gpu.goals([])] == ["not measured"] * len(limits)
    ours_alone = [
        {**row, "values": {"minigrad": row["values"]["minigrad"]}, "ratios": {}}
        for row in made_up(1.0)
    ]
    assert [met for _, met, _ in gpu.goals(ours_alone)] == ["not measured"] * len(limits)


CUDA = SimpleNamespace(
    runtime=SimpleNamespace(
        getDeviceProperties=lambda i: {"name": b"Some GPU"},
        memGetInfo=lambda: (0, 2**37),
        driverGetVersion=lambda: 13010,
        runtimeGetVersion=lambda: 12090,
    )
)


def test_the_report_says_what_when_and_on_what() -> None:
    device = gpu_machine.device_conditions(CUDA)
    assert (
        device["device"] == "Some GPU, 128 GiB"
        and device["CUDA"] == "12.9"
        and "13.1" in device["driver"]
    )
    torch = SimpleNamespace(
        __version__="2.13.0", backends=SimpleNamespace(cudnn=SimpleNamespace(version=lambda: 91900))
    )
    checks = {"compute-sanitizer memcheck": "clean"}
    device["versions"] = gpu_machine.versions(torch)
    about = gpu.conditions(device, False, checks, 321.0)
    text = gpu.report(made_up(1.2), about, ["some: left out"])
    assert re.search(r"^- date: 20\d\d-\d\d-\d\d \d\d:\d\d UTC$", text, re.MULTILINE)
    for line in (
        "- device: Some GPU, 128 GiB",
        "PyTorch 2.13.0, cuDNN 91900",
        "- products: float32, without TF32",
        "- compute-sanitizer memcheck: clean",
        "- all in all: 321 s",
        "- some: left out",
    ):
        assert line in text
    (line,) = [line for line in text.splitlines() if line.startswith("| lesson 0 ")]
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "lesson 0",
        "1.20 ms ±10%",
        "1.00 ms ±10%",
        "1.20 (1.08 to 1.32)",
        *["400 µs", "500 µs", "300 µs", ""],
    ]
    assert "| 4. large products: at most 1.1" in text and " missed " in text
    json.dumps({"conditions": about, "rows": made_up(1.2)})


def test_the_verdict_of_a_check() -> None:
    clean = "========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n"
    judge = gpu_checks.judge_sanitizer
    assert judge(0, clean) == "clean (ERROR SUMMARY: 0 errors)"
    wrong = clean.replace("0 errors", "3 errors")
    assert judge(9, wrong) == "failed with 9 (ERROR SUMMARY: 3 errors)"
    assert judge(1, "Traceback\nImportError: cupy") == "failed with 1 (ImportError: cupy)"
    assert judge(2, "") == "failed with 2 (no output)"
    assert gpu_checks.judge_tests(0, "..\n== 2 passed in 1.0s ==\n") == "passed (2 passed in 1.0s)"


def test_checks_run_beside_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that passes, one that fails, one that takes too long, and one that is not there."""

    def python(code: str) -> list[str]:
        return [sys.executable, "-c", code]

    judge = gpu_checks.judge_tests
    found = {
        "good": (python("print('1 passed')"), judge),
        "bad one": (python("print('1 failed'); raise SystemExit(1)"), judge),
        "endless": (python("import time; print('so far', flush=True); time.sleep(60)"), judge),
        "missing": (["no-such-command"], judge),
    }
    monkeypatch.setattr(gpu_checks, "commands", lambda: found)
    assert gpu_checks.run_checks(tmp_path, limit=5.0) == {
        "good": "passed (1 passed)",
        "bad one": "failed with 1 (1 failed)",
        "endless": "not finished within 5 s (so far)",
        "missing": "not run: no compute-sanitizer here",
    }
    assert (tmp_path / "bad_one.txt").read_text("utf-8") == "1 failed\n"


def test_the_checks_are_the_tests_and_both_tools() -> None:
    commands = gpu_checks.commands()
    *tests, memcheck, racecheck = commands
    assert (memcheck, racecheck) == ("compute-sanitizer memcheck", "compute-sanitizer racecheck")
    assert "racecheck" in commands[racecheck][0] and "--unpooled" not in commands[racecheck][0]
    assert commands[memcheck][0][-2:] == ["--kernels", "--unpooled"]
    assert [commands[name][0][-2:] for name in tests] == [["-k", part] for part in gpu_checks.PARTS]
    names = re.findall(
        r"^def (test_\w+)", (ROOT / "tests" / "test_gpu.py").read_text("utf-8"), re.M
    )
    for part in gpu_checks.PARTS[:2]:  # the third has all others
        assert len([name for name in names if part in name]) == 1


def test_only_files_with_tests_of_a_gpu_are_collected() -> None:
    """Those three, and in no other file is a test that the run would miss."""
    files = {Path(file).name for file in gpu_checks.files_with_tests()}
    assert files == {"test_benchmarks_gpu.py", "test_gpu.py", "test_nn_device.py"}
    marked = re.compile(r"mark\.gpu\b|marks=\w*\bgpu\b")
    for path in (ROOT / "tests").rglob("*.py"):
        assert path.name in files or not marked.search(path.read_text("utf-8")), path


class Event:
    """A clock that goes on by a millisecond whenever somebody looks."""

    now = 0.0
    done = False  # the device is still busy

    def record(self) -> None:
        Event.now += 1.0
        self.at = Event.now

    def synchronize(self) -> None:
        pass


def test_a_call_that_waits_for_the_device_has_no_time_of_its_own() -> None:
    cuda = SimpleNamespace(Event=Event, get_elapsed_time=lambda start, end: end.at - start.at)
    cupy = SimpleNamespace(cuda=cuda, RawKernel=lambda code, name: lambda *arguments: None)
    clock = Clock(cupy)
    assert clock.device(lambda: None, 0.1) == 1e-3

    def waits() -> None:
        Event.done = True

    try:
        assert clock.device(waits, 0.1) is None
    finally:
        Event.done = False


def test_the_command_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """With the CPU in the place of the GPU, and a made-up clock."""
    cuda = SimpleNamespace(
        **vars(CUDA), Event=Event, get_elapsed_time=lambda start, end: end.at - start.at
    )
    kernel = SimpleNamespace(RawKernel=lambda code, name: lambda grid, block, arguments: None)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda, **vars(kernel)))
    monkeypatch.setattr(gpu, "why_unusable", lambda: "")
    monkeypatch.setattr(gpu, "gpu_twins", lambda tf32: twins()[:1])
    monkeypatch.setattr(gpu, "minigrads_graphs", lambda: None)
    monkeypatch.setattr(gpu, "workloads", lambda quick: QUICK[-1:])
    monkeypatch.setenv("CUPY_TF32", "1")

    def follow(command: list[str], file: Path, patience: float) -> str:
        assert command[1:5] == ["-m", "benchmarks.gpu", "--quick", "--until"]
        call(command[3:])
        return ""

    def call(arguments: list[str]) -> None:
        monkeypatch.setattr(sys, "argv", ["gpu", *arguments])
        gpu.main()

    monkeypatch.setattr(gpu_apart, "follow", follow)
    call(["--quick", "--out", str(tmp_path / "new")])
    text = (tmp_path / "new" / "RESULTS_GPU.md").read_text("utf-8")
    assert text.strip() == capsys.readouterr().out.strip() and "- device: Some GPU" in text
    assert "- PyTorch: it is not installed, or not for CUDA, so nothing is compared" in text
    assert not (tmp_path / "new" / "gpu_rows.jsonl").exists()  # all of it is in the results
    (row,) = json.loads((tmp_path / "new" / "results_gpu.json").read_text("utf-8"))["rows"]
    assert row["title"] == QUICK[-1][1] and row["values"]["minigrad"]["median"] > 0
    assert row["host"]["minigrad"] > 0 and row["device"]["minigrad"] == 1e-3
    called = []
    monkeypatch.setattr(gpu, "each_kernel_once", lambda: called.append(1))
    call(["--kernels"])
    assert called == [1]
    cuda.set_allocator = called.append
    call(["--kernels", "--unpooled"])
    assert called == [1, None, 1]
    monkeypatch.setattr(gpu, "workloads", lambda quick: [("layers", "bad", lambda library: 1 / 0)])
    monkeypatch.setattr(gpu, "is_usable", lambda clock: False)
    with pytest.raises(SystemExit) as ended:
        call(["--worker", str(tmp_path / "rows"), "0"])
    assert ended.value.code == gpu.BROKEN
    assert "ZeroDivisionError" in gpu_apart.events_of(tmp_path / "rows")[-1]["problems"][0]


def test_a_device_that_takes_no_more_work_is_found() -> None:
    assert gpu.is_usable(SimpleNamespace(wait=lambda: None))
    assert not gpu.is_usable(SimpleNamespace(wait=lambda: 1 / 0))


@pytest.mark.skipif(mg.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_what_it_needs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert "no GPU is usable here (" in done.stderr and "needs an NVIDIA driver" in done.stderr
    (left,) = tmp_path.iterdir()
    said = left.read_text("utf-8")
    assert said.startswith("no GPU is usable: ") and f"\nnumpy {np.__version__}\n" in said


class Broken:
    """A CuPy whose library for another CUDA cannot be loaded."""

    def is_available(self) -> bool:
        raise ImportError("libnvrtc.so.12: cannot open shared object file\nand more")


class WithoutDriver:
    """A CuPy that finds no device, and where the driver says why, or does not."""

    def __init__(self, count: Any):
        self.cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=count))

    def is_available(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("cupy", "why"),
    [
        (SimpleNamespace(is_available=lambda: True), ""),
        (Broken(), "ImportError: libnvrtc.so.12: cannot open shared object file"),
        (WithoutDriver(lambda: 1 / 0), "ZeroDivisionError: division by zero"),
        (WithoutDriver(lambda: 0), "CuPy finds no device"),
        (None, "ModuleNotFoundError: import of cupy halted; None in sys.modules"),
    ],
    ids=["usable", "another CUDA", "no driver", "no device", "no CuPy"],
)
def test_why_no_gpu_is_usable(cupy: Any, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert gpu_machine.why_unusable() == why


def test_a_device_that_another_process_holds_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, in the results, by a worker that cannot begin."""

    def refuse(*args: Any) -> None:
        raise RuntimeError("cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy")

    monkeypatch.setattr(gpu, "prepare", refuse)
    options = gpu.parse(["--worker", str(tmp_path / "rows"), "0"])

    def follow(command: list[str], file: Path, patience: float) -> str:
        with pytest.raises(RuntimeError, match="busy"):
            gpu.work(options)
        return "ended with 1"

    monkeypatch.setattr(gpu_apart, "follow", follow)
    found = gpu_apart.run_apart([], tmp_path / "rows")
    busy = "RuntimeError: cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy"
    ended = "the workloads from number 0 on: refused: the process ended with 1"
    assert found.problems == [f"no workload: refused: {busy}", ended]
    gpu.write(tmp_path, found, {})
    assert "refused: RuntimeError: cuda" in (tmp_path / "RESULTS_GPU.md").read_text("utf-8")


@pytest.mark.gpu
def test_it_runs_on_a_gpu(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| LSTM 9,8,16,32 " in (tmp_path / "RESULTS_GPU.md").read_text("utf-8")
    assert json.loads((tmp_path / "results_gpu.json").read_text("utf-8"))["rows"]
