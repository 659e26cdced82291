"""The figures of a model card, as metrics.json has them or for a threshold that was changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evaluation.metrics import ALERT_BUDGET, FALSE_POSITIVE_RATE

if TYPE_CHECKING:
    import pandas as pd

COUNTS = (
    "n_rows",
    "n_frauds",
    "n_alerts",
    "n_caught",
    "n_missed",
    "n_false_alarms",
    "n_false_alarms_weighted",
)
METRICS = {
    "average_precision": "Average precision",
    "f1": "F1 at the threshold",
    "precision": "Precision at the threshold",
    "recall": "Recall at the threshold",
    "recall_at_k": f"Recall within {ALERT_BUDGET} alerts",
    "precision_at_k": f"Precision within {ALERT_BUDGET} alerts",
    "recall_at_fpr": f"Recall at a false-positive rate of {FALSE_POSITIVE_RATE:.1%}",
    "brier_score": "Brier score",
    "expected_calibration_error": "Expected calibration error",
    "amount_saved": "Amount of caught frauds, in the currency of the data",
}
DIFFERENCES = ("average_precision", "f1", "precision", "recall")
WITHOUT_AUGMENTATION = "sgan_without_augmentation"
LABELS = {"sgan": "SGAN", WITHOUT_AUGMENTATION: "SGAN without augmentation"}


def figures_of(judged: Mapping[str, Any]) -> dict[str, Any]:
    """Return counts and metrics of one classifier of metrics.json, each with its interval."""
    return {
        "threshold": judged["threshold"],
        "counts": {name: judged[name] for name in COUNTS},
        "amount_at_risk": judged.get("amount_at_risk"),
        "metrics": [
            {"name": name, "label": label, **_with_interval(judged[name])}
            for name, label in METRICS.items()
            if name in judged
        ],
    }


def figures_at(
    rows: pd.DataFrame, threshold: float, params: Mapping[str, Any]
) -> dict[str, float | dict[str, float]]:
    """Return what metrics.json would say of the model's own test rows at another threshold.

    Parameters
    ----------
    rows : DataFrame
        evidence/rows.parquet.
    threshold : float
        Of the model as it is now.
    params : mapping
        The section `evaluate` of the run: prevalence, resamples and seed.
    """
    import numpy as np

    from evaluation.metrics import prevalence_weights, summarise
    from evaluation.uncertainty import summary_intervals

    test = rows[rows["part"] == "test"]
    label, score = test["label"].to_numpy(), test["score"].to_numpy()
    common = {
        "sample_weight": prevalence_weights(label, params["prevalence"]),
        "amount": test["amount"].to_numpy() if "amount" in test else None,
        "alert_budget": ALERT_BUDGET,
        "fpr": FALSE_POSITIVE_RATE,
    }
    values = summarise(label, score, threshold, **common)
    resampling = {
        "n_resamples": params["n_resamples"],
        "rng": np.random.default_rng(params["seed"]),
    }
    intervals = summary_intervals(label, score, threshold, **common, **resampling)
    whole = set(COUNTS) - {"n_false_alarms_weighted"}
    figures: dict[str, Any] = {
        name: int(value) if name in whole else float(value) for name, value in values.items()
    }
    for name, interval in intervals.items():
        figures[name] = {
            "value": float(values[name]),
            "low": float(interval.low),
            "high": float(interval.high),
        }
    return figures


def challengers(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the other models on the same rows, each with SGAN minus it, best first."""
    found = [
        {
            "name": name,
            "label": label_of(name),
            **figures_of(judged),
            "differences": differences(metrics, name),
        }
        for name, judged in metrics["challengers"].items()
    ]
    return sorted(found, key=lambda one: -_value(one, "average_precision"))


def differences(metrics: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return SGAN minus a challenger, on the same resamples of the test rows."""
    of_one = metrics["differences"].get(name, {})
    return [
        {"name": key, "label": METRICS[key], **of_one[key], "reading": reading(of_one[key])}
        for key in DIFFERENCES
        if key in of_one
    ]


def reading(difference: Mapping[str, float]) -> str:
    """Return what the interval of a difference (SGAN minus another) allows to say.

    Examples
    --------
    >>> reading({"value": 0.1, "low": -0.1, "high": 0.3})
    'could be chance'
    """
    low, high = difference["low"], difference["high"]
    if low == high == 0:
        return "no difference"
    if low > 0:
        return "SGAN better"
    return "SGAN worse" if high < 0 else "could be chance"


def member_spread(members: list[dict[str, float]]) -> dict[str, Any]:
    """Return the figures of the members and their spread; one that collapsed has none."""
    import statistics

    spread = {}
    for name in ("test_average_precision", "test_f1"):
        values = [member[name] for member in members if name in member]
        if values:
            spread[name] = {
                "lowest": min(values),
                "mean": statistics.fmean(values),
                "highest": max(values),
                "standard_deviation": statistics.stdev(values) if len(values) > 1 else None,
            }
    return {"members": [dict(member) for member in members], "spread": spread}


def label_of(name: str) -> str:
    """``gradient_boosting`` -> ``gradient boosting``."""
    return LABELS.get(name, name.replace("_", " "))


def _with_interval(figure: Any) -> dict[str, float | None]:
    """Return value, low and high; challengers have no interval of what is costly."""
    if isinstance(figure, Mapping):
        return {name: figure[name] for name in ("value", "low", "high")}
    return {"value": figure, "low": None, "high": None}


def _value(one: Mapping[str, Any], name: str) -> float:
    return float(next(found["value"] for found in one["metrics"] if found["name"] == name))
