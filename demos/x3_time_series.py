"""Exercise 3. Time series

The lesson asks for an LSTM that continues sine waves and predicts share prices. Here one does,
always compared with forecasts that need no network: the last value, the value one period ago, and a
linear combination of the last values, fitted by least squares. A forecast is worth its trouble only
if it beats those.
"""

# %%
import hashlib
from functools import partial

import numpy as np

import minigrad as mg
from demos.lab import Lab, Runs, ranged
from demos.models import size
from demos.series import (
    PERIOD,
    SIMPLE,
    Forecaster,
    autoregression,
    by_time,
    google,
    judged,
    lags,
    lstm,
    own,
    persistence,
    rmse,
    seasonal,
    sine_waves,
)
from demos.style import BLUE, GREEN, INK, ORANGE, PURPLE, SOFT, label_ends, panels

lab = Lab(__file__)
given = str(lab.options.csv or "")
column = lab.options.column or ""
if given:
    own(given, column)  # what is wrong there is said before the work
RATES = lab.pick(quick=[0.01], full=[0.003, 0.01], ledger=[0.001, 0.003, 0.01])
ORDERS = [1, 2, 3, 5, 10, 20, 30, 50]
SHADES = {
    "persistence": SOFT,
    "a period ago": ORANGE,
    "linear": GREEN,
    "LSTM": BLUE,
    "LSTM, by its change": PURPLE,
}


in_words = partial(ranged, unit="{:.3f}")

# %% [markdown]
# ## Sine waves
# 50 points in, 10 out. In the lesson all waves have one frequency and differ in phase alone. Then
# every value follows from the two before it, x_t = 2 cos(ω) x_{t-1} - x_{t-2}, and every forecast
# is a sum of values seen, with fixed weights. So there are three harder tasks: with noise of
# deviation 0.1 on all values, with a frequency of its own for each wave (up to 1.5 times lower or
# higher, so that no fixed weights serve them all), and with both. Forecasts learn from what has
# noise and are held to the wave without it.

# %%
TASKS = {
    "the lesson's waves": (0.0, 1.0),
    "noise": (0.1, 1.0),
    "own frequency": (0.0, 1.5),
    "both": (0.1, 1.5),
}
WAVES, STEPS, H = (300, 60, 16) if lab.quick else (1000, 600, 32)


def waves(
    task: str, lr: float, seed: int, count: int, steps: int, H: int, device: str
) -> dict[str, object]:
    """Errors (RMSE) on 1000 other waves, the order of the linear forecast, and one wave with its
    forecasts."""
    mg.manual_seed(1000 + seed)  # every learning rate sees the same waves
    (training, _), (validation, _), ((seen, _), clean) = (
        sine_waves(n, 50, 10, *TASKS[task]) for n in (count, 300, 1000)
    )
    order, linear = autoregression(training, validation, ORDERS)
    mg.manual_seed(seed)
    chosen_by, network = lstm(training, validation, H, lr, steps, B=64, every=20, device=device)
    forecasts = {
        "persistence": persistence(10),
        "a period ago": seasonal(10, PERIOD),
        "linear": linear,
        "two terms": autoregression(training, validation, [2])[1],
        "LSTM": network,
    }
    guesses = {name: forecast(seen) for name, forecast in forecasts.items()}
    errors = {name: rmse(clean, guess) for name, guess in guesses.items()}
    example = {
        "seen": seen[0],
        "clean": clean[0],
        **{name: guess[0] for name, guess in guesses.items()},
    }
    return {**errors, "order": order, "chosen by": chosen_by, "example": example}


runs = lab.run(
    waves,
    task=lab.pick(quick=list(TASKS), full=list(TASKS), ledger=["the lesson's waves", "both"]),
    lr=RATES,
    seed=lab.seeds(),
    count=WAVES,
    steps=STEPS,
    H=H,
    device=lab.device,
)


def best(runs: Runs, **chosen: str) -> Runs:
    """Each run at the learning rate that served the validation part better."""
    return runs.where(**chosen).best("chosen by", lowest=True)


on = {task: best(runs, task=task) for task in TASKS if task in runs["task"]}

# %% shown
LINEAR = ["two terms", "linear"]
lab.table(
    "Ten values ahead: error (RMSE; the waves go from -1 to 1). The LSTM has "
    f"{size(Forecaster(H, 10)):,} parameters and learns from {WAVES} waves in {STEPS} steps of 64; "
    "the linear forecast has at most 510 parameters",
    ["", "persistence", "a period ago", "linear, last two", "linear, last p", "p", "LSTM"],
    [
        [
            task,
            in_words(of["persistence"], unit="{:.2f}"),
            in_words(of["a period ago"], unit="{:.3f}") if TASKS[task][1] == 1 else "no one period",
            *(
                in_words(of[name], unit="{:.1e}" if np.median(of[name]) < 1e-3 else "{:.3f}")
                for name in LINEAR
            ),
            in_words(of["order"], unit="{:.0f}"),
            in_words(of["LSTM"]),
        ]
        for task, of in on.items()
    ],
)


