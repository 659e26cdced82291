"""Comparison of synthetic frauds with real ones: how faithful they are, and how private."""

import numpy as np
from scipy.spatial import cKDTree
from sklearn import config_context
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

COPY_DISTANCE = 1e-6  # standard deviations; float32 rounding of a copied row stays below
MAX_CLASSIFIER_ROWS = 500  # a side: keeps the cost of a report at a few seconds
MAX_DISTANCE_ROWS = 20_000  # synthetic rows whose nearest real row is sought
MIN_CLASSIFIER_ROWS = 10  # a side
N_FOLDS = 5
N_TREES = 50


def fidelity_report(real, synthetic, columns, *, holdout=None, rng):
    """How synthetic frauds compare with the real ones they were made from.

    Parameters
    ----------
    real : array-like of shape (n_real, n_columns)
        The real training frauds.
    synthetic : array-like of shape (n_synthetic, n_columns)
        Generated frauds, on the same scale.
    columns : sequence of str, of length n_columns
        Names.
    holdout : array-like of shape (n_holdout, n_columns) or None
        Real frauds that the generator never saw (validation rows). The same figures for them
        say what is possible: no generator should come nearer to `real` than other real frauds.
    rng : numpy.random.Generator
        Draws the rows, folds and trees of the two-sample classifiers.

    Returns
    -------
    dict
        Ready for JSON; a figure that cannot be had is None, and `unavailable` says why.

        `n_real`, `n_synthetic`, `n_holdout`, `n_columns`
            Sizes.
        `ks`
            Kolmogorov-Smirnov distance of each column in [0, 1] (`per_column`), their `mean`
            and `max`, and the `worst_column`.
        `correlation`
            Mean and maximum absolute difference between the correlation matrices, in [0, 2],
            over the `n_columns` columns that vary in both.
        `two_sample`
            Cross-validated ROC AUC of a logistic regression and a random forest that tell
            synthetic from real rows (`n_per_side` of each): 0.5 cannot, 1 always can. Below
            0.5 is no better than 0.5: with few rows cross-validation errs to that side, and
            copies do, whose twin lies in the training folds with the other label.
        `privacy`
            Median and 5 % quantile of Euclidean distances, in standard deviations of `real`
            per column: `synthetic_to_real` (nearest real fraud), `real_to_real` (nearest other
            real fraud); `share_nearer_than_real`, the share of synthetic rows nearer to a real
            fraud than the 5 % quantile of `real_to_real` (0.05 would be natural, with a few
            hundred real rows up to 0.15 by chance; 1 is copying); `n_exact_copies`.
        `holdout`
            `ks`, `correlation` and distances of `holdout` against `real`, or None.

    Raises
    ------
    ValueError
        If shapes do not agree with `columns`, or a value is not finite.
    """
    columns = [str(column) for column in columns]
    real = _check_table("real", real, columns)
    synthetic = _check_table("synthetic", synthetic, columns)
    unavailable = {}
    report = {
        "n_real": len(real),
        "n_synthetic": len(synthetic),
        "n_holdout": None if holdout is None else len(holdout),
        "n_columns": len(columns),
        "ks": _ks(real, synthetic, columns, unavailable),
        "correlation": _correlation(real, synthetic, unavailable),
        "two_sample": _two_sample(real, synthetic, unavailable, rng),
        "privacy": _privacy(real, synthetic, unavailable, rng),
        "holdout": None,
    }
    if holdout is not None:
        holdout = _check_table("holdout", holdout, columns)
        missing = {}
        report["holdout"] = {
            "ks": _ks(real, holdout, columns, missing),
            "correlation": _correlation(real, holdout, missing),
            "holdout_to_real": _quantiles(nearest_distances(real, holdout)[0]),
        }
        unavailable |= {f"holdout.{figure}": reason for figure, reason in missing.items()}
    report["unavailable"] = unavailable
    return report


def nearest_distances(real, synthetic):
    """Distance of each row to the nearest real training row.

    Parameters
    ----------
    real : array-like of shape (n_real, n_columns)
        Real training frauds.
    synthetic : array-like of shape (n_synthetic, n_columns)
        Rows to compare.

    Returns
    -------
    synthetic_to_real : ndarray of shape (n_synthetic,)
        Euclidean, in standard deviations of `real` per column; empty without real rows.
    real_to_real : ndarray of shape (n_real,)
        From each real row to the nearest other one; empty for fewer than two real rows.
    """
    real, synthetic = np.asarray(real, np.float64), np.asarray(synthetic, np.float64)
    if not len(real):
        return np.empty(0), np.empty(0)
    deviation = real.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    tree = cKDTree(real / scale)
    to_real = tree.query(synthetic / scale)[0] if len(synthetic) else np.empty(0)
    # The nearest row to a real row is itself, at distance 0; the second is the nearest other.
    among_real = tree.query(real / scale, k=2)[0][:, 1] if len(real) > 1 else np.empty(0)
    return to_real, among_real


