"""7. Sentiment of short sentences

Sentences of two or three telling words among neutral ones, shuffled, and a bidirectional LSTM that
tells whether a sentence is positive or negative. In the lesson, the id that pads short rows is also
that of the word "good". Here the network is trained as written and with that corrected, the cost is
measured, and a model that ignores the order of words is trained for comparison.
"""

# %%
import numpy as np

import minigrad as mg
import nn
from demos.lab import Lab
from demos.models import SentenceClassifier, size
from demos.style import BLUE, GREEN, ORANGE, SOFT, band, chance_line, panels, percent
from demos.tasks import NEUTRAL, WORDS, sentences
from demos.training import accuracy, fit
from minigrad import Tensor

lab = Lab(__file__)
OWN = len(WORDS)  # an id that is no word

# %% [markdown]
# ## Three versions
# As written; with an id of its own for the padding; and told, besides, how long each sentence is,
# so that the LSTM reads no padding at all. And the bag of words: one weight for each word, summed
# over the sentence.


# %%
class BagOfWords(nn.Module):
    """scores = b + Σ_t weight[ids_t], whatever the order: ids (B,T) -> (B,2)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Embedding(OWN + 1, 2, padding_idx=OWN)
        self.bias = nn.Parameter(mg.zeros(2))

    def forward(self, ids: Tensor) -> Tensor:
        return self.weight(ids).sum(dim=1) + self.bias


def make(version: str) -> tuple[nn.Module, int]:
    """A model, and the id that its sentences are padded with."""
    if version == "bag of words":
        return BagOfWords(), OWN
    if version == "as written":
        return SentenceClassifier(len(WORDS), padding=0), 0
    return SentenceClassifier(OWN + 1, padding=OWN, told=version == "own id, lengths"), OWN


VERSIONS = {"as written": ORANGE, "own id": GREEN, "own id, lengths": BLUE}
NETWORK = size(make("as written")[0])
lab.table(
    "The models",
    ["", "padding is", "parameters"],
    [
        [version, f"id {padding}" + ', the word "good"' * (padding < OWN), size(model)]
        for version, (model, padding) in (
            (version, make(version)) for version in [*VERSIONS, "bag of words"]
        )
    ],
)

# %% [markdown]
# ## Training
# 800 sentences, batches of 32, Adam with learning rate 0.001 (the bag of words: 0.01), 50 passes;
# then 1000 others. The trained models are also asked how likely five neutral words are to be
# positive, alone and with one more word.

# %%
EVERY = 25  # steps between two looks: one pass over 800 sentences
PLACES = {"in the middle": 3, "at the end": 5}  # of one word among five neutral ones
ASKED = ["no word", *(f"{word} {place}" for word in ("good", "great") for place in PLACES)]


def one_word(asked: str, padding: int, B: int = 400) -> Tensor:
    """Five neutral words and, as `asked`, one more among or after them: ids (B,15)."""
    ids = mg.full((B, 15), padding)
    ids[:, :5] = neutral = mg.randint(WORDS.index(NEUTRAL[0]), len(WORDS), (B, 5))
    word, _, place = asked.partition(" ")
    if place in PLACES:
        t = PLACES[place]
        ids[:, t] = WORDS.index(word)
        ids[:, t + 1 : 6] = neutral[:, t:]
    return ids


def sentiment(version: str, seed: int, count: int, steps: int, device: str) -> dict[str, object]:
    """Curves; right answers on other sentences, and on those whose positive word is "good"; what is
    `ASKED`."""
    mg.manual_seed(seed)
    model, padding = make(version)
    model.to(device)

    def others(B: int, what: int, **settings: object) -> tuple[Tensor, Tensor]:
        mg.manual_seed(1000 * what + seed)  # every version reads the same sentences
        return sentences(B, padding=padding, device=device, **settings)

    data, test = others(count, 1), others(1000, 2)
    curves = fit(
        model, data, test, steps, lr=0.01 if version == "bag of words" else 0.001, every=EVERY
    )
    ids, labels = others(1000, 3, positive=["good"])
    good = accuracy(model, ids[labels == 1], labels[labels == 1])
    longer = accuracy(model, *others(1000, 2, T=60))
    likely = {}
    with mg.no_grad():
        for asked in ASKED:
            mg.manual_seed(4000 + seed)
            likely[asked] = (
                model(one_word(asked, padding).to(device)).softmax(dim=1)[:, 1].mean().item()
            )
    norm = model.embedding.weight[0].norm().item() if version in VERSIONS else 0.0
    share = test[1].float().mean().item()
    return (
        curves
        | likely
        | {
            "accuracy": curves["other"][-1],
            "majority": max(share, 1 - share),
            "good": good,
            "longer": longer,
            "norm": norm,
        }
    )


COUNT, (EARLY, STEPS) = (200, (75, 150)) if lab.quick else (800, (100, 1250))
runs = lab.run(
    sentiment,
    steps=lab.pick(quick=[EARLY, STEPS], full=[EARLY, STEPS], ledger=[STEPS]),
    version=["bag of words", *VERSIONS],
    seed=lab.seeds(),
    count=COUNT,
    device=lab.device,
)
by_version = {
    version: runs.where(version=version, steps=STEPS) for version in [*VERSIONS, "bag of words"]
}
at_first = lab.pick(quick=EARLY, full=EARLY, ledger=STEPS)
early = {version: runs.where(version=version, steps=at_first) for version in by_version}
written, right, bag = (
    by_version["as written"],
    by_version["own id, lengths"],
    by_version["bag of words"],
)
lab.table(
    (
        'Right answers on other sentences (medians): all, those whose positive word is "good", '
        "all padded to 60 places"
    ),
    [
        "",
        f"all, step {EARLY}",
        f"good, step {EARLY}",
        f"all, step {STEPS}",
        f"good, step {STEPS}",
        "padded to 60",
    ],
    [
        [version]
        + [
            f"{np.median(of):.1%}"
            for of in (
                early[version]["accuracy"],
                early[version]["good"],
                by_version[version]["accuracy"],
                by_version[version]["good"],
                by_version[version]["longer"],
            )
        ]
        for version in by_version
    ],
)

# %% shown
figure, axes = panels(1, 2, figsize=(6.8, 3.9))
shown = 4 if lab.quick else 16
at = EVERY * np.arange(1, STEPS // EVERY + 1)[:shown]
for ax, what in zip(axes, ["loss", "other"]):
    for version, colour in {**VERSIONS, "bag of words": SOFT}.items():
        band(ax, at, by_version[version][what][:, :shown], colour, label=version)
    ax.set(xlabel="training step", xlim=(0, at[-1]))
axes[0].set(title="Training", ylabel="loss (nat)", ylim=(0, None))
axes[0].legend(fontsize=10)
axes[1].set(title="Other sentences", ylabel="right answers")
percent(axes[1])
chance_line(axes[1], float(np.median(written["majority"])), "the more frequent side", x=0.3)
lab.show(
    figure,
    "training",
    f"""The first {at[-1]} of {STEPS:,} training steps ({lab.runs_in_words()}). All learn the
    task; so does a bag of words, which has {size(BagOfWords())} numbers to learn where the networks
    have {NETWORK:,}.""",
)

# %% [markdown]
# ## What the shared id costs
# On sentences like the training ones, little, and in the end nothing: zeros among other words give
# "good" away. But a "good" at the end cannot be seen: with it and without it, the ids are the same.

# %% shown
figure, ax = panels(figsize=(6.8, 3.9))
rows = np.arange(len(ASKED))[::-1]
for (version, colour), shift, marker in zip(VERSIONS.items(), (0.22, 0, -0.22), "so^"):
    low, middle, high = np.quantile(
        [by_version[version][asked] for asked in ASKED], [0, 0.5, 1], axis=1
    )
    ax.hlines(rows + shift, low, high, color=colour, alpha=0.35, linewidth=5)
    ax.plot(middle, rows + shift, marker, color=colour, label=version)
added = [asked.partition(" ") for asked in ASKED[1:]]
ax.set_yticks(rows, ["five neutral words", *(f'and "{word}" {place}' for word, _, place in added)])
ax.set(
    xlabel="how likely positive (mean over 400 sentences)",
    xlim=(-0.02, 1.02),
    ylim=(-0.5, len(ASKED) - 0.5),
)
ax.grid(axis="y", visible=False)
ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
lab.show(
    figure,
    "one_word",
    f"""Five neutral words, and one more among or after them ({lab.runs_in_words()}). As
    written a "good" at the end changes nothing: it is padding.""",
)
lab.say(f"""On sentences like the training ones the cost is time: after {EARLY} steps
    {np.median(early["as written"]["good"]):.0%} of those whose positive word is "good" are
    classified correctly, where with an id of its own for the padding
    {np.median(early["own id"]["good"]):.0%} are; after {STEPS:,} steps,
    {np.median(written["good"]):.0%}.""")

# %%
gained = {
    version: by_version[version]["good at the end"] - by_version[version]["no word"]
    for version in VERSIONS
}
lab.claim("padding-kept-out", gained["as written"], gained["own id, lengths"])
lab.claim("padding-silent", written["no word"], right["no word"])
lab.claim("padding-silent-own", by_version["own id"]["no word"], right["no word"])
lab.claim("embedding-learnt", written["norm"], 0.0)
lab.claim("embedding-learnt-own", right["norm"], 0.0)
lab.claim("sentiment-learnt", written["accuracy"], written["majority"])
lab.claim("sentiment-needs-lstm", written["accuracy"], bag["accuracy"])
lab.say(f"""The words are shuffled, so their order carries no information: a model that ignores it
    is as good, with {size(BagOfWords())} numbers to learn in place of {NETWORK:,}.""")

# %%
lab.done()
