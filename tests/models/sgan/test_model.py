"""The SGAN's networks: what each member sees."""

import numpy as np
import pytest

from models.sgan.model import SGAN, deal_columns


@pytest.mark.parametrize(
    ("n_columns", "n_members", "share"), [(29, 8, 0.5), (10, 3, 0.7), (5, 4, 1)]
)
def test_members_see_equally_many_columns_and_columns_are_seen_equally_often(
    n_columns, n_members, share
):
    seen = deal_columns(n_columns, n_members, share, seed=0)
    assert seen.shape == (n_members, round(share * n_columns))
    assert all(len(set(columns)) == len(columns) for columns in seen)
    assert np.ptp(np.bincount(seen.ravel(), minlength=n_columns)) <= 1


@pytest.mark.parametrize(("n_columns", "n_members"), [(29, 1), (7, 3), (3, 8)])
def test_no_column_is_lost(n_columns, n_members):
    assert set(deal_columns(n_columns, n_members, 0.01, seed=0).ravel()) == set(range(n_columns))


def test_a_hidden_column_changes_no_score_of_its_member_through_its_bins_either():
    model = SGAN(4, 2, column_encoding="piecewise_linear", n_bins=3, column_share=0.5, seed=1)
    rows = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
    model.fit_inputs(rows, (rows[:, 0] > 0).astype("int32"))
    seen = deal_columns(4, 2, 0.5, seed=1)
    base = np.asarray(model(rows))
    for column in range(4):
        moved = rows.copy()
        moved[:, column] = moved[::-1, column]
        changed = np.abs(np.asarray(model(moved)) - base).max(axis=0) > 1e-6
        assert changed.tolist() == [column in columns for columns in seen]


def test_an_unknown_encoding_is_refused():
    with pytest.raises(ValueError, match="column_encoding must be among"):
        SGAN(4, 2, column_encoding="bins")
