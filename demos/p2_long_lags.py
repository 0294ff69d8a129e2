"""Papers 2. Long lags: adding, and temporal order

Two tasks from the paper that introduced the LSTM (Hochreiter & Schmidhuber 1997, experiments 4 and
6), scaled down. *Adding*: two of 50 random numbers are marked, and the answer at the end is their
sum. *Order*: two of 60 symbols matter, each an X or a Y, and the answer is which they were, in
which order. What later papers say about forget gates, their bias and chrono initialisation is tried
on both.
"""

# %%
import numpy as np

import minigrad as mg
import nn
from demos.lab import Lab, Runs, ranged
from demos.models import hold_open, size, start_gates
from demos.style import BIASES, COLOURS, grid_of_numbers, panels
from demos.training import Data, accuracy, train
from minigrad import Tensor
from minigrad.random import generator

lab = Lab(__file__)
RATES = lab.pick(quick=[0.01], full=[0.01], ledger=[0.003, 0.01, 0.03])


# %% [markdown]
# ## The tasks


# %%
def adding(B: int, T: int) -> Data:
    """x (T,B,2): numbers from U(0, 1), and a mark at one of each half; answers (B,), the sum of the
    marked."""
    random = generator()
    x = np.zeros((T, B, 2), dtype=np.float32)
    x[..., 0] = random.random((T, B))
    row = np.arange(B)
    first, second = random.integers(0, T // 2, B), random.integers(T // 2, T, B)
    x[first, row, 1] = x[second, row, 1] = 1
    return mg.tensor(x), mg.tensor(x[first, row, 0] + x[second, row, 0])


def order(B: int, T: int) -> Data:
    """x (T,B,7), one-hot: noise of four symbols, X or Y after a tenth to a fifth of the steps and
    again after a half to six tenths, at last an end mark; answers (B,), 0 to 3 for XX, XY, YX, YY.
    """
    random = generator()
    symbols, row = random.integers(0, 4, (T, B)), np.arange(B)
    first, second = random.integers(0, 2, (2, B))
    symbols[random.integers(T // 10, T // 5 + 1, B), row] = 4 + first
    symbols[random.integers(T // 2, T // 2 + T // 10 + 1, B), row] = 4 + second
    symbols[-1] = 6
    return mg.tensor(np.eye(7, dtype=np.float32)[symbols]), mg.tensor(2 * first + second)


# %% [markdown]
# ## The networks
# All of about the same size. The LSTM of 1997 had no forget gate: here it is held open.

# %%
KINDS = {"RNN": (nn.RNN, 64), "GRU": (nn.GRU, 37), "LSTM": (nn.LSTM, 32)}
MODELS = ["RNN", "GRU", "LSTM, no forget gate", "LSTM", "LSTM, b = 1", "LSTM, chrono"]


class AtTheEnd(nn.Module):
    """A recurrent layer, and C numbers read from its last state: (T,B,I) -> (B,C), or (B,)."""

    def __init__(self, model: str, I: int, C: int, T: int):
        super().__init__()
        kind, _, start = model.partition(", ")
        layer, H = KINDS[kind]
        self.rnn = layer(I, H)
        self.fc = nn.Linear(H, C)
        if start == "no forget gate":
            hold_open(self.rnn, "f")
        else:
            start_gates(self.rnn, start, T)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(self.rnn(x)[0][-1])
        return y.squeeze(-1) if y.shape[-1] == 1 else y


def near(model: nn.Module, x: Tensor, answers: Tensor) -> float:
    """The share of sums that are right to within 0.1."""
    with mg.no_grad():
        return float(((model(x) - answers).abs() < 0.1).float().mean().item())


# %%
TASKS = {"adding": (2, 1), "order": (7, 4)}  # I and C


def learn(
    task: str, model: str, lr: float, seed: int, T: int, steps: int, B: int, device: str
) -> dict[str, float]:
    """Right answers on other sequences, and on those by which a rate is chosen."""
    I, C = TASKS[task]
    draw, right = (adding, near) if task == "adding" else (order, accuracy)
    mg.manual_seed(seed)
    network = AtTheEnd(model, I, C, T).to(device)
    mg.manual_seed(1000 + seed)  # all networks see the same sequences

    def drawn(count: int) -> Data:
        x, answers = draw(count, T)
        return x.to(device), answers.to(device)

    chosen_by, others = drawn(500), drawn(1000)
    criterion = nn.MSELoss() if task == "adding" else None
    train(network, (drawn(B) for _ in range(steps)), lr, clip=1.0, criterion=criterion)
    return {
        "right": right(network, *others),
        "chosen by": right(network, *chosen_by),
        "size": size(network),
    }


SETTINGS = {
    "adding": {"T": lab.pick(quick=10, full=50), "steps": lab.pick(quick=60, full=600)},
    "order": {"T": lab.pick(quick=20, full=60), "steps": lab.pick(quick=60, full=400)},
}
runs = Runs(
    row
    for task, setting in SETTINGS.items()
    for row in lab.run(
        learn,
        task=task,
        model=MODELS,
        lr=RATES,
        seed=lab.seeds(),
        **setting,
        B=32,
        device=lab.device,
    )
)
right = {
    task: {model: runs.where(task=task, model=model).best("chosen by")["right"] for model in MODELS}
    for task in TASKS
}
for task, of in right.items():
    lab.claim(f"{task}-lstm", of["LSTM, no forget gate"], of["RNN"])
    lab.claim(f"{task}-chrono-rnn", of["LSTM, chrono"], of["RNN"])
    lab.claim(f"{task}-bias-1", of["LSTM, b = 1"], of["LSTM"])
    lab.claim(f"{task}-chrono", of["LSTM, chrono"], of["LSTM, b = 1"])
lab.claim("order-gru", right["order"]["LSTM, b = 1"], right["order"]["GRU"])
lab.claim("order-gru-chrono", right["order"]["LSTM, chrono"], right["order"]["GRU"])
both = {
    model: np.mean([right[task][model] for task in TASKS], axis=0)
    for model in ("LSTM, b = 1", "GRU")
}
lab.claim("bias-closes-gap", both["LSTM, b = 1"], both["GRU"])

# %% shown
T = {task: SETTINGS[task]["T"] for task in TASKS}
lab.table(
    f"Right answers: sums to within 0.1, {T['adding']} steps, and orders, {T['order']} steps",
    ["", "parameters", *TASKS],
    [
        [
            model,
            int(runs.where(task="adding", model=model)["size"][0]),
            *(ranged(right[task][model]) for task in TASKS),
        ]
        for model in MODELS
    ],
)

# %% shown
figure, ax = panels(figsize=(6.8, 4.0))
values = [[np.median(right[task][model]) for task in TASKS] for model in MODELS]
text = [[ranged(right[task][model]).replace(" (", "\n(") for task in TASKS] for model in MODELS]
grid_of_numbers(ax, values, text, MODELS, [f"{task}, {T[task]} steps" for task in TASKS])
shades = {**COLOURS, **{f"LSTM, {start}": colour for start, colour in BIASES.items()}}
for label in ax.get_yticklabels():
    label.set_color(shades.get(label.get_text(), COLOURS["LSTM"]))
lab.show(
    figure,
    "right",
    f"Right answers on other sequences ({lab.runs_in_words()}). Guessing is right in a sixth "
    "of the sums and in a quarter of the orders.",
)

# %%
lab.done()
