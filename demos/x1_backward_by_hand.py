"""Exercise 1. LSTM backpropagation by hand

The backward pass of an LSTM cell and of a whole sequence in plain NumPy, each line under the
equation that it follows from. Three witnesses that know nothing of it must agree: minigrad's
autograd, the complex step, and central differences. Then the same kind of gradient is followed a
hundred steps back, for an RNN, a GRU and an LSTM.
"""

# %%
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

import minigrad as mg
import nn
from demos.lab import Lab, ranged
from demos.style import BIASES, BLUE, COLOURS, GREEN, ORANGE, band, label_ends, panels
from minigrad.cells import lstm_gates

lab = Lab(__file__)
Array = np.ndarray[Any, Any]
# input gate, forget gate, candidate, output gate: W_k (H,I), U_k (H,H), b_k (H,) for each k; an
# nn.LSTM stacks the W_k in weight_ih and the U_k in weight_hh
GATES = "ifgo"
STEPS = [10.0**power for power in range(-14, 0)]

# %% [markdown]
# ## One step
# A batch of B rows: x (B,I), h and c (B,H). L is any number that is computed from the results, dv
# is short for ∂L/∂v, and a product without a sign is taken element by element. Forward:
#
# - aₖ = Wₖ x + Uₖ h + bₖ for each k of i, f, g, o
# - i = σ(a_i), f = σ(a_f), g = tanh(a_g), o = σ(a_o)
# - c' = f c + i g
# - y = tanh(c'), h' = o y
#
# Backward goes through the same lines from the last to the first. It is given dh', and the part of
# dc' that comes from the next step. σ' = σ (1 - σ) and tanh' = 1 - tanh² need nothing but the
# values of the forward pass.


# %%
def sigmoid(a: Array) -> Array:
    return np.tanh(a / 2) / 2 + 0.5


def lstm_cell(
    x: Array, h: Array, c: Array, w: dict[str, Array], extra: Sequence[Array]
) -> tuple[Array, Array, Any]:
    """h', c', and the function that takes their gradients back. `extra`: what is added to each aₖ
    (B,H), for tests."""
    a_i, a_f, a_g, a_o = (
        x @ w[f"W_{k}"].T + h @ w[f"U_{k}"].T + w[f"b_{k}"] + e for k, e in zip(GATES, extra)
    )
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    c_new = f * c + i * g
    y = np.tanh(c_new)
    h_new = o * y

    def back(dh: Array, dc: Array) -> tuple[Array, Array, Array, dict[str, Array]]:
        """dx, dh and dc of the step before, and the gradients of the weights and of the aₖ."""
        # h' = o y:  do = dh' y,  dy = dh' o
        do = dh * y
        dy = dh * o
        # y = tanh(c'):  dc' += dy (1 - y²).  It adds: c' also reaches L through the next step
        dc = dc + dy * (1 - y * y)
        # c' = f c + i g:  df = dc' c,  di = dc' g,  dg = dc' i,  dc = dc' f
        df = dc * c
        di = dc * g
        dg = dc * i
        dc_before = dc * f
        # i = σ(a_i):  da_i = di i (1 - i);  f and o likewise;  g = tanh(a_g):  da_g = dg (1 - g²)
        da = {
            "i": di * i * (1 - i),
            "f": df * f * (1 - f),
            "g": dg * (1 - g * g),
            "o": do * o * (1 - o),
        }
        # aₖ = Wₖ x + Uₖ h + bₖ:  dx = Σₖ Wₖᵀ daₖ,  dh = Σₖ Uₖᵀ daₖ: all four gates read x and h
        dx = sum(da[k] @ w[f"W_{k}"] for k in GATES)
        dh_before = sum(da[k] @ w[f"U_{k}"] for k in GATES)
        # and summed over the rows of the batch:  dWₖ = daₖ xᵀ,  dUₖ = daₖ hᵀ,  dbₖ = daₖ
        dw = {f"a_{k}": da[k] for k in GATES}
        dw |= {f"W_{k}": da[k].T @ x for k in GATES}
        dw |= {f"U_{k}": da[k].T @ h for k in GATES}
        dw |= {f"b_{k}": da[k].sum(axis=0) for k in GATES}
        return dx, dh_before, dc_before, dw

    return h_new, c_new, back


# %% [markdown]
# ## A whole sequence
# The same weights serve at every step, so their gradients are sums over the steps. h_t reaches L in
# two ways, as an output and through step t + 1, and these add up: dh_t = (its own part) + (what
# step t + 1 sends back).


