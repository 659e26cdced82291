"""The SGAN as a classifier: it learns, uses what it may and nothing else, and resumes."""

import logging

import numpy as np
import pytest
from scipy.special import logit
from sklearn.metrics import average_precision_score

from models.classifier import SGANClassifier
from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.training import TrainingDivergedError
from models.encoders.vae import TabularVAE
from models.sgan.fit import TOLERANCE, FitData
from models.sgan.lending import forget_trainers
from models.sgan.networks import Generator
from models.sgan.training import SGANTrainer

pytestmark = pytest.mark.slow

SMALL = {
    "n_members": 2,
    "epochs": 3,
    "steps_per_epoch": 60,
    "batch_size": 32,
    "noise_dim": 4,
    "generator_units": (8,),
    "discriminator_units": (16,),
    "column_share": 1.0,
    "learning_rate": 5e-3,
    "random_state": 0,
}
N_FEATURES = 4


def make_rows(n, seed):
    """Rows whose frauds (a tenth) lie apart in two columns, with some overlap."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.1).astype(int)
    X = rng.normal(size=(n, N_FEATURES)).astype("float32")
    X[:, :2] += 2.5 * y[:, None]
    return 0.3 * X, y


@pytest.fixture(scope="module")
def rows():
    return make_rows(1500, seed=1)


@pytest.fixture(scope="module")
def validation():
    return make_rows(800, seed=2)


@pytest.fixture(scope="module")
def encoders():
    return {
        "autoencoder": TabularAutoencoder(N_FEATURES, latent_dim=2, seed=3),
        "vae": TabularVAE(N_FEATURES, hidden_units=(4,), latent_dim=2, seed=4),
    }


@pytest.fixture(scope="module")
def fitted(rows, validation, encoders):
    return SGANClassifier(**encoders, **SMALL).fit(*rows, validation=validation)


def weights(classifier):
    return classifier.model_.get_weights()


def assert_equal_weights(a, b):
    for one, other in zip(weights(a), weights(b), strict=True):
        np.testing.assert_array_equal(one, other)


def spoil_after(n_steps, change, monkeypatch):
    """Change the averaged weights of the discriminator in every epoch after so many steps."""
    run_epoch = SGANTrainer.run_epoch

    def spoiled(self, pools, input_noise):
        metrics = run_epoch(self, pools, input_noise)
        if int(self.step) > n_steps:
            for weight in self.average.discriminator.trainable_variables:
                weight.assign(change(weight))
        return metrics

    monkeypatch.setattr(SGANTrainer, "run_epoch", spoiled)


def test_it_ranks_frauds_above_genuine_rows(fitted):
    X, y = make_rows(2000, seed=5)
    assert average_precision_score(y, fitted.predict_proba(X)[:, 1]) > 0.8
    assert fitted.score(X, y) > 0.93


def test_probabilities_hold_at_the_fraud_rate_of_the_rows(fitted, rows):
    """A tenth of the rows is fraud, and so is what is drawn; half of it is corrected for."""
    X, _ = make_rows(4000, seed=5)
    assert 0.05 < fitted.predict_proba(X)[:, 1].mean() < 0.2
    balanced = SGANClassifier(**{**SMALL, "fraud_share": 0.5}).fit(*rows)
    assert balanced.prior_shift_ == pytest.approx(np.log(0.1 / 0.9), abs=0.2)
    assert 0.05 < balanced.predict_proba(X)[:, 1].mean() < 0.2


def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not(
    rows, validation, encoders, fitted
):
    again = SGANClassifier(**encoders, **SMALL).fit(*rows, validation=validation)
    assert_equal_weights(again, fitted)
    other = SGANClassifier(**encoders, **{**SMALL, "random_state": 1}).fit(*rows)
    assert not np.array_equal(weights(other)[-1], weights(fitted)[-1])


def test_members_differ(fitted):
    X, _ = make_rows(100, seed=6)
    members = fitted.predict_members(X)
    assert members.shape == (100, 2)
    assert not np.allclose(members[:, 0], members[:, 1])


def test_the_chosen_epoch_is_the_last_that_is_about_as_good_as_the_best(fitted, validation):
    by_epoch = fitted.ensemble_history_["validation_average_precision"]
    assert list(fitted.ensemble_history_["epoch"]) == [0, 1, 2]
    good = by_epoch.index[by_epoch >= by_epoch.max() - TOLERANCE]
    assert fitted.chosen_epoch_ == good[-1]
    X, y = validation
    chosen = average_precision_score(y, fitted.decision_function(X))
    assert chosen == pytest.approx(by_epoch[fitted.chosen_epoch_], abs=1e-6)


def test_an_early_epoch_is_chosen_where_training_ends_badly(rows, validation, monkeypatch):
    spoil_after(SMALL["steps_per_epoch"], lambda weight: weight * 0.0 + 0.1, monkeypatch)
    classifier = SGANClassifier(**SMALL).fit(*rows, validation=validation)
    assert classifier.chosen_epoch_ == 0
    by_epoch = classifier.ensemble_history_["validation_average_precision"]
    assert not by_epoch[1] > by_epoch[0] - TOLERANCE


def test_validation_weights_count(rows, validation, encoders):
    weight = np.where(validation[1] == 1, 1.0, 20.0)
    weighted = SGANClassifier(**encoders, **SMALL).fit(*rows, validation=(*validation, weight))
    mean = weighted.decision_function(validation[0])
    expected = average_precision_score(validation[1], mean, sample_weight=weight)
    history = weighted.ensemble_history_["validation_average_precision"]
    assert history[weighted.chosen_epoch_] == pytest.approx(expected, abs=1e-6)


def test_labels_of_unlabelled_rows_are_not_used(rows):
    X, y = rows
    hidden = np.arange(len(y)) % 2 == 0
    masked = np.where(hidden, -1, y)
    first = SGANClassifier(**SMALL).fit(X, masked)
    codes = first._encode_labels(masked)
    assert (codes[hidden] == -1).all()
    # The rows themselves do count: they are the real side of the real/fake game.
    without = SGANClassifier(**SMALL).fit(X[~hidden], y[~hidden])
    assert not np.array_equal(weights(first)[-1], weights(without)[-1])


def test_synthetic_rows_are_never_passed_off_as_real():
    codes = np.array([0, 1, -1, 1, 1], dtype="int32")
    synthetic = np.array([False, False, False, True, True])
    pools = FitData(np.zeros((5, 2), "float32"), codes, synthetic, None).pools()
    assert pools.real.numpy().tolist() == [0, 1, 2]
    assert pools.genuine.numpy().tolist() == [0]
    assert pools.fraud.numpy().tolist() == [1, 3, 4]


def test_synthetic_rows_do_not_shift_the_input_standardisation(rows):
    X, y = rows
    far = np.full((50, N_FEATURES), 30.0, dtype="float32")
    classifier = SGANClassifier(**{**SMALL, "epochs": 1, "fraud_share": 0.1}).fit(
        np.vstack([X, far]), np.append(y, np.ones(50, int)), synthetic=np.arange(1550) >= 1500
    )
    np.testing.assert_allclose(classifier.model_.input_mean, X.mean(axis=0), atol=1e-5)
    # Nor the rate that the probabilities hold at; a batch of 32 has 3 frauds.
    assert classifier.prior_shift_ == pytest.approx(logit(y.mean()) - logit(3 / 32))


def test_probabilities_do_not_count_synthetic_frauds_that_are_drawn_as_they_come(rows):
    X, y = rows
    copies = X[y == 1]
    settings = {**SMALL, "epochs": 1, "fraud_share": None}
    plain = SGANClassifier(**settings).fit(X, y)
    assert plain.prior_shift_ == pytest.approx(0.0)
    doubled = SGANClassifier(**settings).fit(
        np.vstack([X, copies]), np.append(y, np.ones(len(copies), int)),
        synthetic=np.arange(len(X) + len(copies)) >= len(X),
    )  # fmt: skip
    n = y.sum()
    assert doubled.prior_shift_ == pytest.approx(logit(y.mean()) - logit(2 * n / (len(y) + n)))


def test_a_stopped_fit_continues_with_the_same_result(rows, validation, encoders, fitted, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(epoch, members, ensemble):
        if epoch == 1:
            raise StoppedError

    arguments = {"validation": validation, "checkpoint_folder": tmp_path}
    with pytest.raises(StoppedError):
        SGANClassifier(**encoders, **SMALL).fit(*rows, **arguments, on_epoch=stop)
    heard = []
    resumed = SGANClassifier(**encoders, **SMALL).fit(
        *rows, **arguments, on_epoch=lambda epoch, *_: heard.append(epoch)
    )
    assert_equal_weights(resumed, fitted)
    assert resumed.history_.equals(fitted.history_)
    assert heard == [0, 1, 2]


def test_a_checkpoint_of_other_rows_is_not_continued(rows, validation, tmp_path, caplog):
    settings = {**SMALL, "epochs": 1}
    SGANClassifier(**settings).fit(*rows, checkpoint_folder=tmp_path)
    with caplog.at_level(logging.INFO):
        SGANClassifier(**settings).fit(*validation, checkpoint_folder=tmp_path)
    assert "other data or parameters" in caplog.text


def test_a_damaged_checkpoint_is_not_continued(rows, tmp_path, caplog):
    (tmp_path / "training.npz").write_bytes(b"PK\x03\x04 cut off")
    SGANClassifier(**{**SMALL, "epochs": 1}).fit(*rows, checkpoint_folder=tmp_path)
    assert "unreadable" in caplog.text


def test_encoders_stay_as_they_are_and_are_seen(rows, validation, encoders):
    before = [w.copy() for e in encoders.values() for w in e.get_weights()]
    classifier = SGANClassifier(**encoders, **{**SMALL, "epochs": 1}).fit(*rows)
    after = [w for e in encoders.values() for w in e.get_weights()]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    width = classifier.model_.input_mean.shape[0]
    assert width == N_FEATURES + 2 + 1 + 2  # row, code, reconstruction error, VAE code


@pytest.mark.parametrize(
    "changes",
    [
        {"normalization": "batch", "separate_batches": False, "real_fake_head": "separate"},
        {"normalization": "layer", "spectral_norm": True, "generator_dropout": 0.2},
        {"optimizer": "rmsprop", "replay_share": 0.0, "clip_norm": None, "ema_decay": 0.0},
        {"optimizer": "adam", "fraud_share": 0.5, "n_members": 1},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_every_habit_trains_a_classifier_better_than_chance(rows, validation, changes):
    classifier = SGANClassifier(**{**SMALL, **changes}).fit(*rows, validation=validation)
    X, y = make_rows(1000, seed=8)
    assert average_precision_score(y, classifier.predict_proba(X)[:, 1]) > 3 * y.mean()


@pytest.fixture
def one_point_generator(monkeypatch):
    def one_point(self, noise, training=False):
        rows = self.head(self.stack(noise, training=training))
        return 0.0 * rows + 0.5

    monkeypatch.setattr(Generator, "call", one_point)
    forget_trainers()  # those that have traced the true generator
    yield
    forget_trainers()  # those that have traced this one


def test_a_generator_of_one_point_is_named_and_the_model_is_sound(
    one_point_generator, rows, validation, caplog
):
    classifier = SGANClassifier(**SMALL).fit(*rows, validation=validation)
    assert {c["member"] for c in classifier.collapses_} == {0, 1}
    assert "the generator makes one point" in caplog.text
    X, y = make_rows(1000, seed=8)
    assert average_precision_score(y, classifier.decision_function(X)) > 0.8


def test_a_fit_that_diverges_later_keeps_the_sound_epoch(rows, validation, monkeypatch, caplog):
    spoil_after(SMALL["steps_per_epoch"], lambda weight: weight * np.nan, monkeypatch)
    classifier = SGANClassifier(**SMALL).fit(*rows, validation=validation)
    assert classifier.chosen_epoch_ == 0
    assert "scores not finite" in caplog.text
    X, y = make_rows(1000, seed=8)
    assert average_precision_score(y, classifier.decision_function(X)) > 0.5


def test_a_member_whose_f1_falls_is_named_and_left_out(rows, validation, monkeypatch):
    run_epoch = SGANTrainer.run_epoch

    def forget(self, pools, input_noise):
        metrics = run_epoch(self, pools, input_noise)
        if int(self.step) > SMALL["steps_per_epoch"]:
            head = self.average.discriminator.class_head.kernel
            head.assign(head * np.array([1.0, -1.0])[:, None, None])
        return metrics

    monkeypatch.setattr(SGANTrainer, "run_epoch", forget)
    classifier = SGANClassifier(**SMALL).fit(*rows, validation=validation)
    assert {c["member"] for c in classifier.collapses_} == {1}
    assert "fell to" in classifier.collapses_[0]["reason"]
    by_epoch = classifier.ensemble_history_["validation_average_precision"]
    # Without the member that forgot, the score of the epoch is as good as before.
    assert by_epoch.iloc[-1] > by_epoch.iloc[0] - TOLERANCE
    assert classifier.chosen_epoch_ == SMALL["epochs"] - 1
    assert classifier.active_members_.tolist() == [True, False]


def test_a_diverging_fit_is_named_and_fails(rows, validation):
    wild = {**SMALL, "learning_rate": 1e30, "clip_norm": None, "epochs": 2}
    with pytest.raises(
        TrainingDivergedError, match=r"no member .* sound.*finite.*lower learning_rate"
    ):
        SGANClassifier(**wild).fit(*rows, validation=validation)


def test_the_score_is_the_mean_of_the_members_log_odds(fitted, validation):
    members = logit(fitted.predict_members(validation[0]))
    np.testing.assert_allclose(
        fitted.decision_function(validation[0]), members.mean(axis=1) + fitted.prior_shift_,
        rtol=1e-6, atol=1e-6,
    )  # fmt: skip


def test_without_the_real_fake_game_it_is_a_dense_net(rows, validation):
    dense = SGANClassifier(**{**SMALL, "unsupervised_weight": 0.0})
    dense.fit(*rows, validation=validation)
    assert "generator_loss" not in dense.history_
    assert average_precision_score(validation[1], dense.decision_function(validation[0])) > 0.8


def test_the_generator_stays_as_it_was_without_the_game(rows):
    seen = {}
    build = SGANClassifier._build_model

    class Watched(SGANClassifier):
        def _build_model(self, n_features, seed):
            model = build(self, n_features, seed)
            seen["before"] = [w.numpy() for w in model.generator.weights]
            return model

    fitted = Watched(**{**SMALL, "epochs": 1, "unsupervised_weight": 0.0}).fit(*rows)
    for before, after in zip(seen["before"], fitted.last_model_.generator.weights, strict=True):
        np.testing.assert_allclose(after.numpy(), before, rtol=1e-5)  # an average rounds


@pytest.fixture(scope="module")
def few_labels():
    """Rows of which 10 frauds and 10 genuine ones are labelled; and all the labels."""
    X, y = make_rows(3000, seed=11)
    rng = np.random.default_rng(12)
    shown = np.concatenate([rng.choice(np.flatnonzero(y == c), 10, replace=False) for c in (0, 1)])
    labels = np.full(len(y), -1)
    labels[shown] = y[shown]
    return X, labels, y


@pytest.mark.parametrize("fraud_share", [0.1, None])
def test_unlabelled_rows_on_which_members_agree_become_labelled(few_labels, fraud_share):
    X, labels, y = few_labels
    # So short a training needs its whole learning rate to the end.
    training = {"epochs": 4, "learning_rate_schedule": "constant"}
    settings = {**SMALL, **training, "fraud_share": fraud_share}
    classifier = SGANClassifier(**settings).fit(X, labels)
    found = classifier.ensemble_history_["n_pseudo_frauds"]
    assert np.isnan(found[0])
    assert 0.5 * (y == 1).sum() < found.iloc[-1] < 1.5 * (y == 1).sum()
    rate = classifier.ensemble_history_["unlabelled_fraud_rate"].iloc[-1]
    assert rate == pytest.approx(y.mean(), rel=0.5)
    # Half of the labelled rows are frauds; the probabilities hold at the rate of all rows.
    assert 0.5 * y.mean() < classifier.predict_proba(X)[:, 1].mean() < 2.0 * y.mean()


@pytest.mark.parametrize("fraud_share", [0.1, None])
def test_a_stopped_fit_with_unlabelled_rows_continues_with_the_same_result(
    few_labels, tmp_path, fraud_share
):
    class StoppedError(Exception):
        pass

    def stop(epoch, members, ensemble):
        if epoch == 1:
            raise StoppedError

    X, labels, _ = few_labels
    settings = {**SMALL, "fraud_share": fraud_share}
    with pytest.raises(StoppedError):
        SGANClassifier(**settings).fit(X, labels, checkpoint_folder=tmp_path, on_epoch=stop)
    resumed = SGANClassifier(**settings).fit(X, labels, checkpoint_folder=tmp_path)
    undisturbed = SGANClassifier(**settings).fit(X, labels)
    assert undisturbed.ensemble_history_["n_pseudo_frauds"].iloc[-1] > 0
    assert_equal_weights(resumed, undisturbed)
    assert resumed.prior_shift_ == undisturbed.prior_shift_


def test_synthetic_frauds_do_not_count_as_labelled_ones():
    codes = np.array([0, 1, -1, 1, 1], dtype="int32")
    synthetic = np.array([False, False, False, True, True])
    assert FitData(np.zeros((5, 2), "float32"), codes, synthetic, None).n_real_frauds() == 1


def test_pseudo_labels_can_be_turned_off(few_labels):
    X, labels, _ = few_labels
    classifier = SGANClassifier(**{**SMALL, "pseudo_label_weight": 0.0}).fit(X, labels)
    assert "n_pseudo_frauds" not in classifier.ensemble_history_


def test_validation_fraction_holds_rows_out(rows):
    classifier = SGANClassifier(**{**SMALL, "validation_fraction": 0.3}).fit(*rows)
    assert len(classifier.ensemble_history_) == SMALL["epochs"]
    assert "validation_f1" in classifier.history_


def test_the_rows_held_out_to_choose_the_epoch_are_real(rows):
    X, y = rows
    synthetic = np.zeros(len(y), bool)
    synthetic[np.flatnonzero(y == 1)[10:]] = True
    classifier = SGANClassifier(**SMALL, validation_fraction=0.5)
    train, held_out = classifier._hold_out(X, y, synthetic, None, np.random.RandomState(0))
    assert held_out.codes.sum() == 5
    assert synthetic[train].sum() == synthetic.sum()


def test_unlabelled_validation_rows_are_refused(rows, validation):
    y = validation[1].copy()
    y[:3] = -1
    with pytest.raises(ValueError, match=r"validation labels must be \[0, 1\], got \[-1\]"):
        SGANClassifier(**SMALL).fit(*rows, validation=(validation[0], y))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1, 2] * 10, "Only binary classification"),
        ([0, -1, -1] * 10, "two classes .*got 1 class: "),
        ([1] * 30, "two classes .*got 1 class: "),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(y, message):
    X = np.zeros((30, 2), dtype="float32")
    with pytest.raises(ValueError, match=message):
        SGANClassifier(**SMALL).fit(X, np.array(y))


def test_an_input_without_its_encoder_is_refused(rows):
    with pytest.raises(ValueError, match="'vae_code' needs vae="):
        SGANClassifier(**SMALL, inputs=["vae_code"]).fit(*rows)
