"""9. LSTM or GRU?

The lesson ends with a table of advice and four panels, one of which is made up. Here every panel is
measured: size, memory over a distance, time and memory of a training step, and what few examples do
to each cell.
"""

# %%
import contextlib
import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

import minigrad as mg
import nn
from demos import options
from demos.lab import Lab, Runs, play, ranged
from demos.models import SentenceClassifier, SequenceClassifier, size
from demos.style import BIASES, COLOURS, INK, SOFT, chance_line, label_ends, panels, percent
from demos.tasks import NOISE, SYMBOLS, WORDS, copy_task, sentences
from demos.training import accuracy, fit, step_memory, step_times, train

lab = Lab(__file__)
KINDS = ["RNN", "GRU", "LSTM"]
# Blocks of weights: the candidate's, and one for each of 0, 2 and 3 gates.
BLOCKS = {"RNN": 1, "GRU": 3, "LSTM": 4}
E, H = 32, 64


def model(kind: str, H: int = H) -> SequenceClassifier:
    """The classifier of the copy task."""
    return SequenceClassifier(kind, SYMBOLS + NOISE, E, H, SYMBOLS)


# %% [markdown]
# ## Size
# One bias for each gate, as in the lesson's formulas, or two, as PyTorch keeps them.

# %%
one_bias = {kind: BLOCKS[kind] * H * (E + H + 1) for kind in KINDS}
two_biases = {kind: size(getattr(nn, kind)(E, H)) for kind in KINDS}
whole = {kind: size(SequenceClassifier(kind, 10_000, 128, 256, 2)) for kind in KINDS}
counted = {
    "one bias a gate": one_bias,
    "two, as nn.LSTM has": two_biases,
    "with 10,000 embedded words": whole,
}
lab.table(
    (
        f"Parameters of a layer with {E} inputs and {H} units, and of the classifiers of section "
        "5, which have 128 inputs and 256 units"
    ),
    ["", *KINDS, "LSTM has more than GRU"],
    [
        [name, *(n[kind] for kind in KINDS), f"{n['LSTM'] / n['GRU'] - 1:.1%}"]
        for name, n in counted.items()
    ],
)
more = [n["LSTM"] / n["GRU"] - 1 for n in counted.values()]
lab.fact("lstm-third-more", more[2])
lab.fact("lstm-third-more-layer", more[0])

# %% [markdown]
# ## Time
# A training step (forward, backward, Adam) of the copy task's classifier on 64 sequences, and
# reading alone; medians. Claims are held to length 100. In a fresh network a gradient has vanished
# below 10⁻³⁸ after 200 steps. A processor may take ten times as long for numbers that small, which
# would time them, and not the cell; so they are taken for 0, as in all training here.

# %%
LENGTHS = lab.pick(quick=[10, 50], full=[10, 50, 100, 200], ledger=[100])
TIMED = lab.pick(quick=50, full=100)  # the length that claims are held to
# Times of a training step in the lesson, at every length.
DRAWN = {"RNN": 1.0, "GRU": 1.5, "LSTM": 2.0}
WIDTHS = lab.pick(quick=[16, 64], full=[16, 64, 256], ledger=[16])  # at length 50


def cost(T: int, H: int, seed: int, rounds: int, B: int) -> dict[str, float]:
    """Of each kind: seconds of a training step ("GRU"), and of reading alone, and a step's memory
    in MB."""
    mg.manual_seed(seed)
    x, answers = copy_task(B, T)
    found = {}
    for kind, times in step_times(
        {kind: model(kind, H) for kind in KINDS}, x, answers, rounds
    ).items():
        found[kind], found[f"{kind} reading"] = times
        found[f"{kind} memory"] = step_memory(model(kind, H), x, answers) / 1e6
    return found


again = {"seed": lab.seeds(at_least=5), "rounds": 3 if lab.quick else 7, "B": 64}
timed = lab.run(cost, T=LENGTHS, H=H, **again)
by_width = Runs(
    [*timed, *lab.run(cost, T=50, H=[width for width in WIDTHS if width != H], **again)]
)


def ratio(runs: Runs, kind: str, to: str = "RNN", what: str = "") -> np.ndarray:
    return runs[kind + what] / runs[to + what]


# %% shown
settings = [(f"length {T}, {H} units", timed.where(T=T)) for T in LENGTHS]
settings += [
    (f"length 50, {width} units", by_width.where(T=50, H=width)) for width in WIDTHS if width != H
]
lab.table(
    "Time of a training step (median), and in units of the RNN's",
    ["", "RNN (ms)", "GRU", "LSTM", "LSTM : GRU", "LSTM : GRU, reading"],
    [
        [
            name,
            f"{np.median(runs['RNN']) * 1000:.1f}",
            *(f"{np.median(ratio(runs, kind)):.2f}" for kind in KINDS[1:]),
            ranged(ratio(runs, "LSTM", "GRU"), "{:.2f}"),
            f"{np.median(ratio(runs, 'LSTM', 'GRU', ' reading')):.2f}",
        ]
        for name, runs in settings
    ],
)

