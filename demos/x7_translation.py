"""Exercise 7. Sequence to sequence: translation

An encoder LSTM reads and a decoder LSTM writes: numbers in words, from English to French, and dates
as people write them, into year-month-day, letter by letter. In one version the decoder receives
only the encoder's last states, however long the source is; in the other it also looks back with
attention. `--pairs FILE` adds pairs of your own: a text, a tab and its translation on each line.
"""

# %%
import hashlib
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec

import numpy as np

import minigrad as mg
from demos.lab import Lab, Runs, ranged
from demos.models import size
from demos.pairs import DATES, NUMBERS, OWN, Corpus, date_parts, joined, own_pairs
from demos.seq2seq import (
    PADDING,
    Ids,
    Translator,
    Vocabulary,
    attention_weights,
    batches,
    translate,
)
from demos.style import (
    BLUE,
    BLUES,
    ORANGE,
    PURPLE,
    SKY,
    band,
    label_ends,
    panels,
    percent,
    whole_numbers,
)
from demos.training import train

lab = Lab(__file__)
OWN_FILE = str(lab.options.pairs) if lab.options.pairs else ""
DIGEST = (
    hashlib.sha256(lab.options.pairs.read_bytes()).hexdigest()[:12] if lab.options.pairs else ""
)
if OWN_FILE:
    own_pairs(OWN_FILE, np.random.default_rng(0))  # what is wrong there is said before the work
TASKS = [NUMBERS] * bool(find_spec("num2words")) + [DATES] + [OWN] * bool(OWN_FILE)
if NUMBERS not in TASKS:
    lab.say(
        f"{NUMBERS}: left out, because the package num2words is not here (pip install num2words)."
    )

# %% [markdown]
# ## The pairs
# Numbers from 0 to 999,999,999, of each size alike many; a token is a word, or a part of one that a
# hyphen divides: vingt -trois mille. Days from 1950 to 2049 in twelve forms, day before month where
# both are numbers; a token is a letter. No number and no day that is held out is among those of the
# training.

# %% [markdown]
# ## With attention and without, at the same size
# Two versions, each at the better of two learning rates, with the same number of steps on the same
# pairs. Is it the size of the decoder's first state that matters? Two more have no attention but
# twice the width, or four times the steps.

# %%
VERSIONS = {  # attention, times the width, times the steps
    "attention": (True, 1, 1),
    "no attention": (False, 1, 1),
    "none, twice as wide": (False, 2, 1),
    "none, 4 times the steps": (False, 1, 4),
}
SHADES = dict(zip(VERSIONS, (BLUE, ORANGE, PURPLE, SKY)))
EQUAL, LARGER = list(VERSIONS)[:2], [] if lab.quick else list(VERSIONS)[2:]
WIDTH = 4  # of the beam


def translator(version: str, vocabularies: list[Vocabulary], H: int) -> Translator:
    """Of H units with attention; without it of as many as make the same size, or of a multiple of
    that."""
    attention, wider, _ = VERSIONS[version]
    V = [len(vocabulary) for vocabulary in vocabularies]
    wanted = size(Translator(*V, H, True))
    if not attention:
        H = wider * min(
            range(H, 2 * H, 2), key=lambda h: abs(size(Translator(*V, h, False)) - wanted)
        )
    return Translator(*V, H, attention)


def learn(
    task: str,
    version: str,
    lr: float,
    seed: int,
    count: int,
    steps: int,
    H: int,
    path: str,
    digest: str,
    device: str,
) -> dict[str, object]:
    """What the training comes to: `translated` and `looks`, and its course.

    digest: of the file at `path`, so that what is kept of another content is not taken for this
    one's.
    """
    data = Corpus(task, count, seed, path)
    longest = data.target.shape[1] + 5
    mg.manual_seed(seed)
    model = translator(version, data.vocabularies, H).to(device)

    def course() -> float:
        ids, _ = translate(model, data.source[data.chosen_by], 1, longest, device)
        return float(data.exact(ids, data.chosen_by).mean())

    random = np.random.default_rng(2000 + seed)  # every version sees the same batches
    steps *= VERSIONS[version][2]
    learned = data.source[data.learned], data.target[data.learned]
    rows, every = batches(*learned, steps, 64, random, device), steps // 10
    losses, curve = train(model, rows, lr, 1.0, watch=course, every=every)
    return {
        "chosen by": float(np.mean(curve[-2:])),
        "curve": curve,
        "loss": float(np.mean(losses[-every:])),
        "size": size(model),
        "pairs": len(data.tokens),
        "into": data.into,
        "word for word": data.word_for_word(),
        **translated(data, model, longest, device),
        **looks(task, data, model, device),
    }


