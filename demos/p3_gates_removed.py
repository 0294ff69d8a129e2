"""Papers 3. Gates, removed one at a time

Which gates does an LSTM need? Jozefowicz et al. (2015) and Greff et al. (2017) removed them one by
one. Here that is done on the latch of section 3, over 50 steps with rare flags, and on a small
language model of characters. A gate is removed by a bias of 20, where σ is exactly 1 (section 1)
and its gradient 0, so that the gate stays open. All other gates are unchanged; forget biases start
at 1.
"""

# %%
from typing import Any

import numpy as np

import minigrad as mg
import nn
from demos.lab import Lab, ranged
from demos.models import hold_open
from demos.style import BLUE, GREEN, ORANGE, PURPLE, SKY, panels
from demos.tasks import latch_task
from demos.text import LanguageModel, bits, fingerprint, learn, read, split, streams
from demos.training import accuracy, train
from minigrad import Tensor

lab = Lab(__file__)
RATES = lab.pick(quick=[0.03], full=[0.03], ledger=[0.003, 0.01, 0.03])
MODELS = {
    "all gates": BLUE,
    "no forget gate": ORANGE,
    "no input gate": GREEN,
    "no output gate": PURPLE,
    "coupled": SKY,
}


# %% [markdown]
# ## The layers
# Coupled: the input gate is 1 - f, so that a unit writes what it forgets, as in a GRU.


# %%
class Coupled(nn.Module):
    """c' = f c + (1 - f) g, h' = o tanh c': (T,B,I), (h, c) -> hs (T,B,H), (h, c)."""

    def __init__(self, I: int, H: int):
        super().__init__()
        self.cell = nn.LSTMCell(I, H)
        self.H = H
        nn.init.forget_bias_(self.cell, 1.0)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        zero = mg.zeros(x.shape[1], self.H)
        h, c = state if state is not None else (zero, zero)
        a_x = nn.functional.linear(x, self.cell.weight_ih, self.cell.bias_ih)  # (T,B,4H)
        hs = []
        for a_t in a_x.unbind(0):
            a = a_t + nn.functional.linear(h, self.cell.weight_hh, self.cell.bias_hh)
            _, f, g, o = a.chunk(4, dim=-1)
            f = mg.sigmoid(f)
            c = f * c + (1 - f) * mg.tanh(g)
            h = mg.sigmoid(o) * mg.tanh(c)
            hs.append(h)
        return mg.stack(hs), (h, c)


def layer(model: str, I: int, H: int) -> nn.Module:
    if model == "coupled":
        return Coupled(I, H)
    lstm = nn.LSTM(I, H)
    nn.init.forget_bias_(lstm, 1.0)
    if model != "all gates":
        hold_open(lstm, model.removeprefix("no ")[0])
    return lstm


# %% [markdown]
# ## The latch
# At every step the symbol is named that was marked last; one in 17 is.


# %%
class Latch(nn.Module):
    """(T,B,I) -> scores (T,B,C)."""

    def __init__(self, model: str, I: int, H: int, C: int):
        super().__init__()
        self.rnn = layer(model, I, H)
        self.fc = nn.Linear(H, C)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.rnn(x)[0])


def latch(model: str, lr: float, seed: int, steps: int, T: int, H: int) -> dict[str, float]:
    """Right answers on other sequences, and on those by which a rate is chosen."""
    mg.manual_seed(seed)
    network = Latch(model, 11, H, 10)
    mg.manual_seed(1000 + seed)  # all see the same sequences
    chosen_by, others = (latch_task(count, T, rate=0.06)[:2] for count in (256, 512))
    batches = (latch_task(32, T, rate=0.06)[:2] for _ in range(steps))
    train(network, batches, lr, clip=1.0)
    return {"right": accuracy(network, *others), "chosen by": accuracy(network, *chosen_by)}


setting = {"model": list(MODELS), "lr": RATES, "seed": lab.seeds()}
latched = lab.run(latch, steps=lab.pick(quick=30, full=120), T=50, H=24, **setting)
right = {model: latched.where(model=model).best("chosen by")["right"] for model in MODELS}

# %% [markdown]
# ## The language model
# As in exercise 2, but small: 64 units, 300 steps of 50 characters in 16 streams.


# %%
def characters(
    model: str, lr: float, seed: int, steps: int, H: int, most: int, path: str, digest: str
) -> dict[str, float]:
    """Bits per character on the first `most` characters of the test part, and of the validation
    part."""
    corpus = split(read(path))
    mg.manual_seed(seed)
    network = LanguageModel("LSTM", len(corpus.alphabet), H)
    network.rnn = layer(model, 32, H)
    learn(network, streams(corpus.train, 16), 50, steps, lr, lambda: 0, every=steps + 1)
    parts = (corpus.valid[:most], corpus.test[:most])
    valid, test = (bits(network, streams(ids, 16)) for ids in parts)
    return {"test": test, "chosen by": valid}


content = {"path": "", "digest": fingerprint(read(""))[:12]}
most, steps = lab.pick(quick=(1600, 20), full=(20_000, 300))
written = lab.run(characters, steps=steps, H=64, most=most, **content, **setting)
needs = {
    model: written.where(model=model).best("chosen by", lowest=True)["test"] for model in MODELS
}
for gate in ("forget", "input", "output"):
    lab.claim(f"latch-{gate}", right["all gates"], right[f"no {gate} gate"])
    lab.claim(f"characters-{gate}", needs[f"no {gate} gate"], needs["all gates"])
lab.claim("latch-coupled", right["coupled"], right["all gates"])
lab.claim("characters-coupled", needs["coupled"], needs["all gates"])

# %% shown
lab.table(
    "The latch: right answers; the language model: bits per character",
    ["", "latch", "characters"],
    [[model, ranged(right[model]), ranged(needs[model], "{:.3f}")] for model in MODELS],
)

# %% shown
figure, axes = panels(1, 2, figsize=(6.8, 3.0), sharey=True)
places = np.arange(len(MODELS))[::-1]
for ax, of, label in zip(axes, (right, needs), ("latch: right answers", "bits per character")):
    for place, (model, colour) in zip(places, MODELS.items()):
        low, middle, high = np.quantile(of[model], [0, 0.5, 1])
        ax.plot([low, high], [place, place], color=colour, alpha=0.35, linewidth=6)
        ax.plot(middle, place, "o", color=colour, markersize=7)
    ax.set(xlabel=label)
    ax.grid(axis="y", visible=False)
axes[0].set_yticks(places, list(MODELS))
axes[0].set_xlim(0, 1.03)
axes[0].set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
lab.show(
    figure,
    "without",
    "An LSTM without one of its gates, and with the input gate tied to the forget gate "
    f"({lab.runs_in_words()}). More is better on the left, less on the right.",
)

# %%
lab.done()
