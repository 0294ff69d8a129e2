"""What is done to the files of others, and what is refused of a file that was forged with care."""

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn
from nn.io import load, load_checkpoint, save, save_checkpoint

# Files that replace another one


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, step=1)
    path.chmod(0o640)
    save_checkpoint(path, step=2)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 and load_checkpoint(path)["step"] == 2


def test_a_link_goes_on_leading_to_the_file_that_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "model.safetensors", tmp_path / "model.safetensors"
    save_checkpoint(target, step=1)
    link.symlink_to(target)
    save_checkpoint(link, step=2)
    assert link.is_symlink() and load_checkpoint(target)["step"] == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "disk",
        "model.safetensors",
        "model.safetensors",
    ]


def test_keep_removes_only_checkpoints(tmp_path: Path) -> None:
    note = tmp_path / "m-000000001.safetensors"
    note.write_text("my notes", encoding="utf-8")
    (tmp_path / "m-000000002.safetensors").mkdir()
    foreign = tmp_path / "m-000000003.safetensors"
    from safetensors.numpy import save_file

    save_file({"w": mg.ones(2).numpy()}, foreign)
    for step in range(10, 15):
        save_checkpoint(tmp_path / "m.safetensors", step=step, keep=2)
    assert sorted(path.name[2:11] for path in tmp_path.iterdir()) == [
        "000000001",
        "000000002",
        "000000003",
        "000000013",
        "000000014",
    ]
    assert load_checkpoint(tmp_path / "m.safetensors")["step"] == 14


def test_a_folder_of_a_checkpoints_name_is_not_taken_for_the_last_one(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "m.safetensors", step=1, keep=2)
    (tmp_path / "m-000000009.safetensors").mkdir()
    assert load_checkpoint(tmp_path / "m.safetensors")["step"] == 1


@pytest.mark.parametrize("step", [-1, 1.5, "3"])
def test_a_step_that_is_no_count_is_not_saved(step: Any, tmp_path: Path) -> None:
    with pytest.raises((TypeError, ValueError), match="^save_checkpoint: expected "):
        save_checkpoint(tmp_path / "m", step=step)
    assert not list(tmp_path.iterdir())


def test_a_file_that_does_not_fit_into_memory_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save({"a": mg.ones(3)}, tmp_path / "m")

    def no_memory(self: Path) -> bytes:
        raise MemoryError

    monkeypatch.setattr(Path, "read_bytes", no_memory)
    with pytest.raises(MemoryError, match="^load: '.*m' does not fit into memory$"):
        load(tmp_path / "m")


def test_a_file_cut_off_after_it_was_read_changes_nothing_that_was_loaded(tmp_path: Path) -> None:
    save({"a": mg.ones(1_000_000)}, tmp_path / "m")
    loaded = load(tmp_path / "m")
    os.truncate(tmp_path / "m", 100)  # of a map of the file this would leave nothing to read
    assert float(loaded["a"].sum()) == 1_000_000
    with pytest.raises(ValueError, match="is damaged"):
        load(tmp_path / "m")


# Forged states, well-formed and with a checksum that is right


def trained() -> dict[str, Any]:
    mg.manual_seed(0)
    layer = nn.Linear(2, 2)
    optimizer = nn.optim.Adam(layer.parameters())
    scheduler = nn.optim.lr_scheduler.StepLR(optimizer, 2)
    plateau = nn.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    loader = nn.data.DataLoader(list(range(6)), batch_size=2, shuffle=True)
    next(iter(loader))
    layer(mg.ones(1, 2)).sum().backward()
    optimizer.step()
    scheduler.step()
    plateau.step(1.0)
    return {
        "model": layer,
        "optimizer": optimizer,
        "scheduler": scheduler,
        "plateau": plateau,
        "loader": loader,
    }


NO_RANDOMNESS = {"state": 0, "inc": 0}
FORGED = {
    "step": (["step"], -1),
    "step that is no integer": (["step"], 1.5),
    "random numbers that stay 0": (["rng", "state"], NO_RANDOMNESS),
    "another generator": (["rng", "bit_generator"], "MT19937"),
    "a state that is too large": (["rng", "state", "state"], 2**128),
    "a state below 0": (["rng", "uinteger"], -1),
    "steps of Adam": (["optimizer", "state", 0, "step"], -1),
    "half a step of Adam": (["optimizer", "state", 0, "step"], 1.5),
    "squares of Adam": (["optimizer", "state", 0, "exp_avg_sq"], -mg.ones(2, 2)),
    "epochs": (["scheduler", "last_epoch"], -2),
    "a rate that is no number": (["scheduler", "base_lrs"], [float("nan")]),
    "bad epochs": (["plateau", "num_bad_epochs"], -1),
    "batches": (["loader", "given"], -1),
    "the loader's random numbers": (["loader", "random", "state"], NO_RANDOMNESS),
}


@pytest.mark.parametrize(("keys", "value"), FORGED.values(), ids=FORGED)
def test_a_forged_state_is_refused_and_changes_nothing(
    keys: list[Any], value: Any, tmp_path: Path
) -> None:
    path, parts = tmp_path / "m", trained()
    save_checkpoint(path, step=3, **parts)
    states = load(path)
    *outer, last = keys
    place = states
    for key in outer:
        place = place[key]
    assert last in place
    place[last] = value
    save(states, path)  # with a checksum that is right
    own = trained()
    before = {name: part.state_dict() for name, part in own.items()}
    numbers = mg.random.generator().bit_generator.state
    with pytest.raises(ValueError, match="does not fit, and nothing is changed"):
        load_checkpoint(path, **own)
    after = {name: part.state_dict() for name, part in own.items()}
    assert repr(after) == repr(before)
    assert mg.random.generator().bit_generator.state == numbers


# Numbers at the end of what a dtype holds


def test_narrow_integers_wrap_in_arithmetic_and_not_in_assignment() -> None:
    """Arithmetic as in PyTorch and NumPy; what is copied into a tensor must fit."""
    torch = pytest.importorskip("torch")
    values = np.array([100, 100, 100], np.int8)
    ours, theirs = mg.from_numpy(values.copy()), torch.from_numpy(values.copy())
    for op in ("add", "mul", "sub"):
        wrapped = getattr(mg, op)(ours, ours)
        assert wrapped.dtype == np.int8
        assert wrapped.tolist() == getattr(torch, op)(theirs, theirs).tolist()
    for name in ("sum", "prod"):
        whole = getattr(ours, name)()
        assert whole.dtype == np.int64 and whole.item() == getattr(theirs, name)().item()
    for assign in (lambda: ours.copy_(mg.tensor([300] * 3)), lambda: ours.__setitem__(0, 300)):
        with pytest.raises((TypeError, ValueError), match="int8"):
            assign()
    assert ours.tolist() == [100, 100, 100]


@pytest.mark.parametrize("kind", ["Adam", "RMSprop"])
def test_a_gradient_whose_square_overflows_warns(kind: str) -> None:
    w = nn.Parameter(mg.ones(2))
    w.grad = mg.tensor([1e30, 1.0])
    optimizer = getattr(nn.optim, kind)([w], lr=0.1)
    with pytest.warns(RuntimeWarning, match="overflow"):
        optimizer.step()
    assert w.tolist()[0] == 1.0 and w.tolist()[1] < 1.0
