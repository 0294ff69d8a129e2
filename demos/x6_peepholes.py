"""Exercise 6. Peepholes: gates that see the cell

A peephole lets each gate see the cell that it guards, also while the output gate is shut (Gers &
Schmidhuber 2000). It was made for timing: to act an exact number of steps after a spike, with
nothing in between to count along. Greff et al. 2017 took peepholes out in 5,400 runs of three other
tasks and missed nothing. Here both are tried: on timing, and on the copy task of section 6.
"""

# %%
from collections.abc import Iterator

import numpy as np

import minigrad as mg
import nn
from demos.lab import Lab, Runs, ranged
from demos.models import size
from demos.style import (
    AMBER,
    COLOURS,
    SOFT,
    band,
    chance_line,
    grid_of_numbers,
    label_ends,
    panels,
    percent,
)
from demos.tasks import NOISE, SYMBOLS, copy_task
from demos.timing import right, spike_after, which_distance
from demos.training import IGNORED, Data, train
from minigrad import Tensor

lab = Lab(__file__)

# %% [markdown]
# ## The networks
# Peepholes add three numbers a unit, less than 2% here; the GRU gets as many units as come nearest
# to the LSTM's size.

# %%
LAYERS = {"LSTM": nn.LSTM, "peephole LSTM": nn.PeepholeLSTMCell, "GRU": nn.GRU}
SHADES = {"LSTM": COLOURS["LSTM"], "peephole LSTM": AMBER, "GRU": COLOURS["GRU"]}


class Network(nn.Module):
    """A recurrent layer or an unrolled cell, and scores of C classes at each step: (T,B,I) ->
    (T,B,C)."""

    def __init__(self, kind: str, I: int, H: int, C: int):
        super().__init__()
        self.rnn = LAYERS[kind](I, H)
        self.fc = nn.Linear(H, C)

    def forward(self, x: Tensor) -> Tensor:
        cell = isinstance(self.rnn, nn.PeepholeLSTMCell)
        hs, _ = nn.unroll(self.rnn, x) if cell else self.rnn(x)
        return self.fc(hs)


def units(kind: str, I: int, H: int, C: int) -> int:
    """As many units as make a network of this kind nearest in size to an LSTM of H units."""
    wanted = size(Network("LSTM", I, H, C))
    return (
        H
        if "LSTM" in kind
        else min(range(H, 2 * H), key=lambda n: abs(size(Network(kind, I, n, C)) - wanted))
    )


# %% [markdown]
# ## The tasks
# *A spike after N steps*: one spike comes in, and exactly N steps later one is to go out; before
# and after, silence.
# *N or N + 1*: two spikes come in, and at the second the network says which of two distances it
# was. For both the networks learn from sequences that start at some steps, and are tried on
# sequences that start at others.
# *Copy*: the first symbol is to be named at the end, after fresh noise.


# %%
def copying(B: int, T: int) -> Data:
    """`copy_task` with its symbols one-hot, x (T,B,I), and an answer at the last step only,
    (T,B)."""
    ids, symbols = copy_task(B, T)
    answers = mg.full((T, B), IGNORED)
    answers[T - 1] = symbols
    return (ids.T.unsqueeze(-1) == mg.arange(SYMBOLS + NOISE)).float(), answers


# Steps at which sequences start.
LEARNED, CHOSEN_BY, OTHERS = range(0, 10, 3), range(1, 9, 3), range(2, 9, 3)
SPARE = 2  # steps after the last answer, of silence


def data(task: str, N: int, B: int) -> tuple[Iterator[Data], Data, Data]:
    """Batches to learn from, without end; sequences by which to choose a learning rate; sequences
    to report."""
    if task == "copy":
        chosen_by, others = copying(256, N), copying(1000, N)
        return (copying(B, N) for _ in iter(int, 1)), chosen_by, others
    sequences = spike_after if task == "spike" else which_distance
    parts = [
        sequences(N, starts, starts[-1] + N + 1 + SPARE) for starts in (LEARNED, CHOSEN_BY, OTHERS)
    ]
    return (parts[0] for _ in iter(int, 1)), parts[1], parts[2]


