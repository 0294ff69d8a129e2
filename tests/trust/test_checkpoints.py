"""Checkpoints: a training that goes on from one is bit for bit the training that never stopped; no
kill breaks one."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import minigrad as mg
import nn
from nn import optim
from nn.io import load_checkpoint, save_checkpoint
from nn.optim import lr_scheduler

ROOT = Path(__file__).resolve().parents[2]
EPOCHS, BATCHES = 5, 7

OPTIMIZERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "Adam": lambda p: optim.Adam(p, lr=0.01),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1),
}
SCHEDULERS: dict[str, Callable[[optim.Optimizer], Any]] = {
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 3),
    "step": lambda o: lr_scheduler.StepLR(o, 2),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.5),
    "linear": lambda o: lr_scheduler.LinearLR(o),
    "plateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0),
}


class Classifier(nn.Module):
    def __init__(self) -> None:
        self.lstm = nn.LSTM(3, 8, num_layers=2, dropout=0.3)
        self.drop, self.head = nn.Dropout(0.2), nn.Linear(8, 2)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.head(self.drop(self.lstm(x.transpose(0, 1))[0][-1]))


def train(
    path: Path, optimizer: str, scheduler: str, stop: int | None = None, resume: bool = False
) -> list[Any]:
    """All that a training ends with; with `stop` it is left after that many steps, its checkpoint
    written."""
    mg.manual_seed(8)
    x, y = mg.randn(50, 6, 3), mg.randint(0, 2, (50,))
    mg.manual_seed(1 if resume else 0)  # a new process begins with other random numbers
    model = Classifier()
    opt = OPTIMIZERS[optimizer](model.parameters())
    sched = SCHEDULERS[scheduler](opt)
    loader = nn.data.DataLoader(nn.data.TensorDataset(x, y), 8, shuffle=True)
    parts: dict[str, Any] = {"model": model, "optimizer": opt, "scheduler": sched, "loader": loader}
    step, first, losses = 0, 0, []
    if resume:
        rest = load_checkpoint(path, **parts)
        step, first, losses = rest["step"], rest["epoch"], rest["losses"]
    for epoch in range(first, EPOCHS):
        for inputs, answers in loader:
            loss = nn.functional.cross_entropy(model(inputs), answers)
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            step += 1
            losses = [*losses, loss.item()]
            if step == stop:
                save_checkpoint(path, step=step, epoch=epoch, losses=losses, **parts)
                return []
        sched.step(losses[-1]) if scheduler == "plateau" else sched.step()
    states = [
        array.tobytes()
        for state in opt.state.values()
        for array in state.values()
        if hasattr(array, "tobytes")
    ]
    weights = [p.detach().numpy().tobytes() for p in model.parameters()]
    return [weights, states, losses, opt.param_groups[0]["lr"], mg.randn(3).tolist()]


@pytest.mark.parametrize(
    "optimizer, scheduler",
    [
        *((name, "cosine") for name in OPTIMIZERS),
        *(("Adam", name) for name in SCHEDULERS if name != "cosine"),
    ],
)
def test_a_training_that_was_stopped_goes_on_bit_for_bit(
    optimizer: str, scheduler: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    whole = train(path, optimizer, scheduler)
    for stop in (1, BATCHES, BATCHES + 3, EPOCHS * BATCHES - 1):  # in a pass, and at its end
        train(path, optimizer, scheduler, stop)
        assert train(path, optimizer, scheduler, resume=True) == whole


def test_without_its_random_numbers_a_training_does_not_go_on_bit_for_bit(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """The test above would see it."""
    path = tmp_path / "model.safetensors"
    whole = train(path, "Adam", "cosine")
    train(path, "Adam", "cosine", stop=3)
    monkeypatch.setattr(nn.io.Randomness, "load_state_dict", lambda self, state: None)
    assert train(path, "Adam", "cosine", resume=True) != whole


# Kills

WRITER = """
import sys, minigrad as mg, nn
path, keep = sys.argv[1], int(sys.argv[2]) or None
model = nn.Linear(300, 300)
optimizer = nn.optim.Adam(model.parameters())
def fill(step):
    for p in model.parameters():
        p.grad = mg.zeros_like(p)
    optimizer.step()
    for p in model.parameters():
        p.data.fill_(step)
    for state in optimizer.state.values():
        state["exp_avg"].fill(step)
