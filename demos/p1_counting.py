"""Papers 1. Counting, and where it is not needed

"Fine control over memory needs an LSTM": Weiss, Goldberg and Yahav (2018) say for what. A cell
state can grow by one at every a and shrink by one at every b, whereas a GRU's state is confined to
values between -1 and 1; so an LSTM should be able to tell where a string aⁿbⁿ ends, even for an n
that it has never seen. Parity, which needs two states and no counter, should be no harder for a
GRU.
"""

# %%
from collections.abc import Iterator

import numpy as np

import minigrad as mg
import nn
from demos.lab import Lab, ranged
from demos.style import COLOURS, SOFT, band, label_ends, panels, percent
from demos.training import Data, train
from minigrad import Tensor
from minigrad.random import generator

lab = Lab(__file__)
KINDS = ["LSTM", "GRU"]
RATES = lab.pick(quick=[0.03], full=[0.01], ledger=[0.003, 0.01, 0.03])


# %% [markdown]
# ## The network
# Ten units, and one score at each step.


# %%
class Reader(nn.Module):
    """A recurrent layer and a score at each step: (T,B,I) -> (T,B)."""

    def __init__(self, kind: str, I: int, H: int):
        super().__init__()
        self.rnn = {"LSTM": nn.LSTM, "GRU": nn.GRU}[kind](I, H)
        self.fc = nn.Linear(H, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.rnn(x)[0]).squeeze(-1)


# %% [markdown]
# ## Counting
# At each b the network is asked whether the string ends there. It learns from n = 1 ... 30; rates
# are chosen by the loss on n = 31 ... 40, and n = 41 ... 70 are reported besides those learned.

# %%
LONGEST, CHOSEN_BY, BEYOND = 30, range(31, 41), range(41, 71)


def strings(lengths: np.ndarray | range) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """x (T,B,2), a string aⁿbⁿ for each n; whether it ends at a step (T,B), and that step's weight.

    Only b's are asked. The end, which is rare, weighs as much as all other b's of its string.
    """
    T, B = 2 * max(lengths), len(lengths)
    x = np.zeros((T, B, 2), dtype=np.float32)
    ends, weights = (np.zeros((T, B), dtype=np.float32) for _ in range(2))
    for row, n in enumerate(lengths):
        x[:n, row, 0] = x[n : 2 * n, row, 1] = 1
        ends[2 * n - 1, row] = 1
        weights[n : 2 * n, row] = 1
        weights[2 * n - 1, row] = n
    return mg.tensor(x), (mg.tensor(ends), mg.tensor(weights / weights.sum()))


def weighted_loss(scores: Tensor, answers: tuple[Tensor, Tensor]) -> Tensor:
    ends, weights = answers
    losses = nn.functional.binary_cross_entropy_with_logits(scores, ends, reduction="none")
    return (weights * losses).sum()


def is_right(model: Reader, n: int) -> bool:
    """Whether the model names the last b as the end, and no other."""
    with mg.no_grad():
        says = model(strings([n])[0])[n:, 0].numpy() > 0
    return bool(says[-1]) and not says[:-1].any()


def count(kind: str, lr: float, seed: int, steps: int, B: int, H: int) -> dict[str, object]:
    """For n = 1 ... 70 whether aⁿbⁿ is right, and the loss on the n that rates are chosen by."""
    mg.manual_seed(seed)
    model = Reader(kind, 2, H)
    random = np.random.default_rng(1000 + seed)  # both kinds see the same strings
    batches = (strings(random.integers(1, LONGEST + 1, B)) for _ in range(steps))
    train(model, batches, lr, clip=1.0, criterion=weighted_loss)
    x, answers = strings(CHOSEN_BY)
    with mg.no_grad():
        loss = weighted_loss(model(x), answers).item()
    right = np.array([is_right(model, n) for n in range(1, BEYOND[-1] + 1)])
    return {
        "right": right.astype(int),
        "trained": right[:LONGEST].mean(),
        "beyond": right[BEYOND[0] - 1 :].mean(),
        "chosen by": loss,
    }