# %% [markdown]
# ## Learning them
# Adam, gradients clipped at 1, gates that start with memories up to the task's length (chrono
# initialisation, as in section 6), so that no network has to find out first that it should
# remember. The better of two learning rates counts.

# %%
RATES = lab.pick(quick=[0.03], full=[0.01, 0.03], ledger=[0.003, 0.01, 0.03])
EVERY = 20


def learn(
    task: str, kind: str, N: int, lr: float, seed: int, steps: int, H: int, B: int, device: str
) -> dict[str, object]:
    """Right answers on sequences with other starts, or other noise; the loss (nat) in the course of
    the training.

    "says": on the first of those sequences, the probability of the class 1 at each step.
    """
    I, C = (SYMBOLS + NOISE, SYMBOLS) if task == "copy" else (1, 2)
    mg.manual_seed(seed)
    network = Network(kind, I, units(kind, I, H, C), C)
    nn.init.chrono_(network.rnn, N)
    network.to(device)
    mg.manual_seed(1000 + seed)  # every network sees the same sequences
    learned, chosen_by, others = data(task, N, B)
    batches = ((x.to(device), answers.to(device)) for (x, answers), _ in zip(learned, range(steps)))
    chosen_by, (x, answers) = ([part.to(device) for part in parts] for parts in (chosen_by, others))
    losses, course = train(
        network, batches, lr, 1.0, watch=lambda: right(network, *chosen_by), every=EVERY
    )
    with mg.no_grad():
        says = mg.softmax(network(x)[:, 0], -1)[:, 1]
    return {
        "right": right(network, x, answers),
        "chosen by": float(np.mean(course[-3:])),
        "size": size(network),
        "loss": np.reshape(losses, (-1, EVERY)).mean(axis=1),
        "says": says.cpu().numpy(),
    }


DISTANCES = lab.pick(quick=[4], full=[10, 20], ledger=[20])
STEPS = 100 if lab.quick else 400
timing = lab.run(
    learn,
    task="spike",
    kind=list(LAYERS),
    N=DISTANCES,
    lr=RATES,
    seed=lab.seeds(),
    steps=STEPS,
    H=36,
    B=0,
    device=lab.device,
)
LENGTH = 10 if lab.quick else 25
COPY_STEPS = 40 if lab.quick else 200
copied = lab.run(
    learn,
    task="copy",
    kind=list(LAYERS),
    N=LENGTH,
    lr=RATES,
    seed=lab.seeds(),
    steps=COPY_STEPS,
    H=64,
    B=64,
    device=lab.device,
)
COLUMNS = {
    **{f"a spike after\n{N} steps": timing.where(N=N) for N in DISTANCES},
    f"copy, length {LENGTH}": copied,
}
if not lab.ledger:  # no claim rests on it
    COLUMNS[f"{DISTANCES[-1]} or {DISTANCES[-1] + 1} steps?"] = lab.run(
        learn,
        task="which distance",
        kind=list(LAYERS),
        N=DISTANCES[-1],
        lr=RATES,
        seed=lab.seeds(),
        steps=STEPS,
        H=36,
        B=0,
        device=lab.device,
    )


def best(column: str, kind: str) -> Runs:
    """Each run at the learning rate that suits this network better."""
    return COLUMNS[column].where(kind=kind).best("chosen by")


FAR = DISTANCES[-1]
far, near = f"a spike after\n{FAR} steps", f"copy, length {LENGTH}"

# %% shown
lab.table(
    "Parameters",
    ["", "timing", "copy"],
    [[kind, *(int(of.where(kind=kind)["size"][0]) for of in (timing, copied))] for kind in LAYERS],
)


