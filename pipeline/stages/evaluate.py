"""Stage `evaluate`: chooses the threshold on validation rows, then judges the test rows once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evaluation import plots
from evaluation.calibration import LogisticCalibration, calibration_slope, fit_logistic_calibration
from evaluation.decisions import f1_at
from evaluation.metrics import prevalence_weights, summarise
from evaluation.ranking import average_precision, best_f1, precision_recall_points
from evaluation.thresholds import choose_threshold
from evaluation.uncertainty import (
    bootstrap_intervals,
    paired_difference,
    summary_intervals,
    threshold_statistics,
)
from features.schema import TransactionSchema
from features.splitting import TEST, VALIDATION
from models.challengers import CHALLENGERS, make_challenger
from models.classifier import SGANClassifier
from pipeline import model_folder
from pipeline.artifacts import read_json, write_json
from pipeline.context import StageContext, StageResult
from pipeline.errors import InputError
from pipeline.figures import save_figure
from pipeline.stages.augment import REAL, UNLABELLED

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

SGAN = "sgan"
WITHOUT_AUGMENTATION = "sgan_without_augmentation"
ALERT_BUDGET = 100
FALSE_POSITIVE_RATE = 0.001
HEADLINE = ("average_precision", "f1", "precision", "recall")


@dataclass(frozen=True)
class Part:
    """Rows of one part: scaled inputs, labels, weights and amounts."""

    row_id: np.ndarray
    rows: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    amount: np.ndarray | None


@dataclass(frozen=True)
class Judged:
    """A classifier after its threshold was chosen, and its scores of both parts."""

    calibration: LogisticCalibration
    threshold: float
    on_validation: np.ndarray
    on_test: np.ndarray


def evaluate(context: StageContext) -> StageResult:
    """Write metrics.json, predictions.parquet, pictures and the packaged model.

    **Fitted on:** the challengers on labelled training rows; calibration and threshold on
    validation rows. The test rows are scored once, after all of that.
    """
    validation, test = _part(context, VALIDATION), _part(context, TEST)
    classifier = SGANClassifier.load(context.artifacts.folder("sgan") / "classifier")
    scorers = {SGAN: _fraud_probability(classifier), **_challengers(context)}
    judged = {
        name: _judge(context, name, scorer, validation, test) for name, scorer in scorers.items()
    }
    members = {
        VALIDATION: classifier.predict_members(validation.rows),
        TEST: classifier.predict_members(test.rows),
    }
    metrics = _metrics(context, judged, classifier, members, validation, test)
    write_json(metrics, context.output / "metrics.json")
    _write_predictions(context, members, judged[SGAN], {VALIDATION: validation, TEST: test})
    _draw(context, judged, test)
    _package(context, classifier, judged[SGAN], metrics)
    figures = metrics[SGAN]
    return StageResult(
        n_rows=len(test.label),
        n_frauds=int(test.label.sum()),
        metrics={
            "test_average_precision": figures["average_precision"]["value"],
            **{f"test_{name}": figures[name]["value"] for name in ("f1", "precision", "recall")},
            "test_frauds_caught": float(figures["n_caught"]),
            "test_false_alarms": float(figures["n_false_alarms"]),
            "threshold": figures["threshold"],
            **{
                f"test_average_precision_{name}": of["average_precision"]["value"]
                for name, of in metrics["challengers"].items()
            },
        },
    )


def _part(context: StageContext, name: str) -> Part:
    table = context.artifacts.transactions()
    schema = TransactionSchema.from_dict(context.artifacts.data_summary()["schema"])
    inside = (context.artifacts.split()["part"] == name).to_numpy()
    label = table.loc[inside, schema.label].to_numpy()
    return Part(
        row_id=np.flatnonzero(inside),
        rows=context.artifacts.scaled()[inside],
        label=label,
        weight=prevalence_weights(label, context.params.evaluate.prevalence),
        amount=table.loc[inside, schema.amount].to_numpy() if schema.amount else None,
    )


def _fraud_probability(classifier: Any) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: classifier.predict_proba(rows)[:, 1]


def _challengers(context: StageContext) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return the fitted challengers: the SGAN without synthetic frauds, and simpler models."""
    scorers = {}
    folder = context.artifacts.folder("sgan") / "without_augmentation"
    if folder.exists():
        scorers[WITHOUT_AUGMENTATION] = _fraud_probability(
            SGANClassifier.load(folder / "classifier")
        )
    training = context.artifacts.training_set()
    usable = training[(training["source"] == REAL) & (training["label"] != UNLABELLED)]
    X, y = usable[context.artifacts.input_names()].to_numpy(), usable["label"].to_numpy()
    for name in CHALLENGERS:
        fitted = make_challenger(name, random_state=context.params.evaluate.seed).fit(X, y)
        scorers[name] = _fraud_probability(fitted)
    return scorers


