"""Exercises 1, 2 and 5: a backward pass by hand and mistakes in it, n-grams, a language model,
dropout over time."""

import ast
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import nn

pytest.importorskip("matplotlib", reason="the demos need the extra demos")
pytest.importorskip("tqdm", reason="the demos need the extra demos")
pytest.importorskip("joblib", reason="the demos need the extra demos")

from demos import text
from demos.models import size
from demos.options import SCRIPTS
from demos.text import (
    LanguageModel,
    bits,
    chunks,
    equal_size,
    learn,
    ngrams,
    read,
    split,
    streams,
    write,
)
from tests.test_demos import claim, out, results, section, table  # noqa: F401


def definitions(name: str, change: tuple[str, str] = ("", "")) -> dict[str, Any]:
    """What a script defines before it runs anything: its imports, functions, classes, and constants
    of text."""
    source = SCRIPTS[name].read_text("utf-8")
    assert source.count(change[0]) == 1 or change == ("", "")
    kept = [
        node
        for node in ast.parse(source.replace(*change) if change[0] else source).body
        if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
        or (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant))
    ]
    kept = [
        node for node in kept if not (isinstance(node, ast.FunctionDef) and reads_results(node))
    ]
    names: dict[str, Any] = {"Array": np.ndarray, "__name__": f"demos.{name}"}
    exec(compile(ast.Module(kept, []), name, "exec"), names)
    return names


def reads_results(function: ast.FunctionDef) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "Runs" for node in ast.walk(function))


# ---- x1: by hand


def test_the_gradient_by_hand_is_the_layers() -> None:
    by_hand = definitions("x1")
    B, I, H = 3, 4, 5
    values, u, v = by_hand["draw"](6, B, I, H, np.random.default_rng(0))
    found = by_hand["lstm"](values)[2](u, v)
    layer = nn.LSTM(I, H).double()
    for key, name in {"weight_ih": "W", "weight_hh": "U", "bias_ih": "b"}.items():
        getattr(layer, f"{key}_l0").detach().copy_(
            np.concatenate([values[f"{name}_{k}"] for k in "ifgo"])
        )
    layer.bias_hh_l0.detach().zero_()
    h0, c0 = (mg.tensor(values[name][None]) for name in ("h0", "c0"))
    hs, (_, c) = layer(mg.tensor(values["x"]), (h0, c0))
    ((hs * mg.tensor(u)).sum() + (c * mg.tensor(v)).sum()).backward()
    for key, name in {"weight_ih": "W", "weight_hh": "U", "bias_ih": "b"}.items():
        wanted = np.concatenate([found[f"{name}_{k}"] for k in "ifgo"])
        np.testing.assert_allclose(
            getattr(layer, f"{key}_l0").grad.numpy(), wanted, rtol=0, atol=1e-12
        )


MISTAKES = {  # a line of the backward pass, and what one may write instead
    "df * f * (1 - f)": "df * f",
    "di * i * (1 - i)": "di * (1 - i)",
    "dg * (1 - g * g)": "dg * g * (1 - g)",
    "do * o * (1 - o)": "do",
    "dc = dc + dy * (1 - y * y)": "dc = dy * (1 - y * y)",
    "dy * (1 - y * y)": "dy * (1 - y)",
    "dc_before = dc * f": "dc_before = dc",
    "df = dc * c": "df = dc * c_new",
    "backs[t](dhs[t] + dh, dc)": "backs[t](dhs[t], dc)",
    'da[k] @ w[f"U_{k}"] for k in GATES': 'da[k] @ w[f"U_{k}"].T for k in GATES',
}


@pytest.mark.parametrize("right", MISTAKES)
def test_a_mistake_by_hand_is_seen_by_all_three_witnesses(right: str) -> None:
    changed = definitions("x1", (right, MISTAKES[right]))
    found = changed["differences"](T=3, seed=0, B=2, I=3, H=4)
    assert all(max(gaps.values()) > 1e-3 for gaps in found.values())


def test_without_a_mistake_they_agree() -> None:
    found = definitions("x1")["differences"](T=3, seed=0, B=2, I=3, H=4)
    assert len(found["autograd"]) == 19  # x, h0, c0, and W, U, b, a of each gate
    assert max(*found["autograd"].values(), *found["complex step"].values()) < 1e-13
    assert 0 < max(found["central difference"].values()) < 1e-7


