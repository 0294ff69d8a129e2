"""Exercise 5. Variational dropout

Ordinary dropout draws a new mask at every time step. Variational dropout (Gal & Ghahramani 2016)
keeps one for the whole sequence, and may then drop parts of the hidden state inside the recurrence
as well. Both are tried where dropout is needed: a character language model that learns a short text
by heart.
"""

# %%
from typing import Any

import numpy as np

import minigrad as mg
import nn
from demos.lab import Lab, Runs
from demos.models import size
from demos.style import BLUE, GREEN, ORANGE, PURPLE, band, label_ends, panels
from demos.text import (
    LanguageModel,
    bits,
    fingerprint,
    in_words,
    learn,
    read,
    split,
    streams,
)
from minigrad import Tensor

lab = Lab(__file__)

# %% [markdown]
# ## The four
# Dropout with probability p of what the LSTM reads and of what it writes: a fresh mask for each
# character (ordinary), one mask for the 50 characters of a training step (locked), and this also of
# the state h on its way from one character to the next (variational). Masks differ from stream to
# stream. In evaluation nothing is dropped.

# %%
SHADES = {"none": ORANGE, "ordinary": PURPLE, "locked": GREEN, "variational": BLUE}
RATES = lab.pick(quick=[0.3], full=[0.15, 0.3], ledger=[0.08, 0.15, 0.3])  # of dropout
LEARNING_RATES = lab.pick(quick=[0.02], full=[0.02], ledger=[0.01, 0.02, 0.04])


class Dropped(LanguageModel):
    """A language model with dropout: "none", "ordinary", "locked" or "variational"; the weights
    start alike."""

    def __init__(self, way: str, p: float, V: int, H: int):
        super().__init__("LSTM", V, H)
        self.p_h = p if way == "variational" else 0.0
        self.drop = {"none": nn.Identity(), "ordinary": nn.Dropout(p)}.get(way, nn.LockedDropout(p))
        self.cell = nn.LSTMCell(self.rnn.input_size, H)
        # the layer's own weights, to be run step by step
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            setattr(self.cell, name, getattr(self.rnn, f"{name}_l0"))

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        x = self.drop(self.embedding(ids))  # (T,B,E)
        if self.training and self.p_h:
            h, state = nn.unroll(
                self.cell, x, state and tuple(s[0] for s in state), dropout=self.p_h
            )
            state = tuple(s[None] for s in state)  # (B,H) each -> (1,B,H), as the layer has them
        else:
            h, state = self.rnn(x, state)
        return self.fc(self.drop(h)), state


# %% [markdown]
# ## A short text, many times
# Only the last 20,000 characters of the training part are learned from, in 16 streams, so that a
# training step reads a 25th of them. Rates, of dropout and of learning, are chosen on the
# validation part; so is the moment to stop, where that is said.

# %%
STEPS, EVERY = (40, 20) if lab.quick else (400, 50)
SHORT, T, B = 20_000, 50, 16


def overfitting(
    way: str,
    p: float,
    seed: int,
    path: str,
    digest: str,
    steps: int,
    H: int,
    lr: float,
    device: str,
) -> dict[str, object]:
    """Bits per character along the way; on the test part at the end, and where the validation part
    had the fewest."""
    corpus = split(read(path))
    mg.manual_seed(seed)
    model = Dropped(way, p, len(corpus.alphabet), H).to(device)
    columns = streams(corpus.train[-SHORT:], B, device)
    valid, test = (streams(ids, B, device) for ids in (corpus.valid, corpus.test))
    lowest = {"valid": np.inf}

    def watch() -> tuple[float, float]:
        seen, other = bits(model, columns), bits(model, valid)
        if other < lowest["valid"]:
            lowest.update(valid=other, test=bits(model, test))
        return seen, other

    seen, other = zip(*learn(model, columns, T, steps, lr, watch, EVERY))
    return {
        "seen": seen,
        "other": other,
        "end": bits(model, test),
        "valid at end": other[-1],
        "train at end": seen[-1],
        "stopped": lowest["test"],
        "valid stopped": lowest["valid"],
        "parameters": size(model),
    }


path = str(lab.options.text or "")
text = read(path)
content = {"path": path, "digest": fingerprint(text)[:12]}
setting = {
    "seed": lab.seeds(),
    **content,
    "steps": STEPS,
    "H": 64 if lab.quick else 128,
    "lr": LEARNING_RATES,
    "device": lab.device,
}
WAYS = list(SHADES)
runs = lab.run_all(
    overfitting,
    [{"way": "none", "p": 0.0, **setting}, {"way": WAYS[1:], "p": RATES, **setting}],
)


def best(way: str, when: str = "valid at end") -> Runs:
    """Each run at the rates with the fewest bits on the validation part, at the end or where it is
    to stop."""
    return runs.where(way=way).best(when, lowest=True)


RUNS = lab.runs_in_words()
at_end, stopped = (
    {way: best(way, when) for way in WAYS} for when in ("valid at end", "valid stopped")
)


def rates(chosen: Runs) -> str:
    return " or ".join(map(str, np.unique(chosen["p"])))


lab.say(f"""The text: {path or "Python's help texts, each paragraph once"}, SHA-256
    {fingerprint(text)}. An LSTM of {int(runs["parameters"][0]):,} parameters reads {SHORT:,}
    characters of it {STEPS * T * B / SHORT:.0f} times.""")
lab.table(
    f"Bits per character on the test part ({RUNS})",
    ["", "p", "training part", "at the end", "p", "stopped in time"],
    [
        [
            way,
            rates(at_end[way]),
            in_words(at_end[way]["train at end"]),
            in_words(at_end[way]["end"]),
            rates(stopped[way]),
            in_words(stopped[way]["stopped"]),
        ]
        for way in WAYS
    ],
)
lab.table(
    "Bits per character on the test part, at the end, by the rate of dropout",
    ["", *(f"p = {p}" for p in RATES)],
    [[way, *(in_words(runs.where(way=way, p=p)["end"]) for p in RATES)] for way in WAYS[1:]],
)

# %% shown
figure, axes = panels(1, 2, figsize=(6.8, 4.0))
at = EVERY * np.arange(1, STEPS // EVERY + 1)
for ax, what, title in zip(axes, ("seen", "other"), ("The part learned from", "Validation part")):
    ends = []
    for way, colour in SHADES.items():
        ends.append((float(band(ax, at, at_end[way][what], colour)[-1]), way, colour))
    ax.set(title=title, xlabel="training step", xlim=(0, STEPS))
    label_ends(ax, ends)
axes[0].set_ylabel("bits per character")
lab.show(
    figure,
    "curves",
    f"""Bits per character while {SHORT:,} characters are read again and again, without dropout when
    measured, each at the rate that suits it best at the end ({RUNS}).""",
)

# %% [markdown]
# ## The claims

# %%
end = {way: of["end"] for way, of in at_end.items()}
lab.claim("dropout-lm", end["ordinary"], end["none"])
lab.claim("locked", end["locked"], end["ordinary"])
lab.claim("variational", end["variational"], end["ordinary"])
lab.claim("drop-h", end["variational"], end["locked"])

# %%
lab.done()
