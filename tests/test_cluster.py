"""The demos' runs on another engine of joblib's: a Dask cluster of two workers, each a process of
its own."""

import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the demos need the extra demos")
pytest.importorskip("joblib", reason="the demos need the extra demos")
distributed = pytest.importorskip("distributed", reason="a Dask cluster needs the extra dask")

from demos import cluster  # noqa: E402
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


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def talking_port() -> Iterator[int]:
    """A port of another service, which greets with what is no word of Dask's."""
    opened: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    opened.append(connection)
                    connection.sendall(b"220 mail.example ESMTP\r\n" * 10)

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in opened:
            connection.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cluster, "SECONDS_TO_ANSWER", 1)
    monkeypatch.setattr(cluster, "SECONDS_FOR_WORKERS", 2)
    cluster.fault_of.cache_clear()
    before = random.getstate()
    yield
    random.setstate(before)
    cluster.fault_of.cache_clear()


def fault_within(address: str, seconds: float) -> str:
    """The sentence with which the program ends, within a time."""
    began = time.monotonic()
    with pytest.raises(SystemExit) as ended:
        cluster.check(address)
    assert time.monotonic() - began < seconds
    sentence = str(ended.value)
    assert sentence.startswith(f"--scheduler {address}: expected ") and "\n" not in sentence
    return sentence


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("impatient")
def test_a_silent_port_is_given_up(silent_port: int) -> None:
    said = fault_within(f"tcp://127.0.0.1:{silent_port}", 10)
    assert "got no answer within 1 s" in said


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("impatient")
def test_another_service_is_no_scheduler(talking_port: int) -> None:
    fault_within(f"tcp://127.0.0.1:{talking_port}", 10)


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "tcp://", "not an address", "bogus://x:1", "", "tcp://h:x"]
)
def test_what_is_no_address_of_a_scheduler_is_said(address: str) -> None:
    fault_within(address, 10)


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("impatient")
def test_a_scheduler_without_workers_is_given_up() -> None:
    with distributed.LocalCluster(n_workers=0, dashboard_address=None) as empty:
        said = fault_within(empty.scheduler_address, 15)
    assert "got none within 2 s" in said


def test_a_cluster_is_asked_before_the_work(tmp_path: Path) -> None:
    words = ["--backend", "dask", "--scheduler", "bogus://x:1", "--out", tmp_path]
    done = python("-m", "demos", "s2", "--quick", *words)
    assert (
        done.returncode == 1
        and "Traceback" not in done.stderr
        and not done.stdout.strip("\n[1of]. ")
    )
    assert done.stderr.count("\n") == 1 and "unknown address scheme" in done.stderr


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
