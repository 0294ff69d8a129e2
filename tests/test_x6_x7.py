"""Exercises 6 and 7: peepholes, tasks of timing, pairs of texts, and the search for a
translation."""

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_demos as demos_results
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import nn

pytest.importorskip("matplotlib", reason="the demos need the extra demos")

from demos import pairs, seq2seq
from demos.pairs import (
    DATES,
    FORMS,
    NUMBERS,
    OWN,
    Corpus,
    date_pairs,
    date_parts,
    dictionary,
    in_form,
    joined,
    split,
)
from demos.seq2seq import (
    END,
    IGNORED,
    PADDING,
    START,
    UNKNOWN,
    Translator,
    Vocabulary,
    beam_search,
    translate,
)
from demos.timing import right, spike_after, which_distance

out, results = (
    demos_results.out,
    demos_results.results,
)  # fixtures: what the quick run of all demos leaves behind

# ---- peepholes


def test_without_its_peepholes_the_cell_is_an_lstm() -> None:
    T, B, I, H = 7, 3, 2, 5
    cell, layer = nn.PeepholeLSTMCell(I, H), nn.LSTM(I, H)
    nn.init.zeros_(cell.weight_peephole)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(layer, f"{name}_l0").detach().copy_(getattr(cell, name).detach())
    cell, layer = cell.double(), layer.double()
    x, cotangent = mg.randn(T, B, I).double(), mg.randn(T, B, H).double()
    (hs, (h, c)), (outputs, (h_n, c_n)) = nn.unroll(cell, x), layer(x)
    for ours, theirs in [(hs, outputs), (h, h_n[0]), (c, c_n[0])]:
        assert mg.allclose(ours, theirs, rtol=0, atol=1e-15)
    (hs * cotangent).sum().backward()
    (outputs * cotangent).sum().backward()
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        assert mg.allclose(
            getattr(cell, name).grad, getattr(layer, f"{name}_l0").grad, rtol=0, atol=1e-13
        )
    assert cell.weight_peephole.grad.abs().max().item() > 1e-3  # what the plain LSTM cannot learn


@given(st.integers(1, 30), st.integers(0, 9), st.integers(0, 3))
def test_a_spike_is_wanted_exactly_n_steps_later(N: int, start: int, spare: int) -> None:
    T = start + 2 + N + 1 + spare
    x, answers = spike_after(N, range(start, start + 3), T)
    assert x.shape == (T, 3, 1) and answers.shape == (T, 3)
    came, wanted = (np.argwhere(part.numpy().reshape(T, 3).T == 1) for part in (x, answers))
    assert came.tolist() == [[row, start + row] for row in range(3)]  # one in each row
    assert (wanted - came).tolist() == [[0, N]] * 3


@given(st.integers(1, 30), st.integers(0, 9))
def test_the_distance_of_two_spikes_is_asked_at_the_second(N: int, start: int) -> None:
    x, answers = which_distance(N, range(start, start + 2), start + N + 4)
    for spikes, wanted in zip(x.numpy()[:, :, 0].T, answers.numpy().T):
        first, second = np.flatnonzero(spikes)
        assert np.flatnonzero(wanted != IGNORED).tolist() == [second]
        assert second - first == N + wanted[second]
    assert sorted(answers.numpy().max(axis=0)) == [0, 0, 1, 1]


def test_one_wrong_answer_makes_a_sequence_wrong_unless_it_does_not_count() -> None:
    answers = mg.tensor([[0, 1, 0], [1, IGNORED, 1]])
    said = mg.tensor([[0, 1, 0], [1, 0, 0]])

    class Says(nn.Module):
        def forward(self, x: mg.Tensor) -> mg.Tensor:
            return nn.functional.one_hot(x, 2)

    assert right(Says(), said, answers) == pytest.approx(2 / 3)


# ---- pairs


@given(st.text(st.sampled_from("ab-é ,'"), max_size=20))
def test_tokens_can_be_joined_again(text: str) -> None:
    assert joined(split(text, "letters"), "letters") == text
    single = re.sub(r"\s+", " ", text).strip()
    if " -" not in single:  # a hyphen after a space becomes part of a word; else nothing is lost
        assert joined(split(single, "words"), "words") == single


