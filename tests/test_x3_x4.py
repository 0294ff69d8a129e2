"""Exercises 3 and 4: series and their forecasts without a look ahead, names and how they are
counted, and what the quick runs find."""

import keyword
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_demos as demos_results
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg

pytest.importorskip("matplotlib", reason="the demos need the extra demos")

from demos import corpora, series, tagging
from demos.corpora import corpus, statements
from demos.models import size
from demos.tagging import PADDING, UNKNOWN, Coded, Sentence, score, spans
from demos.training import IGNORED

out, results = (
    demos_results.out,
    demos_results.results,
)  # fixtures: what the quick run of all demos leaves behind

# ---- series


def test_windows_are_split_by_time() -> None:
    T, days = 4, np.arange(30.0)
    parts = series.by_time(days, T, shares=(0.5, 0.8))
    for seen, following in parts:
        assert (seen == following + np.arange(-T, 0)).all()  # the T days before, and no other
    assert (
        np.concatenate([following.ravel() for _, following in parts]).tolist() == days[T:].tolist()
    )
    assert [following[0, 0] for _, following in parts] == [4, 15, 24]


def test_the_scale_is_the_training_parts() -> None:
    before = np.random.default_rng(0).standard_normal(300)
    scaled = []
    for after in (0.0, 1000.0):  # what comes later must not change what is learned
        parts = series.by_time(np.concatenate([before, np.full(200, after)]), 5)
        mg.manual_seed(0)
        _, forecast = series.lstm(
            parts[0], parts[0], H=3, lr=0.01, steps=4, B=32, every=2, device="cpu"
        )
        scaled.append(forecast(parts[0][0]))
    assert (scaled[0] == scaled[1]).all()
    values = np.array([3.0, 5.0, 10.0])
    scale = series.Scale.of(values)
    assert scale.back(scale.tensor(values, "cpu")) == pytest.approx(values)
    assert scale.tensor(values, "cpu").mean().item() == pytest.approx(0, abs=1e-6)


def test_the_lessons_waves_obey_a_recurrence_of_two_terms() -> None:
    (seen, following), clean = series.sine_waves(40)
    assert seen.shape == (40, 50) and (following == clean).all()
    grid = np.sin(np.linspace(0, 4 * math.pi, 60))  # the lesson's, from phase 0
    factor = 2 * math.cos(2 * math.pi / series.PERIOD)
    for wave in [grid, *np.hstack([seen, following])]:
        assert wave[2:] == pytest.approx(factor * wave[1:-1] - wave[:-2], abs=1e-12)
    order, forecast = series.autoregression((seen, following), (seen, following), [1, 2])
    assert order == 2 and forecast(seen) == pytest.approx(following, abs=1e-12)


@given(st.floats(2, 20), st.integers(1, 5))
def test_a_seasonal_forecast_continues_what_has_that_period(period: float, A: int) -> None:
    A = min(A, int(period) - 1)
    t = np.arange(60 + A)
    line = (0.5 * t)[
        None
    ]  # between two points on the line that joins them, so a straight line is shifted exactly
    assert series.seasonal(A, period)(line[:, :60]) == pytest.approx(line[:, 60:] - 0.5 * period)
    repeated = np.resize(np.random.default_rng(0).standard_normal(int(period)), (1, 60 + A))
    assert (series.seasonal(A, int(period))(repeated[:, :60]) == repeated[:, 60:]).all()


def test_skill_lag_and_the_test_of_two_forecasts() -> None:
    actual = np.cumsum(np.random.default_rng(0).standard_normal(400))
    yesterday, guess = actual[:-1], actual[1:]
    assert (
        series.skill(guess, guess, guess.mean()) == 1
        and series.skill(guess, yesterday, yesterday) == 0
    )
    assert series.lags(guess, yesterday).argmax() == 1 and series.lags(guess, guess).argmax() == 0
    assert series.lags(guess, yesterday)[1] == pytest.approx(1)
    of = series.Judged(
        guess,
        {"persistence": yesterday[None], "better": (guess + 0.3)[None], "same": yesterday[None]},
    )
    assert of.beats("better", "persistence") and not of.beats("persistence", "better")
    assert of.error("better")[0] == pytest.approx(0.3) and of.skill("same", "persistence")[0] == 0


