"""1. The gating mechanism

What a gate is, and what gates do to the gradient. The lesson draws the gradient from made-up
numbers: 0.9ᵗ for the vanilla RNN, a product of random numbers near 1 for the LSTM. Here both are
measured in real cells.
"""

# %%
import numpy as np

import minigrad as mg
import nn
from demos.diagrams import Diagram
from demos.lab import Lab
from demos.style import AMBER, BIASES, BLUE, COLOURS, INK, ORANGE, SOFT, band, label_ends, panels
from minigrad import Tensor

lab = Lab(__file__)
BACK = 50  # steps back in time

# %% [markdown]
# ## Between 0 and 1
# σ(z) = 1 / (1 + e^-z) never reaches 0 or 1. Its float32 value does, and there its derivative is 0
# exactly.

# %%
z = mg.linspace(-120, 120, 24001)
gate = mg.sigmoid(z)
first_one, last_zero = z[gate == 1][0].item(), z[gate == 0][-1].item()
lab.say(f"""In float32 σ(z) is exactly 1 from z = {first_one:.1f} on, and exactly 0 up to
    z = {last_zero:.1f}.""")
strict = (gate > 0) & (gate < 1)
lab.fact("gate-strict", strict.float().mean().item())
lab.fact("gate-strict-16", strict[z.abs() <= 16].float().mean().item())

# %% [markdown]
# ## How much of the gradient arrives, 50 steps back
# A cell reads random input. u·h_T, for a random direction u, is differentiated with respect to the
# state at each earlier step; for the LSTM, with respect to both of its states. What is recorded is
# the norm of the gradient, relative to the norm at the last step.


# %%
def make(kind: str, start: str, I: int, H: int) -> nn.Module:
    """A cell with PyTorch's initial values, or with another start: "bias 3", "chrono", "gain
    1.5"."""
    cell = {"RNN": nn.RNNCell, "GRU": nn.GRUCell, "LSTM": nn.LSTMCell}[kind](I, H)
    word, _, value = start.partition(" ")
    if word == "bias":
        nn.init.forget_bias_(cell, float(value))
    elif word == "chrono":
        nn.init.chrono_(cell, BACK)
    elif word == "gain":
        nn.init.orthogonal_(cell.weight_hh, gain=float(value))
    return cell


def gradient_flow(
    kind: str, start: str, seed: int, T: int, B: int, I: int, H: int
) -> dict[str, list[float]]:
    """‖∂(u·h_T)/∂h_t‖ and, for the LSTM, ‖∂(u·h_T)/∂c_t‖ for t = T, T-1 ... 0, each divided by its
    first."""
    mg.manual_seed(seed)
    cell = make(kind, start, I, H)
    h, c = (mg.zeros(B, H).requires_grad_() for _ in range(2))
    hs, cs = [h], [c]
    for x in mg.randn(T, B, I):
        if kind == "LSTM":
            h, c = cell(x, (h, c))
            cs.append(c)
        else:
            h = cell(x, h)
        hs.append(h)
    aim = (h * mg.randn(B, H)).sum()
    return {"hidden": norms(aim, hs)} | ({"cell": norms(aim, cs)} if kind == "LSTM" else {})


def norms(aim: Tensor, states: list[Tensor]) -> list[float]:
    gradients = mg.grad(aim, states[::-1], retain_graph=True)
    sizes = [g.double().norm().item() for g in gradients]
    return [size / sizes[0] for size in sizes]


seeds = lab.seeds(at_least=10)
setting = {"seed": seeds, "T": BACK, "B": 16, "I": 32, "H": 64}
default = lab.run(gradient_flow, kind=["RNN", "GRU", "LSTM"], start="default", **setting)
rnn, gru = (default.where(kind=kind)["hidden"] for kind in ("RNN", "GRU"))  # (seeds, BACK + 1)
lstm = default.where(kind="LSTM")["cell"]
steps = np.arange(BACK + 1)
assumed = {"RNN": 0.9**steps, "LSTM": 0.975**steps}  # 0.975: mean of U(0.95, 1)
straight = [np.corrcoef(steps, np.log(run))[0, 1] ** 2 for run in rnn]
bent = [np.corrcoef(np.log(steps[1:]), np.log(run[1:]))[0, 1] ** 2 for run in rnn]
lab.claim("rnn-vanishes", rnn[:, -1], 0.01)
lab.claim("rnn-exponential", straight, bent)
lab.claim("gates-flow", lstm[:, -1], assumed["LSTM"][-1])

# %% [markdown]
# ## It is the bias that holds the gate open
# With the forget bias b the gate starts near σ(b) and what is stored fades as σ(b)ᵗ. Chrono
# initialisation (Tallec & Ollivier 2018) gives each unit a memory span of its own, drawn between 1
# and the longest dependency of the task.

# %%
STARTS = ["bias 0", "bias 1", "bias 3", "chrono"]
started = lab.run(gradient_flow, kind="LSTM", start=STARTS, **setting)
left = {start: started.where(start=start)["cell"] for start in STARTS}
lab.table(
    f"Share of the LSTM's gradient that is left {BACK} steps back, in the cell state",
    ["start", "median", "lowest", "highest"],
    [
        [start, *(f"{q:.1e}" for q in np.quantile(runs[:, -1], [0.5, 0, 1]))]
        for start, runs in left.items()
    ],
)
lab.claim("gates-flow-chrono", left["chrono"][:, -1], assumed["LSTM"][-1])
lab.claim("gate-near-1", left["bias 3"][:, -1], 1.0)

# %% [markdown]
# ## Or it explodes
# A vanilla RNN whose recurrent matrix is g times an orthogonal one.

