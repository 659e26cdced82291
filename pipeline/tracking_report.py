"""Logs the report of a comparison to MLflow, as artifacts of a run of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.tracking_server import (
    connect,
    find_or_create_experiment,
    mlflow_errors,
    tracking_uri,
)

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
    uri = tracking_uri(root)
    client = connect(uri)
    labels = [run["label"] for run in content["runs"]]
    tags = {
        "counterfoil.kind": "comparison",
        "counterfoil.answer": content["answer"],
        "counterfoil.data_sha256": content["rows"]["data_sha256"],
        **{f"counterfoil.compared.{run['label']}": run["name"] for run in content["runs"]},
    }
    experiment_id = find_or_create_experiment(client, experiment, uri, root)
    with mlflow_errors(uri):
        run = client.create_run(experiment_id, run_name=f"compare {' '.join(labels)}", tags=tags)
        run_id = str(run.info.run_id)
        status = "FAILED"
        try:
            for name, values in _metrics(content).items():
                client.log_metric(run_id, name, values)
            client.log_text(run_id, html, REPORT)
            client.log_dict(run_id, dict(content), FIGURES)
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