def translated(data: Corpus, model: Translator, longest: int, device: str) -> dict[str, object]:
    """Exact translations of held-out sources, greedy ("exact", by source) and by beam search."""
    source = data.source[data.held_out]
    greedy, p_greedy = translate(model, source, 1, longest, device)
    beam, p_beam = translate(model, source, WIDTH, longest, device)
    exact, by_beam = data.exact(greedy, data.held_out), data.exact(beam, data.held_out)
    gain = p_beam - p_greedy
    return {
        "accuracy": exact.mean(),
        "exact": exact.astype(int),
        "lengths": (source != PADDING).sum(axis=1) - 1,
        "beam": by_beam.mean(),
        "beam lower": (gain < -1e-4).mean(),
        "beam higher": (gain > 1e-4).mean(),
        "examples": [
            [joined(tokens, data.into) for tokens in (*pair, data.vocabularies[1].tokens(row))]
            for pair, row in zip(data.tokens[data.held_out][:5], greedy)
        ],
    }


def looks(task: str, data: Corpus, model: Translator, device: str) -> dict[str, object]:
    """The attention of one pair of some length; of dates, the weight on the part that a digit is
    made of."""
    if model.attention is None:
        return {}
    source, target = data.source[data.held_out], data.target[data.held_out]
    pairs, lengths = data.tokens[data.held_out], (source != PADDING).sum(axis=1)
    weights = attention_weights(model, source, target, device)  # (B,L,S)
    shown = int(np.abs(lengths - np.quantile(lengths, 0.75)).argmin())
    found = {
        "shown": pairs[shown],
        "weights": weights[shown, : len(pairs[shown][1]), : lengths[shown]].round(3),
    }
    if task != DATES:
        return found
    S = weights.shape[2]
    parts = np.array([list(date_parts("".join(text)).ljust(S)) for text, _ in pairs])  # (B,S)
    form = np.array(list("yyyy mm dd"))  # as in 1998-03-03
    same = parts[:, None, :] == form[None, :, None]  # (B,10,S)
    digits = [0, 1, 2, 3, 5, 6, 8, 9]
    on = (weights[:, :10] * same).sum(axis=2)[:, digits]
    return {
        **found,
        "on its part": on.mean(),
        "equal": (same.sum(axis=2) / lengths[:, None])[:, digits].mean(),
    }


STEPS = {NUMBERS: 50, DATES: 60, OWN: 30} if lab.quick else {NUMBERS: 400, DATES: 250, OWN: 400}
RATES = lab.pick(quick=[0.02], full=[0.003, 0.01], ledger=[0.003, 0.01, 0.03])
COUNT, H = (700, 32) if lab.quick else (8000, 64)
done: dict[tuple[str, str], Runs] = {}


def grid(
    task: str, version: str, rates: list[float], seeds: Sequence[int] = lab.seeds()
) -> dict[str, object]:
    """The arguments of `learn`."""
    path, digest = (OWN_FILE, DIGEST) if task == OWN else ("", "")
    given = {"task": task, "version": version, "lr": rates, "seed": seeds, "count": COUNT}
    given |= {"steps": STEPS[task], "H": H, "path": path, "digest": digest}
    return given | {"device": lab.device}


def by_length(task: str, version: str, bins: int) -> tuple[Ids, Ids]:
    """Mean lengths in at most `bins` parts of the sources, from short to long; exact shares
    (seeds,bins)."""
    lengths, exact = done[task, version]["lengths"], done[task, version]["exact"]  # (seeds,sources)
    bins = max(1, min(bins, lengths.shape[1] // 20))  # a part of few sources would say little
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, bins + 1)).round())
    part = np.clip(np.searchsorted(edges, lengths, side="right") - 1, 0, max(0, len(edges) - 2))
    middle = [lengths[part == k].mean() for k in range(part.max() + 1)]
    return np.array(middle), np.array(
        [[row[at == k].mean() for k in range(part.max() + 1)] for row, at in zip(exact, part)]
    )


def lost(task: str, version: str) -> Ids:
    """How much rarer exact translations are in the longest third of the sources than in the
    shortest, by seed."""
    shares = by_length(task, version, bins=3)[1]
    return shares[:, 0] - shares[:, -1]


def claim(task: str) -> None:
    """What becomes of the claims on one task."""
    attends, weak = (done[task, version] for version in EQUAL)
    if task == DATES:
        lab.claim("attention-dates", attends["accuracy"], weak["accuracy"])
        lab.claim("bottleneck", lost(DATES, "no attention"), lost(DATES, "attention"))
        lab.claim("attention-relevant", attends["on its part"], attends["equal"])
    if task == NUMBERS:
        lab.claim("attention-numbers", attends["accuracy"], weak["accuracy"])
        lab.claim("bottleneck-numbers", lost(NUMBERS, "no attention"), lost(NUMBERS, "attention"))
        lab.claim("beam-probable", weak["beam lower"], 0.0)
        lab.claim("beam-better", weak["beam"], weak["accuracy"])


for task in TASKS[::-1] if lab.ledger else TASKS:
    for version in EQUAL:
        done[task, version] = lab.run(learn, **grid(task, version, RATES)).best("chosen by")
    if lab.ledger:  # which has the dearest runs come last
        claim(task)
LONG = TASKS[0]  # the task of the two larger versions


