"""Clusters: planted ones are found, and what sets them apart is what was planted."""

import numpy as np
import pandas as pd
import pytest

from evaluation.clusters import describe_clusters, find_clusters, smallest_cluster


@pytest.fixture(scope="module")
def planted():
    """Three groups of 400, 150 and 60 rows in the plane, and 40 rows anywhere."""
    rng = np.random.default_rng(3)
    sizes, centres = (400, 150, 60), ((0, 0), (20, 0), (0, 20))
    places = [rng.normal(size=(n, 2)) + centre for n, centre in zip(sizes, centres, strict=True)]
    places.append(rng.uniform(-40, 60, size=(40, 2)))
    group = np.repeat([0, 1, 2, -1], [*sizes, 40])
    order = rng.permutation(len(group))
    return np.concatenate(places)[order], group[order]


@pytest.fixture(scope="module")
def columns(planted):
    rng = np.random.default_rng(4)
    group = planted[1]
    return pd.DataFrame(
        {
            "noise": rng.normal(size=len(group)),
            "shifted": rng.normal(size=len(group)) - 3.0 * (group == 2),
            "amount": np.exp(rng.normal(size=len(group)) + 2.0 * (group == 2)),
            "shop": np.where((group == 2) | (rng.uniform(size=len(group)) < 0.1), "toys", "food"),
        }
    )


def test_planted_clusters_are_found_the_largest_first(planted):
    places, group = planted
    found = find_clusters(places)
    assert found.max() == 2
    inside = group >= 0
    assert (found[inside] == group[inside]).mean() > 0.97
    assert (found[~inside] == -1).mean() > 0.7
    np.testing.assert_array_equal(found, find_clusters(places))


def test_the_smallest_cluster_is_a_choice(planted):
    places, group = planted
    found = find_clusters(places, min_cluster_size=100)
    assert found.max() == 1
    assert (found[group == 2] == -1).all()
    assert (smallest_cluster(100), smallest_cluster(49_104)) == (20, 98)


def test_few_rows_have_no_clusters():
    assert (find_clusters(np.zeros((5, 2))) == -1).all()


def test_what_was_planted_sets_a_cluster_apart(planted, columns):
    group = planted[1]
    described = describe_clusters(group, columns)[2]
    names = [one["name"] for one in described["columns"]]
    assert (described["n_rows"], names[-1]) == (60, "noise")
    by_name = {one["name"]: one for one in described["columns"]}
    assert by_name["shifted"]["effect"] < -0.9
    assert by_name["shifted"]["median"] == pytest.approx(-3, abs=0.5)
    assert by_name["shifted"]["others"] == pytest.approx(0, abs=0.2)
    assert by_name["amount"]["effect"] > 0.8
    assert by_name["shop"] == {
        "name": "shop",
        "effect": pytest.approx(0.9, abs=0.05),
        "category": "toys",
        "share": 1.0,
        "others": pytest.approx(0.1, abs=0.05),
    }
    assert abs(by_name["noise"]["effect"]) < 0.3


def test_the_effect_is_cliffs_delta_worked_by_hand():
    # Pairs of {2, 3} with {1, 2, 4}: 3 larger, 2 smaller, 1 equal of 6, so delta is 1/6; and its
    # twin for a category: shares 1/2 and 1/3.
    table = pd.DataFrame({"x": [2.0, 3.0, 1.0, 2.0, 4.0], "c": ["a", "b", "a", "b", "b"]})
    number, category = (
        next(
            one
            for one in describe_clusters([0, 0, -1, -1, -1], table)[0]["columns"]
            if one["name"] == name
        )
        for name in ("x", "c")
    )
    assert number["effect"] == pytest.approx(1 / 6)
    assert (number["median"], number["others"]) == (2.5, 2.0)
    assert category["effect"] == pytest.approx(1 / 6)
    assert (category["category"], category["share"]) == ("a", 0.5)


def test_effects_do_not_change_with_the_units(planted, columns):
    def effects(table):
        return [
            {one["name"]: one["effect"] for one in cluster["columns"]}
            for cluster in describe_clusters(planted[1], table)
        ]

    changed = columns.assign(amount=np.log(columns["amount"]), shifted=100 * columns["shifted"])
    assert effects(changed) == effects(columns)


def test_frauds_are_counted_among_known_labels(planted, columns):
    group = planted[1]
    fraud = np.where(group == 2, 1.0, 0.0)
    fraud[np.flatnonzero(group == 2)[:10]] = 0
    fraud[np.flatnonzero(group == 2)[10:20]] = np.nan
    found = describe_clusters(group, columns, is_fraud=fraud)
    assert [one["n_frauds"] for one in found] == [0, 0, 40]
    assert (found[2]["n_labelled"], found[2]["fraud_share"]) == (50, 0.8)
    # Clopper and Pearson for 40 of 50.
    assert (found[2]["low"], found[2]["high"]) == pytest.approx((0.6628, 0.8997), abs=1e-4)
    assert describe_clusters(group, columns)[2]["n_frauds"] is None


def test_no_clusters_and_one_cluster_of_all_rows(columns):
    assert describe_clusters(np.full(len(columns), -1), columns) == []
    (only,) = describe_clusters(np.zeros(len(columns), int), columns)
    assert {one["effect"] for one in only["columns"] if "median" in one} == {0.0}
