"""5. Four classifiers

An embedding, a recurrent layer of one of four kinds, and a linear layer over its last state: their
parameters are counted, and each is run on a batch of token sequences.
"""

# %%
import numpy as np

import minigrad as mg
from demos.lab import Lab
from demos.models import SequenceClassifier, size
from demos.style import COLOURS, FAINT, INK, panels

lab = Lab(__file__)

# %% [markdown]
# ## Parameters and shapes
# The counts are those of the same models in PyTorch.

# %%
VOCABULARY, E, H, CLASSES = 10_000, 128, 256, 2
EXPECTED = {"RNN": 1_379_330, "LSTM": 1_675_778, "GRU": 1_576_962, "BiLSTM": 2_071_554}

mg.manual_seed(0)
models = {kind: SequenceClassifier(kind, VOCABULARY, E, H, CLASSES) for kind in EXPECTED}
ids = mg.randint(0, VOCABULARY, (4, 50))  # (B,T)
with mg.no_grad():
    shapes = {kind: tuple(model(ids).shape) for kind, model in models.items()}
counts = {kind: size(model) for kind, model in models.items()}
assert counts == EXPECTED, counts
assert set(shapes.values()) == {(4, CLASSES)}, shapes

parts = {
    kind: [size(model.embedding), size(model.rnn), size(model.fc)] for kind, model in models.items()
}
lab.table(
    f"Parameters of each model, and the shape of its scores for ids of shape {tuple(ids.shape)}",
    ["", "embedding", "recurrent", "output", "all", "scores"],
    [[kind, *parts[kind], counts[kind], shapes[kind]] for kind in models],
)

# %% [markdown]
# ## What the difference amounts to
# Most of each model is its embedding, from 62% of the BiLSTM to 93% of the RNN, and it is the same
# in all four.

# %%
layer = 1 - parts["GRU"][1] / parts["LSTM"][1]
whole = 1 - counts["GRU"] / counts["LSTM"]
lab.fact("model-quarter", whole)
lab.fact("layer-quarter", layer)
times = [parts[kind][1] / parts["RNN"][1] for kind in ("GRU", "LSTM")]
lab.fact("three-and-four", max(abs(times[0] - 3), abs(times[1] - 4)))

# %% shown
figure, ax = panels(figsize=(6.8, 3.3))
kinds = sorted(models, key=lambda kind: counts[kind])
places = np.arange(len(kinds))
embedding, recurrent, _ = np.array([parts[kind] for kind in kinds]).T / 1e6
ax.barh(places, embedding, 0.62, color=FAINT)
ax.barh(places, recurrent, 0.62, left=embedding, color=[COLOURS[kind] for kind in kinds])
for place, kind, share in zip(places, kinds, recurrent):
    ax.text(
        counts[kind] / 1e6 + 0.02, place, f"{counts[kind]:,}", va="center", fontsize=10, color=INK
    )
    if share > 0.15:
        ax.text(
            embedding[0] + share / 2,
            place,
            f"{share:.2f}",
            va="center",
            ha="center",
            fontsize=9.5,
            color="white",
        )
ax.text(embedding[0] / 2, places[-1] + 0.48, "embedding", ha="center", va="bottom", fontsize=10)
ax.text(
    embedding[0] + 0.02, places[-1] + 0.48, "recurrent layer", ha="left", va="bottom", fontsize=10
)
ax.set_yticks(places, kinds)
ax.set(xlabel="parameters (millions)", xlim=(0, 2.5), ylim=(-0.5, 3.85))
ax.grid(axis="y", visible=False)
lab.show(
    figure,
    "parameters",
    f"""Where the parameters are, with {VOCABULARY:,} words, embeddings of {E} and {H} hidden units.
    The output layer is too small to see.""",
)

# %%
lab.done()