def test_numbers_in_words() -> None:
    pytest.importorskip("num2words", reason="the demos need the extra demos")
    found = pairs.number_pairs(300, np.random.default_rng(0))
    assert len(set(found)) == 300
    for text in (text for pair in found for text in pair):
        assert joined(split(text, "words"), "words") == text
    lengths = [len(split(source, "words")) for source, _ in found]
    assert min(lengths) <= 3 and max(lengths) >= 12


@given(st.dates(date(1950, 1, 1), date(2049, 12, 31)), st.sampled_from(FORMS))
def test_the_parts_of_a_date_say_which_day_it_is(day: date, form: str) -> None:
    text = in_form(day, form)
    parts = date_parts(text)
    year, month, number = ("".join(t for t, p in zip(text, parts) if p == part) for part in "ymd")
    assert int(year) in (day.year, day.year % 100) and int(number) == day.day
    assert month in (str(day.month), f"{day:%B}".lower(), f"{day:%b}".lower())


def test_no_two_forms_of_different_days_are_the_same_text() -> None:
    found = date_pairs(5000, np.random.default_rng(1))
    days = dict(found)
    assert len({target for _, target in found}) == 5000
    assert all(days[source] == target for source, target in found)


@pytest.mark.parametrize("task", [NUMBERS, DATES])
def test_nothing_held_out_is_learned_from(task: str) -> None:
    if task == NUMBERS:
        pytest.importorskip("num2words", reason="the demos need the extra demos")
    corpus = Corpus(task, 200, seed=3)
    parts = [corpus.tokens[part] for part in (corpus.learned, corpus.chosen_by, corpus.held_out)]
    assert [len(part) for part in parts] == [140, 20, 40]
    for side in (0, 1):
        learned, chosen_by, held_out = ({tuple(pair[side]) for pair in part} for part in parts)
        assert not learned & held_out and not learned & chosen_by and not chosen_by & held_out
    again = Corpus(task, 200, seed=3)
    assert again.tokens == corpus.tokens  # of every version the same
    assert corpus.exact(corpus.target[corpus.held_out], corpus.held_out).all()
    assert not corpus.exact(corpus.target[corpus.learned][:40], corpus.held_out).any()


def test_a_dictionary_pairs_tokens_that_go_together() -> None:
    learned = [
        (["one", "and", "two"], ["un", "deux"]),
        (["one", "and", "six"], ["un", "six"]),
        (["two"], ["deux"]),
    ]
    found = dictionary(learned)
    assert found["two"] == "deux" and found["six"] == "six"
    assert len({*found.values()}) == len(found) and not {"one", "and"} <= set(
        found
    )  # one of them says nothing


# ---- a reader's own file


def write(path: Path, lines: list[str]) -> str:
    path.write_text("\n".join(lines), "utf-8")
    return str(path)


LINES = [
    f"number {a} {b}\tnumero {a} {b}\tsource: somewhere" for a in "abcdefghij" for b in "klmnopqrst"
]


def test_words_where_words_come_again_else_letters(tmp_path: Path) -> None:
    corpus = Corpus(OWN, 0, 0, write(tmp_path / "words.txt", [*LINES, "", LINES[0]]))
    assert (
        corpus.into == "words" and len(corpus.tokens) == 100
    )  # a third column, empty lines and repeats are left out
    lines = [f"{n * 7919 % 10007}\t{n * 7919 % 10007 + 1}" for n in range(100)]
    corpus = Corpus(OWN, 0, 0, write(tmp_path / "letters.txt", lines))
    assert corpus.into == "letters" and corpus.tokens[0][0] == list("".join(corpus.tokens[0][0]))


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            [*LINES, "no tab here"],
            "line 101: expected a text, a tab and its translation, got 'no tab here'.",
        ),
        ([*LINES, "text\t "], "line 101: expected a text, a tab and its translation, got"),
        (LINES[:9], "expected at least 60 different texts, got 9."),
        (
            [f"{'x ' * 70}{line}" for line in LINES],
            "expected at least 60 pairs with at most 60 words a side, got 0.",
        ),
    ],
)
def test_a_bad_file_gets_one_sentence(lines: list[str], sentence: str, tmp_path: Path) -> None:
    path = write(tmp_path / "pairs.txt", lines)
    with pytest.raises(SystemExit) as stopped:
        Corpus(OWN, 0, 0, path)
    assert str(stopped.value).startswith(path) and sentence in str(stopped.value)


