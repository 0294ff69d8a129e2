"""Files that are damaged or made to do harm: a sentence, nothing executed, nothing half loaded,
little memory.

corpus/ keeps one small file for each kind of harm; its name says which. `load` once took several of
them for good.
"""

import json
import os
import random
import re
import resource
import struct
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save as serialize

import minigrad as mg
import nn
from nn.io import checksum, load, load_checkpoint, pack, save_checkpoint
from nn.optim import lr_scheduler

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.safetensors"))
HARMLESS = {"flipped_name_of_the_metadata"}  # the checksum finds what it belongs to under any name


class Training:
    """A model and all around it, a step or two old."""

    def __init__(self, steps: int):
        mg.manual_seed(steps)
        self.model = nn.Sequential(nn.Linear(2, 2), nn.GRU(2, 1))
        self.optimizer = nn.optim.Adam(self.model.parameters(), lr=0.1)
        self.scheduler = lr_scheduler.StepLR(self.optimizer, 2)
        self.loader = nn.data.DataLoader(range(4), 2, shuffle=True)
        for _ in range(steps):
            self.model(mg.randn(3, 2, 2))[0].sum().backward()
            self.optimizer.step()
            self.scheduler.step()
        next(iter(self.loader))

    def everything(self) -> str:
        random = mg.random.generator().bit_generator.state
        return fingerprint([random, *(part.state_dict() for part in vars(self).values())])


