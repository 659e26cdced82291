"""Files of suggestions to be reviewed."""

import csv

import pytest

from pipeline.label.sheet import Sheet

KEYS = [f"t-{number:020x}" for number in range(100)]


def write_sheet(path, n_rows=6, **columns):
    """Write suggestions whose guesses are fraud, genuine, fraud and so on."""
    rows = [
        {
            "transaction_key": KEYS[i], "label": "", "labelled_by": "", "labelled_at": "",
            "guess": str((i + 1) % 2), "score": f"0.{i}1", "disagreement": "0.02",
            "strategy": "mixed", "reason_1": "V14", "reason_1_contribution": "2.1",
            "reason_2": "", "reason_2_contribution": "",
            "card": f"card-{i}, of a customer with a long name, and \"quotes\"",
            "Time": f"{i}.0", "Amount": "12.30", "V1": "0.1", "V14": "-5.123456789012345",
            **{name: values[i] for name, values in columns.items()},
        }
        for i in range(n_rows)
    ]  # fmt: skip
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def path(tmp_path):
    return write_sheet(tmp_path / "ask.csv")


@pytest.fixture
def sheet(path):
    return Sheet.read(path)


@pytest.fixture
def labels_of():
    """Return a function that reads the labels of a file as they are on the disk."""

    def labels_of(path):
        with path.open(newline="") as file:
            return "".join(row["label"] or "." for row in csv.DictReader(file))

    return labels_of


@pytest.fixture
def make_sheet():
    return write_sheet