def better(task: str) -> bool:
    """Whether the LSTM's error is below the linear forecast's by more than a tenth, in four of five
    runs."""
    return bool((on[task]["LSTM"] < 0.9 * on[task]["linear"]).mean() >= 0.8)


wins, loses = [task for task in TASKS if better(task)], [task for task in TASKS if not better(task)]
lab.say(
    f"""The LSTM beats the linear forecast by more than a tenth on: {", ".join(wins) or "none"}; not
    on: {", ".join(loses) or "none"}. On the lesson's waves the linear forecast from the last two
    values is exact but for rounding, with an error of
    {np.median(on["the lesson's waves"]["two terms"]):.0e}."""
)

# %% shown
figure, axes = panels(2, 2, figsize=(6.8, 5.6), sharex=True, sharey=True)
for ax, (task, of) in zip(axes.flat, on.items()):
    example = of.rows[0]["example"]
    ahead = np.arange(51, 61)
    ax.axvspan(50.5, 60.5, color="#f4f4f4", linewidth=0)
    ax.plot(np.arange(26, 51), example["seen"][25:], color=SOFT, marker=".", linewidth=1)
    ax.plot(ahead, example["clean"], color=INK, linewidth=5, alpha=0.25)
    for name in ("linear", "LSTM"):
        ax.plot(ahead, example[name], color=SHADES[name], marker="o", markersize=3, linewidth=1.4)
    ax.set(title=task, xlim=(25.5, 60.5), ylim=(-2.2, 1.5), yticks=[-1, 0, 1])
    for name, at in (("linear", 0.14), ("LSTM", 0.04)):
        error = "below 0.001" if np.median(of[name]) < 0.001 else f"{np.median(of[name]):.3f}"
        spot = {
            "xy": (0.02, at),
            "xycoords": "axes fraction",
            "color": SHADES[name],
            "fontsize": 9.5,
        }
        ax.annotate(f"{name}: error {error}", **spot)
for ax in axes[-1]:
    ax.set_xlabel("step")
for ax in axes[:, 0]:
    ax.set_ylabel("value")
lab.show(
    figure,
    "waves",
    """The first wave of each task: what is seen (grey, the last 25 of 50 points), how it goes on
    (broad line, without noise) and the two forecasts; and the error (RMSE) on 1000 waves.""",
)

# %% [markdown]
# ## Real data, one step ahead
# Google's share from August 2004 to October 2008, day by day: the price, its change in percent and
# the day's range in percent, a measure of volatility. The network and the line get the 20 days
# before. The first 60% of the days are the training part, from which scale and weights come; the
# next 20% choose order, learning rate and when to stop; the rest is reported. R² compares with the
# mean of the days reported, which no forecast could know.

# %%
T = 20
content = hashlib.sha256(lab.options.csv.read_bytes()).hexdigest()[:12] if given else ""


def data(csv: str, column: str) -> dict[str, np.ndarray]:
    return own(csv, column) if csv else google()


def real(
    series: str,
    lr: float,
    seed: int,
    steps: int,
    H: int,
    csv: str,
    column: str,
    content: str,
    device: str,
) -> dict[str, object]:
    """What an LSTM guesses for each step of the test part."""
    training, validation, test = by_time(data(csv, column)[series], T)
    mg.manual_seed(seed)
    chosen_by, forecast = lstm(training, validation, H, lr, steps, B=32, every=20, device=device)
    return {"chosen by": chosen_by, "guess": forecast(test[0]).ravel()}


SERIES = data(given, column)
PRICE, CHANGE, SIZE = SERIES
positive = bool(SERIES[PRICE].min() > 0)  # then the change is one in percent

# %% shown
forecast_by = lab.run(
    real,
    series=list(SERIES),
    lr=RATES,
    seed=lab.seeds(at_least=5),
    steps=60 if lab.quick else 300,
    H=16,
    csv=given,
    column=column,
    content=content,
    device=lab.device,
)

on_part = {series: judged(by_time(values, T), ORDERS) for series, values in SERIES.items()}
for series, of in on_part.items():
    of.guesses["LSTM"] = best(forecast_by, series=series)["guess"]
