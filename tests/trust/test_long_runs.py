"""A run over night: memory stays flat, steps take as long at the end as at the start, and whatever
stops it (Ctrl-C, a full disk, a second process in the same folder) leaves every file that was
written whole."""

import errno
import gc
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import minigrad as mg
import nn
from demos import store

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@pytest.mark.untraced
def test_a_long_training_keeps_its_memory_and_its_speed(many: Any, say: Any) -> None:
    """A small LSTM with all that a training has; a tenth of the steps is a block, in seconds of
    processor time."""
    steps = many(2_000, 100_000)
    model = nn.Sequential(
        nn.Embedding(11, 4), nn.LSTM(4, 8, num_layers=2, dropout=0.1, batch_first=True)
    )
    head = nn.Linear(8, 2)
    optimizer = nn.optim.Adam([*model.parameters(), *head.parameters()], lr=1e-3)
    scheduler = nn.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    loader = nn.data.DataLoader(
        nn.data.TensorDataset(mg.randint(0, 11, (32, 5)), mg.randint(0, 2, (32,))), 8, shuffle=True
    )
    memory, blocks, seconds, done = [], [], [], 0
    while done < steps:
        began = time.process_time()
        for _ in range(steps // 10 // len(loader)):
            for ids, answers in loader:
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(head(model(ids)[0][:, -1]), answers)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                scheduler.step()
                done += 1
        seconds.append(time.process_time() - began)
        gc.collect()
        memory.append(resident())
        blocks.append(sys.getallocatedblocks())
    grown = memory[-1] - memory[1]
    slower = min(seconds[5:]) / min(seconds[:5]) - 1
    assert blocks[-1] - blocks[1] < 200, blocks  # a node that stays at each step would be thousands
    assert grown < 4_000_000, memory
    assert slower < many(1, 0.15), seconds  # the machine does other things, too
    say(
        f"long run: {done:,} steps of an LSTM in {sum(seconds):.0f} s of processor time; from the "
        f"second tenth to the last memory grew by {grown / 1e6:.2f} MB, by "
        f"{blocks[-1] - blocks[1]} blocks of Python's, and a step became {slower:+.1%} slower"
    )


def resident() -> int:
    """Bytes of memory that this process holds now; where no /proc says so, the most that it has
    held."""
    try:
        return (
            int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
            * resource.getpagesize()
        )
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# Ctrl-C

TRAINER = """
import signal, sys, json, minigrad as mg, nn
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
from pathlib import Path
from demos import store
folder = Path(sys.argv[1])
model = nn.LSTM(4, 64)
optimizer = nn.optim.Adam(model.parameters())
losses, step = [], 0
if (folder / "model").exists():
    rest = nn.io.load_checkpoint(folder / "model", model=model, optimizer=optimizer)
    losses, step = rest["losses"], rest["step"]
print(step, flush=True)
while True:
    loss = model(mg.randn(5, 3, 4))[0].square().sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    step += 1
    losses = [*losses, loss.item()][-50:]
    state = {"model": model, "optimizer": optimizer, "step": step, "losses": losses}
    nn.io.save_checkpoint(folder / "model", **state)
    store.write(folder / "results.json", store.to_json({"step": step, "losses": losses}))
"""


def check(folder: Path) -> int:
    """The step of the checkpoint, which is whole, as are the results; no draft stays."""
    model = nn.LSTM(4, 64)
    rest = nn.io.load_checkpoint(
        folder / "model", model=model, optimizer=nn.optim.Adam(model.parameters())
    )
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert 0 < results["step"] <= rest["step"] and len(results["losses"]) == min(
        results["step"], 50
    )
    assert sorted(os.listdir(folder)) == ["model", "results.json"]
    return int(rest["step"])


@pytest.mark.skipif(os.name == "nt", reason="Windows has another Ctrl-C")
def test_ctrl_c_leaves_a_loadable_state_and_whole_results(
    tmp_path: Path, many: Any, say: Any
) -> None:
    draw, step, stops = random.Random(0), 0, many(4, 100)
    for _ in range(stops):
        with subprocess.Popen(
            [sys.executable, "-c", TRAINER, tmp_path],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=ENVIRONMENT,
        ) as child:
            assert child.stdout and int(child.stdout.readline()) == step
            while not (tmp_path / "results.json").exists():
                time.sleep(0.01)
            time.sleep(draw.uniform(0, 0.1))
            child.send_signal(signal.SIGINT)
            try:
                _, said = child.communicate(timeout=60)
            finally:
                child.kill()
        assert said.rstrip().endswith("KeyboardInterrupt")
        step = check(tmp_path)
    say(
        f"Ctrl-C: {stops} at random moments of a training, {step} steps: each left a whole "
        "checkpoint and whole results"
    )


# A full disk


def test_a_full_disk_is_said_and_costs_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "model"
    nn.io.save_checkpoint(path, model=nn.Linear(2, 2), step=1)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError,
        match=r"model' could not be written: No space left on device; a file .* still whole",
    ) as e:
        nn.io.save_checkpoint(path, model=nn.Linear(2, 2), step=2)
    assert (
        e.value.errno == errno.ENOSPC
        and path.read_bytes() == before
        and os.listdir(tmp_path) == ["model"]
    )


