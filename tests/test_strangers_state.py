"""What strangers reported of other frameworks' state, and what attacks found in this one's.

Loaders, optimizers, schedules and files go on from what they gave, or say a sentence.
"""

import ast
import collections
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import minigrad as mg
import nn
from nn import optim
from nn.data import DataLoader, TensorDataset
from nn.io import load, load_checkpoint, save, save_checkpoint
from nn.optim import lr_scheduler

ROOT = Path(__file__).resolve().parent.parent

# A loader goes on where it is.


def loader(dataset: Any = None) -> DataLoader:
    mg.manual_seed(0)
    return DataLoader(dataset or TensorDataset(mg.arange(10)), 2, shuffle=dataset is None)


def numbers(batches: Any) -> list[Any]:
    return [np.asarray(part).tolist() for batch in batches for part in batch]


def break_after_two(mine: DataLoader) -> None:
    for count, _ in enumerate(mine):
        if count == 1:
            break


def glance_inside_a_loop(mine: DataLoader) -> None:
    for count, _ in enumerate(mine):
        if count == 1:
            next(iter(mine))


LEFT: dict[str, Any] = {
    "new": lambda mine: None,
    "a whole epoch": list,
    "a glance": lambda mine: next(iter(mine)),
    "a glance after an epoch": lambda mine: (list(mine), next(iter(mine))),
    "break": break_after_two,
    "two glances": lambda mine: (next(iter(mine)), next(iter(mine))),
    "a glance inside a loop": glance_inside_a_loop,
}


@pytest.mark.parametrize("use", LEFT.values(), ids=LEFT)
def test_a_loader_that_was_left_goes_on_alike_where_its_state_is_loaded(
    use: Any, tmp_path: Path
) -> None:
    mine, his = loader(), loader()
    use(mine)
    save_checkpoint(tmp_path / "c", loader=mine)
    load_checkpoint(tmp_path / "c", loader=his)
    restored = [numbers(his), numbers(his)]
    load_checkpoint(tmp_path / "c")  # the random numbers, for the one that never stopped
    assert [numbers(mine), numbers(mine)] == restored


def test_a_glance_inside_a_loop_leaves_the_loop_its_place() -> None:
    mine, seen = loader(), []
    for count, (batch,) in enumerate(mine):
        seen += batch.tolist()
        if count == 0:
            next(iter(mine))
        if count == 2:
            state = mine.state_dict()
            break
    his = loader()
    his.load_state_dict(state)
    rest = [i for (batch,) in his for i in batch.tolist()]
    assert sorted(seen + rest) == list(range(10))


def test_a_ctrl_c_in_a_loop_leaves_its_rest_to_come() -> None:
    mine, seen = loader(), []
    try:
        for (batch,) in mine:
            seen += batch.tolist()
            if len(seen) == 4:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        state = mine.state_dict()
    his = loader()
    his.load_state_dict(state)
    rest = [i for (batch,) in his for i in batch.tolist()]
    assert sorted(seen + rest) == list(range(10))


class Failing:
    """Items of which one cannot be read at first."""

    fails = True

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> int:
        if index == 3 and self.fails:
            raise OSError("disk")
        return index


def test_a_batch_that_failed_is_still_to_come() -> None:
    data = Failing()
    mine = loader(data)
    with pytest.raises(OSError, match="disk"):
        list(mine)
    state = mine.state_dict()
    data.fails = False
    his = loader(data)
    his.load_state_dict(state)
    assert [batch.tolist() for batch in his] == [[2, 3], [4, 5]]


# Batches are PyTorch's.


class Point(NamedTuple):
    x: Any
    word: str


ITEMS: dict[str, list[Any]] = {
    "dict": [{"x": [1.0, 2.0], "y": i, "word": "a"} for i in range(2)],
    "dict of dicts": [{"x": {"y": i}} for i in range(2)],
    "ordered dict": [collections.OrderedDict(b=i, a=2.0) for i in range(2)],
    "named tuple": [Point(i, "a") for i in range(2)],
    "tuple": [(i, "a", 2.0) for i in range(2)],
    "list": [[i, True] for i in range(2)],
    "strings": ["a", "b"],
    "numbers": [1.5, 2.5],
    "booleans": [True, False],
    "arrays": [np.ones(2, np.float32), np.zeros(2, np.float32)],
    "numbers of NumPy's": [np.float32(1), np.float32(2)],
}


