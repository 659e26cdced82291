"""Deliveries written by other programs, at odd times, or for labels alone."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pipeline.retraining.deliveries import all_deliveries
from pipeline.retraining.intake import take_in
from pipeline.retraining.window import labelled_window

DAY = 86_400


def stamped(table, zone=None):
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta(table["Time"], unit="s")
    return table.assign(Time=stamps.dt.tz_localize(zone))


def coded(table, texts):
    return table.assign(code=np.resize(texts, len(table)))


@pytest.mark.parametrize(
    "written",
    [
        lambda table: table.astype({"V1": str}),
        lambda table: table.assign(Amount=[Decimal(f"{x:.2f}") for x in table["Amount"]]),
        lambda table: table.assign(Time=table["Time"].astype("int64")),
        lambda table: table[table.columns[::-1]],
        lambda table: table.astype({"Class": "boolean"}),
        lambda table: table.astype({"Class": "Int8"}),
        lambda table: table.drop(columns="Class"),
    ],
)
def test_the_same_values_in_other_types_are_the_same(deliver, week, state, parameters, written):
    table = week(0).round({"Time": 0})
    deliver(a=table)
    found = deliver(again=written(table.copy()))
    assert (found.refused, len(found.new)) == ({}, 1)
    rows = labelled_window(all_deliveries(state), parameters).rows
    assert len(rows) == len(table)
    assert (rows.drop(columns="Class").dtypes == "float64").all()


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_timestamps_of_other_makes_are_one_time(deliver, week, state, zone):
    deliver(a=stamped(week(0)))
    assert deliver(b=stamped(week(1), zone)).refused == {}
    time = all_deliveries(state)["Time"]
    assert np.ptp(time) == pytest.approx(14 * DAY, abs=DAY)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (lambda t: t.assign(V1=np.where(t["V1"] > 0, "hi", "lo")), "V1 holds text, .* numbers"),
        (lambda t: coded(t, [1.0, 2.0]), "column code holds numbers, .* text"),
        (lambda t: t.assign(Time=t["Time"].map("{}x".format)), "column Time: not a number"),
        (stamped, r"column Time: 1,000 rows come [\d,]+ days after all others"),
    ],
)
def test_columns_of_another_kind_are_refused_at_once(deliver, week, state, written, reason):
    deliver(a=coded(week(0), ["A", "B"]))
    found = deliver(b=written(coded(week(1), ["A", "B"])))
    assert pd.Series(found.refused).str.contains(reason).all(), found.refused
    assert deliver(c=coded(week(2), ["A", "B"])).refused == {}
    assert len(all_deliveries(state)) == 2000


@pytest.mark.parametrize("texts", [["A", "B"], ["true", "false"], ["TRUE", "FALSE"]])
def test_text_of_a_csv_file_stays_as_it_is_written(deliver, place, week, state, texts):
    """Of the first file pandas makes booleans where it can; the second is read like it."""
    for number in (0, 1):
        coded(week(number), texts).to_csv(place / f"{number}.csv", index=False)
        assert deliver().refused == {}
    assert all_deliveries(state)["code"].nunique() == 2


def test_codes_that_read_as_numbers_are_text_where_others_were(deliver, place, week, state):
    codes = ["0742", "0700", "0100", "A1"]
    coded(week(0), ["A1", "0742", "B1", "C1"]).to_csv(place / "0.csv", index=False)
    coded(week(1, 100), codes[:3]).to_csv(place / "1.csv", index=False)
    assert deliver().refused == {}
    assert {"0742", "0700"} <= set(all_deliveries(state)["code"])


def test_unused_columns_may_be_of_any_kind(place, state, week, parameters):
    data = parameters.data.model_copy(update={"ignored": ("note",)})
    for name, note in {"a": 7, "b": "seven", "c": None}.items():
        table = week(ord(name) - ord("a")).assign(note=note)
        table.to_parquet(place / f"{name}.parquet", index=False)
        assert take_in(place, state, data, parameters.retrain).refused == {}
    assert len(all_deliveries(state)) == 3000


def test_files_of_one_call_are_compared_with_each_other(deliver, place, week, state):
    """Which of two is wrong nobody knows yet: neither is remembered, and the call says so again."""
    other = week(1).rename(columns={"V2": "X2"})
    for _ in range(2):
        found = deliver(a=week(0), b=other)
        assert found.refused == {"b.parquet": "columns are missing: V2"}
    (place / "b.parquet").unlink()
    assert len(deliver().new) == 1
    found = deliver(b=other)
    assert list(found.refused) == ["b.parquet"]
    assert deliver().refused == {}


def late(table, n_rows, days):
    times = table["Time"].to_numpy(copy=True)
    times[-n_rows:] += days * DAY
    return table.assign(Time=times)


@pytest.mark.parametrize("n_rows", [1, 100, 1000])
def test_rows_far_after_all_others_are_refused(deliver, week, state, n_rows):
    """They would push all others out of the window and make every label ripe."""
    deliver(a=week(0))
    assert deliver(b=late(week(1), n_rows, 50)).refused == {}
    found = deliver(c=late(week(2), n_rows, 200))
    assert pd.Series(found.refused).str.contains("days after all others; more than 60").all()
    assert len(all_deliveries(state)) == 2000


@pytest.mark.parametrize(("n_rows", "is_refused"), [(1, True), (400, True), (800, False)])
def test_of_the_first_delivery_the_smaller_part_may_not_be_late(deliver, week, n_rows, is_refused):
    assert bool(deliver(a=late(week(0), n_rows, 100)).refused) == is_refused


def test_chargebacks_after_the_all_clear_are_no_drift(deliver, week, state):
    week_of_many = week(0, 20_000)
    frauds = week_of_many[week_of_many["Class"] == 1]
    assert len(frauds) >= 200
    deliver(a=week_of_many.assign(Class=0))
    assert deliver(b=frauds).refused == {}
    assert deliver(c=pd.concat([week(1, 5_000), frauds[:250]])).refused == {}


def test_labels_that_make_known_transactions_frauds_are_refused(deliver, week):
    deliver(a=week(0), b=week(1).assign(Class=np.nan))
    found = deliver(c=week(1).assign(Class=1))
    assert "the fraud rate of its labels is 100.000%" in found.refused["c.parquet"]
    assert deliver(d=week(1)).refused == {}


@pytest.mark.parametrize(
    ("usual", "unusual"),
    [
        (lambda rng, n: rng.random(n) < 0.05, lambda _, n: np.ones(n)),
        (lambda rng, n: rng.choice(["a", "b"], n), lambda _, n: np.full(n, "a")),
        (lambda rng, n: rng.choice(["a", "b"], n), lambda rng, n: rng.choice(["a", "c"], n)),
    ],
)
def test_flags_and_categories_that_change_are_refused(deliver, week, rng, usual, unusual):
    def extended(table, make):
        kind = "float" if make(rng, 1).dtype.kind in "bf" else "str"
        return table.assign(extra=make(rng, len(table)).astype(kind))

    deliver(a=extended(week(0), usual))
    assert deliver(b=extended(week(1), usual)).refused == {}
    found = deliver(c=extended(week(2), unusual))
    assert "1 inputs have moved too far" in found.refused["c.parquet"]


def test_many_rare_categories_are_no_drift(deliver, week, rng):
    names = np.array([f"shop {i}" for i in range(90)])
    for number in range(3):
        table = week(number, 300)
        table = table.assign(shop=rng.choice(names, len(table)))
        assert deliver(**{f"week{number}": table}).refused == {}
