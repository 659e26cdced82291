"""The deliveries that were taken in: each kept once, by the SHA-256 of its file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError, UsageError
from pipeline.files.atomic import atomic_path, file_sha256, read_json
from pipeline.tracking.facts import user_name

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.retrain.state import State

FEWEST_CHARACTERS = 8  # of a hash that names a delivery
WITHDRAWN = "withdrawn"  # in a note: why


def is_known(sha256: str, state: State, judged_by: str) -> bool:
    """Whether a file was taken in, withdrawn, or refused by the same parameters before."""
    if _place(sha256, state).exists():  # other parameters may have refused it before
        return True
    note = _note(sha256, state)
    return note is not None and (WITHDRAWN in note or note["judged_by"] == judged_by)


def kept_deliveries(state: State) -> list[Path]:
    """Return the files of all deliveries that were taken in and not withdrawn since."""
    paths = sorted(state.deliveries.glob("*.parquet"))
    return [path for path in paths if not _is_withdrawn(path.stem, state)]


def keep(table: pd.DataFrame, sha256: str, state: State) -> None:
    """Keep a delivery that was checked; from now on it is known."""
    place = _place(sha256, state)
    place.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(place) as fresh:
        table.to_parquet(fresh, index=False)


def all_deliveries(state: State) -> pd.DataFrame | None:
    """Return the rows of all deliveries, or None before the first."""
    import pandas as pd

    tables = [table for table in map(pd.read_parquet, kept_deliveries(state)) if len(table)]
    return joined(tables) if tables else None


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows of one delivery after another; a column that is text in one of them is text.

    Only columns that nothing uses may differ so: `delivery_checks` refuses it in all others.
    """
    import pandas as pd

    table = pd.concat(tables, ignore_index=True)
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = table[name].map(str, na_action="ignore")
    return table


def withdraw(name: str, state: State, *, reason: str, by: str | None = None) -> str:
    """Take a delivery back, as if it had been refused, and return its SHA-256.

    Its rows move to `withdrawn/`. The next retraining does without them, and passes the file over
    where it still finds it.

    Parameters
    ----------
    name : str
        The file as it was delivered, or the beginning of its SHA-256.
    state : State
        Whose lock the caller holds.
    reason : str
    by : str, optional
        Who decided; the user of this process by default.

    Raises
    ------
    InputError
        If no delivery, or more than one, is meant.
    """
    if not reason.strip():
        raise UsageError("a reason is needed: the note is there to answer why")
    sha256 = _named(name, state)
    note = {
        "file": Path(name).name,
        WITHDRAWN: reason.strip(),
        "by": by or user_name(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    # In this order: a call that is killed in between is done again.
    state.note(state.refused / f"{sha256}.json", note)
    state.withdrawn.mkdir(exist_ok=True)
    _place(sha256, state).replace(state.withdrawn / f"{sha256}.parquet")
    return sha256


def _named(name: str, state: State) -> str:
    kept = [path.stem for path in state.deliveries.glob("*.parquet")]
    if Path(name).is_file():
        name = file_sha256(Path(name))
    found = [sha256 for sha256 in kept if sha256.startswith(name)]
    if len(name) < FEWEST_CHARACTERS or len(found) != 1:
        raise InputError(
            f"{name} names {len(found) or 'none'} of the {len(kept)} deliveries in "
            f"{state.deliveries}; give the file, or at least {FEWEST_CHARACTERS} characters of "
            "its SHA-256"
        )
    return found[0]


def _note(sha256: str, state: State) -> dict[str, Any] | None:
    """Return why a file was refused or withdrawn."""
    place = state.refused / f"{sha256}.json"
    return read_json(place) if place.exists() else None


def _is_withdrawn(sha256: str, state: State) -> bool:
    note = _note(sha256, state)
    return note is not None and WITHDRAWN in note


def _place(sha256: str, state: State) -> Path:
    return state.deliveries / f"{sha256}.parquet"
