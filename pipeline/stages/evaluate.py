"""Stage `evaluate`: chooses the threshold on validation rows, then judges the test rows once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.splitting import TEST, VALIDATION
from models.challengers import CHALLENGERS, make_challenger
from models.classifier import SGANClassifier
from pipeline.files.atomic import write_json
from pipeline.model.evidence import SGAN
from pipeline.stages.artifacts import REAL, UNLABELLED
from pipeline.stages.context import StageContext, StageResult
from pipeline.stages.judged_figures import metrics_of
from pipeline.stages.judging import Judged, Part, judge, read_part
from pipeline.stages.packaging import package_model
from pipeline.stages.result_pictures import draw_results

if TYPE_CHECKING:
    from collections.abc import Callable

WITHOUT_AUGMENTATION = "sgan_without_augmentation"


def evaluate(context: StageContext) -> StageResult:
    """Write metrics.json, predictions.parquet, pictures, the packaged model and its card.

    **Fitted on:** the challengers on labelled training rows; calibration and threshold on
    validation rows. The test rows are scored once, after all of that.
    """
    validation, test = read_part(context, VALIDATION), read_part(context, TEST)
    classifier = SGANClassifier.load(context.artifacts.folder("sgan") / "classifier")
    scorers = {SGAN: _fraud_probability(classifier), **_challengers(context)}
    judged = {
        name: judge(context, name, scorer, validation, test) for name, scorer in scorers.items()
    }
    members = {
        VALIDATION: classifier.predict_members(validation.rows),
        TEST: classifier.predict_members(test.rows),
    }
    metrics = metrics_of(context, judged, classifier, members, validation, test)
    write_json(metrics, context.output / "metrics.json")
    predictions = _predictions(members, judged[SGAN], {VALIDATION: validation, TEST: test})
    predictions.to_parquet(context.output / "predictions.parquet", index=False)
    draw_results(context, judged, test)
    package_model(context, classifier, judged[SGAN], metrics, predictions)
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


def _predictions(
    members: dict[str, np.ndarray], sgan: Judged, parts: dict[str, Part]
) -> pd.DataFrame:
    """Return score and decision of every row of the parts, and the scores of the members."""
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
    return pd.concat(tables, ignore_index=True)
