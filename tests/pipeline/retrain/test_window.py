"""Which rows of the deliveries a challenger is trained and judged on."""

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.row_checks import check_rows
from features.schema import resolve_schema
from features.transaction_keys import transaction_keys
from pipeline.errors import InputError
from pipeline.files.given_labels import GivenLabel
from pipeline.retrain.challenge import challenge_key
from pipeline.retrain.window import labelled_window

WEEK = 7 * 86_400


def limited(parameters, **changes):
    """Other values of the section `retrain`."""
    return parameters.model_copy(update={"retrain": parameters.retrain.model_copy(update=changes)})


def test_late_labels_and_chargebacks_find_their_transaction(week, parameters):
    first = week(0).astype({"Class": "float64"})
    unlabelled = first.assign(Class=np.nan)
    cleared = first.assign(Class=0.0)
    table = pd.concat([unlabelled, cleared, first], ignore_index=True)
    window = labelled_window(table, parameters)
    pd.testing.assert_frame_equal(window.rows, week(0).sort_values("Time"), check_dtype=False)
    assert labelled_window(unlabelled, parameters).rows.empty


def test_unripe_and_old_rows_are_left_out(week, parameters):
    table = pd.concat([week(number) for number in range(4)], ignore_index=True)
    newest = table["Time"].max()
    chosen = limited(parameters, label_delay_days=3.0, window_days=7.0)
    window = labelled_window(table, chosen).rows
    assert window["Time"].max() <= newest - 3 * 86_400
    assert window["Time"].min() > newest - 10 * 86_400
    assert len(window) == pytest.approx(1000, rel=0.1)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(4)))
def test_the_order_of_deliveries_does_not_matter(order):
    from pathlib import Path

    from features.simulation import simulate_transactions
    from pipeline.params.sections import load_params

    parameters = load_params(Path(__file__).parents[3] / "params.yaml")
    table = simulate_transactions(200, fraud_rate=0.1, seed=1).astype({"Class": "float64"})
    parts = [table[:100], table[50:], table.assign(Class=np.nan), table.assign(Class=0.0)[:20]]
    shuffled = pd.concat([parts[i] for i in order], ignore_index=True)
    expected = labelled_window(pd.concat(parts), parameters).rows
    pd.testing.assert_frame_equal(labelled_window(shuffled, parameters).rows, expected)


@pytest.fixture
def said(parameters):
    """Labels of people for rows of a table, as `counterfoil label import` keeps them."""

    def make(rows, label):
        schema = resolve_schema(rows, label="Class", time="Time", amount="Amount")
        keys = transaction_keys(check_rows(rows, schema)[0], schema)
        return {key: GivenLabel(key, label, {}) for key in keys}

    return make


def test_labels_of_people_bring_in_rows_that_no_delivery_has_labelled(week, parameters, said):
    """Half of the first week has no label; three of those rows were asked about."""
    first, second = week(0), week(1)
    is_open = np.arange(len(first)) % 2 == 1
    asked = first[is_open][:3]
    table = pd.concat([first.assign(Class=first["Class"].where(~is_open)), second])
    answers = said(asked, 1)
    window = labelled_window(table, parameters, answers)
    assert window.given == answers
    brought = window.rows["Class"].isna()
    assert sorted(window.rows.loc[brought, "Time"]) == sorted(asked["Time"])
    assert (~brought).sum() == (~is_open).sum() + len(second)


def test_labels_of_people_about_rows_that_judge_wait(week, parameters, said, caplog):
    caplog.set_level(logging.INFO, "pipeline")
    table = pd.concat([week(0), week(1).assign(Class=np.nan)])
    window = labelled_window(table, parameters, said(week(1)[:5], 1))
    assert not window.given
    assert len(window.rows) == len(week(0))
    assert "0 of 5 given labels train (0 frauds), 5 are of transactions too new" in caplog.text


def test_where_deliveries_and_people_contradict_each_other_the_deliveries_count(
    week, parameters, said, caplog
):
    table = week(0)
    genuine = table[table["Class"] == 0][:5]
    window = labelled_window(table, parameters, said(genuine, 1))
    assert not window.given
    pd.testing.assert_frame_equal(window.rows, labelled_window(table, parameters).rows)
    assert "contradict each other about 5 transactions" in caplog.text


def test_labels_of_people_do_not_reach_beyond_the_window(week, parameters, said):
    table = pd.concat([week(number) for number in range(3)], ignore_index=True)
    table["Class"] = table["Class"].where(np.arange(len(table)) % 2 == 0)
    chosen = limited(parameters, label_delay_days=7.0, window_days=7.0)
    answers = said(table[table["Class"].isna()].assign(Class=0), 0)
    window = labelled_window(table, chosen, answers)
    assert 100 < len(window.given) < 400
    seconds = window.rows.loc[window.rows["Class"].isna(), "Time"]
    assert seconds.between(table["Time"].min() + WEEK, table["Time"].max() - WEEK).all()
    judging = window.rows["Class"].notna() & (window.rows["Time"] > seconds.max())
    assert judging.sum() >= 0.39 * window.rows["Class"].notna().sum()


def test_labels_of_people_find_transactions_with_categories_and_timestamps(parameters, week, said):
    table = week(0).assign(kind=np.where(np.arange(1000) % 3, "online", "shop"))
    table["Time"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(table["Time"], unit="s")
    is_asked = (np.arange(len(table)) % 2 == 1) & (table["Time"] < "2026-01-02")
    window = labelled_window(
        table.assign(Class=table["Class"].where(~is_asked)), parameters, said(table[is_asked], 0)
    )
    assert len(window.given) == is_asked.sum() > 20


def test_columns_that_cannot_be_used_are_named(parameters, week, said):
    table = week(0).assign(name=[f"customer {i}" for i in range(1000)])
    with pytest.raises(InputError, match="name"):
        labelled_window(table, parameters, said(week(0)[:5], 1))


def test_a_new_label_is_a_new_challenge_and_the_same_again_is_none(state, parameters, week, said):
    answers = said(week(0)[:2], 0)
    keys = [challenge_key(state, parameters, given) for given in ({}, answers, dict(answers))]
    first = next(iter(answers))
    changed = answers | {first: replace(answers[first], label=1)}
    assert keys[0] == challenge_key(state, parameters)
    assert keys[1] == keys[2]
    assert len({*keys, challenge_key(state, parameters, changed)}) == 3