try:
    step = nn.io.load_checkpoint(path, model=model, optimizer=optimizer)["step"]
except FileNotFoundError:
    step = 0
while True:
    step += 1
    fill(step)
    nn.io.save_checkpoint(path, model=model, optimizer=optimizer, step=step, keep=keep)
    print(step, flush=True)
"""


def check(path: Path) -> int:
    """The step of the checkpoint there, which is whole."""
    model = nn.Linear(300, 300)
    optimizer = optim.Adam(model.parameters())
    step = load_checkpoint(path, model=model, optimizer=optimizer)["step"]
    assert all((p == step).all() for p in model.parameters())
    assert all((state["exp_avg"] == step).all() for state in optimizer.state.values())
    return int(step)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("keep", [0, 2], ids=["one file", "the last two"])
def test_a_kill_while_saving_breaks_nothing(keep: int, tmp_path: Path, many: Any, say: Any) -> None:
    path, draw = tmp_path / "model.safetensors", random.Random(keep)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    kills, inside, step = many(4, 50), 0, 0
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, path, str(keep)],
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=environment,
        ) as child:
            assert child.stdout
            line = child.stdout.readline()
            time.sleep(draw.uniform(0, 0.05))
            child.kill()
            written = [int(line), *map(int, child.stdout.read().split())]
        assert written[0] == step + 1, "it did not go on from where the last one was killed"
        step = check(path)
        assert step - written[-1] in (0, 1)
        drafts = list(tmp_path.glob(".*.draft"))
        inside += len(drafts)
        for draft in drafts:  # as if the next one came a day later
            os.utime(draft, (0, 0))
        assert len(list(tmp_path.glob("model*"))) in (
            (1,) if not keep else (2, 3) if step > 1 else (1,)
        )
    if inside:
        save_checkpoint(path, step=step + 1, keep=keep or None)
        assert not list(tmp_path.glob(".*"))
    say(
        f"checkpoints, {'keep=2' if keep else 'one file'}: {kills} SIGKILLs, {inside} of them "
        f"while a draft was there, {step} saves: every checkpoint found was whole"
    )


# Names


def test_the_last_ones_are_kept_and_the_last_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "run" / "model.v1.safetensors"
    path.parent.mkdir()
    stranger = path.with_name("model.v1-best.safetensors")
    stranger.write_text("not ours", encoding="utf-8")
    for step in (5, 10, 999_999_999, 1_000_000_000):
        file = save_checkpoint(path, step=step, keep=2)
    assert file.name == "model.v1-1000000000.safetensors"
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "model.v1-1000000000.safetensors",
        "model.v1-999999999.safetensors",
        "model.v1-best.safetensors",
    ]
    assert load_checkpoint(path)["step"] == 1_000_000_000
    assert load_checkpoint(path.with_name("model.v1-999999999.safetensors"))["step"] == 999_999_999
    with pytest.raises(
        ValueError,
        match="expected a step after 1000000000, .* exists, got 7: another training writes there",
    ):
        save_checkpoint(path, step=7, keep=2)
    save_checkpoint(path, step=3)
    with pytest.raises(ValueError, match="expected one checkpoint, got .*; move one away"):
        load_checkpoint(path)


def test_what_has_no_state_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "c"
    save_checkpoint(
        path,
        model=nn.Linear(1, 1),
        scheduler=None,
        step=4,
        history=[0.1, float("inf")],
        best=mg.ones(2),
    )
    rest = load_checkpoint(path, model=nn.Linear(1, 1), scheduler=None, optimizer=None)
    assert rest["best"].tolist() == [1, 1]
    assert {**rest, "best": 0} == {
        "step": 4,
        "scheduler": None,
        "history": [0.1, float("inf")],
        "best": 0,
    }
    weights = load_checkpoint(path, rng=False)["model"]
    assert list(weights) == ["weight", "bias"]


def test_a_reader_beside_a_writer_always_finds_a_checkpoint(tmp_path: Path, many: Any) -> None:
    path, done, steps = tmp_path / "model", threading.Event(), [0]
    save_checkpoint(path, step=0, keep=1)

    def write() -> None:
        step = 0
        while not done.is_set():
            step += 1
            save_checkpoint(path, step=step, keep=1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(set(steps)) < many(10, 300) and writer.is_alive():
            steps.append(load_checkpoint(path, rng=False)["step"])
    finally:
        done.set()
        writer.join()
    assert steps == sorted(steps) and len(set(steps)) >= many(10, 300)


# A load that fails


def test_a_load_that_fails_changes_nothing(tmp_path: Path) -> None:
    x = mg.randn(4, 6, 3)

    def make(
        stop: int, scheduler: str = "cosine", optimizer: str = "Adam", model: Any = None
    ) -> dict[str, Any]:
        model = model or Classifier()
        parts: dict[str, Any] = {
            "model": model,
            "optimizer": OPTIMIZERS[optimizer](model.parameters()),
        }
        parts["scheduler"] = SCHEDULERS[scheduler](parts["optimizer"])
        parts["loader"] = nn.data.DataLoader(range(12), 4, shuffle=True)
        for _ in range(stop):
            model(x.to(model.head.weight)).sum().backward()
            parts["optimizer"].step()
            parts["scheduler"].step(*[0.0] * (scheduler == "plateau"))
        next(iter(parts["loader"]))
        return parts

    def everything(parts: dict[str, Any]) -> str:
        nn.io.save({name: part.state_dict() for name, part in parts.items()}, tmp_path / "state")
        return (tmp_path / "state").read_bytes() + repr(
            mg.randn(2, requires_grad=False).tolist()
        ).encode()

    for name, saved in {
        "of another optimizer": make(2, optimizer="SGD"),
        "of another schedule": make(2, scheduler="step"),
        "of another loader": {**make(2), "loader": nn.data.DataLoader(range(9), 4)},
        "without a schedule": {k: v for k, v in make(2).items() if k != "scheduler"},
        "of another model": {**make(2), "model": nn.LSTM(3, 9)},
        "in float64": make(2, model=Classifier().double()),
    }.items():
        save_checkpoint(tmp_path / "c", **saved)
        mine = make(1)
        mg.manual_seed(3)
        before = everything(mine)
        mg.manual_seed(3)
        with pytest.raises(
            ValueError, match=r"load_checkpoint: '.*' does not fit, and nothing is changed: .*"
        ):
            load_checkpoint(tmp_path / "c", **mine)
        assert everything(mine) == before, name
        save_checkpoint(tmp_path / "c", rng=False, **make(2))
        with pytest.raises(ValueError, match="it holds no rng"):
            load_checkpoint(tmp_path / "c", **mine)
        mg.manual_seed(3)
        assert everything(mine) == before


def test_no_checkpoint_and_no_part_are_said(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError,
        match="expected a file .*model', with or without the number of a step, got none",
    ):
        load_checkpoint(tmp_path / "model")
    nn.io.save([1, 2], tmp_path / "list")
    with pytest.raises(ValueError, match="it holds no model, rng, step"):
        load_checkpoint(tmp_path / "list", model=nn.Linear(1, 1))
    with pytest.raises(ValueError, match="^save_checkpoint: expected keep of at least 1, got 0"):
        save_checkpoint(tmp_path / "model", step=3, keep=0)
