"""Deliveries are taken in once, by content, and not at all if one of them is bad."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import InputError, UsageError
from pipeline.files.atomic import read_json
from pipeline.retrain import intake
from pipeline.retrain.challenge import challenge_key
from pipeline.retrain.deliveries import all_deliveries, withdraw
from pipeline.retrain.intake import remember, take_in


def test_the_same_content_is_taken_in_once(deliver, place, state, week):
    assert len(deliver(a=week(0), b=week(1)).new) == 2
    assert deliver().known == 2
    again = deliver(c=week(1))  # under another name
    assert (again.new, again.known) == ([], 3)
    assert len(all_deliveries(state)) == 2000
    (place / "a.parquet").unlink()
    assert deliver().new == []


def test_a_csv_file_and_files_that_are_none_of_ours(deliver, place, week, state):
    week(0).to_csv(place / "week.csv", index=False)
    (place / "readme.txt").write_text("hello")
    (place / ".hidden.parquet").write_text("still being copied")
    assert len(deliver().new) == 1
    pd.testing.assert_frame_equal(all_deliveries(state), week(0), check_dtype=False)


def test_an_empty_delivery_says_that_nothing_happened(deliver, week, state, parameters):
    deliver(a=week(0))
    before = challenge_key(state, parameters)
    found = deliver(empty=week(0).iloc[:0])
    assert (found.refused, len(found.new)) == ({}, 1)
    assert len(all_deliveries(state)) == 1000
    assert challenge_key(state, parameters) == before  # there is nothing new to train on
    deliver(b=week(1))
    assert challenge_key(state, parameters) != before


def shifted(table):
    return table.assign(V3=table["V3"] + 10 * table["V3"].std())


def mislabelled(table):
    return table.assign(Class=np.where(np.arange(len(table)) % 5 == 0, 1, table["Class"]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (shifted, "1 inputs have moved too far .*V3"),
        (mislabelled, r"the fraud rate of its labels is 2\d\.\d+%, before it was 2"),
        (lambda table: table.drop(columns="V7"), "columns are missing: V7"),
        (lambda table: table.assign(V29=1.0), "columns are new: V29"),
        (lambda table: table.assign(Class=2), "must hold 0, 1 or nothing"),
        (lambda table: table.assign(V3=table["V3"].where(table.index > 5)), "column V3: .* 6 rows"),
    ],
)
def test_a_bad_delivery_stops_all_and_is_remembered(deliver, week, state, change, reason):
    deliver(a=week(0))
    before = sorted(path.name for path in state.deliveries.iterdir())
    found = deliver(good=week(1), poisoned=change(week(2)))
    assert list(found.refused) == ["poisoned.parquet"]
    assert pd.Series(found.refused).str.contains(reason).all(), found.refused
    assert found.new == []
    assert sorted(path.name for path in state.deliveries.iterdir()) == before
    # The next call passes it over, and takes the good one in.
    after = deliver()
    assert (after.refused, len(after.new)) == ({}, 1)


def test_chance_alone_refuses_no_delivery(deliver, week):
    for number in range(12):
        assert deliver(**{f"week{number}": week(number)}).refused == {}


def test_a_damaged_file_is_refused_and_its_whole_copy_taken_in(deliver, place, week):
    deliver(a=week(0))
    week(1).to_parquet(place / "b.parquet", index=False)
    whole = (place / "b.parquet").read_bytes()
    (place / "b.parquet").write_bytes(whole[: len(whole) // 2])
    assert "is not a whole Parquet file" in deliver().refused["b.parquet"]
    (place / "b.parquet").write_bytes(whole)
    assert len(deliver().new) == 1


def test_a_file_that_grows_while_it_is_read_is_left_for_the_next_call(
    deliver, place, week, monkeypatch, state
):
    deliver(a=week(0))
    read = intake.read_table

    def read_while_growing(path, as_text):
        table = read(path, as_text)
        if path.name == "b.parquet":
            week(2).to_parquet(path, index=False)
        return table

    monkeypatch.setattr(intake, "read_table", read_while_growing)
    found = deliver(b=week(1))
    assert (found.unfinished, found.new, found.refused) == (["b.parquet"], [], {})
    assert len(all_deliveries(state)) == 1000


def test_a_file_that_vanishes_is_left_for_the_next_call(deliver, place, week, monkeypatch):
    deliver(a=week(0))
    look = intake._look

    def look_and_delete(path, *arguments):
        found = look(path, *arguments)
        path.unlink()
        return found

    monkeypatch.setattr(intake, "_look", look_and_delete)
    found = deliver(b=week(1))
    assert (found.unfinished, found.new, found.refused) == (["b.parquet"], [], {})


def test_a_refusal_is_remembered_only_when_it_has_been_reported(place, week, state, parameters):
    """A call that is killed in between refuses the file again."""
    week(0).assign(Class=2).to_parquet(place / "a.parquet")
    for _ in range(2):
        found = take_in(place, state, parameters.data, parameters.retrain)
        assert list(found.refused) == ["a.parquet"]
    remember(found, state)
    assert take_in(place, state, parameters.data, parameters.retrain).refused == {}


def test_a_delivery_is_withdrawn_and_passed_over_from_then_on(deliver, place, week, state):
    deliver(a=week(0), b=week(1))
    assert len(all_deliveries(state)) == 2000
    for name in ("", "0123456789", str(place / "c.parquet")):
        with pytest.raises(InputError, match=r"names .* of the 2 deliveries"):
            withdraw(name, state, reason="wrong export")
    sha256 = withdraw(str(place / "b.parquet"), state, reason="wrong export", by="Ada")
    note = read_json(state.refused / f"{sha256}.json")
    assert (note["withdrawn"], note["by"]) == ("wrong export", "Ada")
    assert len(pd.read_parquet(state.withdrawn / f"{sha256}.parquet")) == 1000
    assert (deliver().known, len(all_deliveries(state))) == (2, 1000)
    (kept,) = state.deliveries.iterdir()
    with pytest.raises(UsageError, match="a reason is needed"):
        withdraw(kept.stem[:12], state, reason=" ")
    withdraw(kept.stem[:12], state, reason="as well")
    assert all_deliveries(state) is None


def test_a_withdrawal_that_was_killed_half_way_counts(deliver, week, state, monkeypatch):
    deliver(a=week(0), b=week(1))
    name = sorted(path.stem for path in state.deliveries.iterdir())[0]
    with monkeypatch.context() as patch:
        patch.setattr(type(state), "withdrawn", property(lambda _: 1 / 0))
        with pytest.raises(ZeroDivisionError):
            withdraw(name, state, reason="wrong export")
    assert len(all_deliveries(state)) == 1000
    assert withdraw(name, state, reason="wrong export") == name


def test_what_other_parameters_refused_is_looked_at_again(place, week, state, parameters):
    week(0).to_parquet(place / "a.parquet", index=False)
    wrong = parameters.data.model_copy(update={"time": "When"})
    found = take_in(place, state, wrong, parameters.retrain)
    assert found.refused == {"a.parquet": "columns are missing: When"}
    remember(found, state)
    assert take_in(place, state, wrong, parameters.retrain).known == 1
    assert len(take_in(place, state, parameters.data, parameters.retrain).new) == 1
    again = take_in(place, state, parameters.data, parameters.retrain)
    assert (again.new, again.known) == ([], 1)


def test_a_place_that_does_not_exist(state, parameters, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        take_in(tmp_path / "nowhere", state, parameters.data, parameters.retrain)
