"""Moves the alias `champion`, and writes the history, so that neither can be without the other.

What is about to happen is written to the journal first. A call that finds a journal does what it
says again: setting the alias twice changes nothing, and an entry that is there is not added twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.errors import InputError, UsageError
from pipeline.retrain.history import Entry, append_entry, head, read_history
from pipeline.retrain.state import State
from pipeline.tracking.facts import user_name
from pipeline.tracking.registry import CHAMPION, Registry

PROMOTE, ROLLBACK = "promote", "rollback"


def promote(
    registry: Registry,
    state: State,
    version: str,
    *,
    reason: str,
    by: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Entry:
    """Make a version the champion and return the entry of the history.

    Parameters
    ----------
    registry : Registry
    state : State
        Whose lock the caller holds.
    version : str
    reason : str
    by : str, optional
        Who decided; the user of this process by default.
    facts : mapping, optional
        More for the entry: gates, data, the challenge.

    Raises
    ------
    InputError
        If there is no such version, it is the champion already, or the history was tampered with.
    """
    _verified_head(registry, state)
    registry.require(version)
    former = registry.champion()
    if version == former:
        raise InputError(f"version {version} of {registry.name} is the champion already")
    return _move(registry, state, PROMOTE, version, former, reason, by, facts)


def roll_back(registry: Registry, state: State, *, reason: str, by: str | None = None) -> Entry:
    """Make the former champion the champion again and return the entry of the history.

    Rolling back twice goes back two promotions, not to and fro.

    Raises
    ------
    InputError
        If the history names no former champion, or was tampered with.
    """
    former = former_champion(_verified_head(registry, state))
    if former is None:
        raise InputError(
            f"{registry.name} has no former champion: its history holds no promotion that "
            "replaced one"
        )
    registry.require(former)
    present = registry.champion()
    return _move(registry, state, ROLLBACK, former, present, reason, by, None)


def recover(registry: Registry, state: State) -> Entry | None:
    """Finish a promotion that was interrupted, and return its entry.

    Raises
    ------
    InputError
        If the journal does not continue the history that the registry knows.
    """
    journal = state.read_journal()
    if journal is None:
        return None
    entries, kept = read_history(state.history), registry.head()
    after = journal.get("after_sha256")
    is_written = bool(entries) and entries[-1]["previous_sha256"] == after
    # An interrupted promotion has written its entry or not, and told the registry or not.
    heads = {after, head(entries)} if is_written else {after}
    if head(entries) not in heads or (kept is not None and kept not in heads):
        raise InputError(
            f"{state.journal} does not continue the history: {state.history} or the journal is "
            "another file; restore both from a backup, or delete the journal if the promotion in "
            "it is not wanted"
        )
    return _finish(registry, state, journal)


def verified_history(registry: Registry, state: State) -> list[Entry]:
    """Return the history after comparing its seals, its head and its champion with the registry.

    Raises
    ------
    InputError
        If it was changed or shortened, or the alias was moved past it.
    """
    entries = _verified_head(registry, state)
    present = registry.champion()
    last = entries[-1]["version"] if entries else None
    if present != last:
        raise InputError(
            f"the champion of {registry.name} is version {present}, the history ends with {last}: "
            "the alias was moved without counterfoil; move it with `counterfoil promote`"
        )
    return entries


def former_champion(entries: list[Entry]) -> str | None:
    """Return the champion before the present one, looking through rollbacks."""
    stack: list[str] = []
    for entry in entries:
        if entry["action"] == ROLLBACK and stack:
            stack.pop()
        else:
            stack.append(str(entry["version"]))
    return stack[-2] if len(stack) > 1 else None


def _verified_head(registry: Registry, state: State) -> list[Entry]:
    """Return the history if every seal holds and it ends where the registry says."""
    entries = read_history(state.history)
    kept = registry.head()
    if kept is not None and kept != head(entries):
        raise InputError(
            f"{state.history} does not end where the registry says ({kept[:12]}...): entries were "
            "cut off or the file is another one; restore it from a backup"
        )
    return entries


def _move(
    registry: Registry, state: State, action: str, version: str, former: str | None, reason: str,
    by: str | None, facts: Mapping[str, Any] | None,
) -> Entry:  # fmt: skip
    if not reason.strip():
        raise UsageError("a reason is needed: the history is there to answer why")
    journal = {
        **(facts or {}),
        "action": action,
        "model": registry.name,
        "version": version,
        "former_version": former,
        "reason": reason.strip(),
        "by": by or user_name(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "after_sha256": head(read_history(state.history)),
    }
    state.note(state.journal, journal)
    return _finish(registry, state, journal)


def _finish(registry: Registry, state: State, journal: Mapping[str, Any]) -> Entry:
    """Do what the journal says, whatever part of it was done before."""
    registry.point(CHAMPION, str(journal["version"]))
    entries = read_history(state.history)
    if head(entries) == journal["after_sha256"]:
        append_entry(state.history, journal)
        entries = read_history(state.history)
    registry.keep_head(head(entries))
    state.journal.unlink()
    return entries[-1]
