"""2. The LSTM cell

Six equations, and one step through them. The cell is written just as the equations are and compared
with nn.LSTMCell on the same weights; then its derivative along the cell state is measured.
"""

# %%
import math

import numpy as np

import minigrad as mg
import nn
from demos.diagrams import Diagram
from demos.lab import Lab
from demos.style import AMBER, COLOURS, INK
from minigrad import Tensor

lab = Lab(__file__)

# %% [markdown]
# ## The equations, as a program
# Each gate reads the previous hidden state and the current input, concatenated: [h, x]. The weights
# are drawn from Glorot's normal distribution. The biases start at 0, except that the forget gate's
# starts at 1, so that the gate starts open.


# %%
class Cell(nn.Module):
    """f, i, o = σ(W [h, x] + b),  g = tanh(W_g [h, x] + b_g),  c' = f c + i g,  h' = o tanh c'."""

    def __init__(self, I: int, H: int):
        super().__init__()
        self.W_f, self.W_i, self.W_g, self.W_o = (
            nn.Parameter(nn.init.xavier_normal_(mg.zeros(H, H + I))) for _ in "figo"
        )
        self.b_i, self.b_g, self.b_o = (nn.Parameter(mg.zeros(H)) for _ in "igo")
        self.b_f = nn.Parameter(mg.ones(H))

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        hx = mg.cat([h, x], dim=-1)  # (B,H) and (B,I) -> (B,H+I)
        f = mg.sigmoid(hx @ self.W_f.T + self.b_f)  # what to keep of the cell state
        i = mg.sigmoid(hx @ self.W_i.T + self.b_i)  # what to write
        g = mg.tanh(hx @ self.W_g.T + self.b_g)  # what could be written
        c = f * c + i * g
        o = mg.sigmoid(hx @ self.W_o.T + self.b_o)  # what to show
        h = o * mg.tanh(c)
        return h, c, {"forget": f, "input": i, "candidate": g, "output": o}


# %% [markdown]
# ## One step
# Ten numbers in, twenty units, one sequence. The states start at zero.

# %%
I, H = 10, 20
mg.manual_seed(0)
h, c, gates = Cell(I, H)(mg.randn(1, I), mg.zeros(1, H), mg.zeros(1, H))
lab.table(
    "Shapes in one step, for a batch of one",
    ["", "shape"],
    [["input x", (1, I)], ["hidden state h", tuple(h.shape)], ["cell state c", tuple(c.shape)]]
    + [
        [f"{name}{' gate' * (name != 'candidate')}", tuple(gate.shape)]
        for name, gate in gates.items()
    ],
)


def one_step(seed: int, I: int, H: int) -> dict[str, float]:
    """Mean value of each gate after one step from zero states on normal input."""
    mg.manual_seed(seed)
    cell = Cell(I, H)
    with mg.no_grad():
        _, _, gates = cell(mg.randn(1, I), mg.zeros(1, H), mg.zeros(1, H))
    return {name: gate.mean().item() for name, gate in gates.items()}


steps = lab.run(one_step, seed=lab.seeds(at_least=20), I=I, H=H)
lab.table(
    (
        f"Mean value of a gate over its units ({len(steps.rows)} cells, each with its own "
        "weights and input)"
    ),
    ["gate", "median", "lowest", "highest"],
    [
        [name, *(f"{q:.3f}" for q in np.quantile(steps[name], [0.5, 0, 1]))]
        for name in ("forget", "input", "output")
    ],
)
half_life = math.log(2) / -np.log(steps["forget"])  # steps until f^n = 1/2
lab.claim("bias-1-remembers", half_life, 10.0)
lab.claim("bias-1-doubles", half_life, 1.0)

# %% [markdown]
# ## The same numbers as nn.LSTMCell
# The layer stacks the four gates in the order i, f, g, o and keeps the columns of x and of h in two
# matrices.


# %%
def against_the_layer(seed: int, I: int, H: int) -> dict[str, float]:
    """Largest difference of h' and c' between `Cell` and nn.LSTMCell with the same weights, states
    and input."""
    mg.manual_seed(seed)
    cell, layer = Cell(I, H), nn.LSTMCell(I, H)
    weights, biases = (
        [cell.W_i, cell.W_f, cell.W_g, cell.W_o],
        [cell.b_i, cell.b_f, cell.b_g, cell.b_o],
    )
    x, h, c = mg.randn(5, I), mg.randn(5, H), mg.randn(5, H)
    with mg.no_grad():
        layer.weight_hh.copy_(mg.cat([W[:, :H] for W in weights]))
        layer.weight_ih.copy_(mg.cat([W[:, H:] for W in weights]))
        layer.bias_ih.copy_(mg.cat(biases))
        layer.bias_hh.zero_()
        pairs = zip(cell(x, h, c), layer(x, (h, c)))
        return {"difference": max((ours - theirs).abs().max().item() for ours, theirs in pairs)}


