"""Labels for unlabelled rows, their figures, and what is said of them when they look biased."""

import numpy as np
import pytest
from scipy.special import logit

from models.sgan.pseudo_labels import (
    LARGEST_RATIO,
    STANDARD_ERRORS,
    PseudoLabels,
    bias_warnings,
    describe,
    estimate_fraud_rate,
    largest_plausible_share,
    pseudo_labels,
)


def scores(rate, n=100_000, distance=4.0, seed=0):
    """Log odds at equal shares of two normal classes, exact by construction; and the classes."""
    rng = np.random.default_rng(seed)
    is_fraud = rng.random(n) < rate
    x = rng.normal(size=n) + distance * is_fraud
    return distance * x - distance**2 / 2, is_fraud


@pytest.mark.parametrize("rate", [0.002, 0.05, 0.4])
def test_the_fraud_rate_is_found_whatever_the_scores_were_trained_at(rate):
    log_odds, is_fraud = scores(rate)
    assert estimate_fraud_rate(log_odds, 0.5) == pytest.approx(is_fraud.mean(), rel=0.15)
    at_a_tenth = log_odds + logit(0.1)
    assert estimate_fraud_rate(at_a_tenth, 0.1) == pytest.approx(is_fraud.mean(), rel=0.15)


def test_rows_without_fraud_have_a_rate_near_zero():
    log_odds, _ = scores(0.0)
    assert estimate_fraud_rate(log_odds, 0.5) < 1e-3


def test_labels_are_right_and_doubtful_rows_have_none():
    log_odds, is_fraud = scores(0.02)
    labels = pseudo_labels(log_odds, 0.5, 0.9, n_labelled_frauds=20)
    assert is_fraud[labels.is_fraud].mean() > 0.9
    assert is_fraud[labels.is_genuine].mean() < 0.01
    assert not (labels.is_fraud & labels.is_genuine).any()
    assert not (labels.is_fraud | labels.is_genuine).all()
    assert labels.is_fraud.sum() < pseudo_labels(log_odds, 0.5, 0.5, 20).is_fraud.sum()


def test_a_handful_of_finds_beside_many_labelled_frauds_is_not_believed():
    log_odds, is_fraud = scores(0.0005, n=10_000)
    few = pseudo_labels(log_odds, 0.5, 0.5, n_labelled_frauds=2)
    assert 0 < few.is_fraud.sum() < 20
    many = pseudo_labels(log_odds, 0.5, 0.5, n_labelled_frauds=300)
    assert not many.is_fraud.any()
    assert many.is_genuine.all()
    assert many.fraud_rate == few.fraud_rate == pytest.approx(is_fraud.mean(), abs=5e-4)


def test_members_must_agree_one_by_one_where_that_is_asked():
    """Of 100 rows the second is a fraud to one loud member of three, the third to two, and the
    fourth is genuine to a loud one."""
    members = np.full((100, 3), -9.0)
    members[:4] = [[9, 9, 9], [40, -1, -1], [9, 9, -1], [-60, 9, 9]]
    found = {
        agreement: pseudo_labels(
            members.mean(axis=1), 0.5, 0.5, 1, members=members, agreement=agreement
        )
        for agreement in (0.0, 0.6, 1.0)
    }
    assert np.flatnonzero(found[0.0].is_fraud).tolist() == [0, 1, 2]
    assert np.flatnonzero(found[0.6].is_fraud).tolist() == [0, 2]
    assert np.flatnonzero(found[1.0].is_fraud).tolist() == [0]
    # A row in dispute has no label at all.
    assert [labels.is_genuine.sum() for labels in found.values()] == [97, 96, 96]


def labels_of(n_frauds, n_genuine, n_doubtful=0):
    is_fraud, is_genuine = (np.zeros(n_frauds + n_genuine + n_doubtful, bool) for _ in range(2))
    is_fraud[:n_frauds] = True
    is_genuine[n_frauds : n_frauds + n_genuine] = True
    return PseudoLabels(is_fraud, is_genuine, fraud_rate=0.5)


