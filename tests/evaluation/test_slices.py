"""Figures by group add up to the figures of all rows, and groups are what their names say."""

import numpy as np
import pandas as pd
import pytest

from evaluation.decisions import confusion_at
from evaluation.metrics import prevalence_weights
from evaluation.slices import bands, categories, figures_by_group, time_blocks


def test_groups_add_up():
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.1).astype(int)
    score, amount = rng.normal(2 * y, 1), rng.exponential(50, 2000)
    group, names = bands(amount)
    weight = prevalence_weights(y, 0.01)
    found = figures_by_group(y, score, 1.5, group, len(names), weight, amount)
    alert = score >= 1.5
    whole = confusion_at(y, score, 1.5)
    assert sum(one["n_rows"] for one in found) == 2000
    assert sum(one["n_caught"] for one in found) == whole.true_positives
    assert sum(one["n_false_alarms"] for one in found) == whole.false_positives
    saved = sum(one["amount_caught"] for one in found)
    assert saved == pytest.approx(amount[alert & (y == 1)].sum())
    rows = group == 2
    alone = confusion_at(y[rows], score[rows], 1.5, weight[rows])
    assert found[2]["recall"] == pytest.approx(alone.recall)
    assert found[2]["precision"] == pytest.approx(alone.precision)
    assert found[2]["recall_low"] < found[2]["recall"] < found[2]["recall_high"]


def test_bands_hold_equally_many_rows_and_name_their_ends():
    values = np.arange(1000.0)
    group, names = bands(values)
    assert np.bincount(group).tolist() == [200] * 5
    assert names[0] == "below 199.8"
    assert names[-1] == "799.2 and more"
    assert values[group == 1].min() >= 199.8


@pytest.mark.parametrize("values", [[1, 1, 1, 1], [0, 0, 0, 7], [3, 3, 5, 9]])
def test_few_distinct_numbers_are_a_band_each(values):
    group, names = bands(values)
    assert len(names) == len(set(values))
    assert [names[g] for g in group] == [str(value) for value in values]


def test_a_column_of_mostly_one_value_has_no_empty_band():
    group, names = bands(np.append(np.zeros(900), np.arange(1, 101)))
    assert np.bincount(group, minlength=len(names)).min() > 0


@pytest.mark.parametrize("n_known", [0, 3, 100])
def test_missing_numbers_are_a_group_of_their_own(n_known):
    values = np.append(np.arange(float(n_known)), [np.nan] * 7)
    group, names = bands(values)
    assert names[-1] == "missing"
    assert np.array_equal(group == len(names) - 1, np.isnan(values))
    assert np.bincount(group).min() > 0
    assert names[:-1] == (bands(values[:n_known])[1] if n_known else [])


def test_missing_categories_are_named_so():
    values = ["shop", None, float("nan"), "shop", "shop", pd.NA, pd.NaT]
    group, names = categories(values)
    assert names == ["missing", "shop"]
    assert group.tolist() == [1, 0, 0, 1, 1, 0, 0]


def test_high_numbers_are_written_out():
    values = np.arange(1000) * 12_345.0
    assert bands(values)[1][1] == "2,466,531 to 4,933,062"
    assert bands([1_234_567.0, 1_234_568.0])[1] == ["1,234,567", "1,234,568"]
    assert len(set(bands(1 + np.arange(1000) * 1e-7)[1])) == 5


def test_rows_of_one_time_are_one_block():
    group, names = time_blocks([7200.0] * 3)
    assert (group.tolist(), names) == ([0, 0, 0], ["hour 2.0"])


def test_rare_categories_stand_together():
    values = np.repeat([f"c{i:02}" for i in range(15)], np.arange(15, 0, -1))
    group, names = categories(values)
    assert names == [*(f"c{i:02}" for i in range(9)), "others"]
    assert (group == 9).sum() == sum(range(1, 7))


def test_time_blocks_are_equally_long():
    group, names = time_blocks([0.0, 3600.0, 7199.0, 7200.0, 21_600.0])
    assert group.tolist() == [0, 1, 1, 2, 5]
    assert names[0] == "hour 0 to 1"
    assert time_blocks([0, 86_400 * 12])[1][0] == "day 0 to 2"


def test_times_since_1970_are_dates():
    group, names = time_blocks(1_704_067_200 + np.array([0.0, 3600.0, 86_400.0]))
    assert group.tolist() == [0, 0, 5]
    assert names[0] == "2024-01-01 00:00 to 2024-01-01 04:00"


def test_a_group_without_frauds_has_no_recall():
    found = figures_by_group([0, 1], [0.1, 0.9], 0.5, [0, 1], 2)
    assert found[0]["recall"] is None
    assert found[0]["precision"] is None
    assert found[1]["recall"] == 1.0