# %%
def lstm(values: dict[str, Array]) -> tuple[Array, Array, Callable[..., dict[str, Array]]]:
    """hs (T,B,H), the last c (B,H), and the function that takes their gradients back to all
    `values`:

    x (T,B,I), h0 and c0 (B,H), the weights, and a_k (T,B,H) for each gate k, what is added to its
    argument: zeros.
    """
    h, c = values["h0"], values["c0"]
    hs, backs = [], []
    for t, x in enumerate(values["x"]):
        h, c, back = lstm_cell(x, h, c, values, [values[f"a_{k}"][t] for k in GATES])
        hs.append(h)
        backs.append(back)

    def back_through_time(dhs: Array, dc: Array) -> dict[str, Array]:
        d = {name: np.zeros_like(value) for name, value in values.items()}
        dh = np.zeros_like(h)
        for t in reversed(range(len(hs))):
            d["x"][t], dh, dc, here = backs[t](dhs[t] + dh, dc)
            for name, gradient in here.items():
                d[name][t if name.startswith("a_") else ...] += gradient
        return d | {"h0": dh, "c0": dc}

    return np.array(hs), c, back_through_time


# %% [markdown]
# ## Three witnesses
# L = Σ u_t·h_t + v·c_T with random u and v, in float64. Never the plain sum: some wrong gradients
# have the right sum. Autograd gives every gradient whole. The complex step, Im L(θ + i s d) / s,
# and the central difference, (L(θ + s d) - L(θ - s d)) / 2s, give the gradient along a direction d;
# three random ones are tried for each θ.


# %%
def draw(
    T: int, B: int, I: int, H: int, random: np.random.Generator
) -> tuple[dict[str, Array], Array, Array]:
    """Values for `lstm`, and u (T,B,H), v (B,H)."""
    shapes = {"x": (T, B, I), "h0": (B, H), "c0": (B, H)}
    shapes |= {
        f"{name}_{k}": shape
        for name, shape in {"W": (H, I), "U": (H, H), "b": (H,)}.items()
        for k in GATES
    }
    values = {name: random.standard_normal(shape) for name, shape in shapes.items()}
    for k in GATES:
        values[f"U_{k}"] /= np.sqrt(H)
        values[f"a_{k}"] = np.zeros((T, B, H))
    return values, random.standard_normal((T, B, H)), random.standard_normal((B, H))


def autograd(values: dict[str, Array], u: Array, v: Array) -> dict[str, Array]:
    """The gradients of all values by minigrad: the forward pass on Tensors, and no word about the
    way back."""
    w = {name: mg.tensor(value).requires_grad_() for name, value in values.items()}
    h, c, hs = w["h0"], w["c0"], []
    for t, x in enumerate(w["x"].unbind(0)):
        i, f, g, o = (
            x @ w[f"W_{k}"].T + h @ w[f"U_{k}"].T + w[f"b_{k}"] + w[f"a_{k}"][t] for k in GATES
        )
        c = mg.sigmoid(f) * c + mg.sigmoid(i) * mg.tanh(g)
        h = mg.sigmoid(o) * mg.tanh(c)
        hs.append(h)
    found = mg.grad([mg.stack(hs), c], list(w.values()), [mg.tensor(u), mg.tensor(v)])
    return {name: gradient.numpy() for name, gradient in zip(w, found)}


def along(values: dict[str, Array], u: Array, v: Array, name: str, shift: Array) -> Any:
    """L where `shift` is added to one of the values."""
    hs, c, _ = lstm(values | {name: values[name] + shift})
    return (u * hs).sum() + (v * c).sum()


def complex_step(*point: Any, direction: Array, step: float = 1e-30) -> float:
    return float(along(*point, 1j * step * direction).imag / step)


def central_difference(*point: Any, direction: Array, step: float = 6e-6) -> float:
    return float((along(*point, step * direction) - along(*point, -step * direction)) / (2 * step))


def differences(T: int, seed: int, B: int, I: int, H: int) -> dict[str, dict[str, float]]:
    """For each witness and value: the difference from the gradient by hand, relative to the size of
    the gradient."""
    random = np.random.default_rng(seed)
    values, u, v = draw(T, B, I, H, random)
    by_hand, whole = lstm(values)[2](u, v), autograd(values, u, v)
    found: dict[str, dict[str, float]] = {
        "autograd": {},
        "complex step": {},
        "central difference": {},
    }
    for name, gradient in by_hand.items():
        length = np.linalg.norm(gradient)
        found["autograd"][name] = float(np.linalg.norm(whole[name] - gradient) / length)
        directions = random.standard_normal((3, *gradient.shape))
        for witness, derivative in [
            ("complex step", complex_step),
            ("central difference", central_difference),
        ]:
            gaps = [
                abs(derivative(values, u, v, name, direction=d) - (gradient * d).sum())
                for d in directions
            ]
            found[witness][name] = float(max(gaps) / length)  # gradient · d has its size
    return found


