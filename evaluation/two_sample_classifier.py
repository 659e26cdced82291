"""Whether a small model can tell new rows from old ones: the two-sample classifier."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

MAX_ROWS = 10_000  # of a side: keeps the cost at seconds, and resolves an AUC of 0.51
MIN_ROWS = 50  # of a side
N_FOLDS = 5
MAX_CATEGORIES = 255  # that the model can tell apart; rarer ones share the last
SETTINGS = {
    "max_iter": 60,
    "max_leaf_nodes": 8,
    "learning_rate": 0.1,
    "l2_regularization": 1.0,
    "early_stopping": False,
}


class SeparationAUC(NamedTuple):
    """How well new rows are told from old ones.

    Attributes
    ----------
    value, low, high : float in [0, 1]
        Cross-validated ROC AUC, 0.5 where nobody can tell them apart, and its interval.
    n_old, n_new : int
        Rows that took part.
    """

    value: float
    low: float
    high: float
    n_old: int
    n_new: int


def separation_auc(old, new, *, is_categorical=None, level=0.95, rng):
    """Cross-validated AUC of gradient boosting that tells new rows from old ones.

    Every fold is judged by the model of the others. The interval is that of the mean over folds
    of the AUC of models trained on so many rows, from its influence on each row (LeDell, Petersen
    and van der Laan 2015), in log odds, so that it stays within 0 and 1.

    Parameters
    ----------
    old : ndarray of shape (n_old, n_columns)
    new : ndarray of shape (n_new, n_columns)
        At least 50 rows each; of more than 10,000 so many are drawn.
    is_categorical : array-like of bool of shape (n_columns,), or None
        Columns whose numbers are codes of categories; those above 255 must be rare ones.
    level : float in (0, 1)
        Coverage.
    rng : numpy.random.Generator
        Draws rows and folds.

    Returns
    -------
    SeparationAUC

    Raises
    ------
    ValueError
        If a side has fewer than 50 rows.
    """
    if min(len(old), len(new)) < MIN_ROWS:
        raise ValueError(f"expected {MIN_ROWS} rows on each side, got {len(old)} and {len(new)}")
    old, new = (_drawn(np.asarray(side, dtype=np.float64), rng) for side in (old, new))
    rows = np.concatenate([old, new])
    is_new = np.repeat([0, 1], [len(old), len(new)])
    categorical = None if is_categorical is None else np.asarray(is_categorical, dtype=bool)
    if categorical is not None:
        rows[:, categorical] = np.minimum(rows[:, categorical], MAX_CATEGORIES - 1)
    seed = int(rng.integers(2**31))
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    found = []
    for training, judged in folds.split(rows, is_new):
        model = HistGradientBoostingClassifier(
            random_state=seed, categorical_features=categorical, **SETTINGS
        )
        model.fit(rows[training], is_new[training])
        found.append(_auc_with_variance(is_new[judged], model.predict_proba(rows[judged])[:, 1]))
    auc, variance = np.mean([one[0] for one in found]), np.sum([one[1] for one in found])
    low, high = _interval(float(auc), float(np.sqrt(variance) / N_FOLDS), level)
    return SeparationAUC(float(auc), low, high, len(old), len(new))


def _drawn(rows, rng):
    if len(rows) <= MAX_ROWS:
        return rows
    return rows[np.sort(rng.choice(len(rows), MAX_ROWS, replace=False))]


def _auc_with_variance(is_new, score):
    """AUC and its variance (DeLong et al. 1988), by ranks."""
    new, old = score[is_new == 1], score[is_new == 0]
    of_all = rankdata(np.concatenate([new, old]))
    above = (of_all[: len(new)] - rankdata(new)) / len(old)
    below = 1 - (of_all[len(new) :] - rankdata(old)) / len(new)
    variance = above.var(ddof=1) / len(new) + below.var(ddof=1) / len(old)
    return above.mean(), variance


def _interval(auc, deviation, level):
    if not 0 < auc < 1:
        return auc, auc
    logit, reach = math.log(auc / (1 - auc)), ndtri((1 + level) / 2)
    half = float(reach) * deviation / (auc * (1 - auc))
    return tuple(1 / (1 + math.exp(-end)) for end in (logit - half, logit + half))
