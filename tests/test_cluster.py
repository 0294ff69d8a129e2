"""The demos' runs on another engine of joblib's: a Dask cluster of two workers, each a process of
its own."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the demos need the extra demos")
pytest.importorskip("joblib", reason="the demos need the extra demos")
distributed = pytest.importorskip("distributed", reason="a Dask cluster needs the extra dask")

from tests.test_demos import python  # noqa: E402

WORDS = ["-m", "demos", "s2", "s4", "--quick"]


@pytest.fixture
def scheduler() -> Iterator[str]:
    before = random.getstate()  # distributed draws from it
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address
    random.setstate(before)


def shown(out: Path) -> list[Any]:
    """What the sections say, without how long it took."""
    results = json.loads((out / "results.json").read_text("utf-8"))
    return [[section["blocks"], section["experiments"].keys()] for section in results["sections"]]


@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_gives_the_same_numbers(tmp_path: Path, scheduler: str) -> None:
    here = python(*WORDS, "--out", tmp_path / "here")
    there = python(
        *WORDS, "--out", tmp_path / "there", "--backend", "dask", "--scheduler", scheduler
    )
    assert (here.returncode, there.returncode) == (0, 0), here.stderr + there.stderr
    assert shown(tmp_path / "here") == shown(tmp_path / "there")
    with distributed.Client(scheduler) as client:
        ran = client.run(lambda dask_worker: dask_worker.state.transition_counter)
    assert len(ran) == 2 and min(ran.values()) > 0  # both had work


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--backend", "dask"], "--backend dask and --scheduler ADDRESS go together"),
        (
            ["--scheduler", "tcp://127.0.0.1:1"],
            "--backend dask and --scheduler ADDRESS go together",
        ),
        (["x2", "--csv", "setup.cfg", "--column", "a"], "--csv is for x3, not for x2"),
        (["x3", "--csv", "setup.cfg"], "--csv and --column go together"),
        (["x2", "--text", "nowhere.txt"], "there is no file nowhere.txt"),
    ],
)
def test_options_that_do_not_fit_are_refused(words: list[str], said: str) -> None:
    done = python("-m", "demos", *words)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, (
        done.stderr
    )
