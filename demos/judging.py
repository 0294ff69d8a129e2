"""How the claims are judged, in words, and the limitations of that: a part of demos/RESULTS.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from demos import rule
from demos.verdicts import Verdict, counted

Verdicts = Mapping[str, Verdict]
RULE = """\
What would count was [written down](claims.toml) before the runs: for each claim, its two sides a
and b, what is measured of both, what is claimed about a against b, and the smallest difference that
matters, with [the reason](#smallest-effects) for it. Runs come in pairs: run 7 of one side has the
same data as run 7 of the other and, where the two sides share them, the same initial values and
order. The verdict rests on the mean of the paired differences a - b, or of the ratios a : b for
factors, and on its 95 % interval. A claim

- ✓ **holds** if the interval excludes "no difference" on the claimed side, and the mean reaches the
  smallest effect;
- ✗ **does not hold** if the interval excludes the smallest effect;
- ≈ is answered by **alike** if the interval lies within the smallest effect on either side, and
  there are ten runs;
- ? is **undecided** otherwise. Then seeds are added, up to 30. The row says why, and how many runs
  it would take;
- ◐ **holds only if** a condition is met, if it does not hold as it stands but the comparison under
  that condition, in the row below it (↳), holds.

A fact is counted or computed, and the same in every run; it needs no interval.

Each side is shown by the mean of its runs, the geometric mean for factors. In the small pictures,
the line in the middle is no difference, the grey band is the differences that do not matter, the
dot is the mean and the bar its interval; far out, the scale is logarithmic. *Ahead* is the share of
runs that beat their partner in the claimed direction. *p* is the p-value of no difference or, where
likeness is claimed, of a difference that matters; it is corrected for the looks and for all
comparisons of the table (Holm), and no verdict rests on it. *PyTorch*: "same" means that the same
scripts on PyTorch lead to the same verdict on the seeds that both have, or that one of the two is
undecided and each mean lies in the other's interval.

The interval is Student's t of the paired differences, at 98.75 % for each of at most four looks (at
5, 10, 20 and 30 runs), which makes 95 % for all four together. It assumes that runs spread by at
least half of the smallest effect, even where all of them agree; so it may extend beyond what is
possible, such as a difference of more than 100 %. [rule.py](rule.py) has the rule in code, and the
reasons for it.
"""
EQUAL_HELD = (11, 400)  # at most so many claims about equal networks hold, of so many
LOPSIDED_HELD = (0.20, 0.35)  # where means are equal and one side seldom ends far behind
FOUND = {0.5: 5, 1: 10, 2: 20}  # by how many smallest effects runs differ -> runs
FIRST = rule.LOOKS[0]
BEFORE = 76  # claims of the ledger before, whose results were known when the table was written
NEED_AT_MOST = 1000  # runs; more are not counted


def listed(parts: Iterable[str]) -> str:
    """Parts of a sentence, in a row.

    >>> listed(["one"]), listed(["one", "two", "three"])
    ('one', 'one, two and three')
    """
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def compared(found: Verdicts) -> list[Verdict]:
    """The rows that are comparisons and have a verdict by the rule."""
    return [verdict for verdict in found.values() if verdict.judged and verdict.seeds >= FIRST]


# ---- a row


def remark(verdict: Verdict) -> str:
    """What is to be added to a verdict: why it is open and what it would take, or that it is
    provisional. Empty where nothing is."""
    if verdict.provisional:
        return (
            f"; provisional: it rests on {verdict.seeds} runs near each other, and likeness takes "
            f"{rule.ALIKE_FROM}"
        )
    if verdict.kind != rule.UNDECIDED or verdict.judged is None:
        return ""
    if verdict.seeds < FIRST:
        return f": there is no verdict before {FIRST} runs"
    return f": {why_open(verdict)}; {what_it_takes(verdict)}"


def why_open(verdict: Verdict) -> str:
    judged, row = verdict.judged, verdict.row
    assert judged is not None
    apart = judged.low > 0 or judged.high < 0
    if row.direction != "alike":
        return (
            "there is a difference, but it may be less than the smallest effect"
            if apart
            else 'the interval contains both "no difference" and the smallest effect'
        )
    if -row.least < judged.low and judged.high < row.least:
        return f"the two sides are near each other, but likeness takes {rule.ALIKE_FROM} runs"
    return "the interval contains differences that matter and differences that do not"


def what_it_takes(verdict: Verdict) -> str:
    """How many runs would decide it."""
    row = verdict.row
    differences = row.differences(verdict.a, verdict.b)
    needed = rule.pairs_to_decide(differences, row.least, row.direction, NEED_AT_MOST)
    most = rule.LOOKS[-1]
    if needed is None:
        return f"{NEED_AT_MOST} runs like these would not decide it"
    if needed > most:
        told = float(f"{needed:.2g}")  # two digits of it
        return f"about {told:.0f} runs like these would decide it, more than the {most} of the rule"
    look = next(n for n in rule.LOOKS if n >= needed)
    return f"{look} runs would decide it, if the new ones are like these"


# ---- limitations


def few_runs(found: Verdicts) -> str:
    """How many comparisons rest on how many runs, and what so few cannot show."""
    number = Counter(verdict.seeds for verdict in compared(found))
    have = listed(f"{number[n]} have {n}" for n in sorted(number))
    shares = listed(f"{rule.unseen(n):.0%} after {n}" for n in rule.LOOKS)
    near = sum(verdict.provisional for verdict in found.values())
    told = (
        f"**Few runs.** Of {number.total()} comparisons, {have} runs. Rare outcomes may be missing "
        "among them: an outcome that no run had may still occur, at 95 % confidence, with a "
        f"frequency of up to {shares} runs."
    )
    if near:
        told += (
            f" Therefore {counted(near, 'verdict')} are marked as provisional: they find the two "
            f"sides near each other with fewer runs than the {rule.ALIKE_FROM} that likeness "
            "takes, and will be looked at again."
        )
    return told


def errors() -> str:
    """How the rule does on claims whose truth is known."""
    held, number = EQUAL_HELD
    low, high = (f"{share:.0%}" for share in LOPSIDED_HELD)
    powers = [
        f"{rule.power(spread, n):.0%} with {n} runs that spread by {spread:g}"
        for spread, n in FOUND.items()
    ]
    return (
        "**How often it errs.** The rule was tried on differences whose truth is known "
        f"([test_rule.py](../tests/test_rule.py)). Of {number} claims about networks that are "
        f"equal, at most {held} seem to hold ({held / number:.1%}; fewer than 5% may), in each of "
        "eight kinds, such as trained networks, ties, heavy tails, ratios, and runs that learn all "
        "or nothing. Its weak point is a side that is mostly a little ahead and rarely far behind, "
        f"so that both means are equal: there {low} to {high} seem to hold, most of them at five "
        "runs. A difference of twice the smallest effect is found with a probability of "
        f"{listed(powers)} smallest effects (standard deviation)."
    )


def many(found: Verdicts) -> str:
    """What the number of comparisons does to the verdicts together."""
    rows = compared(found)
    held, number = EQUAL_HELD
    by_chance = len(rows) * held / number
    claims_held = [row for row in rows if row.kind == rule.HOLDS and row.row.place]
    sure = sum(row.p is not None and row.p < rule.ERROR for row in claims_held)
    return (
        f"**Many comparisons.** If both sides were equal in all {len(rows)}, about "
        f"{by_chance:.0f} would seem to hold. Of the {len(claims_held)} compared claims that hold, "
        f"{sure} have a p below {rule.ERROR:g} after the correction for all comparisons; five runs "
        'rarely reach that, so trust the others one by one, not all together. "Holds only if" '
        "gives a claim a second chance, and errs up to twice as often. Some rows share a side, or "
        "are one comparison seen from two sides: they are right or wrong together."
    )


def known_before(found: Verdicts) -> str:
    """That results of another ledger were known, and what the verdicts are without the runs it may
    have shared."""
    return (
        f"**What was known before.** When the table was written, a first ledger had measured "
        f"{BEFORE} of the claims, some of them with the same first seeds. Conditions were chosen "
        "with its results in view; the claims of papers (p1 to p4) had not been run. Since then, "
        "no smallest effect, direction or scale has been changed (`git log -p demos/claims.toml`). "
        f"Without their first {FIRST} runs, {answers_again(found, without_the_first)}."
    )


def another_interval(found: Verdicts) -> str:
    """What the verdicts are by an interval that takes no shape of the differences for granted."""
    return (
        "**Another interval.** With a bootstrap (BCa) in place of Student's t, "
        f"{answers_again(found, by_bootstrap)}."
    )


def answers_again(found: Verdicts, judged_again: Callable[[Verdict], str]) -> str:
    """How many comparisons, of those that have runs enough, give the same answer in another way."""
    rows = [verdict for verdict in compared(found) if verdict.seeds >= 2 * FIRST]
    pairs = [{answer(verdict.own), answer(judged_again(verdict))} for verdict in rows]
    same = sum(len(pair) == 1 for pair in pairs)
    contrary = pairs.count({True, False})
    return (
        f"{same} of the {len(rows)} comparisons that have at least {2 * FIRST} runs give the "
        f"same answer, {len(rows) - same - contrary} are undecided in one of the two, and "
        f"{contrary or 'none'} {'gives' if contrary < 2 else 'give'} the opposite one"
    )


def without_the_first(verdict: Verdict) -> str:
    row = verdict.row
    differences = row.differences(verdict.a[FIRST:], verdict.b[FIRST:])
    return rule.judge(differences, row.least, row.direction).verdict


def by_bootstrap(verdict: Verdict) -> str:
    """The verdict by the interval of a bootstrap; that of the rule where nothing differs."""
    from scipy import stats  # here, since it takes a second to import

    row = verdict.row
    differences = row.differences(verdict.a, verdict.b)
    if np.ptp(differences) == 0:
        return verdict.own
    low, high = stats.bootstrap(
        (differences,),
        np.mean,
        confidence_level=rule.LEVEL,
        n_resamples=2000,
        rng=np.random.default_rng(0),
    ).confidence_interval
    estimate = float(differences.mean())
    if row.direction == "less":
        estimate, low, high = -estimate, -high, -low
    return rule.verdict_of(estimate, low, high, verdict.seeds, row.least, row.direction)


def answer(verdict: str) -> bool | None:
    """Whether what is claimed is so; None where it is undecided."""
    return None if verdict == rule.UNDECIDED else verdict == rule.HOLDS


def found_with(found: Verdicts, chance: float = 0.9) -> str:
    """Where runs differ too much for the seeds that there are."""
    rows = compared(found)
    weak = [verdict for verdict in rows if verdict.power() < chance]
    open_ones = sum(verdict.own == rule.UNDECIDED for verdict in weak)
    return (
        "**What the runs could have found.** With the spread that they had, they find a difference "
        f"of twice the smallest effect with a probability of {chance:.0%} or more in "
        f"{len(rows) - len(weak)} of {len(rows)} comparisons. Of the others, "
        f"{len(weak) - open_ones} are decided all the same, because the difference is larger or "
        f"goes the other way, and {open_ones} are not."
    )


SHARED = (
    "**What the runs share.** The language models of all runs read one text, with one test part; "
    "times and memory are those of this code on two cores; the periods of one share price overlap, "
    "any two by at least a third. There, the interval covers initial values and the order of "
    "learning only: for other texts, machines and shares it is too narrow. Everything else is "
    "drawn anew for each seed."
)
SMALL = (
    "**What it is about.** Small networks and small tasks. A verdict is about the comparison in "
    "its row, not about every task that the sentence might mean."
)


def section(found: Verdicts) -> str:
    """How it is judged, and the limitations of that."""
    doubts = [errors(), SHARED, SMALL]
    if compared(found):
        told = (few_runs, another_interval, many, known_before, found_with)
        doubts[1:1] = [sentences(found) for sentences in told]
    bullets = "".join(f"- {doubt}\n" for doubt in doubts)
    return f"\n## How it is judged\n\n{RULE}\n### Limitations\n\n{bullets}"
