"""Draws how the judged classifiers did on the test rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evaluation import plots
from evaluation.metrics import summarise
from evaluation.ranking import precision_recall_points
from pipeline.model.evidence import SGAN
from pipeline.stages.figures import save_figure

if TYPE_CHECKING:
    from pipeline.stages.context import StageContext
    from pipeline.stages.judging import Judged, Part


def draw_results(context: StageContext, judged: dict[str, Judged], test: Part) -> None:
    """Write precision_recall.png and calibration.png with their numbers as CSV."""
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
