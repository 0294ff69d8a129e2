"""0. A graph that explains itself

What backward does, from z = x y + x to one step of an LSTM, to thirty steps, and to the same thirty
steps as one fused op. Each graph is saved as a page in graphs/, next to the report. Open it in a
browser: → steps back through the graph one rule at a time, ? lists the other keys.
"""

# %%
import numpy as np

import minigrad as mg
import nn
from demos.diagrams import Diagram
from demos.lab import Lab
from demos.style import AMBER, BLUE, INK, ORANGE, panels

lab = Lab(__file__)
pages = lab.out / "graphs"
pages.mkdir(parents=True, exist_ok=True)


def show_page(picture: mg.explain, name: str, look: str) -> None:
    """Save the page of a graph; say where it is and what to look at."""
    picture.save(pages / f"{name}.html")
    lab.say(look, page=f"graphs/{name}.html")


# %% [markdown]
# ## Two paths from x to z
# x is used twice: in the product and in the sum. Its gradient is the sum of what comes back along
# both paths.

# %%
x = mg.tensor(2.0, requires_grad=True)
y = mg.tensor(3.0, requires_grad=True)
z = x * y + x
picture = mg.explain(z)
print(f"\n{picture}")
show_page(
    picture,
    "1_two_ways",
    """press → twice. The first rule, add, passes its gradient 1 on to both arguments, so x has 1.
    The second, mul, sends y = 3 to x and x = 2 to y. Now x has 1 + 3 = 4, which is
    dz/dx = y + 1.""",
)

# %% [markdown]
# ## The same as a drawing
# Programs can use the data of the page, too: `nodes`, in the order in which they were computed, and
# `values`.

# %%
drawing = Diagram(11.4, 5.2)
place = {"x": (1.2, 3.9), "y": (1.2, 1.3), "mul": (5.4, 1.9), "add": (9.4, 3.3)}
EDGE = 0.575  # of a box, from its middle
ops = {told["outs"][0]: told["op"] for told in picture.nodes}
called = [ops.get(number, told["name"]) for number, told in enumerate(picture.values)]
for told in picture.nodes:
    for number, back in zip(told["args"], told["vjps"], strict=True):
        start, end = place[called[number]], place[told["op"]]
        drawing.wire((start[0] + EDGE, start[1]), (end[0] - EDGE, end[1]))
        drawing.text(
            (start[0] + end[0]) / 2,
            (start[1] + end[1]) / 2 + 0.32,
            f"← {back[0]['min']}",
            ORANGE,
            weight="bold",
        )
for name, told in zip(called, picture.values, strict=True):
    drawing.gate(*place[name], name, BLUE if name in ops.values() else AMBER)
    drawing.text(place[name][0], place[name][1] - 0.68, f"{told['value']['min']}", INK)
    drawing.text(
        place[name][0], place[name][1] + 0.68, f"∂ {told['gradient']['min']}", ORANGE, weight="bold"
    )
drawing.wire((place["add"][0] + EDGE, place["add"][1]), (11.0, place["add"][1]))
drawing.text(10.6, place["add"][1] + 0.32, "z")
lab.show(
    drawing.ax.figure,
    "two_ways",
    """z = x y + x at x = 2, y = 3. Below each box is its value; above each arrow, in orange, the
    gradient that goes back along it; above each box, ∂, the sum of the gradients that arrive.""",
)

# %% [markdown]
# ## One step of an LSTM
# Section 2 has the equations. nn.LSTMCell multiplies by one matrix for all gates and cuts the
# product into four.

# %%
I, H = 3, 4
mg.manual_seed(0)
cell = nn.LSTMCell(I, H)
inputs = mg.randn(30, 2, I)  # (T,B,I)


def last_state(steps: int) -> tuple[mg.Tensor, mg.Tensor]:
    h = c = mg.zeros(2, H)
    for x_t in inputs[:steps].unbind():
        h, c = cell(x_t, (h, c))
    return h, c


with mg.explain.trace():  # so that each node knows its line and its module
    h, c = last_state(steps=1)
    loss = (h * h).sum()
picture = mg.explain(loss)
print(f"\n{picture}")
show_page(
    picture,
    "2_one_lstm_step",
    """the four gates are computed as one sum of two products and split into four blocks: three go
    through σ, one through tanh. Choose the box c: its gradient comes from one tanh. Choose the
    product of the forget gate, the mul whose values are 0: the old state is 0 here, so no gradient
    reaches that gate, split[1].""",
)

# %% [markdown]
# ## Thirty steps
# Steps that do the same are folded into one group. Open it, and one of its steps, with Enter.

# %%
with mg.explain.trace():
    h, c = last_state(steps=30)
    loss = (h * h).sum()
picture = mg.explain(loss)
print(f"\n{picture}")
show_page(
    picture,
    "3_thirty_steps",
    """open the group 30 × 13 ops, then step 30 and step 1, and compare the numbers at ∂: the
    gradient of the same op, twenty-nine steps apart.""",
)

# %%
steps = picture.tree[0]["items"][0]["items"]  # of LSTMCell, of 30 × 13 ops, each of the thirty
spread = {"cell state": [], "hidden state": []}
for step in steps:
    nodes = [picture.nodes[number] for number in step["items"]]
    for name, op in ("cell state", "add"), ("hidden state", "mul"):
        last = [node for node in nodes if node["op"] == op][-1]
        spread[name].append(float(picture.values[last["outs"][0]]["gradient"]["std"]))
fig, ax = panels()
for (name, sizes), colour in zip(spread.items(), (BLUE, ORANGE), strict=True):
    ax.plot(np.arange(1, 31), sizes, color=colour, marker="o", markersize=4, label=name)
ax.set(
    yscale="log",
    xlabel="step",
    ylabel="standard deviation of the gradient",
    title="The gradient at each step",
)
ax.legend()
lab.show(
    fig,
    "through_time",
    """The gradient of the loss with respect to the states at each step, as recorded in the graph.
    The loss reads the last step, on the right; going left, the gradient shrinks from step to step,
    because a new LSTM's forget gates are only half open.""",
)

# %% [markdown]
# ## The same as one op
# nn.LSTM runs a whole sequence as one op, with forward and backward passes written by hand. On the
# page it opens into the steps that it must equal, run again on the same inputs.

# %%
layer = nn.LSTM(I, H)
layer.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
with mg.explain.trace():
    _, (h, _) = layer(inputs)
    fused_loss = (h * h).sum()
picture = mg.explain(fused_loss)
fused = next(told for told in picture.nodes if told["op"] == "lstm")
difference = abs(fused_loss.item() - loss.item())
assert difference < 1e-6 and float(fused["composed"]["max_difference"]) < 1e-6, (
    "the fused op is not what its steps are"
)
print(f"\n{picture}")
show_page(
    picture,
    "4_one_fused_op",
    f"""choose lstm and press Enter: {len(fused["composed"]["nodes"])} ops open. All values and
    gradients of the two agree to within {fused["composed"]["max_difference"]}.""",
)

# %%
lab.done()
