"""Takes deliveries in: each file once by its content, checked against those before it."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.files.atomic import file_sha256
from pipeline.files.tables import SUFFIXES, read_table
from pipeline.params.sections import DataParams, RetrainParams
from pipeline.retrain.deliveries import all_deliveries, is_known, joined, keep
from pipeline.retrain.delivery_checks import RefusedError, checked, text_columns
from pipeline.retrain.state import State

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


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
    to_remember : dict of str to dict
        SHA-256 of files that are to be passed over from now on, to name and reason.
    """

    new: list[str] = field(default_factory=list)
    known: int = 0
    unfinished: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    to_remember: dict[str, dict[str, str]] = field(default_factory=dict)


def take_in(
    place: Path,
    state: State,
    data: DataParams,
    limits: RetrainParams,
    doubts: Callable[[pd.DataFrame], str | None] | None = None,
) -> Intake:
    """Take in the files that are new; if one of them is refused, none is taken in.

    Taking in is by content: the same file twice, under two names or in another order changes
    nothing. What was refused does not stand in the way of later deliveries, once `remember` has
    been called.

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
    kept = all_deliveries(state)
    before = kept  # and what is accepted now
    judged_by = _parameters(data, limits)
    new = []
    for path in _files(place):
        sha256 = _sha256(path)
        if sha256 is not None and is_known(sha256, state, judged_by):
            found.known += 1
        else:
            new.append((path, sha256))
    for path, sha256 in sorted(new, key=lambda one: _first_time(one[0], data)):
        if sha256 in accepted:
            found.known += 1
            continue
        table, reason = _look(path, before, data, limits, doubts)
        if sha256 is None or _sha256(path) != sha256:
            logger.warning("%s is still being written; the next call will look at it", path)
            found.unfinished.append(path.name)
        elif table is not None:
            accepted[sha256] = table
            if len(table):  # the next file follows this one
                before = table if before is None else joined([before, table])
        else:
            found.refused[path.name] = reason
            # Two files that do not go together: which of them is wrong a person has to say.
            if before is kept or _look(path, kept, data, limits, doubts)[0] is None:
                found.to_remember[sha256] = {
                    "file": path.name, "reason": reason, "judged_by": judged_by,
                }  # fmt: skip
    if not found.refused:
        for sha256, table in accepted.items():
            keep(table, sha256, state)
            found.new.append(sha256)
    return found


def remember(found: Intake, state: State) -> None:
    """Let later calls pass over what was refused; to be called when that has been reported."""
    for sha256, note in found.to_remember.items():
        state.note(state.refused / f"{sha256}.json", note)


def _look(
    path: Path,
    before: pd.DataFrame | None,
    data: DataParams,
    limits: RetrainParams,
    doubts: Callable[[pd.DataFrame], str | None] | None,
) -> tuple[pd.DataFrame | None, str]:
    """Return the delivery to keep, or None and why it is refused."""
    try:
        table = checked(read_table(path, text_columns(before)), before, data, limits)
    except (InputError, RefusedError) as error:
        return None, str(error)
    reason = None if doubts is None else doubts(table)
    return (table, "") if reason is None else (None, reason)


def _first_time(path: Path, data: DataParams) -> float:
    """Return the time of a file's oldest row: files are checked in this order, then by name."""
    import pandas as pd

    from features.row_checks import seconds_of

    columns = [str(data.time)]
    try:
        if path.suffix.lower() == ".parquet":
            table = pd.read_parquet(path, columns=columns)
        else:
            table = pd.read_csv(path, usecols=columns)
        first = float(seconds_of(table[data.time]).min())
    except (OSError, ValueError, KeyError, TypeError):
        return float("inf")  # `checked` will say what is wrong with it
    return float("inf") if math.isnan(first) else first


def _parameters(data: DataParams, limits: RetrainParams) -> str:
    """Hash of all that the judgement of a file depends on, beside the file and the deliveries."""
    columns = data.model_dump(
        mode="json", include={"label", "time", "amount", "features", "ignored"}
    )
    allowed = limits.model_dump(
        include={"max_psi", "max_fraud_rate_ratio", "max_days_ahead", "min_label_agreement"}
    )
    return hashlib.sha256(json.dumps([columns, allowed], sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str | None:
    """Return the hash of a file, None if it has gone."""
    try:
        return file_sha256(path)
    except FileNotFoundError:
        return None


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
