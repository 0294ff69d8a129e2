"""Exercise 4. Named entities

The lesson asks for a tagger of names that reads in both directions. Here it is compared with one of
equal size that only reads forwards, and with taggers without a network. Whether a name is a
person's or a firm's is often told by what is to its right, which the forward tagger has not read
yet; so names are counted by the side that tells their kind.
"""

# %%
import hashlib
import platform
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle

import minigrad as mg
from demos.corpora import corpus
from demos.lab import Lab, Runs, ranged
from demos.models import size
from demos.style import AMBER, BLUE, GREEN, INK, ORANGE, PURPLE, SKY, SOFT, panels
from demos.tagging import KINDS, Coded, batches, score, spans, tagged, tagger
from demos.training import train

lab = Lab(__file__)
CORPORA = ["templates", "Python source", *["your files"] * bool(lab.options.train)]
MODELS = ["usual tag", *KINDS]
RATES = lab.pick(quick=[0.03], full=[0.01, 0.03], ledger=[0.003, 0.01, 0.03])
SHADES = {
    "usual tag": SOFT,
    "window": AMBER,
    "LSTM": BLUE,
    "LSTM, a word later": GREEN,
    "BiLSTM": PURPLE,
}


in_words = partial(ranged, unit="{:.1%}")

# %% [markdown]
# ## Sentences and taggers
# Templates: "Yesterday Jordan was flooded" and "Yesterday Jordan smiled" differ to the right of the
# name; "the mayor of Jordan" tells its kind on the left. No first word of a name is in both the
# training part and the test part.
#
# Python source: the library that comes with Python, statement by statement. `ast` knows what each
# name is: called, read, assigned to, a keyword of a call, and so on; a name may have dots. A module
# is tested on or learned from. A function, class, argument or import is told on the left, by `def`
# and its like, the other kinds mostly on the right.
#
# A word that the training part has less than twice is unknown; all that is known of it is its
# shape, "Xx" for Anna. In training 15% of the words are made unknown at random, so that a tagger
# learns to do without them.
#
# Usual tag: the most frequent one of the word in the training, or of words of its shape. Window:
# logistic regression on the word and two on each side. LSTM: forwards. A word later: forwards, but
# it answers when it has seen the next word.


# %%
def tagging(
    corpus_of: str,
    model: str,
    lr: float,
    seed: int,
    count: int,
    steps: int,
    H: int,
    files: list[str],
    content: str,
    device: str,
) -> dict[str, object]:
    """F1 of names in the test part: of all, by side and by kind, and of those with an ambiguous
    word; some examples."""
    parts = corpus(corpus_of, seed, count, *files)
    coded = Coded(parts.training)
    if model == "usual tag":
        chosen_by, parameters = 0.0, 0
        guessed = [coded.usual_tags(sentence) for sentence in parts.test]
    else:
        mg.manual_seed(seed)
        network = tagger(model, coded, H).to(device)
        train(network, batches(*coded.ids(parts.training), steps, 32, device), lr, clip=1.0)
        chosen_by = score(
            [s.tags for s in parts.validation], tagged(network, coded, parts.validation, device)
        )["f1"]
        guessed, parameters = tagged(network, coded, parts.test, device), size(network)
    true = [sentence.tags for sentence in parts.test]
    kinds = sorted({tag[2:] for tags in true for tag in tags if tag != "O"})
    unsure = [coded.ambiguous(sentence) for sentence in parts.test]
    by_side = {
        side: score(true, guessed, [[told == side for told in row] for row in parts.evidence])["f1"]
        for side in ("left", "right")
        if parts.evidence
    }
    return {
        **score(true, guessed),
        **by_side,
        "ambiguous": score(true, guessed, unsure)["f1"],
        "ambiguous share": float(np.mean([word for row in unsure for word in row])),
        "kinds": {kind: score(true, guessed, kind=kind)["f1"] for kind in kinds},
        "chosen by": chosen_by,
        "size": parameters,
        "examples": [
            [sentence.words, sentence.tags, tags]
            for sentence, tags in zip(parts.test[:300], guessed)
        ],
    }