price, yesterday, move = (
    on_part[PRICE],
    on_part[PRICE].guesses["persistence"],
    on_part[CHANGE].guesses["LSTM"],
)
price.guesses["LSTM, by its change"] = (
    yesterday * np.exp(move / 100) if positive else yesterday + move
)
UNITS = {PRICE: "" if given else " $", CHANGE: " %" * positive, SIZE: " %" * positive}
STEPS_AHEAD = f"{len(price.actual)} steps that nothing was chosen on"
RUNS = f"{len(move)} runs of the network"

lab.table(
    f"One step ahead, {STEPS_AHEAD}; median and range of {RUNS}. Skill is 1 - error² / "
    "(persistence's error)²",
    ["", "error (RMSE)", "R²", "skill"],
    [
        [
            f"{series}: {name}",
            in_words(of.error(name), unit="{:.2f}") + UNITS[series],
            in_words(of.r2(name)),
            in_words(of.skill(name, "persistence")),
        ]
        for series, of in on_part.items()
        for name in of.guesses
    ],
)


CALLED = dict(zip(SIMPLE, ["the mean of the training part", "persistence", "the linear forecast"]))


def compared(series: str) -> str:
    """In a sentence, which of the simple forecasts the LSTM beats on a series, and which beat
    it."""
    of = on_part[series]
    below = [name for name in SIMPLE if of.beats("LSTM", name)]
    above = [name for name in SIMPLE if of.beats(name, "LSTM")]
    level = [name for name in SIMPLE if name not in below + above]
    parts = []
    for word, names in [
        ("clearly better than", below),
        ("clearly worse than", above),
        ("not clearly different from", level),
    ]:
        if names:
            parts.append(f"{word} {' and '.join(CALLED[name] for name in names)}")
    return f"On the {series} the LSTM is {', '.join(parts)}."


lab.say(
    " ".join(map(compared, SERIES))
    + " Clearly means: by two standard errors over the steps, in the median run."
)

# %% shown
figure, axes = panels(1, 2, figsize=(6.8, 4.4), sharey=True)
rows = [
    (series, name)
    for series, of in on_part.items()
    for name in of.guesses
    if name not in SIMPLE[:2]
]
places = -np.arange(len(rows)) - 0.8 * np.array([list(SERIES).index(series) for series, _ in rows])
for (series, name), y in zip(rows, places):
    of = on_part[series]
    level = of.r2("persistence")[0]
    for ax, values, dashed in zip(
        axes, (of.error(name) / of.error("persistence"), of.r2(name)), (1.0, level)
    ):
        low, middle, high = np.quantile(values, [0, 0.5, 1])
        ax.barh(y, middle, color=SHADES[name], height=0.75)
        ax.plot([low, high], [y, y], color=INK, linewidth=1.5)
        ax.plot(
            [dashed, dashed], [y - 0.5, y + 0.5], color=SOFT, linestyle=(0, (3, 2)), linewidth=1.5
        )
        ax.annotate(
            f"{middle:.2f}",
            (max(high, dashed, 0), y),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
        )
axes[0].set_yticks(places, [f"{series}: {name}" for series, name in rows])
axes[0].set(title="Error : persistence's error", xlabel="below 1 is better")
axes[1].set(title="R²", xlabel="dashed: persistence")
for ax in axes:
    ax.margins(x=0.2)
    ax.grid(False, axis="y")
lab.show(
    figure,
    "skill",
    f"""One step ahead, {STEPS_AHEAD}: the error in units of persistence's, and R²; bars are medians
    and lines the range over {RUNS}. An R² near 1 says little about a forecast if persistence has
    it, too.""",
)

# %% [markdown]
# ## The prediction follows the price
# What a picture of both shows. So the moves of each forecast are held to the moves of the price on
# the same day, the day before, and so on.