def plain(value: Any) -> Any:
    """The kind, the dtype and the numbers of a batch of either framework."""
    if hasattr(value, "tolist"):
        return str(value.dtype).removeprefix("torch."), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(part) for part in value]
    return value


@pytest.mark.parametrize("items", ITEMS.values(), ids=ITEMS)
def test_a_batch_is_pytorchs(items: list[Any]) -> None:
    torch = pytest.importorskip("torch")
    (ours,) = DataLoader(items, 2)
    (theirs,) = torch.utils.data.DataLoader(items, 2)
    assert plain(ours) == plain(theirs)


@pytest.mark.parametrize(
    ("items", "kind", "message"),
    [
        ([None, None], TypeError, "^DataLoader: expected items of tensors, .* got None; give a"),
        ([{"x": None}] * 2, TypeError, "^DataLoader: expected items of .* got None; give a"),
        ([np.array([None])] * 2, TypeError, "^DataLoader: expected .* got object.* give a"),
        ([(1, 2), (1,)], ValueError, r"^DataLoader: expected items of one length, got \[2, 1\]"),
        ([{"x": 1}, {"y": 1}], ValueError, "^DataLoader: expected items of the same keys, got"),
        ([np.ones(1), np.ones(2)], ValueError, "^DataLoader: expected items of one shape, got"),
    ],
)
def test_what_makes_no_batch_is_refused(items: list[Any], kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        next(iter(DataLoader(items, 2)))


def test_a_defaultdict_keeps_its_default() -> None:
    (batch,) = DataLoader([collections.defaultdict(int, a=1)] * 2, 2)
    assert batch["a"].tolist() == [1, 1] and batch["b"] == 0


# An optimizer steps whole or not at all, and its snapshot stays.

KINDS = [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad]


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_does_not_go_on_changing(kind: Any) -> None:
    p = nn.Parameter([1.0])
    optimizer = kind([p], lr=0.1, **({"momentum": 0.9} if kind is optim.SGD else {}))
    p.grad = mg.ones(1)
    optimizer.step()
    snapshot = optimizer.state_dict()
    before = repr(snapshot)
    optimizer.step()
    assert repr(snapshot) == before != repr(optimizer.state_dict())
    optimizer.load_state_dict(snapshot)
    optimizer.step()
    assert repr(snapshot) == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["read-only", "shape", "dtype", "no tensor"])
def test_a_step_that_cannot_be_whole_changes_nothing(kind: Any, fault: str) -> None:
    p, q = nn.Parameter(np.ones(2, np.float32)), nn.Parameter(np.ones(2, np.float32))
    optimizer = kind([p, q])
    p.grad, q.grad = mg.ones(2), mg.ones(2)
    optimizer.step()
    before = repr([p, optimizer.state_dict()])
    message = f"^{kind.__name__}: parameter 1: expected a gradient like it, "
    if fault == "read-only":
        q.array.flags.writeable = False
        message = f"^{kind.__name__}: parameter 1: expected an array that can be written to"
    else:
        wrong = {"shape": mg.ones(1), "dtype": mg.ones(2).double(), "no tensor": np.ones(2)}
        with pytest.raises((TypeError, RuntimeError), match="^grad: expected a"):
            q.grad = wrong[fault]
        q.leaf_grad = wrong[fault]  # what grad has not seen
    with pytest.raises(ValueError, match=message):
        optimizer.step()
    assert repr([p, optimizer.state_dict()]) == before


def test_half_a_step_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = [nn.Parameter([1.0]), nn.Parameter([1.0])]
    optimizer = optim.Adam([{"params": params[:1]}, {"params": params[1:]}])
    for p in params:
        p.grad = mg.ones(1)
    save_checkpoint(tmp_path / "c", optimizer=optimizer)
    whole = (tmp_path / "c").read_bytes()
    write = optimizer.update_params

    def interrupted(part: Any) -> None:
        write(part)
        raise KeyboardInterrupt

    monkeypatch.setattr(optimizer, "update_params", interrupted)
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    with pytest.raises(RuntimeError, match="^Adam: state_dict: expected a whole step, got one"):
        save_checkpoint(tmp_path / "c", optimizer=optimizer)
    assert (tmp_path / "c").read_bytes() == whole
    monkeypatch.undo()
    optimizer.step()
    optimizer.state_dict()