# %%
at_100 = timed.where(T=TIMED)
narrow = by_width.where(T=50, H=WIDTHS[0])
lab.claim("time-lstm", ratio(at_100, "LSTM"), DRAWN["LSTM"])
lab.claim("time-gru", ratio(at_100, "GRU"), DRAWN["GRU"])
lab.claim("gru-faster", 1000 * narrow["GRU"], 1000 * narrow["LSTM"])
lab.claim("gru-faster-long", 1000 * at_100["GRU"], 1000 * at_100["LSTM"])

# %% [markdown]
# ## Memory of a training step
# What the first step holds at its peak: gradients, and what the backward pass needs of the forward
# pass.

# %% shown
peaks = {
    kind: np.array([np.median(timed.where(T=T)[f"{kind} memory"]) for T in LENGTHS])
    for kind in KINDS
}
heavier = peaks["LSTM"] / peaks["GRU"]
lab.table(
    f"Peak memory of a training step, 64 sequences, {H} units (MB)",
    ["length", *KINDS, "LSTM : GRU"],
    [
        [str(T), *(f"{peaks[kind][i]:.1f}" for kind in KINDS), f"{heavier[i]:.2f}"]
        for i, T in enumerate(LENGTHS)
    ],
)

# %%
both = {kind: 1000 * at_100[kind] * at_100[f"{kind} memory"] for kind in ("GRU", "LSTM")}
lab.claim("lstm-memory", at_100["LSTM memory"], at_100["GRU memory"])
lab.claim("limited-resources", both["GRU"], both["LSTM"])

# %% [markdown]
# ## Few examples
# Sentences of section 7, read in one direction without dropout, until those of the training are
# known.

# %%
COUNTS = lab.pick(quick=[20, 80], full=[20, 40, 80], ledger=[20])
RATES = lab.pick(quick=[0.003], full=[0.003], ledger=[0.001, 0.003, 0.01])
FEW_SEEDS = lab.seeds(at_least=10)


def few(kind: str, count: int, lr: float, seed: int, steps: int, device: str) -> dict[str, float]:
    """Right answers on `count` sentences learned from, on 1000 others, and on 500 to choose by."""
    mg.manual_seed(seed)
    padding = len(WORDS)
    network = SentenceClassifier(padding + 1, kind, p=0.0, padding=padding, told=True).to(device)
    mg.manual_seed(1000 + seed)
    data, others, chosen_by = (
        sentences(B, padding=padding, device=device) for B in (count, 1000, 500)
    )
    curves = fit(network, data, others, steps, lr, every=steps)
    return {
        "seen": curves["seen"][-1],
        "other": curves["other"][-1],
        "chosen by": accuracy(network, *chosen_by),
    }


small = lab.run(
    few,
    kind=lab.pick(quick=KINDS, full=KINDS, ledger=["GRU", "LSTM"]),
    count=COUNTS,
    lr=RATES,
    seed=FEW_SEEDS,
    steps=50 if lab.quick else 100,
    device=lab.device,
)


def of_few(kind: str, count: int, what: str = "other") -> np.ndarray:
    return small.where(kind=kind, count=count).best("chosen by")[what]


# %% shown
lab.table(
    "Right answers on other sentences, by the number of sentences learned from",
    ["", *map(str, COUNTS), "on those"],
    [
        [kind, *(ranged(of_few(kind, n)) for n in COUNTS), ranged(small.where(kind=kind)["seen"])]
        for kind in KINDS
    ],
)
# %%
lab.claim("few-examples", of_few("LSTM", COUNTS[0]), of_few("GRU", COUNTS[0]))

# %% [markdown]
# ## Over a distance
# The copy task of section 6, whose runs are kept and found again (else they run now); and a longer
# one.

# %%
if lab.ledger:
    lab.keep()  # what is measured so far: section 6 may lack runs
with contextlib.redirect_stdout(io.StringIO()):  # it has been, or will be, read in its own place
    section_6 = play(options.SCRIPTS["s6"], only_claims=lab.ledger)
DISTANCES, SHORT, LONGEST = (section_6[name] for name in ("LENGTHS", "MIDDLE", "LONGEST"))
COPIERS = COLOURS | {f"LSTM, {start}": colour for start, colour in BIASES.items()}
COPIERS = {name: COPIERS[name] for name in ("RNN", "GRU", "LSTM, b = 1", "LSTM, chrono")}


def copying(name: str, length: int) -> np.ndarray:
    """Right answers of each run, at the learning rate that section 6 chooses for it."""
    return section_6["best"](name, length)["accuracy"]


lab.claim("short-will-do", copying("RNN", SHORT), copying("LSTM, chrono", SHORT))
lab.claim("short-will-do-gru", copying("GRU", SHORT), copying("LSTM, chrono", SHORT))


def far(
    kind: str, length: int, lr: float, seed: int, steps: int, B: int, device: str
) -> dict[str, float]:
    """Right answers of a GRU, or of an LSTM with chrono initialisation, trained on fresh sequences
    of that length."""
    mg.manual_seed(seed)
    network = model(kind).to(device)
    if kind == "LSTM":
        nn.init.chrono_(network.rnn, length)
    mg.manual_seed(1000 + seed)
    train(network, (copy_task(B, length, device) for _ in range(steps)), lr, clip=1.0)
    chosen_by, right = (accuracy(network, *copy_task(n, length, device)) for n in (256, 1000))
    return {"accuracy": right, "chosen by": chosen_by}