# %% shown
WAYS = ["LSTM", "LSTM, by its change"]
follows = {
    name: np.array([lags(price.actual, guess) for guess in price.guesses[name]]) for name in WAYS
}
shift = {name: np.median(found, axis=0) for name, found in follows.items()}
lag = {name: int(found.argmax()) for name, found in shift.items()}
figure, axes = panels(1, 2, figsize=(6.8, 3.9), width_ratios=[1.3, 1])
lines = {"truth": (price.actual, INK)}
for name in WAYS:
    middle = np.argsort(price.error(name))[len(move) // 2]  # the run of median error
    lines[name.removeprefix("LSTM, ")] = price.guesses[name][middle], SHADES[name]
for values, colour in lines.values():
    axes[0].plot(np.arange(1, 31), values[:30], color=colour, marker=".", linewidth=1.4)
unit = f" ({UNITS[PRICE].strip()})" if UNITS[PRICE] else ""
axes[0].set(
    title=f"The {PRICE} and its forecasts", xlabel="step of the test part", ylabel=PRICE + unit
)
label_ends(axes[0], [(float(values[29]), name, colour) for name, (values, colour) in lines.items()])
for name, aside in zip(WAYS, (-0.2, 0.2)):
    axes[1].bar(np.arange(6) + aside, shift[name], width=0.38, color=SHADES[name])
    edges = follows[name].min(axis=0), follows[name].max(axis=0)
    axes[1].vlines(np.arange(6) + aside, *edges, color=INK, linewidth=1.2)
axes[1].set(title="Their moves", xlabel="lag (steps)", ylabel="correlation", xticks=range(6))
axes[1].grid(False, axis="x")
lab.show(
    figure,
    "follows",
    f"""Left: the {PRICE} and forecasts of it (the runs of median error), the first 30 steps
    reported. Right: how the moves of the forecasts correlate with the moves of the {PRICE} on the
    same step (lag 0) and on steps before.""",
)
for name in WAYS:
    lab.say(
        f"""{name}: its moves correlate best with the moves of the {PRICE} at lag {lag[name]}
        (correlation {shift[name][lag[name]]:.2f}); with the move that it should predict, lag 0, the
        correlation is {shift[name][0]:.2f}. """
        + f"""That is what a picture of both hides: the line that seems to follow the {PRICE} shows
        what was known {lag[name]} step{"s"[lag[name] == 1 :]} before."""
        * (lag[name] > 0)
    )

# %% [markdown]
# ## The claims

# %%
lesson = on["the lesson's waves"]
lab.claim("sine-learnt", lesson["LSTM"], lesson["persistence"])
lab.claim("sine-needs-memory", lesson["LSTM"], lesson["two terms"])
lab.claim("waves-both", on["both"]["LSTM"], on["both"]["linear"])

# %% [markdown]
# What is claimed of prices is measured on stretches of the days: each run has its own, of 60% of
# them, and learns, chooses and is tried within it. So its interval is over days as well as over
# networks. (Stretches overlap; there is one share and four years of it.)


# %%
def on_a_stretch(
    series: str,
    lr: float,
    seed: int,
    steps: int,
    H: int,
    csv: str,
    column: str,
    content: str,
    device: str,
) -> dict[str, float]:
    """Errors (RMSE) and R² of forecasts of a series, on a stretch that the seed chooses."""
    chosen = np.random.default_rng(seed)
    whole = data(csv, column)
    length = len(whole[series]) * 6 // 10
    first = int(chosen.integers(len(whole[series]) - length))
    parts = {name: by_time(values[first : first + length], T) for name, values in whole.items()}
    mg.manual_seed(seed)
    training, validation, test = parts[series]
    chosen_by, forecast = lstm(training, validation, H, lr, steps, B=32, every=20, device=device)
    of = judged(parts[series], ORDERS)
    of.guesses["LSTM"] = forecast(test[0])[:, 0][None]
    found = {name: float(of.error(name)[0]) for name in of.guesses}
    if series == CHANGE and whole[PRICE].min() > 0:
        price = judged(parts[PRICE], ORDERS)
        moved = price.guesses["persistence"] * np.exp(of.guesses["LSTM"] / 100)
        price.guesses["by the change"] = moved
        for name in ("by the change", "persistence"):
            found |= {f"price, {name}": price.error(name)[0], f"R², {name}": price.r2(name)[0]}
    return found | {"chosen by": chosen_by}


stretches = lab.run(
    on_a_stretch,
    series=list(SERIES),
    lr=RATES,
    seed=lab.seeds(at_least=5),
    steps=60 if lab.quick else 300,
    H=16,
    csv=given,
    column=column,
    content=content,
    device=lab.device,
)
of_price, of_change, of_range = (
    stretches.where(series=series).best("chosen by", lowest=True) for series in SERIES
)
lab.claim("share-price", of_price["LSTM"], of_price["persistence"])
if positive:
    by_change = of_change["price, by the change"]
    lab.claim("share-price-change", by_change, of_change["price, persistence"])
    lab.claim("r2-near-1", of_change["R², by the change"], of_change["R², persistence"])
lab.claim("change-foretold", of_change["LSTM"], of_change["mean of the training"])
lab.claim("range-foretold", of_range["LSTM"], of_range["persistence"])
lab.claim("range-needs-lstm", of_range["LSTM"], of_range["linear"])
lab.claim("series-need-lstm", of_price["LSTM"], of_price["linear"])

# %%
lab.done()