twins = lab.run(against_the_layer, seed=lab.seeds(at_least=5), I=I, H=H)["difference"]
assert twins.max() < 1e-5, f"the cell and nn.LSTMCell differ by {twins.max():.1e}"
lab.say(
    f"Cell and nn.LSTMCell, given the same weights, differ by at most {twins.max():.0e}: "
    "rounding in float32."
)

# %% [markdown]
# ## Along the cell state
# c' = f c + i g is a sum, so the derivative of c' with respect to c, with h and x fixed, should be
# f itself and nothing else.


# %%
def along_the_cell_state(seed: int, I: int, H: int) -> dict[str, float]:
    """Largest difference between ∂c'/∂c, from backward, and the forget gate."""
    mg.manual_seed(seed)
    c = mg.randn(1, H).requires_grad_()
    _, after, gates = Cell(I, H)(mg.randn(1, I), mg.randn(1, H), c)
    (slope,) = mg.grad(after.sum(), [c])  # ∂c'/∂c is diagonal, so this is its diagonal
    return {"difference": (slope - gates["forget"]).abs().max().item()}


slopes = lab.run(along_the_cell_state, seed=lab.seeds(at_least=20), I=I, H=H)["difference"]
lab.fact("cell-derivative", slopes)

# %% [markdown]
# ## The diagram
# Boxes have weights, circles act element by element. The cell state runs along the top, the input
# of every gate along the bottom.

# %% shown
drawing = Diagram(12, 9.6)
F, I_, G, O = (COLOURS[name] for name in ("forget", "input", "candidate", "output"))
drawing.body(1.15, 3.35, 10.85, 9.0)
drawing.wire((0.1, 8.2), (11.9, 8.2), width=3)  # the cell state
drawing.text(0.1, 8.62, "$c$", align="left", size=13)
drawing.text(11.9, 8.62, "$c'$", align="right", size=13)
drawing.note(3.55, 8.55, "cell state")

drawing.wire((0.1, 4.0), (7.9, 4.0), arrow=False)  # h and x, side by side
drawing.wire((1.7, 2.75), (1.7, 4.0), colour=AMBER, arrow=False)
drawing.dot(1.7, 4.0)
drawing.text(0.1, 4.42, "$h$", align="left", size=13)
drawing.text(1.7, 2.45, "$x$", colour=AMBER, size=13)
drawing.note(5.05, 3.66, "[h, x]")
for x in (2.5, 4.3, 6.1):
    drawing.dot(x, 4.0)
for x in (2.5, 4.3, 6.1, 7.9):
    drawing.wire((x, 4.0), (x, 4.79))

drawing.wire((2.5, 5.5), (2.5, 7.9), colour=F)
drawing.wire((4.3, 5.5), (4.3, 6.8), (4.9, 6.8), colour=I_)
drawing.wire((6.1, 5.5), (6.1, 6.8), (5.5, 6.8), colour=G)
drawing.wire((5.2, 7.1), (5.2, 7.9))
drawing.wire((7.9, 5.5), (7.9, 5.9), (8.9, 5.9), colour=O)
drawing.wire((9.2, 8.2), (9.2, 7.3))
drawing.wire((9.2, 6.7), (9.2, 6.2))
drawing.wire((9.2, 5.6), (9.2, 4.0), (11.9, 4.0))
drawing.dot(9.2, 8.2)
drawing.text(11.9, 4.42, "$h'$", align="right", size=13)

for x, kind, letter, colour in [
    (2.5, "σ", "f", F),
    (4.3, "σ", "i", I_),
    (6.1, "tanh", "g", G),
    (7.9, "σ", "o", O),
]:
    drawing.gate(x, 5.15, kind, colour)
    drawing.text(x + 0.22, 5.95 if letter != "o" else 6.2, f"${letter}$", colour=colour, size=13)
drawing.act(2.5, 8.2, "×")
drawing.act(5.2, 8.2, "+")
drawing.act(5.2, 6.8, "×")
drawing.act(9.2, 5.9, "×")
drawing.act(9.2, 7.0, "tanh", radius=0.36)

equations = [
    (0.3, 1.7, "$f = σ(W_f\\,[h, x] + b_f)$   forget", F),
    (0.3, 1.05, "$i = σ(W_i\\,[h, x] + b_i)$   input", I_),
    (0.3, 0.4, "$o = σ(W_o\\,[h, x] + b_o)$   output", O),
    (6.3, 1.7, "$g = \\tanh(W_g\\,[h, x] + b_g)$   candidate", G),
    (6.3, 1.05, "$c' = f \\odot c + i \\odot g$", INK),
    (6.3, 0.4, "$h' = o \\odot \\tanh c'$", INK),
]
for x, y, equation, colour in equations:
    drawing.text(x, y, equation, colour=colour, align="left", size=10.5)
lab.show(
    drawing.ax.figure,
    "lstm_cell",
    """One step of an LSTM. The cell state c passes through the cell and meets only two operations:
    it is scaled by the forget gate, and something is added to it. The hidden state h is what the
    output gate lets through.""",
)

# %%
lab.done()