LENGTHS = [1, 2, 5, 50]
SIZES = {"B": 3, "I": 4, "H": 5}
WITNESSES = {"autograd": BLUE, "complex step": GREEN, "central difference": ORANGE}
draws = lab.seeds(at_least=3)
checked = lab.run(differences, T=LENGTHS, seed=draws, **SIZES)
NAMES = [*(f"{name}_{k}" for k in GATES for name in "aWUb"), "x", "h0", "c0"]
worst = {
    witness: {name: max(run[name] for run in checked[witness]) for name in NAMES}
    for witness in WITNESSES
}
lab.table(
    (
        f"Largest relative difference from the gradient by hand in {len(checked.rows)} draws, T "
        f"from 1 to {LENGTHS[-1]}"
    ),
    ["gradient of", *WITNESSES],
    [[name, *(f"{gaps[name]:.0e}" for gaps in worst.values())] for name in NAMES],
)

# %% [markdown]
# The central difference is the least exact witness, and it is not the gradient's fault: a small
# step loses digits to rounding, a large one sees the curvature. The complex step subtracts nothing,
# and may be as small as one likes.


# %%
def by_step(seed: int, T: int, B: int, I: int, H: int) -> dict[str, list[float]]:
    """The relative difference of the gradient of U_f, along a random direction, by the size of the
    step."""
    random = np.random.default_rng(seed)
    values, u, v = draw(T, B, I, H, random)
    gradient, direction = lstm(values)[2](u, v)["U_f"], random.standard_normal((H, H))
    slope, length = (gradient * direction).sum(), np.linalg.norm(gradient)
    witnesses = {"complex step": complex_step, "central difference": central_difference}
    return {
        name: [
            abs(witness(values, u, v, "U_f", direction=direction, step=step) - slope) / length
            for step in STEPS
        ]
        for name, witness in witnesses.items()
    }


steps = lab.run(by_step, seed=lab.seeds(at_least=5), T=5, **SIZES)

figure, (ax, right) = panels(1, 2, figsize=(6.8, 4.0), sharey=True)
for aside, height, (witness, colour) in zip((-0.2, 0, 0.2), (1e-3, 1e-4, 1e-5), WITNESSES.items()):
    ax.text(-0.4, height, witness, color=colour, fontsize=10)
    for place, T in enumerate(LENGTHS):
        gaps = [run[name] for run in checked.where(T=T)[witness] for name in NAMES]
        spread = place + aside + np.linspace(-0.07, 0.07, len(gaps))
        ax.plot(spread, np.maximum(gaps, 1e-17), ".", color=colour, markersize=3)
ax.set_yscale("log")
ax.set_xticks(range(len(LENGTHS)), LENGTHS)
ax.set(
    title="All gradients",
    xlabel="length T of the sequence",
    ylabel="relative difference",
    ylim=(5e-18, 1),
)
for witness in ("complex step", "central difference"):
    band(right, STEPS, np.maximum(steps[witness], 1e-17), WITNESSES[witness])
right.set_xscale("log")
right.set_xticks([1e-13, 1e-9, 1e-5, 1e-1])
right.set(title="Which step?", xlabel="step of the witness")
lab.show(
    figure,
    "differences",
    f"""Left: each dot is the gradient of one of the {len(NAMES)} values in one draw; float64 rounds
    at about 10⁻¹⁶, and equal numbers are drawn at 10⁻¹⁷. Right: the two numerical witnesses by
    their step, for U_f at T = 5 (median and range of {len(steps.rows)} draws).""",
)
worst_of = [checked.where(seed=seed) for seed in draws]
by_hand = {
    witness: [max(max(run.values()) for run in runs[witness]) for runs in worst_of]
    for witness in ("autograd", "complex step")
}
exact = np.maximum(by_hand["autograd"], by_hand["complex step"])
lab.fact("by-hand", exact)

# %% [markdown]
# ## A hundred steps back
# What is left of a gradient is the norm of a Jacobian: its largest singular value, the most by
# which any direction is stretched. The Jacobians are exact: H rows with the same input and state,
# and row k asks for the gradient of unit k of the last state. ∂h_T/∂h_t leaves c_t as it is;
# ∂c_T/∂c_t counts what c_t does through h_t, too. All cells are fresh and read normal input.

# %%
BACK = 30 if lab.quick else 100
STARTS = ["b = 0", "b = 1", "b = 3", "chrono"]  # of the forget gate


