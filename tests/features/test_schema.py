"""Columns get their meaning from params.yaml and their types, or all problems are named."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.row_checks import (
    LARGEST_VALUE,
    check_rows,
    drop_duplicates,
    order_rows,
    reasons_by_row,
)
from features.schema import SchemaError, TransactionSchema, resolve_schema

ULB = {"label": "Class", "time": "Time", "amount": "Amount"}


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "Time": [0, 1, 2],
            "V1": [0.5, -0.5, 0.25],
            "country": ["DE", "AT", "DE"],
            "is_online": [True, False, True],
            "Amount": [1.0, 2.0, 3.0],
            "Class": [0, 1, 0],
        }
    )


def test_auto_takes_every_other_column_and_never_time_or_label(frame):
    schema = resolve_schema(frame, **ULB)
    assert schema.inputs == ("V1", "country", "is_online", "Amount")
    assert schema.categorical == ("country", "is_online")
    assert schema.numeric_inputs == ("V1", "Amount")
    assert schema.columns == ("Time", "V1", "country", "is_online", "Amount", "Class")


def test_a_list_may_hold_the_amount_and_keeps_its_order(frame):
    schema = resolve_schema(
        frame, **ULB, features=["country", "Amount", "V1"], ignored=["is_online"]
    )
    assert schema.inputs == ("country", "V1", "Amount")


def test_ignored_columns_are_no_features(frame):
    schema = resolve_schema(frame, **ULB, ignored=["country", "is_online"])
    assert schema.inputs == ("V1", "Amount")


def test_all_problems_come_at_once(frame):
    frame = frame.drop(columns=["Time", "Class"])
    with pytest.raises(SchemaError) as caught:
        resolve_schema(frame, **ULB, features=["V1", "V9"], ignored=["is_online"])
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    for part in ("column Time", "column Class", "column V9", "does not name: country"):
        assert part in text


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"amount": "Time"}, r"Time is named by data.time and data.amount"),
        ({"features": ["V1", "Class"]}, r"Class is named by data.label and data.features"),
        ({"ignored": ["Time"]}, r"Time is named by data.time and data.ignored"),
    ],
)
def test_a_column_has_one_meaning(frame, changes, match):
    with pytest.raises(SchemaError, match=match):
        resolve_schema(frame, **(ULB | changes))


def test_a_table_without_inputs_is_refused(frame):
    with pytest.raises(SchemaError, match="no column is left as an input"):
        resolve_schema(frame[["Time", "Class"]], label="Class", time="Time")


def test_text_that_mostly_reads_as_numbers_is_numeric(frame):
    frame["V1"] = ["0.5", "oops", "0.25"]
    schema = resolve_schema(frame, **ULB)
    assert "V1" in schema.numeric_inputs
    table, problems = check_rows(frame, schema)
    assert table["V1"].tolist() == [0.5, 0.0, 0.25]
    assert reasons_by_row(problems) == {1: "V1: not a number"}


def test_bad_rows_have_all_their_reasons(frame):
    frame["V1"] = [np.nan, np.inf, 0.0]
    frame["country"] = ["DE", None, "DE"]
    frame["Class"] = [0, 2, 1]
    frame["Time"] = [0, 1, -1]
    _, problems = check_rows(frame, resolve_schema(frame, **ULB))
    assert reasons_by_row(problems) == {
        0: "V1: missing value",
        1: "V1: infinite or too large; country: missing value; Class: not 0 or 1",
        2: "Time: negative time",
    }


def test_values_beyond_float32_are_refused(frame):
    frame["V1"] = [1e39, 0.0, 0.0]
    _, problems = check_rows(frame, resolve_schema(frame, **ULB))
    assert [problem.rows.tolist() for problem in problems] == [[0]]


def test_labels_may_be_text_or_boolean(frame):
    for labels in (["0", "1", "0"], [False, True, False], [0.0, 1.0, 0.0]):
        frame["Class"] = labels
        table, problems = check_rows(frame, resolve_schema(frame, **ULB))
        assert problems == []
        assert table["Class"].tolist() == [0, 1, 0]
        assert table["Class"].dtype == np.int8


@pytest.mark.parametrize("as_text", [True, False])
def test_timestamps_become_seconds(frame, as_text):
    stamps = ["2024-01-01T00:00:00", "2024-01-01T00:00:01.5", "2024-01-02T00:00:00"]
    frame["Time"] = stamps if as_text else pd.to_datetime(stamps, format="ISO8601")
    table, problems = check_rows(frame, resolve_schema(frame, **ULB))
    assert problems == []
    assert (table["Time"] - table["Time"][0]).tolist() == [0, 1.5, 86_400]
    assert table["Time"][0] == 1_704_067_200


def test_the_argument_is_not_changed(frame):
    before = frame.copy()
    check_rows(frame, resolve_schema(frame, **ULB))
    pd.testing.assert_frame_equal(frame, before)


def test_messages_shorten_what_might_be_a_card_number(frame):
    frame["Class"] = ["4111-1111-1111-1111"] * 3
    _, problems = check_rows(frame, resolve_schema(frame, **ULB))
    assert "1111-1111-1111" not in problems[0].received


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=30),
    labels=st.data(),
)
def test_exactly_the_unusable_rows_are_named(values, labels):
    marks = labels.draw(
        st.lists(st.sampled_from([0, 1, 2, -1]), min_size=len(values), max_size=len(values))
    )
    frame = pd.DataFrame({"V1": values, "Class": marks})
    schema = resolve_schema(frame, label="Class")
    table, problems = check_rows(frame, schema)
    expected = [
        row
        for row, (value, mark) in enumerate(zip(values, marks, strict=True))
        if not (np.isfinite(value) and abs(value) <= LARGEST_VALUE and mark in (0, 1))
    ]
    assert list(reasons_by_row(problems)) == expected
    good = [row for row in range(len(values)) if row not in expected]
    assert table["V1"][good].tolist() == [values[row] for row in good]
    assert np.isfinite(table["V1"]).all()


SCHEMA = TransactionSchema("Class", "Time", None, ("V1", "country"), ("country",))
ROWS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 2.0]),
        st.sampled_from([-1.0, 0.5]),
        st.sampled_from(["AT", "DE"]),
        st.sampled_from([0, 1]),
    ),
    min_size=1,
    max_size=25,
)


@pytest.mark.parametrize("time", ["Time", None])
@settings(max_examples=50, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 50))
def test_order_in_the_file_is_irrelevant(time, rows, seed):
    table = pd.DataFrame(rows, columns=["Time", "V1", "country", "Class"])
    schema = SCHEMA
    if time is None:
        table, schema = table.drop(columns="Time"), TransactionSchema("Class", None, None, ("V1",))
        table = table.drop(columns="country")
    shuffled = table.take(np.random.default_rng(seed).permutation(len(table)))
    first, second = order_rows(table, schema), order_rows(shuffled, schema)
    pd.testing.assert_frame_equal(first, second)
    assert sorted(map(tuple, first.to_numpy())) == sorted(map(tuple, table.to_numpy()))
    if time:
        assert first["Time"].is_monotonic_increasing


def test_duplicates_must_agree_in_every_column():
    table = pd.DataFrame({"Time": [0.0, 0.0, 1.0, 0.0], "V1": [1.0, 1.0, 1.0, 1.0]})
    table["Class"] = [0, 0, 0, 1]
    assert len(drop_duplicates(table)) == 3
