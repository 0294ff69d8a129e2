"""An error or a Ctrl-C at any place: what a program may rely on afterwards.

`at_every_place` raises at the first place in minigrad or nn where Python delivers a signal, then at
the second, and so on until the work comes to its end. Python looks for signals where a function
begins, where a call has returned, and where a loop goes back. The last test sends real ones.
"""

import dis
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn
from minigrad.grad_mode import mode

ROOT = Path(__file__).resolve().parents[2]
OURS = (str(ROOT / "minigrad") + os.sep, str(ROOT / "nn") + os.sep)
# A signal in the first instruction of these two ends the block without its end. No block in Python
# can be made safe of that; it is said where grad modes are described.
OF_BLOCKS = {"__enter__", "__exit__"}


@cache
def delivers(code: CodeType) -> dict[int, bool]:
    """For each instruction of some code: whether Python looks for signals after it."""
    found = {}
    for instruction in dis.get_instructions(code):
        found[instruction.offset] = instruction.opname.startswith(("CALL", "JUMP_BACKWARD"))
    return found


class Injection:
    """Raises KeyboardInterrupt at the place with a number, counted from 0."""

    def __init__(self, place: int) -> None:
        self.left = place
        self.has_raised = False

    def pass_by(self) -> None:
        self.left -= 1
        if self.left < 0 and not self.has_raised:
            self.has_raised = True
            raise KeyboardInterrupt

    def at_call(self, frame: Any, event: str, argument: Any) -> Any:
        code = frame.f_code
        if self.has_raised or not code.co_filename.startswith(OURS) or code.co_name in OF_BLOCKS:
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        self.pass_by()
        places, last = delivers(code), None

        def at_instruction(frame: Any, event: str, argument: Any) -> Any:
            nonlocal last
            if event == "opcode":
                if places.get(last):
                    self.pass_by()
                last = frame.f_lasti
            return at_instruction

        return at_instruction


def at_every_place(
    prepare: Callable[[], Any],
    work: Callable[[Any], Any],
    look: Callable[[Any], Any],
    stride: int = 1,
) -> int:
    """`work` on what `prepare` gives, ended at each place in turn; `look` at it while the
    interrupt is handled. Returns the number of places. stride: take each second place, say."""
    place = 0
    while True:
        given, injection = prepare(), Injection(place)
        before = sys.gettrace()
        sys.settrace(injection.at_call)
        try:
            work(given)
        except KeyboardInterrupt:
            sys.settrace(before)
            look(given)
        finally:
            sys.settrace(before)
        if not injection.has_raised:
            assert place > 10, "nothing of ours has run"
            return place
        place += stride


class Training:
    """A small model with all that is stepped."""

    def __init__(self, kind: str = "Adam") -> None:
        mg.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        settings = {"momentum": 0.9} if kind in ("SGD", "RMSprop") else {}
        self.optimizer = getattr(nn.optim, kind)(self.model.parameters(), lr=0.1, **settings)
        self.scheduler = nn.optim.lr_scheduler.StepLR(self.optimizer, 2)
        self.x = mg.ones(2, 2)

    def backward(self) -> None:
        self.optimizer.zero_grad()
        self.model(self.x).sum().backward()

    def step(self) -> None:
        self.backward()
        self.optimizer.step()

    def numbers(self) -> list[bytes]:
        return [p.detach().numpy().tobytes() for p in self.model.parameters()]


def is_as_before() -> bool:
    """Whether this thread records, and nobody observes."""
    return mode.grad_enabled and mode.observer is None


