"""Turns judged scores into the content of metrics.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evaluation.calibration import fit_logistic_calibration
from evaluation.decisions import f1_at
from evaluation.expected_frauds import expected_frauds
from evaluation.metrics import ALERT_BUDGET, FALSE_POSITIVE_RATE, summarise
from evaluation.ranking import average_precision, best_f1
from evaluation.uncertainty import (
    bootstrap_intervals,
    paired_difference,
    summary_intervals,
    threshold_statistics,
)
from features.splitting import TEST, VALIDATION
from pipeline.files.atomic import read_json
from pipeline.model.evidence import SGAN

if TYPE_CHECKING:
    from models.classifier import SGANClassifier
    from pipeline.stages.context import StageContext
    from pipeline.stages.judging import Judged, Part

HIGHEST = 1000  # transactions of the weighted population
HEADLINE = ("average_precision", "f1", "precision", "recall")


def metrics_of(
    context: StageContext,
    judged: dict[str, Judged],
    classifier: SGANClassifier,
    members: dict[str, np.ndarray],
    validation: Part,
    test: Part,
) -> dict[str, Any]:
    """Return the content of metrics.json.

    Parameters
    ----------
    context : StageContext
        Of the stage `evaluate`.
    judged : dict of str to Judged
        The SGAN under "sgan", and its challengers.
    classifier : SGANClassifier
        Whose members are judged one by one.
    members : dict of str to ndarray of shape (n_rows, n_members)
        Their scores of the parts "validation" and "test".
    validation, test : Part
        Every figure is one of the test rows; a member's threshold comes from validation rows.
    """
    data = context.artifacts.data_summary()
    figures = {
        name: _figures(context, one, test, of_probabilities=name == SGAN)
        for name, one in judged.items()
    }
    chosen = read_json(context.artifacts.folder("sgan") / "chosen.json")
    figures[SGAN] |= {
        "chosen_epoch": classifier.chosen_epoch_,
        "n_members": len(classifier.active_members_),
        "n_active_members": int(classifier.active_members_.sum()),
        "members": _member_figures(context, classifier, members, validation, test),
        "collapses": chosen["collapses"],
        "pseudo_label_warnings": chosen["pseudo_label_warnings"],
    }
    return {
        "data": {
            "sha256": data["sha256"],
            "n_rows": data["n_rows"],
            "n_frauds": data["n_frauds"],
            "prevalence": context.params.evaluate.prevalence,
            "n_validation_rows": len(validation.label),
            "n_validation_frauds": int(validation.label.sum()),
            "n_test_rows": len(test.label),
            "n_test_frauds": int(test.label.sum()),
        },
        SGAN: figures.pop(SGAN),
        "challengers": figures,
        "differences": {
            name: _difference(context, other, judged[SGAN], test)
            for name, other in judged.items()
            if name != SGAN
        },
    }


def _figures(
    context: StageContext, one: Judged, test: Part, *, of_probabilities: bool
) -> dict[str, Any]:
    """Return every figure of one classifier on the test rows; rates carry their intervals.

    Intervals of what depends on the probabilities themselves (Brier score, calibration error,
    money) cost seconds; challengers go without.
    """
    common = {
        "sample_weight": test.weight,
        "amount": test.amount,
        "alert_budget": ALERT_BUDGET,
        "fpr": FALSE_POSITIVE_RATE,
    }
    values = summarise(test.label, one.on_test, one.threshold, **common)
    resampling = {
        "n_resamples": context.params.evaluate.n_resamples,
        "rng": np.random.default_rng(context.params.evaluate.seed),
    }
    if of_probabilities:
        intervals = summary_intervals(
            test.label, one.on_test, one.threshold, **common, **resampling
        )
    else:
        intervals = bootstrap_intervals(
            threshold_statistics(one.threshold, alert_budget=ALERT_BUDGET, fpr=FALSE_POSITIVE_RATE),
            test.label,
            one.on_test,
            test.weight,
            cuts=[one.threshold],
            **resampling,
        )
    counts = {name: int(value) for name, value in values.items() if name in _COUNTS}
    plain = {
        name: float(value)
        for name, value in values.items()
        if name not in _COUNTS and name not in intervals
    }
    return {
        **{name: _interval(values[name], interval) for name, interval in intervals.items()},
        **plain,
        **counts,
        "calibration": one.calibration.to_dict(),
        **_meaning_of_scores(one, test),
    }


def _meaning_of_scores(one: Judged, test: Part) -> dict[str, Any]:
    """Return how far the scores are the probabilities of fraud that they claim to be."""
    rows = (test.label, one.on_test, test.weight)
    still_missing = fit_logistic_calibration(one.on_test, test.label, test.weight, with_floor=False)
    return {
        "calibration_slope": still_missing.slope,
        "calibration_intercept": still_missing.intercept,
        "expected_frauds": {
            "all": expected_frauds(*rows)._asdict(),
            f"highest_{HIGHEST}": expected_frauds(*rows, k=HIGHEST)._asdict(),
        },
    }


_COUNTS = {"n_rows", "n_frauds", "n_alerts", "n_caught", "n_missed", "n_false_alarms"}


def _interval(value: float, interval: Any) -> dict[str, float]:
    return {"value": float(value), "low": float(interval.low), "high": float(interval.high)}


def _member_figures(
    context: StageContext,
    classifier: SGANClassifier,
    members: dict[str, np.ndarray],
    validation: Part,
    test: Part,
) -> list[dict[str, float]]:
    """Return figures of the single members, which show how much the seeds matter.

    `test_f1` is at the member's own best threshold on validation rows. A member that collapsed
    ends with a last epoch's F1 of 0.
    """
    history = pd.read_parquet(context.artifacts.folder("sgan") / "history.parquet")
    last = history[history["epoch"] == history["epoch"].max()].set_index("member")
    figures: list[dict[str, float]] = []
    for member, is_active in enumerate(classifier.active_members_):
        if not is_active:
            figures.append({})
            continue
        on_validation, on_test = members[VALIDATION][:, member], members[TEST][:, member]
        threshold = best_f1(validation.label, on_validation, validation.weight)[1]
        figures.append(
            {
                "test_average_precision": float(
                    average_precision(test.label, on_test, test.weight)
                ),
                "test_f1": float(f1_at(test.label, on_test, threshold, test.weight)),
                "last_epoch_validation_f1": float(last.loc[member, "validation_f1"]),
            }
        )
    return figures


def _difference(
    context: StageContext, other: Judged, sgan: Judged, test: Part
) -> dict[str, dict[str, float]]:
    """Return SGAN minus the other on the same resamples of the test rows."""
    differences = paired_difference(
        threshold_statistics(other.threshold),
        test.label,
        other.on_test,
        sgan.on_test,
        test.weight,
        statistics_b=threshold_statistics(sgan.threshold),
        cuts=([other.threshold], [sgan.threshold]),
        n_resamples=context.params.evaluate.n_resamples,
        rng=np.random.default_rng(context.params.evaluate.seed),
    )
    return {
        name: {
            "value": float(difference.estimate),
            "low": float(difference.low),
            "high": float(difference.high),
            "probability_sgan_better": float(difference.probability_b_better),
        }
        for name, difference in differences.items()
        if name in HEADLINE
    }
