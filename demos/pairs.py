"""Pairs of texts to translate: numbers in words, dates, a reader's own file; and texts as
tokens."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path

import numpy as np

from demos import store
from demos.seq2seq import Ids, Vocabulary

Pair = tuple[str, str]  # a text and its translation
Tokens = list[str]

# ---- tokens


def split(text: str, into: str) -> Tokens:
    """Letters; or words and parts of words, split at spaces and before hyphens, so that `joined`
    has the text again.

    >>> split("vingt-trois mille", into="words")
    ['vingt', '-trois', 'mille']
    """
    return list(text) if into == "letters" else re.findall(r"-?[^\s-]+|-", text)


def joined(tokens: Sequence[str], into: str) -> str:
    """The text that `split` made into these tokens; of spaces that stand together, one is left.

    >>> joined(["vingt", "-trois", "mille"], into="words")
    'vingt-trois mille'
    """
    return "".join(tokens) if into == "letters" else " ".join(tokens).replace(" -", "-")


# ---- numbers in words


def number_pairs(count: int, random: np.random.Generator, below: int = 10**9) -> list[Pair]:
    """`count` different whole numbers in English and in French, as num2words writes them, without
    commas.

    Numbers of each size are alike in number: the logarithm of n + 10 is drawn evenly.
    """
    drawn: dict[int, None] = {}
    while len(drawn) < count:
        drawn[int(np.exp(random.uniform(np.log(10), np.log(below + 10)))) - 10] = None
    return [number_pair(n) for n in drawn]


@lru_cache(maxsize=2**16)  # of one corpus, which every version of a translator learns from
def number_pair(n: int) -> Pair:
    """A number in English and in French.

    >>> number_pair(1023)
    ('one thousand and twenty-three', 'mille vingt-trois')
    """
    from num2words import num2words

    return num2words(n).replace(",", ""), num2words(n, lang="fr")


# ---- dates

MONTHS = (
    "january february march april may june july august september october november december".split()
)
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
FIRST, DAYS = date(1950, 1, 1), 36_525  # a hundred years, so that two digits of a year tell which
FORMS = (
    "{day}/{number}/{year}",
    "{day}.{number}.{short}",
    "{day} {month} {year}",
    "{day} {mon} {short}",
    "{month} {day}, {year}",
    "{mon} {nth} {short}",
    "the {nth} of {month} {year}",
    "{weekday} {day} {mon} {short}",
    "{weekday}, {month} {nth}, {year}",
    "{weekday} the {nth} of {month} {year}",
    "on the {nth} day of {month} in the year {year}",
    "{weekday}, the {nth} day of {month} in the year {year}",
)


def ordinal(n: int) -> str:
    """1st, 2nd, 3rd, 4th ... 11th, 12th, 13th ... 21st."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}th" if n % 100 in (11, 12, 13) else f"{n}{ending}"


def in_form(day: date, form: str) -> str:
    """A date as people write it, the day before the month where both are numbers.

    >>> in_form(date(1998, 3, 3), "{weekday} the {nth} of {month} {year}")
    'tuesday the 3rd of march 1998'
    """
    month = MONTHS[day.month - 1]
    return form.format(
        day=day.day,
        nth=ordinal(day.day),
        number=day.month,
        month=month,
        mon=month[:3],
        year=day.year,
        short=f"{day.year % 100:02}",
        weekday=WEEKDAYS[day.weekday()],
    )


def date_pairs(count: int, random: np.random.Generator) -> list[Pair]:
    """`count` different days from 1950 to 2049, each in one of FORMS, and as year-month-day."""
    days = [FIRST + timedelta(int(n)) for n in random.choice(DAYS, count, replace=False)]
    return [(in_form(day, FORMS[random.integers(len(FORMS))]), day.isoformat()) for day in days]


def date_parts(text: str) -> str:
    """What each letter of a date in one of FORMS belongs to: y(ear), m(onth), d(ay) or nothing.

    >>> date_parts("tuesday 3 mar 98")
    '        d mmm yy'
    """
    numbers = [found.span() for found in re.finditer(r"\d+", text)]
    named = re.search("|".join(rf"\b{month[:3]}({month[3:]})?\b" for month in MONTHS), text)
    spans = {"d": numbers[0], "y": numbers[-1], "m": named.span() if named else numbers[1]}
    parts = [" "] * len(text)
    for part, (start, end) in spans.items():
        parts[start:end] = part * (end - start)
    return "".join(parts)


# ---- a reader's own

LEAST, LONGEST = 60, 60  # pairs in a file; tokens of a text