def test_a_file_that_cannot_be_read_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("été\tsummer\n".encode("latin-1"))
    for name in ("latin.txt", "absent.txt"):
        with pytest.raises(SystemExit, match=f"{name}: expected a text file in UTF-8, got: "):
            pairs.read_pairs(tmp_path / name)


# ---- the translator


def test_a_vocabulary_numbers_what_it_knows() -> None:
    v = Vocabulary([["b", "a"], ["a"]])
    rows = v.ids([["a", "new"], []])
    assert rows.tolist() == [[4, UNKNOWN, END], [END, PADDING, PADDING]]
    assert v.tokens(rows[0]) == ["a", "<unknown>"] and v.tokens(rows[1]) == [] and len(v) == 6


@pytest.mark.parametrize("attention", [False, True])
def test_a_pair_gets_in_a_batch_what_it_gets_alone(attention: bool) -> None:
    model = Translator(9, 8, 6, attention, E=4).double()
    source, target = (
        np.array([[4, 5, 6, 7, END], [8, END, 0, 0, 0]]),
        np.array([[4, 5, 6, END], [7, END, 0, 0]]),
    )
    x, answers = seq2seq.batch(source, target)
    assert x[1].tolist() == [[START, 4, 5, 6], [START, 7, 0, 0]] and answers.tolist()[1] == [
        7,
        END,
        IGNORED,
        IGNORED,
    ]
    together = model(x)
    for b, (S, L) in enumerate([(5, 4), (2, 2)]):
        (x, _) = seq2seq.batch(source[b : b + 1, :S], target[b : b + 1, :L])
        assert mg.allclose(model(x)[0], together[b, :L], rtol=0, atol=1e-12)
    if attention:
        weights = seq2seq.attention_weights(model, source, target)
        assert weights.sum(axis=2) == pytest.approx(1.0) and (weights[1, :, 2:] == 0).all()
    else:
        with pytest.raises(ValueError, match="has no attention"):
            seq2seq.attention_weights(model, source, target)


def test_an_odd_width_is_refused() -> None:
    with pytest.raises(ValueError, match="H = 7 is shared by two directions; give an even number"):
        Translator(5, 5, 7, True)


Tree = Callable[[tuple[int, ...]], np.ndarray[Any, Any]]


def searched(tree: Tree, width: int, longest: int) -> tuple[tuple[int, ...], float]:
    """beam_search on log-probabilities that depend on all tokens so far; these are the state."""

    def step(tokens: Any, state: list[tuple[int, ...]]) -> Any:
        state = [(*before, int(token)) for before, token in zip(state, tokens)]
        return np.array([tree(tokens[1:]) for tokens in state]), state

    ids, log_p = beam_search(
        step, [()] * width, lambda state, rows: [state[i] for i in rows], 1, width, longest
    )
    return tuple(ids[0].tolist()), float(log_p[0])


def random_tree(seed: int, V: int) -> Tree:
    """Log-probabilities after each beginning, the same whenever asked; PADDING and START never
    come."""

    @cache
    def tree(before: tuple[int, ...]) -> Any:
        p = np.random.default_rng([seed, *before]).random(V) ** 3
        p[[PADDING, START]] = 0
        with np.errstate(divide="ignore"):
            return np.log(p / p.sum())

    return tree


def all_ended(tree: Tree, V: int, longest: int) -> dict[tuple[int, ...], float]:
    found = {}
    for body in (body for n in range(longest) for body in product(range(3, V), repeat=n)):
        ids = (*body, END)
        found[ids] = float(sum(tree(ids[:i])[token] for i, token in enumerate(ids)))
    return found


