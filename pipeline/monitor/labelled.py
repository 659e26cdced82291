"""What the labels that have arrived say: which rows have one, and how far figures have decayed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.decay import MIN_FRAUDS, decay
from evaluation.decisions import count_summary
from evaluation.metrics import prevalence_weights

if TYPE_CHECKING:
    from pipeline.model.evidence import WeightedRows
    from pipeline.model.folder import FraudModel
    from pipeline.score.delivery import Delivery

# Alerts are labelled first where investigators look at nothing else.
SELECTIVE = 0.1  # difference between the labelled shares of alerts and of other rows


def labelled(
    test: WeightedRows,
    delivery: Delivery,
    model: FraudModel,
    prevalence: float | None,
    n_resamples: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return the state of the labels and the decay, or why that is not known.

    Labelled rows are weighted to the fraud rate of the test figures, so that more or fewer frauds,
    or frauds whose label comes first, do not pass for a better or worse model.
    """
    if delivery.label is None:
        return {"state": "none", "missing": f"no column {model.schema.label}: no label yet"}
    known = ~np.isnan(delivery.label)
    label, score = delivery.label[known], delivery.score[known]
    n_labelled, n_frauds = int(known.sum()), int(label.sum())
    is_alert = delivery.score >= model.threshold
    state = {0: "none", len(known): "complete"}.get(n_labelled, "partial")
    shares = [float(known[rows].mean()) if rows.any() else None for rows in (is_alert, ~is_alert)]
    found: dict[str, Any] = {
        "state": state,
        "n_labelled": n_labelled,
        "n_frauds": n_frauds,
        "labelled_share_of_alerts": shares[0],
        "labelled_share_of_others": shares[1],
        "is_selective": None not in shares and abs(shares[0] - shares[1]) > SELECTIVE,  # type: ignore[operator]
    }
    missing = _missing(n_labelled, n_frauds, int(test.label.sum()))
    if missing:
        return found | {"missing": missing}
    rate = prevalence or float(test.label.mean())
    figures = decay(
        (test.label, test.score, test.weight),
        (label, score, prevalence_weights(label, rate)),
        model.threshold,
        n_resamples=n_resamples,
        rng=rng,
    )
    return found | {
        "fraud_rate": rate,
        "decay": {name: one._asdict() for name, one in figures.items()},
        "counts": {
            "test": str(count_summary(test.label, test.score, model.threshold)),
            "new": str(count_summary(label, score, model.threshold)),
        },
    }


def _missing(n_labelled: int, n_frauds: int, n_test_frauds: int) -> str | None:
    if n_labelled == 0:
        return "no label has arrived yet"
    if n_frauds == n_labelled:
        return f"needs genuine rows beside frauds, got {n_frauds:,} frauds and nothing else"
    if min(n_frauds, n_test_frauds) < MIN_FRAUDS:
        where = f"{n_frauds} labelled ones" if n_frauds < MIN_FRAUDS else f"{n_test_frauds} in test"
        return f"needs {MIN_FRAUDS} frauds on each side, got {where}"
    return None