def jacobian_norms(model: str, seed: int, T: int, I: int, H: int) -> dict[str, list[float]]:
    """‖∂h_T/∂h_t‖ for t = T, T-1 ... 0; for an LSTM also ‖∂c_T/∂c_t‖, and the largest product of
    its forget gates."""
    mg.manual_seed(seed)
    kind, _, start = model.partition(", ")
    cell = {"RNN": nn.RNNCell, "GRU": nn.GRUCell, "LSTM": nn.LSTMCell}[kind](I, H).double()
    if start == "chrono":
        nn.init.chrono_(cell, T)
    elif start:
        nn.init.forget_bias_(cell, float(start.removeprefix("b = ")))
    h, c = (mg.zeros(H, H, dtype=mg.float64).requires_grad_() for _ in range(2))  # H equal rows
    hs, cs, forgets = [h], [c], [np.ones(H)]
    for x in mg.randn(T, 1, I, dtype=mg.float64):
        x = x.expand(H, I)
        if kind == "LSTM":
            forgets.append(lstm_gates(x, h, *cell.weights())[1][0].detach().numpy())
            h, c = cell(x, (h, c))
            cs.append(c)
        else:
            h = cell(x, h)
        hs.append(h)
    if kind != "LSTM":
        return {"h": norms(h, hs)}
    kept = np.cumprod([forgets[0], *forgets[:0:-1]], axis=0)  # (T+1,H), f_T ... f_{t+1}
    return {"h": norms(h, hs), "c": norms(c, cs), "gates": kept.max(axis=1).tolist()}


def norms(last: mg.Tensor, states: list[mg.Tensor]) -> list[float]:
    """The largest singular value of ∂last/∂state, from the last state to the first."""
    jacobians = mg.grad(last, states[::-1], mg.eye(len(last), dtype=mg.float64), retain_graph=True)
    return [float(np.linalg.norm(J.numpy(), 2)) for J in jacobians]


in_words = partial(ranged, unit="{:.2g}")
LSTMS = {f"LSTM, {start}": BIASES[start] for start in STARTS}
MODELS = {"RNN": COLOURS["RNN"], "GRU": COLOURS["GRU"], **LSTMS}
cells = lab.seeds(at_least=5)
found = lab.run(jacobian_norms, model=list(MODELS), seed=cells, T=BACK, I=16, H=32)
flow = {model: found.where(model=model) for model in MODELS}
lab.table(
    f"Norms of Jacobians over {BACK} steps ({len(cells)} cells each, median and range)",
    ["", "∂h_T/∂h_0", "∂c_T/∂c_0", "largest product of forget gates"],
    [
        [
            model,
            *(
                in_words(flow[model][what][:, -1])
                for what in ("h", "c", "gates")[: 3 if model in LSTMS else 1]
            ),
            *[""] * (0 if model in LSTMS else 2),
        ]
        for model in MODELS
    ],
)

figure, axes = panels(1, 2, figsize=(6.8, 4.2), sharey=True)
for ax, what, models in zip(axes, "hc", (MODELS, LSTMS)):
    ends = []
    for model, colour in models.items():
        ends.append(
            (float(band(ax, range(BACK + 1), flow[model][what], colour)[-1]), model, colour)
        )
        if what == "c":
            ax.plot(
                np.median(flow[model]["gates"], axis=0), color=colour, linestyle=":", linewidth=1.4
            )
    ax.set_yscale("log")
    ax.set(title=f"∂{what}$_T$/∂{what}$_t$", xlabel="steps back in time, T - t", xlim=(0, BACK))
    label_ends(
        ax,
        [
            (y, name.removeprefix("LSTM, ") if what == "c" else name, colour)
            for y, name, colour in ends
        ],
    )
axes[0].set_ylabel("norm of the Jacobian")
lab.show(
    figure,
    "jacobians",
    f"""The largest singular value of the Jacobian from the last state back to an earlier one
    (median and range of {len(cells)} fresh cells); b is the forget bias. Left: the hidden state.
    Right: the LSTM's cell state, and dotted the largest product of forget gates alone.""",
)

# %% [markdown]
# ## The claims

# %%
cell_left = {model: flow[model]["c"][:, -1] for model in LSTMS}
lab.claim("additive-update", cell_left["LSTM, b = 0"], 0.1)
lab.claim("additive-update-chrono", cell_left["LSTM, chrono"], 0.1)
ratio = {model: flow[model]["gates"][:, -1] / cell_left[model] for model in LSTMS}
lab.claim("by-the-addition", ratio["LSTM, b = 1"], 0.5)
lab.claim("by-the-addition-chrono", ratio["LSTM, chrono"], 0.5)

# %%
lab.done()