@pytest.mark.parametrize(
    ("content", "column", "sentence"),
    [
        ("day,price\n1,2\n", "prize", r"one of its columns \(day, price\), got 'prize'"),
        ("", "price", "it has no rows"),
        (
            "day,price\n1,2\n2,high\n",
            "price",
            "expected a number as price in every row, got 'high' in row 2",
        ),
        (
            "day,price\n1,2\n2\n",
            "price",
            "line 3: expected 2 cells, as in the first line, got 1; put a cell with a comma in",
        ),
        (
            'day,price\n1,"1,009.42"\n2,1,009.42\n',
            "price",
            "line 3: expected 2 cells, as in the first line, got 3; put a cell with a comma in",
        ),
        (
            "price,price\n1,2\n",
            "price",
            r"expected --column NAME, .* \(price, price\), got 'price', which is there twice",
        ),
        (
            "day,price\n1,2\n2,nan\n",
            "price",
            "expected a number as price in every row, got 'nan' in row 2",
        ),
        (
            "day,price\n1,2\n2,3\n",
            "price",
            "expected 200 or more rows of price, not all alike, got 2",
        ),
        ("price\n" + "5\n" * 300, "price", "not all alike"),
    ],
)
def test_a_bad_table_gets_one_sentence(
    tmp_path: Path, content: str, column: str, sentence: str
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit, match=sentence):
        series.read_column(str(path), column)


def test_bytes_that_are_no_text_get_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(b"\xff\xfe\x00")
    for read in (lambda: series.read_column(str(path), "a"), lambda: tagging.read_conll(str(path))):
        with pytest.raises(SystemExit, match="expected a (CSV|text) file in UTF-8, got: "):
            read()


def test_a_good_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(
        "\ufeffdegrees,day\n" + "".join(f"{n % 7 - 3},{n}\n" for n in range(300)), "utf-8"
    )
    weather = series.own(str(path), "degrees")
    assert list(weather) == ["value", "change", "size"]
    assert (
        weather["change"][0] == 1 and weather["value"][0] == -2
    )  # a difference, as not all are positive
    assert series.changes(np.array([100.0, 110.0])) == pytest.approx(
        [100 * math.log(1.1)]
    )  # percent, where all are


# ---- names


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        ("O O", []),
        ("B-A I-A O B-A", [(0, 2, "A"), (3, 4, "A")]),
        ("B-A B-A", [(0, 1, "A"), (1, 2, "A")]),
        ("I-A I-A O", [(0, 2, "A")]),  # malformed from here: no B-
        ("O I-A", [(1, 2, "A")]),
        ("B-A I-B I-B", [(0, 1, "A"), (1, 3, "B")]),  # goes on with another kind
        ("I-A B-A I-B", [(0, 1, "A"), (1, 2, "A"), (2, 3, "B")]),
    ],
)
def test_names_are_found_as_conlleval_finds_them(tags: str, names: list[Any]) -> None:
    assert spans(tags.split()) == names


def test_only_whole_names_count() -> None:
    true = [["B-A", "I-A", "O", "B-B"], ["O", "B-A"]]
    guessed = [["B-A", "O", "O", "B-B"], ["B-A", "B-A"]]  # too short; right; none there; right
    found = score(true, guessed)
    assert (found["precision"], found["recall"], found["names"]) == (2 / 4, 2 / 3, 3)
    assert found["f1"] == pytest.approx(2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3))
    assert score(true, guessed, kind="B")["f1"] == 1
    only_last = [[False] * 3 + [True], [False] * 2]
    assert (
        score(true, guessed, only_last)["f1"] == 1 and score(true, guessed, only_last)["names"] == 1
    )
    assert score([["O"]], [["O"]])["f1"] == 0
    with pytest.raises(ValueError, match="sentence 1: expected a guess for each of 2 tags, got 1"):
        score(true, [guessed[0], ["O"]])


@given(
    st.lists(
        st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), min_size=1, max_size=8),
        min_size=1,
    )
)
def test_spans_cover_exactly_the_words_that_are_not_o(rows: list[list[str]]) -> None:
    for tags in rows:
        covered = [at for begin, end, _ in spans(tags) for at in range(begin, end)]
        assert covered == [at for at, tag in enumerate(tags) if tag != "O"]
    assert score(rows, rows)["f1"] == float(any(tag != "O" for tags in rows for tag in tags))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "expected a word and its tag on each line, got no sentence"),
        ("Anna\n", "line 1: expected a word and, last, O, B-KIND or I-KIND, got 'Anna'"),
        ("Anna B-PER\nsmiled VERB\n", "line 2: expected .*, got 'smiled VERB'"),
    ],
)
def test_a_bad_file_of_sentences_gets_one_sentence(
    tmp_path: Path, content: str, sentence: str
) -> None:
    path = tmp_path / "names.conll"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit, match=sentence):
        tagging.read_conll(str(path))