paths = [path for path in (lab.options.train, lab.options.test) if path]
settings = {
    "seed": lab.seeds(),
    "count": 500 if lab.quick else 5000,
    "steps": 160 if lab.quick else 400,
    "H": 16 if lab.quick else 48,
    "files": [[str(path) for path in paths]],
    "device": lab.device,
    "content": hashlib.sha256(b"".join(map(Path.read_bytes, paths))).hexdigest()[:12]
    + platform.python_version(),
}
tagged_in = lab.pick(quick=CORPORA, full=CORPORA, ledger=["Python source"])
runs = Runs(
    [
        *lab.run(tagging, corpus_of=tagged_in, model="usual tag", lr=0.0, **settings),
        *lab.run(tagging, corpus_of=tagged_in, model=KINDS, lr=RATES, **settings),
    ]
)


def best(name: str, model: str) -> Runs:
    """Each run of a model at the learning rate that served the validation part better."""
    return runs.where(corpus_of=name, model=model).best("chosen by")


on = {name: {model: best(name, model) for model in MODELS} for name in tagged_in}
source = on["Python source"]

# %% shown
for name, of in on.items():
    sides = [side for side in ("left", "right") if side in of["LSTM"].rows[0]]
    lab.table(
        f"{name}: whole names that are right (F1), {np.median(of['LSTM']['names']):,.0f} names in "
        f"the test part, {len(lab.seeds())} run{'s'[len(lab.seeds()) == 1 :]} each",
        [
            "",
            "parameters",
            "precision",
            "recall",
            "F1",
            *(f"told on the {side}" for side in sides),
            "ambiguous words",
        ],
        [
            [
                model,
                int(np.median(at["size"])),
                *(
                    in_words(at[what])
                    for what in ("precision", "recall", "f1", *sides, "ambiguous")
                ),
            ]
            for model, at in of.items()
        ],
    )


# %% shown
figure, axes = panels(1, len(CORPORA), figsize=(6.8, 4.2), sharey=True, squeeze=False)
for ax, (name, of) in zip(axes[0], on.items()):
    shown = {"left": ("told on the left", 0.45), "right": ("told on the right", 1.0)}
    shown = shown if "right" in of["LSTM"].rows[0] else {"f1": ("all", 1.0)}
    for row, (model, at) in enumerate(of.items()):
        for k, (what, (label, strength)) in enumerate(shown.items()):
            low, middle, high = np.quantile(at[what], [0, 0.5, 1])
            y = -row - 0.4 * (k - 0.5) * (len(shown) > 1)
            ax.barh(y, middle, color=SHADES[model], alpha=strength, height=0.36)
            ax.plot([low, high], [y, y], color=INK, linewidth=1.5)
            words = f"{middle:.0%}" + f" {label}" * (row == 0)
            ax.annotate(
                words, (high, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9
            )
    ax.set(title=name, xlabel="F1 of whole names", xlim=(0, 1.2))
    ax.set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
    ax.grid(False, axis="y")
axes[0, 0].set_yticks(-np.arange(len(MODELS)), MODELS)
RUNS = lab.runs_in_words()
lab.show(
    figure,
    "sides",
    f"""F1 of names by the side that tells their kind ({RUNS}); the three LSTMs have equally many
    parameters. What is to the right is out of a forward LSTM's sight.""",
)

# %% shown
READERS = ["LSTM", "LSTM, a word later", "BiLSTM"]
by_kind = {
    model: {
        kind: [row["kinds"][kind] for row in source[model]]
        for kind in source[model].rows[0]["kinds"]
    }
    for model in READERS
}
gain = {
    kind: np.median(by_kind["BiLSTM"][kind]) - np.median(by_kind["LSTM"][kind])
    for kind in by_kind["BiLSTM"]
}
order = sorted(gain, key=lambda kind: gain[kind])
figure, ax = panels(figsize=(6.8, 4.4))
for y, kind in enumerate(order):
    ax.plot(
        [np.median(by_kind[model][kind]) for model in READERS],
        [y] * 3,
        color=SOFT,
        linewidth=1,
        zorder=1,
    )
    for model, marker in zip(READERS, "^so"):
        low, middle, high = np.quantile(by_kind[model][kind], [0, 0.5, 1])
        ax.plot([low, high], [y, y], color=SHADES[model], linewidth=3, alpha=0.5)
        ax.plot(
            middle, y, marker, color=SHADES[model], markersize=8, label=model if y == 0 else None
        )
ax.set_yticks(range(len(order)), order, parse_math=False)
ax.set(xlabel="F1 of whole names", xlim=(-0.02, 1.02))
ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=3)
lab.show(
    figure,
    "kinds",
    f"""Kinds of names in Python source, those at the top having most from reading in both
    directions ({RUNS}): the greatest gain is that of {order[-1]} names, {100 * gain[order[-1]]:.0f}
    points of F1.""",
)

