"""Takes deliveries in: each file once by its content, checked against those before it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.drift import psi_of_samples
from pipeline.artifacts import atomic_path, file_sha256
from pipeline.errors import InputError
from pipeline.params import DataParams, RetrainParams
from pipeline.retraining.state import State
from pipeline.tables import SUFFIXES, read_table

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

FEWEST_TO_COMPARE = 200  # rows; a smaller delivery says nothing about drift
MAX_NAMED = 3


@dataclass
class Intake:
    """What a call found at the place of the deliveries.

    Attributes
    ----------
    new : list of str
        SHA-256 of files that were taken in now.
    known : int
        Files that had been taken in or refused before.
    unfinished : list of str
        Files that changed while they were read; the next call looks at them again.
    refused : dict of str to str
        Name of a file to why it was refused now.
    """

    new: list[str] = field(default_factory=list)
    known: int = 0
    unfinished: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def take_in(
    place: Path,
    state: State,
    data: DataParams,
    limits: RetrainParams,
    doubts: Callable[[pd.DataFrame], str | None] | None = None,
) -> Intake:
    """Take in the files that are new; if one of them is refused, none is taken in.

    Taking in is by content: the same file twice, under two names or in another order changes
    nothing. What was refused is remembered and does not stand in the way of later deliveries.

    Parameters
    ----------
    place : Path
        A CSV or Parquet file, or a folder of them.
    state : State
        Where deliveries are kept.
    data : DataParams
        Names label and time.
    limits : RetrainParams
        How far a delivery may be from those before it.
    doubts : callable, optional
        Asked last about a table: why its labels are not to be believed, or None.

    Raises
    ------
    InputError
        If the place does not exist.
    """
    found = Intake()
    accepted: dict[str, pd.DataFrame] = {}
    before: pd.DataFrame | None = None
    for path in _files(place):
        sha256 = file_sha256(path)
        if _is_known(sha256, state) or sha256 in accepted:
            found.known += 1
            continue
        try:
            table = read_table(path)
        except InputError as error:
            reason: str | None = str(error)
        else:
            before = all_deliveries(state) if before is None else before
            reason = _why_not(table, before, data, limits)
            if reason is None and doubts is not None:
                reason = doubts(table)
        if file_sha256(path) != sha256:
            logger.warning("%s is still being written; the next call will look at it", path)
            found.unfinished.append(path.name)
        elif reason is None:
            accepted[sha256] = table
        else:
            found.refused[path.name] = reason
            state.note(state.refused / f"{sha256}.json", {"file": path.name, "reason": reason})
    if not found.refused:
        for sha256, table in accepted.items():
            _keep(table, state.deliveries / f"{sha256}.parquet")
            found.new.append(sha256)
    return found


def all_deliveries(state: State) -> pd.DataFrame | None:
    """Return the rows of all deliveries, or None before the first."""
    import pandas as pd

    paths = sorted(state.deliveries.glob("*.parquet"))
    tables = [table for table in map(pd.read_parquet, paths) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else None


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    if not place.is_dir():
        raise InputError(
            f"--data {place} does not exist; give a CSV or Parquet file, or a folder of them"
        )
    for path in sorted(place.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
            yield path


def _is_known(sha256: str, state: State) -> bool:
    kept, refused = state.deliveries / f"{sha256}.parquet", state.refused / f"{sha256}.json"
    return kept.exists() or refused.exists()


def _keep(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as fresh:
        table.to_parquet(fresh, index=False)


def _why_not(
    table: pd.DataFrame, before: pd.DataFrame | None, data: DataParams, limits: RetrainParams
) -> str | None:
    """Return why a delivery cannot be used, or None."""
    if data.time is None:
        return "retraining needs data.time in params.yaml: the newest rows judge"
    wanted = [data.time] if before is None else [name for name in before if name != data.label]
    missing = [str(name) for name in wanted if name not in table]
    if missing:
        return f"columns are missing: {', '.join(missing[:10])}"
    if before is not None:
        extra = [str(name) for name in table if name not in before and name != data.label]
        if extra:
            return f"columns are new: {', '.join(extra[:10])}"
    if not len(table):
        return None  # an empty delivery says that nothing happened
    return _bad_values(table, data) or _drifted(table, before, data, limits)


def _bad_values(table: pd.DataFrame, data: DataParams) -> str | None:
    from features.row_checks import check_rows
    from features.schema import SchemaError, resolve_schema

    label = data.label
    # A label that has not arrived yet is no mistake.
    labels = table.get(label)
    known = labels.dropna() if labels is not None else None
    if known is not None and not set(known.unique().tolist()) <= {0, 1}:
        return f"column {label} must hold 0, 1 or nothing"
    filled = table.assign(**{label: 0 if labels is None else labels.fillna(0)})
    try:
        schema = resolve_schema(
            filled, label=label, time=data.time, amount=data.amount, features=data.features,
            ignored=data.ignored,
        )  # fmt: skip
    except SchemaError as error:
        return "; ".join(error.problems)
    problems = check_rows(filled, schema)[1]
    if problems:
        return "; ".join(
            f"column {problem.column}: {problem.reason} in {len(problem.rows)} rows"
            for problem in problems[:MAX_NAMED]
        )
    return None


def _drifted(
    table: pd.DataFrame, before: pd.DataFrame | None, data: DataParams, limits: RetrainParams
) -> str | None:
    """Return what has moved further than a delivery may."""
    if before is None or len(table) < FEWEST_TO_COMPARE:
        return None
    import pandas as pd

    left_out = {data.label, data.time, *data.ignored}
    moved = {
        str(name): psi_of_samples(before[name].to_numpy(), table[name].to_numpy())
        for name in before
        if name not in left_out and pd.api.types.is_numeric_dtype(before[name])
    }
    far = sorted((-index, name) for name, index in moved.items() if index > limits.max_psi)
    if far:
        named = ", ".join(f"{name} {-index:.2f}" for index, name in far[:MAX_NAMED])
        return (
            f"{len(far)} inputs have moved too far (population stability index {named}; at most "
            f"{limits.max_psi:g}, retrain.max_psi)"
        )
    return _fraud_rate_jumped(table, before, data, limits)


def _fraud_rate_jumped(
    table: pd.DataFrame, before: pd.DataFrame, data: DataParams, limits: RetrainParams
) -> str | None:
    if data.label not in table or data.label not in before:
        return None
    now, then = (of[data.label].dropna().to_numpy(dtype=float) for of in (table, before))
    if len(now) < FEWEST_TO_COMPARE or not then.sum():
        return None
    rate, usual = float(now.mean()), float(then.mean())
    # Some frauds more or less are chance: three standard deviations of their number.
    allowed = limits.max_fraud_rate_ratio * usual + 3 * np.sqrt(usual / len(now))
    if rate > allowed:
        return (
            f"the fraud rate of its labels is {rate:.3%}, before it was {usual:.3%}; more than "
            f"{limits.max_fraud_rate_ratio:g} times is refused (retrain.max_fraud_rate_ratio)"
        )
    return None