FAR, STEPS = (60, 60) if lab.quick else (250, 300)
distant = lab.run(
    far,
    kind=["GRU", "LSTM"],
    length=FAR,
    lr=lab.pick(quick=[0.01, 0.03], full=[0.01, 0.03], ledger=[0.003, 0.01, 0.03]),
    seed=lab.seeds(),
    steps=STEPS,
    B=32,
    device=lab.device,
)
at_far = {kind: distant.where(kind=kind).best("chosen by")["accuracy"] for kind in ("GRU", "LSTM")}

# %% shown
lab.table(
    "The copy task: right answers at the better learning rate",
    ["length", *COPIERS],
    [[str(T), *(ranged(copying(name, T)) for name in COPIERS)] for T in DISTANCES]
    + [[str(FAR), "", ranged(at_far["GRU"]), "", ranged(at_far["LSTM"])]],
)

# %%
lab.claim("very-long", at_far["LSTM"], at_far["GRU"])
tasks = {
    kind: [copying(copier, LONGEST), at_far[kind], of_few(kind, COUNTS[0])[: len(lab.seeds())]]
    for kind, copier in [("LSTM", "LSTM, chrono"), ("GRU", "GRU")]
}
lab.claim("often-better", np.mean(tasks["LSTM"], axis=0), np.mean(tasks["GRU"], axis=0))

# %% [markdown]
# ## The four panels


# %% shown
def curves(
    ax: Axes, x: list[int], named: dict[str, tuple[Any, str]]
) -> list[tuple[float, str, str]]:
    """For each name medians over x and bars of the range, of values (len(x), runs); returns the
    labels of the ends."""
    ends = []
    for aside, (name, (values, colour)) in enumerate(named.items()):
        low, middle, high = np.quantile(values, [0, 0.5, 1], axis=1)
        at = np.array(x) + 0.012 * x[-1] * aside
        ax.plot(at, middle, color=colour, marker="o", markersize=4)
        ax.vlines(at, low, high, color=colour, alpha=0.35, linewidth=3)
        ends.append((float(middle[-1]), name, colour))
    ax.set(xlabel="length", xlim=(0, x[-1] * 1.06))
    return ends


figure, axes = panels(2, 2, figsize=(6.8, 6.6))
ax = axes[0, 0]
ax.bar(KINDS, [BLOCKS[kind] for kind in KINDS], 0.6, color=[COLOURS[kind] for kind in KINDS])
for place, kind in enumerate(KINDS):
    ax.text(
        place, BLOCKS[kind] + 0.08, f"{two_biases[kind]:,}", ha="center", color=INK, fontsize=9.5
    )
ax.set(title="Parameters of the layer", ylabel="in units of the RNN's", ylim=(0, 4.7))
ax.grid(axis="x", visible=False)

ax = axes[0, 1]
tops = curves(
    ax,
    DISTANCES,
    {name: ([copying(name, T) for T in DISTANCES], COPIERS[name]) for name in COPIERS},
)
percent(ax)
chance_line(ax, 1 / SYMBOLS, "")
ax.set(title="Copy task", ylabel="right answers")
label_ends(ax, [*tops, (1 / SYMBOLS, "chance", SOFT)])

ax = axes[1, 0]
tops = curves(
    ax,
    LENGTHS,
    {kind: ([ratio(timed.where(T=T), kind) for T in LENGTHS], COLOURS[kind]) for kind in KINDS},
)
for kind, drawn in DRAWN.items():
    ax.axhline(drawn, color=COLOURS[kind], linestyle=":", linewidth=1.4)
ax.set(title="Time of a training step", ylabel="in units of the RNN's", ylim=(0, None))
label_ends(ax, tops)

ax = axes[1, 1]
tops = curves(ax, LENGTHS, {kind: (peaks[kind][:, None], COLOURS[kind]) for kind in KINDS})
ax.set(title="Memory of a training step", ylabel="peak (MB)", ylim=(0, None))
label_ends(ax, tops)
lab.show(
    figure,
    "comparison",
    f"""All measured, with {H} units and batches of 64 (median and range over runs). Dotted: the
    times that the lesson draws. Copy task: section 6, with fresh noise, at the better learning
    rate.""",
)

# %% shown
figure, ax = panels(figsize=(6.8, 3.6))
tops = curves(
    ax, COUNTS, {kind: ([of_few(kind, count) for count in COUNTS], COLOURS[kind]) for kind in KINDS}
)
ax.set_xticks(COUNTS)
ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
ax.set(xlabel="sentences learned from", ylabel="right answers on others")
label_ends(ax, tops)
lab.show(
    figure,
    "few_examples",
    (
        "Sentiment from few sentences: right answers on 1000 others (median and range of "
        f"{len(FEW_SEEDS)} runs)."
    ),
)

# %%
lab.done()