@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_a_step_that_is_ended_leaves_the_old_state_the_new_one_or_one_that_is_refused(
    kind: str, say: Any
) -> None:
    def prepared() -> Training:
        training = Training(kind)
        training.step()
        training.backward()
        return training

    old, new = prepared(), prepared()
    new.optimizer.step()
    outcomes = {"old": 0, "new": 0, "refused": 0}

    def look(training: Training) -> None:
        assert is_as_before()
        try:
            state = training.optimizer.state_dict()
        except RuntimeError as error:
            assert "expected a whole step, got one that was ended half-way" in str(error)
            outcomes["refused"] += 1
            return
        name, whole = ("old", old) if training.numbers() == old.numbers() else ("new", new)
        assert training.numbers() == whole.numbers(), "half a step is taken for a whole one"
        assert repr(state) == repr(whole.optimizer.state_dict())
        outcomes[name] += 1

    at_every_place(prepared, lambda training: training.optimizer.step(), look)
    assert outcomes["old"] and outcomes["refused"]
    say(f"{kind}.step ended at each place: {outcomes}")


def test_a_half_step_is_refused_until_a_checkpoint_is_loaded(tmp_path: Path) -> None:
    path, training = tmp_path / "m", Training()
    training.step()
    nn.io.save_checkpoint(path, model=training.model, optimizer=training.optimizer, step=1)
    whole = training.numbers()
    training.optimizer.is_mid_step = True
    with pytest.raises(RuntimeError, match="load the last checkpoint"):
        nn.io.save_checkpoint(path, model=training.model, optimizer=training.optimizer, step=2)
    loaded = nn.io.load_checkpoint(path, model=training.model, optimizer=training.optimizer)
    assert loaded["step"] == 1 and training.numbers() == whole
    nn.io.save_checkpoint(path, model=training.model, optimizer=training.optimizer, step=2)


def test_after_a_backward_that_is_ended_a_new_one_gives_the_right_gradients(say: Any) -> None:
    whole = Training()
    whole.backward()
    wanted = [p.grad.tolist() for p in whole.model.parameters()]

    def look(training: Training) -> None:
        assert is_as_before()
        training.backward()
        assert [p.grad.tolist() for p in training.model.parameters()] == wanted

    places = at_every_place(Training, Training.backward, look)
    say(f"forward and backward ended at {places} places: the next one is right each time")


@pytest.mark.parametrize(
    "block",
    [mg.no_grad, mg.enable_grad, mg.detect_anomaly, mg.explain.trace],
    ids=lambda b: b.__name__,
)
def test_a_block_that_is_ended_within_leaves_the_modes_as_they_were(block: Any) -> None:
    x = mg.ones(2, requires_grad=True)

    def work(given: Any) -> None:
        with block():
            mg.tanh(x * 2).sum()

    settings = np.geterr()

    def look(given: Any) -> None:
        assert is_as_before() and np.geterr() == settings

    at_every_place(lambda: None, work, look)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # an open draft
def test_a_save_that_is_ended_leaves_the_old_file_or_the_new_one(tmp_path: Path, say: Any) -> None:
    path, training = tmp_path / "m.safetensors", Training()

    def work(step: int) -> None:
        nn.io.save_checkpoint(path, model=training.model, step=step)

    nn.io.save_checkpoint(path, model=training.model, step=0)
    steps, found = iter(range(1, 10_000)), [0]

    def look(step: int) -> None:
        last = nn.io.load_checkpoint(path, model=training.model)["step"]
        assert last in (step, found[-1]) and list(tmp_path.iterdir()) == [path]
        found.append(last)

    places = at_every_place(lambda: next(steps), work, look)
    say(f"save_checkpoint ended at {places} places: the file is whole each time")


def test_a_load_that_is_ended_changes_everything_or_nothing(
    tmp_path: Path, many: Any, say: Any
) -> None:
    path, saved = tmp_path / "m", Training()
    saved.step()
    saved.scheduler.step()
    parts = ("model", "optimizer", "scheduler")
    nn.io.save_checkpoint(path, step=1, **{part: getattr(saved, part) for part in parts})

    def work(training: Training) -> None:
        nn.io.load_checkpoint(path, **{part: getattr(training, part) for part in parts})

    def state(training: Training) -> str:
        return repr([getattr(training, part).state_dict() for part in parts])

    old, new, found = state(Training()), state(saved), []

    def look(training: Training) -> None:
        found.append(state(training))
        assert found[-1] in (old, new), len(found)

    places = at_every_place(Training, work, look, stride=many(7, 1))
    say(f"load_checkpoint ended at {places} places: {found.count(old)} old, the rest new")