def test_figures_are_those_of_the_rows_that_have_a_label():
    members = np.array([[1.0, 1], [1, -1], [-1, -1], [-1, -1], [-1, 1], [-1, -1], [9, 9]])
    assert describe(labels_of(2, 4, 1), members, training_rate=0.5) == {
        "n_pseudo_frauds": 2.0,
        "n_pseudo_genuine": 4.0,
        "pseudo_fraud_share": 2 / 6,
        "unlabelled_fraud_rate": 0.5,
        "pseudo_fraud_agreement": 3 / 4,
        "pseudo_genuine_agreement": 7 / 8,
    }


def test_agreement_is_judged_at_the_estimated_rate():
    """Log odds of 1 at even shares are below even at a fraud rate of 0.1: -1.2."""
    labels = labels_of(1, 1)._replace(fraud_rate=0.1)
    figures = describe(labels, np.array([[3.0, 1.0], [1.0, -1.0]]), training_rate=0.5)
    assert figures["pseudo_fraud_agreement"] == 0.5
    assert figures["pseudo_genuine_agreement"] == 1.0


def test_rows_that_are_not_there_have_no_agreement():
    figures = describe(labels_of(0, 2), np.zeros((2, 1)), training_rate=0.5)
    assert figures["pseudo_fraud_share"] == 0.0
    assert "pseudo_fraud_agreement" not in figures


def test_the_plausible_share_is_that_of_true_labels_and_chance():
    assert largest_plausible_share(4_000, 100_000) == pytest.approx(LARGEST_RATIO * 0.04)
    assert largest_plausible_share(1, 100) == pytest.approx(
        0.01 + STANDARD_ERRORS * np.sqrt(0.01485 * 0.98515 / 100), rel=1e-3
    )
    # No fraud among few rows is no proof that there are none.
    assert 0.1 < largest_plausible_share(0, 20) < 0.5


def true_labels(n_frauds, n_rows):
    return np.repeat([1, 0], [n_frauds, n_rows - n_frauds])


def test_too_many_frauds_are_named_with_their_numbers(caplog):
    (warning,) = bias_warnings(
        labels_of(2845, 35938), {"labelled": true_labels(20, 500)}, epoch=3, drop=False
    )
    assert warning == {
        "epoch": 3,
        "beside": "labelled",
        "reason": "2,845 of 38,783 unlabelled rows pass for frauds (7.34%), but of the labelled "
        "rows 20 of 500 are (4.00%)",
        "are_used": True,
    }
    assert f"epoch 3: pseudo-labels look biased and are used all the same: {warning['reason']}" in (
        caplog.text
    )


@pytest.mark.parametrize(
    ("found", "labelled"),
    [((222, 38561), (20, 500)), ((0, 1000), (20, 500)), ((55, 945), (40, 1000))],
    ids=["as on the real rows", "none", "within chance"],
)
def test_plausible_labels_are_not_named(found, labelled, caplog):
    labels = labels_of(*found)
    assert not bias_warnings(labels, {"labelled": true_labels(*labelled)}, epoch=1, drop=True)
    assert not caplog.text


def test_labelled_rows_may_stop_biased_labels_and_validation_rows_only_name_them():
    labels = labels_of(200, 800)
    rare, usual = true_labels(5, 1000), true_labels(200, 1000)
    by_labelled = bias_warnings(labels, {"labelled": rare, "validation": usual}, epoch=1, drop=True)
    assert [(w["beside"], w["are_used"]) for w in by_labelled] == [("labelled", False)]
    by_judges = bias_warnings(labels, {"labelled": usual, "validation": rare}, epoch=1, drop=True)
    assert [(w["beside"], w["are_used"]) for w in by_judges] == [("validation", True)]