def _ks(real, other, columns, unavailable):
    if not (len(real) and len(other)):
        unavailable["ks"] = f"needs a row on each side, got {len(real)} and {len(other)}"
        return {"per_column": None, "mean": None, "max": None, "worst_column": None}
    distances = [_ks_distance(real[:, i], other[:, i]) for i in range(len(columns))]
    return {
        "per_column": dict(zip(columns, distances, strict=True)),
        "mean": float(np.mean(distances)),
        "max": max(distances),
        "worst_column": columns[int(np.argmax(distances))],
    }


def _ks_distance(a, b):
    """Largest gap between the two distribution functions; scipy's p-value fails on one row."""
    both = np.concatenate([a, b])
    gap = np.searchsorted(np.sort(a), both, "right") / len(a)
    gap -= np.searchsorted(np.sort(b), both, "right") / len(b)
    return float(np.abs(gap).max())


def _correlation(real, other, unavailable):
    empty = {"mean_absolute_difference": None, "max_absolute_difference": None, "n_columns": 0}
    if min(len(real), len(other)) < 2:
        unavailable["correlation"] = (
            f"needs two rows on each side, got {len(real)} and {len(other)}"
        )
        return empty
    varies = (np.ptp(real, axis=0) > 0) & (np.ptp(other, axis=0) > 0)
    n_varying = int(varies.sum())
    if n_varying < 2:
        unavailable["correlation"] = f"needs two columns that vary on both sides, got {n_varying}"
        return empty
    difference = np.abs(
        np.corrcoef(real[:, varies], rowvar=False) - np.corrcoef(other[:, varies], rowvar=False)
    )[np.triu_indices(n_varying, k=1)]
    return {
        "mean_absolute_difference": float(difference.mean()),
        "max_absolute_difference": float(difference.max()),
        "n_columns": n_varying,
    }


def _two_sample(real, synthetic, unavailable, rng):
    n_per_side = min(len(real), len(synthetic), MAX_CLASSIFIER_ROWS)
    if n_per_side < MIN_CLASSIFIER_ROWS:
        unavailable["two_sample"] = (
            f"needs {MIN_CLASSIFIER_ROWS} rows on each side, got {len(real)} and {len(synthetic)}"
        )
        return {"logistic_auc": None, "forest_auc": None, "n_per_side": n_per_side}
    # As many of each, whatever was generated, so that samplers can be compared.
    sides = [rng.choice(side, n_per_side, replace=False) for side in (real, synthetic)]
    is_synthetic = np.repeat([0, 1], n_per_side)
    seed = int(rng.integers(2**31))
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    classifiers = {
        "logistic_auc": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000)),
        "forest_auc": RandomForestClassifier(N_TREES, min_samples_leaf=2, random_state=seed),
    }
    rows = np.concatenate(sides)
    # Hundreds of small trees: scikit-learn's checks of their arguments take half of the time.
    with config_context(skip_parameter_validation=True, assume_finite=True):
        aucs = {
            name: float(
                cross_val_score(classifier, rows, is_synthetic, cv=folds, scoring="roc_auc").mean()
            )
            for name, classifier in classifiers.items()
        }
    return aucs | {"n_per_side": n_per_side}


def _privacy(real, synthetic, unavailable, rng):
    if len(synthetic) > MAX_DISTANCE_ROWS:
        synthetic = rng.choice(synthetic, MAX_DISTANCE_ROWS, replace=False)
    to_real, among_real = nearest_distances(real, synthetic)
    share = copies = None
    if len(to_real):
        copies = int(np.sum(to_real <= COPY_DISTANCE))
    else:
        unavailable["privacy.n_exact_copies"] = (
            f"needs a row on each side, got {len(real)} and {len(synthetic)}"
        )
    if len(to_real) and len(among_real):
        near = max(float(np.quantile(among_real, 0.05)), COPY_DISTANCE)
        share = float(np.mean(to_real <= near))
    else:
        unavailable["privacy.share_nearer_than_real"] = (
            f"needs two real rows and a synthetic one, got {len(real)} and {len(synthetic)}"
        )
    return {
        "synthetic_to_real": _quantiles(to_real),
        "real_to_real": _quantiles(among_real),
        "share_nearer_than_real": share,
        "n_exact_copies": copies,
        "n_synthetic": len(synthetic),
    }


def _quantiles(distances):
    if not len(distances):
        return {"median": None, "quantile_05": None}
    return {
        "median": float(np.median(distances)),
        "quantile_05": float(np.quantile(distances, 0.05)),
    }


def _check_table(name, rows, columns):
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(columns):
        raise ValueError(f"{name} must have shape (n, {len(columns)}), got {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError(
            f"{name} must be finite, got {np.sum(~np.isfinite(rows))} other values; "
            "the generator has diverged or a row was not cleaned"
        )
    return rows
