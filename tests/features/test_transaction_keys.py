"""Keys depend on what a transaction is, and on nothing else."""

import doctest

import pandas as pd
import pytest

import features.transaction_keys
from features.row_checks import check_rows
from features.schema import TransactionSchema, resolve_schema
from features.simulation import simulate_transactions
from features.transaction_keys import transaction_keys
from pipeline.files.given_labels import is_transaction_key


@pytest.fixture(scope="module")
def table():
    table = simulate_transactions(200, fraud_rate=0.1, seed=0)
    table["shop"] = ["food", "fuel"] * 100
    return table


def keys_of(table):
    schema = resolve_schema(table, label="Class", time="Time", amount="Amount")
    return transaction_keys(check_rows(table, schema)[0], schema)


def test_the_examples_of_the_docstrings():
    assert doctest.testmod(features.transaction_keys, extraglobs={"pd": pd}).failed == 0


def test_each_transaction_has_its_own(table):
    keys = keys_of(table)
    assert len(set(keys)) == 200
    assert all(is_transaction_key(key) for key in keys)


def test_label_order_of_rows_and_columns_and_format_do_not_matter(table, tmp_path):
    keys = keys_of(table)
    assert (keys_of(table.assign(Class=0, extra=1).drop(columns="extra")) == keys).all()
    shuffled = table[sorted(table)].sample(frac=1, random_state=0)
    assert (keys_of(shuffled.reset_index(drop=True)) == keys[shuffled.index]).all()
    table.to_csv(tmp_path / "table.csv", index=False)
    from pipeline.files.tables import read_table

    assert (keys_of(read_table(tmp_path / "table.csv")) == keys).all()
    whole = pd.DataFrame({"V1": [0, 3], "Class": [0, 1]})
    real = pd.DataFrame({"V1": [-0.0, 3.0], "Class": [1, 1]})
    schema = TransactionSchema("Class", None, None, ("V1",))
    assert (transaction_keys(whole, schema) == transaction_keys(real, schema)).all()


@pytest.mark.parametrize(("name", "value"), [("Time", 1.5), ("V3", 7.0), ("shop", "zoo")])
def test_any_other_value_is_another_transaction(table, name, value):
    changed = table.copy()
    changed.loc[5, name] = value
    differ = keys_of(changed) != keys_of(table)
    assert differ.nonzero()[0].tolist() == [5]


def test_swapped_columns_are_another_transaction(table):
    swapped = table.rename(columns={"V1": "V2", "V2": "V1"})
    assert (keys_of(swapped) != keys_of(table)).all()
