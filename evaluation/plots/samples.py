"""Pictures of rows: reconstructions, codes, and synthetic frauds beside real ones."""

import numpy as np
import pandas as pd

from evaluation.plots.style import (
    FRAUD,
    GENUINE,
    REFERENCE,
    SYNTHETIC,
    add_grid,
    legend_above,
    method_colour,
)


def reconstruction_numbers(original, reconstruction, columns):
    """One transaction beside its reconstruction.

    Parameters
    ----------
    original, reconstruction : array-like of shape (n_columns,)
        Scaled values.
    columns : sequence of str, of length n_columns
        Names.

    Returns
    -------
    pandas.DataFrame
        Columns `column`, `original`, `reconstruction`.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    return pd.DataFrame(
        {
            "column": [str(column) for column in columns],
            "original": np.asarray(original, dtype=np.float64),
            "reconstruction": np.asarray(reconstruction, dtype=np.float64),
        }
    )


def plot_reconstruction(original, reconstruction, columns, ax):
    """Bars of one transaction's scaled values beside those of its reconstruction.

    Parameters
    ----------
    original, reconstruction, columns
        As in `reconstruction_numbers`.
    ax : matplotlib.axes.Axes
        Drawn into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    numbers = reconstruction_numbers(original, reconstruction, columns)
    position = np.arange(len(numbers))
    sides = (("original", -0.2, method_colour(0)), ("reconstruction", 0.2, method_colour(4)))
    for name, offset, colour in sides:
        ax.bar(position + offset, numbers[name], width=0.4, color=colour, label=name)
    error = float(np.mean((numbers["original"] - numbers["reconstruction"]) ** 2))
    ax.axhline(0, color=REFERENCE, linewidth=0.8)
    ax.set_xticks(position, numbers["column"], rotation=90)
    ax.set(xlim=(-0.7, len(numbers) - 0.3), ylabel="Scaled value")
    ax.set_title(f"Mean squared error {error:.3g}", loc="right", fontsize="medium")
    add_grid(ax, axis="y")
    return legend_above(ax)


def codes_numbers(embedding, is_fraud):
    """Embedded codes with their class.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, 2)
        Codes brought to two dimensions (t-SNE).
    is_fraud : array-like of shape (n_samples,)
        1 marks fraud.

    Returns
    -------
    pandas.DataFrame
        Columns `x`, `y`, `is_fraud` (0 or 1).
    """
    embedding = np.asarray(embedding, dtype=np.float64)
    if embedding.ndim != 2 or embedding.shape[1] != 2:
        raise ValueError(f"embedding must have shape (n_samples, 2), got {embedding.shape}")
    is_fraud = np.asarray(is_fraud).astype(int)
    return pd.DataFrame({"x": embedding[:, 0], "y": embedding[:, 1], "is_fraud": is_fraud})


def plot_codes(embedding, is_fraud, ax):
    """Embedded codes, genuine rows blue and frauds red on top.

    Parameters
    ----------
    embedding, is_fraud
        As in `codes_numbers`.
    ax : matplotlib.axes.Axes
        Drawn into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    numbers = codes_numbers(embedding, is_fraud)
    groups = ((0, "genuine", GENUINE, 8, 0.5), (1, "fraud", FRAUD, 18, 0.9))
    for label, name, colour, size, alpha in groups:
        part = numbers[numbers["is_fraud"] == label]
        ax.scatter(
            part["x"],
            part["y"],
            s=size,
            color=colour,
            alpha=alpha,
            linewidths=0,
            zorder=2 + label,
            label=f"{name} ({len(part):,})",
        )
    ax.set(xlabel="t-SNE 1", ylabel="t-SNE 2", xticks=[], yticks=[])
    return legend_above(ax)


def real_and_synthetic_numbers(real, synthetic):
    """Real and synthetic frauds on the two main axes of the real ones.

    Parameters
    ----------
    real : array-like of shape (n_real, n_columns), n_real >= 2, n_columns >= 2
        Scaled real training frauds.
    synthetic : array-like of shape (n_synthetic, n_columns)
        Generated frauds on the same scale.

    Returns
    -------
    pandas.DataFrame
        Columns `x`, `y`, `source` ("real" or "synthetic"); `attrs["explained"]` holds the
        shares of the real rows' variance on the two axes.
        **Fitted on:** the real rows only.

    Raises
    ------
    ValueError
        If there are fewer than two real rows or columns.
    """
    real, synthetic = np.asarray(real, np.float64), np.asarray(synthetic, np.float64)
    if real.ndim != 2 or min(real.shape) < 2:
        raise ValueError(f"real must have at least two rows and two columns, got {real.shape}")
    centre = real.mean(axis=0)
    _, deviation, axes = np.linalg.svd(real - centre, full_matrices=False)
    parts = []
    for source, rows in (("real", real), ("synthetic", synthetic.reshape(-1, real.shape[1]))):
        x, y = ((rows - centre) @ axes[:2].T).T
        parts.append(pd.DataFrame({"x": x, "y": y, "source": source}))
    numbers = pd.concat(parts, ignore_index=True)
    variance = deviation**2
    total = variance.sum()
    numbers.attrs["explained"] = [float(v / total) if total else 0.0 for v in variance[:2]]
    return numbers


def plot_real_and_synthetic(real, synthetic, ax):
    """Real frauds over synthetic ones in two dimensions (principal components of the real).

    Parameters
    ----------
    real, synthetic
        As in `real_and_synthetic_numbers`.
    ax : matplotlib.axes.Axes
        Drawn into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    numbers = real_and_synthetic_numbers(real, synthetic)
    groups = (
        ("synthetic", {"marker": "x", "s": 14, "color": SYNTHETIC, "alpha": 0.5, "linewidths": 1}),
        (
            "real",
            {"marker": "o", "s": 22, "color": FRAUD, "edgecolors": "white", "linewidths": 0.5},
        ),
    )
    for source, look in groups:
        part = numbers[numbers["source"] == source]
        ax.scatter(part["x"], part["y"], label=f"{source} frauds ({len(part):,})", **look)
    first, second = numbers.attrs["explained"]
    ax.set_xlabel(f"Principal component 1 ({first:.0%} of the real variance)")
    ax.set_ylabel(f"Principal component 2 ({second:.0%})")
    add_grid(ax)
    return legend_above(ax)


