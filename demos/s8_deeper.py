"""8. Deeper, and with attention

Three bidirectional layers with dropout and LayerNorm, compared with a single one; and attention
over the states of a sentence. The lesson draws the attention of an untrained model. Here the model
is trained, and where it attends is counted over a thousand sentences, before training and after.
"""

# %%
import numpy as np
from matplotlib.ticker import PercentFormatter

import minigrad as mg
import nn
from demos.lab import Lab, Runs
from demos.models import SentenceClassifier, size
from demos.style import BLUE, GREEN, ORANGE, PURPLE, SKY, band, grid_of_numbers, panels, percent
from demos.tasks import NEUTRAL, POSITIVE, WORDS, sentences
from demos.training import Data, accuracy, fit, shuffled, train
from minigrad import Tensor

lab = Lab(__file__)
OWN = len(WORDS)  # the padding's id, which is no word
FIRST_NEUTRAL = WORDS.index(NEUTRAL[0])  # the telling words stand before it

# %% [markdown]
# ## Counting
# As written, with a vocabulary of 30 words.

# %%
single, deep = (
    SentenceClassifier(len(WORDS), padding=0),
    SentenceClassifier(len(WORDS), layers=3, norm=True),
)
assert (size(single), size(deep)) == (51_394, 250_306)
lab.table(
    "Parameters",
    ["", "embedding", "recurrent", "LayerNorm", "output", "all"],
    [
        [name, *map(size, (model.embedding, model.rnn, model.norm, model.fc, model))]
        for name, model in [("1 layer", single), ("3 layers", deep)]
    ],
)

# %% [markdown]
# ## Is deeper better here?
# Both with the padding put right and the same number of steps, on many sentences and on few; each
# with and without dropout.

# %%
DROPPED = {"": 0.3, ", no dropout": 0.0}
LAYERS = {"1 layer": 1, "3 layers": 3}
MODELS = {f"{n}{drop}": (LAYERS[n], p) for n in LAYERS for drop, p in DROPPED.items()}
SHADES = {
    "1 layer": BLUE,
    "1 layer, no dropout": SKY,
    "3 layers": ORANGE,
    "3 layers, no dropout": PURPLE,
}
COUNTS = [40] if lab.quick else [40, 800]
EVERY = 25


def splits(seed: int, count: int, device: str, padding: int = OWN) -> tuple[Data, Data]:
    """`count` sentences to learn from and 1000 others, the same for every model."""
    mg.manual_seed(1000 + seed)
    return sentences(count, padding=padding, device=device), sentences(
        1000, padding=padding, device=device
    )


def depth(
    model: str, count: int, lr: float, seed: int, steps: int, device: str
) -> dict[str, object]:
    """Curves; right answers at the end, on `count` sentences of the training and on others; what
    its layers know."""
    layers, p = MODELS[model]
    mg.manual_seed(seed)
    network = SentenceClassifier(
        OWN + 1, layers=layers, p=p, norm=layers > 1, padding=OWN, told=True
    ).to(device)
    data, others = splits(seed, count, device)
    fresh = known_by_layer(network.eval(), others)
    curves = fit(network, data, others, steps, lr, every=EVERY)
    known = {"fresh": fresh, "trained": known_by_layer(network, others)}
    return {
        "curve": curves["other"],
        "seen": curves["seen"][-1],
        "other": curves["other"][-1],
        "chosen by": accuracy(network, *sentences(500, padding=OWN, device=device)),
        **known,
    }


def known_by_layer(model: SentenceClassifier, data: Data) -> list[list[float]]:
    """For each layer, from its states at neutral words: how often a linear map names the word, and
    the sentence's side.

    The map is fitted by least squares on half of the sentences and tried on the other half.
    """
    with mg.no_grad():
        lengths = (data[0] != OWN).sum(dim=1)
        runs = model.rnn.run_layers(model.embedding(data[0]), lengths=lengths)
    ids, labels = (part.cpu().numpy() for part in data)
    row, place = np.nonzero((ids >= FIRST_NEUTRAL) & (ids != OWN))  # of each neutral word
    first = row < len(ids) // 2
    found = []
    for forward, backward in zip(runs[::2], runs[1::2]):
        h = mg.cat([forward.hs, backward.hs], dim=-1).cpu().numpy()  # (T,B,2H)
        h = h[place, row]  # (words,2H)
        h = np.column_stack([h, np.ones(len(h))])
        right = []
        for answers in (ids[row, place] - FIRST_NEUTRAL, labels[row]):
            weights = np.linalg.lstsq(
                h[first], np.eye(answers.max() + 1)[answers[first]], rcond=None
            )[0]
            right.append(float(((h[~first] @ weights).argmax(axis=1) == answers[~first]).mean()))
        found.append(right)
    return found


