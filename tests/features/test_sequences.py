"""The detector of unusual windows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from features.sequences import SequenceAnomalyDetector
from features.windows import card_windows, padded

pytestmark = pytest.mark.slow


def waves(n, rng, *, shuffled=False):
    """Windows of 8 to 16 steps and two features, the second of another scale and noisy."""
    windows = []
    for n_steps in rng.integers(8, 17, n):
        angle = rng.uniform(0, 2 * np.pi) + np.arange(n_steps) / 2
        window = np.column_stack([np.sin(angle), 100 + 50 * rng.normal(size=n_steps)])
        windows.append(rng.permuted(window, axis=0) if shuffled else window)
    return windows


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    detector = SequenceAnomalyDetector(latent_dim=4, units=16, epochs=25, random_state=0)
    return detector.fit(waves(300, rng), X_validation=waves(20, rng))


def test_finds_windows_whose_order_is_wrong(fitted):
    rng = np.random.default_rng(1)
    X = waves(60, rng) + waves(60, rng, shuffled=True)
    y = np.repeat([0, 1], 60)
    assert roc_auc_score(y, -fitted.score_samples(X)) > 0.9
    # What cannot be reconstructed is divided by its own error; plain errors would be all noise.
    assert fitted.residual_variance_[1] > 3 * fitted.residual_variance_[0]
    assert "validation_loss" in fitted.history_[0]


def test_padding_and_company_change_no_score(fitted):
    X = waves(7, np.random.default_rng(2))
    scores = fitted.score_samples(X)
    array = padded(X)
    np.testing.assert_allclose(fitted.score_samples(array), scores, rtol=1e-5)
    more = np.concatenate([array, np.full((7, 9, 2), np.nan)], axis=1)
    np.testing.assert_allclose(fitted.score_samples(more), scores, rtol=1e-5)
    np.testing.assert_allclose(fitted.encode(more), fitted.encode(X), atol=1e-5)
    alone = np.concatenate([fitted.score_samples([window]) for window in X])
    np.testing.assert_allclose(alone, scores, rtol=1e-5)


def test_scores_are_the_means_of_the_step_errors(fitted):
    X = waves(7, np.random.default_rng(2))
    errors = fitted.step_errors(X)
    assert [np.sum(~np.isnan(row)) for row in errors] == [len(window) for window in X]
    np.testing.assert_allclose(np.nanmean(errors, axis=1), -fitted.score_samples(X), rtol=1e-5)


def test_a_usual_window_scores_about_minus_one_and_few_are_outliers(fitted):
    X = waves(300, np.random.default_rng(0))
    scores = fitted.score_samples(X)
    assert -1.5 < scores.mean() < -0.7
    # The training windows again: one in a hundred lies below the offset.
    assert np.sum(fitted.predict(X) == -1) == 3
    np.testing.assert_array_equal(fitted.decision_function(X) < 0, fitted.predict(X) == -1)


def test_the_random_state_decides():
    X = waves(30, np.random.default_rng(3))
    settings = {"body": "lstm", "latent_dim": 3, "epochs": 1, "random_state": 0}
    one, same = (SequenceAnomalyDetector(**settings).fit(X).score_samples(X) for _ in range(2))
    np.testing.assert_array_equal(one, same)


def test_scores_the_transactions_of_each_card():
    rng = np.random.default_rng(4)
    # Every card spends its own amount; one transaction is another card's.
    table = pd.DataFrame({"card": np.repeat(np.arange(60), 12), "t": np.tile(np.arange(12), 60)})
    usual = 10.0 ** rng.uniform(0.5, 3, 60)
    table["log_amount"] = np.log10(usual[table["card"]] * rng.uniform(0.8, 1.25, len(table)))
    stolen = table.index[table["t"] == 9][::6]
    table.loc[stolen, "log_amount"] = 3.5 - table.loc[stolen, "log_amount"]
    settings = {"card": "card", "time": "t", "columns": ["log_amount"], "length": 6}
    windows = card_windows(table, **settings)
    detector = SequenceAnomalyDetector(latent_dim=2, units=16, epochs=15, random_state=0)
    detector.fit(windows.values)
    error = windows.to_rows(detector.step_errors(windows.values))
    assert not np.isnan(error).any()
    assert roc_auc_score(table.index.isin(stolen), error) > 0.9


def test_other_shapes_than_in_fit_are_refused(fitted):
    with pytest.raises(
        ValueError, match=r"2 dimensions, but Seq.* on 3 dimensions with 2 features"
    ):
        fitted.score_samples(np.zeros((4, 2)))
    with pytest.raises(ValueError, match="3 features, but SequenceAnomalyDetector"):
        fitted.score_samples(np.zeros((4, 5, 3)))
    with pytest.raises(ValueError, match="same features"):
        fitted.score_samples([np.zeros((4, 2)), np.zeros((4, 3))])
    with pytest.raises(ValueError, match="padding"):
        fitted.score_samples(np.full((1, 4, 2), np.nan))
    with pytest.raises(NotFittedError):
        SequenceAnomalyDetector().score_samples([np.zeros((4, 2))])


def test_a_saved_detector_finds_the_same(fitted, tmp_path):
    X = waves(30, np.random.default_rng(2))
    fitted.save(tmp_path)
    loaded = SequenceAnomalyDetector.load(tmp_path)
    np.testing.assert_array_equal(loaded.decision_function(X), fitted.decision_function(X))
    np.testing.assert_array_equal(loaded.step_errors(X), fitted.step_errors(X))
    assert loaded.get_params() == fitted.get_params()
    assert loaded.history_ == fitted.history_
    with pytest.raises(ValueError, match="features"):
        loaded.predict([window[:, :1] for window in X])
