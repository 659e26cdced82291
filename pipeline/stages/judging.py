"""Judges a classifier: calibration and threshold on validation rows, then the test rows' scores."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evaluation.calibration import LogisticCalibration, fit_logistic_calibration
from evaluation.metrics import prevalence_weights
from features.schema import TransactionSchema
from pipeline.errors import InputError
from pipeline.model.evidence import SGAN, transactions_per_day
from pipeline.model.threshold_rule import ThresholdRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.stages.context import StageContext

logger = logging.getLogger(__name__)


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
    rule: ThresholdRule
    on_validation: np.ndarray
    on_test: np.ndarray


def read_part(context: StageContext, name: str) -> Part:
    """Return the rows of one part ("validation" or "test")."""
    schema = TransactionSchema.from_dict(context.artifacts.data_summary()["schema"])
    columns = [schema.label] + ([schema.amount] if schema.amount else [])
    table = context.artifacts.transactions(columns)
    inside = (context.artifacts.split()["part"] == name).to_numpy()
    label = table.loc[inside, schema.label].to_numpy()
    return Part(
        row_id=np.flatnonzero(inside),
        rows=context.artifacts.scaled()[inside],
        label=label,
        weight=prevalence_weights(label, context.params.evaluate.prevalence),
        amount=table.loc[inside, schema.amount].to_numpy() if schema.amount else None,
    )


def judge(
    context: StageContext,
    name: str,
    scorer: Callable[[np.ndarray], np.ndarray],
    validation: Part,
    test: Part,
) -> Judged:
    """Calibrate and choose the threshold on validation rows; then score the test rows.

    Parameters
    ----------
    context : StageContext
        Of the stage `evaluate`, whose parameters name the rule of the threshold.
    name : str
        "sgan", or which challenger; a challenger that cannot keep the rule ends no run.
    scorer : callable
        Scaled rows of shape (n_rows, n_inputs) to probabilities of fraud of shape (n_rows,).
    validation, test : Part
        **Fitted on:** the validation rows.

    Raises
    ------
    InputError
        If no threshold of the SGAN fulfils the rule, or the data lack what the rule needs.
    """
    params = context.params.evaluate
    raw = scorer(validation.rows)
    calibration = fit_logistic_calibration(raw, validation.label, validation.weight)
    on_validation = calibration.apply(raw)
    rule = _rule(context)
    try:
        threshold = _choose(rule, validation, on_validation)
    except ValueError as error:
        if name == SGAN:
            raise InputError(f"evaluate.threshold={params.threshold}: {error}") from error
        # A challenger that cannot keep the rule is judged at its best F1; it ends no run.
        logger.warning("%s: %s; its threshold is the one of the best F1", name, error)
        rule = ThresholdRule("f1")
        threshold = _choose(rule, validation, on_validation)
    on_test = calibration.apply(scorer(test.rows))
    return Judged(calibration, threshold, rule, on_validation, on_test)


def _choose(rule: ThresholdRule, validation: Part, score: np.ndarray) -> float:
    return rule.choose(validation.label, score, weight=validation.weight, amount=validation.amount)


def _rule(context: StageContext) -> ThresholdRule:
    """Return the rule of params.yaml, completed by what the data say."""
    evaluate = context.params.evaluate
    data = context.artifacts.data_summary()
    return ThresholdRule.of_params(evaluate).with_day(
        transactions_per_day(data, evaluate.prevalence)
    )
