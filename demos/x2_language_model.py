"""Exercise 2. A language model

Which character comes next? An LSTM, a GRU and a vanilla RNN of equal size learn this from English
text. They are measured in bits per character on a part of the text that none has seen, and compared
with n-gram models, which only count. Then the LSTM writes, and its gates are shown while it reads.
"""

# %%
import numpy as np

import minigrad as mg
import nn
from demos.lab import Lab, Runs
from demos.models import size
from demos.style import BLUES, COLOURS, SOFT, band, label_ends, panels
from demos.text import (
    LanguageModel,
    bits,
    equal_size,
    fingerprint,
    in_words,
    learn,
    ngrams,
    read,
    split,
    streams,
    write,
)
from minigrad import Tensor

lab = Lab(__file__)
KINDS = ["RNN", "GRU", "LSTM"]

# %% [markdown]
# ## The text
# Python's own help texts, or a file of yours with `--text FILE`. 80% are learned from, the next 10%
# serve to choose (learning rates, smoothing), the tail is only tested on. Nothing is lower-cased or
# left out.

# %%
path = str(lab.options.text or "")
text = read(path)
corpus = split(text)
V = len(corpus.alphabet)
lab.say(f"""The text:
    {path or "Python's help texts, each paragraph once; they differ from version to version"};
    {len(text):,} characters, {V} different ones; {len(corpus.train):,} to learn from,
    {len(corpus.valid):,} to choose by, {len(corpus.test):,} to test on. SHA-256
    {fingerprint(text)}.""")
content = {"path": path, "digest": fingerprint(text)[:12]}  # what is kept belongs to this text

# %% [markdown]
# ## Counting
# The share of each character after the last n - 1, mixed with the shares after fewer (Witten & Bell
# 1991).


# %%
def counting(longest: int, path: str, digest: str) -> dict[str, list[float]]:
    """Bits per character of n-gram models, n = 1 ... `longest`."""
    found = ngrams(split(read(path)), longest)
    return {part: [model[part] for model in found] for part in ("valid", "test")}


NAMES = ["unigrams", "bigrams", "trigrams", "4-grams", "5-grams"]
(counted,) = lab.run(counting, longest=len(NAMES), **content)
counts = dict(zip(NAMES, counted["test"]))

# %% [markdown]
# ## Learning
# The text runs through the network in 16 streams. After 64 characters the weights are changed, and
# the state is carried on, detached: truncated backpropagation. All networks have the same number of
# parameters and steps, and each the better of two learning rates, chosen on the validation part.
# Measured is in 16 streams, without the first character of each.

# %%
RATES = lab.pick(quick=[0.02], full=[0.007, 0.02], ledger=[0.002, 0.007, 0.02])
STEPS = 75 if lab.quick else 1500
EVERY = 25 if lab.quick else 150
LSTM_H = 64 if lab.quick else 128
PROMPT, PASSAGE = 400, 72  # characters of the test part: read first, and then shown with the gates
TEMPERATURES = [0.5, 0.8, 1.0]
UNITS = 10  # of each gate, those that change most


def language_model(
    kind: str,
    H: int,
    lr: float,
    seed: int,
    path: str,
    digest: str,
    steps: int,
    B: int,
    T: int,
    device: str,
) -> dict[str, object]:
    """Bits per character on the validation part, along the way and at the end, and on the test
    part; samples, gates."""
    corpus = split(read(path))
    mg.manual_seed(seed)
    model = LanguageModel(kind, len(corpus.alphabet), H).to(device)
    valid, test = (streams(ids, 16, device) for ids in (corpus.valid, corpus.test))
    curve = learn(
        model,
        streams(corpus.train, B, device),
        T,
        steps,
        lr,
        lambda: bits(model, valid),
        every=EVERY,
    )
    samples = write(model, corpus.test[:PROMPT], TEMPERATURES, 1000).T
    return {
        "curve": curve,
        "valid": curve[-1],
        "test": bits(model, test),
        "parameters": size(model),
        "samples": [corpus.decode(sample) for sample in samples],
        "gates": gates_of(model, mg.tensor(corpus.test[: PROMPT + PASSAGE]).to(device))
        if kind == "LSTM"
        else {},
    }


def gates_of(model: LanguageModel, ids: Tensor) -> dict[str, list[list[float]]]:
    """i, f and o of the last PASSAGE characters: (units, PASSAGE) each, for the units that change
    most there."""
    with mg.no_grad():
        found = nn.gates(model.rnn, model.embedding(ids[:, None]))["l0"]
    passage = {
        name: found[name][-PASSAGE:, 0].cpu().numpy().T for name in "fio"
    }  # (T,1,H) -> (H,PASSAGE)
    return {
        name: gate[gate.std(axis=1).argsort()[: -1 - UNITS : -1]].tolist()
        for name, gate in passage.items()
    }


budget = size(LanguageModel("LSTM", V, LSTM_H))
sizes = {kind: equal_size(kind, V, budget) for kind in KINDS}
trained = Runs(
    row
    for kind in KINDS
    for row in lab.run(
        language_model,
        kind=kind,
        H=sizes[kind],
        lr=RATES,
        seed=lab.seeds(),
        **content,
        steps=STEPS,
        B=16,
        T=64,
        device=lab.device,
    )
)


def best(kind: str) -> Runs:
    """Each run of a network at the learning rate with fewer bits on the validation part."""
    return trained.where(kind=kind).best("valid", lowest=True)


