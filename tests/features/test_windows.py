"""Windows per card: who is in them, and the way back."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.windows import NO_ROW, card_windows


def cut(table, **settings):
    return card_windows(table, **{"card": "card", "time": "t", "columns": ["value"], **settings})


@pytest.fixture
def table():
    """Two cards whose transactions alternate, out of order."""
    return pd.DataFrame(
        {"card": list("abaab"), "t": [30, 5, 10, 20, 7], "value": [3.0, 10.0, 1.0, 2.0, 11.0]}
    )


def test_windows_of_a_hand_made_table(table):
    windows = cut(table, length=2)
    assert windows.rows.tolist() == [[2, NO_ROW], [2, 3], [3, 0], [1, NO_ROW], [1, 4]]
    np.testing.assert_array_equal(
        windows.values[:, :, 0], [[1, np.nan], [1, 2], [2, 3], [10, np.nan], [10, 11]]
    )
    assert windows.last_rows.tolist() == [2, 3, 0, 1, 4]


def test_a_stride_of_the_length_hardly_repeats(table):
    assert cut(table, length=3, stride=3).rows.tolist() == [[2, 3, 0], [1, 4, NO_ROW]]
    assert cut(table, length=2, stride=2).rows.tolist() == [[2, 3], [3, 0], [1, 4]]


def test_gaps_are_the_cards_own(table):
    windows = cut(table, length=3, stride=3, with_gaps=True)
    assert windows.features == ("value", "log_gap")
    np.testing.assert_allclose(
        windows.values[:, :, 1], np.log1p([[0, 10, 10], [0, 2, np.nan]]), rtol=1e-6
    )
    dated = table.assign(t=pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(table["t"], "s"))
    np.testing.assert_array_equal(cut(dated, length=3, stride=3, with_gaps=True).values,
                                  windows.values)  # fmt: skip


def test_equal_times_keep_the_order_of_the_table():
    table = pd.DataFrame({"card": [1] * 4, "t": [5, 5, 5, 1], "value": [1.0, 2.0, 3.0, 0.0]})
    assert cut(table, length=4, stride=4).rows.tolist() == [[3, 0, 1, 2]]


tables = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=25).map(
    lambda pairs: pd.DataFrame(pairs, columns=["card", "t"]).assign(value=lambda d: d.index * 1.0)
)


@settings(deadline=None)
@given(tables, st.integers(1, 5), st.data())
def test_windows_hold_one_cards_past_and_every_row_finds_back(table, length, data):
    stride = data.draw(st.integers(1, length))
    windows = cut(table, length=length, stride=stride, with_gaps=True)
    seen = set()
    for rows, values in zip(windows.rows, windows.values, strict=True):
        real = rows[rows != NO_ROW]
        assert (rows[: len(real)] != NO_ROW).all()  # padding comes last
        assert table["card"].iloc[real].nunique() == 1
        assert table["t"].iloc[real].is_monotonic_increasing
        np.testing.assert_array_equal(values[: len(real), 0], real)
        assert np.isnan(values[len(real) :]).all()
        # No transaction of the card between the first and the last is left out.
        last = real[-1]
        of_card = table[table["card"] == table["card"].iloc[last]].sort_values("t", kind="stable")
        place = of_card.index.get_loc(last)
        expected = of_card.index[max(0, place - length + 1) : place + 1]
        assert real.tolist() == expected.tolist()
        seen |= set(real.tolist())
    assert seen == set(range(len(table)))
    np.testing.assert_array_equal(windows.to_rows(windows.rows), np.arange(len(table)))


@settings(deadline=None)
@given(tables, st.integers(1, 4))
def test_what_comes_later_or_to_other_cards_changes_no_window(table, length):
    row = len(table) // 2
    card, t = table.loc[row, ["card", "t"]]
    changed = table.copy()
    elsewhere = (changed["card"] != card) | (changed["t"] > t)
    changed.loc[elsewhere, "value"] += 1000.0
    changed = pd.concat(
        [changed, pd.DataFrame({"card": [card, card + 1], "t": [t + 1, t], "value": [7.0, 8.0]})],
        ignore_index=True,
    )
    before, after = (cut(one, length=length, with_gaps=True) for one in (table, changed))
    mine = [w.values[np.flatnonzero(w.last_rows == row)[0]] for w in (before, after)]
    np.testing.assert_array_equal(*mine)


def test_a_row_takes_the_figure_of_the_window_that_ends_with_it(table):
    windows = cut(table, length=2)
    np.testing.assert_array_equal(windows.to_rows(windows.last_rows), np.arange(5))
    with pytest.raises(ValueError, match=r"shape \(5,\) or \(5, 2\), got \(4,\)"):
        windows.to_rows(np.zeros(4))


def test_an_empty_table_has_no_windows(table):
    windows = cut(table.iloc[:0], length=3)
    assert windows.values.shape == (0, 3, 1)
    assert windows.to_rows(np.empty(0)).shape == (0,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"card": ["a", None, "a", "a", "b"]}, "'card' has missing values, the first at row 1"),
        ({"value": [1, 2, np.inf, np.nan, 3]}, "'value' must be finite, got 2.*row 2"),
        ({"value": list("vwxyz")}, "'value' must hold numbers"),
        ({"t": list("vwxyz")}, "'t' must hold numbers"),
    ],
)
def test_bad_columns_are_named(table, change, message):
    with pytest.raises(ValueError, match=message):
        cut(table.assign(**change), length=2)


@pytest.mark.parametrize(
    "wrong", [{"length": 0}, {"length": 2, "stride": 3}, {"length": 2, "stride": 0}]
)
def test_impossible_lengths_and_missing_columns_are_refused(table, wrong):
    with pytest.raises(ValueError, match="stride"):
        cut(table, **wrong)
    with pytest.raises(ValueError, match=r"lacks \['amount'\]"):
        cut(table, columns=["amount"], length=2)
