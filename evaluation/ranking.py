"""Metrics of the order that scores give to transactions."""

from typing import NamedTuple

import numpy as np

from evaluation.inputs import check_both_classes, check_scored_rows


class Cuts(NamedTuple):
    """Weighted counts at every possible cut, from the highest score to the lowest.

    Attributes
    ----------
    score : ndarray of shape (n_cuts,)
        Distinct scores, descending; the rows with at least this score are the alerts.
    caught : ndarray of shape (n_cuts,)
        Weight of the frauds among the alerts.
    false_alarms : ndarray of shape (n_cuts,)
        Weight of the genuine rows among the alerts.
    """

    score: np.ndarray
    caught: np.ndarray
    false_alarms: np.ndarray

    @property
    def alerts(self):
        """Weight of all alerts at each cut."""
        return self.caught + self.false_alarms

    @property
    def precision(self):
        """Share of frauds among the alerts at each cut."""
        return self.caught / self.alerts

    @property
    def recall(self):
        """Share of the frauds that are alerts at each cut."""
        return self.caught / self.caught[-1]

    def threshold(self, index, dtype=np.float64):
        """Threshold that makes the rows of one cut, and no others, alerts.

        Halfway between the lowest score above the cut and the highest one below it, so that
        new scores are split without favour. Where no number of type `dtype` lies between the
        two, and at the last cut, it is the lowest score above the cut.

        Parameters
        ----------
        index : int
            Which cut.
        dtype : floating dtype
            Type of the scores that the threshold will be compared with: the threshold is a
            number of that type, so no rounding moves a row across it.
        """
        above = self.score[index]
        if index + 1 == len(self.score):
            return float(above)
        below = self.score[index + 1]
        halfway = float(np.asarray(above / 2 + below / 2, dtype=dtype))
        return halfway if below < halfway <= above else float(above)


def score_dtype(score):
    """Floating type in which scores will be compared with a threshold."""
    dtype = getattr(score, "dtype", None)
    return dtype if dtype in (np.float16, np.float32) else np.float64


def rank_cuts(y_true, score, sample_weight=None):
    """Weighted counts of frauds and genuine rows at every distinct score.

    Parameters
    ----------
    y_true, score, sample_weight : array-like of shape (n_samples,)
        As in `average_precision`.

    Returns
    -------
    Cuts
        Rows of equal score fall on the same side of every cut, so row order is irrelevant.
    """
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    # A stable sort takes linear time on rows that already are in order: the bootstrap's case.
    order = np.argsort(-score, kind="stable")
    score, frauds = score[order], (y_true * weight)[order]
    last_of_score = np.append(np.flatnonzero(score[:-1] != score[1:]), len(score) - 1)
    caught = np.cumsum(frauds)[last_of_score]
    false_alarms = np.cumsum(weight[order] - frauds)[last_of_score]
    return Cuts(score[last_of_score], caught, false_alarms)


def average_precision(y_true, score, sample_weight=None):
    """Average precision (AUPRC): the mean of precision over the steps in recall.

    sum_n (R_n - R_(n-1)) P_n over the distinct scores, as scikit-learn's
    `average_precision_score`, which takes about three times as long.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud.
    score : array-like of shape (n_samples,)
        Higher is more suspicious; any monotone scale.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for (see `evaluation.metrics.prevalence_weights`).

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If there is no fraud, or the input is malformed.

    Examples
    --------
    >>> average_precision([0, 1, 1, 0], [0.1, 0.9, 0.4, 0.8]) # (1 + 2/3) / 2
    0.8333333333333333
    """
    cuts = rank_cuts(y_true, score, sample_weight)
    return float(np.sum(np.diff(cuts.recall, prepend=0.0) * cuts.precision))


def precision_recall_points(y_true, score, sample_weight=None):
    """Corners of the precision-recall curve, by rising recall.

    Cuts between two corners change only precision along a straight drop and are left out, so
    the points number at most twice the frauds.

    Parameters
    ----------
    y_true, score, sample_weight : array-like of shape (n_samples,)
        As in `average_precision`.

    Returns
    -------
    recall, precision : ndarray of shape (n_points,), in [0, 1]
        Begins with recall 0 and the precision of the highest score.
    """
    cuts = rank_cuts(y_true, score, sample_weight)
    rises = np.diff(cuts.caught, prepend=0.0) > 0
    corner = rises | np.append(rises[1:], True)
    corner[0] = True
    recall, precision = cuts.recall[corner], cuts.precision[corner]
    return np.append(0.0, recall), np.append(precision[0], precision)


