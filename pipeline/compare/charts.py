"""The pictures of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evaluation import plots
from evaluation.ranking import precision_recall_points
from pipeline.pages.svg import SIZE, Chart, svg

if TYPE_CHECKING:
    from pipeline.compare.candidates import Candidate
    from pipeline.compare.shared_rows import SharedRows


def charts(
    content: Mapping[str, Any], candidates: Sequence[Candidate], rows: SharedRows
) -> list[Chart]:
    """Return the pictures of a comparison."""
    names = {run["label"]: f"{run['label']} {_short(run['name'])}" for run in content["runs"]}
    found = [_differences(content, names)]
    epochs = {names[run["label"]]: run["epochs"] for run in content["runs"] if run["epochs"]}
    if epochs:
        found.append(
            Chart(
                svg(lambda ax: plots.plot_f1_curves(epochs, ax), "epochs"),
                "F1 by epoch",
                "F1 on validation rows after each epoch: the ensemble as a line, the range over "
                f"its members as a band. {_last_epochs(epochs)}",
            )
        )
    judged = [
        (names[candidate.label], judged[:3])
        for candidate, judged in zip(candidates, rows.by_falling_score, strict=True)
    ]
    prevalence = content["rows"]["prevalence"]
    precision_recall = {name: precision_recall_points(*of) for name, of in judged}
    rates = {name: plots.recall_by_false_positive_rate(*of) for name, of in judged}
    reliability = {name: plots.calibration_numbers(*of) for name, of in judged}
    precision = _listing(content, "average_precision")
    at_rate = _listing(content, "recall_at_fpr")
    slopes = ", ".join(
        f"{label} {one['slope']:.2f}" for label, one in content["calibration"].items()
    )
    return [
        *found,
        Chart(
            svg(
                lambda ax: plots.plot_precision_recall(precision_recall, ax, prevalence=prevalence),
                "precision-recall",
            ),
            "Precision and recall",
            f"Precision against recall over all thresholds. Average precision: {precision}.",
        ),
        Chart(
            svg(lambda ax: plots.plot_recall_at_fpr(rates, ax), "recall-at-fpr"),
            "Recall at low false-positive rates",
            f"Recall against the false-positive rate. At 0.1 % (dotted): {at_rate}.",
        ),
        Chart(
            svg(lambda ax: plots.plot_calibration(reliability, ax), "calibration"),
            "Calibration",
            "Observed against predicted fraud rate, in log odds, with 95 % intervals; on the "
            f"dotted line scores are the probabilities of fraud. Calibration slope: {slopes}.",
        ),
    ]


def _differences(content: Mapping[str, Any], names: Mapping[str, str]) -> Chart:
    caught = content["figures"]["caught_at_budget"]
    first, *others = caught
    differences = {
        names[label]: tuple(
            caught[label][key] for key in ("difference", "difference_low", "difference_high")
        )
        for label in others
    }
    label = f"Frauds caught beside {first}"
    height = 1.3 + 0.45 * len(others)
    return Chart(
        svg(
            lambda ax: plots.plot_differences(differences, ax, label=label),
            "differences",
            (SIZE[0], height),
        ),
        "Difference in frauds caught",
        f"Frauds caught at {content['budget']['words']}, minus those of {first}, with 95 % "
        "intervals of the paired bootstrap.",
    )


def _listing(content: Mapping[str, Any], name: str) -> str:
    figure = content["figures"][name]
    return ", ".join(
        f"{label} {one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
        for label, one in figure.items()
    )


def _last_epochs(epochs: Mapping[str, Mapping[str, Any]]) -> str:
    last = ", ".join(
        f"{name.split(' ')[0]} {'none' if f1 is None else format(f1, '.3f')}"
        for name, f1 in ((name, of["validation_f1"][-1]) for name, of in epochs.items())
    )
    return f"Last epoch: {last}."


def _short(name: str, width: int = 24) -> str:
    return name if len(name) <= width else "..." + name[3 - width :]
