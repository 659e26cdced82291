"""The checked table depends on the transactions only, and says what was left out."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import InputError


@pytest.fixture
def ingest(run_stages, tmp_path):
    """Ingest a table written in one format; gives the artifacts."""

    def run(table, name="x.parquet", **overrides):
        path = tmp_path / name
        if name.endswith(".csv"):
            table.to_csv(path, index=False)
        else:
            table.to_parquet(path, index=False)
        return run_stages("ingest", data__source="file", data__path=name, **overrides)

    return run


def test_the_format_of_the_file_is_irrelevant(ingest, transactions):
    first = ingest(transactions)
    table, summary = first.transactions(), first.data_summary()
    second = ingest(transactions, "x.csv")
    pd.testing.assert_frame_equal(second.transactions(), table)
    assert second.data_summary()["sha256"] == summary["sha256"]
    assert table.dtypes.astype(str).tolist() == ["float64"] * 6 + ["int8"]


@pytest.mark.parametrize("time", ["Time", None])
def test_the_order_of_the_rows_is_irrelevant(ingest, transactions, time):
    transactions["Time"] = (transactions["Time"] // 20_000) * 20_000.0  # many ties
    if time is None:
        transactions = transactions.drop(columns="Time")
    first = ingest(transactions, data__time=time)
    table, sha256 = first.transactions(), first.data_summary()["sha256"]
    second = ingest(transactions.sample(frac=1, random_state=3), data__time=time)
    pd.testing.assert_frame_equal(second.transactions(), table)
    assert second.data_summary()["sha256"] == sha256


def test_a_changed_number_changes_the_sha(ingest, transactions):
    before = ingest(transactions).data_summary()["sha256"]
    transactions.loc[100, "V3"] += 1e-12
    assert ingest(transactions).data_summary()["sha256"] != before


def test_rows_are_ordered_by_time(ingest, transactions):
    table = ingest(transactions[::-1]).transactions()
    pd.testing.assert_frame_equal(table, transactions.astype({"Class": "int8"}))


def test_the_summary_counts(ingest, transactions):
    doubled = pd.concat([transactions, transactions[:7]])
    summary = ingest(doubled).data_summary()
    assert (summary["n_rows"], summary["n_rows_read"], summary["n_frauds"]) == (200, 207, 20)
    assert summary["fraud_rate"] == 0.1
    assert summary["dropped"]["duplicates"] == 7
    assert summary["time"]["first"] == transactions["Time"].min()
    assert summary["schema"]["features"] == ["V1", "V2", "V3", "V4"]
    assert summary["files"][0]["name"] == "x.parquet"


def test_quarantine_sets_bad_rows_aside_with_their_reasons(ingest, transactions):
    transactions["V2"] = transactions["V2"].astype(object)
    transactions.loc[10, "V2"] = "oops"
    transactions.loc[10, "Class"] = 5
    transactions.loc[20, "Amount"] = np.nan
    artifacts = ingest(transactions, "x.csv", ingest__on_bad_rows="quarantine")
    assert len(artifacts.transactions()) == 198
    aside = pd.read_parquet(artifacts.folder("ingest") / "quarantine.parquet")
    assert aside["source_row"].tolist() == [11, 21]
    assert aside["source_file"].tolist() == ["x.csv", "x.csv"]
    assert aside["reason"].tolist() == [
        "V2: not a number; Class: not 0 or 1",
        "Amount: missing value",
    ]
    assert aside["V2"][0] == "oops"
    assert artifacts.data_summary()["dropped"] == {
        "duplicates": 0,
        "labelled_later": 0,
        "quarantined": 2,
        "quarantined_by_reason": {
            "Amount: missing value": 1,
            "Class: not 0 or 1": 1,
            "V2: not a number": 1,
        },
    }


def test_quarantine_leaves_the_table_of_the_good_rows(ingest, transactions):
    clean = ingest(transactions).data_summary()["sha256"]
    dirty = pd.concat([transactions, transactions[:3].assign(V1=np.inf)])
    artifacts = ingest(dirty, ingest__on_bad_rows="quarantine")
    assert artifacts.data_summary()["sha256"] == clean


def test_without_bad_rows_there_is_no_quarantine(ingest, transactions):
    artifacts = ingest(transactions, ingest__on_bad_rows="quarantine")
    names = sorted(path.name for path in artifacts.folder("ingest").iterdir())
    assert names == ["data.json", "transactions.parquet"]


def test_quarantine_of_everything_is_an_error(ingest, transactions):
    with pytest.raises(InputError, match=r"no row can be used \(200 bad rows"):
        ingest(transactions.assign(V1=np.inf), ingest__on_bad_rows="quarantine")


def test_ignored_columns_are_left_out(ingest, transactions):
    transactions.insert(0, "id", range(len(transactions)))
    artifacts = ingest(transactions, data__ignored=["id"])
    assert list(artifacts.transactions().columns) == [
        "Time", "V1", "V2", "V3", "V4", "Amount", "Class",
    ]  # fmt: skip


def test_the_simulated_source_needs_no_file(run_stages):
    artifacts = run_stages("ingest", data__simulated__n_rows=2000)
    summary = artifacts.data_summary()
    assert (summary["n_rows"], summary["n_frauds"], summary["files"]) == (2000, 3, [])
    assert len(summary["schema"]["features"]) == 28


def test_running_again_gives_the_same_bytes(run_stages):
    folder = run_stages("ingest", data__simulated__n_rows=500).folder("ingest")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    run_stages("ingest", data__simulated__n_rows=500)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_missing_label_is_an_error_with_its_cure(ingest, transactions):
    labels = transactions["Class"].astype(float)
    labels[[3, 7]] = np.nan
    with pytest.raises(InputError, match=r"missing value in 2 rows.*(?s:.*)on_missing_label: unla"):
        ingest(transactions.assign(Class=labels), "x.csv")


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_rows_whose_label_is_unknown_may_stay(ingest, transactions, name):
    labels = transactions["Class"].astype(float)
    is_open = np.arange(200) % 3 == 0
    labels[is_open] = np.nan
    artifacts = ingest(
        transactions.assign(Class=labels), name, ingest__on_missing_label="unlabelled"
    )
    table, summary = artifacts.transactions(), artifacts.data_summary()
    assert (table["Class"] == np.where(is_open, -1, transactions["Class"])).all()
    assert table["Class"].dtype == np.int8
    assert (summary["n_rows"], summary["n_unlabelled"]) == (200, is_open.sum())
    assert summary["n_frauds"] == (table["Class"] == 1).sum()
    assert summary["fraud_rate"] == summary["n_frauds"] / (~is_open).sum()


def test_a_transaction_that_comes_again_with_its_label_counts_once(ingest, transactions):
    nobody_knows = transactions.assign(Class=np.nan)
    both = pd.concat([nobody_knows, transactions.iloc[:150]])
    artifacts = ingest(both, ingest__on_missing_label="unlabelled")
    table, dropped = artifacts.transactions(), artifacts.data_summary()["dropped"]
    assert (len(table), dropped["labelled_later"], dropped["duplicates"]) == (200, 150, 0)
    assert (table["Class"].iloc[:150] == transactions["Class"].iloc[:150]).all()
    assert (table["Class"].iloc[150:] == -1).all()


def test_labels_of_one_class_beside_unknown_ones_are_refused(ingest, transactions):
    labels = np.where(transactions["Class"] == 1, 1.0, np.nan)
    with pytest.raises(InputError, match="is 1 in all 20 labelled rows"):
        ingest(transactions.assign(Class=labels), ingest__on_missing_label="unlabelled")