# Schedules.


@pytest.mark.parametrize("kind", [lr_scheduler.ExponentialLR, lr_scheduler.CosineAnnealingLR])
def test_a_group_that_is_added_later_is_scheduled(kind: Any, tmp_path: Path) -> None:
    def made(setting: Any) -> Any:
        optimizer = optim.SGD([nn.Parameter([1.0])], lr=0.1)
        scheduler = kind(optimizer, setting)
        optimizer.add_param_group({"params": [nn.Parameter([2.0])], "lr": 0.01})
        return {"optimizer": optimizer, "scheduler": scheduler}

    mine = made(0.5 if kind is lr_scheduler.ExponentialLR else 2)
    mine["scheduler"].step()
    np.testing.assert_allclose(mine["scheduler"].get_last_lr(), [0.05, 0.005])
    his = made(0.9 if kind is lr_scheduler.ExponentialLR else 3)
    save_checkpoint(tmp_path / "c", **mine)
    load_checkpoint(tmp_path / "c", **his)
    for parts in (mine, his):
        parts["scheduler"].step()
    assert mine["scheduler"].get_last_lr() == his["scheduler"].get_last_lr()


def test_a_cosine_of_one_epoch_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    ours = optim.SGD([nn.Parameter([1.0])], lr=0.1)
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    schedules = [
        lr_scheduler.CosineAnnealingLR(ours, 1, eta_min=0.01),
        torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 1, eta_min=0.01),
    ]
    for _ in range(6):
        assert ours.param_groups[0]["lr"] == pytest.approx(theirs.param_groups[0]["lr"], abs=1e-12)
        theirs.step()
        for schedule in schedules:
            schedule.step()


def test_a_schedules_snapshot_does_not_go_on_changing() -> None:
    optimizer = optim.SGD([nn.Parameter([1.0])], lr=0.1)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.9)
    snapshot = scheduler.state_dict()
    optimizer.add_param_group({"params": [nn.Parameter([2.0])]})
    scheduler.step()
    assert snapshot["base_lrs"] == [0.1]


def test_numbers_of_numpys_in_any_setting_are_saved_and_go_on(tmp_path: Path) -> None:
    def parts() -> Any:
        p = nn.Parameter([1.0])
        p.grad = mg.ones(1)
        adam = optim.Adam([p], lr=np.float32(0.1), betas=np.array([0.9, 0.5]), eps=np.float64(1e-8))
        adam.add_param_group(
            {"params": [], "weight_decay": np.int64(0), "maximize": np.bool_(False)}
        )
        return {
            "optimizer": adam,
            "step_lr": lr_scheduler.StepLR(adam, np.int64(2), np.float32(0.5)),
            "linear": lr_scheduler.LinearLR(adam, np.float32(0.5), np.float64(1), np.int32(3)),
            "cosine": lr_scheduler.CosineAnnealingLR(adam, np.int64(2), np.float32(0)),
            "plateau": lr_scheduler.ReduceLROnPlateau(adam, "min", np.float32(0.5), np.int64(0)),
        }

    mine, his = parts(), parts()
    save_checkpoint(tmp_path / "c", step=np.int64(3), best=np.float32(0.5), **mine)
    assert load_checkpoint(tmp_path / "c", **his) == {"step": 3, "best": 0.5}
    for _ in range(3):
        for every in (mine, his):
            every["optimizer"].step()
            for name in ("step_lr", "linear", "cosine"):
                every[name].step()
            every["plateau"].step(1.0)
    assert repr(mine["optimizer"].state_dict()) == repr(his["optimizer"].state_dict())
    assert all(type(lr) is float for lr in his["cosine"].get_last_lr())


# What `save` takes, `load` gives back; else `save` says so.