# %% shown
LETTERS = 58  # that a picture is wide


def telling(name: str, count: int = 2) -> list[int]:
    """Places of short examples that the BiLSTM has right and the LSTM has not in the first run: of
    two kinds."""
    ours, theirs = (on[name][model].rows[0]["examples"] for model in ("BiLSTM", "LSTM"))
    found: dict[str, int] = {}  # the kind of the name that the example begins with -> its place
    for i, ((words, true, both), (_, _, forward)) in enumerate(zip(ours, theirs)):
        names = spans(true)
        if names and both == true != forward and len(" ".join(words)) < LETTERS:
            found.setdefault(names[0][2], i)
    return [*found.values(), 0][:count]


pictured = [(name, i) for name in CORPORA for i in telling(name)]
figure, axes = panels(len(pictured), 1, figsize=(6.8, 1.55 * len(pictured)), squeeze=False)
TINTS = [
    (colour, strength)
    for strength in (0.25, 0.6)
    for colour in (SKY, ORANGE, GREEN, PURPLE, AMBER, SOFT)
]
for ax, (name, i) in zip(axes[:, 0], pictured):
    kinds = list(on[name]["LSTM"].rows[0]["kinds"])
    words, true, _ = on[name]["LSTM"].rows[0]["examples"][i]
    rows = {"truth": true} | {
        model: on[name][model].rows[0]["examples"][i][2] for model in ("LSTM", "BiLSTM")
    }
    edges = np.cumsum([0, *(len(word) + 1 for word in words)])
    for y, tags in enumerate(rows.values()):
        for word, edge in zip(words, edges):
            ax.text(
                edge + len(word) / 2,
                0.08 - y,
                word,
                ha="center",
                va="center",
                fontsize=10,
                family="DejaVu Sans Mono",
                parse_math=False,
            )
        for begin, end, kind in spans(tags):
            wrong = (begin, end, kind) not in spans(true)
            width = edges[end] - edges[begin] - 1
            box = {
                "facecolor": TINTS[kinds.index(kind) % len(TINTS)] if kind in kinds else "none",
                "edgecolor": ORANGE if wrong else "none",
                "linestyle": "--",
                "linewidth": 1.6,
            }
            ax.add_patch(Rectangle((edges[begin] - 0.4, -y - 0.42), width + 0.8, 0.84, **box))
            room = max(int((width + 0.8) / 0.7), 1)  # letters
            written = kind if len(kind) <= room else f"{kind[: room - 1]}…"
            ax.text(
                edges[begin] + width / 2,
                -y - 0.3,
                written,
                ha="center",
                va="center",
                fontsize=7,
                color=SOFT,
                parse_math=False,
            )
    ax.set(xlim=(-1, LETTERS + 2), ylim=(-2.5, 0.5))
    ax.set_yticks([0.08, -0.92, -1.92], [*rows])
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
lab.show(
    figure,
    "examples",
    """Short sentences that reading in both directions has right and reading forwards has not, the
    first of their kind; the kind of each name is written below it, as far as there is room; a
    mistake has a dashed frame.""",
)

# %% [markdown]
# ## The claims


# %%
both, forwards, later = (source[model] for model in ("BiLSTM", "LSTM", "LSTM, a word later"))
lab.claim("both-directions", both["f1"], forwards["f1"])
lab.claim("right-context", *(both[side] - forwards[side] for side in ("right", "left")))
lab.claim("good-tagger", both["f1"], source["window"]["f1"])
lab.claim("one-word-later", later["f1"], both["f1"])

# %%
lab.done()