FILLER = """
import resource, sys, minigrad as mg, nn
from demos import store
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for size, name in ((10, "model"), (100, "model")):
    nn.io.save_checkpoint(Path(sys.argv[1], name), model=nn.Linear(size, size), step=size)
"""


def test_a_write_that_stops_in_the_middle_leaves_what_was_there(tmp_path: Path) -> None:
    """The kernel itself refuses to write more than 20 kB into one file."""
    run = [sys.executable, "-c", FILLER, str(tmp_path)]
    done = subprocess.run(run, env=ENVIRONMENT, capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "a file of that name from before is still whole"
    ), done.stderr
    assert os.listdir(tmp_path) == ["model"]
    assert nn.io.load_checkpoint(tmp_path / "model", model=nn.Linear(10, 10))["step"] == 10


def test_the_demos_say_that_the_disk_is_full(tmp_path: Path) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000)); "
        f"sys.argv = ['demos', 's1', '--quick', '--jobs', '1', '--out', {str(tmp_path)!r}]; "
        "import demos.__main__ as m; m.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert (
        "could not be written: File too large; a file of that name from before is still whole"
        in done.stderr
    )
    assert "the same command goes on from here" in done.stderr
    for path in tmp_path.rglob("*"):
        assert not path.name.endswith(".draft")
        if path.suffix == ".json":
            json.loads(path.read_text("utf-8"))


# Two processes in one folder

MANY = """
import sys
from pathlib import Path
from demos import store
for i in range(int(sys.argv[3])):
    text = store.to_json({"who": sys.argv[2], "numbers": [i] * 2000})
    store.write(Path(sys.argv[1], f"{i % 7}.json"), text)
"""


def test_two_processes_in_one_folder_leave_whole_files(tmp_path: Path, many: Any) -> None:
    rounds = many(100, 3000)
    children = [
        subprocess.Popen([sys.executable, "-c", MANY, tmp_path, who, str(rounds)], env=ENVIRONMENT)
        for who in "ab"
    ]
    seen = 0
    while any(child.poll() is None for child in children):
        for path in tmp_path.glob("*.json"):
            found = json.loads(path.read_text(encoding="utf-8"))
            assert set(map(len, [found["who"]])) == {1} and len(found["numbers"]) == 2000
            seen += 1
    assert [child.returncode for child in children] == [0, 0] and seen
    assert sorted(os.listdir(tmp_path)) == [f"{i}.json" for i in range(7)]


def test_a_draft_that_nobody_finished_goes_after_an_hour(tmp_path: Path) -> None:
    fresh, old = (tmp_path / f".a.{letter * 32}.draft" for letter in "0f")
    for draft in (fresh, old):
        draft.write_bytes(b"cut off")
    os.utime(old, (time.time() - 3700,) * 2)
    store.write(tmp_path / "b", "whole")
    assert sorted(os.listdir(tmp_path)) == [fresh.name, "b"]