def test_the_quick_run_of_x1(results: dict[str, Any]) -> None:  # noqa: F811
    x1 = section(results, "x1")
    gaps = table(x1, "Largest relative difference")
    assert len(gaps) == 20 and gaps.pop("gradient of") == [
        "autograd",
        "complex step",
        "central difference",
    ]
    right = claim(results, "by-hand")
    assert right["sides"][0]["high"] < 1e-13 and right["own"] == "holds"
    left = table(x1, "Norms of Jacobians")
    assert list(left)[1:] == [
        "RNN",
        "GRU",
        "LSTM, b = 0",
        "LSTM, b = 1",
        "LSTM, b = 3",
        "LSTM, chrono",
    ]
    shut, opened = claim(results, "additive-update"), claim(results, "additive-update-chrono")
    assert shut["sides"][0]["value"] < 1e-4 < 0.1 < opened["sides"][0]["value"]


# ---- x2: the text


def test_no_paragraph_of_the_help_texts_comes_twice() -> None:
    paragraphs = [part.strip() for part in read().split("\n\n")]
    assert len(paragraphs) > 1000 and len(set(paragraphs)) == len(paragraphs)


def test_the_parts_are_the_text() -> None:
    whole = "a text, with Ünïcode and\nlines; " * 40
    corpus = split(whole)
    assert "".join(corpus.decode(part) for part in corpus[1:]) == whole
    assert [len(part) / len(whole) for part in corpus[1:]] == pytest.approx(
        [0.8, 0.1, 0.1], abs=1e-2
    )
    np.testing.assert_array_equal(corpus.encode(whole), np.concatenate(corpus[1:]))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\xff\xfe" * 30_000, "expected a text file in UTF-8, got: "),
        (b"too short", "expected at least 30,000 characters, got 9."),
        (
            "".join(map(chr, range(0x4E00, 0x5300))).encode() * 30,
            "expected at most 1,000 different characters, got 1,280.",
        ),
    ],
)
def test_a_file_of_no_use_gets_one_sentence(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_bytes(content)
    with pytest.raises(SystemExit, match=sentence) as stopped:
        read(str(path))
    assert str(path) in str(stopped.value) and "\n" not in str(stopped.value)


# ---- x2: counting


def by_dictionary(
    train: str, alphabet: str, longest: int, factors: list[float], history: str, letter: str
) -> float:
    """p(letter | history) of Witten and Bell's mixture, from the definition."""
    p = 1 / len(alphabet)
    for order, k in zip(range(longest), factors):
        h = history[len(history) - order :]
        followers = Counter(
            train[i + order] for i in range(len(train) - order) if train[i : i + order] == h
        )
        if followers:
            p = (followers[letter] + k * len(followers) * p) / (
                followers.total() + k * len(followers)
            )
    return p


def test_ngrams_are_their_definition_and_probabilities() -> None:
    letters = np.random.default_rng(0).choice(list("aabbbc d"), 300)
    corpus = split("".join(letters))
    train, alphabet = corpus.decode(corpus.train), corpus.alphabet
    found = ngrams(corpus, 3)
    factors = [model["k"] for model in found]
    whole = corpus.decode(np.concatenate(corpus[1:]))
    for part, places in {"valid": range(240, 270), "test": range(270, 300)}.items():
        for longest in (1, 2, 3):
            p = [
                by_dictionary(train, alphabet, longest, factors, whole[:i], whole[i])
                for i in places
            ]
            assert found[longest - 1][part] == pytest.approx(-np.log2(p).mean(), rel=1e-12)
    for history in ("ab", "dd", "a ", ""):
        assert sum(
            by_dictionary(train, alphabet, 3, factors, history, a) for a in alphabet
        ) == pytest.approx(1)


def test_nothing_is_learned_or_chosen_on_the_test_part() -> None:
    corpus = split(read()[:40_000])
    other = corpus._replace(test=corpus.test[::-1])
    ours, theirs = ngrams(corpus, 4), ngrams(other, 4)
    assert [(m["k"], m["valid"]) for m in ours] == [(m["k"], m["valid"]) for m in theirs]
    assert ours[3]["test"] < theirs[3]["test"] - 1  # backwards it is no text that they know


# ---- x2: learning


def test_an_answer_is_the_next_character_and_none_is_left_out() -> None:
    ids = np.arange(103)
    columns = streams(ids, 4)
    assert columns.shape == (25, 4) and columns[:, 1].tolist() == list(range(25, 50))
    parts = list(chunks(columns, 7))
    assert [len(x) for x, _ in parts] == [7, 7, 7, 3]
    assert all(((y - x) == 1).all().item() for x, y in parts)
    assert mg.cat([x for x, _ in parts]).tolist() == columns[:-1].tolist()


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_a_carried_state_gives_what_one_long_sequence_gives(kind: str) -> None:
    mg.manual_seed(0)
    model, columns = LanguageModel(kind, 11, 8).double(), mg.randint(0, 11, (451, 2))
    scores, _ = model(columns[:-1])
    whole = text.cross_entropy(scores, columns[1:]).item() / math.log(2)
    assert bits(model, columns) == pytest.approx(whole, rel=1e-12)


class Watched(LanguageModel):
    """Remembers the states that it is started from."""

    def forward(self, ids: mg.Tensor, state: Any = None) -> tuple[mg.Tensor, Any]:
        self.__dict__.setdefault("starts", []).append(state)
        return super().forward(ids, state)


def test_backpropagation_is_truncated_and_the_state_is_carried() -> None:
    mg.manual_seed(0)
    model = Watched("LSTM", 5, 6)
    said = learn(model, mg.randint(0, 5, (31, 3)), T=10, steps=7, lr=0.01, watch=lambda: 1, every=3)
    starts = vars(model)["starts"]
    assert said == [1, 1] and [start is None for start in starts] == [
        True,
        False,
        False,
        True,
        False,
        False,
        True,
    ]
    assert not any(s.requires_grad for start in starts if start for s in start)
    assert all(np.abs(start[0].numpy()).max() > 0 for start in starts if start)


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
@pytest.mark.parametrize(("V", "H"), [(103, 128), (60, 64)])
def test_sizes_agree(kind: str, V: int, H: int) -> None:
    wanted = size(LanguageModel("LSTM", V, H))
    assert size(LanguageModel(kind, V, equal_size(kind, V, wanted))) == pytest.approx(
        wanted, rel=0.02
    )


def test_the_colder_the_likelier() -> None:
    mg.manual_seed(0)
    model = LanguageModel("GRU", 5, 4)
    nn.init.zeros_(model.fc.weight)
    model.fc.bias.detach().copy_(np.log([0.4, 0.3, 0.2, 0.05, 0.05]))
    drawn = write(model, np.array([0, 1]), [1e-3, 1.0], 1500)
    assert (drawn[:, 0] == 0).all()
    np.testing.assert_allclose(
        np.bincount(drawn[:, 1]) / 1500, [0.4, 0.3, 0.2, 0.05, 0.05], atol=0.05
    )


def test_the_quick_run_of_x2(results: dict[str, Any]) -> None:  # noqa: F811
    rows = table(section(results, "x2"), "Bits per character")
    left = {name: float(row[-1]) for name, row in rows.items() if name}
    assert left["5-grams"] < left["4-grams"] < left["trigrams"] < left["bigrams"] < left["unigrams"]
    assert all(left[kind] < left["bigrams"] + 0.2 for kind in ("RNN", "GRU", "LSTM"))
    sizes = [int(rows[kind][1].replace(",", "")) for kind in ("RNN", "GRU", "LSTM")]
    assert max(sizes) < 1.02 * min(sizes)


# ---- x5: dropout over time


def test_the_ways_differ_in_their_masks_alone() -> None:
    Dropped = definitions("x5")["Dropped"]
    models = {}
    for way in ("none", "ordinary", "locked", "variational"):
        mg.manual_seed(0)
        models[way] = Dropped(way, 0.5, 11, 8)
    ids = mg.randint(0, 11, (9, 3))
    wanted, state = models["none"](ids)
    for way, model in models.items():
        assert size(model) == size(models["none"])
        scores, last = model.eval()(ids)
        assert mg.equal(scores, wanted)  # nothing is dropped
        dropped, carried = model.train()(ids, state)
        assert [s.shape for s in carried] == [s.shape for s in last]
        assert mg.allclose(dropped, model.eval()(ids, state)[0], atol=1e-6) == (way == "none")


def test_the_state_is_dropped_by_one_mask_for_all_steps() -> None:
    mg.manual_seed(0)
    model = definitions("x5")["Dropped"]("variational", 0.5, 11, 64)
    model.drop = nn.Identity()  # so that only h is dropped
    read_by: list[np.ndarray[Any, Any]] = []
    cell = model.cell.forward

    def spy(x: mg.Tensor, state: Any) -> Any:
        read_by.append(state[0].detach().numpy() == 0)
        return cell(x, state)

    model.cell.forward = spy
    state = tuple(mg.randn(1, 3, 64) for _ in range(2))
    model(mg.randint(0, 11, (9, 3)), state)
    assert len(read_by) == 9 and all((mask == read_by[0]).all() for mask in read_by)
    assert (
        0.3 < read_by[0].mean() < 0.7 and not (read_by[0][0] == read_by[0][1]).all()
    )  # each stream has its own
    model(mg.randint(0, 11, (9, 3)), state)
    assert not (read_by[-1] == read_by[0]).all()  # and each training step


def test_the_quick_run_of_x5(results: dict[str, Any]) -> None:  # noqa: F811
    rows = table(section(results, "x5"), "Bits per character")
    assert list(rows)[1:] == ["none", "ordinary", "locked", "variational"]
    for train, end, stopped in (
        [float(row[i]) for i in (1, 2, 4)] for name, row in rows.items() if name
    ):
        assert train < end < math.log2(103) and stopped < math.log2(103)