cells = {kind: [best(column, kind)["right"] for column in COLUMNS] for kind in LAYERS}
lab.table(
    "Sequences with all answers right, at the better learning rate",
    ["", *(column.replace("\n", " ") for column in COLUMNS)],
    [[kind, *map(ranged, row)] for kind, row in cells.items()],
)

# %% shown
RUNS = lab.runs_in_words()
figure, ax = panels(figsize=(6.8, 2.9))
text = [[ranged(cell).replace(" (", "\n(") for cell in row] for row in cells.values()]
grid_of_numbers(ax, np.median(list(cells.values()), axis=2), text, list(LAYERS), list(COLUMNS))
lab.show(
    figure,
    "right",
    f"""Sequences, none of them trained on, in which every answer is right ({RUNS}). Guessing would
    be right in none of those with a spike, in 50% of those with two distances, and in 10% of the
    copies.""",
)

# %% [markdown]
# ## What the networks say

# %% shown
figure, axes = panels(1, 3, figsize=(6.8, 2.9), sharey=True)
for ax, (kind, colour) in zip(axes, SHADES.items()):
    says = best(far, kind)["says"]  # (seeds,T)
    at = np.arange(says.shape[1]) - OTHERS[0]
    ax.axvline(FAR, color=SOFT, linewidth=1.2, linestyle=(0, (4, 3)))
    band(ax, at, says, colour, marker="o", markersize=3, linewidth=1.4)
    ax.set_title(kind, color=colour)
    ax.set_xlim(-1, at[-1] + 1)
    percent(ax)
axes[0].set_ylabel("probability of a spike")
axes[1].set_xlabel("steps after the spike that came in")
lab.show(
    figure,
    "says",
    f"""How probable each network considers a spike at each step. It should produce one {FAR} steps
    after the one in the input (dashed; {RUNS}).""",
)

# %% shown
figure, axes = panels(1, 2, figsize=(6.8, 3.6))
for ax, column, steps in zip(axes, (far, near), (STEPS, COPY_STEPS)):
    at = EVERY * (np.arange(steps // EVERY) + 0.5)
    tops = []
    for kind, colour in SHADES.items():
        losses = best(column, kind)["loss"]
        tops.append((float(band(ax, at, losses, colour)[-1]), kind, colour))
    ax.set(title=column.replace("\n", " "), xlabel="training step", yscale="log", xlim=(0, steps))
    label_ends(ax, tops)
rare = 1 / (LEARNED[-1] + FAR + 1 + SPARE)
knows = {far: -(rare * np.log(rare) + (1 - rare) * np.log(1 - rare)), near: np.log(SYMBOLS)}
for ax, column in zip(axes, (far, near)):
    chance_line(ax, knows[column], "guessing", x=0.6)
axes[0].set_ylabel("loss (nat a step that counts)")
lab.show(
    figure,
    "learning",
    f"""The loss during the training, at the better learning rate ({RUNS}). Dashed: the loss of
    knowing only how often each answer occurs.""",
)

# %% [markdown]
# ## The claims

# %%
timed = {kind: best(far, kind)["right"] for kind in LAYERS}
lab.claim("peepholes-time", timed["peephole LSTM"], timed["LSTM"])
lab.claim("peepholes-no-gain", timed["peephole LSTM"], timed["LSTM"])
lab.claim("peepholes-copy", *(best(near, kind)["right"] for kind in ("peephole LSTM", "LSTM")))
lab.claim("timing-alike", timed["GRU"], timed["LSTM"])
lab.say(f"""No output gate hides a GRU's state: its gates see it without peepholes. After {FAR}
    steps it produces its spike in {ranged(timed["GRU"])} of the sequences, the LSTM of about the
    same size in {ranged(timed["LSTM"])}, and with peepholes in
    {ranged(timed["peephole LSTM"])}.""")

# %%
lab.done()