def enlarge() -> None:
    """Run the larger versions: at the rate of what they enlarge, or in the ledger at one of their
    own."""
    if lab.ledger:
        grids = [grid(LONG, version, RATES) for version in LARGER]
    else:
        grids = [
            grid(LONG, version, [row["lr"]], [row["seed"]])
            for version in LARGER
            for row in done[LONG, "no attention"]
        ]
    larger = lab.run_all(learn, grids)
    for version in LARGER:
        done[LONG, version] = larger.where(version=version).best("chosen by")


if not lab.ledger:
    enlarge()


in_words = partial(ranged, unit="{:.1%}")
lab.table(
    "Held-out pairs translated exactly: greedily, and by a beam of 4",
    ["", "parameters", "learning rate", "greedy", "beam"],
    [
        [
            f"{task}: {version}",
            int(of["size"][0]),
            " or ".join(map(str, np.unique(of["lr"]))),
            *(in_words(of[how]) for how in ("accuracy", "beam")),
        ]
        for (task, version), of in done.items()
    ],
)
for task in TASKS:
    of = done[task, "attention"]
    into = {"words": "words (at spaces and before hyphens)", "letters": "letters"}[
        of.rows[0]["into"]
    ]
    lab.say(
        f"""{task.capitalize()}: {of.rows[0]["pairs"]:,} pairs, split into {into}; without a
        network, token for token by a dictionary of the pairs to learn from:
        {in_words(of["word for word"])} are exact. Held out, and the output with attention: """
        + "; ".join(
            f"{a} → {c}" + ("" if b == c else f" (right: {b})")
            for a, b, c in of.rows[0]["examples"][:3]
        )
        + "."
    )

# %% [markdown]
# ## By the length of the source

# %%
RUNS = lab.runs_in_words()


# %% shown
figure, axes = panels(
    1, len(TASKS), figsize=(6.8 if len(TASKS) < 3 else 9.0, 3.8), sharey=True, squeeze=False
)
for ax, task in zip(axes[0], TASKS):
    tops = []
    for version, colour in SHADES.items():
        if (task, version) in done:
            middle, shares = by_length(task, version, bins=6)
            at_end = float(band(ax, middle, shares, colour, marker="o", markersize=4)[-1])
            tops.append((at_end, version.replace("none, ", ""), colour))
    ax.set(
        title=task.capitalize(),
        xlabel=f"length of the source ({done[task, 'attention'].rows[0]['into']})",
    )
    whole_numbers(ax)
    percent(ax)
    label_ends(ax, tops)
axes[0, 0].set_ylabel("translated exactly")
lab.show(
    figure,
    "length",
    f"""Held-out pairs translated exactly, greedily, by the length of the source, in parts of about
    equal number ({RUNS}). The same size with attention and without; "twice as wide" and "4 times
    the steps" are without it.""",
)

# %% shown
figure, axes = panels(
    1, len(TASKS), figsize=(6.8 if len(TASKS) < 3 else 9.0, 3.4), sharey=True, squeeze=False
)
for ax, task in zip(axes[0], TASKS):
    at = STEPS[task] // 10 * np.arange(1, 11)
    tops = []
    for version in EQUAL:
        middle = band(ax, at, done[task, version]["curve"], SHADES[version])
        tops.append((float(middle[-1]), version, SHADES[version]))
    ax.set(title=task.capitalize(), xlabel="training step (64 pairs)", xlim=(0, at[-1]))
    percent(ax)
    label_ends(ax, tops)
axes[0, 0].set_ylabel("translated exactly")
lab.show(
    figure,
    "learning",
    f"Exact translations during the training, of pairs not trained on ({RUNS}).",
)

# %% [markdown]
# ## Where attention looks

# %% shown
shown = [done[task, "attention"].rows[0] for task in TASKS]
rows = [len(of["weights"]) for of in shown]
figure, axes = panels(
    len(TASKS),
    1,
    figsize=(6.8, 0.6 + 0.22 * sum(rows) + 0.6 * len(rows)),
    height_ratios=rows,
    squeeze=False,
)
for ax, of in zip(axes[:, 0], shown):
    (source, target), weights = of["shown"], np.array(of["weights"])
    ax.imshow(weights, cmap=BLUES, vmin=0, vmax=1, aspect="auto")
    turned = (
        {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if of["into"] == "words" else {}
    )
    ax.set_xticks(
        range(weights.shape[1]), [*source, "end"][: weights.shape[1]], parse_math=False, **turned
    )
    ax.set_yticks(range(len(target)), target, parse_math=False)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelsize=8.5)
    ax.set(xlabel="read", ylabel="written")
figure.align_ylabels()
lab.show(
    figure,
    "attention",
    """Held-out pairs: for each token written (a row) the weight on each token read (a column), from
    none (white) to all (dark). The weights are learned from pairs alone; no label says which token
    goes with which.""",
)

# %% [markdown]
# ## The claims

# %%
if not lab.ledger:
    for task in TASKS:
        claim(task)
if NUMBERS in TASKS and LARGER:
    if lab.ledger:
        enlarge()
    wide, longer = (done[NUMBERS, version]["accuracy"] for version in LARGER)
    lab.claim("vector-size", wide, longer)
    lab.claim("vector-size-short", wide, done[NUMBERS, "no attention"]["accuracy"])

# %%
lab.done()
