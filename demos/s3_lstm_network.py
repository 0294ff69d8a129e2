"""3. The LSTM over time

A cell applied along a sequence, and a linear layer that reads every hidden state. In a new network
on random input the gates stay flat, and the lesson stops there. After training on a task that needs
memory, they open and close where the task requires it.
"""

# %%
import math

import numpy as np

import minigrad as mg
import nn
from demos.lab import Lab
from demos.style import COLOURS, band, chance_line, label_ends, panels, percent, whole_numbers
from demos.tasks import latch_task
from demos.training import accuracy, train
from minigrad import Tensor

lab = Lab(__file__)
GATES = {"f": "forget", "i": "input", "o": "output"}

# %% [markdown]
# ## The network
# `step_by_step` unrolls the cell in Python, one graph node after another; nn.LSTM does the same as
# one operation.


# %%
class Network(nn.Module):
    """y_t = W h_t + b over the hidden states of an LSTM whose forget bias is 1: x (T,B,I) -> y
    (T,B,C)."""

    def __init__(self, I: int, H: int, C: int):
        super().__init__()
        self.lstm = nn.LSTM(I, H, forget_bias=1.0)
        self.read = nn.Linear(H, C)

    def forward(self, x: Tensor) -> Tensor:
        return self.read(self.lstm(x)[0])

    def step_by_step(self, x: Tensor) -> Tensor:
        cell = nn.LSTMCell(self.lstm.input_size, self.lstm.hidden_size)
        cell.load_state_dict(
            {name.removesuffix("_l0"): p for name, p in self.lstm.state_dict().items()}
        )
        h = c = mg.zeros(x.shape[1], cell.hidden_size)
        hs = []
        for x_t in x:
            h, c = cell(x_t, (h, c))
            hs.append(h)
        return self.read(mg.stack(hs))

    def gates(self, x: Tensor) -> np.ndarray:
        """The mean over units of each gate, in the order of GATES: (3,T,B)."""
        with mg.no_grad():
            gates = nn.gates(self.lstm, x)["l0"]  # each (T,B,H)
            return np.stack([gates[letter].mean(dim=-1).numpy() for letter in GATES])


# %% [markdown]
# ## As in the lesson: a fresh network, random input, random answers

# %%
T, I, H, C = 20, 10, 32, 10


def fresh(seed: int, T: int, I: int, H: int, C: int) -> dict[str, object]:
    """An untrained network's loss on random answers (nat), its gates, and how far the unrolled cell
    is from nn.LSTM."""
    mg.manual_seed(seed)
    network = Network(I, H, C)
    x, answers = mg.randn(T, 1, I), mg.randint(0, C, (T,))
    with mg.no_grad():
        y = network(x)  # (T,1,C)
        loss = nn.CrossEntropyLoss()(y.squeeze(1), answers).item()
        difference = (y - network.step_by_step(x)).abs().max().item()
    return {"loss": loss, "gates": network.gates(x)[:, :, 0], "difference": difference}


untrained = lab.run(fresh, seed=lab.seeds(at_least=20), T=T, I=I, H=H, C=C)
flat = untrained["gates"]  # (seeds,3,T)
assert untrained["difference"].max() < 1e-5, "nn.LSTM and the unrolled cell differ"
lab.table(
    "One sequence through the network",
    ["", "shape"],
    [
        ["input", (T, 1, I)],
        ["hidden states", (T, 1, H)],
        ["each gate", (T, 1, H)],
        ["output", (T, 1, C)],
    ],
)
lab.say(
    "The cell unrolled in Python and nn.LSTM differ by at most "
    f"{untrained['difference'].max():.0e}."
)
lab.claim("new-loss", untrained["loss"], math.log(C))

# %% [markdown]
# ## On a task: the latch
# Each step shows a random symbol; now and then a flag marks it. At every step the answer is the
# last marked symbol. Gates can solve this: on a flag, forget and write; otherwise, keep.

# %%
SYMBOLS, BEFORE, AFTER = 10, 3, 5  # BEFORE and AFTER: the steps around a flag that the figure shows
TRAINING = {"steps": 150 if lab.quick else 300, "B": 64, "T": 20, "H": 32, "clip": 1.0}
RATES = lab.pick(quick=[0.01], full=[0.01], ledger=[0.003, 0.01, 0.03])
EVERY = 10


