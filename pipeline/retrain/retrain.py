"""One retraining from deliveries to a decision; what a scheduler calls every night."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.files.given_labels import GivenLabel, read_given_labels
from pipeline.params.sections import Params, check_params
from pipeline.retrain.challenge import Trained, challenge_key, judge, next_challenge, report, train
from pipeline.retrain.deliveries import all_deliveries
from pipeline.retrain.gates import failed
from pipeline.retrain.given_labels import labels_sha256
from pipeline.retrain.history import read_history
from pipeline.retrain.intake import Intake, remember, take_in
from pipeline.retrain.labels import LabelCheck
from pipeline.retrain.promotion import promote, recover, verified_history
from pipeline.retrain.state import State
from pipeline.retrain.window import Window, labelled_window
from pipeline.run.request import RunRequest
from pipeline.run.running import resolve_params
from pipeline.tracking.registry import CHALLENGER, Registry
from pipeline.tracking.server import (
    connect,
    find_or_create_experiment,
    tracking_uri,
    wait_out_restarts,
)

logger = logging.getLogger(__name__)

PROMOTED, NOTHING_NEW, REJECTED, DATA_REFUSED = "promoted", "nothing_new", "rejected", "refused"
EXIT_CODES = {PROMOTED: 0, NOTHING_NEW: 10, REJECTED: 20, DATA_REFUSED: 30}


@dataclass(frozen=True)
class RetrainRequest:
    """What the command was asked for.

    Attributes
    ----------
    data : Path
        A delivery or a folder of them.
    state : Path
        The state folder.
    folder : Path
        Where params.yaml lies, and mlflow.db unless MLFLOW_TRACKING_URI is set.
    presets, assignments : tuple of str
        As of `pipeline.run.request.RunRequest`.
    """

    data: Path
    state: Path
    folder: Path
    presets: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()


@dataclass
class Report:
    """What a retraining came to.

    Attributes
    ----------
    outcome : str
        "promoted", "nothing_new", "rejected" or "refused".
    reason : str
        In one sentence.
    facts : dict
        Deliveries, versions, gates, runs; ready for JSON.
    """

    outcome: str
    reason: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """The code that the command ends with."""
        return EXIT_CODES[self.outcome]

    def as_line(self) -> str:
        """Return everything as one line of JSON, what a reader looks for first."""
        content = {"outcome": self.outcome, "exit_code": self.exit_code, "reason": self.reason}
        return json.dumps(content | dict(sorted(self.facts.items())), allow_nan=False)


def retrain(request: RetrainRequest) -> Report:
    """Take in what is new, train a challenger, and promote it if every gate opens.

    A call that was killed is taken up: deliveries are kept by content, the training goes on from
    its checkpoints, a version is registered once for each challenge, and a promotion is finished
    from its journal.

    Raises
    ------
    BusyError
        If another call is at work.
    InputError
        If parameters or the place of the deliveries cannot be used, or the history was tampered
        with.
    CounterfoilError
        If MLflow cannot be reached.
    """
    content = resolve_params(
        RunRequest(folder=request.folder, presets=request.presets, assignments=request.assignments)
    )
    params = check_params(content)
    wait_out_restarts()
    home = request.folder.resolve()
    state = State(request.state.resolve())
    with state.alone():
        registry = Registry(params.retrain.model, tracking_uri(home))
        finished = recover(registry, state)
        if finished is not None:
            logger.info("finished an interrupted promotion of version %s", finished["version"])
        verified_history(registry, state)
        champion = registry.champion()
        uri = None if champion is None else registry.model_uri(champion)
        doubts = LabelCheck(uri, params.data, params.retrain, home)
        intake = take_in(request.data, state, params.data, params.retrain, doubts)
        result = _decide(intake, content, params, registry, state, home)
        if result.outcome != NOTHING_NEW:
            _record(result, registry, params, state, home)
        remember(intake, state)
    return result


def _decide(
    intake: Intake, content: Mapping[str, Any], params: Params, registry: Registry, state: State,
    home: Path,
) -> Report:  # fmt: skip
    facts: dict[str, Any] = {
        "deliveries_new": intake.new,
        "deliveries_known": intake.known,
        "deliveries_unfinished": intake.unfinished,
        "deliveries_refused": intake.refused,
        "champion": registry.champion(),
    }
    if intake.refused:
        named = "; ".join(f"{name}: {reason}" for name, reason in intake.refused.items())
        return Report(DATA_REFUSED, f"data refused: {named}", facts)
    given = read_given_labels(home / params.augment.labels)
    window = _window(state, params, given, facts)
    if isinstance(window, Report):
        return window
    decided = [one["challenge"] for one in state.outcomes() if "challenge" in one]
    key = next_challenge(challenge_key(state, params, window.given), decided)
    if key is None:
        return Report(NOTHING_NEW, "no delivery or label is new since the last decision", facts)
    facts["challenge"] = key
    label = window.rows[params.data.label]
    facts["window_rows"], facts["window_frauds"] = len(label), int((label == 1).sum())
    facts["given_labels"] = len(window.given)
    if window.given:
        facts["given_labels_sha256"] = labels_sha256(window.given)
    try:
        trained = train(window, content, state.work(key), home)
    except InputError as error:
        return Report(DATA_REFUSED, f"the window cannot be trained on: {error}", facts)
    return _challenge(trained, key, facts, params, registry, state, home)


def _window(
    state: State, params: Params, given: Mapping[str, GivenLabel], facts: dict[str, Any]
) -> Window | Report:
    """Return the rows to learn from, or how the call ends without them."""
    table = all_deliveries(state)
    if table is None:
        return Report(NOTHING_NEW, "no delivery holds a row", facts)
    if params.data.label not in table:
        reason = f"no delivery holds the column {params.data.label} (data.label) yet"
        return Report(NOTHING_NEW if facts["champion"] is None else DATA_REFUSED, reason, facts)
    try:
        window = labelled_window(table, params, given)
    except InputError as error:
        return Report(DATA_REFUSED, f"the window cannot be used: {error}", facts)
    label = window.rows[params.data.label]
    if (label == 1).any():
        return window
    reason = (
        f"no fraud to learn from: {label.notna().sum()} of {len(table)} rows have a label that "
        "is ripe and in the window"
    )
    # In the first weeks of a business whose labels come late nobody need look; later frauds have
    # gone missing.
    return Report(NOTHING_NEW if facts["champion"] is None else DATA_REFUSED, reason, facts)


def _challenge(
    trained: Trained, key: str, facts: dict[str, Any], params: Params, registry: Registry,
    state: State, home: Path,
) -> Report:  # fmt: skip
    champion = registry.champion()
    version = registry.register(
        trained.run_id, key, {"counterfoil.data_sha256": trained.data_sha256}
    )
    registry.point(CHALLENGER, version)
    facts |= {"challenger": version, "run_id": trained.run_id, "data_sha256": trained.data_sha256}
    before = read_history(state.history)
    if any((one.get("challenge"), one["version"]) == (key, version) for one in before):
        # An interrupted call had promoted it; what a person has decided since stands.
        now = "it" if champion == version else f"version {champion}"
        reason = f"version {version} had been promoted already; {now} is the champion"
        return Report(PROMOTED, reason, facts)
    uri = None if champion is None else registry.model_uri(champion)
    gates, rows = judge(trained, uri, params, home)
    facts |= {"gates": [gate.to_dict() for gate in gates], "judged_on": rows}
    closed = failed(gates)
    if closed:
        words = "; ".join(gate.words for gate in closed)
        kept = "there is no champion" if champion is None else f"version {champion} stays"
        return Report(REJECTED, f"version {version} was rejected, {kept}: {words}", facts)
    reason = "first champion" if champion is None else f"all {len(gates)} gates opened"
    promote(
        registry, state, version, reason=reason,
        facts={"challenge": key, "data_sha256": trained.data_sha256, "run_id": trained.run_id,
               "gates": facts["gates"], "judged_on": rows,
               **{name: facts[name] for name in facts if name.startswith("given_labels")}},
    )  # fmt: skip
    return Report(PROMOTED, f"version {version} is the champion: {reason}", facts)


def _record(result: Report, registry: Registry, params: Params, state: State, home: Path) -> None:
    """Record the outcome in MLflow and in the state folder, and clear the challenge's folder."""
    uri = tracking_uri(home)
    experiment = find_or_create_experiment(connect(uri), params.tracking.experiment, uri, home)
    facts = result.facts
    tags = {
        "counterfoil.kind": "retraining",
        "counterfoil.outcome": result.outcome,
        "counterfoil.reason": result.reason[:5000],
        **{f"counterfoil.{name}": str(facts[name])
           for name in ("challenge", "champion", "challenger", "run_id", "data_sha256")
           if facts.get(name) is not None},
    }  # fmt: skip
    folder = state.work(facts["challenge"]) if "challenge" in facts else None
    page = _page(result, registry, folder, params, home)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    facts["retrain_run_id"] = registry.log_outcome(
        experiment, f"retrain {result.outcome}", tags, {**facts, "reason": result.reason}, page
    )
    kept = {**facts, "outcome": result.outcome, "reason": result.reason, "at": at}
    state.add_outcome(kept)
    if folder is not None:  # the challenge is decided; one that was interrupted goes on
        shutil.rmtree(folder.parent, ignore_errors=True)


def _page(
    result: Report, registry: Registry, folder: Path | None, params: Params, home: Path
) -> str | None:
    """Return the report that compares champion and challenger, where there are both."""
    champion, challenger = (result.facts.get(name) for name in ("champion", "challenger"))
    if folder is None or champion is None or challenger is None or champion == challenger:
        return None
    model = folder / "artifacts" / "evaluate" / "model"
    if not model.is_dir():
        return None
    trained = Trained(result.facts["run_id"], model, result.facts["data_sha256"])
    return report(trained, registry.model_uri(champion), params, home)
