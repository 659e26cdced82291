"""Choice of the score from which a transaction raises an alert."""

import numpy as np

from evaluation.ranking import best_f1, rank_cuts, score_dtype


def choose_threshold(y_true, score, *, by="f1", value=None, sample_weight=None):
    """Threshold for alerts (`score >= threshold`) under a rule.

    **Fitted on:** validation rows only; the test part must not be seen.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud.
    score : array-like of shape (n_samples,)
        Higher is more suspicious.
    by : {"f1", "alerts", "precision"}
        "f1": the highest F1. "alerts": as many alerts as a budget allows. "precision": the
        highest recall at which precision keeps a floor.
    value : float in (0, 1] or None
        For "alerts" the largest share of transactions to alert, for "precision" the floor;
        None for "f1".
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for: shares and precision hold at that prevalence.

    Returns
    -------
    float
        Halfway between the neighbouring scores, or a score itself where no number lies
        between. Rows of equal score are alerted together.

    Raises
    ------
    ValueError
        If the rule is unknown, `value` does not suit it, or no threshold fulfils it.

    Examples
    --------
    >>> choose_threshold([0, 1, 1, 0], [0.0, 1.0, 0.5, 0.75], by="precision", value=0.9)
    0.875
    """
    if by not in _RULES:
        raise ValueError(f"by must be one of {sorted(_RULES)}, got {by!r}")
    if by == "f1":
        if value is not None:
            raise ValueError(f"by='f1' takes no value, got {value}")
        return best_f1(y_true, score, sample_weight)[1]
    if value is None or not 0 < value <= 1:
        raise ValueError(f"by={by!r} needs a value in (0, 1], got {value}")
    cuts = rank_cuts(y_true, score, sample_weight)
    return cuts.threshold(_RULES[by](cuts, value), score_dtype(score))


def _cut_by_alerts(cuts, share):
    alert_share = cuts.alerts / cuts.alerts[-1]
    allowed = np.flatnonzero(alert_share <= share * (1 + 1e-12))
    if not len(allowed):
        raise ValueError(
            f"no threshold alerts at most a share of {share} of the transactions: the highest "
            f"score alone is shared by {alert_share[0]:.6g} of them; raise the alert budget or "
            "judge on more rows"
        )
    return int(allowed[-1])


def _cut_by_precision(cuts, floor):
    kept = np.flatnonzero((cuts.precision >= floor * (1 - 1e-12)) & (cuts.caught > 0))
    if not len(kept):
        raise ValueError(
            f"no threshold reaches a precision of {floor}; the highest one reached is "
            f"{cuts.precision.max():.6g}; lower the precision floor"
        )
    # Of the cuts with the highest recall the first has the fewest false alarms.
    return int(kept[np.argmax(cuts.caught[kept])])


_RULES = {"f1": None, "alerts": _cut_by_alerts, "precision": _cut_by_precision}