@given(st.integers(0, 10_000))
def test_a_beam_of_one_is_greedy_and_a_wide_one_finds_the_best(seed: int) -> None:
    V, longest = 5, 3
    tree = random_tree(seed, V)
    ids: tuple[int, ...] = ()
    while len(ids) < longest and END not in ids:
        ids = (*ids, int(tree(ids).argmax()))
    total = sum(tree(ids[:i])[token] for i, token in enumerate(ids))
    found, log_p = searched(tree, 1, longest)
    assert found == ids and log_p == pytest.approx(total)
    widest, best = searched(tree, 16, longest)  # all there are
    ended = all_ended(tree, V, longest)
    if END in widest:
        assert best == pytest.approx(max(ended.values()))
        assert ended[widest[: widest.index(END) + 1]] == pytest.approx(best)
    assert best >= max(ended.values()) - 1e-9 and best >= log_p - 1e-9


def test_a_wider_beam_may_lose_the_greedy_path() -> None:
    a, b, c = 3, 4, 5

    def tree(before: tuple[int, ...]) -> Any:
        p = np.full(6, 1e-9)
        if before == ():
            p[[a, b]] = 0.5, 0.5 - 1e-3
        elif before == (a,):
            p[[a, b, c]] = (
                0.4,
                0.3,
                0.3,
            )  # the best way on from a, 0.20, is dropped for two from b, 0.22 and more
        elif before == (b,):
            p[[a, b, c]] = 0.45, 0.45, 0.1
        elif before == (a, a):
            p[END] = 1  # although this one ends well, and those go on and on
        else:
            p[[a, b, c, END]] = 0.25
        return np.log(p / p.sum())

    greedy, p_greedy = searched(tree, 1, 6)
    beam, p_beam = searched(tree, 2, 6)
    assert greedy == (a, a, END) and p_beam < p_greedy


def test_rows_are_searched_as_they_are_alone() -> None:
    model = Translator(9, 8, 6, True, E=4).double()
    source = np.array([[4, 5, 6, 7, END], [8, END, 0, 0, 0], [5, 5, 4, END, 0]])
    together, p = translate(model, source, 3, 7)
    for b, row in enumerate(source):
        alone, q = translate(model, row[None, row != PADDING], 3, 7)
        assert Vocabulary([list("abcd")]).tokens(alone[0]) == Vocabulary([list("abcd")]).tokens(
            together[b]
        )
        assert q[0] == pytest.approx(p[b])


def test_the_log_probability_is_the_models_own() -> None:
    model = Translator(9, 8, 6, True, E=4).double()
    source = np.array([[4, 5, END]])
    ids, log_p = translate(model, source, 4, 5)
    ids = ids[:, : ids[0].tolist().index(END) + 1] if END in ids else ids
    (x, _) = seq2seq.batch(source, ids)
    scores = mg.log_softmax(model(x).detach(), -1).numpy()[0]
    assert sum(scores[i, token] for i, token in enumerate(ids[0])) == pytest.approx(log_p[0])


# ---- the quick run of all demos


def test_networks_of_one_size_are_compared(results: dict[str, Any]) -> None:
    x6 = demos_results.section(results, "x6")
    for task in ("spike", "which distance", "copy"):
        right = {
            kind: demos_results.median(x6, "learn", "right", task=task, kind=kind)
            for kind in ("LSTM", "peephole LSTM", "GRU")
        }
        sizes = [demos_results.median(x6, "learn", "size", task=task, kind=kind) for kind in right]
        assert max(sizes) < 1.02 * min(sizes)
        assert right["peephole LSTM"] > 0.6 and right["GRU"] > 0.6


def test_attention_learns_sooner_at_the_same_size(results: dict[str, Any]) -> None:
    x7 = demos_results.section(results, "x7")
    tasks = {run["task"] for run in x7["experiments"]["learn"]["runs"]}
    assert DATES in tasks
    for task in tasks:
        attention, none = (
            {
                name: demos_results.median(x7, "learn", name, task=task, version=version)
                for name in ("loss", "size", "accuracy", "beam lower", "beam higher")
            }
            for version in ("attention", "no attention")
        )
        assert (
            attention["loss"] < none["loss"] - 0.1
            and abs(attention["size"] / none["size"] - 1) < 0.02
        )
        assert none["beam higher"] > 0.2 > none["beam lower"]
    looks = {
        name: demos_results.median(x7, "learn", name, task=DATES, version="attention")
        for name in ("on its part", "equal")
    }
    assert looks["on its part"] > 2 * looks["equal"]
