"""Which rows of the deliveries a challenger is trained and judged on."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.row_checks import check_rows
from features.schema import resolve_schema
from features.transaction_keys import transaction_keys
from pipeline.labelling.table import GivenLabel
from pipeline.retraining.challenge import challenge_key
from pipeline.retraining.window import labelled_window


def limits(parameters, **changes):
    return parameters.retrain.model_copy(update=changes)


def test_late_labels_and_chargebacks_find_their_transaction(week, parameters):
    first = week(0).astype({"Class": "float64"})
    unlabelled = first.assign(Class=np.nan)
    cleared = first.assign(Class=0.0)
    table = pd.concat([unlabelled, cleared, first], ignore_index=True)
    window = labelled_window(table, parameters.data, limits(parameters))
    pd.testing.assert_frame_equal(window.rows, week(0).sort_values("Time"), check_dtype=False)
    assert labelled_window(unlabelled, parameters.data, limits(parameters)).rows.empty


def test_unripe_and_old_rows_are_left_out(week, parameters):
    table = pd.concat([week(number) for number in range(4)], ignore_index=True)
    newest = table["Time"].max()
    chosen = limits(parameters, label_delay_days=3.0, window_days=7.0)
    window = labelled_window(table, parameters.data, chosen).rows
    assert window["Time"].max() <= newest - 3 * 86_400
    assert window["Time"].min() > newest - 10 * 86_400
    assert len(window) == pytest.approx(1000, rel=0.1)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(4)))
def test_the_order_of_deliveries_does_not_matter(order):
    from pathlib import Path

    from features.simulation import simulate_transactions
    from pipeline.params import load_params

    parameters = load_params(Path(__file__).parents[3] / "params.yaml")
    table = simulate_transactions(200, fraud_rate=0.1, seed=1).astype({"Class": "float64"})
    parts = [table[:100], table[50:], table.assign(Class=np.nan), table.assign(Class=0.0)[:20]]
    shuffled = pd.concat([parts[i] for i in order], ignore_index=True)
    expected = labelled_window(pd.concat(parts), parameters.data, parameters.retrain).rows
    pd.testing.assert_frame_equal(
        labelled_window(shuffled, parameters.data, parameters.retrain).rows, expected
    )


@pytest.fixture
def said(parameters):
    """Labels of people for rows of a table, as `counterfoil label import` keeps them."""

    def make(rows, label):
        schema = resolve_schema(rows, label="Class", time="Time", amount="Amount")
        keys = transaction_keys(check_rows(rows, schema)[0], schema)
        return {key: GivenLabel(key, label, {}) for key in keys}

    return make


def test_labels_of_people_bring_in_rows_that_no_delivery_has_labelled(week, parameters, said):
    labelled, asked, others = week(0), week(1)[:3], week(1)[3:]
    table = pd.concat([labelled, week(1).assign(Class=np.nan)], ignore_index=True)
    answers = said(asked, 1)
    window = labelled_window(table, parameters.data, limits(parameters), answers)
    assert window.given == answers
    is_open = window.rows["Class"].isna()
    assert sorted(window.rows.loc[is_open, "Time"]) == sorted(asked["Time"])
    assert (~is_open).sum() == len(labelled)
    assert not window.rows["Time"].isin(others["Time"]).any()


def test_labels_of_people_count_for_nothing_where_the_data_have_their_own(week, parameters, said):
    table = week(0)
    window = labelled_window(table, parameters.data, limits(parameters), said(table[:5], 1))
    assert not window.given
    pd.testing.assert_frame_equal(
        window.rows, labelled_window(table, parameters.data, limits(parameters)).rows
    )


def test_labels_of_people_do_not_reach_beyond_the_window(week, parameters, said):
    table = pd.concat([week(number) for number in range(3)], ignore_index=True)
    table["Class"] = table["Class"].where(np.arange(len(table)) % 2 == 0)
    chosen = limits(parameters, label_delay_days=7.0, window_days=7.0)
    answers = said(table[table["Class"].isna()].assign(Class=0), 0)
    window = labelled_window(table, parameters.data, chosen, answers)
    middle = table[table["Time"].between(*window.rows["Time"].iloc[[0, -1]])]
    assert 400 < len(window.given) == middle["Class"].isna().sum() < 600


def test_a_new_label_is_a_new_challenge_and_the_same_again_is_none(state, parameters, week, said):
    answers = said(week(0)[:2], 0)
    keys = [challenge_key(state, parameters, given) for given in ({}, answers, dict(answers))]
    first = next(iter(answers))
    changed = answers | {first: replace(answers[first], label=1)}
    assert keys[0] == challenge_key(state, parameters)
    assert keys[1] == keys[2]
    assert len({*keys, challenge_key(state, parameters, changed)}) == 3
