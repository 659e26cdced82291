"""Claims of the split: fractions, no copy in two parts, the gap, the label budget."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.splitting import (
    EXCLUDED,
    TEST,
    TRAINING,
    VALIDATION,
    choose_labelled,
    group_identical,
    place_unlabelled,
    split_by_time,
    split_stratified,
)

FRACTIONS = {"validation_fraction": 0.2, "test_fraction": 0.3}


def rng(seed=0):
    return np.random.default_rng(seed)


def labels(n_rows, n_frauds, seed=0):
    return rng(seed).permutation(np.repeat([1, 0], [n_frauds, n_rows - n_frauds]))


def count(part, y):
    return {name: (int((part == name).sum()), int(y[part == name].sum())) for name in set(part)}


def test_stratified_parts_have_their_fractions_of_either_class():
    y = labels(1000, 50)
    part = split_stratified(y, np.arange(1000), **FRACTIONS, rng=rng())
    assert count(part, y) == {TRAINING: (500, 25), VALIDATION: (200, 10), TEST: (300, 15)}


def test_the_seed_decides_the_draw():
    y = labels(500, 50)
    first, again, other = (
        split_stratified(y, np.arange(500), **FRACTIONS, rng=rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), n_groups=st.integers(30, 120))
def test_copies_never_lie_in_two_parts(seed, n_groups):
    groups = rng(seed).integers(0, n_groups, 300)
    y = labels(300, 60, seed)
    time = np.arange(300.0)
    random_part = split_stratified(y, groups, **FRACTIONS, rng=rng(seed))
    # Many copies leave few rows after a split by time; the claim is about those that stay.
    try:
        time_part = split_by_time(time, y, groups, **FRACTIONS, delay_days=0)
    except ValueError:
        time_part = np.full(300, EXCLUDED)
    for part in (random_part, time_part):
        places = pd.DataFrame({"group": groups, "part": part})
        places = places[places["part"] != EXCLUDED]
        assert places.groupby("group")["part"].nunique().max() in (1, np.nan) or len(places) == 0


def test_groups_keep_the_fractions_roughly():
    groups = np.repeat(np.arange(500), 4)
    y = np.repeat(labels(500, 100), 4)
    part = split_stratified(y, groups, **FRACTIONS, rng=rng())
    assert (part == TEST).mean() == pytest.approx(0.3, abs=0.01)
    assert y[part == TEST].mean() == pytest.approx(0.2, abs=0.01)


def test_numbering_of_the_groups_is_irrelevant():
    y, groups = labels(200, 40), rng(3).integers(0, 100, 200)
    renamed = rng(4).permutation(100)[groups]
    first = split_stratified(y, groups, **FRACTIONS, rng=rng(5))
    second = split_stratified(y, renamed, **FRACTIONS, rng=rng(5))
    assert np.array_equal(first, second)


def test_identical_means_equal_in_every_input():
    inputs = pd.DataFrame({"V1": [0.0, 0.0, 1.0, 0.0], "country": ["DE", "AT", "DE", "DE"]})
    assert group_identical(inputs).tolist() == [0, 1, 2, 0]


def test_by_time_training_gap_validation_and_test_follow_each_other():
    time = np.arange(100) * 3600.0
    y = np.tile([0, 1], 50)
    part = split_by_time(time, y, np.arange(100), **FRACTIONS, delay_days=0.25)
    # 100 hours: test from hour 70, validation from 50, 6 hours of delay before it.
    assert part.tolist() == [TRAINING] * 44 + [EXCLUDED] * 6 + [VALIDATION] * 20 + [TEST] * 30


def test_by_time_no_moment_is_divided():
    time = np.repeat(np.arange(10.0), 10)
    part = split_by_time(
        time, np.tile([0, 1], 50), np.arange(100),
        validation_fraction=0.25, test_fraction=0.25, delay_days=0,
    )  # fmt: skip
    for moment in range(10):
        assert len(set(part[time == moment])) == 1


def test_by_time_order_of_rows_is_irrelevant():
    time, y = np.arange(60.0), np.tile([0, 1], 30)
    order = rng().permutation(60)
    part = split_by_time(time, y, np.arange(60), **FRACTIONS, delay_days=0)
    shuffled = split_by_time(time[order], y[order], order, **FRACTIONS, delay_days=0)
    assert np.array_equal(part[order], shuffled)


def test_by_time_later_copies_are_excluded():
    time, y, groups = np.arange(20.0), np.tile([0, 1], 10), np.arange(20)
    groups[12] = groups[1]  # validation copies training
    groups[19] = groups[11]  # test copies validation
    groups[18] = groups[17]  # a copy within the test part is harmless
    part = split_by_time(time, y, groups, **FRACTIONS, delay_days=0)
    assert part[[1, 11, 12, 17, 18, 19]].tolist() == [
        TRAINING, VALIDATION, EXCLUDED, TEST, TEST, EXCLUDED,
    ]  # fmt: skip


@pytest.mark.parametrize("n_frauds", [0, 1, 2, 3])
def test_too_few_frauds_are_refused(n_frauds):
    with pytest.raises(ValueError, match=rf"too few frauds .* has {n_frauds} frauds"):
        split_stratified(labels(100, n_frauds), np.arange(100), **FRACTIONS, rng=rng())


def test_four_frauds_are_enough():
    y = labels(100, 4)
    part = split_stratified(y, np.arange(100), **FRACTIONS, rng=rng())
    assert {name: frauds for name, (_, frauds) in count(part, y).items()} == {
        TRAINING: 2, VALIDATION: 1, TEST: 1,
    }  # fmt: skip


def test_budget_takes_labels_from_training_rows_only():
    y = labels(1000, 100)
    part = split_stratified(y, np.arange(1000), **FRACTIONS, rng=rng())
    part[:10] = EXCLUDED
    is_labelled = choose_labelled(y, part, n_labelled_frauds=7, n_labelled_genuine=30, rng=rng())
    training = is_labelled[part == TRAINING]
    assert (training & (y[part == TRAINING] == 1)).sum() == 7
    assert (training & (y[part == TRAINING] == 0)).sum() == 30
    assert is_labelled[np.isin(part, [VALIDATION, TEST])].all()
    assert not is_labelled[part == EXCLUDED].any()


def test_without_budget_every_training_row_is_labelled():
    y = labels(100, 20)
    part = np.full(100, TRAINING)
    assert choose_labelled(
        y, part, n_labelled_frauds=None, n_labelled_genuine=None, rng=rng()
    ).all()


def test_budgets_are_nested_and_independent():
    y, part = labels(200, 50), np.full(200, TRAINING)
    small = choose_labelled(y, part, n_labelled_frauds=5, n_labelled_genuine=20, rng=rng())
    large = choose_labelled(y, part, n_labelled_frauds=10, n_labelled_genuine=20, rng=rng())
    assert np.all(large >= small)
    assert np.array_equal(large[y == 0], small[y == 0])


@pytest.mark.parametrize("budget", [1, 21])
def test_an_impossible_budget_names_its_key(budget):
    with pytest.raises(
        ValueError, match=rf"split.n_labelled_frauds must be from 2 to 20.*{budget}"
    ):
        choose_labelled(
            labels(100, 20),
            np.full(100, TRAINING),
            n_labelled_frauds=budget,
            n_labelled_genuine=None,
            rng=rng(),
        )


def test_rows_of_unknown_label_train_and_move_no_other_row():
    y = labels(1000, 50)
    known = rng(1).random(1000) < 0.6
    groups = np.arange(1000)
    part = split_stratified(y[known], groups[known], **FRACTIONS, rng=rng())
    whole = place_unlabelled(part, known, groups)
    assert (whole[known] == part).all()
    assert set(whole[~known]) == {TRAINING}


def test_unlabelled_copies_of_judging_rows_are_left_out():
    known = np.array([True, True, True, False, False, False])
    whole = place_unlabelled(
        np.array([TRAINING, VALIDATION, TEST]), known, np.array([0, 1, 2, 0, 1, 2])
    )
    assert whole[3:].tolist() == [TRAINING, EXCLUDED, EXCLUDED]


@pytest.mark.parametrize("delay_days", [0.0, 3 / 86_400])
def test_by_time_unlabelled_rows_train_only_before_the_gap(delay_days):
    time = np.arange(200.0)
    known = time % 2 == 0
    y = np.tile([0, 0, 1, 1], 50)
    groups = np.arange(200)
    part = split_by_time(time[known], y[known], groups[known], **FRACTIONS, delay_days=delay_days)
    whole = place_unlabelled(part, known, groups, time, delay_days=delay_days)
    first_judged = time[whole == VALIDATION].min()
    trained = time[(whole == TRAINING) & ~known]
    assert trained.max() < first_judged - delay_days * 86_400
    assert len(trained) == np.sum(~known & (time < first_judged - delay_days * 86_400))
    assert (whole[~known & (time >= first_judged)] == EXCLUDED).all()


def test_a_row_of_unknown_label_is_in_no_budget():
    y, part = np.array([0, 1, -1, 0, 1, -1]), np.array([TRAINING] * 6)
    for budget in (None, 2):
        kept = choose_labelled(
            y, part, n_labelled_frauds=budget, n_labelled_genuine=budget, rng=rng()
        )
        assert kept.tolist() == [True, True, False, True, True, False]
