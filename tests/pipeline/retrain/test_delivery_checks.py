"""Deliveries written by other programs, at odd times, or for labels alone."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pipeline.retrain.deliveries import all_deliveries
from pipeline.retrain.intake import take_in
from pipeline.retrain.window import labelled_window

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
        lambda table: table.assign(
            Class=table["Class"].astype("boolean").where(table.index % 2 == 0, None)
        ),
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


@pytest.mark.parametrize("n_rows", [100, 1000])
def test_numbers_are_no_booleans(deliver, week, n_rows):
    deliver(a=week(0).assign(flag=[True, False] * 500))
    found = deliver(b=week(1, n_rows).assign(flag=np.resize([0, 1], n_rows)))
    assert found.refused == {
        "b.parquet": "column flag holds numbers, in the deliveries before it held text"
    }


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


@pytest.mark.parametrize("order", [range(1, 13), range(12, 0, -1)])
def test_months_are_taken_in_whatever_their_names(deliver, week, order):
    """By name 2024-10 comes before 2024-2, and would be 240 days ahead."""
    months = {f"2024-{name}": week(4 * number, 300) for number, name in enumerate(order)}
    assert deliver(**months).refused == {}


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


def test_transactions_that_come_again_and_again_count_once(deliver, week):
    """A list of all chargebacks so far, every day."""
    many = week(0, 3000)
    frauds = many[many["Class"] == 1]
    deliver(a=many)
    for day in range(2, len(frauds)):
        assert deliver(**{f"list{day}": frauds[:day]}).refused == {}
    wrong = week(1, 3000).assign(Class=np.arange(3000) % 5 < 2)
    assert "fraud rate" in deliver(wrong=wrong).refused["wrong.parquet"]
    assert deliver(next=week(1, 3000)).refused == {}


def test_frauds_may_be_known_before_the_all_clear(deliver, week):
    table = week(0, 20_000)
    deliver(a=table.assign(Class=np.nan), b=week(1))
    assert deliver(c=table[table["Class"] == 1]).refused == {}


def test_wrong_labels_of_the_whole_history_are_refused(deliver, week):
    deliver(a=week(0), b=week(1))
    wrong = pd.concat([week(0), week(1)]).assign(Class=np.arange(2000) % 3 > 0)
    assert "fraud rate" in deliver(c=wrong).refused["c.parquet"]


def test_a_column_that_turns_out_to_be_the_label_costs_nothing(place, state, week, parameters):
    """data.label was wrong at first; nothing of that name stays behind."""
    week(0).rename(columns={"Class": "is_fraud"}).to_parquet(place / "a.parquet")
    assert len(take_in(place, state, parameters.data, parameters.retrain).new) == 1
    assert "Class" not in all_deliveries(state)
    right = parameters.data.model_copy(update={"label": "is_fraud"})
    week(1).rename(columns={"Class": "is_fraud"}).to_parquet(place / "b.parquet")
    assert take_in(place, state, right, parameters.retrain).refused == {}
    chosen = parameters.model_copy(update={"data": right})
    assert len(labelled_window(all_deliveries(state), chosen).rows) == 2000


def test_an_unused_column_tells_no_two_transactions_apart(place, state, week, parameters):
    """Chargebacks complete their rows, although a key is spelled otherwise."""
    data = parameters.data.model_copy(update={"ignored": ("id",)})
    first = week(0).assign(id=np.arange(1000))
    frauds = first[first["Class"] == 1]
    deliveries = [first.assign(Class=0), week(1).assign(id="A17"), frauds.assign(id="17")]
    for number, table in enumerate(deliveries):
        table.to_csv(place / f"{number}.csv", index=False)
        assert take_in(place, state, data, parameters.retrain).refused == {}
    window = labelled_window(
        all_deliveries(state), parameters.model_copy(update={"data": data})
    ).rows
    assert len(window) == 2000
    assert window["Class"].sum() == len(frauds) + week(1)["Class"].sum()


def test_codes_stay_codes_in_the_window(deliver, week, state, parameters):
    """Most of them may read as numbers: as text alone they would pass for numbers."""
    deliver(a=coded(week(0), ["A1", "B1", "0742"]), b=coded(week(1), ["A1", "B1", "0742"]))
    table = all_deliveries(state)
    table.loc[10:, "code"] = "0742"
    assert labelled_window(table, parameters).rows["code"].dtype == "category"


def test_more_categories_than_can_be_used_are_refused_in_time(deliver, week):
    names = np.array([f"shop {i}" for i in range(160)])
    for number, shops in enumerate((names[:80], names[40:100])):
        assert deliver(**{f"{number}": week(number, 150).assign(
            shop=np.resize(shops, 150))}).refused == {}  # fmt: skip
    found = deliver(last=week(2, 150).assign(shop=np.resize(names[90:], 150)))
    assert "column shop would hold 160 different texts" in found.refused["last.parquet"]


@pytest.mark.parametrize("n_rows", [1, 5, 150])
def test_a_tiny_first_delivery_is_no_measure_of_drift(deliver, week, n_rows):
    deliver(a=week(0)[:n_rows])
    assert deliver(b=week(1)).refused == {}


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