def read_pairs(path: str | Path) -> list[Pair]:
    """A file of lines "text <tab> translation", in UTF-8; what follows a second tab is left out, as
    are empty lines.

    Only the first translation of a text counts, so that no text can be both learned from and held
    out. Ends the program with one sentence where a line has no tab or the file holds fewer than
    LEAST texts.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(store.read_text(path).split("\n"), start=1):
        source, *rest = (part.strip() for part in line.split("\t"))
        if not line.strip():
            continue
        if not (source and rest and rest[0]):
            raise SystemExit(
                f"{path}, line {number}: expected a text, a tab and its translation, got "
                f"{line[:60]!r}."
            )
        found.setdefault(source, rest[0])
    if len(found) < LEAST:
        raise SystemExit(f"{path}: expected at least {LEAST} different texts, got {len(found)}.")
    return list(found.items())


def own_pairs(path: str | Path, random: np.random.Generator) -> tuple[list[Pair], str]:
    """The pairs of a file in random order, and how to split them: into "words" where words come
    again, else "letters".

    Words are taken if at least 90% of those in the last tenth of the texts, and of their
    translations, also occur before. Pairs with more than LONGEST tokens on a side are left out.
    """
    pairs = read_pairs(path)
    pairs = [pairs[i] for i in random.permutation(len(pairs))]
    cut = len(pairs) * 9 // 10
    sides = [[split(text, "words") for text in side] for side in zip(*pairs)]
    name = "words" if min(known(side[:cut], side[cut:]) for side in sides) >= 0.9 else "letters"
    kept = [pair for pair in pairs if max(len(split(text, name)) for text in pair) <= LONGEST]
    if len(kept) < LEAST:
        raise SystemExit(
            f"{path}: expected at least {LEAST} pairs with at most {LONGEST} {name} a side, "
            f"got {len(kept)}."
        )
    return kept, name


def known(learned: Sequence[Tokens], others: Sequence[Tokens]) -> float:
    """The share of the tokens of `others` that occur in `learned`."""
    vocabulary = {token for tokens in learned for token in tokens}
    return float(np.mean([token in vocabulary for tokens in others for token in tokens]))


# ---- no network


def dictionary(learned: Sequence[tuple[Tokens, Tokens]]) -> dict[str, str]:
    """For each token s of the texts the token t of their translations that goes with it, if any:
    each is the other's best by 2 n(s,t) / (n(s) + n(t)), where n counts the pairs that hold a
    token, or both (Dice 1945)."""
    sources, targets, both = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for pair in learned:
        # each token once, in an order that stays
        source, target = (list(dict.fromkeys(tokens)) for tokens in pair)
        sources.update(source)
        targets.update(target)
        both.update(product(source, target))
    ranked = sorted(both, key=lambda st: 2 * both[st] / (sources[st[0]] + targets[st[1]]))
    forth, back = dict(ranked), {t: s for s, t in ranked}  # of each token the best, which is last
    return {s: t for s, t in forth.items() if back[t] == s}


# ---- ready to learn from

NUMBERS, DATES, OWN = "numbers in words", "dates", "own pairs"
HELD_OUT = 600  # pairs to report, at most, and half as many by which to choose a learning rate


def draw(task: str, count: int, random: np.random.Generator, path: str) -> tuple[list[Pair], str]:
    """Pairs in random order, and into what they are to be split."""
    if task == OWN:
        return own_pairs(path, random)
    return (
        (number_pairs(count, random), "words")
        if task == NUMBERS
        else (date_pairs(count, random), "letters")
    )


class Corpus:
    """`count` pairs of a task as tokens and ids, in three parts: to learn from, to choose by, and
    held out.

    path: the file of one's own pairs, all of which are taken. The vocabularies are those of the
    first part.
    """

    def __init__(self, task: str, count: int, seed: int, path: str = ""):
        pairs, self.into = draw(task, count, np.random.default_rng(1000 + seed), path)
        self.tokens = [
            (split(source, self.into), split(target, self.into)) for source, target in pairs
        ]
        held_out = min(HELD_OUT, len(pairs) // 5)
        ends = [0, len(pairs) - held_out - held_out // 2, len(pairs) - held_out, len(pairs)]
        self.learned, self.chosen_by, self.held_out = (slice(a, b) for a, b in pairwise(ends))
        sides = list(zip(*self.tokens))
        self.vocabularies = [Vocabulary(side[self.learned]) for side in sides]
        self.source, self.target = (v.ids(side) for v, side in zip(self.vocabularies, sides))

    def exact(self, ids: Ids, part: slice) -> Ids:
        """Which of these targets (B,L) are the ones of that part, token for token."""
        return np.array(
            [
                self.vocabularies[1].tokens(row) == want
                for row, (_, want) in zip(ids, self.tokens[part])
            ]
        )

    def word_for_word(self) -> float:
        """The share of held-out sources that a dictionary of the learned pairs translates exactly,
        token for token."""
        words = dictionary(self.tokens[self.learned])
        pairs = self.tokens[self.held_out]
        return float(
            np.mean(
                [[words[s] for s in source if s in words] == target for source, target in pairs]
            )
        )
