"""The split on disk: every row once, copies together, labels withheld in training only."""

import numpy as np
import pandas as pd
import pytest

from pipeline.files.atomic import read_json


@pytest.fixture
def split(run_stages, tmp_path):
    """Ingest a table and split it; gives the table with part and is_labelled, and split.json."""

    def run(table, **overrides):
        table.to_parquet(tmp_path / "x.parquet", index=False)
        artifacts = run_stages(
            "ingest", "split", data__source="file", data__path="x.parquet", **overrides
        )
        rows = artifacts.split()
        assert rows["row_id"].tolist() == list(range(len(rows)))
        summary = read_json(artifacts.folder("split") / "split.json")["parts"]
        return artifacts.transactions().join(rows), summary

    return run


def test_counts_of_the_parts(split, transactions):
    rows, summary = split(transactions)
    assert summary["train"]["n_rows"] == 120
    assert {name: part["n_frauds"] for name, part in summary.items()} == {
        "train": 12, "validation": 4, "test": 4, "excluded": 0,
    }  # fmt: skip
    for name, part in summary.items():
        members = rows[rows["part"] == name]
        assert (part["n_rows"], part["n_frauds"]) == (len(members), members["Class"].sum())


def test_copies_at_another_time_stay_in_one_part(split, transactions):
    copies = transactions.assign(Time=transactions["Time"] + 7)
    rows, _ = split(pd.concat([transactions, copies]))
    parts = rows.groupby(["V1", "V2", "V3", "V4", "Amount"])["part"].nunique()
    assert len(rows) == 400
    assert (parts == 1).all()


def test_by_time_parts_do_not_overlap(split, transactions):
    rows, summary = split(transactions, split__method="time", split__delay_days=0.5)
    train, validation, test = (summary[name]["time"] for name in ("train", "validation", "test"))
    assert train[1] <= validation[0] - 0.5 * 86_400
    assert validation[1] < test[0]
    assert summary["excluded"]["n_rows"] > 0
    assert not rows.loc[rows["part"] == "excluded", "is_labelled"].any()


def test_label_budget_withholds_labels_in_training_only(split, transactions):
    rows, summary = split(transactions, split__n_labelled_frauds=3, split__n_labelled_genuine=10)
    assert (summary["train"]["n_labelled"], summary["train"]["n_labelled_frauds"]) == (13, 3)
    assert rows.loc[rows["part"] != "train", "is_labelled"].all()


def test_a_budget_does_not_move_rows(split, transactions):
    first, _ = split(transactions)
    second, _ = split(transactions, split__n_labelled_frauds=3)
    assert first["part"].tolist() == second["part"].tolist()


def test_the_seed_moves_rows(split, transactions):
    first, _ = split(transactions)
    again, _ = split(transactions)
    other, _ = split(transactions, split__seed=12)
    assert first["part"].tolist() == again["part"].tolist()
    assert first["part"].tolist() != other["part"].tolist()


@pytest.mark.parametrize("method", ["stratified", "time"])
def test_unlabelled_rows_train_and_leave_the_other_rows_where_they_are(split, transactions, method):
    options = {"split__method": method, "ingest__on_missing_label": "unlabelled"}
    known, summary = split(transactions, **options)
    more = transactions.assign(Time=transactions["Time"] + 1, V1=-transactions["V1"], Class=np.nan)
    rows, with_more = split(pd.concat([transactions, more]), **options)
    is_open = rows["Class"] == -1
    assert is_open.sum() == 200
    pd.testing.assert_series_equal(
        rows.loc[~is_open, "part"].reset_index(drop=True), known["part"], check_names=False
    )
    assert not rows.loc[is_open, "is_labelled"].any()
    assert not rows.loc[is_open, "part"].isin(["validation", "test"]).any()
    assert (rows.loc[is_open, "part"] == "train").sum() > 100
    for part in ("train", "validation", "test"):
        assert with_more[part]["n_labelled"] == summary[part]["n_labelled"]
        assert with_more[part]["n_frauds"] == summary[part]["n_frauds"]
