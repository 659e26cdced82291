"""Habits of GAN training that are off by default: each does what it says."""

import numpy as np
import pytest
import tensorflow as tf

from models.classifier import SGANClassifier
from models.sgan.collapse import is_at_equilibrium
from models.sgan.fit import FitData
from models.sgan.model import SGAN
from models.sgan.penalties import distance_from_average, likeness
from models.sgan.training import SGANTrainer, SGANTrainingSettings

N_FEATURES = 3
SMALL = {"n_members": 2, "epochs": 3, "steps_per_epoch": 20, "batch_size": 16,
         "unsupervised_batch_size": 16, "noise_dim": 3, "generator_units": (8,),
         "discriminator_units": (8,), "column_encoding": "none", "column_share": 1.0,
         "random_state": 0}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.2).astype(int)
    return (rng.normal(size=(400, N_FEATURES)) + 2 * y[:, None]).astype("float32"), y


def trained(rows, *, prepare=None, epochs=1, **settings):
    """Make a trainer after some epochs; `prepare` changes it before the first."""
    X, y = rows
    model = SGAN(N_FEATURES, 2, noise_dim=3, generator_units=(8,), discriminator_units=(8,))
    chosen = {"steps_per_epoch": 20, "batch_size": 16, "unsupervised_batch_size": 16, **settings}
    trainer = SGANTrainer(model, SGANTrainingSettings(**chosen), seed=0)
    data = FitData(X, y.astype("int32"), np.zeros(len(X), bool), None)
    trainer.fit_inputs(X, data.codes)
    if prepare:
        prepare(trainer)
    for _ in range(epochs):
        trainer.run_epoch(data.pools(), 0.0)
    return trainer


def test_the_distance_from_the_average_worked_by_hand():
    networks = [SGAN(1, 2, noise_dim=1, generator_units=(), column_share=1.0) for _ in range(2)]
    here, there = (network.generator for network in networks)
    here.head.kernel.assign([[[3.0]], [[1.0]]])
    here.head.bias.assign([[[1.0]], [[0.0]]])
    there.head.kernel.assign([[[1.0]], [[1.0]]])
    there.head.bias.assign([[[0.0]], [[-3.0]]])
    np.testing.assert_allclose(distance_from_average(here, there), [5.0, 9.0])


def test_likeness_worked_by_hand():
    # Cosines 0, 1/sqrt(2) and 1/sqrt(2): two thirds of a half.
    hidden = tf.constant([[[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    np.testing.assert_allclose(likeness(hidden), [1 / 3], rtol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [("constant", [4.0, 4.0, 4.0]), ("linear", [4.0, 3.0, 0.0]), ("cosine", [4.0, 3.4142, 0.0])],
)
def test_learning_rates_follow_their_schedule(rows, schedule, rates):
    seen = []

    def look(trainer):
        for done in (0.0, 0.25, 1.0):
            trainer.set_learning_rates(done)
            optimizers = (trainer.discriminator_optimizer, trainer.generator_optimizer)
            seen.append([float(optimizer.learning_rate) for optimizer in optimizers])

    trained(rows, epochs=0, learning_rate=4.0, generator_learning_rate=2.0,
            learning_rate_schedule=schedule, prepare=look)  # fmt: skip
    np.testing.assert_allclose(seen, [[rate, rate / 2] for rate in rates], rtol=1e-4)


def test_an_epoch_at_a_rate_of_zero_changes_no_weight(rows):
    def stand_still(trainer):
        trainer.set_learning_rates(1.0)
        trainer.before = [np.array(weight) for weight in trainer.model.trainable_weights]

    trainer = trained(rows, epochs=1, learning_rate_schedule="linear", prepare=stand_still)
    for before, after in zip(trainer.before, trainer.model.trainable_weights, strict=True):
        np.testing.assert_array_equal(before, after)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match=r"learning_rate_schedule must be among .*'linear'"):
        SGANTrainingSettings(learning_rate_schedule="step")


@pytest.mark.slow
def test_historical_averaging_keeps_the_networks_near_their_average(rows):
    def distances(weight):
        trainer = trained(rows, epochs=3, historical_averaging_weight=weight, learning_rate=0.01,
                          generator_learning_rate=0.01)  # fmt: skip
        return [
            np.mean(distance_from_average(getattr(trainer.model, n), getattr(trainer.average, n)))
            for n in ("generator", "discriminator")
        ]

    assert np.all(np.array(distances(10.0)) < 0.7 * np.array(distances(0.0)))


@pytest.mark.slow
def test_the_diversity_reward_makes_fakes_less_alike(rows):
    def likeness_of_fakes(weight):
        trainer = trained(rows, epochs=3, diversity_weight=weight, generator_learning_rate=0.01,
                          feature_matching_weight=0.0)  # fmt: skip
        noise = tf.random.stateless_normal((2, 200, 3), seed=(1, 2))
        fakes = trainer.model.generator(noise)
        return float(np.mean(likeness(trainer.model.discriminate(fakes).hidden)))

    assert likeness_of_fakes(50.0) < likeness_of_fakes(0.0) - 0.02


@pytest.mark.slow
@pytest.mark.parametrize("with_target", [True, False])
def test_the_generator_plays_against_the_average(rows, with_target):
    """An averaged discriminator that knows nothing teaches nothing, if it is the opponent."""

    def silence(trainer):
        for weight in trainer.average.discriminator.weights:
            weight.assign(tf.zeros_like(weight))
        silence.before = [w.numpy() for w in trainer.model.generator.trainable_weights]

    # One step: after it, the average has learned something.
    trainer = trained(rows, prepare=silence, steps_per_epoch=1, target_networks=with_target,
                      weight_decay=0.0)  # fmt: skip
    after = [w.numpy() for w in trainer.model.generator.trainable_weights]
    moved = any(np.any(a != b) for a, b in zip(after, silence.before, strict=True))
    assert moved is not with_target


@pytest.mark.parametrize(
    ("real", "fake", "expected"),
    [(0.5, 0.5, True), (0.9, 0.1, True), (0.5, 0.6, False), (0.51, 0.51, True)],
)
def test_equilibrium_is_when_every_discriminator_guesses(real, fake, expected):
    figures = {"real_accuracy": np.array([0.5, real]), "fake_accuracy": np.array([0.5, fake])}
    assert is_at_equilibrium(figures) is expected


def test_a_dense_net_has_no_equilibrium():
    assert not is_at_equilibrium({"discriminator_loss": np.array([0.1])})


@pytest.mark.slow
@pytest.mark.parametrize(("stops", "n_epochs"), [(True, 1), (False, 3)])
def test_training_stops_at_equilibrium_if_asked_to(rows, monkeypatch, stops, n_epochs):
    run_epoch = SGANTrainer.run_epoch

    def guess(self, pools, noise):
        return run_epoch(self, pools, noise) | {
            "real_accuracy": np.full(2, 0.7), "fake_accuracy": np.full(2, 0.3)
        }  # fmt: skip

    monkeypatch.setattr(SGANTrainer, "run_epoch", guess)
    fitted = SGANClassifier(**SMALL, stop_at_equilibrium=stops).fit(*rows)
    assert fitted.history_["epoch"].nunique() == n_epochs
    assert fitted.chosen_epoch_ == n_epochs - 1
