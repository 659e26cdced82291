"""Finds spoofing in simulated order books by how badly an autoencoder reconstructs a window.

Run from the repository: ``python -m examples.order_book`` (about two minutes on two cores).
Every seed draws new books, fits each detector on unlabelled ones, one in a hundred of them with
spoofing, and scores others. The sequence autoencoder, in both bodies, stands beside the ratio of
cancelled to submitted volume and scikit-learn's isolation forest on summaries of each window.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no start-up lines of TensorFlow

import time

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

from examples.options import read_options, save_picture
from examples.simulated_order_book import DILUTED, FEATURES, GENUINE, PLAIN, simulate_books
from features.sequences import SequenceAnomalyDetector

TRAINING_RATE, TEST_RATE = 0.01, 0.05
KINDS = {"all": (PLAIN, DILUTED), "plain": (PLAIN,), "diluted": (DILUTED,)}
CONVOLUTION, LSTM = "autoencoder, convolution", "autoencoder, LSTM"
METHODS = ("cancel ratio", "isolation forest", LSTM, CONVOLUTION)
COLOURS = dict(zip(METHODS, ("#8a8a8a", "#c58b00", "#6a8fc8", "#12478f"), strict=True))


def summaries(books):
    """Table of a few figures of each window, for methods that know no order."""
    rows = [
        np.concatenate([w.mean(axis=0), w.std(axis=0), w.max(axis=0), w.min(axis=0)])
        for w in books.windows
    ]
    return np.column_stack([rows, books.cancel_ratio])


def detector(body, settings, seed):
    # The LSTM's output lies in (-1, 1), and so does what arcsinh scaling gives it.
    scaling = "arcsinh" if body == "lstm" else "standard"
    return SequenceAnomalyDetector(
        body=body, latent_dim=8, scaling=scaling, epochs=settings.epochs, random_state=seed
    )


def run_seed(seed, settings):
    """Scores of every method on new books, the CPU seconds of its fit, and the fitted detector."""
    rng = np.random.default_rng(seed)
    training = simulate_books(settings.training_windows, spoofing_rate=TRAINING_RATE, rng=rng)
    test = simulate_books(settings.test_windows, spoofing_rate=TEST_RATE, rng=rng)
    candidates = {
        "isolation forest": (IsolationForest(random_state=seed), summaries),
        LSTM: (detector("lstm", settings, seed), lambda books: books.windows),
        CONVOLUTION: (detector("convolution", settings, seed), lambda books: books.windows),
    }
    scores, seconds = {"cancel ratio": test.cancel_ratio}, {"cancel ratio": 0.0}
    for name, (model, inputs) in candidates.items():
        started = time.process_time()
        model.fit(inputs(training))
        seconds[name] = time.process_time() - started
        scores[name] = -model.score_samples(inputs(test))
    return test, scores, seconds, model


def figures(test, scores, seconds, seed):
    """One line for each method and kind of spoofing."""
    for method, score in scores.items():
        for kind, codes in KINDS.items():
            chosen = np.isin(test.kind, (GENUINE, *codes))
            is_spoofing = test.kind[chosen] != GENUINE
            yield {
                "seed": seed, "method": method, "kind": kind, "cpu_seconds": seconds[method],
                "average_precision": average_precision_score(is_spoofing, score[chosen]),
                "roc_auc": roc_auc_score(is_spoofing, score[chosen]),
                "prevalence": is_spoofing.mean(),
            }  # fmt: skip


def mean_and_reach(values):
    """Mean over seeds and half of its 95 % interval (Student's t)."""
    values = np.asarray(values)
    if len(values) < 2:
        return values.mean(), np.nan
    reach = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean(), reach


def print_table(table):
    """Means over seeds with 95 % intervals."""
    print(f"{'':25}{'average precision':^35}  {'ROC AUC':^11}   CPU")
    print(f"{'':25}{'all':12}{'plain':12}{'diluted':11}  {'all':11}     s")
    for method in METHODS:
        rows = table[table["method"] == method].set_index("kind")
        cells = [written(rows.loc[[kind], "average_precision"]) for kind in KINDS]
        cells.append(" " + written(rows.loc[["all"], "roc_auc"]))
        print(f"{method:25}{' '.join(cells)}  {rows['cpu_seconds'].median():4.1f}")


def written(values):
    mean, reach = mean_and_reach(values)
    return f"{mean:.2f}" + (f" +-{reach:.2f}" if np.isfinite(reach) else " " * 7)


def plot_figures(table, ax):
    """Bars of average precision by kind and method, with intervals over seeds."""
    width = 0.8 / len(METHODS)
    for i, method in enumerate(METHODS):
        for j, kind in enumerate(KINDS):
            chosen = table[(table["method"] == method) & (table["kind"] == kind)]
            mean, reach = mean_and_reach(chosen["average_precision"])
            ax.bar(
                j + (i - 1.5) * width, mean, width * 0.92, yerr=np.nan_to_num(reach), capsize=2,
                color=COLOURS[method], label=method if j == 0 else None,
            )  # fmt: skip
    prevalence = table.groupby("kind")["prevalence"].mean()
    for j, kind in enumerate(KINDS):
        ax.plot([j - 0.45, j + 0.45], [prevalence[kind]] * 2, color="black", lw=1, ls=":")
    ax.set(xticks=range(len(KINDS)), ylim=(0, 1.05), ylabel="Average precision")
    ax.set_xticklabels(["all spoofing", "plain", "diluted: ratio as usual"])
    ax.set_title("How well spoofing is found (dots: what chance gives)", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=8, loc="upper left", ncols=2)
    return ax


def plot_window(test, scores, model, axes):
    """A window of diluted spoofing, and the error of each of its seconds."""
    diluted = np.flatnonzero(test.kind == DILUTED)
    # The one in the middle, not the best.
    shown = diluted[np.argsort(scores[CONVOLUTION][diluted])[len(diluted) // 2]]
    window = test.windows[shown]
    seconds = np.arange(len(window))
    top, bottom = axes
    for name, colour, dashes in (
        ("deep bid", "#12478f", "-"), ("deep ask", "#b3261e", "-"),
        ("executed bid", "#12478f", ":"), ("executed ask", "#b3261e", ":"),
    ):  # fmt: skip
        volume = np.expm1(window[:, FEATURES.index(name)])
        top.plot(seconds, np.maximum(volume, 0.1), color=colour, ls=dashes, label=name)
    top.set(yscale="log", ylabel="Volume (lots)", ylim=(0.1, 2e4))
    top.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    top.set_title(
        f"A diluted spoofer (cancel ratio {test.cancel_ratio[shown]:.2f}; genuine median "
        f"{np.median(test.cancel_ratio[test.kind == GENUINE]):.2f})",
        loc="left", fontsize=10,
    )  # fmt: skip
    bottom.bar(seconds, model.step_errors([window])[0], color=COLOURS[CONVOLUTION])
    bottom.axhline(1.0, color="black", lw=1, ls=":")
    bottom.set(xlabel="Second", ylabel="Relative error")
    bottom.set_title("What the autoencoder cannot reconstruct (dots: usual)", loc="left",
                     fontsize=10)  # fmt: skip


def draw(table, test, scores, model, path):
    mpl.use("Agg")
    figure = plt.figure(figsize=(12, 5), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1.15, 1))
    plot_figures(table, figure.add_subplot(grid[:, 0]))
    top = figure.add_subplot(grid[0, 1])
    plot_window(test, scores, model, (top, figure.add_subplot(grid[1, 1], sharex=top)))
    save_picture(figure, path)


def main(arguments=None):
    settings = read_options(__doc__, "order_book.png", arguments)
    settings.training_windows, settings.test_windows = (
        (150, 200) if settings.small else (1000, 2000)
    )
    settings.epochs, n_seeds = (2, 1) if settings.small else (25, 5)
    rows = []
    for seed in range(n_seeds):
        test, scores, seconds, model = run_seed(seed, settings)
        rows.extend(figures(test, scores, seconds, seed))
    table = pd.DataFrame(rows)
    n_spoofing = np.sum(test.kind != GENUINE)
    print(f"{len(test.kind):,} windows, about {n_spoofing} with spoofing, {n_seeds} seeds")
    print_table(table)
    draw(table, test, scores, model, settings.out)
    table.to_csv(settings.out.with_suffix(".csv"), index=False)
    print(f"wrote {settings.out}")


if __name__ == "__main__":
    main()
