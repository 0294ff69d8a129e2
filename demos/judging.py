"""How the claims are judged, in words, and what speaks against it: a part of demos/RESULTS.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from scipy import stats

from demos import rule
from demos.verdicts import Verdict, counted

Verdicts = Mapping[str, Verdict]
RULE = """\
What would count was [written down](claims.toml) before the runs: for each claim its two sides a and
b, what is measured of both, what is claimed of a against b, and the smallest difference that
matters, with [the reason](#smallest-effects) why it is that one. Runs come in pairs. Run 7 of one
side has the data of run 7 of the other, and where they share them the initial values and the order.
Judged is the mean of the paired differences a - b, or of the ratios a : b where factors count, by
its 95 % interval.
A claim

- ✓ **holds** if the interval leaves out "no difference" on the claimed side, and the mean reaches
  the smallest effect;
- ✗ **does not hold** if the interval leaves out the smallest effect;
- ≈ is answered by **alike** if the interval lies within the smallest effect on either side, and
  there are ten runs;
- ? is **undecided** else. Then seeds are added, up to 30. The row says why, and how many runs it
  would take;
- ◐ **holds only if** a condition is met where it does not hold as it stands, and the row below it
  (↳), the comparison under that condition, holds.

Facts are counted or computed and the same in every run; they need no interval.

Of each side the mean of its runs is shown, the geometric mean where factors count. In the small
pictures the line in the middle is no difference, the grey band is what does not matter, the dot is
the mean and the bar its interval; the scale is logarithmic far out. *Ahead* is the share of runs
that are ahead of their partner in the claimed direction. *p* is that of no difference, or, where
likeness is claimed, that of a difference that matters; it is corrected for the looks and for all
comparisons of the table (Holm), and no verdict rests on it. *PyTorch*: the same scripts on PyTorch
come to the same verdict on the seeds that both have, or one of the two is undecided and each mean
lies in the other's interval.

The interval is Student's t of the paired differences, at 98.75 % for each of at most four looks (at
5, 10, 20 and 30 runs), which makes 95 % for all four together. It takes runs to spread by half of
the smallest effect at least, also where all of them agree; so it may reach beyond what is possible,
as a difference of more than 100 %. [rule.py](rule.py) has the rule in code, and its reasons.
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
            f"; provisional: it rests on {verdict.seeds} runs near each other, and likeness asks "
            f"for {rule.ALIKE_FROM}"
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
            "there is a difference, which may be less than the smallest effect"
            if apart
            else 'the interval holds "no difference" as well as the smallest effect'
        )
    if -row.least < judged.low and judged.high < row.least:
        return f"both sides are near each other, but likeness asks for {rule.ALIKE_FROM} runs"
    return "the interval holds differences that matter as well as ones that do not"


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
    return f"{look} runs would decide it, if the others are like these"


# ---- what speaks against it


def few_runs(found: Verdicts) -> str:
    """How many comparisons rest on how many runs, and what so few cannot show."""
    number = Counter(verdict.seeds for verdict in compared(found))
    have = listed(f"{number[n]} have {n}" for n in sorted(number))
    shares = listed(f"{rule.unseen(n):.0%} after {n}" for n in rule.LOOKS)
    near = sum(verdict.provisional for verdict in found.values())
    told = (
        f"**Few runs.** Of {number.total()} comparisons {have} runs. What happens seldom may be "
        "missing among them: if none of the runs ended otherwise, a share of all runs may still do "
        f"so, at 95 % up to {shares} runs."
    )
    if near:
        told += (
            f" Therefore {counted(near, 'verdict')} are marked as provisional: they find both "
            f"sides near each other, with fewer runs than the {rule.ALIKE_FROM} that likeness asks "
            "for, and are looked at again."
        )
    return told