N = len(lab.seeds())
RUNS = lab.runs_in_words()
chosen = {kind: best(kind) for kind in KINDS}
bits_of = {kind: runs["test"] for kind, runs in chosen.items()}
lab.table(
    f"Bits per character, {STEPS} steps ({RUNS})",
    ["", "hidden units", "parameters", "learning rate", "validation", "test"],
    [
        [
            kind,
            sizes[kind],
            int(runs["parameters"][0]),
            " or ".join(map(str, np.unique(runs["lr"]))),
            *map(in_words, (runs["valid"], runs["test"])),
        ]
        for kind, runs in chosen.items()
    ]
    + [
        [name, "", "", "", f"{valid:.3f}", f"{test:.3f}"]
        for name, valid, test in zip(NAMES, counted["valid"], counted["test"])
    ],
)
if len(RATES) > 1:
    lab.table(
        "Bits per character on the test part, by learning rate",
        ["", *map(str, RATES)],
        [
            [kind, *(in_words(trained.where(kind=kind, lr=lr)["test"]) for lr in RATES)]
            for kind in KINDS
        ],
    )

# %% shown
figure, (ax, right) = panels(1, 2, figsize=(6.8, 4.2), width_ratios=[1.25, 1])
at = EVERY * np.arange(1, STEPS // EVERY + 1)
ends = []
for kind, runs in chosen.items():
    ends.append((float(band(ax, at, runs["curve"], COLOURS[kind])[-1]), kind, COLOURS[kind]))
for name, level in zip(NAMES[1:], counted["valid"][1:]):
    ax.axhline(level, color=SOFT, linestyle=(0, (4, 3)), linewidth=1)
    ends.append((level, name, SOFT))
ax.set(
    title="Validation part", xlabel="training step", ylabel="bits per character", xlim=(0, STEPS)
)
highest = max(max(runs["curve"].ravel()) for runs in chosen.values())
ax.set_ylim(top=max(counted["valid"][1], highest) + 0.1)
ax.locator_params(axis="x", nbins=5)
label_ends(ax, ends)
bars = sorted(
    {**counts, **{kind: float(np.median(found)) for kind, found in bits_of.items()}}.items(),
    key=lambda b: -b[1],
)
for height, (name, level) in enumerate(bars):
    right.barh(height, level, 0.66, color=COLOURS.get(name, "#cccccc"))
    end = max([level, *bits_of.get(name, [])])
    right.text(end + 0.08, height, f"{level:.2f}", va="center", fontsize=10)
    if name in bits_of and N > 1:
        right.plot(bits_of[name], [height] * N, ".", color="black", markersize=3)
right.set_yticks(range(len(bars)), [name for name, _ in bars])
right.set(title="Test part", xlabel="bits per character", xlim=(0, bars[0][1] * 1.2))
right.grid(axis="y", visible=False)
lab.show(
    figure,
    "bits",
    f"""Bits that are left to guess per character ({RUNS}; fewer is better). Left: while the
    networks learn; dashed: what counting achieves. Right: on the held-out tail.""",
)

# %% [markdown]
# ## Writing
# Each character is drawn with probability proportional to e^(score / temperature): below 1 the
# likely ones become likelier.

# %%
known = set(text[: len(corpus.train)].split())


def real_words(sample: str) -> float:
    """The share of a sample's words, as blanks divide it, that the training part has too; both cut
    ends left out."""
    words = sample.split()[1:-1]
    return sum(word in known for word in words) / max(len(words), 1)


lab.table(
    "Share of the written words that occur in the training part (1,000 characters a run)",
    ["temperature", *KINDS],
    [
        [
            str(temperature),
            *(
                f"{np.median([real_words(samples[i]) for samples in chosen[kind]['samples']]):.0%}"
                for kind in KINDS
            ),
        ]
        for i, temperature in enumerate(TEMPERATURES)
    ],
)
for temperature, sample in zip(TEMPERATURES, chosen["LSTM"].rows[0]["samples"]):
    lab.say(
        f"The LSTM at temperature {temperature} (⏎ a new line): "
        f"{' ⏎ '.join(sample[:400].splitlines())}"
    )

# %% [markdown]
# ## Gates
# The LSTM reads a passage of the test part: for each gate the units that change most, as they
# depend on the character.

# %% shown
passage = corpus.decode(corpus.test[PROMPT : PROMPT + PASSAGE])
figure, axes = panels(3, 1, figsize=(6.8, 5.6), sharex=True)
for ax, name, title in zip(axes, "fio", ("forget gate", "input gate", "output gate")):
    image = ax.imshow(
        chosen["LSTM"].rows[0]["gates"][name], cmap=BLUES, vmin=0, vmax=1, aspect="auto"
    )
    ax.set(ylabel=title.replace(" ", "\n"))
    ax.set_yticks([])
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
axes[-1].set_xticks(
    range(PASSAGE), [{" ": "␣", "\n": "⏎"}.get(letter, letter) for letter in passage]
)
axes[-1].tick_params(axis="x", labelsize=6.5, pad=2)
axes[-1].set_xlabel("the character just read")
figure.colorbar(image, ax=axes, label="value of the gate", shrink=0.5, aspect=24, pad=0.01)
lab.show(
    figure,
    "gates",
    f"""Gates of the LSTM while it reads from the test part (first run): for each gate the {UNITS}
    units, one a row, that change most here. White: shut; dark: open.""",
)

# %% [markdown]
# ## The claims

# %%
lab.claim("lm-lstm", bits_of["LSTM"], bits_of["RNN"])
lab.claim("lm-counting", bits_of["LSTM"], counts["5-grams"])
lab.claim("lm-trigrams", bits_of["LSTM"], counts["trigrams"])
lab.claim("lm-alike", bits_of["GRU"], bits_of["LSTM"])

# %%
lab.done()
