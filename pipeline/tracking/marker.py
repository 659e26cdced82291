"""The note about the open MLflow run that lets the next process continue it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.files.atomic import read_json, write_json


@dataclass
class OpenRun:
    """What ``artifacts/.tracking.json`` says of a run that has not ended.

    Attributes
    ----------
    server : str
        The tracking server, without credentials.
    params_sha256 : str
        Of the parameters.
    data_sha256 : str or None
        Of the data; None before `ingest` has run.
    run_id : str
        The parent run.
    nested : dict of str to str
        Stage to its nested run.
    stages : list of str
        Recorded so far.
    """

    server: str
    params_sha256: str
    data_sha256: str | None
    run_id: str = ""
    nested: dict[str, str] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)

    def is_of_same_work(self, other: OpenRun) -> bool:
        """Whether both are about the same parameters and data."""
        mine, its = ((run.server, run.params_sha256, run.data_sha256) for run in (self, other))
        return mine == its

    @classmethod
    def read(cls, path: Path) -> OpenRun | None:
        """Return the note, or None if there is none that can be read."""
        try:
            return cls(**read_json(path))
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Write the note, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(asdict(self), path)
