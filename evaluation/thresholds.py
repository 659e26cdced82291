"""Choice of the score from which a transaction raises an alert."""

import numpy as np
from scipy.special import expit

from evaluation.calibration import log_odds
from evaluation.decisions import amount_saved, confusion_at
from evaluation.inputs import check_probabilities, check_scored_rows
from evaluation.ranking import best_f1, rank_cuts, score_dtype


def choose_threshold(y_true, score, *, by="f1", value=None, sample_weight=None):
    """Threshold for alerts (`score >= threshold`) under a rule.

    **Fitted on:** validation rows only; the test part must not be seen.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud.
    score : array-like of shape (n_samples,)
        Higher is more suspicious; for "f1" probabilities of fraud, calibrated on these rows.
    by : {"f1", "alerts", "precision"}
        "f1": a high F1 on new rows, see below. "alerts": as many alerts as a budget allows.
        "precision": the highest recall at which precision keeps a floor.
    value : float in (0, 1] or None
        For "alerts" the largest share of transactions to alert, for "precision" the floor;
        None for "f1".
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for: shares and precision hold at that prevalence.

    Returns
    -------
    float
        For "alerts" and "precision" halfway between the neighbouring scores, or a score itself
        where no number lies between. Rows of equal score are alerted together.

    Raises
    ------
    ValueError
        If the rule is unknown, `value` does not suit it, no threshold fulfils it, or for "f1" a
        score is no probability.

    Notes
    -----
    "f1" is halfway, in log odds, between two thresholds: that of the highest F1 on these rows,
    which a handful of frauds moves far, and that of the highest F1 that the scores themselves
    expect, which moves little but errs where the scores do. `benchmarks/thresholds.py` compares
    the three on other rows.

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
        return _steady_f1_threshold(y_true, score, sample_weight)
    if value is None or not 0 < value <= 1:
        raise ValueError(f"by={by!r} needs a value in (0, 1], got {value}")
    cuts = rank_cuts(y_true, score, sample_weight)
    return cuts.threshold(_RULES[by](cuts, value), score_dtype(score))


def expected_f1_threshold(score, sample_weight=None):
    """Threshold of the highest F1 that calibrated probabilities of fraud expect.

    Maximises 2 sum_(score >= t) w p / (sum_(score >= t) w + sum w p): F1 with every row split
    into p frauds and 1 - p genuine transactions, so no label is looked at.

    Parameters
    ----------
    score : array-like of shape (n_samples,), in [0, 1]
        Probabilities of fraud; not all 0.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for.

    Returns
    -------
    float
        Halfway between the neighbouring scores, as in `evaluation.ranking.best_f1`.

    Examples
    --------
    >>> expected_f1_threshold([1.0, 0.75, 0.25])  # F1 2/3, 14/15 and 4/5 for 1, 2 and 3 alerts
    0.5
    """
    score = np.asarray(score)
    check_probabilities(score)
    weight = np.ones(len(score)) if sample_weight is None else np.asarray(sample_weight, float)
    is_fraud = np.repeat([1, 0], len(score))
    shares = np.append(weight * score, weight * (1.0 - score))
    return best_f1(is_fraud, np.tile(score, 2), shares)[1]


def cheapest_threshold(
    y_true, score, amount, *, cost_per_false_alarm, cost_per_missed_unit=1.0, sample_weight=None
):
    """Threshold at which false alarms and missed frauds cost least together.

    Minimises, over every way to part the rows by their score,

        cost(t) = cost_per_false_alarm * sum_(score >= t, y = 0) w
                  + cost_per_missed_unit * sum_(score < t, y = 1) w amount.

    **Fitted on:** validation rows only; the test part must not be seen.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud.
    score : array-like of shape (n_samples,)
        Higher is more suspicious; any monotone scale.
    amount : array-like of shape (n_samples,)
        Money moved by each transaction; finite.
    cost_per_false_alarm : float, above 0
        Cost of an alert about a genuine transaction, in the unit of `amount`.
    cost_per_missed_unit : float, above 0, default=1.0
        What is lost of each unit of a missed fraud's amount; 1.0 is all of it.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for.

    Returns
    -------
    float
        Halfway between the neighbouring scores, as in `choose_threshold`. Of equally cheap
        thresholds the one with the fewest alerts.

    Raises
    ------
    ValueError
        If a cost is not above 0, the input is malformed, or no alert at all is as cheap as any.

    Examples
    --------
    Three alerts cost one false alarm, 5; two would miss the fraud of 40.

    >>> cheapest_threshold([1, 0, 1, 0], [1.0, 0.75, 0.5, 0.25], [9.0, 1.0, 40.0, 2.0],
    ...                    cost_per_false_alarm=5.0)
    0.375
    """
    _check_costs(cost_per_false_alarm, cost_per_missed_unit)
    cuts = rank_cuts(y_true, score, sample_weight)
    missed, at_risk = _missed_amounts(cuts.score, y_true, score, amount, sample_weight)
    cost = cost_per_false_alarm * cuts.false_alarms + cost_per_missed_unit * missed
    without_alerts = cost_per_missed_unit * at_risk
    tolerance = 1e-12 * max(np.abs(cost).max(), abs(without_alerts))
    if cost.min() >= without_alerts - tolerance:
        raise ValueError(
            f"no threshold costs less than raising no alert at all ({without_alerts:.6g}); the "
            f"cheapest one costs {cost.min():.6g}; lower the cost per false alarm"
        )
    # Summed costs that should be equal may differ in their last digits.
    first = int(np.flatnonzero(cost <= cost.min() + tolerance)[0])
    return cuts.threshold(first, score_dtype(score))


def cost_at(
    y_true,
    score,
    threshold,
    amount,
    *,
    cost_per_false_alarm,
    cost_per_missed_unit=1.0,
    sample_weight=None,
):
    """Cost of the false alarms and missed frauds where `score >= threshold` is an alert.

    Parameters and formula as in `cheapest_threshold`.

    Returns
    -------
    float
        In the unit of `amount`.

    Examples
    --------
    >>> cost_at([1, 0, 1], [0.9, 0.8, 0.2], 0.5, [9.0, 1.0, 40.0], cost_per_false_alarm=5.0)
    45.0
    """
    _check_costs(cost_per_false_alarm, cost_per_missed_unit)
    false_alarms = confusion_at(y_true, score, threshold, sample_weight).false_positives
    missed = amount_saved(y_true, amount, np.asarray(score) < threshold, sample_weight)
    return cost_per_false_alarm * false_alarms + cost_per_missed_unit * missed


def _missed_amounts(thresholds, y_true, score, amount, sample_weight):
    """Amounts of the frauds below each threshold, and of all frauds."""
    is_fraud = np.asarray(y_true) == 1
    score = np.asarray(score, dtype=np.float64)
    amount = np.asarray(amount, dtype=np.float64)
    if amount.shape != score.shape or not np.isfinite(amount).all():
        raise ValueError(
            f"amount must hold {len(score)} finite numbers like y_true, got shape {amount.shape}"
        )
    weight = np.ones(len(score)) if sample_weight is None else np.asarray(sample_weight, float)
    order = np.argsort(score[is_fraud], kind="stable")
    money = np.append(0.0, np.cumsum((weight * amount)[is_fraud][order]))
    return money[np.searchsorted(score[is_fraud][order], thresholds, side="left")], money[-1]


def _check_costs(cost_per_false_alarm, cost_per_missed_unit):
    costs = {
        "cost_per_false_alarm": cost_per_false_alarm,
        "cost_per_missed_unit": cost_per_missed_unit,
    }
    for name, cost in costs.items():
        if cost is None or not 0 < cost < np.inf:
            raise ValueError(f"{name} must be a finite number above 0, got {cost}")


def _steady_f1_threshold(y_true, score, sample_weight):
    check_probabilities(check_scored_rows(y_true, score, sample_weight)[1])
    found = best_f1(y_true, score, sample_weight)[1]
    expected = expected_f1_threshold(score, sample_weight)
    halfway = expit(np.mean(log_odds([found, expected])))
    # Rounding must not leave the range: where both agree, the rows they part stay parted.
    kept = np.clip(halfway, min(found, expected), max(found, expected))
    return float(np.asarray(kept, dtype=score_dtype(score)))


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