STEPS = 50 if lab.quick else 300
RATES = lab.pick(quick=[0.001], full=[0.001], ledger=[0.001, 0.003, 0.01])
COMPARED = ["1 layer", "3 layers", "3 layers, no dropout"]
grid = {(model, count): RATES for count in COUNTS for model in MODELS}
if lab.ledger:  # what claims are taken from
    grid = {(model, COUNTS[0]): RATES for model in COMPARED} | {("3 layers", COUNTS[-1]): RATES}
setting = {"seed": lab.seeds(), "steps": STEPS, "device": lab.device}
stacked = lab.run_all(
    depth,
    [
        {"model": model, "count": count, "lr": rates, **setting}
        for (model, count), rates in grid.items()
    ],
)


def best(model: str, count: int) -> Runs:
    """Each run at the learning rate that suits it better, chosen on 500 sentences more."""
    return stacked.where(model=model, count=count).best("chosen by")


# %% shown
lab.table(
    f"Right answers on other sentences (on those of the training) after {STEPS} steps",
    ["", *(f"{count} sentences" for count in COUNTS)],
    [
        [
            model,
            *(
                f"{np.median(of['other']):.1%} ({np.median(of['seen']):.1%})"
                for of in (stacked.where(model=model, count=count) for count in COUNTS)
            ),
        ]
        for model in MODELS
    ],
)
# %% shown
figure, axes = panels(1, len(COUNTS), figsize=(6.8, 3.9), sharey=True, squeeze=False)
at = EVERY * np.arange(1, STEPS // EVERY + 1)
for ax, count in zip(axes[0], COUNTS):
    for model, colour in SHADES.items():
        band(ax, at, stacked.where(model=model, count=count)["curve"], colour, label=model)
    ax.set(
        title=f"{count} sentences to learn from",
        xlabel="training step (32 sentences)",
        xlim=(0, at[-1] * 1.02),
    )
axes[0, 0].set(ylabel="right answers, other sentences", ylim=(0.45, 1.02))
axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
axes[0, -1].legend(loc="lower right", fontsize=9.5)
lab.show(
    figure,
    "depth",
    f"""One layer and three, with dropout of 0.3 and without, on the same sentences
    ({lab.runs_in_words()}).""",
)

# %%
at_end = {model: best(model, COUNTS[0])["other"] for model in COMPARED}
lab.claim("stacked", at_end["3 layers"], at_end["1 layer"])
lab.claim("dropout-sentences", at_end["3 layers"], at_end["3 layers, no dropout"])

# %% [markdown]
# ## What layers know
# From the state at a neutral word, a linear map has to tell that word (its surface) and the
# sentiment of the whole sentence (what it is about), layer by layer.

# %%
many = best("3 layers", COUNTS[-1])
lab.table(
    f"What the states at neutral words tell: three layers, {COUNTS[-1]} sentences (medians)",
    ["", "layer 1", "layer 2", "layer 3"],
    [
        [f"{what}, {when}", *(f"{share:.0%}" for share in np.median(many[when][:, :, k], axis=0))]
        for k, what in enumerate(["the word itself", "the sentence's side"])
        for when in ("fresh", "trained")
    ],
)
word, side = many["trained"][:, :, 0], many["trained"][:, :, 1]  # (seeds,3)
lab.claim("layers-abstract", side[:, 2] - side[:, 0], word[:, 2] - word[:, 0])

# %% [markdown]
# ## Attention, trained
# In place of the last states, a weighted mean of all states, with weights that are a softmax of
# learned scores. As written the padding is weighed, too; with the mask it is not. And, to compare,
# attention over the embeddings: without an LSTM below, what is weighed at a place is that word and
# nothing else.


# %%
class Attentive(nn.Module):
    """Embedding -> BiLSTM, or nothing -> AttentionPooling -> scores; `masked`: the padding gets no
    weight."""

    def __init__(self, masked: bool, lstm: bool, E: int = 32, H: int = 64):
        super().__init__()
        self.masked = masked
        self.embedding = nn.Embedding(OWN + 1 if masked else len(WORDS), E)
        self.lstm = nn.LSTM(E, H, batch_first=True, bidirectional=True) if lstm else None
        self.attention = nn.AttentionPooling(2 * H if lstm else E)
        self.fc = nn.Linear(2 * H if lstm else E, 2)

    def look(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted mean (B,2H), or (B,E), and the weights (B,T)."""
        padding = ids == OWN if self.masked else None
        h = self.embedding(ids)
        if self.lstm:
            h, _ = self.lstm(h, lengths=(~padding).sum(dim=1) if self.masked else None)
        return self.attention(h, padding)

    def forward(self, ids: Tensor) -> Tensor:
        return self.fc(self.look(ids)[0])


VERSIONS = {  # masked, lstm
    "as written": (False, True),
    "masked": (True, True),
    "masked, no LSTM": (True, False),
}


def attention(
    version: str, lr: float, seed: int, count: int, steps: int, device: str
) -> dict[str, object]:
    """Where the weights are, before training and after; right answers with these weights, and with
    equal ones."""
    masked, lstm = VERSIONS[version]
    mg.manual_seed(seed)
    model = Attentive(masked, lstm).to(device)
    data, others = splits(seed, count, device, padding=OWN if masked else 0)
    _, (same_sentences, _) = splits(seed, count, "cpu")
    words = same_sentences.numpy()  # here one sees where they end
    right = [accuracy(model, *others)]
    before = where_it_looks(model, others[0], words)

    def watch() -> float:
        right.append(accuracy(model, *others))
        return where_it_looks(model, others[0], words)["favours"]

    rows = shuffled(data, steps)
    _, course = train(model, rows, lr, clip=np.inf, watch=watch, every=EVERY)
    after = where_it_looks(model, others[0], words)
    more, labels = sentences(500, padding=OWN if masked else 0, device=device)
    with mg.no_grad():
        chosen_by = nn.functional.cross_entropy(model(more), labels).item()
    nn.init.zeros_(model.attention.score.weight)  # all scores alike, so that all weights are
    return {
        "chosen by": chosen_by,
        "accuracy": right[-1],
        "equal": accuracy(model, *others),
        "before": before,
        "after": after,
        "untrained": before["favours"],
        "highest": max(course),
        "trained": after["favours"],
        "favours": [before["favours"], *course],
        "right": right,
        "words": words[:5],
    }


def where_it_looks(model: Attentive, ids: Tensor, words: np.ndarray) -> dict[str, object]:
    """The share of sentences whose telling words have more weight, in the mean, than their neutral
    ones; and so on."""
    with mg.no_grad():
        weights = model.look(ids)[1].cpu().numpy()
    telling, neutral, padding = (
        words < FIRST_NEUTRAL,
        (words >= FIRST_NEUTRAL) & (words != OWN),
        words == OWN,
    )
    on_telling, on_neutral = (
        (weights * mask).sum(axis=1) / mask.sum(axis=1) for mask in (telling, neutral)
    )
    row, top = np.arange(len(words)), np.where(padding, 0, weights).argmax(axis=1)
    last = (~padding).sum(axis=1) - 1
    return {
        "favours": float((on_telling > on_neutral).mean()),
        "top": float(telling[row, top].mean()),
        "ends": float(((top == 0) | (top == last)).mean()),
        "padding": float((weights * padding).sum(axis=1).mean()),
        "weights": weights[:5],
    }


WITH_LSTM = lab.pick(quick=[0.001], full=[0.001], ledger=[0.001, 0.003, 0.01])
WITHOUT = lab.pick(quick=[0.01], full=[0.01], ledger=[0.003, 0.01, 0.03])
setting = {
    "seed": lab.seeds(at_least=5),
    "count": 200 if lab.quick else 800,
    "steps": STEPS,
    "device": lab.device,
}
looks = lab.run_all(
    attention,
    [
        {"version": version, "lr": WITH_LSTM if lstm else WITHOUT, **setting}
        for version, (_, lstm) in VERSIONS.items()
    ],
)
# Each run at the learning rate with the lowest loss on 500 sentences more.
trained = {
    version: looks.where(version=version).best("chosen by", lowest=True) for version in VERSIONS
}

lab.table(
    "Sentences whose telling words have more weight (in the mean); when trained, those whose "
    "greatest weight is on a telling word, or on the first or last; and the weight on the padding",
    ["", "untrained", "highest", "trained", "on a telling word", "first or last", "on padding"],
    [
        [
            version,
            *(f"{np.median(of[what]):.0%}" for what in ("untrained", "highest", "trained")),
            *(
                f"{np.median([after[what] for after in of['after']]):.0%}"
                for what in ("top", "ends", "padding")
            ),
        ]
        for version, of in trained.items()
    ],
)
written, masked, bare = trained.values()

# %% shown
figure, axes = panels(3, 1, figsize=(6.8, 7.2))
DARKEST = 2.5  # times an equal share
shown = {
    "Untrained": (masked, "before"),
    "Trained": (masked, "after"),
    "Trained, without an LSTM below": (bare, "after"),
}
for ax, (name, (of, when)) in zip(axes, shown.items()):
    example = of.rows[0]
    ids = np.array(example["words"])
    lengths = (ids != OWN).sum(axis=1)
    ids, places = ids[:, : lengths.max()], range(1, lengths.max() + 1)
    weights = np.array(example[when]["weights"])[:, : len(places)]
    shares = weights * lengths[:, None]  # 1 is an equal share
    sides = ["positive" if row.min() < len(POSITIVE) else "negative" for row in ids]
    text = [[WORDS[i] if i < OWN else "" for i in row] for row in ids]
    grid_of_numbers(ax, np.clip(shares / DARKEST, 0, 1), text, sides, places)
    for label, i in zip(ax.texts, ids.flat):
        label.set_fontsize(6.2 if len(label.get_text()) > 10 else 7.8)
        label.set_fontweight("bold" if i < FIRST_NEUTRAL else "normal")
    ax.set_title(name)
axes[-1].set_xlabel("place in the sentence")
lab.show(
    figure,
    "attention",
    f"""Attention on five other sentences, the padding masked. Telling words are bold. The shade is
    the weight, from none (white) to {DARKEST} times an equal share. Above an LSTM the greatest
    weight is on the first or the last word of
    {np.median([after["ends"] for after in masked["after"]]):.0%} of the sentences.""",
)

# %% shown
figure, axes = panels(1, 2, figsize=(6.8, 3.9), sharey=True)
at = EVERY * np.arange(STEPS // EVERY + 1)
for ax, what, title in zip(
    axes, ("favours", "right"), ("Telling words have more weight", "Right answers")
):
    for version, of, colour in zip(VERSIONS, (written, masked, bare), (ORANGE, BLUE, GREEN)):
        band(ax, at, of[what], colour, label=version)
    ax.set(title=title, xlabel="training step", xlim=(0, at[-1] * 1.02))
    percent(ax)
axes[0].set_ylabel("of 1000 other sentences")
axes[1].legend(loc="lower right")
lab.show(
    figure,
    "favours",
    f"""In how many sentences the mean weight of telling words exceeds that of neutral ones, and how
    many answers are right (median and range of {len(written.rows)} runs). Above an LSTM, masked,
    telling words are favoured in {np.median(masked["highest"]):.0%} of sentences at best and in
    {np.median(masked["trained"]):.0%} at the end.""",
)

# %%
lab.claim("attention-drawn", written["untrained"], 0.5)
lab.claim("attention-focus", masked["trained"], 0.5)
lab.claim("attention-focus-bare", bare["trained"], 0.5)
lab.claim("attention-matters", masked["accuracy"], masked["equal"])
lab.say(f"""Weight on a position is not weight on its word: above an LSTM, the sentiment of the
    sentence can be read from the states at neutral words ({np.median(side[:, 0]):.0%} after one
    trained layer), so that any position will do, and with equal weights
    {np.median(masked["equal"]):.1%} of the answers are right. Of the weights as written
    {np.median([after["padding"] for after in written["after"]]):.0%} lie on the padding.""")

# %%
lab.done()