# %%
GAINS = [0.6, 0.8, 1.0, 1.2, 1.4, 1.7, 2.0, 2.5]
gained = lab.run(gradient_flow, kind="RNN", start=[f"gain {gain}" for gain in GAINS], **setting)
by_gain = [gained.where(start=f"gain {gain}") for gain in GAINS]
ends = np.array([runs["hidden"][:, -1] for runs in by_gain])  # (gains, seeds)
lab.claim("rnn-explodes", rnn[:, -1], 1.0)
lab.claim("rnn-explodes-gain", ends[GAINS.index(2.5)], 1.0)

# %% [markdown]
# ## The four panels

# %% shown
figure, axes = panels(2, 2, figsize=(6.8, 6.4))
ax = axes[0, 0]
x = np.linspace(-6, 6, 200)
gate = mg.sigmoid(mg.tensor(x)).numpy()
ax.plot(x, gate, color=BLUE)
ax.fill_between(x, gate, color=BLUE, alpha=0.12, linewidth=0)
ax.text(-5.8, 0.08, "blocks", color=SOFT, fontsize=10)
ax.text(5.8, 0.8, "passes", color=SOFT, fontsize=10, ha="right")
ax.set(title="A gate: σ(z)", xlabel="z = W [h, x] + b", ylabel="value of the gate")

ax = axes[0, 1]
information, gates = mg.tensor([0.8, -0.5, 0.3, 0.9, -0.2]), mg.tensor([0.9, 0.1, 0.8, 0.2, 0.7])
ax.bar(range(5), information.numpy(), 0.7, facecolor="none", edgecolor=SOFT, linewidth=1.2)
ax.bar(range(5), (information * gates).numpy(), 0.7, color=BLUE)
ax.axhline(0, color=SOFT, linewidth=1)
ax.set_xticks(range(5), [f"{value:.1f}" for value in gates.tolist()])
ax.set(
    title="Each element has its own",
    xlabel="value of the gate",
    ylabel="outline: before, filled: after",
)

drawing = Diagram(6, 5, ax=axes[1, 0])
drawing.body(0.9, 0.35, 5.1, 4.15)
drawing.wire((0, 3.3), (2.7, 3.3))
drawing.wire((3.3, 3.3), (6, 3.3))
drawing.wire((3, 2.06), (3, 3.0), colour=ORANGE)
drawing.wire((2.7, 0), (2.7, 1.34))
drawing.wire((3.3, 0), (3.3, 1.34), colour=AMBER)
drawing.gate(3, 1.7, "σ", ORANGE, width=1.7)
drawing.act(3, 3.3, "×")
for across, up, text, colour in [
    (0.3, 3.65, "$v$", INK),
    (5.55, 3.68, "$σ \\odot v$", INK),
    (2.35, 0.1, "$h$", INK),
    (3.65, 0.1, "$x$", AMBER),
]:
    drawing.text(across, up, text, colour=colour, size=12)
axes[1, 0].set_title("It decides what passes")

ax = axes[1, 1]
for kind, runs in {"RNN": rnn, "GRU": gru, "LSTM": lstm}.items():
    band(ax, steps, runs, COLOURS[kind])
for kind, curve in assumed.items():
    ax.plot(steps, curve, color=COLOURS[kind], linestyle=":", linewidth=1.6)
ax.set_yscale("log")
ax.set(
    title="Gradient, measured",
    xlabel="steps back in time",
    ylabel="share of the gradient left",
    xlim=(0, BACK),
)
ax.text(
    0.97,
    0.79,
    "dotted: as drawn\nin the lesson",
    transform=ax.transAxes,
    color=SOFT,
    fontsize=9,
    ha="right",
    va="top",
)
ends_of = {
    "RNN": np.median(rnn[:, -1]),
    "GRU": np.median(gru[:, -1]),
    "LSTM": np.median(lstm[:, -1]),
}
label_ends(ax, [(float(y), kind, COLOURS[kind]) for kind, y in ends_of.items()])
lab.show(
    figure,
    "gates",
    f"""A gate, what it does to a vector, its place in a cell, and what is left of the gradient with
    PyTorch's initial values (median and range over {len(seeds)} cells): a new gated cell loses the
    gradient, too.""",
)

# %% shown
figure, (ax, right) = panels(1, 2, figsize=(6.8, 3.9), width_ratios=[1.15, 1])
named = {start.replace("bias ", "b = "): runs for start, runs in left.items()}
for name, runs in named.items():
    band(ax, steps, runs, BIASES[name])
band(ax, steps, gru, COLOURS["GRU"])
ax.set_yscale("log")
ax.set(
    title="LSTM by its start",
    xlabel="steps back in time",
    ylabel="share of the gradient left",
    xlim=(0, BACK),
)
label_ends(
    ax,
    [(float(np.median(runs[:, -1])), name, BIASES[name]) for name, runs in named.items()]
    + [(float(np.median(gru[:, -1])), "GRU", COLOURS["GRU"])],
)
band(right, GAINS, ends.T, COLOURS["RNN"], marker="o")
right.axhline(1, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
right.set_yscale("log")
right.set(
    title="RNN by its gain",
    xlabel="gain of the recurrent matrix",
    ylabel=f"share left {BACK} steps back",
)
lab.show(
    figure,
    "gradient_flow",
    f"""Left: the forget bias b at the start decides how much gradient the cell state carries {BACK}
    steps back. Right: the gain of a vanilla RNN's recurrent matrix decides whether its gradient
    vanishes or, above the dashed line, explodes.""",
)

# %%
lab.done()