def test_files_in_conll_format_are_learned_from(tmp_path: Path) -> None:
    path = tmp_path / "names.conll"
    path.write_text(
        "-DOCSTART- -X- O O\n\nAnna NNP I-NP B-PER\nsmiled VBD I-VP O\n\n\n"
        + "Oslo NNP B-LOC\n\n" * 39,
        encoding="utf-8",
    )
    parts = corpus("your files", 0, 0, str(path), str(path))
    assert [len(part) for part in parts[:3]] == [35, 5, 40] and parts.test[0] == (
        ["Anna", "smiled"],
        ["B-PER", "O"],
    )
    path.write_text("Anna B-PER\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="expected 30 or more sentences, got 1"):
        corpus("your files", 0, 0, str(path), str(path))


SOURCE = """
from os.path import join as j
import sys, a.b
@wrap
async def run(x, *rest, key=None) -> int:
    self.a.b, y = f(x, key=rest[0].c)(d), lambda n: n
    try: "é".join(é) + (p.q).r() + f"{hidden} {more!r}"; g()
    except (E, F.G) as error: del error.trace
class C(Base, metaclass=M.N): z: int = -1  # comment
"""
EXPECTED = {
    "import": ["os . path", "join", "j", "sys", "a . b"],
    "function": ["run"],
    "class": ["C"],
    "argument": ["x", "rest", "key", "n"],
    "keyword": ["key", "metaclass"],
    "call": ["f", "join", "r", "g"],
    "attribute": ["c", "p . q", "F . G", "M . N"],
    "target": ["self . a . b", "y", "error", "error . trace", "z"],
    "variable": ["wrap", "int", "x", "rest", "d", "n", "é", "E", "Base", "int"],
}


def test_every_name_of_a_source_is_tagged_with_what_it_is() -> None:
    lines = statements(SOURCE)
    found: dict[str, list[str]] = {}
    for words, tags in lines:
        for begin, end, kind in spans(tags):
            found.setdefault(kind, []).append(" ".join(words[begin:end]))
        for word, tag in zip(words, tags, strict=True):
            assert (tag == "O") == (
                not word.isidentifier() or keyword.iskeyword(word)
            ) or word == "."
    assert {kind: sorted(names) for kind, names in found.items()} == {
        k: sorted(names) for k, names in EXPECTED.items()
    }
    assert not any("hidden" in words for words, _ in lines)


def test_no_module_and_no_line_is_in_two_parts() -> None:
    parts = corpus("Python source", 3, 400)
    learned = {tuple(sentence.words) for sentence in parts.training}
    assert [len(part) for part in parts[:3]] == [400, 80, 200] and len(parts.evidence) == 200
    assert not any(
        tuple(sentence.words) in learned for sentence in [*parts.validation, *parts.test]
    )


def test_names_of_the_templates_are_not_shared_and_the_side_is_true() -> None:
    parts = corpus("templates", 0, 400)
    first_words = [
        {words[begin] for words, tags in part for begin, _, _ in spans(tags)} for part in parts[:3]
    ]
    assert not (
        first_words[0] & first_words[2]
        or first_words[0] & first_words[1]
        or first_words[1] & first_words[2]
    )
    assert {kind for _, tags in parts.test for _, _, kind in spans(tags)} == set(corpora.POOLS)
    for (words, tags), told in zip(parts.test, parts.evidence):
        begin = spans(tags)[0][0]
        assert (" ".join(words[:begin]) in corpora.OPENINGS) == (told[begin] == "right")
        assert [side == "" for side in told] == [tag == "O" for tag in tags]


# ---- taggers

FEW = [
    Sentence(["Anna", "met", "Bo"], ["B-PER", "O", "B-PER"]),
    Sentence(["Oslo", "met", "Anna", "4", "."], ["B-LOC", "O", "B-ORG", "O", "O"]),
    Sentence(["Anna", ".", "."], ["B-PER", "O", "O"]),
]


def test_sentences_as_numbers() -> None:
    coded = Coded(FEW)
    assert set(coded.words) == {"Anna", "met", "."} and coded.certain == {"met", "."}
    ids, answers = coded.ids(FEW)
    assert ids.shape == (3, 5, 2) and answers.shape == (3, 5)
    assert ids[0, :, 0].tolist() == [
        coded.words["Anna"],
        coded.words["met"],
        UNKNOWN,
        PADDING,
        PADDING,
    ]
    assert (
        ids[0, 0, 1] == ids[0, 2, 1] == coded.shapes["Xx"]
        and answers[0, 3:].tolist() == [IGNORED] * 2
    )
    assert coded.usual_tags(Sentence(["Anna", "Rita", "?"], [])) == ["B-PER", "B-PER", "O"]
    assert coded.ambiguous(FEW[0]) == [True, False, True]


@pytest.mark.parametrize("kind", tagging.KINDS)
def test_padding_changes_no_answer(kind: str) -> None:
    coded = Coded(FEW)
    model = tagging.tagger(kind, coded, H=6).eval()
    for table in model.parameters():  # the window's start at 0
        table.detach().copy_(mg.randn(*table.shape))
    for embedding in [module for module in model.modules() if type(module).__name__ == "Embedding"]:
        embedding.weight.detach()[PADDING] = 0.0
    ids, _ = coded.ids(FEW)
    together = model(mg.tensor(ids))
    for row, sentence in enumerate(FEW):
        length = len(sentence.words)
        assert mg.allclose(
            together[row, :length], model(mg.tensor(ids[row : row + 1, :length]))[0], atol=1e-5
        )


def test_how_far_each_tagger_sees() -> None:
    coded = Coded(FEW)
    ids = np.full((1, 7, 2), 2)
    sees = {}
    for kind in tagging.KINDS:
        model = tagging.tagger(kind, coded, H=6).eval()
        for weight in model.parameters():
            weight.detach().copy_(mg.randn(*weight.shape))
        before = model(mg.tensor(ids)).detach().numpy()
        seen = []
        for t in range(7):
            other = ids.copy()
            other[0, t] = 3, 3
            seen.append(abs(model(mg.tensor(other)).detach().numpy() - before)[0, 3].max() > 1e-6)
        sees[kind] = [t for t in range(7) if seen[t]]
    assert sees == {
        "window": [1, 2, 3, 4, 5],
        "LSTM": [0, 1, 2, 3],
        "LSTM, a word later": [0, 1, 2, 3, 4],
        "BiLSTM": [*range(7)],
    }


def test_networks_are_of_equal_size() -> None:
    coded = Coded(corpus("templates", 0, 100).training)
    sizes = [size(tagging.tagger(kind, coded, H=48)) for kind in tagging.KINDS if kind != "window"]
    assert max(sizes) / min(sizes) < 1.02


# ---- what the quick runs find


def test_where_the_lstm_wins_and_where_it_does_not(results: dict[str, Any]) -> None:
    x3 = demos_results.section(results, "x3")
    lesson = {"task": "the lesson's waves"}
    assert demos_results.median(x3, "waves", "two terms", **lesson) < 1e-12  # exactly linear
    assert (
        demos_results.median(x3, "waves", "LSTM", **lesson)
        < 0.2
        < demos_results.median(x3, "waves", "persistence", **lesson)
    )
    rows = demos_results.table(x3, "One step ahead")
    assert float(rows["price: persistence"][1]) == pytest.approx(0.964, abs=0.001)
    assert float(rows["price: linear"][2]) < 0.01  # tomorrow's price is today's
    lstm, persistence = demos_results.claim(results, "share-price")["sides"]
    assert lstm["value"] > 1.1 * persistence["value"]


def test_right_context_is_what_a_forward_lstm_lacks(results: dict[str, Any]) -> None:
    x4 = demos_results.section(results, "x4")
    for name in ("templates", "Python source"):
        f1 = {
            model: demos_results.median(x4, "tagging", "right", corpus_of=name, model=model)
            for model in ("LSTM", "BiLSTM")
        }
        assert f1["BiLSTM"] > f1["LSTM"] + 0.1
    assert (
        demos_results.median(x4, "tagging", "f1", corpus_of="Python source", model="BiLSTM") > 0.75
    )
    assert (
        demos_results.median(x4, "tagging", "right", corpus_of="templates", model="LSTM") < 0.45
    )  # a third by chance