def _judge(
    context: StageContext,
    name: str,
    scorer: Callable[[np.ndarray], np.ndarray],
    validation: Part,
    test: Part,
) -> Judged:
    """Calibrate and choose the threshold on validation rows; then score the test rows."""
    params = context.params.evaluate
    raw = scorer(validation.rows)
    calibration = fit_logistic_calibration(raw, validation.label, validation.weight)
    on_validation = calibration.apply(raw)
    choose = partial(
        choose_threshold, validation.label, on_validation, sample_weight=validation.weight
    )
    try:
        threshold = choose(by=params.threshold, value=params.threshold_value)
    except ValueError as error:
        if name == SGAN:
            raise InputError(f"evaluate.threshold={params.threshold}: {error}") from error
        # A challenger that cannot keep the rule is judged at its best F1; it ends no run.
        logger.warning("%s: %s; its threshold is the one of the best F1", name, error)
        threshold = choose(by="f1")
    return Judged(calibration, threshold, on_validation, calibration.apply(scorer(test.rows)))


def _metrics(
    context: StageContext,
    judged: dict[str, Judged],
    classifier: SGANClassifier,
    members: dict[str, np.ndarray],
    validation: Part,
    test: Part,
) -> dict[str, Any]:
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
        "calibration_slope": float(calibration_slope(test.label, one.on_test, test.weight)),
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


def _write_predictions(
    context: StageContext,
    members: dict[str, np.ndarray],
    sgan: Judged,
    parts: dict[str, Part],
) -> None:
    tables = []
    for name, part in parts.items():
        score = sgan.on_test if name == TEST else sgan.on_validation
        table = pd.DataFrame(
            {
                "row_id": part.row_id,
                "part": name,
                "label": part.label.astype(np.int8),
                "score": score,
                "decision": (score >= sgan.threshold).astype(np.int8),
            }
        )
        for member, member_score in enumerate(members[name].T):
            table[f"member_{member}"] = member_score
        tables.append(table)
    predictions = pd.concat(tables, ignore_index=True)
    predictions.to_parquet(context.output / "predictions.parquet", index=False)


def _draw(context: StageContext, judged: dict[str, Judged], test: Part) -> None:
    names = {name: _words(name) for name in judged}
    curves, chosen, reliability = {}, {}, {}
    for name, one in judged.items():
        recall, precision = precision_recall_points(test.label, one.on_test, test.weight)
        curves[names[name]] = (recall, precision)
        figures = summarise(test.label, one.on_test, one.threshold, sample_weight=test.weight)
        if figures["n_alerts"]:
            chosen[names[name]] = (figures["recall"], figures["precision"])
        reliability[names[name]] = plots.calibration_numbers(test.label, one.on_test, test.weight)
    prevalence = float(np.average(test.label, weights=test.weight))
    save_figure(
        context.output / "precision_recall.png",
        lambda ax: plots.plot_precision_recall(curves, ax, chosen=chosen, prevalence=prevalence),
        plots.precision_recall_numbers(curves),
        title=f"Test rows: {len(test.label):,} transactions, {int(test.label.sum())} frauds",
        size=(8.0, 6.5),
    )
    own = {names[SGAN]: reliability[names[SGAN]]}
    save_figure(
        context.output / "calibration.png",
        lambda ax: plots.plot_calibration(own, ax),
        own[names[SGAN]],
        title="SGAN: predicted and observed fraud rate on test rows",
        size=(7.0, 6.0),
    )


def _words(name: str) -> str:
    return name.replace("_", " ").replace("sgan", "SGAN").replace("logistic", "Logistic").replace(
        "gradient", "Gradient"
    )  # fmt: skip


def _package(
    context: StageContext, classifier: SGANClassifier, sgan: Judged, metrics: dict[str, Any]
) -> None:
    params = context.params.evaluate
    data = context.artifacts.data_summary()
    value = "" if params.threshold_value is None else f" {params.threshold_value:g}"
    model_folder.save(
        context.output / "model",
        scaler_file=context.artifacts.folder("scale") / "scaler.skops",
        classifier=classifier,
        schema=TransactionSchema.from_dict(data["schema"]),
        calibration=sgan.calibration,
        threshold=sgan.threshold,
        threshold_rule=f"{params.threshold}{value}",
        trained_on={
            "data_sha256": data["sha256"],
            "n_rows": data["n_rows"],
            "n_frauds": data["n_frauds"],
            "prevalence": params.prevalence,
            "average_precision": metrics[SGAN]["average_precision"],
            "f1": metrics[SGAN]["f1"],
        },
    )