def best_f1(y_true, score, sample_weight=None):
    """Highest F1 over all thresholds, with the threshold that reaches it.

    Parameters
    ----------
    y_true, score, sample_weight : array-like of shape (n_samples,)
        As in `average_precision`.

    Returns
    -------
    f1 : float in (0, 1]
    threshold : float
        Rows with `score >= threshold` are alerts; it lies halfway between the neighbouring
        scores (see `Cuts.threshold`). Of equally good thresholds the one with the fewest
        alerts.

    Raises
    ------
    ValueError
        If there is no fraud, or the input is malformed.

    Examples
    --------
    >>> best_f1([0, 1, 1, 0], [0.0, 1.0, 0.5, 0.25])
    (1.0, 0.375)
    """
    cuts = rank_cuts(y_true, score, sample_weight)
    f1 = 2 * cuts.caught / (cuts.alerts + cuts.caught[-1])
    best = int(np.argmax(f1))
    return float(f1[best]), cuts.threshold(best, score_dtype(score))


def precision_at_k(y_true, score, k, sample_weight=None):
    """Share of frauds among the k most suspicious transactions.

    Parameters
    ----------
    y_true, score, sample_weight : array-like of shape (n_samples,)
        As in `average_precision`.
    k : float, 0 < k <= sum of the weights
        Alerts that investigators can handle. Without weights, rows; with weights, transactions
        of the weighted population: a row of weight 2 takes two of the k places.

    Returns
    -------
    float in [0, 1]
        Ties at the cut count by expected share, so row order is irrelevant.

    Raises
    ------
    ValueError
        If `k` is outside its range.

    Examples
    --------
    >>> precision_at_k(np.array([0, 1, 1, 0]), np.array([.1, .9, .4, .8]), k=2)
    0.5
    """
    return _caught_at_k(rank_cuts(y_true, score, sample_weight), k) / k


def recall_at_k(y_true, score, k, sample_weight=None):
    """Share of the frauds that are among the k most suspicious transactions.

    Parameters, ties and errors as in `precision_at_k`.

    Returns
    -------
    float in [0, 1]
    """
    cuts = rank_cuts(y_true, score, sample_weight)
    return _caught_at_k(cuts, k) / float(cuts.caught[-1])


def recall_at_fpr(y_true, score, fpr, sample_weight=None):
    """Highest recall of any threshold whose false-positive rate is at most `fpr`.

    Parameters
    ----------
    y_true, score, sample_weight : array-like of shape (n_samples,)
        As in `average_precision`; frauds and genuine rows must both be there.
    fpr : float in [0, 1]
        Allowed share of genuine transactions among the alerts' false alarms
        (false alarms / genuine transactions).

    Returns
    -------
    float in [0, 1]
        0 where even the highest score gives more false alarms than allowed.

    Raises
    ------
    ValueError
        If a class is missing or `fpr` is outside [0, 1].
    """
    if not 0 <= fpr <= 1:
        raise ValueError(f"fpr must lie in [0, 1], got {fpr}")
    cuts = rank_cuts(y_true, score, sample_weight)
    n_genuine = cuts.false_alarms[-1]
    if n_genuine == 0:
        check_both_classes(np.asarray(y_true))
    # The tolerance forgives the rounding of summed weights, not a false alarm.
    allowed = cuts.false_alarms <= fpr * n_genuine * (1 + 1e-12)
    return float(cuts.recall[allowed][-1]) if allowed.any() else 0.0


def _caught_at_k(cuts, k):
    total = cuts.alerts[-1]
    if not 0 < k <= total * (1 + 1e-12):
        raise ValueError(
            f"k must lie in (0, {total:g}], the number of transactions, got {k}; "
            "lower the alert budget"
        )
    return float(np.interp(k, np.append(0.0, cuts.alerts), np.append(0.0, cuts.caught)))
