"""Papers 4. Copying a sequence: convolutions, and gates that start open

Five symbols are shown, and after 30 blank steps the network must repeat them, one after the other
(copy memory: Hochreiter & Schmidhuber 1997; Arjovsky et al. 2016). Bai, Kolter and Koltun (2018)
say that a temporal convolution learns this where an LSTM or GRU of the same size does not; Tallec
and Ollivier (2018), that an LSTM does once its gates start with memories as long as the task.
"""

# %%
import math

import numpy as np

import minigrad as mg
import nn
from demos.lab import Lab, ranged
from demos.models import size, start_gates
from demos.style import AMBER, BIASES, COLOURS, SKY, SOFT, band, chance_line, label_ends, panels
from demos.training import IGNORED, Data, train
from minigrad import Tensor
from minigrad.random import generator

lab = Lab(__file__)
RATES = lab.pick(quick=[0.01], full=[0.01], ledger=[0.003, 0.01, 0.03])
SYMBOLS, KINDS = 5, 8  # to be remembered, of so many kinds
BLANK, MARK = KINDS, KINDS + 1


def copy_memory(B: int, blanks: int) -> Data:
    """ids (T,B): symbols, blanks, and a mark for each symbol to be named; answers (T,B), there."""
    T = blanks + 2 * SYMBOLS
    symbols = generator().integers(0, KINDS, (SYMBOLS, B))
    ids, answers = np.full((T, B), BLANK), np.full((T, B), IGNORED)
    ids[:SYMBOLS], ids[-SYMBOLS:] = symbols, MARK
    answers[-SYMBOLS:] = symbols
    return mg.tensor(ids), mg.tensor(answers)


# %% [markdown]
# ## A temporal convolution
# Step t of a block sees steps t, t - d and t - 2d of the block below, and nothing later. With d
# doubled from block to block, five blocks see 63 steps. Each adds to what it reads (He et al.
# 2016).


# %%
class Block(nn.Module):
    """y_t = x_t + V relu(W [x_{t-2d}, x_{t-d}, x_t] + b) + b, x = 0 before the start: (T,B,C)."""

    def __init__(self, C: int, d: int):
        super().__init__()
        self.d = d
        self.W = nn.Linear(3 * C, C)
        self.V = nn.Linear(C, C)

    def forward(self, x: Tensor) -> Tensor:
        T, d = len(x), self.d
        early = nn.functional.pad(x, (0, 0, 0, 0, 2 * d, 0))  # (T+2d,B,C)
        seen = mg.cat([early[:T], early[d : T + d], x], dim=-1)  # (T,B,3C)
        return x + self.V(mg.relu(self.W(seen)))


class Convolution(nn.Module):
    """Embedding -> blocks -> scores: ids (T,B) -> (T,B,KINDS)."""

    def __init__(self, C: int, T: int):
        super().__init__()
        blocks = math.ceil(math.log2((T - 1) / 2 + 1))  # 1 + 2 (2ⁿ - 1) steps are seen
        self.embedding = nn.Embedding(MARK + 1, C)
        self.blocks = nn.ModuleList(Block(C, 2**n) for n in range(blocks))
        self.fc = nn.Linear(C, KINDS)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x)
        return self.fc(x)


class Recurrent(nn.Module):
    """Embedding -> LSTM or GRU -> scores: ids (T,B) -> (T,B,KINDS)."""

    def __init__(self, model: str, H: int, T: int):
        super().__init__()
        kind, _, start = model.partition(", ")
        self.embedding = nn.Embedding(MARK + 1, 16)
        self.rnn = {"LSTM": nn.LSTM, "GRU": nn.GRU}[kind](16, H)
        self.fc = nn.Linear(H, KINDS)
        start_gates(self.rnn, start, T)

    def forward(self, ids: Tensor) -> Tensor:
        return self.fc(self.rnn(self.embedding(ids))[0])


SHADES = {
    "convolution": AMBER,
    "LSTM, b = 1": COLOURS["LSTM"],
    "LSTM, chrono": BIASES["chrono"],
    "GRU": COLOURS["GRU"],
    "GRU, chrono": SKY,
}
MODELS = list(SHADES)
UNITS = {"LSTM": 48, "GRU": 56}  # as many parameters as a convolution of 24 channels, or a few more


def make(model: str, T: int) -> nn.Module:
    if model == "convolution":
        return Convolution(24, T)
    return Recurrent(model, UNITS[model.partition(", ")[0]], T)


# %%
def recall(
    model: str, lr: float, seed: int, blanks: int, steps: int, B: int, device: str
) -> dict[str, object]:
    """Symbols repeated correctly in other sequences, and in those by which a rate is chosen; the
    loss (nat) along the way."""
    mg.manual_seed(seed)
    network = make(model, blanks + 2 * SYMBOLS).to(device)
    mg.manual_seed(1000 + seed)  # all see the same sequences

    def drawn(count: int) -> Data:
        ids, answers = copy_memory(count, blanks)
        return ids.to(device), answers.to(device)

    def right(data: Data) -> float:
        with mg.no_grad():
            best = network(data[0]).argmax(dim=-1)
        return float((best == data[1])[-SYMBOLS:].float().mean().item())

    chosen_by, others = drawn(500), drawn(500)
    losses, _ = train(network, (drawn(B) for _ in range(steps)), lr, clip=1.0)
    return {
        "right": right(others),
        "chosen by": right(chosen_by),
        "size": size(network),
        "loss": np.reshape(losses, (-1, 10)).mean(axis=1),
    }


BLANKS, STEPS = lab.pick(quick=(10, 60), full=(30, 500))
runs = lab.run(
    recall,
    model=MODELS,
    lr=RATES,
    seed=lab.seeds(),
    blanks=BLANKS,
    steps=STEPS,
    B=32,
    device=lab.device,
)
best = {model: runs.where(model=model).best("chosen by") for model in MODELS}
right = {model: of["right"] for model, of in best.items()}
lab.claim("convolution-lstm", right["convolution"], right["LSTM, b = 1"])
lab.claim("convolution-gru", right["convolution"], right["GRU"])
lab.claim("convolution-chrono", right["convolution"], right["LSTM, chrono"])
lab.claim("chrono-recall", right["LSTM, chrono"], right["LSTM, b = 1"])
lab.claim("chrono-recall-gru", right["GRU, chrono"], right["GRU"])

# %% shown
lab.table(
    f"Symbols repeated correctly after {BLANKS} blank steps",
    ["", "parameters", "right"],
    [[model, int(of["size"][0]), ranged(of["right"])] for model, of in best.items()],
)

# %% shown
figure, ax = panels(figsize=(6.8, 4.0))
at = 10 * (np.arange(STEPS // 10) + 0.5)
tops = [(math.log(KINDS), "guessing", SOFT)]
for model, colour in SHADES.items():
    tops.append((float(band(ax, at, best[model]["loss"], colour)[-1]), model, colour))
chance_line(ax, math.log(KINDS), "")
ax.set(
    xlabel="training step (32 fresh sequences each)",
    ylabel="loss (nat a symbol)",
    xlim=(0, STEPS),
    ylim=(0, 2.5),
)
label_ends(ax, tops)
lab.show(
    figure,
    "learning",
    f"Copying {SYMBOLS} symbols over {BLANKS} blank steps: the loss during the training "
    f"({lab.runs_in_words()}). Dashed: ln {KINDS}, guessing.",
)

# %%
lab.done()
