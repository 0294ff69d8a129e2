"""The benchmark for a GPU, as far as it goes without one: its workloads on the CPU, its report from
made-up timings."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import strict_device

import minigrad as mg
from benchmarks import gpu, gpu_work
from benchmarks.libraries import twins

ROOT = Path(__file__).resolve().parent.parent
QUICK = list(gpu_work.workloads(quick=True))


def made_up(ratio: float, groups: Any = ("layers", "training", "products")) -> list[dict[str, Any]]:
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
        }
        for group in groups
        for i in range(2)
    ]


@pytest.mark.parametrize(("group", "name", "job"), QUICK, ids=[name for _, name, _ in QUICK])
def test_a_workload_is_the_same_in_both_libraries(group: str, name: str, job: Any) -> None:
    pytest.importorskip(
        "torch", reason="PyTorch is not installed, so there is nothing to compare with"
    )
    calls = {library.name: job(library) for library in twins()}
    row = gpu.measure(
        calls, lambda call, count: 2.0 if call is calls["minigrad"] else 1.0, rounds=3
    )
    assert row["ratios"]["minigrad"]["median"] == 2 and row["values"]["PyTorch"]["median"] == 1


def test_each_kernel_runs() -> None:
    gpu_work.each_kernel_once(strict_device.NAME)


def test_the_sizes_are_those_of_the_goals() -> None:
    names = [name for group, name, _ in gpu_work.workloads(quick=False) if group == "layers"]
    sizes = "100,500,32,64", "50,64,128,256", "100,256,512,1024"
    assert names == [f"{kind} {size}" for size in sizes for kind in ("LSTM", "GRU")]


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
    rows, problems = gpu.run(False, both, lambda call, count: 0.5)
    assert [row["name"] for row in rows] == ["right"]
    assert problems[0].startswith(
        "wrong: refused: the results differ: y: minigrad and PyTorch differ by 1.0e-01"
    )
    assert problems[1:] == ["large: refused: RuntimeError: out of memory"]
    monkeypatch.setattr(gpu, "LIMIT", -1.0)
    assert gpu.run(False, both, lambda call, count: 0.5)[1] == [
        f"{x}: left out, since -1 s had passed" for x in ("wrong", "large", "right")
    ]


def test_goals_are_judged_by_the_rows() -> None:
    assert [met for _, met, _ in gpu.goals(made_up(1.05))] == ["met"] * 3
    assert [met for _, met, _ in gpu.goals(made_up(1.3))] == ["met", "met", "missed"]
    assert [met for _, met, _ in gpu.goals(made_up(2.0))] == ["missed"] * 3
    assert [met for _, met, _ in gpu.goals([])] == ["not measured"] * 3
    ours_alone = [
        {**row, "values": {"minigrad": row["values"]["minigrad"]}, "ratios": {}}
        for row in made_up(1.0)
    ]
    assert [met for _, met, _ in gpu.goals(ours_alone)] == ["not measured"] * 3


CUDA = SimpleNamespace(
    runtime=SimpleNamespace(
        getDeviceProperties=lambda i: {"name": b"Some GPU"},
        memGetInfo=lambda: (0, 2**37),
        driverGetVersion=lambda: 13010,
        runtimeGetVersion=lambda: 12090,
    )
)


def test_the_report_says_what_when_and_on_what() -> None:
    device = gpu.device_conditions(CUDA)
    assert (
        device["device"] == "Some GPU, 128 GiB"
        and device["CUDA"] == "12.9"
        and "13.1" in device["driver"]
    )
    torch = SimpleNamespace(
        __version__="2.13.0", backends=SimpleNamespace(cudnn=SimpleNamespace(version=lambda: 91900))
    )
    about = gpu.conditions(device, torch, False, "clean", 321.0)
    text = gpu.report(made_up(1.2), about, ["some: left out"])
    assert re.search(r"^- date: 20\d\d-\d\d-\d\d \d\d:\d\d UTC$", text, re.MULTILINE)
    for line in (
        "- device: Some GPU, 128 GiB",
        "PyTorch 2.13.0, cuDNN 91900",
        "- products: float32, without TF32",
        "- compute-sanitizer: clean",
        "- all in all: 321 s",
        "- some: left out",
    ):
        assert line in text
    (line,) = [line for line in text.splitlines() if line.startswith("| layers 0 ")]
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "layers 0",
        "1.20 ms ±10%",
        "1.00 ms ±10%",
        "1.20 (1.08 to 1.32)",
    ]
    assert "| 3. large products: at most 1.1 of PyTorch" in text and " missed " in text
    json.dumps({"conditions": about, "rows": made_up(1.2)})


def test_the_verdict_of_the_sanitizer() -> None:
    clean = "========= COMPUTE-SANITIZER\n========= ERROR SUMMARY: 0 errors\n"
    assert gpu.verdict(0, clean) == "clean (ERROR SUMMARY: 0 errors)"
    assert (
        gpu.verdict(9, clean.replace("0 errors", "3 errors"))
        == "failed with 9 (ERROR SUMMARY: 3 errors)"
    )
    assert gpu.verdict(1, "Traceback\nImportError: cupy") == "failed with 1 (ImportError: cupy)"
    assert gpu.verdict(2, "") == "failed with 2 (no output)"


class Event:
    """A clock that goes on by a millisecond whenever somebody looks."""

    now = 0.0

    def record(self) -> None:
        Event.now += 1.0
        self.at = Event.now

    def synchronize(self) -> None:
        pass


def test_the_command_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """With the CPU in the place of the GPU, and a made-up clock."""
    cuda = SimpleNamespace(
        **vars(CUDA), Event=Event, get_elapsed_time=lambda start, end: end.at - start.at
    )
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(mg.cuda, "is_available", lambda: True)
    monkeypatch.setattr(gpu, "gpu_twins", lambda tf32: twins()[:1])
    monkeypatch.setattr(gpu, "workloads", lambda quick: QUICK[-1:])
    monkeypatch.setattr(sys, "argv", ["gpu", "--quick", "--out", str(tmp_path / "new")])
    monkeypatch.setenv("CUPY_TF32", "1")
    gpu.main()
    text = (tmp_path / "new" / "RESULTS_GPU.md").read_text("utf-8")
    assert text.strip() == capsys.readouterr().out.strip() and "- device: Some GPU" in text
    assert "- PyTorch: it is not installed, or not for CUDA, so nothing is compared" in text
    (row,) = json.loads((tmp_path / "new" / "results_gpu.json").read_text("utf-8"))["rows"]
    assert row["title"] == QUICK[-1][1] and row["values"]["minigrad"]["median"] > 0
    called = []
    monkeypatch.setattr(gpu, "each_kernel_once", lambda: called.append(1))
    monkeypatch.setattr(sys, "argv", ["gpu", "--kernels"])
    gpu.main()
    assert called == [1]


@pytest.mark.skipif(mg.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_what_it_needs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (
        done.returncode == 1
        and "no GPU is usable here; it needs an NVIDIA driver and CuPy" in done.stderr
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.gpu
def test_it_runs_on_a_gpu(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--quick", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "compute-sanitizer: " in (tmp_path / "RESULTS_GPU.md").read_text("utf-8")
    assert json.loads((tmp_path / "results_gpu.json").read_text("utf-8"))["rows"]