TAKEN: dict[str, tuple[Any, Any]] = {
    "a shape": (mg.ones(3, 2).shape, (3, 2)),
    "a named tuple": (Point(1, "a"), (1, "a")),
    "an ordered dict": (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    "float32": (np.float32(0.5), 0.5),
    "int64": (np.int64(3), 3),
    "bool": (np.bool_(True), True),
    "a key of NumPy's": ({np.int64(3): "a"}, {3: "a"}),
    "infinities": ([float("inf"), -float("inf")], [float("inf"), -float("inf")]),
    "a long integer": (2**200, 2**200),
    "a deep nesting": (eval("[" * 90 + "]" * 90), eval("[" * 90 + "]" * 90)),
    "nothing": ([{}, [], (), None, ""], [{}, [], (), None, ""]),
}


@pytest.mark.parametrize(("given", "back"), TAKEN.values(), ids=TAKEN)
def test_what_save_takes_load_gives_back(given: Any, back: Any, tmp_path: Path) -> None:
    save(given, tmp_path / "f")
    found = load(tmp_path / "f")
    assert found == back and type(found) is type(back)


def cyclic() -> Any:
    found: list[Any] = []
    found.append(found)
    return found


REFUSED: dict[str, tuple[Any, Any, str]] = {
    "metadata": ({"__metadata__": mg.ones(1)}, ValueError, "^save: expected another key than"),
    "cyclic": (cyclic(), ValueError, "^save: expected at most 100 levels, got more"),
    "complex": (np.complex64(1), TypeError, "^save: expected dicts, lists, .* as the object"),
    "a set": ({1}, TypeError, "^save: expected dicts, lists, .* got a set"),
    "objects": (np.array([None]), TypeError, "^save: expected dicts, lists, "),
}


@pytest.mark.parametrize(("given", "kind", "message"), REFUSED.values(), ids=REFUSED)
def test_what_load_could_not_give_back_is_not_saved(
    given: Any, kind: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=message):
        save(given, tmp_path / "f")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["模" * 80, "🙂" * 60, "é" * 120, "a" * 250])
def test_a_name_is_cut_in_bytes(name: str, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / name, step=1)
    assert load_checkpoint(tmp_path / name) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_name_that_is_too_long_or_below_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / ("a" * 300), tmp_path / "file" / "c"):
        with pytest.raises(OSError, match="could not be written: .*; a file of that name"):
            save([1], path)


# Readers' files and folders.


@pytest.mark.parametrize("out", ["file/below", "link", "a" * 300])
def test_an_out_that_cannot_be_made_is_one_sentence(out: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "not there" / "z")
    words = ["s2", "--quick", "--jobs", "1", "--out", str(tmp_path / out)]
    done = command("demos", *words)
    assert done.returncode == 1
    assert done.stderr.startswith("--out ") and done.stderr.count("\n") == 1