def errors() -> str:
    """How the rule does on claims whose truth is known."""
    held, number = EQUAL_HELD
    low, high = (f"{share:.0%}" for share in LOPSIDED_HELD)
    powers = [
        f"{rule.power(spread, n):.0%} of {n} runs that spread by {spread:g}"
        for spread, n in FOUND.items()
    ]
    return (
        "**How often it errs.** Tried on differences whose truth is known "
        f"([test_rule.py](../tests/test_rule.py)). Of {number} claims about networks that are "
        f"equal, at most {held} seem to hold ({held / number:.1%}; fewer than 5% may), in any of "
        "eight kinds: trained networks, ties, heavy tails, ratios, runs that learn all or nothing "
        "and others. The weak place is a side that is mostly a little ahead and seldom ends far "
        f"behind, so that both are equal in the mean: there {low} to {high} seem to hold, most of "
        "them at five runs. A difference of twice the smallest effect is found with a chance of "
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
        f"**Many comparisons.** If in all {len(rows)} both sides were equal, about "
        f"{by_chance:.0f} would seem to hold. Of the {len(claims_held)} compared claims that hold "
        f"{sure} have a p below {rule.ERROR:g} after the correction for all comparisons; five runs "
        'seldom reach that, so take the others one by one, not all together. "Holds only if" '
        "gives a claim a second chance, and errs up to twice as often. Rows may be one comparison "
        "seen from two sides, or share one of theirs: they stand or fall together."
    )


def known_before(found: Verdicts) -> str:
    """That results of another ledger were known, and what the verdicts are without the runs it may
    have shared."""
    return (
        f"**What was known before.** When the table was written, a first ledger had measured "
        f"{BEFORE} of the claims, some of them with the same first seeds: conditions were named "
        "with its results in view; the papers' sentences (p1 to p4) had not been run. Since then "
        "no smallest effect, direction or scale has been changed (`git log -p demos/claims.toml`). "
        f"Without their first {FIRST} runs, {answers_again(found, without_the_first)}."
    )


def another_interval(found: Verdicts) -> str:
    """What the verdicts are by an interval that takes no shape of the differences for granted."""
    return (
        "**Another interval.** By a bootstrap (BCa) in the place of Student's t, "
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
        f"{contrary or 'none'} {'gives' if contrary < 2 else 'give'} the contrary"
    )


def without_the_first(verdict: Verdict) -> str:
    row = verdict.row
    differences = row.differences(verdict.a[FIRST:], verdict.b[FIRST:])
    return rule.judge(differences, row.least, row.direction).verdict


def by_bootstrap(verdict: Verdict) -> str:
    """The verdict by the interval of a bootstrap; that of the rule where nothing differs."""
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
        "**What the runs could have found.** As far apart as they were, they find a difference of "
        f"twice the smallest effect with a chance of {chance:.0%} or more in "
        f"{len(rows) - len(weak)} of {len(rows)} comparisons. Of the others "
        f"{len(weak) - open_ones} are decided all the same, since the difference is larger or the "
        f"other way round, and {open_ones} are not."
    )


SHARED = (
    "**What the runs share.** The language models of all runs read one text, with one test part; "
    "times and memory are of this code on two cores; the stretches of days of one share overlap, "
    "any two by at least a third. There the interval is over initial values and the order of "
    "learning: for other texts, machines and shares it is too narrow. All else is drawn anew by "
    "each seed."
)
SMALL = (
    "**What it is about.** Small networks, small tasks. What is said of a claim is said of the "
    "comparison in its row, not of every task that the sentence might mean."
)


def section(found: Verdicts) -> str:
    """How it is judged, and what speaks against it."""
    doubts = [errors(), SHARED, SMALL]
    if compared(found):
        told = (few_runs, another_interval, many, known_before, found_with)
        doubts[1:1] = [sentences(found) for sentences in told]
    bullets = "".join(f"- {doubt}\n" for doubt in doubts)
    return f"\n## How it is judged\n\n{RULE}\n### What speaks against it\n\n{bullets}"