def fidelity_numbers(report):
    """Kolmogorov-Smirnov distance per column, worst first.

    Parameters
    ----------
    report : dict
        From `evaluation.fidelity.fidelity_report`.

    Returns
    -------
    pandas.DataFrame
        Columns `column`, `ks`, `holdout_ks` (NaN without a holdout); empty where the report
        has no distances.
    """
    per_column = report["ks"]["per_column"] or {}
    holdout = ((report["holdout"] or {}).get("ks") or {}).get("per_column") or {}
    rows = [(name, ks, holdout.get(name, np.nan)) for name, ks in per_column.items()]
    numbers = pd.DataFrame(rows, columns=["column", "ks", "holdout_ks"])
    return numbers.sort_values("ks", ascending=False, kind="stable", ignore_index=True)


def plot_column_distances(report, ax):
    """Bars of the Kolmogorov-Smirnov distance per column, unseen real frauds as ticks.

    Parameters
    ----------
    report : dict
        From `evaluation.fidelity.fidelity_report`.
    ax : matplotlib.axes.Axes
        Drawn into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    numbers = fidelity_numbers(report)
    position = np.arange(len(numbers))
    ax.barh(position, numbers["ks"], color=SYNTHETIC, label="synthetic frauds")
    if numbers["holdout_ks"].notna().any():
        ax.plot(numbers["holdout_ks"], position, "|", color=FRAUD, ms=8, mew=2, label="unseen real")
        ax.legend(loc="lower right", frameon=True, framealpha=0.9)
    ax.set_yticks(position, numbers["column"], fontsize="x-small" if len(numbers) > 20 else None)
    ax.invert_yaxis()
    longest = float(numbers[["ks", "holdout_ks"]].max().max()) if len(numbers) else 0.0
    ax.set(xlim=(0, min(1, max(0.3, 1.1 * longest))), xlabel="Kolmogorov-Smirnov distance to real")
    add_grid(ax, axis="x")
    return ax


def nearest_distance_numbers(synthetic_to_real, real_to_real):
    """Nearest distances in long form.

    Parameters
    ----------
    synthetic_to_real, real_to_real : array-like of shape (n,)
        From `evaluation.fidelity.nearest_distances`.

    Returns
    -------
    pandas.DataFrame
        Columns `pair` ("synthetic to real" or "real to real"), `distance`.
    """
    pairs = {"synthetic to real": synthetic_to_real, "real to real": real_to_real}
    parts = [
        pd.DataFrame({"pair": pair, "distance": np.asarray(distances, dtype=np.float64)})
        for pair, distances in pairs.items()
    ]
    return pd.concat(parts, ignore_index=True)


def plot_nearest_distances(synthetic_to_real, real_to_real, ax):
    """Histograms of nearest distances: mass left of the real one means copying.

    Parameters
    ----------
    synthetic_to_real, real_to_real
        As in `nearest_distance_numbers`.
    ax : matplotlib.axes.Axes
        Drawn into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    numbers = nearest_distance_numbers(synthetic_to_real, real_to_real)
    ax.set(xlabel="Distance to the nearest real training fraud", ylabel="Share of rows")
    add_grid(ax)
    if numbers.empty:
        return ax
    # The farthest hundredth would flatten everything else; it is counted in the last bin.
    end = float(numbers.groupby("pair")["distance"].quantile(0.99).max()) or 1.0
    edges = np.linspace(0, end, 31)
    looks = {
        "synthetic to real": {"color": SYNTHETIC, "alpha": 0.6, "histtype": "stepfilled"},
        "real to real": {"color": FRAUD, "linewidth": 2, "histtype": "step"},
    }
    for pair, look in looks.items():
        distances = numbers.loc[numbers["pair"] == pair, "distance"].clip(upper=end)
        if len(distances):
            share = np.full(len(distances), 1 / len(distances))
            ax.hist(distances, edges, weights=share, label=f"{pair} ({len(distances):,})", **look)
    ax.legend(loc="upper right", frameon=True, framealpha=0.9)
    return ax


def plot_fidelity(report, synthetic_to_real, real_to_real, axes):
    """Column distances on the first axis, nearest distances on the second.

    Parameters
    ----------
    report : dict
        From `evaluation.fidelity.fidelity_report`.
    synthetic_to_real, real_to_real
        As in `nearest_distance_numbers`.
    axes : pair of matplotlib.axes.Axes
        Drawn into.

    Returns
    -------
    pair of matplotlib.axes.Axes
    """
    plot_column_distances(report, axes[0])
    plot_nearest_distances(synthetic_to_real, real_to_real, axes[1])
    return axes
