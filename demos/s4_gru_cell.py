"""4. The GRU cell

Two gates and one state. The cell is written as in the lesson (Cho et al. 2014) and compared with
nn.GRUCell. Its parameters are counted against the LSTM's, with one bias for each gate and with
PyTorch's two.
"""

# %%
import numpy as np

import minigrad as mg
import nn
from demos.diagrams import Diagram
from demos.lab import Lab
from demos.models import size
from demos.style import AMBER, COLOURS, INK
from minigrad import Tensor

lab = Lab(__file__)

# %% [markdown]
# ## The equations, as a program
# There are two conventions. In the lesson z is the share of the *new* state; in nn.GRUCell, as in
# PyTorch, it is the share of the *old* one, which is 1 - z here. And the lesson resets h before the
# matrix product, PyTorch after it.


# %%
class Cell(nn.Module):
    """r, z = σ(W [h, x] + b),  n = tanh(W_n [r h, x] + b_n),  h' = (1 - z) h + z n."""

    def __init__(self, I: int, H: int):
        super().__init__()
        self.W_r, self.W_z, self.W_n = (
            nn.Parameter(nn.init.xavier_normal_(mg.zeros(H, H + I))) for _ in "rzn"
        )
        self.b_r, self.b_z, self.b_n = (nn.Parameter(mg.zeros(H)) for _ in "rzn")

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        hx = mg.cat([h, x], dim=-1)  # (B,H) and (B,I) -> (B,H+I)
        r = mg.sigmoid(hx @ self.W_r.T + self.b_r)  # what of the past the candidate sees
        z = mg.sigmoid(hx @ self.W_z.T + self.b_z)  # how much is replaced
        n = mg.tanh(mg.cat([r * h, x], dim=-1) @ self.W_n.T + self.b_n)  # by what
        h = (1 - z) * h + z * n
        return h, {"reset": r, "update": z, "candidate": n}


# %% [markdown]
# ## One step

# %%
I, H = 10, 32


def one_step(seed: int, I: int, H: int) -> dict[str, float]:
    """Mean of each gate after one step from a zero state, and the largest difference to
    nn.GRUCell."""
    mg.manual_seed(seed)
    cell, layer = Cell(I, H), nn.GRUCell(I, H, reset_after=False)
    z = (-cell.W_z, -cell.b_z)  # 1 - σ(a) = σ(-a)
    weights = [(cell.W_r, cell.b_r), z, (cell.W_n, cell.b_n)]
    with mg.no_grad():
        layer.weight_hh.copy_(mg.cat([W[:, :H] for W, _ in weights]))
        layer.weight_ih.copy_(mg.cat([W[:, H:] for W, _ in weights]))
        layer.bias_ih.copy_(mg.cat([b for _, b in weights]))
        layer.bias_hh.zero_()
        x, h = mg.randn(5, I), mg.randn(5, H)
        difference = (cell(x, h)[0] - layer(x, h)).abs().max().item()
        _, gates = cell(mg.randn(1, I), mg.zeros(1, H))
    return {name: gate.mean().item() for name, gate in gates.items()} | {"difference": difference}


steps = lab.run(one_step, seed=lab.seeds(at_least=20), I=I, H=H)
assert steps["difference"].max() < 1e-5, (
    f"the cell and nn.GRUCell differ by {steps['difference'].max():.1e}"
)
lab.table(
    (
        f"Mean value of a gate over its units ({len(steps.rows)} cells, each with its own "
        "weights and input)"
    ),
    ["gate", "median", "lowest", "highest"],
    [
        [name, *(f"{q:.3f}" for q in np.quantile(steps[name], [0.5, 0, 1]))]
        for name in ("reset", "update")
    ],
)
lab.say(f"""Cell and nn.GRUCell(reset_after=False), given the same weights (those of z negated),
    differ by at most {steps["difference"].max():.0e}: rounding in float32.""")

# %% [markdown]
# ## Copy or replace
# With a strongly negative bias z is near 0 and the state should pass unchanged; with a positive one
# it should be new.


# %%
def held(seed: int, bias: float, T: int, I: int, H: int) -> dict[str, float]:
    """‖h_T - h_0‖ / ‖h_0‖ and ‖h_T - n_T‖ / ‖h_T‖ after T steps of random input with b_z =
    `bias`."""
    mg.manual_seed(seed)
    cell = Cell(I, H)
    first = h = mg.rand(1, H) * 2 - 1
    with mg.no_grad():
        cell.b_z.fill_(bias)
        for _ in range(T):
            h, gates = cell(mg.randn(1, I), h)
    return {
        "lost": ((h - first).norm() / first.norm()).item(),
        "old": ((h - gates["candidate"]).norm() / h.norm()).item(),
    }


held_runs = lab.run(
    held, seed=lab.seeds(at_least=20), bias=[-10.0, -3.0, 0.0, 10.0], T=50, I=I, H=H
)
lab.claim("gru-copies", held_runs.where(bias=-3.0)["lost"], 0.0)
lab.claim("gru-copies-10", held_runs.where(bias=-10.0)["lost"], 0.0)
lab.claim("gru-renews", held_runs.where(bias=10.0)["old"], 0.0)