def fingerprint(obj: Any) -> str:
    """Equal for what is equal bit for bit."""
    arrays: Any = {}
    return checksum(json.dumps(pack("save", obj, "", arrays)), arrays)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder in memory where there is one: the same file is written over and over."""
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if os.path.isdir("/dev/shm") else None
    ) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def whole(place: Path) -> bytes:
    save_checkpoint(place / "c", step=2, note="whole", **vars(Training(2)))
    return (place / "c").read_bytes()


def attempt(path: Path, mine: Training | None = None) -> str:
    """Load a checkpoint into another training: "loaded"; or the sentence that refused it, nothing
    having changed."""
    mine = mine or Training(1)
    before = mine.everything()
    try:
        load_checkpoint(path, **vars(mine))
    except ValueError as error:
        assert mine.everything() == before
        return str(error)
    assert mine.everything() != before
    return "loaded"


@pytest.mark.parametrize("path", CORPUS, ids=[path.stem for path in CORPUS])
def test_the_corpus_is_refused(path: Path) -> None:
    if path.stem in HARMLESS:
        assert load(path)["step"] == 3
        return
    with pytest.raises(
        ValueError, match=rf"load: '.*{path.name}' is damaged, or no file of tensors: .{{9,}}"
    ):
        load(path)
    assert f"{path.name}' is damaged" in attempt(path)


def test_a_key_is_no_path(tmp_path: Path) -> None:
    tricks = {
        "../../outside": mg.ones(1),
        "a/b": mg.ones(2),
        "": mg.ones(3),
        "C:\\x": mg.ones(4),
        "\0": mg.ones(5),
    }
    (tmp_path / "in").mkdir()
    nn.io.save(tricks, tmp_path / "in" / "f")
    assert {key: tensor.tolist() for key, tensor in load(tmp_path / "in" / "f").items()} == {
        key: tensor.tolist() for key, tensor in tricks.items()
    }
    assert os.listdir(tmp_path) == ["in"] and os.listdir(tmp_path / "in") == ["f"]
    assert load_checkpoint_of(tmp_path, tricks).startswith("load_checkpoint: ")


def load_checkpoint_of(folder: Path, state: Any) -> str:
    """What is said of a checkpoint whose model has this state."""
    save_checkpoint(folder / "c", **{**vars(Training(2)), "model": state})
    return attempt(folder / "c")


@pytest.mark.parametrize(
    "change, words",
    [
        (
            lambda s: {**s, "0.weight": mg.ones(2, 3)},
            r"expected 0.weight of shape \(2, 2\), got \(2, 3\)",
        ),
        (
            lambda s: {**s, "0.weight": mg.ones(2, 2).double()},
            "expected 0.weight of float32, got float64",
        ),
        (
            lambda s: {**s, "0.weight": mg.ones(2, 2).long()},
            "expected 0.weight of float32, got int64",
        ),
        (lambda s: {**s, "0.weight": [1, 2]}, "expected 0.weight of float32, got None"),
        (lambda s: {k: v for k, v in s.items() if k != "0.bias"}, "missing 0.bias$"),
        (lambda s: {**s, "2.bias": mg.ones(2)}, "unexpected 2.bias$"),
        (
            lambda s: {k.replace("0.bias", "0.bais"): v for k, v in s.items()},
            "missing 0.bias; unexpected 0.bais$",
        ),
        (lambda s: list(s), "does not fit, and nothing is changed: "),
    ],
    ids=["shape", "float64", "int64", "no tensor", "missing", "unknown", "misspelt", "a list"],
)
def test_a_model_that_does_not_fit_is_said(change: Any, words: str, tmp_path: Path) -> None:
    said = load_checkpoint_of(tmp_path, change(Training(2).model.state_dict()))
    assert re.search(words, said), said


# Fuzzing: a valid file with a few changes. What is loaded from it all the same must be what was
# saved; or its mark is gone, too: then it is a file of another origin, and no checkpoint.
# Hypothesis draws the changes and makes a failure small; a plain loop draws hundreds of times as
# many.

WORDS = [
    b'"',
    b"{",
    b"[",
    b"]",
    b"0",
    b"9",
    b"-",
    b"F32",
    b"F64",
    b"I64",
    b"BOOL",
    b"dict",
    b"tensor",
    b"tuple",
    b"e9",
]


def edited(content: bytes, size: int, draw: random.Random) -> bytes:
    """One change; half of them in the header, where there is most to break."""
    at = draw.randrange(draw.choice([size, min(size, 4000)]))
    word = draw.choice([*WORDS, draw.randbytes(draw.randrange(8))])
    other, length = draw.randrange(size), draw.choice([draw.randrange(2**64), draw.randrange(size)])
    return draw.choice(
        [
            content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]
            if at < len(content)
            else b"",
            content[:at],
            content[:at] + word + content[at:],
            content[:at] + word + content[at + len(word) :],
            content[:at] + content[other : other + draw.randrange(200)] + content[at:],
            struct.pack("<Q", length) + content[8:],
        ]
    )


class Tried:
    """How changed files fared."""

    def __init__(self, whole: bytes, path: Path):
        self.whole, self.path = whole, path
        path.write_bytes(whole)
        self.wanted = fingerprint(load(path))
        self.refused = self.harmless = self.anonymous = 0

    def one(self, draw: random.Random) -> None:
        content = self.whole
        for _ in range(draw.randint(1, 4)):
            content = edited(content, len(self.whole), draw)
        self.path.write_bytes(content)
        try:
            found = fingerprint(load(self.path))
        except ValueError as error:
            assert str(error).startswith(
                f"load: {str(self.path)!r} is damaged, or no file of tensors: "
            )
            self.refused += 1
            return
        if found == self.wanted:
            self.harmless += 1
        else:
            with pytest.raises(ValueError, match="it holds no step"):
                load_checkpoint(self.path, rng=False)
            self.anonymous += 1


def fuzz(examples: int) -> Any:
    quiet = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=examples, database=None, deadline=None, suppress_health_check=quiet
    )


def test_a_changed_file_is_refused_or_as_good_as_before(
    whole: bytes, place: Path, many: Any
) -> None:
    tried = Tried(whole, place / "f")
    fuzz(many(200, 5_000))(given(st.randoms(use_true_random=False))(tried.one))()


def test_many_changed_files_take_no_memory(whole: bytes, place: Path, many: Any, say: Any) -> None:
    tried, draw = Tried(whole, place / "f"), random.Random(0)
    for _ in range(1000):
        tried.one(draw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(many(10_000, 1_000_000)):
        tried.one(draw)
    grown = (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    ) / 1024  # Linux counts in kB
    assert grown < 5 and tried.refused > tried.harmless > 0
    say(
        f"bad files: {tried.refused:,} changed files refused, {tried.anonymous:,} of another "
        f"origin then and no checkpoints, {tried.harmless:,} as good as before; the peak of memory "
        f"grew by {grown:.1f} MB"
    )


# And forged files, whose checksum is right, so that what lies behind it is tried.

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        [
            [],
            {},
            ["dict", []],
            ["list", []],
            ["tensor", "model.0.weight"],
            ["tuple", [1]],
            ["tensor", {}],
        ]
    ),
)


def places(node: Any, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """The way to every node of a skeleton."""
    inner = enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for i, child in inner for place in places(child, (*path, i)))]


def test_a_forged_checkpoint_is_loaded_whole_or_not_at_all(
    whole: bytes, place: Path, many: Any, say: Any
) -> None:
    header = json.loads(whole[8 : 8 + struct.unpack("<Q", whole[:8])[0]])
    path, counts, mine = place / "f", {"refused": 0, "loaded": 0}, [Training(1)]
    path.write_bytes(whole)
    arrays = {key: array.numpy() for key, array in tensors_of(path).items()}
    skeleton = header["__metadata__"]["minigrad"][64:]
    every = places(json.loads(skeleton))
    dtypes = st.sampled_from([np.float32, np.float64, np.int64, np.bool_])
    misfits = st.tuples(
        st.sampled_from(sorted(arrays)), dtypes, st.lists(st.integers(0, 3), max_size=3)
    )

    @fuzz(many(300, 10_000))
    @given(where=st.sampled_from(every), junk=JUNK, drop=st.booleans(), misfit=st.none() | misfits)
    def run(where: tuple[int, ...], junk: Any, drop: bool, misfit: Any) -> None:
        tree, content = json.loads(skeleton), dict(arrays)
        if where:
            node = tree
            for i in where[:-1]:
                node = node[i]
            node[where[-1] : where[-1] + 1] = [] if drop else [junk]
        if misfit:
            content[misfit[0]] = np.zeros(misfit[2], misfit[1])
        text = json.dumps(tree)
        path.write_bytes(serialize(content, metadata={"minigrad": checksum(text, content) + text}))
        if attempt(path, mine[0]) == "loaded":
            counts["loaded"] += 1
            mine[0] = Training(1)
        else:
            counts["refused"] += 1

    run()
    assert counts["refused"] > counts["loaded"] > 0
    say(
        f"forged checkpoints with a right checksum: {sum(counts.values()):,}, "
        f"{counts['refused']:,} refused, nothing changed; the others were loaded whole"
    )


def tensors_of(path: Path) -> dict[str, Any]:
    found = {}

    def walk(node: Any, name: str) -> None:
        if isinstance(node, mg.Tensor):
            found[name] = node
        for key, child in node.items() if isinstance(node, dict) else ():
            walk(child, f"{name}.{key}".lstrip("."))

    walk(load(path), "")
    return found


def test_loading_holds_a_file_about_twice_and_no_more(tmp_path: Path) -> None:
    nn.io.save({"a": mg.zeros(500_000)}, tmp_path / "good")
    deep = json.dumps(["list", [["list", []]] * 50_000])
    (tmp_path / "many").write_bytes(serialize({}, metadata={"minigrad": checksum(deep, {}) + deep}))
    for name in ("good", "many"):
        size = (tmp_path / name).stat().st_size
        tracemalloc.start()
        load(tmp_path / name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 30 * size if name == "many" else peak < 2.2 * size
