"""Time series: their windows, forecasts that need no network, a recurrent forecaster, and scores.

N windows, T values seen in each, A values ahead. A `Split` is what was seen (N,T) and what followed
(N,A); a `Forecast` turns the one into a guess at the other.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib import cbook

import minigrad as mg
import nn
from demos import store
from demos.training import shuffled, train
from minigrad import Tensor
from minigrad.random import generator

Array = np.ndarray[Any, Any]
Split = tuple[Array, Array]
Forecast = Callable[[Array], Array]
# Steps of the lesson's sine: two periods in 60 points, the first and the last of them in phase.
PERIOD = 59 / 2


# ---- data


def sine_waves(
    N: int, T: int = 50, A: int = 10, noise: float = 0.0, spread: float = 1.0
) -> tuple[Split, Array]:
    """N waves sin(φ + ωt), φ random: T values and the A that follow, both with noise; and those A
    without noise.

    noise: standard deviation of what is added to every value. spread: each wave's ω is the
    lesson's, 2π/PERIOD, times a number between 1/spread and spread, drawn evenly on a logarithmic
    scale.
    """
    random = generator()
    phase, power = random.uniform(0, 2 * math.pi, (N, 1)), random.uniform(-1, 1, (N, 1))
    clean = np.sin(phase + 2 * math.pi / PERIOD * spread**power * np.arange(T + A))  # (N,T+A)
    waves = clean + noise * random.standard_normal(clean.shape)
    return (waves[:, :T], waves[:, T:]), clean[:, T:]


def google() -> dict[str, Array]:
    """Google's shares from 2004 to 2008, day by day, as Matplotlib has them: price, its change and
    its range."""
    days = cbook.get_sample_data("goog.npz")["price_data"]
    price = days["adj_close"]
    return {
        "price": price[1:],
        "change": changes(price),
        "range": 100 * np.log(days["high"] / days["low"])[1:],
    }


def own(path: str, column: str) -> dict[str, Array]:
    """A column of a CSV file, the change from row to row, and the size of that change."""
    values = read_column(path, column)
    with np.errstate(over="ignore"):
        change = changes(values)
        series = {"value": values[1:], "change": change, "size": abs(change)}
        for name, one in series.items():
            check_scale(path, column, name, one)
    return series


def check_scale(path: str, column: str, name: str, values: Array) -> None:
    """End the program where a series cannot be scaled, or not be scored.

    The first 60% are the training part, the last 20% the test part: see `by_time`.
    """
    count = len(values)
    for part in (values[: count * 6 // 10], values[count * 8 // 10 :]):
        deviation = part.std()
        if not 1e-100 < deviation < 1e100:
            what = "values" if name == "value" else "changes from row to row"
            raise SystemExit(
                f"{path}: expected {what} of {column} that vary at the start and at the end, of "
                f"an ordinary size, got a {name} of deviation {deviation:.3g}."
            )


def changes(values: Array) -> Array:
    """From one value to the next: in percent (of logarithms) where all are positive, else the
    difference."""
    return 100 * np.diff(np.log(values)) if values.min() > 0 else np.diff(values)


def read_column(path: str, column: str | None) -> Array:
    """The numbers in a column of a CSV file whose first line names the columns; ends the program
    where it cannot."""
    header, rows = read_rows(path)
    if header.count(column or "") != 1:
        names = ", ".join(header) if rows else "it has no rows"
        names = store.printable(names).replace("\n", " ")[:200]
        raise SystemExit(
            f"{path}: expected --column NAME, one of its columns ({names}), got {column!r}"
            f"{', which is there twice' if column in header else ''}."
        )
    place = header.index(column or "")
    texts = [row[place] for row in rows]
    values = np.array([number(text) for text in texts])
    if not np.isfinite(values).all():
        wrong = int(np.flatnonzero(~np.isfinite(values))[0])
        raise SystemExit(
            f"{path}: expected a number as {column} in every row, got "
            f"{texts[wrong]!r:.60} in row {wrong + 1}."
        )
    if len(values) < 200 or np.ptp(values) == 0:
        raise SystemExit(
            f"{path}: expected 200 or more rows of {column}, not all alike, got {len(values)}."
        )
    return values


def read_rows(path: str) -> tuple[list[str], list[list[str]]]:
    """The names in the first line of a CSV file, and the cells of the others; empty lines are left
    out. Ends the program where a line has more or fewer cells than the first.
    """
    header: list[str] = []
    rows = []
    reader = csv.reader(io.StringIO(store.read_text(path, "CSV file"), newline=""))
    try:
        header = next(reader, [])
        for row in reader:
            if row and len(row) != len(header):
                raise SystemExit(
                    f"{path}, line {reader.line_num}: expected {len(header)} cells, as in the "
                    f"first line, got {len(row)}; put a cell with a comma in quotes."
                )
            if row:
                rows.append(row)
    except csv.Error as error:
        raise SystemExit(f"{path}: expected a CSV file in UTF-8, got: {error}.") from None
    return header, rows


def number(text: str) -> float:
    """The number that a cell holds; NaN where it holds none. 1_100 is one of Python's alone."""
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan


def by_time(series: Array, T: int, shares: Sequence[float] = (0.6, 0.8)) -> list[Split]:
    """One value ahead: training, validation and test part, in the order of time.

    A window belongs to the part in which the value to be guessed lies. What it sees may lie in the
    part before: on the day of the guess that is the past.
    """
    seen = np.lib.stride_tricks.sliding_window_view(series, T)[:-1]  # (n-T,T)
    following = series[T:, None]  # (n-T,1)
    ends = [0, *(int(share * len(series)) - T for share in shares), len(following)]
    return [(seen[a:b], following[a:b]) for a, b in zip(ends, ends[1:])]


# ---- forecasts


def persistence(A: int) -> Forecast:
    """All will be as it is: the last value seen, A times."""
    return lambda seen: np.repeat(seen[:, -1:], A, axis=1)


def seasonal(A: int, period: float) -> Forecast:
    """As a period ago; between two points on the straight line that joins them."""

    def forecast(seen: Array) -> Array:
        at = seen.shape[1] + np.arange(A) - period  # places among the values seen
        low = np.floor(at).astype(int)
        return seen[:, low] + (at - low) * (seen[:, low + 1] - seen[:, low])

    return forecast


def autoregression(
    training: Split, validation: Split, orders: Sequence[int]
) -> tuple[int, Forecast]:
    """A line through the last p values, by least squares: y = W (x_{t-p+1}, ..., x_t, 1), W
    (A,p+1).

    The order p, of `orders`, is the one that serves the validation part best; returned with the
    forecast.
    """

    def fitted(p: int) -> Forecast:
        W = np.linalg.lstsq(last(training[0], p), training[1], rcond=None)[0]
        return lambda seen: last(seen, p) @ W

    def last(seen: Array, p: int) -> Array:
        return np.column_stack([seen[:, -p:], np.ones(len(seen))])

    forecasts = {p: fitted(p) for p in orders if p <= training[0].shape[1]}
    best = min(forecasts, key=lambda p: rmse(validation[1], forecasts[p](validation[0])))
    return best, forecasts[best]