def test_a_loader_that_is_ended_gives_each_batch_once(say: Any) -> None:
    def loader() -> nn.data.DataLoader:
        mg.manual_seed(1)
        return nn.data.DataLoader(list(range(7)), batch_size=2, shuffle=True)

    wanted = [batch.tolist() for batch in loader()]

    def read(given: tuple[nn.data.DataLoader, list[Any]]) -> None:
        own, batches = given
        for batch in own:
            batches.append(batch.tolist())

    def look(given: tuple[nn.data.DataLoader, list[Any]]) -> None:
        own, batches = given
        resumed = loader()
        resumed.load_state_dict(own.state_dict())
        rest = [batch.tolist() for batch in resumed]
        count = len(batches)
        is_over = count == len(wanted) and own.epoch is None  # the next loop is a new epoch
        # The batch that was just being handed out is given once more, or counts as given.
        left = (wanted,) if is_over else (wanted[count:], wanted[count + 1 :])
        assert batches == wanted[:count] and rest in left

    places = at_every_place(lambda: (loader(), []), read, look)
    say(f"a DataLoader ended at {places} places goes on where it was")


TRAINING = """
import sys, minigrad as mg, nn
path, steps = sys.argv[1], int(sys.argv[2])
mg.manual_seed(0)
model = nn.Sequential(nn.Embedding(5, 4), nn.LSTM(4, 6, batch_first=True))
optimizer = nn.optim.Adam(model.parameters(), lr=1e-2)
ids = mg.randint(0, 5, (2, 4))
parts, step = dict(model=model, optimizer=optimizer), 0
print("ready", flush=True)
try:
    while step < steps:
        optimizer.zero_grad()
        model(ids)[0].sum().backward()
        optimizer.step()
        step += 1
except KeyboardInterrupt:
    mg.set_grad_enabled(True)
    done = {state["step"] for state in optimizer.state.values()} or {0}
    try:
        nn.io.save_checkpoint(path, step=max(done), **parts)
        print("saved", max(done))
    except RuntimeError as error:
        print("refused", error)
else:
    nn.io.save_checkpoint(path, step=step, **parts)
    print("saved", step)
"""


def hear_ctrl_c() -> None:
    """Take SIGINT as a program at a terminal does; what runs in the background ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def checkpoint_after(path: Path, steps: int, wait: float | None) -> str:
    """Train for so many steps, or until a Ctrl-C after `wait` seconds; what was said."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(path), str(steps)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=hear_ctrl_c,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        if wait is not None:
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
        try:
            said, wrong = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0, wrong
    return said


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_what_is_saved_after_a_real_ctrl_c_is_a_whole_step(
    tmp_path: Path, many: Any, say: Any
) -> None:
    draws, outcomes = random.Random(0), {"saved": 0, "refused": 0}
    for number in range(many(4, 60)):
        path = tmp_path / f"{number}.safetensors"
        said = checkpoint_after(path, 10**9, wait=draws.uniform(0.05, 0.4))
        outcomes[said.split()[0]] += 1
        if said.startswith("refused"):
            assert not path.exists()
            continue
        step = int(said.split()[1])
        again = tmp_path / "again.safetensors"
        checkpoint_after(again, step, wait=None)
        stopped, whole = nn.io.load(path), nn.io.load(again)
        for part in ("model", "optimizer"):
            assert repr(stopped[part]) == repr(whole[part]), (number, step)
    say(f"trainings stopped by a real Ctrl-C: {outcomes}; what is saved is a whole step")
