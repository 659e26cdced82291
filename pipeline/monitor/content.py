"""Computes everything that a monitoring report shows, ready for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.drift import counts_beside_samples, effective_size, index_of_counts
from evaluation.two_samples import ks_of_samples, ratio_of_shares
from pipeline.monitor.inputs import classifier, input_drift
from pipeline.monitor.labelled import labelled
from pipeline.monitor.limits import answer, checks, exceeded

if TYPE_CHECKING:
    from pipeline.model.evidence import Evidence, WeightedRows
    from pipeline.model.folder import FraudModel
    from pipeline.params.sections import MonitorParams
    from pipeline.score.delivery import Delivery, Reference

FORMAT_VERSION = 1
LEVEL = 0.95
BEYOND_LIMITS = 3
SCORE_EDGES = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 0.9)


def compute(
    name: str,
    model: FraudModel,
    evidence: Evidence,
    delivery: Delivery,
    reference: Reference | None,
    params: MonitorParams,
) -> dict[str, Any]:
    """Return the content of a report.

    Parameters
    ----------
    name : str
        Of the model, as on the command line.
    model : FraudModel
    evidence : Evidence
        What the model carries.
    delivery : Delivery
        The new rows.
    reference : Reference or None
        Old rows, where they are at hand.
    params : MonitorParams
        Limits, resamples, seed.
    """
    rng = np.random.default_rng(params.seed)
    test = evidence.weighted_part("test")
    content: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "model": {
            "name": name,
            "threshold": model.threshold,
            "rule": model.manifest["threshold"]["rule"],
            "counterfoil_version": model.manifest["counterfoil_version"],
            "data_sha256": model.manifest["trained_on"]["data_sha256"],
            "n_training_rows": evidence.run["split"]["parts"]["train"]["n_rows"],
            "n_test_rows": len(test.score),
            "n_test_frauds": int(test.label.sum()),
            "prevalence": evidence.prevalence,
        },
        "data": {"name": delivery.name, "n_rows": len(delivery.score)},
        "reference": None if reference is None else {
            "name": reference.name,
            "n_rows": len(reference.inputs),
            "is_own": reference.is_own,
        },
        "inputs": input_drift(evidence, delivery, reference),
        "scores": _scores(test, delivery.score),
        "classifier": classifier(model.schema, delivery, reference, rng),
        "alerts": _alerts(test, delivery.score, model.threshold),
        "labels": labelled(test, delivery, model, evidence.prevalence, params.n_resamples, rng),
        "bootstrap": {"n_resamples": params.n_resamples, "seed": params.seed, "level": LEVEL},
    }  # fmt: skip
    content["limits"] = checks(content, params)
    content["exceeded"] = exceeded(content["limits"])
    content["answer"] = answer(content)
    content["exit_code"] = BEYOND_LIMITS if content["exceeded"] else 0
    return content


def _scores(test: WeightedRows, score: np.ndarray) -> dict[str, Any]:
    """Return the drift of the scores, from test rows at their weight to the new rows."""
    weight = None if np.all(test.weight == 1) else test.weight
    size = effective_size(test.weight)
    index = index_of_counts(
        *counts_beside_samples(test.score, score, weight), n_expected=size, level=LEVEL
    )
    ks = ks_of_samples(test.score, score, weight)
    places = [np.searchsorted(SCORE_EDGES, values, "right") for values in (test.score, score)]
    n_bins = len(SCORE_EDGES) + 1
    shares = [
        np.bincount(place, of, minlength=n_bins) / of.sum()
        for place, of in zip(places, (test.weight, np.ones(len(score))), strict=True)
    ]
    return {
        "psi": index.value,
        "psi_low": index.low,
        "psi_high": index.high,
        "statistic": ks.statistic,
        "p_value": ks.p_value,
        "edges": list(SCORE_EDGES),
        "test_shares": shares[0].tolist(),
        "new_shares": shares[1].tolist(),
    }


def _alerts(test: WeightedRows, score: np.ndarray, threshold: float) -> dict[str, Any]:
    """Return the share of alerts beside that among test rows."""
    raised = test.weight[test.score >= threshold]
    expected = float(raised.sum() / test.weight.sum())
    n_alerts = int(np.sum(score >= threshold))
    # As many rows of one weight as say the same about the share.
    old_count = float(effective_size(raised)) if len(raised) else 0.0
    n_old = old_count / expected if expected else float(effective_size(test.weight))
    ratio = ratio_of_shares(old_count, n_old, n_alerts, len(score), level=LEVEL)
    return {
        "n_alerts": n_alerts,
        "share": n_alerts / len(score),
        "expected_share": expected,
        "expected_alerts": expected * len(score),
        "ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
    }
