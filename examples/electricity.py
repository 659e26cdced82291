"""Generates new days of 24 hourly electricity prices with a GAN and a VAE, and judges them.

Run from the repository: ``python -m examples.electricity`` (about two minutes on two cores).
The prices are simulated. Both generators learn four years, leap day included; their days are then
compared with the year after, which neither has seen, and so are days drawn in simpler ways.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no start-up lines of TensorFlow


import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from evaluation.fidelity import nearest_distances
from evaluation.two_sample_classifier import separation_auc
from evaluation.two_samples import ks_of_samples
from examples.options import read_options, save_picture
from examples.simulated_prices import simulate_prices
from features.generators import GANGenerator, VAEGenerator

FIRST_DAY, N_YEARS = "2019-01-01", 5
TRAINING_YEARS = 4
# Chosen on the last of the four training years.
VAE_SETTINGS = {"latent_dim": 10, "beta": 0.1, "epochs": 400}
GAN_SETTINGS = {"epochs": 60, "feature_matching_weight": 3.0}
QUANTILES = (0.05, 0.5, 0.95)
GAN, VAE, SMOOTH_VAE = "GAN", "VAE", "VAE without noise"
NORMAL, SEPARATE, TRAINING = "normal distribution", "each hour by itself", "training days"


def split_after_years(daily, n_years):
    """Days of the first `n_years` calendar years, leap days counted, and the days after.

    A year is counted from the first day of the table to the same date of the next, so four years
    from 1 January 2019 have 1,461 days and four from 1 January 1897 have 1,460.
    """
    end = daily.index[0] + pd.DateOffset(years=n_years)
    is_early = daily.index < end
    if is_early.all():
        raise ValueError(
            f"expected days after {end.date()}, {n_years} years from the first, but the last is "
            f"{daily.index[-1].date()}; simulate more days or take fewer years"
        )
    return daily[is_early], daily[~is_early]


def generated_days(training, n_days, seed, small):
    """New days by each way of making them, learnt from training days alone."""
    rng = np.random.default_rng(seed)
    vae, gan = (
        make(**{**settings, **({"epochs": 2} if small else {})}, random_state=seed).fit(training)
        for make, settings in ((VAEGenerator, VAE_SETTINGS), (GANGenerator, GAN_SETTINGS))
    )
    return {
        GAN: gan.sample(n_days, random_state=seed),
        VAE: vae.sample(n_days, random_state=seed),
        SMOOTH_VAE: vae.set_params(noise=False).sample(n_days, random_state=seed),
        NORMAL: rng.multivariate_normal(training.mean(axis=0), np.cov(training.T), n_days),
        SEPARATE: np.column_stack([rng.choice(hour, n_days) for hour in training.T]),
        TRAINING: rng.choice(training, n_days, replace=False),
    }


def figures(days, training, later, seed):
    """How days that were made compare with days that nobody has seen."""
    auc = separation_auc(later, days, rng=np.random.default_rng(seed))
    ks = [ks_of_samples(real, made).statistic for real, made in zip(later.T, days.T, strict=True)]
    correlation = np.abs(np.corrcoef(days.T) - np.corrcoef(later.T))
    quantiles = np.abs(np.quantile(days, QUANTILES, axis=0) - np.quantile(later, QUANTILES, axis=0))
    to_training, among_training = nearest_distances(training, days)
    return {
        "auc": auc.value,
        "auc_low": auc.low,
        "auc_high": auc.high,
        "ks": np.mean(ks),
        "correlation": correlation[np.triu_indices(24, k=1)].mean(),
        "quantile_error_eur": quantiles.mean(),
        "negative_days": np.mean((days < 0).any(axis=1)),
        "nearer_than_real": np.mean(to_training <= np.quantile(among_training, 0.05)),
    }


def print_table(table, later):
    print("against the later days; means over seeds, all AUC bounds in brackets")
    print(
        f"{'':20} {'AUC (0.5 is best)':19} {'KS':>6} {'corr.':>6} {'quant.':>8}"
        f" {'< 0':>6} {'near':>6}"
    )
    for method, rows in table.groupby("method", sort=False):
        mean = rows.mean(numeric_only=True)
        print(
            f"{method:20} {mean['auc']:.2f} ({rows['auc_low'].min():.2f} to "
            f"{rows['auc_high'].max():.2f}) {mean['ks']:6.3f} {mean['correlation']:6.3f} "
            f"{mean['quantile_error_eur']:4.1f} EUR {mean['negative_days']:6.1%} "
            f"{mean['nearer_than_real']:6.1%}"
        )
    print(f"{'later days':20} {np.mean((later < 0).any(axis=1)):49.1%}")
    print("KS, corr.: distance of the distribution of an hour, and of correlations")
    print("quant.: error of the 5, 50 and 95 % quantiles by hour")
    print("< 0: days with a negative price")
    print("near: days nearer to a training day than 95 % of these are to each other")


def plot_days(days, title, ax, rng, n_shown=12):
    """Random days, one line each."""
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, n_shown))
    shown = np.asarray(days)[rng.choice(len(days), n_shown, replace=False)]
    for day, colour in zip(shown, colours, strict=True):
        ax.plot(range(24), day, color=colour, lw=1)
    ax.axhline(0, color="black", lw=0.6)
    ax.set(title=title, xlim=(0, 23), xticks=range(0, 24, 6), xlabel="Hour")
    return ax


def plot_quantiles(later, days, title, ax):
    """Quantiles by hour: later days as a band, made days as lines."""
    low, middle, high = np.quantile(later, QUANTILES, axis=0)
    ax.fill_between(range(24), low, high, color="#d8d8d8", label="later days, 5 % to 95 %")
    ax.plot(range(24), middle, color="#8a8a8a", lw=3, label="later days, median")
    for i, values in enumerate(np.quantile(days, QUANTILES, axis=0)):
        ax.plot(
            range(24), values, color="#12478f", lw=1.3, ls="-" if i == 1 else "--",
            label="days of the panel, the same quantiles" if i == 1 else None,
        )  # fmt: skip
    ax.axhline(0, color="black", lw=0.6)
    ax.set(title=title, xlim=(0, 23), xticks=range(0, 24, 6), xlabel="Hour")
    return ax


def draw(made, training, later, path):
    mpl.use("Agg")
    figure, axes = plt.subplots(2, 3, figsize=(12, 6.5), sharey="row", layout="constrained")
    rng = np.random.default_rng(0)
    plot_days(later, "Real days, the year after", axes[0, 0], rng)
    plot_days(made[GAN], "Days that the GAN made", axes[0, 1], rng)
    plot_days(made[VAE], "Days that the VAE made", axes[0, 2], rng)
    plot_quantiles(later, training, "Training days", axes[1, 0])
    plot_quantiles(later, made[GAN], "GAN", axes[1, 1])
    plot_quantiles(later, made[VAE], "VAE", axes[1, 2])
    for row in axes:
        row[0].set_ylabel("EUR/MWh")
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    save_picture(figure, path)


def main(arguments=None):
    settings = read_options(__doc__, "electricity.png", arguments)
    first, last = pd.Timestamp(FIRST_DAY), pd.Timestamp(FIRST_DAY) + pd.DateOffset(years=N_YEARS)
    daily = simulate_prices(first, (last - first).days, np.random.default_rng(0))
    early, late = split_after_years(daily, TRAINING_YEARS)
    training, later = early.to_numpy(), late.to_numpy()
    n_seeds = 1 if settings.small else 3
    print(f"{len(training):,} days to learn from, {len(later)} later days, {n_seeds} seeds")
    rows = []
    for seed in range(n_seeds):
        made = generated_days(training, 300 if settings.small else 1_000, seed, settings.small)
        rows.extend(
            {"method": name, "seed": seed, **figures(days, training, later, seed)}
            for name, days in made.items()
        )
    table = pd.DataFrame(rows)
    print_table(table, later)
    draw(made, training, later, settings.out)
    table.to_csv(settings.out.with_suffix(".csv"), index=False)
    print(f"wrote {settings.out}")


if __name__ == "__main__":
    main()
