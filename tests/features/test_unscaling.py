"""Scaled rows come back in the units and categories of the transactions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder

from features.scaling import TransactionScaler
from features.unscaling import scaler_columns, unscale


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "shop": np.array(["food", "toys", "fuel"])[rng.integers(3, size=300)],
            "V1": rng.normal(size=300),
            "kind": np.where(
                np.arange(300) < 3, "rare", np.where(rng.uniform(size=300) < 0.4, "a", "b")
            ),
            "Amount": np.exp(rng.normal(size=300)),
        }
    )


@pytest.fixture(scope="module")
def scaler(table):
    numbers = TransactionScaler(column_methods={"V1": "min_max"})
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=10, sparse_output=False
    )
    parts = [("numeric", numbers, ["V1", "Amount"]), ("categorical", categories, ["shop", "kind"])]
    return ColumnTransformer(parts, verbose_feature_names_out=False).fit(table)


def test_scaling_and_back_is_the_table(table, scaler):
    back = unscale(scaler, scaler.transform(table), table.columns)
    assert list(back.columns) == list(table.columns)
    np.testing.assert_allclose(back[["V1", "Amount"]], table[["V1", "Amount"]])
    assert back["shop"].tolist() == table["shop"].tolist()
    assert back["kind"].tolist() == table["kind"].tolist()


def test_the_most_pronounced_category_is_taken(table, scaler):
    rows = scaler.transform(table)[:1]
    columns = {one["name"]: one for one in scaler_columns(scaler)}
    shop = columns["shop"]
    assert shop["categories"] == ["food", "fuel", "toys"]
    rows[0, shop["start"] : shop["start"] + 3] = [0.2, 0.4, 0.3]
    assert unscale(scaler, rows, table.columns)["shop"].tolist() == ["fuel"]


def test_a_table_of_numbers_alone(table):
    numbers = ["Amount", "V1"]
    only = ColumnTransformer([("numeric", TransactionScaler(), numbers)]).fit(table[numbers])
    back = unscale(only, only.transform(table[numbers]), numbers)
    np.testing.assert_allclose(back, table[numbers])
