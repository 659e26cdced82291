"""The state folder of retraining: what lies where, and that one call works in it at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import CounterfoilError
from pipeline.files.atomic import read_json, write_json, write_text
from pipeline.files.locks import held_alone


class BusyError(CounterfoilError):
    """Another call is at work; exit code 40."""

    exit_code = 40


@dataclass(frozen=True)
class State:
    """The state folder.

    ::

        deliveries/   what was taken in, by SHA-256
        refused/      why a delivery was refused, by SHA-256
        withdrawn/    deliveries that a person took back, by SHA-256
        work/         the challenge in progress
        history.jsonl promotions
        outcomes.jsonl one line a call that did something
        journal.json  a promotion in progress
    """

    folder: Path

    @property
    def deliveries(self) -> Path:
        """Accepted deliveries."""
        return self.folder / "deliveries"

    @property
    def refused(self) -> Path:
        """Notes on refused deliveries."""
        return self.folder / "refused"

    @property
    def withdrawn(self) -> Path:
        """Deliveries that were taken back."""
        return self.folder / "withdrawn"

    @property
    def history(self) -> Path:
        """The promotion history."""
        return self.folder / "history.jsonl"

    @property
    def journal(self) -> Path:
        """The promotion in progress, if there is one."""
        return self.folder / "journal.json"

    def work(self, challenge: str) -> Path:
        """Return the folder of one challenge."""
        return self.folder / "work" / challenge[:16]

    def outcomes(self) -> list[dict[str, Any]]:
        """Return what earlier calls came to, oldest first."""
        try:
            lines = (self.folder / "outcomes.jsonl").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]

    def add_outcome(self, outcome: Mapping[str, Any]) -> None:
        """Add what this call came to; the file is replaced in one step."""
        lines = [json.dumps(one, sort_keys=True) for one in (*self.outcomes(), outcome)]
        write_text("\n".join(lines) + "\n", self.folder / "outcomes.jsonl")

    def note(self, path: Path, content: Mapping[str, Any]) -> None:
        """Write a JSON file of the state, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(dict(content), path)

    def read_journal(self) -> dict[str, Any] | None:
        """Return the promotion in progress."""
        return read_json(self.journal) if self.journal.exists() else None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other call out for as long as the block lasts.

        The operating system drops the lock with the process, however it ends.

        Raises
        ------
        BusyError
            At once, if another call is at work.
        """
        with held_alone(self.folder) as holder:
            if holder is not None:
                raise BusyError(
                    f"another call (process {holder}) is at work in {self.folder}; this one did "
                    "nothing"
                )
            yield