# %% [markdown]
# ## Counting
# For I inputs and H units a gate has H (I + H) weights and H biases: an LSTM four times that, a GRU
# three times. PyTorch's layers keep two biases for a gate. The ratio is 3 to 4 either way.


# %%
def one_bias(blocks: int) -> int:
    return blocks * H * (I + H + 1)


assert one_bias(3) == size(Cell(I, H))
lstm, gru = size(nn.LSTM(I, H)), size(nn.GRU(I, H))
lab.table(
    f"Parameters for {I} inputs and {H} units",
    ["", "LSTM", "GRU", "GRU has fewer", "LSTM has more"],
    [
        [name, a, b, f"{1 - b / a:.1%}", f"{a / b - 1:.1%}"]
        for name, a, b in [
            ("one bias a gate", one_bias(4), one_bias(3)),
            ("two, as nn.LSTM and nn.GRU", lstm, gru),
        ]
    ],
)
assert one_bias(3) * 4 == one_bias(4) * 3
lab.fact("gru-quarter", 1 - gru / lstm)

# %% [markdown]
# ## The diagram

# %% shown
drawing = Diagram(12, 9.3)
R, Z, N = (COLOURS[name] for name in ("reset", "update", "candidate"))
drawing.body(1.15, 2.6, 10.85, 8.75)
drawing.wire((0.1, 7.9), (11.9, 7.9), width=3)  # the state
drawing.text(0.1, 8.32, "$h$", align="left", size=13)
drawing.text(11.9, 8.32, "$h'$", align="right", size=13)
drawing.note(10.1, 8.3, "state")

drawing.wire((1.75, 7.9), (1.75, 3.7), (5.75, 3.7), (5.75, 4.44))  # h, to both gates
drawing.wire((3.05, 3.7), (3.05, 4.44))
drawing.wire((3.65, 2.1), (3.65, 3.2), (8.65, 3.2), (8.65, 4.44), colour=AMBER)  # x, to all three
drawing.wire((3.65, 3.2), (3.65, 4.44), colour=AMBER, over=True)
drawing.wire((6.35, 3.2), (6.35, 4.44), colour=AMBER)
drawing.text(3.65, 1.8, "$x$", colour=AMBER, size=13)
drawing.dot(1.75, 7.9)
drawing.dot(3.05, 3.7)
drawing.dot(3.65, 3.2, AMBER)
drawing.dot(6.35, 3.2, AMBER)

drawing.wire((3.35, 5.16), (3.35, 6.1), colour=R)  # r
drawing.wire((1.75, 6.4), (3.05, 6.4))
drawing.dot(1.75, 6.4)
drawing.wire(
    (3.65, 6.4), (4.65, 6.4), (4.65, 3.95), (8.05, 3.95), (8.05, 4.44), over=True
)  # r h, to the candidate
drawing.wire((6.05, 5.16), (6.05, 6.52), colour=Z)  # z
drawing.wire((6.05, 7.24), (6.05, 7.6), colour=Z)
drawing.wire((6.05, 6.0), (8.05, 6.0), colour=Z)
drawing.dot(6.05, 6.0, Z)
drawing.wire((8.35, 5.16), (8.35, 5.7), colour=N)  # n
drawing.wire((8.35, 6.3), (8.35, 7.6))

for x, kind, letter, colour in [(3.35, "σ", "r", R), (6.05, "σ", "z", Z), (8.35, "tanh", "n", N)]:
    drawing.gate(x, 4.8, kind, colour)
    drawing.text(x + 0.3, 5.48, f"${letter}$", colour=colour, size=13)
drawing.act(3.35, 6.4, "×")
drawing.act(6.05, 6.88, "1 −", radius=0.36)
drawing.act(6.05, 7.9, "×")
drawing.act(8.35, 6.0, "×")
drawing.act(8.35, 7.9, "+")
drawing.text(4.75, 5.9, "$r \\odot h$", align="left", size=10.5)

equations = [
    (0.3, 1.05, "$r = σ(W_r\\,[h, x] + b_r)$   reset", R),
    (0.3, 0.4, "$z = σ(W_z\\,[h, x] + b_z)$   update", Z),
    (5.9, 1.05, "$n = \\tanh(W_n\\,[r \\odot h, x] + b_n)$   candidate", N),
    (5.9, 0.4, "$h' = (1 - z) \\odot h + z \\odot n$", INK),
]
for x, y, equation, colour in equations:
    drawing.text(x, y, equation, colour=colour, align="left", size=10.5)
lab.show(
    drawing.ax.figure,
    "gru_cell",
    """One step of a GRU. The state h passes through the cell. One gate, z, decides both how much of
    it stays and how much of the candidate n comes in; the reset gate r decides how much of h the
    candidate sees.""",
)

# %%
lab.done()