class Scale(NamedTuple):
    """To mean 0 and deviation 1, and back."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Array) -> Scale:
        return cls(float(values.mean()), float(values.std()))

    def tensor(self, values: Array, device: str) -> Tensor:
        return mg.tensor(((values - self.mean) / self.deviation).astype(np.float32)).to(device)

    def back(self, scaled: Tensor) -> Array:
        return scaled.cpu().numpy().astype(float) * self.deviation + self.mean


class Forecaster(nn.Module):
    """LSTM -> its last hidden state -> A values: (N,T) -> (N,A)."""

    def __init__(self, H: int, A: int):
        super().__init__()
        self.lstm = nn.LSTM(1, H, batch_first=True)
        self.fc = nn.Linear(H, A)

    def forward(self, seen: Tensor) -> Tensor:
        _, (h, _) = self.lstm(seen.unsqueeze(-1))  # (N,T) -> (N,T,1) -> (1,N,H)
        return self.fc(h[0])


def lstm(
    training: Split,
    validation: Split,
    H: int,
    lr: float,
    steps: int,
    B: int,
    every: int,
    device: str,
) -> tuple[float, Forecast]:
    """A `Forecaster` trained on the squared error, as it was when it served the validation part
    best.

    Values are scaled by mean and deviation of the training part alone. Returns that smallest error
    (RMSE) as well.
    """
    scale = Scale.of(np.concatenate([training[0][0], training[1].ravel()]))
    model = Forecaster(H, training[1].shape[1]).to(device)
    best: tuple[float, dict[str, Tensor]] = (math.inf, {})

    def forecast(seen: Array) -> Array:
        with mg.no_grad():
            return scale.back(model(scale.tensor(seen, device)))

    def watch() -> float:
        nonlocal best
        error = rmse(validation[1], forecast(validation[0]))
        if error < best[0]:
            best = error, {name: value.clone() for name, value in model.state_dict().items()}
        return error

    data = (scale.tensor(training[0], device), scale.tensor(training[1], device))
    train(
        model,
        shuffled(data, steps, B),
        lr,
        clip=1.0,
        watch=watch,
        every=every,
        criterion=nn.MSELoss(),
    )
    model.load_state_dict(best[1])
    return best[0], forecast


# ---- scores


def rmse(actual: Array, guess: Array) -> float:
    """Root of the mean squared error, in the unit of the data."""
    return float(np.sqrt(((actual - guess) ** 2).mean()))


def skill(actual: Array, guess: Array, reference: Array | float) -> float:
    """1 - (squared error) / (squared error of a reference): 1 is perfect, 0 as good as the
    reference.

    With the mean of `actual` as the reference this is R².
    """
    return 1 - (rmse(actual, guess) / rmse(actual, reference + np.zeros_like(actual))) ** 2


class Judged:
    """Forecasts of one series, one value ahead, compared with what followed.

    guesses: name -> (runs,N), a row for each run; forecasts without a network have one.
    """

    def __init__(self, actual: Array, guesses: dict[str, Array]):
        self.actual, self.guesses = actual, guesses

    def error(self, name: str) -> Array:
        """The RMSE of each run."""
        return np.array([rmse(self.actual, guess) for guess in self.guesses[name]])

    def r2(self, name: str) -> Array:
        """R² of each run: the skill against the mean of what followed, which no forecast could
        know."""
        return np.array(
            [skill(self.actual, guess, self.actual.mean()) for guess in self.guesses[name]]
        )

    def skill(self, name: str, reference: str) -> Array:
        """The skill of each run against that of another forecast of median error."""
        return 1 - (self.error(name) / np.median(self.error(reference))) ** 2

    def beats(self, name: str, other: str) -> bool:
        """Whether the squared error is below the other's by two standard errors over the N values,
        in the median run.

        Diebold and Mariano (1995), equation 1; one value ahead the differences are taken as
        uncorrelated.
        """
        ours, theirs = (((self.actual - self.guesses[one]) ** 2) for one in (name, other))
        N = len(self.actual)
        # each run of one with each of the other
        gains = (theirs[:, None] - ours[None]).reshape(-1, N)
        errors = gains.std(axis=1, ddof=1) / math.sqrt(N)
        return bool(np.median(gains.mean(axis=1) / errors) > 2)


SIMPLE = ["mean of the training", "persistence", "linear"]


def judged(parts: Sequence[Split], orders: Sequence[int]) -> Judged:
    """The forecasts that need no network, one value ahead, on the last of three parts."""
    training, validation, (seen, following) = parts
    _, linear = autoregression(training, validation, orders)
    guesses = [
        np.full(len(seen), training[1].mean()),
        persistence(1)(seen)[:, 0],
        linear(seen)[:, 0],
    ]
    return Judged(following[:, 0], {name: guess[None] for name, guess in zip(SIMPLE, guesses)})


def lags(actual: Array, guess: Array, most: int = 5) -> Array:
    """Correlations of the moves of `guess` with those of `actual` 0, 1, ... `most` steps before."""
    ours, theirs = np.diff(guess.ravel()), np.diff(actual.ravel())
    return np.array(
        [
            np.corrcoef(ours[most:], theirs[most - k : len(theirs) - k])[0, 1]
            for k in range(most + 1)
        ]
    )