def on_the_latch(
    seed: int, steps: int, B: int, T: int, H: int, lr: float, clip: float
) -> dict[str, object]:
    """Train on fresh sequences; the share of right answers on others, and the gates before and
    after."""
    mg.manual_seed(seed)
    network = Network(SYMBOLS + 1, H, SYMBOLS)
    x, answers, marks = latch_task(512, T, SYMBOLS)
    shown = x[..., :SYMBOLS].argmax(dim=-1)
    without_memory = (shown == answers).float().mean().item()  # name what is shown
    at_first = around_a_flag(network.gates(x), marks.numpy())
    batches = (latch_task(B, T, SYMBOLS)[:2] for _ in range(steps))
    _, curve = train(
        network, batches, lr, clip, watch=lambda: accuracy(network, x, answers), every=EVERY
    )
    gates = network.gates(x)
    example = int((marks.sum(dim=0) == 4).numpy().argmax())  # the first sequence with four flags
    return {
        "accuracy": curve[-1],
        "chosen by": accuracy(network, *latch_task(256, T, SYMBOLS)[:2]),
        "curve": curve,
        "without memory": without_memory,
        "at first": at_first,
        "around": around_a_flag(gates, marks.numpy()),
        "one": gates[:, :, example],
        "marks": marks[:, example].tolist(),
    }


def around_a_flag(gates: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Mean of gates (3,T,B) around those flags of marks (T,B) that have no other flag in their
    window: (3,window)."""
    T, B = marks.shape
    places = [
        (slice(t - BEFORE, t + AFTER + 1), b)
        for t in range(BEFORE, T - AFTER)
        for b in range(B)
        if marks[t, b]
    ]
    return np.mean(
        [gates[:, window, b] for window, b in places if marks[window, b].sum() == 1], axis=0
    )


trained = lab.run(on_the_latch, seed=lab.seeds(), lr=RATES, **TRAINING).best("chosen by")
around, at_first = trained["around"], trained["at first"]  # (seeds,3,window)
swing, swing_at_first = (np.ptp(gates[:, 0], axis=-1) for gates in (around, at_first))
lab.claim("gates-tell", swing_at_first, 0.0)
lab.claim("gates-tell-trained", swing, swing_at_first)
lab.claim("keeps-what-matters", trained["accuracy"], trained["without memory"])

# %% shown
figure, axes = panels(3, 1, figsize=(6.8, 8.2))
one, marks = np.array(trained.rows[0]["one"]), np.flatnonzero(trained.rows[0]["marks"]) + 1
steps, window = np.arange(1, T + 1), np.arange(-BEFORE, AFTER + 1)
for k, name in enumerate(GATES.values()):
    band(axes[0], steps, flat[:, k], COLOURS[name])
    axes[1].plot(steps, one[k], color=COLOURS[name], marker="o", markersize=4)
    band(axes[2], window, around[:, k], COLOURS[name], marker="o", markersize=5)
    axes[2].plot(
        window, np.median(at_first[:, k], axis=0), color=COLOURS[name], linestyle=":", linewidth=1.6
    )
for ax, flags in [(axes[1], marks), (axes[2], [0])]:
    for flag in flags:
        ax.axvspan(flag - 0.35, flag + 0.35, color="#ececec", zorder=0, linewidth=0)
axes[0].set(
    title=f"Fresh: median and range of {len(flat)} networks", xlabel="step", xlim=(0.5, T + 0.5)
)
axes[1].set(title="Trained: one sequence, its flags in grey", xlabel="step", xlim=(0.5, T + 0.5))
axes[2].set(
    title="Trained: mean around a flag (dotted: before training)", xlabel="steps after the flag"
)
for ax, last in zip(
    axes, [np.median(flat[:, :, -1], axis=0), one[:, -1], np.median(around[:, :, -1], axis=0)]
):
    ax.set(ylabel="mean of the gate", ylim=(0, 1.03))
    whole_numbers(ax)
    label_ends(ax, [(float(y), name, COLOURS[name]) for y, name in zip(last, GATES.values())])
lab.show(
    figure,
    "gates_over_time",
    f"""Gates over time, each the mean of {H} units. In a fresh network they hardly depend on the
    input; after {TRAINING["steps"]} training steps on the latch the input gate opens on a flag, and
    the forget gate closes.""",
)

# %% shown
figure, ax = panels(figsize=(6.8, 3.4))
at = EVERY * np.arange(1, trained["curve"].shape[1] + 1)
final = band(ax, at, trained["curve"], COLOURS["LSTM"])[-1]
percent(ax)
chance_line(
    ax, float(np.median(trained["without memory"])), "naming what is shown: no memory", x=0.35
)
ax.set(xlabel="training step", ylabel="right answers, other sequences", xlim=(0, at[-1]))
label_ends(ax, [(float(final), "LSTM", COLOURS["LSTM"])])
lab.show(
    figure,
    "latch",
    f"The latch during {TRAINING['steps']} steps, each on {TRAINING['B']} fresh sequences.",
)

# %%
lab.done()
