"""Learns the moves of simulated stocks with a VAE and shows what each direction of its code means.

Run from the repository: ``python -m examples.stock_moves`` (about a minute on two cores).
A window is 40 trading days in one of five regimes, which the VAE is not told. It sees the path of
the log price and how much the price swings around it. Windows of later years are encoded; the
code is moved along one direction at a time, and the table names what each direction goes with.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no start-up lines of TensorFlow

from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr

from examples.options import read_options, save_picture
from features.latent import VAEFeatures
from features.scaling import TransactionScaler

N_DAYS = 40
SWING_DAYS = 10  # over which a swing is measured
STEPS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # deviations of the code
SMALLEST_SPREAD = 0.2  # of the mean codes of a direction that says something
REGIMES = ("calm rise", "swinging fall", "crash and recovery", "late rally", "sideways")
REGIME_COLOURS = ("#2a7f3e", "#b3261e", "#c58b00", "#12478f", "#8a8a8a")


class Moves(NamedTuple):
    """Windows of daily moves.

    Attributes
    ----------
    returns : ndarray of shape (n_windows, N_DAYS)
        Daily changes of the log price.
    regime : ndarray of shape (n_windows,)
        Index into `REGIMES`.
    """

    returns: np.ndarray
    regime: np.ndarray


def simulate_moves(n_windows, rng):
    """Draw windows: a drift and a deviation by regime and day, Student-t noise."""
    day = np.arange(N_DAYS)
    regime = rng.integers(0, len(REGIMES), n_windows)
    strength = rng.uniform(0.4, 1.6, (n_windows, 1))
    turn = rng.integers(10, 25, (n_windows, 1))
    after = day - turn
    # Of the log price a day, at strength 1.
    drift = np.select(
        [regime[:, None] == i for i in range(4)],
        [
            np.full((1, N_DAYS), 0.0025),
            np.full((1, N_DAYS), -0.004),
            np.where((after >= 0) & (after < 4), -0.04, np.where(after >= 4, 0.006, 0.0)),
            np.where(after >= 0, 0.007, -0.001),
        ],
        0.0,
    )
    deviation = np.select(
        [regime[:, None] == i for i in range(4)],
        [
            np.full((1, N_DAYS), 0.006),
            np.full((1, N_DAYS), 0.018),
            np.where((after >= 0) & (after < 12), 0.025, 0.008),
            np.full((1, N_DAYS), 0.009),
        ],
        0.008,
    )
    noise = rng.standard_t(5, (n_windows, N_DAYS)) * np.sqrt(3 / 5)
    swings = deviation * np.exp(0.2 * rng.normal(size=(n_windows, 1)))
    return Moves(strength * drift + swings * noise, regime)


def to_columns(returns):
    """What the VAE sees: the path of the log price, and the log of its swings."""
    path = np.cumsum(returns, axis=1)
    squares = np.apply_along_axis(
        np.convolve, 1, returns**2, np.ones(SWING_DAYS) / SWING_DAYS, mode="same"
    )
    return np.hstack([path, np.log(np.sqrt(squares) + 1e-4)])


def properties(returns):
    """What people call a move: one figure for each window."""
    path = np.cumsum(returns, axis=1)
    half = N_DAYS // 2
    return {
        "trend": path[:, -1],
        "swing": returns.std(axis=1),
        "late minus early": returns[:, half:].sum(axis=1) - returns[:, :half].sum(axis=1),
        "deepest fall": np.max(np.maximum.accumulate(path, axis=1) - path, axis=1),
        "hump": path[:, half] - (path[:, 0] + path[:, -1]) / 2,
        "later swing": returns[:, half:].std(axis=1) - returns[:, :half].std(axis=1),
    }


def directions(codes):
    """Dimensions of the code that say something, the widest first, and their spread."""
    spread = codes.std(axis=0)
    order = np.argsort(-spread)
    return order[spread[order] > SMALLEST_SPREAD], spread


def moved(features, scaler, dimension, spread):
    """Decoded paths and swings along one direction: two arrays of shape (n_steps, N_DAYS)."""
    codes = np.zeros((len(STEPS), features.model_.latent_dim), dtype=np.float32)
    codes[:, dimension] = np.array(STEPS) * spread[dimension]
    columns = scaler.inverse_transform(np.asarray(features.model_.decode(codes), dtype=np.float64))
    return columns[:, :N_DAYS], np.exp(columns[:, N_DAYS:])


def meanings(codes, found, returns):
    """Rank correlation of each direction with each property: {direction: {property: rho}}."""
    named = properties(returns)
    return {
        int(dimension): {
            name: float(spearmanr(codes[:, dimension], values).statistic)
            for name, values in named.items()
        }
        for dimension in found
    }


def print_meanings(rho):
    print("rank correlation of each direction with what people call such moves")
    print(f"{'direction':18}" + "".join(f"{i + 1:8}" for i in range(len(rho))))
    for name in next(iter(rho.values()), {}):
        print(f"{name:18}" + "".join(f"{by_name[name]:8.2f}" for by_name in rho.values()))


def plot_moved(paths, swings, title, ax):
    """Paths along a direction; the width of a band is the daily swing there."""
    colours = mpl.colormaps["coolwarm"](np.linspace(0, 1, len(STEPS)))
    day = np.arange(1, N_DAYS + 1)
    for path, swing, colour, step in zip(paths, swings, colours, STEPS, strict=True):
        low, high = 100 * np.expm1(path - swing), 100 * np.expm1(path + swing)
        ax.fill_between(day, low, high, color=colour, alpha=0.25, lw=0)
        ax.plot(day, 100 * np.expm1(path), color=colour, lw=1.6, label=f"{step:+.0f}")
    ax.axhline(0, color="black", lw=0.6)
    ax.set_title(title, fontsize=9, loc="left")
    ax.set(xlabel="Trading day")
    return ax


def plot_codes(codes, found, regime, ax):
    """Codes of the two widest directions, coloured by the regime that the VAE never saw."""
    for i, (name, colour) in enumerate(zip(REGIMES, REGIME_COLOURS, strict=True)):
        of_regime = codes[regime == i]
        ax.scatter(of_regime[:, found[0]], of_regime[:, found[1]], s=5, color=colour, alpha=0.6,
                   lw=0, label=name)  # fmt: skip
    ax.legend(frameon=False, fontsize=8, markerscale=2.5, loc="best")
    ax.set(xlabel="Direction 1", ylabel="Direction 2")
    ax.set_title("Codes of later windows, by regime", fontsize=9, loc="left")
    return ax


def draw(features, scaler, codes, rho, moves, path):
    mpl.use("Agg")
    found, spread = directions(codes)
    shown = found[:4]
    figure = plt.figure(figsize=(12, 6.2), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=(1, 1, 1.15))
    first = None
    for i, dimension in enumerate(shown):
        ax = figure.add_subplot(grid[i // 2, i % 2], sharey=first)
        first = first or ax
        strongest = sorted(rho[int(dimension)].items(), key=lambda item: -abs(item[1]))[:2]
        meaning = ", ".join(f"{name} {value:+.2f}" for name, value in strongest)
        plot_moved(*moved(features, scaler, dimension, spread), f"Direction {i + 1}: {meaning}", ax)
        if i % 2 == 0:
            ax.set_ylabel("Price change (%)")
    first.set_ylim(-22, 22)
    first.legend(
        title="deviations of the code; bands: a day's swing", loc="upper left", ncols=5,
        frameon=False, fontsize=8, title_fontsize=8, handlelength=1, columnspacing=1,
    )  # fmt: skip
    if len(found) > 1:
        plot_codes(codes, found, moves.regime, figure.add_subplot(grid[:, 2]))
    save_picture(figure, path)


def main(arguments=None):
    settings = read_options(__doc__, "stock_moves.png", arguments)
    rng = np.random.default_rng(0)
    training = simulate_moves(400 if settings.small else 6_000, rng)
    later = simulate_moves(300 if settings.small else 2_000, rng)
    scaler = TransactionScaler(method="standard").fit(to_columns(training.returns))
    features = VAEFeatures(
        hidden_units=(64,), latent_dim=6, beta=1.0, beta_warmup_epochs=5,
        epochs=10 if settings.small else 60, optimizer="adam", random_state=0,
    )  # fmt: skip
    scaled = scaler.transform(to_columns(training.returns))
    later_scaled = scaler.transform(to_columns(later.returns))
    features.fit(scaled, X_validation=later_scaled)
    codes = features.transform(later_scaled)
    found, _ = directions(codes)
    left = features.history_[-1]["validation_reconstruction_loss"] / np.sum(
        later_scaled.var(axis=0)
    )
    print(
        f"{len(later.returns):,} later windows: {len(found)} of {codes.shape[1]} directions say "
        f"something\n{left:.0%} of the variance is not reconstructed"
    )
    rho = meanings(codes, found, later.returns)
    print_meanings(rho)
    draw(features, scaler, codes, rho, later, settings.out)
    print(f"wrote {settings.out}")


if __name__ == "__main__":
    main()
