"""The made-up typical row: between the quartiles, no real row, and genuine to the model."""

import numpy as np
import pandas as pd
import pytest

from features.baseline import typical_row


@pytest.fixture
def genuine():
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.normal(size=(2000, 8)), columns=[f"V{i}" for i in range(8)])
    return numbers.assign(shop=rng.choice(["a", "b", "c"], 2000, p=[0.2, 0.5, 0.3]))


def central_is_suspicious(rows):
    """Scores as a model gives them that notices how well a row is reconstructed."""
    return -(rows.drop(columns="shop").to_numpy() ** 2).sum(axis=1)


def towards_v0(rows):
    return rows["V0"].to_numpy()


def test_it_looks_genuine_by_column_and_as_a_whole(genuine):
    row = typical_row(
        genuine, towards_v0, categorical=["shop"], rng=np.random.default_rng(1)
    )  # fmt: skip
    assert row.shape == (1, 9)
    assert row["shop"].item() == "b"
    numbers = genuine.drop(columns="shop")
    low, high = numbers.quantile(0.25), numbers.quantile(0.75)
    values = row.iloc[0, :8].astype(float)
    assert (low <= values).all()
    assert (values <= high).all()
    assert values["V0"] <= numbers["V0"].median()
    # Nothing but V0 matters to this model, and all the others stay about the middle.
    assert (values - numbers.median()).abs().mean() < (high - low).mean() / 5
    assert not (numbers == values).all(axis=1).any(), "no row leaves the data"


def test_it_is_never_the_medians_where_those_are_suspicious(genuine):
    row = typical_row(
        genuine, central_is_suspicious, categorical=["shop"], rng=np.random.default_rng(1)
    )
    scores = central_is_suspicious(genuine)
    medians = genuine.drop(columns="shop").median().to_frame().T.assign(shop="b")
    assert central_is_suspicious(medians) > np.quantile(scores, 0.99)
    # No row of the middle half is as far out as half of the genuine ones: the farthest is taken.
    drawn = central_is_suspicious(row)
    assert np.median(scores) < drawn < np.quantile(scores, 0.97)


def test_equal_seeds_give_equal_rows(genuine):
    one, two, other = (
        typical_row(genuine, towards_v0, categorical=["shop"], rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(other)
