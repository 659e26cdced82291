"""Champion and history move together, whenever the process ends."""

import json

import pytest

from pipeline.errors import InputError, UsageError
from pipeline.files.atomic import write_text
from pipeline.retrain.history import GENESIS, read_history
from pipeline.retrain.promotion import (
    former_champion,
    promote,
    recover,
    roll_back,
    verified_history,
)


def versions(state):
    return [(entry["action"], entry["version"]) for entry in read_history(state.history)]


@pytest.fixture
def twice(registry, state):
    state.folder.mkdir()
    promote(registry, state, "1", reason="first")
    promote(registry, state, "2", reason="better", by="Ada", facts={"data_sha256": "d" * 64})
    return registry


def test_a_promotion_is_remembered_with_who_why_and_on_what(twice, state):
    entry = verified_history(twice, state)[-1]
    assert twice.champion() == "2"
    assert (entry["former_version"], entry["by"], entry["reason"]) == ("1", "Ada", "better")
    assert entry["data_sha256"] == "d" * 64


@pytest.mark.parametrize("step", range(6))
def test_an_interruption_at_any_step_is_finished_by_the_next_call(
    registry, state, monkeypatch, step
):
    state.folder.mkdir()
    promote(registry, state, "1", reason="first")
    from pipeline.retrain import promotion

    calls = iter(range(100))

    def killed_at(function):
        def run(*arguments, **options):
            if next(calls) == step:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return run

    with monkeypatch.context() as patch:
        # The journal, the alias, the history's entry, the head: a kill before each of them.
        patch.setattr(type(state), "note", killed_at(type(state).note))
        patch.setattr(registry, "point", killed_at(registry.point))
        patch.setattr(promotion, "append_entry", killed_at(promotion.append_entry))
        patch.setattr(registry, "keep_head", killed_at(registry.keep_head))
        try:
            promote(registry, state, "2", reason="better")
            interrupted = False
        except KeyboardInterrupt:
            interrupted = True
    assert interrupted == (step < 4)
    assert registry.champion() in ("1", "2")
    recover(registry, state)
    if registry.champion() == "1":  # killed before the journal: nothing had happened
        assert step == 0
        promote(registry, state, "2", reason="better")
    assert registry.champion() == "2"
    assert versions(state) == [("promote", "1"), ("promote", "2")]
    assert verified_history(registry, state)
    assert not state.journal.exists()


def test_rolling_back_goes_back_and_not_to_and_fro(twice, state):
    promote(twice, state, "3", reason="better still")
    assert roll_back(twice, state, reason="alarms")["version"] == "2"
    assert roll_back(twice, state, reason="more alarms")["version"] == "1"
    assert twice.champion() == "1"
    with pytest.raises(InputError, match="no former champion"):
        roll_back(twice, state, reason="?")
    promote(twice, state, "3", reason="again")
    assert former_champion(read_history(state.history)) == "1"


def test_a_clock_that_jumps_back_changes_no_order(twice, state, monkeypatch):
    from datetime import UTC, datetime

    from pipeline.retrain import promotion

    class Yesteryear:
        @staticmethod
        def now(_):
            return datetime(2001, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(promotion, "datetime", Yesteryear)
    promote(twice, state, "3", reason="better still")
    entries = verified_history(twice, state)
    assert [entry["version"] for entry in entries] == ["1", "2", "3"]
    assert entries[2]["at"] < entries[1]["at"]
    assert roll_back(twice, state, reason="alarms")["version"] == "2"


def test_a_shortened_history_is_noticed(twice, state):
    first = state.history.read_text().splitlines()[0]
    write_text(first + "\n", state.history)
    with pytest.raises(InputError, match="does not end where the registry says"):
        verified_history(twice, state)


def test_a_shortened_history_is_not_sealed_anew(twice, state):
    """Neither by a promotion nor by a journal that somebody wrote."""
    lines = state.history.read_text().splitlines()
    write_text(lines[0] + "\n", state.history)
    with pytest.raises(InputError, match="does not end where the registry says"):
        promote(twice, state, "3", reason="better still")
    with pytest.raises(InputError, match="does not end where the registry says"):
        roll_back(twice, state, reason="alarms")
    for after in ("x", json.loads(lines[0])["sha256"], GENESIS):
        state.note(state.journal, {"version": "3", "after_sha256": after})
        with pytest.raises(InputError, match="does not continue the history"):
            recover(twice, state)
    assert twice.champion() == "2"
    assert twice.head() == json.loads(lines[1])["sha256"]


def test_an_alias_moved_by_hand_is_noticed(twice, state):
    twice.aliases["champion"] = "1"
    with pytest.raises(InputError, match="the alias was moved without counterfoil"):
        verified_history(twice, state)


def test_what_cannot_be_promoted(twice, state):
    with pytest.raises(InputError, match="is the champion already"):
        promote(twice, state, "2", reason="again")
    with pytest.raises(UsageError, match="a reason is needed"):
        promote(twice, state, "3", reason=" ")
    assert versions(state) == [("promote", "1"), ("promote", "2")]
