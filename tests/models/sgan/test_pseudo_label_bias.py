"""Biased pseudo-labels, made on purpose, are noticed and reported; honest ones are not."""

import logging

import numpy as np
import pandas as pd
import pytest

from models.classifier import SGANClassifier
from models.sgan.pseudo_labels import largest_plausible_share

pytestmark = pytest.mark.slow

# Settings under which labels can be led astray so that they stay there: the bias is the premise.
SMALL = {
    "fraud_share": 0.1,
    "unsupervised_batch_size": 128,
    "unsupervised_weight": 0.1,
    "dropout": 0.2,
    "learning_rate_schedule": "constant",
    "n_members": 2,
    "epochs": 5,
    "steps_per_epoch": 60,
    "batch_size": 32,
    "noise_dim": 4,
    "generator_units": (8,),
    "discriminator_units": (16,),
    "column_share": 1.0,
    "learning_rate": 5e-3,
    "random_state": 0,
}
N_LABELLED = {1: 10, 0: 90}


def make_rows(n, seed):
    """Rows whose frauds (a tenth) lie apart in two columns, with some overlap."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.1).astype(int)
    X = rng.normal(size=(n, 4)).astype("float32")
    X[:, :2] += 2.5 * y[:, None]
    return 0.3 * X, y


def partly_labelled(*, moved):
    """Rows of which a hundred are labelled; if `moved`, half of the others went towards fraud."""
    X, y = make_rows(3000, seed=12)
    rng = np.random.default_rng(13)
    labels = np.full(len(y), -1)
    for code, n in N_LABELLED.items():
        labels[rng.choice(np.flatnonzero(y == code), n, replace=False)] = code
    if moved:
        unlabelled_genuine = np.flatnonzero((labels == -1) & (y == 0))
        half = rng.choice(unlabelled_genuine, len(unlabelled_genuine) // 2, replace=False)
        X[half, 1:] += 0.9
    return X, labels, y


@pytest.fixture(scope="module")
def validation():
    return make_rows(800, seed=14)


@pytest.fixture(scope="module")
def biased():
    """A fit on rows that moved, its rows' true labels, and what it logged."""
    records = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    logger = logging.getLogger("models.sgan.pseudo_labels")
    logger.addHandler(handler)
    try:
        X, labels, y = partly_labelled(moved=True)
        return SGANClassifier(**SMALL).fit(X, labels), y[labels == -1], records
    finally:
        logger.removeHandler(handler)


def test_the_bias_is_real(biased):
    """More rows pass for frauds than there are; their share is that of no true label, and grows."""
    classifier, hidden, _ = biased
    history = classifier.ensemble_history_
    assert history["n_pseudo_frauds"].iloc[-1] > 2 * hidden.sum()
    share = history["pseudo_fraud_share"].dropna()
    assert share.min() > largest_plausible_share(N_LABELLED[1], sum(N_LABELLED.values()))
    assert share.iloc[-1] > share.iloc[0]


def test_biased_pseudo_labels_are_reported_by_epoch_in_history_and_log(biased):
    classifier, _, logged = biased
    history = classifier.ensemble_history_
    assert [w["epoch"] for w in classifier.pseudo_label_warnings_] == [1, 2, 3, 4]
    for warning, line in zip(classifier.pseudo_label_warnings_, logged, strict=True):
        epoch = warning["epoch"]
        assert f"{history['n_pseudo_frauds'][epoch]:,.0f} of 2,900 unlabelled" in warning["reason"]
        assert "of the labelled rows 10 of 100 are (10.00%)" in warning["reason"]
        assert warning["reason"] in line
        assert f"epoch {epoch}:" in line


def test_each_epoch_says_what_its_pseudo_labels_were(biased):
    history = biased[0].ensemble_history_
    assert history.loc[0].drop("epoch").isna().all(), "no member had learned anything yet"
    taught = history.loc[1:]
    assert (taught["n_pseudo_frauds"] + taught["n_pseudo_genuine"] <= 2900).all()
    assert taught["pseudo_fraud_agreement"].between(0.5, 1).all()
    assert taught["pseudo_genuine_agreement"].between(0.5, 1).all()
    assert (taught["uses_pseudo_labels"] == 1).all(), "by default they are only reported"


def test_an_honest_fit_raises_no_warning(validation, caplog):
    X, labels, y = partly_labelled(moved=False)
    honest = SGANClassifier(**SMALL, drop_biased_pseudo_labels=True)
    honest.fit(X, labels, validation=validation)
    assert honest.pseudo_label_warnings_ == []
    assert "biased" not in caplog.text
    assert (honest.ensemble_history_["uses_pseudo_labels"].dropna() == 1).all()
    assert honest.ensemble_history_["n_pseudo_frauds"].iloc[-1] > 0.3 * y.sum()


@pytest.fixture(scope="module")
def dropped():
    X, labels, _ = partly_labelled(moved=True)
    return SGANClassifier(**SMALL, drop_biased_pseudo_labels=True).fit(X, labels)


def test_biased_pseudo_labels_can_be_left_out_of_training(dropped):
    """Then the fit is the one that never had any."""
    assert not any(warning["are_used"] for warning in dropped.pseudo_label_warnings_)
    assert (dropped.ensemble_history_["uses_pseudo_labels"].dropna() == 0).all()
    X, labels, _ = partly_labelled(moved=True)
    without = SGANClassifier(**SMALL, pseudo_label_weight=0.0).fit(X, labels)
    for one, other in zip(dropped.model_.get_weights(), without.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_validation_rows_name_the_bias_and_change_nothing(validation):
    """All labelled rows but two are frauds, so that they cannot speak against any share."""
    X, labels, _ = partly_labelled(moved=True)
    labels[np.flatnonzero(labels == 0)[2:]] = -1
    plain = {**SMALL, "epochs": 3, "drop_biased_pseudo_labels": True}
    judged = SGANClassifier(**plain).fit(X, labels, validation=validation)
    assert {w["beside"] for w in judged.pseudo_label_warnings_} == {"validation"}
    assert all(warning["are_used"] for warning in judged.pseudo_label_warnings_)
    alone = SGANClassifier(**plain).fit(X, labels)
    assert alone.pseudo_label_warnings_ == []
    for one, other in zip(
        judged.last_model_.get_weights(), alone.last_model_.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_stopped_fit_keeps_the_warnings_of_its_first_part(biased, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(epoch, members, ensemble):
        if epoch == 2:
            raise StoppedError

    X, labels, _ = partly_labelled(moved=True)
    with pytest.raises(StoppedError):
        SGANClassifier(**SMALL).fit(X, labels, checkpoint_folder=tmp_path, on_epoch=stop)
    resumed = SGANClassifier(**SMALL).fit(X, labels, checkpoint_folder=tmp_path)
    assert resumed.pseudo_label_warnings_ == biased[0].pseudo_label_warnings_
    pd.testing.assert_frame_equal(resumed.ensemble_history_, biased[0].ensemble_history_)


def test_warnings_are_saved(biased, tmp_path):
    biased[0].save(tmp_path)
    loaded = SGANClassifier.load(tmp_path)
    assert loaded.pseudo_label_warnings_ == biased[0].pseudo_label_warnings_
