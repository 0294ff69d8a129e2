"""The demos on PyTorch: `python -m demos --engine torch`.

Where weights, data and masks are shared, the losses of both engines agree.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the second engine is PyTorch")
pytest.importorskip("matplotlib", reason="the demos need the extra demos")

from demos.engines import families

ROOT = Path(__file__).parent.parent
SMALL_LOSS = 1e-4  # what is asked for; rounding in float32 makes some 1e-6 of it


def run(engine: str, *command: str) -> str:
    environment = {**os.environ, "DEMOS_ENGINE": engine, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def losses() -> dict[str, dict[str, list[float]]]:
    """engine -> family -> its first losses."""
    return {
        engine: json.loads(run(engine, "demos.engines.families"))
        for engine in ("minigrad", "torch")
    }


@pytest.mark.parametrize("family", families.FAMILIES)
def test_the_first_fifty_losses_agree(
    family: str, losses: dict[str, dict[str, list[float]]]
) -> None:
    ours, theirs = (np.array(losses[engine][family]) for engine in ("minigrad", "torch"))
    assert len(ours) == families.STEPS == 50
    assert np.ptp(ours) > 0.01, "nothing was learned, so that little is compared"
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=SMALL_LOSS)


def test_a_family_is_run_by_pytorch_alone() -> None:
    """None of minigrad's ops is called in a training on PyTorch, nor its backward."""
    program = (
        "from demos import engines; engines.choose('torch')\n"
        "import minigrad, nn, torch\n"
        "from demos.engines import families, torch_nn\n"
        "backwards = []\n"
        "run = torch.Tensor.backward\n"
        "torch.Tensor.backward = lambda *a, **k: (backwards.append(1), run(*a, **k))[1]\n"
        "real = torch_nn.minigrad\n"
        "def refuse(*a, **k): raise AssertionError('an op of minigrad')\n"
        "for name in ('sigmoid', 'tanh', 'cat', 'matmul'): setattr(real, name, refuse)\n"
        "real.Tensor.backward = refuse\n"
        "families.FAMILIES['sentiment, attention']()\n"
        "assert minigrad.Tensor is torch.Tensor and issubclass(nn.Module, torch.nn.Module)\n"
        "print(len(backwards))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.split() == ["50"]


def test_a_script_runs_on_pytorch_in_workers_too(tmp_path: Path) -> None:
    said = run(
        "minigrad",
        *["demos", "s1", "--quick", "--engine", "torch", "--jobs", "2", "--out", str(tmp_path)],
    )
    assert "not run" not in said
    (record, *_) = (tmp_path / "runs" / "s1" / "gradient_flow").glob("kind=RNN-start=default*")
    torch_run = json.loads(record.read_text("utf-8"))["result"]["hidden"]
    plain = tmp_path / "minigrad"
    run("minigrad", "demos", "s1", "--quick", "--out", str(plain))
    (twin,) = (plain / "runs" / "s1" / "gradient_flow").glob(f"{record.name.rpartition('-')[0]}*")
    ours = json.loads(twin.read_text("utf-8"))["result"]["hidden"]
    assert torch_run != ours  # another engine rounds otherwise
    np.testing.assert_allclose(torch_run, ours, rtol=1e-3)


def test_what_is_about_minigrad_itself_is_named_and_left_out(tmp_path: Path) -> None:
    said = run("minigrad", *["demos", "s0", "--engine", "torch", "--quick", "--out", str(tmp_path)])
    assert "s0 is not run on PyTorch: it draws the graph of minigrad" in said


@pytest.mark.parametrize("extra", [["--device", "cuda"], ["--backend", "dask"]])
def test_the_second_engine_runs_on_this_cpu(extra: list[str], tmp_path: Path) -> None:
    if importlib.util.find_spec("cupy"):
        pytest.skip("another sentence is said where CuPy is installed")
    done = subprocess.run(
        [sys.executable, "-m", "demos", "s1", "--engine", "torch", *extra],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
