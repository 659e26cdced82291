"""Logs reports to MLflow, each as artifacts of a run of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.tracking.server import connect, find_or_create_experiment, mlflow_errors, tracking_uri

REPORT, FIGURES = "compare.html", "compare.json"


def log_report(html: str, content: Mapping[str, Any], experiment: str, root: Path) -> str:
    """Log a comparison and return the id of its run.

    Parameters
    ----------
    html : str
        The report; MLflow's UI opens it among the artifacts of the run.
    content : mapping
        All figures.
    experiment : str
        Made where it is missing.
    root : Path
        The project's folder, whose mlflow.db is used unless MLFLOW_TRACKING_URI is set.

    Raises
    ------
    CounterfoilError
        If MLflow cannot be reached or refuses; the run is then marked as failed where it can be.
    """
    labels = [run["label"] for run in content["runs"]]
    tags = {
        "counterfoil.kind": "comparison",
        "counterfoil.answer": content["answer"],
        "counterfoil.data_sha256": content["rows"]["data_sha256"],
        **{f"counterfoil.compared.{run['label']}": run["name"] for run in content["runs"]},
    }
    report = _Report(f"compare {' '.join(labels)}", tags, _metrics(content), REPORT, FIGURES)
    return _log(report, html, content, experiment, root)


def log_latent_pictures(html: str, content: Mapping[str, Any], experiment: str, root: Path) -> str:
    """Log what `counterfoil latent` found; parameters and errors as of `log_report`."""
    tags = {
        "counterfoil.kind": "latent",
        "counterfoil.answer": content["answer"],
        "counterfoil.data_sha256": content["model"]["data_sha256"],
        "counterfoil.model": content["model"]["name"],
    }
    metrics = {}
    for one in content["pictures"]:
        metrics[f"{one['encoder']}_n_clusters"] = float(len(one["clusters"]))
        metrics[f"{one['encoder']}_neighbours_kept"] = one["neighbours_kept"]
    report = _Report(
        f"latent {content['model']['name']}", tags, metrics, "latent.html", "latent.json"
    )
    return _log(report, html, content, experiment, root)


@dataclass(frozen=True)
class _Report:
    """What a run of a report is called and holds beside page and figures."""

    name: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    page_file: str
    figures_file: str


def _log(
    report: _Report, html: str, content: Mapping[str, Any], experiment: str, root: Path
) -> str:
    uri = tracking_uri(root)
    client = connect(uri)
    experiment_id = find_or_create_experiment(client, experiment, uri, root)
    with mlflow_errors(uri):
        run = client.create_run(experiment_id, run_name=report.name, tags=dict(report.tags))
        run_id = str(run.info.run_id)
        status = "FAILED"
        try:
            for name, value in report.metrics.items():
                client.log_metric(run_id, name, value)
            client.log_text(run_id, html, report.page_file)
            client.log_dict(run_id, dict(content), report.figures_file)
            status = "FINISHED"
        finally:
            client.set_terminated(run_id, status)
    return run_id


def _metrics(content: Mapping[str, Any]) -> dict[str, float]:
    """Return the differences that lead, by model: numbers that MLflow can plot and sort by."""
    first, *others = (run["label"] for run in content["runs"])
    return {
        f"{name}_{label}_minus_{first}": content["figures"][name][label]["difference"]
        for name in ("average_precision", "f1", "caught_at_budget")
        for label in others
    }