STEPS = lab.pick(quick=150, full=1500)
counted = lab.run(count, kind=KINDS, lr=RATES, seed=lab.seeds(), steps=STEPS, B=32, H=10)
counters = {kind: counted.where(kind=kind).best("chosen by", lowest=True) for kind in KINDS}
for name, part in [("count-trained", "trained"), ("count-beyond", "beyond")]:
    lab.claim(name, *(counters[kind][part] for kind in KINDS))


# %% [markdown]
# ## Parity
# Bits come in, and at each step the network says whether there were an odd number of ones so far.
# It learns from 20 bits; reported are right answers at the last step of 40, chosen by those of 30.


# %%
def parity(B: int, T: int) -> Data:
    """x (T,B,1), random bits; answers (T,B), the parity of the bits so far."""
    bits = generator().integers(0, 2, (T, B)).astype(np.float32)
    return mg.tensor(bits[..., None]), mg.tensor(bits.cumsum(axis=0) % 2)


def right_at_last(model: Reader, data: Data) -> float:
    x, answers = data
    with mg.no_grad():
        return float(((model(x)[-1] > 0).float() == answers[-1]).float().mean().item())


def odd_or_even(kind: str, lr: float, seed: int, steps: int, B: int, H: int) -> dict[str, float]:
    """Right answers at the last step of 40 bits, and of 30."""
    mg.manual_seed(seed)
    model = Reader(kind, 1, H)
    mg.manual_seed(1000 + seed)  # both kinds see the same bits
    chosen_by, others = parity(500, 30), parity(500, 40)

    def batches() -> Iterator[Data]:
        for _ in range(steps):
            yield parity(B, 20)

    loss = nn.functional.binary_cross_entropy_with_logits
    train(model, batches(), lr, clip=1.0, criterion=loss)
    return {"right": right_at_last(model, others), "chosen by": right_at_last(model, chosen_by)}


PARITY_STEPS = lab.pick(quick=100, full=400)
told = lab.run(odd_or_even, kind=KINDS, lr=RATES, seed=lab.seeds(), steps=PARITY_STEPS, B=32, H=10)
odd = {kind: told.where(kind=kind).best("chosen by") for kind in KINDS}
lab.claim("parity-alike", odd["GRU"]["right"], odd["LSTM"]["right"])


# %% shown
lab.table(
    "Right: strings aⁿbⁿ of the lengths learned and of others, and the parity of 40 bits",
    ["", "n = 1 ... 30", f"n = {BEYOND[0]} ... {BEYOND[-1]}", "parity"],
    [
        [
            kind,
            ranged(counters[kind]["trained"]),
            ranged(counters[kind]["beyond"]),
            ranged(odd[kind]["right"]),
        ]
        for kind in KINDS
    ],
)

# %% shown
figure, ax = panels(figsize=(6.8, 3.6))
lengths = np.arange(1, BEYOND[-1] + 1)
tops = []
for kind in KINDS:
    right = counters[kind]["right"]  # (seeds,n)
    smooth = np.array([np.convolve(row, np.ones(5) / 5, mode="same") for row in right])
    smooth[:, [0, 1, -2, -1]] = right[:, [0, 1, -2, -1]]
    tops.append((float(band(ax, lengths, smooth, COLOURS[kind])[-1]), kind, COLOURS[kind]))
ax.axvspan(0.5, LONGEST + 0.5, color="#f0f0f0", zorder=0, linewidth=0)
percent(ax)
top = ax.get_ylim()[1]
ax.text((1 + LONGEST) / 2, top, "learned from", color=SOFT, ha="center", va="bottom", fontsize=9.5)
ax.set(xlabel="n", ylabel="aⁿbⁿ right, of five neighbouring n", xlim=(0.5, BEYOND[-1]))
label_ends(ax, tops)
lab.show(
    figure,
    "lengths",
    "How often the end of aⁿbⁿ is recognised, at this b and at no other: for n of the training "
    f"(grey) and beyond ({lab.runs_in_words()}).",
)

# %%
lab.done()
