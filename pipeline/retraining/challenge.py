"""Trains a challenger on the window, and scores the newest rows with it and with the champion."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.artifacts import STAGES, Artifacts, read_json
from pipeline.errors import CounterfoilError
from pipeline.evidence import read_evidence
from pipeline.labelling.table import GivenLabel, write_given_labels
from pipeline.model_folder import read_manifest
from pipeline.model_names import packaged_model
from pipeline.params import Params, check_params
from pipeline.params_file import merge_overrides
from pipeline.retraining.gates import Gate, Rows, own_gates, paired_gates
from pipeline.retraining.given_labels import labels_sha256
from pipeline.retraining.state import State
from pipeline.retraining.window import Window
from pipeline.session import Session

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

logger = logging.getLogger(__name__)

WINDOW, GIVEN_LABELS = "window.parquet", "labels"
TRAINED = "trained.json"
KEY_CHARACTERS = 64


@dataclass(frozen=True)
class Trained:
    """A challenger that was trained.

    Attributes
    ----------
    run_id : str
        Its MLflow run.
    model : Path
        The packaged model.
    data_sha256 : str
        Of the checked window.
    """

    run_id: str
    model: Path
    data_sha256: str


def challenge_key(
    state: State, params: Params, given: Mapping[str, GivenLabel] | None = None
) -> str:
    """Return what a challenge depends on, as a hash: deliveries, parameters, labels of people.

    An empty delivery changes nothing.
    """
    import pyarrow.parquet as pq

    paths = state.deliveries.glob("*.parquet")
    deliveries = sorted(path.stem for path in paths if pq.read_metadata(path).num_rows)
    values = {key: value for key, value in params.flatten().items() if not _is_of_place(key)}
    labels = [labels_sha256(given)] if given else []
    content = json.dumps([deliveries, values, *labels], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:KEY_CHARACTERS]


def next_challenge(content: str, decided: Sequence[str]) -> str | None:
    """Return the name of the challenge that is due; None if the last one was about the same.

    What was decided on once and has changed since is due again, under a name of its own: a label
    that was given and taken back must not leave its champion where it is.

    Parameters
    ----------
    content : str
        From `challenge_key`.
    decided : sequence of str
        Names of the challenges so far, oldest first.

    Examples
    --------
    >>> next_challenge("a", []), next_challenge("a", ["a"]), next_challenge("a", ["a", "b"])
    ('a', None, 'a-1')
    """
    before = [name.partition("-")[0] for name in decided]
    if before and before[-1] == content:
        return None
    n_times = before.count(content)
    return f"{content}-{n_times}" if n_times else content


def train(window: Window, content: Mapping[str, Any], folder: Path, home: Path) -> Trained:
    """Train a challenger in a folder of its own, or find it there from an interrupted call.

    Parameters
    ----------
    window : Window
        Rows to train and judge on. Those that people labelled train, and judge nothing.
    content : mapping
        Of params.yaml. Data and labels come from the window, and the split is by time.
    folder : Path
        Of the challenge.
    home : Path
        Of the tracking database.

    Raises
    ------
    InputError
        If the window cannot be split: too few frauds, a single class.
    CounterfoilError
        If MLflow is lost for longer than its requests are tried again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    artifacts = Artifacts(folder / "artifacts")
    note = folder / TRAINED
    if not note.exists():
        window.rows.to_parquet(folder / WINDOW, index=False)
        if window.given:
            # A copy: an import while this call works belongs to the next challenge.
            write_given_labels(window.given, folder / GIVEN_LABELS)
        params = check_params(_for_window(window, content))
        session = Session(params, artifacts, root=folder.resolve(), home=home)
        with session:
            for stage in STAGES:
                session.run_stage(stage)
                session.raise_trouble()  # only a model with a whole record can be registered
            run_id = session.run_id
        if run_id is None:
            raise CounterfoilError("the challenger has no MLflow run to register")
        State(folder).note(note, {"run_id": run_id})
    return Trained(
        str(read_json(note)["run_id"]),
        artifacts.folder("evaluate") / "model",
        str(artifacts.data_summary()["sha256"]),
    )


def judge(
    trained: Trained, champion_uri: str | None, params: Params, home: Path
) -> tuple[list[Gate], dict[str, Any]]:
    """Return the gates, and facts about the rows they were judged on.

    Both models are judged on the challenger's test rows, the newest labelled ones, without those
    that the champion was trained on.
    """
    evidence = read_evidence(trained.model)
    rows = evidence.part("test")
    threshold = float(read_manifest(trained.model)["threshold"]["value"])
    champion = None
    champion_threshold = threshold
    if champion_uri is not None:
        with packaged_model(champion_uri, home) as folder:
            rows = _unseen(rows, folder)
            champion, champion_threshold = _scores(folder, trained, rows)
    judged = Rows(
        rows["label"].to_numpy(),
        rows["score"].to_numpy(),
        champion,
        (threshold, champion_threshold),
        evidence.prevalence,
    )
    gates = own_gates(judged, evidence.run["metrics"], evidence.run["fidelity"], params.retrain)
    gates += paired_gates(judged, params.retrain, seed=params.evaluate.seed)
    return gates, {
        "n_rows": len(rows),
        "n_frauds": int(judged.label.sum()),
        "from_seconds": float(rows["time"].min()),
        "to_seconds": float(rows["time"].max()),
    }


def report(trained: Trained, champion_uri: str, home: Path) -> str:
    """Return the page that compares the champion with the challenger on the newest rows."""
    from pipeline.compare import CompareRequest, compare

    folder = trained.model.parents[2]
    table, page = folder / "newest.parquet", folder / "compare.html"
    artifacts = Artifacts(folder / "artifacts")
    rows = read_evidence(trained.model).part("test")
    artifacts.transactions().iloc[rows["row_id"].to_numpy()].to_parquet(table, index=False)
    compare(CompareRequest((champion_uri, str(trained.model)), on=table, html=page), home)
    return page.read_text(encoding="utf-8")


def _unseen(rows: pd.DataFrame, champion: Path) -> pd.DataFrame:
    """Return the rows that are newer than those the champion was trained on."""
    theirs = read_evidence(champion)
    if theirs.run["params"]["split"]["method"] != "time":
        logger.warning(
            "the champion's split was not by time: it may have been trained on rows that it is "
            "judged on now, which flatters it"
        )
        return rows
    newer = rows[rows["time"] >= theirs.part("validation")["time"].min()]
    both = set(newer["label"]) == {0, 1}
    if not both:
        logger.warning("too few rows are newer than the champion's training; all are judged")
    return newer.reset_index(drop=True) if both else rows


def _scores(folder: Path, trained: Trained, rows: pd.DataFrame) -> tuple[np.ndarray, float]:
    from pipeline.score import open_model

    model = open_model(str(folder), folder)
    artifacts = Artifacts(trained.model.parents[1])
    table = artifacts.transactions(list(model.schema.inputs)).iloc[rows["row_id"].to_numpy()]
    scores: np.ndarray = model.predict(table)["score"].to_numpy()
    return scores, model.threshold


def _for_window(window: Window, content: Mapping[str, Any]) -> dict[str, Any]:
    overrides = {
        "data.source": "file",
        "data.path": WINDOW,
        "split.method": "time",
        "augment.labels": GIVEN_LABELS,
    }
    if window.given:
        overrides["ingest.on_missing_label"] = "unlabelled"
    return merge_overrides(dict(content), overrides, "params.yaml")


def _is_of_place(key: str) -> bool:
    """Whether a parameter says where things are, not what is trained."""
    return key in {"data.path", "data.source", "device"} or key.startswith("tracking.")