def command(module: str, *words: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("matplotlib", reason="the demos need the extra demos")
    run = [sys.executable, "-m", module, *words]
    return subprocess.run(run, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)


def test_a_damaged_run_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the demos need the extra demos")
    from demos import store

    _, whole = store.perform(dict, {"a": 1}, tmp_path / "run.json")
    store.write(tmp_path / "run.json", whole)
    assert store.is_run(tmp_path / "run.json")
    for damaged in (whole[:20], "", "[]", "{}", "null", whole.replace("seconds", "minutes")):
        store.write(tmp_path / "run.json", damaged)
        assert not store.is_run(tmp_path / "run.json")
    assert not store.is_run(tmp_path / "none.json")
    with pytest.raises(ValueError, match=r"none\.json' is damaged|run\.json' is damaged: "):
        store.write(tmp_path / "run.json", "{")
        store.load(tmp_path / "run.json")


def test_the_words_of_a_notebook_are_no_code_and_reach_its_demo_alone(tmp_path: Path) -> None:
    pytest.importorskip("jupytext", reason="notebooks need the extra notebooks")
    pytest.importorskip("nbclient", reason="notebooks need the extra notebooks")
    from demos import notebooks, options

    name = "a'+str(__import__('os').system('id'))+'b\".csv"
    chosen = options.Options(quick=True, csv=Path(name), column="price", text=Path("s1.txt"))
    words = notebooks.words_for("x3", chosen)
    whole_path = str(Path.cwd() / name)
    assert words == ["--quick", f"--csv={whole_path}", "--column=price", "--out", ".."]
    assert notebooks.words_for("s5", chosen) == ["--quick", "--out", ".."]
    assert notebooks.words_for("x2", chosen)[1] == f"--text={Path.cwd() / 's1.txt'}"
    first = notebooks.cells_of(options.SCRIPTS["x3"], words).cells[1].source
    (call,) = [
        node
        for node in ast.walk(ast.parse(first.replace("%matplotlib inline", "")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "parse"
    ]
    assert ast.literal_eval(call.args[0]) == words


def test_a_byte_order_mark_is_no_letter(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the demos need the extra demos")
    from demos import pairs, series, tagging, text

    file = tmp_path / "file"
    file.write_text("-DOCSTART- O\n\nCairo B-LOC\n", "utf-8-sig")
    assert [sentence.words for sentence in tagging.read_conll(str(file))] == [["Cairo"]]
    file.write_text("letters " * text.SHORTEST, "utf-8-sig")
    assert text.read(str(file)).startswith("letters")
    file.write_text("".join(f"word{n}\tmot{n}\n" for n in range(100)), "utf-8-sig")
    assert pairs.read_pairs(file)[0] == ("word0", "mot0")
    file.write_text("price\n" + "".join(f"{n % 9}\n" for n in range(300)), "utf-8-sig")
    assert series.read_column(str(file), "price")[1] == 1


@pytest.mark.parametrize(
    "value",
    [
        lambda n: n - 100,
        lambda n: n % 2,
        lambda n: 5 if n < 250 else n % 7,
        lambda n: 1e300 * (n % 7),
        lambda n: 1e-310 * (n % 7),
        lambda n: 0 if n > 200 else n % 5,
    ],
    ids=["a line", "0 and 1", "flat at first", "huge", "tiny", "flat at last"],
)
def test_a_series_that_cannot_be_scaled_is_refused(value: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the demos need the extra demos")
    from demos import series

    (tmp_path / "t.csv").write_text(
        "price\n" + "".join(f"{value(n)}\n" for n in range(300)), encoding="utf-8"
    )
    with pytest.raises(SystemExit, match=r"t\.csv: expected .* of price that vary at the start"):
        series.own(str(tmp_path / "t.csv"), "price")


def test_dollars_and_sentences_without_names_are_drawn(tmp_path: Path) -> None:
    with_names = "Paris B-$^$\nsmiled O\n$^$ O\n\n" * 7
    sentences = (with_names + "Paris O\nsold O\n\n" * 3) * 10
    for name in ("train", "test"):
        (tmp_path / name).write_text(sentences, encoding="utf-8")
    files = ["--train", str(tmp_path / "train"), "--test", str(tmp_path / "test")]
    done = command("demos", "x4", "--quick", "--jobs", "1", "--out", str(tmp_path / "o"), *files)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("option", ["pairs", "csv"])
def test_a_readers_file_is_read_before_the_work(option: str, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("a b\n" * 300, encoding="utf-8")
    words = [f"--{option}", str(tmp_path / "bad"), "--out", str(tmp_path / "o")]
    demo = {"pairs": ["x7"], "csv": ["x3", "--column", "c"]}[option]
    done = command("demos", *demo, *words)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "expected" in done.stderr
    assert not (tmp_path / "o" / "runs").exists()


def test_infinity_and_nan_come_without_a_word() -> None:
    """NumPy warns of overflow and of a division by 0; PyTorch does not, nor does a line of ours.

    A line of the user's own is warned of as before.
    """
    program = """
import numpy as np
import minigrad as mg
import nn
x = mg.tensor([100.0, 0.0, -1.0, float("inf")], requires_grad=True)
for y in (mg.exp(x), mg.log(x), mg.sqrt(x), x / 0, x - x, x**-1, mg.logsumexp(x, 0), nn.GELU()(x)):
    y.sum().backward()
print(x.long().shape, flush=True)
np.log(np.zeros(2))
"""
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(\S+:\d+): RuntimeWarning", done.stderr) == ["<string>:9"]
