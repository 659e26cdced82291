"""Trains a challenger on the window, and scores the newest rows with it and with the champion."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import CounterfoilError
from pipeline.files.atomic import read_json
from pipeline.files.given_labels import GivenLabel, write_given_labels
from pipeline.model.evidence import read_evidence
from pipeline.model.folder import read_manifest
from pipeline.params.reading import merge_overrides
from pipeline.params.sections import Params, check_params
from pipeline.retrain.deliveries import kept_deliveries
from pipeline.retrain.gates import Gate, Rows, own_gates, paired_gates
from pipeline.retrain.given_labels import keys_of, labels_sha256
from pipeline.retrain.state import State
from pipeline.retrain.window import Window, with_codes
from pipeline.run.session import Session
from pipeline.stages.artifacts import STAGES, Artifacts
from pipeline.tracking.names import packaged_model

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

    kept = kept_deliveries(state)
    deliveries = [path.stem for path in kept if pq.read_metadata(path).num_rows]
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

    The challenger alone is judged on its test rows, the newest labelled ones; beside the champion
    on those of them that the champion was not trained on.
    """
    evidence = read_evidence(trained.model)
    rows = evidence.part("test")
    threshold = float(read_manifest(trained.model)["threshold"]["value"])
    alone = Rows(
        rows["label"].to_numpy(), rows["score"].to_numpy(), None, (threshold, threshold),
        evidence.prevalence,
    )  # fmt: skip
    gates = own_gates(alone, evidence.run["metrics"], evidence.run["fidelity"], params.retrain)
    if champion_uri is not None:
        with packaged_model(champion_uri, home) as folder:
            rows = _unseen(rows, folder)
            champion, champion_threshold = _scores(folder, trained, rows, params)
        both = Rows(
            rows["label"].to_numpy(), rows["score"].to_numpy(), champion,
            (threshold, champion_threshold), evidence.prevalence,
        )  # fmt: skip
        gates += paired_gates(both, params.retrain, seed=params.evaluate.seed)
    facts: dict[str, Any] = {"n_rows": len(rows), "n_frauds": int(rows["label"].sum())}
    if len(rows):
        facts |= {
            "from_seconds": float(rows["time"].min()),
            "to_seconds": float(rows["time"].max()),
        }
    return gates, facts


def report(trained: Trained, champion_uri: str, params: Params, home: Path) -> str:
    """Return the page that compares the champion with the challenger on the newest rows."""
    from pipeline.compare.command import CompareRequest, compare

    folder = trained.model.parents[2]
    table, page = folder / "newest.parquet", folder / "compare.html"
    rows = read_evidence(trained.model).part("test")
    _as_delivered(trained, rows, params).to_parquet(table, index=False)
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
    newer = rows["time"] >= theirs.part("validation")["time"].min()
    return rows[newer].reset_index(drop=True)


def _scores(
    folder: Path, trained: Trained, rows: pd.DataFrame, params: Params
) -> tuple[np.ndarray, float]:
    """Return the scores of a model for rows of the challenger, and its threshold."""
    import numpy as np

    from pipeline.tracking.opening import open_model

    model = open_model(str(folder), folder)
    if rows.empty:
        return np.empty(0), model.threshold
    scores: np.ndarray = model.predict(_as_delivered(trained, rows, params))["score"].to_numpy()
    return scores, model.threshold


def _as_delivered(trained: Trained, rows: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Return rows of the challenger with every column that was delivered.

    Its own table lacks the columns that it leaves out, which the champion may need.
    """
    import pandas as pd

    window = pd.read_parquet(trained.model.parents[2] / WINDOW)
    checked = with_codes(Artifacts(trained.model.parents[1]).transactions(), params.data)
    ingested = params.data.model_copy(update={"ignored": ()})  # `ingest` has dropped those
    sought = keys_of(checked.iloc[rows["row_id"].to_numpy()], ingested)
    delivered = pd.Index(keys_of(window, params.data))
    # Rows that differ in unused columns alone are one transaction to the challenger.
    first = (~delivered.duplicated()).nonzero()[0]
    found = delivered[first].get_indexer(sought)
    if (found < 0).any():
        raise CounterfoilError(f"{(found < 0).sum()} rows of the challenger are not in its window")
    return window.iloc[first[found]]


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
